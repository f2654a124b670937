/*
 * EPATH, the way to an object (CIP volume 1, appendix C-1): a row of segments, each opened by a
 * byte whose upper three bits say its kind.
 *
 *   000 port       [type.ext.port] ([link size]) ([port:2]) link... (pad)
 *   001 logical    [type.logical.format] (pad) value:1/2/4       class, instance, member, ...
 *   010 network    [type.subtype] data:1, or words counted by the next byte
 *   011 symbolic   [type.size] characters                        up to 31
 *   100 data       0x80 [words] data    0x91 [size] characters (pad)   ANSI extended symbol
 *
 * The form is the padded one, which all of EtherNet/IP uses. A tag path is a row of symbols with
 * member segments as array indices (1756-PM020): Program:Main . Tag [3] . member. Where the tag
 * goes by its symbol instance, that is part of the name, 107/5.member: a member is not the tag.
 */
#include "proto/cip.h"

#include "base/decimal.h"

#define PORT_BACKPLANE 1

enum { LOGICAL_CLASS, LOGICAL_INSTANCE, LOGICAL_MEMBER, LOGICAL_POINT, LOGICAL_ATTRIBUTE };

/* State of the walk besides the result. */
struct walk {
	struct cip_path *p;
	uint32_t index[3]; /* indices behind the last symbol */
	uint8_t indices;
	bool inside;  /* the name already says which object it is inside of */
	bool seen[5]; /* logical types, first one counts */
};

static void name_add(struct cip_path *p, const void *s, uint32_t len)
{
	uint32_t room = CIP_NAME_MAX - p->name_len;

	if (len > room) {
		p->cut = true;
		len = room;
	}
	if (len)
		memcpy(p->name + p->name_len, s, len);
	p->name_len += len;
}

/* Writes pending indices into the name: "[1,2]". */
static void indices_flush(struct walk *w)
{
	char buf[3 * (DECIMAL_MAX + 1) + 1], *p = buf;
	unsigned i;

	for (i = 0; i < w->indices; i++) {
		*p++ = i ? ',' : '[';
		p = decimal_put(p, w->index[i]);
	}
	if (w->indices) {
		*p++ = ']';
		name_add(w->p, buf, (uint32_t)(p - buf));
	}
	w->indices = 0;
}

/* A tag by its symbol instance, a program's too: ".107/5" before the member or behind the program.
 */
static void object_add(struct walk *w)
{
	const struct op_object *o = &w->p->object;
	char buf[2 * (DECIMAL_MAX + 1)], *p = buf;

	if (w->p->name_len)
		*p++ = '.';
	p = decimal_put(p, o->path[0]);
	*p++ = '/';
	p = decimal_put(p, o->path[1]);
	name_add(w->p, buf, (uint32_t)(p - buf));
	w->inside = true;
}

static void symbol(struct walk *w, struct slice s)
{
	if (w->seen[LOGICAL_CLASS] && !w->inside)
		object_add(w);
	indices_flush(w);
	if (w->p->name_len)
		name_add(w->p, ".", 1);
	name_add(w->p, s.p, s.len);
}

static void logical(struct walk *w, unsigned type, uint32_t value)
{
	struct cip_path *p = w->p;

	switch (type) {
	case LOGICAL_MEMBER:
		if (w->indices < 3)
			w->index[w->indices++] = value;
		else
			p->error = "more than three array indices";
		return;
	case LOGICAL_POINT:
		if (p->npoints < 3)
			p->points[p->npoints++] = value;
		break;
	case LOGICAL_CLASS:
		if (!w->seen[LOGICAL_CLASS])
			p->cls = value;
		break;
	}
	if (type == LOGICAL_POINT && !w->seen[LOGICAL_INSTANCE])
		type = LOGICAL_INSTANCE; /* a connection point stands for the instance */
	/* an instance and a connection point are two instances */
	p->again = p->again || w->seen[type == LOGICAL_POINT ? LOGICAL_INSTANCE : type];
	if (w->seen[type])
		return;
	w->seen[type] = true;
	if (type == LOGICAL_CLASS)
		p->object.path[0] = value;
	else if (type == LOGICAL_INSTANCE)
		p->object.path[1] = value;
	else if (type == LOGICAL_ATTRIBUTE)
		p->object.path[2] = value;
}

static void logical_segment(struct walk *w, struct reader *r, uint8_t head)
{
	static const uint8_t key_len[] = {[4] = 8}; /* key format 4: vendor to minor revision */
	unsigned type = head >> 2 & 7, format = head & 3;
	uint8_t extended;
	uint32_t value = 0;

	if (type == 5) { /* special: electronic key */
		uint8_t key = rd_u8(r);

		rd_skip(r, key < sizeof(key_len) && key_len[key] ? key_len[key] : rd_u8(r));
		return;
	}
	extended = type == 7 ? rd_u8(r) : 0;
	if (format == 0)
		value = rd_u8(r);
	else if (type != 7)
		rd_skip(r, 1);
	if (format == 1)
		value = rd_le16(r);
	else if (format == 2)
		value = rd_le32(r);
	else if (format == 3) {
		w->p->error = "reserved logical segment format";
		return;
	}
	if (type == 7) /* array index (1), and others that name no object */
		type = extended == 1 ? LOGICAL_MEMBER : 8;
	if (type <= LOGICAL_ATTRIBUTE && rd_ok(r))
		logical(w, type, value);
}

static void port_segment(struct walk *w, struct reader *r, uint8_t head)
{
	uint32_t port = head & 0x0f, size = head & 0x10 ? rd_u8(r) : 1;
	struct slice link;

	if (port == 0x0f)
		port = rd_le16(r);
	link = rd_slice(r, size);
	if (head & 0x10 && size & 1)
		rd_skip(r, 1);
	if (port == PORT_BACKPLANE && link.len == 1)
		w->p->slot = link.p[0];
}

/* Extended strings: double and triple byte characters, numbers (C-1.4.4). */
static void extended_symbol(struct walk *w, struct reader *r)
{
	uint8_t format = rd_u8(r), n = format & 0x1f;
	char buf[DECIMAL_MAX];

	switch (format >> 5) {
	case 1:
		rd_skip(r, n * 2u);
		break;
	case 2:
		rd_skip(r, n * 3u);
		break;
	case 6: {
		uint32_t v = n == 6 ? rd_u8(r) : n == 7 ? rd_le16(r) : rd_le32(r);

		symbol(w, slice_of(buf, (uint32_t)(decimal_put(buf, v) - buf)));
		return;
	}
	default:
		w->p->error = "reserved symbol format";
		return;
	}
	symbol(w, slice_str("?"));
}

static void segment(struct walk *w, struct reader *r)
{
	uint8_t head = rd_u8(r), len;

	switch (head >> 5) {
	case 0:
		port_segment(w, r, head);
		break;
	case 1:
		logical_segment(w, r, head);
		break;
	case 2: /* schedule, fixed tag, inhibit time: one byte; safety and others: words */
		len = rd_u8(r);
		if (head & 0x10)
			rd_skip(r, len * 2u);
		break;
	case 3:
		if (head & 0x1f)
			symbol(w, rd_slice(r, head & 0x1f));
		else
			extended_symbol(w, r);
		if (r->off & 1)
			rd_skip(r, 1);
		break;
	case 4:
		len = rd_u8(r);
		if (head == 0x91) {
			symbol(w, rd_slice(r, len));
			if (len & 1)
				rd_skip(r, 1);
		} else if (head == 0x80) {
			rd_skip(r, len * 2u);
		} else {
			w->p->error = "reserved data segment";
		}
		break;
	default:
		w->p->error = "segment of a kind that paths do not have";
		break;
	}
}

void cip_path_parse(struct slice bytes, struct cip_path *out)
{
	struct reader r = rd_of(bytes);
	struct walk w = {.p = out};
	struct op_object *o = &out->object;

	*o = (struct op_object){0};
	out->slot = -1;
	out->cls = CIP_CLASS_ANY;
	out->npoints = 0;
	out->cut = false;
	out->again = false;
	out->error = NULL;
	out->name_len = 0;
	while (rd_left(&r) && rd_ok(&r) && !out->error)
		segment(&w, &r);
	if (!rd_ok(&r) && !out->error)
		out->error = "path ends inside a segment";

	if (out->name_len) {
		out->cls = CIP_CLASS_SYMBOL;
		o->space = OP_SPACE_TAG;
		if (w.seen[LOGICAL_CLASS] && !w.inside)
			object_add(&w);
		if (w.indices == 1)
			o->first = w.index[0];
		else
			indices_flush(&w);
		o->name = slice_of(out->name, out->name_len);
	} else if (w.seen[LOGICAL_CLASS]) {
		o->space = OP_SPACE_OBJECT;
		o->npath = w.seen[LOGICAL_ATTRIBUTE] ? 3 : w.seen[LOGICAL_INSTANCE] ? 2 : 1;
		o->first = w.indices ? w.index[0] : 0;
	}
}
