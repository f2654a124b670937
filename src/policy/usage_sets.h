/*
 * policy/usage_sets.h - the smallest sets that hold what was seen, for one permission.
 *
 * Bounded: numbers are kept as at most SEEN_RANGES intervals (the two nearest become one), names
 * as at most SEEN_NAMES. Private to policy/ and learn/.
 */
#ifndef KIDOBAN_POLICY_USAGE_SETS_H
#define KIDOBAN_POLICY_USAGE_SETS_H

#include "policy/model.h"

#define SEEN_RANGES 64
#define SEEN_NAMES  16

struct seen_numbers {
	struct iset_range range[SEEN_RANGES + 1]; /* sorted, disjoint, not touching */
	unsigned count;
};

struct seen_names {
	struct slice name[SEEN_NAMES];
	unsigned count;
	bool more; /* there were others */
};

/* Values within one interval of the rule's `value`, or anywhere when it has none. */
struct seen_values {
	double lo, hi;
	bool any;
};

/* What was seen of one class on one kind of object; NULL-ended list, in the order first seen. */
struct seen_cell {
	struct seen_cell *next;
	const struct vocab *vocab; /* of the rule, or of what carries it */
	const struct rule *rule;   /* that matched; with RULE_CARRIER for what carries it */
	uint8_t cls;		   /* enum op_class */
	uint8_t space;		   /* enum op_space */
	uint8_t npath;
	uint64_t ops;
	struct seen_numbers unit, code, path[3], object, port;
	struct seen_names name;
	bool unitless;		   /* some op had no unit */
	struct seen_values *value; /* one per interval of the rule's, at least one */
	uint32_t values;
	bool not_numbers; /* some written values were none */
};

/* One entry of allow. */
struct seen_entry {
	const struct rule *rule;       /* NULL: a service */
	const struct service *service; /* NULL: a rule */
	uint64_t ops, sessions, flows;
	struct seen_cell *cells;
	struct seen_numbers port; /* service: ports, ICMP types, IP protocols */
	struct seen_numbers type6;
};

void seen_add(struct seen_numbers *s, uint64_t lo, uint64_t hi);
/* At most max intervals remain. */
void seen_merge(struct seen_numbers *s, unsigned max);

/* narrow.c: the text of policy_usage_narrow() and policy_usage_unused(), in the arena. */
const char *narrow_entry(const struct policy *p, const struct seen_entry *e, struct arena *a);
const char *narrow_unused(const struct policy *p, const struct seen_entry *e, struct arena *a);

#endif
