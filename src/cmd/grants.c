/* kidoban grants: what is open for a while, and who opened it. */
#include "cmd/client.h"
#include "cmd/state.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"grants", "[--state FILE | -c kidoban.yaml] [--log] [--format text|json]",
	"Lists all grants, or the log of all that was done. Times are UTC. Exit code 1 when the\n"
	"log was tampered with: its entries are chained by their hashes.\n\n"
	"      --state FILE          where grants are kept\n"
	"  -c, --config FILE         of the service, which names it (default:\n"
	"                            /etc/kidoban/kidoban.yaml when it is there)\n"
	"      --log                 the log, oldest first\n"
	"      --format text|json    for people, or one JSON object per line\n\n"
	"examples:\n"
	"  kidoban grants --state kidoban.db\n"
	"  kidoban grants --state kidoban.db --log --format json | jq -r .reason\n"};

struct listing {
	int64_t now;
	bool json;
	uint64_t count;
	int64_t broken; /* first entry of the log that is not intact; 0: none */
};

static const char *standing(const struct state_grant *g, int64_t now)
{
	if (g->revoked)
		return "revoked";
	return now < g->from ? "planned" : now < g->until ? "open" : "over";
}

/* "2026-11-21T10:00:00.000000001Z" */
static void set_time(json_t *o, const char *key, int64_t ns)
{
	struct civil c = civil_from(civil_floor(ns));
	char text[64];

	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ", c.year, c.month,
		 c.day, c.hour, c.minute, c.second, (long long)(ns - civil_floor(ns) * CIVIL_NS));
	json_object_set_new(o, key, json_string(text));
}

/* What somebody else wrote into the file may be no UTF-8. */
static void set_text(json_t *o, const char *key, const char *text)
{
	json_t *v = json_string(text);

	json_object_set_new(o, key, v ? v : json_string("?"));
}

static void print(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(o);
}

static void grant_json(const struct state_grant *g, int64_t now)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer(g->id));
	set_text(o, "conduit", g->conduit);
	set_text(o, "standing", standing(g, now));
	set_time(o, "from", g->from);
	set_time(o, "until", g->until);
	if (g->revoked)
		set_time(o, "revoked", g->revoked);
	set_text(o, "approver", g->approver);
	set_text(o, "reason", g->reason);
	set_text(o, "os_user", g->os_user);
	set_time(o, "made", g->made);
	set_text(o, "permits", g->permits);
	print(o);
}

static void one_grant(void *user, const struct state_grant *g)
{
	struct listing *l = user;
	char from[CIVIL_STRLEN], until[CIVIL_STRLEN];

	l->count++;
	if (l->json) {
		grant_json(g, l->now);
		return;
	}
	printf("%4lld  %-8s %s - %s UTC  %s, approved by %s: %s\n", (long long)g->id,
	       standing(g, l->now), cmd_time_str(&tz_of_utc, g->from, from),
	       cmd_time_str(&tz_of_utc, state_ends(g), until), g->conduit, g->approver, g->reason);
}

static void hex(const uint8_t *hash, char out[2 * STATE_HASH + 1])
{
	size_t i;

	for (i = 0; i < STATE_HASH; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* It is about a quarantine, not about a grant. */
static bool about_host(const struct state_entry *e)
{
	return strcmp(e->what, "quarantine") == 0 || strcmp(e->what, "release") == 0 ||
	       strcmp(e->what, "over") == 0;
}

static void entry_json(const struct state_entry *e)
{
	json_t *o = json_object();
	bool host = about_host(e);
	char text[2 * STATE_HASH + 1];

	hex(e->hash, text);
	json_object_set_new(o, "seq", json_integer(e->seq));
	set_time(o, "time", e->time);
	set_text(o, "what", e->what);
	json_object_set_new(o, host ? "quarantine" : "grant", json_integer(e->grant_id));
	set_text(o, host ? "host" : "conduit", e->conduit);
	set_text(o, host ? "by" : "approver", e->approver);
	set_text(o, "os_user", e->os_user);
	set_text(o, "reason", e->reason);
	set_text(o, "detail", e->detail);
	set_text(o, "hash", text);
	json_object_set_new(o, "intact", json_boolean(e->intact));
	print(o);
}

static void one_entry(void *user, const struct state_entry *e)
{
	struct listing *l = user;
	char time[CIVIL_STRLEN], id[32] = "";

	l->count++;
	if (!e->intact && !l->broken)
		l->broken = e->seq;
	if (l->json) {
		entry_json(e);
		return;
	}
	if (e->grant_id)
		snprintf(id, sizeof(id), " %lld", (long long)e->grant_id);
	printf("%4lld  %s UTC  %s%s  %s", (long long)e->seq,
	       cmd_time_str(&tz_of_utc, e->time, time), e->what, id, e->conduit);
	printf("%s%s, by %s: %s%s%s%s%s\n",
	       !*e->approver   ? ""
	       : about_host(e) ? ", wanted by "
			       : ", approved by ",
	       e->approver, e->os_user, e->detail, *e->reason ? " (" : "", e->reason,
	       *e->reason ? ")" : "", e->intact ? "" : "  [not as it was written]");
}

/* The chain's last hash, to be kept elsewhere: it shows when entries are gone from the end. */
static int end_of_log(struct state *s, const struct listing *l)
{
	uint8_t head[STATE_HASH];
	char text[2 * STATE_HASH + 1];

	if (l->broken) {
		fprintf(stderr,
			"kidoban grants: the log was tampered with, from entry %lld on or before "
			"it\n",
			(long long)l->broken);
		return CMD_UNEXPECTED;
	}
	if (!state_head(s, head))
		return CMD_INPUT;
	hex(head, text);
	fprintf(stderr, "%llu entries, as they were written; the last has hash %s\n",
		(unsigned long long)l->count, text);
	return CMD_OK;
}

static int run(const char *path, bool log, bool json)
{
	struct listing l = {.json = json};
	struct cmd_actor who;
	struct state *s;
	int code = CMD_OK;
	char err[320];

	cmd_actor(&who);
	l.now = who.actor.time;
	/* whoever may write notes what is over; others just look */
	s = state_open(path, STATE_WRITE, err, sizeof(err));
	if (s && !state_expire(s, &who.actor)) {
		state_close(s);
		s = NULL;
	}
	if (!s)
		s = cmd_state_open(&help, path, STATE_READ);
	if (!s)
		return CMD_USAGE;
	if (!(log ? state_log(s, one_entry, &l) : state_grants(s, one_grant, &l)))
		code = cmd_state_error(&help, path, s);
	else if (log)
		code = end_of_log(s, &l);
	if (code == CMD_OK && !state_check(s)) {
		cmd_state_error(&help, path, s);
		code = CMD_UNEXPECTED;
	}
	state_close(s);
	return code;
}

int cmd_grants(int argc, char **argv)
{
	enum { OPT_LOG = CLIENT_OPT_OWN, OPT_FORMAT };
	static const struct option options[] = {CLIENT_OPTIONS,
						{"log", no_argument, NULL, OPT_LOG},
						{"format", required_argument, NULL, OPT_FORMAT},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static const char *const formats[] = {"text", "json", NULL};
	struct client cl = {.socket = NULL};
	bool log = false;
	int c, format = 0, code;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
		switch (c) {
		case OPT_LOG:
			log = true;
			break;
		case OPT_FORMAT:
			if (!cmd_word(optarg, formats, &format))
				return cmd_usage_error(&help, "--format is text or json");
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			if (!client_option(&cl, c, optarg))
				return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind != argc)
		return cmd_usage_error(&help, "'%s' is too much", argv[optind]);
	if (!client_begin(&cl))
		return CMD_USAGE;
	if (client_state(&cl))
		code = run(client_state(&cl), log, format == 1);
	else
		code = cmd_usage_error(&help, "--state is missing: where are the grants?");
	client_end(&cl);
	return code;
}
