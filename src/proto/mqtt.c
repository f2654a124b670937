/*
 * MQTT over TCP: V3.1 (IBM), 3.1.1 and 5.0 (OASIS), client and broker on any port.
 *
 *   client                                   broker
 *     CONNECT  client id, user, will  ------->
 *     <-------------------------------  CONNACK
 *     PUBLISH  topic, message  -------------->      a write
 *     <---------------  PUBACK | PUBREC ... PUBREL ... PUBCOMP
 *     SUBSCRIBE  filters  ------------------->      a read, one op per filter
 *     <-------------------------------  SUBACK      one op per return code
 *     <---------------  PUBLISH topic, message      a read: the delivery to a subscriber
 *
 * A PUBLISH is the one packet whose class depends on its direction; the table of codes names the
 * client's. A will is a PUBLISH the broker makes later (5.0, 3.1.2.5): the CONNECT that leaves it
 * yields a second op "will" with code 1, class write, so that policy sees topic and message.
 *
 * Packets are matched by packet identifier, which each side counts for itself (2.2.1).
 * QoS 2 is a chain: PUBREC answers PUBLISH, PUBREL answers PUBREC, PUBCOMP answers PUBREL.
 *
 * Version: as CONNECT says. When capture began later it is learned from the first packet that
 * shows it (mqtt_packet.h); until then a PUBLISH counts as 3.1.1 unless its properties say
 * otherwise. Level 0x80 + n, which mosquitto's bridges send, is read as n.
 *
 * Messages: text where they are printable UTF-8, else raw bytes; of packets over 64 KiB the
 * first 16 KiB. Passwords and authentication data never leave the reader.
 *
 * Not decoded: MQTT inside WebSocket or TLS, MQTT-SN, and what applications put into messages
 * (Sparkplug). Of the properties only topic alias and assigned client id become part of ops, the
 * others are checked.
 */
#include "proto/mqtt_packet.h"
#include "proto/pending.h"

#define CLIENT_MAX  128 /* bytes of a client id that are kept */
#define ALIASES	    16	/* topic aliases kept per direction */
#define ALIAS_MAX   96	/* bytes of an aliased topic */
#define OPS_MAX	    256 /* filters or codes of one packet that become ops */
#define MATCHED_MAX 16	/* of them, those whose answer finds its request */

static const char proto[] = "mqtt";

struct mqtt_state {
	uint8_t version;	  /* 3, 4, 5; 0 until known */
	uint8_t client_len;	  /* bytes of client[] */
	bool connect;		  /* a CONNECT was seen */
	bool connack;		  /* its CONNACK too */
	bool lost;		  /* requests may have been missed */
	bool no_alias_told;	  /* an unknown alias was reported */
	bool sides_ok;		  /* a packet confirmed who is the client */
	bool begun[2];		  /* by direction: a good packet was seen */
	bool searching[2];	  /* by direction: not at the start of a packet */
	bool refused;		  /* the op at hand was neutralised */
	uint16_t alias_at;	  /* alias of the PUBLISH at hand, 0: none */
	uint16_t aliases_refused; /* bits of the client's aliases that stand for another topic */
	/* topic aliases by direction, 5.0: 3.3.2.3.4; bytes, 0: not set, or too long to keep */
	uint8_t alias_len[2][ALIASES];
	struct pending pending; /* from its entries on nothing need begin zeroed */
	uint8_t alias[2][ALIASES][ALIAS_MAX];
	uint8_t client[CLIENT_MAX];
};

static const struct vocab_key keys[] = {
	{"topic", VOCAB_TOPIC, OP_SPACE_TOPIC, 0xff, 0},
	{"client", VOCAB_ACTOR, 0, 0xff, 0},
	{"packet", VOCAB_CODE, 0, 0xff, 15},
	{0},
};

/* "publish" is the client's; a delivery by the server is a read. */
static const struct vocab_code codes[] = {
	{"connect", MQTT_CONNECT, OP_SESSION},	 {"connack", MQTT_CONNACK, OP_SESSION},
	{"publish", MQTT_PUBLISH, OP_WRITE},	 {"puback", MQTT_PUBACK, OP_SESSION},
	{"pubrec", MQTT_PUBREC, OP_SESSION},	 {"pubrel", MQTT_PUBREL, OP_SESSION},
	{"pubcomp", MQTT_PUBCOMP, OP_SESSION},	 {"subscribe", MQTT_SUBSCRIBE, OP_READ},
	{"suback", MQTT_SUBACK, OP_READ},	 {"unsubscribe", MQTT_UNSUBSCRIBE, OP_SESSION},
	{"unsuback", MQTT_UNSUBACK, OP_SESSION}, {"pingreq", MQTT_PINGREQ, OP_SESSION},
	{"pingresp", MQTT_PINGRESP, OP_SESSION}, {"disconnect", MQTT_DISCONNECT, OP_SESSION},
	{"auth", MQTT_AUTH, OP_SESSION},	 {0},
};

/* With the delivery of a message, which is the reading of it, and the will in a CONNECT. What
 * people think of first comes first: it is what examples are made of. */
static const struct vocab_op vocab_ops[] = {
	{MQTT_PUBLISH, OP_WRITE, OP_SPACE_TOPIC, false},
	{MQTT_SUBSCRIBE, OP_READ, OP_SPACE_TOPIC, false},
	{MQTT_PUBLISH, OP_READ, OP_SPACE_TOPIC, false},
	{MQTT_CONNECT, OP_SESSION, OP_SPACE_NONE, false},
	{MQTT_CONNECT, OP_WRITE, OP_SPACE_TOPIC, false},
	{0, OP_CLASSES, OP_SPACE_NONE, false},
};

static const struct vocab vocab = {
	.proto = proto,
	.keys = keys,
	.codes = codes,
	.ops = vocab_ops,
	.unlisted = 1u << OP_SESSION,
	.port = 1883,
};
static const struct vocab *const vocabs[] = {&vocab, NULL};

static uint64_t key_of(uint8_t dir, uint8_t type, uint16_t id, uint32_t index)
{
	return (uint64_t)dir << 40 | (uint64_t)type << 32 | (uint64_t)id << 16 | index;
}

static struct op op_of(const struct proto_ctx *c, const struct mqtt_packet *p)
{
	const struct mqtt_state *st = c->state;
	struct op op = proto_op(c, proto);

	op.name = codes[p->type - 1].name;
	op.code = p->type;
	op.cls = codes[p->type - 1].cls;
	if (st->connect || st->client_len)
		op.actor = slice_of(st->client, st->client_len);
	op.transaction = p->id;
	return op;
}

static void set_topic(struct op *op, struct slice topic)
{
	op->object.space = OP_SPACE_TOPIC;
	op->object.name = topic;
}

static void set_message(struct op *op, const struct mqtt_packet *p)
{
	op->values.raw = p->payload;
	if (p->payload.len == 0)
		return;
	op->values.type = OP_V_RAW;
	if (!p->cut && mqtt_text(p->payload) == MQTT_TEXT_PRINTABLE) {
		op->values.type = OP_V_TEXT;
		op->values.count = 1;
	}
}

/* A refusal is a status; granted QoS and the like are not (5.0, 2.4: 0x80 and above). */
static void set_code(struct proto_ctx *c, struct op *op, const struct mqtt_packet *p, uint8_t code)
{
	const char *name = mqtt_code_name(p->type, p->version, code);

	if (!name)
		proto_anomaly(c, ANOMALY_RESERVED, proto, "code not assigned for this packet", 0,
			      code);
	if (code >= 0x80 || (p->type == MQTT_CONNACK && p->version != 5)) {
		op->status = code;
		op->error = code ? name : NULL;
	}
}

static struct pending_entry *expect(struct proto_ctx *c, const struct mqtt_packet *p,
				    const struct op *op, uint32_t index)
{
	struct mqtt_state *st = c->state;
	uint64_t key = key_of(c->dir, p->type, p->id, index);
	struct pending_entry *again = pending_find(&st->pending, key);

	if (again)
		pending_drop(again); /* sent again, with DUP or without */
	if (pending_at(&st->pending, st->pending.next))
		st->lost = true;
	return pending_put(&st->pending, c, key, op, 0);
}

/* Hands out a request that may be neutralised; e, when it is not NULL, waits for its answer. */
static void emit_request(struct proto_ctx *c, struct op *op, struct pending_entry *e)
{
	struct mqtt_state *st = c->state;

	st->refused = false;
	proto_emit(c, op);
	if (st->refused && e)
		e->sent_as = (uint8_t)op->code;
	else if (st->refused)
		proto_answered(c); /* nobody answers: QoS 0 */
}

/* The request of a type that the other side sent and p answers; NULL: none is known. */
static struct pending_entry *request_of(struct proto_ctx *c, const struct mqtt_packet *p,
					uint8_t type, uint32_t index)
{
	struct mqtt_state *st = c->state;

	return pending_find(&st->pending, key_of(c->dir ^ 1, type, p->id, index));
}

/* Unanswerable is only sure when both directions were heard from the start. */
static void unsolicited(struct proto_ctx *c, const char *reason, uint32_t value)
{
	const struct mqtt_state *st = c->state;

	if (st->connect && st->connack && !st->lost)
		proto_anomaly(c, ANOMALY_UNSOLICITED, proto, reason, 0, value);
}

static void forget_session(struct mqtt_state *st)
{
	memset(st->alias_len, 0, sizeof(st->alias_len));
	pending_clear(&st->pending);
	st->client_len = 0;
	st->connack = false;
	st->lost = false;
}

static void set_client(struct proto_ctx *c, struct slice id)
{
	struct mqtt_state *st = c->state;

	if (id.len == 0)
		return;
	if (id.len > CLIENT_MAX)
		proto_anomaly(c, ANOMALY_LIMIT, proto, "client identifier longer than what is kept",
			      0, id.len);
	st->client_len = (uint8_t)(id.len < CLIENT_MAX ? id.len : CLIENT_MAX);
	memcpy(st->client, id.p, st->client_len);
	proto_identity(c, 0, "client-id", id);
}

static void on_connect(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct mqtt_state *st = c->state;
	struct op op;

	if (st->connect)
		proto_anomaly(c, ANOMALY_MALFORMED, proto, "second CONNECT", 0, 0);
	forget_session(st); /* [MQTT-3.1.0-2]: if it counts at all, it is a new session */
	st->connect = true;
	st->version = p->version;
	set_client(c, p->client);
	proto_identity(c, 0, "user-name", p->user);
	op = op_of(c, p);
	expect(c, p, &op, 0);
	proto_emit(c, &op);
	if (!(p->connect_flags & MQTT_CONNECT_WILL))
		return;
	op.name = "will";
	op.cls = OP_WRITE;
	set_topic(&op, p->topic);
	set_message(&op, p);
	proto_emit(c, &op);
}

static void on_connack(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct pending_entry *e = request_of(c, p, MQTT_CONNECT, 0);
	struct mqtt_state *st = c->state;
	struct op op;

	set_client(c, p->props.assigned_client);
	op = op_of(c, p);
	set_code(c, &op, p, p->code);
	if (e) {
		st->connack = true;
		pending_answer(e, c, &op);
		pending_drop(e);
	} else {
		unsolicited(c, "CONNACK without CONNECT", 0);
	}
	proto_emit(c, &op);
}

/* The topic an alias stands for, as far as it is known (5.0, 3.3.2.3.4). */
static struct slice topic_of(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct mqtt_state *st = c->state;
	unsigned i = p->props.alias - 1u;
	bool kept = i < ALIASES;

	if (!p->props.has_alias || p->props.alias == 0)
		return p->topic;
	if (kept && p->topic.len && c->dir == PROTO_TO_SERVER)
		st->aliases_refused &= (uint16_t) ~(1u << i);
	if (p->topic.len == 0) {
		if (kept && st->alias_len[c->dir][i])
			return slice_of(st->alias[c->dir][i], st->alias_len[c->dir][i]);
		if (!st->no_alias_told)
			proto_anomaly(c, ANOMALY_UNDECODABLE, proto,
				      "topic alias whose topic is not known", 0, p->props.alias);
		st->no_alias_told = true;
		return p->topic;
	}
	if (kept && p->topic.len <= ALIAS_MAX) {
		st->alias_len[c->dir][i] = (uint8_t)p->topic.len;
		memcpy(st->alias[c->dir][i], p->topic.p, p->topic.len);
		return p->topic;
	}
	if (kept)
		st->alias_len[c->dir][i] = 0;
	proto_anomaly(c, ANOMALY_LIMIT, proto, "topic alias beyond what is kept", 0,
		      p->props.alias);
	return p->topic;
}

static void on_publish(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct mqtt_state *st = c->state;
	struct pending_entry *e = NULL;
	struct op op = op_of(c, p);
	uint8_t head = (uint8_t)(MQTT_PUBLISH << 4 | (p->flags & 0x0e));

	op.role = OP_PUBLISH;
	op.cls = c->dir == PROTO_TO_CLIENT ? OP_READ : OP_WRITE;
	set_topic(&op, topic_of(c, p));
	set_message(&op, p);
	if (p->flags & 0x06)
		e = expect(c, p, &op, 0);
	st->alias_at = p->props.has_alias ? p->props.alias : 0;
	emit_request(c, &op, e);
	if (!st->refused)
		return;
	if (p->flags & 1) /* nor is it kept for later ones */
		proto_edit(c, 0, &head, 1);
	if (p->topic.len && st->alias_at - 1u < ALIASES)
		st->aliases_refused |= (uint16_t)(1u << (st->alias_at - 1u));
}

/* What each acknowledgement answers. */
static const uint8_t answers[MQTT_TYPES] = {
	[MQTT_PUBACK] = MQTT_PUBLISH,	[MQTT_PUBREC] = MQTT_PUBLISH,
	[MQTT_PUBREL] = MQTT_PUBREC,	[MQTT_PUBCOMP] = MQTT_PUBREL,
	[MQTT_SUBACK] = MQTT_SUBSCRIBE, [MQTT_UNSUBACK] = MQTT_UNSUBSCRIBE,
	[MQTT_PINGRESP] = MQTT_PINGREQ,
};

/*
 * The acknowledgement of a message that reached nobody. In 5.0 it may say so; not that of QoS 2,
 * behind which client and broker would no longer agree on the rest of the handshake (4.3.3).
 */
static void refused_ack(struct proto_ctx *c, const struct mqtt_packet *p, struct op *op)
{
	const uint8_t *code = c->message + 4; /* behind the fixed header and the identifier */

	proto_answered(c);
	if (p->type != MQTT_PUBACK || p->version != 5 || p->total < 5 ||
	    !mqtt_refuse_code(c, p, code))
		return;
	op->neutralised = true;
	set_code(c, op, p, 0x87);
}

static void on_ack(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct pending_entry *e = request_of(c, p, answers[p->type], 0);
	uint8_t topic[PENDING_NAME]; /* outlives the entry */
	struct op op = op_of(c, p);

	op.role = OP_RESPONSE;
	set_code(c, &op, p, p->code);
	if (e) {
		pending_answer(e, c, &op);
		memcpy(topic, op.object.name.p, op.object.name.len);
		op.object.name.p = topic;
		if (e->sent_as)
			refused_ack(c, p, &op);
		pending_drop(e);
	}
	/* A session that goes on after a reconnect may begin with PUBREL (5.0, 4.4). */
	if (!e && p->type != MQTT_PUBREL)
		unsolicited(c, "acknowledgement of an unknown packet identifier", p->id);
	proto_emit(c, &op);
	if ((p->type == MQTT_PUBREC && p->code < 0x80) || p->type == MQTT_PUBREL)
		expect(c, p, &op, 0);
}

static void on_filters(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct reader list = rd_of(p->list);
	struct slice filter;
	struct op op;
	uint32_t n;

	for (n = 0; mqtt_next_filter(p, &list, &filter); n++) {
		if (n == OPS_MAX) {
			proto_anomaly(c, ANOMALY_LIMIT, proto, "more topic filters than are told",
				      0, n);
			return;
		}
		op = op_of(c, p);
		set_topic(&op, filter);
		emit_request(c, &op, n < MATCHED_MAX ? expect(c, p, &op, n) : NULL);
	}
}

/* SUBACK and UNSUBACK: a code per filter, in their order. UNSUBACK of 3.1.1 has no codes. */
static void on_codes(struct proto_ctx *c, const struct mqtt_packet *p)
{
	uint32_t i, n = p->list.len ? p->list.len : 1;
	uint8_t asked = answers[p->type];
	struct pending_entry first = {0}, *e;
	struct op op;

	e = request_of(c, p, asked, 0);
	if (e)
		first = *e;
	else
		unsolicited(c, "acknowledgement of an unknown packet identifier", p->id);
	for (i = 0; i < n && i < OPS_MAX; i++) {
		uint8_t code = p->list.len ? p->list.p[i] : 0;

		op = op_of(c, p);
		op.role = OP_RESPONSE;
		e = i < MATCHED_MAX ? request_of(c, p, asked, i) : NULL;
		if (e && e->sent_as && p->list.len) {
			proto_answered(c);
			op.neutralised = mqtt_refuse_code(c, p, p->list.p + i);
			if (op.neutralised)
				code = p->version == 5 ? 0x87 : 0x80;
		}
		if (p->list.len)
			set_code(c, &op, p, code);
		if (e) {
			pending_answer(e, c, &op);
		} else if (first.frame) {
			op.request_frame = first.frame;
			op.rtt = c->time - first.time;
		}
		proto_emit(c, &op);
	}
	if (n > OPS_MAX)
		proto_anomaly(c, ANOMALY_LIMIT, proto, "more return codes than are told", 0, n);
	for (i = 0; i < MATCHED_MAX; i++) {
		e = request_of(c, p, asked, i);
		if (e)
			pending_drop(e);
	}
}

static void on_ping(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct op op = op_of(c, p);

	expect(c, p, &op, 0);
	proto_emit(c, &op);
}

static void on_code(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct mqtt_state *st = c->state;
	struct op op = op_of(c, p);

	if (c->dir == PROTO_TO_CLIENT && st->sides_ok && st->version && st->version < 5)
		proto_anomaly(c, ANOMALY_MALFORMED, proto, "packet only a client sends", 0,
			      p->type);
	set_code(c, &op, p, p->code);
	proto_emit(c, &op);
}

static void (*const on_packet[MQTT_TYPES])(struct proto_ctx *c, const struct mqtt_packet *p) = {
	[MQTT_CONNECT] = on_connect,	 [MQTT_CONNACK] = on_connack,	[MQTT_PUBLISH] = on_publish,
	[MQTT_PUBACK] = on_ack,		 [MQTT_PUBREC] = on_ack,	[MQTT_PUBREL] = on_ack,
	[MQTT_PUBCOMP] = on_ack,	 [MQTT_SUBSCRIBE] = on_filters, [MQTT_SUBACK] = on_codes,
	[MQTT_UNSUBSCRIBE] = on_filters, [MQTT_UNSUBACK] = on_codes,	[MQTT_PINGREQ] = on_ping,
	[MQTT_PINGRESP] = on_ack,	 [MQTT_DISCONNECT] = on_code,	[MQTT_AUTH] = on_code,
};

/* Behind a bad packet: its length is trusted when a good header begins there, else we search. */
static uint32_t skip_bad(struct mqtt_state *st, uint8_t dir, const struct mqtt_packet *p,
			 const uint8_t *data, uint32_t len)
{
	uint32_t at = 1;

	if (p->total && p->total == len)
		return len;
	if (p->total && p->total < len &&
	    mqtt_judge(data + p->total, len - p->total, st->version, true) != MQTT_NOTHING)
		return p->total;
	st->searching[dir] = true;
	(void)mqtt_find(data, len, st->version, &at);
	return at;
}

static void malformed(struct proto_ctx *c, const struct mqtt_packet *p)
{
	const struct mqtt_state *st = c->state;

	/* Capture may have begun inside a packet; that is nobody's fault. */
	if (!st->connect && !st->begun[c->dir])
		return;
	proto_anomaly(c, ANOMALY_MALFORMED, proto, p->reason, p->offset, p->value);
}

static void check_sender(struct proto_ctx *c, const struct mqtt_packet *p)
{
	struct mqtt_state *st = c->state;
	unsigned senders = mqtt_senders(p->type);
	bool agrees = senders & (c->dir == PROTO_TO_SERVER ? MQTT_BY_CLIENT : MQTT_BY_SERVER);

	if (agrees && senders != (MQTT_BY_CLIENT | MQTT_BY_SERVER))
		st->sides_ok = true;
	/* Until then our own idea of who is the client may be the wrong one. */
	if (!agrees && st->sides_ok)
		proto_anomaly(c, ANOMALY_MALFORMED, proto, "packet of the other side", 0, p->type);
}

static uint32_t mqtt_message(struct proto_ctx *c, const uint8_t *data, uint32_t len)
{
	struct mqtt_state *st = c->state;
	struct mqtt_packet p;
	enum mqtt_read r;
	uint32_t at = 0;

	if (st->searching[c->dir]) {
		enum mqtt_find f = mqtt_find(data, len, st->version, &at);

		if (f != MQTT_FOUND || at > 0)
			return at;
		st->searching[c->dir] = false;
	}
	r = mqtt_read(data, len, st->version, &p);
	if (r == MQTT_MORE)
		return 0;
	if (p.reason)
		malformed(c, &p);
	if (r == MQTT_JUNK || p.broken)
		return skip_bad(st, c->dir, &p, data, len);
	st->begun[c->dir] = true;
	if (p.told && !st->version)
		st->version = p.version;
	check_sender(c, &p);
	on_packet[p.type](c, &p);
	return p.total;
}

/* Requests seen before stay answerable: identifiers tell them apart. */
static void mqtt_gap(struct proto_ctx *c, uint32_t lost)
{
	struct mqtt_state *st = c->state;

	(void)lost;
	st->searching[c->dir] = true;
	st->lost = true;
	memset(st->alias_len[c->dir], 0, sizeof(st->alias_len[c->dir]));
}

/* SUBSCRIBE and PUBLISH of a client; the others have no form that a broker lets pass. */
static bool mqtt_neutralise(struct proto_ctx *c, const struct op *op)
{
	struct mqtt_state *st = c->state;
	bool publish = op->code == MQTT_PUBLISH;

	if (c->dir != PROTO_TO_SERVER || (!publish && op->code != MQTT_SUBSCRIBE))
		return false;
	if (mqtt_in_message(c, op->object.name))
		st->refused = mqtt_refuse_topic(c, op->object.name, !publish);
	else /* an alias that stands for another topic already */
		st->refused = publish && st->alias_at - 1u < ALIASES &&
			      st->aliases_refused >> (st->alias_at - 1u) & 1;
	return st->refused;
}

const struct dissector mqtt_dissector = {
	.name = proto,
	.transports = PROTO_TCP,
	.ports = {1883},
	.state_size = sizeof(struct mqtt_state),
	.state_zeroed = offsetof(struct mqtt_state, pending.entry),
	.probe = mqtt_probe,
	.message = mqtt_message,
	.gap = mqtt_gap,
	.neutralise = mqtt_neutralise,
	.vocabs = vocabs,
};
