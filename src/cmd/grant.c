/* kidoban grant: open a conduit for a while. */
#include "cmd/client.h"
#include "cmd/state.h"
#include "run/grants.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"grant",
	"[-p policy.yaml --state FILE | -c kidoban.yaml | --socket PATH] CONDUIT --for 2h "
	"--approver NAME --reason TEXT",
	"Opens a conduit that needs a grant. It closes by itself when the time is over, or with\n"
	"'kidoban revoke'. Who, when and why are kept, and so is a grant that was refused. Given\n"
	"by the running service, or written into the state file, where the service finds it.\n\n"
	"  -p, --policy FILE     the policy with the conduit\n"
	"      --state FILE      where grants are kept; made when it is not there\n" CLIENT_HELP
	"      --for DURATION    how long: 30m, 2h, 1d\n"
	"      --approver NAME   who approved it; one of those the conduit names, if it names any\n"
	"      --reason TEXT     what for, for the log\n"
	"      --at TIME         when it begins, 2026-11-21T10:00 in the time zone of the policy\n"
	"                        (default: now)\n\n"
	"examples:\n"
	"  kidoban grant vendor-maintenance --for 2h --approver tanaka --reason 'ticket 4711'\n"
	"  kidoban grant -p policy.yaml --state kidoban.db eng-program --for 90m --approver sato "
	"--reason 'line change' --at 2026-11-21T10:00\n"};

struct asked {
	struct client cl;
	const char *policy, *conduit, *duration, *approver, *reason, *at;
};

static int parse(struct asked *a, int argc, char **argv, bool *done)
{
	enum { OPT_FOR = CLIENT_OPT_OWN, OPT_APPROVER, OPT_REASON, OPT_AT };
	static const struct option options[] = {CLIENT_OPTIONS,
						{"policy", required_argument, NULL, 'p'},
						{"for", required_argument, NULL, OPT_FOR},
						{"approver", required_argument, NULL, OPT_APPROVER},
						{"reason", required_argument, NULL, OPT_REASON},
						{"at", required_argument, NULL, OPT_AT},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char **const to[] = {&a->duration, &a->approver, &a->reason, &a->at};
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":p:c:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c == 'p')
			a->policy = optarg;
		else if (c >= OPT_FOR && c <= OPT_AT)
			*to[c - OPT_FOR] = optarg;
		else if (!client_option(&a->cl, c, optarg))
			return cmd_option_error(&help, c, argv[optind - 1]);
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which conduit? One, please");
	a->conduit = argv[optind];
	if (!a->policy != !a->cl.state)
		return cmd_usage_error(&help, "%s",
				       a->policy ? "--state is missing"
						 : "-p is missing: which policy?");
	if (!a->duration || !a->approver || !a->reason)
		return cmd_usage_error(&help, "%s is missing",
				       !a->duration   ? "--for"
				       : !a->approver ? "--approver"
						      : "--reason");
	*done = false;
	return CMD_OK;
}

/* What else must be so for the conduit to be open. */
static void only(const char *modes, const char *schedule, const char *until, const char *timezone)
{
	if (*modes)
		printf("  and only in operating mode %s\n", modes);
	if (*schedule)
		printf("  and only %s (%s)\n", schedule, timezone);
	if (*until)
		printf("  and only until %s (%s)\n", until, timezone);
}

static void tell(const struct policy *p, const char *state, const struct state_grant *g,
		 int64_t now)
{
	const struct policy_conduit *c = policy_conduit_at(p, policy_conduit_find(p, g->conduit));
	char from[CIVIL_STRLEN], until[CIVIL_STRLEN];
	const struct tz *z = policy_tz(p);

	printf("grant %lld: conduit %s %s open from %s until %s (%s)\n", (long long)g->id, c->id,
	       g->until <= now ? "was" : "is", cmd_time_str(z, g->from, from),
	       cmd_time_str(z, g->until, until), z->name);
	printf("  permits: %s\n", c->permits);
	only(c->modes, c->schedule, c->until, z->name);
	if (g->until > now)
		printf("  to close it before: kidoban revoke --state %s %lld --reason TEXT\n",
		       state, (long long)g->id);
}

static int give(const struct asked *a, const struct policy *p)
{
	struct state_grant g = {
		.conduit = a->conduit, .approver = a->approver, .reason = a->reason};
	const struct policy_conduit *c;
	struct cmd_actor who;
	const char *path = client_state(&a->cl);
	struct state *s;
	char why[400];
	int code = CMD_OK;

	cmd_actor(&who);
	if (!grant_times(p, a->duration, a->at, who.actor.time, &g, why, sizeof(why)))
		return cmd_usage_error(&help, "%s", why);
	s = cmd_state_open(&help, path, STATE_CREATE);
	if (!s)
		return CMD_USAGE;
	c = policy_conduit_at(p, policy_conduit_find(p, g.conduit));
	g.permits = c ? c->permits : "";
	grant_refusal(p, &g, why, sizeof(why));
	if (!state_expire(s, &who.actor)) {
		code = cmd_state_error(&help, path, s);
	} else if (*why) {
		fprintf(stderr, "kidoban grant: refused: %s\n", why);
		code = CMD_UNEXPECTED;
		if (!state_refuse(s, &who.actor, g.conduit, g.approver, g.reason, why))
			code = cmd_state_error(&help, path, s);
	} else if (state_grant(s, &who.actor, &g, &g.id)) {
		tell(p, path, &g, who.actor.time);
	} else {
		code = cmd_state_error(&help, path, s);
	}
	state_close(s);
	if (code == CMD_OK)
		client_tell_state(&help, &a->cl, path);
	return code;
}

static int by_file(const struct asked *a)
{
	const char *path = a->policy ? a->policy : a->cl.loaded->policy;
	struct diag diag = {.count = 0};
	struct policy *p = policy_load(path, &diag);
	int code;

	diag_print(&diag, stderr);
	code = p ? give(a, p) : CMD_USAGE;
	policy_free(p);
	diag_free(&diag);
	return code;
}

static int by_service(const struct asked *a, bool quiet, enum client_result *r)
{
	json_t *o = json_pack("{ssssssssss}", "do", "grant", "conduit", a->conduit, "for",
			      a->duration, "approver", a->approver, "reason", a->reason),
	       *answer;
	const json_t *g;

	if (a->at)
		json_object_set_new(o, "at", json_string(a->at));
	*r = client_ask(&help, &a->cl, o, quiet, &answer);
	if (*r == CLIENT_REFUSED && quiet)
		fprintf(stderr, "kidoban grant: %s\n", client_text(answer, "error"));
	g = json_object_get(answer, "grant");
	if (*r == CLIENT_DONE) {
		printf("grant %lld: conduit %s is open from %s until %s (%s)\n",
		       (long long)client_number(g, "id"), client_text(g, "conduit"),
		       client_text(g, "from_local"), client_text(g, "until_local"),
		       client_text(answer, "timezone"));
		printf("  permits: %s\n", client_text(g, "permits"));
		only(client_text(answer, "operating_modes"), client_text(answer, "schedule"),
		     client_text(answer, "open_until"), client_text(answer, "timezone"));
		printf("  to close it before: kidoban revoke %lld --reason TEXT\n",
		       (long long)client_number(g, "id"));
	}
	json_decref(answer);
	return client_exit(*r);
}

/* The service, when it runs; else the file that it will read. */
static int run(struct asked *a)
{
	enum client_result r;
	bool has_files;
	int code;

	if (!client_begin(&a->cl))
		return CMD_USAGE;
	if (a->cl.state)
		return by_file(a);
	has_files = a->cl.loaded && a->cl.loaded->policy && a->cl.loaded->state;
	code = by_service(a, has_files, &r);
	return r == CLIENT_UNREACHABLE && has_files ? by_file(a) : code;
}

int cmd_grant(int argc, char **argv)
{
	struct asked a = {.policy = NULL};
	bool done;
	int code = parse(&a, argc, argv, &done);

	if (done)
		return code;
	if (!cmd_text_ok(&help, "the conduit", a.conduit) ||
	    !cmd_text_ok(&help, "--approver", a.approver) ||
	    !cmd_text_ok(&help, "--reason", a.reason))
		return CMD_USAGE;
	code = run(&a);
	client_end(&a.cl);
	return code;
}
