/* Of one host, in ten minutes: conversations it opened, bytes they moved, servers it spoke with. */
#include "baseline/timing_inside.h"

#include <math.h>

#define SLOT  (600 * TIMING_SECOND)
#define SLOTS 6 /* learned, before another is compared with them */

/* Units of scores: the least, and the least part of the most that was learned. */
static const struct {
	double least, part;
	enum baseline_finding what;
} unit[TIMING_RATES] = {
	[TIMING_SESSIONS] = {2, 0.1, BASELINE_RATE},
	[TIMING_BYTES] = {65536, 0.2, BASELINE_RATE},
	[TIMING_SERVERS] = {1, 0.1, BASELINE_FAN_OUT},
};

void timing_rate_close(struct timing_host *h)
{
	unsigned r;

	for (r = 0; r < TIMING_RATES; r++) {
		if (h->amount[r] > 0)
			timing_stat_add(&h->rate[r], h->amount[r]);
		h->amount[r] = 0;
	}
}

static void new_slot(struct timing_host *h, int64_t slot, bool learning)
{
	if (slot == h->slot)
		return;
	if (learning)
		timing_rate_close(h);
	h->slot = slot;
	memset(h->amount, 0, sizeof(h->amount));
	memset(h->rate_told, 0, sizeof(h->rate_told));
	memset(h->servers, 0, sizeof(h->servers));
}

/* How many different ones are in the set, as far as its 256 places can tell. */
static double servers(const struct timing_host *h)
{
	unsigned i, n = 0;

	for (i = 0; i < 4; i++)
		n += (unsigned)__builtin_popcountll(h->servers[i]);
	return n < 256 ? round(-256 * log(1 - n / 256.0)) : 2048;
}

static void check(struct baseline *b, struct timing_host *h, enum timing_rate r,
		  const struct baseline_flow *f, int64_t time, uint64_t frame)
{
	const struct timing_stat *m = &h->rate[r];
	struct deviation d = {.what = unit[r].what,
			      .detector = BASELINE_TIMING,
			      .time = time,
			      .frame = frame,
			      .client = &h->addr,
			      .cause = h->cause,
			      .learned = h->seen,
			      .words = timing_words_rate};

	if (m->count < SLOTS)
		return;
	d.score = timing_stat_beyond(m, h->amount[r], 1,
				     fmax(unit[r].least, unit[r].part * (double)m->max));
	if (d.score <= 0 || d.score < (double)h->rate_told[r] * TIMING_AGAIN)
		return;
	h->rate_told[r] = (float)d.score;
	d.server = r == TIMING_SERVERS ? NULL : f->server;
	d.n[0] = h->amount[r];
	d.n[1] = (double)m->mean;
	d.n[2] = (double)m->max;
	d.n[3] = m->count;
	d.n[4] = r;
	deviate(b, &d);
}

/* Bytes of a long conversation count as if they had come evenly. */
static double bytes_of_slot(const struct baseline_flow *f)
{
	double bytes = (double)f->bytes[0] + (double)f->bytes[1];
	int64_t lasted = f->last - f->first;

	return lasted > SLOT ? bytes * (double)SLOT / (double)lasted : bytes;
}

void timing_flow(struct baseline *b, const struct baseline_flow *f, bool opened, int64_t time)
{
	bool learning = b->state == BASELINE_LEARNING;
	struct norm *n = baseline_norm(b);
	struct timing_host *h;
	uint64_t server;

	timing_now(n, time);
	h = learning ? timing_host_get(n, f->client) : timing_host_find(n, f->client);
	if (!h)
		return;
	new_slot(h, time / SLOT, learning);
	if (!opened) {
		h->amount[TIMING_BYTES] += bytes_of_slot(f);
		check(b, h, TIMING_BYTES, f, time, f->frame);
		return;
	}
	timing_host_heard(n, h, time);
	if (learning)
		tally_see(&h->seen, time);
	server = hash_bytes(f->server->b, sizeof(f->server->b), 1);
	h->servers[server >> 62] |= UINT64_C(1) << (server & 63);
	h->amount[TIMING_SESSIONS]++;
	h->amount[TIMING_SERVERS] = servers(h);
	check(b, h, TIMING_SESSIONS, f, time, f->frame);
	check(b, h, TIMING_SERVERS, f, time, f->frame);
}
