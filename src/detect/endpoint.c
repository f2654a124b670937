#include "detect/endpoint.h"

#include "base/hash.h"
#include "op/op.h"

#include <stdlib.h>

#define BUCKETS 4096 /* a power of two */

struct endpoint_table {
	struct endpoint *entry[ENDPOINTS_MAX];
	uint32_t count;		  /* entries used */
	uint32_t bucket[BUCKETS]; /* index of the first entry, or ENDPOINTS_MAX */
	uint64_t refused;
};

struct endpoint_table *endpoint_table_new(void)
{
	struct endpoint_table *t = calloc(1, sizeof(*t));
	uint32_t i;

	for (i = 0; t && i < BUCKETS; i++)
		t->bucket[i] = ENDPOINTS_MAX;
	return t;
}

static uint32_t bucket_of(const struct addr *a)
{
	return hash_bytes(a->b, sizeof(a->b), 0) & (BUCKETS - 1);
}

static struct endpoint *find(const struct endpoint_table *t, const struct addr *a)
{
	uint32_t i = t->bucket[bucket_of(a)];

	while (i < ENDPOINTS_MAX && !addr_eq(&t->entry[i]->addr, a))
		i = t->entry[i]->next;
	return i < ENDPOINTS_MAX ? t->entry[i] : NULL;
}

static struct endpoint *make(struct endpoint_table *t, const struct addr *a)
{
	struct endpoint *e = t->count < ENDPOINTS_MAX ? calloc(1, sizeof(*e)) : NULL;
	uint32_t *first = &t->bucket[bucket_of(a)];

	if (!e)
		return NULL;
	e->addr = *a;
	e->next = *first;
	*first = t->count;
	t->entry[t->count++] = e;
	return e;
}

bool endpoint_learn(struct endpoint_table *t, const struct addr *a, const char *key,
		    struct slice value)
{
	const struct op_object text = {.name = value}; /* escaped as every name is */
	struct endpoint *e = find(t, a);
	char told[ENDPOINT_VALUE];
	uint32_t i;

	if (!e)
		e = make(t, a);
	for (i = 0; e && i < e->facts && strcmp(e->fact[i].key, key) != 0; i++)
		;
	if (!e || i == ENDPOINT_FACTS) {
		t->refused++;
		return false;
	}
	op_object_str(&text, told, sizeof(told));
	if (i < e->facts && strcmp(e->fact[i].value, told) == 0)
		return false;
	e->fact[i].key = key;
	memcpy(e->fact[i].value, told, sizeof(told));
	if (i == e->facts)
		e->facts++;
	return true;
}

const struct endpoint *endpoint_find(const struct endpoint_table *t, const struct addr *a)
{
	return find(t, a);
}

const struct endpoint *endpoint_at(const struct endpoint_table *t, uint32_t i)
{
	return i < t->count ? t->entry[i] : NULL;
}

uint64_t endpoint_refused(const struct endpoint_table *t)
{
	return t->refused;
}

void endpoint_table_free(struct endpoint_table *t)
{
	uint32_t i;

	for (i = 0; t && i < t->count; i++)
		free(t->entry[i]);
	free(t);
}
