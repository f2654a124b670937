/*
 * How long does a state last? From its beginning to each of the moves that end it, and from what
 * another device did just before: a robot that starts when the other one has let go.
 */
#include "baseline/archive_impl.h"
#include "baseline/order_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SECOND	1e9
#define OFTEN	8u			   /* a move that came so often is timed */
#define ENOUGH	30u			   /* times that say something */
#define STAYS	4096u			   /* timed moves of a norm */
#define LONGEST (60 * INT64_C(1000000000)) /* ns after another device's move */

static void lasts_add(struct order_lasts *l, int64_t ns)
{
	l->least = !l->n || ns < l->least ? ns : l->least;
	l->most = !l->n || ns > l->most ? ns : l->most;
	l->n += l->n < UINT32_MAX;
	l->mean += (ns - l->mean) / (int64_t)l->n;
}

static void lasts_merge(struct order_lasts *l, const struct order_lasts *from)
{
	double share;

	if (!from->n)
		return;
	share = (double)from->n / ((double)l->n + from->n);
	l->mean += (int64_t)((double)(from->mean - l->mean) * share);
	l->least = !l->n || from->least < l->least ? from->least : l->least;
	l->most = !l->n || from->most > l->most ? from->most : l->most;
	l->n += from->n;
}

/* It is always about as long, seen in looks so far apart. */
static bool steady(const struct order_lasts *l, int64_t every)
{
	int64_t spread = l->most - l->least;

	return l->n >= ENOUGH && (spread <= l->mean / 2 || spread <= 3 * every);
}

/* 1 at a quarter of all it differed by, beyond that; half a look and 2 % are always allowed. */
static double lasts_score(const struct order_lasts *l, int64_t ns, int64_t late, int64_t every)
{
	double beyond, margin;

	if (!steady(l, every))
		return 0;
	beyond = (double)((ns < l->least ? l->least - ns : ns - l->most) - late);
	margin = (double)(l->most - l->least) * (0.25 + 8.0 / l->n);
	margin = fmax(fmax(margin, (double)every / 2), (double)l->mean / 50);
	return beyond > 0 && margin > 0 ? fmin(beyond / margin, 4096) : 0;
}

/* n: register, from, to, seconds, least, mean, most, times; text: after what else, in en and ja. */
static void words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		  char *observed, size_t observed_size)
{
	char server[ADDR_STRLEN];

	addr_str(d->server, server);
	if (japanese) {
		snprintf(observed, observed_size,
			 "%s のレジスタ %.0f が %.0f から %.0f に変わりました: %s %.3g 秒後",
			 server, d->n[0], d->n[1], d->n[2],
			 d->text[1] ? d->text[1] : "その状態になってから", d->n[3]);
		snprintf(expected, expected_size, "%.3g ～ %.3g 秒 (平均 %.3g 秒、%.0f 回)",
			 d->n[4], d->n[6], d->n[5], d->n[7]);
		return;
	}
	snprintf(observed, observed_size,
		 "register %.0f of %s went from %.0f to %.0f %.3g s after %s", d->n[0], server,
		 d->n[1], d->n[2], d->n[3], d->text[0] ? d->text[0] : "it came there");
	snprintf(expected, expected_size, "%.3g s to %.3g s (on average %.3g s, %.0f times)",
		 d->n[4], d->n[6], d->n[5], d->n[7]);
}

static void tell(struct baseline *b, const struct sight *s, uint32_t reg,
		 const struct order_move *m, const struct order_lasts *l, int64_t ns, double score)
{
	const struct order_stay *stay = m->stay;
	char server[ADDR_STRLEN], text[2][160];
	struct deviation d = {.what = BASELINE_STATE_DURATION,
			      .detector = BASELINE_ORDER,
			      .score = score,
			      .time = s->time,
			      .frame = s->op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = s->op,
			      .channel = s->channel,
			      .item = s->item,
			      .learned = s->item->seen,
			      .has_value = true,
			      .value = (double)ns / SECOND,
			      .words = words};

	d.learned.count = l->n;
	d.n[0] = (double)(s->item->first + reg);
	d.n[1] = m->from;
	d.n[2] = m->to;
	d.n[3] = (double)ns / SECOND;
	d.n[4] = (double)l->least / SECOND;
	d.n[5] = (double)l->mean / SECOND;
	d.n[6] = (double)l->most / SECOND;
	d.n[7] = l->n;
	if (l == &stay->after) {
		uint64_t other = stay->item->first + stay->reg;

		addr_str(&stay->item->channel->server, server);
		snprintf(text[0], sizeof(text[0]), "register %" PRIu64 " of %s went from %u to %u",
			 other, server, stay->from, stay->to);
		snprintf(text[1], sizeof(text[1]),
			 "%s のレジスタ %" PRIu64 " が %u から %u に変わってから", server, other,
			 stay->from, stay->to);
		d.text[0] = text[0];
		d.text[1] = text[1];
	}
	deviate(b, &d);
}

/* --- what comes before it on another device --- */

static const struct order_stay *before_of(const struct order_stay *stay)
{
	struct order_states *w = stay->item ? stay->item->order.states : NULL;
	const struct order_move *m =
		w && w->state[stay->reg] && !(w->off >> stay->reg & 1)
			? order_move_find(w->state[stay->reg], stay->from, stay->to)
			: NULL;

	return m ? m->stay : NULL;
}

/* ns since it came; -1: it did not, in this state, which began `own` ns ago. */
static int64_t time_after(const struct order_stay *before, int64_t own, int64_t time)
{
	if (!before || !before->last || time - before->last >= own || time < before->last ||
	    time - before->last > LONGEST)
		return -1;
	return time - before->last;
}

static struct order_recent *recent_of(struct norm *n, const struct addr *client)
{
	uint64_t at = hash_bytes(client->b, sizeof(client->b), 0) % ORDER_RECENT;

	return &n->order.recent[at];
}

/* The last move of another device of the same client. */
static const struct order_recent_move *other(const struct order_recent *r, const struct sight *s)
{
	unsigned i;

	if (memcmp(&r->client, s->client, sizeof(r->client)))
		return NULL;
	for (i = 0; i < 2 && r->move[i].item; i++)
		if (memcmp(&r->move[i].item->channel->server, s->server, sizeof(*s->server)))
			return &r->move[i];
	return NULL;
}

static void note(struct order_recent *r, const struct sight *s, uint32_t reg, uint16_t from,
		 uint16_t to)
{
	struct order_recent_move m = {s->item, s->time, reg, from, to};

	if (memcmp(&r->client, s->client, sizeof(r->client)))
		*r = (struct order_recent){.client = *s->client};
	if (r->move[0].item == s->item && r->move[0].time == s->time)
		return; /* of several at once the first register */
	if (r->move[0].item &&
	    memcmp(&r->move[0].item->channel->server, s->server, sizeof(*s->server)))
		r->move[1] = r->move[0];
	r->move[0] = m;
}

/* --- one move --- */

/* The longer time between two looks, at this and at what comes before it. */
static int64_t slower(const struct order_stay *stay, int64_t every)
{
	int64_t others = order_looks_every(stay->item);

	return others > every ? others : every;
}

static void go_alone(struct order_stay *stay)
{
	stay->alone = true;
	stay->item = NULL;
	stay->misses = 0;
	memset(&stay->after, 0, sizeof(stay->after));
}

static void learn(struct order_stay *stay, const struct sight *s, int64_t own, int64_t late,
		  int64_t every)
{
	const struct order_stay *before = before_of(stay);
	const struct order_recent_move *m;
	int64_t after = time_after(before, own, s->time);

	if (own >= 0 && late <= every / 2)
		lasts_add(&stay->own, own);
	if (after >= 0) {
		if (late + before->late <= every / 2)
			lasts_add(&stay->after, after);
		if (stay->after.n >= ENOUGH && !steady(&stay->after, slower(stay, every)))
			go_alone(stay);
		return;
	}
	if (stay->alone)
		return;
	stay->misses += stay->item != NULL;
	if (stay->item && stay->misses <= stay->after.n + 4)
		return;
	m = other(recent_of(s->norm, s->client), s);
	if (!m || s->time - m->time >= own || s->time - m->time > LONGEST)
		return;
	stay->item = m->item;
	stay->reg = m->reg;
	stay->from = m->from;
	stay->to = m->to;
	stay->misses = 0;
	memset(&stay->after, 0, sizeof(stay->after));
}

static void judge(struct baseline *b, const struct sight *s, uint32_t reg,
		  const struct order_move *m, int64_t own, int64_t late, int64_t every)
{
	const struct order_stay *stay = m->stay, *before = before_of(stay);
	int64_t after = time_after(before, own, s->time);
	double score = own >= 0 ? lasts_score(&stay->own, own, late, every) : 0;

	if (score >= 1)
		tell(b, s, reg, m, &stay->own, own, score);
	if (after < 0 || stay->misses * 10 > stay->after.n)
		return;
	score = lasts_score(&stay->after, after, late + before->late, slower(stay, every));
	if (score >= 1)
		tell(b, s, reg, m, &stay->after, after, score);
}

static struct order_stay *stay_make(struct norm *n, struct order_move *m)
{
	if (!m->stay && n->order.stays < STAYS) {
		m->stay = arena_alloc(&n->baseline->arena, sizeof(*m->stay));
		n->order.stays++;
	}
	return m->stay;
}

void order_stay_see(struct baseline *b, const struct sight *s, uint32_t reg, uint16_t from,
		    uint16_t to, int64_t late, bool learning)
{
	struct order_state *st = s->item->order.states->state[reg];
	struct order_move *m = st ? order_move_find(st, from, to) : NULL;
	int64_t own = st && st->since ? s->time - st->since : -1;
	int64_t every = order_looks_every(s->item);

	/* what changes all the time is no state */
	if (!st || st->seen * 4 > s->item->seen.count)
		return;
	if (m && learning && m->count >= OFTEN)
		stay_make(s->norm, m);
	if (m && m->stay && learning)
		learn(m->stay, s, own, late, every);
	else if (m && m->stay)
		judge(b, s, reg, m, own, late, every);
	if (!learning && b->state != BASELINE_FROZEN)
		return;
	if (m && m->stay) {
		m->stay->last = s->time;
		m->stay->late = late;
	}
	note(recent_of(s->norm, s->client), s, reg, from, to);
}

void order_stay_resume(struct order_state *s)
{
	uint32_t i;

	s->since = 0;
	for (i = 0; i < s->moves; i++)
		if (s->move[i].stay)
			s->move[i].stay->last = 0;
}

/* --- adding --- */

void order_stay_merge(struct norm *n, struct order_move *to, const struct order_move *from)
{
	if (!from->stay || !stay_make(n, to))
		return;
	lasts_merge(&to->stay->own, &from->stay->own);
	if (from->stay->alone)
		go_alone(to->stay);
}

/* Both are known of the same move. */
static void merge_after(struct order_stay *to, const struct order_stay *from, struct item *before)
{
	bool same = to->item == before && to->reg == from->reg && to->from == from->from &&
		    to->to == from->to;

	if (to->alone)
		return;
	if (same || !to->item) {
		to->item = before;
		to->reg = from->reg;
		to->from = from->from;
		to->to = from->to;
		to->misses += from->misses;
		lasts_merge(&to->after, &from->after);
	} else {
		to->misses += from->misses + from->after.n; /* it came after something else */
	}
}

/* --- all timed moves, in the order of the text --- */

struct place {
	const struct channel *channel;
	struct item *item;
	uint32_t reg, move;
};

static struct order_move *move_at(const struct place *p)
{
	struct order_states *w = p->item->order.states;

	return &w->state[p->reg]->move[p->move];
}

/* From p on, the first one that comes after a move of another device. */
static bool next(struct place *p)
{
	struct order_states *w;

	for (; p->channel;
	     p->channel = p->channel->next, p->item = p->channel ? p->channel->items : NULL)
		for (; p->item; p->item = p->item->next, p->reg = 0)
			for (w = p->item->order.states; w && p->reg < STATE_REGS;
			     p->reg++, p->move = 0)
				for (; w->state[p->reg] && !(w->off >> p->reg & 1) &&
				       p->move < w->state[p->reg]->moves;
				     p->move++)
					if (move_at(p)->stay && move_at(p)->stay->item)
						return true;
	return false;
}

static struct place first(const struct norm *n)
{
	return (struct place){n->channels, n->channels ? n->channels->items : NULL, 0, 0};
}

/* A move of an item of this norm; NULL: it is no state here. */
static struct order_move *move_of(struct item *i, uint32_t reg, uint16_t from, uint16_t to)
{
	struct order_states *w = i->order.states;

	return w && w->state[reg] && !(w->off >> reg & 1) ? order_move_find(w->state[reg], from, to)
							  : NULL;
}

static struct item *counterpart(struct norm *to, const struct item *i)
{
	const struct channel *c = i->channel;
	struct channel *own = channel_find(to, &c->client, &c->server, c->proto, c->unit);

	return own ? item_add(own, i) : NULL;
}

void order_stay_merge_norm(struct norm *to, const struct norm *from)
{
	const struct order_move *theirs;
	struct item *own, *before;
	struct order_move *m;
	struct place p;

	for (p = first(from); next(&p); p.move++) {
		theirs = move_at(&p);
		own = counterpart(to, p.item);
		before = counterpart(to, theirs->stay->item);
		m = own ? move_of(own, p.reg, theirs->from, theirs->to) : NULL;
		if (m && before && stay_make(to, m))
			merge_after(m->stay, theirs->stay, before);
	}
}

/* --- keeping --- */

static void lasts_fields(struct archive *a, struct order_lasts *l, const char *times)
{
	archive_count32(a, times, &l->n);
	archive_span(a, "mean", &l->mean);
	archive_span(a, "least", &l->least);
	archive_span(a, "most", &l->most);
}

void order_stay_fields(struct archive *a, struct order_stay *s)
{
	lasts_fields(a, &s->own, "timed");
	archive_flag(a, "follows-nothing", &s->alone);
}

/* A move as the text says it. */
struct said {
	struct addr server;
	const char *proto, *unit;
	uint32_t item, place, from, to;
	char digits[16];
};

static void said_fields(struct archive *a, struct said *s, bool before)
{
	archive_addr(a, before ? "after-server" : "server", &s->server);
	archive_proto(a, before ? "after-protocol" : "protocol", &s->proto);
	archive_text(a, before ? "after-unit" : "unit", &s->unit);
	archive_count32(a, before ? "after-item" : "item", &s->item);
	archive_count32(a, before ? "after-place" : "place", &s->place);
	archive_count32(a, before ? "after-from" : "from", &s->from);
	archive_count32(a, before ? "after-to" : "to", &s->to);
}

static void say(struct said *s, const struct item *i, uint32_t reg, uint16_t from, uint16_t to)
{
	const struct channel *c = i->channel;

	*s = (struct said){c->server, c->proto, NULL, i->number, reg + 1, from, to, ""};
	snprintf(s->digits, sizeof(s->digits), "%" PRId32, c->unit);
	s->unit = c->unit >= 0 ? s->digits : NULL;
}

static struct order_move *meant(struct norm *n, const struct addr *client, const struct said *s,
				struct item **item)
{
	long unit = s->unit ? strtol(s->unit, NULL, 10) : -1;
	const struct channel *c = NULL;
	struct item *i;

	if (s->proto && unit >= -1 && unit <= INT32_MAX)
		c = channel_find(n, client, &s->server, s->proto, (int32_t)unit);
	for (i = c ? c->items : NULL; i && i->number != s->item;)
		i = i->next;
	*item = i;
	if (!i || s->place < 1 || s->place > STATE_REGS || s->from > UINT16_MAX ||
	    s->to > UINT16_MAX)
		return NULL;
	return move_of(i, s->place - 1, (uint16_t)s->from, (uint16_t)s->to);
}

static void read_after(struct norm *n, struct archive *a, const struct addr *client,
		       const struct said said[2], const struct order_stay *what)
{
	struct order_move *m, *before;
	struct item *own, *item;

	m = meant(n, client, &said[0], &own);
	before = meant(n, client, &said[1], &item);
	if (!m || !before) {
		archive_wrong(a, "this client's channels have no such states");
		return;
	}
	if (!stay_make(n, m) || !stay_make(n, before))
		return;
	m->stay->alone = false;
	m->stay->item = item;
	m->stay->reg = said[1].place - 1;
	m->stay->from = before->from;
	m->stay->to = before->to;
	m->stay->misses = what->misses;
	m->stay->after = what->after;
}

void order_stay_norm_fields(struct archive *a, struct norm *n)
{
	struct place p = first(n);
	bool more = !archive_reads(a) && next(&p);
	struct order_stay what;
	struct addr client;
	struct said said[2];

	if (!archive_list(a, "one-after-the-other", true, more))
		return;
	while (archive_next(a, more)) {
		memset(&what, 0, sizeof(what));
		memset(said, 0, sizeof(said));
		memset(&client, 0, sizeof(client));
		if (more) {
			const struct order_move *m = move_at(&p);

			what = *m->stay;
			client = p.channel->client;
			say(&said[0], p.item, p.reg, m->from, m->to);
			say(&said[1], what.item, what.reg, what.from, what.to);
		}
		archive_addr(a, "client", &client);
		said_fields(a, &said[0], false);
		said_fields(a, &said[1], true);
		lasts_fields(a, &what.after, "times");
		archive_count32(a, "without", &what.misses);
		if (archive_reads(a))
			read_after(n, a, &client, said, &what);
		p.move += more;
		more = !archive_reads(a) && next(&p);
	}
	archive_end(a);
}
