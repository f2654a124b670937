/*
 * Is it time for this? Items: the intervals they come at.
 */
#include "baseline/timing.h"

#include "baseline/archive.h"
#include "baseline/timing_inside.h"

#include <math.h>
#include <stdlib.h>

#define WINDOWS	    4	 /* learned, before another is compared with them */
#define WINDOWS_SUM 16	 /* before they are added up */
#define SLACK	    0.9	 /* an item may come by so much faster than it ever did */
#define AHEAD	    2	 /* ops: it always may be that far ahead */
#define AHEAD_MAX   64	 /* ops beyond the edge that are counted */
#define PACE_UNIT   5e-3 /* least units of scores */
#define JITTER_UNIT 1e-2
#define REHEARSED   10.0 /* highest score of a pause while learning: then it is the item's own */
#define SUM_STEP    0.75 /* spreads that a window may be away from the mean without adding up */
#define SUM_EDGE    8.0	 /* spreads; windows that add up to more are drifting */

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

static struct timing_host *speaker(const struct item *i)
{
	return i->from_server ? i->channel->timing.server : i->channel->timing.client;
}

/* What the intervals say about when it should come again. */
static void set_clock(struct item *i)
{
	const struct timing_stat *m = timing_modes_cyclic(i->timing.mode);
	struct timing_clock *k = &i->timing_run.clock;
	const struct channel *c = i->channel;

	k->period = m ? m->mean : 0;
	k->limit = m ? (float)timing_modes_longest(i->timing.mode) : 0;
	timing_host_pace(speaker(i), i);
	/* whoever is asked answers at the same pace; of one that never did nothing is expected */
	if (i->role == OP_REQUEST)
		timing_host_pace(c->timing.server, i);
}

static void get_ready(struct item *i)
{
	i->timing_run.ready = true;
	set_clock(i);
}

/* What is wrong with how it speaks is one event of the speaker; what is missing one of the channel.
 */
static struct deviation about(const struct item *i, enum baseline_finding what, double score,
			      int64_t time, const struct op *op)
{
	const struct timing_host *h = what == BASELINE_CYCLE_MISSING ? NULL : speaker(i);
	struct deviation d = {.what = what,
			      .detector = BASELINE_TIMING,
			      .score = score,
			      .time = time,
			      .frame = op ? op->frame : 0,
			      .client = &i->channel->client,
			      .server = &i->channel->server,
			      .op = op,
			      .channel = i->channel,
			      .item = i,
			      .cause = h ? h->cause : 0,
			      .learned = i->seen};

	if (!h)
		d.cause = baseline_channel_key(&d);
	return d;
}

/* n: as timing_words.c says of every finding about intervals. */
static void tell(struct baseline *b, struct deviation *d, double observed, double reference)
{
	const struct timing_stat *m = timing_modes_near(d->item->timing.mode, reference);

	d->n[0] = observed;
	if (m) {
		d->n[1] = (double)m->mean;
		d->n[2] = (double)m->min;
		d->n[3] = (double)m->max;
		d->n[4] = m->count;
	}
	deviate(b, d);
}

void timing_item_late(struct baseline *b, struct item *i, double score, double elapsed,
		      int64_t time, const struct op *op)
{
	bool learning = b->state == BASELINE_LEARNING;
	struct deviation d = about(i, BASELINE_CYCLE_MISSING,
				   learning ? fmin(score, REHEARSED) : score, time, op);

	d.words = timing_words_missing;
	tell(b, &d, elapsed, (double)i->timing_run.clock.period);
}

/* It comes too often for its fastest pace: how far ahead of that it is. */
static void check_extra(struct baseline *b, const struct sight *s, double x)
{
	const struct timing_model *m = &s->item->timing;
	struct timing_run *r = &s->item->timing_run;
	double ahead = (double)r->ahead, edge = fmax(AHEAD, (double)m->ahead), score;
	struct deviation d;

	if (m->fastest <= 0)
		return;
	ahead = fmax(0, ahead + 1 - x / (SLACK * (double)m->fastest));
	ahead = fmin(ahead, edge + AHEAD_MAX);
	r->ahead = (float)ahead;
	if (ahead <= edge) {
		r->ahead_told = 0;
		return;
	}
	score = 1 + (ahead - edge) / fmax(1, edge / 3);
	if (score < (double)r->ahead_told * TIMING_AGAIN)
		return;
	r->ahead_told = (float)score;
	d = about(s->item, BASELINE_CYCLE_EXTRA, score, s->time, s->op);
	d.words = timing_words_extra;
	d.n[0] = x;
	d.n[1] = (double)m->fastest;
	d.n[2] = ahead;
	d.n[3] = edge;
	d.n[4] = timing_modes_count(m->mode);
	deviate(b, &d);
}

/* Windows that all lie a little on one side: still inside, but on the way out. */
static void check_drift(struct baseline *b, const struct sight *s, double pace)
{
	const struct timing_model *m = &s->item->timing;
	struct timing_run *r = &s->item->timing_run;
	double unit = fmax(timing_stat_spread(&m->pace), PACE_UNIT / 4), z, sum, edge, mean;
	struct deviation d;

	if (m->pace.count < WINDOWS_SUM)
		return;
	mean = (double)m->pace.mean;
	z = fmax(-3, fmin(3, (pace - mean) / unit));
	edge = fmax(SUM_EDGE, 1.5 * (double)m->drift);
	r->up = (float)fmin(4 * edge, fmax(0, (double)r->up + z - SUM_STEP));
	r->down = (float)fmin(4 * edge, fmax(0, (double)r->down - z - SUM_STEP));
	sum = fmax((double)r->up, (double)r->down);
	if (sum <= edge)
		return;
	d = about(s->item, BASELINE_CYCLE_SHIFTED, sum / edge, s->time, s->op);
	d.early = true;
	d.words = timing_words_shifted;
	d.n[5] = pace;
	tell(b, &d, pace * (double)r->clock.period, (double)r->clock.period);
}

static void check_window(struct baseline *b, const struct sight *s, double pace, double jitter)
{
	const struct timing_model *m = &s->item->timing;
	double period = (double)s->item->timing_run.clock.period, score;
	struct deviation d;

	if (period <= 0 || m->pace.count < WINDOWS)
		return;
	score = timing_stat_beyond(&m->pace, pace, 0, PACE_UNIT);
	if (score > 0) {
		d = about(s->item, BASELINE_CYCLE_SHIFTED, score, s->time, s->op);
		d.words = timing_words_shifted;
		d.n[5] = pace;
		tell(b, &d, pace * period, period);
	}
	check_drift(b, s, pace);
	score = timing_stat_beyond(&m->jitter, jitter, 1, JITTER_UNIT);
	if (score > 0) {
		d = about(s->item, BASELINE_CYCLE_UNSTEADY, score, s->time, s->op);
		d.words = timing_words_unsteady;
		d.n[5] = jitter;
		d.n[6] = (double)m->jitter.mean;
		d.n[7] = (double)m->jitter.max;
		tell(b, &d, jitter * period, period);
	}
}

static void check_windows(struct baseline *b, const struct sight *s, double x)
{
	const struct timing_stat *kind = timing_modes_near(s->item->timing.mode, x);
	struct timing_run *r = &s->item->timing_run;
	struct timing_norm *t = &s->norm->timing;
	float off;

	if (!kind)
		return;
	off = (float)(x / (double)kind->mean - 1);
	r->pace += off;
	r->jitter += fabsf(off);
	r->taken += (float)x;
	if (fabsf(off) > fabsf(r->oddest))
		r->oddest = off;
	if (++r->intervals < TIMING_WINDOW)
		return;
	/* one that is far off is no trend */
	t->just.window = true;
	t->just.pace = 1 + (r->pace - r->oddest) / (TIMING_WINDOW - 1);
	t->just.jitter = (r->jitter - fabsf(r->oddest)) / (TIMING_WINDOW - 1);
	t->just.taken = r->taken / TIMING_WINDOW;
	r->pace = r->jitter = r->taken = r->oddest = 0;
	r->intervals = 0;
	check_window(b, s, (double)t->just.pace, (double)t->just.jitter);
}

static void check_interval(struct baseline *b, const struct sight *s)
{
	struct item *i = s->item;
	struct timing_clock *k = &i->timing_run.clock;
	struct norm *n = s->norm;
	double x = seconds(s->time - k->last), late;

	if (k->last && s->time >= k->last) {
		late = timing_late(k, x);
		if (timing_hosts_were_silent(&i->channel->timing, k->last))
			late = x = -1; /* it is the host's */
		if (late >= TIMING_LATE && late > (double)k->told && k->last >= n->timing.deaf)
			timing_item_late(b, i, late, x, s->time, s->op);
		if (x >= 0 && timing_modes_count(i->timing.mode) >= TIMING_ENOUGH) {
			check_extra(b, s, x);
			check_windows(b, s, x);
		}
		n->timing.just.interval = (float)x;
	}
	k->last = s->time;
	k->told = 0;
	timing_wind(n, k);
}

static void find_hosts(const struct baseline *b, struct channel *c)
{
	bool learning = b->state == BASELINE_LEARNING;
	struct timing_channel *t = &c->timing;

	if (!t->client)
		t->client = learning ? timing_host_get(c->norm, &c->client)
				     : timing_host_find(c->norm, &c->client);
	if (!t->server)
		t->server = learning ? timing_host_get(c->norm, &c->server)
				     : timing_host_find(c->norm, &c->server);
}

static void hear_hosts(struct channel *c, const struct op *op, int64_t time)
{
	struct timing_host *client = c->timing.client, *server = c->timing.server;
	struct timing_host *h = op->from_server ? server : client;

	if (h)
		timing_host_heard(c->norm, h, time);
	if (!client || !server || op->role == OP_RESPONSE)
		return;
	client->other = server;
	server->other = client;
	if (op->role == OP_REQUEST && !op->from_server)
		server->asked = time;
}

void timing_check(struct baseline *b, const struct sight *s)
{
	struct norm *n = s->norm;

	timing_now(n, s->time);
	memset(&n->timing.just, 0, sizeof(n->timing.just));
	n->timing.just.interval = -1;
	if (!s->channel)
		return;
	find_hosts(b, s->channel);
	hear_hosts(s->channel, s->op, s->time);
	if (!s->item)
		return;
	if (!s->item->timing_run.ready)
		get_ready(s->item);
	if (s->op->role != OP_RESPONSE)
		check_interval(b, s);
	timing_answer_check(b, s);
}

static void learn_interval(struct item *i, const struct timing_norm *t)
{
	struct timing_model *m = &i->timing;
	float drift = fmaxf(i->timing_run.up, i->timing_run.down);

	timing_modes_add(m->mode, (double)t->just.interval);
	m->ahead = fmaxf(m->ahead, i->timing_run.ahead);
	if (t->just.window) {
		timing_stat_add(&m->pace, (double)t->just.pace);
		timing_stat_add(&m->jitter, (double)t->just.jitter);
		if (m->fastest <= 0 || t->just.taken < m->fastest)
			m->fastest = t->just.taken;
		m->drift = fmaxf(m->drift, drift);
	}
	if (i->seen.count % 8 == 0) {
		set_clock(i);
		timing_wind(i->channel->norm, &i->timing_run.clock);
	}
}

void timing_learn(struct baseline *b, const struct sight *s)
{
	struct timing_norm *t = &s->norm->timing;
	struct timing_host *h =
		s->op->from_server ? s->channel->timing.server : s->channel->timing.client;

	(void)b;
	if (h)
		tally_see(&h->seen, s->time);
	if (!s->item)
		return;
	if (t->just.interval >= 0)
		learn_interval(s->item, t);
	timing_answer_learn(s);
}

/* --- beginning anew, ending, adding --- */

void timing_resume(struct norm *n, int64_t time)
{
	struct timing_host *h;
	struct channel *c;
	struct item *i;

	for (c = n->channels; c; c = c->next) {
		for (i = c->items; i; i = i->next) {
			i->timing_run.clock.last = 0;
			i->timing_run.clock.told = 0;
			i->timing_run.pending = false;
		}
	}
	for (h = n->timing.hosts; h; h = h->next) {
		h->clock.last = h->asked = 0;
		h->clock.told = 0;
	}
	n->timing.now = n->timing.deaf = time;
}

void timing_settle(struct norm *n)
{
	struct timing_host *h;
	struct channel *c;
	struct item *i;

	for (h = n->timing.hosts; h; h = h->next)
		timing_rate_close(h);
	for (c = n->channels; c; c = c->next) {
		for (i = c->items; i; i = i->next) {
			timing_modes_sort(i->timing.mode);
			set_clock(i);
		}
	}
}

static void merge_model(struct timing_model *m, const struct timing_model *from)
{
	timing_modes_merge(m->mode, from->mode);
	timing_stat_merge(&m->pace, &from->pace);
	timing_stat_merge(&m->jitter, &from->jitter);
	timing_stat_merge(&m->answer, &from->answer);
	if (m->fastest <= 0 || (from->fastest > 0 && from->fastest < m->fastest))
		m->fastest = from->fastest;
	m->ahead = fmaxf(m->ahead, from->ahead);
	m->drift = fmaxf(m->drift, from->drift);
	m->asked += from->asked;
	m->errors += from->errors;
	m->lost += from->lost;
	m->worst_errors =
		from->worst_errors > m->worst_errors ? from->worst_errors : m->worst_errors;
	m->worst_lost = from->worst_lost > m->worst_lost ? from->worst_lost : m->worst_lost;
}

static void merge_host(struct timing_host *h, const struct timing_host *from)
{
	unsigned r;

	tally_merge(&h->seen, &from->seen);
	for (r = 0; r < TIMING_RATES; r++) {
		timing_stat_merge(&h->rate[r], &from->rate[r]);
		if (from->amount[r] > 0)
			timing_stat_add(&h->rate[r], from->amount[r]);
	}
}

bool timing_merge(struct norm *to, const struct norm *from)
{
	const struct timing_host *h;
	const struct channel *c;
	const struct item *i;
	struct timing_host *host;
	struct channel *channel;
	struct item *item;

	for (h = from->timing.hosts; h; h = h->next) {
		host = timing_host_get(to, &h->addr);
		if (host)
			merge_host(host, h);
	}
	for (c = from->channels; c; c = c->next) {
		channel = channel_find(to, &c->client, &c->server, c->proto, c->unit);
		for (i = channel ? c->items : NULL; i; i = i->next) {
			item = item_add(channel, i);
			if (!item)
				continue;
			merge_model(&item->timing, &i->timing);
			item->timing_run.ready = false;
		}
	}
	return true;
}

void timing_norm_free(struct norm *n)
{
	free(n->timing.bucket);
}
