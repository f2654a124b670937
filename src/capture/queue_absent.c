/* A build without libmnl. */
#include "capture/nftset.h"
#include "capture/queue.h"

#include <errno.h>
#include <stdio.h>

struct source *queue_open(const struct queue_config *cfg, char *err, size_t errlen)
{
	snprintf(err, errlen, "netfilter queue %u: this kidoban was built without libmnl",
		 cfg->number);
	return NULL;
}

void queue_generation(struct source *s, uint16_t generation)
{
	(void)s;
	(void)generation;
}

struct nftset *nftset_open(void)
{
	return NULL;
}

int nftset_put(struct nftset *n, const char *table, const char *set, const struct nftset_key *key,
	       unsigned keys, uint64_t timeout)
{
	(void)n, (void)table, (void)set, (void)key, (void)keys, (void)timeout;
	return ENOSYS;
}

int nftset_remove(struct nftset *n, const char *table, const char *set,
		  const struct nftset_key *key, unsigned keys)
{
	(void)n, (void)table, (void)set, (void)key, (void)keys;
	return ENOSYS;
}

void nftset_close(struct nftset *n)
{
	(void)n;
}
