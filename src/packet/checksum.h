/*
 * packet/checksum.h - the Internet checksum (RFC 1071).
 *
 * Sums are taken in the machine's byte order and 64 bits at a time, the carry going round to the
 * lowest bit, which the one's complement allows (RFC 1071, 2): 2^64 - 1 is a multiple of 2^16 - 1,
 * and the final comparison with zero does not depend on the order.
 */
#ifndef KIDOBAN_PACKET_CHECKSUM_H
#define KIDOBAN_PACKET_CHECKSUM_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t checksum_add64(uint64_t sum, uint64_t v)
{
	sum += v;
	return sum + (sum < v);
}

/* A 16-bit number of a pseudo header, as it would be read from the wire. */
static inline uint64_t checksum_u16(uint16_t v)
{
	return htons(v);
}

/* For short lengths, and fixed ones: the compiler unrolls it. */
static inline uint64_t checksum_add_small(uint64_t sum, const uint8_t *p, uint32_t len)
{
	uint64_t d;
	uint32_t w;
	uint16_t h;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&d, p, 8);
		sum = checksum_add64(sum, d);
	}
	if (len & 4) {
		memcpy(&w, p, 4);
		sum = checksum_add64(sum, w);
		p += 4;
	}
	if (len & 2) {
		memcpy(&h, p, 2);
		sum = checksum_add64(sum, h);
		p += 2;
	}
	if (len & 1)
		sum = checksum_add64(sum,
				     htons((uint16_t)(p[0] << 8))); /* padded with a zero byte */
	return sum;
}

/* Continues sum over len bytes; only the last part of a message may have an odd length. */
uint64_t checksum_add(uint64_t sum, const uint8_t *p, uint32_t len);

/* True when a sum that includes the checksum field is right. */
static inline bool checksum_ok(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

#endif
