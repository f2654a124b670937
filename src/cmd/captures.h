/*
 * cmd/captures.h - captures in the order of time, however they are named on the command line.
 */
#ifndef KIDOBAN_CMD_CAPTURES_H
#define KIDOBAN_CMD_CAPTURES_H

#include <stdbool.h>
#include <stdint.h>

struct cmd_capture {
	char *path;	/* the caller's */
	int64_t first;	/* ns, of its first packet; 0: there is none, or it cannot be read */
	uint64_t print; /* hash of its first packets */
};

/* Sorts n paths by time, then by print; out->path is argv[i] now. free() it; NULL: no memory. */
struct cmd_capture *cmd_captures(char **argv, int n);

#endif
