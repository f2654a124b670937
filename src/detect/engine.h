/*
 * detect/engine.h - the right half: from ops and flows to findings and verdicts.
 *
 * Gives the tracker its handlers, asks the policy, words the finding, folds repeats into one
 * incident and hands it to the sinks. It knows meaning and no bytes.
 *
 * Works without a policy: then only what the left half itself found (malformed messages, illegal
 * functions, exception storms, ...) is told. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ENGINE_H
#define KIDOBAN_DETECT_ENGINE_H

#include "baseline/baseline.h"
#include "detect/finding.h"
#include "flow/flow.h"
#include "policy/now.h"
#include "sink/sink.h"

enum engine_event {
	ENGINE_ALERT = 1,
	ENGINE_FLOW = 2,
	ENGINE_OP = 4,
	ENGINE_ANOMALY = 8,
	ENGINE_STATS = 16
};

struct engine_config {
	const struct policy *policy;	   /* NULL: none */
	const struct catalogue *catalogue; /* not NULL */
	struct sink *const *sinks;	   /* NULL-ended */
	unsigned events;		   /* bits of enum engine_event */
	enum finding_lang lang;
	bool has_mode; /* operating_mode is in force, else the policy's */
	enum policy_operating_mode operating_mode;
	const struct policy_grant *grants; /* all there are; copied */
	uint32_t grant_count;
	const enum policy_mode *mode; /* of verdicts; NULL: the policy's */
	int64_t incident_quiet;	      /* ns; 0: 5 minutes */
	int64_t incident_longest;     /* ns; 0: 1 hour */
	bool live;		   /* incidents are told as they begin, and again when they end */
	struct watch_board *board; /* several workers: one for all (detect/watch.h); else NULL */
	struct act *act;	   /* does what the policy wants done; NULL: only told */
	struct baseline *baseline; /* learns, or is what is compared with; NULL: none */
};

struct act;
struct endpoint;
struct watch_board;
struct engine;

struct engine *engine_new(const struct engine_config *cfg);

/* What of the policy is open, as the engine has it; NULL without a policy. */
const struct policy_now *engine_now(const struct engine *e);

/* For flow_tracker_new(); the user pointer is the engine. */
extern const struct flow_handlers engine_handlers;

/* Live, after each packet: tells the incidents that began with it. */
void engine_told(struct engine *e);

/* Live: time goes on, packets or not. */
void engine_tick(struct engine *e, int64_t time);

/* Live: packets have passed that nobody looked at, or were lost: nobody was silent meanwhile. */
void engine_missed(struct engine *e, int64_t time);

/* Live: the wall clock was stepped; what waits for a time begins to wait anew. */
void engine_clock_stepped(struct engine *e, int64_t time);

/*
 * Another policy, another operating mode, other grants (all of them, past and future): as from the
 * next packet, running conversations too. Where the policy is another one, incidents of before are
 * told as ended: they name things of the old policy, which may be freed when this returns. False
 * when memory is out, and nothing has changed.
 */
struct engine_orders {
	const struct policy *policy; /* NULL only if there was none before */
	struct watch_board *board;   /* as in engine_config, for that policy */
	bool has_mode;
	enum policy_operating_mode operating_mode;
	const struct policy_grant *grants;
	uint32_t grant_count;
};
bool engine_obey(struct engine *e, const struct engine_orders *o);

/* Another baseline to learn into or to compare with, as from the next packet; there was one before,
 * which may be freed when this returns. */
void engine_baseline(struct engine *e, struct baseline *b);

/* What passed through conduit i, and what was refused in its name; by conduit of the policy. */
struct engine_conduit_count {
	uint64_t flows, ops; /* permitted */
	uint64_t violations; /* flows and ops refused or that would be */
	uint64_t blocked;    /* of them degraded, dropped, rejected */
};
const struct engine_conduit_count *engine_conduit_counts(const struct engine *e, uint32_t *count);

/* Closes all incidents. Call after flow_tracker_flush(). */
void engine_flush(struct engine *e);

/* Incidents and occurrences of finding `index` of the catalogue so far. */
void engine_counts(const struct engine *e, unsigned index, uint64_t *incidents,
		   uint64_t *occurrences);

/* Ops seen of the i-th vocabulary (op/vocab.h), requests, responses and publishes together. */
uint64_t engine_ops(const struct engine *e, unsigned vocab);

/* Events about the baseline on the day (UTC) of that time and on the day before. */
void engine_norm_spent(const struct engine *e, int64_t time, uint64_t *today, uint64_t *yesterday);

/* What a device told about itself (detect/endpoint.h); NULL: nothing. */
const struct endpoint *engine_device(const struct engine *e, const struct addr *a);

void engine_free(struct engine *e);

#endif
