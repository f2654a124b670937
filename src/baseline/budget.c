#include "baseline/budget.h"

#include "baseline/channel.h"

#include <math.h>

#define MINUTE	INT64_C(60000000000)
#define DAY	86400e9 /* ns */
#define CACHE	1024u
#define QUARTER 1.189207115002721 /* 2^(1/4), a step */

static unsigned step_of(double score)
{
	double s = score > 1 ? 4 * log2(score) : 0;

	return s >= BUDGET_STEPS - 1 ? BUDGET_STEPS - 1 : (unsigned)s;
}

static double score_of(unsigned step)
{
	return pow(QUARTER, step);
}

/* Whose event it is; the same in every run. */
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
	int64_t minute = d->time / MINUTE;

	if (d->hard)
		return;
	if (b->open[at].key == key && b->open[at].minute == minute) {
		if (step <= b->open[at].step)
			return;
		b->soft[d->what].events[b->open[at].step]--;
	}
	b->open[at].key = key;
	b->open[at].minute = minute;
	b->open[at].step = (uint8_t)step;
	b->soft[d->what].events[step]++;
}

void budget_watched(struct budget *b, int64_t ns)
{
	b->watched += ns;
}

/* Each soft finding that ever occurred gets the same share. */
void budget_settle(struct budget *b, double per_day)
{
	double days = (double)b->watched / DAY, share, events;
	unsigned f, s, kinds = 0;

	b->per_day = per_day;
	for (f = 0; f < BASELINE_FINDINGS; f++)
		for (s = 0; s < BUDGET_STEPS; s++)
			if (b->soft[f].events[s]) {
				kinds++;
				break;
			}
	share = kinds ? per_day * days / kinds : 0;
	for (f = 0; f < BASELINE_FINDINGS; f++) {
		events = 0;
		for (s = BUDGET_STEPS; s > 0 && events + (double)b->soft[f].events[s - 1] <= share;
		     s--)
			events += (double)b->soft[f].events[s - 1];
		b->soft[f].threshold = score_of(s);
	}
}

void budget_merge(struct budget *b, const struct budget *from)
{
	unsigned f, s;

	for (f = 0; f < BASELINE_FINDINGS; f++)
		for (s = 0; s < BUDGET_STEPS; s++)
			b->soft[f].events[s] += from->soft[f].events[s];
	b->watched += from->watched;
}
