/*
 * capture/nftset.h - elements of sets in a table of nftables, put and removed at run time.
 *
 * What changes while a ruleset stays: who is in quarantine, which grants are open, who is alive.
 * Spoken in netlink directly: a handful of messages, quick enough to be sent ten times a second,
 * and nothing that would need a file or an address resolved after privileges are dropped.
 *
 * A call is one transaction: an element that is there already gets the new timeout, and is never
 * missing in between. It waits for the kernel's answer.
 *
 * Thread: any; calls wait for each other.
 */
#ifndef KIDOBAN_CAPTURE_NFTSET_H
#define KIDOBAN_CAPTURE_NFTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFTSET_KEYS_MAX 16

struct nftset;

struct nftset_key {
	uint8_t len; /* bytes */
	uint8_t b[16];
};

/* NULL when there is no netlink to the kernel's netfilter. */
struct nftset *nftset_open(void);

/*
 * Puts the keys into set of table inet. timeout in ms, 0: they stay. Returns 0, or an errno: ENOENT
 * when there is no such table or set.
 */
int nftset_put(struct nftset *n, const char *table, const char *set, const struct nftset_key *key,
	       unsigned keys, uint64_t timeout);

/* ENOENT also when a key is not in it; then the others stay. */
int nftset_remove(struct nftset *n, const char *table, const char *set,
		  const struct nftset_key *key, unsigned keys);

/* Accepts NULL. */
void nftset_close(struct nftset *n);

#endif
