#include "policy/now.h"

#include "base/civil.h"
#include "policy/model.h"

#include <stdlib.h>

/* Shrinks [*from, *until) to where nothing changes. */
static void edge(int64_t at, int64_t time, int64_t *from, int64_t *until)
{
	if (at <= time)
		*from = at > *from ? at : *from;
	else
		*until = at < *until ? at : *until;
}

static int64_t ns_of(int64_t seconds)
{
	if (seconds > INT64_MAX / CIVIL_NS)
		return INT64_MAX;
	return seconds < INT64_MIN / CIVIL_NS ? INT64_MIN : seconds * CIVIL_NS;
}

/*
 * The clocks on the wall run straight between two changes of the zone's offset, so the edges of
 * the hours are as far away as on the wall, or the change comes first.
 */
static bool in_schedule(const struct schedule *s, const struct tz *z, int64_t time, int64_t *from,
			int64_t *until)
{
	int64_t utc = civil_floor(time), at = civil_in_week(utc + tz_offset(z, utc));
	int64_t prev = 0, next = CIVIL_WEEK;
	bool open = false;
	uint32_t i;

	for (i = 0; i < s->minutes.count; i++) {
		int64_t begin = (int64_t)s->minutes.range[i].lo * 60;
		int64_t end = ((int64_t)s->minutes.range[i].hi + 1) * 60;

		open = open || (begin <= at && at < end);
		edge(begin, at, &prev, &next);
		edge(end, at, &prev, &next);
	}
	edge(ns_of(utc - (at - prev)), time, from, until);
	edge(ns_of(utc + (next - at)), time, from, until);
	edge(ns_of(tz_changed(z, utc)), time, from, until);
	edge(ns_of(tz_changes(z, utc)), time, from, until);
	return open;
}

static bool in_schedules(const struct when *w, const struct tz *z, int64_t time, int64_t *from,
			 int64_t *until)
{
	bool open = w->schedules == 0;
	uint32_t i;

	for (i = 0; i < w->schedules; i++)
		open |= in_schedule(w->schedule[i], z, time, from, until);
	return open;
}

/* The first grant of a conduit, or where it would be. */
static uint32_t first_grant(const struct policy_now *n, uint32_t conduit)
{
	uint32_t lo = 0, hi = n->grants;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (n->grant[mid].conduit < conduit)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_granted(const struct policy_now *n, uint32_t conduit, int64_t time, int64_t *from,
		       int64_t *until)
{
	bool open = false;
	uint32_t i;

	for (i = first_grant(n, conduit); i < n->grants && n->grant[i].conduit == conduit; i++) {
		const struct policy_grant *g = &n->grant[i];

		open = open || (g->from <= time && time < g->until);
		edge(g->from, time, from, until);
		edge(g->until, time, from, until);
	}
	return open;
}

/* What closes a conduit at that time, and how long that holds. */
static enum policy_closed closed_at(const struct policy_now *n, uint32_t conduit, int64_t time,
				    int64_t *from, int64_t *until)
{
	const struct conduit *c = &n->policy->conduit[conduit];

	if (c->when.modes && !(c->when.modes >> n->mode & 1))
		return CLOSED_MODE;
	if (c->when.has_until) {
		edge(c->when.until, time, from, until);
		if (time >= c->when.until)
			return CLOSED_EXPIRED;
	}
	if (!in_schedules(&c->when, n->policy->tz, time, from, until))
		return CLOSED_SCHEDULE;
	if (c->pub.grant_required && !is_granted(n, conduit, time, from, until))
		return CLOSED_GRANT;
	return CLOSED_NOT;
}

/* The same at no particular time. */
static enum policy_closed closed_ever(const struct policy_now *n, uint32_t conduit)
{
	const struct conduit *c = &n->policy->conduit[conduit];

	if (c->when.modes && !(c->when.modes >> n->mode & 1))
		return CLOSED_MODE;
	return c->pub.grant_required ? CLOSED_GRANT : CLOSED_NOT;
}

static uint8_t *closed_of(struct policy_now *n)
{
	return (uint8_t *)(n + 1);
}

static bool set_closed(struct policy_now *n, uint32_t conduit, enum policy_closed now)
{
	uint8_t *closed = &closed_of(n)[conduit];
	bool changed = *closed != now;

	*closed = (uint8_t)now;
	return changed;
}

/* How many assets are past their end of life, and how long that holds. */
static bool set_ended(struct policy_now *n, int64_t time, int64_t *from, int64_t *until)
{
	const struct policy *p = n->policy;
	uint32_t before = n->ended, lo = 0, hi = p->nends;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->ends[mid] <= time)
			lo = mid + 1;
		else
			hi = mid;
	}
	n->ended = lo;
	if (lo > 0)
		edge(p->ends[lo - 1], time, from, until);
	if (lo < p->nends)
		edge(p->ends[lo], time, from, until);
	return n->ended != before;
}

static bool is_told(const struct policy_now *n)
{
	return n->from < n->until;
}

static bool fill_ever(struct policy_now *n)
{
	const struct policy *p = n->policy;
	bool changed = false;
	uint32_t i;

	for (i = 0; i < p->ntimed; i++)
		changed |= set_closed(n, p->timed[i], closed_ever(n, p->timed[i]));
	n->epoch += changed;
	return changed;
}

struct policy_now *policy_now_new(const struct policy *p)
{
	struct policy_now *n = calloc(1, sizeof(*n) + p->conduits);

	if (!n)
		return NULL;
	n->policy = p;
	n->mode = (uint8_t)p->operating_mode;
	n->from = INT64_MAX;
	n->until = INT64_MIN;
	n->closed = closed_of(n);
	fill_ever(n);
	return n;
}

void policy_now_free(struct policy_now *n)
{
	if (n)
		free(n->grant);
	free(n);
}

bool policy_now_move(struct policy_now *n, int64_t time)
{
	const struct policy *p = n->policy;
	int64_t from = INT64_MIN, until = INT64_MAX;
	bool changed = false;
	uint32_t i;

	for (i = 0; i < p->ntimed; i++)
		changed |=
			set_closed(n, p->timed[i], closed_at(n, p->timed[i], time, &from, &until));
	changed |= set_ended(n, time, &from, &until);
	n->time = time;
	n->from = from;
	n->until = until;
	n->epoch += changed;
	return changed;
}

bool policy_now_mode(struct policy_now *n, enum policy_operating_mode mode)
{
	n->mode = (uint8_t)mode;
	return is_told(n) ? policy_now_move(n, n->time) : fill_ever(n);
}

static int by_conduit(const void *x, const void *y)
{
	const struct policy_grant *a = x, *b = y;

	if (a->conduit != b->conduit)
		return a->conduit < b->conduit ? -1 : 1;
	return (a->from > b->from) - (a->from < b->from);
}

bool policy_now_grants(struct policy_now *n, const struct policy_grant *grant, uint32_t count)
{
	struct policy_grant *copy = malloc(((size_t)count + 1) * sizeof(*copy));

	if (!copy)
		return false;
	if (count)
		memcpy(copy, grant, count * sizeof(*copy));
	qsort(copy, count, sizeof(*copy), by_conduit);
	free(n->grant);
	n->grant = copy;
	n->grants = count;
	if (is_told(n))
		policy_now_move(n, n->time);
	return true;
}

const struct policy_now *policy_rest(const struct policy *p)
{
	return p->rest;
}
