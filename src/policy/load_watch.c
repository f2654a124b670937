/* Entries of `watch`: what must go on, from which end to which, how often and with which values. */
#include "policy/lint.h"
#include "policy/loader.h"

#define PAIRS_MAX 65536u /* watched pairs of ends; each costs half a KB of state */

struct watch_load {
	struct watch *w;
	struct ends from, to;
	bool has_entry;
};

static const char *watch_name(const struct policy *p, uint32_t i)
{
	return p->watch[i].pub.id;
}

static void watch_id(struct loader *l, const struct yaml_node *n, void *object)
{
	struct watch *w = ((struct watch_load *)object)->w;
	const char *id = load_id(l, n, "watch id");
	uint32_t other;

	if (!id)
		return;
	other = ids_add(l, &l->watch_ids, id, (uint32_t)(w - l->p->watch), watch_name);
	w->pub.id = id;
	if (other != IMAP_NONE)
		load_error(
			l, n, "the id \"%s\" is already that of the watch in %s", id,
			load_line(l, n, l->p->watch[other].pub.file, l->p->watch[other].pub.line));
}

static void watch_from(struct loader *l, const struct yaml_node *n, void *object)
{
	load_ends(l, n, "from", &((struct watch_load *)object)->from);
}

static void watch_to(struct loader *l, const struct yaml_node *n, void *object)
{
	load_ends(l, n, "to", &((struct watch_load *)object)->to);
}

static void watch_reason(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "reason");

	if (s)
		((struct watch_load *)object)->w->pub.reason = s;
}

static void watch_refs(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *const *refs = load_refs(l, n);

	if (refs)
		((struct watch_load *)object)->w->pub.refs = refs;
}

static void watch_every(struct loader *l, const struct yaml_node *n, void *object)
{
	load_duration(l, n, "every", &((struct watch_load *)object)->w->pub.every);
}

static void watch_changes(struct loader *l, const struct yaml_node *n, void *object)
{
	load_duration(l, n, "changes", &((struct watch_load *)object)->w->pub.changes);
}

static void watch_range(struct loader *l, const struct yaml_node *n, void *object)
{
	struct watch *w = ((struct watch_load *)object)->w;

	load_values(l, n, "range", &w->range);
	w->pub.range = values_words(l->p, &w->range);
}

static void watch_accept(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct watch *w = ((struct watch_load *)object)->w;

	load_accept(l, n, LINT_OF_WATCH, (uint32_t)(w - l->p->watch));
}

/* Nothing of the process is stopped because something is missing in it. */
static void watch_violation(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"alert", NULL};

	(void)object;
	load_word(l, n, "on-violation of a watch", words);
}

static const struct field watch_fields[] = {
	{"id", watch_id, true},
	{"from", watch_from, true},
	{"to", watch_to, true},
	{"reason", watch_reason, false},
	{"refs", watch_refs, false},
	{"every", watch_every, false},
	{"range", watch_range, false},
	{"changes", watch_changes, false},
	{"on-violation", watch_violation, false},
	{"accept", watch_accept, false},
	{NULL, NULL, false},
};

/* The protocol entry; false when the key is no protocol. */
static bool watch_entry(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct vocab *vocab = vocab_find(n->key->text);
	const struct yaml_node *value = yaml_get(n, "value");
	struct watch_load *x = object;

	if (!vocab)
		return false;
	if (x->has_entry)
		load_error(l, n->key,
			   "a watch means the ops of one protocol entry; make another watch for "
			   "\"%s\"",
			   n->key->text);
	if (value)
		load_error(l, value->key, "value says what may be written; a watch has range");
	x->has_entry = true;
	load_rule(l, n, vocab, &x->w->rule);
	return true;
}

static void suggest_protocols(struct suggest *s)
{
	const struct vocab *v;
	unsigned i;

	for (i = 0; (v = vocab_at(i)); i++)
		suggest_try(s, v->proto);
}

/* One class, and one kind of object: it can be said as a person would. */
static void sample(struct watch *w)
{
	const struct rule *r = &w->rule;
	struct op *op = &w->pub.sample;
	unsigned i;

	op->unit = r->unit.count == 1 && r->unit.range->lo == r->unit.range->hi
			   ? (int32_t)r->unit.range->lo
			   : -1;
	op->name = "";
	op->rtt = -1;
	if ((r->classes != 1u << OP_READ && r->classes != 1u << OP_WRITE) || r->has & RULE_CODE ||
	    (r->has & RULE_PATHS && r->nspaces) || r->nspaces > 1)
		return;
	op->cls = r->classes == 1u << OP_READ ? OP_READ : OP_WRITE;
	if (r->nspaces) {
		const struct rule_space *s = &r->space[0];

		op->object.space = s->key->arg;
		if (s->key->kind != VOCAB_SPACE && s->names.count == 1) {
			op->object.name = s->names.text[0];
		} else if (s->key->kind == VOCAB_SPACE && s->range.count == 1 &&
			   s->range.range->hi < s->key->max) {
			op->object.first = s->range.range->lo;
			op->object.count = (uint32_t)(s->range.range->hi - op->object.first + 1);
		} else {
			return;
		}
	} else if (r->has & RULE_PATHS) {
		op->object.space = OP_SPACE_OBJECT;
		for (i = 0; i < 3 && r->has & RULE_PATH << i; i++) {
			if (r->path[i].count != 1 || r->path[i].range->lo != r->path[i].range->hi)
				return;
			op->object.path[op->object.npath++] = (uint32_t)r->path[i].range->lo;
		}
	} else {
		return;
	}
	op->proto = r->vocab->proto;
}

static void check_watch(struct loader *l, const struct yaml_node *n, const struct watch_load *x)
{
	static const uint16_t valued = 1u << OP_READ | 1u << OP_WRITE;
	const struct watch *w = x->w;

	if (!x->has_entry)
		load_error(l, n,
			   "watch \"%s\" does not say which ops are meant; add an entry such as "
			   "modbus: {do: read, input: 0}",
			   w->pub.id);
	else if ((!x->from.count && !x->from.grouped) || (!x->to.count && !x->to.grouped))
		load_error(l, n, "watch \"%s\" joins nothing: from and to need a zone or asset",
			   w->pub.id);
	else if (!w->pub.every && !w->pub.range && !w->pub.changes)
		load_error(l, n, "watch \"%s\" watches nothing: add every, range or changes",
			   w->pub.id);
	else if ((w->pub.range || w->pub.changes) && !(w->rule.classes & valued))
		load_error(l, n,
			   "watch \"%s\": range and changes look at values, but its entry means no "
			   "reads or writes",
			   w->pub.id);
}

static void add_pairs(struct loader *l, const struct yaml_node *n, const struct watch_load *x)
{
	const struct watch *w = x->w;
	struct policy *p = l->p;
	uint32_t f, t, first, i;

	if ((uint64_t)x->from.count * x->to.count > PAIRS_MAX - p->watch_pairs) {
		load_error(l, n,
			   "watch \"%s\": all watches together mean more than %u pairs of ends",
			   w->pub.id, PAIRS_MAX);
		return;
	}
	for (f = 0; f < x->from.count; f++)
		for (t = 0; t < x->to.count; t++) {
			p->watch_pair = arena_grow(l->a, p->watch_pair, p->watch_pairs,
						   &p->watch_pair_cap, sizeof(*p->watch_pair));
			i = p->watch_pairs++;
			p->watch_pair[i] = (struct policy_watch_pair){
				.watch = (uint32_t)(w - p->watch),
				.end = {end_place(p, x->from.end[f]), end_place(p, x->to.end[t])},
				.next = POLICY_NONE,
			};
			first = imap_add(&p->watch_ends, l->a,
					 (uint64_t)x->from.end[f] << 32 | x->to.end[t], i);
			if (first == IMAP_NONE)
				continue;
			p->watch_pair[i].next = p->watch_pair[first].next;
			p->watch_pair[first].next = i;
		}
}

static void load_watch(struct loader *l, const struct yaml_node *n)
{
	static const char *const no_refs[] = {NULL};
	struct policy *p = l->p;
	struct watch_load x = {.from = load_ends_none(l), .to = load_ends_none(l)};
	unsigned errors = l->diag->errors;

	p->watch = arena_grow(l->a, p->watch, p->watches, &p->watch_cap, sizeof(*p->watch));
	x.w = &p->watch[p->watches++];
	*x.w = (struct watch){.pub = {.id = "",
				      .reason = "",
				      .refs = no_refs,
				      .file = load_file(l, n),
				      .line = n->line,
				      .col = n->col}};
	x.w->rule.conduit = POLICY_NONE;
	load_fields_or(l, n, "a watch", watch_fields, watch_entry, suggest_protocols, &x);
	if (l->diag->errors != errors)
		return;
	check_watch(l, n, &x);
	if (l->diag->errors != errors)
		return;
	x.w->from_words = x.from.words;
	x.w->to_words = x.to.words;
	x.w->pub.meant = x.w->rule.text;
	sample(x.w);
	add_pairs(l, n, &x);
}

void load_watches(struct loader *l, const struct yaml_node *n)
{
	const struct yaml_node *c;

	if (n->kind == YAML_SCALAR && n->len == 0)
		return;
	if (!load_is(l, n, YAML_LIST, "watch"))
		return;
	yaml_each (c, n)
		load_watch(l, c);
}
