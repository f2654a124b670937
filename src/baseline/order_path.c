/*
 * What follows an act? Writes of a recipe, steps of a program: learned pairs and triples.
 */
#include "baseline/order_inside.h"

#include <math.h>

#define EDGE 4.0 /* odds that are worth telling */

/* What followed. */
struct context {
	double times, kinds; /* how often anything; how many different things */
	bool known;	     /* x did */
};

/* After b; and after a, b. */
static void look(const struct order_model *m, uint8_t a, uint8_t b, uint8_t x,
		 struct context context[2], const struct order_path **usual)
{
	uint64_t seen[4] = {0};
	const struct order_path *p;
	uint32_t i;

	for (i = 0; i < m->paths; i++) {
		p = &m->path[i];
		if (p->b != b)
			continue;
		if (!*usual || p->count > (*usual)->count)
			*usual = p;
		context[0].times += p->count;
		context[0].kinds += !(seen[p->x / 64] >> p->x % 64 & 1);
		seen[p->x / 64] |= UINT64_C(1) << p->x % 64;
		context[0].known = context[0].known || p->x == x;
		if (p->a != a)
			continue;
		context[1].times += p->count;
		context[1].kinds++;
		context[1].known = context[1].known || p->x == x;
	}
}

/* Against something new: here, and on this channel. */
static double odds(const struct order_model *m, const struct context *c)
{
	return fmin((c->times + c->kinds) / c->kinds,
		    ((double)m->seen.count + 1) / ((double)m->novel + 1));
}

static const struct item *item_number(const struct channel *c, unsigned index)
{
	const struct item *i = c->items;

	while (i && i->index != index)
		i = i->next;
	return i;
}

/* n: indices of what came before and of what usually comes, how often it came, acts before. */
static void words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		  char *observed, size_t observed_size)
{
	const struct item *b = item_number(d->channel, (unsigned)d->n[0]);
	const struct item *x = item_number(d->channel, (unsigned)d->n[1]);
	char before[160] = "?", next[160] = "?", came[160], client[ADDR_STRLEN],
	     server[ADDR_STRLEN];

	addr_str(d->client, client);
	addr_str(d->server, server);

	if (b)
		item_str(b, before, sizeof(before));
	if (x)
		item_str(x, next, sizeof(next));
	item_str(d->item, came, sizeof(came));
	if (japanese) {
		snprintf(observed, observed_size, "%s が %s に \"%s\" の次に \"%s\" を要求しました",
			 client, server, before, came);
		snprintf(expected, expected_size,
			 "\"%s\" の次には多くの場合 \"%s\" が来ます (%.0f 回中 %.0f 回)", before,
			 next, d->n[3], d->n[2]);
		return;
	}
	snprintf(observed, observed_size, "%s asked %s for \"%s\" after \"%s\"", client, server,
		 came, before);
	snprintf(expected, expected_size, "after \"%s\" mostly comes \"%s\" (%.0f times of %.0f)",
		 before, next, d->n[2], d->n[3]);
}

static void judge(struct baseline *b, const struct sight *s, const struct order_run *r)
{
	struct deviation d = {.what = BASELINE_ACT_ORDER,
			      .detector = BASELINE_ORDER,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      .words = words};
	const struct order_model *m = s->channel->order;
	const struct order_path *usual = NULL;
	struct context context[2] = {{0}};
	const struct context *by;

	look(m, r->a, r->b, (uint8_t)s->item->index, context, &usual);
	if (!usual || context[1].known)
		return;
	by = context[0].known ? &context[1] : &context[0];
	if (!by->times)
		return;
	d.score = cbrt(odds(m, by) / EDGE);
	if (d.score < 1)
		return;
	d.learned = m->seen;
	d.learned.count = (uint64_t)by->times;
	d.n[0] = r->b;
	d.n[1] = usual->x;
	d.n[2] = usual->count;
	d.n[3] = context[0].times;
	deviate(b, &d);
}

void order_path_check(struct baseline *b, const struct sight *s)
{
	struct order_run *r = s->channel->order_run;
	uint8_t x = (uint8_t)s->item->index;

	if (!r || s->item->index >= ORDER_NOTHING)
		return;
	if (x == r->b && s->time - r->last >= 0 && s->time - r->last <= ORDER_AGAIN)
		return;
	if (r->b != ORDER_NOTHING && !s->channel->order->irregular)
		judge(b, s, r);
	r->a = r->b;
	r->b = x;
	r->last = s->time;
}

/* --- learning --- */

struct order_model *order_model(struct arena *arena, struct channel *c)
{
	if (c->order)
		return c->order;
	c->order = arena_alloc(arena, sizeof(*c->order));
	c->order_run = arena_alloc(arena, sizeof(*c->order_run));
	c->order->a = c->order->b = ORDER_NOTHING;
	c->order_run->a = c->order_run->b = ORDER_NOTHING;
	return c->order;
}

void order_path_add(struct arena *arena, struct channel *c, const struct order_path *p)
{
	struct order_model *m = order_model(arena, c);
	uint32_t i;

	for (i = 0; i < m->paths; i++) {
		if (m->path[i].a == p->a && m->path[i].b == p->b && m->path[i].x == p->x) {
			m->path[i].count += p->count;
			return;
		}
	}
	if (m->paths == ORDER_PATHS) {
		m->irregular = true;
		return;
	}
	m->path = arena_grow(arena, m->path, m->paths, &m->cap, sizeof(*m->path));
	m->path[m->paths++] = *p;
}

void order_path_learn(struct arena *arena, struct item *i, int64_t time)
{
	struct order_model *m = order_model(arena, i->channel);
	const struct order_path *usual = NULL;
	struct context context[2] = {{0}};
	struct order_path p = {.count = 1};

	if (i->index >= ORDER_NOTHING)
		return;
	if (i->index == m->b && time - m->last >= 0 && time - m->last <= ORDER_AGAIN)
		return;
	p.a = m->a;
	p.b = m->b;
	p.x = (uint8_t)i->index;
	if (p.b != ORDER_NOTHING) {
		look(m, p.a, p.b, p.x, context, &usual);
		if (usual) {
			tally_see(&m->seen, time);
			m->novel += !context[0].known || (context[1].times && !context[1].known);
		}
		order_path_add(arena, i->channel, &p);
	}
	m->a = p.b;
	m->b = p.x;
	m->last = time;
}
