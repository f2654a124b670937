/*
 * baseline/value_type.h - what the 16-bit words of a protocol that says no types mean.
 *
 * Until a word is decided it is taken for a number of 16 bits of its own, and its first samples
 * are kept beside it, with those of the word behind it (struct value_trial). After 32 changes, or
 * when learning ends, the two are tried as one number in both word orders, and taken for one when
 * there is reason to:
 *
 *   round    as floats they are decimals of few digits
 *   full     the low word goes all over its range in wide steps, which sensors do not do
 *   carry    when the high word goes one up or down, the low word jumps the other way
 *   quiet    the high word is that of a float and stands still, the low word jumps about
 *
 * Floats must be plausible throughout (0, or between 1e-5 and 1e9). What was kept is then learned
 * again, as what it is. Two more reasons take longer to show, and are looked for later as well:
 *
 *   carry    as above, three times; learning of the two begins anew then
 *   counter  the low word never goes down; the high word is small, and goes up with each wrap of
 *            the low one (60 steps), or stands still (300 steps)
 *
 * One that stands still at 0 may as well be a flag beside a counter: they stay two words; that it
 * goes one up when the other wraps, then or while nobody looked, is no news (value.c).
 *
 * Signs are found out later, too: the first value beyond the middle of the
 * type decides, and nothing is lost until then.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_VALUE_TYPE_H
#define KIDOBAN_BASELINE_VALUE_TYPE_H

#include "baseline/value_model.h"

#define VALUE_TRIAL 64 /* runs of equal samples that are kept at most */
#define VALUE_TRIED 33 /* so many decide */

enum value_type {
	VALUE_GIVEN, /* the protocol says it */
	VALUE_U16,
	VALUE_I16,
	VALUE_U32,	   /* high word first */
	VALUE_U32_SWAPPED, /* low word first */
	VALUE_I32,
	VALUE_I32_SWAPPED,
	VALUE_F32,
	VALUE_F32_SWAPPED,
	VALUE_SECOND, /* the second word of the object before */
	VALUE_TYPES
};

/* Words for the text, NULL-ended. */
extern const char *const value_type_words[VALUE_TYPES + 1];
const char *value_type_says(uint8_t type, bool japanese);

/* How many values integers of the type have; 0: it is none. */
double value_type_span(uint8_t type);
static inline bool value_type_pair(uint8_t type)
{
	return type >= VALUE_U32 && type <= VALUE_F32_SWAPPED;
}

/* Value i of v, read so. False: there is none, or it is no number. */
bool value_type_read(uint8_t type, const struct op_values *v, uint32_t i, double *x);

/* The first samples of a word and the one behind it, while it is not known what it is. */
struct value_trial {
	uint8_t n, cap; /* of run */
	bool alone;	/* it was seen without the one behind it */
	struct value_trial_run {
		int64_t first, last; /* ns */
		uint32_t count;	     /* samples, one after the other */
		uint16_t word[2];
	} run[];
};

/*
 * Value i of v is a sample of a word that is on trial. True: it can be decided now. *t is NULL at
 * first, allocated while learning, and given back with free().
 */
bool value_trial_see(struct value_trial **t, const struct op_values *v, uint32_t i, int64_t time);
/* Adds runs of another trial of the same word; those that do not fit are left out. */
bool value_trial_add(struct value_trial **t, const struct value_trial *from);

/* From one sample to the next the high word went one up or down, and the low word the other way. */
bool value_type_carry(uint16_t high, uint16_t low, uint16_t h, uint16_t l);

/* All that was seen was `by` more. */
void value_type_shift(struct value_model *m, struct value_run *run, double by);

/* What run k of it is, read so. */
double value_trial_at(const struct value_trial *t, unsigned k, uint8_t type);

/* The type of two words that the trial speaks for, VALUE_U16 for none; and how strongly. */
uint8_t value_trial_guess(const struct value_trial *t, unsigned *strength);

/*
 * A sample that is off the middle of an unsigned type: makes it signed when that explains it
 * better and nothing is lost. x is changed with it.
 */
void value_type_sign(struct value_model *m, struct value_run *run, double *x);

/* As a signed type, when nothing is lost: false when there is. */
bool value_type_make_signed(struct value_model *m, struct value_run *run);

#endif
