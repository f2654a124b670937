/* The flow table against a naive twin: an array that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX   40
#define STEPS 300000

struct slot {
	struct table_node node;
	uint32_t mark; /* the owner's part: which twin it is */
};

struct twin {
	struct flow_key key;
	int64_t seen;
	uint64_t serial; /* order of adding */
	uint8_t cls;
	bool used;
	uint32_t mark;
};

static const uint8_t value_of[TABLE_CLASSES] = {0, 1, 1, 1, 2, 3, 3};

static uint64_t rng;

static uint32_t pick(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng >> 33) % n;
}

/* Few hosts and ports, so that keys come again and differ in one field only. */
static struct packet random_packet(void)
{
	struct packet p = {.kind = (uint8_t)(PACKET_TCP + pick(3))};

	p.ip_proto = p.kind == PACKET_TCP ? 6 : p.kind == PACKET_UDP ? 17 : 1;
	p.src = addr_v4((uint8_t[]){10, 0, 0, (uint8_t)pick(4)});
	p.dst = addr_v4((uint8_t[]){10, 0, 0, (uint8_t)pick(4)});
	p.sport = (uint16_t)pick(3);
	p.dport = (uint16_t)pick(3);
	p.vlans = (uint8_t)pick(2);
	p.vlan[0] = p.vlans ? (uint16_t)pick(2) : 0;
	if (p.kind == PACKET_ICMP)
		p.sport = (uint16_t)((pick(2) ? 8 : 3) << 8);
	return p;
}

static struct twin *twin_find(struct twin *all, const struct flow_key *key)
{
	int i;

	for (i = 0; i < MAX; i++)
		if (all[i].used && memcmp(&all[i].key, key, sizeof(*key)) == 0)
			return &all[i];
	return NULL;
}

static struct twin *twin_oldest(struct twin *all)
{
	struct twin *best = NULL;
	int i;

	for (i = 0; i < MAX; i++)
		if (all[i].used && (!best || all[i].serial < best->serial))
			best = &all[i];
	return best;
}

/* No flow of lower value, and none as valuable that is idle for much longer. */
static void check_victim(struct twin *all, const struct twin *v)
{
	int i;

	for (i = 0; i < MAX; i++) {
		if (!all[i].used)
			continue;
		assert_true(value_of[all[i].cls] >= value_of[v->cls]);
		if (value_of[all[i].cls] == value_of[v->cls])
			assert_true(v->seen <= all[i].seen + TABLE_LAZY);
	}
}

static void forget(struct table *t, struct table_node *n, struct twin *w)
{
	assert_int_equal(((struct slot *)n)->mark, w->mark);
	table_remove(t, n);
	w->used = false;
}

/* Everything that must have expired has; nothing else did. */
static void expire(struct table *t, struct twin *all, int64_t now)
{
	struct table_node *n;
	int i;

	while (table_due(t, now) && (n = table_expired(t, now))) {
		struct twin *w = twin_find(all, &n->key);

		assert_non_null(w);
		assert_true(now - w->seen > table_timeout(w->cls));
		forget(t, n, w);
	}
	for (i = 0; i < MAX; i++)
		if (all[i].used)
			assert_true(now - all[i].seen <= table_timeout(all[i].cls) + TABLE_LAZY);
}

static void against_twin(void **state)
{
	static struct twin all[MAX];
	struct table t;
	uint64_t seed = (uint64_t)time(NULL), serial = 0;
	int64_t now = 0;
	uint32_t step;
	int count = 0, i;

	(void)state;
	rng = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	memset(all, 0, sizeof(all));
	assert_true(table_init(&t, MAX, sizeof(struct slot), seed));
	for (step = 0; step < STEPS; step++) {
		struct packet p = random_packet();
		struct flow_key key;
		struct table_node *n;
		struct twin *w;
		bool swapped;
		uint64_t hash;

		now += pick(100) == 0 ? pick(60) * 10000000000ll : pick(1000000000);
		expire(&t, all, now);
		table_key(&p, &key, &swapped);
		hash = table_hash(&t, &key);
		n = table_find(&t, &key, hash);
		w = twin_find(all, &key);
		assert_int_equal(n != NULL, w != NULL);
		if (n) {
			assert_int_equal(((struct slot *)n)->mark, w->mark);
			switch (pick(8)) {
			case 0:
				forget(&t, n, w);
				break;
			case 1:
				w->cls = (uint8_t)pick(TABLE_CLASSES);
				w->seen = now;
				table_set_class(&t, n, w->cls, now);
				break;
			default:
				w->seen = now;
				table_touch(&t, n, now);
			}
		} else {
			uint8_t cls = (uint8_t)pick(TABLE_CLASSES);

			if (t.count == MAX) {
				assert_null(table_add(&t, &key, hash, cls, now));
				n = table_victim(&t);
				w = twin_find(all, &n->key);
				assert_non_null(w);
				check_victim(all, w);
				forget(&t, n, w);
			}
			n = table_add(&t, &key, hash, cls, now);
			assert_non_null(n);
			assert_int_equal(((struct slot *)n)->mark, 0);
			for (w = all; w->used; w++)
				;
			*w = (struct twin){key, now, serial++, cls, true, step + 1};
			((struct slot *)n)->mark = step + 1;
		}
		for (count = 0, i = 0; i < MAX; i++)
			count += all[i].used;
		assert_int_equal(t.count, count);
		n = table_oldest(&t);
		w = twin_oldest(all);
		assert_int_equal(n ? ((struct slot *)n)->mark : 0, w ? w->mark : 0);
	}
	table_free(&t);
}

static void both_directions(void **state)
{
	int i;

	(void)state;
	rng = 1;
	for (i = 0; i < 1000; i++) {
		struct packet p = random_packet(), q = p;
		struct flow_key a, b;
		bool sa, sb;

		q.src = p.dst;
		q.dst = p.src;
		if (p.kind != PACKET_ICMP) {
			q.sport = p.dport;
			q.dport = p.sport;
		} else if (p.sport == 8 << 8) {
			q.sport = 0; /* the echo's reply */
		}
		table_key(&p, &a, &sa);
		table_key(&q, &b, &sb);
		assert_memory_equal(&a, &b, sizeof(a));
		if (!addr_eq(&p.src, &p.dst))
			assert_int_equal(sa, !sb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_twin),
		cmocka_unit_test(both_directions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
