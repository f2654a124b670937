/*
 * A stream against a naive twin. The twin keeps one cell per byte of the whole stream: empty, or
 * its value; the delivered part is the run of full cells from the start. No lists, no copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEN    600 /* bytes of a stream */
#define ROUNDS 4000

static uint64_t rng;

static uint32_t pick(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng >> 33) % n;
}

/* What came out of the stream. */
static struct out {
	uint8_t byte[LEN * 2];
	uint32_t len;
	uint32_t lost; /* bytes in holes */
	unsigned holes;
	unsigned conflicts;
	uint64_t last_order[LEN * 2]; /* packet each byte was said to be of */
} out;

static void on_bytes(void *user, struct stream *s, const uint8_t *p, uint32_t n,
		     const struct stamp *st)
{
	uint32_t i;

	(void)user;
	(void)s;
	assert_true(out.len + n <= sizeof(out.byte));
	memcpy(out.byte + out.len, p, n);
	for (i = 0; i < n; i++)
		out.last_order[out.len + i] = st->order;
	out.len += n;
}

static void on_hole(void *user, struct stream *s, uint32_t n, const struct stamp *st)
{
	(void)user;
	(void)s;
	(void)st;
	assert_true(out.len + n <= sizeof(out.byte));
	memset(out.byte + out.len, '.', n);
	out.len += n;
	out.lost += n;
	out.holes++;
}

static void on_conflict(void *user, struct stream *s, uint32_t at, const struct stamp *st)
{
	(void)user;
	(void)s;
	(void)at;
	(void)st;
	out.conflicts++;
}

struct twin {
	int16_t cell[LEN];   /* -1: empty */
	uint64_t order[LEN]; /* packet whose byte it is */
	uint32_t next;	     /* bytes delivered */
	bool differs;	     /* two copies of a byte that was not delivered yet */
};

static void twin_segment(struct twin *w, enum flow_overlap policy, uint32_t at, const uint8_t *p,
			 uint32_t n, uint64_t order)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		int16_t *c = &w->cell[at + i];

		if (at + i < w->next)
			continue;
		if (*c >= 0 && *c != p[i])
			w->differs = true;
		if (*c < 0 || policy == FLOW_OVERLAP_LAST) {
			if (*c < 0 || *c != p[i])
				w->order[at + i] = order;
			*c = p[i];
		}
	}
	while (w->next < LEN && w->cell[w->next] >= 0)
		w->next++;
}

/* Every byte as the twin has it, and never said to be of an earlier packet than it came in. */
static void check(const struct twin *w)
{
	uint32_t i;

	assert_int_equal(out.len, w->next);
	for (i = 0; i < w->next; i++) {
		assert_int_equal(out.byte[i], w->cell[i]);
		assert_true(out.last_order[i] >= w->order[i]);
	}
}

static struct stream_env new_env(struct pool *pool, enum flow_overlap policy)
{
	memset(&out, 0, sizeof(out));
	return (struct stream_env){.pool = pool,
				   .overlap = policy,
				   .bytes = on_bytes,
				   .hole = on_hole,
				   .conflict = on_conflict};
}

/* Random segments of a stream whose bytes differ in some copies, until all of it was sent. */
static void one_round(struct pool *pool, enum flow_overlap policy, bool honest)
{
	struct stream_env env = new_env(pool, policy);
	struct stream s = {0};
	struct twin w = {.next = 0};
	uint32_t base = pick(2) ? pick(1000) : 0u - pick(LEN); /* often wraps */
	uint32_t front = 0, max = 1 + pick(80), i;
	struct stamp st = {0};

	memset(w.cell, 0xff, sizeof(w.cell));
	stream_start(&s, base);
	s.watched = pick(2);
	while (w.next < LEN && st.order < 2000) {
		uint8_t data[128];
		uint32_t at = pick(3) ? front : pick(LEN), n;

		/* at most a few segments ahead, so that limits play no part here */
		if (at > w.next + STREAM_HELD_MAX / 2)
			at = w.next + pick(STREAM_HELD_MAX / 2);
		n = 1 + pick(max);
		if (at + n > LEN)
			n = LEN - at;
		if (n == 0) {
			front = w.next;
			continue;
		}
		for (i = 0; i < n; i++)
			data[i] = (uint8_t)((at + i) * 7 + (!honest && pick(40) == 0));
		st.order++;
		st.frame = st.order;
		twin_segment(&w, policy, at, data, n, st.order);
		stream_segment(&s, &env, base + at, data, n, 0, &st);
		check(&w);
		if (honest) { /* and acknowledged, or pieces that come again would be suspect */
			assert_int_equal(out.conflicts, 0);
			stream_ack(&s, &env, base + w.next, false);
		}
		front = pick(8) ? at + n : w.next;
	}
	if (w.differs)
		assert_true(out.conflicts > 0);
	stream_drop(&s, &env);
	assert_int_equal(pool_used(pool), 0);
}

static void against_twin(void **state)
{
	struct pool *pool = pool_new(1 << 20);
	uint64_t seed = (uint64_t)time(NULL);
	int i;

	(void)state;
	rng = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < ROUNDS; i++)
		one_round(pool, i & 1 ? FLOW_OVERLAP_LAST : FLOW_OVERLAP_FIRST, i & 2);
	pool_free(pool);
}

/* Segments are lost for good; what comes out plus the holes is the stream, each byte in place. */
static void with_losses(void **state)
{
	struct pool *pool = pool_new(1 << 20);
	uint64_t seed = (uint64_t)time(NULL);
	int round;

	(void)state;
	rng = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (round = 0; round < ROUNDS; round++) {
		struct stream_env env = new_env(pool, FLOW_OVERLAP_FIRST);
		struct stream s = {0};
		struct stamp st = {0};
		uint32_t base = pick(2) ? pick(1000) : 0u - pick(LEN), at = 0, n, i, lost = 0;

		stream_start(&s, base);
		while (at < LEN) {
			uint8_t data[64];

			n = 1 + pick(60);
			if (at + n > LEN)
				n = LEN - at;
			for (i = 0; i < n; i++)
				data[i] = (uint8_t)('a' + (at + i) % 26);
			st.order++;
			if (pick(4) && at + n < LEN) {
				env.now += pick(300) * 10000000ll;
				if (pick(2))
					stream_ack(&s, &env, base + at, pick(2));
			}
			if (pick(5) || at + n == LEN)
				stream_segment(&s, &env, base + at, data, n, 0, &st);
			else
				lost += n;
			at += n;
		}
		while (s.held)
			stream_give_up(&s, &env);
		assert_int_equal(out.len, LEN);
		assert_int_equal(out.lost, lost);
		for (i = 0; i < LEN; i++)
			assert_true(out.byte[i] == '.' || out.byte[i] == 'a' + i % 26);
		assert_int_equal(pool_used(pool), 0);
	}
	pool_free(pool);
}

/* A segment that was cut short, in order and held, with and without what follows it at hand. */
static void cut_short(void **state)
{
	struct pool *pool = pool_new(1 << 20);
	struct stream_env env = new_env(pool, FLOW_OVERLAP_FIRST);
	struct stream s = {0};
	struct stamp st = {1, 1, 1};

	(void)state;
	stream_start(&s, 0);
	stream_segment(&s, &env, 10, (const uint8_t *)"kl", 2, 3, &st);
	stream_segment(&s, &env, 15, (const uint8_t *)"p", 1, 0, &st);
	stream_segment(&s, &env, 0, (const uint8_t *)"abcdefg", 7, 3, &st);
	assert_int_equal(out.len, 16);
	assert_memory_equal(out.byte, "abcdefg...kl...p", 16);
	stream_segment(&s, &env, 16, NULL, 0, 4, &st); /* headers only */
	stream_segment(&s, &env, 20, (const uint8_t *)"u", 1, 0, &st);
	assert_memory_equal(out.byte + 16, "....u", 5);
	assert_int_equal(out.holes, 3);
	assert_null(s.held);
	pool_free(pool);
}

/* A SYN with a number far ahead was no SYN of this connection: what it would hide comes out. */
static void before_the_syn(void **state)
{
	struct pool *pool = pool_new(1 << 20);
	uint32_t base = 0xfffffff0;
	struct stamp st = {1, 1, 1};
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct stream_env env = new_env(pool, FLOW_OVERLAP_FIRST);
		struct stream s = {.watched = true};

		stream_start(&s, base + (i == 2 ? 2 : 1000000));
		stream_segment(&s, &env, base + 1000000 - 1, (const uint8_t *)"k", 1, 0, &st);
		stream_drop(&s, &env); /* a keep-alive probe, or a byte ahead */
		if (i == 1)
			stream_segment(&s, &env, base + 1000000, (const uint8_t *)"x", 1, 0, &st);
		memset(&out, 0, sizeof(out));
		stream_segment(&s, &env, base, (const uint8_t *)"abcd", 4, 0, &st);
		stream_segment(&s, &env, base + 4, (const uint8_t *)"ef", 2, 0, &st);
		stream_segment(&s, &env, base, (const uint8_t *)"abcd", 4, 0, &st);
		assert_int_equal(out.len, 6);
		assert_memory_equal(out.byte, "abcdef", 6);
		assert_int_equal(out.holes, 1);
		assert_int_equal(out.conflicts, 0);
	}
	pool_free(pool);
}

/* The pool against a count: nothing is handed out twice, all of it can be used by any class. */
static void pool_bounds(void **state)
{
	static uint8_t *got[4096];
	static uint32_t size[4096];
	struct pool *pool = pool_new(2 << 20);
	uint64_t seed = (uint64_t)time(NULL);
	uint32_t i, k, n;

	(void)state;
	rng = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < 200000; i++) {
		k = pick(4096);
		if (got[k]) {
			for (n = 0; n < size[k]; n += 97)
				assert_int_equal(got[k][n], (uint8_t)k);
			pool_put(pool, got[k]);
			got[k] = NULL;
			continue;
		}
		size[k] = 1 + pick(pick(10) ? 600 : POOL_MAX);
		got[k] = pool_get(pool, size[k]);
		if (!got[k])
			continue;
		assert_true(pool_room(pool, got[k]) >= size[k]);
		memset(got[k], (int)k, size[k]);
	}
	for (k = 0; k < 4096; k++)
		pool_put(pool, got[k]);
	assert_int_equal(pool_used(pool), 0);
	for (i = 0; i < 32; i++)
		assert_non_null(pool_get(pool, POOL_MAX));
	assert_null(pool_get(pool, 1));
	assert_null(pool_get(pool, POOL_MAX + 1));
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_twin), cmocka_unit_test(with_losses),
		cmocka_unit_test(cut_short),	cmocka_unit_test(before_the_syn),
		cmocka_unit_test(pool_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
