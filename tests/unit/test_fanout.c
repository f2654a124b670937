/* The program that spreads frames over workers, as the kernel would run it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "capture/fanout.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#define IN  0 /* PACKET_HOST */
#define OUT 4 /* PACKET_OUTGOING */

struct frame {
	uint8_t b[256];
	uint32_t len;
};

static void put(struct frame *f, const void *p, uint32_t len)
{
	memcpy(f->b + f->len, p, len);
	f->len += len;
}

static void put16(struct frame *f, uint16_t v)
{
	put(f, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

/*
 * libpcap's interpreter knows nothing of what the kernel knows besides the bytes: those two loads
 * are made constants.
 */
static uint32_t decide(bool ethernet, const struct frame *f, int type, uint16_t protocol)
{
	struct bpf_insn insn[FANOUT_PROGRAM_MAX];
	struct fanout_program p;
	unsigned i;

	fanout_program(&p, ethernet);
	for (i = 0; i < p.n; i++) {
		const struct sock_filter *k = &p.insn[i];

		insn[i] = (struct bpf_insn){k->code, k->jt, k->jf, k->k};
		if (k->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
			insn[i] = (struct bpf_insn){BPF_LD | BPF_IMM, 0, 0, (uint32_t)type};
		if (k->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
			insn[i] = (struct bpf_insn){BPF_LD | BPF_IMM, 0, 0, protocol};
	}
	assert_true(bpf_validate(insn, p.n));
	return bpf_filter(insn, f->b, f->len, f->len);
}

/* A frame on the wire: MACs, tags, type; the network header comes behind. */
static struct frame begin(unsigned tags, uint16_t type)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	static const uint16_t tpid[] = {0x88a8, 0x9100, 0x8100};
	struct frame f = {.len = 0};
	unsigned i;

	put(&f, macs, 12);
	for (i = 0; i < tags; i++) {
		put16(&f, tpid[tags == 1 ? 2 : i]);
		put16(&f, (uint16_t)(100 + i));
	}
	put16(&f, type);
	return f;
}

/* As the kernel shows it to the program: outgoing whole, incoming without the first headers. */
static uint32_t seen(const struct frame *f, int type)
{
	struct frame inner = {.len = 0};
	uint32_t off = 12;
	uint16_t protocol;

	if (type == OUT)
		return decide(true, f, OUT, (uint16_t)(f->b[12] << 8 | f->b[13]));
	protocol = (uint16_t)(f->b[off] << 8 | f->b[off + 1]);
	if (protocol == 0x8100 || protocol == 0x88a8)
		off += 4;
	protocol = (uint16_t)(f->b[off] << 8 | f->b[off + 1]);
	put(&inner, f->b + off + 2, f->len - off - 2);
	return decide(true, &inner, type, protocol);
}

static struct frame v4(unsigned tags, uint32_t src, uint32_t dst, uint16_t port)
{
	struct frame f = begin(tags, 0x0800);
	static const uint8_t head[12] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0};

	put(&f, head, 12);
	put16(&f, (uint16_t)(src >> 16));
	put16(&f, (uint16_t)src);
	put16(&f, (uint16_t)(dst >> 16));
	put16(&f, (uint16_t)dst);
	put16(&f, port);
	put(&f, (uint8_t[18]){0}, 18);
	return f;
}

static struct frame v6(unsigned tags, uint8_t src, uint8_t dst)
{
	struct frame f = begin(tags, 0x86dd);
	uint8_t head[40] = {0x60, [6] = 6, [7] = 64, [8] = 0xfd, [24] = 0xfd};

	head[8 + src % 16] ^= src;
	head[23] = src;
	head[24 + dst % 16] ^= dst;
	head[39] = dst;
	put(&f, head, 40);
	return f;
}

static struct frame arp(unsigned tags, uint32_t src, uint32_t dst, uint16_t op)
{
	struct frame f = begin(tags, 0x0806);
	static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};

	put(&f, head, 6);
	put16(&f, op);
	put(&f, (uint8_t[6]){2}, 6);
	put16(&f, (uint16_t)(src >> 16));
	put16(&f, (uint16_t)src);
	put(&f, (uint8_t[6]){2}, 6);
	put16(&f, (uint16_t)(dst >> 16));
	put16(&f, (uint16_t)dst);
	return f;
}

#define A 0x0a320005u
#define B 0x0a32000bu

static void both_directions_and_all_tags_agree(void **state)
{
	const struct frame plain = v4(0, A, B, 502);
	uint32_t want = seen(&plain, IN);
	unsigned tags;

	(void)state;
	assert_int_not_equal(want, 0);
	for (tags = 0; tags <= 3; tags++) {
		const struct frame there = v4(tags, A, B, 502), back = v4(tags, B, A, 9999);

		assert_int_equal(seen(&there, IN), want);
		assert_int_equal(seen(&back, IN), want);
		assert_int_equal(seen(&there, OUT), want);
		assert_int_equal(seen(&back, OUT), want);
	}
}

static void arp_goes_where_ip_goes(void **state)
{
	const struct frame ip = v4(0, A, B, 502), asks = arp(1, A, B, 1), answers = arp(0, B, A, 2);
	struct frame other = arp(0, A, B, 1);

	(void)state;
	assert_int_equal(seen(&asks, IN), seen(&ip, IN));
	assert_int_equal(seen(&answers, IN), seen(&ip, IN));
	other.b[14 + 1] = 6; /* IEEE 802 networks: their hardware addresses may be longer */
	assert_int_equal(seen(&other, IN), 0);
	other = arp(0, A, B, 1);
	other.b[14 + 4] = 8;
	assert_int_equal(seen(&other, IN), 0);
}

static void ipv6_is_symmetric_and_looks_at_all_bytes(void **state)
{
	unsigned i, tags;

	(void)state;
	for (tags = 0; tags <= 3; tags++) {
		const struct frame there = v6(tags, 1, 2), back = v6(tags, 2, 1),
				   plain = v6(0, 1, 2);

		assert_int_equal(seen(&there, IN), seen(&back, IN));
		assert_int_equal(seen(&there, IN), seen(&back, OUT));
		assert_int_equal(seen(&there, IN), seen(&plain, IN));
	}
	for (i = 0; i < 32; i++) { /* one byte of an address differs */
		const struct frame base = v6(0, 1, 2);
		struct frame f = base;

		f.b[14 + 8 + i] ^= 0x40;
		assert_int_not_equal(seen(&f, IN), seen(&base, IN));
	}
}

static void what_has_no_addresses_goes_to_the_first(void **state)
{
	static const uint16_t types[] = {0x88cc, 0x8892, 0x88a4, 0x0026};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct frame f = begin(i % 2, types[i]);

		put(&f, (uint8_t[46]){0xff, 1, 2, 3}, 46);
		assert_int_equal(seen(&f, IN), 0);
		assert_int_equal(seen(&f, OUT), 0);
	}
}

static void what_is_cut_short_goes_to_the_first(void **state)
{
	struct frame f = v4(2, A, B, 502);
	uint32_t whole = f.len;

	(void)state;
	for (f.len = 14; f.len < whole - 20; f.len++)
		assert_int_equal(seen(&f, OUT), 0);
	f.len = whole - 20; /* the addresses are there */
	assert_int_not_equal(seen(&f, OUT), 0);
}

/* Neighbouring addresses, as factories number them, must not all land on one of few workers. */
static void pairs_are_spread(void **state)
{
	unsigned workers, w, client, device;

	(void)state;
	for (workers = 2; workers <= 8; workers++) {
		unsigned got[8] = {0};

		for (client = 1; client <= 8; client++)
			for (device = 10; device < 74; device++) {
				const struct frame f =
					v4(0, 0x0a280000 + client, 0x0a320000 + device, 1);

				got[seen(&f, IN) % workers]++;
			}
		for (w = 0; w < workers; w++) /* 512 pairs */
			assert_in_range(got[w], 512 / workers * 6 / 10, 512 / workers * 14 / 10);
	}
}

static void without_ethernet_the_network_header_comes_first(void **state)
{
	const struct frame there = v4(0, A, B, 502), back = v4(0, B, A, 502);
	struct frame ip[2] = {{.len = 0}, {.len = 0}};

	(void)state;
	put(&ip[0], there.b + 14, there.len - 14);
	put(&ip[1], back.b + 14, back.len - 14);
	assert_int_equal(decide(false, &ip[0], IN, 0x0800), seen(&there, IN));
	assert_int_equal(decide(false, &ip[1], OUT, 0x0800), seen(&there, IN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_and_all_tags_agree),
		cmocka_unit_test(arp_goes_where_ip_goes),
		cmocka_unit_test(ipv6_is_symmetric_and_looks_at_all_bytes),
		cmocka_unit_test(what_has_no_addresses_goes_to_the_first),
		cmocka_unit_test(what_is_cut_short_goes_to_the_first),
		cmocka_unit_test(pairs_are_spread),
		cmocka_unit_test(without_ethernet_the_network_header_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
