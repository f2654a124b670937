#include "sink/community_id.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define SHA1_LEN 20

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132 };

struct community_id {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

/* Types that ask and types that answer, each the other's port. */
static const struct {
	uint8_t proto, ask, answer;
} icmp_pairs[] = {
	{ICMP, 8, 0},	   /* echo */
	{ICMP, 13, 14},	   /* timestamp */
	{ICMP, 15, 16},	   /* information */
	{ICMP, 10, 9},	   /* router solicitation and advertisement */
	{ICMP, 17, 18},	   /* address mask */
	{ICMP6, 128, 129}, /* echo */
	{ICMP6, 133, 134}, /* router solicitation and advertisement */
	{ICMP6, 135, 136}, /* neighbour solicitation and advertisement */
	{ICMP6, 130, 131}, /* multicast listener query and report */
	{ICMP6, 139, 140}, /* node information */
	{ICMP6, 144, 145}, /* home agent address discovery */
};

struct community_id *community_id_new(void)
{
	struct community_id *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->md = EVP_MD_fetch(NULL, "SHA1", NULL);
	c->ctx = EVP_MD_CTX_new();
	if (!c->md || !c->ctx) {
		community_id_free(c);
		return NULL;
	}
	return c;
}

/* Ports of an ICMP message; true when it has a direction of its own. */
static bool icmp_ports(uint8_t proto, uint16_t type_code, uint16_t *sport, uint16_t *dport)
{
	uint8_t type = (uint8_t)(type_code >> 8);
	size_t i;

	*sport = type;
	for (i = 0; i < sizeof(icmp_pairs) / sizeof(*icmp_pairs); i++) {
		if (icmp_pairs[i].proto != proto)
			continue;
		if (icmp_pairs[i].ask == type) {
			*dport = icmp_pairs[i].answer;
			return false;
		}
		if (icmp_pairs[i].answer == type) {
			*dport = icmp_pairs[i].ask;
			return false;
		}
	}
	*dport = type_code & 0xff;
	return true;
}

static uint8_t *put_addr(uint8_t *p, const struct addr *a)
{
	size_t skip = addr_is_v4(a) ? 12 : 0;

	memcpy(p, a->b + skip, sizeof(a->b) - skip);
	return p + sizeof(a->b) - skip;
}

static uint8_t *put_u16(uint8_t *p, uint16_t v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

const char *community_id_text(struct community_id *c, const struct addr *src,
			      const struct addr *dst, uint8_t ip_proto, uint16_t sport,
			      uint16_t dport, char out[COMMUNITY_ID_LEN])
{
	bool icmp = ip_proto == ICMP || ip_proto == ICMP6, one_way = false;
	bool ports = icmp || ip_proto == TCP || ip_proto == UDP || ip_proto == SCTP;
	uint8_t data[2 + 16 + 16 + 2 + 4], *p = data, digest[EVP_MAX_MD_SIZE];
	const struct addr *first = src, *second = dst;
	int order = memcmp(src->b, dst->b, sizeof(src->b));

	if (icmp)
		one_way = icmp_ports(ip_proto, sport, &sport, &dport);
	if (!one_way && (order > 0 || (order == 0 && ports && sport > dport))) {
		uint16_t swap = sport;

		first = dst;
		second = src;
		sport = dport;
		dport = swap;
	}
	p = put_u16(p, 0); /* seed */
	p = put_addr(p, first);
	p = put_addr(p, second);
	*p++ = ip_proto;
	*p++ = 0;
	if (ports) {
		p = put_u16(p, sport);
		p = put_u16(p, dport);
	}
	memcpy(out, "1:", 3);
	if (EVP_DigestInit_ex2(c->ctx, c->md, NULL) &&
	    EVP_DigestUpdate(c->ctx, data, (size_t)(p - data)) &&
	    EVP_DigestFinal_ex(c->ctx, digest, NULL))
		EVP_EncodeBlock((unsigned char *)out + 2, digest, SHA1_LEN);
	return out;
}

void community_id_free(struct community_id *c)
{
	if (!c)
		return;
	EVP_MD_CTX_free(c->ctx);
	EVP_MD_free(c->md);
	free(c);
}
