/*
 * Entries of `allow`. The words of protocols are not known here: they come with the dissectors
 * (op/vocab.h).
 *
 *   - modbus: {do: write, unit: 1, holding: 100-119, value: 0..1000}    -> a rule
 *   - tcp: [80, 443]                                                    -> a service
 */
#include "policy/loader.h"

#define ALL_CLASSES  ((1u << OP_CLASSES) - 1)
#define CARRIERS_MAX 4 /* protocols inside protocols; ends a vocabulary that carries itself */

static void add_name(struct loader *l, const struct yaml_node *n, void *object)
{
	struct names *names = object;

	if (n->len == 0) {
		load_error(l, n, "an empty pattern matches nothing");
		return;
	}
	names->text =
		arena_grow(l->a, names->text, names->count, &names->cap, sizeof(*names->text));
	names->text[names->count++] = slice_of(arena_text(l->a, n->text, n->len), n->len);
}

/* MQTT 5, 4.7.1: + stands alone in its level, # too and only at the end. */
static void add_filter(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = n->text, *p;

	for (p = s; *p; p++) {
		if (*p != '+' && *p != '#')
			continue;
		if ((p > s && p[-1] != '/') || (p[1] && (*p == '#' || p[1] != '/'))) {
			load_error(l, n, "bad topic filter \"%.80s\": %c must be a whole level%s",
				   s, *p, *p == '#' ? ", the last" : "");
			return;
		}
	}
	add_name(l, n, object);
}

/* --- do, and codes by name --- */

static void add_class(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct rule *)object)->classes |= load_class(l, n, "do");
}

struct code_load {
	struct rule *rule;
	const struct vocab_key *key;
	bool says; /* there is no `do`: the codes say what class they are for */
};

static void add_code(struct loader *l, const struct yaml_node *n, void *object)
{
	struct code_load *c = object;
	struct suggest s = suggest_for(l, n->text);
	const struct numbers to = {.what = c->key->name, .set = &c->rule->code, .max = c->key->max};
	const struct vocab_code *v;
	bool found = false, wanted = false;

	if (is_number(n->text) || strcmp(n->text, "any") == 0) {
		load_numbers(l, n, &to);
		c->rule->classes |= c->says ? ALL_CLASSES : 0;
		return;
	}
	for (v = c->rule->vocab->codes; v->name; v++) {
		suggest_try(&s, v->name);
		if (strcmp(v->name, n->text) != 0)
			continue;
		found = true;
		c->rule->classes |= (uint16_t)(c->says << v->cls);
		wanted = wanted || c->rule->classes >> v->cls & 1;
		iset_add(&c->rule->code, l->a, v->code, v->code);
	}
	if (!found)
		load_error(l, n, "%s: %s has no \"%.80s\"%s", c->key->name, c->rule->vocab->proto,
			   n->text, suggest_text(l, &s));
	else if (!wanted)
		load_error(l, n, "%s: \"%s\" is none of the classes under do", c->key->name,
			   n->text);
}

/* --- the keys of a rule --- */

static struct rule_space *add_space(struct loader *l, struct rule *r, const struct vocab_key *key)
{
	struct rule_space *more = arena_array(l->a, r->nspaces + 1u, sizeof(*more));

	if (r->nspaces)
		memcpy(more, r->space, r->nspaces * sizeof(*more));
	r->space = more;
	more[r->nspaces].key = key;
	return &more[r->nspaces++];
}

static void rule_key(struct loader *l, const struct yaml_node *v, struct rule *r,
		     const struct vocab_key *key, enum notation notation)
{
	struct numbers to = {.what = key->name, .max = key->max};
	struct code_load code = {r, key, r->has & RULE_SAYS};
	struct rule_space *space;

	switch ((enum vocab_kind)key->kind) {
	case VOCAB_UNIT:
		r->has |= RULE_UNIT;
		to.set = &r->unit;
		load_numbers(l, v, &to);
		break;
	case VOCAB_CODE:
		r->has |= RULE_CODE;
		load_each(l, v, key->name, add_code, &code);
		break;
	case VOCAB_PATH:
		r->has |= (uint16_t)(RULE_PATH << key->arg);
		to.set = &r->path[key->arg];
		load_numbers(l, v, &to);
		break;
	case VOCAB_SPACE:
		r->has |= RULE_SPACE;
		space = add_space(l, r, key);
		to.set = &space->range;
		to.notation = notation;
		to.key = key;
		load_numbers(l, v, &to);
		iset_seal(&space->range);
		break;
	case VOCAB_NAME:
	case VOCAB_TOPIC:
		r->has |= RULE_NAMES;
		space = add_space(l, r, key);
		load_each(l, v, key->name, key->kind == VOCAB_NAME ? add_name : add_filter,
			  &space->names);
		break;
	case VOCAB_ACTOR:
		r->has |= RULE_ACTOR;
		load_each(l, v, key->name, add_name, &r->actor);
		break;
	}
}

static void unknown_key(struct loader *l, const struct yaml_node *v, const struct vocab *vocab)
{
	static const char *const common[] = {"do", "port", "value", "addresses"};
	struct suggest s = suggest_for(l, v->key->text);
	const struct vocab_key *k;
	unsigned i;

	for (i = 0; i < sizeof(common) / sizeof(*common); i++)
		suggest_try(&s, common[i]);
	for (k = vocab->keys; k->name; k++)
		suggest_try(&s, k->name);
	load_error(l, v->key, "unknown key \"%.80s\" under %s%s", v->key->text, vocab->proto,
		   suggest_text(l, &s));
}

static void load_key(struct loader *l, const struct yaml_node *v, struct rule *r,
		     enum notation notation)
{
	const struct numbers port = {.what = "port", .set = &r->port, .max = UINT16_MAX};
	const struct vocab_key *k;

	if (strcmp(v->key->text, "do") == 0 || strcmp(v->key->text, "addresses") == 0)
		return; /* taken before all others */
	if (strcmp(v->key->text, "port") == 0) {
		r->has |= RULE_PORT;
		load_numbers(l, v, &port);
		iset_seal(&r->port);
		return;
	}
	if (strcmp(v->key->text, "value") == 0) {
		r->has |= RULE_VALUE;
		load_values(l, v, "value", &r->value);
		return;
	}
	for (k = r->vocab->keys; k->name; k++)
		if (strcmp(k->name, v->key->text) == 0) {
			rule_key(l, v, r, k, notation);
			return;
		}
	unknown_key(l, v, r->vocab);
}

static bool names_code(const struct yaml_node *n, const struct vocab *vocab)
{
	const struct vocab_key *k;

	for (k = vocab->keys; k->name; k++)
		if (k->kind == VOCAB_CODE && yaml_get(n, k->name))
			return true;
	return false;
}

static void rule_body(struct loader *l, const struct yaml_node *n, struct rule *r)
{
	const struct yaml_node *v = yaml_get(n, "do"), *a = yaml_get(n, "addresses");
	enum notation notation = l->p->notation;
	int i;

	if (v) {
		load_each(l, v, "do", add_class, r);
	} else {
		r->has |= RULE_SAYS;
		if (!names_code(n, r->vocab))
			load_error(l, n->key,
				   "%s does not say what may be done: add do: read, do: [read, "
				   "write], ... or do: any",
				   r->vocab->proto);
	}
	if (a) {
		i = load_notation(l, a);
		if (i >= 0)
			notation = (enum notation)i;
	}
	yaml_each (v, n)
		load_key(l, v, r, notation);
	v = yaml_get(n, "value");
	if (v && r->classes && !(r->classes >> OP_WRITE & 1))
		load_error(l, v->key, "value judges writes, but this entry permits none");
	iset_seal(&r->unit);
	iset_seal(&r->code);
	for (i = 0; i < 3; i++)
		iset_seal(&r->path[i]);
}

static void keep_rule(struct loader *l, struct conduit *c, const struct rule *r)
{
	c->rule = arena_grow(l->a, c->rule, c->rules, &c->rule_cap, sizeof(*r));
	c->rule[c->rules++] = *r;
}

void load_rule(struct loader *l, const struct yaml_node *n, const struct vocab *vocab,
	       struct rule *r)
{
	r->vocab = vocab;
	r->line = n->key->line;
	r->col = n->key->col;
	if (n->kind == YAML_SCALAR && strcmp(n->text, "any") == 0)
		r->classes = ALL_CLASSES;
	else if (n->kind == YAML_MAP)
		rule_body(l, n, r);
	else
		load_error(l, n, "%s must be a map such as {do: read}, or any", vocab->proto);
	rule_words(l->p, r);
}

static void load_rules(struct loader *l, const struct yaml_node *n, const struct vocab *vocab,
		       struct conduit *c)
{
	struct rule r = {.conduit = (uint32_t)(c - l->p->conduit)};
	struct rule under = {.conduit = r.conduit, .line = n->key->line, .col = n->key->col};
	unsigned i;

	load_rule(l, n, vocab, &r);
	keep_rule(l, c, &r);

	/* What it travels in: its sessions, and who may ask a device who it is may ask there too.
	 */
	under.classes = 1u << OP_SESSION;
	if (!(r.has & ~(RULE_PORT | RULE_SAYS)))
		under.classes |= r.classes & 1u << OP_DISCOVER;
	under.has = RULE_CARRIER | (r.has & RULE_PORT);
	under.port = r.port;
	under.text = under.text_forms = r.text;
	for (i = 0; vocab->carrier && i < CARRIERS_MAX; i++) {
		vocab = under.vocab = vocab_find(vocab->carrier);
		if (!vocab)
			break;
		keep_rule(l, c, &under);
	}
}

/* --- services of L3 and L4 --- */

static const struct icmp_word {
	const char *name;
	uint8_t v4[2], v6[2]; /* types, 0xff: none; RFC 792, RFC 4443 */
} icmp_words[] = {
	{"echo", {0, 8}, {128, 129}},
	{"unreachable", {3, 0xff}, {1, 0xff}},
	{"too-big", {0xff, 0xff}, {2, 0xff}},
	{"redirect", {5, 0xff}, {137, 0xff}},
	{"time-exceeded", {11, 0xff}, {3, 0xff}},
	{"parameter-problem", {12, 0xff}, {4, 0xff}},
	{"timestamp", {13, 14}, {0xff, 0xff}},
	{NULL, {0, 0}, {0, 0}},
};

static void add_icmp(struct loader *l, const struct yaml_node *n, void *object)
{
	struct service *s = object;
	struct suggest near = suggest_for(l, n->text);
	const struct icmp_word *w;
	int i;

	for (w = icmp_words; w->name && strcmp(w->name, n->text) != 0; w++)
		suggest_try(&near, w->name);
	if (!w->name) {
		load_error(l, n,
			   "icmp: there is no message \"%.80s\"; any, echo, unreachable, "
			   "time-exceeded, ... are%s",
			   n->text, suggest_text(l, &near));
		return;
	}
	for (i = 0; i < 2; i++) {
		if (w->v4[i] != 0xff)
			iset_add(&s->set, l->a, w->v4[i], w->v4[i]);
		if (w->v6[i] != 0xff)
			iset_add(&s->set6, l->a, w->v6[i], w->v6[i]);
	}
	s->text = s->text ? arena_printf(l->a, "%s,%s", s->text, w->name) : w->name;
}

static const char *const service_names[] = {"tcp", "udp", "icmp", "ip", NULL};

static void load_service(struct loader *l, const struct yaml_node *n, unsigned kind,
			 struct conduit *c)
{
	struct service s = {.kind = (uint8_t)kind, .line = n->key->line, .col = n->key->col};
	const struct numbers to = {.what = service_names[kind],
				   .set = &s.set,
				   .max = kind == SERVICE_IP ? UINT8_MAX : UINT16_MAX};

	s.any = yaml_is(n, "any");
	if (!s.any && kind == SERVICE_ICMP)
		load_each(l, n, "icmp", add_icmp, &s);
	else if (!s.any)
		load_numbers(l, n, &to);
	iset_seal(&s.set);
	iset_seal(&s.set6);
	service_words(l->p, &s);
	c->service = arena_grow(l->a, c->service, c->services, &c->service_cap, sizeof(s));
	c->service[c->services++] = s;
}

/* --- frames that are no IP --- */

static void add_ethertype(struct loader *l, const struct yaml_node *n, void *object)
{
	struct frames *f = object;
	struct suggest near = suggest_for(l, n->text);
	struct iset number = {0};
	const struct numbers to = {.what = "ethertype", .set = &number, .max = UINT16_MAX};
	const char *name;
	uint16_t type;
	unsigned i;

	if (is_number(n->text)) {
		load_numbers(l, n, &to);
		iset_seal(&number);
		if (!number.count)
			return;
		if (number.range[0].lo != number.range[0].hi || number.range[0].lo < 0x600 ||
		    !policy_ethertype((uint16_t)number.range[0].lo, &type)) {
			load_error(l, n,
				   "ethertype: %.80s is no type to permit; types are 0x0600 to "
				   "0xffff, but IP is permitted by tcp, udp, icmp and ip, ARP and "
				   "VLAN tags need nothing, and frames with a length are llc",
				   n->text);
			return;
		}
		iset_add(&f->set, l->a, type, type);
		return;
	}
	for (i = 0; (name = policy_ethertype_at(i, &type)); i++) {
		if (strcmp(name, n->text) == 0) {
			iset_add(&f->set, l->a, type, type);
			return;
		}
		suggest_try(&near, name);
	}
	load_error(
		l, n,
		"ethertype: there is no \"%.80s\"; any, profinet, goose, ethercat, lldp, ... are, "
		"and numbers such as 0x88cc%s",
		n->text, suggest_text(l, &near));
}

static void load_frames(struct loader *l, const struct yaml_node *n, struct conduit *c)
{
	struct frames f = {.line = n->key->line, .col = n->key->col};

	f.any = yaml_is(n, "any");
	if (!f.any)
		load_each(l, n, "ethertype", add_ethertype, &f);
	iset_seal(&f.set);
	frames_words(l->p, &f);
	c->frames = arena_grow(l->a, c->frames, c->nframes, &c->frames_cap, sizeof(f));
	c->frames[c->nframes++] = f;
}

static void load_word_of(struct loader *l, const struct yaml_node *v, struct conduit *c)
{
	const struct vocab *vocab = vocab_find(v->key->text), *other;
	struct suggest s = suggest_for(l, v->key->text);
	unsigned i;

	if (vocab) {
		load_rules(l, v, vocab, c);
		return;
	}
	for (i = 0; service_names[i]; i++) {
		suggest_try(&s, service_names[i]);
		if (strcmp(service_names[i], v->key->text) == 0) {
			load_service(l, v, i, c);
			return;
		}
	}
	suggest_try(&s, "ethertype");
	if (strcmp(v->key->text, "ethertype") == 0) {
		load_frames(l, v, c);
		return;
	}
	for (i = 0; (other = vocab_at(i)); i++)
		suggest_try(&s, other->proto);
	load_error(l, v->key, "unknown protocol \"%.80s\" under allow%s", v->key->text,
		   suggest_text(l, &s));
}

void load_allow(struct loader *l, const struct yaml_node *n, void *conduit)
{
	const struct yaml_node *v;

	if (!load_is(l, n, YAML_MAP, "an entry of allow"))
		return;
	yaml_each (v, n) {
		if (v != n->first)
			load_error(l, v->key,
				   "one entry permits one thing; begin a new entry with \"- %s:\"",
				   v->key->text);
		else
			load_word_of(l, v, conduit);
	}
}
