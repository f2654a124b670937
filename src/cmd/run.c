/* kidoban run: live, on a mirror port or inline. */
#include "cmd/cmd.h"
#include "run/service.h"

#include <getopt.h>
#include <stdio.h>

static const struct cmd_help help = {
	"run", "-c kidoban.yaml [--check]",
	"Watches mirror ports, or sits inline between two interfaces or in a netfilter queue,\n"
	"until it is told to stop. SIGHUP reads the policy anew, SIGTERM ends after what waits is\n"
	"written.\n\n"
	"  -c, --config FILE  sources, outputs and rights of the service; every key is explained "
	"in\n"
	"                     the example that comes with kidoban\n"
	"      --check        only says whether the configuration and its policy are good\n\n"
	"examples:\n"
	"  kidoban run -c /etc/kidoban/kidoban.yaml\n"
	"  kidoban run -c kidoban.yaml --check\n"};

/* As the service would load them. */
static int check(const struct run_config *cfg)
{
	struct diag diag = {.count = 0};
	struct policy *p = cfg->policy ? policy_load(cfg->policy, &diag) : NULL;
	bool good = p || !cfg->policy;

	diag_print(&diag, stderr);
	diag_free(&diag);
	policy_free(p);
	if (good)
		printf("%s: good%s%s\n", cfg->path, cfg->policy ? ", and so is " : "",
		       cfg->policy ? cfg->policy : "");
	return good ? CMD_OK : CMD_USAGE;
}

int cmd_run(int argc, char **argv)
{
	enum { OPT_CHECK = 256 };
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"check", no_argument, NULL, OPT_CHECK},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct diag diag = {.count = 0};
	const char *path = NULL;
	struct run_config *cfg;
	struct service *s;
	bool only_check = false;
	int c, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (c == 'c')
			path = optarg;
		else if (c == OPT_CHECK)
			only_check = true;
		else if (c == 'h')
			return cmd_show_help(&help);
		else
			return cmd_option_error(&help, c, argv[optind - 1]);
	}
	if (!path || optind < argc)
		return cmd_usage_error(&help, "which configuration? Say -c kidoban.yaml");
	cfg = run_config_load(path, &diag);
	diag_print(&diag, stderr);
	diag_free(&diag);
	if (!cfg)
		return CMD_USAGE;
	if (only_check) {
		code = check(cfg);
		run_config_free(cfg);
		return code;
	}
	s = service_new(cfg, &code);
	if (!s)
		return code;
	code = service_run(s);
	service_free(s);
	return code;
}
