/* kidoban baseline freeze, thaw, merge. */
#include "baseline/budget.h"
#include "baseline/inside.h"
#include "baseline/text.h"
#include "cmd/baseline.h"
#include "cmd/state.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* --- freeze --- */

static const struct cmd_help freeze_help = {
	"baseline freeze", "[--by NAME --reason TEXT] [--budget N] [--at TIME] FILE",
	"Ends the learning: from then on what comes is compared. Thresholds of what is a matter "
	"of\n"
	"degree (values, times, order) are set so that no more than the budgeted events a day\n"
	"would have been told of what was learned from; what was never seen has no threshold.\n"
	"With a name it is approved: only then may a conduit in enforce mode block in its name.\n"
	"Freezing a frozen one again changes who approved it, and the budget.\n\n"
	"      --by NAME      who read and approved it\n"
	"      --reason TEXT  why it may be taken for normal\n"
	"      --budget N     events a day (default: as before, at first 5)\n"
	"      --at TIME      2026-11-21T09:00:00Z (default: now)\n\n"
	"examples:\n"
	"  kidoban baseline freeze plant.baseline --by tanaka --reason 'two weeks, read with the "
	"line lead'\n"
	"  kidoban baseline freeze plant.baseline --budget 2\n"};

struct freeze {
	const char *path, *by, *reason;
	double budget;
	int64_t at;
};

static int freeze_parse(struct freeze *f, int argc, char **argv, bool *done)
{
	enum { OPT_BY = CMD_OPT_OWN, OPT_REASON, OPT_BUDGET, OPT_AT };
	static const struct option options[] = {{"by", required_argument, NULL, OPT_BY},
						{"reason", required_argument, NULL, OPT_REASON},
						{"budget", required_argument, NULL, OPT_BUDGET},
						{"at", required_argument, NULL, OPT_AT},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	char *end;
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPT_BY:
			f->by = optarg;
			break;
		case OPT_REASON:
			f->reason = optarg;
			break;
		case OPT_BUDGET:
			errno = 0;
			f->budget = strtod(optarg, &end);
			if (errno || *end || end == optarg || !(f->budget > 0) ||
			    f->budget > 100000)
				return cmd_usage_error(&freeze_help,
						       "--budget takes events a day, above 0");
			break;
		case OPT_AT:
			if (!baseline_parse_time(optarg, &f->at))
				return cmd_usage_error(
					&freeze_help,
					"--at takes a time such as 2026-11-21T09:00:00Z");
			break;
		case 'h':
			return cmd_show_help(&freeze_help);
		default:
			return cmd_option_error(&freeze_help, c, argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_usage_error(&freeze_help, "which baseline? One, please");
	f->path = argv[optind];
	if (!f->by != !f->reason)
		return cmd_usage_error(&freeze_help,
				       "--by and --reason go together: who says why it is normal");
	if (f->by && (!cmd_text_ok(&freeze_help, "--by", f->by) ||
		      !cmd_text_ok(&freeze_help, "--reason", f->reason)))
		return CMD_USAGE;
	*done = false;
	return CMD_OK;
}

int cmd_baseline_freeze(int argc, char **argv)
{
	struct freeze f = {.at = 0};
	struct baseline_progress p;
	struct baseline *b;
	bool done;
	int code = freeze_parse(&f, argc, argv, &done);

	if (done)
		return code;
	b = cmd_baseline_load(f.path);
	if (!b)
		return CMD_USAGE;
	baseline_progress(b, &p);
	if (!p.ops && !p.flows) {
		fprintf(stderr, "kidoban baseline freeze: %s has learned nothing yet\n", f.path);
		baseline_free(b);
		return CMD_USAGE;
	}
	baseline_freeze(b, f.budget, f.by, f.reason, f.at ? f.at : cmd_baseline_now());
	code = cmd_baseline_store(&freeze_help, b, f.path);
	if (code == CMD_OK) {
		printf("frozen%s%s; at most %g events a day are budgeted, %.2g would have been "
		       "told of what was learned from\n",
		       f.by ? " and approved by " : ", approved by nobody", f.by ? f.by : "",
		       b->budget.per_day, budget_expects(&b->budget));
		if (!p.settled)
			printf("learning had not settled: new things still came\n");
	}
	baseline_free(b);
	return code;
}

/* --- thaw --- */

static const struct cmd_help thaw_help = {
	"baseline thaw", "FILE",
	"Lets a frozen baseline learn on. What it knows stays; permits stay; its approval ends.\n\n"
	"examples:\n"
	"  kidoban baseline thaw plant.baseline\n"
	"  kidoban baseline thaw plant.baseline && kidoban learn --baseline plant.baseline "
	"friday.pcap\n"};

/* Of commands with no options but -h; false: the command is over, with *code. */
static bool no_options(const struct cmd_help *h, int argc, char **argv, int *code)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int c;

	opterr = 0;
	c = getopt_long(argc, argv, ":h", options, NULL);
	if (c == -1)
		return true;
	*code = c == 'h' ? cmd_show_help(h) : cmd_option_error(h, c, argv[optind - 1]);
	return false;
}

int cmd_baseline_thaw(int argc, char **argv)
{
	struct baseline *b;
	int code;

	if (!no_options(&thaw_help, argc, argv, &code))
		return code;
	if (optind != argc - 1)
		return cmd_usage_error(&thaw_help, "which baseline? One, please");
	b = cmd_baseline_load(argv[optind]);
	if (!b)
		return CMD_USAGE;
	baseline_learn_on(b);
	code = cmd_baseline_store(&thaw_help, b, argv[optind]);
	baseline_free(b);
	return code;
}

/* --- merge --- */

static const struct cmd_help merge_help = {
	"baseline merge", "-o OUT FILE FILE...",
	"Makes one baseline of several: of several sensors, or several weeks. All must be still\n"
	"learning ('thaw'); so is the result.\n\n"
	"  -o, --output FILE  where to write it; may be one of them\n\n"
	"examples:\n"
	"  kidoban baseline merge -o plant.baseline line1.baseline line2.baseline\n"
	"  kidoban baseline merge -o plant.baseline plant.baseline night.baseline\n"};

static void say_shared_sources(const struct baseline *b, const struct baseline *from,
			       const char *path)
{
	const struct baseline_source *s;

	for (s = from->sources; s; s = s->next) {
		if (!baseline_source_known(b, s->first, s->print))
			continue;
		fprintf(stderr,
			"kidoban baseline merge: %s learned from a capture that another one "
			"learned from too: it counts twice\n",
			path);
		return;
	}
}

/* Adds path's; false with the reason told. */
static bool add(struct baseline *b, const char *path)
{
	struct baseline *from = cmd_baseline_load(path);
	bool good = from != NULL;

	if (good && baseline_state(from) == BASELINE_FROZEN) {
		fprintf(stderr,
			"kidoban baseline merge: %s is frozen; 'kidoban baseline thaw %s' first\n",
			path, path);
		good = false;
	}
	if (good) {
		say_shared_sources(b, from, path);
		good = baseline_merge(b, from);
		if (!good)
			fprintf(stderr, "kidoban baseline merge: out of memory\n");
	}
	baseline_free(from);
	return good;
}

int cmd_baseline_merge(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *out = NULL;
	struct baseline *b;
	bool good = true;
	int c, i, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&merge_help);
		if (c != 'o')
			return cmd_option_error(&merge_help, c, argv[optind - 1]);
		out = optarg;
	}
	if (!out)
		return cmd_usage_error(&merge_help, "-o is missing: where to?");
	if (argc - optind < 2)
		return cmd_usage_error(&merge_help, "two baselines or more, please");
	b = baseline_new(NULL);
	for (i = optind; b && good && i < argc; i++)
		good = add(b, argv[i]);
	code = b && good ? cmd_baseline_store(&merge_help, b, out) : CMD_USAGE;
	baseline_free(b);
	return code;
}
