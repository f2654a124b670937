/* kidoban revoke: close a conduit before its grant is over. */
#include "cmd/client.h"
#include "cmd/state.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"revoke", "[--state FILE | -c kidoban.yaml | --socket PATH] ID|CONDUIT --reason TEXT",
	"Ends a grant, or all grants of a conduit, at once. Sessions that they carried end with\n"
	"them: what goes on over them is a violation.\n\n"
	"      --state FILE      where grants are kept; else the running service is "
	"asked\n" CLIENT_HELP "      --reason TEXT     why, for the log\n\n"
	"examples:\n"
	"  kidoban revoke 12 --reason 'work is done'\n"
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

static int revoke(const struct client *cl, const char *which, const char *reason)
{
	const char *path = client_state(cl);
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
	if (code == CMD_OK)
		client_tell_state(&help, cl, path);
	return code;
}

static enum client_result by_service(const struct client *cl, const char *which, const char *reason)
{
	json_t *o = json_pack("{ssss}", "do", "revoke", "reason", reason), *answer;
	int64_t id = id_of(which);
	enum client_result r;
	const json_t *g;
	size_t i;

	if (id)
		json_object_set_new(o, "id", json_integer(id));
	else
		json_object_set_new(o, "conduit", json_string(which));
	r = client_ask(&help, cl, o, client_state(cl) != NULL, &answer);
	if (r == CLIENT_REFUSED && client_state(cl))
		fprintf(stderr, "kidoban revoke: %s\n", client_text(answer, "error"));
	json_array_foreach(json_object_get(answer, "revoked"), i, g)
		printf("grant %lld of conduit %s is revoked; it would have been open until %s\n",
		       (long long)client_number(g, "id"), client_text(g, "conduit"),
		       client_text(g, "until_local"));
	json_decref(answer);
	return r;
}

static int run(struct client *cl, const char *which, const char *reason)
{
	enum client_result r;

	if (!client_begin(cl))
		return CMD_USAGE;
	if (cl->state)
		return revoke(cl, which, reason);
	r = by_service(cl, which, reason);
	return r == CLIENT_UNREACHABLE && client_state(cl) ? revoke(cl, which, reason)
							   : client_exit(r);
}

int cmd_revoke(int argc, char **argv)
{
	enum { OPT_REASON = CLIENT_OPT_OWN };
	static const struct option options[] = {CLIENT_OPTIONS,
						{"reason", required_argument, NULL, OPT_REASON},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct client cl = {.socket = NULL};
	const char *reason = NULL;
	int c, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c == OPT_REASON)
			reason = optarg;
		else if (!client_option(&cl, c, optarg))
			return cmd_option_error(&help, c, argv[optind - 1]);
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which grant or conduit? One, please");
	if (!reason)
		return cmd_usage_error(&help, "--reason is missing");
	if (reason[strspn(reason, " ")] == '\0')
		return cmd_usage_error(&help, "the reason is empty");
	if (!cmd_text_ok(&help, "the conduit", argv[optind]) ||
	    !cmd_text_ok(&help, "--reason", reason))
		return CMD_USAGE;
	code = run(&cl, argv[optind], reason);
	client_end(&cl);
	return code;
}
