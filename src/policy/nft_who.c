/* Who speaks to whom: the maps of addresses, and the chains from forward to pair_N. */
#include "policy/nft_write.h"

static const char *const family_word[NFT_FAMILIES] = {"ip", "ip6"};
static const char *const family_type[NFT_FAMILIES] = {"ipv4_addr", "ipv6_addr"};
static const char *const family_digit[NFT_FAMILIES] = {"4", "6"};

static unsigned bit_at(const struct addr *a, unsigned i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

/* One element of a set: an address, a prefix, or from-to. */
void nft_put_range(FILE *f, const struct addr *lo, const struct addr *hi)
{
	unsigned bits = 128, i, skip = addr_is_v4(lo) ? 96 : 0;
	char text[ADDR_STRLEN];

	fputs(addr_str(lo, text), f);
	if (addr_eq(lo, hi))
		return;
	while (bits > skip && !bit_at(lo, bits - 1) && bit_at(hi, bits - 1))
		bits--; /* host bits of a prefix */
	for (i = 0; i < bits && bit_at(lo, i) == bit_at(hi, i); i++)
		;
	if (i == bits)
		fprintf(f, "/%u", bits - skip);
	else
		fprintf(f, "-%s", addr_str(hi, text));
}

/* A named map or set; without an element it is not written at all. */
struct list {
	FILE *out;
	const char *head;
	uint32_t count;
};

enum list_kind { LIST_SET, LIST_RANGES, LIST_HOSTS, LIST_HOST_SET };

static struct list list_begin(struct nft_writer *w, const char *name, int family,
			      enum list_kind kind)
{
	bool set = kind == LIST_SET || kind == LIST_HOST_SET;

	return (struct list){
		.out = w->maps,
		.head = arena_printf(
			&w->plan.arena, "%s %s%s {\n\t\ttype %s%s\n%s", set ? "set" : "map", name,
			family_digit[family], family_type[family], set ? "" : " : verdict",
			kind == LIST_SET || kind == LIST_RANGES ? "\t\tflags interval\n" : ""),
	};
}

static FILE *list_next(struct list *l)
{
	if (l->count++)
		fputs(",\n\t\t\t", l->out);
	else
		fprintf(l->out, "\t%s\t\telements = {\n\t\t\t", l->head);
	return l->out;
}

static bool list_end(struct list *l)
{
	if (l->count)
		fputs("\n\t\t}\n\t}\n\n", l->out);
	return l->count != 0;
}

/*
 * A rule that looks the source or destination of the conversation up in a map: by what conntrack
 * remembers of its first packet, and for packets it does not track by their own header.
 */
static void put_lookup(FILE *f, int family, const char *side, const char *map, const char *then)
{
	static const char *const states[] = {"ct original", "ct state invalid,untracked"};
	unsigned i;

	for (i = 0; i < 2; i++)
		fprintf(f, "\t\t%s %s %s %s%s%s\n", states[i], family_word[family], side, map,
			family_digit[family], then);
}

/* ------------------------------------------------------------------------------ to whom it goes */

/* Chain and maps of a row: hosts, then zones, then what the zone of an asset may do. */
static void put_row(struct nft_writer *w, const struct nft_row *r)
{
	const struct policy *p = w->policy;
	const char *name = w->end_name[r->from];
	struct arena *a = &w->plan.arena;
	bool zone = r->from < p->zones, inside = false, has[NFT_FAMILIES][2];
	uint32_t i, k;
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		struct list hosts =
			list_begin(w, arena_printf(a, "to_host_%s_", name), f, LIST_HOSTS);
		struct list zones = list_begin(w, arena_printf(a, "to_%s_", name), f, LIST_RANGES);

		for (i = 0; i < r->cells; i++) {
			const struct policy_asset *to;

			if (r->cell[i].to < p->zones)
				continue;
			to = &p->asset[r->cell[i].to - p->zones];
			for (k = 0; k < to->naddresses; k++) {
				char text[ADDR_STRLEN];

				if (nft_is(&to->addresses[k], f))
					fprintf(list_next(&hosts), "%s : goto pair_%u",
						addr_str(&to->addresses[k], text),
						r->cell[i].service);
			}
		}
		has[f][0] = list_end(&hosts);
		inside = false;
		for (i = 0; i < r->cells; i++) {
			if (r->cell[i].to >= p->zones)
				continue;
			inside = inside || r->cell[i].to == r->from;
			for (k = 0; k < w->plan.ranges[f].count; k++) {
				const struct nft_range *x = &w->plan.ranges[f].range[k];

				if (x->segment || x->zone != r->cell[i].to)
					continue;
				nft_put_range(list_next(&zones), &x->lo, &x->hi);
				fprintf(zones.out, " : goto pair_%u", r->cell[i].service);
			}
		}
		for (k = 0; zone && !inside && k < w->plan.ranges[f].count; k++) {
			const struct nft_range *x = &w->plan.ranges[f].range[k];

			if (x->segment || x->zone != r->from)
				continue;
			nft_put_range(list_next(&zones), &x->lo, &x->hi);
			fputs(" : goto inside_zone", zones.out);
		}
		has[f][1] = list_end(&zones);
	}
	fprintf(w->chains, "\tchain from_%s {\n", name);
	for (f = 0; f < NFT_FAMILIES; f++) {
		if (has[f][0])
			put_lookup(w->chains, f, "daddr",
				   arena_printf(a, "vmap @to_host_%s_", name), "");
		if (has[f][1])
			put_lookup(w->chains, f, "daddr", arena_printf(a, "vmap @to_%s_", name),
				   "");
	}
	if (zone)
		fprintf(w->chains, "\t\tgoto unjoined_%s\n\t}\n\n",
			policy_level_name((enum policy_level)p->zone[r->from].level));
	else
		fprintf(w->chains, "\t\tgoto from_%s\n\t}\n\n", w->end_name[end_zone(p, r->from)]);
}

/* -------------------------------------------------------------------------- nothing joins the two
 */

/* What is said of traffic to that zone without a conduit; from: POLICY_NONE, from no zone. */
static const char *unjoined(const struct policy *p, uint32_t from, uint32_t to)
{
	bool safety = p->zone[to].level == LEVEL_SAFETY ||
		      (from != POLICY_NONE && p->zone[from].level == LEVEL_SAFETY);

	if (from != POLICY_NONE && level_skipped(p, from, to))
		return safety ? "layer_skipped_safety" : "layer_skipped";
	return safety ? "no_conduit_safety" : "no_conduit";
}

/* from: any zone of the level, for they are all alike in this. */
static void put_unjoined(struct nft_writer *w, const char *name, uint32_t from)
{
	const struct policy *p = w->policy;
	const char *map = arena_printf(&w->plan.arena, "unjoined_%s_", name), *what;
	bool safety = from != POLICY_NONE && p->zone[from].level == LEVEL_SAFETY;
	const char *rest = safety ? "no_conduit_safety" : "no_conduit";
	bool has[NFT_FAMILIES];
	uint32_t k;
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		struct list l = list_begin(w, map, f, LIST_RANGES);

		for (k = 0; !p->default_allow && k < w->plan.ranges[f].count; k++) {
			const struct nft_range *x = &w->plan.ranges[f].range[k];

			if (x->segment)
				continue;
			what = unjoined(p, from, x->zone);
			if (strcmp(what, rest) == 0)
				continue;
			nft_put_range(list_next(&l), &x->lo, &x->hi);
			fprintf(l.out, " : goto %s", what);
		}
		has[f] = list_end(&l);
	}
	fprintf(w->chains, "\tchain unjoined_%s {\n", name);
	for (f = 0; f < NFT_FAMILIES; f++)
		if (has[f])
			put_lookup(w->chains, f, "daddr",
				   arena_printf(&w->plan.arena, "vmap @%s", map), "");
	fprintf(w->chains, "\t\tgoto %s\n\t}\n\n", p->default_allow ? "default_allow" : rest);
}

static void put_levels(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	uint32_t level, from;

	for (level = 0; level < LEVELS; level++) {
		for (from = 0; from < p->zones && p->zone[from].level != level; from++)
			;
		if (from < p->zones)
			put_unjoined(w, policy_level_name((enum policy_level)level), from);
	}
	put_unjoined(w, "nowhere", POLICY_NONE);
}

/* -------------------------------------------------------------------------------- who opened it */

static const char *from_chain(struct nft_writer *w, uint32_t end)
{
	uint32_t i;

	for (i = w->policy->zones; i < w->plan.rows; i++)
		if (w->plan.row[i].from == end)
			return w->end_name[w->plan.row[w->plan.row[i].like].from];
	return w->end_name[end_zone(w->policy, end)];
}

/* Assets known by their MAC alone: the address must be one of their zone, of their segment, or of
 * nobody, and no other asset's; then conntrack keeps who it was for the replies. */
static void put_macs(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	struct arena *a = &w->plan.arena;
	uint8_t *foreign = arena_array(a, p->zones, 1);
	char text[MAC_STRLEN];
	uint32_t i, k;
	int f;

	for (i = 0; i < p->assets; i++) {
		uint32_t zone = p->asset[i].zone;
		bool has[NFT_FAMILIES];

		if (!nft_mac_only(&p->asset[i]))
			continue;
		fprintf(w->chains, "\tchain mac_%s {\n", w->end_name[p->zones + i]);
		for (f = 0; f < NFT_FAMILIES; f++) {
			const char *name = arena_printf(a, "foreign_%s_", w->end_name[zone]);
			struct list l = list_begin(w, name, f, LIST_SET);

			has[f] = false;
			for (k = 0; k < w->plan.ranges[f].count; k++) {
				const struct nft_range *x = &w->plan.ranges[f].range[k];

				if (x->segment || x->zone == zone)
					continue;
				has[f] = true;
				if (!foreign[zone])
					nft_put_range(list_next(&l), &x->lo, &x->hi);
			}
			list_end(&l);
			fprintf(w->chains, "\t\t%s saddr @listed%s return\n", family_word[f],
				family_digit[f]);
			if (has[f])
				fprintf(w->chains, "\t\t%s saddr @%s%s return\n", family_word[f],
					name, family_digit[f]);
		}
		foreign[zone] = 1;
		if (p->cap && p->zone[zone].level != LEVEL_SAFETY)
			fputs("\t\tct state invalid,untracked goto invalid comment \"nothing to "
			      "mark\"\n",
			      w->chains);
		fprintf(w->chains,
			"\t\tct mark set 0x%08x\n\t\tgoto from_%s comment \"%s, %s\"\n\t}\n\n",
			MARK_ASSET | i, from_chain(w, p->zones + i),
			nft_quote(a, p->asset[i].id, 80), mac_str(&p->asset[i].mac, text));
	}
}

static void put_listed(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	char text[ADDR_STRLEN];
	uint32_t i, k;
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		struct list l = list_begin(w, "listed", f, LIST_HOST_SET);

		for (i = 0; i < p->assets; i++)
			for (k = 0; k < p->asset[i].naddresses; k++)
				if (nft_is(&p->asset[i].addresses[k], f))
					fputs(addr_str(&p->asset[i].addresses[k], text),
					      list_next(&l));
		if (!list_end(&l))
			fprintf(w->maps, "\t%s\t}\n\n", l.head);
	}
}

/* Maps from the address that opened a conversation to its chain; true for those that exist. */
static void put_sources(struct nft_writer *w, bool hosts[NFT_FAMILIES], bool zones[NFT_FAMILIES],
			bool segments[NFT_FAMILIES])
{
	const struct policy *p = w->policy;
	uint32_t i, k;
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		struct list h = list_begin(w, "from_host", f, LIST_HOSTS), z, s;

		for (i = p->zones; i < w->plan.rows; i++) {
			const struct nft_row *r = &w->plan.row[i];
			const struct policy_asset *from = &p->asset[r->from - p->zones];

			for (k = 0; k < from->naddresses; k++) {
				char text[ADDR_STRLEN];

				if (nft_is(&from->addresses[k], f))
					fprintf(list_next(&h), "%s : goto from_%s",
						addr_str(&from->addresses[k], text),
						w->end_name[w->plan.row[r->like].from]);
			}
		}
		hosts[f] = list_end(&h);
		z = list_begin(w, "from", f, LIST_RANGES);
		for (k = 0; k < w->plan.ranges[f].count; k++) {
			const struct nft_range *x = &w->plan.ranges[f].range[k];

			nft_put_range(list_next(&z), &x->lo, &x->hi);
			if (x->segment)
				fputs(" : goto inside_zone", z.out);
			else
				fprintf(z.out, " : goto from_%s", w->end_name[x->zone]);
		}
		zones[f] = list_end(&z);
		s = list_begin(w, "segment", f, LIST_SET);
		for (k = 0; k < w->plan.ranges[f].count; k++) {
			const struct nft_range *x = &w->plan.ranges[f].range[k];

			if (x->segment)
				nft_put_range(list_next(&s), &x->lo, &x->hi);
		}
		segments[f] = list_end(&s);
	}
}

/* Replies of those assets carry a MAC of somebody else: conntrack remembers who it was. */
static void put_mac_lookups(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	char text[MAC_STRLEN];
	bool first = true;
	uint32_t i;

	fputs("\t\tct direction reply ct mark vmap {", w->chains);
	for (i = 0; i < p->assets; i++) {
		if (!nft_mac_only(&p->asset[i]))
			continue;
		fprintf(w->chains, "%s 0x%08x : goto from_%s", first ? "" : ",", MARK_ASSET | i,
			from_chain(w, p->zones + i));
		first = false;
	}
	fputs(" }\n\t\tether saddr vmap {", w->chains);
	first = true;
	for (i = 0; i < p->assets; i++) {
		if (!nft_mac_only(&p->asset[i]))
			continue;
		fprintf(w->chains, "%s %s : jump mac_%s", first ? "" : ",",
			mac_str(&p->asset[i].mac, text), w->end_name[p->zones + i]);
		first = false;
	}
	fputs(" }\n", w->chains);
}

static void put_forward(struct nft_writer *w, uint32_t macs)
{
	bool hosts[NFT_FAMILIES], zones[NFT_FAMILIES], segments[NFT_FAMILIES];
	int f;

	put_sources(w, hosts, zones, segments);
	fprintf(w->chains,
		"\tchain forward {\n\t\ttype filter hook forward priority filter%s; policy %s;\n",
		w->cfg->inspect == NFT_MARK ? " - 5" : "", w->cfg->enforce ? "drop" : "accept");
	nft_put_hand_first(w);
	fputs("\t\tct state related icmp type { 3, 11, 12 } accept comment \"errors about what is "
	      "permitted\"\n"
	      "\t\tct state related icmpv6 type { 1, 2, 3, 4 } accept comment \"errors about what "
	      "is "
	      "permitted\"\n"
	      "\t\tct state related meta l4proto { icmp, icmpv6 } goto invalid comment "
	      "\"redirects\"\n"
	      "\t\tct state established ct direction reply meta l4proto { icmp, icmpv6 } accept "
	      "comment \"answers\"\n"
	      "\t\tct state invalid meta l4proto { tcp, udp } goto invalid\n",
	      w->chains);
	for (f = 0; f < NFT_FAMILIES; f++)
		if (segments[f])
			put_lookup(w->chains, f, "daddr", "@segment", " goto inside_zone");
	if (macs)
		put_mac_lookups(w);
	for (f = 0; f < NFT_FAMILIES; f++) {
		if (hosts[f])
			put_lookup(w->chains, f, "saddr", "vmap @from_host", "");
		if (zones[f])
			put_lookup(w->chains, f, "saddr", "vmap @from", "");
	}
	fputs("\t\tgoto unjoined_nowhere\n\t}\n\n", w->chains);
}

void nft_put_who(struct nft_writer *w)
{
	uint32_t i, macs = 0;

	for (i = 0; i < w->policy->assets; i++)
		macs += nft_mac_only(&w->policy->asset[i]);
	put_forward(w, macs);
	if (macs) {
		put_listed(w);
		put_macs(w);
	}
	for (i = 0; i < w->plan.rows; i++)
		if (w->plan.row[i].like == i)
			put_row(w, &w->plan.row[i]);
	put_levels(w);
}
