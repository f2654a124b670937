/* The engine: which finding, which verdict, what folds. */
#include "engine_world.h"

static void catalogue_and_code_agree(void **state)
{
	struct world *w = *state;
	char buf[64];
	unsigned i;

	for (i = JUDGE_NOTHING + 1; i < JUDGE_FINDINGS; i++)
		assert_non_null(catalogue_find(
			w->catalogue, judge_finding_id((enum judge_finding)i, buf, sizeof(buf))));
	assert_non_null(catalogue_at(w->catalogue, JUDGE_FINDINGS - 2));
	/* the others are about kidoban itself, and not the engine's to tell */
	for (i = JUDGE_FINDINGS - 1; catalogue_at(w->catalogue, i); i++)
		assert_memory_equal(catalogue_at(w->catalogue, i)->id, "sensor.", 7);
}

static void what_is_allowed_is_silent(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_ALLOW;
	run_op(w);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
	assert_int_equal(engine_ops(w->e, 0), 1);
	assert_int_equal(engine_ops(w->e, 1), 0);
	assert_int_equal(w->memory.ops, 1);
	assert_int_equal(w->memory.flows, 1);
	assert_string_equal(w->memory.names.client_asset, "hmi-1");
	assert_string_equal(w->memory.names.server_zone, "control");
}

static void repeats_fold_whatever_the_port(void **state)
{
	struct world *w = *state;
	int k;

	fake.op = POLICY_OP_DENIED;
	for (k = 0; k < 50; k++) {
		w->flow.port[0] = (uint16_t)(40000 + k);
		w->flow.id = (uint64_t)k;
		memset(w->flow.user, 0, sizeof(w->flow.user));
		w->op.time = k * SECOND;
		engine_handlers.opened(w->e, &w->flow);
		engine_handlers.op(w->e, &w->flow, &w->op);
	}
	engine_flush(w->e);
	assert_int_equal(only(w, "policy.op-denied")->count, 50);
}

static void a_sweep_over_objects_is_no_flood(void **state)
{
	struct world *w = *state;
	int k;

	fake.op = POLICY_OP_DENIED;
	engine_handlers.opened(w->e, &w->flow);
	for (k = 0; k < 1000; k++) {
		w->op.object.first = (uint64_t)k;
		engine_handlers.op(w->e, &w->flow, &w->op);
	}
	w->op.object.first = 3;
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, INCIDENT_PLACES);
	assert_int_equal(w->memory.alert[0].count, 1 + 1000 - INCIDENT_PLACES);
	assert_int_equal(w->memory.alert[0].elsewhere, 1000 - INCIDENT_PLACES);
	assert_int_equal(w->memory.alert[3].count, 2);
}

static void a_flood_from_made_up_addresses_is_no_flood_of_alerts(void **state)
{
	struct world *w = *state;
	unsigned k;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	for (k = 0; k < 20000; k++) {
		memset(w->flow.user, 0, sizeof(w->flow.user));
		w->flow.addr[0].b[14] = (uint8_t)(k >> 8);
		w->flow.addr[0].b[15] = (uint8_t)k;
		engine_handlers.opened(w->e, &w->flow);
	}
	engine_flush(w->e);
	/* hmi-1 is among them, and a listed asset always speaks for itself */
	assert_int_equal(w->memory.alerts, INCIDENT_PLACES + 1);
	assert_int_equal(w->memory.alert[0].elsewhere, 20000 - INCIDENT_PLACES - 1);
}

static void values_of_other_addresses_are_other_incidents(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_VALUE_DENIED;
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_handlers.op(w->e, &w->flow, &w->op);
	w->op.object.first++;
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 2);
	assert_int_equal(w->memory.alert[0].count, 2);
}

static void ops_beyond_the_limit_are_one_incident(void **state)
{
	struct world *w = *state;
	const struct incident *i;
	int k;

	fake.limits = true;
	fake.op = POLICY_ALLOW;
	conduit.ops = (struct policy_rate){.count = 5, .per = SECOND, .text = "5/s"};
	engine_start(w, any_policy, FINDING_EN);
	engine_handlers.opened(w->e, &w->flow);
	for (k = 0; k < 12; k++)
		engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	i = only(w, "policy.rate-exceeded");
	assert_int_equal(i->count, 12 - 5);
	assert_string_equal(i->verdict, "would-degrade");
	assert_string_equal(i->conduit, "hmi-plc");
	assert_string_equal(i->observed,
			    "hmi-1 (10.40.0.5) sends more ops than 5/s to plc-1 (10.50.0.11)");
}

static void connections_older_than_the_capture_are_not_opened_now(void **state)
{
	struct world *w = *state;
	int k;

	fake.limits = true;
	conduit.flows = (struct policy_rate){.count = 3, .per = 60 * SECOND, .text = "3/m"};
	engine_start(w, any_policy, FINDING_EN);
	for (k = 0; k < 20; k++) {
		memset(w->flow.user, 0, sizeof(w->flow.user));
		engine_handlers.opened(w->e, &w->flow);
	}
	assert_int_equal(w->memory.alerts, 0);
	w->flow.tcp_flags[0] = PACKET_TCP_SYN;
	for (k = 0; k < 20; k++) {
		memset(w->flow.user, 0, sizeof(w->flow.user));
		engine_handlers.opened(w->e, &w->flow);
	}
	engine_flush(w->e);
	assert_int_equal(only(w, "policy.rate-exceeded")->count, 20 - 3);
}

static void one_violation_not_two(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_LAYER_SKIPPED;
	fake.conduit = POLICY_NONE;
	run_op(w);
	only(w, "policy.layer-skipped");
	assert_int_equal(fake.asked, 0);
}

/* But what they are is told: looking is not writing. */
static void what_is_done_over_a_forbidden_flow(void **state)
{
	struct world *w = *state;
	const struct incident *i;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	engine_handlers.opened(w->e, &w->flow);
	w->op.cls = OP_READ;
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_handlers.op(w->e, &w->flow, &w->op);
	w->op.cls = OP_WRITE;
	engine_handlers.op(w->e, &w->flow, &w->op);
	memset(w->flow.user, 0, sizeof(w->flow.user)); /* another flow of the same two */
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	i = only(w, "policy.no-conduit");
	assert_string_equal(i->observed, "hmi-1 (10.40.0.5, control-info) talked to plc-1 "
					 "(10.50.0.11, control), tcp port 502; then modbus read, "
					 "write");
	assert_int_equal(i->did_mask, 1 << OP_READ | 1 << OP_WRITE);
	assert_int_equal(i->count, 2);
}

/* One protocol inside another alternates with it, op by op; each class is told once. */
static void two_protocols_over_a_forbidden_flow(void **state)
{
	struct world *w = *state;
	static const char *const protos[] = {"cip", "pccc"};
	unsigned k;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	for (k = 0; k < 6; k++) {
		if (k % 3 == 0) {
			memset(w->flow.user, 0, sizeof(w->flow.user));
			engine_handlers.opened(w->e, &w->flow);
		}
		w->op.proto = protos[k % 2];
		w->op.cls = k % 2 ? OP_READ : OP_SESSION;
		engine_handlers.op(w->e, &w->flow, &w->op);
	}
	engine_flush(w->e);
	assert_non_null(strstr(only(w, "policy.no-conduit")->observed,
			       "; then cip session; then pccc read"));
	assert_null(strstr(only(w, "policy.no-conduit")->observed, "read; then"));
}

static void flows_given_up_are_told(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_EVICTED);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_EVICTED);
	engine_flush(w->e);
	assert_int_equal(only(w, "engine.limit-reached")->count, 2);
}

static void responses_are_not_asked_for(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OP_DENIED;
	w->op.role = OP_RESPONSE;
	w->op.request_frame = 1;
	run_op(w);
	assert_int_equal(fake.asked, 0);
	assert_int_equal(w->memory.alerts, 0);
}

static void a_confirmed_write_nobody_asked_for_is_judged(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OP_DENIED;
	w->op.role = OP_RESPONSE;
	w->op.from_server = true;
	w->op.status = 2; /* refused: nothing changed */
	run_op(w);
	assert_int_equal(fake.asked, 0);
	w->op.status = 0;
	run_op(w);
	assert_int_equal(fake.asked, 1);
	assert_non_null(strstr(only(w, "policy.op-denied")->observed, "the device confirmed it"));
}

static void verdicts(void **state)
{
	static const struct {
		enum policy_mode mode;
		uint8_t action, level;
		bool flow;
		const char *verdict;
	} cases[] = {
		{MODE_DETECT, ACTION_ALERT, LEVEL_CONTROL, false, "alert"},
		{MODE_DETECT, ACTION_DROP, LEVEL_CONTROL, false, "would-drop"},
		{MODE_DETECT, ACTION_REJECT, LEVEL_CONTROL, false, "would-reject"},
		{MODE_DETECT, ACTION_QUARANTINE, LEVEL_CONTROL, false, "would-quarantine"},
		{MODE_DETECT, ACTION_DEGRADE, LEVEL_CONTROL, true, "would-drop"},
		{MODE_ENFORCE, ACTION_DEGRADE, LEVEL_CONTROL, false, "degrade"},
		{MODE_ENFORCE, ACTION_DROP, LEVEL_CONTROL, false, "drop"},
		{MODE_ENFORCE, ACTION_DROP, LEVEL_SAFETY, false, "alert"},
		{MODE_ENFORCE, ACTION_DROP, LEVEL_SAFETY, true, "alert"},
	};
	struct world *w = *state;
	size_t k;

	for (k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		fake.mode = cases[k].mode;
		conduit.on_violation = cases[k].action;
		zones[1].level = cases[k].level;
		fake.flow = cases[k].flow ? POLICY_PORT_DENIED : POLICY_LATER;
		fake.op = POLICY_OP_DENIED;
		w->memory.alerts = 0;
		memset(w->flow.user, 0, sizeof(w->flow.user));
		run_op(w);
		assert_int_equal(w->memory.alerts, 1);
		assert_string_equal(w->memory.alert[0].verdict, cases[k].verdict);
		assert_int_equal(w->memory.alert[0].severity,
				 cases[k].level == LEVEL_SAFETY || !cases[k].flow ? 1 : 2);
	}
}

static void another_protocol_is_told_once_per_flow(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OP_DENIED;
	fake.known = "cip";
	fake.expected = "cip read";
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	engine_flush(w->e);
	assert_int_equal(only(w, "proto.unexpected-protocol")->count, 1);
	assert_string_equal(
		w->memory.alert[0].observed,
		"hmi-1 (10.40.0.5, control-info) talked to plc-1 (10.50.0.11, control), "
		"tcp port 502, in modbus; then modbus write");
	assert_string_equal(w->memory.alert[0].verdict, "would-drop");
}

/* What a flow that nobody claimed ends as. */
static const char *closing(struct world *w, const char *app, uint16_t port, uint64_t payload,
			   uint8_t flags)
{
	w->memory.alerts = 0;
	memset(w->flow.user, 0, sizeof(w->flow.user));
	w->flow.app = app;
	w->flow.dissector = NULL;
	w->flow.port[1] = port;
	w->flow.payload[0] = payload;
	w->flow.tcp_flags[0] = flags;
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	engine_flush(w->e);
	return w->memory.alerts ? w->memory.alert[0].finding->id : "";
}

static void flows_that_nobody_claimed(void **state)
{
	struct world *w = *state;

	assert_string_equal(closing(w, NULL, 502, 0, PACKET_TCP_SYN), ""); /* the PLC is off */
	assert_string_equal(closing(w, NULL, 502, 2, PACKET_TCP_SYN), ""); /* keep-alives */
	assert_string_equal(closing(w, NULL, 502, 500, 0), "proto.unexpected-protocol");
	assert_string_equal(closing(w, "http", 502, 500, 0), "proto.unexpected-protocol");
	assert_string_equal(closing(w, NULL, 22, 0, PACKET_TCP_SYN), "policy.port-denied");
	assert_string_equal(closing(w, NULL, 22, 0, 0), "");
	assert_string_equal(closing(w, NULL, 22, 500, 0), "policy.port-denied");
	assert_string_equal(closing(w, "ssh", 22, 500, 0), "proto.unexpected-protocol");
	fake.served = true; /* {tcp: 22} beside {modbus: ...} */
	assert_string_equal(closing(w, NULL, 22, 500, PACKET_TCP_SYN), "");
	assert_string_equal(closing(w, NULL, 502, 500, 0), "proto.unexpected-protocol");
}

/* The verdict on a flow heard first from the server; 1: it is silent. */
static bool silent_when(struct world *w, uint8_t client_by, uint8_t ip_proto, int64_t first)
{
	w->memory.alerts = 0;
	memset(w->flow.user, 0, sizeof(w->flow.user));
	w->flow.client_by = client_by;
	w->flow.ip_proto = ip_proto;
	w->flow.first = w->flow.last = first;
	engine_handlers.opened(w->e, &w->flow);
	engine_flush(w->e);
	return w->memory.alerts == 0;
}

static void sessions_older_than_the_capture(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	fake.port = 8443;
	w->flow.port[0] = 8443; /* the server was heard first */
	w->flow.port[1] = 40000;
	assert_true(silent_when(w, FLOW_BY_FIRST, 6, SECOND));
	assert_true(silent_when(w, FLOW_BY_FIRST, 17, SECOND));
	assert_false(silent_when(w, FLOW_BY_SYN, 6, SECOND));
	assert_false(silent_when(w, FLOW_BY_CONTENT, 6, SECOND));
	assert_true(silent_when(w, FLOW_BY_FIRST, 6, 1000 * SECOND));
	assert_false(silent_when(w, FLOW_BY_FIRST, 17, 1000 * SECOND));
	assert_true(silent_when(w, FLOW_BY_FIRST, 17, 100000 * SECOND)); /* another file */
	w->flow.port[0] = 8444;
	assert_false(silent_when(w, FLOW_BY_FIRST, 6, 100000 * SECOND));
}

static void unknown_devices(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	zones[0].unknown_devices = zones[1].unknown_devices = UNKNOWN_ALERT;
	w->flow.addr[0] = ip("10.40.0.77");
	w->flow.addr[1] = ip("10.50.0.99");
	w->flow.packets[1] = 0; /* nobody there */
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_TIMEOUT);
	engine_flush(w->e);
	assert_string_equal(only(w, "asset.unknown-device")->observed,
			    "10.40.0.77 speaks in zone control-info");
	assert_string_equal(w->memory.alert[0].verdict, "alert");
	w->memory.alerts = 0;
	memset(w->flow.user, 0, sizeof(w->flow.user));
	engine_handlers.opened(w->e, &w->flow);
	w->flow.packets[1] = 1; /* it answers later */
	engine_handlers.closed(w->e, &w->flow, FLOW_END_TIMEOUT);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 2);
	assert_true(w->memory.alert[1].to_client);
	assert_string_equal(w->memory.alert[1].src_zone, "control");
}

static void arp_shows_devices_and_macs(void **state)
{
	struct world *w = *state;
	struct packet p = {.kind = PACKET_ARP, .frame = 9, .has_mac = true};

	zones[0].unknown_devices = UNKNOWN_ALERT;
	assets[1].has_mac = true;
	assert_true(mac_parse("00:80:f4:01:02:03", &assets[1].mac));
	assert_true(mac_parse("02:00:00:00:00:66", &p.src_mac));
	p.src = ip("10.40.0.77");
	engine_handlers.link(w->e, &p);
	engine_handlers.link(w->e, &p);
	p.src = ip("10.50.0.11");
	engine_handlers.link(w->e, &p);
	p.src = ip("0.0.0.0"); /* a probe, RFC 5227 */
	engine_handlers.link(w->e, &p);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 2);
	assert_string_equal(w->memory.alert[0].observed,
			    "10.40.0.77, MAC 02:00:00:00:00:66, speaks in zone control-info");
	assert_int_equal(w->memory.alert[0].count, 2);
	assert_string_equal(w->memory.alert[1].finding->id, "asset.mac-changed");
	assert_string_equal(w->memory.alert[1].observed,
			    "plc-1 (10.50.0.11) speaks from MAC 02:00:00:00:00:66");
	assert_string_equal(w->memory.alert[1].expected, "it is listed with MAC 00:80:f4:01:02:03");
}

static void routed_macs_are_not_compared(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	assets[1].has_mac = true;
	assert_true(mac_parse("00:80:f4:01:02:03", &assets[1].mac));
	assert_true(mac_parse("00:80:f4:01:02:99", &w->flow.mac[0]));
	w->flow.mac[1] = w->flow.mac[0];
	w->flow.has_mac = true;
	w->flow.mac[0].b[5] = w->flow.mac[1].b[5] = 1; /* the router's; all zero would be unknown */
	engine_handlers.opened(w->e, &w->flow);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
	memset(w->flow.user, 0, sizeof(w->flow.user));
	w->flow.addr[0] = ip("10.50.0.12");
	engine_handlers.opened(w->e, &w->flow);
	engine_flush(w->e);
	only(w, "asset.mac-changed");
}

static void works_without_a_policy(void **state)
{
	struct world *w = *state;

	engine_start(w, NULL, FINDING_EN);
	w->op.role = OP_RESPONSE;
	w->op.from_server = true;
	w->op.status = 1;
	w->op.error = "illegal-function";
	run_op(w);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	assert_string_equal(only(w, "proto.illegal-function")->observed,
			    "10.50.0.11, unit 1 answered illegal-function to write-single-register "
			    "(code 6) of 10.40.0.5");
	assert_null(w->memory.alert[0].src_zone);
	assert_int_equal(w->memory.alert[0].sport, 502);
}

static void many_errors_are_a_storm(void **state)
{
	struct world *w = *state;
	int k;

	w->op.role = OP_RESPONSE;
	w->op.from_server = true;
	w->op.status = 2;
	w->op.error = "illegal-data-address";
	engine_handlers.opened(w->e, &w->flow);
	for (k = 0; k < 19; k++) {
		w->op.time = k * SECOND / 2;
		engine_handlers.op(w->e, &w->flow, &w->op);
	}
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
	w->op.time = 19 * SECOND / 2;
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	assert_string_equal(only(w, "proto.exception-storm")->observed,
			    "plc-1 (10.50.0.11) answered 20 requests with errors within 9.5 s, the "
			    "last one illegal-data-address to write-single-register of hmi-1 "
			    "(10.40.0.5)");
}

static void slow_errors_are_no_storm(void **state)
{
	struct world *w = *state;
	int k;

	w->op.role = OP_RESPONSE;
	w->op.status = 2;
	engine_handlers.opened(w->e, &w->flow);
	for (k = 0; k < 200; k++) {
		w->op.time = k * SECOND;
		engine_handlers.op(w->e, &w->flow, &w->op);
	}
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
}

static void what_devices_tell_has_a_limit_that_is_told(void **state)
{
	static const char *const told[] = {"a", "b", "c", "d", "e", "f", "g",
					   "h", "i", "j", "k", "l", "m"};
	struct world *w = *state;
	size_t k;

	engine_handlers.opened(w->e, &w->flow);
	for (k = 0; k < ENDPOINT_FACTS; k++)
		engine_handlers.identity(w->e, &w->flow, 1, told[k], slice_str("x"));
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
	engine_handlers.identity(w->e, &w->flow, 1, told[k], slice_str("x"));
	engine_flush(w->e);
	assert_non_null(strstr(only(w, "engine.limit-reached")->observed, "devices tell more"));
}

static void a_full_table_is_told(void **state)
{
	struct world *w = *state;
	uint64_t incidents, times;
	unsigned k, seen = 0;

	fake.flow = POLICY_PORT_DENIED;
	for (k = 0; k < 20000; k++) {
		memset(w->flow.user, 0, sizeof(w->flow.user));
		fake.conduit = k;
		engine_handlers.opened(w->e, &w->flow);
	}
	engine_flush(w->e);
	engine_counts(w->e, catalogue_find(w->catalogue, "engine.limit-reached")->index, &incidents,
		      &times);
	assert_int_equal(incidents, 1);
	assert_in_range(times, 3000, 4000);
	assert_int_equal(w->memory.alerts, 20001);
	for (k = 0; k < MAX; k++)
		seen += w->memory.alert[k].count == 1;
	assert_int_equal(seen, MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(catalogue_and_code_agree),
		TEST(what_is_allowed_is_silent),
		TEST(repeats_fold_whatever_the_port),
		TEST(a_sweep_over_objects_is_no_flood),
		TEST(a_flood_from_made_up_addresses_is_no_flood_of_alerts),
		TEST(values_of_other_addresses_are_other_incidents),
		TEST(ops_beyond_the_limit_are_one_incident),
		TEST(connections_older_than_the_capture_are_not_opened_now),
		TEST(one_violation_not_two),
		TEST(what_is_done_over_a_forbidden_flow),
		TEST(two_protocols_over_a_forbidden_flow),
		TEST(flows_given_up_are_told),
		TEST(responses_are_not_asked_for),
		TEST(a_confirmed_write_nobody_asked_for_is_judged),
		TEST(verdicts),
		TEST(another_protocol_is_told_once_per_flow),
		TEST(flows_that_nobody_claimed),
		TEST(sessions_older_than_the_capture),
		TEST(unknown_devices),
		TEST(arp_shows_devices_and_macs),
		TEST(routed_macs_are_not_compared),
		TEST(works_without_a_policy),
		TEST(many_errors_are_a_storm),
		TEST(slow_errors_are_no_storm),
		TEST(what_devices_tell_has_a_limit_that_is_told),
		TEST(a_full_table_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
