/*
 * base/civil.h - days, hours and durations as people write them.
 *
 *   2026-11-21T02:13:05   <->  seconds since 1970 on a clock on the wall
 *   1h30m                  ->  nanoseconds
 *
 * The calendar is the Gregorian one, without leap seconds (as POSIX has it). Which zone the wall is
 * in is nothing that is known here: base/tz.h. Pure functions; no clock is read.
 */
#ifndef KIDOBAN_BASE_CIVIL_H
#define KIDOBAN_BASE_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIVIL_DAY  INT64_C(86400)
#define CIVIL_WEEK (7 * CIVIL_DAY)
#define CIVIL_NS   INT64_C(1000000000)

struct civil {
	int year;		  /* 1970 to 9999 where it is parsed */
	int month, day;		  /* from 1 */
	int hour, minute, second; /* 0 to 23, 59, 59 */
	int weekday;		  /* 0 Monday to 6 Sunday */
};

/* Seconds since 1970-01-01T00:00:00 of the same wall; weekday is not looked at. */
int64_t civil_seconds(const struct civil *c);

struct civil civil_from(int64_t seconds);

/* Seconds since Monday 00:00 of that week, [0, CIVIL_WEEK). */
int64_t civil_in_week(int64_t seconds);

/* "2026-12-31", "2026-12-31T18:00", "2026-12-31 18:00:30"; *has_time: more than a date. */
bool civil_parse(const char *text, struct civil *out, bool *has_time);

/* "17:00" into minutes since midnight, up to 24:00. text need not end behind it: *end does. */
bool civil_clock(const char *text, int *minutes, const char **end);

/* "90s", "30m", "4h", "1h30m", "2d", "500ms" into ns; more than 0, units from large to small. */
bool civil_duration(const char *text, int64_t *ns);

/* The same the other way: "4 h", "1 h 30 min", "2 days", "500 ms". */
const char *civil_duration_str(int64_t ns, char *buf, size_t size);

/* Whole seconds of a time in ns, rounded down before 1970 too. */
static inline int64_t civil_floor(int64_t ns)
{
	return ns / CIVIL_NS - (ns % CIVIL_NS < 0);
}

#define CIVIL_STRLEN 40 /* bytes with NUL that civil_str() needs */

/* "Sat 21 Nov 2026 02:13:05", or in Japanese "2026年11月21日(土) 02:13:05". */
const char *civil_str(const struct civil *c, bool japanese, char buf[CIVIL_STRLEN]);

#endif
