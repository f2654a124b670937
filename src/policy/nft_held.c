/*
 * What devices are held to whatever conduits allow (caps.c), as sets of addresses that are asked
 * where a packet would pass: other tenants, unlisted devices, zones that only report, clients that
 * are not trusted at all. Whom the policy restricts to some classes of ops is handed on for
 * inspection, for the kernel sees no ops.
 */
#include "policy/nft_write.h"

/* Who is in a set; arg is a zone or a mask of tenants. */
enum held {
	HELD_TENANT,   /* of exactly these tenants */
	HELD_FOREIGN,  /* of none of these, but of others */
	HELD_UNLISTED, /* no listed asset, where only those count */
	HELD_UPLINK,   /* in that zone */
	HELD_UNTRUSTED,
	HELD_NARROWED, /* may do some classes of ops only */
	HELD_PEERS,    /* unlisted, in a zone whose conduits hold for some countries or networks */
	HELD_UPDATED,  /* firmware and programs go there through update conduits only */
	HELD_SAFETY    /* in any safety zone */
};

static const char *const set_words[] = {"tenant",   "foreign", "unlisted", "uplink", "none",
					"narrowed", "peers",   "updated",  "safety"};

static bool is_held(const struct policy *p, const struct nft_range *x, enum held what, uint64_t arg)
{
	const struct cap *c;

	if (what == HELD_SAFETY)
		return p->zone[x->zone].level == LEVEL_SAFETY;
	if (what == HELD_PEERS)
		return x->asset == POLICY_NONE && p->zone[x->zone].peers;
	if (what == HELD_UPDATED)
		return p->updater &&
		       policy_updater(p, (struct policy_place){.zone = x->zone,
							       .asset = x->asset}) != POLICY_NONE;
	c = &p->cap[x->asset == POLICY_NONE ? x->zone : p->zones + x->asset];
	switch (what) {
	case HELD_TENANT:
		return c->tenants == arg;
	case HELD_FOREIGN:
		return c->tenants && !(c->tenants & arg);
	case HELD_UNLISTED:
		return x->asset == POLICY_NONE && p->zone[x->zone].unknown_devices == UNKNOWN_DENY;
	case HELD_UPLINK:
		return x->zone == arg;
	case HELD_UNTRUSTED:
		return !c->classes;
	case HELD_NARROWED:
		return c->classes != UINT16_MAX || c->ended != INT64_MAX || c->uplink_only;
	case HELD_PEERS:
	case HELD_UPDATED:
	case HELD_SAFETY:
		break;
	}
	return false;
}

static const char *set_name(struct nft_writer *w, enum held what, uint64_t arg)
{
	struct arena *a = &w->plan.arena;

	switch (what) {
	case HELD_TENANT:
	case HELD_FOREIGN:
		return arena_printf(a, "held_%s_%llx_", set_words[what], (unsigned long long)arg);
	case HELD_UPLINK:
		return arena_printf(a, "held_uplink_%s_", w->end_name[arg]);
	default:
		return arena_printf(a, "held_%s_", set_words[what]);
	}
}

static const struct nft_ranges *ranges_of(const struct nft_writer *w, int f, enum held what)
{
	return what == HELD_SAFETY ? &w->plan.ranges[f] : &w->plan.fine[f];
}

/* True when the set has members of that family. */
static bool has_members(const struct nft_writer *w, int f, enum held what, uint64_t arg)
{
	const struct nft_ranges *r = ranges_of(w, f, what);
	uint32_t i;

	for (i = 0; i < r->count; i++)
		if (!r->range[i].segment && is_held(w->policy, &r->range[i], what, arg))
			return true;
	return false;
}

static void put_set(struct nft_writer *w, enum held what, uint64_t arg)
{
	const char *name = set_name(w, what, arg);
	uint32_t i;
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		const struct nft_ranges *r = ranges_of(w, f, what);
		struct addr lo, hi;
		bool first = true, open = false;

		if (!has_members(w, f, what, arg))
			continue;
		fprintf(w->maps, "\tset %s%s {\n\t\ttype %s\n\t\tflags interval\n\t\telements = {",
			name, f == NFT_V4 ? "4" : "6", f == NFT_V4 ? "ipv4_addr" : "ipv6_addr");
		for (i = 0; i <= r->count; i++) {
			const struct nft_range *x = &r->range[i];
			bool in = i < r->count && !x->segment && is_held(w->policy, x, what, arg);

			if (in && open && nft_follows(&hi, &x->lo)) {
				hi = x->hi;
				continue;
			}
			if (open) {
				fputs(first ? "\n\t\t\t" : ",\n\t\t\t", w->maps);
				nft_put_range(w->maps, &lo, &hi);
				first = false;
			}
			open = in;
			if (in) {
				lo = x->lo;
				hi = x->hi;
			}
		}
		fputs("\n\t\t}\n\t}\n\n", w->maps);
	}
}

/* Each mask of tenants that somebody has, once. */
static uint32_t tenant_masks(const struct policy *p, uint64_t mask[64])
{
	uint32_t i, k, n = 0;

	for (i = 0; p->cap && i < p->zones + p->assets; i++) {
		uint64_t m = p->cap[i].tenants;

		for (k = 0; k < n && mask[k] != m; k++)
			;
		if (m && k == n && n < 64)
			mask[n++] = m;
	}
	return n;
}

void nft_put_held_sets(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	uint64_t mask[64];
	uint32_t i, n = tenant_masks(p, mask);

	put_set(w, HELD_SAFETY, 0);
	put_set(w, HELD_PEERS, 0);
	put_set(w, HELD_UPDATED, 0);
	if (!p->cap)
		return;
	for (i = 0; i < n; i++) {
		put_set(w, HELD_TENANT, mask[i]);
		put_set(w, HELD_FOREIGN, mask[i]);
	}
	for (i = 0; i < p->zones; i++)
		if (p->zone[i].uplink_only)
			put_set(w, HELD_UPLINK, i);
	put_set(w, HELD_UNLISTED, 0);
	put_set(w, HELD_UNTRUSTED, 0);
	put_set(w, HELD_NARROWED, 0);
}

static const char *at(struct nft_writer *w, enum held what, uint64_t arg, int f)
{
	return arena_printf(&w->plan.arena, "@%s%s", set_name(w, what, arg),
			    f == NFT_V4 ? "4" : "6");
}

/* Which clients a rule is about: those in a set, or not in it. */
struct clients {
	enum held what;
	uint64_t arg;
	bool others; /* not in it */
};

/* The same among assets that are known by their MAC alone, as conntrack marks of their
 * conversations; NULL: none of them. */
static const char *marks_of(struct nft_writer *w, const struct clients *c)
{
	const struct policy *p = w->policy;
	const char *list = NULL;
	uint32_t i;

	for (i = 0; i < p->assets; i++) {
		const struct nft_range x = {.zone = p->asset[i].zone, .asset = i};

		if (nft_mac_only(&p->asset[i]) && is_held(p, &x, c->what, c->arg) != c->others)
			list = arena_printf(&w->plan.arena, "%s%s 0x%08x", list ? list : "",
					    list ? "," : "", MARK_ASSET | i);
	}
	return list;
}

static bool any_macs(const struct policy *p)
{
	uint32_t i;

	for (i = 0; i < p->assets; i++)
		if (nft_mac_only(&p->asset[i]))
			return true;
	return false;
}

/*
 * Rules for conversations of such clients with dst ("@set4"; NULL: with anybody). in: clients with
 * addresses of that family may be in the set.
 */
static void put_clients(struct nft_writer *w, int f, const struct clients *c, bool in,
			const char *dst, const char *then)
{
	const char *ip = f == NFT_V4 ? "ip" : "ip6", *not = c->others ? "!= " : "";
	const char *set = at(w, c->what, c->arg, f), *marks = marks_of(w, c);
	struct arena *a = &w->plan.arena;
	const char *tracked = dst ? arena_printf(a, "ct original %s daddr %s ", ip, dst) : "";
	const char *other = dst ? arena_printf(a, "%s daddr %s ", ip, dst) : "";

	if (marks)
		fprintf(w->chains, "\t\tct mark {%s } %s%s\n", marks, tracked, then);
	if (!in)
		return;
	fprintf(w->chains, "\t\t%sct original %s saddr %s%s %s%s\n",
		any_macs(w->policy) ? "ct mark and 0xffff0000 != 0x6b6a0000 " : "", ip, not, set,
		tracked, then);
	fprintf(w->chains, "\t\tct state invalid,untracked %s saddr %s%s %s%s\n", ip, not, set,
		other, then);
}

static void put_servers(struct nft_writer *w, int f, const char *set, const char *then)
{
	const char *ip = f == NFT_V4 ? "ip" : "ip6";

	fprintf(w->chains, "\t\tct original %s daddr %s %s\n", ip, set, then);
	fprintf(w->chains, "\t\tct state invalid,untracked %s daddr %s %s\n", ip, set, then);
}

bool nft_put_tenants(struct nft_writer *w, const char *then)
{
	uint64_t mask[64];
	uint32_t i, n = tenant_masks(w->policy, mask);
	bool any = false;
	int f;

	for (i = 0; i < n; i++)
		for (f = 0; f < NFT_FAMILIES; f++) {
			const struct clients c = {.what = HELD_TENANT, .arg = mask[i]};

			if (!has_members(w, f, HELD_FOREIGN, mask[i]))
				continue;
			put_clients(w, f, &c, has_members(w, f, HELD_TENANT, mask[i]),
				    at(w, HELD_FOREIGN, mask[i], f), then);
			any = true;
		}
	return any;
}

bool nft_put_unlisted(struct nft_writer *w, const char *then)
{
	const struct clients c = {.what = HELD_UNLISTED};
	bool any = false;
	int f;

	for (f = 0; w->policy->cap && f < NFT_FAMILIES; f++)
		if (has_members(w, f, HELD_UNLISTED, 0)) {
			put_clients(w, f, &c, true, NULL, then);
			put_servers(w, f, at(w, HELD_UNLISTED, 0, f), then);
			any = true;
		}
	return any;
}

bool nft_put_uplink(struct nft_writer *w, const char *then)
{
	const struct policy *p = w->policy;
	bool any = false;
	uint32_t i;
	int f;

	for (i = 0; i < p->zones; i++)
		for (f = 0; p->zone[i].uplink_only && f < NFT_FAMILIES; f++) {
			const struct clients c = {.what = HELD_UPLINK, .arg = i, .others = true};

			if (!has_members(w, f, HELD_UPLINK, i))
				continue;
			put_clients(w, f, &c, true, at(w, HELD_UPLINK, i, f), then);
			any = true;
		}
	return any;
}

static bool put_all_of(struct nft_writer *w, enum held what, const char *then)
{
	const struct clients c = {.what = what};
	bool any = false, in;
	int f;

	for (f = 0; w->policy->cap && f < NFT_FAMILIES; f++) {
		in = has_members(w, f, what, 0);
		if (!in && (f > 0 || !marks_of(w, &c)))
			continue;
		put_clients(w, f, &c, in, NULL, then);
		any = true;
	}
	return any;
}

bool nft_put_untrusted(struct nft_writer *w, const char *then)
{
	return put_all_of(w, HELD_UNTRUSTED, then);
}

bool nft_narrows(struct nft_writer *w)
{
	const struct clients c = {.what = HELD_NARROWED};

	return w->policy->cap && (has_members(w, NFT_V4, HELD_NARROWED, 0) ||
				  has_members(w, NFT_V6, HELD_NARROWED, 0) || marks_of(w, &c));
}

bool nft_put_narrowed(struct nft_writer *w, const char *then)
{
	const struct clients peers = {.what = HELD_PEERS};
	bool any = put_all_of(w, HELD_NARROWED, then);
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		if (has_members(w, f, HELD_PEERS, 0)) {
			put_clients(w, f, &peers, true, NULL, then);
			put_servers(w, f, at(w, HELD_PEERS, 0, f), then);
			any = true;
		}
		if (has_members(w, f, HELD_UPDATED, 0)) {
			put_servers(w, f, at(w, HELD_UPDATED, 0, f), then);
			any = true;
		}
	}
	return any;
}

void nft_put_spared(struct nft_writer *w, const char *then)
{
	const struct clients c = {.what = HELD_SAFETY};
	int f;

	for (f = 0; f < NFT_FAMILIES; f++) {
		bool in = has_members(w, f, HELD_SAFETY, 0);

		if (in || (f == 0 && marks_of(w, &c)))
			put_clients(w, f, &c, in, NULL, then);
		if (in)
			put_servers(w, f, at(w, HELD_SAFETY, 0, f), then);
	}
}
