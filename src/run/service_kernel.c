/* Grants and quarantine in the exported ruleset, for connections that kidoban never sees. */
#include "run/clock.h"
#include "run/kernel.h"
#include "run/service_impl.h"

#include <string.h>

/* A reloaded table is empty: after so long all is told again. ns */
#define AGAIN INT64_C(10000000000)

static bool same_host(const struct act_quarantine *a, const struct act_quarantine *b)
{
	if (a->has_mac != b->has_mac)
		return false;
	return a->has_mac ? memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0
			  : addr_eq(&a->addr, &b->addr);
}

static bool is_isolated(const struct orders *o, const struct act_quarantine *q, int64_t now)
{
	uint32_t i;

	for (i = 0; i < o->quarantine_count; i++)
		if (same_host(&o->quarantine[i], q) && o->quarantine[i].until > now)
			return true;
	return false;
}

static bool is_granted(const struct orders *o, uint32_t conduit, int64_t now)
{
	uint32_t i;

	for (i = 0; i < o->grant_count; i++)
		if (o->grants[i].conduit == conduit && o->grants[i].from <= now &&
		    o->grants[i].until > now)
			return true;
	return false;
}

/* What held before these orders and holds no more. A new policy comes with a new ruleset, whose
 * sets are empty. */
static void take_back(struct service *s, const struct orders *o, int64_t now)
{
	const struct orders *old = o->older;
	uint32_t i;

	if (!old)
		return;
	for (i = 0; i < old->quarantine_count; i++)
		if (old->quarantine[i].until > now && !is_isolated(o, &old->quarantine[i], now))
			kernel_release(s->kernel, &old->quarantine[i]);
	for (i = 0; old->policy == o->policy && i < old->grant_count; i++)
		if (old->grants[i].until > now && !is_granted(o, old->grants[i].conduit, now))
			kernel_revoke(s->kernel, o->policy, old->grants[i].conduit);
}

static void tell(struct service *s, const struct orders *o, int64_t now)
{
	uint32_t i;

	for (i = 0; i < o->quarantine_count; i++)
		if (o->quarantine[i].until > now)
			kernel_quarantine(s->kernel, &o->quarantine[i], now);
	for (i = 0; i < o->grant_count; i++)
		if (o->grants[i].from <= now && o->grants[i].until > now)
			kernel_grant(s->kernel, o->policy, o->grants[i].conduit, o->grants[i].until,
				     now);
	s->kernel_told = now;
}

/* A grant given beforehand has begun since the kernel was told. */
static bool begun(const struct service *s, const struct orders *o, int64_t now)
{
	uint32_t i;

	for (i = 0; i < o->grant_count; i++)
		if (o->grants[i].from > s->kernel_told && o->grants[i].from <= now)
			return true;
	return false;
}

void service_kernel(struct service *s, bool ordered)
{
	int64_t now = clock_wall();
	const struct orders *o = s->orders;

	if (!s->kernel)
		return;
	if (ordered)
		take_back(s, o, now);
	if (ordered || now - s->kernel_told >= AGAIN || now < s->kernel_told || begun(s, o, now))
		tell(s, o, now);
}

void service_kernel_new(struct service *s)
{
	unsigned i;

	for (i = 0; i < s->cfg->sources; i++)
		if (s->cfg->source[i].kind == RUN_QUEUE && !s->kernel)
			s->kernel = kernel_new(NULL);
}
