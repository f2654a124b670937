/*
 * baseline/permit.h - deviations that somebody looked at and permits.
 *
 * An alert about a deviation carries it as one line of text; `kidoban baseline approve` puts that
 * line into the baseline with a name, a time and a reason, and from then on it is not told.
 *
 *   permits:
 *     - {permit: "new-op 10.40.0.5 -> 10.50.0.11 modbus 1 write-single-register holding 5",
 *        by: tanaka, at: 2026-11-21T09:00:00Z, reason: "new recipe screen"}
 *
 * Private to baseline/. Thread: one worker; immutable once loaded.
 */
#ifndef KIDOBAN_BASELINE_PERMIT_H
#define KIDOBAN_BASELINE_PERMIT_H

#include "baseline/baseline.h"

struct permit {
	struct permit *next;		   /* in the order written */
	const char *what;		   /* as permit_text() */
	uint64_t key;			   /* hash of what */
	const char *by, *reason, *finding; /* finding: id; "" when not known */
	int64_t at;			   /* ns since 1970 UTC */
	bool has_values;		   /* only values from lo to hi */
	double lo, hi;
};

/* The deviation as one line: finding, ends, protocol, unit, item. Not its value. */
void permit_text(const struct deviation *d, char buf[BASELINE_TEXT]);

/* Takes a copy into the baseline; false when that was permitted already. */
bool permit_add(struct baseline *b, const struct permit *p);

bool permit_covers(const struct permit *permits, const struct deviation *d);

#endif
