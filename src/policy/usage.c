/* Which permissions were used: every piece of an op is put into the sets of the rule it needed. */
#include "policy/usage.h"

#include "policy/usage_sets.h"

#include <stdlib.h>

#define CELLS_MAX 64 /* classes of objects kept apart */

struct seen_conduit {
	struct seen_entry *entry; /* in the order of the file */
	uint32_t entries;
	uint32_t *of_rule; /* rule -> entry; a carrier's is that of what it carries */
};

struct policy_usage {
	struct arena arena;
	const struct policy *policy;
	struct seen_conduit *conduit;
	uint32_t *credited; /* of the op at hand */
	unsigned ncredited;
	const struct policy_flow_decision *decision;
};

/* --- sets --- */

/* The two nearest neighbours become one. */
static void join_nearest(struct seen_numbers *s)
{
	unsigned i, best = 0;

	for (i = 1; i + 1 < s->count; i++)
		if (s->range[i + 1].lo - s->range[i].hi < s->range[best + 1].lo - s->range[best].hi)
			best = i;
	s->range[best].hi = s->range[best + 1].hi;
	memmove(&s->range[best + 1], &s->range[best + 2],
		(s->count - best - 2) * sizeof(*s->range));
	s->count--;
}

void seen_merge(struct seen_numbers *s, unsigned max)
{
	while (s->count > max)
		join_nearest(s);
}

void seen_add(struct seen_numbers *s, uint64_t lo, uint64_t hi)
{
	unsigned i, k;

	/* the first interval that the new one touches, or lies behind it */
	for (i = 0; i < s->count && s->range[i].hi < lo && s->range[i].hi + 1 != lo; i++)
		;
	if (i < s->count && s->range[i].lo <= lo && s->range[i].hi >= hi)
		return;
	for (k = i; k < s->count && (s->range[k].lo <= hi || s->range[k].lo - 1 == hi); k++)
		;
	if (k > i) {
		lo = s->range[i].lo < lo ? s->range[i].lo : lo;
		hi = s->range[k - 1].hi > hi ? s->range[k - 1].hi : hi;
	}
	memmove(&s->range[i + 1], &s->range[k], (s->count - k) * sizeof(*s->range));
	s->range[i] = (struct iset_range){lo, hi};
	s->count = s->count - (k - i) + 1;
	seen_merge(s, SEEN_RANGES);
}

/* A topic that a filter seen before covers is no new name. */
static void add_name(struct seen_names *s, struct slice name, bool topic, struct arena *a)
{
	unsigned i;

	name = topic ? topic_unshared(name) : name;
	for (i = 0; i < s->count; i++)
		if (slice_eq(s->name[i], name) || (topic && topic_covers(s->name[i], name)))
			return;
	if (s->count == SEEN_NAMES) {
		s->more = true;
		return;
	}
	s->name[s->count++] = slice_of(arena_text(a, (const char *)name.p, name.len), name.len);
}

static bool seen_has(const struct seen_numbers *s, uint64_t v)
{
	unsigned i;

	for (i = 0; i < s->count; i++)
		if (s->range[i].lo <= v && v <= s->range[i].hi)
			return true;
	return false;
}

/* --- recording --- */

static struct seen_cell *cell_of(struct policy_usage *u, struct seen_entry *e,
				 const struct match_piece *m)
{
	const struct op_object *o = &m->op->object;
	struct seen_cell **at, *c;
	unsigned n = 0;

	for (at = &e->cells; (c = *at); at = &c->next) {
		if (c->rule != m->rule || c->cls != m->cls)
			continue;
		if (m->cls == OP_SESSION ||
		    (c->space == o->space && c->npath == o->npath &&
		     (o->space != OP_SPACE_OBJECT || !o->npath || n++ >= CELLS_MAX ||
		      seen_has(&c->path[0], o->path[0]))))
			return c;
	}
	c = *at = arena_alloc(&u->arena, sizeof(*c));
	c->rule = m->rule;
	c->vocab = m->rule->vocab;
	c->cls = (uint8_t)m->cls;
	c->space = o->space;
	c->npath = o->npath;
	c->values = m->rule->has & RULE_VALUE ? m->rule->value.count : 1;
	c->value = arena_array(&u->arena, c->values, sizeof(*c->value));
	return c;
}

static void add_value(struct seen_cell *c, const struct op_number *n)
{
	uint32_t i = 0;

	if (c->rule->has & RULE_VALUE)
		while (i + 1 < c->values && c->rule->value.range[i].hi < n->lo)
			i++;
	if (!c->value[i].any || n->lo < c->value[i].lo)
		c->value[i].lo = n->lo;
	if (!c->value[i].any || n->hi > c->value[i].hi)
		c->value[i].hi = n->hi;
	c->value[i].any = true;
}

static void add_values(struct seen_cell *c, const struct match_piece *m)
{
	const struct op_values *v = &m->op->values;
	struct op_number n;
	uint64_t i;

	if (v->type == OP_V_NONE)
		return;
	for (i = m->at; i < m->end && i < v->count; i++) {
		if (op_number_at(v, (uint32_t)i, &n))
			add_value(c, &n);
		else
			c->not_numbers = true;
	}
	c->not_numbers = c->not_numbers || v->count == 0;
}

static void add_object(struct seen_cell *c, const struct match_piece *m, struct arena *a)
{
	const struct op_object *o = &m->op->object;
	uint64_t at = m->at < m->objects ? m->at : m->objects - 1;
	uint64_t end = m->end < m->objects ? m->end : m->objects;
	uint64_t lo, hi;
	unsigned i;

	for (i = 0; i < o->npath && i < 3; i++)
		seen_add(&c->path[i], o->path[i], o->path[i]);
	if (o->name.len)
		add_name(&c->name, o->name, o->space == OP_SPACE_TOPIC, a);
	if (!__builtin_add_overflow(o->first, at, &lo) &&
	    !__builtin_add_overflow(o->first, end > at ? end - 1 : at, &hi))
		seen_add(&c->object, lo, hi);
}

static void credit(struct policy_usage *u, uint32_t conduit)
{
	unsigned i;

	for (i = 0; i < u->ncredited; i++)
		if (u->credited[i] == conduit)
			return;
	if (u->ncredited < USAGE_CONDUITS)
		u->credited[u->ncredited++] = conduit;
}

static void on_piece(void *user, const struct match_piece *m)
{
	struct policy_usage *u = user;
	uint32_t conduit = m->rule->conduit;
	const struct conduit *c = &u->policy->conduit[conduit];
	struct seen_conduit *s = &u->conduit[conduit];
	struct seen_entry *e = &s->entry[s->of_rule[m->rule - c->rule]];
	struct seen_cell *cell = cell_of(u, e, m);

	credit(u, conduit);
	if (m->cls == OP_SESSION)
		e->sessions++;
	else
		e->ops++;
	cell->ops++;
	if (m->op->unit < 0)
		cell->unitless = true;
	else
		seen_add(&cell->unit, (uint64_t)m->op->unit, (uint64_t)m->op->unit);
	seen_add(&cell->code, m->op->code, m->op->code);
	seen_add(&cell->port, u->decision->port, u->decision->port);
	if (m->cls == OP_SESSION)
		return;
	add_object(cell, m, &u->arena);
	if (m->cls == OP_WRITE)
		add_values(cell, m);
}

/* The service of the conduit that permits such flows. */
static struct seen_entry *service_entry(struct policy_usage *u, uint32_t conduit,
					const struct policy_flow_decision *d)
{
	const struct service *s =
		conduit_service(&u->policy->conduit[conduit], d->ip_proto, d->port);
	struct seen_conduit *c = &u->conduit[conduit];
	uint32_t i;

	for (i = 0; s && i < c->entries; i++)
		if (c->entry[i].service == s)
			return &c->entry[i];
	return NULL;
}

static void service_used(struct seen_entry *e, const struct policy_flow_decision *d)
{
	if (e->service->kind == SERVICE_IP)
		seen_add(&e->port, d->ip_proto, d->ip_proto);
	else if (e->service->kind != SERVICE_ICMP)
		seen_add(&e->port, d->port, d->port);
	else if (d->ip_proto == 1)
		seen_add(&e->port, d->port >> 8, d->port >> 8);
	else
		seen_add(&e->type6, d->port >> 8, d->port >> 8);
}

unsigned policy_usage_op(struct policy_usage *u, const struct policy_now *now,
			 const struct policy_flow_decision *d, const struct op *op,
			 uint32_t conduit[USAGE_CONDUITS])
{
	struct seen_entry *e;
	uint32_t served;

	u->credited = conduit;
	u->ncredited = 0;
	u->decision = d;
	if (d->set[0] == POLICY_NONE)
		return 0;
	served = d->verdict == POLICY_ALLOW ? d->conduit : match_pieces(now, d, op, on_piece, u);
	if (served == POLICY_NONE)
		return u->ncredited;
	credit(u, served);
	e = service_entry(u, served, d);
	if (e) {
		e->ops++;
		service_used(e, d);
	}
	return u->ncredited;
}

uint32_t policy_usage_flow(struct policy_usage *u, const struct policy_now *now,
			   const struct policy_flow_decision *d)
{
	const struct policy *p = u->policy;
	struct seen_entry *e;
	uint32_t k;
	unsigned i;

	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[d->set[i]];

		for (k = 0; k < s->conduits; k++) {
			if (now->closed[s->conduit[k]] ||
			    (d->verdict == POLICY_ALLOW && s->conduit[k] != d->conduit))
				continue;
			e = service_entry(u, s->conduit[k], d);
			if (!e)
				continue;
			e->flows++;
			service_used(e, d);
			return s->conduit[k];
		}
	}
	return POLICY_NONE;
}

/* --- what was seen --- */

static const struct seen_entry *entry_at(const struct policy_usage *u, uint32_t conduit, uint32_t i)
{
	if (conduit >= u->policy->conduits || i >= u->conduit[conduit].entries)
		return NULL;
	return &u->conduit[conduit].entry[i];
}

bool policy_usage_at(const struct policy_usage *u, uint32_t conduit, uint32_t i,
		     struct policy_permission *out)
{
	const struct seen_entry *e = entry_at(u, conduit, i);

	if (!e)
		return false;
	*out = (struct policy_permission){
		.text = e->rule ? e->rule->text : e->service->text,
		.line = e->rule ? e->rule->line : e->service->line,
		.ops = e->ops,
		.sessions = e->sessions,
		.flows = e->flows,
	};
	return true;
}

const char *policy_usage_narrow(struct policy_usage *u, uint32_t conduit, uint32_t i)
{
	const struct seen_entry *e = entry_at(u, conduit, i);

	if (!e || (!e->ops && !e->sessions && !e->flows))
		return "";
	return narrow_entry(u->policy, e, &u->arena);
}

const char *policy_usage_unused(struct policy_usage *u, uint32_t conduit, uint32_t i)
{
	const struct seen_entry *e = entry_at(u, conduit, i);

	return e ? narrow_unused(u->policy, e, &u->arena) : "";
}

/* --- ends --- */

static const uint32_t *ends_of(const struct policy *p, uint32_t conduit, int side, uint32_t *n)
{
	const struct conduit *c = &p->conduit[conduit];

	*n = side ? c->nto : c->nfrom;
	return side ? c->to : c->from;
}

const char *policy_end_at(const struct policy *p, uint32_t conduit, int side, uint32_t i,
			  bool *zone)
{
	uint32_t n;
	const uint32_t *end = ends_of(p, conduit, side, &n);

	if (i >= n)
		return NULL;
	*zone = end[i] < p->zones;
	return end_id(p, end[i]);
}

bool policy_end_is(const struct policy *p, uint32_t conduit, int side, uint32_t i,
		   struct policy_place place)
{
	uint32_t n;
	const uint32_t *end = ends_of(p, conduit, side, &n);

	if (i >= n)
		return false;
	return end[i] < p->zones ? end[i] == place.zone : end[i] - p->zones == place.asset;
}

/* --- making --- */

/* In the order of the file, whatever kind they are. */
static int by_line(const void *a, const void *b)
{
	const struct seen_entry *x = a, *y = b;
	int lx = x->rule ? x->rule->line : x->service->line;
	int ly = y->rule ? y->rule->line : y->service->line;

	if (lx != ly)
		return lx < ly ? -1 : 1;
	if (x->rule && y->rule)
		return x->rule < y->rule ? -1 : x->rule > y->rule;
	if (x->service && y->service)
		return x->service < y->service ? -1 : x->service > y->service;
	return x->rule ? -1 : 1;
}

static void fill_conduit(struct policy_usage *u, const struct conduit *c, struct seen_conduit *s)
{
	const struct rule *last = NULL;
	uint32_t i, k;

	s->entry = arena_array(&u->arena, c->rules + c->services + 1, sizeof(*s->entry));
	s->of_rule = arena_array(&u->arena, c->rules + 1, sizeof(*s->of_rule));
	for (i = 0; i < c->rules; i++)
		if (!(c->rule[i].has & RULE_CARRIER))
			s->entry[s->entries++].rule = &c->rule[i];
	for (i = 0; i < c->services; i++)
		s->entry[s->entries++].service = &c->service[i];
	qsort(s->entry, s->entries, sizeof(*s->entry), by_line);
	/* carriers follow what they carry */
	for (i = 0; i < c->rules; i++) {
		if (!(c->rule[i].has & RULE_CARRIER))
			last = &c->rule[i];
		for (k = 0; k < s->entries; k++)
			if (s->entry[k].rule == last)
				s->of_rule[i] = k;
	}
}

struct policy_usage *policy_usage_new(const struct policy *p)
{
	struct arena arena = {0};
	struct policy_usage *u = arena_alloc(&arena, sizeof(*u));
	uint32_t i;

	u->policy = p;
	u->conduit = arena_array(&arena, p->conduits + 1, sizeof(*u->conduit));
	u->arena = arena;
	for (i = 0; i < p->conduits; i++)
		fill_conduit(u, &p->conduit[i], &u->conduit[i]);
	return u;
}

void policy_usage_free(struct policy_usage *u)
{
	struct arena arena;

	if (!u)
		return;
	arena = u->arena;
	arena_free(&arena);
}
