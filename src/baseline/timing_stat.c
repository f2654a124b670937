#include "baseline/timing_stat.h"

#include <math.h>
#include <stddef.h>

#define WEIGHT_MAX 65536.0 /* numbers; from there on old ones fade, a float could not add more */
#define NEAR	   0.25	   /* ln; an interval is of that kind */
#define TIGHT	   0.2	   /* of the mean; spread of a kind that comes regularly */

double timing_stat_spread(const struct timing_stat *s)
{
	return s->var > 0 ? sqrt((double)s->var) : 0;
}

void timing_stat_add(struct timing_stat *s, double v)
{
	double mean = (double)s->mean, d = v - mean, n;

	if (!s->count) {
		*s = (struct timing_stat){(float)v, 0, (float)v, (float)v, 1};
		return;
	}
	s->count += s->count != UINT32_MAX;
	n = s->count < WEIGHT_MAX ? s->count : WEIGHT_MAX;
	mean += d / n;
	s->var = (float)((double)s->var + (d * (v - mean) - (double)s->var) / n);
	s->mean = (float)mean;
	s->min = v < (double)s->min ? (float)v : s->min;
	s->max = v > (double)s->max ? (float)v : s->max;
}

void timing_stat_merge(struct timing_stat *s, const struct timing_stat *from)
{
	double all = (double)s->count + from->count, a, b, d;

	if (!from->count)
		return;
	if (!s->count) {
		*s = *from;
		return;
	}
	a = s->count / all;
	b = from->count / all;
	d = (double)from->mean - (double)s->mean;
	s->var = (float)(a * (double)s->var + b * (double)from->var + a * b * d * d);
	s->mean = (float)((double)s->mean + b * d);
	s->min = from->min < s->min ? from->min : s->min;
	s->max = from->max > s->max ? from->max : s->max;
	s->count = all < UINT32_MAX ? (uint32_t)all : UINT32_MAX;
}

double timing_stat_beyond(const struct timing_stat *s, double v, int side, double unit)
{
	double mean = (double)s->mean, min = (double)s->min, max = (double)s->max, edge;

	if (side >= 0 && v > max) {
		edge = (max - mean) / 3;
		v -= max;
	} else if (side <= 0 && v < min) {
		edge = (mean - min) / 3;
		v = min - v;
	} else {
		return 0;
	}
	unit = fmax(unit, fmax(edge, timing_stat_spread(s)));
	return 1 + v / unit;
}

/* --- kinds of intervals --- */

static bool usual(const struct timing_stat *m, uint64_t all)
{
	return m->count >= 3 && (uint64_t)m->count * 50 >= all;
}

uint64_t timing_modes_count(const struct timing_stat mode[TIMING_MODES])
{
	uint64_t all = 0;
	unsigned i;

	for (i = 0; i < TIMING_MODES; i++)
		all += mode[i].count;
	return all;
}

double timing_modes_longest(const struct timing_stat mode[TIMING_MODES])
{
	double longest = 0;
	unsigned i;

	for (i = 0; i < TIMING_MODES; i++)
		if (mode[i].count)
			longest = fmax(longest, (double)mode[i].max);
	return longest;
}

/* How far apart two intervals are, whatever their length. */
static double apart(double a, double b)
{
	return fabs(log(a / b));
}

/* Of n kinds the two that weigh least are joined; the last one's place becomes free. */
static void join(struct timing_stat *m, unsigned n)
{
	double best = INFINITY, cost, d;
	unsigned i, k, to = 0, from = 1;

	for (i = 0; i < n; i++) {
		for (k = i + 1; k < n; k++) {
			d = apart((double)m[i].mean, (double)m[k].mean);
			cost = (double)m[i].count * m[k].count * d * d;
			if (cost < best) {
				best = cost;
				to = i;
				from = k;
			}
		}
	}
	timing_stat_merge(&m[to], &m[from]);
	m[from] = m[n - 1];
	m[n - 1] = (struct timing_stat){0};
}

void timing_modes_add(struct timing_stat mode[TIMING_MODES], double seconds)
{
	struct timing_stat m[TIMING_MODES + 1] = {0}, *best = NULL;
	double nearest = INFINITY, d, low = 1e-6;
	unsigned i, n = 0;

	seconds = seconds > low ? seconds : low;
	for (i = 0; i < TIMING_MODES && mode[i].count; i++, n++) {
		/* without the logarithm: monotone in it */
		d = seconds / (double)mode[i].mean;
		d = d < 1 ? 1 / d : d;
		if (d < nearest && (d < 1 + NEAR || (seconds >= (double)mode[i].min &&
						     seconds <= (double)mode[i].max))) {
			nearest = d;
			best = &mode[i];
		}
	}
	if (best) {
		timing_stat_add(best, seconds);
		return;
	}
	if (n < TIMING_MODES) {
		timing_stat_add(&mode[n], seconds);
		return;
	}
	for (i = 0; i < TIMING_MODES; i++)
		m[i] = mode[i];
	timing_stat_add(&m[TIMING_MODES], seconds);
	join(m, TIMING_MODES + 1);
	for (i = 0; i < TIMING_MODES; i++)
		mode[i] = m[i];
}

void timing_modes_merge(struct timing_stat mode[TIMING_MODES],
			const struct timing_stat from[TIMING_MODES])
{
	struct timing_stat m[2 * TIMING_MODES] = {0};
	unsigned i, k, n = 0;
	double d;

	for (i = 0; i < TIMING_MODES; i++)
		if (mode[i].count)
			m[n++] = mode[i];
	for (i = 0; i < TIMING_MODES; i++) {
		if (!from[i].count)
			continue;
		for (k = 0; k < n; k++) {
			d = apart((double)m[k].mean, (double)from[i].mean);
			if (d < NEAR || (from[i].mean >= m[k].min && from[i].mean <= m[k].max))
				break;
		}
		timing_stat_merge(&m[k], &from[i]);
		n += k == n;
	}
	for (; n > TIMING_MODES; n--)
		join(m, n);
	for (i = 0; i < TIMING_MODES; i++)
		mode[i] = m[i];
}

void timing_modes_sort(struct timing_stat mode[TIMING_MODES])
{
	struct timing_stat m;
	unsigned i, k;

	for (i = 1; i < TIMING_MODES; i++) {
		for (k = i; k > 0 && mode[k].count &&
			    (!mode[k - 1].count || mode[k].mean < mode[k - 1].mean);
		     k--) {
			m = mode[k];
			mode[k] = mode[k - 1];
			mode[k - 1] = m;
		}
	}
}

const struct timing_stat *timing_modes_near(const struct timing_stat mode[TIMING_MODES],
					    double seconds)
{
	uint64_t all = timing_modes_count(mode);
	const struct timing_stat *best = NULL;
	double nearest = 2, d;
	unsigned i;

	for (i = 0; i < TIMING_MODES; i++) {
		if (!usual(&mode[i], all))
			continue;
		d = seconds / (double)mode[i].mean;
		d = d < 1 ? 1 / (d > 0 ? d : 1e-9) : d;
		if (d < nearest) {
			nearest = d;
			best = &mode[i];
		}
	}
	return best;
}

const struct timing_stat *timing_modes_cyclic(const struct timing_stat mode[TIMING_MODES])
{
	uint64_t all = timing_modes_count(mode), tight = 0;
	const struct timing_stat *longest = NULL;
	unsigned i;

	if (all < TIMING_ENOUGH)
		return NULL;
	for (i = 0; i < TIMING_MODES; i++) {
		if (!usual(&mode[i], all))
			continue;
		if (timing_stat_spread(&mode[i]) <= TIGHT * (double)mode[i].mean)
			tight += mode[i].count;
		if (!longest || mode[i].mean > longest->mean)
			longest = &mode[i];
	}
	return longest && tight * 100 >= all * 85 ? longest : NULL;
}
