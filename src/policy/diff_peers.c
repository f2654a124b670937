/* Whom the conduits of a zone hold for: countries, and networks (autonomous systems,
 * organisations). Where a peer is can only be looked up, so this is told of the zone, not of
 * regions. */
#include "policy/diff_regions.h"

struct peer_list {
	const char **text;
	uint32_t n;
};

static const char *slice_text(struct arena *a, struct slice s)
{
	return arena_text(a, (const char *)s.p, s.len);
}

static struct peer_list countries_of(struct arena *a, const struct policy_peers *x)
{
	struct peer_list l = {.n = 0};

	if (!x)
		return l;
	l.text = arena_array(a, x->countries + 1u, sizeof(*l.text));
	while (l.n < x->countries) {
		l.text[l.n] = x->country[l.n];
		l.n++;
	}
	return l;
}

static struct peer_list networks_of(struct arena *a, const struct policy_peers *x)
{
	struct peer_list l = {.n = 0};
	uint32_t i;

	if (!x)
		return l;
	l.text = arena_array(a, (size_t)x->asns + x->organisation.count + 1u, sizeof(*l.text));
	for (i = 0; i < x->asns; i++)
		l.text[l.n++] = arena_printf(a, "AS%u", x->asn[i]);
	for (i = 0; i < x->organisation.count; i++)
		l.text[l.n++] = slice_text(a, x->organisation.text[i]);
	return l;
}

/* Those of x that are not in y: "JP, DE"; "" when there are none. */
static const char *beyond(struct arena *a, struct peer_list x, struct peer_list y)
{
	const char *text = "";
	uint32_t i, k;

	for (i = 0; i < x.n; i++) {
		for (k = 0; k < y.n && strcmp(x.text[i], y.text[k]) != 0; k++)
			;
		if (k == y.n)
			text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", x.text[i]);
	}
	return text;
}

struct told {
	struct diff_list *out;
	const struct policy_zone *zone[2];
};

static void tell(struct told *t, enum diff_kind kind, const char *how, const char *who)
{
	struct arena *a = &t->out->arena;
	struct diff_entry *e;
	unsigned k;

	e = diff_fact(t->out,
		      arena_printf(a, "zone %s: its conduits %s%s", t->zone[1]->id, how, who));
	e->kind = (uint8_t)kind;
	for (k = 0; k < 2; k++) {
		e->where[k].file = t->zone[k]->file;
		e->where[k].line = t->zone[k]->line;
	}
}

static void compare(struct told *t, struct peer_list old, struct peer_list new)
{
	static const struct peer_list none;
	struct arena *a = &t->out->arena;
	const char *more = beyond(a, new, old), *less = beyond(a, old, new);

	if (!old.n && new.n) {
		tell(t, DIFF_FORBIDDEN, "hold only for peers in ", more);
	} else if (old.n && !new.n) {
		tell(t, DIFF_ALLOWED, "hold for peers anywhere now, not only in ",
		     beyond(a, old, none));
	} else {
		if (*more)
			tell(t, DIFF_ALLOWED, "hold for peers in more places: ", more);
		if (*less)
			tell(t, DIFF_FORBIDDEN, "no longer hold for peers in ", less);
	}
}

static bool is_named(const struct policy *p, const struct policy_zone *z)
{
	uint32_t i, k, zone = (uint32_t)(z - p->zone);

	for (i = 0; i < p->conduits; i++) {
		for (k = 0; k < p->conduit[i].nfrom; k++)
			if (p->conduit[i].from[k] == zone)
				return true;
		for (k = 0; k < p->conduit[i].nto; k++)
			if (p->conduit[i].to[k] == zone)
				return true;
	}
	return false;
}

void diff_peers(const struct regions *r, const struct policy_zone *x, const struct policy_zone *y,
		struct diff_list *out)
{
	struct told t = {out, {x, y}};
	struct arena *a = &out->arena;

	if (!is_named(r->p[0], x) || !is_named(r->p[1], y))
		return; /* what a conduit adds or takes away is told by pairs */
	compare(&t, countries_of(a, x->peers), countries_of(a, y->peers));
	compare(&t, networks_of(a, x->peers), networks_of(a, y->peers));
}
