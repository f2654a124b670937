/* Rules as boxes of ops, kind by kind. What match.c decides for one op is here said of all. */
#include "policy/space_box.h"

#include <math.h>

/* --- sets of numbers --- */

struct spans spans_of(struct arena *a, uint64_t lo, uint64_t hi)
{
	struct span *s = arena_alloc(a, sizeof(*s));

	*s = (struct span){lo, hi};
	return (struct spans){s, 1};
}

struct spans spans_and(struct arena *a, struct spans x, struct spans y)
{
	struct span *out;
	uint32_t i = 0, k = 0, n = 0;

	if (x.n == 1 && y.n == 1 && x.span->lo >= y.span->lo && x.span->hi <= y.span->hi)
		return x;
	out = arena_array(a, (size_t)x.n + y.n, sizeof(*out));
	while (i < x.n && k < y.n) {
		uint64_t lo = x.span[i].lo > y.span[k].lo ? x.span[i].lo : y.span[k].lo;
		uint64_t hi = x.span[i].hi < y.span[k].hi ? x.span[i].hi : y.span[k].hi;

		if (lo <= hi)
			out[n++] = (struct span){lo, hi};
		if (x.span[i].hi < y.span[k].hi)
			i++;
		else
			k++;
	}
	return (struct spans){out, n};
}

struct spans spans_less(struct arena *a, struct spans x, struct spans y)
{
	struct span *out = arena_array(a, (size_t)x.n + y.n, sizeof(*out));
	uint32_t i, k = 0, n = 0;

	for (i = 0; i < x.n; i++) {
		uint64_t lo = x.span[i].lo, hi = x.span[i].hi;
		uint32_t m;

		while (k < y.n && y.span[k].hi < lo)
			k++;
		for (m = k; m < y.n && y.span[m].lo <= hi; m++) {
			if (y.span[m].lo > lo)
				out[n++] = (struct span){lo, y.span[m].lo - 1};
			if (y.span[m].hi >= hi)
				break;
			lo = y.span[m].hi + 1;
		}
		if (m == y.n || y.span[m].lo > hi)
			out[n++] = (struct span){lo, hi};
	}
	return (struct spans){out, n};
}

/* plus: 1 where 0 stands for absence. */
static struct spans from_iset(struct arena *a, const struct iset *s, unsigned plus)
{
	struct span *out = arena_array(a, s->count, sizeof(*out));
	uint32_t i;

	for (i = 0; i < s->count; i++)
		out[i] = (struct span){s->range[i].lo + plus, s->range[i].hi + plus};
	return (struct spans){out, s->count};
}

/* --- values --- */

uint64_t space_value(enum space_values v, double x)
{
	union {
		double d;
		uint64_t u;
	} bits = {.d = x};

	if (v != VALUES_REAL)
		return x < 0 ? 0 : x > UINT16_MAX ? UINT16_MAX : (uint64_t)x;
	/* -0 and 0 are the same */
	return bits.u >> 63 ? ~bits.u + 1 : bits.u | 1ULL << 63;
}

double space_value_of(enum space_values v, uint64_t key)
{
	union {
		uint64_t u;
		double d;
	} bits;

	if (v != VALUES_REAL)
		return (double)key;
	if (key == UINT64_MAX)
		return NAN;
	bits.u = key >> 63 ? key & ~(1ULL << 63) : ~(key - 1);
	return bits.d;
}

static struct spans all_values(struct arena *a, enum space_values v)
{
	struct span *s;

	switch (v) {
	case VALUES_NONE:
		return spans_of(a, 0, 0);
	case VALUES_BIT:
		return spans_of(a, 0, 1);
	case VALUES_U16:
	case VALUES_MASK:
		return spans_of(a, 0, UINT16_MAX);
	case VALUES_REAL:
		break;
	}
	s = arena_array(a, 2, sizeof(*s));
	s[0] = (struct span){space_value(v, -INFINITY), space_value(v, INFINITY)};
	s[1] = (struct span){UINT64_MAX, UINT64_MAX}; /* words, bytes of unknown type, NaN */
	return (struct spans){s, 2};
}

/* One range of a rule's values; nothing where it holds no whole number and such are needed. */
static struct spans value_range(struct arena *a, enum space_values v, struct dset_range r)
{
	static const struct spans none = {NULL, 0};

	if (v != VALUES_REAL) {
		r.lo = ceil(r.lo);
		r.hi = floor(r.hi);
		if (r.lo > r.hi || r.hi < 0 || r.lo > UINT16_MAX)
			return none;
	}
	return spans_of(a, space_value(v, r.lo), space_value(v, r.hi));
}

static struct spans value_ranges(struct arena *a, enum space_values v, const struct dset *s)
{
	struct span *out = arena_array(a, s->count, sizeof(*out));
	uint32_t i, n = 0;

	for (i = 0; i < s->count; i++) {
		struct spans one = value_range(a, v, s->range[i]);

		if (one.n && n && v != VALUES_REAL && one.span->lo <= out[n - 1].hi + 1)
			out[n - 1].hi = one.span->hi;
		else if (one.n)
			out[n++] = *one.span;
	}
	return (struct spans){out, n};
}

/* --- the kinds of ops a vocabulary speaks of --- */

static const struct vocab_key *key_of(const struct vocab *v, enum vocab_kind kind, unsigned arg)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if (k->kind == kind && (kind == VOCAB_UNIT || kind == VOCAB_CODE ||
					kind == VOCAB_ACTOR || k->arg == arg))
			return k;
	return NULL;
}

static enum space_values values_of(const struct vocab_op *op)
{
	if (op->cls != OP_WRITE)
		return VALUES_NONE;
	if (op->mask)
		return VALUES_MASK;
	return op->space == OP_SPACE_COIL      ? VALUES_BIT
	       : op->space == OP_SPACE_HOLDING ? VALUES_U16
					       : VALUES_REAL;
}

/* How many parts of a path an object of this space can have. */
static unsigned path_max(const struct vocab *v, enum op_space space)
{
	static const uint8_t known[OP_SPACES] = {
		[OP_SPACE_FILE_RECORD] = 1, [OP_SPACE_DEVICE_ID] = 1, [OP_SPACE_NONE] = 3,
		[OP_SPACE_OBJECT] = 3,	    [OP_SPACE_TAG] = 3,	      [OP_SPACE_IO] = 3,
	};
	unsigned n = 0, i;

	for (i = 0; i < 3; i++)
		if (key_of(v, VOCAB_PATH, i))
			n = i + 1;
	return n < known[space] ? n : known[space];
}

static void kind_of(const struct vocab *v, const struct vocab_op *op, struct spans code,
		    struct arena *a, struct space_kind *k)
{
	const struct vocab_key *key;
	unsigned i;

	*k = (struct space_kind){.vocab = v, .cls = op->cls, .space = op->space};
	k->values = (uint8_t)values_of(op);
	k->topics = key_of(v, VOCAB_TOPIC, op->space) != NULL;
	k->named = k->topics || key_of(v, VOCAB_NAME, op->space);
	k->wildcards = op->cls != OP_WRITE;
	k->actors = key_of(v, VOCAB_ACTOR, 0) != NULL;
	k->all.dim[DIM_TRANSPORT] = spans_of(a, 6, 6);
	k->all.dim[DIM_TRANSPORT] = spans_less(a, spans_of(a, 6, 17), spans_of(a, 7, 16));
	k->all.dim[DIM_PORT] = spans_of(a, 0, UINT16_MAX);
	k->all.dim[DIM_CODE] = code;
	key = key_of(v, VOCAB_UNIT, 0);
	k->all.dim[DIM_UNIT] = spans_of(a, key && key->arg, key ? key->max + 1u : 0);
	for (i = 0; i < 3; i++) {
		key = i < path_max(v, op->space) ? key_of(v, VOCAB_PATH, i) : NULL;
		k->all.dim[DIM_PATH + i] = spans_of(a, 0, key ? key->max + 1ull : 0);
	}
	key = key_of(v, VOCAB_SPACE, op->space);
	k->all.dim[DIM_ADDR] = spans_of(a, 0, key ? key->max : 0);
	k->all.dim[DIM_VALUE] = all_values(a, k->values);
	k->all.dim[DIM_HIGH] = all_values(a, k->values == VALUES_MASK ? VALUES_MASK : VALUES_NONE);
	if (op->cls == OP_SESSION) {
		/* policy_op() looks at unit, actor and port only; there may be no unit */
		k->all.dim[DIM_UNIT] = spans_of(a, 0, k->all.dim[DIM_UNIT].span->hi);
		k->all.dim[DIM_ADDR] = spans_of(a, 0, 0);
		for (i = 0; i < 3; i++)
			k->all.dim[DIM_PATH + i] = spans_of(a, 0, 0);
		k->named = k->topics = false;
	}
}

/* All codes a policy can name that the table does not have. */
static struct spans unlisted_codes(const struct vocab *v, struct arena *a, uint64_t max)
{
	struct spans s = spans_of(a, 0, max);
	const struct vocab_op *op;

	for (op = v->ops; op->cls != OP_CLASSES; op++)
		s = spans_less(a, s, spans_of(a, op->code, op->code));
	return s;
}

/* Without a list of ops: every class with every space the vocabulary has words for, or none. */
static bool any_kind(const struct vocab *v, unsigned i, struct vocab_op *op)
{
	uint8_t spaces[OP_SPACES], n = 0;
	unsigned s;

	for (s = 0; s < OP_SPACES; s++)
		if (s == OP_SPACE_NONE || key_of(v, VOCAB_SPACE, s) || key_of(v, VOCAB_NAME, s) ||
		    key_of(v, VOCAB_TOPIC, s) || (s == OP_SPACE_OBJECT && key_of(v, VOCAB_PATH, 0)))
			spaces[n++] = (uint8_t)s;
	/* objects first: the first example found is the one that is shown */
	*op = (struct vocab_op){.cls = (uint8_t)(i / n), .space = spaces[n - 1 - i % n]};
	return i / n < OP_CLASSES;
}

bool space_kind_at(const struct vocab *v, unsigned i, struct arena *a, struct space_kind *k)
{
	const struct vocab_key *key = key_of(v, VOCAB_CODE, 0);
	uint64_t max = key ? key->max : UINT16_MAX;
	struct vocab_op op = {.cls = OP_CLASSES};
	struct spans code;
	unsigned n;

	if (!v->ops) {
		if (!any_kind(v, i, &op))
			return false;
		kind_of(v, &op, spans_of(a, 0, max), a, k);
		return true;
	}
	for (n = 0; v->ops[n].cls != OP_CLASSES; n++)
		if (n == i) {
			op = v->ops[n];
			code = spans_of(a, op.code, op.code);
			kind_of(v, &op, code, a, k);
			return true;
		}
	/* then one kind per class of unlisted codes */
	for (op.cls = 0; op.cls < OP_CLASSES; op.cls++)
		if (v->unlisted >> op.cls & 1 && n++ == i)
			break;
	if (op.cls == OP_CLASSES)
		return false;
	kind_of(v, &op, unlisted_codes(v, a, max), a, k);
	return true;
}

/* --- rules --- */

static void keep(struct space_boxes *out, struct arena *a, const struct space_kind *k,
		 const struct box *b)
{
	struct box x = *b;
	unsigned d;

	for (d = 0; d < DIMS; d++) {
		x.dim[d] = spans_and(a, k->all.dim[d], b->dim[d]);
		if (!x.dim[d].n)
			return;
	}
	out->box = arena_grow(a, out->box, out->n, &out->cap, sizeof(x));
	out->box[out->n++] = x;
}

/* A path is without holes: the parts that are there come first. */
static void keep_paths(struct space_boxes *out, struct arena *a, const struct space_kind *k,
		       const struct box *b)
{
	unsigned n, i;

	for (n = 0; n <= 3; n++) {
		struct box x = *b;

		for (i = 0; i < 3; i++)
			x.dim[DIM_PATH + i] =
				spans_and(a, b->dim[DIM_PATH + i],
					  i < n ? spans_of(a, 1, UINT64_MAX) : spans_of(a, 0, 0));
		keep(out, a, k, &x);
	}
}

/* Every range of values by itself where a mask must lie within one. */
static void keep_values(struct space_boxes *out, struct arena *a, const struct space_kind *k,
			const struct rule *r, const struct box *b)
{
	struct box x = *b;
	uint32_t i;

	if (!(r->has & RULE_VALUE) || k->values == VALUES_NONE) {
		keep_paths(out, a, k, &x);
	} else if (k->values != VALUES_MASK) {
		x.dim[DIM_VALUE] = value_ranges(a, k->values, &r->value);
		keep_paths(out, a, k, &x);
	} else {
		for (i = 0; i < r->value.count; i++) {
			x.dim[DIM_VALUE] = x.dim[DIM_HIGH] =
				value_range(a, k->values, r->value.range[i]);
			keep_paths(out, a, k, &x);
		}
	}
}

static const struct text_need *need(struct arena *a, const struct names *names)
{
	struct text_need *n = arena_alloc(a, sizeof(*n));

	n->names = names;
	return n;
}

static void with_path(struct arena *a, const struct rule *r, struct box *b)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (r->has & RULE_PATH << i)
			b->dim[DIM_PATH + i] = from_iset(a, &r->path[i], 1);
}

/* The alternatives of objects_to() in match.c, each as a box. */
static void object_boxes(const struct rule *r, const struct space_kind *k, struct arena *a,
			 const struct box *head, struct space_boxes *out)
{
	bool listed = false;
	unsigned i;
	struct box b;

	for (i = 0; i < r->nspaces; i++) {
		const struct rule_space *s = &r->space[i];

		if (s->key->arg != k->space)
			continue;
		listed = true;
		b = *head;
		if (s->key->kind == VOCAB_SPACE)
			b.dim[DIM_ADDR] = from_iset(a, &s->range, 0);
		else
			b.text[TEXT_NAME] = need(a, &s->names);
		if (r->has & RULE_PATHS) {
			struct box without = b;

			without.dim[DIM_PATH] = spans_of(a, 0, 0);
			keep_values(out, a, k, r, &without);
			with_path(a, r, &b);
		}
		keep_values(out, a, k, r, &b);
	}
	b = *head;
	if (r->nspaces == 0 || (!listed && r->has & RULE_PATHS && !(r->has & RULE_SPACE))) {
		with_path(a, r, &b);
		keep_values(out, a, k, r, &b);
	}
}

static struct box everything(const struct space_kind *k)
{
	return k->all;
}

void space_rule_boxes(const struct rule *r, const struct space_kind *k, struct arena *a,
		      struct space_boxes *out)
{
	struct box b = everything(k);

	if (r->has & RULE_PORT)
		b.dim[DIM_PORT] = from_iset(a, &r->port, 0);
	if (r->has & RULE_ACTOR && k->actors)
		b.text[TEXT_ACTOR] = need(a, &r->actor);
	if (k->cls == OP_SESSION) {
		if (r->has & RULE_UNIT) {
			struct span *s = arena_array(a, r->unit.count + 1u, sizeof(*s));
			uint32_t i;

			for (i = 0; i < r->unit.count; i++)
				s[i + 1] = (struct span){r->unit.range[i].lo + 1,
							 r->unit.range[i].hi + 1};
			/* s[0] is 0-0: no unit; 0 and 1 adjoin when unit 0 is listed */
			if (r->unit.count && s[1].lo == 1) {
				s[1].lo = 0;
				b.dim[DIM_UNIT] = (struct spans){s + 1, r->unit.count};
			} else {
				b.dim[DIM_UNIT] = (struct spans){s, r->unit.count + 1};
			}
		}
		keep_paths(out, a, k, &b);
		return;
	}
	if (!(r->classes >> k->cls & 1))
		return;
	if (r->has & RULE_CODE)
		b.dim[DIM_CODE] = from_iset(a, &r->code, 0);
	if (r->has & RULE_UNIT)
		b.dim[DIM_UNIT] = from_iset(a, &r->unit, 1);
	object_boxes(r, k, a, &b, out);
}

void space_serving_boxes(const struct conduit *c, const struct space_kind *k, struct arena *a,
			 struct space_boxes *out)
{
	uint32_t i, t;

	for (i = 0; i < c->rules; i++)
		if (strcmp(c->rule[i].vocab->proto, k->vocab->proto) == 0)
			return;
	for (i = 0; i < c->services; i++) {
		const struct service *s = &c->service[i];

		for (t = 0; t < 2; t++) {
			uint8_t ip_proto = t ? 17 : 6;
			struct box b = everything(k);

			if (s->kind == SERVICE_ICMP ||
			    (s->kind == SERVICE_IP && !s->any &&
			     !iset_contains(&s->set, ip_proto)) ||
			    (s->kind == SERVICE_TCP && t) || (s->kind == SERVICE_UDP && !t))
				continue;
			b.dim[DIM_TRANSPORT] = spans_of(a, ip_proto, ip_proto);
			if (s->kind != SERVICE_IP && !s->any)
				b.dim[DIM_PORT] = from_iset(a, &s->set, 0);
			keep_paths(out, a, k, &b);
		}
	}
}
