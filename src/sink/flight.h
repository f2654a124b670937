/*
 * sink/flight.h - records that are on the wire and not known to have arrived.
 *
 *      confirmed ...[ sent and not confirmed | to be sent again ]... from spool or queue
 *                     ^ 0                       ^ sent             ^ count
 *
 * Those from the queue are kept here as bytes; those from the spool by their place in it. Bounded:
 * when it is full nothing more is sent until the other end confirms.
 */
#ifndef KIDOBAN_SINK_FLIGHT_H
#define KIDOBAN_SINK_FLIGHT_H

#include "sink/spool.h"

#define FLIGHT_MAX   1024
#define FLIGHT_BYTES (1u << 20)

struct flight_record {
	uint64_t end;  /* wire's offered behind it */
	uint32_t kind; /* bit of enum engine_event */
	bool spooled;  /* its bytes are in the spool, before place */
	struct spool_place place;
	char *data; /* its own; NULL: spooled */
	size_t len;
};

struct flight {
	struct flight_record record[FLIGHT_MAX];
	unsigned first, count; /* ring of records */
	unsigned sent;	       /* of them, from the first on */
	size_t bytes;	       /* kept here */
};

static inline struct flight_record *flight_at(struct flight *f, unsigned n)
{
	return &f->record[(f->first + n) % FLIGHT_MAX];
}

static inline bool flight_is_full(const struct flight *f)
{
	return f->count == FLIGHT_MAX || f->bytes >= FLIGHT_BYTES;
}

/* Copies data, but of records from the spool. False: memory is out. */
bool flight_add(struct flight *f, const struct flight_record *r);

/* The first is done with. */
void flight_pop(struct flight *f);

/* A record that was kept here is in the spool now. */
void flight_spooled(struct flight *f, unsigned n, const struct spool_place *at);

/* Removes records that are in the spool; the others are to be sent again. */
void flight_rewind(struct flight *f);

void flight_clear(struct flight *f);

#endif
