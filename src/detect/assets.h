/*
 * detect/assets.h - the hosts that speak, for the list of assets.
 *
 *      packet -> [ host | first | last | MAC | interface ]  x 16384, in sets of eight
 *                                                            |
 *                     now and then, between two batches:     +-> new, or not told for a minute
 *
 * A host is the sender of a packet: its address, or its MAC where there is no IP. Somebody who is
 * only spoken to is none. A MAC address counts as the host's own when an ARP packet says so, or
 * when the packet came from a host of its own zone: behind a router all have the router's.
 *
 * Memory: fixed, made at start. Where a set of eight is full, the host not heard of for the longest
 * goes. Whoever invents addresses makes at most ASSETS_NEW of them known per minute. Time is packet
 * time. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ASSETS_H
#define KIDOBAN_DETECT_ASSETS_H

#include "detect/endpoint.h"
#include "packet/packet.h"
#include "policy/policy.h"

#define ASSETS_MAX   16384u /* hosts kept */
#define ASSETS_NEW   1024u  /* new hosts told per minute */
#define ASSETS_CALLS 8u	    /* of assets_take() until it has looked at all */
#define ASSETS_NAME  64	    /* bytes of a name with its NUL; longer ones are cut */

struct asset_seen {
	struct addr addr;
	struct mac mac;
	bool has_addr, has_mac;
	uint16_t iface;	     /* number of the interface it was heard on last */
	int64_t first, last; /* ns since 1970 UTC */
	char zone[ASSETS_NAME], asset[ASSETS_NAME]; /* "" when it has none */
	unsigned facts;				    /* how many of fact[] are used */
	struct endpoint_fact fact[ENDPOINT_FACTS];
};

struct assets;

/* NULL when memory is out. key: as in base/hash.h. */
struct assets *assets_new(uint64_t key);

/* On the way of a packet: one lookup. */
void assets_packet(struct assets *a, const struct packet *p);

/*
 * Those to be told now, up to max; each once, and again when it is still heard a minute later.
 * Looks at a part of the table only, the next part the next time. p may be NULL. device: what a
 * host told about itself, or NULL.
 */
unsigned assets_take(struct assets *a, const struct policy *p,
		     const struct endpoint *(*device)(const void *user, const struct addr *addr),
		     const void *user, struct asset_seen *out, unsigned max);

/* Accepts NULL. */
void assets_free(struct assets *a);

#endif
