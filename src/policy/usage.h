/*
 * policy/usage.h - which permissions of a policy were used, and how far.
 *
 * A policy says what may be done; captures show what is done. This keeps, for every entry of
 * allow, how often it was needed and the smallest sets of classes, units, objects, values and
 * ports that would have done, and writes them as the entry that permits just that:
 *
 *   permitted   - modbus: {do: write, unit: 1, holding: 100-119, value: 0..1000}
 *   seen        write 450 to holding 105; 400 and 420 to 100-101
 *   narrower    - modbus: {do: write, unit: 1, holding: [100-101, 105], value: 400..450}
 *
 * An op that several rules cover in pieces counts for each of them; where two rules cover the same
 * piece, the one that decided counts, so that everything never used may go, together.
 *
 * What it is not: it judges nothing and is no part of a packet's way through a sensor: it
 * allocates as it learns, bounded per permission. Thread: one.
 */
#ifndef KIDOBAN_POLICY_USAGE_H
#define KIDOBAN_POLICY_USAGE_H

#include "policy/now.h"

#define USAGE_CONDUITS 4 /* conduits one op may need, at most */

struct policy_usage;

/* One entry of allow. */
struct policy_permission {
	const char *text;  /* "modbus write unit 1 holding 100-119 value 0..1000" */
	int line;	   /* in the policy */
	uint64_t ops;	   /* that needed it */
	uint64_t sessions; /* ops that only opened, kept or closed sessions by it */
	uint64_t flows;	   /* a service: flows it permits as a whole */
};

/* Ends a program without memory. */
struct policy_usage *policy_usage_new(const struct policy *p);

/* An op that policy_op() allows. The conduits it needed into conduit[], how many is returned; none
 * when no conduit has to allow it. */
unsigned policy_usage_op(struct policy_usage *u, const struct policy_now *now,
			 const struct policy_flow_decision *d, const struct op *op,
			 uint32_t conduit[USAGE_CONDUITS]);

/* A flow that was permitted as a whole. The conduit that does, or POLICY_NONE. */
uint32_t policy_usage_flow(struct policy_usage *u, const struct policy_now *now,
			   const struct policy_flow_decision *d);

/* Entry i of a conduit, in the order of the file; false past the last. */
bool policy_usage_at(const struct policy_usage *u, uint32_t conduit, uint32_t i,
		     struct policy_permission *out);

/*
 * The entries of allow, as YAML, that would have been enough in place of entry i: one a line,
 * "- modbus: {...}". Owned by u. "" when it was never used, NULL when it is as narrow already.
 */
const char *policy_usage_narrow(struct policy_usage *u, uint32_t conduit, uint32_t i);

/* What the entry permits and nobody used, in words: "classes write, control; ports 80". May be "".
 * Owned by u. */
const char *policy_usage_unused(struct policy_usage *u, uint32_t conduit, uint32_t i);

/*
 * The i-th zone or asset under from (side 0) or to (1) of a conduit; NULL past the last. zone: it
 * is a zone. Whether a place is meant by it is for policy_end_is().
 */
const char *policy_end_at(const struct policy *p, uint32_t conduit, int side, uint32_t i,
			  bool *zone);
bool policy_end_is(const struct policy *p, uint32_t conduit, int side, uint32_t i,
		   struct policy_place place);

/* Accepts NULL. */
void policy_usage_free(struct policy_usage *u);

#endif
