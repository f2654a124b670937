/* Modbus: every function both ways, and what a stream may do to its framing. */
#include "proto/modbus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OPS 64

/* What a dissector told, and a flow to tell it on. */
struct world {
	struct proto_ctx c;
	struct modbus_state state;
	const struct dissector *d;
	struct op op[OPS];
	char values[OPS][256];
	unsigned ops;
	struct anomaly anomaly[OPS];
	unsigned anomalies;
	char identity[512];    /* "key=value " ... */
	uint8_t pend[2][4096]; /* what message() asked to see again */
	uint32_t pending[2];
};

static struct world w;

static void on_op(struct proto_ctx *c, const struct op *op)
{
	(void)c;
	assert_true(w.ops < OPS);
	op_values_str(&op->values, 200, w.values[w.ops], sizeof(w.values[0]));
	w.op[w.ops++] = *op;
}

static void on_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	(void)c;
	assert_true(w.anomalies < OPS);
	w.anomaly[w.anomalies++] = *a;
}

static void on_identity(struct proto_ctx *c, int side, const char *key, struct slice value)
{
	size_t n = strlen(w.identity);

	(void)c;
	assert_int_equal(side, 1);
	snprintf(w.identity + n, sizeof(w.identity) - n, "%s=%.*s ", key, (int)value.len,
		 (const char *)value.p);
}

static const struct proto_events events = {
	.op = on_op, .anomaly = on_anomaly, .identity = on_identity};

static int start(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.d = &modbus_dissector;
	w.c = (struct proto_ctx){.state = &w.state, .transport = PROTO_TCP, .events = &events};
	return 0;
}

static int start_udp(void **state)
{
	start(state);
	w.c.transport = PROTO_UDP;
	return 0;
}

static int start_rtu(void **state)
{
	start(state);
	w.d = &modbus_rtu_dissector;
	return 0;
}

static uint32_t bytes_of(const char *hex, uint8_t *out)
{
	uint32_t n = 0;
	char two[3] = "";

	while (*(hex += strspn(hex, " "))) {
		memcpy(two, hex, 2);
		out[n++] = (uint8_t)strtoul(two, NULL, 16);
		hex += 2;
	}
	return n;
}

/* A segment or datagram; the world is driven as a flow would. */
static void feed(enum proto_dir dir, const char *hex)
{
	uint8_t *buf = w.pend[dir];
	uint32_t len = w.pending[dir], off = 0, n;

	w.c.dir = (uint8_t)dir;
	w.c.frame++;
	w.c.time += 1000000;
	len += bytes_of(hex, buf + len);
	while (off < len) {
		/* a heap copy, so that the sanitizer sees each byte read beyond */
		uint8_t *copy = test_malloc(len - off);

		memcpy(copy, buf + off, len - off);
		n = w.d->message(&w.c, copy, len - off);
		test_free(copy);
		if (n == 0)
			break;
		off += n;
	}
	if (w.c.transport == PROTO_UDP)
		assert_true(off >= len);
	off = off > len ? len : off;
	memmove(buf, buf + off, len - off);
	w.pending[dir] = len - off;
}

static void request(const char *hex)
{
	feed(PROTO_TO_SERVER, hex);
}

static void response(const char *hex)
{
	feed(PROTO_TO_CLIENT, hex);
}

/* Op i as "name class role unit space first+count status values". */
static void expect(unsigned i, const char *want)
{
	char got[600], object[64];
	const struct op *op = &w.op[i];

	assert_true(i < w.ops);
	op_object_str(&op->object, object, sizeof(object));
	snprintf(got, sizeof(got), "%s %s %s %d %s %s+%u %u %s", op->name, op_class_name(op->cls),
		 op_role_name(op->role), op->unit, op_space_name(op->object.space), object,
		 op->object.count, op->status, w.values[i]);
	assert_string_equal(got, want);
	assert_ptr_equal(op->proto, modbus_vocab.proto);
}

static void expect_anomaly(unsigned i, enum anomaly_kind kind, const char *reason)
{
	assert_true(i < w.anomalies);
	assert_string_equal(w.anomaly[i].reason, reason);
	assert_int_equal(w.anomaly[i].kind, kind);
}

static void quiet(void)
{
	if (w.anomalies)
		fail_msg("%s", w.anomaly[0].reason);
}

/* A PDU behind an MBAP header: transaction 1, unit 17. */
static void pdu(enum proto_dir dir, const char *hex)
{
	uint8_t raw[300];
	char text[700];

	snprintf(text, sizeof(text), "0001 0000 %04x 11 %s", bytes_of(hex, raw) + 1, hex);
	feed(dir, text);
}

/* Request and response of one function; the first and the last op of it. */
static void exchange(const char *req, const char *rsp, const char *first, const char *last)
{
	unsigned i = w.ops;

	pdu(PROTO_TO_SERVER, req);
	pdu(PROTO_TO_CLIENT, rsp);
	quiet();
	expect(i, first);
	expect(w.ops - 1, last);
	assert_true(w.op[w.ops - 1].request_frame > 0);
	assert_int_equal(w.op[w.ops - 1].rtt, 1000000);
}

/* The examples of the standard, 6.1 to 6.21. */
static void test_reads(void **state)
{
	(void)state;
	exchange("0100130013", "0103cd6b05", "read-coils read request 17 coil 19+19 0 ",
		 "read-coils read response 17 coil 19+19 0 "
		 "1,0,1,1,0,0,1,1,1,1,0,1,0,1,1,0,1,0,1");
	exchange("0200c40016", "0203acdb35",
		 "read-discrete-inputs read request 17 discrete-input 196+22 0 ",
		 "read-discrete-inputs read response 17 discrete-input 196+22 0 "
		 "0,0,1,1,0,1,0,1,1,1,0,1,1,0,1,1,1,0,1,0,1,1");
	exchange("03006b0003", "0306022b00000064",
		 "read-holding-registers read request 17 holding 107+3 0 ",
		 "read-holding-registers read response 17 holding 107+3 0 555,0,100");
	exchange("0400080001", "0402000a", "read-input-registers read request 17 input 8+1 0 ",
		 "read-input-registers read response 17 input 8+1 0 10");
	exchange("1804de", "180006000201b81284",
		 "read-fifo-queue read request 17 fifo-queue 1246+0 0 ",
		 "read-fifo-queue read response 17 fifo-queue 1246+0 0 440,4740");
}

static void test_writes(void **state)
{
	(void)state;
	exchange("0500acff00", "0500acff00", "write-single-coil write request 17 coil 172+1 0 1",
		 "write-single-coil write response 17 coil 172+1 0 1");
	exchange("0500ac0000", "0500ac0000", "write-single-coil write request 17 coil 172+1 0 0",
		 "write-single-coil write response 17 coil 172+1 0 0");
	exchange("0600010003", "0600010003",
		 "write-single-register write request 17 holding 1+1 0 3",
		 "write-single-register write response 17 holding 1+1 0 3");
	exchange("0f0013000a02cd01", "0f0013000a",
		 "write-multiple-coils write request 17 coil 19+10 0 1,0,1,1,0,0,1,1,1,0",
		 "write-multiple-coils write response 17 coil 19+10 0 ");
	exchange("100001000204000a0102", "1000010002",
		 "write-multiple-registers write request 17 holding 1+2 0 10,258",
		 "write-multiple-registers write response 17 holding 1+2 0 ");
	exchange("16000400f20025", "16000400f20025",
		 "mask-write-register write request 17 holding 4+1 0 5..247",
		 "mask-write-register write response 17 holding 4+1 0 5..247");
	exchange("1700030006000e00030600ff00ff00ff", "170c00fe0acd00010003000d00ff",
		 "read-write-multiple-registers write request 17 holding 14+3 0 255,255,255",
		 "read-write-multiple-registers read response 17 holding 3+6 0 "
		 "254,2765,1,3,13,255");
	expect(w.ops - 2, "read-write-multiple-registers read request 17 holding 3+6 0 ");
	assert_int_equal(w.op[w.ops - 3].frame, w.op[w.ops - 2].frame);
}

static void test_files(void **state)
{
	(void)state;
	exchange("140e 06000400010002 06000300090002", "140c 05060dfe0020 050633cd0040",
		 "read-file-record file request 17 file-record 4/1+2 0 ",
		 "read-file-record file response 17 file-record 3/9+2 0 13261,64");
	expect(1, "read-file-record file request 17 file-record 3/9+2 0 ");
	expect(2, "read-file-record file response 17 file-record 4/1+2 0 3582,32");
	assert_int_equal(w.ops, 4);
	exchange("150d0600040007000306af04be100d", "150d0600040007000306af04be100d",
		 "write-file-record file request 17 file-record 4/7+3 0 1711,1214,4109",
		 "write-file-record file response 17 file-record 4/7+3 0 1711,1214,4109");
}

static void test_diagnose(void **state)
{
	(void)state;
	exchange("07", "076d", "read-exception-status diagnose request 17  +0 0 ",
		 "read-exception-status diagnose response 17  +0 0 109");
	exchange("080000a537", "080000a537",
		 "diagnostics diagnose request 17 diagnostic 0+1 0 42295",
		 "diagnostics diagnose response 17 diagnostic 0+1 0 42295");
	/* restart communications and force listen only are control, and so are their answers */
	exchange("080001ff00", "080001ff00",
		 "diagnostics control request 17 diagnostic 1+1 0 65280",
		 "diagnostics control response 17 diagnostic 1+1 0 65280");
	exchange("0800040000", "8801", "diagnostics control request 17 diagnostic 4+1 0 0",
		 "diagnostics control response 17 diagnostic 4+1 1 ");
	exchange("0b", "0bffff0108", "get-comm-event-counter diagnose request 17  +0 0 ",
		 "get-comm-event-counter diagnose response 17  +0 0 65535,264");
	exchange("0c", "0c080000010801212000", "get-comm-event-log diagnose request 17  +0 0 ",
		 "get-comm-event-log diagnose response 17  +0 0 0000010801212000");
}

static void test_identity(void **state)
{
	(void)state;
	exchange("11", "110ab4ff4c4d42332e312e36", "report-server-id discover request 17  +0 0 ",
		 "report-server-id discover response 17  +0 0 b4ff4c4d42332e312e36");
	exchange("2b0e0100", "2b0e01010000 03 00024143 0103444558 020456312e30",
		 "read-device-identification discover request 17 device-identification 1/0+0 0 ",
		 "read-device-identification discover response 17 device-identification 1/0+3 0 "
		 "000241430103444558020456312e30");
	assert_string_equal(w.identity,
			    "server-id=LMB3.1.6 vendor=AC product-code=DEX revision=V1.0 ");
	exchange("2b0d0011", "2b0d0022", "canopen-general-reference config request 17  +0 0 0011",
		 "canopen-general-reference config response 17  +0 0 0022");
	/* the exception does not say which MEI type it is about: its request does */
	exchange("2b0d0011", "ab02", "canopen-general-reference config request 17  +0 0 0011",
		 "canopen-general-reference config response 17  +0 2 ");
}

static void test_exceptions(void **state)
{
	static const char *const name[] = {NULL,
					   "illegal-function",
					   "illegal-data-address",
					   "illegal-data-value",
					   "server-device-failure",
					   "acknowledge",
					   "server-device-busy",
					   "negative-acknowledge",
					   "memory-parity-error",
					   NULL,
					   "gateway-path-unavailable",
					   "gateway-target-device-failed-to-respond"};
	char hex[8];
	unsigned i;

	(void)state;
	for (i = 1; i < sizeof(name) / sizeof(*name); i++) {
		pdu(PROTO_TO_SERVER, "0104a10001");
		snprintf(hex, sizeof(hex), "81%02x", i);
		pdu(PROTO_TO_CLIENT, hex);
		assert_int_equal(w.op[2 * i - 1].code, 1);
		assert_int_equal(w.op[2 * i - 1].status, i);
		assert_int_equal(w.op[2 * i - 1].object.first, 0x4a1);
		if (name[i])
			assert_string_equal(w.op[2 * i - 1].error, name[i]);
	}
	assert_int_equal(w.anomalies, 1);
	expect_anomaly(0, ANOMALY_RESERVED, "exception code is reserved");
}

static void test_codes(void **state)
{
	(void)state;
	exchange("41aabb", "41cc", "user-defined config request 17  +0 0 aabb",
		 "user-defined config response 17  +0 0 cc");
	exchange("6e", "ee01", "user-defined config request 17  +0 0 ",
		 "user-defined config response 17  +0 1 ");
	exchange("5a000200", "5a00fe00", "unity-umas program request 17  +0 0 000200",
		 "unity-umas program response 17  +0 0 00fe00");
	pdu(PROTO_TO_SERVER, "3000");
	expect(6, "reserved config request 17  +0 0 00");
	expect_anomaly(0, ANOMALY_RESERVED, "function code is reserved");
	pdu(PROTO_TO_SERVER, "0800130000");
	expect_anomaly(1, ANOMALY_RESERVED, "diagnostics sub-function is reserved");
	pdu(PROTO_TO_SERVER, "2b0f00");
	expect_anomaly(2, ANOMALY_RESERVED, "MEI type is reserved");
	pdu(PROTO_TO_SERVER, "8301");
	expect_anomaly(3, ANOMALY_MALFORMED, "function code of a request above 127");
	assert_int_equal(w.op[9].code, 0x83);
	assert_int_equal(w.ops, 10);
}

/* What contradicts the standard is reported, and still seen by whoever judges ops. */
static void test_malformed(void **state)
{
	static const struct {
		const char *pdu, *reason, *op;
	} bad[] = {
		{"0300000000", "quantity out of range", "holding 0+0 0 "},
		{"030000007e", "quantity out of range", "holding 0+126 0 "},
		{"01000007d1", "quantity out of range", "coil 0+2001 0 "},
		{"03fffe0003", "range reaches beyond address 65535", "holding 65534+3 0 "},
		{"0500010100", "coil value is neither FF00 nor 0000", "coil 1+1 0 256"},
		/* two registers, and a byte count that shows only one of them */
		{"100001000202000a0102", "length contradicts the function", "holding 1+2 0 10,258"},
		{"10000100010400030004", "byte count does not match the quantity",
		 "holding 1+1 0 3,4"},
		{"10000100ff04000a0102", "quantity out of range", "holding 1+255 0 10,258"},
		{"0f0000000901ff", "byte count does not match the quantity",
		 "coil 0+9 0 1,1,1,1,1,1,1,1"},
		{"1700000001000a00020200070008", "length contradicts the function",
		 "holding 10+2 0 7,8"},
		{"06000100030000", "length contradicts the function", "holding 1+1 0 3"},
		{"0600", "length contradicts the function", " +0 0 "},
		{"1407 05000400010002", "file reference type is not 6", "file-record 4/1+2 0 "},
		{"1408 06000400010002 06", "byte count out of range", "file-record 4/1+2 0 "},
		{"08000000", "diagnostics data of a wrong length", "diagnostic 0+1 0 "},
		{"2b0e0500", "read device id code is not 1 to 4", "device-identification 5/0+0 0 "},
		{"00", "function code is 0", " +0 0 "},
	};
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[400], got[400], obj[64];
		const struct op *op = &w.op[0];

		start(state);
		pdu(PROTO_TO_SERVER, bad[i].pdu);
		if (w.anomalies != 1 || strcmp(w.anomaly[0].reason, bad[i].reason) != 0)
			fail_msg("%s: %s", bad[i].pdu, w.anomalies ? w.anomaly[0].reason : "quiet");
		assert_true(w.ops > 0);
		op_object_str(&op->object, obj, sizeof(obj));
		snprintf(got, sizeof(got), "%s %s+%u %u %s", op_space_name(op->object.space), obj,
			 op->object.count, op->status, w.values[0]);
		snprintf(text, sizeof(text), "%s", bad[i].op);
		assert_string_equal(got, text);
		/* and the stream goes on */
		pdu(PROTO_TO_SERVER, "0600010003");
		assert_int_equal(w.anomalies, 1);
		assert_int_equal(w.op[w.ops - 1].code, 6);
	}
}

/* A response is measured against its request. */
static void test_mismatch(void **state)
{
	static const struct {
		const char *req, *rsp, *reason;
	} bad[] = {
		{"0300000002", "03020001", "byte count does not match the request"},
		{"0100000009", "010101", "byte count does not match the request"},
		{"0600010003", "0600010004", "response does not repeat its request"},
		{"0600010003", "0600020003", "response does not repeat its request"},
		{"1000010001020003", "1000010002", "response does not repeat its request"},
		{"0800000001", "0800020001", "response does not repeat its request"},
		{"1407 06000400010002", "1404 03060dfe",
		 "file response does not match the request"},
		{"1804de", "180004000201b8", "byte count does not match the FIFO count"},
	};
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		start(state);
		pdu(PROTO_TO_SERVER, bad[i].req);
		quiet();
		pdu(PROTO_TO_CLIENT, bad[i].rsp);
		expect_anomaly(0, ANOMALY_MALFORMED, bad[i].reason);
		assert_int_equal(w.anomalies, 1);
		assert_int_equal(w.op[w.ops - 1].role, OP_RESPONSE);
	}
}

#define READ_1	 "0001 0000 0006 01 03 0000 0001"
#define READ_2	 "0002 0000 0006 01 03 0010 0002"
#define WRITE_3	 "0003 0000 0006 01 06 0020 0007"
#define ANSWER_1 "0001 0000 0005 01 03 02 0011"
#define ANSWER_2 "0002 0000 0007 01 03 04 0022 0033"

static void test_segments(void **state)
{
	(void)state;
	/* several in a segment, one across three */
	request(READ_1 READ_2 "0003 00");
	assert_int_equal(w.ops, 2);
	request("00 0006 01 06");
	assert_int_equal(w.ops, 2);
	request("0020 0007");
	assert_int_equal(w.ops, 3);
	assert_int_equal(w.op[2].frame, 3);
	/* answers out of order find their requests */
	response(ANSWER_2 ANSWER_1);
	expect(3, "read-holding-registers read response 1 holding 16+2 0 34,51");
	expect(4, "read-holding-registers read response 1 holding 0+1 0 17");
	assert_int_equal(w.op[3].request_frame, 1);
	quiet();
}

/* One impossible header does not hide what is behind it. */
static void test_resync(void **state)
{
	static const char *const bad[] = {
		"0009 0000 0000",
		"0009 0000 0001 01",
		"0009 0000 012c 01 03 0000",
		"0009 0000 00ff 01 03 0000 0001",
		"0009 0001 0006 01 29 0000 0001",
		"ffff ffff ffff ff ff",
		"474554202f20485454502f312e310d0a",
		"0009 0000 00c8 01 03 0000 0001", /* longer than its function */
	};
	/* shorter than its function */
	static const char *const cut[] = {"0009 0000 0003 01 03 0000 0001",
					  "0009 0000 0003 01 03 02 0011"};
	unsigned i, next, dir;
	char text[200];

	for (dir = 0; dir < 2; dir++)
		for (next = 0; next < 2; next++)
			for (i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
				const char *b = i < sizeof(bad) / sizeof(*bad) ? bad[i] : cut[dir];
				const char *good = dir ? ANSWER_2 : WRITE_3;

				start(state);
				feed(dir, dir ? ANSWER_1 : READ_1);
				quiet();
				snprintf(text, sizeof(text), "%s %s", b, next ? "" : good);
				feed(dir, text);
				if (next)
					feed(dir, good);
				if (w.ops < 2 ||
				    w.op[w.ops - 1].object.first + w.op[w.ops - 1].values.count !=
					    (dir ? 2u : 33u))
					fail_msg("%s hides the next, dir %u", b, dir);
				if (w.anomalies != 1)
					fail_msg("%s: %u, %s", b, w.anomalies, w.anomaly[1].reason);
				assert_int_equal(w.anomaly[0].kind, ANOMALY_MALFORMED);
			}
}

/* A device that does not look at the protocol id or the length would carry these out. */
static void test_sloppy(void **state)
{
	(void)state;
	request("0009 0001 0006 01 06 0020 0007" WRITE_3);
	expect(0, "write-single-register write request 1 holding 32+1 0 7");
	expect_anomaly(0, ANOMALY_MALFORMED, "protocol id is not 0");
	assert_int_equal(w.anomaly[0].offset, 2);
	assert_int_equal(w.ops, 2);
	request("0009 0000 012c 01 06 0021 0008");
	expect(2, "write-single-register write request 1 holding 33+1 0 8");
	expect_anomaly(1, ANOMALY_MALFORMED, "length is not 2 to 254");
	assert_int_equal(w.anomaly[1].value, 300);
	request("0009 0000 0006 01 06 0021" WRITE_3 WRITE_3);
	assert_int_equal(w.op[w.ops - 1].object.first, 32);
}

static void test_gap(void **state)
{
	(void)state;
	request(READ_1);
	w.d->gap(&w.c, 100);
	/* joins in the middle of a write, whose values look like a header at first */
	request("0000 0000 00fe 00 03 0000 0001 0000" READ_2);
	assert_int_equal(w.ops, 2);
	expect(1, "read-holding-registers read request 1 holding 16+2 0 ");
	quiet();
}

/* Nobody asked: said only when nothing can have been missed. */
static void test_unsolicited(void **state)
{
	(void)state;
	response(ANSWER_1); /* capture began in between */
	request(READ_2);
	response(ANSWER_1);
	quiet();
	response(ANSWER_2);
	quiet();
	response(ANSWER_2);
	expect_anomaly(0, ANOMALY_UNSOLICITED, "response answers no request");
	request(READ_1);
	response("0001 0000 0005 01 04 02 0011");
	expect_anomaly(1, ANOMALY_UNSOLICITED,
		       "function of the response is not the one of its request");
	request(READ_1);
	response("0001 0000 0005 02 03 02 0011");
	expect_anomaly(2, ANOMALY_UNSOLICITED,
		       "unit of the response is not the one of its request");
	w.c.dir = PROTO_TO_SERVER;
	w.d->gap(&w.c, 12);
	response(ANSWER_2);
	assert_int_equal(w.anomalies, 3);
	/* the first request of two was lost, and all have id 0 */
	request("0000 0000 0006 01 01 0000 0001");
	response("0000 0000 0005 01 03 02 0011");
	response("0000 0000 0004 01 01 01 01");
	assert_int_equal(w.anomalies, 3);
}

/* The loss of a datagram shows nowhere else. */
static void test_unsolicited_datagram(void **state)
{
	(void)state;
	w.c.transport = PROTO_UDP;
	request(READ_1);
	response(ANSWER_1);
	response(ANSWER_2);
	quiet();
	request(READ_1);
	response("0001 0000 0005 01 04 02 0011");
	expect_anomaly(0, ANOMALY_UNSOLICITED,
		       "function of the response is not the one of its request");
}

static void test_one_direction(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 20; i++)
		response(ANSWER_1);
	quiet();
	assert_int_equal(w.op[19].request_frame, 0);
	start(state);
	for (i = 0; i < 40; i++) {
		w.c.time += 1000000000;
		request(READ_1);
	}
	quiet();
}

/* Many masters always send transaction id 0. */
static void test_constant_transaction(void **state)
{
	(void)state;
	request("0000 0000 0006 01 03 0000 0001");
	request("0000 0000 0006 01 03 0010 0002");
	request("0000 0000 0006 01 01 0000 0001");
	response("0000 0000 0005 01 03 02 0011");
	response("0000 0000 0007 01 03 04 0022 0033");
	response("0000 0000 0004 01 01 01 01");
	expect(3, "read-holding-registers read response 1 holding 0+1 0 17");
	expect(4, "read-holding-registers read response 1 holding 16+2 0 34,51");
	expect(5, "read-coils read response 1 coil 0+1 0 1");
	quiet();
	/* one is never answered; its late answer is no finding */
	request("0000 0000 0006 01 03 0000 0001");
	w.c.time += 1000000000;
	request("0000 0000 0006 01 03 0005 0001");
	response("0000 0000 0005 01 03 02 0012");
	expect(8, "read-holding-registers read response 1 holding 5+1 0 18");
	response("0000 0000 0005 01 03 02 0011");
	quiet();
}

static void test_limit(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < PENDING_MAX + 2; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%04x 0000 0006 01 03 0000 0001", i);
		request(text);
	}
	expect_anomaly(0, ANOMALY_LIMIT, "more requests wait than are remembered");
	response("0000 0000 0005 01 03 02 0011"
		 "0005 0000 0005 01 03 02 0011");
	assert_int_equal(w.anomalies, 1);
}

static void test_udp(void **state)
{
	(void)state;
	request(READ_1);
	response(ANSWER_1);
	quiet();
	expect(1, "read-holding-registers read response 1 holding 0+1 0 17");
	request("0001 0000 00");
	expect_anomaly(0, ANOMALY_MALFORMED, "datagram ends within the header");
	request("0001 0000 0006 01 03 00");
	expect_anomaly(1, ANOMALY_MALFORMED, "datagram ends within the PDU");
	request(READ_1);
	assert_int_equal(w.ops, 3);
	assert_int_equal(w.anomalies, 2);
}

static void test_rtu(void **state)
{
	(void)state;
	/* Modbus over Serial Line V1.02 gives no frames with CRC; these are computed */
	request("11 03 006b 0003 7687");
	response("11 03 06 ae41 5652 4340 49ad");
	expect(0, "read-holding-registers read request 17 holding 107+3 0 ");
	expect(1, "read-holding-registers read response 17 holding 107+3 0 44609,22098,17216");
	quiet();
	/* in pieces, two at once */
	request("11 03 00");
	request("6b 0003 7687 11 03 006b 0003 7687");
	assert_int_equal(w.ops, 4);
	/* a wrong CRC is ignored by the device; the next frame counts */
	request("11 03 006b 0003 7688");
	request("11 03 006b 0003 7687");
	assert_int_equal(w.ops, 5);
	assert_int_equal(w.anomalies, 1);
	expect_anomaly(0, ANOMALY_MALFORMED, "no RTU frame with a right CRC");
}

static enum probe_result probe(const struct dissector *d, const char *a, const char *b,
			       uint16_t port, int8_t *client)
{
	uint8_t raw[2][600];
	struct proto_probe p = {.transport = PROTO_TCP, .client = -1, .port = {1025, port}};
	enum probe_result r;

	p.side[0] = slice_of(raw[0], bytes_of(a, raw[0]));
	p.side[1] = slice_of(raw[1], bytes_of(b, raw[1]));
	r = d->probe(&p);
	*client = p.client;
	return r;
}

static void test_probe(void **state)
{
	static const struct {
		const char *a, *b;
		uint16_t port;
		enum probe_result want;
		int8_t client;
	} cases[] = {
		{READ_1, "", 502, PROBE_YES, 0},
		{READ_1, "", 1502, PROBE_YES, 0},
		{ANSWER_1, "", 1502, PROBE_YES, 1},
		{"", ANSWER_1, 1502, PROBE_YES, 0},
		{"", READ_1, 1502, PROBE_YES, 1},
		{"0001 0000 00", "", 502, PROBE_MORE, -1},
		{"0001 0000 0006 01 03 00", "", 1502, PROBE_MORE, -1},
		{"0001 0000 0003 01 83 02", "", 1502, PROBE_YES, 1},
		/* echoes: from one side nobody can tell */
		{WRITE_3, "", 502, PROBE_YES, -1},
		{WRITE_3, "", 1502, PROBE_MORE, -1},
		{WRITE_3 READ_1, "", 1502, PROBE_YES, 0},
		{WRITE_3, WRITE_3 ANSWER_2, 1502, PROBE_YES, 0},
		/* others */
		{"474554202f20485454502f312e310d0a", "", 80, PROBE_NO, -1},
		{"0300001611e00000000100c1020100c2020102c0010a", "", 102, PROBE_NO, -1},
		{"65000400000000000000000000000000000000000000000001000000", "", 44818, PROBE_NO,
		 -1},
		{"63000000000000000000000000000000000000000000000000", "", 44818, PROBE_NO, -1},
		{"0001 0000 0006 01 03 0000 0000", "", 1502, PROBE_NO, -1},
		{"0001 0000 0006 01 29 0000 0001", "", 1502, PROBE_NO, -1},
		{"0000000000000000000000000000", "", 1502, PROBE_NO, -1},
		/* bad bytes first must not hide the flow on the port of Modbus */
		{"0009 0001 0006 01 03 0000 0001" READ_1, "", 502, PROBE_YES, -1},
		{"0009 0000 0006 01 03 0000 0000", "", 502, PROBE_YES, -1},
	};
	unsigned i;
	int8_t client;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum probe_result got =
			probe(&modbus_dissector, cases[i].a, cases[i].b, cases[i].port, &client);

		if (got != cases[i].want || client != cases[i].client)
			fail_msg("case %u: %d client %d", i, got, client);
	}
}

static void test_probe_rtu(void **state)
{
	static const struct {
		const char *a, *b;
		enum probe_result want;
		int8_t client;
	} cases[] = {
		{"11 03 006b 0003 7687", "11 03 06 ae41 5652 4340 49ad", PROBE_YES, 0},
		{"11 03 06 ae41 5652 4340 49ad", "11 03 006b 0003 7687", PROBE_YES, 1},
		{"11 03 006b 0003 7687", "", PROBE_MORE, -1},
		{"11 03 006b 0003 7687 11 03 006b 0003 7687 11 03 006b 0003 7687", "", PROBE_YES,
		 0},
		{"11 03 006b 0003 7688", "", PROBE_NO, -1},
		{"11 03 006b", "", PROBE_MORE, -1},
		{READ_1, "", PROBE_NO, -1},
		/* ROC Plus: a right RTU frame, and an answer that is none */
		{"0102030406003a2f", "0102030406d70100020302", PROBE_NO, -1},
	};
	unsigned i;
	int8_t client;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum probe_result got =
			probe(&modbus_rtu_dissector, cases[i].a, cases[i].b, 9999, &client);

		if (got != cases[i].want || client != cases[i].client)
			fail_msg("case %u: %d client %d", i, got, client);
	}
}

static void test_vocab(void **state)
{
	const struct vocab_code *k;
	unsigned n = 0;

	(void)state;
	assert_ptr_equal(vocab_find("modbus"), &modbus_vocab);
	for (k = modbus_vocab.codes; k->name; k++, n++)
		assert_in_range(k->code, 1, 127);
	assert_int_equal(n, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reads, start),
		cmocka_unit_test_setup(test_writes, start),
		cmocka_unit_test_setup(test_files, start),
		cmocka_unit_test_setup(test_diagnose, start),
		cmocka_unit_test_setup(test_identity, start),
		cmocka_unit_test_setup(test_exceptions, start),
		cmocka_unit_test_setup(test_codes, start),
		cmocka_unit_test_setup(test_malformed, start),
		cmocka_unit_test_setup(test_mismatch, start),
		cmocka_unit_test_setup(test_segments, start),
		cmocka_unit_test_setup(test_resync, start),
		cmocka_unit_test_setup(test_sloppy, start),
		cmocka_unit_test_setup(test_gap, start),
		cmocka_unit_test_setup(test_unsolicited, start),
		cmocka_unit_test_setup(test_unsolicited_datagram, start),
		cmocka_unit_test_setup(test_one_direction, start),
		cmocka_unit_test_setup(test_constant_transaction, start),
		cmocka_unit_test_setup(test_limit, start),
		cmocka_unit_test_setup(test_udp, start_udp),
		cmocka_unit_test_setup(test_rtu, start_rtu),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_probe_rtu),
		cmocka_unit_test(test_vocab),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
