/*
 * detect/words.h - what an alert says: observed and expected, in one sentence each.
 *
 *   observed   hmi-1 (10.40.0.5) wrote 900 to holding register 16 (40017) of plc-1 (10.50.0.11),
 *              unit 1 (write-single-register)
 *   expected   conduit hmi-plc permits modbus write unit 1 holding 100-119 value 0..1000
 *
 * Names, addresses and numbers only; no scores. Nothing here is called unless a new incident is
 * made. Results are UTF-8, cut at a character when too long. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_WORDS_H
#define KIDOBAN_DETECT_WORDS_H

#include "detect/finding.h"
#include "detect/incident.h"
#include "detect/judge.h"

/* Who spoke to whom about what, as far as it is known. */
struct words {
	const struct policy *policy; /* NULL: none */
	enum finding_lang lang;
	const struct flow *flow; /* NULL: none */
	const struct flow_view *view;
	const struct op *op;		    /* NULL: none */
	const struct policy_op_decision *d; /* NULL: none */
	const struct anomaly *anomaly;	    /* NULL: none */
	struct addr addr[2];		    /* without a flow: sender and receiver */
	bool has_addr;			    /* addr[] is filled */
	struct policy_place place;	    /* about a device: where it is */
	struct addr device;		    /* about a device: its address */
	const struct packet *frame;	    /* one that is no IP, instead of a flow; NULL: none */
	struct mac mac;			    /* about a device: seen with it */
	bool has_mac;
	bool running;			 /* a flow that was permitted when it began */
	enum policy_operating_mode mode; /* in force */
	int64_t time;			 /* ns since 1970 UTC, packet time */
	bool devices;	  /* limit: it is that of what devices tell about themselves */
	uint32_t number;  /* storm: errors; limit: incidents, 0: it is the flows' */
	int64_t duration; /* storm: ns in which they came */
};

/* Fills i->observed and i->expected. */
void words_fill(const struct words *w, enum judge_finding what, struct incident *i);

/* Adds to i->observed that an op of this class was among what went over the flow. */
void words_did(enum finding_lang lang, const struct op *op, struct incident *i);

/* Copies what the incident keeps of an op. */
void words_op(const struct op *op, struct incident *i);

#endif
