#include "report/record.h"

#include "base/hash.h"
#include "detect/judge.h"
#include "report/expect.h"

#include <stdlib.h>

#define NOTES 65536u /* buckets; a power of two */

/* Which conduits a running flow has used. */
struct note {
	struct note *next;
	uint64_t flow;
	uint32_t conduit[USAGE_CONDUITS];
	unsigned conduits;
	uint8_t denied; /* enum judge_finding of the first op that was not permitted */
	uint32_t denied_by;
	const char *verdict;
};

struct record_notes {
	struct note *bucket[NOTES];
};

/* --- notes on running flows --- */

static struct note **note_at(struct record *r, uint64_t flow)
{
	struct note **n = &r->notes->bucket[hash_u64(flow, 0) & (NOTES - 1)];

	while (*n && (*n)->flow != flow)
		n = &(*n)->next;
	return n;
}

/* NULL only when memory is out. */
static struct note *note_of(struct record *r, uint64_t flow)
{
	struct note **at = note_at(r, flow);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at)
			(*at)->flow = flow;
	}
	return *at;
}

/* True when the flow had not used the conduit before. */
static bool note_new(struct record *r, uint64_t flow, uint32_t conduit)
{
	struct note *n = note_of(r, flow);
	unsigned i;

	if (!n)
		return false;
	for (i = 0; i < n->conduits; i++)
		if (n->conduit[i] == conduit)
			return false;
	if (n->conduits == USAGE_CONDUITS)
		return false;
	n->conduit[n->conduits++] = conduit;
	return true;
}

/* --- conduits --- */

static bool same_pair(const struct record_pair *x, const struct addr *client,
		      const struct addr *server)
{
	return addr_eq(&x->client, client) && addr_eq(&x->server, server);
}

static struct record_pair *pair_of(struct record *r, uint32_t conduit, const struct flow *f,
				   const struct flow_view *v)
{
	struct record_conduit *c = &r->conduit[conduit];
	const struct addr *client = v->reversed ? flow_server(f) : flow_client(f);
	const struct addr *server = v->reversed ? flow_client(f) : flow_server(f);
	struct record_pair *x;
	uint32_t i;

	for (i = c->pairs; i > 0; i--)
		if (same_pair(&c->pair[i - 1], client, server))
			return &c->pair[i - 1];
	if (c->pairs == RECORD_PAIRS)
		return NULL;
	c->pair = arena_grow(&r->arena, c->pair, c->pairs, &c->pair_cap, sizeof(*x));
	x = &c->pair[c->pairs++];
	*x = (struct record_pair){
		.client = *client,
		.server = *server,
		.place = {v->place[v->reversed], v->place[!v->reversed]},
		.first = f->first,
		.last = f->first,
	};
	return x;
}

static void used(struct record *r, const struct flow *f, uint32_t conduit, int64_t time, bool op)
{
	struct record_conduit *c = &r->conduit[conduit];
	bool new = note_new(r, f->id, conduit);
	struct record_pair *x = pair_of(r, conduit, f, flow_view((struct flow *)f));

	c->flows += new;
	c->ops += op;
	if (!x) {
		c->pairs_more += new;
		return;
	}
	x->flows += new;
	x->ops += op;
	x->first = time < x->first ? time : x->first;
	x->last = time > x->last ? time : x->last;
}

static void close_note(struct record *r, const struct flow *f)
{
	struct note **at = note_at(r, f->id), *n = *at;
	struct record_pair *x;
	unsigned i;

	if (!n)
		return;
	for (i = 0; i < n->conduits; i++) {
		x = pair_of(r, n->conduit[i], f, flow_view((struct flow *)f));
		r->conduit[n->conduit[i]].bytes += f->bytes[0] + f->bytes[1];
		if (!x)
			continue;
		x->bytes += f->bytes[0] + f->bytes[1];
		x->last = f->last > x->last ? f->last : x->last;
	}
	*at = n->next;
	free(n);
}

/* --- who is there --- */

static bool is_device(const struct addr *a)
{
	static const uint8_t none[16];

	return !addr_is_multicast(a) && !addr_is_broadcast(a) && memcmp(a->b, none, 16) != 0 &&
	       !(addr_is_v4(a) && memcmp(a->b + 12, none, 4) == 0);
}

static void stranger(struct record *r, const struct addr *a, uint32_t zone, uint64_t frame,
		     uint16_t file)
{
	struct record_stranger *x;
	uint32_t i;

	for (i = 0; i < r->strangers; i++)
		if (addr_eq(&r->stranger[i].addr, a)) {
			r->stranger[i].flows++;
			return;
		}
	if (r->strangers == RECORD_STRANGERS) {
		r->strangers_more++;
		return;
	}
	r->stranger = arena_grow(&r->arena, r->stranger, r->strangers, &r->stranger_cap,
				 sizeof(*r->stranger));
	x = &r->stranger[r->strangers++];
	*x = (struct record_stranger){
		.addr = *a, .zone = zone, .flows = 1, .first_frame = frame, .file = file};
}

static void spoke(struct record *r, const struct addr *a, struct policy_place place, uint64_t frame,
		  uint16_t file)
{
	if (place.zone != POLICY_NONE)
		r->zone_seen[place.zone] = true;
	if (place.asset != POLICY_NONE)
		r->asset_seen[place.asset] = true;
	else if (is_device(a) && !place.segment)
		stranger(r, a, place.zone, frame, file);
}

/* --- handlers --- */

static void on_opened(void *user, struct flow *f)
{
	struct record *r = user;
	const struct flow_view *v = flow_view(f);
	uint32_t conduit;

	engine_handlers.opened(r->engine, f);
	if (!v->opened || v->told || v->decision.verdict != POLICY_ALLOW)
		return;
	conduit = policy_usage_flow(r->usage, engine_now(r->engine), &v->decision);
	if (conduit != POLICY_NONE)
		used(r, f, conduit, f->first, false);
}

/* Tells the expectations what the judge said, and keeps it for when the flow ends. */
static void asked_op(struct record *r, const struct flow *f, const struct op *op,
		     enum judge_finding what, uint32_t conduit)
{
	const struct flow_view *v = flow_view((struct flow *)f);
	const char *verdict = "";
	struct note *n;

	if (!r->expect)
		return;
	if (what) {
		verdict = judge_verdict(r->policy, MODE_ENFORCE, conduit, !v->told, v->safety);
		n = note_of(r, f->id);
		if (n && !n->denied) {
			n->denied = (uint8_t)what;
			n->denied_by = conduit;
			n->verdict = verdict;
		}
	}
	expect_op(r->expect, f, op, what, conduit, verdict);
}

static void asked_flow(struct record *r, const struct flow *f)
{
	const struct flow_view *v = flow_view((struct flow *)f);
	const struct note *n = *note_at(r, f->id);
	uint32_t conduit = v->decision.conduit;

	if (!r->expect)
		return;
	if (v->told)
		expect_flow(r->expect, f, (enum judge_finding)v->told, conduit,
			    judge_verdict(r->policy, MODE_ENFORCE, conduit, false, v->safety));
	else if (n && n->denied)
		expect_flow(r->expect, f, (enum judge_finding)n->denied, n->denied_by, n->verdict);
	else
		expect_flow(r->expect, f, JUDGE_NOTHING, POLICY_NONE, "");
}

static void on_op(void *user, struct flow *f, const struct op *op)
{
	struct record *r = user;
	struct flow_view *v = flow_view(f);
	const struct policy_now *now = engine_now(r->engine);
	uint32_t conduit[USAGE_CONDUITS];
	struct policy_op_decision d;
	enum judge_finding what;
	unsigned i, n;

	engine_handlers.op(r->engine, f, op);
	if (!v->opened || (op->role == OP_RESPONSE && !judge_confirms(op)))
		return;
	what = judge_op(now, v, op, &d);
	if (v->told) {
		what = (enum judge_finding)v->told;
		d.conduit = v->decision.conduit;
	}
	asked_op(r, f, op, what, d.conduit);
	if (what)
		return;
	n = policy_usage_op(r->usage, now, &v->decision, op, conduit);
	for (i = 0; i < n; i++)
		used(r, f, conduit[i], op->time, true);
}

/* A port was opened as a whole, and nothing that a conduit would judge was said on it. */
static void service_flow(struct record *r, const struct flow *f, const struct flow_view *v)
{
	uint32_t conduit;

	if (v->told || v->known_ops || v->decision.verdict != POLICY_LATER)
		return;
	conduit = policy_usage_flow(r->usage, engine_now(r->engine), &v->decision);
	if (conduit != POLICY_NONE)
		used(r, f, conduit, f->first, false);
}

static void on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	struct record *r = user;
	const struct flow_view *v = flow_view(f);
	unsigned client = f->client == 1;

	engine_handlers.closed(r->engine, f, why);
	if (!v->opened)
		return;
	asked_flow(r, f);
	service_flow(r, f, v);
	close_note(r, f);
	if (f->packets[client])
		spoke(r, &f->addr[client], v->place[0], f->first_frame, f->file[0]);
	if (f->packets[!client])
		spoke(r, &f->addr[!client], v->place[1], f->first_frame, f->file[0]);
	if (!r->first || f->first < r->first)
		r->first = f->first;
	if (f->last > r->last)
		r->last = f->last;
}

static void on_packet(void *user, struct flow *f, const struct packet *p, unsigned side)
{
	engine_handlers.packet(((struct record *)user)->engine, f, p, side);
}

static bool on_related(void *user, struct flow *f, const struct packet *p)
{
	return engine_handlers.related(((struct record *)user)->engine, f, p);
}

static void on_anomaly(void *user, struct flow *f, const struct packet *p, const struct anomaly *a)
{
	engine_handlers.anomaly(((struct record *)user)->engine, f, p, a);
}

static void on_identity(void *user, struct flow *f, int side, const char *key, struct slice value)
{
	engine_handlers.identity(((struct record *)user)->engine, f, side, key, value);
}

static void on_link(void *user, const struct packet *p)
{
	struct record *r = user;

	engine_handlers.link(r->engine, p);
	if (p->kind == PACKET_ARP && p->has_mac)
		spoke(r, &p->src, policy_place(r->policy, &p->src, &p->src_mac), p->frame, p->file);
}

/* edit and answered are for packets that can still be changed: none of a capture can */
_Static_assert(sizeof(struct flow_handlers) == 10 * sizeof(void (*)(void)),
	       "the engine must hear of everything: pass new handlers on");

const struct flow_handlers record_handlers = {
	.opened = on_opened,
	.packet = on_packet,
	.related = on_related,
	.op = on_op,
	.anomaly = on_anomaly,
	.identity = on_identity,
	.link = on_link,
	.closed = on_closed,
};

/* --- findings --- */

/* A conduit that is shut now and then would have permitted it. */
static bool was_closed(const char *finding)
{
	static const char *const ids[] = {"policy.grant-missing", "policy.outside-schedule",
					  "policy.wrong-mode", "policy.expired"};
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		if (strcmp(ids[i], finding) == 0)
			return true;
	return false;
}

static void count_denied(struct record *r, const struct incident *i)
{
	uint32_t k;

	for (k = 0; i->conduit && k < r->conduits; k++) {
		if (strcmp(policy_conduit_at(r->policy, k)->id, i->conduit) != 0)
			continue;
		r->conduit[k].denied += i->count;
		r->conduit[k].incidents++;
		r->conduit[k].closed += was_closed(i->finding->id) ? i->count : 0;
	}
}

static const char *copy(struct record *r, const char *text)
{
	return arena_text(&r->arena, text, strlen(text));
}

static void on_alert(struct sink *s, const struct incident *i)
{
	struct record *r = (struct record *)((char *)s - offsetof(struct record, sink));
	struct record_finding *x;
	unsigned k;

	count_denied(r, i);
	if (r->findings == RECORD_FINDINGS) {
		r->findings_more++;
		return;
	}
	r->finding = arena_grow(&r->arena, r->finding, r->findings, &r->finding_cap, sizeof(*x));
	x = &r->finding[r->findings++];
	*x = (struct record_finding){
		.finding = i->finding,
		.verdict = i->verdict,
		.conduit = i->conduit,
		.src_zone = i->src_zone,
		.dst_zone = i->dst_zone,
		.src_asset = i->src_asset,
		.dst_asset = i->dst_asset,
		.has_addr = i->has_addr,
		.to_client = i->to_client,
		.src = i->src,
		.dst = i->dst,
		.severity = i->severity,
		.has_op = i->has_op,
		.observed = copy(r, i->observed),
		.wanted = copy(r, i->expected),
		.first = i->first,
		.last = i->last,
		.count = i->count,
		.first_frame = i->first_frame,
		.file = i->file,
		.op_proto = i->op_proto,
		.op_class = i->op_class,
		.port = i->to_client ? i->sport : i->dport,
		.ip_proto = i->ip_proto,
	};
	for (k = 0; k < INCIDENT_PROTOS; k++) {
		x->said[k].proto = i->said[k].proto;
		x->said[k].classes = i->said[k].classes;
	}
	if (r->expect)
		x->expected = expect_finding(r->expect, i);
}

static bool on_flush(struct sink *s)
{
	(void)s;
	return true;
}

static const struct sink_ops ops = {.alert = on_alert, .flush = on_flush};

bool record_denial(const char *finding)
{
	return strncmp(finding, "policy.", 7) == 0 ||
	       strcmp(finding, "proto.unexpected-protocol") == 0;
}

const char *record_enforced(const char *verdict)
{
	return strncmp(verdict, "would-", 6) == 0 ? verdict + 6 : verdict;
}

const char *record_who(const struct record *r, const struct addr *a, struct policy_place place,
		       char buf[ADDR_STRLEN])
{
	if (place.asset != POLICY_NONE)
		return policy_asset_at(r->policy, place.asset)->id;
	return addr_str(a, buf);
}

bool record_init(struct record *r, const struct policy *p)
{
	*r = (struct record){.policy = p, .sink = {.ops = &ops}};
	while (policy_conduit_at(p, r->conduits))
		r->conduits++;
	while (policy_zone_at(p, r->zones))
		r->zones++;
	r->assets = policy_assets(p);
	r->conduit = arena_array(&r->arena, r->conduits + 1, sizeof(*r->conduit));
	r->zone_seen = arena_array(&r->arena, r->zones + 1, sizeof(bool));
	r->asset_seen = arena_array(&r->arena, r->assets + 1, sizeof(bool));
	r->notes = calloc(1, sizeof(*r->notes));
	r->usage = policy_usage_new(p);
	return r->notes && r->usage;
}

void record_free(struct record *r)
{
	struct note *n;
	uint32_t i;

	for (i = 0; r->notes && i < NOTES; i++)
		while ((n = r->notes->bucket[i])) {
			r->notes->bucket[i] = n->next;
			free(n);
		}
	free(r->notes);
	policy_usage_free(r->usage);
	arena_free(&r->arena);
}
