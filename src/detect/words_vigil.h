/*
 * detect/words_vigil.h - the sentences about a client's rate, and about sweeps.
 *
 *   observed   hmi-1 (10.40.0.5) does more than 100 ops/s at plc-1 (10.50.0.11)
 *   observed   eng-1 (10.40.0.9) tried 10 servers within 4.2 s that it may not reach: 10.50.0.1,
 *              10.50.0.2, 10.50.0.3, 10.50.0.4, ...; over tcp 502; 254 tries in all
 *
 * Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_WORDS_VIGIL_H
#define KIDOBAN_DETECT_WORDS_VIGIL_H

#include "detect/rate.h"
#include "detect/sweep.h"
#include "detect/words.h"

void words_rate(const struct words *w, const struct policy_conduit *c, enum rate_kind kind,
		struct incident *i);

/* Also of an incident that goes on. */
void words_sweep(const struct words *w, const struct sweep *s, struct incident *i);

/* How many it were in the end. */
void words_sweep_end(enum finding_lang lang, struct incident *i);

#endif
