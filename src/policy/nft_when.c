/*
 * Conditions of conduits as matches on the kernel's clock. The kernel counts hours and days in UTC
 * (in its own time zone, which is UTC unless somebody told it that the hardware clock is not), so
 * hours on the wall are moved there; where the wall has summer time, each half of the year has a
 * chain of its own, and the one in force is chosen by date.
 */
#include "base/civil.h"
#include "policy/nft_write.h"

#include <inttypes.h>
#include <stdlib.h>

#define WEEK_MINUTES 10080
#define DAY_MINUTES  1440
#define FROM	     INT64_C(1735689600) /* 2025-01-01, s since 1970 UTC */
#define UNTIL	     INT64_C(2398377600) /* 2046-01-01; the last offset stays from then on */

bool nft_never_open(const struct nft_writer *w, const struct conduit *c)
{
	return c->when.modes && !(c->when.modes >> policy_operating_mode(w->policy) & 1);
}

unsigned nft_conditions(const struct conduit *c)
{
	return (c->when.has_until ? NFT_UNTIL : 0) | (c->when.schedules ? NFT_HOURS : 0) |
	       (c->pub.grant_required ? NFT_GRANT : 0);
}

/* Minutes of the week in UTC, from Sunday as nft has it, at which the conduit is open. */
static void open_minutes(const struct conduit *c, int32_t offset, bool *open)
{
	int shift = DAY_MINUTES - offset / 60 + WEEK_MINUTES;
	uint32_t i, k;
	uint64_t m;

	memset(open, 0, WEEK_MINUTES);
	for (i = 0; i < c->when.schedules; i++) {
		const struct iset *s = &c->when.schedule[i]->minutes;

		for (k = 0; k < s->count; k++)
			for (m = s->range[k].lo; m <= s->range[k].hi; m++)
				open[(m + (uint64_t)shift) % WEEK_MINUTES] = true;
	}
}

/* "meta hour { 0-3599, 28800-61199 } " of that day. */
static void put_hours(FILE *f, const bool *day)
{
	bool first = true;
	int m, from;

	if (!memchr(day, 0, DAY_MINUTES))
		return;
	fputs("meta hour { ", f);
	for (m = 0; m < DAY_MINUTES; m++) {
		if (!day[m])
			continue;
		for (from = m; m < DAY_MINUTES && day[m]; m++)
			;
		fprintf(f, "%s%d-%d", first ? "" : ", ", from * 60, m * 60 - 1);
		first = false;
	}
	fputs(" } ", f);
}

/* One rule for all days that have the same hours. */
static void put_days(struct nft_writer *w, const bool *open, const char *head, const char *tail)
{
	unsigned day, other, done = 0;

	for (day = 0; day < 7; day++) {
		const bool *hours = open + (size_t)day * DAY_MINUTES;
		unsigned same = 0;

		if (done >> day & 1 || !memchr(hours, 1, DAY_MINUTES))
			continue;
		for (other = day; other < 7; other++)
			if (memcmp(hours, open + (size_t)other * DAY_MINUTES, DAY_MINUTES) == 0)
				same |= 1u << other;
		done |= same;
		fprintf(w->chains, "\t\t%s", head);
		if (same != 0x7f) {
			fputs("meta day {", w->chains);
			for (other = day; other < 7; other++)
				if (same >> other & 1)
					fprintf(w->chains, "%s %u", other > day ? "," : "", other);
			fputs(" } ", w->chains);
		}
		put_hours(w->chains, hours);
		fprintf(w->chains, "%s\n", tail);
	}
}

/* The rules of a chain while that offset is in force. */
static void put_rules(struct nft_writer *w, uint32_t conduit, unsigned conditions, int32_t offset,
		      const char *then)
{
	const struct conduit *c = &w->policy->conduit[conduit];
	struct arena *a = &w->plan.arena;
	const char *head = "", *tail = then;
	bool open[WEEK_MINUTES];

	if (conditions & NFT_UNTIL)
		head = arena_printf(a, "meta time < %" PRId64 " ",
				    c->when.until / CIVIL_NS > 0 ? c->when.until / CIVIL_NS : 1);
	if (conditions & NFT_GRANT)
		tail = arena_printf(a, "meta nfproto @grant_%s %s", w->conduit_name[conduit], then);
	if (!(conditions & NFT_HOURS)) {
		fprintf(w->chains, "\t\t%s%s\n", head, tail);
		return;
	}
	open_minutes(c, offset, open);
	put_days(w, open, head, tail);
}

void nft_put_conditional(struct nft_writer *w, const char *chain, uint32_t conduit,
			 unsigned conditions, const char *then)
{
	const struct tz *z = w->policy->tz;
	int32_t usual = tz_offset(z, UNTIL), other[8];
	unsigned others = 0, i;
	int64_t at, next;

	fprintf(w->chains, "\tchain %s {\n", chain);
	for (at = FROM; conditions & NFT_HOURS && at < UNTIL; at = next) {
		int32_t offset = tz_offset(z, at);

		next = tz_changes(z, at);
		if (offset == usual)
			continue;
		for (i = 0; i < others && other[i] != offset; i++)
			;
		if (i == sizeof(other) / sizeof(*other))
			continue; /* no zone has so many; stays closed */
		other[i] = offset;
		others = i == others ? i + 1 : others;
		fprintf(w->chains, "\t\tmeta time %" PRId64 "-%" PRId64 " goto %s_at_%d\n",
			at == FROM ? 0 : at, next - 1, chain, offset);
	}
	put_rules(w, conduit, conditions, usual, then);
	fputs("\t}\n\n", w->chains);
	for (i = 0; i < others; i++) {
		fprintf(w->chains, "\tchain %s_at_%d {\n", chain, other[i]);
		put_rules(w, conduit, conditions, other[i], then);
		fputs("\t}\n\n", w->chains);
	}
}
