/*
 * flow/pool.h - buffers for bytes that have to wait, within one bound.
 *
 * One arena is reserved at start and cut into chunks of 64 KiB; a chunk serves buffers of one
 * size class and goes back to the arena when its last buffer does, so that one class can never
 * keep the memory of the others. Getting and putting a buffer is a few pointer moves.
 *
 *   arena   | 512 x 128 | 2048 x 32 | 65536 x 1 | free | free | ...
 *             `- used, first free slot; linked with the other part-full chunks of its class
 *
 * Pages of the arena that were never used cost nothing. Thread: one worker owns one pool.
 */
#ifndef KIDOBAN_FLOW_POOL_H
#define KIDOBAN_FLOW_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_MAX 65536 /* bytes of the largest buffer */

struct pool;

/* bytes is rounded up to whole chunks, at least 16. NULL when memory is out. */
struct pool *pool_new(size_t bytes);

/* A buffer of at least size bytes, not zeroed; NULL when size > POOL_MAX or the bound is met. */
void *pool_get(struct pool *p, uint32_t size);

/* Bytes the buffer really has. */
uint32_t pool_room(const struct pool *p, const void *buf);

/* Accepts NULL. */
void pool_put(struct pool *p, void *buf);

/* Bytes in buffers that were got and not put. */
size_t pool_used(const struct pool *p);

/* Accepts NULL. */
void pool_free(struct pool *p);

/*
 * Fixed-size states from a list that grows by blocks up to a bound and never shrinks: no
 * allocation once the high-water mark is reached.
 */
struct slab {
	void *free;	 /* linked through the first word */
	void *blocks;	 /* likewise, for slab_clear */
	uint32_t size;	 /* bytes of one */
	uint32_t zeroed; /* bytes at its start that slab_get() clears */
	uint32_t made;	 /* how many exist */
	uint32_t limit;	 /* how many may */
};

/* zeroed: how much of the start of one is zero when it is given out; 0: all. */
void slab_init(struct slab *s, uint32_t size, uint32_t zeroed, uint32_t limit);

/* NULL at the bound or when memory is out. */
void *slab_get(struct slab *s);

/* Accepts NULL. */
void slab_put(struct slab *s, void *item);

void slab_clear(struct slab *s);

#endif
