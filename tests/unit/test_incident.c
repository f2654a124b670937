/* One event per incident: folding, closing, order, and a table that is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "detect/incident.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define QUIET  (300 * SECOND)
#define LONG   (3600 * SECOND)

static const struct finding one = {.id = "one", .sid = 1, .severity = 2};
static const struct finding two = {.id = "two", .sid = 2, .severity = 1};

struct log {
	unsigned n;
	uint64_t frame[4096];
	uint64_t count[4096];
	int64_t last[4096];
};

static void told(void *user, const struct incident *i)
{
	struct log *l = user;

	l->frame[l->n] = i->first_frame;
	l->count[l->n] = i->count;
	l->last[l->n++] = i->last;
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct log));
	return !*state;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void repeats_are_counted(void **state)
{
	struct log *l = *state;
	struct incident_table *t = incident_table_new(0, QUIET, LONG, told, l);
	struct incident *i = incident_report(t, &one, 7, 0, 1);
	int k;

	assert_non_null(i);
	assert_ptr_equal(i->finding, &one);
	assert_int_equal(i->severity, 2);
	assert_int_equal(i->count, 1);
	for (k = 1; k < 10; k++)
		assert_null(incident_report(t, &one, 7, k * SECOND, 1 + (uint64_t)k));
	assert_non_null(incident_report(t, &two, 7, 10 * SECOND, 11)); /* another finding */
	assert_non_null(incident_report(t, &one, 8, 10 * SECOND, 12)); /* another key */
	assert_int_equal(l->n, 0);
	incident_flush(t);
	assert_int_equal(l->n, 3);
	assert_int_equal(l->count[0], 10);
	assert_int_equal(l->last[0], 9 * SECOND);
	assert_int_equal(l->frame[1], 11);
	assert_int_equal(l->frame[2], 12);
	incident_flush(t);
	assert_int_equal(l->n, 3);
	incident_table_free(t);
}

static void quiet_ones_are_told(void **state)
{
	struct log *l = *state;
	struct incident_table *t = incident_table_new(0, QUIET, LONG, told, l);

	assert_non_null(incident_report(t, &one, 1, 0, 1));
	assert_non_null(incident_report(t, &one, 2, SECOND, 2));
	assert_null(incident_report(t, &one, 1, 200 * SECOND, 3)); /* refreshed */
	incident_tick(t, 302 * SECOND);
	assert_int_equal(l->n, 1);
	assert_int_equal(l->frame[0], 2);
	assert_non_null(incident_report(t, &one, 2, 303 * SECOND, 4)); /* a new one */
	incident_flush(t);
	assert_int_equal(l->n, 3);
	assert_int_equal(l->frame[1], 1);
	incident_table_free(t);
}

static void long_ones_are_told_again(void **state)
{
	struct log *l = *state;
	struct incident_table *t = incident_table_new(0, QUIET, LONG, told, l);
	int64_t s;

	for (s = 0; s <= 2 * 3600 + 10; s++)
		incident_report(t, &one, 1, s * SECOND, (uint64_t)s + 1);
	incident_flush(t);
	assert_int_equal(l->n, 3);
	assert_int_equal(l->count[0], 3601);
	assert_int_equal(l->count[0] + l->count[1] + l->count[2], 7211);
	incident_table_free(t);
}

/* The next file may be years older than the last. */
static void time_may_jump_back(void **state)
{
	struct log *l = *state;
	struct incident_table *t = incident_table_new(0, QUIET, LONG, told, l);
	int64_t year = INT64_C(365) * 86400 * SECOND;
	int k;

	assert_non_null(incident_report(t, &one, 1, 10 * year, 1));
	assert_non_null(incident_report(t, &one, 2, 10 * year, 2));
	assert_non_null(incident_report(t, &one, 1, year, 3));
	for (k = 1; k < 100; k++)
		assert_null(incident_report(t, &one, 1, year + k * SECOND, 4));
	assert_int_equal(l->n, 1);
	incident_flush(t);
	assert_int_equal(l->n, 3);
	assert_int_equal(l->count[1], 100);
	incident_table_free(t);
}

/* A flow may be judged when it ends, but its incident began with it. */
static void the_rest_is_told_by_its_beginning(void **state)
{
	struct log *l = *state;
	struct incident_table *t = incident_table_new(0, QUIET, LONG, told, l);

	assert_non_null(incident_report(t, &one, 1, 20 * SECOND, 1));
	assert_non_null(incident_report(t, &one, 2, 10 * SECOND, 2));
	assert_non_null(incident_report(t, &one, 3, 20 * SECOND, 3));
	assert_non_null(incident_report(t, &two, 1, 5 * SECOND, 4));
	incident_flush(t);
	assert_int_equal(l->n, 4);
	assert_int_equal(l->frame[0], 4);
	assert_int_equal(l->frame[1], 2);
	assert_int_equal(l->frame[2], 1);
	assert_int_equal(l->frame[3], 3);
	incident_table_free(t);
}

static void full_table_tells_the_quietest_early(void **state)
{
	struct log *l = *state;
	struct incident_table *t = incident_table_new(3, QUIET, LONG, told, l);

	incident_report(t, &one, 1, 1, 1);
	incident_report(t, &one, 2, 2, 2);
	incident_report(t, &one, 3, 3, 3);
	incident_report(t, &one, 1, 4, 4);
	assert_int_equal(incident_early(t), 0);
	assert_non_null(incident_report(t, &one, 4, 5, 5));
	assert_int_equal(incident_early(t), 1);
	assert_int_equal(l->n, 1);
	assert_int_equal(l->frame[0], 2);
	incident_flush(t);
	assert_int_equal(l->n, 4);
	assert_int_equal(l->frame[1], 1); /* in the order of their first occurrence */
	assert_int_equal(l->frame[2], 3);
	assert_int_equal(l->frame[3], 5);
	incident_table_free(t);
}

/* Against a twin that keeps everything in one array and looks at all of it each time. */
static void agrees_with_a_naive_twin(void **state)
{
	struct {
		uint64_t key, count, frame;
		int64_t first, last;
		bool open;
	} twin[4096];
	struct log *l = *state;
	struct incident_table *t = incident_table_new(1000, QUIET, LONG, told, l);
	unsigned n = 0, i, k;
	int64_t time = 0;

	srand(1);
	for (k = 1; k <= 3000; k++) {
		uint64_t key = (uint64_t)(rand() % 40);

		time += rand() % 40 * SECOND;
		for (i = 0; i < n; i++)
			if (twin[i].open &&
			    (time - twin[i].last > QUIET || time - twin[i].first > LONG))
				twin[i].open = false;
		for (i = 0; i < n && !(twin[i].open && twin[i].key == key); i++)
			;
		assert_int_equal(incident_report(t, &one, key, time, k) != NULL, i == n);
		if (i == n) {
			twin[n].key = key;
			twin[n].first = time;
			twin[n].frame = k;
			twin[n].count = 0;
			twin[n++].open = true;
		}
		twin[i].last = time;
		twin[i].count++;
	}
	incident_flush(t);
	assert_int_equal(l->n, n);
	for (i = 0; i < n; i++) {
		for (k = 0; k < n && l->frame[k] != twin[i].frame; k++)
			;
		assert_int_not_equal(k, n);
		assert_int_equal(l->count[k], twin[i].count);
		assert_int_equal(l->last[k], twin[i].last);
	}
	incident_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(repeats_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(quiet_ones_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(long_ones_are_told_again, setup, teardown),
		cmocka_unit_test_setup_teardown(time_may_jump_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_rest_is_told_by_its_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(full_table_tells_the_quietest_early, setup,
						teardown),
		cmocka_unit_test_setup_teardown(agrees_with_a_naive_twin, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
