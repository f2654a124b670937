#include "baseline/value_model.h"

#include "baseline/channel.h"
#include "baseline/value_type.h"

#include <math.h>

#define SECOND	   INT64_C(1000000000)
#define SLOW	   (300 * SECOND) /* the slow mean looks back so far */
#define SLOW_READY (2 * SLOW)	  /* from when on it is one */
#define COUNTER	   30		  /* steps up before it is called a counter */

/* --- discrete sets --- */

/* Blocks for 4, 8 and 16 values. */
static unsigned block_of(unsigned cap)
{
	return cap == 4 ? 0 : cap == 8 ? 1 : 2;
}

static double *block_take(unsigned cap, struct value_norm *n, struct arena *arena)
{
	double *p = n->spare[block_of(cap)];
	size_t size = cap * (sizeof(double) + sizeof(uint32_t));

	if (!p)
		return arena_alloc(arena, size);
	memcpy(&n->spare[block_of(cap)], p, sizeof(double *));
	memset(p, 0, size);
	return p;
}

static void block_give(double *p, unsigned cap, struct value_norm *n)
{
	if (!p)
		return;
	memcpy(p, &n->spare[block_of(cap)], sizeof(double *));
	n->spare[block_of(cap)] = p;
}

static void set_drop(struct value_model *m, struct value_norm *n)
{
	block_give(m->set, m->set_cap, n);
	m->set = NULL;
	m->set_n = m->set_cap = 0;
}

static void set_grow(struct value_model *m, struct value_norm *n, struct arena *arena)
{
	unsigned cap = m->set_cap ? m->set_cap * 2u : 4;
	double *p = block_take(cap, n, arena);

	if (m->set_n) {
		memcpy(p, m->set, m->set_n * sizeof(double));
		memcpy(p + cap, value_visits(m), m->set_n * sizeof(uint32_t));
	}
	block_give(m->set, m->set_cap, n);
	m->set = p;
	m->set_cap = (uint8_t)cap;
}

static int set_find(const struct value_model *m, double x)
{
	int i;

	for (i = 0; i < m->set_n; i++)
		if (m->set[i] == x)
			return i;
	return -1;
}

void value_set_add(struct value_model *m, double x, uint32_t visits, struct value_norm *n,
		   struct arena *arena)
{
	int i = set_find(m, x);

	if (m->many)
		return;
	if (i < 0) {
		if (m->set_n == VALUE_SET) {
			m->many = true;
			set_drop(m, n);
			return;
		}
		if (m->set_n == m->set_cap)
			set_grow(m, n, arena);
		i = m->set_n++;
		m->set[i] = x;
	}
	value_visits(m)[i] += visits;
}

/* --- seeing --- */

unsigned value_span(int64_t ns)
{
	static const int64_t end[VALUE_SPANS - 1] = {SECOND / 16, SECOND / 4, SECOND, 4 * SECOND,
						     16 * SECOND};
	unsigned i = 0;

	while (i < VALUE_SPANS - 1 && ns > end[i])
		i++;
	return i;
}

static uint32_t downs(const struct value_model *m)
{
	return m->changes - m->ups - m->resets;
}

/* Few whole numbers side by side that it changes between all the time: noise, not states. */
static bool is_noise(const struct value_model *m)
{
	return m->set_n >= 5 && !m->broken && m->hi - m->lo < 1.5 * m->set_n &&
	       m->changes > m->seen.count / 4;
}

enum value_kind value_kind(const struct value_model *m)
{
	if (m->ups >= COUNTER && downs(m) == 0 && m->resets <= m->ups / 20)
		return VALUE_IS_COUNTER;
	return m->many || is_noise(m) ? VALUE_IS_RANGE : VALUE_IS_SET;
}

double value_step(const struct value_model *m, double a, double b, bool *wrapped)
{
	double span = value_type_span(m->type), d = b - a;

	*wrapped = span > 0 && downs(m) == 0 && d < -span * 0.75;
	return *wrapped ? d + span : d;
}

static bool is_reset(double from, double to)
{
	return from > 0 && to >= 0 && to <= from * 0.02;
}

static float rounded_up(double d)
{
	float f = (float)d;

	return (double)f < d ? nextafterf(f, INFINITY) : f;
}

static void see_step(struct value_model *m, const struct value_run *run, double x, int64_t time)
{
	bool wrapped;
	double d = value_step(m, run->last, x, &wrapped);
	unsigned span = value_span(time - run->at);

	m->steps[span]++;
	if (d == 0)
		return;
	m->changes++;
	if (d > 0) {
		m->ups++;
		m->wraps += wrapped;
	} else if (is_reset(run->last, x) || -d <= value_largest_step(m, VALUE_SPANS - 1)) {
		m->resets++;
	}
	d = fabs(d);
	m->moved += d;
	if (d > (double)m->step[span])
		m->step[span] = rounded_up(d);
}

static bool see_place(struct value_model *m, double x, bool ready)
{
	double old = m->hi - m->lo, grown;

	if (!m->seen.count) {
		m->lo = m->hi = x;
		return false;
	}
	if (x >= m->lo && x <= m->hi)
		return false;
	m->lo = x < m->lo ? x : m->lo;
	m->hi = x > m->hi ? x : m->hi;
	grown = m->hi - m->lo;
	m->turns *= (float)(old / grown);
	return ready && value_kind(m) == VALUE_IS_RANGE && grown > 1.1 * old;
}

bool value_model_see(struct value_model *m, const struct value_run *run, double x, int64_t time,
		     bool written, struct value_norm *n, struct arena *arena)
{
	bool ready = value_model_ready(m, written), fresh;
	bool same = run->at && x == run->last;

	fresh = see_place(m, x, ready);
	m->broken |= x != floor(x);
	if (!m->many && (!same || !m->set_n)) {
		fresh |= ready && set_find(m, x) < 0 && value_kind(m) == VALUE_IS_SET;
		value_set_add(m, x, 1, n, arena);
	}
	if (run->at)
		see_step(m, run, x, time);
	if (run->at && time - run->slow_from >= SLOW_READY && run->slow_from) {
		m->slow_lo = !m->slows || run->slow < m->slow_lo ? run->slow : m->slow_lo;
		m->slow_hi = !m->slows || run->slow > m->slow_hi ? run->slow : m->slow_hi;
		m->slows++;
	}
	/* it turned: as value_run_on() will find */
	if (run->at && (run->down ? x - run->pivot : run->pivot - x) > (m->hi - m->lo) / 4)
		m->turns++;
	tally_see(&m->seen, time);
	return fresh;
}

static void slow_on(struct value_run *r, double x, int64_t time)
{
	double dt = (double)(time - r->at);

	if (!r->at || time - r->at > SLOW || time < r->at) {
		r->slow = x;
		r->slow_from = time;
		return;
	}
	r->slow += (x - r->slow) * dt / ((double)SLOW + dt);
}

void value_run_on(struct value_run *r, const struct value_model *m, double x, int64_t time)
{
	slow_on(r, x, time);
	if (!r->at) {
		r->pivot = x;
	} else if ((r->down ? x - r->pivot : r->pivot - x) > (m->hi - m->lo) / 4) {
		r->down = !r->down;
		r->pivot = x;
	} else if (r->down ? x < r->pivot : x > r->pivot) {
		r->pivot = x;
	}
	r->last = x;
	r->at = time;
}

/* --- holding against it --- */

bool value_model_ready(const struct value_model *m, bool written)
{
	if (written)
		return m->seen.count >= 5;
	return m->seen.count >= 30 && m->seen.last - m->seen.first >= 60 * SECOND;
}

/* The least difference it can show. */
static double grain(const struct value_model *m)
{
	return m->broken ? 1e-6 * (fabs(m->lo) > fabs(m->hi) ? fabs(m->lo) : fabs(m->hi)) + 1e-12
			 : 1;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

/* The share of its range that a value may yet go beyond it. */
static double openness(const struct value_model *m)
{
	return larger(0.02, 0.5 / (1 + (double)m->turns / 2));
}

static double mean_step(const struct value_model *m)
{
	return m->changes ? m->moved / m->changes : 0;
}

static double margin(const struct value_model *m)
{
	double range = m->hi - m->lo;

	if (range == 0)
		return larger(0.05 * fabs(m->lo), grain(m));
	return larger(larger(range * openness(m), smaller(1.25 * mean_step(m), 0.2 * range)),
		      grain(m));
}

static double excess(const struct value_model *m, double x)
{
	return x < m->lo ? m->lo - x : x > m->hi ? x - m->hi : 0;
}

/*
 * How sure it is that it takes no other values than those seen: by the share of its visits that
 * were to a new one. One that never changed is a single visit, and grows surer with time only.
 */
static double closedness(const struct value_model *m, bool written)
{
	const uint32_t *visits = value_visits(m);
	double singles = 0, count = (double)m->seen.count;
	int i;

	if (m->set_n == 1)
		return 0.1 * (written ? sqrt(count) : cbrt(count));
	for (i = 0; i < m->set_n; i++)
		singles += visits[i] == 1;
	return smaller(8, 0.1 * (m->changes + 2) / (singles + 0.5));
}

double value_score_place(const struct value_model *m, double x, bool written)
{
	double beyond = excess(m, x) / margin(m);

	switch (value_kind(m)) {
	case VALUE_IS_COUNTER:
		return 0;
	case VALUE_IS_RANGE:
		return beyond;
	default:
		return set_find(m, x) >= 0 ? 0 : closedness(m, written) * (1 + log2(1 + beyond));
	}
}

double value_largest_step(const struct value_model *m, unsigned span)
{
	double most = 0;
	unsigned i;

	for (i = 0; i <= span; i++)
		most = larger(most, (double)m->step[i]);
	return most;
}

double value_score_step(const struct value_model *m, const struct value_run *run, double x,
			int64_t time)
{
	enum value_kind kind = value_kind(m);
	bool wrapped;
	double d, most, trust, close = 0;
	unsigned span, i;

	if (!run->at || kind == VALUE_IS_SET || x == run->last)
		return 0;
	d = value_step(m, run->last, x, &wrapped);
	if (kind == VALUE_IS_COUNTER && d < 0) {
		most = value_largest_step(m, VALUE_SPANS - 1);
		return -d <= most || (m->resets && is_reset(run->last, x)) ? 0 : 8;
	}
	span = value_span(time - run->at);
	if (m->steps[span] < COUNTER)
		return 0;
	/* few samples so close to each other say little of what happens now and then */
	for (i = 0; i <= span; i++)
		close += m->steps[i];
	trust = close / (close + 4000);
	most = trust * value_largest_step(m, span) +
	       (1 - trust) * value_largest_step(m, VALUE_SPANS - 1);
	return larger(0, (fabs(d) - most) / (0.25 * most + 0.5 * mean_step(m) + grain(m)));
}

double value_score_drift(const struct value_model *m, const struct value_run *run, int64_t time)
{
	double beyond, width, means;

	if (value_kind(m) != VALUE_IS_RANGE || m->slows < 100 || !run->slow_from ||
	    time - run->slow_from < SLOW_READY)
		return 0;
	beyond = run->slow < m->slow_lo ? m->slow_lo - run->slow : run->slow - m->slow_hi;
	if (beyond <= 0)
		return 0;
	means = (m->slow_hi - m->slow_lo) * larger(openness(m), 0.25);
	width = 0.05 * (m->hi - m->lo);
	return beyond / larger(larger(means, width), grain(m) / 2);
}

double value_score_still(const struct value_model *m, int64_t ns, uint32_t looks)
{
	if (looks < 5 || m->changes < 100 || m->changes < m->seen.count / 10)
		return 0;
	return (double)ns / (2 * (double)m->still + 4 * (double)ns / looks);
}

/* --- adding --- */

void value_model_merge(struct value_model *m, const struct value_model *from, struct value_norm *n,
		       struct arena *arena)
{
	double range, a = m->hi - m->lo, b = from->hi - from->lo;
	bool first = !m->seen.count;
	unsigned i;

	if (!from->seen.count)
		return;
	m->lo = first || from->lo < m->lo ? from->lo : m->lo;
	m->hi = first || from->hi > m->hi ? from->hi : m->hi;
	range = m->hi - m->lo;
	m->turns = range > 0 ? (float)((m->turns * a + from->turns * b) / range) : 0;
	if (from->slows) {
		m->slow_lo = !m->slows || from->slow_lo < m->slow_lo ? from->slow_lo : m->slow_lo;
		m->slow_hi = !m->slows || from->slow_hi > m->slow_hi ? from->slow_hi : m->slow_hi;
	}
	m->slows += from->slows;
	m->moved += from->moved;
	m->still = from->still > m->still ? from->still : m->still;
	for (i = 0; i < VALUE_SPANS; i++) {
		m->step[i] = from->step[i] > m->step[i] ? from->step[i] : m->step[i];
		m->steps[i] += from->steps[i];
	}
	m->changes += from->changes;
	m->ups += from->ups;
	m->wraps += from->wraps;
	m->resets += from->resets;
	m->broken |= from->broken;
	for (i = 0; i < from->set_n; i++)
		value_set_add(m, from->set[i], value_visits(from)[i], n, arena);
	if (from->many && !m->many) {
		m->many = true;
		set_drop(m, n);
	}
	tally_merge(&m->seen, &from->seen);
}

void value_model_clear(struct value_model *m, struct value_norm *n)
{
	uint8_t type = m->type;

	set_drop(m, n);
	memset(m, 0, sizeof(*m));
	m->type = type;
}
