/*
 * baseline/value_inside.h - objects, what items hold of them, and pairs, for the files of the
 * value detector.
 *
 * Private to baseline/value*.c. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_VALUE_INSIDE_H
#define KIDOBAN_BASELINE_VALUE_INSIDE_H

#include "baseline/inside.h"
#include "baseline/value_model.h"
#include "baseline/value_type.h"

#define VALUE_ITEM_PAIRS 16 /* pairs of objects looked at in one item */
#define VALUE_OWN_PAIRS	 4  /* pairs an object is the first of */

/* What is known of one place, read or written. */
struct value_object {
	struct value_object *next;   /* of the norm, in the order they were first seen in */
	struct value_object *bucket; /* next of the same hash */
	uint64_t key;
	struct addr server;
	const char *proto;
	int32_t unit;
	uint8_t space, npath;
	bool written; /* what was written to it, not what was read of it */
	bool open;    /* read from a text that was written before its type was decided */
	uint8_t pair_count;
	uint8_t carries[2]; /* with the word behind it as the low, and as the high one */
	uint8_t others[2];  /* changes of the high one that were none */
	uint32_t path[3];
	uint64_t at;	  /* address or element */
	const char *name; /* NULL: none */

	struct value_model model;
	struct value_run run;
	struct value_trial *trial; /* learning: what it is is not decided yet; else NULL */
	struct value_pair *pairs;  /* it is the first of */
};

/* An object as one item sees it. */
struct value_view {
	struct value_object *object; /* NULL: not followed */
	double last;		     /* the sample before */
	int64_t since, at;	     /* ns, it is last since; its time. 0: none yet */
	uint32_t looks;		     /* samples since */
	float told;		     /* score at which it was told that it stands still */
};

struct value_item {
	uint32_t n;	  /* views */
	uint32_t look;	  /* learning: ops, for looking for pairs now and then */
	uint32_t next[2]; /* views to be tried as a pair next */
	uint8_t pairs;
	bool full;		   /* no more objects are made for it */
	struct value_given *given; /* what values are in each state; NULL: no state is known */
	struct value_joint *joint; /* VALUE_ITEM_PAIRS; NULL: none yet */
	struct value_view view[];
};

/* A pair in an item: both of its objects come with the same op. */
struct value_joint {
	struct value_pair *pair;
	uint32_t a, b; /* views */
	float told;    /* score at which it was told last */
	uint8_t apart; /* samples in a row that are apart */
};

/* b = offset + slope * a, so far always. */
struct value_pair {
	struct value_pair *next;   /* of the norm */
	struct value_pair *next_a; /* of the same first object */
	struct value_object *a, *b;
	uint64_t n; /* samples in which either moved */
	double mean_a, mean_b;
	double saa, sbb, sab; /* squares of deviations from the means */
	double slope, offset; /* as fitted last */
	double worst;	      /* farthest from it since */
	uint64_t fitted;      /* n, when it was; 0: not yet */
	uint32_t uses;	      /* items */
};

/* NULL: not known. */
struct value_object *value_object_find(const struct norm *n, const struct value_object *what);
/* Made when it is not there; NULL beyond the limit. */
struct value_object *value_object_get(struct norm *n, const struct value_object *what);
/* The object that is element i of an item. */
struct value_object value_object_of(const struct item *item, uint32_t i);
/* The one so many places behind it. */
struct value_object *value_object_near(const struct norm *n, const struct value_object *o, int by);

/* The item's objects; made (learning) or only those there are. NULL: it has none. */
struct value_item *value_item_make(struct item *item, uint32_t n, bool learning);

/* Decides what a word on trial is; afterwards it is on trial no more. */
void value_decide(struct norm *n, struct value_object *o);

/*
 * What lasts is told when it begins, and again when it is worse by a quarter: true then. told: the
 * score at which it was told last.
 */
bool value_worse(const struct baseline *b, enum baseline_finding what, double score, float *told);

/* --- value_pair.c --- */

/* What it does with an op whose values are in the views now. */
void value_pairs_see(struct baseline *b, const struct sight *s, bool learning);
/* Makes a pair, or finds it. NULL: too many. */
struct value_pair *value_pair_get(struct norm *n, struct value_object *a, struct value_object *b);
/* A pair as it was written: made, or added to the one there is. */
void value_pair_read(struct norm *n, const struct value_object *a, const struct value_object *b,
		     const struct value_pair *what);
/* It holds well enough to be kept. */
bool value_pair_strong(const struct value_pair *p);
/* All pairs within the item that there are. */
void value_pairs_link(struct item *item);
void value_pairs_merge(struct norm *to, const struct norm *from);
/* How far off b = offset + slope * a this may be. */
double value_pair_width(const struct value_pair *p);

/* --- value_given.c --- */

/* What it does with an op whose item has values. */
void value_given_check(struct baseline *b, const struct sight *s);
void value_given_learn(struct baseline *b, const struct sight *s);
void value_given_merge(struct norm *to, const struct norm *from);
/* After the objects. */
void value_given_fields(struct archive *a, struct norm *n);

/* --- value_words.c --- */

/* n[0]: view of the item; n[1]: the value; n[2]: more, as the finding says; n[3]: second view. */
void value_words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		 char *observed, size_t observed_size);

#endif
