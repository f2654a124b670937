/* kidoban import: what others say about a device, in the words of a policy. */
#include "cmd/cmd.h"
#include "policy/mud.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_MAX 256
#define BYTES_MAX (8u << 20) /* read at most; mud_import() says what is too large */

static const struct cmd_help help = {
	"import", "mud FILE.json --asset NAME --zone ZONE [--peer NAME=END]...",
	"Prints conduits for a device from its maker's description (MUD, RFC 8520), as a file to\n"
	"include in a policy. Entries that conduits cannot say are left out and told.\n\n"
	"      --asset NAME       the device, as the policy calls it\n"
	"      --zone ZONE        its zone; local-networks are that zone unless --peer says else\n"
	"      --peer NAME=END    what a name of the file is in the policy: a zone, asset or "
	"group.\n"
	"                         NAME is a host (cloud.example.com), a network (192.0.2.0/24), a\n"
	"                         controller's URI, my-controller, same-manufacturer,\n"
	"                         manufacturer:NAME, model:URL, local-networks, or any\n"
	"  -o, --output FILE      write there instead of to standard output\n\n"
	"examples:\n"
	"  kidoban import mud bulb.json --asset bulb-1 --zone iot --peer "
	"cloud.example.com=maker\n"
	"  kidoban import mud meter.json --asset meter-1 --zone iot --peer my-controller=gateway-1 "
	"-o meter-1.yaml\n"};

static char *read_all(const char *path, size_t *len)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *buf = NULL, *grown;
	size_t cap = 0, n;

	*len = 0;
	if (!f)
		return NULL;
	do {
		cap = cap ? cap * 2 : 65536;
		grown = realloc(buf, cap);
		if (!grown) {
			free(buf);
			buf = NULL;
			errno = ENOMEM;
			break;
		}
		buf = grown;
		n = fread(buf + *len, 1, cap - *len, f);
		*len += n;
	} while (n && *len == cap && cap <= BYTES_MAX);
	if (buf && ferror(f)) {
		free(buf);
		buf = NULL;
	}
	if (f != stdin)
		fclose(f);
	return buf;
}

static int write_out(const char *path, const char *text, size_t len)
{
	FILE *out = path && strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;
	bool ok;

	if (!out) {
		fprintf(stderr, "kidoban import: %s: %s\n", path, strerror(errno));
		return CMD_USAGE;
	}
	ok = fwrite(text, 1, len, out) == len;
	ok = fflush(out) == 0 && ok;
	if (!ok)
		fprintf(stderr, "kidoban import: %s: %s\n", path ? path : "standard output",
			strerror(errno));
	if (out != stdout)
		fclose(out);
	return ok ? CMD_OK : CMD_USAGE;
}

static int import_mud(const struct mud_config *cfg, const char *path, const char *output)
{
	struct diag diag = {.count = 0};
	char *text = NULL, *made = NULL;
	size_t len, made_len = 0;
	int code = CMD_INPUT;
	FILE *out;

	text = read_all(path, &len);
	if (!text) {
		fprintf(stderr, "kidoban import: %s: %s\n", path, strerror(errno));
		return CMD_INPUT;
	}
	out = open_memstream(&made, &made_len);
	if (out) {
		bool ok = mud_import(cfg, path, text, len, &diag, out);

		ok = fclose(out) == 0 && ok;
		diag_print(&diag, stderr);
		code = ok ? write_out(output, made, made_len) : CMD_USAGE;
	}
	diag_free(&diag);
	free(made);
	free(text);
	return code;
}

int cmd_import(int argc, char **argv)
{
	enum { OPT_ASSET = 256, OPT_ZONE, OPT_PEER };
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"asset", required_argument, NULL, OPT_ASSET},
						{"zone", required_argument, NULL, OPT_ZONE},
						{"peer", required_argument, NULL, OPT_PEER},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static struct mud_peer peer[PEERS_MAX];
	struct mud_config cfg = {.peer = peer};
	const char *output = NULL;
	char *equal;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			output = optarg;
			break;
		case OPT_ASSET:
			cfg.asset = optarg;
			break;
		case OPT_ZONE:
			cfg.zone = optarg;
			break;
		case OPT_PEER:
			equal = strrchr(optarg, '='); /* URIs may have one, too */
			if (!equal || equal == optarg || !mud_is_id(equal + 1))
				return cmd_usage_error(&help, "--peer is NAME=END, and END a zone, "
							      "asset or group of the policy");
			if (cfg.peers == PEERS_MAX)
				return cmd_usage_error(&help, "more than %d peers", PEERS_MAX);
			*equal = '\0';
			peer[cfg.peers++] = (struct mud_peer){optarg, equal + 1};
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind == argc)
		return cmd_usage_error(&help, "import what? mud is what there is");
	if (strcmp(argv[optind], "mud") != 0)
		return cmd_usage_error(&help, "'%s' is no format; mud is what there is",
				       argv[optind]);
	if (optind != argc - 2)
		return cmd_usage_error(&help, "which MUD file? One, please");
	if (!cfg.asset || !mud_is_id(cfg.asset))
		return cmd_usage_error(&help, "--asset says what the policy calls the device");
	if (!cfg.zone || !mud_is_id(cfg.zone))
		return cmd_usage_error(&help, "--zone says which zone the device is in");
	return import_mud(&cfg, argv[optind + 1], output);
}
