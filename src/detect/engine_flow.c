/* Flows: judged when they open, again when a conduit does, and what is done over a forbidden one.
 */
#include "detect/engine_impl.h"
#include "detect/fill.h"
#include "detect/hear.h"
#include "detect/words.h"

#define ANSWERED (1 * ENGINE_SECOND) /* after that, what a server sends is no answer */

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
	struct incident *i = engine_report(e, what, key, engine_flow_key(f), time, frame);

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
	struct incident *i = engine_incident(e, what, key, engine_flow_key(f));
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
	if (i && i->swept && !engine_incident(e, what, key, engine_flow_key(f))) {
		key = mix(key, 1);
		i = violation(e, f, what, key, f->last, f->first_frame, NULL);
		i = i ? i : counted_in(e, f, what, key);
	}
	if (i)
		i->tried = i->swept = false;
}
void engine_flow_violation(struct engine *e, struct flow *f, enum judge_finding what, int64_t time,
			   uint64_t frame, const struct op *op)
{
	struct flow_view *v = flow_view(f);
	uint64_t key = flow_violation_key(f);
	struct incident *i;
	bool swept;

	v->told = (uint8_t)what;
	v->talked = false;
	engine_do_flow(e, f, what, v->decision.conduit);
	swept = vigil_denied(e->vigil, f, what, time, frame);
	i = violation(e, f, what, key, time, frame, op);
	if (i) {
		i->tried = !v->safety && vigil_is_try(what);
		i->swept = i->tried && swept;
	} else {
		count_there(e, f, what, key, swept);
	}
	flow_talked(e, f);
	engine_noted(e, what, key, engine_flow_key(f));
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
void engine_flow_did(struct engine *e, struct flow *f, const struct op *op)
{
	struct flow_view *v = flow_view(f);
	enum judge_finding what = (enum judge_finding)v->told;
	uint64_t key = flow_violation_key(f), beyond = mix(key, 1);
	struct incident *i = engine_incident(e, what, key, engine_flow_key(f));

	v->did |= (uint16_t)(1u << op->cls);
	/* where only the number of servers is told, those at which something was done are not lost
	 */
	if (!i)
		i = violation(e, f, what, beyond, op->time, op->frame, op);
	if (!i)
		i = engine_incident(e, what, beyond, engine_flow_key(f));
	if (!i || !first_said(i, op))
		return;
	words_did(e->cfg.lang, op, i);
	i->did_mask |= (uint16_t)(1u << op->cls);
	i->did = op->proto;
	if (!i->app)
		i->app = f->app;
}

/* A conduit opened or closed while the flow went on. */
void engine_ask_again(struct engine *e, struct flow *f, int64_t time, uint64_t frame)
{
	struct flow_view *v = flow_view(f);
	enum judge_finding what;
	bool other;

	v->device_ok[0] = v->device_ok[1] = false; /* one may have come to its end of life */
	other = judge_again(e->now, f, v, &what);
	if (!what && v->blocked)
		act_permit(e->cfg.act, f);
	if (!other)
		return;
	v->told = JUDGE_NOTHING;
	v->did = 0;
	if (what)
		engine_flow_violation(e, f, what, time, frame, NULL);
}

/* Something opened or closed lately: what a server sends may answer what was asked before. */
static bool may_answer(const struct engine *e, int64_t time)
{
	return (uint64_t)time - (uint64_t)e->now->from < ANSWERED ||
	       (uint64_t)time - (uint64_t)e->obeyed < ANSWERED;
}

/* Where only the end of a flow tells who its client is, it is judged for its begin first. */
void engine_on_opened(void *user, struct flow *f)
{
	struct engine *e = user;
	enum judge_finding what;

	engine_time(e, f->last);
	if (!e->cfg.policy) {
		if (e->cfg.baseline)
			engine_norm_opened(e, f);
		return;
	}
	policy_now_at(e->now, f->first);
	flow_view(f)->policy = e->policy;
	what = judge_flow(e->now, f, flow_view(f), engine_may_be_older(e, f));
	hear_flow(e, e->cfg.policy, e->cfg.lang, f);
	if (what)
		engine_flow_violation(e, f, what, f->first, f->first_frame, NULL);
	else
		vigil_flow(e->vigil, f, engine_may_be_older(e, f));
	if (!what)
		engine_count_permitted(e, flow_view(f)->decision.conduit, false);
	if (policy_now_at(e->now, f->last) && !may_answer(e, f->last))
		engine_ask_again(e, f, f->last, f->first_frame);
	if (e->cfg.baseline)
		engine_norm_opened(e, f);
}

/*
 * What ends a connection is none of its use, and what the server still answers was asked in time:
 * neither is held against a session whose conduit has just closed.
 */
static __attribute__((noinline)) void on_change(struct engine *e, struct flow *f,
						const struct packet *p, unsigned side)
{
	struct flow_view *v = flow_view(f);

	if (p->file != e->file && p->time - e->newest > ENGINE_SECOND && !e->cfg.live)
		engine_listens_anew(e, p->time);
	e->file = p->file;
	engine_time(e, p->time);
	e->newest = p->time;
	engine_fresh(e, f);
	if (v->told)
		flow_talked(e, f);
	if (v->epoch == e->now->epoch || !v->opened)
		return;
	if (p->kind == PACKET_TCP && !p->payload_len)
		return;
	if ((side != f->client) != v->reversed && may_answer(e, p->time))
		return;
	engine_ask_again(e, f, p->time, p->frame);
}

/* Nearly always nothing has changed since the last packet, and a few comparisons say so. */
static inline bool is_changed(const struct engine *e, const struct flow_view *v,
			      const struct packet *p, bool live)
{
	return (!live && p->file != e->file) || !engine_same_second(e, p->time) ||
	       (v->epoch != e->now->epoch && v->opened) || (v->told && !v->talked) ||
	       policy_now_stale(e->now, p->time);
}

static __attribute__((noinline)) void live_packet(struct engine *e, struct flow *f,
						  const struct packet *p, unsigned side)
{
	const struct flow_view *v = flow_view(f);

	e->hot = f;
	if (e->cfg.act)
		act_flow_packet(e->cfg.act, f, side);
	/* a policy that came while the flow went on has not judged it yet */
	if (!v->opened && f->client != 0xff && e->policy)
		engine_on_opened(e, f);
	if (is_changed(e, v, p, true)) {
		on_change(e, f, p, side);
		return;
	}
	policy_now_at(e->now, p->time);
	e->newest = p->time;
}

/* Of captures; what live traffic needs besides is none of their cost. */
void engine_on_packet(void *user, struct flow *f, const struct packet *p, unsigned side)
{
	struct engine *e = user;

	if (e->cfg.baseline && engine_norm_hears(f, p->time))
		engine_norm_again(e, f, p);
	if (!e->now) {
		if (e->cfg.baseline)
			engine_norm_packet(e, p);
		return;
	}
	if (e->cfg.live) {
		live_packet(e, f, p, side);
		return;
	}
	if (is_changed(e, flow_view(f), p, false)) {
		on_change(e, f, p, side);
		return;
	}
	policy_now_at(e->now, p->time);
	e->newest = p->time;
}

/* The flow table is full; what the flow did later goes unseen. */
static void flow_given_up(struct engine *e, struct flow *f)
{
	const struct words w = {.lang = e->cfg.lang};
	struct incident *i = engine_report(e, JUDGE_LIMIT, 1, 0, f->last, f->first_frame);

	if (!i)
		return;
	fill_flow(e->cfg.policy, i, f, 0);
	words_fill(&w, JUDGE_LIMIT, i);
}

/* Errors about what is permitted are permitted; the others are judged as conversations of their
 * own. */
bool engine_on_related(void *user, struct flow *f, const struct packet *p)
{
	struct engine *e = user;

	engine_time(e, p->time);
	if (e->cfg.policy)
		engine_fresh(e, f);
	return e->cfg.policy && judge_permitted(e->now, f, flow_view(f), engine_may_be_older(e, f));
}

void engine_on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	struct engine *e = user;
	struct sink *const *s;
	struct sink_names n;
	enum judge_finding what;

	if (f->last > e->newest)
		e->newest = f->last;
	if (e->cfg.act)
		act_closed(e->cfg.act, f);
	if (e->hot == f)
		e->hot = NULL;
	if (e->cfg.policy && flow_view(f)->opened) {
		engine_fresh(e, f);
		hear_flow(e, e->cfg.policy, e->cfg.lang, f);
		if (judge_open_question(f, flow_view(f)))
			policy_now_at(e->now, f->last); /* as it was while it went on */
		what = judge_closed(e->now, f, flow_view(f), false);
		if (what)
			engine_flow_violation(e, f, what, f->first, f->first_frame, NULL);
	}
	if (e->cfg.baseline)
		engine_norm_closed(e, f);
	if (why == FLOW_END_EVICTED)
		flow_given_up(e, f);
	if (!(e->cfg.events & ENGINE_FLOW))
		return;
	engine_names(e, f, &n);
	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->flow)
			(*s)->ops->flow(*s, f, &n, why);
}
