/*
 * Modbus, both framings: the first byte says framing, transport and who speaks first; then each
 * byte below 0xf0 gives the length of the next piece of stream, others change direction or lose
 * bytes. Every slice handed on is read to its end.
 */
#include "proto/modbus.h"

#include "refuse.h"

static volatile uint8_t sink;

static void touch(struct slice s)
{
	struct reader r = rd_of(s);

	while (rd_left(&r))
		sink ^= rd_u8(&r);
}

static void on_op(struct proto_ctx *c, const struct op *op)
{
	char buf[200];
	struct op_number n;
	uint32_t i;

	refuse_op(c->user, c, op);
	op_object_str(&op->object, buf, sizeof(buf));
	op_values_str(&op->values, 8, buf, sizeof(buf));
	for (i = 0; i < op->values.count; i++)
		op_number_at(&op->values, i, &n);
	touch(op->values.raw);
	if (!op->name || op->object.first + op->object.count > 2 * 65536)
		abort();
}

static void on_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	(void)c;
	if (!a->reason)
		abort();
}

static void on_identity(struct proto_ctx *c, int side, const char *key, struct slice value)
{
	(void)c;
	if (side != 1 || !key)
		abort();
	touch(value);
}

static const struct proto_events events = {.op = on_op,
					   .anomaly = on_anomaly,
					   .identity = on_identity,
					   .edit = refuse_edit,
					   .answered = refuse_answered};

/* All of one piece; what message() wants to see again is given up at its end. */
static void play(const struct dissector *d, struct proto_ctx *c, struct slice s)
{
	/* a copy of its own, so that one byte too far is seen */
	uint8_t *copy = malloc(s.len ? s.len : 1);
	uint32_t off = 0, n;

	if (s.len)
		memcpy(copy, s.p, s.len);
	while (off < s.len) {
		n = refuse_message(d, c, copy + off, s.len - off);
		c->frame++;
		if (n == 0 && c->transport == PROTO_UDP)
			abort();
		if (n == 0 || n >= s.len - off)
			break;
		off += n;
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct modbus_state state;
	struct reader r = rd_init(data, (uint32_t)size);
	uint8_t how = rd_u8(&r);
	const struct dissector *d = how & 1 ? &modbus_rtu_dissector : &modbus_dissector;
	struct proto_ctx c = {.state = &state,
			      .frame = 1,
			      .dir = how >> 1 & 1,
			      .events = &events,
			      .user = (void *)(uintptr_t)d};
	struct proto_probe probe = {.client = -1, .last = how >> 3 & 1};

	c.transport = how & 4 && !(how & 1) ? PROTO_UDP : PROTO_TCP;
	refuse_turn = how >> 6;
	memset(&state, 0, sizeof(state));
	/* a payload as captured, in each direction */
	probe.transport = c.transport;
	probe.side[how >> 4 & 1] = slice_of(r.p + (r.len > 0), rd_left(&r));
	probe.port[0] = how & 32 ? 502 : 0;
	d->probe(&probe);
	play(d, &c, slice_of(data, (uint32_t)size));
	c.dir = !c.dir;
	play(d, &c, slice_of(data, (uint32_t)size));
	/* pieces */
	while (rd_left(&r)) {
		uint8_t cmd = rd_u8(&r);

		c.time += 300000000;
		if (cmd >= 0xf8)
			d->gap(&c, cmd);
		else if (cmd >= 0xf0)
			c.dir = !c.dir;
		else
			play(d, &c, rd_slice(&r, cmd < rd_left(&r) ? cmd : rd_left(&r)));
	}
	return 0;
}
