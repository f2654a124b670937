/*
 * frame.h - builds frames for tests, header by header, front to back.
 *
 * Lengths and checksums are filled in by the _end functions, which are called inside out. The
 * checksum here is the plain one of RFC 1071, on purpose not the one of the decoder.
 */
#ifndef KIDOBAN_TESTS_FRAME_H
#define KIDOBAN_TESTS_FRAME_H

#include "base/addr.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct frame {
	uint8_t b[80000];
	uint32_t n;
};

static inline void frame_put(struct frame *f, const void *p, uint32_t n)
{
	assert(f->n + n <= sizeof(f->b));
	memcpy(f->b + f->n, p, n);
	f->n += n;
}

static inline void frame_u8(struct frame *f, unsigned v)
{
	uint8_t b = (uint8_t)v;

	frame_put(f, &b, 1);
}

static inline void frame_u16(struct frame *f, unsigned v)
{
	frame_u8(f, v >> 8);
	frame_u8(f, v);
}

static inline void frame_u32(struct frame *f, uint32_t v)
{
	frame_u16(f, v >> 16);
	frame_u16(f, v & 0xffff);
}

static inline void frame_zero(struct frame *f, uint32_t n)
{
	while (n--)
		frame_u8(f, 0);
}

static inline void frame_str(struct frame *f, const char *s)
{
	frame_put(f, s, (uint32_t)strlen(s));
}

static inline void frame_set16(struct frame *f, uint32_t at, unsigned v)
{
	f->b[at] = (uint8_t)(v >> 8);
	f->b[at + 1] = (uint8_t)v;
}

static inline uint32_t frame_sum(const uint8_t *p, uint32_t n, uint32_t sum)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline void frame_eth(struct frame *f, unsigned type)
{
	frame_put(f, "\x02\x00\x00\x00\x00\x02", 6); /* to */
	frame_put(f, "\x02\x00\x00\x00\x00\x01", 6); /* from */
	frame_u16(f, type);
}

static inline void frame_vlan(struct frame *f, unsigned id, unsigned type)
{
	frame_u16(f, id);
	frame_u16(f, type);
}

/* 10.0.0.1 to 10.0.0.2. place: flags and offset field. Returns where it begins. */
static inline uint32_t frame_ip4(struct frame *f, unsigned proto, unsigned id, unsigned place)
{
	uint32_t at = f->n;

	frame_u16(f, 0x4500);
	frame_u16(f, 0);
	frame_u16(f, id);
	frame_u16(f, place);
	frame_u8(f, 64);
	frame_u8(f, proto);
	frame_u16(f, 0);
	frame_put(f, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	return at;
}

static inline void frame_ip4_sum(struct frame *f, uint32_t at)
{
	frame_set16(f, at + 10, 0);
	frame_set16(f, at + 10, ~frame_sum(f->b + at, (f->b[at] & 15u) * 4, 0) & 0xffff);
}

static inline void frame_ip4_end(struct frame *f, uint32_t at)
{
	frame_set16(f, at + 2, f->n - at);
	frame_ip4_sum(f, at);
}

/* fd00::1 to fd00::2. */
static inline uint32_t frame_ip6(struct frame *f, unsigned next)
{
	uint32_t at = f->n;

	frame_u32(f, 0x60000000);
	frame_u16(f, 0);
	frame_u8(f, next);
	frame_u8(f, 64);
	frame_put(f, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	frame_put(f, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	return at;
}

static inline void frame_ip6_end(struct frame *f, uint32_t at)
{
	frame_set16(f, at + 4, f->n - at - 40);
}

/* Puts the right checksum at sum_at for the transport that goes from at to the end. */
static inline void frame_l4_sum(struct frame *f, uint32_t ip, uint32_t at, unsigned proto,
				uint32_t sum_at)
{
	uint32_t sum;

	frame_set16(f, sum_at, 0);
	if (f->b[ip] >> 4 == 4)
		sum = frame_sum(f->b + ip + 12, 8, proto);
	else
		sum = frame_sum(f->b + ip + 8, 32, proto);
	sum = frame_sum(f->b + at, f->n - at, sum + f->n - at);
	frame_set16(f, sum_at, ~sum & 0xffff);
}

static inline uint32_t frame_tcp(struct frame *f, unsigned sport, unsigned dport, uint32_t seq,
				 unsigned flags)
{
	uint32_t at = f->n;

	frame_u16(f, sport);
	frame_u16(f, dport);
	frame_u32(f, seq);
	frame_u32(f, 0x01020304);
	frame_u8(f, 0x50);
	frame_u8(f, flags);
	frame_u16(f, 0x2000);
	frame_u32(f, 0);
	return at;
}

static inline void frame_tcp_end(struct frame *f, uint32_t ip, uint32_t at)
{
	frame_l4_sum(f, ip, at, 6, at + 16);
}

static inline uint32_t frame_udp(struct frame *f, unsigned sport, unsigned dport)
{
	uint32_t at = f->n;

	frame_u16(f, sport);
	frame_u16(f, dport);
	frame_u32(f, 0);
	return at;
}

static inline void frame_udp_end(struct frame *f, uint32_t ip, uint32_t at)
{
	frame_set16(f, at + 4, f->n - at);
	frame_l4_sum(f, ip, at, 17, at + 6);
}

/* IPv4 with UDP 1000 -> 2000 and a text, without a link header. */
static inline void frame_ip4_udp(struct frame *f, const char *text)
{
	uint32_t ip = frame_ip4(f, 17, 1, 0), at = frame_udp(f, 1000, 2000);

	frame_str(f, text);
	frame_udp_end(f, ip, at);
	frame_ip4_end(f, ip);
}

/* IPv4 with TCP 1000 -> 502 and a text, without a link header. */
static inline void frame_ip4_tcp(struct frame *f, const char *text)
{
	uint32_t ip = frame_ip4(f, 6, 1, 0), at = frame_tcp(f, 1000, 502, 7, 0x18);

	frame_str(f, text);
	frame_tcp_end(f, ip, at);
	frame_ip4_end(f, ip);
}

#endif
