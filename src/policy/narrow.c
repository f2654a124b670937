/*
 * What was seen of a permission, written as the entries of allow that permit just that; and what
 * it permits beyond.
 *
 * An entry of a policy is one product of sets (classes x units x objects x values). What was seen
 * is written class by class and, for writes, object kind by object kind, since reads seldom use
 * the objects and never the values that writes do. Names come from the wire and are quoted.
 */
#include "policy/entry.h"
#include "policy/usage_sets.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define RANGES_WRITTEN 8 /* of one key; nearer ones become one */

/* --- numbers and names --- */

static void put_numbers(FILE *f, const struct seen_numbers *s)
{
	unsigned i;

	fputs(s->count > 1 ? "[" : "", f);
	for (i = 0; i < s->count; i++) {
		fprintf(f, "%s%" PRIu64, i ? ", " : "", s->range[i].lo);
		if (s->range[i].hi != s->range[i].lo)
			fprintf(f, "-%" PRIu64, s->range[i].hi);
	}
	fputs(s->count > 1 ? "]" : "", f);
}

/* Few intervals, none of which leaves what was permitted (NULL: everything). */
static struct seen_numbers tidy(const struct seen_numbers *seen, const struct iset *permitted)
{
	struct seen_numbers few = *seen, out = {.count = 0};
	uint32_t k;
	unsigned i;

	seen_merge(&few, RANGES_WRITTEN);
	if (!permitted)
		return few;
	for (i = 0; i < few.count; i++)
		for (k = 0; k < permitted->count; k++) {
			uint64_t lo = permitted->range[k].lo, hi = permitted->range[k].hi;

			lo = lo > few.range[i].lo ? lo : few.range[i].lo;
			hi = hi < few.range[i].hi ? hi : few.range[i].hi;
			if (lo <= hi)
				seen_add(&out, lo, hi);
		}
	return out;
}

static void put_key(FILE *f, const char *key, const struct seen_numbers *seen,
		    const struct iset *permitted)
{
	const struct seen_numbers s = tidy(seen, permitted);

	if (!s.count)
		return;
	fprintf(f, ", %s: ", key);
	put_numbers(f, &s);
}

static bool is_utf8(struct slice s)
{
	uint32_t i, k, n;

	for (i = 0; i < s.len; i += n) {
		n = s.p[i] < 0x80   ? 1
		    : s.p[i] < 0xc2 ? 0
		    : s.p[i] < 0xe0 ? 2
		    : s.p[i] < 0xf0 ? 3
				    : 4;
		if (n == 0 || s.p[i] > 0xf4 || i + n > s.len || s.p[i] == 0)
			return false;
		for (k = 1; k < n; k++)
			if ((s.p[i + k] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Line and paragraph separators, and what turns the direction of writing: U+200E, ... U+2069. */
static bool is_format(const uint8_t *c)
{
	if (c[0] != 0xe2)
		return false;
	if (c[1] == 0x80)
		return c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae);
	return c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
}

/* In double quotes; everything YAML might read otherwise is escaped. */
static void put_name(FILE *f, struct slice s)
{
	uint32_t i;

	fputc('"', f);
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			fprintf(f, "\\%c", s.p[i]);
		else if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			fprintf(f, "\\x%02x", s.p[i]);
		else if (s.p[i] == 0xc2 && i + 1 < s.len && s.p[i + 1] < 0xa0)
			fprintf(f, "\\x%02x", s.p[++i]); /* C1 controls, NEL */
		else if (i + 2 < s.len && is_format(s.p + i)) {
			fprintf(f, "\\u20%02x",
				(unsigned)(s.p[i + 1] & 1) << 6 | (s.p[i + 2] & 0x3f));
			i += 2;
		} else
			fputc(s.p[i], f);
	}
	fputc('"', f);
}

/*
 * A level of a topic with a wildcard inside is no topic (MQTT 5, 4.7.1), but somebody may send it:
 * "+" is the least that covers it.
 */
static void put_filter(FILE *f, struct slice s, struct arena *a)
{
	uint8_t *text = arena_alloc(a, s.len + 1u);
	uint32_t i, k, n = 0;
	bool wild;

	for (i = 0; i <= s.len; i = k + 1) {
		for (k = i, wild = false; k < s.len && s.p[k] != '/'; k++)
			wild = wild || s.p[k] == '+' || s.p[k] == '#';
		if (wild && !(k == i + 1 && (s.p[i] == '+' || k == s.len))) {
			text[n++] = '+';
		} else {
			memcpy(text + n, s.p + i, k - i);
			n += k - i;
		}
		if (k < s.len)
			text[n++] = '/';
	}
	put_name(f, (struct slice){text, n});
}

static void put_filters(FILE *f, const char *key, const struct slice *name, unsigned n)
{
	struct arena a = {0};
	unsigned i;

	fprintf(f, ", %s: %s", key, n > 1 ? "[" : "");
	for (i = 0; i < n; i++) {
		fputs(i ? ", " : "", f);
		put_filter(f, name[i], &a);
	}
	fputs(n > 1 ? "]" : "", f);
	arena_free(&a);
}

static void put_names(FILE *f, const char *key, const struct slice *name, unsigned n)
{
	unsigned i;

	fprintf(f, ", %s: %s", key, n > 1 ? "[" : "");
	for (i = 0; i < n; i++) {
		fputs(i ? ", " : "", f);
		put_name(f, name[i]);
	}
	fputs(n > 1 ? "]" : "", f);
}

static void put_double(FILE *f, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) != v)
		snprintf(text, sizeof(text), "%.17g", v);
	fputs(text, f);
}

static void put_values(FILE *f, const struct seen_cell *c)
{
	unsigned n = 0, k = 0;
	uint32_t i;

	for (i = 0; i < c->values; i++) {
		if (c->value[i].any && !(isfinite(c->value[i].lo) && isfinite(c->value[i].hi)))
			return;
		n += c->value[i].any;
	}
	if (!n || c->not_numbers)
		return;
	fprintf(f, ", value: %s", n > 1 ? "[" : "");
	for (i = 0; i < c->values; i++) {
		if (!c->value[i].any)
			continue;
		fputs(k++ ? ", " : "", f);
		put_double(f, c->value[i].lo);
		if (c->value[i].hi != c->value[i].lo) {
			fputs("..", f);
			put_double(f, c->value[i].hi);
		}
	}
	fputs(n > 1 ? "]" : "", f);
}

/* --- the keys of a protocol --- */

static const struct vocab_key *key_of(const struct vocab *v, enum vocab_kind kind, unsigned arg)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if (k->kind == kind && k->arg == arg)
			return k;
	return NULL;
}

/* The same where a protocol has one of the kind at most. */
static const struct vocab_key *key_of_kind(const struct vocab *v, enum vocab_kind kind)
{
	const struct vocab_key *k;

	for (k = v->keys; k->name; k++)
		if (k->kind == kind)
			return k;
	return NULL;
}

/* The key that names objects of this kind: holding, tag, topic; NULL: path keys do, or none. */
static const struct vocab_key *object_key(const struct seen_cell *c)
{
	const struct vocab_key *k = key_of(c->vocab, VOCAB_SPACE, c->space);

	k = k ? k : key_of(c->vocab, VOCAB_NAME, c->space);
	return k ? k : key_of(c->vocab, VOCAB_TOPIC, c->space);
}

static const struct rule_space *permitted_space(const struct seen_cell *c,
						const struct vocab_key *k)
{
	unsigned i;

	for (i = 0; i < c->rule->nspaces; i++)
		if (c->rule->space[i].key == k)
			return &c->rule->space[i];
	return NULL;
}

static bool names_known(const struct seen_names *n)
{
	unsigned i;

	for (i = 0; i < n->count; i++)
		if (!is_utf8(n->name[i]))
			return false;
	return n->count && !n->more;
}

static void put_object(FILE *f, const struct seen_cell *c)
{
	const struct vocab_key *k = object_key(c);
	const struct rule_space *r = k ? permitted_space(c, k) : NULL;

	if (!k)
		return;
	if (k->kind == VOCAB_SPACE)
		put_key(f, k->name, &c->object, r ? &r->range : NULL);
	else if (names_known(&c->name) && k->kind == VOCAB_TOPIC)
		put_filters(f, k->name, c->name.name, c->name.count);
	else if (names_known(&c->name))
		put_names(f, k->name, c->name.name, c->name.count);
	else if (r)
		put_names(f, k->name, r->names.text, r->names.count);
}

/* Class, instance, attribute where these are the object; the file of a record. */
static void put_path(FILE *f, const struct seen_cell *c)
{
	const struct vocab_key *k;
	unsigned i;

	if (c->space != OP_SPACE_OBJECT && c->space != OP_SPACE_FILE_RECORD)
		return;
	for (i = 0; i < c->npath && i < 3; i++) {
		k = key_of(c->vocab, VOCAB_PATH, i);
		if (k)
			put_key(f, k->name, &c->path[i],
				c->rule->has & RULE_PATH << i ? &c->rule->path[i] : NULL);
	}
}

static const char *code_name(const struct seen_cell *c, uint64_t code)
{
	const struct vocab_code *v;

	for (v = c->vocab->codes; v->name; v++)
		if (v->code == code && v->cls == c->cls)
			return v->name;
	return NULL;
}

static void put_codes(FILE *f, const struct seen_cell *c)
{
	const struct vocab_key *k = key_of_kind(c->vocab, VOCAB_CODE);
	const char *comma = "";
	bool many;
	unsigned i;
	uint64_t v;

	if (!k || !(c->rule->has & RULE_CODE || c->space == OP_SPACE_NONE))
		return;
	many = c->code.count > 1 || c->code.range[0].lo != c->code.range[0].hi;
	fprintf(f, ", %s: %s", k->name, many ? "[" : "");
	for (i = 0; i < c->code.count; i++)
		for (v = c->code.range[i].lo; v <= c->code.range[i].hi; v++) {
			const char *name = code_name(c, v);

			fputs(comma, f);
			comma = ", ";
			if (name)
				fputs(name, f);
			else
				fprintf(f, "%" PRIu64, v);
		}
	fputs(many ? "]" : "", f);
}

static void put_unit(FILE *f, const struct seen_cell *c, const struct seen_numbers *unit,
		     bool unitless)
{
	const struct vocab_key *k = key_of_kind(c->vocab, VOCAB_UNIT);

	if (k && !unitless)
		put_key(f, k->name, unit, c->rule->has & RULE_UNIT ? &c->rule->unit : NULL);
}

/* What is asked of every entry alike. */
static void put_end(FILE *f, const struct policy *p, const struct seen_cell *c,
		    const struct seen_numbers *port, bool numbered)
{
	const struct vocab_key *k = key_of_kind(c->vocab, VOCAB_ACTOR);

	if (k && c->rule->has & RULE_ACTOR)
		put_names(f, k->name, c->rule->actor.text, c->rule->actor.count);
	if (c->rule->has & RULE_PORT)
		put_key(f, "port", port, &c->rule->port);
	if (numbered && p->notation != NOTATION_0)
		fputs(", addresses: 0-based", f);
	fputs("}\n", f);
}

/* --- entries --- */

static bool has_numbers(const struct seen_cell *c)
{
	const struct vocab_key *k = object_key(c);

	return k && k->kind == VOCAB_SPACE && k->prefix != 0xff;
}

/* Cells that may share one entry: their objects are alternatives, and there are no values. */
static bool together(const struct seen_cell *a, const struct seen_cell *b)
{
	return a->cls == b->cls && a->vocab == b->vocab && a->cls != OP_WRITE && object_key(a) &&
	       object_key(b) && a->space != OP_SPACE_FILE_RECORD &&
	       b->space != OP_SPACE_FILE_RECORD && a->space != b->space &&
	       !(a->rule->has & RULE_CODE);
}

static void put_all(struct seen_numbers *to, const struct seen_numbers *from)
{
	unsigned i;

	for (i = 0; i < from->count; i++)
		seen_add(to, from->range[i].lo, from->range[i].hi);
}

/* The cell and those behind it that go together with it. */
static void put_cells(FILE *f, const struct policy *p, const struct seen_cell *c)
{
	struct seen_numbers unit = {.count = 0}, port = {.count = 0};
	bool unitless = false, numbered = false;
	const struct seen_cell *x;

	fprintf(f, "- %s: {do: %s", c->vocab->proto, op_class_name((enum op_class)c->cls));
	for (x = c; x; x = x->next) {
		if (x != c && !together(c, x))
			continue;
		put_all(&unit, &x->unit);
		put_all(&port, &x->port);
		unitless = unitless || x->unitless;
		numbered = numbered || has_numbers(x);
	}
	put_unit(f, c, &unit, unitless);
	if (c->cls != OP_SESSION) {
		put_codes(f, c);
		put_path(f, c);
	}
	for (x = c; x && c->cls != OP_SESSION; x = x->next)
		if (x == c || together(c, x))
			put_object(f, x);
	if (c->cls == OP_WRITE)
		put_values(f, c);
	put_end(f, p, c, &port, numbered);
}

/* Was it written together with an earlier one? */
static bool written(const struct seen_entry *e, const struct seen_cell *c)
{
	const struct seen_cell *x;

	for (x = e->cells; x != c; x = x->next)
		if (together(x, c))
			return true;
	return false;
}

static bool within(const struct seen_numbers *a, const struct seen_numbers *b)
{
	unsigned i, k;

	for (i = 0; i < a->count; i++) {
		for (k = 0; k < b->count; k++)
			if (b->range[k].lo <= a->range[i].lo && b->range[k].hi >= a->range[i].hi)
				break;
		if (k == b->count)
			return false;
	}
	return true;
}

/* Sessions need no entry where something else is permitted with the same units and ports. */
static bool comes_along(const struct seen_entry *e, const struct seen_cell *c)
{
	const struct seen_cell *x;

	for (x = e->cells; x; x = x->next) {
		bool same = x->vocab == c->vocab;

		if (x->cls == OP_SESSION || (!same && x->rule->has & RULE_CARRIER))
			continue;
		if ((!same || x->unitless || within(&c->unit, &x->unit)) &&
		    (!(c->rule->has & RULE_PORT) || within(&c->port, &x->port)))
			return true;
	}
	return false;
}

static void put_service(FILE *f, const struct seen_entry *e)
{
	static const char *const kind[] = {"tcp", "udp", "icmp", "ip"};
	const struct service *s = e->service;
	struct seen_numbers n = tidy(&e->port, s->any ? NULL : &s->set);

	if (s->kind == SERVICE_ICMP) {
		/* the words it was written with; a single type has no key of its own */
		fprintf(f, "- %s\n", s->text);
		return;
	}
	fprintf(f, "- %s: ", kind[s->kind]);
	put_numbers(f, &n);
	fputc('\n', f);
}

/* Is this text the same permission as the entry? */
static bool same(const struct policy *p, const struct seen_entry *e, const char *text)
{
	struct diag diag = {.count = 0};
	struct policy_entry *x = NULL;
	struct yaml_doc doc;
	bool is = false;
	struct policy scratch = {.notation = p->notation};

	if (yaml_load_buffer(&doc, "", text, strlen(text), &diag) && doc.root->count == 1)
		x = policy_entry_load(&scratch, doc.root->first, "", &diag);
	if (x)
		is = strcmp(policy_entry_text(x), e->rule ? e->rule->text : e->service->text) == 0;
	policy_entry_free(x);
	yaml_doc_free(&doc);
	diag_free(&diag);
	return is;
}

const char *narrow_entry(const struct policy *p, const struct seen_entry *e, struct arena *a)
{
	const struct seen_cell *c;
	const char *text = "";
	char *buf = NULL;
	size_t len = 0;
	FILE *f;

	if (e->service && e->service->kind == SERVICE_ICMP)
		return NULL;
	f = open_memstream(&buf, &len);
	if (!f)
		return NULL;
	if (e->service)
		put_service(f, e);
	for (c = e->cells; c; c = c->next) {
		if (c->cls == OP_SESSION ? comes_along(e, c) : written(e, c))
			continue;
		put_cells(f, p, c);
	}
	if (fclose(f) == 0 && buf)
		text = same(p, e, buf) ? NULL : arena_text(a, buf, len);
	free(buf);
	return text;
}

/* --- what nobody used --- */

static void put_rest(FILE *f, const char *what, const struct iset *permitted,
		     const struct seen_numbers *seen)
{
	struct seen_numbers rest = {.count = 0};
	uint32_t i;
	unsigned k;

	for (i = 0; i < permitted->count; i++) {
		uint64_t lo = permitted->range[i].lo, hi = permitted->range[i].hi;

		for (k = 0; k < seen->count && lo <= hi; k++) {
			if (seen->range[k].hi < lo || seen->range[k].lo > hi)
				continue;
			if (seen->range[k].lo > lo)
				seen_add(&rest, lo, seen->range[k].lo - 1);
			if (seen->range[k].hi >= hi)
				goto next;
			lo = seen->range[k].hi + 1;
		}
		seen_add(&rest, lo, hi);
	next:;
	}
	if (!rest.count)
		return;
	seen_merge(&rest, RANGES_WRITTEN);
	fprintf(f, "%s%s ", ftell(f) ? "; " : "", what);
	put_numbers(f, &rest);
}

static void rest_classes(FILE *f, const struct seen_entry *e)
{
	const uint16_t all = e->rule->classes & (uint16_t) ~(1u << OP_SESSION);
	const struct seen_cell *c;
	const char *comma = "";
	uint16_t used = 0;
	unsigned i;

	for (c = e->cells; c; c = c->next)
		used |= (uint16_t)(1u << c->cls);
	if (!(all & (uint16_t)~used))
		return;
	fputs("do ", f);
	for (i = 0; i < OP_CLASSES; i++)
		if ((all & (uint16_t)~used) >> i & 1) {
			fprintf(f, "%s%s", comma, op_class_name((enum op_class)i));
			comma = ", ";
		}
}

static void rest_rule(FILE *f, const struct seen_entry *e)
{
	const struct rule *r = e->rule;
	struct seen_numbers unit = {.count = 0}, port = unit, object;
	const struct vocab_key *k = key_of_kind(r->vocab, VOCAB_UNIT);
	const struct seen_cell *c;
	unsigned i;

	rest_classes(f, e);
	for (c = e->cells; c; c = c->next) {
		put_all(&unit, &c->unit);
		put_all(&port, &c->port);
	}
	if (k && r->has & RULE_UNIT)
		put_rest(f, k->name, &r->unit, &unit);
	for (i = 0; i < r->nspaces; i++) {
		if (r->space[i].key->kind != VOCAB_SPACE)
			continue;
		object.count = 0;
		for (c = e->cells; c; c = c->next)
			if (c->space == r->space[i].key->arg)
				put_all(&object, &c->object);
		put_rest(f, r->space[i].key->name, &r->space[i].range, &object);
	}
	if (r->has & RULE_PORT)
		put_rest(f, "port", &r->port, &port);
}

const char *narrow_unused(const struct policy *p, const struct seen_entry *e, struct arena *a)
{
	static const char *const kind[] = {"tcp", "udp", "icmp", "ip"};
	const char *text = "";
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	(void)p;
	if (!f)
		return text;
	if (e->rule)
		rest_rule(f, e);
	else if (!e->service->any && e->service->kind != SERVICE_ICMP)
		put_rest(f, kind[e->service->kind], &e->service->set, &e->port);
	if (fclose(f) == 0 && buf)
		text = arena_text(a, buf, len);
	free(buf);
	return text;
}
