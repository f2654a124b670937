/*
 * run/totals.h - what all workers counted, added up: for status, metrics, stats and health.
 *
 * The workers' own copies are read, which they make every 100 ms; no packet waits. Right after a
 * new policy a worker may still count for the conduits of the old one: such counts are left out.
 * Thread: the main thread.
 */
#ifndef KIDOBAN_RUN_TOTALS_H
#define KIDOBAN_RUN_TOTALS_H

#include "run/service.h"

struct totals {
	struct packet_stats packet;
	struct flow_stats flow;
	struct act_stats act;
	uint64_t latency[WORKER_LATENCY_BUCKETS], latency_sum;
	uint64_t ops[WORKER_PROTOS];
	uint64_t incidents[WORKER_FINDINGS], occurrences[WORKER_FINDINGS];
	bool has_baseline;
	/* of all workers: times from the first to the last of them, settled when all are */
	struct baseline_progress learned;
	uint64_t events_today, events_yesterday;
	double budget;			      /* events a day; 0: it is learned */
	struct engine_conduit_count *conduit; /* by conduit of the policy; NULL: no policy */
	uint32_t conduits;
	/* up: as all workers of it say, each of which may have a queue of its own */
	struct source_stats source[RUN_SOURCES_MAX][SOURCE_IFACES_MAX];
	unsigned ifaces[RUN_SOURCES_MAX];
};

/* NULL when memory is out. */
struct totals *totals_take(struct service *s);

/* All interfaces of all sources; only the counts mean something. */
struct source_stats totals_sources(const struct totals *t);

void totals_free(struct totals *t); /* accepts NULL */

#endif
