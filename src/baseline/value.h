/*
 * baseline/value.h - is this a value it takes?
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_VALUE_H
#define KIDOBAN_BASELINE_VALUE_H

#include "baseline/baseline.h"

struct archive;
struct sight;
struct norm;

/* The objects an item reads or writes, in order: no lookup per value. */
struct value_item;

struct value_norm {
	uint32_t objects; /* followed */
};

void value_check(struct baseline *b, const struct sight *s);
void value_learn(struct baseline *b, const struct sight *s);
void value_tick(struct baseline *b, struct norm *n, int64_t time);
/* Learning is over. */
void value_settle(struct norm *n);
bool value_merge(struct norm *to, const struct norm *from);
void value_norm_free(struct norm *n);

/* What of it is kept (archive.h). */
void value_norm_fields(struct archive *a, struct norm *n);
/* All was read: items find their objects. */
void value_link(struct norm *n);

#endif
