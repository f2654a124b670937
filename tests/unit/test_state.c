/* What is kept: quarantine and its log, assets, an older file, what was changed past kidoban. */
#include "state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define HOUR (INT64_C(3600) * 1000000000)
#define NOW  (INT64_C(1795000000) * 1000000000)

static char path[64];

static int begin(void **unused)
{
	(void)unused;
	snprintf(path, sizeof(path), "/tmp/kidoban-state-%d.db", (int)getpid());
	unlink(path);
	return 0;
}

static int end(void **unused)
{
	(void)unused;
	unlink(path);
	return 0;
}

static struct state *opened(enum state_access access)
{
	char err[320] = "";
	struct state *s = state_open(path, access, err, sizeof(err));

	if (!s)
		print_error("%s\n", err);
	assert_non_null(s);
	return s;
}

static struct state_actor at(int64_t time)
{
	return (struct state_actor){.time = time, .os_user = "root (login tanaka)"};
}

static int64_t isolate(struct state *s, const char *host, int64_t from, int64_t until)
{
	const struct state_actor who = at(from);
	const struct state_quarantine q = {
		.host = host, .from = from, .until = until, .by = "tanaka", .reason = "scans"};
	int64_t id = 0;

	if (!state_isolate(s, &who, &q, &id))
		fail_msg("%s", state_error(s));
	return id;
}

struct seen {
	unsigned count;
	struct state_quarantine last;
	char host[64], by[64], reason[64], os_user[64];
};

static void see(void *user, const struct state_quarantine *q)
{
	struct seen *x = user;

	x->count++;
	x->last = *q;
	snprintf(x->host, sizeof(x->host), "%s", q->host);
	snprintf(x->by, sizeof(x->by), "%s", q->by);
	snprintf(x->reason, sizeof(x->reason), "%s", q->reason);
	snprintf(x->os_user, sizeof(x->os_user), "%s", q->os_user);
}

static void add_what(void *user, const struct state_entry *e)
{
	char *words = user;
	size_t len = strlen(words);

	assert_true(e->intact);
	snprintf(words + len, 400 - len, "%s:%lld:%s:%s ", e->what, (long long)e->grant_id,
		 e->conduit, e->approver);
}

static void check_good(struct state *s)
{
	if (!state_check(s))
		fail_msg("%s", state_error(s));
}

static void hosts_are_isolated_and_released(void **unused)
{
	struct state *s = opened(STATE_CREATE);
	struct state_actor who = at(NOW + 1);
	struct seen x = {.count = 0};
	char log[400] = "";
	unsigned count;

	(void)unused;
	assert_int_equal(isolate(s, "10.50.0.9", NOW, NOW + HOUR), 1);
	assert_int_equal(isolate(s, "00:80:f4:01:02:03", NOW, NOW + HOUR), 2);
	assert_int_equal(isolate(s, "10.50.0.9", NOW, NOW + 2 * HOUR), 3);
	assert_true(state_release(s, &who, 0, "10.50.0.9", "cleaned", &count, see, &x));
	assert_int_equal(count, 2);
	assert_int_equal(x.count, 2);
	assert_true(state_release(s, &who, 0, "10.50.0.9", "again", &count, NULL, NULL));
	assert_int_equal(count, 0);
	state_close(s);

	s = opened(STATE_WRITE);
	x.count = 0;
	assert_true(state_quarantines(s, see, &x));
	assert_int_equal(x.count, 3);
	assert_string_equal(x.host, "10.50.0.9");
	assert_string_equal(x.by, "tanaka");
	assert_string_equal(x.reason, "scans");
	assert_string_equal(x.os_user, "root (login tanaka)");
	assert_int_equal(state_isolated_until(&x.last), NOW + 1);
	who = at(NOW + 3 * HOUR);
	assert_true(state_expire(s, &who));
	assert_true(state_expire(s, &who));
	assert_true(state_log(s, add_what, log));
	assert_string_equal(log,
			    "quarantine:1:10.50.0.9:tanaka quarantine:2:00:80:f4:01:02:03:tanaka "
			    "quarantine:3:10.50.0.9:tanaka release:1:10.50.0.9:tanaka "
			    "release:3:10.50.0.9:tanaka over:2:00:80:f4:01:02:03:tanaka ");
	check_good(s);
	state_close(s);
}

static void past_kidoban(const char *sql)
{
	sqlite3 *db;
	char *err = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
	sqlite3_close(db);
}

/* Whoever can write the file may let a host loose, but not unseen. */
static void changes_past_kidoban_show(void **unused)
{
	static const char *const changes[] = {
		"UPDATE quarantine SET released=5 WHERE id=1",
		"UPDATE quarantine SET ends=ends-1000000000 WHERE id=1",
		"UPDATE quarantine SET host='10.50.0.8' WHERE id=1",
		"UPDATE quarantine SET reason='none' WHERE id=1",
		"UPDATE quarantine SET wanted_by='sato' WHERE id=1",
		"UPDATE quarantine SET os_user='sato' WHERE id=1",
		"DROP TRIGGER quarantines_are_never_deleted; DELETE FROM quarantine WHERE id=1",
		"INSERT INTO quarantine SELECT 7,host,1,2,0,1,'x','x','x',0 FROM quarantine",
		"DROP TRIGGER log_is_never_deleted; DELETE FROM log WHERE seq=1",
		"DROP TRIGGER log_is_never_changed; UPDATE log SET conduit='10.50.0.8'",
	};
	unsigned i;

	(void)unused;
	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct state *s;

		unlink(path);
		s = opened(STATE_CREATE);
		isolate(s, "10.50.0.9", NOW, NOW + HOUR);
		check_good(s);
		state_close(s);
		past_kidoban(changes[i]);
		s = opened(STATE_READ);
		if (state_check(s))
			fail_msg("not noticed: %s", changes[i]);
		state_close(s);
	}
}

static void deleting_is_refused(void **unused)
{
	struct state *s = opened(STATE_CREATE);
	sqlite3 *db;

	(void)unused;
	isolate(s, "10.50.0.9", NOW, NOW + HOUR);
	state_close(s);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_not_equal(sqlite3_exec(db, "DELETE FROM quarantine", NULL, NULL, NULL),
			     SQLITE_OK);
	sqlite3_close(db);
}

static const struct state_grant work = {.conduit = "work",
					.from = NOW,
					.until = NOW + HOUR,
					.approver = "sato",
					.reason = "pump 3",
					.permits = "modbus write"};

/* Version 1 is version 2 without what is new. */
static void an_older_file_is_taken_over(void **unused)
{
	struct state_actor who = at(NOW);
	struct state *s = opened(STATE_CREATE);
	struct seen x = {.count = 0};
	int64_t id;
	char err[320];

	(void)unused;
	assert_true(state_grant(s, &who, &work, &id));
	state_close(s);
	past_kidoban("DROP TABLE facts; DROP TABLE assets; DROP TABLE stubborn; DROP TABLE "
		     "quarantine; PRAGMA user_version=1");
	s = opened(STATE_READ);
	assert_true(state_quarantines(s, see, &x));
	assert_true(state_check(s));
	state_close(s);
	s = opened(STATE_WRITE);
	check_good(s);
	assert_int_equal(isolate(s, "10.50.0.9", NOW, NOW + HOUR), 1);
	assert_true(state_quarantines(s, see, &x));
	assert_int_equal(x.count, 1);
	check_good(s);
	state_close(s);
	past_kidoban("PRAGMA user_version=3");
	assert_null(state_open(path, STATE_WRITE, err, sizeof(err)));
	assert_non_null(strstr(err, "version 3"));
}

struct assets {
	unsigned count, facts;
	char text[400];
};

static void see_asset(void *user, const struct state_asset *a)
{
	struct assets *x = user;
	size_t len = strlen(x->text);
	unsigned i;

	x->count++;
	x->facts += a->facts;
	if (len > sizeof(x->text) - 200)
		return;
	len += (size_t)snprintf(x->text + len, sizeof(x->text) - len, "%s|%s|%s|%s|%s|%lld|%lld",
				a->host, a->mac, a->zone, a->asset, a->iface, (long long)a->first,
				(long long)a->last);
	for (i = 0; i < a->facts; i++)
		len += (size_t)snprintf(x->text + len, sizeof(x->text) - len, "|%s=%s",
					a->fact[i].key, a->fact[i].value);
	snprintf(x->text + len, sizeof(x->text) - len, "\n");
}

static void assets_grow_by_what_is_seen(void **unused)
{
	struct state *s = opened(STATE_CREATE);
	struct state_asset list[] = {
		{.host = "10.0.0.1",
		 .mac = "00:80:f4:01:02:03",
		 .zone = "control",
		 .asset = "plc-1",
		 .iface = "eth1",
		 .first = 100,
		 .last = 200,
		 .fact = {{"vendor", "Acme"}, {"product-name", "X1"}},
		 .facts = 2},
		{.host = "00:80:f4:01:02:04", .mac = "", .zone = "", .asset = "", .iface = ""},
	};
	struct state_asset later = {.host = "10.0.0.1",
				    .mac = "",
				    .zone = "field",
				    .asset = "",
				    .iface = "",
				    .first = 150,
				    .last = 150,
				    .fact = {{"vendor", "Ajax"}},
				    .facts = 1};
	struct assets x = {.count = 0};

	(void)unused;
	assert_true(state_assets_seen(s, list, 2));
	assert_true(state_assets_seen(s, &later, 1));
	assert_true(state_assets(s, see_asset, &x));
	assert_string_equal(x.text,
			    "00:80:f4:01:02:04|||||0|0\n10.0.0.1|00:80:f4:01:02:03|field||eth1|"
			    "100|200|product-name=X1|vendor=Ajax\n");
	check_good(s);
	state_close(s);
}

static void a_flood_of_hosts_finds_an_end(void **unused)
{
	struct state *s = opened(STATE_CREATE);
	const uint32_t n = STATE_ASSETS + 100;
	struct state_asset *list = calloc(n, sizeof(*list));
	char(*name)[24] = calloc(n, sizeof(*name));
	struct assets x = {.count = 0};
	uint32_t i;

	(void)unused;
	assert_non_null(list);
	assert_non_null(name);
	for (i = 0; i < n; i++) {
		snprintf(name[i], sizeof(name[i]), "h%06u", i);
		list[i] = (struct state_asset){.host = name[i],
					       .mac = "",
					       .zone = "",
					       .asset = i == 0 ? "plc-1" : "",
					       .iface = "",
					       .first = i,
					       .last = i,
					       .fact = {{"vendor", "Acme"}},
					       .facts = 1};
	}
	assert_true(state_assets_seen(s, list, n));
	assert_true(state_assets(s, see_asset, &x));
	assert_int_equal(x.count, STATE_ASSETS);
	assert_int_equal(x.facts, STATE_ASSETS);
	assert_memory_equal(x.text, "h000000|", 8); /* listed: it stays */
	assert_non_null(strstr(x.text, "\nh000101|"));
	state_close(s);
	free(list);
	free(name);
}

static void see_stubborn(void *user, const struct state_stubborn *d)
{
	char *text = user;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%s %u %lld\n", d->host, d->port, (long long)d->since);
}

static void stubborn_devices_are_remembered(void **unused)
{
	struct state *s = opened(STATE_CREATE);
	const struct state_stubborn d[] = {
		{"10.0.0.1", 502, 5}, {"10.0.0.1", 44818, 6}, {"10.0.0.1", 502, 9}};
	char text[200] = "";
	unsigned i;

	(void)unused;
	for (i = 0; i < 3; i++)
		assert_true(state_stubborn_found(s, &d[i]));
	assert_true(state_stubborn(s, see_stubborn, text));
	assert_string_equal(text, "10.0.0.1 502 5\n10.0.0.1 44818 6\n");
	state_close(s);
}

static void what_others_change_is_noticed(void **unused)
{
	struct state *s = opened(STATE_CREATE), *other;
	int64_t before = state_foreign(s);

	(void)unused;
	isolate(s, "10.0.0.1", NOW, NOW + HOUR);
	assert_int_equal(state_foreign(s), before);
	other = opened(STATE_WRITE);
	isolate(other, "10.0.0.2", NOW, NOW + HOUR);
	assert_int_not_equal(state_foreign(s), before);
	state_close(other);
	state_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hosts_are_isolated_and_released),
		TEST(changes_past_kidoban_show),
		TEST(deleting_is_refused),
		TEST(an_older_file_is_taken_over),
		TEST(assets_grow_by_what_is_seen),
		TEST(a_flood_of_hosts_finds_an_end),
		TEST(stubborn_devices_are_remembered),
		TEST(what_others_change_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
