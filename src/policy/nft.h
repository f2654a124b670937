/*
 * policy/nft.h - the part of a policy that a Linux kernel can enforce alone, as an nftables file.
 *
 * The kernel sees addresses, ports, protocols and connections. That is what policy_place() and
 * policy_flow() decide on, so the ruleset says the same as they do, for every packet:
 *
 *   forward --> whose address opened it?     map host_from, map from        one lookup each
 *           --> and whom did it go to?       maps of that end: hosts, zones one lookup each
 *           --> which conduits join the two? chain pair_N: port -> verdict  one lookup
 *           --> accept, inspect, deny        one chain per conduit: counter, log, verdict
 *
 * No list of conduits is ever walked; a packet costs the same with ten of them or ten thousand.
 *
 * Every packet of a connection is judged by what opened it (`ct original ...`): a conduit that
 * closes, or a ruleset that is loaded anew, ends running connections, as in kidoban itself. ICMP
 * errors about a connection that lives pass as related.
 *
 * What ops are said over a connection the kernel cannot see: connections of conduits with protocol
 * entries are handed to kidoban (queue), marked for somebody else to hand over, or let through.
 *
 * Whatever cannot be said in nftables is told as a note in the file and to the caller; where it is
 * possible the ruleset is then stricter than the policy, not wider.
 *
 * What it is not: it loads nothing into a kernel. Thread: any; the policy is only read.
 */
#ifndef KIDOBAN_POLICY_NFT_H
#define KIDOBAN_POLICY_NFT_H

#include "policy/policy.h"

enum nft_inspect {
	NFT_QUEUE,  /* queue statement: needs nft_queue in the kernel */
	NFT_MARK,   /* meta mark MARK_OPEN, MARK_CLOSED; iptables rules hand it on,
		       policy_nft_iptables() */
	NFT_ACCEPT, /* nobody looks inside */
};

#define NFT_WORKERS_MAX	  16
#define NFT_SET_NAME_SIZE 64 /* bytes of a set's name, with the NUL */

struct nft_config {
	const char *file;  /* of the policy, for the heading */
	const char *table; /* a plain word: letters, digits, - and _ */
	bool enforce;	   /* else: count, log, accept */
	uint8_t inspect;   /* enum nft_inspect */
	uint16_t queue;	   /* number of the first queue: worker n has queue + 2n and the next one */
	uint8_t workers;   /* 0: 1 */
};

/* What the ruleset cannot say; one sentence each, without the full stop. */
struct nft_notes {
	void (*add)(void *user, const char *sentence);
	void *user;
};

/* Writes the ruleset. False when memory is out, or the policy joins too much to be listed. */
bool policy_nft(const struct policy *p, const struct nft_config *cfg, const struct nft_notes *notes,
		FILE *out);

/* For NFT_MARK: a shell script of the iptables rules that hand packets to the queues. */
void policy_nft_iptables(uint16_t queue, unsigned workers, FILE *out);

/*
 * A number for what the policy says in that operating mode, never 0. Connections that were settled
 * under another one are inspected again: rulesets and queue compare it (base/mark.h).
 */
uint16_t policy_nft_generation(const struct policy *p, enum policy_operating_mode mode);

/* The set of that table whose elements open a conduit that needs a grant; see nft_hand.c. */
void policy_nft_grant_set(const struct policy *p, uint32_t conduit, char name[NFT_SET_NAME_SIZE]);

/*
 * What the kernel does with frames between two interfaces when kidoban is not there: a table of
 * family netdev that forwards everything from one to the other. Of a policy that enforces it cuts,
 * both ways,
 *
 *   - frames between ends that conduits join, if none of these conduits fails open,
 *   - frames between two zones that nothing joins, if one of them is external or iot and the
 *     default is deny: as `fail` would have it if there were a conduit,
 *
 * never those of a safety zone, of assets known by their MAC alone, and what is no IP. There is no
 * connection tracking at that place, so neither ports nor who asked whom count. False as above.
 */
bool policy_nft_wire(const struct policy *p, const char *a, const char *b, const char *table,
		     FILE *out);

#endif
