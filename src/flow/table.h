/*
 * flow/table.h - the bounded table of flows.
 *
 *   hash --> [ tag index | tag index | ... ]  8-byte buckets, linear probing, at most half full
 *                   |
 *                   v
 *            slot: [ node: key, lists, clock | the owner's part ]   fixed slots, never moved
 *
 * Both directions of a conversation have the same key: the smaller endpoint first. Each slot is
 * in one list per timeout class, least recently used first, and in one list by age.
 *
 * Use is recorded lazily: a slot moves to the end of its list only when it has not moved for
 * TABLE_LAZY, so a busy flow costs no list work per packet. Hence "least recently used" is exact
 * to TABLE_LAZY; a timeout never fires early, and at most TABLE_LAZY late.
 *
 * The clock handed in must never run backwards. Thread: one worker owns one table.
 */
#ifndef KIDOBAN_FLOW_TABLE_H
#define KIDOBAN_FLOW_TABLE_H

#include "packet/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_LAZY 500000000ll /* ns */

/* Timeout classes, the least valuable first; rank[] in table.c says which are equally so. */
enum table_class {
	TABLE_CLOSED,	   /* TCP after FIN both ways or RST */
	TABLE_OTHER,	   /* ICMP and other protocols */
	TABLE_UDP,	   /* UDP nobody claimed */
	TABLE_TCP_NEW,	   /* TCP that carried nothing yet */
	TABLE_TCP_OPEN,	   /* TCP nobody claimed */
	TABLE_UDP_CLAIMED, /* a dissector understands it */
	TABLE_TCP_CLAIMED,
	TABLE_CLASSES
};

/* Two endpoints in a fixed order, then ports and VLAN ids, then protocol. No padding. */
struct flow_key {
	uint64_t w[6];
};

struct table_node {
	struct flow_key key;
	int64_t seen;		     /* ns on the tracker's clock, last use */
	int64_t moved;		     /* ns, when it went to the end of its list */
	uint64_t hash;		     /* of key */
	uint32_t prev, next;	     /* in the list of its class */
	uint32_t age_prev, age_next; /* in the list by age */
	uint8_t cls;		     /* enum table_class */
	bool used;		     /* the slot is taken */
};

struct table_bucket;

struct table_list {
	uint32_t head, tail;
};

struct table {
	uint8_t *slots;			      /* max times slot_size bytes */
	struct table_bucket *buckets;	      /* a power of two */
	size_t slot_size;		      /* bytes; struct table_node comes first */
	uint32_t mask;			      /* buckets - 1 */
	uint32_t max;			      /* slots */
	uint32_t count;			      /* taken */
	uint32_t fresh;			      /* slots never taken start here */
	uint32_t free;			      /* given back, by next */
	struct table_list lru[TABLE_CLASSES]; /* least recently used first */
	struct table_list age;		      /* oldest first */
	int64_t look;			      /* ns; before that nothing can have expired */
	uint64_t hash_key;
};

/* The key of a packet; *swapped says that its source is the second endpoint of the key. */
void table_key(const struct packet *p, struct flow_key *key, bool *swapped);

uint64_t table_hash(const struct table *t, const struct flow_key *key);

/* False when memory is out; the table is then empty and may be freed. */
bool table_init(struct table *t, uint32_t max, size_t slot_size, uint64_t hash_key);

/* NULL when there is no such flow. */
struct table_node *table_find(const struct table *t, const struct flow_key *key, uint64_t hash);

/* A zeroed slot for a key that is not in the table; NULL when it is full. */
struct table_node *table_add(struct table *t, const struct flow_key *key, uint64_t hash,
			     enum table_class cls, int64_t now);

void table_remove(struct table *t, struct table_node *n);

/* Moves to another class, as its most recent. */
void table_set_class(struct table *t, struct table_node *n, enum table_class cls, int64_t now);

/* Moves to the end of its list. */
void table_move(struct table *t, struct table_node *n, int64_t now);

static inline void table_touch(struct table *t, struct table_node *n, int64_t now)
{
	n->seen = now;
	if (now - n->moved > TABLE_LAZY)
		table_move(t, n, now);
}

/* One flow that was idle longer than its class allows, or NULL. Looks at the list heads only. */
struct table_node *table_expired(struct table *t, int64_t now);

/* True when table_expired() may have something; one comparison. */
static inline bool table_due(const struct table *t, int64_t now)
{
	return now > t->look;
}

/* The flow that goes first when room is needed: the least valuable class, then the longest
 * idle. NULL when the table is empty. */
struct table_node *table_victim(const struct table *t);

/* The flow that was added first; NULL when the table is empty. */
struct table_node *table_oldest(const struct table *t);

/* ns of idle time a class is kept. */
int64_t table_timeout(enum table_class cls);

void table_free(struct table *t);

#endif
