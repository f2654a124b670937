/*
 * baseline/text.h - a baseline as a text that people read, edit and compare, and back.
 *
 *   # What is normal here, ...              says what it is, from when to when, how to change it
 *   baseline: 1                             the version of this layout
 *   state: frozen
 *   learned: ...                            from what, how much
 *   frozen: ...                             by whom and why
 *   budget: ...                             events a day, and the thresholds that follow from it
 *   permits: ...                            what somebody looked at and permits (permit.h)
 *   modes:
 *     normal:                               an operating mode: hosts, links, channels, values
 *
 * Everything in it is sorted by what it is, so two texts differ where the plants do.
 *
 * Large texts have a compiled form beside them, FILE.bin, which loads many times as fast. It says
 * of which text it is; one that is of another text, damaged or of another version is ignored and
 * made anew where that is possible. Deleting it loses nothing. Thread: any; one baseline, one.
 */
#ifndef KIDOBAN_BASELINE_TEXT_H
#define KIDOBAN_BASELINE_TEXT_H

#include "baseline/baseline.h"

#define BASELINE_COMPILED_FROM (128u * 1024) /* bytes of text that have a compiled form */

/* False when it could not be written. Sorts b's lists; the baseline is the same. */
bool baseline_save(struct baseline *b, FILE *out);

/* The same in memory: free() it; NULL when that is out. */
char *baseline_text(struct baseline *b, size_t *len);

/*
 * Text, or compiled form when it is of that text. limits as for baseline_new(); what is beyond them
 * is a mistake here. NULL with the mistakes in diag; nothing is half loaded.
 */
struct baseline *baseline_load(const char *path, const struct baseline_limits *limits,
			       struct diag *diag);
struct baseline *baseline_load_text(const char *name, const char *text, size_t len,
				    const struct baseline_limits *limits, struct diag *diag);

/*
 * The file as a whole or not at all: written beside it, synced, renamed; then the compiled form.
 * Returns NULL, or what went wrong (strerror).
 */
const char *baseline_store(struct baseline *b, const char *path);

/* "0..1000", "2026-11-21T09:00:00Z": as in the text; false when it is not that. */
bool baseline_parse_values(const char *text, double *lo, double *hi);
bool baseline_parse_time(const char *text, int64_t *ns);

/* "normal", "maintenance", ...; NULL from BASELINE_MODES on. */
const char *baseline_mode_name(unsigned mode);

/*
 * The compiled form alone, of that text: len bytes to free(); NULL when memory is out. The other
 * way NULL when it is of another text, damaged, or of another version.
 */
uint8_t *baseline_compile(struct baseline *b, const char *text, size_t text_len, size_t *len);
struct baseline *baseline_load_compiled(const uint8_t *p, size_t len, const char *text,
					size_t text_len, const struct baseline_limits *limits);

#endif
