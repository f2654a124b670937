#include "base/utf8.h"
#include "baseline/archive_impl.h"
#include "baseline/baseline.h"
#include "op/vocab.h"

#include <float.h>
#include <stdarg.h>
#include <string.h>

bool archive_reads(const struct archive *a)
{
	return a->reads;
}

struct arena *archive_arena(const struct archive *a)
{
	return a->arena;
}

void archive_wrong(struct archive *a, const char *fmt, ...)
{
	char sentence[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	a->bad = true;
	a->ops->wrong(a, sentence);
}

void archive_pass(struct archive *a)
{
	a->frame[a->depth].taken = UINT64_MAX;
}

/* --- fields --- */

static bool none(const void *v, size_t size)
{
	const uint8_t *p = v;
	size_t i;

	for (i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void field(struct archive *a, const char *key, const struct archive_kind *k, void *v)
{
	if (a->reads) {
		memset(v, 0, k->size);
		if (!a->ops->get(a, key, k, v))
			memset(v, 0, k->size);
	} else if (!none(v, k->size)) {
		a->ops->put(a, key, k, v);
	}
}

void archive_count(struct archive *a, const char *key, uint64_t *v)
{
	field(a, key, &archive_kind_count, v);
}

void archive_count32(struct archive *a, const char *key, uint32_t *v)
{
	field(a, key, &archive_kind_count32, v);
}

void archive_int(struct archive *a, const char *key, int64_t *v)
{
	field(a, key, &archive_kind_int, v);
}

/* Neither -0 nor what is no number. */
static double clean(double v)
{
	if (v == 0 || v != v)
		return 0;
	return v > DBL_MAX ? DBL_MAX : v < -DBL_MAX ? -DBL_MAX : v;
}

static void number_field(struct archive *a, const char *key, const struct archive_kind *k,
			 double *v)
{
	double d = a->reads ? 0 : clean(*v);

	field(a, key, k, &d);
	if (a->reads)
		*v = d;
}

void archive_number(struct archive *a, const char *key, double *v)
{
	number_field(a, key, &archive_kind_number, v);
}

void archive_flag(struct archive *a, const char *key, bool *v)
{
	field(a, key, &archive_kind_flag, v);
}

void archive_time(struct archive *a, const char *key, int64_t *v)
{
	field(a, key, &archive_kind_time, v);
}

void archive_span(struct archive *a, const char *key, int64_t *v)
{
	field(a, key, &archive_kind_span, v);
}

void archive_seconds(struct archive *a, const char *key, double *v)
{
	number_field(a, key, &archive_kind_seconds, v);
}

void archive_word(struct archive *a, const char *key, const char *const *words, uint8_t *v)
{
	struct archive_kind k = archive_kind_word;

	k.words = words;
	field(a, key, &k, v);
}

void archive_text(struct archive *a, const char *key, const char **v)
{
	if (!a->reads) {
		if (*v && **v)
			a->ops->put_text(a, key, *v);
		return;
	}
	*v = a->ops->get_text(a, key);
	if (*v && !utf8_printable(*v)) /* it is shown to people */
		archive_wrong(a, "\"%s\" has control characters, or is no UTF-8", key);
}

void archive_addr(struct archive *a, const char *key, struct addr *v)
{
	field(a, key, &archive_kind_addr, v);
}

void archive_mac(struct archive *a, const char *key, struct mac *v)
{
	field(a, key, &archive_kind_mac, v);
}

void archive_tally(struct archive *a, const char *key, struct tally *v)
{
	if (a->reads || v->count)
		field(a, key, &archive_kind_tally, v);
}

/* --- words of ops --- */

void archive_class(struct archive *a, const char *key, uint8_t *v)
{
	const char *words[OP_CLASSES + 2] = {""}; /* "read" is written too */
	uint8_t n = (uint8_t)(*v + 1);
	int i;

	for (i = 0; i < OP_CLASSES; i++)
		words[i + 1] = op_class_name((enum op_class)i);
	archive_word(a, key, words, &n);
	if (a->reads && !n)
		archive_wrong(a, "\"%s\" is missing", key);
	*v = (uint8_t)(n ? n - 1 : 0);
}

void archive_role(struct archive *a, const char *key, uint8_t *v)
{
	const char *words[OP_ROLES + 1] = {NULL};
	int i;

	for (i = 0; i < OP_ROLES; i++)
		words[i] = op_role_name((enum op_role)i);
	archive_word(a, key, words, v);
}

void archive_space(struct archive *a, const char *key, uint8_t *v)
{
	const char *words[OP_SPACES + 1] = {NULL};
	int i;

	for (i = 0; i < OP_SPACES; i++)
		words[i] = op_space_name((enum op_space)i);
	archive_word(a, key, words, v);
}

void archive_proto(struct archive *a, const char *key, const char **v)
{
	const struct vocab *vocab;
	const char *word;

	archive_text(a, key, v);
	if (!a->reads || !*v)
		return;
	word = *v;
	vocab = vocab_find(word);
	*v = vocab ? vocab->proto : NULL;
	if (!vocab)
		archive_wrong(a, "there is no protocol \"%.40s\"", word);
}

/* --- several in one --- */

void archive_interval(struct archive *a, const char *key, bool *has, double *lo, double *hi)
{
	double d[2];

	if (a->reads) {
		*has = a->ops->get(a, key, &archive_kind_interval, d);
		*lo = *has ? d[0] : 0;
		*hi = *has ? d[1] : 0;
	} else if (*has) {
		d[0] = clean(*lo);
		d[1] = clean(*hi);
		a->ops->put(a, key, &archive_kind_interval, d);
	}
}

static void fields(struct archive *a, const char *key, const struct archive_kind *k, void *v,
		   uint32_t *n, uint32_t max)
{
	if (a->reads)
		*n = a->ops->get_list(a, key, k, v, max);
	else if (*n)
		a->ops->put_list(a, key, k, v, *n);
}

void archive_numbers(struct archive *a, const char *key, double *v, uint32_t *n, uint32_t max)
{
	uint32_t i;

	for (i = 0; !a->reads && i < *n; i++)
		v[i] = clean(v[i]);
	fields(a, key, &archive_kind_number, v, n, max);
}

void archive_counts(struct archive *a, const char *key, uint64_t *v, uint32_t *n, uint32_t max)
{
	fields(a, key, &archive_kind_count, v, n, max);
}

void archive_ranges(struct archive *a, const char *key, uint64_t *v, uint32_t *n, uint32_t max)
{
	fields(a, key, &archive_kind_range, v, n, max);
}

/* --- maps and lists --- */

static bool open_frame(struct archive *a, struct archive_frame f)
{
	if (a->depth + 1 >= ARCHIVE_DEPTH) {
		archive_wrong(a, "nested too deep");
		return false;
	}
	a->frame[++a->depth] = f;
	if (a->ops->open(a, &a->frame[a->depth]))
		return true;
	a->depth--;
	return false;
}

bool archive_map(struct archive *a, const char *key, bool has)
{
	return (a->reads || has) && open_frame(a, (struct archive_frame){.key = key});
}

bool archive_list(struct archive *a, const char *key, bool line, bool has)
{
	return (a->reads || has) &&
	       open_frame(a, (struct archive_frame){.key = key, .list = true, .line = line});
}

bool archive_next(struct archive *a, bool more)
{
	return a->ops->next(a, &a->frame[a->depth], more);
}

void archive_end(struct archive *a)
{
	a->ops->close(a, &a->frame[a->depth]);
	a->depth--;
}
