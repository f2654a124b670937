#include "proto/pending.h"

struct pending_entry *pending_put(struct pending *p, const struct proto_ctx *c, uint64_t key,
				  const struct op *op, uint32_t tag)
{
	struct pending_entry *e = &p->entry[p->next];
	const struct op_object *o = &op->object;

	p->next = (uint8_t)((p->next + 1) % PENDING_MAX);
	if (p->span < PENDING_MAX)
		p->span++;
	e->key = key;
	e->frame = c->frame;
	e->time = c->time;
	e->first = o->first;
	memcpy(e->path, o->path, sizeof(e->path));
	e->count = o->count;
	e->code = op->code;
	e->unit = op->unit;
	e->tag = tag;
	e->space = o->space;
	e->npath = o->npath;
	e->cls = op->cls;
	e->sent_as = 0;
	e->restored = false;
	e->name_len = (uint8_t)(o->name.len < PENDING_NAME ? o->name.len : PENDING_NAME);
	if (e->name_len)
		memcpy(e->name, o->name.p, e->name_len);
	return e;
}

struct pending_entry *pending_find(struct pending *p, uint64_t key)
{
	struct pending_entry *e;
	unsigned i;

	for (i = p->span; i > 0; i--) {
		e = &p->entry[(p->next + PENDING_MAX - i) % PENDING_MAX];
		if (e->frame && e->key == key)
			return e;
		if (!e->frame && i == p->span)
			p->span--;
	}
	return NULL;
}

void pending_answer(const struct pending_entry *e, const struct proto_ctx *c, struct op *op)
{
	struct op_object *o = &op->object;

	op->request_frame = e->frame;
	op->rtt = c->time - e->time;
	if (o->space != OP_SPACE_NONE)
		return;
	o->space = e->space;
	o->npath = e->npath;
	memcpy(o->path, e->path, sizeof(o->path));
	o->first = e->first;
	o->count = e->count;
	o->name = slice_of(e->name, e->name_len);
}

void pending_clear(struct pending *p)
{
	p->span = 0;
}
