/*
 * The data of services that carry process values: Logix data access (Rockwell 1756-PM020,
 * "Logix Data Access") and the Identity object (CIP volume 1, 5-2).
 *
 *   Read Tag              [count:2]                          reply [type:2] ([handle:2]) data
 *   Read Tag Fragmented   [count:2] [offset:4]               reply the same
 *   Write Tag             [type:2] ([handle:2]) [count:2] data
 *   Write Tag Fragmented  [type:2] ([handle:2]) [count:2] [offset:4] data
 *   Read Modify Write     [size:2] OR mask, AND mask
 *   data table (0x72)     [address:4] [count:2] data         reply data without a type
 *
 * Type 0x02a0 is a structure, told apart by a handle; its members are not in the message, so it
 * stays raw, as do attributes, whose types only the object's specification knows.
 */
#include "proto/cip.h"

#include "base/decimal.h"

#include <stdio.h>

#define TYPE_STRUCTURE 0x02a0
#define STATUS_PARTIAL 0x06

static void raw_values(struct op *op, struct slice data)
{
	if (data.len == 0)
		return;
	op->values.type = OP_V_RAW;
	op->values.raw = data;
}

/* Elements of a type; offset is in bytes from the element that the path names. */
static void typed_values(struct op *op, uint16_t type, struct slice data, uint32_t offset)
{
	uint32_t size;
	uint8_t vtype = cip_type(type, &size);

	if (data.len == 0)
		return;
	if (size == 0 || data.len % size) {
		raw_values(op, data);
		return;
	}
	op->values.type = vtype;
	op->values.raw = data;
	op->values.count = data.len / size;
	op->object.count = op->values.count;
	if (offset % size == 0)
		op->object.first += offset / size;
}

static uint16_t read_type(struct reader *r)
{
	uint16_t type = rd_le16(r);

	if (type == TYPE_STRUCTURE)
		rd_skip(r, 2);
	return type;
}

static void tag_reply(struct op *op, struct slice data, uint32_t offset)
{
	struct reader r = rd_of(data);
	uint16_t type;

	if (data.len == 0 || (op->status != 0 && op->status != STATUS_PARTIAL))
		return;
	type = read_type(&r);
	if (rd_ok(&r))
		typed_values(op, type, rd_rest(&r), offset);
}

static void short_data(struct cip_env *env, const struct reader *r)
{
	if (!rd_ok(r))
		cip_malformed(env, "data shorter than its service needs", r->p, r->len);
}

static void raw_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	(void)env;
	raw_values(op, q->data);
}

static void raw_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
		      struct slice data)
{
	(void)env;
	(void)q;
	raw_values(op, data);
}

static void read_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);

	op->object.count = rd_le16(&r);
	short_data(env, &r);
}

static void read_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
		       struct slice data)
{
	(void)env;
	(void)q;
	tag_reply(op, data, 0);
}

static void write_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);
	uint16_t type = read_type(&r);

	op->object.count = rd_le16(&r);
	short_data(env, &r);
	typed_values(op, type, rd_rest(&r), 0);
}

static void read_fragment_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);

	op->object.count = rd_le16(&r);
	rd_skip(&r, 4);
	short_data(env, &r);
}

static void read_fragment_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
				struct slice data)
{
	struct reader r = rd_of(q ? q->data : slice_of(NULL, 0));

	(void)env;
	rd_skip(&r, 2);
	tag_reply(op, data, rd_le32(&r));
}

static void write_fragment_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);
	uint16_t type = read_type(&r);
	uint32_t offset;

	op->object.count = rd_le16(&r);
	offset = rd_le32(&r);
	short_data(env, &r);
	typed_values(op, type, rd_rest(&r), offset);
}

/* result = (value OR or-mask) AND and-mask; both masks are shown, as bytes */
static void modify_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);
	uint16_t size = rd_le16(&r);

	raw_values(op, rd_slice(&r, size * 2u));
	short_data(env, &r);
}

static void data_table_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);

	op->object.first = rd_le32(&r);
	op->object.count = rd_le16(&r);
	short_data(env, &r);
	raw_values(op, rd_rest(&r));
}

static void data_table_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
			     struct slice data)
{
	struct reader r = rd_of(q ? q->data : slice_of(NULL, 0));

	(void)env;
	op->object.first = rd_le32(&r);
	op->object.count = rd_le16(&r);
	raw_values(op, data);
}

const struct cip_codec cip_codec_raw = {.ask = raw_ask, .reply = raw_reply};
const struct cip_codec cip_codec_read_tag = {.ask = read_ask, .reply = read_reply};
const struct cip_codec cip_codec_write_tag = {.ask = write_ask, .reply = raw_reply};
const struct cip_codec cip_codec_read_fragment = {
	.ask = read_fragment_ask,
	.reply = read_fragment_reply,
};
const struct cip_codec cip_codec_write_fragment = {
	.ask = write_fragment_ask,
	.reply = raw_reply,
};
const struct cip_codec cip_codec_modify_tag = {.ask = modify_ask, .reply = raw_reply};
const struct cip_codec cip_codec_data_table = {.ask = data_table_ask, .reply = data_table_reply};

/* ---- identity */

static void tell(struct proto_ctx *c, const char *key, const char *text)
{
	proto_identity(c, c->dir == PROTO_TO_CLIENT ? 1 : 0, key, slice_str(text));
}

static void tell_number(struct proto_ctx *c, const char *key, uint32_t v)
{
	char buf[DECIMAL_MAX + 1];

	*decimal_put(buf, v) = '\0';
	tell(c, key, buf);
}

/* The attributes one by one, as volume 1, table 5-2.2 numbers them. */
static void attribute_read(struct proto_ctx *c, uint32_t attribute, struct reader *r)
{
	char buf[24], *end;
	const char *name;
	uint32_t v;
	struct slice s;

	switch (attribute) {
	case 1:
		v = rd_le16(r);
		name = cip_vendor_name(v);
		if (rd_ok(r) && name)
			tell(c, "vendor", name);
		else if (rd_ok(r))
			tell_number(c, "vendor", v);
		break;
	case 2:
		v = rd_le16(r);
		if (rd_ok(r))
			tell_number(c, "device-type", v);
		break;
	case 3:
		v = rd_le16(r);
		if (rd_ok(r))
			tell_number(c, "product-code", v);
		break;
	case 4:
		v = rd_u8(r);
		end = decimal_put(buf, v);
		*end++ = '.';
		*decimal_put(end, rd_u8(r)) = '\0';
		if (rd_ok(r))
			tell(c, "revision", buf);
		break;
	case 5:
		rd_skip(r, 2); /* status */
		break;
	case 6:
		snprintf(buf, sizeof(buf), "%08x", rd_le32(r));
		if (rd_ok(r))
			tell(c, "serial", buf);
		break;
	case 7:
		s = rd_slice(r, rd_u8(r));
		if (rd_ok(r))
			proto_identity(c, c->dir == PROTO_TO_CLIENT ? 1 : 0, "product-name", s);
		break;
	}
}

void cip_identity_read(struct proto_ctx *c, struct reader *r)
{
	uint32_t attribute;

	for (attribute = 1; attribute <= 7; attribute++)
		attribute_read(c, attribute, r);
}

/* Behind a route it is the module in that slot that speaks of itself, not this address. */
static void identity_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
			   struct slice data)
{
	struct reader r = rd_of(data);

	raw_values(op, data);
	if (!q || op->status != 0 || env->unit >= 0 || q->path.object.path[1] != 1)
		return;
	if (q->path.object.npath == 3)
		attribute_read(env->c, q->path.object.path[2], &r);
	else
		cip_identity_read(env->c, &r);
}

const struct cip_codec cip_codec_identity = {.ask = raw_ask, .reply = identity_reply};
