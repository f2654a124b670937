/* Resets and ICMP errors of our own, read back by the decoder. */
#include "packet/craft.h"

#include "decoded.h"

static struct packet model;
static uint8_t made[CRAFT_MAX];

static struct raw_packet raw_of(int linktype)
{
	return (struct raw_packet){f.b, f.n, f.n, 5000, 9, linktype, 0};
}

/* What was written becomes the frame, and is decoded with right checksums. */
static void read_back(int linktype, uint32_t len)
{
	assert_true(len && len <= sizeof(made));
	model = out;
	memcpy(f.b, made, len);
	f.n = len;
	decode(linktype);
	assert_int_equal(out.anomalies, 0);
	assert_false(out.checksum_bad);
}

static void put_tcp(bool v6, unsigned flags)
{
	uint32_t ip = v6 ? frame_ip6(&f, 6) : frame_ip4(&f, 6, 1, 0);
	uint32_t at = frame_tcp(&f, 1000, 502, 0xfffffffe, flags);

	frame_str(&f, "abcd");
	frame_tcp_end(&f, ip, at);
	if (v6)
		frame_ip6_end(&f, ip);
	else
		frame_ip4_end(&f, ip);
}

static void reset(int linktype, enum craft_to to)
{
	struct raw_packet raw = raw_of(linktype);
	struct craft_tcp c;

	decode(linktype);
	assert_true(craft_take(&c, &raw, &out));
	read_back(linktype, craft_reset(made, &c, to));
	assert_int_equal(out.kind, PACKET_TCP);
	assert_int_equal(out.payload_len, 0);
	assert_int_equal(out.window, 0);
	assert_int_equal(out.ttl, 64);
}

static void assert_ends(bool back)
{
	assert_true(addr_eq(&out.src, back ? &model.dst : &model.src));
	assert_true(addr_eq(&out.dst, back ? &model.src : &model.dst));
	assert_int_equal(out.sport, back ? model.dport : model.sport);
	assert_int_equal(out.dport, back ? model.sport : model.dport);
	assert_int_equal(out.has_mac, model.has_mac);
	if (out.has_mac) {
		assert_memory_equal(&out.src_mac, back ? &model.dst_mac : &model.src_mac, 6);
		assert_memory_equal(&out.dst_mac, back ? &model.src_mac : &model.dst_mac, 6);
	}
	assert_int_equal(out.vlans, model.vlans);
	assert_memory_equal(out.vlan, model.vlan, sizeof(out.vlan));
}

static void test_reset_sender(void **state)
{
	(void)state;
	frame_eth(&f, 0x88a8);
	frame_vlan(&f, 7, 0x8100);
	frame_vlan(&f, 0x2009, 0x0800);
	put_tcp(false, PACKET_TCP_ACK);
	reset(DLT_EN10MB, CRAFT_TO_SENDER);
	assert_ends(true);
	assert_int_equal(out.seq, 0x01020304);
	assert_int_equal(out.ack, 2);
	assert_int_equal(out.tcp_flags, PACKET_TCP_RST | PACKET_TCP_ACK);
	assert_memory_equal(f.b + 12, "\x88\xa8\x00\x07\x81\x00\x20\x09\x08\x00", 10);
}

static void test_reset_receiver(void **state)
{
	(void)state;
	put_tcp(true, PACKET_TCP_ACK);
	reset(DLT_RAW, CRAFT_TO_RECEIVER);
	assert_ends(false);
	assert_int_equal(out.seq, 0xfffffffe);
	assert_int_equal(out.ack, 0x01020304);
	assert_int_equal(out.tcp_flags, PACKET_TCP_RST | PACKET_TCP_ACK);
}

/* RFC 9293, 3.5.2: a SYN is answered with 0 and an acknowledgement of it. */
static void test_reset_syn(void **state)
{
	(void)state;
	frame_eth(&f, 0x86dd);
	put_tcp(true, PACKET_TCP_SYN);
	reset(DLT_EN10MB, CRAFT_TO_SENDER);
	assert_ends(true);
	assert_int_equal(out.seq, 0);
	assert_int_equal(out.ack, 3);
	assert_int_equal(out.tcp_flags, PACKET_TCP_RST | PACKET_TCP_ACK);
	f.n = 0;
	frame_eth(&f, 0x0800);
	put_tcp(false, PACKET_TCP_SYN);
	reset(DLT_EN10MB, CRAFT_TO_RECEIVER);
	assert_ends(false);
	assert_int_equal(out.seq, 0xfffffffe);
	assert_int_equal(out.tcp_flags, PACKET_TCP_RST);
}

static void put_udp(bool v6, uint32_t bytes)
{
	uint32_t ip = v6 ? frame_ip6(&f, 17) : frame_ip4(&f, 17, 1, 0);
	uint32_t at = frame_udp(&f, 1000, 2000);

	frame_zero(&f, bytes);
	frame_udp_end(&f, ip, at);
	if (v6)
		frame_ip6_end(&f, ip);
	else
		frame_ip4_end(&f, ip);
}

static uint32_t prohibited(int linktype)
{
	struct raw_packet raw = raw_of(linktype);

	decode(linktype);
	return craft_prohibited(made, &raw, &out);
}

static void assert_quotes(const uint8_t *was, uint32_t len)
{
	struct packet quoted;

	assert_int_equal(out.kind, PACKET_ICMP);
	assert_true(addr_eq(&out.src, &model.dst));
	assert_true(addr_eq(&out.dst, &model.src));
	assert_int_equal(out.payload_len, len);
	assert_memory_equal(out.payload, was, len);
	assert_true(packet_quoted(&out, &quoted));
	assert_int_equal(quoted.sport, 1000);
	assert_int_equal(quoted.dport, 2000);
}

static void test_prohibited_v4(void **state)
{
	struct frame was;

	(void)state;
	frame_eth(&f, 0x8100);
	frame_vlan(&f, 7, 0x0800);
	put_udp(false, 6);
	frame_zero(&f, 12); /* padding */
	was = f;
	read_back(DLT_EN10MB, prohibited(DLT_EN10MB));
	assert_int_equal(out.sport, 3 << 8 | 13);
	assert_int_equal(out.vlan[0], 7);
	assert_quotes(was.b + 18, 34);
	f.n = 0;
	put_udp(false, 1400);
	was = f;
	read_back(DLT_RAW, prohibited(DLT_RAW));
	assert_int_equal(f.n, 576);
	assert_quotes(was.b, 576 - 28);
}

static void test_prohibited_v6(void **state)
{
	struct frame was;

	(void)state;
	frame_eth(&f, 0x86dd);
	put_udp(true, 1300);
	was = f;
	read_back(DLT_EN10MB, prohibited(DLT_EN10MB));
	assert_int_equal(f.n, 14 + 1280);
	assert_int_equal(out.sport, 1 << 8 | 1);
	assert_quotes(was.b + 14, 1280 - 48);
}

static void put_icmp(unsigned type)
{
	uint32_t ip = frame_ip4(&f, 1, 1, 0), at = f.n;

	frame_u16(&f, type << 8);
	frame_zero(&f, 34);
	frame_set16(&f, at + 2, ~frame_sum(f.b + at, f.n - at, 0) & 0xffff);
	frame_ip4_end(&f, ip);
}

static void test_nobody_is_told(void **state)
{
	struct raw_packet raw = raw_of(DLT_EN10MB);
	struct craft_tcp c;
	uint32_t ip;

	(void)state;
	frame_eth(&f, 0x0800);
	put_udp(false, 6);
	assert_true(prohibited(DLT_EN10MB));
	f.b[0] = 0xff; /* to a group of stations */
	assert_int_equal(prohibited(DLT_EN10MB), 0);
	f.b[0] = 2;
	memcpy(f.b + 30, "\xe0\0\0\1", 4);
	assert_int_equal(prohibited(DLT_EN10MB), 0);
	f.n = 0;
	put_icmp(8);
	assert_true(prohibited(DLT_RAW));
	f.n = 0;
	put_icmp(3); /* an error about an error */
	assert_int_equal(prohibited(DLT_RAW), 0);
	f.n = 0;
	ip = frame_ip4(&f, 17, 3, 0x2001); /* a later fragment */
	frame_zero(&f, 16);
	frame_ip4_end(&f, ip);
	assert_int_equal(prohibited(DLT_RAW), 0);
	f.n = 0;
	frame_eth(&f, 0x0806); /* no IP */
	frame_zero(&f, 40);
	assert_int_equal(prohibited(DLT_EN10MB), 0);
	f.n = 0;
	frame_eth(&f, 0x0800); /* in a tunnel */
	ip = frame_ip4(&f, 4, 1, 0);
	put_tcp(false, PACKET_TCP_ACK);
	frame_ip4_end(&f, ip);
	decode(DLT_EN10MB);
	assert_int_equal(out.kind, PACKET_TCP);
	raw.caplen = raw.wirelen = f.n;
	assert_false(craft_take(&c, &raw, &out));
	f.n = 0;
	frame_eth(&f, 0x0800); /* the same without: the reason was the tunnel */
	put_tcp(false, PACKET_TCP_ACK);
	decode(DLT_EN10MB);
	raw.caplen = raw.wirelen = f.n;
	assert_true(craft_take(&c, &raw, &out));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset_sender),  TEST(test_reset_receiver), TEST(test_reset_syn),
		TEST(test_prohibited_v4), TEST(test_prohibited_v6),  TEST(test_nobody_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
