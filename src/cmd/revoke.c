/* kidoban revoke: close a conduit before its grant is over. */
#include "cmd/state.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"revoke", "--state FILE ID|CONDUIT --reason TEXT",
	"Ends a grant, or all grants of a conduit, at once. Sessions that they carried end with\n"
	"them: what goes on over them is a violation.\n\n"
	"      --state FILE    where grants are kept\n"
	"      --reason TEXT   why, for the log\n\n"
	"examples:\n"
	"  kidoban revoke --state kidoban.db 12 --reason 'work is done'\n"
	"  kidoban revoke --state kidoban.db vendor-maintenance --reason 'wrong machine'\n"};

static void tell(void *user, const struct state_grant *g)
{
	char text[CIVIL_STRLEN];

	(void)user;
	printf("grant %lld of conduit %s is revoked; it would have been open until %s (UTC)\n",
	       (long long)g->id, g->conduit, cmd_time_str(&tz_of_utc, g->until, text));
}

/* Digits alone are an id. */
static int64_t id_of(const char *text)
{
	return text[strspn(text, "0123456789")] || strlen(text) > 18 ? 0 : strtoll(text, NULL, 10);
}

static int revoke(const char *path, const char *which, const char *reason)
{
	struct state *s = cmd_state_open(&help, path, STATE_WRITE);
	struct cmd_actor who;
	int64_t id = id_of(which);
	unsigned count;
	int code = CMD_OK;

	if (!s)
		return CMD_USAGE;
	cmd_actor(&who);
	if (!state_expire(s, &who.actor) ||
	    !state_revoke(s, &who.actor, id, which, reason, &count, tell, NULL)) {
		code = cmd_state_error(&help, path, s);
	} else if (!count) {
		fprintf(stderr, "kidoban revoke: no grant of '%s' is open or planned\n", which);
		code = CMD_UNEXPECTED;
		if (!state_refuse(s, &who.actor, id ? "" : which, "", reason, "nothing to revoke"))
			code = cmd_state_error(&help, path, s);
	}
	state_close(s);
	return code;
}

int cmd_revoke(int argc, char **argv)
{
	enum { OPT_STATE = CMD_OPT_OWN, OPT_REASON };
	static const struct option options[] = {{"state", required_argument, NULL, OPT_STATE},
						{"reason", required_argument, NULL, OPT_REASON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *state = NULL, *reason = NULL;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPT_STATE:
			state = optarg;
			break;
		case OPT_REASON:
			reason = optarg;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which grant or conduit? One, please");
	if (!state || !reason)
		return cmd_usage_error(&help, "%s is missing", state ? "--reason" : "--state");
	if (reason[strspn(reason, " ")] == '\0')
		return cmd_usage_error(&help, "the reason is empty");
	if (!cmd_text_ok(&help, "the conduit", argv[optind]) ||
	    !cmd_text_ok(&help, "--reason", reason))
		return CMD_USAGE;
	return revoke(state, argv[optind], reason);
}
