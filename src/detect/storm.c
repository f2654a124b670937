#include "detect/storm.h"

#include "base/hash.h"

#include <stdlib.h>

#define SETS 64u
#define WAYS 4u

struct server {
	struct addr addr;
	int64_t last;		    /* ns, of the newest error */
	int64_t time[STORM_ERRORS]; /* ring */
	uint32_t count;		    /* errors since the server is known; 0: the slot is free */
};

struct storm {
	struct server set[SETS][WAYS];
};

struct storm *storm_new(void)
{
	return calloc(1, sizeof(struct storm));
}

static struct server *server_of(struct storm *s, const struct addr *a)
{
	struct server *set = s->set[hash_bytes(a->b, sizeof(a->b), 0) % SETS];
	struct server *stalest = set;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].count && addr_eq(&set[i].addr, a))
			return &set[i];
		if (!set[i].count || (stalest->count && set[i].last < stalest->last))
			stalest = &set[i];
	}
	stalest->addr = *a;
	stalest->count = 0;
	return stalest;
}

int64_t storm_error(struct storm *s, const struct addr *server, int64_t time)
{
	struct server *v = server_of(s, server);
	int64_t oldest;

	if (v->count && time < v->last)
		v->count = 0; /* packet time jumped back */
	v->time[v->count % STORM_ERRORS] = time;
	v->count++;
	v->last = time;
	if (v->count < STORM_ERRORS)
		return -1;
	oldest = v->time[v->count % STORM_ERRORS];
	return time - oldest <= STORM_WINDOW ? time - oldest : -1;
}

void storm_free(struct storm *s)
{
	free(s);
}
