/* Examples in words: "tcp 502: modbus write-single-register unit 1 holding 105 (40106) value 1001".
 */
#include "policy/space.h"

#include <inttypes.h>

static const char *transport(uint8_t ip_proto)
{
	return ip_proto == 6 ? "tcp" : ip_proto == 17 ? "udp" : NULL;
}

static const struct vocab_key *key_of(const struct vocab *v, enum vocab_kind kind, unsigned arg)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if (k->kind == kind && k->arg == arg)
			return k;
	return NULL;
}

static void put_object(FILE *f, const struct vocab *v, const struct op *op)
{
	const struct op_object *o = &op->object;
	const struct vocab_key *k;
	char text[4 * SPACE_NAME_MAX];
	unsigned i;

	for (i = 0; i < o->npath; i++) {
		k = key_of(v, VOCAB_PATH, i);
		fprintf(f, " %s %" PRIu32, k ? k->name : "path", o->path[i]);
	}
	k = key_of(v, VOCAB_SPACE, o->space);
	if (k) {
		fprintf(f, " %s %" PRIu64, k->name, o->first);
		if (k->prefix != 0xff)
			fprintf(f, " (%u%0*" PRIu64 ")", k->prefix, o->first >= 9999 ? 5 : 4,
				o->first + 1);
		return;
	}
	if (o->name.len == 0)
		return;
	k = key_of(v, VOCAB_TOPIC, o->space);
	if (!k)
		k = key_of(v, VOCAB_NAME, o->space);
	op_object_str(&(struct op_object){.space = o->space, .name = o->name}, text, sizeof(text));
	fprintf(f, " %s \"%s\"", k ? k->name : op_space_name((enum op_space)o->space), text);
}

/* True when the code alone does not say the class: objects or directions decide. */
static bool ambiguous(const struct vocab *v, const struct op *op)
{
	const struct vocab_op *o;

	for (o = v->ops; o && o->cls != OP_CLASSES; o++)
		if (o->code == op->code && o->cls != op->cls)
			return true;
	return !v->ops || !*op->name;
}

static void put_op(FILE *f, const struct space_example *ex)
{
	struct op op = space_example_op(ex);
	const struct vocab *v = vocab_find(op.proto);
	struct op_object actor = {.space = OP_SPACE_TOPIC, .name = op.actor};
	char text[4 * SPACE_NAME_MAX];

	fprintf(f, ": %s ", op.proto);
	if (*op.name)
		fputs(op.name, f);
	else
		fprintf(f, "code %" PRIu32, op.code);
	if (ambiguous(v, &op))
		fprintf(f, " (%s)", op_class_name((enum op_class)op.cls));
	if (op.unit >= 0)
		fprintf(f, " %s %" PRId32, vocab_unit_name(op.proto), op.unit);
	put_object(f, v, &op);
	if (op.actor.len) {
		op_object_str(&actor, text, sizeof(text));
		fprintf(f, " by \"%s\"", text);
	}
	if (op.values.type != OP_V_NONE) {
		op_values_str(&op.values, 1, text, sizeof(text));
		fprintf(f, " value %s", text);
	}
}

const char *space_example_words(const struct space_example *ex, char *buf, size_t size)
{
	FILE *f = fmemopen(buf, size, "w");

	buf[0] = '\0';
	if (!f)
		return buf;
	if (transport(ex->ip_proto))
		fprintf(f, "%s %u", transport(ex->ip_proto), ex->port);
	else if (ex->ip_proto == 1 || ex->ip_proto == 58)
		fprintf(f, "%s type %u", ex->ip_proto == 1 ? "icmp" : "icmpv6", ex->port >> 8);
	else
		fprintf(f, "ip protocol %u", ex->ip_proto);
	if (ex->is_op)
		put_op(f, ex);
	fclose(f);
	buf[size - 1] = '\0';
	return buf;
}

const char *space_end_words(const struct policy *p, const struct addr *a, const struct mac *mac,
			    char *buf, size_t size)
{
	struct policy_place place = policy_place(p, a, mac);
	char text[ADDR_STRLEN], m[MAC_STRLEN];

	addr_str(a, text);
	if (place.asset != POLICY_NONE)
		snprintf(buf, size, "%s (%s)", p->asset[place.asset].id,
			 p->asset[place.asset].has_address || !mac ? text : mac_str(mac, m));
	else if (place.zone != POLICY_NONE)
		snprintf(buf, size, "%s in %s", text, p->zone[place.zone].id);
	else
		snprintf(buf, size, "%s", text);
	return buf;
}
