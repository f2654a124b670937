/* kidoban explain: what a finding means, and what to do about it. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define NEAR_MAX 3 /* names suggested for one that is not known */

static const struct cmd_help help = {
	"explain", "[--lang en|ja] [FINDING]",
	"Says what a finding means and what to do next; without a finding, lists them all.\n"
	"A finding is named by its id or its signature id.\n\n"
	"      --lang en|ja   language (default from LANG)\n\n"
	"examples:\n"
	"  kidoban explain policy.value-out-of-range\n"
	"  kidoban explain --lang ja | less\n"};

/* Labels, padded to the same number of columns on a terminal. */
static const struct {
	const char *severity, *threat, *attack, *by_class, *refs, *next;
} labels[FINDING_LANGS] = {
	[FINDING_EN] = {"severity:    ", "threat:      ", "ATT&CK:      ", "  for %s: ",
			"references:  ", "What to do:\n"},
	[FINDING_JA] = {"重要度:      ", "脅威の分類:  ", "ATT&CK:      ", "  %s の場合: ",
			"参照:        ", "対応: "},
};

static const char *const severities_ja[] = {"高", "中", "低", "通知"};

static void print_list(const char *const *list)
{
	for (; *list; list++)
		printf("%s%s", *list, list[1] ? ", " : "");
	putchar('\n');
}

/* Blanks are where a line may break; Japanese has none and is left to the terminal. */
static void print_wrapped(const char *text, enum finding_lang lang)
{
	int column = 0;

	if (lang != FINDING_EN) {
		printf("%s\n", text);
		return;
	}
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column && column + 1 + len > 80) {
			putchar('\n');
			column = 0;
		}
		printf("%s%.*s", column ? " " : "", len, text);
		column += len + (column ? 1 : 0);
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_finding(const struct finding *f, enum finding_lang lang)
{
	const struct finding_text *t = &f->text[lang];
	int cls;

	printf("%s  %s\n\n", f->id, t->title);
	print_wrapped(t->meaning, lang);
	printf("\n%s", labels[lang].next);
	print_wrapped(t->next, lang);
	printf("\n%s%s\n", labels[lang].severity,
	       lang == FINDING_JA ? severities_ja[(f->severity - 1) % 4]
				  : finding_severity_name(f->severity));
	printf("%s%s\n", labels[lang].threat, f->threat_class);
	printf("%ssid %u, rev %u\n", "EVE:         ", f->sid, f->rev);
	if (*f->attack) {
		printf("%s", labels[lang].attack);
		print_list(f->attack);
	}
	for (cls = 0; cls < OP_CLASSES; cls++) {
		if (f->attack_class[cls] == f->attack)
			continue;
		printf(labels[lang].by_class, op_class_name((enum op_class)cls));
		print_list(f->attack_class[cls]);
	}
	printf("%s", labels[lang].refs);
	print_list(f->refs);
}

static void print_all(const struct catalogue *c, enum finding_lang lang)
{
	const struct finding *f;
	unsigned i;

	for (i = 0; (f = catalogue_at(c, i)); i++)
		printf("%-28s %-7s %s\n", f->id, finding_severity_name(f->severity),
		       f->text[lang].title);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters to change, add or leave out to get from a to b (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64], i, k, n = (unsigned)strnlen(b, 63);

	for (k = 0; k <= n; k++)
		row[k] = k;
	for (i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (k = 1; k <= n; k++) {
			unsigned above = row[k];

			row[k] = least(least(above, row[k - 1]) + 1,
				       diagonal + (a[i - 1] != b[k - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

/* Ids that hold the name, or the part behind the dot of which is a slip or two away. */
static unsigned suggest(const struct catalogue *c, const char *name)
{
	const struct finding *f;
	unsigned i, found = 0;

	for (i = 0; found < NEAR_MAX && (f = catalogue_at(c, i)); i++) {
		const char *tail = strchr(f->id, '.');
		size_t len = strlen(name);

		if ((len > 2 && strstr(f->id, name)) || distance(name, f->id) <= 1 + len / 8 ||
		    (tail && distance(name, tail + 1) <= 1 + len / 8))
			fprintf(stderr, "%s%s", found++ ? ", " : "did you mean ", f->id);
	}
	if (found)
		fprintf(stderr, "?\n");
	return found;
}

static const struct finding *find(const struct catalogue *c, const char *name)
{
	const struct finding *f = catalogue_find(c, name);
	unsigned long sid;
	unsigned i;
	char *end;

	if (f)
		return f;
	sid = strtoul(name, &end, 10);
	for (i = 0; *name && !*end && (f = catalogue_at(c, i)); i++)
		if (f->sid == sid)
			return f;
	return NULL;
}

static int explain(const struct catalogue *c, const char *name, enum finding_lang lang)
{
	const struct finding *f;

	if (!name) {
		print_all(c, lang);
		return CMD_OK;
	}
	f = find(c, name);
	if (f) {
		print_finding(f, lang);
		return CMD_OK;
	}
	fprintf(stderr, "kidoban explain: there is no finding '%s'\n", name);
	if (!suggest(c, name))
		fprintf(stderr, "'kidoban explain' lists them all\n");
	return CMD_USAGE;
}

int cmd_explain(int argc, char **argv)
{
	enum { OPT_LANG = 256 };
	static const struct option options[] = {{"lang", required_argument, NULL, OPT_LANG},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct diag diag = {.count = 0};
	struct catalogue *catalogue;
	const char *lang = NULL;
	int c, code = CMD_USAGE;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPT_LANG:
			if (!cmd_lang_known(optarg))
				return cmd_usage_error(&help, "--lang is en or ja");
			lang = optarg;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (argc - optind > 1)
		return cmd_usage_error(&help, "one finding at a time");
	catalogue = catalogue_builtin(&diag);
	diag_print(&diag, stderr);
	if (catalogue)
		code = explain(catalogue, argv[optind], cmd_lang(lang));
	catalogue_free(catalogue);
	diag_free(&diag);
	return code;
}
