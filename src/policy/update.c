/*
 * Update conduits: as soon as one leads to an end, firmware and program towards that end go through
 * update conduits only, whatever else would allow them: other services, the default, one zone.
 *
 *   conduits with update: true  -> updater[end]    one of them, or POLICY_NONE
 *
 * A policy without any has no rows, and a flow costs it one branch.
 */
#include "policy/model.h"

static void say(struct diag *diag, const struct policy *p, const struct conduit *c,
		const struct conduit *update, uint32_t end)
{
	bool here = strcmp(c->pub.file, update->pub.file) == 0;

	diag_add(
		diag, DIAG_ERROR, c->pub.file, c->pub.line, c->pub.col,
		"conduit \"%s\" permits firmware or program towards %s, which only update conduits "
		"may since there is \"%s\" (%s%sline %d); name the other classes under do, or make "
		"this an update conduit too",
		c->pub.id, end_id(p, end), update->pub.id, here ? "" : update->pub.file,
		here ? "" : " ", update->pub.line);
}

static bool permits_updates(const struct conduit *c)
{
	uint32_t i;

	for (i = 0; i < c->rules; i++)
		if (!(c->rule[i].has & RULE_CARRIER) && c->rule[i].classes & UPDATE_CLASSES)
			return true;
	return false;
}

/* Ends that an update conduit names, and the assets of zones that it names. */
static void fill(struct policy *p)
{
	uint32_t i, k;

	for (i = 0; i < p->zones + p->assets; i++)
		p->updater[i] = POLICY_NONE;
	for (i = 0; i < p->conduits; i++)
		for (k = 0; p->conduit[i].pub.update && k < p->conduit[i].nto; k++)
			if (p->updater[p->conduit[i].to[k]] == POLICY_NONE)
				p->updater[p->conduit[i].to[k]] = i;
	for (i = 0; i < p->assets; i++)
		if (p->updater[p->zones + i] == POLICY_NONE)
			p->updater[p->zones + i] = p->updater[p->asset[i].zone];
}

/* Conduits that open another way: to such an end, or to a zone with such an asset in it. */
static void check(struct policy *p, struct diag *diag)
{
	uint32_t *touched = arena_array(&p->arena, p->zones + p->assets, sizeof(*touched)), i, k;

	for (i = 0; i < p->zones + p->assets; i++)
		touched[i] = p->updater[i];
	for (i = 0; i < p->assets; i++)
		if (touched[p->asset[i].zone] == POLICY_NONE)
			touched[p->asset[i].zone] = p->updater[p->zones + i];
	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];

		if (c->pub.update || !permits_updates(c))
			continue;
		for (k = 0; k < c->nto && touched[c->to[k]] == POLICY_NONE; k++)
			;
		if (k < c->nto)
			say(diag, p, c, &p->conduit[touched[c->to[k]]], c->to[k]);
	}
}

bool policy_compile_updates(struct policy *p, struct diag *diag)
{
	unsigned errors = diag->errors;
	uint32_t i;

	for (i = 0; i < p->conduits && !p->conduit[i].pub.update; i++)
		;
	if (i == p->conduits)
		return true;
	p->updater = arena_array(&p->arena, p->zones + p->assets, sizeof(*p->updater));
	fill(p);
	check(p, diag);
	return diag->errors == errors;
}

uint32_t policy_updater(const struct policy *p, struct policy_place place)
{
	if (!p->updater || place.zone == POLICY_NONE)
		return POLICY_NONE;
	return p->updater[place.asset == POLICY_NONE ? place.zone : p->zones + place.asset];
}
