/*
 * What test_policy_match.c knows of `when`: what it writes into the policy, and the plainest answer
 * to whether a conduit is open. Included there, behind rnd() and put().
 */
#include "base/civil.h"

struct when {
	bool grant;
	unsigned modes;	    /* bits; 0: any */
	unsigned days;	    /* bits, from Monday; 0: always */
	int hours[2];	    /* from, to; to < from: over midnight */
	int64_t until;	    /* s, as the clocks show it; 0: for ever */
	int64_t granted[2]; /* s since 1970 UTC; both the same: never */
};

static struct {
	int zone;      /* h east of UTC */
	unsigned mode; /* in force */
	int64_t time;  /* s since 1970 UTC */
} when_now;

#define BEGIN INT64_C(1790812800) /* 2026-10-01T00:00:00Z */

static void random_when(struct when *c)
{
	c->grant = rnd(8) == 0;
	c->modes = rnd(10) ? 0 : 1 + rnd(15);
	if (rnd(8) == 0) {
		c->days = 1 + rnd(127);
		c->hours[0] = (int)rnd(24);
		c->hours[1] = (c->hours[0] + 1 + (int)rnd(23)) % 24;
	}
	if (rnd(10) == 0)
		c->until = BEGIN + (int64_t)rnd(28 * 24) * 3600;
}

static void put_bits(const char *key, unsigned bits, const char *const *words)
{
	const char *comma = "";
	unsigned i;

	put(", %s: [", key);
	for (i = 0; bits >> i; i++)
		if (bits >> i & 1) {
			put("%s%s", comma, words[i]);
			comma = ", ";
		}
	put("]");
}

static void put_when(const struct when *c)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	static const char *const modes[] = {"normal", "maintenance", "emergency", "analysis"};
	struct civil t = civil_from(c->until);
	size_t at;

	if (!c->grant && !c->modes && !c->days && !c->until)
		return;
	put("    when: {");
	at = used;
	if (c->modes)
		put_bits("operating-mode", c->modes, modes);
	if (c->days) {
		put(", schedule: {hours: %02d:00-%02d:00", c->hours[0], c->hours[1]);
		put_bits("days", c->days, days);
		put("}");
	}
	if (c->until)
		put(", until: \"%04d-%02d-%02dT%02d:00\"", t.year, t.month, t.day, t.hour);
	if (c->grant)
		put(", grant: required");
	memmove(text + at, text + at + 2, used - at + 1); /* the first comma */
	used -= 2;
	put("}\n");
}

/* Whether the clocks show one of the hours: today's, or yesterday's that run over midnight. */
static bool in_hours(const struct when *c, int64_t local)
{
	int64_t day = local / CIVIL_DAY, hour = local % CIVIL_DAY / 3600;
	bool today = c->days >> (day + 3) % 7 & 1, yesterday = c->days >> (day + 2) % 7 & 1;

	if (c->hours[0] < c->hours[1])
		return today && hour >= c->hours[0] && hour < c->hours[1];
	return (today && hour >= c->hours[0]) || (yesterday && hour < c->hours[1]);
}

/* What closes it, in the order in which that is told. */
static enum policy_closed closed(const struct when *c)
{
	int64_t local = when_now.time + when_now.zone * 3600;

	if (c->modes && !(c->modes >> when_now.mode & 1))
		return CLOSED_MODE;
	if (c->until && local >= c->until)
		return CLOSED_EXPIRED;
	if (c->days && !in_hours(c, local))
		return CLOSED_SCHEDULE;
	if (c->grant && (when_now.time < c->granted[0] || when_now.time >= c->granted[1]))
		return CLOSED_GRANT;
	return CLOSED_NOT;
}

static enum policy_verdict verdict_of(enum policy_closed closed)
{
	static const enum policy_verdict verdicts[] = {POLICY_ALLOW, POLICY_WRONG_MODE,
						       POLICY_EXPIRED, POLICY_OUTSIDE_SCHEDULE,
						       POLICY_GRANT_MISSING};

	return verdicts[closed];
}
