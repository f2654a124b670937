/*
 * detect/act.h - from a verdict to what happens to the packet at hand.
 *
 * The engine says what the policy wants done about a violation; act does it, as gently as it can,
 * and answers what was really done, which is what the alert says:
 *
 *   degrade      the dissector neutralises the request in place (proto/proto.h) and restores its
 *                code in the device's answer. Where that is impossible (the bytes have passed
 *                already, the protocol has no such form, the device did not answer the last time)
 *                it is rejected instead
 *   drop         the packet that completes the forbidden message does not pass; in TCP nothing
 *                behind it does either, and nothing of it when it is sent again
 *   reject       drop, and both ends are told: RST each way, or ICMP administratively prohibited
 *   quarantine   reject, and the host is isolated: nothing from or to it passes until it is
 *                released, or its time is over
 *
 * Never to or from a safety zone, never in mode detect, never in an operating mode that forbids it.
 * A packet sent again is treated as it was the first time: edits and cuts are kept by sequence
 * number until they are acknowledged.
 *
 * A device that does not answer a neutralised request in time is stubborn: it is reset once,
 * remembered by address and port, and rejected from then on.
 *
 * On a mirror there is no act, or one that only answers from aside (act_config.aside): resets
 * through another interface.
 *
 * Memory: bounded tables made at start: conversations with edits or cuts, stubborn devices, hosts
 * in quarantine. Nothing is allocated per packet. Time is packet time. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ACT_H
#define KIDOBAN_DETECT_ACT_H

#include "capture/source.h"
#include "flow/flow.h"
#include "policy/policy.h"

struct act;

/* A host that is isolated; by address, or by MAC when has_mac. */
struct act_quarantine {
	struct addr addr;
	struct mac mac;
	bool has_mac;
	int64_t until; /* ns since 1970 UTC */
};

struct act_config {
	/* Sends a frame of our own, as in source_ops. NULL: nobody is told. */
	bool (*send)(void *user, unsigned iface, const void *frame, uint32_t len);
	/* The engine put a host into quarantine: to be remembered and enforced elsewhere too
	 * (state, nftables set, other workers). */
	void (*quarantined)(void *user, const struct act_quarantine *q, const char *reason);
	/*
	 * A device is stubborn: it did not answer a request it should have refused, and is rejected
	 * from now on. To be remembered, and told at the next start with act_stubborn(). May be
	 * NULL.
	 */
	void (*stubborn)(void *user, const struct addr *server, uint16_t port);
	void *user;
	int linktype;		 /* of the frames at hand and of those to be sent */
	bool aside;		 /* frames at hand have passed already: only tell the ends */
	int64_t quarantine_time; /* ns; 0: 1 hour */
	int64_t answer_time;	 /* ns a device has to refuse a neutralised request; 0: 2 s */
};

/* NULL only when memory is out. */
struct act *act_new(const struct act_config *cfg);

/* Whose edits it uses; before the first packet. */
void act_tracker(struct act *a, struct flow_tracker *t);

/* All hosts in quarantine; they replace those of before. Not on the way of a packet. */
void act_quarantines(struct act *a, const struct act_quarantine *list, uint32_t count);

/* A device that is known to be stubborn. */
void act_stubborn(struct act *a, const struct addr *server, uint16_t port);

/* --- the worker, around flow_tracker_packet() --- */

/*
 * A frame begins. True: an end of it is in quarantine, it is to be dropped and looked at no more.
 * What its receiver would read otherwise than we do (a wrong checksum, a fragment that contradicts
 * another) becomes PACKET_BAD, is told and does not pass.
 */
bool act_begin(struct act *a, struct source_frame *f, struct packet *p);

/* It ends: edits are in its bytes, checksums right, what is to be told is sent. */
enum source_do act_finish(struct act *a);

/* Time goes on, packets or not. */
void act_tick(struct act *a, int64_t time);

/*
 * Packets have passed that nobody looked at, or were lost: what a device was to answer, it may
 * have; and what was lost among them is sent again, and passes where the conduit fails open.
 */
void act_missed(struct act *a);

/* --- the engine, while the packet at hand is judged --- */

/* The policy in force; nothing is blocked unless enforce. */
void act_rules(struct act *a, const struct policy *p, bool enforce);

/* A packet of that flow is at hand. */
void act_flow_packet(struct act *a, struct flow *f, unsigned side);

/* The flow as a whole is a violation. Returns what is done: wanted, or less. */
enum policy_action act_flow(struct act *a, struct flow *f, enum policy_action wanted,
			    const char *reason);

/* An op on it is. */
enum policy_action act_op(struct act *a, struct flow *f, const struct op *op,
			  enum policy_action wanted, const char *reason);

/* The flow is permitted (again), as after a grant or a new policy: cuts of it end. */
void act_permit(struct act *a, struct flow *f);

/* Nothing on that flow will ever be judged again: SOURCE_SETTLE. */
void act_settle(struct act *a, struct flow *f);

/* A packet without a flow: a frame that is no IP. */
enum policy_action act_frame(struct act *a, enum policy_action wanted);

/* Does the packet at hand say something? The byte of a keep-alive probe may say nothing. */
bool act_carries(const struct act *a);

/* Nothing can be said about the packet at hand yet but that it would be denied. */
void act_hold(struct act *a);

/* It has other bytes than the same ones of before, which were judged. */
void act_conflict(struct act *a, struct flow *f);

/*
 * A part of what the client of that flow sends cannot be judged, for want of room: where the
 * conduit fails closed, it ends.
 */
void act_undecided(struct act *a, struct flow *f);

/*
 * After the packet at hand was read: may its bytes pass? Of flows whose ops are judged, only those
 * that were read, or that are the same as those that were. NULL: yes; else why not, static text.
 */
const char *act_verify(struct act *a, struct flow *f);

/* True when act_verify() compares the packet at hand byte by byte, and nobody else need to. */
bool act_verifies(const struct act *a, struct flow *f);

/* True when it is known already that the packet at hand does not pass. */
bool act_drops(const struct act *a);

void act_closed(struct act *a, struct flow *f);

/* From the tracker, for flow_handlers. */
bool act_edit(struct act *a, struct flow *f, const struct flow_edit *e);
void act_answered(struct act *a, struct flow *f);

struct act_stats {
	uint64_t degraded, dropped, rejected, quarantined; /* packets */
	uint64_t stubborn;				   /* devices found to be so */
	uint64_t resets_sent;				   /* RST and ICMP */
	uint64_t full; /* a table was full: dropped instead of the gentler verdict */
};
const struct act_stats *act_stats(const struct act *a);

/* Accepts NULL. */
void act_free(struct act *a);

#endif
