#include "capture/bridge_wire.h"

#include "capture/bridge_alive.h"

#include <ctype.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_MS 1000000
/* Three beats; and a TCP end has its second retransmission (RFC 6298) behind the silence. */
#define DEFAULT_TIMEOUT (300 * NS_PER_MS)
#define MIN_TIMEOUT	(50 * NS_PER_MS)
/* The kernel counts the element's time in jiffies, of 10 ms at most. */
#define JIFFY	    (10 * NS_PER_MS)
#define WORKERS_MAX 64
#define AWAY_MIN    (1000 * NS_PER_MS)
#define AWAY_MAX    (8000LL * NS_PER_MS)
#define NAME_LEN    32 /* of a table */

struct wire {
	struct wire *next;
	char iface[2][SOURCE_IFACE_LEN];
	char stays[NAME_LEN], owned[NAME_LEN]; /* names of the two tables */
	struct nft_ctx *nft;		       /* loads the wire */
	struct alive *alive;		       /* NULL before wire_live() */
	bool when_stopped_open;
	bool aside;
	unsigned users, workers; /* who have joined; who will */
	uint64_t all, beaten;	 /* a bit for each worker; who has beaten since the last renewal */
	int64_t timeout;
	/* The kernel dropped until then, once the last renewal was committed; and the last time it
	 * did not: after gap_from, up to gap_to. */
	_Atomic int64_t until, gap_from, gap_to;
	/* Overload. */
	_Atomic bool away;
	_Atomic uint64_t behind;	  /* a bit for each worker that has not caught up */
	int64_t away_time, back_at, back; /* for how long; when it may end; when it ended */
};

/* All of the process; its lock holds for them too, and for libnftables. */
static struct wire *wires;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int64_t wire_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- text for nftables --- */

/* The ruleset of a wire that policy has nothing to say about. Its chains accept at their end, not
 * drop: while one table replaces another, both have their hooks, and the new one no rules yet. */
static char *wire_text(const struct wire *w, const char *rules[2])
{
	char *text;
	int n = asprintf(&text,
			 "table netdev %s {\n"
			 "\tchain a {\n"
			 "\t\ttype filter hook ingress device \"%s\" priority 0; policy accept;\n"
			 "\t\t%s\n"
			 "\t}\n"
			 "\tchain b {\n"
			 "\t\ttype filter hook ingress device \"%s\" priority 0; policy accept;\n"
			 "\t\t%s\n"
			 "\t}\n"
			 "}\n",
			 w->stays, w->iface[0], rules[0], w->iface[1], rules[1]);

	return n < 0 ? NULL : text;
}

static char *open_text(const struct wire *w)
{
	char rule[2][SOURCE_IFACE_LEN + 16];
	const char *rules[2] = {rule[0], rule[1]};

	snprintf(rule[0], sizeof(rule[0]), "fwd to \"%s\"", w->iface[1]);
	snprintf(rule[1], sizeof(rule[1]), "fwd to \"%s\"", w->iface[0]);
	return wire_text(w, rules);
}

static char *cut_text(const struct wire *w)
{
	static const char *const drop[2] = {"drop", "drop"};
	const char *rules[2] = {drop[0], drop[1]};

	return wire_text(w, rules);
}

/* Runs nft, with the first line of what it complains of in err. */
static bool run(struct nft_ctx *nft, const char *text, char *err, size_t errlen)
{
	const char *said;

	if (nft_run_cmd_from_buffer(nft, text) == 0)
		return true;
	said = nft_ctx_get_error_buffer(nft);
	while (said && *said == '\n')
		said++;
	snprintf(err, errlen, "%.*s", said ? (int)strcspn(said, "\n") : 0, said ? said : "");
	return false;
}

static struct nft_ctx *context(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (nft) {
		nft_ctx_buffer_error(nft);
		nft_ctx_buffer_output(nft);
	}
	return nft;
}

/* Replaces the table that stays, in one transaction. */
static bool load(struct wire *w, const char *ruleset, char *err, size_t errlen)
{
	char *text = NULL, why[200];
	bool ok = false;

	if (asprintf(&text, "table netdev %s\ndelete table netdev %s\n%s", w->stays, w->stays,
		     ruleset) < 0)
		text = NULL;
	if (!text)
		snprintf(err, errlen, "out of memory");
	else if (!run(w->nft, text, why, sizeof(why)))
		snprintf(err, errlen, "the kernel does not take the wire between %s and %s: %s",
			 w->iface[0], w->iface[1], why);
	else
		ok = true;
	free(text);
	return ok;
}

static bool load_own(struct wire *w, char *(*make)(const struct wire *), char *err, size_t errlen)
{
	char *text = make(w);
	bool ok;

	if (!text) {
		snprintf(err, errlen, "out of memory");
		return false;
	}
	ok = load(w, text, err, errlen);
	free(text);
	return ok;
}

/* --- who shares it --- */

/* A table's name takes less than an interface's does. */
static void name(char out[NAME_LEN], const char *begins, const char *iface)
{
	size_t n = (size_t)snprintf(out, NAME_LEN, "%s%s", begins, iface), i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)out[i]) && out[i] != '_' && out[i] != '.' &&
		    out[i] != '-')
			out[i] = '_';
}

static struct wire *find(const struct bridge_config *cfg)
{
	struct wire *w;

	for (w = wires; w; w = w->next)
		if (strcmp(w->iface[0], cfg->iface[0]) == 0 &&
		    strcmp(w->iface[1], cfg->iface[1]) == 0)
			return w;
	return NULL;
}

/* Another kidoban has taken over one of the interfaces; asked before anything of its is touched. */
static bool is_taken(struct wire *w, char *err, size_t errlen)
{
	char owned[NAME_LEN], text[NAME_LEN + 32], why[200];
	int i;

	for (i = 0; i < 2; i++) {
		name(owned, "kidoban_live_", w->iface[i]);
		snprintf(text, sizeof(text), "list table netdev %s", owned);
		if (!run(w->nft, text, why, sizeof(why)))
			continue;
		snprintf(err, errlen,
			 "another kidoban is between %s and %s already: there is its table %s",
			 w->iface[0], w->iface[1], owned);
		return true;
	}
	return false;
}

static struct wire *make(const struct bridge_config *cfg, char *err, size_t errlen)
{
	unsigned workers = cfg->workers ? cfg->workers : 1;
	struct wire *w = calloc(1, sizeof(*w));
	bool ok;

	if (!w) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	snprintf(w->iface[0], sizeof(w->iface[0]), "%s", cfg->iface[0]);
	snprintf(w->iface[1], sizeof(w->iface[1]), "%s", cfg->iface[1]);
	name(w->stays, "kidoban_wire_", w->iface[0]);
	name(w->owned, "kidoban_live_", w->iface[0]);
	w->when_stopped_open = cfg->when_stopped_open;
	w->timeout = cfg->beat_timeout ? cfg->beat_timeout : DEFAULT_TIMEOUT;
	if (w->timeout < MIN_TIMEOUT)
		w->timeout = MIN_TIMEOUT;
	w->workers = workers;
	w->all = workers == WORKERS_MAX ? UINT64_MAX : (UINT64_C(1) << workers) - 1;
	atomic_init(&w->until, INT64_MIN);
	atomic_init(&w->gap_from, INT64_MIN);
	atomic_init(&w->gap_to, INT64_MIN);
	w->nft = context();
	if (!w->nft) {
		snprintf(err, errlen, "nftables cannot be reached; CAP_NET_ADMIN is needed");
		ok = false;
	} else if (is_taken(w, err, errlen)) {
		ok = false;
	} else if (cfg->wire) {
		ok = load(w, cfg->wire, err, errlen);
	} else {
		ok = load_own(w, open_text, err, errlen);
	}
	if (!ok) {
		if (w->nft)
			nft_ctx_free(w->nft);
		free(w);
		return NULL;
	}
	w->next = wires;
	wires = w;
	return w;
}

struct wire *wire_join(const struct bridge_config *cfg, char *err, size_t errlen)
{
	struct wire *w;

	if (cfg->workers > WORKERS_MAX) {
		snprintf(err, errlen, "a bridge has at most %d workers", WORKERS_MAX);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	w = find(cfg);
	if (!w)
		w = make(cfg, err, errlen);
	if (w)
		w->users++;
	pthread_mutex_unlock(&lock);
	return w;
}

void wire_leave(struct wire *w, bool orderly)
{
	struct wire **p;
	char err[256];

	if (!w)
		return;
	pthread_mutex_lock(&lock);
	if (--w->users == 0) {
		/* cut first, so that nothing passes in between */
		if (orderly && !w->when_stopped_open)
			load_own(w, cut_text, err, sizeof(err));
		alive_close(w->alive);
		nft_ctx_free(w->nft);
		for (p = &wires; *p != w; p = &(*p)->next)
			;
		*p = w->next;
		free(w);
	}
	pthread_mutex_unlock(&lock);
}

bool wire_replace(struct wire *w, const char *ruleset, char *err, size_t errlen)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = ruleset ? load(w, ruleset, err, errlen) : load_own(w, open_text, err, errlen);
	pthread_mutex_unlock(&lock);
	return ok;
}

/* --- the live table --- */

bool wire_live(struct wire *w, char *err, size_t errlen)
{
	bool ok;

	pthread_mutex_lock(&lock);
	if (!w->alive && w->users == w->workers)
		w->alive = alive_open(w->owned, w->iface[0], w->iface[1], err, errlen);
	ok = w->alive || w->users < w->workers;
	pthread_mutex_unlock(&lock);
	return ok;
}

static bool may_return(const struct wire *w)
{
	return !atomic_load(&w->away) || (atomic_load(&w->behind) == 0 && wire_now() >= w->back_at);
}

void wire_beat(struct wire *w, unsigned worker)
{
	int64_t before, after, until;

	pthread_mutex_lock(&lock);
	w->beaten |= UINT64_C(1) << worker;
	if (w->beaten == w->all && w->alive && !w->aside && may_return(w)) {
		w->beaten = 0;
		until = atomic_load(&w->until);
		if (alive_renew(w->alive, (uint64_t)(w->timeout / NS_PER_MS), &before, &after)) {
			if (before > until) {
				atomic_store(&w->gap_from, until);
				atomic_store(&w->gap_to, after);
			}
			atomic_store(&w->until, before + w->timeout - JIFFY);
			if (atomic_exchange(&w->away, false))
				w->back = after;
		}
	}
	pthread_mutex_unlock(&lock);
}

/* Told before it is done: what comes in between is lost, and not sent by both. */
static bool withdraw(struct wire *w)
{
	int64_t now = wire_now(), until = atomic_load(&w->until), before, after;

	if (now < until)
		atomic_store(&w->until, now);
	if (alive_renew(w->alive, 0, &before, &after))
		return true;
	atomic_store(&w->until, until);
	return false;
}

void wire_aside(struct wire *w)
{
	pthread_mutex_lock(&lock);
	if (!w->aside && w->alive) {
		w->aside = true;
		withdraw(w);
	}
	pthread_mutex_unlock(&lock);
}

bool wire_overload(struct wire *w)
{
	bool done;

	pthread_mutex_lock(&lock);
	done = w->alive && !w->aside && !atomic_load(&w->away);
	if (done) {
		/* before the rest: whoever has caught up since says so again */
		atomic_store(&w->behind, w->all);
		atomic_store(&w->away, true);
		done = withdraw(w);
		atomic_store(&w->away, done);
	}
	if (done) {
		int64_t now = wire_now();

		if (!w->away_time || now - w->back > 2 * w->away_time)
			w->away_time = AWAY_MIN;
		else if (w->away_time < AWAY_MAX)
			w->away_time *= 2;
		w->back_at = now + w->away_time;
	}
	pthread_mutex_unlock(&lock);
	return done;
}

bool wire_is_away(const struct wire *w)
{
	return atomic_load_explicit(&w->away, memory_order_relaxed);
}

void wire_caught_up(struct wire *w, unsigned worker)
{
	atomic_fetch_and(&w->behind, ~(UINT64_C(1) << worker));
}

bool wire_passed(const struct wire *w, int64_t now, int64_t time)
{
	int64_t until = atomic_load(&w->until);

	if (now > until && time > until)
		return true;
	return time <= atomic_load_explicit(&w->gap_to, memory_order_relaxed) &&
	       time > atomic_load_explicit(&w->gap_from, memory_order_relaxed);
}
