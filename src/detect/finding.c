/*
 * The catalogue, read from YAML. Every key is needed, no other key is known, and what has a fixed
 * set of words (severity, threat class) is checked against it: a slip in the data is an error at
 * build time (the unit tests load it), never an alert without a title.
 */
#include "detect/finding.h"

#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

extern const unsigned char findings_yaml[];
extern const unsigned findings_yaml_len;

struct catalogue {
	struct arena arena;
	const struct finding **list;
	unsigned count;
};

struct loader {
	struct diag *diag;
	const char *file;
	struct arena *arena;
};

static const char *const severities[] = {"high", "medium", "low", "notice"};

static const char *const threat_classes[] = {
	"spoofing",
	"tampering",
	"repudiation",
	"information-disclosure",
	"denial-of-service",
	"elevation-of-privilege",
	"unauthorised-access",
	"malware",
	"stepping-stone",
	"unauthorised-modification",
	"unknown-vulnerability",
	"misuse",
	"misconfiguration",
};

static const char *const entry_keys[] = {
	"id",	  "sid",  "rev",	  "severity", "threat-class", "category",
	"attack", "refs", "attack-class", "en",	      "ja",
};

static const char *const text_keys[] = {"title", "meaning", "next"};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const char *finding_severity_name(unsigned severity)
{
	return severities[(severity - 1) % COUNT(severities)];
}

static void wrong(const struct loader *l, const struct yaml_node *n, const char *what,
		  const char *arg)
{
	diag_add(l->diag, DIAG_ERROR, l->file, n->line, n->col, what, arg);
}

static int word_of(const char *const *words, size_t count, const char *text)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(words[i], text) == 0)
			return (int)i;
	return -1;
}

static void check_keys(const struct loader *l, const struct yaml_node *map,
		       const char *const *known, size_t count)
{
	const struct yaml_node *n;

	yaml_each (n, map)
		if (n->key && word_of(known, count, n->key->text) < 0)
			wrong(l, n->key, "unknown key %s", n->key->text);
}

static const struct yaml_node *need(const struct loader *l, const struct yaml_node *map,
				    const char *key, enum yaml_kind kind)
{
	const struct yaml_node *n = yaml_get(map, key);

	if (!n) {
		wrong(l, map, "the key %s is missing", key);
		return NULL;
	}
	if (n->kind != kind || (kind == YAML_SCALAR && n->len == 0)) {
		wrong(l, n, "%s has no usable value", key);
		return NULL;
	}
	return n;
}

static const char *text_of(const struct loader *l, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = need(l, map, key, YAML_SCALAR);

	return n ? arena_text(l->arena, n->text, n->len) : "";
}

static uint32_t number_of(const struct loader *l, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = need(l, map, key, YAML_SCALAR);
	unsigned long v = 0;
	char *end;

	if (!n)
		return 0;
	v = strtoul(n->text, &end, 10);
	if (n->text[0] < '1' || n->text[0] > '9' || *end || v > INT32_MAX)
		wrong(l, n, "%s is no number from 1 on", key);
	return (uint32_t)v;
}

static const char *const *list_of(const struct loader *l, const struct yaml_node *list)
{
	const char **out = arena_array(l->arena, (list ? list->count : 0) + 1, sizeof(*out));
	const struct yaml_node *n;
	unsigned i = 0;

	if (!list)
		return out;
	yaml_each (n, list) {
		if (n->kind == YAML_SCALAR && n->len)
			out[i++] = arena_text(l->arena, n->text, n->len);
		else
			wrong(l, n, "%s is no reference", yaml_kind_name(n->kind));
	}
	return out;
}

/* A line break in the file becomes a blank; between two Japanese characters there is none. */
static void close_up(char *s)
{
	char *start = s, *to = s;

	for (; *s; s++)
		if (!(*s == ' ' && to > start && to[-1] & 0x80 && s[1] & 0x80))
			*to++ = *s;
	*to = '\0';
}

static struct finding_text texts_of(const struct loader *l, const struct yaml_node *entry,
				    const char *lang)
{
	const struct yaml_node *map = need(l, entry, lang, YAML_MAP);
	const char *text[COUNT(text_keys)] = {"", "", ""};
	size_t i;

	for (i = 0; map && i < COUNT(text_keys); i++) {
		const struct yaml_node *n = need(l, map, text_keys[i], YAML_SCALAR);

		if (n) {
			char *copy = arena_text(l->arena, n->text, n->len);

			close_up(copy);
			text[i] = copy;
		}
	}
	if (map)
		check_keys(l, map, text_keys, COUNT(text_keys));
	return (struct finding_text){text[0], text[1], text[2]};
}

static void attack_of(const struct loader *l, const struct yaml_node *entry, struct finding *f)
{
	const struct yaml_node *map = yaml_get(entry, "attack-class"), *n;
	int cls;

	f->attack = list_of(l, need(l, entry, "attack", YAML_LIST));
	for (cls = 0; cls < OP_CLASSES; cls++)
		f->attack_class[cls] = f->attack;
	if (!map)
		return;
	if (map->kind != YAML_MAP) {
		wrong(l, map, "%s has no usable value", "attack-class");
		return;
	}
	yaml_each (n, map) {
		cls = op_class_find(n->key->text, n->key->len);
		if (cls < 0 || n->kind != YAML_LIST)
			wrong(l, n->key, "%s is no class of ops with a list", n->key->text);
		else
			f->attack_class[cls] = list_of(l, n);
	}
}

static const struct finding *entry_of(const struct loader *l, const struct yaml_node *n,
				      unsigned index)
{
	struct finding *f = arena_alloc(l->arena, sizeof(*f));
	int word;

	f->index = index;
	f->id = text_of(l, n, "id");
	f->sid = number_of(l, n, "sid");
	f->rev = number_of(l, n, "rev");
	word = word_of(severities, COUNT(severities), text_of(l, n, "severity"));
	if (word < 0)
		wrong(l, n, "the severity of %s is none of high, medium, low, notice", f->id);
	f->severity = (uint8_t)(word + 1);
	f->threat_class = text_of(l, n, "threat-class");
	if (word_of(threat_classes, COUNT(threat_classes), f->threat_class) < 0)
		wrong(l, n, "unknown threat class %s", f->threat_class);
	f->category = text_of(l, n, "category");
	attack_of(l, n, f);
	f->refs = list_of(l, need(l, n, "refs", YAML_LIST));
	f->text[FINDING_EN] = texts_of(l, n, "en");
	f->text[FINDING_JA] = texts_of(l, n, "ja");
	check_keys(l, n, entry_keys, COUNT(entry_keys));
	return f;
}

static void load(struct catalogue *c, const struct loader *l, const struct yaml_node *root)
{
	static const char *const root_keys[] = {"findings"};
	const struct yaml_node *list = need(l, root, "findings", YAML_LIST), *n;
	unsigned i;

	check_keys(l, root, root_keys, COUNT(root_keys));
	if (!list)
		return;
	c->list = arena_array(&c->arena, list->count + 1, sizeof(*c->list));
	yaml_each (n, list) {
		const struct finding *f = entry_of(l, n, c->count);

		for (i = 0; i < c->count; i++)
			if (strcmp(c->list[i]->id, f->id) == 0 || c->list[i]->sid == f->sid)
				wrong(l, n, "the id or sid of %s is used twice", f->id);
		c->list[c->count++] = f;
	}
}

struct catalogue *catalogue_load_buffer(const char *name, const char *text, size_t len,
					struct diag *diag)
{
	struct catalogue *c = calloc(1, sizeof(*c));
	struct loader l = {.diag = diag, .file = name};
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	if (!c) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
		return NULL;
	}
	l.arena = &c->arena;
	if (yaml_load_buffer(&doc, name, text, len, diag))
		load(c, &l, doc.root);
	yaml_doc_free(&doc);
	if (diag->errors != errors) {
		catalogue_free(c);
		return NULL;
	}
	return c;
}

struct catalogue *catalogue_builtin(struct diag *diag)
{
	return catalogue_load_buffer("findings.yaml", (const char *)findings_yaml,
				     findings_yaml_len, diag);
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	arena_free(&c->arena);
	free(c);
}

const struct finding *catalogue_find(const struct catalogue *c, const char *id)
{
	unsigned i;

	for (i = 0; i < c->count; i++)
		if (strcmp(c->list[i]->id, id) == 0)
			return c->list[i];
	return NULL;
}

const struct finding *catalogue_at(const struct catalogue *c, unsigned i)
{
	return i < c->count ? c->list[i] : NULL;
}

enum finding_lang finding_lang(const char *name)
{
	if (name && strncmp(name, "ja", 2) == 0 &&
	    !((name[2] | 0x20) >= 'a' && (name[2] | 0x20) <= 'z'))
		return FINDING_JA;
	return FINDING_EN;
}
