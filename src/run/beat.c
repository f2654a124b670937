#include "run/beat.h"

#include "run/notify.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define EVERY_NS    100000000 /* between two looks */
#define TOLD_EVERY  10u	      /* good looks */
#define BEGIN_LOOKS 50u	      /* waited for the first */

struct beat {
	pthread_t thread;
	atomic_bool stop;
	atomic_bool begun; /* every worker has gone round once, and its source knows */
	unsigned since;	   /* looks that were good since the service manager was told */
	struct worker *const *worker;
	unsigned count;
	uint64_t loops[]; /* as last seen */
};

/* True when every worker has gone round since the last look. */
static bool look(struct beat *b)
{
	bool all = true;
	unsigned i;

	for (i = 0; i < b->count; i++) {
		struct source *s = worker_source(b->worker[i]);
		uint64_t loops = worker_loops(b->worker[i]);

		if (loops == b->loops[i])
			all = false;
		else if (s->ops->beat)
			s->ops->beat(s);
		b->loops[i] = loops;
	}
	return all;
}

static void *loop(void *user)
{
	struct beat *b = user;

	while (!atomic_load(&b->stop)) {
		const struct timespec t = {0, EVERY_NS};

		if (look(b)) {
			atomic_store(&b->begun, true);
			b->since++;
			if (b->since >= TOLD_EVERY) {
				notify_alive();
				b->since = 0;
			}
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

bool beat_begun(const struct beat *b)
{
	const struct timespec t = {0, EVERY_NS};
	unsigned i;

	for (i = 0; i < BEGIN_LOOKS && !atomic_load(&b->begun); i++)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	return atomic_load(&b->begun);
}

void beat_free(struct beat *b)
{
	if (!b)
		return;
	atomic_store(&b->stop, true);
	pthread_join(b->thread, NULL);
	free(b);
}
