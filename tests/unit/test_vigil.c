/* What shows over time only: watches, rates, sweeps, at their edges. */
#include "detect/rate.h"
#include "detect/sweep.h"
#include "detect/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)
#define T0     (INT64_C(1700000000) * SECOND)

/* --- watches --- */

static const char text[] =
	"zones: {ci: {level: control-information, networks: [10.40.0.0/24]},"
	" c: {level: control, networks: [10.50.0.0/24]}}\n"
	"assets: {hmi: {zone: ci, address: 10.40.0.5}, plc: {zone: c, address: 10.50.0.11}}\n"
	"watch:\n"
	"  - {id: w, from: hmi, to: plc, modbus: {do: read, unit: 1, input: 3-4},"
	" every: 5s, range: 10..20, changes: 10s}\n";

struct world {
	struct policy *policy;
	struct watch_table *t;
	struct flow flow;
	struct flow_view view;
	uint8_t bytes[8];
	struct op op;
	unsigned told[3]; /* by enum watch_what */
	struct watch_notice last;
};

static void tell(void *user, const struct watch_notice *n)
{
	struct world *w = user;

	w->told[n->what] += n->times;
	w->last = *n;
}

static struct addr ip(const char *s)
{
	struct addr a;

	assert_true(addr_parse(s, &a));
	return a;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct diag diag = {0};

	w->policy = policy_load_buffer("test", text, strlen(text), &diag);
	diag_print(&diag, stderr);
	assert_non_null(w->policy);
	w->t = watch_table_new(w->policy, NULL, tell, w);
	w->flow = (struct flow){.addr = {ip("10.40.0.5"), ip("10.50.0.11")}, .port = {40000, 502}};
	w->view.place[0] = policy_place(w->policy, &w->flow.addr[0], NULL);
	w->view.place[1] = policy_place(w->policy, &w->flow.addr[1], NULL);
	/* registers 2 to 5; 3 and 4 are watched */
	w->op = (struct op){.proto = "modbus",
			    .name = "read-input-registers",
			    .code = 4,
			    .unit = 1,
			    .cls = OP_READ,
			    .object = {.space = OP_SPACE_INPUT, .first = 2, .count = 4}};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	watch_table_free(w->t);
	policy_free(w->policy);
	free(w);
	return 0;
}

static void ask(struct world *w, int64_t time)
{
	w->op.frame++;
	w->op.time = time;
	w->op.role = OP_REQUEST;
	w->op.from_server = false;
	w->op.values = (struct op_values){.type = OP_V_NONE};
	watch_op(w->t, &w->flow, &w->view, &w->op);
}

static void answer(struct world *w, int64_t time, int a, int b, int c, int d)
{
	const int v[4] = {a, b, c, d};
	unsigned i;

	for (i = 0; i < 4; i++) {
		w->bytes[2 * i] = (uint8_t)(v[i] >> 8);
		w->bytes[2 * i + 1] = (uint8_t)v[i];
	}
	w->op.frame++;
	w->op.time = time;
	w->op.role = OP_RESPONSE;
	w->op.from_server = true;
	w->op.request_frame = w->op.frame - 1;
	w->op.values = (struct op_values){
		.raw = {w->bytes, 8}, .count = 4, .type = OP_V_U16, .big_endian = true};
	watch_op(w->t, &w->flow, &w->view, &w->op);
}

static void silence_is_counted_and_ends(void **state)
{
	struct world *w = *state;

	watch_tick(w->t, T0);
	answer(w, T0 + SECOND, 0, 10, 11, 0);
	watch_tick(w->t, T0 + 6 * SECOND); /* exactly 5 s are not longer than 5 s */
	assert_int_equal(w->told[WATCH_SILENT], 0);
	watch_tick(w->t, T0 + 6 * SECOND + 1);
	assert_int_equal(w->told[WATCH_SILENT], 1);
	assert_true(w->last.time == T0 + 6 * SECOND);
	watch_tick(w->t, T0 + 7 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 1);
	answer(w, T0 + 18 * SECOND, 0, 10, 12, 0);
	assert_int_equal(w->told[WATCH_SILENT], 3);
	watch_tick(w->t, T0 + 20 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 3);
}

/* Two workers share a board: the one whose part of the traffic has none of it is not alarmed. */
static void what_another_worker_hears_is_not_silent(void **state)
{
	struct world *w = *state;
	struct watch_board *board = watch_board_new(w->policy);
	struct watch_table *other = watch_table_new(w->policy, board, tell, w);

	watch_table_free(w->t);
	w->t = watch_table_new(w->policy, board, tell, w);
	watch_tick(w->t, T0);
	watch_tick(other, T0);
	answer(w, T0 + 4 * SECOND, 0, 10, 11, 0);
	watch_tick(other, T0 + 9 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 0);
	watch_tick(other, T0 + 9 * SECOND + 1);
	assert_int_equal(w->told[WATCH_SILENT], 1);
	assert_true(w->last.duration == 5 * SECOND + 1);
	watch_table_free(other);
	watch_table_free(w->t);
	w->t = watch_table_new(w->policy, NULL, tell, w);
	watch_board_free(board);
}

static void never_seen_counts_from_the_beginning(void **state)
{
	struct world *w = *state;

	watch_tick(w->t, T0);
	watch_tick(w->t, T0 + 12 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 2);
	assert_true(w->last.seen->frame == 0);
	assert_false(w->last.answers);
}

static void the_missing_answer_is_named(void **state)
{
	struct world *w = *state;
	int k;

	watch_tick(w->t, T0);
	ask(w, T0);
	answer(w, T0 + MS, 0, 10, 11, 0);
	for (k = 1; k < 10; k++)
		ask(w, T0 + k * SECOND);
	watch_tick(w->t, T0 + 9 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 1);
	assert_true(w->last.answers);
}

static void other_units_objects_and_refusals_do_not_count(void **state)
{
	struct world *w = *state;

	watch_tick(w->t, T0);
	answer(w, T0 + SECOND, 0, 10, 11, 0);
	w->op.unit = 2;
	answer(w, T0 + 4 * SECOND, 0, 99, 99, 0);
	w->op.unit = 1;
	w->op.object.first = 5;
	answer(w, T0 + 4 * SECOND, 99, 99, 99, 99);
	w->op.object.first = 2;
	w->op.status = 2;
	answer(w, T0 + 4 * SECOND, 0, 99, 99, 0);
	watch_tick(w->t, T0 + 7 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 1);
	assert_int_equal(w->told[WATCH_RANGE], 0);
}

static void time_that_jumps_begins_anew(void **state)
{
	struct world *w = *state;

	watch_tick(w->t, T0);
	answer(w, T0 + SECOND, 0, 10, 11, 0);
	watch_begin(w->t, T0 - 1000 * SECOND);
	watch_tick(w->t, T0 - 996 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 0);
	watch_tick(w->t, T0 - 990 * SECOND);
	assert_int_equal(w->told[WATCH_SILENT], 1);
	/* back without a word: nothing is overdue, nothing breaks */
	watch_tick(w->t, INT64_MIN / 2);
	answer(w, T0 - 2000 * SECOND, 0, 10, 11, 0);
	assert_int_equal(w->told[WATCH_SILENT], 1);
}

static void only_the_addresses_named_are_in_question(void **state)
{
	struct world *w = *state;

	answer(w, T0, 500, 10, 20, 500);
	assert_int_equal(w->told[WATCH_RANGE], 0);
	answer(w, T0, 15, 10, 21, 15);
	assert_int_equal(w->told[WATCH_RANGE], 1);
	assert_int_equal(w->last.element, 2);
	assert_true(w->last.value == 21);
	w->op.values.type = OP_V_RAW;
	w->op.values.count = 0;
	watch_op(w->t, &w->flow, &w->view, &w->op);
	assert_int_equal(w->told[WATCH_RANGE], 2);
	assert_true(isnan(w->last.value));
}

static void same_values_for_long_are_frozen(void **state)
{
	struct world *w = *state;
	int k;

	for (k = 0; k <= 10; k++)
		answer(w, T0 + k * SECOND, k, 15, 16, k); /* what is not named moves */
	assert_int_equal(w->told[WATCH_FROZEN], 0);
	answer(w, T0 + 11 * SECOND, 0, 15, 16, 0);
	answer(w, T0 + 12 * SECOND, 0, 15, 16, 0);
	assert_int_equal(w->told[WATCH_FROZEN], 1);
	answer(w, T0 + 13 * SECOND, 0, 15, 17, 0);
	answer(w, T0 + 14 * SECOND, 0, 15, 17, 0);
	assert_int_equal(w->told[WATCH_FROZEN], 1);
}

/* --- rates --- */

static const struct policy_rate five = {.count = 5, .per = SECOND, .text = "5/s"};

static unsigned take(struct rate_table *t, const struct addr *a, int n, int64_t time, int64_t step)
{
	unsigned passed = 0;
	int k;

	for (k = 0; k < n; k++)
		passed += rate_take(t, RATE_OPS, 0, a, &five, time + k * step);
	return passed;
}

static void a_rate_allows_so_many_and_then_a_steady_stream(void **state)
{
	struct rate_table *t = rate_table_new();
	const struct addr a = ip("10.0.0.1"), b = ip("10.0.0.2");

	(void)state;
	assert_int_equal(take(t, &a, 9, T0, 0), 5);
	assert_int_equal(take(t, &b, 9, T0, 0), 5);
	assert_int_equal(take(t, &a, 1, T0 + 200 * MS, 0), 1);
	assert_int_equal(take(t, &a, 1, T0 + 200 * MS, 0), 0);
	assert_int_equal(take(t, &a, 50, T0 + 10 * SECOND, 200 * MS), 50);
	/* twice the rate: the full bucket, then every second one */
	assert_in_range(take(t, &a, 100, T0 + 100 * SECOND, 100 * MS), 52, 56);
	rate_table_free(t);
}

static void a_rate_survives_time_that_jumps_back(void **state)
{
	struct rate_table *t = rate_table_new();
	const struct addr a = ip("10.0.0.1");

	(void)state;
	assert_int_equal(take(t, &a, 9, T0, 0), 5);
	/* a little: the same second; far: what was kept moves along, nobody waits a year */
	assert_int_equal(take(t, &a, 1, T0 - 10 * MS, 0), 0);
	assert_int_equal(take(t, &a, 1, T0 - 1000000 * SECOND, 0), 0);
	assert_int_equal(take(t, &a, 1, T0 - 1000000 * SECOND + 200 * MS, 0), 1);
	rate_table_free(t);
}

static void a_full_table_of_rates_favours_the_client(void **state)
{
	struct rate_table *t = rate_table_new();
	struct addr a = ip("10.0.0.1");
	uint32_t k;

	(void)state;
	for (k = 0; k < 20 * RATE_SETS * RATE_WAYS; k++) {
		a.b[13] = (uint8_t)(k >> 16);
		a.b[14] = (uint8_t)(k >> 8);
		a.b[15] = (uint8_t)k;
		assert_true(rate_take(t, RATE_OPS, 0, &a, &five, T0 + k));
	}
	rate_table_free(t);
}

/* --- sweeps --- */

static const struct sweep *try(struct sweep_table *t, const char *source, unsigned host,
			       uint16_t port, int64_t time)
{
	const struct addr a = ip(source);
	struct sweep_try x = {.server = ip("10.50.0.0"), .port = port, .ip_proto = 6};

	x.server.b[15] = (uint8_t)host;
	x.server.b[14] = (uint8_t)(host >> 8);
	return sweep_denied(t, &a, &x, time);
}

static void ten_new_servers_within_a_minute(void **state)
{
	struct sweep_table *t = sweep_table_new();
	const struct sweep *s;
	unsigned k;

	(void)state;
	for (k = 1; k < SWEEP_TRIES; k++)
		assert_null(try(t, "10.1.1.1", k, 502, T0 + k * SECOND));
	assert_null(try(t, "10.1.1.1", 3, 502, T0 + 20 * SECOND)); /* known */
	s = try(t, "10.1.1.1", 10, 502, T0 + 60 * SECOND);
	assert_non_null(s);
	assert_false(s->ports);
	assert_int_equal(s->tries, 10);
	assert_int_equal(s->servers, SWEEP_FIRST);
	assert_int_equal(s->nports, 1);
	assert_true(s->duration == 59 * SECOND);
	s = try(t, "10.1.1.1", 11, 44818, T0 + 61 * SECOND);
	assert_int_equal(s->tries, 11);
	assert_true(s->news);
	sweep_table_free(t);
}

static void slow_tries_and_the_same_few_are_none(void **state)
{
	struct sweep_table *t = sweep_table_new();
	unsigned k;

	(void)state;
	for (k = 0; k < 500; k++) {
		assert_null(try(t, "10.1.1.1", k, 502, T0 + k * 7 * SECOND));
		assert_null(try(t, "10.1.1.2", k % 9, 502, T0 + k * SECOND));
	}
	sweep_table_free(t);
}

static void ports_of_one_server_and_tries_out_of_order(void **state)
{
	struct sweep_table *t = sweep_table_new();
	const struct sweep *s = NULL;
	unsigned k;

	(void)state;
	for (k = 0; k < SWEEP_TRIES; k++)
		s = try(t, "10.1.1.1", 1, (uint16_t)(1 + k), T0 + k);
	assert_non_null(s);
	assert_true(s->ports);
	assert_int_equal(s->nports, SWEEP_PORTS);
	assert_true(s->more_ports);
	/* the newest first */
	for (k = 0; k < SWEEP_TRIES; k++)
		s = try(t, "10.1.1.2", k, 502, T0 - k * SECOND);
	assert_non_null(s);
	sweep_table_free(t);
}

static void many_sources_do_not_hide_one(void **state)
{
	struct sweep_table *t = sweep_table_new();
	const struct sweep *s = NULL;
	char source[32];
	unsigned k, i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(source, sizeof(source), "10.9.%u.%u", i >> 8, i & 255);
		assert_null(try(t, source, 1, 502, T0 + i));
	}
	for (k = 0; k < SWEEP_TRIES; k++)
		s = try(t, "10.1.1.1", k, 502, T0 + SECOND + k);
	assert_non_null(s);
	sweep_table_free(t);
}

#define WATCH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH(what_another_worker_hears_is_not_silent),
		WATCH(silence_is_counted_and_ends),
		WATCH(never_seen_counts_from_the_beginning),
		WATCH(the_missing_answer_is_named),
		WATCH(other_units_objects_and_refusals_do_not_count),
		WATCH(time_that_jumps_begins_anew),
		WATCH(only_the_addresses_named_are_in_question),
		WATCH(same_values_for_long_are_frozen),
		cmocka_unit_test(a_rate_allows_so_many_and_then_a_steady_stream),
		cmocka_unit_test(a_rate_survives_time_that_jumps_back),
		cmocka_unit_test(a_full_table_of_rates_favours_the_client),
		cmocka_unit_test(ten_new_servers_within_a_minute),
		cmocka_unit_test(slow_tries_and_the_same_few_are_none),
		cmocka_unit_test(ports_of_one_server_and_tries_out_of_order),
		cmocka_unit_test(many_sources_do_not_hide_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
