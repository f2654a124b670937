#include "capture/fanout.h"

#include <linux/if_packet.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define TAGS 3 /* looked behind; a frame that comes in may have one more, which is off already */

#define LD_ABS(size) (BPF_LD | (size) | BPF_ABS)
#define LD_IND(size) (BPF_LD | (size) | BPF_IND)

/* Scratch memory of the program. */
enum { TYPE, ONE, OTHER, AT, MIX };

/* Odd numbers with well spread bits. */
#define FOLD	   0x01000193u
#define BY_ADDRESS 0x9e3779b1u
#define BY_MIDDLE  0x85ebca6bu
#define BY_END	   0xc2b2ae35u

static unsigned emit(struct fanout_program *p, uint16_t code, uint32_t k)
{
	p->insn[p->n] = (struct sock_filter){.code = code, .k = k};
	return p->n++;
}

/* Jumps when the accumulator is k; fanout_land() says whereto. */
static unsigned jump_if(struct fanout_program *p, uint32_t k)
{
	return emit(p, BPF_JMP | BPF_JEQ | BPF_K, k);
}

/* Always jumps. */
static unsigned jump(struct fanout_program *p)
{
	return emit(p, BPF_JMP | BPF_JA, 0);
}

/* Jumps unless the accumulator is k. */
static unsigned jump_unless(struct fanout_program *p, uint32_t k)
{
	jump_if(p, k);
	p->insn[p->n - 1].jt = 1;
	return jump(p);
}

/* The jump at that place leads to the instruction that comes next. */
static void land(struct fanout_program *p, unsigned from)
{
	unsigned over = p->n - from - 1;

	if (p->insn[from].code == (BPF_JMP | BPF_JA))
		p->insn[from].k = over;
	else
		p->insn[from].jt = (uint8_t)over;
}

/* X: where the network header is; memory TYPE: the Ethernet type, perhaps of a VLAN. */
static void find_network(struct fanout_program *p, bool ethernet)
{
	unsigned in, done = 0;

	if (ethernet) {
		emit(p, LD_ABS(BPF_W), (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
		in = jump_unless(p, PACKET_OUTGOING);
		emit(p, BPF_LDX | BPF_W | BPF_IMM, 14);
		emit(p, LD_ABS(BPF_H), 12);
		done = jump(p);
		land(p, in);
	}
	emit(p, BPF_LDX | BPF_W | BPF_IMM, 0);
	emit(p, LD_ABS(BPF_H), (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	if (ethernet)
		land(p, done);
	emit(p, BPF_ST, TYPE);
}

/* TPID and TCI have been read; the next type is behind the TCI (IEEE 802.1Q, 9.6). */
static void skip_tag(struct fanout_program *p)
{
	unsigned tag[3], none;

	emit(p, BPF_LD | BPF_MEM, TYPE);
	tag[0] = jump_if(p, 0x8100);
	tag[1] = jump_if(p, 0x88a8);
	tag[2] = jump_if(p, 0x9100);
	none = jump(p);
	land(p, tag[0]);
	land(p, tag[1]);
	land(p, tag[2]);
	emit(p, LD_IND(BPF_H), 2);
	emit(p, BPF_ST, TYPE);
	emit(p, BPF_MISC | BPF_TXA, 0);
	emit(p, BPF_ALU | BPF_ADD | BPF_K, 4);
	emit(p, BPF_MISC | BPF_TAX, 0);
	land(p, none);
}

static void take_word(struct fanout_program *p, uint32_t offset, uint32_t to)
{
	emit(p, LD_IND(BPF_W), offset);
	emit(p, BPF_ST, to);
}

/* to = ((w0 * FOLD + w1) * FOLD + w2) * FOLD + w3 */
static void fold_v6(struct fanout_program *p, uint32_t offset, uint32_t to)
{
	uint32_t i;

	emit(p, BPF_LDX | BPF_W | BPF_MEM, AT);
	take_word(p, offset, to);
	for (i = 1; i < 4; i++) {
		emit(p, BPF_LD | BPF_MEM, to);
		emit(p, BPF_ALU | BPF_MUL | BPF_K, FOLD);
		emit(p, BPF_ST, to);
		emit(p, BPF_LDX | BPF_W | BPF_MEM, AT);
		emit(p, LD_IND(BPF_W), offset + 4 * i);
		emit(p, BPF_LDX | BPF_W | BPF_MEM, to);
		emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
		emit(p, BPF_ST, to);
	}
}

static void stir(struct fanout_program *p, uint32_t shift)
{
	emit(p, BPF_ST, MIX);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, shift);
	emit(p, BPF_LDX | BPF_W | BPF_MEM, MIX);
	emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* Neighbours' numbers differ in a few low bits: spread them over the word first. */
static void mix(struct fanout_program *p, uint32_t which)
{
	emit(p, BPF_LD | BPF_MEM, which);
	emit(p, BPF_ALU | BPF_MUL | BPF_K, BY_ADDRESS);
	stir(p, 15);
	emit(p, BPF_ALU | BPF_MUL | BPF_K, BY_MIDDLE);
	stir(p, 13);
	emit(p, BPF_ST, which);
}

/* A sum does not care which is which. */
static void hash_pair(struct fanout_program *p)
{
	mix(p, ONE);
	mix(p, OTHER);
	emit(p, BPF_LDX | BPF_W | BPF_MEM, ONE);
	emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	emit(p, BPF_ALU | BPF_MUL | BPF_K, BY_END);
	stir(p, 16);
	emit(p, BPF_RET | BPF_A, 0);
}

void fanout_program(struct fanout_program *p, bool ethernet)
{
	unsigned i, v4, v6, arp, none[2], hash[2];

	p->n = 0;
	find_network(p, ethernet);
	for (i = 0; i < TAGS; i++)
		skip_tag(p);
	emit(p, BPF_LD | BPF_MEM, TYPE);
	v4 = jump_if(p, 0x0800);
	v6 = jump_if(p, 0x86dd);
	arp = jump_if(p, 0x0806);
	emit(p, BPF_RET | BPF_K, 0);

	land(p, arp); /* hardware type, protocol type, their sizes, operation, addresses */
	emit(p, LD_IND(BPF_W), 0);
	none[0] = jump_unless(p, 0x00010800);
	emit(p, LD_IND(BPF_H), 4);
	none[1] = jump_unless(p, 0x0604);
	take_word(p, 14, ONE);
	take_word(p, 24, OTHER);
	hash[0] = jump(p);
	land(p, none[0]);
	land(p, none[1]);
	emit(p, BPF_RET | BPF_K, 0);

	land(p, v4);
	take_word(p, 12, ONE);
	take_word(p, 16, OTHER);
	hash[1] = jump(p);

	land(p, v6);
	emit(p, BPF_STX, AT);
	fold_v6(p, 8, ONE);
	fold_v6(p, 24, OTHER);

	land(p, hash[0]);
	land(p, hash[1]);
	hash_pair(p);
}

static _Atomic uint8_t members[UINT16_MAX + 1]; /* of each group, in this process */

bool fanout_turn(uint16_t group, unsigned member)
{
	return atomic_load(&members[group]) >= member;
}

bool fanout_join(int fd, uint16_t group, bool ethernet)
{
	uint32_t arg = group | (uint32_t)PACKET_FANOUT_CBPF << 16;
	struct fanout_program p;
	struct sock_fprog prog;

	fanout_program(&p, ethernet);
	prog = (struct sock_fprog){.len = p.n, .filter = p.insn};
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &prog, sizeof(prog)) != 0)
		return false;
	atomic_fetch_add(&members[group], 1);
	return true;
}

void fanout_leave(uint16_t group)
{
	atomic_fetch_sub(&members[group], 1);
}
