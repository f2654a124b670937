/*
 * Examples: a packet or an op that an entry permits, made from the entry itself. They are real: a
 * test puts every one of them to policy_flow() and policy_op().
 */
#include "policy/lint_impl.h"

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
	for (i = 0; i < p->prefixes; i++)
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

/* --- ops --- */

/* A name that the pattern (or topic filter) matches. */
static struct slice name_like(struct lint *l, struct slice pattern, bool topic)
{
	char *s = arena_alloc(l->a, pattern.len + 2u);
	uint32_t i, n = 0;

	for (i = 0; i < pattern.len; i++) {
		char c = (char)pattern.p[i];

		if (topic && (c == '+' || c == '#'))
			s[n++] = 'x';
		else if (!topic && c == '?')
			s[n++] = 'x';
		else if (topic || c != '*')
			s[n++] = c;
	}
	if (n == 0)
		s[n++] = 'x';
	return slice_of(s, n);
}

static void fill_object(struct lint *l, const struct rule *r, struct op *op)
{
	const struct rule_space *s = r->nspaces ? &r->space[0] : NULL;
	unsigned i;

	for (i = 0; i < 3; i++)
		if (r->has & RULE_PATH << i && (!s || s->key->kind == VOCAB_SPACE)) {
			op->object.path[i] =
				r->path[i].count ? (uint32_t)r->path[i].range[0].lo : 0;
			op->object.npath = (uint8_t)(i + 1);
			op->object.space = OP_SPACE_OBJECT;
		}
	if (!s)
		return;
	op->object.space = s->key->arg;
	op->object.count = 1;
	if (s->key->kind != VOCAB_SPACE)
		op->object.name = name_like(l, s->names.text[0], s->key->kind == VOCAB_TOPIC);
	else if (s->range.count)
		op->object.first = s->range.range[0].lo;
}

static void fill_value(struct lint *l, const struct rule *r, struct op *op)
{
	double v = 0;
	uint64_t bits;
	uint8_t *raw;
	unsigned i;

	if (op->cls != OP_WRITE || op->object.space == OP_SPACE_NONE)
		return;
	if (r->has & RULE_VALUE && r->value.count && !dset_contains_range(&r->value, 0, 0))
		v = r->value.range[0].lo;
	raw = arena_alloc(l->a, sizeof(bits));
	memcpy(&bits, &v, sizeof(bits));
	for (i = 0; i < 8; i++)
		raw[i] = (uint8_t)(bits >> (56 - 8 * i));
	op->values = (struct op_values){slice_of(raw, 8), 1, OP_V_F64, true};
}

static struct op op_like(struct lint *l, const struct rule *r, unsigned classes)
{
	const struct vocab_code *c;
	struct op op = {.proto = r->vocab->proto, .unit = -1, .rtt = -1};

	classes &= r->classes;
	for (op.cls = 0; op.cls < OP_CLASSES && !(classes >> op.cls & 1); op.cls++)
		;
	if (r->has & RULE_CODE && r->code.count)
		op.code = (uint32_t)r->code.range[0].lo;
	for (c = r->vocab->codes; c->name; c++)
		if (classes >> c->cls & 1 &&
		    (!(r->has & RULE_CODE) || iset_contains(&r->code, c->code))) {
			op.code = c->code;
			op.cls = c->cls;
			if (r->has & RULE_CODE)
				op.name = c->name;
			break;
		}
	if (r->has & RULE_UNIT && r->unit.count)
		op.unit = (int32_t)r->unit.range[0].lo;
	if (r->has & RULE_ACTOR && r->actor.count)
		op.actor = name_like(l, r->actor.text[0], false);
	fill_object(l, r, &op);
	fill_value(l, r, &op);
	return op;
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

static void print_op(const struct op *op, FILE *f)
{
	char text[160];

	fprintf(f, "%s %s", op->proto, op_class_name((enum op_class)op->cls));
	if (op->name)
		fprintf(f, " (%s)", op->name);
	if (op->unit >= 0)
		fprintf(f, " %s %d", vocab_unit_name(op->proto), op->unit);
	if (op->object.space != OP_SPACE_NONE) {
		op_object_str(&op->object, text, sizeof(text));
		fprintf(f, " %s %s", op_object_space(&op->object), text);
	}
	if (op->values.type != OP_V_NONE) {
		op_values_str(&op->values, 4, text, sizeof(text));
		fprintf(f, " = %s", text);
	}
	if (op->actor.len) {
		const struct op_object actor = {.name = op->actor};

		op_object_str(&actor, text, sizeof(text));
		fprintf(f, " by %s", text);
	}
}

static void print_flow(const struct lint_example *x, FILE *f)
{
	static const struct {
		uint8_t ip_proto;
		const char *name;
	} names[] = {{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {58, "icmp"}};
	unsigned i;

	for (i = 0; i < 4 && names[i].ip_proto != x->ip_proto; i++)
		;
	if (i == 4)
		fprintf(f, "ip %u", x->ip_proto);
	else if (i > 1)
		fprintf(f, "%s type %u", names[i].name, x->port >> 8);
	else
		fprintf(f, "%s %u", names[i].name, x->port);
}

static void put_words(struct lint *l, struct lint_example *x)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		return;
	print_end(l->p, &x->client, &x->from, f);
	fputs(" -> ", f);
	print_end(l->p, &x->server, &x->to, f);
	fputs(": ", f);
	if (x->has_op)
		print_op(&x->op, f);
	else
		print_flow(x, f);
	if (x->has_op && x->port)
		fprintf(f, " on %s %u", x->ip_proto == 6 ? "tcp" : "udp", x->port);
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
	if (!lint_example_ends(l, x, from, to) || !ends_differ(x))
		return;
	x->ip_proto = 6;
	x->port = r->has & RULE_PORT && r->port.count ? (uint16_t)r->port.range[0].lo : 0;
	x->has_op = true;
	x->op = op_like(l, r, classes & r->classes ? classes : r->classes);
	put_words(l, x);
}

void lint_example_service(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
			  const struct service *s)
{
	if (!lint_example_ends(l, x, from, to) || !ends_differ(x))
		return;
	switch ((enum service_kind)s->kind) {
	case SERVICE_TCP:
	case SERVICE_UDP:
		x->ip_proto = s->kind == SERVICE_TCP ? 6 : 17;
		x->port = s->any || !s->set.count ? 3389 : (uint16_t)s->set.range[0].lo;
		break;
	case SERVICE_ICMP:
		x->ip_proto = addr_is_v4(&x->to) ? 1 : 58;
		if (x->ip_proto == 1)
			x->port = s->set.count ? (uint16_t)(s->set.range[0].hi << 8) : 8 << 8;
		else
			x->port = s->set6.count ? (uint16_t)(s->set6.range[0].lo << 8) : 128 << 8;
		break;
	case SERVICE_IP:
		x->ip_proto = s->any || !s->set.count ? 6 : (uint8_t)s->set.range[0].lo;
		x->port = x->ip_proto == 6 || x->ip_proto == 17 ? 3389 : 0;
		break;
	}
	put_words(l, x);
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
