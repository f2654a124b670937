/*
 * detect/link.h - frames that are no IP, judged by MAC, VLAN and Ethernet type.
 *
 * PROFINET, GOOSE, EtherCAT and the like have no flows: each frame is judged by itself. As the
 * same two stations repeat the same type every millisecond, what was found nothing against is
 * remembered in a small table until something of the policy opens or closes; a full place in it is
 * taken over. What is a violation is told each time, and folded into incidents as everything is.
 *
 * What it is not: it reads no payload, and ARP is not its business.
 *
 * Memory: a fixed table, made at start; nothing is allocated per frame. Thread: one worker.
 * Private to detect/.
 */
#ifndef KIDOBAN_DETECT_LINK_H
#define KIDOBAN_DETECT_LINK_H

#include "detect/engine.h"

struct link;

/* NULL only when memory is out. */
struct link *link_new(void);

/* A frame with MAC addresses that is no IP and no ARP. */
void link_frame(struct link *l, struct engine *e, const struct policy_now *now,
		enum finding_lang lang, const struct packet *p);

/* Accepts NULL. */
void link_free(struct link *l);

#endif
