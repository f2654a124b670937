#include "detect/engine.h"

#include "base/hash.h"
#include "detect/endpoint.h"
#include "detect/engine_private.h"
#include "detect/fill.h"
#include "detect/hear.h"
#include "detect/incident.h"
#include "detect/judge.h"
#include "detect/link.h"
#include "detect/storm.h"
#include "detect/sweep.h"
#include "detect/vigil.h"
#include "detect/words.h"
#include "policy/watch.h"

#include <stdlib.h>

#define INCIDENTS_MAX 16384u
#define VOCABS_MAX    16u
#define SECOND	      INT64_C(1000000000)
#define YOUNG	      (120 * SECOND)  /* listening has just begun */
#define ANSWERED      (1 * SECOND)    /* after that, what a server sends is no answer */
#define PAUSE	      (3600 * SECOND) /* so long without a packet: it begins anew */
#define SWEPT_MAX     512	      /* incidents that a sweep looks at as it begins */

struct count {
	uint64_t incidents, occurrences;
};

struct engine {
	struct engine_config cfg;
	struct policy_now *now; /* NULL: no policy */
	const struct finding *finding[JUDGE_FINDINGS];
	struct count count[JUDGE_FINDINGS];
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
	const char *vocab_proto[VOCABS_MAX];
	uint64_t ops[VOCABS_MAX];
};

/* One try of a sweep, of which the sweep tells. */
static void untold(struct engine *e, const struct incident *i)
{
	unsigned k;

	for (k = JUDGE_NOTHING + 1; k < JUDGE_FINDINGS; k++)
		if (e->finding[k] == i->finding)
			e->count[k].incidents--;
}

static void told(void *user, const struct incident *i)
{
	struct engine *e = user;
	struct incident full = *i;
	struct sink *const *s;

	if (i->swept && !i->did_mask) {
		untold(e, i);
		return;
	}
	if (!(e->cfg.events & ENGINE_ALERT))
		return;
	if (i->has_addr) {
		full.src_device = endpoint_find(e->endpoints, &i->src);
		full.dst_device = endpoint_find(e->endpoints, &i->dst);
	}
	if (e->vigil)
		vigil_told(e->vigil, &full);
	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->alert)
			(*s)->ops->alert(*s, &full);
}

/* What is open, as far as that is known before the first packet. False when memory is out. */
static bool begin_policy(struct engine *e)
{
	if (!e->cfg.policy)
		return true;
	e->now = policy_now_new(e->cfg.policy);
	e->vigil = vigil_new(e, e->cfg.policy, e->cfg.board, e->cfg.lang);
	e->link = link_new();
	if (!e->now || !e->vigil || !e->link)
		return false;
	e->watches = policy_watch_pairs(e->cfg.policy) > 0;
	e->limits = policy_limits(e->cfg.policy);
	if (e->cfg.has_mode)
		policy_now_mode(e->now, e->cfg.operating_mode);
	return !e->cfg.grant_count || policy_now_grants(e->now, e->cfg.grants, e->cfg.grant_count);
}

struct engine *engine_new(const struct engine_config *cfg)
{
	struct engine *e = calloc(1, sizeof(*e));
	const struct vocab *v;
	char id[64];
	unsigned i;

	if (!e)
		return NULL;
	e->cfg = *cfg;
	for (i = JUDGE_NOTHING + 1; i < JUDGE_FINDINGS; i++) {
		e->finding[i] = catalogue_find(
			cfg->catalogue, judge_finding_id((enum judge_finding)i, id, sizeof(id)));
		if (!e->finding[i])
			goto fail;
	}
	for (i = 0; i < VOCABS_MAX && (v = vocab_at(i)); i++)
		e->vocab_proto[e->vocabs++] = v->proto;
	e->storm = storm_new();
	e->endpoints = endpoint_table_new();
	e->incidents = incident_table_new(
		INCIDENTS_MAX, cfg->incident_quiet ? cfg->incident_quiet : 300 * SECOND,
		cfg->incident_longest ? cfg->incident_longest : 3600 * SECOND, told, e);
	if (e->storm && e->endpoints && e->incidents && begin_policy(e))
		return e;
fail:
	engine_free(e);
	return NULL;
}

/* Once per second of packet time, whichever way it moves: quiet incidents, and what is missing. */
static __attribute__((noinline)) void second(struct engine *e, int64_t time)
{
	if (time < e->begin || time - e->ticked > PAUSE) {
		e->begin = time;
		if (e->vigil)
			vigil_begin(e->vigil, time);
	}
	if (e->vigil)
		vigil_tick(e->vigil, time);
	incident_tick(e->incidents, time);
	e->ticked = time;
}

static inline bool is_same_second(const struct engine *e, int64_t time)
{
	return (uint64_t)time - (uint64_t)e->ticked < SECOND;
}

static inline void tick(struct engine *e, int64_t time)
{
	if (e->now)
		policy_now_at(e->now, time);
	if (!is_same_second(e, time))
		second(e, time);
}

/*
 * A TCP connection whose SYN was not seen is older than the capture, whenever it is heard first.
 * Of a UDP conversation nothing tells but that listening has just begun.
 */
static bool may_be_older(const struct engine *e, const struct flow *f)
{
	return f->ip_proto == 6 || f->first - e->begin < YOUNG;
}

static uint64_t flow_key(const struct flow *f)
{
	return mix_addr(mix_addr(0, flow_client(f)), flow_server(f));
}

static struct incident *count(struct engine *e, enum judge_finding what, uint64_t key,
			      uint64_t place, int64_t time, uint64_t frame)
{
	struct incident *i =
		incident_report_at(e->incidents, e->finding[what], key, place, time, frame);

	e->count[what].occurrences++;
	if (i) {
		e->count[what].incidents++;
		i->verdict = "alert";
	}
	return i;
}

/*
 * Counts an occurrence; a new incident is returned to be filled. A table that runs over is a
 * finding of its own, made first so that it cannot push out what is returned here.
 */
struct incident *engine_report(struct engine *e, enum judge_finding what, uint64_t key,
			       uint64_t place, int64_t time, uint64_t frame)
{
	struct words w = {.lang = e->cfg.lang, .number = INCIDENTS_MAX};
	struct incident *i;

	if (incident_early(e->incidents) != e->early) {
		i = count(e, JUDGE_LIMIT, 0, 0, time, frame);
		if (i)
			words_fill(&w, JUDGE_LIMIT, i);
		e->early = incident_early(e->incidents);
	}
	return count(e, what, key, place, time, frame);
}

struct incident *engine_incident(const struct engine *e, enum judge_finding what, uint64_t key,
				 uint64_t place)
{
	return incident_find_at(e->incidents, e->finding[what], key, place);
}

struct sweep_begin {
	struct addr client;
	int64_t from, to; /* ns */
};
static void sweep_one(void *user, struct incident *i)
{
	const struct sweep_begin *b = user;

	i->swept = i->swept || (i->tried && addr_eq(&i->src, &b->client) && i->first >= b->from &&
				i->first <= b->to);
}

void engine_sweep_begins(struct engine *e, const struct addr *client, int64_t time)
{
	struct sweep_begin b = {*client, time - SWEEP_WINDOW, time + SWEEP_WINDOW};

	incident_newest(e->incidents, SWEPT_MAX, sweep_one, &b);
}

bool engine_is(const struct engine *e, const struct incident *i, enum judge_finding what)
{
	return i->finding == e->finding[what];
}

static struct incident *report(struct engine *e, enum judge_finding what, uint64_t key,
			       int64_t time, uint64_t frame)
{
	return engine_report(e, what, key, 0, time, frame);
}

/* The verdict and the conduit of a violation; more is at stake in a safety zone. */
void engine_fill_verdict(struct engine *e, struct incident *i, const struct flow_view *v,
			 uint32_t conduit, bool is_op)
{
	const struct policy *p = e->cfg.policy;

	if (conduit != POLICY_NONE) {
		i->conduit = policy_conduit_at(p, conduit)->id;
		i->refs = policy_conduit_at(p, conduit)->refs;
	}
	if (v->safety)
		i->severity = 1;
	i->verdict = judge_verdict(p, e->cfg.mode ? *e->cfg.mode : policy_mode(p), conduit, is_op,
				   v->safety);
}

/*
 * One listed client, or all the others of a zone, towards one zone; the two ends are the place.
 * Ports are no part of it: a scan of a thousand is one incident, shown with the first of them.
 */
static uint64_t flow_violation_key(struct flow *f)
{
	const struct flow_view *v = flow_view(f);
	const struct policy_place *client = &v->place[v->reversed];
	uint64_t key = mix(client->zone, client->asset);

	return mix(mix(mix(key, v->place[!v->reversed].zone), f->ip_proto), v->decision.conduit);
}

/* Counts a violation by the flow as a whole; a new incident is filled and returned. */
static struct incident *violation(struct engine *e, struct flow *f, enum judge_finding what,
				  uint64_t key, int64_t time, uint64_t frame, const struct op *op)
{
	struct flow_view *v = flow_view(f);
	struct words w = {.policy = e->cfg.policy,
			  .lang = e->cfg.lang,
			  .flow = f,
			  .view = v,
			  .op = op,
			  .running = frame != f->first_frame && !op,
			  .mode = (enum policy_operating_mode)e->now->mode,
			  .time = e->now->time};
	struct incident *i = engine_report(e, what, key, flow_key(f), time, frame);

	if (!i)
		return NULL;
	fill_flow(e->cfg.policy, i, f, v->reversed);
	i->to_client = false;
	engine_fill_verdict(e, i, v, v->decision.conduit, false);
	words_fill(&w, what, i);
	return i;
}

/* The incident that counts a violation, its own or that of many servers; NULL: none is open. */
static struct incident *counted_in(struct engine *e, struct flow *f, enum judge_finding what,
				   uint64_t key)
{
	struct incident *i = engine_incident(e, what, key, flow_key(f));
	return i ? i : engine_incident(e, what, key, 0);
}

/* An incident that counts what is no part of its sweep is told as itself. */
static void count_there(struct engine *e, struct flow *f, enum judge_finding what, uint64_t key,
			bool swept)
{
	struct incident *i = counted_in(e, f, what, key);

	if (i && ((i->swept && !swept) || !addr_eq(&i->src, judge_client(f))))
		i->tried = i->swept = false;
}

/*
 * Both have said something over a flow that is a violation, in whatever protocol: that is more than
 * a try, and no sweep hides it.
 */
static void flow_talked(struct engine *e, struct flow *f)
{
	struct flow_view *v = flow_view(f);
	enum judge_finding what = (enum judge_finding)v->told;
	struct incident *i;
	uint64_t key;

	if (v->talked || !f->payload[0] || !f->payload[1] ||
	    (f->ip_proto != 6 && f->ip_proto != 17))
		return;
	v->talked = true;
	key = flow_violation_key(f);
	i = counted_in(e, f, what, key);
	if (i && i->swept && !engine_incident(e, what, key, flow_key(f))) {
		key = mix(key, 1);
		i = violation(e, f, what, key, f->last, f->first_frame, NULL);
		i = i ? i : counted_in(e, f, what, key);
	}
	if (i)
		i->tried = i->swept = false;
}
static void flow_violation(struct engine *e, struct flow *f, enum judge_finding what, int64_t time,
			   uint64_t frame, const struct op *op)
{
	struct flow_view *v = flow_view(f);
	uint64_t key = flow_violation_key(f);
	struct incident *i;
	bool swept;

	v->told = (uint8_t)what;
	v->talked = false;
	swept = vigil_denied(e->vigil, f, what, time, frame);
	i = violation(e, f, what, key, time, frame, op);
	if (i) {
		i->tried = !v->safety && vigil_is_try(what);
		i->swept = i->tried && swept;
	} else {
		count_there(e, f, what, key, swept);
	}
	flow_talked(e, f);
}

/* True when no op of this protocol and class was said before. */
static bool first_said(struct incident *i, const struct op *op)
{
	uint16_t cls = (uint16_t)(1u << op->cls);
	unsigned k;

	for (k = 0; k < INCIDENT_PROTOS; k++) {
		if (i->said[k].proto && i->said[k].proto != op->proto)
			continue;
		if (i->said[k].classes & cls)
			return false;
		i->said[k].proto = op->proto;
		i->said[k].classes |= cls;
		return true;
	}
	return false;
}

/* What goes on over a flow that is a violation by itself: somebody looks, or somebody writes. */
static void flow_did(struct engine *e, struct flow *f, const struct op *op)
{
	struct flow_view *v = flow_view(f);
	enum judge_finding what = (enum judge_finding)v->told;
	uint64_t key = flow_violation_key(f), beyond = mix(key, 1);
	struct incident *i = engine_incident(e, what, key, flow_key(f));

	v->did |= (uint16_t)(1u << op->cls);
	/* where only the number of servers is told, those at which something was done are not lost
	 */
	if (!i)
		i = violation(e, f, what, beyond, op->time, op->frame, op);
	if (!i)
		i = engine_incident(e, what, beyond, flow_key(f));
	if (!i || !first_said(i, op))
		return;
	words_did(e->cfg.lang, op, i);
	i->did_mask |= (uint16_t)(1u << op->cls);
	i->did = op->proto;
	if (!i->app)
		i->app = f->app;
}

/* A conduit opened or closed while the flow went on. */
static void ask_again(struct engine *e, struct flow *f, int64_t time, uint64_t frame)
{
	struct flow_view *v = flow_view(f);
	enum judge_finding what;

	v->device_ok[0] = v->device_ok[1] = false; /* one may have come to its end of life */
	if (!judge_again(e->now, f, v, &what))
		return;
	v->told = JUDGE_NOTHING;
	v->did = 0;
	if (what)
		flow_violation(e, f, what, time, frame, NULL);
}

/* Something opened or closed lately: what a server sends may answer what was asked before. */
static bool may_answer(const struct engine *e, int64_t time)
{
	return (uint64_t)time - (uint64_t)e->now->from < ANSWERED;
}

/* Where only the end of a flow tells who its client is, it is judged for its begin first. */
static void on_opened(void *user, struct flow *f)
{
	struct engine *e = user;
	enum judge_finding what;

	tick(e, f->last);
	if (!e->cfg.policy)
		return;
	policy_now_at(e->now, f->first);
	what = judge_flow(e->now, f, flow_view(f), may_be_older(e, f));
	hear_flow(e, e->cfg.policy, e->cfg.lang, f);
	if (what)
		flow_violation(e, f, what, f->first, f->first_frame, NULL);
	else
		vigil_flow(e->vigil, f, may_be_older(e, f));
	if (policy_now_at(e->now, f->last) && !may_answer(e, f->last))
		ask_again(e, f, f->last, f->first_frame);
}

/*
 * What ends a connection is none of its use, and what the server still answers was asked in time:
 * neither is held against a session whose conduit has just closed.
 */
static __attribute__((noinline)) void on_change(struct engine *e, struct flow *f,
						const struct packet *p, unsigned side)
{
	struct flow_view *v = flow_view(f);

	if (p->file != e->file && p->time - e->newest > SECOND)
		vigil_begin(e->vigil, p->time); /* nobody listened in between */
	e->file = p->file;
	tick(e, p->time);
	e->newest = p->time;
	if (v->told)
		flow_talked(e, f);
	if (v->epoch == e->now->epoch || !v->opened)
		return;
	if (p->kind == PACKET_TCP && !p->payload_len)
		return;
	if ((side != f->client) != v->reversed && may_answer(e, p->time))
		return;
	ask_again(e, f, p->time, p->frame);
}

/* Nearly always nothing has changed since the last packet, and a few comparisons say so. */
static void on_packet(void *user, struct flow *f, const struct packet *p, unsigned side)
{
	struct engine *e = user;
	const struct flow_view *v = flow_view(f);

	if (!e->now)
		return;
	if (p->file != e->file || !is_same_second(e, p->time) ||
	    (v->epoch != e->now->epoch && v->opened) || (v->told && !v->talked) ||
	    policy_now_stale(e->now, p->time)) {
		on_change(e, f, p, side);
		return;
	}
	policy_now_at(e->now, p->time);
	e->newest = p->time;
}

static uint64_t place_of(const struct op *op, const struct policy_op_decision *d)
{
	const struct op_object *o = &op->object;
	uint64_t key = mix(o->first + d->value_index, o->space);
	unsigned i;

	for (i = 0; i < o->npath; i++)
		key = mix(key, o->path[i]);
	return o->name.len ? hash_bytes(o->name.p, o->name.len, key) : key;
}

/* Repeats of a violation by an op fold by what it does, and where. */
static void op_violation(struct engine *e, struct flow *f, enum judge_finding what,
			 const struct op *op, const struct policy_op_decision *d)
{
	struct flow_view *v = flow_view(f);
	struct words w = {.policy = e->cfg.policy,
			  .lang = e->cfg.lang,
			  .flow = f,
			  .view = v,
			  .op = op,
			  .d = d,
			  .mode = (enum policy_operating_mode)e->now->mode,
			  .time = e->now->time};
	uint64_t key = mix_text(mix(flow_key(f), d->conduit), op->proto);
	struct incident *i;

	vigil_denied(e->vigil, f, what, op->time, op->frame);
	key = mix(mix(key, op->code), op->object.space);
	i = engine_report(e, what, key, place_of(op, d), op->time, op->frame);
	if (!i)
		return;
	fill_flow(e->cfg.policy, i, f, op->from_server);
	engine_fill_verdict(e, i, v, d->conduit, true);
	words_op(op, i);
	words_fill(&w, what, i);
}

/* A device said no. */
static void error_response(struct engine *e, struct flow *f, const struct op *op)
{
	struct words w = {.policy = e->cfg.policy,
			  .lang = e->cfg.lang,
			  .flow = f,
			  .view = flow_view(f),
			  .op = op,
			  .number = STORM_ERRORS};
	struct incident *i;

	if (judge_illegal_function(op)) {
		i = report(e, JUDGE_ILLEGAL_FUNCTION,
			   mix(mix_text(flow_key(f), op->proto), op->code), op->time, op->frame);
		if (i) {
			fill_flow(e->cfg.policy, i, f, 1);
			words_op(op, i);
			words_fill(&w, JUDGE_ILLEGAL_FUNCTION, i);
		}
	}
	w.duration = storm_error(e->storm, flow_server(f), op->time);
	if (w.duration < 0)
		return;
	i = report(e, JUDGE_STORM, mix_addr(0, flow_server(f)), op->time, op->frame);
	if (i) {
		i->count = STORM_ERRORS; /* it begins with the first of them */
		fill_flow(e->cfg.policy, i, f, 1);
		words_op(op, i);
		words_fill(&w, JUDGE_STORM, i);
	}
}

static void sink_names(const struct engine *e, struct flow *f, struct sink_names *n)
{
	const struct flow_view *v = flow_view(f);

	memset(n, 0, sizeof(*n));
	n->client_device = endpoint_find(e->endpoints, flow_client(f));
	n->server_device = endpoint_find(e->endpoints, flow_server(f));
	if (!e->cfg.policy || !v->opened)
		return;
	fill_place(e->cfg.policy, v->place[0], &n->client_zone, &n->client_asset);
	fill_place(e->cfg.policy, v->place[1], &n->server_zone, &n->server_asset);
}

static void op_record(struct engine *e, struct flow *f, const struct op *op)
{
	struct sink *const *s;
	struct sink_names n;

	sink_names(e, f, &n);
	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->op)
			(*s)->ops->op(*s, f, &n, op);
}

static void on_op(void *user, struct flow *f, const struct op *op)
{
	struct engine *e = user;
	struct flow_view *v = flow_view(f);
	struct policy_op_decision d;
	enum judge_finding what;
	unsigned i;

	for (i = 0; i < e->vocabs; i++) {
		if (e->vocab_proto[i] == op->proto) {
			e->ops[i]++;
			break;
		}
	}
	tick(e, op->time);
	if (e->cfg.events & ENGINE_OP)
		op_record(e, f, op);
	if (e->watches && v->opened)
		vigil_op(e->vigil, f, op);
	if (op->role == OP_RESPONSE && op->status)
		error_response(e, f, op);
	if (op->role == OP_RESPONSE && !judge_confirms(op))
		return;
	if (v->opened && v->epoch != e->now->epoch)
		ask_again(e, f, op->time, op->frame);
	if (v->told && !(v->did >> op->cls & 1))
		flow_did(e, f, op);
	if (!judge_per_op(v)) {
		if (e->limits && v->opened && v->decision.verdict == POLICY_ALLOW)
			vigil_permitted(e->vigil, f, op, v->decision.conduit);
		return;
	}
	what = judge_op(e->now, v, op, &d);
	if (!what) {
		if (e->limits)
			vigil_permitted(e->vigil, f, op, d.conduit);
		return;
	}
	if (what != JUDGE_PROTOCOL) {
		op_violation(e, f, what, op, &d);
	} else if (!v->told) {
		flow_violation(e, f, what, op->time, op->frame, op);
		flow_did(e, f, op);
	}
}

/* Ends that speak in the packet, or in the flow when the stream had it. */
static uint64_t anomaly_ends(struct words *w, const struct flow *f, const struct packet *p)
{
	if (p && (p->ip_proto || p->kind == PACKET_ARP)) {
		w->addr[0] = p->src;
		w->addr[1] = p->dst;
	} else if (f) {
		w->addr[0] = *flow_client(f);
		w->addr[1] = *flow_server(f);
	} else {
		return p && p->has_mac ? hash_bytes(p->src_mac.b, sizeof(p->src_mac.b), 0) : 0;
	}
	w->has_addr = true;
	return mix_addr(mix_addr(0, &w->addr[0]), &w->addr[1]);
}

static void on_anomaly(void *user, struct flow *f, const struct packet *p, const struct anomaly *a)
{
	struct engine *e = user;
	struct words w = {.policy = e->cfg.policy, .lang = e->cfg.lang, .anomaly = a};
	enum judge_finding what = (enum judge_finding)(JUDGE_DECODE + a->kind);
	uint64_t key = anomaly_ends(&w, f, p);
	struct sink *const *s;
	struct incident *i;

	if (e->cfg.events & ENGINE_ANOMALY)
		for (s = e->cfg.sinks; s && *s; s++)
			if ((*s)->ops->anomaly)
				(*s)->ops->anomaly(*s, f, p, a);
	i = report(e, what, mix_text(mix_text(key, a->proto), a->reason), a->time, a->frame);
	if (!i)
		return;
	if (f)
		fill_flow(e->cfg.policy, i, f, p && !addr_eq(&p->src, flow_client(f)));
	else if (p)
		fill_packet(e->cfg.policy, i, p);
	words_fill(&w, what, i);
}

/* ARP: who is really there, and with which MAC address (RFC 826). */
static void on_link(void *user, const struct packet *p)
{
	struct engine *e = user;
	struct heard h = {.addr = &p->src, .mac = &p->src_mac, .p = p};

	tick(e, p->time);
	if (!e->cfg.policy || !p->has_mac)
		return;
	if (p->kind != PACKET_ARP) {
		link_frame(e->link, e, e->now, e->cfg.lang, p);
		return;
	}
	h.place = policy_place(e->cfg.policy, &p->src, &p->src_mac);
	hear_one(e, e->cfg.policy, e->cfg.lang, &h, p->time);
}

/* The flow table is full; what the flow did later goes unseen. */
static void flow_given_up(struct engine *e, struct flow *f)
{
	const struct words w = {.lang = e->cfg.lang};
	struct incident *i = report(e, JUDGE_LIMIT, 1, f->last, f->first_frame);

	if (!i)
		return;
	fill_flow(e->cfg.policy, i, f, 0);
	words_fill(&w, JUDGE_LIMIT, i);
}

static void on_identity(void *user, struct flow *f, int side, const char *key, struct slice value)
{
	struct engine *e = user;
	const struct words w = {.lang = e->cfg.lang, .devices = true};
	uint64_t refused = endpoint_refused(e->endpoints);
	struct incident *i;

	endpoint_learn(e->endpoints, side ? flow_server(f) : flow_client(f), key, value);
	if (endpoint_refused(e->endpoints) == refused)
		return;
	i = report(e, JUDGE_LIMIT, 2, f->last, f->first_frame);
	if (!i)
		return;
	fill_flow(e->cfg.policy, i, f, side);
	words_fill(&w, JUDGE_LIMIT, i);
}

/* Errors about what is permitted are permitted; the others are judged as conversations of their
 * own. */
static bool on_related(void *user, struct flow *f, const struct packet *p)
{
	struct engine *e = user;

	tick(e, p->time);
	return e->cfg.policy && judge_permitted(e->now, f, flow_view(f), may_be_older(e, f));
}

static void on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	struct engine *e = user;
	struct sink *const *s;
	struct sink_names n;
	enum judge_finding what;

	if (f->last > e->newest)
		e->newest = f->last;
	if (e->cfg.policy && flow_view(f)->opened) {
		hear_flow(e, e->cfg.policy, e->cfg.lang, f);
		if (judge_open_question(f, flow_view(f)))
			policy_now_at(e->now, f->last); /* as it was while it went on */
		what = judge_closed(e->now, f, flow_view(f));
		if (what)
			flow_violation(e, f, what, f->first, f->first_frame, NULL);
	}
	if (why == FLOW_END_EVICTED)
		flow_given_up(e, f);
	if (!(e->cfg.events & ENGINE_FLOW))
		return;
	sink_names(e, f, &n);
	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->flow)
			(*s)->ops->flow(*s, f, &n, why);
}

const struct flow_handlers engine_handlers = {
	.opened = on_opened,
	.packet = on_packet,
	.op = on_op,
	.anomaly = on_anomaly,
	.identity = on_identity,
	.link = on_link,
	.related = on_related,
	.closed = on_closed,
};

const struct policy_now *engine_now(const struct engine *e)
{
	return e->now;
}

void engine_flush(struct engine *e)
{
	if (e->vigil)
		vigil_tick(e->vigil, e->newest);
	incident_flush(e->incidents);
}

void engine_counts(const struct engine *e, unsigned index, uint64_t *incidents,
		   uint64_t *occurrences)
{
	unsigned i;

	*incidents = *occurrences = 0;
	for (i = JUDGE_NOTHING + 1; i < JUDGE_FINDINGS; i++) {
		if (e->finding[i]->index != index)
			continue;
		*incidents = e->count[i].incidents;
		*occurrences = e->count[i].occurrences;
	}
}

uint64_t engine_ops(const struct engine *e, unsigned vocab)
{
	return vocab < e->vocabs ? e->ops[vocab] : 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	incident_table_free(e->incidents);
	storm_free(e->storm);
	endpoint_table_free(e->endpoints);
	policy_now_free(e->now);
	vigil_free(e->vigil);
	link_free(e->link);
	free(e);
}
