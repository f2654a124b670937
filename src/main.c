/* The table of subcommands, nothing else. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"replay", cmd_replay, "analyse captures against a policy"},
	{"ops", cmd_ops, "print every op in captures, one line each"},
	{"check", cmd_check, "load a policy, say what is wrong or what it means"},
	{"grant", cmd_grant, "open a conduit for a while"},
	{"revoke", cmd_revoke, "close it before the time is over"},
	{"grants", cmd_grants, "what is open for a while, who opened it, and the log"},
	{"learn", cmd_learn, "captures into a policy to edit"},
	{"validate", cmd_validate, "captures against a policy: use, expectations, a report"},
	{"diff", cmd_diff, "compare two policies by what they permit"},
	{"explain", cmd_explain, "what a finding means and what to do next"},
	{"import", cmd_import, "conduits from what a maker says of his device (MUD)"},
	{"export", cmd_export, "a policy as a ruleset that the kernel enforces alone"},
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
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
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
