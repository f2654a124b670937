/*
 * run/health.h - findings about ourselves: what kidoban cannot see, or has lost.
 *
 * A sensor that is quiet because nothing reaches it must not look like a plant where nothing
 * happens. Once a second the main thread shows health what the sources count and what the clock
 * says; health tells, once when it begins and once when it ends:
 *
 *   sensor.no-traffic      an interface has had no packet for the time configured
 *   sensor.one-direction   conversations are seen in one direction only
 *   sensor.packets-lost    the kernel or the interface dropped packets before kidoban saw them
 *   sensor.interface-down  no carrier
 *   sensor.clock-stepped   the wall clock jumped
 *   sensor.output-lost     an output did not take events: spooled, or lost and how many
 *   sensor.passed-unseen   the kernel let packets through without kidoban's look
 *   sensor.overloaded      a bridge was left to the kernel, for kidoban could not keep up
 *
 * Thread: the main thread; it has a sink of its own.
 */
#ifndef KIDOBAN_RUN_HEALTH_H
#define KIDOBAN_RUN_HEALTH_H

#include "capture/source.h"
#include "run/config.h"
#include "sink/sink.h"

struct health;

struct health_config {
	const struct run_config *run;
	const struct catalogue *catalogue;
	struct sink *sink;
	enum finding_lang lang;
};

/* NULL when memory is out, or the catalogue lacks a finding. */
struct health *health_new(const struct health_config *cfg);

/* What source number i of the configuration counts by now, added up over its workers. wall: ns
 * since 1970 UTC; mono: ns of CLOCK_MONOTONIC. */
void health_source(struct health *h, unsigned source, const struct source_stats *stats,
		   unsigned ifaces, int64_t wall, int64_t mono);

/* Both clocks, once a second. Returns by how much the wall clock was stepped since, ns; 0. */
int64_t health_clock(struct health *h, int64_t wall, int64_t mono);

/* An output: events spooled and lost in all, and whether it takes them now. */
void health_output(struct health *h, const char *name, uint64_t spooled, uint64_t lost, bool takes,
		   int64_t wall);

/* What is wrong now, one sentence each, for `kidoban status`. */
void health_each(const struct health *h,
		 void (*one)(void *user, const char *finding, const char *sentence), void *user);

void health_free(struct health *h);

#endif
