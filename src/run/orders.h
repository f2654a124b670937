/*
 * run/orders.h - what all workers have been told: policy, mode, grants, quarantine.
 *
 * An immutable set with a number. The main thread makes a new one when anything changes and shows
 * it to the workers; each takes it between two packets and says so by the number; when all have,
 * the old one is freed. No packet waits for it, and none is judged by half of it.
 *
 * Thread: made and freed by the main thread, read by workers.
 */
#ifndef KIDOBAN_RUN_ORDERS_H
#define KIDOBAN_RUN_ORDERS_H

#include "detect/act.h"
#include "policy/now.h"
#include "state/state.h"

struct orders {
	uint64_t number;	   /* from 1, growing */
	struct policy *policy;	   /* NULL: none; shared with the orders before and after */
	struct watch_board *board; /* goes with the policy; NULL: none */
	bool has_mode;		   /* operating_mode is in force, else the policy's */
	enum policy_operating_mode operating_mode;
	struct policy_grant *grants; /* its own */
	uint32_t grant_count;
	struct act_quarantine *quarantine; /* its own */
	uint32_t quarantine_count;
	struct orders *older; /* those that some worker may still have */
};

/*
 * Grants of a state as the policy knows its conduits, past and future ones; those of conduits that
 * the policy does not have (any more) are left out. Free *out. False: memory is out, or the state
 * cannot be read (state_error()).
 */
bool orders_grants(struct state *s, const struct policy *p, struct policy_grant **out,
		   uint32_t *count);

/* state may be NULL: no grants, nobody in quarantine. NULL with a sentence in err. */
struct orders *orders_new(uint64_t number, struct policy *p, struct state *state, char *err,
			  size_t errlen);

/* Not the policy and its board. Accepts NULL. */
void orders_free(struct orders *o);

/* These: when no other orders have them. */
void orders_free_policy(struct orders *o);

#endif
