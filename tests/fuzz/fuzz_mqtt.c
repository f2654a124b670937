/*
 * The MQTT dissector on any bytes: as either side's, whole and cut in two, behind a gap. Checked
 * are memory (sanitizers), progress, and that every op can be printed.
 */
#include "refuse.h"

extern const struct dissector mqtt_dissector;

static void on_op(struct proto_ctx *c, const struct op *op)
{
	char text[64];

	refuse_op(&mqtt_dissector, c, op);
	op_object_str(&op->object, text, sizeof(text));
	op_values_str(&op->values, 4, text, sizeof(text));
	if (op->actor.len > 128 || op->role >= OP_ROLES || op->cls >= OP_CLASSES)
		abort();
}

static void on_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	(void)c;
	if (!a->reason || a->kind >= ANOMALY_KINDS)
		abort();
}

static const struct proto_events events = {
	.op = on_op, .anomaly = on_anomaly, .edit = refuse_edit, .answered = refuse_answered};

/* Returns how many bytes wait for more. */
static size_t feed(struct proto_ctx *c, const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* so that the sanitizer sees the end */
	size_t at = 0, rounds = 0;
	uint32_t n;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	while (at < size) {
		n = refuse_message(&mqtt_dissector, c, copy + at, (uint32_t)(size - at));
		if (n == 0)
			break;
		at = n < size - at ? at + n : size;
		if (++rounds > size)
			abort();
	}
	free(copy);
	return size - at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cut = size / 2, left;
	struct proto_probe p = {
		.side = {slice_of(data, (uint32_t)cut),
			 slice_of(data + cut, (uint32_t)(size - cut))},
		.port = {50000, 1883},
		.transport = PROTO_TCP,
		.client = -1,
	};
	struct proto_ctx c = {.events = &events, .transport = PROTO_TCP, .frame = 1};

	if (size > 1 << 16)
		return 0;
	if (mqtt_dissector.probe(&p) == PROBE_YES && (p.client < -1 || p.client > 1))
		abort();
	p.port[1] = 9;
	p.last = true;
	if (mqtt_dissector.probe(&p) == PROBE_MORE)
		abort();
	refuse_turn = (unsigned)size;
	c.state = calloc(1, mqtt_dissector.state_size);
	if (!c.state)
		abort();
	feed(&c, data, size);
	c.dir = PROTO_TO_CLIENT;
	left = feed(&c, data, cut);
	if (left > cut)
		abort();
	feed(&c, data + cut - left, size - cut + left);
	mqtt_dissector.gap(&c, 0);
	feed(&c, data + cut, size - cut);
	free(c.state);
	return 0;
}
