/* kidoban quarantine, kidoban release: isolate a host, and let it go. */
#include "cmd/client.h"
#include "cmd/state.h"
#include "run/answer.h"
#include "run/grants.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define AN_HOUR (INT64_C(3600) * CIVIL_NS)

static const struct cmd_help quarantine_help = {
	"quarantine",
	"[-c kidoban.yaml | --socket PATH | --state FILE] HOST --reason TEXT [--for 1h] | --list",
	"Isolates a host, by its address or its MAC address: an inline kidoban passes nothing "
	"from\n"
	"or to it until the time is over or 'kidoban release'. A host in a safety zone is never\n"
	"isolated. Who, when and why are kept in the log of the state (kidoban grants "
	"--log).\n\n" CLIENT_HELP "      --state FILE      the state file itself\n"
	"      --reason TEXT     why, for the log\n"
	"      --for DURATION    how long: 30m, 2h, 1d (default: as configured, or 1h)\n"
	"      --by NAME         who wants it (default: the user)\n"
	"      --list            who is isolated now\n\n"
	"examples:\n"
	"  kidoban quarantine 10.50.0.99 --for 2h --reason 'scans the line, ticket 4712'\n"
	"  kidoban quarantine --list\n"};

static const struct cmd_help release_help = {
	"release", "[-c kidoban.yaml | --socket PATH | --state FILE] HOST [--reason TEXT]",
	"Ends the quarantine of a host before its time.\n\n" CLIENT_HELP
	"      --state FILE      the state file itself\n"
	"      --reason TEXT     why, for the log\n\n"
	"examples:\n"
	"  kidoban release 10.50.0.99 --reason 'cleaned'\n"
	"  kidoban release 00:80:f4:01:02:03\n"};

struct asked {
	const struct cmd_help *help;
	struct client cl;
	const char *duration, *reason, *by, *host;
	bool list;
	char name[QUARANTINE_HOST]; /* the host, as the state writes it */
};

static void line(const json_t *q, const char *how)
{
	printf("%s%s until %s, by %s: %s\n", client_text(q, "host"), how,
	       client_text(q, "until_local"), client_text(q, "by"), client_text(q, "reason"));
}

static int lines(const json_t *list, const char *how)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) line(one, how);
	return CMD_OK;
}

/* --- by the running service --- */

static void set(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
}

static enum client_result by_service(const struct asked *a, const char *what)
{
	json_t *o = json_pack("{ss}", "do", what), *answer;
	enum client_result r;

	if (!a->list) {
		set(o, "host", a->host);
		set(o, "for", a->duration);
		set(o, "by", a->by);
		set(o, "reason", a->reason);
	}
	r = client_ask(a->help, &a->cl, o, client_state(&a->cl) != NULL, &answer);
	if (r == CLIENT_REFUSED && client_state(&a->cl))
		fprintf(stderr, "kidoban %s: %s\n", a->help->name, client_text(answer, "error"));
	if (r == CLIENT_DONE && a->list) {
		lines(json_object_get(answer, "quarantine"), " is isolated");
	} else if (r == CLIENT_DONE && json_object_get(answer, "released")) {
		lines(json_object_get(answer, "released"),
		      " is released; it would have been isolated");
	} else if (r == CLIENT_DONE) {
		line(json_object_get(answer, "quarantine"), " is isolated");
		if (*client_text(answer, "note"))
			printf("  %s\n", client_text(answer, "note"));
	}
	json_decref(answer);
	return r;
}

/* --- in the state file --- */

static int list_file(const struct asked *a, struct state *s, int64_t now)
{
	json_t *list = answer_quarantines(s, &tz_of_utc, now);

	if (!list)
		return cmd_state_error(a->help, client_state(&a->cl), s);
	lines(list, " is isolated");
	json_decref(list);
	return CMD_OK;
}

static int isolate_in_file(const struct asked *a, struct state *s, const struct state_actor *who)
{
	struct state_quarantine q = {.host = a->name,
				     .from = who->time,
				     .until = who->time + AN_HOUR,
				     .by = a->by ? a->by : who->os_user,
				     .os_user = who->os_user,
				     .reason = a->reason};
	char err[200];
	int64_t ns = a->cl.loaded ? a->cl.loaded->quarantine : AN_HOUR;
	json_t *o;

	if (a->duration && !grant_duration(a->duration, &ns, err, sizeof(err)))
		return cmd_usage_error(a->help, "--for: %s", err);
	q.until = q.from + ns;
	quarantine_refusal(NULL, a->name, err, sizeof(err));
	if (*err) {
		fprintf(stderr, "kidoban %s: refused: %s\n", a->help->name, err);
		return state_refuse(s, who, a->name, "", a->reason, err)
			       ? CMD_UNEXPECTED
			       : cmd_state_error(a->help, client_state(&a->cl), s);
	}
	if (!state_isolate(s, who, &q, &q.id))
		return cmd_state_error(a->help, client_state(&a->cl), s);
	o = answer_quarantine(&q, &tz_of_utc);
	line(o, " is isolated (UTC)");
	json_decref(o);
	return CMD_OK;
}

static void released(void *user, const struct state_quarantine *q)
{
	json_t *o = answer_quarantine(q, &tz_of_utc);

	(void)user;
	line(o, " is released; it would have been isolated (UTC)");
	json_decref(o);
}

static int release_in_file(const struct asked *a, struct state *s, const struct state_actor *who)
{
	const char *reason = a->reason ? a->reason : "";
	unsigned count;

	if (!state_release(s, who, 0, a->name, reason, &count, released, NULL))
		return cmd_state_error(a->help, client_state(&a->cl), s);
	if (count)
		return CMD_OK;
	fprintf(stderr, "kidoban %s: %s is not in quarantine\n", a->help->name, a->name);
	return state_refuse(s, who, a->name, "", reason, "nothing to release")
		       ? CMD_UNEXPECTED
		       : cmd_state_error(a->help, client_state(&a->cl), s);
}

static int in_file(const struct asked *a, bool release)
{
	const char *path = client_state(&a->cl);
	enum state_access access = a->list ? STATE_READ : release ? STATE_WRITE : STATE_CREATE;
	struct state *s = cmd_state_open(a->help, path, access);
	struct cmd_actor who;
	int code;

	if (!s)
		return CMD_USAGE;
	cmd_actor(&who);
	if (a->list)
		code = list_file(a, s, who.actor.time);
	else if (!state_expire(s, &who.actor))
		code = cmd_state_error(a->help, path, s);
	else if (release)
		code = release_in_file(a, s, &who.actor);
	else
		code = isolate_in_file(a, s, &who.actor);
	state_close(s);
	if (code == CMD_OK && !a->list)
		client_tell_state(a->help, &a->cl, path);
	return code;
}

static int run(struct asked *a, bool release)
{
	const char *what = a->list ? "status" : release ? "release" : "quarantine";
	enum client_result r = CLIENT_UNREACHABLE;

	if (!client_begin(&a->cl))
		return CMD_USAGE;
	if (!a->cl.state)
		r = by_service(a, what);
	if (r == CLIENT_UNREACHABLE && client_state(&a->cl))
		return in_file(a, release);
	return client_exit(r);
}

static int parse(struct asked *a, int argc, char **argv, bool *done)
{
	enum { OPT_FOR = CLIENT_OPT_OWN, OPT_REASON, OPT_BY, OPT_LIST };
	static const struct option options[] = {CLIENT_OPTIONS,
						{"for", required_argument, NULL, OPT_FOR},
						{"reason", required_argument, NULL, OPT_REASON},
						{"by", required_argument, NULL, OPT_BY},
						{"list", no_argument, NULL, OPT_LIST},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char **const to[] = {&a->duration, &a->reason, &a->by};
	bool release = a->help == &release_help;
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(a->help);
		if (c == OPT_LIST && !release)
			a->list = true;
		else if (c == OPT_REASON || (c >= OPT_FOR && c <= OPT_BY && !release))
			*to[c - OPT_FOR] = optarg;
		else if (!client_option(&a->cl, c, optarg))
			return cmd_option_error(a->help, c, argv[optind - 1]);
	}
	if (optind != argc - !a->list)
		return cmd_usage_error(a->help, "which host? One address or MAC address, please");
	a->host = argv[optind];
	if (!a->list && !quarantine_host(a->host, a->name))
		return cmd_usage_error(a->help, "'%s' is neither an address nor a MAC address",
				       a->host);
	if (!a->list && !release && (!a->reason || a->reason[strspn(a->reason, " ")] == '\0'))
		return cmd_usage_error(a->help, "--reason is missing: why?");
	if ((a->reason && !cmd_text_ok(a->help, "--reason", a->reason)) ||
	    (a->by && !cmd_text_ok(a->help, "--by", a->by)))
		return CMD_USAGE;
	*done = false;
	return CMD_OK;
}

static int quarantine(const struct cmd_help *help, int argc, char **argv)
{
	struct asked a = {.help = help};
	bool done;
	int code = parse(&a, argc, argv, &done);

	if (done)
		return code;
	code = run(&a, help == &release_help);
	client_end(&a.cl);
	return code;
}

int cmd_quarantine(int argc, char **argv)
{
	return quarantine(&quarantine_help, argc, argv);
}

int cmd_release(int argc, char **argv)
{
	return quarantine(&release_help, argc, argv);
}
