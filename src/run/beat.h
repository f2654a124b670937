/*
 * run/beat.h - tells the inline sources ten times a second that their worker makes progress.
 *
 * A thread of its own, because the main thread may be busy with a policy to be loaded, and a worker
 * must not make system calls of that kind between packets. It tells nothing for a worker whose loop
 * has not gone round since the last time: then whoever stands in (the kernel) takes over. As long
 * as all do, the service manager is told that the service is alive; a main thread that waits for a
 * slow disk is no reason to end it.
 */
#ifndef KIDOBAN_RUN_BEAT_H
#define KIDOBAN_RUN_BEAT_H

#include "run/worker.h"

struct beat;

/* NULL when memory or threads are out. */
struct beat *beat_new(struct worker *const *workers, unsigned count);

/* Waits until every worker has gone round once, at most five seconds: from then on kidoban decides,
 * and no stand-in. */
bool beat_begun(const struct beat *b);

/* Before the workers. Accepts NULL. */
void beat_free(struct beat *b);

#endif
