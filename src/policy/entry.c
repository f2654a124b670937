#include "policy/entry.h"

#include "base/glob.h"
#include "policy/loader.h"

#include <ctype.h>
#include <stdlib.h>

#define WORDS_MAX 32

struct policy_entry {
	struct policy home; /* what the loader fills; has the arena */
	struct conduit conduit;
};

/* --- loading --- */

struct word {
	const char *s;
	int len;
};

static unsigned split(const char *s, struct word word[WORDS_MAX])
{
	unsigned n = 0;

	while (*s && n < WORDS_MAX) {
		s += strspn(s, " \t");
		word[n].s = s;
		word[n].len = (int)strcspn(s, " \t");
		s += word[n].len;
		n += word[n].len > 0;
	}
	return n;
}

static void put_quoted(FILE *f, struct word w)
{
	int i;

	fputc('"', f);
	for (i = 0; i < w.len; i++) {
		if (w.s[i] == '"' || w.s[i] == '\\')
			fputc('\\', f);
		if (w.s[i] >= 0 && w.s[i] < 0x20)
			fprintf(f, "\\x%02x", w.s[i]);
		else
			fputc(w.s[i], f);
	}
	fputc('"', f);
}

static void put_value(FILE *f, struct word w)
{
	if (w.len && (isdigit((unsigned char)*w.s) || *w.s == '-' || *w.s == '['))
		fprintf(f, "%.*s", w.len, w.s);
	else
		put_quoted(f, w);
}

static bool is_key(const struct vocab *v, struct word w)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if ((int)strlen(k->name) == w.len && memcmp(k->name, w.s, (size_t)w.len) == 0)
			return true;
	return (w.len == 4 && memcmp(w.s, "port", 4) == 0) ||
	       (w.len == 5 && memcmp(w.s, "value", 5) == 0);
}

static const struct vocab *vocab_of(struct word w)
{
	const struct vocab *v;
	unsigned i;

	for (i = 0; (v = vocab_at(i)); i++)
		if ((int)strlen(v->proto) == w.len && memcmp(v->proto, w.s, (size_t)w.len) == 0)
			return v;
	return NULL;
}

static const char *code_key(const struct vocab *v, struct word w)
{
	const struct vocab_code *c;
	const struct vocab_key *k;

	for (c = v->codes; c->name; c++)
		if ((int)strlen(c->name) == w.len && memcmp(c->name, w.s, (size_t)w.len) == 0)
			break;
	for (k = v->keys; c->name && k->name; k++)
		if (k->kind == VOCAB_CODE)
			return k->name;
	return NULL;
}

/* "modbus write holding 105" -> {modbus: {do: "write", holding: 105}}; "tcp 502" -> {tcp: 502} */
static void put_entry(FILE *f, const struct word *w, unsigned n)
{
	const struct vocab *v = vocab_of(w[0]);
	unsigned i = 1;
	const char *key;

	fputc('{', f);
	put_quoted(f, w[0]);
	fputs(": ", f);
	if (!v || n == 1) {
		if (n == 1)
			fputs("any", f);
		else
			put_value(f, w[1]);
		fputs("}", f);
		return;
	}
	fputs("{", f);
	if (is_key(v, w[1])) {
		fputs("do: any", f);
	} else {
		key = code_key(v, w[1]);
		fprintf(f, "%s: ", key && op_class_find(w[1].s, (size_t)w[1].len) < 0 ? key : "do");
		put_quoted(f, w[1]);
		i = 2;
	}
	for (; i < n; i += 2) {
		fputs(", ", f);
		put_quoted(f, w[i]);
		fputs(": ", f);
		if (i + 1 < n)
			put_value(f, w[i + 1]);
	}
	fputs("}}", f);
}

/* Mistakes inside plain words have the place of those words. */
static void move_mistakes(const struct diag *from, const struct yaml_node *n, const char *file,
			  struct diag *to)
{
	unsigned i;

	for (i = 0; i < from->count; i++)
		diag_add(to, from->entry[i].level, file, n->line, n->col, "\"%s\": %s", n->text,
			 from->entry[i].text);
}

static bool load_words(struct loader *l, const struct yaml_node *n, struct conduit *c)
{
	struct word word[WORDS_MAX];
	unsigned words = split(n->text, word);
	struct diag inner = {.count = 0}, *outer = l->diag;
	struct yaml_doc doc;
	char *buf = NULL;
	size_t len = 0;
	FILE *f;

	if (words == 0 || words == WORDS_MAX) {
		load_error(l, n,
			   "write a protocol and what is done, such as "
			   "\"modbus write holding 105\", or \"tcp 502\"");
		return false;
	}
	f = open_memstream(&buf, &len);
	if (!f)
		return false;
	put_entry(f, word, words);
	if (fclose(f) != 0) {
		free(buf);
		return false;
	}
	l->diag = &inner;
	if (yaml_load_buffer(&doc, l->file, buf, len, &inner))
		load_allow(l, doc.root, c);
	l->diag = outer;
	move_mistakes(&inner, n, l->file, outer);
	diag_free(&inner);
	yaml_doc_free(&doc);
	free(buf);
	return true;
}

struct policy_entry *policy_entry_load(const struct policy *p, const struct yaml_node *n,
				       const char *file, struct diag *diag)
{
	struct policy_entry *e = calloc(1, sizeof(*e));
	unsigned errors = diag->errors;
	struct loader l = {.file = file, .diag = diag};

	if (!e) {
		diag_add(diag, DIAG_ERROR, file, 0, 0, "out of memory");
		return NULL;
	}
	e->home.notation = p->notation;
	e->home.conduit = &e->conduit;
	l.p = &e->home;
	l.a = &e->home.arena;
	if (n->kind == YAML_SCALAR)
		load_words(&l, n, &e->conduit);
	else
		load_allow(&l, n, &e->conduit);
	if (diag->errors == errors && (e->conduit.rules || e->conduit.services))
		return e;
	if (diag->errors == errors)
		load_error(&l, n, "an op or a service is needed here, frames have neither");
	policy_entry_free(e);
	return NULL;
}

/* --- asking --- */

const char *policy_entry_text(const struct policy_entry *e)
{
	return e->conduit.rules ? e->conduit.rule[0].text : e->conduit.service[0].text;
}

bool policy_entry_is_service(const struct policy_entry *e)
{
	return e->conduit.rules == 0;
}

const char *policy_entry_proto(const struct policy_entry *e, uint16_t *classes)
{
	*classes = e->conduit.rules ? e->conduit.rule[0].classes : 0;
	return e->conduit.rules ? e->conduit.rule[0].vocab->proto : "";
}

static bool name_is(const struct names *n, struct slice text, bool topic)
{
	uint32_t i;

	for (i = 0; i < n->count; i++)
		if (topic ? topic_covers(n->text[i], text) : glob_match(n->text[i], text))
			return true;
	return false;
}

/* Any address of the op within the set. */
static bool touches(const struct iset *s, const struct op_object *o)
{
	uint64_t last = o->first + (o->count ? o->count - 1 : 0);
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (s->range[i].lo <= last && s->range[i].hi >= o->first)
			return true;
	return false;
}

static bool object_is(const struct rule *r, const struct op_object *o)
{
	bool found = r->nspaces == 0;
	unsigned i;

	for (i = 0; i < 3; i++)
		if (r->has & RULE_PATH << i &&
		    (i >= o->npath || !iset_contains(&r->path[i], o->path[i])))
			return false;
	for (i = 0; i < r->nspaces && !found; i++) {
		const struct rule_space *s = &r->space[i];

		if (s->key->arg != o->space)
			continue;
		found = s->key->kind == VOCAB_SPACE
				? touches(&s->range, o)
				: name_is(&s->names, o->name, s->key->kind == VOCAB_TOPIC);
	}
	return found;
}

static bool value_is(const struct rule *r, const struct op_values *v)
{
	struct op_number n;
	uint32_t i;

	if (v->type == OP_V_NONE)
		return true;
	for (i = 0; i < v->count; i++)
		if (op_number_at(v, i, &n) && dset_contains_range(&r->value, n.lo, n.hi))
			return true;
	return false;
}

bool policy_entry_op(const struct policy_entry *e, const struct op *op, uint16_t port)
{
	const struct rule *r = e->conduit.rule;

	if (!e->conduit.rules || strcmp(r->vocab->proto, op->proto) != 0)
		return false;
	if (!(r->classes >> op->cls & 1) || !rule_port(r, port))
		return false;
	if (r->has & RULE_CODE && !iset_contains(&r->code, op->code))
		return false;
	if (r->has & RULE_UNIT && (op->unit < 0 || !iset_contains(&r->unit, (uint64_t)op->unit)))
		return false;
	if (r->has & RULE_ACTOR && !name_is(&r->actor, op->actor, false))
		return false;
	return object_is(r, &op->object) && (!(r->has & RULE_VALUE) || value_is(r, &op->values));
}

bool policy_entry_flow(const struct policy_entry *e, uint8_t ip_proto, uint16_t port)
{
	return conduit_serves(&e->conduit, ip_proto, port);
}

void policy_entry_free(struct policy_entry *e)
{
	if (!e)
		return;
	arena_free(&e->home.arena);
	free(e);
}
