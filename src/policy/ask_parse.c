/*
 * A question in words becomes a rule or service, by way of the loader: "write modbus holding 5"
 * is {modbus: {do: write, holding: "5"}}.
 */
#include "policy/ask_impl.h"
#include "policy/loader.h"
#include "policy/space.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS_MAX 64

struct tokens {
	const char *text[TOKENS_MAX];
	unsigned n, at;
};

/* What the loader needs to load an entry into a conduit of its own. */
struct parse {
	struct ask *a;
	struct loader l;
	struct diag *diag;
	struct tokens t;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct parse *x, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	diag_add(x->diag, DIAG_ERROR, "question", 0, 0, "%s", text ? text : "out of memory");
	free(text);
	return false;
}

/* Words apart by spaces; what is in quotes or brackets stays together. */
static bool split(struct parse *x, const char *s)
{
	while (*s) {
		const char *begin;
		char close = 0;

		while (isspace((unsigned char)*s))
			s++;
		if (!*s)
			break;
		if (*s == '"' || *s == '\'')
			close = *s++;
		else if (*s == '[')
			close = ']';
		begin = s;
		while (*s && (close ? *s != close : !isspace((unsigned char)*s)))
			s++;
		if (close && !*s)
			return wrong(x, "%c without its end in \"%.80s\"", close, begin);
		if (x->t.n == TOKENS_MAX)
			return wrong(x, "more than %d words", TOKENS_MAX);
		x->t.text[x->t.n++] =
			arena_text(&x->a->arena, begin, (size_t)(s - begin) + (close == ']'));
		s += close != 0;
	}
	return x->t.n > 0 || wrong(x, "which op or service? Such as modbus write, or tcp 443");
}

static const char *take(struct tokens *t)
{
	return t->at < t->n ? t->text[t->at++] : NULL;
}

static bool is_service(const char *word)
{
	static const char *const names[] = {"tcp", "udp", "icmp", "ip", NULL};
	unsigned i;

	for (i = 0; names[i]; i++)
		if (strcmp(names[i], word) == 0)
			return true;
	return false;
}

/* "write", "read,write", "any". */
static bool is_classes(const char *word)
{
	size_t n;

	if (strcmp(word, "any") == 0)
		return true;
	for (;; word += n + 1) {
		n = strcspn(word, ",");
		if (op_class_find(word, n) < 0)
			return false;
		if (!word[n])
			return true;
	}
}

static bool unknown_word(struct parse *x, const char *word)
{
	static const char *const services[] = {"tcp", "udp", "icmp", "ip"};
	struct suggest s = suggest_for(&x->l, word);
	const struct vocab *v;
	unsigned i;

	for (i = 0; i < OP_CLASSES; i++)
		suggest_try(&s, op_class_name((enum op_class)i));
	for (i = 0; i < 4; i++)
		suggest_try(&s, services[i]);
	for (i = 0; (v = vocab_at(i)); i++)
		suggest_try(&s, v->proto);
	return wrong(x, "\"%.80s\" is no class, protocol or service%s", word,
		     suggest_text(&x->l, &s));
}

/* A number such as 40017 where the table's digit is 4. */
static bool looks_4xxxx(const struct vocab_key *k, const char *value)
{
	size_t n = strspn(value, "0123456789");

	return k->kind == VOCAB_SPACE && k->prefix != 0xff && (n == 5 || n == 6) &&
	       value[0] == '0' + k->prefix && strspn(value + 1, "0") < n - 1;
}

static const struct vocab_key *key_of(const struct vocab *v, const char *name)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void quote(FILE *f, const char *value)
{
	if (*value == '[') {
		fputs(value, f);
		return;
	}
	fputc('\'', f);
	for (; *value; value++)
		fprintf(f, *value == '\'' ? "''" : "%c", *value);
	fputc('\'', f);
}

/* The rest of the words are keys and their values. */
static bool keys(struct parse *x, FILE *f, const struct vocab *v)
{
	bool registers = false, said = false;
	const char *key, *value;

	while ((key = take(&x->t))) {
		const struct vocab_key *k = key_of(v, key);

		value = take(&x->t);
		if (!value)
			return wrong(x, "%s of what? A word and its value, such as holding 100-119",
				     key);
		registers = registers || (k && looks_4xxxx(k, value));
		said = said || strcmp(key, "addresses") == 0;
		fputs(", ", f);
		quote(f, key);
		fputs(": ", f);
		quote(f, value);
	}
	/* in a file such a number gets a warning; here nobody means anything else */
	if (registers && !said && x->a->p->notation == NOTATION_0)
		fputs(", addresses: 4xxxx", f);
	return true;
}

static bool load(struct parse *x, const char *text)
{
	struct diag diag = {.count = 0};
	struct yaml_doc doc;
	unsigned i;

	x->l.diag = &diag;
	if (yaml_load_buffer(&doc, "question", text, strlen(text), &diag))
		load_allow(&x->l, doc.root, &x->a->conduit);
	for (i = 0; i < diag.count; i++)
		if (diag.entry[i].level == DIAG_ERROR)
			wrong(x, "%s", diag.entry[i].text ? diag.entry[i].text : "out of memory");
	i = diag.errors;
	yaml_doc_free(&doc);
	diag_free(&diag);
	x->l.diag = x->diag;
	return i == 0;
}

/* The end of a who-question, between the protocol and its keys. */
static bool take_end(struct parse *x)
{
	const char *name = take(&x->t);

	if (!name)
		return wrong(x, "to whom? Such as: write modbus plc-1");
	if (!ask_ends(x->a, name, &x->a->servers, x->diag))
		return false;
	x->a->server_is_zone = x->a->servers.several ||
			       (x->a->servers.end->place.zone != POLICY_NONE &&
				strcmp(x->a->p->zone[x->a->servers.end->place.zone].id, name) == 0);
	return true;
}

static bool op_question(struct parse *x, const char *proto, const char *classes, bool who)
{
	const struct vocab *v = vocab_find(proto);
	struct space_example ex;
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	bool ok;

	if (who && !take_end(x))
		return false;
	f = open_memstream(&text, &len);
	if (!f)
		return wrong(x, "out of memory");
	fprintf(f, "{%s: {do: [%s]", proto, classes);
	ok = keys(x, f, v);
	fputs("}}", f);
	ok = fclose(f) == 0 && ok && load(x, text);
	free(text);
	if (ok && x->a->conduit.rules) {
		x->a->rule = &x->a->conduit.rule[0];
		x->a->words = x->a->rule->text_forms;
	}
	if (!ok || !x->a->rule)
		return false;
	if (space_rule_possible(x->a->rule, &ex) == SPACE_NO)
		return wrong(x, "no op of %s is \"%s\"", proto, x->a->words);
	return true;
}

static bool service_question(struct parse *x, const char *kind, bool who)
{
	const char *value = take(&x->t);
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	bool ok;

	if (!value)
		return wrong(x, "which %s? Such as %s", kind,
			     strcmp(kind, "icmp") == 0 ? "icmp echo" : "tcp 443");
	if (who && !take_end(x))
		return false;
	if (x->t.at < x->t.n)
		return wrong(x, "what is \"%.80s\" of a service? Services have ports and no more",
			     x->t.text[x->t.at]);
	f = open_memstream(&text, &len);
	if (!f)
		return wrong(x, "out of memory");
	fprintf(f, "{%s: ", kind);
	quote(f, value);
	fputc('}', f);
	ok = fclose(f) == 0 && load(x, text);
	free(text);
	if (ok && x->a->conduit.services) {
		x->a->service = &x->a->conduit.service[0];
		x->a->words = x->a->service->text;
	}
	return ok && x->a->service;
}

static bool parse(struct parse *x, bool who)
{
	const char *first = take(&x->t), *second;

	if (is_service(first))
		return service_question(x, first, who);
	if (!is_classes(first) && !vocab_find(first))
		return unknown_word(x, first);
	second = take(&x->t);
	if (!second)
		return is_classes(first)
			       ? wrong(x, "%s in which protocol? Such as %s modbus", first, first)
			       : wrong(x, "what in %s? Such as %s write, or %s any", first, first,
				       first);
	if (is_classes(first)) {
		if (strcmp(first, "any") == 0 && is_service(second))
			return service_question(x, second, who);
		return vocab_find(second) ? op_question(x, second, first, who)
					  : unknown_word(x, second);
	}
	return is_classes(second) ? op_question(x, first, second, who) : unknown_word(x, second);
}

struct ask *ask_new(const struct policy *p, const char *words, bool who, struct diag *diag)
{
	struct ask *a = calloc(1, sizeof(*a));
	struct parse x = {.a = a, .diag = diag};
	struct policy *q;

	if (!a) {
		diag_add(diag, DIAG_ERROR, "question", 0, 0, "out of memory");
		return NULL;
	}
	q = &a->scratch;
	a->p = p;
	q->notation = p->notation;
	q->conduit = &a->conduit;
	q->conduits = 1;
	x.l = (struct loader){.p = q, .a = &q->arena, .file = "question", .diag = diag};
	if (split(&x, words) && parse(&x, who))
		return a;
	ask_free(a);
	return NULL;
}

void ask_free(struct ask *a)
{
	if (!a)
		return;
	arena_free(&a->scratch.arena);
	arena_free(&a->arena);
	free(a);
}

const char *ask_words(const struct ask *a)
{
	return a->words;
}

static void add_end(struct ask *a, struct ask_ends *out, const char *name,
		    struct policy_place place)
{
	out->end = arena_grow(&a->arena, out->end, out->count, &out->cap, sizeof(*out->end));
	out->end[out->count++] = (struct ask_end){name, place};
}

/* role:plc, role:plc@cell: whoever has it, whether or not a conduit says so. */
static void add_role(struct ask *a, struct ask_ends *out, const char *role)
{
	const struct policy *p = a->p;
	const char *at = strchr(role, '@');
	size_t len = at ? (size_t)(at - role) : strlen(role);
	uint32_t i;

	for (i = 0; i < p->assets; i++) {
		const struct policy_asset *x = &p->asset[i];

		if (strncmp(x->role, role, len) == 0 && !x->role[len] &&
		    (!at || strcmp(p->zone[x->zone].id, at + 1) == 0))
			add_end(a, out, x->id, ask_end(p, p->zones + i));
	}
}

static bool no_end(const char *name, struct diag *diag, const char *why)
{
	diag_add(diag, DIAG_ERROR, "question", 0, 0,
		 "there is no asset, zone or group \"%.80s\", and it is no address%s", name, why);
	return false;
}

bool ask_ends(struct ask *a, const char *name, struct ask_ends *out, struct diag *diag)
{
	const struct policy *p = a->p;
	struct loader l = {.p = &a->scratch, .a = &a->arena, .diag = diag};
	struct suggest s = suggest_for(&l, name);
	uint32_t i, group = policy_group_find(p, name);
	struct addr addr;

	*out = (struct ask_ends){.count = 0};
	for (i = 0; i < p->zones + p->assets; i++) {
		if (strcmp(end_id(p, i), name) == 0) {
			add_end(a, out, end_id(p, i), ask_end(p, i));
			return true;
		}
		suggest_try(&s, end_id(p, i));
	}
	for (i = 0; i < p->groups; i++)
		suggest_try(&s, p->group[i].id);
	if (addr_parse(name, &addr)) {
		add_end(a, out, arena_text(&a->arena, name, strlen(name)),
			policy_place(p, &addr, NULL));
		return true;
	}
	out->several = true;
	if (group != POLICY_NONE)
		for (i = 0; i < p->group[group].ends; i++)
			add_end(a, out, end_id(p, p->group[group].end[i]),
				ask_end(p, p->group[group].end[i]));
	else if (strncmp(name, "role:", 5) == 0)
		add_role(a, out, name + 5);
	if (group == POLICY_NONE && !out->count)
		return no_end(name, diag, suggest_text(&l, &s));
	if (!out->count)
		diag_add(diag, DIAG_ERROR, "question", 0, 0, "group \"%.80s\" has no members",
			 name);
	return out->count > 0;
}
