/*
 * Examples: a packet or an op that an entry permits, made from the entry itself. They are real: a
 * test puts every one of them to policy_flow() and policy_op().
 */
#include "policy/lint_impl.h"
#include "policy/space.h"

#include <stdio.h>
#include <stdlib.h>

/* --- addresses --- */

static struct addr plus(struct addr a, unsigned n)
{
	unsigned i;

	for (i = 16; i-- > 0 && n; n >>= 8) {
		n += a.b[i];
		a.b[i] = (uint8_t)n;
	}
	return a;
}

/* An address of no asset in the network, the n-th from its beginning on. */
static bool unlisted_in(const struct policy *p, const struct prefix *x, unsigned n,
			struct addr *out)
{
	struct addr first = x->addr;
	struct policy_place place;
	unsigned i;

	if (prefix_catches_all(x)) {
		static const uint8_t documentation[4] = {203, 0, 113, 0}; /* RFC 5737 */

		first = addr_v4(documentation);
	}
	for (i = 0; i < 300; i++) {
		*out = plus(first, x->bits == 128 ? i : n + i);
		place = policy_place(p, out, NULL);
		if (place.zone == x->zone && place.asset == POLICY_NONE)
			return true;
	}
	return false;
}

static bool address_of(const struct policy *p, uint32_t end, bool v4, unsigned n, struct addr *out)
{
	const struct policy_asset *a = end < p->zones ? NULL : &p->asset[end - p->zones];
	uint32_t i;

	if (a) {
		for (i = 0; i < a->naddresses; i++) {
			*out = a->addresses[i];
			if (addr_is_v4(out) == v4)
				return true;
		}
		/* known by its MAC: some address of its zone */
		return a->has_address ? false : address_of(p, a->zone, v4, n, out);
	}
	for (i = 0; i < p->prefixes && p->zone[end].unknown_devices != UNKNOWN_DENY; i++)
		if (p->prefix[i].zone == end &&
		    (addr_is_v4(&p->prefix[i].addr) == v4 || p->prefix[i].bits == 0) &&
		    unlisted_in(p, &p->prefix[i], n, out) && addr_is_v4(out) == v4)
			return true;
	for (i = 0; i < p->assets; i++)
		if (p->asset[i].zone == end && p->asset[i].has_address &&
		    address_of(p, p->zones + i, v4, n, out))
			return true;
	return false;
}

/* An end that is in no network at all is there by its MAC alone. */
static bool by_mac(const struct policy *p, uint32_t end)
{
	uint32_t i;

	if (end >= p->zones && p->asset[end - p->zones].has_address)
		return false;
	if (end >= p->zones)
		return true;
	for (i = 0; i < p->prefixes; i++)
		if (p->prefix[i].zone == end)
			return false;
	for (i = 0; i < p->assets; i++)
		if (p->asset[i].zone == end)
			return true;
	return false;
}

static struct policy_place place_of(const struct policy *p, uint32_t end, const struct addr *a)
{
	struct policy_place place = policy_place(p, a, NULL);

	if (end >= p->zones)
		place = (struct policy_place){.zone = end_zone(p, end), .asset = end - p->zones};
	return place;
}

bool lint_example_ends(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to)
{
	static const struct addr none;
	const struct policy *p = l->p;
	bool mac = by_mac(p, from) || by_mac(p, to);
	unsigned family;

	for (family = 0; family < 2; family++) {
		bool has[2] = {address_of(p, from, family == 0, 77, &x->from),
			       address_of(p, to, family == 0, 88, &x->to)};

		if (has[0] && has[1])
			break;
		if (!mac)
			continue;
		/* the address of the other is DHCP's to choose */
		x->from = has[0] ? x->from : none;
		x->to = has[1] ? x->to : none;
		break;
	}
	if (family == 2)
		return false;
	x->client = place_of(p, from, &x->from);
	x->server = place_of(p, to, &x->to);
	return true;
}

/* --- in words --- */

static void print_end(const struct policy *p, const struct policy_place *place,
		      const struct addr *a, FILE *f)
{
	static const struct addr none;
	char text[ADDR_STRLEN];

	if (place->asset == POLICY_NONE)
		fprintf(f, "%s (%s)", addr_str(a, text),
			place->zone == POLICY_NONE ? "no zone" : p->zone[place->zone].id);
	else if (addr_eq(a, &none))
		fputs(p->asset[place->asset].id, f);
	else
		fprintf(f, "%s (%s)", addr_str(a, text), p->asset[place->asset].id);
}

/* The ends, and what goes from one to the other. */
static void put(struct lint *l, struct lint_example *x, const struct space_example *ex)
{
	char *buf = NULL, words[512];
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		return;
	x->ip_proto = ex->ip_proto;
	x->port = ex->port;
	x->has_op = ex->is_op;
	if (ex->is_op)
		x->op = space_example_op(ex);
	print_end(l->p, &x->client, &x->from, f);
	fputs(" -> ", f);
	print_end(l->p, &x->server, &x->to, f);
	fprintf(f, ": %s", space_example_words(ex, words, sizeof(words)));
	if (fclose(f) == 0 && buf)
		snprintf(x->text, sizeof(x->text), "%s", buf);
	free(buf);
	x->there = *x->text != '\0';
}

/* --- what the topics call --- */

/* Inside a zone, or with ends that overlap, the example must be two hosts. */
static bool ends_differ(const struct lint_example *x)
{
	return !addr_eq(&x->from, &x->to) || x->client.asset != x->server.asset;
}

void lint_example_rule(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
		       const struct rule *r, unsigned classes)
{
	struct space_example *ex = arena_alloc(l->a, sizeof(*ex));
	struct rule narrowed = *r;

	if (!lint_example_ends(l, x, from, to) || !ends_differ(x))
		return;
	if (classes & r->classes)
		narrowed.classes &= (uint16_t)classes;
	if (space_rule_possible(&narrowed, ex) == SPACE_YES ||
	    space_rule_possible(r, ex) == SPACE_YES)
		put(l, x, ex);
}

/* ICMP has types of its own in each family, and the ends know which one it is. */
static bool fits(const struct lint_example *x, const struct space_example *ex)
{
	if (ex->ip_proto != 1 && ex->ip_proto != 58)
		return true;
	return (ex->ip_proto == 1) == addr_is_v4(&x->to);
}

void lint_example_service(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
			  const struct service *s)
{
	struct space_example *ex = arena_alloc(l->a, sizeof(*ex));

	if (lint_example_ends(l, x, from, to) && ends_differ(x) &&
	    space_service_covered(s, NULL, 0, ex) == SPACE_NO && fits(x, ex))
		put(l, x, ex);
}

void lint_example_conduit(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
			  const struct conduit *c, unsigned classes)
{
	uint32_t i;

	for (i = 0; i < c->rules && !x->there; i++)
		if (!(c->rule[i].has & RULE_CARRIER) && lint_classes(&c->rule[i]) & classes)
			lint_example_rule(l, x, from, to, &c->rule[i], classes);
	if (!x->there && c->services)
		lint_example_service(l, x, from, to, &c->service[0]);
	if (!x->there && c->rules)
		lint_example_rule(l, x, from, to, &c->rule[0], c->rule[0].classes);
}
