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

/*
 * What is so for a time: that a conduit is open (a grant), that a host is isolated (quarantine). A
 * row of either, in one shape; texts are valid as long as the row.
 */
struct state_term {
	int64_t id;
	const char *subject; /* conduit, host */
	int64_t from, until; /* ns since 1970 UTC */
	int64_t ended;	     /* before its time; 0: not */
	int64_t made;
	const char *by; /* who approved or wanted it */
	const char *os_user, *reason;
	const char *permits; /* of a grant */
};

/* What differs between them. Statements that select give the columns in the order above. */
struct state_term_kind {
	const char *running; /* not over at ?1: that of id ?2, or with 0 all of subject ?3 */
	const char *over;    /* at ?1, and the log does not know */
	const char *all;
	const char *end;	     /* at ?1, before its time: id ?2; the log knows */
	const char *logged;	     /* the log knows of the end of id ?1 */
	const char *reading;	     /* what is being done, for messages */
	const char *is;		     /* "open" */
	const char *before, *during; /* how the detail begins when it is ended before its time */
	enum state_what when_ended, when_over;
};

/* As state_revoke(). */
bool state_terms_end(struct state *s, const struct state_term_kind *kind,
		     const struct state_actor *who, int64_t id, const char *subject,
		     const char *reason, unsigned *count,
		     void (*tell)(void *user, const struct state_term *t), void *user);

/* Inside a transaction: logs the ends of those that are over. */
bool state_terms_expire(struct state *s, const struct state_term_kind *kind,
			const struct state_actor *who);

/* Tells of all. */
bool state_terms(struct state *s, const struct state_term_kind *kind,
		 void (*tell)(void *user, const struct state_term *t), void *user);

/* Inside a transaction: one more entry about a term, of which id, subject and by are looked at. */
bool state_term_log(struct state *s, enum state_what what, const struct state_actor *who,
		    const struct state_term *t, const char *reason, const char *detail);

/* Inside a transaction: the ends of quarantines that are over. */
bool state_expire_quarantine(struct state *s, const struct state_actor *who);

/* Inside a transaction: one more entry; seq and hash are found here. */
bool state_append(struct state *s, enum state_what what, struct state_entry *e);

#endif
