#include "run/kernel.h"

#include "capture/nftset.h"
#include "policy/nft.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>

struct kernel {
	struct nftset *sets;
	char *table;
};

/* What a conduit's set has while it is open: families by number. */
static const struct nftset_key families[] = {{1, {NFPROTO_IPV4}}, {1, {NFPROTO_IPV6}}};

struct kernel *kernel_new(const char *table)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->table = strdup(table ? table : "kidoban");
	k->sets = nftset_open();
	if (k->table && k->sets)
		return k;
	kernel_free(k);
	return NULL;
}

/* The kernel counts in ms; 0 would be for ever. */
static uint64_t rest(int64_t until, int64_t now)
{
	return until > now ? (uint64_t)(until - now) / 1000000 + 1 : 0;
}

static const char *host(const struct act_quarantine *q, struct nftset_key *key)
{
	unsigned skip = addr_is_v4(&q->addr) ? 12 : 0;

	if (q->has_mac) {
		key->len = sizeof(q->mac.b);
		memcpy(key->b, q->mac.b, sizeof(q->mac.b));
		return "quarantine_mac";
	}
	key->len = (uint8_t)(16 - skip);
	memcpy(key->b, q->addr.b + skip, key->len);
	return skip ? "quarantine_v4" : "quarantine_v6";
}

bool kernel_quarantine(struct kernel *k, const struct act_quarantine *q, int64_t now)
{
	uint64_t ms = rest(q->until, now);
	struct nftset_key key;
	const char *set = host(q, &key);

	return k && ms && nftset_put(k->sets, k->table, set, &key, 1, ms) == 0;
}

bool kernel_release(struct kernel *k, const struct act_quarantine *q)
{
	struct nftset_key key;
	const char *set = host(q, &key);

	return k && nftset_remove(k->sets, k->table, set, &key, 1) == 0;
}

bool kernel_grant(struct kernel *k, const struct policy *p, uint32_t conduit, int64_t until,
		  int64_t now)
{
	uint64_t ms = rest(until, now);
	char set[NFT_SET_NAME_SIZE];

	policy_nft_grant_set(p, conduit, set);
	return k && ms && nftset_put(k->sets, k->table, set, families, 2, ms) == 0;
}

bool kernel_revoke(struct kernel *k, const struct policy *p, uint32_t conduit)
{
	char set[NFT_SET_NAME_SIZE];

	policy_nft_grant_set(p, conduit, set);
	return k && nftset_remove(k->sets, k->table, set, families, 2) == 0;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	nftset_close(k->sets);
	free(k->table);
	free(k);
}
