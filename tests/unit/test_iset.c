/* Interval sets against plain membership in a small universe. */
#include "base/iset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#define UNIVERSE 200

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static bool all(const bool *in, unsigned lo, unsigned hi)
{
	for (; lo <= hi; lo++)
		if (!in[lo])
			return false;
	return true;
}

static void integers(void **state)
{
	unsigned round, i, k;

	(void)state;
	seed = 7;
	for (round = 0; round < 500; round++) {
		struct arena m = {0};
		struct iset s = {0};
		bool in[UNIVERSE] = {false};

		for (i = rnd(12); i > 0; i--) {
			unsigned lo = rnd(UNIVERSE - 10), hi = lo + rnd(10);

			iset_add(&s, &m, lo, hi);
			for (k = lo; k <= hi; k++)
				in[k] = true;
		}
		iset_seal(&s);
		for (i = 1; i < s.count; i++)
			assert_true(s.range[i].lo > s.range[i - 1].hi + 1);
		for (i = 0; i < UNIVERSE; i++)
			assert_int_equal(iset_contains(&s, i), in[i]);
		for (i = 0; i < 200; i++) {
			unsigned lo = rnd(UNIVERSE - 12), hi = lo + rnd(12);

			assert_int_equal(iset_contains_range(&s, lo, hi), all(in, lo, hi));
		}
		arena_free(&m);
	}
}

/* Halves tell that neighbours did not melt together: doubles are 2i for i, 2i + 1 for i + 0.5. */
static void doubles(void **state)
{
	unsigned round, i, k;

	(void)state;
	seed = 8;
	for (round = 0; round < 500; round++) {
		struct arena m = {0};
		struct dset s = {0};
		bool in[UNIVERSE] = {false};

		for (i = rnd(12); i > 0; i--) {
			unsigned lo = rnd(UNIVERSE / 2 - 6), hi = lo + rnd(6);

			dset_add(&s, &m, lo - 50.0, hi - 50.0);
			for (k = lo * 2; k <= hi * 2; k++)
				in[k] = true;
		}
		dset_seal(&s);
		for (i = 0; i < 200; i++) {
			unsigned lo = rnd(UNIVERSE - 12), hi = lo + rnd(12);

			assert_int_equal(dset_contains_range(&s, lo / 2.0 - 50.0, hi / 2.0 - 50.0),
					 all(in, lo, hi));
		}
		assert_false(dset_contains_range(&s, NAN, 1));
		assert_false(dset_contains_range(&s, 1, NAN));
		assert_false(dset_contains_range(&s, NAN, NAN));
		assert_false(dset_contains_range(&s, 0, INFINITY));
		arena_free(&m);
	}
}

static void edges(void **state)
{
	struct arena m = {0};
	struct iset s = {0};

	(void)state;
	assert_false(iset_contains(&s, 0));
	iset_add(&s, &m, UINT64_MAX, UINT64_MAX);
	iset_add(&s, &m, 5, UINT64_MAX - 1);
	iset_add(&s, &m, 0, 0);
	iset_seal(&s);
	assert_int_equal(s.count, 2);
	assert_true(iset_contains_range(&s, 5, UINT64_MAX));
	assert_false(iset_contains_range(&s, 0, 5));
	arena_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(doubles),
		cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
