/* Zones that say too little or too much, and conduits that say not why. */
#include "policy/lint_impl.h"

#include <stdlib.h>
#include <string.h>

/* Which zones a conduit or a watch names, themselves or by an asset. */
static void mark_used(const struct policy *p, bool *used)
{
	uint32_t i, k;

	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];

		for (k = 0; k < c->nfrom; k++)
			used[end_zone(p, c->from[k])] = true;
		for (k = 0; k < c->nto; k++)
			used[end_zone(p, c->to[k])] = true;
	}
	for (i = 0; i < p->watch_pairs; i++) {
		used[p->watch_pair[i].end[0].zone] = true;
		used[p->watch_pair[i].end[1].zone] = true;
	}
}

static void unused_zones(struct lint *l)
{
	const struct policy *p = l->p;
	bool *used = calloc(p->zones + 1u, sizeof(*used));
	uint32_t i;

	if (!used)
		return;
	mark_used(p, used);
	for (i = 0; i < p->zones; i++)
		if (!used[i] && !lint_catches_all(p, i))
			lint_add(l, LINT_UNUSED_ZONE, LINT_AT_ZONE(i),
				 "no conduit or watch names zone %s or an asset in it",
				 p->zone[i].id);
	free(used);
}

/* A network that takes in addresses it was not made for. */
static void catch_all(struct lint *l, const struct prefix *x)
{
	const struct policy_zone *z = &l->p->zone[x->zone];
	bool v4 = x->bits >= 96 && addr_is_v4(&x->addr);
	unsigned bits = v4 ? x->bits - 96u : x->bits;
	char text[ADDR_STRLEN];
	struct lint_warning *w;

	if (z->level == LEVEL_EXTERNAL || bits >= (v4 ? 8 : 16))
		return;
	w = lint_add(l, LINT_CATCH_ALL, (struct lint_place){LINT_OF_ZONE, x->zone, x->line, x->col},
		     "zone %s is of level %s, but its network %s%s%.0u takes in strangers", z->id,
		     policy_level_name((enum policy_level)z->level),
		     bits ? addr_str(&x->addr, text) : "any", bits ? "/" : "", bits);
	lint_example_ends(l, &w->example, x->zone, x->zone);
	snprintf(w->example.text, sizeof(w->example.text), "%s is in zone %s",
		 addr_str(&w->example.from, text), z->id);
}

/* The networks every attacker tries first. */
static void guessable(struct lint *l, const struct prefix *x)
{
	static const uint8_t tried[][3] = {{192, 168, 0}, {192, 168, 1}, {192, 168, 2}, {10, 0, 0},
					   {10, 0, 1},	  {10, 1, 1},	 {172, 16, 0}};
	const struct policy_zone *z = &l->p->zone[x->zone];
	char text[ADDR_STRLEN];
	size_t i;

	if (!(1u << z->level & (LINT_INSIDE | 1u << LEVEL_SAFETY)) || !addr_is_v4(&x->addr) ||
	    x->bits != 120)
		return;
	for (i = 0; i < sizeof(tried) / sizeof(*tried); i++)
		if (memcmp(tried[i], x->addr.b + 12, 3) == 0)
			lint_add(l, LINT_GUESSABLE,
				 (struct lint_place){LINT_OF_ZONE, x->zone, x->line, x->col},
				 "network %s/24 of zone %s is one that everybody tries first",
				 addr_str(&x->addr, text), z->id);
}

static void unknown_ignored(struct lint *l, uint32_t i)
{
	static const unsigned levels = LINT_DEVICES | 1u << LEVEL_SAFETY;
	const struct policy_zone *z = &l->p->zone[i];
	struct lint_warning *w;
	char text[ADDR_STRLEN];

	if (!(levels >> z->level & 1) || z->unknown_devices != UNKNOWN_IGNORE)
		return;
	w = lint_add(l, LINT_UNKNOWN_IGNORED, LINT_AT_ZONE(i),
		     "zone %s (%s) does not tell devices that are no listed asset", z->id,
		     policy_level_name((enum policy_level)z->level));
	if (lint_example_ends(l, &w->example, i, i) && w->example.client.asset == POLICY_NONE)
		snprintf(w->example.text, sizeof(w->example.text),
			 "%s appears in zone %s, and nobody is told",
			 addr_str(&w->example.from, text), z->id);
}

static void papers(struct lint *l, uint32_t i)
{
	const struct policy_conduit *c = &l->p->conduit[i].pub;

	if (!*c->reason)
		lint_add(l, LINT_NO_REASON, LINT_AT_CONDUIT(i),
			 "conduit %s does not say what it is for", c->id);
	else if (strstr(c->reason, LINT_REASON_ASKED))
		lint_add(l, LINT_NO_REASON, LINT_AT_CONDUIT(i),
			 "conduit %s has the reason that kidoban learn gave it, and no other",
			 c->id);
	if (!*c->refs)
		lint_add(l, LINT_NO_REFS, LINT_AT_CONDUIT(i), "conduit %s refers to no requirement",
			 c->id);
}

void lint_zones(struct lint *l)
{
	const struct policy *p = l->p;
	uint32_t i;

	unused_zones(l);
	for (i = 0; i < p->prefixes; i++) {
		catch_all(l, &p->prefix[i]);
		guessable(l, &p->prefix[i]);
	}
	for (i = 0; i < p->zones; i++)
		unknown_ignored(l, i);
	for (i = 0; i < p->conduits; i++)
		papers(l, i);
}
