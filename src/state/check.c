/* Do the grants and quarantines say what the log says? Whoever can write the file can write either.
 */
#include "state/inside.h"

#include <stdio.h>

/* ns as "2026-11-21T10:00:00Z", as state_iso() writes it into the log */
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

/*
 * The same of quarantines, and more: one that is gone, or whose end nobody decided, lets a host
 * loose.
 */
static const char doubtful_quarantine[] =
	"SELECT q.id FROM quarantine q LEFT JOIN log l ON l.grant_id = q.id AND l.what = "
	"'quarantine'"
	" AND l.conduit = q.host AND l.approver = q.wanted_by AND l.reason = q.reason"
	" AND l.os_user = q.os_user AND l.time = q.made AND l.detail ="
	" 'from ' || " ISO("q.begins") " || ' until ' || " ISO(
		"q.ends") " WHERE l.seq IS NULL"
			  " UNION ALL SELECT q.id FROM quarantine q LEFT JOIN log l"
			  " ON l.grant_id = q.id AND l.what = 'release'"
			  " WHERE q.released != 0 AND (l.seq IS NULL OR q.released < l.time)"
			  " UNION ALL SELECT l.grant_id FROM log l LEFT JOIN quarantine q"
			  " ON q.id = l.grant_id WHERE l.what = 'quarantine' AND q.id IS NULL"
			  " LIMIT 1";

static void look(void *user, const struct state_entry *e)
{
	bool *intact = user;

	*intact = *intact && e->intact;
}

/* what: "grant" */
static bool none_is_doubtful(struct state *s, const char *sql, const char *what)
{
	sqlite3_stmt *q = state_query(s, sql, "");
	int rc;

	if (!q)
		return false;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		snprintf(s->error, sizeof(s->error),
			 "%s %lld is not what the log says was given; it was made or changed "
			 "past kidoban",
			 what, (long long)sqlite3_column_int64(q, 0));
	else if (rc != SQLITE_DONE)
		state_failed(s, "reading the grants");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}

static bool check(struct state *s)
{
	bool intact = true;

	if (!state_log(s, look, &intact))
		return false;
	if (!intact) {
		snprintf(s->error, sizeof(s->error),
			 "the log was tampered with, so no grant in it counts; see kidoban grants "
			 "--log");
		return false;
	}
	return none_is_doubtful(s, doubtful, "grant") &&
	       (s->version < 2 || none_is_doubtful(s, doubtful_quarantine, "quarantine"));
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
