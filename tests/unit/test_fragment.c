/* Reassembly of IPv4 and IPv6 fragments. */
#include "packet/packet.h"

#include "frame.h"

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define S 1000000000LL

static struct packet_decoder *decoder;
static struct packet out;
static struct frame f;	   /* the packet being sent */
static struct frame whole; /* the datagram's payload: UDP or TCP */
static uint64_t sent;	   /* packets */
static int64_t now;	   /* packet time */
static uint32_t seed;

static int setup(void **state)
{
	struct packet_config cfg = {.fragments_max = 16};

	(void)state;
	decoder = packet_decoder_new(&cfg);
	f.n = whole.n = 0;
	now = sent = 0;
	seed = 1;
	return decoder ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	packet_decoder_free(decoder);
	return 0;
}

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* A UDP datagram of n payload bytes, without its IP header. */
static void make_whole(bool v6, uint32_t n)
{
	uint32_t ip, at, i;

	f.n = 0;
	ip = v6 ? frame_ip6(&f, 17) : frame_ip4(&f, 17, 0, 0);
	at = frame_udp(&f, 1000, 2000);
	for (i = 0; i < n; i++)
		frame_u8(&f, i * 7 + (i >> 8));
	frame_udp_end(&f, ip, at);
	whole.n = 0;
	frame_put(&whole, f.b + at, f.n - at);
}

static void decode(void)
{
	struct raw_packet raw = {f.b, f.n, f.n, now, ++sent, DLT_RAW, 0};

	packet_decode(decoder, &raw, &out);
}

/* Sends bytes from..to of whole. */
static void send4(unsigned id, uint32_t from, uint32_t to)
{
	uint32_t ip;

	f.n = 0;
	ip = frame_ip4(&f, 17, id, from / 8 | (to < whole.n ? 0x2000 : 0));
	frame_put(&f, whole.b + from, to - from);
	frame_ip4_end(&f, ip);
	decode();
}

static void send6(uint32_t id, uint32_t from, uint32_t to)
{
	uint32_t ip;

	f.n = 0;
	ip = frame_ip6(&f, 44);
	frame_u16(&f, 17 << 8);
	frame_u16(&f, from | (to < whole.n));
	frame_u32(&f, id);
	frame_put(&f, whole.b + from, to - from);
	frame_ip6_end(&f, ip);
	decode();
}

static void assert_kind(enum packet_kind kind)
{
	assert_int_equal(out.kind, kind);
	assert_int_equal(out.anomalies, 0);
}

static void assert_anomaly(enum packet_kind kind, enum anomaly_kind anomaly)
{
	assert_int_equal(out.kind, kind);
	assert_int_equal(out.anomalies, 1);
	assert_int_equal(out.anomaly[0].kind, anomaly);
	assert_int_equal(out.anomaly[0].frame, sent);
}

static void assert_whole(void)
{
	assert_kind(PACKET_UDP);
	assert_false(out.checksum_bad);
	assert_int_equal(out.ip_proto, 17);
	assert_int_equal(out.sport, 1000);
	assert_int_equal(out.frame, sent);
	assert_int_equal(out.time, now);
	assert_int_equal(out.payload_len, whole.n - 8);
	assert_memory_equal(out.payload, whole.b + 8, whole.n - 8);
	assert_int_equal(out.payload_missing, 0);
}

static void test_in_order(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	assert_kind(PACKET_FRAGMENT);
	assert_int_equal(out.ip_proto, 17);
	assert_int_equal(out.payload_len, 40);
	send4(1, 40, 80);
	assert_kind(PACKET_FRAGMENT);
	send4(1, 80, whole.n);
	assert_whole();
	assert_int_equal(packet_decoder_stats(decoder)->fragments, 3);
	assert_int_equal(packet_decoder_stats(decoder)->reassembled, 1);
	assert_int_equal(packet_decoder_stats(decoder)->fragments_dropped, 0);
}

static void test_random_order_and_copies(void **state)
{
	int round;

	(void)state;
	for (round = 0; round < 400; round++) {
		bool v6 = round & 1, got[32] = {false};
		uint32_t n = 1 + rnd(2000), step = 8 * (1 + rnd(40)), parts, left;
		unsigned done = 0;

		now += S / 100;
		make_whole(v6, n);
		while ((whole.n + step - 1) / step > 32)
			step *= 2;
		parts = left = (whole.n + step - 1) / step;
		if (parts < 2)
			continue;
		while (left) {
			uint32_t i = rnd(parts), from = i * step;
			uint32_t to = from + step < whole.n ? from + step : whole.n;

			(v6 ? send6 : send4)((unsigned)round, from, to);
			left -= !got[i];
			got[i] = true;
			out.anomalies = 0; /* tiny first fragments are meant */
			if (out.kind == PACKET_UDP) {
				done++;
				assert_int_equal(left, 0);
				assert_whole();
			}
		}
		assert_int_equal(done, 1);
	}
}

static void test_mirror_shows_everything_twice(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	send4(1, 0, 40);
	assert_kind(PACKET_FRAGMENT);
	send4(1, 40, whole.n);
	assert_whole();
	send4(1, 40, whole.n);
	assert_kind(PACKET_FRAGMENT);
	now += 2 * S;
	send4(1, 0, 40); /* all of it again */
	send4(1, 40, whole.n);
	assert_whole();
	send4(1, 0, 40);
	send4(1, 40, whole.n);
	assert_kind(PACKET_FRAGMENT);
	assert_int_equal(packet_decoder_stats(decoder)->reassembled, 2);
	now += 60 * S;
	make_whole(false, 50);
	send4(2, 0, 24);
	assert_int_equal(packet_decoder_stats(decoder)->fragments_dropped, 0);
}

static void test_identification_used_again(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	send4(1, 40, whole.n);
	assert_whole();
	make_whole(false, 150);
	send4(1, 0, 80);
	assert_kind(PACKET_FRAGMENT);
	send4(1, 80, whole.n);
	assert_whole();
}

static void test_overlap_ipv4_keeps_the_first(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	whole.b[39] ^= 1; /* a second opinion on byte 39 */
	send4(1, 32, 80);
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_OVERLAP);
	whole.b[39] ^= 1;
	send4(1, 80, whole.n);
	assert_whole();
}

static void test_same_place_other_content(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	whole.b[20] ^= 1;
	send4(1, 0, 40);
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_OVERLAP);
	whole.b[20] ^= 1;
	send4(1, 40, whole.n);
	assert_whole();
}

static void test_overlap_ipv6_gives_up(void **state)
{
	(void)state;
	make_whole(true, 100);
	send6(1, 0, 40);
	send6(1, 32, 80);
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_OVERLAP);
	send6(1, 40, 80);
	send6(1, 80, whole.n);
	assert_kind(PACKET_FRAGMENT);
	assert_int_equal(packet_decoder_stats(decoder)->reassembled, 0);
	assert_int_equal(packet_decoder_stats(decoder)->fragments_dropped, 1);
}

static void test_ends_that_disagree(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 80, whole.n);
	make_whole(false, 200);
	send4(1, 80, 120); /* goes on beyond the end */
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_OVERLAP);
	send4(1, 0, 80);
	assert_kind(PACKET_FRAGMENT);

	send4(2, 0, 160);
	make_whole(false, 100);
	send4(2, 80, whole.n); /* ends before what is there */
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_OVERLAP);
	assert_int_equal(packet_decoder_stats(decoder)->reassembled, 0);
}

static void test_tiny(void **state)
{
	uint32_t ip;

	(void)state;
	f.n = 0;
	ip = frame_ip4(&f, 6, 1, 0x2000); /* RFC 1858, 3: flags in the second fragment */
	frame_zero(&f, 16);
	frame_ip4_end(&f, ip);
	decode();
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_TINY);

	f.n = 0;
	ip = frame_ip6(&f, 44); /* the header chain goes on in the next fragment */
	frame_put(&f, "\x3c\0\0\1\0\0\0\1\x11\2\1\4\0\0\0\0", 16);
	frame_ip6_end(&f, ip);
	decode();
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_FRAGMENT_TINY);

	make_whole(false, 100);
	send4(9, 0, 8); /* UDP needs no more */
	assert_kind(PACKET_FRAGMENT);
}

static void test_wrong_lengths(void **state)
{
	uint32_t ip;

	(void)state;
	make_whole(false, 100);
	send4(1, 0, 41);
	assert_anomaly(PACKET_BAD, ANOMALY_PACKET_MALFORMED);
	send4(1, 0, 0);
	assert_anomaly(PACKET_BAD, ANOMALY_PACKET_MALFORMED);
	f.n = 0;
	ip = frame_ip4(&f, 1, 1, 0x1fff); /* 65528 and 100 more: the ping of death */
	frame_zero(&f, 100);
	frame_ip4_end(&f, ip);
	decode();
	assert_anomaly(PACKET_BAD, ANOMALY_PACKET_MALFORMED);
}

static void test_largest(void **state)
{
	uint32_t at;

	(void)state;
	make_whole(false, 65535 - 20 - 8);
	for (at = 0; at + 1480 < whole.n; at += 1480) {
		send4(1, at, at + 1480);
		assert_kind(PACKET_FRAGMENT);
	}
	send4(1, at, whole.n);
	assert_whole();
}

static void test_timeout(void **state)
{
	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	now += 31 * S;
	send4(1, 40, whole.n);
	assert_kind(PACKET_FRAGMENT);
	assert_int_equal(packet_decoder_stats(decoder)->fragments_dropped, 1);
	now = INT64_MIN; /* a capture's time may do anything */
	send4(2, 0, 40);
	now = INT64_MAX;
	send4(3, 0, 40);
	assert_kind(PACKET_FRAGMENT);
}

static void test_table_full(void **state)
{
	unsigned i;

	(void)state;
	make_whole(false, 100);
	for (i = 0; i < 16; i++) {
		send4(i, 0, 40);
		assert_kind(PACKET_FRAGMENT);
	}
	send4(16, 0, 40); /* the oldest goes, and that is said */
	assert_anomaly(PACKET_FRAGMENT, ANOMALY_LIMIT);
	assert_int_equal(packet_decoder_stats(decoder)->fragments_dropped, 1);
	for (i = 1; i < 17; i++) {
		send4(i, 40, whole.n);
		assert_whole();
	}
}

static void test_other_vlan_is_other_datagram(void **state)
{
	struct raw_packet raw = {f.b, 0, 0, 0, 1, DLT_EN10MB, 0};
	unsigned vlan;
	uint32_t ip;

	(void)state;
	make_whole(false, 100);
	for (vlan = 1; vlan <= 4; vlan++) {
		f.n = 0;
		frame_eth(&f, 0x8100);
		frame_vlan(&f, 1 + vlan % 2, 0x0800);
		ip = frame_ip4(&f, 17, 1, vlan < 3 ? 0x2000 : 5);
		frame_put(&f, whole.b + (vlan < 3 ? 0 : 40), vlan < 3 ? 40 : whole.n - 40);
		frame_ip4_end(&f, ip);
		raw.caplen = raw.wirelen = f.n;
		packet_decode(decoder, &raw, &out);
		assert_kind(vlan < 3 ? PACKET_FRAGMENT : PACKET_UDP);
	}
}

static void test_cut_by_the_capture(void **state)
{
	struct raw_packet raw = {f.b, 0, 0, 0, 1, DLT_RAW, 0};

	(void)state;
	make_whole(false, 100);
	send4(1, 0, 40);
	raw.wirelen = f.n;
	raw.caplen = f.n - 10;
	packet_decode(decoder, &raw, &out);
	assert_kind(PACKET_FRAGMENT);
	assert_int_equal(out.payload_missing, 10);
}

static void test_ipv6_atomic(void **state)
{
	(void)state;
	make_whole(true, 100);
	send6(1, 0, 40); /* the same id, under way (RFC 6946) */
	send6(1, 0, whole.n);
	assert_whole();
	send6(1, 40, whole.n);
	assert_whole();
}

static void test_fragment_header_twice(void **state)
{
	uint32_t ip;

	(void)state;
	whole.n = 0;
	frame_u16(&whole, 17 << 8); /* again a fragment header */
	frame_u16(&whole, 1);
	frame_u32(&whole, 1);
	frame_zero(&whole, 64);
	f.n = 0;
	ip = frame_ip6(&f, 44);
	frame_u16(&f, 44 << 8);
	frame_u16(&f, 1);
	frame_u32(&f, 1);
	frame_put(&f, whole.b, 40);
	frame_ip6_end(&f, ip);
	decode();
	assert_kind(PACKET_FRAGMENT);
	send6(1, 40, whole.n);
	assert_anomaly(PACKET_BAD, ANOMALY_PACKET_MALFORMED);
}

/* Sends a packet inside depth times IP in IP, each layer of it in two fragments. */
static void send_nested(const uint8_t *packet, uint32_t n, unsigned depth, unsigned *id)
{
	struct frame *half = malloc(sizeof(*half));
	unsigned i, mine = ++*id;
	uint32_t ip, cut = n / 2 & ~7u;

	for (i = 0; i < 2 && depth; i++) {
		half->n = 0;
		ip = frame_ip4(half, 4, mine, i ? cut / 8 : 0x2000);
		frame_put(half, packet + i * cut, i ? n - cut : cut);
		frame_ip4_end(half, ip);
		send_nested(half->b, half->n, depth - 1, id);
	}
	if (!depth) {
		f.n = 0;
		frame_put(&f, packet, n);
		decode();
	}
	free(half);
}

static void test_fragments_in_tunnels_in_fragments(void **state)
{
	unsigned depth, id = 0;
	struct frame *inner = malloc(sizeof(*inner));

	(void)state;
	make_whole(false, 100);
	for (depth = 1; depth <= 5; depth++) {
		uint32_t ip;

		f.n = inner->n = 0;
		ip = frame_ip4(inner, 17, 0, 0);
		frame_put(inner, whole.b, whole.n);
		frame_ip4_end(inner, ip);
		send_nested(inner->b, inner->n, depth, &id);
		if (depth <= PACKET_TUNNELS_MAX)
			assert_whole();
		else
			assert_anomaly(PACKET_IP, ANOMALY_TUNNEL_DEPTH);
	}
	free(inner);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
	cmocka_unit_test_setup_teardown(test_random_order_and_copies, setup, teardown),
	cmocka_unit_test_setup_teardown(test_mirror_shows_everything_twice, setup, teardown),
	cmocka_unit_test_setup_teardown(test_identification_used_again, setup, teardown),
	cmocka_unit_test_setup_teardown(test_overlap_ipv4_keeps_the_first, setup, teardown),
	cmocka_unit_test_setup_teardown(test_same_place_other_content, setup, teardown),
	cmocka_unit_test_setup_teardown(test_overlap_ipv6_gives_up, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ends_that_disagree, setup, teardown),
	cmocka_unit_test_setup_teardown(test_tiny, setup, teardown),
	cmocka_unit_test_setup_teardown(test_wrong_lengths, setup, teardown),
	cmocka_unit_test_setup_teardown(test_largest, setup, teardown),
	cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
	cmocka_unit_test_setup_teardown(test_table_full, setup, teardown),
	cmocka_unit_test_setup_teardown(test_other_vlan_is_other_datagram, setup, teardown),
	cmocka_unit_test_setup_teardown(test_cut_by_the_capture, setup, teardown),
	cmocka_unit_test_setup_teardown(test_ipv6_atomic, setup, teardown),
	cmocka_unit_test_setup_teardown(test_fragment_header_twice, setup, teardown),
	cmocka_unit_test_setup_teardown(test_fragments_in_tunnels_in_fragments, setup, teardown),
};

int main(void)
{
	return cmocka_run_group_tests_name("fragment", tests, NULL, NULL);
}
