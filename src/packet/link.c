/*
 * Link layers: from a frame to an Ethernet type.
 *
 *   Ethernet II      dst 6, src 6, type 2                                   (IEEE 802.3, 3.2.6)
 *   802.1Q, QinQ     TPID 2, priority 3 bits, DEI 1, VLAN id 12, type 2     (IEEE 802.1Q, 9.6)
 *   802.3 and LLC    dst 6, src 6, length 2, DSAP 1, SSAP 1, control 1
 *   SNAP             LLC aa aa 03, OUI 3, type 2                            (RFC 1042)
 *   cooked v1        packet type 2, ARPHRD 2, address length 2, address 8, type 2
 *   cooked v2        type 2, reserved 2, interface 4, ARPHRD 2, packet type 1, address length 1,
 *                    address 8                       (LINKTYPE_LINUX_SLL and _SLL2 of libpcap)
 *   BSD loopback     address family 4: in host order (DLT_NULL) or network order (DLT_LOOP)
 */
#include "packet/decode.h"

#include <pcap/dlt.h>

#define TAGS_MAX 8 /* VLAN and SNAP headers; real networks nest two or three */

#define TYPE_LENGTH_MAX 1500  /* a type up to here is a length (IEEE 802.3, 3.2.6) */
#define TYPE_MIN	0x600 /* and from here a type */

#define COOKED_LLC	0x0004 /* ETH_P_802_2: an LLC header follows */
#define ARPHRD_ETHERNET 1
#define ARPHRD_NETLINK	824 /* the type is a netlink family */

static struct mac take_mac(struct reader *r)
{
	struct mac m = {{0}};
	const uint8_t *b = rd_take(r, 6);

	if (b)
		memcpy(m.b, b, 6);
	return m;
}

/* RFC 826, for IPv4 over Ethernet; other ARP is left to PACKET_OTHER. */
static void decode_arp(struct decode *c)
{
	struct packet *p = c->p;
	struct reader r = c->r;
	const uint8_t *spa, *tpa;
	uint32_t kind = rd_be32(&r); /* hardware and protocol type */
	uint32_t sizes = rd_be16(&r);

	if (rd_ok(&r) && (kind != 0x00010800 || sizes != 0x0604)) {
		decode_deliver(c, PACKET_OTHER);
		return;
	}
	p->arp_op = rd_be16(&r);
	p->src_mac = take_mac(&r);
	spa = rd_take(&r, 4);
	p->dst_mac = take_mac(&r);
	tpa = rd_take(&r, 4);
	if (!spa || !tpa) {
		p->has_mac = false;
		decode_short(c, "arp");
		return;
	}
	p->has_mac = true;
	p->src = addr_v4(spa);
	p->dst = addr_v4(tpa);
	c->r = r;
	decode_trim(c, 0, "arp");
	decode_deliver(c, PACKET_ARP);
}

/* An LLC header follows; only SNAP leads on to a protocol we know. */
static void decode_llc(struct decode *c)
{
	struct reader r = c->r;
	uint32_t sap = rd_be24(&r);
	uint32_t oui = rd_be24(&r);
	uint16_t type = rd_be16(&r);

	/* OUI 0 is RFC 1042, 00-00-f8 is 802.1H (bridge tunnel). */
	if (!rd_ok(&r) || sap != 0xaaaa03 || (oui != 0 && oui != 0x0000f8) || type < TYPE_MIN) {
		decode_deliver(c, PACKET_OTHER);
		return;
	}
	c->r = r;
	c->tags++;
	decode_ether_type(c, type);
}

static bool is_vlan(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Takes the VLAN tags; false when decoding has ended. */
static bool decode_vlans(struct decode *c, uint16_t *type)
{
	struct packet *p = c->p;
	uint16_t id;

	while (is_vlan(*type)) {
		if (c->tags++ == TAGS_MAX) {
			decode_bad(c, ANOMALY_PACKET_MALFORMED, "vlan", "too many tags", TAGS_MAX);
			return false;
		}
		id = rd_be16(&c->r) & 0xfff;
		*type = rd_be16(&c->r);
		if (!rd_ok(&c->r)) {
			decode_short(c, "vlan");
			return false;
		}
		/* VLAN id 0 carries a priority and names no VLAN (IEEE 802.1Q, table 9-2). */
		if (id && p->vlans < PACKET_VLANS_MAX)
			p->vlan[p->vlans++] = id;
	}
	p->ether_type = *type;
	return true;
}

void decode_ether_type(struct decode *c, uint16_t type)
{
	c->p->ether_type = type;
	if (is_vlan(type) && !decode_vlans(c, &type))
		return;
	if (type == ETHER_IPV4) {
		decode_ipv4(c);
	} else if (type == ETHER_IPV6) {
		decode_ipv6(c);
	} else if (type == ETHER_ARP) {
		decode_arp(c);
	} else if (type <= TYPE_LENGTH_MAX) {
		decode_trim(c, type, "802.3");
		decode_llc(c);
	} else {
		decode_deliver(c, PACKET_OTHER);
	}
}

void decode_ethernet(struct decode *c)
{
	struct packet *p = c->p;
	const uint8_t *h = rd_take(&c->r, 14);
	struct reader f = rd_init(h, 14);

	if (!h) {
		decode_short(c, "ethernet");
		return;
	}
	p->has_mac = true;
	p->dst_mac = take_mac(&f);
	p->src_mac = take_mac(&f);
	p->vlans = 0;
	decode_ether_type(c, rd_be16(&f));
}

/* What both cooked headers lead to. The address is the sender's; there is no other. */
static void decode_cooked(struct decode *c, uint16_t arphrd, uint16_t mac_len, struct slice mac,
			  uint16_t type)
{
	struct packet *p = c->p;

	if (!rd_ok(&c->r)) {
		decode_short(c, "linux-cooked");
		return;
	}
	if (arphrd == ARPHRD_ETHERNET && mac_len == 6) {
		memcpy(p->src_mac.b, mac.p, 6);
		p->has_mac = true;
	}
	p->ether_type = type;
	if (arphrd == ARPHRD_NETLINK || (type < TYPE_MIN && type != COOKED_LLC))
		decode_deliver(c, PACKET_OTHER);
	else if (type == COOKED_LLC)
		decode_llc(c);
	else
		decode_ether_type(c, type);
}

static void decode_cooked_v1(struct decode *c)
{
	uint16_t arphrd, mac_len, type;
	struct slice mac;

	rd_skip(&c->r, 2);
	arphrd = rd_be16(&c->r);
	mac_len = rd_be16(&c->r);
	mac = rd_slice(&c->r, 8);
	type = rd_be16(&c->r);
	decode_cooked(c, arphrd, mac_len, mac, type);
}

static void decode_cooked_v2(struct decode *c)
{
	uint16_t type, arphrd;
	struct slice mac;
	uint8_t mac_len;

	type = rd_be16(&c->r);
	rd_skip(&c->r, 6);
	arphrd = rd_be16(&c->r);
	rd_skip(&c->r, 1);
	mac_len = rd_u8(&c->r);
	mac = rd_slice(&c->r, 8);
	decode_cooked(c, arphrd, mac_len, mac, type);
}

/*
 * The family's number is of the machine that captured: AF_INET is 2 everywhere, AF_INET6 is 10
 * (Linux), 24 (NetBSD, OpenBSD), 28 (FreeBSD), 30 (macOS) or 23 (Windows).
 */
static void decode_loopback(struct decode *c)
{
	uint32_t family = rd_be32(&c->r);

	if (!rd_ok(&c->r)) {
		decode_short(c, "loopback");
		return;
	}
	if (family & 0xffff0000) /* host order of a little-endian machine */
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		decode_ipv4(c);
		break;
	case 10:
	case 23:
	case 24:
	case 28:
	case 30:
		decode_ipv6(c);
		break;
	default:
		decode_deliver(c, PACKET_OTHER);
	}
}

static const struct {
	int linktype;
	void (*decode)(struct decode *c);
} linktypes[] = {
	{DLT_EN10MB, decode_ethernet},
	{DLT_LINUX_SLL, decode_cooked_v1},
	{DLT_LINUX_SLL2, decode_cooked_v2},
	{DLT_NULL, decode_loopback},
	{DLT_LOOP, decode_loopback},
	{DLT_RAW, decode_ip},
	{DLT_IPV4, decode_ip},
	{DLT_IPV6, decode_ip},
};

void decode_linktype(struct decode *c, int linktype)
{
	size_t i;

	for (i = 0; i < sizeof(linktypes) / sizeof(linktypes[0]); i++) {
		if (linktypes[i].linktype == linktype) {
			linktypes[i].decode(c);
			return;
		}
	}
	decode_bad(c, ANOMALY_UNDECODABLE, "link", "unsupported link type", (uint32_t)linktype);
}
