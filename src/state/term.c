/* What is so for a time and then ends, by itself or before: each end is in the log once. */
#include "state/inside.h"

#include "base/civil.h"

#include <stdio.h>

void state_iso(int64_t ns, char buf[32])
{
	struct civil c = civil_from(civil_floor(ns));

	snprintf(buf, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour,
		 c.minute, c.second);
}

static struct state_term row(sqlite3_stmt *q)
{
	return (struct state_term){
		.id = sqlite3_column_int64(q, 0),
		.subject = state_text(q, 1),
		.from = sqlite3_column_int64(q, 2),
		.until = sqlite3_column_int64(q, 3),
		.ended = sqlite3_column_int64(q, 4),
		.made = sqlite3_column_int64(q, 5),
		.by = state_text(q, 6),
		.os_user = state_text(q, 7),
		.reason = state_text(q, 8),
		.permits = state_text(q, 9),
	};
}

bool state_term_log(struct state *s, enum state_what what, const struct state_actor *who,
		    const struct state_term *t, const char *reason, const char *detail)
{
	struct state_entry e = {.time = who->time,
				.grant_id = t->id,
				.conduit = t->subject,
				.approver = t->by,
				.os_user = who->os_user,
				.reason = reason,
				.detail = detail};

	return state_append(s, what, &e);
}

/* Steps through a statement and frees it; one() returns false to give up. q may be NULL. */
static bool each(struct state *s, const struct state_term_kind *kind, sqlite3_stmt *q,
		 bool (*one)(struct state *s, const struct state_term *t, void *user), void *user)
{
	bool ok = q != NULL;
	int rc = SQLITE_DONE;

	while (ok && (rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct state_term t = row(q);

		ok = one(s, &t, user);
	}
	if (ok && rc != SQLITE_DONE)
		ok = state_failed(s, kind->reading);
	sqlite3_finalize(q);
	return ok;
}

/* What one pass over the file is about. */
struct pass {
	const struct state_term_kind *kind;
	const struct state_actor *who;
	const char *reason;
	unsigned count;
	void (*tell)(void *user, const struct state_term *t); /* may be NULL */
	void *user;
};

static bool end_one(struct state *s, const struct state_term *t, void *user)
{
	struct pass *p = user;
	struct state_term ended = *t;
	char detail[160], until[32];

	state_iso(t->until, until);
	snprintf(detail, sizeof(detail), "%swould have been %s until %s",
		 p->who->time < t->from ? p->kind->before : p->kind->during, p->kind->is, until);
	p->count++;
	ended.ended = p->who->time;
	if (!state_run(s, state_query(s, p->kind->end, "ii", p->who->time, t->id)) ||
	    !state_term_log(s, p->kind->when_ended, p->who, t, p->reason, detail))
		return false;
	if (p->tell)
		p->tell(p->user, &ended);
	return true;
}

bool state_terms_end(struct state *s, const struct state_term_kind *kind,
		     const struct state_actor *who, int64_t id, const char *subject,
		     const char *reason, unsigned *count,
		     void (*tell)(void *user, const struct state_term *t), void *user)
{
	struct pass p = {.kind = kind, .who = who, .reason = reason, .tell = tell, .user = user};
	bool ok;

	*count = 0;
	if (!state_begin(s))
		return false;
	ok = each(s, kind, state_query(s, kind->running, "iit", who->time, id, subject), end_one,
		  &p);
	*count = p.count;
	return state_end(s, ok);
}

static bool expire_one(struct state *s, const struct state_term *t, void *user)
{
	const struct pass *p = user;
	char detail[80], until[32];

	state_iso(t->until, until);
	snprintf(detail, sizeof(detail), "was %s until %s", p->kind->is, until);
	return state_run(s, state_query(s, p->kind->logged, "i", t->id)) &&
	       state_term_log(s, p->kind->when_over, p->who, t, t->reason, detail);
}

bool state_terms_expire(struct state *s, const struct state_term_kind *kind,
			const struct state_actor *who)
{
	struct pass p = {.kind = kind, .who = who};

	return each(s, kind, state_query(s, kind->over, "i", who->time), expire_one, &p);
}

static bool tell_one(struct state *s, const struct state_term *t, void *user)
{
	const struct pass *p = user;

	(void)s;
	p->tell(p->user, t);
	return true;
}

bool state_terms(struct state *s, const struct state_term_kind *kind,
		 void (*tell)(void *user, const struct state_term *t), void *user)
{
	struct pass p = {.tell = tell, .user = user};

	return each(s, kind, state_query(s, kind->all, ""), tell_one, &p);
}
