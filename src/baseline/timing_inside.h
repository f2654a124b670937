/*
 * baseline/timing_inside.h - what the files of the timing detector share.
 *
 *   timing.c       items: intervals; what is kept
 *   timing_answer.c  answers: their time, errors, requests nobody answered
 *   timing_host.c  hosts, silence, the wheel
 *   timing_rate.c  sessions, bytes and servers of a host
 *   timing_words.c sentences
 *   timing_stat.c  numbers
 *
 * Private to baseline/timing*.c. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_TIMING_INSIDE_H
#define KIDOBAN_BASELINE_TIMING_INSIDE_H

#include "baseline/inside.h"
#include "baseline/timing_stat.h"

#define TIMING_SECOND INT64_C(1000000000)
#define TIMING_RATES  3 /* enum timing_rate */

enum timing_rate { TIMING_SESSIONS, TIMING_BYTES, TIMING_SERVERS };

/* A host that speaks, or opens conversations. */
struct timing_host {
	struct addr addr;
	struct timing_host *next;   /* in the order they were first seen in */
	struct timing_host *bucket; /* next of the same hash */
	uint64_t key;		    /* in the table */
	uint64_t cause;		    /* of its deviations, as set_cause() has it */

	/* learned */
	struct tally seen;		       /* ops it sent, conversations it opened */
	struct timing_stat rate[TIMING_RATES]; /* of slots in which it opened or ended any */

	/* what just goes on */
	struct timing_clock clock;     /* it says something; at the pace of its fastest item */
	const struct item *pace;       /* that item; NULL: none is cyclic */
	struct timing_host *other;     /* whom it asked last, or who asked it */
	int64_t asked;		       /* ns; last request to it */
	int64_t back;		       /* ns; end of its last silence */
	int64_t slot;		       /* number of the slot of ten minutes at hand */
	double amount[TIMING_RATES];   /* in that slot */
	float rate_told[TIMING_RATES]; /* score */
	uint64_t servers[4];	       /* set of hashes of the servers in that slot */
};

struct timing_host *timing_host_find(const struct norm *n, const struct addr *a);
/* Made when it is not there; NULL beyond the limits, or when memory is out. */
struct timing_host *timing_host_get(struct norm *n, const struct addr *a);

/* It said something. */
void timing_host_heard(struct norm *n, struct timing_host *h, int64_t time);
/* That item comes at its speaker's pace. */
void timing_host_pace(struct timing_host *h, const struct item *i);
/* One of both was silent, and that was told, since `last`. */
bool timing_hosts_were_silent(const struct timing_channel *c, int64_t last);

/* ns since it was heard; what nobody could hear counts for nothing. */
static inline int64_t timing_elapsed(const struct norm *n, const struct timing_clock *c,
				     int64_t time)
{
	return time - (c->last > n->timing.deaf ? c->last : n->timing.deaf);
}

/* 1: it should have come by now; `elapsed` in s. */
double timing_late(const struct timing_clock *c, double elapsed);
#define TIMING_LATE  1.5 /* an item is told from that score on: half a period of grace */
#define TIMING_AGAIN 1.5 /* told again when it has grown by that factor */

/* It will be looked at when it may be late. */
void timing_wind(struct norm *n, struct timing_clock *c);

/* Anything was heard, or time has passed. */
void timing_now(struct norm *n, int64_t time);

/* An item that is late without its hosts being silent. */
void timing_item_late(struct baseline *b, struct item *i, double score, double elapsed,
		      int64_t time, const struct op *op);

/* Answers; part of check and learn. */
void timing_answer_check(struct baseline *b, const struct sight *s);
void timing_answer_learn(const struct sight *s);

/* The slot at hand is over, or learning is. */
void timing_rate_close(struct timing_host *h);

void timing_words_missing(const struct deviation *d, bool japanese, char *expected,
			  size_t expected_size, char *observed, size_t observed_size);
void timing_words_extra(const struct deviation *d, bool japanese, char *expected,
			size_t expected_size, char *observed, size_t observed_size);
void timing_words_shifted(const struct deviation *d, bool japanese, char *expected,
			  size_t expected_size, char *observed, size_t observed_size);
void timing_words_unsteady(const struct deviation *d, bool japanese, char *expected,
			   size_t expected_size, char *observed, size_t observed_size);
void timing_words_silent(const struct deviation *d, bool japanese, char *expected,
			 size_t expected_size, char *observed, size_t observed_size);
void timing_words_slow(const struct deviation *d, bool japanese, char *expected,
		       size_t expected_size, char *observed, size_t observed_size);
void timing_words_errors(const struct deviation *d, bool japanese, char *expected,
			 size_t expected_size, char *observed, size_t observed_size);
void timing_words_rate(const struct deviation *d, bool japanese, char *expected,
		       size_t expected_size, char *observed, size_t observed_size);

#endif
