/* The expectations file: reading it. */
#include "report/expect.h"

#include "policy/loader.h"
#include "report/expect_parts.h"

#include <ctype.h>
#include <stdlib.h>

struct load {
	struct loader l;
	struct expect *x;
	const struct catalogue *catalogue;
	struct expectation *e; /* under construction */
	bool has_expect;
};

static struct load *load_of(struct loader *l)
{
	return (struct load *)l; /* its first member */
}

/* --- ends --- */

static void set_end(struct loader *l, const struct yaml_node *n, struct expect_end *end,
		    const char *what)
{
	const struct policy *p = load_of(l)->x->policy;
	const char *s = load_text(l, n, what);
	struct suggest near;
	uint32_t i;

	if (!s)
		return;
	end->text = s;
	near = suggest_for(l, s);
	for (i = 0; policy_zone_at(p, i); i++) {
		suggest_try(&near, policy_zone_at(p, i)->id);
		if (strcmp(policy_zone_at(p, i)->id, s) == 0) {
			end->zone = i;
			return;
		}
	}
	for (i = 0; policy_asset_at(p, i); i++) {
		suggest_try(&near, policy_asset_at(p, i)->id);
		if (strcmp(policy_asset_at(p, i)->id, s) == 0) {
			end->asset = i;
			return;
		}
	}
	for (i = 0; policy_group_id(p, i); i++)
		suggest_try(&near, policy_group_id(p, i));
	end->group = policy_group_find(p, s);
	if (end->group != POLICY_NONE)
		return;
	if (addr_parse_prefix(s, &end->net, &end->bits))
		load_error(
			l, n,
			"%s: there is no zone, asset or group \"%s\" in the policy, and it is no "
			"address%s",
			what, s, suggest_text(l, &near));
}

static void set_from(struct loader *l, const struct yaml_node *n, void *object)
{
	set_end(l, n, &((struct expectation *)object)->end[0], "from");
}

static void set_to(struct loader *l, const struct yaml_node *n, void *object)
{
	set_end(l, n, &((struct expectation *)object)->end[1], "to");
}

/* --- keys --- */

static void set_expect(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"allow", "deny", NULL};
	struct expectation *e = object;
	int i = load_word(l, n, "expect", words);

	load_of(l)->has_expect = true;
	e->kind = i == 1 ? EXPECT_DENY : EXPECT_ALLOW;
}

static const struct finding *find_finding(struct loader *l, const struct yaml_node *n,
					  const char *what)
{
	const struct catalogue *c = load_of(l)->catalogue;
	const char *s = load_text(l, n, what);
	const struct finding *f;
	struct suggest near;
	unsigned i;

	if (!s)
		return NULL;
	near = suggest_for(l, s);
	for (i = 0; (f = catalogue_at(c, i)); i++) {
		if (strcmp(f->id, s) == 0)
			return f;
		suggest_try(&near, f->id);
	}
	load_error(l, n, "%s: there is no finding \"%.80s\"%s; 'kidoban explain' lists them all",
		   what, s, suggest_text(l, &near));
	return NULL;
}

static void set_finding(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct expectation *)object)->finding = find_finding(l, n, "finding");
}

static void set_never(struct loader *l, const struct yaml_node *n, void *object)
{
	struct expectation *e = object;

	e->kind = EXPECT_NEVER;
	e->finding = find_finding(l, n, "never");
}

static void set_verdict(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {
		"alert",	 "degrade",    "drop",	       "reject",	   "quarantine",
		"would-degrade", "would-drop", "would-reject", "would-quarantine", NULL};
	int i = load_word(l, n, "verdict", words);

	if (i >= 0)
		((struct expectation *)object)->verdict = words[i];
}

static uint32_t find_conduit(struct loader *l, const struct yaml_node *n, const char *what)
{
	const struct policy *p = load_of(l)->x->policy;
	const char *s = load_text(l, n, what);
	struct suggest near;
	uint32_t i;

	if (!s)
		return POLICY_NONE;
	near = suggest_for(l, s);
	for (i = 0; policy_conduit_at(p, i); i++) {
		if (strcmp(policy_conduit_at(p, i)->id, s) == 0)
			return i;
		suggest_try(&near, policy_conduit_at(p, i)->id);
	}
	load_error(l, n, "%s: there is no conduit \"%.80s\" in the policy%s", what, s,
		   suggest_text(l, &near));
	return POLICY_NONE;
}

static void set_conduit(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct expectation *)object)->conduit = find_conduit(l, n, "conduit");
}

static void set_entry(struct loader *l, const struct yaml_node *n, void *object)
{
	struct expectation *e = object;

	if (e->entry) {
		load_error(l, n->key, "either op or service");
		return;
	}
	e->entry = policy_entry_load(load_of(l)->x->policy, n, l->file, l->diag);
	if (e->entry && policy_entry_is_service(e->entry) != (strcmp(n->key->text, "service") == 0))
		load_error(l, n->key, "%s is %s; write %s:", policy_entry_text(e->entry),
			   policy_entry_is_service(e->entry) ? "a service" : "an op",
			   policy_entry_is_service(e->entry) ? "service" : "op");
}

static bool read_count(struct loader *l, const struct yaml_node *n, const char *what, uint64_t *out)
{
	unsigned long long v;
	char *end;

	if (!load_is(l, n, YAML_SCALAR, what))
		return false;
	v = strtoull(n->text, &end, 10);
	if (!isdigit((unsigned char)n->text[0]) || *end || v > INT64_MAX) {
		load_error(l, n, "%s: \"%.40s\" is no number", what, n->text);
		return false;
	}
	*out = v;
	return true;
}

static void set_count(struct loader *l, const struct yaml_node *n, void *object)
{
	struct expectation *e = object;

	e->counted = true;
	if (read_count(l, n, "count", &e->min))
		e->max = e->min;
}

static void set_min(struct loader *l, const struct yaml_node *n, void *object)
{
	struct expectation *e = object;

	e->counted = true;
	read_count(l, n, "min", &e->min);
}

static void set_max(struct loader *l, const struct yaml_node *n, void *object)
{
	struct expectation *e = object;

	if (!e->counted)
		e->min = 0;
	e->counted = true;
	read_count(l, n, "max", &e->max);
}

/* --- expectations --- */

static struct expectation *new_item(struct load *ld, const struct yaml_node *n)
{
	struct expect *x = ld->x;
	struct expectation *e;

	x->item = arena_grow(&x->arena, x->item, x->items, &x->cap, sizeof(*e));
	e = &x->item[x->items++];
	*e = (struct expectation){
		.kind = EXPECT_FINDING,
		.line = n->line,
		.end = {{NULL, POLICY_NONE, POLICY_NONE, POLICY_NONE, {{0}}, 0},
			{NULL, POLICY_NONE, POLICY_NONE, POLICY_NONE, {{0}}, 0}},
		.conduit = POLICY_NONE,
		.min = 1,
		.max = UINT64_MAX,
	};
	return e;
}

static void one_exercised(struct loader *l, const struct yaml_node *n, void *object)
{
	struct expectation *e = new_item(load_of(l), n);

	(void)object;
	e->kind = EXPECT_EXERCISED;
	e->conduit = find_conduit(l, n, "exercised");
}

static void check_item(struct loader *l, const struct yaml_node *n, const struct expectation *e)
{
	if (e->kind == EXPECT_FINDING && !yaml_get(n, "finding"))
		load_error(l, n,
			   "an expectation says expect: allow, expect: deny, finding:, never: or "
			   "exercised:");
	if (e->kind == EXPECT_ALLOW && (e->finding || e->verdict))
		load_error(l, n, "what is allowed has no finding and no verdict");
	if (e->kind == EXPECT_NEVER && (load_of(l)->has_expect || e->counted))
		load_error(l, n, "never stands alone, or with from, to, op, service, conduit");
	if (e->min > e->max)
		load_error(l, n, "min is above max");
}

static const struct field item_fields[] = {
	{"expect", set_expect, false},
	{"from", set_from, false},
	{"to", set_to, false},
	{"op", set_entry, false},
	{"service", set_entry, false},
	{"finding", set_finding, false},
	{"verdict", set_verdict, false},
	{"conduit", set_conduit, false},
	{"count", set_count, false},
	{"min", set_min, false},
	{"max", set_max, false},
	{"never", set_never, false},
	{NULL, NULL, false},
};

static void load_item(struct loader *l, const struct yaml_node *n)
{
	const struct yaml_node *v;
	struct expectation *e;

	if (!load_is(l, n, YAML_MAP, "an expectation"))
		return;
	v = yaml_get(n, "exercised");
	if (v && n->count == 1) {
		load_each(l, v, "exercised", one_exercised, NULL);
		return;
	}
	if (v) {
		load_error(l, v->key, "exercised is an entry of its own");
		return;
	}
	load_of(l)->has_expect = false;
	e = new_item(load_of(l), n);
	load_fields(l, n, "an expectation", item_fields, e);
	check_item(l, n, e);
}

static void load_items(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct yaml_node *v;

	(void)object;
	if (!load_is(l, n, YAML_LIST, "expectations"))
		return;
	yaml_each (v, n)
		load_item(l, v);
}

static void set_others(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"deny", "allow", NULL};

	(void)object;
	load_of(l)->x->others = load_word(l, n, "others", words) == 1;
}

static const struct field top_fields[] = {
	{"others", set_others, false},
	{"expectations", load_items, true},
	{NULL, NULL, false},
};

static struct expect *load(struct yaml_doc *doc, const char *name, const struct policy *p,
			   const struct catalogue *c, struct diag *diag, unsigned errors)
{
	struct expect *x = doc->complete ? calloc(1, sizeof(*x)) : NULL;
	struct load ld = {.l = {.file = name, .diag = diag}, .x = x, .catalogue = c};
	char id[64];
	unsigned i;

	if (x) {
		ld.l.a = &x->arena;
		x->policy = p;
		x->name = arena_text(&x->arena, name, strlen(name));
		for (i = JUDGE_NOTHING + 1; i < JUDGE_FINDINGS; i++)
			x->finding[i] = catalogue_find(
				c, judge_finding_id((enum judge_finding)i, id, sizeof(id)));
		if (doc->root->kind == YAML_LIST)
			load_items(&ld.l, doc->root, NULL);
		else
			load_fields(&ld.l, doc->root, "an expectations file", top_fields, NULL);
	}
	if (diag->errors != errors) {
		expect_free(x);
		x = NULL;
	}
	yaml_doc_free(doc);
	return x;
}

struct expect *expect_load(const char *path, const struct policy *p, const struct catalogue *c,
			   struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_file(&doc, path, diag);
	return load(&doc, path, p, c, diag, errors);
}

struct expect *expect_load_buffer(const char *name, const char *text, size_t len,
				  const struct policy *p, const struct catalogue *c,
				  struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_buffer(&doc, name, text, len, diag);
	return load(&doc, name, p, c, diag, errors);
}

bool expect_others(const struct expect *x)
{
	return x->others;
}

void expect_free(struct expect *x)
{
	unsigned i;

	if (!x)
		return;
	for (i = 0; i < x->items; i++)
		policy_entry_free(x->item[i].entry);
	arena_free(&x->arena);
	free(x);
}
