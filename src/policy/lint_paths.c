/*
 * Who reaches whom: around the DMZ, into the safety zone, with writes into what moves things.
 *
 *      external  information  iot   |   dmz   |   control-information  control  field  |  safety
 *               outside             |         |              inside
 *
 * From outside to inside goes through a host in the dmz, which opens its own conversations. So a
 * conduit from outside to inside is a path without a DMZ, and so is a chain of conduits that never
 * touches one. Inside a zone everybody reaches everybody, so a chain is one of zones.
 */
#include "policy/lint_impl.h"

#include <stdlib.h>

static void no_dmz(struct lint *l, const struct conduit *c, uint32_t i)
{
	uint32_t from = lint_end_at(l->p, c->from, c->nfrom, LINT_OUTSIDE);
	uint32_t to = lint_end_at(l->p, c->to, c->nto, LINT_INSIDE);
	struct lint_warning *w;

	if (from == POLICY_NONE || to == POLICY_NONE || (!c->rules && !c->services))
		return;
	w = lint_add(l, LINT_NO_DMZ, LINT_AT_CONDUIT(i),
		     "conduit %s leads from %s to %s without a DMZ", c->pub.id,
		     lint_end_words(l, from), lint_end_words(l, to));
	lint_example_conduit(l, &w->example, from, to, c, LINT_CHANGES);
}

/* --- chains --- */

struct hop {
	uint32_t conduit; /* by which the zone was reached; POLICY_NONE: not, or the start */
	uint32_t before;  /* the zone it was reached from */
	bool seen;
};

static bool leads_from(const struct policy *p, const struct conduit *c, uint32_t zone)
{
	uint32_t i;

	for (i = 0; i < c->nfrom; i++)
		if (end_zone(p, c->from[i]) == zone)
			return c->rules || c->services;
	return false;
}

static uint32_t end_in(const struct policy *p, const uint32_t *end, uint32_t n, uint32_t zone)
{
	uint32_t i = 0;

	while (i + 1 < n && end_zone(p, end[i]) != zone)
		i++;
	return end[i];
}

/* From zone start on, through outside zones only; the inside zone that is reached, or
 * POLICY_NONE. queue has room for all zones. */
static uint32_t walk(const struct policy *p, uint32_t start, struct hop *hop, uint32_t *queue)
{
	uint32_t head = 0, tail = 0, i, k;

	memset(hop, 0, p->zones * sizeof(*hop));
	hop[start] = (struct hop){POLICY_NONE, POLICY_NONE, true};
	queue[tail++] = start;
	while (head < tail) {
		uint32_t at = queue[head++];

		for (i = 0; i < p->conduits; i++) {
			const struct conduit *c = &p->conduit[i];

			if (!leads_from(p, c, at))
				continue;
			for (k = 0; k < c->nto; k++) {
				uint32_t z = end_zone(p, c->to[k]);
				unsigned level = 1u << p->zone[z].level;

				if (hop[z].seen || !(level & (LINT_INSIDE | LINT_OUTSIDE)))
					continue;
				hop[z] = (struct hop){i, at, true};
				if (level & LINT_INSIDE)
					return z;
				queue[tail++] = z;
			}
		}
	}
	return POLICY_NONE;
}

static const char *way(struct lint *l, const struct hop *hop, uint32_t z)
{
	const struct policy *p = l->p;
	const char *text = p->zone[z].id;

	for (; hop[z].before != POLICY_NONE; z = hop[z].before)
		text = arena_printf(l->a, "%s -> [%s] -> %s", p->zone[hop[z].before].id,
				    p->conduit[hop[z].conduit].pub.id, text);
	return text;
}

/* Told at the first conduit of the way, which leads from zone start to zone second. */
static void chain(struct lint *l, const struct hop *hop, uint32_t start, uint32_t second,
		  uint32_t end)
{
	const struct policy *p = l->p;
	uint32_t i = hop[second].conduit;
	const struct conduit *c = &p->conduit[i];
	struct lint_warning *w;

	w = lint_add(l, LINT_CHAIN, LINT_AT_CONDUIT(i), "%s reaches %s without a DMZ: %s",
		     lint_end_words(l, start), lint_end_words(l, end), way(l, hop, end));
	lint_example_conduit(l, &w->example, end_in(p, c->from, c->nfrom, start),
			     end_in(p, c->to, c->nto, second), c, LINT_CHANGES);
}

/* From external or iot by way of another outside zone. */
static void chains(struct lint *l)
{
	static const unsigned starts = 1u << LEVEL_EXTERNAL | 1u << LEVEL_IOT;
	const struct policy *p = l->p;
	struct hop *hop = calloc(p->zones + 1u, sizeof(*hop));
	uint32_t *queue = calloc(p->zones + 1u, sizeof(*queue));
	uint32_t i, z, second;

	for (i = 0; hop && queue && i < p->zones; i++) {
		if (!(starts >> p->zone[i].level & 1))
			continue;
		z = walk(p, i, hop, queue);
		if (z == POLICY_NONE || hop[z].before == i)
			continue; /* none, or one conduit, which no_dmz() tells */
		for (second = z; hop[second].before != i; second = hop[second].before)
			;
		chain(l, hop, i, second, z);
	}
	free(hop);
	free(queue);
}

/* --- writes --- */

/* The first rule that permits a change; NULL. */
static const struct rule *changing_rule(const struct conduit *c)
{
	/* registered hosts, in agreed windows */
	unsigned changes = c->pub.update ? LINT_CHANGES & ~UPDATE_CLASSES : LINT_CHANGES;
	uint32_t i;

	for (i = 0; i < c->rules; i++)
		if (!(c->rule[i].has & RULE_CARRIER) && lint_classes(&c->rule[i]) & changes)
			return &c->rule[i];
	return NULL;
}

static const struct service *opaque_service(const struct conduit *c)
{
	uint32_t i;

	for (i = 0; i < c->services; i++)
		if (lint_service_opaque(c, &c->service[i]))
			return &c->service[i];
	return NULL;
}

/* Told at the entry that permits the change. */
static void changes(struct lint *l, const struct conduit *c, uint32_t i, enum lint_id id,
		    uint32_t from, uint32_t to, const char *what)
{
	const struct rule *r = changing_rule(c);
	const struct service *s = r ? NULL : opaque_service(c);
	struct lint_place at = LINT_AT_CONDUIT(i);
	const char *closed = lint_closed_at_rest(l->p, c) ? " (while it is open)" : "";
	struct lint_warning *w;

	if (!r && !s)
		return;
	at.line = r ? r->line : s->line;
	at.col = r ? r->col : s->col;
	w = lint_add(l, id, at, "conduit %s lets %s change %s%s%s: %s%s", c->pub.id,
		     lint_end_words(l, from), lint_end_words(l, to), what, closed,
		     r ? r->text : s->text, r ? "" : ", with whatever is said in it");
	if (r)
		lint_example_rule(l, &w->example, from, to, r, LINT_CHANGES);
	else
		lint_example_service(l, &w->example, from, to, s);
}

static void writes_from_outside(struct lint *l, const struct conduit *c, uint32_t i)
{
	uint32_t from = lint_end_at(l->p, c->from, c->nfrom, LINT_OUTSIDE | 1u << LEVEL_DMZ);
	uint32_t to = lint_end_at(l->p, c->to, c->nto, LINT_DEVICES);

	if (from != POLICY_NONE && to != POLICY_NONE)
		changes(l, c, i, LINT_WRITES_FROM_OUTSIDE, from, to,
			" from outside control-information");
}

/* Several hosts behind one address: nobody can say who it was. */
static void nat(struct lint *l, const struct conduit *c, uint32_t i)
{
	const struct policy *p = l->p;
	uint32_t to = lint_end_at(p, c->to, c->nto, LINT_INSIDE | 1u << LEVEL_SAFETY), k;

	for (k = 0; k < c->nfrom && to != POLICY_NONE; k++)
		if (c->from[k] >= p->zones && p->asset[c->from[k] - p->zones].nat) {
			changes(l, c, i, LINT_NAT_WRITES, c->from[k], to,
				" though its address stands for several hosts");
			return;
		}
}

static void safety(struct lint *l, const struct conduit *c, uint32_t i)
{
	static const unsigned level = 1u << LEVEL_SAFETY;
	uint32_t to = lint_end_at(l->p, c->to, c->nto, level);
	uint32_t from = lint_end_at(l->p, c->from, c->nfrom, ~level);
	struct lint_warning *w;

	if (to == POLICY_NONE || from == POLICY_NONE || (!c->rules && !c->services))
		return;
	w = lint_add(l, LINT_SAFETY_REACHABLE, LINT_AT_CONDUIT(i),
		     "conduit %s leads into the safety zone: %s opens conversations with %s",
		     c->pub.id, lint_end_words(l, from), lint_end_words(l, to));
	lint_example_conduit(l, &w->example, from, to, c, LINT_CHANGES);
	changes(l, c, i, LINT_SAFETY_WRITTEN, from, to, " of the safety zone");
}

void lint_paths(struct lint *l)
{
	uint32_t i;

	for (i = 0; i < l->p->conduits; i++) {
		no_dmz(l, &l->p->conduit[i], i);
		writes_from_outside(l, &l->p->conduit[i], i);
		nat(l, &l->p->conduit[i], i);
		safety(l, &l->p->conduit[i], i);
	}
	chains(l);
}
