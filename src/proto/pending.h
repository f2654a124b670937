/*
 * proto/pending.h - requests that wait for their response.
 *
 * A small ring inside a dissector's per-flow state. A request is put with the protocol's own
 * matching key; the response takes it out again and learns what was asked, where and when. When
 * the ring is full the oldest is given up: a request may stay unanswered, memory may not grow.
 *
 *   [ key frame time code unit object name ] x PENDING_MAX
 */
#ifndef KIDOBAN_PROTO_PENDING_H
#define KIDOBAN_PROTO_PENDING_H

#include "proto/proto.h"

#define PENDING_MAX  32 /* requests in flight per flow; 16 is what real masters use */
#define PENDING_NAME 44 /* bytes of an object's name that are kept */

struct pending_entry {
	uint64_t key;	  /* made by the dissector from transaction id, unit, ... */
	uint64_t frame;	  /* packet of the request; 0: the slot is free */
	int64_t time;	  /* ns since 1970 UTC */
	uint64_t first;	  /* the object, as in struct op_object */
	uint32_t path[3]; /* likewise */
	uint32_t count;	  /* likewise */
	uint32_t code;	  /* op.code */
	int32_t unit;	  /* op.unit */
	uint32_t tag;	  /* the dissector's own, such as a sub-function */
	uint8_t space;	  /* likewise */
	uint8_t npath;	  /* likewise */
	uint8_t cls;	  /* op.cls */
	uint8_t name_len; /* bytes of name[] */
	uint8_t sent_as;  /* the code that a neutralised request went on with; 0: as it came */
	bool restored;	  /* its refusal has got the code that was asked for */
	uint8_t name[PENDING_NAME];
};

struct pending {
	uint8_t next; /* where the next request goes */
	uint8_t span; /* entries before it that may be in use; the others were never filled */
	struct pending_entry entry[PENDING_MAX]; /* need not begin zeroed */
};

/* Remembers a request. op->frame and time need not be filled: c has them. */
struct pending_entry *pending_put(struct pending *p, const struct proto_ctx *c, uint64_t key,
				  const struct op *op, uint32_t tag);

/* The oldest request with that key, or NULL. It stays valid until the next put; free it by drop. */
struct pending_entry *pending_find(struct pending *p, uint64_t key);

/* Entry i in no order of age, or NULL when it is free. */
static inline struct pending_entry *pending_at(struct pending *p, unsigned i)
{
	unsigned age = (p->next + PENDING_MAX - 1 - i) % PENDING_MAX;

	return age < p->span && p->entry[i].frame ? &p->entry[i] : NULL;
}

static inline void pending_drop(struct pending_entry *e)
{
	e->frame = 0;
}

/* Fills a response from its request: request_frame, rtt, and the object where the op has none. */
void pending_answer(const struct pending_entry *e, const struct proto_ctx *c, struct op *op);

/* Forgets all: a gap in the request direction may have swallowed any of them. */
void pending_clear(struct pending *p);

#endif
