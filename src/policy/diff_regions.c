#include "policy/diff_regions.h"

#include <stdlib.h>

static void named_assets(struct regions *r, unsigned k)
{
	const struct policy *p = r->p[k];
	uint32_t i, n;

	r->named[k] = arena_array(&r->arena, p->assets, sizeof(bool));
	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];

		for (n = 0; n < c->nfrom; n++)
			if (c->from[n] >= p->zones)
				r->named[k][c->from[n] - p->zones] = true;
		for (n = 0; n < c->nto; n++)
			if (c->to[n] >= p->zones)
				r->named[k][c->to[n] - p->zones] = true;
	}
}

/* What else a policy says of a place that bears on what it may do. */
static uint32_t traits_of(const struct policy *p, struct policy_place place)
{
	const struct cap *c;
	uint64_t h = place.barred;

	if (p->cap && place.zone != POLICY_NONE) {
		c = &p->cap[place.asset != POLICY_NONE ? p->zones + place.asset : place.zone];
		h = hash_u64(c->tenants, h << 32 | (uint64_t)c->uplink_only << 16 | c->classes);
	}
	if (policy_updater(p, place) != POLICY_NONE)
		h = hash_u64(1, h);
	return (uint32_t)h;
}

static struct region_side side_of(const struct regions *r, unsigned k, struct policy_place place)
{
	struct region_side s = {place.zone, place.asset, place.segment, traits_of(r->p[k], place)};

	if (s.asset != POLICY_NONE && !r->named[k][s.asset])
		s.asset = POLICY_NONE;
	return s;
}

static uint32_t cell_of(struct regions *r, const struct region_side side[2])
{
	struct cell c = {.side = {side[0], side[1]}, .plain = POLICY_NONE, .first = POLICY_NONE};
	uint64_t again, key;
	uint32_t found;
	unsigned k;

	c.side[0].asset = c.side[1].asset = POLICY_NONE;
	for (again = 0;; again++) {
		key = hash_bytes(c.side, sizeof(c.side), again);
		found = imap_find(&r->known_cell, key);
		if (found == IMAP_NONE)
			break;
		if (memcmp(r->cell[found].side, c.side, sizeof(c.side)) == 0)
			return found;
	}
	imap_add(&r->known_cell, &r->arena, key, r->cells);
	for (k = 0; k < 2; k++) {
		c.next_of_zone[k] = POLICY_NONE;
		if (side[k].zone == POLICY_NONE)
			continue;
		c.next_of_zone[k] = r->of_zone[k][side[k].zone];
		r->of_zone[k][side[k].zone] = r->cells;
	}
	r->cell = arena_grow(&r->arena, r->cell, r->cells, &r->cell_cap, sizeof(c));
	r->cell[r->cells] = c;
	return r->cells++;
}

/* 10.50.0.0 stands for its region only until an address comes along that a host can have. */
static void better_address(struct region *old, const struct region *new, const struct addr *a)
{
	if (old->end.has_mac || old->end.addr.b[15] || !a->b[15] ||
	    new->place[0].asset != POLICY_NONE || new->place[1].asset != POLICY_NONE)
		return;
	old->end.addr = *a;
	old->place[0] = new->place[0];
	old->place[1] = new->place[1];
}

static void add_region(struct regions *r, const struct addr *a, const struct mac *mac)
{
	struct region x = {.next_in_cell = POLICY_NONE};
	uint64_t again, key;
	uint32_t found;
	struct cell *c;
	unsigned k;

	for (k = 0; k < 2; k++) {
		x.place[k] = policy_place(r->p[k], a, mac);
		/* an address that stands for a network stands for those in the right country */
		if (x.place[k].barred == POLICY_COUNTRY_DENIED)
			x.place[k].barred = 0;
		x.side[k] = side_of(r, k, x.place[k]);
	}
	for (again = 0;; again++) {
		key = hash_bytes(x.side, sizeof(x.side), again);
		found = imap_find(&r->known, key);
		if (found == IMAP_NONE)
			break;
		if (memcmp(r->region[found].side, x.side, sizeof(x.side)) == 0) {
			better_address(&r->region[found], &x, a);
			return;
		}
	}
	imap_add(&r->known, &r->arena, key, r->count);
	x.end.addr = *a;
	if (mac) {
		x.end.mac = *mac;
		x.end.has_mac = true;
	}
	x.cell = cell_of(r, x.side);
	c = &r->cell[x.cell];
	x.next_in_cell = c->first;
	c->first = r->count;
	if (x.side[0].asset == POLICY_NONE && x.side[1].asset == POLICY_NONE)
		c->plain = r->count;
	for (k = 0; k < 2; k++) {
		x.next_of_end[k] = POLICY_NONE;
		if (x.side[k].asset == POLICY_NONE)
			continue;
		x.next_of_end[k] = r->of_asset[k][x.side[k].asset];
		r->of_asset[k][x.side[k].asset] = r->count;
	}
	r->region = arena_grow(&r->arena, r->region, r->count, &r->cap, sizeof(x));
	r->region[r->count++] = x;
}

/* --- boundaries --- */

struct edges {
	struct addr *at;
	size_t n;
};

static int by_addr(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct addr));
}

/* The address behind; false past the last. */
static bool next_addr(struct addr *a)
{
	int i;

	for (i = 15; i >= 0; i--)
		if (++a->b[i])
			return true;
	return false;
}

static void edge(struct edges *e, const struct addr *a, unsigned bits)
{
	struct addr behind = *a;
	unsigned i;

	e->at[e->n++] = *a;
	for (i = bits; i < 128; i++)
		behind.b[i / 8] |= (uint8_t)(0x80u >> i % 8);
	if (next_addr(&behind))
		e->at[e->n++] = behind;
}

/* Addresses that policy_place() treats in a way of its own, and the whole of IPv4. */
static const char *const special[] = {
	"0.0.0.0/0",	   "0.0.0.0",	"169.254.0.0/16", "224.0.0.0/4",
	"255.255.255.255", "fe80::/10", "ff00::/8",	  "::",
};

static void policy_edges(const struct policy *p, struct edges *e)
{
	uint32_t i, k;

	for (i = 0; i < p->prefixes; i++)
		edge(e, &p->prefix[i].addr, p->prefix[i].bits);
	for (i = 0; i < p->assets; i++)
		for (k = 0; k < p->asset[i].naddresses; k++)
			edge(e, &p->asset[i].addresses[k], 128);
}

static size_t edges_max(const struct policy *p)
{
	size_t n = p->prefixes;
	uint32_t i;

	for (i = 0; i < p->assets; i++)
		n += p->asset[i].naddresses;
	return 2 * n;
}

static void find_edges(struct regions *r, struct edges *e)
{
	size_t n = 2 * sizeof(special) / sizeof(*special) + edges_max(r->p[0]) +
		   edges_max(r->p[1]) + 1;
	struct addr a;
	unsigned bits, k;
	size_t i, m = 0;

	e->at = arena_array(&r->arena, n, sizeof(*e->at));
	e->n = 0;
	for (k = 0; k < sizeof(special) / sizeof(*special); k++)
		if (!addr_parse_prefix(special[k], &a, &bits))
			edge(e, &a, bits);
	for (k = 0; k < 2; k++)
		policy_edges(r->p[k], e);
	qsort(e->at, e->n, sizeof(*e->at), by_addr);
	for (i = 0; i < e->n; i++)
		if (m == 0 || !addr_eq(&e->at[m - 1], &e->at[i]))
			e->at[m++] = e->at[i];
	e->n = m;
}

/* An address of a piece that looks like a host's: the hundredth if there are so many. */
static struct addr host_in(const struct edges *e, size_t i)
{
	struct addr a = e->at[i];
	const struct addr *next = i + 1 < e->n ? &e->at[i + 1] : NULL;
	unsigned low = a.b[15] + 100u;

	if (low > 254)
		return a;
	a.b[15] = (uint8_t)low;
	return !next || memcmp(&a, next, sizeof(a)) < 0 ? a : e->at[i];
}

/* Who is known by address in the other policy, and here by MAC: the same device by its id. */
static void add_known_by_address(struct regions *r, unsigned k, const struct policy_asset *a)
{
	const struct policy *other = r->p[!k];
	uint32_t i, n;

	for (i = 0; i < other->assets; i++)
		if (strcmp(other->asset[i].id, a->id) == 0)
			for (n = 0; n < other->asset[i].naddresses; n++)
				add_region(r, &other->asset[i].addresses[n], &a->mac);
}

/*
 * Devices known by MAC only, here and there: at no address, at one that nobody has in each part of
 * their zone, and at their address in the other policy.
 */
static void add_macs(struct regions *r, unsigned k)
{
	static const uint8_t zero[4];
	const struct policy *p = r->p[k];
	struct addr none = addr_v4(zero), at;
	uint32_t i, c, n;

	for (i = 0; i < p->assets; i++) {
		const struct policy_asset *a = &p->asset[i];

		if (!a->has_mac)
			continue;
		if (a->has_address && imap_find(&r->p[!k]->macs, mac_key(&a->mac)) != IMAP_NONE)
			for (n = 0; n < a->naddresses; n++)
				add_region(r, &a->addresses[n], &a->mac);
		if (a->has_address)
			continue;
		add_region(r, &none, &a->mac);
		add_known_by_address(r, k, a);
		for (c = r->of_zone[k][a->zone]; c != POLICY_NONE; c = r->cell[c].next_of_zone[k]) {
			if (r->cell[c].plain == POLICY_NONE)
				continue;
			at = r->region[r->cell[c].plain].end.addr;
			add_region(r, &at, &a->mac);
		}
	}
}

static uint32_t *none_of(struct arena *a, uint32_t n)
{
	uint32_t *list = arena_array(a, n, sizeof(*list));

	memset(list, 0xff, n * sizeof(*list));
	return list;
}

void regions_make(struct regions *r, const struct policy *old, const struct policy *new)
{
	/* the usual stranger, before any odd address that is one as well */
	static const char *const strangers[] = {"192.0.2.1", "2001:db8::1"};
	struct addr a;
	struct edges e;
	unsigned k;
	size_t i;

	*r = (struct regions){.p = {old, new}};
	for (k = 0; k < 2; k++) {
		named_assets(r, k);
		r->of_asset[k] = none_of(&r->arena, r->p[k]->assets);
		r->of_zone[k] = none_of(&r->arena, r->p[k]->zones);
	}
	for (k = 0; k < 2; k++)
		if (addr_parse(strangers[k], &a))
			add_region(r, &a, NULL);
	find_edges(r, &e);
	for (k = 0; k < 2; k++)
		for (i = 0; i < e.n; i++) {
			a = host_in(&e, i);
			if (addr_is_v4(&a) == (k == 0))
				add_region(r, &a, NULL);
		}
	for (k = 0; k < 2; k++)
		add_macs(r, k);
}
