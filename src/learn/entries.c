/*
 * The entries of allow of a pair: as a draft, all of what it speaks; after the second look, what of
 * it was needed.
 */
#include "learn/learn.h"

#include <inttypes.h>
#include <stdlib.h>

#define PORTS_WRITTEN 8 /* ranges of one service; nearer ones become one */

static const struct learn_link *link_at(const struct learn *l, const struct learn_pair *p,
					uint32_t i)
{
	return &l->link[l->order[p->link + i]];
}

static void put_numbers(FILE *f, const struct seen_numbers *s)
{
	unsigned i;

	fputs(s->count > 1 ? "[" : "", f);
	for (i = 0; i < s->count; i++) {
		fprintf(f, "%s%" PRIu64, i ? ", " : "", s->range[i].lo);
		if (s->range[i].hi != s->range[i].lo)
			fprintf(f, "-%" PRIu64, s->range[i].hi);
	}
	fputs(s->count > 1 ? "]" : "", f);
}

/* --- protocols --- */

static uint16_t pair_classes(const struct learn *l, const struct learn_pair *p, unsigned vocab)
{
	uint16_t all = 0;
	uint32_t i;

	for (i = 0; i < p->links; i++)
		all |= link_at(l, p, i)->classes[vocab];
	return all;
}

/* Sessions and discovery of what carries another protocol come along with that. */
static bool comes_along(const struct learn *l, const struct learn_pair *p, unsigned vocab)
{
	unsigned i;

	if (pair_classes(l, p, vocab) & (uint16_t) ~(1u << OP_SESSION))
		return false;
	for (i = 0; i < LEARN_VOCABS && vocab_at(i); i++)
		if (vocab_at(i)->carrier && pair_classes(l, p, i) &&
		    strcmp(vocab_at(i)->carrier, vocab_at(vocab)->proto) == 0)
			return true;
	return false;
}

/* The ports on which the pair speaks it; none: it does not, or needs no entry for it. */
static struct seen_numbers proto_ports(const struct learn *l, const struct learn_pair *p,
				       unsigned vocab)
{
	struct seen_numbers ports = {.count = 0};
	uint32_t i, k;

	if (comes_along(l, p, vocab))
		return ports;
	for (i = 0; i < p->links; i++) {
		const struct learn_link *x = link_at(l, p, i);
		bool silent = x->claimed;

		for (k = 0; k < LEARN_VOCABS; k++)
			silent = silent && !x->classes[k];
		if (x->classes[vocab] ||
		    (silent && strcmp(x->claimant, vocab_at(vocab)->proto) == 0))
			seen_add(&ports, x->port, x->port);
	}
	return ports;
}

static void put_proto(FILE *f, const char *proto, const char *what,
		      const struct seen_numbers *ports)
{
	fprintf(f, "- %s: {do: %s, port: ", proto, what);
	put_numbers(f, ports);
	fputs("}\n", f);
}

/* --- services --- */

enum kind { KIND_TCP, KIND_UDP, KIND_ICMP, KIND_IP, KINDS };

static enum kind kind_of(const struct learn_link *x)
{
	switch (x->ip_proto) {
	case 6:
		return KIND_TCP;
	case 17:
		return KIND_UDP;
	case 1:
	case 58:
		return KIND_ICMP;
	default:
		return KIND_IP;
	}
}

/* A port whose protocol kidoban knows is judged by that, unless something else was said there. */
static bool is_service(const struct learn *l, const struct learn_pair *p,
		       const struct learn_link *x)
{
	uint32_t i;

	if (!x->tried)
		return false;
	if (x->plain || (x->ip_proto != 6 && x->ip_proto != 17))
		return true;
	for (i = 0; i < p->links; i++)
		if (link_at(l, p, i)->claimed && link_at(l, p, i)->ip_proto == x->ip_proto &&
		    link_at(l, p, i)->port == x->port)
			return false;
	return true;
}

static const char *icmp_word(uint8_t ip_proto, unsigned type)
{
	static const struct {
		uint8_t v4, v6;
		const char *word;
	} words[] = {
		{0, 128, "echo"},
		{8, 129, "echo"},
		{3, 1, "unreachable"},
		{255, 2, "too-big"},
		{5, 137, "redirect"},
		{11, 3, "time-exceeded"},
		{12, 4, "parameter-problem"},
		{13, 255, "timestamp"},
		{14, 255, "timestamp"},
	};
	unsigned i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (type == (ip_proto == 1 ? words[i].v4 : words[i].v6))
			return words[i].word;
	return "any";
}

static void put_icmp(FILE *f, const struct learn *l, const struct learn_pair *p)
{
	static const char *const order[] = {
		"any",	    "echo",	     "unreachable",	  "too-big",
		"redirect", "time-exceeded", "parameter-problem", "timestamp"};
	bool has[8] = {false};
	unsigned i, n = 0, k = 0;
	uint32_t at;

	for (at = 0; at < p->links; at++) {
		const struct learn_link *x = link_at(l, p, at);

		for (i = 0; kind_of(x) == KIND_ICMP && i < 8; i++)
			if (strcmp(order[i], icmp_word(x->ip_proto, x->port >> 8)) == 0)
				has[i] = true;
	}
	for (i = 0; i < 8; i++)
		n += has[i];
	if (!n)
		return;
	fprintf(f, "- icmp: %s", n > 1 && !has[0] ? "[" : "");
	for (i = 0; i < 8 && !(has[0] && i); i++)
		if (has[i])
			fprintf(f, "%s%s", k++ ? ", " : "", order[i]);
	fprintf(f, "%s\n", n > 1 && !has[0] ? "]" : "");
}

static void put_services(FILE *f, const struct learn *l, const struct learn_pair *p)
{
	static const char *const names[] = {"tcp", "udp", NULL, "ip"};
	struct seen_numbers n;
	unsigned kind;
	uint32_t i;

	for (kind = 0; kind < KINDS; kind++) {
		n.count = 0;
		if (kind == KIND_ICMP) {
			put_icmp(f, l, p);
			continue;
		}
		for (i = 0; i < p->links; i++) {
			const struct learn_link *x = link_at(l, p, i);

			if (kind_of(x) != kind || !is_service(l, p, x))
				continue;
			if (kind == KIND_IP)
				seen_add(&n, x->ip_proto, x->ip_proto);
			else
				seen_add(&n, x->port, x->port);
		}
		seen_merge(&n, PORTS_WRITTEN);
		if (!n.count)
			continue;
		fprintf(f, "- %s: ", names[kind]);
		put_numbers(f, &n);
		fputc('\n', f);
	}
}

/* --- both --- */

char *learn_entries(const struct learn *l, const struct learn_pair *p)
{
	struct seen_numbers ports;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	unsigned i;

	for (i = 0; f && i < LEARN_VOCABS && vocab_at(i); i++) {
		ports = proto_ports(l, p, i);
		seen_merge(&ports, PORTS_WRITTEN);
		if (ports.count)
			put_proto(f, vocab_at(i)->proto, "any", &ports);
	}
	if (!f)
		return NULL;
	put_services(f, l, p);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* The entries of one pair, in the order of the draft. */
static void narrow_pair(struct learn *l, const struct learn_pair *p, struct policy_usage *usage,
			uint32_t conduit, FILE *f)
{
	struct seen_numbers ports;
	uint32_t entry = 0;
	const char *text;
	unsigned i;

	for (i = 0; i < LEARN_VOCABS && vocab_at(i); i++) {
		ports = proto_ports(l, p, i);
		seen_merge(&ports, PORTS_WRITTEN);
		if (!ports.count)
			continue;
		text = p->whole ? NULL : policy_usage_narrow(usage, conduit, entry);
		entry++;
		if (text && *text)
			fputs(text, f);
		else
			put_proto(f, vocab_at(i)->proto, text ? "session" : "any", &ports);
	}
	put_services(f, l, p);
}

void learn_narrow(struct learn *l, struct policy_usage *usage)
{
	uint32_t i;

	for (i = 0; i < l->pairs; i++) {
		char *buf = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&buf, &len);

		l->pair[i].text = "";
		if (!f)
			continue;
		narrow_pair(l, &l->pair[i], usage, i, f);
		if (fclose(f) == 0 && buf)
			l->pair[i].text = arena_text(&l->arena, buf, len);
		free(buf);
	}
}
