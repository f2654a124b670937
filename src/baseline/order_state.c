/*
 * What follows a state? Registers that take a few values only, as a machine's state word does:
 * which value came after which.
 */
#include "baseline/archive_impl.h"
#include "baseline/order_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define EDGE	4.0 /* odds that are worth telling */
#define REGS	STATE_REGS
#define VALUES	STATE_VALUES
#define MOVES	STATE_MOVES
#define TOO_FAR 2.5 /* mean intervals between two looks after which a move says nothing */

struct order_move *order_move_find(struct order_state *s, uint16_t from, uint16_t to)
{
	uint32_t i;

	for (i = 0; i < s->moves; i++)
		if (s->move[i].from == from && s->move[i].to == to)
			return &s->move[i];
	return NULL;
}

int64_t order_looks_every(const struct item *i)
{
	const struct tally *t = &i->seen;

	return t->count > 1 ? (t->last - t->first) / (int64_t)(t->count - 1) : 0;
}

/* What followed a value. */
struct after {
	double times, kinds;
	bool known;
	const struct order_move *usual;
};

static struct after after(const struct order_state *s, uint16_t from, uint16_t to)
{
	struct after a = {.times = 0};
	uint32_t i;

	for (i = 0; i < s->moves; i++) {
		if (s->move[i].from != from)
			continue;
		a.times += s->move[i].count;
		a.kinds++;
		a.known = a.known || s->move[i].to == to;
		if (!a.usual || s->move[i].count > a.usual->count)
			a.usual = &s->move[i];
	}
	return a;
}

static bool takes(const struct order_state *s, uint16_t value)
{
	uint32_t i;

	for (i = 0; i < s->moves; i++)
		if (s->move[i].from == value || s->move[i].to == value)
			return true;
	return false;
}

/* n: register, from, to, what mostly comes, how often, moves from there. */
static void words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		  char *observed, size_t observed_size)
{
	char server[ADDR_STRLEN];

	addr_str(d->server, server);
	if (japanese) {
		snprintf(observed, observed_size,
			 "%s のレジスタ %.0f が %.0f から %.0f に変わりました", server, d->n[0],
			 d->n[1], d->n[2]);
		snprintf(expected, expected_size,
			 "%.0f の次は多くの場合 %.0f です (%.0f 回中 %.0f 回)", d->n[1], d->n[3],
			 d->n[5], d->n[4]);
		return;
	}
	snprintf(observed, observed_size, "register %.0f of %s went from %.0f to %.0f", d->n[0],
		 server, d->n[1], d->n[2]);
	snprintf(expected, expected_size, "%.0f is mostly followed by %.0f (%.0f times of %.0f)",
		 d->n[1], d->n[3], d->n[4], d->n[5]);
}

static void judge(struct baseline *b, const struct sight *s, uint32_t reg,
		  const struct order_state *st, uint16_t from, uint16_t to)
{
	struct deviation d = {.what = BASELINE_STATE_ORDER,
			      .detector = BASELINE_ORDER,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      .has_value = true,
			      .value = to,
			      .words = words};
	struct after a = after(st, from, to);

	/* a value it never took is a matter of values */
	if (!a.usual || a.known || !takes(st, to))
		return;
	d.score = cbrt(fmin((a.times + a.kinds) / a.kinds,
			    ((double)st->seen + 1) / ((double)st->novel + 1)) /
		       EDGE);
	if (d.score < 1)
		return;
	d.learned = s->item->seen;
	d.learned.count = (uint64_t)a.times;
	d.n[0] = (double)(s->item->first + reg);
	d.n[1] = from;
	d.n[2] = to;
	d.n[3] = a.usual->to;
	d.n[4] = a.usual->count;
	d.n[5] = a.times;
	deviate(b, &d);
}

/* --- learning --- */

/* NULL: it is no state. */
static struct order_move *add(struct arena *arena, struct order_states *w, uint32_t reg,
			      const struct order_move *m)
{
	struct order_state *s = w->state[reg];
	uint16_t value[VALUES];
	uint32_t i, k, n = 0;

	if (w->off >> reg & 1)
		return NULL;
	if (!s)
		s = w->state[reg] = arena_alloc(arena, sizeof(*s));
	for (i = 0; i < s->moves; i++) {
		if (s->move[i].from == m->from && s->move[i].to == m->to) {
			s->move[i].count += m->count;
			return &s->move[i];
		}
	}
	/* each value was come to, but for the first */
	for (i = 0; i < s->moves && n < VALUES; i++) {
		for (k = 0; k < n && value[k] != s->move[i].to; k++)
			;
		if (k == n)
			value[n++] = s->move[i].to;
	}
	if (s->moves == MOVES || n == VALUES) {
		w->off |= 1u << reg;
		return NULL;
	}
	s->move[s->moves] = (struct order_move){m->from, m->to, m->count, NULL};
	return &s->move[s->moves++];
}

static struct order_states *watch(struct arena *arena, struct item *i)
{
	if (!i->order.states)
		i->order.states = arena_alloc(arena, sizeof(*i->order.states));
	return i->order.states;
}

static bool is_look(const struct sight *s)
{
	return s->item && s->op->role == OP_RESPONSE && !s->op->status &&
	       s->op->values.type == OP_V_U16;
}

/* Too long since the last look: what was in between nobody saw. */
static bool blind(const struct sight *s, const struct order_states *w)
{
	return !w->time || s->time < w->time ||
	       (double)(s->time - w->time) > TOO_FAR * (double)order_looks_every(s->item);
}

static void look(struct baseline *b, const struct sight *s, bool learning)
{
	struct order_states *w = s->item->order.states;
	bool first = !w->time, unseen = blind(s, w), runs = learning || b->state == BASELINE_FROZEN;
	int64_t late = s->time - w->time - order_looks_every(s->item);
	struct op_number v;
	struct after a;
	uint32_t r;

	for (r = 0; r < REGS && op_number_at(&s->op->values, r, &v); r++) {
		struct order_move m = {w->last[r], (uint16_t)v.lo, 1, NULL};

		if (!first && r < w->regs && m.from != m.to && !unseen && !(w->off >> r & 1)) {
			if (w->state[r] && !learning)
				judge(b, s, r, w->state[r], m.from, m.to);
			if (learning) {
				if (w->state[r]) {
					a = after(w->state[r], m.from, m.to);
					w->state[r]->seen++;
					w->state[r]->novel += a.usual && !a.known;
				}
				add(&b->arena, w, r, &m);
			}
			if (w->state[r] && !(w->off >> r & 1))
				order_stay_see(b, s, r, m.from, m.to, late > 0 ? late : 0,
					       learning);
			if (w->state[r] && runs)
				w->state[r]->since = s->time;
		}
		if (runs && unseen && w->state[r])
			w->state[r]->since = 0;
		if (runs)
			w->last[r] = m.to;
	}
	if (!runs)
		return;
	w->regs = r;
	w->time = s->time;
}

void order_state_check(struct baseline *b, const struct sight *s)
{
	if (is_look(s) && s->item->order.states)
		look(b, s, false);
}

void order_state_learn(struct baseline *b, const struct sight *s)
{
	if (!is_look(s))
		return;
	watch(&b->arena, s->item);
	look(b, s, true);
}

void order_state_resume(struct channel *c)
{
	struct item *i;
	uint32_t r;

	for (i = c->items; i; i = i->next) {
		if (!i->order.states)
			continue;
		i->order.states->time = 0;
		for (r = 0; r < REGS; r++)
			if (i->order.states->state[r])
				order_stay_resume(i->order.states->state[r]);
	}
}

void order_state_merge(struct arena *arena, struct item *to, const struct item *from)
{
	const struct order_states *f = from->order.states;
	const struct order_move *theirs;
	struct order_states *w;
	struct order_move *m;
	uint32_t r, i;

	if (!f)
		return;
	w = watch(arena, to);
	for (r = 0; r < REGS; r++) {
		for (i = 0; f->state[r] && i < f->state[r]->moves; i++) {
			theirs = &f->state[r]->move[i];
			m = add(arena, w, r, theirs);
			if (m)
				order_stay_merge(to->channel->norm, m, theirs);
		}
		if (w->state[r] && f->state[r]) {
			w->state[r]->seen += f->state[r]->seen;
			w->state[r]->novel += f->state[r]->novel;
		}
	}
	w->off |= f->off;
}

/* --- keeping --- */

static int move_order(const void *a, const void *b)
{
	const struct order_move *x = a, *y = b;

	return x->from != y->from ? (x->from > y->from) - (x->from < y->from)
				  : (x->to > y->to) - (x->to < y->to);
}

static void move_fields(struct archive *a, struct item *item, uint32_t reg)
{
	struct norm *n = item->channel->norm;
	struct order_states *w = item->order.states;
	struct order_state *s = w->state[reg];
	struct order_move m, *known;
	struct order_stay stay;
	uint32_t i = 0, from, to;

	if (!archive_reads(a))
		qsort(s->move, s->moves, sizeof(s->move[0]), move_order);
	if (!archive_list(a, "moves", true, true))
		return;
	while (archive_next(a, i < s->moves)) {
		m = archive_reads(a) ? (struct order_move){0} : s->move[i++];
		stay = m.stay ? *m.stay : (struct order_stay){0};
		m.stay = &stay;
		from = m.from;
		to = m.to;
		archive_count32(a, "from", &from);
		archive_count32(a, "to", &to);
		archive_count32(a, "times", &m.count);
		order_stay_fields(a, &stay);
		if (!archive_reads(a))
			continue;
		m.from = (uint16_t)from;
		m.to = (uint16_t)to;
		if (from > UINT16_MAX || to > UINT16_MAX) {
			archive_wrong(a, "states are numbers up to %d", UINT16_MAX);
			continue;
		}
		known = add(archive_arena(a), w, reg, &m);
		if (known && (stay.own.n || stay.alone))
			order_stay_merge(n, known, &m);
	}
	archive_end(a);
}

/* The next register that moved, and is a state. */
static bool next(struct item **i, uint32_t *reg)
{
	for (; *i; *i = (*i)->next, *reg = 0)
		for (; (*i)->order.states && *reg < REGS; (*reg)++)
			if ((*i)->order.states->state[*reg] &&
			    !((*i)->order.states->off >> *reg & 1))
				return true;
	return false;
}

void order_state_fields(struct archive *a, struct channel *c)
{
	struct order_state spare = {.moves = 0}, *s;
	struct item *i = c->items;
	uint32_t reg = 0, number, at;
	bool more = !archive_reads(a) && next(&i, &reg);

	if (!archive_list(a, "states", false, more))
		return;
	while (archive_next(a, more)) {
		number = more ? i->number : 0;
		at = more ? reg + 1 : 0;
		archive_count32(a, "item", &number);
		archive_count32(a, "place", &at);
		if (archive_reads(a))
			for (i = c->items; i && i->number != number;)
				i = i->next;
		if (!i || at < 1 || at > REGS) {
			archive_wrong(a,
				      "\"item\" is an id of this channel, \"place\" is from 1 "
				      "to %u in what it reads",
				      REGS);
			archive_pass(a);
			continue;
		}
		if (archive_reads(a) && !watch(archive_arena(a), i)->state[at - 1])
			i->order.states->state[at - 1] =
				arena_alloc(archive_arena(a), sizeof(spare));
		s = i->order.states->state[at - 1];
		archive_count(a, "seen", &s->seen);
		archive_count(a, "surprises", &s->novel);
		move_fields(a, i, at - 1);
		reg++;
		more = !archive_reads(a) && next(&i, &reg);
	}
	archive_end(a);
}
