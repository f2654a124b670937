/*
 * Checksums that hardware would have completed. A packet that comes back changed is taken by the
 * kernel as it is, and nobody adds anything to it; its field holds the sum of the pseudo header
 * (RFC 9293, 3.1; RFC 8200, 8.1), which changes of the payload leave as it is.
 */
#include "base/reader.h"
#include "capture/queue_impl.h"

enum { TCP = 6, UDP = 17, HOP_BY_HOP = 0, ROUTING = 43, OPTIONS = 60 };

/* Where the transport header begins; 0: nothing that has one of these checksums. */
static uint32_t transport_at(const uint8_t *packet, uint32_t len, uint8_t *proto)
{
	struct reader r = rd_init(packet, len);
	uint8_t first = rd_u8(&r), next;
	uint32_t at = 40;

	if (first >> 4 == 4) {
		rd_skip(&r, 8);
		*proto = rd_u8(&r);
		return rd_ok(&r) ? (first & 0xfu) * 4 : 0;
	}
	rd_skip(&r, 5);
	next = rd_u8(&r);
	rd_skip(&r, 33);
	while (rd_ok(&r) && (next == HOP_BY_HOP || next == ROUTING || next == OPTIONS)) {
		uint32_t more;

		next = rd_u8(&r);
		more = 8u * rd_u8(&r) + 6;
		rd_skip(&r, more);
		at += more + 2;
	}
	*proto = next;
	return rd_ok(&r) && first >> 4 == 6 ? at : 0;
}

void queue_complete(uint8_t *packet, uint32_t len)
{
	uint8_t proto = 0;
	uint32_t begin = transport_at(packet, len, &proto), at, sum = 0;
	struct reader r;

	if (!begin || (proto != TCP && proto != UDP))
		return;
	at = begin + (proto == TCP ? 16 : 6);
	if (at + 2 > len)
		return;
	r = rd_init(packet + begin, len - begin);
	while (rd_left(&r) >= 2)
		sum += rd_be16(&r);
	if (rd_left(&r))
		sum += (uint32_t)rd_u8(&r) << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (sum == 0 && proto == UDP)
		sum = 0xffff; /* 0 would mean that there is none (RFC 768) */
	packet[at] = (uint8_t)(sum >> 8);
	packet[at + 1] = (uint8_t)sum;
}
