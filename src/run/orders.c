#include "run/orders.h"

#include "detect/watch.h"
#include "run/clock.h"

#include <stdio.h>
#include <stdlib.h>

struct collect {
	const struct policy *policy;
	struct policy_grant *grant;
	uint32_t count, cap;
	bool full; /* memory is out */
};

static void collect(void *user, const struct state_grant *g)
{
	struct collect *c = user;
	uint32_t conduit = policy_conduit_find(c->policy, g->conduit), cap;
	struct policy_grant *more;

	if (conduit == POLICY_NONE || g->from >= state_ends(g) || c->full)
		return;
	if (c->count == c->cap) {
		cap = c->cap ? 2 * c->cap : 64;
		more = cap > c->cap ? realloc(c->grant, cap * sizeof(*more)) : NULL;
		if (!more) {
			c->full = true;
			return;
		}
		c->grant = more;
		c->cap = cap;
	}
	c->grant[c->count++] = (struct policy_grant){conduit, g->from, state_ends(g)};
}

bool orders_grants(struct state *s, const struct policy *p, struct policy_grant **out,
		   uint32_t *count)
{
	struct collect c = {.policy = p};
	bool ok = state_check(s) && state_grants(s, collect, &c);

	*out = c.grant;
	*count = c.count;
	return ok && !c.full;
}

struct isolated {
	struct act_quarantine *list;
	uint32_t count, cap;
	int64_t now;
	bool full; /* memory is out */
};

static void isolated(void *user, const struct state_quarantine *q)
{
	struct isolated *c = user;
	struct act_quarantine host = {.until = state_isolated_until(q)}, *more;
	uint32_t cap;

	if (host.until <= c->now || c->full)
		return;
	host.has_mac = mac_parse(q->host, &host.mac);
	if (!host.has_mac && !addr_parse(q->host, &host.addr))
		return;
	if (c->count == c->cap) {
		cap = c->cap ? 2 * c->cap : 64;
		more = cap > c->cap ? realloc(c->list, cap * sizeof(*more)) : NULL;
		if (!more) {
			c->full = true;
			return;
		}
		c->list = more;
		c->cap = cap;
	}
	c->list[c->count++] = host;
}

/* The state has been checked. False when it cannot be read, or memory is out. */
static bool quarantine(struct state *s, struct orders *o)
{
	struct isolated c = {.now = clock_wall()};
	bool ok = state_quarantines(s, isolated, &c);

	o->quarantine = c.list;
	o->quarantine_count = c.count;
	return ok && !c.full;
}

struct orders *orders_new(uint64_t number, struct policy *p, struct state *state, char *err,
			  size_t errlen)
{
	struct orders *o = calloc(1, sizeof(*o));

	if (!o) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	o->number = number;
	o->policy = p;
	if (state &&
	    (!(p ? orders_grants(state, p, &o->grants, &o->grant_count) : state_check(state)) ||
	     !quarantine(state, o))) {
		snprintf(err, errlen, "%s",
			 *state_error(state) ? state_error(state) : "out of memory");
		orders_free(o);
		return NULL;
	}
	return o;
}

void orders_free_policy(struct orders *o)
{
	policy_free(o->policy);
	watch_board_free(o->board);
	o->policy = NULL;
	o->board = NULL;
}

void orders_free(struct orders *o)
{
	if (!o)
		return;
	free(o->grants);
	free(o->quarantine);
	free(o);
}
