/* Which conversations are heard both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "capture/ways.h"

#include <string.h>

#define SECOND INT64_C(1000000000)
#define ACK    0x10
#define SYN    0x02

struct frame {
	uint8_t b[128];
	uint32_t len;
};

static void put(struct frame *f, const void *p, uint32_t len)
{
	memcpy(f->b + f->len, p, len);
	f->len += len;
}

static struct frame tcp(unsigned tags, uint8_t src, uint8_t dst, uint8_t flags)
{
	const uint8_t tag[4] = {0x81, 0, 0, 5};
	const uint8_t ip[20] = {0x45, 0, 0,  40, 0, 0,	 0,  0, 64, 6,
				0,    0, 10, 0,	 0, src, 10, 0, 0,  dst};
	const uint8_t head[20] = {[12] = 0x50, [13] = flags};
	struct frame f = {.len = 12};

	for (; tags; tags--)
		put(&f, tag, 4);
	put(&f, (const uint8_t[]){8, 0}, 2);
	put(&f, ip, 20);
	put(&f, head, 20);
	return f;
}

static struct frame tcp6(uint8_t src, uint8_t dst)
{
	const uint8_t head[20] = {[12] = 0x50, [13] = ACK};
	uint8_t ip[40] = {0x60, [5] = 20, [6] = 6, [23] = src, [39] = dst};
	struct frame f = {.len = 12};

	put(&f, (const uint8_t[]){0x86, 0xdd}, 2);
	put(&f, ip, 40);
	put(&f, head, 20);
	return f;
}

static void hear(struct ways *w, struct frame f, int64_t time)
{
	ways_hear(w, f.b, f.len, time);
}

static void expect(const struct ways *w, uint64_t both, uint64_t one)
{
	assert_int_equal(w->both, both);
	assert_int_equal(w->one, one);
}

static void one_way_until_the_other_end_is_heard(void **state)
{
	struct ways w = {.both = 0};
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++)
		hear(&w, tcp(i % 4, 1, 2, ACK), SECOND);
	expect(&w, 0, 5);
	hear(&w, tcp(0, 2, 1, ACK), SECOND);
	hear(&w, tcp(2, 1, 2, ACK), SECOND);
	expect(&w, 2, 5);
	hear(&w, tcp6(1, 2), SECOND);
	expect(&w, 2, 6);
	hear(&w, tcp6(2, 1), SECOND);
	expect(&w, 3, 6);
}

static void what_says_nothing_is_not_counted(void **state)
{
	struct frame f = tcp(0, 1, 2, SYN);
	struct ways w = {.both = 0};

	(void)state;
	hear(&w, f, 0); /* a scan */
	f = tcp(0, 1, 2, ACK);
	f.b[14 + 9] = 17; /* UDP */
	hear(&w, f, 0);
	f = tcp(0, 1, 2, ACK);
	f.b[14 + 7] = 8; /* a later fragment */
	hear(&w, f, 0);
	f = tcp(0, 1, 2, ACK);
	f.b[0] = 1; /* to a group */
	hear(&w, f, 0);
	f = tcp(0, 1, 2, ACK);
	for (f.len = 0; f.len < 14 + 20 + 14; f.len++)
		hear(&w, f, 0);
	expect(&w, 0, 0);
	hear(&w, f, 0);
	expect(&w, 0, 1);
}

static void what_was_heard_long_ago_counts_no_more(void **state)
{
	struct ways w = {.both = 0};

	(void)state;
	hear(&w, tcp(0, 2, 1, ACK), 100 * SECOND);
	hear(&w, tcp(0, 1, 2, ACK), 101 * SECOND);
	expect(&w, 1, 1);
	hear(&w, tcp(0, 1, 2, ACK), 135 * SECOND);
	expect(&w, 2, 1);
	hear(&w, tcp(0, 1, 2, ACK), 166 * SECOND);
	expect(&w, 2, 2);
	hear(&w, tcp(0, 1, 2, ACK), 10 * SECOND); /* the clock went back */
	expect(&w, 2, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_way_until_the_other_end_is_heard),
		cmocka_unit_test(what_says_nothing_is_not_counted),
		cmocka_unit_test(what_was_heard_long_ago_counts_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
