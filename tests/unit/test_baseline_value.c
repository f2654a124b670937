/* Is this a value it takes? Series of each kind, learned, frozen, and held against other series. */
#include "value_series.h"

static void expect_types(process *p, const uint8_t type[WORDS])
{
	struct baseline *b;
	struct heard h;
	uint64_t seed;
	unsigned i;

	for (seed = 1; seed <= 5; seed++) {
		b = learn(p, seed, 3000);
		freeze(b, &h);
		for (i = 0; i < WORDS; i++)
			assert_int_equal(object(b, 100 + i, false)->model.type, type[i]);
		go_on(b, p, seed + 100, 3600);
		if (all(&h))
			print_message("seed %d: %s; %s\n", (int)seed, h.observed, h.expected);
		assert_int_equal(all(&h), 0);
		baseline_free(b);
	}
}

/* --- types --- */

#define U16   VALUE_U16
#define U16x4 U16, U16, U16, U16

static void words_of_their_own_stay_that(void **state)
{
	(void)state;
	expect_types(levels, (uint8_t[]){U16x4, U16x4});
	expect_types(unrelated, (uint8_t[]){U16x4, U16x4});
}

static void what_goes_below_zero_is_signed(void **state)
{
	(void)state;
	expect_types(below_zero, (uint8_t[]){VALUE_I16, U16, U16, U16, U16x4});
}

static void counters_of_two_words_are_one_in_both_orders(void **state)
{
	(void)state;
	expect_types(counters, (uint8_t[]){VALUE_U32, VALUE_SECOND, U16, VALUE_U32_SWAPPED,
					   VALUE_SECOND, U16, U16, U16});
}

static void signed_numbers_of_two_words_are_one_in_both_orders(void **state)
{
	(void)state;
	expect_types(signed32,
		     (uint8_t[]){VALUE_I32, VALUE_SECOND, VALUE_I32_SWAPPED, VALUE_SECOND, U16x4});
}

static void floats_are_found_in_both_orders(void **state)
{
	(void)state;
	expect_types(floats, (uint8_t[]){VALUE_F32, VALUE_SECOND, VALUE_F32_SWAPPED, VALUE_SECOND,
					 VALUE_F32, VALUE_SECOND, U16, U16});
}

static void written_set_points_are_floats_when_they_are_decimals(void **state)
{
	static const double point[] = {42.1, 50.3, 61.7, 42.1};
	struct baseline *b = baseline_new(NULL);
	struct heard h;
	uint16_t w[2];
	int t;

	(void)state;
	for (t = 0; t < 40; t++) {
		put_float(w, point[t % 4], false);
		write_words(b, 100, w, 2, BEGIN + t * 60 * SECOND);
	}
	freeze(b, &h);
	assert_int_equal(object(b, 100, true)->model.type, VALUE_F32);
	put_float(w, 50.3, false);
	write_words(b, 100, w, 2, BEGIN + 3000 * SECOND);
	assert_int_equal(all(&h), 0);
	put_float(w, 99.5, false);
	write_words(b, 100, w, 2, BEGIN + 3000 * SECOND);
	assert_int_equal(h.count[BASELINE_WRITTEN_VALUE], 1);
	assert_string_equal(h.observed, "10.40.0.5 wrote 99.5 to holding register 100 of "
					"10.50.0.11");
	baseline_free(b);
}

/* --- deviations --- */

static struct heard after(process *p, void (*attack)(uint16_t w[WORDS], int t), int seconds)
{
	struct baseline *b = learn(p, 1, 4000);
	struct heard h;
	uint16_t w[WORDS] = {0};
	int t;

	freeze(b, &h);
	go_on(b, p, 7, 100);
	assert_int_equal(all(&h), 0);
	for (t = 4100; t < 4100 + seconds; t++) {
		p(w, t);
		attack(w, t - 4100);
		read_words(b, &hmi, 100, w, WORDS, BEGIN + t * SECOND);
	}
	baseline_free(b);
	assert_false(h.hard);
	return h;
}

static void far_out(uint16_t w[WORDS], int t)
{
	(void)t;
	w[0] = 1200;
}

static void a_value_out_of_its_range_is_told_in_one_sentence(void **state)
{
	struct heard h = after(levels, far_out, 1);

	(void)state;
	assert_int_equal(h.count[BASELINE_VALUE_OUT_OF_RANGE], 1);
	assert_string_equal(h.observed, "holding register 100 of 10.50.0.11 is 1200");
	assert_non_null(strstr(h.expected, "while learning it was 9"));
	assert_non_null(strstr(h.expected, ", moving at most "));
	assert_non_null(strstr(h.expected, "(seen 4,000 times since 2023-11-14)"));
	assert_non_null(strstr(h.ja, "2023-11-14 から 4,000 回"));
}

static void shifted(uint16_t w[WORDS], int t)
{
	w[0] = (uint16_t)(w[0] + (t > 10 ? 60 : 0));
}

static void a_jump_within_the_range_is_told(void **state)
{
	struct heard h = after(levels, shifted, 12);

	(void)state;
	assert_int_equal(h.count[BASELINE_VALUE_JUMP], 1);
	assert_int_equal(h.count[BASELINE_VALUE_OUT_OF_RANGE], 0);
}

static void held(uint16_t w[WORDS], int t)
{
	static uint16_t kept;

	kept = t ? kept : w[0];
	w[0] = kept;
}

static void a_value_that_stands_still_is_told_and_not_at_every_look(void **state)
{
	struct heard h = after(levels, held, 60);

	(void)state;
	assert_in_range(h.count[BASELINE_VALUE_FROZEN], 1, 12);
	assert_in_range((h.first[BASELINE_VALUE_FROZEN] - BEGIN) / SECOND, 4100, 4130);
	assert_non_null(strstr(h.observed, "has stood at "));
}

static void steady(uint16_t w[WORDS], int t)
{
	(void)t;
	w[0] = (uint16_t)(500 + gauss(4));
}

static void creeping(uint16_t w[WORDS], int t)
{
	w[0] = (uint16_t)(w[0] + t / 150);
}

static void a_mean_on_its_way_out_is_an_early_warning(void **state)
{
	struct heard h = after(steady, creeping, 1000);

	(void)state;
	assert_in_range(h.count[BASELINE_VALUE_DRIFT], 1, 10);
	assert_int_equal(h.count[BASELINE_VALUE_OUT_OF_RANGE], 0);
	assert_true(h.early);
}

static void lying(uint16_t w[WORDS], int t)
{
	(void)t;
	w[0] = (uint16_t)(w[0] > 300 ? w[0] - 100 : w[0] + 100);
}

static void two_that_moved_together_and_no_longer_do_are_told(void **state)
{
	struct heard h = after(motor, lying, 10);

	(void)state;
	assert_in_range(h.count[BASELINE_VALUES_APART], 1, 5);
}

static void two_that_go_on_together_are_silent(void **state)
{
	const struct value_pair *p;
	struct baseline *b;
	struct heard h;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed < 6; seed++) {
		b = learn(motor, seed, 4000);
		freeze(b, &h);
		p = object(b, 100, false)->pairs;
		while (p && p->b != object(b, 101, false))
			p = p->next_a;
		assert_true(p && value_pair_strong(p));
		go_on(b, motor, seed + 50, 4000);
		assert_int_equal(all(&h), 0);
		baseline_free(b);
	}
}

static void another_state(uint16_t w[WORDS], int t)
{
	(void)t;
	w[1] = 15;
}

static void another_constant(uint16_t w[WORDS], int t)
{
	(void)t;
	w[0] = 4712;
}

static void a_value_that_is_not_of_the_few_is_told(void **state)
{
	struct heard h = after(states, another_state, 1);

	(void)state;
	assert_int_equal(h.count[BASELINE_VALUE_NEW], 1);
	assert_string_equal(h.expected, "while learning it was 0, 10, 20 or 30 "
					"(seen 4,000 times since 2023-11-14)");
	h = after(states, another_constant, 1);
	assert_int_equal(h.count[BASELINE_VALUE_NEW], 1);
	assert_string_equal(h.expected, "while learning it was always 4711 "
					"(seen 4,000 times since 2023-11-14)");
}

static void set_back(uint16_t w[WORDS], int t)
{
	(void)t;
	put32(w, 190000, false);
}

static void a_counter_may_grow_but_not_go_back(void **state)
{
	struct heard h = after(counters, set_back, 1);

	(void)state;
	assert_int_equal(h.count[BASELINE_VALUE_JUMP], 1);
	assert_non_null(strstr(h.expected, "it only went up, at most 23 at a time"));
}

/* Two readers: the answer to one is on its way while the other is told a newer number. */
static void readers_that_overtake_each_other_do_not_turn_a_counter_back(void **state)
{
	struct baseline *b = baseline_new(NULL);
	struct heard h;
	uint16_t w[2];
	int t;

	(void)state;
	for (t = 0; t < 4000; t++) {
		if (t == 2000)
			freeze(b, &h);
		put32(w, 912400 + 5 * (uint32_t)t - (t % 100 == 7 ? 6 : 0), false);
		read_words(b, &hmi, 100, w, 2, BEGIN + t * SECOND);
	}
	assert_int_equal(value_kind(&object(b, 100, false)->model), VALUE_IS_COUNTER);
	assert_int_equal(object(b, 100, false)->model.type, VALUE_U32);
	assert_int_equal(all(&h), 0);
	baseline_free(b);
}

static void a_word_that_wraps_is_a_counter_too(void **state)
{
	struct baseline *b = baseline_new(NULL);
	struct heard h;
	uint16_t w[1];
	int t;

	(void)state;
	for (t = 0; t < 6000; t++) {
		w[0] = (uint16_t)(60000 + 30 * t);
		read_words(b, &hmi, 100, w, 1, BEGIN + t * SECOND);
	}
	freeze(b, &h);
	assert_int_equal(value_kind(&object(b, 100, false)->model), VALUE_IS_COUNTER);
	for (; t < 12000; t++) {
		w[0] = (uint16_t)(60000 + 30 * t);
		read_words(b, &hmi, 100, w, 1, BEGIN + t * SECOND);
	}
	assert_int_equal(all(&h), 0);
	baseline_free(b);
}

static void the_other_half_of_a_counter_may_go_up_when_it_wraps(void **state)
{
	struct heard h;
	int order, from, t;

	(void)state;
	/* seen to wrap; or it did while nobody looked; or nothing wraps and one is a flag */
	for (order = 0; order < 2; order++) {
		for (from = 0; from < 3; from++) {
			struct baseline *b = baseline_new(NULL);
			uint32_t count = 52000;
			uint16_t w[2];

			for (t = 0; t < 4000; t++) {
				count = 52000 + (uint32_t)t;
				w[order] = (uint16_t)(count >> 16);
				w[!order] = (uint16_t)count;
				read_words(b, &hmi, 100, w, 2, BEGIN + t * SECOND);
			}
			freeze(b, &h);
			for (; t < 14500; t++) {
				count = 52000 + (uint32_t)t;
				if (from == 1 && t < 13600)
					continue;
				w[order] = (uint16_t)(count >> 16);
				w[!order] = (uint16_t)count;
				if (from == 2 && t > 5000)
					break;
				read_words(b, &hmi, 100, w, 2, BEGIN + t * SECOND);
			}
			if (from == 2) {
				w[order] = 1;
				read_words(b, &hmi, 100, w, 2, BEGIN + t * SECOND);
			}
			assert_int_equal(h.count[BASELINE_VALUE_NEW], from == 2);
			assert_int_equal(all(&h), from == 2);
			baseline_free(b);
		}
	}
}

static void a_set_point_that_was_never_written_is_told(void **state)
{
	static const uint16_t point[] = {650, 250, 720, 820, 655, 645};
	struct baseline *b = baseline_new(NULL);
	struct heard h;
	uint16_t w;
	int t;

	(void)state;
	for (t = 0; t < 24; t++)
		write_words(b, 100, &point[t % 6], 1, BEGIN + t * 300 * SECOND);
	freeze(b, &h);
	write_words(b, 100, &point[2], 1, BEGIN + 9000 * SECOND);
	assert_int_equal(all(&h), 0);
	w = 990;
	write_words(b, 100, &w, 1, BEGIN + 9001 * SECOND);
	assert_int_equal(h.count[BASELINE_WRITTEN_VALUE], 1);
	assert_true(h.most[BASELINE_WRITTEN_VALUE] > 2);
	assert_string_equal(h.expected,
			    "while learning, what was written there was 250, 645, 650, 655, 720 "
			    "or 820 (seen 24 times since 2023-11-14)");
	baseline_free(b);
}

static void what_one_reader_is_shown_stands_still_though_another_sees_it_move(void **state)
{
	static const struct addr hist = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 8}};
	struct baseline *b = baseline_new(NULL);
	struct heard h;
	uint16_t w[1], kept = 0;
	int t;

	(void)state;
	dice = 3;
	for (t = 0; t < 3200; t++) {
		if (t == 3000)
			freeze(b, &h);
		w[0] = (uint16_t)(500 + gauss(4));
		read_words(b, &hist, 100, w, 1, BEGIN + t * SECOND);
		if (t == 3000)
			kept = w[0];
		w[0] = t >= 3000 ? kept : w[0];
		read_words(b, &hmi, 100, w, 1, BEGIN + t * SECOND + SECOND / 2);
	}
	assert_true(h.count[BASELINE_VALUE_FROZEN] >= 1);
	baseline_free(b);
}

static void a_topic_and_a_coil_are_objects_too(void **state)
{
	struct baseline *b = baseline_new(NULL);
	struct op topic = {
		.frame = 1,
		.proto = "mqtt",
		.name = "publish",
		.unit = -1,
		.rtt = -1,
		.role = OP_PUBLISH,
		.cls = OP_WRITE,
		.object = {.space = OP_SPACE_TOPIC, .name = {(const uint8_t *)"plant/temp", 10}}};
	struct op coil = message(5, 3, 1, 0);
	struct heard h;
	char text[16];
	uint8_t bit = 1;
	int t;

	(void)state;
	dice = 4;
	coil.object.space = OP_SPACE_COIL;
	coil.values = (struct op_values){{&bit, 1}, 1, OP_V_BIT, false};
	for (t = 0; t < 1200; t++) {
		if (t == 1000)
			freeze(b, &h);
		snprintf(text, sizeof(text), "%.2f", 21.5 + gauss(0.1) + (t == 1199 ? 9 : 0));
		topic.time = coil.time = BEGIN + t * SECOND;
		topic.values = (struct op_values){
			{(const uint8_t *)text, strlen(text)}, 1, OP_V_TEXT, false};
		baseline_op(b, &hmi, &plc, &topic);
		if (t == 1198)
			assert_int_equal(all(&h), 0);
		bit = t < 1199;
		baseline_op(b, &hmi, &plc, &coil);
	}
	assert_int_equal(h.count[BASELINE_VALUE_OUT_OF_RANGE], 1);
	assert_int_equal(h.count[BASELINE_WRITTEN_VALUE], 1);
	assert_non_null(strstr(h.observed, "topic plant/temp of 10.50.0.11 is 3"));
	baseline_free(b);
}

static void little_learned_says_nothing(void **state)
{
	struct baseline *b = learn(levels, 1, 20);
	struct heard h;
	uint16_t w[WORDS] = {9999};

	(void)state;
	freeze(b, &h);
	read_words(b, &hmi, 100, w, WORDS, BEGIN + 30 * SECOND);
	assert_int_equal(all(&h), 0);
	baseline_free(b);
}

static void objects_have_a_limit_and_frozen_nothing_is_allocated(void **state)
{
	struct baseline *b = baseline_new(&(struct baseline_limits){.objects = 5});
	struct baseline_progress before, now;
	uint16_t w[WORDS] = {0};
	struct heard h;
	int t;

	(void)state;
	for (t = 0; t < 200; t++) {
		levels(w, t);
		read_words(b, &hmi, 100, w, WORDS, BEGIN + t * SECOND);
	}
	freeze(b, &h);
	baseline_progress(b, &before);
	assert_int_equal(before.objects, 5);
	assert_int_equal(before.refused, 1);
	for (t = 0; t < 200; t++) {
		w[0] = (uint16_t)roll();
		read_words(b, &hmi, 100 + (uint32_t)t % 3, w, WORDS, BEGIN + (300 + t) * SECOND);
	}
	baseline_progress(b, &now);
	assert_int_equal(now.objects, 5);
	assert_true(now.bytes == before.bytes);
	baseline_free(b);
}

static void an_object_takes_as_much_as_is_said(void **state)
{
	(void)state;
	assert_in_range(sizeof(struct value_object), 1, 320);
	assert_in_range(sizeof(struct value_view), 1, 40);
	assert_in_range(sizeof(struct value_pair), 1, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_their_own_stay_that),
		cmocka_unit_test(what_goes_below_zero_is_signed),
		cmocka_unit_test(counters_of_two_words_are_one_in_both_orders),
		cmocka_unit_test(signed_numbers_of_two_words_are_one_in_both_orders),
		cmocka_unit_test(floats_are_found_in_both_orders),
		cmocka_unit_test(written_set_points_are_floats_when_they_are_decimals),
		cmocka_unit_test(a_value_out_of_its_range_is_told_in_one_sentence),
		cmocka_unit_test(a_jump_within_the_range_is_told),
		cmocka_unit_test(a_value_that_stands_still_is_told_and_not_at_every_look),
		cmocka_unit_test(a_mean_on_its_way_out_is_an_early_warning),
		cmocka_unit_test(two_that_moved_together_and_no_longer_do_are_told),
		cmocka_unit_test(two_that_go_on_together_are_silent),
		cmocka_unit_test(a_value_that_is_not_of_the_few_is_told),
		cmocka_unit_test(a_counter_may_grow_but_not_go_back),
		cmocka_unit_test(readers_that_overtake_each_other_do_not_turn_a_counter_back),
		cmocka_unit_test(a_word_that_wraps_is_a_counter_too),
		cmocka_unit_test(the_other_half_of_a_counter_may_go_up_when_it_wraps),
		cmocka_unit_test(a_set_point_that_was_never_written_is_told),
		cmocka_unit_test(what_one_reader_is_shown_stands_still_though_another_sees_it_move),
		cmocka_unit_test(a_topic_and_a_coil_are_objects_too),
		cmocka_unit_test(little_learned_says_nothing),
		cmocka_unit_test(objects_have_a_limit_and_frozen_nothing_is_allocated),
		cmocka_unit_test(an_object_takes_as_much_as_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
