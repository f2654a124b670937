/*
 * The compiled form of a baseline: the same fields in the same order, without words.
 *
 *   field   tag (16 bits of a hash of its key), value as in memory
 *   map     tag, fields, 0
 *   list    tag, 1, fields, 0, 1, fields, 0, ... 0xffff
 *
 * Fields that are none are left out as in the text; a reader that asks for one sees that another
 * tag comes. It is made and read on one machine by one version of the program (text.c sees to it).
 */
#include "base/hash.h"
#include "baseline/archive_impl.h"

#include <stdlib.h>

#define END  0u
#define MORE 1u
#define DONE 0xffffu

static uint16_t tag_of(const char *key)
{
	uint16_t t = (uint16_t)hash_bytes(key, strlen(key), 0);

	return t <= MORE || t == DONE ? 2 : t;
}

/* --- out --- */

static void put_bytes(struct archive *a, const void *p, size_t n)
{
	size_t cap = a->cap ? a->cap : 64 * 1024;
	uint8_t *more;

	while (a->len + n > cap)
		cap *= 2;
	if (cap != a->cap) {
		more = realloc(a->bytes, cap);
		if (!more) {
			a->bad = true;
			return;
		}
		a->bytes = more;
		a->cap = cap;
	}
	memcpy(a->bytes + a->len, p, n);
	a->len += n;
}

static void put_u16(struct archive *a, uint16_t v)
{
	put_bytes(a, &v, sizeof(v));
}

static void put_u32(struct archive *a, uint32_t v)
{
	put_bytes(a, &v, sizeof(v));
}

static void put(struct archive *a, const char *key, const struct archive_kind *k, const void *v)
{
	put_u16(a, tag_of(key));
	put_bytes(a, v, k->size);
}

static void put_list(struct archive *a, const char *key, const struct archive_kind *k,
		     const void *v, uint32_t n)
{
	put_u16(a, tag_of(key));
	put_u32(a, n);
	put_bytes(a, v, n * k->size);
}

static void put_text(struct archive *a, const char *key, const char *text)
{
	size_t len = strlen(text);

	put_u16(a, tag_of(key));
	put_u32(a, (uint32_t)len);
	put_bytes(a, text, len);
}

static bool open_out(struct archive *a, struct archive_frame *f)
{
	f->begin = a->len;
	put_u16(a, tag_of(f->key));
	f->body = a->len;
	return true;
}

static bool next_out(struct archive *a, struct archive_frame *f, bool more)
{
	if (f->element)
		put_u16(a, END);
	f->element = more;
	if (more)
		put_u16(a, MORE);
	return more;
}

/* What holds nothing is left out, as in the text. */
static void close_out(struct archive *a, struct archive_frame *f)
{
	if (f->list)
		next_out(a, f, false);
	if (a->len == f->body)
		a->len = f->begin;
	else
		put_u16(a, f->list ? DONE : END);
}

static void wrong(struct archive *a, const char *sentence)
{
	(void)sentence;
	a->bad = true;
}

static const struct archive_ops bytes_out = {.put = put,
					     .put_list = put_list,
					     .put_text = put_text,
					     .open = open_out,
					     .next = next_out,
					     .close = close_out,
					     .wrong = wrong};

void archive_bytes_write(struct archive *a)
{
	*a = (struct archive){.ops = &bytes_out};
}

/* --- in --- */

static uint32_t get_u32(struct archive *a)
{
	const uint8_t *p = rd_take(&a->rd, sizeof(uint32_t));
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

/* The tag that comes; it stays. */
static uint16_t peek(const struct archive *a)
{
	struct reader rd = a->rd;
	const uint8_t *p = rd_take(&rd, sizeof(uint16_t));
	uint16_t t = DONE;

	if (p)
		memcpy(&t, p, sizeof(t));
	return t;
}

static bool tag_is(struct archive *a, const char *key)
{
	if (peek(a) != tag_of(key))
		return false;
	rd_skip(&a->rd, sizeof(uint16_t));
	return true;
}

static bool values(struct archive *a, const struct archive_kind *k, void *v, uint32_t n)
{
	const uint8_t *p =
		n <= rd_left(&a->rd) / k->size ? rd_take(&a->rd, (uint32_t)(n * k->size)) : NULL;
	uint32_t i;

	for (i = 0; p && k->good && i < n; i++)
		if (!k->good(k, p + i * k->size))
			p = NULL;
	if (!p) {
		a->bad = true;
		return false;
	}
	memcpy(v, p, n * k->size);
	return true;
}

static bool get(struct archive *a, const char *key, const struct archive_kind *k, void *v)
{
	return tag_is(a, key) && values(a, k, v, 1);
}

static uint32_t get_list(struct archive *a, const char *key, const struct archive_kind *k, void *v,
			 uint32_t max)
{
	uint32_t n;

	if (!tag_is(a, key))
		return 0;
	n = get_u32(a);
	if (n > max)
		a->bad = true;
	return n <= max && values(a, k, v, n) ? n : 0;
}

static const char *get_text(struct archive *a, const char *key)
{
	struct slice s;

	if (!tag_is(a, key))
		return NULL;
	s = rd_slice(&a->rd, get_u32(a));
	if (!s.len || memchr(s.p, 0, s.len)) {
		a->bad = true;
		return NULL;
	}
	return arena_text(a->arena, (const char *)s.p, s.len);
}

static bool open_in(struct archive *a, struct archive_frame *f)
{
	return tag_is(a, f->key);
}

/* Behind the last field; anything else is a field nobody asked for. */
static void expect(struct archive *a, uint16_t tag)
{
	if (peek(a) == tag && rd_ok(&a->rd) && rd_left(&a->rd) >= sizeof(tag)) {
		rd_skip(&a->rd, sizeof(tag));
		return;
	}
	a->bad = true;
	rd_skip(&a->rd, rd_left(&a->rd)); /* every list ends now */
}

static bool next_in(struct archive *a, struct archive_frame *f, bool more)
{
	(void)more;
	if (f->element)
		expect(a, END);
	f->element = !a->bad && peek(a) == MORE;
	if (f->element)
		rd_skip(&a->rd, sizeof(uint16_t));
	return f->element;
}

static void close_in(struct archive *a, struct archive_frame *f)
{
	expect(a, f->list ? DONE : END);
}

static const struct archive_ops bytes_in = {.get = get,
					    .get_list = get_list,
					    .get_text = get_text,
					    .open = open_in,
					    .next = next_in,
					    .close = close_in,
					    .wrong = wrong};

void archive_bytes_read(struct archive *a, const uint8_t *p, uint32_t len, struct arena *arena)
{
	*a = (struct archive){
		.ops = &bytes_in, .reads = true, .arena = arena, .rd = rd_init(p, len)};
}

bool archive_bytes_done(struct archive *a)
{
	return !a->bad && (!a->reads || (rd_ok(&a->rd) && !rd_left(&a->rd)));
}
