/* When conduits are open, compared by what it means: [mon, tue] is mon-tue. */
#include "policy/diff_regions.h"

static bool has_name(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static bool same_names(const char *const *a, const char *const *b)
{
	const char *const *x;

	if (!a != !b)
		return false;
	for (x = a; x && *x; x++)
		if (!has_name(b, *x))
			return false;
	for (x = b; x && *x; x++)
		if (!has_name(a, *x))
			return false;
	return true;
}

static void week(struct arena *a, const struct when *w, struct iset *out)
{
	uint32_t i, k;

	for (i = 0; i < w->schedules; i++)
		for (k = 0; k < w->schedule[i]->minutes.count; k++)
			iset_add(out, a, w->schedule[i]->minutes.range[k].lo,
				 w->schedule[i]->minutes.range[k].hi);
	iset_seal(out);
}

static bool same_hours(const struct policy *p, const struct when *a, const struct policy *q,
		       const struct when *b)
{
	struct arena arena = {0};
	struct iset x = {0}, y = {0};
	bool same = !a->schedules == !b->schedules;

	if (same && a->schedules) {
		week(&arena, a, &x);
		week(&arena, b, &y);
		same = x.count == y.count &&
		       memcmp(x.range, y.range, x.count * sizeof(*x.range)) == 0 &&
		       strcmp(p->tz->name, q->tz->name) == 0;
	}
	arena_free(&arena);
	return same;
}

static bool always(const struct conduit *c)
{
	return !*c->pub.when;
}

bool diff_same_when(const struct policy *p, const struct conduit *a, const struct policy *q,
		    const struct conduit *b)
{
	const struct when *x = &a->when, *y = &b->when;

	if (always(a) || always(b))
		return always(a) == always(b);
	return x->modes == y->modes && x->has_until == y->has_until && x->until == y->until &&
	       a->pub.grant_required == b->pub.grant_required &&
	       a->pub.grant_longest == b->pub.grant_longest &&
	       same_names(a->pub.approvers, b->pub.approvers) && same_hours(p, x, q, y);
}
