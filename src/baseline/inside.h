/*
 * baseline/inside.h - the baseline itself, for the files of this folder.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_INSIDE_H
#define KIDOBAN_BASELINE_INSIDE_H

#include "baseline/budget.h"
#include "baseline/channel.h"

/* A deviation that somebody looked at and permits (permit.h). */
struct permit;

/* A capture that was learned from. */
struct baseline_source {
	struct baseline_source *next;
	int64_t first;	/* ns, of its first packet */
	uint64_t print; /* hash of its first packets */
};

struct baseline {
	struct baseline_limits limits;
	struct arena arena; /* entities and their texts; grows only while learning or loading */
	enum baseline_state state;
	unsigned mode;
	struct norm norm[BASELINE_MODES];
	struct budget budget; /* scores seen in learning, thresholds since */
	struct permit *permits;
	struct baseline_source *sources;

	const char *by, *reason; /* of who froze it; NULL: nobody approved it */
	int64_t frozen_at;	 /* ns; 0: it is not frozen */
	int64_t from, to;	 /* ns, what was learned from; 0: nothing yet */
	int64_t now;		 /* ns, packet time */
	uint64_t flows, ops;	 /* learned from */
	int64_t news;		 /* ns, when something new was learned last */
	uint64_t novel;		 /* ops and flows that were news */
	struct {
		uint64_t ops, explained;
	} slice[12]; /* progress: of five minutes each, a ring */
	unsigned slice_at;
	int64_t slice_from; /* ns */

	void (*told)(void *user, const struct deviation *d);
	void *user;
};

/* The norm that applies now: of the mode in force; frozen and never learned, that of mode 0. */
struct norm *baseline_norm(struct baseline *b);

/*
 * What detectors call. Frozen: told unless the budget's threshold or a permit is against it.
 * Learning: it becomes known to the budget what a threshold would have cost.
 */
void deviate(struct baseline *b, const struct deviation *d);

/* There is no room for anything new: it is counted as refused. */
static inline bool norm_is_full(struct norm *n)
{
	if (n->baseline->arena.total < n->baseline->limits.bytes)
		return false;
	n->refused++;
	return true;
}

/* Learning: something was seen for the first time. */
void baseline_is_news(struct baseline *b, int64_t time);

#endif
