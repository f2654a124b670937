/*
 * learn/learn.h - from captures alone to a policy to edit.
 *
 * Three looks at the same captures:
 *
 *   1 gather    who speaks with whom, in what                hosts, links
 *     propose   subnets become zones, hosts assets with      zones, names, roles
 *               roles, links pairs that need a conduit       pairs
 *     write     the same as a draft: each pair may do all of the protocols it speaks
 *   2 report/record and policy/usage on the draft: which of that was used, how far
 *     write     pairs with the same permissions become one conduit, narrowed
 *   3 report/record on the result: nothing may be said against it; what is, is mended
 *     (learn_mend) and written again
 *
 * The draft and the result are ordinary policies: what is allowed means here what it means in a
 * sensor, and narrowing is that of `kidoban validate`.
 *
 * What it is not: it does not know what ought to be. It permits what it has seen, attacks too, and
 * says in comments what somebody should look at.
 *
 * Everything that comes from the wire is hostile: tables are bounded (LEARN_HOSTS, LEARN_LINKS;
 * the rest is counted and said), names are quoted, comments are cleaned. Same captures, same
 * policy. Thread: one.
 */
#ifndef KIDOBAN_LEARN_LEARN_H
#define KIDOBAN_LEARN_LEARN_H

#include "base/arena.h"
#include "detect/endpoint.h"
#include "flow/flow.h"
#include "policy/usage.h"
#include "policy/usage_sets.h"

#include <stdio.h>

#define LEARN_HOSTS  8192u  /* addresses kept; 2^n */
#define LEARN_LINKS  65536u /* client, server, protocol and port kept; 2^n */
#define LEARN_VOCABS 12u    /* protocols with ops, in the order of vocab_at() */
#define LEARN_MACS   4096u  /* 2^n */
#define LEARN_NONE   UINT32_MAX
#define LEARN_ZONE   0x80000000u /* an end that is a zone, with its index */

enum learn_role {
	LEARN_UNSEEN,
	LEARN_PLC,
	LEARN_HMI,
	LEARN_ENGINEERING,
	LEARN_SERVER,
	LEARN_BROKER,
	LEARN_SENSOR,
	LEARN_GATEWAY,
	LEARN_ROUTER,
	LEARN_CLIENT,
	LEARN_ROLES
};

struct learn_host {
	struct addr addr;
	struct mac mac;		   /* seen in its own segment */
	struct mac any_mac;	   /* seen anywhere, the first */
	bool has_mac, has_any_mac; /* they are filled */
	bool mac_doubtful;	   /* another one was seen too: not written */
	bool spoke;		   /* sent something */
	bool local;    /* ARP, a neighbour or a field protocol says that it is in the plant */
	bool outside;  /* a public address: part of the zone internet */
	bool listed;   /* becomes an asset */
	uint8_t role;  /* enum learn_role */
	uint16_t vlan; /* the outermost; 0: none */
	uint16_t did[LEARN_VOCABS];    /* as a client: classes of ops, bits */
	uint16_t served[LEARN_VOCABS]; /* as a server, likewise */
	bool answers;		       /* as a server of anything */
	char name[24];		       /* "plc-1" */
	uint32_t number;	       /* 1 */
	uint32_t zone;		       /* index */
	uint32_t silent_peers;	       /* links to who never answered */
};

/* What one host says to one service of another. */
struct learn_link {
	uint32_t client, server;	/* hosts */
	uint8_t ip_proto;		/* IANA protocol number */
	uint16_t port;			/* the server's; ICMP: type << 8 | code */
	bool claimed;			/* some flow was a dissector's */
	bool plain;			/* some flow was nobody's and said something */
	bool tried;			/* some flow was nobody's and said nothing */
	bool answered;			/* the server said something */
	bool whole;			/* mended: may do all of its protocols */
	const char *app;		/* nDPI's name, static; NULL */
	const char *claimant;		/* the dissector's */
	uint16_t classes[LEARN_VOCABS]; /* of its ops, bits */
	uint64_t flows, ops;
};

struct learn_zone {
	struct addr net; /* the first network */
	unsigned bits;	 /* in the 128-bit form */
	uint32_t joined; /* networks that follow it and belong to the zone, too */
	uint8_t level;	 /* enum policy_level */
	const char *why; /* what the level was guessed from */
	uint16_t vlan;	 /* of its hosts; 0: none, or several */
	bool vlan_mixed; /* several */
	bool used;	 /* something of it is in the policy */
	char id[40];	 /* "control-2" */
	uint32_t hosts;	 /* that spoke */
	uint32_t silent; /* that were only spoken to */
	bool has[LEARN_ROLES];
};

/* A client and a server, each an asset or a zone, that need a conduit. */
struct learn_pair {
	uint32_t from, to;    /* host, or LEARN_ZONE | zone */
	uint32_t link, links; /* in the order of learn.order */
	bool inside;	      /* one zone: for the sake of what is said in it */
	bool whole;	      /* mended: narrowing it is not tried again */
	uint64_t flows, ops;
	const char *text; /* entries of allow, a line each; the arena's */
	uint32_t conduit; /* that it is part of */
};

struct learn_mac {
	struct mac mac;
	bool used, router;
	struct addr net; /* of the first address seen with it */
};

struct learn {
	struct learn_host *host;
	uint32_t hosts;
	uint64_t hosts_more; /* flows left out because of the limit */
	struct learn_link *link;
	uint32_t links;
	uint64_t links_more;
	uint32_t *host_slot, *link_slot; /* hash tables, 0: free, else index + 1 */
	struct learn_mac *mac;
	uint32_t macs;
	struct endpoint_table *told;
	int64_t begin; /* ns, the first packet; 0: none yet */

	struct learn_zone *zone;
	uint32_t zones;
	uint32_t internet; /* index of the zone of all that is outside; LEARN_NONE */
	uint32_t *order;   /* links in the order of pairs */
	struct learn_pair *pair;
	uint32_t pairs;
	struct vendor_table *vendors; /* NULL: none */
	struct arena arena;
};

/* False when memory is out. */
bool learn_init(struct learn *l);

/* For the tracker of the first look; the user pointer is the learn. */
extern const struct flow_handlers learn_handlers;

/* After the first look: zones, assets, pairs. */
void learn_propose(struct learn *l);

/* The policy in which each pair may do all it speaks. */
void learn_write_draft(const struct learn *l, FILE *out);

/* After the second look: what each pair needs. */
void learn_narrow(struct learn *l, struct policy_usage *usage);

/* The proposal. */
void learn_write(struct learn *l, FILE *out);

/* After the third look: something was said against it. True when something could be changed. */
bool learn_mend_flow(struct learn *l, const struct addr *client, const struct addr *server,
		     uint8_t ip_proto, uint16_t port);
bool learn_mend_pair(struct learn *l, const struct addr *client, const struct addr *server);
bool learn_mend_mac(struct learn *l, const struct addr *addr);

/* After mending: the pairs anew; then the second look again. */
void learn_again(struct learn *l);

void learn_free(struct learn *l);

/* --- between the files of learn/ --- */

/* An IPv4 /24, an IPv6 /64. */
static inline bool learn_same_net(const struct addr *a, const struct addr *b)
{
	return addr_is_v4(a) == addr_is_v4(b) && memcmp(a->b, b->b, addr_is_v4(a) ? 15 : 8) == 0;
}

/* The number of a vocabulary among the first LEARN_VOCABS, or -1. */
int learn_vocab(const char *proto);
/* The entries of the draft for a pair, a line each; free() it. NULL: no memory. */
char *learn_entries(const struct learn *l, const struct learn_pair *p);
uint32_t learn_host_find(const struct learn *l, const struct addr *a);
const char *learn_role_name(enum learn_role r);
/* The id of an end: "plc-1", "control". */
const char *learn_end_id(const struct learn *l, uint32_t end);
/* The fact the device told, or "". */
const char *learn_fact(const struct learn *l, const struct addr *a, const char *key);
/* In double quotes, safe in YAML whatever it holds. */
void learn_put_quoted(FILE *out, const char *text);
/* Without control characters and line ends, at most max bytes: for comments. */
void learn_put_comment(FILE *out, const char *text, size_t max);

#endif
