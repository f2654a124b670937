/* kidoban check: load a policy, say what is wrong with it, or what it means. */
#include "cmd/cmd.h"
#include "policy/policy.h"

#include <getopt.h>
#include <stdio.h>

static const struct cmd_help help = {
	"check", "[--lint] policy.yaml",
	"Loads a policy and prints it as kidoban understood it: zones, assets, conduits, and who\n"
	"may do what. Mistakes are printed with line and column, and nothing is loaded.\n\n"
	"  --lint        exit code 1 when there are warnings\n"
	"  -q, --quiet   print mistakes and warnings only\n\n"
	"examples:\n"
	"  kidoban check zones/model1.yaml\n"
	"  kidoban check --lint -q zones/model1.yaml && echo good\n"};

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = {{"lint", no_argument, NULL, 'l'},
						{"quiet", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool lint = false, quiet = false;
	struct policy *policy;
	struct diag diag = {.count = 0};
	int c, code = CMD_OK;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			lint = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_usage_error(&help, "'%s' is not an option", argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which policy? One file, please");
	policy = policy_load(argv[optind], &diag);
	diag_print(&diag, stderr);
	if (!policy)
		code = CMD_USAGE;
	else if (lint && diag.count)
		code = CMD_UNEXPECTED;
	if (policy && !quiet)
		policy_explain(policy, stdout);
	policy_free(policy);
	diag_free(&diag);
	return code;
}
