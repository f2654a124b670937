/*
 * Rules as sets against brute force: random rules, and ops drawn so that they lie close to every
 * boundary. What is called covered must permit no op that the others do not, what is called left
 * over must come with one. SPACE_SEED=n repeats a run.
 */
#include "policy/space.h"

#include "policy_base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUESTIONS 3000
#define OPS	  400 /* tried per question */
#define OTHERS	  6

#include "random_rules.h"

static struct policy *load(const char *yaml)
{
	struct diag diag = {0};
	struct policy *p = policy_load_buffer("test", yaml, strlen(yaml), &diag);

	if (!p) {
		diag_print(&diag, stderr);
		fail_msg("does not load\n%s", yaml);
	}
	diag_free(&diag);
	return p;
}

/* --- the comparison --- */

static const struct rule *rule_at(const struct policy *p, unsigned i)
{
	const struct conduit *c = &p->conduit[i];

	assert_int_equal(c->rule[0].has & RULE_CARRIER, 0);
	return &c->rule[0];
}

static bool any_permits(const struct rule *const *rule, unsigned n, uint16_t port,
			const struct op *op)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (rule_permits(rule[i], port, op))
			return true;
	return false;
}

static unsigned answers[3], outside;

static void one_question(uint64_t start)
{
	enum proto proto = (enum proto)rnd(PROTOS);
	unsigned n = 1 + rnd(OTHERS), i;
	const struct rule *rule[OTHERS + 1];
	struct space_side by = {.rule = rule + 1, .rules = n};
	enum space_answer covered, overlap;
	struct space_example ex, meet;
	bool beyond = false, both = false;
	struct policy *p;
	struct op op;
	uint16_t port;

	used = 0;
	put(BASE "conduits:\n");
	for (i = 0; i <= n; i++) {
		put("  - id: c%u\n    from: hmi-1\n    to: plc-1\n    allow:\n", i);
		put_rule(proto);
	}
	p = load(text);
	for (i = 0; i <= n; i++)
		rule[i] = rule_at(p, i);
	covered = space_rule_covered(rule[0], &by, &ex);
	overlap = space_rules_overlap(rule[0], rule[1], &meet);
	answers[covered]++;
	for (i = 0; i < OPS; i++) {
		op = random_op(proto, &port);
		if (!rule_permits(rule[0], port, &op))
			continue;
		beyond = beyond || !any_permits(by.rule, n, port, &op);
		both = both || (op.cls != OP_SESSION && rule_permits(rule[1], port, &op));
	}
	outside += beyond;
	if (beyond && covered == SPACE_YES)
		fail_msg("seed %llu: called covered, and is not\n%s", (unsigned long long)start,
			 text);
	if (both && overlap == SPACE_NO)
		fail_msg("seed %llu: called apart, and are not\n%s", (unsigned long long)start,
			 text);
	if (covered == SPACE_NO) {
		op = space_example_op(&ex);
		assert_true(rule_permits(rule[0], ex.port, &op));
		assert_false(any_permits(by.rule, n, ex.port, &op));
	}
	if (overlap == SPACE_YES) {
		op = space_example_op(&meet);
		assert_true(rule_permits(rule[0], meet.port, &op));
		assert_true(rule_permits(rule[1], meet.port, &op));
	}
	/* nothing is beyond itself */
	by = (struct space_side){.rule = rule, .rules = n + 1};
	assert_int_equal(space_rule_covered(rule[0], &by, &ex), SPACE_YES);
	policy_free(p);
}

static void agrees_with_brute_force(void **state)
{
	const char *given = getenv("SPACE_SEED");
	uint64_t start = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	unsigned i;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)start);
	seed = start;
	for (i = 0; i < QUESTIONS; i++)
		one_question(start);
	print_message("covered %u, not %u (brute force saw it in %u), unsure %u\n",
		      answers[SPACE_YES], answers[SPACE_NO], outside, answers[SPACE_UNSURE]);
	/* worth something only when all happens often, and doubt hardly ever */
	assert_true(answers[SPACE_YES] > QUESTIONS / 20);
	assert_true(outside > QUESTIONS / 4);
	assert_true(answers[SPACE_UNSURE] < QUESTIONS / 200);
}

/* --- examples a person can check --- */

static struct policy *p;
static const struct rule *rules[8];

static void allow(const char *entries)
{
	char yaml[4096];
	uint32_t i, k = 0;

	snprintf(yaml, sizeof(yaml),
		 BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [%s]}\n", entries);
	policy_free(p);
	p = NULL;
	p = load(yaml);
	for (i = 0; i < p->conduit[0].rules; i++)
		if (!(p->conduit[0].rule[i].has & RULE_CARRIER))
			rules[k++] = &p->conduit[0].rule[i];
}

/* Is the first rule covered by the others? The example in words when it is not. */
static const char *left(const char *entries)
{
	static char buf[512];
	struct space_side by = {.rule = rules + 1};
	struct space_example ex;
	enum space_answer a;
	uint32_t i;

	allow(entries);
	for (i = 0; i < p->conduit[0].rules; i++)
		by.rules += !(p->conduit[0].rule[i].has & RULE_CARRIER);
	by.rules--;
	a = space_rule_covered(rules[0], &by, &ex);
	if (a == SPACE_NO)
		return space_example_words(&ex, buf, sizeof(buf));
	return a == SPACE_YES ? "covered" : "unsure";
}

static void examples_are_such_as_people_write(void **state)
{
	(void)state;
	assert_string_equal(
		left("{modbus: {do: write, unit: 1, holding: 100-119, value: 0..2000}},"
		     "{modbus: {do: write, unit: 1, holding: 100-119, value: 0..1000}}"),
		"tcp 502: modbus write-single-register unit 1 holding 100 (40101) value 1001");
	assert_string_equal(left("{modbus: {do: write, holding: 0-20}},"
				 "{modbus: {do: write, holding: [0-9, 11-20]}}"),
			    "tcp 502: modbus write-single-register unit 1 holding 10 (40011) "
			    "value 0");
	assert_string_equal(left("{mqtt: {do: write, topic: 'plant/#', client: 'gw-*'}},"
				 "{mqtt: {do: write, topic: 'plant/line1/#', client: 'gw-*'}}"),
			    "tcp 1883: mqtt publish (write) topic \"plant\" by \"gw-\" value 0");
	assert_string_equal(left("{cip: {do: write, tag: 'Set*'}},"
				 "{cip: {do: write, tag: 'Setpoint*'}}"),
			    "tcp 44818: cip write-tag (write) tag \"Set\" value 0");
}

static void ranges_may_be_written_as_lists(void **state)
{
	(void)state;
	assert_string_equal(left("{modbus: {do: [read, write], holding: 0-20}},"
				 "{modbus: {do: read, holding: [0-9, 10-20]}},"
				 "{modbus: {do: write, holding: [10-20, 0-11]}}"),
			    "covered");
	/* registers hold whole numbers, but a mask write may reach from one range into the other */
	assert_string_equal(left("{modbus: {do: write, function: 6, holding: 1, value: 0..10}},"
				 "{modbus: {do: write, function: 6, holding: 1,"
				 " value: [0..5, 6..10]}}"),
			    "covered");
	assert_string_equal(left("{modbus: {do: write, holding: 1, value: 0..10}},"
				 "{modbus: {do: write, holding: 1, value: [0..5, 6..10]}}"),
			    "tcp 502: modbus mask-write-register unit 1 holding 1 (40002) value "
			    "0..6");
}

static void patterns_are_exact(void **state)
{
	(void)state;
	assert_string_equal(left("{cip: {do: read, tag: 'A?*'}}, {cip: {do: read, tag: 'A*'}}"),
			    "covered");
	assert_string_equal(left("{cip: {do: read, tag: 'A*'}},"
				 "{cip: {do: read, tag: ['A', 'A?*']}}"),
			    "covered");
	assert_string_equal(left("{mqtt: {do: write, topic: 'a/+/c'}},"
				 "{mqtt: {do: write, topic: 'a/#'}}"),
			    "covered");
	/* whoever subscribes to a/# asks for more than the two */
	assert_string_equal(left("{mqtt: {do: write, topic: 'a/#'}},"
				 "{mqtt: {do: write, topic: ['a', 'a/+', 'a/+/+/#']}}"),
			    "covered");
	assert_string_equal(left("{mqtt: {do: read, packet: subscribe, topic: 'a/#'}},"
				 "{mqtt: {do: read, topic: ['a', 'a/+', 'a/+/+/#']}}"),
			    "tcp 1883: mqtt subscribe topic \"a/#\"");
}

static void a_rule_that_can_match_nothing_is_known(void **state)
{
	struct space_example ex;

	(void)state;
	allow("{modbus: {do: write, function: 3}}, {modbus: {do: write, coil: 1, value: 7}},"
	      "{modbus: {do: write, function: 6, coil: 1}}, {modbus: {do: write, function: 22}},"
	      "{mqtt: {do: read, packet: 3}}, {modbus: {do: config, function: 99}}");
	assert_int_equal(space_rule_possible(rules[0], &ex), SPACE_NO);
	assert_int_equal(space_rule_possible(rules[1], &ex), SPACE_NO);
	assert_int_equal(space_rule_possible(rules[2], &ex), SPACE_NO);
	assert_int_equal(space_rule_possible(rules[3], &ex), SPACE_YES);
	/* the delivery of a message is a publish, and the reading of it */
	assert_int_equal(space_rule_possible(rules[4], &ex), SPACE_YES);
	assert_int_equal(space_rule_possible(rules[5], &ex), SPACE_YES);
}

static void services_are_sets_too(void **state)
{
	const struct service *s[4], *all;
	struct space_example ex;
	char buf[64];
	uint32_t i;

	(void)state;
	allow("{tcp: 80-90}, {tcp: [80-84, 86-90]}, {tcp: 85}, {ip: any}");
	for (i = 0; i < 4; i++)
		s[i] = &p->conduit[0].service[i];
	all = s[3];
	assert_int_equal(space_service_covered(s[0], s + 1, 2, &ex), SPACE_YES);
	assert_int_equal(space_service_covered(s[0], s + 1, 1, &ex), SPACE_NO);
	assert_string_equal(space_example_words(&ex, buf, sizeof(buf)), "tcp 85");
	assert_int_equal(space_service_covered(s[0], &all, 1, &ex), SPACE_YES);
	assert_int_equal(space_service_covered(all, s, 3, &ex), SPACE_NO);
	assert_int_equal(space_services_overlap(s[1], s[2], &ex), SPACE_NO);
	assert_int_equal(space_services_overlap(s[0], s[2], &ex), SPACE_YES);
}

static void a_service_covers_the_ops_on_its_flows(void **state)
{
	const struct conduit *c;
	struct space_side by = {0};
	struct space_example ex;

	(void)state;
	policy_free(p);
	p = load(BASE "conduits:\n"
		      "  - {id: a, from: hmi-1, to: plc-1, allow: [modbus: {do: any, port: 502}]}\n"
		      "  - {id: b, from: hmi-1, to: plc-1, allow: [tcp: any, udp: 500-510]}\n");
	c = &p->conduit[1];
	by.serving = &c;
	by.servings = 1;
	assert_int_equal(space_rule_covered(&p->conduit[0].rule[0], &by, &ex), SPACE_YES);
	assert_int_equal(space_serving_covered(c, p->conduit[0].rule[0].vocab, &by, &ex),
			 SPACE_YES);
	policy_free(p);
	p = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_are_such_as_people_write),
		cmocka_unit_test(ranges_may_be_written_as_lists),
		cmocka_unit_test(patterns_are_exact),
		cmocka_unit_test(a_rule_that_can_match_nothing_is_known),
		cmocka_unit_test(services_are_sets_too),
		cmocka_unit_test(a_service_covers_the_ops_on_its_flows),
		cmocka_unit_test(agrees_with_brute_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
