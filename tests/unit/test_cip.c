/* CIP messages: bytes in, ops out. The bytes are written after the standard, field by field. */
#include "enip_recorder.h"

static void le(uint8_t *p, unsigned bytes, uint32_t v)
{
	while (bytes--) {
		*p++ = (uint8_t)v;
		v >>= 8;
	}
}

/* SendRRData with this CIP message; context counts the questions. */
static void ucmm(enum proto_dir dir, uint8_t context, const char *hex)
{
	uint8_t m[4096] = {0x6f};
	uint32_t n = unhex(hex, m + 40, sizeof(m) - 40);

	le(m + 2, 2, 16 + n);
	le(m + 4, 4, 0x100);
	m[12] = context;
	m[30] = 2;
	m[36] = 0xb2;
	le(m + 38, 2, n);
	assert_int_equal(recorder_feed(r, dir, m, 40 + n), 0);
}

/* SendUnitData on a connection. */
static void connected(enum proto_dir dir, uint32_t id, uint16_t sequence, const char *hex)
{
	uint8_t m[4096] = {0x70};
	uint32_t n = unhex(hex, m + 46, sizeof(m) - 46);

	le(m + 2, 2, 22 + n);
	le(m + 4, 4, 0x100);
	m[30] = 2;
	m[32] = 0xa1;
	m[34] = 4;
	le(m + 36, 4, id);
	m[40] = 0xb1;
	le(m + 42, 2, n + 2);
	le(m + 44, 2, sequence);
	assert_int_equal(recorder_feed(r, dir, m, 46 + n), 0);
}

/* I/O datagram. */
static void io(enum proto_dir dir, uint32_t id, uint32_t sequence, const char *hex)
{
	uint8_t m[2048] = {2, 0, 0x02, 0x80, 8, 0};
	uint32_t n = unhex(hex, m + 18, sizeof(m) - 18);

	le(m + 6, 4, id);
	le(m + 10, 4, sequence);
	m[14] = 0xb1;
	le(m + 16, 2, n);
	assert_int_equal(recorder_feed(r, dir, m, 18 + n), 0);
}

#define ASK   PROTO_TO_SERVER
#define REPLY PROTO_TO_CLIENT

static void test_attribute_single(void **state)
{
	(void)state;
	ucmm(ASK, 1, "0e 03 20 04 24 64 30 03");
	recorder_expect(r, "request cip read get-attribute-single 0x0e object 4/100/3\n");
	ucmm(REPLY, 1, "8e 00 00 00 11 22");
	recorder_expect(r,
			"response cip read get-attribute-single 0x0e object 4/100/3 = 1122 of 1\n");
	/* the same service is for something else on another object */
	ucmm(ASK, 2, "10 03 20 04 24 64 30 03 2a 00");
	recorder_expect(r, "request cip write set-attribute-single 0x10 object 4/100/3 = 2a00\n");
	ucmm(ASK, 3, "10 03 20 f5 24 01 30 03 02 00 00 00");
	recorder_expect(r,
			"request cip config set-attribute-single 0x10 object 245/1/3 = 02000000\n");
	ucmm(REPLY, 3, "90 00 0f 00");
	recorder_expect(r, "response cip config set-attribute-single 0x10 object 245/1/3 status "
			   "0x0f privilege-violation of 4\n");
}

static void test_control(void **state)
{
	(void)state;
	ucmm(ASK, 1, "05 02 20 01 24 01");
	ucmm(ASK, 2, "07 02 20 64 24 01");
	ucmm(ASK, 3, "06 02 20 8e 24 01");
	ucmm(ASK, 4, "4b 02 20 a1 24 01 00");
	ucmm(ASK, 5, "08 02 20 6b 24 00");
	ucmm(ASK, 6, "4c 02 20 37 24 c8");
	recorder_expect(r, "request cip control reset 0x05 object 1/1\n"
			   "request cip control stop 0x07 object 100/1\n"
			   "request cip control start 0x06 object 142/1\n"
			   "request cip firmware object-specific-service 0x4b object 161/1 = 00\n"
			   "request cip program create 0x08 object 107/0\n"
			   "request cip file initiate-download 0x4c object 55/200\n");
}

/* 16 and 32 bit logical segments, member, electronic key, ports, data and network segments */
static void test_paths(void **state)
{
	(void)state;
	ucmm(ASK, 1, "0e 06 21 00 00 03 25 00 34 12 31 00 07 01");
	ucmm(ASK, 2, "0e 06 20 6b 26 00 04 03 02 01 31 00 01 00");
	ucmm(ASK, 3, "01 07 34 04 01 00 0c 00 36 00 14 01 20 01 24 01");
	ucmm(ASK, 4, "01 04 20 01 24 01 80 01 aa bb");
	ucmm(ASK, 5, "01 03 43 05 20 01 24 01");
	recorder_expect(r, "request cip read get-attribute-single 0x0e object 768/4660/263\n"
			   "request cip discover get-attribute-single 0x0e object 107/16909060/1\n"
			   "request cip discover get-attributes-all 0x01 object 1/1\n"
			   "request cip discover get-attributes-all 0x01 object 1/1\n"
			   "request cip discover get-attributes-all 0x01 object 1/1\n");
}

static void test_bad_paths(void **state)
{
	(void)state;
	ucmm(ASK, 1, "0e 05 20 04 24 64");
	recorder_expect(r, "malformed cip request shorter than its path\n");
	ucmm(ASK, 2, "0e 02 20 04 25 00");
	recorder_expect(r, "malformed cip path ends inside a segment\n"
			   "request cip read get-attribute-single 0x0e object 4\n");
	ucmm(ASK, 3, "0e 01 c4 00");
	recorder_expect(r, "malformed cip segment of a kind that paths do not have\n"
			   "request cip read get-attribute-single 0x0e\n");
	ucmm(ASK, 4, "0e 00");
	recorder_expect(r, "malformed cip path without class or symbol\n"
			   "request cip read get-attribute-single 0x0e\n");
	ucmm(ASK, 5, "70 02 20 04 24 01");
	recorder_expect(r, "reserved-code cip service code is not assigned\n"
			   "request cip config reserved-service 0x70 object 4/1\n");
	/* which of the two counts is for each device to say */
	ucmm(ASK, 6, "10 04 20 04 24 64 20 04 24 65 07");
	ucmm(ASK, 7, "10 03 20 04 24 64 2c 65 07");
	recorder_expect(r, "malformed cip class, instance or attribute twice in a path\n"
			   "request cip write set-attribute-single 0x10 object 4/100 = 07\n"
			   "malformed cip class, instance or attribute twice in a path\n"
			   "request cip write set-attribute-single 0x10 object 4/100 = 07\n");
}

static void test_tags(void **state)
{
	(void)state;
	ucmm(ASK, 1, "4c 05 91 05 53 70 65 65 64 00 28 03 02 00");
	recorder_expect(r, "request cip read read-tag 0x4c tag Speed[3] count 2\n");
	ucmm(REPLY, 1, "cc 00 00 00 c3 00 07 00 fe ff");
	recorder_expect(r, "response cip read read-tag 0x4c tag Speed[3] count 2 = 7,-2 of 1\n");
	/* Program:Main.Grid[1,2].Out = 1.5 */
	ucmm(ASK, 2,
	     "4d 10 91 0c 50 72 6f 67 72 61 6d 3a 4d 61 69 6e 91 04 47 72 69 64 28 01 28 02 "
	     "91 03 4f 75 74 00 00 00 ca 00 01 00 00 00 c0 3f");
	recorder_expect(r,
			"request cip write write-tag 0x4d tag Program:Main.Grid[1,2].Out count 1 "
			"= 1.5\n");
	ucmm(REPLY, 2, "cd 00 ff 01 05 21");
	recorder_expect(r,
			"response cip write write-tag 0x4d tag Program:Main.Grid[1,2].Out status "
			"0xff object-specific-error of 3\n");
	/* a structure stays raw, without type and handle */
	ucmm(ASK, 3, "4c 02 91 02 61 62 01 00");
	ucmm(REPLY, 3, "cc 00 00 00 a0 02 ce 0f 01 02 03");
	recorder_expect(r, "request cip read read-tag 0x4c tag ab count 1\n"
			   "response cip read read-tag 0x4c tag ab = 010203 of 5\n");
	/* a member is not the tag of that name, nor is a program */
	ucmm(ASK, 4, "4c 06 20 6b 25 00 05 00 91 03 4f 75 74 00 01 00");
	ucmm(ASK, 5, "4c 06 91 03 4f 75 74 00 20 6b 25 00 05 00 01 00");
	recorder_expect(r, "request cip read read-tag 0x4c tag 107/5.Out count 1\n"
			   "request cip read read-tag 0x4c tag Out.107/5 count 1\n");
}

static void test_fragments(void **state)
{
	(void)state;
	/* 100 DINT from Data[10] on, this piece at byte 8 */
	ucmm(ASK, 1,
	     "53 04 91 04 44 61 74 61 28 0a c4 00 64 00 08 00 00 00 01 00 00 00 02 00 00 00");
	recorder_expect(r,
			"request cip write write-tag-fragmented 0x53 tag Data[12] count 2 = 1,2\n");
	ucmm(REPLY, 1, "d3 00 00 00");
	recorder_expect(r, "response cip write write-tag-fragmented 0x53 tag Data[10] of 1\n");
	ucmm(ASK, 2, "52 04 91 04 44 61 74 61 28 0a 64 00 10 00 00 00");
	recorder_expect(r, "request cip read read-tag-fragmented 0x52 tag Data[10] count 100\n");
	ucmm(REPLY, 2, "d2 00 06 00 c4 00 09 00 00 00");
	recorder_expect(r, "response cip read read-tag-fragmented 0x52 tag Data[14] count 1 = 9 "
			   "status 0x06 partial-transfer of 3\n");
}

static void test_read_modify_write(void **state)
{
	(void)state;
	ucmm(ASK, 1, "4e 02 91 01 41 00 02 00 01 00 ff fe");
	recorder_expect(r, "request cip write read-modify-write-tag 0x4e tag A = 0100fffe\n");
	ucmm(REPLY, 1, "ce 00 00 00");
	recorder_expect(r, "response cip write read-modify-write-tag 0x4e tag A of 1\n");
}

static void test_multiple(void **state)
{
	(void)state;
	ucmm(ASK, 1,
	     "0a 02 20 02 24 01 02 00 06 00 0e 00 4c 02 91 01 41 00 01 00 4d 02 91 01 42 00 c3 00 "
	     "01 00 05 00");
	recorder_expect(r, "request cip session multiple-service-packet 0x0a object 2/1\n"
			   "request cip read read-tag 0x4c tag A count 1\n"
			   "request cip write write-tag 0x4d tag B count 1 = 5\n");
	ucmm(REPLY, 1, "8a 00 1e 00 02 00 06 00 0e 00 cc 00 00 00 c3 00 07 00 cd 00 05 00");
	recorder_expect(r, "response cip session multiple-service-packet 0x0a object 2/1 status "
			   "0x1e embedded-service-error of 1\n"
			   "response cip read read-tag 0x4c tag A count 1 = 7 of 1\n"
			   "response cip write write-tag 0x4d tag B status 0x05 "
			   "path-destination-unknown of 1\n");
	/* an impossible offset does not hide the others */
	ucmm(ASK, 2,
	     "0a 02 20 02 24 01 03 00 f0 00 08 00 10 00 4c 02 91 01 41 00 01 00 4c 02 91 01 42 00 "
	     "01 00");
	recorder_expect(r, "request cip session multiple-service-packet 0x0a object 2/1\n"
			   "malformed cip offset of a service is impossible\n"
			   "request cip read read-tag 0x4c tag A count 1\n"
			   "request cip read read-tag 0x4c tag B count 1\n");
}

static void test_multiple_limit(void **state)
{
	static char hex[16384];
	unsigned i, n = 201;
	size_t len;

	(void)state;
	len = (size_t)snprintf(hex, sizeof(hex), "0a 02 20 02 24 01 %02x 00 ", n);
	for (i = 0; i < n; i++) {
		unsigned at = 2 + n * 2 + i * 8;

		len += (size_t)snprintf(hex + len, sizeof(hex) - len, "%02x %02x ", at & 0xff,
					at >> 8);
	}
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(hex + len, sizeof(hex) - len, "4c 02 91 01 41 00 01 00 ");
	ucmm(ASK, 1, hex);
	assert_int_equal(r->ops, 201); /* the wrapper and 200 inside */
	assert_int_equal(r->anomalies, 1);
	assert_non_null(strstr(r->text, "limit-reached cip more services in one packet"));
}

static void test_nesting_limit(void **state)
{
	/* each level adds 10 bytes in front: service, path, count 1, offset 4 */
	char hex[1024] = "0e 03 20 04 24 64 30 03";
	char next[1024];
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++) {
		snprintf(next, sizeof(next), "0a 02 20 02 24 01 01 00 04 00 %s", hex);
		memcpy(hex, next, sizeof(hex));
	}
	ucmm(ASK, 1, hex);
	assert_int_equal(r->ops, 4);
	assert_non_null(strstr(r->text, "limit-reached cip messages nested too deep"));
}

static void test_unconnected_send(void **state)
{
	(void)state;
	ucmm(ASK, 1, "52 02 20 06 24 01 07 e9 08 00 4c 02 91 01 41 00 01 00 01 00 01 03");
	recorder_expect(r, "request cip session unconnected-send 0x52 object 6/1\n"
			   "request cip read read-tag 0x4c tag A count 1 unit 3\n");
	ucmm(REPLY, 1, "cc 00 00 00 c2 00 fb");
	recorder_expect(r, "response cip read read-tag 0x4c tag A count 1 unit 3 = -5 of 1\n");
	/* routing failed: the answer is the Connection Manager's own; odd message, padded */
	ucmm(ASK, 2, "52 02 20 06 24 01 07 e9 07 00 10 02 20 04 24 01 05 00 01 00 01 09");
	ucmm(REPLY, 2, "d2 00 01 01 04 02 00");
	recorder_expect(r, "request cip session unconnected-send 0x52 object 6/1\n"
			   "request cip write set-attribute-single 0x10 object 4/1 unit 9 = 05\n"
			   "response cip session unconnected-send 0x52 object 6/1 status 0x01 "
			   "connection-failure of 3\n");
	ucmm(ASK, 3, "52 02 20 06 24 01 07 e9 40 00 4c 02");
	recorder_expect(r, "request cip session unconnected-send 0x52 object 6/1\n"
			   "malformed cip Unconnected Send ends before its route\n");
}

static void test_identity(void **state)
{
	(void)state;
	ucmm(ASK, 1, "01 02 20 01 24 01");
	ucmm(REPLY, 1, "81 00 00 00 01 00 0e 00 36 00 14 0b 60 31 78 56 34 12 03 50 4c 43");
	recorder_expect(r, "request cip discover get-attributes-all 0x01 object 1/1\n"
			   "identity 1 vendor Rockwell Automation/Allen-Bradley\n"
			   "identity 1 device-type 14\n"
			   "identity 1 product-code 54\n"
			   "identity 1 revision 20.11\n"
			   "identity 1 serial 12345678\n"
			   "identity 1 product-name PLC\n"
			   "response cip discover get-attributes-all 0x01 object 1/1 = "
			   "01000e003600140b60317856341203504c43 of 1\n");
	ucmm(ASK, 2, "0e 03 20 01 24 01 30 01");
	ucmm(REPLY, 2, "8e 00 00 00 2f 00");
	recorder_expect(r, "request cip discover get-attribute-single 0x0e object 1/1/1\n"
			   "identity 1 vendor OMRON\n"
			   "response cip discover get-attribute-single 0x0e object 1/1/1 = 2f00 of "
			   "3\n");
}

#define OPEN_IO                                                                                    \
	"54 02 20 06 24 01 0a 0e 00 00 00 00 44 33 22 11 01 00 4d 00 78 56 34 12 02 00 00 00 "     \
	"10 27 00 00 26 48 10 27 00 00 2a 48 01 04 20 04 24 97 2c 96 2c 64"
#define OPEN_IO_REPLY                                                                              \
	"d4 00 00 00 dd cc bb aa 44 33 22 11 01 00 4d 00 78 56 34 12 10 27 00 00 10 27 00 00 00 "  \
	"00"

static void test_io(void **state)
{
	(void)state;
	ucmm(ASK, 1, OPEN_IO);
	ucmm(REPLY, 1, OPEN_IO_REPLY);
	assert_int_equal(r->ops, 2);
	assert_int_equal(r->anomalies, 0);
	recorder_expect(r, r->text);

	recorder_flow(r, PROTO_UDP);
	io(ASK, 0xaabbccdd, 1, "01 00 01 00 00 00 55 66");
	recorder_expect(r, "publish cip write io-data 0x00 io-connection 4/150/2864434397 count 1 "
			   "= 5566\n");
	io(ASK, 0xaabbccdd, 2, "02 00 00 00 00 00 55 66");
	recorder_expect(r, "publish cip write io-data-idle 0x00 io-connection 4/150/2864434397 "
			   "count 1 = 5566\n");
	io(REPLY, 0x11223344, 1, "01 00 77 88");
	recorder_expect(r, "publish cip read io-data 0x00 io-connection 4/100/287454020 count 1 "
			   "= 7788\n");
	/* the id alone is not enough: it must come from its sender */
	io(REPLY, 0xaabbccdd, 1, "01 00 77 88");
	io(REPLY, 0xaabbccdd, 2, "02 00 77 88");
	recorder_expect(r, "undecodable cip I/O of a connection whose Forward Open was not seen\n"
			   "publish cip read io-data 0x00 io-connection 2864434397 count 1 = "
			   "01007788\n"
			   "publish cip read io-data 0x00 io-connection 2864434397 count 1 = "
			   "02007788\n");

	/* closed: known no more */
	recorder_flow(r, PROTO_TCP);
	ucmm(ASK, 2, "4e 02 20 06 24 01 0a 0e 01 00 4d 00 78 56 34 12 02 00 20 04 24 97");
	ucmm(REPLY, 2, "ce 00 00 00 01 00 4d 00 78 56 34 12 00 00");
	assert_non_null(strstr(r->text, "request cip session forward-close 0x4e object 6/1"));
	recorder_expect(r, r->text);
	recorder_flow(r, PROTO_UDP);
	io(ASK, 0xaabbccdd, 3, "03 00 01 00 00 00 55 66");
	assert_non_null(strstr(r->text, "undecodable"));
}

static void test_connected(void **state)
{
	(void)state;
	/* class 3 to the Message Router in slot 2 */
	ucmm(ASK, 1,
	     "54 02 20 06 24 01 0a 0e 00 00 00 00 02 00 00 00 05 00 4d 00 01 00 00 00 02 00 00 00 "
	     "10 27 00 00 f4 43 10 27 00 00 f4 43 a3 03 01 02 20 02 24 01");
	ucmm(REPLY, 1,
	     "d4 00 00 00 01 00 00 00 02 00 00 00 05 00 4d 00 01 00 00 00 10 27 00 00 10 27 00 00 "
	     "00 00");
	recorder_expect(r, r->text);
	connected(ASK, 1, 9, "4c 02 91 01 41 00 01 00");
	connected(ASK, 1, 10, "4c 02 91 01 42 00 01 00");
	connected(REPLY, 2, 10, "cc 00 00 00 c1 00 01");
	connected(REPLY, 2, 9, "cc 00 00 00 c1 00 00");
	recorder_expect(r, "request cip read read-tag 0x4c tag A count 1 unit 2\n"
			   "request cip read read-tag 0x4c tag B count 1 unit 2\n"
			   "response cip read read-tag 0x4c tag B count 1 unit 2 = 1 of 4\n"
			   "response cip read read-tag 0x4c tag A count 1 unit 2 = 0 of 3\n");
	connected(REPLY, 2, 11, "cc 00 00 00 c1 00 00");
	recorder_expect(r, "response cip read read-tag 0x4c count 1 unit 2 = 0\n"
			   "unsolicited-response enip reply to nothing that was asked\n");
}

/* The Forward Open was before the capture: what reads as CIP is CIP, the rest is said once. */
static void test_connected_unknown(void **state)
{
	(void)state;
	connected(REPLY, 2, 8, "cc 00 00 00 c1 00 01");
	connected(ASK, 1, 9, "4c 02 91 01 41 00 01 00");
	connected(REPLY, 2, 9, "cc 00 00 00 c1 00 01");
	recorder_expect(r, "response cip read read-tag 0x4c count 1 = 1\n"
			   "request cip read read-tag 0x4c tag A count 1\n"
			   "response cip read read-tag 0x4c tag A count 1 = 1 of 2\n");
	connected(ASK, 7, 1, "01 02 03 04 05 06");
	connected(ASK, 7, 2, "01 02 03 04 05 06");
	recorder_expect(r, "undecodable cip connection whose Forward Open was not seen\n");
}

static void test_pccc(void **state)
{
	(void)state;
	/* N7:5, two words */
	ucmm(ASK, 1, "4b 02 20 67 24 01 07 4d 00 01 02 03 04 0f 00 34 12 a2 04 07 89 05 00");
	ucmm(REPLY, 1, "cb 00 00 00 07 4d 00 01 02 03 04 4f 00 34 12 01 00 ff ff");
	recorder_expect(r, "request cip session execute-pccc 0x4b object 103/1\n"
			   "request pccc read protected-typed-logical-read-3 0xfa2 data-file N7:5 "
			   "count 2\n"
			   "response cip session execute-pccc 0x4b object 103/1 of 1\n"
			   "response pccc read protected-typed-logical-read-3 0xfa2 data-file N7:5 "
			   "count 2 = 1,-1 of 1\n");
	ucmm(ASK, 2, "4b 02 20 67 24 01 07 4d 00 01 02 03 04 0f 00 35 12 80 06");
	ucmm(REPLY, 2, "cb 00 00 00 07 4d 00 01 02 03 04 4f f0 35 12 0b");
	recorder_expect(r, "request cip session execute-pccc 0x4b object 103/1\n"
			   "request pccc control change-mode 0xf80 = 06\n"
			   "response cip session execute-pccc 0x4b object 103/1 of 3\n"
			   "response pccc control change-mode 0xf80 status 0xf0 "
			   "access-denied-improper-privilege of 3\n");
	/* PLC-5 typed write, N10:3, two integers */
	ucmm(ASK, 3,
	     "4b 02 20 67 24 01 07 4d 00 01 02 03 04 0f 00 36 12 67 00 00 02 00 06 0a 03 99 09 05 "
	     "42 01 00 02 00");
	recorder_expect(r, "request cip session execute-pccc 0x4b object 103/1\n"
			   "request pccc write typed-write 0xf67 data-file ?10:3 count 2 = 1,2\n");
	/* F8:1, one float written */
	ucmm(ASK, 4,
	     "4b 02 20 67 24 01 07 4d 00 01 02 03 04 0f 00 37 12 aa 04 08 8a 01 00 00 00 c0 3f");
	recorder_expect(r,
			"request cip session execute-pccc 0x4b object 103/1\n"
			"request pccc write protected-typed-logical-write-3 0xfaa data-file F8:1 "
			"count 1 = 1.5\n");
	/* typed read, logical ASCII address */
	ucmm(ASK, 5,
	     "4b 02 20 67 24 01 07 4d 00 01 02 03 04 0f 00 38 12 68 00 00 01 00 00 24 4e 37 3a 31 "
	     "00 01 00");
	ucmm(ASK, 6, "4b 02 20 67 24 01 07 4d 00 01 02 03 04 0f 00 39 12 fe");
	recorder_expect(r, "request cip session execute-pccc 0x4b object 103/1\n"
			   "request pccc read typed-read 0xf68 data-file N7:1 count 1\n"
			   "request cip session execute-pccc 0x4b object 103/1\n"
			   "reserved-code pccc function is not in the command set\n"
			   "request pccc config unlisted-function 0xffe\n");
}

/* The originator of an I/O connection is the client of its datagrams, whoever sends first. */
static void test_io_client(void **state)
{
	static const uint8_t from_target[] = {2, 0, 0x02, 0x80, 8,    0, 0x44, 0x33, 0x22, 0x11,
					      1, 0, 0,	  0,	0xb1, 0, 2,    0,    1,	   0};
	struct proto_probe p = {
		.side = {slice_of(from_target, sizeof(from_target))},
		.port = {2222, 2222},
		.addr = {r->c.addr[1], r->c.addr[0]},
		.shared = r->c.shared,
		.transport = PROTO_UDP,
		.last = true,
		.client = -1,
	};

	(void)state;
	assert_int_equal(enip_dissector.probe(&p), PROBE_YES);
	assert_int_equal(p.client, -1);
	ucmm(ASK, 1, OPEN_IO);
	ucmm(REPLY, 1, OPEN_IO_REPLY);
	assert_int_equal(enip_dissector.probe(&p), PROBE_YES);
	assert_int_equal(p.client, 1);
}

/* Every connection is found again until a set of the table is full; that is told. */
static void test_connection_limit(void **state)
{
	char ask[sizeof(OPEN_IO)], reply[sizeof(OPEN_IO_REPLY)], number[16];
	unsigned i, n = 6000;

	(void)state;
	memcpy(ask, OPEN_IO, sizeof(ask));
	memcpy(reply, OPEN_IO_REPLY, sizeof(reply));
	for (i = 0; i < n; i++) {
		/* the connection serial number, and both ids with it */
		snprintf(number, sizeof(number), "%02x %02x", i & 0xff, i >> 8);
		memcpy(ask + 3 * 16, number, 5);
		memcpy(reply + 3 * 12, number, 5);
		memcpy(reply + 3 * 4, number, 5);
		memcpy(reply + 3 * 8, number, 5);
		ucmm(ASK, 1, ask);
		ucmm(REPLY, 1, reply);
		if (i == 500)
			assert_int_equal(r->anomalies, 0);
		recorder_expect(r, r->text);
	}
	assert_int_equal(r->ops, 2 * n);
	assert_true(r->anomalies >= n - 4096);
	/* the last one is known */
	recorder_flow(r, PROTO_UDP);
	io(REPLY, 0x11220000 | (n - 1), 1, "01 00 77 88");
	recorder_expect(r, "publish cip read io-data 0x00 io-connection 4/100/287446895 count 1 "
			   "= 7788\n");
}

/* Some targets answer without the reply bit: the request that waits tells. */
static void test_reply_without_bit(void **state)
{
	(void)state;
	ucmm(ASK, 1, "0e 03 20 04 24 64 30 03");
	ucmm(REPLY, 1, "0e 00 00 00 11");
	recorder_expect(r,
			"request cip read get-attribute-single 0x0e object 4/100/3\n"
			"malformed cip reply without the reply bit\n"
			"response cip read get-attribute-single 0x0e object 4/100/3 = 11 of 1\n");
}

/* Replies alone, as a mirror of one direction shows them. */
static void test_replies_alone(void **state)
{
	(void)state;
	ucmm(REPLY, 1, "ce 00 00 00 01 00 4d 00 78 56 34 12 00 00");
	ucmm(REPLY, 2, "ce 00 00 00");
	ucmm(REPLY, 3, "d2 00 04 00");
	recorder_expect(r, "response cip session forward-close 0x4e = 01004d00785634120000\n"
			   "response cip write read-modify-write-tag 0x4e\n"
			   "response cip session unconnected-send 0x52 status 0x04 "
			   "path-segment-error\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_attribute_single, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_modify_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiple, setup, teardown),
		cmocka_unit_test_setup_teardown(test_multiple_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nesting_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unconnected_send, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connection_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connected_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pccc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reply_without_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replies_alone, setup, teardown),
	};

	return cmocka_run_group_tests_name("cip", tests, NULL, NULL);
}
