/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
#include "packet/rewrite.h"
#include "packet/checksum.h"

#include <string.h>

#define TCP_CHECKSUM 16 /* offset in the header */
#define UDP_CHECKSUM 6
#define UDP_LEN	     8

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/*
 * What n bytes add to a sum when the first of them has an even (or odd) place in the datagram. An
 * odd one swaps the halves of each word, and the sum of swapped words is the swapped sum
 * (RFC 1071, 2B).
 */
static uint16_t part(const uint8_t *p, uint32_t n, bool odd)
{
	uint64_t sum = checksum_add(0, p, n);
	uint16_t folded;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	folded = ntohs((uint16_t)sum);
	return odd ? (uint16_t)(folded << 8 | folded >> 8) : folded;
}

static void correct(uint8_t *sum_at, uint16_t was, uint16_t now)
{
	uint32_t sum = (uint16_t)~be16(sum_at);

	sum += (uint16_t)~was;
	sum += now;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	sum_at[0] = (uint8_t)(sum >> 8);
	sum_at[1] = (uint8_t)sum;
}

bool rewrite_payload(uint8_t *frame, uint32_t len, const struct packet *p, uint32_t offset,
		     const void *bytes, uint32_t n, bool partial)
{
	bool udp = p->kind == PACKET_UDP;
	uint32_t header = UDP_LEN;
	uint8_t *sum_at, *at;
	uint16_t was;

	if (!rewrite_possible(p) || offset > p->payload_len || n > p->payload_len - offset)
		return false;
	if (!udp)
		header = (uint32_t)(frame[p->transport + 12] >> 4) * 4;
	if (p->transport + header + p->payload_len > len)
		return false;
	sum_at = frame + p->transport + (udp ? UDP_CHECKSUM : TCP_CHECKSUM);
	at = frame + p->transport + header + offset;
	was = part(at, n, offset % 2);
	memcpy(at, bytes, n);
	if (partial || (udp && be16(sum_at) == 0))
		return true;
	correct(sum_at, was, part(at, n, offset % 2));
	if (udp && be16(sum_at) == 0) /* RFC 768: zero says that there is none */
		memset(sum_at, 0xff, 2);
	return true;
}
