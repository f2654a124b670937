#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct addr parse(const char *s)
{
	struct addr a;

	assert_true(addr_parse(s, &a));
	return a;
}

static void test_text(void **state)
{
	static const char *const good[] = {"0.0.0.0", "10.0.0.1", "255.255.255.255",  "::",
					   "::1",     "fd00::1",  "2001:db8::1:0:0:1"};
	static const char *const bad[] = {"",	       "10.0.0",    "10.0.0.256",
					  "10.0.0.1 ", "010.0.0.1", "fd00::1::2",
					  "fd00::g",   "plc-1",	    "10.0.0.1/8"};
	char buf[ADDR_STRLEN];
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		a = parse(good[i]);
		assert_string_equal(addr_str(&a, buf), good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(addr_parse(bad[i], &a));
	a = parse("2001:DB8:0:0:0:0:0:1"); /* RFC 5952, 4 */
	assert_string_equal(addr_str(&a, buf), "2001:db8::1");
}

static void test_kinds(void **state)
{
	struct addr a = parse("10.0.0.1"), b = addr_v4((const uint8_t[]){10, 0, 0, 1});
	struct addr c = parse("::ffff:10.0.0.1");

	(void)state;
	assert_true(addr_eq(&a, &b));
	assert_true(addr_eq(&a, &c)); /* one form for IPv4 */
	assert_true(addr_is_v4(&a));
	a = parse("::10.0.0.1");
	assert_false(addr_is_v4(&a));
	a = parse("224.0.0.1");
	assert_true(addr_is_multicast(&a));
	a = parse("239.255.255.255");
	assert_true(addr_is_multicast(&a));
	a = parse("240.0.0.1");
	assert_false(addr_is_multicast(&a));
	a = parse("ff02::1");
	assert_true(addr_is_multicast(&a));
	a = parse("fe80::1");
	assert_false(addr_is_multicast(&a));
	a = parse("255.255.255.255");
	assert_true(addr_is_broadcast(&a));
	a = parse("10.255.255.255");
	assert_false(addr_is_broadcast(&a));
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *text, *addr;
		unsigned bits;
	} good[] = {
		{"10.0.0.0/8", "10.0.0.0", 104},  {"10.1.2.3", "10.1.2.3", 128},
		{"10.1.2.3/32", "10.1.2.3", 128}, {"0.0.0.0/0", "0.0.0.0", 96},
		{"fd00::/64", "fd00::", 64},	  {"::/0", "::", 0},
		{"fd00::1", "fd00::1", 128},
	};
	static const char *const bad[] = {
		"10.0.0.0/33", "10.0.0.1/8",  "10.0.0.0/",
		"10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129",
		"fd00::1/64",  "/8",	      "10.0.0.0/99999999999999999999"};
	struct addr a, want;
	unsigned bits;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		want = parse(good[i].addr);
		assert_null(addr_parse_prefix(good[i].text, &a, &bits));
		assert_true(addr_eq(&a, &want));
		assert_int_equal(bits, good[i].bits);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(addr_parse_prefix(bad[i], &a, &bits));
}

static void test_mac(void **state)
{
	static const char *const bad[] = {"",
					  "00:80:f4:01:02",
					  "00:80:f4:01:02:03:04",
					  "00:80:f4:01:02:0g",
					  "0080f4010203",
					  "0:80:f4:1:2:3",
					  "00:80:f4:01:02:03 ",
					  "00:80:f4:01:02:3"};
	char buf[MAC_STRLEN];
	struct mac m;
	size_t i;

	(void)state;
	assert_true(mac_parse("00:80:f4:01:02:03", &m));
	assert_string_equal(mac_str(&m, buf), "00:80:f4:01:02:03");
	assert_true(mac_parse("00-80-F4-AB-cd-Ef", &m));
	assert_string_equal(mac_str(&m, buf), "00:80:f4:ab:cd:ef");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mac_parse(bad[i], &m));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_text),
	cmocka_unit_test(test_kinds),
	cmocka_unit_test(test_prefixes),
	cmocka_unit_test(test_mac),
};

int main(void)
{
	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
