/*
 * policy/nft_text.h - words of a policy as nftables takes them.
 *
 * Ids, titles and reasons are text of whoever wrote the policy; nft has no way to escape a quote.
 * Names are therefore built of letters, digits, '-' and '_' only, stay below the kernel's limits,
 * and are unique; comments and prefixes lose what could end a string or a line.
 *
 * Private to policy/. Memory is the arena's.
 */
#ifndef KIDOBAN_POLICY_NFT_TEXT_H
#define KIDOBAN_POLICY_NFT_TEXT_H

#include "base/arena.h"

#include <stdint.h>

#define NFT_COMMENT_MAX 120 /* bytes; the kernel takes 128 with the NUL */

/* A word for chains and counters; index makes it unique where the id had to be changed. */
const char *nft_name(struct arena *a, const char *id, uint32_t index);

/* Text for a comment or log prefix, at most max bytes, cut between characters. */
const char *nft_quote(struct arena *a, const char *text, size_t max);

#endif
