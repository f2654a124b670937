/*
 * cmd/baseline.h - what the commands around baselines share.
 *
 *   learn --baseline      baseline_feed.c
 *   baseline show         baseline_show.c
 *   baseline diff         baseline_diff.c
 *   baseline freeze, thaw, merge, approve, relearn     baseline_change.c, baseline_approve.c,
 *                                                      baseline_cell.c
 */
#ifndef KIDOBAN_CMD_BASELINE_H
#define KIDOBAN_CMD_BASELINE_H

#include "cmd/cmd.h"

/* How captures are learned from. */
struct cmd_learning {
	struct cmd_input in;
	const char *policy_path;     /* NULL: none */
	struct engine_config engine; /* lang, has_mode, operating_mode; the rest is filled in */
	bool stopped;		     /* filled in: by a signal */
};

/*
 * Learns captures (sorted by time here) into b, says to standard error what went into it and what
 * did not. note: what was learned from already is left out, and what is learned is noted. Returns
 * an exit code; CMD_USAGE: nothing was learned.
 */
int cmd_baseline_feed(const struct cmd_help *h, struct cmd_learning *l, struct baseline *b, int n,
		      char **files, bool note);

/* kidoban learn --baseline PATH */
int cmd_baseline_learn(const struct cmd_help *h, struct cmd_learning *l, const char *path, int n,
		       char **files);

/* Mistakes go to standard error; NULL then. */
struct baseline *cmd_baseline_load(const char *path);
int cmd_baseline_store(const struct cmd_help *h, struct baseline *b, const char *path);

/* ns of the clock on the wall */
int64_t cmd_baseline_now(void);

int cmd_baseline_show(int argc, char **argv);
int cmd_baseline_diff(int argc, char **argv);
int cmd_baseline_freeze(int argc, char **argv);
int cmd_baseline_thaw(int argc, char **argv);
int cmd_baseline_relearn(int argc, char **argv);
int cmd_baseline_merge(int argc, char **argv);
int cmd_baseline_approve(int argc, char **argv);

#endif
