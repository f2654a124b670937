/*
 * base/hash.h - short keyed hashes for tables that the wire can fill.
 *
 * Fast, and keyed so that a sender cannot choose collisions when the key is random. With the
 * fixed default key a replay is reproducible. Not cryptographic.
 */
#ifndef KIDOBAN_BASE_HASH_H
#define KIDOBAN_BASE_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t hash_mul(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_u64(uint64_t v, uint64_t key)
{
	return hash_mul(v ^ 0x9e3779b97f4a7c15u ^ key, 0xe7037ed1a0b428dbu ^ key);
}

static inline uint64_t hash_bytes(const void *data, size_t len, uint64_t key)
{
	const uint8_t *p = data;
	uint64_t h = key ^ (len * 0x9e3779b97f4a7c15u), a, b;

	for (; len > 16; len -= 16, p += 16) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		h = hash_mul(a ^ 0xa0761d6478bd642fu ^ h, b ^ 0xe7037ed1a0b428dbu);
	}
	if (len >= 8) {
		memcpy(&a, p, 8);
		memcpy(&b, p + len - 8, 8);
	} else {
		a = b = 0;
		if (len)
			memcpy(&a, p, len);
	}
	return hash_mul(a ^ 0xa0761d6478bd642fu ^ h, b ^ 0x8ebc6af09c88c6e3u ^ h);
}

#endif
