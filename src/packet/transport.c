/*
 * Transport headers: TCP (RFC 9293, 3.1), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443).
 */
#include "packet/checksum.h"
#include "packet/decode.h"

#define TCP_LEN	 20
#define UDP_LEN	 8
#define ICMP_LEN 8

/*
 * Is the checksum over the rest of the reader and the pseudo header right? True also when it
 * cannot be known. The IPv4-mapped form adds ff ff to an IPv4 address, which is zero in one's
 * complement.
 */
static bool checksum_right(const struct decode *c, uint8_t proto)
{
	struct reader r = c->r;
	struct slice all = rd_rest(&r);
	uint64_t sum = 0;

	if (c->cut || c->routed)
		return true;
	if (proto != PROTO_ICMP) {
		sum = checksum_u16(proto) + htonl(all.len);
		sum = checksum_add_small(sum, c->p->src.b, 16);
		sum = checksum_add_small(sum, c->p->dst.b, 16);
	}
	return checksum_ok(checksum_add(sum, all.p, all.len));
}

/* Where the header that was just read is in the frame, when its bytes are there as they are. */
static uint32_t place(const struct decode *c, uint32_t header)
{
	return c->elsewhere ? 0 : c->base + c->r.off - header;
}

static void decode_tcp(struct decode *c)
{
	struct packet *p = c->p;
	bool right = checksum_right(c, PROTO_TCP);
	const uint8_t *h = rd_take(&c->r, TCP_LEN);
	struct reader f = rd_init(h, TCP_LEN);
	uint32_t len, left;

	if (!h) {
		decode_short(c, "tcp");
		return;
	}
	p->sport = rd_be16(&f);
	p->dport = rd_be16(&f);
	p->seq = rd_be32(&f);
	p->ack = rd_be32(&f);
	len = (uint32_t)(rd_u8(&f) >> 4) * 4;
	p->tcp_flags = rd_u8(&f);
	p->window = rd_be16(&f);
	left = rd_left(&c->r);
	if (len < TCP_LEN || len - TCP_LEN > left + c->cut) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, "tcp", "wrong data offset", len);
		return;
	}
	if (!right && decode_checksum_bad(c, "tcp"))
		return;
	len -= TCP_LEN;
	if (len > left) { /* the capture ends in the options: everything else is known */
		c->cut -= len - left;
		len = left;
	}
	rd_skip(&c->r, len);
	p->transport = place(c, TCP_LEN + len);
	decode_deliver(c, PACKET_TCP);
}

static void decode_udp(struct decode *c)
{
	struct packet *p = c->p;
	struct reader f = c->r;
	uint16_t len, sum;

	p->sport = rd_be16(&f);
	p->dport = rd_be16(&f);
	len = rd_be16(&f);
	sum = rd_be16(&f);
	if (!rd_ok(&f)) {
		decode_short(c, "udp");
		return;
	}
	/* 0 is a jumbogram (RFC 2675, 4), or segmentation left to the network card. */
	if (len && len < UDP_LEN) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, "udp", "wrong length", len);
		return;
	}
	if (len)
		decode_trim(c, len, "udp");
	if (sum && !checksum_right(c, PROTO_UDP) && decode_checksum_bad(c, "udp"))
		return;
	rd_skip(&c->r, UDP_LEN);
	if (decode_udp_tunnel(c, p->dport))
		return;
	/* No checksum: right in IPv4, in IPv6 only around tunnels (RFC 8200, 8.1). */
	if (!sum && p->ether_type == ETHER_IPV6 && decode_checksum_bad(c, "udp"))
		return;
	p->transport = place(c, UDP_LEN);
	decode_deliver(c, PACKET_UDP);
}

static bool has_echo_id(uint8_t proto, uint8_t type)
{
	return proto == PROTO_ICMP ? type == 0 || type == 8 : type == 128 || type == 129;
}

static void decode_icmp(struct decode *c, uint8_t proto)
{
	struct packet *p = c->p;
	bool right = checksum_right(c, proto);
	const uint8_t *h = rd_take(&c->r, ICMP_LEN);
	struct reader f = rd_init(h, ICMP_LEN);

	if (!h) {
		decode_short(c, "icmp");
		return;
	}
	p->sport = rd_be16(&f);
	rd_skip(&f, 2);
	if (has_echo_id(proto, (uint8_t)(p->sport >> 8)))
		p->dport = rd_be16(&f);
	if (!right && decode_checksum_bad(c, "icmp"))
		return;
	decode_deliver(c, PACKET_ICMP);
}

void decode_transport(struct decode *c, uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		decode_tcp(c);
		break;
	case PROTO_UDP:
		decode_udp(c);
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		decode_icmp(c, proto);
		break;
	case PROTO_GRE:
		decode_gre(c);
		break;
	case PROTO_IPIP:
	case PROTO_IPV6:
		decode_ip_in_ip(c, proto);
		break;
	default:
		decode_deliver(c, PACKET_IP);
	}
}
