/*
 * Frames that are no IP, compared by who is there on the link: assets by their MAC, zones by their
 * VLANs. Stations of which both policies say the same are one class; of every two classes each
 * Ethernet type that some entry begins or ends at is asked of both policies, with all conduits open
 * and with only those open that nothing closes.
 */
#include "policy/diff_regions.h"
#include "policy/now.h"

#include <stdlib.h>

#define CLASSES_MAX 400u /* pairs of them are compared */

struct class
{
	struct policy_place place[2];
	const char *name;
	bool several; /* a second station is in it */
};

struct frames_told {
	uint32_t entry, pairs;
	const char *types;
	const char *from, *to;
};

struct frames_diff {
	const struct regions *r;
	struct diff_list *out;
	struct arena arena;
	struct policy_now now[2][2]; /* by policy; with what is always open, with all open */
	struct class *class;
	uint32_t classes, cap;
	struct imap known; /* hash of what both say of a station -> class */
	uint32_t *type;	   /* where an entry begins, or the one before ended; ascending */
	uint32_t types, type_cap;
	bool *matters[2]; /* by asset */
	struct frames_told *told;
	uint32_t tolds, told_cap;
	struct imap known_told;
};

/* --- who is there --- */

static void mark_assets(struct frames_diff *f, unsigned k)
{
	const struct policy *p = f->r->p[k];
	uint32_t i, n;

	f->matters[k] = arena_array(&f->arena, p->assets + 1u, sizeof(bool));
	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];

		if (!c->nframes && !p->default_allow)
			continue;
		for (n = 0; n < c->nfrom; n++)
			if (c->from[n] >= p->zones)
				f->matters[k][c->from[n] - p->zones] = true;
		for (n = 0; n < c->nto; n++)
			if (c->to[n] >= p->zones)
				f->matters[k][c->to[n] - p->zones] = true;
	}
}

/* All that bears on what a station may send, as a hash. */
static uint64_t says(const struct frames_diff *f, unsigned k, const struct policy_place *x)
{
	const struct policy *p = f->r->p[k];
	uint32_t asset = x->asset;
	uint64_t h;

	if (asset != POLICY_NONE && !f->matters[k][asset])
		asset = POLICY_NONE;
	h = hash_u64((uint64_t)x->zone << 32 | asset, (uint64_t)x->barred << 1 | x->segment);
	if (p->cap && x->zone != POLICY_NONE) {
		const struct cap *c =
			&p->cap[x->asset != POLICY_NONE ? p->zones + x->asset : x->zone];

		h = hash_u64(c->tenants,
			     h ^ ((uint64_t)c->uplink_only << 17 | (uint64_t)!c->classes << 16));
	}
	return h;
}

static void add_station(struct frames_diff *f, const struct mac *mac, const int vlan[2],
			const char *name)
{
	struct class c = {.name = name};
	uint64_t key;
	uint32_t i;
	unsigned k;

	for (k = 0; k < 2; k++)
		c.place[k] = policy_station(f->r->p[k], mac, vlan[k]);
	key = hash_u64(says(f, 0, &c.place[0]), says(f, 1, &c.place[1]));
	i = imap_add(&f->known, &f->arena, key, f->classes);
	if (i != IMAP_NONE) {
		f->class[i].several = true;
		return;
	}
	f->class = arena_grow(&f->arena, f->class, f->classes, &f->cap, sizeof(*f->class));
	f->class[f->classes++] = c;
}

/* Whoever is no asset in a zone's VLANs; the zone of that name in the other policy has others. */
static void add_vlans(struct frames_diff *f, unsigned k)
{
	static const struct mac stranger = {{0x02, 0xff, 0xff, 0xff, 0xff, 0xfe}};
	const struct policy *p = f->r->p[k];
	uint32_t i, n;

	for (i = 0; i < p->zones; i++)
		for (n = 0; n < p->zone[i].nvlans; n++) {
			const int vlan[2] = {p->zone[i].vlans[n], p->zone[i].vlans[n]};

			add_station(f, &stranger, vlan,
				    arena_printf(&f->arena, "VLAN %d", vlan[0]));
		}
}

static void add_assets(struct frames_diff *f, unsigned k)
{
	const struct policy *p = f->r->p[k];
	uint32_t i;

	for (i = 0; i < p->assets; i++) {
		const struct policy_asset *a = &p->asset[i];
		const struct policy_zone *z = &p->zone[a->zone];
		int at = z->nvlans ? z->vlans[0] : -1;
		const int vlan[2] = {at, at};

		if (a->has_mac)
			add_station(f, &a->mac, vlan, a->id);
	}
}

/* --- types --- */

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

static void add_type(struct frames_diff *f, uint64_t type)
{
	if (type > UINT16_MAX)
		return;
	f->type = arena_grow(&f->arena, f->type, f->types, &f->type_cap, sizeof(*f->type));
	f->type[f->types++] = (uint32_t)type;
}

static void find_types(struct frames_diff *f)
{
	uint32_t i, n, m, kept = 0;
	unsigned k;

	add_type(f, 0);
	for (k = 0; k < 2; k++)
		for (i = 0; i < f->r->p[k]->conduits; i++)
			for (n = 0; n < f->r->p[k]->conduit[i].nframes; n++) {
				const struct iset *s = &f->r->p[k]->conduit[i].frames[n].set;

				for (m = 0; m < s->count; m++) {
					add_type(f, s->range[m].lo);
					add_type(f, s->range[m].hi + 1);
				}
			}
	qsort(f->type, f->types, sizeof(*f->type), by_number);
	for (i = 0; i < f->types; i++)
		if (!kept || f->type[kept - 1] != f->type[i])
			f->type[kept++] = f->type[i];
	f->types = kept;
}

static const char *type_words(struct frames_diff *f, const char *before, uint32_t lo, uint32_t hi)
{
	const char *name = lo == hi ? policy_ethertype_name((uint16_t)lo) : NULL;
	const char *comma = *before ? "," : "";

	if (lo == 0 && hi == UINT16_MAX)
		return "any";
	if (name)
		return arena_printf(&f->arena, "%s%s%s", before, comma, name);
	if (lo == hi)
		return arena_printf(&f->arena, "%s%s0x%04x", before, comma, lo);
	return arena_printf(&f->arena, "%s%s0x%04x-0x%04x", before, comma, lo, hi);
}

/* --- pairs --- */

static bool passes(const struct policy_now *now, struct policy_place from, struct policy_place to,
		   uint32_t type, uint32_t *conduit)
{
	struct policy_frame_decision d = policy_frame(now, from, to, (uint16_t)type);

	*conduit = d.conduit;
	return d.verdict == POLICY_ALLOW || d.verdict == POLICY_SAME_ZONE ||
	       d.verdict == POLICY_DEFAULT_ALLOW;
}

static void where(const struct frames_diff *f, struct diff_entry *e, unsigned k, uint32_t conduit)
{
	const struct policy_conduit *c = policy_conduit_at(f->r->p[k], conduit);

	if (!c)
		return;
	e->where[k] = (struct diff_where){
		.file = c->file, .line = c->line, .conduit = c->id, .when = c->when};
}

static void tell(struct frames_diff *f, enum diff_kind kind, const char *types,
		 const struct class *from, const struct class *to, const uint32_t conduit[2])
{
	uint64_t key = hash_bytes(types, strlen(types),
				  hash_u64((uint64_t)conduit[0] << 32 | conduit[1], kind));
	uint32_t i = imap_add(&f->known_told, &f->arena, key, f->tolds);
	struct diff_entry *e;
	unsigned k;

	if (i != IMAP_NONE) {
		f->told[i].pairs++;
		return;
	}
	f->told = arena_grow(&f->arena, f->told, f->tolds, &f->told_cap, sizeof(*f->told));
	f->told[f->tolds++] = (struct frames_told){f->out->count, 1, types, from->name, to->name};
	e = diff_fact(f->out, "");
	e->kind = (uint8_t)kind;
	for (k = 0; k < 2; k++)
		where(f, e, k, conduit[k]);
}

/* One way, with what is always open or with everything; types that only policy k lets pass. */
static bool compare_one(struct frames_diff *f, const struct class *from, const struct class *to,
			unsigned k, unsigned open)
{
	const char *types = "";
	uint32_t i, one[2], said[2] = {POLICY_NONE, POLICY_NONE}, begin = 0;
	bool differs, before = false;
	unsigned j;

	for (i = 0; i <= f->types; i++) {
		differs = false;
		if (i < f->types) {
			for (j = 0, differs = true; j < 2; j++)
				differs = passes(&f->now[j][open], from->place[j], to->place[j],
						 f->type[i], &one[j]) == (j == k) &&
					  differs;
			if (differs && !before && !*types)
				memcpy(said, one, sizeof(said));
		}
		if (differs && !before)
			begin = f->type[i];
		if (!differs && before)
			types = type_words(f, types, begin,
					   i < f->types ? f->type[i] - 1 : UINT16_MAX);
		before = differs;
	}
	if (*types)
		tell(f, k ? DIFF_ALLOWED : DIFF_FORBIDDEN, types, from, to, said);
	return *types != '\0';
}

static bool speaks_of_frames(const struct policy *p)
{
	uint32_t i;

	for (i = 0; i < p->conduits && !p->conduit[i].nframes; i++)
		;
	return i < p->conduits;
}

static void compare_pairs(struct frames_diff *f)
{
	uint32_t x, y;
	unsigned k;

	for (x = 0; x < f->classes; x++)
		for (y = x; y < f->classes; y++)
			for (k = 0; k < 2 && (x != y || f->class[x].several); k++)
				if (!compare_one(f, &f->class[x], &f -> class[y], k, 0))
					compare_one(f, &f->class[x], &f -> class[y], k, 1);
}

static void open_all(struct frames_diff *f)
{
	uint32_t i;
	unsigned k;

	for (k = 0; k < 2; k++) {
		const struct policy *p = f->r->p[k];
		uint8_t *closed = arena_array(&f->arena, p->conduits + 1u, 1);

		f->now[k][1] = f->now[k][0] = *policy_rest(p);
		f->now[k][1].closed = arena_array(&f->arena, p->conduits + 1u, 1);
		for (i = 0; i < p->conduits; i++)
			closed[i] = *p->conduit[i].pub.when ? CLOSED_GRANT : CLOSED_NOT;
		f->now[k][0].closed = closed;
	}
}

void diff_frames(const struct regions *r, struct diff_list *out)
{
	struct frames_diff f = {.r = r, .out = out};
	unsigned k;
	uint32_t i;

	if (!speaks_of_frames(r->p[0]) && !speaks_of_frames(r->p[1]))
		return;
	for (k = 0; k < 2; k++)
		mark_assets(&f, k);
	for (k = 0; k < 2; k++) {
		add_vlans(&f, k);
		add_assets(&f, k);
	}
	find_types(&f);
	open_all(&f);
	if (f.classes > CLASSES_MAX)
		diff_fact(out, "frames that are no IP: too many kinds of stations")->kind =
			DIFF_UNDECIDED;
	else
		compare_pairs(&f);
	for (i = 0; i < f.tolds; i++) {
		const struct frames_told *t = &f.told[i];
		const char *more = t->pairs < 2
					   ? ""
					   : arena_printf(&f.arena, " (and %u other pair%s)",
							  t->pairs - 1, t->pairs == 2 ? "" : "s");

		out->entry[t->entry].what =
			arena_printf(&out->arena, "frames of ethertype %s between %s and %s%s",
				     t->types, t->from, t->to, more);
	}
	arena_free(&f.arena);
}
