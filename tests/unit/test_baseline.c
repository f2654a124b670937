/* The baseline as a whole: learned, frozen, compared; the tables, the budget, permits. */
#include "baseline/inside.h"
#include "baseline/permit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define BEGIN  (1700000000 * SECOND)

struct heard {
	unsigned count;
	enum baseline_finding what;
	char permit[BASELINE_TEXT], expected[256], observed[256];
};

static const struct addr hmi = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 5}};
static const struct addr plc = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};

static void hear(void *user, const struct deviation *d)
{
	struct heard *h = user;

	h->count++;
	h->what = d->what;
	permit_text(d, h->permit);
	d->words(d, false, h->expected, sizeof(h->expected), h->observed, sizeof(h->observed));
}

static struct op request(uint32_t code, uint64_t first, uint32_t count, int64_t time)
{
	return (struct op){.frame = 1,
			   .time = time,
			   .proto = "modbus",
			   .name = code == 3 ? "read-holding-registers" : "write-single-register",
			   .code = code,
			   .unit = 1,
			   .role = OP_REQUEST,
			   .cls = code == 3 ? OP_READ : OP_WRITE,
			   .rtt = -1,
			   .object = {.space = OP_SPACE_HOLDING, .first = first, .count = count}};
}

static void say(struct baseline *b, uint32_t code, uint64_t first, uint32_t count, int64_t time)
{
	struct op op = request(code, first, count, time);

	baseline_op(b, &hmi, &plc, &op);
}

static struct baseline *learned(void)
{
	struct baseline *b = baseline_new(NULL);
	int i;

	assert_non_null(b);
	for (i = 0; i < 100; i++)
		say(b, 3, 0, 10, BEGIN + i * SECOND);
	return b;
}

static void what_was_learned_is_silent_and_what_is_new_is_told(void **state)
{
	struct baseline *b = learned();
	struct heard h = {0};

	(void)state;
	baseline_tell(b, hear, &h);
	assert_true(baseline_freeze(b, BUDGET_DEFAULT, NULL, NULL, BEGIN + 200 * SECOND));
	say(b, 3, 0, 10, BEGIN + 100 * SECOND);
	assert_int_equal(h.count, 0);
	say(b, 6, 5, 1, BEGIN + 100 * SECOND);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.what, BASELINE_NEW_OP);
	assert_string_equal(h.permit, "new-op 10.40.0.5 -> 10.50.0.11 modbus 1 "
				      "write-single-register holding 5");
	baseline_free(b);
}

static void nothing_is_told_while_learning(void **state)
{
	struct baseline *b = learned();
	struct baseline_progress p;
	struct heard h = {0};

	(void)state;
	baseline_tell(b, hear, &h);
	say(b, 6, 5, 1, BEGIN + 100 * SECOND);
	assert_int_equal(h.count, 0);
	baseline_progress(b, &p);
	assert_int_equal(p.ops, 101);
	assert_int_equal(p.channels, 1);
	assert_int_equal(p.items, 2);
	assert_int_equal(p.recent_explained, 99); /* all but the two that were new */
	baseline_free(b);
}

static void a_channel_has_no_more_items_than_its_limit(void **state)
{
	struct baseline *b = baseline_new(&(struct baseline_limits){.items = 8});
	struct baseline_progress p;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		say(b, 3, (uint64_t)i, 1, BEGIN + i);
	baseline_progress(b, &p);
	assert_int_equal(p.items, 8);
	assert_int_equal(b->norm[0].channels->unlisted, 992);
	baseline_free(b);
}

static void nothing_new_is_learned_once_memory_is_used_up(void **state)
{
	struct baseline *b = baseline_new(&(struct baseline_limits){.bytes = 1 << 20});
	struct baseline_progress p;
	struct addr a = hmi;
	struct op op;
	int i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		a.b[13] = (uint8_t)(i >> 16);
		a.b[14] = (uint8_t)(i >> 8);
		a.b[15] = (uint8_t)i;
		op = request(3, (uint64_t)i, 1, BEGIN + i);
		baseline_op(b, &a, &plc, &op);
	}
	baseline_progress(b, &p);
	assert_in_range(p.channels, 100, 5000);
	assert_in_range(p.bytes, 1 << 20, 3 << 20); /* what began goes into one block more */
	assert_in_range(p.refused, 100000, UINT64_MAX);
	baseline_free(b);
}

static unsigned longest_bucket(const struct norm *n)
{
	const struct set_host *h;
	unsigned i, length, longest = 0;

	for (i = 0; i <= n->set.host_mask; i++) {
		length = 0;
		for (h = n->set.host_bucket[i]; h; h = h->bucket)
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

/* All addresses of one network have the same hash under the key 0; nobody can aim at another. */
static void chosen_addresses_fall_into_one_bucket_only_if_the_key_is_known(void **state)
{
	const uint64_t network = 0xa0761d6478bd642f ^ (16 * 0x9e3779b97f4a7c15);
	unsigned k, i;

	(void)state;
	for (k = 0; k < 2; k++) {
		struct baseline *b =
			baseline_new(&(struct baseline_limits){.key = k ? 0x0123456789abcdef : 0});
		struct addr a = {{0}};

		memcpy(a.b, &network, sizeof(network));
		for (i = 0; i < 1000; i++) {
			memcpy(a.b + 12, &i, sizeof(i));
			assert_non_null(set_host_get(&b->norm[0], &a, false));
		}
		if (k)
			assert_in_range(longest_bucket(&b->norm[0]), 1, 20);
		else
			assert_int_equal(longest_bucket(&b->norm[0]), 1000);
		baseline_free(b);
	}
}

static void tables_find_what_they_hold_after_growing(void **state)
{
	struct baseline *b = baseline_new(NULL);
	struct addr a = hmi;
	struct op op;
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		a.b[14] = (uint8_t)(i >> 8);
		a.b[15] = (uint8_t)i;
		op = request(3, (uint64_t)i, 2, BEGIN);
		baseline_op(b, &a, &plc, &op);
	}
	assert_int_equal(b->norm[0].channel_count, 5000);
	for (i = 0; i < 5000; i++) {
		struct channel *c;

		a.b[14] = (uint8_t)(i >> 8);
		a.b[15] = (uint8_t)i;
		c = channel_find(&b->norm[0], &a, &plc, "modbus", 1);
		assert_non_null(c);
		op = request(3, (uint64_t)i, 2, BEGIN);
		assert_ptr_equal(item_find(c, &op), c->items);
	}
	baseline_free(b);
}

/* Ten days, each with 20 events of score 2 and 3 of score 8. */
static struct budget *ten_days(void)
{
	struct budget *b = calloc(1, sizeof(*b));
	struct deviation d = {.client = &hmi};
	int64_t minute;

	assert_non_null(b);
	for (minute = 0; minute < 10 * 1440; minute++) {
		d.time = minute * 60 * SECOND;
		budget_clock(b, d.time);
		if (minute % 1440 >= 23)
			continue;
		d.score = minute % 1440 < 20 ? 2 : 8;
		budget_rehearse(b, &d);
	}
	return b;
}

static bool is_told(const struct budget *b, double score)
{
	const struct deviation d = {.client = &hmi, .score = score};

	return budget_permits(b, &d);
}

static void the_budget_chooses_the_lowest_threshold_it_can_afford(void **state)
{
	const struct deviation hard = {.client = &hmi, .hard = true};
	struct budget *b = ten_days();

	(void)state;
	budget_settle(b, 5);
	assert_true(is_told(b, 8));
	assert_true(is_told(b, 3));
	assert_false(is_told(b, 2));
	assert_true(budget_expects(b) <= 5);
	budget_settle(b, 1);
	assert_false(is_told(b, 8));
	assert_true(is_told(b, 10));
	assert_true(budget_permits(b, &hard));
	budget_settle(b, 50);
	assert_true(is_told(b, 1));
	free(b);
}

static void the_early_part_of_learning_costs_nothing(void **state)
{
	struct budget *b = calloc(1, sizeof(*b));
	struct deviation d = {.client = &hmi, .score = 100};
	int64_t minute;

	(void)state;
	for (minute = 0; minute < 4 * 1440; minute++) {
		d.time = minute * 60 * SECOND;
		budget_clock(b, d.time);
		if (minute < 1440) /* all of the first quarter */
			budget_rehearse(b, &d);
	}
	budget_settle(b, 5);
	assert_true(is_told(b, 1));
	free(b);
}

/* Above all that was seen, and the farther the shorter it looked; a finding never near it too. */
static void short_learning_keeps_a_margin_that_shrinks(void **state)
{
	const int minutes[] = {10, 120, 900};
	double margin[3];
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct budget *b = calloc(1, sizeof(*b));
		int64_t second;

		for (second = 0; second <= minutes[i] * 60; second++)
			budget_clock(b, second * SECOND);
		budget_settle(b, 5);
		margin[i] = b->threshold[0];
		free(b);
	}
	assert_true(margin[0] > 4 && margin[0] < 4.5);
	assert_true(margin[1] > 1.8 && margin[1] < 2.6);
	assert_true(margin[2] >= 1 && margin[2] < 1.3);
}

/* The same finding once a day and another one often: the budget is spent on the rare one. */
static void the_budget_is_spent_where_it_costs_least(void **state)
{
	struct budget *b;
	struct deviation rare = {.client = &hmi, .score = 4, .what = 0};
	struct deviation often = {.client = &hmi, .score = 4, .what = 1};
	int64_t minute;

	(void)state;
	if (BASELINE_FINDINGS < 2)
		skip();
	b = calloc(1, sizeof(*b));
	for (minute = 0; minute < 8 * 1440; minute++) {
		rare.time = often.time = minute * 60 * SECOND;
		budget_clock(b, rare.time);
		if (minute % 1440 == 0)
			budget_rehearse(b, &rare);
		if (minute % 60 == 0)
			budget_rehearse(b, &often);
	}
	budget_settle(b, 5);
	assert_true(budget_permits(b, &rare));
	assert_false(budget_permits(b, &often));
	free(b);
}

/* Two workers that share the traffic are no two days; two days are. */
static void shares_of_the_same_time_are_not_added_up(void **state)
{
	struct budget *one = ten_days(), *other = ten_days();

	(void)state;
	budget_merge(one, other, true);
	assert_int_equal(one->learned, other->learned);
	budget_settle(one, 5);
	assert_false(is_told(one, 8)); /* six a day now */
	free(one);
	one = ten_days();
	budget_merge(one, other, false);
	assert_int_equal(one->learned, 2 * other->learned);
	budget_settle(one, 5);
	assert_true(is_told(one, 8));
	free(one);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_learned_is_silent_and_what_is_new_is_told),
		cmocka_unit_test(nothing_is_told_while_learning),
		cmocka_unit_test(a_channel_has_no_more_items_than_its_limit),
		cmocka_unit_test(nothing_new_is_learned_once_memory_is_used_up),
		cmocka_unit_test(chosen_addresses_fall_into_one_bucket_only_if_the_key_is_known),
		cmocka_unit_test(tables_find_what_they_hold_after_growing),
		cmocka_unit_test(the_budget_chooses_the_lowest_threshold_it_can_afford),
		cmocka_unit_test(the_early_part_of_learning_costs_nothing),
		cmocka_unit_test(short_learning_keeps_a_margin_that_shrinks),
		cmocka_unit_test(the_budget_is_spent_where_it_costs_least),
		cmocka_unit_test(shares_of_the_same_time_are_not_added_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
