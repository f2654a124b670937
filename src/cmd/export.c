/* kidoban export: a policy in the words of another enforcer. */
#include "cmd/cmd.h"
#include "policy/nft.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX 60 /* bytes of a table's name */

static const struct cmd_help help = {
	"export", "nftables [options] policy.yaml",
	"Writes the part of a policy that a Linux kernel can enforce alone as a file for nft: who "
	"may\n"
	"open connections to whom, on which ports. Connections of conduits with protocol entries "
	"are\n"
	"handed to kidoban. What nftables cannot say is told on standard error and in the file.\n\n"
	"  -o, --output FILE      write there instead of to standard output\n"
	"      --mode MODE        detect: count and log; enforce: drop (default: the policy's)\n"
	"      --inspect HOW      connections to look into are: queue (default), handed over by "
	"nft\n"
	"                         itself; mark, for a rule of yours; accept, not looked into\n"
	"      --queue NUM        number of that queue (default 0)\n"
	"      --table NAME       of the table, inet NAME (default kidoban)\n\n"
	"examples:\n"
	"  kidoban export nftables zones/model1.yaml | nft -c -f -\n"
	"  kidoban export nftables --mode enforce --inspect mark -o kidoban.nft "
	"zones/model1.yaml\n"};

static const char *const inspect_words[] = {"queue", "mark", "accept", NULL};
static const char *const mode_words[] = {"detect", "enforce", NULL};

static void warn(void *user, const char *sentence)
{
	(void)user;
	fprintf(stderr, "kidoban export: not in this ruleset: %s\n", sentence);
}

static bool is_table(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return i > 0 && i <= TABLE_MAX && isalpha((unsigned char)s[0]);
}

static bool number(const char *s, uint16_t *out)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(s, &end, 10);
	*out = (uint16_t)v;
	return isdigit((unsigned char)*s) && !*end && !errno && v <= UINT16_MAX;
}

static int write_ruleset(const struct policy *p, const struct nft_config *cfg, const char *path)
{
	static const struct nft_notes notes = {.add = warn};
	FILE *out = path && strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;
	bool ok;

	if (!out) {
		fprintf(stderr, "kidoban export: %s: %s\n", path, strerror(errno));
		return CMD_USAGE;
	}
	ok = policy_nft(p, cfg, &notes, out);
	if (!ok)
		fprintf(stderr, "kidoban export: the policy joins more ends than a ruleset can "
				"list; write zones instead of long lists of assets\n");
	if (fflush(out) != 0 || ferror(out)) {
		fprintf(stderr, "kidoban export: %s: %s\n", path ? path : "standard output",
			strerror(errno));
		ok = false;
	}
	if (out != stdout)
		fclose(out);
	return ok ? CMD_OK : CMD_USAGE;
}

static int export_policy(struct nft_config *cfg, int mode, const char *out)
{
	struct diag diag = {.count = 0};
	struct policy *policy = policy_load(cfg->file, &diag);
	int code = CMD_USAGE;

	diag_print(&diag, stderr);
	if (policy) {
		cfg->enforce =
			mode < 0 ? policy_mode(policy) == MODE_ENFORCE : mode == MODE_ENFORCE;
		code = write_ruleset(policy, cfg, out);
	}
	policy_free(policy);
	diag_free(&diag);
	return code;
}

int cmd_export(int argc, char **argv)
{
	enum { OPT_TABLE = 256, OPT_MODE, OPT_QUEUE, OPT_INSPECT };
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"table", required_argument, NULL, OPT_TABLE},
						{"mode", required_argument, NULL, OPT_MODE},
						{"queue", required_argument, NULL, OPT_QUEUE},
						{"inspect", required_argument, NULL, OPT_INSPECT},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct nft_config cfg = {.table = "kidoban"};
	const char *out = NULL;
	int c, mode = -1, inspect = NFT_QUEUE;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			out = optarg;
			break;
		case OPT_TABLE:
			if (!is_table(optarg))
				return cmd_usage_error(&help, "--table is a word of letters, "
							      "digits, - and _, a letter first");
			cfg.table = optarg;
			break;
		case OPT_MODE:
			if (!cmd_word(optarg, mode_words, &mode))
				return cmd_usage_error(&help, "--mode is detect or enforce");
			break;
		case OPT_QUEUE:
			if (!number(optarg, &cfg.queue))
				return cmd_usage_error(&help,
						       "--queue is a number from 0 to 65535");
			break;
		case OPT_INSPECT:
			if (!cmd_word(optarg, inspect_words, &inspect))
				return cmd_usage_error(&help, "--inspect is queue, mark or accept");
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	cfg.inspect = (uint8_t)inspect;
	if (optind == argc)
		return cmd_usage_error(&help, "export what? nftables is what there is");
	if (strcmp(argv[optind], "nftables") != 0)
		return cmd_usage_error(&help, "'%s' is no format; nftables is what there is",
				       argv[optind]);
	if (optind != argc - 2)
		return cmd_usage_error(&help, "which policy? One file, please");
	cfg.file = argv[optind + 1];
	return export_policy(&cfg, mode, out);
}
