/* What is learned of values: counted right, added, written and read back. */
#include "value_series.h"

/* --- statistics against a naive reference --- */

static void check_against_naive(const double *x, const int64_t *at, unsigned n)
{
	struct baseline *b = baseline_new(NULL);
	struct value_norm *norm = &b->norm[0].value;
	struct value_model m = {0};
	struct value_run run = {0};
	double lo = x[0], hi = x[0], moved = 0, step[VALUE_SPANS] = {0}, d;
	unsigned i, k, changes = 0, ups = 0, distinct = 0, visits;

	for (i = 0; i < n; i++) {
		value_model_see(&m, &run, x[i], at[i], false, norm, &b->arena);
		value_run_on(&run, &m, x[i], at[i]);
		lo = x[i] < lo ? x[i] : lo;
		hi = x[i] > hi ? x[i] : hi;
		d = i ? x[i] - x[i - 1] : 0;
		changes += d != 0;
		ups += d > 0;
		moved += fabs(d);
		k = i ? value_span(at[i] - at[i - 1]) : 0;
		step[k] = fabs(d) > step[k] ? fabs(d) : step[k];
		for (k = 0; k < i && x[k] != x[i]; k++)
			;
		distinct += k == i;
	}
	assert_true(m.seen.count == n && m.lo == lo && m.hi == hi);
	assert_int_equal(m.changes, changes);
	assert_int_equal(m.ups, ups);
	assert_true(fabs(m.moved - moved) <= 1e-9 * moved);
	for (k = 0; k < VALUE_SPANS; k++)
		assert_true((double)m.step[k] >= step[k] &&
			    (double)m.step[k] <= step[k] * 1.000001);
	assert_int_equal(m.many, distinct > VALUE_SET);
	for (k = 0; k < m.set_n; k++) {
		visits = 0;
		for (i = 0; i < n; i++)
			visits += x[i] == m.set[k] && (!i || x[i - 1] != x[i]);
		assert_int_equal(value_visits(&m)[k], visits);
	}
	if (!m.many)
		assert_int_equal(m.set_n, distinct);
	baseline_free(b);
}

static void statistics_are_those_of_a_naive_reference(void **state)
{
	double x[400];
	int64_t at[400], now;
	unsigned round, i, n, kinds;

	(void)state;
	dice = 11;
	for (round = 0; round < 300; round++) {
		n = 1 + roll() % 400;
		kinds = 1 + roll() % (round % 2 ? 20 : 5000);
		now = BEGIN;
		for (i = 0; i < n; i++) {
			x[i] = i && roll() % 3 == 0 ? x[i - 1] : roll() % kinds - 5.;
			at[i] = now += 1 + (int64_t)(uniform() * uniform() * 30e9);
		}
		check_against_naive(x, at, n);
	}
}

/* --- merging --- */

static void expect_like(const struct value_model *a, const struct value_model *b)
{
	unsigned k;

	assert_int_equal(a->type, b->type);
	assert_true(a->seen.count == b->seen.count && a->seen.first == b->seen.first &&
		    a->seen.last == b->seen.last);
	assert_true(a->lo == b->lo && a->hi == b->hi && a->many == b->many);
	assert_int_equal(a->set_n, b->set_n);
	assert_int_equal(value_kind(a), value_kind(b));
	assert_in_range(b->changes - a->changes, 0, 2); /* from one half to the other */
	for (k = 0; k < VALUE_SPANS; k++)
		assert_true(a->step[k] <= b->step[k]);
	assert_true(fabs((double)(a->turns - b->turns)) <= 3 + 0.2 * (double)b->turns);
}

static void two_halves_make_the_whole(process *p, bool exactly)
{
	struct baseline *half[2] = {baseline_new(NULL), baseline_new(NULL)};
	struct baseline *whole = baseline_new(NULL), *none = baseline_new(NULL);
	uint16_t w[WORDS] = {0};
	struct heard h;
	unsigned i;
	int t;

	dice = 21;
	for (t = 0; t < 6000; t++) {
		p(w, t);
		read_words(whole, &hmi, 100, w, WORDS, BEGIN + t * SECOND);
		read_words(half[t >= 3000], &hmi, 100, w, WORDS, BEGIN + t * SECOND);
	}
	assert_true(baseline_merge(none, half[1]));
	assert_true(baseline_merge(none, half[0]));
	freeze(whole, &h);
	freeze(none, &h);
	for (i = 0; i < WORDS && exactly; i++)
		expect_like(&object(none, 100 + i, false)->model,
			    &object(whole, 100 + i, false)->model);
	none->now = whole->now;
	go_on(none, p, 78, 3000);
	assert_int_equal(all(&h), 0);
	for (i = 0; i < 2; i++)
		baseline_free(half[i]);
	baseline_free(whole);
	baseline_free(none);
}

static void learned_in_two_halves_it_is_nearly_the_same(void **state)
{
	(void)state;
	two_halves_make_the_whole(levels, true);
	two_halves_make_the_whole(below_zero, true);
	two_halves_make_the_whole(counters, true);
	/* that these are of two words shows late, and differently so in the halves */
	two_halves_make_the_whole(signed32, false);
	two_halves_make_the_whole(floats, true);
	two_halves_make_the_whole(motor, true);
	two_halves_make_the_whole(states, true);
}

/* Four changes in each of ten pieces: no piece alone can say what the words are. */
static void pieces_too_short_to_decide_decide_together(void **state)
{
	struct baseline *all_of_it = baseline_new(NULL), *piece;
	uint16_t w[WORDS] = {0};
	struct heard h;
	int i, t;

	(void)state;
	dice = 5;
	for (i = 0; i < 10; i++) {
		piece = baseline_new(NULL);
		for (t = 0; t < 4; t++) {
			floats(w, i * 4 + t);
			read_words(piece, &hmi, 100, w, WORDS, BEGIN + (i * 4 + t) * SECOND);
		}
		assert_true(baseline_merge(all_of_it, piece));
		baseline_free(piece);
	}
	freeze(all_of_it, &h);
	assert_int_equal(object(all_of_it, 100, false)->model.type, VALUE_F32);
	assert_int_equal(object(all_of_it, 102, false)->model.type, VALUE_F32_SWAPPED);
	assert_int_equal(object(all_of_it, 102, false)->model.seen.count, 40);
	assert_true(object(all_of_it, 102, false)->model.hi < 1.02);
	baseline_free(all_of_it);
}

/* --- text --- */

static char *saved(struct baseline *b, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	assert_true(baseline_save(b, f));
	fclose(f);
	return text;
}

static void what_is_written_as_text_reads_back_the_same(void **state)
{
	process *const all_of[] = {levels, counters, signed32, floats, motor, states, unrelated};
	struct diag diag = {0};
	struct baseline *b, *c;
	struct heard h;
	char *text, *again;
	uint16_t w = 650, out = 990;
	size_t len, len_again;
	unsigned i, k;

	(void)state;
	for (i = 0; i < sizeof(all_of) / sizeof(all_of[0]); i++) {
		b = learn(all_of[i], 1, 3000);
		for (k = 0; k < 20; k++)
			write_words(b, 300, &w, 1, b->now + 1);
		freeze(b, &h);
		text = saved(b, &len);
		c = baseline_load_text("test", text, len, NULL, &diag);
		assert_non_null(c);
		again = saved(c, &len_again);
		assert_string_equal(again, text);
		baseline_tell(c, hear, &h);
		c->now = b->now;
		go_on(c, all_of[i], 9, 2000);
		assert_int_equal(all(&h), 0);
		write_words(c, 300, &out, 1, c->now + 1);
		assert_int_equal(h.count[BASELINE_WRITTEN_VALUE], 1);
		baseline_free(b);
		baseline_free(c);
		free(text);
		free(again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statistics_are_those_of_a_naive_reference),
		cmocka_unit_test(learned_in_two_halves_it_is_nearly_the_same),
		cmocka_unit_test(pieces_too_short_to_decide_decide_together),
		cmocka_unit_test(what_is_written_as_text_reads_back_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
