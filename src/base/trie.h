/*
 * base/trie.h - longest-prefix match over 128-bit addresses.
 *
 * A binary trie with the boring bits left out: a node stands for a prefix, its children for longer
 * prefixes below it, and a node without a value exists only where two of them part.
 *
 *                 ::/0 wan
 *                   |
 *            10.0.0.0/9 (no value)
 *             /            \
 *   10.10.0.0/16 info   10.50.0.0/24 control
 *
 * IPv4 is inside as ::ffff:a.b.c.d (base/addr.h), so a lookup never asks for the family. A lookup
 * visits at most one node per differing bit, allocates nothing and writes nothing.
 *
 * Memory is the arena's. Thread: immutable once filled.
 */
#ifndef KIDOBAN_BASE_TRIE_H
#define KIDOBAN_BASE_TRIE_H

#include "base/addr.h"
#include "base/arena.h"

#define TRIE_NONE UINT32_MAX /* no value; also never stored */

struct trie_node;

/* All zero is an empty trie. */
struct trie {
	struct trie_node *root;
};

/*
 * Stores value for the first `bits` bits of a. Returns TRIE_NONE, or the value that this very
 * prefix already has, which then stays.
 */
uint32_t trie_add(struct trie *t, struct arena *m, const struct addr *a, unsigned bits,
		  uint32_t value);

/* The value of the longest prefix that contains a, or TRIE_NONE. */
uint32_t trie_find(const struct trie *t, const struct addr *a);

/* The value of the longest prefix shorter than `bits` that contains a, or TRIE_NONE. */
uint32_t trie_find_above(const struct trie *t, const struct addr *a, unsigned bits);

#endif
