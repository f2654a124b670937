/*
 * Does this come after that? Groups of a client's items, and whether its cycles go on as learned.
 */
#include "baseline/order.h"

#include "baseline/order_inside.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define EDGE   32.0 /* odds that are worth telling */
#define HEAT   8    /* steps out of order that count */
#define COOLED 8    /* rounds after which one is forgotten */

/* --- groups --- */

static uint64_t client_key(const struct norm *n, const struct addr *client)
{
	return hash_bytes(client->b, sizeof(client->b), n->baseline->limits.key);
}

/* Twice the buckets when there is one group in each; a table that cannot grow is slower only. */
static void grow(struct norm *n)
{
	struct order_norm *o = &n->order;
	uint32_t mask = o->bucket ? o->mask * 2 + 1 : 15;
	struct order_group **b, *g;

	if ((o->bucket && o->count <= o->mask) || !(b = calloc(mask + 1, sizeof(*b))))
		return;
	for (g = o->groups; g; g = g->next) {
		g->bucket = b[client_key(n, &g->client) & mask];
		b[client_key(n, &g->client) & mask] = g;
	}
	free(o->bucket);
	o->bucket = b;
	o->mask = mask;
}

struct order_group *order_group_new(struct norm *n, const struct addr *client)
{
	struct order_norm *o = &n->order;
	struct order_group *g;
	uint64_t key = client_key(n, client);

	if (norm_is_full(n))
		return NULL;
	grow(n);
	if (!o->bucket)
		return NULL;
	g = arena_alloc(&n->baseline->arena, sizeof(*g));
	g->client = *client;
	if (!o->last)
		o->last = &o->groups;
	*o->last = g;
	o->last = &g->next;
	g->bucket = o->bucket[key & o->mask];
	o->bucket[key & o->mask] = g;
	o->count++;
	return g;
}

void order_group_add(struct order_group *g, struct item *i)
{
	i->order.group = g;
	i->order.symbol = (uint8_t)g->symbols;
	g->item[g->symbols++] = i;
}

struct order_group *order_group(struct norm *n, struct item *i)
{
	const struct addr *client = &i->channel->client;
	struct order_group *g = i->order.group;

	if (g)
		return g;
	if (n->order.bucket)
		g = n->order.bucket[client_key(n, client) & n->order.mask];
	while (g && !addr_eq(&g->client, client))
		g = g->bucket;
	/* the newest comes first: only it may have room */
	if (!g || g->symbols == ORDER_SYMBOLS)
		g = order_group_new(n, client);
	if (g)
		order_group_add(g, i);
	return g;
}

/* --- where a cycle is --- */

/* Steps from where it is to the next place of a symbol: 1 to n. */
static unsigned steps_to(const struct order_cycle *c, uint8_t symbol)
{
	unsigned k, at = c->pos;

	for (k = 1; k < c->n; k++) {
		at = at + 1 == c->n ? 0 : at + 1;
		if (c->at[at] == symbol)
			return k;
	}
	return c->n;
}

static void go(struct order_cycle *c, unsigned steps, int64_t time)
{
	c->pos = (uint8_t)((c->pos + steps) % c->n);
	c->skipped &= ~(UINT64_C(1) << c->at[c->pos]);
	c->last = time;
}

static void begin(struct order_cycle *c, uint8_t symbol, int64_t time)
{
	unsigned i = 0;

	while (c->at[i] != symbol)
		i++;
	c->pos = (uint8_t)i;
	c->synced = true;
	c->holds = false;
	c->run = 0;
	c->since = UINT16_MAX;
	c->skipped = 0;
	c->odd[0] = c->odd[1] = UINT8_MAX;
	c->last = time;
}

/*
 * A step of k places that should have been one: is it out of order? Not if it is explained by one
 * or some that are missing, or one that came once more.
 */
static bool out_of_order(struct order_cycle *c, uint8_t symbol, unsigned k, int64_t time)
{
	uint8_t from = c->pos, to = (uint8_t)((c->pos + k) % c->n);
	bool late = c->skipped >> symbol & 1, same = c->odd[0] == from && c->odd[1] == to;
	bool extra = k - 1 > c->n / 2u, again = c->since < 2u * c->n;
	unsigned i;

	if (k == c->n && (!c->acts || time - c->last <= ORDER_AGAIN))
		return false;
	c->odd[0] = from;
	c->odd[1] = to;
	if (c->acts)
		return true;
	if (extra) {
		c->since = 0;
	} else {
		for (i = 1; i < k; i++)
			c->skipped |= UINT64_C(1) << c->at[(from + i) % c->n];
	}
	return !same && (late || (extra && again));
}

/* --- out of order --- */

static double improbable(const struct order_cycle *c)
{
	double steps = (double)c->rounds.count * c->n;

	return cbrt((steps + 2) / ((double)c->errors + c->broken + 1) / EDGE);
}

static const struct item *item_at(const struct deviation *d, unsigned n)
{
	return d->item->order.group->item[(unsigned)d->n[n]];
}

/* The item, and whose it is when that is somebody else. */
static void whose(const struct deviation *d, const struct item *i, char *buf, size_t size)
{
	char server[ADDR_STRLEN], what[128];

	item_str(i, what, sizeof(what));
	if (i->channel == d->channel) {
		snprintf(buf, size, "\"%s\"", what);
		return;
	}
	addr_str(&i->channel->server, server);
	snprintf(buf, size, "\"%s\" (%s)", what, server);
}

/* n: symbols of what came before and what should have come, how many are in the round. */
static void words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		  char *observed, size_t observed_size)
{
	char before[192], next[192], came[160], client[ADDR_STRLEN], server[ADDR_STRLEN];

	addr_str(d->client, client);
	addr_str(d->server, server);
	whose(d, item_at(d, 0), before, sizeof(before));
	whose(d, item_at(d, 1), next, sizeof(next));
	item_str(d->item, came, sizeof(came));
	if (japanese) {
		snprintf(observed, observed_size, "%s が %s の次に \"%s\" を %s に要求しました",
			 client, before, came, server);
		snprintf(expected, expected_size,
			 "%s の次には %s が来ます (%.0f 個の要求の繰り返し)", before, next,
			 d->n[2]);
		return;
	}
	snprintf(observed, observed_size, "%s asked %s for \"%s\" after %s", client, server, came,
		 before);
	snprintf(expected, expected_size, "after %s it asks for %s, in rounds of %.0f requests",
		 before, next, d->n[2]);
}

static void tell(struct baseline *b, const struct sight *s, struct order_cycle *c, uint8_t from,
		 double score)
{
	struct deviation d = {.what = BASELINE_CYCLE_ORDER,
			      .detector = BASELINE_ORDER,
			      .score = score,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      /* another order is one event, whatever devices it goes over */
			      .cause = hash_u64(BASELINE_CYCLE_ORDER, set_cause(s->client)) | 1,
			      .learned = c->rounds,
			      .words = words};

	d.n[0] = c->at[from];
	d.n[1] = c->at[(from + 1) % c->n];
	d.n[2] = c->n;
	deviate(b, &d);
}

/* How improbable the step is that was just found out of order, with those that came before it. */
static double heat(struct order_cycle *c, int64_t time)
{
	if (!c->hot || time - c->hot > COOLED * c->every || time < c->hot)
		c->heat = 0;
	c->hot = time;
	c->heat += c->heat < HEAT;
	return ldexp(improbable(c), c->heat - 1);
}

/* After silence nobody can say where a program is. */
static void rest(struct order_group *g, int64_t time)
{
	int64_t silent = time - g->last;
	unsigned i;

	g->last = time;
	if (silent >= 0 && (!g->pause || silent <= g->pause))
		return;
	for (i = 0; i < g->cycles; i++)
		if (!g->cycle[i]->acts || silent < 0)
			g->cycle[i]->synced = false;
}

/* How a step looks to cycles that did not hold, and to all. */
struct views {
	bool takes_over, in_line;
};

/* One step; true when it is out of order. */
static bool step(struct order_cycle *c, uint8_t symbol, int64_t time, struct views *v)
{
	unsigned k;
	bool odd;

	if (!c->synced || time < c->last ||
	    (!c->acts && time - c->last > c->every + c->every / 2)) {
		begin(c, symbol, time);
		return false;
	}
	k = steps_to(c, symbol);
	c->since += c->since < UINT16_MAX;
	odd = k != 1 && out_of_order(c, symbol, k, time);
	if (k == 1)
		c->run += c->run < c->n;
	else if (k != c->n)
		c->run = 0;
	v->takes_over = v->takes_over || (k == 1 && !c->holds);
	v->in_line = v->in_line || k == 1;
	c->holds = c->holds || c->run == c->n;
	go(c, k, time);
	return odd;
}

/*
 * A phase may have a cycle of its own: what breaks a cycle that held is in order when it is the
 * next step of another that did not hold, which then takes its place.
 */
static void follow(struct baseline *b, const struct sight *s, struct order_group *g)
{
	struct order_cycle *c, *broken[ORDER_CYCLES], *first = NULL;
	unsigned i, from[ORDER_CYCLES], count = 0, at = 0;
	uint8_t symbol = s->item->order.symbol;
	double score, most = 0;
	struct views v = {false, false};

	for (i = 0; i < g->cycles; i++) {
		c = g->cycle[i];
		if (!(c->members >> symbol & 1) || !order_believed(c))
			continue;
		from[count] = c->pos;
		if (step(c, symbol, s->time, &v))
			broken[count++] = c;
	}
	for (i = 0; i < count; i++) {
		broken[i]->skipped = 0;
		if (broken[i]->holds ? v.takes_over : v.in_line) {
			broken[i]->holds = false;
			continue;
		}
		score = heat(broken[i], s->time);
		if (score > most) {
			most = score;
			first = broken[i];
			at = from[i];
		}
	}
	if (first && most >= 1)
		tell(b, s, first, (uint8_t)at, most);
}

void order_check(struct baseline *b, const struct sight *s)
{
	struct order_group *g = s->item ? s->item->order.group : NULL;

	if (s->op->role == OP_RESPONSE)
		order_state_check(b, s);
	if (!g || s->op->role == OP_RESPONSE)
		return;
	rest(g, s->time);
	if (g->cyclic >> s->item->order.symbol & 1)
		follow(b, s, g);
	else if (order_acts(s->item) && !(g->regular >> s->item->order.symbol & 1))
		order_path_check(b, s);
}

void order_learn(struct baseline *b, const struct sight *s)
{
	struct order_group *g;

	if (s->op->role == OP_RESPONSE)
		order_state_learn(b, s);
	if (!s->item || s->op->role == OP_RESPONSE)
		return;
	g = order_group(s->norm, s->item);
	if (g)
		order_window_add(&b->arena, g, 0, s->item->order.symbol, s->time);
}

void order_resume(struct norm *n, int64_t time)
{
	struct order_group *g;
	struct channel *c;
	unsigned i;

	for (g = n->order.groups; g; g = g->next) {
		g->last = time;
		for (i = 0; i < g->cycles; i++)
			g->cycle[i]->synced = false;
	}
	for (c = n->channels; c; c = c->next) {
		order_state_resume(c);
		if (c->order_run)
			c->order_run->a = c->order_run->b = ORDER_NOTHING;
	}
}

void order_settle(struct norm *n)
{
	struct order_group *g;

	for (g = n->order.groups; g; g = g->next) {
		order_window_flush(&n->baseline->arena, g, g->last);
		free(g->learning);
		g->learning = NULL;
	}
}

void order_channel_free(struct channel *c)
{
	(void)c; /* all of it is in the arena */
}

void order_norm_free(struct norm *n)
{
	struct order_group *g;

	for (g = n->order.groups; g; g = g->next)
		free(g->learning);
	free(n->order.bucket);
}
