/*
 * baseline/archive.h - one description of what is kept, for four ways of keeping it.
 *
 * A baseline is written as text that people read and edit, read back from it, and kept beside it in
 * a compiled form that loads fast (text.h). What belongs into it is said once, by a function that
 * names its fields; the archive it is given decides whether they are written or read, as text or
 * not:
 *
 *     void timing_item_fields(struct archive *a, struct item *i)
 *     {
 *             archive_seconds(a, "every", &i->timing.period);
 *             archive_count(a, "intervals", &i->timing.intervals);
 *     }
 *
 * Keys of one map are different, whoever asks for them; the compiled form has no keys, so fields
 * are read in the order they were written in, whether they are there or not.
 *
 * Text (YAML): fields that are 0, empty or false are left out, and so is what holds none; read,
 * they are that. Keys are words a plant engineer understands, with their unit in the value ("1.5
 * s"). Everything comes in a stable order: by what it is, never by when it was seen or where memory
 * put it. Numbers survive: what is written reads back as the same double.
 *
 * Mistakes in the text are told with line and column; reading goes on with the next field, so that
 * all mistakes are told at once. Unknown keys are mistakes. A compiled form that is damaged, of
 * another version or of another text is refused as a whole.
 *
 * Private to baseline/. Thread: one.
 */
#ifndef KIDOBAN_BASELINE_ARCHIVE_H
#define KIDOBAN_BASELINE_ARCHIVE_H

#include "base/addr.h"
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct archive;
struct tally;

/* Fields are being read (else written). */
bool archive_reads(const struct archive *a);
/* Where texts that are read are kept: the baseline's. */
struct arena *archive_arena(const struct archive *a);
/* Something about the field read last, or the map when there was none, is wrong: a sentence. */
__attribute__((format(printf, 2, 3))) void archive_wrong(struct archive *a, const char *fmt, ...);

void archive_count(struct archive *a, const char *key, uint64_t *v);
void archive_count32(struct archive *a, const char *key, uint32_t *v);
void archive_int(struct archive *a, const char *key, int64_t *v);
void archive_number(struct archive *a, const char *key, double *v);
void archive_flag(struct archive *a, const char *key, bool *v); /* "yes" */
/* ns since 1970 UTC, as "2026-11-21T09:00:00.123Z". */
void archive_time(struct archive *a, const char *key, int64_t *v);
/* ns; in text "1.5 s", "20 ms", exactly. */
void archive_span(struct archive *a, const char *key, int64_t *v);
/* Seconds; likewise, exactly. */
void archive_seconds(struct archive *a, const char *key, double *v);
/* Static words, NULL-ended; *v is an index; the first one is not written. */
void archive_word(struct archive *a, const char *key, const char *const *words, uint8_t *v);
/* Read: in the arena, and nothing but what can be shown (base/utf8.h). NULL is empty. */
void archive_text(struct archive *a, const char *key, const char **v);
void archive_addr(struct archive *a, const char *key, struct addr *v);
void archive_mac(struct archive *a, const char *key, struct mac *v);
/* "[1, 2, 3]"; at most max. */
void archive_numbers(struct archive *a, const char *key, double *v, uint32_t *n, uint32_t max);
void archive_counts(struct archive *a, const char *key, uint64_t *v, uint32_t *n, uint32_t max);
/* "[0-9, 20, 30-39]": pairs of lo and hi, n pairs, at most max. */
void archive_ranges(struct archive *a, const char *key, uint64_t *v, uint32_t *n, uint32_t max);
/* "0..1000"; has: it is there. */
void archive_interval(struct archive *a, const char *key, bool *has, double *lo, double *hi);
/* "1234 from 2026-11-21T09:00:00Z to 2026-11-21T10:00:00Z"; count 0 is none. */
void archive_tally(struct archive *a, const char *key, struct tally *v);
/* enum op_class, op_role and op_space in their words; a class must be there. */
void archive_class(struct archive *a, const char *key, uint8_t *v);
void archive_role(struct archive *a, const char *key, uint8_t *v);
void archive_space(struct archive *a, const char *key, uint8_t *v);
/* A protocol: read, it is static, as in struct op. NULL: none was there, or no such one. */
void archive_proto(struct archive *a, const char *key, const char **v);

/*
 * A map inside: fields until archive_end() are its own. has: there is something to write. False:
 * there is none, and no archive_end() follows.
 */
bool archive_map(struct archive *a, const char *key, bool has);

/*
 * A list of maps. line: each on one line, "- {name: x, ...}"; else in a block, when it holds lists.
 *
 *     if (archive_list(a, "items", true, c->items != NULL)) {
 *             while (archive_next(a, i != NULL)) { ... fields of one ... }
 *             archive_end(a);
 *     }
 *
 * archive_next(): writing, begins an element when there is one more; reading, is true as long as
 * there is one more, whatever `more` says.
 */
bool archive_list(struct archive *a, const char *key, bool line, bool has);
bool archive_next(struct archive *a, bool more);
void archive_end(struct archive *a);

/* A text in double quotes, whatever is in it. */
void archive_quote(FILE *out, const char *s);

#endif
