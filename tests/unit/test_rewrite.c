/* Bytes changed in a frame on its way, against the checksum taken anew over all of it. */
#include "packet/rewrite.h"

#include "decoded.h"

static uint8_t now[64];

/* Changes n bytes at offset of the packet in f; true when it is one that can be changed. */
static bool change(uint32_t offset, uint32_t n, bool partial)
{
	decode(DLT_EN10MB);
	return rewrite_payload(f.b, f.n, &out, offset, now, n, partial);
}

static void begin_tcp(uint32_t *ip, uint32_t *at)
{
	f.n = 0;
	frame_eth(&f, 0x8100);
	frame_vlan(&f, 7, 0x0800);
	*ip = frame_ip4(&f, 6, 1, 0);
	*at = frame_tcp(&f, 1000, 502, 7, 0x18);
}

/* Every offset and length, each of which ends with the checksum of the whole. */
static void test_every_place(void **state)
{
	uint8_t sum[2];
	uint32_t ip, at, offset, n, len;

	(void)state;
	for (len = 1; len < 24; len++) {
		for (offset = 0; offset < len; offset++) {
			for (n = 0; n <= len - offset; n++) {
				uint32_t i;

				begin_tcp(&ip, &at);
				for (i = 0; i < len; i++)
					frame_u8(&f, (unsigned)rand());
				for (i = 0; i < n; i++)
					now[i] = (uint8_t)rand();
				frame_tcp_end(&f, ip, at);
				frame_ip4_end(&f, ip);
				assert_true(change(offset, n, false));
				memcpy(sum, f.b + at + 16, 2);
				assert_memory_equal(f.b + at + 20 + offset, now, n);
				frame_tcp_end(&f, ip, at);
				assert_memory_equal(f.b + at + 16, sum, 2);
			}
		}
	}
}

static void test_udp(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x86dd);
	ip = frame_ip6(&f, 17);
	at = frame_udp(&f, 1000, 502);
	frame_str(&f, "abcdefg");
	frame_udp_end(&f, ip, at);
	frame_ip6_end(&f, ip);
	memcpy(now, "XYZ", 3);
	assert_true(change(3, 3, false));
	decode(DLT_EN10MB);
	assert_false(out.checksum_bad);
	assert_payload("abcXYZg");
}

/* RFC 768: no checksum stays none, and one that comes out as zero is sent as ffff. */
static void test_udp_zero(void **state)
{
	uint32_t ip, at, v;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 17, 1, 0);
	at = frame_udp(&f, 1000, 502);
	frame_str(&f, "ab");
	frame_udp_end(&f, ip, at);
	frame_ip4_end(&f, ip);
	v = (uint32_t)(f.b[at + 6] << 8 | f.b[at + 7]) + ('a' << 8 | 'b');
	v = (v & 0xffff) + (v >> 16);
	now[0] = (uint8_t)(v >> 8);
	now[1] = (uint8_t)v;
	assert_true(change(0, 2, false));
	assert_memory_equal(f.b + at + 6, "\xff\xff", 2);
	decode(DLT_EN10MB);
	assert_false(out.checksum_bad);
	frame_set16(&f, at + 6, 0);
	memcpy(now, "xy", 2);
	assert_true(change(0, 2, false));
	assert_memory_equal(f.b + at + 6, "\0\0xy", 4);
}

static void test_partial_and_wrong(void **state)
{
	uint32_t ip, at;

	(void)state;
	begin_tcp(&ip, &at);
	frame_str(&f, "abcd");
	frame_tcp_end(&f, ip, at);
	frame_ip4_end(&f, ip);
	frame_set16(&f, at + 16, 0x1234);
	memcpy(now, "XY", 2);
	assert_true(change(1, 2, true));
	assert_memory_equal(f.b + at + 16, "\x12\x34", 2);
	assert_memory_equal(f.b + at + 20, "aXYd", 4);
	assert_true(change(0, 2, false)); /* a wrong one stays wrong */
	decode(DLT_EN10MB);
	assert_true(out.checksum_bad);
}

static void test_refused(void **state)
{
	struct frame was;
	uint32_t ip, at, inner;

	(void)state;
	begin_tcp(&ip, &at);
	frame_str(&f, "abcd");
	frame_tcp_end(&f, ip, at);
	frame_ip4_end(&f, ip);
	frame_zero(&f, 6); /* padding is no payload */
	was = f;
	assert_false(change(0, 5, false));
	assert_false(change(5, 0, false));
	assert_false(change(UINT32_MAX, 2, false));
	assert_false(rewrite_payload(f.b, f.n - 7, &out, 0, now, 4, false));
	assert_memory_equal(f.b, was.b, f.n);
	f.n = 0;
	frame_eth(&f, 0x0800); /* IP in IP */
	ip = frame_ip4(&f, 4, 1, 0);
	inner = f.n;
	frame_ip4_tcp(&f, "abcd");
	frame_ip4_end(&f, inner);
	frame_ip4_end(&f, ip);
	assert_false(change(0, 1, false));
	assert_int_equal(out.kind, PACKET_TCP);
}

static void test_fragments(void **state)
{
	uint32_t ip, at;

	(void)state;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 17, 5, 0x2000);
	at = frame_udp(&f, 1000, 502);
	frame_set16(&f, at + 4, 24);
	frame_str(&f, "abcdefgh");
	frame_ip4_end(&f, ip);
	assert_false(change(0, 1, false));
	assert_int_equal(out.kind, PACKET_FRAGMENT);
	f.n = 0;
	frame_eth(&f, 0x0800);
	ip = frame_ip4(&f, 17, 5, 2);
	frame_str(&f, "ijklmnop");
	frame_ip4_end(&f, ip);
	assert_false(change(0, 1, false));
	assert_int_equal(out.kind, PACKET_UDP);
	assert_int_equal(out.payload_len, 16);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_place), TEST(test_udp),	      TEST(test_udp_zero),
		TEST(test_refused),	TEST(test_fragments), TEST(test_partial_and_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
