#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cmd_show_help(const struct cmd_help *h)
{
	printf("usage: kidoban %s %s\n\n%s", h->name, h->synopsis, h->text);
	return CMD_OK;
}

int cmd_usage_error(const struct cmd_help *h, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "kidoban %s: ", h->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: kidoban %s %s ('kidoban %s -h' explains)\n", h->name, h->synopsis,
		h->name);
	return CMD_USAGE;
}

enum finding_lang cmd_lang(const char *lang)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	unsigned i;

	for (i = 0; i < 3 && (!lang || !*lang); i++)
		lang = getenv(names[i]);
	return finding_lang(lang ? lang : "");
}

bool cmd_lang_known(const char *lang)
{
	return finding_lang(lang) == FINDING_JA || strcmp(lang, "en") == 0 ||
	       strncmp(lang, "en_", 3) == 0;
}

bool cmd_word(const char *name, const char *const *words, int *index)
{
	int i;

	for (i = 0; words[i]; i++) {
		if (strcmp(name, words[i]) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

bool cmd_overlap(const char *word, struct cmd_input *in)
{
	static const char *const words[] = {"first", "last", NULL};
	int i;

	if (!cmd_word(word, words, &i))
		return false;
	in->flow.overlap = i ? FLOW_OVERLAP_LAST : FLOW_OVERLAP_FIRST;
	return true;
}

bool cmd_checksums(const char *word, struct cmd_input *in)
{
	static const char *const words[] = {"ignore", "verify", NULL};
	int i;

	if (!cmd_word(word, words, &i))
		return false;
	in->packet.verify_checksums = i == 1;
	return true;
}
