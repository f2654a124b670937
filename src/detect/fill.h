/*
 * detect/fill.h - what an incident keeps of a flow or a packet: addresses, zones, assets.
 *
 * Copies and looks up names; decides nothing. Everything that is pointed to belongs to the policy.
 * Private to detect/. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_FILL_H
#define KIDOBAN_DETECT_FILL_H

#include "detect/incident.h"
#include "detect/judge.h"

/* Names of a place; NULL where it is in no zone or no asset. */
void fill_place(const struct policy *p, struct policy_place place, const char **zone,
		const char **asset);

/* The end that did it: who it is, and which threats begin there. */
void fill_source(const struct policy *p, struct policy_place place, struct incident *i);

/* The graver the zones, the graver what happens there. */
void fill_severity(const struct policy *p, struct incident *i, struct policy_place src,
		   struct policy_place dst);

/* from: the end that sent the packet, 0 client, 1 server. policy may be NULL. */
void fill_flow(const struct policy *policy, struct incident *i, struct flow *f, int from);
void fill_packet(const struct policy *policy, struct incident *i, const struct packet *p);

/* Two ends of which nothing but the addresses is known; dst may be NULL. policy may be NULL. */
void fill_addrs(const struct policy *policy, struct incident *i, const struct addr *src,
		const struct addr *dst);

#endif
