/* kidoban baseline approve: what an alert was about is permitted, with name, time and reason. */
#include "baseline/permit.h"
#include "baseline/text.h"
#include "cmd/baseline.h"
#include "cmd/state.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct cmd_help help = {
	"baseline approve",
	"--alert EVE.json[:WHICH] | --permit TEXT --by NAME --reason TEXT [options] FILE",
	"Permits what a reviewed alert was about: it is not told again. The baseline keeps who\n"
	"approved it, when and why, in its list 'permits'; deleting the line there takes it "
	"back.\n\n"
	"      --alert EVE.json[:WHICH]  the alert: its line in the file, its community id, or\n"
	"                         nothing when only one alert there is about the baseline\n"
	"      --permit TEXT      instead: the text of its kidoban.baseline.permit\n"
	"      --by NAME          who approved it\n"
	"      --reason TEXT      why it is normal\n"
	"      --values LO..HI    only as long as the value is in that range\n"
	"      --at TIME          2026-11-21T09:00:00Z (default: now)\n\n"
	"examples:\n"
	"  kidoban baseline approve plant.baseline --alert eve.json:17 --by tanaka --reason 'new "
	"recipe screen'\n"
	"  kidoban baseline approve plant.baseline --by sato --reason 'second panel' --permit "
	"'new-host 10.40.0.6'\n"};

struct asked {
	const char *path, *alert;
	struct permit permit;
	char text[BASELINE_TEXT], finding[64];
};

static int parse(struct asked *a, int argc, char **argv, bool *done)
{
	enum { OPT_ALERT = CMD_OPT_OWN, OPT_PERMIT, OPT_BY, OPT_REASON, OPT_VALUES, OPT_AT };
	static const struct option options[] = {{"alert", required_argument, NULL, OPT_ALERT},
						{"permit", required_argument, NULL, OPT_PERMIT},
						{"by", required_argument, NULL, OPT_BY},
						{"reason", required_argument, NULL, OPT_REASON},
						{"values", required_argument, NULL, OPT_VALUES},
						{"at", required_argument, NULL, OPT_AT},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char **const to[] = {&a->alert, &a->permit.what, &a->permit.by, &a->permit.reason};
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c == OPT_VALUES) {
			a->permit.has_values =
				baseline_parse_values(optarg, &a->permit.lo, &a->permit.hi);
			if (!a->permit.has_values)
				return cmd_usage_error(&help, "--values takes LO..HI");
		} else if (c == OPT_AT) {
			if (!baseline_parse_time(optarg, &a->permit.at))
				return cmd_usage_error(
					&help, "--at takes a time such as 2026-11-21T09:00:00Z");
		} else if (c >= OPT_ALERT && c <= OPT_REASON) {
			*to[c - OPT_ALERT] = optarg;
		} else {
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which baseline? One, please");
	a->path = argv[optind];
	if (!a->alert == !a->permit.what)
		return cmd_usage_error(&help, "what is approved? One of --alert and --permit");
	if (!a->permit.by || !a->permit.reason)
		return cmd_usage_error(&help, "%s is missing: who approves it, and why?",
				       a->permit.by ? "--reason" : "--by");
	if (!cmd_text_ok(&help, "--by", a->permit.by) ||
	    !cmd_text_ok(&help, "--reason", a->permit.reason))
		return CMD_USAGE;
	if (!a->permit.at)
		a->permit.at = cmd_baseline_now();
	*done = false;
	return CMD_OK;
}

/* --- the alert --- */

/* "eve.json:17": the file, and in *which what comes behind, "" for nothing. */
static FILE *open_alerts(const char *name, const char **which)
{
	const char *colon;
	char *path;
	FILE *f = fopen(name, "r");

	*which = "";
	for (colon = strchr(name, ':'); !f && colon; colon = strchr(colon + 1, ':')) {
		path = strndup(name, (size_t)(colon - name));
		f = path ? fopen(path, "r") : NULL;
		*which = colon + 1;
		free(path);
	}
	return f;
}

static const char *text_at(const json_t *o, const char *map, const char *key)
{
	return json_string_value(json_object_get(json_object_get(o, map), key));
}

/* Whether line `number` is the alert that is meant. */
static bool meant(const json_t *o, const char *which, unsigned long number)
{
	const char *community = json_string_value(json_object_get(o, "community_id"));
	char *end;
	unsigned long n = strtoul(which, &end, 10);

	if (!*which)
		return true;
	if (community && strcmp(community, which) == 0)
		return true;
	return !*end && n == number;
}

static void take(struct asked *a, const json_t *o)
{
	const json_t *baseline = json_object_get(json_object_get(o, "kidoban"), "baseline");
	const char *permit = json_string_value(json_object_get(baseline, "permit"));
	const char *finding = text_at(o, "kidoban", "finding");

	snprintf(a->text, sizeof(a->text), "%s", permit ? permit : "");
	snprintf(a->finding, sizeof(a->finding), "%s", finding ? finding : "");
}

/* Fills text and finding; false with the reason told. */
static bool find_alert(struct asked *a)
{
	char first[BASELINE_TEXT] = "", *line = NULL;
	unsigned long number = 0;
	unsigned different = 0;
	const char *which;
	size_t cap = 0;
	json_t *o;
	FILE *f = open_alerts(a->alert, &which);

	if (!f) {
		fprintf(stderr, "kidoban baseline approve: %s: %s\n", a->alert, strerror(errno));
		return false;
	}
	while (getline(&line, &cap, f) >= 0) {
		number++;
		o = json_loads(line, 0, NULL);
		if (o && meant(o, which, number)) {
			take(a, o);
			if (*a->text && strcmp(a->text, first) != 0) {
				different++;
				snprintf(first, sizeof(first), "%s", a->text);
				if (different > 1)
					fprintf(stderr, "  line %lu: %s\n", number, a->text);
			}
		}
		json_decref(o);
	}
	free(line);
	fclose(f);
	if (different == 1) {
		snprintf(a->text, sizeof(a->text), "%s", first);
		return true;
	}
	fprintf(stderr, "kidoban baseline approve: %s: %s\n", a->alert,
		different ? "there is more than one such alert; say which, by its line"
			  : "there is no such alert about the baseline");
	return false;
}

/* "new-op 10.40.0.5 ...": the finding is one there is. */
static bool known_finding(const char *text, char *id, size_t size)
{
	size_t n = strcspn(text, " ");
	unsigned f;

	for (f = 0; f < BASELINE_FINDINGS; f++) {
		const char *name = baseline_finding_id((enum baseline_finding)f);

		if (strncmp(name + strlen("baseline."), text, n) == 0 &&
		    !name[strlen("baseline.") + n]) {
			snprintf(id, size, "%s", name);
			return true;
		}
	}
	return false;
}

int cmd_baseline_approve(int argc, char **argv)
{
	struct asked a = {.path = NULL};
	struct baseline *b;
	bool done;
	int code = parse(&a, argc, argv, &done);

	if (done)
		return code;
	if (a.alert) {
		if (!find_alert(&a))
			return CMD_INPUT;
		a.permit.what = a.text;
	}
	if (!cmd_text_ok(&help, "what is permitted", a.permit.what) ||
	    !known_finding(a.permit.what, a.finding, sizeof(a.finding)))
		return cmd_usage_error(&help,
				       "\"%.60s\" is not the permit of an alert: it begins with a "
				       "finding, such as new-op",
				       a.permit.what);
	a.permit.finding = NULL;
	b = cmd_baseline_load(a.path);
	if (!b)
		return CMD_USAGE;
	if (permit_add(b, &a.permit)) {
		code = cmd_baseline_store(&help, b, a.path);
		if (code == CMD_OK)
			printf("permitted: %s\n", a.permit.what);
	} else {
		printf("that is permitted already: %s\n", a.permit.what);
		code = CMD_OK;
	}
	baseline_free(b);
	return code;
}
