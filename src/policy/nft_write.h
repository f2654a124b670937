/*
 * policy/nft_write.h - the ruleset while it is written: what its files share.
 *
 *   nft.c          heading, notes, and the whole
 *   nft_who.c      maps, and the chains that find out who speaks to whom: forward, from_, unjoined_
 *   nft_service.c  the chains that say what may be said: pair_, try_, open_, accept_, inspect_,
 *                  closed_, deny_
 *   nft_hand.c     what is handed to kidoban, and what kidoban says at run time: hand_, alive_,
 *                  settled, quarantine
 *   nft_when.c     hours, days and grants of conduits
 *   nft_held.c     what devices are held to: tenants, trust, uplink-only, unlisted
 *   nft_plan.c     the tables behind them
 *   nft_text.c     names and comments
 *
 * Private to policy/. Thread: one.
 */
#ifndef KIDOBAN_POLICY_NFT_WRITE_H
#define KIDOBAN_POLICY_NFT_WRITE_H

#include "policy/nft_plan.h"
#include "policy/nft_text.h"

/* Why traffic ends in a conduit's own denial. */
enum nft_denial {
	NFT_DENY_PORT,
	NFT_DENY_GRANT,
	NFT_DENY_SCHEDULE,
	NFT_DENY_EXPIRED,
	NFT_DENY_MODE, /* the last that closes a conduit; below, what closes devices */
	NFT_DENY_TENANT,
	NFT_DENY_UNLISTED,
	NFT_DENY_UPLINK,
	NFT_DENY_TRUST,
	NFT_DENIALS
};

/* What must hold for a conduit to be open, bits. */
enum { NFT_UNTIL = 1, NFT_HOURS = 2, NFT_GRANT = 4 };

struct nft_writer {
	struct nft_plan plan;
	const struct policy *policy;
	const struct nft_config *cfg;
	const struct nft_notes *notes;
	FILE *out;		      /* the file */
	FILE *maps, *chains;	      /* the two halves of the table, kept in memory until whole */
	const char **end_name;	      /* by end */
	const char **conduit_name;    /* by conduit */
	uint8_t *passes[2];	      /* by conduit: accept_NAME, inspect_NAME are gone to */
	uint8_t *opens[2];	      /* by conduit: so are open_accept_NAME, open_inspect_NAME */
	uint8_t *closes[NFT_DENIALS]; /* by conduit: so is closed_NAME_WHY; bits as in denies */
	uint8_t *denies[NFT_DENIALS]; /* by conduit: bit 0 plain, bit 1 in a safety zone */
	struct imap tries;	      /* hashes of bodies -> try */
	const char **try_body;	      /* chains that ask several conduits in turn */
	uint32_t ntries, try_cap;
	uint8_t held[NFT_DENIALS]; /* held_WHY is gone to, without a conduit */
	uint8_t hands[2];	   /* hand_closed, hand_open are gone to */
};

static inline bool nft_mac_only(const struct policy_asset *a)
{
	return a->has_mac && !a->has_address;
}

/* What is written behind counter and log: what becomes of a packet. */
enum nft_fate { NFT_ACCEPTED, NFT_DROPPED, NFT_REJECTED };

/* nft_who.c: maps, and the chains that find out who speaks to whom. */
void nft_put_who(struct nft_writer *w);

/* nft_when.c: the conduit is for another operating mode. */
bool nft_never_open(const struct nft_writer *w, const struct conduit *c);

/* nft_when.c: what closes it at times, bits of NFT_UNTIL, ... */
unsigned nft_conditions(const struct conduit *c);

/* nft_when.c: a chain that goes on with `then` while these conditions of the conduit hold. */
void nft_put_conditional(struct nft_writer *w, const char *chain, uint32_t conduit,
			 unsigned conditions, const char *then);

/* nft_who.c: one element of a set: an address, a prefix, or from-to. */
void nft_put_range(FILE *f, const struct addr *lo, const struct addr *hi);

/*
 * nft_held.c: the sets; then rules that go on with `then` for conversations that are held up by it.
 * False when nobody is: nothing was written.
 */
void nft_put_held_sets(struct nft_writer *w);
bool nft_put_tenants(struct nft_writer *w, const char *then);
bool nft_put_unlisted(struct nft_writer *w, const char *then);
bool nft_put_uplink(struct nft_writer *w, const char *then);
bool nft_put_untrusted(struct nft_writer *w, const char *then);
bool nft_put_narrowed(struct nft_writer *w, const char *then); /* by ops: inspect it */

/* nft_held.c: some clients may do some classes of ops only. */
bool nft_narrows(struct nft_writer *w);

/* nft_held.c: rules that do so with what concerns a safety zone. */
void nft_put_spared(struct nft_writer *w, const char *then);

/* nft.c: counter, log with prefix "kidoban WHAT ", and the fate, which is mercy in detect mode.
 * spared: safety zones are looked for here. */
void nft_put_end(struct nft_writer *w, const char *counter, const char *what, enum nft_fate fate,
		 bool spared);

/* nft_service.c: rules behind which those are left whom nothing holds up; POLICY_NONE: without a
 * conduit. tenants: only tenants are looked at, as inside a zone. */
void nft_put_holds(struct nft_writer *w, uint32_t conduit, bool tenants);

/* nft_hand.c: on to inspection. */
void nft_put_inspection(struct nft_writer *w, bool fail_open);

/* nft_hand.c: the sets that are filled at run time; rules at the top of forward; the chains. */
void nft_put_hand_sets(struct nft_writer *w);
void nft_put_hand_first(struct nft_writer *w);
void nft_put_hand_chains(struct nft_writer *w);

/* nft_hand.c: lines of the heading about marks. */
void nft_put_hand_heading(struct nft_writer *w);

/* nft_service.c: pair_N of all services into w->chains. */
void nft_put_services(struct nft_writer *w);

/* nft_service.c: the chains those go to, and the counters and sets they need. */
void nft_put_objects(struct nft_writer *w);
void nft_put_ends(struct nft_writer *w);

#endif
