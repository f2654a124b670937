#include "packet/checksum.h"

#include "decoded.h"

static void assert_anomaly(enum anomaly_kind kind)
{
	assert_int_equal(out.anomalies, 1);
	assert_int_equal(out.anomaly[0].kind, kind);
	assert_int_equal(out.anomaly[0].frame, 9);
	assert_int_equal(out.anomaly[0].time, 5000);
	assert_non_null(out.anomaly[0].proto);
	assert_non_null(out.anomaly[0].reason);
}

static void test_tcp(void **state)
{
	char a[ADDR_STRLEN], m[MAC_STRLEN];

	(void)state;
	frame_eth(&f, 0x0800);
	frame_ip4_tcp(&f, "ab");
	frame_zero(&f, 4); /* Ethernet padding */
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.anomalies, 0);
	assert_int_equal(out.ip_proto, 6);
	assert_int_equal(out.ttl, 64);
	assert_int_equal(out.ip_id, 1);
	assert_int_equal(out.tunnels, 0);
	assert_int_equal(out.ether_type, 0x0800);
	assert_int_equal(out.vlans, 0);
	assert_true(out.has_mac);
	assert_string_equal(mac_str(&out.src_mac, m), "02:00:00:00:00:01");
	assert_string_equal(mac_str(&out.dst_mac, m), "02:00:00:00:00:02");
	assert_string_equal(addr_str(&out.src, a), "10.0.0.1");
	assert_string_equal(addr_str(&out.dst, a), "10.0.0.2");
	assert_int_equal(out.sport, 1000);
	assert_int_equal(out.dport, 502);
	assert_int_equal(out.seq, 7);
	assert_int_equal(out.ack, 0x01020304);
	assert_int_equal(out.window, 0x2000);
	assert_int_equal(out.tcp_flags, 0x18);
	assert_false(out.checksum_bad);
	assert_payload("ab");
}

static void test_tcp_options(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 6, 1, 0);
	at = frame_tcp(&f, 1, 2, 3, PACKET_TCP_ACK);
	f.b[at + 12] = 0x80;
	frame_zero(&f, 12);
	frame_str(&f, "xyz");
	frame_tcp_end(&f, ip, at);
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_payload("xyz");

	decode_cut(DLT_EN10MB, at + 24, f.n); /* cut in the options */
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.anomalies, 0);
	assert_int_equal(out.payload_len, 0);
	assert_int_equal(out.payload_missing, 3);

	decode_cut(DLT_EN10MB, at + 19, f.n); /* cut in the header */
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_TRUNCATED);

	f.b[at + 12] = 0xf0; /* longer than the segment */
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);
	assert_int_equal(out.anomaly[0].value, 60);

	f.b[at + 12] = 0x40;
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
}

static void test_vlans(void **state)
{
	(void)state;
	frame_eth(&f, 0x88a8);
	frame_vlan(&f, 0x6000 | 10, 0x8100);
	frame_vlan(&f, 20, 0x9100);
	frame_vlan(&f, 30, 0x0800);
	frame_ip4_udp(&f, "v");
	decode(DLT_EN10MB);
	assert_udp("v");
	assert_int_equal(out.vlans, 2);
	assert_int_equal(out.vlan[0], 10);
	assert_int_equal(out.vlan[1], 20);
	assert_int_equal(out.ether_type, 0x0800);
}

static void test_priority_tag_is_no_vlan(void **state)
{
	(void)state;
	frame_eth(&f, 0x8100);
	frame_vlan(&f, 0xc000, 0x8892);
	frame_str(&f, "pn");
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_OTHER);
	assert_int_equal(out.ether_type, 0x8892);
	assert_int_equal(out.vlans, 0);
	assert_payload("pn");
}

static void test_too_many_tags(void **state)
{
	int i;

	(void)state;
	frame_eth(&f, 0x8100);
	for (i = 0; i < 12; i++)
		frame_vlan(&f, 7, 0x8100);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);
}

static void test_snap_and_llc(void **state)
{
	uint32_t at;

	(void)state;
	frame_eth(&f, 0);
	at = f.n;
	frame_put(&f, "\xaa\xaa\x03\0\0\0\x08\0", 8);
	frame_ip4_udp(&f, "snap");
	frame_set16(&f, 12, f.n - at);
	frame_zero(&f, 9);
	decode(DLT_EN10MB);
	assert_udp("snap");
	assert_int_equal(out.ether_type, 0x0800);

	f.n = 0; /* spanning tree: LLC, and padding */
	frame_eth(&f, 7);
	frame_put(&f, "\x42\x42\x03stp.", 7);
	frame_zero(&f, 39);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_OTHER);
	assert_int_equal(out.ether_type, 7);
	assert_payload("\x42\x42\x03stp.");
}

static void test_arp(void **state)
{
	char a[ADDR_STRLEN], m[MAC_STRLEN];

	(void)state;
	frame_eth(&f, 0x0806);
	frame_put(&f, "\0\1\x08\0\6\4\0\1", 8);
	frame_put(&f, "\2\0\0\0\0\x11\x0a\0\0\x05", 10);
	frame_put(&f, "\0\0\0\0\0\0\x0a\0\0\x06", 10);
	frame_zero(&f, 18);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_ARP);
	assert_int_equal(out.anomalies, 0);
	assert_int_equal(out.arp_op, 1);
	assert_string_equal(mac_str(&out.src_mac, m), "02:00:00:00:00:11");
	assert_string_equal(addr_str(&out.src, a), "10.0.0.5");
	assert_string_equal(addr_str(&out.dst, a), "10.0.0.6");
	decode_cut(DLT_EN10MB, 41, 41);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_TRUNCATED);
	f.b[14 + 1] = 6; /* another hardware type */
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_OTHER);
}

static void test_linktypes(void **state)
{
	static const struct {
		int linktype;
		uint32_t len;
		const char *header;
	} links[] = {
		{DLT_NULL, 4, "\2\0\0\0"},
		{DLT_NULL, 4, "\0\0\0\2"},
		{DLT_LOOP, 4, "\0\0\0\2"},
		{DLT_RAW, 0, ""},
		{DLT_IPV4, 0, ""},
		{DLT_LINUX_SLL, 16, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0"},
		{DLT_LINUX_SLL, 20, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\5\x08\0"},
		{DLT_LINUX_SLL, 24, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\0\4\xaa\xaa\3\0\0\0\x08\0"},
		{DLT_LINUX_SLL2, 20, "\x08\0\0\0\0\0\0\3\0\1\0\6\2\0\0\0\0\1\0\0"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		f.n = 0;
		frame_put(&f, links[i].header, links[i].len);
		frame_ip4_udp(&f, "link");
		decode(links[i].linktype);
		assert_udp("link");
		assert_int_equal(out.ether_type, 0x0800);
		assert_int_equal(out.has_mac, links[i].len >= 16);
		assert_int_equal(out.vlans, i == 6);
	}
	decode(DLT_IEEE802_11);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_UNDECODABLE);
	assert_int_equal(packet_decoder_stats(decoder)->bad, 1);
}

static void test_loopback_ipv6(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_put(&f, "\x1e\0\0\0", 4); /* macOS */
	ip = frame_ip6(&f, 17);
	at = frame_udp(&f, 1000, 2000);
	frame_str(&f, "six");
	frame_udp_end(&f, ip, at);
	frame_ip6_end(&f, ip);
	decode(DLT_NULL);
	assert_udp("six");
	assert_int_equal(out.ether_type, 0x86dd);
}

static void test_ipv4_lengths(void **state)
{
	(void)state;
	frame_eth(&f, 0x0800);
	frame_ip4_tcp(&f, "payload");
	frame_set16(&f, 16, 0); /* total length left to the card */
	frame_ip4_sum(&f, 14);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.anomalies, 0);
	assert_payload("payload");

	frame_set16(&f, 16, 60); /* 13 more than was sent */
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_anomaly(ANOMALY_PACKET_TRUNCATED);
	assert_int_equal(out.payload_len, 7);
	assert_int_equal(out.payload_missing, 13);

	frame_set16(&f, 16, 19);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);

	frame_set16(&f, 16, 47);
	f.b[14] = 0x44;
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	f.b[14] = 0x65;
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
}

static void test_snap_length(void **state)
{
	(void)state;
	frame_eth(&f, 0x0800);
	frame_ip4_tcp(&f, "0123456789");
	decode_cut(DLT_EN10MB, f.n - 6, f.n);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.anomalies, 0);
	assert_false(out.checksum_bad);
	assert_int_equal(out.payload_len, 4);
	assert_int_equal(out.payload_missing, 6);
}

static void test_ipv4_options(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 17, 1, 0);
	f.b[ip] = 0x47;
	frame_put(&f, "\x01\x83\x07\x04\x0a\0\0\x09", 8); /* no-op, loose source route */
	at = frame_udp(&f, 1000, 2000);
	frame_str(&f, "opt");
	frame_udp_end(&f, ip, at);
	f.b[at + 7] ^= 1; /* is not judged: the last destination is not in the header */
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_udp("opt");

	f.b[ip + 22] = 1;
	frame_ip4_sum(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_UDP);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);
}

static void test_udp_lengths(void **state)
{
	(void)state;
	frame_eth(&f, 0x0800);
	frame_ip4_udp(&f, "abcdef");
	frame_set16(&f, 38, 8 + 4); /* shorter than the IP payload */
	frame_set16(&f, 40, 0);
	decode(DLT_EN10MB);
	assert_udp("abcd");
	frame_set16(&f, 38, 0);
	decode(DLT_EN10MB);
	assert_udp("abcdef");
	frame_set16(&f, 38, 20);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_UDP);
	assert_anomaly(ANOMALY_PACKET_TRUNCATED);
	assert_int_equal(out.payload_missing, 6);
	frame_set16(&f, 38, 7);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);
}

static void test_icmp(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 1, 1, 0);
	at = f.n;
	frame_put(&f, "\x08\0\0\0\x12\x34\0\1ping", 12);
	frame_set16(&f, at + 2, ~frame_sum(f.b + at, 12, 0) & 0xffff);
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_ICMP);
	assert_false(out.checksum_bad);
	assert_int_equal(out.sport, 0x0800);
	assert_int_equal(out.dport, 0x1234);
	assert_payload("ping");

	f.n = 0;
	frame_eth(&f, 0x86dd);
	ip = frame_ip6(&f, 58);
	at = f.n;
	frame_put(&f, "\x88\0\0\0\x60\0\0\0nd", 10);
	frame_l4_sum(&f, ip, at, 58, at + 2);
	frame_ip6_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_ICMP);
	assert_false(out.checksum_bad);
	assert_int_equal(out.sport, 0x8800);
	assert_int_equal(out.dport, 0);
	assert_payload("nd");
}

static void test_other_protocols(void **state)
{
	uint32_t ip;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 132, 1, 0);
	frame_str(&f, "sctp");
	frame_ip4_end(&f, ip);
	frame_zero(&f, 22);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_IP);
	assert_int_equal(out.ip_proto, 132);
	assert_payload("sctp");
}

static void test_ipv6_extensions(void **state)
{
	uint32_t ip, at, i;

	(void)state;
	frame_eth(&f, 0x86dd);
	ip = frame_ip6(&f, 0);
	frame_put(&f, "\x2b\0\5\2\0\0\0\0", 8);		 /* hop-by-hop */
	frame_put(&f, "\x3c\2\0\0", 4);			 /* routing, no segments left */
	frame_zero(&f, 20);				 /* an address */
	frame_put(&f, "\x33\0\1\4\0\0\0\0", 8);		 /* destination options */
	frame_put(&f, "\x11\4\0\0\0\0\0\1\0\0\0\1", 12); /* authentication */
	frame_zero(&f, 12);				 /* its value */
	at = frame_udp(&f, 1000, 2000);
	frame_str(&f, "ext");
	frame_udp_end(&f, ip, at);
	frame_ip6_end(&f, ip);
	decode(DLT_EN10MB);
	assert_udp("ext");
	assert_int_equal(out.ip_proto, 17);

	f.n = 0;
	frame_eth(&f, 0x86dd);
	ip = frame_ip6(&f, 60);
	for (i = 0; i < 20; i++)
		frame_put(&f, "\x3c\0\1\4\0\0\0\0", 8);
	frame_ip6_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);
}

static void test_ipv6_source_route_hides_destination(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x86dd);
	ip = frame_ip6(&f, 43);
	frame_put(&f, "\x11\2\0\1", 4); /* one segment left */
	frame_zero(&f, 20);
	at = frame_udp(&f, 1000, 2000);
	frame_str(&f, "far");
	frame_udp_end(&f, ip, at);
	f.b[at + 7] ^= 1;
	frame_ip6_end(&f, ip);
	decode(DLT_EN10MB);
	assert_udp("far");
}

static void test_mapped_address_in_ipv6(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x86dd);
	ip = frame_ip6(&f, 17);
	memcpy(f.b + ip + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16);
	at = frame_udp(&f, 1000, 2000);
	frame_udp_end(&f, ip, at);
	frame_ip6_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_UDP);
	assert_anomaly(ANOMALY_PACKET_MALFORMED);
}

static void test_checksums(void **state)
{
	struct packet_config cfg = {.verify_checksums = true};

	(void)state;
	frame_eth(&f, 0x0800);
	frame_ip4_tcp(&f, "sum");
	f.b[f.n - 1] ^= 1;
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.anomalies, 0);
	assert_true(out.checksum_bad);
	assert_int_equal(packet_decoder_stats(decoder)->checksum_bad, 1);
	f.b[24] ^= 1; /* IPv4 too */
	decode(DLT_EN10MB);
	assert_int_equal(packet_decoder_stats(decoder)->checksum_bad, 3);

	packet_decoder_free(decoder);
	decoder = packet_decoder_new(&cfg);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_BAD);
	assert_anomaly(ANOMALY_CHECKSUM);
	assert_string_equal(out.anomaly[0].proto, "ipv4");
	f.b[24] ^= 1;
	decode(DLT_EN10MB);
	assert_anomaly(ANOMALY_CHECKSUM);
	assert_string_equal(out.anomaly[0].proto, "tcp");

	f.n = 0; /* UDP over IPv4 may go without */
	frame_eth(&f, 0x0800);
	frame_ip4_udp(&f, "none");
	frame_set16(&f, 40, 0);
	decode(DLT_EN10MB);
	assert_udp("none");
	assert_int_equal(packet_decoder_stats(decoder)->checksum_bad, 2);
}

static void test_checksum_against_plain_one(void **state)
{
	uint32_t len, i, want;

	(void)state;
	srand(1);
	for (i = 0; i < 4096; i++)
		f.b[i] = (uint8_t)rand();
	for (len = 2; len < 4096; len += len < 300 ? 1 : 97) {
		frame_set16(&f, 0, 0);
		want = ~frame_sum(f.b, len, 0) & 0xffff;
		frame_set16(&f, 0, want);
		assert_true(checksum_ok(checksum_add(0, f.b, len)));
		assert_true(checksum_ok(checksum_add_small(0, f.b, len)));
		f.b[len / 2] ^= 0x10;
		assert_false(checksum_ok(checksum_add(0, f.b, len)));
		f.b[len / 2] ^= 0x10;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_tcp, setup, teardown),
	cmocka_unit_test_setup_teardown(test_tcp_options, setup, teardown),
	cmocka_unit_test_setup_teardown(test_vlans, setup, teardown),
	cmocka_unit_test_setup_teardown(test_priority_tag_is_no_vlan, setup, teardown),
	cmocka_unit_test_setup_teardown(test_too_many_tags, setup, teardown),
	cmocka_unit_test_setup_teardown(test_snap_and_llc, setup, teardown),
	cmocka_unit_test_setup_teardown(test_arp, setup, teardown),
	cmocka_unit_test_setup_teardown(test_linktypes, setup, teardown),
	cmocka_unit_test_setup_teardown(test_loopback_ipv6, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ipv4_lengths, setup, teardown),
	cmocka_unit_test_setup_teardown(test_snap_length, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ipv4_options, setup, teardown),
	cmocka_unit_test_setup_teardown(test_udp_lengths, setup, teardown),
	cmocka_unit_test_setup_teardown(test_icmp, setup, teardown),
	cmocka_unit_test_setup_teardown(test_other_protocols, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ipv6_extensions, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ipv6_source_route_hides_destination, setup, teardown),
	cmocka_unit_test_setup_teardown(test_mapped_address_in_ipv6, setup, teardown),
	cmocka_unit_test_setup_teardown(test_checksums, setup, teardown),
	cmocka_unit_test_setup_teardown(test_checksum_against_plain_one, setup, teardown),
};

int main(void)
{
	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
