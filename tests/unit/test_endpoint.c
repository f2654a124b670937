/* What devices told about themselves is kept per address, bounded and escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/endpoint.h"

#include <stdio.h>

static struct addr host(uint32_t n)
{
	const uint8_t b[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return addr_v4(b);
}

static void test_facts(void **state)
{
	struct endpoint_table *t = endpoint_table_new();
	struct addr a = host(1), b = host(2);
	const struct endpoint *e;

	(void)state;
	assert_null(endpoint_find(t, &a));
	assert_true(endpoint_learn(t, &a, "vendor", slice_str("ACME")));
	assert_false(endpoint_learn(t, &a, "vendor", slice_str("ACME")));
	assert_true(endpoint_learn(t, &a, "revision", slice_str("1.0")));
	assert_true(endpoint_learn(t, &a, "revision", slice_str("1.1")));
	e = endpoint_find(t, &a);
	assert_non_null(e);
	assert_int_equal(e->facts, 2);
	assert_string_equal(e->fact[0].value, "ACME");
	assert_string_equal(e->fact[1].value, "1.1");
	assert_null(endpoint_find(t, &b));
	assert_ptr_equal(endpoint_at(t, 0), e);
	assert_null(endpoint_at(t, 1));
	endpoint_table_free(t);
}

static void test_hostile(void **state)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g",
					   "h", "i", "j", "k", "l", "m"};
	struct endpoint_table *t = endpoint_table_new();
	struct addr a = host(1);
	uint8_t raw[200];
	size_t i;

	(void)state;
	memset(raw, 0x1b, sizeof(raw)); /* escape characters would reach a terminal */
	assert_true(endpoint_learn(t, &a, "vendor", slice_of(raw, sizeof(raw))));
	assert_int_equal(strlen(endpoint_find(t, &a)->fact[0].value), ENDPOINT_VALUE - 1);
	assert_null(strchr(endpoint_find(t, &a)->fact[0].value, 0x1b));
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		endpoint_learn(t, &a, keys[i], slice_str("x"));
	assert_int_equal(endpoint_find(t, &a)->facts, ENDPOINT_FACTS);
	assert_int_equal(endpoint_refused(t), 2);
	endpoint_table_free(t);
}

static void test_bounded(void **state)
{
	struct endpoint_table *t = endpoint_table_new();
	struct addr a;
	uint32_t i;

	(void)state;
	for (i = 0; i < ENDPOINTS_MAX + 10; i++) {
		a = host(i);
		assert_int_equal(endpoint_learn(t, &a, "vendor", slice_str("x")),
				 i < ENDPOINTS_MAX);
	}
	assert_int_equal(endpoint_refused(t), 10);
	a = host(ENDPOINTS_MAX - 1);
	assert_non_null(endpoint_find(t, &a));
	a = host(ENDPOINTS_MAX);
	assert_null(endpoint_find(t, &a));
	endpoint_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
