/* From YAML to checked structs: the top of the file. zones/README.md is the language. */
#include "base/hash.h"
#include "policy/include.h"
#include "policy/lint.h"
#include "policy/geo.h"
#include "policy/loader.h"
#include "policy/now.h"

#include <stdlib.h>

static void top_site(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "site");

	(void)object;
	if (s)
		l->p->site = s;
}

static void top_mode(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"detect", "enforce", NULL};
	int i = load_word(l, n, "mode", words);

	(void)object;
	if (i >= 0)
		l->p->mode = (enum policy_mode)i;
}

static void top_operating_mode(struct loader *l, const struct yaml_node *n, void *object)
{
	int i = load_operating_mode(l, n);

	(void)object;
	if (i >= 0)
		l->p->operating_mode = (enum policy_operating_mode)i;
}

static void top_timezone(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	load_timezone(l, n);
}

static void top_default(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"deny", "allow", NULL};

	(void)object;
	l->p->default_allow = load_word(l, n, "default", words) == 1;
}

static void top_addresses(struct loader *l, const struct yaml_node *n, void *object)
{
	int i = load_notation(l, n);

	(void)object;
	if (i >= 0)
		l->p->notation = (enum notation)i;
}

static void engine_checksums(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"ignore", "verify", NULL};

	(void)object;
	l->p->checksums_verify = load_word(l, n, "checksums", words) == 1;
}

static void engine_overlap(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"first", "last", NULL};

	(void)object;
	l->p->overlap_last = load_word(l, n, "overlap", words) == 1;
}

static void top_engine(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field fields[] = {
		{"checksums", engine_checksums, false},
		{"overlap", engine_overlap, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "engine", fields, object);
}

static void top_accept(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	load_accept(l, n, LINT_OF_POLICY, 0);
}

/* These are taken in their own order, whatever theirs is in the file. */
static void top_section(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)l;
	(void)n;
	(void)object;
}

static const struct field top_fields[] = {
	{"site", top_site, false},
	{"mode", top_mode, false},
	{"operating-mode", top_operating_mode, false},
	{"timezone", top_timezone, false},
	{"default", top_default, false},
	{"addresses", top_addresses, false},
	{"trust-tiers", load_trust_tiers, false},
	{"layers", load_layers, false},
	{"geo", load_geo, false},
	{"engine", top_engine, false},
	{"accept", top_accept, false},
	{"schedules", top_section, false},
	{"zones", top_section, true},
	{"assets", top_section, false},
	{"groups", top_section, false},
	{"conduits", top_section, false},
	{"watch", top_section, false},
	{NULL, NULL, false},
};

static void load_tree(struct loader *l, const struct yaml_node *root)
{
	static const struct {
		const char *name;
		void (*load)(struct loader *l, const struct yaml_node *n);
	} sections[] = {
		{"zones", load_zones},	       {"assets", load_assets},	    {"groups", load_groups},
		{"schedules", load_schedules}, {"conduits", load_conduits}, {"watch", load_watches},
	};
	const struct yaml_node *n;
	unsigned i;

	load_fields(l, root, "a policy", top_fields, NULL);
	for (i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		n = yaml_get(root, sections[i].name);
		if (n)
			sections[i].load(l, n);
	}
}

/* Changes with every word, not with comments and spaces. */
static uint64_t digest(const struct yaml_node *n, uint64_t key)
{
	const struct yaml_node *c;

	key = hash_u64(n->kind, hash_bytes(n->text, n->len, key));
	yaml_each (c, n) {
		if (c->key)
			key = hash_bytes(c->key->text, c->key->len, key);
		key = digest(c, key);
	}
	return hash_u64(n->count, key);
}

/* errors: how many there were before this file. */
static struct policy *load(struct yaml_doc *doc, const char *name, bool from_memory,
			   struct diag *diag, unsigned errors)
{
	struct policy *p = doc->complete ? calloc(1, sizeof(*p)) : NULL;
	struct include_set set = {.from_memory = from_memory, .diag = diag};
	struct loader l = {.p = p, .file = name, .diag = diag};
	const struct yaml_node *root;

	if (p) {
		l.a = &p->arena;
		l.file = arena_text(l.a, name, strlen(name));
		p->file = l.file;
		p->site = "";
		p->tz = &tz_of_utc;
		load_trust_defaults(p);
		root = include_all(&set, doc);
		if (root) {
			load_tree(&l, root);
			p->digest = digest(root, 0);
		}
		if (diag->errors == errors && policy_compile_updates(p, diag) &&
		    policy_compile(p, name, diag)) {
			policy_compile_caps(p);
			p->rest = policy_now_new(p);
			if (!p->rest)
				diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
		}
		if (diag->errors != errors) {
			policy_free(p);
			p = NULL;
		}
	} else if (doc->complete) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
	}
	include_free(&set);
	yaml_doc_free(doc);
	return p;
}

struct policy *policy_load(const char *path, struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_file(&doc, path, diag);
	return load(&doc, path, false, diag, errors);
}

struct policy *policy_load_buffer(const char *name, const char *text, size_t len, struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_buffer(&doc, name, text, len, diag);
	return load(&doc, name, true, diag, errors);
}

void policy_free(struct policy *p)
{
	if (p) {
		policy_now_free(p->rest);
		geo_close(p->geo);
		arena_free(&p->arena);
	}
	free(p);
}
