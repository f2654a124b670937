#include "sink/eve_app.h"

#define TEXT_MAX 512 /* bytes of a name or of values in a record, with the NUL */

static void put_slice(json_t *o, const char *key, struct slice s)
{
	const struct op_object name = {.name = s};
	char text[TEXT_MAX];

	if (s.len == 0)
		return;
	op_object_str(&name, text, sizeof(text));
	json_object_set_new(o, key, json_string(text));
}

static void put_values(json_t *o, const char *key, const struct op_values *v)
{
	char text[TEXT_MAX];

	if (v->type == OP_V_NONE)
		return;
	op_values_str(v, TEXT_MAX / 4 - 8, text, sizeof(text));
	json_object_set_new(o, key, json_string(text));
}

static void modbus(json_t *record, const struct op *op)
{
	json_t *side = json_object(), *access = json_object();
	bool write = op->cls == OP_WRITE;

	eve_put_int(side, "transaction_id", op->transaction);
	eve_put_int(side, "protocol_id", 0);
	if (op->unit >= 0)
		eve_put_int(side, "unit_id", (uint64_t)op->unit);
	eve_put_int(side, "function_raw", op->code);
	eve_put(side, "function_code", op->name);
	if (op->status) {
		json_t *exception = json_object();

		eve_put_int(exception, "raw", op->status);
		eve_put(exception, "code", op->error);
		json_object_set_new(side, "exception", exception);
	}
	if (op->object.space != OP_SPACE_NONE) {
		eve_put_int(access, "address", op->object.first);
		eve_put_int(access, "quantity", op->object.count);
		put_values(access, "data", &op->values);
		json_object_set(side, write ? "write" : "read", access);
	}
	json_decref(access);
	json_object_set_new(record, "modbus", json_pack("{s:o}", op_role_name(op->role), side));
}

/* CIP travels inside the encapsulation, and is shown there. */
static void enip(json_t *record, const struct op *op)
{
	static const char *const path[] = {"class_id", "instance", "attribute"};
	json_t *side = json_object(), *cip = json_object();
	unsigned i;

	if (strcmp(op->proto, "enip") == 0) {
		eve_put_int(side, "command_raw", op->code);
		eve_put(side, "command", op->name);
		eve_put_int(side, "status_raw", op->status);
		eve_put(side, "status", op->error);
	} else {
		eve_put_int(cip, "service_raw", op->code);
		eve_put(cip, "service", op->name);
		if (op->object.space == OP_SPACE_OBJECT)
			for (i = 0; i < op->object.npath && i < 3; i++)
				eve_put_int(cip, path[i], op->object.path[i]);
		put_slice(cip, "segment", op->object.name);
		if (op->role == OP_RESPONSE) {
			eve_put_int(cip, "status_raw", op->status);
			eve_put(cip, "status", op->error);
		}
		json_object_set(side, "cip", cip);
	}
	json_decref(cip);
	json_object_set_new(record, "enip", json_pack("{s:o}", op_role_name(op->role), side));
}

static void mqtt(json_t *record, const struct op *op)
{
	json_t *packet = json_object();

	put_slice(packet, "client_id", op->actor);
	put_slice(packet, "topic", op->object.name);
	if (op->transaction)
		eve_put_int(packet, "message_id", op->transaction);
	if (op->role == OP_RESPONSE)
		eve_put_int(packet, "reason_code", op->status);
	put_values(packet, "message", &op->values);
	json_object_set_new(record, "mqtt", json_pack("{s:o}", op->name, packet));
}

static const struct app {
	const char *proto, *event;
	void (*add)(json_t *record, const struct op *op);
} apps[] = {
	{"modbus", "modbus", modbus},
	{"enip", "enip", enip},
	{"cip", "enip", enip},
	{"mqtt", "mqtt", mqtt},
};

static const struct app *app_of(const struct op *op)
{
	size_t i;

	for (i = 0; i < sizeof(apps) / sizeof(*apps); i++)
		if (strcmp(apps[i].proto, op->proto) == 0)
			return &apps[i];
	return NULL;
}

const char *eve_app_event(const struct op *op)
{
	const struct app *a = app_of(op);

	return a ? a->event : op->proto;
}

void eve_app_add(json_t *record, const struct op *op)
{
	const struct app *a = app_of(op);

	if (a)
		a->add(record, op);
}
