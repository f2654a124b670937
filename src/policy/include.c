#include "policy/include.h"

#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES     64	   /* of a variable's name */
#define VARIABLES_MAX  4096	   /* in one file */
#define VARIABLE_DEPTH 8	   /* lists and maps within a variable's value */
#define KEYS_MAX       64	   /* at the top of a file that includes others */
#define FILLED_MAX     (16u << 20) /* bytes and nodes that variables make */

/* What a variable stands for: a scalar, or a whole list or map. */
struct variable {
	const char *name;
	const struct yaml_node *value;
	struct variable *next;
};

/* One file being read. */
struct frame {
	struct include_set *set;
	const char *file;
	const struct frame *above; /* who includes it, or NULL */
	unsigned depth;
	struct variable *vars; /* the first of a name counts */
};

__attribute__((format(printf, 3, 4))) static void
wrong(const struct frame *f, const struct yaml_node *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_add(f->set->diag, DIAG_ERROR, at->file, at->line, at->col, "%s", text);
}

/* --- variables --- */

static const struct variable *find(const struct frame *f, const char *name, size_t len)
{
	const struct variable *v;

	for (v = f->vars; v; v = v->next)
		if (strlen(v->name) == len && memcmp(v->name, name, len) == 0)
			return v;
	return NULL;
}

static void set_default(struct frame *f, const char *name, const struct yaml_node *value)
{
	struct variable *v, **tail = &f->vars;

	if (find(f, name, strlen(name)))
		return;
	v = arena_alloc(&f->set->arena, sizeof(*v));
	*v = (struct variable){.name = name, .value = value};
	while (*tail)
		tail = &(*tail)->next;
	*tail = v;
}

/* What variables make of a small file must stay small: false after an error. */
static bool afford(const struct frame *f, const struct yaml_node *at, size_t n)
{
	struct include_set *set = f->set;

	if (set->filled > FILLED_MAX)
		return false;
	set->filled += n;
	if (set->filled > FILLED_MAX)
		wrong(f, at, "variables make more than %u million bytes and entries of this",
		      FILLED_MAX >> 20);
	return set->filled <= FILLED_MAX;
}

/* "${name}" at s: its variable and how long that is; NULL after an error, or when it is none. */
static const struct variable *reference(const struct frame *f, const struct yaml_node *at,
					const char *s, size_t *len)
{
	const char *end = strchr(s, '}');
	const struct variable *v;

	if (!end || end - s - 2 > NAME_BYTES || end == s + 2) {
		wrong(f, at, "\"%.80s\": a variable is written ${name}; a plain ${ is written $${",
		      at->text);
		return NULL;
	}
	*len = (size_t)(end - s) + 1;
	v = find(f, s + 2, *len - 3);
	if (!v)
		wrong(f, at,
		      "there is no variable \"%.*s\"; write it under variables, in this "
		      "file or the one that includes it",
		      (int)(*len - 3), s + 2);
	return v;
}

/* The text with its variables put in; false after an error. */
static bool fill_text(const struct frame *f, struct yaml_node *n)
{
	struct arena *a = &f->set->arena;
	const struct variable *v;
	const char *s = n->text;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool good = out != NULL;

	while (good && *s) {
		size_t n_ref;

		if (strncmp(s, "$${", 3) == 0) {
			fputs("${", out);
			s += 3;
			continue;
		}
		if (strncmp(s, "${", 2) != 0) {
			fputc(*s++, out);
			continue;
		}
		v = reference(f, n, s, &n_ref);
		good = v != NULL;
		if (good && v->value->kind != YAML_SCALAR) {
			wrong(f, n, "variable \"%s\" is %s; it must stand alone: ${%s}", v->name,
			      yaml_kind_name(v->value->kind), v->name);
			good = false;
		}
		good = good && afford(f, n, v->value->len);
		if (good) {
			fputs(v->value->text, out);
			s += n_ref;
		}
	}
	if (out)
		fclose(out);
	if (good) {
		n->text = arena_text(a, text, len);
		n->len = (uint32_t)len;
	}
	free(text);
	return good;
}

static struct yaml_node *copy(struct arena *a, const struct yaml_node *n,
			      const struct yaml_node *at);

static size_t size_of(const struct yaml_node *n)
{
	const struct yaml_node *c;
	size_t size = sizeof(*n);

	yaml_each (c, n)
		size += size_of(c);
	return size;
}

static unsigned depth_of(const struct yaml_node *n)
{
	const struct yaml_node *c;
	unsigned depth = 0, below;

	yaml_each (c, n) {
		below = 1 + depth_of(c);
		depth = below > depth ? below : depth;
	}
	return depth;
}

struct key_cell {
	const struct yaml_node *key;
};

/* Puts the key into the table, or tells that it is there already. */
static void take_key(const struct frame *f, struct key_cell *cell, uint32_t mask,
		     const struct yaml_node *key)
{
	uint32_t i;

	for (i = (uint32_t)hash_bytes(key->text, key->len, 0); cell[i & mask].key; i++)
		if (strcmp(cell[i & mask].key->text, key->text) == 0) {
			wrong(f, key, "\"%.80s\" is already in %s line %d", key->text,
			      cell[i & mask].key->file, cell[i & mask].key->line);
			return;
		}
	cell[i & mask].key = key;
}

/* Maps that are one say twice what may be said once; a may be NULL. */
static void tell_repeated(const struct frame *f, const struct yaml_node *a,
			  const struct yaml_node *b)
{
	size_t count = (a ? a->count : 0) + (size_t)b->count, cap = 16;
	struct key_cell *cell;
	const struct yaml_node *c;

	while (cap < count * 2)
		cap *= 2;
	cell = calloc(cap, sizeof(*cell));
	if (!cell) {
		wrong(f, b, "out of memory");
		return;
	}
	if (a)
		yaml_each (c, a)
			take_key(f, cell, (uint32_t)cap - 1, c->key);
	yaml_each (c, b)
		take_key(f, cell, (uint32_t)cap - 1, c->key);
	free(cell);
}

/* Puts variables into n and all below it; what comes out of a variable stands where it is used. */
static void fill(const struct frame *f, struct yaml_node *n)
{
	const struct variable *v;
	struct yaml_node *c, *made;
	bool new_keys = false;
	size_t len;

	if (n->kind != YAML_SCALAR) {
		yaml_each (c, n) {
			if (c->key && strstr(c->key->text, "${"))
				new_keys |= fill_text(f, c->key);
			fill(f, c);
		}
		if (new_keys)
			tell_repeated(f, NULL, n);
		return;
	}
	if (!strstr(n->text, "${"))
		return;
	if (strncmp(n->text, "${", 2) == 0 && strchr(n->text, '}') == n->text + n->len - 1) {
		v = reference(f, n, n->text, &len);
		if (!v || !afford(f, n, size_of(v->value)))
			return;
		made = copy(&f->set->arena, v->value, n);
		n->kind = made->kind;
		n->quoted = made->quoted;
		n->text = made->text;
		n->len = made->len;
		n->count = made->count;
		n->first = made->first;
		return;
	}
	fill_text(f, n);
}

static struct yaml_node *copy(struct arena *a, const struct yaml_node *n,
			      const struct yaml_node *at)
{
	struct yaml_node *made = arena_alloc(a, sizeof(*made)), **tail = &made->first;
	const struct yaml_node *c;

	*made = *n;
	made->next = NULL;
	made->first = NULL;
	if (at) {
		made->file = at->file;
		made->line = at->line;
		made->col = at->col;
	}
	if (n->key)
		made->key = copy(a, n->key, at);
	yaml_each (c, n) {
		*tail = copy(a, c, at);
		tail = &(*tail)->next;
	}
	return made;
}

/* The file's own variables; they may be made of those that are known already. */
static void take_variables(struct frame *f, const struct yaml_node *vars, bool filled)
{
	struct yaml_node *c;

	if (!vars)
		return;
	if (vars->kind != YAML_MAP) {
		wrong(f, vars, "variables must be a map, {name: value}");
		return;
	}
	if (vars->count > VARIABLES_MAX) {
		wrong(f, vars, "more than %d variables", VARIABLES_MAX);
		return;
	}
	yaml_each (c, vars) {
		if (strspn(c->key->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_-") != c->key->len ||
		    c->key->len == 0 || c->key->len > NAME_BYTES) {
			wrong(f, c->key,
			      "\"%.80s\" is no name of a variable: letters, digits, _ and -",
			      c->key->text);
			continue;
		}
		if (find(f, c->key->text, c->key->len)) /* whoever includes this file said it */
			continue;
		if (!filled)
			fill(f, c);
		if (depth_of(c) > VARIABLE_DEPTH)
			wrong(f, c, "variable \"%s\" is nested more than %d levels deep",
			      c->key->text, VARIABLE_DEPTH);
		else
			set_default(f, c->key->text, c);
	}
}

/* --- joining --- */

/* Sections of things, each with a name of its own. */
static bool is_section(const char *key)
{
	static const char *const sections[] = {"zones",	   "assets", "groups", "schedules",
					       "conduits", "watch",  "accept", NULL};
	unsigned i;

	for (i = 0; sections[i]; i++)
		if (strcmp(sections[i], key) == 0)
			return true;
	return false;
}

static void append(struct yaml_node *parent, struct yaml_node *child)
{
	struct yaml_node **tail = &parent->first;

	while (*tail)
		tail = &(*tail)->next;
	*tail = child;
	parent->count++;
}

static struct yaml_node *get(struct yaml_node *map, const char *key)
{
	struct yaml_node *c;

	yaml_each (c, map)
		if (strcmp(c->key->text, key) == 0)
			return c;
	return NULL;
}

static bool is_empty(const struct yaml_node *n)
{
	return n->kind == YAML_SCALAR && n->len == 0;
}

/* More things of a section. */
static void join_section(const struct frame *f, struct yaml_node *there, struct yaml_node *c)
{
	struct yaml_node **tail, *next = there->next;

	if (is_empty(c))
		return;
	if (is_empty(there)) {
		*there = *c;
		there->next = next;
		return;
	}
	if (there->kind != c->kind || c->kind == YAML_SCALAR) {
		wrong(f, c, "%s is %s here and %s in %s line %d", c->key->text,
		      yaml_kind_name(c->kind), yaml_kind_name(there->kind), there->file,
		      there->line);
		return;
	}
	if (c->kind == YAML_MAP)
		tell_repeated(f, there, c);
	for (tail = &there->first; *tail; tail = &(*tail)->next)
		;
	*tail = c->first;
	there->count += c->count;
}

/* Another value instead; of a map, of the keys that it names. */
static void join_value(const struct frame *f, struct yaml_node *there, struct yaml_node *c)
{
	struct yaml_node *after = there->next, *x, *next, *old;

	if (strcmp(c->key->text, "addresses") == 0 &&
	    (c->kind != YAML_SCALAR || there->kind != YAML_SCALAR ||
	     strcmp(c->text, there->text) != 0))
		wrong(f, c,
		      "addresses are written otherwise in %s line %d; let both be alike, or say it "
		      "in the entries of allow",
		      there->file, there->line);
	if (c->kind != YAML_MAP || there->kind != YAML_MAP) {
		*there = *c;
		there->next = after;
		return;
	}
	for (x = c->first; x; x = next) {
		next = x->next;
		x->next = NULL;
		old = get(there, x->key->text);
		if (old)
			join_value(f, old, x);
		else
			append(there, x);
	}
}

/* What `more` says comes behind, or instead. */
static void join(const struct frame *f, struct yaml_node *all, struct yaml_node *more)
{
	struct yaml_node *c, *next, *there;

	for (c = more->first; c; c = next) {
		next = c->next;
		c->next = NULL;
		there = get(all, c->key->text);
		if (!there)
			append(all, c);
		else if (is_section(c->key->text))
			join_section(f, there, c);
		else
			join_value(f, there, c);
	}
}

/* --- files --- */

static const char *beside(struct include_set *set, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');

	if (*name == '/' || !slash)
		return arena_printf(&set->arena, "%s", name);
	return arena_printf(&set->arena, "%.*s%s", (int)(slash - file) + 1, file, name);
}

static struct yaml_node *expand(struct frame *f, struct yaml_node *root);

static struct yaml_node *read_file(struct frame *f, const struct yaml_node *at, const char *name,
				   const struct yaml_node *vars)
{
	struct include_set *set = f->set;
	struct frame in = {
		.set = set, .file = beside(set, f->file, name), .above = f, .depth = f->depth + 1};
	const struct frame *up;
	const struct variable *v;
	struct include_doc *d;
	struct yaml_node *root;

	for (up = f; up; up = up->above)
		if (strcmp(up->file, in.file) == 0) {
			wrong(f, at, "%s includes itself", in.file);
			return NULL;
		}
	if (in.depth > INCLUDE_DEPTH || set->files == INCLUDE_FILES) {
		wrong(f, at, "more than %d files, or %d within each other", INCLUDE_FILES,
		      INCLUDE_DEPTH);
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		wrong(f, at, "out of memory");
		return NULL;
	}
	set->files++;
	d->next = set->docs;
	set->docs = d;
	take_variables(&in, vars, true);
	for (v = f->vars; v; v = v->next)
		set_default(&in, v->name, v->value);
	if (!yaml_load_file(&d->doc, in.file, set->diag)) {
		if (!d->doc.root)
			wrong(f, at, "this includes %s, see there", in.file);
		return NULL;
	}
	if (d->doc.root->kind != YAML_MAP || d->doc.root->count > KEYS_MAX) {
		wrong(f, at, "%s is no policy, nor a part of one", in.file);
		return NULL;
	}
	root = expand(&in, d->doc.root);
	/* what it defines may be used by whoever includes it */
	for (v = in.vars; root && v && !vars; v = v->next)
		set_default(f, v->name, v->value);
	return root;
}

/* One of the list under include: a file, or {file: ..., variables: {...}}. */
static struct yaml_node *include_one(struct frame *f, struct yaml_node *n)
{
	struct yaml_node *c, *file = n->kind == YAML_MAP ? NULL : n, *vars = NULL;

	fill(f, n);
	if (n->kind == YAML_MAP)
		yaml_each (c, n) {
			if (strcmp(c->key->text, "file") == 0)
				file = c;
			else if (strcmp(c->key->text, "variables") == 0)
				vars = c;
			else
				wrong(f, c->key,
				      "unknown key \"%.80s\" under include; there are "
				      "file and variables",
				      c->key->text);
		}
	if (!file || file->kind != YAML_SCALAR || !file->len) {
		wrong(f, n, "include takes names of files, or {file: NAME, variables: {...}}");
		return NULL;
	}
	if (f->set->from_memory) {
		wrong(f, n, "include works in files only");
		return NULL;
	}
	return read_file(f, n, file->text, vars);
}

static struct yaml_node *take(struct yaml_node *map, const char *key)
{
	struct yaml_node **at, *c;

	for (at = &map->first; (c = *at); at = &c->next)
		if (strcmp(c->key->text, key) == 0) {
			*at = c->next;
			map->count--;
			return c;
		}
	return NULL;
}

static struct yaml_node *expand(struct frame *f, struct yaml_node *root)
{
	struct yaml_node *include, *vars, *all, *c, *more;
	unsigned errors = f->set->diag->errors;

	if (root->kind != YAML_MAP)
		return root;
	vars = take(root, "variables");
	include = take(root, "include");
	take_variables(f, vars, false);
	if (!include) {
		fill(f, root);
		return f->set->diag->errors == errors ? root : NULL;
	}
	if (root->count > KEYS_MAX) {
		wrong(f, include, "more than %d keys beside this one", KEYS_MAX);
		return NULL;
	}
	all = arena_alloc(&f->set->arena, sizeof(*all));
	*all = *root;
	all->first = NULL;
	all->count = 0;
	if (include->kind != YAML_LIST) {
		more = include_one(f, include);
		if (more)
			join(f, all, more);
	} else {
		yaml_each (c, include) {
			more = include_one(f, c);
			if (more)
				join(f, all, more);
		}
	}
	fill(f, root);
	join(f, all, root);
	return f->set->diag->errors == errors ? all : NULL;
}

struct yaml_node *include_all(struct include_set *set, const struct yaml_doc *doc)
{
	struct frame f = {.set = set, .file = doc->name};

	return expand(&f, doc->root);
}

void include_free(struct include_set *set)
{
	struct include_doc *d, *next;

	for (d = set->docs; d; d = next) {
		next = d->next;
		yaml_doc_free(&d->doc);
		free(d);
	}
	arena_free(&set->arena);
}
