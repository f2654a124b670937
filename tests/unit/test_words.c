/* What alerts say, in both languages. */
#include "engine_world.h"

static void a_value_is_named_with_its_address(void **state)
{
	struct world *w = *state;
	const struct incident *i;

	fake.op = POLICY_VALUE_DENIED;
	fake.conduit = 0;
	fake.value = 900;
	fake.expected = "modbus write unit 1 holding 100-119 value 0..1000";
	run_op(w);
	i = only(w, "policy.value-out-of-range");
	assert_string_equal(i->observed,
			    "hmi-1 (10.40.0.5) wrote 900 to holding register 116 (40117) of plc-1 "
			    "(10.50.0.11), unit 1 (write-single-register)");
	assert_string_equal(i->expected,
			    "conduit hmi-plc permits modbus write unit 1 holding 100-119 value "
			    "0..1000");
	assert_string_equal(i->verdict, "would-degrade");
	assert_string_equal(i->conduit, "hmi-plc");
	assert_string_equal(i->src_asset, "hmi-1");
	assert_string_equal(i->dst_zone, "control");
	assert_int_equal(i->flow_id, 42);
	assert_int_equal(i->first_frame, 4);
	assert_int_equal(i->op_code, 6);
	assert_string_equal(i->values, "900");
}

static void the_same_in_japanese(void **state)
{
	struct world *w = *state;
	const struct incident *i;

	engine_start(w, any_policy, FINDING_JA);
	fake.op = POLICY_VALUE_DENIED;
	fake.value = 900;
	fake.expected = "modbus write holding 100-119";
	run_op(w);
	i = only(w, "policy.value-out-of-range");
	assert_string_equal(i->observed,
			    "hmi-1 (10.40.0.5) が plc-1 (10.50.0.11) ユニット 1 の保持レジスタ "
			    "116 (40117) に 900 を書き込みました (write-single-register)");
	assert_string_equal(i->expected,
			    "コンジット hmi-plc が許可するのは modbus write holding 100-119");
}

static void one_of_many_values(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_VALUE_DENIED;
	fake.value = 70000;
	fake.value_index = 2;
	w->op.object.count = w->op.values.count = 3;
	w->op.values.raw.len = 6;
	run_op(w);
	assert_string_equal(
		only(w, "policy.value-out-of-range")->observed,
		"hmi-1 (10.40.0.5) wrote 70000 to holding register 118 (40119) of plc-1 "
		"(10.50.0.11), unit 1 (write-single-register), value 3 of 3");
}

static void an_object_outside(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OBJECT_DENIED;
	fake.object = 120;
	w->op.cls = OP_READ;
	w->op.name = "read-holding-registers";
	w->op.values = (struct op_values){.type = OP_V_NONE};
	w->op.object.count = 10;
	run_op(w);
	assert_string_equal(
		only(w, "policy.object-out-of-range")->observed,
		"hmi-1 (10.40.0.5) read holding registers 116-125 (40117-40126) of plc-1 "
		"(10.50.0.11), unit 1 (read-holding-registers), first outside: 120");
}

static void a_command(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OP_DENIED;
	fake.known = "cip";
	w->op = (struct op){
		.proto = "cip",
		.name = "stop",
		.code = 7,
		.unit = 2,
		.cls = OP_CONTROL,
		.object = {.space = OP_SPACE_OBJECT, .npath = 2, .path = {0x8e, 1}},
	};
	run_op(w);
	assert_string_equal(only(w, "policy.op-denied")->observed,
			    "hmi-1 (10.40.0.5) sent a control command for class 142 instance 1 to "
			    "plc-1 (10.50.0.11), slot 2 (stop)");
	assert_string_equal(w->memory.alert[0].finding->attack_class[OP_CONTROL][1], "T0858");
}

static void a_delivery_goes_the_other_way(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OP_DENIED;
	fake.known = "mqtt";
	w->op = (struct op){
		.proto = "mqtt",
		.name = "publish",
		.code = 3,
		.unit = -1,
		.role = OP_PUBLISH,
		.from_server = true,
		.cls = OP_WRITE,
		.actor = slice_str("sensor\n7"),
		.object = {.space = OP_SPACE_TOPIC, .name = slice_str("line1/設定")},
		.values = {.raw = slice_str("on"), .count = 1, .type = OP_V_TEXT},
	};
	run_op(w);
	assert_string_equal(
		only(w, "policy.op-denied")->observed,
		"plc-1 (10.50.0.11) delivered \"on\" of topic line1/設定 to hmi-1 (10.40.0.5) "
		"(publish, client sensor\\x0a7)");
	assert_true(w->memory.alert[0].to_client);
	assert_int_equal(w->memory.alert[0].sport, 502);
}

static void anomalies_become_findings(void **state)
{
	struct world *w = *state;
	const struct anomaly a = {.kind = ANOMALY_MALFORMED,
				  .proto = "modbus",
				  .reason = "length does not fit the function",
				  .offset = 4,
				  .value = 300,
				  .frame = 12,
				  .time = SECOND};
	const struct anomaly b = {.kind = ANOMALY_CHECKSUM,
				  .proto = "ipv4",
				  .reason = "checksum",
				  .time = 2 * SECOND};

	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.anomaly(w->e, &w->flow, NULL, &a);
	engine_handlers.anomaly(w->e, &w->flow, NULL, &a);
	engine_handlers.anomaly(w->e, NULL, NULL, &b);
	engine_flush(w->e);
	assert_int_equal(w->memory.anomalies, 3);
	assert_int_equal(w->memory.alerts, 2);
	assert_string_equal(w->memory.alert[0].finding->id, "decode.malformed");
	assert_int_equal(w->memory.alert[0].count, 2);
	assert_string_equal(w->memory.alert[0].observed,
			    "hmi-1 (10.40.0.5) > plc-1 (10.50.0.11), modbus: length does not fit "
			    "the function, value 300, at byte 4");
	assert_string_equal(w->memory.alert[1].finding->id, "decode.checksum");
	assert_false(w->memory.alert[1].has_addr);
}

static void names_that_are_too_long_stay_utf8(void **state)
{
	struct world *w = *state;
	static char topic[3001];
	struct incident *i;
	size_t k, len;

	for (k = 0; k < 3000; k += 3)
		memcpy(topic + k, "設", 3);
	engine_start(w, any_policy, FINDING_JA);
	fake.op = POLICY_OP_DENIED;
	w->op.object = (struct op_object){.space = OP_SPACE_TOPIC, .name = slice_of(topic, 3000)};
	for (k = 0; k < 3; k++) {
		w->memory.alerts = 0;
		assets[0].id = &"xxhmi-1"[k];
		run_op(w);
		i = &w->memory.alert[0];
		assert_int_equal(w->memory.alerts, 1);
		len = strlen(i->observed);
		assert_in_range(len, INCIDENT_OBJECT, INCIDENT_TEXT);
		assert_in_range(strlen(i->object), INCIDENT_OBJECT - 3, INCIDENT_OBJECT - 1);
		assert_int_equal(strlen(i->object) % 3, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_is_named_with_its_address),
		TEST(the_same_in_japanese),
		TEST(one_of_many_values),
		TEST(an_object_outside),
		TEST(a_command),
		TEST(a_delivery_goes_the_other_way),
		TEST(anomalies_become_findings),
		TEST(names_that_are_too_long_stay_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
