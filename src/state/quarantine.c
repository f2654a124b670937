/* Hosts in quarantine: isolated, released, over. */
#include "state/inside.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
	"SELECT id, host, begins, ends, released, made, wanted_by, os_user, reason "               \
	"FROM quarantine "

static struct state_quarantine row(sqlite3_stmt *q)
{
	return (struct state_quarantine){
		.id = sqlite3_column_int64(q, 0),
		.host = state_text(q, 1),
		.from = sqlite3_column_int64(q, 2),
		.until = sqlite3_column_int64(q, 3),
		.released = sqlite3_column_int64(q, 4),
		.made = sqlite3_column_int64(q, 5),
		.by = state_text(q, 6),
		.os_user = state_text(q, 7),
		.reason = state_text(q, 8),
	};
}

static bool append(struct state *s, enum state_what what, const struct state_actor *who,
		   const struct state_quarantine *q, const char *reason, const char *detail)
{
	struct state_entry e = {.time = who->time,
				.grant_id = q->id,
				.conduit = q->host,
				.approver = q->by,
				.os_user = who->os_user,
				.reason = reason,
				.detail = detail};

	return state_append(s, what, &e);
}

bool state_isolate(struct state *s, const struct state_actor *who, const struct state_quarantine *q,
		   int64_t *id)
{
	char detail[80], from[32], until[32];
	struct state_quarantine made = *q;
	bool ok;

	state_iso(q->from, from);
	state_iso(q->until, until);
	snprintf(detail, sizeof(detail), "from %s until %s", from, until);
	if (!state_begin(s))
		return false;
	ok = state_run(s, state_query(s,
				      "INSERT INTO quarantine(host, begins, ends, made, wanted_by, "
				      "os_user, reason) VALUES(?,?,?,?,?,?,?)",
				      "tiiittt", q->host, q->from, q->until, who->time, q->by,
				      who->os_user, q->reason));
	made.id = *id = sqlite3_last_insert_rowid(s->db);
	return state_end(s, ok && append(s, STATE_ISOLATED, who, &made, q->reason, detail));
}

static bool release_one(struct state *s, const struct state_actor *who,
			const struct state_quarantine *q, const char *reason)
{
	char detail[80], until[32];

	state_iso(q->until, until);
	snprintf(detail, sizeof(detail), "would have been isolated until %s", until);
	return state_run(s,
			 state_query(s, "UPDATE quarantine SET released=?, end_logged=1 WHERE id=?",
				     "ii", who->time, q->id)) &&
	       append(s, STATE_RELEASED, who, q, reason, detail);
}

bool state_release(struct state *s, const struct state_actor *who, int64_t id, const char *host,
		   const char *reason, unsigned *count,
		   void (*one)(void *user, const struct state_quarantine *q), void *user)
{
	sqlite3_stmt *q;
	bool ok = state_begin(s);
	int rc = SQLITE_DONE;

	*count = 0;
	if (!ok)
		return false;
	q = state_query(s,
			COLUMNS "WHERE released=0 AND ends>?1 AND (?2=0 AND host=?3 OR id=?2) "
				"ORDER BY id",
			"iit", who->time, id, host);
	while (ok && q && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_quarantine old = row(q);

		ok = release_one(s, who, &old, reason);
		old.released = who->time;
		*count += 1;
		if (ok && one)
			one(user, &old);
	}
	if (rc != SQLITE_DONE && ok)
		state_failed(s, "reading the quarantine");
	ok = ok && q && rc == SQLITE_DONE;
	sqlite3_finalize(q);
	return state_end(s, ok);
}

static bool expire_one(struct state *s, const struct state_actor *who,
		       const struct state_quarantine *q)
{
	char detail[64], until[32];

	state_iso(q->until, until);
	snprintf(detail, sizeof(detail), "was isolated until %s", until);
	return state_run(s, state_query(s, "UPDATE quarantine SET end_logged=1 WHERE id=?", "i",
					q->id)) &&
	       append(s, STATE_ISOLATION_OVER, who, q, q->reason, detail);
}

bool state_expire_quarantine(struct state *s, const struct state_actor *who)
{
	sqlite3_stmt *q;
	bool ok = true;
	int rc = SQLITE_DONE;

	if (s->version < 2)
		return true;
	q = state_query(s, COLUMNS "WHERE end_logged=0 AND ends<=? ORDER BY ends, id", "i",
			who->time);
	while (ok && q && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_quarantine old = row(q);

		ok = expire_one(s, who, &old);
	}
	if (rc != SQLITE_DONE && ok)
		state_failed(s, "reading the quarantine");
	ok = ok && q && rc == SQLITE_DONE;
	sqlite3_finalize(q);
	return ok;
}

bool state_quarantines(struct state *s, void (*one)(void *user, const struct state_quarantine *q),
		       void *user)
{
	sqlite3_stmt *q;
	int rc;

	if (s->version < 2)
		return true;
	q = state_query(s, COLUMNS "ORDER BY id", "");
	if (!q)
		return false;
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_quarantine one_row = row(q);

		one(user, &one_row);
	}
	if (rc != SQLITE_DONE)
		state_failed(s, "reading the quarantine");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}
