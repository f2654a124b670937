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

void lint_when(struct lint *l)
{
	uint32_t i;

	for (i = 0; i < l->p->conduits; i++) {
		grant(l, &l->p->conduit[i], i);
		expired(l, &l->p->conduit[i], i);
	}
}
