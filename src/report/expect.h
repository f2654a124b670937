/*
 * report/expect.h - what captures are expected to show, and whether they do.
 *
 * An expectations file stands beside a policy: this is permitted, that is denied and so told, this
 * never occurs, those conduits are used (docs/validate.md is its reference). Mistakes in it are
 * told with line and column, like those of a policy.
 *
 *   expect: allow | deny     counts ops (or flows) between two ends, as the policy judges them
 *   finding:, never:         counts alerts
 *   exercised:               conduits, each an expectation of its own
 *
 * An alert that no expectation names is a mismatch of its own, unless the file says
 * `others: allow`. What it is not: it changes no verdict. Thread: one.
 */
#ifndef KIDOBAN_REPORT_EXPECT_H
#define KIDOBAN_REPORT_EXPECT_H

#include "detect/incident.h"
#include "detect/judge.h"
#include "report/record.h"

struct expect;

/* How one expectation ended. Texts live as long as the expectations. */
struct expect_result {
	bool met;
	int line; /* in the file */
	const char
		*text; /* what was expected: "deny modbus write holding 105 from hmi-1 to plc-1" */
	const char *seen; /* what was seen, in the language asked for; also when it was met */
};

/* NULL with diag filled when the file is no good. */
struct expect *expect_load(const char *path, const struct policy *p, const struct catalogue *c,
			   struct diag *diag);
struct expect *expect_load_buffer(const char *name, const char *text, size_t len,
				  const struct policy *p, const struct catalogue *c,
				  struct diag *diag);

/*
 * An op that the policy was asked about, and a flow that has ended: what the judge said; conduit
 * that it named, verdict as in the alert.
 */
void expect_op(struct expect *x, const struct flow *f, const struct op *op, enum judge_finding what,
	       uint32_t conduit, const char *verdict);
void expect_flow(struct expect *x, const struct flow *f, enum judge_finding what, uint32_t conduit,
		 const char *verdict);

/* An alert. True when some expectation names it. */
bool expect_finding(struct expect *x, const struct incident *i);

/* May there be alerts that no expectation names? */
bool expect_others(const struct expect *x);

/* Result i, once everything has been seen; false past the last. files: names of the captures. */
bool expect_result_at(struct expect *x, unsigned i, const struct record *r, char *const *files,
		      enum finding_lang lang, struct expect_result *out);

/* Accepts NULL. */
void expect_free(struct expect *x);

#endif
