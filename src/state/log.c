/* The log, and the chain of hashes that holds it together. */
#include "state/inside.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static const char *const names[STATE_WHATS] = {
	"grant", "revoke", "expire", "refuse", "quarantine", "release", "over", "mode", "reload"};

static bool feed_text(EVP_MD_CTX *md, const char *text)
{
	char head[32];
	size_t len = strlen(text);
	int n = snprintf(head, sizeof(head), "%zu:", len);

	return EVP_DigestUpdate(md, head, (size_t)n) && EVP_DigestUpdate(md, text, len);
}

static bool feed_number(EVP_MD_CTX *md, int64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, v);
	return feed_text(md, text);
}

static bool hash_of(const struct state_entry *e, const uint8_t before[STATE_HASH],
		    uint8_t hash[STATE_HASH])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
		  EVP_DigestUpdate(md, before, STATE_HASH) && feed_number(md, e->seq) &&
		  feed_number(md, e->time) && feed_text(md, e->what) &&
		  feed_number(md, e->grant_id) && feed_text(md, e->conduit) &&
		  feed_text(md, e->approver) && feed_text(md, e->os_user) &&
		  feed_text(md, e->reason) && feed_text(md, e->detail) &&
		  EVP_DigestFinal_ex(md, hash, NULL);

	EVP_MD_CTX_free(md);
	return ok;
}

/* Number and hash of the last entry; 0 and zeros when there is none. */
static bool last(struct state *s, int64_t *seq, uint8_t hash[STATE_HASH])
{
	sqlite3_stmt *q = state_query(s, "SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1", "");
	int rc;

	*seq = 0;
	memset(hash, 0, STATE_HASH);
	if (!q)
		return false;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		*seq = sqlite3_column_int64(q, 0);
		if (sqlite3_column_bytes(q, 1) == STATE_HASH)
			memcpy(hash, sqlite3_column_blob(q, 1), STATE_HASH);
	} else if (rc != SQLITE_DONE) {
		state_failed(s, "reading the log");
	}
	sqlite3_finalize(q);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

bool state_head(struct state *s, uint8_t hash[STATE_HASH])
{
	int64_t seq;

	return last(s, &seq, hash);
}

bool state_append(struct state *s, enum state_what what, struct state_entry *e)
{
	uint8_t before[STATE_HASH];
	sqlite3_stmt *q;

	e->what = names[what];
	if (!last(s, &e->seq, before))
		return false;
	e->seq++;
	if (!hash_of(e, before, e->hash)) {
		snprintf(s->error, sizeof(s->error), "the hash of the log cannot be computed");
		return false;
	}
	q = state_query(s, "INSERT INTO log VALUES(?,?,?,?,?,?,?,?,?,?)", "iititttttt", e->seq,
			e->time, e->what, e->grant_id, e->conduit, e->approver, e->os_user,
			e->reason, e->detail, "");
	if (q && sqlite3_bind_blob(q, 10, e->hash, STATE_HASH, SQLITE_TRANSIENT) != SQLITE_OK) {
		sqlite3_finalize(q);
		return state_failed(s, "writing the log");
	}
	return state_run(s, q);
}

bool state_note(struct state *s, const struct state_actor *who, enum state_what what,
		const char *reason, const char *detail)
{
	struct state_entry e = {.time = who->time,
				.conduit = "",
				.approver = "",
				.os_user = who->os_user,
				.reason = reason,
				.detail = detail};

	return state_begin(s) && state_end(s, state_append(s, what, &e));
}

bool state_log(struct state *s, void (*one)(void *user, const struct state_entry *e), void *user)
{
	sqlite3_stmt *q =
		state_query(s,
			    "SELECT seq, time, what, grant_id, conduit, approver, os_user, "
			    "reason, detail, hash FROM log ORDER BY seq",
			    "");
	uint8_t before[STATE_HASH] = {0}, hash[STATE_HASH];
	int64_t seq = 0;
	bool intact = true;
	int rc;

	if (!q)
		return false;
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_entry e = {
			.seq = sqlite3_column_int64(q, 0),
			.time = sqlite3_column_int64(q, 1),
			.what = state_text(q, 2),
			.grant_id = sqlite3_column_int64(q, 3),
			.conduit = state_text(q, 4),
			.approver = state_text(q, 5),
			.os_user = state_text(q, 6),
			.reason = state_text(q, 7),
			.detail = state_text(q, 8),
		};

		if (sqlite3_column_bytes(q, 9) == STATE_HASH)
			memcpy(e.hash, sqlite3_column_blob(q, 9), STATE_HASH);
		intact = intact && e.seq == ++seq && hash_of(&e, before, hash) &&
			 memcmp(hash, e.hash, STATE_HASH) == 0;
		e.intact = intact;
		memcpy(before, e.hash, STATE_HASH);
		one(user, &e);
	}
	if (rc != SQLITE_DONE)
		state_failed(s, "reading the log");
	sqlite3_finalize(q);
	return rc == SQLITE_DONE;
}
