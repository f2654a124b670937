/*
 * baseline/order.h - does this come after that?
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
struct order_model; /* learned; of one channel */
struct order_run;   /* where the channel just is */

void order_check(struct baseline *b, const struct sight *s);
void order_learn(struct baseline *b, const struct sight *s);
void order_resume(struct norm *n, int64_t time);
/* Learning is over. */
void order_settle(struct norm *n);
bool order_merge(struct channel *to, const struct channel *from);
void order_channel_free(struct channel *c);

/* What of it is kept; items go by their number in the text (archive.h). */
void order_channel_fields(struct archive *a, struct channel *c);

#endif
