/*
 * base/iset.h - sets of numbers as sorted, disjoint, closed intervals.
 *
 *   {100-119, 3, 118-130}  ->  [3,3] [100,130]
 *
 * Built once (added in any order, then sealed), asked often: a binary search, no allocation. There
 * are two kinds: iset of unsigned 64-bit integers (addresses, units, codes, ports), where
 * neighbours such as 1-5 and 6-9 become one interval, and dset of doubles (values), where they do
 * not, because 5.5 lies between.
 *
 * An empty set contains nothing. Memory is the arena's. Thread: immutable after sealing.
 */
#ifndef KIDOBAN_BASE_ISET_H
#define KIDOBAN_BASE_ISET_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct iset_range {
	uint64_t lo, hi; /* both inside, lo <= hi */
};

struct iset {
	struct iset_range *range; /* sorted and disjoint once sealed */
	uint32_t count, cap;
};

void iset_add(struct iset *s, struct arena *a, uint64_t lo, uint64_t hi);
void iset_seal(struct iset *s);

/* The interval that contains v, or NULL. */
const struct iset_range *iset_find(const struct iset *s, uint64_t v);

static inline bool iset_contains(const struct iset *s, uint64_t v)
{
	return iset_find(s, v) != NULL;
}

/* All of [lo, hi]. */
static inline bool iset_contains_range(const struct iset *s, uint64_t lo, uint64_t hi)
{
	const struct iset_range *r = iset_find(s, lo);

	return r && hi <= r->hi;
}

struct dset_range {
	double lo, hi; /* both inside, lo <= hi, no NaN */
};

struct dset {
	struct dset_range *range;
	uint32_t count, cap;
};

void dset_add(struct dset *s, struct arena *a, double lo, double hi);
void dset_seal(struct dset *s);

/* All of [lo, hi]; never true of a NaN. */
bool dset_contains_range(const struct dset *s, double lo, double hi);

#endif
