/*
 * detect/storm.h - many errors in a short time from one server.
 *
 * Remembers the times of the last STORM_ERRORS error responses of each of the last few servers
 * that sent any; a storm is when they all lie within STORM_WINDOW. Exact, with no fixed windows
 * that a burst could straddle.
 *
 *   set[hash(server)] -> 4 servers -> ring of STORM_ERRORS times
 *
 * Bounded: a new server takes the place of the one in its set that was quiet for longest. Only
 * error responses cost anything. Time is packet time. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_STORM_H
#define KIDOBAN_DETECT_STORM_H

#include "base/addr.h"

#include <stdint.h>

#define STORM_ERRORS 20
#define STORM_WINDOW INT64_C(10000000000) /* ns */

struct storm;

struct storm *storm_new(void);

/* An error from that server. Returns ns since the STORM_ERRORS-th last one, or -1: no storm. */
int64_t storm_error(struct storm *s, const struct addr *server, int64_t time);

void storm_free(struct storm *s);

#endif
