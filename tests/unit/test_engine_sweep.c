/* The engine and hosts that try many others: what is told of it, and what it must not hide. */
#include "engine_world.h"

#include "detect/sweep.h"

/* The alert of that finding, which must be the only one of it. */
static const struct incident *only_of(const struct world *w, const char *finding)
{
	const struct incident *found = NULL;
	unsigned i;

	for (i = 0; i < w->memory.alerts; i++) {
		if (strcmp(w->memory.alert[i].finding->id, finding) != 0)
			continue;
		assert_null(found);
		found = &w->memory.alert[i];
	}
	assert_non_null(found);
	return found;
}

static void a_port_scan_is_one_sweep(void **state)
{
	struct world *w = *state;
	const struct incident *i;
	uint64_t incidents, times;
	int k;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	w->flow.app = NULL;
	for (k = 0; k < 1000; k++) {
		w->flow.port[1] = (uint16_t)(1 + k);
		memset(w->flow.user, 0, sizeof(w->flow.user));
		engine_handlers.opened(w->e, &w->flow);
		engine_handlers.closed(w->e, &w->flow, FLOW_END_TIMEOUT);
	}
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 1);
	i = only_of(w, "detect.sweep");
	assert_string_equal(i->verdict, "would-drop");
	assert_int_equal(i->count, 1000);
	assert_int_equal(i->dport, SWEEP_TRIES);
	assert_string_equal(i->observed,
			    "hmi-1 (10.40.0.5) tried 10 ports of plc-1 (10.50.0.11) within 0.1 s "
			    "that it may not use: tcp 1, tcp 2, tcp 3, tcp 4, tcp 5, tcp 6, ...; "
			    "1000 tries in all");
	engine_counts(w->e, i->finding->index, &incidents, &times);
	assert_int_equal(incidents, 1);
}

/* Looking around hides nothing that was done. */
static void what_was_done_in_a_sweep_is_told(void **state)
{
	struct world *w = *state;
	const struct incident *i;
	int k;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	for (k = 0; k < 40; k++) {
		w->flow.addr[1].b[15] = (uint8_t)(20 + k);
		memset(w->flow.user, 0, sizeof(w->flow.user));
		engine_handlers.opened(w->e, &w->flow);
		if (k == 3 || k == 25)
			engine_handlers.op(w->e, &w->flow, &w->op);
	}
	engine_flush(w->e);
	only_of(w, "detect.sweep");
	assert_int_equal(w->memory.alerts, 3);
	for (k = 0; k < 3; k++) {
		i = &w->memory.alert[k];
		if (strcmp(i->finding->id, "detect.sweep") != 0)
			assert_non_null(strstr(i->observed, "then modbus write"));
	}
}

static unsigned told_of(struct world *w, const char *id)
{
	unsigned n = 0, k;

	for (k = 0; k < w->memory.alerts; k++)
		n += strcmp(w->memory.alert[k].finding->id, id) == 0;
	return n;
}

/* A denied flow of 10.40.0.`client` to 10.50.0.`server`. */
static void denied_flow(struct world *w, uint8_t client, uint8_t server, int64_t time)
{
	w->flow.addr[0].b[15] = client;
	w->flow.addr[1].b[15] = server;
	w->flow.first = w->flow.last = time;
	w->flow.payload[0] = w->flow.payload[1] = 0;
	memset(w->flow.user, 0, sizeof(w->flow.user));
	engine_handlers.opened(w->e, &w->flow);
}

static void says(struct world *w, int64_t time)
{
	const struct packet p = {.kind = PACKET_TCP, .time = time, .frame = 7, .payload_len = 40};

	w->flow.payload[0] = w->flow.payload[1] = 40;
	engine_handlers.packet(w->e, &w->flow, &p, 1);
}

static void sweep_of(struct world *w, uint8_t client, int n, int64_t time)
{
	int k;

	for (k = 0; k < n; k++)
		denied_flow(w, client, (uint8_t)(100 + k), time + k * SECOND);
}

/* Also in a protocol that nobody knows, before the sweep, within and beyond what is told singly. */
static void what_was_said_in_a_sweep_is_told(void **state)
{
	struct world *w = *state;
	int k;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	for (k = 0; k < 40; k++) {
		denied_flow(w, 5, (uint8_t)(100 + k), (1 + k) * SECOND);
		if (k == 3 || k == 12 || k == 30)
			says(w, (1 + k) * SECOND);
	}
	engine_flush(w->e);
	assert_int_equal(told_of(w, "detect.sweep"), 1);
	assert_int_equal(told_of(w, "policy.no-conduit"), 3);
}

/* Sessions that go on behind a closed conduit are no tries. */
static void a_sweep_hides_no_closed_conduit(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_OUTSIDE_SCHEDULE;
	denied_flow(w, 5, 11, SECOND);
	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	sweep_of(w, 5, 12, 2 * SECOND);
	engine_flush(w->e);
	assert_int_equal(told_of(w, "policy.outside-schedule"), 1);
	assert_int_equal(told_of(w, "detect.sweep"), 1);
	assert_int_equal(w->memory.alerts, 2);
}

static void a_sweep_hides_nothing_that_began_before(void **state)
{
	struct world *w = *state;
	int k;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	for (k = 0; k < 20; k++)
		denied_flow(w, 5, 99, (1 + 10 * k) * SECOND);
	sweep_of(w, 5, 12, 200 * SECOND);
	engine_flush(w->e);
	assert_int_equal(told_of(w, "detect.sweep"), 1);
	assert_int_equal(told_of(w, "policy.no-conduit"), 1);
}

/* Whoever has looked around and then goes on trying one of them is told. */
static void a_sweep_hides_nothing_that_comes_after(void **state)
{
	struct world *w = *state;
	unsigned k, n;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	sweep_of(w, 5, 12, SECOND);
	denied_flow(w, 5, 100, 14 * SECOND); /* again, but still in it */
	for (k = 0; k < 20; k++)
		denied_flow(w, 5, 103, (80 + 10 * k) * SECOND);
	engine_flush(w->e);
	assert_int_equal(told_of(w, "detect.sweep"), 1);
	assert_int_equal(told_of(w, "policy.no-conduit"), 1);
	for (k = n = 0; k < w->memory.alerts; k++)
		n += w->memory.alert[k].dst.b[15] == 103;
	assert_int_equal(n, 1);
}

/* Unlisted hosts of a zone share their incidents; made-up addresses must not use that. */
static void a_sweep_hides_no_other_host(void **state)
{
	struct world *w = *state;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	sweep_of(w, 77, 40, SECOND);
	denied_flow(w, 78, 11, 50 * SECOND);
	engine_flush(w->e);
	assert_int_equal(told_of(w, "detect.sweep"), 1);
	assert_int_equal(told_of(w, "policy.no-conduit"), 1);
}

/* Made-up addresses that each look around are no flood of alerts; the others are told as denied. */
static void sweeps_from_made_up_addresses_are_no_flood(void **state)
{
	struct world *w = *state;
	const struct incident *i = NULL;
	unsigned k, n;

	fake.flow = POLICY_NO_CONDUIT;
	fake.conduit = POLICY_NONE;
	for (k = 0; k < 120; k++)
		sweep_of(w, (uint8_t)(100 + k), 12, SECOND);
	engine_flush(w->e);
	assert_int_equal(told_of(w, "detect.sweep"), INCIDENT_PLACES);
	assert_true(w->memory.alerts <= 3 * INCIDENT_PLACES);
	for (k = n = 0; k < w->memory.alerts; k++)
		if (strcmp(w->memory.alert[k].finding->id, "detect.sweep") == 0) {
			n += w->memory.alert[k].elsewhere > 0;
			i = w->memory.alert[k].elsewhere ? &w->memory.alert[k] : i;
		}
	assert_int_equal(n, 1);
	assert_non_null(strstr(i->observed, "; 12 tries in all"));
}

/* n flows, each to a server of its own, a second apart. */
static void visit(struct world *w, int n, enum policy_verdict flow)
{
	int k;

	fake.flow = (uint8_t)flow;
	for (k = 0; k < n; k++) {
		w->flow.addr[1].b[15] = (uint8_t)(20 + k);
		w->flow.first = w->flow.last = w->op.time = (k + 1) * SECOND;
		memset(w->flow.user, 0, sizeof(w->flow.user));
		engine_handlers.opened(w->e, &w->flow);
		if (flow == POLICY_LATER)
			engine_handlers.op(w->e, &w->flow, &w->op);
	}
	engine_flush(w->e);
}

static void many_denied_servers_are_a_sweep(void **state)
{
	struct world *w = *state;
	const struct incident *i;

	fake.conduit = POLICY_NONE;
	visit(w, 12, POLICY_NO_CONDUIT);
	i = only_of(w, "detect.sweep");
	assert_int_equal(i->count, 12);
	assert_int_equal(i->first, SWEEP_TRIES * SECOND);
	assert_string_equal(i->verdict, "would-drop");
	assert_string_equal(
		i->observed,
		"hmi-1 (10.40.0.5) tried 10 servers within 9.0 s that it may not reach: "
		"10.50.0.20, 10.50.0.21, 10.50.0.22, 10.50.0.23, ...; over tcp 502; "
		"12 tries in all");
	/* the denials are told with it */
	assert_int_equal(w->memory.alerts, 1);
}

static void many_permitted_servers_are_no_sweep(void **state)
{
	struct world *w = *state;

	visit(w, 50, POLICY_LATER);
	assert_int_equal(w->memory.alerts, 0);
}

static void wrong_objects_on_many_servers_are_no_sweep(void **state)
{
	struct world *w = *state;

	fake.op = POLICY_OBJECT_DENIED;
	visit(w, 12, POLICY_LATER);
	assert_int_equal(w->memory.alerts, 12);
	assert_string_equal(w->memory.alert[11].finding->id, "policy.object-out-of-range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_scan_is_one_sweep),
		TEST(what_was_done_in_a_sweep_is_told),
		TEST(what_was_said_in_a_sweep_is_told),
		TEST(a_sweep_hides_no_closed_conduit),
		TEST(a_sweep_hides_nothing_that_began_before),
		TEST(a_sweep_hides_nothing_that_comes_after),
		TEST(a_sweep_hides_no_other_host),
		TEST(sweeps_from_made_up_addresses_are_no_flood),
		TEST(many_denied_servers_are_a_sweep),
		TEST(many_permitted_servers_are_no_sweep),
		TEST(wrong_objects_on_many_servers_are_no_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
