/* kidoban check: load a policy, say what is wrong with it, what it means, or who may do what. */
#include "cmd/check.h"

#include "base/civil.h"

#include <getopt.h>
#include <stdio.h>

static const struct cmd_help help = {
	"check", "[--lint | --who-can QUESTION | --can FROM TO WHAT] policy.yaml",
	"Loads a policy and prints it as kidoban understood it: zones, assets, conduits, and who\n"
	"may do what. Mistakes are printed with line and column, and nothing is loaded.\n\n"
	"  --lint                  print what may be wrong with it instead, each warning with its\n"
	"                          place, an example and a repair; exit code 1 when there are any\n"
	"  --at DATE               of --lint: the day that `until` and `end-of-life` are held "
	"against,\n"
	"                          such as 2026-12-31\n"
	"  --who-can QUESTION      everybody who may do that: class (or any), protocol or "
	"service,\n"
	"                          to whom, and the words of an entry of allow, such as\n"
	"                          'write modbus plc-1', 'tcp 443 relay-1',\n"
	"                          'write modbus plc-1 unit 1 holding 40017 value 5'\n"
	"  --can FROM TO WHAT      may FROM do that to TO? Each is an asset, a zone (for its "
	"devices\n"
	"                          that are no listed asset) or an address. Exit code 1: never\n"
	"  --format text|json      of warnings and answers: for people (default), or a JSON "
	"object\n"
	"                          per line\n"
	"  -q, --quiet             print mistakes and warnings only\n\n"
	"examples:\n"
	"  kidoban check --lint zones/model1.yaml && echo good\n"
	"  kidoban check --can hmi-1 plc-1 'modbus write holding 40101' zones/model1.yaml\n"};

struct check {
	bool lint, quiet;
	enum check_format format;
	const char *at;
	const char *who;	      /* question of --who-can */
	const char *from, *to, *what; /* of --can */
};

static int lint(const struct policy *p, const struct check *k, const struct diag *loaded)
{
	struct lint_config config = {.loaded = loaded};
	struct civil day;
	bool has_time;

	if (k->at) {
		if (!civil_parse(k->at, &day, &has_time))
			return cmd_usage_error(&help, "'%s' is no date such as 2026-12-31", k->at);
		config.has_time = true;
		config.time = tz_utc(policy_tz(p), civil_seconds(&day), false) * CIVIL_NS;
	}
	return check_lint(p, &config, k->format);
}

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
		code = lint(policy, k, &diag);
	else if (k->who)
		code = check_who(policy, k->who, k->format);
	else if (k->from)
		code = check_can(policy, k->from, k->to, k->what, k->format);
	else if (!k->quiet)
		policy_explain(policy, stdout);
	policy_free(policy);
	diag_free(&diag);
	return code;
}

int cmd_check(int argc, char **argv)
{
	enum { OPT_LINT = CMD_OPT_OWN, OPT_FORMAT, OPT_AT, OPT_WHO, OPT_CAN };
	static const struct option options[] = {{"lint", no_argument, NULL, OPT_LINT},
						{"at", required_argument, NULL, OPT_AT},
						{"who-can", required_argument, NULL, OPT_WHO},
						{"can", required_argument, NULL, OPT_CAN},
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
		case OPT_AT:
			k.at = optarg;
			break;
		case OPT_WHO:
			k.who = optarg;
			break;
		case OPT_CAN: /* the one option with three words */
			if (optind + 1 >= argc)
				return cmd_usage_error(&help, "--can needs FROM, TO and WHAT");
			k.from = optarg;
			k.to = argv[optind++];
			k.what = argv[optind++];
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
	if (k.lint + (k.who != NULL) + (k.from != NULL) > 1)
		return cmd_usage_error(&help, "one of --lint, --who-can and --can at a time");
	if (k.at && !k.lint)
		return cmd_usage_error(&help, "--at is of --lint");
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which policy? One file, please");
	return check_file(&k, argv[optind]);
}
