/*
 * base/tz.h - how far the clocks on the wall are from UTC, and when that changes.
 *
 * Made once, from a name of the tz database ("Europe/Berlin") or a fixed distance ("+09:00"), into
 * a small table of changes:
 *
 *      at (UTC)    -oo        2026-03-29 01:00    2026-10-25 01:00   ...
 *      offset      +3600      +7200               +3600
 *
 * Afterwards nothing of the C library's time zone is used, so neither the process's TZ nor its
 * threads matter, and asking is a binary search. Rules are followed from 1970 to 2100; behind that
 * the last offset stays. Memory is the arena's. Thread: making one is for start-up (it sets TZ for
 * a moment and puts it back); asking is for anybody.
 */
#ifndef KIDOBAN_BASE_TZ_H
#define KIDOBAN_BASE_TZ_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct tz_change {
	int64_t at;	/* s since 1970 UTC; the first is INT64_MIN */
	int32_t offset; /* s east of UTC from then on */
};

struct tz {
	const char *name; /* as written */
	const struct tz_change *change;
	uint32_t changes; /* at least 1 */
};

extern const struct tz tz_of_utc;

/* NULL with a sentence in *why when there is no such zone. */
const struct tz *tz_load(struct arena *a, const char *name, const char **why);

/* s east of UTC at that time (s since 1970 UTC). */
int32_t tz_offset(const struct tz *z, int64_t utc);

/* The change at or before a time, INT64_MIN if none; the one behind it, INT64_MAX if none. */
int64_t tz_changed(const struct tz *z, int64_t utc);
int64_t tz_changes(const struct tz *z, int64_t utc);

/*
 * When the clocks show this. What they show twice is the later time, or the earlier one; what they
 * leave out is as much behind the change as it would be.
 */
int64_t tz_utc(const struct tz *z, int64_t local, bool later);

#endif
