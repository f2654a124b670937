/*
 * EtherNet/IP and CIP: the same bytes in one direction, then in the other, so that replies meet
 * requests. The last byte says transport, direction, and whether a gap comes between.
 */
#include "refuse.h"

extern const struct dissector enip_dissector;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_op(struct proto_ctx *c, const struct op *op)
{
	char text[512];
	struct op_number n;

	refuse_op(&enip_dissector, c, op);
	if (op->cls >= OP_CLASSES || op->role >= OP_ROLES || !op->name || !op->proto)
		abort();
	op_object_str(&op->object, text, sizeof(text));
	op_values_str(&op->values, 16, text, sizeof(text));
	op_number_at(&op->values, op->values.count ? op->values.count - 1 : 0, &n);
}

static void on_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	(void)c;
	if (a->kind >= ANOMALY_KINDS || !a->reason)
		abort();
}

static void on_identity(struct proto_ctx *c, int side, const char *key, struct slice value)
{
	char text[256];

	(void)c;
	(void)side;
	(void)key;
	memcpy(text, value.p, value.len < sizeof(text) ? value.len : sizeof(text));
}

static void feed(struct proto_ctx *c, const uint8_t *data, uint32_t len)
{
	uint32_t n;

	c->frame++;
	while (len) {
		n = refuse_message(&enip_dissector, c, data, len);
		if (n == 0) {
			if (c->transport == PROTO_UDP)
				abort();
			break;
		}
		n = n < len ? n : len;
		data += n;
		len -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct proto_events events = {.op = on_op,
						   .anomaly = on_anomaly,
						   .identity = on_identity,
						   .edit = refuse_edit,
						   .answered = refuse_answered};
	static void *shared, *state;
	struct proto_ctx c = {.events = &events, .time = 1};
	struct proto_probe p = {.port = {50000, 44818}, .client = -1};

	if (!shared)
		shared = calloc(1, enip_dissector.shared_size);
	if (!state)
		state = malloc(enip_dissector.state_size);
	if (!shared || !state || size < 2 || size > 60000)
		return 0;
	refuse_turn = data[size - 1] >> 3;
	memset(state, 0, enip_dissector.state_size);
	c.shared = shared;
	c.state = state;
	c.transport = data[size - 1] & 1 ? PROTO_UDP : PROTO_TCP;
	c.dir = data[size - 1] >> 1 & 1;
	p.transport = c.transport;
	p.side[0] = slice_of(data, (uint32_t)size);
	enip_dissector.probe(&p);
	feed(&c, data, (uint32_t)size);
	c.dir = !c.dir;
	feed(&c, data, (uint32_t)size);
	if (data[size - 1] & 4)
		enip_dissector.gap(&c, 0);
	feed(&c, data, (uint32_t)size);
	return 0;
}
