/*
 * policy/space_box.h - boxes of ops: what space.c subtracts and space_rule.c makes of rules.
 *
 * A box is a product of sets, one per dimension, all of one kind of op (struct space_kind): one
 * class, one space of objects. Numbers that may be absent are kept plus one, 0 is absent. Memory
 * is the arena's of the question. Private to policy/space*.c.
 */
#ifndef KIDOBAN_POLICY_SPACE_BOX_H
#define KIDOBAN_POLICY_SPACE_BOX_H

#include "policy/space.h"

enum space_dim {
	DIM_TRANSPORT, /* 6, 17 */
	DIM_PORT,
	DIM_CODE,
	DIM_UNIT, /* plus one */
	DIM_PATH, /* plus one; three of them */
	DIM_ADDR = DIM_PATH + 3,
	DIM_VALUE, /* see space_value(); of a mask its lower end */
	DIM_HIGH,  /* of a mask its upper end */
	DIMS
};

enum { TEXT_NAME, TEXT_ACTOR, TEXTS };

/* Numbers, sorted, disjoint, not adjoining. */
struct span {
	uint64_t lo, hi; /* both inside */
};

struct spans {
	const struct span *span;
	uint32_t n;
};

/* A text must match one of the patterns, or none of them. */
struct text_need {
	const struct names *names;
	bool none; /* none of them */
	const struct text_need *next;
};

struct box {
	struct spans dim[DIMS];
	const struct text_need *text[TEXTS]; /* all of them hold; NULL: any text */
};

enum space_values { VALUES_NONE, VALUES_BIT, VALUES_U16, VALUES_MASK, VALUES_REAL };

/* Ops of one class on one space of objects. */
struct space_kind {
	const struct vocab *vocab;
	uint8_t cls;	/* enum op_class */
	uint8_t space;	/* enum op_space */
	uint8_t values; /* enum space_values: what is judged */
	bool topics;	/* names are topics, else texts for patterns with * and ? */
	bool named;	/* the vocabulary has words for names of this space */
	bool wildcards; /* names may be topic filters themselves */
	bool actors;	/* who acts has a name */
	struct box all; /* every op of the kind there can be */
};

struct space_boxes {
	struct box *box;
	uint32_t n, cap;
};

/* A value as a number that sorts alike; what is no number is UINT64_MAX. */
uint64_t space_value(enum space_values v, double x);
double space_value_of(enum space_values v, uint64_t key);

/* The i-th kind of op of the vocabulary; false past the last. */
bool space_kind_at(const struct vocab *v, unsigned i, struct arena *a, struct space_kind *k);

/* The boxes of ops of this kind that the rule permits, inside of k->all. */
void space_rule_boxes(const struct rule *r, const struct space_kind *k, struct arena *a,
		      struct space_boxes *out);

/* Likewise for what the services of a conduit open. */
void space_serving_boxes(const struct conduit *c, const struct space_kind *k, struct arena *a,
			 struct space_boxes *out);

struct spans spans_of(struct arena *a, uint64_t lo, uint64_t hi);
struct spans spans_and(struct arena *a, struct spans x, struct spans y);
struct spans spans_less(struct arena *a, struct spans x, struct spans y);

/* A text that meets the needs, or that there is none (NO), into buf. */
enum space_answer space_text_find(const struct text_need *needs, const struct space_kind *k,
				  unsigned which, char buf[SPACE_NAME_MAX], uint8_t *len);

#endif
