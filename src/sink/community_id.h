/*
 * sink/community_id.h - the Community ID of a flow, version 1, seed 0.
 *
 * A short text that every tool computes alike from addresses, ports and protocol, so that the
 * records of several tools about one flow can be joined. Both directions give the same text.
 *
 *   "1:" base64(SHA-1(seed addr addr proto 0 port port)), the smaller end first
 *
 * ICMP has no ports: its type and the type that answers it stand for them; types without a
 * counterpart keep their code and their direction.
 *
 * Thread: one; the hash context inside is reused.
 */
#ifndef KIDOBAN_SINK_COMMUNITY_ID_H
#define KIDOBAN_SINK_COMMUNITY_ID_H

#include "base/addr.h"

#include <stdint.h>

#define COMMUNITY_ID_LEN 31 /* with the NUL */

struct community_id;

/* NULL when memory is out or the crypto library has no SHA-1. */
struct community_id *community_id_new(void);

/* For ICMP and ICMPv6 sport is type << 8 | code, as in struct packet. */
const char *community_id_text(struct community_id *c, const struct addr *src,
			      const struct addr *dst, uint8_t ip_proto, uint16_t sport,
			      uint16_t dport, char out[COMMUNITY_ID_LEN]);

/* Accepts NULL. */
void community_id_free(struct community_id *c);

#endif
