/* The text of a baseline: YAML, out and in. */
#include "baseline/archive_impl.h"

#include <stdarg.h>
#include <string.h>

/* --- out --- */

static bool plain_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_./+-:() =<>@*$", c));
}

/* What YAML reads as just these characters, in a line of its own and between braces. */
static bool plain(const char *s)
{
	size_t n = strlen(s), i;

	if (!n || !(plain_char(*s) && !strchr(" -:=<>@*()", *s)))
		if (!(n > 1 && *s == '-' && s[1] >= '0' && s[1] <= '9'))
			return false;
	for (i = 0; i < n; i++)
		if (!plain_char(s[i]) || (s[i] == ':' && (s[i + 1] == ' ' || !s[i + 1])))
			return false;
	return s[n - 1] != ' ';
}

/* The next character (RFC 3629) of s in *c; 0 when it is none. */
static unsigned utf8_at(const uint8_t *s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	unsigned more = *s < 0x80 ? 0 : *s < 0xc2 ? 4 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3, i;

	if (more == 4 || *s > 0xf4)
		return 0;
	*c = more ? *s & (0x3fu >> more) : *s;
	for (i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	return *c < least[more] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : more + 1;
}

/* Not seen, or seen as something else, by whoever reads the file. */
static bool hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202f) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xffff) || (c >= 0xe000 && c < 0xf900) || c >= 0xe0000;
}

void archive_quote(FILE *out, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	unsigned n;
	uint32_t c;

	putc('"', out);
	for (; *p; p += n) {
		n = utf8_at(p, &c);
		if (!n) {
			fprintf(out, "\\\\x%02x", *p); /* a byte YAML has no way to say */
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", (char)c);
		} else if (hidden(c)) {
			fprintf(out, c > 0xffff ? "\\U%08X" : "\\u%04X", c);
		} else {
			fwrite(p, 1, n, out);
		}
	}
	putc('"', out);
}

static void put_word(FILE *out, const char *s)
{
	if (plain(s))
		fputs(s, out);
	else
		archive_quote(out, s);
}

static void indent(FILE *out, unsigned n)
{
	fprintf(out, "%*s", (int)n, "");
}

static void make_open(struct archive *a, struct archive_frame *f);

/* Up to and with "key:" of a field of the frame. */
static void begin_key(struct archive *a, struct archive_frame *f, const char *key)
{
	make_open(a, f);
	if (f->flow && f->fields) {
		fputs(", ", a->out);
	} else if (f->flow) {
		if (f->list) {
			if (a->frame[f - a->frame - 1].flow)
				fputs(f->count ? ", {" : "{", a->out);
			else
				fprintf(a->out, "%*s- {", (int)f->indent, "");
		}
	} else {
		indent(a->out, f->indent);
		if (f->list)
			fputs(f->fields ? "  " : "- ", a->out);
	}
	f->fields++;
	fprintf(a->out, "%s:", key);
}

static void end_value(struct archive *a, const struct archive_frame *f)
{
	if (!f->flow)
		putc('\n', a->out);
}

/* Writes its key now that there is something in it. */
static void make_open(struct archive *a, struct archive_frame *f)
{
	struct archive_frame *in = f - 1;

	if (f->opened)
		return;
	begin_key(a, in, f->key);
	f->opened = true;
	f->flow = in->flow || f->line;
	f->indent = in->indent + (in->list ? 4 : 2);
	if (!in->flow)
		putc('\n', a->out);
	else
		fputs(f->list ? " [" : " {", a->out);
}

static void put(struct archive *a, const char *key, const struct archive_kind *k, const void *v)
{
	struct archive_frame *f = &a->frame[a->depth];
	char word[ARCHIVE_WORD];

	begin_key(a, f, key);
	k->write(k, v, word);
	putc(' ', a->out);
	put_word(a->out, word);
	end_value(a, f);
}

static void put_list(struct archive *a, const char *key, const struct archive_kind *k,
		     const void *v, uint32_t n)
{
	struct archive_frame *f = &a->frame[a->depth];
	bool bare = k->bare && n == 1;
	char word[ARCHIVE_WORD];
	uint32_t i;

	begin_key(a, f, key);
	fputs(bare ? " " : " [", a->out);
	for (i = 0; i < n; i++) {
		k->write(k, (const uint8_t *)v + i * k->size, word);
		fputs(i ? ", " : "", a->out);
		put_word(a->out, word);
	}
	fputs(bare ? "" : "]", a->out);
	end_value(a, f);
}

static void put_text(struct archive *a, const char *key, const char *text)
{
	struct archive_frame *f = &a->frame[a->depth];

	begin_key(a, f, key);
	putc(' ', a->out);
	put_word(a->out, text);
	end_value(a, f);
}

static bool open_out(struct archive *a, struct archive_frame *f)
{
	(void)a;
	(void)f;
	return true;
}

static bool next_out(struct archive *a, struct archive_frame *f, bool more)
{
	bool inside;

	if (f->element) {
		if (!f->fields)
			make_open(a, f);
		inside = a->frame[a->depth - 1].flow;
		if (!f->fields) {
			if (inside)
				fputs(f->count ? ", {}" : "{}", a->out);
			else
				fprintf(a->out, "%*s- {}\n", (int)f->indent, "");
		} else if (f->flow) {
			fputs(inside ? "}" : "}\n", a->out);
		}
		f->count++;
	}
	f->element = more;
	f->fields = 0;
	return more;
}

static void close_out(struct archive *a, struct archive_frame *f)
{
	if (f->list)
		next_out(a, f, false);
	if (f->opened && a->frame[a->depth - 1].flow)
		putc(f->list ? ']' : '}', a->out);
}

static void wrong_out(struct archive *a, const char *sentence)
{
	(void)a;
	(void)sentence;
}

static const struct archive_ops yaml_out = {.put = put,
					    .put_list = put_list,
					    .put_text = put_text,
					    .open = open_out,
					    .next = next_out,
					    .close = close_out,
					    .wrong = wrong_out};

void archive_yaml_write(struct archive *a, FILE *out)
{
	*a = (struct archive){.ops = &yaml_out, .out = out};
	a->frame[0].opened = true;
}

/* --- in --- */

static void wrong_in(struct archive *a, const char *sentence)
{
	const struct yaml_node *at = a->place;

	a->bad = true;
	diag_add(a->diag, DIAG_ERROR, at->file, at->line, at->col, "%s", sentence);
}

__attribute__((format(printf, 3, 4))) static void
wrong_at(struct archive *a, const struct yaml_node *at, const char *fmt, ...)
{
	char sentence[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	a->place = at;
	wrong_in(a, sentence);
}

/* The map whose keys are asked for. */
static const struct yaml_node *map_of(const struct archive_frame *f)
{
	return f->list ? f->current : f->node;
}

/* Keys come in the order they are asked for, mostly: the search begins behind the last one. */
static const struct yaml_node *take(struct archive *a, const char *key)
{
	struct archive_frame *f = &a->frame[a->depth];
	const struct yaml_node *map = map_of(f), *n = f->hint;
	unsigned i = f->hint_at, tried;

	a->place = map;
	for (tried = 0; tried < map->count; tried++, n = n->next, i++) {
		if (!n) {
			n = map->first;
			i = 0;
		}
		if (strcmp(n->key->text, key) != 0)
			continue;
		if (i < 64)
			f->taken |= UINT64_C(1) << i;
		f->hint = n->next;
		f->hint_at = i + 1;
		a->place = n;
		return n;
	}
	return NULL;
}

static void begin_map(struct archive_frame *f)
{
	f->hint = map_of(f)->first;
	f->hint_at = 0;
	f->taken = 0;
}

static void end_map(struct archive *a, const struct archive_frame *f)
{
	const struct yaml_node *n;
	unsigned i = 0;

	yaml_each (n, map_of(f)) {
		if (i >= 64 || !(f->taken >> i & 1))
			wrong_at(a, n->key, "unknown key \"%.80s\"", n->key->text);
		i++;
	}
}

/* A scalar into a value. */
static bool value(struct archive *a, const struct yaml_node *n, const char *key,
		  const struct archive_kind *k, void *v)
{
	char list[200];
	size_t used = 0;
	unsigned i;

	if (n->kind != YAML_SCALAR) {
		wrong_at(a, n, "\"%s\" is %s, not %s", key, k->what, yaml_kind_name(n->kind));
		return false;
	}
	if (k->read(k, n->text, v))
		return true;
	if (!k->words) {
		wrong_at(a, n, "\"%s\" is %s, not \"%.60s\"", key, k->what, n->text);
		return false;
	}
	for (i = 0, *list = '\0'; k->words[i] && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 k->words[i]);
	wrong_at(a, n, "\"%s\" is one of %s, not \"%.60s\"", key, list, n->text);
	return false;
}

static bool get(struct archive *a, const char *key, const struct archive_kind *k, void *v)
{
	const struct yaml_node *n = take(a, key);

	return n && value(a, n, key, k, v);
}

static uint32_t get_list(struct archive *a, const char *key, const struct archive_kind *k, void *v,
			 uint32_t max)
{
	const struct yaml_node *n = take(a, key), *e;
	uint32_t i = 0;

	if (!n)
		return 0;
	if (n->kind == YAML_SCALAR)
		return max && value(a, n, key, k, v);
	if (n->kind != YAML_LIST || n->count > max) {
		wrong_at(a, n, "\"%s\" is a list of at most %u", key, (unsigned)max);
		return 0;
	}
	yaml_each (e, n) {
		if (!value(a, e, key, k, (uint8_t *)v + i * k->size))
			return 0;
		i++;
	}
	return i;
}

static const char *get_text(struct archive *a, const char *key)
{
	const struct yaml_node *n = take(a, key);

	if (!n)
		return NULL;
	if (n->kind != YAML_SCALAR) {
		wrong_at(a, n, "\"%s\" is a text, not %s", key, yaml_kind_name(n->kind));
		return NULL;
	}
	return n->len ? arena_text(a->arena, n->text, n->len) : NULL;
}

static bool open_in(struct archive *a, struct archive_frame *f)
{
	const struct yaml_node *n;

	a->depth--;
	n = take(a, f->key);
	a->depth++;
	if (!n)
		return false;
	if (n->kind != (f->list ? YAML_LIST : YAML_MAP)) {
		wrong_at(a, n, "\"%s\" is %s, not %s", f->key,
			 yaml_kind_name(f->list ? YAML_LIST : YAML_MAP), yaml_kind_name(n->kind));
		return false;
	}
	f->node = n;
	if (!f->list)
		begin_map(f);
	return true;
}

static bool next_in(struct archive *a, struct archive_frame *f, bool more)
{
	(void)more;
	if (f->current)
		end_map(a, f);
	f->current = f->current ? f->current->next : f->node->first;
	while (f->current && f->current->kind != YAML_MAP) {
		wrong_at(a, f->current, "\"%s\" is a list of maps; this is %s", f->key,
			 yaml_kind_name(f->current->kind));
		f->current = f->current->next;
	}
	if (!f->current)
		return false;
	begin_map(f);
	a->place = f->current;
	return true;
}

static void close_in(struct archive *a, struct archive_frame *f)
{
	if (!f->list)
		end_map(a, f);
	else if (f->current)
		next_in(a, f, false);
}

static const struct archive_ops yaml_in = {.get = get,
					   .get_list = get_list,
					   .get_text = get_text,
					   .open = open_in,
					   .next = next_in,
					   .close = close_in,
					   .wrong = wrong_in};

bool archive_yaml_read(struct archive *a, const struct yaml_doc *doc, struct arena *arena,
		       struct diag *diag)
{
	*a = (struct archive){
		.ops = &yaml_in, .reads = true, .arena = arena, .diag = diag, .place = doc->root};
	a->frame[0].node = doc->root;
	if (doc->root->kind != YAML_MAP) {
		wrong_at(a, doc->root, "a baseline is a map, not %s",
			 yaml_kind_name(doc->root->kind));
		return false;
	}
	begin_map(&a->frame[0]);
	return true;
}

bool archive_yaml_done(struct archive *a)
{
	if (a->reads)
		end_map(a, &a->frame[0]);
	return !a->bad;
}
