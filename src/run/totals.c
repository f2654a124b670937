#include "run/totals.h"

#include <stdlib.h>
#include <string.h>

static void add(uint64_t *to, const uint64_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] += from[i];
}

/* These hold nothing but counters. */
#define ADD_ALL(to, from)                                                                          \
	do {                                                                                       \
		_Static_assert(sizeof(*(to)) % sizeof(uint64_t) == 0, "counters only");            \
		add((uint64_t *)(to), (const uint64_t *)(from), sizeof(*(to)) / sizeof(uint64_t)); \
	} while (0)

static void add_iface(struct source_stats *to, const struct source_stats *from)
{
	to->up = from->up && (to->up || !*to->iface);
	memcpy(to->iface, from->iface, sizeof(to->iface));
	to->packets += from->packets;
	to->bytes += from->bytes;
	to->kernel_drops += from->kernel_drops;
	to->interface_drops += from->interface_drops;
	to->sent += from->sent;
	to->send_failed += from->send_failed;
	to->unseen += from->unseen;
	to->overloads += from->overloads;
	add(to->in, from->in, 2);
}

static void add_baseline(struct totals *t, const struct worker_counts *c)
{
	const struct baseline_progress *from = &c->learned;
	struct baseline_progress *to = &t->learned;

	if (!c->has_baseline)
		return;
	t->events_today += c->events_today;
	t->events_yesterday += c->events_yesterday;
	t->budget = c->budget;
	if (c->budget > 0) { /* frozen: all have the same */
		size_t bytes = to->bytes;

		*to = *from;
		to->bytes += bytes;
		t->has_baseline = true;
		return;
	}
	to->settled = (to->settled || !t->has_baseline) && (from->settled || !from->ops);
	t->has_baseline = true;
	if (from->from && (!to->from || from->from < to->from))
		to->from = from->from;
	to->to = from->to > to->to ? from->to : to->to;
	to->news = from->news > to->news ? from->news : to->news;
	to->ops += from->ops;
	to->flows += from->flows;
	to->recent_ops += from->recent_ops;
	to->recent_explained += from->recent_explained;
	to->hosts += from->hosts;
	to->links += from->links;
	to->channels += from->channels;
	to->items += from->items;
	to->objects += from->objects;
	to->refused += from->refused;
	to->bytes += from->bytes;
}

static void add_worker(struct totals *t, const struct worker_counts *c, unsigned source)
{
	unsigned i;

	ADD_ALL(&t->packet, &c->packet);
	ADD_ALL(&t->flow, &c->flow);
	ADD_ALL(&t->act, &c->act);
	ADD_ALL(&t->latency, &c->latency);
	ADD_ALL(&t->ops, &c->ops);
	ADD_ALL(&t->incidents, &c->incidents);
	ADD_ALL(&t->occurrences, &c->occurrences);
	t->latency_sum += c->latency_sum;
	add_baseline(t, c);
	if (c->conduits == t->conduits)
		for (i = 0; i < t->conduits; i++)
			ADD_ALL(&t->conduit[i], &c->conduit[i]);
	if (c->ifaces > t->ifaces[source])
		t->ifaces[source] = c->ifaces;
	for (i = 0; i < c->ifaces; i++)
		add_iface(&t->source[source][i], &c->source[i]);
}

struct totals *totals_take(struct service *s)
{
	struct totals *t = calloc(1, sizeof(*t));
	struct worker_counts *c = malloc(sizeof(*c));
	const struct policy *p = service_policy(s);
	unsigned i;

	while (t && p && policy_conduit_at(p, t->conduits))
		t->conduits++;
	if (t)
		t->conduit = calloc(t->conduits ? t->conduits : 1, sizeof(*t->conduit));
	if (!c || !t || !t->conduit) {
		totals_free(t);
		free(c);
		return NULL;
	}
	for (i = 0; service_counts(s, i, c); i++) {
		add_worker(t, c, service_worker_source(s, i));
		free(c->conduit);
	}
	free(c);
	return t;
}

struct source_stats totals_sources(const struct totals *t)
{
	struct source_stats sum = {.packets = 0};
	unsigned i, k;

	for (i = 0; i < RUN_SOURCES_MAX; i++)
		for (k = 0; k < t->ifaces[i]; k++)
			add_iface(&sum, &t->source[i][k]);
	return sum;
}

void totals_free(struct totals *t)
{
	if (t)
		free(t->conduit);
	free(t);
}
