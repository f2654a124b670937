/*
 * Puts side by side what is read together. Loading leaves the parts of a rule wherever the text
 * had them, each in a place of its own; an op would fetch a line of memory for every one.
 *
 *   conduit   [rule][rule]...[spaces][ranges of unit, space, value, ...]    one block, 64-aligned
 *   run       c1: [read 0-9] [write 5]     c2: [read 0-9] [write 5]          matched by those of c1
 *   pair set  [conduits, runs, the only run]                                one line, 64-aligned
 *
 * Cost is one copy of all rules and a hash lookup for each run.
 */
#include "base/hash.h"
#include "policy/model.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LINE ((size_t)64) /* bytes of a cache line */

_Static_assert(sizeof(struct pair_set) == 64, "a pair set fills one line");
_Static_assert(offsetof(struct rule, code) == 64, "what most rules are matched by is one line");

static void *aligned(struct arena *a, size_t size)
{
	uintptr_t at = (uintptr_t)arena_alloc(a, size + LINE);

	return (void *)((at + LINE - 1) & ~(uintptr_t)(LINE - 1));
}

/* A block that is filled from its start. */
struct block {
	unsigned char *at;
};

static void *put(struct block *b, const void *from, size_t n, size_t size)
{
	void *to = b->at;

	if (!n)
		return NULL;
	memcpy(to, from, n * size);
	b->at += n * size;
	return to;
}

static void put_iset(struct block *b, struct iset *s)
{
	s->range = put(b, s->range, s->count, sizeof(*s->range));
	s->cap = s->count;
}

static void put_dset(struct block *b, struct dset *s)
{
	s->range = put(b, s->range, s->count, sizeof(*s->range));
	s->cap = s->count;
}

static size_t size_of(const struct rule *r)
{
	size_t ranges = (size_t)r->unit.count + r->code.count + r->port.count + r->value.count;
	unsigned i;

	_Static_assert(sizeof(struct iset_range) == sizeof(struct dset_range), "counted as one");
	for (i = 0; i < 3; i++)
		ranges += r->path[i].count;
	for (i = 0; i < r->nspaces; i++)
		ranges += r->space[i].range.count;
	return sizeof(*r) + r->nspaces * sizeof(*r->space) + ranges * sizeof(struct iset_range);
}

/* In the order in which they are asked. */
static void put_parts(struct block *b, struct rule *r)
{
	unsigned i;

	put_iset(b, &r->port);
	put_iset(b, &r->code);
	put_iset(b, &r->unit);
	r->space = put(b, r->space, r->nspaces, sizeof(*r->space));
	for (i = 0; i < r->nspaces; i++)
		put_iset(b, &r->space[i].range);
	for (i = 0; i < 3; i++)
		put_iset(b, &r->path[i]);
	put_dset(b, &r->value);
}

/* --- runs that say the same --- */

/* All that rules are matched by, in bytes; for this file only. */
struct spelt {
	unsigned char *text;
	size_t len, cap;
	bool failed; /* memory is out: then nothing is alike */
};

static void spell(struct spelt *s, const void *data, size_t len)
{
	size_t cap = s->cap;
	void *grown;

	if (s->failed || !len)
		return;
	while (cap - s->len < len)
		cap = cap ? cap * 2 : 256;
	if (cap != s->cap) {
		grown = realloc(s->text, cap);
		if (!grown) {
			s->failed = true;
			return;
		}
		s->text = grown;
		s->cap = cap;
	}
	memcpy(s->text + s->len, data, len);
	s->len += len;
}

static void spell_iset(struct spelt *s, const struct iset *x)
{
	spell(s, &x->count, sizeof(x->count));
	spell(s, x->range, x->count * sizeof(*x->range));
}

static void spell_names(struct spelt *s, const struct names *x)
{
	uint32_t i;

	spell(s, &x->count, sizeof(x->count));
	for (i = 0; i < x->count; i++) {
		spell(s, &x->text[i].len, sizeof(x->text[i].len));
		spell(s, x->text[i].p, x->text[i].len);
	}
}

static void spell_rule(struct spelt *s, const struct rule *r)
{
	unsigned i;

	spell(s, &r->vocab, sizeof(r->vocab));
	spell(s, &r->classes, sizeof(r->classes));
	spell(s, &r->has, sizeof(r->has));
	spell(s, &r->nspaces, sizeof(r->nspaces));
	spell_iset(s, &r->unit);
	spell_iset(s, &r->code);
	spell_iset(s, &r->port);
	for (i = 0; i < 3; i++)
		spell_iset(s, &r->path[i]);
	for (i = 0; i < r->nspaces; i++) {
		spell(s, &r->space[i].key, sizeof(r->space[i].key));
		spell_iset(s, &r->space[i].range);
		spell_names(s, &r->space[i].names);
	}
	spell_names(s, &r->actor);
	spell(s, &r->value.count, sizeof(r->value.count));
	spell(s, r->value.range, r->value.count * sizeof(*r->value.range));
}

/* What was spelt before, and by whom. */
struct before {
	const unsigned char *text;
	size_t len;
	const struct rule *rule;
};

struct alike {
	struct arena arena; /* of all here; goes when the runs are made */
	struct imap map;    /* hash -> before */
	struct before *before;
	uint32_t count, cap;
	struct spelt now;
};

/* The first rules that say the same as these, or these. */
static const struct rule *first_alike(struct alike *a, const struct rule *r, uint32_t rules)
{
	uint64_t key, salt;
	uint32_t i;

	a->now.len = 0;
	for (i = 0; i < rules; i++)
		spell_rule(&a->now, &r[i]);
	if (a->now.failed)
		return r;
	for (salt = 0;; salt++) {
		key = hash_bytes(a->now.text, a->now.len, salt);
		i = imap_find(&a->map, key);
		if (i == IMAP_NONE)
			break;
		if (a->before[i].len == a->now.len &&
		    memcmp(a->before[i].text, a->now.text, a->now.len) == 0)
			return a->before[i].rule;
	}
	a->before = arena_grow(&a->arena, a->before, a->count, &a->cap, sizeof(*a->before));
	a->before[a->count] = (struct before){
		(unsigned char *)arena_text(&a->arena, (char *)a->now.text, a->now.len), a->now.len,
		r};
	imap_add(&a->map, &a->arena, key, a->count++);
	return r;
}

static void make_runs(struct policy *p, struct conduit *c, struct alike *a)
{
	struct pair_run *x;
	uint32_t k, n;

	c->run = arena_array(&p->arena, c->rules, sizeof(*c->run));
	for (k = 0; k < c->rules; k += n) {
		x = &c->run[c->runs++];
		for (n = 1; k + n < c->rules && c->rule[k + n].vocab == c->rule[k].vocab; n++)
			;
		*x = (struct pair_run){.proto = c->rule[k].vocab->proto,
				       .rule = first_alike(a, &c->rule[k], n),
				       .own = &c->rule[k],
				       .rules = n,
				       .conduit = c->rule[k].conduit};
	}
}

static void pack_rules(struct policy *p, struct conduit *c)
{
	struct block b;
	size_t size = 0;
	uint32_t k;

	for (k = 0; k < c->rules; k++)
		size += size_of(&c->rule[k]);
	b.at = aligned(&p->arena, size);
	c->rule = put(&b, c->rule, c->rules, sizeof(*c->rule));
	c->rule_cap = c->rules;
	for (k = 0; k < c->rules; k++)
		put_parts(&b, &c->rule[k]);
}

void policy_pack_rules(struct policy *p)
{
	struct alike a = {.count = 0};
	uint32_t i;

	for (i = 0; i < p->conduits; i++) {
		if (!p->conduit[i].rules)
			continue;
		pack_rules(p, &p->conduit[i]);
		make_runs(p, &p->conduit[i], &a);
	}
	free(a.now.text);
	arena_free(&a.arena);
}

void policy_pack_sets(struct policy *p)
{
	struct pair_set *s = aligned(&p->arena, p->sets * LINE);
	uint32_t i;

	for (i = 0; i < p->sets; i++) {
		s[i] = p->set[i];
		if (s[i].conduits == 1) {
			s[i].alone = s[i].conduit[0];
			s[i].conduit = &s[i].alone;
		}
		if (s[i].runs == 1) {
			s[i].only = s[i].run[0];
			s[i].run = &s[i].only;
		}
	}
	p->set = s;
	p->set_cap = p->sets;
}
