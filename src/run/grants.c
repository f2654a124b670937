#include "run/grants.h"

#include "base/civil.h"
#include "base/utf8.h"

#include <stdio.h>

#define LONGEST (366 * CIVIL_DAY * CIVIL_NS)

bool grant_duration(const char *text, int64_t *ns, char *err, size_t errlen)
{
	if (civil_duration(text, ns) && *ns <= LONGEST)
		return true;
	snprintf(err, errlen, "'%.64s' is no duration of up to a year; write 30m or 2h", text);
	utf8_trim(err);
	return false;
}

bool grant_times(const struct policy *p, const char *duration, const char *at, int64_t now,
		 struct state_grant *g, char *err, size_t errlen)
{
	struct civil c;
	bool has_time;
	int64_t ns;

	g->from = now;
	if (at) {
		if (!civil_parse(at, &c, &has_time) || !has_time || c.year > 2200) {
			snprintf(err, errlen, "'%.64s' is no time; write 2026-11-21T10:00", at);
			utf8_trim(err);
			return false;
		}
		g->from = tz_utc(policy_tz(p), civil_seconds(&c), false) * CIVIL_NS;
	}
	if (!grant_duration(duration, &ns, err, errlen))
		return false;
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

void grant_refusal(const struct policy *p, const struct state_grant *g, char *why, size_t size)
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

bool quarantine_host(const char *text, char host[QUARANTINE_HOST])
{
	struct addr a;
	struct mac m;

	if (addr_parse(text, &a))
		addr_str(&a, host);
	else if (mac_parse(text, &m))
		mac_str(&m, host);
	else
		return false;
	return true;
}

void quarantine_refusal(const struct policy *p, const char *host, char *why, size_t size)
{
	static const uint8_t zeros[4];
	const struct addr nobody4 = addr_v4(zeros), nobody6 = {{0}};
	struct policy_place place = {.zone = POLICY_NONE, .asset = POLICY_NONE};
	const struct policy_zone *zone;
	struct addr a;
	struct mac m;

	*why = '\0';
	if (mac_parse(host, &m)) {
		if (m.b[0] & 1)
			snprintf(why, size, "%s is the address of a group, not of a host", host);
		else if (p)
			place = policy_station(p, &m, -1);
	} else if (addr_parse(host, &a)) {
		if (addr_is_multicast(&a) || addr_is_broadcast(&a) || addr_eq(&a, &nobody4) ||
		    addr_eq(&a, &nobody6))
			snprintf(why, size, "%s is the address of no host", host);
		else if (p)
			place = policy_place(p, &a, NULL);
	}
	zone = p ? policy_zone_at(p, place.zone) : NULL;
	if (zone && zone->level == LEVEL_SAFETY)
		snprintf(why, size, "%s is in safety zone %s, whose traffic is never blocked", host,
			 zone->id);
}
