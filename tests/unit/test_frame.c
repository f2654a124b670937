/* Frames that are no IP: who they are from, and which conduit speaks of them. */
#include "policy/model.h"

#include "policy_world.h"

#define PROFINET 0x8892
#define GOOSE	 0x88b8
#define LLDP	 0x88cc

static struct policy_place station(const struct policy *p, const char *mac, int vlan)
{
	struct mac m;

	assert_true(mac_parse(mac, &m));
	return policy_station(p, &m, vlan);
}

static enum policy_verdict frame(const struct policy *p, const char *from, const char *to,
				 uint16_t type)
{
	return (enum policy_verdict)policy_frame(policy_rest(p), station(p, from, -1),
						 station(p, to, -1), type)
		.verdict;
}

#define PLC    "02:00:00:00:00:01"
#define IO     "02:00:00:00:00:02"
#define RELAY  "02:00:00:00:00:03"
#define HMI    "02:00:00:00:00:04"
#define OFFICE "02:00:00:00:00:05"
#define NOBODY "02:00:00:00:00:99"
#define GROUP  "01:0c:cd:01:00:01"
#define STP    "01:80:c2:00:00:00"

static const char plant[] =
	"zones:\n"
	"  office: {level: information, networks: [10.10.0.0/16]}\n"
	"  screens: {level: control-information, networks: [10.40.0.0/24]}\n"
	"  cell: {level: control, networks: [10.50.0.0/24], vlans: [50, 60-61]}\n"
	"  field: {level: field, vlans: 70, unknown-devices: alert}\n"
	"assets:\n"
	"  plc: {zone: cell, address: 10.50.0.1, mac: \"" PLC "\"}\n"
	"  relay: {zone: cell, mac: \"" RELAY "\"}\n"
	"  trip: {zone: cell, mac: \"" GROUP "\", role: multicast}\n"
	"  io: {zone: field, mac: \"" IO "\"}\n"
	"  hmi: {zone: screens, address: 10.40.0.5, mac: \"" HMI "\"}\n"
	"  pc: {zone: office, address: 10.10.0.5, mac: \"" OFFICE "\"}\n"
	"conduits:\n"
	"  - {id: bus, from: plc, to: field, allow: [ethertype: [profinet, 0x88cc]]}\n"
	"  - {id: goose, from: relay, to: trip, allow: [ethertype: goose]}\n"
	"  - {id: look, from: hmi, to: plc, allow: [tcp: 502]}\n";

static void test_places(void **state)
{
	struct policy *p = must(plant, 0);
	struct policy_place x;

	(void)state;
	x = station(p, PLC, -1);
	assert_string_equal(policy_asset_at(p, x.asset)->id, "plc");
	assert_string_equal(policy_zone_at(p, x.zone)->id, "cell");
	x = station(p, IO, 50); /* in a foreign VLAN it is who it is */
	assert_string_equal(policy_zone_at(p, x.zone)->id, "field");
	x = station(p, NOBODY, 61);
	assert_string_equal(policy_zone_at(p, x.zone)->id, "cell");
	assert_int_equal(x.asset, POLICY_NONE);
	assert_false(x.segment);
	assert_true(station(p, NOBODY, -1).segment);
	assert_true(station(p, NOBODY, 62).segment);
	assert_true(station(p, STP, 50).segment);
	x = station(p, GROUP, 70);
	assert_string_equal(policy_asset_at(p, x.asset)->id, "trip");
	policy_free(p);
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *from, *to;
		uint16_t type;
		enum policy_verdict verdict;
	} cases[] = {
		{PLC, IO, PROFINET, POLICY_ALLOW},
		{IO, PLC, PROFINET, POLICY_ALLOW}, /* both ways */
		{IO, PLC, LLDP, POLICY_ALLOW},
		{PLC, IO, GOOSE, POLICY_ETHERTYPE_DENIED},
		{PLC, IO, POLICY_LLC, POLICY_ETHERTYPE_DENIED},
		{HMI, PLC, PROFINET, POLICY_ETHERTYPE_DENIED}, /* joined, but for IP only */
		{HMI, IO, PROFINET, POLICY_LAYER_SKIPPED},
		{RELAY, IO, PROFINET, POLICY_NO_CONDUIT},
		{OFFICE, HMI, PROFINET, POLICY_LAYER_SKIPPED},
		{OFFICE, PLC, GOOSE, POLICY_LAYER_SKIPPED},
		{PLC, RELAY, GOOSE, POLICY_SAME_ZONE}, /* nobody speaks of the pair */
		{PLC, GROUP, GOOSE, POLICY_SAME_ZONE}, /* nor of this one */
		{RELAY, GROUP, GOOSE, POLICY_ALLOW},
		{RELAY, GROUP, LLDP, POLICY_ETHERTYPE_DENIED}, /* this pair is spoken of */
		{IO, GROUP, GOOSE, POLICY_NO_CONDUIT},
		{IO, STP, POLICY_LLC, POLICY_SAME_ZONE}, /* stays in its segment */
		{NOBODY, PLC, PROFINET, POLICY_SAME_ZONE},
	};
	struct policy *p = must(plant, 0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (frame(p, cases[i].from, cases[i].to, cases[i].type) != cases[i].verdict)
			print_error("%s > %s 0x%04x\n", cases[i].from, cases[i].to, cases[i].type);
		assert_int_equal(frame(p, cases[i].from, cases[i].to, cases[i].type),
				 cases[i].verdict);
	}
	policy_free(p);
}

static void test_words(void **state)
{
	struct policy *p = must(plant, 0);

	(void)state;
	assert_string_equal(policy_conduit_at(p, 0)->permits, "ethertype profinet,lldp");
	assert_string_equal(policy_conduit_at(p, 1)->permits, "ethertype goose");
	policy_free(p);
}

/* What devices are held to, and when conduits are open, holds for frames as well. */
static void test_held(void **state)
{
	static const char text[] =
		"zones:\n"
		"  a: {level: control, networks: [10.1.0.0/24], tenant: a}\n"
		"  b: {level: control, networks: [10.2.0.0/24], tenant: b}\n"
		"  up: {level: control, networks: [10.3.0.0/24], uplink-only: true}\n"
		"  no: {level: control, networks: [10.4.0.0/24], trust: unknown}\n"
		"  deny: {level: control, vlans: [7], unknown-devices: deny}\n"
		"  c: {level: control, networks: [10.5.0.0/24]}\n"
		"assets:\n"
		"  a-1: {zone: a, address: 10.1.0.1, mac: \"" PLC "\"}\n"
		"  b-1: {zone: b, address: 10.2.0.1, mac: \"" IO "\"}\n"
		"  up-1: {zone: up, address: 10.3.0.1, mac: \"" RELAY "\"}\n"
		"  no-1: {zone: no, address: 10.4.0.1, mac: \"" HMI "\"}\n"
		"  c-1: {zone: c, address: 10.5.0.1, mac: \"" OFFICE "\"}\n"
		"conduits:\n"
		"  - {id: ab, from: a, to: b, allow: [ethertype: any]}\n"
		"  - {id: into, from: c, to: up, allow: [ethertype: goose]}\n"
		"  - {id: outof, from: up, to: c, allow: [ethertype: lldp]}\n"
		"  - {id: none, from: no, to: c, allow: [ethertype: any]}\n"
		"  - {id: listed, from: deny, to: c, allow: [ethertype: any]}\n"
		"  - {id: shift, from: a, to: c, allow: [ethertype: mrp],\n"
		"     when: {operating-mode: maintenance}}\n";
	struct policy *p = must(text, 0);
	const struct policy_now *now = policy_rest(p);

	(void)state;
	assert_int_equal(frame(p, PLC, IO, GOOSE), POLICY_TENANT_CROSSED);
	assert_int_equal(frame(p, OFFICE, RELAY, GOOSE), POLICY_UPLINK_ONLY);
	assert_int_equal(frame(p, RELAY, OFFICE, LLDP), POLICY_ALLOW);
	assert_int_equal(frame(p, OFFICE, RELAY, LLDP), POLICY_ALLOW);
	assert_int_equal(frame(p, HMI, OFFICE, GOOSE), POLICY_TRUST_EXCEEDED);
	assert_int_equal(frame(p, PLC, OFFICE, 0x88e3), POLICY_WRONG_MODE);
	assert_int_equal(frame(p, PLC, OFFICE, GOOSE), POLICY_ETHERTYPE_DENIED);
	assert_int_equal(
		policy_frame(now, station(p, NOBODY, 7), station(p, OFFICE, 7), GOOSE).verdict,
		POLICY_UNLISTED);
	policy_free(p);
}

/* --- against a twin that walks the list --- */

static uint32_t seed = 20261121;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

static bool names(const uint32_t *end, uint32_t n, const struct policy *p, struct policy_place x)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (end[i] == x.zone || (x.asset != POLICY_NONE && end[i] == p->zones + x.asset))
			return true;
	return false;
}

static enum policy_verdict naive(const struct policy *p, struct policy_place a,
				 struct policy_place b, uint16_t type)
{
	bool joined = false, any = false;
	uint32_t i, k;

	for (i = 0; i < p->conduits && !a.segment && !b.segment; i++) {
		const struct conduit *c = &p->conduit[i];

		if (!(names(c->from, c->nfrom, p, a) && names(c->to, c->nto, p, b)) &&
		    !(names(c->from, c->nfrom, p, b) && names(c->to, c->nto, p, a)))
			continue;
		joined = true;
		for (k = 0; k < c->nframes; k++) {
			any = true;
			if (c->frames[k].any || iset_contains(&c->frames[k].set, type))
				return POLICY_ALLOW;
		}
	}
	if (a.segment || b.segment)
		return POLICY_SAME_ZONE;
	if (a.zone == b.zone)
		return any ? POLICY_ETHERTYPE_DENIED : POLICY_SAME_ZONE;
	if (joined)
		return POLICY_ETHERTYPE_DENIED;
	return level_skipped(p, a.zone, b.zone) ? POLICY_LAYER_SKIPPED : POLICY_NO_CONDUIT;
}

#define ZONES  4
#define ASSETS 8

static struct policy *random_policy(char *text, size_t size)
{
	static const char *const levels[] = {"information", "control-information", "control",
					     "field"};
	static const char *const types[] = {"goose", "[profinet, lldp]", "any", "llc", "0x1234"};
	int n = snprintf(text, size, "zones:\n");
	uint32_t i, k;

	for (i = 0; i < ZONES; i++)
		n += snprintf(text + n, size - (size_t)n, "  z%u: {level: %s, vlans: %u}\n", i,
			      levels[dice(4)], 10 + i);
	n += snprintf(text + n, size - (size_t)n, "assets:\n");
	for (i = 0; i < ASSETS; i++)
		n += snprintf(text + n, size - (size_t)n,
			      "  a%u: {zone: z%u, mac: \"0%u:00:00:00:00:0%u\"}\n", i, dice(ZONES),
			      dice(8) ? 2u : 3u, i);
	n += snprintf(text + n, size - (size_t)n, "conduits:\n");
	for (i = 0, k = dice(6); i <= k; i++) {
		n += snprintf(text + n, size - (size_t)n, "  - {id: c%u, from: %c%u, to: %c%u, ", i,
			      dice(2) ? 'a' : 'z', dice(4), dice(2) ? 'a' : 'z', dice(4));
		if (dice(4))
			n += snprintf(text + n, size - (size_t)n, "allow: [ethertype: %s]}\n",
				      types[dice(5)]);
		else
			n += snprintf(text + n, size - (size_t)n, "allow: [tcp: 80]}\n");
	}
	return must(text, 0);
}

static struct policy_place random_place(const struct policy *p)
{
	char mac[MAC_STRLEN];

	snprintf(mac, sizeof(mac), "0%u:00:00:00:00:0%u", dice(4) ? 2u : 3u, dice(ASSETS + 2));
	return station(p, mac, dice(8) ? (int)(10 + dice(ZONES)) : -1);
}

static void test_twin(void **state)
{
	static const uint16_t types[] = {PROFINET, GOOSE, LLDP, POLICY_LLC, 0x1234, 0x4321};
	unsigned seen[POLICY_ETHERTYPE_DENIED + 1] = {0};
	char text[4096];
	unsigned i, k;

	(void)state;
	print_message("seed %u\n", seed);
	for (i = 0; i < 500; i++) {
		struct policy *p = random_policy(text, sizeof(text));

		for (k = 0; k < 400; k++) {
			struct policy_place a = random_place(p), b = random_place(p);
			uint16_t type = types[dice(6)];
			enum policy_verdict v =
				(enum policy_verdict)policy_frame(policy_rest(p), a, b, type)
					.verdict;

			if (v != naive(p, a, b, type))
				print_error("%s\nzones %u %u assets %u %u type %x\n", text, a.zone,
					    b.zone, a.asset, b.asset, type);
			assert_int_equal(v, naive(p, a, b, type));
			seen[v]++;
		}
		policy_free(p);
	}
	assert_true(seen[POLICY_ALLOW] > 1000 && seen[POLICY_SAME_ZONE] > 1000 &&
		    seen[POLICY_ETHERTYPE_DENIED] > 1000 && seen[POLICY_NO_CONDUIT] > 1000 &&
		    seen[POLICY_LAYER_SKIPPED] > 1000);
}

static void test_mistakes(void **state)
{
#define ZONE "zones:\n  a: {level: control, vlans: [5]}\n"
#define WITH ZONE "conduits:\n  - {id: x, from: a, to: a, allow: [ethertype: "
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ZONE "  b: {level: control, vlans: 1-9}\n", "VLAN 5 is already in zone \"a\""},
		{"zones:\n  a: {level: control, vlans: [0]}\n", "VLAN id 0 is no VLAN"},
		{"zones:\n  a: {level: control, vlans: [4095]}\n", "4095 is above 4094"},
		{WITH "profinett]}\n", "did you mean \"profinet\"?"},
		{WITH "0x0800]}\n", "IP is permitted by tcp"},
		{WITH "0x5ff]}\n", "frames with a length are llc"},
		{WITH "arp]}\n", "there is no \"arp\""},
		{WITH "0x88b8-0x88ba]}\n", "is no type to permit"},
		{WITH "{a: b}]}\n", "ethertype"},
	};
	struct diag diag;
	size_t i, k;
	bool told;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		diag = (struct diag){0};
		assert_null(
			policy_load_buffer("p.yaml", cases[i].text, strlen(cases[i].text), &diag));
		for (told = false, k = 0; k < diag.count; k++)
			told = told || strstr(diag.entry[k].text, cases[i].message);
		if (!told)
			diag_print(&diag, stderr);
		assert_true(told);
		diag_free(&diag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places), cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_words),  cmocka_unit_test(test_held),
		cmocka_unit_test(test_twin),   cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
