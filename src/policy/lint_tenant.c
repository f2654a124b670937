/*
 * Who reaches another tenant: in one conduit, or by way of a server that is shared.
 *
 *      factory-a ---> shared server ---> factory-b      broken: b is called from where a was heard
 *      factory-a ---> shared server <--- factory-b      good: both fetch
 *
 * An end belongs to the tenants of its asset, else of its zone, else to nobody. A chain ends at the
 * first end that belongs to others only; it is told at the conduit that leads there.
 */
#include "policy/lint_impl.h"

#include <stdlib.h>

static uint64_t tenants_of(const struct policy *p, uint32_t end)
{
	uint64_t own = end < p->zones ? 0 : p->asset[end - p->zones].tenants;

	return own ? own : p->zone[end_zone(p, end)].tenants;
}

/* "a", "a and b". */
static const char *names(struct lint *l, uint64_t bits)
{
	const char *text = "";
	unsigned i;

	for (i = 0; i < 64; i++)
		if (bits >> i & 1)
			text = arena_printf(l->a, "%s%s%s", text, *text ? " and " : "",
					    policy_tenant(l->p, i));
	return text;
}

static bool crosses(const struct policy *p, uint32_t from, uint32_t to)
{
	uint64_t a = tenants_of(p, from), b = tenants_of(p, to);

	return a && b && !(a & b);
}

/* True when the end may meet none of the others; whichever side it is on. */
static bool meets_nobody(const struct policy *p, uint32_t end, const uint32_t *other, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && crosses(p, end, other[i]))
		i++;
	return i == n;
}

/*
 * Of two lists, each with its own tenants, only the pairs of one tenant are joined: that may well
 * be meant. An end that is joined with nobody is not.
 */
static void crossed(struct lint *l, const struct conduit *c, uint32_t i)
{
	const struct policy *p = l->p;
	uint32_t from = POLICY_NONE, to = POLICY_NONE, k;
	struct lint_warning *w;

	if (!c->nfrom || !c->nto)
		return;
	for (k = 0; k < c->nfrom && from == POLICY_NONE; k++)
		if (meets_nobody(p, c->from[k], c->to, c->nto)) {
			from = c->from[k];
			to = c->to[0];
		}
	for (k = 0; k < c->nto && from == POLICY_NONE; k++)
		if (meets_nobody(p, c->to[k], c->from, c->nfrom)) {
			from = c->from[0];
			to = c->to[k];
		}
	if (from == POLICY_NONE)
		return;
	w = lint_add(
		l, LINT_TENANT_CROSSED, LINT_AT_CONDUIT(i),
		"conduit %s joins %s of tenant %s with %s of tenant %s, which is never permitted",
		c->pub.id, lint_end_words(l, from), names(l, tenants_of(p, from)),
		lint_end_words(l, to), names(l, tenants_of(p, to)));
	lint_example_conduit(l, &w->example, from, to, c, LINT_CHANGES);
}

/* Where a tenant's conversations lead. */
struct reach {
	struct lint *l;
	unsigned tenant; /* the bit */
	uint32_t *by;	 /* by end: the conduit it was reached by; POLICY_NONE: not yet */
	bool *zone_of;	 /* by zone: something in it was reached */
	bool *told;	 /* by conduit */
};

#define BY_BIRTH (POLICY_NONE - 1) /* the tenant's own */

static bool reached(const struct reach *r, uint32_t end)
{
	const struct policy *p = r->l->p;

	if (end < p->zones)
		return r->zone_of[end];
	return r->by[end] != POLICY_NONE || r->by[end_zone(p, end)] != POLICY_NONE;
}

static void tell(struct reach *r, uint32_t i, uint32_t from, uint32_t to)
{
	struct lint *l = r->l;
	const struct policy *p = l->p;
	const struct conduit *c = &p->conduit[i];
	uint32_t by = from < p->zones ? POLICY_NONE : r->by[from];
	struct lint_warning *w;
	uint32_t k;

	if (by == POLICY_NONE)
		by = r->by[end_zone(p, from)];
	for (k = 0; by == POLICY_NONE && k < p->assets; k++)
		if (p->asset[k].zone == from)
			by = r->by[p->zones + k];
	r->told[i] = true;
	w = lint_add(l, LINT_TENANT_CHAIN, LINT_AT_CONDUIT(i),
		     "tenant %s reaches %s of tenant %s: by conduit %s to %s, and from there by "
		     "conduit %s",
		     policy_tenant(p, r->tenant), lint_end_words(l, to),
		     names(l, tenants_of(p, to)), by < p->conduits ? p->conduit[by].pub.id : "?",
		     lint_end_words(l, from), c->pub.id);
	lint_example_conduit(l, &w->example, from, to, c, LINT_CHANGES);
}

/* Strangers that share nothing but the internet are no server of both. */
static bool is_stranger(const struct policy *p, uint32_t end)
{
	return end < p->zones && (p->zone[end].level == LEVEL_EXTERNAL || lint_catches_all(p, end));
}

/* Follows one conduit; true when something new was reached. */
static bool follow(struct reach *r, uint32_t i)
{
	const struct policy *p = r->l->p;
	const struct conduit *c = &p->conduit[i];
	uint64_t own = UINT64_C(1) << r->tenant, of;
	uint32_t f, t;
	bool news = false;

	for (f = 0; f < c->nfrom && !reached(r, c->from[f]); f++)
		;
	if (f == c->nfrom || (!c->rules && !c->services))
		return false;
	for (t = 0; t < c->nto; t++) {
		uint32_t end = c->to[t];

		of = tenants_of(p, end);
		if (of && !(of & own)) {
			of = tenants_of(p, c->from[f]);
			/* between the two of them directly: crossed() */
			if (!r->told[i] && !(of && !(of & tenants_of(p, end))))
				tell(r, i, c->from[f], end);
		} else if (r->by[end] == POLICY_NONE && !is_stranger(p, end)) {
			r->by[end] = i;
			r->zone_of[end_zone(p, end)] = true;
			news = true;
		}
	}
	return news;
}

static void chains_of(struct reach *r)
{
	const struct policy *p = r->l->p;
	uint32_t ends = p->zones + p->assets, i;
	bool news = true;

	memset(r->zone_of, 0, p->zones * sizeof(*r->zone_of));
	for (i = 0; i < ends; i++) {
		r->by[i] = tenants_of(p, i) == UINT64_C(1) << r->tenant ? BY_BIRTH : POLICY_NONE;
		if (r->by[i] == BY_BIRTH)
			r->zone_of[end_zone(p, i)] = true;
	}
	while (news)
		for (news = false, i = 0; i < p->conduits; i++)
			news = follow(r, i) || news;
}

void lint_tenant(struct lint *l)
{
	const struct policy *p = l->p;
	struct reach r = {.l = l};
	uint32_t i;

	if (!p->tenants)
		return;
	for (i = 0; i < p->conduits; i++)
		crossed(l, &p->conduit[i], i);
	r.by = calloc((size_t)p->zones + p->assets + 1, sizeof(*r.by));
	r.zone_of = calloc(p->zones + 1u, sizeof(*r.zone_of));
	r.told = calloc(p->conduits + 1u, sizeof(*r.told));
	for (; r.by && r.zone_of && r.told && r.tenant < p->tenants; r.tenant++)
		chains_of(&r);
	free(r.by);
	free(r.zone_of);
	free(r.told);
}
