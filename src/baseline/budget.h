/*
 * baseline/budget.h - how many alarms a day somebody will read, and what that makes of thresholds.
 *
 * Before an op is learned it is compared, as if learning had ended just before (test, then train).
 * So learning itself shows how often each soft finding would have been raised at each score, on
 * traffic that had not been learned from. Freezing chooses for each soft finding the lowest
 * threshold at which all of them together stay within the budget; in the first part of learning,
 * while much is new, nothing is counted. Hard deviations have no threshold.
 *
 * Events, not messages: what falls into the same minute of the same channel counts once.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_BUDGET_H
#define KIDOBAN_BASELINE_BUDGET_H

#include "baseline/baseline.h"

#define BUDGET_STEPS   48  /* of scores, each a quarter of an octave: 1 to 4096 */
#define BUDGET_DEFAULT 5.0 /* events a day */

struct budget {
	double per_day; /* events; 0: not chosen yet */
	struct {
		uint64_t events[BUDGET_STEPS]; /* whose highest score was in that step */
		double threshold;	       /* frozen: told from this score on; at least 1 */
	} soft[BASELINE_FINDINGS + 1];
	int64_t watched; /* ns that events[] were counted over */
	struct {
		uint64_t key;	/* finding and channel */
		int64_t minute; /* that it is about */
		uint8_t step;	/* the highest so far */
	} open[1024];		/* events of this minute; a small cache, by key */
};

/* Learning: a soft deviation. */
void budget_rehearse(struct budget *b, const struct deviation *d);

/* So much learning has passed in which events were counted. */
void budget_watched(struct budget *b, int64_t ns);

/* Sets the thresholds for so many events a day. */
void budget_settle(struct budget *b, double per_day);

static inline bool budget_permits(const struct budget *b, const struct deviation *d)
{
	return d->hard || d->score >= b->soft[d->what].threshold;
}

void budget_merge(struct budget *b, const struct budget *from);

#endif
