/* What devices are held to beside their conduits: trust, tenants, uplink, layers, criticality. */
#include "policy_base.h"
#include "policy_world.h"

/* Which classes hmi-1 may use, in the order of enum op_class, of a conduit that permits all. */
static void tier(const char *tiers, const char *trust, const char *expected)
{
	char text[2048], got[OP_CLASSES + 1] = "";
	struct policy_flow_decision d;
	enum policy_verdict v;
	struct policy *p;
	struct op op;
	int cls;

	snprintf(text, sizeof(text),
		 "%szones:\n  a: {level: control, networks: [10.1.0.0/16]}\n"
		 "  b: {level: control-information, networks: [10.2.0.0/16]}\n"
		 "assets: {hmi-1: {zone: b, address: 10.2.0.1%s}}\n"
		 "conduits: [{id: c, from: b, to: a, allow: [{modbus: any}, {tcp: 502}]}]\n",
		 tiers, trust);
	p = must(text, 0);
	d = flow(p, "10.2.0.1", "10.1.0.1", 6, 502);
	for (cls = 0; cls < OP_CLASSES; cls++) {
		op = modbus_op((enum op_class)cls, 1, 0, 1);
		v = (enum policy_verdict)policy_op(policy_rest(p), &d, &op).verdict;
		got[cls] = v == POLICY_ALLOW ? 'x' : v == POLICY_TRUST_EXCEEDED ? '-' : '?';
	}
	if (strcmp(got, expected) != 0)
		fail_msg("%s%s: %s, not %s", tiers, trust, got, expected);
	assert_int_equal(d.verdict == POLICY_TRUST_EXCEEDED, !strchr(expected, 'x'));
	policy_free(p);
}

static void tiers(void **state)
{
	(void)state;
	/* read write control program firmware config file diagnose discover session alarm */
	tier("", "", "xxxxxxxxxxx");
	tier("", ", trust: full", "xxxxxxxxxxx");
	tier("", ", trust: known", "xx-----xxxx");
	tier("", ", trust: minimal", "x-------xx-");
	tier("", ", trust: unknown", "-----------");
	tier("trust-tiers: {unknown: [discover]}\n", ", trust: unknown", "--------xx-");
	tier("trust-tiers: {full: [control], known: []}\n", ", trust: full", "--x------x-");
	tier("trust-tiers: {minimal: any}\n", ", trust: minimal", "xxxxxxxxxxx");
	tier("trust-tiers: {known: []}\n", ", trust: known", "-----------");
}

/* A zone's trust, tenants and uplink are its members'; inside the zone only tenants count. */
static void inside_a_zone(void **state)
{
	struct policy *p = must(
		"zones:\n"
		"  a: {level: iot, networks: [10.1.0.0/16], trust: unknown, uplink-only: true,\n"
		"      unknown-devices: deny, tenant: x}\n"
		"  b: {level: iot, networks: [10.2.0.0/16]}\n"
		"assets:\n"
		"  one: {zone: a, address: 10.1.0.1}\n"
		"  two: {zone: a, address: 10.1.0.2, tenant: y}\n"
		"  both: {zone: a, address: 10.1.0.3, tenant: [x, y], trust: known}\n"
		"default: allow\n",
		0);

	(void)state;
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.1.0.9", 6, 80), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.1.0.2", 6, 80), POLICY_TENANT_CROSSED);
	assert_int_equal(flow_verdict(p, "10.1.0.2", "10.1.0.3", 6, 80), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "239.1.2.3", 17, 80), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.2.0.1", 6, 80), POLICY_TRUST_EXCEEDED);
	assert_int_equal(flow_verdict(p, "10.1.0.9", "10.2.0.1", 6, 80), POLICY_UNLISTED);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.9", 6, 80), POLICY_UNLISTED);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 80), POLICY_UPLINK_ONLY);
	assert_int_equal(flow_verdict(p, "10.1.0.3", "10.2.0.1", 6, 80), POLICY_DEFAULT_ALLOW);
	policy_free(p);
}

/* A conduit that names two assets of one zone is narrowed as any other. */
static void ruled_inside_a_zone(void **state)
{
	struct policy *p = must("zones:\n"
				"  a: {level: iot, networks: [10.1.0.0/16], uplink-only: true}\n"
				"assets:\n"
				"  one: {zone: a, address: 10.1.0.1, trust: unknown}\n"
				"  two: {zone: a, address: 10.1.0.2}\n"
				"conduits:\n"
				"  - {id: c, from: [one, two], to: [one, two], allow: [tcp: 80]}\n",
				0);

	(void)state;
	assert_int_equal(flow_verdict(p, "10.1.0.1", "10.1.0.2", 6, 80), POLICY_TRUST_EXCEEDED);
	assert_int_equal(flow_verdict(p, "10.1.0.2", "10.1.0.1", 6, 80), POLICY_ALLOW);
	assert_int_equal(flow_verdict(p, "10.1.0.2", "10.1.0.1", 6, 81), POLICY_PORT_DENIED);
	policy_free(p);
}

/* A client that only reports and is little trusted, too: each says its own. */
static void uplink_and_trust(void **state)
{
	static const uint8_t expected[OP_CLASSES] = {
		[OP_READ] = POLICY_UPLINK_ONLY,	    [OP_WRITE] = POLICY_TRUST_EXCEEDED,
		[OP_CONTROL] = POLICY_UPLINK_ONLY,  [OP_PROGRAM] = POLICY_UPLINK_ONLY,
		[OP_FIRMWARE] = POLICY_UPLINK_ONLY, [OP_CONFIG] = POLICY_UPLINK_ONLY,
		[OP_FILE] = POLICY_UPLINK_ONLY,	    [OP_DIAGNOSE] = POLICY_UPLINK_ONLY,
		[OP_DISCOVER] = POLICY_UPLINK_ONLY, [OP_SESSION] = POLICY_ALLOW,
		[OP_ALARM] = POLICY_TRUST_EXCEEDED,
	};
	struct policy *p = must(
		"zones:\n"
		"  a: {level: iot, networks: [10.1.0.0/16], uplink-only: true, trust: minimal}\n"
		"  b: {level: iot, networks: [10.2.0.0/16]}\n"
		"conduits: [{id: c, from: a, to: b, allow: [{modbus: any}]}]\n",
		0);
	struct policy_flow_decision d = flow(p, "10.1.0.1", "10.2.0.1", 6, 502);
	struct op op;
	int cls;

	(void)state;
	assert_int_equal(d.verdict, POLICY_LATER);
	for (cls = 0; cls < OP_CLASSES; cls++) {
		op = modbus_op((enum op_class)cls, 1, 0, 1);
		assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, expected[cls]);
	}
	policy_free(p);
}

/* The last day counts, on the clocks of the plant; running flows are asked about again. */
static void end_of_life(void **state)
{
	struct policy *p =
		must("timezone: +09:00\n"
		     "zones:\n"
		     "  a: {level: iot, networks: [10.1.0.0/16]}\n"
		     "  b: {level: iot, networks: [10.2.0.0/16], trust: full}\n"
		     "assets:\n"
		     "  old: {zone: a, address: 10.1.0.1, end-of-life: 2025-03-31}\n"
		     "  older: {zone: b, address: 10.2.0.2, end-of-life: 2025-03-30T12:00}\n"
		     "  oldest: {zone: b, address: 10.2.0.3, trust: unknown,\n"
		     "           end-of-life: 2024-01-01}\n"
		     "default: allow\n",
		     0);
	static const int64_t last = INT64_C(1743433200) * 1000000000; /* 2025-04-01T00:00+09:00 */
	struct policy_now *now = policy_now_new(p);
	struct policy_place old = at(p, "10.1.0.1"), older = at(p, "10.2.0.2");
	struct policy_place oldest = at(p, "10.2.0.3");
	struct policy_flow_decision d;
	struct op op = modbus_op(OP_WRITE, 1, 0, 1);
	uint32_t epoch;

	(void)state;
	/* at no particular time nothing has come to its end */
	d = policy_flow(policy_rest(p), old, older, 6, 502);
	assert_int_equal(policy_op(policy_rest(p), &d, &op).verdict, POLICY_DEFAULT_ALLOW);
	policy_now_at(now, last - 1);
	epoch = now->epoch;
	d = policy_flow(now, old, older, 6, 502);
	assert_int_equal(policy_op(now, &d, &op).verdict, POLICY_DEFAULT_ALLOW);
	d = policy_flow(now, older, old, 6, 502);
	assert_int_equal(policy_op(now, &d, &op).verdict, POLICY_TRUST_EXCEEDED);
	assert_int_equal(policy_flow(now, oldest, old, 6, 502).verdict, POLICY_TRUST_EXCEEDED);
	assert_false(policy_is_ended(p, old, last - 1));
	assert_true(policy_now_at(now, last));
	assert_int_equal(now->epoch, epoch + 1);
	d = policy_flow(now, old, older, 6, 502);
	assert_int_equal(policy_op(now, &d, &op).verdict, POLICY_TRUST_EXCEEDED);
	op = modbus_op(OP_READ, 1, 0, 1);
	assert_int_equal(policy_op(now, &d, &op).verdict, POLICY_DEFAULT_ALLOW);
	assert_true(policy_is_ended(p, old, last));
	/* several captures: time goes back */
	assert_true(policy_now_at(now, last - 1));
	assert_false(policy_now_at(now, last - 2));
	policy_now_free(now);
	policy_free(p);
}

#ifdef HAVE_MAXMINDDB
#define GEO "geo: {country: zones/geo/country.mmdb, asn: zones/geo/asn.mmdb}\n"

/* A conduit to zone wan that asks this of its peers; each address: x when it holds, - when not. */
static void peers(const char *geo, const char *keys, const char *expected)
{
	static const char *const addr[] = {
		"192.0.2.1",	   /* JP, AS64496 Example Cloud K.K. */
		"198.51.100.1",	   /* US, AS64497 Sample Hosting Inc. */
		"203.0.113.1",	   /* JP, AS64498 Example Maintenance GmbH */
		"203.0.113.129",   /* DE, the same */
		"2001:db8:1::1",   /* JP, AS64499 Example Net K.K. */
		"2001:db8:ffff::", /* US, the same */
		"192.168.7.7",	   /* in no database */
		"10.9.0.1",	   /* likewise, but a listed asset */
	};
	char text[1024], got[9] = "";
	enum policy_verdict v;
	struct policy *p;
	size_t i;

	snprintf(text, sizeof(text),
		 "%szones:\n  a: {level: dmz, networks: [10.1.0.0/16]}\n"
		 "  wan: {level: external, networks: [any], %s}\n"
		 "assets: {vpn: {zone: wan, address: 10.9.0.1}}\n"
		 "conduits: [{id: c, from: wan, to: a, allow: [tcp: 80]}]\n",
		 geo, keys);
	p = must(text, *geo ? 0 : 1);
	for (i = 0; i < 8; i++) {
		v = flow_verdict(p, addr[i], "10.1.0.1", 6, 80);
		got[i] = v == POLICY_ALLOW ? 'x' : v == POLICY_COUNTRY_DENIED ? '-' : '?';
	}
	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s, not %s", keys, got, expected);
	policy_free(p);
}

static void countries(void **state)
{
	(void)state;
	peers(GEO, "countries: [JP]", "x-x-x--x");
	peers(GEO, "countries: [JP, DE]", "x-xxx--x");
	peers(GEO, "asns: [AS64498, 64496]", "x-xx---x");
	peers(GEO, "organisations: [\"Example *\"]", "x-xxxx-x");
	peers(GEO, "organisations: [\"* K.K.\"], asns: [AS64497]", "xx--xx-x");
	peers(GEO, "countries: [JP], organisations: [\"Example *\"]", "x-x-x--x");
	peers(GEO, "countries: [US], asns: [64499]", "-----x-x");
	/* nothing to look them up in: a warning, and everybody */
	peers("", "countries: [JP]", "xxxxxxxx");
}

static void whereabouts(void **state)
{
	struct policy *p =
		must(GEO "zones:\n  wan: {level: external, networks: [any], countries: [JP]}\n", 0);
	struct addr a;
	char text[128], small[4];

	(void)state;
	assert_true(addr_parse("203.0.113.200", &a));
	assert_string_equal(policy_whereabouts(p, &a, text, sizeof(text)),
			    "DE, AS64498 Example Maintenance GmbH");
	assert_string_equal(policy_whereabouts(p, &a, small, sizeof(small)), "DE,");
	assert_true(addr_parse("10.0.0.1", &a));
	assert_string_equal(policy_whereabouts(p, &a, text, sizeof(text)), "");
	policy_free(p);
}

/* What is no database is told, with its name as it was looked for. */
static void no_database(void **state)
{
	static const struct {
		const char *geo, *part;
	} cases[] = {
		{"{country: none.mmdb}", "geo: cannot use zones/none.mmdb: no such file"},
		{"{country: geo}", "geo: cannot use zones/geo: no regular file"},
		{"{country: model1.yaml}", "cannot use zones/model1.yaml: "},
		{"{country: geo/asn.mmdb}", "zones/geo/asn.mmdb: no database of countries"},
		{"{asn: geo/country.mmdb}", "country.mmdb: no database of autonomous systems"},
		{"{asn: /dev/zero}", "geo: cannot use /dev/zero: no regular file"},
	};
	struct diag diag;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		diag = (struct diag){0};
		snprintf(text, sizeof(text),
			 "geo: %s\nzones:\n  a: {level: dmz, networks: [10.1.0.0/16]}\n",
			 cases[i].geo);
		assert_null(policy_load_buffer("zones/p.yaml", text, strlen(text), &diag));
		assert_int_equal(diag.errors, 1);
		if (!strstr(diag.entry[0].text, cases[i].part))
			fail_msg("%s, not %s", diag.entry[0].text, cases[i].part);
		diag_free(&diag);
	}
}
#else
static void built_without(void **state)
{
	static const char text[] = "geo: {country: geo/country.mmdb}\n"
				   "zones:\n  a: {level: dmz, networks: [10.1.0.0/16]}\n";
	struct diag diag = {0};

	(void)state;
	assert_null(policy_load_buffer("zones/p.yaml", text, strlen(text), &diag));
	assert_non_null(strstr(diag.entry[0].text, "was built without libmaxminddb"));
	diag_free(&diag);
}
#endif

/* Between zones of these levels, with these layers. */
static enum policy_verdict across(const char *layers, const char *from, const char *to)
{
	char text[1024];
	enum policy_verdict v;
	struct policy *p;

	snprintf(text, sizeof(text),
		 "%szones:\n  a: {level: %s, networks: [10.1.0.0/16]}\n"
		 "  b: {level: %s, networks: [10.2.0.0/16]}\n",
		 layers, from, to);
	p = must(text, 0);
	v = flow_verdict(p, "10.1.0.1", "10.2.0.1", 6, 80);
	policy_free(p);
	return v;
}

static void layers(void **state)
{
	static const char own[] = "layers: [external, dmz, [information, iot], field]\n";
	static const char low[] = "layers: [external, control, safety]\n";

	(void)state;
	assert_int_equal(across("", "information", "dmz"), POLICY_NO_CONDUIT);
	assert_int_equal(across("", "external", "dmz"), POLICY_LAYER_SKIPPED);
	assert_int_equal(across(own, "external", "dmz"), POLICY_NO_CONDUIT);
	assert_int_equal(across(own, "external", "information"), POLICY_LAYER_SKIPPED);
	assert_int_equal(across(own, "iot", "information"), POLICY_NO_CONDUIT);
	assert_int_equal(across(own, "iot", "field"), POLICY_NO_CONDUIT);
	assert_int_equal(across(own, "field", "dmz"), POLICY_LAYER_SKIPPED);
	/* what is left out lies in no order, but safety stays apart */
	assert_int_equal(across(own, "external", "control"), POLICY_NO_CONDUIT);
	assert_int_equal(across(own, "safety", "dmz"), POLICY_LAYER_SKIPPED);
	assert_int_equal(across(own, "field", "safety"), POLICY_NO_CONDUIT);
	assert_int_equal(across(low, "safety", "external"), POLICY_LAYER_SKIPPED);
	assert_int_equal(across(low, "safety", "information"), POLICY_NO_CONDUIT);
}

/* A zone may list groups; what no zone lists stays in its segment. */
static void multicast(void **state)
{
	struct policy *p = must("zones:\n"
				"  a: {level: control, networks: [10.1.0.0/16]}\n"
				"  b: {level: control, networks: [10.2.0.0/16]}\n"
				"  m: {level: control, networks: [239.1.0.0/16, \"ff15::/16\"],\n"
				"      unknown-devices: deny}\n"
				"conduits: [{id: c, from: a, to: m, allow: [udp: 2222]}]\n",
				0);

	(void)state;
	assert_int_equal(flow_verdict(p, "10.1.0.1", "239.1.0.1", 17, 2222), POLICY_ALLOW);
	assert_int_equal(flow_verdict(p, "10.1.0.1", "239.1.0.1", 17, 2223), POLICY_PORT_DENIED);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "239.1.0.1", 17, 2222), POLICY_NO_CONDUIT);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "239.2.0.1", 17, 2222), POLICY_SAME_ZONE);
	assert_int_equal(flow_verdict(p, "10.2.0.1", "ff15::9", 17, 2222), POLICY_NO_CONDUIT);
	policy_free(p);
}

/* The worst of the zones that say something. */
static void severity(void **state)
{
	static const struct {
		const char *a, *b;
		int step;
	} cases[] = {
		{"", "", 0},
		{"{recovery: limited, impact: limited}", "", 1},
		{"{recovery: limited, impact: limited}", "{recovery: limited, impact: limited}", 1},
		{"{recovery: limited, impact: serious}", "{recovery: limited, impact: limited}", 0},
		{"{recovery: limited, impact: limited}", "{recovery: serious, impact: limited}", 0},
		{"{recovery: fatal, impact: limited}", "{recovery: limited, impact: limited}", -1},
		{"{recovery: limited, impact: catastrophic}", "", -1},
	};
	char text[1024];
	struct policy *p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text),
			 "zones:\n  a: {level: dmz, networks: [10.1.0.0/16]%s%s}\n"
			 "  b: {level: dmz, networks: [10.2.0.0/16]%s%s}\n",
			 *cases[i].a ? ", criticality: " : "", cases[i].a,
			 *cases[i].b ? ", criticality: " : "", cases[i].b);
		p = must(text, 0);
		assert_int_equal(policy_severity_step(p, at(p, "10.1.0.1"), at(p, "10.2.0.1")),
				 cases[i].step);
		assert_int_equal(policy_severity_step(p, at(p, "10.2.0.1"), at(p, "10.1.0.1")),
				 cases[i].step);
		policy_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiers),
		cmocka_unit_test(inside_a_zone),
		cmocka_unit_test(ruled_inside_a_zone),
		cmocka_unit_test(uplink_and_trust),
		cmocka_unit_test(end_of_life),
		cmocka_unit_test(layers),
#ifdef HAVE_MAXMINDDB
		cmocka_unit_test(countries),
		cmocka_unit_test(whereabouts),
		cmocka_unit_test(no_database),
#else
		cmocka_unit_test(built_without),
#endif
		cmocka_unit_test(multicast),
		cmocka_unit_test(severity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
