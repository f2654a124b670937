/*
 * policy/now.h - what of a policy is open at this moment.
 *
 * A policy never changes; what it permits does: conduits have hours and days, an operating mode
 * they are for, an end, or need a grant. This keeps, for one worker, which conduits are closed and
 * why, until when that holds, and an epoch that grows whenever anything opens or closes. Whoever
 * caches a decision keeps the epoch with it and asks again when it has grown: so running sessions
 * end with the conduit that carried them.
 *
 *      policy (immutable, shared) ----+
 *      packet time ---------------> now: closed[conduit], epoch, [from, until)
 *      grants, operating mode --------+
 *
 * Cost: policy_now_at() is two comparisons per packet; the conduits that have a `when` are looked
 * at only when one of their edges is passed. Nothing there allocates. Time may go backwards
 * (several captures): then it is computed anew.
 *
 * What it is not: it reads no clock and no file; the state of grants comes in from outside
 * (state/grants). Thread: one worker owns one.
 */
#ifndef KIDOBAN_POLICY_NOW_H
#define KIDOBAN_POLICY_NOW_H

#include "policy/policy.h"

enum policy_closed {
	CLOSED_NOT,	 /* open */
	CLOSED_MODE,	 /* not for the operating mode in force */
	CLOSED_EXPIRED,	 /* its `until` has passed */
	CLOSED_SCHEDULE, /* outside its days and hours */
	CLOSED_GRANT	 /* needs a grant, and none is active */
};

/* A conduit that needs one is open in [from, until), both ns since 1970 UTC. */
struct policy_grant {
	uint32_t conduit; /* index */
	int64_t from, until;
};

struct policy_now {
	const struct policy *policy;
	uint32_t epoch;	       /* grows whenever anything opens or closes */
	uint8_t mode;	       /* enum policy_operating_mode in force */
	int64_t time;	       /* ns since 1970 UTC, as last told */
	int64_t from, until;   /* ns since 1970 UTC; nothing opens or closes in [from, until); no
				  time was told yet: nothing is in it */
	const uint8_t *closed; /* by conduit, enum policy_closed */
	uint32_t ended;	       /* assets that are past their end of life */
	struct policy_grant *grant; /* by conduit, then time; its own */
	uint32_t grants;
};

/* At no particular time: schedules are open, `until` is not reached, no grant is active, the mode
 * is that of the file. NULL only when memory is out. */
struct policy_now *policy_now_new(const struct policy *p);

/* The plant is in another mode now. True when anything opened or closed. */
bool policy_now_mode(struct policy_now *n, enum policy_operating_mode mode);

/* All grants there are, past and future ones too, in any order; they replace those of before. False
 * when memory is out, and nothing has changed. Not for the way of a packet: it allocates. */
bool policy_now_grants(struct policy_now *n, const struct policy_grant *grant, uint32_t count);

/* Accepts NULL. */
void policy_now_free(struct policy_now *n);

/* The slow half of policy_now_at(). */
bool policy_now_move(struct policy_now *n, int64_t time);

/* True when something may have opened or closed at that time. */
static inline bool policy_now_stale(const struct policy_now *n, int64_t time)
{
	return time < n->from || time >= n->until;
}

/* Packet time moves on. True when anything opened or closed. */
static inline bool policy_now_at(struct policy_now *n, int64_t time)
{
	n->time = time;
	return policy_now_stale(n, time) && policy_now_move(n, time);
}

/* What policy_now_new() gives, made once and owned by the policy: for questions about the file. */
const struct policy_now *policy_rest(const struct policy *p);

#endif
