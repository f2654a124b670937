/*
 * cmd/state.h - what the commands that keep or read grants share.
 *
 * The wall clock is read here, and who the user is; state/ is told.
 */
#ifndef KIDOBAN_CMD_STATE_H
#define KIDOBAN_CMD_STATE_H

#include "base/civil.h"
#include "cmd/cmd.h"
#include "policy/now.h"
#include "state/state.h"

struct cmd_actor {
	struct state_actor actor;
	char name[200];
};

/* Now, and whoever runs this: "root (login tanaka)". */
void cmd_actor(struct cmd_actor *a);

/* Opens the state or says why not, to standard error. */
struct state *cmd_state_open(const struct cmd_help *h, const char *path, enum state_access access);

/* Says what went wrong; returns CMD_INPUT. */
int cmd_state_error(const struct cmd_help *h, const char *path, const struct state *s);

/* True when the text may go into the log: printable, not too long; else it is a usage error. */
bool cmd_text_ok(const struct cmd_help *h, const char *what, const char *text);

/* "2026-11-21 10:00:00" on the clocks of z. */
const char *cmd_time_str(const struct tz *z, int64_t ns, char buf[CIVIL_STRLEN]);

/*
 * Grants of a state as the policy knows its conduits, past and future ones; those of conduits that
 * the policy does not have (any more) are left out. Free *out. False when it cannot be read, or
 * memory is out: said to standard error.
 */
bool cmd_state_grants(const struct cmd_help *h, const char *path, const struct policy *p,
		      struct policy_grant **out, uint32_t *count);

#endif
