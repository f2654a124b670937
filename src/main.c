/* The table of subcommands, nothing else. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"ops", cmd_ops, "print every operation in captures, one line each"},
	{"learn", cmd_learn, "propose a policy from captures, or learn what is normal"},
	{"baseline", cmd_baseline, "show, compare, freeze, approve what is normal"},
	{"import", cmd_import, "make conduits of what a maker says of his device (MUD)"},
	{"check", cmd_check, "load a policy: what it means, what is wrong, who may do what"},
	{"validate", cmd_validate,
	 "report how captures use a policy, and whether that was expected"},
	{"diff", cmd_diff, "compare two policies by what they permit"},
	{"replay", cmd_replay, "find what captures hold against a policy, as lines or EVE JSON"},
	{"run", cmd_run, "watch live: a mirror port, or inline between two interfaces"},
	{"explain", cmd_explain, "say what a finding means and what to do next"},
	{"grant", cmd_grant, "open a conduit for a while"},
	{"revoke", cmd_revoke, "close it before the time is over"},
	{"grants", cmd_grants, "list who opened what, when and why"},
	{"status", cmd_status, "say how the running service is, and what it has seen"},
	{"reload", cmd_reload, "make the running service read its policy anew"},
	{"mode", cmd_mode, "put the running service into another operating mode"},
	{"quarantine", cmd_quarantine, "isolate a host for a while"},
	{"release", cmd_release, "let it go before the time is over"},
	{"assets", cmd_assets, "list the hosts that the service has seen"},
	{"export", cmd_export,
	 "write the part of a policy that the kernel enforces as nftables rules"},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
	size_t i;

	fprintf(out,
		"kidoban %s - keeper of the gates between the zones of a factory network\n\n"
		"usage: kidoban COMMAND [options] ...\n\n",
		KIDOBAN_VERSION);
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n'kidoban COMMAND -h' shows options and examples, such as\n"
		     "  kidoban ops capture.pcap\n"
		     "  kidoban replay -p zones/model1.yaml capture.pcap\n");
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		usage(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return CMD_OK;
	}
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		printf("kidoban %s\n", KIDOBAN_VERSION);
		return CMD_OK;
	}
	for (i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "kidoban: there is no command '%s'\n\n", argv[1]);
	usage(stderr);
	return CMD_USAGE;
}
