/* Hosts in quarantine: isolated, released, over. */
#include "state/inside.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
	"SELECT id, host, begins, ends, released, made, wanted_by, os_user, reason, '' "           \
	"FROM quarantine "

static const struct state_term_kind quarantines = {
	.running = COLUMNS "WHERE released=0 AND ends>?1 AND (?2=0 AND host=?3 OR id=?2) "
			   "ORDER BY id",
	.over = COLUMNS "WHERE end_logged=0 AND ends<=? ORDER BY ends, id",
	.all = COLUMNS "ORDER BY id",
	.end = "UPDATE quarantine SET released=?, end_logged=1 WHERE id=?",
	.logged = "UPDATE quarantine SET end_logged=1 WHERE id=?",
	.reading = "reading the quarantine",
	.is = "isolated",
	.before = "",
	.during = "",
	.when_ended = STATE_RELEASED,
	.when_over = STATE_ISOLATION_OVER,
};

/* Who is told of them. */
struct told {
	void (*one)(void *user, const struct state_quarantine *q);
	void *user;
};

static void tell(void *user, const struct state_term *t)
{
	const struct told *to = user;
	const struct state_quarantine q = {.id = t->id,
					   .host = t->subject,
					   .from = t->from,
					   .until = t->until,
					   .released = t->ended,
					   .made = t->made,
					   .by = t->by,
					   .os_user = t->os_user,
					   .reason = t->reason};

	to->one(to->user, &q);
}

bool state_isolate(struct state *s, const struct state_actor *who, const struct state_quarantine *q,
		   int64_t *id)
{
	struct state_term made = {.subject = q->host, .by = q->by};
	char detail[80], from[32], until[32];
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
	return state_end(s, ok && state_term_log(s, STATE_ISOLATED, who, &made, q->reason, detail));
}

bool state_release(struct state *s, const struct state_actor *who, int64_t id, const char *host,
		   const char *reason, unsigned *count,
		   void (*one)(void *user, const struct state_quarantine *q), void *user)
{
	struct told to = {one, user};

	return state_terms_end(s, &quarantines, who, id, host, reason, count, one ? tell : NULL,
			       &to);
}

bool state_expire_quarantine(struct state *s, const struct state_actor *who)
{
	return s->version < 2 || state_terms_expire(s, &quarantines, who);
}

bool state_quarantines(struct state *s, void (*one)(void *user, const struct state_quarantine *q),
		       void *user)
{
	struct told to = {one, user};

	return s->version < 2 || state_terms(s, &quarantines, tell, &to);
}
