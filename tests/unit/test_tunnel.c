/* Tunnels, and every sample of every layer cut at every length. */
#include "decoded.h"

static void assert_inner(const char *text, unsigned tunnels)
{
	assert_int_equal(out.tunnels, tunnels);
	assert_udp(text);
}

/* One kind of header around an Ethernet frame or an IP packet. */
struct wrap {
	const char *name;
	unsigned proto; /* IP protocol */
	unsigned port;	/* UDP port, else 0 */
	bool ethernet;	/* what is inside */
	uint32_t len;
	const char *header;
};

static const struct wrap wraps[] = {
	{"gre ipv4", 47, 0, false, 4, "\0\0\x08\0"},
	{"gre key", 47, 0, false, 8, "\x20\0\x08\0\0\0\0\1"},
	{"gre sequence and key", 47, 0, false, 12, "\x30\0\x08\0\0\0\0\1\0\0\0\2"},
	{"gre ethernet", 47, 0, true, 4, "\0\0\x65\x58"},
	{"erspan 1", 47, 0, true, 4, "\0\0\x88\xbe"},
	{"erspan 2", 47, 0, true, 16, "\x10\0\x88\xbe\0\0\0\1\x10\x0a\0\1\0\0\0\0"},
	{"erspan 3", 47, 0, true, 20, "\x10\0\x22\xeb\0\0\0\1\x20\0\0\1\0\0\0\0\0\0\0\0"},
	{"erspan 3 platform", 47, 0, true, 28,
	 "\x10\0\x22\xeb\0\0\0\1\x20\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0"},
	{"ip in ip", 4, 0, false, 0, ""},
	{"vxlan", 17, 4789, true, 8, "\x08\0\0\0\0\0\7\0"},
	{"geneve", 17, 6081, true, 12, "\1\0\x65\x58\0\0\1\0\0\0\0\0"},
	{"geneve ipv4", 17, 6081, false, 8, "\0\0\x08\0\0\0\1\0"},
	{"tzsp", 17, 37008, true, 8, "\1\0\0\1\0\x0a\1\5"}, /* padding, channel 5 */
	{"gtp-u", 17, 2152, false, 8, "\x30\xff\0\0\0\0\0\1"},
	{"gtp-u extension", 17, 2152, false, 16, "\x34\xff\0\0\0\0\0\1\0\0\0\x85\1\x10\1\0"},
};

#define WRAPS (sizeof(wraps) / sizeof(wraps[0]))

struct opened {
	uint32_t ip, udp;
};

static struct opened open_wrap(const struct wrap *w)
{
	struct opened o = {.ip = frame_ip4(&f, w->proto, 2, 0)};

	if (w->port)
		o.udp = frame_udp(&f, 50000, w->port);
	frame_put(&f, w->header, w->len);
	if (strcmp(w->name, "tzsp") == 0)
		frame_u8(&f, 1); /* end of the tags */
	if (w->ethernet)
		frame_eth(&f, 0x0800);
	return o;
}

static void close_wrap(const struct wrap *w, struct opened o)
{
	if (w->port)
		frame_udp_end(&f, o.ip, o.udp);
	frame_ip4_end(&f, o.ip);
}

static void nest(const struct wrap *const *w, unsigned n, const char *text)
{
	struct opened o[16];
	unsigned i;

	f.n = 0;
	frame_eth(&f, 0x0800);
	for (i = 0; i < n; i++)
		o[i] = open_wrap(w[i]);
	frame_ip4_udp(&f, text);
	while (i-- > 0)
		close_wrap(w[i], o[i]);
}

static void test_each(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < WRAPS; i++) {
		const struct wrap *w = &wraps[i];

		nest(&w, 1, w->name);
		decode(DLT_EN10MB);
		assert_inner(w->name, 1);
	}
	assert_int_equal(packet_decoder_stats(decoder)->tunnels, WRAPS);
	assert_int_equal(packet_decoder_stats(decoder)->checksum_bad, 0);
}

static void test_each_in_each(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < WRAPS; i++) {
		for (k = 0; k < WRAPS; k++) {
			const struct wrap *w[2] = {&wraps[i], &wraps[k]};

			nest(w, 2, "both");
			decode(DLT_EN10MB);
			assert_inner("both", 2);
		}
	}
}

static void test_depth(void **state)
{
	const struct wrap *w[5] = {&wraps[0], &wraps[8], &wraps[9], &wraps[4], &wraps[0]};

	(void)state;
	nest(w, 4, "deep");
	decode(DLT_EN10MB);
	assert_inner("deep", 4);
	nest(w, 5, "deep");
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_IP);
	assert_int_equal(out.ip_proto, 47);
	assert_int_equal(out.tunnels, 4);
	assert_int_equal(out.anomalies, 1);
	assert_int_equal(out.anomaly[0].kind, ANOMALY_TUNNEL_DEPTH);
	w[4] = &wraps[9];
	nest(w, 5, "deep");
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_UDP);
	assert_int_equal(out.dport, 4789);
	assert_int_equal(out.anomaly[0].kind, ANOMALY_TUNNEL_DEPTH);
}

static void test_inner_ethernet_replaces_outer(void **state)
{
	const struct wrap *w = &wraps[9];
	struct opened o;

	(void)state;
	frame_eth(&f, 0x8100);
	frame_vlan(&f, 5, 0x0800);
	o = open_wrap(w);
	frame_set16(&f, f.n - 2, 0x8100);
	frame_vlan(&f, 77, 0x8892);
	frame_str(&f, "pn");
	close_wrap(w, o);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_OTHER);
	assert_int_equal(out.ether_type, 0x8892);
	assert_int_equal(out.vlans, 1);
	assert_int_equal(out.vlan[0], 77);
	assert_int_equal(out.ip_proto, 0);
	assert_int_equal(out.sport, 0);
	assert_int_equal(out.src.b[15], 0);
	assert_int_equal(out.payload_len, 2);
}

/* A datagram to a tunnel's port that holds something else stays what it is. */
static void test_udp_that_is_no_tunnel(void **state)
{
	static const unsigned ports[] = {4789, 6081, 37008, 2152};
	static const struct {
		uint32_t len;
		const char *payload;
	} bodies[] = {
		{5, "hello"},
		{0, ""},
		{24, "\0\0\0\0\0\0\0\0\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45\0"},	/* no I bit */
		{24, "\x08\0\0\0\0\0\0\0\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45\0"}, /* IPv4 cut */
		{12, "\1\0\0\1\0\0\0\0\0\0\0\0"},
		{12, "\x30\xff\0\0\0\0\0\1\x45\0\0\x14"},
		{12, "\x34\xff\0\0\0\0\0\1\0\0\0\x85"},
		{12, "\0\0\x08\0\0\0\0\0\x11\x22\x33\x44"},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		for (k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
			uint32_t ip, at;

			f.n = 0;
			frame_eth(&f, 0x0800);
			ip = frame_ip4(&f, 17, 2, 0);
			at = frame_udp(&f, 1, ports[i]);
			frame_put(&f, bodies[k].payload, bodies[k].len);
			frame_udp_end(&f, ip, at);
			frame_ip4_end(&f, ip);
			decode(DLT_EN10MB);
			assert_int_equal(out.kind, PACKET_UDP);
			assert_int_equal(out.anomalies, 0);
			assert_int_equal(out.tunnels, 0);
			assert_int_equal(out.dport, ports[i]);
			assert_int_equal(out.src.b[15], 1);
			assert_int_equal(out.payload_len, bodies[k].len);
		}
	}
	assert_int_equal(packet_decoder_stats(decoder)->tunnels, 0);
	assert_int_equal(packet_decoder_stats(decoder)->bad, 0);
}

static void test_unknown_gre_is_payload(void **state)
{
	uint32_t ip;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 47, 2, 0);
	frame_put(&f, "\x30\x01\x88\x0b\0\0\0\0ppp", 11); /* version 1 (PPTP) */
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_IP);
	assert_int_equal(out.ip_proto, 47);
	assert_int_equal(out.anomalies, 0);
	assert_int_equal(out.payload_len, 11);
}

static void test_gre_checksum(void **state)
{
	uint32_t ip, gre;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 47, 2, 0);
	gre = f.n;
	frame_put(&f, "\x80\0\x08\0\0\0\0\0", 8);
	frame_ip4_udp(&f, "sum");
	frame_set16(&f, gre + 4, ~frame_sum(f.b + gre, f.n - gre, 0) & 0xffff);
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_inner("sum", 1);
	f.b[gre + 5] ^= 1;
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_UDP);
	assert_true(out.checksum_bad);
}

static void test_truncating_mirror(void **state)
{
	const struct wrap *w = &wraps[5];

	(void)state;
	nest(&w, 1, "0123456789");
	f.n -= 4;
	f.b[14 + 20 + 8 + 2] |= 4; /* T */
	frame_ip4_end(&f, 14);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_UDP);
	assert_int_equal(out.anomalies, 0);
	assert_false(out.checksum_bad);
	assert_int_equal(out.payload_len, 6);
	assert_int_equal(out.payload_missing, 4);
}

static void test_ipv6_in_ipv4(void **state)
{
	uint32_t ip, in, at;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 41, 2, 0);
	in = frame_ip6(&f, 17);
	at = frame_udp(&f, 1000, 2000);
	frame_str(&f, "6in4");
	frame_udp_end(&f, in, at);
	frame_ip6_end(&f, in);
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_inner("6in4", 1);
	assert_int_equal(out.ether_type, 0x86dd);
}

/* Every prefix, as cut by the capture and as sent, from memory that ends where it ends. */
static void cut_everywhere(void)
{
	uint32_t n;

	for (n = 0; n <= f.n; n++) {
		decode_cut(DLT_EN10MB, n, f.n);
		decode_cut(DLT_EN10MB, n, n);
	}
}

static void test_cut_everywhere(void **state)
{
	uint32_t ip, at, seed = 1;
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < WRAPS; i++) {
		const struct wrap *w[2] = {&wraps[i], &wraps[(i + 3) % WRAPS]};

		nest(w, 2, "payload");
		cut_everywhere();
		for (k = 0; k < 300; k++) { /* and with one byte spoiled */
			uint8_t *byte, kept;

			seed = seed * 1664525 + 1013904223;
			byte = &f.b[(seed >> 8) % f.n];
			kept = *byte;
			*byte = (uint8_t)(seed >> 24);
			decode(DLT_EN10MB);
			*byte = kept;
		}
	}
	f.n = 0;
	frame_eth(&f, 0x8100);
	frame_vlan(&f, 5, 0x86dd);
	ip = frame_ip6(&f, 0);
	frame_put(&f, "\x2c\0\5\2\0\0\0\0", 8);	       /* hop-by-hop */
	frame_put(&f, "\x33\0\0\0\0\0\0\7", 8);	       /* atomic fragment */
	frame_put(&f, "\6\4\0\0\0\0\0\1\0\0\0\1", 12); /* authentication */
	frame_zero(&f, 12);
	at = frame_tcp(&f, 1, 2, 3, 0x10);
	f.b[at + 12] = 0x60;
	frame_str(&f, "optspayload");
	frame_tcp_end(&f, ip, at);
	frame_ip6_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.payload_len, 7);
	cut_everywhere();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_each, setup, teardown),
	cmocka_unit_test_setup_teardown(test_each_in_each, setup, teardown),
	cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
	cmocka_unit_test_setup_teardown(test_inner_ethernet_replaces_outer, setup, teardown),
	cmocka_unit_test_setup_teardown(test_udp_that_is_no_tunnel, setup, teardown),
	cmocka_unit_test_setup_teardown(test_unknown_gre_is_payload, setup, teardown),
	cmocka_unit_test_setup_teardown(test_gre_checksum, setup, teardown),
	cmocka_unit_test_setup_teardown(test_truncating_mirror, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ipv6_in_ipv4, setup, teardown),
	cmocka_unit_test_setup_teardown(test_cut_everywhere, setup, teardown),
};

int main(void)
{
	return cmocka_run_group_tests_name("tunnel", tests, NULL, NULL);
}
