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
	NFT_MARK,   /* meta mark NFT_MARK_...; a rule of the user's own hands it on */
	NFT_ACCEPT, /* nobody looks inside */
};

#define NFT_MARK_OPEN	0x6b690001u /* marked for inspection; passes when nobody inspects */
#define NFT_MARK_CLOSED 0x6b690002u /* does not */
#define NFT_MARK_ASSET	0x6b6a0000u /* ct mark: | index of an asset known by its MAC alone */

struct nft_config {
	const char *file;  /* of the policy, for the heading */
	const char *table; /* a plain word: letters, digits, - and _ */
	bool enforce;	   /* else: count, log, accept */
	uint8_t inspect;   /* enum nft_inspect */
	uint16_t queue;	   /* number for NFT_QUEUE */
};

/* What the ruleset cannot say; one sentence each, without the full stop. */
struct nft_notes {
	void (*add)(void *user, const char *sentence);
	void *user;
};

/* Writes the ruleset. False when memory is out, or the policy joins too much to be listed. */
bool policy_nft(const struct policy *p, const struct nft_config *cfg, const struct nft_notes *notes,
		FILE *out);

#endif
