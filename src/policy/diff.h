/*
 * policy/diff.h - two policies compared by what they permit, not by how they are written.
 *
 * Ends are addresses, not names: the address space is cut along the networks and assets of both
 * policies into regions in which both say the same of every address, and of every pair of regions
 * that somebody's conduit joins, what may pass is compared both ways with space.h. So shuffled
 * conduits, other names, one conduit written as two and ranges as lists are no difference.
 *
 *      old   |--- control-info ---| hmi-1 |---|        region = (old place, new place)
 *      new   |- office -|-- control-info -----|        one address stands for each
 *
 * Conduits that are not always open are compared as if their `when` held, each `when` by itself:
 * what was always permitted and now needs a grant is forbidden without one.
 *
 * Every example is put to policy_flow() and policy_op() of both policies before it is told. Where
 * the arithmetic gives up, the entry says so instead of keeping silent.
 *
 * Cost: regions times the conduits that name them; equal pairs of sets of conduits are compared
 * once. Thread: any; allocates.
 */
#ifndef KIDOBAN_POLICY_DIFF_H
#define KIDOBAN_POLICY_DIFF_H

#include "policy/space.h"

enum diff_kind {
	DIFF_ALLOWED,	/* permitted by the new one only */
	DIFF_FORBIDDEN, /* permitted by the old one only */
	DIFF_CHANGED,	/* the same may pass; what follows from a violation, or who is where, is not
			   the same */
	DIFF_UNDECIDED, /* too involved to compare: one side may permit more */
	DIFF_KINDS
};

/* An end of an entry: one address that stands for its region, or a MAC. */
struct diff_end {
	struct addr addr;
	struct mac mac;
	bool has_mac; /* addr is nothing: known by its MAC only */
};

/* Where one of the files says it; texts live as long as its policy. */
struct diff_where {
	const char *file; /* NULL: the file says nothing of it */
	int line;
	const char *conduit; /* id; "" when it is no conduit */
	const char *when;    /* what must hold; "" always */
	uint8_t verdict;     /* enum policy_verdict, of the example; POLICY_ALLOW without one */
};

struct diff_entry {
	uint8_t kind; /* enum diff_kind */
	bool pair;    /* from and to are filled */
	bool has_example;
	struct diff_end from, to;
	uint32_t pairs;	  /* of regions that are alike, at least 1 where `pair` */
	const char *what; /* the permission in words, or what changed */
	struct space_example example;
	struct diff_where where[2]; /* old, new */
};

struct diff_list {
	struct arena arena;
	struct diff_entry *entry; /* by kind, then line */
	uint32_t count, cap;
	uint32_t of_kind[DIFF_KINDS];
	uint32_t regions, pairs; /* compared */
};

/* False when memory is out. The policies must live as long as the list is used. */
bool policy_diff(const struct policy *old, const struct policy *new, struct diff_list *out);

void diff_list_free(struct diff_list *l);

#endif
