/* kidoban check: load a policy, say what is wrong with it, or what it means. */
#include "cmd/check.h"

#include <getopt.h>
#include <stdio.h>

static const struct cmd_help help = {
	"check", "[--lint [--format text|json]] policy.yaml",
	"Loads a policy and prints it as kidoban understood it: zones, assets, conduits, and who\n"
	"may do what. Mistakes are printed with line and column, and nothing is loaded.\n\n"
	"  --lint                  print what may be wrong with it instead, each warning with its\n"
	"                          place, an example and a repair; exit code 1 when there are any\n"
	"  --format text|json      of the warnings: for people (default), or a JSON object per "
	"line\n"
	"  -q, --quiet             print mistakes and warnings only\n\n"
	"examples:\n"
	"  kidoban check zones/model1.yaml\n"
	"  kidoban check --lint zones/model1.yaml && echo good\n"};

struct check {
	bool lint, quiet;
	enum check_format format;
};

static int check_file(const struct check *k, const char *path)
{
	struct diag diag = {.count = 0};
	struct policy *policy = policy_load(path, &diag);
	int code = CMD_OK;

	if (!policy || !k->lint)
		diag_print(&diag, stderr);
	if (!policy)
		code = CMD_USAGE;
	else if (k->lint)
		code = check_lint(policy, &diag, k->format);
	else if (!k->quiet)
		policy_explain(policy, stdout);
	policy_free(policy);
	diag_free(&diag);
	return code;
}

int cmd_check(int argc, char **argv)
{
	enum { OPT_LINT = CMD_OPT_OWN, OPT_FORMAT };
	static const struct option options[] = {{"lint", no_argument, NULL, OPT_LINT},
						{"format", required_argument, NULL, OPT_FORMAT},
						{"quiet", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static const char *const formats[] = {"text", "json", NULL};
	struct check k = {.lint = false};
	int c, word;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hq", options, NULL)) != -1) {
		switch (c) {
		case OPT_LINT:
			k.lint = true;
			break;
		case OPT_FORMAT:
			if (!cmd_word(optarg, formats, &word))
				return cmd_usage_error(&help, "there is no format '%s'", optarg);
			k.format = (enum check_format)word;
			break;
		case 'q':
			k.quiet = true;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which policy? One file, please");
	return check_file(&k, argv[optind]);
}
