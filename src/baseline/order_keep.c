/*
 * What is kept of order: the cycles of each client, the paths of each channel.
 */
#include "baseline/archive.h"
#include "baseline/order_state.h"

#include <inttypes.h>
#include <stdlib.h>

#define RANK(a, b) ((a) > (b)) - ((a) < (b))

/* --- paths --- */

/* By numbers in the text; 0: nothing. */
struct step {
	uint32_t a, b, x;
	uint32_t count;
};

static int step_order(const void *a, const void *b)
{
	const struct step *x = a, *y = b;
	int d = RANK(x->b, y->b);

	d = d ? d : RANK(x->a, y->a);
	return d ? d : RANK(x->x, y->x);
}

static uint32_t number_of(const struct channel *c, unsigned index)
{
	const struct item *i = c->items;

	while (i && i->index != index)
		i = i->next;
	return i ? i->number : 0;
}

static bool index_of(const struct channel *c, uint64_t number, uint8_t *out)
{
	const struct item *i = c->items;

	while (i && i->number != number)
		i = i->next;
	if (!i || i->index >= ORDER_NOTHING)
		return false;
	*out = (uint8_t)i->index;
	return true;
}

static void step_fields(struct archive *a, struct step *s)
{
	uint64_t after[2] = {s->a ? s->a : s->b, s->b};
	uint32_t n = !s->b ? 0 : s->a ? 2 : 1;

	archive_counts(a, "after", after, &n, 2);
	archive_count32(a, "then", &s->x);
	archive_count32(a, "times", &s->count);
	if (!archive_reads(a))
		return;
	s->a = n == 2 ? (uint32_t)after[0] : 0;
	s->b = n ? (uint32_t)after[n - 1] : 0;
}

static void write_steps(struct archive *a, const struct channel *c)
{
	const struct order_model *m = c->order;
	struct step *s = calloc(m->paths + 1, sizeof(*s));
	uint32_t i;

	if (!s)
		return;
	for (i = 0; i < m->paths; i++)
		s[i] = (struct step){number_of(c, m->path[i].a), number_of(c, m->path[i].b),
				     number_of(c, m->path[i].x), m->path[i].count};
	qsort(s, m->paths, sizeof(*s), step_order);
	if (archive_list(a, "steps", true, m->paths > 0)) {
		for (i = 0; archive_next(a, i < m->paths); i++)
			step_fields(a, &s[i]);
		archive_end(a);
	}
	free(s);
}

static void read_steps(struct archive *a, struct channel *c)
{
	struct order_path p;
	struct step s;

	if (!archive_list(a, "steps", true, false))
		return;
	while (archive_next(a, false)) {
		s = (struct step){0};
		step_fields(a, &s);
		p = (struct order_path){.a = ORDER_NOTHING, .count = s.count};
		if ((s.a && !index_of(c, s.a, &p.a)) || !index_of(c, s.b, &p.b) ||
		    !index_of(c, s.x, &p.x))
			archive_wrong(
				a, "\"after\" and \"then\" are the ids of items of this channel");
		else if (s.count)
			order_path_add(archive_arena(a), c, &p);
	}
	archive_end(a);
}

void order_channel_fields(struct archive *a, struct channel *c)
{
	struct order_model none = {0}, *m;
	struct item *i;

	/* what still waits to be looked at belongs to it */
	for (i = archive_reads(a) ? NULL : c->items; i; i = i->next)
		if (i->order.group)
			order_window_flush(&c->norm->baseline->arena, i->order.group,
					   i->order.group->last);
	order_state_fields(a, c);
	m = c->order ? c->order : &none;
	if (!archive_map(a, "writes", m->paths > 0))
		return;
	if (archive_reads(a))
		m = order_model(archive_arena(a), c);
	archive_tally(a, "followed", &m->seen);
	archive_count(a, "surprises", &m->novel);
	archive_flag(a, "irregular", &m->irregular);
	if (archive_reads(a))
		read_steps(a, c);
	else
		write_steps(a, c);
	archive_end(a);
}

/* --- cycles --- */

/* The group as it stands in the text: its items sorted and numbered from 1. */
struct listed {
	struct item *item[ORDER_SYMBOLS + 1]; /* by number; 0 is none */
	uint8_t number[ORDER_SYMBOLS];	      /* of a symbol, when writing */
	uint32_t count;
};

static int item_order(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	const struct channel *c = x->channel, *d = y->channel;
	int r = memcmp(c->server.b, d->server.b, sizeof(c->server.b));

	r = r ? r : strcmp(c->proto, d->proto);
	r = r ? r : RANK(c->unit, d->unit);
	return r ? r : RANK(x->number, y->number);
}

static void list(const struct order_group *g, struct listed *l)
{
	uint64_t used = g->regular;
	uint32_t i;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < g->cycles; i++)
		used |= g->cycle[i]->members;
	for (i = 0; i < g->symbols; i++)
		if (g->ready[i] || used >> i & 1)
			l->item[++l->count] = g->item[i];
	qsort(l->item + 1, l->count, sizeof(l->item[0]), item_order);
	for (i = 1; i <= l->count; i++)
		l->number[l->item[i]->order.symbol] = (uint8_t)i;
}

struct place {
	struct addr server;
	const char *proto, *unit;
	uint32_t number;
	uint32_t item, windows;
	bool regular;
	char digits[16];
};

static void place_fields(struct archive *a, struct place *p)
{
	archive_count32(a, "id", &p->number);
	archive_addr(a, "server", &p->server);
	archive_proto(a, "protocol", &p->proto);
	archive_text(a, "unit", &p->unit);
	archive_count32(a, "item", &p->item);
	archive_count32(a, "windows", &p->windows);
	archive_flag(a, "regular", &p->regular);
}

static void write_places(struct archive *a, const struct order_group *g, const struct listed *l)
{
	struct place p;
	uint32_t i;

	if (!archive_list(a, "asks", true, l->count > 0))
		return;
	for (i = 1; archive_next(a, i <= l->count); i++) {
		const struct item *item = l->item[i];

		memset(&p, 0, sizeof(p));
		p.number = i;
		p.server = item->channel->server;
		p.proto = item->channel->proto;
		snprintf(p.digits, sizeof(p.digits), "%" PRId32, item->channel->unit);
		p.unit = item->channel->unit >= 0 ? p.digits : NULL;
		p.item = item->number;
		p.windows = g->ready[item->order.symbol];
		p.regular = g->regular >> item->order.symbol & 1;
		place_fields(a, &p);
	}
	archive_end(a);
}

static struct item *find(struct norm *n, const struct addr *client, const struct place *p)
{
	long unit = p->unit ? strtol(p->unit, NULL, 10) : -1;
	const struct channel *c = NULL;
	struct item *i;

	if (p->proto && unit >= -1 && unit <= INT32_MAX)
		c = channel_find(n, client, &p->server, p->proto, (int32_t)unit);
	for (i = c ? c->items : NULL; i && i->number != p->item;)
		i = i->next;
	return i;
}

static void read_places(struct archive *a, struct norm *n, struct order_group *g, struct listed *l)
{
	struct place p;
	struct item *i;

	if (!archive_list(a, "asks", true, false))
		return;
	while (archive_next(a, false)) {
		memset(&p, 0, sizeof(p));
		place_fields(a, &p);
		i = find(n, &g->client, &p);
		if (!p.number || p.number > ORDER_SYMBOLS || l->item[p.number]) {
			archive_wrong(a, "an \"id\" is a number from 1 to %d, of one only",
				      ORDER_SYMBOLS);
			continue;
		}
		if (!i || i->order.group) {
			archive_wrong(a, i ? "this item is there twice"
					   : "this client has no channel with such an item");
			continue;
		}
		l->item[p.number] = i;
		order_group_add(g, i);
		g->ready[i->order.symbol] = p.windows;
		if (p.regular)
			g->regular |= UINT64_C(1) << i->order.symbol;
	}
	archive_end(a);
}

static void cycle_fields(struct archive *a, struct order_cycle *c, uint64_t *at, uint32_t *n)
{
	archive_counts(a, "order", at, n, ORDER_SYMBOLS);
	archive_span(a, "every", &c->every);
	archive_tally(a, "rounds", &c->rounds);
	archive_count(a, "otherwise", &c->errors);
	archive_count32(a, "windows", &c->windows);
}

/* In numbers of the text, written from its smallest rotation. */
struct round {
	struct order_cycle *cycle;
	uint8_t at[ORDER_SYMBOLS];
};

static int round_order(const void *a, const void *b)
{
	const struct round *x = a, *y = b;
	unsigned n = x->cycle->n < y->cycle->n ? x->cycle->n : y->cycle->n;
	int d = memcmp(x->at, y->at, n);

	return d ? d : RANK(x->cycle->n, y->cycle->n);
}

/* Believed, or a reason to believe another. */
static bool matters(const struct order_group *g, const struct order_cycle *c)
{
	uint32_t i;

	for (i = 0; i < g->cycles; i++)
		if (order_believed(g->cycle[i]) && !(g->cycle[i]->members & ~c->members))
			return true;
	return false;
}

static void write_cycles(struct archive *a, const struct order_group *g, const struct listed *l)
{
	uint64_t at[ORDER_SYMBOLS];
	struct round r[ORDER_CYCLES];
	uint32_t i, k, n, count = 0;

	for (i = 0; i < g->cycles; i++) {
		if (!matters(g, g->cycle[i]))
			continue;
		r[count].cycle = g->cycle[i];
		for (k = 0; k < g->cycle[i]->n; k++)
			r[count].at[k] = l->number[g->cycle[i]->at[k]];
		order_rotate(r[count++].at, g->cycle[i]->n);
	}
	qsort(r, count, sizeof(r[0]), round_order);
	if (!archive_list(a, "cycles", true, count > 0))
		return;
	for (i = 0; archive_next(a, i < count); i++) {
		n = r[i].cycle->n;
		for (k = 0; k < n; k++)
			at[k] = r[i].at[k];
		cycle_fields(a, r[i].cycle, at, &n);
	}
	archive_end(a);
}

static void read_cycles(struct archive *a, struct order_group *g, const struct listed *l)
{
	uint8_t symbols[ORDER_SYMBOLS];
	uint64_t at[ORDER_SYMBOLS];
	struct order_cycle c;
	uint32_t n, k;

	if (!archive_list(a, "cycles", true, false))
		return;
	while (archive_next(a, false)) {
		c = (struct order_cycle){.at = symbols};
		n = 0;
		cycle_fields(a, &c, at, &n);
		for (k = 0; k < n && at[k] <= ORDER_SYMBOLS && l->item[at[k]]; k++) {
			symbols[k] = l->item[at[k]]->order.symbol;
			c.members |= UINT64_C(1) << symbols[k];
		}
		c.n = (uint8_t)n;
		if (n < 2 || k < n)
			archive_wrong(a, "\"order\" are two or more ids of what this client asks");
		else
			order_cycle_add(archive_arena(a), g, &c);
	}
	archive_end(a);
}

static void group_fields(struct archive *a, struct norm *n, struct order_group *g)
{
	struct listed l = {.count = 0};
	struct addr client = {{0}};

	if (!archive_reads(a)) {
		list(g, &l);
		archive_addr(a, "client", &g->client);
		write_places(a, g, &l);
		write_cycles(a, g, &l);
		return;
	}
	archive_addr(a, "client", &client);
	g = order_group_new(n, &client);
	if (!g)
		return;
	read_places(a, n, g, &l);
	read_cycles(a, g, &l);
	order_group_refresh(g);
}

struct ranked {
	struct order_group *group;
	uint32_t rank;
};

/* By client; several of one as they were first seen. */
static int group_order(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int d = memcmp(x->group->client.b, y->group->client.b, sizeof(x->group->client.b));

	return d ? d : RANK(x->rank, y->rank);
}

void order_norm_fields(struct archive *a, struct norm *n)
{
	struct ranked *r = calloc(n->order.count + 1, sizeof(*r));
	uint32_t count = 0, i;
	struct order_group *g;

	for (g = r ? n->order.groups : NULL; g; g = g->next)
		if (g->cycles || g->regular) {
			r[count] = (struct ranked){g, count};
			count++;
		}
	qsort(r, count, sizeof(*r), group_order);
	if (archive_list(a, "orders", false, count > 0)) {
		for (i = 0; archive_next(a, i < count); i++)
			group_fields(a, n, i < count ? r[i].group : NULL);
		archive_end(a);
	}
	free(r);
	order_stay_norm_fields(a, n);
}
