#include "policy/lint.h"

#include "policy/lint_impl.h"

#include <stdarg.h>
#include <stdlib.h>

static struct lint_place place_of(const struct policy *p, struct lint_place at, const char **file)
{
	const struct policy_zone *z;
	const struct policy_asset *a;
	const struct policy_conduit *c;
	const struct policy_watch *w;
	struct lint_place own = at;

	*file = p->file;
	switch (at.subject) {
	case LINT_OF_ZONE:
		z = &p->zone[at.index];
		own = (struct lint_place){at.subject, at.index, z->line, z->col};
		*file = z->file;
		break;
	case LINT_OF_ASSET:
		a = &p->asset[at.index];
		own = (struct lint_place){at.subject, at.index, a->line, a->col};
		*file = a->file;
		break;
	case LINT_OF_CONDUIT:
		c = &p->conduit[at.index].pub;
		own = (struct lint_place){at.subject, at.index, c->line, c->col};
		*file = c->file;
		break;
	case LINT_OF_WATCH:
		w = &p->watch[at.index].pub;
		own = (struct lint_place){at.subject, at.index, w->line, w->col};
		*file = w->file;
		break;
	default:
		break;
	}
	return at.line ? at : own;
}

struct lint_warning *lint_add(struct lint *l, enum lint_id id, struct lint_place at,
			      const char *fmt, ...)
{
	struct lint_report *r = l->report;
	struct lint_warning *w = arena_alloc(l->a, sizeof(*w));
	va_list ap;
	char *text;

	at = place_of(l->p, at, &w->file);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	w->text = text ? arena_text(l->a, text, strlen(text)) : "out of memory";
	free(text);
	w->id = (uint8_t)id;
	w->subject = (uint8_t)at.subject;
	w->index = at.index;
	w->line = at.line;
	w->col = at.col;
	r->warning = arena_grow(l->a, r->warning, r->count, &r->cap, sizeof(*r->warning));
	r->warning[r->count++] = w;
	return w;
}

/* What each acceptance is about becomes accepted; one that is about nothing is a warning. */
static void accept_all(struct lint *l)
{
	struct lint_report *r = l->report;
	uint32_t i, k, n = r->count;

	for (i = 0; i < l->p->accepts; i++) {
		const struct accept *a = &l->p->accept[i];
		bool used = false;

		for (k = 0; k < n; k++) {
			struct lint_warning *w = r->warning[k];

			if (w->id != a->lint || w->subject != a->subject || w->index != a->index)
				continue;
			w->accepted = a->reason;
			used = true;
		}
		if (!used)
			lint_add(l, LINT_ACCEPT_UNUSED,
				 (struct lint_place){(enum lint_subject)a->subject, a->index,
						     a->line, a->col},
				 "lint.%s is accepted here, but there is no such warning",
				 lint_about((enum lint_id)a->lint)->name)
				->file = a->file;
	}
}

static int by_place(const void *x, const void *y)
{
	const struct lint_warning *a = *(struct lint_warning *const *)x;
	const struct lint_warning *b = *(struct lint_warning *const *)y;
	int d = strcmp(a->file, b->file);

	if (d)
		return d;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->col != b->col)
		return a->col < b->col ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static void count(struct lint_report *r)
{
	uint32_t i;

	for (i = 0; i < r->count; i++) {
		if (r->warning[i]->accepted)
			r->accepted++;
		else if (lint_about((enum lint_id)r->warning[i]->id)->note)
			r->notes++;
		else
			r->warnings++;
	}
}

static void add_loaded(struct lint *l, const struct diag *d)
{
	unsigned i;

	for (i = 0; i < d->count; i++) {
		const struct diag_entry *e = &d->entry[i];
		struct lint_warning *w;

		if (e->level != DIAG_WARNING)
			continue;
		w = lint_add(l, LINT_LOAD, (struct lint_place){LINT_OF_POLICY, 0, e->line, e->col},
			     "%s", e->text ? e->text : "out of memory");
		if (e->file)
			w->file = arena_text(l->a, e->file, strlen(e->file));
	}
}

struct lint_report *lint_run(const struct policy *p, const struct lint_config *config)
{
	static void (*const topic[])(struct lint *) = {lint_never,  lint_when, lint_cover,
						       lint_watch,  lint_wide, lint_paths,
						       lint_tenant, lint_zones};
	static const struct lint_config nothing;
	struct lint_report *r = calloc(1, sizeof(*r));
	struct lint l = {.p = p, .report = r, .config = config ? config : &nothing};
	unsigned i;

	if (!r)
		return NULL;
	l.a = &r->arena;
	if (l.config->loaded)
		add_loaded(&l, l.config->loaded);
	for (i = 0; i < sizeof(topic) / sizeof(*topic); i++)
		topic[i](&l);
	accept_all(&l);
	if (r->count)
		qsort(r->warning, r->count, sizeof(*r->warning), by_place);
	count(r);
	return r;
}

void lint_free(struct lint_report *r)
{
	if (r)
		arena_free(&r->arena);
	free(r);
}
