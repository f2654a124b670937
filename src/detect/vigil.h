/*
 * detect/vigil.h - what shows over time only: the part of the engine that counts and waits.
 *
 * The engine judges each flow and op by itself. Here is what no single one of them shows: that
 * something the policy watches has stopped, strayed or frozen (detect/watch.h), that a client does
 * more than its conduit lets it (detect/rate.h), that a host looks around (detect/sweep.h).
 *
 * It keeps the detectors the policy asks for, makes incidents of what they say and words them.
 * Without a policy there is no vigil; without watches and limits a policy pays for its denials
 * only. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_VIGIL_H
#define KIDOBAN_DETECT_VIGIL_H

#include "detect/engine_private.h"

struct vigil;
struct watch_board;

/* board: of all workers, see detect/watch.h. NULL when memory is out. */
struct vigil *vigil_new(struct engine *e, const struct policy *p, struct watch_board *board,
			enum finding_lang lang);

/* Every op on a flow whose places are known, whatever its role. */
void vigil_op(struct vigil *v, struct flow *f, const struct op *op);

/* A flow that its conduits permit, wholly or op by op. older: it may be older than the capture. */
void vigil_flow(struct vigil *v, struct flow *f, bool older);

/* A request or publication that this conduit permits; POLICY_NONE: none was asked for. */
void vigil_permitted(struct vigil *v, struct flow *f, const struct op *op, uint32_t conduit);

/* Did the host look for something? A closed conduit leads where it may go at other times, and who
 * writes wrong objects or values has found his server. */
bool vigil_is_try(enum judge_finding what);

/* A flow, or an op on it, was a violation. True when it is one try of a sweep that is told. */
bool vigil_denied(struct vigil *v, struct flow *f, enum judge_finding what, int64_t time,
		  uint64_t frame);

/* An incident is told: what is known at its end only is added. */
void vigil_told(const struct vigil *v, struct incident *i);

/* Packet time has come so far. */
void vigil_tick(struct vigil *v, int64_t time);

/* Listening begins anew: what was not seen until now was not to be seen. */
void vigil_begin(struct vigil *v, int64_t time);

/* Accepts NULL. */
void vigil_free(struct vigil *v);

#endif
