#include "base/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void test_orders(void **state)
{
	struct reader r = rd_init(bytes, 10);

	(void)state;
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_be16(&r), 0x0203);
	assert_int_equal(rd_le16(&r), 0x0504);
	assert_int_equal(rd_be24(&r), 0x060708);
	assert_int_equal(rd_left(&r), 2);
	assert_true(rd_ok(&r));
	r = rd_init(bytes, 10);
	assert_true(rd_be32(&r) == 0x01020304);
	assert_true(rd_le32(&r) == 0x08070605);
	r = rd_init(bytes, 10);
	assert_true(rd_be64(&r) == 0x0102030405060708u);
	r = rd_init(bytes, 10);
	assert_true(rd_le64(&r) == 0x0807060504030201u);
	assert_true(rd_ok(&r));
}

static void test_past_the_end(void **state)
{
	struct reader r = rd_init(bytes, 3);

	(void)state;
	assert_int_equal(rd_be16(&r), 0x0102);
	assert_int_equal(rd_be16(&r), 0); /* not half of it */
	assert_false(rd_ok(&r));
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(rd_u8(&r), 0); /* and nothing after it */
	assert_null(rd_take(&r, 0));
	assert_int_equal(rd_slice(&r, 1).len, 0);
	assert_int_equal(rd_rest(&r).len, 0);
}

static void test_slices(void **state)
{
	struct reader r = rd_init(bytes, 10);
	struct slice s = rd_slice(&r, 4), rest;

	(void)state;
	assert_ptr_equal(s.p, bytes);
	assert_int_equal(s.len, 4);
	rd_skip(&r, 1);
	rest = rd_rest(&r);
	assert_ptr_equal(rest.p, bytes + 5);
	assert_int_equal(rest.len, 5);
	assert_int_equal(rd_rest(&r).len, 0);
	assert_true(rd_ok(&r));
	assert_true(slice_eq(slice_str("abc"), slice_of("abc", 3)));
	assert_false(slice_eq(slice_str("abc"), slice_str("abd")));
	assert_false(slice_eq(slice_str("abc"), slice_str("ab")));
	assert_true(slice_eq(slice_of(NULL, 0), slice_str("")));
}

static void test_nothing(void **state)
{
	struct reader r = rd_init(NULL, 0);

	(void)state;
	assert_int_equal(rd_rest(&r).len, 0);
	rd_skip(&r, 0);
	assert_true(rd_ok(&r));
	rd_skip(&r, UINT32_MAX); /* does not wrap */
	assert_false(rd_ok(&r));
}

/* Against a reader that keeps nothing but an index and the truth. */
static void test_random_reads(void **state)
{
	uint32_t seed = 1, round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		uint32_t len = (seed >> 8) % 11, at = 0;
		uint8_t *copy = malloc(len ? len : 1);
		struct reader r = rd_init(copy, len);
		int bad = 0;

		memcpy(copy, bytes, len);
		while (!bad) {
			uint32_t n, i;
			uint64_t want = 0, got;

			seed = seed * 1664525 + 1013904223;
			n = (uint32_t[]){1, 2, 3, 4, 8}[(seed >> 16) % 5];
			bad = n > len - at;
			for (i = 0; i < n && !bad; i++)
				want = want << 8 | copy[at++];
			got = n == 1   ? rd_u8(&r)
			      : n == 2 ? rd_be16(&r)
			      : n == 3 ? rd_be24(&r)
			      : n == 4 ? rd_be32(&r)
				       : rd_be64(&r);
			assert_true(bad ? n == 8 || got == 0 : got == want);
			assert_int_equal(rd_ok(&r), !bad);
		}
		free(copy);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_orders),	     cmocka_unit_test(test_past_the_end),
	cmocka_unit_test(test_slices),	     cmocka_unit_test(test_nothing),
	cmocka_unit_test(test_random_reads),
};

int main(void)
{
	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
