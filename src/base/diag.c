#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void diag_add(struct diag *d, enum diag_level level, const char *file, int line, int col,
	      const char *fmt, ...)
{
	struct diag_entry *e;
	va_list ap;

	if (level == DIAG_ERROR)
		d->errors++;
	if (d->count == DIAG_MAX)
		return;
	e = &d->entry[d->count];
	va_start(ap, fmt);
	if (vasprintf(&e->text, fmt, ap) < 0)
		e->text = NULL;
	va_end(ap);
	e->file = strdup(file);
	e->line = line;
	e->col = col;
	e->level = level;
	d->count++;
}

void diag_print(const struct diag *d, FILE *out)
{
	static const char *const level[] = {"error", "warning", "note"};
	unsigned i, errors = 0;

	for (i = 0; i < d->count; i++) {
		const struct diag_entry *e = &d->entry[i];

		if (e->level == DIAG_ERROR)
			errors++;
		fprintf(out, "%s:", e->file ? e->file : "?");
		if (e->line)
			fprintf(out, "%d:%d:", e->line, e->col);
		fprintf(out, " %s: %s\n", level[e->level], e->text ? e->text : "out of memory");
	}
	if (d->errors > errors)
		fprintf(out, "and %u more errors\n", d->errors - errors);
}

void diag_free(struct diag *d)
{
	unsigned i;

	for (i = 0; i < d->count; i++) {
		free(d->entry[i].file);
		free(d->entry[i].text);
	}
	memset(d, 0, sizeof(*d));
}
