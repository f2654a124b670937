/*
 * proto/proto.h - the contract of a dissector.
 *
 * A dissector turns the messages of one protocol into ops. It is one file (a large protocol a
 * few), ends with a `struct dissector`, and is listed in registry.c. It knows no flow table, no
 * reassembly and no policy: whoever drives it hands it contiguous bytes of one direction and takes
 * ops, anomalies and identities back through the calls below.
 *
 * The way of a flow:
 *
 *   1. probe() of each candidate sees the first bytes of both directions until one says YES. The
 *      port only orders the candidates. Capture may have begun in mid-stream, so probe() must
 *      accept any message of the protocol, from either side, and say who is the client when the
 *      content shows it (a request shape, a reply bit, a packet type).
 *   2. message() is called with all bytes at hand from the start of a message. It takes exactly
 *      one message and returns its length; 0 asks for more. A return above `len` takes what is
 *      there and has the rest skipped as it arrives (a large body whose head was enough). It
 *      never returns less than 1 otherwise: bytes that are no message are reported as malformed,
 *      once, and skipped up to the next plausible message.
 *      In a datagram nothing more will come: PROTO_UDP messages that are short are malformed.
 *   3. gap() tells that bytes of this direction were lost; the next message() starts behind them,
 *      maybe within a message, and must find the next plausible one.
 *
 * Memory: state_size bytes per claimed flow, from a pool of the driver, no pointers to free
 * inside. They begin zeroed, as far as state_zeroed says: large rings of what is kept come last and
 * need no clearing, and a short flow touches little of them. shared_size bytes per worker for what
 * spans flows (CIP connections); bounded. Nothing is allocated per message.
 *
 * Thread: one worker; no locks.
 */
#ifndef KIDOBAN_PROTO_PROTO_H
#define KIDOBAN_PROTO_PROTO_H

#include "base/addr.h"
#include "op/anomaly.h"
#include "op/op.h"
#include "op/vocab.h"

enum proto_transport { PROTO_TCP = 1, PROTO_UDP = 2 };

/* Directions of a message. In a probe, where the client may be unknown, 0 and 1 are just sides. */
enum proto_dir { PROTO_TO_SERVER = 0, PROTO_TO_CLIENT = 1 };

enum probe_result {
	PROBE_NO,   /* not this protocol */
	PROBE_MORE, /* cannot tell yet */
	PROBE_YES   /* claimed */
};

struct proto_probe {
	struct slice side[2]; /* first bytes seen from each side; may be empty */
	uint16_t port[2];     /* port of each side */
	struct addr addr[2];  /* address of each side */
	const void *shared;   /* this worker's, as in proto_ctx: flows may announce each other */
	uint8_t transport;    /* enum proto_transport */
	bool last;	      /* nothing more will come; MORE counts as NO */
	int8_t client;	      /* in: 0 or 1 when a SYN told which side, else -1.
			       * out, with YES: 0 or 1 when the content tells, else as it was */
};

struct proto_ctx;

/* What the driver does with what a dissector finds. */
struct proto_events {
	void (*op)(struct proto_ctx *c, const struct op *op);
	void (*anomaly)(struct proto_ctx *c, const struct anomaly *a);
	/* side: 0 the client, 1 the server. key: static, "vendor", "product-code", "revision",
	 * "product-name", "serial", "url", "model", "user-application", "client-id", ... */
	void (*identity)(struct proto_ctx *c, int side, const char *key, struct slice value);
	/*
	 * Inline: the message at hand goes on with other bytes at offset (from its start). False
	 * when they have passed already, or nothing can be changed here. NULL: never.
	 */
	bool (*edit)(struct proto_ctx *c, uint32_t offset, const void *bytes, uint32_t len);
	/* The device answered a request that was neutralised. NULL: nobody asks. */
	void (*answered)(struct proto_ctx *c);
};

struct proto_ctx {
	void *state;		/* this flow's, state_size bytes */
	void *shared;		/* this worker's, shared_size bytes; NULL if shared_size is 0 */
	uint8_t dir;		/* enum proto_dir of the message at hand */
	uint8_t transport;	/* enum proto_transport */
	uint64_t frame;		/* packet that completed the message at hand */
	int64_t time;		/* ns since 1970 UTC, of that packet */
	struct addr addr[2];	/* [0] client, [1] server */
	uint16_t port[2];	/* likewise */
	const uint8_t *message; /* the message at hand, as given to message() */
	uint32_t message_len;	/* bytes at hand from there */
	const struct proto_events *events;
	void *user; /* the driver's */
};

#define PROTO_PORTS_MAX 6

struct dissector {
	const char *name;		 /* "modbus"; the app_proto of the flow */
	uint8_t transports;		 /* bits of enum proto_transport */
	uint16_t ports[PROTO_PORTS_MAX]; /* usual server ports, 0 ends; they order the probing only
					  */
	uint32_t state_size;		 /* bytes per claimed flow */
	uint32_t state_zeroed; /* of them, from the start, those that begin as zero; 0: all */
	uint32_t shared_size;  /* bytes per worker */
	void (*shared_init)(void *shared); /* may be NULL: zeroed is enough */
	enum probe_result (*probe)(struct proto_probe *p);
	uint32_t (*message)(struct proto_ctx *c, const uint8_t *data, uint32_t len);
	void (*gap)(struct proto_ctx *c, uint32_t lost); /* lost: bytes, 0 when unknown */
	/*
	 * Inline: makes the request that is being emitted (its op is in the hands of the receiver)
	 * one that the device itself refuses, with proto_edit(), same length, so that the session
	 * lives; and remembers it, so that the device's refusal becomes one of the code that was
	 * asked for. False when that cannot be done. NULL: the protocol knows no such form.
	 */
	bool (*neutralise)(struct proto_ctx *c, const struct op *op);
	const struct vocab *const *vocabs; /* NULL-ended: the protocols whose ops it emits */
};

/* The table of all dissectors; NULL past the last. */
const struct dissector *proto_at(unsigned i);

/* For dissectors: frame, time and direction are filled in from c, then the op goes out. */
void proto_emit(struct proto_ctx *c, struct op *op);

/* reason: static text. offset: from the start of the message. */
void proto_anomaly(struct proto_ctx *c, enum anomaly_kind kind, const char *proto,
		   const char *reason, uint32_t offset, uint32_t value);

static inline bool proto_edit(struct proto_ctx *c, uint32_t offset, const void *bytes, uint32_t len)
{
	return c->events->edit && c->events->edit(c, offset, bytes, len);
}

static inline void proto_answered(struct proto_ctx *c)
{
	if (c->events->answered)
		c->events->answered(c);
}

static inline void proto_identity(struct proto_ctx *c, int side, const char *key,
				  struct slice value)
{
	if (value.len && c->events->identity)
		c->events->identity(c, side, key, value);
}

/* A fresh op: role from the direction, unit -1, rtt -1, everything else empty. */
static inline struct op proto_op(const struct proto_ctx *c, const char *proto)
{
	return (struct op){
		.proto = proto,
		.role = c->dir == PROTO_TO_SERVER ? OP_REQUEST : OP_RESPONSE,
		.from_server = c->dir == PROTO_TO_CLIENT,
		.unit = -1,
		.rtt = -1,
	};
}

#endif
