/*
 * Each warning of lint: the smallest policy that has it, at its very place, and the same one
 * repaired. Whatever an example shows, the policy must say of it what the warning claims.
 */
#include "policy/lint.h"
#include "policy/now.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES                                                                                      \
	"zones:\n"                                                                                 \
	"  wan: {level: external, networks: [any]}\n"                                              \
	"  office: {level: information, networks: [10.3.0.0/16]}\n"                                \
	"  relay: {level: dmz, networks: [10.4.0.0/24]}\n"                                         \
	"  screens: {level: control-information, networks: [10.2.0.0/16]}\n"                       \
	"  cell: {level: control, networks: [10.1.0.0/16], unknown-devices: alert}\n"
#define ASSETS                                                                                     \
	"assets:\n"                                                                                \
	"  viewer: {zone: office, address: 10.3.0.5}\n"                                            \
	"  proxy: {zone: relay, address: 10.4.0.5}\n"                                              \
	"  hmi: {zone: screens, address: 10.2.0.5}\n"                                              \
	"  plc: {zone: cell, address: 10.1.0.5}\n"                                                 \
	"  plc-2: {zone: cell, address: 10.1.0.6}\n"
#define WHY "reason: r, refs: [a:1]"
#define BASE                                                                                       \
	"conduits:\n"                                                                              \
	"  - {id: up, from: proxy, to: viewer, " WHY ", allow: [{tcp: 443}]}\n"                    \
	"  - {id: look, from: plc, to: hmi, " WHY ", allow: [{modbus: {do: read}}]}\n"
#define WITH(...) ZONES ASSETS BASE "  - " __VA_ARGS__ "\n"

/* @ before each place, in the order of the ids; repaired: without any warning. */
static const struct lint_case {
	const char *ids; /* "no-dmz, write-unlimited" */
	const char *text;
	const char *repaired;
} cases[] = {
	/* what never matches */
	{"never", WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{@modbus: {do: alarm}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: diagnose}}]}")},
	{"never",
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", allow: [{@modbus: {do: write, function: 3, holding: 1}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: write, function: 6, holding: 1}}]}")},
	{"never", WITH("@{id: c, from: plc, to: plc, " WHY ", allow: [{tcp: 80}]}"),
	 WITH("{id: c, from: plc, to: plc-2, " WHY ", allow: [{tcp: 80}]}")},
	{"never",
	 "zones:\n  a: {level: dmz, networks: [10.1.2.0/24]}\n"
	 "  b: {level: dmz, networks: [\"fd00::/64\"]}\n"
	 "conduits:\n  - @{id: c, from: a, to: b, " WHY ", allow: [{tcp: 80}]}\n",
	 "zones:\n  a: {level: dmz, networks: [10.1.2.0/24, \"fd00:1::/64\"]}\n"
	 "  b: {level: dmz, networks: [\"fd00::/64\"]}\n"
	 "conduits:\n  - {id: c, from: a, to: b, " WHY ", allow: [{tcp: 80}]}\n"},
	{"load, never",
	 "zones:\n  a: {level: dmz, networks: [10.1.2.0/24]}\n  @b: {level: dmz}\n"
	 "conduits:\n  - @{id: c, from: a, to: b, " WHY ", allow: [{tcp: 80}]}\n",
	 "zones:\n  a: {level: dmz, networks: [10.1.2.0/24]}\n"
	 "  b: {level: dmz, networks: [10.1.3.0/24]}\n"
	 "conduits:\n  - {id: c, from: a, to: b, " WHY ", allow: [{tcp: 80}]}\n"},
	{"never",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{@modbus: {do: write, input: 5}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: write, coil: 5}}]}")},
#define DENY(trust)                                                                                \
	"zones:\n  a: {level: dmz, networks: [10.1.2.0/24], unknown-devices: deny, trust: " trust  \
	"}\n"                                                                                      \
	"  b: {level: dmz, networks: [10.1.3.0/24]}\n"
	{"never",
	 DENY("full") "conduits:\n  - @{id: c, from: a, to: b, " WHY ", allow: [{tcp: 80}]}\n",
	 DENY("full") "assets:\n  x: {zone: a, address: 10.1.2.9}\n"
		      "conduits:\n  - {id: c, from: a, to: b, " WHY ", allow: [{tcp: 80}]}\n"},
	{"never",
	 DENY("minimal") "assets:\n  x: {zone: a, address: 10.1.2.9}\n"
			 "conduits:\n  - {id: c, from: x, to: b, " WHY
			 ", allow: [{modbus: {do: read}}, {@modbus: {do: write, coil: 1}}]}\n",
	 DENY("known") "assets:\n  x: {zone: a, address: 10.1.2.9}\n"
		       "conduits:\n  - {id: c, from: x, to: b, " WHY
		       ", allow: [{modbus: {do: read}}, {modbus: {do: write, coil: 1}}]}\n"},
#define UPLINK(more)                                                                               \
	"zones:\n  a: {level: iot, networks: [10.1.2.0/24]" more "}\n"                             \
	"  b: {level: dmz, networks: [10.1.3.0/24]}\n"
	{"never",
	 UPLINK(", uplink-only: true") "conduits:\n  - {id: c, from: b, to: a, " WHY
				       ", allow: [{@cip: {do: read}}]}\n",
	 UPLINK("") "conduits:\n  - {id: c, from: b, to: a, " WHY
		    ", allow: [{cip: {do: read}}]}\n"},
	{"never",
	 UPLINK(", uplink-only: true") "conduits:\n  - {id: c, from: b, to: a, " WHY
				       ", allow: [{@tcp: 80}]}\n",
	 UPLINK(", uplink-only: true") "conduits:\n  - {id: c, from: a, to: b, " WHY
				       ", allow: [{tcp: 80}]}\n"},
	{"end-of-life",
	 ZONES ASSETS "  @old: {zone: cell, address: 10.1.0.9, end-of-life: 2026-12-31}\n" BASE
		      "  - {id: c, from: hmi, to: [plc, old], " WHY ", allow: [{tcp: 80}]}\n",
	 ZONES ASSETS "  old: {zone: cell, address: 10.1.0.9, end-of-life: 2027-12-31}\n" BASE
		      "  - {id: c, from: hmi, to: [plc, old], " WHY ", allow: [{tcp: 80}]}\n"},
	{"expired",
	 WITH("@{id: c, from: hmi, to: plc, " WHY
	      ", when: {until: 2026-12-31}, allow: [{tcp: 80}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", when: {until: 2027-12-31}, allow: [{tcp: 80}]}")},
/* what is watched and limited in vain */
#define WATCHED(...)                                                                               \
	WITH("{id: c, from: screens, to: plc, " WHY ", allow: [{modbus: {do: read}}]}\n"           \
	     "watch:\n  - " __VA_ARGS__)
	{"watch-denied",
	 WATCHED("@{id: w, from: hmi, to: plc-2, modbus: {do: read, input: 0}, every: 5s}"),
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, input: 0}, every: 5s}")},
	{"watch-denied",
	 WATCHED("@{id: w, from: hmi, to: plc, modbus: {do: write, holding: 0}, every: 5s}"),
	 WATCHED("{id: w, from: screens, to: cell, modbus: {do: any, holding: 0}, every: 5s}")},
	{"watch-denied",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{tcp: 80}]}\n"
	      "watch:\n  - @{id: w, from: hmi, to: plc, modbus: {do: read, port: 502}, every: 5s}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{tcp: 502}]}\n"
	      "watch:\n  - {id: w, from: hmi, to: plc, modbus: {do: read, port: 502}, every: 5s}")},
	{"", /* accepted */
	 WATCHED("{id: w, from: hmi, to: plc-2, modbus: {do: read, input: 0}, every: 5s,\n"
		 "     accept: [{lint: watch-denied, reason: next week}]}"),
	 WATCHED("{id: w, from: cell, to: plc, modbus: {do: read, input: 0}, every: 5s}")},
	{"accept-unused",
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, input: 0}, every: 5s,\n"
		 "     accept: [@{lint: watch-denied, reason: next week}]}"),
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, input: 0}, every: 5s}")},
	{"never",
	 WATCHED("@{id: w, from: hmi, to: plc, modbus: {do: read, function: 6}, every: 5s}"),
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, function: 3}, every: 5s}")},
	{"watch-without-effect",
	 WATCHED("@{id: w, from: hmi, to: plc, modbus: {do: read, input: 0}, range: 0..65535}"),
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, input: 0}, range: 0..65534}")},
	{"watch-without-effect",
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, input: 0-9}, every: 5s}\n"
		 "  - @{id: v, from: hmi, to: plc, modbus: {do: read, input: [0-4, 5-9]}, every: "
		 "9s}"),
	 WATCHED("{id: w, from: hmi, to: plc, modbus: {do: read, input: 0-9}, every: 5s}\n"
		 "  - {id: v, from: hmi, to: plc, modbus: {do: read, input: 0-9}, every: 9s, "
		 "changes: 10s}")},
	{"rate-without-effect",
	 WITH("@{id: c, from: hmi, to: plc, " WHY ", allow: [{icmp: echo}], limit: {ops: 5/s}}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{icmp: echo}], limit: {flows: 5/s}}")},
	{"rate-without-effect",
	 WITH("@{id: c, from: hmi, to: plc, " WHY ", allow: [], limit: {flows: 5/s}}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{tcp: 80}], limit: {ops: 5/s}}")},
#define LINK(mac)                                                                                  \
	"zones:\n  a: {level: control, networks: [10.9.0.0/24], unknown-devices: alert}\n"         \
	"  b: {level: field, vlans: [60], unknown-devices: alert}\n"                               \
	"assets:\n  x: {zone: a, address: 10.9.0.5" mac "}\n"
	{"never",
	 LINK("") "conduits:\n  - {id: c, from: x, to: b, " WHY ", allow: [{@ethertype: ptp}]}\n",
	 LINK(", mac: \"02:00:00:00:00:05\"") "conduits:\n  - {id: c, from: x, to: b, " WHY
					      ", allow: [{ethertype: ptp}]}\n"},
	{"rate-without-effect",
	 LINK(", mac: \"02:00:00:00:00:05\"") "conduits:\n  - @{id: c, from: x, to: b, " WHY
					      ", allow: [{ethertype: ptp}], limit: {flows: 1/s}}\n",
	 LINK(", mac: \"02:00:00:00:00:05\"") "conduits:\n  - {id: c, from: x, to: b, " WHY
					      ", allow: [{ethertype: ptp}]}\n"},
#ifdef HAVE_MAXMINDDB
#define ABROAD(country, more)                                                                      \
	"geo: {country: zones/geo/country.mmdb}\n"                                                 \
	"zones:\n  a: {level: dmz, networks: [10.1.2.0/24]}\n"                                     \
	"  b: {level: external, networks: [any], countries: [" country "]}\n" more
	{"never",
	 ABROAD("ZW", "") "conduits:\n  - @{id: c, from: a, to: b, " WHY ", allow: [{tcp: 443}]}\n",
	 ABROAD("JP", "") "conduits:\n  - {id: c, from: a, to: b, " WHY ", allow: [{tcp: 443}]}\n"},
#endif
	/* what others make pointless */
	{"shadowed, shadowed",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{@modbus: {do: read}}]}\n"
	      "  - {id: d, from: hmi, to: [plc, plc-2], " WHY ", allow: [{modbus: {do: read}}]}\n"
	      "  - {id: e, from: hmi, to: plc-2, " WHY ", allow: [{@modbus: {do: read}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: read}}]}\n"
	      "  - {id: d, from: hmi, to: [plc, plc-2], " WHY ", allow: [{cip: {do: read}}]}\n"
	      "  - {id: e, from: hmi, to: plc-2, " WHY ", allow: [{modbus: {do: read}}]}")},
	{"shadowed", /* by pieces of two others, one of which names the zones */
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", allow: [{@modbus: {do: read, holding: 10-29}}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: read, holding: 0-19}}]}\n"
	      "  - {id: e, from: screens, to: cell, " WHY
	      ", allow: [{modbus: {do: read, holding: 20-49}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: read, holding: 10-29}}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: read, holding: 0-19}}]}\n"
	      "  - {id: e, from: screens, to: cell, " WHY
	      ", allow: [{modbus: {do: read, holding: 21-49}}]}")},
	{"shadowed",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{@tcp: 80}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY ", allow: [{tcp: [80, 81]}, {icmp: echo}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{tcp: 80}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", allow: [{tcp: [80, 81]}, {modbus: {do: read}}]}")},
	{"redundant",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: [read, diagnose]}}, "
	      "{@modbus: {do: read}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: diagnose}}, "
	      "{modbus: {do: read}}]}")},
	{"limit-without-effect",
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", allow: [{@mqtt: {do: write, topic: a/b, client: "
	      "x}}]}\n"
	      "  - {id: d, from: screens, to: plc, " WHY
	      ", allow: [{mqtt: {do: write, topic: \"a/#\"}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{mqtt: {do: write, topic: a/b, client: "
	      "x}}]}\n"
	      "  - {id: d, from: screens, to: plc, " WHY
	      ", allow: [{mqtt: {do: write, topic: \"a/c/#\"}}]}")},
	{"when-without-effect",
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", when: {schedule: {days: [mon]}}, allow: [{@tcp: 80}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", when: {schedule: {days: [mon-fri]}}, allow: [{tcp: 80}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", when: {schedule: {days: [mon, sat]}}, allow: [{tcp: 80}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", when: {schedule: {days: [mon-fri]}}, allow: [{tcp: 80}]}")},
	{"when-without-effect",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", when: {grant: {longest: 1h, approvers: [x]}}, "
	      "allow: [{@modbus: {do: read}}, {modbus: {do: program}}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: read}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", when: {grant: {longest: 1h, approvers: [x]}}, allow: [{modbus: {do: "
	      "file}}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: read}}]}")},
	{"contradictory",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: write, holding: 1}}]}\n"
	      "  - @{id: d, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: write, holding: 2}}], on-violation: drop}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: write, holding: 1}}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: read, holding: 2}}], on-violation: drop}")},
	{"contradictory",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: read, coil: 1}}]}\n"
	      "  - @{id: d, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: read, coil: 2}}], fail: closed}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: read, coil: 1}}]}\n"
	      "  - {id: d, from: hmi, to: plc, " WHY
	      ", allow: [{modbus: {do: read, coil: 2}}], fail: open}")},
	/* what permits too much */
	{"grant-unlimited",
	 WITH("@{id: c, from: hmi, to: plc, " WHY ", when: {grant: required}, allow: [{tcp: 80}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", when: {grant: {longest: 4h, approvers: [sato]}}, allow: [{tcp: 80}]}")},
	{"grant-unlimited",
	 WITH("@{id: c, from: hmi, to: plc, " WHY
	      ", when: {grant: {longest: 4h}}, allow: [{tcp: 80}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", when: {schedule: {days: [mon]}}, "
	      "allow: [{tcp: 80}]}")},
	{"any-to-any", WITH("{id: c, from: office, to: relay, " WHY ", allow: [{@ip: any}]}"),
	 WITH("{id: c, from: office, to: relay, " WHY ", allow: [{tcp: 22}]}")},
	{"wide-zones", WITH("{id: c, from: office, to: relay, " WHY ", allow: [{@tcp: any}]}"),
	 WITH("{id: c, from: office, to: relay, " WHY ", allow: [{tcp: [22, 80]}]}")},
	{"wide-zones",
	 WITH("{id: c, from: screens, to: cell, " WHY
	      ", allow: [{@modbus: {do: write, holding: 5}}]}"),
	 WITH("{id: c, from: screens, to: plc, " WHY
	      ", allow: [{modbus: {do: write, holding: 5}}]}")},
	{"wide-external", WITH("{id: c, from: proxy, to: wan, " WHY ", allow: [{@tcp: 1-65535}]}"),
	 WITH("{id: c, from: proxy, to: wan, " WHY ", allow: [{tcp: 443}]}")},
	{"wide-external", WITH("{id: c, from: proxy, to: wan, " WHY ", allow: [{@mqtt: any}]}"),
	 WITH("{id: c, from: proxy, to: wan, " WHY
	      ", allow: [{mqtt: {do: write, topic: \"a/#\"}}]}")},
	{"wide-service", WITH("{id: c, from: viewer, to: proxy, " WHY ", allow: [{@ip: any}]}"),
	 WITH("{id: c, from: viewer, to: proxy, " WHY ", allow: [{icmp: any}]}")},
	{"write-unlimited",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{@modbus: {do: [read, write]}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{modbus: {do: write, value: 1}}]}")},
	{"write-unlimited",
	 WITH("{id: c, from: hmi, to: plc, " WHY ", allow: [{@cip: {do: write, slot: 1}}]}"),
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", when: {grant: {longest: 4h, approvers: [tanaka]}}, allow: [{cip: {do: write, "
	      "slot: 1}}]}")},
	{"default-allow", "@default: allow\n" ZONES ASSETS BASE,
	 "default: deny\n" ZONES ASSETS BASE},
	/* paths */
	{"no-dmz", WITH("@{id: c, from: viewer, to: hmi, " WHY ", allow: [{tcp: 443}]}"),
	 WITH("{id: c, from: hmi, to: viewer, " WHY ", allow: [{tcp: 443}]}")},
	{"no-dmz", WITH("@{id: c, from: [proxy, wan], to: screens, " WHY ", allow: [{tcp: 443}]}"),
	 WITH("{id: c, from: proxy, to: screens, " WHY ", allow: [{tcp: 443}]}")},
	{"chain, no-dmz",
	 WITH("@{id: c, from: wan, to: viewer, " WHY ", allow: [{tcp: 443}]}\n  "
	      "- @{id: d, from: viewer, to: hmi, " WHY ", allow: [{tcp: 443}]}"),
	 WITH("{id: c, from: wan, to: viewer, " WHY ", allow: [{tcp: 443}]}\n  "
	      "- {id: d, from: proxy, to: hmi, " WHY ", allow: [{tcp: 443}]}")},
	{"writes-from-outside",
	 WITH("{id: c, from: proxy, to: plc, " WHY ", allow: [{modbus: {do: read}}, "
	      "{@modbus: {do: write, holding: 1}}]}"),
	 WITH("{id: c, from: proxy, to: plc, " WHY ", allow: [{modbus: {do: read}}]}")},
	{"writes-from-outside",
	 WITH("{id: c, from: proxy, to: plc, " WHY ", allow: [{@tcp: 502}]}"),
	 WITH("{id: c, from: proxy, to: plc, " WHY ", allow: [{tcp: 502}, {modbus: {do: read}}]}")},
#define SAFE                                                                                       \
	ZONES "  sis: {level: safety, networks: [10.6.0.0/28], unknown-devices: alert}\n" ASSETS   \
	      "  trip: {zone: sis, address: 10.6.0.2}\n" BASE "  - "
	{"safety-reachable",
	 SAFE "@{id: c, from: plc, to: trip, " WHY ", allow: [{modbus: {do: read}}]}\n",
	 SAFE "{id: c, from: trip, to: plc, " WHY ", allow: [{modbus: {do: read}}]}\n"},
	{"safety-reachable, safety-written",
	 SAFE "@{id: c, from: plc, to: sis, " WHY
	      ", allow: [{@modbus: {do: write, holding: 1}}]}\n",
	 SAFE "{id: c, from: trip, to: sis, " WHY
	      ", allow: [{modbus: {do: write, holding: 1}}]}\n"},
	{"update-always",
	 WITH("@{id: c, from: hmi, to: plc, " WHY
	      ", update: true, when: {operating-mode: [normal, maintenance]}, allow: [{cip: {do: "
	      "firmware}}]}"),
	 WITH("{id: c, from: proxy, to: plc, " WHY
	      ", update: true, when: {operating-mode: maintenance}, allow: [{cip: {do: "
	      "firmware}}]}")},
#define NAT ZONES ASSETS "  router: {zone: screens, address: 10.2.0.1, nat: true}\n" BASE "  - "
	{"nat-writes",
	 NAT "{id: c, from: router, to: plc, " WHY
	     ", allow: [{modbus: {do: read}}, {@modbus: {do: write, holding: 1}}]}\n",
	 NAT "{id: c, from: router, to: plc, " WHY ", allow: [{modbus: {do: read}}]}\n"},
#define TENANTS                                                                                    \
	"zones:\n"                                                                                 \
	"  a: {level: information, networks: [10.1.0.0/16], tenant: red}\n"                        \
	"  b: {level: information, networks: [10.2.0.0/16], tenant: blue}\n"                       \
	"  shared: {level: dmz, networks: [10.3.0.0/16]}\n"                                        \
	"assets:\n"                                                                                \
	"  server: {zone: shared, address: 10.3.0.1, tenant: [red, blue]}\n"                       \
	"  a-1: {zone: a, address: 10.1.0.1}\n"                                                    \
	"  b-1: {zone: b, address: 10.2.0.1}\n"
#define SERVED "conduits:\n  - {id: up, from: a, to: server, " WHY ", allow: [{tcp: 443}]}\n"
	{"tenant-crossed",
	 TENANTS SERVED "  - @{id: c, from: a-1, to: b-1, " WHY ", allow: [{tcp: 80}]}\n",
	 TENANTS SERVED "  - {id: c, from: b-1, to: server, " WHY ", allow: [{tcp: 80}]}\n"},
	{"tenant-crossed",
	 TENANTS "  b-2: {zone: b, address: 10.2.0.2}\n" SERVED
		 "  - @{id: c, from: [a-1, b-1], to: b-2, " WHY ", allow: [{tcp: 80}]}\n",
	 TENANTS "  a-2: {zone: a, address: 10.1.0.2}\n  b-2: {zone: b, address: 10.2.0.2}\n" SERVED
		 "  - {id: c, from: [a-1, b-1], to: [a-2, b-2], " WHY ", allow: [{tcp: 80}]}\n"},
	{"tenant-chain",
	 TENANTS SERVED "  - @{id: c, from: server, to: b-1, " WHY ", allow: [{tcp: 80}]}\n",
	 TENANTS SERVED "  - {id: c, from: b, to: server, " WHY ", allow: [{tcp: 80}]}\n"},
	{"tenant-chain",
	 TENANTS SERVED "  - {id: c, from: server, to: shared, " WHY ", allow: [{tcp: 80}]}\n"
			"  - @{id: d, from: shared, to: b, " WHY ", allow: [{tcp: 80}]}\n",
	 TENANTS SERVED "  - {id: c, from: shared, to: server, " WHY ", allow: [{tcp: 80}]}\n"
			"  - {id: d, from: a, to: shared, " WHY ", allow: [{tcp: 80}]}\n"
			"  - {id: e, from: b, to: shared, " WHY ", allow: [{tcp: 80}]}\n"},
	/* zones and papers */
	{"catch-all",
	 "zones:\n  a: {level: dmz, networks: [@any]}\n"
	 "conduits:\n  - {id: c, from: a, to: a, " WHY ", allow: [{tcp: 1}]}\n",
	 "zones:\n  a: {level: external, networks: [any]}\n"
	 "conduits:\n  - {id: c, from: a, to: a, " WHY ", allow: [{tcp: 1}]}\n"},
	{"unknown-ignored",
	 "zones:\n  @a: {level: field, networks: [10.9.0.0/24]}\n"
	 "conduits:\n  - {id: c, from: a, to: a, " WHY ", allow: [{tcp: 1}]}\n",
	 "zones:\n  a: {level: field, networks: [10.9.0.0/24], unknown-devices: alert}\n"
	 "conduits:\n  - {id: c, from: a, to: a, " WHY ", allow: [{tcp: 1}]}\n"},
	{"unused-zone",
	 "zones:\n  a: {level: dmz, networks: [10.9.0.0/24]}\n"
	 "  @b: {level: dmz, networks: [10.8.0.0/24]}\n"
	 "conduits:\n  - {id: c, from: a, to: a, " WHY ", allow: [{tcp: 1}]}\n",
	 "zones:\n  a: {level: dmz, networks: [10.9.0.0/24]}\n"
	 "  b: {level: dmz, networks: [10.8.0.0/24]}\n"
	 "conduits:\n  - {id: c, from: a, to: b, " WHY ", allow: [{tcp: 1}]}\n"},
	{"no-reason", WITH("@{id: c, from: hmi, to: plc, refs: [a:1], allow: [{tcp: 80}]}"),
	 WITH("{id: c, from: hmi, to: plc, refs: [a:1], reason: web pages, allow: [{tcp: 80}]}")},
	/* acceptances */
	{"accept-unused",
	 WITH("{id: c, from: hmi, to: plc, " WHY
	      ", allow: [{tcp: 80}], accept: [@{lint: no-dmz, reason: r}]}"),
	 WITH("{id: c, from: viewer, to: hmi, " WHY
	      ", allow: [{tcp: 80}], accept: [{lint: no-dmz, reason: r}]}")},
	{"accept-unused, never",
	 "zones:\n  a: {level: field, networks: [10.9.0.0/24], "
	 "accept: [{lint: unknown-ignored, reason: r}]}\n"
	 "assets:\n  x: {zone: a, address: 10.9.0.1, accept: [@{lint: never, reason: r}]}\n"
	 "conduits:\n  - @{id: c, from: x, to: x, " WHY ", allow: [{tcp: 1}]}\n",
	 "zones:\n  a: {level: field, networks: [10.9.0.0/24], "
	 "accept: [{lint: lint.unknown-ignored, reason: r}]}\n"
	 "accept: [{lint: default-allow, reason: r}]\ndefault: allow\n"
	 "conduits:\n  - {id: c, from: a, to: a, " WHY ", allow: [{tcp: 1}]}\n"},
};

/* The text without @; where each one stood. */
static unsigned unmark(const char *marked, char *text, int (*place)[2], unsigned max)
{
	int line = 1, col = 1;
	unsigned n = 0;

	for (; *marked; marked++) {
		if (*marked == '@') {
			assert_true(n < max);
			place[n][0] = line;
			place[n++][1] = col;
			continue;
		}
		*text++ = *marked;
		col = *marked == '\n' ? 1 : col + 1;
		line += *marked == '\n';
	}
	*text = '\0';
	return n;
}

/* What the policy says of an example. */
static enum policy_verdict judged(const struct policy *p, const struct lint_example *x)
{
	struct policy_flow_decision d =
		policy_flow(policy_rest(p), x->client, x->server, x->ip_proto, x->port);

	if (x->has_op && d.verdict == POLICY_LATER)
		return (enum policy_verdict)policy_op(policy_rest(p), &d, &x->op).verdict;
	return (enum policy_verdict)d.verdict;
}

static bool example_holds(const struct policy *p, const struct lint_warning *w)
{
	enum policy_verdict v;

	if (!w->example.there)
		return true;
	v = judged(p, &w->example);
	if (w->id == LINT_TENANT_CROSSED)
		return v == POLICY_TENANT_CROSSED;
	return v == POLICY_ALLOW || v == POLICY_LATER || v == POLICY_GRANT_MISSING;
}

static void print_report(const struct lint_report *r)
{
	uint32_t i;

	for (i = 0; i < r->count; i++)
		print_error("%d:%d lint.%s: %s%s [%s]\n", r->warning[i]->line, r->warning[i]->col,
			    lint_about((enum lint_id)r->warning[i]->id)->name, r->warning[i]->text,
			    r->warning[i]->accepted ? " (accepted)" : "",
			    r->warning[i]->example.text);
}

static struct lint_report *lint_text(const char *text, struct policy **p)
{
	struct diag diag = {.count = 0};
	struct lint_report *r;

	*p = policy_load_buffer("p.yaml", text, strlen(text), &diag);
	if (!*p) {
		print_error("%s\n", text);
		diag_print(&diag, stderr);
	}
	assert_non_null(*p);
	r = lint_run(*p, &(struct lint_config){&diag, true, INT64_C(1800000000) * 1000000000});
	assert_non_null(r);
	diag_free(&diag);
	return r;
}

static bool as_expected(const struct lint_case *c, const struct policy *p,
			const struct lint_report *r, int (*place)[2], unsigned places)
{
	const char *id = c->ids;
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < r->count; i++) {
		const struct lint_warning *w = r->warning[i];
		const struct lint_about *about = lint_about((enum lint_id)w->id);
		bool whole_file = w->id == LINT_DEFAULT_ALLOW;

		if (!example_holds(p, w)) {
			print_error("not so: %s\n", w->example.text);
			return false;
		}
		if (w->accepted || about->note)
			continue;
		if (n == places || strncmp(id, about->name, strlen(about->name)) != 0 ||
		    (!whole_file && (w->line != place[n][0] || w->col != place[n][1])))
			return false;
		id += strlen(about->name);
		id += *id ? 2 : 0;
		n++;
	}
	return n == places && !*id;
}

static void each_warning_at_its_place_and_none_once_repaired(void **state)
{
	unsigned i, places, bad = 0;
	int place[8][2] = {{0}};
	struct lint_report *r;
	char text[8192];
	struct policy *p;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		places = unmark(cases[i].text, text, place, 8);
		r = lint_text(text, &p);
		if (!as_expected(&cases[i], p, r, place, places)) {
			print_error("expected %s at", cases[i].ids);
			while (places)
				places--, print_error(" %d:%d", place[places][0], place[places][1]);
			print_error(" of\n%s", text);
			print_report(r);
			bad++;
		}
		lint_free(r);
		policy_free(p);
		unmark(cases[i].repaired, text, place, 0);
		r = lint_text(text, &p);
		if (r->warnings) {
			print_error("expected nothing of\n%s", text);
			print_report(r);
			bad++;
		}
		lint_free(r);
		policy_free(p);
	}
	assert_int_equal(bad, 0);
}

static void every_warning_has_a_case(void **state)
{
	/* notes; and what the loader says is in test_policy_mistakes */
	bool seen[LINTS] = {[LINT_NO_REFS] = true, [LINT_GUESSABLE] = true};
	unsigned i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (k = 0; k < LINTS; k++)
			if (strstr(cases[i].ids, lint_about((enum lint_id)k)->name))
				seen[k] = true;
	for (k = 0; k < LINTS; k++) {
		if (!seen[k])
			print_error("no case for %s\n", lint_about((enum lint_id)k)->name);
		assert_true(seen[k]);
	}
}

static void notes_are_no_warnings(void **state)
{
	struct policy *p;
	struct lint_report *r =
		lint_text("zones:\n  a: {level: control-information, networks: [192.168.1.0/24]}\n"
			  "conduits:\n  - {id: c, from: a, to: a, reason: r, allow: [{tcp: 1}]}\n",
			  &p);

	(void)state;
	assert_int_equal(r->warnings, 0);
	assert_int_equal(r->notes, 2);
	assert_int_equal(r->warning[0]->id, LINT_GUESSABLE);
	assert_int_equal(r->warning[0]->line, 2);
	assert_int_equal(r->warning[1]->id, LINT_NO_REFS);
	lint_free(r);
	policy_free(p);
}

/* The text of a file; the caller frees it. */
static char *read_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

/* "# wide-zones, write-unlimited" behind the line of that number; "". */
static const char *comment_of(const char *text, int line, char *out, size_t size)
{
	const char *end, *hash;

	for (; line > 1; line--)
		text = strchr(text, '\n') + 1;
	end = strchr(text, '\n');
	hash = memchr(text, '#', (size_t)(end - text));
	snprintf(out, size, "%.*s", hash ? (int)(end - hash - 2) : 0, hash ? hash + 2 : "");
	return out;
}

/* The examples of the reference have the warnings that stand behind their lines, and no others. */
static void reference(void **state)
{
	char *doc = read_text("zones/README.md"), *block = strstr(doc, "\n## Warnings\n"), *end;
	unsigned blocks = 0, ids = 0, i;
	char want[128];

	(void)state;
	assert_non_null(block);
	while ((block = strstr(block, "```yaml\n"))) {
		struct lint_report *r;
		const char *hash;
		struct policy *p;

		block += strlen("```yaml\n");
		end = strstr(block, "```");
		*end = '\0';
		for (hash = strstr(block, "# "); hash; hash = strstr(hash + 1, "# "))
			for (ids++; *hash != '\n'; hash++)
				ids += *hash == ',';
		r = lint_text(block, &p);
		for (i = 0; i < r->count; i++) {
			const struct lint_about *about =
				lint_about((enum lint_id)r->warning[i]->id);

			if (r->warning[i]->accepted || about->note)
				continue;
			if (!strstr(comment_of(block, r->warning[i]->line, want, sizeof(want)),
				    about->name))
				fail_msg("line %d has %s: %s", r->warning[i]->line, about->name,
					 block);
			ids--;
		}
		lint_free(r);
		policy_free(p);
		block = end + 1;
		blocks++;
	}
	assert_int_equal(ids, 0);
	assert_true(blocks >= 3);
	free(doc);
}

/* Each warning stands in the reference. */
static void every_warning_is_in_the_reference(void **state)
{
	char *doc = read_text("zones/README.md"), word[64];
	unsigned i;

	(void)state;
	for (i = 0; i < LINTS; i++) {
		snprintf(word, sizeof(word), "| `%s`", lint_about((enum lint_id)i)->name);
		if (!strstr(doc, word))
			fail_msg("zones/README.md has no row for %s", word);
	}
	free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_warning_at_its_place_and_none_once_repaired),
		cmocka_unit_test(every_warning_has_a_case),
		cmocka_unit_test(notes_are_no_warnings),
		cmocka_unit_test(reference),
		cmocka_unit_test(every_warning_is_in_the_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
