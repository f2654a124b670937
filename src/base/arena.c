#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN (64 * 1024)
#define ALIGN	  16

struct arena_block {
	struct arena_block *next;
	size_t size; /* bytes of data */
	_Alignas(ALIGN) unsigned char data[];
};

static void *out_of_memory(void)
{
	fputs("kidoban: out of memory\n", stderr);
	exit(2);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t want;

	if (size > SIZE_MAX / 2)
		return out_of_memory();
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!b || size > b->size - a->used) {
		want = a->total < 16 * BLOCK_MIN ? BLOCK_MIN : 1024 * 1024;
		want = size > want ? size : want;
		b = calloc(1, sizeof(*b) + want);
		if (!b)
			return out_of_memory();
		b->size = want;
		b->next = a->blocks;
		a->blocks = b;
		a->used = 0;
		a->total += want;
	}
	a->used += size;
	return b->data + a->used - size;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return out_of_memory();
	return arena_alloc(a, bytes);
}

char *arena_text(struct arena *a, const char *s, size_t len)
{
	char *t = arena_alloc(a, len + 1);

	if (len)
		memcpy(t, s, len);
	return t;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char *heap, *t;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&heap, fmt, ap);
	va_end(ap);
	if (n < 0)
		return out_of_memory();
	t = arena_text(a, heap, (size_t)n);
	free(heap);
	return t;
}

void *arena_grow(struct arena *a, void *array, uint32_t count, uint32_t *cap, size_t size)
{
	void *moved;

	if (count < *cap)
		return array;
	if (*cap > UINT32_MAX / 2)
		return out_of_memory();
	*cap = *cap ? *cap * 2 : 8;
	moved = arena_array(a, *cap, size);
	if (count && array)
		memcpy(moved, array, count * size);
	return moved;
}

void arena_free(struct arena *a)
{
	struct arena_block *b = a->blocks, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){0};
}
