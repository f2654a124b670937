/* Hosts that speak: told once, told again a minute later, and no flood makes more of it. */
#include "detect/assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define BEGIN  (INT64_C(1795000000) * SECOND)

static struct assets *assets;
static struct asset_seen *seen;

static int begin(void **unused)
{
	(void)unused;
	assets = assets_new(7);
	seen = calloc(2 * ASSETS_MAX, sizeof(*seen));
	return assets && seen ? 0 : -1;
}

static int end(void **unused)
{
	(void)unused;
	assets_free(assets);
	free(seen);
	return 0;
}

static void packet(const char *src, const char *dst, const char *mac, int kind, int64_t time)
{
	struct packet p = {.kind = (uint8_t)kind,
			   .ip_proto = kind == PACKET_UDP ? 17 : 0,
			   .time = time,
			   .file = 1,
			   .has_mac = mac != NULL};

	if (src)
		assert_true(addr_parse(src, &p.src));
	if (dst)
		assert_true(addr_parse(dst, &p.dst));
	if (mac)
		assert_true(mac_parse(mac, &p.src_mac));
	assets_packet(assets, &p);
}

static struct endpoint plc = {.facts = 1, .fact = {{"vendor", "Acme"}}};

static const struct endpoint *device(const void *user, const struct addr *a)
{
	struct addr it;

	(void)user;
	return addr_parse("10.50.0.11", &it) && addr_eq(a, &it) ? &plc : NULL;
}

/* All that are due, the whole table round. */
static unsigned due(const struct policy *p)
{
	unsigned n = 0, i;

	for (i = 0; i < ASSETS_CALLS; i++)
		n += assets_take(assets, p, device, NULL, seen + n, 2 * ASSETS_MAX - n);
	return n;
}

static void a_host_is_told_once_a_minute(void **unused)
{
	unsigned i, told = 0;

	(void)unused;
	packet("10.50.0.11", "10.50.0.12", NULL, PACKET_UDP, BEGIN);
	assert_int_equal(due(NULL), 1);
	assert_true(seen->has_addr && !seen->has_mac);
	assert_int_equal(seen->first, BEGIN);
	assert_int_equal(seen->iface, 1);
	assert_int_equal(seen->facts, 1);
	assert_string_equal(seen->fact[0].value, "Acme");
	for (i = 1; i <= 600; i++) {
		packet("10.50.0.11", "10.50.0.12", NULL, PACKET_UDP, BEGIN + i * SECOND);
		told += due(NULL);
	}
	assert_int_equal(told, 10);
	assert_int_equal(seen->first, BEGIN);
	assert_int_equal(seen->last, BEGIN + 600 * SECOND);
	/* the clock was set back: it is told, and goes on */
	packet("10.50.0.11", "10.50.0.12", NULL, PACKET_UDP, BEGIN - 3600 * SECOND);
	assert_int_equal(due(NULL), 1);
}

static void who_is_no_host_is_not_told(void **unused)
{
	static const char *const none[] = {"0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
					   "ff02::1"};
	unsigned i;

	(void)unused;
	for (i = 0; i < sizeof(none) / sizeof(*none); i++)
		packet(none[i], "10.50.0.12", "02:00:00:00:00:01", PACKET_UDP, BEGIN);
	packet(NULL, NULL, "03:00:00:00:00:01", PACKET_OTHER, BEGIN);
	packet(NULL, NULL, NULL, PACKET_OTHER, BEGIN);
	packet("10.50.0.11", "10.50.0.12", NULL, PACKET_BAD, BEGIN);
	assert_int_equal(due(NULL), 0);
	packet(NULL, NULL, "02:00:00:00:00:01", PACKET_OTHER, BEGIN);
	packet("::1", "::2", NULL, PACKET_UDP, BEGIN);
	assert_int_equal(due(NULL), 2);
}

static const char text[] = "zones:\n"
			   "  a: {level: control, networks: [10.50.0.0/24]}\n"
			   "  b: {level: control, networks: [10.40.0.0/24]}\n"
			   "assets:\n"
			   "  plc-1: {zone: a, address: 10.50.0.11}\n";

/* By host: "10.50.0.11 02:..:11 a plc-1" */
static void has(unsigned n, const char *host, const char *mac, const char *zone, const char *asset)
{
	char buf[ADDR_STRLEN], m[MAC_STRLEN];
	unsigned i;

	for (i = 0; i < n; i++) {
		if (strcmp(addr_str(&seen[i].addr, buf), host) != 0)
			continue;
		assert_string_equal(seen[i].has_mac ? mac_str(&seen[i].mac, m) : "", mac);
		assert_string_equal(seen[i].zone, zone);
		assert_string_equal(seen[i].asset, asset);
		return;
	}
	fail_msg("%s is not told", host);
}

static void a_routers_mac_is_not_the_hosts(void **unused)
{
	struct diag diag = {.count = 0};
	struct policy *p = policy_load_buffer("test", text, sizeof(text) - 1, &diag);
	unsigned n;

	(void)unused;
	diag_print(&diag, stderr);
	diag_free(&diag);
	assert_non_null(p);
	packet("10.50.0.11", "10.50.0.12", "02:00:00:00:00:11", PACKET_UDP, BEGIN);
	packet("10.40.0.5", "10.50.0.12", "02:00:00:00:00:01", PACKET_UDP, BEGIN);
	packet("10.40.0.6", "10.40.0.1", "02:00:00:00:00:06", PACKET_ARP, BEGIN);
	packet("10.40.0.6", "10.50.0.12", "02:00:00:00:00:01", PACKET_UDP, BEGIN);
	packet("192.0.2.1", "10.50.0.12", "02:00:00:00:00:01", PACKET_UDP, BEGIN);
	n = due(p);
	assert_int_equal(n, 4);
	has(n, "10.50.0.11", "02:00:00:00:00:11", "a", "plc-1");
	has(n, "10.40.0.5", "", "b", "");
	has(n, "10.40.0.6", "02:00:00:00:00:06", "b", "");
	has(n, "192.0.2.1", "", "", "");
	policy_free(p);
}

static void a_flood_is_bounded(void **unused)
{
	char src[ADDR_STRLEN];
	unsigned i, told = 0;

	(void)unused;
	for (i = 0; i < 100000; i++) {
		snprintf(src, sizeof(src), "11.%u.%u.%u", i >> 16, i >> 8 & 0xff, i & 0xff);
		packet(src, "10.50.0.12", NULL, PACKET_UDP, BEGIN + i * INT64_C(100000));
		/* one that is really there speaks now and then */
		if (i % 100 == 0)
			packet("10.50.0.11", "10.50.0.12", NULL, PACKET_UDP,
			       BEGIN + i * INT64_C(100000));
		if (i % 1000 == 0)
			told += due(NULL);
	}
	assert_int_equal(told, ASSETS_NEW);
	packet("10.50.0.11", "10.50.0.12", NULL, PACKET_UDP, BEGIN + 61 * SECOND);
	told = due(NULL);
	assert_in_range(told, 1, ASSETS_NEW + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_is_told_once_a_minute),
		TEST(who_is_no_host_is_not_told),
		TEST(a_routers_mac_is_not_the_hosts),
		TEST(a_flood_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
