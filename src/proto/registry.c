/* The one table of dissectors, in the order in which they are asked when the port says nothing. */
#include "proto/proto.h"

extern const struct dissector enip_dissector;
extern const struct dissector modbus_dissector;
extern const struct dissector modbus_rtu_dissector;
extern const struct dissector mqtt_dissector;

static const struct dissector *const table[] = {
	&modbus_dissector,
	&enip_dissector,
	&mqtt_dissector,
	&modbus_rtu_dissector, /* last: a CRC is right by chance once in 65536 times */
	NULL,
};

const struct dissector *proto_at(unsigned i)
{
	return i < sizeof(table) / sizeof(*table) ? table[i] : NULL;
}

const struct vocab *vocab_at(unsigned n)
{
	const struct vocab *const *v;
	unsigned i;

	for (i = 0; table[i]; i++)
		for (v = table[i]->vocabs; v && *v; v++)
			if (n-- == 0)
				return *v;
	return NULL;
}

const struct vocab *vocab_find(const char *proto)
{
	const struct vocab *v;
	unsigned i;

	for (i = 0; (v = vocab_at(i)); i++)
		if (strcmp(v->proto, proto) == 0)
			return v;
	return NULL;
}

const char *vocab_unit_name(const char *proto)
{
	const struct vocab *v = vocab_find(proto);
	const struct vocab_key *k;

	for (k = v ? v->keys : NULL; k && k->name; k++)
		if (k->kind == VOCAB_UNIT)
			return k->name;
	return "unit";
}

void proto_emit(struct proto_ctx *c, struct op *op)
{
	op->frame = c->frame;
	op->time = c->time;
	c->events->op(c, op);
}

void proto_anomaly(struct proto_ctx *c, enum anomaly_kind kind, const char *proto,
		   const char *reason, uint32_t offset, uint32_t value)
{
	const struct anomaly a = {
		.kind = (uint8_t)kind,
		.proto = proto,
		.reason = reason,
		.offset = offset,
		.value = value,
		.frame = c->frame,
		.time = c->time,
	};

	c->events->anomaly(c, &a);
}
