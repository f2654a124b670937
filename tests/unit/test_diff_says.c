/*
 * What a comparison of two policies says, entry by entry: two small policies, and all that must be
 * told of them, in their order; "" is nothing at all.
 */
#include "policy/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ZONES                                                                                      \
	"zones:\n"                                                                                 \
	"  office: {level: control-information, networks: [10.2.0.0/24]}\n"                        \
	"  cell: {level: control, networks: [10.1.0.0/24]}\n"
#define ASSETS                                                                                     \
	"assets:\n"                                                                                \
	"  eng: {zone: office, address: 10.2.0.7}\n"                                               \
	"  hmi: {zone: office, address: 10.2.0.5}\n"                                               \
	"  plc: {zone: cell, address: 10.1.0.5}\n"                                                 \
	"  plc-2: {zone: cell, address: 10.1.0.6}\n"
#define BASE ZONES ASSETS

/* --- update conduits --- */

#define UPDATE(to)                                                                                 \
	"  - {id: load, from: eng, to: " to ", allow: [{cip: {do: [program, firmware]}}], "        \
	"update: true, when: {grant: required}}\n"
#define SERVICE "  - {id: svc, from: hmi, to: cell, allow: [tcp: 44818]}\n"

/* --- frames --- */

#define LINK(types, more)                                                                          \
	"zones:\n  cell: {level: control, networks: [10.1.0.0/24]}\n"                              \
	"  io: {level: field, vlans: [60, 61]}\n"                                                  \
	"assets:\n  plc: {zone: cell, address: 10.1.0.5, mac: \"02:00:00:00:00:05\"}\n"            \
	"  drive: {zone: io, mac: \"02:00:00:00:00:06\"}\n"                                        \
	"conduits:\n  - {id: bus, from: plc, to: [io, drive], allow: [ethertype: " types "]" more  \
	"}\n"

/* --- when --- */

#define AT(when)                                                                                   \
	BASE "conduits:\n  - {id: c, from: hmi, to: plc, allow: [{modbus: {do: write, "            \
	     "holding: 5}}], when: {" when "}}\n"
#define DAY   "schedule: {days: mon-fri, hours: 08:00-17:00}"
#define NOON  "schedule: {days: mon-fri, hours: 12:00-13:00}"
#define NIGHT "schedule: {days: mon-fri, hours: 22:00-05:00}"

/* --- peers --- */

#define WAN(more)                                                                                  \
	"zones:\n  wan: {level: external, networks: [any]" more "}\n"                              \
	"  dmz: {level: dmz, networks: [10.3.0.0/24]}\n"                                           \
	"conduits:\n  - {id: c, from: dmz, to: wan, allow: [tcp: 443]}\n"

/* --- watches --- */

#define WATCHED                                                                                    \
	"conduits:\n  - {id: c, from: office, to: cell, allow: [{modbus: {do: read}}]}\n"          \
	"watch:\n"
#define WATCH(id, from, to, more)                                                                  \
	"  - {id: " id ", from: " from ", to: " to ", modbus: {do: read, " more "}\n"

static const struct says_case {
	const char *old, *new;
	const char *told; /* "+ ", "- " or "~ " and what, one per line */
} cases[] = {
	/* an update conduit takes away what services opened for firmware and programs */
	{BASE "conduits:\n" SERVICE, BASE "conduits:\n" SERVICE UPDATE("plc"),
	 "+ cip program/firmware\n"
	 "- programs and firmware\n" /* from inside the zone */
	 "- programs and firmware\n"},
	{BASE "conduits:\n" SERVICE UPDATE("cell"), BASE "conduits:\n" SERVICE UPDATE("plc"),
	 "+ programs and firmware\n"
	 "+ programs and firmware\n"
	 "- cip program/firmware\n"},
	{BASE "conduits:\n" UPDATE("plc"), BASE "conduits:\n" UPDATE("plc"), ""},
	/* frames that are no IP */
	{LINK("profinet", ""), LINK("[0x8892]", ""), ""},
	{LINK("profinet", ""), LINK("[profinet, ptp]", ""),
	 "+ frames of ethertype ptp between VLAN 60 and plc (and 1 other pair)\n"},
	{LINK("any", ""), LINK("profinet", ""),
	 "- frames of ethertype 0x0000-0x8891,0x8893-0xffff between VLAN 60 and plc "
	 "(and 1 other pair)\n"},
	{LINK("profinet", ""), LINK("profinet", ", when: {grant: required}"),
	 "- frames of ethertype profinet between VLAN 60 and plc (and 1 other pair)\n"},
	/* a condition that became narrower is one entry, and one that became wider */
	{AT(DAY), AT(DAY ", grant: required"), "- modbus write holding 5\n"},
	{AT(DAY ", grant: required"), AT(DAY), "+ modbus write holding 5\n"},
	{AT(DAY), AT(NOON ", grant: {longest: 2h}"), "- modbus write holding 5\n"},
	{AT(DAY ", grant: {longest: 4h}"), AT(NOON ", grant: {longest: 2h}"),
	 "- modbus write holding 5\n"},
	{AT(NOON ", grant: {longest: 2h, approvers: [a]}"),
	 AT(DAY ", grant: {longest: 4h, approvers: [a, b]}"), "+ modbus write holding 5\n"},
	{AT("operating-mode: [normal, maintenance]"),
	 AT("operating-mode: maintenance, until: 2027-01-01"), "- modbus write holding 5\n"},
	{AT(DAY), AT(NIGHT ", grant: required"),
	 "+ modbus write holding 5\n- modbus write holding 5\n"},
	{AT("schedule: {days: mon-tue}"), AT("schedule: {days: [mon, tue]}"), ""},
	{AT("schedule: {days: any}"),
	 BASE "conduits:\n  - {id: c, from: hmi, to: plc, allow: [{modbus: {do: write, "
	      "holding: 5}}]}\n",
	 ""},
	/* where peers may be */
	{WAN(", countries: [JP, DE]"), WAN(", countries: [DE, JP]"), ""},
	{WAN(""), WAN(", countries: [JP, DE]"),
	 "- zone wan: its conduits hold only for peers in JP, DE\n"},
	{WAN(", countries: [JP, DE]"), WAN(""),
	 "+ zone wan: its conduits hold for peers anywhere now, not only in JP, DE\n"},
	{WAN(", countries: [JP, DE], asns: [AS64497]"),
	 WAN(", countries: [JP, FR], asns: [AS64497], organisations: [\"Example *\"]"),
	 "+ zone wan: its conduits hold for peers in more places: Example *\n"
	 "+ zone wan: its conduits hold for peers in more places: FR\n"
	 "- zone wan: its conduits no longer hold for peers in DE\n"},
	/* watches by what they mean */
	{BASE WATCHED WATCH("w", "hmi", "plc", "input: 0-3}, every: 5s"),
	 BASE WATCHED WATCH("x", "[hmi]", "plc", "input: [0-1, 2, 3]}, every: 5000ms"), ""},
	{BASE WATCHED WATCH("w", "hmi", "[plc, plc-2]", "input: 0}, every: 5s"),
	 BASE WATCHED WATCH("w", "hmi", "plc", "input: 0}, every: 5s")
		 WATCH("v", "hmi", "plc-2", "input: 0}, every: 5s"),
	 ""},
	{BASE WATCHED WATCH("w", "office", "plc", "input: 0}, every: 5s"),
	 "zones:\n"
	 "  buero: {level: control-information, networks: [10.2.0.0/24]}\n"
	 "  cell: {level: control, networks: [10.1.0.0/24]}\n"
	 "assets:\n"
	 "  sps: {zone: cell, address: 10.1.0.5}\n"
	 "conduits:\n  - {id: c, from: buero, to: cell, allow: [{modbus: {do: read}}]}\n"
	 "watch:\n" WATCH("w", "buero", "sps", "input: 0}, every: 5s"),
	 ""},
	{BASE WATCHED WATCH("w", "hmi", "plc", "input: 0}, every: 5s, range: 1..9"),
	 BASE WATCHED WATCH("w", "hmi", "plc", "input: 0}, every: 9s, changes: 1m"),
	 "~ is watched otherwise: modbus read input 0, hmi -> plc: every was 5 s, is 9 s now; "
	 "range was 1..9, is any now; changes was any time, is 1 min now\n"},
	{BASE WATCHED WATCH("w", "hmi", "[plc, plc-2]", "input: 0}, every: 5s"),
	 BASE WATCHED WATCH("w", "hmi", "plc", "input: 0}, every: 5s"),
	 "~ is no longer watched: modbus read input 0, hmi -> plc-2, every 5 s\n"},
	{BASE WATCHED WATCH("w", "hmi", "plc", "input: 0}, every: 5s"),
	 BASE WATCHED WATCH("w", "eng", "plc", "input: 0}, every: 5s"),
	 "~ is now watched: modbus read input 0, eng -> plc, every 5 s\n"
	 "~ is no longer watched: modbus read input 0, hmi -> plc, every 5 s\n"},
};

static struct policy *good(const char *text)
{
	struct diag diag = {.count = 0};
	struct policy *p = policy_load_buffer("test", text, strlen(text), &diag);

	if (!p) {
		diag_print(&diag, stderr);
		fail_msg("does not load:\n%s", text);
	}
	diag_free(&diag);
	return p;
}

static void says(void **state)
{
	static const char sign[DIFF_KINDS] = {
		[DIFF_ALLOWED] = '+',
		[DIFF_FORBIDDEN] = '-',
		[DIFF_CHANGED] = '~',
		[DIFF_UNDECIDED] = '?',
	};
	unsigned i, bad = 0;
	uint32_t n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct policy *old = good(cases[i].old), *new = good(cases[i].new);
		char told[4096] = "";
		size_t at = 0;
		struct diff_list l;

		assert_true(policy_diff(old, new, &l));
		for (n = 0; n < l.count; n++)
			at += (size_t)snprintf(told + at, sizeof(told) - at, "%c %s\n",
					       sign[l.entry[n].kind], l.entry[n].what);
		if (strcmp(told, cases[i].told) != 0) {
			print_error("case %u\n--- old\n%s--- new\n%s--- told\n%s--- expected\n%s",
				    i, cases[i].old, cases[i].new, told, cases[i].told);
			bad++;
		}
		diff_list_free(&l);
		policy_free(old);
		policy_free(new);
	}
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
