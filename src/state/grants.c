/* Grants: given, revoked, over. */
#include "state/inside.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
	"SELECT id, conduit, begins, ends, revoked, made, approver, os_user, reason, permits "     \
	"FROM grants "
#define TEXT 1200 /* bytes of a detail */

static const struct state_term_kind grants = {
	.running = COLUMNS "WHERE revoked=0 AND ends>?1 AND (?2=0 AND conduit=?3 OR id=?2) "
			   "ORDER BY id",
	.over = COLUMNS "WHERE end_logged=0 AND ends<=? ORDER BY ends, id",
	.all = COLUMNS "ORDER BY id",
	.end = "UPDATE grants SET revoked=?, end_logged=1 WHERE id=?",
	.logged = "UPDATE grants SET end_logged=1 WHERE id=?",
	.reading = "reading the grants",
	.is = "open",
	.before = "before it began, ",
	.during = "while it was open, ",
	.when_ended = STATE_REVOKED,
	.when_over = STATE_EXPIRED,
};

/* Who is told of grants. */
struct told {
	void (*one)(void *user, const struct state_grant *g);
	void *user;
};

static void tell(void *user, const struct state_term *t)
{
	const struct told *to = user;
	const struct state_grant g = {.id = t->id,
				      .conduit = t->subject,
				      .from = t->from,
				      .until = t->until,
				      .revoked = t->ended,
				      .made = t->made,
				      .approver = t->by,
				      .os_user = t->os_user,
				      .reason = t->reason,
				      .permits = t->permits};

	to->one(to->user, &g);
}

bool state_grant(struct state *s, const struct state_actor *who, const struct state_grant *g,
		 int64_t *id)
{
	struct state_term made = {.subject = g->conduit, .by = g->approver};
	char detail[TEXT], from[32], until[32];
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
	made.id = *id = sqlite3_last_insert_rowid(s->db);
	return state_end(s, ok && state_term_log(s, STATE_GRANTED, who, &made, g->reason, detail));
}

bool state_revoke(struct state *s, const struct state_actor *who, int64_t id, const char *conduit,
		  const char *reason, unsigned *count,
		  void (*one)(void *user, const struct state_grant *g), void *user)
{
	struct told to = {one, user};

	return state_terms_end(s, &grants, who, id, conduit, reason, count, one ? tell : NULL, &to);
}

bool state_expire(struct state *s, const struct state_actor *who)
{
	return state_begin(s) &&
	       state_end(s, state_terms_expire(s, &grants, who) && state_expire_quarantine(s, who));
}

bool state_refuse(struct state *s, const struct state_actor *who, const char *conduit,
		  const char *approver, const char *reason, const char *detail)
{
	const struct state_term nothing = {.subject = conduit, .by = approver};

	return state_begin(s) &&
	       state_end(s, state_term_log(s, STATE_REFUSED, who, &nothing, reason, detail));
}

bool state_grants(struct state *s, void (*one)(void *user, const struct state_grant *g), void *user)
{
	struct told to = {one, user};

	return state_terms(s, &grants, tell, &to);
}
