/*
 * detect/hear.h - who speaks: devices that are not listed, not where they should be, or too old.
 *
 * Asked once per flow and end, and for each ARP packet. It raises its findings itself.
 *
 * Private to detect/. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_HEAR_H
#define KIDOBAN_DETECT_HEAR_H

#include "detect/engine_private.h"

/* A device that was heard: in a flow, or where there is none in a packet. */
struct heard {
	const struct addr *addr;
	const struct mac *mac; /* its own, not a router's; NULL: not known */
	struct policy_place place;
	struct flow *flow;
	int end;		/* of the flow */
	const struct packet *p; /* without a flow */
};

/* time: ns since 1970 UTC. False: something is said against the device. */
bool hear_one(struct engine *e, const struct policy *p, enum finding_lang lang,
	      const struct heard *h, int64_t time);

/*
 * Both ends of a flow as devices. An end counts once it has spoken: an address that only others
 * speak to is no device. Behind a router every address shows the router's MAC, so addresses and
 * MACs are compared inside one zone only, and in ARP, which no router forwards.
 */
void hear_flow(struct engine *e, const struct policy *p, enum finding_lang lang, struct flow *f);

#endif
