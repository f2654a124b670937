/*
 * baseline/value_model.h - what one object was seen to be, and by how much something else is off.
 *
 *   set     it takes few values (at most 16): which, and how often it came to each
 *   range   it takes many: the extremes, and how many times it went from one to the other
 *   counter it only goes up, but for wraps, resets, and readers that overtake each other
 *
 * All three at once, in one pass; which of them speaks is asked only when something is held
 * against it (value_kind). A model can be added to another one of the same object.
 *
 * Scores: 1 is the edge of what may be expected after what was seen. A range is open by a margin
 * that shrinks as the value is seen to turn round within it: half of its width after one sweep, a
 * fiftieth after fifty. A set is open by how many of its values were seen once only (Good and
 * Turing: the share of the visits that were to a new one). Steps are held against the largest one
 * over a time as short, or shorter; of any time, as long as few samples came so close together.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_VALUE_MODEL_H
#define KIDOBAN_BASELINE_VALUE_MODEL_H

#include "baseline/baseline.h"
#include "baseline/value.h"

#include "base/arena.h"

#define VALUE_SET   16 /* values of a discrete set */
#define VALUE_SPANS 6  /* classes of time between two samples */

struct value_model {
	struct tally seen;	 /* samples */
	double lo, hi;		 /* extremes */
	double moved;		 /* all its steps together */
	double slow_lo, slow_hi; /* extremes of its slow mean */
	int64_t still;		 /* ns; the longest time without change while somebody looked */
	double *set;		 /* set_cap values, then set_cap visits as uint32_t; NULL: none */
	float step[VALUE_SPANS]; /* the largest step, by the time it took (value_span) */
	uint32_t steps[VALUE_SPANS]; /* how many there were, also of 0 */
	uint32_t changes;	     /* from one sample to the next */
	uint32_t ups;		     /* of them upwards, wraps among them */
	uint32_t wraps;		     /* upwards over the end of its type */
	uint32_t resets; /* down to (nearly) nothing, or by no more than it goes up: two readers */
	uint32_t slows;	 /* samples with a slow mean */
	float turns;	 /* times it turned round after a quarter of its range */
	uint8_t set_n, set_cap; /* values in the set; room */
	uint8_t type;		/* enum value_type */
	bool many;		/* more values than a set holds */
	bool broken;		/* it has parts of whole numbers */
};

/* What it is just doing. */
struct value_run {
	double last;	   /* the sample before */
	double pivot;	   /* the farthest since it last turned */
	double slow;	   /* slow mean */
	int64_t at;	   /* ns, of last; 0: none yet */
	int64_t slow_from; /* ns; the slow mean began */
	float told;	   /* score at which a drift was told last */
	bool down;	   /* it goes down since it last turned */
	bool carried;	   /* the other half of a counter wrapped, and this is one more */
};

enum value_kind { VALUE_IS_SET, VALUE_IS_RANGE, VALUE_IS_COUNTER };
enum value_kind value_kind(const struct value_model *m);

/* The class of a time in ns: up to 62 ms, 250 ms, 1 s, 4 s, 16 s, more. */
unsigned value_span(int64_t ns);

/*
 * Takes a sample in. True when it is new: a value, or clearly outside. run is that before it.
 */
bool value_model_see(struct value_model *m, const struct value_run *run, double x, int64_t time,
		     bool written, struct value_norm *n, struct arena *arena);

/* The run goes on with a sample. */
void value_run_on(struct value_run *r, const struct value_model *m, double x, int64_t time);

/* Enough was seen to hold something against it. */
bool value_model_ready(const struct value_model *m, bool written);

/* Scores, 0 when there is nothing to say. */
double value_score_place(const struct value_model *m, double x, bool written);
double value_score_step(const struct value_model *m, const struct value_run *run, double x,
			int64_t time);
double value_score_drift(const struct value_model *m, const struct value_run *run, int64_t time);
/* It was the same for so long, in so many looks. */
double value_score_still(const struct value_model *m, int64_t ns, uint32_t looks);

/* The step from a to b; over the end of its type where that is shorter and it only goes up. */
double value_step(const struct value_model *m, double a, double b, bool *wrapped);

/* The largest step it may take in that time, of those it was seen to take. */
double value_largest_step(const struct value_model *m, unsigned span);

/* Adds what `from` knows of the same object in the same type. */
void value_model_merge(struct value_model *m, const struct value_model *from, struct value_norm *n,
		       struct arena *arena);

/* As if it had seen nothing; the type stays. */
void value_model_clear(struct value_model *m, struct value_norm *n);

/* Adds visits to a value of the set. */
void value_set_add(struct value_model *m, double x, uint32_t visits, struct value_norm *n,
		   struct arena *arena);
static inline uint32_t *value_visits(const struct value_model *m)
{
	return (uint32_t *)(void *)(m->set + m->set_cap);
}

#endif
