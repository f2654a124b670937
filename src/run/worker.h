/*
 * run/worker.h - one thread that owns a source, its flows and their judgement.
 *
 *      source ──> packet_decode ──> act_begin ──> tracker + engine ──> act_finish ──> source
 *        │ at most 50 ms             between two batches: new orders, ticks, a snapshot of counts
 *
 * Nothing is shared with other workers but what is never changed (policy) and the ring of its sink.
 */
#ifndef KIDOBAN_RUN_WORKER_H
#define KIDOBAN_RUN_WORKER_H

#include "detect/assets.h"
#include "detect/engine.h"
#include "run/config.h"
#include "run/orders.h"
#include "run/response.h"

#include <pthread.h>

#define WORKER_PROTOS	       16
#define WORKER_FINDINGS	       128
#define WORKER_LATENCY_BUCKETS 24 /* bucket i: below 2^i microseconds; the last: all else */

/* What a worker counts, copied once every 100 ms for whoever asks. */
struct worker_counts {
	int64_t time;	 /* ns since 1970 UTC */
	uint64_t loops;	 /* of its main loop: it makes progress */
	uint64_t orders; /* number of the last it took */
	struct packet_stats packet;
	struct flow_stats flow;
	struct act_stats act;
	struct source_stats source[SOURCE_IFACES_MAX];
	unsigned ifaces;
	uint64_t latency[WORKER_LATENCY_BUCKETS]; /* frames by time from arrival to verdict */
	uint64_t latency_sum;			  /* ns */
	uint64_t ops[WORKER_PROTOS];		  /* by vocabulary (op/vocab.h) */
	uint64_t incidents[WORKER_FINDINGS];	  /* by index of the catalogue */
	uint64_t occurrences[WORKER_FINDINGS];	  /* likewise */
	bool has_baseline;			  /* the next three are filled */
	struct baseline_progress learned;	  /* of a frozen one: what it holds */
	uint64_t events_today, events_yesterday;  /* about it, UTC */
	double budget;				  /* events a day; 0: it is learned */
	struct engine_conduit_count *conduit;	  /* copied; freed by whoever got it */
	uint32_t conduits;
};

struct worker;

struct worker_config {
	unsigned number;	/* over all workers, from 0 */
	unsigned source_number; /* in the configuration */
	const struct run_config *run;
	struct source *source; /* owned by the worker from now on */
	struct sink *sink;
	unsigned events; /* bits of enum engine_event */
	const struct catalogue *catalogue;
	const struct orders *orders; /* the first ones */
	struct baseline *baseline;   /* the worker's from now on; NULL: none */
	struct response *response;   /* of a mirror; NULL: it is never answered */
	/* A worker isolated a host: called in its thread, must not wait. */
	void (*quarantined)(void *user, const struct act_quarantine *q, const char *reason);
	/* Likewise: it found a stubborn device (detect/act.h). */
	void (*stubborn)(void *user, const struct addr *server, uint16_t port);
	void *user;
};

/* NULL with a sentence in err. */
struct worker *worker_new(const struct worker_config *cfg, char *err, size_t errlen);
/* Before it starts: a stubborn device that was found earlier. */
void worker_stubborn(struct worker *w, const struct addr *server, uint16_t port);
bool worker_start(struct worker *w); /* starts the thread */

/* Main thread: new orders, to be taken soon; worker_counts.orders says when. */
void worker_orders(struct worker *w, const struct orders *o);
uint64_t worker_obeys(const struct worker *w); /* number of the last it took */
uint64_t worker_loops(const struct worker *w);
struct source *worker_source(const struct worker *w);
unsigned worker_source_number(const struct worker *w);
/* The wall clock was stepped. */
void worker_clock_stepped(struct worker *w);

/* out->conduit is malloc()ed, or NULL. */
void worker_counts(struct worker *w, struct worker_counts *out);

/*
 * Hosts that it has to tell of, each once. *list, malloc()ed room for WORKER_ASSETS, is exchanged
 * for the worker's; ifaces: names of their interfaces. Returns how many.
 */
#define WORKER_ASSETS 256
unsigned worker_assets(struct worker *w, struct asset_seen **list,
		       char ifaces[WORKER_ASSETS][SOURCE_IFACE_LEN]);

/*
 * Its baseline, from the main thread. ask: for a copy of what it has learned, made between two
 * packets; copy: the caller's, NULL until it is made. give: another one instead; old: the one that
 * was given up, the caller's; NULL.
 */
void worker_baseline_ask(struct worker *w);
struct baseline *worker_baseline_copy(struct worker *w);
void worker_baseline_give(struct worker *w, struct baseline *b);
struct baseline *worker_baseline_old(struct worker *w);
/* The one it has; after worker_finish() only. */
struct baseline *worker_baseline(struct worker *w);

/* NULL while it runs well; else why its source is broken. */
const char *worker_broken(const struct worker *w);

/* Asks it to end; worker_free() waits for it, closes incidents and the source. */
void worker_stop(struct worker *w);
/* Waits for it and closes the source; what it counted and saw can still be asked for. */
void worker_close(struct worker *w);
/* The same, and what was open is over: flows end, incidents are told. */
void worker_finish(struct worker *w);
void worker_free(struct worker *w); /* accepts NULL */

#endif
