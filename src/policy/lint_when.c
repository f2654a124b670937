/* Grants that last for ever, and conduits whose last day has passed. */
#include "policy/lint_impl.h"

static void grant(struct lint *l, const struct conduit *c, uint32_t i)
{
	const struct policy_conduit *pub = &c->pub;
	struct lint_warning *w;

	if (!pub->grant_required || (pub->grant_longest && pub->approvers))
		return;
	w = lint_add(l, LINT_GRANT_UNLIMITED, LINT_AT_CONDUIT(i),
		     "a grant of conduit %s may %s%s%s", pub->id,
		     pub->grant_longest ? "" : "last for ever",
		     pub->grant_longest || pub->approvers ? "" : ", and ",
		     pub->approvers ? "" : "be given by anybody");
	if (c->nfrom && c->nto)
		lint_example_conduit(l, &w->example, c->from[0], c->to[0], c, LINT_CHANGES);
}

static void expired(struct lint *l, const struct conduit *c, uint32_t i)
{
	if (l->config->has_time && c->when.has_until && c->when.until <= l->config->time)
		lint_add(l, LINT_EXPIRED, LINT_AT_CONDUIT(i),
			 "conduit %s is closed for good: its last day, %s, has passed", c->pub.id,
			 c->pub.until);
}

/* A window that never closes in everyday operation is none. */
static void update(struct lint *l, const struct conduit *c, uint32_t i)
{
	uint64_t minutes = 0;
	struct lint_warning *w;
	uint32_t k, n;

	if (!c->pub.update || c->pub.grant_required ||
	    (c->when.modes && !(c->when.modes >> OPERATING_NORMAL & 1)))
		return;
	for (k = 0; k < c->when.schedules; k++)
		for (n = 0; n < c->when.schedule[k]->minutes.count; n++)
			minutes += c->when.schedule[k]->minutes.range[n].hi -
				   c->when.schedule[k]->minutes.range[n].lo + 1;
	if (c->when.schedules && minutes < 7 * 24 * 60)
		return;
	w = lint_add(l, LINT_UPDATE_ALWAYS, LINT_AT_CONDUIT(i),
		     "updates through conduit %s are possible at any time of everyday operation",
		     c->pub.id);
	if (c->nfrom && c->nto)
		lint_example_conduit(l, &w->example, c->from[0], c->to[0], c, LINT_CHANGES);
}

static bool names_end(const uint32_t *end, uint32_t n, uint32_t which)
{
	uint32_t i = 0;

	while (i < n && end[i] != which)
		i++;
	return i < n;
}

/* Told once, with the first conduit that leads to or from it. */
static void end_of_life(struct lint *l, uint32_t asset)
{
	const struct policy *p = l->p;
	const struct policy_asset *a = &p->asset[asset];
	uint32_t end = p->zones + asset, i;

	if (!l->config->has_time || !*a->end_of_life || a->ended > l->config->time)
		return;
	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];
		bool from = names_end(c->from, c->nfrom, end);
		struct lint_warning *w;

		if (!c->nfrom || !c->nto || (!from && !names_end(c->to, c->nto, end)))
			continue;
		w = lint_add(l, LINT_END_OF_LIFE, (struct lint_place){LINT_OF_ASSET, asset, 0, 0},
			     "asset %s is past its end of life (%s), and still named in conduit %s",
			     a->id, a->end_of_life, c->pub.id);
		lint_example_conduit(l, &w->example, from ? end : c->from[0], from ? c->to[0] : end,
				     c, LINT_CHANGES);
		return;
	}
}

void lint_when(struct lint *l)
{
	uint32_t i;

	for (i = 0; i < l->p->assets; i++)
		end_of_life(l, i);
	for (i = 0; i < l->p->conduits; i++) {
		grant(l, &l->p->conduit[i], i);
		expired(l, &l->p->conduit[i], i);
		update(l, &l->p->conduit[i], i);
	}
}
