/*
 * run/clock.h - the clocks of the service. Packets have their own time; this is for where none
 * come.
 */
#ifndef KIDOBAN_RUN_CLOCK_H
#define KIDOBAN_RUN_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_of(clockid_t id)
{
	struct timespec t = {0, 0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ns since 1970 UTC */
static inline int64_t clock_wall(void)
{
	return clock_of(CLOCK_REALTIME);
}

/* ns, never stepped */
static inline int64_t clock_mono(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

#endif
