/* Ops: what each one is allowed, and what devices answer. */
#include "detect/engine_impl.h"
#include "detect/fill.h"
#include "detect/words.h"

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
	uint64_t key = mix_text(mix(engine_flow_key(f), d->conduit), op->proto);
	struct incident *i;

	engine_do_op(e, f, op, what, d->conduit);
	vigil_denied(e->vigil, f, what, op->time, op->frame);
	key = mix(mix(key, op->code), op->object.space);
	i = engine_report(e, what, key, place_of(op, d), op->time, op->frame);
	if (i) {
		fill_flow(e->cfg.policy, i, f, op->from_server);
		engine_fill_verdict(e, i, v, d->conduit, true);
		words_op(op, i);
		words_fill(&w, what, i);
	}
	engine_noted(e, what, key, place_of(op, d));
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
		engine_norm_suspect(f, false);
		i = engine_report(e, JUDGE_ILLEGAL_FUNCTION,
				  mix(mix_text(engine_flow_key(f), op->proto), op->code), 0,
				  op->time, op->frame);
		if (i) {
			fill_flow(e->cfg.policy, i, f, 1);
			words_op(op, i);
			words_fill(&w, JUDGE_ILLEGAL_FUNCTION, i);
		}
	}
	w.duration = storm_error(e->storm, flow_server(f), op->time);
	if (w.duration < 0)
		return;
	engine_norm_suspect(f, true);
	i = engine_report(e, JUDGE_STORM, mix_addr(0, flow_server(f)), 0, op->time, op->frame);
	if (i) {
		i->count = STORM_ERRORS; /* it begins with the first of them */
		fill_flow(e->cfg.policy, i, f, 1);
		words_op(op, i);
		words_fill(&w, JUDGE_STORM, i);
	}
}

static void op_record(struct engine *e, struct flow *f, const struct op *op)
{
	struct sink *const *s;
	struct sink_names n;

	engine_names(e, f, &n);
	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->op)
			(*s)->ops->op(*s, f, &n, op);
}

/* True when nothing is to be said against it. */
static bool is_permitted(struct engine *e, struct flow *f, const struct op *op)
{
	struct flow_view *v = flow_view(f);
	struct policy_op_decision d;
	enum judge_finding what;

	e->permitted_by = v->opened ? v->decision.conduit : POLICY_NONE;
	if (op->role == OP_RESPONSE && !judge_confirms(op))
		return !v->told;
	if (v->opened && v->epoch != e->now->epoch)
		engine_ask_again(e, f, op->time, op->frame);
	if (v->told && !(v->did >> op->cls & 1))
		engine_flow_did(e, f, op);
	if (!judge_per_op(v)) {
		if (!v->opened || v->decision.verdict != POLICY_ALLOW)
			return !v->told;
		if (!v->blocked)
			engine_count_permitted(e, v->decision.conduit, true);
		if (e->limits)
			vigil_permitted(e->vigil, f, op, v->decision.conduit);
		return !v->told;
	}
	what = judge_op(e->now, v, op, &d);
	e->permitted_by = d.conduit;
	if (!what) {
		if (!v->blocked)
			engine_count_permitted(e, d.conduit, true);
		if (e->limits)
			vigil_permitted(e->vigil, f, op, d.conduit);
		return !v->told;
	}
	if (what != JUDGE_PROTOCOL) {
		op_violation(e, f, what, op, &d);
	} else if (!v->told) {
		engine_flow_violation(e, f, what, op->time, op->frame, op);
		engine_flow_did(e, f, op);
	}
	return false;
}

void engine_on_op(void *user, struct flow *f, const struct op *op)
{
	struct engine *e = user;
	struct flow_view *v = flow_view(f);
	unsigned i;

	for (i = 0; i < e->vocabs; i++) {
		if (e->vocab_proto[i] == op->proto) {
			e->ops[i]++;
			break;
		}
	}
	engine_time(e, op->time);
	if (e->now)
		engine_fresh(e, f);
	if (e->cfg.events & ENGINE_OP)
		op_record(e, f, op);
	if (e->watches && v->opened)
		vigil_op(e->vigil, f, op);
	/* a refusal of what was neutralised is our own doing, and told already */
	if (op->role == OP_RESPONSE && op->status && !op->neutralised)
		error_response(e, f, op);
	if (is_permitted(e, f, op) && e->cfg.baseline)
		engine_norm_op(e, f, op);
}
