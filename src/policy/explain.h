/*
 * policy/explain.h - parts of policy_explain() that have files of their own. Private to policy/.
 */
#ifndef KIDOBAN_POLICY_EXPLAIN_H
#define KIDOBAN_POLICY_EXPLAIN_H

#include "policy/model.h"

/* Section "Watched", if there is anything in it. */
void explain_watches(const struct policy *p, FILE *out);

/* "cell.yaml " for what stands in another file than the policy itself, else "". Returns buf. */
const char *explain_file(const struct policy *p, const char *file, char *buf, size_t size);

/* The line of a conduit about its limit, if it has one. */
void explain_limit(const struct policy_conduit *c, FILE *out);

#endif
