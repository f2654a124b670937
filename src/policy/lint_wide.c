/*
 * What permits more than anybody wants. Of one entry only the gravest is told: everything between
 * whole zones, then towards an external zone, between whole zones, any port of named hosts; and
 * beside those, writes into control and field that name neither objects nor values.
 */
#include "policy/lint_impl.h"

/* The ends of a conduit as these lints see them; POLICY_NONE where there is none of that kind. */
struct sides {
	uint32_t from, to;	       /* whichever */
	uint32_t whole_from, whole_to; /* whole zones that are not each other's */
	uint32_t ext_from, ext_to;     /* whole external zones, or ones that take in the rest */
};

static uint32_t external(const struct policy *p, const uint32_t *end, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (end[i] < p->zones &&
		    (p->zone[end[i]].level == LEVEL_EXTERNAL || lint_catches_all(p, end[i])))
			return end[i];
	return POLICY_NONE;
}

static struct sides sides_of(const struct policy *p, const struct conduit *c)
{
	return (struct sides){
		.from = c->from[0],
		.to = c->to[0],
		.whole_from = lint_whole_at(p, c->from, c->nfrom, ~0u),
		.whole_to = lint_whole_at(p, c->to, c->nto, ~0u),
		.ext_from = external(p, c->from, c->nfrom),
		.ext_to = external(p, c->to, c->nto),
	};
}

/* A whole zone on both sides, and not the same one: that is a zone ruling itself. */
static bool whole_both(const struct sides *s)
{
	return s->whole_from != POLICY_NONE && s->whole_to != POLICY_NONE &&
	       s->whole_from != s->whole_to;
}

static uint32_t or_else(uint32_t end, uint32_t other)
{
	return end != POLICY_NONE ? end : other;
}

static void wide_service(struct lint *l, const struct conduit *c, uint32_t i, const struct sides *s,
			 const struct service *v)
{
	struct lint_place at = {LINT_OF_CONDUIT, i, v->line, v->col};
	uint32_t from = s->from, to = s->to;
	struct lint_warning *w;

	if (!lint_service_wide(v))
		return;
	if (whole_both(s)) {
		bool all = v->kind == SERVICE_IP && v->any;

		from = s->whole_from;
		to = s->whole_to;
		w = lint_add(l, all ? LINT_ANY_TO_ANY : LINT_WIDE_ZONES, at,
			     "conduit %s opens %s between all of %s and all of %s", c->pub.id,
			     v->text, lint_end_words(l, from), lint_end_words(l, to));
	} else if (s->ext_from != POLICY_NONE || s->ext_to != POLICY_NONE) {
		from = or_else(s->ext_from, from);
		to = or_else(s->ext_to, to);
		w = lint_add(l, LINT_WIDE_EXTERNAL, at, "conduit %s opens %s between %s and %s",
			     c->pub.id, v->text, lint_end_words(l, from), lint_end_words(l, to));
	} else {
		w = lint_add(l, LINT_WIDE_SERVICE, at, "conduit %s opens %s between %s and %s",
			     c->pub.id, v->text, lint_end_words(l, from), lint_end_words(l, to));
	}
	lint_example_service(l, &w->example, from, to, v);
}

/* True for an entry such as `modbus: any`: all classes there are, and nothing narrowed. */
static bool rule_any(const struct rule *r)
{
	return r->classes == (1u << OP_CLASSES) - 1 && !(r->has & ~(unsigned)RULE_PORT);
}

static void wide_rule(struct lint *l, const struct conduit *c, uint32_t i, const struct sides *s,
		      const struct rule *r)
{
	static const unsigned moves =
		1u << OP_WRITE | 1u << OP_CONTROL | 1u << OP_PROGRAM | 1u << OP_FIRMWARE;
	struct lint_place at = {LINT_OF_CONDUIT, i, r->line, r->col};
	uint32_t from = s->from, to = s->to;
	struct lint_warning *w;

	if (rule_any(r) && (s->ext_from != POLICY_NONE || s->ext_to != POLICY_NONE)) {
		from = or_else(s->ext_from, from);
		to = or_else(s->ext_to, to);
		w = lint_add(l, LINT_WIDE_EXTERNAL, at, "conduit %s permits %s between %s and %s",
			     c->pub.id, r->text, lint_end_words(l, from), lint_end_words(l, to));
	} else if (whole_both(s) && lint_classes(r) & moves) {
		from = s->whole_from;
		to = s->whole_to;
		w = lint_add(l, LINT_WIDE_ZONES, at,
			     "conduit %s lets all of %s change all of %s: %s", c->pub.id,
			     lint_end_words(l, from), lint_end_words(l, to), r->text);
	} else {
		return;
	}
	lint_example_rule(l, &w->example, from, to, r, moves);
}

/* A grant, a mode of operation: somebody opened it for what is done then. */
static void unlimited_write(struct lint *l, const struct conduit *c, uint32_t i,
			    const struct rule *r)
{
	static const unsigned limits = RULE_PATHS | RULE_SPACE | RULE_NAMES | RULE_VALUE;
	uint32_t to = lint_end_at(l->p, c->to, c->nto, LINT_DEVICES);
	struct lint_place at = {LINT_OF_CONDUIT, i, r->line, r->col};
	struct lint_warning *w;

	if (to == POLICY_NONE || r->has & limits || !(lint_classes(r) >> OP_WRITE & 1) ||
	    lint_closed_at_rest(l->p, c))
		return;
	w = lint_add(l, LINT_WRITE_UNLIMITED, at,
		     "conduit %s permits writes to every object of %s, with any value: %s",
		     c->pub.id, lint_end_words(l, to), r->text);
	lint_example_rule(l, &w->example, c->from[0], to, r, 1u << OP_WRITE);
}

void lint_wide(struct lint *l)
{
	const struct policy *p = l->p;
	uint32_t i, k;

	if (p->default_allow)
		lint_add(l, LINT_DEFAULT_ALLOW, (struct lint_place){LINT_OF_POLICY, 0, 0, 0},
			 "default: allow lets everything pass that no conduit names");
	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];
		struct sides s;

		if (!c->nfrom || !c->nto)
			continue;
		s = sides_of(p, c);

		for (k = 0; k < c->services; k++)
			wide_service(l, c, i, &s, &c->service[k]);
		for (k = 0; k < c->rules; k++) {
			if (c->rule[k].has & RULE_CARRIER)
				continue;
			wide_rule(l, c, i, &s, &c->rule[k]);
			unlimited_write(l, c, i, &c->rule[k]);
		}
	}
}
