#include "detect/vigil.h"

#include "base/hash.h"
#include "detect/fill.h"
#include "detect/rate.h"
#include "detect/sweep.h"
#include "detect/watch.h"
#include "detect/words_vigil.h"
#include "detect/words_watch.h"

#include <stdlib.h>

struct vigil {
	struct engine *engine;
	const struct policy *policy;
	enum finding_lang lang;
	struct watch_table *watches; /* NULL: the policy has none */
	struct rate_table *rates;    /* NULL: no conduit has a limit */
	struct sweep_table *sweeps;
};

static bool in_safety(const struct policy *p, struct policy_place place)
{
	return place.zone != POLICY_NONE && policy_zone_at(p, place.zone)->level == LEVEL_SAFETY;
}

/* Addresses of the last such op; of what was never seen, those of the assets. */
static void fill_ends(struct vigil *v, struct incident *i, const struct watch_notice *n,
		      const struct policy_watch_pair *pair)
{
	const struct watch_seen *s = n->seen;
	unsigned from = n->op && n->op->from_server, k;
	const struct policy_asset *a[2]; /* sender, receiver */

	for (k = 0; k < 2; k++)
		a[k] = policy_asset_at(v->policy, pair->end[k ^ from].asset);
	i->to_client = from;
	fill_source(v->policy, pair->end[from], i);
	fill_place(v->policy, pair->end[!from], &i->dst_zone, &i->dst_asset);
	fill_severity(v->policy, i, pair->end[0], pair->end[1]);
	if (in_safety(v->policy, pair->end[0]) || in_safety(v->policy, pair->end[1]))
		i->severity = 1;
	if (s->frame) {
		i->file = s->file;
		i->flow_id = s->flow_id;
		i->has_addr = true;
		i->src = s->addr[from];
		i->dst = s->addr[!from];
		i->sport = s->port[from];
		i->dport = s->port[!from];
		i->ip_proto = s->ip_proto;
		i->vlans = s->vlans;
		memcpy(i->vlan, s->vlan, sizeof(i->vlan));
	} else if (a[0] && a[0]->has_address && a[1] && a[1]->has_address) {
		i->has_addr = true;
		i->src = a[0]->address;
		i->dst = a[1]->address;
	}
}

static void on_notice(void *user, const struct watch_notice *n)
{
	static const uint8_t findings[] = {
		[WATCH_SILENT] = JUDGE_SILENT,
		[WATCH_RANGE] = JUDGE_STRAYED,
		[WATCH_FROZEN] = JUDGE_FROZEN,
	};
	struct vigil *v = user;
	const struct policy_watch_pair *pair = policy_watch_pair_at(v->policy, n->pair);
	const struct policy_watch *w = policy_watch_at(v->policy, pair->watch);
	enum judge_finding what = (enum judge_finding)findings[n->what];
	uint64_t place = n->what == WATCH_RANGE ? hash_u64(n->op->object.first + n->element, 1) : 0;
	struct incident *i = NULL, *open;

	if (n->times)
		i = engine_report(v->engine, what, n->pair, place, n->time, n->seen->frame);
	open = i ? i : engine_incident(v->engine, what, n->pair, place);
	if (i) {
		fill_ends(v, i, n, pair);
		i->watch = w->id;
		i->refs = w->refs;
		i->app = w->sample.proto;
		if (n->op)
			words_op(n->op, i);
	}
	if (!open)
		return;
	open->count += n->times > 1 ? n->times - 1 : 0;
	if (i || n->what != WATCH_RANGE)
		words_watch(v->policy, v->lang, n, open);
}

struct vigil *vigil_new(struct engine *e, const struct policy *p, struct watch_board *board,
			enum finding_lang lang)
{
	struct vigil *v = calloc(1, sizeof(*v));
	bool watches = policy_watch_pairs(p) > 0, limits = policy_limits(p);

	if (!v)
		return NULL;
	v->engine = e;
	v->policy = p;
	v->lang = lang;
	v->watches = watches ? watch_table_new(p, board, on_notice, v) : NULL;
	v->rates = limits ? rate_table_new() : NULL;
	v->sweeps = sweep_table_new();
	if (v->sweeps && (v->watches || !watches) && (v->rates || !limits))
		return v;
	vigil_free(v);
	return NULL;
}

void vigil_op(struct vigil *v, struct flow *f, const struct op *op)
{
	if (v->watches)
		watch_op(v->watches, f, flow_view(f), op);
}

/* op: NULL of flows. */
static void exceeded(struct vigil *v, struct flow *f, const struct op *op, enum rate_kind kind,
		     uint32_t conduit)
{
	const struct flow_view *view = flow_view(f);
	const struct words w = {.policy = v->policy, .lang = v->lang, .flow = f, .view = view};
	const struct addr *client = judge_client(f);
	uint64_t key = hash_bytes(client->b, sizeof(client->b), (uint64_t)conduit << 2 | kind);
	struct incident *i;

	if (op)
		engine_do_op(v->engine, f, op, JUDGE_RATE, conduit);
	else
		engine_do_flow(v->engine, f, JUDGE_RATE, conduit);
	i = engine_report(v->engine, JUDGE_RATE, key, 0, op ? op->time : f->first,
			  op ? op->frame : f->first_frame);
	if (i) {
		fill_flow(v->policy, i, f, view->reversed);
		engine_fill_verdict(v->engine, i, view, conduit, kind == RATE_OPS);
		words_rate(&w, policy_conduit_at(v->policy, conduit), kind, i);
	}
	engine_noted(v->engine, JUDGE_RATE, key, 0);
}

void vigil_flow(struct vigil *v, struct flow *f, bool older)
{
	const struct flow_view *view = flow_view(f);
	unsigned client = (f->client == 1) ^ view->reversed;
	const struct policy_conduit *c;
	enum rate_kind kind = f->packets[!client] ? RATE_FLOWS : RATE_TRIES;

	/* one that began before listening did was not opened now */
	if (!v->rates || (older && !(f->tcp_flags[client] & PACKET_TCP_SYN)))
		return;
	c = policy_conduit_at(v->policy, view->decision.conduit);
	if (c && c->flows.count &&
	    !rate_take(v->rates, kind, view->decision.conduit, &f->addr[client], &c->flows,
		       f->first))
		exceeded(v, f, NULL, kind, view->decision.conduit);
}

void vigil_permitted(struct vigil *v, struct flow *f, const struct op *op, uint32_t conduit)
{
	const struct policy_conduit *c;

	if (!v->rates || (op->from_server && op->role == OP_PUBLISH))
		return;
	c = policy_conduit_at(v->policy, conduit);
	if (c && c->ops.count &&
	    !rate_take(v->rates, RATE_OPS, conduit, judge_client(f), &c->ops, op->time))
		exceeded(v, f, op, RATE_OPS, conduit);
}

bool vigil_is_try(enum judge_finding what)
{
	switch (what) {
	case JUDGE_OBJECT:
	case JUDGE_VALUE:
	case JUDGE_GRANT:
	case JUDGE_SCHEDULE:
	case JUDGE_MODE:
	case JUDGE_EXPIRED:
		return false;
	default:
		return true;
	}
}

/* Each listed asset sweeps by itself; of the other hosts of a zone the first are told, and how many
 * times there were others. */
static uint64_t sweep_key(const struct flow_view *v)
{
	const struct policy_place *client = &v->place[v->reversed];

	return hash_u64(client->asset, client->zone);
}

bool vigil_denied(struct vigil *v, struct flow *f, enum judge_finding what, int64_t time,
		  uint64_t frame)
{
	const struct words w = {
		.policy = v->policy, .lang = v->lang, .flow = f, .view = flow_view(f)};
	const struct addr *client = judge_client(f);
	bool icmp = f->ip_proto == 1 || f->ip_proto == 58;
	bool swap = icmp || flow_view(f)->reversed;
	const struct sweep_try try = {.server = *judge_server(f),
				      .port = swap ? flow_client_port(f) : flow_server_port(f),
				      .ip_proto = f->ip_proto};
	bool is_try = vigil_is_try(what);
	const struct sweep *s = is_try ? sweep_denied(v->sweeps, client, &try, time) : NULL;
	uint64_t place = hash_bytes(client->b, sizeof(client->b), 0);
	uint64_t key = sweep_key(flow_view(f));
	struct incident *i, *open;

	if (!s)
		return is_try && sweep_goes_on(v->sweeps, client, time) &&
		       engine_incident(v->engine, JUDGE_SWEEP, key, place);
	i = engine_report(v->engine, JUDGE_SWEEP, key, place, time, frame);
	if (i) {
		engine_sweep_begins(v->engine, client, time);
		fill_flow(v->policy, i, f, flow_view(f)->reversed);
		i->to_client = false;
		i->count = s->tries;
		engine_fill_verdict(v->engine, i, flow_view(f), POLICY_NONE, false);
	}
	open = i ? i : engine_incident(v->engine, JUDGE_SWEEP, key, place);
	if (open && (i || s->news))
		words_sweep(&w, s, open);
	return open;
}

void vigil_told(const struct vigil *v, struct incident *i)
{
	if (engine_is(v->engine, i, JUDGE_SWEEP))
		words_sweep_end(v->lang, i);
}

void vigil_tick(struct vigil *v, int64_t time)
{
	if (v->watches)
		watch_tick(v->watches, time);
}

void vigil_begin(struct vigil *v, int64_t time)
{
	if (v->watches)
		watch_begin(v->watches, time);
}

void vigil_free(struct vigil *v)
{
	if (!v)
		return;
	watch_table_free(v->watches);
	rate_table_free(v->rates);
	sweep_table_free(v->sweeps);
	free(v);
}
