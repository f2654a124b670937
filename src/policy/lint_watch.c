/* Watches that can see nothing or say nothing, and limits on what cannot be counted. */
#include "policy/lint_impl.h"
#include "policy/now.h"
#include "policy/space.h"

#define PAIRS_TRIED 1024 /* of hosts, for one pair of ends */

static struct lint_place at_watch(uint32_t i)
{
	return (struct lint_place){LINT_OF_WATCH, i, 0, 0};
}

static uint32_t end_of(const struct policy *p, const struct policy_place *place)
{
	return place->asset == POLICY_NONE ? place->zone : p->zones + place->asset;
}

/* --- what no conduit permits --- */

/* Ops of the rule may be spoken on flows that the service opens. */
static bool carries(const struct service *s, const struct rule *r)
{
	uint32_t i, k;

	if (s->kind == SERVICE_ICMP)
		return false;
	if (s->kind == SERVICE_IP)
		return s->any || iset_contains(&s->set, 6) || iset_contains(&s->set, 17);
	if (s->any || !(r->has & RULE_PORT))
		return true;
	for (i = 0; i < r->port.count; i++)
		for (k = 0; k < s->set.count; k++)
			if (s->set.range[k].lo <= r->port.range[i].hi &&
			    r->port.range[i].lo <= s->set.range[k].hi)
				return true;
	return false;
}

/* Something of what the watch means, at some time. */
static bool conduit_permits(const struct conduit *c, const struct rule *r)
{
	struct space_example ex;
	bool speaks = false;
	uint32_t i;

	for (i = 0; i < c->rules; i++) {
		speaks = speaks || c->rule[i].vocab == r->vocab;
		if (space_rules_overlap(r, &c->rule[i], &ex) != SPACE_NO)
			return true;
	}
	for (i = 0; i < c->services && !speaks; i++)
		if (carries(&c->service[i], r))
			return true;
	return false;
}

static bool pair_permits(const struct policy *p, struct policy_place client,
			 struct policy_place server, const struct rule *r)
{
	struct policy_flow_decision d = policy_flow(policy_rest(p), client, server, 6, 0);
	unsigned i;
	uint32_t k;

	if (d.verdict == POLICY_COUNTRY_DENIED)
		return true; /* says nothing of those elsewhere */
	if (d.verdict >= POLICY_TRUST_EXCEEDED || !(lint_classes(r) & d.classes))
		return false;
	if (d.set[0] == POLICY_NONE)
		return d.verdict == POLICY_SAME_ZONE || d.verdict == POLICY_DEFAULT_ALLOW;
	for (i = 0; i < 4 && d.set[i] != POLICY_NONE; i++)
		for (k = 0; k < p->set[d.set[i]].conduits; k++)
			if (conduit_permits(&p->conduit[p->set[d.set[i]].conduit[k]], r))
				return true;
	return false;
}

/* A watched zone is whoever is in it: itself, then its assets. POLICY_NONE past the last. */
static uint32_t member(const struct policy *p, uint32_t end, uint32_t after)
{
	uint32_t i;

	if (after == POLICY_NONE)
		return end;
	if (end >= p->zones)
		return POLICY_NONE;
	for (i = after < p->zones ? 0 : after - p->zones + 1; i < p->assets; i++)
		if (p->asset[i].zone == end)
			return p->zones + i;
	return POLICY_NONE;
}

static bool permitted(const struct policy *p, uint32_t from, uint32_t to, const struct rule *r)
{
	uint32_t f, t, tried = 0;

	for (f = member(p, from, POLICY_NONE); f != POLICY_NONE; f = member(p, from, f))
		for (t = member(p, to, POLICY_NONE); t != POLICY_NONE; t = member(p, to, t)) {
			if (f == t && f >= p->zones)
				continue;
			if (tried++ == PAIRS_TRIED ||
			    pair_permits(p, end_place(p, f), end_place(p, t), r))
				return true;
		}
	return false;
}

/* --- what says nothing --- */

static bool range_takes_all(const struct watch *w)
{
	const struct rule *r = &w->rule;
	bool bits = r->nspaces > 0, words = r->nspaces > 0;
	unsigned i;

	for (i = 0; i < r->nspaces; i++) {
		uint8_t space = r->space[i].key->arg;

		bits = bits && r->space[i].key->kind == VOCAB_SPACE &&
		       (space == OP_SPACE_COIL || space == OP_SPACE_DISCRETE_INPUT);
		words = words && r->space[i].key->kind == VOCAB_SPACE &&
			(space == OP_SPACE_HOLDING || space == OP_SPACE_INPUT);
	}
	return (bits && dset_contains_range(&w->range, 0, 1)) ||
	       (words && dset_contains_range(&w->range, 0, UINT16_MAX));
}

static bool same_ops(const struct rule *x, const struct rule *y)
{
	const struct space_side by_x = {.rule = &x, .rules = 1}, by_y = {.rule = &y, .rules = 1};
	struct space_example ex;

	return x->vocab == y->vocab && x->classes == y->classes &&
	       space_rule_covered(x, &by_y, &ex) == SPACE_YES &&
	       space_rule_covered(y, &by_x, &ex) == SPACE_YES;
}

static bool range_within(const struct watch *x, const struct watch *y)
{
	uint32_t i;

	if (!y->pub.range || !x->pub.range)
		return !y->pub.range;
	for (i = 0; i < x->range.count; i++)
		if (!dset_contains_range(&y->range, x->range.range[i].lo, x->range.range[i].hi))
			return false;
	return true;
}

static bool sooner(int64_t x, int64_t y)
{
	return !y || (x && x <= y);
}

/* Whatever y tells of the same ops, x tells no later. */
static bool says_all(const struct watch *x, const struct watch *y)
{
	return sooner(x->pub.every, y->pub.every) && sooner(x->pub.changes, y->pub.changes) &&
	       range_within(x, y) && same_ops(&x->rule, &y->rule);
}

/* Another watch of these ends that makes this one pointless; of two that say the same, the first.
 */
static const struct watch *stricter(const struct policy *p, const struct policy_watch_pair *pair)
{
	const struct watch *y = &p->watch[pair->watch];
	uint64_t ends = (uint64_t)end_of(p, &pair->end[0]) << 32 | end_of(p, &pair->end[1]);
	uint32_t i;

	for (i = imap_find(&p->watch_ends, ends); i != POLICY_NONE; i = p->watch_pair[i].next) {
		const struct watch *x = &p->watch[p->watch_pair[i].watch];

		if (x != y && says_all(x, y) && (x < y || !says_all(y, x)))
			return x;
	}
	return NULL;
}

/* --- all of it --- */

struct seen {
	uint32_t pairs, denied, doubled;
	const struct policy_watch_pair *first; /* denied */
	const struct watch *by;
};

static void tell(struct lint *l, uint32_t i, const struct seen *s)
{
	const struct policy *p = l->p;
	const struct watch *w = &p->watch[i];
	struct space_example ex;

	if (space_rule_possible(&w->rule, &ex) == SPACE_NO) {
		lint_add(l, LINT_NEVER, at_watch(i),
			 "watch %s means nothing: %s has no such op on such an object", w->pub.id,
			 w->rule.vocab->proto);
		return;
	}
	if (s->denied)
		lint_add(l, LINT_WATCH_DENIED, at_watch(i),
			 "no conduit permits what watch %s waits for: %s, %s -> %s", w->pub.id,
			 w->pub.meant, lint_end_words(l, end_of(p, &s->first->end[0])),
			 lint_end_words(l, end_of(p, &s->first->end[1])));
	if (s->pairs && s->doubled == s->pairs)
		lint_add(l, LINT_WATCH_WITHOUT_EFFECT, at_watch(i),
			 "watch %s tells nothing that watch %s (%s) does not tell as soon",
			 w->pub.id, s->by->pub.id,
			 lint_line(l, w->pub.file, s->by->pub.file, s->by->pub.line));
	else if (w->pub.range && range_takes_all(w))
		lint_add(l, LINT_WATCH_WITHOUT_EFFECT, at_watch(i),
			 "range %s of watch %s takes in every value there can be", w->pub.range,
			 w->pub.id);
}

static bool carries_ops(const struct conduit *c)
{
	static const struct rule any;
	uint32_t i;

	for (i = 0; i < c->services; i++)
		if (carries(&c->service[i], &any))
			return true;
	return c->rules > 0;
}

static void limit(struct lint *l, uint32_t i)
{
	const struct conduit *c = &l->p->conduit[i];

	if (!c->rules && !c->services && !c->nframes && (c->pub.ops.count || c->pub.flows.count))
		lint_add(l, LINT_RATE_WITHOUT_EFFECT, LINT_AT_CONDUIT(i),
			 "conduit %s limits what it does not permit at all", c->pub.id);
	else if (!c->rules && !c->services && c->pub.flows.count)
		lint_add(l, LINT_RATE_WITHOUT_EFFECT, LINT_AT_CONDUIT(i),
			 "conduit %s limits flows to %s, but frames that are no IP are none",
			 c->pub.id, c->pub.flows.text);
	else if (c->pub.ops.count && !carries_ops(c))
		lint_add(l, LINT_RATE_WITHOUT_EFFECT, LINT_AT_CONDUIT(i),
			 "conduit %s limits ops to %s, but nothing it permits carries any",
			 c->pub.id, c->pub.ops.text);
}

void lint_watch(struct lint *l)
{
	const struct policy *p = l->p;
	struct seen *seen = arena_array(l->a, p->watches + 1u, sizeof(*seen));
	uint32_t i;

	for (i = 0; i < p->watch_pairs; i++) {
		const struct policy_watch_pair *pair = &p->watch_pair[i];
		struct seen *s = &seen[pair->watch];
		const struct watch *by = stricter(p, pair);

		s->pairs++;
		s->doubled += by != NULL;
		s->by = by ? by : s->by;
		if (permitted(p, end_of(p, &pair->end[0]), end_of(p, &pair->end[1]),
			      &p->watch[pair->watch].rule))
			continue;
		s->denied++;
		s->first = s->first ? s->first : pair;
	}
	for (i = 0; i < p->watches; i++)
		tell(l, i, &seen[i]);
	for (i = 0; i < p->conduits; i++)
		limit(l, i);
}
