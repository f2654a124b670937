/* Address ranges, rows, cells and services of the ruleset. */
#include "policy/nft_plan.h"

#include "policy/now.h"

#include <stdlib.h>

struct bounds {
	unsigned __int128 *at;
	uint32_t count, cap;
};

static unsigned __int128 number_of(const struct addr *a)
{
	unsigned __int128 v = 0;
	unsigned i;

	for (i = 0; i < 16; i++)
		v = v << 8 | a->b[i];
	return v;
}

static struct addr addr_of(unsigned __int128 v)
{
	struct addr a;
	unsigned i;

	for (i = 16; i-- > 0; v >>= 8)
		a.b[i] = (uint8_t)v;
	return a;
}

static void add_bound(struct nft_plan *plan, struct bounds *b, unsigned __int128 at)
{
	b->at = arena_grow(&plan->arena, b->at, b->count, &b->cap, sizeof(*b->at));
	b->at[b->count++] = at;
}

/* Where a prefix begins, and where what follows it begins; 0 behind the last address. */
static void add_prefix(struct nft_plan *plan, struct bounds *b, const struct addr *a, unsigned bits)
{
	unsigned __int128 lo = number_of(a);
	unsigned __int128 size = bits ? (unsigned __int128)1 << (128 - bits) : 0;

	add_bound(plan, b, lo);
	add_bound(plan, b, lo + size);
}

static int by_number(const void *x, const void *y)
{
	const unsigned __int128 *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static void add_segments(struct nft_plan *plan, struct bounds *b, int family)
{
	static const char *const segments[] = {
		"169.254.0.0/16", "224.0.0.0/4", "255.255.255.255", "0.0.0.0", "fe80::/10",
		"ff00::/8",	  "::"};
	struct addr a;
	unsigned i, bits;

	for (i = 0; i < sizeof(segments) / sizeof(*segments); i++)
		if (!addr_parse_prefix(segments[i], &a, &bits) && nft_is(&a, family))
			add_prefix(plan, b, &a, bits);
}

/* An asset whose own address is not of its zone's networks: it lives where others are in transit.
 */
static void add_strangers(struct nft_plan *plan, struct bounds *b, int family, bool all)
{
	const struct policy *p = plan->policy;
	uint32_t i, k;

	for (i = 0; i < p->assets; i++)
		for (k = 0; k < p->asset[i].naddresses; k++) {
			const struct addr *a = &p->asset[i].addresses[k];

			if (nft_is(a, family) &&
			    (all || place_network(p, a).zone != p->asset[i].zone))
				add_prefix(plan, b, a, 128);
		}
}

/* The place of all addresses from lo to the next bound. */
static struct policy_place place_of(const struct policy *p, const struct addr *lo)
{
	struct policy_place net = place_network(p, lo), own = policy_place(p, lo, NULL);

	own.asset = POLICY_NONE;
	return own.zone == net.zone ? net : own;
}

bool nft_follows(const struct addr *a, const struct addr *b)
{
	return number_of(a) + 1 == number_of(b);
}

static void add_range(struct nft_plan *plan, struct nft_ranges *r, bool fine, unsigned __int128 lo,
		      unsigned __int128 hi)
{
	struct addr first = addr_of(lo);
	struct policy_place place =
		fine ? policy_place(plan->policy, &first, NULL) : place_of(plan->policy, &first);
	struct nft_range *last = r->count ? &r->range[r->count - 1] : NULL;

	if (place.zone == POLICY_NONE && !place.segment)
		return;
	if (last && last->zone == place.zone && last->segment == place.segment &&
	    last->asset == place.asset && number_of(&last->hi) + 1 == lo) {
		last->hi = addr_of(hi);
		return;
	}
	r->range = arena_grow(&plan->arena, r->range, r->count, &r->cap, sizeof(*r->range));
	r->range[r->count++] = (struct nft_range){.lo = first,
						  .hi = addr_of(hi),
						  .zone = place.zone,
						  .asset = place.asset,
						  .segment = place.segment};
}

static void cut_ranges(struct nft_plan *plan, struct nft_ranges *out, int family, bool fine)
{
	static const uint8_t none[4];
	const struct policy *p = plan->policy;
	const struct addr v4 = addr_v4(none);
	unsigned __int128 begin = family == NFT_V4 ? number_of(&v4) : 0;
	unsigned __int128 end = family == NFT_V4 ? begin + UINT32_MAX : ~(unsigned __int128)0;
	struct bounds b = {0};
	uint32_t i, last = 0;

	add_bound(plan, &b, begin);
	for (i = 0; i < p->prefixes; i++)
		if (!prefix_catches_all(&p->prefix[i]) && nft_is(&p->prefix[i].addr, family))
			add_prefix(plan, &b, &p->prefix[i].addr, p->prefix[i].bits);
	add_segments(plan, &b, family);
	add_strangers(plan, &b, family, fine);
	qsort(b.at, b.count, sizeof(*b.at), by_number);
	for (i = 0; i < b.count; i++) {
		if (b.at[i] < begin || b.at[i] > end || (i > last && b.at[i] == b.at[last]))
			continue;
		if (i > last)
			add_range(plan, out, fine, b.at[last], b.at[i] - 1);
		last = i;
	}
	/* the bound of the mapped block's end lies behind it, 0 before everything */
	add_range(plan, out, fine, b.at[last], end);
}

static bool is_safety(const struct policy *p, uint32_t end)
{
	return p->zone[end_zone(p, end)].level == LEVEL_SAFETY;
}

/* The service between two ends, made when it is new. */
static uint32_t service_of(struct nft_plan *plan, uint32_t from, uint32_t to)
{
	const struct policy *p = plan->policy;
	struct policy_flow_decision d =
		policy_flow(policy_rest(p), end_place(p, from), end_place(p, to), 0, 0);
	struct nft_service s = {.safety = is_safety(p, from) || is_safety(p, to)};
	uint64_t key, k;
	uint32_t found;

	memcpy(s.set, d.set, sizeof(s.set));
	for (k = 0;; k++) {
		key = hash_bytes(s.set, sizeof(s.set), k << 1 | s.safety);
		found = imap_find(&plan->service_ids, key);
		if (found == IMAP_NONE)
			break;
		if (memcmp(plan->service[found].set, s.set, sizeof(s.set)) == 0 &&
		    plan->service[found].safety == s.safety)
			return found;
	}
	plan->service = arena_grow(&plan->arena, plan->service, plan->services, &plan->service_cap,
				   sizeof(s));
	plan->service[plan->services] = s;
	imap_add(&plan->service_ids, &plan->arena, key, plan->services);
	return plan->services++;
}

static struct nft_row *add_row(struct nft_plan *plan, uint32_t from)
{
	struct nft_row *r;

	plan->row = arena_grow(&plan->arena, plan->row, plan->rows, &plan->row_cap, sizeof(*r));
	r = &plan->row[plan->rows];
	*r = (struct nft_row){.from = from, .like = plan->rows};
	plan->rows++;
	return r;
}

static void add_cell(struct nft_plan *plan, struct nft_row *r, uint32_t to)
{
	r->cell = arena_grow(&plan->arena, r->cell, r->cells, &r->cap, sizeof(*r->cell));
	r->cell[r->cells++] = (struct nft_cell){to, service_of(plan, r->from, to)};
	plan->cells++;
}

static bool joined(const struct policy *p, uint32_t from, uint32_t to)
{
	return imap_find(&p->pairs, (uint64_t)from << 32 | to) != IMAP_NONE;
}

/* A pair (asset, zone): hosts of that zone that the asset's own zone is joined to need cells too,
 * because both pairs count for them. */
static void add_shared(struct nft_plan *plan, struct nft_row *r, uint32_t zone)
{
	const struct policy *p = plan->policy;
	const struct nft_row *own = &plan->row[end_zone(p, r->from)];
	uint32_t i;

	for (i = 0; i < own->cells; i++) {
		uint32_t to = own->cell[i].to;

		if (to >= p->zones && end_zone(p, to) == zone && !joined(p, r->from, to))
			add_cell(plan, r, to);
	}
}

static int by_pair(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static uint64_t *all_pairs(struct nft_plan *plan, uint32_t *count)
{
	const struct policy *p = plan->policy;
	uint64_t *pair = arena_array(&plan->arena, p->pairs.count, sizeof(*pair));
	uint32_t i, n = 0;

	for (i = 0; p->pairs.cell && i <= p->pairs.mask; i++)
		if (p->pairs.cell[i].value != IMAP_NONE)
			pair[n++] = p->pairs.cell[i].key;
	qsort(pair, n, sizeof(*pair), by_pair);
	*count = n;
	return pair;
}

static void find_alike(struct nft_plan *plan)
{
	const struct policy *p = plan->policy;
	struct imap known = {0};
	uint32_t i, other;

	for (i = p->zones; i < plan->rows; i++) {
		struct nft_row *r = &plan->row[i], *o;
		uint64_t key =
			hash_bytes(r->cell, r->cells * sizeof(*r->cell), end_zone(p, r->from));

		other = imap_add(&known, &plan->arena, key, i);
		if (other == IMAP_NONE)
			continue;
		o = &plan->row[other];
		if (o->cells == r->cells && end_zone(p, o->from) == end_zone(p, r->from) &&
		    memcmp(o->cell, r->cell, r->cells * sizeof(*r->cell)) == 0)
			r->like = other;
	}
}

bool nft_plan(struct nft_plan *plan, const struct policy *p)
{
	uint64_t *pair;
	uint32_t i, n;

	memset(plan, 0, sizeof(*plan));
	plan->policy = p;
	for (i = 0; i < NFT_FAMILIES; i++) {
		cut_ranges(plan, &plan->ranges[i], (int)i, false);
		if (p->cap || p->updater)
			cut_ranges(plan, &plan->fine[i], (int)i, true);
	}
	for (i = 0; i < p->zones; i++)
		add_row(plan, i);
	pair = all_pairs(plan, &n);
	for (i = 0; i < n && plan->cells <= NFT_CELLS_MAX; i++) {
		uint32_t from = (uint32_t)(pair[i] >> 32), to = (uint32_t)pair[i];
		struct nft_row *r;

		if (from < p->zones)
			r = &plan->row[from];
		else if (plan->row[plan->rows - 1].from == from)
			r = &plan->row[plan->rows - 1];
		else
			r = add_row(plan, from);
		add_cell(plan, r, to);
		if (from >= p->zones && to < p->zones)
			add_shared(plan, r, to);
	}
	if (plan->cells > NFT_CELLS_MAX)
		return false;
	find_alike(plan);
	return true;
}

void nft_plan_free(struct nft_plan *plan)
{
	arena_free(&plan->arena);
}
