/* What the lints ask again and again: levels of ends, and how wide an entry is. */
#include "policy/lint_impl.h"
#include "policy/now.h"

uint32_t lint_end_at(const struct policy *p, const uint32_t *end, uint32_t n, unsigned levels)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (levels >> lint_level(p, end[i]) & 1)
			return end[i];
	return POLICY_NONE;
}

uint32_t lint_whole_at(const struct policy *p, const uint32_t *end, uint32_t n, unsigned levels)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (end[i] < p->zones && levels >> lint_level(p, end[i]) & 1)
			return end[i];
	return POLICY_NONE;
}

const char *lint_end_words(struct lint *l, uint32_t end)
{
	return arena_printf(l->a, "%s%s (%s)", end < l->p->zones ? "zone " : "", end_id(l->p, end),
			    policy_level_name((enum policy_level)lint_level(l->p, end)));
}

const char *lint_line(struct lint *l, const char *here, const char *file, int line)
{
	if (strcmp(here, file) == 0)
		return arena_printf(l->a, "line %d", line);
	return arena_printf(l->a, "%s line %d", file, line);
}

bool lint_catches_all(const struct policy *p, uint32_t zone)
{
	uint32_t i;

	for (i = 0; i < p->prefixes; i++)
		if (p->prefix[i].zone == zone && prefix_catches_all(&p->prefix[i]))
			return true;
	return false;
}

unsigned lint_classes(const struct rule *r)
{
	const struct vocab_op *o = r->vocab->ops;
	unsigned has = 0;

	if (!o) /* any class may come with any code */
		return r->classes;
	for (; o->cls != OP_CLASSES; o++)
		if (!(r->has & RULE_CODE) || iset_contains(&r->code, o->code))
			has |= 1u << o->cls;
	if (!(r->has & RULE_CODE) || !has)
		has |= r->vocab->unlisted;
	return has & r->classes;
}

bool lint_service_wide(const struct service *s)
{
	if (s->kind == SERVICE_ICMP)
		return false;
	if (s->kind == SERVICE_IP)
		return s->any || iset_contains(&s->set, 6) || iset_contains(&s->set, 17);
	return s->any || iset_contains_range(&s->set, 1, UINT16_MAX);
}

bool lint_service_opaque(const struct conduit *c, const struct service *s)
{
	if (lint_service_wide(s))
		return true;
	return (s->kind == SERVICE_TCP || s->kind == SERVICE_UDP) && !c->rules;
}

bool lint_closed_at_rest(const struct policy *p, const struct conduit *c)
{
	return policy_rest(p)->closed[c - p->conduit] != CLOSED_NOT;
}
