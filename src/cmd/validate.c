/* kidoban validate: captures against a policy, and whether they show what was expected. */
#include "cmd/cmd.h"
#include "cmd/state.h"
#include "report/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"validate", "-p policy.yaml [--expect expect.yaml] [options] FILE.pcap...",
	"Says what captures did with a policy: how often each conduit was used, by whom, which of\n"
	"its permissions were never used and how they could be narrower; what would be blocked in\n"
	"enforce mode and why; who was never seen. Exit code 1 when an expectation is not met, or\n"
	"when there is an alert that no expectation names (without --expect: any alert).\n\n"
	"  -p, --policy FILE          zones and conduits to check against\n"
	"  -e, --expect FILE          what the captures are expected to show (docs/validate.md)\n"
	"      --format text|json     what goes to standard output (default text)\n"
	"      --json FILE            the report as JSON, too\n"
	"      --junit FILE           the report as JUnit XML, for a CI server\n"
	"      --html FILE            the report as one HTML page with the zone map\n"
	"      --operating-mode MODE  normal, maintenance, emergency or analysis, whatever the "
	"policy says\n"
	"      --state FILE           grants that open conduits, past ones too ('kidoban grant')\n"
	"      --lang en|ja           language (default from LANG)\n"
	"      --overlap first|last   whose bytes win where TCP segments overlap (default: the "
	"policy's, first)\n"
	"      --checksums ignore|verify  drop packets with wrong checksums (default: the "
	"policy's, ignore)\n"
	"  -q, --quiet                nothing on standard output\n\n"
	"examples:\n"
	"  kidoban validate -p zones/model1.yaml --html report.html pcaps/model1-normal.pcap\n"
	"  kidoban validate -q -p policy.yaml --expect expect.yaml --junit out.xml *.pcap && echo "
	"good\n"};

enum output { OUT_JSON, OUT_JUNIT, OUT_HTML, OUTPUTS };

struct validate {
	struct cmd_input in;
	struct report report;
	const char *path[OUTPUTS]; /* NULL: not asked for */
	bool json, quiet;
	struct engine_config engine;
	const char *state_path;
	struct policy_grant *grants;
};

/* Options into v; *done: nothing is left to do. */
static int parse(struct validate *v, int argc, char **argv, bool *done)
{
	enum { OPT_LANG = CMD_OPT_OWN, OPT_FORMAT, OPT_OPERATING, OPT_STATE, OPT_OUT };
	static const char *const formats[] = {"text", "json", NULL};
	static const struct option options[] = {
		{"policy", required_argument, NULL, 'p'},
		{"expect", required_argument, NULL, 'e'},
		{"format", required_argument, NULL, OPT_FORMAT},
		{"json", required_argument, NULL, OPT_OUT + OUT_JSON},
		{"junit", required_argument, NULL, OPT_OUT + OUT_JUNIT},
		{"html", required_argument, NULL, OPT_OUT + OUT_HTML},
		{"operating-mode", required_argument, NULL, OPT_OPERATING},
		{"state", required_argument, NULL, OPT_STATE},
		{"lang", required_argument, NULL, OPT_LANG},
		CMD_INPUT_OPTIONS,
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	const char *lang = NULL;
	int c, i;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":p:e:qh", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			v->report.policy_path = optarg;
			break;
		case 'e':
			v->report.expect_path = optarg;
			break;
		case OPT_FORMAT:
			if (!cmd_word(optarg, formats, &i))
				return cmd_usage_error(&help, "--format is text or json");
			v->json = i == 1;
			break;
		case OPT_OUT + OUT_JSON:
		case OPT_OUT + OUT_JUNIT:
		case OPT_OUT + OUT_HTML:
			v->path[c - OPT_OUT] = optarg;
			break;
		case OPT_STATE:
			v->state_path = optarg;
			break;
		case OPT_OPERATING:
			if (!cmd_operating_mode(optarg, &v->engine))
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
			if (cmd_input_option(&help, c, optarg, &v->in) != CMD_OK)
				return CMD_USAGE;
			break;
		case 'q':
			v->quiet = true;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (!v->report.policy_path)
		return cmd_usage_error(&help, "which policy? -p policy.yaml");
	if (optind == argc)
		return cmd_usage_error(&help, "which capture?");
	v->in.files = v->report.files = argv + optind;
	v->in.flow.classify = true;
	v->report.lang = cmd_lang(lang);
	*done = false;
	return CMD_OK;
}

/* One more form of the report into a file. */
static bool write_output(struct validate *v, enum output what)
{
	static void (*const write[OUTPUTS])(struct report * r, FILE * out) = {
		[OUT_JUNIT] = report_junit, [OUT_HTML] = report_html};
	const char *path = v->path[what];
	FILE *f = fopen(path, "w");
	bool good = f != NULL;

	if (f) {
		if (what == OUT_JSON)
			good = report_json(&v->report, f);
		else
			write[what](&v->report, f);
		good = good && !ferror(f);
		good = fclose(f) == 0 && good;
	}
	if (!good)
		fprintf(stderr, "kidoban validate: %s: %s\n", path, strerror(errno));
	return good;
}

static bool write_all(struct validate *v)
{
	bool good = true;
	unsigned i;

	if (!v->quiet && v->json)
		good = report_json(&v->report, stdout);
	else if (!v->quiet)
		report_text(&v->report, stdout);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "kidoban validate: output: %s\n", strerror(errno));
		good = false;
	}
	for (i = 0; i < OUTPUTS; i++)
		if (v->path[i] && !write_output(v, (enum output)i))
			good = false;
	return good;
}

static int run(struct validate *v, const struct policy *policy, const struct catalogue *catalogue)
{
	struct record record;
	struct cmd_input_result in;
	struct sink *sinks[] = {&record.sink, NULL};
	int code = CMD_INPUT;

	v->engine.policy = policy;
	v->engine.catalogue = catalogue;
	v->engine.sinks = sinks;
	v->engine.events = ENGINE_ALERT;
	v->engine.lang = v->report.lang;
	v->report.record = &record;
	if (record_init(&record, policy)) {
		record.expect = v->report.expect;
		record.engine = engine_new(&v->engine);
	}
	if (!record.engine || !cmd_input_run(&v->in, &record_handlers, &record, &in)) {
		fprintf(stderr, "kidoban validate: out of memory\n");
	} else {
		engine_flush(record.engine);
		v->report.packets = in.packet.packets;
		v->report.bytes = in.packet.bytes;
		v->report.flows = in.flow.flows;
		v->report.damaged = in.damaged;
		if (write_all(v))
			code = in.damaged		       ? CMD_INPUT
			       : report_mismatches(&v->report) ? CMD_UNEXPECTED
							       : CMD_OK;
	}
	engine_free(record.engine);
	record_free(&record);
	arena_free(&v->report.arena);
	return code;
}

/* Policy, expectations and grants; false with the mistakes in diag, or said. */
static bool load(struct validate *v, struct policy **policy, const struct catalogue *catalogue,
		 struct diag *diag)
{
	*policy = policy_load(v->report.policy_path, diag);
	if (!*policy || !catalogue)
		return false;
	cmd_policy_settings(&v->in, *policy);
	v->report.site = policy_site(*policy);
	if (v->report.expect_path) {
		v->report.expect = expect_load(v->report.expect_path, *policy, catalogue, diag);
		if (!v->report.expect)
			return false;
	}
	if (v->state_path &&
	    !cmd_state_grants(&help, v->state_path, *policy, &v->grants, &v->engine.grant_count))
		return false;
	v->engine.grants = v->grants;
	return true;
}

int cmd_validate(int argc, char **argv)
{
	struct validate v = {.quiet = false};
	struct diag diag = {.count = 0};
	struct catalogue *catalogue = NULL;
	struct policy *policy = NULL;
	bool done, good;
	int code;

	code = parse(&v, argc, argv, &done);
	if (!done) {
		catalogue = catalogue_builtin(&diag);
		good = load(&v, &policy, catalogue, &diag);
		diag_print(&diag, stderr);
		code = good ? run(&v, policy, catalogue) : CMD_USAGE;
	}
	free(v.grants);
	expect_free(v.report.expect);
	catalogue_free(catalogue);
	policy_free(policy);
	diag_free(&diag);
	return code;
}
