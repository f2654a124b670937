/*
 * report/report.h - the result of `kidoban validate`, and the four ways to write it.
 *
 * A report is what a record saw, what was expected, and the names of the files they came from. The
 * writers decide nothing: they show it as text, JSON (docs/validate.md describes it), JUnit XML or
 * one HTML page without scripts and without anything from elsewhere. The same captures, policy and
 * expectations give the same bytes. Whatever comes from a policy or from the wire is escaped for
 * where it is written.
 */
#ifndef KIDOBAN_REPORT_REPORT_H
#define KIDOBAN_REPORT_REPORT_H

#include "report/expect.h"
#include "report/record.h"

#include <stdio.h>

struct report {
	const char *policy_path, *expect_path; /* expect_path: NULL without expectations */
	char *const *files;		       /* the captures, NULL-ended */
	const char *site;		       /* "" when the policy does not say */
	struct record *record;
	struct expect *expect; /* NULL: none */
	enum finding_lang lang;
	uint64_t packets, bytes, flows; /* read */
	unsigned damaged;		/* captures not read to their end */
	struct arena arena;		/* texts made on the way */
};

/* How a conduit fared. */
enum report_state {
	REPORT_USED,	 /* permitted traffic, none denied */
	REPORT_VIOLATED, /* something was denied */
	REPORT_CLOSED,	 /* nothing permitted: it was closed when it would have been used */
	REPORT_UNUSED,	 /* never exercised */
	REPORT_STATES
};

enum report_state report_state(const struct report *r, uint32_t conduit);

/* Expectations that were not met, and alerts that none of them names. 0: as expected. */
unsigned report_mismatches(struct report *r);

/* True for an alert that is a mismatch of its own. */
bool report_unexpected(const struct report *r, const struct record_finding *f);

/* True when enforce mode would stop it. */
bool report_blocked(const struct record_finding *f);

/* The file's name; "?" when there is none. */
const char *report_file(const struct report *r, uint16_t file);

/* Nobody seen belongs to end i of that side (0 from, 1 to) of the conduit. */
bool report_end_unused(const struct report *r, uint32_t conduit, int side, uint32_t i);

/* Who would have been enough under from or to, as YAML: "hmi-1", "[plc-1, plc-2]". NULL when that
 * is what is written, or not all who were seen are assets. */
const char *report_end_narrow(struct report *r, uint32_t conduit, int side);

/* Where a conduit is written: "line 82", or "cell.yaml:82" in a file that the policy includes. */
const char *report_where(struct report *r, uint32_t conduit);

/* "2026-11-21 03:37:10", UTC. */
const char *report_time(int64_t ns, char buf[32]);

void report_text(struct report *r, FILE *out);
/* False when memory is out. */
bool report_json(struct report *r, FILE *out);
void report_junit(struct report *r, FILE *out);
void report_html(struct report *r, FILE *out);

#endif
