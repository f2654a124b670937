#include "policy/now.h"

#include "policy/model.h"

#include <stdlib.h>

static bool fill(struct policy_now *n, uint8_t *closed)
{
	const struct policy *p = n->policy;
	bool changed = false;
	uint32_t i;

	for (i = 0; i < p->conduits; i++) {
		uint8_t now = p->conduit[i].pub.grant_required ? CLOSED_GRANT : CLOSED_NOT;

		changed = changed || closed[i] != now;
		closed[i] = now;
	}
	n->epoch += changed;
	n->from = INT64_MIN;
	n->until = INT64_MAX;
	return changed;
}

struct policy_now *policy_now_new(const struct policy *p)
{
	struct policy_now *n = calloc(1, sizeof(*n) + p->conduits);
	uint8_t *closed = (uint8_t *)(n + 1);

	if (!n)
		return NULL;
	*n = (struct policy_now){.policy = p, .mode = (uint8_t)p->operating_mode, .closed = closed};
	fill(n, closed);
	return n;
}

void policy_now_free(struct policy_now *n)
{
	free(n);
}

bool policy_now_move(struct policy_now *n, int64_t time)
{
	n->time = time;
	return fill(n, (uint8_t *)(n + 1));
}

const struct policy_now *policy_rest(const struct policy *p)
{
	return p->rest;
}
