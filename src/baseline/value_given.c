/*
 * Is this a value it has in this state? A robot's coordinate is anywhere in its cell, but while it
 * grips it is at one place: the range of an object in each state of the machine it is read with.
 * Said only where that range is narrow beside the whole one, and the state came 20 times.
 */
#include "baseline/archive_impl.h"
#include "baseline/order_state.h"
#include "baseline/value_inside.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define OBJECTS 16
#define TIMES	20u /* it was in a state so often: enough */
#define NARROW	8   /* of its whole range one part in so many */
#define MOVES	32u /* of a register that is taken for the state */

/* What one object was in one state. */
struct cell {
	double lo, hi;
	uint32_t times; /* that it came into the state; 0: none, lo and hi say nothing */
};

struct value_given {
	uint32_t reg; /* the state's place in the item */
	uint32_t objects, states;
	uint16_t state[STATE_VALUES];
	uint8_t view[OBJECTS];
	uint8_t type[OBJECTS]; /* enum value_type of what was learned; VALUE_TYPES: as it is */
	struct cell *cell[STATE_VALUES]; /* OBJECTS of each state */

	uint16_t last; /* state of the last look */
	bool looked;
};

/* It comes back to few values, is a word of its own and no noise. */
static bool is_state(const struct item *item, uint32_t reg)
{
	const struct order_states *w = item->order.states;
	const struct order_state *s = w && reg < item->values->n ? w->state[reg] : NULL;
	const struct value_object *o = s ? item->values->view[reg].object : NULL;

	return o && !o->trial && (o->model.type == VALUE_U16 || o->model.type == VALUE_I16) &&
	       value_kind(&o->model) == VALUE_IS_SET && !(w->off >> reg & 1) && s->seen >= MOVES &&
	       s->seen >= 8 * s->moves && s->seen * 4 <= item->seen.count;
}

/* The register that has most moves; -1: none is a state. */
static int state_register(const struct item *item)
{
	const struct order_states *w = item->order.states;
	uint32_t r, most = 0;
	int best = -1;

	for (r = 0; w && r < STATE_REGS; r++) {
		if (!is_state(item, r) || w->state[r]->moves <= most)
			continue;
		most = w->state[r]->moves;
		best = (int)r;
	}
	return best;
}

static struct value_given *given_make(struct item *item, uint32_t reg)
{
	struct arena *arena = &item->channel->norm->baseline->arena;

	if (!item->values->given)
		item->values->given = arena_alloc(arena, sizeof(struct value_given));
	item->values->given->reg = reg;
	return item->values->given;
}

/* -1: it is none that is known. */
static int state_at(const struct value_given *g, uint16_t state)
{
	uint32_t i;

	for (i = 0; i < g->states; i++)
		if (g->state[i] == state)
			return (int)i;
	return -1;
}

static int state_get(struct arena *arena, struct value_given *g, uint16_t state)
{
	int at = state_at(g, state);

	if (at >= 0 || g->states == STATE_VALUES)
		return at;
	g->state[g->states] = state;
	if (!g->cell[g->states])
		g->cell[g->states] = arena_alloc(arena, OBJECTS * sizeof(struct cell));
	return (int)g->states++;
}

static void forget(struct value_given *g, uint32_t object)
{
	uint32_t i;

	for (i = 0; i < g->states; i++)
		g->cell[i][object] = (struct cell){.times = 0};
}

/* A number that moves, decided, and no counter. */
static bool counts(const struct value_object *o)
{
	return o && !o->trial && o->model.type != VALUE_SECOND && !o->written &&
	       value_kind(&o->model) == VALUE_IS_RANGE && value_model_ready(&o->model, false);
}

static void widen(struct cell *c, double lo, double hi)
{
	c->lo = c->times && c->lo < lo ? c->lo : lo;
	c->hi = c->times && c->hi > hi ? c->hi : hi;
}

static double score(const struct value_model *m, const struct cell *c, double x)
{
	double margin = (c->hi - c->lo) * (0.25 + 4.0 / c->times), beyond;
	double grain = m->broken ? (m->hi - m->lo) / 1000 : 1;

	/* only where it has its place in this state, not where the state has it on its way */
	if (c->times < TIMES || (x >= c->lo && x <= c->hi) ||
	    (c->hi - c->lo) * NARROW > m->hi - m->lo)
		return 0;
	beyond = x < c->lo ? c->lo - x : x - c->hi;
	margin = margin > grain ? margin : grain;
	return margin > 0 ? fmin(beyond / margin, 4096) : 0;
}

static void judge(struct baseline *b, const struct sight *s, const struct value_given *g, int at)
{
	const struct value_item *v = s->item->values;
	struct deviation d = {.what = BASELINE_VALUE_FOR_STATE,
			      .detector = BASELINE_VALUE,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      .has_value = true,
			      .words = value_words};
	uint32_t i;
	double x;

	for (i = 0; i < g->objects; i++) {
		const struct value_object *o = v->view[g->view[i]].object;
		const struct cell *c = &g->cell[at][i];

		if (c->times < TIMES || !counts(o) ||
		    (g->type[i] != o->model.type && g->type[i] != VALUE_TYPES) ||
		    !value_type_read(o->model.type, &s->op->values, g->view[i], &x))
			continue;
		d.score = score(&o->model, c, x);
		if (d.score < 1)
			continue;
		d.value = x;
		d.learned = o->model.seen;
		d.learned.count = c->times;
		d.n[0] = g->view[i];
		d.n[1] = x;
		d.n[2] = (double)(s->item->first + g->reg);
		d.n[3] = g->state[at];
		d.n[4] = c->lo;
		d.n[5] = c->hi;
		deviate(b, &d);
	}
}

static void learn(const struct sight *s, struct value_given *g, int at, bool came)
{
	const struct value_item *v = s->item->values;
	uint32_t i, k;
	double x;

	for (k = 0; k < v->n && k <= UINT8_MAX; k++) {
		const struct value_object *o = v->view[k].object;

		if (k == g->reg || !counts(o))
			continue;
		for (i = 0; i < g->objects && g->view[i] != k; i++)
			;
		if (i == OBJECTS)
			continue;
		if (i == g->objects) {
			g->view[g->objects] = (uint8_t)k;
			g->type[g->objects++] = o->model.type;
		}
		if (g->type[i] == VALUE_TYPES)
			g->type[i] = o->model.type;
		if (g->type[i] != o->model.type) {
			forget(g, i);
			g->type[i] = o->model.type;
		}
		if (!value_type_read(o->model.type, &s->op->values, k, &x))
			continue;
		if (!came && !g->cell[at][i].times)
			continue;
		widen(&g->cell[at][i], x, x);
		g->cell[at][i].times += came;
	}
}

static void reset(struct value_given *g)
{
	uint32_t i;

	for (i = 0; i < g->states; i++)
		memset(g->cell[i], 0, OBJECTS * sizeof(struct cell));
	g->states = g->objects = 0;
	g->looked = false;
}

/* By which register its values are learned; NULL: none. */
static struct value_given *given_of(struct item *item)
{
	struct value_given *g = item->values->given;
	int reg;

	if (g && g->states && is_state(item, g->reg))
		return g;
	if (g && g->states)
		reset(g);
	/* which it is shows slowly */
	reg = item->seen.count % 64 ? -1 : state_register(item);
	return reg < 0 ? NULL : given_make(item, (uint32_t)reg);
}

void value_given_check(struct baseline *b, const struct sight *s)
{
	const struct value_given *g = s->item->values->given;
	struct op_number v;
	int at;

	if (!g || !g->states || s->op->values.type != OP_V_U16 ||
	    !op_number_at(&s->op->values, g->reg, &v))
		return;
	at = state_at(g, (uint16_t)v.lo);
	if (at >= 0)
		judge(b, s, g, at);
}

void value_given_learn(struct baseline *b, const struct sight *s)
{
	struct value_given *g;
	struct op_number v;
	uint16_t state;
	int at;

	if (s->op->values.type != OP_V_U16 || !s->item->order.states)
		return;
	g = given_of(s->item);
	if (!g || !op_number_at(&s->op->values, g->reg, &v))
		return;
	state = (uint16_t)v.lo;
	at = state_get(&b->arena, g, state);
	if (at >= 0)
		learn(s, g, at, !g->looked || state != g->last);
	g->last = state;
	g->looked = true;
}

/* Adds what is known of one value in one state. */
static void add(struct arena *arena, struct value_given *g, uint16_t state, uint32_t view,
		uint8_t type, const struct cell *what)
{
	int at = state_get(arena, g, state);
	uint32_t i;

	for (i = 0; i < g->objects && g->view[i] != view; i++)
		;
	if (at < 0 || i == OBJECTS)
		return;
	if (i == g->objects) {
		g->view[g->objects] = (uint8_t)view;
		g->type[g->objects++] = type;
	}
	if (g->type[i] != type && type != VALUE_TYPES)
		return;
	widen(&g->cell[at][i], what->lo, what->hi);
	g->cell[at][i].times += what->times;
}

static struct value_given *kept(const struct item *i)
{
	return i->values ? i->values->given : NULL;
}

void value_given_merge(struct norm *to, const struct norm *from)
{
	struct arena *arena = &to->baseline->arena;
	const struct value_given *f;
	const struct channel *c;
	const struct item *i;
	struct channel *own;
	struct item *mine;
	struct value_given *g;
	uint32_t s, k;

	for (c = from->channels; c; c = c->next) {
		own = channel_find(to, &c->client, &c->server, c->proto, c->unit);
		for (i = own ? c->items : NULL; i; i = i->next) {
			f = kept(i);
			mine = f ? item_add(own, i) : NULL;
			if (!mine || (!mine->values && !value_item_make(mine, i->values->n, true)))
				continue;
			g = kept(mine);
			if (g && g->reg != f->reg)
				continue;
			g = given_make(mine, f->reg);
			for (s = 0; s < f->states; s++)
				for (k = 0; k < f->objects; k++)
					if (f->cell[s][k].times)
						add(arena, g, f->state[s], f->view[k], f->type[k],
						    &f->cell[s][k]);
		}
	}
}

/* --- keeping --- */

/* A cell as the text says it. */
struct said {
	struct addr client, server;
	const char *proto, *unit;
	uint32_t item, place, state, value;
	struct cell cell;
	char digits[16];
};

static void said_fields(struct archive *a, struct said *s)
{
	bool has = s->cell.times > 0;

	archive_addr(a, "client", &s->client);
	archive_addr(a, "server", &s->server);
	archive_proto(a, "protocol", &s->proto);
	archive_text(a, "unit", &s->unit);
	archive_count32(a, "item", &s->item);
	archive_count32(a, "place", &s->place);
	archive_count32(a, "state", &s->state);
	archive_count32(a, "value", &s->value);
	archive_interval(a, "range", &has, &s->cell.lo, &s->cell.hi);
	archive_count32(a, "times", &s->cell.times);
}

/* Cells in the order of the text: items as they stand there, then states and values by number. */
struct place {
	const struct channel *channel;
	const struct item *item;
	uint32_t key; /* state << 8 | view, the next one to look at */
};

/* The cell with the smallest key from p->key on. */
static const struct cell *smallest(const struct value_given *g, const struct item *item,
				   uint32_t *key)
{
	const struct cell *found = NULL;
	uint32_t s, k, own, least = UINT32_MAX;

	for (s = 0; s < g->states; s++) {
		for (k = 0; k < g->objects; k++) {
			const struct value_object *o = item->values->view[g->view[k]].object;

			own = (uint32_t)g->state[s] << 8 | g->view[k];
			if (own < *key || own >= least || !g->cell[s][k].times || !o ||
			    (g->type[k] != o->model.type && g->type[k] != VALUE_TYPES))
				continue;
			least = own;
			found = &g->cell[s][k];
		}
	}
	*key = least;
	return found;
}

static const struct cell *next(struct place *p)
{
	const struct cell *c;

	for (; p->channel;
	     p->channel = p->channel->next, p->item = p->channel ? p->channel->items : NULL)
		for (; p->item; p->item = p->item->next, p->key = 0) {
			c = kept(p->item) ? smallest(kept(p->item), p->item, &p->key) : NULL;
			if (c)
				return c;
		}
	return NULL;
}

static void say(struct said *s, const struct place *p, const struct cell *c)
{
	const struct channel *of = p->channel;

	s->client = of->client;
	s->server = of->server;
	s->proto = of->proto;
	snprintf(s->digits, sizeof(s->digits), "%" PRId32, of->unit);
	s->unit = of->unit >= 0 ? s->digits : NULL;
	s->item = p->item->number;
	s->place = kept(p->item)->reg + 1;
	s->state = p->key >> 8;
	s->value = (p->key & UINT8_MAX) + 1;
	s->cell = *c;
}

static void take(struct archive *a, struct norm *n, const struct said *s)
{
	long unit = s->unit ? strtol(s->unit, NULL, 10) : -1;
	const struct channel *c = NULL;
	struct value_given *g;
	struct item *i;

	if (s->proto && unit >= -1 && unit <= INT32_MAX)
		c = channel_find(n, &s->client, &s->server, s->proto, (int32_t)unit);
	for (i = c ? c->items : NULL; i && i->number != s->item;)
		i = i->next;
	if (!i || (!i->values && !value_item_make(i, 0, false)) || s->place < 1 ||
	    s->place > STATE_REGS || s->state > UINT16_MAX || s->value < 1 ||
	    s->value > i->values->n || s->value > UINT8_MAX + 1) {
		archive_wrong(a, "there is no such item, or it has no such \"place\" or \"value\"");
		return;
	}
	g = kept(i);
	if (!g)
		g = given_make(i, s->place - 1);
	if (g->reg != s->place - 1)
		archive_wrong(a, "an item has one \"place\" only");
	else if (s->cell.times)
		add(archive_arena(a), g, (uint16_t)s->state, s->value - 1, VALUE_TYPES, &s->cell);
}

void value_given_fields(struct archive *a, struct norm *n)
{
	struct place p = {n->channels, n->channels ? n->channels->items : NULL, 0};
	const struct cell *c = archive_reads(a) ? NULL : next(&p);
	struct said s;

	if (!archive_list(a, "in-state", true, c != NULL))
		return;
	while (archive_next(a, c != NULL)) {
		memset(&s, 0, sizeof(s));
		if (c)
			say(&s, &p, c);
		said_fields(a, &s);
		if (archive_reads(a))
			take(a, n, &s);
		p.key++;
		c = archive_reads(a) ? NULL : next(&p);
	}
	archive_end(a);
}
