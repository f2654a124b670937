#include "baseline/budget.h"

#include "baseline/channel.h"

#include <math.h>

#define MINUTE	INT64_C(60000000000)
#define PAUSE	(5 * MINUTE)
#define DAY	86400e9 /* ns */
#define CACHE	1024u
#define QUARTER 1.189207115002721 /* 2^(1/4), a step */
#define NEVER	3.0		  /* rule of three: so many may come where none came */
#define MARGIN	4.4		  /* at most */
#define TAIL	3.0		  /* index of the Pareto law that tails are no heavier than */

static unsigned step_of(double score)
{
	double s = score > 1 ? 4 * log2(score) : 0;

	return s >= BUDGET_STEPS - 1 ? BUDGET_STEPS - 1 : (unsigned)s;
}

static double score_of(unsigned step)
{
	return pow(QUARTER, step);
}

/* --- learning --- */

/* The time learned has doubled: what was counted in its first part is of no account any more. */
static void turn(struct budget *b)
{
	b->part[0] = b->part[1];
	memset(&b->part[1], 0, sizeof(b->part[1]));
	memset(b->open, 0, sizeof(b->open));
}

void budget_clock(struct budget *b, int64_t time)
{
	int64_t passed = time - b->now, due = MINUTE;

	b->now = time;
	if (passed <= 0 || passed > PAUSE)
		return;
	while (due <= b->learned)
		due *= 2;
	b->learned += passed;
	if (b->learned >= due)
		turn(b);
	b->part[1].watched += passed;
}

/* Whose event it is; the same in every run with the same key. */
static uint64_t event_key(const struct deviation *d)
{
	if (d->cause)
		return hash_u64(d->what, d->cause);
	if (d->channel)
		return hash_u64(d->what, d->channel->key);
	return d->client ? hash_bytes(d->client->b, sizeof(d->client->b), d->what) : d->what;
}

void budget_rehearse(struct budget *b, const struct deviation *d)
{
	uint64_t key = event_key(d);
	unsigned at = (unsigned)(key % CACHE), step = step_of(d->score);
	struct budget_part *part = &b->part[1];
	int64_t minute = d->time / MINUTE;

	if (d->hard)
		return;
	if (d->score > part->soft[d->what].highest)
		part->soft[d->what].highest = d->score;
	if (b->open[at].key == key && b->open[at].minute == minute) {
		if (step <= b->open[at].step)
			return;
		part->soft[d->what].events[b->open[at].step]--;
	}
	b->open[at].key = key;
	b->open[at].minute = minute;
	b->open[at].step = (uint8_t)step;
	part->soft[d->what].events[step]++;
}

/* --- thresholds --- */

static uint64_t events(const struct budget *b, unsigned finding, unsigned step)
{
	return b->part[0].soft[finding].events[step] + b->part[1].soft[finding].events[step];
}

static double days(const struct budget *b)
{
	return (double)(b->part[0].watched + b->part[1].watched) / DAY;
}

/* The next step down at which there is anything, from below `from`; BUDGET_STEPS: there is none. */
static unsigned next_down(const struct budget *b, unsigned finding, unsigned from)
{
	while (from-- > 0)
		if (events(b, finding, from))
			return from;
	return BUDGET_STEPS;
}

/*
 * Lowers thresholds where it costs least; of equals, the finding whose scores lie highest, which
 * comes down farthest. step: from which on each finding is told.
 */
static void spend(const struct budget *b, double affordable, unsigned step[BASELINE_FINDINGS + 1])
{
	unsigned f, best, down;
	uint64_t cost, least;

	for (;;) {
		best = BASELINE_FINDINGS;
		least = UINT64_MAX;
		for (f = 0; f < BASELINE_FINDINGS; f++) {
			down = next_down(b, f, step[f]);
			cost = down < BUDGET_STEPS ? events(b, f, down) : UINT64_MAX;
			if (cost < least ||
			    (cost == least && cost < UINT64_MAX && step[f] > step[best])) {
				least = cost;
				best = f;
			}
		}
		if (best == BASELINE_FINDINGS || (double)least > affordable)
			return;
		affordable -= (double)least;
		step[best] = next_down(b, best, step[best]);
	}
}

static double threshold(const struct budget *b, unsigned finding, unsigned step, double margin)
{
	const double older = b->part[0].soft[finding].highest,
		     newer = b->part[1].soft[finding].highest,
		     highest = older > newer ? older : newer;
	unsigned below = next_down(b, finding, step);

	if (step < BUDGET_STEPS)
		/* down to just above what could not be afforded */
		return below < BUDGET_STEPS ? score_of(below + 1) : 1;
	return (highest > 1 ? highest * QUARTER : 1) * margin;
}

void budget_settle(struct budget *b, double per_day)
{
	unsigned step[BASELINE_FINDINGS + 1], f;
	double affordable = per_day * days(b), margin = 1;

	b->per_day = per_day;
	for (f = 0; f <= BASELINE_FINDINGS; f++)
		step[f] = BUDGET_STEPS;
	spend(b, affordable, step);
	if (affordable < NEVER)
		margin = affordable > 0 ? pow(NEVER / affordable, 1 / TAIL) : MARGIN;
	margin = margin < MARGIN ? margin : MARGIN;
	for (f = 0; f < BASELINE_FINDINGS; f++)
		b->threshold[f] = threshold(b, f, step[f], margin);
}

double budget_expects(const struct budget *b)
{
	double sum = 0;
	unsigned f, s;

	for (f = 0; f < BASELINE_FINDINGS; f++)
		for (s = 0; s < BUDGET_STEPS; s++)
			if (score_of(s) >= b->threshold[f] * 0.999)
				sum += (double)events(b, f, s);
	return days(b) > 0 ? sum / days(b) : 0;
}

static int64_t together(int64_t a, int64_t b, bool beside)
{
	return !beside ? a + b : a > b ? a : b;
}

void budget_merge(struct budget *b, const struct budget *from, bool beside)
{
	unsigned p, f, s;

	for (p = 0; p < 2; p++) {
		b->part[p].watched = together(b->part[p].watched, from->part[p].watched, beside);
		for (f = 0; f < BASELINE_FINDINGS; f++) {
			for (s = 0; s < BUDGET_STEPS; s++)
				b->part[p].soft[f].events[s] += from->part[p].soft[f].events[s];
			if (from->part[p].soft[f].highest > b->part[p].soft[f].highest)
				b->part[p].soft[f].highest = from->part[p].soft[f].highest;
		}
	}
	b->learned = together(b->learned, from->learned, beside);
}
