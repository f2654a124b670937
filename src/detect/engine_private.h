/*
 * detect/engine_private.h - what the engine lends to the files that do a part of its work.
 *
 * Private to detect/. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ENGINE_PRIVATE_H
#define KIDOBAN_DETECT_ENGINE_PRIVATE_H

#include "base/hash.h"
#include "detect/engine.h"
#include "detect/incident.h"
#include "detect/judge.h"

/* Counts an occurrence; a new incident is returned to be filled, its verdict is "alert". */
struct incident *engine_report(struct engine *e, enum judge_finding what, uint64_t key,
			       uint64_t place, int64_t time, uint64_t frame);

/* The open incident of that key and place; NULL: none. */
struct incident *engine_incident(const struct engine *e, enum judge_finding what, uint64_t key,
				 uint64_t place);

/* What that client was denied around that time (ns) was part of a sweep. */
void engine_sweep_begins(struct engine *e, const struct addr *client, int64_t time);

/* True when the incident is one of that finding. */
bool engine_is(const struct engine *e, const struct incident *i, enum judge_finding what);

/* Something speaks against that flow: it is not learned from. ever: any more; else for a while. */
void engine_norm_suspect(struct flow *f, bool ever);

/* The verdict and the conduit of a violation; more is at stake in a safety zone. */
void engine_fill_verdict(struct engine *e, struct incident *i, const struct flow_view *v,
			 uint32_t conduit, bool is_op);

/*
 * A flow, or an op on it, or a frame that is no IP, violates the policy: what can be done about it
 * is done, and engine_fill_verdict() says so until engine_noted(). conduit: in whose name;
 * POLICY_NONE. safety: one of the frame's ends is in such a zone.
 */
void engine_do_flow(struct engine *e, struct flow *f, enum judge_finding what, uint32_t conduit);
void engine_do_op(struct engine *e, struct flow *f, const struct op *op, enum judge_finding what,
		  uint32_t conduit);
void engine_do_frame(struct engine *e, uint32_t conduit, bool safety);

/* The violation was reported: its incident keeps the most that was done. */
void engine_noted(struct engine *e, enum judge_finding what, uint64_t key, uint64_t place);

/* Keys of incidents grow by what tells one from another. */
static inline uint64_t mix(uint64_t key, uint64_t v)
{
	return hash_u64(v, key);
}

static inline uint64_t mix_addr(uint64_t key, const struct addr *a)
{
	return hash_bytes(a->b, sizeof(a->b), key);
}

static inline uint64_t mix_text(uint64_t key, const char *s)
{
	return hash_bytes(s, strlen(s), key);
}

#endif
