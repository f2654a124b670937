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
#define VERSION	    2
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

/* What version 2 has beside it. */
static const char schema2[] = "CREATE TABLE quarantine("
			      " id INTEGER PRIMARY KEY AUTOINCREMENT,"
			      " host TEXT NOT NULL,"
			      " begins INTEGER NOT NULL,"
			      " ends INTEGER NOT NULL CHECK(ends > begins),"
			      " released INTEGER NOT NULL DEFAULT 0,"
			      " made INTEGER NOT NULL,"
			      " wanted_by TEXT NOT NULL,"
			      " os_user TEXT NOT NULL,"
			      " reason TEXT NOT NULL,"
			      " end_logged INTEGER NOT NULL DEFAULT 0) STRICT;"
			      "CREATE TRIGGER quarantines_are_never_deleted"
			      " BEFORE DELETE ON quarantine"
			      " BEGIN SELECT RAISE(ABORT, 'quarantines are kept'); END;"
			      "CREATE TABLE assets("
			      " host TEXT PRIMARY KEY,"
			      " mac TEXT NOT NULL,"
			      " zone TEXT NOT NULL,"
			      " asset TEXT NOT NULL,"
			      " iface TEXT NOT NULL,"
			      " first INTEGER NOT NULL,"
			      " last INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
			      "CREATE TABLE facts("
			      " host TEXT NOT NULL REFERENCES assets ON DELETE CASCADE,"
			      " key TEXT NOT NULL,"
			      " value TEXT NOT NULL,"
			      " PRIMARY KEY(host, key)) STRICT, WITHOUT ROWID;"
			      "CREATE TABLE stubborn("
			      " host TEXT NOT NULL,"
			      " port INTEGER NOT NULL,"
			      " since INTEGER NOT NULL,"
			      " PRIMARY KEY(host, port)) STRICT, WITHOUT ROWID;";

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

/* An empty file becomes ours, one of before gets what it lacks. Two processes may come here at
 * once: the second finds it done. */
static bool make(struct state *s)
{
	char version[64];
	int64_t has;
	bool ok = state_begin(s);

	if (!ok)
		return false;
	has = number(s, "PRAGMA user_version");
	snprintf(version, sizeof(version), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 APPLICATION, VERSION);
	if (has == 0)
		ok = execute(s, schema, "making the state");
	if (has == 0 || has == 1)
		ok = ok && execute(s, schema2, "making the state") &&
		     execute(s, version, "making the state");
	return state_end(s, ok && has >= 0);
}

static bool is_ours(struct state *s, enum state_access access)
{
	int64_t tables = number(s, "SELECT count(*) FROM sqlite_schema");

	if (tables < 0)
		return false;
	if (tables == 0 && access == STATE_CREATE && !make(s))
		return false;
	if (number(s, "PRAGMA application_id") != APPLICATION) {
		snprintf(s->error, sizeof(s->error), "this is no state of kidoban");
		return false;
	}
	s->version = number(s, "PRAGMA user_version");
	if (s->version == 1 && access != STATE_READ) {
		if (!make(s))
			return false;
		s->version = number(s, "PRAGMA user_version");
	}
	if (s->version == VERSION || (s->version == 1 && access == STATE_READ))
		return true;
	snprintf(s->error, sizeof(s->error),
		 "this state has version %lld, and this kidoban knows versions up to %d",
		 (long long)s->version, VERSION);
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
	if (!execute(s,
		     "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON; PRAGMA synchronous=EXTRA",
		     "opening"))
		return false;
	return is_ours(s, access);
}

/* Made by root in the service's folder, the file is the service's. */
static bool give(int fd, const char *path)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	struct stat st;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
	return geteuid() != 0 || (stat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0);
}

/* Nobody but the owner and his group has business in it. */
static bool touch(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	bool ok = fd >= 0 && give(fd, path);

	if (fd < 0 && errno == EEXIST) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		ok = fd >= 0;
	}
	if (fd >= 0)
		close(fd);
	return ok;
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

void state_patience(struct state *s, int ms)
{
	sqlite3_busy_timeout(s->db, ms);
}

int64_t state_foreign(struct state *s)
{
	return number(s, "PRAGMA data_version");
}

void state_close(struct state *s)
{
	if (s)
		sqlite3_close(s->db);
	free(s);
}
