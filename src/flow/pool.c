/* Size-classed buffers from one bounded arena, and slabs of equal states. */
#include "flow/pool.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK	   POOL_MAX
#define CHUNKS_MIN 16
#define NONE	   UINT32_MAX

static const uint32_t class_size[] = {512, 2048, 8192, 65536};
#define CLASSES (sizeof(class_size) / sizeof(*class_size))

struct chunk {
	uint32_t prev, next; /* part-full chunks of the class, or free chunks by next */
	uint32_t fresh;	     /* slots never handed out start here */
	uint32_t used;	     /* slots out */
	void *free;	     /* slots put back, linked through their first word */
	uint8_t cls;	     /* index into class_size */
};

struct pool {
	uint8_t *arena;
	struct chunk *chunk;
	uint32_t chunks;	/* in the arena */
	uint32_t fresh;		/* chunks never used start here */
	uint32_t free;		/* chunks given back */
	uint32_t part[CLASSES]; /* chunks with a free slot */
	size_t used;
};

struct pool *pool_new(size_t bytes)
{
	struct pool *p = calloc(1, sizeof(*p));
	size_t chunks = (bytes + CHUNK - 1) / CHUNK, i;

	if (!p)
		return NULL;
	if (chunks < CHUNKS_MIN)
		chunks = CHUNKS_MIN;
	p->chunks = (uint32_t)chunks;
	p->arena = malloc(chunks * CHUNK);
	p->chunk = calloc(chunks, sizeof(*p->chunk));
	p->free = NONE;
	for (i = 0; i < CLASSES; i++)
		p->part[i] = NONE;
	if (!p->arena || !p->chunk) {
		pool_free(p);
		return NULL;
	}
	return p;
}

static void part_add(struct pool *p, uint32_t i)
{
	struct chunk *c = &p->chunk[i];

	c->prev = NONE;
	c->next = p->part[c->cls];
	if (c->next != NONE)
		p->chunk[c->next].prev = i;
	p->part[c->cls] = i;
}

static void part_del(struct pool *p, uint32_t i)
{
	struct chunk *c = &p->chunk[i];

	if (c->prev == NONE)
		p->part[c->cls] = c->next;
	else
		p->chunk[c->prev].next = c->next;
	if (c->next != NONE)
		p->chunk[c->next].prev = c->prev;
}

/* A chunk of the class with a free slot, or NONE. */
static uint32_t chunk_of(struct pool *p, uint8_t cls)
{
	uint32_t i = p->part[cls];

	if (i != NONE)
		return i;
	if (p->free != NONE) {
		i = p->free;
		p->free = p->chunk[i].next;
	} else if (p->fresh < p->chunks) {
		i = p->fresh++;
	} else {
		return NONE;
	}
	memset(&p->chunk[i], 0, sizeof(p->chunk[i]));
	p->chunk[i].cls = cls;
	part_add(p, i);
	return i;
}

void *pool_get(struct pool *p, uint32_t size)
{
	struct chunk *c;
	uint8_t cls = 0;
	uint32_t i;
	void *buf;

	while (cls < CLASSES && class_size[cls] < size)
		cls++;
	if (cls == CLASSES || (i = chunk_of(p, cls)) == NONE)
		return NULL;
	c = &p->chunk[i];
	if (c->free) {
		buf = c->free;
		memcpy(&c->free, buf, sizeof(c->free));
	} else {
		buf = p->arena + (size_t)i * CHUNK + (size_t)c->fresh++ * class_size[cls];
	}
	c->used++;
	if (c->used == CHUNK / class_size[cls])
		part_del(p, i);
	p->used += class_size[cls];
	return buf;
}

static uint32_t index_of(const struct pool *p, const void *buf)
{
	return (uint32_t)((size_t)((const uint8_t *)buf - p->arena) / CHUNK);
}

uint32_t pool_room(const struct pool *p, const void *buf)
{
	return class_size[p->chunk[index_of(p, buf)].cls];
}

void pool_put(struct pool *p, void *buf)
{
	struct chunk *c;
	uint32_t i;

	if (!buf)
		return;
	i = index_of(p, buf);
	c = &p->chunk[i];
	p->used -= class_size[c->cls];
	if (c->used == CHUNK / class_size[c->cls])
		part_add(p, i);
	memcpy(buf, &c->free, sizeof(c->free));
	c->free = buf;
	if (--c->used == 0) {
		part_del(p, i);
		c->next = p->free;
		p->free = i;
	}
}

size_t pool_used(const struct pool *p)
{
	return p->used;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	free(p->arena);
	free(p->chunk);
	free(p);
}

#define BLOCK_BYTES 65536 /* what a slab grows by, at least one item */

void slab_init(struct slab *s, uint32_t size, uint32_t zeroed, uint32_t limit)
{
	memset(s, 0, sizeof(*s));
	s->size = size < sizeof(void *) ? (uint32_t)sizeof(void *) : (size + 15) & ~15u;
	s->zeroed = zeroed && zeroed < s->size ? zeroed : s->size;
	s->limit = limit;
}

static void slab_grow(struct slab *s)
{
	uint32_t n = BLOCK_BYTES / s->size, i;
	uint8_t *block;

	if (n == 0)
		n = 1;
	if (n > s->limit - s->made)
		n = s->limit - s->made;
	block = n ? malloc(16 + (size_t)n * s->size) : NULL;
	if (!block)
		return;
	memcpy(block, &s->blocks, sizeof(s->blocks));
	s->blocks = block;
	s->made += n;
	for (i = n; i-- > 0;)
		slab_put(s, block + 16 + (size_t)i * s->size);
}

void *slab_get(struct slab *s)
{
	void *item;

	if (!s->free)
		slab_grow(s);
	item = s->free;
	if (!item)
		return NULL;
	memcpy(&s->free, item, sizeof(s->free));
	memset(item, 0, s->zeroed);
	return item;
}

void slab_put(struct slab *s, void *item)
{
	if (!item)
		return;
	memcpy(item, &s->free, sizeof(s->free));
	s->free = item;
}

void slab_clear(struct slab *s)
{
	void *block;

	while ((block = s->blocks)) {
		memcpy(&s->blocks, block, sizeof(s->blocks));
		free(block);
	}
	s->free = NULL;
	s->made = 0;
}
