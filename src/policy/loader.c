/* What all loading files share: errors with their place, words and suggestions. */
#include "policy/loader.h"

#include <stdarg.h>
#include <stdlib.h>

#define ID_MAX 64 /* bytes of an id */

static void add(struct loader *l, enum diag_level level, const struct yaml_node *at,
		const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	diag_add(l->diag, level, at->file ? at->file : l->file, at->line, at->col, "%s",
		 text ? text : "out of memory");
	free(text);
}

void load_error(struct loader *l, const struct yaml_node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(l, DIAG_ERROR, at, fmt, ap);
	va_end(ap);
}

void load_warning(struct loader *l, const struct yaml_node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(l, DIAG_WARNING, at, fmt, ap);
	va_end(ap);
}

const char *load_file(struct loader *l, const struct yaml_node *at)
{
	const struct loaded_file *f;
	struct loaded_file *made;

	if (!at->file || strcmp(at->file, l->file) == 0)
		return l->file;
	for (f = l->files; f && strcmp(f->name, at->file) != 0; f = f->next)
		;
	if (f)
		return f->name;
	made = arena_alloc(l->a, sizeof(*made));
	made->name = arena_text(l->a, at->file, strlen(at->file));
	made->next = l->files;
	l->files = made;
	return made->name;
}

const char *load_line(struct loader *l, const struct yaml_node *at, const char *file, int line)
{
	if (strcmp(load_file(l, at), file) == 0)
		return arena_printf(l->a, "line %d", line);
	return arena_printf(l->a, "%s line %d", file, line);
}

void load_fields(struct loader *l, const struct yaml_node *map, const char *what,
		 const struct field *fields, void *object)
{
	load_fields_or(l, map, what, fields, NULL, NULL, object);
}

void load_fields_or(struct loader *l, const struct yaml_node *map, const char *what,
		    const struct field *fields,
		    bool (*other)(struct loader *l, const struct yaml_node *value, void *object),
		    void (*try_others)(struct suggest *s), void *object)
{
	const struct yaml_node *v;
	const struct field *f;

	if (!load_is(l, map, YAML_MAP, what))
		return;
	yaml_each (v, map) {
		struct suggest s = suggest_for(l, v->key->text);

		for (f = fields; f->name && strcmp(f->name, v->key->text) != 0; f++)
			suggest_try(&s, f->name);
		if (f->name) {
			f->set(l, v, object);
			continue;
		}
		if (other && other(l, v, object))
			continue;
		if (try_others)
			try_others(&s);
		load_error(l, v->key, "unknown key \"%.80s\" under %s%s", v->key->text, what,
			   suggest_text(l, &s));
	}
	for (f = fields; f->name; f++)
		if (f->required && !yaml_get(map, f->name))
			load_error(l, map->key ? map->key : map, "%s has no \"%s\"", what, f->name);
}

bool load_is(struct loader *l, const struct yaml_node *n, enum yaml_kind kind, const char *what)
{
	if (n->kind == kind)
		return true;
	load_error(l, n, "%s must be %s, not %s", what, yaml_kind_name(kind),
		   n->kind == YAML_SCALAR && n->len == 0 ? "empty" : yaml_kind_name(n->kind));
	return false;
}

const char *load_text(struct loader *l, const struct yaml_node *n, const char *what)
{
	if (!load_is(l, n, YAML_SCALAR, what))
		return NULL;
	if (n->len == 0) {
		load_error(l, n, "%s is empty", what);
		return NULL;
	}
	return arena_text(l->a, n->text, n->len);
}

const char *load_id(struct loader *l, const struct yaml_node *n, const char *what)
{
	const char *s = load_text(l, n, what);
	uint32_t i;

	if (!s)
		return NULL;
	if (n->len > ID_MAX) {
		load_error(l, n, "%s is longer than %d bytes", what, ID_MAX);
		return NULL;
	}
	for (i = 0; i < n->len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f) {
			load_error(l, n, "%s \"%s\" has a space or control character in it", what,
				   s);
			return NULL;
		}
	return s;
}

int load_word(struct loader *l, const struct yaml_node *n, const char *what,
	      const char *const *words)
{
	char list[256] = "";
	size_t len = 0;
	int i;

	if (n->kind == YAML_SCALAR)
		for (i = 0; words[i]; i++)
			if (strcmp(n->text, words[i]) == 0)
				return i;
	for (i = 0; words[i] && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					words[i]);
	load_error(l, n, "%s must be one of %s", what, list);
	return -1;
}

bool load_some(struct loader *l, const struct yaml_node *n, const char *what, const char *instead)
{
	if (n->kind != YAML_LIST || n->first)
		return true;
	load_error(l, n, "%s is an empty list; %s", what, instead);
	return false;
}

void load_each(struct loader *l, const struct yaml_node *n, const char *what,
	       void (*one)(struct loader *l, const struct yaml_node *n, void *object), void *object)
{
	const struct yaml_node *c;

	if (n->kind == YAML_SCALAR) {
		one(l, n, object);
		return;
	}
	if (!load_is(l, n, YAML_LIST, what))
		return;
	yaml_each (c, n)
		if (load_is(l, c, YAML_SCALAR, what))
			one(l, c, object);
}

#define WORD_MAX 40 /* longer words get no suggestions */

/* Edit distance in which two swapped neighbours count as one mistake; words of up to WORD_MAX. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned char row[3][WORD_MAX + 1];
	size_t i, k;

	for (k = 0; k <= nb; k++)
		row[1][k] = (unsigned char)k;
	for (i = 1; i <= na; i++) {
		unsigned char *prev2 = row[(i + 2) % 3], *prev = row[i % 3],
			      *cur = row[(i + 1) % 3];

		cur[0] = (unsigned char)i;
		for (k = 1; k <= nb; k++) {
			unsigned d = prev[k - 1] + (a[i - 1] != b[k - 1]);

			d = prev[k] + 1u < d ? prev[k] + 1u : d;
			d = cur[k - 1] + 1u < d ? cur[k - 1] + 1u : d;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    prev2[k - 2] + 1u < d)
				d = prev2[k - 2] + 1u;
			cur[k] = (unsigned char)d;
		}
	}
	return row[(na + 1) % 3][nb];
}

struct suggest suggest_for(const struct loader *l, const char *word)
{
	return (struct suggest){
		.word = l->diag->count < DIAG_MAX ? word : NULL,
		.distance = 3,
	};
}

void suggest_try(struct suggest *s, const char *candidate)
{
	size_t na, nb;
	unsigned d;

	if (!s->word)
		return;
	na = strlen(s->word);
	nb = strlen(candidate);
	if (na > WORD_MAX || nb > WORD_MAX || na > nb + 2 || nb > na + 2)
		return;
	d = distance(s->word, na, candidate, nb);
	if (d < s->distance && d * 2 < (nb > na ? nb : na)) {
		s->distance = d;
		s->best = candidate;
	}
}

const char *suggest_text(struct loader *l, const struct suggest *s)
{
	return s->best ? arena_printf(l->a, "; did you mean \"%s\"?", s->best) : "";
}

/* Two ids whose hashes collide sit under successive keys. */
static uint32_t ids_find(const struct policy *p, const struct imap *ids, const char *id,
			 uint64_t *key,
			 const char *(*id_of)(const struct policy *p, uint32_t value))
{
	uint64_t k;
	uint32_t v;

	for (k = 0;; k++) {
		*key = hash_bytes(id, strlen(id), k);
		v = imap_find(ids, *key);
		if (v == IMAP_NONE || strcmp(id_of(p, v), id) == 0)
			return v;
	}
}

uint32_t ids_add(struct loader *l, struct imap *ids, const char *id, uint32_t value,
		 const char *(*id_of)(const struct policy *p, uint32_t value))
{
	uint64_t key;
	uint32_t v = ids_find(l->p, ids, id, &key, id_of);

	if (v == IMAP_NONE)
		imap_add(ids, l->a, key, value);
	return v;
}

uint32_t ids_get(const struct loader *l, const struct imap *ids, const char *id,
		 const char *(*id_of)(const struct policy *p, uint32_t value))
{
	uint64_t key;

	return ids_find(l->p, ids, id, &key, id_of);
}

static const char *line_of(struct loader *l, const struct yaml_node *at, uint32_t v)
{
	const struct policy *p = l->p;

	if (v & END_ASSET)
		return load_line(l, at, p->asset[v & ~END_ASSET].file,
				 p->asset[v & ~END_ASSET].line);
	if (v & END_GROUP)
		return load_line(l, at, p->group[v & ~END_GROUP].file,
				 p->group[v & ~END_GROUP].line);
	return load_line(l, at, p->zone[v].file, p->zone[v].line);
}

static const char *id_of(const struct policy *p, uint32_t v)
{
	return v & END_ASSET   ? p->asset[v & ~END_ASSET].id
	       : v & END_GROUP ? p->group[v & ~END_GROUP].id
			       : p->zone[v].id;
}

void load_take_id(struct loader *l, const struct yaml_node *at, const char *id, uint32_t value)
{
	uint32_t other = ids_add(l, &l->ids, id, value, id_of);

	/* zones and assets of such a name are older than roles */
	if (strncmp(id, "role:", 5) == 0 && value & END_GROUP &&
	    !l->p->group[value & ~END_GROUP].role)
		load_error(l, at,
			   "the id \"%s\" would mean something else than all assets of a role", id);
	if (other != IMAP_NONE)
		load_error(l, at, "the id \"%s\" is already that of the %s in %s", id,
			   other & END_ASSET   ? "asset"
			   : other & END_GROUP ? "group"
					       : "zone",
			   line_of(l, at, other));
}

uint32_t load_find_end(const struct loader *l, const char *id)
{
	uint64_t key;
	uint32_t v = ids_find(l->p, &l->ids, id, &key, id_of);

	if (v == IMAP_NONE || v & END_GROUP)
		return POLICY_NONE;
	return v & END_ASSET ? l->p->zones + (v & ~END_ASSET) : v;
}

uint32_t load_find_group(const struct loader *l, const char *id)
{
	uint64_t key;
	uint32_t v = ids_find(l->p, &l->ids, id, &key, id_of);

	return v != IMAP_NONE && !(v & END_ASSET) && v & END_GROUP ? v & ~END_GROUP : POLICY_NONE;
}

uint32_t load_find_zone(struct loader *l, const struct yaml_node *n, const char *id,
			const char *what)
{
	uint32_t end = load_find_end(l, id), i;
	struct suggest s;

	if (end < l->p->zones)
		return end;
	s = suggest_for(l, id);
	for (i = 0; i < l->p->zones; i++)
		suggest_try(&s, l->p->zone[i].id);
	load_error(l, n, "%s: there is no zone \"%.80s\"%s", what, id, suggest_text(l, &s));
	return POLICY_NONE;
}
