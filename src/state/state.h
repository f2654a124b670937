/*
 * state/state.h - what must survive a restart and a power failure: grants, and who did what.
 *
 * One SQLite file. Each change is one transaction that is on the disk before it is told as done,
 * and each leaves an entry in the log that is never changed or deleted again:
 *
 *   grants   id  conduit  from  until  revoked  made  approver  os_user  reason
 *   log      seq time what grant_id conduit approver os_user reason detail   hash
 *             1  ...                                                         h1 = H(0.. | entry 1)
 *             2  ...                                                         h2 = H(h1  | entry 2)
 *
 * The hash is SHA-256 over the 32 bytes of the one before (zeros at first) and the nine columns in
 * this order, each as its length in decimal, a colon, and its text (numbers in decimal). So a later
 * change of any entry shows, and whoever kept the last hash elsewhere sees that entries are gone.
 *
 * What it is not: it knows no policy (a conduit is a name here) and reads no clock; whoever calls
 * says what time it is and who acts. Several processes may use one file; they wait for each other
 * up to ten seconds. Thread: one per open state.
 */
#ifndef KIDOBAN_STATE_STATE_H
#define KIDOBAN_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_TEXT_MAX 500 /* bytes of a reason or a name */
#define STATE_HASH     32  /* bytes */

struct state;

enum state_access {
	STATE_READ,  /* nothing is changed; the file must be there */
	STATE_WRITE, /* the file must be there */
	STATE_CREATE /* made when it is not there */
};

/* Who acts, and when. */
struct state_actor {
	int64_t time;	     /* ns since 1970 UTC */
	const char *os_user; /* as the system knows him */
};

/* Times are ns since 1970 UTC; texts are valid as long as what gave them says. */
struct state_grant {
	int64_t id; /* from 1, never used again */
	const char *conduit;
	int64_t from, until; /* as it was given */
	int64_t revoked;     /* 0: not */
	int64_t made;
	const char *approver, *os_user, *reason;
	const char *permits; /* what the conduit permitted then, in words */
};

enum state_what { STATE_GRANTED, STATE_REVOKED, STATE_EXPIRED, STATE_REFUSED, STATE_WHATS };

struct state_entry {
	int64_t seq;	  /* from 1, without holes */
	int64_t time;	  /* ns since 1970 UTC */
	const char *what; /* "grant", "revoke", "expire", "refuse" */
	int64_t grant_id; /* 0: none */
	const char *conduit, *approver, *os_user, *reason;
	const char *detail; /* in words */
	uint8_t hash[STATE_HASH];
	bool intact; /* the hash is that of this entry and all before it */
};

/* NULL with a sentence in err. */
struct state *state_open(const char *path, enum state_access access, char *err, size_t size);

/* Accepts NULL. */
void state_close(struct state *s);

/* What went wrong last, in words. */
const char *state_error(const struct state *s);

/* Opens a conduit for a time: conduit, from, until, approver, reason and permits of g. */
bool state_grant(struct state *s, const struct state_actor *who, const struct state_grant *g,
		 int64_t *id);

/*
 * Ends grants before their time: that of an id, or with id 0 all of a conduit, which are not over.
 * *count says how many; one() is told of each, and may be NULL.
 */
bool state_revoke(struct state *s, const struct state_actor *who, int64_t id, const char *conduit,
		  const char *reason, unsigned *count,
		  void (*one)(void *user, const struct state_grant *g), void *user);

/* Logs the end of grants that are over and of whose end the log does not know yet. */
bool state_expire(struct state *s, const struct state_actor *who);

/* Logs that something was asked for and not done; any text may be "". */
bool state_refuse(struct state *s, const struct state_actor *who, const char *conduit,
		  const char *approver, const char *reason, const char *detail);

/* All grants by id, or the whole log from its begin. False when it cannot be read. */
bool state_grants(struct state *s, void (*one)(void *user, const struct state_grant *g),
		  void *user);
bool state_log(struct state *s, void (*one)(void *user, const struct state_entry *e), void *user);

/*
 * True when the log is as it was written and knows every grant as it stands there. False with a
 * sentence otherwise: what says that somebody may do something must have been given by somebody.
 */
bool state_check(struct state *s);

/* The last hash of the log; zeros when it is empty. */
bool state_head(struct state *s, uint8_t hash[STATE_HASH]);

/* When a grant ends: as given, or revoked before that. */
static inline int64_t state_ends(const struct state_grant *g)
{
	return g->revoked && g->revoked < g->until ? g->revoked : g->until;
}

#endif
