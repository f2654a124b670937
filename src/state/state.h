/*
 * state/state.h - what must survive a restart and a power failure: grants, hosts in quarantine, who
 * did what; and what was seen, the assets and the devices that take no degraded request.
 *
 * One SQLite file. Each change is one transaction that is on the disk before it is told as done,
 * and each decision leaves an entry in the log that is never changed or deleted again:
 *
 *   grants      id  conduit  from  until  revoked   made  approver  os_user  reason
 *   quarantine  id  host     from  until  released  made  by        os_user  reason
 *   log         seq time what grant_id conduit approver os_user reason detail  hash
 *                 1 ...                                                 h1 = H(0.. | entry 1)
 *                 2 ...                                                 h2 = H(h1  | entry 2)
 *   assets      host  mac  zone  asset  iface  first  last  facts
 *   stubborn    host  port  since
 *
 * Entries about quarantine have its id, host and who wanted it where those about grants have the
 * grant's id, conduit and approver. What was merely seen (assets, stubborn) is in no log.
 *
 * The hash is SHA-256 over the 32 bytes of the one before (zeros at first) and the nine columns in
 * this order, each as its length in decimal, a colon, and its text (numbers in decimal). So a later
 * change of any entry shows, and whoever kept the last hash elsewhere sees that entries are gone.
 *
 * What it is not: it knows no policy (a conduit is a name here) and reads no clock; whoever calls
 * says what time it is and who acts. Several processes may use one file; they wait for each other
 * up to ten seconds, or as state_patience() says. Thread: one per open state.
 *
 * Power failure: SQLite's rollback journal with synchronous=EXTRA. The journal is on the disk
 * before the file is touched, the file before the journal goes, and its going is synchronised with
 * the folder; so what was told as done is there, and of what was not there is all or nothing.
 */
#ifndef KIDOBAN_STATE_STATE_H
#define KIDOBAN_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_TEXT_MAX	500   /* bytes of a reason or a name */
#define STATE_HASH	32    /* bytes */
#define STATE_FACTS	12    /* per asset; further ones are not kept */
#define STATE_FACT_TEXT 96    /* bytes of a fact's key or value with its NUL; longer ones are cut */
#define STATE_ASSETS	65536 /* in the file; those longest unseen that nobody listed go first */

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

/* A host that is isolated. */
struct state_quarantine {
	int64_t id;	     /* from 1, never used again */
	const char *host;    /* "10.50.0.9", "fd00::9", or a MAC "00:80:f4:01:02:03" */
	int64_t from, until; /* as it was decided */
	int64_t released;    /* 0: not */
	int64_t made;
	const char *by; /* who wanted it; "kidoban" when a conduit of the policy did */
	const char *os_user, *reason;
};

struct state_fact {
	const char *key, *value; /* "vendor", "product-name", ... */
};

/* A host that was seen. Any text may be "". */
struct state_asset {
	const char *host; /* address; of hosts without one their MAC */
	const char *mac;
	const char *zone, *asset; /* as the policy calls them */
	const char *iface;	  /* where it was seen last */
	int64_t first, last;
	struct state_fact fact[STATE_FACTS];
	unsigned facts; /* how many */
};

/* A device that did not answer a degraded request: it is rejected instead. */
struct state_stubborn {
	const char *host;
	uint16_t port;
	int64_t since;
};

enum state_what {
	STATE_GRANTED,
	STATE_REVOKED,
	STATE_EXPIRED,
	STATE_REFUSED,
	STATE_ISOLATED,
	STATE_RELEASED,
	STATE_ISOLATION_OVER,
	STATE_MODE,
	STATE_RELOADED,
	STATE_WHATS
};

struct state_entry {
	int64_t seq;	  /* from 1, without holes */
	int64_t time;	  /* ns since 1970 UTC */
	const char *what; /* "grant", "revoke", "expire", "refuse"; "quarantine", "release", "over";
			   * "mode", "reload" */
	int64_t grant_id; /* 0: none; of the last three: of the quarantine */
	const char *conduit, *approver; /* of the last three: the host, and who wanted it */
	const char *os_user, *reason;
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

/* Isolates a host for a time: host, from, until, by and reason of q. */
bool state_isolate(struct state *s, const struct state_actor *who, const struct state_quarantine *q,
		   int64_t *id);

/* Lets it go before its time: that of an id, or with id 0 all of a host, which are not over. */
bool state_release(struct state *s, const struct state_actor *who, int64_t id, const char *host,
		   const char *reason, unsigned *count,
		   void (*one)(void *user, const struct state_quarantine *q), void *user);

/* Logs the end of grants and quarantines that are over and of whose end the log does not know. */
bool state_expire(struct state *s, const struct state_actor *who);

/* Logs that something was asked for and not done; any text may be "". */
bool state_refuse(struct state *s, const struct state_actor *who, const char *conduit,
		  const char *approver, const char *reason, const char *detail);

/* Logs what was done to the running service: STATE_MODE, STATE_RELOADED. */
bool state_note(struct state *s, const struct state_actor *who, enum state_what what,
		const char *reason, const char *detail);

/* All grants by id, or the whole log from its begin. False when it cannot be read. */
bool state_grants(struct state *s, void (*one)(void *user, const struct state_grant *g),
		  void *user);
bool state_log(struct state *s, void (*one)(void *user, const struct state_entry *e), void *user);
bool state_quarantines(struct state *s, void (*one)(void *user, const struct state_quarantine *q),
		       void *user);

/*
 * What was seen of hosts, in one transaction. What is known already is kept: the earlier first and
 * the later last, facts by their keys, and a MAC where none is given.
 */
bool state_assets_seen(struct state *s, const struct state_asset *list, uint32_t count);
/* In the order of their hosts' texts. */
bool state_assets(struct state *s, void (*one)(void *user, const struct state_asset *a),
		  void *user);

/* Told once per device and port: the first `since` stays. */
bool state_stubborn_found(struct state *s, const struct state_stubborn *d);
bool state_stubborn(struct state *s, void (*one)(void *user, const struct state_stubborn *d),
		    void *user);

/* Waits for other processes that long, ms, instead of ten seconds. */
void state_patience(struct state *s, int ms);

/* Another number than before when another process has changed anything; -1: cannot be read. */
int64_t state_foreign(struct state *s);

/*
 * True when the log is as it was written and knows every grant and quarantine as it stands there.
 * False with a sentence otherwise: what says that somebody may do something must have been given by
 * somebody, and who was isolated must have been released by somebody.
 */
bool state_check(struct state *s);

/* The last hash of the log; zeros when it is empty. */
bool state_head(struct state *s, uint8_t hash[STATE_HASH]);

/* When a quarantine ends: as decided, or released before that. */
static inline int64_t state_isolated_until(const struct state_quarantine *q)
{
	return q->released && q->released < q->until ? q->released : q->until;
}

/* When a grant ends: as given, or revoked before that. */
static inline int64_t state_ends(const struct state_grant *g)
{
	return g->revoked && g->revoked < g->until ? g->revoked : g->until;
}

#endif
