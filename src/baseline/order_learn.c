/*
 * Which items take turns? A window of what was asked becomes cycles; what is in none goes on.
 */
#include "baseline/order_inside.h"

#include <math.h>
#include <stdlib.h>

#define SYMBOL_FIRST_LOOK 128u
#define SYMBOL_LAST_LOOK  256u
#define STEADY_FROM	  8u   /* distances that show whether they wander */
#define STEADY		  1.5  /* times what they differ from one to the next */
#define OUTLIER		  6.0  /* median absolute deviations */
#define NEAR		  16.0 /* distances in a round that are one soon after the other */
#define TOGETHER	  0.3  /* correlation */
#define STEADY_SLACK	  4.0  /* units of a window's clock */
#define REGULAR_FROM	  16u
#define REGULAR		  0.15 /* standard deviation of intervals, in means */
#define OFTEN		  4    /* times that an item is in one round */
#define FOUND		  (ORDER_SYMBOLS / 2)

/* A window, sorted by symbol. */
struct look {
	const struct order_window *w;
	uint16_t start[ORDER_SYMBOLS + 1]; /* into at */
	uint16_t at[SYMBOL_LAST_LOOK];	   /* places in the window */
	uint64_t acts;			   /* symbols: what comes when it is called for */
	uint64_t used;			   /* symbols that are in a cycle */
	struct {
		uint64_t members;
		uint8_t at[ORDER_SYMBOLS];
		unsigned n, rounds, errors;
		int64_t every;
	} found[FOUND];
	unsigned count;
};

static unsigned times(const struct look *l, unsigned symbol)
{
	return (unsigned)l->start[symbol + 1] - l->start[symbol];
}

static void sort(struct look *l, const struct order_window *w, uint64_t acts)
{
	uint16_t next[ORDER_SYMBOLS];
	unsigned i;

	memset(l, 0, sizeof(*l));
	l->w = w;
	l->acts = acts;
	for (i = 0; i < w->n; i++)
		l->start[w->symbol[i] + 1]++;
	for (i = 0; i < ORDER_SYMBOLS; i++) {
		l->start[i + 1] = (uint16_t)(l->start[i + 1] + l->start[i]);
		next[i] = l->start[i];
	}
	for (i = 0; i < w->n; i++)
		l->at[next[w->symbol[i]]++] = (uint16_t)i;
}

/* --- taking turns --- */

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *d, unsigned n)
{
	double s[SYMBOL_LAST_LOOK];

	memcpy(s, d, n * sizeof(*d));
	qsort(s, n, sizeof(*s), by_size);
	return s[n / 2];
}

/* Without what was late once: returns how many are left. */
static unsigned trim(double *d, unsigned n)
{
	double off[SYMBOL_LAST_LOOK], middle = median(d, n), far;
	unsigned i, left = 0;

	for (i = 0; i < n; i++)
		off[i] = fabs(d[i] - middle);
	far = OUTLIER * median(off, n) + STEADY_SLACK;
	for (i = 0; i < n; i++)
		if (fabs(d[i] - middle) <= far)
			d[left++] = d[i];
	return left;
}

/*
 * Do distances in time stay where they are? What one program asks after the other keeps its
 * distance, give or take; timers of their own drift apart step by step.
 */
static bool steady(double *d, unsigned n)
{
	double step = 0, first = 0, last = 0;
	unsigned i, third;

	if (n < STEADY_FROM)
		return true;
	n = trim(d, n);
	third = n / 3;
	for (i = 1; i < n; i++)
		step += fabs(d[i] - d[i - 1]);
	for (i = 0; i < third; i++) {
		first += d[i];
		last += d[n - 1 - i];
	}
	return fabs(first - last) / third <= STEADY * step / (n - 1) + STEADY_SLACK;
}

/*
 * Is what comes late late in both? One program that begins its round late is late with all of it;
 * timers of their own know nothing of each other.
 */
static bool late_together(const double *a, const double *d, unsigned n)
{
	double x, y, xx = 0, yy = 0, xy = 0, mean = (a[n - 1] - a[0]) / (n - 1);
	double drift = (d[n - 1] - d[0]) / (n - 1);
	unsigned i;

	if (n < STEADY_FROM)
		return false;
	for (i = 1; i < n; i++) {
		x = a[i] - a[i - 1] - mean;
		y = x + d[i] - d[i - 1] - drift;
		xx += x * x;
		yy += y * y;
		xy += x * y;
	}
	return xy > TOGETHER * sqrt(xx * yy);
}

/* b comes soon after a, or is late with it, and it stays so. */
static bool comes_with(const struct look *l, unsigned a, unsigned b)
{
	double d[SYMBOL_LAST_LOOK], begin[SYMBOL_LAST_LOOK], round, gap;
	uint32_t from = l->w->at[l->at[l->start[a]]];
	unsigned i, j = l->start[b], n = 0;

	for (i = l->start[a]; i < l->start[a + 1]; i++) {
		while (j < l->start[b + 1] && l->at[j] < l->at[i])
			j++;
		if (j == l->start[b + 1])
			break;
		if (i + 1 < l->start[a + 1] && l->at[j] > l->at[i + 1])
			continue;
		begin[n] = (double)(uint32_t)(l->w->at[l->at[i]] - from);
		d[n++] = (double)(uint32_t)(l->w->at[l->at[j]] - l->w->at[l->at[i]]);
	}
	if (n < 2)
		return false;
	round = (begin[n - 1] - begin[0]) / (n - 1);
	gap = median(d, n);
	return (gap * NEAR <= round || late_together(begin, d, n)) && steady(d, n);
}

/* One program asks both; which of them comes first in its round nobody knows. */
static bool one_program(const struct look *l, unsigned a, unsigned b)
{
	return comes_with(l, a, b) || comes_with(l, b, a);
}

static bool take_turns(const struct look *l, unsigned a, unsigned b)
{
	unsigned i = l->start[a], j = l->start[b], turns = 0, repeats = 0;
	int last = -1, now;

	while (i < l->start[a + 1] || j < l->start[b + 1]) {
		now = i == l->start[a + 1] || (j < l->start[b + 1] && l->at[j] < l->at[i]);
		if (now)
			j++;
		else
			i++;
		if (last >= 0) {
			turns += last != now;
			repeats += last == now;
		}
		last = now;
	}
	return turns + 1 >= 2 * ORDER_ENOUGH && repeats * 8 <= turns &&
	       ((l->acts >> a & l->acts >> b & 1) || one_program(l, a, b));
}

/* --- rounds --- */

/* The round most common in the window: from one `anchor` to the next. False: none is common. */
static bool common_round(struct look *l, uint64_t members, unsigned n, unsigned anchor)
{
	uint16_t begin[SYMBOL_LAST_LOOK + 1];
	uint8_t seq[SYMBOL_LAST_LOOK];
	unsigned i, j, len = 0, rounds = 0, same, best = 0, which = 0;

	for (i = 0; i < l->w->n; i++) {
		if (!(members >> l->w->symbol[i] & 1))
			continue;
		if (l->w->symbol[i] == anchor)
			begin[rounds++] = (uint16_t)len;
		seq[len++] = l->w->symbol[i];
	}
	rounds--; /* the last one may be incomplete */
	for (i = 0; i < rounds && best * 2 <= rounds; i++) {
		if ((unsigned)begin[i + 1] - begin[i] != n)
			continue;
		same = 0;
		for (j = 0; j < rounds; j++)
			same += (unsigned)begin[j + 1] - begin[j] == n &&
				memcmp(seq + begin[i], seq + begin[j], n) == 0;
		if (same > best) {
			best = same;
			which = i;
		}
	}
	if (best + 1 < ORDER_ENOUGH || best * 8 < rounds * 7)
		return false;
	l->found[l->count].members = members;
	l->found[l->count].n = n;
	l->found[l->count].rounds = best;
	l->found[l->count].errors = rounds - best;
	memcpy(l->found[l->count].at, seq + begin[which], n);
	i = l->at[l->start[anchor]];
	j = l->at[l->start[anchor + 1] - 1];
	l->found[l->count].every =
		((int64_t)(uint32_t)(l->w->at[j] - l->w->at[i]) << ORDER_UNIT) / rounds;
	return true;
}

/* All that take turns with `seed` and with each other; then what comes several times a round. */
static void gather(struct look *l, unsigned seed)
{
	uint64_t members = UINT64_C(1) << seed, bit;
	unsigned t, m, n = 1, count = times(l, seed), r;
	bool with;

	for (t = 0; t < ORDER_SYMBOLS; t++) {
		if (members >> t & 1 || l->used >> t & 1 || times(l, t) < ORDER_ENOUGH ||
		    times(l, t) > count + 1 + count / 8 || times(l, t) + 1 + count / 8 < count)
			continue;
		with = true;
		for (m = 0; m < ORDER_SYMBOLS && with; m++)
			with = !(members >> m & 1) || take_turns(l, m, t);
		if (with) {
			members |= UINT64_C(1) << t;
			n++;
		}
	}
	with = n > 1 && common_round(l, members, n, seed);
	for (t = 0; t < ORDER_SYMBOLS; t++) {
		bit = UINT64_C(1) << t;
		r = (times(l, t) + count / 2) / count;
		if (members & bit || l->used & bit || r < 2 || r > OFTEN || n + r > ORDER_SYMBOLS ||
		    !one_program(l, seed, t) || !common_round(l, members | bit, n + r, seed))
			continue;
		members |= bit;
		n += r;
		with = true;
	}
	if (!with)
		return;
	l->used |= members;
	l->count++;
}

/* Items in a round that is already found may not be in another; the most frequent begin. */
static void find(struct look *l)
{
	unsigned t, best, seed;
	uint64_t done = 0;

	while (l->count < FOUND) {
		best = 0;
		seed = 0;
		for (t = 0; t < ORDER_SYMBOLS; t++) {
			if (!((done | l->used) >> t & 1) && times(l, t) > best) {
				best = times(l, t);
				seed = t;
			}
		}
		if (best < ORDER_ENOUGH)
			return;
		done |= UINT64_C(1) << seed;
		gather(l, seed);
	}
}

/* --- what is learned from it --- */

static bool regular(const struct look *l, unsigned symbol)
{
	unsigned i, n = times(l, symbol);
	double sum = 0, squares = 0, d;

	if (n < REGULAR_FROM)
		return false;
	for (i = l->start[symbol] + 1u; i < l->start[symbol + 1]; i++) {
		d = (double)(uint32_t)(l->w->at[l->at[i]] - l->w->at[l->at[i - 1]]);
		sum += d;
		squares += d * d;
	}
	sum /= n - 1;
	return sqrt(fmax(squares / (n - 1) - sum * sum, 0)) < REGULAR * sum;
}

void order_rotate(uint8_t *at, unsigned n)
{
	uint8_t twice[2 * ORDER_SYMBOLS];
	unsigned i, best = 0;

	memcpy(twice, at, n);
	memcpy(twice + n, at, n);
	for (i = 1; i < n; i++)
		if (memcmp(twice + i, twice + best, n) < 0)
			best = i;
	memcpy(at, twice + best, n);
}

static void merge_cycle(struct order_cycle *c, const struct order_cycle *from)
{
	double old = (double)c->rounds.count, more = (double)from->rounds.count;

	c->every = (int64_t)(((double)c->every * old + (double)from->every * more) / (old + more));
	if (!c->rounds.count || from->rounds.first < c->rounds.first)
		c->rounds.first = from->rounds.first;
	if (!c->rounds.count || from->rounds.last > c->rounds.last)
		c->rounds.last = from->rounds.last;
	c->rounds.count += from->rounds.count;
	c->errors += from->errors;
	c->windows += from->windows;
}

/* The one that is worth least: not believed, then with the fewest rounds. */
static struct order_cycle *worst(const struct order_group *g)
{
	struct order_cycle *w = g->cycle[0], *c;
	unsigned i;

	for (i = 1; i < g->cycles; i++) {
		c = g->cycle[i];
		if (order_believed(c) < order_believed(w) ||
		    (order_believed(c) == order_believed(w) && c->rounds.count < w->rounds.count))
			w = c;
	}
	return w;
}

struct order_cycle *order_cycle_add(struct arena *arena, struct order_group *g,
				    const struct order_cycle *from)
{
	struct order_cycle *c;
	uint8_t at[ORDER_SYMBOLS], *room;
	unsigned i;

	if (!from->rounds.count)
		return NULL;
	memcpy(at, from->at, from->n);
	order_rotate(at, from->n);
	for (i = 0; i < g->cycles; i++) {
		c = g->cycle[i];
		if (c->n == from->n && memcmp(c->at, at, c->n) == 0) {
			merge_cycle(c, from);
			return c;
		}
	}
	if (g->cycles < ORDER_CYCLES) {
		c = arena_alloc(arena, sizeof(*c));
		c->at = arena_alloc(arena, ORDER_SYMBOLS);
		g->cycle[g->cycles++] = c;
	} else {
		c = worst(g);
	}
	room = c->at;
	memcpy(room, at, from->n);
	*c = (struct order_cycle){.members = from->members,
				  .at = room,
				  .n = from->n,
				  .acts = from->acts,
				  .rounds = from->rounds,
				  .errors = from->errors,
				  .windows = from->windows,
				  .held = from->windows,
				  .every = from->every};
	return c;
}

static uint64_t acts_of(const struct order_group *g)
{
	uint64_t acts = 0;
	unsigned i;

	for (i = 0; i < g->symbols; i++)
		acts |= (uint64_t)order_acts(g->item[i]) << i;
	return acts;
}

void order_group_refresh(struct order_group *g)
{
	struct order_cycle *c;
	uint32_t could, held;
	uint64_t acts = acts_of(g) & ~g->regular;
	unsigned i, k;

	g->cyclic = 0;
	g->pause = 0;
	for (i = 0; i < g->cycles; i++) {
		c = g->cycle[i];
		could = UINT32_MAX;
		held = 0;
		for (k = 0; k < c->n; k++)
			could = g->ready[c->at[k]] < could ? g->ready[c->at[k]] : could;
		for (k = 0; k < g->cycles; k++)
			if (!(c->members & ~g->cycle[k]->members))
				held += g->cycle[k]->windows;
		c->held = held;
		c->acts = !(c->members & ~acts);
		c->broken = could > held ? could - held : 0;
		if (!order_believed(c))
			continue;
		g->cyclic |= c->members;
		if (!c->acts && (!g->pause || c->every + c->every / 2 < g->pause))
			g->pause = c->every + c->every / 2;
	}
}

/* Is it c without some that were there as well, only not so clearly? */
static bool part_of(const struct look *l, const struct order_cycle *part,
		    const struct order_cycle *c)
{
	uint8_t rest[ORDER_SYMBOLS], own[ORDER_SYMBOLS];
	unsigned i, n = 0;

	if (part->members & ~c->members || part->n >= c->n || !order_believed(c))
		return false;
	for (i = 0; i < c->n; i++) {
		if (part->members >> c->at[i] & 1)
			rest[n++] = c->at[i];
		else if (times(l, c->at[i]) < ORDER_ENOUGH)
			return false; /* they were not: a phase without them */
	}
	memcpy(own, part->at, part->n);
	order_rotate(own, part->n);
	order_rotate(rest, n);
	return n == part->n && memcmp(own, rest, n) == 0;
}

static bool part_of_any(const struct look *l, const struct order_group *g,
			const struct order_cycle *part)
{
	unsigned i;

	for (i = 0; i < g->cycles; i++)
		if (part_of(l, part, g->cycle[i]))
			return true;
	return false;
}

/* Often, and not only before or after a phase began. */
static bool throughout(const struct look *l, unsigned symbol)
{
	return times(l, symbol) >= ORDER_ENOUGH && l->at[l->start[symbol]] * 4 <= l->w->n &&
	       l->at[l->start[symbol + 1] - 1] * 4 >= l->w->n * 3;
}

static void learn(struct arena *arena, struct order_group *g, struct look *l, int64_t time)
{
	int64_t span = (int64_t)(uint32_t)(l->w->at[l->w->n - 1] - l->w->at[0]) << ORDER_UNIT;
	struct order_cycle c = {0};
	unsigned i;

	for (i = 0; i < g->symbols; i++)
		if (l->acts >> i & 1 && regular(l, i))
			g->regular |= UINT64_C(1) << i;

	for (i = 0; i < g->symbols; i++)
		g->ready[i] += throughout(l, i);
	for (i = 0; i < l->count; i++) {
		c.members = l->found[i].members;
		c.at = l->found[i].at;
		c.n = (uint8_t)l->found[i].n;
		c.acts = !(c.members & ~(l->acts & ~g->regular));
		/* two that are asked in turns have no order; their acts are looked at alone */
		if (c.n < 3 && !c.acts) {
			l->used &= ~(c.members & l->acts);
			continue;
		}
		c.rounds.count = l->found[i].rounds;
		c.rounds.first = time - span;
		c.rounds.last = time;
		c.errors = l->found[i].errors;
		c.windows = 1;
		c.every = l->found[i].every;
		if (!part_of_any(l, g, &c))
			order_cycle_add(arena, g, &c);
	}
	order_group_refresh(g);
}

static int64_t time_at(const struct order_window *w, unsigned i, int64_t time)
{
	return time - ((int64_t)(uint32_t)(w->at[w->n - 1] - w->at[i]) << ORDER_UNIT);
}

/* What is in no cycle goes on: to the next window, from the last one to the paths. */
static void pass_on(struct arena *arena, struct order_group *g, unsigned level, uint64_t used,
		    int64_t time)
{
	struct order_window *w = &g->learning->level[level];
	uint64_t known = used | g->cyclic | g->regular;
	unsigned i;
	struct item *item;

	for (i = 0; i < w->n; i++) {
		item = g->item[w->symbol[i]];
		if (known >> w->symbol[i] & 1)
			continue;
		if (level + 1 < ORDER_LEVELS)
			order_window_add(arena, g, level + 1, w->symbol[i], time_at(w, i, time));
		else if (order_acts(item))
			order_path_learn(arena, item, time_at(w, i, time));
	}
	w->n = 0;
}

/* Most of it is in cycles: no need to look at more of it. */
static bool covered(const struct look *l)
{
	unsigned i, in = 0;

	for (i = 0; i < ORDER_SYMBOLS; i++)
		in += l->used >> i & 1 ? times(l, i) : 0;
	return in * 4 >= l->w->n * 3u;
}

static void look_at(struct arena *arena, struct order_group *g, unsigned level, int64_t time,
		    bool whatever)
{
	struct look l;

	sort(&l, &g->learning->level[level], acts_of(g));
	find(&l);
	if (!whatever && !covered(&l))
		return;
	learn(arena, g, &l, time);
	pass_on(arena, g, level, l.used, time);
}

void order_window_add(struct arena *arena, struct order_group *g, unsigned level, uint8_t symbol,
		      int64_t time)
{
	struct order_window *w;

	if (!g->learning && !(g->learning = calloc(1, sizeof(*g->learning))))
		return;
	w = &g->learning->level[level];
	w->symbol[w->n] = symbol;
	w->at[w->n++] = (uint32_t)((uint64_t)time >> ORDER_UNIT);
	if (w->n == SYMBOL_FIRST_LOOK || w->n == SYMBOL_LAST_LOOK)
		look_at(arena, g, level, time, w->n == SYMBOL_LAST_LOOK);
}

void order_window_flush(struct arena *arena, struct order_group *g, int64_t time)
{
	unsigned i;

	for (i = 0; g->learning && i < ORDER_LEVELS; i++)
		if (g->learning->level[i].n)
			look_at(arena, g, i, time, true);
}
