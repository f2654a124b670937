/*
 * The policy as kidoban understood it: zones, assets, each conduit in sentences, and for every
 * asset that some conduit leads to, who may do what to it.
 */
#include "policy/explain.h"

#include <stdlib.h>

/* How wide a UTF-8 text is on a terminal, nearly: East Asian characters take two columns. */
static int width(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int w = 0;

	for (; *p; p++)
		w += *p < 0x80 ? 1 : *p >= 0xe3 ? 2 : *p >= 0xc0 ? 1 : 0;
	return w;
}

static void cell(FILE *out, const char *text, int columns)
{
	int pad = columns - width(text);

	fprintf(out, "%s%*s  ", text, pad > 0 ? pad : 0, "");
}

static int max(int a, int b)
{
	return a > b ? a : b;
}

static void print_prefix(const struct prefix *x, FILE *out)
{
	char text[ADDR_STRLEN];

	if (x->bits == 0)
		fputs("any", out);
	else
		fprintf(out, "%s/%u", addr_str(&x->addr, text),
			addr_is_v4(&x->addr) && x->bits >= 96 ? x->bits - 96u : x->bits);
}

/* What zones and assets are held to alike. */
static void explain_held(const struct policy *p, uint8_t trust, uint64_t tenants, FILE *out)
{
	const char *comma = "; tenant ";
	unsigned i;

	if (trust)
		fprintf(out, "; trust %s", policy_trust_name((enum policy_trust)trust));
	for (i = 0; i < p->tenants; i++)
		if (tenants >> i & 1) {
			fprintf(out, "%s%s", comma, p->tenant[i]);
			comma = ", ";
		}
}

static void explain_vlans(const struct policy_zone *z, FILE *out)
{
	uint32_t i;

	for (i = 0; i < z->nvlans; i++)
		fprintf(out, "%s%u", i ? ", " : "; VLAN ", z->vlans[i]);
}

static void explain_zones(const struct policy *p, FILE *out)
{
	static const char *const recovery[] = {"", "limited", "serious", "fatal"};
	static const char *const impact[] = {"", "limited", "serious", "catastrophic"};
	const char *comma;
	uint32_t i, k;
	int w = 4;

	for (i = 0; i < p->zones; i++)
		w = max(w, width(p->zone[i].id));
	fprintf(out, "\nZones\n");
	for (i = 0; i < p->zones; i++) {
		const struct policy_zone *z = &p->zone[i];

		fputs("  ", out);
		cell(out, z->id, w);
		cell(out, policy_level_name((enum policy_level)z->level), 19);
		comma = "";
		for (k = 0; k < p->prefixes; k++)
			if (p->prefix[k].zone == i) {
				fputs(comma, out);
				print_prefix(&p->prefix[k], out);
				comma = ", ";
			}
		fputs(*comma ? "" : "no networks", out);
		explain_vlans(z, out);
		if (z->title != z->id)
			fprintf(out, "  %s", z->title);
		if (z->unknown_devices == UNKNOWN_ALERT)
			fputs("; unlisted devices are told", out);
		if (z->unknown_devices == UNKNOWN_DENY)
			fputs("; unlisted devices are told, and no conduit of the zone holds for "
			      "them",
			      out);
		explain_held(p, z->trust, z->tenants, out);
		if (z->peers)
			peers_words(z->peers, out);
		if (z->uplink_only)
			fputs("; its devices only report (uplink-only)", out);
		if (z->recovery)
			fprintf(out, "; recovery %s, impact %s", recovery[z->recovery],
				impact[z->impact]);
		fputc('\n', out);
	}
}

/* The tiers of trust that somebody is in. */
static void explain_tiers(const struct policy *p, FILE *out)
{
	unsigned used = 0, t, k;
	const char *comma;
	uint32_t i;

	for (i = 0; i < p->zones; i++)
		used |= 1u << p->zone[i].trust;
	for (i = 0; i < p->assets; i++)
		used |= 1u << p->asset[i].trust;
	if (used >> 1)
		fputs("\nTrust\n", out);
	for (t = TRUST_UNKNOWN; t < TRUSTS; t++) {
		if (!(used >> t & 1))
			continue;
		fputs("  ", out);
		cell(out, policy_trust_name((enum policy_trust)t), 7);
		comma = "may ";
		for (k = 0; k < OP_CLASSES && p->tier[t] != UINT16_MAX; k++)
			if (p->tier[t] >> k & 1) {
				fprintf(out, "%s%s", comma, op_class_name((enum op_class)k));
				comma = ", ";
			}
		fputs(!p->tier[t]		 ? "may nothing, whatever conduits allow\n"
		      : p->tier[t] == UINT16_MAX ? "may whatever conduits allow\n"
						 : " at most, whatever conduits allow\n",
		      out);
	}
}

/* What is only for people. */
static void explain_facts(const struct policy_asset *a, FILE *out)
{
	const struct {
		const char *name, *value;
	} fact[] = {{"", a->vendor},
		    {"", a->model},
		    {"software ", a->software},
		    {"serial ", a->serial},
		    {"owner ", a->owner}};
	const char *comma = "; ";
	size_t i;

	for (i = 0; i < sizeof(fact) / sizeof(*fact); i++)
		if (*fact[i].value) {
			fprintf(out, "%s%s%s", comma, fact[i].name, fact[i].value);
			comma = ", ";
		}
}

static void explain_assets(const struct policy *p, FILE *out)
{
	int w = 5, wz = 4, wr = 4;
	char text[ADDR_STRLEN];
	uint32_t i, k;

	if (!p->assets)
		return;
	for (i = 0; i < p->assets; i++) {
		w = max(w, width(p->asset[i].id));
		wz = max(wz, width(p->zone[p->asset[i].zone].id));
		wr = max(wr, width(p->asset[i].role));
	}
	fprintf(out, "\nAssets\n");
	for (i = 0; i < p->assets; i++) {
		const struct policy_asset *a = &p->asset[i];
		char mac[MAC_STRLEN];

		fputs("  ", out);
		cell(out, a->id, w);
		cell(out, p->zone[a->zone].id, wz);
		cell(out, a->role, wr);
		for (k = 0; k < a->naddresses; k++)
			fprintf(out, "%s%s", k ? ", " : "", addr_str(&a->addresses[k], text));
		if (a->has_mac)
			fprintf(out, "%s%s", k ? ", " : "", mac_str(&a->mac, mac));
		if (a->title != a->id)
			fprintf(out, "  %s", a->title);
		explain_held(p, a->trust, a->tenants, out);
		if (*a->end_of_life)
			fprintf(out, "; end of life %s", a->end_of_life);
		if (a->nat)
			fputs("; stands for several hosts (nat)", out);
		explain_facts(a, out);
		fputc('\n', out);
	}
}

static void explain_groups(const struct policy *p, FILE *out)
{
	uint32_t i, k;
	int w = 5;

	for (i = 0; i < p->groups; i++)
		if (!p->group[i].role)
			w = max(w, width(p->group[i].id));
	for (i = 0; i < p->groups; i++) {
		const struct policy_group *g = &p->group[i];

		if (g->role)
			continue;
		fputs(i ? "  " : "\nGroups\n  ", out);
		cell(out, g->id, w);
		for (k = 0; k < g->ends; k++)
			fprintf(out, "%s%s%s", k ? ", " : "", g->end[k] < p->zones ? "zone " : "",
				end_id(p, g->end[k]));
		fputs(g->ends ? "\n" : "no members\n", out);
	}
}

static void explain_conduit(const struct policy *p, const struct conduit *c, FILE *out)
{
	static const char *const otherwise[] = {
		[ACTION_ALERT] = "alert",
		[ACTION_DEGRADE] = "neutralise the forbidden function alone (degrade)",
		[ACTION_DROP] = "drop the message",
		[ACTION_REJECT] = "drop the message and tell both ends (reject)",
		[ACTION_QUARANTINE] = "isolate the sender (quarantine)",
	};
	const char *const *r;
	char file[256];
	uint32_t i;

	fprintf(out, "\n  %s (%sline %d): %s may open conversations with %s\n", c->pub.id,
		explain_file(p, c->pub.file, file, sizeof(file)), c->pub.line, c->from_words,
		c->to_words);
	if (*c->pub.when)
		fprintf(out, "    closed unless: %s\n", c->pub.when);
	if (c->pub.update)
		fputs("    update conduit: firmware and program towards these go through update "
		      "conduits only\n",
		      out);
	if (*c->pub.reason)
		fprintf(out, "    because: %s\n", c->pub.reason);
	for (i = 0; i < c->rules; i++)
		if (!(c->rule[i].has & RULE_CARRIER))
			fprintf(out, "    allowed: %s\n", c->rule[i].text_forms);
	for (i = 0; i < c->services; i++)
		fprintf(out, "    allowed: %s\n", c->service[i].text);
	for (i = 0; i < c->nframes; i++)
		fprintf(out, "    allowed, both ways: %s\n", c->frames[i].text);
	if (!c->rules && !c->services && !c->nframes)
		fputs("    allowed: nothing\n", out);
	fprintf(out, "    otherwise: %s; undecided traffic %s\n", otherwise[c->pub.on_violation],
		c->pub.fail_open ? "passes (fail open)" : "stops (fail closed)");
	if (c->pub.baseline_enforced)
		fputs("    so is what may change the process and an approved baseline never saw\n",
		      out);
	explain_limit(&c->pub, out);
	if (*c->pub.refs)
		fputs("    see:", out);
	for (r = c->pub.refs; *r; r++)
		fprintf(out, " %s", *r);
	fputs(*c->pub.refs ? "\n" : "", out);
}

/* Conduits by the end they lead to: list[start[end] .. start[end + 1]). */
struct by_end {
	uint32_t *start;
	uint32_t *list;
};

static bool index_ends(const struct policy *p, struct by_end *b)
{
	uint32_t ends = p->zones + p->assets, i, k;
	size_t total = 0;

	for (i = 0; i < p->conduits; i++)
		total += p->conduit[i].nto;
	b->start = calloc((size_t)ends + 2, sizeof(*b->start));
	b->list = calloc(total + 1, sizeof(*b->list));
	if (!b->start || !b->list)
		return false;
	for (i = 0; i < p->conduits; i++)
		for (k = 0; k < p->conduit[i].nto; k++)
			b->start[p->conduit[i].to[k] + 2]++;
	for (i = 0; i <= ends; i++)
		b->start[i + 1] += b->start[i];
	/* filling moves start[end + 1] from the begin of end to the begin of the next */
	for (i = 0; i < p->conduits; i++)
		for (k = 0; k < p->conduit[i].nto; k++)
			b->list[b->start[p->conduit[i].to[k] + 1]++] = i;
	return true;
}

static void explain_who(const struct conduit *c, const char *what, FILE *out)
{
	fprintf(out, "      %s: %s (%s%s%s)\n", c->from_words, what, c->pub.id,
		*c->pub.when ? ", only " : "", c->pub.when);
}

static const char *const verb[OP_CLASSES + 1] = {
	[OP_READ] = "read",
	[OP_WRITE] = "write",
	[OP_CONTROL] = "control",
	[OP_PROGRAM] = "program",
	[OP_FIRMWARE] = "change its firmware",
	[OP_CONFIG] = "configure",
	[OP_FILE] = "use its files",
	[OP_DIAGNOSE] = "diagnose",
	[OP_DISCOVER] = "discover",
	[OP_SESSION] = "open sessions",
	[OP_ALARM] = "exchange alarms",
	[OP_CLASSES] = "use its services, with whatever is in them",
};

/* The rules of one class, or with cls == OP_CLASSES the services. Returns whether any was told. */
static bool explain_class(const struct conduit *c, int cls, bool told, FILE *out)
{
	uint32_t i, n = cls == OP_CLASSES ? c->services : c->rules;

	for (i = 0; i < n; i++) {
		if (cls != OP_CLASSES &&
		    (c->rule[i].has & RULE_CARRIER || !(c->rule[i].classes >> cls & 1)))
			continue;
		if (!told)
			fprintf(out, "    who may %s\n", verb[cls]);
		told = true;
		explain_who(c, cls == OP_CLASSES ? c->service[i].text : c->rule[i].text_forms, out);
	}
	return told;
}

static void explain_asset(const struct policy *p, const struct by_end *b, uint32_t asset, FILE *out)
{
	const uint32_t end[2] = {p->zones + asset, p->asset[asset].zone};
	uint32_t i, k;
	bool told;
	int cls;

	if (b->start[end[0]] == b->start[end[0] + 1] && b->start[end[1]] == b->start[end[1] + 1])
		return;
	fprintf(out, "\n  %s\n", p->asset[asset].id);
	for (cls = 0; cls <= OP_CLASSES; cls++)
		for (told = false, i = 0; i < 2; i++)
			for (k = b->start[end[i]]; k < b->start[end[i] + 1]; k++)
				told = explain_class(&p->conduit[b->list[k]], cls, told, out);
}

void policy_explain(const struct policy *p, FILE *out)
{
	struct by_end b = {0};
	uint32_t i;

	fprintf(out, "Policy of %s: %s mode, operating mode %s; what no conduit names is %s\n",
		*p->site ? p->site : "a site without a name",
		p->mode == MODE_ENFORCE ? "enforce" : "detect",
		policy_operating_name(p->operating_mode),
		p->default_allow ? "allowed" : "a violation");
	if (p->tz != &tz_of_utc)
		fprintf(out, "Hours and dates are those of %s\n", p->tz->name);
	explain_zones(p, out);
	explain_tiers(p, out);
	explain_assets(p, out);
	explain_groups(p, out);
	fprintf(out, "\nConduits\n");
	for (i = 0; i < p->conduits; i++)
		explain_conduit(p, &p->conduit[i], out);
	explain_watches(p, out);
	fprintf(out, "\nWho may do what\n");
	if (index_ends(p, &b))
		for (i = 0; i < p->assets; i++)
			explain_asset(p, &b, i, out);
	free(b.start);
	free(b.list);
}
