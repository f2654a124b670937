/* The names of roles, classes, spaces and anomalies, and how objects and values read as text. */
#include "op/op.h"
#include "op/anomaly.h"

#include "base/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const role_names[OP_ROLES] = {"request", "response", "publish"};

static const char *const class_names[OP_CLASSES] = {
	[OP_READ] = "read",	  [OP_WRITE] = "write",	      [OP_CONTROL] = "control",
	[OP_PROGRAM] = "program", [OP_FIRMWARE] = "firmware", [OP_CONFIG] = "config",
	[OP_FILE] = "file",	  [OP_DIAGNOSE] = "diagnose", [OP_DISCOVER] = "discover",
	[OP_SESSION] = "session", [OP_ALARM] = "alarm",
};

static const char *const space_names[OP_SPACES] = {
	[OP_SPACE_NONE] = "",
	[OP_SPACE_COIL] = "coil",
	[OP_SPACE_DISCRETE_INPUT] = "discrete-input",
	[OP_SPACE_HOLDING] = "holding",
	[OP_SPACE_INPUT] = "input",
	[OP_SPACE_FILE_RECORD] = "file-record",
	[OP_SPACE_FIFO] = "fifo-queue",
	[OP_SPACE_DIAGNOSTIC] = "diagnostic",
	[OP_SPACE_DEVICE_ID] = "device-identification",
	[OP_SPACE_OBJECT] = "object",
	[OP_SPACE_TAG] = "tag",
	[OP_SPACE_IO] = "io-connection",
	[OP_SPACE_DATA_FILE] = "data-file",
	[OP_SPACE_TOPIC] = "topic",
};

static const char *const anomaly_names[ANOMALY_KINDS] = {
	[ANOMALY_MALFORMED] = "malformed",
	[ANOMALY_UNSOLICITED] = "unsolicited-response",
	[ANOMALY_RESERVED] = "reserved-code",
	[ANOMALY_UNDECODABLE] = "undecodable",
	[ANOMALY_LIMIT] = "limit-reached",
	[ANOMALY_STREAM_CONFLICT] = "stream-conflict",
	[ANOMALY_STREAM_GAP] = "stream-gap",
	[ANOMALY_PACKET_TRUNCATED] = "packet-truncated",
	[ANOMALY_PACKET_MALFORMED] = "packet-malformed",
	[ANOMALY_FRAGMENT_OVERLAP] = "fragment-overlap",
	[ANOMALY_FRAGMENT_TINY] = "fragment-tiny",
	[ANOMALY_TUNNEL_DEPTH] = "tunnel-depth",
	[ANOMALY_CHECKSUM] = "checksum",
};

const char *op_role_name(enum op_role r)
{
	return role_names[r];
}

const char *op_class_name(enum op_class c)
{
	return class_names[c];
}

const char *op_space_name(enum op_space s)
{
	return space_names[s];
}

const char *op_object_space(const struct op_object *o)
{
	static const char *const path[] = {"", "class", "class/instance",
					   "class/instance/attribute"};

	if (o->space == OP_SPACE_OBJECT && o->npath < 4)
		return path[o->npath];
	return space_names[o->space];
}

const char *anomaly_name(enum anomaly_kind k)
{
	return anomaly_names[k];
}

int op_class_find(const char *name, size_t len)
{
	int i;

	for (i = 0; i < OP_CLASSES; i++)
		if (strlen(class_names[i]) == len && memcmp(class_names[i], name, len) == 0)
			return i;
	return -1;
}

/* Element sizes in bytes; 0: no elements of a fixed size. */
static const uint8_t type_size[] = {
	[OP_V_NONE] = 0, [OP_V_RAW] = 0, [OP_V_BIT] = 0, [OP_V_U8] = 1,	    [OP_V_I8] = 1,
	[OP_V_U16] = 2,	 [OP_V_I16] = 2, [OP_V_U32] = 4, [OP_V_I32] = 4,    [OP_V_U64] = 8,
	[OP_V_I64] = 8,	 [OP_V_F32] = 4, [OP_V_F64] = 8, [OP_V_MASK16] = 4, [OP_V_TEXT] = 0,
};

static uint64_t element(const struct op_values *v, struct reader *r)
{
	switch (type_size[v->type]) {
	case 1:
		return rd_u8(r);
	case 2:
		return v->big_endian ? rd_be16(r) : rd_le16(r);
	case 4:
		return v->big_endian ? rd_be32(r) : rd_le32(r);
	default:
		return v->big_endian ? rd_be64(r) : rd_le64(r);
	}
}

static double as_double(uint8_t type, uint64_t u)
{
	uint32_t u32 = (uint32_t)u;
	float f;
	double d;

	switch (type) {
	case OP_V_I8:
		return (int8_t)u;
	case OP_V_I16:
		return (int16_t)u;
	case OP_V_I32:
		return (int32_t)u;
	case OP_V_I64:
		return (double)(int64_t)u;
	case OP_V_F32:
		memcpy(&f, &u32, sizeof(f));
		return f;
	case OP_V_F64:
		memcpy(&d, &u, sizeof(d));
		return d;
	default:
		return (double)u;
	}
}

/* One decimal number, blanks around it allowed; hexadecimal, inf and nan are words. */
static bool text_number(struct slice s, double *out)
{
	char buf[40], *end;
	uint32_t i;

	if (s.len == 0 || s.len >= sizeof(buf))
		return false;
	for (i = 0; i < s.len; i++)
		if (!memchr("0123456789+-.eE \t\r\n", s.p[i], 19))
			return false;
	memcpy(buf, s.p, s.len);
	buf[s.len] = '\0';
	*out = strtod(buf, &end);
	while (isspace((unsigned char)*end))
		end++;
	return end != buf && *end == '\0';
}

bool op_number_at(const struct op_values *v, uint32_t i, struct op_number *out)
{
	uint32_t size = type_size[v->type];
	struct reader r = rd_of(v->raw);

	if (i >= v->count)
		return false;
	if (v->type == OP_V_TEXT) {
		if (!text_number(v->raw, &out->lo))
			return false;
		out->hi = out->lo;
		return true;
	}
	if (v->type == OP_V_BIT) {
		rd_skip(&r, i / 8);
		out->lo = out->hi = rd_u8(&r) >> (i % 8) & 1;
		return rd_ok(&r);
	}
	if (size == 0 || (uint64_t)i * size + size > v->raw.len)
		return false;
	rd_skip(&r, i * size);
	if (v->type == OP_V_MASK16) {
		/* result = (current AND and) OR (or AND NOT and); current is not known */
		uint16_t and = rd_be16(&r), or = rd_be16(&r);

		out->lo = (uint16_t)(or &~and);
		out->hi = (uint16_t)(and | or);
		return true;
	}
	out->lo = out->hi = as_double(v->type, element(v, &r));
	return true;
}

/* A bounded text under construction; len goes on counting past the end. */
struct text {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *t, const char *fmt, ...)
{
	size_t room = t->len < t->size ? t->size - t->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? t->buf + t->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629), 0 if there is none. */
static uint32_t utf8_len(const uint8_t *p, uint32_t left)
{
	uint32_t n = p[0] < 0x80		   ? 1
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						   : 0;
	uint32_t i;

	if (n == 0 || n > left)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Names are told by every device that introduces itself: no formatting byte by byte. */
static void text_put(struct text *t, const void *p, size_t n)
{
	size_t room = t->len < t->size ? t->size - t->len - 1 : 0, fits = n < room ? n : room;

	if (t->len < t->size) {
		memcpy(t->buf + t->len, p, fits);
		t->buf[t->len + fits] = '\0';
	}
	t->len += n;
}

static bool is_plain(uint8_t b)
{
	return b >= 0x20 && b < 0x7f && b != '\\';
}

static void text_bytes(struct text *t, struct slice s)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t i = 0, n;

	while (i < s.len) {
		const uint8_t *p = s.p + i;
		const char escaped[] = {'\\', 'x', hex[p[0] >> 4], hex[p[0] & 15]};

		for (n = 0; i + n < s.len && is_plain(p[n]); n++)
			;
		if (n == 0 && p[0] >= 0x80)
			n = utf8_len(p, s.len - i);
		if (n)
			text_put(t, p, n);
		else
			text_put(t, escaped, sizeof(escaped));
		i += n ? n : 1;
	}
}

/* What did not fit is cut at a character; the length is that of all of it. */
static size_t text_end(const struct text *t)
{
	if (t->len >= t->size && t->size)
		utf8_trim(t->buf);
	return t->len;
}

size_t op_object_str(const struct op_object *o, char *buf, size_t size)
{
	struct text t = {buf, size, 0};
	unsigned i;

	if (size)
		buf[0] = '\0';
	if (o->name.len) {
		text_bytes(&t, o->name);
		if (o->first)
			text_add(&t, "[%" PRIu64 "]", o->first);
		return text_end(&t);
	}
	for (i = 0; i < o->npath && i < 3; i++)
		text_add(&t, "%s%u", i ? "/" : "", o->path[i]);
	/* A topic without a name is one whose alias we never learned. */
	if (o->space != OP_SPACE_OBJECT && o->space != OP_SPACE_NONE && o->space != OP_SPACE_TOPIC)
		text_add(&t, "%s%" PRIu64, i ? "/" : "", o->first);
	return text_end(&t);
}

size_t op_values_str(const struct op_values *v, uint32_t max, char *buf, size_t size)
{
	struct text t = {buf, size, 0};
	struct op_number n;
	uint32_t i;

	if (size)
		buf[0] = '\0';
	if (v->type == OP_V_NONE)
		return 0;
	if (v->type == OP_V_TEXT) {
		struct slice s = v->raw;

		s.len = s.len > max * 4 ? max * 4 : s.len;
		text_bytes(&t, s);
		if (s.len < v->raw.len)
			text_add(&t, "...");
		return text_end(&t);
	}
	if (v->type == OP_V_RAW) {
		for (i = 0; i < v->raw.len && i < max * 4; i++)
			text_add(&t, "%02x", v->raw.p[i]);
		if (i < v->raw.len)
			text_add(&t, "...");
		return text_end(&t);
	}
	for (i = 0; i < v->count && i < max; i++) {
		if (!op_number_at(v, i, &n))
			break;
		if (n.lo != n.hi)
			text_add(&t, "%s%.0f..%.0f", i ? "," : "", n.lo, n.hi);
		else
			text_add(&t, v->type == OP_V_F32 ? "%s%.9g" : "%s%.17g", i ? "," : "",
				 n.lo);
	}
	if (i < v->count && i == max)
		text_add(&t, ",...");
	return text_end(&t);
}
