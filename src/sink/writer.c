#include "sink/writer.h"

#include "detect/engine.h"
#include "sink/flight.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS	   INT64_C(1000000)
#define RETRY_MIN  (500 * MS)
#define RETRY_MAX  (30000 * MS)
#define COMING_MAX (10000 * MS)
#define STALL_TOLD (5000 * MS)	/* the other end takes nothing for so long: not taking */
#define STALL_MAX  (60000 * MS) /* it is given up */
#define HEAR_EVERY (10 * MS)	/* between two questions what has arrived */
#define ROUND	   256		/* records between two looks at everything else */

/* What the thread knows; its own. */
struct work {
	struct writer *w;
	struct flight *f;
	enum wire_state state;
	int64_t now;	       /* ns, never stepped */
	int64_t began;	       /* of coming up */
	int64_t retry, pause;  /* when to try next, and how long to wait after that */
	int64_t moved;	       /* when it last took or confirmed something */
	bool failed;	       /* the last attempt to come up did */
	char buf[WIRE_RECORD]; /* of a record from the spool */
};

static void count(atomic_uint_fast64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static void tell(struct writer *w, const char *error)
{
	pthread_mutex_lock(&w->lock);
	snprintf(w->error, sizeof(w->error), "%s", error);
	pthread_mutex_unlock(&w->lock);
}

/* --- to the spool --- */

static bool save(struct writer *w, uint32_t kind, const void *data, size_t len)
{
	if (kind != ENGINE_ALERT) {
		count(&w->given_up, 1);
		return false;
	}
	if (spool_append(w->spool, data, len)) {
		count(&w->spooled, 1);
		return true;
	}
	count(&w->lost, 1);
	tell(w, spool_error(w->spool));
	return false;
}

/*
 * Whoever is in flight and not on disk is older than whoever is still in the queue. While the wire
 * is up only those that are on it: what is to be sent again keeps its bytes until it is. While it
 * is not, whoever was saved leaves the flight and is read from the spool.
 */
static void save_flight(struct work *k)
{
	unsigned most = k->state > WIRE_COMING ? k->f->sent : k->f->count;
	struct spool_place end;
	unsigned n;

	for (n = 0; n < most && !spool_unread(k->w->spool); n++) {
		struct flight_record *r = flight_at(k->f, n);

		if (r->spooled || r->kind != ENGINE_ALERT ||
		    !spool_append(k->w->spool, r->data, r->len))
			continue;
		count(&k->w->spooled, 1);
		end = spool_read_all(k->w->spool);
		flight_spooled(k->f, n, &end);
	}
	if (k->state > WIRE_COMING)
		return;
	flight_rewind(k->f);
	spool_rewind(k->w->spool);
}

static void save_queue(struct work *k)
{
	struct writer *w = k->w;
	uint32_t kind;
	size_t len;
	void *data;

	if (!w->spool)
		return;
	save_flight(k);
	while ((data = ring_peek(w->queue, &kind, &len))) {
		save(w, kind, data, len);
		ring_release(w->queue);
	}
}

/* What is neither confirmed nor in the spool when all is over. */
static void give_up(struct work *k)
{
	uint32_t kind;
	size_t len;
	unsigned n;

	for (n = 0; n < k->f->count; n++)
		if (!flight_at(k->f, n)->spooled)
			count(flight_at(k->f, n)->kind == ENGINE_ALERT ? &k->w->lost
								       : &k->w->given_up,
			      1);
	while (ring_peek(k->w->queue, &kind, &len)) {
		count(kind == ENGINE_ALERT ? &k->w->lost : &k->w->given_up, 1);
		ring_release(k->w->queue);
	}
}

/* --- the wire --- */

static void broke(struct work *k)
{
	struct writer *w = k->w;

	tell(w, w->wire->error);
	atomic_store(&w->takes, false);
	w->wire->ops->close(w->wire);
	w->wire->used = 0;
	k->state = WIRE_DOWN;
	k->failed = true;
	k->retry = k->now + k->pause;
	k->pause = k->pause * 2 < RETRY_MAX ? k->pause * 2 : RETRY_MAX;
	if (w->spool)
		save_flight(k);
	else
		flight_rewind(k->f);
}

static void came(struct work *k, enum wire_state state)
{
	k->state = state;
	if (state == WIRE_DOWN) {
		broke(k);
		return;
	}
	if (state == WIRE_COMING)
		return;
	k->moved = k->now;
	k->failed = false;
	if (!k->f->count && !ring_used(k->w->queue))
		atomic_store(&k->w->takes, true);
}

static void come_up(struct work *k)
{
	struct wire *x = k->w->wire;

	if (k->state == WIRE_DOWN && k->now >= k->retry) {
		x->offered = x->heard = 0;
		x->used = 0;
		x->want = 0;
		x->wake = 0;
		k->began = k->now;
		came(k, x->ops->open(x));
	} else if (k->state == WIRE_COMING) {
		enum wire_state now = x->ops->come(x);

		if (now == WIRE_COMING && k->now - k->began > COMING_MAX) {
			snprintf(x->error, sizeof(x->error), "no answer for %d seconds",
				 (int)(COMING_MAX / (1000 * MS)));
			now = WIRE_DOWN;
		}
		came(k, now);
	}
}

/* The next record: to be sent again, from the spool, from the queue. False: none, or no room. */
static bool offer(struct work *k)
{
	struct writer *w = k->w;
	struct wire *x = w->wire;
	struct flight_record r = {.kind = ENGINE_ALERT};
	uint32_t kind;
	void *data;

	if (k->f->sent < k->f->count) {
		struct flight_record *again = flight_at(k->f, k->f->sent);

		if (!wire_take(x, again->data, again->len))
			return false;
		again->end = x->offered;
		k->f->sent++;
		return true;
	}
	if (flight_is_full(k->f) || WIRE_BUFFER - x->used < WIRE_RECORD + 16)
		return false;
	if (x->one_by_one && x->used)
		return false;
	if (w->spool && spool_read(w->spool, k->buf, sizeof(k->buf), &r.len, &r.place)) {
		wire_take(x, k->buf, r.len);
		r.spooled = true;
	} else {
		data = ring_peek(w->queue, &kind, &r.len);
		if (!data)
			return false;
		wire_take(x, data, r.len);
		r.kind = kind;
		r.data = data;
	}
	r.end = x->offered;
	if (!flight_add(k->f, &r))
		count(&w->lost, 1); /* it may arrive all the same */
	else
		k->f->sent++;
	if (!r.spooled)
		ring_release(w->queue);
	return true;
}

static void hear(struct work *k)
{
	struct wire *x = k->w->wire;
	bool any = false;

	x->ops->hear(x);
	while (k->f->sent && flight_at(k->f, 0)->end <= x->heard) {
		if (flight_at(k->f, 0)->spooled)
			spool_confirm(k->w->spool, &flight_at(k->f, 0)->place);
		flight_pop(k->f);
		count(&k->w->written, 1);
		any = true;
	}
	if (!any)
		return;
	k->moved = k->now;
	k->pause = RETRY_MIN;
	atomic_store(&k->w->takes, true);
}

static void send_round(struct work *k)
{
	struct wire *x = k->w->wire;
	unsigned n = 0;

	if (x->ops->look)
		k->state = x->ops->look(x);
	if (k->state != WIRE_UP && x->ops->look) {
		hear(k);
		if (k->state == WIRE_DOWN)
			broke(k);
		return;
	}
	do {
		while (n < ROUND && offer(k))
			n++;
		k->state = x->ops->push(x);
		if (k->state == WIRE_DOWN) {
			hear(k);
			broke(k);
			return;
		}
		hear(k);
	} while (k->state == WIRE_UP && n < ROUND &&
		 (ring_used(k->w->queue) || (k->w->spool && spool_unread(k->w->spool))) &&
		 !flight_is_full(k->f));
	if (!k->f->count) {
		k->moved = k->now;
		return;
	}
	if (k->now - k->moved > STALL_TOLD && atomic_exchange(&k->w->takes, false))
		tell(k->w, "the other end takes nothing");
	if (k->now - k->moved > STALL_MAX) {
		snprintf(x->error, sizeof(x->error), "the other end took nothing for a minute");
		broke(k);
	}
}

/* --- the thread --- */

static bool has_work(const struct work *k)
{
	return k->f->count || ring_used(k->w->queue) || (k->w->spool && spool_waiting(k->w->spool));
}

/* ms until something is to be done without being told. */
static int patience(const struct work *k)
{
	int64_t until = k->now + 1000 * MS, stop = atomic_load(&k->w->stop_at);

	if (k->state == WIRE_DOWN)
		until = k->retry < until ? k->retry : until;
	else if (k->w->wire->wake && k->w->wire->wake < until)
		until = k->w->wire->wake;
	if (k->state != WIRE_DOWN && k->f->count && k->now + HEAR_EVERY < until)
		until = k->now + HEAR_EVERY;
	if (stop && stop < until)
		until = stop;
	return until > k->now ? (int)((until - k->now + MS - 1) / MS) : 0;
}

static void rest(struct work *k)
{
	struct writer *w = k->w;
	const struct wire *x = w->wire;
	struct pollfd p[2] = {{.fd = w->bell.fd, .events = POLLIN}, {.fd = -1, .events = x->want}};
	bool sends = k->state == WIRE_UP && !flight_is_full(k->f);

	if (k->state != WIRE_DOWN && x->want)
		p[1].fd = x->fd;
	bell_lie_down(&w->bell);
	if (!(sends && (ring_used(w->queue) || (w->spool && spool_unread(w->spool)))) &&
	    !atomic_load(&w->reopen))
		poll(p, 2, patience(k));
	bell_get_up(&w->bell);
}

static void reopen(struct work *k)
{
	struct wire *x = k->w->wire;

	if (!atomic_exchange(&k->w->reopen, false) || !x->ops->reopen)
		return;
	if (!x->ops->reopen(x))
		tell(k->w, x->error);
	k->retry = k->now; /* it may be better now */
}

/* True when nothing is to be waited for any more. */
static bool is_over(struct work *k)
{
	int64_t stop = atomic_load(&k->w->stop_at);

	if (!stop)
		return false;
	if (!has_work(k) || k->now >= stop)
		return true;
	if (k->state == WIRE_DOWN && k->retry > k->now + RETRY_MIN)
		k->retry = k->now + RETRY_MIN;
	return k->state == WIRE_DOWN && k->w->spool;
}

static void *work(void *arg)
{
	struct work *k = arg;
	struct writer *w = k->w;
	sigset_t all;

	sigfillset(&all); /* SIGPIPE too: it is an error as any other */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		k->now = bell_now();
		reopen(k);
		if (k->state <= WIRE_COMING)
			come_up(k);
		if (k->state > WIRE_COMING)
			send_round(k);
		if (w->spool && ((k->state <= WIRE_COMING && k->failed) ||
				 ring_used(w->queue) > WRITER_QUEUE / 4))
			save_queue(k);
		if (w->spool) {
			spool_tick(w->spool, k->now);
			atomic_store(&w->in_spool, spool_waiting(w->spool));
		}
		atomic_store(&w->in_flight, k->f->count);
		if (is_over(k))
			break;
		rest(k);
	}
	if (w->spool)
		save_queue(k);
	give_up(k);
	flight_clear(k->f);
	if (w->spool)
		atomic_store(&w->in_spool, spool_waiting(w->spool));
	atomic_store(&w->in_flight, 0);
	free(k);
	return NULL;
}

bool writer_start(struct writer *w)
{
	struct work *k = calloc(1, sizeof(*k));

	w->flight = calloc(1, sizeof(*w->flight));
	if (k && w->flight) {
		k->w = w;
		k->f = w->flight;
		k->pause = RETRY_MIN;
		w->started = pthread_create(&w->thread, NULL, work, k) == 0;
	}
	if (!w->started)
		free(k);
	return w->started;
}

void writer_stop(struct writer *w, int64_t at)
{
	atomic_store(&w->stop_at, at ? at : 1);
	bell_ring(&w->bell);
}

void writer_wait(struct writer *w)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}

void writer_free(struct writer *w)
{
	writer_wait(w);
	if (w->wire)
		w->wire->ops->free(w->wire);
	ring_free(w->queue);
	spool_close(w->spool);
	if (w->bell.fd >= 0)
		close(w->bell.fd);
	free(w->flight);
	pthread_mutex_destroy(&w->lock);
}
