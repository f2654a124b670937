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

int cmd_input_option(const struct cmd_help *h, int c, const char *word, struct cmd_input *in)
{
	static const char *const overlap[] = {"first", "last", NULL};
	static const char *const checksums[] = {"ignore", "verify", NULL};
	int i;

	if (c == CMD_OPT_OVERLAP) {
		if (!cmd_word(word, overlap, &i))
			return cmd_usage_error(h, "--overlap is first or last");
		in->flow.overlap = i ? FLOW_OVERLAP_LAST : FLOW_OVERLAP_FIRST;
		in->overlap_given = true;
	} else {
		if (!cmd_word(word, checksums, &i))
			return cmd_usage_error(h, "--checksums is ignore or verify");
		in->packet.verify_checksums = i == 1;
		in->checksums_given = true;
	}
	return CMD_OK;
}

void cmd_policy_settings(struct cmd_input *in, const struct policy *p)
{
	if (!in->overlap_given && policy_overlap_last(p))
		in->flow.overlap = FLOW_OVERLAP_LAST;
	if (!in->checksums_given)
		in->packet.verify_checksums = policy_checksums_verify(p);
}

bool cmd_operating_mode(const char *word, struct engine_config *cfg)
{
	int i;

	for (i = OPERATING_NORMAL; i <= OPERATING_ANALYSIS; i++) {
		cfg->operating_mode = (enum policy_operating_mode)i;
		cfg->has_mode = strcmp(word, policy_operating_name(cfg->operating_mode)) == 0;
		if (cfg->has_mode)
			return true;
	}
	return false;
}

int cmd_option_error(const struct cmd_help *h, int c, const char *option)
{
	return cmd_usage_error(h, c == ':' ? "'%s' needs a value" : "'%s' is not an option",
			       option);
}
