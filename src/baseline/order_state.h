/*
 * baseline/order_state.h - registers of an item that are states of a machine, for those who ask
 * what state it is in or how long it lasts.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_ORDER_STATE_H
#define KIDOBAN_BASELINE_ORDER_STATE_H

#include "baseline/order_inside.h"

#define STATE_REGS   32u /* of one item that are followed */
#define STATE_VALUES 16u /* that a state word takes */
#define STATE_MOVES  64u

/* How long something took; all zero: never seen. */
struct order_lasts {
	uint32_t n;
	int64_t mean, least, most; /* ns */
};

/* When a move comes (order_stay.c). */
struct order_stay {
	int64_t last;		/* ns, when it came last; 0: not yet */
	int64_t late;		/* ns, the look that saw it was so much later than usual */
	struct order_lasts own; /* since the state was entered */

	/* a move of another device of the same client, which it comes after */
	struct item *item; /* NULL: none */
	uint32_t reg;
	uint16_t from, to;
	uint32_t misses; /* it came without that */
	bool alone;	 /* it comes any time after that: not looked for any more */
	struct order_lasts after;
};

struct order_move {
	uint16_t from, to;
	uint32_t count;
	struct order_stay *stay; /* NULL: it came too seldom */
};

/* One register. */
struct order_state {
	struct order_move move[STATE_MOVES];
	uint32_t moves;
	uint64_t seen, novel; /* moves; those that were new though others from there were known */
	int64_t since;	      /* ns; it is in its state; 0: not known */
};

struct order_states {
	int64_t time; /* ns, of the last look; 0: none yet */
	uint32_t regs;
	uint32_t off; /* registers, as bits, that take more values */
	uint16_t last[STATE_REGS];
	struct order_state *state[STATE_REGS]; /* NULL: it never moved */
};

/* NULL: it never came. */
struct order_move *order_move_find(struct order_state *s, uint16_t from, uint16_t to);

/* Mean time between two looks at an item, in ns; 0: not known. */
int64_t order_looks_every(const struct item *i);

/* --- order_stay.c --- */

/*
 * Register reg went from one state to another at s->time; the look before was `late` ns longer
 * ago than usual.
 */
void order_stay_see(struct baseline *b, const struct sight *s, uint32_t reg, uint16_t from,
		    uint16_t to, int64_t late, bool learning);
/* Nobody looked for a while. */
void order_stay_resume(struct order_state *s);
/* Adds how long a state lasted in another norm; after all channels, what came after what. */
void order_stay_merge(struct norm *n, struct order_move *to, const struct order_move *from);
void order_stay_merge_norm(struct norm *to, const struct norm *from);
/* How long a state lasted, in the map of the move; after all channels, what came after what. */
void order_stay_fields(struct archive *a, struct order_stay *s);
void order_stay_norm_fields(struct archive *a, struct norm *n);

#endif
