/* kidoban grant: open a conduit for a while. */
#include "base/utf8.h"
#include "cmd/state.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST (366 * CIVIL_DAY * CIVIL_NS)

static const struct cmd_help help = {
	"grant", "-p policy.yaml --state FILE CONDUIT --for 2h --approver NAME --reason TEXT",
	"Opens a conduit that needs a grant. It closes by itself when the time is over, or with\n"
	"'kidoban revoke'. Who, when and why are kept, and so is a grant that was refused.\n\n"
	"  -p, --policy FILE     the policy with the conduit\n"
	"      --state FILE      where grants are kept; made when it is not there\n"
	"      --for DURATION    how long: 30m, 2h, 1d\n"
	"      --approver NAME   who approved it; one of those the conduit names, if it names any\n"
	"      --reason TEXT     what for, for the log\n"
	"      --at TIME         when it begins, 2026-11-21T10:00 in the time zone of the policy\n"
	"                        (default: now)\n\n"
	"examples:\n"
	"  kidoban grant -p policy.yaml --state kidoban.db vendor-maintenance --for 2h --approver "
	"tanaka --reason 'pump 3, ticket 4711'\n"
	"  kidoban grant -p policy.yaml --state kidoban.db eng-program --for 90m --approver sato "
	"--reason 'line change' --at 2026-11-21T10:00\n"};

struct asked {
	const char *policy, *state, *conduit, *duration, *approver, *reason, *at;
};

static int parse(struct asked *a, int argc, char **argv, bool *done)
{
	enum { OPT_STATE = CMD_OPT_OWN, OPT_FOR, OPT_APPROVER, OPT_REASON, OPT_AT };
	static const struct option options[] = {{"policy", required_argument, NULL, 'p'},
						{"state", required_argument, NULL, OPT_STATE},
						{"for", required_argument, NULL, OPT_FOR},
						{"approver", required_argument, NULL, OPT_APPROVER},
						{"reason", required_argument, NULL, OPT_REASON},
						{"at", required_argument, NULL, OPT_AT},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char **const to[] = {&a->state, &a->duration, &a->approver, &a->reason, &a->at};
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":p:h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c == 'p')
			a->policy = optarg;
		else if (c >= OPT_STATE && c <= OPT_AT)
			*to[c - OPT_STATE] = optarg;
		else
			return cmd_option_error(&help, c, argv[optind - 1]);
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which conduit? One, please");
	a->conduit = argv[optind];
	if (!a->policy || !a->state)
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

/* Begin and end; a sentence on standard error when they cannot be read. */
static bool times(const struct asked *a, const struct policy *p, int64_t now, struct state_grant *g)
{
	struct civil c;
	bool has_time;
	int64_t ns;

	g->from = now;
	if (a->at) {
		if (!civil_parse(a->at, &c, &has_time) || !has_time || c.year > 2200) {
			cmd_usage_error(&help, "--at '%s' is no time; write 2026-11-21T10:00",
					a->at);
			return false;
		}
		g->from = tz_utc(policy_tz(p), civil_seconds(&c), false) * CIVIL_NS;
	}
	if (!civil_duration(a->duration, &ns) || ns > LONGEST) {
		cmd_usage_error(&help, "--for '%s' is no duration of up to a year; write 30m or 2h",
				a->duration);
		return false;
	}
	g->until = g->from + ns;
	return true;
}

static bool is_approver(const struct policy_conduit *c, const char *name)
{
	const char *const *a = c->approvers;

	while (a && *a && strcmp(*a, name) != 0)
		a++;
	return !a || *a;
}

static bool is_blank(const char *s)
{
	return s[strspn(s, " ")] == '\0';
}

static void list(char *buf, size_t size, const char *const *names)
{
	size_t len = 0;

	for (; *names && len < size; names++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", *names);
}

/* Why not; "" when nothing speaks against it. */
static void refusal(const struct policy *p, const struct state_grant *g, char *why, size_t size)
{
	uint32_t i = policy_conduit_find(p, g->conduit);
	const struct policy_conduit *c = policy_conduit_at(p, i);
	char text[256] = "", asked[64];

	*why = '\0';
	if (!c) {
		snprintf(why, size, "the policy has no conduit \"%.64s\"", g->conduit);
	} else if (!c->grant_required) {
		snprintf(why, size, "conduit %s needs no grant: it is open %s", c->id,
			 *c->when ? c->when : "always");
	} else if (is_blank(g->approver) || !is_approver(c, g->approver)) {
		if (c->approvers)
			list(text, sizeof(text), c->approvers);
		snprintf(why, size, "%.64s may not open conduit %s%s%s",
			 is_blank(g->approver) ? "nobody" : g->approver, c->id,
			 *text ? "; those who may: " : "", text);
	} else if (c->grant_longest && g->until - g->from > c->grant_longest) {
		civil_duration_str(g->until - g->from, asked, sizeof(asked));
		civil_duration_str(c->grant_longest, text, sizeof(text));
		snprintf(why, size, "%s is too long: conduit %s may be opened for %s at most",
			 asked, c->id, text);
	} else if (is_blank(g->reason)) {
		snprintf(why, size, "the reason is empty; say what the grant is for");
	}
	utf8_trim(why);
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
	if (*c->modes)
		printf("  and only in operating mode %s\n", c->modes);
	if (*c->schedule)
		printf("  and only %s (%s)\n", c->schedule, z->name);
	if (*c->until)
		printf("  and only until %s (%s)\n", c->until, z->name);
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
	struct state *s;
	char why[400];
	int code = CMD_OK;

	cmd_actor(&who);
	if (!times(a, p, who.actor.time, &g))
		return CMD_USAGE;
	s = cmd_state_open(&help, a->state, STATE_CREATE);
	if (!s)
		return CMD_USAGE;
	c = policy_conduit_at(p, policy_conduit_find(p, g.conduit));
	g.permits = c ? c->permits : "";
	refusal(p, &g, why, sizeof(why));
	if (!state_expire(s, &who.actor)) {
		code = cmd_state_error(&help, a->state, s);
	} else if (*why) {
		fprintf(stderr, "kidoban grant: refused: %s\n", why);
		code = CMD_UNEXPECTED;
		if (!state_refuse(s, &who.actor, g.conduit, g.approver, g.reason, why))
			code = cmd_state_error(&help, a->state, s);
	} else if (state_grant(s, &who.actor, &g, &g.id)) {
		tell(p, a->state, &g, who.actor.time);
	} else {
		code = cmd_state_error(&help, a->state, s);
	}
	state_close(s);
	return code;
}

int cmd_grant(int argc, char **argv)
{
	struct asked a = {.state = NULL};
	struct diag diag = {.count = 0};
	struct policy *p;
	bool done;
	int code = parse(&a, argc, argv, &done);

	if (done)
		return code;
	if (!cmd_text_ok(&help, "the conduit", a.conduit) ||
	    !cmd_text_ok(&help, "--approver", a.approver) ||
	    !cmd_text_ok(&help, "--reason", a.reason))
		return CMD_USAGE;
	p = policy_load(a.policy, &diag);
	diag_print(&diag, stderr);
	code = p ? give(&a, p) : CMD_USAGE;
	policy_free(p);
	diag_free(&diag);
	return code;
}
