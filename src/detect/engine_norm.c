/*
 * What is learned as normal, or held against it: flows, ops and hosts that nothing forbids.
 *
 * While learning, a flow that something else speaks against (broken messages, pieces that
 * contradict each other, a storm of refusals) is not learned from any more: what it did is told,
 * and shall not be normal afterwards. A single refused function is a program that asks too much as
 * often as somebody who looks around; nothing is learned until so many answers in a row were good.
 */
#include "detect/engine_impl.h"

#define SUSPECT_EVER 15 /* nothing is learned from that flow any more */
#define PROBATION    14 /* good answers until it is */

static bool is_learning(const struct engine *e)
{
	return baseline_state(e->cfg.baseline) == BASELINE_LEARNING;
}

void engine_norm_suspect(struct flow *f, bool ever)
{
	struct flow_view *v = flow_view(f);

	if (ever)
		v->suspect = SUSPECT_EVER;
	else if (v->suspect < PROBATION)
		v->suspect = PROBATION;
}

void engine_norm_anomaly(struct flow *f, enum anomaly_kind kind)
{
	/* a lossy mirror, a short snaplen, a code that vendors use make none suspect */
	static const bool speaks_against[ANOMALY_KINDS] = {
		[ANOMALY_MALFORMED] = true,	   [ANOMALY_STREAM_CONFLICT] = true,
		[ANOMALY_PACKET_MALFORMED] = true, [ANOMALY_FRAGMENT_OVERLAP] = true,
		[ANOMALY_FRAGMENT_TINY] = true,	   [ANOMALY_TUNNEL_DEPTH] = true,
	};

	if (speaks_against[kind])
		engine_norm_suspect(f, true);
}

/* --- flows --- */

/* The /24 or /64 of both is the same: no router is between them, as far as one can tell. */
static bool are_neighbours(const struct addr *a, const struct addr *b)
{
	return addr_is_v4(a) == addr_is_v4(b) && memcmp(a->b, b->b, addr_is_v4(a) ? 15 : 8) == 0;
}

static bool is_outside(const struct engine *e, const struct addr *a, struct policy_place place)
{
	if (e->cfg.policy && place.zone != POLICY_NONE)
		return policy_zone_at(e->cfg.policy, place.zone)->level == LEVEL_EXTERNAL;
	return !addr_is_private(a) && !addr_stays_in_segment(a);
}

/* A MAC is its owner's inside one segment only; behind a router all have the router's. */
static void describe(const struct engine *e, struct flow *f, struct baseline_flow *b)
{
	const struct flow_view *v = flow_view(f);
	unsigned client = f->client == 1;
	const struct policy_place nowhere = {.zone = POLICY_NONE, .asset = POLICY_NONE};
	bool near = v->opened && v->place[0].zone != POLICY_NONE
			    ? v->place[0].zone == v->place[1].zone
			    : are_neighbours(&f->addr[0], &f->addr[1]);

	*b = (struct baseline_flow){.id = f->id,
				    .client = &f->addr[client],
				    .server = &f->addr[!client],
				    .ip_proto = f->ip_proto,
				    .client_port = f->port[client],
				    .port = f->port[!client],
				    .app = f->app,
				    .packets = {f->packets[client], f->packets[!client]},
				    .bytes = {f->bytes[client], f->bytes[!client]},
				    .first = f->first,
				    .last = f->last,
				    .frame = f->first_frame};
	if (f->ip_proto == 1 || f->ip_proto == 58)
		b->port = f->port[client];
	if (f->has_mac) {
		b->client_mac = &f->mac[client];
		b->server_mac = &f->mac[!client];
	}
	b->client_near = near && !addr_stays_in_segment(b->client);
	b->server_near = near && !addr_stays_in_segment(b->server);
	b->sure = f->client != 0xff && f->client_by >= FLOW_BY_CONTENT;
	b->client_outside = is_outside(e, b->client, v->opened ? v->place[0] : nowhere);
	b->server_outside = is_outside(e, b->server, v->opened ? v->place[1] : nowhere);
}

/* Something is said against it, so that it is not compared, or not learned. */
static bool is_out(const struct engine *e, const struct flow_view *v)
{
	return v->told || v->blocked || (v->suspect && is_learning(e));
}

static int64_t time_of(const struct engine *e, const struct flow *f)
{
	return e->newest > f->last ? e->newest : f->last;
}

static void opened(struct engine *e, struct flow *f)
{
	struct flow_view *v = flow_view(f);
	struct baseline_flow b;

	if (v->normed)
		return;
	v->normed = true;
	describe(e, f, &b);
	e->norm_flow = f;
	baseline_flow_opened(e->cfg.baseline, &b, time_of(e, f), f->first_frame);
	e->norm_flow = NULL;
}

/*
 * Where the policy judges op by op, who speaks with whom is not learned before one of them was
 * permitted: an attacker over a conduit that exists is no known link.
 */
void engine_norm_opened(struct engine *e, struct flow *f)
{
	const struct flow_view *v = flow_view(f);

	if (!is_out(e, v) && !(is_learning(e) && judge_per_op(v)))
		opened(e, f);
}

void engine_norm_closed(struct engine *e, struct flow *f)
{
	struct baseline_flow b;

	const struct flow_view *v = flow_view(f);

	if (is_out(e, v) || (is_learning(e) && judge_per_op(v) && !v->normed))
		return;
	opened(e, f);
	describe(e, f, &b);
	e->norm_flow = f;
	baseline_flow_closed(e->cfg.baseline, &b, time_of(e, f), f->first_frame);
	e->norm_flow = NULL;
}

/*
 * Who attaches to a plant that runs sees conversations in their middle, and some say for long
 * nothing that tells who the client is: who speaks with whom must not wait for that. And what was
 * told of a conversation is over after a while of quiet; if it goes on then, it is told again.
 */
void engine_norm_again(struct engine *e, struct flow *f, const struct packet *p)
{
	const struct flow_view *v = flow_view(f);
	struct baseline_flow b;

	if (is_learning(e) || is_out(e, v) || (e->cfg.policy && !v->opened))
		return;
	if (!v->normed) {
		opened(e, f);
		return;
	}
	describe(e, f, &b);
	e->norm_flow = f;
	baseline_flow_again(e->cfg.baseline, &b, p->time, p->frame);
	e->norm_flow = NULL;
}

/* --- ops --- */

void engine_norm_op(struct engine *e, struct flow *f, const struct op *op)
{
	struct flow_view *v = flow_view(f);

	if (v->suspect && is_learning(e)) {
		if (v->suspect < SUSPECT_EVER && op->role == OP_RESPONSE && !op->status)
			v->suspect--;
		return;
	}
	opened(e, f);
	e->norm_flow = f;
	e->norm_did = false;
	baseline_op(e->cfg.baseline, flow_client(f), flow_server(f), op);
	e->norm_flow = NULL;
}

/* --- life --- */

void engine_norm_mode(struct engine *e)
{
	if (e->cfg.baseline)
		baseline_mode(e->cfg.baseline, e->now		 ? e->now->mode
					       : e->cfg.has_mode ? e->cfg.operating_mode
								 : OPERATING_NORMAL);
}

bool engine_norm_begin(struct engine *e)
{
	e->norm = engine_norm_events_new();
	if (!e->norm)
		return false;
	baseline_tell(e->cfg.baseline, engine_norm_told, e);
	engine_norm_mode(e);
	return true;
}

/* Without a policy nothing else follows the time of packets. */
void engine_norm_packet(struct engine *e, const struct packet *p)
{
	if (p->file != e->file && p->time - e->newest > ENGINE_SECOND && !e->cfg.live)
		baseline_resume(e->cfg.baseline, p->time);
	e->file = p->file;
	engine_time(e, p->time);
	e->newest = p->time;
}

void engine_baseline(struct engine *e, struct baseline *b)
{
	engine_norm_flush(e);
	e->cfg.baseline = b;
	baseline_tell(b, engine_norm_told, e);
	engine_norm_mode(e);
	baseline_resume(b, e->newest);
}
