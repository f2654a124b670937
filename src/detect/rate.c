#include "detect/rate.h"

#include "base/hash.h"

#include <stdlib.h>

struct slot {
	struct addr client;
	uint32_t conduit;
	uint8_t kind; /* enum rate_kind */
	bool used;
	int64_t last; /* ns, when it was last asked for */
	int64_t full; /* ns, when the bucket is full again */
};

struct rate_table {
	struct slot set[RATE_SETS][RATE_WAYS];
};

struct rate_table *rate_table_new(void)
{
	return calloc(1, sizeof(struct rate_table));
}

static struct slot *slot_of(struct rate_table *t, enum rate_kind kind, uint32_t conduit,
			    const struct addr *client, int64_t time)
{
	uint64_t key = hash_bytes(client->b, sizeof(client->b), (uint64_t)conduit << 2 | kind);
	struct slot *set = t->set[key % RATE_SETS], *stalest = set;
	unsigned i;

	for (i = 0; i < RATE_WAYS; i++) {
		struct slot *s = &set[i];

		if (s->used && s->conduit == conduit && s->kind == kind &&
		    addr_eq(&s->client, client))
			return s;
		if (!s->used || (stalest->used && s->last < stalest->last))
			stalest = s;
	}
	*stalest = (struct slot){.client = *client,
				 .conduit = conduit,
				 .kind = (uint8_t)kind,
				 .used = true,
				 .last = time,
				 .full = time};
	return stalest;
}

bool rate_take(struct rate_table *t, enum rate_kind kind, uint32_t conduit,
	       const struct addr *client, const struct policy_rate *limit, int64_t time)
{
	struct slot *s = slot_of(t, kind, conduit, client, time);
	int64_t one = limit->per / limit->count, full;

	if (time < s->last && s->last - time <= limit->per)
		time = s->last; /* not quite in order */
	else if (time < s->last)
		s->full -= s->last - time;
	s->last = time;
	full = (s->full > time ? s->full : time) + one;
	if (full - time > limit->per)
		return false;
	s->full = full;
	return true;
}

void rate_table_free(struct rate_table *t)
{
	free(t);
}
