/* An engine with a baseline that learns from a poll, for the tests of both. */
#ifndef KIDOBAN_TESTS_ENGINE_NORM_WORLD_H
#define KIDOBAN_TESTS_ENGINE_NORM_WORLD_H

#include "engine_world.h"

#include "detect/engine_impl.h"

#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define BEGIN  (1700000000 * SECOND)

/* --- an engine with a baseline --- */

static inline void begin(struct world *w, struct baseline *b, const struct policy *p, bool live)
{
	const struct engine_config cfg = {.policy = p,
					  .catalogue = w->catalogue,
					  .sinks = w->sinks,
					  .events = ENGINE_ALERT,
					  .live = live,
					  .baseline = b};

	engine_free(w->e);
	w->e = engine_new(&cfg);
	assert_non_null(w->e);
	memset(w->flow.user, 0, sizeof(w->flow.user));
	w->memory.alerts = 0;
}

static inline struct op request(const struct world *w, uint32_t code, enum op_class cls,
				uint64_t first, int64_t time)
{
	struct op op = w->op;

	op.time = time;
	op.code = code;
	op.cls = (uint8_t)cls;
	op.name = code == 3 ? "read-holding-registers" : "write-single-register";
	op.object.first = first;
	return op;
}

static inline void say(struct world *w, uint32_t code, enum op_class cls, uint64_t first,
		       int64_t time)
{
	struct op op = request(w, code, cls, first, time);

	w->flow.last = time;
	engine_handlers.op(w->e, &w->flow, &op);
}

static inline void answer(struct world *w, uint32_t code, uint32_t status, int64_t time)
{
	struct op op = request(w, code, OP_READ, 0, time);

	op.role = OP_RESPONSE;
	op.from_server = true;
	op.status = status;
	op.error = status ? "illegal-function" : NULL;
	op.rtt = SECOND / 100;
	w->flow.last = time;
	engine_handlers.op(w->e, &w->flow, &op);
}

static inline void open_flow(struct world *w, int64_t time)
{
	w->flow.first = w->flow.last = time;
	engine_handlers.opened(w->e, &w->flow);
}

/* Ten minutes of reading registers 0, as from `time`. */
static inline void polls(struct world *w, int64_t time)
{
	int i;

	open_flow(w, time);
	for (i = 0; i < 600; i++) {
		say(w, 3, OP_READ, 0, time + i * SECOND);
		answer(w, 3, 0, time + i * SECOND + SECOND / 100);
	}
}

static inline void freeze(struct baseline *b)
{
	assert_true(baseline_freeze(b, 5, NULL, NULL, BEGIN + HOUR));
}

static inline unsigned told(const struct world *w, const char *finding)
{
	unsigned i, n = 0;

	for (i = 0; i < w->memory.alerts; i++)
		n += strcmp(w->memory.alert[i].finding->id, finding) == 0;
	return n;
}

#endif
