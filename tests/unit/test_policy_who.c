/* Who is meant: groups and roles, and what devices are held to beside their conduits. */
#include "policy_base.h"
#include "policy_world.h"

#include <stdlib.h>

#define PLANT                                                                                      \
	"zones:\n"                                                                                 \
	"  field: {level: control, networks: [10.1.0.0/16], tenant: a}\n"                          \
	"  screens: {level: control-information, networks: [10.2.0.0/16]}\n"                       \
	"assets:\n"                                                                                \
	"  plc-1: {zone: field, address: 10.1.0.1, role: plc, vendor: Aki}\n"                      \
	"  plc-2: {zone: field, address: 10.1.0.2, role: plc, vendor: Ban, tenant: b}\n"           \
	"  drive-1: {zone: field, address: 10.1.0.3, role: drive, vendor: Aki}\n"                  \
	"  plc-3: {zone: screens, address: 10.2.0.3, role: plc}\n"                                 \
	"  hmi-1: {zone: screens, address: 10.2.0.1, role: hmi}\n"                                 \
	"  hmi-2: {zone: screens, address: 10.2.0.2, role: hmi}\n"

/* The servers that hmi-1 may reach with this under `to`, of plc-1, plc-2, drive-1, plc-3, hmi-2. */
static void reaches(const char *groups, const char *to, const char *expected)
{
	static const char *const server[] = {"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.2.0.3",
					     "10.2.0.2"};
	char text[4096], got[6] = "";
	struct policy *p;
	unsigned i;

	snprintf(text, sizeof(text),
		 "%s%sconduits:\n  - {id: c, from: hmi-1, to: %s, allow: [tcp: 80]}\n", PLANT,
		 groups, to);
	p = must(text, 0);
	for (i = 0; i < 5; i++)
		got[i] = flow_verdict(p, "10.2.0.1", server[i], 6, 80) == POLICY_ALLOW ? 'x' : '-';
	if (strcmp(got, expected) != 0)
		fail_msg("%s to %s: %s, not %s", groups, to, got, expected);
	policy_free(p);
}

static void groups_and_roles(void **state)
{
	(void)state;
	reaches("", "role:plc", "xx-x-");
	reaches("", "role:plc@field", "xx---");
	reaches("", "[role:drive, role:plc@screens, hmi-2]", "--xxx");
	reaches("groups: {g: [plc-1, hmi-2]}\n", "g", "x---x");
	reaches("groups: {g: [h, hmi-2], h: [role:drive]}\n", "[g]", "--x-x");
	reaches("groups: {g: {role: plc}}\n", "g", "xx-x-");
	reaches("groups: {g: {role: [plc, drive], zone: field, vendor: Aki}}\n", "g", "x-x--");
	reaches("groups: {g: {tenant: a}}\n", "g", "x-x--");
	reaches("groups: {g: {tenant: [b]}}\n", "g", "-x---");
	reaches("groups: {g: {zone: screens}}\n", "g", "---xx");
	reaches("groups: {g: [field]}\n", "g", "xxx--");
}

/* Whoever is meant twice is named once. */
static void once(void **state)
{
	struct policy *p =
		must(PLANT "groups: {g: [plc-1, h, plc-1], h: [plc-2, plc-1]}\n"
			   "conduits:\n"
			   "  - {id: c, from: [hmi-1, hmi-2, role:hmi], to: [plc-2, g, h, "
			   "role:plc@field], allow: [tcp: 80]}\n",
		     0);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	policy_explain(p, f);
	fclose(f);
	assert_non_null(strstr(text, "  g      plc-1, plc-2\n"));
	assert_non_null(strstr(text, "hmi-1, hmi-2, role hmi (hmi-1, hmi-2) may open conversations "
				     "with plc-2, group g (plc-1, plc-2), group h (plc-2, plc-1), "
				     "role plc@field (plc-1, plc-2)\n"));
	free(text);
	policy_free(p);
}

/* A template for many sites names groups that some of them leave empty. */
static void an_empty_group(void **state)
{
	struct policy *p = must(PLANT "groups: {cameras: {role: camera}}\n"
				      "conduits:\n"
				      "  - {id: c, from: cameras, to: field, allow: [tcp: 80]}\n",
				1);

	(void)state;
	assert_int_equal(flow_verdict(p, "10.2.0.1", "10.1.0.1", 6, 80), POLICY_NO_CONDUIT);
	policy_free(p);
}

/* Groups in groups in groups: no stack and no memory is spent on a hostile file. */
static void nested(void **state)
{
	enum { DEEP = 20000, SIZE = 1 << 21 };
	char *text = malloc(SIZE);
	struct diag diag = {0};
	size_t n = (size_t)snprintf(text, SIZE, "%sgroups:\n", PLANT);
	unsigned i;

	(void)state;
	for (i = 0; i < DEEP; i++)
		n += (size_t)snprintf(text + n, SIZE - n, "  g%u: [g%u]\n", i, i + 1);
	n += (size_t)snprintf(text + n, SIZE - n, "  g%u: [plc-1]\n", DEEP);
	assert_null(policy_load_buffer("p", text, n, &diag));
	assert_true(diag.errors > 0);
	assert_non_null(strstr(diag.entry[0].text, "nested more than 32 deep"));
	diag_free(&diag);
	free(text);
}

/* An asset whose id looks like a role is that asset. */
static void ids_before_roles(void **state)
{
	struct policy *p =
		must("zones:\n  a: {level: dmz, networks: [10.1.0.0/16]}\n"
		     "  b: {level: iot, networks: [10.2.0.0/16]}\n"
		     "assets:\n  \"role:x\": {zone: b, address: 10.2.0.1}\n"
		     "conduits:\n  - {id: c, from: a, to: \"role:x\", allow: [tcp: 80]}\n",
		     0);

	(void)state;
	assert_int_equal(flow_verdict(p, "10.1.0.9", "10.2.0.1", 6, 80), POLICY_ALLOW);
	policy_free(p);
}

static void facts(void **state)
{
	struct policy *p = must(
		"zones:\n"
		"  a: {level: iot, networks: [10.1.0.0/16], trust: minimal, uplink-only: true,\n"
		"      tenant: [x, y], criticality: {recovery: fatal, impact: limited}}\n"
		"assets:\n"
		"  cam: {zone: a, address: 10.1.0.1, owner: 保全課, vendor: V, model: M-1,\n"
		"        software: \"1.20\", serial: \"007\", trust: full, tenant: y, nat: true}\n",
		0);
	const struct policy_asset *cam = policy_asset_at(p, 0);
	const struct policy_zone *a = policy_zone_at(p, 0);

	(void)state;
	assert_int_equal(a->trust, TRUST_MINIMAL);
	assert_true(a->uplink_only);
	assert_int_equal(a->tenants, 3);
	assert_int_equal(a->recovery, RECOVERY_FATAL);
	assert_int_equal(a->impact, IMPACT_LIMITED);
	assert_string_equal(cam->owner, "保全課");
	assert_string_equal(cam->software, "1.20");
	assert_string_equal(cam->serial, "007");
	assert_int_equal(cam->trust, TRUST_FULL);
	assert_int_equal(cam->tenants, 2);
	assert_true(cam->nat);
	assert_string_equal(policy_tenant(p, 1), "y");
	assert_null(policy_tenant(p, 2));
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_and_roles), cmocka_unit_test(once),
		cmocka_unit_test(an_empty_group),   cmocka_unit_test(nested),
		cmocka_unit_test(ids_before_roles), cmocka_unit_test(facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
