/* What was learned of values, written as text and read back. */
#include "baseline/archive.h"
#include "baseline/value_inside.h"

#include <stdlib.h>

static int order_name(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

/* By what it is. */
static int object_order(const struct value_object *a, const struct value_object *b)
{
	int c = memcmp(a->server.b, b->server.b, sizeof(a->server.b));
	unsigned i;

	c = c ? c : strcmp(a->proto, b->proto);
	c = c ? c : ORDER(a->unit, b->unit);
	c = c ? c : ORDER(a->space, b->space);
	c = c ? c : ORDER(a->npath, b->npath);
	for (i = 0; i < 3; i++)
		c = c ? c : ORDER(a->path[i], b->path[i]);
	c = c ? c : order_name(a->name, b->name);
	c = c ? c : ORDER(a->at, b->at);
	return c ? c : ORDER(a->written, b->written);
}

static int by_object(const void *x, const void *y)
{
	return object_order(*(struct value_object *const *)x, *(struct value_object *const *)y);
}

static int by_pair(const void *x, const void *y)
{
	const struct value_pair *a = *(struct value_pair *const *)x;
	const struct value_pair *b = *(struct value_pair *const *)y;
	int c = object_order(a->a, b->a);

	return c ? c : object_order(a->b, b->b);
}

static void place_fields(struct archive *a, struct value_object *o)
{
	uint64_t path[3] = {o->path[0], o->path[1], o->path[2]};
	uint32_t npath = o->npath;
	int64_t unit = o->unit;
	unsigned i;

	archive_addr(a, "server", &o->server);
	archive_proto(a, "protocol", &o->proto);
	archive_int(a, "unit", &unit);
	archive_space(a, "space", &o->space);
	archive_counts(a, "path", path, &npath, 3);
	archive_text(a, "name", &o->name);
	archive_count(a, "at", &o->at);
	archive_flag(a, "written", &o->written);
	o->unit = (int32_t)unit;
	o->npath = (uint8_t)npath;
	for (i = 0; i < 3; i++)
		o->path[i] = i < npath ? (uint32_t)path[i] : 0;
}

static void step_fields(struct archive *a, struct value_model *m)
{
	double step[VALUE_SPANS];
	uint64_t steps[VALUE_SPANS];
	uint32_t i, n = VALUE_SPANS, k = VALUE_SPANS;

	for (i = 0; i < VALUE_SPANS; i++) {
		step[i] = (double)m->step[i];
		steps[i] = m->steps[i];
	}
	while (n && !step[n - 1])
		n--;
	while (k && !steps[k - 1])
		k--;
	archive_numbers(a, "steps", step, &n, VALUE_SPANS);
	archive_counts(a, "steps-seen", steps, &k, VALUE_SPANS);
	for (i = 0; i < VALUE_SPANS; i++) {
		m->step[i] = i < n ? (float)step[i] : 0;
		m->steps[i] = i < k ? (uint32_t)steps[i] : 0;
	}
}

static void set_fields(struct archive *a, struct norm *n, struct value_model *m)
{
	double set[VALUE_SET];
	uint64_t visits[VALUE_SET];
	uint32_t i, count = m->set_n, other = m->set_n;

	for (i = 0; i < count; i++) {
		set[i] = m->set[i];
		visits[i] = value_visits(m)[i];
	}
	archive_numbers(a, "set", set, &count, VALUE_SET);
	archive_counts(a, "visits", visits, &other, VALUE_SET);
	if (!archive_reads(a))
		return;
	if (count != other)
		archive_wrong(a, "there must be as many visits as values in the set");
	for (i = 0; i < count && i < other; i++)
		value_set_add(m, set[i], (uint32_t)visits[i], &n->value, archive_arena(a));
}

static void model_fields(struct archive *a, struct norm *n, struct value_model *m)
{
	bool has = m->seen.count, slow = m->slows;
	double turns = (double)m->turns;

	archive_word(a, "as", value_type_words, &m->type);
	archive_tally(a, "seen", &m->seen);
	archive_interval(a, "range", &has, &m->lo, &m->hi);
	archive_flag(a, "fractions", &m->broken);
	archive_flag(a, "many", &m->many);
	set_fields(a, n, m);
	archive_count32(a, "changes", &m->changes);
	archive_count32(a, "ups", &m->ups);
	archive_count32(a, "wraps", &m->wraps);
	archive_count32(a, "resets", &m->resets);
	archive_number(a, "moved", &m->moved);
	archive_number(a, "turns", &turns);
	step_fields(a, m);
	archive_span(a, "still", &m->still);
	archive_count32(a, "means", &m->slows);
	archive_interval(a, "mean", &slow, &m->slow_lo, &m->slow_hi);
	m->turns = (float)turns;
}

/* The object to read the rest into: of the norm, or `what` when something is wrong with it. */
static struct value_object *read_object(struct archive *a, struct norm *n,
					struct value_object *what)
{
	uint32_t before = n->value.objects;
	struct value_object *o = what->proto ? value_object_get(n, what) : NULL;

	if (!what->proto)
		archive_wrong(a, "a value has a \"server\" and a \"protocol\"");
	else if (!o)
		archive_wrong(a, "too many values");
	else if (n->value.objects == before)
		archive_wrong(a, "this value is there twice");
	return o && n->value.objects != before ? o : what;
}

static void object_fields(struct archive *a, struct norm *n, struct value_object *o)
{
	struct value_object what = {.unit = -1};
	bool open;

	if (!archive_reads(a)) {
		what = *o;
		open = o->open || o->trial;
	}
	place_fields(a, &what);
	if (archive_reads(a)) {
		o = read_object(a, n, &what);
		open = false;
	}
	archive_flag(a, "undecided", &open);
	model_fields(a, n, &o->model);
	o->open = open && archive_reads(a) ? true : o->open;
}

static void pair_fields(struct archive *a, struct norm *n, struct value_pair *p)
{
	struct value_object first = {.unit = -1}, second = {.unit = -1};
	struct value_pair what = {0};

	if (!archive_reads(a)) {
		first = *p->a;
		second = *p->b;
		what = *p;
	}
	if (archive_map(a, "first", true)) {
		place_fields(a, &first);
		archive_end(a);
	}
	if (archive_map(a, "second", true)) {
		place_fields(a, &second);
		archive_end(a);
	}
	archive_number(a, "slope", &what.slope);
	archive_number(a, "offset", &what.offset);
	archive_number(a, "worst", &what.worst);
	archive_count(a, "seen", &what.n);
	archive_count(a, "fitted", &what.fitted);
	archive_number(a, "mean-first", &what.mean_a);
	archive_number(a, "mean-second", &what.mean_b);
	archive_number(a, "squares-first", &what.saa);
	archive_number(a, "squares-second", &what.sbb);
	archive_number(a, "products", &what.sab);
	if (archive_reads(a))
		value_pair_read(n, &first, &second, &what);
}

static void list_objects(struct archive *a, struct norm *n)
{
	struct value_object **list = NULL, *o;
	uint32_t i = 0, count = 0;

	if (!archive_reads(a) && n->value.objects) {
		list = malloc(n->value.objects * sizeof(struct value_object *));
		for (o = n->value.first; o && list; o = o->next)
			list[count++] = o;
		if (count)
			qsort(list, count, sizeof(list[0]), by_object);
	}
	if (archive_list(a, "values", true, count > 0)) {
		for (; archive_next(a, i < count); i++)
			object_fields(a, n, list ? list[i] : NULL);
		archive_end(a);
	}
	free(list);
}

static void list_pairs(struct archive *a, struct norm *n)
{
	struct value_pair **list = NULL, *p;
	uint32_t i = 0, count = 0;

	if (!archive_reads(a) && n->value.pair_count) {
		list = malloc(n->value.pair_count * sizeof(struct value_pair *));
		for (p = n->value.pairs; p && list; p = p->next)
			if (value_pair_strong(p))
				list[count++] = p;
		if (count)
			qsort(list, count, sizeof(list[0]), by_pair);
	}
	if (archive_list(a, "together", true, count > 0)) {
		for (; archive_next(a, i < count); i++)
			pair_fields(a, n, list ? list[i] : NULL);
		archive_end(a);
	}
	free(list);
}

void value_norm_fields(struct archive *a, struct norm *n)
{
	struct value_object *o;

	/* what can be decided is; the samples of the others are not kept */
	for (o = n->value.first; o && !archive_reads(a); o = o->next)
		if (o->trial && o->trial->n > 8)
			value_decide(n, o);
	list_objects(a, n);
	list_pairs(a, n);
	value_given_fields(a, n);
}
