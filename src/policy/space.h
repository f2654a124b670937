/*
 * policy/space.h - rules and services as sets: what is covered, what is left over, by example.
 *
 * A rule permits a set of ops. Whether one rule is made superfluous by others, whether two speak
 * of the same ops, what a new version of a policy permits that the old one did not: all of that
 * is arithmetic of those sets. They are unions of boxes, one dimension for each thing a rule can
 * restrict (class, code, unit, port, object, values, names, who acts), and subtracting a box
 * splits along boundaries that are written somewhere:
 *
 *     value
 *      ^   +-------------+          the rule           write holding 100-119 value 0..1000
 *      |   |     B       |          less another       write holding 105-110 value 0..500
 *      |   +---+-----+---+          leaves A, B, C; any point of them is an example
 *      |   | A |/////| C |
 *      +---+---+-----+---+--> holding
 *
 * Numbers are exact. So are patterns and topic filters: what "gw-*" matches and "gw-1*" does not
 * is found by walking both at once. What can be an op at all comes from the vocabularies
 * (op/vocab.h). Values of coils and registers are whole numbers, elsewhere 5.5 lies between 5
 * and 6.
 *
 * Every example is put to the real matcher before it is handed out. Work is bounded; where the
 * bound is met the answer is SPACE_UNSURE, never a coverage that is not there.
 *
 * What it is not: it does not know hours, grants and modes; the caller says which rules are in
 * force together. Thread: pure functions on immutable policies; an example is the caller's.
 */
#ifndef KIDOBAN_POLICY_SPACE_H
#define KIDOBAN_POLICY_SPACE_H

#include "policy/model.h"

#define SPACE_NAME_MAX 192 /* bytes of a name in an example */

enum space_answer { SPACE_NO, SPACE_YES, SPACE_UNSURE };

/* A flow, or an op on it. */
struct space_example {
	uint8_t ip_proto;
	uint16_t port;		     /* as policy_flow() is asked; ICMP: type << 8 | code */
	bool is_op;		     /* else the rest is empty */
	struct op op;		     /* but for its slices: space_example_op() */
	char name[SPACE_NAME_MAX];   /* op.object.name */
	char actor[SPACE_NAME_MAX];  /* op.actor */
	uint8_t raw[8];		     /* op.values.raw */
	uint8_t name_len, actor_len; /* bytes */
};

/* Permissions that are in force together. All may be empty. */
struct space_side {
	const struct rule *const *rule;
	uint32_t rules;
	/* what services open as a whole: conduits that carry ops of protocols they have no rules
	 * for, see policy_op() */
	const struct conduit *const *serving;
	uint32_t servings;
	uint16_t
		denied; /* classes that do not pass whatever the rules say, bits of enum op_class */
	uint16_t guarded; /* classes that services open in update conduits only, bits */
};

/*
 * Does `by` permit every op that the rule permits? NO: *ex is one that it does not. Protocols need
 * not be the same: rules of others do not count.
 */
enum space_answer space_rule_covered(const struct rule *r, const struct space_side *by,
				     struct space_example *ex);

/* Is there an op that both permit? YES: *ex is one. */
enum space_answer space_rules_overlap(const struct rule *a, const struct rule *b,
				      struct space_example *ex);

/* Is there an op that the rule permits? YES: *ex is one, NO: it can never match. Sessions, which
 * every rule lets pass, count only when the rule names them. */
enum space_answer space_rule_possible(const struct rule *r, struct space_example *ex);

/* Is every flow that the service permits permitted by one of the others? NO: *ex is one. */
enum space_answer space_service_covered(const struct service *s,
					const struct service *const *others, uint32_t n,
					struct space_example *ex);

/* Is there a flow that both permit? YES: *ex is one. */
enum space_answer space_services_overlap(const struct service *a, const struct service *b,
					 struct space_example *ex);

/*
 * A service also opens its ports for ops: does `by` permit all ops of this protocol on every TCP
 * and UDP flow that a service of the conduit permits? YES as well when the conduit has rules of
 * this protocol: then its services do not speak for it.
 */
enum space_answer space_serving_covered(const struct conduit *c, const struct vocab *vocab,
					const struct space_side *by, struct space_example *ex);

/* Likewise, of the rule or the serving conduit only what lies in these classes, bits. */
enum space_answer space_rule_covered_in(const struct rule *r, uint16_t classes,
					const struct space_side *by, struct space_example *ex);
enum space_answer space_serving_covered_in(const struct conduit *c, const struct vocab *vocab,
					   uint16_t classes, const struct space_side *by,
					   struct space_example *ex);

/* The op with its slices; valid as long as ex stays where it is. */
struct op space_example_op(const struct space_example *ex);

/*
 * "tcp 502: modbus write-single-register unit 1 holding 105 (40106) value 1001", "tcp 443",
 * "icmp type 8"; control characters are escaped. Returns buf.
 */
const char *space_example_words(const struct space_example *ex, char *buf, size_t size);

/* "hmi-1 (10.40.0.5)", "10.40.0.77 in control-info", "192.0.2.1"; mac for who has no address.
 * Returns buf. */
const char *space_end_words(const struct policy *p, const struct addr *a, const struct mac *mac,
			    char *buf, size_t size);

#endif
