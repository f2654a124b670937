/* What was seen: hosts, and devices that take no degraded request. In no log: nobody decided it. */
#include "state/inside.h"

#include <stdio.h>

static bool fact_seen(struct state *s, const char *host, const struct state_fact *f)
{
	return state_run(s, state_query(s,
					"INSERT INTO facts(host, key, value) VALUES(?1,?2,?3) "
					"ON CONFLICT(host, key) DO UPDATE SET value=?3",
					"ttt", host, f->key, f->value));
}

static bool asset_seen(struct state *s, const struct state_asset *a)
{
	unsigned i;

	if (!state_run(s, state_query(s,
				      "INSERT INTO assets(host, mac, zone, asset, iface, first, "
				      "last) VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(host) DO "
				      "UPDATE SET mac=CASE ?2 WHEN '' THEN mac ELSE ?2 END, "
				      "zone=?3, asset=?4, iface=CASE ?5 WHEN '' THEN iface ELSE "
				      "?5 END, first=min(first, ?6), last=max(last, ?7)",
				      "tttttii", a->host, a->mac, a->zone, a->asset, a->iface,
				      a->first, a->last)))
		return false;
	for (i = 0; i < a->facts && i < STATE_FACTS; i++)
		if (!fact_seen(s, a->host, &a->fact[i]))
			return false;
	return true;
}

/* Whoever invents source addresses fills the file no further. */
static bool make_room(struct state *s)
{
	return state_run(s, state_query(s,
					"DELETE FROM assets WHERE host IN (SELECT host FROM assets "
					"ORDER BY asset='' DESC, last LIMIT max(0, (SELECT "
					"count(*) FROM assets) - ?))",
					"i", (int64_t)STATE_ASSETS));
}

bool state_assets_seen(struct state *s, const struct state_asset *list, uint32_t count)
{
	uint32_t i;
	bool ok = state_begin(s);

	if (!ok)
		return false;
	for (i = 0; ok && i < count; i++)
		ok = asset_seen(s, &list[i]);
	return state_end(s, ok && make_room(s));
}

/* The facts of one asset, each a row behind it. */
bool state_assets(struct state *s, void (*one)(void *user, const struct state_asset *a), void *user)
{
	sqlite3_stmt *q, *facts;
	int rc = SQLITE_ERROR;

	if (s->version < 2)
		return true;
	q = state_query(s,
			"SELECT host, mac, zone, asset, iface, first, last FROM assets ORDER BY "
			"host",
			"");
	facts = state_query(s, "SELECT key, value FROM facts WHERE host=? ORDER BY key", "");
	while (q && facts && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_asset a = {.host = state_text(q, 0),
					.mac = state_text(q, 1),
					.zone = state_text(q, 2),
					.asset = state_text(q, 3),
					.iface = state_text(q, 4),
					.first = sqlite3_column_int64(q, 5),
					.last = sqlite3_column_int64(q, 6)};
		char key[STATE_FACTS][STATE_FACT_TEXT], value[STATE_FACTS][STATE_FACT_TEXT];

		sqlite3_bind_text(facts, 1, a.host, -1, SQLITE_TRANSIENT);
		while (a.facts < STATE_FACTS && sqlite3_step(facts) == SQLITE_ROW) {
			snprintf(key[a.facts], STATE_FACT_TEXT, "%s", state_text(facts, 0));
			snprintf(value[a.facts], STATE_FACT_TEXT, "%s", state_text(facts, 1));
			a.fact[a.facts] = (struct state_fact){key[a.facts], value[a.facts]};
			a.facts++;
		}
		sqlite3_reset(facts);
		one(user, &a);
	}
	if (rc != SQLITE_DONE && q && facts)
		state_failed(s, "reading the assets");
	sqlite3_finalize(q);
	sqlite3_finalize(facts);
	return rc == SQLITE_DONE;
}

bool state_stubborn_found(struct state *s, const struct state_stubborn *d)
{
	return state_run(s, state_query(s,
					"INSERT INTO stubborn(host, port, since) VALUES(?,?,?) "
					"ON CONFLICT(host, port) DO NOTHING",
					"tii", d->host, (int64_t)d->port, d->since));
}

bool state_stubborn(struct state *s, void (*one)(void *user, const struct state_stubborn *d),
		    void *user)
{
	sqlite3_stmt *q;
	int rc;

	if (s->version < 2)
		return true;
	q = state_query(s, "SELECT host, port, since FROM stubborn ORDER BY host, port", "");
	if (!q)
		return false;
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		const struct state_stubborn d = {.host = state_text(q, 0),
						 .port = (uint16_t)sqlite3_column_int64(q, 1),
						 .since = sqlite3_column_int64(q, 2)};

		one(user, &d);
	}
	if (rc != SQLITE_DONE)
		state_failed(s, "reading the devices");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}
