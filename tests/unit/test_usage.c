/*
 * Narrowing, on random policies and ops: the narrowed policy permits every op that was seen to be
 * permitted, and nothing that the policy did not permit. And the sets it is made of, against a row
 * of bits. USAGE_SEED=n repeats a run.
 */
#include "op/vocab.h"
#include "policy/usage.h"
#include "policy/usage_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLICIES 1500
#define OPS	 60  /* seen, per policy */
#define PROBES	 300 /* per policy */
#define ENTRIES	 5

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* --- sets --- */

static void sets_hold_what_was_seen_and_stay_small(void **state)
{
	static uint8_t bits[3000];
	unsigned round, i, k, holes;

	(void)state;
	for (round = 0; round < 300; round++) {
		struct seen_numbers s = {.count = 0};
		unsigned n = 1 + rnd(150), wide = 1 + rnd(40);
		bool full = false;

		memset(bits, 0, sizeof(bits));
		for (i = 0; i < n; i++) {
			unsigned lo = rnd(2900), hi = lo + rnd(wide);

			memset(bits + lo, 1, hi - lo + 1);
			seen_add(&s, lo, hi);
			assert_true(s.count >= 1 && s.count <= SEEN_RANGES);
			full = full || s.count == SEEN_RANGES;
		}
		for (i = 1; i < s.count; i++)
			assert_true(s.range[i - 1].hi + 1 < s.range[i].lo);
		for (i = k = holes = 0; i < sizeof(bits); i++) {
			bool in;

			while (k < s.count && s.range[k].hi < i)
				k++;
			in = k < s.count && s.range[k].lo <= i;
			if (bits[i])
				assert_true(in);
			holes += in && !bits[i];
		}
		if (!full)
			assert_int_equal(holes, 0);
	}
}

static void the_nearest_ranges_become_one(void **state)
{
	struct seen_numbers s = {.count = 0};

	(void)state;
	seen_add(&s, 10, 12);
	seen_add(&s, 20, 21);
	seen_add(&s, 24, 24);
	seen_add(&s, UINT64_MAX, UINT64_MAX);
	seen_add(&s, 0, 0);
	assert_int_equal(s.count, 5);
	seen_merge(&s, 3);
	assert_int_equal(s.count, 3);
	assert_true(s.range[0].lo == 0 && s.range[0].hi == 0);
	assert_true(s.range[1].lo == 10 && s.range[1].hi == 24);
	assert_true(s.range[2].lo == UINT64_MAX);
}

/* --- narrowing --- */

static char text[32768];
static size_t used;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	assert_true(used < sizeof(text));
}

static struct policy *load(void)
{
	struct diag diag = {.count = 0};
	struct policy *p = policy_load_buffer("test", text, used, &diag);

	if (!p) {
		fprintf(stderr, "%s\n", text);
		diag_print(&diag, stderr);
	}
	assert_non_null(p);
	diag_free(&diag);
	return p;
}

static void head(bool one_based)
{
	used = 0;
	put("addresses: %s\nzones:\n  a: {level: control, networks: [10.1.0.0/16]}\n"
	    "  b: {level: control, networks: [10.2.0.0/16]}\n"
	    "conduits:\n  - id: c\n    from: a\n    to: b\n    allow:\n",
	    one_based ? "1-based" : "0-based");
}

static char entry[ENTRIES][512];

static const char *some_range(unsigned max, unsigned from, char buf[64])
{
	unsigned lo = rnd(max) + from, hi = lo + rnd(12);

	if (rnd(3) == 0)
		snprintf(buf, 64, "[%u, %u-%u]", lo, hi + 2, hi + 2 + rnd(9));
	else
		snprintf(buf, 64, "%u-%u", lo, hi);
	return buf;
}

static void modbus_entry(char *out, unsigned from)
{
	static const char *const dos[] = {"read",
					  "write",
					  "[read, write]",
					  "any",
					  "[write, diagnose]",
					  "[read, write, discover]"};
	static const char *const spaces[] = {"holding", "coil", "input", "holding"};
	char a[64], b[64], c[64];
	size_t n = (size_t)snprintf(out, 512, "modbus: {do: %s", dos[rnd(6)]);

	if (rnd(2))
		n += (size_t)snprintf(out + n, 512 - n, ", unit: %s", rnd(2) ? "1" : "[1, 3]");
	if (rnd(3))
		n += (size_t)snprintf(out + n, 512 - n, ", %s: %s", spaces[rnd(3)],
				      some_range(40, from, a));
	if (rnd(4) == 0 && !strstr(out, "discrete"))
		n += (size_t)snprintf(out + n, 512 - n, ", discrete-input: %s",
				      some_range(40, from, b));
	if (strstr(out, "write") && rnd(2))
		n += (size_t)snprintf(out + n, 512 - n, ", value: %s",
				      rnd(2) ? "[0..5, 8..20]" : "-3..12");
	if (rnd(4) == 0)
		n += (size_t)snprintf(out + n, 512 - n, ", port: %s", some_range(3, 500, c));
	snprintf(out + n, 512 - n, "}");
}

static void mqtt_entry(char *out)
{
	static const char *const topics[] = {"\"p/#\"", "\"p/+/t\"", "[\"p/1/t\", \"q/#\"]",
					     "\"#\""};

	snprintf(out, 512, "mqtt: {do: %s, topic: %s%s}", rnd(2) ? "[read, write]" : "any",
		 topics[rnd(4)], rnd(2) ? ", client: \"c*\"" : "");
}

static unsigned some_entries(unsigned from)
{
	unsigned n = 1 + rnd(ENTRIES), i;

	for (i = 0; i < n; i++) {
		if (rnd(4) == 0)
			mqtt_entry(entry[i]);
		else
			modbus_entry(entry[i], from);
		put("      - %s\n", entry[i]);
	}
	return n;
}

static uint8_t bytes[64];

static const char *proto(const char *name)
{
	return vocab_find(name)->proto;
}

static struct op some_op(void)
{
	static const char *const names[] = {"p/1/t",	    "p/2/t", "q/x/y", "p",
					    "$share/g/p/#", "p/+/t", "z"};
	static const uint8_t classes[] = {OP_READ,     OP_WRITE,   OP_WRITE,   OP_READ,
					  OP_DIAGNOSE, OP_SESSION, OP_DISCOVER};
	static const uint8_t spaces[] = {OP_SPACE_HOLDING, OP_SPACE_COIL, OP_SPACE_INPUT,
					 OP_SPACE_DISCRETE_INPUT, OP_SPACE_NONE};
	struct op op = {.name = "x", .role = OP_REQUEST, .rtt = -1};
	unsigned i;

	op.cls = classes[rnd(sizeof(classes))];
	if (rnd(4) == 0) {
		op.proto = proto("mqtt");
		op.unit = -1;
		op.code = 3;
		op.object.space = op.cls == OP_SESSION ? OP_SPACE_NONE : OP_SPACE_TOPIC;
		if (op.cls != OP_SESSION)
			op.object.name = slice_str(names[rnd(7)]);
		op.actor = rnd(3) ? slice_str(rnd(2) ? "c1" : "d") : slice_of(NULL, 0);
		return op;
	}
	op.proto = proto("modbus");
	op.unit = (int32_t)(1 + rnd(3));
	op.code = op.cls == OP_WRITE ? 16 : 3;
	op.object.space = spaces[rnd(5)];
	op.object.first = rnd(60);
	op.object.count = op.object.space == OP_SPACE_NONE ? 0 : 1 + rnd(5);
	if (op.cls == OP_WRITE) {
		op.values.type = OP_V_I16;
		op.values.big_endian = true;
		op.values.count = op.object.count;
		for (i = 0; i < op.object.count; i++) {
			int v = (int)rnd(26) - 4;

			bytes[2 * i] = (uint8_t)(v >> 8);
			bytes[2 * i + 1] = (uint8_t)v;
		}
		op.values.raw = slice_of(bytes, 2 * op.values.count);
	}
	return op;
}

static struct policy_flow_decision flow(const struct policy *p, uint16_t port)
{
	struct addr a, b;

	assert_true(addr_parse("10.1.0.1", &a) && addr_parse("10.2.0.1", &b));
	return policy_flow(policy_rest(p), policy_place(p, &a, NULL), policy_place(p, &b, NULL), 6,
			   port);
}

static bool allowed(const struct policy *p, const struct op *op, uint16_t port)
{
	struct policy_flow_decision d = flow(p, port);

	return (d.verdict == POLICY_LATER || d.verdict == POLICY_ALLOW) &&
	       policy_op(policy_rest(p), &d, op).verdict == POLICY_ALLOW;
}

/* The policy with every proposal taken, in text. */
static void narrow(struct policy_usage *u, unsigned n, bool one_based)
{
	const char *yaml, *end;
	unsigned i, entries = 0;

	head(one_based);
	for (i = 0; i < n; i++) {
		yaml = policy_usage_narrow(u, 0, i);
		entries += !yaml || *yaml;
		if (!yaml)
			put("      - %s\n", entry[i]);
		for (; yaml && *yaml; yaml = end + 1) {
			end = strchr(yaml, '\n');
			put("      %.*s\n", (int)(end - yaml), yaml);
		}
	}
	if (!entries)
		put("      []\n");
}

static void one_policy(void)
{
	uint64_t again[OPS];
	uint16_t port[OPS];
	bool one_based = rnd(4) == 0;
	unsigned n, i, seen = 0;
	struct policy *wide, *small;
	struct policy_usage *u;
	uint32_t conduit[USAGE_CONDUITS];
	struct op op;

	head(one_based);
	n = some_entries(one_based);
	wide = load();
	u = policy_usage_new(wide);
	for (i = 0; i < OPS; i++) {
		uint64_t before = seed;
		struct policy_flow_decision d;

		port[seen] = (uint16_t)(500 + rnd(6));
		op = some_op();
		if (!allowed(wide, &op, port[seen]))
			continue;
		d = flow(wide, port[seen]);
		assert_int_equal(policy_usage_op(u, policy_rest(wide), &d, &op, conduit), 1);
		again[seen++] = before;
	}
	narrow(u, n, one_based);
	small = load();
	for (i = 0; i < seen; i++) {
		uint64_t now = seed;

		seed = again[i];
		rnd(6);
		op = some_op();
		seed = now;
		if (!allowed(small, &op, port[i]))
			fail_msg("class %d of %s, first %d, denied after narrowing:\n%s", op.cls,
				 op.proto, (int)op.object.first, text);
	}
	for (i = 0; i < PROBES; i++) {
		uint16_t at = (uint16_t)(500 + rnd(6));

		op = some_op();
		if (allowed(small, &op, at) && !allowed(wide, &op, at))
			fail_msg("class %d of %s, first %d, only permitted after narrowing:\n%s",
				 op.cls, op.proto, (int)op.object.first, text);
	}
	policy_usage_free(u);
	policy_free(small);
	policy_free(wide);
}

static void a_narrowed_policy_permits_what_was_seen_and_nothing_new(void **state)
{
	const char *given = getenv("USAGE_SEED");
	uint64_t start = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	unsigned i;

	(void)state;
	print_message("USAGE_SEED=%llu\n", (unsigned long long)start);
	seed = start;
	for (i = 0; i < POLICIES; i++)
		one_policy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_hold_what_was_seen_and_stay_small),
		cmocka_unit_test(the_nearest_ranges_become_one),
		cmocka_unit_test(a_narrowed_policy_permits_what_was_seen_and_nothing_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
