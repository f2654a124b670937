/*
 * What the kernel hands to kidoban, and what kidoban tells the kernel while the ruleset stays.
 *
 *   inspect_NAME --> hand_open ----> settled under this policy already? accept
 *                                --> which worker?   queue_open_N
 *   queue_open_N     its worker is alive (set alive_N)? queue 2N, else accept
 *   queue_closed_N   queue 2N + 1
 *   settled          behind the queues: what they say of a connection is kept with it
 *   quarantined      first of all: hosts in the sets quarantine_v4, _v6, _mac; never safety zones
 *
 * Both ways between two hosts must come to the same worker, whatever protocol they speak, for one
 * conversation may be about the other (CIP over TCP opens connections over UDP). nftables cannot
 * compare two addresses, so each is hashed alone, and the sum of both says which worker it is.
 */
#include "base/hash.h"
#include "base/mark.h"
#include "policy/nft_write.h"

#define SEED 0x6b69u /* without one every rule has its own */

static const char *const fates[] = {"closed", "open"};

static unsigned workers_of(const struct nft_writer *w)
{
	return w->cfg->workers ? w->cfg->workers : 1;
}

static bool hands_on(const struct nft_writer *w)
{
	return w->cfg->enforce && w->cfg->inspect != NFT_ACCEPT;
}

uint16_t policy_nft_generation(const struct policy *p, enum policy_operating_mode mode)
{
	return (uint16_t)(hash_u64(p->digest, mode) % UINT16_MAX + 1);
}

void policy_nft_grant_set(const struct policy *p, uint32_t conduit, char name[NFT_SET_NAME_SIZE])
{
	struct arena a = {0};

	snprintf(name, NFT_SET_NAME_SIZE, "grant_%s",
		 nft_name(&a, p->conduit[conduit].pub.id, conduit));
	arena_free(&a);
}

static uint32_t settled(const struct nft_writer *w)
{
	return MARK_SETTLED | policy_nft_generation(w->policy, policy_operating_mode(w->policy));
}

void nft_put_inspection(struct nft_writer *w, bool fail_open)
{
	if (!hands_on(w)) {
		fputs("\t\taccept\n", w->chains);
		return;
	}
	w->hands[fail_open] = 1;
	fprintf(w->chains, "\t\tgoto hand_%s\n", fates[fail_open]);
}

/* ------------------------------------------------------------------------------ which worker */

static void put_hash(struct nft_writer *w, const char *side, const char *chain, unsigned first)
{
	static const char *const families[] = {"ip", "ip6"};
	unsigned f, i, n = workers_of(w);

	for (f = 0; f < 2; f++) {
		fprintf(w->chains, "\t\tjhash %s %s mod %u seed 0x%x vmap {", families[f], side, n,
			SEED);
		for (i = 0; i < n; i++)
			fprintf(w->chains, "%s %u : goto %s%u", i ? "," : "", i, chain,
				(first + i) % n);
		fputs(" }\n", w->chains);
	}
}

static void put_queue(struct nft_writer *w, bool open, unsigned worker)
{
	unsigned queue = w->cfg->queue + 2 * worker + !open;
	FILE *f = w->chains;

	fprintf(f, "\tchain queue_%s_%u {\n\t\t", fates[open], worker);
	if (open)
		fprintf(f, "meta nfproto @alive_%u ", worker);
	if (w->cfg->inspect == NFT_QUEUE)
		fprintf(f, "queue num %u%s\n", queue, open ? " bypass" : "");
	else
		fprintf(f, "meta mark set 0x%08x%s\n",
			(open ? MARK_OPEN : MARK_CLOSED) | worker << 8,
			open ? ""
			     : " comment \"whoever takes it from here says what becomes of it\"");
	if (open || w->cfg->inspect == NFT_MARK)
		fputs("\t\taccept\n", f);
	fputs("\t}\n\n", f);
}

static void put_hand(struct nft_writer *w, bool open)
{
	unsigned i, n = workers_of(w);
	struct arena *a = &w->plan.arena;

	fprintf(w->chains, "\tchain hand_%s {\n\t\tct mark 0x%08x accept comment \"settled\"\n",
		fates[open], settled(w));
	if (n == 1)
		fprintf(w->chains, "\t\tgoto queue_%s_0\n", fates[open]);
	else
		put_hash(w, "saddr", arena_printf(a, "hand_%s_", fates[open]), 0);
	fputs("\t}\n\n", w->chains);
	for (i = 0; n > 1 && i < n; i++) {
		fprintf(w->chains, "\tchain hand_%s_%u {\n", fates[open], i);
		put_hash(w, "daddr", arena_printf(a, "queue_%s_", fates[open]), i);
		fputs("\t}\n\n", w->chains);
	}
	for (i = 0; i < n; i++)
		put_queue(w, open, i);
}

/* Marks of the user's own stay, and those of assets known by their MAC alone; then a connection is
 * inspected to its end. */
static void put_settled(struct nft_writer *w)
{
	uint32_t mark = settled(w);

	fprintf(w->chains,
		"\tchain settled {\n"
		"\t\ttype filter hook forward priority filter + 5; policy accept;\n"
		"\t\tmeta mark 0x%08x ct mark 0 ct mark set 0x%08x\n"
		"\t\tmeta mark 0x%08x ct mark and 0x%08x == 0x%08x ct mark set 0x%08x\n\t}\n\n",
		mark, mark, mark, MARK_KIND, MARK_SETTLED, mark);
}

static void put_quarantined(struct nft_writer *w)
{
	fputs("\tchain quarantined {\n", w->chains);
	nft_put_spared(w, "return");
	fputs("\t\tcounter name \"quarantined\"\n"
	      "\t\tlimit rate 10/minute burst 20 packets log prefix \"kidoban quarantined \" level "
	      "warn\n"
	      "\t\tdrop\n\t}\n\n",
	      w->chains);
}

void nft_put_hand_chains(struct nft_writer *w)
{
	if (w->cfg->enforce)
		put_quarantined(w);
	if (w->hands[1])
		put_hand(w, true);
	if (w->hands[0])
		put_hand(w, false);
	if (w->hands[0] || w->hands[1])
		put_settled(w);
}

void nft_put_hand_first(struct nft_writer *w)
{
	if (!w->cfg->enforce)
		return;
	fputs("\t\tip saddr @quarantine_v4 jump quarantined\n"
	      "\t\tip daddr @quarantine_v4 jump quarantined\n"
	      "\t\tip6 saddr @quarantine_v6 jump quarantined\n"
	      "\t\tip6 daddr @quarantine_v6 jump quarantined\n"
	      "\t\tether saddr @quarantine_mac jump quarantined\n",
	      w->chains);
}

void nft_put_hand_sets(struct nft_writer *w)
{
	static const char *const quarantines[][2] = {
		{"v4", "ipv4_addr"}, {"v6", "ipv6_addr"}, {"mac", "ether_addr"}};
	unsigned i;

	fprintf(w->out,
		"\t# hosts that are isolated, for example:\n"
		"\t# nft add element inet %s quarantine_v4 '{ 192.0.2.7 timeout 1h }'\n",
		w->cfg->table);
	for (i = 0; i < sizeof(quarantines) / sizeof(*quarantines); i++)
		fprintf(w->out, "\tset quarantine_%s {\n\t\ttype %s\n\t\tflags timeout\n\t}\n\n",
			quarantines[i][0], quarantines[i][1]);
	for (i = 0; w->hands[1] && i < workers_of(w); i++)
		fprintf(w->out,
			"\t# kidoban's worker %u says that it is alive\n"
			"\tset alive_%u {\n\t\ttype nf_proto\n\t\tflags timeout\n\t}\n\n",
			i, i);
}

void nft_put_hand_heading(struct nft_writer *w)
{
	if (!w->hands[0] && !w->hands[1])
		return;
	fprintf(w->out,
		"# uses ct mark and meta mark 0x%08x for connections that need no more "
		"inspection\n",
		settled(w));
	if (w->cfg->inspect == NFT_MARK)
		fprintf(w->out,
			"# meta mark 0x%08x: inspect, pass when nobody does; 0x%08x: do not pass "
			"then\n"
			"# they are handed on by: kidoban export iptables --queue %u --workers %u "
			"| "
			"sh\n",
			MARK_OPEN, MARK_CLOSED, w->cfg->queue, workers_of(w));
}

/* ------------------------------------------------------------------------------ iptables */

void policy_nft_iptables(uint16_t queue, unsigned workers, FILE *out)
{
	unsigned i;

	fputs("#!/bin/sh -e\n"
	      "# made by kidoban export: hands packets that the ruleset of nftables has marked to\n"
	      "# the queues of kidoban; both worker 0's, then both of worker 1, ...\n"
	      "for cmd in iptables-nft ip6tables-nft; do\n"
	      "\t$cmd -w -N KIDOBAN 2>/dev/null || $cmd -w -F KIDOBAN\n",
	      out);
	for (i = 0; i < workers; i++)
		fprintf(out,
			"\t$cmd -w -A KIDOBAN -m mark --mark 0x%08x -j NFQUEUE --queue-num %u "
			"--queue-bypass\n"
			"\t$cmd -w -A KIDOBAN -m mark --mark 0x%08x -j NFQUEUE --queue-num %u\n",
			MARK_OPEN | i << 8, queue + 2 * i, MARK_CLOSED | i << 8, queue + 2 * i + 1);
	fputs("\t$cmd -w -C FORWARD -j KIDOBAN 2>/dev/null || $cmd -w -I FORWARD -j KIDOBAN\n"
	      "done\n",
	      out);
}
