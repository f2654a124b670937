/*
 * Modbus PDUs: MODBUS Application Protocol Specification V1.1b3 (clauses are of that document).
 *
 *      request     [ function 1..127 | data ]
 *      response    [ function        | data ]
 *      exception   [ function + 128  | exception code ]        clause 7
 *
 * At most 253 bytes, all numbers big endian. FUNCTIONS below is the one table from function code
 * to class, name, lengths and decoders. Every op carries the 0-based address of the PDU.
 *
 * A device may carry out what the standard forbids, such as a quantity above the limit. So a PDU
 * that is malformed is reported, and its op goes out nevertheless as far as it can be read.
 *
 * Not decoded: the data of user-defined codes, of Unity's UMAS and of CANopen general reference
 * (raw values); the conformity level of a device identification.
 */
#include "proto/modbus_pdu.h"

/* A PDU is `fixed` bytes and as many as the byte at `count_at` says; 0 fixed: the frame knows. */
struct shape {
	uint8_t fixed;
	uint8_t count_at;
	void (*decode)(struct pdu *p, struct op *op);
};

struct function {
	const char *name;      /* NULL: not assigned */
	uint8_t cls;	       /* enum op_class */
	uint8_t space;	       /* enum op_space */
	uint16_t max;	       /* largest quantity */
	struct shape shape[2]; /* by enum proto_dir */
};

static const struct function functions[128];

/* Starting address and quantity, as functions 1-4, 15, 16 and 23 have them. */
static void range(struct pdu *p, struct op *op, uint16_t max)
{
	uint32_t first = rd_be16(&p->r), count = rd_be16(&p->r);

	object(op, functions[op->code].space, first, count);
	if (count == 0 || count > max)
		fault(p, "quantity out of range", count);
	else if (first + count > 65536)
		fault(p, "range reaches beyond address 65535", first + count);
}

static void empty(struct pdu *p, struct op *op)
{
	(void)p;
	(void)op;
}

/* 6.1-6.4 */
static void req_read(struct pdu *p, struct op *op)
{
	range(p, op, functions[op->code].max);
}

static void rsp_bits(struct pdu *p, struct op *op)
{
	uint32_t bytes = rd_u8(&p->r), count = bytes * 8;

	if (bytes == 0 || bytes > 250)
		fault(p, "byte count out of range", bytes);
	if (p->req && bytes != (p->req->count + 7) / 8)
		fault(p, "byte count does not match the request", bytes);
	if (p->req && p->req->count < count)
		count = p->req->count;
	values(op, OP_V_BIT, rd_slice(&p->r, bytes), count);
}

static void rsp_registers(struct pdu *p, struct op *op)
{
	uint32_t bytes = rd_u8(&p->r);

	if (bytes == 0 || bytes > 250 || bytes % 2)
		fault(p, "byte count out of range", bytes);
	if (p->req && bytes != p->req->count * 2)
		fault(p, "byte count does not match the request", bytes);
	registers(op, rd_slice(&p->r, bytes));
}

/* 6.5: "All other values are illegal and will not affect the output." */
static void one_coil(struct pdu *p, struct op *op)
{
	uint32_t address = rd_be16(&p->r);
	struct slice s = rd_slice(&p->r, 2);
	struct reader r = rd_of(s);
	uint32_t value = rd_be16(&r);

	object(op, OP_SPACE_COIL, address, 1);
	p->tag = value;
	if (value == 0xff00 || value == 0) {
		values(op, OP_V_BIT, slice_of(s.p, s.len / 2), 1);
	} else {
		fault(p, "coil value is neither FF00 nor 0000", value);
		registers(op, s);
	}
	echo(p, p->req && p->req->first == address && p->req->tag == value);
}

/* 6.6 */
static void one_register(struct pdu *p, struct op *op)
{
	uint32_t address = rd_be16(&p->r);
	struct slice s = rd_slice(&p->r, 2);
	struct reader r = rd_of(s);

	object(op, OP_SPACE_HOLDING, address, 1);
	registers(op, s);
	p->tag = rd_be16(&r);
	echo(p, p->req && p->req->first == address && p->req->tag == p->tag);
}

/* 6.7 */
static void rsp_exception_status(struct pdu *p, struct op *op)
{
	values(op, OP_V_U8, rd_slice(&p->r, 1), 1);
}

/* 6.9: status and event count */
static void rsp_event_counter(struct pdu *p, struct op *op)
{
	registers(op, rd_slice(&p->r, 4));
}

/* 6.10: status, event count, message count, up to 64 events */
static void rsp_event_log(struct pdu *p, struct op *op)
{
	uint32_t bytes = rd_u8(&p->r);

	if (bytes < 6 || bytes > 70)
		fault(p, "byte count out of range", bytes);
	values(op, OP_V_RAW, rd_slice(&p->r, bytes), 0);
}

/*
 * The values of a multiple write. A device may go by the quantity or by the byte count: where they
 * disagree, all values that either reading would write are shown.
 */
static struct slice written(struct pdu *p, uint32_t expected)
{
	uint32_t bytes = rd_u8(&p->r), take = bytes > expected ? bytes : expected;

	if (bytes != expected)
		fault(p, "byte count does not match the quantity", bytes);
	if (take > rd_left(&p->r)) {
		fault(p, "fewer values than the quantity says", rd_left(&p->r));
		take = rd_left(&p->r);
	}
	return rd_slice(&p->r, take);
}

/* 6.11 */
static void req_write_coils(struct pdu *p, struct op *op)
{
	struct slice s;

	range(p, op, functions[op->code].max);
	s = written(p, (op->object.count + 7) / 8);
	values(op, OP_V_BIT, s, op->object.count < s.len * 8 ? op->object.count : s.len * 8);
}

/* 6.12 */
static void req_write_registers(struct pdu *p, struct op *op)
{
	range(p, op, functions[op->code].max);
	registers(op, written(p, op->object.count * 2));
}

static void rsp_written(struct pdu *p, struct op *op)
{
	range(p, op, functions[op->code].max);
	echo(p, p->req && p->req->first == op->object.first && p->req->count == op->object.count);
}

/* 6.16: AND mask, OR mask */
static void mask_write(struct pdu *p, struct op *op)
{
	uint32_t address = rd_be16(&p->r);
	struct slice s = rd_slice(&p->r, 4);
	struct reader r = rd_of(s);

	object(op, OP_SPACE_HOLDING, address, 1);
	values(op, OP_V_MASK16, s, 1);
	p->tag = rd_be32(&r);
	echo(p, p->req && p->req->first == address && p->req->tag == p->tag);
}

/*
 * 6.17: "The write operation is performed before the read": two ops in that order. The response
 * answers the read.
 */
static void req_read_write(struct pdu *p, struct op *op)
{
	struct op w = *op;

	range(p, op, functions[op->code].max);
	range(p, &w, 121);
	registers(&w, written(p, w.object.count * 2));
	if (rd_ok(&p->r))
		emit(p, &w);
	else
		return;
	op->cls = OP_READ;
}

static void rsp_read_write(struct pdu *p, struct op *op)
{
	op->cls = OP_READ;
	rsp_registers(p, op);
}

/* 6.18 */
static void req_fifo(struct pdu *p, struct op *op)
{
	object(op, OP_SPACE_FIFO, rd_be16(&p->r), 0);
}

static void rsp_fifo(struct pdu *p, struct op *op)
{
	uint32_t bytes = rd_be16(&p->r), count = rd_be16(&p->r);

	if (count > 31)
		fault(p, "FIFO count above 31", count);
	if (bytes != 2 + count * 2)
		fault(p, "byte count does not match the FIFO count", bytes);
	registers(op, rd_slice(&p->r, count * 2));
}

/* clause 7, and 7 of the older Modbus Protocol Reference Guide PI-MBUS-300 */
static const char *const exceptions[] = {
	[1] = "illegal-function",
	[2] = "illegal-data-address",
	[3] = "illegal-data-value",
	[4] = "server-device-failure",
	[5] = "acknowledge",
	[6] = "server-device-busy",
	[7] = "negative-acknowledge",
	[8] = "memory-parity-error",
	[10] = "gateway-path-unavailable",
	[11] = "gateway-target-device-failed-to-respond",
};

static void exception(struct pdu *p, struct op *op)
{
	op->status = rd_u8(&p->r);
	if (op->status < sizeof(exceptions) / sizeof(*exceptions))
		op->error = exceptions[op->status];
	if (op->code == 43 && p->req)
		modbus_mei_name(op, p->req->tag);
	if (!op->error)
		reserved(p, "exception code is reserved", op->status);
	if (op->status == 0 && rd_ok(&p->r)) {
		fault(p, "exception code is 0", 0);
		op->error = "exception-code-0";
	}
}

/*
 * The one table: code, class, name, space, largest quantity; then for request and response the
 * length without counted bytes, the place of the byte count, the decoder.
 *
 * 9, 10, 13, 14, 18, 19, 40, 90, 125 and 126 are not public: annex A reserves most of them for
 * older products, which use them to program and to update controllers. 90 carries the UMAS
 * protocol of Schneider's Unity: stop, start, up- and download. It is everyday traffic there.
 */
#define FUNCTIONS(F)                                                                               \
	F(1, READ, "read-coils", COIL, 2000, 5, 0, req_read, 2, 1, rsp_bits)                       \
	F(2, READ, "read-discrete-inputs", DISCRETE_INPUT, 2000, 5, 0, req_read, 2, 1, rsp_bits)   \
	F(3, READ, "read-holding-registers", HOLDING, 125, 5, 0, req_read, 2, 1, rsp_registers)    \
	F(4, READ, "read-input-registers", INPUT, 125, 5, 0, req_read, 2, 1, rsp_registers)        \
	F(5, WRITE, "write-single-coil", COIL, 1, 5, 0, one_coil, 5, 0, one_coil)                  \
	F(6, WRITE, "write-single-register", HOLDING, 1, 5, 0, one_register, 5, 0, one_register)   \
	F(7, DIAGNOSE, "read-exception-status", NONE, 0, 1, 0, empty, 2, 0, rsp_exception_status)  \
	F(8, DIAGNOSE, "diagnostics", DIAGNOSTIC, 0, 0, 0, modbus_diagnostics, 0, 0,               \
	  modbus_diagnostics)                                                                      \
	F(9, PROGRAM, "program-484", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)                  \
	F(10, PROGRAM, "poll-484", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)                    \
	F(11, DIAGNOSE, "get-comm-event-counter", NONE, 0, 1, 0, empty, 5, 0, rsp_event_counter)   \
	F(12, DIAGNOSE, "get-comm-event-log", NONE, 0, 1, 0, empty, 2, 1, rsp_event_log)           \
	F(13, PROGRAM, "program-controller", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)          \
	F(14, PROGRAM, "poll-controller", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)             \
	F(15, WRITE, "write-multiple-coils", COIL, 1968, 6, 5, req_write_coils, 5, 0, rsp_written) \
	F(16, WRITE, "write-multiple-registers", HOLDING, 123, 6, 5, req_write_registers, 5, 0,    \
	  rsp_written)                                                                             \
	F(17, DISCOVER, "report-server-id", NONE, 0, 1, 0, empty, 2, 1, modbus_rsp_server_id)      \
	F(18, PROGRAM, "program-884", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)                 \
	F(19, CONTROL, "reset-comm-link", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)             \
	F(20, FILE, "read-file-record", FILE_RECORD, 0, 2, 1, modbus_req_read_file, 2, 1,          \
	  modbus_rsp_read_file)                                                                    \
	F(21, FILE, "write-file-record", FILE_RECORD, 0, 2, 1, modbus_write_file, 2, 1,            \
	  modbus_write_file)                                                                       \
	F(22, WRITE, "mask-write-register", HOLDING, 1, 7, 0, mask_write, 7, 0, mask_write)        \
	F(23, WRITE, "read-write-multiple-registers", HOLDING, 125, 10, 9, req_read_write, 2, 1,   \
	  rsp_read_write)                                                                          \
	F(24, READ, "read-fifo-queue", FIFO, 0, 3, 0, req_fifo, 3, 2, rsp_fifo)                    \
	F(40, PROGRAM, "program-concept", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)             \
	F(43, DISCOVER, "encapsulated-interface-transport", NONE, 0, 0, 0, modbus_mei, 0, 0,       \
	  modbus_mei)                                                                              \
	F(90, PROGRAM, "unity-umas", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)                  \
	F(125, FIRMWARE, "firmware-replacement", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)      \
	F(126, PROGRAM, "program-584-984", NONE, 0, 0, 0, raw_values, 0, 0, raw_values)

#define AS_FUNCTION(code, cls, name, space, max, rl, rc, rd, sl, sc, sd)                           \
	[code] = {name, OP_##cls, OP_SPACE_##space, max, {{rl, rc, rd}, {sl, sc, sd}}},
#define AS_CODE(code, cls, name, ...)	   {name, code, OP_##cls},
#define AS_OP(code, cls, name, space, ...) {code, OP_##cls, OP_SPACE_##space, code == 22},

static const struct function functions[128] = {FUNCTIONS(AS_FUNCTION)};

/* Besides the table: function 23 is a read as well, 43 goes by the names of its MEI types. */
static const struct vocab_code codes[] = {
	FUNCTIONS(AS_CODE){"read-write-multiple-registers", 23, OP_READ},
	{"read-device-identification", 43, OP_DISCOVER},
	{"canopen-general-reference", 43, OP_CONFIG},
	{NULL, 0, 0},
};

static const struct vocab_op ops[] = {
	FUNCTIONS(AS_OP){23, OP_READ, OP_SPACE_HOLDING, false},
	{43, OP_DISCOVER, OP_SPACE_DEVICE_ID, false},
	{43, OP_CONFIG, OP_SPACE_NONE, false},
	{0, OP_CLASSES, OP_SPACE_NONE, false},
};

static const struct vocab_key keys[] = {
	{"unit", VOCAB_UNIT, 1, 0xff, 255},
	{"function", VOCAB_CODE, 0, 0xff, 255},
	{"coil", VOCAB_SPACE, OP_SPACE_COIL, 0, UINT16_MAX},
	{"discrete-input", VOCAB_SPACE, OP_SPACE_DISCRETE_INPUT, 1, UINT16_MAX},
	{"holding", VOCAB_SPACE, OP_SPACE_HOLDING, 4, UINT16_MAX},
	{"input", VOCAB_SPACE, OP_SPACE_INPUT, 3, UINT16_MAX},
	{"fifo", VOCAB_SPACE, OP_SPACE_FIFO, 0xff, UINT16_MAX},
	{"record", VOCAB_SPACE, OP_SPACE_FILE_RECORD, 0xff, UINT16_MAX},
	{"sub-function", VOCAB_SPACE, OP_SPACE_DIAGNOSTIC, 0xff, UINT16_MAX},
	{"device-object", VOCAB_SPACE, OP_SPACE_DEVICE_ID, 0xff, 255},
	{"file", VOCAB_PATH, 0, 0xff, UINT16_MAX},
	{NULL, 0, 0, 0, 0},
};

const struct vocab modbus_vocab = {
	.proto = "modbus",
	.keys = keys,
	.codes = codes,
	.ops = ops,
	.unlisted = 1u << OP_CONFIG,
	.port = 502,
};

/*
 * Codes that the table does not have. What they do only their vendor knows, so they get the class
 * that a careful policy allows least: config. "do: diagnose" must not open a door for them.
 */
static const struct function user_defined = {
	"user-defined", OP_CONFIG, OP_SPACE_NONE, 0, {{0, 0, raw_values}, {0, 0, raw_values}}};
static const struct function unassigned = {
	"reserved", OP_CONFIG, OP_SPACE_NONE, 0, {{0, 0, raw_values}, {0, 0, raw_values}}};

/* 5: 65 to 72 and 100 to 110 are user-defined */
static const struct function *function_of(uint32_t code)
{
	if ((code >= 65 && code <= 72) || (code >= 100 && code <= 110))
		return &user_defined;
	return code < 128 && functions[code].name ? &functions[code] : &unassigned;
}

static bool is_public(uint32_t code)
{
	const struct function *fn = function_of(code);

	return fn->shape[0].decode != raw_values;
}

static bool is_exception(uint8_t dir, uint32_t function)
{
	return dir == PROTO_TO_CLIENT && function > 127;
}

int modbus_known(uint8_t dir, uint8_t function)
{
	uint32_t code = is_exception(dir, function) ? function & 0x7fu : function;

	if (is_public(code))
		return 2;
	return function_of(code) == &user_defined || code == 90;
}

uint32_t modbus_length(uint8_t dir, struct slice pdu)
{
	struct reader r = rd_of(pdu);
	uint32_t function = rd_u8(&r), count;
	const struct shape *s = &function_of(function)->shape[dir];

	if (is_exception(dir, function))
		return 2;
	if (!rd_ok(&r) || s->fixed == 0 || s->count_at == 0)
		return rd_ok(&r) ? s->fixed : 0;
	rd_skip(&r, s->count_at - 1u);
	count = rd_u8(&r);
	return rd_ok(&r) ? s->fixed + count : 0;
}

/* Reads all of the PDU into op. What cannot be read leaves op without object and values. */
static void decode(struct pdu *p, struct op *op)
{
	uint32_t function = rd_u8(&p->r);
	const struct function *fn;

	op->code = is_exception(p->dir, function) ? function & 0x7f : function;
	fn = function_of(op->code);
	op->name = fn->name;
	op->cls = fn->cls;
	if (function == 0)
		fault(p, "function code is 0", 0);
	else if (p->dir == PROTO_TO_SERVER && function > 127)
		fault(p, "function code of a request above 127", function);
	else if (!is_public(op->code) && fn != &user_defined && op->code != 90)
		reserved(p, "function code is reserved", op->code);
	if (is_exception(p->dir, function))
		exception(p, op);
	else
		fn->shape[p->dir].decode(p, op);
	if (!rd_ok(&p->r)) {
		fault(p, "PDU is too short for its function", p->r.len);
		memset(&op->object, 0, sizeof(op->object));
		memset(&op->values, 0, sizeof(op->values));
	} else if (rd_left(&p->r)) {
		fault(p, "bytes behind the end of the PDU", rd_left(&p->r));
	}
}

bool modbus_fits(uint8_t dir, struct slice pdu)
{
	struct pdu p = {.r = rd_of(pdu), .dir = dir};
	struct op op = {0};

	decode(&p, &op);
	return !p.fault;
}

void modbus_pdu(struct proto_ctx *c, const struct modbus_frame *f)
{
	struct pdu p = {.c = c,
			.s = c->state,
			.f = f,
			.r = rd_of(f->pdu),
			.dir = c->dir,
			.fault = f->fault,
			.fault_at = f->fault_at,
			.fault_value = f->fault_value};
	struct op op = proto_op(c, modbus_vocab.proto);
	struct modbus_state *s = c->state;
	struct pending_entry *e = NULL;
	uint8_t restored[2];

	s->pdu_at = f->offset;
	s->pdu_len = f->pdu.len;
	s->sent_as = 0;
	op.unit = f->unit;
	op.transaction = f->transaction;
	if (c->dir == PROTO_TO_CLIENT)
		p.req = e = modbus_match(c, f);
	if (e) {
		op.request_frame = e->frame;
		op.rtt = c->time - e->time;
		if (e->sent_as && modbus_restore(c, f, e, restored)) {
			p.r = rd_init(restored, sizeof(restored));
			op.neutralised = true;
		}
	}
	decode(&p, &op);
	if (p.fault)
		proto_anomaly(c, ANOMALY_MALFORMED, modbus_vocab.proto, p.fault, p.fault_at,
			      p.fault_value);
	if (p.reserved)
		proto_anomaly(c, ANOMALY_RESERVED, modbus_vocab.proto, p.reserved, f->offset,
			      p.reserved_value);
	if (e) {
		op.cls = e->cls;
		pending_answer(e, c, &op);
		pending_drop(e);
	}
	proto_emit(c, &op);
	if (c->dir == PROTO_TO_SERVER)
		modbus_remember(c, f, &op, p.tag);
}
