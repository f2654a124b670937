/* The timing detector: what comes when, who is silent, how fast answers are, how much a host does.
 */
#include "baseline/inside.h"
#include "baseline/timing_inside.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define BEGIN  (1700000000 * SECOND)
#define POLLS  8

/*
 * A small plant: polls at their periods, each answered; what is to go wrong is set from outside
 * while it runs. Time goes on in steps of 1 ms.
 */
struct poll {
	unsigned client, server; /* the last byte of their addresses; 0: there is no such poll */
	uint64_t first;		 /* register */
	double period, jitter;	 /* s; jitter: standard deviation, with tails */
	double rtt;		 /* s */
	bool refused, unanswered, stopped;
	int64_t due, answer; /* ns; answer: 0: none is due */
};

struct told {
	unsigned count[BASELINE_FINDINGS];
	double score[BASELINE_FINDINGS]; /* the highest */
	int64_t first[BASELINE_FINDINGS];
	bool early[BASELINE_FINDINGS];
	unsigned host; /* of the last silent one */
	char expected[400], observed[400];
};

struct plant {
	struct baseline *b;
	struct poll poll[POLLS];
	int64_t now;
	uint64_t random;
	double lost; /* part of the messages that the mirror loses */
	bool deaf;   /* the mirror passes nothing */
	struct told told;
};

static double uniform(struct plant *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return (double)(p->random >> 11) / 9007199254740992.0;
}

/* Normal, but one in fifty is up to eight times as far off. */
static double jitter(struct plant *p, double sd)
{
	double u = sqrt(-2 * log(uniform(p) + 1e-12)) * cos(6.283185307179586 * uniform(p));

	return sd * u * (uniform(p) < 0.02 ? 1 + 7 * uniform(p) : 1);
}

static struct addr host(unsigned n)
{
	return (struct addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, (uint8_t)n}};
}

static void hear(void *user, const struct deviation *d)
{
	struct plant *p = user;
	struct told *t = &p->told;

	assert_int_equal(d->detector, BASELINE_TIMING);
	assert_false(d->hard);
	assert_true(d->score >= 1);
	if (!t->count[d->what]++)
		t->first[d->what] = d->time;
	t->score[d->what] = fmax(t->score[d->what], d->score);
	t->early[d->what] |= d->early;
	if (d->what == BASELINE_HOST_SILENT || d->what == BASELINE_DEVICE_SILENT)
		t->host = d->client->b[15];
	d->words(d, true, t->expected, sizeof(t->expected), t->observed, sizeof(t->observed));
	assert_true(strlen(t->expected) > 0 && strlen(t->observed) > 0);
	d->words(d, false, t->expected, sizeof(t->expected), t->observed, sizeof(t->observed));
}

static unsigned told(const struct plant *p)
{
	unsigned f, n = 0;

	for (f = 0; f < BASELINE_FINDINGS; f++)
		n += p->told.count[f];
	return n;
}

static void say(struct plant *p, const struct poll *q, bool answer, int64_t time)
{
	struct addr client = host(q->client), server = host(q->server);
	struct op op = {.frame = 1,
			.time = time,
			.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.role = answer ? OP_RESPONSE : OP_REQUEST,
			.from_server = answer,
			.cls = OP_READ,
			.rtt = answer ? (int64_t)(q->rtt * 1e9) : -1,
			.status = answer && q->refused ? 2 : 0,
			.object = {.space = OP_SPACE_HOLDING, .first = q->first, .count = 10}};

	if (!p->deaf && (p->lost <= 0 || uniform(p) >= p->lost))
		baseline_op(p->b, &client, &server, &op);
}

static void step(struct plant *p, struct poll *q)
{
	if (q->answer && q->answer <= p->now) {
		say(p, q, true, q->answer);
		q->answer = 0;
	}
	if (q->due > p->now)
		return;
	if (!q->stopped) {
		say(p, q, false, q->due);
		if (!q->unanswered)
			q->answer = q->due + (int64_t)(q->rtt * 1e9 * (1 + 0.1 * uniform(p)));
	}
	/* a timer: what was late makes the next one no later */
	q->due += (int64_t)(fmax(0.05, 1 + jitter(p, q->jitter) / q->period) * q->period * 1e9);
}

static void run(struct plant *p, double seconds)
{
	int64_t end = p->now + (int64_t)(seconds * 1e9);
	unsigned i;

	for (; p->now < end; p->now += MS) {
		for (i = 0; i < POLLS; i++)
			if (p->poll[i].client)
				step(p, &p->poll[i]);
		if (p->now % SECOND == 0 && !p->deaf)
			baseline_tick(p->b, p->now);
	}
}

/* hmi 5 asks plc 11 for three things, and plc 12 for one; historian 6 asks plc 11 for another. */
static struct plant *plant(uint64_t seed)
{
	struct plant *p = calloc(1, sizeof(*p));
	static const struct poll poll[] = {
		{5, 11, 0, 1, 0.01, 0.004, false, false, false, 0, 0},
		{5, 11, 100, 1, 0.01, 0.004, false, false, false, 0, 0},
		{5, 11, 200, 5, 0.01, 0.02, false, false, false, 0, 0},
		{5, 12, 0, 0.2, 0.005, 0.004, false, false, false, 0, 0},
		{6, 11, 0, 2, 0.05, 0.004, false, false, false, 0, 0},
	};
	unsigned i;

	p->b = baseline_new(NULL);
	assert_non_null(p->b);
	p->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	p->now = BEGIN;
	memcpy(p->poll, poll, sizeof(poll));
	for (i = 0; i < POLLS; i++)
		p->poll[i].due = p->now + (i + 1) * 7 * MS;
	return p;
}

/*
 * Without a budget, thresholds are at the edges of what was learned; but of windows, of which half
 * an hour shows a hundred, one in a hundred is beyond all those before, by a little.
 */
static void freeze(struct plant *p)
{
	unsigned f;

	assert_true(baseline_freeze(p->b, BUDGET_DEFAULT, NULL, NULL, p->now));
	for (f = 0; f < BASELINE_FINDINGS; f++)
		p->b->budget.threshold[f] = 1;
	p->b->budget.threshold[BASELINE_CYCLE_SHIFTED] = 3;
	p->b->budget.threshold[BASELINE_CYCLE_UNSTEADY] = 3;
	baseline_tell(p->b, hear, p);
}

static struct plant *learned(uint64_t seed)
{
	struct plant *p = plant(seed);

	run(p, 1800);
	freeze(p);
	return p;
}

static void end(struct plant *p)
{
	baseline_free(p->b);
	free(p);
}

/* Exactly these findings, each at least once. */
static void expect(const struct plant *p, unsigned findings)
{
	unsigned f, seen = 0;

	for (f = 0; f < BASELINE_FINDINGS; f++)
		seen |= p->told.count[f] ? 1U << f : 0;
	if (seen != findings)
		print_message("%s; %s\n", p->told.expected, p->told.observed);
	assert_int_equal(seen, findings);
}

#define ONE(f) (1U << (f))

/* --- what is normal --- */

static void what_goes_on_as_learned_is_silent(void **state)
{
	unsigned seed, all = 0;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct plant *p = learned(seed);

		run(p, 1800);
		all += told(p);
		end(p);
	}
	/* five plant hours, 25 items: tails beyond all that half an hour has shown */
	assert_in_range(all, 0, 5);
}

static void a_lost_packet_an_hour_and_duplicates_score_low(void **state)
{
	struct plant *p = learned(3);
	struct poll twice;

	(void)state;
	p->lost = 0.0002;
	run(p, 1800);
	twice = p->poll[0];
	say(p, &twice, false, p->now);
	say(p, &twice, false, p->now + MS);
	run(p, 60);
	assert_true(p->told.score[BASELINE_CYCLE_MISSING] < 3);
	assert_true(p->told.score[BASELINE_CYCLE_EXTRA] < 3);
	assert_int_equal(p->told.count[BASELINE_HOST_SILENT], 0);
	end(p);
}

/* --- late, missing --- */

static void one_missing_poll_scores_low_and_several_in_a_row_high(void **state)
{
	struct plant *p = learned(1);
	double once;

	(void)state;
	p->poll[1].stopped = true;
	run(p, 1);
	p->poll[1].stopped = false;
	run(p, 10);
	expect(p, ONE(BASELINE_CYCLE_MISSING));
	once = p->told.score[BASELINE_CYCLE_MISSING];
	assert_true(once >= 1.5 && once < 2.5);
	p->poll[1].stopped = true;
	run(p, 30);
	expect(p, ONE(BASELINE_CYCLE_MISSING));
	assert_true(p->told.score[BASELINE_CYCLE_MISSING] > 15);
	/* told as it grows, not with every second */
	assert_in_range(p->told.count[BASELINE_CYCLE_MISSING], 5, 12);
	end(p);
}

static void a_poll_that_stopped_is_told_before_it_comes_again(void **state)
{
	struct plant *p = learned(1);
	int64_t stopped = p->now;

	(void)state;
	p->poll[0].stopped = true;
	run(p, 4);
	expect(p, ONE(BASELINE_CYCLE_MISSING));
	assert_true(p->told.first[BASELINE_CYCLE_MISSING] - stopped <= 3 * SECOND);
	assert_string_equal(p->told.expected,
			    "10.0.0.5 asks 10.0.0.11 for read-holding-registers holding 0-9 every "
			    "1.00 s (904 ms to 1.10 s while learning, 1,799 times)");
	assert_memory_equal(p->told.observed, "nothing for 2.", 14);
	end(p);
}

static void a_device_that_is_off_is_one_event(void **state)
{
	struct plant *p = learned(2);
	unsigned i;

	(void)state;
	for (i = 0; i < POLLS; i++)
		if (p->poll[i].server == 11)
			p->poll[i].unanswered = true;
	run(p, 4); /* asked for a while, then the connections are given up */
	for (i = 0; i < POLLS; i++)
		if (p->poll[i].server == 11)
			p->poll[i].stopped = true;
	run(p, 60);
	assert_int_equal(p->told.host, 11);
	expect(p, ONE(BASELINE_DEVICE_SILENT) | ONE(BASELINE_ERRORS));
	end(p);
}

static void a_client_that_is_off_is_one_event(void **state)
{
	struct plant *p = learned(2);
	unsigned i;

	(void)state;
	for (i = 0; i < POLLS; i++)
		if (p->poll[i].client == 5)
			p->poll[i].stopped = true;
	run(p, 60);
	/* plc 11 is still asked by the other; plc 12 is asked by nobody, which is the client's
	 * doing */
	expect(p, ONE(BASELINE_HOST_SILENT));
	assert_int_equal(p->told.host, 5);
	for (i = 0; i < POLLS; i++)
		p->poll[i].stopped = false;
	memset(&p->told, 0, sizeof(p->told));
	run(p, 60);
	expect(p, 0);
	end(p);
}

static void a_deaf_mirror_and_a_pause_are_nobody_s_silence(void **state)
{
	struct plant *p = learned(4);

	(void)state;
	p->deaf = true;
	run(p, 300);
	p->deaf = false;
	run(p, 60);
	expect(p, 0);
	p->now += 2 * HOUR;
	baseline_resume(p->b, p->now);
	run(p, 60);
	expect(p, 0);
	end(p);
}

static void time_that_goes_backwards_raises_nothing(void **state)
{
	struct plant *p = learned(5);
	unsigned i;

	(void)state;
	p->now -= HOUR;
	for (i = 0; i < POLLS; i++) {
		p->poll[i].due = p->now + i * MS;
		p->poll[i].answer = 0;
	}
	run(p, 120);
	expect(p, 0);
	end(p);
}

/* --- extra, shifted, unsteady --- */

static void a_poll_flood_is_told_within_seconds(void **state)
{
	struct plant *p = learned(1);
	int64_t begun = p->now;

	(void)state;
	p->poll[5] = p->poll[0];
	p->poll[5].period = 0.05;
	run(p, 5);
	expect(p, ONE(BASELINE_CYCLE_EXTRA));
	assert_true(p->told.first[BASELINE_CYCLE_EXTRA] - begun < SECOND);
	assert_true(p->told.score[BASELINE_CYCLE_EXTRA] > 30);
	end(p);
}

static void another_period_is_told_both_ways(void **state)
{
	static const double period[] = {1.3, 1.03, 0.9};
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct plant *p = learned(6);

		p->poll[0].period = period[i];
		run(p, 60);
		assert_true(p->told.count[BASELINE_CYCLE_SHIFTED] > 0);
		assert_int_equal(p->told.count[BASELINE_CYCLE_MISSING], 0);
		assert_true(p->told.score[BASELINE_CYCLE_SHIFTED] >
			    (fabs(period[i] - 1) > 0.05 ? 10 : 3));
		end(p);
	}
}

static void a_small_lasting_shift_is_an_early_warning(void **state)
{
	struct plant *p = learned(7);
	const struct timing_stat *pace = &p->b->norm[0].channels->items->timing.pace;

	(void)state;
	/* inside the range of windows, but all of them on one side */
	p->b->budget.threshold[BASELINE_CYCLE_SHIFTED] = 1.5;
	p->poll[0].period = 1 + ((double)pace->max - 1) * 0.7;
	run(p, 1800);
	assert_true(p->told.early[BASELINE_CYCLE_SHIFTED]);
	end(p);
}

static void intervals_that_vary_more_are_told(void **state)
{
	struct plant *p = learned(8);

	(void)state;
	p->poll[0].jitter = 0.1;
	run(p, 120);
	assert_true(p->told.count[BASELINE_CYCLE_UNSTEADY] > 0);
	assert_true(p->told.score[BASELINE_CYCLE_UNSTEADY] > 4);
	end(p);
}

/* --- answers --- */

static void slower_answers_are_told(void **state)
{
	struct plant *p = learned(9);

	(void)state;
	p->poll[0].rtt = 0.012;
	run(p, 60);
	expect(p, ONE(BASELINE_SLOW_ANSWER));
	assert_true(p->told.score[BASELINE_SLOW_ANSWER] > 4);
	end(p);
}

static void refused_requests_are_told_and_a_single_one_is_not(void **state)
{
	struct plant *p = learned(10);

	(void)state;
	p->poll[0].refused = true;
	run(p, 1);
	p->poll[0].refused = false;
	run(p, 60);
	expect(p, 0);
	p->poll[0].refused = true;
	run(p, 20);
	expect(p, ONE(BASELINE_ERRORS));
	assert_true(p->told.score[BASELINE_ERRORS] > 5);
	end(p);
}

static void what_was_always_refused_may_be_refused(void **state)
{
	struct plant *p = plant(11);

	(void)state;
	p->poll[0].refused = true;
	run(p, 1800);
	freeze(p);
	run(p, 600);
	assert_int_equal(p->told.count[BASELINE_ERRORS], 0);
	end(p);
}

static void unanswered_requests_are_told(void **state)
{
	struct plant *p = learned(12);

	(void)state;
	p->poll[0].unanswered = true;
	run(p, 20);
	expect(p, ONE(BASELINE_ERRORS));
	end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_on_as_learned_is_silent),
		cmocka_unit_test(a_lost_packet_an_hour_and_duplicates_score_low),
		cmocka_unit_test(one_missing_poll_scores_low_and_several_in_a_row_high),
		cmocka_unit_test(a_poll_that_stopped_is_told_before_it_comes_again),
		cmocka_unit_test(a_device_that_is_off_is_one_event),
		cmocka_unit_test(a_client_that_is_off_is_one_event),
		cmocka_unit_test(a_deaf_mirror_and_a_pause_are_nobody_s_silence),
		cmocka_unit_test(time_that_goes_backwards_raises_nothing),
		cmocka_unit_test(a_poll_flood_is_told_within_seconds),
		cmocka_unit_test(another_period_is_told_both_ways),
		cmocka_unit_test(a_small_lasting_shift_is_an_early_warning),
		cmocka_unit_test(intervals_that_vary_more_are_told),
		cmocka_unit_test(slower_answers_are_told),
		cmocka_unit_test(refused_requests_are_told_and_a_single_one_is_not),
		cmocka_unit_test(what_was_always_refused_may_be_refused),
		cmocka_unit_test(unanswered_requests_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
