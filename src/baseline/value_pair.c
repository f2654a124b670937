/*
 * Objects that always move together.
 *
 * Only objects that come in one answer are tried: their values are of the same moment. Of those
 * that take many values and turned round more than once, two by two, a line is fitted to their
 * values; a pair is strong when that explains nearly all of both (correlation above 0.98, more
 * than 200 samples in which one moved). A few pairs are on trial in each item, and give way to
 * others when they prove weak.
 */
#include "baseline/value_inside.h"

#include <math.h>

#define ENOUGH	200 /* samples, before a line is fitted */
#define GIVE_UP 512 /* samples, before a weak pair gives way */
#define STRONG	0.98
#define WEAK	0.9
#define LOOK	64 /* ops from one look for new pairs to the next */
#define TRIES	16 /* candidates in one look */
#define IN_ROW	3  /* samples apart before it is told */

static double correlation(const struct value_pair *p)
{
	return p->saa > 0 && p->sbb > 0 ? p->sab / sqrt(p->saa * p->sbb) : 0;
}

bool value_pair_strong(const struct value_pair *p)
{
	return p->fitted >= ENOUGH && p->n >= 2 * ENOUGH && fabs(correlation(p)) >= STRONG;
}

double value_pair_width(const struct value_pair *p)
{
	double r = correlation(p), rest = p->n ? sqrt(p->sbb / (double)p->n * (1 - r * r)) : 0;
	double grain = p->b->model.broken ? 0 : 0.5, width = 4 * rest;

	/* IN_ROW times in a row: less is enough than for a single one */
	width = width > 1.1 * p->worst ? width : 1.1 * p->worst;
	return width + grain + 1e-9 * fabs(p->mean_b);
}

struct value_pair *value_pair_get(struct norm *n, struct value_object *a, struct value_object *b)
{
	struct value_pair *p;

	for (p = a->pairs; p; p = p->next_a)
		if (p->b == b)
			return p;
	if (a->pair_count >= VALUE_OWN_PAIRS)
		return NULL;
	p = arena_alloc(&n->baseline->arena, sizeof(*p));
	p->a = a;
	p->b = b;
	p->next_a = a->pairs;
	a->pairs = p;
	a->pair_count++;
	p->next = n->value.pairs;
	n->value.pairs = p;
	n->value.pair_count++;
	return p;
}

/* The pair becomes one of other objects. */
static bool turn_into(struct value_pair *p, struct value_object *a, struct value_object *b)
{
	struct value_pair **at = &p->a->pairs, *next = p->next;

	if (a != p->a && a->pair_count >= VALUE_OWN_PAIRS)
		return false;
	while (*at != p)
		at = &(*at)->next_a;
	*at = p->next_a;
	p->a->pair_count--;
	*p = (struct value_pair){.next = next, .next_a = a->pairs, .a = a, .b = b, .uses = 1};
	a->pairs = p;
	a->pair_count++;
	return true;
}

/* --- which --- */

static bool moves(const struct value_object *o)
{
	return o && !o->trial && o->model.type != VALUE_SECOND && !o->written &&
	       o->model.changes >= 100 && o->model.turns >= 2 &&
	       value_kind(&o->model) == VALUE_IS_RANGE;
}

static bool joined(const struct value_item *v, uint32_t a, uint32_t b)
{
	unsigned i;

	for (i = 0; i < v->pairs; i++)
		if (v->joint[i].a == a && v->joint[i].b == b)
			return true;
	return false;
}

static void join_pair(struct norm *n, struct value_item *v, struct value_pair *p, uint32_t a,
		      uint32_t b)
{
	if (!v->joint)
		v->joint = arena_array(&n->baseline->arena, VALUE_ITEM_PAIRS, sizeof(v->joint[0]));
	v->joint[v->pairs++] = (struct value_joint){.pair = p, .a = a, .b = b};
	p->uses++;
}

static void try_pair(struct norm *n, struct value_item *v, uint32_t a, uint32_t b)
{
	struct value_object *oa = v->view[a].object, *ob = v->view[b].object;
	struct value_pair *p;
	unsigned i;

	if (joined(v, a, b))
		return;
	if (v->pairs < VALUE_ITEM_PAIRS) {
		p = value_pair_get(n, oa, ob);
		if (p)
			join_pair(n, v, p, a, b);
		return;
	}
	for (p = oa->pairs; p; p = p->next_a)
		if (p->b == ob)
			return; /* another item tries it */
	for (i = 0; i < v->pairs; i++) {
		p = v->joint[i].pair;
		if (p->n >= GIVE_UP && p->uses == 1 && fabs(correlation(p)) < WEAK &&
		    turn_into(p, oa, ob)) {
			v->joint[i].a = a;
			v->joint[i].b = b;
			return;
		}
	}
}

/* Goes on through all pairs of views, nearest first. */
static void look_on(struct norm *n, struct value_item *v)
{
	uint32_t *a = &v->next[0], *b = &v->next[1], distance;
	unsigned i;

	for (i = 0; i < TRIES && v->n > 1; i++) {
		if (moves(v->view[*a].object) && moves(v->view[*b].object))
			try_pair(n, v, *a, *b);
		distance = *b - *a;
		if (*b + 1 < v->n) {
			++*a;
			++*b;
		} else {
			distance = distance + 1 < v->n ? distance + 1 : 1;
			*a = 0;
			*b = distance;
		}
	}
}

void value_pairs_link(struct item *item)
{
	struct value_item *v = item->values;
	struct value_pair *p;
	uint32_t a, b;

	for (a = 0; a < v->n; a++)
		for (p = v->view[a].object ? v->view[a].object->pairs : NULL; p; p = p->next_a)
			for (b = 0; b < v->n && v->pairs < VALUE_ITEM_PAIRS; b++)
				if (v->view[b].object == p->b && !joined(v, a, b))
					join_pair(item->channel->norm, v, p, a, b);
}

/* --- seeing --- */

static void fit(struct value_pair *p)
{
	if (p->n < ENOUGH || p->n < 2 * p->fitted || fabs(correlation(p)) < STRONG)
		return;
	p->slope = p->sab / p->saa;
	p->offset = p->mean_b - p->slope * p->mean_a;
	p->fitted = p->n;
	p->worst = 0;
}

static void learn(struct value_pair *p, double a, double b)
{
	double da = a - p->mean_a, db = b - p->mean_b, off;

	p->n++;
	p->mean_a += da / (double)p->n;
	p->mean_b += db / (double)p->n;
	p->saa += da * (a - p->mean_a);
	p->sbb += db * (b - p->mean_b);
	p->sab += da * (b - p->mean_b);
	fit(p);
	off = fabs(b - p->offset - p->slope * a);
	if (p->fitted && off > p->worst)
		p->worst = off;
}

static void tell(struct baseline *b, const struct sight *s, const struct value_joint *j,
		 double score)
{
	const struct value_item *v = s->item->values;
	struct deviation d = {.what = BASELINE_VALUES_APART,
			      .detector = BASELINE_VALUE,
			      .score = score < 4096 ? score : 4096,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      .learned = j->pair->b->model.seen,
			      .has_value = true,
			      .value = v->view[j->b].last,
			      .words = value_words,
			      .n = {j->b, v->view[j->b].last,
				    j->pair->offset + j->pair->slope * v->view[j->a].last, j->a,
				    v->view[j->a].last, value_pair_width(j->pair)}};

	deviate(b, &d);
}

static void compare(struct baseline *b, const struct sight *s, struct value_joint *j, double x,
		    double y)
{
	struct value_pair *p = j->pair;
	double score;

	if (!value_pair_strong(p))
		return;
	score = fabs(y - p->offset - p->slope * x) / value_pair_width(p);
	j->apart = score < 1 ? 0 : j->apart < IN_ROW ? j->apart + 1 : IN_ROW;
	if (value_worse(b, BASELINE_VALUES_APART, j->apart < IN_ROW ? 0 : score, &j->told))
		tell(b, s, j, score);
}

void value_pairs_see(struct baseline *b, const struct sight *s, bool learning)
{
	struct value_item *v = s->item->values;
	struct value_joint *j;
	const struct value_view *x, *y;
	unsigned i;

	for (i = 0; i < v->pairs; i++) {
		j = &v->joint[i];
		x = &v->view[j->a];
		y = &v->view[j->b];
		if (x->at != s->time || y->at != s->time)
			continue;
		compare(b, s, j, x->last, y->last);
		if (learning && (x->since == s->time || y->since == s->time))
			learn(j->pair, x->last, y->last);
	}
	if (learning && ++v->look % LOOK == 0)
		look_on(s->norm, v);
}

/* --- adding --- */

static void pair_add(struct value_pair *p, const struct value_pair *from)
{
	double n = (double)p->n, m = (double)from->n, all = n + m;
	double da = from->mean_a - p->mean_a, db = from->mean_b - p->mean_b;
	double slope = p->slope, offset = p->offset, worst = p->worst;

	if (!from->n)
		return;
	p->saa += from->saa + da * da * n * m / all;
	p->sbb += from->sbb + db * db * n * m / all;
	p->sab += from->sab + da * db * n * m / all;
	p->mean_a += da * m / all;
	p->mean_b += db * m / all;
	p->n += from->n;
	fit(p);
	if (p->slope == slope && p->offset == offset)
		p->worst = worst > from->worst ? worst : from->worst;
	else
		p->worst = from->fitted && from->worst > worst ? from->worst : worst;
}

void value_pairs_merge(struct norm *to, const struct norm *from)
{
	const struct value_pair *p;
	struct value_object *a, *b;
	struct value_pair *own;

	for (p = from->value.pairs; p; p = p->next) {
		a = value_object_find(to, p->a);
		b = value_object_find(to, p->b);
		own = a && b ? value_pair_get(to, a, b) : NULL;
		if (own)
			pair_add(own, p);
	}
}

void value_pair_read(struct norm *n, const struct value_object *a, const struct value_object *b,
		     const struct value_pair *what)
{
	struct value_object *first = a->proto ? value_object_find(n, a) : NULL;
	struct value_object *second = b->proto ? value_object_find(n, b) : NULL;
	struct value_pair *p = first && second ? value_pair_get(n, first, second) : NULL;

	if (!p)
		return;
	p->n = what->n;
	p->mean_a = what->mean_a;
	p->mean_b = what->mean_b;
	p->saa = what->saa;
	p->sbb = what->sbb;
	p->sab = what->sab;
	p->slope = what->slope;
	p->offset = what->offset;
	p->worst = what->worst;
	p->fitted = what->fitted;
}
