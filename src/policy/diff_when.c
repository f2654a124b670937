/* When conduits are open, compared by what it means: [mon, tue] is mon-tue, and day shift is less
 * than all day. */
#include "policy/diff_regions.h"

static bool has_name(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* May everybody of b give a grant who may give one of a? */
static bool names_within(const char *const *a, const char *const *b)
{
	if (!a || !b)
		return !b;
	for (; *a; a++)
		if (!has_name(b, *a))
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

#define WEEK_MINUTES (7u * 24 * 60)

/* Are all hours of b hours of a? */
static bool hours_cover(const struct policy *p, const struct when *a, const struct policy *q,
			const struct when *b)
{
	struct arena arena = {0};
	struct iset x = {0}, y = {0};
	bool within;
	uint32_t i;

	if (!a->schedules)
		return true;
	week(&arena, a, &x);
	within = iset_contains_range(&x, 0, WEEK_MINUTES - 1);
	if (!within && b->schedules && strcmp(p->tz->name, q->tz->name) == 0) {
		week(&arena, b, &y);
		within = true;
		for (i = 0; i < y.count && within; i++)
			within = iset_contains_range(&x, y.range[i].lo, y.range[i].hi);
	}
	arena_free(&arena);
	return within;
}

/* A grant of b is one that a would take. */
static bool grant_covers(const struct policy_conduit *a, const struct policy_conduit *b)
{
	if (!a->grant_required)
		return true;
	return b->grant_required &&
	       (!a->grant_longest || (b->grant_longest && b->grant_longest <= a->grant_longest)) &&
	       names_within(b->approvers, a->approvers);
}

bool diff_open_with(const struct policy *p, const struct conduit *c, const struct policy *q,
		    const struct conduit *of)
{
	const struct when *x = &c->when, *y = &of->when;

	if (!*c->pub.when)
		return true;
	if (x->modes && (!y->modes || y->modes & ~x->modes))
		return false;
	if (x->has_until && (!y->has_until || y->until > x->until))
		return false;
	return grant_covers(&c->pub, &of->pub) && hours_cover(p, x, q, y);
}
