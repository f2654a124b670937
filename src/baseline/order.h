/*
 * baseline/order.h - does this come after that?
 *
 * A master has a program: it asks the same things in the same order, round after round, across its
 * devices; several such rounds with their own periods run at once; and now and then it writes, in
 * the order a recipe or an operator gives. So order is learned twice:
 *
 *   cycles   of a client, over all it asks        A -> B -> C -> A      D -> E -> F -> D
 *   paths    of a channel, over its acts          stop -> speed -> speed -> start
 *
 * Cycles. What was asked is looked at in windows of 128 to 256 messages. Two items belong together
 * when they take turns: between two of one there is exactly one of the other. Items that all take
 * turns with each other always come in one order, that of the cycle. Items asked by timers of their
 * own take turns only until one overtakes the other; they are known by their distance in time,
 * which wanders, and by windows in which the cycle did not hold (`broken`). What is too rare to be
 * in a cycle of this window goes on to a second and from there to a third, each for periods some 30
 * times as long. A phase of production that has another order has a cycle of its own.
 *
 * Compared, each cycle is followed by itself. An item that is not the next one is out of order when
 * it was passed over just before: it came after what it comes before. One missing, one asked
 * twice, the same gap in each round (a device is gone), a start from the beginning: none of that is
 * a matter of order; timing tells of it. After a pause longer than a round, order begins anew.
 *
 * Paths. Acts are what changes something (write, control, program, config, firmware, file) and
 * neither belongs to a cycle nor comes at regular intervals. What followed one, and what followed
 * two, is kept; how likely something new follows is estimated from how much new there was (Witten
 * and Bell 1991).
 *
 * States. Of the first 32 registers that a read returns, those that take at most 16 values are
 * taken for states of a machine; which came after which is kept and judged as paths are. So is how
 * long a state lasts before each of the next ones, and, when it is the same each time, how long
 * after a move of another device of the same client it ends (one such for each move: the one that
 * was seen to come before it).
 *
 * Score: grows with the cube root of the odds against it, as a Pareto tail does (budget.h): 1 at
 * 1 in 32 steps of a cycle and at 1 in 4 acts; doubled for each step out of order just before.
 *
 * Memory: 64 items of a client make a group, with at most 16 cycles of at most 64 items, and 4 kB
 * while it is learned; a channel has at most 512 paths of 8 bytes,
 * an item that reads registers 0.4 kB, 1 kB for each that is a state and 0.15 kB for each of its
 * moves that came eight times, at most 4096 in a norm. A group or channel that
 * needs more is too irregular; nothing is said about it.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_ORDER_H
#define KIDOBAN_BASELINE_ORDER_H

#include "baseline/baseline.h"

struct archive;
struct sight;
struct norm;
struct channel;
struct order_group;
struct order_model;  /* learned; of one channel: its paths */
struct order_states; /* of one item: registers that are states */
struct order_run;    /* where the channel just is */

/* Of one item: its place among those of its client. */
struct order_item {
	struct order_group *group;   /* NULL: none yet */
	uint8_t symbol;		     /* in the group, below 64 */
	struct order_states *states; /* NULL: none */
};

/* What moved last, of two devices of a client. */
#define ORDER_RECENT 32 /* clients, by hash; the newer one wins */
struct order_recent {
	struct addr client;
	struct order_recent_move {
		struct item *item; /* NULL: none */
		int64_t time;	   /* ns */
		uint32_t reg;
		uint16_t from, to;
	} move[2]; /* of different servers, the last one first */
};

/* Groups of all clients. */
struct order_norm {
	struct order_group *groups, **last; /* in the order they were first seen in */
	struct order_group **bucket;	    /* by client, mask + 1, a power of two; the newest */
	uint32_t mask, count;
	uint32_t stays; /* moves of states that are timed */
	struct order_recent recent[ORDER_RECENT];
};

void order_check(struct baseline *b, const struct sight *s);
void order_learn(struct baseline *b, const struct sight *s);
void order_resume(struct norm *n, int64_t time);
/* Learning is over. */
void order_settle(struct norm *n);
bool order_merge(struct channel *to, const struct channel *from);
/* After the channels: cycles. */
bool order_merge_norm(struct norm *to, const struct norm *from);
void order_channel_free(struct channel *c);
void order_norm_free(struct norm *n);

/* What of it is kept; items go by their number in the text (archive.h). */
void order_channel_fields(struct archive *a, struct channel *c);
/* After all channels. */
void order_norm_fields(struct archive *a, struct norm *n);

#endif
