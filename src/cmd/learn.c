/* kidoban learn: captures into a policy to edit. */
#include "cmd/baseline.h"
#include "cmd/captures.h"
#include "cmd/cmd.h"
#include "learn/learn.h"
#include "learn/vendor.h"
#include "report/record.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 4 /* looks at the result, at most */

static const struct cmd_help help = {
	"learn", "[-o policy.yaml | --baseline FILE [-p policy.yaml]] [options] FILE.pcap...",
	"Proposes a policy from captures alone: subnets become zones, hosts assets with a role,\n"
	"what was said conduits that permit just that. It permits all that it saw, attacks too:\n"
	"what was guessed is marked 'please check', and every conduit asks for its reason. The\n"
	"same captures, in any order, give the same policy.\n\n"
	"  -o, --output FILE          where to write it (default: standard output)\n"
	"  -f, --force                overwrite FILE when it is there\n"
	"      --vendors FILE         table of MAC prefixes (Wireshark's manuf, nmap's, oui.txt);\n"
	"                             'none' for none (default: the one that is installed)\n"
	"      --overlap first|last   whose bytes win where TCP segments overlap (default: first)\n"
	"      --checksums ignore|verify  drop packets with wrong checksums (default: ignore)\n\n"
	"With --baseline it learns what is normal instead: who asks whom for what, with which\n"
	"values, how often and in which order. What violates the policy is told and not learned.\n"
	"A baseline that is there learns on; a capture that it learned from already does not "
	"count\n"
	"twice. 'kidoban baseline' shows, compares and freezes it, 'kidoban replay -b' uses it.\n\n"
	"      --baseline FILE        the baseline; made when it is not there\n"
	"  -p, --policy FILE          what is permitted at all\n"
	"      --operating-mode MODE  normal, maintenance, emergency or analysis: learned apart\n"
	"                             (default: the policy's, normal)\n"
	"      --lang en|ja           language of findings (default from LANG)\n\n"
	"The captures are read several times, so they must be files.\n\n"
	"examples:\n"
	"  kidoban learn -o policy.yaml recording.pcap\n"
	"  kidoban learn --baseline plant.baseline -p policy.yaml monday.pcap tuesday.pcap\n"};

struct run {
	struct cmd_input in;
	struct learn learn;
	const char *output; /* NULL: standard output */
	const char *vendors;
	bool force;
	struct catalogue *catalogue;
	unsigned damaged;
};

/* --- looks --- */

typedef void write_fn(struct learn *l, FILE *out);

static void write_draft(struct learn *l, FILE *out)
{
	learn_write_draft(l, out);
}

/* What is written, in memory; free() it. NULL: no memory. */
static char *text_of(struct learn *l, write_fn *write)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	write(l, f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Reads the captures against a policy of our own making. */
static bool look(struct run *r, const struct policy *p, struct record *record)
{
	struct sink *sinks[] = {&record->sink, NULL};
	const struct engine_config cfg = {
		.policy = p, .catalogue = r->catalogue, .sinks = sinks, .events = ENGINE_ALERT};
	struct cmd_input_result in;
	bool good = record_init(record, p);

	if (good)
		record->engine = engine_new(&cfg);
	good = good && record->engine && cmd_input_run(&r->in, &record_handlers, record, &in);
	if (good)
		engine_flush(record->engine);
	return good;
}

static struct policy *load(const char *text)
{
	struct diag diag = {.count = 0};
	struct policy *p = policy_load_buffer("proposal", text, strlen(text), &diag);

	diag_print(&diag, stderr);
	diag_free(&diag);
	return p;
}

/* The draft, and what of it is needed. */
static bool second_look(struct run *r)
{
	char *text = text_of(&r->learn, write_draft);
	struct policy *draft = text ? load(text) : NULL;
	struct record record = {0};
	bool good = draft && look(r, draft, &record);

	if (good)
		learn_narrow(&r->learn, record.usage);
	engine_free(record.engine);
	record_free(&record);
	policy_free(draft);
	free(text);
	return good;
}

/* Findings that a policy can be blamed for. */
static bool blames_policy(const char *id)
{
	return strncmp(id, "policy.", 7) == 0 || strncmp(id, "asset.", 6) == 0 ||
	       strcmp(id, "proto.unexpected-protocol") == 0;
}

/* True when something could be changed. */
static bool mend(struct learn *l, const struct record_finding *f)
{
	const struct addr *client = f->to_client ? &f->dst : &f->src;
	const struct addr *server = f->to_client ? &f->src : &f->dst;

	if (strcmp(f->finding->id, "asset.mac-changed") == 0)
		return learn_mend_mac(l, &f->src);
	if (!f->has_addr)
		return false;
	if (f->has_op && strcmp(f->finding->id, "proto.unexpected-protocol") != 0)
		return learn_mend_pair(l, client, server);
	return learn_mend_flow(l, client, server, f->ip_proto, f->port);
}

/* What is said against the proposal; *mended: something of it could be changed. */
static bool third_look(struct run *r, const char *text, unsigned *blames, bool *mended)
{
	struct policy *p = load(text);
	struct record record = {0};
	bool good = p && look(r, p, &record);
	uint32_t i;

	*blames = 0;
	*mended = false;
	for (i = 0; good && i < record.findings; i++) {
		const struct record_finding *f = &record.finding[i];

		if (!blames_policy(f->finding->id))
			continue;
		++*blames;
		*mended = mend(&r->learn, f) || *mended;
	}
	for (i = 0; !*mended && i < record.findings; i++)
		if (blames_policy(record.finding[i].finding->id))
			fprintf(stderr, "%s: %s\n", record.finding[i].finding->id,
				record.finding[i].observed);
	engine_free(record.engine);
	record_free(&record);
	policy_free(p);
	return good;
}

static bool write_out(struct run *r, const char *text)
{
	FILE *f = stdout;
	bool good;

	if (r->output && strcmp(r->output, "-") == 0)
		r->output = NULL;
	if (r->output && !r->force && access(r->output, F_OK) == 0) {
		fprintf(stderr, "kidoban learn: %s is there already; --force overwrites it\n",
			r->output);
		return false;
	}
	if (r->output)
		f = fopen(r->output, "w");
	good = f && fputs(text, f) >= 0;
	if (f && f != stdout)
		good = fclose(f) == 0 && good;
	else if (f)
		good = fflush(f) == 0 && good;
	if (!good)
		fprintf(stderr, "kidoban learn: %s: %s\n", r->output ? r->output : "output",
			strerror(errno));
	return good;
}

static void say(const struct run *r, unsigned blames)
{
	uint32_t i, assets = 0, zones = 0;

	for (i = 0; i < r->learn.hosts; i++)
		assets += r->learn.host[i].listed;
	for (i = 0; i < r->learn.zones; i++)
		zones += r->learn.zone[i].used;
	fprintf(stderr,
		"%" PRIu32 " zones, %" PRIu32 " assets, %" PRIu32 " pairs that need a conduit\n",
		zones, assets, r->learn.pairs);
	if (blames)
		fprintf(stderr,
			"kidoban learn: replayed against it, the same captures still have %u "
			"findings about the policy\n",
			blames);
	else
		fprintf(stderr, "replayed against it, the same captures violate nothing\n");
}

static int learn(struct run *r)
{
	struct cmd_input_result in;
	char *text = NULL;
	unsigned round, blames = 0;
	bool good, mended = true;

	if (!learn_init(&r->learn) || !cmd_input_run(&r->in, &learn_handlers, &r->learn, &in)) {
		fprintf(stderr, "kidoban learn: out of memory\n");
		return CMD_INPUT;
	}
	r->damaged = in.damaged;
	r->learn.vendors =
		r->vendors && strcmp(r->vendors, "none") == 0 ? NULL : vendor_load(r->vendors);
	learn_propose(&r->learn);
	good = true;
	for (round = 0; good && mended && round < ROUNDS; round++) {
		if (round)
			learn_again(&r->learn);
		free(text);
		text = NULL;
		good = second_look(r) && (text = text_of(&r->learn, learn_write)) &&
		       third_look(r, text, &blames, &mended);
	}
	if (!good) {
		fprintf(stderr, "kidoban learn: the proposal could not be made\n");
		free(text);
		return CMD_INPUT;
	}
	good = write_out(r, text);
	free(text);
	if (!good)
		return CMD_USAGE;
	say(r, blames);
	return r->damaged ? CMD_INPUT : blames ? CMD_UNEXPECTED : CMD_OK;
}

int cmd_learn(int argc, char **argv)
{
	enum { OPT_VENDORS = CMD_OPT_OWN, OPT_BASELINE, OPT_OPERATING, OPT_LANG };
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"force", no_argument, NULL, 'f'},
		{"vendors", required_argument, NULL, OPT_VENDORS},
		{"baseline", required_argument, NULL, OPT_BASELINE},
		{"policy", required_argument, NULL, 'p'},
		{"operating-mode", required_argument, NULL, OPT_OPERATING},
		{"lang", required_argument, NULL, OPT_LANG},
		CMD_INPUT_OPTIONS,
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	const char *baseline = NULL, *lang = NULL;
	struct cmd_learning normal = {.policy_path = NULL};
	struct cmd_capture *captures;
	struct run r = {.output = NULL};
	struct diag diag = {.count = 0};
	int c, i, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":o:p:fh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			r.output = optarg;
			break;
		case 'f':
			r.force = true;
			break;
		case OPT_VENDORS:
			r.vendors = optarg;
			break;
		case OPT_BASELINE:
			baseline = optarg;
			break;
		case 'p':
			normal.policy_path = optarg;
			break;
		case OPT_OPERATING:
			if (!cmd_operating_mode(optarg, &normal.engine))
				return cmd_usage_error(&help, "--operating-mode is normal, "
							      "maintenance, emergency or analysis");
			break;
		case OPT_LANG:
			if (!cmd_lang_known(optarg))
				return cmd_usage_error(&help, "--lang is en or ja");
			lang = optarg;
			break;
		case CMD_OPT_OVERLAP:
		case CMD_OPT_CHECKSUMS:
			if (cmd_input_option(&help, c, optarg, &r.in) != CMD_OK)
				return CMD_USAGE;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind == argc)
		return cmd_usage_error(&help, "which capture?");
	for (i = optind; i < argc; i++)
		if (strcmp(argv[i], "-") == 0)
			return cmd_usage_error(&help, "captures are read several times: write "
						      "standard input to a file first");
	if (baseline && (r.output || r.force || r.vendors))
		return cmd_usage_error(&help, "-o, -f and --vendors are about a proposed policy, "
					      "--baseline is about what is normal");
	if (!baseline && (normal.policy_path || normal.engine.has_mode || lang))
		return cmd_usage_error(&help, "-p, --operating-mode and --lang need --baseline");
	if (baseline) {
		normal.in = r.in;
		normal.engine.lang = cmd_lang(lang);
		return cmd_baseline_learn(&help, &normal, baseline, argc - optind, argv + optind);
	}
	r.in.flow.classify = true;
	r.catalogue = catalogue_builtin(&diag);
	diag_print(&diag, stderr);
	diag_free(&diag);
	captures = r.catalogue ? cmd_captures(argv + optind, argc - optind) : NULL;
	if (!captures)
		return CMD_INPUT;
	free(captures);
	r.in.files = argv + optind;
	code = learn(&r);
	vendor_free(r.learn.vendors);
	learn_free(&r.learn);
	catalogue_free(r.catalogue);
	return code;
}
