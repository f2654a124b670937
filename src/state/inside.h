/* state/inside.h - what the files of state/ share. Private to state/. */
#ifndef KIDOBAN_STATE_INSIDE_H
#define KIDOBAN_STATE_INSIDE_H

#include "state/state.h"

#include <sqlite3.h>

struct state {
	sqlite3 *db;
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

/* Inside a transaction: one more entry; seq and hash are found here. */
bool state_append(struct state *s, enum state_what what, struct state_entry *e);

#endif
