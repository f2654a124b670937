/*
 * run/random.h - keys of tables that the wire fills.
 *
 * Nobody outside shall be able to choose addresses that all fall into one bucket (base/hash.h).
 * Any thread.
 */
#ifndef KIDOBAN_RUN_RANDOM_H
#define KIDOBAN_RUN_RANDOM_H

#include <stdint.h>

/* Another one with each call; of the time only, when the system has no better one yet. */
uint64_t random_key(void);

#endif
