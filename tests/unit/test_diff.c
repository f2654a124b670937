/*
 * Two policies compared, against brute force: random policies and random edits of them. Wherever
 * the matchers of the two disagree on some flow or op, the comparison must say so and in which
 * direction; what is the same written otherwise must be no difference. DIFF_SEED=n repeats a run.
 */
#include "policy/diff.h"
#include "policy/now.h"

#include "policy_base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "random_rules.h"

#define EDITS	 200
#define REWRITES 150
#define SAMPLES	 1500 /* flows and ops asked of both, per edit */

#define NETS	 4
#define HOSTS	 6
#define CONDUITS 8
#define ENTRIES	 3

/* --- a policy as text that can be edited --- */

struct part {
	unsigned from[3], to[3], nfrom, nto; /* below NETS: a zone; then hosts */
	char entry[ENTRIES][400];
	unsigned entries;
	bool grant, services, rules;
};

struct sketch {
	unsigned zone_of[NETS]; /* which zone has network i */
	bool host[HOSTS];	/* is a listed asset */
	bool by_mac[HOSTS];	/* without its address */
	unsigned trust[HOSTS];	/* 0: nothing is said */
	bool uplink[NETS], listed[NETS];
	struct part part[2 * CONDUITS];
	unsigned parts;
	bool default_allow;
	bool update; /* there is an update conduit, from and to these hosts (or to a zone) */
	unsigned updater, updated;
	bool shuffled, renamed;
};

static unsigned host_net(unsigned h)
{
	return h % NETS;
}

static void random_entry(struct part *p)
{
	char *e = p->entry[p->entries++];
	size_t at = used;
	unsigned lo = rnd(6);

	if (rnd(4) == 0) {
		static const char *const kinds[] = {"tcp", "udp", "ip", "icmp"};
		const char *kind = PICK(kinds);

		p->services = true;
		put("      - %s: ", kind);
		if (strcmp(kind, "icmp") == 0)
			put("echo\n");
		else if (strcmp(kind, "ip") == 0)
			put("%s\n", rnd(2) ? "any" : "[6, 47]");
		else
			put("[%u-%u, %u]\n", lo, lo + rnd(4), rnd(12));
	} else {
		p->rules = true;
		put_rule((enum proto)rnd(PROTOS));
	}
	assert_true(used - at < sizeof(p->entry[0]));
	memcpy(e, text + at, used - at);
	e[used - at] = '\0';
	used = at;
}

static void random_ends(unsigned *end, unsigned *n, const struct sketch *s)
{
	unsigned i;

	*n = 1 + rnd(3);
	for (i = 0; i < *n; i++) {
		do
			end[i] = rnd(NETS + HOSTS);
		while (end[i] >= NETS && !s->host[end[i] - NETS]);
	}
}

static void random_part(struct part *p, const struct sketch *s)
{
	unsigned n = rnd(ENTRIES + 1);

	*p = (struct part){.grant = rnd(4) == 0};
	random_ends(p->from, &p->nfrom, s);
	random_ends(p->to, &p->nto, s);
	while (p->entries < n)
		random_entry(p);
}

/* Who may update which; a conduit that goes around it does not load. */
static void random_update(struct sketch *s)
{
	s->update = true;
	s->updater = rnd(HOSTS);
	s->updated = rnd(NETS + HOSTS);
}

static struct sketch random_sketch(void)
{
	struct sketch s = {.default_allow = rnd(6) == 0};
	unsigned i;

	for (i = 0; i < NETS; i++) {
		s.zone_of[i] = i;
		s.uplink[i] = rnd(10) == 0;
		s.listed[i] = rnd(10) == 0;
	}
	for (i = 0; i < HOSTS; i++) {
		s.host[i] = rnd(5) != 0;
		s.by_mac[i] = rnd(8) == 0;
		s.trust[i] = rnd(3) ? 0 : rnd(5);
	}
	if (rnd(5) == 0)
		random_update(&s);
	s.parts = 1 + rnd(CONDUITS);
	for (i = 0; i < s.parts; i++)
		random_part(&s.part[i], &s);
	return s;
}

static void put_end(unsigned end, bool renamed)
{
	put("%s%c%u", renamed ? "n" : "", end < NETS ? 'z' : 'a', end < NETS ? end : end - NETS);
}

static void put_ends(const char *key, const unsigned *end, unsigned n, const struct sketch *s)
{
	unsigned i;

	put("    %s: [", key);
	for (i = 0; i < n; i++) {
		put("%s", i ? ", " : "");
		put_end(end[s->shuffled ? n - 1 - i : i], s->renamed);
	}
	put("]\n");
}

static const char *const trusts[] = {"", "unknown", "minimal", "known", "full"};

static struct policy *load_sketch(const struct sketch *s)
{
	unsigned i, k, n;
	struct diag diag = {.count = 0};
	struct policy *loaded;
	const char *comma;

	used = 0;
	put("default: %s\nzones:\n", s->default_allow ? "allow" : "deny");
	for (n = 0; n < NETS; n++) {
		i = s->shuffled ? NETS - 1 - n : n;
		put("  ");
		put_end(i, s->renamed);
		put(": {level: control, networks: [");
		for (k = 0, comma = ""; k < NETS; k++)
			if (s->zone_of[k] == i) {
				put("%s10.%u.0.0/16", comma, k);
				comma = ", ";
			}
		put("]%s%s}\n", s->uplink[i] ? ", uplink-only: true" : "",
		    s->listed[i] ? ", unknown-devices: deny" : "");
	}
	put("assets:\n");
	for (n = 0; n < HOSTS; n++) {
		i = s->shuffled ? HOSTS - 1 - n : n;
		if (!s->host[i])
			continue;
		put("  ");
		put_end(NETS + i, s->renamed);
		put(": {zone: ");
		put_end(s->zone_of[host_net(i)], s->renamed);
		if (s->trust[i])
			put(", trust: %s", trusts[s->trust[i]]);
		if (s->by_mac[i])
			put(", mac: \"02:00:00:00:00:%02u\"}\n", i);
		else
			put(", address: 10.%u.0.%u}\n", host_net(i), i + 1);
	}
	put("  nobody: {zone: ");
	put_end(s->zone_of[0], s->renamed);
	put(", address: 10.0.9.9}\nconduits:\n");
	for (n = 0; n < s->parts; n++) {
		const struct part *p = &s->part[s->shuffled ? s->parts - 1 - n : n];

		put("  - id: c%u%s\n", n, s->renamed ? "x" : "");
		put_ends("from", p->from, p->nfrom, s);
		put_ends("to", p->to, p->nto, s);
		if (p->grant)
			put("    when: {grant: required}\n");
		put("    allow:%s\n", p->entries ? "" : " []");
		for (k = 0; k < p->entries; k++)
			put("%s", p->entry[s->shuffled ? p->entries - 1 - k : k]);
	}
	if (s->update && s->host[s->updater]) {
		put("  - id: update%s\n    from: ", s->renamed ? "x" : "");
		put_end(NETS + s->updater, s->renamed);
		put("\n    to: ");
		put_end(s->updated < NETS || s->host[s->updated - NETS] ? s->updated : 0,
			s->renamed);
		put("\n    when: {grant: required}\n    update: true\n"
		    "    allow: [{cip: {do: [program, firmware]}}, {tcp: 1-6}]\n");
	}
	loaded = policy_load_buffer("test", text, used, &diag);
	diag_free(&diag);
	return loaded;
}

/* --- brute force --- */

struct ask {
	const struct policy *p;
	struct policy_now granted; /* every grant is active */
	uint8_t closed[4 * CONDUITS];
};

static bool permits(const struct policy_now *now, struct policy_place from, struct policy_place to,
		    uint8_t ip_proto, uint16_t port, const struct op *op)
{
	struct policy_flow_decision d = policy_flow(now, from, to, ip_proto, port);
	uint8_t v = op ? policy_op(now, &d, op).verdict : d.verdict;

	if (!op && v == POLICY_LATER)
		return policy_served(now, &d);
	return v == POLICY_ALLOW || v == POLICY_SAME_ZONE || v == POLICY_DEFAULT_ALLOW;
}

static struct addr random_addr(struct mac *mac)
{
	unsigned h = rnd(HOSTS + NETS + 1);
	uint8_t b[4] = {10, (uint8_t)host_net(h), 0, (uint8_t)(h + 1)};

	*mac = (struct mac){{2, 0, 0, 0, 0, 0x99}};
	if (h < HOSTS && rnd(2)) {
		mac->b[5] = (uint8_t)(h / 10 * 16 + h % 10);
		/* who is known by MAC may have any address, or none */
		if (rnd(2))
			memset(b, 0, sizeof(b));
	}
	if (h >= HOSTS) {
		b[1] = (uint8_t)(h - HOSTS);
		b[3] = 200;
	}
	if (h == HOSTS + NETS)
		b[0] = 192;
	return addr_v4(b);
}

enum { SAYS_NOTHING, SAYS_ALLOWED = 1, SAYS_FORBIDDEN = 2 };

/* What sampling finds; the first differing sample in words. */
static unsigned brute_force(const struct policy *const p[2], char *words, size_t size)
{
	static const uint8_t ip_protos[] = {6, 6, 6, 17, 17, 1, 58, 47};
	struct policy_now now[2][2];
	static const uint8_t open[64];
	unsigned said = SAYS_NOTHING, i, k, w;

	for (k = 0; k < 2; k++) {
		assert_true(p[k]->conduits <= sizeof(open));
		now[k][0] = *policy_rest(p[k]);
		now[k][1] = now[k][0];
		now[k][1].closed = open;
	}
	for (i = 0; i < SAMPLES; i++) {
		struct mac m[2];
		struct addr a = random_addr(&m[0]), b = random_addr(&m[1]);
		uint8_t ip_proto = PICK(ip_protos);
		uint16_t port = (uint16_t)rnd(13);
		bool is_op = rnd(3) && (ip_proto == 6 || ip_proto == 17), yes[2];
		struct op op;

		/* nobody speaks with himself */
		if (addr_eq(&a, &b))
			continue;
		if (is_op)
			op = random_op((enum proto)rnd(PROTOS), &port);
		if (ip_proto == 1 || ip_proto == 58)
			port = (uint16_t)(PICK(((unsigned[]){0, 3, 8, 128})) << 8);
		for (w = 0; w < 2; w++) {
			for (k = 0; k < 2; k++)
				yes[k] = permits(&now[k][w], policy_place(p[k], &a, &m[0]),
						 policy_place(p[k], &b, &m[1]), ip_proto, port,
						 is_op ? &op : NULL);
			if (yes[0] == yes[1])
				continue;
			if (!(said & (yes[0] ? SAYS_FORBIDDEN : SAYS_ALLOWED)))
				snprintf(words, size,
					 "10.%u.0.%u -> 10.%u.0.%u proto %u port %u %s "
					 "class %u code %u, grants %u: %u -> %u",
					 a.b[13], a.b[15], b.b[13], b.b[15], ip_proto, port,
					 is_op ? op.proto : "", is_op ? op.cls : 0,
					 is_op ? op.code : 0, w, yes[0], yes[1]);
			said |= yes[0] ? SAYS_FORBIDDEN : SAYS_ALLOWED;
		}
	}
	return said;
}

/* --- edits --- */

static void edit(struct sketch *s)
{
	struct part *p = &s->part[rnd(s->parts)];
	unsigned i = rnd(HOSTS), n;

	switch (rnd(15)) {
	case 0:
		if (s->parts > 1)
			*p = s->part[--s->parts];
		break;
	case 1:
		random_part(&s->part[s->parts++], s);
		break;
	case 2:
	case 3:
	case 4:
		if (p->entries == ENTRIES || (p->entries && rnd(2)))
			p->entries--;
		else
			random_entry(p);
		break;
	case 5:
		random_ends(p->from, &p->nfrom, s);
		break;
	case 6:
		p->grant = !p->grant;
		break;
	case 7:
		s->default_allow = !s->default_allow;
		break;
	case 8: /* a network moves into another zone */
		s->zone_of[rnd(NETS)] = rnd(NETS);
		break;
	case 9: /* a device gives up its address, or gets one */
		s->by_mac[i] = !s->by_mac[i];
		break;
	case 10:
		s->trust[i] = rnd(5);
		break;
	case 11:
		s->uplink[i % NETS] = !s->uplink[i % NETS];
		break;
	case 12:
		s->listed[i % NETS] = !s->listed[i % NETS];
		break;
	case 13:
		if (s->update)
			s->update = false;
		else
			random_update(s);
		break;
	default: /* a device is no longer named by conduits; the rest of them stays */
		for (n = 0; n < p->nto; n++)
			if (p->to[n] >= NETS)
				p->to[n] = rnd(NETS);
	}
}

static unsigned told[4], differing, updates;

static struct policy *good(struct sketch *s, uint64_t start)
{
	struct policy *p = load_sketch(s);

	updates += s->update && p;
	if (!p && s->update) {
		s->update = false;
		p = load_sketch(s);
	}
	if (!p)
		fail_msg("seed %llu does not load\n%s", (unsigned long long)start, text);
	return p;
}

static void print_list(const struct diff_list *l)
{
	char words[512];
	uint32_t i;

	for (i = 0; i < l->count; i++)
		fprintf(stderr, "kind %u: %s, e.g. %s\n", l->entry[i].kind, l->entry[i].what,
			l->entry[i].has_example
				? space_example_words(&l->entry[i].example, words, sizeof(words))
				: "");
}

static void one_edit(uint64_t start)
{
	static char old_text[sizeof(text)];
	struct sketch s = random_sketch();
	struct policy *p[2];
	struct diff_list l;
	char words[256] = "";
	unsigned found, n = 1 + rnd(3);

	p[0] = good(&s, start);
	memcpy(old_text, text, used + 1);
	while (n--)
		edit(&s);
	p[1] = good(&s, start);
	found = brute_force((const struct policy *const *)p, words, sizeof(words));
	assert_true(policy_diff(p[0], p[1], &l));
	if (!l.of_kind[DIFF_UNDECIDED] &&
	    ((found & SAYS_ALLOWED && !l.of_kind[DIFF_ALLOWED]) ||
	     (found & SAYS_FORBIDDEN && !l.of_kind[DIFF_FORBIDDEN]))) {
		print_list(&l);
		fprintf(stderr, "--- old\n%s--- new\n%s", old_text, (load_sketch(&s), text));
		fail_msg("seed %llu: %s is not told (%u)", (unsigned long long)start, words, found);
	}
	differing += found != 0;
	told[l.of_kind[DIFF_ALLOWED] ? 1 : 0]++;
	told[l.of_kind[DIFF_FORBIDDEN] ? 3 : 2]++;
	assert_int_equal(l.of_kind[DIFF_UNDECIDED], 0);
	diff_list_free(&l);
	policy_free(p[0]);
	policy_free(p[1]);
}

static uint64_t begin(void)
{
	const char *given = getenv("DIFF_SEED");

	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	return seed;
}

static void every_difference_is_told(void **state)
{
	uint64_t start = begin();
	unsigned i;

	(void)state;
	for (i = 0; i < EDITS; i++)
		one_edit(start);
	print_message("%u edits: allowed %u, forbidden %u; sampling saw %u; %u update conduits\n",
		      EDITS, told[1], told[3], differing, updates);
	assert_true(updates > EDITS / 20);
	assert_true(differing > EDITS / 3);
	assert_true(told[1] > EDITS / 5 && told[3] > EDITS / 5);
	assert_true(told[0] > EDITS / 20 && told[2] > EDITS / 20);
}

/* --- the same, written otherwise --- */

/* One range of an entry as two: 3-9 -> 3-5, 6-9. */
static void split_range(char *e, size_t size)
{
	unsigned lo, hi;
	char *p, *end, buf[400];

	for (p = e; (p = strchr(p, '-')); p++) {
		char *d = p;

		while (d > e && d[-1] >= '0' && d[-1] <= '9')
			d--;
		if (d == p || p[1] < '0' || p[1] > '9' || (d[-1] != '[' && d[-1] != ' '))
			continue;
		lo = (unsigned)strtoul(d, NULL, 10);
		hi = (unsigned)strtoul(p + 1, &end, 10);
		if (hi <= lo)
			continue;
		snprintf(buf, sizeof(buf), "%.*s%u-%u, %u-%u%s", (int)(d - e), e, lo + 1, hi, lo,
			 lo, end);
		snprintf(e, size, "%s", buf);
		return;
	}
}

static void rewrite(struct sketch *s)
{
	unsigned i, k, parts = s->parts;

	s->shuffled = rnd(2);
	s->renamed = rnd(2);
	for (i = 0; i < parts; i++) {
		struct part *p = &s->part[i], *q = &s->part[s->parts];

		for (k = 0; k < p->entries; k++)
			if (rnd(2))
				split_range(p->entry[k], sizeof(p->entry[k]));
		/* A service of a conduit does not speak for protocols it has rules for, so that the
		 * two must stay together. */
		if (rnd(2) || s->parts == 2 * CONDUITS)
			continue;
		if (p->nfrom > 1) {
			*q = *p;
			q->nfrom = 1;
			memmove(p->from, p->from + 1, sizeof(p->from) - sizeof(*p->from));
			p->nfrom--;
			s->parts++;
		} else if (p->entries > 1 && !(p->services && p->rules)) {
			*q = *p;
			q->entries = 1;
			memmove(p->entry[0], p->entry[1], sizeof(p->entry) - sizeof(p->entry[0]));
			p->entries--;
			s->parts++;
		}
	}
}

static void another_way_to_write_it_is_no_difference(void **state)
{
	static char old_text[sizeof(text)];
	uint64_t start = begin();
	struct policy *p[2];
	struct diff_list l;
	unsigned i;

	(void)state;
	for (i = 0; i < REWRITES; i++) {
		struct sketch s = random_sketch();

		p[0] = good(&s, start);
		memcpy(old_text, text, used + 1);
		rewrite(&s);
		p[1] = good(&s, start);
		assert_true(policy_diff(p[0], p[1], &l));
		if (l.count) {
			print_list(&l);
			fail_msg("seed %llu: told as different\n--- old\n%s--- new\n%s",
				 (unsigned long long)start, old_text, text);
		}
		diff_list_free(&l);
		policy_free(p[0]);
		policy_free(p[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_difference_is_told),
		cmocka_unit_test(another_way_to_write_it_is_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
