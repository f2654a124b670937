/*
 * baseline/baseline.h - what is normal here: learned, written down, frozen, and held against what
 * happens.
 *
 *      flows, ops, hosts ──> norm of the operating mode in force
 *                              │ channel ── item ── item        channel.h
 *                              │
 *            learning:  set  value  timing  order   take it as normal
 *            frozen:    set  value  timing  order   say how it deviates ──> deviation ──> engine
 *                              │
 *                              └── a text a person can read, edit and compare    text.h
 *
 * Four detectors, each with one question, each in its own file:
 *
 *   set      Was this ever seen?          hosts, links, services, codes, units, objects, writers
 *   value    Is this a value it takes?    sets, ranges, steps, types; frozen, jumped, apart
 *   timing   Is it time for this?         periods, silence, response times, errors, rates
 *   order    Does this come after that?   cycles of a client, with their phases; writes
 *
 * They know meaning and no bytes: everything comes from ops and from who speaks with whom. What
 * the policy forbids never gets here while learning (the engine sees to it), so an attack that was
 * there during learning is not taken for normal where the policy speaks against it.
 *
 * What a norm learned can be added to what another learned (merge): several workers, several days
 * and several captures make one baseline. Learned twice from the same packets it is the same text.
 *
 * Memory: grows with hosts, links, channels, items and objects, each bounded, and all of it
 * together (struct baseline_limits); what is above is counted and said. In the frozen state nothing
 * is allocated. Time is packet time. Thread: one worker owns one baseline.
 */
#ifndef KIDOBAN_BASELINE_BASELINE_H
#define KIDOBAN_BASELINE_BASELINE_H

#include "base/addr.h"
#include "base/diag.h"
#include "op/op.h"

#include <stdio.h>

#define BASELINE_MODES 4   /* operating modes, numbered as the policy numbers them */
#define BASELINE_TEXT  200 /* bytes of a permitted deviation in text, with its NUL */

/* What a deviation is; its id in the catalogue is baseline_finding_id(). Grouped by detector. */
enum baseline_finding {
	/* --- set: hard, all of them --- */
	BASELINE_NEW_HOST,     /* an address that never spoke nor was spoken to */
	BASELINE_NEW_MAC,      /* a known address with another MAC address */
	BASELINE_NEW_GATEWAY,  /* addresses from elsewhere come by another MAC address */
	BASELINE_NEW_EXTERNAL, /* an address outside the plant */
	BASELINE_NEW_RESOLVER, /* another host is asked for names */
	BASELINE_NEW_LINK,     /* two known hosts that never spoke with each other */
	BASELINE_NEW_SERVICE,  /* a port or protocol that these two never used */
	BASELINE_NEW_UNIT,     /* a unit behind a server that this client never addressed */
	BASELINE_NEW_OP,       /* a class or code that this channel never had */
	BASELINE_NEW_OBJECT,   /* an object that this code was never used on here */
	BASELINE_NEW_WRITER,   /* who never wrote writes what another writes: a second master */
	/* --- value: soft, all of them --- */
	BASELINE_VALUE_OUT_OF_RANGE, /* one that was read is beyond those learned */
	BASELINE_VALUE_NEW,	     /* one that was read is none of the few there were */
	BASELINE_WRITTEN_VALUE,	     /* one that was never written, or beyond those that were */
	BASELINE_VALUE_JUMP,	     /* it went farther at once than it ever did */
	BASELINE_VALUE_FROZEN,	     /* it stands still as long as it never did */
	BASELINE_VALUE_DRIFT,	     /* its mean is on its way out; early */
	BASELINE_VALUES_APART,	     /* two that always moved together no longer do */
	BASELINE_VALUE_FOR_STATE,    /* in its range, but not in that of the machine's state */
	/* --- timing --- */
	BASELINE_CYCLE_MISSING,	 /* what comes regularly did not, or came late */
	BASELINE_CYCLE_EXTRA,	 /* it comes faster than it ever did */
	BASELINE_CYCLE_SHIFTED,	 /* it comes at another period */
	BASELINE_CYCLE_UNSTEADY, /* it comes less evenly */
	BASELINE_HOST_SILENT, /* nothing comes from a host that speaks regularly, and nobody asks it
			       */
	BASELINE_DEVICE_SILENT, /* a host no longer answers */
	BASELINE_SLOW_ANSWER,	/* answers take longer */
	BASELINE_ERRORS,	/* more requests are refused, or not answered */
	BASELINE_RATE,		/* a host opens more sessions, or moves more data */
	BASELINE_FAN_OUT,	/* a host speaks with more servers */
	/* --- order --- */
	BASELINE_CYCLE_ORDER,	 /* what a client asks in rounds came in another order */
	BASELINE_STATE_ORDER,	 /* a state followed one that it never followed */
	BASELINE_STATE_DURATION, /* a state ended sooner or later than it ever did */
	BASELINE_ACT_ORDER,	 /* a write or command followed one that it never followed */
	BASELINE_FINDINGS
};

enum baseline_detector { BASELINE_SET, BASELINE_VALUE, BASELINE_TIMING, BASELINE_ORDER };

enum baseline_state {
	BASELINE_LEARNING, /* what comes is taken as normal */
	BASELINE_FROZEN	   /* what comes is compared */
};

/* How often something was seen in learning, and from when to when. All zero: never. */
struct tally {
	uint64_t count;
	int64_t first, last; /* ns since 1970 UTC */
};

struct channel;
struct item;

/*
 * Something that is not as it was learned. Valid during the call only.
 *
 * Hard: it was never seen at all; no threshold applies. Soft: score says by how much it is beyond
 * what was seen, 1 being the edge of that, and the budget decides from where on it is told.
 */
struct deviation {
	enum baseline_finding what;
	enum baseline_detector detector;
	bool hard;
	bool early;	/* still inside, but on its way out: a warning, whatever the finding */
	double score;	/* soft: from 1 */
	int64_t time;	/* ns since 1970 UTC, packet time */
	uint64_t frame; /* packet that showed it; 0: that nothing came shows it */

	const struct addr *client, *server; /* whom it is about; server NULL: one host */
	const struct op *op;		    /* NULL: no single op shows it */
	const struct channel *channel;	    /* NULL: it is about a host or a link */
	const struct item *item;	    /* NULL: about more than one, or an unknown one */
	uint64_t cause; /* not 0: deviations with the same are one event, whatever their channels */

	struct tally learned; /* what was expected instead: how often, since when; count 0: never */
	bool has_value;	      /* value is filled: an exception from the norm may be held to it */
	double value;

	/* One sentence each, in the language asked for; called only when it is told. */
	void (*words)(const struct deviation *d, bool japanese, char *expected,
		      size_t expected_size, char *observed, size_t observed_size);
	double n[8];	     /* for words(), as its file says */
	const char *text[4]; /* likewise */
};

/* Bounds; 0: the default. Above them things are counted, not learned. */
struct baseline_limits {
	uint32_t hosts;	   /* default 65,536 */
	uint32_t links;	   /* default 262,144 */
	uint32_t channels; /* default 65,536, in each operating mode */
	uint32_t items;	   /* of one channel; default 256 */
	uint32_t objects;  /* values followed, in each operating mode; default 1,048,576 */
	uint64_t bytes;	   /* from which on nothing new is learned; default 2 GiB */
	uint64_t key;	   /* of its tables; random where a sender shall not choose who collides */
};

struct baseline;

/* Empty and learning. limits may be NULL. NULL when memory is out. */
struct baseline *baseline_new(const struct baseline_limits *limits);

/* As they are in force; valid as long as it is. */
const struct baseline_limits *baseline_limits_of(const struct baseline *b);

/* Who is told of deviations; never called while learning. */
void baseline_tell(struct baseline *b, void (*told)(void *user, const struct deviation *d),
		   void *user);

enum baseline_state baseline_state(const struct baseline *b);
void baseline_learn_on(struct baseline *b);

/*
 * Learning is over: what was learned is made ready for comparing, thresholds are set so that
 * `budget` events a day (0: as before, at first 5) would have been told of what was learned from
 * (budget.h). by, reason: who
 * read and approved it; NULL: nobody did, and nothing may be blocked in its name. at: ns.
 */
bool baseline_freeze(struct baseline *b, double budget, const char *by, const char *reason,
		     int64_t at);

/* Somebody approved it: its hard deviations may be blocked where a conduit says so. */
bool baseline_approved(const struct baseline *b);

/* The operating mode in force (0 to BASELINE_MODES - 1). One that was never learned is judged by
 * the norm of mode 0. */
void baseline_mode(struct baseline *b, unsigned mode);

/* A conversation, as the set and timing detectors see it. */
struct baseline_flow {
	uint64_t id; /* of the flow */
	const struct addr *client, *server;
	const struct mac *client_mac, *server_mac; /* NULL: not known */
	bool client_near, server_near; /* in the segment: the MAC is its own, not a router's */
	bool client_outside, server_outside; /* not of the plant: a public address */
	bool sure;			     /* a SYN or what was said tells who is the client */
	uint8_t ip_proto;		     /* IANA */
	uint16_t client_port;		     /* 0: it has none */
	uint16_t port;			     /* the server's; ICMP: type << 8 | code */
	const char *app;		     /* static; NULL: unknown (yet) */
	uint64_t packets[2], bytes[2];	     /* client, server; so far */
	int64_t first, last;		     /* ns */
	uint64_t frame;			     /* of the first packet */
};

/* It began; it ended. */
void baseline_flow_opened(struct baseline *b, const struct baseline_flow *f, int64_t time,
			  uint64_t frame);
void baseline_flow_closed(struct baseline *b, const struct baseline_flow *f, int64_t time,
			  uint64_t frame);

/* It goes on after a while of quiet; frozen only. */
void baseline_flow_again(struct baseline *b, const struct baseline_flow *f, int64_t time,
			 uint64_t frame);

/* A host said by ARP who it is (RFC 826). */
void baseline_host(struct baseline *b, const struct addr *addr, const struct mac *mac, int64_t time,
		   uint64_t frame);

/* client, server: of the flow. Requests, responses and publications, all that nothing forbids. */
void baseline_op(struct baseline *b, const struct addr *client, const struct addr *server,
		 const struct op *op);

/* Packet time has come so far; about once a second. */
void baseline_tick(struct baseline *b, int64_t time);

/* Listening begins anew: nobody was silent until now. */
void baseline_resume(struct baseline *b, int64_t time);

/* How learning goes. */
struct baseline_progress {
	int64_t from, to;	   /* ns; what was learned from */
	uint64_t ops, flows;	   /* learned from */
	uint64_t recent_ops;	   /* of the last hour of packet time, or as long as it learned */
	uint64_t recent_explained; /* of them those that were normal already when they came */
	int64_t news;		   /* ns, when something new was learned last */
	bool settled; /* nothing new for as long as all before took to be seen, and for an hour */
	uint32_t hosts, links, channels, items, objects; /* in the mode in force */
	uint64_t refused;				 /* beyond the limits */
	size_t bytes;					 /* of memory */
};
void baseline_progress(const struct baseline *b, struct baseline_progress *out);

/*
 * What was learned from is noted, so that nothing is learned twice: a capture by the time of its
 * first packet (ns) and a hash of its first packets. Known: it was noted already.
 */
bool baseline_source_known(const struct baseline *b, int64_t first, uint64_t print);
void baseline_source_note(struct baseline *b, int64_t first, uint64_t print);

/* Adds what `from` learned; `from` keeps it. Both must be learning. False when memory is out. */
bool baseline_merge(struct baseline *b, const struct baseline *from);

/* Its id in the catalogue, "baseline.new-op", and whose it is. */
const char *baseline_finding_id(enum baseline_finding f);
enum baseline_detector baseline_detector_of(enum baseline_finding f);
const char *baseline_detector_name(enum baseline_detector d);

/* --- of a deviation --- */

/* As one line, which `kidoban baseline approve` takes. */
void baseline_permit(const struct deviation *d, char buf[BASELINE_TEXT]);

/* enum op_class of what it is about; -1: no single op or item. */
int baseline_class(const struct deviation *d);

/* The same for all deviations of one channel; 0: it is about no channel. */
uint64_t baseline_channel_key(const struct deviation *d);

/* From which score on a soft finding is told. */
double baseline_threshold(const struct baseline *b, enum baseline_finding f);

/* Frozen: other thresholds, for so many events a day. */
void baseline_spend(struct baseline *b, double per_day);

/* Events a day that the budget allows; 0: not frozen yet. */
double baseline_budget(const struct baseline *b);

/* Accepts NULL. */
void baseline_free(struct baseline *b);

#endif
