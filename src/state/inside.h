/* state/inside.h - what the files of state/ share. Private to state/. */
#ifndef KIDOBAN_STATE_INSIDE_H
#define KIDOBAN_STATE_INSIDE_H

#include "state/state.h"

#include <sqlite3.h>

struct state {
	sqlite3 *db;
	int64_t version; /* of the file; 1 has no quarantine, assets and stubborn devices */
	char error[256];
};

/* Keeps what SQLite said; returns false. */
bool state_failed(struct state *s, const char *doing);

/* A statement with its parameters bound, or NULL; format: one letter each, i int64_t, t text. */
sqlite3_stmt *state_query(struct state *s, const char *sql, const char *format, ...);

/* Runs a statement to its end and frees it. */
bool state_run(struct state *s, sqlite3_stmt *q);

/* A column's text, never NULL. */
const char *state_text(sqlite3_stmt *q, int column);

/* A transaction around what changes: nobody else writes meanwhile. */
bool state_begin(struct state *s);
/* Makes it last, or with ok false undoes it; returns whether it lasts. */
bool state_end(struct state *s, bool ok);

/* "2026-11-21T10:00:00Z", as state/check.c reads it in the log */
void state_iso(int64_t ns, char buf[32]);

/* Inside a transaction: the ends of quarantines that are over. */
bool state_expire_quarantine(struct state *s, const struct state_actor *who);

/* Inside a transaction: one more entry; seq and hash are found here. */
bool state_append(struct state *s, enum state_what what, struct state_entry *e);

#endif
