/*
 * packet/rewrite.h - other bytes in the payload of a frame on its way.
 *
 * An inline source lets a frame go on with other bytes of the same length. The checksum of TCP or
 * UDP then follows by the difference alone (RFC 1624), so that a checksum that was wrong before
 * stays wrong, and the receiver drops what it would have dropped.
 *
 * What cannot be changed: the inside of a tunnel, and a datagram joined from fragments, of which
 * only the last is at hand.
 */
#ifndef KIDOBAN_PACKET_REWRITE_H
#define KIDOBAN_PACKET_REWRITE_H

#include "packet/packet.h"

/* Are bytes of this packet's payload in its frame, where they can be changed? */
static inline bool rewrite_possible(const struct packet *p)
{
	return p->transport && (p->kind == PACKET_TCP || p->kind == PACKET_UDP);
}

/*
 * Puts n bytes at offset of the payload of p, whose frame of len bytes this is. partial: the
 * hardware completes the checksum, which therefore stays as it is. False, and nothing is changed:
 * they are not in the frame.
 */
bool rewrite_payload(uint8_t *frame, uint32_t len, const struct packet *p, uint32_t offset,
		     const void *bytes, uint32_t n, bool partial);

#endif
