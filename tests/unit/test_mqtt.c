/* The MQTT dissector by itself: packets in, what it tells out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/proto.h"

extern const struct dissector mqtt_dissector;

/* What was told, a line each, as text; and a flow to tell it on. */
static char told[16384];
static size_t told_len;
static struct proto_ctx ctx;

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	told_len += (size_t)vsnprintf(told + told_len, sizeof(told) - told_len, fmt, ap);
	va_end(ap);
	assert_true(told_len < sizeof(told));
}

static void on_op(struct proto_ctx *c, const struct op *op)
{
	char object[128], values[128];

	(void)c;
	op_object_str(&op->object, object, sizeof(object));
	op_values_str(&op->values, 8, values, sizeof(values));
	tell("%s %s %s", op->name, op_role_name(op->role), op_class_name(op->cls));
	if (op->object.space)
		tell(" [%s]", object);
	if (op->values.type)
		tell(" =%s", values);
	if (op->status)
		tell(" !%u %s", op->status, op->error ? op->error : "?");
	if (op->transaction)
		tell(" #%u", (unsigned)op->transaction);
	if (op->request_frame)
		tell(" @%u", (unsigned)op->request_frame);
	if (op->actor.len)
		tell(" <%.*s>", (int)op->actor.len, (const char *)op->actor.p);
	tell("\n");
}

static void on_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	(void)c;
	tell("%s: %s\n", anomaly_name(a->kind), a->reason);
}

static void on_identity(struct proto_ctx *c, int side, const char *key, struct slice v)
{
	(void)c;
	tell("side %d %s %.*s\n", side, key, (int)v.len, (const char *)v.p);
}

static const struct proto_events events = {
	.op = on_op, .anomaly = on_anomaly, .identity = on_identity};

static int setup(void **state)
{
	(void)state;
	free(ctx.state);
	ctx = (struct proto_ctx){.events = &events, .transport = PROTO_TCP};
	ctx.state = calloc(1, mqtt_dissector.state_size);
	told_len = 0;
	told[0] = '\0';
	return ctx.state ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(ctx.state);
	ctx.state = NULL;
	return 0;
}

/* Feeds bytes as one segment; returns how many are left waiting. Each call is a frame. */
static uint32_t feed(int dir, const void *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* so that the sanitizer sees the end */
	uint32_t at = 0, n;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	ctx.dir = (uint8_t)dir;
	ctx.frame++;
	while (at < len) {
		n = mqtt_dissector.message(&ctx, copy + at, len - at);
		if (n == 0)
			break;
		at = n < len - at ? at + n : len;
	}
	free(copy);
	return len - at;
}

#define C(bytes)       feed(PROTO_TO_SERVER, bytes, sizeof(bytes) - 1)
#define S(bytes)       feed(PROTO_TO_CLIENT, bytes, sizeof(bytes) - 1)
#define CONNECT4       "\x10\x10\0\4MQTT\4\2\0\x3c\0\4plc1"
#define CONNECT5       "\x10\x11\0\4MQTT\5\2\0\x3c\0\0\4plc1"
#define CONNACK4       "\x20\2\0\0"
#define CONNACK5       "\x20\3\0\0\0"
#define expect_told(s) assert_string_equal(told, s)

static void forget(void)
{
	told_len = 0;
	told[0] = '\0';
}

static void begin4(void)
{
	C(CONNECT4);
	S(CONNACK4);
	forget();
}

static void begin5(void)
{
	C(CONNECT5);
	S(CONNACK5);
	forget();
}

static void test_connect_with_all(void **state)
{
	(void)state;
	C("\x10\x2b\0\4MQTT\4\xce\0\x3c\0\4plc1\0\4w/st\0\4gone\0\4anna\0\7geheim!");
	S("\x20\2\0\5");
	expect_told("side 0 client-id plc1\n"
		    "side 0 user-name anna\n"
		    "connect request session <plc1>\n"
		    "will request write [w/st] =gone <plc1>\n"
		    "connack response session !5 not-authorized @1 <plc1>\n");
}

static void test_connect_31(void **state)
{
	(void)state;
	/* The user name flag without a user name is good in V3.1. */
	C("\x10\x12\0\6MQIsdp\3\x82\0\x3c\0\4plc1");
	S(CONNACK4);
	/* Its SUBSCRIBE may have DUP set. */
	C("\x8a\6\0\1\0\1a\1");
	expect_told("side 0 client-id plc1\n"
		    "connect request session <plc1>\n"
		    "connack response session @1 <plc1>\n"
		    "subscribe request read [a] #1 <plc1>\n");
}

static void test_connect_5_assigned_id(void **state)
{
	(void)state;
	C("\x10\x1e\0\4MQTT\5\6\0\x3c\5\x11\0\0\0\x0a\0\0\5\x18\0\0\0\5\0\1w\0\1x");
	S("\x20\x08\0\0\5\x12\0\2z9");
	C("\xc0\0");
	expect_told("connect request session\n"
		    "will request write [w] =x\n"
		    "side 0 client-id z9\n"
		    "connack response session @1 <z9>\n"
		    "pingreq request session <z9>\n");
}

static void test_qos(void **state)
{
	(void)state;
	begin4();
	C("\x32\x08\0\2ab\0\7hi");
	S("\x40\2\0\7");
	C("\x34\x07\0\2ab\0\x08\xff");
	S("\x50\2\0\x08");
	C("\x62\2\0\x08");
	S("\x70\2\0\x08");
	S("\x32\7\0\2cd\0\7"
	  "5");
	C("\x40\2\0\7");
	expect_told("publish publish write [ab] =hi #7 <plc1>\n"
		    "puback response session [ab] #7 @3 <plc1>\n"
		    "publish publish write [ab] =ff #8 <plc1>\n"
		    "pubrec response session [ab] #8 @5 <plc1>\n"
		    "pubrel response session [ab] #8 @6 <plc1>\n"
		    "pubcomp response session [ab] #8 @7 <plc1>\n"
		    "publish publish read [cd] =5 #7 <plc1>\n"
		    "puback response session [cd] #7 @9 <plc1>\n");
}

static void test_subscribe(void **state)
{
	(void)state;
	begin4();
	C("\x82\x0a\0\1\0\1#\0\0\1+\1");
	S("\x90\4\0\1\1\x80");
	C("\xa2\5\0\2\0\1#");
	S("\xb0\2\0\2");
	C("\xc0\0");
	S("\xd0\0");
	C("\xe0\0");
	expect_told("subscribe request read [#] #1 <plc1>\n"
		    "subscribe request read [+] #1 <plc1>\n"
		    "suback response read [#] #1 @3 <plc1>\n"
		    "suback response read [+] !128 failure #1 @3 <plc1>\n"
		    "unsubscribe request session [#] #2 <plc1>\n"
		    "unsuback response session [#] #2 @5 <plc1>\n"
		    "pingreq request session <plc1>\n"
		    "pingresp response session @7 <plc1>\n"
		    "disconnect request session <plc1>\n");
}

static void test_reasons_5(void **state)
{
	(void)state;
	begin5();
	C("\x32\x08\0\2ab\0\7\0x");
	S("\x40\4\0\7\x87\0");
	C("\x32\x08\0\2ab\0\x08\0x");
	S("\x40\3\0\x08\x10");
	C("\xa2\6\0\2\0\0\1#");
	S("\xb0\4\0\2\0\x11");
	S("\xe0\1\x8e");
	expect_told("publish publish write [ab] =x #7 <plc1>\n"
		    "puback response session [ab] !135 not-authorized #7 @3 <plc1>\n"
		    "publish publish write [ab] =x #8 <plc1>\n"
		    "puback response session [ab] #8 @5 <plc1>\n"
		    "unsubscribe request session [#] #2 <plc1>\n"
		    "unsuback response session [#] #2 @7 <plc1>\n"
		    "disconnect response session !142 session-taken-over <plc1>\n");
}

static void test_alias(void **state)
{
	(void)state;
	begin5();
	C("\x30\x09\0\2ab\3\x23\0\1x"); /* sets alias 1 */
	C("\x30\x07\0\0\3\x23\0\1y");	/* uses it */
	S("\x30\x07\0\0\3\x23\0\1z");	/* the other side never set it */
	S("\x30\x07\0\0\3\x23\0\1z");
	C("\x30\x07\0\0\3\x23\0\0q"); /* 0 is none */
	C("\x30\x09\0\2ab\3\x23\0\x63w");
	expect_told("publish publish write [ab] =x <plc1>\n"
		    "publish publish write [ab] =y <plc1>\n"
		    "undecodable: topic alias whose topic is not known\n"
		    "publish publish read [] =z <plc1>\n"
		    "publish publish read [] =z <plc1>\n"
		    "malformed: topic alias 0\n"
		    "publish publish write [] =q <plc1>\n"
		    "limit-reached: topic alias beyond what is kept\n"
		    "publish publish write [ab] =w <plc1>\n");
}

static void test_violations(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t len;
		const char *reason;
	} bad[] = {
#define BAD(b, why) {b, sizeof(b) - 1, why}
		BAD("\x36\6\0\1a\0\1x", "QoS 3"),
		BAD("\x38\4\0\1ax", "DUP with QoS 0"),
		BAD("\x32\6\0\1a\0\0x", "packet identifier 0"),
		BAD("\x30\4\0\1#x", "wildcard in a topic name"),
		BAD("\x30\5\0\2a\0x", "topic is not UTF-8"),
		BAD("\x30\5\0\2\xc3\x28x", "topic is not UTF-8"),
		BAD("\x30\3\0\0x", "empty topic"),
		BAD("\x80\6\0\1\0\1a\0", "reserved flags of the fixed header"),
		BAD("\x82\6\0\1\0\1a\3", "subscription QoS 3"),
		BAD("\x82\6\0\1\0\1a\4", "reserved subscription option"),
		BAD("\x82\6\0\1\0\0\0\0", "empty topic filter"),
		BAD("\x82\7\0\1\0\2#a\0", "# inside a topic filter"),
		BAD("\x82\7\0\1\0\2+a\0", "+ inside a level of a topic filter"),
		BAD("\x82\6\0\1\0\x09"
		    "a\0",
		    "field runs over the packet"),
		BAD("\x30\5\0\xffxyz", "topic runs over the packet"),
		BAD("\xc0\1\0", "remaining length impossible for the packet type"),
		BAD("\x40\x80\x80\x01", "remaining length impossible for the packet type"),
		BAD("\x40\xff\xff\xff\xff\x01", "remaining length over four bytes"),
		BAD("\x00\0", "reserved packet type"),
		BAD("\xf0\0", "reserved packet type"),
		BAD("\x20\2\0\0", "packet of the other side"),
		BAD("\x10\x10\0\4MQTT\4\x1a\0\x3c\0\4plc1", "will QoS 3"),
		BAD("\x10\x10\0\4MQTT\6\2\0\x3c\0\4plc1", "protocol level"),
		BAD("\x10\x10\0\4MQTX\4\2\0\x3c\0\4plc1", "protocol name"),
		BAD("\x10\x10\0\4MQTT\4\3\0\x3c\0\4plc1", "reserved connect flag"),
	};
	char want[128];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		setup(state);
		begin4();
		/* Bad between two good ones, all in one segment: neither hides. */
		uint8_t all[128];
		uint32_t n = 0;

		memcpy(all, "\xc0\0", 2);
		n = 2;
		memcpy(all + n, bad[i].bytes, bad[i].len);
		n += bad[i].len;
		memcpy(all + n, "\x30\x0b\0\4next fine", 13);
		n += 13;
		feed(PROTO_TO_SERVER, all, n);
		snprintf(want, sizeof(want), "malformed: %s\n", bad[i].reason);
		if (!strstr(told, want) || !strstr(told, "[next] = fine") ||
		    strncmp(told, "pingreq", 7) != 0)
			fail_msg("%s gave\n%s", bad[i].reason, told);
	}
}

/* A good packet behind a bad one in every position of the segments, from both sides. */
static void test_resync_over_segments(void **state)
{
	static const char bytes[] = "\x40\xff\xff\xff\xff\x01zz\x30\x0b\0\4next fine\xc0\0";
	uint32_t cut, left;
	uint8_t rest[64];

	for (cut = 1; cut < sizeof(bytes) - 1; cut++) {
		setup(state);
		begin4();
		left = feed(PROTO_TO_CLIENT, bytes, cut);
		memcpy(rest, bytes + cut - left, sizeof(bytes) - 1 - cut + left);
		feed(PROTO_TO_CLIENT, rest, sizeof(bytes) - 1 - cut + left);
		if (!strstr(told, "[next] = fine") || !strstr(told, "malformed: "))
			fail_msg("cut at %u gave\n%s", cut, told);
	}
}

static void test_gap(void **state)
{
	(void)state;
	begin4();
	ctx.dir = PROTO_TO_CLIENT;
	mqtt_dissector.gap(&ctx, 100);
	S("est of a message\x30\x0b\0\4next fine\xd0\0");
	S("\x40\2\0\7"); /* its PUBLISH may have been in the gap */
	expect_told("publish publish read [next] = fine <plc1>\n"
		    "pingresp response session <plc1>\n"
		    "puback response session #7 <plc1>\n");
}

static void test_unsolicited(void **state)
{
	(void)state;
	begin4();
	S("\x40\2\0\7");
	expect_told("unsolicited-response: acknowledgement of an unknown packet identifier\n"
		    "puback response session #7 <plc1>\n");
}

static void test_reserved_codes(void **state)
{
	(void)state;
	begin4();
	C("\x82\6\0\1\0\1a\0");
	S("\x90\3\0\1\x03");
	C(CONNECT4);
	S("\x20\2\0\x06");
	expect_told("subscribe request read [a] #1 <plc1>\n"
		    "reserved-code: code not assigned for this packet\n"
		    "suback response read [a] #1 @3 <plc1>\n"
		    "malformed: second CONNECT\n"
		    "side 0 client-id plc1\n"
		    "connect request session <plc1>\n"
		    "reserved-code: code not assigned for this packet\n"
		    "connack response session !6 ? @5 <plc1>\n");
}

static void test_midstream_versions(void **state)
{
	(void)state;
	S("\x30\x06\0\2ab42"); /* 3.1.1: text follows at once */
	expect_told("publish publish read [ab] =42\n");
	setup(state);
	S("\x30\x0c\0\2ab\5\x02\0\0\0\x09qw"); /* 5: properties */
	S("\x30\x06\0\2ab\0z");
	expect_told("publish publish read [ab] =qw\npublish publish read [ab] =z\n");
	setup(state);
	S("\x30\x07\0\2ab\0qz");     /* 5: no properties, then text */
	S("\x30\x08\0\2ab\0\1\2\3"); /* and a binary message of 3.1.1 */
	expect_told("publish publish read [ab] =qz\npublish publish read [ab] =00010203\n");
	setup(state);
	C("\x82\7\0\1\0\0\1a\0"); /* 5 */
	C("\x30\x05\0\1a\0z");
	expect_told("subscribe request read [a] #1\npublish publish write [a] =z\n");
}

static void test_large_publish(void **state)
{
	static uint8_t big[20000] = {0x30, 0x80, 0x80, 0x10, 0, 3, 'b', 'i', 'g'};
	uint32_t total = 4 + (0x10u << 14);

	(void)state;
	begin4();
	ctx.dir = PROTO_TO_SERVER;
	ctx.frame++;
	assert_int_equal(mqtt_dissector.message(&ctx, big, 1000), 0);
	assert_int_equal(mqtt_dissector.message(&ctx, big, sizeof(big)), total);
	assert_non_null(strstr(told, "publish publish write [big] =0000"));
}

static void test_split_anywhere(void **state)
{
	static const char all[] = CONNECT4 "\x30\x0b\0\4next fine"
					   "\x82\6\0\1\0\1a\0\xc0\0";
	uint32_t cut, left, n = sizeof(all) - 1;
	char whole[1024];

	feed(PROTO_TO_SERVER, all, n);
	memcpy(whole, told, told_len + 1);
	for (cut = 1; cut < n; cut++) {
		setup(state);
		left = feed(PROTO_TO_SERVER, all, cut);
		feed(PROTO_TO_SERVER, all + cut - left, n - cut + left);
		expect_told(whole);
	}
}

static enum probe_result probe(const char *a, uint32_t an, const char *b, uint32_t bn,
			       uint16_t port, bool last, int *client)
{
	struct proto_probe p = {
		.side = {slice_of(a, an), slice_of(b, bn)},
		.port = {50000, port},
		.transport = PROTO_TCP,
		.last = last,
		.client = -1,
	};
	enum probe_result r = mqtt_dissector.probe(&p);

	*client = p.client;
	return r;
}

#define PROBE(a, b, port, last) probe(a, sizeof(a) - 1, b, sizeof(b) - 1, port, last, &client)

static void test_probe(void **state)
{
	int client;

	(void)state;
	assert_int_equal(PROBE(CONNECT4, "", 7, false), PROBE_YES);
	assert_int_equal(client, 0);
	assert_int_equal(PROBE("", CONNECT5, 7, false), PROBE_YES);
	assert_int_equal(client, 1);
	assert_int_equal(PROBE("", CONNACK4, 7, false), PROBE_YES);
	assert_int_equal(client, 0);
	assert_int_equal(PROBE("\xd0\0", "", 1883, false), PROBE_YES);
	assert_int_equal(client, 1); /* whoever spoke first, and on whatever port */
	assert_int_equal(PROBE("\xc0\0", "", 7, false), PROBE_MORE);
	assert_int_equal(PROBE("\xc0\0", "", 7, true), PROBE_NO);
	assert_int_equal(PROBE("\xc0\0", "\xd0\0", 7, false), PROBE_YES);
	assert_int_equal(client, 0);
	assert_int_equal(PROBE("\x30\x0b\0\4next fine", "", 1883, false), PROBE_YES);
	assert_int_equal(client, -1);
	assert_int_equal(PROBE("\x30\x0b\0\4next fine", "", 7, false), PROBE_MORE);
	assert_int_equal(PROBE("\x30\x0b\0\4next fine", "", 7, true), PROBE_YES);
	assert_int_equal(PROBE("\x30\x0b\0\4next fine\x82\6\0\1\0\1a\0", "", 7, false), PROBE_YES);
	assert_int_equal(client, 0);
	assert_int_equal(PROBE("GET / HTTP/1.1\r\n", "", 7, false), PROBE_NO);
	assert_int_equal(PROBE("0123456789", "", 7, false), PROBE_NO);
	assert_int_equal(PROBE("\0\1\0\0\0\6\1\3\0\0\0\1", "", 7, false), PROBE_NO);
	assert_int_equal(PROBE("\x10", "", 7, false), PROBE_MORE);
	assert_int_equal(PROBE("essage\x30\x0b\0\4next fine\xd0\0", "", 1883, false), PROBE_YES);
	assert_int_equal(PROBE("\xc0\0\xd0\0", "", 7, false), PROBE_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_connect_with_all),
		T(test_connect_31),
		T(test_connect_5_assigned_id),
		T(test_qos),
		T(test_subscribe),
		T(test_reasons_5),
		T(test_alias),
		T(test_violations),
		T(test_resync_over_segments),
		T(test_gap),
		T(test_unsolicited),
		T(test_reserved_codes),
		T(test_midstream_versions),
		T(test_large_publish),
		T(test_split_anywhere),
		T(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
