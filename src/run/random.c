#include "run/random.h"

#include "run/clock.h"

#include <sys/random.h>

uint64_t random_key(void)
{
	uint64_t key = 0;

	if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
		key = (uint64_t)clock_wall();
	return key;
}
