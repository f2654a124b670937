/*
 * What devices are held to whatever conduits allow: trust, tenants, uplink-only zones, zones whose
 * conduits hold for listed assets only, the end of life. A conduit opens; these only close.
 *
 *   zones, assets     as written: trust: minimal, tenant: a, uplink-only: true
 *      | policy_compile_caps(), at load
 *      v
 *   cap[end]          classes as a client, tenants, uplink    one row per zone and asset
 *      | policy_cap(), once per flow
 *      v
 *   decision          a verdict for the flow, or the classes its ops may have
 *
 * A policy without any of these keys has no rows, and a flow costs it one branch.
 */
#include "policy/model.h"
#include "policy/now.h"

#include <stdlib.h>

/* What is left of the classes to devices that only report. */
#define UPLINK_CLASSES (1u << OP_WRITE | 1u << OP_ALARM | 1u << OP_SESSION)

static uint8_t trust_of(const struct policy *p, const struct policy_asset *a)
{
	return a->trust ? a->trust : p->zone[a->zone].trust;
}

static bool needs_caps(const struct policy *p)
{
	uint32_t i;

	if (p->bars)
		return true;
	for (i = 0; i < p->zones; i++) {
		const struct policy_zone *z = &p->zone[i];

		if (z->trust || z->tenants || z->uplink_only)
			return true;
	}
	for (i = 0; i < p->assets; i++)
		if (p->asset[i].trust || p->asset[i].tenants || p->asset[i].ended != INT64_MAX)
			return true;
	return false;
}

static int by_time(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static void compile_ends(struct policy *p)
{
	uint32_t i;

	p->ends = arena_array(&p->arena, p->assets, sizeof(*p->ends));
	for (i = 0; i < p->assets; i++)
		if (p->asset[i].ended != INT64_MAX)
			p->ends[p->nends++] = p->asset[i].ended;
	if (p->nends)
		qsort(p->ends, p->nends, sizeof(*p->ends), by_time);
}

void policy_compile_caps(struct policy *p)
{
	uint32_t i;

	if (!needs_caps(p))
		return;
	compile_ends(p);
	p->cap = arena_array(&p->arena, (size_t)p->zones + p->assets, sizeof(*p->cap));
	for (i = 0; i < p->zones; i++)
		p->cap[i] = (struct cap){
			.tenants = p->zone[i].tenants,
			.classes = p->tier[p->zone[i].trust],
			.uplink_only = p->zone[i].uplink_only,
			.ended = INT64_MAX,
		};
	for (i = 0; i < p->assets; i++) {
		const struct policy_asset *a = &p->asset[i];

		p->cap[p->zones + i] = p->cap[a->zone];
		p->cap[p->zones + i].classes = p->tier[trust_of(p, a)];
		p->cap[p->zones + i].ended = a->ended;
		if (a->tenants)
			p->cap[p->zones + i].tenants = a->tenants;
	}
}

static const struct cap *cap_of(const struct policy *p, struct policy_place place)
{
	static const struct cap none = {.classes = UINT16_MAX, .ended = INT64_MAX};

	if (place.asset != POLICY_NONE)
		return &p->cap[p->zones + place.asset];
	return place.zone != POLICY_NONE ? &p->cap[place.zone] : &none;
}

/* What the flow as a whole is held to; POLICY_ALLOW: nothing. */
static enum policy_verdict cap_flow(uint16_t classes, struct policy_place client,
				    const struct cap *to, struct policy_place server)
{
	if (client.barred || server.barred)
		return (enum policy_verdict)(client.barred ? client.barred : server.barred);
	if (to->uplink_only && client.zone != server.zone)
		return POLICY_UPLINK_ONLY;
	return classes ? POLICY_ALLOW : POLICY_TRUST_EXCEEDED;
}

static void refuse(struct policy_flow_decision *d, enum policy_verdict v)
{
	d->verdict = d->capped = (uint8_t)v;
	d->classes = 0;
}

void policy_cap(const struct policy_now *now, struct policy_place client,
		struct policy_place server, struct policy_flow_decision *d)
{
	const struct policy *p = now->policy;
	const struct cap *from = cap_of(p, client), *to = cap_of(p, server);
	bool permitted = d->verdict == POLICY_ALLOW || d->verdict == POLICY_LATER ||
			 d->verdict == POLICY_DEFAULT_ALLOW;
	uint16_t classes = from->classes;
	enum policy_verdict v;

	if (!permitted && d->verdict != POLICY_SAME_ZONE)
		return;
	if (from->tenants && to->tenants && !(from->tenants & to->tenants)) {
		refuse(d, POLICY_TENANT_CROSSED);
		return;
	}
	if (!permitted)
		return;
	if (from->ended <= now->time)
		classes &= p->tier[TRUST_MINIMAL];
	v = cap_flow(classes, client, to, server);
	if (v != POLICY_ALLOW) {
		refuse(d, v);
		return;
	}
	d->classes = classes;
	d->capped = POLICY_TRUST_EXCEEDED;
	if (from->uplink_only && client.zone != server.zone) {
		d->classes &= UPLINK_CLASSES;
		d->capped = POLICY_UPLINK_ONLY;
	}
}

enum policy_verdict policy_capped(const struct policy_flow_decision *d, enum op_class cls)
{
	/* of a client that only reports and is little trusted, too, each says its own */
	if (d->classes && d->capped == POLICY_UPLINK_ONLY && UPLINK_CLASSES >> cls & 1)
		return POLICY_TRUST_EXCEEDED;
	return (enum policy_verdict)d->capped;
}

int policy_severity_step(const struct policy *p, struct policy_place a, struct policy_place b)
{
	const uint32_t zone[2] = {a.zone, b.zone};
	bool said = false, limited = true;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct policy_zone *z = policy_zone_at(p, zone[i]);

		if (!z || !z->recovery)
			continue;
		if (z->recovery == RECOVERY_FATAL || z->impact == IMPACT_CATASTROPHIC)
			return -1;
		said = true;
		limited = limited && z->recovery == RECOVERY_LIMITED && z->impact == IMPACT_LIMITED;
	}
	return said && limited;
}
