/*
 * The hot path: places, flows and ops against the compiled policy. Nothing here allocates.
 *
 * An op is judged element by element, because the rules of a pair may cover an address range in
 * pieces, each with its own values:
 *
 *     rules      holding 0-9 value 0..5      holding 10-19 value 0..100
 *     op         write holding 8-11     [8] [9]  [10] [11]
 *     walk       rule 1 covers --------> 2        2 -> 4: allowed
 *
 * A rule without values covers a whole interval in one step.
 */
#include "base/glob.h"
#include "policy/model.h"

#include <math.h>

/* --- places --- */

/* Addresses that never leave their segment: RFC 3927, RFC 4291 2.5.6, RFC 1122 3.2.1.3. */
static bool stays_in_segment(const struct addr *a)
{
	static const uint8_t zero[16];

	if (addr_is_multicast(a) || addr_is_broadcast(a))
		return true;
	if (addr_is_v4(a))
		return (a->b[12] == 169 && a->b[13] == 254) || memcmp(a->b + 12, zero, 4) == 0;
	return (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) || memcmp(a->b, zero, 16) == 0;
}

struct policy_place policy_place(const struct policy *p, const struct addr *a,
				 const struct mac *mac)
{
	struct policy_place place = {POLICY_NONE, trie_find(&p->hosts, a), false};
	uint32_t v, asset;

	if (place.asset != POLICY_NONE) {
		place.zone = p->asset[place.asset].zone;
		return place;
	}
	v = trie_find(&p->networks, a);
	if (v != TRIE_NONE)
		place.zone = p->prefix[v].zone;
	if ((v == TRIE_NONE || prefix_catches_all(&p->prefix[v])) && stays_in_segment(a)) {
		place.zone = POLICY_NONE;
		place.segment = true;
	}
	asset = mac ? imap_find(&p->macs, mac_key(mac)) : IMAP_NONE;
	if (asset == IMAP_NONE)
		return place;
	/* Behind a router a foreign address carries the router's MAC: that is not the router. */
	if (place.zone != p->asset[asset].zone && !place.segment && v != TRIE_NONE)
		return place;
	return (struct policy_place){p->asset[asset].zone, asset, false};
}

/* --- flows --- */

static bool rule_port(const struct rule *r, uint16_t port)
{
	return !(r->has & RULE_PORT) || iset_contains(&r->port, port);
}

static bool service_covers(const struct service *s, uint8_t ip_proto, uint16_t port)
{
	switch ((enum service_kind)s->kind) {
	case SERVICE_TCP:
		return ip_proto == 6 && (s->any || iset_contains(&s->set, port));
	case SERVICE_UDP:
		return ip_proto == 17 && (s->any || iset_contains(&s->set, port));
	case SERVICE_ICMP:
		return (ip_proto == 1 && (s->any || iset_contains(&s->set, port >> 8))) ||
		       (ip_proto == 58 && (s->any || iset_contains(&s->set6, port >> 8)));
	case SERVICE_IP:
		return s->any || iset_contains(&s->set, ip_proto);
	}
	return false;
}

static bool conduit_serves(const struct conduit *c, uint8_t ip_proto, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < c->services; i++)
		if (service_covers(&c->service[i], ip_proto, port))
			return true;
	return false;
}

/* What one conduit says to a flow, its grant aside. */
static enum policy_verdict conduit_flow(const struct conduit *c, uint8_t ip_proto, uint16_t port)
{
	bool serves = conduit_serves(c, ip_proto, port);
	uint32_t i;

	if (serves)
		return c->rules ? POLICY_LATER : POLICY_ALLOW;
	if (ip_proto != 6 && ip_proto != 17)
		return POLICY_PORT_DENIED;
	for (i = 0; i < c->rules; i++)
		if (rule_port(&c->rule[i], port))
			return POLICY_LATER;
	return POLICY_PORT_DENIED;
}

/* Better verdicts first. */
static unsigned rank(enum policy_verdict v)
{
	return v == POLICY_ALLOW ? 0 : v == POLICY_LATER ? 1 : v == POLICY_GRANT_MISSING ? 2 : 3;
}

static bool level_skipped(const struct policy *p, uint32_t a, uint32_t b)
{
	/* iot lies beside the dmz; safety is reached from control and field only */
	static const int8_t height[LEVELS] = {
		[LEVEL_EXTERNAL] = 0, [LEVEL_INFORMATION] = 1,	       [LEVEL_DMZ] = 2,
		[LEVEL_IOT] = 2,      [LEVEL_CONTROL_INFORMATION] = 3, [LEVEL_CONTROL] = 4,
		[LEVEL_FIELD] = 5,
	};
	uint8_t x = p->zone[a].level, y = p->zone[b].level;
	int d;

	if (x == LEVEL_SAFETY || y == LEVEL_SAFETY) {
		x = x == LEVEL_SAFETY ? y : x;
		return x != LEVEL_CONTROL && x != LEVEL_FIELD && x != LEVEL_SAFETY;
	}
	d = height[x] - height[y];
	return d > 1 || d < -1;
}

static enum policy_verdict without_conduit(const struct policy *p, struct policy_place client,
					   struct policy_place server)
{
	if (client.segment || server.segment)
		return POLICY_SAME_ZONE;
	if (client.zone != POLICY_NONE && client.zone == server.zone)
		return POLICY_SAME_ZONE;
	if (p->default_allow)
		return POLICY_DEFAULT_ALLOW;
	if (client.zone != POLICY_NONE && server.zone != POLICY_NONE &&
	    level_skipped(p, client.zone, server.zone))
		return POLICY_LAYER_SKIPPED;
	return POLICY_NO_CONDUIT;
}

/* Puts the pair sets of the two places into d, each once. */
static void find_sets(const struct policy *p, struct policy_place client,
		      struct policy_place server, struct policy_flow_decision *d)
{
	const uint32_t from[2] = {
		client.asset == POLICY_NONE ? POLICY_NONE : p->zones + client.asset, client.zone};
	const uint32_t to[2] = {server.asset == POLICY_NONE ? POLICY_NONE : p->zones + server.asset,
				server.zone};
	unsigned i, k, n = 0;
	uint32_t s;

	for (i = 0; i < 4; i++)
		d->set[i] = POLICY_NONE;
	for (i = 0; i < 4; i++) {
		if (from[i / 2] == POLICY_NONE || to[i % 2] == POLICY_NONE)
			continue;
		s = imap_find(&p->pairs, (uint64_t)from[i / 2] << 32 | to[i % 2]);
		for (k = 0; k < n && d->set[k] != s; k++)
			;
		if (s != IMAP_NONE && k == n)
			d->set[n++] = s;
	}
}

struct policy_flow_decision policy_flow(const struct policy *p, struct policy_place client,
					struct policy_place server, uint8_t ip_proto, uint16_t port)
{
	struct policy_flow_decision d = {
		.conduit = POLICY_NONE, .port = port, .ip_proto = ip_proto};
	unsigned i;
	uint32_t k;

	find_sets(p, client, server, &d);
	if (d.set[0] == POLICY_NONE) {
		d.verdict = (uint8_t)without_conduit(p, client, server);
		return d;
	}
	d.verdict = POLICY_PORT_DENIED;
	for (i = 0; i < 4 && d.set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[d.set[i]];

		for (k = 0; k < s->conduits && d.verdict != POLICY_ALLOW; k++) {
			const struct conduit *c = &p->conduit[s->conduit[k]];
			enum policy_verdict v = conduit_flow(c, ip_proto, port);

			if (c->pub.grant_required && v != POLICY_PORT_DENIED)
				v = POLICY_GRANT_MISSING;
			if (d.conduit != POLICY_NONE && rank(v) >= rank(d.verdict))
				continue;
			d.verdict = (uint8_t)v;
			d.conduit = s->conduit[k];
		}
	}
	return d;
}

/* --- ops --- */

/* How far a rule went along with an op. */
enum stage { AT_PORT, AT_CLASS, AT_CODE, AT_PARTY, AT_OBJECT, AT_VALUE, AT_END };

struct judge {
	const struct op *op;
	uint64_t objects;  /* addresses the op speaks of, at least 1 */
	uint64_t elements; /* addresses or values, whichever are more */
	enum op_class cls; /* as judged */
	uint16_t port;
};

static bool names_match(const struct names *n, struct slice text)
{
	uint32_t i;

	for (i = 0; i < n->count; i++)
		if (glob_match(n->text[i], text))
			return true;
	return false;
}

static bool topics_cover(const struct names *n, struct slice text)
{
	uint32_t i;

	for (i = 0; i < n->count; i++)
		if (topic_covers(n->text[i], text))
			return true;
	return false;
}

/* All but object and values. */
static inline enum stage rule_head(const struct rule *r, const struct judge *j)
{
	const struct op *op = j->op;

	if (!rule_port(r, j->port))
		return AT_PORT;
	if (j->cls != OP_SESSION) {
		if (!(r->classes >> j->cls & 1))
			return AT_CLASS;
		if (r->has & RULE_CODE && !iset_contains(&r->code, op->code))
			return AT_CODE;
	}
	if (r->has & RULE_UNIT &&
	    !(op->unit < 0 ? j->cls == OP_SESSION : iset_contains(&r->unit, (uint64_t)op->unit)))
		return AT_PARTY;
	/* one who said who he is before anybody listened is not held to be another */
	if (r->has & RULE_ACTOR && op->actor.p && !names_match(&r->actor, op->actor))
		return AT_PARTY;
	return AT_OBJECT;
}

static bool paths_match(const struct rule *r, const struct op_object *o)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (r->has & RULE_PATH << i &&
		    (i >= o->npath || !iset_contains(&r->path[i], o->path[i])))
			return false;
	return true;
}

/* What objects_to() asks of one alternative, whose space is that of the op. */
static uint64_t space_to(const struct rule_space *s, const struct judge *j, uint64_t at)
{
	const struct op_object *o = &j->op->object;
	/* values beyond the last address belong to it */
	uint64_t i = at < j->objects ? at : j->objects - 1, addr;
	const struct iset_range *in;

	switch (s->key->kind) {
	case VOCAB_NAME:
		return names_match(&s->names, o->name) ? j->elements : at;
	case VOCAB_TOPIC:
		return topics_cover(&s->names, o->name) ? j->elements : at;
	default:
		if (__builtin_add_overflow(o->first, i, &addr))
			return at;
		in = iset_find(&s->range, addr);
		if (!in)
			return at;
		return in->hi - addr >= j->objects - 1 - i ? j->elements : at + (in->hi - addr) + 1;
	}
}

/* Behind the last element from `at` on whose object the rule permits; at: none. */
static uint64_t objects_to(const struct rule *r, const struct judge *j, uint64_t at)
{
	const struct op_object *o = &j->op->object;
	uint64_t end = at, to;
	bool listed = false;
	unsigned i;

	for (i = 0; i < r->nspaces; i++) {
		if (r->space[i].key->arg != o->space)
			continue;
		listed = true;
		to = space_to(&r->space[i], j, at);
		end = to > end ? to : end;
	}
	if (!(r->has & RULE_PATHS))
		return listed ? end : r->nspaces ? at : j->elements;
	/* A path and numbers narrow each other; a path and names are two ways to say an object. */
	if (listed && o->npath == 0)
		return end;
	if (listed)
		return paths_match(r, o) ? end : at;
	return !(r->has & RULE_SPACE) && paths_match(r, o) ? j->elements : at;
}

static bool value_permitted(const struct rule *r, const struct op *op, uint64_t i)
{
	struct op_number n;

	/* what a device confirms without repeating the values can be judged for its objects only */
	if (op->role == OP_RESPONSE && op->values.type == OP_V_NONE)
		return true;
	return i < op->values.count && op_number_at(&op->values, (uint32_t)i, &n) &&
	       dset_contains_range(&r->value, n.lo, n.hi);
}

/* Behind the last element from `at` on that the rule permits; *stage says why not more. */
static uint64_t rule_covers(const struct rule *r, const struct judge *j, uint64_t at,
			    enum stage *stage)
{
	uint64_t end, i;

	if (j->cls == OP_SESSION || !(r->has & (RULE_PATHS | RULE_SPACE | RULE_NAMES | RULE_VALUE)))
		return j->elements;
	end = objects_to(r, j, at);
	*stage = AT_OBJECT;
	if (end == at || !(r->has & RULE_VALUE) || j->cls != OP_WRITE)
		return end;
	for (i = at; i < end && value_permitted(r, j->op, i); i++)
		;
	if (i < end)
		*stage = AT_VALUE;
	return i;
}

static const struct pair_proto *find_proto(const struct pair_set *s, const char *proto)
{
	uint32_t i;

	for (i = 0; i < s->protos; i++)
		if (s->proto[i].proto == proto)
			return &s->proto[i];
	for (i = 0; i < s->protos; i++)
		if (strcmp(s->proto[i].proto, proto) == 0)
			return &s->proto[i];
	return NULL;
}

/* What all rules of the pair say about the elements from `at` on. */
struct said {
	uint64_t end;		    /* behind the last element some rule permits */
	const struct rule *permits; /* the rule that goes furthest */
	const struct rule *granted; /* permits all, if its grant were active */
	const struct rule *nearest; /* of those that permit nothing, the one that came nearest */
	enum stage stage;	    /* where the nearest stopped */
};

static void ask_rule(const struct policy *p, const struct rule *r, const struct judge *j,
		     uint64_t at, struct said *said)
{
	enum stage stage = rule_head(r, j);
	uint64_t end = stage == AT_OBJECT ? rule_covers(r, j, at, &stage) : at;

	if (end > at && p->conduit[r->conduit].pub.grant_required) {
		if (end >= j->elements && !said->granted)
			said->granted = r;
		return;
	}
	if (end > said->end) {
		said->end = end;
		said->permits = r;
	}
	if (end == at && (!said->nearest || stage > said->stage)) {
		said->nearest = r;
		said->stage = stage;
	}
}

static struct said ask_all(const struct policy *p, const struct policy_flow_decision *d,
			   const struct judge *j, uint64_t at)
{
	struct said said = {.end = at};
	const struct pair_proto *x;
	unsigned i;
	uint32_t k;

	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		x = find_proto(&p->set[d->set[i]], j->op->proto);
		for (k = 0; x && k < x->rules; k++) {
			ask_rule(p, x->rule[k], j, at, &said);
			if (said.end >= j->elements)
				return said;
		}
	}
	return said;
}

/* A conduit that opens the port and has nothing to say about this protocol; POLICY_NONE: none. */
static uint32_t served_by(const struct policy *p, const struct policy_flow_decision *d,
			  const char *proto)
{
	uint32_t k, n;
	unsigned i;

	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[d->set[i]];

		for (k = 0; k < s->conduits; k++) {
			const struct conduit *c = &p->conduit[s->conduit[k]];

			for (n = 0; n < c->rules; n++)
				if (strcmp(c->rule[n].vocab->proto, proto) == 0)
					break;
			if (n == c->rules && !c->pub.grant_required &&
			    conduit_serves(c, d->ip_proto, d->port))
				return s->conduit[k];
		}
	}
	return POLICY_NONE;
}

static const struct conduit_words *words_for(const struct conduit *c, const struct rule *r)
{
	uint32_t i = 0;

	while (i + 1 < c->nwords && c->words[i].vocab != r->vocab)
		i++;
	return &c->words[i];
}

static void denied_value(struct policy_op_decision *x, const struct op *op, uint64_t at,
			 const struct conduit_words *w)
{
	struct op_number n;

	x->verdict = POLICY_VALUE_DENIED;
	x->value_index = (uint32_t)at;
	x->value = NAN;
	if (at < op->values.count && op_number_at(&op->values, (uint32_t)at, &n))
		x->value = n.hi;
	else
		x->expected = w->unreadable;
}

static struct policy_op_decision denied(const struct policy *p,
					const struct policy_flow_decision *d, const struct judge *j,
					const struct said *said, uint64_t at)
{
	struct policy_op_decision x = {.verdict = POLICY_OP_DENIED};
	const struct conduit_words *w;

	if (!said->nearest) {
		/* no rule of this protocol anywhere: the first conduit speaks */
		x.conduit = p->set[d->set[0]].conduit[0];
		x.expected = p->conduit[x.conduit].pub.permits;
		return x;
	}
	x.conduit = said->nearest->conduit;
	w = words_for(&p->conduit[x.conduit], said->nearest);
	x.expected = w->expected;
	if (said->stage == AT_OBJECT) {
		x.verdict = POLICY_OBJECT_DENIED;
		x.object = j->op->object.first + (at < j->objects ? at : j->objects - 1);
	} else if (said->stage == AT_VALUE) {
		denied_value(&x, j->op, at, w);
	}
	return x;
}

static struct judge judge_of(const struct policy_flow_decision *d, const struct op *op)
{
	struct judge j = {.op = op, .cls = (enum op_class)op->cls, .port = d->port};

	if (op->from_server && op->role == OP_PUBLISH && op->cls == OP_WRITE)
		j.cls = OP_READ;
	j.objects = op->object.count ? op->object.count : 1;
	j.elements = j.objects;
	if (j.cls == OP_WRITE && op->values.count > j.elements)
		j.elements = op->values.count;
	return j;
}

struct policy_op_decision policy_op(const struct policy *p, const struct policy_flow_decision *d,
				    const struct op *op)
{
	struct policy_op_decision x = {
		.verdict = d->verdict, .conduit = d->conduit, .expected = ""};
	struct judge j;
	const struct rule *granted = NULL;
	struct said said;
	uint64_t at = 0;

	if (d->set[0] == POLICY_NONE || d->verdict == POLICY_ALLOW)
		return x;
	j = judge_of(d, op);
	for (;; at = said.end) {
		said = ask_all(p, d, &j, at);
		granted = at == 0 ? said.granted : granted;
		x.conduit = said.permits ? said.permits->conduit : POLICY_NONE;
		if (said.end >= j.elements) {
			x.verdict = POLICY_ALLOW;
			return x;
		}
		if (said.end == at)
			break;
	}
	x.conduit = served_by(p, d, op->proto);
	if (x.conduit != POLICY_NONE) {
		x.verdict = POLICY_ALLOW;
		return x;
	}
	if (granted) {
		x.verdict = POLICY_GRANT_MISSING;
		x.conduit = granted->conduit;
		x.expected = words_for(&p->conduit[x.conduit], granted)->expected;
		return x;
	}
	return denied(p, d, &j, &said, at);
}

bool policy_proto_known(const struct policy *p, const struct policy_flow_decision *d,
			const char *proto)
{
	const struct pair_proto *x;
	uint32_t k;
	unsigned i;

	for (i = 0; i < 4 && d->set[i] != POLICY_NONE; i++) {
		x = find_proto(&p->set[d->set[i]], proto);
		for (k = 0; x && k < x->rules; k++)
			if (rule_port(x->rule[k], d->port))
				return true;
	}
	return served_by(p, d, proto) != POLICY_NONE;
}

bool policy_served(const struct policy *p, const struct policy_flow_decision *d)
{
	return served_by(p, d, "") != POLICY_NONE;
}
