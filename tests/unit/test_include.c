/* Several files make one policy, and variables make one template serve many sites. */
#include "policy/now.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/kidoban-include-XXXXXX";

static const char *path(const char *name)
{
	static char buf[2][512];
	static unsigned turn;

	turn = !turn;
	snprintf(buf[turn], sizeof(buf[turn]), "%s/%s", dir, name);
	return buf[turn];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static struct policy *load(const char *name, struct diag *diag)
{
	*diag = (struct diag){.count = 0};
	return policy_load(path(name), diag);
}

/* The policy loads without a word. */
static struct policy *good(const char *name)
{
	struct diag diag;
	struct policy *p = load(name, &diag);

	diag_print(&diag, stderr);
	assert_int_equal(diag.count, 0);
	assert_non_null(p);
	return p;
}

/* The first mistake is "file:line:col: text...". */
static void bad(const char *name, const char *file, int line, int col, const char *text)
{
	struct diag diag;
	struct policy *p = load(name, &diag);

	assert_null(p);
	assert_true(diag.errors > 0);
	if (strcmp(diag.entry[0].file, path(file)) != 0 || diag.entry[0].line != line ||
	    diag.entry[0].col != col || !strstr(diag.entry[0].text, text)) {
		diag_print(&diag, stderr);
		fail();
	}
	diag_free(&diag);
}

static struct policy_place place(const struct policy *p, const char *address)
{
	struct addr a;

	assert_true(addr_parse(address, &a));
	return policy_place(p, &a, NULL);
}

static const char cell[] = "variables: {net: 10.50.0, cell: a}\n"
			   "zones:\n"
			   "  cell-${cell}: {level: control, networks: [\"${net}.0/24\"]}\n"
			   "assets:\n"
			   "  plc-${cell}: {zone: \"cell-${cell}\", address: \"${net}.11\"}\n"
			   "  hmi-${cell}: {zone: \"cell-${cell}\", address: \"${net}.5\"}\n"
			   "conduits:\n"
			   "  - id: screens-${cell}\n"
			   "    from: hmi-${cell}\n"
			   "    to: plc-${cell}\n"
			   "    allow: [{modbus: {do: read}}]\n";

static void one_template_serves_two_sites(void **state)
{
	struct policy *p;

	(void)state;
	put("cell.yaml", cell);
	put("a.yaml", "site: a\ninclude: cell.yaml\n");
	put("b.yaml", "site: b\nvariables: {net: 10.77.3}\ninclude: [cell.yaml]\n");
	p = good("a.yaml");
	assert_string_equal(policy_asset_at(p, place(p, "10.50.0.11").asset)->id, "plc-a");
	policy_free(p);
	p = good("b.yaml");
	assert_string_equal(policy_asset_at(p, place(p, "10.77.3.11").asset)->id, "plc-a");
	assert_int_equal(place(p, "10.50.0.11").zone, POLICY_NONE);
	assert_string_equal(policy_conduit_at(p, 0)->file, path("cell.yaml"));
	assert_int_equal(policy_conduit_at(p, 0)->line, 8);
	policy_free(p);
}

static void one_template_stands_twice_in_a_site(void **state)
{
	struct policy *p;

	(void)state;
	put("cell.yaml", cell);
	put("two.yaml", "include:\n"
			"  - {file: cell.yaml, variables: {cell: a, net: 10.50.1}}\n"
			"  - {file: cell.yaml, variables: {cell: b, net: 10.50.2}}\n"
			"conduits:\n"
			"  - {id: between, from: cell-a, to: cell-b, allow: [{icmp: echo}]}\n");
	p = good("two.yaml");
	assert_int_equal(policy_assets(p), 4);
	assert_string_equal(policy_asset_at(p, place(p, "10.50.2.11").asset)->id, "plc-b");
	assert_string_equal(policy_conduit_at(p, 2)->id, "between");
	policy_free(p);
}

static void included_files_lend_their_variables(void **state)
{
	struct policy *p;

	(void)state;
	put("names.yaml", "variables:\n  nets: [10.1.0.0/16, 10.2.0.0/16]\n  host: 10.1.0.9\n"
			  "  url: $${host}\n");
	put("uses.yaml",
	    "include: names.yaml\n"
	    "zones:\n  plant: {level: control, networks: \"${nets}\", title: \"${url}\"}\n"
	    "assets:\n  plc-1: {zone: plant, address: \"${host}\"}\n");
	p = good("uses.yaml");
	assert_string_equal(policy_zone_at(p, place(p, "10.2.3.4").zone)->id, "plant");
	assert_string_equal(policy_zone_at(p, 0)->title, "${host}");
	assert_string_equal(policy_asset_at(p, place(p, "10.1.0.9").asset)->id, "plc-1");
	policy_free(p);
}

static void the_including_file_decides(void **state)
{
	struct policy *p;

	(void)state;
	put("base.yaml",
	    "mode: enforce\ndefault: allow\nzones:\n  z: {level: dmz, networks: [any]}\n");
	put("top.yaml", "mode: detect\ninclude: [base.yaml]\n");
	p = good("top.yaml");
	assert_int_equal(policy_mode(p), MODE_DETECT);
	policy_free(p);
}

/* Nothing that one file says is lost, or means something else, because of the other. */
static void no_file_undoes_another(void **state)
{
	struct policy *p;

	(void)state;
	put("base.yaml", "trust-tiers: {minimal: [discover], known: [read]}\naddresses: 1-based\n"
			 "zones:\n  z: {level: dmz, networks: [any]}\n"
			 "conduits: [{id: a, from: z, to: z, allow: [{tcp: 1}]}]\n");
	put("t1.yaml", "include: base.yaml\ntrust-tiers: {known: any}\nconduits:\n");
	p = good("t1.yaml");
	assert_int_equal(policy_tier(p, TRUST_MINIMAL), 1u << OP_DISCOVER | 1u << OP_SESSION);
	assert_int_equal(policy_tier(p, TRUST_KNOWN), UINT16_MAX);
	assert_int_equal(policy_conduit_find(p, "a"), 0);
	policy_free(p);
	put("t2.yaml", "include: base.yaml\naddresses: 1-based\n");
	policy_free(good("t2.yaml"));
	put("t3.yaml", "include: base.yaml\naddresses: 0-based\n");
	bad("t3.yaml", "t3.yaml", 2, 12, "addresses are written otherwise in ");
	put("list.yaml", "conduits: {a: b}\nzones: {z: {level: dmz, networks: [any]}}\n");
	put("t4.yaml", "include: list.yaml\nconduits: []\n");
	bad("t4.yaml", "t4.yaml", 2, 11, "conduits is a list here and a map in ");
}

/* A key that a variable makes may not be there twice either. */
static void keys_of_variables_are_said_once(void **state)
{
	(void)state;
	put("k1.yaml", "variables: {b: until}\nzones: {z: {level: dmz, networks: [any]}}\n"
		       "conduits:\n  - id: x\n    from: z\n    to: z\n    allow: []\n"
		       "    when: {until: 2020-01-01, \"${b}\": 2099-01-01}\n");
	bad("k1.yaml", "k1.yaml", 8, 31, "\"until\" is already in ");
}

static void mistakes_are_told_where_they_stand(void **state)
{
	(void)state;
	put("zone.yaml", "zones:\n  z: {level: dmz, networks: [10.0.0.0/8]}\n");
	put("typo.yaml", "zones:\n  z: {level: dmz, netwroks: [10.0.0.0/8]}\n");
	put("m1.yaml", "include: [typo.yaml]\n");
	bad("m1.yaml", "typo.yaml", 2, 19, "did you mean \"networks\"");
	put("m2.yaml", "include: [zone.yaml]\nzones:\n  z: {level: dmz, networks: [11.0.0.0/8]}\n");
	bad("m2.yaml", "m2.yaml", 3, 3, "\"z\" is already in ");
	put("m3.yaml", "include: [zone.yaml]\nassets:\n  z: {zone: z, address: 10.0.0.1}\n");
	bad("m3.yaml", "m3.yaml", 3, 3, "zone.yaml line 2");
	put("m4.yaml", "include: [absent.yaml]\n");
	bad("m4.yaml", "absent.yaml", 0, 0, "cannot be read");
	put("m5.yaml", "zones:\n  z: {level: dmz, networks: [\"${no}/8\"]}\n");
	bad("m5.yaml", "m5.yaml", 2, 30, "there is no variable \"no\"");
	put("m6.yaml", "zones:\n  z: {level: dmz, title: \"${open\", networks: [any]}\n");
	bad("m6.yaml", "m6.yaml", 2, 26, "a variable is written ${name}");
	put("m7.yaml", "variables: {n: [1]}\nzones:\n  z: {level: dmz, networks: [\"1${n}\"]}\n");
	bad("m7.yaml", "m7.yaml", 3, 30, "it must stand alone");
	put("m8.yaml", "include: [{fil: zone.yaml}]\n");
	bad("m8.yaml", "m8.yaml", 1, 12, "unknown key \"fil\"");
}

static void circles_and_floods_end(void **state)
{
	static const char flood[] = "variables:\n  a: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n";
	char text[8192], *at = text;
	int i;

	(void)state;
	put("c1.yaml", "include: [c2.yaml]\n");
	put("c2.yaml", "include: [c1.yaml]\n");
	bad("c1.yaml", "c2.yaml", 1, 11, "includes itself");
	at += snprintf(at, sizeof(text), "%s", flood);
	for (i = 0; i < 20; i++)
		at += snprintf(at, sizeof(text) - (size_t)(at - text),
			       "  %c: \"${%c}${%c}${%c}${%c}\"\n", 'b' + i, 'a' + i, 'a' + i,
			       'a' + i, 'a' + i);
	snprintf(at, sizeof(text) - (size_t)(at - text), "zones: {}\n");
	put("flood.yaml", text);
	bad("flood.yaml", "flood.yaml", 12, 6, "variables make more than");
}

/* The examples of the reference that are several files. */
static void reference(void **state)
{
	static char text[1 << 18];
	char name[64], *block = text, *end;
	FILE *f = fopen("zones/README.md", "r");
	struct policy *p;
	unsigned files = 0;

	(void)state;
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	while ((block = strstr(block, "```yaml\n# file: "))) {
		block += strlen("```yaml\n");
		end = strstr(block, "```");
		assert_non_null(end);
		*end = '\0';
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(block + 8, " \n"), block + 8);
		put(name, block);
		block = end + 1;
		files++;
	}
	assert_int_equal(files, 4);
	p = good("site.yaml");
	assert_int_equal(policy_assets(p), 4);
	assert_string_equal(policy_zone_at(p, place(p, "10.41.0.9").zone)->id, "office");
	policy_free(p);
	p = good("lights.yaml"); /* what `import mud` wrote, see Import */
	assert_string_equal(policy_conduit_at(p, 0)->permits, "tcp 443");
	policy_free(p);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	(void)state;
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlink(path(e->d_name));
	if (d)
		closedir(d);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_template_serves_two_sites),
		cmocka_unit_test(one_template_stands_twice_in_a_site),
		cmocka_unit_test(included_files_lend_their_variables),
		cmocka_unit_test(the_including_file_decides),
		cmocka_unit_test(no_file_undoes_another),
		cmocka_unit_test(keys_of_variables_are_said_once),
		cmocka_unit_test(mistakes_are_told_where_they_stand),
		cmocka_unit_test(circles_and_floods_end),
		cmocka_unit_test(reference),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
