/*
 * PCCC, the command set of PLC-5, SLC 500 and MicroLogix (Rockwell 1770-6.5.16, chapters 7, 8 and
 * 13), as carried by Execute PCCC, service 0x4b of the PCCC object.
 *
 *   request   [id length] [vendor:2] [serial:4]  [CMD] [STS] [TNS:2] [FNC] data...
 *   reply     [id length] [vendor:2] [serial:4]  [CMD|0x40] [STS] [TNS:2] ([EXT STS]) data...
 *
 * A function is CMD and FNC together; op.code is CMD << 8 | FNC, and CMD << 8 for commands that
 * have no FNC byte. op.status is STS; when that is 0xf0, the extended status names the error.
 */
#include "proto/cip.h"

#include "base/decimal.h"

#define REPLY	     0x40
#define STS_EXTENDED 0xf0

enum pccc_address {
	NO_ADDRESS,
	LOGICAL2,      /* bytes, file, type, element */
	LOGICAL3,      /* bytes, file, type, element, sub-element */
	LOGICAL3_MASK, /* the same, then a mask of two bytes */
	PLC5_RANGE,    /* packet offset, total, address */
	PLC5_TYPED,    /* the same, then elements */
	PLC5_PLAIN,    /* address alone */
};

struct function {
	uint32_t code;
	const char *name;
	uint8_t op_class;
	uint8_t address; /* enum pccc_address */
};

/* Sorted by code. 1770-6.5.16, chapter 7, "Command Set". */
#define FUNCTIONS(X)                                                                               \
	X(0x0000, "protected-write", OP_WRITE, NO_ADDRESS)                                         \
	X(0x0100, "unprotected-read", OP_READ, NO_ADDRESS)                                         \
	X(0x0200, "protected-bit-write", OP_WRITE, NO_ADDRESS)                                     \
	X(0x0500, "unprotected-bit-write", OP_WRITE, NO_ADDRESS)                                   \
	X(0x0600, "echo", OP_DIAGNOSE, NO_ADDRESS)                                                 \
	X(0x0601, "read-diagnostic-counters", OP_DIAGNOSE, NO_ADDRESS)                             \
	X(0x0602, "set-variables", OP_CONFIG, NO_ADDRESS)                                          \
	X(0x0603, "diagnostic-status", OP_DISCOVER, NO_ADDRESS)                                    \
	X(0x0604, "set-timeout", OP_CONFIG, NO_ADDRESS)                                            \
	X(0x0605, "set-naks", OP_CONFIG, NO_ADDRESS)                                               \
	X(0x0606, "set-enqs", OP_CONFIG, NO_ADDRESS)                                               \
	X(0x0607, "reset-diagnostic-counters", OP_DIAGNOSE, NO_ADDRESS)                            \
	X(0x0608, "set-data-table-size", OP_CONFIG, NO_ADDRESS)                                    \
	X(0x0609, "read-link-parameters", OP_DIAGNOSE, NO_ADDRESS)                                 \
	X(0x060a, "set-link-parameters", OP_CONFIG, NO_ADDRESS)                                    \
	X(0x0700, "disable-outputs", OP_CONTROL, NO_ADDRESS)                                       \
	X(0x0701, "enable-outputs", OP_CONTROL, NO_ADDRESS)                                        \
	X(0x0703, "enable-plc-scanning", OP_CONTROL, NO_ADDRESS)                                   \
	X(0x0704, "enter-download-mode", OP_PROGRAM, NO_ADDRESS)                                   \
	X(0x0705, "exit-download-upload-mode", OP_PROGRAM, NO_ADDRESS)                             \
	X(0x0706, "enter-upload-mode", OP_PROGRAM, NO_ADDRESS)                                     \
	X(0x0800, "unprotected-write", OP_WRITE, NO_ADDRESS)                                       \
	X(0x0f00, "word-range-write", OP_WRITE, PLC5_RANGE)                                        \
	X(0x0f01, "word-range-read", OP_READ, PLC5_RANGE)                                          \
	X(0x0f02, "bit-write", OP_WRITE, PLC5_PLAIN)                                               \
	X(0x0f03, "file-write", OP_FILE, NO_ADDRESS)                                               \
	X(0x0f04, "file-read", OP_FILE, NO_ADDRESS)                                                \
	X(0x0f05, "download-request", OP_PROGRAM, NO_ADDRESS)                                      \
	X(0x0f06, "upload", OP_PROGRAM, NO_ADDRESS)                                                \
	X(0x0f07, "shutdown", OP_CONTROL, NO_ADDRESS)                                              \
	X(0x0f08, "physical-write", OP_PROGRAM, NO_ADDRESS)                                        \
	X(0x0f09, "physical-read", OP_PROGRAM, NO_ADDRESS)                                         \
	X(0x0f0a, "restart-request", OP_CONTROL, NO_ADDRESS)                                       \
	X(0x0f11, "get-edit-resource", OP_PROGRAM, NO_ADDRESS)                                     \
	X(0x0f12, "return-edit-resource", OP_PROGRAM, NO_ADDRESS)                                  \
	X(0x0f17, "read-bytes-physical", OP_PROGRAM, NO_ADDRESS)                                   \
	X(0x0f18, "write-bytes-physical", OP_PROGRAM, NO_ADDRESS)                                  \
	X(0x0f26, "read-modify-write", OP_WRITE, PLC5_PLAIN)                                       \
	X(0x0f29, "read-section-size", OP_DIAGNOSE, NO_ADDRESS)                                    \
	X(0x0f3a, "set-cpu-mode", OP_CONTROL, NO_ADDRESS)                                          \
	X(0x0f41, "disable-forces", OP_CONTROL, NO_ADDRESS)                                        \
	X(0x0f50, "download-all-request", OP_PROGRAM, NO_ADDRESS)                                  \
	X(0x0f52, "download-completed", OP_PROGRAM, NO_ADDRESS)                                    \
	X(0x0f53, "upload-all-request", OP_PROGRAM, NO_ADDRESS)                                    \
	X(0x0f55, "upload-completed", OP_PROGRAM, NO_ADDRESS)                                      \
	X(0x0f57, "initialize-memory", OP_PROGRAM, NO_ADDRESS)                                     \
	X(0x0f5e, "modify-plc-2-compatibility-file", OP_CONFIG, NO_ADDRESS)                        \
	X(0x0f67, "typed-write", OP_WRITE, PLC5_TYPED)                                             \
	X(0x0f68, "typed-read", OP_READ, PLC5_TYPED)                                               \
	X(0x0f79, "read-modify-write-n", OP_WRITE, NO_ADDRESS)                                     \
	X(0x0f80, "change-mode", OP_CONTROL, NO_ADDRESS)                                           \
	X(0x0f81, "open-file", OP_FILE, NO_ADDRESS)                                                \
	X(0x0f82, "close-file", OP_FILE, NO_ADDRESS)                                               \
	X(0x0f88, "execute-command-list", OP_PROGRAM, NO_ADDRESS)                                  \
	X(0x0f8f, "apply-port-configuration", OP_CONFIG, NO_ADDRESS)                               \
	X(0x0fa1, "protected-typed-logical-read-2", OP_READ, LOGICAL2)                             \
	X(0x0fa2, "protected-typed-logical-read-3", OP_READ, LOGICAL3)                             \
	X(0x0fa7, "protected-typed-file-read", OP_FILE, NO_ADDRESS)                                \
	X(0x0fa9, "protected-typed-logical-write-2", OP_WRITE, LOGICAL2)                           \
	X(0x0faa, "protected-typed-logical-write-3", OP_WRITE, LOGICAL3)                           \
	X(0x0fab, "protected-typed-logical-masked-write-3", OP_WRITE, LOGICAL3_MASK)               \
	X(0x0faf, "protected-typed-file-write", OP_FILE, NO_ADDRESS)

#define AS_FUNCTION(code, name, op_class, address) {code, name, op_class, address},
#define AS_VOCAB(code, name, op_class, address)	   {name, code, op_class},

static const struct function functions[] = {FUNCTIONS(AS_FUNCTION)};
static const struct function unlisted = {0, "unlisted-function", OP_CONFIG, NO_ADDRESS};

static const struct vocab_key keys[] = {
	{"function", VOCAB_CODE, 0, 0xff, UINT16_MAX},
	{"file", VOCAB_NAME, OP_SPACE_DATA_FILE, 0xff, 0},
	{"slot", VOCAB_UNIT, 0, 0xff, 255},
	{NULL, 0, 0, 0, 0},
};

static const struct vocab_code codes[] = {FUNCTIONS(AS_VOCAB){NULL, 0, 0}};

#define AS_OP(code, name, op_class, address)                                                       \
	{code, op_class, (address) == NO_ADDRESS ? OP_SPACE_NONE : OP_SPACE_DATA_FILE, false},

static const struct vocab_op ops[] = {FUNCTIONS(AS_OP){0, OP_CLASSES, OP_SPACE_NONE, false}};

const struct vocab pccc_vocab = {
	.proto = "pccc",
	.keys = keys,
	.codes = codes,
	.carrier = "cip",
	.ops = ops,
	.unlisted = 1u << OP_CONFIG,
	.port = 44818,
};

static const struct function *function_find(uint32_t code)
{
	unsigned lo = 0, hi = sizeof(functions) / sizeof(*functions);

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (functions[mid].code == code)
			return &functions[mid];
		if (functions[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return &unlisted;
}

/* File types of the logical addresses, 0x84 on: letter, element bytes and type (chapter 13). */
static const struct file_type {
	const char *letter;
	uint8_t size;
	uint8_t vtype;
} file_types[] = {
	{"S", 2, OP_V_U16}, {"B", 2, OP_V_U16},	  {"T", 6, OP_V_U16}, {"C", 6, OP_V_U16},
	{"R", 6, OP_V_U16}, {"N", 2, OP_V_I16},	  {"F", 4, OP_V_F32}, {"O", 2, OP_V_U16},
	{"I", 2, OP_V_U16}, {"ST", 84, OP_V_RAW}, {"A", 2, OP_V_U16}, {"D", 2, OP_V_U16},
	{"?", 0, OP_V_RAW}, {"L", 4, OP_V_I32},
};

static const struct file_type unknown_file = {"?", 0, OP_V_RAW};

static const struct file_type *file_type(uint8_t code)
{
	unsigned i = code - 0x84u;

	return i < sizeof(file_types) / sizeof(*file_types) ? &file_types[i] : &unknown_file;
}

/* PLC-5 addresses do not tell the type; files 0-8 have one by default. */
static const struct file_type *file_default(uint32_t file)
{
	static const uint8_t types[] = {0x8b, 0x8c, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a};

	return file < sizeof(types) ? file_type(types[file]) : &unknown_file;
}

/* What a PCCC request is about. */
struct target {
	const struct file_type *type;
	uint32_t bytes;	   /* asked for or written; 0: the address does not say */
	uint32_t elements; /* likewise */
	uint32_t sub;	   /* sub-element */
	struct slice data; /* behind the address */
	char name[3 + 3 * (DECIMAL_MAX + 1)]; /* "N7:0": letters, numbers */
};

/* One byte, or 0xff and two. */
static uint32_t address_number(struct reader *r)
{
	uint8_t v = rd_u8(r);

	return v == 0xff ? rd_le16(r) : v;
}

static void target_name(struct target *t, uint32_t file, uint32_t element)
{
	size_t letters = strlen(t->type->letter);
	char *p = t->name + letters;

	memcpy(t->name, t->type->letter, letters);
	p = decimal_put(p, file);
	*p++ = ':';
	p = decimal_put(p, element);
	if (t->sub) {
		*p++ = '.';
		p = decimal_put(p, t->sub);
	}
	*p = '\0';
}

static void logical_address(struct reader *r, uint8_t kind, struct target *t)
{
	uint32_t file, element;

	t->bytes = rd_u8(r);
	file = address_number(r);
	t->type = file_type(rd_u8(r));
	element = address_number(r);
	t->sub = kind == LOGICAL2 ? 0 : address_number(r);
	target_name(t, file, element);
}

/* Logical binary: a flag per level, then the levels; logical ASCII: 0 $ text 0. */
static void plc5_address(struct reader *r, struct target *t)
{
	uint32_t level[8] = {0};
	uint8_t flags = rd_u8(r);
	unsigned i;

	if (flags == 0) {
		uint8_t ch;

		if (rd_u8(r) != '$')
			return;
		for (i = 0; (ch = rd_u8(r)) != 0; i++)
			if (i + 1 < sizeof(t->name))
				t->name[i] = (char)ch;
		return;
	}
	for (i = 0; i < 8; i++)
		if (flags >> i & 1)
			level[i] = address_number(r);
	t->type = file_default(level[1]);
	t->sub = level[3];
	target_name(t, level[1], level[2]);
}

/* The type/data parameter of typed reads and writes: type and size, each in bits or in bytes. */
static uint8_t data_type(struct reader *r, uint32_t *size)
{
	uint8_t flag = rd_u8(r), type = flag >> 4 & 7, n;
	uint32_t bytes = flag & 7;

	if (flag & 0x80) {
		for (n = type, type = 0; n && rd_ok(r); n--)
			type = rd_u8(r);
	}
	if (flag & 0x08) {
		n = (uint8_t)bytes;
		for (bytes = 0; n && rd_ok(r); n--)
			bytes = bytes << 8 | rd_u8(r);
	}
	*size = bytes;
	return type;
}

static void typed_data(struct op *op, struct slice data)
{
	struct reader r = rd_of(data);
	uint32_t size;
	uint8_t type = data_type(&r, &size);

	if (type == 9) /* array: what its elements are comes next */
		type = data_type(&r, &size);
	op->values.raw = rd_rest(&r);
	op->values.type = OP_V_RAW;
	if (!rd_ok(&r) || size == 0 || op->values.raw.len % size)
		return;
	if (type == 4 && size == 2)
		op->values.type = OP_V_I16;
	else if (type == 4 && size == 4)
		op->values.type = OP_V_I32;
	else if (type == 8 && size == 4)
		op->values.type = OP_V_F32;
	if (op->values.type != OP_V_RAW)
		op->values.count = op->values.raw.len / size;
}

static void plain_data(struct op *op, const struct file_type *type, struct slice data)
{
	uint32_t size = type->vtype == OP_V_F32 || type->vtype == OP_V_I32 ? 4 : 2;

	if (data.len == 0)
		return;
	op->values.raw = data;
	op->values.type = OP_V_RAW;
	if (type->vtype == OP_V_RAW || data.len % size)
		return;
	op->values.type = type->vtype;
	op->values.count = data.len / size;
}

static bool target_read(struct reader *r, const struct function *f, struct target *t)
{
	*t = (struct target){.type = &unknown_file};
	switch (f->address) {
	case LOGICAL2:
	case LOGICAL3:
	case LOGICAL3_MASK:
		logical_address(r, f->address, t);
		break;
	case PLC5_RANGE:
	case PLC5_TYPED:
		rd_skip(r, 2); /* packet offset */
		t->elements = rd_le16(r);
		/* fall through */
	case PLC5_PLAIN:
		plc5_address(r, t);
		break;
	}
	t->data = rd_slice(r, rd_left(r));
	if (f->op_class == OP_READ && f->address >= PLC5_RANGE)
		t->data = slice_of(NULL, 0); /* bytes or elements of this packet */
	return rd_ok(r);
}

static void target_object(struct op *op, const struct target *t)
{
	uint32_t size = t->sub ? 2 : t->type->size;

	if (!t->name[0])
		return;
	op->object.space = OP_SPACE_DATA_FILE;
	op->object.name = slice_str(t->name);
	op->object.count = t->elements ? t->elements : size ? t->bytes / size : 0;
}

/* Requestor id, CMD, STS, TNS; FNC where the command has one. */
struct head {
	uint8_t cmd, sts;
	uint16_t tns;
	uint32_t at;   /* offset of CMD */
	uint32_t code; /* of a request */
	struct slice rest;
};

static bool has_function(uint8_t cmd)
{
	return cmd == 0x06 || cmd == 0x07 || cmd == 0x0f;
}

static bool head_read(struct slice data, struct head *h)
{
	struct reader r = rd_of(data);
	uint8_t id = rd_u8(&r);

	if (id == 0)
		return false;
	rd_skip(&r, id - 1u);
	h->at = r.off;
	h->cmd = rd_u8(&r);
	h->sts = rd_u8(&r);
	h->tns = rd_le16(&r);
	h->code = (uint32_t)h->cmd << 8;
	if (!(h->cmd & REPLY) && has_function(h->cmd))
		h->code |= rd_u8(&r);
	h->rest = rd_rest(&r);
	return rd_ok(&r);
}

static void ask_inside(struct cip_env *env, const struct cip_request *q)
{
	struct op op = proto_op(env->c, "pccc");
	const struct function *f;
	struct target t;
	struct reader r;
	struct head h;

	if (!head_read(q->data, &h)) {
		cip_malformed(env, "PCCC command shorter than its head", q->data.p, q->data.len);
		return;
	}
	f = function_find(h.code);
	r = rd_of(h.rest);
	if (!target_read(&r, f, &t))
		cip_malformed(env, "PCCC address cut off", h.rest.p, h.rest.len);
	if (f == &unlisted)
		proto_anomaly(env->c, ANOMALY_RESERVED, "pccc",
			      "function is not in the command set", 0, h.code);
	op.role = OP_REQUEST;
	op.code = h.code;
	op.name = f->name;
	op.cls = f->op_class;
	op.unit = env->unit;
	op.transaction = h.tns;
	target_object(&op, &t);
	if (f->address == PLC5_TYPED && f->op_class == OP_WRITE)
		typed_data(&op, t.data);
	else if (f->address == LOGICAL3_MASK)
		plain_data(&op, &unknown_file, t.data); /* mask and data */
	else
		plain_data(&op, t.type, t.data);
	env->refused->what = has_function(h.cmd) ? CIP_A_FUNCTION : CIP_A_COMMAND;
	env->refused->at = (uint32_t)(q->data.p + h.at - env->origin);
	proto_emit(env->c, &op);
	env->refused->what = CIP_NOTHING;
}

/* Status 0xf0: the reason is in EXT STS (chapter 8). */
static const char *const extended_errors[] = {
	[0x01] = "field-has-illegal-value",
	[0x02] = "fewer-levels-than-minimum",
	[0x03] = "more-levels-than-supported",
	[0x04] = "symbol-not-found",
	[0x05] = "symbol-of-improper-format",
	[0x06] = "address-does-not-point-to-something-usable",
	[0x07] = "file-is-wrong-size",
	[0x08] = "cannot-complete-request",
	[0x09] = "data-or-file-too-large",
	[0x0a] = "transaction-size-too-large",
	[0x0b] = "access-denied-improper-privilege",
	[0x0c] = "condition-cannot-be-generated",
	[0x0d] = "condition-already-exists",
	[0x0e] = "command-cannot-be-executed",
	[0x0f] = "histogram-overflow",
	[0x10] = "no-access",
	[0x11] = "illegal-data-type",
	[0x12] = "invalid-parameter-or-data",
	[0x13] = "address-reference-to-deleted-area",
	[0x1a] = "file-open-by-another-node",
	[0x1b] = "program-owner-by-another-node",
};

static const char *status_name(uint8_t sts, uint8_t ext)
{
	static const struct {
		uint8_t sts;
		const char *name;
	} errors[] = {
		{0x10, "illegal-command-or-format"},
		{0x20, "host-has-a-problem"},
		{0x30, "remote-node-host-missing"},
		{0x40, "hardware-fault"},
		{0x50, "addressing-problem-or-memory-protect"},
		{0x60, "function-disallowed-by-protection"},
		{0x70, "processor-in-program-mode"},
		{0x80, "compatibility-mode-file-missing"},
		{0x90, "remote-node-cannot-buffer-command"},
		{0xb0, "remote-node-download-problem"},
	};
	unsigned i;

	if (sts == STS_EXTENDED)
		return ext < sizeof(extended_errors) / sizeof(*extended_errors)
			       ? extended_errors[ext]
			       : NULL;
	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].sts == sts)
			return errors[i].name;
	return NULL;
}

/* The command that a kept request went on with. */
static uint8_t sent_as(const struct head *asked)
{
	return cip_was_changed(asked->sts) && !has_function(asked->cmd) ? CIP_PCCC_REFUSED
									: asked->cmd;
}

static void reply_inside(struct cip_env *env, const struct cip_request *q, struct slice data)
{
	struct op op = proto_op(env->c, "pccc");
	const struct function *f = &unlisted;
	struct head asked, h;
	struct reader r;
	struct target t;
	uint8_t ext = 0;

	if (data.len == 0)
		return; /* CIP itself refused */
	if (!head_read(data, &h) || !(h.cmd & REPLY)) {
		cip_malformed(env, "PCCC reply without head", data.p, data.len);
		return;
	}
	r = rd_of(h.rest);
	if (h.sts == STS_EXTENDED)
		ext = rd_u8(&r);
	op.role = OP_RESPONSE;
	op.code = (uint32_t)(h.cmd & ~REPLY) << 8;
	op.status = h.sts;
	op.error = status_name(h.sts, ext);
	op.unit = env->unit;
	op.transaction = h.tns;
	if (env->asked_frame) {
		op.request_frame = env->asked_frame;
		op.rtt = env->c->time - env->asked_time;
	}
	t = (struct target){.type = &unknown_file};
	if (q && head_read(q->data, &asked) && sent_as(&asked) == (h.cmd & ~REPLY)) {
		struct reader a = rd_of(asked.rest);

		op.neutralised = cip_was_changed(asked.sts) && h.sts;
		if (op.neutralised)
			cip_restore(env, data.p + h.at, asked.cmd | REPLY);

		f = function_find(asked.code);
		op.code = asked.code;
		target_read(&a, f, &t);
		target_object(&op, &t);
	}
	op.name = f->name;
	op.cls = f->op_class;
	if (h.sts == 0 && f->address == PLC5_TYPED && f->op_class == OP_READ)
		typed_data(&op, rd_rest(&r));
	else
		plain_data(&op, t.type, rd_rest(&r));
	proto_emit(env->c, &op);
}

const struct cip_codec cip_codec_pccc = {.ask_inside = ask_inside, .reply_inside = reply_inside};
