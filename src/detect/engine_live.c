/* Live: incidents as they begin, another policy while flows go on, and what is done about them. */
#include "detect/engine_impl.h"

#include <stdlib.h>

/* --- what is done --- */

static void note(struct engine *e, uint32_t conduit, enum policy_action wanted,
		 enum policy_action done)
{
	e->done.verdict = judge_word(done, MODE_ENFORCE);
	e->done.wanted = done == wanted ? NULL : judge_word(wanted, MODE_ENFORCE);
	e->done.action = (uint8_t)done;
	if (conduit < e->conduits)
		e->conduit[conduit].blocked += done != ACTION_ALERT;
}

/* True when something is to be done; ACTION_ALERT is nothing. */
static bool is_wanted(struct engine *e, uint32_t conduit, bool is_op, bool safety,
		      enum policy_action *wanted)
{
	e->done = (struct engine_done){0};
	if (conduit < e->conduits)
		e->conduit[conduit].violations++;
	if (safety || !engine_enforces(e))
		return false;
	*wanted = judge_action(e->cfg.policy, conduit, is_op);
	return *wanted != ACTION_ALERT;
}

void engine_do_flow(struct engine *e, struct flow *f, enum judge_finding what, uint32_t conduit)
{
	enum policy_action wanted;

	if (is_wanted(e, conduit, false, flow_view(f)->safety, &wanted))
		note(e, conduit, wanted, act_flow(e->cfg.act, f, wanted, e->finding[what]->id));
}

void engine_do_op(struct engine *e, struct flow *f, const struct op *op, enum judge_finding what,
		  uint32_t conduit)
{
	enum policy_action wanted;

	if (is_wanted(e, conduit, true, flow_view(f)->safety, &wanted))
		note(e, conduit, wanted, act_op(e->cfg.act, f, op, wanted, e->finding[what]->id));
}

void engine_do_frame(struct engine *e, uint32_t conduit, bool safety)
{
	enum policy_action wanted;

	if (is_wanted(e, conduit, false, safety, &wanted))
		note(e, conduit, wanted, act_frame(e->cfg.act, wanted));
}

void engine_noted(struct engine *e, enum judge_finding what, uint64_t key, uint64_t place)
{
	struct incident *i = NULL;

	if (e->done.action) {
		i = engine_incident(e, what, key, place);
		i = i ? i : engine_incident(e, what, key, 0);
	}
	if (i && i->done < e->done.action) {
		i->verdict = e->done.verdict;
		i->wanted = e->done.wanted;
		i->done = e->done.action;
	}
	e->done = (struct engine_done){0};
}

bool engine_on_edit(void *user, struct flow *f, const struct flow_edit *edit)
{
	struct engine *e = user;

	return engine_enforces(e) && act_edit(e->cfg.act, f, edit);
}

void engine_on_answered(void *user, struct flow *f)
{
	struct engine *e = user;

	if (e->cfg.act)
		act_answered(e->cfg.act, f);
}

/* --- after each packet --- */

/*
 * Nobody has read the packet at hand yet, and if nobody ever does, its flow is a violation. A
 * datagram will never be read later. In mid-stream it may be the end of a message whose begin
 * nobody has seen: that is for the conduit to decide.
 */
static bool is_unread(const struct engine *e, const struct flow *f, const struct flow_view *v)
{
	if (v->decision.verdict != POLICY_LATER || !judge_closed(e->now, f, v, true))
		return false;
	if (f->ip_proto == 6)
		return v->decision.conduit < e->conduits && act_carries(e->cfg.act) &&
		       !policy_conduit_at(e->cfg.policy, v->decision.conduit)->fail_open;
	return f->ip_proto == 17 && act_carries(e->cfg.act);
}

/* Nothing is said about the flow yet: it is held back if all that can be said now is no. */
static void hold_back(struct engine *e, struct flow *f)
{
	struct flow_view first = {0};

	if (!engine_enforces(e))
		return;
	if ((!judge_flow(e->now, f, &first, engine_may_be_older(e, f)) &&
	     !is_unread(e, f, &first)) ||
	    first.safety)
		return;
	if (judge_action(e->cfg.policy, first.decision.conduit, false) != ACTION_ALERT)
		act_hold(e->cfg.act);
}

/* No dissector took it: what captures tell at the end of a flow is told, and done, now. */
static void ask_early(struct engine *e, struct flow *f)
{
	struct flow_view *v = flow_view(f);
	enum judge_finding what;

	v->asked = true;
	what = judge_closed(e->now, f, v, e->cfg.act && (f->ip_proto == 6 || f->ip_proto == 17));
	if (what)
		engine_flow_violation(e, f, what, e->newest, f->first_frame, NULL);
}

static bool is_settled(const struct engine *e, const struct flow *f, const struct flow_view *v)
{
	enum policy_verdict verdict = (enum policy_verdict)v->decision.verdict;

	return (verdict == POLICY_ALLOW || verdict == POLICY_SAME_ZONE ||
		verdict == POLICY_DEFAULT_ALLOW) &&
	       !v->told && !v->blocked && !v->cut && e->now->until == INT64_MAX &&
	       flow_unclaimed(f, true);
}

/* Bytes that nobody read do not pass, and that is told. */
static void verify(struct engine *e, struct flow *f)
{
	struct anomaly a = {.kind = ANOMALY_STREAM_CONFLICT,
			    .proto = "tcp",
			    .time = f->last,
			    .frame = f->first_frame};

	a.reason = act_verify(e->cfg.act, f);
	if (a.reason)
		engine_on_anomaly(e, f, NULL, &a);
}

static void judge_hot(struct engine *e, struct flow *f)
{
	struct flow_view *v = flow_view(f);

	if (!v->opened) {
		hold_back(e, f);
		return;
	}
	if (f->ip_proto == 6 && engine_enforces(e) && !v->safety)
		verify(e, f);
	if (f->dissector)
		return;
	if (!v->asked && v->decision.verdict == POLICY_LATER && v->policy == e->policy &&
	    flow_unclaimed(f, !e->cfg.act))
		ask_early(e, f);
	if (e->cfg.act && is_settled(e, f, v))
		act_settle(e->cfg.act, f);
}

void engine_told(struct engine *e)
{
	struct flow *f = e->hot;

	e->hot = NULL;
	if (f && e->cfg.policy)
		judge_hot(e, f);
	incident_begun(e->incidents);
}

void engine_tick(struct engine *e, int64_t time)
{
	engine_time(e, time);
	incident_begun(e->incidents);
}

void engine_clock_stepped(struct engine *e, int64_t time)
{
	e->begin = time;
	e->ticked = time;
	e->newest = time;
	if (e->now)
		policy_now_at(e->now, time);
	engine_listens_anew(e, time);
}

void engine_missed(struct engine *e, int64_t time)
{
	if (e->cfg.baseline)
		baseline_resume(e->cfg.baseline, time);
}

/* --- orders --- */

/* The same policy: what of it is open may be something else. */
static bool obey_now(struct engine *e, const struct engine_orders *o)
{
	if (!policy_now_grants(e->now, o->grants, o->grant_count))
		return false;
	policy_now_mode(e->now,
			o->has_mode ? o->operating_mode : policy_operating_mode(e->cfg.policy));
	return true;
}

static void take(struct engine *e, const struct engine_orders *o)
{
	e->cfg.policy = o->policy;
	e->cfg.board = o->board;
	e->cfg.has_mode = o->has_mode;
	e->cfg.operating_mode = o->operating_mode;
	e->cfg.grants = o->grants;
	e->cfg.grant_count = o->grant_count;
}

static void free_policy(struct engine *e)
{
	policy_now_free(e->now);
	vigil_free(e->vigil);
	link_free(e->link);
	free(e->conduit);
}

/*
 * Everything that knows the old policy is made anew; flows keep numbers of it, and engine_fresh()
 * sees by `policy` that they are of another one.
 */
static bool obey_policy(struct engine *e, const struct engine_orders *o)
{
	struct engine old = *e;
	uint32_t epoch = e->now ? e->now->epoch : 0;

	take(e, o);
	e->now = NULL;
	e->vigil = NULL;
	e->link = NULL;
	e->conduit = NULL;
	if (!engine_begin_policy(e)) {
		free_policy(e);
		*e = old;
		if (e->cfg.act)
			act_rules(e->cfg.act, e->cfg.policy, engine_enforces(e));
		return false;
	}
	e->now->epoch = epoch + 1;
	e->policy++;
	e->obeyed = e->newest;
	if (e->newest)
		vigil_begin(e->vigil, e->newest);
	if (e->cfg.baseline)
		engine_norm_flush(e);
	incident_flush(e->incidents);
	free_policy(&old);
	return true;
}

bool engine_obey(struct engine *e, const struct engine_orders *o)
{
	if (o->policy == e->cfg.policy) {
		if (e->now && !obey_now(e, o))
			return false;
		take(e, o);
		engine_norm_mode(e);
		return true;
	}
	if (!obey_policy(e, o))
		return false;
	engine_norm_mode(e);
	return true;
}

const struct engine_conduit_count *engine_conduit_counts(const struct engine *e, uint32_t *count)
{
	*count = e->conduits;
	return e->conduit;
}
