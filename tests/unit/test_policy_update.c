/* Update conduits: firmware and program go through them only. */
#include "op/vocab.h"
#include "policy/now.h"
#include "policy_base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE(to, allow)                                                                          \
	"  - {id: up, from: hmi-1, to: " to ", allow: [" allow "], update: true, "                 \
	"when: {operating-mode: maintenance}}\n"

static struct policy *load(const char *top, const char *conduits, struct diag *diag)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "%s" BASE "  eng-1: {zone: screens, address: 10.2.0.2}\n"
		 "conduits:\n%s",
		 top, conduits);
	return policy_load_buffer("test", text, strlen(text), diag);
}

static struct policy *good(const char *top, const char *conduits)
{
	struct diag diag = {0};
	struct policy *p = load(top, conduits, &diag);

	diag_print(&diag, stderr);
	assert_non_null(p);
	diag_free(&diag);
	return p;
}

static void bad(const char *conduits, const char *part)
{
	struct diag diag = {0};

	assert_null(load("", conduits, &diag));
	if (!strstr(diag.entry[0].text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, diag.entry[0].text);
	diag_free(&diag);
}

static struct policy_place at(const struct policy *p, const char *ip)
{
	struct addr a;

	assert_true(addr_parse(ip, &a));
	return policy_place(p, &a, NULL);
}

static enum policy_verdict ask(const struct policy *p, const char *from, const char *to,
			       enum op_class cls, enum policy_operating_mode mode)
{
	struct policy_now *now = policy_now_new(p);
	struct policy_flow_decision d;
	struct op op = {.proto = vocab_find("modbus")->proto,
			.name = "",
			.cls = (uint8_t)cls,
			.code = 90,
			.unit = 1};
	enum policy_verdict v;

	policy_now_mode(now, mode);
	policy_now_at(now, 1);
	d = policy_flow(now, at(p, from), at(p, to), 6, 502);
	v = (enum policy_verdict)policy_op(now, &d, &op).verdict;
	policy_now_free(now);
	return v;
}

static void services_and_defaults_carry_none(void **state)
{
	struct policy *p =
		good("default: allow\n",
		     UPDATE("plc-1", "{modbus: {do: program}}") "  - {id: s, from: screens, to: "
								"field, allow: [{tcp: any}]}\n");

	(void)state;
	/* the registered host, in its window and out of it */
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.1", OP_PROGRAM, OPERATING_MAINTENANCE),
			 POLICY_ALLOW);
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.1", OP_PROGRAM, OPERATING_NORMAL),
			 POLICY_WRONG_MODE);
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.1", OP_FIRMWARE, OPERATING_MAINTENANCE),
			 POLICY_UPDATE_DENIED);
	/* anybody else: over a service, by default, inside the zone */
	assert_int_equal(ask(p, "10.2.0.2", "10.1.0.1", OP_PROGRAM, OPERATING_MAINTENANCE),
			 POLICY_UPDATE_DENIED);
	assert_int_equal(ask(p, "10.3.0.2", "10.1.0.1", OP_PROGRAM, OPERATING_MAINTENANCE),
			 POLICY_UPDATE_DENIED);
	assert_int_equal(ask(p, "10.1.0.2", "10.1.0.1", OP_PROGRAM, OPERATING_MAINTENANCE),
			 POLICY_UPDATE_DENIED);
	/* other ops, and other devices, are as ever */
	assert_int_equal(ask(p, "10.2.0.2", "10.1.0.1", OP_WRITE, OPERATING_NORMAL), POLICY_ALLOW);
	assert_int_equal(ask(p, "10.1.0.2", "10.1.0.1", OP_WRITE, OPERATING_NORMAL),
			 POLICY_SAME_ZONE);
	assert_int_equal(ask(p, "10.2.0.2", "10.1.0.2", OP_PROGRAM, OPERATING_NORMAL),
			 POLICY_ALLOW);
	assert_int_equal(ask(p, "10.3.0.2", "10.1.0.2", OP_PROGRAM, OPERATING_NORMAL),
			 POLICY_DEFAULT_ALLOW);
	policy_free(p);
}

static void a_zone_covers_its_devices(void **state)
{
	struct policy *p = good("", UPDATE("field", "{tcp: 502}") "  - {id: s, from: screens, to: "
								  "plc-2, allow: [{tcp: any}]}\n");

	(void)state;
	/* the update conduit's own service counts, that of others does not */
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.2", OP_FIRMWARE, OPERATING_MAINTENANCE),
			 POLICY_ALLOW);
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.2", OP_FIRMWARE, OPERATING_NORMAL),
			 POLICY_UPDATE_DENIED);
	assert_int_equal(ask(p, "10.1.0.1", "10.1.0.200", OP_FIRMWARE, OPERATING_NORMAL),
			 POLICY_UPDATE_DENIED);
	assert_int_equal(policy_updater(p, at(p, "10.1.0.2")), 0);
	assert_int_equal(policy_updater(p, at(p, "10.2.0.1")), POLICY_NONE);
	assert_int_equal(policy_updater(p, at(p, "192.0.2.1")), POLICY_NONE);
	policy_free(p);
}

static void objects_and_codes_are_judged_as_ever(void **state)
{
	struct policy *p = good(
		"",
		UPDATE("plc-1",
		       "{modbus: {do: program, unit: 2}}") "  - {id: s, from: hmi-1, to: plc-1, "
							   "allow: [{modbus: {do: read}}]}\n");

	(void)state;
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.1", OP_PROGRAM, OPERATING_MAINTENANCE),
			 POLICY_OP_DENIED);
	assert_int_equal(ask(p, "10.2.0.1", "10.1.0.1", OP_READ, OPERATING_NORMAL), POLICY_ALLOW);
	policy_free(p);
}

static void mistakes(void **state)
{
	(void)state;
	bad("  - {id: up, from: hmi-1, to: plc-1, allow: [{modbus: any}], update: true}\n",
	    "update conduit \"up\" is always open; it needs when with grant, schedule or "
	    "operating-mode");
	bad("  - {id: up, from: hmi-1, to: plc-1, allow: [{modbus: any}], update: true, "
	    "when: {until: 2026-12-31}}\n",
	    "is always open");
	bad("  - {id: up, from: [hmi-1, office], to: plc-1, allow: [{modbus: any}], update: true, "
	    "when: {grant: required}}\n",
	    "update conduit \"up\" begins at zone office; only listed assets may update");
	bad("  - {id: up, from: hmi-1, to: plc-1, allow: [], update: maybe}\n", "update");
	bad(UPDATE("plc-1", "{modbus: {do: program}}") "  - {id: x, from: eng-1, to: plc-1, allow: "
						       "[{modbus: {do: [read, firmware]}}]}\n",
	    "conduit \"x\" permits firmware or program towards plc-1, which only update conduits "
	    "may since there is \"up\" (line 11)");
	/* by any; in the zone around it; on a device of the zone */
	bad(UPDATE("plc-1", "{modbus: {do: program}}") "  - {id: x, from: eng-1, to: [plc-2, "
						       "plc-1], allow: [{modbus: any}]}\n",
	    "towards plc-1");
	bad(UPDATE("plc-1", "{modbus: {do: program}}") "  - {id: x, from: eng-1, to: field, allow: "
						       "[{cip: any}]}\n",
	    "towards field");
	bad(UPDATE("field", "{modbus: {do: program}}") "  - {id: x, from: eng-1, to: plc-2, allow: "
						       "[{modbus: any}]}\n",
	    "towards plc-2");
	/* a second update conduit, and devices beside, are fine */
	policy_free(good(
		"",
		UPDATE("plc-1", "{modbus: {do: program}}") "  - {id: y, from: eng-1, to: plc-1, "
							   "allow: [{modbus: any}], update: true, "
							   "when: {grant: required}}\n"
							   "  - {id: x, from: eng-1, to: plc-2, "
							   "allow: [{modbus: any}]}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_and_defaults_carry_none),
		cmocka_unit_test(a_zone_covers_its_devices),
		cmocka_unit_test(objects_and_codes_are_judged_as_ever),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
