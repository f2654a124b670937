/*
 * Is this a value it takes?
 *
 *   item ── view ── object ── model     what the protocol calls an address, and what it was
 *        └─ view ── object ── model     seen to be
 */
#include "baseline/value_inside.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_BUCKETS 64u
#define ITEM_VALUES   2048u			  /* values of one op that are followed */
#define LOOK_AWAY     (600 * INT64_C(1000000000)) /* nobody looked for so long: it may have moved */

/* --- objects --- */

static uint64_t object_key(const struct norm *n, const struct value_object *o)
{
	uint64_t h = hash_bytes(o->server.b, sizeof(o->server.b),
				(uint64_t)(uint32_t)o->unit ^ n->baseline->limits.key);
	unsigned i;

	h = hash_bytes(o->proto, strlen(o->proto), h);
	h = hash_u64((uint64_t)o->space << 8 | o->written, h);
	for (i = 0; i < o->npath; i++)
		h = hash_u64(o->path[i], h);
	h = hash_u64(o->at, h);
	return o->name ? hash_bytes(o->name, strlen(o->name), h) : h;
}

static bool object_is(const struct value_object *a, const struct value_object *b)
{
	return a->at == b->at && a->unit == b->unit && a->space == b->space &&
	       a->written == b->written && a->npath == b->npath &&
	       memcmp(a->path, b->path, a->npath * sizeof(a->path[0])) == 0 &&
	       addr_eq(&a->server, &b->server) && strcmp(a->proto, b->proto) == 0 &&
	       (!a->name || !b->name ? a->name == b->name : strcmp(a->name, b->name) == 0);
}

static struct value_object *object_at(const struct norm *n, uint64_t key,
				      const struct value_object *what)
{
	struct value_object *o = n->value.bucket ? n->value.bucket[key & n->value.mask] : NULL;

	while (o && (o->key != key || !object_is(o, what)))
		o = o->bucket;
	return o;
}

struct value_object *value_object_find(const struct norm *n, const struct value_object *what)
{
	return object_at(n, object_key(n, what), what);
}

static bool grow(struct value_norm *v)
{
	uint32_t mask = v->bucket ? v->mask * 2 + 1 : FIRST_BUCKETS - 1;
	struct value_object **bucket, *o;

	if (v->bucket && v->objects <= v->mask)
		return true;
	bucket = calloc((size_t)mask + 1, sizeof(struct value_object *));
	if (!bucket)
		return v->bucket != NULL;
	for (o = v->first; o; o = o->next) {
		o->bucket = bucket[o->key & mask];
		bucket[o->key & mask] = o;
	}
	free(v->bucket);
	v->bucket = bucket;
	v->mask = mask;
	return true;
}

struct value_object *value_object_get(struct norm *n, const struct value_object *what)
{
	struct arena *arena = &n->baseline->arena;
	struct value_norm *v = &n->value;
	uint64_t key = object_key(n, what);
	struct value_object *o = object_at(n, key, what);

	if (o)
		return o;
	if (v->objects >= n->baseline->limits.objects || !grow(v)) {
		n->refused++;
		return NULL;
	}
	if (norm_is_full(n))
		return NULL;
	o = arena_alloc(arena, sizeof(*o));
	o->key = key;
	o->server = what->server;
	o->proto = what->proto;
	o->unit = what->unit;
	o->space = what->space;
	o->npath = what->npath;
	o->written = what->written;
	memcpy(o->path, what->path, sizeof(o->path));
	o->at = what->at;
	if (what->name)
		o->name = arena_text(arena, what->name, strlen(what->name));
	o->model.type = what->model.type;
	o->bucket = v->bucket[key & v->mask];
	v->bucket[key & v->mask] = o;
	if (!v->last)
		v->last = &v->first;
	*v->last = o;
	v->last = &o->next;
	v->objects++;
	return o;
}

struct value_object value_object_of(const struct item *item, uint32_t i)
{
	const struct channel *c = item->channel;
	struct value_object o = {.server = c->server,
				 .proto = c->proto,
				 .unit = c->unit,
				 .space = item->space,
				 .npath = item->npath,
				 .written = item->role == OP_REQUEST && item->cls == OP_WRITE,
				 .at = item->first + i,
				 .name = item->object};

	memcpy(o.path, item->path, sizeof(o.path));
	return o;
}

struct value_object *value_object_near(const struct norm *n, const struct value_object *o, int by)
{
	struct value_object what = *o;

	what.at += (uint64_t)(int64_t)by;
	return value_object_find(n, &what);
}

/* --- items --- */

/* How many values an item has when no op is at hand to say so: as many as there are objects. */
static uint32_t count_of(const struct item *item)
{
	struct value_object what;
	uint32_t n = item->count;

	if (item->cls != OP_READ && item->cls != OP_WRITE && item->role != OP_PUBLISH)
		return 0;
	if (!n) {
		for (; n < ITEM_VALUES; n++) {
			what = value_object_of(item, n);
			if (!value_object_find(item->channel->norm, &what))
				break;
		}
	}
	return n;
}

struct value_item *value_item_make(struct item *item, uint32_t n, bool learning)
{
	struct norm *norm = item->channel->norm;
	struct value_item *v;
	struct value_object what;
	uint32_t i, known = 0;

	n = n ? n : count_of(item);
	n = n > ITEM_VALUES ? ITEM_VALUES : n;
	for (i = 0; i < n && !learning && !known; i++) {
		what = value_object_of(item, i);
		known += value_object_find(norm, &what) != NULL;
	}
	if (!n || (!learning && !known) || (learning && norm_is_full(norm)))
		return NULL;
	v = arena_alloc(&norm->baseline->arena, sizeof(*v) + n * sizeof(v->view[0]));
	v->n = n;
	v->next[1] = 1;
	for (i = 0; i < n; i++) {
		what = value_object_of(item, i);
		v->view[i].object = value_object_find(norm, &what);
	}
	item->values = v;
	return v;
}

/* The op carries values of its item. */
static bool carries(const struct sight *s)
{
	const struct op *op = s->op;

	if (!s->item || !op->values.count)
		return false;
	if (op->role == OP_RESPONSE)
		return op->cls == OP_READ && op->status == 0;
	return op->role == OP_PUBLISH || op->cls == OP_WRITE;
}

/* --- types --- */

static void trial_end(struct value_object *o)
{
	free(o->trial);
	o->trial = NULL;
	o->open = false;
}

/* Two words are one: what was seen of the first is learned again as that. */
static void join(struct norm *n, struct value_object *o, struct value_object *second, uint8_t type)
{
	struct arena *arena = &n->baseline->arena;
	struct value_model *m = &o->model;
	const struct value_trial_run *r;
	unsigned k;
	double x;

	value_model_clear(&second->model, &n->value);
	second->model.type = VALUE_SECOND;
	trial_end(second);
	value_model_clear(m, &n->value);
	memset(&o->run, 0, sizeof(o->run));
	m->type = type;
	for (k = 0; o->trial && k < o->trial->n; k++) {
		r = &o->trial->run[k];
		x = value_trial_at(o->trial, k, m->type);
		m->still = r->last - r->first > m->still ? r->last - r->first : m->still;
		value_type_sign(m, &o->run, &x);
		value_model_see(m, &o->run, x, r->first, o->written, &n->value, arena);
		value_run_on(&o->run, m, x, r->first);
		if (r->count > 1) {
			value_model_see(m, &o->run, x, r->last, o->written, &n->value, arena);
			value_run_on(&o->run, m, x, r->last);
			m->seen.count += r->count - 2;
		}
	}
}

static bool is_word(const struct value_object *o)
{
	return o && (o->model.type == VALUE_U16 || o->model.type == VALUE_I16);
}

void value_decide(struct norm *n, struct value_object *o)
{
	struct value_object *before = value_object_near(n, o, -1);
	struct value_object *behind = value_object_near(n, o, 1);
	unsigned own = 0, left = 0, right = 0;
	uint8_t type = VALUE_U16, left_type = VALUE_U16;

	if (is_word(behind))
		type = value_trial_guess(o->trial, &own);
	if (is_word(before) && before->trial)
		left_type = value_trial_guess(before->trial, &left);
	if (own && behind->trial && value_object_near(n, behind, 1))
		value_trial_guess(behind->trial, &right);
	if (left && left >= own)
		join(n, before, o, left_type);
	else if (own && own >= right)
		join(n, o, behind, type);
	if (left && left >= own)
		trial_end(before);
	trial_end(o);
}

#define CARRIES 3 /* so many make two words one */
#define CLIMBS                                                                                     \
	60 /* so many steps up, and never down, with a wrap make a word part of a counter          \
	    */

/* A word saw the one behind it change: does one carry into the other? */
static void see_carry(struct norm *n, struct value_object *o, struct value_object *behind,
		      const struct op_values *v, uint32_t i)
{
	double now[2], then[2] = {o->run.last, behind->run.last};
	unsigned high;

	if (!o->run.at || o->run.at != behind->run.at ||
	    !value_type_read(VALUE_U16, v, i, &now[0]) ||
	    !value_type_read(VALUE_U16, v, i + 1, &now[1]))
		return;
	for (high = 0; high < 2; high++)
		if (!(fabs(now[high]) < 65536 && fabs(then[high]) < 65536))
			return; /* a text may call words what are none */
	for (high = 0; high < 2; high++) {
		uint16_t h = (uint16_t)(int32_t)now[high];
		uint16_t l = (uint16_t)(int32_t)now[!high];
		uint16_t was_h = (uint16_t)(int32_t)then[high];
		uint16_t was_l = (uint16_t)(int32_t)then[!high];
		bool carry = value_type_carry(was_h, was_l, h, l);

		if (h == was_h)
			continue;
		o->carries[high] += carry && o->carries[high] < UINT8_MAX;
		o->others[high] += !carry && o->others[high] < UINT8_MAX;
		if (o->carries[high] >= CARRIES && o->carries[high] >= 4 * o->others[high]) {
			join(n, o, behind, high ? VALUE_U32_SWAPPED : VALUE_U32);
			return;
		}
	}
}

/* The high word stood still, or went up with each wrap of the low one. */
static bool is_high_of(const struct value_object *high, const struct value_object *low)
{
	const struct value_model *h = &high->model, *l = &low->model;
	const struct value_object *first = high->at < low->at ? high : low;

	return is_word(high) && h->lo >= 1 && h->hi < 0x1000 && h->changes == l->wraps &&
	       l->seen.count - h->seen.count <= 1 &&
	       (!h->changes || first->carries[first == low] == h->changes);
}

/* A word that only goes up, beside its high word: both are a counter. */
static void join_counter(struct norm *n, struct value_object *low, struct value_object *high)
{
	struct value_object *head = low->at < high->at ? low : high;
	struct value_model m = low->model;
	struct value_run run = low->run;

	m.type = head == high ? VALUE_U32 : VALUE_U32_SWAPPED;
	value_type_shift(&m, &run, high->run.last * 65536);
	if (m.wraps) {
		m.lo = high->model.lo * 65536;
		m.hi = run.pivot = run.slow = run.last;
		m.wraps = m.slows = 0;
		run.slow_from = 0;
	}
	trial_end(low);
	trial_end(high);
	low->model.set = NULL; /* it is m's now */
	low->model.set_n = low->model.set_cap = 0;
	value_model_clear(&low->model, &n->value);
	value_model_clear(&high->model, &n->value);
	low->model.type = high->model.type = VALUE_SECOND;
	head->model = m;
	head->run = run;
}

static void see_counter(struct norm *n, struct value_object *o)
{
	const struct value_model *m = &o->model;
	struct value_object *beside;
	int by;

	if (m->type != VALUE_U16 || value_kind(m) != VALUE_IS_COUNTER ||
	    m->ups < (m->wraps ? CLIMBS : 5 * CLIMBS))
		return;
	for (by = -1; by <= 1; by += 2) {
		beside = value_object_near(n, o, by);
		if (beside && is_high_of(beside, o)) {
			join_counter(n, o, beside);
			return;
		}
	}
}

void value_settle(struct norm *n)
{
	struct value_object *o;

	for (o = n->value.first; o; o = o->next)
		if (o->trial)
			value_decide(n, o);
	for (o = n->value.first; o; o = o->next)
		see_counter(n, o);
}

/* --- comparing --- */

static void tell(struct baseline *b, const struct sight *s, enum baseline_finding what,
		 double score, uint32_t i, double x, double more)
{
	const struct value_object *o = s->item->values->view[i].object;
	struct deviation d = {.what = what,
			      .detector = BASELINE_VALUE,
			      .early = what == BASELINE_VALUE_DRIFT,
			      .score = score < 4096 ? score : 4096,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      .learned = o->model.seen,
			      .has_value = true,
			      .value = x,
			      .words = value_words,
			      .n = {i, x, more}};

	deviate(b, &d);
}

bool value_worse(const struct baseline *b, enum baseline_finding what, double score, float *told)
{
	if (score < 1)
		*told = 0;
	if (score < 1 || score < 1.25 * (double)*told ||
	    (b->state == BASELINE_FROZEN && score < b->budget.threshold[what]))
		return false;
	*told = (float)score;
	return true;
}

static void compare_lasting(struct baseline *b, const struct sight *s, uint32_t i, double x)
{
	struct value_view *view = &s->item->values->view[i];
	struct value_object *o = view->object;
	double score;

	score = value_score_drift(&o->model, &o->run, s->time);
	if (value_worse(b, BASELINE_VALUE_DRIFT, score, &o->run.told))
		tell(b, s, BASELINE_VALUE_DRIFT, score, i, x, o->run.slow);
	score = view->at && x == view->last && s->time - view->at < LOOK_AWAY
			? value_score_still(&o->model, s->time - view->since, view->looks)
			: 0;
	if (value_worse(b, BASELINE_VALUE_FROZEN, score, &view->told))
		tell(b, s, BASELINE_VALUE_FROZEN, score, i, x, (double)(s->time - view->since));
}

/*
 * A word that never moved is now higher, beside one that only goes up: the two count in 32 bits,
 * and the low one has wrapped, seen by us or while nobody looked.
 */
static bool is_carried(const struct sight *s, uint32_t i, double x)
{
	struct value_object *o = s->item->values->view[i].object;
	double base = o->run.carried ? o->run.last : o->model.lo, now;
	const struct value_object *low;
	int by;

	if (!is_word(o) || o->model.set_n != 1 || x <= o->model.lo || x >= 0x1000)
		return false;
	if (o->run.carried && x == o->run.last)
		return true;
	for (by = -1; by <= 1; by += 2) {
		low = value_object_near(s->norm, o, by);
		if (!is_word(low) || low->model.ups < CLIMBS ||
		    value_kind(&low->model) != VALUE_IS_COUNTER)
			continue;
		if (by < 0 ? !i : i + 1 >= s->item->values->n)
			now = low->run.last;
		else if (!value_type_read(low->model.type, &s->op->values, by < 0 ? i - 1 : i + 1,
					  &now))
			continue;
		if (!o->run.at || (x == base + 1 && now < low->model.hi)) {
			o->run.carried = true;
			return true;
		}
	}
	return false;
}

static void compare(struct baseline *b, const struct sight *s, uint32_t i, double x)
{
	const struct value_object *o = s->item->values->view[i].object;
	double place, step;
	enum baseline_finding finding;

	if (!value_model_ready(&o->model, o->written))
		return;
	finding = o->written				  ? BASELINE_WRITTEN_VALUE
		  : value_kind(&o->model) == VALUE_IS_SET ? BASELINE_VALUE_NEW
							  : BASELINE_VALUE_OUT_OF_RANGE;
	place = value_score_place(&o->model, x, o->written);
	step = o->written ? 0 : value_score_step(&o->model, &o->run, x, s->time);
	if (place >= 1 && !(finding == BASELINE_VALUE_NEW && is_carried(s, i, x)))
		tell(b, s, finding, place, i, x, 0);
	if (step >= 1)
		tell(b, s, BASELINE_VALUE_JUMP, step, i, x, o->run.last);
	if (!o->written)
		compare_lasting(b, s, i, x);
}

static void view_on(struct value_view *view, double x, int64_t time)
{
	if (!view->at || x != view->last || time - view->at >= LOOK_AWAY) {
		view->since = time;
		view->looks = 0;
	}
	view->looks++;
	view->last = x;
	view->at = time;
}

void value_check(struct baseline *b, const struct sight *s)
{
	bool learning = b->state == BASELINE_LEARNING;
	struct value_item *v = s->item ? s->item->values : NULL;
	struct value_object *o;
	uint32_t i;
	double x;

	if (!v || !carries(s))
		return;
	for (i = 0; i < v->n && i < s->op->values.count; i++) {
		o = v->view[i].object;
		if (!o || !value_type_read(o->model.type, &s->op->values, i, &x))
			continue;
		if (learning)
			value_type_sign(&o->model, &o->run, &x);
		compare(b, s, i, x);
		if (learning)
			continue;
		value_run_on(&o->run, &o->model, x, s->time);
		view_on(&v->view[i], x, s->time);
	}
	value_given_check(b, s);
	if (!learning)
		value_pairs_see(b, s, false);
}

/* --- learning --- */

static struct value_object *object_made(struct baseline *b, const struct sight *s, uint32_t i)
{
	struct value_object what = value_object_of(s->item, i);
	struct value_item *v = s->item->values;
	uint32_t before = s->norm->value.objects;

	if (v->full)
		return NULL;
	what.model.type = s->op->values.type == OP_V_U16 || s->op->values.type == OP_V_MASK16
				  ? VALUE_U16
				  : VALUE_GIVEN;
	v->view[i].object = value_object_get(s->norm, &what);
	v->full = !v->view[i].object;
	if (s->norm->value.objects != before)
		baseline_is_news(b, s->time);
	return v->view[i].object;
}

static void learn_value(struct baseline *b, const struct sight *s, uint32_t i)
{
	const struct op_values *values = &s->op->values;
	struct value_view *view = &s->item->values->view[i];
	struct value_object *o = view->object, *behind;
	uint32_t ups = o ? o->model.ups : 0;
	bool decide = false, news;
	double x;

	if (!o && !(o = object_made(b, s, i)))
		return;
	if (is_word(o) && (o->trial || o->open || !o->model.seen.count))
		decide = value_trial_see(&o->trial, values, i, s->time);
	behind = is_word(o) && !o->trial && i + 1 < s->item->values->n ? view[1].object : NULL;
	if (is_word(behind))
		see_carry(s->norm, o, behind, values, i);
	if (!value_type_read(o->model.type, values, i, &x))
		return;
	value_type_sign(&o->model, &o->run, &x);
	news = value_model_see(&o->model, &o->run, x, s->time, o->written, &s->norm->value,
			       &b->arena);
	value_run_on(&o->run, &o->model, x, s->time);
	view_on(view, x, s->time);
	if (s->time - view->since > o->model.still)
		o->model.still = s->time - view->since;
	if (news)
		baseline_is_news(b, s->time);
	if (decide)
		value_decide(s->norm, o);
	else if (o->model.ups != ups && o->model.ups % CLIMBS == 0)
		see_counter(s->norm, o);
}

void value_learn(struct baseline *b, const struct sight *s)
{
	struct value_item *v;
	uint32_t i;

	if (!carries(s))
		return;
	v = s->item->values;
	if (!v && !(v = value_item_make(
			    s->item, s->item->count ? s->item->count : s->op->values.count, true)))
		return;
	for (i = 0; i < v->n && i < s->op->values.count; i++)
		learn_value(b, s, i);
	value_given_learn(b, s);
	value_pairs_see(b, s, true);
}

void value_tick(struct baseline *b, struct norm *n, int64_t time)
{
	(void)b;
	(void)n;
	(void)time;
}

void value_link(struct norm *n)
{
	struct channel *c;
	struct item *i;

	for (c = n->channels; c; c = c->next)
		for (i = c->items; i; i = i->next)
			if (i->values || value_item_make(i, 0, false))
				value_pairs_link(i);
}

void value_norm_free(struct norm *n)
{
	struct value_object *o;

	for (o = n->value.first; o; o = o->next)
		trial_end(o);
	free(n->value.bucket);
}
