/*
 * base/diag.h - what is wrong with a configuration, and where.
 *
 * A loader adds one entry per mistake and goes on, so that a user mends a file once. A file with
 * an error is refused as a whole. Entries print as "file:line:col: error: text; hint".
 */
#ifndef KIDOBAN_BASE_DIAG_H
#define KIDOBAN_BASE_DIAG_H

#include <stdbool.h>
#include <stdio.h>

#define DIAG_MAX 64 /* mistakes kept; further ones are only counted */

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct diag_entry {
	char *file; /* owned */
	char *text; /* owned; one sentence, without the full stop */
	int line;   /* from 1; 0: the whole file */
	int col;    /* from 1 */
	enum diag_level level;
};

struct diag {
	struct diag_entry entry[DIAG_MAX];
	unsigned count;	 /* entries used */
	unsigned errors; /* all errors, kept or not */
};

__attribute__((format(printf, 6, 7))) void diag_add(struct diag *d, enum diag_level level,
						    const char *file, int line, int col,
						    const char *fmt, ...);

/* Prints every entry, in the order found. */
void diag_print(const struct diag *d, FILE *out);

void diag_free(struct diag *d);

#endif
