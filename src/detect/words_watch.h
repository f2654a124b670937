/*
 * detect/words_watch.h - the sentences about what must go on: silent, out of range, frozen.
 *
 *   observed   process-server (10.40.0.20) has not read input register 0 (30001) of plc-1
 *              (10.50.0.11), unit 1, for 12 s
 *   expected   watch reactor-temperature: every 5 s
 *
 * Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_WORDS_WATCH_H
#define KIDOBAN_DETECT_WORDS_WATCH_H

#include "detect/watch.h"
#include "detect/words.h"

/* Fills observed and expected, also of an incident that goes on. */
void words_watch(const struct policy *p, enum finding_lang lang, const struct watch_notice *n,
		 struct incident *i);

#endif
