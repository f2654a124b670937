/*
 * The hot path: ops against the compiled policy. Nothing here allocates.
 *
 * An op is judged element by element, because the rules of a pair may cover an address range in
 * pieces, each with its own values:
 *
 *     rules      holding 0-9 value 0..5      holding 10-19 value 0..100
 *     op         write holding 8-11     [8] [9]  [10] [11]
 *     walk       rule 1 covers --------> 2        2 -> 4: allowed
 *
 * A rule without values covers a whole interval in one step.
 */
#include "base/glob.h"
#include "policy/model.h"
#include "policy/now.h"

#include <math.h>

/* How far a rule went along with an op. */
enum stage { AT_PORT, AT_CLASS, AT_CODE, AT_PARTY, AT_OBJECT, AT_VALUE, AT_END };

struct judge {
	const struct op *op;
	const char *proto; /* of the op, as rules spell it */
	uint64_t objects;  /* addresses the op speaks of, at least 1 */
	uint64_t elements; /* addresses or values, whichever are more */
	enum op_class cls; /* as judged */
	uint16_t port;
};

static bool names_match(const struct names *n, struct slice text)
{
	uint32_t i;

	for (i = 0; i < n->count; i++)
		if (glob_match(n->text[i], text))
			return true;
	return false;
}

static bool topics_cover(const struct names *n, struct slice text)
{
	uint32_t i;

	for (i = 0; i < n->count; i++)
		if (topic_covers(n->text[i], text))
			return true;
	return false;
}

/* All but object and values. */
static inline enum stage rule_head(const struct rule *r, const struct judge *j)
{
	const struct op *op = j->op;

	if (!rule_port(r, j->port))
		return AT_PORT;
	if (j->cls != OP_SESSION) {
		if (!(r->classes >> j->cls & 1))
			return AT_CLASS;
		if (r->has & RULE_CODE && !iset_contains(&r->code, op->code))
			return AT_CODE;
	}
	if (r->has & RULE_UNIT &&
	    !(op->unit < 0 ? j->cls == OP_SESSION : iset_contains(&r->unit, (uint64_t)op->unit)))
		return AT_PARTY;
	/* one who said who he is before anybody listened is not held to be another */
	if (r->has & RULE_ACTOR && op->actor.p && !names_match(&r->actor, op->actor))
		return AT_PARTY;
	return AT_OBJECT;
}

static bool paths_match(const struct rule *r, const struct op_object *o)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (r->has & RULE_PATH << i &&
		    (i >= o->npath || !iset_contains(&r->path[i], o->path[i])))
			return false;
	return true;
}

/* What objects_to() asks of one alternative, whose space is that of the op. */
static uint64_t space_to(const struct rule_space *s, const struct judge *j, uint64_t at)
{
	const struct op_object *o = &j->op->object;
	/* values beyond the last address belong to it */
	uint64_t i = at < j->objects ? at : j->objects - 1, addr;
	const struct iset_range *in;

	switch (s->key->kind) {
	case VOCAB_NAME:
		return names_match(&s->names, o->name) ? j->elements : at;
	case VOCAB_TOPIC:
		return topics_cover(&s->names, o->name) ? j->elements : at;
	default:
		if (__builtin_add_overflow(o->first, i, &addr))
			return at;
		in = iset_find(&s->range, addr);
		if (!in)
			return at;
		return in->hi - addr >= j->objects - 1 - i ? j->elements : at + (in->hi - addr) + 1;
	}
}

/* Behind the last element from `at` on whose object the rule permits; at: none. */
static uint64_t objects_to(const struct rule *r, const struct judge *j, uint64_t at)
{
	const struct op_object *o = &j->op->object;
	uint64_t end = at, to;
	bool listed = false;
	unsigned i;

	for (i = 0; i < r->nspaces; i++) {
		if (r->space[i].key->arg != o->space)
			continue;
		listed = true;
		to = space_to(&r->space[i], j, at);
		end = to > end ? to : end;
	}
	if (!(r->has & RULE_PATHS))
		return listed ? end : r->nspaces ? at : j->elements;
	/* A path and numbers narrow each other; a path and names are two ways to say an object. */
	if (listed && o->npath == 0)
		return end;
	if (listed)
		return paths_match(r, o) ? end : at;
	return !(r->has & RULE_SPACE) && paths_match(r, o) ? j->elements : at;
}

static bool value_permitted(const struct rule *r, const struct op *op, uint64_t i)
{
	struct op_number n;

	/* what a device confirms without repeating the values can be judged for its objects only */
	if (op->role == OP_RESPONSE && op->values.type == OP_V_NONE)
		return true;
	return i < op->values.count && op_number_at(&op->values, (uint32_t)i, &n) &&
	       dset_contains_range(&r->value, n.lo, n.hi);
}

/* Behind the last element from `at` on that the rule permits; *stage says why not more. */
static uint64_t rule_covers(const struct rule *r, const struct judge *j, uint64_t at,
			    enum stage *stage)
{
	uint64_t end, i;

	if (j->cls == OP_SESSION || !(r->has & (RULE_PATHS | RULE_SPACE | RULE_NAMES | RULE_VALUE)))
		return j->elements;
	end = objects_to(r, j, at);
	*stage = AT_OBJECT;
	if (end == at || !(r->has & RULE_VALUE) || j->cls != OP_WRITE)
		return end;
	for (i = at; i < end && value_permitted(r, j->op, i); i++)
		;
	if (i < end)
		*stage = AT_VALUE;
	return i;
}

/* What all rules of the pair say about the elements from `at` on. */
struct said {
	uint64_t end;		    /* behind the last element some rule permits */
	const struct rule *permits; /* the rule that goes furthest */
	const struct rule *closed;  /* permits all, if its conduit were open */
	const struct rule *nearest; /* of those that permit nothing, the one that came nearest */
	uint32_t permits_by;	    /* conduit */
	uint32_t closed_by;	    /* conduit */
	enum stage stage;	    /* where the nearest stopped */
};

static void ask_rule(const struct policy_now *now, const struct pair_run *run, uint32_t k,
		     const struct judge *j, uint64_t at, struct said *said)
{
	const struct rule *r = &run->rule[k];
	enum stage stage = rule_head(r, j);
	uint64_t end = stage == AT_OBJECT ? rule_covers(r, j, at, &stage) : at;

	if (end > at && now->closed[run->conduit]) {
		/* of closed conduits the one that came nearest to being open speaks */
		if (end >= j->elements &&
		    (!said->closed || now->closed[run->conduit] > now->closed[said->closed_by])) {
			said->closed = &run->own[k];
			said->closed_by = run->conduit;
		}
		return;
	}
	if (end > said->end) {
		said->end = end;
		said->permits = &run->own[k];
		said->permits_by = run->conduit;
	}
	if (end == at && (!said->nearest || stage > said->stage)) {
		said->nearest = &run->own[k];
		said->stage = stage;
	}
}

static inline void ask_all(const struct policy_now *now, const struct policy_flow_decision *d,
			   const struct judge *j, uint64_t at, struct said *said)
{
	const struct policy *p = now->policy;
	const struct pair_run *run, *last;
	unsigned i;
	uint32_t k;

	*said = (struct said){.end = at};
	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		run = p->set[d->set[i]].run;
		for (last = run + p->set[d->set[i]].runs; run < last; run++) {
			for (k = 0; run->proto == j->proto && k < run->rules; k++) {
				ask_rule(now, run, k, j, at, said);
				if (said->end >= j->elements)
					return;
			}
		}
	}
}

/*
 * Dissectors spell a protocol with the very text that rules do; whoever does not is understood
 * too, when he was not before. True when there is something to ask again.
 */
static bool spell_as_rules(const struct policy *p, struct judge *j, const struct said *said)
{
	const char *const *k;

	if (said->permits || said->nearest || said->closed)
		return false;
	for (k = p->proto; *k; k++)
		if (*k == j->proto)
			return false;
	for (k = p->proto; *k && strcmp(*k, j->proto) != 0; k++)
		;
	if (*k)
		j->proto = *k;
	return *k;
}

/* A conduit that opens the port and has nothing to say about this protocol; POLICY_NONE: none. */
static uint32_t served_by(const struct policy_now *now, const struct policy_flow_decision *d,
			  const char *proto, bool update)
{
	const struct policy *p = now->policy;
	uint32_t k, n;
	unsigned i;

	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[d->set[i]];

		for (k = 0; s->serves && k < s->conduits; k++) {
			const struct conduit *c = &p->conduit[s->conduit[k]];

			for (n = 0; n < c->rules; n++)
				if (strcmp(c->rule[n].vocab->proto, proto) == 0)
					break;
			if (n == c->rules && !now->closed[s->conduit[k]] &&
			    (c->pub.update || !update) && conduit_serves(c, d->ip_proto, d->port))
				return s->conduit[k];
		}
	}
	return POLICY_NONE;
}

static const struct conduit_words *words_for(const struct conduit *c, const struct rule *r)
{
	uint32_t i = 0;

	while (i + 1 < c->nwords && c->words[i].vocab != r->vocab)
		i++;
	return &c->words[i];
}

static void denied_value(struct policy_op_decision *x, const struct op *op, uint64_t at,
			 const struct conduit_words *w)
{
	struct op_number n;

	x->verdict = POLICY_VALUE_DENIED;
	x->value_index = (uint32_t)at;
	x->value = NAN;
	if (at < op->values.count && op_number_at(&op->values, (uint32_t)at, &n))
		x->value = n.hi;
	else
		x->expected = w->unreadable;
}

static struct policy_op_decision denied(const struct policy *p,
					const struct policy_flow_decision *d, const struct judge *j,
					const struct said *said, uint64_t at)
{
	struct policy_op_decision x = {.verdict = POLICY_OP_DENIED};
	const struct conduit_words *w;

	if (!said->nearest) {
		/* no rule of this protocol anywhere: the first conduit speaks */
		x.conduit = p->set[d->set[0]].conduit[0];
		x.expected = p->conduit[x.conduit].pub.permits;
		return x;
	}
	x.conduit = said->nearest->conduit;
	w = words_for(&p->conduit[x.conduit], said->nearest);
	x.expected = w->expected;
	if (said->stage == AT_OBJECT) {
		x.verdict = POLICY_OBJECT_DENIED;
		x.object = j->op->object.first + (at < j->objects ? at : j->objects - 1);
	} else if (said->stage == AT_VALUE) {
		denied_value(&x, j->op, at, w);
	}
	return x;
}

static struct judge judge_of(uint16_t port, const struct op *op)
{
	struct judge j = {
		.op = op, .proto = op->proto, .cls = (enum op_class)op->cls, .port = port};

	if (op->from_server && op->role == OP_PUBLISH && op->cls == OP_WRITE)
		j.cls = OP_READ;
	j.objects = op->object.count ? op->object.count : 1;
	j.elements = j.objects;
	if (j.cls == OP_WRITE && op->values.count > j.elements)
		j.elements = op->values.count;
	return j;
}

bool rule_permits(const struct rule *r, uint16_t port, const struct op *op)
{
	struct judge j = judge_of(port, op);
	enum stage stage = rule_head(r, &j);

	return stage == AT_OBJECT && rule_covers(r, &j, 0, &stage) >= j.elements;
}

struct policy_op_decision policy_op(const struct policy_now *now,
				    const struct policy_flow_decision *d, const struct op *op)
{
	const struct policy *p = now->policy;
	struct policy_op_decision x = {
		.verdict = d->verdict, .conduit = d->conduit, .expected = ""};
	struct judge j;
	const struct rule *closed = NULL;
	struct said said;
	uint32_t limited = POLICY_NONE;
	uint64_t at = 0;
	bool update;

	j = judge_of(d->port, op);
	if (!(d->classes >> j.cls & 1)) {
		x.verdict = (uint8_t)policy_capped(d, j.cls);
		return x;
	}
	update = d->updated && UPDATE_CLASSES >> j.cls & 1;
	if (update && d->set[0] == POLICY_NONE) {
		x.verdict = POLICY_UPDATE_DENIED;
		return x;
	}
	if (d->set[0] == POLICY_NONE || (d->verdict == POLICY_ALLOW && !update))
		return x;
	do {
		ask_all(now, d, &j, 0, &said);
	} while (spell_as_rules(p, &j, &said));
	closed = said.closed;
	for (;; ask_all(now, d, &j, at, &said)) {
		x.conduit = said.permits ? said.permits_by : POLICY_NONE;
		/* of several that permit a part each, one that limits how often */
		if (limited == POLICY_NONE && said.permits && p->conduit[x.conduit].pub.ops.count)
			limited = x.conduit;
		if (said.end >= j.elements) {
			x.verdict = POLICY_ALLOW;
			x.conduit = limited != POLICY_NONE ? limited : x.conduit;
			return x;
		}
		if (said.end == at)
			break;
		at = said.end;
	}
	x.conduit = served_by(now, d, op->proto, update);
	if (x.conduit != POLICY_NONE) {
		x.verdict = POLICY_ALLOW;
		return x;
	}
	if (closed) {
		x.conduit = closed->conduit;
		x.verdict = (uint8_t)closed_verdict(now->closed[x.conduit]);
		x.expected = words_for(&p->conduit[x.conduit], closed)->expected;
		return x;
	}
	if (update && (!said.nearest || said.stage <= AT_CLASS)) {
		x.verdict = POLICY_UPDATE_DENIED;
		return x;
	}
	return denied(p, d, &j, &said, at);
}

bool rule_means(const struct rule *r, uint16_t port, const struct op *op, uint64_t *at,
		uint64_t *end)
{
	const struct judge j = judge_of(port, op);
	bool part = r->has & RULE_SPACE; /* numbers may mean some elements only */

	if (!(r->classes >> j.cls & 1) || rule_head(r, &j) != AT_OBJECT)
		return false;
	for (; *at < j.elements; ++*at) {
		*end = r->has & (RULE_PATHS | RULE_SPACE | RULE_NAMES) ? objects_to(r, &j, *at)
								       : j.elements;
		if (*end > *at)
			return true;
		if (!part)
			break;
	}
	return false;
}

uint32_t match_pieces(const struct policy_now *now, const struct policy_flow_decision *d,
		      const struct op *op, void (*piece)(void *user, const struct match_piece *m),
		      void *user)
{
	struct judge j = judge_of(d->port, op);
	struct match_piece m = {.op = op, .cls = j.cls, .objects = j.objects};
	struct said said;
	uint64_t at;

	for (at = 0; at < j.elements; at = said.end) {
		do {
			ask_all(now, d, &j, at, &said);
		} while (at == 0 && spell_as_rules(now->policy, &j, &said));
		if (said.end == at)
			return served_by(now, d, op->proto,
					 d->updated && UPDATE_CLASSES >> j.cls & 1);
	}
	for (m.at = 0; m.at < j.elements; m.at = m.end) {
		ask_all(now, d, &j, m.at, &said);
		m.rule = said.permits;
		m.end = said.end;
		piece(user, &m);
	}
	return POLICY_NONE;
}

bool policy_proto_known(const struct policy_now *now, const struct policy_flow_decision *d,
			const char *proto)
{
	const struct policy *p = now->policy;
	const struct vocab *v = vocab_find(proto);
	unsigned i;
	uint32_t n, k;

	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[d->set[i]];

		for (n = 0; v && n < s->runs; n++)
			for (k = 0; s->run[n].proto == v->proto && k < s->run[n].rules; k++)
				if (rule_port(&s->run[n].rule[k], d->port))
					return true;
	}
	return served_by(now, d, proto, false) != POLICY_NONE;
}

bool policy_served(const struct policy_now *now, const struct policy_flow_decision *d)
{
	return served_by(now, d, "", false) != POLICY_NONE;
}
