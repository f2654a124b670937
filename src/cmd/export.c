/* kidoban export: a policy in the words of another enforcer. */
#include "cmd/cmd.h"
#include "policy/nft.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX  60 /* bytes of a table's name */
#define IFACE_SIZE 16 /* of an interface's, with the NUL: IFNAMSIZ */

static const struct cmd_help help = {
	"export", "FORMAT [options] [policy.yaml]",
	"Writes the part of a policy that a Linux kernel can enforce.\n\n"
	"  nftables   a file for nft: who may open connections to whom, on which ports. "
	"Connections\n"
	"             of conduits with protocol entries are handed to kidoban. What nftables "
	"cannot\n"
	"             say is told on standard error and in the file\n"
	"  iptables   a shell script, for --inspect mark: rules that hand marked packets to the\n"
	"             queues of kidoban; takes no policy\n"
	"  wire       a file for nft: what passes between the two interfaces of a bridge while\n"
	"             kidoban is not there\n\n"
	"  -o, --output FILE      write there instead of to standard output\n"
	"      --mode MODE        detect: count and log; enforce: drop (default: the policy's)\n"
	"      --inspect HOW      connections to look into are: queue (default), handed over by "
	"nft\n"
	"                         itself; mark, for the rules of iptables; accept, not looked "
	"into\n"
	"      --queue NUM        number of the first queue (default 0): kidoban's first worker "
	"has\n"
	"                         it and the next one, the second the two behind them\n"
	"      --workers NUM      how many share the packets (default 1)\n"
	"      --interfaces A,B   of the bridge\n"
	"      --table NAME       of the table, inet NAME (default kidoban); of a wire netdev "
	"NAME\n"
	"                         (kidoban_wire_A)\n\n"
	"examples:\n"
	"  kidoban export nftables zones/model1.yaml | nft -c -f -\n"
	"  kidoban export wire --interfaces eth1,eth2 zones/model1.yaml\n"};

enum format { FORMAT_NFTABLES, FORMAT_IPTABLES, FORMAT_WIRE };

/* What to write, and where to. */
struct wanted {
	int format; /* enum format */
	int mode;   /* enum policy_mode; -1: the policy's */
	struct nft_config nft;
	char iface[2][IFACE_SIZE]; /* "": not given */
	char table[TABLE_MAX + 1]; /* of a wire */
	const char *out;	   /* NULL: standard output */
};

static const char *const format_words[] = {"nftables", "iptables", "wire", NULL};
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

/* Names of interfaces have more letters than those of tables. */
static void plain_table(char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-')
			*s = '_';
}

static bool number(const char *s, unsigned long most, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(s, &end, 10);
	return isdigit((unsigned char)*s) && !*end && !errno && *out <= most;
}

/* A name that stands between quotes in a ruleset as it is. */
static bool take_iface(const char *s, size_t len, char out[IFACE_SIZE])
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_-.:@", s[i]))
			return false;
	if (len == 0 || len >= IFACE_SIZE)
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	return true;
}

static bool take_ifaces(const char *s, struct wanted *x)
{
	const char *comma = strchr(s, ',');

	return comma && take_iface(s, (size_t)(comma - s), x->iface[0]) &&
	       take_iface(comma + 1, strlen(comma + 1), x->iface[1]) &&
	       strcmp(x->iface[0], x->iface[1]) != 0;
}

static bool put(const struct wanted *x, const struct policy *p, FILE *out)
{
	static const struct nft_notes notes = {.add = warn};

	switch (x->format) {
	case FORMAT_IPTABLES:
		policy_nft_iptables(x->nft.queue, x->nft.workers, out);
		return true;
	case FORMAT_WIRE:
		return policy_nft_wire(p, x->iface[0], x->iface[1], x->table, out);
	default:
		return policy_nft(p, &x->nft, &notes, out);
	}
}

static int write_it(const struct wanted *x, const struct policy *p)
{
	FILE *out = x->out && strcmp(x->out, "-") != 0 ? fopen(x->out, "we") : stdout;
	bool ok;

	if (!out) {
		fprintf(stderr, "kidoban export: %s: %s\n", x->out, strerror(errno));
		return CMD_USAGE;
	}
	ok = put(x, p, out);
	if (!ok)
		fprintf(stderr, "kidoban export: the policy joins more ends than a ruleset can "
				"list; write zones instead of long lists of assets\n");
	if (fflush(out) != 0 || ferror(out)) {
		fprintf(stderr, "kidoban export: %s: %s\n", x->out ? x->out : "standard output",
			strerror(errno));
		ok = false;
	}
	if (out != stdout)
		fclose(out);
	return ok ? CMD_OK : CMD_USAGE;
}

static int export_policy(struct wanted *x)
{
	struct diag diag = {.count = 0};
	struct policy *policy = policy_load(x->nft.file, &diag);
	int code = CMD_USAGE;

	diag_print(&diag, stderr);
	if (policy) {
		x->nft.enforce =
			x->mode < 0 ? policy_mode(policy) == MODE_ENFORCE : x->mode == MODE_ENFORCE;
		code = write_it(x, policy);
	}
	policy_free(policy);
	diag_free(&diag);
	return code;
}

/* The words behind the options. */
static int export_words(struct wanted *x, int argc, char **argv)
{
	if (argc == 0)
		return cmd_usage_error(&help, "export what? nftables, iptables or wire");
	if (!cmd_word(argv[0], format_words, &x->format))
		return cmd_usage_error(&help, "'%s' is no format; nftables, iptables and wire are",
				       argv[0]);
	if (x->nft.queue + 2 * x->nft.workers > UINT16_MAX + 1)
		return cmd_usage_error(&help,
				       "queues are numbered to 65535; %u workers from %u on "
				       "are more",
				       x->nft.workers, x->nft.queue);
	if (x->format == FORMAT_IPTABLES)
		return argc == 1 ? write_it(x, NULL)
				 : cmd_usage_error(&help, "iptables takes no policy");
	if (argc != 2)
		return cmd_usage_error(&help, "which policy? One file, please");
	if (x->format == FORMAT_WIRE && !*x->iface[0])
		return cmd_usage_error(&help, "a wire is between two: --interfaces A,B");
	if (x->format == FORMAT_WIRE && x->mode >= 0)
		return cmd_usage_error(&help, "a wire is of the policy's own mode");
	if (!*x->table && snprintf(x->table, sizeof(x->table), "kidoban_wire_%s", x->iface[0]) > 0)
		plain_table(x->table);
	x->nft.file = argv[1];
	return export_policy(x);
}

int cmd_export(int argc, char **argv)
{
	enum { OPT_TABLE = 256, OPT_MODE, OPT_QUEUE, OPT_INSPECT, OPT_WORKERS, OPT_INTERFACES };
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"table", required_argument, NULL, OPT_TABLE},
		{"mode", required_argument, NULL, OPT_MODE},
		{"queue", required_argument, NULL, OPT_QUEUE},
		{"workers", required_argument, NULL, OPT_WORKERS},
		{"inspect", required_argument, NULL, OPT_INSPECT},
		{"interfaces", required_argument, NULL, OPT_INTERFACES},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	struct wanted x = {.mode = -1, .nft = {.table = "kidoban", .workers = 1}};
	int c, inspect = NFT_QUEUE;
	unsigned long v;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			x.out = optarg;
			break;
		case OPT_TABLE:
			if (!is_table(optarg))
				return cmd_usage_error(&help, "--table is a word of letters, "
							      "digits, - and _, a letter first");
			x.nft.table = optarg;
			memcpy(x.table, optarg, strlen(optarg) + 1);
			break;
		case OPT_MODE:
			if (!cmd_word(optarg, mode_words, &x.mode))
				return cmd_usage_error(&help, "--mode is detect or enforce");
			break;
		case OPT_QUEUE:
			if (!number(optarg, UINT16_MAX, &v))
				return cmd_usage_error(&help,
						       "--queue is a number from 0 to 65535");
			x.nft.queue = (uint16_t)v;
			break;
		case OPT_WORKERS:
			if (!number(optarg, NFT_WORKERS_MAX, &v) || v == 0)
				return cmd_usage_error(&help, "--workers is a number from 1 to %u",
						       NFT_WORKERS_MAX);
			x.nft.workers = (uint8_t)v;
			break;
		case OPT_INSPECT:
			if (!cmd_word(optarg, inspect_words, &inspect))
				return cmd_usage_error(&help, "--inspect is queue, mark or accept");
			break;
		case OPT_INTERFACES:
			if (!take_ifaces(optarg, &x))
				return cmd_usage_error(&help, "--interfaces is two names: A,B");
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	x.nft.inspect = (uint8_t)inspect;
	return export_words(&x, argc - optind, argv + optind);
}
