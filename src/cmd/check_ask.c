/* kidoban check --who-can and --can: the answers, for people or as JSON objects. */
#include "cmd/check.h"
#include "detect/judge.h"
#include "policy/ask.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NAMES_TOLD 12 /* clients that are named one by one */

struct answer {
	const struct policy *p;
	const struct ask *a;
	const char *from, *to;
	bool safety; /* one of them is in a safety zone */
	const struct ask_answer *x;
};

static int not_understood(const char *option, const char *question, const struct diag *d)
{
	unsigned i;

	for (i = 0; i < d->count; i++)
		fprintf(stderr, "kidoban check: %s '%s': %s\n", option, question, d->entry[i].text);
	return CMD_USAGE;
}

/* --- in words --- */

static const char *end_name(const struct policy *p, uint32_t end, char *buf, size_t size)
{
	const struct policy_zone *z = policy_zone_at(p, end);
	uint32_t zones = 0;

	if (z) {
		snprintf(buf, size, "unlisted devices of zone %s", z->id);
		return buf;
	}
	while (policy_zone_at(p, zones))
		zones++;
	return policy_asset_at(p, end - zones)->id;
}

/* "yes, only while a grant is active", "in part", "no". */
static void print_is(const struct ask_answer *x, FILE *f)
{
	const char *when = NULL;
	uint32_t i;

	fputs(x->is == ASK_YES ? "yes" : x->is == ASK_PART ? "in part" : "no", f);
	if (x->is == ASK_NO || x->is == x->always)
		return;
	/* one condition that all lines share says it all */
	for (i = 0; i < x->lines; i++) {
		if (when && strcmp(when, x->line[i]->when) != 0)
			break;
		when = x->line[i]->when;
	}
	if (x->always == ASK_NO && when && i == x->lines)
		fprintf(f, ", only %s", when);
	else if (x->always == ASK_NO)
		fputs(", only at times", f);
	else
		fputs(", some of it only at times", f);
}

static void print_lines(const struct answer *w, const char *indent)
{
	const struct ask_answer *x = w->x;
	uint32_t i;

	for (i = 0; i < x->lines; i++) {
		const struct ask_line *l = x->line[i];
		const struct policy_conduit *c = policy_conduit_at(w->p, l->conduit);

		printf("%sconduit %s (%s:%d): %s%s%s\n", indent, c->id, c->file, l->line, l->entry,
		       *l->when ? "; only " : "", l->when);
	}
	if (x->is == ASK_YES && x->verdict == POLICY_SAME_ZONE)
		printf("%sinside one zone no conduit is needed\n", indent);
	if (x->is == ASK_YES && x->verdict == POLICY_DEFAULT_ALLOW)
		printf("%sdefault: allow, and no conduit joins them\n", indent);
	if (x->is == ASK_PART && x->denied)
		printf("%snot for instance: %s\n", indent, x->denied);
	if (x->unsure)
		printf("%stoo involved to be exact: it may be more than that\n", indent);
}

/* What kidoban would do about a try if it were to enforce. */
static const char *enforced(const struct answer *w)
{
	bool op = w->x->verdict == POLICY_OP_DENIED || w->x->verdict == POLICY_OBJECT_DENIED ||
		  w->x->verdict == POLICY_VALUE_DENIED;

	return judge_verdict(w->p, MODE_ENFORCE, w->x->conduit, op, w->safety);
}

static void print_no(const struct answer *w)
{
	const struct ask_answer *x = w->x;
	const struct policy_conduit *c = policy_conduit_at(w->p, x->conduit);
	char buf[64];

	printf("  a try is %s; in enforce mode: %s\n",
	       judge_finding_id(judge_of_verdict((enum policy_verdict)x->verdict), buf,
				sizeof(buf)),
	       enforced(w));
	if (c)
		printf("  nearest: conduit %s (%s:%d) permits %s\n", c->id, c->file, c->line,
		       *x->expected ? x->expected : c->permits);
	else
		printf("  no conduit leads from %s to %s\n", w->from, w->to);
}

/* --- as JSON --- */

static void put(json_t *j, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(j, key, json_string(text));
}

static json_t *lines_json(const struct answer *w)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < w->x->lines; i++) {
		const struct ask_line *l = w->x->line[i];
		const struct policy_conduit *c = policy_conduit_at(w->p, l->conduit);
		json_t *j = json_object();

		put(j, "conduit", c->id);
		put(j, "file", c->file);
		json_object_set_new(j, "line", json_integer(l->line));
		json_object_set_new(j, "column", json_integer(l->col));
		put(j, "permits", l->entry);
		put(j, "when", l->when);
		json_array_append_new(list, j);
	}
	return list;
}

static void print_json(const struct answer *w)
{
	static const char *const is[] = {"no", "part", "yes"};
	const struct ask_answer *x = w->x;
	const struct policy_conduit *c = policy_conduit_at(w->p, x->conduit);
	json_t *j = json_object();
	char buf[64];

	put(j, "from", w->from);
	put(j, "to", w->to);
	put(j, "question", ask_words(w->a));
	put(j, "answer", is[x->is]);
	put(j, "always", is[x->always]);
	if (x->lines)
		json_object_set_new(j, "conduits", lines_json(w));
	put(j, "not", x->is == ASK_PART ? x->denied : NULL);
	if (x->unsure)
		json_object_set_new(j, "unsure", json_true());
	if (x->is == ASK_NO) {
		put(j, "finding",
		    judge_finding_id(judge_of_verdict((enum policy_verdict)x->verdict), buf,
				     sizeof(buf)));
		put(j, "enforced", enforced(w));
		put(j, "nearest", c ? c->id : NULL);
		put(j, "expected", x->expected);
	} else if (x->verdict == POLICY_SAME_ZONE) {
		put(j, "because", "same zone");
	} else if (x->verdict == POLICY_DEFAULT_ALLOW) {
		put(j, "because", "default allow");
	}
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

/* --- the two questions --- */

static bool in_safety(const struct policy *p, const struct policy_place *place)
{
	return place->zone != POLICY_NONE && policy_zone_at(p, place->zone)->level == LEVEL_SAFETY;
}

static void can(const struct answer *w, enum check_format format)
{
	if (format == CHECK_JSON) {
		print_json(w);
		return;
	}
	print_is(w->x, stdout);
	printf(": %s -> %s: %s\n", w->from, w->to, ask_words(w->a));
	print_lines(w, "  ");
	if (w->x->is == ASK_NO)
		print_no(w);
}

/* Each with each, but nobody with himself; *of counts the answers. */
static void can_pairs(const struct policy *p, struct ask *a, const struct ask_ends *clients,
		      const struct ask_ends *servers, enum check_format format, uint32_t *of)
{
	uint32_t f, t;

	for (f = 0; f < clients->count; f++)
		for (t = 0; t < servers->count; t++) {
			const struct ask_end *client = &clients->end[f], *server = &servers->end[t];
			struct ask_answer x;
			struct answer w = {
				.p = p, .a = a, .from = client->name, .to = server->name, .x = &x};

			if ((clients->several || servers->several) &&
			    client->place.asset != POLICY_NONE &&
			    client->place.asset == server->place.asset)
				continue;
			x = ask_can(a, client->place, server->place);
			w.safety = in_safety(p, &client->place) || in_safety(p, &server->place);
			of[x.is]++;
			can(&w, format);
		}
}

/* "some: 3 yes, 1 in part, 2 no". */
static void print_sum(const uint32_t *of)
{
	static const char *const words[] = {[ASK_NO] = "no", "in part", "yes"};
	uint32_t pairs = of[ASK_NO] + of[ASK_PART] + of[ASK_YES];
	const char *comma = "";
	int i;

	printf("%s: ", of[ASK_NO] == pairs ? "none" : of[ASK_YES] == pairs ? "all" : "some");
	for (i = ASK_YES; i >= ASK_NO; i--)
		if (of[i]) {
			printf("%s%u %s", comma, of[i], words[i]);
			comma = ", ";
		}
	puts(pairs ? "" : "no pairs");
}

int check_can(const struct policy *p, const char *from, const char *to, const char *what,
	      enum check_format format)
{
	struct diag diag = {.count = 0};
	struct ask *a = ask_new(p, what, false, &diag);
	struct ask_ends clients, servers;
	uint32_t of[ASK_YES + 1] = {0};
	int code;

	if (!a || !ask_ends(a, from, &clients, &diag) || !ask_ends(a, to, &servers, &diag)) {
		code = not_understood("--can", what, &diag);
	} else {
		can_pairs(p, a, &clients, &servers, format, of);
		if (format == CHECK_TEXT && (clients.several || servers.several))
			print_sum(of);
		code = of[ASK_YES] || of[ASK_PART] ? CMD_OK : CMD_UNEXPECTED;
	}
	ask_free(a);
	diag_free(&diag);
	return code;
}

static void print_group(const struct policy *p, const struct ask *a, const struct ask_group *g)
{
	struct answer w = {.p = p, .a = a, .x = &g->answer};
	char name[128];
	uint32_t i;

	fputs("  ", stdout);
	for (i = 0; i < g->clients && i < NAMES_TOLD; i++)
		printf("%s%s", i ? ", " : "", end_name(p, g->client[i], name, sizeof(name)));
	if (g->clients > NAMES_TOLD)
		printf(", ... %u in all", g->clients);
	fputs(": ", stdout);
	print_is(&g->answer, stdout);
	putchar('\n');
	print_lines(&w, "    ");
}

static void print_groups(const struct policy *p, const struct ask *a, const struct ask_group *g,
			 uint32_t n, enum check_format format)
{
	uint32_t i, k, server = POLICY_NONE;
	char from[128], to[128];

	for (i = 0; i < n; i++) {
		struct answer w = {.p = p, .a = a, .x = &g[i].answer};

		w.to = end_name(p, g[i].server, to, sizeof(to));
		if (format == CHECK_JSON) {
			for (k = 0; k < g[i].clients; k++) {
				w.from = end_name(p, g[i].client[k], from, sizeof(from));
				print_json(&w);
			}
			continue;
		}
		if (g[i].server != server)
			printf("%s, to %s:\n", ask_words(a), w.to);
		server = g[i].server;
		print_group(p, a, &g[i]);
	}
	if (!n && format == CHECK_TEXT)
		printf("%s: nobody\n", ask_words(a));
}

int check_who(const struct policy *p, const char *question, enum check_format format)
{
	struct diag diag = {.count = 0};
	struct ask *a = ask_new(p, question, true, &diag);
	struct ask_group *groups;
	int code = CMD_OK;
	uint32_t n;

	if (!a) {
		code = not_understood("--who-can", question, &diag);
	} else {
		n = ask_who(a, &groups);
		print_groups(p, a, groups, n, format);
	}
	ask_free(a);
	diag_free(&diag);
	return code;
}
