/*
 * policy/diff_regions.h - the address space, cut so that both policies are constant in each piece.
 *
 * Regions with the same places in both policies are one, and so are assets that no conduit names:
 * what is left is a few regions per zone and one for each asset that matters. A cell is a pair of
 * zones (old, new) with the same traits; the plain regions of a cell are those that no conduit
 * names outright. Private to policy/diff*.c.
 */
#ifndef KIDOBAN_POLICY_DIFF_REGIONS_H
#define KIDOBAN_POLICY_DIFF_REGIONS_H

#include "policy/diff.h"

/* What a policy says of a region. */
struct region_side {
	uint32_t zone;	/* POLICY_NONE: none */
	uint32_t asset; /* named by a conduit; else POLICY_NONE */
	uint32_t segment;
	uint32_t traits; /* what else bears on what it may do, see traits_of() */
};

struct region {
	struct region_side side[2]; /* old, new */
	struct policy_place place[2];
	struct diff_end end;
	uint32_t cell;
	uint32_t next_in_cell;	 /* POLICY_NONE ends */
	uint32_t next_of_end[2]; /* the next region of the same asset in that policy */
};

struct cell {
	struct region_side side[2]; /* asset is POLICY_NONE */
	uint32_t plain;		    /* a region that no conduit names outright; POLICY_NONE */
	uint32_t first;		    /* region */
	uint32_t next_of_zone[2];
};

struct regions {
	struct arena arena;
	const struct policy *p[2];
	struct region *region;
	uint32_t count, cap;
	struct cell *cell;
	uint32_t cells, cell_cap;
	uint32_t *of_asset[2]; /* first region, by asset; POLICY_NONE */
	uint32_t *of_zone[2];  /* first cell, by zone; POLICY_NONE */
	struct imap known;     /* hash of sides -> region */
	struct imap known_cell;
	bool *named[2]; /* by asset: a conduit names it */
};

/* Everything lives in r->arena. */
void regions_make(struct regions *r, const struct policy *old, const struct policy *new);

/* diff_facts.c: what changed without letting more or less pass, into the list. */
void diff_facts(const struct regions *r, struct diff_list *out);

/* diff_facts.c: how the limits of the conduits of a pair changed, in words; NULL: they did not. */
const char *diff_limits(struct arena *a, const struct conduit *const *old, uint32_t n,
			const struct conduit *const *new, uint32_t m);

/* diff_frames.c: frames that are no IP. */
void diff_frames(const struct regions *r, struct diff_list *out);

/* diff_watch.c: what is watched in one of them only, or otherwise. */
void diff_watches(const struct regions *r, struct diff_list *out);

/* diff_facts.c: an entry that says just this; where neither file says it yet. */
struct diff_entry *diff_fact(struct diff_list *l, const char *what);

/* diff_facts.c: the only zone of the other policy that addresses of this one (of policy k) are
 * in; POLICY_NONE: several, or none. */
uint32_t diff_only_zone(const struct regions *r, unsigned k, uint32_t zone);

/* diff_peers.c: whom the conduits of a zone hold for; kinds of what may pass. */
void diff_peers(const struct regions *r, const struct policy_zone *x, const struct policy_zone *y,
		struct diff_list *out);

/* diff_when.c: is conduit c of p open whenever `of` (of q) is, grants given alike? */
bool diff_open_with(const struct policy *p, const struct conduit *c, const struct policy *q,
		    const struct conduit *of);

#endif
