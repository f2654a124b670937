/* Rules and services in words: for the sentence of a finding, and for `check`. */
#include "policy/model.h"

#include <inttypes.h>
#include <stdlib.h>

#define PARTS_MAX    12	 /* numbers or names of one key that are spelt out */
#define EXPECTED_MAX 300 /* bytes of what a conduit permits */

static void add_more(FILE *f, uint32_t left)
{
	if (left)
		fprintf(f, ",... (%u more)", left);
}

/* An address as in a register list of a manual: holding 100 is 40101, or 465537. */
static void add_4xxxx(FILE *f, unsigned prefix, uint64_t v, uint64_t largest)
{
	fprintf(f, "%u%0*" PRIu64, prefix, largest >= 9999 ? 5 : 4, v + 1);
}

static void add_set(FILE *f, const struct iset *s, const struct vocab_key *forms)
{
	uint32_t i, n = s->count < PARTS_MAX ? s->count : PARTS_MAX;

	for (i = 0; i < n; i++) {
		const struct iset_range *r = &s->range[i];

		fprintf(f, "%s", i ? "," : "");
		if (forms)
			add_4xxxx(f, forms->prefix, r->lo, r->hi);
		else
			fprintf(f, "%" PRIu64, r->lo);
		if (r->hi == r->lo)
			continue;
		fputc('-', f);
		if (forms)
			add_4xxxx(f, forms->prefix, r->hi, r->hi);
		else
			fprintf(f, "%" PRIu64, r->hi);
	}
	add_more(f, s->count - n);
}

static void add_values(FILE *f, const struct dset *s)
{
	uint32_t i, n = s->count < PARTS_MAX ? s->count : PARTS_MAX;

	for (i = 0; i < n; i++) {
		fprintf(f, "%s%.15g", i ? "," : "", s->range[i].lo);
		if (s->range[i].hi != s->range[i].lo)
			fprintf(f, "..%.15g", s->range[i].hi);
	}
	add_more(f, s->count - n);
}

static void add_names(FILE *f, const struct names *s)
{
	uint32_t i, n = s->count < PARTS_MAX ? s->count : PARTS_MAX;

	for (i = 0; i < n; i++)
		fprintf(f, "%s\"%.*s\"", i ? "," : "", (int)s->text[i].len,
			(const char *)s->text[i].p);
	add_more(f, s->count - n);
}

static const char *key_name(const struct vocab *v, enum vocab_kind kind, unsigned arg)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if (k->kind == kind && (kind != VOCAB_PATH || k->arg == arg))
			return k->name;
	return "?";
}

static const char *code_name(const struct vocab *v, uint64_t code)
{
	const struct vocab_code *c;

	for (c = v->codes; c->name; c++)
		if (c->code == code)
			return c->name;
	return NULL;
}

static void add_codes(FILE *f, const struct rule *r)
{
	uint32_t i, n = r->code.count < PARTS_MAX ? r->code.count : PARTS_MAX;

	for (i = 0; i < n; i++) {
		const struct iset_range *c = &r->code.range[i];
		const char *name = c->hi - c->lo <= 1 ? code_name(r->vocab, c->lo) : NULL;
		const char *last = name ? code_name(r->vocab, c->hi) : NULL;

		fprintf(f, "%s", i ? "," : "");
		if (last && c->hi != c->lo)
			fprintf(f, "%s,%s", name, last);
		else if (last)
			fprintf(f, "%s", name);
		else if (c->hi != c->lo)
			fprintf(f, "%" PRIu64 "-%" PRIu64, c->lo, c->hi);
		else
			fprintf(f, "%" PRIu64, c->lo);
	}
	add_more(f, r->code.count - n);
}

static void add_classes(FILE *f, const struct rule *r)
{
	const char *slash = "";
	int i;

	/* without `do` the codes say it */
	if (r->classes == (1u << OP_CLASSES) - 1) {
		fputs(r->has & RULE_CODE ? "" : " any op", f);
		return;
	}
	fputc(' ', f);
	for (i = 0; i < OP_CLASSES; i++)
		if (r->classes >> i & 1) {
			fprintf(f, "%s%s", slash, op_class_name((enum op_class)i));
			slash = "/";
		}
}

static void add_spaces(FILE *f, const struct rule *r, bool forms)
{
	unsigned i;

	for (i = 0; i < r->nspaces; i++) {
		const struct rule_space *s = &r->space[i];

		fprintf(f, "%s%s ", i ? " or " : " ", s->key->name);
		if (s->key->kind != VOCAB_SPACE) {
			add_names(f, &s->names);
		} else if (s->range.count == 1 && s->range.range[0].lo == 0 &&
			   s->range.range[0].hi >= UINT16_MAX) {
			fputs("any", f);
		} else {
			add_set(f, &s->range, NULL);
			if (forms && s->key->prefix != 0xff) {
				fputs(" (0-based; ", f);
				add_set(f, &s->range, s->key);
				fputc(')', f);
			}
		}
	}
}

static const char *words_of(struct policy *p, const struct rule *r, bool forms)
{
	char *buf = NULL, *text;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);
	unsigned i;

	if (!f)
		return r->vocab->proto;
	fputs(r->vocab->proto, f);
	add_classes(f, r);
	if (r->has & RULE_CODE) {
		fprintf(f, " %s ", key_name(r->vocab, VOCAB_CODE, 0));
		add_codes(f, r);
	}
	if (r->has & RULE_UNIT) {
		fprintf(f, " %s ", key_name(r->vocab, VOCAB_UNIT, 0));
		add_set(f, &r->unit, NULL);
	}
	for (i = 0; i < 3; i++)
		if (r->has & RULE_PATH << i) {
			fprintf(f, " %s ", key_name(r->vocab, VOCAB_PATH, i));
			add_set(f, &r->path[i], NULL);
		}
	if (r->has & RULE_PATHS && r->has & RULE_NAMES)
		fputs(" or", f);
	add_spaces(f, r, forms);
	if (r->has & RULE_ACTOR) {
		fprintf(f, " %s ", key_name(r->vocab, VOCAB_ACTOR, 0));
		add_names(f, &r->actor);
	}
	if (r->has & RULE_VALUE) {
		fputs(" value ", f);
		add_values(f, &r->value);
	}
	if (r->has & RULE_PORT) {
		fputs(" port ", f);
		add_set(f, &r->port, NULL);
	}
	if (fclose(f) != 0 || !buf)
		return r->vocab->proto;
	text = arena_text(&p->arena, buf, len);
	free(buf);
	return text;
}

void rule_words(struct policy *p, struct rule *r)
{
	unsigned i;
	bool forms = false;

	r->text = r->text_forms = words_of(p, r, false);
	for (i = 0; i < r->nspaces; i++)
		forms = forms || r->space[i].key->prefix != 0xff;
	if (forms && r->has & RULE_SPACE)
		r->text_forms = words_of(p, r, true);
}

void service_words(struct policy *p, struct service *s)
{
	static const char *const name[] = {"tcp", "udp", "icmp", "ip"};
	char *buf = NULL;
	size_t len = 0;
	FILE *f;

	if (s->any || (s->kind == SERVICE_ICMP && s->text)) {
		s->text = s->any && s->kind == SERVICE_IP
				  ? "everything"
				  : arena_printf(&p->arena, "%s %s", name[s->kind],
						 s->any ? "any" : s->text);
		return;
	}
	s->text = name[s->kind];
	f = open_memstream(&buf, &len);
	if (!f)
		return;
	fprintf(f, "%s ", name[s->kind]);
	add_set(f, &s->set, NULL);
	if (fclose(f) == 0 && buf)
		s->text = arena_text(&p->arena, buf, len);
	free(buf);
}

const char *values_words(struct policy *p, const struct dset *s)
{
	const char *words = "";
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		return words;
	add_values(f, s);
	if (fclose(f) == 0 && buf)
		words = arena_text(&p->arena, buf, len);
	free(buf);
	return words;
}

/* A list of permissions that stays below EXPECTED_MAX. */
struct list {
	char text[EXPECTED_MAX + 1];
	size_t len;
	unsigned parts, left_out;
};

static void list_add(struct list *l, const char *part)
{
	size_t n = strlen(part), room = EXPECTED_MAX - 24 - l->len;

	if (l->left_out || n + 2 > room) {
		l->left_out++;
		return;
	}
	l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s%s",
				   l->parts++ ? "; " : "", part);
}

static const char *list_text(struct policy *p, struct list *l)
{
	if (l->left_out)
		snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s... (%u more)",
			 l->parts ? "; " : "", l->left_out);
	else if (!l->parts)
		snprintf(l->text + l->len, sizeof(l->text) - l->len, "nothing");
	return arena_text(&p->arena, l->text, strlen(l->text));
}

void frames_words(struct policy *p, struct frames *f)
{
	const char *text = "ethertype", *comma = " ", *name;
	uint64_t t;
	uint32_t i;

	if (f->any) {
		f->text = "ethertype any";
		return;
	}
	for (i = 0; i < f->set.count; i++)
		for (t = f->set.range[i].lo; t <= f->set.range[i].hi; t++) {
			name = policy_ethertype_name((uint16_t)t);
			text = name ? arena_printf(&p->arena, "%s%s%s", text, comma, name)
				    : arena_printf(&p->arena, "%s%s0x%04x", text, comma,
						   (unsigned)t);
			comma = ",";
		}
	f->text = text;
}

/* of: only the rules of this protocol; NULL: all, the services, and the frames. */
static struct list permitted(const struct conduit *c, const struct vocab *of)
{
	struct list l = {.len = 0};
	uint32_t i;

	for (i = 0; i < c->rules; i++)
		if (of ? c->rule[i].vocab == of : !(c->rule[i].has & RULE_CARRIER))
			list_add(&l, c->rule[i].text);
	for (i = 0; !of && i < c->services; i++)
		list_add(&l, c->service[i].text);
	for (i = 0; !of && i < c->nframes; i++)
		list_add(&l, c->frames[i].text);
	return l;
}

static const struct conduit_words *find_words(const struct conduit *c, const struct vocab *v)
{
	uint32_t i;

	for (i = 0; i < c->nwords; i++)
		if (c->words[i].vocab == v)
			return &c->words[i];
	return NULL;
}

void conduit_words(struct policy *p, struct conduit *c)
{
	struct list l = permitted(c, NULL);
	struct conduit_words *w;
	uint32_t i;

	c->pub.permits = list_text(p, &l);
	for (i = 0; i < c->rules; i++) {
		const struct vocab *v = c->rule[i].vocab;

		if (find_words(c, v))
			continue;
		c->words = arena_grow(&p->arena, c->words, c->nwords, &c->words_cap, sizeof(*w));
		w = &c->words[c->nwords++];
		w->vocab = v;
		l = permitted(c, v);
		w->expected = list_text(p, &l);
		w->unreadable = arena_printf(
			&p->arena, "%s; the values of this write are not numbers", w->expected);
	}
}
