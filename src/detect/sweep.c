#include "detect/sweep.h"

#include "base/hash.h"

#include <stdlib.h>

struct target {
	struct sweep_try try;
	int64_t time;	 /* ns, when it was first tried */
	bool new_server; /* no other target known then was at that server */
};

struct source {
	struct addr addr;
	uint64_t used;	/* running number of its last denial; 0: the slot is free */
	uint32_t count; /* targets so far */
	struct target known[SWEEP_KNOWN]; /* ring */
	bool sweeping;			  /* sweep is filled */
	int64_t swept;			  /* ns, of the newest try that belongs to it */
	struct sweep sweep;
};

struct sweep_table {
	uint64_t denials;
	struct source set[SWEEP_SETS][SWEEP_WAYS];
};

struct sweep_table *sweep_table_new(void)
{
	return calloc(1, sizeof(struct sweep_table));
}

static struct source *source_of(struct sweep_table *t, const struct addr *a)
{
	struct source *set = t->set[hash_bytes(a->b, sizeof(a->b), 0) % SWEEP_SETS];
	struct source *stalest = set;
	unsigned i;

	t->denials++;
	for (i = 0; i < SWEEP_WAYS; i++) {
		if (set[i].used && addr_eq(&set[i].addr, a)) {
			set[i].used = t->denials;
			return &set[i];
		}
		if (set[i].used < stalest->used)
			stalest = &set[i];
	}
	stalest->addr = *a;
	stalest->used = t->denials;
	stalest->count = 0;
	stalest->sweeping = false;
	return stalest;
}

/* Is that time near its last try that was new? */
static bool near(const struct source *s, int64_t time)
{
	return s->sweeping && time - s->swept <= SWEEP_WINDOW && s->swept - time <= SWEEP_WINDOW;
}

static uint32_t known(const struct source *s)
{
	return s->count < SWEEP_KNOWN ? s->count : SWEEP_KNOWN;
}

/* The target as it is known now; NULL when it was known before. */
static struct target *remember(struct source *s, const struct sweep_try *try, int64_t time)
{
	struct target x = {.try = *try, .time = time, .new_server = true};
	uint32_t i, n = known(s);

	for (i = 0; i < n; i++) {
		const struct sweep_try *k = &s->known[i].try;

		if (!addr_eq(&k->server, &try->server))
			continue;
		if (k->port == try->port && k->ip_proto == try->ip_proto)
			return NULL;
		x.new_server = false;
	}
	i = s->count++ % SWEEP_KNOWN;
	s->known[i] = x;
	return &s->known[i];
}

static void add(struct sweep *w, const struct sweep_try *try)
{
	uint32_t i;

	for (i = 0; i < w->servers && !addr_eq(&w->server[i], &try->server); i++)
		;
	if (i == w->servers && i < SWEEP_FIRST) {
		w->server[w->servers++] = try->server;
		w->news = true;
	}
	for (i = 0; i < w->nports; i++)
		if (w->port[i] == try->port && w->ip_proto[i] == try->ip_proto)
			return;
	if (i < SWEEP_PORTS) {
		w->port[i] = try->port;
		w->ip_proto[i] = try->ip_proto;
		w->nports++;
		w->news = true;
	} else if (!w->more_ports) {
		w->more_ports = w->news = true;
	}
}

/* The time around the newest try that is looked at, and what is looked for. */
struct view {
	const struct target *newest;
	int64_t from, to; /* ns */
	bool ports;
};

static bool belongs(const struct view *v, const struct target *x)
{
	if (x->time < v->from || x->time > v->to)
		return false;
	return v->ports ? addr_eq(&x->try.server, &v->newest->try.server) : x->new_server;
}

static bool begins(struct source *s, const struct view *v)
{
	struct sweep w = {.ports = v->ports, .news = true};
	int64_t first = v->to, last = v->from;
	uint32_t i, n = known(s);

	for (i = 0; i < n; i++) {
		const struct target *x = &s->known[(s->count - n + i) % SWEEP_KNOWN];

		if (!belongs(v, x))
			continue;
		w.tries++;
		first = x->time < first ? x->time : first;
		last = x->time > last ? x->time : last;
		add(&w, &x->try);
	}
	if (w.tries < SWEEP_TRIES)
		return false;
	w.duration = last - first;
	s->sweep = w;
	return true;
}

/* Before the newest, or behind it: tries come out of order when their flows end late. */
static bool begins_around(struct source *s, const struct target *newest)
{
	int64_t t = newest->time;
	unsigned i;

	for (i = 0; i < 4; i++) {
		const struct view v = {.newest = newest,
				       .from = i & 1 ? t : t - SWEEP_WINDOW,
				       .to = i & 1 ? t + SWEEP_WINDOW : t,
				       .ports = i >= 2};

		if (begins(s, &v))
			return true;
	}
	return false;
}

const struct sweep *sweep_denied(struct sweep_table *t, const struct addr *source,
				 const struct sweep_try *target, int64_t time)
{
	struct source *s = source_of(t, source);
	const struct target *x = remember(s, target, time);

	if (!x)
		return NULL;
	if (near(s, time)) {
		s->sweep.tries++;
		s->sweep.news = false;
		add(&s->sweep, target);
	} else {
		s->sweeping = begins_around(s, x);
	}
	s->swept = time;
	return s->sweeping ? &s->sweep : NULL;
}

bool sweep_goes_on(const struct sweep_table *t, const struct addr *source, int64_t time)
{
	const struct source *set = t->set[hash_bytes(source->b, sizeof(source->b), 0) % SWEEP_SETS];
	unsigned i;

	for (i = 0; i < SWEEP_WAYS; i++)
		if (set[i].used && addr_eq(&set[i].addr, source))
			return near(&set[i], time);
	return false;
}

void sweep_table_free(struct sweep_table *t)
{
	free(t);
}
