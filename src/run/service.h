/*
 * run/service.h - the service as a whole: workers, outputs, orders; what `kidoban run` keeps and
 * what the control socket and the metrics ask.
 *
 * Thread: the main thread, but for service_quarantine_note().
 */
#ifndef KIDOBAN_RUN_SERVICE_H
#define KIDOBAN_RUN_SERVICE_H

#include "run/config.h"
#include "run/health.h"
#include "run/worker.h"
#include "sink/outputs.h"

#include <stdio.h>

struct service;

/* Loads everything, opens sources and outputs. NULL after printing what is wrong; *code says the
 * exit code. */
struct service *service_new(struct run_config *cfg, int *code);

/* Runs until SIGTERM or SIGINT, or a source breaks; returns the exit code. */
int service_run(struct service *s);
void service_free(struct service *s);

/* --- for control and metrics --- */

const struct run_config *service_config(const struct service *s);
const struct policy *service_policy(const struct service *s); /* NULL: none */
const struct catalogue *service_catalogue(const struct service *s);
struct health *service_health(struct service *s);
struct outputs *service_outputs(struct service *s);
struct state *service_state(struct service *s);	  /* NULL: none */
int64_t service_started(const struct service *s); /* ns since 1970 UTC */

/* Reads the policy, state and outputs anew (SIGHUP). False with the mistakes in diag, and
 * everything is as before. */
bool service_reload(struct service *s, struct diag *diag);

/* Grants or quarantine in the state file have changed: orders go out to the workers. */
bool service_state_changed(struct service *s, char *err, size_t errlen);

bool service_operating_mode(struct service *s, enum policy_operating_mode mode);
enum policy_operating_mode service_operating(const struct service *s);

/* When the baseline was stored last, ns since 1970 UTC; 0: never, or there is none. */
int64_t service_baseline_saved(const struct service *s);
unsigned service_workers(const struct service *s);
/* As worker_counts(); false past the last. */
bool service_counts(struct service *s, unsigned worker, struct worker_counts *out);
/* Which source of the configuration that worker reads. */
unsigned service_worker_source(const struct service *s, unsigned worker);

#endif
