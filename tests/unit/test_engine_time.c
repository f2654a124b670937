/* The engine while conduits open and close: running sessions end with theirs. */
#include "engine_world.h"

/* Something opens or closes at that time; flows are decided as fake.flow says from then on. */
static void turn(enum policy_verdict flow, int64_t time)
{
	fake.flow = (uint8_t)flow;
	fake_now->epoch++;
	fake_now->from = time;
	fake_now->until = INT64_MAX;
}

static void packet_of(struct world *w, unsigned side, int64_t time, uint16_t payload, uint8_t kind)
{
	const struct packet p = {.kind = kind,
				 .time = time,
				 .frame = (uint64_t)(time / SECOND),
				 .payload_len = payload};

	w->flow.last = time;
	engine_handlers.packet(w->e, &w->flow, &p, side);
}

static void a_session_ends_with_its_conduit(void **state)
{
	struct world *w = *state;
	const struct incident *i;
	int k;

	fake.flow = POLICY_ALLOW;
	engine_handlers.opened(w->e, &w->flow);
	packet_of(w, 0, 10 * SECOND, 5, PACKET_TCP);
	turn(POLICY_EXPIRED, 20 * SECOND);
	conduit.until = "2026-12-31";
	for (k = 21; k < 60; k++) {
		packet_of(w, 0, k * SECOND, 5, PACKET_TCP);
		packet_of(w, 1, k * SECOND, 5, PACKET_TCP);
	}
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	engine_flush(w->e);
	i = only(w, "policy.expired");
	assert_int_equal(i->count, 1);
	assert_int_equal(i->first_frame, 21);
	assert_string_equal(i->observed, "hmi-1 (10.40.0.5, control-info) went on talking to plc-1 "
					 "(10.50.0.11, control), tcp port 502");
	assert_string_equal(i->expected,
			    "conduit hmi-plc was open until 2026-12-31 (UTC); this was "
			    "Thu 1 Jan 1970 00:00:21");
}

static void its_end_is_no_use_of_it(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	engine_handlers.opened(w->e, &w->flow);
	turn(POLICY_EXPIRED, 20 * SECOND);
	packet_of(w, 1, 20 * SECOND + SECOND / 2, 5, PACKET_TCP); /* an answer */
	packet_of(w, 0, 30 * SECOND, 0, PACKET_TCP);		  /* FIN */
	packet_of(w, 1, 30 * SECOND, 0, PACKET_TCP);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
}

/* Its server was heard first, and nobody saw who opened it. */
static void turned(struct world *w)
{
	const struct addr plc = w->flow.addr[1];

	w->flow.addr[1] = w->flow.addr[0];
	w->flow.addr[0] = plc;
	w->flow.client = 0;
	w->flow.client_by = FLOW_BY_FIRST;
	w->flow.port[0] = fake.port = 502;
	w->flow.port[1] = 40000;
	fake.flow = POLICY_NO_CONDUIT;
}

static void whoever_goes_on_is_told_whoever_was_heard_first(void **state)
{
	struct world *w = *state;
	const struct incident *i;

	turned(w);
	engine_handlers.opened(w->e, &w->flow);
	fake.port = 0;
	conduit.until = "2026-12-31";
	turn(POLICY_EXPIRED, 20 * SECOND);
	packet_of(w, 0, 20 * SECOND + SECOND / 2, 5, PACKET_TCP); /* an answer */
	packet_of(w, 1, 21 * SECOND, 5, PACKET_TCP);
	engine_flush(w->e);
	i = only(w, "policy.expired");
	assert_int_equal(i->first_frame, 21);
	assert_int_equal(i->src.b[13], 40);
	assert_int_equal(i->dport, 502);
	assert_string_equal(i->src_zone, "control-info");
	assert_string_equal(i->observed, "hmi-1 (10.40.0.5, control-info) went on talking to plc-1 "
					 "(10.50.0.11, control), tcp port 502");
}

static void what_the_server_goes_on_sending_is(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	conduit.schedule = "mon-fri 08:00-17:00";
	engine_handlers.opened(w->e, &w->flow);
	turn(POLICY_OUTSIDE_SCHEDULE, 20 * SECOND);
	packet_of(w, 1, 21 * SECOND, 5, PACKET_TCP);
	engine_flush(w->e);
	assert_string_equal(only(w, "policy.outside-schedule")->expected,
			    "conduit hmi-plc is open mon-fri 08:00-17:00 (UTC); this was Thu 1 Jan "
			    "1970 00:00:21");
}

/* A datagram without payload is all there is to see of some protocols. */
static void datagrams_count_without_payload(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	engine_handlers.opened(w->e, &w->flow);
	turn(POLICY_GRANT_MISSING, 20 * SECOND);
	packet_of(w, 0, 20 * SECOND, 0, PACKET_UDP);
	engine_flush(w->e);
	only(w, "policy.grant-missing");
}

/* Closed, open, closed again: two occurrences of one incident. */
static void it_may_open_again(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_ALLOW;
	conduit.modes = "maintenance";
	engine_handlers.opened(w->e, &w->flow);
	turn(POLICY_WRONG_MODE, 20 * SECOND);
	packet_of(w, 0, 21 * SECOND, 5, PACKET_TCP);
	turn(POLICY_ALLOW, 30 * SECOND);
	packet_of(w, 0, 31 * SECOND, 5, PACKET_TCP);
	packet_of(w, 0, 32 * SECOND, 5, PACKET_TCP);
	turn(POLICY_WRONG_MODE, 40 * SECOND);
	packet_of(w, 0, 41 * SECOND, 5, PACKET_TCP);
	packet_of(w, 0, 42 * SECOND, 5, PACKET_TCP);
	engine_flush(w->e);
	assert_int_equal(only(w, "policy.wrong-mode")->count, 2);
	assert_string_equal(
		w->memory.alert[0].expected,
		"conduit hmi-plc is open in operating mode maintenance only; the mode is "
		"normal");
}

/* Where ops are judged, the op is what is told while some conduit still joins the two. */
static void ops_are_judged_as_of_now(void **state)
{
	struct world *w = *state;

	run_op(w);
	turn(POLICY_LATER, 0);
	fake.op = POLICY_OUTSIDE_SCHEDULE;
	conduit.schedule = "sat";
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	assert_string_equal(only(w, "policy.outside-schedule")->observed,
			    "hmi-1 (10.40.0.5) wrote 900 to holding register 116 (40117) of plc-1 "
			    "(10.50.0.11), unit 1 (write-single-register)");
	assert_string_equal(w->memory.alert[0].expected,
			    "conduit hmi-plc is open sat (UTC); this was Thu 1 Jan 1970 00:00:01");
}

/* An op that comes without its packet being seen to end the session first. */
static void an_op_asks_too(void **state)
{
	struct world *w = *state;

	engine_handlers.opened(w->e, &w->flow);
	turn(POLICY_GRANT_MISSING, 0);
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
	assert_string_equal(only(w, "policy.grant-missing")->observed,
			    "hmi-1 (10.40.0.5, control-info) went on talking to plc-1 (10.50.0.11, "
			    "control), tcp port 502; then modbus write");
	assert_int_equal(fake.asked, 0);
}

static void in_japanese(void **state)
{
	struct world *w = *state;

	engine_start(w, any_policy, FINDING_JA);
	fake.flow = POLICY_ALLOW;
	conduit.schedule = "mon-fri 08:00-17:00";
	engine_handlers.opened(w->e, &w->flow);
	turn(POLICY_OUTSIDE_SCHEDULE, 20 * SECOND);
	packet_of(w, 0, 21 * SECOND, 5, PACKET_TCP);
	engine_flush(w->e);
	assert_string_equal(only(w, "policy.outside-schedule")->observed,
			    "hmi-1 (10.40.0.5, control-info) が plc-1 (10.50.0.11, control) の tcp "
			    "ポート 502 との通信を続けました");
	assert_string_equal(
		w->memory.alert[0].expected,
		"コンジット hmi-plc を使用できるのは mon-fri 08:00-17:00 (UTC) の間だけです"
		"。発生は 1970年1月1日(木) 00:00:21 です");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_ends_with_its_conduit),
		TEST(its_end_is_no_use_of_it),
		TEST(whoever_goes_on_is_told_whoever_was_heard_first),
		TEST(what_the_server_goes_on_sending_is),
		TEST(datagrams_count_without_payload),
		TEST(it_may_open_again),
		TEST(ops_are_judged_as_of_now),
		TEST(an_op_asks_too),
		TEST(in_japanese),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
