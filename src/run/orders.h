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

struct orders {
	uint64_t number;       /* from 1, growing */
	struct policy *policy; /* NULL: none; freed with the orders that first have it not */
	bool has_mode;
	enum policy_operating_mode operating_mode;
	struct policy_grant *grants;
	uint32_t grant_count;
	struct act_quarantine *quarantine;
	uint32_t quarantine_count;
};

#endif
