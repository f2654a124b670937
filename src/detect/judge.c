#include "detect/judge.h"

#include <stdio.h>

static const char *const finding_ids[JUDGE_DECODE] = {
	[JUDGE_NO_CONDUIT] = "policy.no-conduit",
	[JUDGE_LAYER_SKIPPED] = "policy.layer-skipped",
	[JUDGE_PORT_DENIED] = "policy.port-denied",
	[JUDGE_OP_DENIED] = "policy.op-denied",
	[JUDGE_OBJECT] = "policy.object-out-of-range",
	[JUDGE_VALUE] = "policy.value-out-of-range",
	[JUDGE_GRANT] = "policy.grant-missing",
	[JUDGE_SCHEDULE] = "policy.outside-schedule",
	[JUDGE_MODE] = "policy.wrong-mode",
	[JUDGE_EXPIRED] = "policy.expired",
	[JUDGE_UPDATE] = "policy.update-denied",
	[JUDGE_ETHERTYPE] = "policy.ethertype-denied",
	[JUDGE_TRUST] = "policy.trust-exceeded",
	[JUDGE_UPLINK] = "policy.uplink-only",
	[JUDGE_TENANT] = "policy.tenant-crossed",
	[JUDGE_COUNTRY] = "policy.country-denied",
	[JUDGE_UNLISTED] = "policy.unlisted-device",
	[JUDGE_UNKNOWN_DEVICE] = "asset.unknown-device",
	[JUDGE_MAC_CHANGED] = "asset.mac-changed",
	[JUDGE_END_OF_LIFE] = "asset.end-of-life",
	[JUDGE_ILLEGAL_FUNCTION] = "proto.illegal-function",
	[JUDGE_STORM] = "proto.exception-storm",
	[JUDGE_PROTOCOL] = "proto.unexpected-protocol",
	[JUDGE_LIMIT] = "engine.limit-reached",
	[JUDGE_RATE] = "policy.rate-exceeded",
	[JUDGE_SWEEP] = "detect.sweep",
	[JUDGE_SILENT] = "process.silent",
	[JUDGE_STRAYED] = "process.out-of-range",
	[JUDGE_FROZEN] = "process.frozen",
};

static const uint8_t by_verdict[] = {
	[POLICY_ALLOW] = JUDGE_NOTHING,
	[POLICY_LATER] = JUDGE_NOTHING,
	[POLICY_SAME_ZONE] = JUDGE_NOTHING,
	[POLICY_DEFAULT_ALLOW] = JUDGE_NOTHING,
	[POLICY_NO_CONDUIT] = JUDGE_NO_CONDUIT,
	[POLICY_LAYER_SKIPPED] = JUDGE_LAYER_SKIPPED,
	[POLICY_PORT_DENIED] = JUDGE_PORT_DENIED,
	[POLICY_OP_DENIED] = JUDGE_OP_DENIED,
	[POLICY_OBJECT_DENIED] = JUDGE_OBJECT,
	[POLICY_VALUE_DENIED] = JUDGE_VALUE,
	[POLICY_GRANT_MISSING] = JUDGE_GRANT,
	[POLICY_OUTSIDE_SCHEDULE] = JUDGE_SCHEDULE,
	[POLICY_WRONG_MODE] = JUDGE_MODE,
	[POLICY_EXPIRED] = JUDGE_EXPIRED,
	[POLICY_TRUST_EXCEEDED] = JUDGE_TRUST,
	[POLICY_UPLINK_ONLY] = JUDGE_UPLINK,
	[POLICY_TENANT_CROSSED] = JUDGE_TENANT,
	[POLICY_COUNTRY_DENIED] = JUDGE_COUNTRY,
	[POLICY_UNLISTED] = JUDGE_UNLISTED,
	[POLICY_UPDATE_DENIED] = JUDGE_UPDATE,
	[POLICY_ETHERTYPE_DENIED] = JUDGE_ETHERTYPE,
};

enum judge_finding judge_of_verdict(enum policy_verdict v)
{
	return v < sizeof(by_verdict) ? by_verdict[v] : JUDGE_NO_CONDUIT;
}

const char *judge_finding_id(enum judge_finding what, char *buf, size_t size)
{
	if (what < JUDGE_DECODE)
		return finding_ids[what];
	if (what >= JUDGE_BASELINE)
		return baseline_finding_id((enum baseline_finding)(what - JUDGE_BASELINE));
	snprintf(buf, size, "decode.%s", anomaly_name((enum anomaly_kind)(what - JUDGE_DECODE)));
	return buf;
}

/* 0.0.0.0 and ::, the sender that has no address yet (RFC 2131, 4.1; RFC 4862, 5.4). */
static bool is_unspecified(const struct addr *a)
{
	static const struct addr none6;

	return addr_eq(a, &none6) || (addr_is_v4(a) && memcmp(a->b + 12, none6.b, 4) == 0);
}

static bool is_group(const struct addr *a)
{
	return addr_is_multicast(a) || addr_is_broadcast(a);
}

static bool in_safety(const struct policy *p, struct policy_place place)
{
	return place.zone != POLICY_NONE && policy_zone_at(p, place.zone)->level == LEVEL_SAFETY;
}

/* The decision on a flow with that side as its client. */
static struct policy_flow_decision decide(const struct policy_now *now, const struct flow *f,
					  struct policy_place from, struct policy_place to,
					  unsigned client)
{
	uint16_t port = 0;

	if (f->ip_proto == 1 || f->ip_proto == 58)
		port = f->port[client]; /* ICMP: type and code */
	else if (f->ip_proto == 6 || f->ip_proto == 17)
		port = f->port[!client];
	return policy_flow(now, from, to, f->ip_proto, port);
}

/*
 * Nobody saw who opened the conversation and its content does not show it: it is older than the
 * capture, and the one who was heard first may have answered. If a conduit permits it the other
 * way round, that is what it is.
 */
static void try_reversed(const struct policy_now *now, const struct flow *f, struct flow_view *v)
{
	struct policy_flow_decision d;

	if (f->client_by > FLOW_BY_FIRST || (f->ip_proto != 6 && f->ip_proto != 17))
		return;
	d = decide(now, f, v->place[1], v->place[0], f->client != 1);
	if (d.verdict != POLICY_ALLOW && d.verdict != POLICY_LATER)
		return;
	v->decision = d;
	v->reversed = true;
}

enum judge_finding judge_flow(const struct policy_now *now, const struct flow *f,
			      struct flow_view *v, bool older)
{
	const struct policy *p = now->policy;
	unsigned client = f->client == 1;
	const struct mac *mac = f->has_mac ? f->mac : NULL;

	v->opened = true;
	v->epoch = now->epoch;
	v->place[0] = policy_place(p, &f->addr[client], mac ? &mac[client] : NULL);
	v->place[1] = policy_place(p, &f->addr[!client], mac ? &mac[!client] : NULL);
	v->safety = in_safety(p, v->place[0]) || in_safety(p, v->place[1]);
	v->decision = decide(now, f, v->place[0], v->place[1], client);
	if (older && by_verdict[v->decision.verdict])
		try_reversed(now, f, v);
	return by_verdict[v->decision.verdict];
}

bool judge_again(const struct policy_now *now, const struct flow *f, struct flow_view *v,
		 enum judge_finding *what)
{
	unsigned client = (f->client == 1) ^ v->reversed;
	enum judge_finding before = by_verdict[v->decision.verdict];

	v->epoch = now->epoch;
	v->decision = decide(now, f, v->place[v->reversed], v->place[!v->reversed], client);
	*what = by_verdict[v->decision.verdict];
	return *what != before;
}

void judge_renew(const struct policy_now *now, const struct flow *f, struct flow_view *v,
		 bool older)
{
	struct flow_view first = {0};

	judge_flow(now, f, &first, older);
	v->place[0] = first.place[0];
	v->place[1] = first.place[1];
	v->reversed = first.reversed;
	v->safety = first.safety;
	v->decision = first.decision;
	v->decision.verdict = POLICY_ALLOW;
	v->decision.conduit = POLICY_NONE;
	v->epoch = now->epoch - 1;
	v->known_ops = false;
	v->talked = false;
	v->asked = false;
	v->device_ok[0] = false;
	v->device_ok[1] = false;
	v->told = JUDGE_NOTHING;
	v->did = 0;
}

bool judge_permitted(const struct policy_now *now, const struct flow *f, const struct flow_view *v,
		     bool older)
{
	struct flow_view first = {0};

	if (v->opened)
		return !v->told && !by_verdict[v->decision.verdict];
	return !judge_flow(now, f, &first, older);
}

enum judge_finding judge_op(const struct policy_now *now, struct flow_view *v, const struct op *op,
			    struct policy_op_decision *d)
{
	*d = policy_op(now, &v->decision, op);
	if (d->verdict == POLICY_UPDATE_DENIED)
		d->conduit = policy_updater(now->policy, v->place[!v->reversed]);
	if (d->verdict == POLICY_ALLOW) {
		v->known_ops = true;
		return JUDGE_NOTHING;
	}
	if (d->verdict == POLICY_OP_DENIED && !policy_proto_known(now, &v->decision, op->proto))
		return JUDGE_PROTOCOL;
	v->known_ops = true;
	return by_verdict[d->verdict];
}

/* True when the pair permits a protocol whose usual ports include this one. */
static bool port_of_permitted(const struct policy_now *now, const struct flow_view *v,
			      uint16_t port)
{
	const struct dissector *d;
	unsigned i, k;

	for (i = 0; (d = proto_at(i)); i++)
		for (k = 0; k < PROTO_PORTS_MAX && d->ports[k]; k++)
			if (d->ports[k] == port && policy_proto_known(now, &v->decision, d->name))
				return true;
	return false;
}

bool judge_open_question(const struct flow *f, const struct flow_view *v)
{
	return v->decision.verdict == POLICY_LATER && !v->known_ops && !v->told && !f->ops;
}

enum judge_finding judge_closed(const struct policy_now *now, const struct flow *f,
				const struct flow_view *v, bool read)
{
	/* A keep-alive probe carries a byte that means nothing (RFC 1122, 4.2.3.6). */
	bool spoke = read || f->payload[0] > f->packets[0] || f->payload[1] > f->packets[1];
	bool tried = f->tcp_flags[f->client == 1] & PACKET_TCP_SYN;
	uint16_t port = v->reversed ? flow_client_port(f) : flow_server_port(f);

	if (!judge_open_question(f, v))
		return JUDGE_NOTHING;
	if (f->dissector && policy_proto_known(now, &v->decision, f->dissector->name))
		return JUDGE_NOTHING;
	if (spoke && f->app && !policy_proto_known(now, &v->decision, f->app))
		return JUDGE_PROTOCOL;
	if (port_of_permitted(now, v, port))
		return spoke ? JUDGE_PROTOCOL : JUDGE_NOTHING;
	if (policy_served(now, &v->decision))
		return JUDGE_NOTHING;
	return spoke || tried ? JUDGE_PORT_DENIED : JUDGE_NOTHING;
}

bool judge_unknown(const struct policy *p, const struct addr *a, struct policy_place place)
{
	return place.zone != POLICY_NONE && place.asset == POLICY_NONE &&
	       policy_zone_at(p, place.zone)->unknown_devices != UNKNOWN_IGNORE && !is_group(a) &&
	       !is_unspecified(a);
}

bool judge_mac(const struct policy *p, struct policy_place place, const struct mac *seen)
{
	static const struct mac unknown; /* cooked captures and queues know the sender's only */
	const struct policy_asset *a;

	if (place.asset == POLICY_NONE || memcmp(seen->b, unknown.b, sizeof(seen->b)) == 0)
		return false;
	a = policy_asset_at(p, place.asset);
	return a->has_mac && a->has_address && !a->nat &&
	       memcmp(a->mac.b, seen->b, sizeof(seen->b)) != 0;
}

bool judge_confirms(const struct op *op)
{
	static const uint16_t changes = 1u << OP_WRITE | 1u << OP_CONTROL | 1u << OP_PROGRAM |
					1u << OP_FIRMWARE | 1u << OP_CONFIG;

	return op->role == OP_RESPONSE && !op->status && !op->request_frame &&
	       changes >> op->cls & 1 && op->object.space != OP_SPACE_NONE;
}

bool judge_illegal_function(const struct op *op)
{
	/* The standards' own terms: Modbus exception 01, CIP general status 0x08, encapsulation
	 * status 0x01. */
	static const char *const terms[] = {"illegal-function", "service-not-supported",
					    "unsupported-command"};
	size_t i;

	for (i = 0; op->error && i < sizeof(terms) / sizeof(*terms); i++)
		if (strcmp(op->error, terms[i]) == 0)
			return true;
	return false;
}

enum policy_action judge_action(const struct policy *p, uint32_t conduit, bool is_op)
{
	unsigned action = ACTION_DROP;

	if (conduit != POLICY_NONE)
		action = policy_conduit_at(p, conduit)->on_violation;
	if (action == ACTION_DEGRADE && !is_op)
		action = ACTION_DROP;
	return (enum policy_action)action;
}

const char *judge_word(enum policy_action action, enum policy_mode mode)
{
	static const char *const words[][2] = {
		[ACTION_ALERT] = {"alert", "alert"},
		[ACTION_DEGRADE] = {"would-degrade", "degrade"},
		[ACTION_DROP] = {"would-drop", "drop"},
		[ACTION_REJECT] = {"would-reject", "reject"},
		[ACTION_QUARANTINE] = {"would-quarantine", "quarantine"},
	};

	return words[action][mode == MODE_ENFORCE];
}

const char *judge_verdict(const struct policy *p, enum policy_mode mode, uint32_t conduit,
			  bool is_op, bool safety)
{
	return safety ? "alert" : judge_word(judge_action(p, conduit, is_op), mode);
}
