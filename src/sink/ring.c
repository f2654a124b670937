#include "sink/ring.h"

#include <stdlib.h>
#include <string.h>

#define LINE 64 /* bytes of a cache line: what one thread writes is not in the other's */
#define SKIP UINT32_MAX

struct head {
	uint32_t len;  /* of the data; SKIP: nothing more before the end of the ring */
	uint32_t kind; /* the caller's */
};

struct ring {
	/* the writer's */
	_Alignas(LINE) _Atomic uint64_t head; /* bytes put since the beginning */
	_Atomic uint64_t puts;		      /* records */
	uint64_t tail_seen;		      /* tail as the writer last looked */
	/* the reader's */
	_Alignas(LINE) _Atomic uint64_t tail; /* bytes released */
	_Atomic uint64_t releases;
	/* both read */
	_Alignas(LINE) size_t size;
	struct bell *bell;
	char *data;
};

/* What a record takes, in multiples of 8. */
static size_t span(size_t len)
{
	return sizeof(struct head) + ((len + 7) & ~(size_t)7);
}

struct ring *ring_new(size_t size, struct bell *bell)
{
	struct ring *r;

	if (size < 4096 || size & (size - 1))
		return NULL;
	r = aligned_alloc(LINE, sizeof(*r));
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->size = size;
	r->bell = bell;
	r->data = aligned_alloc(LINE, size);
	if (!r->data) {
		free(r);
		return NULL;
	}
	return r;
}

static bool fits(struct ring *r, uint64_t head, size_t need, size_t limit)
{
	if (head + need - r->tail_seen <= limit)
		return true;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return head + need - r->tail_seen <= limit;
}

bool ring_put(struct ring *r, uint32_t kind, const void *data, size_t len, bool whole)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	size_t at = head & (r->size - 1), left = r->size - at, need = span(len), skip = 0;
	struct head *h;

	if (len >= SKIP || need > r->size / 2)
		return false;
	if (need > left)
		skip = left;
	if (!fits(r, head, skip + need, whole ? r->size : r->size / 2))
		return false;
	if (skip) {
		((struct head *)(r->data + at))->len = SKIP;
		at = 0;
	}
	h = (struct head *)(r->data + at);
	h->len = (uint32_t)len;
	h->kind = kind;
	memcpy(h + 1, data, len);
	atomic_store_explicit(&r->puts, atomic_load_explicit(&r->puts, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&r->head, head + skip + need, memory_order_release);
	if (r->bell)
		bell_ring(r->bell);
	return true;
}

void *ring_peek(struct ring *r, uint32_t *kind, size_t *len)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	struct head *h = (struct head *)(r->data + (tail & (r->size - 1)));

	if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
		return NULL;
	if (h->len == SKIP) {
		tail += r->size - (tail & (r->size - 1));
		atomic_store_explicit(&r->tail, tail, memory_order_release);
		h = (struct head *)r->data;
	}
	*kind = h->kind;
	*len = h->len;
	return h + 1;
}

void ring_release(struct ring *r)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	const struct head *h = (const struct head *)(r->data + (tail & (r->size - 1)));

	atomic_store_explicit(&r->releases,
			      atomic_load_explicit(&r->releases, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&r->tail, tail + span(h->len), memory_order_release);
}

size_t ring_used(const struct ring *r)
{
	uint64_t tail = atomic_load(&r->tail); /* first: it never passes the head */

	return (size_t)(atomic_load(&r->head) - tail);
}

uint64_t ring_waiting(const struct ring *r)
{
	uint64_t done = atomic_load(&r->releases);

	return atomic_load(&r->puts) - done;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	free(r->data);
	free(r);
}
