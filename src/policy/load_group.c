/*
 * Ends of a conduit as they are written: zones, assets, groups and roles, down to zones and assets.
 *
 * A group is a list of names, or what its assets have in common. Groups may name groups that come
 * later in the file; each is resolved once, when it is first asked for.
 */
#include "policy/loader.h"

#include <stdio.h>
#include <stdlib.h>

#define NAMES_TOLD  8	     /* members of a group named one by one */
#define MEMBERS_MAX 8000000u /* of all groups, and where groups are named */
#define DEPTH_MAX   32	     /* groups in groups */

enum { GROUP_NEW, GROUP_BUSY, GROUP_DONE };

struct ends load_ends_none(struct loader *l)
{
	struct policy *p = l->p;

	if (!l->taken)
		l->taken = arena_array(l->a, (size_t)p->zones + p->assets, sizeof(*l->taken));
	l->lists++;
	return (struct ends){.id = l->lists, .lists = l->lists, .words = ""};
}

static void add_end(struct loader *l, struct ends *e, uint32_t end)
{
	if (l->taken[end] == e->id)
		return;
	l->taken[end] = e->id;
	l->members++;
	e->end = arena_grow(l->a, e->end, e->count, &e->cap, sizeof(*e->end));
	e->end[e->count++] = end;
}

/* "group screens (hmi-1, hmi-2)", "role plc (plc-1, plc-2, ... 40 in all)". */
static const char *words_of(struct loader *l, const char *what, const struct policy_group *g)
{
	const struct policy *p = l->p;
	const uint32_t *end = g->end;
	uint32_t n = g->ends;
	char *text = NULL, *kept;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	uint32_t i;

	if (!f)
		return what;
	fprintf(f, "%s (", what);
	for (i = 0; i < n && i < NAMES_TOLD; i++)
		fprintf(f, "%s%s%s", i ? ", " : "", end[i] < p->zones ? "zone " : "",
			end_id(p, end[i]));
	if (n > NAMES_TOLD)
		fprintf(f, ", ... %u in all", n);
	fprintf(f, "%s)", n ? "" : "no members");
	fclose(f);
	kept = arena_text(l->a, text, len);
	free(text);
	return kept;
}

static void add_words(struct loader *l, struct ends *e, const char *words)
{
	e->parts = arena_grow(l->a, e->parts, e->nparts, &e->parts_cap, sizeof(*e->parts));
	e->parts[e->nparts++] = words;
}

/* --- roles --- */

static bool is_role(const struct policy_asset *a, const char *role, size_t len)
{
	return strncmp(a->role, role, len) == 0 && !a->role[len];
}

static void no_role(struct loader *l, const struct yaml_node *n, const char *what, const char *role)
{
	struct suggest s = suggest_for(l, role);
	uint32_t i;

	for (i = 0; s.word && i < l->p->assets; i++)
		suggest_try(&s, l->p->asset[i].role);
	load_error(l, n, "%s: no asset has the role \"%s\"%s", what, role, suggest_text(l, &s));
}

/*
 * role:plc, role:plc@control: all assets of that role, of that zone. It is kept as a group of that
 * name, for whoever writes it again. POLICY_NONE after an error.
 */
static uint32_t role_group(struct loader *l, const struct yaml_node *n, const char *what,
			   const char *id)
{
	struct policy *p = l->p;
	const char *role = id + strlen("role:"), *at = strchr(role, '@');
	size_t len = at ? (size_t)(at - role) : strlen(role);
	uint32_t zone = at ? load_find_zone(l, n, at + 1, what) : POLICY_NONE, i;
	struct ends e = load_ends_none(l);
	bool known = false;

	if (at && zone == POLICY_NONE)
		return POLICY_NONE;
	for (i = 0; i < p->assets; i++) {
		if (!is_role(&p->asset[i], role, len))
			continue;
		known = true;
		if (!at || p->asset[i].zone == zone)
			add_end(l, &e, p->zones + i);
	}
	if (!known || len == 0) {
		no_role(l, n, what, arena_text(l->a, role, len));
		return POLICY_NONE;
	}
	if (!e.count) {
		load_error(l, n, "%s: no asset of zone \"%s\" has the role \"%.*s\"", what, at + 1,
			   (int)len, role);
		return POLICY_NONE;
	}
	p->group = arena_grow(l->a, p->group, p->groups, &p->group_cap, sizeof(*p->group));
	p->group[p->groups] = (struct policy_group){.id = id,
						    .file = load_file(l, n),
						    .line = n->line,
						    .role = true,
						    .state = GROUP_DONE,
						    .end = e.end,
						    .ends = e.count};
	load_take_id(l, n, id, END_GROUP | p->groups);
	return p->groups++;
}

/* --- groups --- */

static void resolve(struct loader *l, uint32_t group);

/* All members of a group. */
static void add_group(struct loader *l, const struct yaml_node *n, const struct policy_group *g,
		      struct ends *to)
{
	uint32_t i;

	to->grouped = true;
	for (i = 0; l->lists != to->lists && i < to->count; i++)
		l->taken[to->end[i]] = to->id; /* other lists were made meanwhile */
	to->lists = l->lists;
	if (l->members + g->ends > MEMBERS_MAX) {
		load_error(l, n,
			   "groups stand for more than %u members in all; write zones instead",
			   MEMBERS_MAX);
		return;
	}
	for (i = 0; i < g->ends; i++)
		add_end(l, to, g->end[i]);
	add_words(l, to,
		  g->role ? words_of(l, arena_printf(l->a, "role %s", g->id + 5), g)
			  : words_of(l, arena_printf(l->a, "group %s", g->id), g));
}

struct one_end {
	struct ends *to;
	const char *what;
};

static void add_named(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct one_end *x = object;
	const char *id = load_id(l, n, x->what);
	const struct policy *p = l->p;
	struct suggest s;
	uint32_t end, i;

	if (!id)
		return;
	end = load_find_end(l, id);
	if (end != POLICY_NONE) {
		add_end(l, x->to, end);
		add_words(l, x->to, end < p->zones ? arena_printf(l->a, "zone %s", id) : id);
		return;
	}
	end = load_find_group(l, id);
	if (end == POLICY_NONE && strncmp(id, "role:", 5) == 0) {
		end = role_group(l, n, x->what, id);
		if (end == POLICY_NONE)
			return;
	}
	if (end != POLICY_NONE) {
		resolve(l, end);
		add_group(l, n, &p->group[end], x->to);
		return;
	}
	s = suggest_for(l, id);
	for (i = 0; s.word && i < p->zones + p->assets; i++)
		suggest_try(&s, end_id(p, i));
	for (i = 0; s.word && i < p->groups; i++)
		suggest_try(&s, p->group[i].id);
	load_error(l, n, "%s: there is no zone, asset or group \"%s\"%s", x->what, id,
		   suggest_text(l, &s));
}

void load_ends(struct loader *l, const struct yaml_node *n, const char *what, struct ends *to)
{
	struct one_end x = {.to = to, .what = what};
	char *text = NULL;
	size_t len = 0;
	uint32_t i;
	FILE *f;

	load_each(l, n, what, add_named, &x);
	f = open_memstream(&text, &len);
	if (!f)
		return;
	for (i = 0; i < to->nparts; i++)
		fprintf(f, "%s%s", i ? ", " : "", to->parts[i]);
	fclose(f);
	to->words = arena_text(l->a, text, len);
	free(text);
}

/* What the assets of a group have in common; the keys that were written. */
struct alike {
	const struct yaml_node *role, *zone, *tenant, *vendor;
};

static void any_text(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	(void)load_text(l, n, n->key ? n->key->text : "it");
}

static void alike_role(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct alike *)object)->role = n;
	load_each(l, n, "role", any_text, NULL);
}

static void check_zone(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	(void)load_find_zone(l, n, n->text, "zone");
}

static void alike_zone(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct alike *)object)->zone = n;
	load_each(l, n, "zone", check_zone, NULL);
}

static void alike_tenant(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct alike *)object)->tenant = n;
	load_each(l, n, "tenant", any_text, NULL);
}

static void alike_vendor(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct alike *)object)->vendor = n;
	load_each(l, n, "vendor", any_text, NULL);
}

static const struct field alike_fields[] = {
	{"role", alike_role, false},
	{"zone", alike_zone, false},
	{"tenant", alike_tenant, false},
	{"vendor", alike_vendor, false},
	{NULL, NULL, false},
};

/* True when a scalar is the text, or one of a list is; also when nothing was written. */
static bool is_among(const struct yaml_node *n, const char *text)
{
	const struct yaml_node *c;

	if (!n || n->kind == YAML_SCALAR)
		return !n || strcmp(n->text, text) == 0;
	yaml_each (c, n)
		if (yaml_is(c, text))
			return true;
	return false;
}

static bool has_tenant(const struct policy *p, const struct yaml_node *n, uint64_t tenants)
{
	uint32_t i;

	for (i = 0; n && i < p->tenants; i++)
		if (tenants >> i & 1 && is_among(n, p->tenant[i]))
			return true;
	return !n;
}

static void add_alike(struct loader *l, const struct yaml_node *n, struct ends *to)
{
	const struct policy *p = l->p;
	struct alike x = {0};
	uint32_t i;

	load_fields(l, n, "a group", alike_fields, &x);
	if (!n->first)
		load_error(l, n,
			   "a group needs a list of members, or role, zone, tenant or vendor");
	for (i = 0; i < p->assets; i++) {
		const struct policy_asset *a = &p->asset[i];

		if (a->zone != POLICY_NONE && is_among(x.role, a->role) &&
		    is_among(x.zone, p->zone[a->zone].id) && is_among(x.vendor, a->vendor) &&
		    has_tenant(p, x.tenant, a->tenants ? a->tenants : p->zone[a->zone].tenants))
			add_end(l, to, p->zones + i);
	}
}

static void resolve_list(struct loader *l, const struct yaml_node *n, struct ends *to)
{
	l->depth++;
	load_ends(l, n, "group", to);
	l->depth--;
}

static void resolve(struct loader *l, uint32_t group)
{
	struct policy *p = l->p;
	const struct yaml_node *n = p->group[group].node;
	unsigned errors = l->diag->errors;
	struct ends e;

	if (p->group[group].state == GROUP_BUSY)
		load_error(l, n->key, "group \"%s\" is a member of itself", p->group[group].id);
	if (p->group[group].state != GROUP_NEW)
		return;
	p->group[group].state = GROUP_BUSY;
	e = load_ends_none(l);
	if (l->depth == DEPTH_MAX)
		load_error(l, n->key, "groups are nested more than %d deep", DEPTH_MAX);
	else if (n->kind == YAML_MAP)
		add_alike(l, n, &e);
	else
		resolve_list(l, n, &e);
	p->group[group].end = e.end; /* roles may have moved it */
	p->group[group].ends = e.count;
	p->group[group].state = GROUP_DONE;
	if (!e.count && l->diag->errors == errors)
		load_warning(l, n->key, "group \"%s\" has no members", p->group[group].id);
}

void load_groups(struct loader *l, const struct yaml_node *n)
{
	struct policy *p = l->p;
	const struct yaml_node *c;
	uint32_t i, count;

	if (!load_is(l, n, YAML_MAP, "groups"))
		return;
	yaml_each (c, n) {
		const char *id = load_id(l, c->key, "group id");

		if (!id)
			continue;
		p->group = arena_grow(l->a, p->group, p->groups, &p->group_cap, sizeof(*p->group));
		p->group[p->groups] = (struct policy_group){
			.id = id, .file = load_file(l, c), .line = c->key->line, .node = c};
		load_take_id(l, c->key, id, END_GROUP | p->groups);
		p->groups++;
	}
	count = p->groups; /* roles are added behind */
	for (i = 0; i < count; i++)
		resolve(l, i);
	for (i = 0; i < count; i++)
		p->group[i].node = NULL;
}
