/* ICMP errors: what they are about, and which conversation they belong to. */
#include "flow/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* 10.0.0.1:40000 -> 10.0.0.2:502, as its receiver quotes it */
static const uint8_t v4[] = {0x45, 0, 0,  60, 0, 0, 0x40, 0,	64,   6,    0, 0, 10, 0,
			     0,	   1, 10, 0,  0, 2, 0x9c, 0x40, 0x01, 0xf6, 0, 0, 0,  7};
/* fd00::1 -> fd00::2, hop-by-hop options, first fragment, UDP 40000 -> 502 */
static const uint8_t v6[] = {0x60, 0, 0, 0, 0, 40, 0, 64, 0xfd, 0,    0,    0,	  0, 0, 0, 0,
			     0,	   0, 0, 0, 0, 0,  0, 1,  0xfd, 0,    0,    0,	  0, 0, 0, 0,
			     0,	   0, 0, 0, 0, 0,  0, 2,  44,	0,    0,    0,	  0, 0, 0, 0,
			     17,   0, 0, 1, 0, 0,  0, 9,  0x9c, 0x40, 0x01, 0xf6, 0, 8, 0, 0};

static struct packet error_of(uint8_t proto, uint8_t type, const uint8_t *quoted, uint32_t len)
{
	struct packet p = {.kind = PACKET_ICMP,
			   .ip_proto = proto,
			   .sport = (uint16_t)(type << 8),
			   .payload = quoted,
			   .payload_len = len,
			   .vlans = 1,
			   .vlan = {7}};

	addr_parse(proto == 1 ? "10.0.0.2" : "fd00::2", &p.src);
	addr_parse(proto == 1 ? "10.0.0.1" : "fd00::1", &p.dst);
	return p;
}

static bool is_addr(const struct addr *a, const char *text)
{
	struct addr b;

	return addr_parse(text, &b) && addr_eq(a, &b);
}

static void test_v4(void **state)
{
	struct packet p = error_of(1, 3, v4, sizeof(v4)), q;

	(void)state;
	assert_true(packet_quoted(&p, &q));
	assert_int_equal(q.kind, PACKET_TCP);
	assert_int_equal(q.ip_proto, 6);
	assert_true(is_addr(&q.src, "10.0.0.1"));
	assert_true(is_addr(&q.dst, "10.0.0.2"));
	assert_int_equal(q.sport, 40000);
	assert_int_equal(q.dport, 502);
	assert_int_equal(q.vlans, 1);
	assert_int_equal(q.vlan[0], 7);
}

static void test_v6(void **state)
{
	struct packet p = error_of(58, 2, v6, sizeof(v6)), q;

	(void)state;
	assert_true(packet_quoted(&p, &q));
	assert_int_equal(q.kind, PACKET_UDP);
	assert_true(is_addr(&q.src, "fd00::1"));
	assert_true(is_addr(&q.dst, "fd00::2"));
	assert_int_equal(q.sport, 40000);
	assert_int_equal(q.dport, 502);
}

static void test_icmp_in_icmp(void **state)
{
	uint8_t b[sizeof(v4)] = {0};
	struct packet p = error_of(1, 11, b, sizeof(b)), q;

	(void)state;
	memcpy(b, v4, sizeof(b));
	b[9] = 1;
	memcpy(b + 20, (const uint8_t[]){8, 0, 0, 0, 0x12, 0x34, 0, 1}, 8);
	assert_true(packet_quoted(&p, &q));
	assert_int_equal(q.kind, PACKET_ICMP);
	assert_int_equal(q.sport, 0x0800);
	assert_int_equal(q.dport, 0x1234);
}

/* However much is missing, nothing is read behind it, and nothing is made up. */
static void test_cut(void **state)
{
	uint32_t n;

	(void)state;
	for (n = 0; n < sizeof(v4); n++) {
		uint8_t *b = malloc(n + 1);
		struct packet p = error_of(1, 3, b, n), q;

		memcpy(b, v4, n);
		assert_false(packet_quoted(&p, &q));
		free(b);
	}
	for (n = 0; n < sizeof(v6); n++) {
		uint8_t *b = malloc(n + 1);
		struct packet p = error_of(58, 1, b, n), q;

		memcpy(b, v6, n);
		assert_false(packet_quoted(&p, &q));
		free(b);
	}
}

/* Byte `at` of the quoted packet, or the type, is another: nothing can be told from it. */
static void test_no_error(void **state)
{
	static const struct {
		uint8_t proto, type, at, value;
	} cases[] = {
		{1, 3, 0, 0x65},   /* another version */
		{1, 3, 0, 0x44},   /* header shorter than a header */
		{1, 3, 0, 0x4f},   /* options longer than what is quoted */
		{1, 3, 7, 1},	   /* a later fragment */
		{1, 3, 6, 0x21},   /* likewise */
		{1, 0, 8, 64},	   /* an echo reply quotes nothing */
		{1, 5, 8, 64},	   /* a redirect asks for something */
		{58, 1, 0, 0x45},  /* another version */
		{58, 1, 41, 9},	   /* options longer than what is quoted */
		{58, 1, 50, 1},	   /* a later fragment */
		{58, 128, 8, 0xfd} /* an echo request */
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t b[sizeof(v6)];
		uint32_t len = cases[i].proto == 1 ? sizeof(v4) : sizeof(v6);
		struct packet p = error_of(cases[i].proto, cases[i].type, b, len), q;

		memcpy(b, cases[i].proto == 1 ? v4 : v6, len);
		b[cases[i].at] = cases[i].value;
		assert_false(packet_quoted(&p, &q));
	}
}

/* --- which conversation it belongs to --- */

struct seen {
	unsigned asked, opened;
	bool takes;
};

static bool on_related(void *user, struct flow *f, const struct packet *p)
{
	struct seen *s = user;

	(void)p;
	assert_int_equal(f->ip_proto, 6);
	s->asked++;
	return s->takes;
}

static void on_opened(void *user, struct flow *f)
{
	((struct seen *)user)->opened += f->ip_proto == 1;
}

/* A SYN from 10.0.0.1, then the error; returns whether the tracker asked whose it is. */
static unsigned asked(const struct packet *error, struct seen *s)
{
	static const struct flow_handlers handlers = {.opened = on_opened, .related = on_related};
	struct flow_tracker *t = flow_tracker_new(NULL, &handlers, s);
	struct packet syn = {.kind = PACKET_TCP,
			     .ip_proto = 6,
			     .sport = 40000,
			     .dport = 502,
			     .tcp_flags = PACKET_TCP_SYN,
			     .vlans = 1,
			     .vlan = {7}};

	addr_parse("10.0.0.1", &syn.src);
	addr_parse("10.0.0.2", &syn.dst);
	flow_tracker_packet(t, &syn);
	flow_tracker_packet(t, error);
	assert_int_equal(flow_tracker_stats(t)->related, s->asked && s->takes);
	flow_tracker_flush(t);
	flow_tracker_free(t);
	return s->asked;
}

static void test_belongs(void **state)
{
	struct packet p = error_of(1, 3, v4, sizeof(v4));
	struct seen yes = {.takes = true}, no = {.takes = false};

	(void)state;
	assert_int_equal(asked(&p, &yes), 1);
	assert_int_equal(yes.opened, 0);
	assert_int_equal(asked(&p, &no), 1);
	assert_int_equal(no.opened, 1);
	/* a router on the way may send it */
	addr_parse("192.0.2.1", &p.src);
	yes = (struct seen){.takes = true};
	assert_int_equal(asked(&p, &yes), 1);
}

static void test_belongs_to_nobody(void **state)
{
	uint8_t b[sizeof(v4)] = {0};
	struct packet p = error_of(1, 3, b, sizeof(b));
	struct seen s = {.takes = true};

	(void)state;
	memcpy(b, v4, sizeof(b));
	b[23] ^= 1; /* another port */
	assert_int_equal(asked(&p, &s), 0);
	assert_int_equal(s.opened, 1);
	/* not to whom it was who sent it */
	memcpy(b, v4, sizeof(b));
	addr_parse("10.0.0.3", &p.dst);
	assert_int_equal(asked(&p, &s), 0);
	/* about an answer that was never given */
	memcpy(b + 12, (const uint8_t[]){10, 0, 0, 2, 10, 0, 0, 1, 0x01, 0xf6, 0x9c, 0x40}, 12);
	addr_parse("10.0.0.2", &p.dst);
	assert_int_equal(asked(&p, &s), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_icmp_in_icmp),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_error),
		cmocka_unit_test(test_belongs),
		cmocka_unit_test(test_belongs_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
