/* Hosts: who has gone silent, and the wheel that brings up what may be late. */
#include "baseline/timing_inside.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_BUCKETS 64u
#define QUIET	      (10 * TIMING_SECOND) /* without anything at all: nobody could be heard */
#define HOST_LATE     3.0  /* a host is told from that score on: less is its items' */
#define HOST_UNIT     1.0  /* s; least unit of the score of a host */
#define REHEARSED     60.0 /* highest score while learning: no pause then makes longer ones untold */
#define SELDOM	      240.0 /* s; from then on it is told again when it is so many times as long */
#define AGAIN_SELDOM  4.0
#define ITEM_UNIT     0.02

/* --- the table --- */

static struct timing_host *host_at(const struct norm *n, uint64_t key, const struct addr *a)
{
	struct timing_host *h = n->timing.bucket ? n->timing.bucket[key & n->timing.mask] : NULL;

	while (h && (h->key != key || !addr_eq(&h->addr, a)))
		h = h->bucket;
	return h;
}

static uint64_t host_key(const struct norm *n, const struct addr *a)
{
	return hash_bytes(a->b, sizeof(a->b), n->baseline->limits.key);
}

struct timing_host *timing_host_find(const struct norm *n, const struct addr *a)
{
	return host_at(n, host_key(n, a), a);
}

/* Twice the buckets when there is one host in each. False: there is no table. */
static bool grow(struct timing_norm *t)
{
	uint32_t mask = t->bucket ? t->mask * 2 + 1 : FIRST_BUCKETS - 1;
	struct timing_host **b, *h;

	if (t->bucket && t->host_count <= t->mask)
		return true;
	b = calloc((size_t)mask + 1, sizeof(struct timing_host *));
	if (!b)
		return t->bucket;
	for (h = t->hosts; h; h = h->next) {
		h->bucket = b[h->key & mask];
		b[h->key & mask] = h;
	}
	free(t->bucket);
	t->bucket = b;
	t->mask = mask;
	return true;
}

struct timing_host *timing_host_get(struct norm *n, const struct addr *a)
{
	struct timing_norm *t = &n->timing;
	uint64_t key = host_key(n, a);
	struct timing_host *h = host_at(n, key, a);

	if (h)
		return h;
	if (t->host_count >= n->baseline->limits.hosts) {
		n->refused++;
		return NULL;
	}
	if (norm_is_full(n) || !grow(t))
		return NULL;
	h = arena_alloc(&n->baseline->arena, sizeof(*h));
	h->addr = *a;
	h->key = key;
	h->cause = set_cause(a);
	h->clock.host = true;
	h->bucket = t->bucket[key & t->mask];
	t->bucket[key & t->mask] = h;
	if (!t->last_host)
		t->last_host = &t->hosts;
	*t->last_host = h;
	t->last_host = &h->next;
	t->host_count++;
	return h;
}

/* --- clocks --- */

static double unit(const struct timing_clock *c)
{
	/* what may pause for long may pause a little longer */
	return fmax(fmax((double)c->period, (double)c->limit / 3), c->host ? HOST_UNIT : ITEM_UNIT);
}

double timing_late(const struct timing_clock *c, double elapsed)
{
	if (c->limit <= 0 || elapsed <= (double)c->limit)
		return 0;
	return 1 + (elapsed - (double)c->limit) / unit(c);
}

static double least(const struct timing_clock *c)
{
	return c->host ? HOST_LATE : TIMING_LATE;
}

/* The score at which it is told once more; not past the one from which on anybody hears it. */
static double target(const struct norm *n, const struct timing_clock *c)
{
	const double *threshold = n->baseline->budget.threshold;
	double edge = threshold[c->host ? BASELINE_HOST_SILENT : BASELINE_CYCLE_MISSING];
	bool long_ago = ((double)c->told - 1) * unit(c) > SELDOM;
	double next = (double)c->told * (long_ago ? AGAIN_SELDOM : TIMING_AGAIN);

	next = (double)c->told < edge && edge < next ? edge : next;
	return fmax(next, least(c));
}

/* ns from when it was heard until it has that score. */
static int64_t wait_for(const struct timing_clock *c, double score)
{
	return (int64_t)(fmin((double)c->limit + (score - 1) * unit(c), 1e9) * 1e9);
}

void timing_wind(struct norm *n, struct timing_clock *c)
{
	struct timing_norm *t = &n->timing;
	int64_t from = c->last > t->deaf ? c->last : t->deaf, due, soon, second;

	if (c->wound || !c->last || c->limit <= 0)
		return;
	if (!t->at)
		t->at = t->now / TIMING_SECOND;
	/* it may come back at any time, and be silent anew */
	due = from + wait_for(c, target(n, c));
	soon = t->now + wait_for(c, least(c));
	second = (due < soon ? due : soon) / TIMING_SECOND + 1;
	if (second <= t->at)
		second = t->at + 1;
	if (second >= t->at + TIMING_WHEEL)
		second = t->at + TIMING_WHEEL - 1;
	c->next = t->wheel[second % TIMING_WHEEL];
	t->wheel[second % TIMING_WHEEL] = c;
	c->wound = true;
}

/* Nothing at all for much longer than what comes most often, or time that goes backwards. */
void timing_now(struct norm *n, int64_t time)
{
	struct timing_norm *t = &n->timing;
	int64_t lull = time - t->now;

	if (lull < -TIMING_SECOND || (lull >= QUIET && (double)lull > 3e9 * (double)t->fastest))
		t->deaf = time;
	t->now = time;
}

/* --- silence --- */

void timing_host_heard(struct norm *n, struct timing_host *h, int64_t time)
{
	if (h->clock.told > 0)
		h->back = time;
	h->clock.told = 0;
	h->clock.last = time;
	timing_wind(n, &h->clock);
}

void timing_host_pace(struct timing_host *h, const struct item *i)
{
	const struct timing_clock *k = &i->timing_run.clock;
	struct timing_norm *t = &i->channel->norm->timing;

	if (!h ||
	    (h->pace != i && (k->limit <= 0 || (h->clock.limit > 0 && k->limit >= h->clock.limit))))
		return;
	h->pace = i;
	if (k->limit > 0 && (t->fastest <= 0 || k->limit < t->fastest))
		t->fastest = k->limit;
	h->clock.period = k->period;
	h->clock.limit = k->limit;
}

bool timing_hosts_were_silent(const struct timing_channel *c, int64_t last)
{
	return (c->client && c->client->back > last) ||
	       (c->server && (c->server->back > last || c->server->clock.told > 0));
}

/* Nothing came from it when something should have: what it does not say now is no news. */
static bool quiet(const struct norm *n, const struct timing_host *h, int64_t time)
{
	double elapsed;

	if (!h || !h->clock.last || h->clock.limit <= 0)
		return false;
	elapsed = (double)timing_elapsed(n, &h->clock, time) / 1e9;
	return elapsed > (double)h->clock.limit + (double)h->clock.period / 2;
}

static bool owes_answer(const struct timing_host *h)
{
	return h->asked > h->clock.last;
}

/* Two that speak with each other are silent: whose doing is it? */
static bool is_to_blame(const struct norm *n, const struct timing_host *h, int64_t time)
{
	const struct timing_host *o = h->other;

	if (owes_answer(h) || !o || !quiet(n, o, time))
		return true;
	if (owes_answer(o))
		return false;
	/* who asks nobody any more; of two that ask each other either */
	return !h->asked || (o->asked && o->cause > h->cause);
}

static void host_late(struct baseline *b, struct norm *n, struct timing_host *h, double score,
		      int64_t time)
{
	const struct timing_stat *m = timing_modes_cyclic(h->pace->timing.mode);
	bool learning = b->state == BASELINE_LEARNING;
	struct deviation d = {.what = owes_answer(h) ? BASELINE_DEVICE_SILENT
						     : BASELINE_HOST_SILENT,
			      .detector = BASELINE_TIMING,
			      .score = learning ? fmin(score, REHEARSED) : score,
			      .time = time,
			      .client = &h->addr,
			      .cause = h->cause,
			      .learned = h->seen,
			      .words = timing_words_silent};

	if (!is_to_blame(n, h, time))
		return;
	d.n[0] = (double)(time - h->clock.last) / 1e9;
	d.n[1] = (double)h->clock.period;
	d.n[2] = m ? (double)m->min : 0;
	d.n[3] = (double)h->clock.limit;
	d.n[4] = (double)h->seen.count;
	d.n[5] = owes_answer(h);
	deviate(b, &d);
}

static struct timing_host *host_of(struct timing_clock *c)
{
	return (struct timing_host *)((char *)c - offsetof(struct timing_host, clock));
}

static struct item *item_of(struct timing_clock *c)
{
	return (struct item *)((char *)c - offsetof(struct item, timing_run.clock));
}

/* That host has said nothing since it was due either. */
static bool waits_for(const struct norm *n, const struct timing_host *h,
		      const struct timing_clock *c, int64_t time)
{
	return quiet(n, h, time) && h->clock.last < c->last + (int64_t)((double)c->limit * 1e9);
}

/* Since it was heard, or its hosts came back. */
static void item_late(struct baseline *b, struct norm *n, struct item *i, int64_t time)
{
	const struct timing_channel *hosts = &i->channel->timing;
	struct timing_clock *c = &i->timing_run.clock;
	int64_t elapsed = timing_elapsed(n, c, time);
	double score;

	if (waits_for(n, hosts->client, c, time) || waits_for(n, hosts->server, c, time))
		return; /* theirs; or told when it comes */
	if (hosts->client && time - hosts->client->back < elapsed)
		elapsed = time - hosts->client->back;
	if (hosts->server && time - hosts->server->back < elapsed)
		elapsed = time - hosts->server->back;
	score = timing_late(c, (double)elapsed / 1e9);
	if (score < target(n, c))
		return;
	c->told = (float)score;
	timing_item_late(b, i, score, (double)elapsed / 1e9, time, NULL);
}

static void look_at(struct baseline *b, struct norm *n, struct timing_clock *c, int64_t time)
{
	double elapsed = (double)timing_elapsed(n, c, time) / 1e9, score = timing_late(c, elapsed);

	c->wound = false;
	if (!c->last || score < target(n, c))
		return;
	if (c->host) {
		c->told = (float)score;
		host_late(b, n, host_of(c), score, time);
	} else {
		item_late(b, n, item_of(c), time);
	}
}

/* From the first clock of one second to the next: what is wound anew goes to a later second. */
void timing_tick(struct baseline *b, struct norm *n, int64_t time)
{
	struct timing_norm *t = &n->timing;
	int64_t second = time / TIMING_SECOND, to;
	struct timing_clock *c, *next;

	timing_now(n, time);
	if (!t->at || second < t->at) { /* nothing learned yet, or time went backwards */
		t->at = second;
		return;
	}
	to = second - t->at < TIMING_WHEEL ? second : t->at + TIMING_WHEEL;
	if (to < second)
		t->at += second - to;
	while (t->at < second) {
		t->at++;
		c = t->wheel[t->at % TIMING_WHEEL];
		t->wheel[t->at % TIMING_WHEEL] = NULL;
		for (; c; c = next) {
			next = c->next;
			look_at(b, n, c, time);
			timing_wind(n, c);
		}
	}
}
