/* Does this come after that? Cycles of a master over its devices, and the order of its writes. */
#include "baseline/inside.h"
#include "baseline/order_inside.h"
#include "baseline/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND 1e9
#define BEGIN  (INT64_C(1700000000) * 1000000000)
#define MOST   400000u
#define ALL    1e9 /* events a day: the detector alone, whatever it says is heard */

static const struct addr master = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 5}};

/* --- a master in some lines --- */

/* Item 0, 1, ... of the tests: a read of one device, or from 100 on a write. */
struct ask {
	int64_t time;
	unsigned what;
};

struct script {
	struct ask *ask;
	unsigned n;
	uint64_t seed;
};

static double uniform(uint64_t *seed)
{
	*seed = hash_u64(*seed + 1, 4711);
	return (double)(*seed >> 11) / 9007199254740992.0;
}

static double normal(uint64_t *seed)
{
	return sqrt(-2 * log(uniform(seed) + 1e-300)) * cos(2 * 3.14159265358979 * uniform(seed));
}

static struct script script_new(uint64_t seed)
{
	struct script s = {.ask = calloc(MOST, sizeof(struct ask)), .seed = seed};

	assert_non_null(s.ask);
	return s;
}

static void at(struct script *s, double seconds, unsigned what)
{
	assert_true(s->n < MOST);
	s->ask[s->n++] = (struct ask){BEGIN + (int64_t)(seconds * SECOND), what};
}

/*
 * From begin to end, every `period` seconds all of `items` one after the other, 5 ms or so apart.
 * own: a timer of its own, whose lateness adds up; else it keeps to the clock.
 */
static void poll(struct script *s, double begin, double end, double period, double jitter, bool own,
		 const char *items)
{
	double due = begin, t;
	const char *i;

	while (due < end) {
		t = due + jitter * fabs(normal(&s->seed));
		for (i = items; *i; i++) {
			at(s, t, (unsigned)(*i - 'A'));
			t += 0.004 + 0.002 * uniform(&s->seed);
		}
		due += period + (own ? jitter * normal(&s->seed) : 0);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct ask *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

static void script_sort(struct script *s)
{
	qsort(s->ask, s->n, sizeof(*s->ask), by_time);
}

/* --- and who listens --- */

struct heard {
	unsigned count, what[BASELINE_FINDINGS];
	double score;
	char expected[512], observed[512];
};

static void hear(void *user, const struct deviation *d)
{
	struct heard *h = user;

	if (d->detector != BASELINE_ORDER)
		return;
	h->count++;
	h->what[d->what]++;
	h->score = d->score;
	d->words(d, false, h->expected, sizeof(h->expected), h->observed, sizeof(h->observed));
}

/* Reads go round three devices, as a scan does; writes to one. */
static void say(struct baseline *b, const struct ask *a)
{
	struct addr device = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};
	bool write = a->what >= 100;
	struct op op = {.frame = 1,
			.time = a->time,
			.proto = "modbus",
			.name = write ? "write-single-register" : "read-holding-registers",
			.code = write ? 6 : 3,
			.unit = 1,
			.cls = write ? OP_WRITE : OP_READ,
			.rtt = -1,
			.object = {.space = OP_SPACE_HOLDING,
				   .first = write ? a->what : a->what * 10,
				   .count = write ? 1 : 10}};

	device.b[15] = (uint8_t)(device.b[15] + (write ? 0 : a->what % 3));
	baseline_op(b, &master, &device, &op);
}

static void play(struct baseline *b, const struct script *s, unsigned from, unsigned to)
{
	unsigned i;

	for (i = from; i < to && i < s->n; i++)
		say(b, &s->ask[i]);
}

static struct baseline *learn(const struct script *s, unsigned n)
{
	struct baseline *b = baseline_new(NULL);

	assert_non_null(b);
	play(b, s, 0, n);
	assert_true(baseline_freeze(b, ALL, NULL, NULL, BEGIN));
	return b;
}

static void hear_rest(struct baseline *b, const struct script *s, unsigned from, struct heard *h)
{
	memset(h, 0, sizeof(*h));
	baseline_tell(b, hear, h);
	play(b, s, from, s->n);
}

static unsigned believed(const struct baseline *b, unsigned of_length)
{
	const struct order_group *g;
	unsigned i, n = 0;

	for (g = b->norm[0].order.groups; g; g = g->next)
		for (i = 0; i < g->cycles; i++)
			n += order_believed(g->cycle[i]) && g->cycle[i]->n == of_length;
	return n;
}

/*
 * The thing to beat, after Goldenberg and Wool (2013): one automaton of one cycle, its length that
 * with the fewest errors over what was learned; returns how many messages of the rest are none of
 * "next" and "the same again".
 */
static unsigned single_cycle_errors(const struct script *s, unsigned from, unsigned to, unsigned n)
{
	unsigned i, k, pos = 0, errors = 0;

	for (i = from; i < to; i++) {
		for (k = 1; k <= n && s->ask[(pos + k) % n].what != s->ask[i].what; k++)
			;
		if (k != 1 && s->ask[pos].what != s->ask[i].what)
			errors++;
		if (k <= n && s->ask[pos].what != s->ask[i].what)
			pos = (pos + k) % n;
	}
	return errors;
}

static unsigned single_cycle(const struct script *s, unsigned learned, unsigned from)
{
	unsigned n, best = 1, least = UINT32_MAX, errors;

	for (n = 1; n <= learned / 2; n++) {
		errors = single_cycle_errors(s, 0, learned, n);
		if (errors < least) {
			least = errors;
			best = n;
		}
	}
	return single_cycle_errors(s, from, s->n, best);
}

/* --- cycles --- */

static void one_cycle_over_several_devices_is_learned_from_a_hundred_messages(void **state)
{
	struct script s = script_new(1);
	struct baseline *b;
	struct heard h;

	(void)state;
	poll(&s, 0, 1000, 1, 0.01, false, "ABCDE");
	script_sort(&s);
	b = learn(&s, 100);
	assert_int_equal(believed(b, 5), 1);
	hear_rest(b, &s, 100, &h);
	assert_int_equal(h.count, 0);
	baseline_free(b);
	free(s.ask);
}

static void a_permuted_order_is_found_within_two_rounds(void **state)
{
	static const char *const other[] = {"ABDCE", "ACBDE", "BACDE", "ADBEC", "EDCBA"};
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++) {
		struct script s = script_new(2), attack = script_new(3);
		struct baseline *b;
		struct heard h;

		poll(&s, 0, 100, 1, 0.01, false, "ABCDE");
		script_sort(&s);
		b = learn(&s, 100);
		poll(&attack, 100, 102, 1, 0.01, false, other[i]);
		script_sort(&attack);
		hear_rest(b, &attack, 0, &h);
		assert_true(h.count >= 1);
		assert_int_equal(h.what[BASELINE_CYCLE_ORDER], h.count);
		baseline_free(b);
		free(s.ask);
		free(attack.ask);
	}
}

static void it_is_told_in_a_sentence(void **state)
{
	struct script s = script_new(2), attack = script_new(3);
	struct baseline *b;
	struct heard h;

	(void)state;
	poll(&s, 0, 100, 1, 0.01, false, "ABC");
	script_sort(&s);
	b = learn(&s, 300);
	poll(&attack, 100, 101, 1, 0.01, false, "ABCACB");
	hear_rest(b, &attack, 0, &h);
	assert_int_equal(h.count, 1);
	assert_string_equal(h.observed,
			    "10.40.0.5 asked 10.50.0.12 for \"read-holding-registers holding "
			    "10-19\" after \"read-holding-registers holding 20-29\" (10.50.0.13)");
	assert_string_equal(
		h.expected,
		"after \"read-holding-registers holding 20-29\" (10.50.0.13) it asks for "
		"\"read-holding-registers holding 0-9\" (10.50.0.11), in rounds of 3 "
		"requests");
	baseline_free(b);
	free(s.ask);
	free(attack.ask);
}

static void interleaved(struct script *s, double end)
{
	poll(s, 0, end, 0.1, 0.003, false, "ABC");
	poll(s, 0.05, end, 1, 0.02, true, "DEF");
	poll(s, 0.07, end, 10, 0.1, true, "GHIJ");
	script_sort(s);
}

static void interleaved_polls_of_different_periods_each_have_their_cycle(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 5; seed++) {
		struct script s = script_new(seed);
		unsigned plain;
		struct baseline *b;
		struct heard h;

		interleaved(&s, 7200);
		plain = single_cycle(&s, 3000, 12000);
		b = learn(&s, 12000);
		assert_int_equal(believed(b, 3), 2);
		assert_int_equal(believed(b, 4), 1);
		hear_rest(b, &s, 12000, &h);
		print_message("%u messages, false alarms: single-cycle automaton %u, cycles %u\n",
			      s.n - 12000, plain, h.count);
		assert_int_equal(h.count, 0);
		assert_true(plain > 1000);
		baseline_free(b);
		free(s.ask);
	}
}

static void a_hundred_messages_of_interleaved_polls_raise_no_false_alarm(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct script s = script_new(seed);
		struct baseline *b;
		struct heard h;

		interleaved(&s, 3600);
		b = learn(&s, 100);
		assert_int_equal(believed(b, 3), 1);
		hear_rest(b, &s, 100, &h);
		assert_int_equal(h.count, 0);
		baseline_free(b);
		free(s.ask);
	}
}

static void timers_of_their_own_that_overtake_each_other_have_no_order(void **state)
{
	unsigned total = 0, plain = 0, messages = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct script s = script_new(seed);
		struct baseline *b;
		struct heard h;
		unsigned i;

		for (i = 0; i < 6; i++)
			poll(&s, 0.01 * i, 14400, 1, 0.003, true, (char[]){(char)('A' + i), 0});
		script_sort(&s);
		plain += single_cycle(&s, 3000, s.n / 4);
		b = learn(&s, s.n / 4);
		hear_rest(b, &s, s.n / 4, &h);
		total += h.count;
		messages += s.n - s.n / 4;
		baseline_free(b);
		free(s.ask);
	}
	print_message("%u messages, false alarms: single-cycle automaton %u, cycles %u\n", messages,
		      plain, total);
	assert_true(total <= 3);
}

static void a_phase_has_a_cycle_of_its_own(void **state)
{
	struct script s = script_new(5);
	struct baseline *b;
	struct heard h;
	unsigned i, half;

	(void)state;
	for (i = 0; i < 40; i++) {
		poll(&s, i * 300 + 1, i * 300 + 200, 1, 0.01, false, "ABCDE");
		poll(&s, i * 300 + 201, i * 300 + 299, 1, 0.01, false, i % 2 ? "ACBED" : "AFG");
	}
	script_sort(&s);
	half = s.n / 2;
	b = learn(&s, half);
	assert_int_equal(believed(b, 5), 2);
	assert_int_equal(believed(b, 3), 1);
	hear_rest(b, &s, half, &h);
	assert_int_equal(h.count, 0);
	baseline_free(b);
	free(s.ask);
}

static void restarts_losses_and_repeated_requests_are_no_matter_of_order(void **state)
{
	struct script s = script_new(6), t = script_new(7);
	struct baseline *b;
	struct heard h;
	unsigned i;

	(void)state;
	poll(&s, 0, 200, 1, 0.01, false, "ABCDEFGH");
	script_sort(&s);
	b = learn(&s, 800);
	poll(&t, 200, 2000, 1, 0.01, false, "ABCDEFGH");
	script_sort(&t);
	for (i = 300; i < t.n; i += 300) /* lost */
		t.ask[i].what = t.ask[i + 1].what;
	for (i = 400; i < t.n; i += 300) /* said twice */
		t.ask[i].what = t.ask[i - 1].what;
	hear_rest(b, &t, 0, &h);
	assert_int_equal(h.count, 0);
	/* stopped in the middle, begun from the beginning: half a minute later, and at once */
	t.n = 0;
	poll(&t, 2000, 2001, 1, 0.01, false, "ABC");
	poll(&t, 2030, 2032, 1, 0.01, false, "ABCDEFGH");
	poll(&t, 2032, 2033, 1, 0.01, false, "ABCDE");
	poll(&t, 2032.5, 2042, 1, 0.01, false, "ABCDEFGH");
	hear_rest(b, &t, 0, &h);
	assert_int_equal(h.count, 0);
	/* a device does not answer for a minute and is asked no more: B, E, H */
	t.n = 0;
	poll(&t, 2050, 2110, 1, 0.01, false, "ACDFG");
	poll(&t, 2110, 2120, 1, 0.01, false, "ABCDEFGH");
	hear_rest(b, &t, 0, &h);
	assert_int_equal(h.count, 0);
	baseline_free(b);
	free(s.ask);
	free(t.ask);
}

/* --- the order of writes --- */

#define STOP  110u
#define SPEED 111u
#define RATIO 112u
#define START 113u

/* A recipe every few minutes, a sign of life and polls all the time. */
static void recipes(struct script *s, double begin, double end)
{
	double t = begin + 30;

	poll(s, begin, end, 1, 0.01, false, "ABCDE");
	while (begin < end) {
		at(s, begin + 0.5, 120);
		begin += 10;
	}
	for (; t < end; t += 100 + 200 * uniform(&s->seed)) {
		at(s, t, STOP);
		at(s, t + 0.4, SPEED);
		at(s, t + 0.9, RATIO);
		at(s, t + 1.3 + uniform(&s->seed), START);
	}
	script_sort(s);
}

static void a_write_at_the_wrong_place_of_a_recipe_is_told(void **state)
{
	static const unsigned wrong[][4] = {{STOP, RATIO, SPEED, START},
					    {SPEED, RATIO, START, 0},
					    {STOP, START, 0, 0},
					    {RATIO, 0, 0, 0}};
	unsigned i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct script s = script_new(8 + i);
		unsigned learned;
		struct baseline *b;
		struct heard h;

		recipes(&s, 0, 7200);
		learned = s.n;
		b = learn(&s, learned);
		s.n = 0;
		recipes(&s, 7200, 14400);
		hear_rest(b, &s, 0, &h);
		assert_int_equal(h.count, 0);
		s.n = 0;
		for (k = 0; k < 4 && wrong[i][k]; k++)
			at(&s, 14410 + k, wrong[i][k]);
		hear_rest(b, &s, 0, &h);
		assert_true(h.count >= 1);
		baseline_free(b);
		free(s.ask);
	}
}

static void writes_by_hand_have_no_order(void **state)
{
	unsigned total = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct script s = script_new(seed);
		struct baseline *b;
		struct heard h;
		double t = 0;

		poll(&s, 0, 36000, 1, 0.01, false, "ABC");
		while ((t -= 90 * log(uniform(&s.seed) + 1e-9)) < 36000)
			at(&s, t, 110 + (unsigned)(6 * uniform(&s.seed)));
		script_sort(&s);
		b = learn(&s, s.n / 2);
		hear_rest(b, &s, s.n / 2, &h);
		total += h.count;
		baseline_free(b);
		free(s.ask);
	}
	assert_int_equal(total, 0);
}

/* --- states --- */

static char *text_of(struct baseline *b)
{
	size_t size;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_true(baseline_save(b, f));
	fclose(f);
	return text;
}

/* The answer to a poll every 0.1 s: a state word, a counter, a level. */
static void answer(struct baseline *b, double seconds, unsigned state, uint64_t *seed)
{
	struct ask a = {BEGIN + (int64_t)(seconds * SECOND), 0};
	static uint16_t counter;
	uint8_t raw[6] = {(uint8_t)(state >> 8),
			  (uint8_t)state,
			  (uint8_t)(counter >> 8),
			  (uint8_t)counter,
			  0,
			  (uint8_t)(100 + 3 * normal(seed))};
	struct addr device = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};
	struct op op = {.frame = 1,
			.time = a.time + 3000000,
			.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.role = OP_RESPONSE,
			.cls = OP_READ,
			.object = {.space = OP_SPACE_HOLDING, .first = 0, .count = 10},
			.values = {{raw, sizeof(raw)}, 3, OP_V_U16, true}};

	counter++;
	say(b, &a);
	baseline_op(b, &master, &device, &op);
}

/* idle, approach, grip, transfer, release; now and then it waits in between. */
static double work(struct baseline *b, double from, unsigned rounds, unsigned skipped,
		   uint64_t *seed)
{
	unsigned i, state;
	double t = from, end;

	for (i = 0; i < rounds; i++) {
		for (state = 0; state < 5; state++) {
			if (state == skipped)
				continue;
			end = t + 0.5 + 2 * uniform(seed);
			for (; t < end; t += 0.1)
				answer(b, t, state, seed);
			if (state == 1 && uniform(seed) < 0.2)
				answer(b, t += 0.1, 7, seed);
		}
	}
	return t;
}

static void a_skipped_state_is_told_and_survives_being_written(void **state)
{
	struct baseline *b = baseline_new(NULL), *again;
	struct diag diag = {0};
	uint64_t seed = 12;
	struct heard h = {0};
	char *text, *second;
	double t;

	(void)state;
	t = work(b, 0, 40, 9, &seed);
	assert_true(baseline_freeze(b, ALL, NULL, NULL, BEGIN));
	text = text_of(b);
	again = baseline_load_text("test", text, strlen(text), NULL, &diag);
	assert_non_null(again);
	second = text_of(again);
	assert_string_equal(text, second);
	baseline_tell(again, hear, &h);
	t = work(again, t, 200, 9, &seed);
	assert_int_equal(h.count, 0);
	work(again, t, 1, 2, &seed);
	assert_int_equal(h.what[BASELINE_STATE_ORDER], 1);
	assert_string_equal(h.observed, "register 0 of 10.50.0.11 went from 1 to 3");
	assert_non_null(strstr(h.expected, "1 is mostly followed by 2 ("));
	baseline_free(b);
	baseline_free(again);
	free(text);
	free(second);
}

/* --- keeping --- */

static void two_halves_together_know_what_the_whole_knows(void **state)
{
	struct script s = script_new(9);
	struct baseline *halves, *second, *whole;
	struct heard h;

	(void)state;
	interleaved(&s, 3600);
	halves = baseline_new(NULL);
	second = baseline_new(NULL);
	play(halves, &s, 0, s.n / 4);
	play(second, &s, s.n / 4, s.n / 2);
	assert_true(baseline_merge(halves, second));
	baseline_free(second);
	assert_true(baseline_freeze(halves, ALL, NULL, NULL, BEGIN));
	whole = learn(&s, s.n / 2);
	assert_int_equal(believed(halves, 3), believed(whole, 3));
	assert_int_equal(believed(halves, 4), believed(whole, 4));
	hear_rest(halves, &s, s.n / 2, &h);
	assert_int_equal(h.count, 0);
	baseline_free(halves);
	baseline_free(whole);
	free(s.ask);
}

static void what_is_written_reads_back_the_same(void **state)
{
	struct script s = script_new(11);
	struct baseline *b, *again;
	char *text, *second;
	struct diag diag = {0};
	struct heard h;
	unsigned i;

	(void)state;
	recipes(&s, 0, 3600);
	poll(&s, 0.05, 3600, 1.3, 0.02, true, "FGH");
	for (i = 0; i < 100; i++)
		at(&s, 3600 * uniform(&s.seed), 130 + (unsigned)(3 * uniform(&s.seed)));
	script_sort(&s);
	b = learn(&s, s.n);
	text = text_of(b);
	again = baseline_load_text("test", text, strlen(text), NULL, &diag);
	assert_non_null(again);
	second = text_of(again);
	assert_string_equal(text, second);
	assert_non_null(strstr(text, "cycles:"));
	assert_non_null(strstr(text, "steps:"));
	assert_int_equal(believed(again, 5), 1);
	assert_int_equal(believed(again, 3), 1);
	assert_int_equal(believed(again, 4), 1); /* the recipe */
	s.n = 0;
	poll(&s, 3600, 3602, 1, 0.01, false, "ACBDE");
	script_sort(&s);
	hear_rest(again, &s, 0, &h);
	assert_true(h.what[BASELINE_CYCLE_ORDER] >= 1);
	baseline_free(b);
	baseline_free(again);
	free(text);
	free(second);
	free(s.ask);
}

static void frozen_nothing_is_allocated_and_learning_is_bounded(void **state)
{
	struct script s = script_new(10);
	struct baseline *b;
	struct heard h;
	size_t bytes;
	unsigned i;

	(void)state;
	/* no order at all: 60 reads and 60 writes at random */
	for (i = 0; i < 100000; i++)
		at(&s, i * 0.05,
		   (unsigned)(60 * uniform(&s.seed)) + (uniform(&s.seed) < 0.5 ? 100 : 0));
	b = learn(&s, 50000);
	bytes = b->arena.total;
	assert_true(bytes < 256 * 1024);
	hear_rest(b, &s, 50000, &h);
	assert_int_equal(h.count, 0);
	assert_int_equal(b->arena.total, bytes);
	baseline_free(b);
	free(s.ask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cycle_over_several_devices_is_learned_from_a_hundred_messages),
		cmocka_unit_test(a_permuted_order_is_found_within_two_rounds),
		cmocka_unit_test(it_is_told_in_a_sentence),
		cmocka_unit_test(interleaved_polls_of_different_periods_each_have_their_cycle),
		cmocka_unit_test(a_hundred_messages_of_interleaved_polls_raise_no_false_alarm),
		cmocka_unit_test(timers_of_their_own_that_overtake_each_other_have_no_order),
		cmocka_unit_test(a_phase_has_a_cycle_of_its_own),
		cmocka_unit_test(restarts_losses_and_repeated_requests_are_no_matter_of_order),
		cmocka_unit_test(a_write_at_the_wrong_place_of_a_recipe_is_told),
		cmocka_unit_test(writes_by_hand_have_no_order),
		cmocka_unit_test(a_skipped_state_is_told_and_survives_being_written),
		cmocka_unit_test(two_halves_together_know_what_the_whole_knows),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(frozen_nothing_is_allocated_and_learning_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
