/*
 * baseline/timing_stat.h - numbers that were seen, and the kinds of intervals among them.
 *
 * A new interval belongs to the nearest kind when it is within a quarter of its mean or between
 * its ends; else it begins a kind of its own, and when there is no room for it the two kinds are
 * joined that weigh least: rare ones first, so that a lost packet or a restart never widens what
 * is usual. Private to baseline/timing*.c. Pure functions.
 */
#ifndef KIDOBAN_BASELINE_TIMING_STAT_H
#define KIDOBAN_BASELINE_TIMING_STAT_H

#include "baseline/timing.h"

/* From so many intervals on it may be cyclic. */
#define TIMING_ENOUGH 20

void timing_stat_add(struct timing_stat *s, double v);
void timing_stat_merge(struct timing_stat *s, const struct timing_stat *from);
/* Standard deviation. */
double timing_stat_spread(const struct timing_stat *s);

/*
 * How far v is beyond the largest (side 1), smallest (-1) or either (0) that was learned: 1 is the
 * edge, and a unit more the spread of the learned ones or a third of what the edge is away from
 * their mean, but at least `unit`. 0: not beyond.
 */
double timing_stat_beyond(const struct timing_stat *s, double v, int side, double unit);

void timing_modes_add(struct timing_stat mode[TIMING_MODES], double seconds);
void timing_modes_merge(struct timing_stat mode[TIMING_MODES],
			const struct timing_stat from[TIMING_MODES]);
/* By their means; free ones last. */
void timing_modes_sort(struct timing_stat mode[TIMING_MODES]);
uint64_t timing_modes_count(const struct timing_stat mode[TIMING_MODES]);
/* The kind that is nearest among those that are usual; NULL: none, or it is twice as far off. */
const struct timing_stat *timing_modes_near(const struct timing_stat mode[TIMING_MODES],
					    double seconds);
/* The longest of the usual kinds, when they are tight and nearly all intervals are of them; else
 * NULL: it is not cyclic. */
const struct timing_stat *timing_modes_cyclic(const struct timing_stat mode[TIMING_MODES]);
/* The longest interval of all, however rare. */
double timing_modes_longest(const struct timing_stat mode[TIMING_MODES]);

#endif
