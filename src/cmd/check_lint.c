/* kidoban check --lint: the warnings, for people or as one JSON object per line. */
#include "cmd/check.h"

#include <jansson.h>
#include <stdio.h>

static void print_text(const struct lint_warning *w)
{
	const struct lint_about *about = lint_about((enum lint_id)w->id);

	printf("%s:", w->file);
	if (w->line)
		printf("%d:%d:", w->line, w->col);
	printf(" %slint.%s: %s\n", about->note ? "note: " : "", about->name, w->text);
	if (*w->example.text)
		printf("    example: %s\n", w->example.text);
	printf("    repair: %s\n", about->repair);
}

static void put(json_t *j, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(j, key, json_string(text));
}

static void print_json(const struct policy *p, const struct lint_warning *w)
{
	const struct lint_about *about = lint_about((enum lint_id)w->id);
	json_t *j = json_object();

	put(j, "file", w->file);
	if (w->line) {
		json_object_set_new(j, "line", json_integer(w->line));
		json_object_set_new(j, "column", json_integer(w->col));
	}
	json_object_set_new(j, "id", json_sprintf("lint.%s", about->name));
	put(j, "level", about->note ? "note" : "warning");
	put(j, "subject", lint_subject_name((enum lint_subject)w->subject));
	put(j, "name", lint_subject_id(p, w));
	put(j, "text", w->text);
	put(j, "example", w->example.text);
	put(j, "repair", about->repair);
	put(j, "accepted", w->accepted);
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

static void print_count(uint32_t n, const char *what, const char **comma)
{
	if (!n)
		return;
	printf("%s%u %s%s", *comma, n, what, n == 1 ? "" : "s");
	*comma = ", ";
}

static void print_sum(const struct lint_report *r)
{
	const char *comma = "";

	if (!r->warnings)
		printf("no warnings%s", r->notes || r->accepted ? ", " : "");
	print_count(r->warnings, "warning", &comma);
	print_count(r->notes, "note", &comma);
	if (r->accepted)
		printf("%s%u accepted with a reason", comma, r->accepted);
	putchar('\n');
}

int check_lint(const struct policy *p, const struct lint_config *config, enum check_format format)
{
	struct lint_report *r = lint_run(p, config);
	int code;
	uint32_t i;

	if (!r) {
		fprintf(stderr, "kidoban check: out of memory\n");
		return CMD_USAGE;
	}
	for (i = 0; i < r->count; i++) {
		if (format == CHECK_JSON)
			print_json(p, r->warning[i]);
		else if (!r->warning[i]->accepted)
			print_text(r->warning[i]);
	}
	if (format == CHECK_TEXT)
		print_sum(r);
	code = r->warnings ? CMD_UNEXPECTED : CMD_OK;
	lint_free(r);
	return code;
}
