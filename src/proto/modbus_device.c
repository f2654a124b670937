/*
 * Modbus functions about the device rather than its process data: diagnostics (8), server id (17),
 * file records (20, 21) and the encapsulated interface (43). Clauses are of the MODBUS Application
 * Protocol Specification V1.1b3.
 */
#include "proto/modbus_pdu.h"

/*
 * 6.8.1, the sub-functions of diagnostics. Two of them take a device off the line: they are
 * control, though their function code is diagnose.
 */
static const struct sub_function {
	uint16_t from, to;
	uint8_t cls;
} sub_functions[] = {
	{0, 0, OP_DIAGNOSE},   /* return query data */
	{1, 1, OP_CONTROL},    /* restart communications option */
	{2, 2, OP_DIAGNOSE},   /* return diagnostic register */
	{3, 3, OP_CONFIG},     /* change ASCII input delimiter */
	{4, 4, OP_CONTROL},    /* force listen only mode */
	{10, 18, OP_DIAGNOSE}, /* clear and return counters */
	{20, 20, OP_DIAGNOSE}, /* clear overrun counter and flag */
};

void modbus_diagnostics(struct pdu *p, struct op *op)
{
	uint32_t i, sub = rd_be16(&p->r);
	struct slice data = rd_rest(&p->r);
	const size_t n = sizeof(sub_functions) / sizeof(*sub_functions);

	object(op, OP_SPACE_DIAGNOSTIC, sub, 1);
	registers(op, data);
	p->tag = sub;
	for (i = 0; i < n; i++)
		if (sub >= sub_functions[i].from && sub <= sub_functions[i].to)
			break;
	if (i == n)
		reserved(p, "diagnostics sub-function is reserved", sub);
	else
		op->cls = sub_functions[i].cls;
	if (sub == 0 ? data.len % 2 : i < n && data.len != 2)
		fault(p, "diagnostics data of a wrong length", data.len);
	echo(p, p->req && p->req->tag == sub);
}

/* The longest run of printable characters, when it is longer than a chance one. */
static struct slice printable(struct slice s)
{
	struct slice best = slice_of(s.p, 0);
	struct reader r = rd_of(s);
	uint32_t start = 0;

	while (rd_left(&r)) {
		uint8_t ch = rd_u8(&r);

		if (ch < 0x20 || ch > 0x7e)
			start = r.off;
		else if (r.off - start > best.len)
			best = slice_of(s.p + start, r.off - start);
	}
	return best.len >= 4 ? best : s;
}

static void identity(struct pdu *p, const char *key, struct slice value)
{
	if (p->c)
		proto_identity(p->c, 1, key, value);
}

/* 6.13: the contents are the device's own, most put their name there */
void modbus_rsp_server_id(struct pdu *p, struct op *op)
{
	struct slice s = rd_slice(&p->r, rd_u8(&p->r));

	values(op, OP_V_RAW, s, 0);
	identity(p, "server-id", printable(s));
}

/* One reference of 6.14 and 6.15: reference type, file, record, length. */
static struct modbus_file file_reference(struct pdu *p, struct op *op)
{
	uint32_t type = rd_u8(&p->r);
	struct modbus_file f;

	f.file = rd_be16(&p->r);
	f.record = rd_be16(&p->r);
	f.length = rd_be16(&p->r);
	object(op, OP_SPACE_FILE_RECORD, f.record, f.length);
	op->object.path[0] = f.file;
	op->object.npath = 1;
	if (!rd_ok(&p->r))
		return f;
	if (type != 6)
		fault(p, "file reference type is not 6", type);
	if (f.file == 0)
		fault(p, "file number is 0", 0);
	if (f.record > 9999 || f.length == 0 || f.record + f.length > 10000)
		fault(p, "file record out of range", f.record);
	return f;
}

/* More references follow: what is complete goes out, so that the last is left to the caller. */
static void file_next(struct pdu *p, struct op *op)
{
	if (rd_ok(&p->r) && rd_left(&p->r))
		emit(p, op);
}

/* 6.14; the byte count is 7 to 245 */
void modbus_req_read_file(struct pdu *p, struct op *op)
{
	uint32_t n = 0, bytes = rd_u8(&p->r);

	if (bytes < 7 || bytes > 245 || bytes % 7 || bytes != rd_left(&p->r))
		fault(p, "byte count out of range", bytes);
	if (p->s)
		p->tag = ++p->s->files_tag;
	while (rd_left(&p->r)) {
		struct modbus_file f = file_reference(p, op);

		if (p->s && n < MODBUS_FILES_MAX)
			p->s->files[n++] = f;
		file_next(p, op);
	}
	if (p->s)
		p->s->files_count = (uint8_t)n;
}

void modbus_rsp_read_file(struct pdu *p, struct op *op)
{
	uint32_t i, bytes = rd_u8(&p->r);
	bool known = p->req && p->req->tag == p->s->files_tag;

	if (bytes < 4 || bytes > 245 || bytes != rd_left(&p->r))
		fault(p, "byte count out of range", bytes);
	for (i = 0; rd_left(&p->r); i++) {
		uint32_t len = rd_u8(&p->r), type = rd_u8(&p->r);

		if (len < 3 || len % 2 == 0)
			fault(p, "file response length out of range", len);
		if (rd_ok(&p->r) && type != 6)
			fault(p, "file reference type is not 6", type);
		registers(op, rd_slice(&p->r, len ? len - 1 : 0));
		if (known && i < p->s->files_count) {
			const struct modbus_file *f = &p->s->files[i];

			object(op, OP_SPACE_FILE_RECORD, f->record, f->length);
			op->object.path[0] = f->file;
			op->object.npath = 1;
			if (op->values.count != f->length)
				fault(p, "file response does not match the request", len);
		} else if (known) {
			fault(p, "more file responses than were requested", i);
		}
		file_next(p, op);
	}
}

/* 6.15; the response repeats the request */
void modbus_write_file(struct pdu *p, struct op *op)
{
	uint32_t bytes = rd_u8(&p->r);

	if (bytes < 9 || bytes > 251 || bytes != rd_left(&p->r))
		fault(p, "byte count out of range", bytes);
	while (rd_left(&p->r)) {
		struct modbus_file f = file_reference(p, op);

		registers(op, rd_slice(&p->r, f.length * 2u));
		file_next(p, op);
	}
}

/* 6.21: objects 0-6 of a device identification */
static const char *const device_objects[] = {
	"vendor", "product-code", "revision", "url", "product-name", "model", "user-application",
};

#define MEI_CANOPEN   13
#define MEI_DEVICE_ID 14

/* 6.19: the MEI type is a second function code, and has its own name and class. */
void modbus_mei_name(struct op *op, uint32_t mei)
{
	if (mei == MEI_DEVICE_ID) {
		op->name = "read-device-identification";
		op->cls = OP_DISCOVER;
	} else {
		if (mei == MEI_CANOPEN)
			op->name = "canopen-general-reference";
		op->cls = OP_CONFIG;
	}
}

static void device_code(struct pdu *p, struct op *op, uint32_t code)
{
	op->object.path[0] = code;
	op->object.npath = 1;
	if (rd_ok(&p->r) && (code < 1 || code > 4))
		fault(p, "read device id code is not 1 to 4", code);
}

static void req_device_id(struct pdu *p, struct op *op)
{
	uint32_t code = rd_u8(&p->r);

	/* code 4 asks for one object, 1-3 for all of a category from that object on */
	object(op, OP_SPACE_DEVICE_ID, rd_u8(&p->r), code == 4);
	device_code(p, op, code);
}

static void rsp_device_id(struct pdu *p, struct op *op)
{
	uint32_t i, count, code = rd_u8(&p->r), conformity = rd_u8(&p->r), more = rd_u8(&p->r);
	uint32_t first = 0, start;

	rd_skip(&p->r, 1); /* next object id */
	count = rd_u8(&p->r);
	if ((conformity & 0x7f) < 1 || (conformity & 0x7f) > 3)
		fault(p, "conformity level out of range", conformity);
	if (more != 0 && more != 0xff)
		fault(p, "more follows is neither FF nor 00", more);
	start = p->r.off;
	for (i = 0; i < count && rd_ok(&p->r); i++) {
		uint32_t id = rd_u8(&p->r);
		struct slice s = rd_slice(&p->r, rd_u8(&p->r));

		if (i == 0)
			first = id;
		if (id < sizeof(device_objects) / sizeof(*device_objects))
			identity(p, device_objects[id], s);
	}
	object(op, OP_SPACE_DEVICE_ID, first, count);
	device_code(p, op, code);
	if (rd_ok(&p->r))
		values(op, OP_V_RAW, slice_of(p->r.p + start, p->r.off - start), 0);
}

void modbus_mei(struct pdu *p, struct op *op)
{
	uint32_t type = rd_u8(&p->r);

	p->tag = type;
	modbus_mei_name(op, type);
	if (type == MEI_DEVICE_ID && p->dir == PROTO_TO_SERVER)
		req_device_id(p, op);
	else if (type == MEI_DEVICE_ID)
		rsp_device_id(p, op);
	else
		raw_values(p, op);
	if (type != MEI_DEVICE_ID && type != MEI_CANOPEN)
		reserved(p, "MEI type is reserved", type);
	echo(p, p->req && p->req->tag == type);
}
