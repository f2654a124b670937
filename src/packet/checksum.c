#include "packet/checksum.h"

#define LANES 16 /* independent sums, so that the compiler can use vectors */

uint64_t checksum_add(uint64_t sum, const uint8_t *p, uint32_t len)
{
	uint64_t lane[LANES] = {0};
	uint32_t w[LANES];
	int i;

	for (; len >= sizeof(w); len -= sizeof(w), p += sizeof(w)) {
		memcpy(w, p, sizeof(w));
		for (i = 0; i < LANES; i++)
			lane[i] += w[i];
	}
	for (i = 0; i < LANES; i++)
		sum += lane[i];
	return checksum_add_small(sum, p, len);
}
