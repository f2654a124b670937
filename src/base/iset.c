#include "base/iset.h"

#include <stdlib.h>

void iset_add(struct iset *s, struct arena *a, uint64_t lo, uint64_t hi)
{
	s->range = arena_grow(a, s->range, s->count, &s->cap, sizeof(*s->range));
	s->range[s->count++] = (struct iset_range){lo, hi};
}

static int by_lo(const void *x, const void *y)
{
	const struct iset_range *a = x, *b = y;

	return (a->lo > b->lo) - (a->lo < b->lo);
}

void iset_seal(struct iset *s)
{
	uint32_t i, n = 0;

	if (s->count < 2)
		return;
	qsort(s->range, s->count, sizeof(*s->range), by_lo);
	for (i = 1; i < s->count; i++) {
		struct iset_range *last = &s->range[n], *r = &s->range[i];

		if (last->hi == UINT64_MAX || r->lo <= last->hi + 1)
			last->hi = r->hi > last->hi ? r->hi : last->hi;
		else
			s->range[++n] = *r;
	}
	s->count = n + 1;
}

const struct iset_range *iset_find(const struct iset *s, uint64_t v)
{
	uint32_t lo = 0, hi = s->count, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->range[mid].hi < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->count && s->range[lo].lo <= v ? &s->range[lo] : NULL;
}

void dset_add(struct dset *s, struct arena *a, double lo, double hi)
{
	s->range = arena_grow(a, s->range, s->count, &s->cap, sizeof(*s->range));
	s->range[s->count++] = (struct dset_range){lo, hi};
}

static int by_value(const void *x, const void *y)
{
	const struct dset_range *a = x, *b = y;

	return (a->lo > b->lo) - (a->lo < b->lo);
}

void dset_seal(struct dset *s)
{
	uint32_t i, n = 0;

	if (s->count < 2)
		return;
	qsort(s->range, s->count, sizeof(*s->range), by_value);
	for (i = 1; i < s->count; i++) {
		struct dset_range *last = &s->range[n], *r = &s->range[i];

		if (r->lo <= last->hi)
			last->hi = r->hi > last->hi ? r->hi : last->hi;
		else
			s->range[++n] = *r;
	}
	s->count = n + 1;
}

bool dset_contains_range(const struct dset *s, double lo, double hi)
{
	uint32_t a = 0, b = s->count, mid;

	/* comparisons written so that a NaN falls through all of them */
	while (a < b) {
		mid = a + (b - a) / 2;
		if (s->range[mid].hi >= lo)
			b = mid;
		else
			a = mid + 1;
	}
	return a < s->count && s->range[a].lo <= lo && lo <= hi && hi <= s->range[a].hi;
}
