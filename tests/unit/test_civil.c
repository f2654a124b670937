/* Calendars, durations and time zones. */
#include "base/civil.h"
#include "base/tz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t at(const char *text)
{
	struct civil c;
	bool has_time;

	assert_true(civil_parse(text, &c, &has_time));
	return civil_seconds(&c);
}

static void days_are_those_of_the_c_library(void **state)
{
	int64_t s;

	(void)state;
	for (s = -40 * 365 * CIVIL_DAY; s < 250 * 365 * CIVIL_DAY; s += 5 * CIVIL_DAY + 12345) {
		time_t t = (time_t)s;
		struct tm tm;
		struct civil c = civil_from(s);

		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.hour, tm.tm_hour);
		assert_int_equal(c.minute, tm.tm_min);
		assert_int_equal(c.second, tm.tm_sec);
		assert_int_equal(c.weekday, (tm.tm_wday + 6) % 7);
		assert_true(civil_seconds(&c) == s);
	}
}

static void dates_are_read(void **state)
{
	static const char *const bad[] = {"",
					  "2026",
					  "2026-13-01",
					  "2026-02-29",
					  "2026-1-1",
					  "1969-12-31",
					  "2026-12-31T",
					  "2026-12-31T24:00",
					  "2026-12-31T10:60",
					  "x",
					  "2026-12-31x",
					  "2026-12-31T10:00:60",
					  "2026-12-31T10:00Z"};
	struct civil c;
	char text[CIVIL_STRLEN];
	bool has_time;
	size_t i;

	(void)state;
	assert_true(civil_parse("2026-11-21", &c, &has_time));
	assert_false(has_time);
	assert_string_equal(civil_str(&c, false, text), "Sat 21 Nov 2026 00:00:00");
	assert_true(civil_parse("2028-02-29 23:59:58", &c, &has_time));
	assert_true(has_time);
	assert_string_equal(civil_str(&c, true, text), "2028年2月29日(火) 23:59:58");
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(civil_parse(bad[i], &c, &has_time));
}

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *said;
	} good[] = {{"500ms", 500, "500 ms"},	 {"90s", 90000, "1 min 30 s"},
		    {"30m", 1800000, "30 min"},	 {"1h30m", 5400000, "1 h 30 min"},
		    {"2d", 172800000, "2 days"}, {"1d", 86400000, "1 day"}};
	static const char *const bad[] = {"",	"4",	"h",	"4 h",	"-1h",
					  "0s", "1m1h", "1h1h", "1.5h", "99999999999999h"};
	char buf[64];
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(civil_duration(good[i].text, &ns));
		assert_int_equal(ns, good[i].ms * 1000000);
		assert_string_equal(civil_duration_str(ns, buf, sizeof(buf)), good[i].said);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(civil_duration(bad[i], &ns));
}

static void fixed_zones(void **state)
{
	struct arena a = {0};
	const char *why;
	const struct tz *z = tz_load(&a, "+09:00", &why);

	(void)state;
	assert_int_equal(tz_offset(z, 0), 9 * 3600);
	assert_int_equal(tz_offset(tz_load(&a, "-03:30", &why), 0), -(3 * 3600 + 1800));
	assert_ptr_equal(tz_load(&a, "UTC", &why), &tz_of_utc);
	assert_true(tz_changes(z, 0) == INT64_MAX && tz_changed(z, 0) == INT64_MIN);
	assert_null(tz_load(&a, "+9", &why));
	assert_null(tz_load(&a, "+24:00", &why));
	assert_null(tz_load(&a, "/etc/passwd", &why));
	assert_null(tz_load(&a, "Europe", &why));
	assert_null(tz_load(&a, "Europe/../Europe/Berlin", &why));
	arena_free(&a);
}

/* Clocks go forward on 29 March 2026 01:00 UTC, and back on 25 October 01:00 UTC. */
static void berlin(void **state)
{
	struct arena a = {0};
	const char *why, *tz = getenv("TZ");
	char *before = tz ? strdup(tz) : NULL;
	const struct tz *z = tz_load(&a, "Europe/Berlin", &why);
	int64_t spring = at("2026-03-29T01:00"), autumn = at("2026-10-25T01:00");

	(void)state;
	assert_non_null(z);
	assert_true(before ? strcmp(getenv("TZ"), before) == 0 : !getenv("TZ"));
	assert_int_equal(tz_offset(z, spring - 1), 3600);
	assert_int_equal(tz_offset(z, spring), 7200);
	assert_int_equal(tz_offset(z, autumn - 1), 7200);
	assert_int_equal(tz_offset(z, autumn), 3600);
	assert_true(tz_changes(z, spring) == autumn && tz_changed(z, autumn - 1) == spring);
	/* 02:30 is left out in spring and comes twice in autumn */
	assert_true(tz_utc(z, at("2026-03-29T02:30"), true) == spring + 1800);
	assert_true(tz_utc(z, at("2026-10-25T02:30"), false) == autumn - 1800);
	assert_true(tz_utc(z, at("2026-10-25T02:30"), true) == autumn + 1800);
	assert_true(tz_utc(z, at("2026-07-01T00:00"), true) == at("2026-06-30T22:00"));
	free(before);
	arena_free(&a);
}

/* The table says what the C library says, in zones with odd rules too. */
static void zones_are_those_of_the_c_library(void **state)
{
	static const char *const names[] = {"Asia/Tokyo",	 "America/New_York",
					    "Asia/Tehran",	 "Australia/Lord_Howe",
					    "Africa/Casablanca", "Asia/Kolkata"};
	struct arena a = {0};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct tz *z = tz_load(&a, names[i], &why);
		int64_t s;

		assert_non_null(z);
		setenv("TZ", names[i], 1);
		tzset();
		for (s = 0; s < INT64_C(4000000000); s += 10007) {
			time_t t = (time_t)s;
			struct tm tm;

			assert_non_null(localtime_r(&t, &tm));
			assert_int_equal(tz_offset(z, s), tm.tm_gmtoff);
		}
		unsetenv("TZ");
		tzset();
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_those_of_the_c_library),
		cmocka_unit_test(dates_are_read),
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(fixed_zones),
		cmocka_unit_test(berlin),
		cmocka_unit_test(zones_are_those_of_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
