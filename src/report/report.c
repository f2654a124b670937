/* What the writers share. */
#include "report/report.h"

#include "report/labels.h"

#include <stdlib.h>
#include <time.h>

enum report_state report_state(const struct report *r, uint32_t conduit)
{
	const struct record_conduit *c = &r->record->conduit[conduit];

	if (c->denied > c->closed)
		return REPORT_VIOLATED;
	if (c->flows)
		return c->denied ? REPORT_VIOLATED : REPORT_USED;
	return c->closed ? REPORT_CLOSED : REPORT_UNUSED;
}

bool report_unexpected(const struct report *r, const struct record_finding *f)
{
	if (!r->expect)
		return true;
	return !f->expected && !expect_others(r->expect);
}

unsigned report_mismatches(struct report *r)
{
	struct expect_result x;
	unsigned i, n = 0;
	uint32_t k;

	for (i = 0; r->expect && expect_result_at(r->expect, i, r->record, r->files, r->lang, &x);
	     i++)
		n += !x.met;
	for (k = 0; k < r->record->findings; k++)
		n += report_unexpected(r, &r->record->finding[k]);
	if (!r->expect || !expect_others(r->expect))
		n += r->record->findings_more > 0;
	return n;
}

bool report_blocked(const struct record_finding *f)
{
	return strcmp(record_enforced(f->verdict), "alert") != 0;
}

const char *report_file(const struct report *r, uint16_t file)
{
	uint16_t i;

	for (i = 0; i < file && r->files[i]; i++)
		;
	return r->files[i] ? r->files[i] : "?";
}

bool report_end_unused(const struct report *r, uint32_t conduit, int side, uint32_t i)
{
	const struct record_conduit *c = &r->record->conduit[conduit];
	uint32_t k;

	for (k = 0; k < c->pairs; k++)
		if (policy_end_is(r->record->policy, conduit, side, i, c->pair[k].place[side]))
			return false;
	return true;
}

/* Is the asset written there by its own name? */
static bool is_written(const struct policy *p, uint32_t conduit, int side, uint32_t asset)
{
	const char *id;
	bool zone;
	uint32_t i;

	for (i = 0; (id = policy_end_at(p, conduit, side, i, &zone)); i++)
		if (!zone && strcmp(id, policy_asset_at(p, asset)->id) == 0)
			return true;
	return false;
}

/* Has an earlier pair the same asset at this side? */
static bool seen_before(const struct record_conduit *c, int side, uint32_t k)
{
	uint32_t i;

	for (i = 0; i < k; i++)
		if (c->pair[i].place[side].asset == c->pair[k].place[side].asset)
			return true;
	return false;
}

const char *report_end_narrow(struct report *r, uint32_t conduit, int side)
{
	const struct policy *p = r->record->policy;
	const struct record_conduit *c = &r->record->conduit[conduit];
	uint32_t k, n = 0, written = 0;
	const char *list = "", *id;
	bool zone, all = true;

	if (!c->pairs || c->pairs_more)
		return NULL;
	while (policy_end_at(p, conduit, side, written, &zone))
		written++;
	for (k = 0; k < c->pairs; k++) {
		uint32_t asset = c->pair[k].place[side].asset;

		if (asset == POLICY_NONE)
			return NULL;
		if (seen_before(c, side, k))
			continue;
		all = all && is_written(p, conduit, side, asset);
		id = policy_asset_at(p, asset)->id;
		list = arena_printf(&r->arena, "%s%s%s", list, n++ ? ", " : "", id);
	}
	if (all && n == written)
		return NULL;
	return n > 1 ? arena_printf(&r->arena, "[%s]", list) : list;
}

const char *report_where(struct report *r, uint32_t conduit)
{
	const struct policy_conduit *c = policy_conduit_at(r->record->policy, conduit);

	if (c->file && strcmp(c->file, r->policy_path) != 0)
		return arena_printf(&r->arena, "%s:%d", c->file, c->line);
	return arena_printf(&r->arena, "%s %d", label(r->lang, L_LINE), c->line);
}

const char *report_time(int64_t ns, char buf[32])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}
