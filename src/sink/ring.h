/*
 * sink/ring.h - records of any length from one thread to one other, without a lock.
 *
 *           released ─┐            ┌─ peeked        ┌─ put
 *                     v            v                v
 *      [ free       |len kind ....|len kind .......| free            ]
 *                     └ tail                         head ┘
 *
 * A record is never broken at the end of the ring: what is left there is skipped. Records begin at
 * multiples of 8, so that a struct may be used where it lies, and changed by the reader.
 *
 * Records that matter less may fill one half only; the other half is kept for those that matter.
 *
 * Thread: one puts; one peeks and releases; anybody may ask how full it is.
 */
#ifndef KIDOBAN_SINK_RING_H
#define KIDOBAN_SINK_RING_H

#include "sink/bell.h"

#include <stddef.h>

struct ring;

/* size: bytes, a power of two, at least 4096. bell: rung after each record; not owned; may be NULL.
 * NULL when memory is out. */
struct ring *ring_new(size_t size, struct bell *bell);

/* Copies a record in. False when it has no room; whole: all of the ring may be used for it. */
bool ring_put(struct ring *r, uint32_t kind, const void *data, size_t len, bool whole);

/* The oldest record not released; NULL: none. */
void *ring_peek(struct ring *r, uint32_t *kind, size_t *len);
/* The one peeked is done with. */
void ring_release(struct ring *r);

size_t ring_used(const struct ring *r);	     /* bytes */
uint64_t ring_waiting(const struct ring *r); /* records */

/* Accepts NULL. */
void ring_free(struct ring *r);

#endif
