#include "policy/ask.h"

#include "policy/ask_impl.h"
#include "policy/now.h"
#include "policy/space.h"

#include <stdlib.h>

/* The rules and services that speak of a pair, those that are always open first among equals. */
struct sides {
	const struct rule **rule;
	const struct conduit **serving;
	const struct service **service;
	struct space_side side; /* points into the first two */
	uint32_t services;
	uint32_t rule_cap, serving_cap, service_cap;
};

static void add_rule(struct ask *a, struct sides *s, const struct rule *r)
{
	s->rule = arena_grow(&a->arena, s->rule, s->side.rules, &s->rule_cap, sizeof(*s->rule));
	s->rule[s->side.rules++] = r;
	s->side.rule = s->rule;
}

static void add_serving(struct ask *a, struct sides *s, const struct conduit *c)
{
	s->serving = arena_grow(&a->arena, s->serving, s->side.servings, &s->serving_cap,
				sizeof(*s->serving));
	s->serving[s->side.servings++] = c;
	s->side.serving = s->serving;
}

static void add_service(struct ask *a, struct sides *s, const struct service *v)
{
	s->service = arena_grow(&a->arena, s->service, s->services, &s->service_cap,
				sizeof(*s->service));
	s->service[s->services++] = v;
}

static void add_line(struct ask *a, struct ask_answer *x, uint32_t conduit, int line, int col,
		     const char *entry, const char *when)
{
	struct ask_line *l;
	uint32_t i;

	for (i = 0; i < x->lines; i++)
		if (x->line[i]->conduit == conduit && x->line[i]->line == line &&
		    x->line[i]->col == col)
			return;
	l = arena_alloc(&a->arena, sizeof(*l));
	*l = (struct ask_line){conduit, line, col, entry, when};
	x->line = arena_grow(&a->arena, x->line, x->lines, &x->cap, sizeof(*x->line));
	x->line[x->lines++] = l;
}

static bool has_proto(const struct conduit *c, const char *proto)
{
	uint32_t i;

	for (i = 0; i < c->rules; i++)
		if (strcmp(c->rule[i].vocab->proto, proto) == 0)
			return true;
	return false;
}

/* A service under which ops of this rule may be spoken. */
static bool carries(const struct service *v, const struct rule *q)
{
	uint32_t i;

	if (v->kind == SERVICE_ICMP)
		return false;
	if (v->kind == SERVICE_IP)
		return v->any || iset_contains(&v->set, 6) || iset_contains(&v->set, 17);
	if (v->any || !(q->has & RULE_PORT))
		return true;
	for (i = 0; i < q->port.count; i++) {
		uint64_t port = q->port.range[i].lo;

		for (; port <= q->port.range[i].hi; port++)
			if (iset_contains(&v->set, port))
				return true;
	}
	return false;
}

/* --- what one conduit adds --- */

/* Where the answer is gathered. */
struct gather {
	struct ask *a;
	struct ask_answer *x;
	const struct rule *rule; /* asked for */
	bool updated;		 /* firmware and programs go there through update conduits alone */
	struct sides open, all;
};

/* Who may do anything in a protocol may keep a session there. */
static bool speaks_of(const struct rule *q, const struct rule *r)
{
	struct rule session = *r;
	struct space_example ex;

	if (space_rules_overlap(q, r, &ex) != SPACE_NO)
		return true;
	session.classes = 1u << OP_SESSION;
	session.has &= RULE_UNIT | RULE_PORT | RULE_ACTOR;
	return q->classes >> OP_SESSION & 1 && !(r->has & RULE_CARRIER) &&
	       space_rules_overlap(q, &session, &ex) != SPACE_NO;
}

static void op_conduit(struct gather *g, uint32_t i)
{
	const struct conduit *c = &g->a->p->conduit[i];
	const char *when = c->pub.when, *proto = g->rule->vocab->proto;
	unsigned guarded;
	uint32_t k;

	for (k = 0; k < c->rules; k++) {
		const struct rule *r = &c->rule[k];

		if (strcmp(r->vocab->proto, proto) != 0 || !speaks_of(g->rule, r))
			continue;
		add_line(g->a, g->x, i, r->line, r->col, r->text_forms, when);
		add_rule(g->a, &g->all, r);
		if (!*when)
			add_rule(g->a, &g->open, r);
	}
	if (has_proto(c, proto))
		return;
	guarded = g->updated && !c->pub.update ? g->rule->classes & UPDATE_CLASSES : 0;
	if (guarded == g->rule->classes)
		return;
	for (k = 0; k < c->services; k++)
		if (carries(&c->service[k], g->rule)) {
			add_line(g->a, g->x, i, c->service[k].line, c->service[k].col,
				 c->service[k].text, when);
			if (guarded)
				continue;
			add_serving(g->a, &g->all, c);
			if (!*when)
				add_serving(g->a, &g->open, c);
		}
}

static void service_conduit(struct gather *g, uint32_t i)
{
	const struct conduit *c = &g->a->p->conduit[i];
	const struct service *q = g->a->service;
	const char *when = c->pub.when;
	struct space_example ex;
	uint32_t k;

	for (k = 0; k < c->services; k++) {
		const struct service *v = &c->service[k];

		if (space_services_overlap(q, v, &ex) == SPACE_NO)
			continue;
		add_line(g->a, g->x, i, v->line, v->col, v->text, when);
		add_service(g->a, &g->all, v);
		if (!*when)
			add_service(g->a, &g->open, v);
	}
	/* a protocol is spoken on a port, which is then open for its ops and no others */
	for (k = 0; k < c->rules && (q->kind == SERVICE_TCP || q->kind == SERVICE_UDP); k++) {
		const struct rule *r = &c->rule[k];

		if (r->has & RULE_CARRIER || !carries(q, r))
			continue;
		add_line(g->a, g->x, i, r->line, r->col, r->text_forms, when);
	}
}

static enum space_answer covered(struct gather *g, const struct sides *s, struct space_example *ex)
{
	if (g->rule)
		return space_rule_covered(g->rule, &s->side, ex);
	return space_service_covered(g->a->service, s->service, s->services, ex);
}

/* --- no --- */

static bool permitted(enum policy_verdict v)
{
	return v == POLICY_ALLOW || v == POLICY_SAME_ZONE || v == POLICY_DEFAULT_ALLOW;
}

/* What a try gets. */
static void try_it(struct ask *a, struct ask_answer *x, struct policy_place client,
		   struct policy_place server, const struct space_example *ex)
{
	const struct policy_now *now = policy_rest(a->p);
	struct policy_flow_decision d = policy_flow(now, client, server, ex->ip_proto, ex->port);
	struct policy_op_decision od;
	struct op op;

	x->verdict = d.verdict;
	x->conduit = d.conduit;
	if (ex->is_op && (d.verdict == POLICY_LATER || (d.verdict == POLICY_ALLOW && d.updated))) {
		op = space_example_op(ex);
		od = policy_op(now, &d, &op);
		x->verdict = od.verdict;
		x->conduit = od.conduit;
		x->expected = od.expected;
	} else if (d.conduit != POLICY_NONE) {
		x->expected = a->p->conduit[d.conduit].pub.permits;
	}
	if (x->verdict == POLICY_UPDATE_DENIED && x->conduit == POLICY_NONE)
		x->conduit = policy_updater(a->p, server);
	if (x->verdict == POLICY_LATER) /* a flow for the ops of protocols, not for whatever */
		x->verdict = POLICY_PORT_DENIED;
}

static const char *words_of(struct ask *a, const struct space_example *ex)
{
	char text[512];

	space_example_words(ex, text, sizeof(text));
	return arena_text(&a->arena, text, strlen(text));
}

/* Some op or flow of the question. */
static bool sample(const struct ask *a, const struct rule *rule, struct space_example *ex)
{
	if (rule)
		return space_rule_possible(rule, ex) == SPACE_YES;
	return space_service_covered(a->service, NULL, 0, ex) == SPACE_NO;
}

/* --- the answer --- */

static struct ask_answer answer_for(struct ask *a, struct policy_place client,
				    struct policy_place server,
				    const struct policy_flow_decision *d)
{
	struct ask_answer x = {.conduit = POLICY_NONE, .expected = "", .verdict = d->verdict};
	struct gather g = {.a = a, .x = &x, .rule = a->rule, .updated = d->updated};
	struct rule narrowed;
	struct space_example ex;
	enum space_answer open, all;
	bool cut = false;
	unsigned i;
	uint32_t k;

	if (d->set[0] == POLICY_NONE && d->updated && a->rule &&
	    a->rule->classes & UPDATE_CLASSES) {
		x.is = x.always = a->rule->classes & ~UPDATE_CLASSES ? ASK_PART : ASK_NO;
		x.verdict = x.is ? d->verdict : POLICY_UPDATE_DENIED;
		x.conduit = x.is ? POLICY_NONE : policy_updater(a->p, server);
		return x;
	}
	if (d->set[0] == POLICY_NONE) {
		x.is = x.always = permitted((enum policy_verdict)d->verdict) ? ASK_YES : ASK_NO;
		return x;
	}
	if (d->verdict >= POLICY_TRUST_EXCEEDED || (a->rule && !(a->rule->classes & d->classes))) {
		if (d->verdict < POLICY_TRUST_EXCEEDED)
			x.verdict = d->capped;
		x.conduit = d->conduit;
		return x;
	}
	if (a->rule && (a->rule->classes & ~d->classes)) {
		narrowed = *a->rule;
		narrowed.classes &= d->classes;
		g.rule = &narrowed;
		cut = true;
	}
	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &a->p->set[d->set[i]];

		for (k = 0; k < s->conduits; k++)
			(g.rule ? op_conduit : service_conduit)(&g, s->conduit[k]);
	}
	open = covered(&g, &g.open, &ex);
	all = covered(&g, &g.all, &ex);
	x.unsure = all == SPACE_UNSURE || open == SPACE_UNSURE;
	x.is = all == SPACE_YES && !cut ? ASK_YES : x.lines ? ASK_PART : ASK_NO;
	x.always = open == SPACE_YES && !cut ? ASK_YES : ASK_NO;
	for (k = 0; k < x.lines && x.always == ASK_NO; k++)
		if (!*x.line[k]->when)
			x.always = ASK_PART;
	if (all == SPACE_NO && !cut)
		x.denied = words_of(a, &ex);
	if (x.is == ASK_NO && sample(a, g.rule, &ex))
		try_it(a, &x, client, server, &ex);
	else
		x.verdict = POLICY_ALLOW;
	return x;
}

/* The decision on a flow that the question may be about: its sets and caps are those of all. */
static struct policy_flow_decision decision_of(struct ask *a, struct policy_place client,
					       struct policy_place server)
{
	uint8_t ip_proto = 6;
	uint16_t port = 0;
	struct space_example ex;

	if (sample(a, a->rule, &ex)) {
		ip_proto = ex.ip_proto;
		port = ex.port;
	}
	return policy_flow(policy_rest(a->p), client, server, ip_proto, port);
}

struct ask_answer ask_can(struct ask *a, struct policy_place client, struct policy_place server)
{
	struct policy_flow_decision d = decision_of(a, client, server);

	return answer_for(a, client, server, &d);
}

/* --- who --- */

struct who {
	struct ask *a;
	struct ask_group *group;
	struct policy_flow_decision *decision; /* by group */
	uint32_t groups, cap, decision_cap;
	uint32_t first; /* group of this server */
};

static bool same_decision(const struct policy_flow_decision *x,
			  const struct policy_flow_decision *y)
{
	return memcmp(x->set, y->set, sizeof(x->set)) == 0 && x->classes == y->classes &&
	       x->verdict == y->verdict && x->capped == y->capped;
}

static void who_client(struct who *w, uint32_t client, uint32_t server_end,
		       struct policy_place server)
{
	struct policy_place place = ask_end(w->a->p, client);
	struct policy_flow_decision d = decision_of(w->a, place, server);
	struct ask_group *g;
	uint32_t i;

	for (i = w->first; i < w->groups && !same_decision(&w->decision[i], &d); i++)
		;
	if (i == w->groups) {
		struct arena *m = &w->a->arena;

		w->group = arena_grow(m, w->group, w->groups, &w->cap, sizeof(*w->group));
		w->decision = arena_grow(m, w->decision, w->groups, &w->decision_cap,
					 sizeof(*w->decision));
		w->decision[i] = d;
		w->group[i] = (struct ask_group){.server = server_end,
						 .answer = answer_for(w->a, place, server, &d)};
		w->groups++;
	}
	g = &w->group[i];
	g->client = arena_grow(&w->a->arena, g->client, g->clients, &g->cap, sizeof(*g->client));
	g->client[g->clients++] = client;
}

static void who_server(struct who *w, uint32_t end, struct policy_place server)
{
	const struct policy *p = w->a->p;
	uint32_t i;

	w->first = w->groups;
	for (i = 0; i < p->zones + p->assets; i++)
		if (i != end || i < p->zones)
			who_client(w, i, end, server);
}

uint32_t ask_who(struct ask *a, struct ask_group **groups)
{
	const struct policy *p = a->p;
	struct who w = {.a = a};
	uint32_t i, k, n = 0;

	for (k = 0; k < a->servers.count; k++) {
		struct policy_place server = a->servers.end[k].place;

		if (server.asset != POLICY_NONE) {
			who_server(&w, p->zones + server.asset, server);
			continue;
		}
		who_server(&w, server.zone, server);
		/* a zone is its assets as well */
		for (i = 0; a->server_is_zone && i < p->assets; i++)
			if (p->asset[i].zone == server.zone)
				who_server(&w, p->zones + i, ask_end(p, p->zones + i));
	}
	for (i = 0; i < w.groups; i++)
		if (w.group[i].answer.is != ASK_NO)
			w.group[n++] = w.group[i];
	*groups = w.group;
	return n;
}
