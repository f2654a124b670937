/*
 * policy/policy.h - zones, assets, conduits: what is allowed between whom.
 *
 * A policy is loaded from one YAML file (zones/README.md is the language), checked as a whole,
 * compiled once and never changed afterwards. It answers three questions:
 *
 *   whose address is this?                  policy_place()        once per flow and end
 *   which conduits join these two?          policy_flow()         once per flow, cached there
 *   may this op pass through one of them?   policy_op()           per request, no allocation
 *   may this frame that is no IP?           policy_frame()        per frame, or cached
 *
 * Cost: a place is a longest-prefix match, the conduits of a pair are a hash lookup, an op is
 * matched against the bit sets and interval sets of that pair's permissions only. None of it
 * depends on how many conduits or assets the policy has.
 *
 * What it is not: it keeps no state of traffic, raises no findings and knows no bytes. Words of
 * protocols come from op/vocab.h. Thread: immutable after load, shared by all workers.
 */
#ifndef KIDOBAN_POLICY_POLICY_H
#define KIDOBAN_POLICY_POLICY_H

#include "base/addr.h"
#include "base/diag.h"
#include "base/tz.h"
#include "op/op.h"

#include <stdio.h>

#define POLICY_NONE UINT32_MAX /* no zone, asset or conduit */

enum policy_level {
	LEVEL_EXTERNAL,
	LEVEL_INFORMATION,
	LEVEL_DMZ,
	LEVEL_IOT,
	LEVEL_CONTROL_INFORMATION,
	LEVEL_CONTROL,
	LEVEL_FIELD,
	LEVEL_SAFETY,
	LEVELS
};

enum policy_mode { MODE_DETECT, MODE_ENFORCE };
enum policy_operating_mode {
	OPERATING_NORMAL,
	OPERATING_MAINTENANCE,
	OPERATING_EMERGENCY,
	OPERATING_ANALYSIS
};
enum policy_action { ACTION_ALERT, ACTION_DEGRADE, ACTION_DROP, ACTION_REJECT, ACTION_QUARANTINE };
enum policy_unknown { UNKNOWN_IGNORE, UNKNOWN_ALERT, UNKNOWN_DENY };

/* How far a device is trusted: what it may do as a client at most. */
enum policy_trust { TRUST_UNSAID, TRUST_UNKNOWN, TRUST_MINIMAL, TRUST_KNOWN, TRUST_FULL, TRUSTS };

/* How hard a zone is to get going again, and what its failure costs. */
enum policy_recovery { RECOVERY_UNSAID, RECOVERY_LIMITED, RECOVERY_SERIOUS, RECOVERY_FATAL };
enum policy_impact { IMPACT_UNSAID, IMPACT_LIMITED, IMPACT_SERIOUS, IMPACT_CATASTROPHIC };

/* Names and facts of the policy, for messages and reports. Indices are stable for its life. */
struct policy_zone {
	const char *id;		 /* as written */
	const char *title;	 /* for people; the id when none was given */
	uint8_t level;		 /* enum policy_level */
	uint8_t unknown_devices; /* enum policy_unknown */
	uint8_t trust;		 /* enum policy_trust, of members that say nothing */
	uint8_t recovery;	 /* enum policy_recovery */
	uint8_t impact;		 /* enum policy_impact */
	bool uplink_only;	 /* its devices only report */
	uint64_t tenants;	 /* bits, see policy_tenant(); 0: none was given */
	const uint16_t *vlans;	 /* frames there that are no IP are of the zone; ascending */
	uint32_t nvlans;
	struct policy_peers *peers; /* whom its conduits hold for; NULL: for all */
	const char *const *refs;    /* threats that begin there; NULL-ended; NULL: none was given */
	const char *file;	    /* where it is written */
	int line, col;
};

struct policy_asset {
	const char *id;
	const char *title;   /* for people; the id when none was given */
	const char *role;    /* "" when none was given */
	uint32_t zone;	     /* index */
	struct addr address; /* the first of addresses */
	bool has_address;
	const struct addr *addresses; /* all of them */
	uint32_t naddresses;
	struct mac mac;
	bool has_mac;
	bool nat;		 /* the address stands for several hosts */
	const char *end_of_life; /* "2025-03-31", as written; "" when none was given */
	int64_t ended;	  /* ns since 1970 UTC: it is past it from then on; INT64_MAX never */
	uint8_t trust;	  /* enum policy_trust; TRUST_UNSAID: the zone's */
	uint64_t tenants; /* bits, see policy_tenant(); 0: the zone's */
	const char *owner, *vendor, *model, *software, *serial; /* for people; "" */
	const char *const *refs; /* threats that begin there; NULL-ended; NULL: none was given */
	const char *file;	 /* where it is written */
	int line, col;
};

/* How much of something, per time. */
struct policy_rate {
	uint32_t count;	  /* 0: no limit */
	int64_t per;	  /* ns */
	const char *text; /* as written: "100/s" */
};

struct policy_conduit {
	const char *id;
	const char *reason;	 /* "" when none was given */
	const char *permits;	 /* all that it permits, in words */
	const char *const *refs; /* "ipa:ID8-1"; NULL-ended */
	uint8_t on_violation;	 /* enum policy_action */
	bool fail_open;
	bool baseline_enforced; /* what an approved baseline never saw is a violation here */
	bool update; /* an update conduit: the registered hosts for firmware and program */
	bool grant_required;
	int64_t grant_longest;	       /* ns a grant may last at most; 0: as long as it says */
	const char *const *approvers;  /* who may give one, NULL-ended; NULL: anybody */
	const char *modes;	       /* "maintenance, emergency"; "" in any */
	const char *schedule;	       /* "mon-fri 08:00-17:00"; "" always */
	const char *until;	       /* "2026-12-31", as written; "" for ever */
	const char *when;	       /* all of these in words; "" when nothing closes it */
	struct policy_rate ops, flows; /* what one client may do at most */
	const char *file;	       /* where it is written */
	int line, col;
};

/*
 * Where an address belongs. Multicast, broadcast, link-local and unspecified addresses that no
 * zone lists belong to the segment they are seen in: no zone, but not a foreign one either.
 */
struct policy_place {
	uint32_t zone;	/* POLICY_NONE: in no zone */
	uint32_t asset; /* POLICY_NONE: not a listed asset */
	bool segment;	/* zone is POLICY_NONE, and the address stays in its segment */
	uint8_t barred; /* enum policy_verdict: why its zone's conduits do not hold for it; 0: they
			   do */
};

/*
 * The decision on a flow as L3/L4 sees it. Kept by the caller with the flow (it is small and has
 * no pointers to free), handed back for every op.
 */
struct policy_flow_decision {
	uint32_t set[4]; /* compiled sets of conduits that join the two, packed; POLICY_NONE ends */
	uint32_t conduit; /* a conduit that speaks for this flow in messages; POLICY_NONE */
	uint16_t port;	  /* as asked */
	uint16_t classes; /* what the two may do at most, bits of enum op_class */
	uint8_t ip_proto; /* as asked */
	uint8_t verdict;  /* enum policy_verdict */
	uint8_t capped;	  /* enum policy_verdict: what an op outside classes is */
	bool updated;	  /* firmware and program towards the server need an update conduit */
};

enum policy_verdict {
	POLICY_ALLOW,		 /* a conduit allows it; of a flow: with all ops in it */
	POLICY_LATER,		 /* flow: the conduits allow ops of some protocol; ask per op */
	POLICY_SAME_ZONE,	 /* inside one zone or segment, and no conduit speaks of it */
	POLICY_DEFAULT_ALLOW,	 /* no conduit, and the default is allow */
	POLICY_NO_CONDUIT,	 /* between zones without a conduit */
	POLICY_LAYER_SKIPPED,	 /* likewise, and a layer of the factory lies between them */
	POLICY_PORT_DENIED,	 /* a conduit joins the two, but not for this service */
	POLICY_OP_DENIED,	 /* no permission for this class, code or unit */
	POLICY_OBJECT_DENIED,	 /* class and unit are permitted, the object is not */
	POLICY_VALUE_DENIED,	 /* object too, a value is not */
	POLICY_GRANT_MISSING,	 /* would be allowed with an active grant */
	POLICY_OUTSIDE_SCHEDULE, /* would be allowed on other days or at other hours */
	POLICY_WRONG_MODE,	 /* would be allowed in another operating mode */
	POLICY_EXPIRED,		 /* was allowed, until a date that has passed */
	POLICY_TRUST_EXCEEDED,	 /* more than the client's tier of trust may do */
	POLICY_UPLINK_ONLY,	 /* towards devices that only report */
	POLICY_TENANT_CROSSED,	 /* between two tenants */
	POLICY_COUNTRY_DENIED,	 /* an external peer in a country or network that is not listed */
	POLICY_UNLISTED,	 /* a zone's conduit, but the device is no listed asset */
	POLICY_UPDATE_DENIED,	 /* op: firmware or program, but not through an update conduit */
	POLICY_ETHERTYPE_DENIED /* frame: a conduit joins the two, but not for this Ethernet type */
};

/* The decision on a frame that is no IP. */
struct policy_frame_decision {
	uint8_t verdict;  /* enum policy_verdict */
	bool reversed;	  /* the conduit leads from its receiver to its sender */
	uint32_t conduit; /* that permits it, or speaks for it in messages; POLICY_NONE */
};

/* Why an op is denied, for the sentence of the finding. Texts live as long as the policy. */
struct policy_op_decision {
	uint8_t verdict;      /* enum policy_verdict */
	uint32_t conduit;     /* the conduit that allows it, or came nearest; POLICY_NONE */
	const char *expected; /* what that conduit permits, in words; "" if nothing */
	uint32_t value_index; /* VALUE_DENIED: which value, from 0 */
	double value;	      /* VALUE_DENIED: the value; NAN when it is no number */
	uint64_t object;      /* OBJECT_DENIED: first address outside, if numeric */
};

struct policy;
struct policy_now; /* policy/now.h */

/* Loads and compiles. NULL when there is any error; diag has every mistake with line and column. */
struct policy *policy_load(const char *path, struct diag *diag);

/* The same from memory; name stands for the file in messages. */
struct policy *policy_load_buffer(const char *name, const char *text, size_t len,
				  struct diag *diag);

/* Accepts NULL. */
void policy_free(struct policy *p);

/* mac may be NULL. */
struct policy_place policy_place(const struct policy *p, const struct addr *a,
				 const struct mac *mac);

/*
 * client opens the conversation with server. ip_proto is 6, 17, 1, 58, ...; port the server's. Of
 * ICMP, port is type << 8 | code of the first packet.
 */
struct policy_flow_decision policy_flow(const struct policy_now *now, struct policy_place client,
					struct policy_place server, uint8_t ip_proto,
					uint16_t port);

/*
 * A request or publish op on a flow with decision d. Responses are not asked for: they are judged
 * by the request they answer; one whose request was not seen may be asked for in its place, and
 * is judged without values where it does not repeat them. A publish from the server
 * (op.from_server: MQTT delivery to a subscriber, cyclic input data) is judged as a read by the
 * client: it was asked for once.
 *
 * Ops of class session pass when any rule of their protocol does for that unit, actor and port:
 * who may read may also connect.
 */
struct policy_op_decision policy_op(const struct policy_now *now,
				    const struct policy_flow_decision *d, const struct op *op);

/*
 * A frame that is no IP, by its Ethernet type as policy_ethertype() gives it. Ethernet has neither
 * clients nor answers, so a conduit between the two speaks for both ways. Between zones some open
 * conduit must list the type; inside a zone only if those of the pair list any.
 */
struct policy_frame_decision policy_frame(const struct policy_now *now, struct policy_place from,
					  struct policy_place to, uint16_t type);

/*
 * Where a MAC address is: a listed asset (one with addresses too), else the zone that has the VLAN
 * (-1: none); a group address that is no asset, and whoever is nowhere else, stays in its segment.
 */
struct policy_place policy_station(const struct policy *p, const struct mac *mac, int vlan);

/* Of frames with a length instead of a type, which LLC says more about (IEEE 802.3, 3.2.6). */
#define POLICY_LLC 0

/* The type that entries of `allow` speak of; false: one that is judged as IP, or not at all. */
bool policy_ethertype(uint16_t ether_type, uint16_t *type);

/* "profinet", "llc"; NULL for a type without a name. */
const char *policy_ethertype_name(uint16_t type);

/* True when a conduit of the pair allows ops of this protocol at all, or its port as a whole. */
bool policy_proto_known(const struct policy_now *now, const struct policy_flow_decision *d,
			const char *proto);

/* True when a conduit of the pair opens the flow's port as a whole, whatever is spoken there. */
bool policy_served(const struct policy_now *now, const struct policy_flow_decision *d);

/* The settings of section `engine`, for whoever makes the tracker. */
bool policy_checksums_verify(const struct policy *p); /* wrong checksums are findings */
bool policy_overlap_last(const struct policy *p);     /* overlapping bytes: the last seen win */

/* True when some conduit limits how much a client may do. */
bool policy_limits(const struct policy *p);

const char *policy_site(const struct policy *p); /* "" when it has no name */
enum policy_mode policy_mode(const struct policy *p);
enum policy_operating_mode policy_operating_mode(const struct policy *p);
uint32_t policy_assets(const struct policy *p);
uint32_t policy_conduits(const struct policy *p);
/* Where an address of the outside is: "US, AS64497 Sample Hosting Inc."; "" when nobody knows. */
const char *policy_whereabouts(const struct policy *p, const struct addr *a, char *buf,
			       size_t size);

/* The classes of ops that a tier of trust permits its clients, bits of enum op_class. */
uint16_t policy_tier(const struct policy *p, enum policy_trust t);

/* The tier of whoever is there; TRUST_UNSAID: none was given. */
enum policy_trust policy_trust_of(const struct policy *p, struct policy_place place);

/* True when a listed asset is there that is past its end of life at that time, ns since 1970 UTC.
 */
bool policy_is_ended(const struct policy *p, struct policy_place place, int64_t time);

/* The tenants of whoever is there, bits. */
uint64_t policy_tenants_of(const struct policy *p, struct policy_place place);

/*
 * How the criticality of the two zones moves the severity of what happens between them: -1 a
 * step graver, 1 a step less grave, 0 not at all.
 */
int policy_severity_step(const struct policy *p, struct policy_place a, struct policy_place b);

/* NULL past the last, also for POLICY_NONE. */
const struct policy_zone *policy_zone_at(const struct policy *p, uint32_t i);
const struct policy_asset *policy_asset_at(const struct policy *p, uint32_t i);
const struct policy_conduit *policy_conduit_at(const struct policy *p, uint32_t i);

/* The conduit of that id, or POLICY_NONE. Walks the list. */
uint32_t policy_conduit_find(const struct policy *p, const char *id);

/* The update conduit that firmware and program towards this place need (the first, if there are
 * several), or POLICY_NONE. */
uint32_t policy_updater(const struct policy *p, struct policy_place place);

/* The time zone of the file. */
const struct tz *policy_tz(const struct policy *p);

/* A group, or a role that a conduit names ("role:plc"); POLICY_NONE: there is none of that name. */
uint32_t policy_group_find(const struct policy *p, const char *id);
bool policy_group_has(const struct policy *p, uint32_t group, struct policy_place place);
const char *policy_group_id(const struct policy *p, uint32_t i); /* NULL past the last */

const char *policy_level_name(enum policy_level l);
const char *policy_operating_name(enum policy_operating_mode m);
const char *policy_trust_name(enum policy_trust t); /* "" for TRUST_UNSAID */

/* The tenant of bit i; NULL past the last. */
const char *policy_tenant(const struct policy *p, unsigned i);

/* The policy as kidoban understood it, for people: zones, assets, conduits, who may do what. */
void policy_explain(const struct policy *p, FILE *out);

#endif
