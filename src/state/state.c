/* The file: opening, making, transactions. */
#include "state/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION 0x6b69646f /* "kido", in the header of the file */
#define VERSION	    1
#define WAIT_MS	    10000

static const char schema[] = "CREATE TABLE grants("
			     " id INTEGER PRIMARY KEY AUTOINCREMENT,"
			     " conduit TEXT NOT NULL,"
			     " begins INTEGER NOT NULL," /* ns since 1970 UTC, as all times here */
			     " ends INTEGER NOT NULL CHECK(ends > begins),"
			     " revoked INTEGER NOT NULL DEFAULT 0,"
			     " made INTEGER NOT NULL,"
			     " approver TEXT NOT NULL,"
			     " os_user TEXT NOT NULL,"
			     " reason TEXT NOT NULL,"
			     " permits TEXT NOT NULL,"
			     " end_logged INTEGER NOT NULL DEFAULT 0) STRICT;"
			     "CREATE TABLE log("
			     " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
			     " time INTEGER NOT NULL,"
			     " what TEXT NOT NULL,"
			     " grant_id INTEGER NOT NULL,"
			     " conduit TEXT NOT NULL,"
			     " approver TEXT NOT NULL,"
			     " os_user TEXT NOT NULL,"
			     " reason TEXT NOT NULL,"
			     " detail TEXT NOT NULL,"
			     " hash BLOB NOT NULL) STRICT;"
			     "CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log"
			     " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;"
			     "CREATE TRIGGER log_is_never_deleted BEFORE DELETE ON log"
			     " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;"
			     "CREATE TRIGGER grants_are_never_deleted BEFORE DELETE ON grants"
			     " BEGIN SELECT RAISE(ABORT, 'grants are kept'); END;";

bool state_failed(struct state *s, const char *doing)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", doing, sqlite3_errmsg(s->db));
	return false;
}

const char *state_error(const struct state *s)
{
	return s->error;
}

sqlite3_stmt *state_query(struct state *s, const char *sql, const char *format, ...)
{
	sqlite3_stmt *q = NULL;
	int i, rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
	va_list ap;

	va_start(ap, format);
	for (i = 0; rc == SQLITE_OK && format[i]; i++)
		if (format[i] == 'i')
			rc = sqlite3_bind_int64(q, i + 1, va_arg(ap, int64_t));
		else
			rc = sqlite3_bind_text(q, i + 1, va_arg(ap, const char *), -1,
					       SQLITE_TRANSIENT);
	va_end(ap);
	if (rc == SQLITE_OK)
		return q;
	state_failed(s, "asking");
	sqlite3_finalize(q);
	return NULL;
}

bool state_run(struct state *s, sqlite3_stmt *q)
{
	int rc = SQLITE_ROW;

	if (!q)
		return false;
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(q);
	if (rc != SQLITE_DONE)
		state_failed(s, "writing");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}

const char *state_text(sqlite3_stmt *q, int column)
{
	const unsigned char *text = sqlite3_column_text(q, column);

	return text ? (const char *)text : "";
}

static bool execute(struct state *s, const char *sql, const char *doing)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK || state_failed(s, doing);
}

bool state_begin(struct state *s)
{
	return execute(s, "BEGIN IMMEDIATE", "waiting for the state");
}

bool state_end(struct state *s, bool ok)
{
	if (ok && execute(s, "COMMIT", "writing"))
		return true;
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

/* The number a pragma or a count answers with; -1 on failure. */
static int64_t number(struct state *s, const char *sql)
{
	sqlite3_stmt *q = state_query(s, sql, "");
	int64_t n = -1;

	if (!q)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	else
		state_failed(s, "reading");
	sqlite3_finalize(q);
	return n;
}

/* An empty file becomes ours. Two processes may come here at once: the second finds it done. */
static bool make(struct state *s)
{
	char version[64];
	bool ok = state_begin(s);

	if (!ok)
		return false;
	if (number(s, "PRAGMA user_version") == 0) {
		snprintf(version, sizeof(version),
			 "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION, VERSION);
		ok = execute(s, schema, "making the state") &&
		     execute(s, version, "making the state");
	}
	return state_end(s, ok);
}

static bool is_ours(struct state *s, enum state_access access)
{
	int64_t tables = number(s, "SELECT count(*) FROM sqlite_schema"), version;

	if (tables < 0)
		return false;
	if (tables == 0 && access == STATE_CREATE && !make(s))
		return false;
	if (number(s, "PRAGMA application_id") != APPLICATION) {
		snprintf(s->error, sizeof(s->error), "this is no state of kidoban");
		return false;
	}
	version = number(s, "PRAGMA user_version");
	if (version == VERSION)
		return true;
	snprintf(s->error, sizeof(s->error),
		 "this state has version %lld, and this kidoban knows version %d only",
		 (long long)version, VERSION);
	return false;
}

/*
 * A rollback journal, and every file and its folder synchronised before a transaction counts: one
 * file to keep, no second one that readers need, and safe when the power goes.
 */
static bool prepare(struct state *s, enum state_access access)
{
	sqlite3_busy_timeout(s->db, WAIT_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (!execute(s, "PRAGMA trusted_schema=OFF; PRAGMA synchronous=EXTRA", "opening"))
		return false;
	return is_ours(s, access);
}

/* Nobody but the owner and his group has business in it. */
static bool touch(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	return fd >= 0 && close(fd) == 0;
}

struct state *state_open(const char *path, enum state_access access, char *err, size_t size)
{
	struct state *s = calloc(1, sizeof(*s));
	struct stat st;
	int rc;

	if (!s || (access == STATE_CREATE && !touch(path)) || stat(path, &st) != 0) {
		snprintf(err, size, "%s", strerror(s ? errno : ENOMEM));
		free(s);
		return NULL;
	}
	rc = sqlite3_open_v2(path, &s->db,
			     access == STATE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE,
			     NULL);
	if (rc != SQLITE_OK)
		state_failed(s, "opening");
	if (rc == SQLITE_OK && prepare(s, access))
		return s;
	snprintf(err, size, "%s", s->error);
	state_close(s);
	return NULL;
}

void state_close(struct state *s)
{
	if (s)
		sqlite3_close(s->db);
	free(s);
}
