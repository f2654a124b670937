/*
 * sink/parcel.h - an incident that travels to another thread.
 *
 * An incident points at names of the policy and at devices of its worker, which may be gone when
 * the dispatcher gets to it. A parcel is the incident with all of that behind it in one piece of
 * memory; pointers are offsets until it is opened where it arrived.
 *
 * What is static in the program, and the finding, is pointed at: the catalogue outlives the
 * outputs.
 */
#ifndef KIDOBAN_SINK_PARCEL_H
#define KIDOBAN_SINK_PARCEL_H

#include "detect/incident.h"

#define PARCEL_MAX                                                                                 \
	16384 /* bytes; what does not fit, as the last of many references, is left out             \
	       */

/* buf: PARCEL_MAX bytes, aligned to 8. Returns how many are used. */
size_t parcel_pack(const struct incident *i, void *buf);

/* In place, once; buf aligned to 8. */
struct incident *parcel_open(void *buf);

/* A copy of an opened incident, to be freed with free(). NULL when memory is out. */
struct incident *parcel_copy(const struct incident *i);

#endif
