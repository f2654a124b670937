/*
 * The proposal as YAML: zones, assets, conduits, and in comments what was guessed and what somebody
 * should look at.
 */
#include "learn/learn.h"
#include "learn/vendor.h"
#include "policy/lint.h"

#include <inttypes.h>
#include <stdlib.h>

#define LISTED_PEERS 8 /* in a comment */
#define LIST_FULL    8 /* ranges that an entry has at most, as in policy/narrow.c and entries.c */

/* --- texts of others --- */

static unsigned utf8_len(const unsigned char *s)
{
	unsigned n = *s < 0x80	 ? 1
		     : *s < 0xc2 ? 0
		     : *s < 0xe0 ? 2
		     : *s < 0xf0 ? 3
		     : *s < 0xf5 ? 4
				 : 0;
	unsigned i;

	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Line ends and controls of Unicode that a reader of YAML or a terminal might act on. */
static bool is_plain(const unsigned char *s, unsigned n)
{
	if (n == 1)
		return *s >= 0x20 && *s != 0x7f;
	if (n == 2)
		return !(s[0] == 0xc2 && s[1] < 0xa0);
	if (n == 3 && s[0] == 0xe2 && (s[1] == 0x80 || s[1] == 0x81)) /* separators, bidi */
		return !(s[1] == 0x80 && (s[2] >= 0xa8 && s[2] <= 0xae)) &&
		       !(s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9) &&
		       !(s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f));
	if (n == 3 && s[0] == 0xed)
		return s[1] < 0xa0; /* surrogates */
	if (n == 3 && s[0] == 0xef)
		return !(s[1] == 0xbb && s[2] == 0xbf) && !(s[1] == 0xbf && s[2] >= 0xbe);
	return n > 0;
}

static void put_clean(FILE *out, const char *text, size_t max, const char *escape)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t done = 0;
	unsigned n;

	for (; *s && done < max; s += n ? n : 1, done += n ? n : 1) {
		n = utf8_len(s);
		if (n == 0 || !is_plain(s, n))
			fputc('?', out);
		else if (n == 1 && strchr(escape, *s))
			fprintf(out, "\\%c", *s);
		else
			fwrite(s, 1, n, out);
	}
}

void learn_put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	put_clean(out, text, 200, "\"\\");
	fputc('"', out);
}

void learn_put_comment(FILE *out, const char *text, size_t max)
{
	put_clean(out, text, max, "");
}

/* --- zones --- */

static void put_prefix(FILE *out, const struct learn_zone *z, uint32_t i)
{
	struct addr net = z->net;
	char text[ADDR_STRLEN];
	unsigned at = z->bits / 8 - 1;
	bool v4 = addr_is_v4(&net);

	net.b[at] = (uint8_t)(net.b[at] + i);
	fprintf(out, v4 ? "%s%s/%u" : "%s\"%s/%u\"", i ? ", " : "", addr_str(&net, text),
		v4 ? z->bits - 96 : z->bits);
}

static void put_zone(FILE *out, const struct learn *l, uint32_t at)
{
	const struct learn_zone *z = &l->zone[at];
	uint32_t i;

	fprintf(out, "  %s:\n", z->id);
	if (at == l->internet) {
		fprintf(out,
			"    level: external   # all public addresses; name the peers you know in "
			"zones of their own\n"
			"    networks: [any]\n");
		return;
	}
	fprintf(out, "    level: %s   # guessed: %s; please check\n    networks: [",
		policy_level_name((enum policy_level)z->level), z->why);
	for (i = 0; i <= z->joined; i++)
		put_prefix(out, z, i);
	fprintf(out, "]   # %" PRIu32 " heard", z->hosts);
	if (z->silent)
		fprintf(out, ", %" PRIu32 " spoken to without an answer", z->silent);
	if (z->vlan_mixed)
		fputs(", several VLANs", out);
	else if (z->vlan)
		fprintf(out, ", VLAN %u", z->vlan);
	if (z->joined)
		fputs("; neighbours that behave alike were joined", out);
	fputs("\n    unknown-devices: alert\n", out);
}

/* --- assets --- */

static const char *const whys[LEARN_ROLES] = {
	[LEARN_UNSEEN] = "never answered: is it there?",
	[LEARN_PLC] = "answers a field protocol",
	[LEARN_HMI] = "reads and writes in controllers",
	[LEARN_ENGINEERING] = "loads programs, files or settings",
	[LEARN_SERVER] = "collects or serves data",
	[LEARN_BROKER] = "an MQTT broker",
	[LEARN_SENSOR] = "publishes to a broker",
	[LEARN_GATEWAY] = "takes from devices and publishes",
	[LEARN_ROUTER] = "its MAC carries addresses of several networks",
	[LEARN_CLIENT] = "only opens conversations",
};

static void put_title(FILE *out, const struct learn *l, const struct learn_host *h)
{
	static const char *const keys[] = {"product-name", "product-code", "model-name",
					   "client-id"};
	const char *vendor = learn_fact(l, &h->addr, "vendor"), *name = "";
	unsigned i;

	if (!*vendor)
		vendor = learn_fact(l, &h->addr, "vendor-name");
	for (i = 0; i < sizeof(keys) / sizeof(*keys) && !*name; i++)
		name = learn_fact(l, &h->addr, keys[i]);
	if (*name) {
		fputs(", title: ", out);
		learn_put_quoted(out, name);
	}
	if (!*vendor && h->has_mac && !h->mac_doubtful && l->vendors)
		vendor = vendor_find(l->vendors, &h->mac);
	if (*vendor) {
		fputs(", vendor: ", out);
		learn_put_quoted(out, vendor);
	}
}

static void put_asset(FILE *out, const struct learn *l, const struct learn_host *h)
{
	bool v4 = addr_is_v4(&h->addr);
	char text[ADDR_STRLEN], mac[MAC_STRLEN];

	fprintf(out, v4 ? "  %s: {zone: %s, address: %s" : "  %s: {zone: %s, address: \"%s\"",
		h->name, l->zone[h->zone].id, addr_str(&h->addr, text));
	if (h->has_mac && !h->mac_doubtful)
		fprintf(out, ", mac: \"%s\"", mac_str(&h->mac, mac));
	fprintf(out, ", role: %s", learn_role_name((enum learn_role)h->role));
	put_title(out, l, h);
	fprintf(out, "}   # guessed: %s", whys[h->role]);
	if (h->has_mac && h->mac_doubtful)
		fputs("; its MAC is used by others too, or changed", out);
	if (h->silent_peers > LISTED_PEERS)
		fprintf(out, "; tried %" PRIu32 " services that never answered: a scan?",
			h->silent_peers);
	fputs("; please check\n", out);
}

static void put_head(const struct learn *l, FILE *out)
{
	bool any = false;
	uint32_t i;

	fputs("zones:\n", out);
	for (i = 0; i < l->zones; i++)
		if (l->zone[i].used)
			put_zone(out, l, i);
	for (i = 0; i < l->hosts; i++) {
		if (!l->host[i].listed)
			continue;
		if (!any)
			fputs("\nassets:\n", out);
		any = true;
		put_asset(out, l, &l->host[i]);
	}
}

/* --- conduits --- */

static void put_entries(FILE *out, const char *text)
{
	const char *end;

	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			break;
		fprintf(out, "      %.*s\n", (int)(end - text), text);
	}
}

/* As many ranges in one list as are ever written: some may have been joined. */
static bool is_full_list(const char *s, const char *end)
{
	unsigned n = 0;
	bool in = false;

	for (; s < end && *s != '"'; s++) {
		if (*s == '[')
			n = 1, in = true;
		else if (*s == ']')
			in = false;
		else if (in && *s == ',' && ++n >= LIST_FULL)
			return true;
	}
	return false;
}

static bool has_text(const char *s, const char *end, const char *what)
{
	return memmem(s, (size_t)(end - s), what, strlen(what)) != NULL;
}

/* The same, and where an entry permits more than was seen, that it does. */
static void put_noted(FILE *out, const char *text)
{
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		fprintf(out, "      %.*s", (int)(end - text), text);
		if (has_text(text, end, "- mqtt: {do: ") && !has_text(text, end, "do: session") &&
		    !has_text(text, end, ", topic: "))
			fputs("   # widened: more topics than can be listed", out);
		else if (is_full_list(text, end))
			fputs("   # widened: the nearest of many numbers were joined", out);
		fputc('\n', out);
	}
}

void learn_write_draft(const struct learn *l, FILE *out)
{
	char *text;
	uint32_t i;

	put_head(l, out);
	if (l->pairs)
		fputs("conduits:\n", out);
	for (i = 0; i < l->pairs; i++) {
		const struct learn_pair *p = &l->pair[i];

		fprintf(out, "  - id: pair-%" PRIu32 "\n    from: %s\n    to: %s\n    allow:\n", i,
			learn_end_id(l, p->from), learn_end_id(l, p->to));
		text = learn_entries(l, p);
		put_entries(out, text ? text : "");
		free(text);
	}
}

/* Pairs that become one conduit: every one of from with every one of to. */
struct group {
	uint32_t *from, *to; /* ends */
	uint32_t nfrom, nto, from_cap, to_cap;
	uint32_t first; /* pair, for text and whatever is the same */
	uint64_t flows, ops;
	bool gone;
};

static uint8_t role_of(const struct learn *l, uint32_t end)
{
	return end & LEARN_ZONE ? LEARN_ROLES : l->host[end].role;
}

static uint32_t zone_of(const struct learn *l, uint32_t end)
{
	return end & LEARN_ZONE ? end & ~LEARN_ZONE : l->host[end].zone;
}

/* Ends that may stand in one list. */
static bool alike(const struct learn *l, uint32_t a, uint32_t b)
{
	return role_of(l, a) == role_of(l, b) && zone_of(l, a) == zone_of(l, b) &&
	       !((a | b) & LEARN_ZONE);
}

static bool same_list(const uint32_t *a, uint32_t n, const uint32_t *b, uint32_t m)
{
	return n == m && memcmp(a, b, n * sizeof(*a)) == 0;
}

static void add_from(struct learn *l, struct group *g, uint32_t end)
{
	g->from = arena_grow(&l->arena, g->from, g->nfrom, &g->from_cap, sizeof(*g->from));
	g->from[g->nfrom++] = end;
}

/* One client and the servers with which it may do the same. */
static uint32_t group_servers(struct learn *l, struct group *g)
{
	uint32_t i, k, first = 0, n = 0;

	for (i = 0; i < l->pairs; i++) {
		const struct learn_pair *p = &l->pair[i];

		if (i && l->pair[i - 1].from != p->from)
			first = n;
		for (k = first; k < n; k++)
			if (alike(l, l->pair[g[k].first].to, p->to) &&
			    strcmp(l->pair[g[k].first].text, p->text) == 0)
				break;
		if (k == n) {
			g[n++] = (struct group){.first = i};
			add_from(l, &g[k], p->from);
		}
		g[k].to = arena_grow(&l->arena, g[k].to, g[k].nto, &g[k].to_cap, sizeof(*g[k].to));
		g[k].to[g[k].nto++] = p->to;
		g[k].flows += p->flows;
		g[k].ops += p->ops;
	}
	return n;
}

/* Clients that may do the same with the same servers. */
static void group_clients(struct learn *l, struct group *g, uint32_t n)
{
	uint32_t i, k;

	for (i = 0; i < n; i++)
		for (k = i + 1; k < n && !g[i].gone; k++) {
			if (g[k].gone || !alike(l, g[i].from[0], g[k].from[0]) ||
			    !same_list(g[i].to, g[i].nto, g[k].to, g[k].nto) ||
			    strcmp(l->pair[g[i].first].text, l->pair[g[k].first].text) != 0)
				continue;
			add_from(l, &g[i], g[k].from[0]);
			g[i].flows += g[k].flows;
			g[i].ops += g[k].ops;
			g[k].gone = true;
		}
}

static void put_ends(FILE *out, const struct learn *l, const char *key, const uint32_t *end,
		     uint32_t n)
{
	uint32_t i;

	fprintf(out, "    %s: %s", key, n > 1 ? "[" : "");
	for (i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? ", " : "", learn_end_id(l, end[i]));
	fputs(n > 1 ? "]\n" : "\n", out);
}

static void put_some(FILE *out, const struct learn *l, const uint32_t *end, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n && i < 3; i++)
		fprintf(out, "%s%s", i ? ", " : "", learn_end_id(l, end[i]));
	if (n > 3)
		fprintf(out, " and %" PRIu32 " more", n - 3);
}

/* What of a pair somebody should look at. */
static void put_notes(FILE *out, const struct learn *l, const struct group *g)
{
	const struct learn_pair *p = &l->pair[g->first];
	const char *app = NULL;
	uint32_t i, silent = 0;

	if (p->inside)
		fputs("    # inside one zone: with this conduit nothing else may pass between the "
		      "two, this way\n",
		      out);
	for (i = 0; i < p->links; i++) {
		const struct learn_link *x = &l->link[l->order[p->link + i]];

		silent += !x->answered && x->ip_proto == 6;
		if (!x->app || (app && strcmp(app, x->app) == 0))
			continue;
		fprintf(out, app ? ", %s on %s %u" : "    # by nDPI: %s on %s %u", x->app,
			x->ip_proto == 6 ? "tcp" : "udp", x->port);
		app = x->app;
	}
	fputs(app ? "\n" : "", out);
	if (silent)
		fprintf(out,
			"    # %" PRIu32 " of these services never answered: a scan, or something "
			"that is gone?\n",
			silent);
	if (p->whole)
		fputs("    # could not be narrowed: it may do more than was seen\n", out);
}

static void put_conduit(FILE *out, const struct learn *l, const struct group *g,
			const struct group *all, uint32_t at)
{
	const uint32_t from = g->from[0], to = g->to[0];
	char id[120];
	uint32_t i, number = 1;

	snprintf(id, sizeof(id), "%s%s-%s%s", learn_end_id(l, from), g->nfrom > 1 ? "s" : "",
		 learn_end_id(l, to), g->nto > 1 ? "s" : "");
	for (i = 0; i < at; i++)
		number += !all[i].gone && all[i].from[0] == from && all[i].to[0] == to &&
			  (all[i].nfrom > 1) == (g->nfrom > 1) && (all[i].nto > 1) == (g->nto > 1);
	fprintf(out, "  - id: %s", id);
	if (number > 1)
		fprintf(out, "-%" PRIu32, number);
	fputc('\n', out);
	put_notes(out, l, g);
	put_ends(out, l, "from", g->from, g->nfrom);
	put_ends(out, l, "to", g->to, g->nto);
	fprintf(out, "    reason: \"seen %" PRIu64 " time%s", g->flows, g->flows == 1 ? "" : "s");
	if (g->ops)
		fprintf(out, " (%" PRIu64 " operation%s)", g->ops, g->ops == 1 ? "" : "s");
	fputs(" from ", out);
	put_some(out, l, g->from, g->nfrom);
	fputs(" to ", out);
	put_some(out, l, g->to, g->nto);
	fputs(", " LINT_REASON_ASKED "\"\n    allow:\n", out);
	put_noted(out, l->pair[g->first].text);
}

static void put_refused(FILE *out, const struct learn *l)
{
	if (l->hosts_more)
		fprintf(out,
			"# not permitted: %" PRIu64 " flows of addresses beyond the first %u\n",
			l->hosts_more, LEARN_HOSTS);
	if (l->links_more)
		fprintf(out,
			"# not permitted: %" PRIu64 " flows beyond the first %u kinds of "
			"conversation\n",
			l->links_more, LEARN_LINKS);
}

void learn_write(struct learn *l, FILE *out)
{
	struct group *g = arena_array(&l->arena, l->pairs + 1, sizeof(*g));
	uint32_t i, n;

	fputs("# Proposed from captures by kidoban learn. It permits what was seen, attacks too: "
	      "read "
	      "every\n"
	      "# line, correct what was guessed, give the reasons, then: kidoban check --lint\n",
	      out);
	put_refused(out, l);
	fputs("mode: detect\ndefault: deny\n\n", out);
	put_head(l, out);
	n = group_servers(l, g);
	group_clients(l, g, n);
	if (n)
		fputs("\nconduits:\n", out);
	for (i = 0; i < n; i++)
		if (!g[i].gone)
			put_conduit(out, l, &g[i], g, i);
}
