/*
 * detect/judge.h - the questions the engine asks about flows and ops, and their answers.
 *
 * Pure functions: they look at the policy, a flow and an op, and say which finding it is, which
 * conduit and what would be done. They report nothing, remember nothing and allocate nothing; the
 * engine acts on what they say.
 *
 * Thread: one worker; the policy is shared and never changes.
 */
#ifndef KIDOBAN_DETECT_JUDGE_H
#define KIDOBAN_DETECT_JUDGE_H

#include "baseline/baseline.h"
#include "flow/flow.h"
#include "policy/now.h"

/* The findings code speaks of, in the order of judge_finding_id(). */
enum judge_finding {
	JUDGE_NOTHING, /* no finding */
	JUDGE_NO_CONDUIT,
	JUDGE_LAYER_SKIPPED,
	JUDGE_PORT_DENIED,
	JUDGE_OP_DENIED,
	JUDGE_OBJECT,
	JUDGE_VALUE,
	JUDGE_GRANT,
	JUDGE_SCHEDULE,
	JUDGE_MODE,
	JUDGE_EXPIRED,
	JUDGE_UPDATE,
	JUDGE_ETHERTYPE,
	JUDGE_TRUST,
	JUDGE_UPLINK,
	JUDGE_TENANT,
	JUDGE_COUNTRY,
	JUDGE_UNLISTED,
	JUDGE_UNKNOWN_DEVICE,
	JUDGE_MAC_CHANGED,
	JUDGE_END_OF_LIFE,
	JUDGE_ILLEGAL_FUNCTION,
	JUDGE_STORM,
	JUDGE_PROTOCOL,
	JUDGE_LIMIT,
	JUDGE_RATE,
	JUDGE_SWEEP,
	JUDGE_SILENT,
	JUDGE_STRAYED,
	JUDGE_FROZEN,
	JUDGE_DECODE,				       /* plus enum anomaly_kind */
	JUDGE_BASELINE = JUDGE_DECODE + ANOMALY_KINDS, /* plus enum baseline_finding */
	JUDGE_FINDINGS = JUDGE_BASELINE + BASELINE_FINDINGS
};

/* What the right half keeps with a flow, in flow.user[]. */
struct flow_view {
	struct policy_place place[2]; /* of client and server */
	struct policy_flow_decision decision;
	bool opened;	     /* place and decision are filled */
	bool known_ops;	     /* an op of a protocol that the pair permits was seen */
	uint8_t cut : 2;     /* act: bits by side: nothing more of its bytes passes */
	uint8_t asked : 1;   /* what is not claimed was judged before its end */
	uint8_t normed : 1;  /* the baseline was told of the flow */
	uint8_t suspect : 4; /* so many answers more are not learned from; 15: none ever */
	uint8_t told;	     /* enum judge_finding about the flow as a whole, if one was told */
	uint16_t did;	     /* classes of ops seen since, bits of enum op_class */
	bool device_ok[2];   /* client, server: checked against the list of assets */
	bool reversed : 1;   /* the decision is on the flow as if its server were the client */
	bool talked : 1;     /* since then both ends have said something */
	bool safety : 1;     /* one of the ends is in a safety zone */
	uint8_t blocked;     /* act: enum policy_action done to the flow as a whole; ACTION_ALERT */
	uint16_t heard;	     /* baseline: last packet, 2^33 ns; 0: none */
	uint32_t epoch;	     /* of policy_now when it was decided */
	uint16_t policy;     /* number of the policy that place and decision are of */
	uint16_t act;	     /* act: its conversation, from 1; 0: none */
};

_Static_assert(sizeof(struct flow_view) <= FLOW_USER_WORDS * sizeof(uint64_t),
	       "the view must fit into the words a flow has for it");

static inline struct flow_view *flow_view(struct flow *f)
{
	return (struct flow_view *)f->user;
}

/* Who the policy takes for the client of the flow, and for its server. */
static inline const struct addr *judge_client(struct flow *f)
{
	return flow_view(f)->reversed ? flow_server(f) : flow_client(f);
}

static inline const struct addr *judge_server(struct flow *f)
{
	return flow_view(f)->reversed ? flow_client(f) : flow_server(f);
}

/* What a verdict that is no permission is told as; JUDGE_NOTHING of a permission. */
enum judge_finding judge_of_verdict(enum policy_verdict v);

/* "policy.no-conduit", ...; buf may be used for it. Never called per packet. */
const char *judge_finding_id(enum judge_finding what, char *buf, size_t size);

/*
 * Places of both ends and the decision on the flow; the view is filled. older: the flow may be
 * older than the capture, so that the first one heard may be the server.
 */
enum judge_finding judge_flow(const struct policy_now *now, const struct flow *f,
			      struct flow_view *v, bool older);

/*
 * Something opened or closed since the decision: decides again between the same ends. True when it
 * is another finding now, JUDGE_NOTHING too.
 */
bool judge_again(const struct policy_now *now, const struct flow *f, struct flow_view *v,
		 enum judge_finding *what);

/*
 * Another policy: places anew, and as if nothing had been said against the flow yet, so that
 * judge_again() tells all that is.
 */
void judge_renew(const struct policy_now *now, const struct flow *f, struct flow_view *v,
		 bool older);

/*
 * True when nothing is said against the flow as a whole, as it was judged or, before that, as it
 * would be: then ICMP errors about it need no conduit.
 */
bool judge_permitted(const struct policy_now *now, const struct flow *f, const struct flow_view *v,
		     bool older);

/* A request or publish op on a flow that is judged per op; *d says why. */
enum judge_finding judge_op(const struct policy_now *now, struct flow_view *v, const struct op *op,
			    struct policy_op_decision *d);

/* True when judge_closed() has something to look at. */
bool judge_open_question(const struct flow *f, const struct flow_view *v);

/*
 * A flow to be judged per op has ended, and nothing that its conduits permit was ever seen on it.
 * A try at a service that is not there to be judged is nothing, unless its port tells. read: it is
 * known that something was said.
 */
enum judge_finding judge_closed(const struct policy_now *now, const struct flow *f,
				const struct flow_view *v, bool read);

/* True when ops of the flow are to be judged one by one. */
static inline bool judge_per_op(const struct flow_view *v)
{
	const struct policy_flow_decision *d = &v->decision;

	if (!v->opened)
		return false;
	if (d->updated && d->verdict <= POLICY_DEFAULT_ALLOW)
		return true;
	return d->verdict == POLICY_LATER ||
	       (d->classes != UINT16_MAX &&
		(d->verdict == POLICY_ALLOW || d->verdict == POLICY_DEFAULT_ALLOW));
}

/* Is a device at this address that should be a listed asset, and is not? */
bool judge_unknown(const struct policy *p, const struct addr *a, struct policy_place place);

/* Does a listed asset speak from another MAC address than the listed one? */
bool judge_mac(const struct policy *p, struct policy_place place, const struct mac *seen);

/*
 * True when a device confirms a change that nobody was seen to ask for: the mirror missed the
 * request, or was made to. The response then stands for it and is judged in its place.
 */
bool judge_confirms(const struct op *op);

/* True when the device says that it does not have the function it was asked for. */
bool judge_illegal_function(const struct op *op);

/* What the policy wants done about a violation, mode and safety aside. */
enum policy_action judge_action(const struct policy *p, uint32_t conduit, bool is_op);

/* "alert", "drop", or, in mode detect, "would-drop", ... Static text. */
const char *judge_word(enum policy_action action, enum policy_mode mode);

/*
 * What is or would be done about a violation: "alert", "degrade", "would-drop", ... Static text.
 * Only an op can be degraded; whatever concerns a safety zone is never blocked.
 */
const char *judge_verdict(const struct policy *p, enum policy_mode mode, uint32_t conduit,
			  bool is_op, bool safety);

#endif
