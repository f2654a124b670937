/*
 * What is watched, compared pair by pair of ends and by which ops are meant: another name of an
 * end, other words for the same addresses, or one entry written as two are no difference.
 */
#include "base/civil.h"
#include "policy/diff_regions.h"

struct watches {
	const struct regions *r;
	struct diff_list *out;
	struct arena arena;
	uint32_t *map[2]; /* by end of that policy: the same end of the other; POLICY_NONE */
};

/* --- the same ends --- */

static uint32_t same_zone(const struct watches *w, unsigned k, uint32_t zone)
{
	const struct policy *p = w->r->p[k], *q = w->r->p[!k];
	uint32_t i, other;

	for (i = 0; i < q->zones; i++)
		if (strcmp(q->zone[i].id, p->zone[zone].id) == 0)
			return i;
	other = diff_only_zone(w->r, k, zone);
	return other != POLICY_NONE && diff_only_zone(w->r, !k, other) == zone ? other
									       : POLICY_NONE;
}

static bool has_addresses_of(const struct policy_asset *a, const struct policy_asset *b)
{
	uint32_t i, n;

	for (i = 0; i < b->naddresses; i++) {
		for (n = 0; n < a->naddresses && !addr_eq(&a->addresses[n], &b->addresses[i]); n++)
			;
		if (n == a->naddresses)
			return false;
	}
	return true;
}

static uint32_t same_asset(const struct watches *w, unsigned k, const struct policy_asset *a)
{
	const struct policy *q = w->r->p[!k];
	uint32_t i = a->has_address
			     ? policy_place(q, &a->address, a->has_mac ? &a->mac : NULL).asset
			     : imap_find(&q->macs, mac_key(&a->mac));

	if (i == POLICY_NONE)
		return i;
	return has_addresses_of(a, &q->asset[i]) && has_addresses_of(&q->asset[i], a) ? q->zones + i
										      : POLICY_NONE;
}

static void map_ends(struct watches *w)
{
	uint32_t i;
	unsigned k;

	for (k = 0; k < 2; k++) {
		const struct policy *p = w->r->p[k];

		w->map[k] = arena_array(&w->arena, p->zones + p->assets, sizeof(**w->map));
		for (i = 0; i < p->zones; i++)
			w->map[k][i] = same_zone(w, k, i);
		for (i = 0; i < p->assets; i++)
			w->map[k][p->zones + i] = same_asset(w, k, &p->asset[i]);
	}
}

/* --- the same watch --- */

static bool same_ops(const struct rule *x, const struct rule *y)
{
	const struct space_side by_x = {.rule = &x, .rules = 1}, by_y = {.rule = &y, .rules = 1};
	struct space_example ex;

	return x->vocab == y->vocab && x->classes == y->classes &&
	       space_rule_covered(x, &by_y, &ex) == SPACE_YES &&
	       space_rule_covered(y, &by_x, &ex) == SPACE_YES;
}

static bool same_range(const struct watch *x, const struct watch *y)
{
	return x->range.count == y->range.count &&
	       (!x->range.count || memcmp(x->range.range, y->range.range,
					  x->range.count * sizeof(*x->range.range)) == 0);
}

static bool same_needs(const struct watch *x, const struct watch *y)
{
	return x->pub.every == y->pub.every && x->pub.changes == y->pub.changes && same_range(x, y);
}

static uint32_t end_of(const struct policy *p, const struct policy_place *place)
{
	return place->asset == POLICY_NONE ? place->zone : p->zones + place->asset;
}

/* What the other policy watches there of the same ops; the same in all if there is one. */
static const struct watch *twin(const struct watches *w, unsigned k,
				const struct policy_watch_pair *pair)
{
	const struct policy *p = w->r->p[k], *q = w->r->p[!k];
	const struct watch *x = &p->watch[pair->watch], *found = NULL;
	uint32_t from = w->map[k][end_of(p, &pair->end[0])];
	uint32_t to = w->map[k][end_of(p, &pair->end[1])], i;

	if (from == POLICY_NONE || to == POLICY_NONE)
		return NULL;
	for (i = imap_find(&q->watch_ends, (uint64_t)from << 32 | to); i != POLICY_NONE;
	     i = q->watch_pair[i].next) {
		const struct watch *y = &q->watch[q->watch_pair[i].watch];

		if ((found && !same_needs(x, y)) || !same_ops(&x->rule, &y->rule))
			continue;
		found = y;
		if (same_needs(x, y))
			break;
	}
	return found;
}

/* --- told --- */

static const char *time_words(struct arena *a, int64_t ns)
{
	char text[64];

	if (!ns)
		return "any time";
	civil_duration_str(ns, text, sizeof(text));
	return arena_printf(a, "%s", text);
}

static const char *need_words(struct arena *a, const struct watch *x)
{
	const char *text = "";

	if (x->pub.every)
		text = arena_printf(a, ", every %s", time_words(a, x->pub.every));
	if (x->pub.range)
		text = arena_printf(a, "%s, range %s", text, x->pub.range);
	if (x->pub.changes)
		text = arena_printf(a, "%s, changes %s", text, time_words(a, x->pub.changes));
	return text;
}

/* "every was 5 s, is 9 s now; range was ..." */
static const char *change_words(struct arena *a, const struct watch *x, const struct watch *y)
{
	const char *text = "";

	if (x->pub.every != y->pub.every)
		text = arena_printf(a, "every was %s, is %s now", time_words(a, x->pub.every),
				    time_words(a, y->pub.every));
	if (!same_range(x, y))
		text = arena_printf(a, "%s%srange was %s, is %s now", text, *text ? "; " : "",
				    x->pub.range ? x->pub.range : "any",
				    y->pub.range ? y->pub.range : "any");
	if (x->pub.changes != y->pub.changes)
		text = arena_printf(a, "%s%schanges was %s, is %s now", text, *text ? "; " : "",
				    time_words(a, x->pub.changes), time_words(a, y->pub.changes));
	return text;
}

static void at(struct diff_entry *e, unsigned k, const struct watch *x)
{
	e->where[k].file = x->pub.file;
	e->where[k].line = x->pub.line;
}

/* The pairs of one watch that the other policy does not have, and those it has otherwise. */
struct gone {
	uint32_t pairs, missing;
	const struct policy_watch_pair *first; /* missing */
	const struct watch *otherwise;
};

static void tell(struct watches *w, unsigned k, const struct watch *x, const struct gone *g)
{
	const struct policy *p = w->r->p[k];
	struct arena *a = &w->out->arena;
	const char *ends;
	struct diff_entry *e;

	if (g->missing) {
		ends = arena_printf(a, "%s -> %s", x->from_words, x->to_words);
		if (g->missing < g->pairs)
			ends = arena_printf(a, "%s -> %s", end_id(p, end_of(p, &g->first->end[0])),
					    end_id(p, end_of(p, &g->first->end[1])));
		if (g->missing < g->pairs && g->missing > 1)
			ends = arena_printf(a, "%s and %u other pair%s", ends, g->missing - 1,
					    g->missing == 2 ? "" : "s");
		e = diff_fact(w->out,
			      arena_printf(a, "is %s watched: %s, %s%s", k ? "now" : "no longer",
					   x->pub.meant, ends, need_words(a, x)));
		at(e, k, x);
	}
	if (g->otherwise && k == 0) {
		e = diff_fact(w->out, arena_printf(a, "is watched otherwise: %s, %s -> %s: %s",
						   x->pub.meant, x->from_words, x->to_words,
						   change_words(a, x, g->otherwise)));
		at(e, 0, x);
		at(e, 1, g->otherwise);
	}
}

void diff_watches(const struct regions *r, struct diff_list *out)
{
	struct watches w = {.r = r, .out = out};
	uint32_t i;
	unsigned k;

	map_ends(&w);
	for (k = 0; k < 2; k++) {
		const struct policy *p = r->p[k];
		struct gone *gone = arena_array(&w.arena, p->watches + 1u, sizeof(*gone));

		for (i = 0; i < p->watch_pairs; i++) {
			const struct policy_watch_pair *pair = &p->watch_pair[i];
			const struct watch *x = &p->watch[pair->watch], *y = twin(&w, k, pair);
			struct gone *g = &gone[pair->watch];

			g->pairs++;
			g->missing += !y;
			if (!y && !g->first)
				g->first = pair;
			if (y && !same_needs(x, y) && !g->otherwise)
				g->otherwise = y;
		}
		for (i = 0; i < p->watches; i++)
			tell(&w, k, &p->watch[i], &gone[i]);
	}
	arena_free(&w.arena);
}
