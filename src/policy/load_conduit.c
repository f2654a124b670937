/* Conduits: who may open conversations with whom, and what happens otherwise. */
#include "policy/lint.h"
#include "policy/loader.h"

struct conduit_load {
	struct conduit *c;
	struct ends from, to;
	bool fail_written;
};

static const char *conduit_name(const struct policy *p, uint32_t i)
{
	return p->conduit[i].pub.id;
}

static void conduit_id(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct conduit_load *c = object;
	const char *id = load_id(l, n, "conduit id");
	uint32_t other;

	if (!id)
		return;
	other = ids_add(l, &l->conduit_ids, id, (uint32_t)(c->c - l->p->conduit), conduit_name);
	c->c->pub.id = id;
	if (other != IMAP_NONE)
		load_error(l, n, "the id \"%s\" is already that of the conduit in %s", id,
			   load_line(l, n, l->p->conduit[other].pub.file,
				     l->p->conduit[other].pub.line));
}

static void conduit_from(struct loader *l, const struct yaml_node *n, void *object)
{
	load_ends(l, n, "from", &((struct conduit_load *)object)->from);
}

static void conduit_to(struct loader *l, const struct yaml_node *n, void *object)
{
	load_ends(l, n, "to", &((struct conduit_load *)object)->to);
}

static void conduit_reason(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "reason");

	if (s)
		((struct conduit_load *)object)->c->pub.reason = s;
}

static void conduit_refs(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *const *refs = load_refs(l, n);

	if (refs)
		((struct conduit_load *)object)->c->pub.refs = refs;
}

static void conduit_allow(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct yaml_node *c;

	if (!load_is(l, n, YAML_LIST, "allow"))
		return;
	yaml_each (c, n)
		load_allow(l, c, ((struct conduit_load *)object)->c);
}

static void conduit_violation(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"alert",  "degrade",    "drop",
					    "reject", "quarantine", NULL};
	int i = load_word(l, n, "on-violation", words);

	if (i >= 0)
		((struct conduit_load *)object)->c->pub.on_violation = (uint8_t)i;
}

static void conduit_fail(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"open", "closed", NULL};
	struct conduit_load *c = object;

	c->fail_written = true;
	c->c->pub.fail_open = load_word(l, n, "fail", words) == 0;
}

static void conduit_baseline(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"alert", "enforce", NULL};

	((struct conduit_load *)object)->c->pub.baseline_enforced =
		load_word(l, n, "baseline", words) == 1;
}

static void conduit_when(struct loader *l, const struct yaml_node *n, void *object)
{
	load_when(l, n, ((struct conduit_load *)object)->c);
}

static void conduit_accept(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct conduit_load *c = object;

	load_accept(l, n, LINT_OF_CONDUIT, (uint32_t)(c->c - l->p->conduit));
}

static void conduit_limit(struct loader *l, const struct yaml_node *n, void *object)
{
	load_limit(l, n, &((struct conduit_load *)object)->c->pub);
}

static void conduit_update(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct conduit_load *)object)->c->pub.update = load_yes(l, n, "update");
}

/* Registered hosts, in agreed windows: what makes a conduit an update conduit. */
static void check_update(struct loader *l, const struct yaml_node *n, const struct conduit *c)
{
	uint32_t i;

	if (!c->pub.grant_required && !c->when.schedules && !c->when.modes)
		load_error(l, n,
			   "update conduit \"%s\" is always open; it needs when with grant, "
			   "schedule or operating-mode",
			   c->pub.id);
	for (i = 0; i < c->nfrom; i++)
		if (c->from[i] < l->p->zones) {
			load_error(l, n,
				   "update conduit \"%s\" begins at zone %s; only listed assets "
				   "may update",
				   c->pub.id, end_id(l->p, c->from[i]));
			break;
		}
}

static const struct field conduit_fields[] = {
	{"id", conduit_id, true},
	{"from", conduit_from, true},
	{"to", conduit_to, true},
	{"reason", conduit_reason, false},
	{"refs", conduit_refs, false},
	{"allow", conduit_allow, true},
	{"on-violation", conduit_violation, false},
	{"fail", conduit_fail, false},
	{"baseline", conduit_baseline, false},
	{"when", conduit_when, false},
	{"update", conduit_update, false},
	{"accept", conduit_accept, false},
	{"limit", conduit_limit, false},
	{NULL, NULL, false},
};

/*
 * What happens when kidoban cannot decide and the conduit does not say: inside the plant the
 * process goes on, towards the outside and wireless the gate stays shut.
 */
static bool fails_open(const struct policy *p, const uint32_t *end, uint32_t n)
{
	uint32_t i, zone, level;

	for (i = 0; i < n; i++) {
		zone = end_zone(p, end[i]);
		if (zone == POLICY_NONE) /* an asset whose zone is a mistake already told */
			continue;
		level = p->zone[zone].level;
		if (level == LEVEL_EXTERNAL || level == LEVEL_IOT)
			return false;
	}
	return true;
}

static void load_conduit(struct loader *l, const struct yaml_node *n)
{
	static const char *const no_refs[] = {NULL};
	struct policy *p = l->p;
	struct conduit_load x = {.from = load_ends_none(l), .to = load_ends_none(l)};
	struct conduit *c;
	unsigned errors = l->diag->errors;

	p->conduit = arena_grow(l->a, p->conduit, p->conduits, &p->conduit_cap, sizeof(*c));
	c = x.c = &p->conduit[p->conduits++];
	*c = (struct conduit){.pub = {.id = "",
				      .reason = "",
				      .refs = no_refs,
				      .modes = "",
				      .schedule = "",
				      .until = "",
				      .when = "",
				      .file = load_file(l, n),
				      .line = n->line,
				      .col = n->col}};
	load_fields(l, n, "a conduit", conduit_fields, &x);
	c->from = x.from.end;
	c->nfrom = x.from.count;
	c->from_words = x.from.words;
	c->to = x.to.end;
	c->nto = x.to.count;
	c->to_words = x.to.words;
	if (l->diag->errors != errors)
		return;
	if ((!c->nfrom && !x.from.grouped) || (!c->nto && !x.to.grouped))
		load_error(l, n, "conduit \"%s\" joins nothing: from and to need a zone or asset",
			   c->pub.id);
	if (c->pub.update)
		check_update(l, n, c);
	if (!x.fail_written)
		c->pub.fail_open = fails_open(p, c->from, c->nfrom) && fails_open(p, c->to, c->nto);
	conduit_words(p, c);
}

void load_conduits(struct loader *l, const struct yaml_node *n)
{
	const struct yaml_node *c;

	if (n->kind == YAML_SCALAR && n->len == 0)
		return;
	if (!load_is(l, n, YAML_LIST, "conduits"))
		return;
	yaml_each (c, n)
		load_conduit(l, c);
}
