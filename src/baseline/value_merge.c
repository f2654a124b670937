/* What another norm learned of values, added. */
#include "baseline/value_inside.h"

#include <stdlib.h>

/* The same in the other type, when that is only a matter of sign. False: it is not. */
static bool same_type(struct value_object *o, struct value_model *from)
{
	struct value_run none = {0};
	uint8_t type = from->type;

	if (o->model.type == type)
		return true;
	if (value_type_make_signed(from, &none) && from->type == o->model.type)
		return true;
	return from->type == type && value_type_make_signed(&o->model, &o->run) &&
	       o->model.type == type;
}

/* The first object is more than one word, or part of one, and the other is not known to be. */
static bool wider(const struct value_object *a, const struct value_object *b)
{
	return a->model.type >= VALUE_U32 && (b->trial || !b->model.seen.count);
}

static void learn_trial(struct norm *n, struct value_object *o, const struct value_trial *t)
{
	struct arena *arena = &n->baseline->arena;
	const struct value_trial_run *r;
	struct value_model m = {.type = o->model.type};
	struct value_run run = {0};
	unsigned k;
	double x;

	for (k = 0; k < t->n; k++) {
		r = &t->run[k];
		x = value_trial_at(t, k, m.type);
		value_type_sign(&m, &run, &x);
		value_model_see(&m, &run, x, r->first, o->written, &n->value, arena);
		value_run_on(&run, &m, x, r->first);
		m.seen.count += r->count - 1;
		m.seen.last = r->last > m.seen.last ? r->last : m.seen.last;
	}
	if (same_type(o, &m))
		value_model_merge(&o->model, &m, &n->value, arena);
	value_model_clear(&m, &n->value);
}

static void merge_object(struct norm *to, const struct value_object *from)
{
	struct arena *arena = &to->baseline->arena;
	struct value_object *o = value_object_get(to, from);
	struct value_model m = from->model;
	double set[VALUE_SET * 2];
	bool fresh;

	if (!o)
		return; /* counted as refused */
	fresh = !o->model.seen.count && !o->trial;
	if (wider(o, from)) {
		if (from->trial)
			learn_trial(to, o, from->trial);
		return;
	}
	if (wider(from, o)) {
		value_model_clear(&o->model, &to->value);
		o->model.type = m.type;
		if (o->trial)
			learn_trial(to, o, o->trial);
		free(o->trial);
		o->trial = NULL;
	}
	if (m.set) { /* a copy, as its sign may be changed */
		memcpy(set, m.set, m.set_cap * (sizeof(double) + sizeof(uint32_t)));
		m.set = set;
	}
	if (same_type(o, &m)) {
		value_model_merge(&o->model, &m, &to->value, arena);
	} else if (m.seen.count > o->model.seen.count) {
		value_model_clear(&o->model, &to->value);
		o->model.type = m.type;
		value_model_merge(&o->model, &m, &to->value, arena);
	}
	if (from->trial && (o->trial || fresh)) {
		value_trial_add(&o->trial, from->trial);
	} else {
		free(o->trial);
		o->trial = NULL;
	}
}

bool value_merge(struct norm *to, const struct norm *from)
{
	const struct value_object *f;
	struct value_object *o;

	for (f = from->value.first; f; f = f->next)
		merge_object(to, f);
	for (o = to->value.first; o; o = o->next)
		if (o->trial && o->trial->n >= VALUE_TRIED)
			value_decide(to, o);
	value_pairs_merge(to, from);
	value_given_merge(to, from);
	return true;
}
