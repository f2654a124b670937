/*
 * Questions about a policy: what is asked is understood, answers say yes, in part or no for the
 * right reason, and on random questions they are what the matcher says of random ops.
 */
#include "policy/ask.h"
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

#define POLICY                                                                                     \
	BASE "conduits:\n"                                                                         \
	     "  - id: limits\n"                                                                    \
	     "    from: hmi-1\n"                                                                   \
	     "    to: plc-1\n"                                                                     \
	     "    on-violation: degrade\n"                                                         \
	     "    allow:\n"                                                                        \
	     "      - modbus: {do: read}\n"                                                        \
	     "      - modbus: {do: write, unit: 1, holding: 100-119, value: 0..1000}\n"            \
	     "  - id: night\n"                                                                     \
	     "    from: screens\n"                                                                 \
	     "    to: plc-2\n"                                                                     \
	     "    when: {schedule: {days: [mon-fri], hours: 08:00-17:00}}\n"                       \
	     "    allow: [{modbus: {do: write}}]\n"                                                \
	     "  - id: help\n"                                                                      \
	     "    from: office\n"                                                                  \
	     "    to: plc-1\n"                                                                     \
	     "    when: {grant: {longest: 1h}}\n"                                                  \
	     "    allow: [{modbus: {do: [write, program]}}]\n"                                     \
	     "  - id: web\n"                                                                       \
	     "    from: office\n"                                                                  \
	     "    to: screens\n"                                                                   \
	     "    allow: [{tcp: 443}, {udp: 100-199}]\n"                                           \
	     "  - id: rooms\n"                                                                     \
	     "    from: screens\n"                                                                 \
	     "    to: office\n"                                                                    \
	     "    allow: [{tcp: [502, 503]}, {cip: {do: read}}]\n"

static struct policy *load(const char *text)
{
	struct diag diag = {.count = 0};
	struct policy *p = policy_load_buffer("p.yaml", text, strlen(text), &diag);

	diag_print(&diag, stderr);
	assert_non_null(p);
	diag_free(&diag);
	return p;
}

/* The one end of that name. */
static bool one_place(struct ask *a, const char *name, struct policy_place *out, struct diag *diag)
{
	struct ask_ends ends;

	if (!ask_ends(a, name, &ends, diag) || ends.count != 1 || ends.several)
		return false;
	*out = ends.end[0].place;
	return true;
}

static const struct question {
	const char *from, *to, *what;
	enum ask_is is, always;
	enum policy_verdict verdict;
	const char *conduit; /* a yes: of the first line; a no: the nearest; NULL: none */
	int line;	     /* a yes: of its entry; 0: there is none */
} questions[] = {
	{"hmi-1", "plc-1", "modbus read", ASK_YES, ASK_YES, POLICY_ALLOW, "limits", 15},
	{"hmi-1", "plc-1", "read modbus holding 7", ASK_YES, ASK_YES, POLICY_ALLOW, "limits", 15},
	{"hmi-1", "plc-1", "modbus write", ASK_PART, ASK_PART, POLICY_ALLOW, "limits", 16},
	{"hmi-1", "plc-1", "modbus read,write", ASK_PART, ASK_PART, POLICY_ALLOW, "limits", 15},
	{"hmi-1", "plc-1", "modbus write unit 1 holding 119", ASK_PART, ASK_PART, POLICY_ALLOW,
	 "limits", 16},
	{"hmi-1", "plc-1", "modbus write unit 1 holding 100-110 value 7..1000", ASK_YES, ASK_YES,
	 POLICY_ALLOW, "limits", 16},
	{"hmi-1", "plc-1", "modbus write unit 1 holding 100-120 value 7", ASK_PART, ASK_PART,
	 POLICY_ALLOW, "limits", 16},
	/* looks like a register number, and is taken as one */
	{"hmi-1", "plc-1", "modbus write unit 1 holding 40101 value 0", ASK_YES, ASK_YES,
	 POLICY_ALLOW, "limits", 16},
	{"hmi-1", "plc-1", "modbus write unit 1 holding 40100 value 0", ASK_NO, ASK_NO,
	 POLICY_OBJECT_DENIED, "limits", 0},
	{"hmi-1", "plc-1", "modbus write unit 1 holding 101 value 1001", ASK_NO, ASK_NO,
	 POLICY_VALUE_DENIED, "limits", 0},
	{"hmi-1", "plc-1", "modbus program", ASK_NO, ASK_NO, POLICY_OP_DENIED, "limits", 0},
	/* who may read may keep a session */
	{"hmi-1", "office", "cip session", ASK_YES, ASK_YES, POLICY_ALLOW, "rooms", 34},
	{"hmi-1", "office", "enip session", ASK_YES, ASK_YES, POLICY_ALLOW, "rooms", 34},
	{"hmi-1", "plc-1", "tcp 502", ASK_PART, ASK_PART, POLICY_ALLOW, "limits", 15},
	{"hmi-1", "plc-1", "icmp echo", ASK_NO, ASK_NO, POLICY_PORT_DENIED, "limits", 0},
	/* conditions */
	{"hmi-1", "plc-2", "modbus write", ASK_YES, ASK_NO, POLICY_ALLOW, "night", 21},
	{"screens", "plc-2", "modbus write coil 3", ASK_YES, ASK_NO, POLICY_ALLOW, "night", 21},
	{"office", "plc-1", "modbus program,write", ASK_YES, ASK_NO, POLICY_ALLOW, "help", 26},
	/* while nothing is granted the flow alone is one too many */
	{"office", "plc-1", "modbus read", ASK_NO, ASK_NO, POLICY_GRANT_MISSING, "help", 0},
	/* services */
	{"10.3.0.9", "screens", "tcp 443", ASK_YES, ASK_YES, POLICY_ALLOW, "web", 30},
	{"10.3.0.9", "hmi-1", "tcp [443, 444]", ASK_PART, ASK_PART, POLICY_ALLOW, "web", 30},
	{"10.3.0.9", "hmi-1", "udp 150-160", ASK_YES, ASK_YES, POLICY_ALLOW, "web", 30},
	{"10.3.0.9", "hmi-1", "any tcp 80", ASK_NO, ASK_NO, POLICY_PORT_DENIED, "web", 0},
	{"hmi-1", "office", "modbus write", ASK_PART, ASK_PART, POLICY_ALLOW, "rooms", 34},
	{"hmi-1", "office", "modbus write port 502", ASK_PART, ASK_PART, POLICY_ALLOW, "rooms",
	 34}, /* udp too is asked for */
	{"hmi-1", "office", "modbus write port 504", ASK_NO, ASK_NO, POLICY_OP_DENIED, "rooms", 0},
	{"hmi-1", "office", "cip write port 502", ASK_NO, ASK_NO, POLICY_OP_DENIED, "rooms", 0},
	/* no conduit */
	{"plc-1", "hmi-1", "modbus read", ASK_NO, ASK_NO, POLICY_NO_CONDUIT, NULL, 0},
	{"plc-1", "office", "modbus read", ASK_NO, ASK_NO, POLICY_LAYER_SKIPPED, NULL, 0},
	{"192.0.2.1", "plc-1", "modbus read", ASK_NO, ASK_NO, POLICY_NO_CONDUIT, NULL, 0},
	{"plc-1", "plc-2", "tcp any", ASK_YES, ASK_YES, POLICY_SAME_ZONE, NULL, 0},
};

/* Groups and roles are their members, each by itself. */
static void groups_are_their_members(void **state)
{
	static const struct {
		const char *name;
		const char *ends; /* "plc-1 plc-2 "; NULL: an error */
		bool several;
	} asked[] = {
		{"plc-1", "plc-1 ", false},
		{"field", "field ", false},
		{"both", "plc-1 hmi-1 ", true},
		{"all", "plc-1 hmi-1 office ", true},
		{"role:plc", "plc-1 plc-2 ", true},
		{"role:plc@field", "plc-1 plc-2 ", true},
		{"role:plc@screens", NULL, false},
		{"role:pump", NULL, false},
		{"empty", NULL, false},
		{"bot", NULL, false},
	};
	struct policy *p = load("zones:\n"
				"  field: {level: control, networks: [10.1.0.0/16]}\n"
				"  screens: {level: control-information, networks: [10.2.0.0/16]}\n"
				"  office: {level: information, networks: [10.3.0.0/16]}\n"
				"assets:\n"
				"  plc-1: {zone: field, address: 10.1.0.1, role: plc}\n"
				"  plc-2: {zone: field, address: 10.1.0.2, role: plc}\n"
				"  hmi-1: {zone: screens, address: 10.2.0.1, role: hmi}\n"
				"groups:\n"
				"  both: [plc-1, hmi-1]\n"
				"  all: [both, office]\n"
				"  empty: {role: gone}\n");
	struct ask_ends ends;
	unsigned i;
	uint32_t k;

	(void)state;
	for (i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		struct diag diag = {.count = 0};
		struct ask *a = ask_new(p, "tcp 80", false, &diag);
		char names[128] = "";
		bool ok = ask_ends(a, asked[i].name, &ends, &diag);

		assert_int_equal(ok, asked[i].ends != NULL);
		assert_int_equal(ok, diag.errors == 0);
		for (k = 0; ok && k < ends.count; k++)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
				 ends.end[k].name);
		if (ok) {
			assert_string_equal(names, asked[i].ends);
			assert_int_equal(ends.several, asked[i].several);
		}
		ask_free(a);
		diag_free(&diag);
	}
	policy_free(p);
}

static bool answered(const struct policy *p, const struct question *q)
{
	struct diag diag = {.count = 0};
	struct ask *a = ask_new(p, q->what, false, &diag);
	struct policy_place client, server;
	struct ask_answer x;
	const char *conduit = NULL;
	int line = 0;
	bool ok;

	diag_print(&diag, stderr);
	assert_non_null(a);
	assert_true(one_place(a, q->from, &client, &diag));
	assert_true(one_place(a, q->to, &server, &diag));
	x = ask_can(a, client, server);
	if (x.lines) {
		conduit = policy_conduit_at(p, x.line[0]->conduit)->id;
		line = x.line[0]->line;
	} else if (x.conduit != POLICY_NONE) {
		conduit = policy_conduit_at(p, x.conduit)->id;
	}
	ok = x.is == q->is && x.always == q->always && x.verdict == q->verdict && !x.unsure &&
	     line == q->line && !conduit == !q->conduit &&
	     (!conduit || strcmp(conduit, q->conduit) == 0);
	if (!ok)
		print_error("%s -> %s: %s: is %d always %d verdict %d conduit %s line %d\n",
			    q->from, q->to, q->what, x.is, x.always, x.verdict,
			    conduit ? conduit : "-", line);
	ask_free(a);
	diag_free(&diag);
	return ok;
}

static void answers(void **state)
{
	struct policy *p = load(POLICY);
	unsigned i, bad = 0;

	(void)state;
	for (i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		bad += !answered(p, &questions[i]);
	assert_int_equal(bad, 0);
	policy_free(p);
}

/* Firmware goes through update conduits alone, whatever services and zones permit. */
static void updates(void **state)
{
	static const struct question asked[] = {
		{"hmi-1", "plc-1", "cip firmware", ASK_YES, ASK_NO, POLICY_ALLOW, "registered", 10},
		{"office", "plc-1", "cip firmware", ASK_NO, ASK_NO, POLICY_UPDATE_DENIED,
		 "registered", 0},
		{"office", "plc-1", "cip read", ASK_YES, ASK_YES, POLICY_ALLOW, "all", 11},
		{"office", "plc-1", "cip read,firmware", ASK_PART, ASK_PART, POLICY_ALLOW, "all",
		 11},
		{"plc-2", "plc-1", "cip firmware", ASK_NO, ASK_NO, POLICY_UPDATE_DENIED,
		 "registered", 0},
		{"plc-2", "plc-1", "cip write", ASK_YES, ASK_YES, POLICY_SAME_ZONE, NULL, 0},
	};
	struct policy *p =
		load(BASE "conduits:\n"
			  "  - {id: registered, from: hmi-1, to: plc-1, update: true, when: "
			  "{grant: required}, allow: [{cip: {do: firmware}}]}\n"
			  "  - {id: all, from: office, to: plc-1, allow: [{tcp: any}, "
			  "{udp: any}]}\n");
	unsigned i, bad = 0;

	(void)state;
	for (i = 0; i < sizeof(asked) / sizeof(*asked); i++)
		bad += !answered(p, &asked[i]);
	assert_int_equal(bad, 0);
	policy_free(p);
}

static void what_is_not_understood(void **state)
{
	static const struct {
		bool who;
		const char *words, *part;
	} wrong[] = {
		{false, "", "which op or service?"},
		{false, "   ", "which op or service?"},
		{false, "write", "write in which protocol?"},
		{false, "modbus", "what in modbus?"},
		{false, "modbsu write", "did you mean \"modbus\"?"},
		{false, "modbus wirte", "did you mean \"write\"?"},
		{false, "write read", "\"read\" is no class, protocol or service"},
		{false, "modbus write holdng 5", "did you mean \"holding\"?"},
		{false, "modbus write holding", "holding of what?"},
		{false, "modbus write holding 9-5", "runs backwards"},
		{false, "modbus write unit 999", "above 255"},
		{false, "modbus write [holding", "without its end"},
		{false, "modbus write unit 1 unit 2", "duplicate key"},
		{false, "modbus alarm", "no op of modbus is"},
		{false, "modbus write input 5", "no op of modbus is"},
		{false, "modbus read value 5", "value judges writes"},
		{false, "tcp", "which tcp?"},
		{false, "icmp", "such as icmp echo"},
		{false, "tcp 70000", "above 65535"},
		{false, "tcp 80 unit 5", "what is \"unit\" of a service?"},
		{true, "write modbus", "to whom?"},
		{true, "write modbus plc-3", "did you mean \"plc-1\"?"},
		{true, "write modbus 10.0.0", "no asset, zone"},
		{true, "tcp 443", "to whom?"},
		{true, "write modbus plc-1 unit", "unit of what?"},
	};
	struct policy *p = load(POLICY);
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct diag diag = {.count = 0};
		struct ask *a = ask_new(p, wrong[i].words, wrong[i].who, &diag);

		if (a || !diag.count || !strcasestr(diag.entry[0].text, wrong[i].part))
			fail_msg("'%s': %s", wrong[i].words,
				 diag.count ? diag.entry[0].text : "understood");
		ask_free(a);
		diag_free(&diag);
	}
	policy_free(p);
}

/* "hmi-1 yes, office part ..." of everybody who may. */
static const char *who(const struct policy *p, const char *question, char *out, size_t size)
{
	static const char *const is[] = {"no", "part", "yes"};
	struct diag diag = {.count = 0};
	struct ask *a = ask_new(p, question, true, &diag);
	struct ask_group *g;
	uint32_t n, i, k;
	size_t len = 0;

	diag_print(&diag, stderr);
	assert_non_null(a);
	n = ask_who(a, &g);
	*out = '\0';
	for (i = 0; i < n; i++)
		for (k = 0; k < g[i].clients; k++) {
			uint32_t c = g[i].client[k];
			const struct policy_zone *z = policy_zone_at(p, c);

			len += (size_t)snprintf(out + len, size - len, "%s%s %s", len ? ", " : "",
						z ? z->id : policy_asset_at(p, c - 3)->id,
						is[g[i].answer.is]);
		}
	ask_free(a);
	return out;
}

static void everybody_who_may(void **state)
{
	struct policy *p = load(POLICY);
	char text[512];

	(void)state;
	assert_string_equal(who(p, "write modbus plc-1", text, sizeof(text)),
			    "field yes, plc-2 yes, office yes, hmi-1 part");
	assert_string_equal(
		who(p, "write modbus plc-1 unit 1 holding 5 value 1", text, sizeof(text)),
		"field yes, plc-2 yes, office yes");
	assert_string_equal(who(p, "tcp 443 hmi-1", text, sizeof(text)), "screens yes, office yes");
	assert_string_equal(who(p, "any cip 10.3.0.4", text, sizeof(text)),
			    "screens part, hmi-1 part, office yes");
	/* a zone is its devices, listed or not */
	assert_string_equal(who(p, "tcp 443 screens", text, sizeof(text)),
			    "screens yes, hmi-1 yes, office yes, screens yes, office yes");
	policy_free(p);
}

/* --- against the matcher --- */

static uint64_t seed;

static uint32_t dice(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % n;
}

static size_t random_entry(char *out, size_t size)
{
	static const char *const classes[] = {"read", "write", "[read, write]", "any"};
	unsigned first = dice(6);
	size_t n = (size_t)snprintf(out, size, "{modbus: {do: %s", classes[dice(4)]);

	if (dice(2))
		n += (size_t)snprintf(out + n, size - n, ", unit: %u", dice(2));
	if (dice(3))
		n += (size_t)snprintf(out + n, size - n, ", holding: %u-%u", first,
				      first + dice(3));
	if (dice(2) && strstr(out, "write"))
		n += (size_t)snprintf(out + n, size - n, ", value: 0..%u", dice(4));
	return n + (size_t)snprintf(out + n, size - n, "}}");
}

static void random_policy(char *out, size_t size)
{
	static const char *const from[] = {"hmi-1", "screens", "[hmi-1, office]"};
	static const char *const to[] = {"plc-1", "field", "[plc-1, plc-2]"};
	size_t n = (size_t)snprintf(out, size, BASE "conduits:\n");
	unsigned i, k, conduits = 1 + dice(3);

	for (i = 0; i < conduits; i++) {
		n += (size_t)snprintf(
			out + n, size - n, "  - {id: c%u, from: %s, to: %s, %sallow: [", i,
			from[dice(3)], to[dice(3)], dice(4) ? "" : "when: {grant: required}, ");
		for (k = dice(3) + 1; k > 0; k--) {
			n += random_entry(out + n, size - n);
			n += (size_t)snprintf(out + n, size - n, "%s", k > 1 ? ", " : "");
		}
		n += (size_t)snprintf(out + n, size - n, "]}\n");
	}
}

static bool permitted(const struct policy_now *now, const struct policy_flow_decision *d,
		      const struct op *op)
{
	if (d->verdict != POLICY_LATER)
		return d->verdict == POLICY_SAME_ZONE;
	return policy_op(now, d, op).verdict == POLICY_ALLOW;
}

/* All grants are active. */
static struct policy_now *all_granted(const struct policy *p)
{
	struct policy_grant grant[4];
	struct policy_now *now = policy_now_new(p);
	uint32_t n = 0;

	for (; policy_conduit_at(p, n); n++)
		grant[n] = (struct policy_grant){n, 0, INT64_MAX};
	assert_true(policy_now_grants(now, grant, n));
	policy_now_at(now, 1);
	return now;
}

/*
 * Every op of the question, one after the other, put to the matcher: yes when all are permitted,
 * no when none is. always is the same of what is not waiting for a grant.
 */
static void enumerate(const struct policy *p, const struct policy_now *granted,
		      struct policy_place client, struct policy_place server, enum op_class cls,
		      int unit, unsigned first, unsigned last, enum ask_is *is, enum ask_is *always)
{
	const struct policy_now *rest = policy_rest(p);
	struct policy_flow_decision d = policy_flow(rest, client, server, 6, 502);
	struct policy_flow_decision g = policy_flow(granted, client, server, 6, 502);
	unsigned addr, value, u, n = 0, open = 0, some = 0;

	for (u = 0; u < 3; u++)
		for (addr = first; addr <= last; addr++)
			for (value = 0; value < (cls == OP_WRITE ? 6u : 1u); value++) {
				uint8_t raw[2] = {0, (uint8_t)value};
				struct op op = {.proto = vocab_find("modbus")->proto,
						.name = "",
						.cls = (uint8_t)cls,
						.code = cls == OP_READ ? 3 : 6,
						.unit = (int32_t)u,
						.object = {.space = OP_SPACE_HOLDING,
							   .first = addr,
							   .count = 1}};

				if (unit >= 0 && u != (unsigned)unit)
					continue;
				if (cls == OP_WRITE)
					op.values = (struct op_values){slice_of(raw, 2), 1,
								       OP_V_U16, true};
				n++;
				open += permitted(rest, &d, &op);
				some += permitted(granted, &g, &op);
			}
	*is = some == n ? ASK_YES : some ? ASK_PART : ASK_NO;
	*always = open == n ? ASK_YES : open ? ASK_PART : ASK_NO;
}

static void random_questions(void **state)
{
	static const char *const clients[] = {"hmi-1", "screens", "office"};
	static const char *const servers[] = {"plc-1", "plc-2", "field"};
	unsigned i, k, all[3] = {0};
	char text[4096], words[128];

	(void)state;
	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 20261121;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < 1500; i++) {
		struct policy_now *granted;
		struct policy *p;

		random_policy(text, sizeof(text));
		p = load(text);
		granted = all_granted(p);
		for (k = 0; k < 6; k++) {
			enum op_class cls = dice(2) ? OP_READ : OP_WRITE;
			int unit = (int)dice(3) - 1;
			unsigned first = dice(7), last = first + dice(3);
			struct diag diag = {.count = 0};
			struct policy_place client, server;
			enum ask_is is, always;
			struct ask_answer x;
			struct ask *a;
			size_t n = (size_t)snprintf(
				words, sizeof(words), "modbus %s function %s holding %u-%u%s",
				op_class_name(cls), cls == OP_READ ? "3" : "6", first, last,
				cls == OP_WRITE ? " value 0..5" : "");

			if (unit >= 0)
				snprintf(words + n, sizeof(words) - n, " unit %d", unit);
			else
				snprintf(words + n, sizeof(words) - n, " unit 0-2");
			a = ask_new(p, words, false, &diag);
			assert_non_null(a);
			one_place(a, clients[dice(3)], &client, &diag);
			one_place(a, servers[dice(3)], &server, &diag);
			x = ask_can(a, client, server);
			enumerate(p, granted, client, server, cls, unit, first, last, &is, &always);
			if (x.is != is || x.always != always)
				fail_msg("%s\n%s: is %d, not %d; always %d, not %d", text, words,
					 x.is, is, x.always, always);
			all[is]++;
			ask_free(a);
			diag_free(&diag);
		}
		policy_now_free(granted);
		policy_free(p);
	}
	print_message("%u no, %u in part, %u yes\n", all[0], all[1], all[2]);
	assert_true(all[0] > 500 && all[1] > 500 && all[2] > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_their_members),
		cmocka_unit_test(answers),
		cmocka_unit_test(updates),
		cmocka_unit_test(what_is_not_understood),
		cmocka_unit_test(everybody_who_may),
		cmocka_unit_test(random_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
