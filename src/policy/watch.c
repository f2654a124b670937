#include "policy/watch.h"

#include "policy/model.h"

uint32_t policy_watch_pairs(const struct policy *p)
{
	return p->watch_pairs;
}

const struct policy_watch_pair *policy_watch_pair_at(const struct policy *p, uint32_t i)
{
	return i < p->watch_pairs ? &p->watch_pair[i] : NULL;
}

const struct policy_watch *policy_watch_at(const struct policy *p, uint32_t i)
{
	return i < p->watches ? &p->watch[i].pub : NULL;
}

bool policy_limits(const struct policy *p)
{
	return p->limits;
}

unsigned policy_watch_find(const struct policy *p, struct policy_place client,
			   struct policy_place server, uint32_t first[4])
{
	const uint32_t from[2] = {
		client.asset == POLICY_NONE ? POLICY_NONE : p->zones + client.asset, client.zone};
	const uint32_t to[2] = {server.asset == POLICY_NONE ? POLICY_NONE : p->zones + server.asset,
				server.zone};
	unsigned i, n = 0;

	for (i = 0; i < 4; i++) {
		if (from[i / 2] == POLICY_NONE || to[i % 2] == POLICY_NONE)
			continue;
		first[n] = imap_find(&p->watch_ends, (uint64_t)from[i / 2] << 32 | to[i % 2]);
		n += first[n] != IMAP_NONE;
	}
	return n;
}

bool policy_watch_next(const struct policy *p, uint32_t i, uint16_t port, const struct op *op,
		       struct policy_watch_run *run)
{
	run->at = run->end;
	return rule_means(&p->watch[i].rule, port, op, &run->at, &run->end);
}

bool policy_watch_in_range(const struct policy *p, uint32_t i, struct op_number n)
{
	const struct watch *w = &p->watch[i];

	return !w->pub.range || dset_contains_range(&w->range, n.lo, n.hi);
}
