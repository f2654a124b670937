/* kidoban baseline: the table of what can be done with one. */
#include "cmd/baseline.h"

#include "baseline/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} verbs[] = {
	{"show", cmd_baseline_show, "sum up what was learned"},
	{"diff", cmd_baseline_diff, "say in words what is different in another one"},
	{"freeze", cmd_baseline_freeze, "end the learning: from then on it is compared"},
	{"thaw", cmd_baseline_thaw, "let it learn on"},
	{"relearn", cmd_baseline_relearn, "learn one cell anew, keep the rest"},
	{"merge", cmd_baseline_merge, "make one of several"},
	{"approve", cmd_baseline_approve, "permit what an alert was about"},
};

#define VERBS (sizeof(verbs) / sizeof(*verbs))

static void usage(FILE *out)
{
	size_t i;

	fprintf(out, "usage: kidoban baseline show|diff|freeze|thaw|relearn|merge|approve ...\n\n"
		     "What is normal here, in a text that people read. It is learned by 'kidoban "
		     "learn\n--baseline' from captures, and compared by 'kidoban replay -b'.\n\n");
	for (i = 0; i < VERBS; i++)
		fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(out, "\n'kidoban baseline show -h' and so on say more.\n\nexamples:\n"
		     "  kidoban baseline show plant.baseline\n"
		     "  kidoban baseline freeze plant.baseline --by tanaka --reason 'read it with "
		     "the line lead'\n");
}

int cmd_baseline(int argc, char **argv)
{
	size_t i;

	if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		usage(stdout);
		return CMD_OK;
	}
	for (i = 0; argc > 1 && i < VERBS; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "kidoban baseline: there is no '%s'\n", argv[1]);
	usage(stderr);
	return CMD_USAGE;
}

struct baseline *cmd_baseline_load(const char *path)
{
	struct diag diag = {.count = 0};
	struct baseline *b = baseline_load(path, NULL, &diag);

	diag_print(&diag, stderr);
	diag_free(&diag);
	return b;
}

int cmd_baseline_store(const struct cmd_help *h, struct baseline *b, const char *path)
{
	const char *wrong = baseline_store(b, path);

	if (!wrong)
		return CMD_OK;
	fprintf(stderr, "kidoban %s: %s: %s\n", h->name, path, wrong);
	return CMD_INPUT;
}

int64_t cmd_baseline_now(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000;
}
