/*
 * run/metrics_text.h - the numbers of the service in Prometheus' text exposition format 0.0.4.
 *
 * Private to run/. Thread: the main thread.
 */
#ifndef KIDOBAN_RUN_METRICS_TEXT_H
#define KIDOBAN_RUN_METRICS_TEXT_H

#include "run/service.h"

/* malloc()ed text, *len bytes; NULL when memory is out. */
char *metrics_text(struct service *s, size_t *len);

#endif
