/*
 * detect/rate.h - does one client do more than its conduit lets it?
 *
 * A conduit may limit how many ops or flows per time each client may make through it. A client
 * that was quiet may do that many at once; from then on one each (time / number): a bucket that
 * holds `count` tokens and is filled evenly. What is too much takes no token, so a client at the
 * limit is not punished for ever.
 *
 * Kept per (conduit, client address, ops or flows) is one time: when the bucket would be full
 * again.
 *
 *   set[hash(conduit, client, kind)] -> RATE_WAYS slots, the one quiet for longest goes first
 *
 * Bounded: who is pushed out begins with a full bucket, in favour of the client. Packet time; when
 * it jumps back by more than a limit's time, what was kept moves along. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_RATE_H
#define KIDOBAN_DETECT_RATE_H

#include "base/addr.h"
#include "policy/policy.h"

#define RATE_SETS 1024u
#define RATE_WAYS 4u

enum rate_kind {
	RATE_OPS,
	RATE_FLOWS,
	RATE_TRIES /* flows that nobody answered: told when they end, with the time they began */
};

struct rate_table;

/* NULL only when memory is out. */
struct rate_table *rate_table_new(void);

/* One more by that client through that conduit. False: it is too much. */
bool rate_take(struct rate_table *t, enum rate_kind kind, uint32_t conduit,
	       const struct addr *client, const struct policy_rate *limit, int64_t time);

/* Accepts NULL. */
void rate_table_free(struct rate_table *t);

#endif
