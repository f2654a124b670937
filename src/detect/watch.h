/*
 * detect/watch.h - is what must go on still going on?
 *
 * For every pair of ends of every watch of the policy (policy/watch.h) this remembers when such an
 * op was last seen and since when its values are the same, and asks three questions:
 *
 *   silent        the ops stopped, or the answers to them did: asked by packet time, so that it
 *                 is noticed though nothing comes
 *   out of range  a value read, published or written lies outside the range
 *   frozen        values come, but are exactly the same for too long
 *
 * What counts as seen: data that arrived (a good response, a publication) as soon as any did, else
 * the request; so a mirror of one direction is enough, and a device that no longer answers is
 * noticed. A capture that simply ends is no silence, nor is a pause in listening: then all clocks
 * begin anew.
 *
 *      state[pair] = { asked, heard, changed, WATCH_BLOCKS x (object -> values) }
 *
 * What goes on being wrong is told again each time the time allowed has passed once more, to be
 * counted, and once more when it ends.
 *
 * Several workers: each sees a part of the traffic. All write into one board when a pair was last
 * heard of, so that none calls silent what another one hears.
 *
 * Memory: one state per pair, made at start. Time is packet time. Thread: one worker; the board is
 * shared by all.
 */
#ifndef KIDOBAN_DETECT_WATCH_H
#define KIDOBAN_DETECT_WATCH_H

#include "detect/judge.h"
#include "policy/watch.h"

#define WATCH_BLOCKS 16 /* objects, each with the values of one op, whose values are remembered */

enum watch_what { WATCH_SILENT, WATCH_RANGE, WATCH_FROZEN };

/* Where such an op was last seen. */
struct watch_seen {
	uint64_t frame; /* 0: it was never seen */
	uint16_t file;	/* which of several captures that is in */
	uint64_t flow_id;
	struct addr addr[2]; /* client, server */
	uint16_t port[2];
	uint16_t vlan[PACKET_VLANS_MAX];
	uint8_t vlans;
	uint8_t ip_proto;
};

struct watch_notice {
	enum watch_what what;
	uint32_t pair;	  /* index of policy_watch_pair_at() */
	uint32_t times;	  /* how often since it was last told; 0: it has ended */
	int64_t time;	  /* ns; of silence and stillness when the time allowed was over */
	int64_t duration; /* ns; silent, frozen: for how long */
	bool answers;	  /* silent: of the server; requests may go on */
	const struct watch_seen *seen; /* where: this op, or of silence the last one */
	const struct op *op;	       /* range, frozen: the op at hand; silent: NULL */
	uint64_t element;	       /* range, frozen: which address of the op, from 0 */
	uint64_t elements;	       /* frozen: how many from there */
	double value;		       /* range: the value; NAN when it is no number */
};

struct watch_board; /* when each pair was last heard of, by any worker */

/* NULL only when memory is out. For the policy's pairs, and as long as tables use it. */
struct watch_board *watch_board_new(const struct policy *p);
/* Accepts NULL. */
void watch_board_free(struct watch_board *b);

struct watch_table;

/* board: NULL when there is one worker. tell() is called for everything that is wrong, during the
 * calls below. NULL only when memory is out. */
struct watch_table *watch_table_new(const struct policy *p, struct watch_board *board,
				    void (*tell)(void *user, const struct watch_notice *n),
				    void *user);

/* Any op on a flow whose places are known. */
void watch_op(struct watch_table *t, const struct flow *f, const struct flow_view *v,
	      const struct op *op);

/* Packet time has come so far; also at the end of the capture. */
void watch_tick(struct watch_table *t, int64_t time);

/* Listening begins, or begins anew after a pause or a jump in time. */
void watch_begin(struct watch_table *t, int64_t time);

/* Accepts NULL. */
void watch_table_free(struct watch_table *t);

#endif
