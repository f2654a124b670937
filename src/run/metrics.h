/*
 * run/metrics.h - counts for Prometheus: a text file, and HTTP on a loopback address.
 *
 * Text exposition format 0.0.4. The file is written beside and renamed, every ten seconds, for the
 * textfile collector; HTTP (libmicrohttpd) answers GET /metrics and nothing else. The numbers are
 * the workers' own copies: asking costs packets nothing.
 *
 * Thread: metrics_tick() by the main thread makes the text; HTTP hands out the last one.
 */
#ifndef KIDOBAN_RUN_METRICS_H
#define KIDOBAN_RUN_METRICS_H

#include "run/service.h"

struct metrics;

/* NULL with a sentence in err. Binds now, so that privileges may be dropped afterwards. */
struct metrics *metrics_new(struct service *s, char *err, size_t errlen);

/* Once a second. */
void metrics_tick(struct metrics *m, int64_t mono);

void metrics_free(struct metrics *m);

#endif
