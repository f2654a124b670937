/* Checksums that hardware would have completed. */
#include "capture/queue_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static uint32_t sum(const uint8_t *p, uint32_t n, uint32_t s)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* What the kernel puts there: the sum of the pseudo header, not complemented. */
static uint16_t pseudo(const uint8_t *addresses, uint32_t n, uint8_t proto, uint32_t len)
{
	return fold(sum(addresses, n, proto + len));
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void ipv4(uint8_t proto, uint32_t options, uint32_t at, uint32_t payload)
{
	uint8_t p[256] = {0};
	uint32_t head = 20 + options, body = (proto == 6 ? 20 : 8) + payload, i;

	p[0] = (uint8_t)(0x40 | head / 4);
	p[9] = proto;
	for (i = 12; i < 20; i++)
		p[i] = (uint8_t)(i * 37);
	for (i = 0; i < body; i++)
		p[head + i] = (uint8_t)(i * 11 + proto);
	put16(p + head + at, pseudo(p + 12, 8, proto, body));
	queue_complete(p, head + body);
	assert_int_equal(fold(sum(p + head, body, pseudo(p + 12, 8, proto, body))), 0xffff);
}

static void completes_tcp_and_udp(void **state)
{
	uint32_t n;

	(void)state;
	for (n = 0; n < 40; n++) {
		ipv4(6, 0, 16, n);
		ipv4(17, 0, 6, n);
		ipv4(6, 8, 16, n);
	}
}

static void finds_the_header_behind_extensions(void **state)
{
	/* hop-by-hop of 8 bytes, destination options of 16, UDP */
	uint8_t p[128] = {0x60}, *udp = p + 40 + 8 + 16;
	uint32_t i, body = 8 + 13;

	(void)state;
	p[6] = 0;
	for (i = 8; i < 40; i++)
		p[i] = (uint8_t)(i * 7);
	p[40] = 60;
	p[48] = 17;
	p[49] = 1;
	for (i = 0; i < body; i++)
		udp[i] = (uint8_t)(i * 5 + 3);
	put16(udp + 6, pseudo(p + 8, 32, 17, body));
	queue_complete(p, 40 + 8 + 16 + body);
	assert_int_equal(fold(sum(udp, body, pseudo(p + 8, 32, 17, body))), 0xffff);
}

static void leaves_others_alone(void **state)
{
	uint8_t p[64], before[64];
	uint32_t len, first;

	(void)state;
	for (first = 0; first < 256; first++)
		for (len = 0; len < 36; len++) { /* too short for the field of whatever it is */
			memset(p, 0xa5, sizeof(p));
			p[0] = (uint8_t)first;
			p[9] = 6;
			memcpy(before, p, sizeof(p));
			if (first >> 4 != 4 || (first & 15) * 4 + 18 > len)
				queue_complete(p, len);
			assert_memory_equal(p, before, sizeof(p));
		}
	memset(p, 0, sizeof(p));
	p[0] = 0x45;
	p[9] = 1; /* ICMP */
	memcpy(before, p, sizeof(p));
	queue_complete(p, sizeof(p));
	assert_memory_equal(p, before, sizeof(p));
}

/* 0 means that there is no checksum (RFC 768): all ones are sent in its place. */
static void a_sum_of_zero_is_all_ones_in_udp(void **state)
{
	uint8_t p[28] = {0x45};

	(void)state;
	p[9] = 17;
	put16(p + 20, 0xffff);
	queue_complete(p, sizeof(p));
	assert_int_equal(p[26] << 8 | p[27], 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(completes_tcp_and_udp),
		cmocka_unit_test(finds_the_header_behind_extensions),
		cmocka_unit_test(leaves_others_alone),
		cmocka_unit_test(a_sum_of_zero_is_all_ones_in_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
