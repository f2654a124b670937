/*
 * What mirrors and networks wrap packets in.
 *
 *   GRE         C R K S flags and version 2, protocol 2, [checksum 2, reserved 2], [key 4],
 *               [sequence 4]                                           (RFC 2784, RFC 2890)
 *   ERSPAN I    GRE protocol 88be without sequence: no header
 *   ERSPAN II   GRE protocol 88be with sequence: version 4 bits (1), VLAN 12, COS 3, En 2, T 1,
 *               session 10, reserved 12, index 20        (draft-foschiano-erspan-03, 4.2)
 *   ERSPAN III  GRE protocol 22eb: version 4 bits (2), VLAN 12, COS 3, BSO 2, T 1, session 10,
 *               timestamp 4, SGT 2, P 1, FT 5, Hw 6, D 1, Gra 2, O 1, [platform 8 if O]  (4.3)
 *   VXLAN       flags 1 (08: VNI is valid), reserved 3, VNI 3, reserved 1     (RFC 7348, 5)
 *   Geneve      version 2 bits (0), option length 6 in fours, O C reserved 1, protocol 2, VNI 3,
 *               reserved 1, options                                       (RFC 8926, 3.4)
 *   TZSP        version 1 (1), type 1, encapsulates 2 (1: Ethernet), tags: number 1, length 1,
 *               data; numbers 0 (padding) and 1 (end) have no length
 *   GTP-U       version 3 bits (1), PT 1, -, E S PN; type 1 (ff: G-PDU), length 2, TEID 4,
 *               [sequence 2, N-PDU 1, next extension 1 if E, S or PN], extensions:
 *               length 1 in fours, content, next 1                (3GPP TS 29.281, 5.1 and 5.2)
 *
 * A tunnel over UDP is known by its port and its header, which a plain datagram may resemble: when
 * what is inside does not decode, the datagram stays UDP.
 */
#include "packet/checksum.h"
#include "packet/decode.h"

#include <stddef.h>

#define GRE_CHECKSUM 0x8000
#define GRE_KEY	     0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_UNKNOWN  0x4fff /* routing (RFC 1701), reserved bits, and versions other than 0 */

#define ETHER_ERSPAN  0x88be
#define ETHER_ERSPAN3 0x22eb

#define ERSPAN_TRUNCATED 0x400

#define VXLAN_I 0x08

#define TZSP_PADDING  0
#define TZSP_END      1
#define TZSP_ETHERNET 1

#define GTPU_E	  0x04
#define GTPU_S_PN 0x03
#define GTPU_GPDU 0xff

enum inside { INSIDE_NONE, INSIDE_ETHERNET, INSIDE_IP };

/*
 * Counts one more tunnel and forgets what the outer headers said. False when there are too many,
 * with nothing changed.
 */
static bool enter(struct decode *c, const char *proto)
{
	struct packet *p = c->p;

	if (p->tunnels == PACKET_TUNNELS_MAX) {
		decode_anomaly(c, ANOMALY_TUNNEL_DEPTH, proto, "too many tunnels in each other",
			       PACKET_TUNNELS_MAX);
		return false;
	}
	p->tunnels++;
	c->d->stats.tunnels++;
	p->ip_proto = p->ttl = 0;
	p->ip_id = p->sport = p->dport = 0;
	memset(&p->src, 0, sizeof(p->src));
	memset(&p->dst, 0, sizeof(p->dst));
	c->routed = c->reassembled = false;
	c->elsewhere = true;
	c->tags = 0;
	return true;
}

static enum inside inside_type(uint16_t type)
{
	if (type == ETHER_TEB)
		return INSIDE_ETHERNET;
	return type == ETHER_IPV4 || type == ETHER_IPV6 ? INSIDE_IP : INSIDE_NONE;
}

static void decode_inside(struct decode *c, enum inside what)
{
	if (what == INSIDE_ETHERNET)
		decode_ethernet(c);
	else
		decode_ip(c);
}

/* Takes the ERSPAN header; false when it is not one. */
static bool take_erspan(struct decode *c, uint16_t type, bool sequence)
{
	uint32_t first, last, version = 1;

	if (type == ETHER_ERSPAN && !sequence)
		return true;
	first = rd_be32(&c->r);
	last = rd_be32(&c->r);
	if (type == ETHER_ERSPAN3) {
		version = 2;
		last = rd_be32(&c->r);
		if (last & 1)
			rd_skip(&c->r, 8);
	}
	if (first & ERSPAN_TRUNCATED && !c->cut)
		c->cut = DECODE_CUT_UNKNOWN;
	return first >> 28 == version;
}

/* Takes the GRE header and what belongs to it. */
static enum inside take_gre(struct decode *c)
{
	uint16_t flags = rd_be16(&c->r), type = rd_be16(&c->r);

	if (flags & GRE_UNKNOWN)
		return INSIDE_NONE;
	if (flags & GRE_CHECKSUM)
		rd_skip(&c->r, 4);
	if (flags & GRE_KEY)
		rd_skip(&c->r, 4);
	if (flags & GRE_SEQUENCE)
		rd_skip(&c->r, 4);
	if ((type == ETHER_ERSPAN || type == ETHER_ERSPAN3) &&
	    take_erspan(c, type, flags & GRE_SEQUENCE))
		return INSIDE_ETHERNET;
	return inside_type(type);
}

/* RFC 2784, 2.3: the checksum is over the GRE header and the payload. */
static bool gre_checksum_right(const struct decode *c)
{
	struct reader r = c->r;
	struct slice all = rd_rest(&r);

	r = c->r;
	return c->cut || !(rd_be16(&r) & GRE_CHECKSUM) ||
	       checksum_ok(checksum_add(0, all.p, all.len));
}

void decode_gre(struct decode *c)
{
	struct decode in = *c;
	enum inside what = take_gre(&in);

	if (!rd_ok(&in.r)) {
		decode_short(c, "gre");
		return;
	}
	if (!gre_checksum_right(c) && decode_checksum_bad(c, "gre"))
		return;
	if (what != INSIDE_NONE && enter(&in, "gre"))
		decode_inside(&in, what);
	else
		decode_deliver(c, PACKET_IP);
}

void decode_ip_in_ip(struct decode *c, uint8_t proto)
{
	if (!enter(c, "ip-in-ip"))
		decode_deliver(c, PACKET_IP);
	else if (proto == PROTO_IPIP)
		decode_ipv4(c);
	else
		decode_ipv6(c);
}

static enum inside take_vxlan(struct reader *r)
{
	uint8_t flags = rd_u8(r);

	rd_skip(r, 7);
	return flags & VXLAN_I ? INSIDE_ETHERNET : INSIDE_NONE;
}

static enum inside take_geneve(struct reader *r)
{
	uint8_t options = rd_u8(r);
	uint16_t type;

	rd_skip(r, 1);
	type = rd_be16(r);
	rd_skip(r, 4 + (options & 0x3f) * 4u);
	if (options >> 6 != 0)
		return INSIDE_NONE;
	return inside_type(type);
}

static enum inside take_tzsp(struct reader *r)
{
	uint8_t version = rd_u8(r), type = rd_u8(r), tag;
	uint16_t inside = rd_be16(r);

	while ((tag = rd_u8(r)) != TZSP_END && rd_ok(r))
		if (tag != TZSP_PADDING)
			rd_skip(r, rd_u8(r));
	/* Types 0 (received) and 1 (to be sent) carry a frame; 2 to 5 are between the ends. */
	return version == 1 && type <= 1 && inside == TZSP_ETHERNET ? INSIDE_ETHERNET : INSIDE_NONE;
}

static enum inside take_gtpu(struct reader *r)
{
	uint8_t flags = rd_u8(r), type = rd_u8(r), next = 0;

	rd_skip(r, 6);
	if (flags & (GTPU_E | GTPU_S_PN)) {
		rd_skip(r, 3);
		next = rd_u8(r);
	}
	while (flags & GTPU_E && next && rd_ok(r)) {
		uint32_t len = rd_u8(r) * 4u;

		if (!len)
			return INSIDE_NONE;
		rd_skip(r, len - 2);
		next = rd_u8(r);
	}
	/* Version 1, protocol type GTP. */
	return flags >> 4 == 3 && type == GTPU_GPDU ? INSIDE_IP : INSIDE_NONE;
}

static const struct {
	uint16_t port;
	const char *name;
	enum inside (*take)(struct reader *r);
} udp_tunnels[] = {
	{4789, "vxlan", take_vxlan},
	{6081, "geneve", take_geneve},
	{37008, "tzsp", take_tzsp},
	{2152, "gtp-u", take_gtpu},
};

static bool try_udp_tunnel(struct decode *c, const char *name,
			   enum inside (*take)(struct reader *r))
{
	uint8_t outside[offsetof(struct packet, anomaly)];
	struct decode in = *c;
	enum inside what = take(&in.r);

	if (what == INSIDE_NONE || !rd_ok(&in.r))
		return false;
	memcpy(outside, c->p, sizeof(outside));
	if (!enter(&in, name))
		return false;
	decode_inside(&in, what);
	if (c->p->kind != PACKET_BAD)
		return true;
	memcpy(c->p, outside, sizeof(outside));
	c->d->stats.tunnels--;
	return false;
}

bool decode_udp_tunnel(struct decode *c, uint16_t dport)
{
	size_t i;

	for (i = 0; i < sizeof(udp_tunnels) / sizeof(udp_tunnels[0]); i++)
		if (udp_tunnels[i].port == dport)
			return try_udp_tunnel(c, udp_tunnels[i].name, udp_tunnels[i].take);
	return false;
}
