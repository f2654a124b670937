/*
 * policy/lint.h - what a policy that loads may still have wrong with it.
 *
 * The loader refuses what has no meaning. This asks about what has one: conduits that can never
 * match, ones that others make pointless, ones that permit more than anybody wants, paths around
 * the DMZ, doors into the safety zone, zones and reasons that somebody forgot. Every warning has a
 * stable id, its place in the file and, where there is one, an example: a packet or an op that the
 * policy permits (or, of an entry that can never match, none).
 *
 *      policy --> lint_run() --> warnings, each once per conduit (zone, asset) and id, by place
 *
 * A warning is no error: the plant may need just that. Whoever wrote the policy says so there, with
 * the reason, and it is told as accepted from then on:
 *
 *      accept: [{lint: no-dmz, reason: the line was bought like that; see ticket 4711}]
 *
 * What it is not: it looks at no traffic and reads no clock (a date comes in from outside), and it
 * proposes no policy. Thread: any; the policy is shared and never changes.
 */
#ifndef KIDOBAN_POLICY_LINT_H
#define KIDOBAN_POLICY_LINT_H

#include "base/arena.h"
#include "policy/policy.h"

/* Part of every reason that kidoban learn writes: somebody has to give the real one. */
#define LINT_REASON_ASKED "please give the reason"

/* In the order of the reference in zones/README.md. */
enum lint_id {
	LINT_LOAD, /* a warning of the loader */
	/* without effect */
	LINT_NEVER,
	LINT_EXPIRED,
	LINT_END_OF_LIFE,
	LINT_SHADOWED,
	LINT_REDUNDANT,
	LINT_LIMIT_WITHOUT_EFFECT,
	LINT_WHEN_WITHOUT_EFFECT,
	LINT_CONTRADICTORY,
	LINT_WATCH_DENIED,
	LINT_WATCH_WITHOUT_EFFECT,
	LINT_RATE_WITHOUT_EFFECT,
	/* too much */
	LINT_DEFAULT_ALLOW,
	LINT_ANY_TO_ANY,
	LINT_WIDE_EXTERNAL,
	LINT_WIDE_ZONES,
	LINT_WIDE_SERVICE,
	LINT_WRITE_UNLIMITED,
	LINT_GRANT_UNLIMITED,
	LINT_UPDATE_ALWAYS,
	LINT_NAT_WRITES,
	/* paths */
	LINT_NO_DMZ,
	LINT_CHAIN,
	LINT_WRITES_FROM_OUTSIDE,
	LINT_SAFETY_REACHABLE,
	LINT_SAFETY_WRITTEN,
	LINT_TENANT_CROSSED,
	LINT_TENANT_CHAIN,
	/* zones and papers */
	LINT_CATCH_ALL,
	LINT_UNKNOWN_IGNORED,
	LINT_UNUSED_ZONE,
	LINT_NO_REASON,
	LINT_NO_REFS,
	LINT_GUESSABLE,
	LINT_ACCEPT_UNUSED,
	LINTS
};

enum lint_subject {
	LINT_OF_POLICY,
	LINT_OF_ZONE,
	LINT_OF_ASSET,
	LINT_OF_CONDUIT,
	LINT_OF_WATCH,
	LINT_SUBJECTS
};

/* What is known of an id, for help and reference. */
struct lint_about {
	const char *name;   /* "no-dmz"; told as "lint.no-dmz" */
	const char *repair; /* what to do, one sentence without its full stop */
	bool note;	    /* for information; never the reason for an exit code */
};

/* A packet or op that the policy permits. */
struct lint_example {
	bool there;
	struct policy_place client, server;
	struct addr from, to; /* of places known by MAC alone: unspecified */
	uint8_t ip_proto;
	uint16_t port;	/* the server's; of ICMP type << 8 | code */
	bool has_op;	/* an op on that flow, else the flow's first packet */
	struct op op;	/* its slices live as long as the report */
	char text[320]; /* "10.20.0.10 (iot-gw-1) -> 10.50.0.11 (plc-1): tcp 443" */
};

struct lint_warning {
	uint8_t id;	      /* enum lint_id */
	uint8_t subject;      /* enum lint_subject */
	uint32_t index;	      /* which zone, asset, conduit or watch */
	const char *file;     /* where, as in the policy */
	int line, col;	      /* from 1; 0: the whole file */
	const char *text;     /* one sentence without its full stop */
	const char *accepted; /* the reason it is accepted for; NULL: it is not */
	struct lint_example example;
};

struct lint_report {
	struct lint_warning **warning; /* by file, line, column */
	uint32_t count, cap;
	uint32_t warnings, notes, accepted; /* how many of each; those accepted are neither */
	struct arena arena;		    /* owns all of it */
};

/* What is asked from outside; NULL or all zero is nothing. */
struct lint_config {
	const struct diag *loaded; /* what the loader had to say: its warnings become lint.load */
	bool has_time;
	int64_t time; /* ns since 1970 UTC, what `until` is held against; else it is not judged */
};

/* Texts live as long as the policy and the report. NULL only when memory is out. */
struct lint_report *lint_run(const struct policy *p, const struct lint_config *config);

/* Accepts NULL. */
void lint_free(struct lint_report *r);

const struct lint_about *lint_about(enum lint_id id);

/* "zone", "conduit", ...; what a warning is about, and its id ("" of the policy as a whole). */
const char *lint_subject_name(enum lint_subject s);
const char *lint_subject_id(const struct policy *p, const struct lint_warning *w);

#endif
