/* Grants: given, revoked, over. */
#include "state/inside.h"

#include "base/civil.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
	"SELECT id, conduit, begins, ends, revoked, made, approver, os_user, reason, permits "     \
	"FROM grants "
#define TEXT 1200 /* bytes of a detail */

static struct state_grant row(sqlite3_stmt *q)
{
	return (struct state_grant){
		.id = sqlite3_column_int64(q, 0),
		.conduit = state_text(q, 1),
		.from = sqlite3_column_int64(q, 2),
		.until = sqlite3_column_int64(q, 3),
		.revoked = sqlite3_column_int64(q, 4),
		.made = sqlite3_column_int64(q, 5),
		.approver = state_text(q, 6),
		.os_user = state_text(q, 7),
		.reason = state_text(q, 8),
		.permits = state_text(q, 9),
	};
}

void state_iso(int64_t ns, char buf[32])
{
	struct civil c = civil_from(civil_floor(ns));

	snprintf(buf, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour,
		 c.minute, c.second);
}

bool state_grant(struct state *s, const struct state_actor *who, const struct state_grant *g,
		 int64_t *id)
{
	char detail[TEXT], from[32], until[32];
	struct state_entry e = {.time = who->time,
				.conduit = g->conduit,
				.approver = g->approver,
				.os_user = who->os_user,
				.reason = g->reason,
				.detail = detail};
	bool ok;

	state_iso(g->from, from);
	state_iso(g->until, until);
	snprintf(detail, sizeof(detail), "from %s until %s; permits %s", from, until, g->permits);
	if (!state_begin(s))
		return false;
	ok = state_run(s, state_query(s,
				      "INSERT INTO grants(conduit, begins, ends, made, approver, "
				      "os_user, reason, permits) VALUES(?,?,?,?,?,?,?,?)",
				      "tiiitttt", g->conduit, g->from, g->until, who->time,
				      g->approver, who->os_user, g->reason, g->permits));
	e.grant_id = *id = sqlite3_last_insert_rowid(s->db);
	return state_end(s, ok && state_append(s, STATE_GRANTED, &e));
}

static bool revoke_one(struct state *s, const struct state_actor *who, const struct state_grant *g,
		       const char *reason)
{
	char detail[TEXT], until[32];
	struct state_entry e = {.time = who->time,
				.grant_id = g->id,
				.conduit = g->conduit,
				.approver = g->approver,
				.os_user = who->os_user,
				.reason = reason,
				.detail = detail};

	state_iso(g->until, until);
	snprintf(detail, sizeof(detail), "%s, would have been open until %s",
		 who->time < g->from ? "before it began" : "while it was open", until);
	return state_run(s, state_query(s, "UPDATE grants SET revoked=?, end_logged=1 WHERE id=?",
					"ii", who->time, g->id)) &&
	       state_append(s, STATE_REVOKED, &e);
}

bool state_revoke(struct state *s, const struct state_actor *who, int64_t id, const char *conduit,
		  const char *reason, unsigned *count,
		  void (*one)(void *user, const struct state_grant *g), void *user)
{
	sqlite3_stmt *q;
	bool ok = state_begin(s);
	int rc = SQLITE_DONE;

	*count = 0;
	if (!ok)
		return false;
	q = state_query(s,
			COLUMNS "WHERE revoked=0 AND ends>?1 AND (?2=0 AND conduit=?3 OR id=?2) "
				"ORDER BY id",
			"iit", who->time, id, conduit);
	while (ok && q && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_grant g = row(q);

		ok = revoke_one(s, who, &g, reason);
		g.revoked = who->time;
		*count += 1;
		if (ok && one)
			one(user, &g);
	}
	if (rc != SQLITE_DONE && ok)
		state_failed(s, "reading the grants");
	ok = ok && q && rc == SQLITE_DONE;
	sqlite3_finalize(q);
	return state_end(s, ok);
}

static bool expire_one(struct state *s, const struct state_actor *who, const struct state_grant *g)
{
	char detail[64], until[32];
	struct state_entry e = {.time = who->time,
				.grant_id = g->id,
				.conduit = g->conduit,
				.approver = g->approver,
				.os_user = who->os_user,
				.reason = g->reason,
				.detail = detail};

	state_iso(g->until, until);
	snprintf(detail, sizeof(detail), "was open until %s", until);
	return state_run(s,
			 state_query(s, "UPDATE grants SET end_logged=1 WHERE id=?", "i", g->id)) &&
	       state_append(s, STATE_EXPIRED, &e);
}

bool state_expire(struct state *s, const struct state_actor *who)
{
	sqlite3_stmt *q;
	bool ok = state_begin(s);
	int rc = SQLITE_DONE;

	if (!ok)
		return false;
	q = state_query(s, COLUMNS "WHERE end_logged=0 AND ends<=? ORDER BY ends, id", "i",
			who->time);
	while (ok && q && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_grant g = row(q);

		ok = expire_one(s, who, &g);
	}
	if (rc != SQLITE_DONE && ok)
		state_failed(s, "reading the grants");
	ok = ok && q && rc == SQLITE_DONE;
	sqlite3_finalize(q);
	return state_end(s, ok && state_expire_quarantine(s, who));
}

bool state_refuse(struct state *s, const struct state_actor *who, const char *conduit,
		  const char *approver, const char *reason, const char *detail)
{
	struct state_entry e = {.time = who->time,
				.conduit = conduit,
				.approver = approver,
				.os_user = who->os_user,
				.reason = reason,
				.detail = detail};

	return state_begin(s) && state_end(s, state_append(s, STATE_REFUSED, &e));
}

bool state_grants(struct state *s, void (*one)(void *user, const struct state_grant *g), void *user)
{
	sqlite3_stmt *q = state_query(s, COLUMNS "ORDER BY id", "");
	int rc;

	if (!q)
		return false;
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_grant g = row(q);

		one(user, &g);
	}
	if (rc != SQLITE_DONE)
		state_failed(s, "reading the grants");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}
