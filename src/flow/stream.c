/* One direction of a TCP connection: order, overlap, holes. */
#include "flow/stream.h"
#include "base/hash.h"

/* Four lanes, because one chain of multiplications would wait for each. */
static uint32_t content_hash(const uint8_t *p, uint32_t n, uint64_t key)
{
	uint64_t lane[4] = {key, key + 1, key + 2, key + 3}, h;
	unsigned i;

	if (n < 64)
		return (uint32_t)hash_bytes(p, n, key);
	for (; n >= 64; n -= 64, p += 64) {
		for (i = 0; i < 4; i++) {
			uint64_t a, b;

			memcpy(&a, p + 16 * i, 8);
			memcpy(&b, p + 16 * i + 8, 8);
			lane[i] = hash_mul(a ^ lane[i] ^ 0xa0761d6478bd642fu,
					   b ^ 0xe7037ed1a0b428dbu);
		}
	}
	h = hash_bytes(p, n, lane[0] ^ (lane[1] << 1) ^ (lane[2] << 2) ^ (lane[3] << 3));
	return (uint32_t)h;
}

void stream_start(struct stream *s, uint32_t seq)
{
	s->started = true;
	s->next = seq;
	s->begin = seq;
	s->has_begin = true;
}

static void deliver(struct stream *s, struct stream_env *env, const uint8_t *p, uint32_t n,
		    const struct stamp *st)
{
	if (s->watched) {
		struct stream_done *d = &s->done[s->done_at];

		d->seq = s->next;
		d->len = n;
		d->hash = content_hash(p, n, env->hash_key);
		s->done_at = (uint8_t)((s->done_at + 1) % STREAM_DONE);
	}
	s->next += n;
	s->late = 0;
	env->bytes(env->user, s, p, n, st);
}

static void hole(struct stream *s, struct stream_env *env, uint32_t n, const struct stamp *st)
{
	s->hole_from = s->next;
	s->hole_to = s->next + n;
	s->next += n;
	s->hole_acked = false;
	env->hole(env->user, s, n, st);
}

/* Of n bytes behind next, those before the first held segment. */
static uint32_t up_to_held(const struct stream *s, uint32_t n)
{
	return s->held && s->held->seq - s->next < n ? s->held->seq - s->next : n;
}

/* Takes the first held segment off the list and delivers it; next is at its start. */
static void deliver_held(struct stream *s, struct stream_env *env)
{
	struct stream_held *h = s->held;

	s->held = h->next;
	s->held_count--;
	s->held_bytes -= h->len;
	s->moved = env->now;
	s->hole_acked = false;
	deliver(s, env, h->data, h->len, &h->stamp);
	if (h->missing && up_to_held(s, h->missing))
		hole(s, env, up_to_held(s, h->missing), &h->stamp);
	pool_put(env->pool, h);
}

/* Delivers what is held at next, as far as it ends at or before limit; NULL: all of it. */
static void drain(struct stream *s, struct stream_env *env, const uint32_t *limit)
{
	while (s->held && s->held->seq == s->next &&
	       (!limit || stream_diff(s->held->seq + s->held->len, *limit) <= 0))
		deliver_held(s, env);
}

void stream_give_up(struct stream *s, struct stream_env *env)
{
	struct stamp st = s->held->stamp;

	if (s->held->seq != s->next)
		hole(s, env, s->held->seq - s->next, &st);
	drain(s, env, NULL);
}

void stream_drop(struct stream *s, struct stream_env *env)
{
	struct stream_held *h;

	while ((h = s->held)) {
		s->held = h->next;
		pool_put(env->pool, h);
	}
	s->held_count = 0;
	s->held_bytes = 0;
}

#define HELD_DATA_MAX (POOL_MAX - (uint32_t)sizeof(struct stream_held))

/* Copies bytes that overlap nothing held into the list, behind `after` (NULL: first). */
static void hold(struct stream *s, struct stream_env *env, struct stream_held *after, uint32_t seq,
		 const uint8_t *p, uint32_t n, uint32_t missing, const struct stamp *st)
{
	while (n) {
		uint32_t part = n < HELD_DATA_MAX ? n : HELD_DATA_MAX;
		struct stream_held *h =
			pool_get(env->pool, (uint32_t)sizeof(struct stream_held) + part);

		if (!h) {
			env->refused++;
			return;
		}
		if (!s->held)
			s->moved = env->now;
		h->next = after ? after->next : s->held;
		if (after)
			after->next = h;
		else
			s->held = h;
		h->stamp = *st;
		h->seq = seq;
		h->len = part;
		h->missing = part == n ? missing : 0;
		memcpy(h->data, p, part);
		s->held_count++;
		s->held_bytes += part;
		after = h;
		seq += part;
		p += part;
		n -= part;
	}
}

/* The n bytes at seq are in h already. */
static void overlap(struct stream *s, struct stream_env *env, struct stream_held *h, uint32_t seq,
		    const uint8_t *p, uint32_t n, const struct stamp *st)
{
	uint8_t *old = h->data + (seq - h->seq);

	if (memcmp(old, p, n) == 0)
		return;
	env->conflict(env->user, s, seq, st);
	if (env->overlap == FLOW_OVERLAP_LAST) {
		memcpy(old, p, n);
		h->stamp = *st;
	}
}

/* Puts a segment, none of which was delivered, where it belongs. */
static void place(struct stream *s, struct stream_env *env, uint32_t seq, const uint8_t *p,
		  uint32_t len, uint32_t missing, const struct stamp *st)
{
	bool fresh = false;

	while (len) {
		struct stream_held *before = NULL, *h = s->held;
		uint32_t n = len;

		while (h && stream_diff(h->seq + h->len, seq) <= 0) {
			before = h;
			h = h->next;
		}
		if (h && stream_diff(h->seq, seq) <= 0) {
			if (n > h->seq + h->len - seq)
				n = h->seq + h->len - seq;
			overlap(s, env, h, seq, p, n, st);
		} else {
			fresh = true;
			if (h && n > h->seq - seq)
				n = h->seq - seq;
			if (seq == s->next) {
				s->moved = env->now;
				deliver(s, env, p, n, st);
			} else {
				hold(s, env, before, seq, p, n, n == len ? missing : 0, st);
			}
		}
		seq += n;
		p += n;
		len -= n;
		drain(s, env, &seq);
	}
	if (!fresh)
		env->again++;
}

/*
 * Small segments come again whole: no path splits what fits the least MSS (RFC 9293, 3.7.1). Pieces
 * of one that its receiver has not acknowledged cannot be compared, and are how a decoy is
 * replaced behind the back of whoever listens.
 */
static bool is_piece(const struct stream *s, const struct stream_done *d, uint32_t seq,
		     uint32_t len)
{
	return d->len <= STREAM_WHOLE && stream_diff(seq, d->seq + d->len) < 0 &&
	       stream_diff(seq + len, d->seq) > 0 &&
	       !(s->has_acked && stream_diff(s->acked, d->seq + d->len) >= 0);
}

/* Compares what comes again with what was delivered, where one segment covers another. */
static void compare(struct stream *s, struct stream_env *env, uint32_t seq, const uint8_t *p,
		    uint32_t len, const struct stamp *st)
{
	unsigned i;

	if (len == 1) /* a keep-alive probe carries one byte that means nothing, RFC 9293 3.8.4 */
		return;
	for (i = 0; i < STREAM_DONE; i++) {
		const struct stream_done *d = &s->done[i];
		uint32_t off = d->seq - seq;

		if (d->len == 0)
			continue;
		if (off >= len || d->len > len - off
			    ? is_piece(s, d, seq, len)
			    : content_hash(p + off, d->len, env->hash_key) != d->hash) {
			env->conflict(env->user, s, d->seq, st);
			return;
		}
	}
}

/* Was next wrong? True when the segment continues a run that no retransmission explains. */
static bool is_late(struct stream *s, uint32_t seq, uint32_t len)
{
	bool in_hole = s->hole_from != s->hole_to && stream_diff(seq, s->hole_from) >= 0 &&
		       stream_diff(seq + len, s->hole_to) <= 0;

	if (!in_hole && s->next - seq <= STREAM_FAR)
		return false;
	if (s->late && seq + len == s->late_end)
		return true; /* the same again: every packet twice */
	s->late = s->late && seq == s->late_end ? (uint8_t)(s->late + 1) : 1;
	s->late_end = seq + len;
	return true;
}

/* Inline: does the receiver wait for a segment from before next? */
static bool is_waited_for(const struct stream *s, const struct stream_env *env, uint32_t seq)
{
	if (env->firm)
		return false;
	if (s->has_acked && (!s->guessed || stream_diff(seq, s->acked) <= 0))
		return seq == s->acked;
	return s->guessed && stream_diff(seq, s->begin) < 0;
}

/* Before the first byte of the stream; not the byte of a keep-alive probe on a silent one. */
static bool is_before_begin(const struct stream *s, const struct stream_env *env, uint32_t seq,
			    uint32_t len)
{
	if (env->whole)
		return len && s->has_begin && stream_diff(seq, s->begin) < 0 &&
		       is_waited_for(s, env, seq);
	return s->has_begin && s->next - s->begin <= STREAM_FAR && len > 1 &&
	       stream_diff(seq, s->begin) < 0;
}

/* The stream is elsewhere than thought: it goes on from here. */
static void start_afresh(struct stream *s, struct stream_env *env, uint32_t seq, const uint8_t *p,
			 uint32_t len, uint32_t missing, const struct stamp *st)
{
	stream_drop(s, env);
	s->next = seq;
	s->has_begin = s->guessed = env->whole;
	s->begin = seq;
	hole(s, env, 0, st);
	memset(s->done, 0, sizeof(s->done));
	deliver(s, env, p, len, st);
	if (missing)
		hole(s, env, missing, st);
}

/* A segment that ends at or before next. */
static void stale(struct stream *s, struct stream_env *env, uint32_t seq, const uint8_t *p,
		  uint32_t len, uint32_t missing, const struct stamp *st)
{
	if (len && !env->whole && is_late(s, seq, len)) {
		if (s->late >= STREAM_LATE)
			start_afresh(s, env, seq, p, len, missing, st);
		return;
	}
	if (len > 1 || seq + len != s->next)
		env->again++;
	compare(s, env, seq, p, len, st);
}

static bool acked_behind_hole(const struct stream *s)
{
	return s->has_acked && stream_diff(s->acked, s->held->seq) >= 0;
}

static bool waited_enough(const struct stream *s, const struct stream_env *env)
{
	return s->held_count > STREAM_HELD_MAX || s->held_bytes > STREAM_HELD_BYTES ||
	       env->now - s->moved > (s->has_acked ? STREAM_WAIT_ACKED : STREAM_WAIT);
}

void stream_segment(struct stream *s, struct stream_env *env, uint32_t seq, const uint8_t *p,
		    uint32_t len, uint32_t missing, const struct stamp *st)
{
	uint32_t again;

	if (!s->started) {
		s->started = true;
		s->next = seq;
		s->begin = seq;
		s->has_begin = s->guessed = env->whole;
	}
	if (env->whole && stream_diff(seq, s->next) > (int32_t)STREAM_AHEAD &&
	    !(s->has_acked && seq == s->acked))
		return;
	if (seq == s->next && !s->held) {
		if (len)
			deliver(s, env, p, len, st);
		if (missing)
			hole(s, env, missing, st);
		return;
	}
	again = s->next - seq;
	if (stream_diff(seq, s->next) < 0) {
		if (is_before_begin(s, env, seq, len)) {
			start_afresh(s, env, seq, p, len, missing, st);
			return;
		}
		if (again >= len) {
			stale(s, env, seq, p, len, missing, st);
			return;
		}
		compare(s, env, seq, p, again, st);
		env->again++;
		seq += again;
		p += again;
		len -= again;
	}
	place(s, env, seq, p, len, missing, st);
	drain(s, env, NULL);
	/* the cut-off rest of a segment that was in order; of a held one the list knows */
	if (missing && s->next == seq + len) {
		hole(s, env, up_to_held(s, missing), st);
		drain(s, env, NULL);
	}
	while (s->held && (acked_behind_hole(s) || waited_enough(s, env)))
		stream_give_up(s, env);
}

void stream_ack_held(struct stream *s, struct stream_env *env, bool data)
{
	while (s->held &&
	       ((acked_behind_hole(s) && (data || s->hole_acked)) || waited_enough(s, env)))
		stream_give_up(s, env);
	if (s->held && acked_behind_hole(s))
		s->hole_acked = true;
}
