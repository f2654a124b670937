/*
 * run/service_impl.h - what the files of the service share.
 *
 *   service.c          life: begin, events, orders, end
 *   service_sources.c  the configured sources, opened
 *   service_assets.c   hosts that were seen, from the workers into the state file
 *   service_kernel.c   what the kernel's rules are told of grants and quarantine
 *   service_state.c    what is in the state file, and what goes into it
 *   service_stats.c    stats events
 *   service_baseline.c the learned baseline: stored while it is learned, loaded for the workers
 *
 * Private to run/. Thread: the main thread.
 */
#ifndef KIDOBAN_RUN_SERVICE_IMPL_H
#define KIDOBAN_RUN_SERVICE_IMPL_H

#include "run/service.h"

#include <stdatomic.h>

#define SERVICE_WORKERS_MAX (RUN_SOURCES_MAX * RUN_WORKERS_MAX)

struct beat;
struct service_baseline;
struct hook;
struct assets_waiting;
struct control;
struct kernel;
struct metrics;
struct totals;

struct service {
	struct run_config *cfg;
	struct catalogue *catalogue;
	struct policy *first;  /* the first policy, until the orders have it */
	struct orders *orders; /* the newest; older ones hang behind it */
	struct state *state;   /* NULL: none */
	struct outputs *outputs;
	struct health *health;
	struct control *control; /* NULL: none */
	struct metrics *metrics;
	struct assets_waiting *assets;	   /* NULL: no state */
	struct kernel *kernel;		   /* NULL: no source asks the kernel's rules */
	int64_t kernel_told;		   /* ns since 1970 UTC, when it was told all */
	struct service_baseline *baseline; /* NULL: none */
	struct beat *beat;
	struct response *response;		    /* NULL: mirrors are never answered */
	struct hook *hook;			    /* NULL: none */
	unsigned planned;			    /* workers there will be */
	struct source *source[SERVICE_WORKERS_MAX]; /* opened, until a worker has it */
	uint8_t opened_from[SERVICE_WORKERS_MAX];   /* source of the configuration */
	unsigned opened;
	struct worker *worker[SERVICE_WORKERS_MAX];
	unsigned workers;
	int epoll, signals, timer; /* descriptors */
	int notes[2];		   /* pipe from the workers */
	atomic_uint notes_lost;
	int64_t started;    /* ns since 1970 UTC */
	int64_t stats_next; /* ns since 1970 UTC */
	int64_t state_seen; /* state_foreign() as last looked at */
};

/* service_sources.c */
bool sources_open(struct service *s, const struct policy *p, char *err, size_t errlen);
/* The policy has changed: so does what the kernel does in kidoban's place. */
void sources_wire(struct service *s, struct diag *diag);

/* service_state.c */
void service_isolate(struct service *s, const struct act_quarantine *q, const char *reason);
void service_stubborn(struct service *s, const struct addr *server, uint16_t port);
/* Before the workers start: they are told of the stubborn devices. */
void service_remember(struct service *s);
void service_look_at_state(struct service *s);

/* service_assets.c */
struct assets_waiting *service_assets_new(void);
void service_assets_free(struct assets_waiting *a);
/* now: what there is is stored at once. */
void service_assets(struct service *s, int64_t mono, bool now);

/* service_kernel.c */
void service_kernel_new(struct service *s);
/* ordered: there are new orders. */
void service_kernel(struct service *s, bool ordered);

/* service_baseline.c: all do nothing without a baseline. False with what is wrong in diag. */
bool service_baseline_new(struct service *s, struct diag *diag);
/* What that worker begins with; the caller's. */
struct baseline *service_baseline_first(struct service *s, unsigned worker);
/* Once a second: stored when it is time. */
void service_baseline(struct service *s, int64_t mono);
/* New ones for the workers, SERVICE_WORKERS_MAX of them, as another configuration says; and given
 * to them. Learning: what was learned is stored. */
bool service_baseline_reload(struct service *s, const struct run_config *cfg,
			     struct baseline **list, struct diag *diag);
void service_baseline_obey(struct service *s, struct baseline **list);
/* The workers are closed: what they learned is stored. */
void service_baseline_end(struct service *s);
void service_baseline_free(struct service *s);

/* service_stats.c: once a second; a stats event when it is time */
void service_stats(struct service *s, const struct totals *t, int64_t wall);

#endif
