/* What is done inline about what an approved baseline never saw. */
#include "act_world.h"

#define POLICY(extra)                                                                              \
	"mode: enforce\n" WORLD_ZONES "conduits:\n"                                                \
	"  - {id: hmi-plc, from: hmi, to: plc, allow: [{modbus: {do: [read, write]}}],"            \
	" on-violation: degrade" extra "}\n"                                                       \
	"  - {id: hmi-esd, from: hmi, to: esd, allow: [{modbus: {do: [read, write]}}],"            \
	" on-violation: degrade" extra "}\n"

/* Reading was learned, writing never; by: who approved it. */
static struct baseline *learned(const char *by)
{
	struct baseline *b = baseline_new(NULL);
	struct act_world *w;
	struct wire c, d;
	int k;

	world_baseline = b;
	w = world_new(POLICY(""));
	c = wire_open(w, PLC, 40000);
	d = wire_open(w, ESD, 40001);
	for (k = 0; k < 200; k++) {
		wire_put(&c, 0, read_request, sizeof(read_request));
		wire_put(&c, 1, read_answer, sizeof(read_answer));
		wire_put(&d, 0, read_request, sizeof(read_request));
		wire_put(&d, 1, read_answer, sizeof(read_answer));
		w->time += SECOND;
	}
	assert_int_equal(w->alerts, 0);
	world_free(w);
	assert_true(baseline_freeze(b, 5, by, by ? "seen" : NULL, T0 + 3600 * SECOND));
	return b;
}

static void it_is_refused_by_the_device(void **state)
{
	struct baseline *b = learned("tanaka");
	struct act_world *w = world_new(POLICY(", baseline: enforce"));
	struct wire c = wire_open(w, PLC, 40000);
	const struct incident *i;

	(void)state;
	assert_int_equal(wire_put(&c, 0, read_request, sizeof(read_request)), SOURCE_PASS);
	assert_memory_equal(w->out.b + w->payload, read_request, sizeof(read_request));
	assert_int_equal(wire_put(&c, 1, read_answer, sizeof(read_answer)), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request, sizeof(write_request)), SOURCE_PASS);
	assert_int_not_equal(w->out.b[w->payload + FUNCTION], 6);
	assert_true(world_sums_right(w));
	i = world_told(w, "baseline.new-op", INCIDENT_OPENED);
	assert_string_equal(i->verdict, "degrade");
	assert_string_equal(i->conduit, "hmi-plc");
	assert_int_equal(i->done, ACTION_DEGRADE);
	assert_int_equal(w->sent, 0);
	/* again: the same incident, refused again */
	assert_int_equal(wire_put(&c, 0, write_request, sizeof(write_request)), SOURCE_PASS);
	assert_int_not_equal(w->out.b[w->payload + FUNCTION], 6);
	world_free(w);
	baseline_free(b);
}

static void passes(const char *policy, const char *by, const char *server)
{
	struct baseline *b = learned(by);
	struct act_world *w = world_new(policy);
	struct wire c = wire_open(w, server, 40000);

	assert_int_equal(wire_put(&c, 0, write_request, sizeof(write_request)), SOURCE_PASS);
	assert_memory_equal(w->out.b + w->payload, write_request, sizeof(write_request));
	assert_string_equal(world_told(w, "baseline.new-op", INCIDENT_OPENED)->verdict, "alert");
	assert_int_equal(w->sent, 0);
	world_free(w);
	baseline_free(b);
}

static void it_is_only_told_where_the_conduit_does_not_say_so(void **state)
{
	(void)state;
	passes(POLICY(""), "tanaka", PLC);
}

static void it_is_only_told_where_nobody_approved_the_baseline(void **state)
{
	(void)state;
	passes(POLICY(", baseline: enforce"), NULL, PLC);
}

static void it_is_only_told_in_a_safety_zone(void **state)
{
	(void)state;
	passes(POLICY(", baseline: enforce"), "tanaka", ESD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_refused_by_the_device),
		cmocka_unit_test(it_is_only_told_where_the_conduit_does_not_say_so),
		cmocka_unit_test(it_is_only_told_where_nobody_approved_the_baseline),
		cmocka_unit_test(it_is_only_told_in_a_safety_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
