/* The timing detector: what comes when, who is silent, how fast answers are. */
#include "timing_plant.h"

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

/* The same question, asked of every item at every tick: none is forgotten by the wheel. */
static void all_late_are_told(const struct plant *p)
{
	const struct norm *n = &p->b->norm[0];
	const struct channel *c;
	const struct item *i;

	for (c = n->channels; c; c = c->next) {
		for (i = c->items; i; i = i->next) {
			const struct timing_clock *k = &i->timing_run.clock;
			double elapsed = (double)(p->now - k->last) / 1e9;

			/* it waits until its host is told, if that may be silent too */
			if (timing_late(k, elapsed - 4) >= TIMING_LATE)
				assert_true(k->told > 0 || c->timing.client->clock.told > 0 ||
					    c->timing.server->clock.told > 0 ||
					    c->timing.client->back > k->last ||
					    c->timing.server->back > k->last);
			if (timing_late(k, elapsed) < TIMING_LATE)
				assert_true(k->told <= 0);
		}
	}
}

static void the_wheel_forgets_none_and_hurries_none(void **state)
{
	struct plant *p = learned(20);
	unsigned s;

	(void)state;
	for (s = 0; s < 2000; s++) {
		p->poll[(unsigned)(uniform(p) * 5)].stopped = uniform(p) < 0.4;
		run(p, 1);
		baseline_tick(p->b, p->now);
		all_late_are_told(p);
	}
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
		cmocka_unit_test(the_wheel_forgets_none_and_hurries_none),
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
