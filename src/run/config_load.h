/*
 * run/config_load.h - what the files that load kidoban.yaml share. Private to run/config*.c.
 *
 * The helpers of policy/loader.h do the telling, so that mistakes in the two files a user writes
 * sound alike.
 */
#ifndef KIDOBAN_RUN_CONFIG_LOAD_H
#define KIDOBAN_RUN_CONFIG_LOAD_H

#include "policy/loader.h"
#include "run/config.h"

/* A path that will be written; one of them is for one thing only. */
struct config_path {
	const char *path, *what;
	int line;
};

struct config_load {
	struct loader l;
	struct run_config *c;
	bool from_memory;   /* nothing outside the text is looked at */
	const char *folder; /* of the file, with the slash; "" */
	struct config_path *written;
	uint32_t writtens, written_cap;
	const struct yaml_node *output_node[OUTPUTS_MAX]; /* where each is written */
};

static inline struct config_load *config_load_of(struct loader *l)
{
	return (struct config_load *)l; /* its first member */
}

/* yes or no, true or false. */
bool config_yes(struct loader *l, const struct yaml_node *n, const char *what);

/* A whole number of that range; 0 after an error. */
uint32_t config_number(struct loader *l, const struct yaml_node *n, const char *what, uint32_t min,
		       uint32_t max);

/* 4096, 64KiB, 100MiB, 2GiB, 10MB in bytes; 0 after an error. */
uint64_t config_size(struct loader *l, const struct yaml_node *n, const char *what, uint64_t min,
		     uint64_t max);

/* A duration, or `never`, which is 0. */
int64_t config_time(struct loader *l, const struct yaml_node *n, const char *what);

/* Relative to the file; NULL after an error. */
const char *config_path(struct loader *l, const struct yaml_node *n, const char *what);

/* The same, of a file that this key alone writes to. */
const char *config_written(struct loader *l, const struct yaml_node *n, const char *what);

/* An interface's name; NULL after an error. */
const char *config_iface(struct loader *l, const struct yaml_node *n, const char *what);

/* "10.0.0.5:514", "[::1]:9463", "log.example"; *port stays when the text has none. False when it
 * is none of these. */
bool config_host_port(struct loader *l, const char *text, const char **host, uint16_t *port);

void config_sources(struct loader *l, const struct yaml_node *n, void *object);
void config_outputs(struct loader *l, const struct yaml_node *n, void *object);

/* What is to be seen only when the whole file is known. */
void config_outputs_check(struct config_load *cl);

#endif
