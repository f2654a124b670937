/*
 * What changes the answer to a violation, or who is where, while the same may pass: modes, zones
 * of addresses, layers, lists of devices, limits.
 */
#include "policy/diff_regions.h"

struct facts {
	struct diff_list *out;
	const struct regions *r;
};

struct diff_entry *diff_fact(struct diff_list *l, const char *what)
{
	struct diff_entry *e;

	l->entry = arena_grow(&l->arena, l->entry, l->count, &l->cap, sizeof(*l->entry));
	e = &l->entry[l->count++];
	*e = (struct diff_entry){
		.kind = DIFF_CHANGED,
		.what = what,
		.where = {{.conduit = "", .when = ""}, {.conduit = "", .when = ""}},
	};
	return e;
}

static struct diff_entry *fact(struct facts *f, const char *what)
{
	return diff_fact(f->out, what);
}

static void at(struct diff_entry *e, unsigned k, const char *file, int line)
{
	e->where[k].file = file;
	e->where[k].line = line;
}

/* --- settings --- */

static void settings(struct facts *f)
{
	static const char *const modes[] = {"detect", "enforce"};
	const struct policy *p = f->r->p[0], *q = f->r->p[1];
	struct arena *a = &f->out->arena;

	if (p->mode != q->mode)
		fact(f, arena_printf(a, "mode was %s, is %s now", modes[p->mode], modes[q->mode]));
	if (p->operating_mode != q->operating_mode)
		fact(f, arena_printf(a, "operating-mode was %s, is %s now",
				     policy_operating_name(p->operating_mode),
				     policy_operating_name(q->operating_mode)));
	if (p->checksums_verify != q->checksums_verify)
		fact(f, arena_printf(a, "checksums are %s now",
				     q->checksums_verify ? "verified" : "ignored"));
	if (p->overlap_last != q->overlap_last)
		fact(f, arena_printf(a, "where segments overlap the %s bytes win now",
				     q->overlap_last ? "last" : "first"));
}

/* --- zones --- */

uint32_t diff_only_zone(const struct regions *r, unsigned k, uint32_t zone)
{
	uint32_t c, other = POLICY_NONE;
	bool seen = false;

	for (c = r->of_zone[k][zone]; c != POLICY_NONE; c = r->cell[c].next_of_zone[k]) {
		uint32_t z = r->cell[c].side[!k].zone;

		if (z == POLICY_NONE || (seen && z != other))
			return POLICY_NONE;
		other = z;
		seen = true;
	}
	return other;
}

static const char *zone_id(const struct policy *p, uint32_t zone)
{
	return zone == POLICY_NONE ? "no zone" : p->zone[zone].id;
}

/* Addresses in another zone than before, unless it is only called otherwise now. */
static void zone_moved(struct facts *f, uint32_t cell)
{
	const struct regions *r = f->r;
	const struct cell *c = &r->cell[cell];
	uint32_t z[2] = {c->side[0].zone, c->side[1].zone}, i;
	const struct region *first = &r->region[c->plain != POLICY_NONE ? c->plain : c->first];
	const char *old = zone_id(r->p[0], z[0]), *new = zone_id(r->p[1], z[1]);
	char text[ADDR_STRLEN], mac[MAC_STRLEN];
	struct diff_entry *e;
	unsigned k;

	if (strcmp(old, new) == 0)
		return;
	if (z[0] != POLICY_NONE && z[1] != POLICY_NONE && diff_only_zone(r, 0, z[0]) == z[1] &&
	    diff_only_zone(r, 1, z[1]) == z[0])
		return;
	for (i = 0; i < cell; i++)
		if (r->cell[i].side[0].zone == z[0] && r->cell[i].side[1].zone == z[1])
			return; /* told */
	e = fact(f, arena_printf(&f->out->arena, "%s was in %s, is in %s now",
				 first->end.has_mac ? mac_str(&first->end.mac, mac)
						    : addr_str(&first->end.addr, text),
				 old, new));
	for (k = 0; k < 2; k++)
		if (z[k] != POLICY_NONE)
			at(e, k, r->p[k]->zone[z[k]].file, r->p[k]->zone[z[k]].line);
}

static void zone_fact(struct facts *f, const struct policy_zone *x, const struct policy_zone *y,
		      const char *key, const char *old, const char *new)
{
	struct diff_entry *e;

	if (strcmp(old, new) == 0)
		return;
	e = fact(f, arena_printf(&f->out->arena, "zone %s: %s was %s, is %s now", y->id, key, old,
				 new));
	at(e, 0, x->file, x->line);
	at(e, 1, y->file, y->line);
}

/* The same zone by name or by its addresses. */
static void zone_says(struct facts *f, uint32_t zone)
{
	static const char *const unknown[] = {"ignore", "alert", "deny"};
	static const char *const recovery[] = {"unsaid", "limited", "serious", "fatal"};
	static const char *const impact[] = {"unsaid", "limited", "serious", "catastrophic"};
	const struct policy *p = f->r->p[0], *q = f->r->p[1];
	const struct policy_zone *x = &p->zone[zone], *y = NULL;
	uint32_t i, other = diff_only_zone(f->r, 0, zone);

	for (i = 0; i < q->zones && !y; i++)
		if (strcmp(q->zone[i].id, x->id) == 0)
			y = &q->zone[i];
	if (!y && other != POLICY_NONE && diff_only_zone(f->r, 1, other) == zone)
		y = &q->zone[other];
	if (!y)
		return;
	zone_fact(f, x, y, "level", policy_level_name(x->level), policy_level_name(y->level));
	zone_fact(f, x, y, "unknown-devices", unknown[x->unknown_devices],
		  unknown[y->unknown_devices]);
	zone_fact(f, x, y, "recovery", recovery[x->recovery], recovery[y->recovery]);
	diff_peers(f->r, x, y, f->out);
	zone_fact(f, x, y, "impact", impact[x->impact], impact[y->impact]);
}

/* --- devices --- */

static bool told_unlisted(const struct policy *p, uint32_t zone)
{
	return zone != POLICY_NONE && p->zone[zone].unknown_devices != UNKNOWN_IGNORE;
}

/* An asset of policy k whose address is nobody's in the other, where that is told. */
static void asset_listed(struct facts *f, unsigned k, const struct policy_asset *a,
			 const struct addr *addr)
{
	struct policy_place place = policy_place(f->r->p[!k], addr, a->has_mac ? &a->mac : NULL);
	char text[ADDR_STRLEN];
	struct diff_entry *e;

	if (place.asset != POLICY_NONE || !told_unlisted(f->r->p[!k], place.zone))
		return;
	e = fact(f, arena_printf(&f->out->arena, "%s (%s) %s a listed asset", addr_str(addr, text),
				 a->id, k ? "is now" : "is no longer"));
	at(e, k, a->file, a->line);
}

static void asset_says(struct facts *f, const struct policy_asset *x, const struct addr *addr)
{
	struct policy_place place = policy_place(f->r->p[1], addr, NULL);
	const struct policy_asset *y;
	struct arena *a = &f->out->arena;
	const char *what = NULL;
	struct diff_entry *e;
	char mac[MAC_STRLEN];

	if (place.asset == POLICY_NONE)
		return;
	y = &f->r->p[1]->asset[place.asset];
	if (x->has_mac != y->has_mac || (x->has_mac && memcmp(&x->mac, &y->mac, sizeof(x->mac))))
		what = y->has_mac
			       ? arena_printf(a, "%s: mac is %s now", y->id, mac_str(&y->mac, mac))
			       : arena_printf(a, "%s: its mac is not checked now", y->id);
	else if (x->ended != y->ended)
		what = arena_printf(a, "%s: end-of-life was %s, is %s now", y->id,
				    *x->end_of_life ? x->end_of_life : "never",
				    *y->end_of_life ? y->end_of_life : "never");
	if (!what)
		return;
	e = fact(f, what);
	at(e, 0, x->file, x->line);
	at(e, 1, y->file, y->line);
}

static void assets(struct facts *f)
{
	uint32_t i, n;
	unsigned k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < f->r->p[k]->assets; i++) {
			const struct policy_asset *a = &f->r->p[k]->asset[i];

			for (n = 0; n < a->naddresses; n++)
				asset_listed(f, k, a, &a->addresses[n]);
			if (k == 0 && a->has_address)
				asset_says(f, a, &a->address);
		}
}

/* --- limits --- */

static bool same_limit(const struct conduit *a, const struct conduit *b)
{
	const struct policy_conduit *x = &a->pub, *y = &b->pub;

	return x->ops.count == y->ops.count && (!x->ops.count || x->ops.per == y->ops.per) &&
	       x->flows.count == y->flows.count &&
	       (!x->flows.count || x->flows.per == y->flows.per);
}

static bool within(const struct conduit *const *x, uint32_t n, const struct conduit *const *y,
		   uint32_t m)
{
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < m && !same_limit(x[i], y[k]); k++)
			;
		if (k == m)
			return false;
	}
	return true;
}

static const char *limit_words(struct arena *a, const struct conduit *const *list, uint32_t n)
{
	const char *text = "";
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		const struct policy_conduit *c = &list[i]->pub;

		for (k = 0; k < i && !same_limit(list[k], list[i]); k++)
			;
		if (k < i)
			continue;
		text = arena_printf(a, "%s%s%s%s%s%s%s", text, *text ? " or " : "",
				    c->ops.count ? "ops " : "", c->ops.count ? c->ops.text : "",
				    c->ops.count && c->flows.count ? " flows "
				    : c->flows.count		   ? "flows "
								   : "",
				    c->flows.count ? c->flows.text : "",
				    c->ops.count || c->flows.count ? "" : "none");
	}
	return text;
}

const char *diff_limits(struct arena *a, const struct conduit *const *old, uint32_t n,
			const struct conduit *const *new, uint32_t m)
{
	if (within(old, n, new, m) && within(new, m, old, n))
		return NULL;
	return arena_printf(a, "limit was %s, is %s now", limit_words(a, old, n),
			    limit_words(a, new, m));
}

void diff_facts(const struct regions *r, struct diff_list *out)
{
	struct facts f = {out, r};
	uint32_t i;

	settings(&f);
	for (i = 0; i < r->cells; i++)
		zone_moved(&f, i);
	for (i = 0; i < r->p[0]->zones; i++)
		zone_says(&f, i);
	assets(&f);
	diff_watches(r, out);
}
