/*
 * EtherNet/IP encapsulation (CIP volume 2, chapter 2), TCP and UDP port 44818, and implicit I/O,
 * UDP port 2222. Numbers are little-endian.
 *
 *    0      2      4        8        12       20        24
 *   [command|length|session |status  |context |options  ] data...          length: of data
 *
 *   SendRRData, SendUnitData   [interface:4] [timeout:2] items
 *   items (common packet format, 2-6)   [count:2] ([type:2] [length:2] data) x count
 *   I/O datagram               items alone: sequenced address (0x8002), connected data (0x00b1)
 *
 * Requests and replies have the same header. Who is the client shows in the data: lists are asked
 * for with no data, a session is registered from handle 0, CIP replies carry bit 0x80.
 *
 * SendRRData and SendUnitData are no ops of their own, what they carry is; a reply that refuses
 * them (status) is one. Not decoded: what runs inside DTLS and TLS (port 2221).
 */
#include "proto/enip.h"
#include "proto/cip.h"
#include "base/hash.h"

#define PORT	44818
#define PORT_IO 2222

struct enip_state {
	bool lost[2];  /* by direction: looking for the next message, and said so */
	bool begun[2]; /* by direction: a good message was seen */
	bool answered; /* a reply met its request: from now on one without is unsolicited */
	struct cip_refused refused;
	struct cip_kept kept;
};

/* ---- commands */

/* Volume 2, table 2-3.2. */
#define COMMANDS(X)                                                                                \
	X(NOP, "nop", OP_SESSION, ANY_LENGTH)                                                      \
	X(LIST_SERVICES, "list-services", OP_DISCOVER, LIST)                                       \
	X(LIST_IDENTITY, "list-identity", OP_DISCOVER, LIST)                                       \
	X(LIST_INTERFACES, "list-interfaces", OP_DISCOVER, LIST)                                   \
	X(REGISTER_SESSION, "register-session", OP_SESSION, FOUR)                                  \
	X(UNREGISTER_SESSION, "unregister-session", OP_SESSION, EMPTY)                             \
	X(SEND_RR_DATA, "send-rr-data", OP_SESSION, DATA)                                          \
	X(SEND_UNIT_DATA, "send-unit-data", OP_SESSION, DATA)                                      \
	X(INDICATE_STATUS, "indicate-status", OP_SESSION, ANY_LENGTH)                              \
	X(CANCEL, "cancel", OP_SESSION, ANY_LENGTH)                                                \
	X(START_DTLS, "start-dtls", OP_SESSION, ANY_LENGTH)

#define AS_COMMAND(code, name, op_class, shape) [code] = {name, op_class, shape},
#define AS_VOCAB(code, name, op_class, shape)	{name, code, op_class},

static const struct enip_command commands[] = {COMMANDS(AS_COMMAND)};
static const struct enip_command reserved_command = {"reserved-command", OP_SESSION, ANY_LENGTH};

const struct enip_command *enip_command_find(uint16_t code)
{
	if (code >= sizeof(commands) / sizeof(*commands) || !commands[code].name)
		return NULL;
	return &commands[code];
}

static const struct vocab_key keys[] = {
	{"command", VOCAB_CODE, 0, 0xff, UINT16_MAX},
	{NULL, 0, 0, 0, 0},
};

static const struct vocab_code codes[] = {COMMANDS(AS_VOCAB){NULL, 0, 0}};

#define AS_OP(code, name, op_class, shape) {code, op_class, OP_SPACE_NONE, false},

static const struct vocab_op ops[] = {COMMANDS(AS_OP){0, OP_CLASSES, OP_SPACE_NONE, false}};

static const struct vocab enip_vocab = {
	.proto = "enip",
	.keys = keys,
	.codes = codes,
	.ops = ops,
	.unlisted = 1u << OP_SESSION,
	.port = 44818,
};

/* Volume 2, table 2-3.3. */
const char *enip_status_name(uint32_t status)
{
	switch (status) {
	case 0x01:
		return "invalid-command";
	case 0x02:
		return "insufficient-memory";
	case 0x03:
		return "incorrect-data";
	case 0x64:
		return "invalid-session-handle";
	case 0x65:
		return "invalid-length";
	case 0x69:
		return "unsupported-protocol-version";
	case 0x6a:
		return "service-not-allowed-on-this-port";
	default:
		return NULL;
	}
}

/* ---- messages */

static void malformed(struct proto_ctx *c, const char *reason, uint32_t offset, uint32_t value)
{
	proto_anomaly(c, ANOMALY_MALFORMED, "enip", reason, offset, value);
}

/* Requests of the same direction with the same words belong together. */
static uint64_t key_of(uint16_t command, uint64_t id, uint8_t dir)
{
	return hash_u64(id, (uint64_t)command << 1 | dir);
}

static void answered(struct enip_state *s, struct proto_ctx *c, struct cip_kept_request *q)
{
	if (q)
		s->answered = true;
	else if (s->answered && !s->kept.lossy && c->transport == PROTO_TCP)
		proto_anomaly(c, ANOMALY_UNSOLICITED, "enip", "reply to nothing that was asked", 0,
			      0);
}

static void command_op(struct proto_ctx *c, const struct enip_header *h,
		       const struct enip_command *cmd)
{
	struct enip_state *s = c->state;
	struct op op = proto_op(c, "enip");
	struct cip_kept_request *q = NULL;

	if (cmd->shape == LIST)
		op.role = h->length || h->status ? OP_RESPONSE : OP_REQUEST;
	else if (h->status)
		op.role = OP_RESPONSE;
	op.name = cmd->name;
	op.code = h->command;
	op.cls = cmd->op_class;
	op.transaction = h->context;
	if (op.role == OP_REQUEST) {
		if (cmd->shape == LIST || cmd->shape == FOUR)
			cip_kept_put(&s->kept, c, key_of(h->command, h->context, c->dir), NULL,
				     slice_of(NULL, 0));
	} else {
		q = cip_kept_find(&s->kept, key_of(h->command, h->context, !c->dir), NULL, -1);
		op.status = h->status;
		op.error = enip_status_name(h->status);
	}
	if (q) {
		op.request_frame = q->frame;
		op.rtt = c->time - q->time;
		q->frame = 0;
		s->answered = true;
	}
	proto_emit(c, &op);
}

/* ListIdentity reply item (volume 2, table 2-4.4): version, socket address, identity, state. */
static void identity_items(struct proto_ctx *c, struct slice body)
{
	struct reader r = rd_of(body), id;
	struct enip_item it;
	bool cut = false;

	rd_skip(&r, 2);
	while (enip_item_next(&r, &it, &cut) && !cut)
		if (it.type == ITEM_IDENTITY) {
			id = rd_of(it.data);
			rd_skip(&id, 2 + 16);
			cip_identity_read(c, &id);
			if (!rd_ok(&id))
				malformed(c, "identity item too short", ENIP_HEADER, it.data.len);
		}
	if (cut)
		malformed(c, "item longer than its message", ENIP_HEADER, 0);
}

/* One CIP message: finds what it answers, or keeps it until it is answered. */
static bool cip_message(struct proto_ctx *c, struct cip_env *env, struct slice msg, uint64_t key[2],
			const void *conn)
{
	struct enip_state *s = c->state;
	struct cip_kept_request *q;
	bool reply = msg.len && msg.p[0] & 0x80;

	if (!reply && c->dir == PROTO_TO_CLIENT && msg.len >= 4 && msg.p[1] == 0) {
		/* no path, so no request: some targets forget the reply bit */
		q = cip_kept_find(&s->kept, key[1], conn, msg.p[0]);
		if (q) {
			reply = true;
			cip_malformed(env, "reply without the reply bit", msg.p, msg.p[0]);
		}
	}
	if (!reply) {
		if (!cip_on_request(env, msg))
			return false;
		q = cip_kept_put(&s->kept, c, key[0], conn, slice_of(msg.p, cip_keep_len(msg)));
		q->refused = s->refused.count;
		if (q->refused)
			cip_refused_mark(&s->refused, (uint32_t)(msg.p - env->origin),
					 s->kept.bytes + q->at % CIP_KEPT_BYTES, q->len);
		return true;
	}
	q = cip_kept_find(&s->kept, key[1], conn, msg.p[0] & 0x7f);
	if (q) {
		env->asked = cip_kept_bytes(&s->kept, q);
		env->asked_frame = q->frame;
		env->asked_time = q->time;
		q->frame = 0;
		if (q->refused)
			proto_answered(c);
	}
	if (!cip_on_response(env, msg))
		return false;
	answered(s, c, q);
	return true;
}

static void unconnected(struct proto_ctx *c, const struct enip_header *h, const uint8_t *origin,
			struct slice msg)
{
	struct enip_state *s = c->state;
	struct cip_env env = {.c = c,
			      .refused = &s->refused,
			      .transaction = h->context,
			      .origin = origin,
			      .unit = -1};
	uint64_t key[2] = {key_of(SEND_RR_DATA, h->context, c->dir),
			   key_of(SEND_RR_DATA, h->context, !c->dir)};

	cip_message(c, &env, msg, key, NULL);
}

/*
 * Connected data: of class 0 and 1 over UDP, of class 2 and 3 over TCP (volume 2, 3-3). Where the
 * Forward Open was not seen, what reads as CIP is CIP.
 */
static void connected(struct proto_ctx *c, const uint8_t *origin, uint32_t id, uint32_t sequence,
		      struct slice data)
{
	struct enip_state *s = c->state;
	struct cip_env env = {.c = c, .refused = &s->refused, .origin = origin, .unit = -1};
	struct reader r = rd_of(data);
	struct cip_link l;
	uint64_t key[2];

	if (c->transport == PROTO_UDP) {
		cip_io(c, id, sequence, data);
		return;
	}
	l = cip_link_find(c, id);
	if (l.conn && l.conn->transport < 2) {
		cip_io(c, id, sequence, data);
		return;
	}
	env.transaction = rd_le16(&r);
	if (!rd_ok(&r) || rd_left(&r) == 0)
		return; /* empty: the connection is kept alive */
	env.unit = l.conn ? l.conn->slot : -1;
	env.guess = !l.conn || l.conn->cls != CIP_CLASS_MESSAGE_ROUTER;
	key[0] = key_of(SEND_UNIT_DATA, env.transaction, c->dir);
	key[1] = key_of(SEND_UNIT_DATA, env.transaction, !c->dir);
	if (!cip_message(c, &env, rd_rest(&r), key, l.conn) && env.guess && !*l.told) {
		*l.told = true;
		proto_anomaly(c, ANOMALY_UNDECODABLE, "cip",
			      "connection whose Forward Open was not seen", 0, id);
	}
}

/* Common packet format: an address item, a data item, and what else there is. */
static void items(struct proto_ctx *c, const struct enip_header *h, const uint8_t *origin,
		  struct slice cpf)
{
	struct reader r = rd_of(cpf), a;
	uint32_t i, count = rd_le16(&r), id = 0, sequence = 0;
	bool cut = false, addressed = false;
	struct enip_item it;

	for (i = 0; i < count && i < ENIP_ITEMS_MAX && enip_item_next(&r, &it, &cut); i++) {
		uint32_t at = it.data.p ? (uint32_t)(it.data.p - origin) : 0;

		if (cut)
			malformed(c, "item longer than its message", at, it.type);
		a = rd_of(it.data);
		switch (it.type) {
		case ITEM_CONNECTED_ADDRESS:
		case ITEM_SEQUENCED_ADDRESS:
			id = rd_le32(&a);
			sequence = it.type == ITEM_SEQUENCED_ADDRESS ? rd_le32(&a) : 0;
			addressed = rd_ok(&a);
			if (!addressed)
				malformed(c, "address item too short", at, it.data.len);
			break;
		case ITEM_CONNECTED_DATA:
			if (addressed)
				connected(c, origin, id, sequence, it.data);
			else
				malformed(c, "connected data without an address", at, it.type);
			break;
		case ITEM_UNCONNECTED_DATA:
			unconnected(c, h, origin, it.data);
			break;
		}
	}
	if (i == ENIP_ITEMS_MAX && count > ENIP_ITEMS_MAX)
		proto_anomaly(c, ANOMALY_LIMIT, "enip", "more items than are looked at", 0, count);
	else if (i < count)
		malformed(c, "fewer items than counted", 0, count);
	else if (rd_left(&r))
		malformed(c, "bytes behind the last item", (uint32_t)(cpf.p - origin) + r.off,
			  rd_left(&r));
}

static void decode(struct proto_ctx *c, const uint8_t *data, uint32_t len)
{
	const struct enip_header h = enip_header_read(data, len);
	const struct enip_command *cmd = enip_command_find(h.command);
	struct slice body = slice_of(data + ENIP_HEADER, len - ENIP_HEADER);

	if (!cmd) {
		proto_anomaly(c, ANOMALY_RESERVED, "enip", "command is not assigned", 0, h.command);
		cmd = &reserved_command;
	}
	/* "The receiver shall ignore" it (volume 2, 2-3.5): not each receiver looks. */
	if (h.status && c->dir == PROTO_TO_SERVER)
		malformed(c, "request with a status", 8, h.status);
	if (cmd->shape != DATA || (h.status && (c->dir == PROTO_TO_CLIENT || body.len < 8))) {
		command_op(c, &h, cmd);
		if (h.command == LIST_IDENTITY && h.length)
			identity_items(c, body);
		return;
	}
	if (body.len < 8)
		malformed(c, "data without items", ENIP_HEADER, body.len);
	else
		items(c, &h, data, slice_of(body.p + 6, body.len - 6));
}

/*
 * Where the message ends, by its header, or by its items when they contradict it and the bytes
 * behind them agree: a header with a wrong length shall not swallow the messages that follow.
 */
static uint32_t message_len(struct proto_ctx *c, const uint8_t *data, uint32_t len)
{
	const struct enip_header h = enip_header_read(data, len);
	uint32_t total = ENIP_HEADER + h.length, extent;
	const char *why;

	if ((h.command != SEND_RR_DATA && h.command != SEND_UNIT_DATA) || h.status)
		return total;
	extent = enip_items_extent(data, len);
	if (extent == 0 || extent == total || (len >= total && extent > total))
		return total;
	if (extent == len || enip_header_check(data + extent, len - extent, &why) != PROBE_NO) {
		malformed(c, "length contradicts the items", 2, h.length);
		return extent;
	}
	return total;
}

/* No message starts here: skip to the next, and say so once. */
static uint32_t resync(struct proto_ctx *c, const uint8_t *data, uint32_t len, const char *why,
		       uint32_t value)
{
	struct enip_state *s = c->state;

	if (!s->lost[c->dir] && s->begun[c->dir])
		malformed(c, why, 0, value);
	s->lost[c->dir] = true;
	return enip_message_scan(data, len, 1);
}

static uint32_t enip_message(struct proto_ctx *c, const uint8_t *data, uint32_t len)
{
	struct enip_state *s = c->state;
	enum probe_result head;
	const char *why, *ignored;
	struct enip_header h;
	uint32_t total;

	if (c->transport == PROTO_UDP && enip_io_shape(data, len)) {
		h = (struct enip_header){0};
		items(c, &h, data, slice_of(data, len));
		return len;
	}
	head = enip_header_check(data, len, &why);
	if (head == PROBE_MORE) {
		if (c->transport == PROTO_TCP)
			return 0;
		malformed(c, "datagram shorter than a header", 0, len);
		return len;
	}
	if (head == PROBE_YES && s->lost[c->dir] && enip_body_check(data, len) == PROBE_NO)
		return resync(c, data, len, why, 0);
	h = enip_header_read(data, len);
	total = ENIP_HEADER + h.length;
	if (head == PROBE_NO) {
		/* wrong in one field, but the next message is where this one says */
		if (len < total || len < ENIP_HEADER || s->lost[c->dir] ||
		    (len > total &&
		     enip_header_check(data + total, len - total, &ignored) == PROBE_NO)) {
			if (c->transport == PROTO_TCP)
				return resync(c, data, len, why, h.command);
			malformed(c, why, 0, h.command);
			return len;
		}
		if (enip_command_find(h.command))
			malformed(c, why, 0, h.command);
	} else {
		total = message_len(c, data, len);
	}
	if (len < total) {
		if (c->transport == PROTO_TCP)
			return 0;
		malformed(c, "datagram shorter than its length", 2, h.length);
		total = len;
	}
	s->lost[c->dir] = false;
	s->begun[c->dir] = true;
	s->refused.count = 0;
	decode(c, data, total);
	if (c->transport == PROTO_UDP && len > total) {
		malformed(c, "bytes behind the message", total, len - total);
		return len;
	}
	return total;
}

static void enip_gap(struct proto_ctx *c, uint32_t lost)
{
	struct enip_state *s = c->state;

	(void)lost;
	s->lost[c->dir] = true;
	s->answered = false;
	cip_kept_clear(&s->kept);
}

/* Services and PCCC functions; neither commands of the encapsulation nor I/O. */
static bool enip_neutralise(struct proto_ctx *c, const struct op *op)
{
	struct enip_state *s = c->state;

	return cip_neutralise(c, &s->refused, op);
}

static const struct vocab *const vocabs[] = {&enip_vocab, &cip_vocab, &pccc_vocab, NULL};

const struct dissector enip_dissector = {
	.name = "enip",
	.transports = PROTO_TCP | PROTO_UDP,
	.ports = {PORT, PORT_IO},
	.state_size = sizeof(struct enip_state),
	.state_zeroed = offsetof(struct enip_state, kept.request),
	.shared_size = sizeof(struct cip_connections),
	.probe = enip_probe,
	.message = enip_message,
	.gap = enip_gap,
	.neutralise = enip_neutralise,
	.vocabs = vocabs,
};
