/*
 * sink/bell.h - waking a thread that sleeps, and only then.
 *
 * Who makes work rings after each piece of it; that is a fence and a load. Only when the other
 * side has lain down is there a system call, and only one however many ring.
 *
 *   sleeper:  bell_lie_down(); look once more for work; poll bell.fd; bell_get_up()
 *   others:   publish work; bell_ring()
 *
 * Thread: one sleeper, any number of ringers.
 */
#ifndef KIDOBAN_SINK_BELL_H
#define KIDOBAN_SINK_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct bell {
	int fd;		   /* eventfd; readable when it rang; -1: none */
	atomic_int asleep; /* 1: somebody has to ring */
};

/* ns of a clock that is never stepped, as everything behind a bell counts its time */
static inline int64_t bell_now(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline bool bell_make(struct bell *b)
{
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	atomic_init(&b->asleep, 0);
	return b->fd >= 0;
}

static inline void bell_ring(struct bell *b)
{
	const uint64_t one = 1;

	/* What was published is seen by a sleeper that looks once more, or asleep is seen here. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&b->asleep, memory_order_relaxed) ||
	    !atomic_exchange(&b->asleep, 0))
		return;
	if (write(b->fd, &one, sizeof(one)) < 0)
		return; /* it is full of rings already */
}

static inline void bell_lie_down(struct bell *b)
{
	atomic_store(&b->asleep, 1);
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void bell_get_up(struct bell *b)
{
	uint64_t rings;

	atomic_store(&b->asleep, 0);
	if (read(b->fd, &rings, sizeof(rings)) < 0)
		return; /* nobody had to ring */
}

#endif
