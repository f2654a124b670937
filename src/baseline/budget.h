/*
 * baseline/budget.h - how many alarms a day somebody will read, and what that makes of thresholds.
 *
 * Before an op is learned it is compared, as if learning had ended just before (test, then train).
 * So learning itself shows how often each soft finding would have been raised at each score, on
 * traffic that had not been learned from. Freezing lowers thresholds from above all that was seen,
 * a step at a time, always where it costs the fewest events, as long as all of them together stay
 * within the budget. Hard deviations have no threshold.
 *
 * Events, not messages: of one finding, what falls into the same minute of the same channel, or has
 * the same cause, counts once, with its highest score. The engine also joins different findings
 * into one event, so what is counted here is the most there can be.
 *
 * The early part of learning, while nearly everything is new, is not counted: two generations are
 * kept, and whenever the time learned has doubled (from a minute on) the older one is dropped. What
 * counts is what came after the first quarter, at most the first half, of all that was learned.
 *
 * Short learning has not seen what is rare. In T days without a score above s, there may still be
 * 3 / T of them a day (95 % confidence, the "rule of three"); and where tails are no heavier than
 * those of a Pareto law with index 3, only 1 in m^3 of them exceeds m * s. So a threshold above
 * which nothing was seen lies a factor (3 / (T * budget))^(1/3) above the highest score seen: 4.4
 * after ten minutes, 1.9 after two hours, nothing more from 14 hours on, at 5 events a day. Never
 * more than 4.4: who learned from less knows that it is a first look.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_BUDGET_H
#define KIDOBAN_BASELINE_BUDGET_H

#include "baseline/baseline.h"

#define BUDGET_STEPS   48  /* of scores, each a quarter of an octave: 1 to 4096 */
#define BUDGET_DEFAULT 5.0 /* events a day */

/* What would have been told in one part of learning. */
struct budget_part {
	int64_t watched; /* ns */
	struct {
		uint64_t events[BUDGET_STEPS]; /* whose highest score was in that step */
		double highest;		       /* score; 0: none */
	} soft[BASELINE_FINDINGS + 1];	       /* by enum baseline_finding */
};

struct budget {
	/* --- kept --- */
	double per_day;				 /* events; 0: not chosen yet */
	int64_t learned;			 /* ns of learning, pauses left out */
	struct budget_part part[2];		 /* the older, the newer */
	double threshold[BASELINE_FINDINGS + 1]; /* told from this score on; 0 while learning */
	/* --- of this run --- */
	int64_t now; /* ns, packet time */
	struct {
		uint64_t key;	/* finding and channel */
		int64_t minute; /* that it is about */
		uint8_t step;	/* the highest so far */
	} open[1024];		/* events of this minute; a small cache, by key */
};

/* Learning: packet time has come so far. A pause of more than five minutes is none of it. */
void budget_clock(struct budget *b, int64_t time);

/* Learning: a soft deviation. */
void budget_rehearse(struct budget *b, const struct deviation *d);

/* Sets the thresholds for so many events a day. */
void budget_settle(struct budget *b, double per_day);

/* How many events a day would have been told of what was learned from, at these thresholds. */
double budget_expects(const struct budget *b);

static inline bool budget_permits(const struct budget *b, const struct deviation *d)
{
	return d->hard || d->score >= b->threshold[d->what];
}

/* beside: both learned at the same time, each a share of the same traffic; else one after the
 * other. */
void budget_merge(struct budget *b, const struct budget *from, bool beside);

#endif
