#include "packet/craft.h"
#include "packet/checksum.h"
#include "packet/decode.h"

#include <pcap/dlt.h>

#define ETHERNET_LEN 14
#define TAG_LEN	     4
#define IPV4_LEN     20
#define IPV6_LEN     40
#define TCP_LEN	     20
#define ICMP_LEN     8
#define OUR_TTL	     64

#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

#define QUOTE_V4_MAX (576 - IPV4_LEN - ICMP_LEN)  /* RFC 1812, 4.3.2.3 */
#define QUOTE_V6_MAX (1280 - IPV6_LEN - ICMP_LEN) /* RFC 4443, 2.4 (c) */

/* What is being written: front to back, within CRAFT_MAX by the sums above. */
struct out {
	uint8_t *p;
	uint32_t n;
};

static void put(struct out *o, const void *p, uint32_t n)
{
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void put8(struct out *o, unsigned v)
{
	o->p[o->n++] = (uint8_t)v;
}

static void put16(struct out *o, unsigned v)
{
	put8(o, v >> 8);
	put8(o, v);
}

static void put32(struct out *o, uint32_t v)
{
	put16(o, v >> 16);
	put16(o, v & 0xffff);
}

static void set16(struct out *o, uint32_t at, unsigned v)
{
	o->p[at] = (uint8_t)(v >> 8);
	o->p[at + 1] = (uint8_t)v;
}

/* Puts at sum_at what makes the sum over the bytes from `from` to the end right. */
static void seal(struct out *o, uint32_t from, uint32_t sum_at, uint64_t sum)
{
	set16(o, sum_at, 0);
	sum = checksum_add(sum, o->p + from, o->n - from);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	set16(o, sum_at, ~ntohs((uint16_t)sum) & 0xffff);
}

static uint64_t pseudo(const struct addr *src, const struct addr *dst, uint8_t proto, uint32_t len)
{
	uint64_t sum = checksum_u16(proto) + htonl(len);

	sum = checksum_add_small(sum, src->b, 16);
	return checksum_add_small(sum, dst->b, 16);
}

/* The link header that stands before IP; false: one that we do not write. */
static bool link_of(const struct raw_packet *raw, const struct packet *p, uint8_t *len)
{
	uint32_t n = p->network;

	if (p->tunnels || n > raw->caplen || n > CRAFT_LINK_MAX)
		return false;
	*len = (uint8_t)n;
	if (raw->linktype == DLT_RAW || raw->linktype == DLT_IPV4 || raw->linktype == DLT_IPV6)
		return n == 0;
	/* LLC would need its length set; and nobody answers to a group address */
	return raw->linktype == DLT_EN10MB && n >= ETHERNET_LEN &&
	       (n - ETHERNET_LEN) % TAG_LEN == 0 && raw->data[12] >= 0x06 && !(raw->data[6] & 1);
}

static void put_link(struct out *o, const uint8_t *link, uint32_t len, enum craft_to to)
{
	if (len == 0)
		return;
	if (to == CRAFT_TO_RECEIVER) {
		put(o, link, len);
		return;
	}
	put(o, link + 6, 6);
	put(o, link, 6);
	put(o, link + 12, len - 12);
}

/* len: bytes that follow. */
static void put_ip(struct out *o, const struct addr *src, const struct addr *dst, uint8_t proto,
		   uint32_t len)
{
	uint32_t at = o->n;

	if (addr_is_v4(src)) {
		put16(o, 0x4500);
		put16(o, IPV4_LEN + len);
		put16(o, 0);
		put16(o, 0x4000); /* never fragmented: its identification needs no meaning, RFC 6864
				   */
		put8(o, OUR_TTL);
		put8(o, proto);
		put16(o, 0);
		put(o, src->b + 12, 4);
		put(o, dst->b + 12, 4);
		seal(o, at, at + 10, 0);
	} else {
		put32(o, 0x60000000);
		put16(o, len);
		put8(o, proto);
		put8(o, OUR_TTL);
		put(o, src->b, 16);
		put(o, dst->b, 16);
	}
}

bool craft_take(struct craft_tcp *c, const struct raw_packet *raw, const struct packet *p)
{
	if (p->kind != PACKET_TCP || !link_of(raw, p, &c->link_len))
		return false;
	memcpy(c->link, raw->data, c->link_len);
	c->src = p->src;
	c->dst = p->dst;
	c->sport = p->sport;
	c->dport = p->dport;
	c->seq = p->seq;
	c->ack = p->ack;
	c->end = p->seq + p->payload_len + p->payload_missing + !!(p->tcp_flags & PACKET_TCP_SYN) +
		 !!(p->tcp_flags & PACKET_TCP_FIN);
	c->has_ack = p->tcp_flags & PACKET_TCP_ACK;
	return true;
}

uint32_t craft_reset(uint8_t out[CRAFT_MAX], const struct craft_tcp *c, enum craft_to to)
{
	bool back = to == CRAFT_TO_SENDER;
	const struct addr *src = back ? &c->dst : &c->src, *dst = back ? &c->src : &c->dst;
	struct out o = {out, 0};
	uint32_t at;

	put_link(&o, c->link, c->link_len, to);
	put_ip(&o, src, dst, PROTO_TCP, TCP_LEN);
	at = o.n;
	put16(&o, back ? c->dport : c->sport);
	put16(&o, back ? c->sport : c->dport);
	/* a sender that knows of no acknowledgement yet waits for its own number in ours */
	put32(&o, back ? (c->has_ack ? c->ack : 0) : c->seq);
	put32(&o, back ? c->end : c->has_ack ? c->ack : 0);
	put8(&o, TCP_LEN / 4 << 4);
	put8(&o, TCP_FLAG_RST | (back || c->has_ack ? TCP_FLAG_ACK : 0));
	put16(&o, 0);
	put32(&o, 0);
	seal(&o, at, at + 16, pseudo(src, dst, PROTO_TCP, TCP_LEN));
	return o.n;
}

static bool is_icmp_error(const struct packet *p)
{
	unsigned type = p->sport >> 8;

	/* of ICMP all but questions and their answers; of ICMPv6 all below 128 (RFC 4443, 2.1) */
	return p->kind == PACKET_ICMP &&
	       (p->ip_proto == PROTO_ICMP ? (type >= 3 && type <= 5) || type == 11 || type == 12
					  : type < 128 || type == 137);
}

static bool is_unspecified(const struct addr *a)
{
	static const struct addr none = {{0}};

	return addr_eq(a, &none) || (addr_is_v4(a) && !memcmp(a->b + 12, none.b, 4));
}

/* Would an error about it be sent to more than one host, or to none? */
static bool is_to_many(const struct packet *p, const uint8_t *link, uint32_t link_len)
{
	return addr_is_multicast(&p->dst) || addr_is_broadcast(&p->dst) ||
	       addr_is_multicast(&p->src) || addr_is_broadcast(&p->src) ||
	       is_unspecified(&p->src) || (link_len && link[0] & 1);
}

/* Of IPv4; of IPv6 a fragment that does not complete its datagram has its own kind. */
static bool is_later_fragment(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 && ((ip[6] & 0x1f) || ip[7]);
}

uint32_t craft_prohibited(uint8_t out[CRAFT_MAX], const struct raw_packet *raw,
			  const struct packet *p)
{
	bool v4 = p->ether_type == ETHER_IPV4;
	uint32_t quote_max = v4 ? QUOTE_V4_MAX : QUOTE_V6_MAX, quote, at;
	const uint8_t *ip = raw->data + p->network;
	struct out o = {out, 0};
	uint8_t link_len;

	if ((!v4 && p->ether_type != ETHER_IPV6) || p->kind == PACKET_BAD ||
	    !link_of(raw, p, &link_len) || raw->caplen - link_len < (v4 ? IPV4_LEN : IPV6_LEN) ||
	    is_icmp_error(p) || is_to_many(p, raw->data, link_len) || is_later_fragment(ip))
		return 0;
	/* padding of a short frame is no part of the packet */
	quote = v4 ? (uint32_t)(ip[2] << 8 | ip[3]) : IPV6_LEN + (uint32_t)(ip[4] << 8 | ip[5]);
	if (quote > raw->caplen - link_len || quote < (v4 ? IPV4_LEN : IPV6_LEN))
		quote = raw->caplen - link_len;
	if (quote > quote_max)
		quote = quote_max;
	put_link(&o, raw->data, link_len, CRAFT_TO_SENDER);
	put_ip(&o, &p->dst, &p->src, v4 ? PROTO_ICMP : PROTO_ICMPV6, ICMP_LEN + quote);
	at = o.n;
	put16(&o, v4 ? 0x030d : 0x0101);
	put16(&o, 0);
	put32(&o, 0);
	put(&o, ip, quote);
	seal(&o, at, at + 2, v4 ? 0 : pseudo(&p->dst, &p->src, PROTO_ICMPV6, o.n - at));
	return o.n;
}
