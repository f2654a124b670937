/*
 * run/health_words.h - the sentences of findings about ourselves.
 *
 * One table: for each finding what was observed when it began and when it ended, and what is
 * expected, in both languages. Numbers and names are put in where {braces} say so.
 */
#ifndef KIDOBAN_RUN_HEALTH_WORDS_H
#define KIDOBAN_RUN_HEALTH_WORDS_H

#include "detect/finding.h"
#include "run/config.h"

#include <stddef.h>

enum health_kind {
	HEALTH_NO_TRAFFIC,
	HEALTH_ONE_DIRECTION,
	HEALTH_PACKETS_LOST,
	HEALTH_INTERFACE_DOWN,
	HEALTH_CLOCK_STEPPED,
	HEALTH_OUTPUT_LOST,
	HEALTH_PASSED_UNSEEN,
	HEALTH_OVERLOADED,
	HEALTH_KINDS
};

enum health_text { HEALTH_BEGAN, HEALTH_ENDED, HEALTH_EXPECTED, HEALTH_TEXTS };

/* What is put into a sentence; what each number is, the table says. */
struct health_facts {
	enum run_source_kind source; /* of what is called name; no matter for outputs and clock */
	const char *name;	     /* of the interface, queue or output; NULL: the clock */
	uint64_t a, b;		     /* counts */
	int64_t span;		     /* ns */
};

/* The id in the catalogue. */
const char *health_finding(enum health_kind kind);

/* buf of size bytes gets the sentence, cut where it is full. */
void health_say(enum health_kind kind, enum health_text text, enum finding_lang lang,
		const struct health_facts *facts, char *buf, size_t size);

#endif
