/*
 * run/grants.h - what a grant, or a quarantine, must be before it is given.
 *
 * The same rules for `kidoban grant` on a state file and for the control socket of the service.
 * Thread: any; nothing is kept.
 */
#ifndef KIDOBAN_RUN_GRANTS_H
#define KIDOBAN_RUN_GRANTS_H

#include "policy/policy.h"
#include "state/state.h"

/* ns from "30m", "2h", "1d" up to a year; false with a sentence in err. */
bool grant_duration(const char *text, int64_t *ns, char *err, size_t errlen);

/* Begin and end of a grant: duration as above, at (NULL: now) as "2026-11-21T10:00" on the clocks
 * of the policy. False with a sentence in err. */
bool grant_times(const struct policy *p, const char *duration, const char *at, int64_t now,
		 struct state_grant *g, char *err, size_t errlen);

/* Why not; "" when nothing speaks against it. */
void grant_refusal(const struct policy *p, const struct state_grant *g, char *why, size_t size);

#define QUARANTINE_HOST 48 /* bytes of a host's text with its NUL */

/* An address or MAC as the state writes it; false when it is neither. */
bool quarantine_host(const char *text, char host[QUARANTINE_HOST]);

/* Why a host cannot be isolated; "" when nothing speaks against it. p may be NULL. */
void quarantine_refusal(const struct policy *p, const char *host, char *why, size_t size);

#endif
