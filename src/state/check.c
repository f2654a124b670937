/* Do the grants say what the log says? Whoever can write the file can write either. */
#include "state/inside.h"

#include <stdio.h>

/* ns as "2026-11-21T10:00:00Z", as state/grants.c writes it into the log */
#define ISO(ns)                                                                                    \
	"strftime('%Y-%m-%dT%H:%M:%SZ', (" ns " - (" ns " % 1000000000 + 1000000000)"              \
	" % 1000000000) / 1000000000, 'unixepoch')"

/* A grant that the log does not know as it is, or whose end it knows otherwise. */
static const char doubtful[] =
	"SELECT g.id FROM grants g LEFT JOIN log l ON l.grant_id = g.id AND l.what = 'grant'"
	" AND l.conduit = g.conduit AND l.approver = g.approver AND l.reason = g.reason"
	" AND l.os_user = g.os_user AND l.time = g.made AND substr(l.detail, 1, 53) ="
	" 'from ' || " ISO("g.begins") " || ' until ' || " ISO(
		"g.ends") " || ';'"
			  " WHERE l.seq IS NULL"
			  " UNION ALL SELECT g.id FROM grants g JOIN log l ON l.grant_id = g.id "
			  "AND l.what = 'revoke'"
			  " WHERE g.revoked = 0 OR g.revoked > l.time LIMIT 1";

static void look(void *user, const struct state_entry *e)
{
	bool *intact = user;

	*intact = *intact && e->intact;
}

static bool check(struct state *s)
{
	bool intact = true;
	sqlite3_stmt *q;
	int rc;

	if (!state_log(s, look, &intact))
		return false;
	if (!intact) {
		snprintf(s->error, sizeof(s->error),
			 "the log was tampered with, so no grant in it counts; see kidoban grants "
			 "--log");
		return false;
	}
	q = state_query(s, doubtful, "");
	if (!q)
		return false;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		snprintf(s->error, sizeof(s->error),
			 "grant %lld is not what the log says was given; it was made or changed "
			 "past kidoban",
			 (long long)sqlite3_column_int64(q, 0));
	else if (rc != SQLITE_DONE)
		state_failed(s, "reading the grants");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}

/* In one transaction: a grant that is given meanwhile is in both or in neither. */
bool state_check(struct state *s)
{
	bool ok;

	if (sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return state_failed(s, "reading");
	ok = check(s);
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return ok;
}
