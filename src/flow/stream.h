/*
 * flow/stream.h - one direction of a TCP connection: bytes in order.
 *
 *        delivered          hole      held            hole   held
 *   ...============|.................[=======][====]........[=====]
 *                  ^next              ordered, never overlapping
 *
 * In order and with nothing held is the common case: the payload is handed on where it lies. A
 * segment ahead of `next` is copied into a pool buffer and waits for the hole to be filled. The
 * hole is given up when waiting is pointless: the receiver acknowledged the bytes behind it (so
 * they were sent, and only the capture missed them), the limits below are met, nothing moved for
 * a while, or the input ends. What is held then follows, each with the packet it came in.
 *
 * Bytes once delivered are never taken back; of bytes still held the overlap policy decides
 * which copy wins. Copies that differ are a conflict: bytewise against held segments, by hash
 * against the last few delivered ones (only those of a watched stream are remembered).
 *
 * Segments that follow each other behind `next`, in the last hole given up or very far off, are
 * no retransmission: then `next` was wrong (a forged segment, ports used again without a SYN)
 * and the stream starts afresh there. Bytes before those that a SYN announced were never seen at
 * all: the SYN was a forged one, and the stream goes on with them at once.
 *
 * Inline, where what is not read does not pass, that would be a way around: a segment from
 * elsewhere, which its receiver ignores, would lead the stream astray. There it goes back only to
 * where its receiver waits, or before the first segment heard in mid-stream; and what is very far
 * ahead is not held.
 *
 * What it is not: it knows no flags, no flow and no dissector. Thread: that of its tracker.
 */
#ifndef KIDOBAN_FLOW_STREAM_H
#define KIDOBAN_FLOW_STREAM_H

#include "flow/flow.h"
#include "flow/pool.h"

#define STREAM_HELD_MAX	  64		/* segments */
#define STREAM_HELD_BYTES 131072	/* in them */
#define STREAM_WAIT	  1000000000ll	/* ns without progress, when no acknowledgement is seen */
#define STREAM_WAIT_ACKED 10000000000ll /* likewise, when they are seen but lie before the hole */
#define STREAM_WHOLE	  536u		/* bytes of a segment that no path splits */
#define STREAM_FAR	  (1u << 24)	/* bytes behind next that no retransmission reaches back */
#define STREAM_AHEAD	  (1u << 18)	/* inline: bytes ahead of next that may be held */
#define STREAM_LATE	  4		/* such segments in a row start the stream afresh */
#define STREAM_DONE	  4		/* delivered segments remembered */

/* Which packet some bytes came in. */
struct stamp {
	uint64_t order; /* counts packets over all files, from 1 */
	uint64_t frame; /* number in its file, from 1 */
	int64_t time;	/* ns since 1970 UTC */
};

struct stream_held {
	struct stream_held *next;
	struct stamp stamp;
	uint32_t seq;	  /* of the first byte */
	uint32_t len;	  /* bytes */
	uint32_t missing; /* bytes behind them that the capture cut off */
	uint8_t data[];
};

struct stream_done {
	uint32_t seq;
	uint32_t len;  /* 0: unused */
	uint32_t hash; /* of the bytes */
};

struct stream {
	uint32_t next;	     /* sequence number of the next byte to deliver */
	uint32_t acked;	     /* highest acknowledgement the other side sent */
	uint32_t begin;	     /* sequence number of the first byte, if has_begin */
	bool started;	     /* next is known */
	bool has_begin;	     /* a SYN told where the stream begins */
	bool has_acked;	     /* acked is known */
	bool watched;	     /* remember what is delivered */
	bool guessed;	     /* begin is that of the first segment heard, not of a SYN */
	bool hole_acked;     /* a bare acknowledgement of bytes behind the hole was seen */
	uint8_t done_at;     /* next place in done[] */
	uint8_t late;	     /* segments in a row that follow each other behind next */
	uint16_t held_count; /* segments in held */
	struct stream_held *held;
	uint32_t held_bytes;	     /* in held */
	uint32_t late_end;	     /* behind the last late segment */
	int64_t moved;		     /* ns on the tracker's clock: progress, or first held */
	uint32_t hole_from, hole_to; /* the last hole given up */
	struct stream_done done[STREAM_DONE]; /* the last delivered segments */
};

/* What all streams of a tracker share, and whom they tell. */
struct stream_env {
	struct pool *pool;
	enum flow_overlap overlap;
	bool whole; /* inline: nothing is lost before us, so next is wrong only if it was forged */
	bool firm;  /* of the segment at hand: a message is not complete, so it is not wrong */
	uint64_t hash_key;
	int64_t now;	  /* ns on the tracker's clock */
	uint64_t refused; /* segments dropped because the pool was empty */
	uint64_t again;	  /* segments seen again */
	void *user;
	/* Bytes in order; valid during the call. */
	void (*bytes)(void *user, struct stream *s, const uint8_t *p, uint32_t n,
		      const struct stamp *st);
	/* n bytes were lost; 0: unknown how many. */
	void (*hole)(void *user, struct stream *s, uint32_t n, const struct stamp *st);
	/* Two copies differ; at is the sequence number of the first byte of the newer one. */
	void (*conflict)(void *user, struct stream *s, uint32_t at, const struct stamp *st);
};

static inline int32_t stream_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* A SYN says: the first byte will have this number. Without it the first segment says so. */
void stream_start(struct stream *s, uint32_t seq);

/* A segment: len bytes at hand, and missing behind them that were cut off. len + missing > 0. */
void stream_segment(struct stream *s, struct stream_env *env, uint32_t seq, const uint8_t *p,
		    uint32_t len, uint32_t missing, const struct stamp *st);

/* For stream_ack(). */
void stream_ack_held(struct stream *s, struct stream_env *env, bool data);

/* The other side acknowledged bytes before ack. data: its packet carries bytes itself, which may
 * answer what is held; so call this before its own stream_segment(). */
static inline void stream_ack(struct stream *s, struct stream_env *env, uint32_t ack, bool data)
{
	if (!s->has_acked || stream_diff(ack, s->acked) > 0) {
		s->acked = ack;
		s->has_acked = true;
	}
	if (s->held)
		stream_ack_held(s, env, data);
}

/* Gives up the first hole and delivers what follows it. Needs something held. */
void stream_give_up(struct stream *s, struct stream_env *env);

/* Frees what is held. */
void stream_drop(struct stream *s, struct stream_env *env);

#endif
