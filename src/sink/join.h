/*
 * sink/join.h - the same incident seen by several workers is told once.
 *
 * An incident has the same id in all workers that see it. Of its openings the first is told. Its
 * ends are added up and told together when every worker that opened it has ended it. A worker that
 * saw it only once says that it is over; an incident seen once in all has no end to be told.
 *
 * An end may be lost where rings are full, so nobody is waited for longer than an incident is quiet
 * before it ends; an end that comes later still is told with the sum of all.
 *
 * Incidents without an id, and those told as a whole, go through untouched.
 *
 * Memory: one entry per open incident, at most JOIN_MAX, then the oldest is forgotten; a copy of
 * the incident only when a second worker, or an end, is heard of. Thread: one, the dispatcher.
 */
#ifndef KIDOBAN_SINK_JOIN_H
#define KIDOBAN_SINK_JOIN_H

#include "detect/incident.h"

#define JOIN_MAX   4096			    /* a power of two */
#define JOIN_QUIET (INT64_C(310000000000))  /* ns; incidents end after five minutes, or later */
#define JOIN_LONG  (INT64_C(3700000000000)) /* ns; no incident is open for longer than an hour */

struct join;

/* told() is called from join_take(), join_tick() and join_flush(). NULL when memory is out. */
struct join *join_new(void (*told)(void *user, const struct incident *i), void *user);

/* now: ns of a clock that is never stepped. i may be changed. */
void join_take(struct join *j, struct incident *i, int64_t now);

/* A worker is done with it, and saw it once. */
void join_over(struct join *j, uint64_t id);

/* Tells the ends that have waited long enough. */
void join_tick(struct join *j, int64_t now);

/* Tells all of them. */
void join_flush(struct join *j);

/* Accepts NULL. */
void join_free(struct join *j);

#endif
