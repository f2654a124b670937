#include "base/trie.h"

struct trie_node {
	struct trie_node *child[2];
	uint64_t hi, lo; /* the prefix, host order, zero behind it */
	uint32_t value;	 /* or TRIE_NONE */
	uint8_t bits;	 /* length of the prefix, 0-128 */
};

struct key {
	uint64_t hi, lo;
};

static struct key key_of(const struct addr *a)
{
	struct key k;

	memcpy(&k.hi, a->b, 8);
	memcpy(&k.lo, a->b + 8, 8);
	k.hi = __builtin_bswap64(k.hi);
	k.lo = __builtin_bswap64(k.lo);
	return k;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "key_of() swaps bytes");

static uint64_t mask(unsigned bits) /* the first bits of a word */
{
	return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : ~(UINT64_MAX >> bits);
}

static struct key cut(struct key k, unsigned bits)
{
	k.hi &= mask(bits);
	k.lo &= bits > 64 ? mask(bits - 64) : 0;
	return k;
}

static unsigned bit_at(struct key k, unsigned i)
{
	return i < 64 ? k.hi >> (63 - i) & 1 : k.lo >> (127 - i) & 1;
}

/* How many leading bits two keys share. */
static unsigned common(struct key a, const struct trie_node *n)
{
	if (a.hi != n->hi)
		return (unsigned)__builtin_clzll(a.hi ^ n->hi);
	if (a.lo != n->lo)
		return 64 + (unsigned)__builtin_clzll(a.lo ^ n->lo);
	return 128;
}

static struct trie_node *node_new(struct arena *m, struct key k, unsigned bits, uint32_t value)
{
	struct trie_node *n = arena_alloc(m, sizeof(*n));

	k = cut(k, bits);
	n->hi = k.hi;
	n->lo = k.lo;
	n->bits = (uint8_t)bits;
	n->value = value;
	return n;
}

uint32_t trie_add(struct trie *t, struct arena *m, const struct addr *a, unsigned bits,
		  uint32_t value)
{
	struct key k = cut(key_of(a), bits);
	struct trie_node **at = &t->root, *n, *fork;
	unsigned same = 0;

	while ((n = *at)) {
		same = common(k, n);
		if (same > bits)
			same = bits;
		if (same < n->bits)
			break;
		if (n->bits == bits) {
			if (n->value != TRIE_NONE)
				return n->value;
			n->value = value;
			return TRIE_NONE;
		}
		at = &n->child[bit_at(k, n->bits)];
	}
	fork = node_new(m, k, bits, value);
	*at = fork;
	if (!n)
		return TRIE_NONE;
	if (same < bits) {
		/* they part inside both: a node between them */
		*at = node_new(m, k, same, TRIE_NONE);
		(*at)->child[bit_at(k, same)] = fork;
		(*at)->child[!bit_at(k, same)] = n;
	} else {
		fork->child[bit_at((struct key){n->hi, n->lo}, bits)] = n;
	}
	return TRIE_NONE;
}

uint32_t trie_find(const struct trie *t, const struct addr *a)
{
	return trie_find_above(t, a, 129);
}

uint32_t trie_find_above(const struct trie *t, const struct addr *a, unsigned bits)
{
	const struct trie_node *n = t->root;
	struct key k = key_of(a);
	uint32_t best = TRIE_NONE;

	while (n && n->bits < bits && common(k, n) >= n->bits) {
		if (n->value != TRIE_NONE)
			best = n->value;
		if (n->bits == 128)
			break;
		n = n->child[bit_at(k, n->bits)];
	}
	return best;
}
