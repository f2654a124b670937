/*
 * cmd/check.h - the parts of `kidoban check`: the report of lint, and the answers to questions.
 * Each prints to standard output and returns an exit code.
 */
#ifndef KIDOBAN_CMD_CHECK_H
#define KIDOBAN_CMD_CHECK_H

#include "cmd/cmd.h"
#include "policy/lint.h"

enum check_format { CHECK_TEXT, CHECK_JSON };

/* CMD_UNEXPECTED when there is any warning that is not accepted. */
int check_lint(const struct policy *p, const struct lint_config *config, enum check_format format);

/* CMD_USAGE when the question is not understood. */
int check_who(const struct policy *p, const char *question, enum check_format format);

/* CMD_UNEXPECTED when it is never permitted, not even in part; CMD_USAGE as above. */
int check_can(const struct policy *p, const char *from, const char *to, const char *what,
	      enum check_format format);

#endif
