/* Values that other implementations of Community ID 1 give for these flows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sink/community_id.h"

struct vector {
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport;
	const char *id;
};

static const struct vector vectors[] = {
	{"1.2.3.4", "5.6.7.8", 6, 1122, 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
	{"128.232.110.120", "66.35.250.204", 6, 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{"66.35.250.204", "128.232.110.120", 6, 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	{"192.168.1.52", "8.8.8.8", 17, 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	{"192.168.0.89", "192.168.0.1", 1, 8 << 8, 7, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{"192.168.0.1", "192.168.0.89", 1, 0, 7, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	{"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 58, 135 << 8, 0,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	{"fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 58, 136 << 8, 0,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	{"192.168.170.8", "192.168.170.56", 132, 7, 80, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
	{"192.168.170.56", "192.168.170.8", 132, 80, 7, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
};

static void known_values(void **state)
{
	struct community_id *c = community_id_new();
	char id[COMMUNITY_ID_LEN];
	struct addr src, dst;
	size_t i;

	(void)state;
	assert_non_null(c);
	for (i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *v = &vectors[i];

		assert_true(addr_parse(v->src, &src) && addr_parse(v->dst, &dst));
		assert_string_equal(
			community_id_text(c, &src, &dst, v->proto, v->sport, v->dport, id), v->id);
	}
	community_id_free(c);
}

static void one_way_icmp_keeps_its_direction(void **state)
{
	struct community_id *c = community_id_new();
	char there[COMMUNITY_ID_LEN], back[COMMUNITY_ID_LEN];
	struct addr a, b;

	(void)state;
	assert_true(addr_parse("10.0.0.2", &a) && addr_parse("10.0.0.1", &b));
	community_id_text(c, &a, &b, 1, 3 << 8 | 1, 0, there);
	community_id_text(c, &b, &a, 1, 3 << 8 | 1, 0, back);
	assert_string_not_equal(there, back);
	community_id_free(c);
}

static void protocols_without_ports(void **state)
{
	struct community_id *c = community_id_new();
	char there[COMMUNITY_ID_LEN], back[COMMUNITY_ID_LEN];
	struct addr a, b;

	(void)state;
	assert_true(addr_parse("10.0.0.2", &a) && addr_parse("10.0.0.1", &b));
	community_id_text(c, &a, &b, 47, 0, 0, there);
	community_id_text(c, &b, &a, 47, 0, 0, back);
	assert_string_equal(there, back);
	community_id_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(one_way_icmp_keeps_its_direction),
		cmocka_unit_test(protocols_without_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
