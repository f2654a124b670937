/*
 * policy/model.h - a policy as its own files see it: what load fills, compile joins, match asks.
 *
 *   zones, assets        who there is             prefixes -> trie, hosts -> trie, MACs -> map
 *   conduits             rules (ops) and services (L3/L4), as written
 *   pairs                (from, to) -> pair set   one per distinct set of conduits
 *   pair set             conduits, and their rules in runs of one protocol
 *
 * Zones and assets share one namespace and one numbering, the end: zone z is end z, asset a is end
 * zones + a. A flow has up to four pairs of ends (asset or zone at each side), hence up to four
 * pair sets; each is found by one hash lookup.
 *
 * Everything lives in the policy's arena. Private to policy/.
 */
#ifndef KIDOBAN_POLICY_MODEL_H
#define KIDOBAN_POLICY_MODEL_H

#include "base/arena.h"
#include "base/imap.h"
#include "base/iset.h"
#include "base/trie.h"
#include "op/vocab.h"
#include "policy/policy.h"
#include "policy/watch.h"

struct yaml_node;

/* How object addresses are written. */
enum notation { NOTATION_0, NOTATION_1, NOTATION_4X };

/* Names (patterns or topic filters) that are permitted. */
struct names {
	struct slice *text;
	uint32_t count, cap;
};

/* One alternative of object: a space, and which of it. */
struct rule_space {
	const struct vocab_key *key; /* kind VOCAB_SPACE, VOCAB_NAME or VOCAB_TOPIC */
	struct iset range;	     /* VOCAB_SPACE */
	struct names names;	     /* VOCAB_NAME, VOCAB_TOPIC */
};

/* What a rule restricts. */
enum {
	RULE_UNIT = 1,
	RULE_CODE = 2,
	RULE_PORT = 4,
	RULE_ACTOR = 8,
	RULE_PATH = 16, /* << index, three bits */
	RULE_PATHS = 7 * RULE_PATH,
	RULE_SPACE = 128,   /* some VOCAB_SPACE key */
	RULE_NAMES = 256,   /* some VOCAB_NAME or VOCAB_TOPIC key */
	RULE_VALUE = 512,   /* values of writes */
	RULE_SAYS = 2048,   /* the codes say the classes, there is no `do` */
	RULE_CARRIER = 1024 /* not written: what the protocol of another rule is carried in */
};

/*
 * One entry under `allow` that names a protocol. Everything in it is ANDed. What most rules are
 * matched by fills its first 64 bytes, one line of the processor's cache.
 */
struct rule {
	struct rule_space *space;
	struct iset unit;
	struct dset value;
	uint32_t conduit;
	uint16_t classes; /* bits of enum op_class */
	uint16_t has;	  /* RULE_... */
	uint8_t nspaces;
	const struct vocab *vocab;
	struct iset code, port;
	struct iset path[3];
	struct names actor;
	const char *text;	/* "write unit 1 holding 100-119 value 0..1000" */
	const char *text_forms; /* the same with addresses in both forms, for explain */
	int line, col;		/* in the file of its conduit */
};

enum service_kind { SERVICE_TCP, SERVICE_UDP, SERVICE_ICMP, SERVICE_IP };

/* One entry under `allow` that names a service of L3 or L4. */
struct service {
	uint8_t kind;	  /* enum service_kind */
	bool any;	  /* all ports, types or protocols */
	struct iset set;  /* ports; ICMPv4 types; IP protocol numbers */
	struct iset set6; /* ICMPv6 types */
	const char *text; /* "tcp 80,443" */
	int line, col;	  /* in the file of its conduit */
};

/* One entry under `allow` that names frames that are no IP. */
struct frames {
	bool any;
	struct iset set;  /* Ethernet types as policy_ethertype() gives them */
	const char *text; /* "ethertype profinet,0x88cc" */
	int line, col;	  /* in the file of its conduit */
};

/* What a conduit permits of one protocol, in words. */
struct conduit_words {
	const struct vocab *vocab;
	const char *expected;	/* "modbus read; ..." */
	const char *unreadable; /* the same, for a value that is no number */
};

/* Days and hours, named or written where they are used. */
struct schedule {
	const char *id;	     /* "" when it has none */
	const char *text;    /* "mon-fri 08:00-17:00" */
	struct iset minutes; /* of the week, from Monday 00:00 */
	int line;
};

/* What else must hold for a conduit to be open, beside what its pub says of grants. */
struct when {
	uint16_t modes; /* bits of enum policy_operating_mode; 0: in any */
	bool has_until;
	int64_t until;			  /* ns since 1970 UTC; closed from then on */
	const struct schedule **schedule; /* open in any of these; none: always */
	uint32_t schedules, schedule_cap;
};

struct conduit {
	struct policy_conduit pub;
	struct when when;
	uint32_t *from, *to; /* ends */
	uint32_t nfrom, nto;
	const char *from_words, *to_words; /* as written, groups with their members */
	struct rule *rule;
	uint32_t rules, rule_cap;
	struct service *service;
	uint32_t services, service_cap;
	struct frames *frames;
	uint32_t nframes, frames_cap;
	struct conduit_words *words; /* per protocol, in the order written */
	uint32_t nwords, words_cap;
	struct pair_run *run; /* its rules */
	uint32_t runs;
};

/* What must go on; see policy/watch.h. */
struct watch {
	struct policy_watch pub;
	const char *from_words, *to_words; /* the ends as written */
	struct rule rule;		   /* which ops are meant */
	struct dset range;
};

/*
 * Rules of one conduit about one protocol that are written one behind the other. Where other
 * conduits say the very same, all are matched by the rules of the first: whoever writes one cell
 * after another from a template keeps one set of rules in the processor's cache.
 */
struct pair_run {
	const char *proto;
	const struct rule *rule; /* to match by; conduit and place are those of the first */
	const struct rule *own;	 /* the conduit's own */
	uint32_t rules;
	uint32_t conduit;
};

/* Fills one line of the processor's cache; most pairs have one conduit and one run. */
struct pair_set {
	const uint32_t *conduit; /* ascending; where there is one only: &alone */
	uint32_t conduits;
	uint32_t alone;
	uint32_t runs;
	bool serves;		    /* some conduit has services */
	const struct pair_run *run; /* by conduit, as written; where there is one only: &only */
	struct pair_run only;
};

/* A group, or a role that some conduit names. */
struct policy_group {
	const char *id;
	const uint32_t *end; /* its members, zones and assets */
	uint32_t ends;
	const char *file;
	int line;
	bool role;		      /* not written: "role:plc" */
	uint8_t state;		      /* load_group.c */
	const struct yaml_node *node; /* while loading */
};

/* A lint warning that the file accepts, and why. */
struct accept {
	const char *reason;
	const char *file;
	int line, col;
	uint32_t index;	 /* which zone, asset, conduit or watch */
	uint8_t subject; /* enum lint_subject */
	uint8_t lint;	 /* enum lint_id */
};

/* Whom the conduits of a zone hold for; an empty list: for all. */
struct policy_peers {
	char (*country)[3]; /* "JP" */
	uint32_t countries, country_cap;
	uint32_t *asn;
	uint32_t asns, asn_cap;
	struct names organisation; /* patterns */
};

/* What an end is held to whatever conduits allow. */
struct cap {
	uint64_t tenants; /* bits; 0: any */
	int64_t ended;	  /* ns since 1970 UTC: trusted as minimal at most from then on */
	uint16_t classes; /* of ops that it may do as a client */
	bool uplink_only; /* it only reports */
};

/* What goes through update conduits, where there are any. */
#define UPDATE_CLASSES (1u << OP_FIRMWARE | 1u << OP_PROGRAM)

/* Layers that lie in no order. */
enum { HEIGHT_SAFETY = -1 /* touches control and field only */, HEIGHT_NONE = -2 };

/* In which lists of conduits an end stands. */
enum end_named { NAMED_FROM = 1, NAMED_TO = 2 };

/* A network of a zone. */
struct prefix {
	struct addr addr;
	uint8_t bits; /* in the 128-bit form */
	uint32_t zone;
	const char *file;
	int line, col;
};

struct policy {
	struct arena arena;
	const char *file; /* the one it was loaded from */
	const char *site;
	uint64_t digest; /* of all that is written, whatever file it stands in */
	enum policy_mode mode;
	enum policy_operating_mode operating_mode;
	enum notation notation;
	bool default_allow;
	bool bars;	       /* some zone's conduits do not hold for everybody in it */
	uint16_t tier[TRUSTS]; /* classes of ops, by enum policy_trust */
	int8_t height[LEVELS]; /* of the layers from outside to inside, or HEIGHT_... */
	uint32_t *updater;     /* by end: an update conduit that leads there, or POLICY_NONE; NULL:
				  there is none at all */
	struct cap *cap;       /* by end; NULL: nobody is held to anything */
	struct geo *geo;       /* databases of the outside; NULL: none; freed with the policy */
	int64_t *ends;	       /* ns since 1970 UTC, ascending: ends of life of assets */
	uint32_t nends;
	bool checksums_verify;
	bool overlap_last;
	bool limits; /* some conduit has one */
	const struct tz *tz;

	struct policy_now *rest; /* see policy_rest() */
	struct policy_zone *zone;
	uint32_t zones, zone_cap;
	struct policy_asset *asset;
	uint32_t assets, asset_cap;
	struct policy_group *group;
	uint32_t groups, group_cap;
	const char **tenant; /* names, by bit */
	uint32_t tenants, tenant_cap;
	struct conduit *conduit;
	uint32_t conduits, conduit_cap;
	uint32_t *timed; /* conduits that something closes */
	uint32_t ntimed, timed_cap;
	struct schedule *schedule; /* those with a name */
	uint32_t schedules, schedule_cap;
	struct prefix *prefix;
	uint32_t prefixes, prefix_cap;
	struct accept *accept;
	uint32_t accepts, accept_cap;

	struct trie networks; /* -> prefix */
	struct trie hosts;    /* -> asset */
	struct imap macs;     /* 48 bits -> asset without an address */
	struct imap stations; /* 48 bits -> asset, of all that have a MAC */
	struct imap vlans;    /* VLAN id -> zone */
	struct imap pairs;    /* from << 32 | to -> pair set */
	struct pair_set *set;
	uint32_t sets, set_cap;
	uint8_t *named;	    /* by end: bits of enum end_named */
	const char **proto; /* all protocols, as rules spell them; NULL-ended */

	struct watch *watch;
	uint32_t watches, watch_cap;
	struct policy_watch_pair *watch_pair;
	uint32_t watch_pairs, watch_pair_cap;
	struct imap watch_ends; /* from << 32 | to -> first watch pair */
};

static inline uint64_t mac_key(const struct mac *m)
{
	return (uint64_t)m->b[0] << 40 | (uint64_t)m->b[1] << 32 | (uint64_t)m->b[2] << 24 |
	       (uint64_t)m->b[3] << 16 | (uint64_t)m->b[4] << 8 | m->b[5];
}

static inline bool prefix_catches_all(const struct prefix *p)
{
	return p->bits == 0 || (p->bits == 96 && addr_is_v4(&p->addr));
}

static inline uint32_t end_zone(const struct policy *p, uint32_t end)
{
	return end < p->zones ? end : p->asset[end - p->zones].zone;
}

static inline const char *end_id(const struct policy *p, uint32_t end)
{
	return end < p->zones ? p->zone[end].id : p->asset[end - p->zones].id;
}

static inline struct policy_place end_place(const struct policy *p, uint32_t end)
{
	return (struct policy_place){.zone = end_zone(p, end),
				     .asset = end < p->zones ? POLICY_NONE : end - p->zones};
}

static inline bool rule_port(const struct rule *r, uint16_t port)
{
	return !(r->has & RULE_PORT) || iset_contains(&r->port, port);
}

/* match.c: true when this rule alone permits all of the op on a flow to that port. */
bool rule_permits(const struct rule *r, uint16_t port, const struct op *op);

/*
 * match.c: the next elements [*at, *end) of the op from *at on that the rule speaks of, whatever
 * their values; false: none. For whoever looks at ops without asking whether they may be.
 */
bool rule_means(const struct rule *r, uint16_t port, const struct op *op, uint64_t *at,
		uint64_t *end);

/* place.c: the zone of an address by its network alone, whatever asset lives there. */
struct policy_place place_network(const struct policy *p, const struct addr *a);

/* match_flow.c: what one conduit says to a flow, open or closed. */
enum policy_verdict conduit_flow(const struct conduit *c, uint8_t ip_proto, uint16_t port);

/* frame.c: the names of Ethernet types; NULL past the last. */
const char *policy_ethertype_at(unsigned i, uint16_t *type);

/* match_flow.c: the verdict where no conduit joins the two. */
enum policy_verdict without_conduit(const struct policy *p, struct policy_place client,
				    struct policy_place server);

/* match_flow.c: puts the pair sets of the two places into set, each once; POLICY_NONE ends. */
void find_sets(const struct policy *p, struct policy_place client, struct policy_place server,
	       uint32_t set[4]);

/* match_flow.c: true when a layer of the factory lies between the two zones. */
bool level_skipped(const struct policy *p, uint32_t a, uint32_t b);

/* What one rule permits of an op: its elements [at, end), counted from 0. */
struct match_piece {
	const struct rule *rule;
	const struct op *op;
	enum op_class cls; /* as judged */
	uint64_t objects;  /* addresses the op speaks of; further elements are values of the last */
	uint64_t at, end;
};

/*
 * match.c: which rules permit an op that policy_op() allows, piece by piece. Returns the conduit
 * whose service does instead, or POLICY_NONE. Not for the way of a packet: it judges again.
 */
uint32_t match_pieces(const struct policy_now *now, const struct policy_flow_decision *d,
		      const struct op *op, void (*piece)(void *user, const struct match_piece *m),
		      void *user);

/* match_flow.c: the service of the conduit that permits such a flow as a whole; NULL: none. */
const struct service *conduit_service(const struct conduit *c, uint8_t ip_proto, uint16_t port);

/* match_flow.c: true when a service of the conduit permits the flow as a whole. */
bool conduit_serves(const struct conduit *c, uint8_t ip_proto, uint16_t port);

/* match_flow.c: what is said of a flow or op that only a closed conduit would permit. */
enum policy_verdict closed_verdict(uint8_t closed);

/* peers.c: true when the conduits of a zone hold for that address. */
bool peers_hold(const struct policy *p, const struct policy_peers *x, const struct addr *a);

/* peers.c: false when the databases know that they hold for nobody in that network. */
bool peers_anywhere(const struct policy *p, const struct policy_peers *x,
		    const struct prefix *network);

/* peers.c: "; countries JP; networks AS2497, Example *". */
void peers_words(const struct policy_peers *x, FILE *out);

/* caps.c: the rows of p->cap. */
void policy_compile_caps(struct policy *p);

/* caps.c: narrows a decision to what the two ends are held to; p->cap is not NULL. */
void policy_cap(const struct policy_now *now, struct policy_place client,
		struct policy_place server, struct policy_flow_decision *d);

/* caps.c: what an op of a class outside d->classes is. */
enum policy_verdict policy_capped(const struct policy_flow_decision *d, enum op_class cls);

/* update.c: which ends have update conduits. False with diag filled when others go around them. */
bool policy_compile_updates(struct policy *p, struct diag *diag);

/* pack.c: the rules of each conduit, and all they are matched by, side by side, and in runs. */
void policy_pack_rules(struct policy *p);

/* pack.c: the same of the pair sets, when there will be no more of them. */
void policy_pack_sets(struct policy *p);

/* compile.c: pairs of ends and their pair sets. False with diag filled when there are too many. */
bool policy_compile(struct policy *p, const char *file, struct diag *diag);

/* topic.c: true when every topic that `name` (a topic, or a topic filter) stands for is matched by
 * filter (MQTT 5, 4.7). */
bool topic_covers(struct slice filter, struct slice name);
/* topic.c: the filter of a shared subscription, anything else as it is. */
struct slice topic_unshared(struct slice name);

/* words.c: the texts of a rule, a service, and what a conduit permits. */
void rule_words(struct policy *p, struct rule *r);
void service_words(struct policy *p, struct service *s);
void frames_words(struct policy *p, struct frames *f);
const char *values_words(struct policy *p, const struct dset *s);
void conduit_words(struct policy *p, struct conduit *c);

#endif
