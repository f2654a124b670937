/*
 * packet/craft.h - packets of our own: telling both ends that a conversation is over.
 *
 *   TCP     a reset each way (RFC 9293, 3.5.2), as from the other end
 *   others  ICMP unreachable, administratively prohibited: type 3 code 13 (RFC 1812, 5.2.7.1), or
 *           type 1 code 1 (RFC 4443, 3.1), to the sender, as from the one it wanted to reach
 *
 * The frame at hand is the model: its link header with all VLAN tags, and its addresses. Written
 * are frames of Ethernet, or packets without a link header. Nothing is written for what came in a
 * tunnel or with another link header: the answer is then 0 bytes.
 *
 * A receiver takes a reset only with the very number it expects next (RFC 5961, 3.2). So whoever
 * held bytes back says where: seq is what the receiver of the packet waits for, the packet's own
 * number as long as that is the first one held back.
 */
#ifndef KIDOBAN_PACKET_CRAFT_H
#define KIDOBAN_PACKET_CRAFT_H

#include "packet/packet.h"

#define CRAFT_LINK_MAX 46   /* Ethernet and eight VLAN tags */
#define CRAFT_MAX      1326 /* the largest that is written: a link header and 1280 bytes of IPv6 */

/* What of a TCP packet must be known to reset its conversation, then or later. */
struct craft_tcp {
	struct addr src, dst;	      /* of the packet */
	uint16_t sport, dport;	      /* likewise */
	uint32_t seq;		      /* what dst waits for from src; taken: of the packet */
	uint32_t ack;		      /* what src waits for from dst; taken: of the packet */
	uint32_t end;		      /* behind the packet: its bytes, SYN and FIN count one each */
	bool has_ack;		      /* ack is known */
	uint8_t link_len;	      /* bytes of link[]; 0: frames have no link header */
	uint8_t link[CRAFT_LINK_MAX]; /* link header of the packet */
};

enum craft_to { CRAFT_TO_SENDER, CRAFT_TO_RECEIVER }; /* of the packet that was the model */

/* False when none can be written for this packet. */
bool craft_take(struct craft_tcp *c, const struct raw_packet *raw, const struct packet *p);

/* Writes a reset; returns its length, at most CRAFT_MAX. */
uint32_t craft_reset(uint8_t out[CRAFT_MAX], const struct craft_tcp *c, enum craft_to to);

/*
 * Writes the ICMP error that quotes the packet at hand; returns its length, 0 where there must be
 * none: about ICMP errors, broadcasts and multicasts, later fragments (RFC 1122, 3.2.2; RFC 4443,
 * 2.4).
 */
uint32_t craft_prohibited(uint8_t out[CRAFT_MAX], const struct raw_packet *raw,
			  const struct packet *p);

#endif
