#include "capture/ways.h"

#include "base/reader.h"

#include <stdbool.h>

#define HALF_MINUTE INT64_C(30000000000)
#define TCP	    6
#define TCP_ACK	    0x10

struct pair {
	const uint8_t *src, *dst;
	uint32_t len; /* bytes of an address */
};

/* Flags of the TCP header that the reader is at; RFC 9293, 3.1. */
static bool acknowledges(struct reader *r)
{
	rd_skip(r, 13);
	return rd_u8(r) & TCP_ACK;
}

/* RFC 791, 3.1; a later fragment has no TCP header. */
static bool find_v4(struct reader *r, struct pair *p)
{
	uint8_t words = rd_u8(r) & 0xf, protocol;
	uint16_t offset;

	rd_skip(r, 5);
	offset = rd_be16(r) & 0x1fff;
	rd_skip(r, 1);
	protocol = rd_u8(r);
	rd_skip(r, 2);
	p->src = rd_take(r, 4);
	p->dst = rd_take(r, 4);
	p->len = 4;
	if (words < 5 || protocol != TCP || offset)
		return false;
	rd_skip(r, (words - 5u) * 4);
	return acknowledges(r);
}

/* RFC 8200, 3; TCP behind extension headers is rare enough. */
static bool find_v6(struct reader *r, struct pair *p)
{
	uint8_t next;

	rd_skip(r, 6);
	next = rd_u8(r);
	rd_skip(r, 1);
	p->src = rd_take(r, 16);
	p->dst = rd_take(r, 16);
	p->len = 16;
	return next == TCP && acknowledges(r);
}

static bool find(struct reader *r, struct pair *p)
{
	const uint8_t *macs = rd_take(r, 12);
	uint16_t type = rd_be16(r);
	unsigned tags = 0;

	if (!macs || macs[0] & 1) /* to a group (IEEE 802, 8.2.2) */
		return false;
	for (; (type == 0x8100 || type == 0x88a8 || type == 0x9100) && tags < 3; tags++) {
		rd_skip(r, 2);
		type = rd_be16(r);
	}
	return (type == 0x0800 ? find_v4(r, p) : type == 0x86dd && find_v6(r, p)) && rd_ok(r);
}

static uint32_t hash(const uint8_t *a, uint32_t len)
{
	uint32_t h = 2166136261u, i; /* FNV-1a */

	for (i = 0; i < len; i++)
		h = (h ^ a[i]) * 16777619u;
	return h;
}

void ways_hear(struct ways *w, const uint8_t *frame, uint32_t len, int64_t time)
{
	struct reader r = rd_init(frame, len);
	struct pair p;
	uint8_t *slot;
	uint32_t h;
	unsigned i;

	if (!find(&r, &p))
		return;
	if (time - w->turned >= HALF_MINUTE || w->turned - time >= HALF_MINUTE) {
		w->turned = time;
		for (i = 0; i < WAYS_SLOTS; i++)
			w->heard[i] = (uint8_t)(w->heard[i] << 2 & 0xf);
	}
	h = hash(p.src, p.len) + hash(p.dst, p.len);
	slot = &w->heard[(h ^ h >> 16) % WAYS_SLOTS];
	*slot |= memcmp(p.src, p.dst, p.len) < 0 ? 1 : 2;
	if (((*slot | *slot >> 2) & 3) == 3)
		w->both++;
	else
		w->one++;
}
