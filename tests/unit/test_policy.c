/* What is written in a policy means what it says: places, flows, ops, services, grants. */
#include "policy_base.h"
#include "policy_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A Modbus write of up to eight registers from first on. */
static struct op_values regs(uint8_t *raw, const uint16_t *v, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		raw[2 * i] = (uint8_t)(v[i] >> 8);
		raw[2 * i + 1] = (uint8_t)v[i];
	}
	return (struct op_values){slice_of(raw, 2 * n), n, OP_V_U16, true};
}

static void every_value(void **state)
{
	struct policy *p = must(ALLOW("{modbus: {do: read}}, {modbus: {do: write, unit: 1, "
				      "holding: 100-200, value: 0..200}}"),
				0);
	struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	struct policy_op_decision x;
	uint16_t v[4] = {1, 2, 200, 201};
	uint8_t raw[16];
	struct op op;

	(void)state;
	assert_int_equal(d.verdict, POLICY_LATER);
	op = modbus_op(OP_READ, 7, 60000, 125);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op = modbus_op(OP_WRITE, 1, 198, 3);
	op.values = regs(raw, v, 3);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op = modbus_op(OP_WRITE, 1, 150, 4);
	op.values = regs(raw, v, 4);
	x = policy_op(policy_rest(p), &d, &op);
	assert_int_equal(x.verdict, POLICY_VALUE_DENIED);
	assert_int_equal(x.value_index, 3);
	assert_true(x.value == 201);
	assert_string_equal(x.expected, "modbus read; modbus write unit 1 holding "
					"100-200 value 0..200");
	op.object.first = 99;
	op.values.count = op.object.count = 2;
	x = policy_op(policy_rest(p), &d, &op);
	assert_int_equal(x.verdict, POLICY_OBJECT_DENIED);
	assert_int_equal(x.object, 99);
	op.object.first = 200;
	x = policy_op(policy_rest(p), &d, &op);
	assert_int_equal(x.verdict, POLICY_OBJECT_DENIED);
	assert_int_equal(x.object, 201);
	op.unit = 2;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	op = modbus_op(OP_CONTROL, 1, 0, 0);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	/* values that cannot be read are not permitted */
	op = modbus_op(OP_WRITE, 1, 150, 1);
	op.values = (struct op_values){slice_of(raw, 2), 0, OP_V_RAW, false};
	x = policy_op(policy_rest(p), &d, &op);
	assert_int_equal(x.verdict, POLICY_VALUE_DENIED);
	assert_true(isnan(x.value));
	assert_non_null(strstr(x.expected, "are not numbers"));
	/* a mask write is judged by both ends of what it can make */
	memcpy(raw, "\xff\x00\x00\x0f", 4);
	op.values = (struct op_values){slice_of(raw, 4), 1, OP_V_MASK16, true};
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_VALUE_DENIED);
	memcpy(raw, "\x00\x0f\x00\x10", 4);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	/* an address at the end of all numbers does not wrap */
	op = modbus_op(OP_WRITE, 1, UINT64_MAX, 200);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
	policy_free(p);
}

static void pieces(void **state)
{
	struct policy *p = must(ALLOW("{modbus: {do: write, holding: 0-9, value: 0..5}}, "
				      "{modbus: {do: write, holding: 10-19, value: 0..100}}, "
				      "{modbus: {do: write, holding: 12, value: 1000}}"),
				0);
	struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	uint16_t v[5] = {5, 5, 100, 100, 1000};
	struct op op = modbus_op(OP_WRITE, 1, 8, 5);
	struct policy_op_decision x;
	uint8_t raw[16];

	(void)state;
	op.values = regs(raw, v, 5);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	v[1] = 6;
	op.values = regs(raw, v, 5);
	x = policy_op(policy_rest(p), &d, &op);
	assert_int_equal(x.verdict, POLICY_VALUE_DENIED);
	assert_int_equal(x.value_index, 1);
	policy_free(p);
}

/* Whoever asks for a bit more than one conduit permits must not get around its limit. */
static void a_limit_holds_for_ops_that_several_permit(void **state)
{
	static const char text[] =
		"zones:\n  a: {level: control, networks: [10.1.0.0/16]}\n"
		"  b: {level: control-information, networks: [10.2.0.0/16]}\n"
		"conduits:\n"
		"  - {id: few, from: b, to: a, allow: [{modbus: {do: read, holding: 0-9}}],\n"
		"     limit: {ops: 5/m}}\n"
		"  - {id: more, from: b, to: a, allow: [{modbus: {do: read, holding: 10-99}}]}\n";
	struct policy *p = must(text, 0);
	struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	struct op op = modbus_op(OP_READ, 1, 8, 5);
	struct policy_op_decision x = policy_op(policy_rest(p), &d, &op);

	(void)state;
	assert_int_equal(x.verdict, POLICY_ALLOW);
	assert_string_equal(policy_conduit_at(p, x.conduit)->id, "few");
	op = modbus_op(OP_READ, 1, 10, 5);
	x = policy_op(policy_rest(p), &d, &op);
	assert_string_equal(policy_conduit_at(p, x.conduit)->id, "more");
	policy_free(p);
}

static void notations(void **state)
{
	static const char *const same[] = {
		ALLOW("{modbus: {do: read, holding: 100-119, coil: 16}}"),
		ALLOW("{modbus: {do: read, holding: 0x64-0x77, coil: [0x10]}}"),
		ALLOW("{modbus: {do: read, addresses: 1-based, holding: 101-120, coil: 17}}"),
		ALLOW("{modbus: {do: read, addresses: 4xxxx, holding: 40101-40120, coil: 00017}}"),
		"addresses: 4xxxx\n" ALLOW("{modbus: {do: read, holding: [400101-40110, "
					   "40111-400120], coil: 000017}}"),
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct policy *p = must(same[i], 0);
		struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
		struct op op = modbus_op(OP_READ, 1, 100, 20);

		assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
		op.object.count = 21;
		assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
		op.object = (struct op_object){.space = OP_SPACE_COIL, .first = 16, .count = 1};
		assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
		op.object.space = OP_SPACE_INPUT;
		assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
		policy_free(p);
	}
	/* looks like 4xxxx, is not */
	policy_free(must(ALLOW("{modbus: {do: read, holding: 40101}}"), 1));
}

static void services(void **state)
{
	struct policy *p =
		must(ALLOW("{tcp: [443, 8000-8010]}, {udp: 123}, {icmp: echo}, {ip: 47}, "
			   "{modbus: {do: read, port: 502}}"),
		     0);
	struct policy_flow_decision d;
	struct op op = modbus_op(OP_WRITE, 1, 0, 1);

	(void)state;
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 443), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 8005), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 502), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 80), POLICY_PORT_DENIED);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 17, 123), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 1, 8 << 8), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 1, 5 << 8), POLICY_PORT_DENIED);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 58, 128 << 8), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 47, 0), POLICY_LATER);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 50, 0), POLICY_PORT_DENIED);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 443);
	assert_true(policy_proto_known(policy_rest(p), &d, "TLS"));
	/* Modbus on another port than its own, though the port is open */
	assert_true(policy_proto_known(policy_rest(p), &d, "modbus") == false);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	assert_true(policy_proto_known(policy_rest(p), &d, "modbus"));
	assert_false(policy_proto_known(policy_rest(p), &d, "TLS"));
	policy_free(p);

	/* a port alone permits all in it; with rules for a protocol, these judge it */
	p = must(ALLOW("{tcp: 502}"), 0);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	assert_int_equal(d.verdict, POLICY_ALLOW);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	policy_free(p);
	p = must(ALLOW("{tcp: 502}, {modbus: {do: read}}"), 0);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	assert_int_equal(d.verdict, POLICY_LATER);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	op.proto = "cip";
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	policy_free(p);
	p = must(ALLOW("{ip: any}"), 0);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 132, 9), POLICY_ALLOW);
	policy_free(p);
}

static void between_zones(void **state)
{
	struct policy *p = must(ALLOW("{tcp: 1}"), 0);

	(void)state;
	/* replies are implied, conversations the other way are not */
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.2.0.1", 6, 1), POLICY_NO_CONDUIT);
	assert_int_equal(flow_verdict(p, "10.2.0.9", "10.1.0.1", 6, 1), POLICY_NO_CONDUIT);
	assert_int_equal(flow_verdict(p, "10.3.0.9", "10.1.0.1", 6, 1), POLICY_LAYER_SKIPPED);
	assert_int_equal(flow_verdict(p, "10.3.0.9", "10.2.0.1", 6, 1), POLICY_LAYER_SKIPPED);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.1.0.2", 6, 1), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "192.0.2.1", "10.1.0.2", 6, 1), POLICY_NO_CONDUIT);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "239.1.1.1", 17, 1), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "255.255.255.255", 17, 67), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "fe80::1", "ff02::1", 58, 0), POLICY_SAME_ZONE);
	policy_free(p);
	p = must("default: allow\n" ALLOW("{tcp: 1}"), 0);
	assert_int_equal(flow_verdict(p, "10.3.0.9", "10.1.0.1", 6, 1), POLICY_DEFAULT_ALLOW);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 2), POLICY_PORT_DENIED);
	policy_free(p);
	/* inside a zone a conduit rules the pair it names */
	p = must(BASE "conduits:\n  - {id: c, from: plc-1, to: plc-2, allow: [{tcp: 1}]}\n", 0);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.1.0.2", 6, 1), POLICY_ALLOW);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.1.0.2", 6, 2), POLICY_PORT_DENIED);
	assert_int_equal(flow_verdict(p, "10.1.0.2", "10.1.0.1", 6, 2), POLICY_SAME_ZONE);
	policy_free(p);
	p = must("zones:\n  s: {level: safety, networks: [10.9.0.0/16]}\n"
		 "  c: {level: control, networks: [10.1.0.0/16]}\n"
		 "  i: {level: control-information, networks: [10.2.0.0/16]}\n",
		 0);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.9.0.1", 6, 1), POLICY_NO_CONDUIT);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.9.0.1", 6, 1), POLICY_LAYER_SKIPPED);
	policy_free(p);
}

static void grants(void **state)
{
	struct policy *p = must(
		BASE "conduits:\n"
		     "  - {id: look, from: hmi-1, to: plc-1, allow: [{modbus: {do: read}}]}\n"
		     "  - {id: change, from: hmi-1, to: [plc-1, plc-2], when: {grant: required},\n"
		     "     allow: [{modbus: {do: write}}]}\n",
		0);
	struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	struct op op = modbus_op(OP_WRITE, 1, 0, 1);
	struct policy_op_decision x = policy_op(policy_rest(p), &d, &op);

	(void)state;
	assert_int_equal(d.verdict, POLICY_LATER);
	assert_int_equal(x.verdict, POLICY_GRANT_MISSING);
	assert_string_equal(policy_conduit_at(p, x.conduit)->id, "change");
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.2", 6, 502), POLICY_GRANT_MISSING);
	policy_free(p);
}

static struct op mqtt_op(const char *name, enum op_class cls, const char *topic, const char *client)
{
	return (struct op){
		.proto = vocab_find("mqtt")->proto,
		.name = name,
		.cls = (uint8_t)cls,
		.unit = -1,
		.object = {.space = cls == OP_SESSION ? OP_SPACE_NONE : OP_SPACE_TOPIC,
			   .name = slice_str(topic)},
		.actor = slice_str(client),
	};
}

static void topics(void **state)
{
	static const struct {
		const char *topic;
		bool ok;
	} t[] = {
		{"plant/a/temp", true},
		{"plant/a/b/temp", false},
		{"plant/+/temp", true},
		{"plant/#", false},
		{"line", true},
		{"line/x/y", true},
		{"line/#", true},
		{"lines", false},
		{"#", false},
		{"+/a/temp", false},
		{"$share/g/line/1", true},
		{"$share/g/other", false},
		{"$SYS/broker", false},
		{"", false},
		{"plant//temp", true},
	};
	struct policy *p = must(ALLOW("{mqtt: {do: [read, write], topic: [\"plant/+/temp\", "
				      "\"line/#\"], client: \"gw-*\"}}"),
				0);
	struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 1883);
	struct op op;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		op = mqtt_op("subscribe", OP_READ, t[i].topic, "gw-1");
		assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict,
				 t[i].ok ? POLICY_ALLOW : POLICY_OBJECT_DENIED);
	}
	op = mqtt_op("subscribe", OP_READ, "line", "other");
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	/* who may do something may connect, and nobody else */
	op = mqtt_op("connect", OP_SESSION, "", "gw-7");
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op = mqtt_op("connect", OP_SESSION, "", "intruder");
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	policy_free(p);

	/* what the broker delivers is read; a wildcard at the start keeps out of $SYS */
	p = must(ALLOW("{mqtt: {do: read, topic: \"#\"}}"), 0);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 1883);
	op = mqtt_op("publish", OP_WRITE, "a/b", "");
	op.role = OP_PUBLISH;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	op.from_server = true;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op.object.name = slice_str("$SYS/x");
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
	policy_free(p);
}

static void cip(void **state)
{
	struct policy *p =
		must(ALLOW("{cip: {do: write, class: 0x04, instance: 100-110, attribute: 3, "
			   "tag: \"Line1.*\"}}, {cip: {service: read-tag}}, {cip: {do: discover}}"),
		     0);
	struct policy_flow_decision d = flow(p, "10.2.0.1", "10.1.0.1", 6, 44818);
	struct op op = {.proto = vocab_find("cip")->proto,
			.cls = OP_WRITE,
			.unit = -1,
			.object = {.space = OP_SPACE_OBJECT, .npath = 3, .path = {4, 105, 3}}};

	(void)state;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op.object.path[1] = 111;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
	op.object.path[1] = 100;
	op.object.npath = 2; /* all attributes: more than the one */
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
	op.object = (struct op_object){.space = OP_SPACE_TAG, .name = slice_str("Line1.Speed")};
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op.object.name = slice_str("Line2.Speed");
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OBJECT_DENIED);
	op.cls = OP_READ;
	op.code = 0x4c;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op.cls = OP_PROGRAM; /* the same code elsewhere means something else */
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	/* CIP needs a session below */
	op = (struct op){.proto = vocab_find("enip")->proto, .cls = OP_SESSION, .unit = -1};
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op.cls = OP_DISCOVER;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_ALLOW);
	op.cls = OP_WRITE;
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_OP_DENIED);
	assert_true(policy_proto_known(policy_rest(p), &d, "enip"));
	assert_true(policy_proto_known(policy_rest(p), &d, "cip"));
	assert_false(policy_proto_known(policy_rest(p), &d, "modbus"));
	policy_free(p);
}

static void places(void **state)
{
	static const char text[] =
		"zones:\n"
		"  wan: {level: external, networks: [any]}\n"
		"  plant: {level: control, networks: [10.0.0.0/8, \"fd00::/16\"]}\n"
		"  cell: {level: field, networks: [10.1.2.0/24], inside: plant}\n"
		"  radio: {level: iot}\n"
		"assets:\n"
		"  robot: {zone: cell, addresses: [10.1.2.3, 10.1.2.4]}\n"
		"  camera: {zone: cell, mac: \"00:11:22:33:44:55\"}\n"
		"  tag: {zone: radio, mac: \"00-11-22-33-44-66\"}\n";
	struct mac camera = {{0, 0x11, 0x22, 0x33, 0x44, 0x55}};
	struct mac tag = {{0, 0x11, 0x22, 0x33, 0x44, 0x66}};
	struct policy *p = must(text, 1); /* radio has no networks */
	struct policy_place x;
	struct addr a;

	(void)state;
	assert_int_equal(at(p, "198.51.100.1").zone, 0);
	assert_int_equal(at(p, "2001:db8::1").zone, 0);
	assert_int_equal(at(p, "10.9.9.9").zone, 1);
	assert_int_equal(at(p, "fd00::1").zone, 1);
	assert_int_equal(at(p, "10.1.2.9").zone, 2);
	assert_int_equal(at(p, "10.1.2.9").asset, POLICY_NONE);
	assert_int_equal(at(p, "10.1.2.4").asset, 0);
	assert_int_equal(at(p, "224.0.0.1").zone, POLICY_NONE);
	assert_true(at(p, "224.0.0.1").segment);
	assert_true(at(p, "fe80::1").segment);
	assert_false(at(p, "10.9.9.9").segment);
	addr_parse("10.1.2.77", &a);
	assert_int_equal(policy_place(p, &a, &camera).asset, 1);
	addr_parse("169.254.7.7", &a);
	x = policy_place(p, &a, &camera);
	assert_int_equal(x.asset, 1);
	assert_int_equal(x.zone, 2);
	/* a foreign address with a known MAC came through a router */
	addr_parse("198.51.100.1", &a);
	assert_int_equal(policy_place(p, &a, &camera).asset, POLICY_NONE);
	addr_parse("10.1.2.3", &a);
	assert_int_equal(policy_place(p, &a, &tag).asset, 0);
	policy_free(p);
}

/* The reasons for a denial stay short however much a conduit permits. */
static void long_expectations(void **state)
{
	char text[16384];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s",
				    BASE "conduits:\n  - id: c\n    from: hmi-1\n    to: plc-1\n"
					 "    allow:\n");
	struct policy_op_decision x;
	struct policy_flow_decision d;
	struct op op = modbus_op(OP_WRITE, 1, 9999, 1);
	struct policy *p;
	unsigned i;

	(void)state;
	for (i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "      - modbus: {do: write, holding: [%u, %u, %u]}\n",
				      i * 10, i * 10 + 2, i * 10 + 4);
	p = must(text, 0);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	x = policy_op(policy_rest(p), &d, &op);
	assert_int_equal(x.verdict, POLICY_OBJECT_DENIED);
	assert_true(strlen(x.expected) <= 300);
	assert_non_null(strstr(x.expected, " more)"));
	policy_free(p);
}

/* What model1.yaml says about its own normal day and a few bad ones. */
static void model1(void **state)
{
	struct diag diag = {0};
	struct policy *p = policy_load("zones/model1.yaml", &diag);
	struct policy_flow_decision d;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	(void)state;
	diag_print(&diag, stderr);
	assert_non_null(p);
	assert_int_equal(diag.count, 0);
	assert_int_equal(flow_verdict(p, "10.10.0.30", "10.10.0.20", 6, 443), POLICY_ALLOW);
	assert_int_equal(flow_verdict(p, "10.10.0.30", "10.10.0.20", 6, 22), POLICY_PORT_DENIED);
	assert_int_equal(flow_verdict(p, "10.20.0.10", "10.50.0.11", 6, 502), POLICY_LAYER_SKIPPED);
	assert_int_equal(flow_verdict(p, "203.0.113.9", "10.30.0.5", 6, 1883),
			 POLICY_LAYER_SKIPPED);
	d = flow(p, "10.40.0.5", "10.50.0.11", 6, 502);
	assert_string_equal(policy_conduit_at(p, d.conduit)->id, "hmi-plc");
	f = open_memstream(&text, &len);
	policy_explain(p, f);
	fclose(f);
	assert_non_null(strstr(text,
			       "who may write\n      hmi-1: modbus write unit 1 holding 100-119 "
			       "(0-based; 40101-40120) value 0..1000 (hmi-plc)\n"));
	free(text);
	policy_free(p);
	diag_free(&diag);
}

static char *read_text(const char *path)
{
	enum { SIZE = 1 << 20 };
	char *text = calloc(1, SIZE);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(fread(text, 1, SIZE - 1, f) > 0);
	fclose(f);
	return text;
}

/* A policy whose only conduit allows these lines. */
static void add_entries(char *text, size_t size, const char *lines)
{
	size_t n = (size_t)snprintf(text, size, "%s",
				    BASE "conduits:\n  - id: c\n    from: hmi-1\n    to: plc-1\n"
					 "    allow:\n");
	size_t len;

	for (; *lines; lines += len) {
		len = strcspn(lines, "\n") + 1;
		n += (size_t)snprintf(text + n, size - n, "      %.*s", (int)len, lines);
	}
}

/* Every example of the language's reference loads, and every word of a protocol is in it. */
static void reference(void **state)
{
	char *doc = read_text("zones/README.md"), *block = doc, *end, word[64];
	const struct vocab_key *k;
	const struct vocab *v;
	unsigned blocks = 0, i;

	(void)state;
	for (i = 0; (v = vocab_at(i)); i++)
		for (k = v->keys; k->name; k++) {
			snprintf(word, sizeof(word), "`%s`", k->name);
			if (!strstr(doc, word))
				fail_msg("zones/README.md does not explain %s of %s", word,
					 v->proto);
		}
	while ((block = strstr(block, "```yaml\n"))) {
		char *text = calloc(1, 1 << 16);
		struct diag diag = {0};
		struct policy *p;
		bool skip;

		block += strlen("```yaml\n");
		end = strstr(block, "```");
		assert_non_null(end);
		*end = '\0';
		skip = strncmp(block, "# file:", 7) == 0; /* several files: test_include.c */
#ifndef HAVE_MAXMINDDB
		skip = skip || strstr(block, "geo:");
#endif
		if (skip) {
			free(text);
			block = end + 1;
			continue;
		}
		/* a whole policy, entries of allow, or keys of the top */
		if (strstr(block, "zones:"))
			snprintf(text, 1 << 16, "%s", block);
		else if (block[0] == '-')
			add_entries(text, 1 << 16, block);
		else
			snprintf(text, 1 << 16, "%s%s", block, BASE);
		p = policy_load_buffer("zones/README.md", text, strlen(text), &diag);
		if (!p) {
			diag_print(&diag, stderr);
			fail_msg("this example does not load:\n%s", text);
		}
		policy_free(p);
		diag_free(&diag);
		free(text);
		block = end + 1;
		blocks++;
	}
	assert_true(blocks >= 7);
	free(doc);
}

/* 10,000 assets and 2,000 conduits: no step of loading may be quadratic. */
static void large(void **state)
{
	enum { ASSETS_N = 10000, CONDUITS_N = 2000 };
	size_t size = 4 << 20, n = 0, len = 0;
	char *text = malloc(size), *explained = NULL;
	struct timespec a, b;
	struct policy *p;
	unsigned i;
	FILE *f;

	(void)state;
	n += (size_t)snprintf(text + n, size - n, "zones:\n");
	for (i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, size - n,
				      "  zone-%u: {level: control, networks: [10.%u.0.0/16]}\n", i,
				      i);
	n += (size_t)snprintf(text + n, size - n, "assets:\n");
	for (i = 0; i < ASSETS_N; i++)
		n += (size_t)snprintf(
			text + n, size - n,
			"  device-%u: {zone: zone-%u, address: 10.%u.%u.%u, role: plc}\n", i,
			i / 100, i / 100, i % 100 / 10, i % 10 + 1);
	n += (size_t)snprintf(text + n, size - n, "conduits:\n");
	for (i = 0; i < CONDUITS_N; i++)
		n += (size_t)snprintf(text + n, size - n,
				      "  - {id: c-%u, from: [device-%u, zone-%u], to: [device-%u, "
				      "device-%u], allow: [{modbus: {do: [read, write], holding: "
				      "%u-%u, value: 0..100}}]}\n",
				      i, i, i % 100, i * 5, 9999 - i, i, i + 100);
	clock_gettime(CLOCK_MONOTONIC, &a);
	p = must(text, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	print_message("loaded in %.0f ms\n",
		      (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	assert_true(b.tv_sec - a.tv_sec < 10); /* generous: sanitizers, slow machines */
	assert_int_equal(policy_assets(p), ASSETS_N);
	assert_int_equal(flow_verdict(p, "10.0.0.1", "10.0.0.1", 6, 502), POLICY_LATER);
	f = open_memstream(&explained, &len);
	policy_explain(p, f);
	fclose(f);
	free(explained);
	policy_free(p);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value),
		cmocka_unit_test(pieces),
		cmocka_unit_test(notations),
		cmocka_unit_test(services),
		cmocka_unit_test(between_zones),
		cmocka_unit_test(grants),
		cmocka_unit_test(topics),
		cmocka_unit_test(cip),
		cmocka_unit_test(places),
		cmocka_unit_test(long_expectations),
		cmocka_unit_test(model1),
		cmocka_unit_test(reference),
		cmocka_unit_test(large),
		cmocka_unit_test(a_limit_holds_for_ops_that_several_permit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
