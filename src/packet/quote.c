/*
 * The packet that an ICMP error quotes: RFC 792 (the IP header and 8 bytes), RFC 4443 2.4 (as much
 * as fits). What is quoted was sent by whoever the error goes to.
 */
#include "packet/decode.h"

#define NEXT_HOP_BY_HOP	 0
#define NEXT_ROUTING	 43
#define NEXT_FRAGMENT	 44
#define NEXT_DESTINATION 60
#define EXTENSIONS_MAX	 8

/* Unreachable, time exceeded, parameter problem; of ICMPv6 also packet too big. */
static bool is_error(const struct packet *p)
{
	unsigned type = p->sport >> 8;

	return p->ip_proto == PROTO_ICMP ? type == 3 || type == 11 || type == 12
					 : type >= 1 && type <= 4;
}

static bool quoted_v4(struct reader *r, struct packet *out)
{
	const uint8_t *h = rd_take(r, 20);
	unsigned len;

	if (!h || h[0] >> 4 != 4 || (h[0] & 15) < 5)
		return false;
	len = (h[0] & 15u) * 4;
	rd_skip(r, len - 20);
	out->ip_proto = h[9];
	out->src = addr_v4(h + 12);
	out->dst = addr_v4(h + 16);
	return !(h[6] & 0x1f) && !h[7]; /* later fragments have no ports */
}

static bool quoted_v6(struct reader *r, struct packet *out)
{
	const uint8_t *h = rd_take(r, 40), *x;
	uint8_t next;
	unsigned i;

	if (!h || h[0] >> 4 != 6)
		return false;
	next = h[6];
	out->src = addr_v6(h + 8);
	out->dst = addr_v6(h + 24);
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_DESTINATION)
			break;
		x = rd_take(r, 8);
		if (!x || (next == NEXT_FRAGMENT && (x[2] || x[3] & 0xf8)))
			return false;
		if (next != NEXT_FRAGMENT)
			rd_skip(r, x[1] * 8u);
		next = x[0];
	}
	out->ip_proto = next;
	return rd_ok(r);
}

bool packet_quoted(const struct packet *p, struct packet *out)
{
	struct reader r = rd_init(p->payload, p->payload_len);
	const uint8_t *h;

	if (p->kind != PACKET_ICMP || !is_error(p))
		return false;
	out->vlans = p->vlans;
	memcpy(out->vlan, p->vlan, sizeof(out->vlan));
	if (!(p->ip_proto == PROTO_ICMP ? quoted_v4(&r, out) : quoted_v6(&r, out)))
		return false;
	h = rd_take(&r, 8);
	if (!h)
		return false;
	r = rd_init(h, 8);
	out->sport = rd_be16(&r);
	out->dport = rd_be16(&r);
	switch (out->ip_proto) {
	case PROTO_TCP:
		out->kind = PACKET_TCP;
		break;
	case PROTO_UDP:
		out->kind = PACKET_UDP;
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		out->kind = PACKET_ICMP;
		out->dport = rd_be16(&r);
		break;
	default:
		out->kind = PACKET_IP;
	}
	return true;
}
