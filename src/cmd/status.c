/* kidoban status: is it well, and what has it seen. */
#include "cmd/client.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct cmd_help help = {
	"status", "[-c kidoban.yaml | --socket PATH] [--json]",
	"Says how the running service is: what is wrong, what each interface and conduit has "
	"seen,\n"
	"whether alerts reach their outputs, what is open for a while, who is in quarantine.\n"
	"Exit code 0 when all is well, 1 when something is wrong, 3 when no service "
	"answers.\n\n" CLIENT_HELP
	"      --json            what the service answered, one JSON object\n\n"
	"examples:\n"
	"  kidoban status\n"
	"  kidoban status --json | jq '.sources[].interfaces[]'\n"};

static void duration(int64_t seconds)
{
	int64_t d = seconds / 86400, h = seconds / 3600 % 24, m = seconds / 60 % 60;

	if (d)
		printf("%lld d %lld h", (long long)d, (long long)h);
	else if (h)
		printf("%lld h %lld min", (long long)h, (long long)m);
	else if (m)
		printf("%lld min", (long long)m);
	else
		printf("%lld s", (long long)seconds);
}

static void head(const json_t *o)
{
	const char *site = client_text(o, "site"), *mode = client_text(o, "mode");
	const char *policy = client_text(o, "policy");

	printf("kidoban%s%s, running since %s (%s), for ", *site ? " at " : "", site,
	       client_text(o, "since_local"), client_text(o, "timezone"));
	duration(client_number(o, "uptime_seconds"));
	putchar('\n');
	if (*policy)
		printf("policy %s, mode %s (%s), operating mode %s\n", policy, mode,
		       mode[0] == 'e' ? "violations are acted upon" : "violations are only told",
		       client_text(o, "operating_mode"));
	else
		printf("no policy: only what is wrong by itself is told\n");
}

static void baseline(const json_t *o)
{
	const json_t *b = json_object_get(o, "baseline");
	int64_t ops, recent;

	if (!b)
		return;
	printf("baseline %s, %s: ", client_text(b, "file"), client_text(b, "state"));
	if (strcmp(client_text(b, "state"), "frozen") == 0) {
		printf("%lld of %g events today, %lld yesterday\n",
		       (long long)client_number(b, "events_today"),
		       json_number_value(json_object_get(b, "budget")),
		       (long long)client_number(b, "events_yesterday"));
		return;
	}
	recent = client_number(b, "recent_ops");
	ops = client_number(b, "ops");
	if (!ops) {
		printf("nothing yet\n");
		return;
	}
	printf("%lld messages since %s, of the last hour's %.2f %% were known already; %s\n",
	       (long long)ops, client_text(b, "from_local"),
	       recent ? 100.0 * (double)client_number(b, "recent_explained") / (double)recent : 0,
	       json_is_true(json_object_get(b, "settled")) ? "settled" : "not settled");
	printf("  the last thing new was at %s; %lld channels, %lld kinds of messages\n",
	       client_text(b, "news_local"), (long long)client_number(b, "channels"),
	       (long long)client_number(b, "items"));
}

static void problems(const json_t *o)
{
	const json_t *list = json_object_get(o, "problems"), *one;
	size_t i;

	if (!json_array_size(list)) {
		printf("\nAll is well.\n");
		return;
	}
	printf("\nSomething is wrong:\n");
	json_array_foreach(list, i, one)
		printf("  %s (%s)\n", client_text(one, "sentence"), client_text(one, "finding"));
	printf("  'kidoban explain FINDING' says what to do.\n");
}

static void iface(const json_t *o)
{
	int64_t drops = client_number(o, "kernel_drops"),
		lost = client_number(o, "interface_drops");

	printf("  %-16s %-5s %14lld packets", client_text(o, "name"),
	       json_is_true(json_object_get(o, "up")) ? "up" : "DOWN",
	       (long long)client_number(o, "packets"));
	if (client_number(o, "sent"))
		printf(", %lld sent", (long long)client_number(o, "sent"));
	printf(", %lld dropped", (long long)(drops + lost));
	if (drops + lost)
		printf(" (%lld kidoban was too slow, %lld by the interface)", (long long)drops,
		       (long long)lost);
	if (client_number(o, "send_failed"))
		printf(", %lld could not be sent", (long long)client_number(o, "send_failed"));
	if (client_number(o, "passed_unseen"))
		printf(", %lld passed unseen", (long long)client_number(o, "passed_unseen"));
	if (client_number(o, "overloads"))
		printf(", left to the kernel %lld times, being too much",
		       (long long)client_number(o, "overloads"));
	putchar('\n');
}

static void sources(const json_t *o)
{
	const json_t *list = json_object_get(o, "sources"), *one, *i;
	size_t n, k;

	json_array_foreach(list, n, one)
	{
		int64_t workers = client_number(one, "workers");

		printf("\nSource: %s, %lld worker%s\n", client_text(one, "kind"),
		       (long long)workers, workers == 1 ? "" : "s");
		json_array_foreach(json_object_get(one, "interfaces"), k, i) iface(i);
	}
}

static void conduits(const json_t *o)
{
	const json_t *list = json_object_get(o, "conduits"), *one;
	size_t i, quiet = 0;

	if (!json_array_size(list))
		return;
	printf("\nConduits %35s %12s %12s %10s\n", "conversations", "operations", "violations",
	       "blocked");
	json_array_foreach(list, i, one)
	{
		int64_t flows = client_number(one, "flows"), ops = client_number(one, "ops"),
			bad = client_number(one, "violations");

		if (!flows && !ops && !bad) {
			quiet++;
			continue;
		}
		printf("  %-28s %13lld %12lld %12lld %10lld\n", client_text(one, "id"),
		       (long long)flows, (long long)ops, (long long)bad,
		       (long long)client_number(one, "blocked"));
	}
	if (quiet)
		printf("  %zu %s without traffic\n", quiet, quiet == 1 ? "conduit" : "conduits");
}

static void findings(const json_t *o)
{
	const json_t *list = json_object_get(o, "findings"), *one;
	size_t i;

	if (!json_array_size(list))
		return;
	printf("\nFindings since the start\n");
	json_array_foreach(list, i, one)
	{
		long long incidents = (long long)client_number(one, "incidents");
		long long seen = (long long)client_number(one, "occurrences");

		printf("  %-36s %-7s %8lld incident%s, seen %lld time%s\n",
		       client_text(one, "finding"), client_text(one, "severity"), incidents,
		       incidents == 1 ? "" : "s", seen, seen == 1 ? "" : "s");
	}
}

static void outputs(const json_t *o)
{
	const json_t *list = json_object_get(o, "outputs"), *one;
	size_t i;

	if (!json_array_size(list))
		return;
	printf("\nOutputs\n");
	json_array_foreach(list, i, one)
	{
		bool takes = json_is_true(json_object_get(one, "takes"));

		printf("  %-40s %s, %lld written, %lld waiting", client_text(one, "name"),
		       takes ? "takes events" : "DOES NOT TAKE EVENTS",
		       (long long)client_number(one, "written"),
		       (long long)client_number(one, "waiting"));
		if (client_number(one, "lost"))
			printf(", %lld ALERTS LOST", (long long)client_number(one, "lost"));
		if (client_number(one, "given_up"))
			printf(", %lld other events given up",
			       (long long)client_number(one, "given_up"));
		printf("%s%s\n", takes ? "" : ": ", takes ? "" : client_text(one, "error"));
	}
}

static void grants(const json_t *o)
{
	const json_t *list = json_object_get(o, "grants"), *one;
	size_t i;

	if (json_array_size(list))
		printf("\nOpen for a while, or soon\n");
	json_array_foreach(list, i, one)
		printf("  %lld  %s from %s until %s, approved by %s: %s\n",
		       (long long)client_number(one, "id"), client_text(one, "conduit"),
		       client_text(one, "from_local"), client_text(one, "until_local"),
		       client_text(one, "approver"), client_text(one, "reason"));
}

static void quarantine(const json_t *o)
{
	const json_t *list = json_object_get(o, "quarantine"), *one;
	size_t i;

	if (json_array_size(list))
		printf("\nIn quarantine\n");
	json_array_foreach(list, i, one)
		printf("  %s until %s, by %s: %s\n", client_text(one, "host"),
		       client_text(one, "until_local"), client_text(one, "by"),
		       client_text(one, "reason"));
}

static int show(const json_t *o, bool json)
{
	if (json) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		head(o);
		baseline(o);
		problems(o);
		sources(o);
		conduits(o);
		findings(o);
		outputs(o);
		grants(o);
		quarantine(o);
	}
	return json_is_true(json_object_get(o, "well")) ? CMD_OK : CMD_UNEXPECTED;
}

int cmd_status(int argc, char **argv)
{
	enum { OPT_JSON = CLIENT_OPT_OWN };
	static const struct option options[] = {
		{"socket", required_argument, NULL, CLIENT_OPT_SOCKET},
		{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, OPT_JSON},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	struct client cl = {.socket = NULL};
	enum client_result r;
	bool json = false;
	json_t *answer;
	int c, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c == OPT_JSON)
			json = true;
		else if (!client_option(&cl, c, optarg))
			return cmd_option_error(&help, c, argv[optind - 1]);
	}
	if (optind != argc)
		return cmd_usage_error(&help, "'%s' is too much", argv[optind]);
	if (!client_begin(&cl))
		return CMD_USAGE;
	r = client_ask(&help, &cl, json_pack("{ss}", "do", "status"), false, &answer);
	code = r == CLIENT_DONE ? show(answer, json) : client_exit(r);
	json_decref(answer);
	client_end(&cl);
	return code;
}
