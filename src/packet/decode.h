/*
 * packet/decode.h - what the files of this folder share; nobody else includes it.
 *
 * Each layer's decoder takes its header off the front of the reader, cuts the padding off its end,
 * and calls the next. They all end in exactly one of decode_deliver() and decode_bad(), and call
 * each other in a fixed order of nesting: only a tunnel leads back to an outer layer, and
 * PACKET_TUNNELS_MAX bounds those.
 *
 * "Cut" are bytes that were on the wire and are not in the capture (snap length, truncating
 * mirrors). Headers may promise them without being wrong.
 */
#ifndef KIDOBAN_PACKET_DECODE_H
#define KIDOBAN_PACKET_DECODE_H

#include "base/reader.h"
#include "packet/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define ETHER_IPV4 0x0800
#define ETHER_ARP  0x0806
#define ETHER_TEB  0x6558 /* transparent Ethernet bridging, RFC 1701 */
#define ETHER_IPV6 0x86dd

#define PROTO_ICMP   1
#define PROTO_IPIP   4
#define PROTO_TCP    6
#define PROTO_UDP    17
#define PROTO_IPV6   41
#define PROTO_GRE    47
#define PROTO_AH     51
#define PROTO_ICMPV6 58

#define DECODE_CUT_UNKNOWN 65536 /* a truncating mirror does not say how much it cut */

struct fragments;

struct packet_decoder {
	struct packet_config cfg;
	struct packet_stats stats;
	struct fragments *fragments; /* owned */
};

/* One packet on its way through the layers; lives on the stack of packet_decode(). */
struct decode {
	struct packet_decoder *d;
	struct packet *p; /* the result so far */
	struct reader r;  /* captured bytes of the layer at hand; grows shorter at both ends */
	uint32_t base;	  /* offset of r.p in the frame, or in the reassembled datagram */
	uint32_t cut;	  /* bytes of this layer that follow r's end and were not captured */
	uint8_t tags;	  /* VLAN and SNAP headers seen, which can nest without end */
	bool reassembled; /* r is in a fragment buffer */
	bool elsewhere;	  /* in a fragment buffer, or a tunnel: not what the frame is about */
	bool routed;	  /* dst is not the last destination: pseudo headers cannot be checked */
};

/* Adds an anomaly at the reader's place. */
void decode_anomaly(struct decode *c, enum anomaly_kind kind, const char *proto, const char *reason,
		    uint32_t value);

/* Ends decoding: PACKET_BAD, with the anomaly. */
void decode_bad(struct decode *c, enum anomaly_kind kind, const char *proto, const char *reason,
		uint32_t value);

/* Ends decoding: the bytes end inside this protocol's header. */
void decode_short(struct decode *c, const char *proto);

/* Ends decoding: all that is left is payload. */
void decode_deliver(struct decode *c, enum packet_kind kind);

/* The header says that len bytes are left: what follows them is padding or a trailer. */
void decode_trim(struct decode *c, uint32_t len, const char *proto);

/*
 * Counts a wrong checksum. True when decoding must end because the configuration says so; then it
 * has ended.
 */
bool decode_checksum_bad(struct decode *c, const char *proto);

/* link.c */
void decode_ethernet(struct decode *c);
void decode_linktype(struct decode *c, int linktype);
void decode_ether_type(struct decode *c, uint16_t type);

/* ip.c */
void decode_ip(struct decode *c); /* the version nibble decides */
void decode_ipv4(struct decode *c);
void decode_ipv6(struct decode *c);

/* transport.c */
void decode_transport(struct decode *c, uint8_t proto);

/* tunnel.c */
void decode_gre(struct decode *c);
void decode_ip_in_ip(struct decode *c, uint8_t proto);

/* True when UDP port dport carries a tunnel and the packet inside was decoded. */
bool decode_udp_tunnel(struct decode *c, uint16_t dport);

/* fragment.c */

/* What the IP header says about a fragment. */
struct fragment {
	uint32_t id;	 /* identification */
	uint32_t offset; /* of the first byte in the datagram */
	uint32_t max;	 /* largest size of the datagram's payload */
	uint8_t proto;	 /* protocol or next header */
	bool more;	 /* not the last one */
};

struct fragments *fragments_new(const struct packet_config *cfg);
void fragments_free(struct fragments *t);

/*
 * Takes the rest of the reader as a fragment. True: the datagram is complete, c reads from it and
 * *proto is what it carries. False: decoding has ended.
 */
bool decode_fragment(struct decode *c, const struct fragment *f, uint8_t *proto);

#endif
