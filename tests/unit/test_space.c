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

#define QUESTIONS 4000
#define OPS	  400 /* tried per question */
#define OTHERS	  6

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

#define PICK(a) ((a)[rnd(sizeof(a) / sizeof(*(a)))])

static char text[16384];
static size_t used;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	assert_true(used < sizeof(text));
}

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

/* --- random rules --- */

static void put_ranges(const char *key, unsigned limit, const char *to)
{
	unsigned n = 1 + rnd(3), i, lo, hi;

	if (rnd(9) == 0 && strcmp(to, "-") == 0) {
		put(", %s: any", key);
		return;
	}
	put(", %s: [", key);
	for (i = 0; i < n; i++) {
		lo = rnd(limit);
		hi = lo + rnd(limit);
		put("%s%u%s%u", i ? ", " : "", lo, to, rnd(3) ? hi : lo);
	}
	put("]");
}

static const char *const filters[] = {"a/#", "a/+", "#", "+/b", "a/b/c", "+/+/#", "+", "a", "b/#"};
static const char *const tags[] = {"A*", "*x", "A?x", "Line.B", "*", "Ab*", "A", "Ax", "?*", "*b*"};
static const char *const clients[] = {"gw-*", "?", "me", "*", "gw-1*", "gw-1"};

static void put_texts(const char *key, const char *const *list, unsigned n)
{
	unsigned k = 1 + rnd(2), i;

	put(", %s: [", key);
	for (i = 0; i < k; i++)
		put("%s\"%s\"", i ? ", " : "", list[rnd(n)]);
	put("]");
}

#define TEXTS(a) a, sizeof(a) / sizeof(*(a))

static void put_modbus(void)
{
	static const char *const classes[] = {"any", "write", "read", "[read, write]", "[write]"};
	bool any = true;

	put("{do: %s", PICK(classes));
	any = strncmp(text + used - 4, "read", 4) != 0;
	if (rnd(3) == 0)
		put_ranges("unit", 4, "-");
	if (rnd(3) == 0)
		put_ranges("function", 24, "-");
	if (rnd(2))
		put_ranges("holding", 12, "-");
	if (rnd(4) == 0)
		put_ranges("coil", 12, "-");
	if (rnd(6) == 0)
		put_ranges("record", 6, "-");
	if (rnd(6) == 0)
		put_ranges("file", 4, "-");
	if (any && rnd(2))
		put_ranges("value", 12, "..");
}

static void put_cip(void)
{
	put("{do: %s", rnd(2) ? "any" : "write");
	if (rnd(3) == 0)
		put_ranges("slot", 4, "-");
	if (rnd(4) == 0)
		put_ranges("service", 6, "-");
	if (rnd(2))
		put_ranges("class", 4, "-");
	if (rnd(3) == 0)
		put_ranges("instance", 4, "-");
	if (rnd(2))
		put_texts("tag", TEXTS(tags));
	if (rnd(2))
		put_ranges("value", 12, "..");
}

static void put_mqtt(void)
{
	static const char *const classes[] = {"any", "write", "[read, write]"};

	put("{do: %s", PICK(classes));
	if (rnd(4))
		put_texts("topic", TEXTS(filters));
	if (rnd(2))
		put_texts("client", TEXTS(clients));
	if (rnd(4) == 0)
		put_ranges("packet", 5, "-");
	if (rnd(4) == 0)
		put_ranges("value", 12, "..");
}

enum proto { MODBUS, CIP, MQTT, PROTOS };

static const char *const names[] = {"modbus", "cip", "mqtt"};

static void put_rule(enum proto proto)
{
	put("      - %s: ", names[proto]);
	(proto == MODBUS ? put_modbus : proto == CIP ? put_cip : put_mqtt)();
	if (rnd(5) == 0)
		put_ranges("port", 6, "-");
	put("}\n");
}

/* --- random ops --- */

static const char *const topic_names[] = {"a", "a/b", "a/b/c", "b",  "b/b", "a/+", "a/#",
					  "#", "+/b", "$x/b",  "a/", "/b",  "x",   "a/x/x"};
static const char *const tag_names[] = {"Ax", "Abx", "A", "Line.B", "Line", "x", "", "Ab", "bb"};
static const char *const client_names[] = {"gw-1", "gw-", "m", "me", "", "gw-12", "zz"};

static double number;
static uint16_t small[2];

static void random_value(struct op *op, bool mask)
{
	unsigned v = rnd(26);

	op->values = (struct op_values){.count = 1, .big_endian = false};
	if (mask) {
		small[0] = (uint16_t)rnd(16);
		small[1] = (uint16_t)rnd(16);
		op->values.type = OP_V_MASK16;
		op->values.raw = slice_of((const uint8_t *)small, 4);
	} else if (op->object.space == OP_SPACE_HOLDING || op->object.space == OP_SPACE_COIL) {
		small[0] = (uint16_t)(op->object.space == OP_SPACE_COIL ? v % 2 : v);
		op->values.type = op->object.space == OP_SPACE_COIL ? OP_V_BIT : OP_V_U16;
		op->values.raw = slice_of((const uint8_t *)small, 2);
	} else if (rnd(6)) {
		number = (double)v / 2;
		op->values.type = OP_V_F64;
		op->values.raw = slice_of((const uint8_t *)&number, 8);
	} else {
		op->values.type = OP_V_TEXT;
		op->values.raw = slice_str("word");
	}
}

/* Near the boundaries, and of a kind that the vocabulary says there is. */
static struct op random_op(enum proto proto, uint16_t *port)
{
	const struct vocab *v = vocab_find(names[proto]);
	const struct vocab_op *kinds = v->ops;
	struct op op = {.proto = v->proto, .name = "", .unit = (int32_t)rnd(6)};
	unsigned n = 0, i;
	bool mask = false;

	*port = (uint16_t)rnd(13);
	if (kinds) {
		while (kinds[n].cls != OP_CLASSES)
			n++;
		do
			kinds = &v->ops[rnd(n)];
		while (kinds->cls != OP_READ && kinds->cls != OP_WRITE && rnd(3));
		op.cls = kinds->cls;
		op.code = kinds->code;
		op.object.space = kinds->space;
		mask = kinds->mask;
	} else {
		op.cls = (uint8_t)(rnd(2) ? OP_WRITE : rnd(OP_CLASSES));
		op.code = rnd(13);
		op.object.space = PICK(((uint8_t[]){OP_SPACE_OBJECT, OP_SPACE_TAG, OP_SPACE_NONE}));
		op.unit -= 1;
	}
	if (op.object.space == OP_SPACE_OBJECT || op.object.space == OP_SPACE_TAG)
		op.object.npath = (uint8_t)rnd(4);
	if (op.object.space == OP_SPACE_FILE_RECORD)
		op.object.npath = 1;
	for (i = 0; i < op.object.npath; i++)
		op.object.path[i] = rnd(9);
	op.object.first = rnd(25);
	op.object.count = 1;
	if (op.object.space == OP_SPACE_TAG)
		op.object.name = slice_str(PICK(tag_names));
	if (proto == MQTT) {
		op.unit = -1;
		op.actor = slice_str(PICK(client_names));
		/* nobody can publish to a filter */
		do
			op.object.name = op.object.space ? slice_str(PICK(topic_names))
							 : (struct slice){NULL, 0};
		while (op.cls == OP_WRITE && op.object.name.len &&
		       (memchr(op.object.name.p, '+', op.object.name.len) ||
			memchr(op.object.name.p, '#', op.object.name.len)));
	}
	if (op.cls == OP_WRITE)
		random_value(&op, mask);
	return op;
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
