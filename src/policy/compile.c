/*
 * Which conduits join which ends: a hash from every (from, to) that is written to its pair set.
 *
 *   conduits      hmi-plc: hmi-1 -> plc-1      eng: eng-1, hmi-1 -> plc-1
 *   joins         (hmi-1, plc-1, hmi-plc) (eng-1, plc-1, eng) (hmi-1, plc-1, eng)   sorted
 *   pair sets     {hmi-plc, eng}  {eng}                                             each once
 *
 * Cost is the number of joins times its logarithm. Conduits that are always written together share
 * one pair set.
 */
#include "policy/model.h"

#include <stdlib.h>

#define JOINS_MAX 4000000u /* pairs of ends over all conduits; 32 bytes each while compiling */

struct join {
	uint64_t ends; /* from << 32 | to */
	uint32_t conduit;
};

static int by_ends(const void *x, const void *y)
{
	const struct join *a = x, *b = y;

	if (a->ends != b->ends)
		return a->ends < b->ends ? -1 : 1;
	return (a->conduit > b->conduit) - (a->conduit < b->conduit);
}

static uint64_t count_joins(const struct policy *p)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < p->conduits; i++)
		n += (uint64_t)p->conduit[i].nfrom * p->conduit[i].nto;
	return n;
}

static size_t fill_joins(const struct policy *p, struct join *join)
{
	size_t n = 0;
	uint32_t i, f, t;

	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];

		for (f = 0; f < c->nfrom; f++)
			for (t = 0; t < c->nto; t++)
				join[n++] = (struct join){
					.ends = (uint64_t)c->from[f] << 32 | c->to[t],
					.conduit = i,
				};
	}
	return n;
}

static void fill_set(struct policy *p, struct pair_set *s)
{
	struct pair_run *run;
	uint32_t i, n = 0;

	for (i = 0; i < s->conduits; i++) {
		n += p->conduit[s->conduit[i]].runs;
		s->serves |= p->conduit[s->conduit[i]].services > 0;
	}
	s->run = run = arena_array(&p->arena, n, sizeof(*run));
	for (i = 0; i < s->conduits; i++) {
		const struct conduit *c = &p->conduit[s->conduit[i]];

		if (c->runs)
			memcpy(run + s->runs, c->run, c->runs * sizeof(*run));
		s->runs += c->runs;
	}
}

static void note_named(struct policy *p)
{
	uint32_t i, k;

	p->named = arena_alloc(&p->arena, (size_t)p->zones + p->assets);
	for (i = 0; i < p->conduits; i++) {
		for (k = 0; k < p->conduit[i].nfrom; k++)
			p->named[p->conduit[i].from[k]] |= NAMED_FROM;
		for (k = 0; k < p->conduit[i].nto; k++)
			p->named[p->conduit[i].to[k]] |= NAMED_TO;
	}
}

static void note_protos(struct policy *p)
{
	const struct vocab *v;
	uint32_t n = 0;

	while (vocab_at(n))
		n++;
	p->proto = arena_array(&p->arena, n + 1, sizeof(*p->proto));
	for (n = 0; (v = vocab_at(n)); n++)
		p->proto[n] = v->proto;
}

/* The pair set of these conduits, made when it is new. */
static uint32_t set_of(struct policy *p, struct imap *known, const uint32_t *conduit, uint32_t n)
{
	uint32_t found, *copy;
	struct pair_set *s;
	uint64_t key, k;

	for (k = 0;; k++) {
		key = hash_bytes(conduit, n * sizeof(*conduit), k);
		found = imap_find(known, key);
		if (found == IMAP_NONE)
			break;
		s = &p->set[found];
		if (s->conduits == n && memcmp(s->conduit, conduit, n * sizeof(*conduit)) == 0)
			return found;
	}
	p->set = arena_grow(&p->arena, p->set, p->sets, &p->set_cap, sizeof(*s));
	s = &p->set[p->sets];
	copy = arena_array(&p->arena, n, sizeof(*copy));
	memcpy(copy, conduit, n * sizeof(*copy));
	*s = (struct pair_set){.conduit = copy, .conduits = n};
	fill_set(p, s);
	imap_add(known, &p->arena, key, p->sets);
	return p->sets++;
}

bool policy_compile(struct policy *p, const char *file, struct diag *diag)
{
	uint64_t total = count_joins(p);
	struct imap known = {0};
	uint32_t *list;
	struct join *join;
	size_t i, n, k;
	bool ok;

	if (total > JOINS_MAX) {
		diag_add(diag, DIAG_ERROR, file, 0, 0,
			 "the conduits join %llu pairs of zones and assets, more than %u; write "
			 "zones instead of long lists of assets",
			 (unsigned long long)total, JOINS_MAX);
		return false;
	}
	note_named(p);
	note_protos(p);
	policy_pack_rules(p);
	join = malloc(total * sizeof(*join) + 1);
	list = malloc(((size_t)p->conduits + 1) * sizeof(*list));
	ok = join && list;
	if (ok) {
		n = fill_joins(p, join);
		qsort(join, n, sizeof(*join), by_ends);
		for (i = 0; i < n; i = k) {
			uint32_t m = 0;

			for (k = i; k < n && join[k].ends == join[i].ends; k++)
				if (m == 0 || list[m - 1] != join[k].conduit)
					list[m++] = join[k].conduit;
			imap_add(&p->pairs, &p->arena, join[i].ends, set_of(p, &known, list, m));
		}
		policy_pack_sets(p);
	} else {
		diag_add(diag, DIAG_ERROR, file, 0, 0, "out of memory");
	}
	free(join);
	free(list);
	return ok;
}
