/* What is open when: days, hours, time zones, modes, last days, grants. */
#include "base/civil.h"
#include "policy/now.h"
#include "policy_base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct policy *load(const char *top, const char *when)
{
	struct diag diag = {0};
	struct policy *p;
	char text[4096];

	snprintf(text, sizeof(text),
		 "%s" BASE "conduits:\n"
		 "  - {id: c, from: hmi-1, to: plc-1, allow: [{tcp: 1}], when: %s}\n"
		 "  - {id: d, from: hmi-1, to: plc-1, allow: [{tcp: 2}]}\n",
		 top, when);
	p = policy_load_buffer("test", text, strlen(text), &diag);
	diag_print(&diag, stderr);
	assert_non_null(p);
	diag_free(&diag);
	return p;
}

/* UTC; a date may have a fraction of seconds behind it. */
static int64_t utc(const char *text)
{
	struct civil c;
	bool has_time;

	assert_true(civil_parse(text, &c, &has_time));
	return civil_seconds(&c) * CIVIL_NS;
}

static enum policy_closed at(struct policy_now *n, int64_t time)
{
	policy_now_at(n, time);
	assert_true(n->from <= time && time < n->until);
	assert_int_equal(n->closed[1], CLOSED_NOT);
	return n->closed[0];
}

static void hours_end_to_the_nanosecond(void **state)
{
	struct policy *p =
		load("timezone: Asia/Tokyo\n", "{schedule: {days: [mon-fri], hours: 08:00-17:00}}");
	struct policy_now *n = policy_now_new(p);
	int64_t morning = utc("2026-11-19T23:00"), evening = utc("2026-11-20T08:00");
	uint32_t epoch;

	(void)state;
	assert_int_equal(n->closed[0], CLOSED_NOT); /* at no particular time */
	assert_int_equal(at(n, morning - 1), CLOSED_SCHEDULE);
	epoch = n->epoch;
	assert_int_equal(at(n, morning), CLOSED_NOT); /* Friday 08:00 in Tokyo */
	assert_int_equal(n->epoch, epoch + 1);
	assert_true(n->from == morning && n->until == evening);
	assert_int_equal(at(n, evening - 1), CLOSED_NOT);
	assert_int_equal(n->epoch, epoch + 1);
	assert_int_equal(at(n, evening), CLOSED_SCHEDULE);
	assert_int_equal(at(n, evening + 40 * 3600 * CIVIL_NS), CLOSED_SCHEDULE); /* the weekend */
	assert_int_equal(at(n, morning + 72 * 3600 * CIVIL_NS), CLOSED_NOT);	  /* Monday */
	/* another capture begins: time goes back */
	assert_int_equal(at(n, evening + 1), CLOSED_SCHEDULE);
	assert_int_equal(at(n, evening - 1), CLOSED_NOT);
	policy_now_free(n);
	policy_free(p);
}

static void nights_belong_to_the_day_they_began(void **state)
{
	struct policy *p = load("schedules:\n  night: {days: [fri, sun], hours: 22:00-05:30}\n",
				"{schedule: night}");
	struct policy_now *n = policy_now_new(p);

	(void)state;
	assert_int_equal(at(n, utc("2026-11-20T21:59:59")), CLOSED_SCHEDULE); /* Friday */
	assert_int_equal(at(n, utc("2026-11-20T22:00")), CLOSED_NOT);
	assert_int_equal(at(n, utc("2026-11-21T00:00")), CLOSED_NOT); /* midnight */
	assert_int_equal(at(n, utc("2026-11-21T05:29:59")), CLOSED_NOT);
	assert_int_equal(at(n, utc("2026-11-21T05:30")), CLOSED_SCHEDULE);
	assert_int_equal(at(n, utc("2026-11-21T23:00")), CLOSED_SCHEDULE); /* Saturday */
	assert_int_equal(at(n, utc("2026-11-22T22:00")), CLOSED_NOT);	   /* Sunday */
	assert_int_equal(at(n, utc("2026-11-23T05:29:59")), CLOSED_NOT);   /* over the week's end */
	assert_int_equal(at(n, utc("2026-11-23T05:30")), CLOSED_SCHEDULE);
	policy_now_free(n);
	policy_free(p);
}

static void midnight_splits_nothing(void **state)
{
	struct policy *p = load("", "{schedule: {days: any, hours: [22:00-24:00, 00:00-02:00]}}");
	struct policy_now *n = policy_now_new(p);
	uint32_t epoch;

	(void)state;
	assert_int_equal(at(n, utc("2026-11-22T23:59:59")), CLOSED_NOT);
	epoch = n->epoch;
	assert_int_equal(at(n, utc("2026-11-23T00:00")), CLOSED_NOT);
	assert_int_equal(n->epoch, epoch); /* nothing opened or closed: no session is asked again */
	assert_int_equal(at(n, utc("2026-11-23T02:00")), CLOSED_SCHEDULE);
	policy_now_free(n);
	policy_free(p);
}

/* The clocks show 02:00-03:00 never on 29 March 2026, and twice on 25 October. */
static void berlin_changes_its_clocks(void **state)
{
	struct policy *p = load("timezone: Europe/Berlin\n", "{schedule: {hours: 02:00-03:00}}");
	struct policy *q = load("timezone: Europe/Berlin\n", "{schedule: {hours: 03:00-17:00}}");
	struct policy_now *n = policy_now_new(p), *m = policy_now_new(q);

	(void)state;
	assert_int_equal(at(n, utc("2026-03-28T01:30")), CLOSED_NOT);
	assert_int_equal(at(n, utc("2026-03-29T00:59:59")), CLOSED_SCHEDULE);
	assert_int_equal(at(n, utc("2026-03-29T01:00")), CLOSED_SCHEDULE);
	assert_int_equal(at(n, utc("2026-03-29T01:59:59")), CLOSED_SCHEDULE);
	assert_int_equal(at(n, utc("2026-10-24T23:59:59")), CLOSED_SCHEDULE);
	assert_int_equal(at(n, utc("2026-10-25T00:00")), CLOSED_NOT); /* 02:00, summer */
	assert_int_equal(at(n, utc("2026-10-25T01:00")), CLOSED_NOT); /* 02:00 again */
	assert_int_equal(at(n, utc("2026-10-25T01:59:59")), CLOSED_NOT);
	assert_int_equal(at(n, utc("2026-10-25T02:00")), CLOSED_SCHEDULE);
	/* one step from the night before into the day: nothing in between may be missed */
	assert_int_equal(at(m, utc("2026-03-29T00:59:59")), CLOSED_SCHEDULE);
	assert_true(m->until == utc("2026-03-29T01:00"));
	assert_int_equal(at(m, utc("2026-03-29T01:00")), CLOSED_NOT); /* 01:59:59 -> 03:00 */
	assert_int_equal(at(m, utc("2026-03-29T15:00")), CLOSED_SCHEDULE);
	assert_int_equal(at(m, utc("2026-10-25T00:59:59")), CLOSED_SCHEDULE);
	assert_int_equal(at(m, utc("2026-10-25T02:00")), CLOSED_NOT);
	assert_int_equal(at(m, utc("2026-10-25T15:59:59")), CLOSED_NOT);
	policy_now_free(n);
	policy_now_free(m);
	policy_free(p);
	policy_free(q);
}

/* Whatever is asked, [from, until) is where the answer holds: against asking minute by minute. */
static void edges_are_where_it_changes(void **state)
{
	struct policy *p =
		load("timezone: Australia/Lord_Howe\n",
		     "{schedule: {days: [sun, wed-thu], hours: [01:40-02:20, 23:00-01:10]}}");
	struct policy_now *n = policy_now_new(p), *fresh;
	int64_t t, begin = utc("2026-04-03"), step = 60 * CIVIL_NS;
	unsigned changes = 0;

	(void)state;
	for (t = begin; t < begin + 9 * CIVIL_DAY * CIVIL_NS; t += step) {
		fresh = policy_now_new(p);
		changes += policy_now_at(n, t);
		policy_now_at(fresh, t);
		assert_int_equal(n->closed[0], fresh->closed[0]);
		policy_now_free(fresh);
	}
	for (; t > begin; t -= step) {
		fresh = policy_now_new(p);
		policy_now_at(n, t);
		policy_now_at(fresh, t);
		assert_int_equal(n->closed[0], fresh->closed[0]);
		policy_now_free(fresh);
	}
	assert_in_range(changes, 12, 24);
	policy_now_free(n);
	policy_free(p);
}

static void the_last_day_still_counts(void **state)
{
	struct policy *p = load("timezone: \"+09:00\"\n", "{until: 2026-12-31}");
	struct policy *q = load("timezone: \"+09:00\"\n", "{until: \"2026-12-31T18:00\"}");
	struct policy_now *n = policy_now_new(p), *m = policy_now_new(q);

	(void)state;
	assert_int_equal(at(n, utc("2026-12-31T15:00") - 1), CLOSED_NOT);
	assert_int_equal(at(n, utc("2026-12-31T15:00")), CLOSED_EXPIRED);
	assert_int_equal(at(n, utc("2099-12-31T15:00")), CLOSED_EXPIRED);
	assert_int_equal(at(n, utc("2026-01-01")), CLOSED_NOT);
	assert_int_equal(at(m, utc("2026-12-31T09:00") - 1), CLOSED_NOT);
	assert_int_equal(at(m, utc("2026-12-31T09:00")), CLOSED_EXPIRED);
	policy_now_free(n);
	policy_now_free(m);
	policy_free(p);
	policy_free(q);
}

static void modes_open_and_close(void **state)
{
	struct policy *p = load("", "{operating-mode: [maintenance, emergency]}");
	struct policy_now *n = policy_now_new(p);
	uint32_t epoch = n->epoch;

	(void)state;
	assert_int_equal(n->closed[0], CLOSED_MODE);
	assert_true(policy_now_mode(n, OPERATING_EMERGENCY));
	assert_int_equal(n->closed[0], CLOSED_NOT);
	assert_int_equal(n->epoch, epoch + 1);
	assert_false(policy_now_mode(n, OPERATING_MAINTENANCE));
	assert_int_equal(at(n, 5), CLOSED_NOT);
	assert_true(policy_now_mode(n, OPERATING_ANALYSIS));
	assert_int_equal(at(n, 6), CLOSED_MODE);
	assert_int_equal(policy_rest(p)->closed[0], CLOSED_MODE);
	policy_now_free(n);
	policy_free(p);
}

static void grants_open_for_their_time(void **state)
{
	static const struct policy_grant grants[] = {{0, 500, 600}, {0, 100, 200}, {0, 150, 300}};
	struct policy *p = load("", "{grant: {longest: 4h, approvers: [tanaka]}}");
	struct policy_now *n = policy_now_new(p);

	(void)state;
	assert_int_equal(at(n, 150), CLOSED_GRANT);
	assert_true(policy_now_grants(n, grants, 3));
	assert_int_equal(at(n, 150), CLOSED_NOT); /* also when given while it is running */
	assert_int_equal(at(n, 99), CLOSED_GRANT);
	assert_int_equal(at(n, 100), CLOSED_NOT);
	assert_int_equal(at(n, 299), CLOSED_NOT);
	assert_int_equal(at(n, 300), CLOSED_GRANT);
	assert_int_equal(at(n, 599), CLOSED_NOT);
	assert_int_equal(at(n, 600), CLOSED_GRANT);
	assert_true(policy_now_grants(n, NULL, 0));
	assert_int_equal(at(n, 550), CLOSED_GRANT);
	policy_now_free(n);
	policy_free(p);
}

/* All keys must hold; the first that does not is told. */
static void all_must_hold(void **state)
{
	static const struct policy_grant grant = {0, 0, INT64_MAX};
	struct policy *p = load("", "{operating-mode: maintenance, until: 2026-12-31, "
				    "schedule: {days: fri}, grant: required}");
	struct policy_now *n = policy_now_new(p);

	(void)state;
	assert_int_equal(at(n, utc("2027-01-02")), CLOSED_MODE);
	policy_now_mode(n, OPERATING_MAINTENANCE);
	assert_int_equal(at(n, utc("2027-01-02")), CLOSED_EXPIRED);
	assert_int_equal(at(n, utc("2026-11-19")), CLOSED_SCHEDULE);
	assert_int_equal(at(n, utc("2026-11-20")), CLOSED_GRANT);
	policy_now_grants(n, &grant, 1);
	assert_int_equal(at(n, utc("2026-11-20")), CLOSED_NOT);
	assert_string_equal(policy_conduit_at(p, 0)->when,
			    "in operating mode maintenance; until 2026-12-31 (UTC); fri (UTC); "
			    "while a grant is active");
	policy_now_free(n);
	policy_free(p);
}

/* Two schedules are one or the other; the words say both. */
static void several_schedules(void **state)
{
	struct policy *p =
		load("timezone: Asia/Tokyo\nschedules:\n"
		     "  day: {days: [mon-fri], hours: 08:00-12:00}\n"
		     "  odd: {days: [sat, sun-tue], hours: [06:00-07:00, 23:30-00:30]}\n",
		     "{schedule: [day, odd]}");
	struct policy_now *n = policy_now_new(p);

	(void)state;
	assert_int_equal(at(n, utc("2026-11-19T23:30")), CLOSED_NOT);	   /* Fri 08:30 */
	assert_int_equal(at(n, utc("2026-11-19T21:30")), CLOSED_SCHEDULE); /* Fri 06:30 */
	assert_int_equal(at(n, utc("2026-11-20T21:30")), CLOSED_NOT);	   /* Sat 06:30 */
	assert_int_equal(at(n, utc("2026-11-21T15:15")), CLOSED_NOT);	   /* Sun 00:15 */
	assert_string_equal(policy_conduit_at(p, 0)->when,
			    "mon-fri 08:00-12:00 or mon-tue, sat-sun 06:00-07:00, 23:30-00:30 "
			    "(Asia/Tokyo)");
	policy_now_free(n);
	policy_free(p);
}

static void a_policy_without_when_never_moves(void **state)
{
	struct policy *p = load("", "{operating-mode: normal}");
	struct policy_now *n = policy_now_new(p);

	(void)state;
	assert_int_equal(at(n, 0), CLOSED_NOT);
	assert_true(n->from == INT64_MIN && n->until == INT64_MAX);
	policy_now_free(n);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hours_end_to_the_nanosecond),
		cmocka_unit_test(nights_belong_to_the_day_they_began),
		cmocka_unit_test(midnight_splits_nothing),
		cmocka_unit_test(berlin_changes_its_clocks),
		cmocka_unit_test(edges_are_where_it_changes),
		cmocka_unit_test(the_last_day_still_counts),
		cmocka_unit_test(modes_open_and_close),
		cmocka_unit_test(grants_open_for_their_time),
		cmocka_unit_test(all_must_hold),
		cmocka_unit_test(several_schedules),
		cmocka_unit_test(a_policy_without_when_never_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
