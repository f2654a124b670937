/*
 * report/record.h - what captures did with a policy: who used which conduit, and what was not
 * permitted.
 *
 *   tracker --> record --> engine        the engine judges and tells, as in a replay
 *                 |           |
 *                 |<--alerts--+          one finding per incident
 *                 v
 *      conduits: flows, ops, bytes, pairs; permissions used (policy/usage.h)
 *      zones and assets that spoke; addresses that are no asset
 *
 * It stands around the engine's handlers and looks at the decision the engine made; it judges
 * nothing itself. It is for reports on captures, not for a sensor: it allocates as it learns, and
 * lists are cut at RECORD_PAIRS, RECORD_STRANGERS and RECORD_FINDINGS (the rest is counted).
 * Thread: one.
 */
#ifndef KIDOBAN_REPORT_RECORD_H
#define KIDOBAN_REPORT_RECORD_H

#include "base/arena.h"
#include "detect/engine.h"
#include "detect/incident.h"
#include "policy/usage.h"

#define RECORD_PAIRS	 1000  /* clients and servers listed per conduit */
#define RECORD_STRANGERS 1000  /* addresses listed that are no asset */
#define RECORD_FINDINGS	 10000 /* incidents listed */

/* Somebody used a conduit to somebody. */
struct record_pair {
	struct addr client, server;
	struct policy_place place[2]; /* of client and server */
	uint64_t flows, ops, bytes;
	int64_t first, last; /* ns since 1970 UTC */
};

struct record_conduit {
	uint64_t flows, ops, bytes; /* that it permitted; bytes on the wire of these flows */
	uint64_t denied;	    /* occurrences of findings that name it */
	uint64_t incidents;	    /* how many incidents these are */
	uint64_t closed;	    /* those of them it would have permitted, had it been open */
	struct record_pair *pair;
	uint32_t pairs, pair_cap;
	uint64_t pairs_more; /* flows of pairs that are not listed */
};

/* An address in the plant that is no asset. */
struct record_stranger {
	struct addr addr;
	uint32_t zone; /* POLICY_NONE: in no zone */
	uint64_t flows;
	uint64_t first_frame;
	uint16_t file;
};

/* An incident, as it was told. Texts of the policy are the policy's. */
struct record_finding {
	const struct finding *finding;
	const char *verdict; /* as in the alert: "would-drop", "drop", "alert" */
	const char *conduit; /* NULL: none */
	const char *src_zone, *dst_zone, *src_asset, *dst_asset; /* NULL: none */
	bool has_addr, to_client;
	struct addr src, dst;
	uint8_t severity;
	bool has_op;
	bool expected;		       /* some expectation names it */
	const char *observed, *wanted; /* owned by the record */
	int64_t first, last;
	uint64_t count, first_frame;
	uint16_t file;
	/* the op, or the ops of a flow that is a violation by itself */
	const char *op_proto;
	uint8_t op_class, op_space;
	struct {
		const char *proto;
		uint16_t classes;
	} said[INCIDENT_PROTOS];
	uint16_t port; /* the server's */
	uint8_t ip_proto;
};

struct expect;

struct record {
	const struct policy *policy;
	struct engine *engine;
	struct expect *expect; /* is told of every op and flow; NULL: none */
	struct policy_usage *usage;
	struct record_conduit *conduit;
	uint32_t conduits;
	bool *zone_seen, *asset_seen; /* spoke; by index */
	uint32_t zones, assets;
	struct record_stranger *stranger;
	uint32_t strangers, stranger_cap;
	uint64_t strangers_more;
	struct record_finding *finding;
	uint32_t findings, finding_cap;
	uint64_t findings_more;
	int64_t first, last; /* ns, packet time of the first and last flow */
	struct arena arena;
	struct sink sink; /* for the engine */
	struct record_notes *notes;
};

/* False when memory is out. */
bool record_init(struct record *r, const struct policy *p);

/* For the tracker; the user pointer is the record, and its engine must be set. */
extern const struct flow_handlers record_handlers;

/* True for the findings that say what is not permitted; others say what is odd. */
bool record_denial(const char *finding);

/* "drop" for "would-drop": what enforce mode does. */
const char *record_enforced(const char *verdict);

/* The asset's id, or the address. */
const char *record_who(const struct record *r, const struct addr *a, struct policy_place place,
		       char buf[ADDR_STRLEN]);

void record_free(struct record *r);

#endif
