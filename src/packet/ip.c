/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers.
 *
 *    0                   1                   2                   3
 *   |version|  IHL  |      TOS      |          total length         |
 *   |        identification         |flags|     fragment offset     |
 *   |      TTL      |   protocol    |        header checksum        |
 *   |                        source address                         |
 *   |                      destination address                      |
 *
 *   |version| traffic class |              flow label               |
 *   |        payload length         |  next header  |   hop limit   |
 *   |                   source address (16 bytes)                   |
 *   |                destination address (16 bytes)                 |
 */
#include "packet/checksum.h"
#include "packet/decode.h"

#define IPV4_LEN     20
#define IPV6_LEN     40
#define DATAGRAM_MAX 65535

#define MORE_FRAGMENTS 0x2000 /* IPv4; the offset is below it, in units of 8 bytes */
#define OFFSET_MASK    0x1fff

#define OPTION_END  0 /* RFC 791, 3.1 */
#define OPTION_NOP  1
#define OPTION_LSRR 131
#define OPTION_SSRR 137

#define NEXT_HOP_BY_HOP	 0
#define NEXT_ROUTING	 43
#define NEXT_FRAGMENT	 44
#define NEXT_DESTINATION 60
#define EXTENSIONS_MAX	 8 /* RFC 8200, 4.1 recommends each once, destination options twice */

/* RFC 8200, 4.5. False: decoding has ended, or *next is what follows. */
static bool decode_fragment_header(struct decode *c, uint8_t *next)
{
	struct fragment frag = {.max = DATAGRAM_MAX};
	uint16_t place;

	frag.proto = rd_u8(&c->r);
	rd_skip(&c->r, 1);
	place = rd_be16(&c->r);
	frag.id = rd_be32(&c->r);
	if (!rd_ok(&c->r)) {
		decode_short(c, "ipv6");
		return false;
	}
	frag.offset = place & 0xfff8;
	frag.more = place & 1;
	c->p->ip_proto = *next = frag.proto;
	if (!frag.offset && !frag.more)
		return true; /* atomic: a whole datagram of its own (RFC 6946) */
	if (c->reassembled) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, "ipv6", "a fragment inside a fragment", 0);
		return false;
	}
	return decode_fragment(c, &frag, next);
}

/* RFC 8200, 4.3, 4.4 and 4.6; RFC 4302, 2 counts its length in fours. */
static bool decode_extension(struct decode *c, uint8_t *next)
{
	uint8_t kind = *next, left;
	uint32_t units;

	*next = rd_u8(&c->r);
	units = rd_u8(&c->r);
	rd_skip(&c->r, 1);
	left = rd_u8(&c->r); /* routing: segments left */
	if (kind == NEXT_ROUTING && left)
		c->routed = true;
	rd_skip(&c->r, (kind == PROTO_AH ? (units + 2) * 4 : (units + 1) * 8) - 4);
	if (!rd_ok(&c->r)) {
		decode_short(c, kind == PROTO_AH ? "ah" : "ipv6");
		return false;
	}
	return true;
}

static bool is_extension(const struct decode *c, uint8_t next)
{
	if (next == PROTO_AH)
		return true;
	return c->p->ether_type == ETHER_IPV6 &&
	       (next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
		next == NEXT_DESTINATION);
}

/* Walks the headers between IP and what it carries. */
static void decode_extensions(struct decode *c, uint8_t next)
{
	unsigned seen = 0;

	while (is_extension(c, next)) {
		if (seen++ == EXTENSIONS_MAX) {
			decode_bad(c, ANOMALY_PACKET_MALFORMED, "ip", "too many extension headers",
				   EXTENSIONS_MAX);
			return;
		}
		if (next == NEXT_FRAGMENT ? !decode_fragment_header(c, &next)
					  : !decode_extension(c, &next))
			return;
	}
	c->p->ip_proto = next;
	decode_transport(c, next);
}

/* A source route means that the pseudo header's destination is not in the header. */
static void check_options(struct decode *c, struct slice options)
{
	struct reader r = rd_of(options);

	while (rd_left(&r)) {
		uint8_t type = rd_u8(&r), len;

		if (type == OPTION_END)
			return;
		if (type == OPTION_NOP)
			continue;
		len = rd_u8(&r);
		if (len >= 2)
			rd_skip(&r, len - 2);
		if (len < 2 || !rd_ok(&r)) {
			decode_anomaly(c, ANOMALY_PACKET_MALFORMED, "ipv4", "wrong option length",
				       len);
			return;
		}
		if (type == OPTION_LSRR || type == OPTION_SSRR)
			c->routed = true;
	}
}

void decode_ipv4(struct decode *c)
{
	struct packet *p = c->p;
	uint32_t at = c->base + c->r.off;
	const uint8_t *h = rd_take(&c->r, IPV4_LEN);
	struct reader f = rd_init(h, IPV4_LEN);
	struct slice options = {NULL, 0};
	uint16_t total, fragment;
	uint8_t version, proto;
	uint32_t len;
	uint64_t sum;

	p->ether_type = ETHER_IPV4;
	p->network = at;
	if (!h) {
		decode_short(c, "ipv4");
		return;
	}
	version = rd_u8(&f);
	rd_skip(&f, 1);
	total = rd_be16(&f);
	p->ip_id = rd_be16(&f);
	fragment = rd_be16(&f);
	p->ttl = rd_u8(&f);
	p->ip_proto = proto = rd_u8(&f);
	rd_skip(&f, 2);
	p->src = addr_v4(rd_take(&f, 4));
	p->dst = addr_v4(rd_take(&f, 4));
	len = (uint32_t)(version & 15) * 4;
	if (version >> 4 != 4) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, "ipv4", "wrong version", version >> 4);
		return;
	}
	/* Captured before the network card cut it into segments, the length can be 0. */
	if (len < IPV4_LEN || (total && total < len)) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, "ipv4", "wrong header length", len);
		return;
	}
	if (total)
		decode_trim(c, total - IPV4_LEN, "ipv4");
	sum = checksum_add_small(0, h, IPV4_LEN);
	if (len > IPV4_LEN) {
		options = rd_slice(&c->r, len - IPV4_LEN);
		if (!rd_ok(&c->r)) {
			decode_short(c, "ipv4");
			return;
		}
		sum = checksum_add_small(sum, options.p, options.len);
		check_options(c, options);
	}
	if (!checksum_ok(sum) && decode_checksum_bad(c, "ipv4"))
		return;
	if (fragment & (MORE_FRAGMENTS | OFFSET_MASK)) {
		struct fragment frag = {
			.id = p->ip_id,
			.offset = (uint32_t)(fragment & OFFSET_MASK) * 8,
			.max = DATAGRAM_MAX - len,
			.proto = proto,
			.more = fragment & MORE_FRAGMENTS,
		};

		if (!decode_fragment(c, &frag, &proto))
			return;
	}
	decode_extensions(c, proto);
}

void decode_ipv6(struct decode *c)
{
	struct packet *p = c->p;
	uint32_t at = c->base + c->r.off;
	const uint8_t *h = rd_take(&c->r, IPV6_LEN);
	struct reader f = rd_init(h, IPV6_LEN);
	uint8_t version, next;
	uint16_t len;

	p->ether_type = ETHER_IPV6;
	p->network = at;
	if (!h) {
		decode_short(c, "ipv6");
		return;
	}
	version = rd_u8(&f) >> 4;
	rd_skip(&f, 3);
	len = rd_be16(&f);
	next = rd_u8(&f);
	p->ttl = rd_u8(&f);
	p->src = addr_v6(rd_take(&f, 16));
	p->dst = addr_v6(rd_take(&f, 16));
	p->ip_proto = next;
	if (version != 6) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, "ipv6", "wrong version", version);
		return;
	}
	/* They would pass for IPv4 from here on, and no network may carry them (RFC 4942, 2.2). */
	if (addr_is_v4(&p->src) || addr_is_v4(&p->dst))
		decode_anomaly(c, ANOMALY_PACKET_MALFORMED, "ipv6", "IPv4-mapped address", 0);
	/* 0: a jumbogram (RFC 2675), or captured before the network card cut it into segments. */
	if (len)
		decode_trim(c, len, "ipv6");
	decode_extensions(c, next);
}

void decode_ip(struct decode *c)
{
	struct reader r = c->r;

	if (rd_u8(&r) >> 4 == 6)
		decode_ipv6(c);
	else
		decode_ipv4(c);
}
