/* Flows against the compiled policy: the decision of L3 and L4, once per flow. Nothing allocates.
 */
#include "policy/model.h"
#include "policy/now.h"

#include <limits.h>

static bool service_covers(const struct service *s, uint8_t ip_proto, uint16_t port)
{
	switch ((enum service_kind)s->kind) {
	case SERVICE_TCP:
		return ip_proto == 6 && (s->any || iset_contains(&s->set, port));
	case SERVICE_UDP:
		return ip_proto == 17 && (s->any || iset_contains(&s->set, port));
	case SERVICE_ICMP:
		return (ip_proto == 1 && (s->any || iset_contains(&s->set, port >> 8))) ||
		       (ip_proto == 58 && (s->any || iset_contains(&s->set6, port >> 8)));
	case SERVICE_IP:
		return s->any || iset_contains(&s->set, ip_proto);
	}
	return false;
}

const struct service *conduit_service(const struct conduit *c, uint8_t ip_proto, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < c->services; i++)
		if (service_covers(&c->service[i], ip_proto, port))
			return &c->service[i];
	return NULL;
}

bool conduit_serves(const struct conduit *c, uint8_t ip_proto, uint16_t port)
{
	return conduit_service(c, ip_proto, port) != NULL;
}

enum policy_verdict closed_verdict(uint8_t closed)
{
	static const uint8_t verdicts[] = {
		[CLOSED_NOT] = POLICY_ALLOW,	       [CLOSED_MODE] = POLICY_WRONG_MODE,
		[CLOSED_EXPIRED] = POLICY_EXPIRED,     [CLOSED_SCHEDULE] = POLICY_OUTSIDE_SCHEDULE,
		[CLOSED_GRANT] = POLICY_GRANT_MISSING,
	};

	return (enum policy_verdict)verdicts[closed];
}

enum policy_verdict conduit_flow(const struct conduit *c, uint8_t ip_proto, uint16_t port)
{
	bool serves = conduit_serves(c, ip_proto, port);
	uint32_t i;

	if (serves)
		return c->rules ? POLICY_LATER : POLICY_ALLOW;
	if (ip_proto != 6 && ip_proto != 17)
		return POLICY_PORT_DENIED;
	for (i = 0; i < c->rules; i++)
		if (rule_port(&c->rule[i], port))
			return POLICY_LATER;
	return POLICY_PORT_DENIED;
}

/* Better verdicts first; of closed conduits the one that came nearest to being open. */
static unsigned rank(enum policy_verdict v, uint8_t closed)
{
	if (v == POLICY_ALLOW || v == POLICY_LATER)
		return v == POLICY_LATER;
	return v == POLICY_PORT_DENIED ? UINT8_MAX : 2u + CLOSED_GRANT - closed;
}

bool level_skipped(const struct policy *p, uint32_t a, uint32_t b)
{
	uint8_t x = p->zone[a].level, y = p->zone[b].level;
	int hx = p->height[x], hy = p->height[y];

	if (hx == HEIGHT_SAFETY || hy == HEIGHT_SAFETY) {
		x = hx == HEIGHT_SAFETY ? y : x;
		return x != LEVEL_CONTROL && x != LEVEL_FIELD && x != LEVEL_SAFETY;
	}
	return hx != HEIGHT_NONE && hy != HEIGHT_NONE && (hx - hy > 1 || hy - hx > 1);
}

enum policy_verdict without_conduit(const struct policy *p, struct policy_place client,
				    struct policy_place server)
{
	if (client.segment || server.segment)
		return POLICY_SAME_ZONE;
	if (client.zone != POLICY_NONE && client.zone == server.zone)
		return POLICY_SAME_ZONE;
	if (p->default_allow)
		return POLICY_DEFAULT_ALLOW;
	if (client.zone != POLICY_NONE && server.zone != POLICY_NONE &&
	    level_skipped(p, client.zone, server.zone))
		return POLICY_LAYER_SKIPPED;
	return POLICY_NO_CONDUIT;
}

static uint32_t asset_end(const struct policy *p, struct policy_place place)
{
	return place.asset == POLICY_NONE ? POLICY_NONE : p->zones + place.asset;
}

/* The end, if conduits name it there; POLICY_NONE saves the look-up. */
static uint32_t named(const struct policy *p, uint32_t end, enum end_named where)
{
	return end != POLICY_NONE && p->named[end] & where ? end : POLICY_NONE;
}

void find_sets(const struct policy *p, struct policy_place client, struct policy_place server,
	       uint32_t set[4])
{
	const uint32_t from[2] = {named(p, asset_end(p, client), NAMED_FROM),
				  named(p, client.zone, NAMED_FROM)};
	const uint32_t to[2] = {named(p, asset_end(p, server), NAMED_TO),
				named(p, server.zone, NAMED_TO)};
	unsigned i, k, n = 0;
	uint32_t s;

	for (i = 0; i < 4; i++)
		set[i] = POLICY_NONE;
	for (i = 0; i < 4; i++) {
		if (from[i / 2] == POLICY_NONE || to[i % 2] == POLICY_NONE)
			continue;
		s = imap_find(&p->pairs, (uint64_t)from[i / 2] << 32 | to[i % 2]);
		for (k = 0; k < n && set[k] != s; k++)
			;
		if (s != IMAP_NONE && k == n)
			set[n++] = s;
	}
}

/* What one conduit says, if it is better than what was said before. */
static void better(struct policy_flow_decision *d, unsigned *best, enum policy_verdict v,
		   uint32_t conduit, uint8_t closed)
{
	unsigned r;

	if (v != POLICY_PORT_DENIED && closed)
		v = closed_verdict(closed);
	r = rank(v, closed);
	if (r >= *best)
		return;
	*best = r;
	d->verdict = (uint8_t)v;
	d->conduit = conduit;
}

/* Of conduits without services: all there is to know stands in the set. */
static void by_runs(const struct policy_now *now, const struct pair_set *s,
		    struct policy_flow_decision *d, unsigned *best)
{
	uint32_t i, k;

	better(d, best, POLICY_PORT_DENIED, s->conduit[0], CLOSED_NOT);
	if (d->ip_proto != 6 && d->ip_proto != 17)
		return;
	for (i = 0; i < s->runs; i++) {
		const struct pair_run *run = &s->run[i];

		for (k = 0; k < run->rules && !rule_port(&run->rule[k], d->port); k++)
			;
		if (k < run->rules)
			better(d, best, POLICY_LATER, run->conduit, now->closed[run->conduit]);
	}
}

/* What the conduits say, before anything else narrows it. */
static struct policy_flow_decision by_conduits(const struct policy_now *now,
					       struct policy_place client,
					       struct policy_place server, uint8_t ip_proto,
					       uint16_t port)
{
	const struct policy *p = now->policy;
	struct policy_flow_decision d = {
		.conduit = POLICY_NONE, .port = port, .classes = UINT16_MAX, .ip_proto = ip_proto};
	unsigned i, best = UINT_MAX;
	uint32_t k;

	find_sets(p, client, server, d.set);
	if (d.set[0] == POLICY_NONE) {
		d.verdict = (uint8_t)without_conduit(p, client, server);
		return d;
	}
	d.verdict = POLICY_PORT_DENIED;
	for (i = 0; i < 4 && d.set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[d.set[i]];

		if (!s->serves)
			by_runs(now, s, &d, &best);
		for (k = 0; s->serves && k < s->conduits && d.verdict != POLICY_ALLOW; k++)
			better(&d, &best, conduit_flow(&p->conduit[s->conduit[k]], ip_proto, port),
			       s->conduit[k], now->closed[s->conduit[k]]);
	}
	return d;
}

struct policy_flow_decision policy_flow(const struct policy_now *now, struct policy_place client,
					struct policy_place server, uint8_t ip_proto, uint16_t port)
{
	struct policy_flow_decision d = by_conduits(now, client, server, ip_proto, port);

	if (now->policy->updater)
		d.updated = policy_updater(now->policy, server) != POLICY_NONE;
	if (now->policy->cap)
		policy_cap(now, client, server, &d);
	return d;
}
