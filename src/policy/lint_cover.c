/*
 * What others make pointless. All conduits between two ends count together, so an entry may be
 * permitted as a whole by entries of other conduits, those of the zones too:
 *
 *      hmi-1   -> plc-1     modbus write holding 100-119 value 0..1000     narrowed in vain:
 *      screens -> control   modbus write                                   this one has no limits
 *
 * Entries are looked at from the last to the first, and one that is told no longer counts: of two
 * that say the same the later one is told, and what is left when all told ones are removed still
 * permits the same.
 */
#include "policy/lint_impl.h"
#include "policy/space.h"

#include <stdlib.h>

#define PAIRS_MAX 1024 /* of the ends of a conduit; with more nothing is said */
#define TOLD_MAX  4    /* entries that are named as the cover */

struct cover {
	struct lint *l;
	bool **gone;		  /* by conduit and entry (rules, then services): told already */
	const struct rule **rule; /* of the others */
	const struct conduit **serving;
	const struct service **service;
	uint32_t rules, servings, services, rule_cap, serving_cap, service_cap;
	uint32_t seen[4]; /* the sets of pair they are of */
};

/* --- when a conduit is open at least whenever another is --- */

static bool minutes_within(const struct when *a, const struct when *b)
{
	uint32_t i, k, m;

	for (i = 0; i < a->schedules; i++)
		for (k = 0; k < a->schedule[i]->minutes.count; k++) {
			const struct iset_range *r = &a->schedule[i]->minutes.range[k];
			uint64_t at = r->lo;

			while (at <= r->hi) {
				const struct iset_range *in = NULL;

				for (m = 0; m < b->schedules && !in; m++)
					in = iset_find(&b->schedule[m]->minutes, at);
				if (!in)
					return false;
				at = in->hi + 1;
			}
		}
	return true;
}

static bool open_whenever(const struct conduit *b, const struct conduit *a)
{
	const struct when *x = &a->when, *y = &b->when;

	if (b == a)
		return true;
	if (b->pub.grant_required)
		return false; /* grants are given one by one */
	if (y->modes && (!x->modes || x->modes & ~y->modes))
		return false;
	if (y->has_until && (!x->has_until || x->until > y->until))
		return false;
	return !y->schedules || (x->schedules && minutes_within(x, y));
}

/* --- the others --- */

static void add_others(struct cover *v, uint32_t conduit, const struct conduit *c,
		       const struct rule *r, const struct service *s)
{
	const struct conduit *o = &v->l->p->conduit[conduit];
	const bool *gone = v->gone[conduit];
	struct arena *a = v->l->a;
	uint32_t i, k;

	if (!open_whenever(o, c))
		return;
	for (i = 0; i < o->rules; i++) {
		if (&o->rule[i] == r || gone[i])
			continue;
		v->rule = arena_grow(a, v->rule, v->rules, &v->rule_cap, sizeof(*v->rule));
		v->rule[v->rules++] = &o->rule[i];
	}
	for (i = 0, k = 0; i < o->services; i++) {
		if (&o->service[i] == s || gone[o->rules + i])
			continue;
		v->service = arena_grow(a, v->service, v->services, &v->service_cap,
					sizeof(*v->service));
		v->service[v->services++] = &o->service[i];
		k++;
	}
	if (!k || o == c)
		return;
	v->serving = arena_grow(a, v->serving, v->servings, &v->serving_cap, sizeof(*v->serving));
	v->serving[v->servings++] = o;
}

/* All that speaks of the pair besides this entry. False when it is as of the pair before. */
static bool fill_others(struct cover *v, const struct conduit *c, uint32_t from, uint32_t to,
			const struct rule *r, const struct service *s)
{
	const struct policy *p = v->l->p;
	const uint32_t f[2] = {from, end_zone(p, from)}, t[2] = {to, end_zone(p, to)};
	uint32_t set[4], k;
	unsigned i, n;

	for (i = 0; i < 4; i++) {
		set[i] = imap_find(&p->pairs, (uint64_t)f[i / 2] << 32 | t[i % 2]);
		for (n = 0; n < i; n++)
			set[i] = set[n] == set[i] ? POLICY_NONE : set[i];
	}
	if (memcmp(set, v->seen, sizeof(set)) == 0)
		return false;
	memcpy(v->seen, set, sizeof(set));
	v->rules = v->servings = v->services = 0;
	for (i = 0; i < 4; i++) {
		if (set[i] == POLICY_NONE)
			continue;
		for (k = 0; k < p->set[set[i]].conduits; k++)
			add_others(v, p->set[set[i]].conduit[k], c, r, s);
	}
	return true;
}

static struct space_side side_of(const struct cover *v)
{
	return (struct space_side){
		.rule = v->rule, .rules = v->rules, .serving = v->serving, .servings = v->servings};
}

/* --- covered or not --- */

static bool rule_covered(const struct cover *v, const struct rule *r)
{
	struct space_side side = side_of(v);
	struct space_example ex;

	return space_rule_covered(r, &side, &ex) == SPACE_YES;
}

/* The flows, and every op that may be spoken on them because the conduit says nothing of it. */
static bool service_covered(const struct cover *v, const struct conduit *c, const struct service *s)
{
	struct space_side side = side_of(v);
	struct space_example ex;
	const struct vocab *vocab;
	unsigned i;

	if (space_service_covered(s, v->service, v->services, &ex) != SPACE_YES)
		return false;
	if (s->kind == SERVICE_ICMP)
		return true;
	for (i = 0; (vocab = vocab_at(i)); i++)
		if (space_serving_covered(c, vocab, &side, &ex) != SPACE_YES)
			return false;
	return true;
}

static bool covered(struct cover *v, const struct conduit *c, const struct rule *r,
		    const struct service *s)
{
	uint32_t f, t;

	if ((uint64_t)c->nfrom * c->nto > PAIRS_MAX)
		return false;
	memset(v->seen, 0xfe, sizeof(v->seen));
	for (f = 0; f < c->nfrom; f++)
		for (t = 0; t < c->nto; t++)
			if (fill_others(v, c, c->from[f], c->to[t], r, s) &&
			    !(r ? rule_covered(v, r) : service_covered(v, c, s)))
				return false;
	return c->nfrom && c->nto;
}

/* --- told --- */

/* The rule that alone covers it; NULL when several do, or a service. */
static const struct rule *alone(const struct cover *v, const struct rule *r)
{
	struct space_example ex;
	uint32_t i;

	for (i = 0; i < v->rules; i++) {
		struct space_side one = {.rule = &v->rule[i], .rules = 1};

		if (space_rule_covered(r, &one, &ex) == SPACE_YES)
			return v->rule[i];
	}
	return NULL;
}

static const char *place_words(struct cover *v, const struct conduit *c, uint32_t conduit, int line,
			       const char *text)
{
	const struct policy_conduit *o = &v->l->p->conduit[conduit].pub;

	if (&c->pub == o)
		return arena_printf(v->l->a, "%s in line %d", text, line);
	return arena_printf(v->l->a, "%s of conduit %s in %s", text, o->id,
			    lint_line(v->l, c->pub.file, o->file, line));
}

/* Which of the others have a part in it. */
static const char *by_whom(struct cover *v, const struct conduit *c, const struct rule *r,
			   const struct service *s)
{
	const char *text = "";
	struct space_example ex;
	uint32_t i, told = 0;

	for (i = 0; r && i < v->rules && told < TOLD_MAX; i++)
		if (space_rules_overlap(r, v->rule[i], &ex) == SPACE_YES)
			text = arena_printf(v->l->a, "%s%s%s", text, told++ ? "; " : "",
					    place_words(v, c, v->rule[i]->conduit, v->rule[i]->line,
							v->rule[i]->text));
	for (i = 0; r && i < v->servings && told < TOLD_MAX; i++)
		text = arena_printf(v->l->a, "%s%s%s", text, told++ ? "; " : "",
				    place_words(v, c, (uint32_t)(v->serving[i] - v->l->p->conduit),
						v->serving[i]->service[0].line,
						v->serving[i]->service[0].text));
	for (i = 0; s && i < v->services && told < TOLD_MAX; i++) {
		uint32_t k = 0;

		if (space_services_overlap(s, v->service[i], &ex) != SPACE_YES)
			continue;
		while (v->service[i] < v->l->p->conduit[k].service ||
		       v->service[i] >= v->l->p->conduit[k].service + v->l->p->conduit[k].services)
			k++;
		text = arena_printf(v->l->a, "%s%s%s", text, told++ ? "; " : "",
				    place_words(v, c, k, v->service[i]->line, v->service[i]->text));
	}
	return text;
}

static bool of_same_conduit(const struct cover *v, const struct conduit *c, const struct rule *r)
{
	const struct space_side side = side_of(v);
	struct space_side own = {.rules = 0};
	struct space_example ex;
	const struct rule **list = arena_array(v->l->a, side.rules + 1u, sizeof(*list));
	uint32_t i;

	for (i = 0; i < side.rules; i++)
		if (&v->l->p->conduit[side.rule[i]->conduit] == c)
			list[own.rules++] = side.rule[i];
	own.rule = list;
	return space_rule_covered(r, &own, &ex) == SPACE_YES;
}

static void tell_rule(struct cover *v, const struct conduit *c, uint32_t i, const struct rule *r)
{
	static const unsigned limits = RULE_UNIT | RULE_CODE | RULE_ACTOR | RULE_PATHS |
				       RULE_SPACE | RULE_NAMES | RULE_VALUE;
	struct lint_place at = {LINT_OF_CONDUIT, i, r->line, r->col};
	const struct rule *by = alone(v, r);
	const char *others =
		by ? place_words(v, c, by->conduit, by->line, by->text) : by_whom(v, c, r, NULL);
	unsigned lost = by ? r->has & limits & ~by->has : v->servings ? r->has & limits : 0;
	bool own = of_same_conduit(v, c, r);
	struct lint_warning *w;

	if (*c->pub.when && !own)
		w = lint_add(v->l, LINT_WHEN_WITHOUT_EFFECT, at,
			     "%s is permitted at other times too, so `when` of conduit %s does not "
			     "hold for it: by %s",
			     r->text, c->pub.id, others);
	else if (lost)
		w = lint_add(v->l, LINT_LIMIT_WITHOUT_EFFECT, at,
			     "the limits of %s have no effect: it is permitted without them by %s",
			     r->text, others);
	else if (own)
		w = lint_add(v->l, LINT_REDUNDANT, at, "%s is permitted in the same conduit by %s",
			     r->text, others);
	else
		w = lint_add(v->l, LINT_SHADOWED, at, "all of %s is permitted by %s", r->text,
			     others);
	lint_example_rule(v->l, &w->example, c->from[0], c->to[0], r, ~0u);
}

static void tell_service(struct cover *v, const struct conduit *c, uint32_t i,
			 const struct service *s)
{
	struct lint_place at = {LINT_OF_CONDUIT, i, s->line, s->col};
	const char *others = by_whom(v, c, NULL, s);
	struct lint_warning *w;

	if (*c->pub.when && strstr(others, "of conduit"))
		w = lint_add(v->l, LINT_WHEN_WITHOUT_EFFECT, at,
			     "%s is permitted at other times too, so `when` of conduit %s does not "
			     "hold for it: by %s",
			     s->text, c->pub.id, others);
	else
		w = lint_add(v->l, strstr(others, "of conduit") ? LINT_SHADOWED : LINT_REDUNDANT,
			     at, "all of %s is permitted by %s", s->text, others);
	lint_example_service(v->l, &w->example, c->from[0], c->to[0], s);
}

/* Entries of a protocol narrow the services of their conduit, so they are never idle there. */
static bool narrows_service(const struct conduit *c)
{
	uint32_t i;

	for (i = 0; i < c->services; i++)
		if (c->service[i].kind != SERVICE_ICMP)
			return true;
	return false;
}

static void cover_conduit(struct cover *v, uint32_t i)
{
	const struct conduit *c = &v->l->p->conduit[i];
	struct space_example ex;
	uint32_t k;

	if (!c->nfrom || !c->nto)
		return;
	for (k = c->services; k-- > 0;)
		if (covered(v, c, NULL, &c->service[k])) {
			v->gone[i][c->rules + k] = true;
			tell_service(v, c, i, &c->service[k]);
		}
	for (k = c->rules; k-- > 0;) {
		const struct rule *r = &c->rule[k];

		/* what can never match is told by lint_never() */
		if (r->has & RULE_CARRIER || narrows_service(c) ||
		    space_rule_possible(r, &ex) != SPACE_YES || !covered(v, c, r, NULL))
			continue;
		v->gone[i][k] = true;
		tell_rule(v, c, i, r);
	}
}

/* --- two that answer differently --- */

/* An op or flow of which both conduits say what happens otherwise. */
static const struct rule *both_speak(const struct conduit *a, const struct conduit *b)
{
	uint32_t i, k;

	for (i = 0; i < a->rules; i++)
		for (k = 0; k < b->rules; k++)
			if (!((a->rule[i].has | b->rule[k].has) & RULE_CARRIER) &&
			    a->rule[i].vocab == b->rule[k].vocab &&
			    lint_classes(&a->rule[i]) & lint_classes(&b->rule[k]))
				return &b->rule[k];
	return NULL;
}

static const char *otherwise(struct lint *l, const struct policy_conduit *c)
{
	static const char *const action[] = {
		[ACTION_ALERT] = "alert",
		[ACTION_DEGRADE] = "degrade",
		[ACTION_DROP] = "drop",
		[ACTION_REJECT] = "reject",
		[ACTION_QUARANTINE] = "quarantine",
	};

	return arena_printf(l->a, "on-violation: %s, fail: %s", action[c->on_violation],
			    c->fail_open ? "open" : "closed");
}

static void contradiction(struct lint *l, uint32_t i, uint32_t k)
{
	const struct conduit *a = &l->p->conduit[i], *b = &l->p->conduit[k];
	const struct rule *r;
	struct lint_warning *w;

	if (a->pub.on_violation == b->pub.on_violation && a->pub.fail_open == b->pub.fail_open)
		return;
	r = both_speak(a, b);
	if (!r)
		return;
	w = lint_add(l, LINT_CONTRADICTORY, LINT_AT_CONDUIT(k),
		     "conduits %s (%s) and %s speak of the same ends and %s, but one says %s, "
		     "the other %s",
		     a->pub.id, lint_line(l, b->pub.file, a->pub.file, a->pub.line), b->pub.id,
		     r->text, otherwise(l, &a->pub), otherwise(l, &b->pub));
	lint_example_rule(l, &w->example, b->from[0], b->to[0], r, ~0u);
}

static void contradictions(struct lint *l)
{
	const struct policy *p = l->p;
	bool *told = calloc(p->conduits + 1u, sizeof(*told));
	uint32_t i, x, y;

	for (i = 0; told && i < p->sets; i++) {
		const struct pair_set *s = &p->set[i];

		for (y = 1; y < s->conduits && s->conduits <= PAIRS_MAX; y++)
			for (x = 0; x < y && !told[s->conduit[y]]; x++) {
				uint32_t before = l->report->count;

				contradiction(l, s->conduit[x], s->conduit[y]);
				told[s->conduit[y]] = l->report->count != before;
			}
	}
	free(told);
}

void lint_cover(struct lint *l)
{
	const struct policy *p = l->p;
	struct cover v = {.l = l};
	uint32_t i;

	v.gone = arena_array(l->a, p->conduits + 1u, sizeof(*v.gone));
	for (i = 0; i < p->conduits; i++)
		v.gone[i] = arena_alloc(l->a, p->conduit[i].rules + p->conduit[i].services + 1u);
	for (i = p->conduits; i-- > 0;)
		cover_conduit(&v, i);
	contradictions(l);
}
