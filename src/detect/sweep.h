/*
 * detect/sweep.h - one host that tries many others.
 *
 * Every denial has its own finding, until they make a sweep: then the sweep is told in their
 * place, but for those over which something was done or said. The question is about the host: did
 * it within SWEEP_WINDOW try SWEEP_TRIES servers that it may not reach, or so many ports of one
 * server, none of which it was denied before? Malware that spreads and a person who looks around
 * both do; a program that is merely configured wrong tries the same few again and again, and a
 * permitted client of many servers is denied nothing.
 *
 *   set[hash(source)] -> SWEEP_WAYS sources -> ring of SWEEP_KNOWN targets, each with its time
 *
 * Bounded: of sources the one quiet for longest is forgotten, of targets the oldest. Only denials
 * cost anything. Time is packet time and may come out of order: tries that nobody answered are
 * known when their flows end. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_SWEEP_H
#define KIDOBAN_DETECT_SWEEP_H

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define SWEEP_TRIES  10
#define SWEEP_WINDOW INT64_C(60000000000) /* ns */
#define SWEEP_SETS   64u
#define SWEEP_WAYS   4u
#define SWEEP_KNOWN  32u
#define SWEEP_PORTS  6 /* told one by one */
#define SWEEP_FIRST  4 /* servers told one by one */

struct sweep_try {
	struct addr server;
	uint16_t port;	  /* as in struct flow: of ICMP, type and code */
	uint8_t ip_proto; /* IANA */
};

/* What is known of a sweep as it goes on. */
struct sweep {
	bool ports;	  /* over the ports of one server; else over servers */
	uint32_t tries;	  /* of the first window, then one more each time */
	int64_t duration; /* ns, in which the first of them came */
	struct addr server[SWEEP_FIRST];
	uint32_t servers; /* how many of server[] are filled */
	uint16_t port[SWEEP_PORTS];
	uint8_t ip_proto[SWEEP_PORTS];
	uint32_t nports; /* how many of port[] are filled */
	bool more_ports; /* and there were others */
	bool news;	 /* this try added to what is told */
};

struct sweep_table;

/* NULL only when memory is out. */
struct sweep_table *sweep_table_new(void);

/* A denied try at that time (ns). NULL: it makes no sweep; else valid until the next call. */
const struct sweep *sweep_denied(struct sweep_table *t, const struct addr *source,
				 const struct sweep_try *target, int64_t time);

/* True when what that source tries again at that time (ns) belongs to a sweep of its. */
bool sweep_goes_on(const struct sweep_table *t, const struct addr *source, int64_t time);

/* Accepts NULL. */
void sweep_table_free(struct sweep_table *t);

#endif
