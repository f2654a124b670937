/*
 * packet/packet.h - from a frame to a transport payload.
 *
 * Decodes link (Ethernet II, 802.1Q, QinQ, 802.3/LLC/SNAP, Linux cooked v1 and v2, BSD loopback,
 * raw IP), network (IPv4, IPv6 and their fragments, ARP) and transport headers (TCP, UDP, ICMP,
 * ICMPv6), and unwraps what mirrors and networks wrap: GRE, ERSPAN I/II/III, VXLAN, Geneve, TZSP,
 * GTP-U, and IP in IP, to PACKET_TUNNELS_MAX deep. The struct describes the innermost packet.
 *
 * What it is not: it knows no flows and keeps no state but the fragments (a bounded table, in
 * packet time). One decoder per worker.
 *
 * Ownership: payload points into the caller's frame, or into the decoder's fragment buffer; both
 * are valid until the next packet_decode() on the same decoder.
 */
#ifndef KIDOBAN_PACKET_PACKET_H
#define KIDOBAN_PACKET_PACKET_H

#include "base/addr.h"
#include "capture/pcap_file.h"
#include "op/anomaly.h"

#include <stdbool.h>
#include <stdint.h>

#define PACKET_VLANS_MAX     2
#define PACKET_TUNNELS_MAX   4
#define PACKET_ANOMALIES_MAX 4 /* per packet; the rest is only counted */

#define PACKET_TCP_FIN 0x01
#define PACKET_TCP_SYN 0x02
#define PACKET_TCP_RST 0x04
#define PACKET_TCP_ACK 0x10

enum packet_kind {
	PACKET_OTHER, /* no IP, no ARP: ether_type says what */
	PACKET_ARP,
	PACKET_IP,	 /* IP, but no transport we decode: ip_proto says what */
	PACKET_FRAGMENT, /* a fragment whose datagram is not complete yet */
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP, /* ICMP or ICMPv6: sport is type << 8 | code, dport the echo id or 0; the
			payload begins behind the 8 bytes of the header */
	PACKET_BAD   /* not decodable further; an anomaly says why */
};

struct packet {
	uint64_t frame;	     /* number in its file, from 1 */
	int64_t time;	     /* ns since 1970 UTC */
	uint32_t wirelen;    /* bytes on the wire, outermost */
	uint8_t kind;	     /* enum packet_kind */
	uint8_t ip_proto;    /* IANA protocol number; 0 without IP */
	uint8_t ttl;	     /* TTL or hop limit */
	uint8_t tunnels;     /* how many were unwrapped */
	uint16_t file;	     /* which of several it is in, from 0 */
	uint16_t ether_type; /* innermost; 802.3 without SNAP: below 0x600, the length */
	uint16_t vlan[PACKET_VLANS_MAX]; /* VLAN ids, outermost first, of the innermost Ethernet */
	uint8_t vlans;	    /* how many; further tags and priority tags (id 0) are skipped */
	bool has_mac;	    /* src_mac and dst_mac are of the innermost Ethernet header */
	struct mac src_mac; /* ARP: sender hardware address */
	struct mac dst_mac; /* ARP: target hardware address; Linux cooked: all zero */
	struct addr src;    /* ARP: sender protocol address */
	struct addr dst;    /* ARP: target protocol address */
	uint16_t sport;	    /* TCP, UDP port; ICMP: type << 8 | code */
	uint16_t dport;	    /* TCP, UDP port; ICMP: echo id or 0 */
	uint16_t ip_id;	    /* IPv4 identification */
	uint16_t arp_op;    /* ARP: 1 request, 2 reply */
	uint32_t seq;	    /* TCP sequence number */
	uint32_t ack;	    /* TCP acknowledgement number, if PACKET_TCP_ACK */
	uint16_t window;    /* TCP window, unscaled */
	uint8_t tcp_flags;  /* low 8 bits of the flags */
	bool checksum_bad; /* a checksum of this packet is wrong and was complete enough to check */
	uint32_t network;  /* offset of the innermost IP header in the frame */
	uint32_t transport; /* of the TCP or UDP header; 0: in a tunnel, or joined from fragments */
	const uint8_t *payload;	  /* transport payload (IP payload for PACKET_IP) */
	uint32_t payload_len;	  /* captured bytes of it */
	uint32_t payload_missing; /* bytes the headers promise and the capture cut off (snap length)
				   */

	uint8_t anomalies; /* how many of anomaly[] are used */
	struct anomaly anomaly[PACKET_ANOMALIES_MAX];
};

struct packet_config {
	bool verify_checksums; /* drop TCP, UDP and IP with wrong checksums (default: count only) */
	uint32_t fragments_max;	  /* datagrams being reassembled at once, 66 KiB each; 0: 1024 */
	int64_t fragment_timeout; /* ns of packet time; 0: 30 s */
};

struct packet_stats {
	uint64_t packets, bytes;	 /* decoded; bytes on the wire */
	uint64_t bad;			 /* ended as PACKET_BAD */
	uint64_t checksum_bad;		 /* wrong checksums seen, ignored or not */
	uint64_t fragments, reassembled; /* fragments seen, datagrams completed */
	uint64_t fragments_dropped;	 /* datagrams given up: timeout, conflict, table full */
	uint64_t tunnels;		 /* headers unwrapped */
	uint64_t anomalies_dropped;	 /* more than PACKET_ANOMALIES_MAX in one packet */
};

struct packet_decoder;

/* NULL only when memory is out. cfg may be NULL. */
struct packet_decoder *packet_decoder_new(const struct packet_config *cfg);

/* Always fills out; what could not be decoded is PACKET_BAD with an anomaly. */
void packet_decode(struct packet_decoder *d, const struct raw_packet *raw, struct packet *out);

/*
 * What an ICMP error (unreachable, too big, time exceeded, parameter problem) is about: fills kind,
 * ip_proto, addresses, ports and VLANs of *out, and nothing else of it, from the packet that p
 * quotes. False when p is no such error, or quotes too little to tell.
 */
bool packet_quoted(const struct packet *p, struct packet *out);

const struct packet_stats *packet_decoder_stats(const struct packet_decoder *d);

/* Accepts NULL. */
void packet_decoder_free(struct packet_decoder *d);

#endif
