/* The timing detector: what counts as regular, hosts, what is kept, added and read again. */
#include "base/diag.h"
#include "baseline/text.h"
#include "timing_plant.h"

/* --- what is cyclic --- */

static double exponential(struct plant *p, double mean)
{
	return -mean * log(uniform(p) + 1e-12);
}

static void what_comes_by_chance_is_not_cyclic_and_what_comes_in_a_pattern_is(void **state)
{
	static const double pattern[] = {0.1, 0.1, 0.8}, phase[] = {1, 10};
	struct timing_stat mode[TIMING_MODES];
	const struct timing_stat *m;
	struct plant p = {.random = 77};
	unsigned i, k;

	(void)state;
	for (k = 0; k < 20; k++) {
		memset(mode, 0, sizeof(mode));
		for (i = 0; i < 1000; i++)
			timing_modes_add(mode, exponential(&p, 60));
		assert_null(timing_modes_cyclic(mode));
	}
	memset(mode, 0, sizeof(mode));
	for (i = 0; i < 3000; i++)
		timing_modes_add(mode, pattern[i % 3] * (1 + jitter(&p, 0.005)));
	m = timing_modes_cyclic(mode);
	assert_non_null(m);
	assert_true(fabs((double)m->mean - 0.8) < 0.01);
	memset(mode, 0, sizeof(mode));
	for (i = 0; i < 3000; i++)
		timing_modes_add(mode, i % 500 == 7 ? 2 : phase[i / 1000 == 1]);
	m = timing_modes_cyclic(mode);
	assert_non_null(m);
	assert_true(fabs((double)m->mean - 10) < 0.01);
	/* a lost packet now and then is remembered, and widens nothing */
	m = timing_modes_near(mode, 1);
	assert_non_null(m);
	assert_true((double)m->max < 1.01);
}

/* All numbers, kept: what struct timing_stat must come out with. */
static void numbers_are_as_a_list_of_them_says(void **state)
{
	struct plant p = {.random = 5};
	unsigned round, i, n;

	(void)state;
	for (round = 0; round < 200; round++) {
		double v[500], mean = 0, var = 0, min = INFINITY, max = -INFINITY;
		struct timing_stat s = {0}, a = {0}, b = {0};

		n = 1 + (unsigned)(uniform(&p) * 499);
		for (i = 0; i < n; i++) {
			v[i] = exponential(&p, 3);
			timing_stat_add(&s, v[i]);
			timing_stat_add(i < n / 2 ? &a : &b, v[i]);
			mean += v[i] / n;
			min = fmin(min, v[i]);
			max = fmax(max, v[i]);
		}
		for (i = 0; i < n; i++)
			var += (v[i] - mean) * (v[i] - mean) / n;
		timing_stat_merge(&a, &b);
		assert_int_equal(s.count, n);
		assert_int_equal(a.count, n);
		assert_true(fabs((double)s.mean - mean) < 1e-4 * mean);
		assert_true(fabs((double)a.mean - mean) < 1e-4 * mean);
		assert_true(fabs(timing_stat_spread(&s) - sqrt(var)) < 1e-3 * (sqrt(var) + 1e-3));
		assert_true(fabs(timing_stat_spread(&a) - sqrt(var)) < 1e-3 * (sqrt(var) + 1e-3));
		assert_true(fabs((double)s.min - min) < 1e-5 && fabs((double)s.max - max) < 1e-4);
	}
}

static double shortest(const struct timing_stat mode[TIMING_MODES])
{
	double min = INFINITY;
	unsigned i;

	for (i = 0; i < TIMING_MODES; i++)
		if (mode[i].count)
			min = fmin(min, (double)mode[i].min);
	return min;
}

static void no_interval_is_lost_among_the_kinds(void **state)
{
	struct timing_stat mode[TIMING_MODES], other[TIMING_MODES];
	struct plant p = {.random = 9};
	unsigned round, i, n;
	double x, min, max;

	(void)state;
	for (round = 0; round < 200; round++) {
		memset(mode, 0, sizeof(mode));
		memset(other, 0, sizeof(other));
		n = 1 + (unsigned)(uniform(&p) * 300);
		min = INFINITY;
		max = 0;
		for (i = 0; i < n; i++) {
			x = pow(10, 8 * uniform(&p) - 4);
			min = fmin(min, x);
			max = fmax(max, x);
			timing_modes_add(i % 3 ? mode : other, x);
		}
		timing_modes_merge(mode, other);
		timing_modes_sort(mode);
		assert_int_equal(timing_modes_count(mode), n);
		assert_true(fabs(shortest(mode) - min) < 1e-3 * min);
		assert_true(fabs(timing_modes_longest(mode) - max) < 1e-3 * max);
		for (i = 1; i < TIMING_MODES && mode[i].count; i++)
			assert_true(mode[i].mean >= mode[i - 1].mean);
	}
}

static void a_poll_of_one_phase_may_be_away_in_others(void **state)
{
	struct plant *p = plant(13);
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		run(p, 400);
		p->poll[2].stopped = true;
		run(p, 300);
		p->poll[2].stopped = false;
	}
	run(p, 400);
	freeze(p);
	p->poll[2].stopped = true;
	run(p, 299);
	p->poll[2].stopped = false;
	run(p, 20);
	expect(p, 0);
	/* the others are told as soon as ever */
	p->poll[1].stopped = true;
	run(p, 5);
	expect(p, ONE(BASELINE_CYCLE_MISSING));
	end(p);
}

static void a_restart_of_the_client_is_no_one_s_missing_poll(void **state)
{
	struct plant *p = learned(14);
	unsigned i;

	(void)state;
	for (i = 0; i < POLLS; i++)
		p->poll[i].stopped = p->poll[i].client == 5;
	run(p, 35);
	for (i = 0; i < POLLS; i++) {
		p->poll[i].stopped = false;
		p->poll[i].due = p->now + i * MS; /* all at once */
	}
	run(p, 120);
	expect(p, ONE(BASELINE_HOST_SILENT));
	assert_int_equal(p->told.host, 5);
	end(p);
}

/* --- a host --- */

static void open_flow(struct plant *p, unsigned client, unsigned server, uint64_t bytes)
{
	struct addr c = host(client), s = host(server);
	struct baseline_flow f = {.client = &c,
				  .server = &s,
				  .ip_proto = 6,
				  .port = 502,
				  .app = "modbus",
				  .first = p->now,
				  .last = p->now + SECOND};

	baseline_flow_opened(p->b, &f, p->now, 1);
	f.bytes[1] = bytes;
	baseline_flow_closed(p->b, &f, p->now + SECOND, 2);
}

/* Two hours: every minute a session with one of three servers, 20 kB each. */
static struct plant *busy_host(void)
{
	struct plant *p = plant(15);
	unsigned i;

	for (i = 0; i < 120; i++) {
		open_flow(p, 7, 20 + i % 3, 20000);
		p->now += 60 * SECOND;
	}
	freeze(p);
	return p;
}

static void sessions_bytes_and_servers_of_a_host_have_their_measure(void **state)
{
	struct plant *p = busy_host();
	unsigned i;

	(void)state;
	for (i = 0; i < 60; i++) {
		open_flow(p, 7, 20 + i % 3, 20000);
		p->now += 60 * SECOND;
	}
	assert_int_equal(p->told.count[BASELINE_RATE] + p->told.count[BASELINE_FAN_OUT], 0);
	p->now += HOUR;
	for (i = 0; i < 60; i++)
		open_flow(p, 7, 20, 100);
	assert_true(p->told.count[BASELINE_RATE] > 0 && p->told.score[BASELINE_RATE] > 5);
	assert_int_equal(p->told.count[BASELINE_FAN_OUT], 0);
	memset(&p->told, 0, sizeof(p->told));
	p->now += HOUR;
	open_flow(p, 7, 20, 50000000);
	assert_true(p->told.count[BASELINE_RATE] > 0);
	memset(&p->told, 0, sizeof(p->told));
	p->now += HOUR;
	for (i = 0; i < 40; i++)
		open_flow(p, 7, 20 + i, 100);
	assert_true(p->told.count[BASELINE_FAN_OUT] > 0);
	assert_true(p->told.score[BASELINE_FAN_OUT] > 20);
	assert_in_range(p->told.count[BASELINE_FAN_OUT], 1, 12);
	end(p);
}

/* --- merged, written and read --- */

static void two_halves_are_the_whole(void **state)
{
	struct plant *a = plant(16), *b = plant(17), *whole = plant(16);
	const struct item *i, *k;

	(void)state;
	run(whole, 1800);
	run(a, 900);
	b->now = a->now;
	memcpy(b->poll, a->poll, sizeof(b->poll));
	run(b, 900);
	assert_true(baseline_merge(a->b, b->b));
	i = a->b->norm[0].channels->items;
	k = whole->b->norm[0].channels->items;
	for (; k; k = k->next, i = i->next) {
		assert_non_null(i);
		assert_int_equal(timing_modes_count(i->timing.mode),
				 timing_modes_count(k->timing.mode) - 1);
		assert_true(fabsf(i->timing.mode[0].mean / k->timing.mode[0].mean - 1) < 0.002F);
		assert_true(fabsf(i->timing.pace.mean - k->timing.pace.mean) < 0.002F);
	}
	a->now = b->now;
	memcpy(a->poll, b->poll, sizeof(a->poll));
	freeze(a);
	baseline_resume(a->b, a->now);
	run(a, 600);
	assert_in_range(told(a), 0, 2);
	a->poll[0].stopped = true;
	run(a, 10);
	assert_true(a->told.count[BASELINE_CYCLE_MISSING] > 0);
	end(a);
	end(b);
	end(whole);
}

static void a_baseline_that_was_written_and_read_judges_the_same(void **state)
{
	struct plant *p = plant(18);
	struct diag diag = {0};
	struct baseline *read;
	char *text;
	size_t len;

	(void)state;
	run(p, 1800);
	assert_true(baseline_freeze(p->b, BUDGET_DEFAULT, NULL, NULL, p->now));
	text = baseline_text(p->b, &len);
	assert_non_null(text);
	read = baseline_load_text("t", text, len, NULL, &diag);
	diag_free(&diag);
	assert_non_null(read);
	baseline_free(p->b);
	free(text);
	p->b = read;
	freeze(p);
	run(p, 300);
	assert_in_range(told(p), 0, 2);
	p->poll[0].stopped = true;
	p->poll[3].rtt = 0.02;
	run(p, 10);
	assert_true(p->told.count[BASELINE_CYCLE_MISSING] > 0);
	assert_true(p->told.count[BASELINE_SLOW_ANSWER] > 0);
	end(p);
}

static void an_item_and_a_host_are_as_small_as_the_header_says(void **state)
{
	(void)state;
	assert_true(sizeof(struct timing_model) + sizeof(struct timing_run) <= 256);
	assert_true(sizeof(struct timing_host) <= 300);
	print_message("item %zu + %zu, host %zu bytes\n", sizeof(struct timing_model),
		      sizeof(struct timing_run), sizeof(struct timing_host));
}

static void nothing_is_allocated_in_the_frozen_state(void **state)
{
	struct plant *p = learned(19);
	size_t before = p->b->arena.total, used = p->b->arena.used;
	unsigned i;

	(void)state;
	run(p, 60);
	for (i = 0; i < 50; i++)
		open_flow(p, 100 + i, 20, 100);
	assert_int_equal(p->b->arena.total, before);
	assert_int_equal(p->b->arena.used, used);
	end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_by_chance_is_not_cyclic_and_what_comes_in_a_pattern_is),
		cmocka_unit_test(numbers_are_as_a_list_of_them_says),
		cmocka_unit_test(no_interval_is_lost_among_the_kinds),
		cmocka_unit_test(a_poll_of_one_phase_may_be_away_in_others),
		cmocka_unit_test(a_restart_of_the_client_is_no_one_s_missing_poll),
		cmocka_unit_test(sessions_bytes_and_servers_of_a_host_have_their_measure),
		cmocka_unit_test(two_halves_are_the_whole),
		cmocka_unit_test(a_baseline_that_was_written_and_read_judges_the_same),
		cmocka_unit_test(an_item_and_a_host_are_as_small_as_the_header_says),
		cmocka_unit_test(nothing_is_allocated_in_the_frozen_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
