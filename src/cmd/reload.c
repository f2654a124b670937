/* kidoban reload, kidoban mode: the running service is told. */
#include "cmd/client.h"

#include <getopt.h>
#include <stdio.h>

static const struct cmd_help reload_help = {
	"reload", "[-c kidoban.yaml | --socket PATH]",
	"The running service reads its policy and its state anew and opens its files again. When\n"
	"there is any mistake everything stays as it was, and the exit code is 1.\n\n" CLIENT_HELP
	"\n"
	"examples:\n"
	"  kidoban reload\n"
	"  kidoban reload -c /etc/kidoban/line2.yaml\n"};

static const struct cmd_help mode_help = {
	"mode", "[-c kidoban.yaml | --socket PATH] MODE [--reason TEXT]",
	"Puts the running service into another operating mode (normal, maintenance, emergency or\n"
	"analysis): conduits that the policy opens in that mode open, others close. It holds "
	"until\n"
	"it is changed again or the service is started anew, and it is logged.\n\n" CLIENT_HELP
	"      --reason TEXT     why, for the log\n\n"
	"examples:\n"
	"  kidoban mode maintenance --reason 'yearly stop, line 2'\n"
	"  kidoban mode normal\n"};

static void mistakes(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "mistakes"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		fprintf(stderr, "%s", client_text(one, "file"));
		if (client_number(one, "line"))
			fprintf(stderr, ":%lld:%lld", (long long)client_number(one, "line"),
				(long long)client_number(one, "column"));
		fprintf(stderr, ": %s\n", client_text(one, "text"));
	}
}

/* Options that both take; returns more than CMD_OK with *done when there is nothing more to do. */
static int parse(const struct cmd_help *h, struct client *cl, const char **reason, int argc,
		 char **argv, bool *done)
{
	enum { OPT_REASON = CLIENT_OPT_OWN };
	static const struct option options[] = {
		{"socket", required_argument, NULL, CLIENT_OPT_SOCKET},
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"reason", required_argument, NULL, OPT_REASON},
		{NULL, 0, NULL, 0}};
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(h);
		if (c == OPT_REASON && reason)
			*reason = optarg;
		else if (!client_option(cl, c, optarg))
			return cmd_option_error(h, c, argv[optind - 1]);
	}
	*done = false;
	return CMD_OK;
}

int cmd_reload(int argc, char **argv)
{
	struct client cl = {.socket = NULL};
	enum client_result r;
	json_t *answer;
	bool done;
	int code = parse(&reload_help, &cl, NULL, argc, argv, &done);

	if (done)
		return code;
	if (optind != argc)
		return cmd_usage_error(&reload_help, "'%s' is too much", argv[optind]);
	if (!client_begin(&cl))
		return CMD_USAGE;
	r = client_ask(&reload_help, &cl, json_pack("{ss}", "do", "reload"), false, &answer);
	mistakes(answer);
	if (r == CLIENT_DONE)
		printf("reloaded\n");
	json_decref(answer);
	client_end(&cl);
	return client_exit(r);
}

int cmd_mode(int argc, char **argv)
{
	struct client cl = {.socket = NULL};
	const char *reason = "";
	enum client_result r;
	json_t *answer;
	bool done;
	int code = parse(&mode_help, &cl, &reason, argc, argv, &done);

	if (done)
		return code;
	if (optind != argc - 1)
		return cmd_usage_error(&mode_help, "which mode? normal, maintenance, emergency or "
						   "analysis");
	if (!client_begin(&cl))
		return CMD_USAGE;
	r = client_ask(&mode_help, &cl,
		       json_pack("{ssssss}", "do", "mode", "mode", argv[optind], "reason", reason),
		       false, &answer);
	if (r == CLIENT_DONE)
		printf("operating mode %s\n", client_text(answer, "operating_mode"));
	json_decref(answer);
	client_end(&cl);
	return client_exit(r);
}
