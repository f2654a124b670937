/*
 * What is left of a rule when others are taken away: boxes less boxes, kind by kind of op, depth
 * first, until a point is found that lies in none of the others.
 *
 * A box X less a box B is, dimension by dimension, what of X lies outside of B there and inside in
 * the dimensions before: disjoint pieces, each smaller than X.
 */
#include "policy/space.h"

#include "policy/space_box.h"

#include <math.h>

#define WORK_MAX 20000 /* boxes looked at for one kind of op */

struct question {
	struct arena arena;
	const struct space_kind *kind;
	const struct space_boxes *others;
	const struct rule *rule;     /* must permit the example; NULL: a service does */
	const struct rule *second;   /* must permit it too, or NULL */
	const struct space_side *by; /* must not permit it, or NULL */
	struct space_example *ex;
	uint32_t work;
	bool unsure;
};

/* --- points --- */

/* The smallest number from x on that has all bits of lo. */
static uint64_t superset(uint64_t lo, uint64_t x)
{
	uint64_t missing = lo & ~x, high;

	if (!missing)
		return x;
	high = 1ULL << (63 - __builtin_clzll(missing));
	return (x & ~(high - 1)) | high | (lo & (high - 1));
}

/* A mask whose result may be anything from *lo to *hi: *hi has all bits of *lo. */
static bool pick_mask(struct spans low, struct spans high, uint64_t *lo, uint64_t *hi)
{
	uint32_t i, k;

	for (i = 0; i < low.n; i++)
		for (*lo = low.span[i].lo; *lo <= low.span[i].hi; ++*lo)
			for (k = 0; k < high.n; k++) {
				if (high.span[k].hi < *lo)
					continue;
				*hi = superset(*lo, high.span[k].lo > *lo ? high.span[k].lo : *lo);
				if (*hi <= high.span[k].hi && *hi <= UINT16_MAX)
					return true;
			}
	return false;
}

/* A round number if there is one. */
static double pick_real(struct spans s)
{
	uint32_t i;

	for (i = 0; i < s.n; i++) {
		double lo = space_value_of(VALUES_REAL, s.span[i].lo);
		double hi = space_value_of(VALUES_REAL, s.span[i].hi), up;

		if (s.span[i].lo == UINT64_MAX)
			continue;
		if (s.span[i].hi == UINT64_MAX)
			hi = INFINITY;
		if (lo <= 0 && hi >= 0)
			return 0;
		up = isfinite(lo) ? ceil(lo) : floor(hi);
		return up >= lo && up <= hi && isfinite(up) ? up : isfinite(lo) ? lo : hi;
	}
	return NAN;
}

static bool has(struct spans s, uint64_t v)
{
	uint32_t i;

	for (i = 0; i < s.n; i++)
		if (s.span[i].lo <= v && v <= s.span[i].hi)
			return true;
	return false;
}

static uint64_t pick(struct spans s, uint64_t wish)
{
	return has(s, wish) ? wish : s.span[0].lo;
}

static const struct vocab_code *name_of(const struct space_kind *k, struct spans code)
{
	const struct vocab_code *c, *best = NULL;

	for (c = k->vocab->codes; c->name; c++)
		if (has(code, c->code) && (c->cls == k->cls || (k->vocab->ops && !best))) {
			if (c->cls == k->cls)
				return c;
			best = c;
		}
	return best;
}

static void put_values(const struct question *q, const struct box *b, struct space_example *ex)
{
	struct op_values *v = &ex->op.values;
	uint64_t lo, hi;
	double d;
	uint16_t n;

	switch ((enum space_values)q->kind->values) {
	case VALUES_NONE:
		return;
	case VALUES_BIT:
		ex->raw[0] = (uint8_t)b->dim[DIM_VALUE].span[0].lo;
		*v = (struct op_values){.type = OP_V_BIT, .count = 1, .raw = {.len = 1}};
		return;
	case VALUES_U16:
		n = (uint16_t)b->dim[DIM_VALUE].span[0].lo;
		memcpy(ex->raw, &n, sizeof(n));
		*v = (struct op_values){.type = OP_V_U16, .count = 1, .raw = {.len = 2}};
		break;
	case VALUES_MASK:
		pick_mask(b->dim[DIM_VALUE], b->dim[DIM_HIGH], &lo, &hi);
		/* result = (old & and) | (or & ~and), MODBUS application protocol 6.16 */
		ex->raw[0] = (uint8_t)((lo ^ hi) >> 8);
		ex->raw[1] = (uint8_t)(lo ^ hi);
		ex->raw[2] = (uint8_t)(lo >> 8);
		ex->raw[3] = (uint8_t)lo;
		*v = (struct op_values){.type = OP_V_MASK16, .count = 1, .raw = {.len = 4}};
		break;
	case VALUES_REAL:
		d = pick_real(b->dim[DIM_VALUE]);
		if (isnan(d)) {
			memcpy(ex->raw, "word", 4);
			*v = (struct op_values){.type = OP_V_TEXT, .count = 1, .raw = {.len = 4}};
			return;
		}
		memcpy(ex->raw, &d, sizeof(d));
		*v = (struct op_values){.type = OP_V_F64, .count = 1, .raw = {.len = 8}};
		break;
	}
	v->big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

static bool put_texts(struct question *q, const struct box *b, struct space_example *ex)
{
	enum space_answer name = SPACE_YES, actor = SPACE_YES;

	if (b->text[TEXT_NAME])
		name = space_text_find(b->text[TEXT_NAME], q->kind, TEXT_NAME, ex->name,
				       &ex->name_len);
	else if (q->kind->named)
		ex->name[ex->name_len++] = 'x';
	if (b->text[TEXT_ACTOR])
		actor = space_text_find(b->text[TEXT_ACTOR], q->kind, TEXT_ACTOR, ex->actor,
					&ex->actor_len);
	q->unsure = q->unsure || name == SPACE_UNSURE || actor == SPACE_UNSURE;
	return name == SPACE_YES && actor == SPACE_YES;
}

static void put_op(const struct question *q, const struct box *b, struct space_example *ex)
{
	const struct space_kind *k = q->kind;
	const struct vocab_code *c = name_of(k, b->dim[DIM_CODE]);
	struct op_object *o = &ex->op.object;
	unsigned i;

	ex->ip_proto = (uint8_t)pick(b->dim[DIM_TRANSPORT], 6);
	ex->port = (uint16_t)pick(b->dim[DIM_PORT], k->vocab->port);
	if (!ex->port) /* possible, but nobody ever saw it */
		ex->port = (uint16_t)b->dim[DIM_PORT].span[0].hi;
	ex->is_op = true;
	ex->op = (struct op){.proto = k->vocab->proto,
			     .name = c ? c->name : "",
			     .code = c ? c->code : (uint32_t)b->dim[DIM_CODE].span[0].lo,
			     .unit = (int32_t)pick(b->dim[DIM_UNIT], 2) - 1,
			     .cls = k->cls,
			     .rtt = -1};
	/* who has the choice leaves out a unit that need not be */
	if (has(b->dim[DIM_UNIT], 0))
		ex->op.unit = -1;
	o->space = k->space;
	for (i = 0; i < 3 && !has(b->dim[DIM_PATH + i], 0); i++)
		o->path[o->npath++] = (uint32_t)(b->dim[DIM_PATH + i].span[0].lo - 1);
	if (k->space == OP_SPACE_OBJECT && o->npath == 0 && b->dim[DIM_PATH].n &&
	    b->dim[DIM_PATH].span[b->dim[DIM_PATH].n - 1].hi) {
		const struct span *s = &b->dim[DIM_PATH].span[0];

		o->path[o->npath++] = (uint32_t)(s->lo ? s->lo - 1 : s->hi ? 0 : s[1].lo - 1);
	}
	o->first = b->dim[DIM_ADDR].span[0].lo;
	o->count = k->space == OP_SPACE_NONE || k->space == OP_SPACE_OBJECT ? 0 : 1;
	put_values(q, b, ex);
}

struct op space_example_op(const struct space_example *ex)
{
	struct op op = ex->op;

	op.values.raw.p = ex->raw;
	op.object.name = slice_of((const uint8_t *)ex->name, ex->name_len);
	op.actor = slice_of((const uint8_t *)ex->actor, ex->actor_len);
	return op;
}

static bool side_permits(const struct space_side *by, const struct space_example *ex,
			 const struct op *op)
{
	uint32_t i, k;

	if (by->denied >> op->cls & 1)
		return false;
	for (i = 0; i < by->rules; i++)
		if (strcmp(by->rule[i]->vocab->proto, op->proto) == 0 &&
		    rule_permits(by->rule[i], ex->port, op))
			return true;
	for (i = 0; i < by->servings; i++) {
		const struct conduit *c = by->serving[i];

		if (by->guarded >> op->cls & 1 && !c->pub.update)
			continue;
		for (k = 0; k < c->rules; k++)
			if (strcmp(c->rule[k].vocab->proto, op->proto) == 0)
				break;
		if (k == c->rules && conduit_serves(c, ex->ip_proto, ex->port))
			return true;
	}
	return false;
}

/* The real matcher has the last word. */
static bool confirmed(const struct question *q, const struct space_example *ex)
{
	struct op op = space_example_op(ex);

	if (q->rule && !rule_permits(q->rule, ex->port, &op))
		return false;
	if (q->second && !rule_permits(q->second, ex->port, &op))
		return false;
	return !q->by || !side_permits(q->by, ex, &op);
}

static bool found(struct question *q, const struct box *b)
{
	struct space_example ex = {0};
	uint64_t lo, hi;

	if (q->kind->values == VALUES_MASK &&
	    !pick_mask(b->dim[DIM_VALUE], b->dim[DIM_HIGH], &lo, &hi))
		return false;
	if (!put_texts(q, b, &ex))
		return false;
	put_op(q, b, &ex);
	if (!confirmed(q, &ex)) {
		q->unsure = true;
		return false;
	}
	*q->ex = ex;
	return true;
}

/* --- boxes --- */

static bool apart(const struct box *x, const struct box *b)
{
	unsigned d;
	uint32_t i, k;

	for (d = 0; d < DIMS; d++) {
		bool meet = false;

		for (i = k = 0; !meet && i < x->dim[d].n && k < b->dim[d].n;) {
			const struct span *s = &x->dim[d].span[i], *t = &b->dim[d].span[k];

			if (s->hi < t->lo)
				i++;
			else if (t->hi < s->lo)
				k++;
			else
				meet = true;
		}
		if (!meet)
			return true;
	}
	return false;
}

static const struct text_need *and_text(struct arena *a, const struct text_need *x,
					const struct names *names, bool none)
{
	struct text_need *n = arena_alloc(a, sizeof(*n));

	*n = (struct text_need){names, none, x};
	return n;
}

/* True when no text can meet the needs; a doubt leaves the box in and is remembered. */
static bool no_text(struct question *q, const struct box *x, unsigned which)
{
	char buf[SPACE_NAME_MAX];
	uint8_t len;
	enum space_answer answer;

	if (!x->text[which])
		return false;
	answer = space_text_find(x->text[which], q->kind, which, buf, &len);
	q->unsure = q->unsure || answer == SPACE_UNSURE;
	return answer == SPACE_NO;
}

static bool left_over(struct question *q, const struct box *x, uint32_t at);

/* The pieces of x outside of b, one after the other. */
static bool pieces(struct question *q, const struct box *x, const struct box *b, uint32_t at)
{
	const struct text_need *n;
	struct box y = *x, z;
	unsigned d;

	for (d = 0; d < DIMS; d++) {
		z = y;
		z.dim[d] = spans_less(&q->arena, y.dim[d], b->dim[d]);
		if (z.dim[d].n && left_over(q, &z, at))
			return true;
		y.dim[d] = spans_and(&q->arena, y.dim[d], b->dim[d]);
	}
	for (d = 0; d < TEXTS; d++)
		for (n = b->text[d]; n; n = n->next) {
			z = y;
			z.text[d] = and_text(&q->arena, y.text[d], n->names, !n->none);
			if (!no_text(q, &z, d) && left_over(q, &z, at))
				return true;
			y.text[d] = and_text(&q->arena, y.text[d], n->names, n->none);
			if (n->next || d + 1 < TEXTS)
				if (no_text(q, &y, d))
					return false;
		}
	return false;
}

/* True when some point of x lies in none of the others from `at` on; it is in q->ex then. */
static bool left_over(struct question *q, const struct box *x, uint32_t at)
{
	uint64_t lo, hi;

	if (q->work++ == WORK_MAX)
		q->unsure = true;
	if (q->work > WORK_MAX)
		return false;
	if (q->kind->values == VALUES_MASK &&
	    !pick_mask(x->dim[DIM_VALUE], x->dim[DIM_HIGH], &lo, &hi))
		return false;
	while (at < q->others->n && apart(x, &q->others->box[at]))
		at++;
	if (at == q->others->n)
		return found(q, x);
	return pieces(q, x, &q->others->box[at], at + 1);
}

/* What of `mine` lies in none of the others. */
static enum space_answer residual(struct question *q, const struct space_boxes *mine)
{
	uint32_t i;

	q->work = 0;
	for (i = 0; i < mine->n; i++)
		if (left_over(q, &mine->box[i], 0))
			return SPACE_YES;
	return q->unsure ? SPACE_UNSURE : SPACE_NO;
}

static void side_boxes(const struct space_side *by, const struct space_kind *k, struct arena *a,
		       struct space_boxes *out)
{
	uint32_t i;

	if (by->denied >> k->cls & 1)
		return;
	/* what is open as a whole takes away most */
	for (i = 0; i < by->servings; i++)
		if (!(by->guarded >> k->cls & 1) || by->serving[i]->pub.update)
			space_serving_boxes(by->serving[i], k, a, out);
	for (i = 0; i < by->rules; i++)
		if (strcmp(by->rule[i]->vocab->proto, k->vocab->proto) == 0)
			space_rule_boxes(by->rule[i], k, a, out);
}

/* Of r, or of what c serves: is there an op that the side does not permit? */
static enum space_answer beyond(const struct rule *r, const struct conduit *c,
				const struct vocab *vocab, uint16_t classes,
				const struct space_side *by, struct space_example *ex)
{
	struct question q = {.rule = r, .by = by, .ex = ex};
	enum space_answer answer = SPACE_NO;
	struct space_kind kind;
	unsigned i;

	q.kind = &kind;
	for (i = 0; answer != SPACE_YES && space_kind_at(vocab, i, &q.arena, &kind); i++) {
		struct space_boxes mine = {0}, others = {0};
		enum space_answer one;

		if (!(classes >> kind.cls & 1))
			;
		else if (r)
			space_rule_boxes(r, &kind, &q.arena, &mine);
		else
			space_serving_boxes(c, &kind, &q.arena, &mine);
		if (mine.n == 0)
			continue;
		side_boxes(by, &kind, &q.arena, &others);
		q.others = &others;
		one = residual(&q, &mine);
		answer = one == SPACE_NO ? answer : one;
		arena_free(&q.arena);
	}
	arena_free(&q.arena);
	return answer;
}

/* Whether something is left over, as whether it is covered. */
static enum space_answer turned(enum space_answer a)
{
	return a == SPACE_YES ? SPACE_NO : a == SPACE_NO ? SPACE_YES : a;
}

enum space_answer space_rule_covered_in(const struct rule *r, uint16_t classes,
					const struct space_side *by, struct space_example *ex)
{
	return turned(beyond(r, NULL, r->vocab, classes, by, ex));
}

enum space_answer space_rule_covered(const struct rule *r, const struct space_side *by,
				     struct space_example *ex)
{
	return space_rule_covered_in(r, UINT16_MAX, by, ex);
}

enum space_answer space_serving_covered_in(const struct conduit *c, const struct vocab *vocab,
					   uint16_t classes, const struct space_side *by,
					   struct space_example *ex)
{
	return turned(beyond(NULL, c, vocab, classes, by, ex));
}

enum space_answer space_serving_covered(const struct conduit *c, const struct vocab *vocab,
					const struct space_side *by, struct space_example *ex)
{
	return space_serving_covered_in(c, vocab, UINT16_MAX, by, ex);
}

static void both(struct question *q, const struct space_boxes *a, const struct space_boxes *b,
		 struct space_boxes *out)
{
	const struct text_need *n;
	uint32_t i, k;
	unsigned d;

	for (i = 0; i < a->n; i++)
		for (k = 0; k < b->n; k++) {
			struct box x = a->box[i];

			if (apart(&x, &b->box[k]))
				continue;
			for (d = 0; d < DIMS; d++)
				x.dim[d] = spans_and(&q->arena, x.dim[d], b->box[k].dim[d]);
			for (d = 0; d < TEXTS; d++)
				for (n = b->box[k].text[d]; n; n = n->next)
					x.text[d] =
						and_text(&q->arena, x.text[d], n->names, n->none);
			out->box = arena_grow(&q->arena, out->box, out->n, &out->cap, sizeof(x));
			out->box[out->n++] = x;
		}
}

enum space_answer space_rules_overlap(const struct rule *a, const struct rule *b,
				      struct space_example *ex)
{
	static const struct space_boxes none;
	struct question q = {.rule = a, .second = b, .ex = ex, .others = &none};
	enum space_answer answer = SPACE_NO, one;
	struct space_kind kind;
	unsigned i;

	if (strcmp(a->vocab->proto, b->vocab->proto) != 0)
		return SPACE_NO;
	q.kind = &kind;
	for (i = 0; answer != SPACE_YES && space_kind_at(a->vocab, i, &q.arena, &kind); i++) {
		struct space_boxes x = {0}, y = {0}, meet = {0};

		/* sessions go along with everything: nothing is said by sharing them */
		if (kind.cls != OP_SESSION ||
		    (a->classes >> OP_SESSION & 1 && b->classes >> OP_SESSION & 1)) {
			space_rule_boxes(a, &kind, &q.arena, &x);
			space_rule_boxes(b, &kind, &q.arena, &y);
			both(&q, &x, &y, &meet);
			one = residual(&q, &meet);
			answer = one == SPACE_NO ? answer : one;
		}
		arena_free(&q.arena);
	}
	arena_free(&q.arena);
	return answer;
}

enum space_answer space_rule_possible(const struct rule *r, struct space_example *ex)
{
	return space_rules_overlap(r, r, ex);
}
