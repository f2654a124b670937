/* Every kind of mistake in a policy has its sentence and its place. */
#include "policy/policy.h"
#include "policy_base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* @ in the text stands for the place of the first error; part is in its sentence. */
static const struct mistake {
	const char *text;
	const char *part;
} mistakes[] = {
	/* shape */
	{"@", "the file is empty"},
	{"@just text", "a policy must be a map, not text"},
	{"@- a\n", "a policy must be a map, not a list"},
	{"zones: {}\n@zones: {}\n", "duplicate key \"zones\", first in line 1"},
	{"@site: x\n", "a policy has no \"zones\""},
	{ZONES "@conduit: []\n",
	 "unknown key \"conduit\" under a policy; did you mean \"conduits\"?"},
	{"zones: @[]\n", "zones must be a map, not a list"},
	{"zones:@ \n", "zones must be a map, not empty"},
	{ZONES "assets: @[a]\n", "assets must be a map, not a list"},
	{ZONES "conduits: @{a: 1}\n", "conduits must be a list, not a map"},
	{ZONES "conduits:\n  - @text\n", "a conduit must be a map, not text"},
	/* words at the top */
	{ZONES "mode: @enforced\n", "mode must be one of detect, enforce"},
	{ZONES "default: @no\n", "default must be one of deny, allow"},
	{ZONES "operating-mode: @[normal]\n", "operating-mode must be one of normal, maintenance"},
	{ZONES "addresses: @modicon\n", "addresses must be one of 0-based, 1-based, 4xxxx"},
	{ZONES "engine: {checksums: @maybe}\n", "checksums must be one of ignore, verify"},
	{ZONES "engine: {@buffer: 3}\n", "unknown key \"buffer\" under engine"},
	/* zones */
	{"zones:\n  a: {level: @controll}\n", "level must be one of external, information, dmz"},
	{"zones:\n  @a: {networks: [10.0.0.0/8]}\n", "a zone has no \"level\""},
	{"zones:\n  a: {level: dmz, @network: [10.0.0.0/8]}\n",
	 "unknown key \"network\" under a zone; did you mean \"networks\"?"},
	{"zones:\n  a: {level: dmz, networks: [@10.0.0/8]}\n", "bad network \"10.0.0/8\""},
	{"zones:\n  a: {level: dmz, networks: [@10.0.0.0/33]}\n", "prefix length is too large"},
	{"zones:\n  a: {level: dmz, networks: [@10.0.0.1/8]}\n", "bits set behind the prefix"},
	{"zones:\n  a: {level: dmz, networks: [10.0.0.0/8, @10.0.0.0/8]}\n", "is listed twice"},
	{"zones:\n  a: {level: dmz, networks: @{x: 1}}\n", "networks must be a list, not a map"},
	{"zones:\n  a: {level: dmz, networks: [10.0.0.0/8]}\n"
	 "  b: {level: iot, networks: [@10.0.0.0/8]}\n",
	 "zones overlap: network 10.0.0.0/8 is already in zone \"a\" (line 2)"},
	{"zones:\n  a: {level: dmz, networks: [10.0.0.0/8]}\n"
	 "  b: {level: iot, networks: [@10.1.0.0/16]}\n",
	 "zones overlap: this network of zone \"b\" lies within one of zone \"a\" (line 2); if "
	 "that "
	 "is meant, add inside: a to \"b\""},
	{"zones:\n  b: {level: iot, networks: [@\"fd00:1::/32\"]}\n"
	 "  a: {level: dmz, networks: [\"fd00::/16\"]}\n",
	 "lies within one of zone \"a\" (line 3)"},
	{"zones:\n  a: {level: dmz, networks: [10.0.0.0/8], inside: @c}\n",
	 "inside: there is no zone \"c\""},
	{"zones:\n  a: {level: dmz, countries: [@jp]}\n", "no country code"},
	{"zones:\n  a: {level: dmz, countries: @[]}\n", "countries is an empty list"},
	{"zones:\n  a: {level: dmz, asns: @[]}\n", "asns is an empty list"},
	{"zones:\n  a: {level: dmz, organisations: @[]}\n", "organisations is an empty list"},
	{"zones:\n  a: {level: dmz, tenant: @[]}\n", "tenant is an empty list"},
	{ZONES "groups: {@\"role:plc\": [control]}\n", "the id \"role:plc\" would mean something"},
	{ZONES "schedules: {s: {days: @[], hours: 08:00-09:00}}\n", "days is an empty list"},
	{ZONES "schedules: {s: {days: mon, hours: @[]}}\n", "hours is an empty list"},
	{"zones:\n  a: {level: dmz, unknown-devices: @warn}\n", "must be one of ignore, alert"},
	{"zones:\n  @\"a b\": {level: dmz}\n", "has a space"},
	/* assets */
	{ZONES "assets:\n  x: {zone: @fielt, address: 10.1.0.1}\n",
	 "there is no zone \"fielt\"; did you mean \"field\"?"},
	{ZONES "assets:\n  x: {zone: field, address: @10.1.0}\n", "bad address \"10.1.0\""},
	{ZONES "assets:\n  x: {zone: field, address: @10.1.0.0/24}\n", "not networks"},
	{ZONES "assets:\n  x: {zone: field, address: @10.2.0.1}\n",
	 "address 10.2.0.1 of asset \"x\" is not in zone \"field\"; it is in zone screens"},
	{ZONES "assets:\n  x: {zone: field, addresses: @[10.1.0.1, 192.0.2.1]}\n",
	 "address 192.0.2.1 of asset \"x\" is not in zone \"field\"; it is in no zone"},
	{ZONES "assets:\n  x: {zone: field, mac: @\"00:11:22:33:44\"}\n", "bad mac"},
	{ZONES "assets:\n  @x: {zone: field}\n", "asset \"x\" has neither address nor mac"},
	{ZONES "assets:\n  @x: {address: 10.1.0.1}\n", "an asset has no \"zone\""},
	{BASE "  @field: {zone: field, address: 10.1.0.9}\n",
	 "the id \"field\" is already that of the zone in line 2"},
	{BASE "  x: {zone: field, address: @10.1.0.1}\n",
	 "address 10.1.0.1 is already that of asset \"plc-1\" (line 6)"},
	{BASE "  x: {zone: field, mac: \"00:11:22:33:44:55\"}\n"
	      "  y: {zone: field, mac: @\"00:11:22:33:44:55\"}\n",
	 "is already that of asset \"x\" (line 9)"},
	/* conduits */
	{BASE "conduits:\n  - @{id: c, from: hmi-1, to: plc-1}\n", "a conduit has no \"allow\""},
	{BASE "conduits:\n  - @{from: hmi-1, to: plc-1, allow: []}\n", "a conduit has no \"id\""},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: @plc-3, allow: []}\n",
	 "to: there is no zone, asset or group \"plc-3\"; did you mean \"plc-1\"?"},
	{BASE "conduits:\n  - {id: c, from: [hmi-1, @nowhere], to: plc-1, allow: []}\n",
	 "from: there is no zone, asset or group \"nowhere\""},
	/* groups and roles */
	{BASE "groups: @[a]\n", "groups must be a map, not a list"},
	{BASE "groups: {@plc-1: [hmi-1]}\n", "the id \"plc-1\" is already that of the asset"},
	{BASE "groups: {g: [@hmi-3]}\n",
	 "group: there is no zone, asset or group \"hmi-3\"; did you mean \"hmi-1\"?"},
	{BASE "groups: {@g: [h], h: [plc-1, g]}\n", "group \"g\" is a member of itself"},
	{BASE "groups: {g: {@rolle: plc}}\n",
	 "unknown key \"rolle\" under a group; did you mean \"role\"?"},
	{BASE "groups: {g: {zone: @fielt}}\n", "zone: there is no zone \"fielt\""},
	{BASE "groups: {g: @{}}\n", "a group needs a list of members, or role, zone, tenant or"},
	{ZONES "assets:\n  a: {zone: field, address: 10.1.0.1, role: plc}\n"
	       "conduits:\n  - {id: c, from: @role:pcl, to: a, allow: []}\n",
	 "from: no asset has the role \"pcl\"; did you mean \"plc\"?"},
	{ZONES "assets:\n  a: {zone: field, address: 10.1.0.1, role: plc}\n"
	       "conduits:\n  - {id: c, from: @role:plc@screens, to: a, allow: []}\n",
	 "from: no asset of zone \"screens\" has the role \"plc\""},
	{ZONES "assets:\n  a: {zone: field, address: 10.1.0.1, role: plc}\n"
	       "conduits:\n  - {id: c, from: @role:plc@nowhere, to: a, allow: []}\n",
	 "from: there is no zone \"nowhere\""},
	/* what devices are held to */
	{"zones:\n  a: {level: dmz, trust: @some}\n",
	 "trust must be one of unknown, minimal, known, full"},
	{"zones:\n  a: {level: dmz, uplink-only: @yes}\n",
	 "uplink-only must be one of true, false"},
	{"zones:\n  a: {level: dmz, tenant: @{a: b}}\n", "tenant must be a list, not a map"},
	{"zones:\n  a: {level: dmz, criticality: @fatal}\n", "criticality must be a map, not text"},
	{"zones:\n  a: {level: dmz, @criticality: {recovery: fatal}}\n",
	 "criticality has no \"impact\""},
	{"zones:\n  a: {level: dmz, criticality: {recovery: fatal, impact: @none}}\n",
	 "impact must be one of limited, serious, catastrophic"},
	{ZONES "assets: {a: {zone: field, address: 10.1.0.1, end-of-life: @soon}}\n",
	 "end-of-life: \"soon\" is no date; write 2026-12-31 (that day still counts)"},
	{"zones:\n  a: {level: dmz, asns: [@ASX]}\n", "is no number of an autonomous system"},
	{ZONES "geo: {@city: x}\n", "unknown key \"city\" under geo"},
	{ZONES "trust-tiers: {@knwon: any}\n",
	 "unknown key \"knwon\" under trust-tiers; did you mean \"known\"?"},
	{ZONES "trust-tiers: {known: [@rite]}\n",
	 "trust-tiers: there is no class \"rite\"; did you mean \"write\"?"},
	{ZONES "layers: @external\n", "layers must be a list, not text"},
	{ZONES "layers: [external, @fields]\n", "a layer must be one of external, information"},
	{ZONES "layers: [external, [dmz, @external]]\n", "layer \"external\" is listed twice"},
	{ZONES "assets: {a: {zone: field, address: 10.1.0.1, nat: @maybe}}\n",
	 "nat must be one of true, false"},
	{ZONES "assets: {a: {zone: field, address: 10.1.0.1, vendor: @[x]}}\n",
	 "vendor must be text, not a list"},
	{BASE "conduits:\n  - @{id: c, from: [], to: plc-1, allow: []}\n", "joins nothing"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: []}\n"
	      "  - {id: @c, from: hmi-1, to: plc-1, allow: []}\n",
	 "the id \"c\" is already that of the conduit in line 10"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: @any}\n",
	 "allow must be a list, not text"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], on-violation: @block}\n",
	 "on-violation must be one of alert, degrade"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], fail: @shut}\n",
	 "fail must be one of open, closed"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: @yes}}\n",
	 "grant must be required, or a map such as"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: {@logest: "
	      "4h}}}\n",
	 "unknown key \"logest\" under grant; did you mean \"longest\"?"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: {longest: "
	      "@4}}}\n",
	 "longest: \"4\" is no duration of up to a year; write 30m, 4h or 2d"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: {longest: "
	      "@2h4d}}}\n",
	 "is no duration"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: {longest: "
	      "@0h}}}\n",
	 "is no duration"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: {longest: "
	      "@400d}}}\n",
	 "is no duration of up to a year"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {grant: {approvers: "
	      "@[]}}}\n",
	 "approvers names nobody"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: @grant}\n",
	 "when must be a map, such as {grant: required}"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], @when: {}}\n",
	 "when says nothing; write grant, schedule, operating-mode or until"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {@hours: 9, grant: "
	      "required}}\n",
	 "unknown key \"hours\" under when"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {operating-mode: "
	      "@maintenence}}\n",
	 "operating-mode must be one of normal, maintenance"},
	{BASE
	 "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {operating-mode: @[]}}\n",
	 "the conduit would never open"},
	{BASE
	 "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {until: @tomorrow}}\n",
	 "until: \"tomorrow\" is no date; write 2026-12-31"},
	{BASE
	 "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {until: @2026-02-29}}\n",
	 "is no date"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {until: "
	      "@2026-12-31T25:00}}\n",
	 "is no date"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: @day}}\n",
	 "there is no schedule \"day\""},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: @[]}}\n",
	 "schedule names none"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: @{}}}\n",
	 "a schedule needs days, hours, or both"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: {days: "
	      "@monday}}}\n",
	 "\"monday\" is no day or range of days"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: {days: "
	      "mon, hours: @8:00-17:00}}}\n",
	 "\"8:00-17:00\" are no hours; write 08:00-17:00"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: {hours: "
	      "[08:00-09:00, @24:00-08:00]}}}\n",
	 "are no hours"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: {hours: "
	      "@08:00-24:01}}}\n",
	 "are no hours"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: {hours: "
	      "@08:00-08:00}}}\n",
	 "the hours 08:00-08:00 are empty; the whole day is 00:00-24:00"},
	{"schedules: {day-shift: {hours: 08:00-17:00}}\n" BASE
	 "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], when: {schedule: @dayshift}}\n",
	 "there is no schedule \"dayshift\"; did you mean \"day-shift\"?"},
	{ZONES "schedules: {a: {@day: mon}}\n",
	 "unknown key \"day\" under a schedule; did you mean \"days\"?"},
	{ZONES "schedules: @[a]\n", "schedules must be a map, not a list"},
	{ZONES "timezone: @Asia/Tokio\n", "there is no time zone \"Asia/Tokio\"; write a name of "
					  "the tz database such as Asia/Tokyo"},
	{ZONES "timezone: @../../etc/passwd\n", "there is no time zone"},
	{ZONES "timezone: @\"+25:00\"\n", "there is no time zone"},
	{ZONES "@\tassets: {}\n", "nothing begins with this character"},
	{BASE "conduits:\n  - {id: c, from: hmi-1, to: plc-1, allow: [], refs: [@AC-7]}\n",
	 "no reference"},
	/* entries */
	{ALLOW("@modbus"), "an entry of allow must be a map, not text"},
	{ALLOW("{@modbsu: any}"),
	 "unknown protocol \"modbsu\" under allow; did you mean \"modbus\"?"},
	{ALLOW("{@s7comm: any}"), "unknown protocol \"s7comm\" under allow"},
	{ALLOW("{modbus: @read}"), "modbus must be a map such as {do: read}, or any"},
	{ALLOW("{modbus: {do: @raed}}"), "there is no class \"raed\"; did you mean \"read\"?"},
	{ALLOW("{@modbus: {unit: 1}}"), "modbus does not say what may be done"},
	{ALLOW("{modbus: {do: write, @holdng: 1}}"),
	 "unknown key \"holdng\" under modbus; did you mean \"holding\"?"},
	{ALLOW("{modbus: {do: write, holding: @119-100}}"), "the range 119-100 runs backwards"},
	{ALLOW("{modbus: {do: write, holding: @1-}}"), "\"1-\" is not a number or range"},
	{ALLOW("{modbus: {do: write, holding: @1-2-3}}"), "\"1-2-3\" is not a number or range"},
	{ALLOW("{modbus: {do: write, holding: @-5}}"), "\"-5\" is not a number or range"},
	{ALLOW("{modbus: {do: write, holding: @0x}}"), "\"0x\" is not a number or range"},
	{ALLOW("{modbus: {do: write, holding: @070}}"), "070 begins with 0; write 70"},
	{ALLOW("{modbus: {do: write, holding: @70000}}"), "holding: 70000 is above 65535"},
	{ALLOW("{modbus: {do: write, holding: @{a: 1}}}"), "holding must be a list, not a map"},
	{ALLOW("{modbus: {do: write, holding: [1, @[2]]}}"), "holding must be text, not a list"},
	{ALLOW("{modbus: {do: write, holding: @99999999999999999999}}"), "not a number"},
	{ALLOW("{modbus: {do: write, addresses: 1-based, holding: @0}}"),
	 "1-based addresses begin at 1"},
	{ALLOW("{modbus: {do: write, addresses: 4xxxx, holding: @100}}"),
	 "100 is no address in 4xxxx notation; holding has 40001 or 400001"},
	{ALLOW("{modbus: {do: write, addresses: 4xxxx, holding: @30001}}"),
	 "30001 begins with 3, but addresses of holding begin with 4"},
	{ALLOW("{modbus: {do: write, addresses: 4xxxx, coil: [00001, @10001]}}"),
	 "10001 begins with 1, but addresses of coil begin with 0"},
	{ALLOW("{modbus: {do: write, addresses: 4xxxx, holding: @40000}}"), "run from 400001"},
	{ALLOW("{modbus: {do: write, addresses: 4xxxx, holding: @465537}}"), "to 465536"},
	{ALLOW("{modbus: {do: write, value: @a}}"), "\"a\" is not a number or range"},
	{ALLOW("{modbus: {do: write, value: @5..1}}"), "the range 5..1 runs backwards"},
	{ALLOW("{modbus: {do: write, value: @0..}}"), "\"0..\" is not a number or range"},
	{ALLOW("{modbus: {do: write, value: @0x10}}"), "\"0x10\" is not a number or range"},
	{ALLOW("{modbus: {do: read, @value: 1}}"), "value judges writes"},
	{ALLOW("{modbus: {do: write, port: @70000}}"), "port: 70000 is above 65535"},
	{ALLOW("{cip: {do: read, service: @raed-tag}}"),
	 "service: cip has no \"raed-tag\"; did you mean \"read-tag\"?"},
	{ALLOW("{cip: {do: read, service: @write-tag}}"),
	 "service: \"write-tag\" is none of the classes under do"},
	{ALLOW("{mqtt: {do: read, topic: @\"a/b#\"}}"), "bad topic filter \"a/b#\""},
	{ALLOW("{mqtt: {do: read, topic: @\"#/a\"}}"), "# must be a whole level, the last"},
	{ALLOW("{mqtt: {do: read, topic: @\"a+/b\"}}"), "+ must be a whole level"},
	{ALLOW("{tcp: @http}"), "tcp: \"http\" is not a number or range"},
	{ALLOW("{tcp: [80, @65536]}"), "tcp: 65536 is above 65535"},
	{ALLOW("{icmp: @ecko}"), "icmp: there is no message \"ecko\""},
	{ALLOW("{ip: @256}"), "ip: 256 is above 255"},
	{ALLOW("{tcp: @{a: 1}}"), "tcp must be a list, not a map"},
};

/* The text without its mark, and the place of the mark. */
static char *unmark(const char *text, int *line, int *col)
{
	size_t n = strlen(text), at = strcspn(text, "@"), i;
	char *s = malloc(n + 1);

	*line = *col = 1;
	for (i = 0; i < at; i++) {
		*col = text[i] == '\n' ? 1 : *col + 1;
		*line += text[i] == '\n';
	}
	memcpy(s, text, at);
	memcpy(s + at, text + at + 1, n - at);
	return s;
}

static void every_mistake(void **state)
{
	unsigned i, wrong = 0;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		struct diag diag = {0};
		int line, col;
		char *text = unmark(mistakes[i].text, &line, &col);
		struct policy *p = policy_load_buffer("p.yaml", text, strlen(text), &diag);
		const struct diag_entry *e = NULL;
		unsigned k;

		for (k = 0; k < diag.count && !e; k++)
			if (diag.entry[k].level == DIAG_ERROR)
				e = &diag.entry[k];
		if ((p || !e || e->line != line || e->col != col ||
		     !strstr(e->text, mistakes[i].part))) {
			print_error("%s\n  expected %d:%d %s\n", text, line, col, mistakes[i].part);
			diag_print(&diag, stderr);
			wrong++;
		}
		policy_free(p);
		diag_free(&diag);
		free(text);
	}
	assert_int_equal(wrong, 0);
}

static void goes_on_after_a_mistake(void **state)
{
	static const char text[] = "mode: x\n"
				   "zones:\n"
				   "  a: {level: y, networks: [z]}\n"
				   "conduits:\n"
				   "  - {id: c, from: a, to: b, allow: [{tcp: q}]}\n";
	struct diag diag = {0};

	(void)state;
	assert_null(policy_load_buffer("p", text, strlen(text), &diag));
	assert_int_equal(diag.errors, 5);
	diag_free(&diag);
}

static void nesting(void **state)
{
	enum { SIZE = 1 << 20 };
	char *text = malloc(SIZE);
	struct diag diag = {0};

	(void)state;
	memcpy(text, "zones: ", 7);
	memset(text + 7, '[', SIZE - 7);
	assert_null(policy_load_buffer("p", text, SIZE, &diag));
	assert_int_equal(diag.errors, 1);
	assert_non_null(strstr(diag.entry[0].text, "nested more than 32 levels deep"));
	assert_int_equal(diag.entry[0].line, 1);
	free(text);
	diag_free(&diag);
}

static void unreadable(void **state)
{
	struct diag diag = {0};

	(void)state;
	assert_null(policy_load("/nonexistent/policy.yaml", &diag));
	assert_non_null(strstr(diag.entry[0].text, "No such file"));
	assert_int_equal(diag.entry[0].line, 0);
	diag_free(&diag);
	assert_null(policy_load("/", &diag));
	assert_int_equal(diag.errors, 1);
	diag_free(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake),
		cmocka_unit_test(goes_on_after_a_mistake),
		cmocka_unit_test(nesting),
		cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
