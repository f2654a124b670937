/*
 * baseline/order_inside.h - cycles and paths, for the files of the order detector.
 *
 * Private to baseline/order*.c. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_ORDER_INSIDE_H
#define KIDOBAN_BASELINE_ORDER_INSIDE_H

#include "baseline/inside.h"

#define ORDER_SYMBOLS 64  /* items of a group; bits of a word */
#define ORDER_CYCLES  16  /* of a group */
#define ORDER_PATHS   512 /* of a channel */
#define ORDER_LEVELS  3
#define ORDER_ENOUGH  4 /* rounds in a window that make a cycle */
#define ORDER_AGAIN                                                                                \
	(3 * INT64_C(1000000000)) /* ns in which the same act is sent again, not new               \
				   */
#define ORDER_UNIT 17		  /* bits of ns that a window's clock leaves out */

/* A round that repeats. An item may be in it several times. */
struct order_cycle {
	uint64_t members; /* symbols, as bits */
	uint8_t *at;	  /* symbols in their order, n of them */
	uint8_t n;	  /* 2 to ORDER_SYMBOLS */
	bool acts;	  /* nothing but acts, at no regular intervals */
	struct tally rounds;
	uint64_t errors;  /* rounds, while it held, that were otherwise */
	uint32_t windows; /* that it held in */
	uint32_t broken;  /* windows in which neither it nor another of its items held */
	uint32_t held;	  /* windows in which one of them did; both from what is learned */
	int64_t every;	  /* ns, the mean of a round */

	/* where it just is */
	bool synced;
	bool holds;	  /* it was followed for a round, and nothing else took its place */
	uint8_t pos;	  /* index in at of what came last */
	uint8_t run;	  /* steps in line, one after the other; up to n */
	uint8_t odd[2];	  /* the last step out of line: from, to */
	uint8_t heat;	  /* steps out of order, lately */
	uint32_t since;	  /* steps since something came once too often */
	uint64_t skipped; /* symbols passed over, in this round */
	int64_t last;	  /* ns, of the last step */
	int64_t hot;	  /* ns, of the last step out of order */
};

/* What was asked, waiting to be looked at. */
struct order_window {
	uint16_t n;
	uint8_t symbol[256];
	uint32_t at[256]; /* time >> ORDER_UNIT, cut */
};

struct order_learning {
	struct order_window level[ORDER_LEVELS];
};

struct order_group {
	struct order_group *next;   /* in the order they were first seen in */
	struct order_group *bucket; /* next of the same hash */
	struct addr client;
	struct item *item[ORDER_SYMBOLS]; /* of each symbol */
	uint32_t symbols;
	uint32_t ready[ORDER_SYMBOLS]; /* windows that a symbol was in throughout */
	uint64_t regular; /* symbols: acts that come by themselves at regular intervals */
	uint64_t cyclic;  /* symbols in cycles that are believed */
	struct order_cycle *cycle[ORDER_CYCLES];
	uint32_t cycles;
	int64_t pause;			 /* ns: silence after which all begins anew; 0: none */
	int64_t last;			 /* ns */
	struct order_learning *learning; /* NULL: not learning */
};

/* b after a, x after b. */
struct order_path {
	uint8_t a, b, x; /* items' indices; ORDER_NOTHING: the beginning */
	uint32_t count;
};

#define ORDER_NOTHING 255

struct order_model {
	struct order_path *path;
	uint32_t paths, cap;
	bool irregular;	   /* it needed more */
	uint64_t novel;	   /* acts that followed what they never had followed, though others did */
	struct tally seen; /* acts that followed what something had followed before */
	uint8_t a, b;	   /* while learning: the last two */
	int64_t last;	   /* ns, of b */
};

struct order_run {
	uint8_t a, b; /* the last two acts */
	int64_t last; /* ns, of b */
};

/* It changes something. */
static inline bool order_acts(const struct item *i)
{
	return 1u << i->cls & (1u << OP_WRITE | 1u << OP_CONTROL | 1u << OP_PROGRAM |
			       1u << OP_FIRMWARE | 1u << OP_CONFIG | 1u << OP_FILE);
}

/* One cycle or another of its items held often enough where it could have. */
static inline bool order_believed(const struct order_cycle *c)
{
	return c->windows && (c->n > 2 || c->acts) && c->broken * 4 <= c->held &&
	       c->errors * 8 <= c->rounds.count;
}

/* --- order.c --- */

/* The group of an item, made if there is none. */
struct order_group *order_group(struct norm *n, struct item *i);
struct order_group *order_group_new(struct norm *n, const struct addr *client);
void order_group_add(struct order_group *g, struct item *i);

/* --- order_learn.c --- */

void order_window_add(struct arena *arena, struct order_group *g, unsigned level, uint8_t symbol,
		      int64_t time);
/* Looks at what there is, however little. */
void order_window_flush(struct arena *arena, struct order_group *g, int64_t time);
/* Cycles are taken together: a new one, or more of one that is known. */
struct order_cycle *order_cycle_add(struct arena *arena, struct order_group *g,
				    const struct order_cycle *c);
/* The smallest of its rotations: a round has no beginning, but one way of being written. */
void order_rotate(uint8_t *at, unsigned n);
/* Cycles changed. */
void order_group_refresh(struct order_group *g);

/* --- order_state.c --- */

void order_state_check(struct baseline *b, const struct sight *s);
void order_state_learn(struct baseline *b, const struct sight *s);
void order_state_resume(struct channel *c);
void order_state_merge(struct arena *arena, struct item *to, const struct item *from);
void order_state_fields(struct archive *a, struct channel *c);

/* --- order_path.c --- */

/* Of a channel, made if there is none. */
struct order_model *order_model(struct arena *arena, struct channel *c);
void order_path_check(struct baseline *b, const struct sight *s);
void order_path_learn(struct arena *arena, struct item *i, int64_t time);
void order_path_add(struct arena *arena, struct channel *c, const struct order_path *p);

#endif
