#include "packet/checksum.h"

#define LANES 8 /* independent sums, so that the compiler can use vectors */

static uint64_t add_blocks(uint64_t sum, const uint8_t *p, uint32_t blocks)
{
	uint64_t lane[LANES] = {0};
	uint32_t w[LANES];
	int i;

	for (; blocks; blocks--, p += sizeof(w)) {
		memcpy(w, p, sizeof(w));
		for (i = 0; i < LANES; i++)
			lane[i] += w[i];
	}
	for (i = 0; i < LANES; i++)
		sum = checksum_add64(sum, lane[i]);
	return sum;
}

uint64_t checksum_add(uint64_t sum, const uint8_t *p, uint32_t len)
{
	uint32_t blocks = len / (LANES * 4);
	uint64_t d[2];

	if (blocks >= 4) { /* below, setting up and joining the lanes costs more than it saves */
		sum = add_blocks(sum, p, blocks);
		p += blocks * LANES * 4;
		len -= blocks * LANES * 4;
	}
	for (; len >= sizeof(d); len -= sizeof(d), p += sizeof(d)) {
		memcpy(d, p, sizeof(d));
		sum = checksum_add64(checksum_add64(sum, d[0]), d[1]);
	}
	return checksum_add_small(sum, p, len);
}
