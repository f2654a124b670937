#include "run/beat.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define EVERY_NS 100000000

struct beat {
	pthread_t thread;
	atomic_bool stop;
	struct worker *const *worker;
	unsigned count;
	uint64_t loops[]; /* as last seen */
};

static void *loop(void *user)
{
	struct beat *b = user;
	unsigned i;

	while (!atomic_load(&b->stop)) {
		const struct timespec t = {0, EVERY_NS};

		for (i = 0; i < b->count; i++) {
			struct source *s = worker_source(b->worker[i]);
			uint64_t loops = worker_loops(b->worker[i]);

			if (s->ops->beat && loops != b->loops[i])
				s->ops->beat(s);
			b->loops[i] = loops;
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
	return NULL;
}

struct beat *beat_new(struct worker *const *workers, unsigned count)
{
	struct beat *b = calloc(1, sizeof(*b) + count * sizeof(*b->loops));

	if (!b)
		return NULL;
	b->worker = workers;
	b->count = count;
	if (pthread_create(&b->thread, NULL, loop, b) == 0)
		return b;
	free(b);
	return NULL;
}

void beat_free(struct beat *b)
{
	if (!b)
		return;
	atomic_store(&b->stop, true);
	pthread_join(b->thread, NULL);
	free(b);
}
