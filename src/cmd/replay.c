/* kidoban replay: captures against a policy, alerts out. */
#include "cmd/baseline.h"
#include "cmd/state.h"
#include "detect/engine.h"
#include "policy/policy.h"
#include "sink/sink.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define SINKS_MAX 4

static const struct cmd_help help = {
	"replay", "[-p policy.yaml] [-b baseline] [-o eve.json|-] [options] FILE.pcap...",
	"Analyses captures (pcap, pcapng; .gz and .zst too; '-' is standard input) and prints one\n"
	"line per incident, or EVE JSON with -o. A summary goes to standard error.\n\n"
	"  -p, --policy FILE          zones and conduits to check against\n"
	"  -b, --baseline FILE        what is normal ('kidoban learn --baseline'): what deviates "
	"is told\n"
	"  -o, --output TARGET        EVE JSON lines to a file, '-', or unix:SOCKET; may be "
	"repeated\n"
	"      --operating-mode MODE  normal, maintenance, emergency or analysis, whatever the "
	"policy says\n"
	"      --state FILE           grants that open conduits, past ones too ('kidoban grant')\n"
	"      --events LIST          alert,flow,op,anomaly,stats (default alert)\n"
	"      --lang en|ja           language of findings (default from LANG)\n"
	"      --overlap first|last   whose bytes win where TCP segments overlap (default: the "
	"policy's, first)\n"
	"      --checksums ignore|verify  drop packets with wrong checksums (default: the "
	"policy's, ignore)\n"
	"      --flows N              most flows kept at once (default 65536)\n"
	"      --mode detect|enforce  whether verdicts say what would be done or what is "
	"(default: the policy's)\n"
	"  -q, --quiet                no summary\n\n"
	"examples:\n"
	"  kidoban replay -p policy.yaml -b plant.baseline tuesday.pcap\n"
	"  kidoban replay -p policy.yaml -o - --events alert,flow *.pcap.gz | jq "
	".alert.signature\n"};

struct replay {
	struct cmd_input in;
	struct engine_config engine;
	struct sink *sinks[SINKS_MAX + 1]; /* NULL-ended */
	unsigned sink_count;
	const char *outputs[SINKS_MAX]; /* targets of -o */
	unsigned output_count;
	const char *policy_path;
	const char *baseline_path;
	const char *state_path;
	struct policy_grant *grants;
	enum policy_mode mode; /* of --mode */
	bool quiet;
};

static bool parse_events(char *list, unsigned *events)
{
	static const char *const words[] = {"alert", "flow", "op", "anomaly", "stats", NULL};
	char *word;
	int i;

	*events = 0;
	while ((word = strsep(&list, ","))) {
		if (!cmd_word(word, words, &i))
			return false;
		*events |= 1u << i;
	}
	return true;
}

static bool parse_flows(const char *text, uint32_t *out)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n < 1 || n > 1u << 26)
		return false;
	*out = (uint32_t)n;
	return true;
}

/*
 * After policy and catalogue are known to be good: opening an output empties it, and a mistake in
 * a policy must not cost yesterday's alerts.
 */
static bool open_outputs(struct replay *r)
{
	char err[256];
	unsigned i;

	for (i = 0; i < r->output_count; i++) {
		r->sinks[i] = sink_eve_open(r->outputs[i], r->engine.lang, err, sizeof(err));
		if (!r->sinks[i]) {
			fprintf(stderr, "kidoban replay: %s: %s\n", r->outputs[i], err);
			return false;
		}
		r->sink_count++;
	}
	if (r->output_count == 0)
		r->sinks[r->sink_count++] = sink_text_open(stdout, r->engine.lang);
	return true;
}

/* Options into r; a return above CMD_OK ends the command, *done says so for help too. */
static int parse(struct replay *r, int argc, char **argv, bool *done)
{
	enum { OPT_EVENTS = CMD_OPT_OWN, OPT_LANG, OPT_FLOWS, OPT_MODE, OPT_OPERATING, OPT_STATE };
	static const struct option options[] = {
		{"policy", required_argument, NULL, 'p'},
		{"baseline", required_argument, NULL, 'b'},
		{"output", required_argument, NULL, 'o'},
		{"events", required_argument, NULL, OPT_EVENTS},
		{"lang", required_argument, NULL, OPT_LANG},
		CMD_INPUT_OPTIONS,
		{"flows", required_argument, NULL, OPT_FLOWS},
		{"mode", required_argument, NULL, OPT_MODE},
		{"operating-mode", required_argument, NULL, OPT_OPERATING},
		{"state", required_argument, NULL, OPT_STATE},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	static const char *const modes[] = {"detect", "enforce", NULL};
	const char *lang = NULL;
	int c, mode;

	*done = true;
	opterr = 0;
	r->engine.events = ENGINE_ALERT;
	while ((c = getopt_long(argc, argv, ":p:b:o:qh", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			r->policy_path = optarg;
			break;
		case 'b':
			r->baseline_path = optarg;
			break;
		case 'o':
			if (r->output_count == SINKS_MAX)
				return cmd_usage_error(&help, "at most %d outputs", SINKS_MAX);
			r->outputs[r->output_count++] = optarg;
			break;
		case OPT_EVENTS:
			if (!parse_events(optarg, &r->engine.events))
				return cmd_usage_error(
					&help, "--events takes alert,flow,op,anomaly,stats");
			break;
		case OPT_LANG:
			if (!cmd_lang_known(optarg))
				return cmd_usage_error(&help, "--lang is en or ja");
			lang = optarg;
			break;
		case CMD_OPT_OVERLAP:
		case CMD_OPT_CHECKSUMS:
			if (cmd_input_option(&help, c, optarg, &r->in) != CMD_OK)
				return CMD_USAGE;
			break;
		case OPT_FLOWS:
			if (!parse_flows(optarg, &r->in.flow.flows_max))
				return cmd_usage_error(&help, "--flows takes a number from 1");
			break;
		case OPT_MODE:
			if (!cmd_word(optarg, modes, &mode))
				return cmd_usage_error(&help, "--mode is detect or enforce");
			r->mode = mode ? MODE_ENFORCE : MODE_DETECT;
			r->engine.mode = &r->mode;
			break;
		case OPT_STATE:
			r->state_path = optarg;
			break;
		case OPT_OPERATING:
			if (!cmd_operating_mode(optarg, &r->engine))
				return cmd_usage_error(&help, "--operating-mode is normal, "
							      "maintenance, emergency or analysis");
			break;
		case 'q':
			r->quiet = true;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind == argc)
		return cmd_usage_error(&help, "which capture?");
	if (!r->output_count && r->engine.events != ENGINE_ALERT)
		return cmd_usage_error(&help,
				       "--events selects EVE events: it needs -o, such as -o -");
	if (r->state_path && !r->policy_path)
		return cmd_usage_error(&help, "--state has grants of conduits: it needs -p");
	if (r->engine.has_mode && !r->policy_path && !r->baseline_path)
		return cmd_usage_error(&help, "--operating-mode changes what a policy permits and "
					      "what is normal: it needs -p or -b");
	r->in.files = argv + optind;
	r->in.flow.classify = true;
	r->engine.lang = cmd_lang(lang);
	*done = false;
	return CMD_OK;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void summary(const struct replay *r, const struct cmd_input_result *in,
		    const struct engine *e)
{
	const struct finding *f;
	const struct vocab *v;
	uint64_t incidents, count;
	unsigned i;

	fprintf(stderr,
		"%" PRIu64 " packet%s, %" PRIu64 " bytes in %u file%s; %" PRIu64 " flow%s\n",
		in->packet.packets, plural(in->packet.packets), in->packet.bytes, in->files,
		plural(in->files), in->flow.flows, plural(in->flow.flows));
	if (!r->policy_path && !r->baseline_path)
		fprintf(stderr, "  no policy (-p): zones and conduits were not checked\n");
	for (i = 0; (v = vocab_at(i)); i++)
		if (engine_ops(e, i))
			fprintf(stderr, "  %-10s %" PRIu64 " op%s\n", v->proto, engine_ops(e, i),
				plural(engine_ops(e, i)));
	for (i = 0; (f = catalogue_at(r->engine.catalogue, i)); i++) {
		engine_counts(e, i, &incidents, &count);
		if (!incidents)
			continue;
		fprintf(stderr, "  %-28s %" PRIu64 " incident%s", f->id, incidents,
			plural(incidents));
		if (count > incidents)
			fprintf(stderr, ", seen %" PRIu64 " times", count);
		fputc('\n', stderr);
	}
	if (in->packet.bad)
		fprintf(stderr, "  not decodable: %" PRIu64 " packet%s\n", in->packet.bad,
			plural(in->packet.bad));
	if (in->packet.checksum_bad)
		fprintf(stderr, "  wrong checksums: %" PRIu64 " (offloading, or damage)\n",
			in->packet.checksum_bad);
	if (in->packet.anomalies_dropped)
		fprintf(stderr, "  not told one by one: %" PRIu64 " further anomalies of packets\n",
			in->packet.anomalies_dropped);
	if (in->flow.gaps)
		fprintf(stderr, "  missing: %" PRIu64 " gaps, %" PRIu64 " bytes of TCP streams\n",
			in->flow.gaps, in->flow.gap_bytes);
	if (in->flow.retransmissions)
		fprintf(stderr, "  seen again: %" PRIu64 " segments or datagrams\n",
			in->flow.retransmissions);
	if (in->flow.evicted)
		fprintf(stderr, "  flow table full: %" PRIu64 " flows given up early (--flows)\n",
			in->flow.evicted);
	if (in->flow.buffers_refused)
		fprintf(stderr, "  stream buffers full: %" PRIu64 " segments given up\n",
			in->flow.buffers_refused);
	if (in->damaged)
		fprintf(stderr, "  not read to the end: %u file%s\n", in->damaged,
			plural(in->damaged));
}

static void stats(const struct replay *r, const struct cmd_input_result *in)
{
	const struct sink_stats list[] = {
		{"decoder.pkts", in->packet.packets},
		{"decoder.bytes", in->packet.bytes},
		{"decoder.invalid", in->packet.bad},
		{"decoder.checksum_bad", in->packet.checksum_bad},
		{"decoder.tunnels", in->packet.tunnels},
		{"defrag.fragments", in->packet.fragments},
		{"defrag.reassembled", in->packet.reassembled},
		{"defrag.dropped", in->packet.fragments_dropped},
		{"flow.total", in->flow.flows},
		{"flow.evicted", in->flow.evicted},
		{"flow.memory", in->flow_bytes},
		{"tcp.midstream", in->flow.midstream},
		{"tcp.retransmissions", in->flow.retransmissions},
		{"tcp.gaps", in->flow.gaps},
		{"tcp.gap_bytes", in->flow.gap_bytes},
		{"tcp.segments_refused", in->flow.buffers_refused},
		{"app_layer.ops", in->flow.ops},
		{NULL, 0},
	};
	unsigned i;

	for (i = 0; i < r->sink_count; i++)
		if (r->sinks[i]->ops->stats)
			r->sinks[i]->ops->stats(r->sinks[i], in->last_time, list);
}

/* Policy and catalogue are loaded, outputs open. */
static int run(struct replay *r)
{
	struct cmd_input_result result;
	struct engine *e = engine_new(&r->engine);
	int code = CMD_INPUT;
	unsigned i;

	if (!e || !cmd_input_run(&r->in, &engine_handlers, e, &result)) {
		fprintf(stderr, "kidoban replay: out of memory\n");
	} else {
		engine_flush(e);
		if (r->engine.events & ENGINE_STATS)
			stats(r, &result);
		code = result.damaged ? CMD_INPUT : CMD_OK;
		for (i = 0; i < r->sink_count; i++) {
			if (r->sinks[i]->ops->flush(r->sinks[i]))
				continue;
			fprintf(stderr, "kidoban replay: output: %s\n", strerror(errno));
			code = CMD_INPUT;
		}
		if (!r->quiet)
			summary(r, &result, e);
	}
	engine_free(e);
	return code;
}

static void resumed(void *arg, int64_t time)
{
	baseline_resume(arg, time);
}

/* What still learns is compared with as if it were frozen now; the file stays as it is. */
static bool load_baseline(struct replay *r, const struct policy *p)
{
	struct baseline *b = cmd_baseline_load(r->baseline_path);
	struct baseline_progress progress;

	if (!b)
		return false;
	if (baseline_state(b) == BASELINE_LEARNING) {
		fprintf(stderr,
			"kidoban replay: %s still learns; it is compared with as if it were frozen "
			"now ('kidoban baseline freeze')\n",
			r->baseline_path);
		baseline_progress(b, &progress);
		baseline_freeze(b, 0, NULL, NULL, progress.to);
	}
	baseline_mode(b, r->engine.has_mode ? r->engine.operating_mode
			 : p		    ? policy_operating_mode(p)
					    : OPERATING_NORMAL);
	r->engine.baseline = b;
	r->in.resumed = resumed;
	r->in.resumed_arg = b;
	return true;
}

/* Loads what the options name; false with the mistakes in diag. */
static bool load(struct replay *r, struct policy **policy, struct catalogue **catalogue,
		 struct diag *diag)
{
	if (r->policy_path && !(*policy = policy_load(r->policy_path, diag)))
		return false;
	if (*policy)
		cmd_policy_settings(&r->in, *policy);
	if (r->state_path &&
	    !cmd_state_grants(&help, r->state_path, *policy, &r->grants, &r->engine.grant_count))
		return false;
	r->engine.grants = r->grants;
	if (r->baseline_path && !load_baseline(r, *policy))
		return false;
	*catalogue = catalogue_builtin(diag);
	r->engine.policy = *policy;
	r->engine.catalogue = *catalogue;
	r->engine.sinks = r->sinks;
	return *catalogue != NULL;
}

int cmd_replay(int argc, char **argv)
{
	struct replay r = {.quiet = false};
	struct diag diag = {.count = 0};
	struct catalogue *catalogue = NULL;
	struct policy *policy = NULL;
	bool done, good;
	unsigned i;
	int code;

	code = parse(&r, argc, argv, &done);
	if (!done) {
		/* A collector that goes away is a write error; a pager that does ends the run. */
		if (r.output_count)
			signal(SIGPIPE, SIG_IGN);
		good = load(&r, &policy, &catalogue, &diag);
		diag_print(&diag, stderr);
		code = good && open_outputs(&r) ? run(&r) : CMD_USAGE;
	}
	for (i = 0; i < r.sink_count; i++)
		r.sinks[i]->ops->free(r.sinks[i]);
	baseline_free(r.engine.baseline);
	free(r.grants);
	catalogue_free(catalogue);
	policy_free(policy);
	diag_free(&diag);
	return code;
}
