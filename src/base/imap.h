/*
 * base/imap.h - a table from 64-bit keys to 32-bit values, filled once, asked often.
 *
 * Open addressing with linear probing, at most half full, so a lookup is a hash and one or two
 * neighbouring cells. Memory is the arena's. Thread: immutable once filled.
 */
#ifndef KIDOBAN_BASE_IMAP_H
#define KIDOBAN_BASE_IMAP_H

#include "base/arena.h"
#include "base/hash.h"

#define IMAP_NONE UINT32_MAX /* no value; also never stored */

struct imap_cell {
	uint64_t key;
	uint32_t value; /* IMAP_NONE: the cell is free */
};

/* All zero is an empty map. */
struct imap {
	struct imap_cell *cell;
	uint32_t mask;	/* cells - 1; a power of two minus one */
	uint32_t count; /* keys */
};

/* Returns IMAP_NONE, or the value the key already has, which then stays. */
uint32_t imap_add(struct imap *m, struct arena *a, uint64_t key, uint32_t value);

static inline uint32_t imap_find(const struct imap *m, uint64_t key)
{
	uint32_t i;

	if (!m->cell)
		return IMAP_NONE;
	for (i = (uint32_t)hash_u64(key, 0);; i++) {
		const struct imap_cell *c = &m->cell[i & m->mask];

		if (c->value == IMAP_NONE || c->key == key)
			return c->value;
	}
}

#endif
