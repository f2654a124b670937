/*
 * EVE JSON lines: one object per record, Suricata's names for everything Suricata names, ours
 * under kidoban{}. docs/eve.schema.json is the contract; fields are added, never changed.
 *
 * Every time in a record is packet time, and members keep their order, so the same packets give
 * the same bytes. Strings are UTF-8: bytes from the wire were escaped before they came here.
 */
#include "sink/sink.h"

#include "detect/incident.h"
#include "flow/flow.h"
#include "sink/community_id.h"
#include "sink/eve_app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCHEMA_VERSION 1
#define FLAGS	       (JSON_COMPACT | JSON_PRESERVE_ORDER)
#define TIME_LEN       40
#define SECOND	       INT64_C(1000000000)

enum { ICMP = 1, ICMP6 = 58 };

struct eve {
	struct sink sink;
	struct sink_put to;
	int err; /* a record could not be made */
	enum finding_lang lang;
	struct community_id *community;
};

/* The ends of a record as EVE has them. */
struct ends {
	const struct addr *src, *dst;
	uint16_t sport, dport;
	uint8_t ip_proto;
	bool swapped; /* src is the server, so ICMP's type is in dport */
	const uint16_t *vlan;
	uint8_t vlans;
};

static int put_bytes(const char *text, size_t len, void *user)
{
	struct eve *e = user;

	e->to.bytes(e->to.user, text, len);
	return 0;
}

static void put_record(struct eve *e, json_t *record)
{
	if (json_dump_callback(record, put_bytes, e, FLAGS) != 0)
		e->err = ENOMEM;
	put_bytes("\n", 1, e);
	json_decref(record);
}

/* "2024-01-01T00:00:00.123456+0000", always UTC. */
static const char *time_text(int64_t ns, char out[TIME_LEN])
{
	int64_t frac = ns % SECOND;
	time_t seconds = (time_t)(ns / SECOND);
	struct tm tm;
	size_t n;

	if (frac < 0) {
		frac += SECOND;
		seconds--;
	}
	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	n = strftime(out, TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TIME_LEN - n, ".%06d+0000", (int)(frac / 1000));
	return out;
}

static void put_time(json_t *o, const char *key, int64_t ns)
{
	char text[TIME_LEN];

	eve_put(o, key, time_text(ns, text));
}

static void put_list(json_t *o, const char *key, const char *const *list)
{
	json_t *array = json_array();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	json_object_set_new(o, key, array);
}

/* Suricata's spelling of the common ones, else the number. */
static const char *proto_text(uint8_t ip_proto, char buf[4])
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {{ICMP, "ICMP"},	   {2, "IGMP"},	 {6, "TCP"}, {17, "UDP"},
		     {47, "GRE"},	   {50, "ESP"},	 {51, "AH"}, {89, "OSPF"},
		     {ICMP6, "IPv6-ICMP"}, {132, "SCTP"}};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == ip_proto)
			return names[i].name;
	snprintf(buf, 4, "%03u", ip_proto);
	return buf;
}

/* timestamp and flow_id begin every record. frame 0: the record is about no packet. */
static json_t *record_new(int64_t time, uint64_t flow_id, uint64_t frame, const char *type)
{
	json_t *r = json_object();

	put_time(r, "timestamp", time);
	if (flow_id)
		eve_put_int(r, "flow_id", flow_id);
	if (frame)
		eve_put_int(r, "pcap_cnt", frame);
	eve_put(r, "event_type", type);
	return r;
}

static void put_vlans(json_t *r, const struct ends *n)
{
	json_t *vlans;
	unsigned i;

	if (!n->vlans)
		return;
	vlans = json_array();
	for (i = 0; i < n->vlans; i++)
		json_array_append_new(vlans, json_integer(n->vlan[i]));
	json_object_set_new(r, "vlan", vlans);
}

static void put_ends(struct eve *e, json_t *r, const struct ends *n)
{
	char text[ADDR_STRLEN], proto[4], id[COMMUNITY_ID_LEN];
	bool icmp = n->ip_proto == ICMP || n->ip_proto == ICMP6;
	uint16_t type = n->swapped ? n->dport : n->sport;

	put_vlans(r, n);
	eve_put(r, "src_ip", addr_str(n->src, text));
	if (n->ip_proto == 6 || n->ip_proto == 17)
		eve_put_int(r, "src_port", n->sport);
	eve_put(r, "dest_ip", addr_str(n->dst, text));
	if (n->ip_proto == 6 || n->ip_proto == 17)
		eve_put_int(r, "dest_port", n->dport);
	if (n->ip_proto == 0)
		return;
	eve_put(r, "proto", proto_text(n->ip_proto, proto));
	if (icmp) {
		eve_put_int(r, "icmp_type", type >> 8);
		eve_put_int(r, "icmp_code", type & 0xff);
	}
	if (icmp && n->swapped)
		community_id_text(e->community, n->dst, n->src, n->ip_proto, type, 0, id);
	else
		community_id_text(e->community, n->src, n->dst, n->ip_proto, n->sport, n->dport,
				  id);
	eve_put(r, "community_id", id);
}

/* The flow as a record has it; from: the end that sent, 0 the client, 1 the server. */
static void put_flow_ends(struct eve *e, json_t *r, const struct flow *f, int from)
{
	unsigned src = (f->client == 1) ^ (unsigned)from;
	const struct ends n = {
		.src = &f->addr[src],
		.dst = &f->addr[!src],
		.sport = f->port[src],
		.dport = f->port[!src],
		.ip_proto = f->ip_proto,
		.swapped = from,
		.vlan = f->vlan,
		.vlans = f->vlans,
	};

	put_ends(e, r, &n);
	eve_put(r, "app_proto", f->app);
}

static void put_names(json_t *o, const struct sink_names *n, int from)
{
	eve_put(o, "src_zone", from ? n->server_zone : n->client_zone);
	eve_put(o, "dest_zone", from ? n->client_zone : n->server_zone);
	eve_put(o, "src_asset", from ? n->server_asset : n->client_asset);
	eve_put(o, "dest_asset", from ? n->client_asset : n->server_asset);
}

/* What a device told about itself: vendor, product-name, ... */
static void put_device(json_t *o, const char *key, const struct endpoint *e)
{
	json_t *device;
	uint32_t i;

	if (!e)
		return;
	device = json_object();
	for (i = 0; i < e->facts; i++)
		eve_put(device, e->fact[i].key, e->fact[i].value);
	json_object_set_new(o, key, device);
}

static json_t *ours_new(void)
{
	json_t *o = json_object();

	eve_put_int(o, "version", SCHEMA_VERSION);
	return o;
}

/* --- alerts --- */

static const char *const *attack_of(const struct incident *i)
{
	return i->has_op ? i->finding->attack_class[i->op_class] : i->finding->attack;
}

static json_t *alert_object(const struct incident *i)
{
	static const char *const major[] = {"Major", "Minor", "Informational", "Informational"};
	const struct finding *f = i->finding;
	const char *const threat[] = {f->threat_class, NULL};
	const char *const weight[] = {major[(i->severity - 1) & 3], NULL};
	json_t *o = json_object(), *meta = json_object();

	/* what was or would be done is kidoban.verdict */
	eve_put(o, "action", i->done ? "blocked" : "allowed");
	eve_put_int(o, "gid", 1);
	eve_put_int(o, "signature_id", f->sid);
	eve_put_int(o, "rev", f->rev);
	eve_put(o, "signature", f->text[FINDING_EN].title);
	eve_put(o, "category", f->category);
	eve_put_int(o, "severity", i->severity);
	put_list(meta, "mitre_technique_id", attack_of(i));
	put_list(meta, "signature_severity", weight);
	put_list(meta, "threat_class", threat);
	json_object_set_new(o, "metadata", meta);
	return o;
}

/* Objects that are no numbers, as topics, have neither. */
static void put_range(json_t *o, uint64_t first, uint32_t count)
{
	if (!first && !count)
		return;
	eve_put_int(o, "first", first);
	eve_put_int(o, "count", count);
}

static json_t *incident_op(const struct incident *i)
{
	json_t *o = json_object();

	eve_put(o, "proto", i->op_proto);
	eve_put(o, "role", op_role_name(i->op_role));
	eve_put(o, "class", op_class_name(i->op_class));
	eve_put_int(o, "code", i->op_code);
	eve_put(o, "name", i->op_name);
	if (i->op_role == OP_RESPONSE)
		eve_put_int(o, "status", i->op_status);
	if (i->op_unit >= 0)
		eve_put_int(o, "unit", (uint64_t)i->op_unit);
	if (*i->op_space) {
		eve_put(o, "space", i->op_space);
		put_range(o, i->op_first, i->op_count);
		eve_put(o, "object", i->object);
	}
	if (*i->values)
		eve_put(o, "values", i->values);
	return o;
}

static void put_classes(json_t *o, uint16_t mask)
{
	json_t *list = json_array();
	unsigned cls;

	for (cls = 0; cls < OP_CLASSES; cls++)
		if (mask >> cls & 1)
			json_array_append_new(list, json_string(op_class_name(cls)));
	json_object_set_new(o, "classes", list);
}

static bool is_listed(const json_t *list, const char *text)
{
	size_t n;

	for (n = 0; n < json_array_size(list); n++)
		if (strcmp(json_string_value(json_array_get(list, n)), text) == 0)
			return true;
	return false;
}

/* Those of the finding; then what the conduit, the asset and the zone add. */
static json_t *all_refs(const struct incident *i)
{
	const char *const *const lists[] = {i->finding->refs, i->refs, i->asset_refs, i->zone_refs};
	const char *const *r;
	json_t *refs = json_array();
	size_t n;

	for (n = 0; n < sizeof(lists) / sizeof(*lists); n++)
		for (r = lists[n]; r && *r; r++)
			if (!is_listed(refs, *r))
				json_array_append_new(refs, json_string(*r));
	return refs;
}

/* A count of what was seen in learning; without times when it was never seen. */
static json_t *learned_object(const struct incident_norm *n)
{
	json_t *o = json_object();

	eve_put_int(o, "count", n->learned);
	if (n->learned) {
		put_time(o, "first", n->since);
		put_time(o, "last", n->until);
	}
	return o;
}

static json_t *also_list(const struct incident_norm *n)
{
	json_t *list = json_array();
	uint32_t k;

	for (k = 0; k < n->alsos; k++) {
		json_t *o = json_object();

		eve_put(o, "finding", n->also[k].finding);
		eve_put(o, "detector", n->also[k].detector);
		eve_put_int(o, "count", n->also[k].count);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *more_list(const struct incident_norm *n)
{
	json_t *list = json_array();
	uint32_t k;

	for (k = 0; k < n->mores; k++)
		json_array_append_new(list, json_string(n->more[k]));
	return list;
}

/* Six digits are more than a score means. */
static void put_score(json_t *o, const char *key, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", v);
	json_object_set_new(o, key, json_real(strtod(text, NULL)));
}

static json_t *norm_object(const struct incident_norm *n)
{
	json_t *o = json_object();

	eve_put(o, "detector", n->detector);
	json_object_set_new(o, "hard", json_boolean(n->hard));
	if (!n->hard) {
		put_score(o, "score", n->score);
		put_score(o, "threshold", n->threshold);
	}
	json_object_set_new(o, "early", json_boolean(n->early));
	json_object_set_new(o, "learned", learned_object(n));
	eve_put(o, "permit", n->permit);
	if (n->mores)
		json_object_set_new(o, "more", more_list(n));
	json_object_set_new(o, "also", also_list(n));
	if (n->others)
		eve_put_int(o, "others", n->others);
	return o;
}

static void on_alert(struct sink *s, const struct incident *i)
{
	struct eve *e = (struct eve *)s;
	bool over = i->phase == INCIDENT_ENDED;
	json_t *r = record_new(over ? i->last : i->first, i->flow_id, i->id ? 0 : i->first_frame,
			       "alert");
	json_t *o = ours_new();
	const struct ends n = {
		.src = &i->src,
		.dst = &i->dst,
		.sport = i->sport,
		.dport = i->dport,
		.ip_proto = i->ip_proto,
		.swapped = i->to_client,
		.vlan = i->vlan,
		.vlans = i->vlans,
	};
	char mac[MAC_STRLEN];

	if (i->has_addr)
		put_ends(e, r, &n);
	else
		put_vlans(r, &n);
	eve_put(r, "app_proto", i->app);
	if (i->has_mac) {
		json_t *ether = json_object();

		eve_put(ether, "src_mac", mac_str(&i->src_mac, mac));
		eve_put(ether, "dest_mac", mac_str(&i->dst_mac, mac));
		if (i->has_ether_type)
			json_object_set_new(ether, "ether_type", json_integer(i->ether_type));
		json_object_set_new(r, "ether", ether);
	}
	json_object_set_new(r, "alert", alert_object(i));
	eve_put(o, "finding", i->finding->id);
	if (i->phase != INCIDENT_WHOLE) {
		eve_put_int(o, "incident", i->id);
		eve_put(o, "phase", i->phase == INCIDENT_OPENED ? "opened" : "ended");
	}
	eve_put(o, "verdict", i->verdict);
	eve_put(o, "wanted", i->wanted);
	eve_put(o, "reason", i->finding->text[e->lang].title);
	eve_put(o, "expected", i->expected);
	eve_put(o, "observed", i->observed);
	eve_put(o, "next", i->finding->text[e->lang].next);
	eve_put(o, "src_zone", i->src_zone);
	eve_put(o, "dest_zone", i->dst_zone);
	eve_put(o, "src_asset", i->src_asset);
	eve_put(o, "dest_asset", i->dst_asset);
	put_device(o, "src_device", i->src_device);
	put_device(o, "dest_device", i->dst_device);
	eve_put(o, "conduit", i->conduit);
	eve_put(o, "watch", i->watch);
	if (i->norm.detector)
		json_object_set_new(o, "baseline", norm_object(&i->norm));
	if (i->did_mask)
		put_classes(o, i->did_mask);
	if (i->has_op)
		json_object_set_new(o, "op", incident_op(i));
	eve_put_int(o, "count", i->count);
	if (i->elsewhere)
		eve_put_int(o, "elsewhere", i->elsewhere);
	put_time(o, "first", i->first);
	put_time(o, "last", i->last);
	eve_put(o, "threat_class", i->finding->threat_class);
	json_object_set_new(o, "refs", all_refs(i));
	put_list(o, "attack", attack_of(i));
	json_object_set_new(r, "kidoban", o);
	put_record(e, r);
}

/* --- flows --- */

static const char *flow_state(const struct flow *f, int why)
{
	if (why == FLOW_END_CLOSED || f->end_rst || f->end_fin)
		return "closed";
	return f->packets[0] && f->packets[1] ? "established" : "new";
}

static json_t *tcp_object(const struct flow *f)
{
	unsigned client = f->client == 1;
	char text[4];
	json_t *o = json_object();

	snprintf(text, sizeof(text), "%02x", f->tcp_flags[0] | f->tcp_flags[1]);
	eve_put(o, "tcp_flags", text);
	snprintf(text, sizeof(text), "%02x", f->tcp_flags[client]);
	eve_put(o, "tcp_flags_ts", text);
	snprintf(text, sizeof(text), "%02x", f->tcp_flags[!client]);
	eve_put(o, "tcp_flags_tc", text);
	return o;
}

static void on_flow(struct sink *s, const struct flow *f, const struct sink_names *n, int why)
{
	static const char *const reasons[] = {
		[FLOW_END_TIMEOUT] = "timeout",	 [FLOW_END_CLOSED] = "closed",
		[FLOW_END_REUSED] = "tcp_reuse", [FLOW_END_EVICTED] = "forced",
		[FLOW_END_FLUSHED] = "shutdown",
	};
	static const char *const settled[] = {
		[FLOW_BY_NOTHING] = "nothing", [FLOW_BY_FIRST] = "first", [FLOW_BY_PORT] = "port",
		[FLOW_BY_CONTENT] = "content", [FLOW_BY_SYN] = "syn",
	};
	struct eve *e = (struct eve *)s;
	json_t *r = record_new(f->last, f->id, 0, "flow"), *o = json_object(), *ours = ours_new();
	unsigned client = f->client == 1;

	put_flow_ends(e, r, f, 0);
	eve_put_int(o, "pkts_toserver", f->packets[client]);
	eve_put_int(o, "pkts_toclient", f->packets[!client]);
	eve_put_int(o, "bytes_toserver", f->bytes[client]);
	eve_put_int(o, "bytes_toclient", f->bytes[!client]);
	put_time(o, "start", f->first);
	put_time(o, "end", f->last);
	eve_put_int(o, "age", (uint64_t)((f->last - f->first) / SECOND));
	eve_put(o, "state", flow_state(f, why));
	eve_put(o, "reason", reasons[why]);
	json_object_set_new(r, "flow", o);
	if (f->ip_proto == 6)
		json_object_set_new(r, "tcp", tcp_object(f));
	put_names(ours, n, 0);
	put_device(ours, "src_device", n->client_device);
	put_device(ours, "dest_device", n->server_device);
	eve_put(ours, "client_by", settled[f->client_by]);
	eve_put_int(ours, "first_frame", f->first_frame);
	eve_put_int(ours, "ops", f->ops);
	eve_put_int(ours, "gaps", f->gaps);
	eve_put_int(ours, "retransmissions", f->retransmissions);
	json_object_set_new(r, "kidoban", ours);
	put_record(e, r);
}

/* --- ops, anomalies, numbers --- */

static json_t *op_object(const struct op *op)
{
	char text[1024];
	json_t *o = json_object();

	eve_put(o, "proto", op->proto);
	eve_put(o, "role", op_role_name(op->role));
	eve_put(o, "class", op_class_name(op->cls));
	eve_put_int(o, "code", op->code);
	eve_put(o, "name", op->name);
	if (op->role == OP_RESPONSE) {
		eve_put_int(o, "status", op->status);
		eve_put(o, "error", op->error);
	}
	if (op->unit >= 0)
		eve_put_int(o, "unit", (uint64_t)op->unit);
	if (op->object.space != OP_SPACE_NONE) {
		eve_put(o, "space", op_object_space(&op->object));
		put_range(o, op->object.first, op->object.count);
		op_object_str(&op->object, text, sizeof(text));
		eve_put(o, "object", text);
	}
	if (op->values.type != OP_V_NONE) {
		op_values_str(&op->values, 240, text, sizeof(text));
		eve_put(o, "values", text);
	}
	if (op->request_frame) {
		eve_put_int(o, "request_frame", op->request_frame);
		eve_put_int(o, "rtt_us", (uint64_t)(op->rtt / 1000));
	}
	return o;
}

static void on_op(struct sink *s, const struct flow *f, const struct sink_names *n,
		  const struct op *op)
{
	struct eve *e = (struct eve *)s;
	json_t *r = record_new(op->time, f->id, op->frame, eve_app_event(op)), *o = ours_new();

	put_flow_ends(e, r, f, op->from_server);
	eve_app_add(r, op);
	put_names(o, n, op->from_server);
	json_object_set_new(o, "op", op_object(op));
	json_object_set_new(r, "kidoban", o);
	put_record(e, r);
}

static const char *anomaly_type(uint8_t kind)
{
	if (kind < ANOMALY_STREAM_CONFLICT)
		return "applayer";
	return kind < ANOMALY_PACKET_TRUNCATED ? "stream" : "decode";
}

static void on_anomaly(struct sink *s, const struct flow *f, const struct packet *p,
		       const struct anomaly *a)
{
	struct eve *e = (struct eve *)s;
	json_t *r = record_new(a->time, f ? f->id : 0, a->frame, "anomaly");
	json_t *o = json_object(), *ours = ours_new();

	if (f) {
		put_flow_ends(e, r, f, p && !addr_eq(&p->src, flow_client(f)));
	} else if (p && (p->ip_proto || p->kind == PACKET_ARP)) {
		const struct ends n = {
			.src = &p->src,
			.dst = &p->dst,
			.sport = p->sport,
			.dport = p->dport,
			.ip_proto = p->ip_proto,
			.vlan = p->vlan,
			.vlans = p->vlans,
		};

		put_ends(e, r, &n);
	}
	eve_put(o, "type", anomaly_type(a->kind));
	eve_put(o, "event", anomaly_name(a->kind));
	eve_put(o, "layer", a->proto);
	json_object_set_new(r, "anomaly", o);
	eve_put(ours, "reason", a->reason);
	eve_put_int(ours, "offset", a->offset);
	eve_put_int(ours, "value", a->value);
	json_object_set_new(r, "kidoban", ours);
	put_record(e, r);
}

/* "decoder.pkts" becomes stats{decoder{pkts}}. */
static void put_stat(json_t *stats, const char *key, uint64_t value)
{
	const char *dot;

	while ((dot = strchr(key, '.'))) {
		json_t *inner = json_object_getn(stats, key, (size_t)(dot - key));

		if (!inner) {
			inner = json_object();
			json_object_setn_new(stats, key, (size_t)(dot - key), inner);
		}
		stats = inner;
		key = dot + 1;
	}
	eve_put_int(stats, key, value);
}

static void on_stats(struct sink *s, int64_t time, const struct sink_stats *list)
{
	struct eve *e = (struct eve *)s;
	json_t *r = record_new(time, 0, 0, "stats"), *stats = json_object();

	for (; list->key; list++)
		put_stat(stats, list->key, list->value);
	json_object_set_new(r, "stats", stats);
	put_record(e, r);
}

static bool on_flush(struct sink *s)
{
	struct eve *e = (struct eve *)s;

	if (e->to.flush && !e->to.flush(e->to.user))
		return false;
	errno = e->err;
	return e->err == 0;
}

static void on_free(struct sink *s)
{
	struct eve *e = (struct eve *)s;

	if (e->to.free)
		e->to.free(e->to.user);
	community_id_free(e->community);
	free(e);
}

static const struct sink_ops eve_ops = {
	.alert = on_alert,
	.flow = on_flow,
	.op = on_op,
	.anomaly = on_anomaly,
	.stats = on_stats,
	.flush = on_flush,
	.free = on_free,
};

struct sink *sink_eve_new(const struct sink_put *to, enum finding_lang lang)
{
	struct eve *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->sink.ops = &eve_ops;
	e->lang = lang;
	e->community = community_id_new();
	if (!e->community) {
		free(e);
		return NULL;
	}
	e->to = *to;
	return &e->sink;
}
