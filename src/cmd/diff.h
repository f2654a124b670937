/*
 * cmd/diff.h - kidoban diff: what its parts share. diff.c compares policies and prints,
 * diff_traffic.c reads captures with both policies at once.
 */
#ifndef KIDOBAN_CMD_DIFF_H
#define KIDOBAN_CMD_DIFF_H

#include "cmd/cmd.h"
#include "policy/diff.h"

#include <jansson.h>

/* Traffic of captures whose verdict the two policies disagree on. */
struct diff_traffic;

/* Reads all files. NULL when memory is out; *damaged: some were not read to their end. */
struct diff_traffic *diff_traffic_read(const struct cmd_input *in, const struct policy *const p[2],
				       bool *damaged);

/* These accept NULL: no captures. */
uint32_t diff_traffic_count(const struct diff_traffic *t);
void diff_traffic_print(const struct diff_traffic *t, FILE *out);
void diff_traffic_free(struct diff_traffic *t);

json_t *diff_traffic_json(const struct diff_traffic *t);

/* "permitted", "not this value", ... of an enum policy_verdict. */
const char *diff_verdict_word(uint8_t verdict);

#endif
