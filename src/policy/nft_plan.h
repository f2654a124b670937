/*
 * policy/nft_plan.h - a policy as tables a kernel can look things up in, before it is text.
 *
 *   ranges     the address space cut into pieces that each belong to one zone (or stay in their
 *              segment): nested zones and `any` are resolved, nothing overlaps
 *   rows       who opens a conversation: every zone, and every asset that a conduit names as such;
 *              a row has a cell for each end that conduits join it to
 *   services   what up to four pair sets together say about ports: as find_sets() in match_flow.c
 *              finds them for two places, each combination once
 *
 *                     to plc-1    to control
 *      hmi-1          service 0   service 1        cells of an asset already contain what its
 *      control-info               service 1        zone may do; cells it does not have are the
 *                                                  zone's
 *
 * Private to policy/. All memory is the plan's arena.
 */
#ifndef KIDOBAN_POLICY_NFT_PLAN_H
#define KIDOBAN_POLICY_NFT_PLAN_H

#include "base/mark.h"
#include "policy/model.h"
#include "policy/nft.h"

enum { NFT_V4, NFT_V6, NFT_FAMILIES };

struct nft_range {
	struct addr lo, hi; /* both inside */
	uint32_t zone;	    /* POLICY_NONE when segment */
	uint32_t asset;	    /* in the fine ranges; else POLICY_NONE */
	bool segment;	    /* stays in its segment */
};

struct nft_ranges {
	struct nft_range *range; /* ascending, disjoint; addresses of no zone are in none */
	uint32_t count, cap;
};

struct nft_service {
	uint32_t set[4]; /* pair sets in the order of find_sets(); POLICY_NONE ends */
	bool safety;	 /* one of the ends is in a safety zone: never dropped */
};

struct nft_cell {
	uint32_t to;	  /* end */
	uint32_t service; /* index */
};

struct nft_row {
	uint32_t from; /* end */
	struct nft_cell *cell;
	uint32_t cells, cap;
	uint32_t like; /* the first row with the same cells and zone: this one, or another */
};

struct nft_plan {
	struct arena arena;
	const struct policy *policy;
	struct nft_ranges ranges[NFT_FAMILIES];
	struct nft_ranges fine[NFT_FAMILIES]; /* the same, each asset apart; only with caps */
	struct nft_row *row;		      /* zones first, by index; then assets */
	uint32_t rows, row_cap;
	struct nft_service *service;
	uint32_t services, service_cap;
	struct imap service_ids; /* hashes of services -> index */
	uint32_t cells;		 /* of all rows */
};

#define NFT_CELLS_MAX 1000000u /* lines of the file, about */

/* False when there are more than NFT_CELLS_MAX cells. */
bool nft_plan(struct nft_plan *plan, const struct policy *p);
void nft_plan_free(struct nft_plan *plan);

/* True when b is the address behind a. */
bool nft_follows(const struct addr *a, const struct addr *b);

/* True when the address is of that family. */
static inline bool nft_is(const struct addr *a, int family)
{
	return addr_is_v4(a) == (family == NFT_V4);
}

#endif
