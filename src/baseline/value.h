/*
 * baseline/value.h - is this a value it takes?
 *
 * An object is one place of one server that holds a value (a register, a coil, a tag, a topic),
 * whoever reads it; what is written to it is known apart from what is read of it. Each has a model
 * of a few hundred bytes (value_model.h): what it was seen to be, how far it moves at once, how
 * long it stands still. A 16-bit word may be half of something larger: value_type.h finds out.
 *
 * Where several values come in one answer, pairs of them that always move together are looked for
 * (value_pair.c). Where a state word of few values is among them, numbers are also held against
 * what they were in that state (value_given.c). All of it is soft: the budget decides from which
 * score on it is told.
 *
 * Memory: an object 320 bytes, with 48 to 192 for its set as long as it takes few values; 40 for
 * each value of an item; 120 for a pair, of which an item has 16 at most and an object 4; where an
 * item has a state word, 384 for each of its states (16 objects, 16 states at most) and 250. While
 * learning, a word whose type is not decided up to 1.6 KB beside it (100 bytes, when it stands
 * still). What it says of an object it never saw is nothing: the set detector does.
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

struct value_object;
struct value_pair;

struct value_norm {
	uint32_t objects;		    /* followed */
	struct value_object *first, **last; /* in the order they were first seen in */
	struct value_object **bucket;	    /* mask + 1, a power of two; NULL: no objects yet */
	uint32_t mask;			    /* of bucket */
	struct value_pair *pairs;	    /* all of them */
	uint32_t pair_count;		    /* of pairs */
	double *spare[3]; /* blocks of discrete sets that are free again, by size */
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
