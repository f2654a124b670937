/*
 * A small plant for the tests of the timing detector: who asks whom how often, what goes wrong, and
 * what is told of it.
 */
#ifndef KIDOBAN_TESTS_TIMING_PLANT_H
#define KIDOBAN_TESTS_TIMING_PLANT_H

#include "baseline/inside.h"
#include "baseline/timing_inside.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define BEGIN  (1700000000 * SECOND)
#define POLLS  8

/*
 * A small plant: polls at their periods, each answered; what is to go wrong is set from outside
 * while it runs. Time goes on in steps of 1 ms.
 */
struct poll {
	unsigned client, server; /* the last byte of their addresses; 0: there is no such poll */
	uint64_t first;		 /* register */
	double period, jitter;	 /* s; jitter: standard deviation, with tails */
	double rtt;		 /* s */
	bool refused, unanswered, stopped;
	int64_t due, answer; /* ns; answer: 0: none is due */
};

struct told {
	unsigned count[BASELINE_FINDINGS];
	double score[BASELINE_FINDINGS]; /* the highest */
	int64_t first[BASELINE_FINDINGS];
	bool early[BASELINE_FINDINGS];
	unsigned host; /* of the last silent one */
	char expected[400], observed[400];
};

struct plant {
	struct baseline *b;
	struct poll poll[POLLS];
	int64_t now;
	uint64_t random;
	double lost; /* part of the messages that the mirror loses */
	bool deaf;   /* the mirror passes nothing */
	struct told told;
};

static double uniform(struct plant *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return (double)(p->random >> 11) / 9007199254740992.0;
}

/* Normal, but one in fifty is up to eight times as far off. */
static double jitter(struct plant *p, double sd)
{
	double u = sqrt(-2 * log(uniform(p) + 1e-12)) * cos(6.283185307179586 * uniform(p));

	return sd * u * (uniform(p) < 0.02 ? 1 + 7 * uniform(p) : 1);
}

static struct addr host(unsigned n)
{
	return (struct addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, (uint8_t)n}};
}

static void hear(void *user, const struct deviation *d)
{
	struct plant *p = user;
	struct told *t = &p->told;

	if (d->detector != BASELINE_TIMING)
		return;
	assert_false(d->hard);
	assert_true(d->score >= 1);
	if (!t->count[d->what]++)
		t->first[d->what] = d->time;
	t->score[d->what] = fmax(t->score[d->what], d->score);
	t->early[d->what] |= d->early;
	if (d->what == BASELINE_HOST_SILENT || d->what == BASELINE_DEVICE_SILENT)
		t->host = d->client->b[15];
	d->words(d, true, t->expected, sizeof(t->expected), t->observed, sizeof(t->observed));
	assert_true(strlen(t->expected) > 0 && strlen(t->observed) > 0);
	d->words(d, false, t->expected, sizeof(t->expected), t->observed, sizeof(t->observed));
}

static inline unsigned told(const struct plant *p)
{
	unsigned f, n = 0;

	for (f = 0; f < BASELINE_FINDINGS; f++)
		n += p->told.count[f];
	return n;
}

static void say(struct plant *p, const struct poll *q, bool answer, int64_t time)
{
	struct addr client = host(q->client), server = host(q->server);
	struct op op = {.frame = 1,
			.time = time,
			.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.role = answer ? OP_RESPONSE : OP_REQUEST,
			.from_server = answer,
			.cls = OP_READ,
			.rtt = answer ? (int64_t)(q->rtt * 1e9) : -1,
			.status = answer && q->refused ? 2 : 0,
			.object = {.space = OP_SPACE_HOLDING, .first = q->first, .count = 10}};

	if (!p->deaf && (p->lost <= 0 || uniform(p) >= p->lost))
		baseline_op(p->b, &client, &server, &op);
}

static void step(struct plant *p, struct poll *q)
{
	if (q->answer && q->answer <= p->now) {
		say(p, q, true, q->answer);
		q->answer = 0;
	}
	if (q->due > p->now)
		return;
	if (!q->stopped) {
		say(p, q, false, q->due);
		if (!q->unanswered)
			q->answer = q->due + (int64_t)(q->rtt * 1e9 * (1 + 0.1 * uniform(p)));
	}
	/* a timer: what was late makes the next one no later */
	q->due += (int64_t)(fmax(0.05, 1 + jitter(p, q->jitter) / q->period) * q->period * 1e9);
}

static void run(struct plant *p, double seconds)
{
	int64_t end = p->now + (int64_t)(seconds * 1e9);
	unsigned i;

	for (; p->now < end; p->now += MS) {
		for (i = 0; i < POLLS; i++)
			if (p->poll[i].client)
				step(p, &p->poll[i]);
		if (p->now % SECOND == 0 && !p->deaf)
			baseline_tick(p->b, p->now);
	}
}

/* hmi 5 asks plc 11 for three things, and plc 12 for one; historian 6 asks plc 11 for another. */
static struct plant *plant(uint64_t seed)
{
	struct plant *p = calloc(1, sizeof(*p));
	static const struct poll poll[] = {
		{5, 11, 0, 1, 0.01, 0.004, false, false, false, 0, 0},
		{5, 11, 100, 1, 0.01, 0.004, false, false, false, 0, 0},
		{5, 11, 200, 5, 0.01, 0.02, false, false, false, 0, 0},
		{5, 12, 0, 0.2, 0.005, 0.004, false, false, false, 0, 0},
		{6, 11, 0, 2, 0.05, 0.004, false, false, false, 0, 0},
	};
	unsigned i;

	p->b = baseline_new(NULL);
	assert_non_null(p->b);
	p->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	p->now = BEGIN;
	memcpy(p->poll, poll, sizeof(poll));
	for (i = 0; i < POLLS; i++)
		p->poll[i].due = p->now + (i + 1) * 7 * MS;
	return p;
}

/*
 * Without a budget, thresholds are at the edges of what was learned; but of windows, of which half
 * an hour shows a hundred, one in a hundred is beyond all those before, by a little.
 */
static void freeze(struct plant *p)
{
	unsigned f;

	assert_true(baseline_freeze(p->b, BUDGET_DEFAULT, NULL, NULL, p->now));
	for (f = 0; f < BASELINE_FINDINGS; f++)
		p->b->budget.threshold[f] = 1;
	p->b->budget.threshold[BASELINE_CYCLE_SHIFTED] = 3;
	p->b->budget.threshold[BASELINE_CYCLE_UNSTEADY] = 3;
	baseline_tell(p->b, hear, p);
}

static inline struct plant *learned(uint64_t seed)
{
	struct plant *p = plant(seed);

	run(p, 1800);
	freeze(p);
	return p;
}

static void end(struct plant *p)
{
	baseline_free(p->b);
	free(p);
}

/* Exactly these findings, each at least once. */
static inline void expect(const struct plant *p, unsigned findings)
{
	unsigned f, seen = 0;

	for (f = 0; f < BASELINE_FINDINGS; f++)
		seen |= p->told.count[f] ? 1U << f : 0;
	if (seen != findings)
		print_message("%s; %s\n", p->told.expected, p->told.observed);
	assert_int_equal(seen, findings);
}

#define ONE(f) (1U << (f))

#endif
