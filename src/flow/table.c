/* The bounded table of flows: buckets, slots, lists per timeout class. */
#include "flow/table.h"
#include "base/hash.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define SEC  1000000000ll

struct table_bucket {
	uint32_t tag;	/* low half of the hash */
	uint32_t index; /* slot + 1; 0: empty */
};

static const int64_t timeouts[TABLE_CLASSES] = {
	[TABLE_CLOSED] = 10 * SEC,	  [TABLE_OTHER] = 30 * SEC,
	[TABLE_UDP] = 60 * SEC,		  [TABLE_TCP_NEW] = 60 * SEC,
	[TABLE_TCP_OPEN] = 600 * SEC,	  [TABLE_UDP_CLAIMED] = 300 * SEC,
	[TABLE_TCP_CLAIMED] = 3600 * SEC,
};

/* Under pressure a lower rank goes first; within a rank, the longest idle. */
static const uint8_t rank[TABLE_CLASSES] = {
	[TABLE_CLOSED] = 0,   [TABLE_OTHER] = 1,       [TABLE_UDP] = 1,		[TABLE_TCP_NEW] = 1,
	[TABLE_TCP_OPEN] = 2, [TABLE_UDP_CLAIMED] = 3, [TABLE_TCP_CLAIMED] = 3,
};

int64_t table_timeout(enum table_class cls)
{
	return timeouts[cls];
}

/* Echo request and reply are one conversation; everything else of ICMP is one per type. */
static bool icmp_is_echo(const struct packet *p)
{
	unsigned type = p->sport >> 8;

	return p->ip_proto == 58 ? type == 128 || type == 129 : type == 8 || type == 0;
}

void table_key(const struct packet *p, struct flow_key *key, bool *swapped)
{
	uint16_t sport = 0, dport = 0, kind = 0;
	uint64_t s[2], d[2];

	memcpy(s, p->src.b, 16);
	memcpy(d, p->dst.b, 16);
	if (p->kind == PACKET_TCP || p->kind == PACKET_UDP) {
		sport = p->sport;
		dport = p->dport;
	} else if (p->kind == PACKET_ICMP) {
		kind = icmp_is_echo(p) ? 0xffff : p->sport;
		sport = dport = icmp_is_echo(p) ? p->dport : 0;
	}
	*swapped = s[1] != d[1] ? s[1] > d[1] : s[0] != d[0] ? s[0] > d[0] : sport > dport;
	memcpy(&key->w[*swapped ? 2 : 0], s, 16);
	memcpy(&key->w[*swapped ? 0 : 2], d, 16);
	key->w[4] = (uint64_t)(*swapped ? dport : sport) |
		    (uint64_t)(*swapped ? sport : dport) << 16 |
		    (uint64_t)(p->vlans > 0 ? p->vlan[0] : 0) << 32 |
		    (uint64_t)(p->vlans > 1 ? p->vlan[1] : 0) << 48;
	key->w[5] = (uint64_t)p->ip_proto | (uint64_t)p->vlans << 8 | (uint64_t)kind << 16;
}

uint64_t table_hash(const struct table *t, const struct flow_key *key)
{
	return hash_bytes(key->w, sizeof(key->w), t->hash_key);
}

bool table_init(struct table *t, uint32_t max, size_t slot_size, uint64_t hash_key)
{
	uint32_t buckets = 16, c;

	memset(t, 0, sizeof(*t));
	while (buckets < UINT32_MAX / 4 && buckets < max * 2ull)
		buckets *= 2;
	t->mask = buckets - 1;
	t->max = max;
	t->slot_size = slot_size;
	t->hash_key = hash_key;
	t->free = NONE;
	t->look = INT64_MAX;
	t->age.head = t->age.tail = NONE;
	for (c = 0; c < TABLE_CLASSES; c++)
		t->lru[c].head = t->lru[c].tail = NONE;
	t->buckets = calloc(buckets, sizeof(*t->buckets));
	t->slots = calloc(max, slot_size);
	return t->buckets && t->slots;
}

static struct table_node *at(const struct table *t, uint32_t i)
{
	return (struct table_node *)(void *)(t->slots + (size_t)i * t->slot_size);
}

static uint32_t index_of(const struct table *t, const struct table_node *n)
{
	return (uint32_t)((size_t)((const uint8_t *)n - t->slots) / t->slot_size);
}

static bool key_eq(const struct flow_key *a, const struct flow_key *b)
{
	return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
		(a->w[3] ^ b->w[3]) | (a->w[4] ^ b->w[4]) | (a->w[5] ^ b->w[5])) == 0;
}

static uint32_t home(const struct table *t, uint64_t hash)
{
	return (uint32_t)(hash >> 32) & t->mask;
}

struct table_node *table_find(const struct table *t, const struct flow_key *key, uint64_t hash)
{
	uint32_t i;

	for (i = home(t, hash); t->buckets[i].index; i = (i + 1) & t->mask) {
		struct table_node *n;

		if (t->buckets[i].tag != (uint32_t)hash)
			continue;
		n = at(t, t->buckets[i].index - 1);
		if (key_eq(&n->key, key))
			return n;
	}
	return NULL;
}

static void lru_append(struct table *t, struct table_node *n, int64_t now)
{
	struct table_list *l = &t->lru[n->cls];
	uint32_t i = index_of(t, n);

	n->moved = now;
	n->next = NONE;
	n->prev = l->tail;
	if (l->tail == NONE) {
		l->head = i;
		if (n->seen + timeouts[n->cls] < t->look)
			t->look = n->seen + timeouts[n->cls];
	} else {
		at(t, l->tail)->next = i;
	}
	l->tail = i;
}

static void lru_unlink(struct table *t, struct table_node *n)
{
	struct table_list *l = &t->lru[n->cls];

	if (n->prev == NONE)
		l->head = n->next;
	else
		at(t, n->prev)->next = n->next;
	if (n->next == NONE)
		l->tail = n->prev;
	else
		at(t, n->next)->prev = n->prev;
}

struct table_node *table_add(struct table *t, const struct flow_key *key, uint64_t hash,
			     enum table_class cls, int64_t now)
{
	struct table_node *n;
	uint32_t i, slot;

	if (t->free != NONE) {
		slot = t->free;
		t->free = at(t, slot)->next;
	} else if (t->fresh < t->max) {
		slot = t->fresh++;
	} else {
		return NULL;
	}
	for (i = home(t, hash); t->buckets[i].index; i = (i + 1) & t->mask)
		;
	t->buckets[i].tag = (uint32_t)hash;
	t->buckets[i].index = slot + 1;
	n = at(t, slot);
	memset(n, 0, t->slot_size);
	n->key = *key;
	n->hash = hash;
	n->seen = now;
	n->cls = (uint8_t)cls;
	n->used = true;
	lru_append(t, n, now);
	n->age_next = NONE;
	n->age_prev = t->age.tail;
	if (t->age.tail == NONE)
		t->age.head = slot;
	else
		at(t, t->age.tail)->age_next = slot;
	t->age.tail = slot;
	t->count++;
	return n;
}

/* Empties bucket i and closes the run behind it, so that no tombstones are needed. */
static void bucket_remove(struct table *t, uint32_t i)
{
	uint32_t k = i;

	for (;;) {
		uint32_t h;

		k = (k + 1) & t->mask;
		if (!t->buckets[k].index)
			break;
		h = home(t, at(t, t->buckets[k].index - 1)->hash);
		/* k may move to i when its home is not in (i, k] */
		if (((k - h) & t->mask) >= ((k - i) & t->mask)) {
			t->buckets[i] = t->buckets[k];
			i = k;
		}
	}
	t->buckets[i].index = 0;
}

void table_remove(struct table *t, struct table_node *n)
{
	uint32_t slot = index_of(t, n), i = home(t, n->hash);

	while (t->buckets[i].index != slot + 1)
		i = (i + 1) & t->mask;
	bucket_remove(t, i);
	lru_unlink(t, n);
	if (n->age_prev == NONE)
		t->age.head = n->age_next;
	else
		at(t, n->age_prev)->age_next = n->age_next;
	if (n->age_next == NONE)
		t->age.tail = n->age_prev;
	else
		at(t, n->age_next)->age_prev = n->age_prev;
	n->used = false;
	n->next = t->free;
	t->free = slot;
	t->count--;
}

void table_set_class(struct table *t, struct table_node *n, enum table_class cls, int64_t now)
{
	lru_unlink(t, n);
	n->cls = (uint8_t)cls;
	n->seen = now;
	lru_append(t, n, now);
}

void table_move(struct table *t, struct table_node *n, int64_t now)
{
	lru_unlink(t, n);
	lru_append(t, n, now);
}

struct table_node *table_expired(struct table *t, int64_t now)
{
	int64_t look = INT64_MAX;
	unsigned c;

	for (c = 0; c < TABLE_CLASSES; c++) {
		struct table_node *n;

		if (t->lru[c].head == NONE)
			continue;
		n = at(t, t->lru[c].head);
		if (now - n->seen > timeouts[c])
			return n;
		if (n->seen + timeouts[c] < look)
			look = n->seen + timeouts[c];
	}
	t->look = look;
	return NULL;
}

struct table_node *table_victim(const struct table *t)
{
	struct table_node *best = NULL;
	unsigned c;

	for (c = 0; c < TABLE_CLASSES; c++) {
		struct table_node *n;

		if (t->lru[c].head == NONE)
			continue;
		n = at(t, t->lru[c].head);
		if (!best || (rank[c] == rank[best->cls] && n->moved < best->moved))
			best = n;
	}
	return best;
}

struct table_node *table_oldest(const struct table *t)
{
	return t->age.head == NONE ? NULL : at(t, t->age.head);
}

void table_free(struct table *t)
{
	free(t->slots);
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}
