/*
 * The stand-in of a bridge: frames go from one interface to the other in the kernel, but for what
 * must not pass unjudged.
 *
 *   safety zones, assets by MAC        pass
 *   pass_ZONE_ZONE, ..._HOST_HOST      pairs that some conduit joins that fails open: pass
 *   cut_ZONE_ZONE, ...                 pairs that conduits join, none of them open: cut
 *   outside_N                          other zones from an external one that nothing joins: cut
 *
 * A pair is (source, destination) of addresses; who asked and who answers is not known there, so
 * both ways are in the sets. The four kinds of pairs have sets of their own, so that nothing
 * overlaps: an asset's address is in its zone's ranges too.
 */
#include "policy/nft_write.h"

#include <stdlib.h>

static const char *const kind_words[] = {"zone", "host"};
static const char *const fate_words[] = {"cut", "pass"};

struct pair {
	uint32_t a, b; /* ends, a <= b */
	bool open;     /* some conduit fails open */
};

struct wire_writer {
	struct nft_writer w;
	struct pair *pair;
	uint32_t pairs, cap;
	uint64_t elements;
};

static bool is_host(const struct policy *p, uint32_t end)
{
	return end >= p->zones;
}

static bool is_safety(const struct policy *p, uint32_t end)
{
	return p->zone[end_zone(p, end)].level == LEVEL_SAFETY;
}

static bool any_open(const struct policy *p, uint32_t set)
{
	const struct pair_set *s = &p->set[set];
	uint32_t i;

	for (i = 0; i < s->conduits; i++)
		if (p->conduit[s->conduit[i]].pub.fail_open)
			return true;
	return false;
}

static int by_ends(const void *x, const void *y)
{
	const struct pair *a = x, *b = y;

	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	return (a->b > b->b) - (a->b < b->b);
}

/* Every pair of ends that conduits join, whichever way, once. */
static void find_pairs(struct wire_writer *x)
{
	const struct policy *p = x->w.policy;
	uint32_t i;

	for (i = 0; p->pairs.cell && i <= p->pairs.mask; i++) {
		uint32_t from = (uint32_t)(p->pairs.cell[i].key >> 32),
			 to = (uint32_t)p->pairs.cell[i].key, set = p->pairs.cell[i].value, back;

		if (set == IMAP_NONE || is_safety(p, from) || is_safety(p, to))
			continue;
		back = imap_find(&p->pairs, (uint64_t)to << 32 | from);
		if (back != IMAP_NONE && from > to)
			continue; /* comes from the other side */
		x->pair =
			arena_grow(&x->w.plan.arena, x->pair, x->pairs, &x->cap, sizeof(*x->pair));
		x->pair[x->pairs++] = (struct pair){
			.a = from < to ? from : to,
			.b = from < to ? to : from,
			.open = any_open(p, set) || (back != IMAP_NONE && any_open(p, back))};
	}
	if (x->pairs)
		qsort(x->pair, x->pairs, sizeof(*x->pair), by_ends);
}

/* The addresses of an end, one after the other; *at from 0. */
static bool next_range(const struct wire_writer *x, int f, uint32_t end, uint32_t *at,
		       struct addr *lo, struct addr *hi)
{
	const struct policy *p = x->w.policy;
	const struct nft_ranges *r = &x->w.plan.ranges[f];

	if (is_host(p, end)) {
		const struct policy_asset *asset = &p->asset[end - p->zones];

		for (; *at < asset->naddresses; ++*at)
			if (nft_is(&asset->addresses[*at], f)) {
				*lo = *hi = asset->addresses[(*at)++];
				return true;
			}
		return false;
	}
	for (; *at < r->count; ++*at)
		if (!r->range[*at].segment && r->range[*at].zone == end) {
			*lo = r->range[*at].lo;
			*hi = r->range[(*at)++].hi;
			return true;
		}
	return false;
}

/* All addresses of one end with all of the other; false: none. */
static uint32_t put_product(struct wire_writer *x, int f, uint32_t from, uint32_t to,
			    uint32_t before)
{
	struct addr lo, hi, lo2, hi2;
	uint32_t i = 0, k, n = before;

	while (next_range(x, f, from, &i, &lo, &hi))
		for (k = 0; next_range(x, f, to, &k, &lo2, &hi2); n++) {
			fputs(n ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t", x->w.maps);
			nft_put_range(x->w.maps, &lo, &hi);
			fputs(" . ", x->w.maps);
			nft_put_range(x->w.maps, &lo2, &hi2);
		}
	return n;
}

/* One of the sets of pairs; without an element it is not written. */
static bool put_pairs(struct wire_writer *x, int f, bool open, bool host_a, bool host_b)
{
	const struct policy *p = x->w.policy;
	const char *type = f == NFT_V4 ? "ipv4_addr" : "ipv6_addr";
	FILE *out = x->w.maps;
	char *text = NULL;
	size_t len = 0;
	uint32_t i, n = 0;

	x->w.maps = open_memstream(&text, &len);
	for (i = 0; x->w.maps && i < x->pairs; i++) {
		const struct pair *r = &x->pair[i];

		if (r->open != open)
			continue;
		if (is_host(p, r->a) == host_a && is_host(p, r->b) == host_b)
			n = put_product(x, f, r->a, r->b, n);
		if (r->a != r->b && is_host(p, r->b) == host_a && is_host(p, r->a) == host_b)
			n = put_product(x, f, r->b, r->a, n);
	}
	if (x->w.maps && fclose(x->w.maps) == 0 && n)
		fprintf(out, "\tset %s_%s_%s_%d {\n\t\ttype %s . %s\n%s%s\n\t\t}\n\t}\n\n",
			fate_words[open], kind_words[host_a], kind_words[host_b],
			f == NFT_V4 ? 4 : 6, type, type,
			host_a && host_b ? "" : "\t\tflags interval\n", text);
	x->w.maps = out;
	free(text);
	x->elements += n;
	return n != 0;
}

static void put_zones(struct wire_writer *x, int f, const char *name, uint32_t zone)
{
	const struct nft_ranges *r = &x->w.plan.ranges[f];
	uint32_t i;
	bool any = false;

	fprintf(x->w.maps, "\tset %s_%d {\n\t\ttype %s\n\t\tflags interval\n", name,
		f == NFT_V4 ? 4 : 6, f == NFT_V4 ? "ipv4_addr" : "ipv6_addr");
	for (i = 0; i < r->count; i++) {
		if (r->range[i].segment || (zone != POLICY_NONE && r->range[i].zone != zone))
			continue;
		fputs(any ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t", x->w.maps);
		nft_put_range(x->w.maps, &r->range[i].lo, &r->range[i].hi);
		any = true;
	}
	fprintf(x->w.maps, "%s\t}\n\n", any ? "\n\t\t}\n" : "");
}

static bool is_outside(const struct policy_zone *z)
{
	return z->level == LEVEL_EXTERNAL || z->level == LEVEL_IOT;
}

/* Zones that nothing joins, one of them external or iot. */
static void put_outside(struct wire_writer *x)
{
	static const char *const ip[] = {"ip", "ip6"};
	const struct policy *p = x->w.policy;
	struct arena *a = &x->w.plan.arena;
	bool zoned = false;
	uint32_t i;
	int f;

	for (i = 0; !p->default_allow && i < p->zones; i++) {
		const char *name = arena_printf(a, "outside_%u", i);

		if (!is_outside(&p->zone[i]))
			continue;
		for (f = 0; f < NFT_FAMILIES; f++) {
			const char *const word = ip[f];
			int d = f == NFT_V4 ? 4 : 6;

			if (!zoned)
				put_zones(x, f, "zoned", POLICY_NONE);
			put_zones(x, f, name, i);
			fprintf(x->w.chains,
				"\t\t%s saddr @%s_%d %s daddr != @%s_%d %s daddr @zoned_%d goto "
				"cut\n"
				"\t\t%s daddr @%s_%d %s saddr != @%s_%d %s saddr @zoned_%d goto "
				"cut\n",
				word, name, d, word, name, d, word, d, word, name, d, word, name, d,
				word, d);
		}
		zoned = true;
	}
}

static void put_safety(struct wire_writer *x)
{
	const struct policy *p = x->w.policy;
	char text[MAC_STRLEN];
	uint32_t i;

	for (i = 0; i < p->zones; i++) {
		const char *name = arena_printf(&x->w.plan.arena, "safety_%u", i);

		if (p->zone[i].level != LEVEL_SAFETY)
			continue;
		put_zones(x, NFT_V4, name, i);
		put_zones(x, NFT_V6, name, i);
		fprintf(x->w.chains,
			"\t\tip saddr @%s_4 return\n\t\tip daddr @%s_4 return\n"
			"\t\tip6 saddr @%s_6 return\n\t\tip6 daddr @%s_6 return\n",
			name, name, name, name);
	}
	for (i = 0; i < p->assets; i++)
		if (nft_mac_only(&p->asset[i]))
			fprintf(x->w.chains,
				"\t\tether saddr %s return\n\t\tether daddr %s return\n",
				mac_str(&p->asset[i].mac, text), text);
}

static void put_judge(struct wire_writer *x)
{
	int f, fate, a, b;

	fputs("\tchain judge {\n", x->w.chains);
	if (policy_mode(x->w.policy) == MODE_ENFORCE) {
		put_safety(x);
		for (fate = 1; fate >= 0; fate--)
			for (f = 0; f < NFT_FAMILIES; f++)
				for (a = 1; a >= 0; a--)
					for (b = 1; b >= 0; b--) {
						const char *ip = f == NFT_V4 ? "ip" : "ip6";

						if (!put_pairs(x, f, fate, a, b))
							continue;
						fprintf(x->w.chains,
							"\t\t%s saddr . %s daddr @%s_%s_%s_%d %s\n",
							ip, ip, fate_words[fate], kind_words[a],
							kind_words[b], f == NFT_V4 ? 4 : 6,
							fate ? "return" : "goto cut");
					}
		put_outside(x);
	}
	fputs("\t}\n\n\tchain cut {\n\t\tcounter name \"cut\"\n\t\tdrop\n\t}\n\n", x->w.chains);
}

static void put_ingress(struct wire_writer *x, const char *name, const char *from, const char *to)
{
	fprintf(x->w.chains,
		"\tchain %s {\n\t\ttype filter hook ingress device \"%s\" priority filter; policy "
		"accept;\n\t\tjump judge\n\t\tfwd to \"%s\"\n\t}\n\n",
		name, from, to);
}

static bool put_table(struct wire_writer *x, const char *a, const char *b, const char *table,
		      FILE *out)
{
	char *maps = NULL, *chains = NULL;
	size_t maps_len = 0, chains_len = 0;
	bool ok;

	x->w.maps = open_memstream(&maps, &maps_len);
	x->w.chains = open_memstream(&chains, &chains_len);
	ok = x->w.maps && x->w.chains;
	if (ok) {
		find_pairs(x);
		put_judge(x);
		put_ingress(x, "from_a", a, b);
		put_ingress(x, "from_b", b, a);
	}
	if (x->w.maps)
		ok = fclose(x->w.maps) == 0 && ok;
	if (x->w.chains)
		ok = fclose(x->w.chains) == 0 && ok;
	ok = ok && x->elements <= NFT_CELLS_MAX;
	if (ok)
		fprintf(out,
			"# made by kidoban: frames between %s and %s when kidoban is not there; "
			"%s\n"
			"table netdev %s\ndelete table netdev %s\n\ntable netdev %s {\n"
			"\tcounter cut { }\n\n%s%s}\n",
			a, b,
			policy_mode(x->w.policy) == MODE_ENFORCE ? "what fails closed is cut"
								 : "detect: everything passes",
			table, table, table, maps, chains);
	free(maps);
	free(chains);
	return ok;
}

bool policy_nft_wire(const struct policy *p, const char *a, const char *b, const char *table,
		     FILE *out)
{
	struct wire_writer x = {.w = {.policy = p}};
	bool ok = nft_plan(&x.w.plan, p) && put_table(&x, a, b, table, out);

	nft_plan_free(&x.w.plan);
	return ok;
}
