/*
 * baseline/timing.h - is it time for this?
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_TIMING_H
#define KIDOBAN_BASELINE_TIMING_H

#include "baseline/baseline.h"

struct archive;
struct item;
struct sight;
struct norm;

/* Of one item. */
struct timing_model {
	uint64_t intervals; /* learned from */
};

struct timing_run {
	int64_t last; /* ns; 0: not seen yet */
};

struct timing_norm {
	uint32_t cyclic; /* items that have a period */
};

void timing_check(struct baseline *b, const struct sight *s);
void timing_learn(struct baseline *b, const struct sight *s);
void timing_tick(struct baseline *b, struct norm *n, int64_t time);
void timing_flow(struct baseline *b, const struct baseline_flow *f, bool opened, int64_t time);
/* Listening begins anew: nothing was late until now. */
void timing_resume(struct norm *n, int64_t time);
/* Learning is over. */
void timing_settle(struct norm *n);
bool timing_merge(struct norm *to, const struct norm *from);
void timing_norm_free(struct norm *n);

/* What of it is kept (archive.h). */
void timing_item_fields(struct archive *a, struct item *i);
void timing_norm_fields(struct archive *a, struct norm *n);

#endif
