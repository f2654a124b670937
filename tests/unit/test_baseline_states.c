/* A machine's states: how long they last, and which values it has in them. */
#include "baseline/text.h"
#include "base/hash.h"
#include "baseline/inside.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND 1e9
#define BEGIN  (INT64_C(1700000000) * 1000000000)
#define ALL    1e9 /* events a day: whatever is said is heard */

static const struct addr master = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 5}};

static double uniform(uint64_t *seed)
{
	*seed = hash_u64(*seed + 1, 4711);
	return (double)(*seed >> 11) / 9007199254740992.0;
}

struct heard {
	unsigned count, what[BASELINE_FINDINGS];
	char expected[512], observed[512];
};

static void hear(void *user, const struct deviation *d)
{
	struct heard *h = user;

	if (d->detector != BASELINE_ORDER && d->what != BASELINE_VALUE_FOR_STATE)
		return;
	h->count++;
	h->what[d->what]++;
	d->words(d, false, h->expected, sizeof(h->expected), h->observed, sizeof(h->observed));
}

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

/* --- how long states last --- */

static void state_of(struct baseline *b, double seconds, unsigned device, unsigned state)
{
	uint8_t raw[2] = {0, (uint8_t)state};
	struct addr server = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, (uint8_t)(11 + device)}};
	struct op op = {.frame = 1,
			.time = BEGIN + (int64_t)(seconds * SECOND),
			.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.role = OP_REQUEST,
			.cls = OP_READ,
			.object = {.space = OP_SPACE_HOLDING, .first = 0, .count = 1}};

	baseline_op(b, &master, &server, &op);
	op.role = OP_RESPONSE;
	op.time += 3000000;
	op.values = (struct op_values){{raw, sizeof(raw)}, 1, OP_V_U16, true};
	baseline_op(b, &master, &server, &op);
}

/*
 * Device 0 works for about 2 s whenever it pleases; `delay` later device 1 does. Both are read
 * every 0.1 s.
 */
static double hand_over(struct baseline *b, double t, unsigned rounds, double works, double delay,
			uint64_t *seed)
{
	double begin = t, end, second, next;

	for (; rounds; rounds--) {
		begin = t + 1 + 6 * uniform(seed);
		end = begin + works + 0.05 * uniform(seed);
		second = end + delay + 0.05 * uniform(seed);
		next = second + 2 + 0.05 * uniform(seed);
		for (; t < next + 0.2; t += 0.1) {
			state_of(b, t, 0, t >= begin && t < end);
			state_of(b, t + 0.01, 1, t >= second && t < next);
		}
	}
	return t;
}

static struct baseline *hand_overs(uint64_t seed, struct heard *h, double *t)
{
	struct baseline *b = baseline_new(NULL), *again;
	struct diag diag = {0};
	char *text, *second;

	*t = hand_over(b, 0, 200, 2, 0.8, &seed);
	assert_true(baseline_freeze(b, ALL, NULL, NULL, BEGIN));
	text = text_of(b);
	again = baseline_load_text("test", text, strlen(text), NULL, &diag);
	assert_non_null(again);
	second = text_of(again);
	assert_string_equal(text, second);
	free(text);
	free(second);
	baseline_free(b);
	*h = (struct heard){0};
	baseline_tell(again, hear, h);
	*t = hand_over(again, *t, 300, 2, 0.8, &seed);
	assert_int_equal(h->count, 0);
	return again;
}

static void a_state_that_lasts_longer_or_shorter_is_told(void **state)
{
	static const double works[] = {2.6, 1.4};
	struct baseline *b;
	uint64_t seed = 3;
	struct heard h;
	unsigned i;
	double t;

	(void)state;
	for (i = 0; i < 2; i++) {
		b = hand_overs(seed, &h, &t);
		hand_over(b, t, 1, works[i], 0.8, &seed);
		assert_int_equal(h.what[BASELINE_STATE_DURATION], 1);
		assert_int_equal(h.count, 1);
		assert_non_null(strstr(h.observed, " went from 1 to 0 "));
		assert_non_null(strstr(h.observed, " s after it came there"));
		assert_non_null(strstr(h.expected, " (on average 2.0"));
		baseline_free(b);
	}
}

static void a_machine_that_follows_another_sooner_or_later_is_told(void **state)
{
	static const double delay[] = {1.6, 0.2};
	struct baseline *b;
	uint64_t seed = 4;
	struct heard h;
	unsigned i;
	double t;

	(void)state;
	for (i = 0; i < 2; i++) {
		b = hand_overs(seed, &h, &t);
		hand_over(b, t, 1, 2, delay[i], &seed);
		assert_int_equal(h.what[BASELINE_STATE_DURATION], 1);
		assert_int_equal(h.count, 1);
		assert_non_null(strstr(h.observed, " went from 0 to 1 "));
		assert_non_null(
			strstr(h.observed, " s after register 0 of 10.50.0.11 went from 1 to 0"));
		baseline_free(b);
	}
}

static void times_of_two_halves_are_those_of_the_whole(void **state)
{
	struct baseline *half = baseline_new(NULL), *other = baseline_new(NULL);
	struct heard h = {0};
	uint64_t seed = 5;
	double t;

	(void)state;
	t = hand_over(half, 0, 100, 2, 0.8, &seed);
	t = hand_over(other, t, 100, 2, 0.8, &seed);
	assert_true(baseline_merge(half, other));
	baseline_free(other);
	assert_true(baseline_freeze(half, ALL, NULL, NULL, BEGIN));
	baseline_tell(half, hear, &h);
	t = hand_over(half, t, 300, 2, 0.8, &seed);
	assert_int_equal(h.count, 0);
	hand_over(half, t, 1, 2.6, 1.6, &seed);
	assert_int_equal(h.what[BASELINE_STATE_DURATION], 2);
	baseline_free(half);
}

/* --- values in a state --- */

/* A robot between 4000 and 6200, beside its place by `off`; it grips (state 2) there, and waits. */
static double grip(struct baseline *b, double t, unsigned rounds, int off, uint64_t *seed)
{
	struct addr server = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};
	static const unsigned lasts[] = {10, 16, 7, 22};
	unsigned state, k;
	double u;

	for (; rounds; rounds--) {
		for (state = 0; state < 4; state++) {
			for (k = 0; k < lasts[state]; k++, t += 0.1) {
				u = state % 2 == 0 ? state / 2 : (k + uniform(seed)) / lasts[state];
				u = state == 3 ? 1 - u : u;
				uint16_t x = (uint16_t)(4000 + 2200 * u + 4 * uniform(seed) + off);
				uint8_t raw[4] = {0, (uint8_t)state, (uint8_t)(x >> 8), (uint8_t)x};
				struct op op = {.frame = 1,
						.time = BEGIN + (int64_t)(t * SECOND),
						.proto = "modbus",
						.name = "read-holding-registers",
						.code = 3,
						.unit = 1,
						.role = OP_REQUEST,
						.cls = OP_READ,
						.object = {.space = OP_SPACE_HOLDING, .count = 2}};

				baseline_op(b, &master, &server, &op);
				op.role = OP_RESPONSE;
				op.time += 3000000;
				op.values =
					(struct op_values){{raw, sizeof(raw)}, 2, OP_V_U16, true};
				baseline_op(b, &master, &server, &op);
			}
		}
	}
	return t;
}

static void a_robot_that_grips_beside_its_place_is_told_and_survives_being_written(void **state)
{
	struct baseline *b = baseline_new(NULL), *again;
	struct diag diag = {0};
	struct heard h = {0};
	char *text, *second;
	uint64_t seed = 6;
	double t;

	(void)state;
	t = grip(b, 0, 100, 0, &seed);
	assert_true(baseline_freeze(b, ALL, NULL, NULL, BEGIN));
	text = text_of(b);
	again = baseline_load_text("test", text, strlen(text), NULL, &diag);
	assert_non_null(again);
	second = text_of(again);
	assert_string_equal(text, second);
	baseline_tell(again, hear, &h);
	t = grip(again, t, 300, 0, &seed);
	assert_int_equal(h.count, 0);
	grip(again, t, 1, -60, &seed);
	assert_true(h.what[BASELINE_VALUE_FOR_STATE] >= 7);
	assert_int_equal(h.count, h.what[BASELINE_VALUE_FOR_STATE]);
	assert_non_null(strstr(h.observed, "holding register 1 of 10.50.0.11 is "));
	assert_non_null(strstr(h.observed, " while register 0 is "));
	assert_non_null(strstr(h.expected, "in that state it was "));
	free(text);
	free(second);
	baseline_free(b);
	baseline_free(again);
}

static void few_rounds_say_nothing_of_values_in_a_state(void **state)
{
	struct baseline *b = baseline_new(NULL);
	struct heard h = {0};
	uint64_t seed = 7;
	double t;

	(void)state;
	t = grip(b, 0, 15, 0, &seed);
	assert_true(baseline_freeze(b, ALL, NULL, NULL, BEGIN));
	baseline_tell(b, hear, &h);
	grip(b, t, 10, -60, &seed);
	assert_int_equal(h.what[BASELINE_VALUE_FOR_STATE], 0);
	baseline_free(b);
}

static void values_in_states_of_two_halves_are_those_of_the_whole(void **state)
{
	struct baseline *half = baseline_new(NULL), *other = baseline_new(NULL);
	struct heard h = {0};
	uint64_t seed = 8;
	double t;

	(void)state;
	t = grip(half, 0, 60, 0, &seed);
	t = grip(other, t, 60, 0, &seed);
	assert_true(baseline_merge(half, other));
	baseline_free(other);
	assert_true(baseline_freeze(half, ALL, NULL, NULL, BEGIN));
	baseline_tell(half, hear, &h);
	t = grip(half, t, 300, 0, &seed);
	assert_int_equal(h.count, 0);
	grip(half, t, 1, -60, &seed);
	assert_true(h.what[BASELINE_VALUE_FOR_STATE] >= 7);
	baseline_free(half);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_that_lasts_longer_or_shorter_is_told),
		cmocka_unit_test(a_machine_that_follows_another_sooner_or_later_is_told),
		cmocka_unit_test(times_of_two_halves_are_those_of_the_whole),
		cmocka_unit_test(
			a_robot_that_grips_beside_its_place_is_told_and_survives_being_written),
		cmocka_unit_test(few_rounds_say_nothing_of_values_in_a_state),
		cmocka_unit_test(values_in_states_of_two_halves_are_those_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
