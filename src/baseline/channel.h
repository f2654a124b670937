/*
 * baseline/channel.h - the tables every detector hangs its knowledge on.
 *
 *   norm (one per operating mode)
 *     channel   client, server, protocol, unit          "hmi-1 asks plc-1, unit 1, in Modbus"
 *       item    one thing that is said on it, exactly   "read-holding-registers 0-9"
 *
 * An op is resolved to its channel and item once, by two lookups; detectors then only follow
 * pointers. An item that would be one too many is none (sight.item is NULL): the channel is known
 * by its sets only. A response is the item of its request. Each detector embeds in these structs
 * what it learned (X_model: can be merged, written as text and read back) and what it is just
 * doing (X_run: forgotten between runs).
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_CHANNEL_H
#define KIDOBAN_BASELINE_CHANNEL_H

#include "base/arena.h"
#include "base/hash.h"
#include "baseline/baseline.h"
#include "baseline/order.h"
#include "baseline/set.h"
#include "baseline/timing.h"
#include "baseline/value.h"

struct norm;

struct item {
	struct channel *channel;
	struct item *next;   /* of the same channel, in the order they were first seen in */
	struct item *bucket; /* next of the same hash */
	uint64_t key;
	uint32_t index;	 /* within its channel, from 0: the symbol of the order detector */
	uint32_t number; /* its id in the text, within its channel, from 1; while it is written */

	const char *name; /* the standard's term for the code */
	uint32_t code;
	uint8_t role; /* OP_REQUEST or OP_PUBLISH */
	uint8_t cls;  /* enum op_class */
	uint8_t space, npath;
	bool from_server; /* publications: which end they come from */
	uint32_t path[3];
	uint64_t first;
	uint32_t count;
	const char *object; /* the name of a named object (tag, topic), escaped; NULL: none */

	struct tally seen;
	struct timing_model timing;
	struct timing_run timing_run;
	struct value_item *values; /* value.c's; NULL: none are followed */
	struct order_item order;
};

struct channel {
	struct norm *norm;
	struct channel *next;	/* in the order they were first seen in */
	struct channel *bucket; /* next of the same hash */
	uint64_t key;
	struct addr client, server;
	const char *proto; /* static, as in struct op */
	int32_t unit;	   /* -1: none */

	struct item *items, **last_item;
	uint32_t item_count;
	uint64_t unlisted; /* ops that had no item because there were too many */

	struct tally seen;
	struct set_channel set;
	struct timing_channel timing;
	struct order_model *order; /* order.c's; NULL: none */
	struct order_run *order_run;
};

/* What is normal in one operating mode. */
struct norm {
	struct baseline *baseline;
	struct channel *channels, **last_channel;
	uint32_t channel_count, item_count;
	struct channel **channel_bucket; /* channel_mask + 1, a power of two */
	uint32_t channel_mask;
	struct item **item_bucket; /* likewise */
	uint32_t item_mask;
	struct set_norm set;	 /* hosts, links */
	struct value_norm value; /* objects */
	struct timing_norm timing;
	struct order_norm order; /* what clients ask in turns */
	uint64_t refused;	 /* beyond the limits */
	struct tally seen;	 /* ops */
};

/* An op, resolved. */
struct sight {
	const struct op *op;
	int64_t time;
	const struct addr *client, *server;
	struct norm *norm;
	struct channel *channel; /* NULL: unknown (frozen), or one too many */
	struct item *item;	 /* likewise */
	bool fresh;		 /* learning: the item was made for this op */
};

/* NULL: not known. key functions are those of the tables. */
struct channel *channel_find(const struct norm *n, const struct addr *client,
			     const struct addr *server, const char *proto, int32_t unit);
/* Made when it is not there; NULL beyond the limits. */
struct channel *channel_get(struct norm *n, const struct addr *client, const struct addr *server,
			    const char *proto, int32_t unit);

struct item *item_find(const struct channel *c, const struct op *op);
struct item *item_get(struct channel *c, const struct op *op);
/* For readers of text: the fields from name to object are taken over, texts copied. */
struct item *item_add(struct channel *c, const struct item *what);

/* "read-holding-registers holding 0-9", "publish topic plant/line1/temp"; always terminated. */
const char *item_str(const struct item *i, char *buf, size_t size);

bool norm_init(struct norm *n, struct baseline *b);
void norm_free(struct norm *n);

static inline void tally_see(struct tally *t, int64_t time)
{
	if (!t->count || time < t->first)
		t->first = time;
	if (!t->count || time > t->last)
		t->last = time;
	t->count++;
}

static inline void tally_merge(struct tally *t, const struct tally *from)
{
	if (!from->count)
		return;
	if (!t->count || from->first < t->first)
		t->first = from->first;
	if (!t->count || from->last > t->last)
		t->last = from->last;
	t->count += from->count;
}

#endif
