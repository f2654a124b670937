/* The prefix trie against a linear search, on random prefixes. */
#include "base/trie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
	struct addr a;
	unsigned bits;
	uint32_t value;
};

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static bool inside(const struct addr *a, const struct entry *e)
{
	unsigned i;

	for (i = 0; i < e->bits; i++)
		if (((a->b[i / 8] ^ e->a.b[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static uint32_t naive(const struct entry *e, unsigned n, const struct addr *a, unsigned above)
{
	uint32_t best = TRIE_NONE;
	unsigned i, longest = 0;

	for (i = 0; i < n; i++)
		if (e[i].bits < above && inside(a, &e[i]) &&
		    (best == TRIE_NONE || e[i].bits >= longest)) {
			best = e[i].value;
			longest = e[i].bits;
		}
	return best;
}

/* Few distinct bytes, so that prefixes nest and collide. */
static struct addr random_addr(void)
{
	struct addr a;
	unsigned i;

	for (i = 0; i < 16; i++)
		a.b[i] = (uint8_t)(rnd(3) ? 0 : rnd(4) << rnd(7));
	if (rnd(2)) {
		uint8_t v4[4] = {10, (uint8_t)rnd(3), (uint8_t)rnd(3), (uint8_t)rnd(256)};

		a = addr_v4(v4);
	}
	return a;
}

static void against_naive(void **state)
{
	static struct entry e[300];
	unsigned round, i, k, n;

	(void)state;
	seed = 20240501;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (round = 0; round < 200; round++) {
		struct arena m = {0};
		struct trie t = {0};

		n = 0;
		for (i = 0; i < 1 + rnd(299); i++) {
			struct entry x = {random_addr(), rnd(129), i};
			uint32_t before = TRIE_NONE;

			for (k = x.bits; k < 128; k++)
				x.a.b[k / 8] &= (uint8_t) ~(0x80 >> k % 8);
			for (k = 0; k < n; k++)
				if (e[k].bits == x.bits && addr_eq(&e[k].a, &x.a))
					before = e[k].value;
			assert_int_equal(trie_add(&t, &m, &x.a, x.bits, x.value), before);
			if (before == TRIE_NONE)
				e[n++] = x;
		}
		for (i = 0; i < 500; i++) {
			struct addr a = random_addr();
			unsigned above = rnd(130);

			assert_int_equal(trie_find(&t, &a), naive(e, n, &a, 129));
			assert_int_equal(trie_find_above(&t, &a, above), naive(e, n, &a, above));
		}
		arena_free(&m);
	}
}

static void longest_wins(void **state)
{
	static const struct {
		const char *prefix;
		uint32_t value;
	} in[] = {{"::/0", 0},
		  {"10.0.0.0/8", 1},
		  {"10.1.0.0/16", 2},
		  {"10.1.2.3", 3},
		  {"fd00::/8", 4}};
	static const struct {
		const char *addr;
		uint32_t value;
	} ask[] = {{"10.1.2.3", 3},  {"10.1.2.4", 2}, {"10.2.0.1", 1},
		   {"192.0.2.1", 0}, {"fd00::1", 4},  {"2001:db8::1", 0}};
	struct arena m = {0};
	struct trie t = {0};
	struct addr a;
	unsigned i, bits;

	(void)state;
	assert_true(addr_parse("10.0.0.1", &a));
	assert_int_equal(trie_find(&t, &a), TRIE_NONE);
	for (i = 0; i < sizeof(in) / sizeof(*in); i++) {
		assert_null(addr_parse_prefix(in[i].prefix, &a, &bits));
		assert_int_equal(trie_add(&t, &m, &a, bits, in[i].value), TRIE_NONE);
	}
	for (i = 0; i < sizeof(ask) / sizeof(*ask); i++) {
		assert_true(addr_parse(ask[i].addr, &a));
		assert_int_equal(trie_find(&t, &a), ask[i].value);
	}
	arena_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_wins),
		cmocka_unit_test(against_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
