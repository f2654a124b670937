/* kidoban assets: the hosts that were seen. */
#include "cmd/client.h"
#include "cmd/state.h"
#include "run/answer.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct cmd_help help = {
	"assets", "[-c kidoban.yaml | --socket PATH | --state FILE] [--json | --csv]",
	"Lists the hosts that the service has seen: address, MAC, zone and name in the policy, "
	"when\n"
	"first and last (UTC), where, and what they said about themselves. Read from the service,\n"
	"or from its state file.\n\n" CLIENT_HELP "      --state FILE      the state file itself\n"
	"      --json            one JSON object per line\n"
	"      --csv             RFC 4180, with a line of headings\n\n"
	"examples:\n"
	"  kidoban assets\n"
	"  kidoban assets --csv > assets.csv\n"};

enum format { TEXT, JSON, CSV };

static void facts_line(const json_t *facts, void (*put)(const char *text))
{
	const char *key;
	json_t *value;
	bool more = false;

	json_object_foreach((json_t *)(uintptr_t)facts, key, value)
	{
		put(more ? "; " : "");
		put(key);
		put("=");
		put(json_string_value(value));
		more = true;
	}
}

static void put_plain(const char *text)
{
	fputs(text, stdout);
}

/* RFC 4180, 2.7. */
static void put_quoted(const char *text)
{
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
}

/* A spreadsheet takes what begins with = + - @ for a formula. */
static void cell(const char *text)
{
	printf("\"%s", strchr("=+-@\t\r", *text) && *text ? "'" : "");
	put_quoted(text);
	putchar('"');
}

static void csv(const json_t *a)
{
	static const char *const keys[] = {"host",  "mac",  "zone",	"asset",
					   "first", "last", "interface"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		cell(client_text(a, keys[i]));
		putchar(',');
	}
	printf("\"");
	facts_line(json_object_get(a, "facts"), put_quoted);
	printf("\"\r\n");
}

static void text(const json_t *a)
{
	const char *zone = client_text(a, "zone"), *asset = client_text(a, "asset");
	const json_t *facts = json_object_get(a, "facts");

	printf("%-39s %-17s %s%s%s, first %s, last %s", client_text(a, "host"),
	       client_text(a, "mac"), *zone ? zone : "no zone", *asset ? "/" : "",
	       *asset ? asset : ", not listed", client_text(a, "first_local"),
	       client_text(a, "last_local"));
	if (*client_text(a, "interface"))
		printf(", on %s", client_text(a, "interface"));
	if (json_object_size(facts)) {
		printf(": ");
		facts_line(facts, put_plain);
	}
	putchar('\n');
}

static void list(const json_t *answer, enum format format)
{
	const json_t *assets = json_object_get(answer, "assets"), *one;
	const json_t *stubborn = json_object_get(answer, "cannot_be_degraded");
	size_t i;

	if (format == CSV)
		printf("host,mac,zone,asset,first,last,interface,facts\r\n");
	json_array_foreach(assets, i, one)
	{
		if (format == CSV) {
			csv(one);
		} else if (format == TEXT) {
			text(one);
		} else {
			json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			putchar('\n');
		}
	}
	if (format != TEXT)
		return;
	json_array_foreach(stubborn, i, one)
		printf("%s port %lld did not answer a degraded request on %s: it is rejected "
		       "instead\n",
		       client_text(one, "host"), (long long)client_number(one, "port"),
		       client_text(one, "since_local"));
	fprintf(stderr, "%zu hosts\n", json_array_size(assets));
}

static int from_file(const char *path, json_t **answer)
{
	struct state *s = cmd_state_open(&help, path, STATE_READ);
	int code = CMD_OK;

	if (!s)
		return CMD_USAGE;
	*answer = answer_assets(s);
	if (!*answer)
		code = cmd_state_error(&help, path, s);
	state_close(s);
	return code;
}

int cmd_assets(int argc, char **argv)
{
	enum { OPT_JSON = CLIENT_OPT_OWN, OPT_CSV };
	static const struct option options[] = {CLIENT_OPTIONS,
						{"json", no_argument, NULL, OPT_JSON},
						{"csv", no_argument, NULL, OPT_CSV},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct client cl = {.socket = NULL};
	enum client_result r = CLIENT_UNREACHABLE;
	enum format format = TEXT;
	json_t *answer = NULL;
	int c, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c == OPT_JSON || c == OPT_CSV)
			format = c == OPT_JSON ? JSON : CSV;
		else if (!client_option(&cl, c, optarg))
			return cmd_option_error(&help, c, argv[optind - 1]);
	}
	if (optind != argc)
		return cmd_usage_error(&help, "'%s' is too much", argv[optind]);
	if (!client_begin(&cl))
		return CMD_USAGE;
	if (!cl.state)
		r = client_ask(&help, &cl, json_pack("{ss}", "do", "assets"),
			       client_state(&cl) != NULL, &answer);
	if (r == CLIENT_UNREACHABLE && client_state(&cl)) {
		code = from_file(client_state(&cl), &answer);
	} else {
		if (r == CLIENT_REFUSED && client_state(&cl))
			fprintf(stderr, "kidoban assets: %s\n", client_text(answer, "error"));
		code = client_exit(r);
	}
	if (code == CMD_OK)
		list(answer, format);
	json_decref(answer);
	client_end(&cl);
	return code;
}
