/*
 * baseline/set.h - was this ever seen?
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_SET_H
#define KIDOBAN_BASELINE_SET_H

#include "baseline/baseline.h"

#define SET_RANGES 16 /* of objects, per act; the nearest two are joined when there are more */

struct archive;
struct sight;
struct norm;
struct channel;

struct set_range {
	uint64_t lo, hi; /* both inside */
};

/* One code on one channel, and the numbered objects it was used on. */
struct set_act {
	struct set_act *next;
	const char *name; /* the standard's term for the code */
	uint32_t code;
	uint8_t cls;   /* enum op_class */
	uint8_t role;  /* enum op_role: OP_REQUEST or OP_PUBLISH */
	uint8_t space; /* enum op_space */
	uint8_t ranges;
	struct set_range range[SET_RANGES];
	struct tally seen;
};

struct set_channel {
	struct set_act *acts;
};

struct set_norm {
	uint32_t hosts; /* how many are known */
};

void set_check(struct baseline *b, const struct sight *s);
void set_learn(struct baseline *b, const struct sight *s);
bool set_merge(struct norm *to, const struct norm *from);

/* What of it is kept (archive.h). */
void set_channel_fields(struct archive *a, struct channel *c);
void set_norm_fields(struct archive *a, struct norm *n);

#endif
