/*
 * base/arena.h - memory that is taken piece by piece and given back at once.
 *
 * Loaders build trees and tables of thousands of small pieces that live exactly as long as what
 * was loaded. An arena hands them out of large blocks, zeroed and aligned for any type, and
 * nothing has to be freed on the way out of an error.
 *
 *   block -> block -> block      each: [ used ......... | free ]
 *
 * It is for loading only: when the system has no memory left the program ends with a message
 * (there is nothing useful a sensor without its configuration could go on with). Nothing on the
 * way of a packet allocates. Thread: one at a time.
 */
#ifndef KIDOBAN_BASE_ARENA_H
#define KIDOBAN_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

/* All zero is an empty arena. */
struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;		    /* bytes of the newest block that are given out */
	size_t total;		    /* bytes of all blocks */
};

/* Zeroed, aligned to 16 bytes; never NULL. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);

/* n elements of size bytes, zeroed; ends the program when n * size does not fit a size_t. */
void *arena_array(struct arena *a, size_t n, size_t size);

/* A copy with a NUL behind it. */
char *arena_text(struct arena *a, const char *s, size_t len);

__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *fmt, ...);

/*
 * Room for one more element in a growing array: returns the array, moved when it was full. The old
 * place stays in the arena, so all growth together costs less than twice the final size.
 */
void *arena_grow(struct arena *a, void *array, uint32_t count, uint32_t *cap, size_t size);

/* Gives everything back; the arena is empty and usable again. */
void arena_free(struct arena *a);

#endif
