/*
 * policy/watch.h - what must go on for the process to be seen as healthy.
 *
 * A conduit says what may be done; an entry of `watch` says what must be: that somebody reads the
 * reactor's temperature every 5 s, that it stays within 150..400, that it moves at all. The policy
 * keeps which ops between which ends an entry means; what was seen of them and when is kept by
 * whoever watches (detect/watch.h).
 *
 *      entry   from: [scada, hmi-1]  to: plc-1         modbus read unit 1 input 0, every 5 s
 *      pairs   (entry, scada, plc-1)  (entry, hmi-1, plc-1)       each is watched by itself
 *
 * Which ops are meant is decided by the same rules that match entries of `allow`. A zone as an end
 * is whoever is in it, all together. Cost: four hash lookups per op, none where there is no watch.
 *
 * Thread: immutable after load, shared by all workers.
 */
#ifndef KIDOBAN_POLICY_WATCH_H
#define KIDOBAN_POLICY_WATCH_H

#include "policy/policy.h"

struct policy_watch {
	const char *id;
	const char *reason;	 /* "" when none was given */
	const char *const *refs; /* NULL-ended */
	const char *meant;	 /* the entry in words: "modbus read unit 1 input 0" */
	const char *range;	 /* the range in words: "150..400"; NULL: none */
	int64_t every;		 /* ns without such an op at most; 0: not watched */
	int64_t changes;	 /* ns with the same values at most; 0: not watched */
	const char *file;	 /* where it is written */
	int line, col;
	/* The first op that is meant, as far as the entry says it, to be worded: protocol, class,
	 * unit, object. Its texts live as long as the policy. */
	struct op sample;
};

/* One entry between two ends. */
struct policy_watch_pair {
	uint32_t watch;		    /* index of the entry */
	struct policy_place end[2]; /* from and to; a zone as an end has no asset */
	uint32_t next;		    /* the next pair of the same ends; POLICY_NONE */
};

uint32_t policy_watch_pairs(const struct policy *p);
/* NULL past the last, also for POLICY_NONE. */
const struct policy_watch_pair *policy_watch_pair_at(const struct policy *p, uint32_t i);
const struct policy_watch *policy_watch_at(const struct policy *p, uint32_t i);

/*
 * The pairs between these two places, by asset and by zone: up to four lists that go on with
 * `next`. Returns how many lists there are.
 */
unsigned policy_watch_find(const struct policy *p, struct policy_place client,
			   struct policy_place server, uint32_t first[4]);

/* Elements [at, end) of an op: addresses, and their values. */
struct policy_watch_run {
	uint64_t at, end;
};

/*
 * The next elements of the op from run->end on that entry i means; false: none. Begin with a run
 * that is all zero. port is the server's. Responses are asked for as they are: they repeat what
 * they answer.
 */
bool policy_watch_next(const struct policy *p, uint32_t i, uint16_t port, const struct op *op,
		       struct policy_watch_run *run);

/* True when the whole interval lies in the range of entry i, or it has none. */
bool policy_watch_in_range(const struct policy *p, uint32_t i, struct op_number n);

#endif
