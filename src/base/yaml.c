#include "base/yaml.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A map or list whose end was not seen yet. */
struct open {
	struct yaml_node *node;
	struct yaml_node **tail; /* where the next child goes */
	struct yaml_node *key;	 /* map: the key that waits for its value */
	bool again;		 /* map: that key was there before, its value is left out */
};

struct builder {
	struct yaml_doc *doc;
	struct diag *diag;
	struct open stack[YAML_DEPTH_MAX];
	unsigned depth; /* used entries of stack */
	uint32_t nodes; /* made so far */
	uint32_t nodes_max;
	unsigned docs; /* documents begun */
	bool failed;   /* there is no going on */
	bool bad;      /* a mistake was told, the rest is still worth reading */

	struct seen { /* keys of all maps, to find duplicates: open addressing */
		const struct yaml_node *map;
		const struct yaml_node *key;
	} * seen;
	uint32_t seen_count, seen_cap; /* cap is a power of two */
};

__attribute__((format(printf, 3, 4))) static void fail(struct builder *b, yaml_mark_t at,
						       const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_add(b->diag, DIAG_ERROR, b->doc->name, (int)at.line + 1, (int)at.column + 1, "%s",
		 text);
	b->failed = true;
}

static struct seen *seen_slot(struct builder *b, const struct yaml_node *map,
			      const struct yaml_node *key)
{
	uint32_t i = (uint32_t)hash_bytes(key->text, key->len, (uintptr_t)map);

	for (;; i++) {
		struct seen *s = &b->seen[i & (b->seen_cap - 1)];

		if (!s->key || (s->map == map && s->key->len == key->len &&
				memcmp(s->key->text, key->text, key->len) == 0))
			return s;
	}
}

/* The earlier key of that text in the map, or NULL after noting this one. */
static const struct yaml_node *seen_before(struct builder *b, const struct yaml_node *map,
					   const struct yaml_node *key)
{
	struct seen *old = b->seen, *s;
	uint32_t i, n = b->seen_cap;

	if (b->seen_count >= n / 2) {
		b->seen_cap = n ? n * 2 : 64;
		b->seen = calloc(b->seen_cap, sizeof(*b->seen));
		if (!b->seen)
			abort();
		for (i = 0; i < n; i++)
			if (old[i].key)
				*seen_slot(b, old[i].map, old[i].key) = old[i];
		free(old);
	}
	s = seen_slot(b, map, key);
	if (s->key)
		return s->key;
	*s = (struct seen){map, key};
	b->seen_count++;
	return NULL;
}

static struct yaml_node *node_new(struct builder *b, enum yaml_kind kind, yaml_mark_t at)
{
	struct yaml_node *n;

	if (++b->nodes > b->nodes_max) {
		fail(b, at, "the file has more than %" PRIu32 " entries", b->nodes_max);
		return NULL;
	}
	n = arena_alloc(&b->doc->arena, sizeof(*n));
	n->kind = kind;
	n->line = (int)at.line + 1;
	n->col = (int)at.column + 1;
	n->file = b->doc->name;
	n->text = "";
	return n;
}

/* Hangs a complete node, or one just begun, where it belongs. */
static void attach(struct builder *b, struct yaml_node *n, yaml_mark_t at)
{
	struct open *o = b->depth ? &b->stack[b->depth - 1] : NULL;
	const struct yaml_node *before;

	if (!o) {
		b->doc->root = n;
		return;
	}
	if (o->node->kind == YAML_MAP && !o->key) {
		if (n->kind != YAML_SCALAR) {
			fail(b, at, "a key must be a word, not %s", yaml_kind_name(n->kind));
			return;
		}
		before = seen_before(b, o->node, n);
		if (before) {
			diag_add(b->diag, DIAG_ERROR, b->doc->name, n->line, n->col,
				 "duplicate key \"%.80s\", first in line %d", n->text,
				 before->line);
			b->bad = true;
		}
		o->again = before != NULL;
		o->key = n;
		return;
	}
	n->key = o->key;
	o->key = NULL;
	if (o->again) {
		o->again = false;
		return;
	}
	*o->tail = n;
	o->tail = &n->next;
	o->node->count++;
}

static void begin(struct builder *b, enum yaml_kind kind, const yaml_event_t *ev)
{
	struct yaml_node *n;

	if (b->depth == YAML_DEPTH_MAX) {
		fail(b, ev->start_mark, "nested more than %d levels deep", YAML_DEPTH_MAX);
		return;
	}
	n = node_new(b, kind, ev->start_mark);
	if (!n)
		return;
	attach(b, n, ev->start_mark);
	b->stack[b->depth++] = (struct open){.node = n, .tail = &n->first};
}

static void scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct yaml_node *n;

	if (memchr(text, '\0', len)) {
		fail(b, ev->start_mark, "there is a NUL character in this text");
		return;
	}
	n = node_new(b, YAML_SCALAR, ev->start_mark);
	if (!n)
		return;
	n->text = arena_text(&b->doc->arena, text, len);
	n->len = (uint32_t)len;
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	attach(b, n, ev->start_mark);
}

static bool has_property(const yaml_event_t *ev, const char **what)
{
	const void *anchor = NULL, *tag = NULL;

	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		anchor = ev->data.alias.anchor;
		break;
	default:
		break;
	}
	*what = anchor ? "anchors and aliases (& and *)" : "tags (!)";
	return anchor || tag;
}

static void event(struct builder *b, const yaml_event_t *ev)
{
	const char *what;

	if (has_property(ev, &what)) {
		fail(b, ev->start_mark, "%s are not used here; text that begins so needs quotes",
		     what);
		return;
	}
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->docs++)
			fail(b, ev->start_mark, "a second document begins here; one file is one");
		break;
	case YAML_SCALAR_EVENT:
		scalar(b, ev);
		break;
	case YAML_SEQUENCE_START_EVENT:
		begin(b, YAML_LIST, ev);
		break;
	case YAML_MAPPING_START_EVENT:
		begin(b, YAML_MAP, ev);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		break;
	default:
		break;
	}
}

/* The reader knows only how many bytes came before. */
static yaml_mark_t mark_of(const char *text, size_t len, size_t offset)
{
	yaml_mark_t at = {0};

	len = offset < len ? offset : len;
	for (at.index = 0; at.index < len; at.index++) {
		at.column = text[at.index] == '\n' ? 0 : at.column + 1;
		at.line += text[at.index] == '\n';
	}
	return at;
}

static void parser_error(struct builder *b, const yaml_parser_t *p, const char *text, size_t len)
{
	yaml_mark_t at = p->problem_mark;

	if (p->error == YAML_READER_ERROR) {
		fail(b, mark_of(text, len, p->problem_offset), "%s; the file must be UTF-8 text",
		     p->problem ? p->problem : "not readable as text");
		return;
	}
	if (p->error == YAML_MEMORY_ERROR)
		fail(b, p->mark, "out of memory");
	else if (p->problem && strstr(p->problem, "cannot start any token"))
		fail(b, at,
		     "nothing begins with this character: indent with blanks, not tabs, and "
		     "quote text that begins with %% @ or `");
	else if (p->context)
		fail(b, at, "%s, %s", p->context, p->problem);
	else
		fail(b, at, "%s", p->problem ? p->problem : "not YAML");
}

bool yaml_load_limited(struct yaml_doc *doc, const char *name, const char *text, size_t len,
		       const struct yaml_limits *limits, struct diag *diag)
{
	struct builder b = {.doc = doc, .diag = diag, .nodes_max = limits->nodes};
	yaml_parser_t parser;
	yaml_event_t ev;
	bool end = false;

	*doc = (struct yaml_doc){0};
	doc->name = arena_text(&doc->arena, name, strlen(name));
	if (len > limits->bytes) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "larger than %zu MiB", limits->bytes >> 20);
		return false;
	}
	if (!yaml_parser_initialize(&parser)) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!end && !b.failed) {
		if (!yaml_parser_parse(&parser, &ev)) {
			parser_error(&b, &parser, text, len);
			break;
		}
		event(&b, &ev);
		end = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&parser);
	free(b.seen);
	if (!b.failed && !doc->root) {
		diag_add(diag, DIAG_ERROR, name, 1, 1, "the file is empty");
		return false;
	}
	doc->complete = !b.failed;
	return !b.failed && !b.bad;
}

bool yaml_load_buffer(struct yaml_doc *doc, const char *name, const char *text, size_t len,
		      struct diag *diag)
{
	static const struct yaml_limits limits = {YAML_NODES_MAX, YAML_BYTES_MAX};

	return yaml_load_limited(doc, name, text, len, &limits, diag);
}

/* The whole file, at most one byte more than allowed so that the excess is seen. */
static char *read_all(FILE *f, size_t *len)
{
	size_t cap = 64 * 1024, n = 0, got;
	char *buf = malloc(cap), *more;

	while (buf && n <= YAML_BYTES_MAX && (got = fread(buf + n, 1, cap - n, f)) > 0) {
		n += got;
		if (n < cap)
			continue;
		cap *= 2;
		more = realloc(buf, cap);
		if (!more)
			free(buf);
		buf = more;
	}
	*len = n;
	return buf;
}

bool yaml_load_file(struct yaml_doc *doc, const char *path, struct diag *diag)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t len = 0;
	bool ok = false;

	*doc = (struct yaml_doc){0};
	errno = f ? 0 : errno;
	if (f)
		text = read_all(f, &len);
	if (!f || !text || ferror(f))
		diag_add(diag, DIAG_ERROR, path, 0, 0, "cannot be read: %s",
			 strerror(errno ? errno : EIO));
	else
		ok = yaml_load_buffer(doc, path, text, len, diag);
	free(text);
	if (f)
		fclose(f);
	return ok;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *c;

	if (node->kind != YAML_MAP)
		return NULL;
	yaml_each (c, node)
		if (strcmp(c->key->text, key) == 0)
			return c;
	return NULL;
}

bool yaml_is(const struct yaml_node *node, const char *text)
{
	return node->kind == YAML_SCALAR && strcmp(node->text, text) == 0;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
	static const char *const name[] = {"text", "a list", "a map"};

	return name[kind];
}

void yaml_doc_free(struct yaml_doc *doc)
{
	arena_free(&doc->arena);
	doc->root = NULL;
}
