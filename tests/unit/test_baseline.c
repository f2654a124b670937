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

static void the_budget_chooses_the_lowest_threshold_it_can_afford(void **state)
{
	struct budget *b = calloc(1, sizeof(*b));
	struct deviation d = {.client = &hmi};
	int i;

	(void)state;
	/* ten days, each with 20 events of score 2 and 3 of score 8 */
	for (i = 0; i < 230; i++) {
		d.time = i * 60 * SECOND;
		d.score = i % 23 < 20 ? 2 : 8;
		budget_rehearse(b, &d);
	}
	budget_watched(b, 10 * 86400 * SECOND);
	budget_settle(b, 5);
	d.score = 8;
	assert_true(budget_permits(b, &d));
	d.score = 2;
	assert_false(budget_permits(b, &d));
	budget_settle(b, 1);
	d.score = 8;
	assert_false(budget_permits(b, &d));
	d.score = 100;
	assert_true(budget_permits(b, &d));
	d.hard = true;
	d.score = 0;
	assert_true(budget_permits(b, &d));
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_learned_is_silent_and_what_is_new_is_told),
		cmocka_unit_test(nothing_is_told_while_learning),
		cmocka_unit_test(a_channel_has_no_more_items_than_its_limit),
		cmocka_unit_test(tables_find_what_they_hold_after_growing),
		cmocka_unit_test(the_budget_chooses_the_lowest_threshold_it_can_afford),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
