/* What can never match: entries no op can meet, and ends no packet can join. */
#include "policy/lint_impl.h"
#include "policy/now.h"
#include "policy/space.h"

static const char *classes_text(struct lint *l, unsigned classes)
{
	const char *text = "";
	int i;

	for (i = 0; i < OP_CLASSES; i++)
		if (classes >> i & 1)
			text = arena_printf(l->a, "%s%s%s", text, *text ? "/" : "",
					    op_class_name((enum op_class)i));
	return text;
}

/* The codes are listed, and all of them are for something else than `do` says. */
static bool never_rule(struct lint *l, uint32_t i, const struct rule *r)
{
	struct lint_place at = {LINT_OF_CONDUIT, i, r->line, r->col};
	const struct vocab_code *c;
	struct space_example ex;
	unsigned classes = 0;

	for (c = r->vocab->codes; c->name; c++)
		if (!(r->has & RULE_CODE) || iset_contains(&r->code, c->code))
			classes |= 1u << c->cls;
	if (!r->classes || space_rule_possible(r, &ex) != SPACE_NO)
		return false;
	if (classes & r->classes)
		lint_add(l, LINT_NEVER, at,
			 "%s matches nothing: %s has no such op on such an object", r->text,
			 r->vocab->proto);
	else if (r->has & RULE_CODE)
		lint_add(l, LINT_NEVER, at,
			 "%s matches nothing: the codes it names are for %s, not %s", r->text,
			 classes_text(l, classes), classes_text(l, r->classes));
	else
		lint_add(l, LINT_NEVER, at, "%s matches nothing: %s has no ops of class %s",
			 r->text, r->vocab->proto, classes_text(l, r->classes));
	return true;
}

static bool nobody_in(const struct policy *p, uint32_t end)
{
	uint32_t i;

	if (end >= p->zones)
		return false;
	for (i = 0; i < p->prefixes && p->zone[end].unknown_devices != UNKNOWN_DENY; i++)
		if (p->prefix[i].zone == end &&
		    (!p->zone[end].peers || peers_anywhere(p, p->zone[end].peers, &p->prefix[i])))
			return false;
	for (i = 0; i < p->assets; i++)
		if (p->asset[i].zone == end)
			return false;
	return true;
}

static bool has_networks(const struct policy *p, uint32_t zone)
{
	uint32_t i;

	for (i = 0; i < p->prefixes && p->prefix[i].zone != zone; i++)
		;
	return i < p->prefixes;
}

/* Why nobody is there. */
static const char *nobody_words(const struct policy *p, uint32_t zone)
{
	if (p->zone[zone].unknown_devices == UNKNOWN_DENY)
		return "no assets, and denies all other devices";
	if (has_networks(p, zone))
		return "no assets, and none of its networks is in its countries, asns or "
		       "organisations";
	return "no assets and no networks";
}

static bool never_ends(struct lint *l, const struct conduit *c, uint32_t i, const uint32_t *end,
		       uint32_t n, const char *which)
{
	uint32_t k;

	for (k = 0; k < n; k++)
		if (!nobody_in(l->p, end[k]))
			return false;
	lint_add(l, LINT_NEVER, LINT_AT_CONDUIT(i), "conduit %s joins nobody: zone %s (%s) has %s",
		 c->pub.id, end_id(l->p, end[0]), which, nobody_words(l->p, end[0]));
	return true;
}

#define PAIRS_TRIED 64 /* of the ends of a conduit */

/* What stands in the way of the rule between two places, whatever conduits say; POLICY_ALLOW. */
static enum policy_verdict capped(const struct policy *p, const struct lint_example *x,
				  const struct rule *r)
{
	struct policy_flow_decision d = policy_flow(
		policy_rest(p), x->client, x->server, 6,
		r->has & RULE_PORT && r->port.count ? (uint16_t)r->port.range[0].lo : 0);

	/* where in the world the example is from, says nothing of others */
	if (d.verdict == POLICY_COUNTRY_DENIED)
		return POLICY_ALLOW;
	if (d.verdict >= POLICY_TRUST_EXCEEDED)
		return (enum policy_verdict)d.verdict;
	return lint_classes(r) & d.classes ? POLICY_ALLOW : (enum policy_verdict)d.capped;
}

static enum policy_verdict capped_service(const struct policy *p, const struct lint_example *x,
					  const struct service *s)
{
	struct policy_flow_decision d;
	struct space_example ex;

	if (space_service_covered(s, NULL, 0, &ex) != SPACE_NO)
		return POLICY_ALLOW;
	d = policy_flow(policy_rest(p), x->client, x->server, ex.ip_proto, ex.port);
	if (d.verdict < POLICY_TRUST_EXCEEDED || d.verdict == POLICY_COUNTRY_DENIED)
		return POLICY_ALLOW;
	return (enum policy_verdict)d.verdict;
}

static const char *cap_words(enum policy_verdict v)
{
	switch (v) {
	case POLICY_TRUST_EXCEEDED:
		return "the client's trust does not reach so far";
	case POLICY_UPLINK_ONLY:
		return "one of the zones is uplink-only";
	case POLICY_TENANT_CROSSED:
		return "the two belong to different tenants";
	case POLICY_UNLISTED:
		return "the zone denies devices that are no listed asset, and has no assets";
	default:
		return "it is never permitted between these two";
	}
}

/* Trust, tenants and zones that only report are stronger than any conduit. */
static void never_capped(struct lint *l, const struct conduit *c, uint32_t i, const struct rule *r,
			 const struct service *s)
{
	struct lint_place at = {LINT_OF_CONDUIT, i, r ? r->line : s->line, r ? r->col : s->col};
	enum policy_verdict v = POLICY_ALLOW;
	uint32_t f, t, tried = 0;

	for (f = 0; f < c->nfrom; f++)
		for (t = 0; t < c->nto; t++) {
			struct lint_example x = {.there = false};

			if (tried++ == PAIRS_TRIED ||
			    !lint_example_ends(l, &x, c->from[f], c->to[t]))
				return;
			v = r ? capped(l->p, &x, r) : capped_service(l->p, &x, s);
			if (v == POLICY_ALLOW)
				return;
		}
	if (v != POLICY_ALLOW && v != POLICY_TENANT_CROSSED) /* lint_tenant() */
		lint_add(l, LINT_NEVER, at, "%s matches nothing: %s", r ? r->text : s->text,
			 cap_words(v));
}

/* No pair of its ends has addresses of one family, or it is one host alone. */
static void never_joined(struct lint *l, const struct conduit *c, uint32_t i)
{
	struct lint_example x = {.there = false};
	uint32_t f, t, tried = 0;
	bool alone = true;

	for (f = 0; f < c->nfrom; f++)
		for (t = 0; t < c->nto; t++) {
			bool same = c->from[f] == c->to[t] && c->from[f] >= l->p->zones;

			alone = alone && same;
			if (tried++ == PAIRS_TRIED ||
			    (!same && lint_example_ends(l, &x, c->from[f], c->to[t])))
				return;
		}
	if (alone)
		lint_add(l, LINT_NEVER, LINT_AT_CONDUIT(i),
			 "conduit %s leads from %s to itself; no network carries that", c->pub.id,
			 end_id(l->p, c->from[0]));
	else
		lint_add(l, LINT_NEVER, LINT_AT_CONDUIT(i),
			 "conduit %s joins nobody: %s and %s have no addresses of the same family",
			 c->pub.id, end_id(l->p, c->from[0]), end_id(l->p, c->to[0]));
}

/* Somebody there is known on the link: by MAC, or by the VLAN. */
static bool on_link(const struct policy *p, const uint32_t *end, uint32_t n)
{
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		if (end[i] >= p->zones ? p->asset[end[i] - p->zones].has_mac
				       : p->zone[end[i]].nvlans > 0)
			return true;
		for (k = 0; end[i] < p->zones && k < p->assets; k++)
			if (p->asset[k].zone == end[i] && p->asset[k].has_mac)
				return true;
	}
	return false;
}

static void never_frames(struct lint *l, const struct conduit *c, uint32_t i)
{
	bool from = on_link(l->p, c->from, c->nfrom);
	uint32_t k;

	if (from && on_link(l->p, c->to, c->nto))
		return;
	for (k = 0; k < c->nframes; k++)
		lint_add(l, LINT_NEVER,
			 (struct lint_place){LINT_OF_CONDUIT, i, c->frames[k].line,
					     c->frames[k].col},
			 "%s matches nothing: %s has no mac, and is no zone with vlans",
			 c->frames[k].text, end_id(l->p, from ? c->to[0] : c->from[0]));
}

void lint_never(struct lint *l)
{
	uint32_t i, k;

	for (i = 0; i < l->p->conduits; i++) {
		const struct conduit *c = &l->p->conduit[i];

		for (k = 0; k < c->rules; k++)
			if (!(c->rule[k].has & RULE_CARRIER) && !never_rule(l, i, &c->rule[k]))
				never_capped(l, c, i, &c->rule[k], NULL);
		for (k = 0; k < c->services; k++)
			never_capped(l, c, i, NULL, &c->service[k]);
		if (!c->nfrom || !c->nto)
			continue; /* groups without members; the loader says so */
		never_frames(l, c, i);
		if (!c->nframes && !never_ends(l, c, i, c->from, c->nfrom, "from") &&
		    !never_ends(l, c, i, c->to, c->nto, "to"))
			never_joined(l, c, i);
	}
}
