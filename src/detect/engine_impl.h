/*
 * detect/engine_impl.h - what the engine's own files share; nobody else includes it.
 *
 *   engine.c       its life, its clock, and the counting of incidents
 *   engine_flow.c  flows: permitted, violations, opened and closed conduits
 *   engine_op.c    ops: permitted or not, and what devices refuse
 *   engine_live.c  incidents as they begin, other policies while flows go on, what is done
 *   engine_norm.c  what is learned, or held against what was learned
 *   engine_norm_event.c  deviations from it, made into events
 *   engine_hear.c  anomalies, frames that are no IP, what devices tell about themselves
 *
 * Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ENGINE_IMPL_H
#define KIDOBAN_DETECT_ENGINE_IMPL_H

#include "detect/act.h"
#include "detect/endpoint.h"
#include "detect/engine.h"
#include "detect/engine_private.h"
#include "detect/incident.h"
#include "detect/judge.h"
#include "detect/link.h"
#include "detect/storm.h"
#include "detect/vigil.h"

#define ENGINE_VOCABS_MAX 16u
#define ENGINE_SECOND	  INT64_C(1000000000)
#define ENGINE_INCIDENTS  16384u /* open at once */

/* What became of the violation at hand; verdict NULL: nobody acts, it is as the policy says. */
struct engine_done {
	const char *verdict; /* static */
	const char *wanted;  /* static, as in struct incident */
	uint8_t action;	     /* enum policy_action */
};

struct norm_events; /* engine_norm_event.c */

struct engine_count {
	uint64_t incidents, occurrences;
};

struct engine {
	struct engine_config cfg;
	struct policy_now *now; /* NULL: no policy */
	const struct finding *finding[JUDGE_FINDINGS];
	struct engine_count count[JUDGE_FINDINGS];
	struct incident_table *incidents;
	struct storm *storm;
	struct endpoint_table *endpoints;
	struct vigil *vigil;  /* NULL: no policy */
	struct link *link;    /* NULL: no policy */
	bool watches, limits; /* the policy has some: ops are of interest to vigil */
	uint64_t early;	      /* incidents told early that were spoken of */
	int64_t begin;	      /* ns, packet time at which listening began, for what is older */
	int64_t ticked;	      /* ns, packet time at which quiet incidents were last looked for */
	int64_t newest;	      /* ns, of the newest packet */
	uint16_t file;	      /* which of several captures it was in */
	unsigned vocabs;
	const char *vocab_proto[ENGINE_VOCABS_MAX];
	uint64_t ops[ENGINE_VOCABS_MAX];
	struct engine_conduit_count *conduit; /* by conduit of the policy */
	uint32_t conduits;
	uint16_t policy;  /* number of the policy in force: flows judged by another are stale */
	int64_t obeyed;	  /* ns, packet time of the newest packet when it came into force */
	struct flow *hot; /* of the packet at hand, as long as that is */
	struct norm_events *norm;     /* NULL: no baseline */
	uint32_t permitted_by;	      /* conduit of the op at hand; POLICY_NONE */
	struct engine_done norm_done; /* what was done about the op at hand, by the baseline */
	bool norm_did;		      /* norm_done is of it */
	struct flow *norm_flow;	      /* of what the baseline is looking at; NULL: none */
	struct engine_done done;
};

/* --- engine.c --- */

/* Of verdicts. Where nobody acts on live traffic, it is what would be done. */
static inline enum policy_mode engine_mode(const struct engine *e)
{
	if (e->cfg.live && !e->cfg.act)
		return MODE_DETECT;
	return e->cfg.mode ? *e->cfg.mode : policy_mode(e->cfg.policy);
}

/* Something may be done about violations. */
static inline bool engine_enforces(const struct engine *e)
{
	return e->cfg.act && e->cfg.policy && engine_mode(e) == MODE_ENFORCE;
}

/* Nobody listened until now: what was not seen was not to be seen. */
void engine_listens_anew(struct engine *e, int64_t time);

/* Once per second of packet time, whichever way it moves: quiet incidents, and what is missing. */
void engine_second(struct engine *e, int64_t time);

static inline bool engine_same_second(const struct engine *e, int64_t time)
{
	return (uint64_t)time - (uint64_t)e->ticked < ENGINE_SECOND;
}

static inline void engine_time(struct engine *e, int64_t time)
{
	if (e->now)
		policy_now_at(e->now, time);
	if (!engine_same_second(e, time))
		engine_second(e, time);
}

/* Policy, now, vigil and link of cfg; false when memory is out. */
bool engine_begin_policy(struct engine *e);

/* How the policy and the ends themselves call the ends of a flow. */
void engine_names(const struct engine *e, struct flow *f, struct sink_names *n);

/* --- engine_flow.c --- */

static inline uint64_t engine_flow_key(const struct flow *f)
{
	return mix_addr(mix_addr(0, flow_client(f)), flow_server(f));
}

/* A flow as a whole is a violation; op: it shows that, NULL: the flow itself does. */
void engine_flow_violation(struct engine *e, struct flow *f, enum judge_finding what, int64_t time,
			   uint64_t frame, const struct op *op);

/* What goes on over a flow that is a violation by itself: somebody looks, or somebody writes. */
void engine_flow_did(struct engine *e, struct flow *f, const struct op *op);

/* A conduit opened or closed while the flow went on. */
void engine_ask_again(struct engine *e, struct flow *f, int64_t time, uint64_t frame);

/* Handlers of the tracker, see struct flow_handlers. */
void engine_on_opened(void *user, struct flow *f);
void engine_on_packet(void *user, struct flow *f, const struct packet *p, unsigned side);
bool engine_on_related(void *user, struct flow *f, const struct packet *p);
void engine_on_closed(void *user, struct flow *f, enum flow_end_reason why);

/* --- engine_live.c --- */

bool engine_on_edit(void *user, struct flow *f, const struct flow_edit *edit);
void engine_on_answered(void *user, struct flow *f);

/*
 * A TCP connection whose SYN was not seen is older than the capture, whenever it is heard first.
 * Of a UDP conversation nothing tells but that listening has just begun.
 */
static inline bool engine_may_be_older(const struct engine *e, const struct flow *f)
{
	return f->ip_proto == 6 || f->first - e->begin < 120 * ENGINE_SECOND;
}

/* The view of a flow that was judged by a policy of before begins anew. */
static inline void engine_fresh(struct engine *e, struct flow *f)
{
	struct flow_view *v = flow_view(f);

	if (!v->opened || v->policy == e->policy)
		return;
	v->policy = e->policy;
	judge_renew(e->now, f, v, v->reversed || engine_may_be_older(e, f));
}

static inline void engine_count_permitted(struct engine *e, uint32_t at, bool is_op)
{
	if (at >= e->conduits)
		return;
	if (is_op)
		e->conduit[at].ops++;
	else
		e->conduit[at].flows++;
}

/* --- engine_op.c --- */

void engine_on_op(void *user, struct flow *f, const struct op *op);

/* --- engine_norm.c: all but the first two are for engines with a baseline --- */

/* See engine_norm_suspect() too. */
void engine_norm_anomaly(struct flow *f, enum anomaly_kind kind);

/* The operating mode is another one. */
void engine_norm_mode(struct engine *e);

/* The baseline tells the engine of deviations from now on. False when memory is out. */
bool engine_norm_begin(struct engine *e);

/* A flow was judged as it opened, or as it closed. */
void engine_norm_opened(struct engine *e, struct flow *f);
void engine_norm_closed(struct engine *e, struct flow *f);

/* An op that nothing forbids. */
void engine_norm_op(struct engine *e, struct flow *f, const struct op *op);

/* A packet, where there is no policy. */
void engine_norm_packet(struct engine *e, const struct packet *p);

#define ENGINE_NORM_QUIET     34		   /* 2^33 ns: five minutes */
#define ENGINE_NORM_UNDECIDED (ENGINE_SECOND / 10) /* so long who is the client may be open */

/* True when engine_norm_again() is due. Called for each packet. */
static inline bool engine_norm_hears(struct flow *f, int64_t time)
{
	struct flow_view *v = flow_view(f);
	uint16_t now = (uint16_t)(time >> 33), before = v->heard, gap = (uint16_t)(now - before);

	v->heard = now;
	return v->normed ? before && gap > ENGINE_NORM_QUIET && gap < 0x8000
			 : f->client == 0xff && (f->packets[0] + f->packets[1] > 2 ||
						 time - f->first > ENGINE_NORM_UNDECIDED);
}

/* Compared with the baseline again, or before its client is known. */
void engine_norm_again(struct engine *e, struct flow *f, const struct packet *p);

/* --- engine_norm_event.c --- */

/* NULL when memory is out. */
struct norm_events *engine_norm_events_new(void);

/* user: the engine. */
void engine_norm_told(void *user, const struct deviation *d);

/* Events that have waited long enough become incidents; all of them do. */
void engine_norm_tick(struct engine *e, int64_t time);
void engine_norm_flush(struct engine *e);

/* --- engine_hear.c --- */

void engine_on_anomaly(void *user, struct flow *f, const struct packet *p, const struct anomaly *a);
void engine_on_link(void *user, const struct packet *p);
void engine_on_identity(void *user, struct flow *f, int side, const char *key, struct slice value);

#endif
