/*
 * detect/vigil.h - what shows over time only: the part of the engine that counts and waits.
 *
 * The engine judges each flow and op by itself. Here is what no single one of them shows: that
 * something the policy watches has stopped, strayed or frozen (detect/watch.h).
 *
 * It keeps the detectors the policy asks for, makes incidents of what they say and words them.
 * Without such entries in the policy the engine has no vigil and pays nothing. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_VIGIL_H
#define KIDOBAN_DETECT_VIGIL_H

#include "detect/engine_private.h"

struct vigil;

/* *out is NULL when the policy asks for nothing. False when memory is out. */
bool vigil_new(struct engine *e, const struct policy *p, enum finding_lang lang,
	       struct vigil **out);

/* Every op on a flow whose places are known, whatever its role. */
void vigil_op(struct vigil *v, struct flow *f, const struct op *op);

/* Packet time has come so far. */
void vigil_tick(struct vigil *v, int64_t time);

/* Listening begins anew: what was not seen until now was not to be seen. */
void vigil_begin(struct vigil *v, int64_t time);

/* Accepts NULL. */
void vigil_free(struct vigil *v);

#endif
