/*
 * cmd/check.h - the parts of `kidoban check`: the report of lint, and the answers to questions.
 * Each prints to standard output and returns an exit code.
 */
#ifndef KIDOBAN_CMD_CHECK_H
#define KIDOBAN_CMD_CHECK_H

#include "cmd/cmd.h"
#include "policy/policy.h"

enum check_format { CHECK_TEXT, CHECK_JSON };

/* CMD_UNEXPECTED when there is any warning that is not accepted. */
int check_lint(const struct policy *p, const struct diag *loaded, enum check_format format);

#endif
