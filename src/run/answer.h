/*
 * run/answer.h - what is in the state, as JSON: for the control socket, and for commands that read
 * the file themselves, in the same words.
 *
 * A time is two members: KEY, RFC 3339 in UTC, and KEY_local, "2026-11-21 10:00:00" on the clocks
 * of z. Thread: any.
 */
#ifndef KIDOBAN_RUN_ANSWER_H
#define KIDOBAN_RUN_ANSWER_H

#include "base/tz.h"
#include "state/state.h"

#include <jansson.h>

/* Text that may be no UTF-8; NULL is "". */
void answer_text(json_t *o, const char *key, const char *text);
void answer_time(json_t *o, const char *key, int64_t ns, const struct tz *z);

json_t *answer_grant(const struct state_grant *g, const struct tz *z);
json_t *answer_quarantine(const struct state_quarantine *q, const struct tz *z);

/* Lists of those that are not over at that time (ns since 1970 UTC). NULL: see state_error(). */
json_t *answer_grants(struct state *s, const struct tz *z, int64_t now);
json_t *answer_quarantines(struct state *s, const struct tz *z, int64_t now);

/* {"ok":true,"assets":[...],"cannot_be_degraded":[...]}, times in UTC. NULL: see state_error(). */
json_t *answer_assets(struct state *s);

#endif
