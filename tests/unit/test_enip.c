/* Encapsulation: who is the client, where messages begin and end, what each command becomes. */
#include "enip_recorder.h"

/* command, length, session, status, context, options */
#define HEAD(command, length, session, status, context)                                            \
	command " 00 " length " 00 " session " 00 00 00 " status " 00 00 00 " context              \
		" 00 00 00 00 00 00 00 00 00 00 00 "
#define REGISTER	   HEAD("65", "04", "00", "00", "01") "01 00 00 00 "
#define REGISTER_REPLY	   HEAD("65", "04", "99", "00", "01") "01 00 00 00 "
#define ITEMS(length)	   "00 00 00 00 00 00 02 00 00 00 00 00 b2 00 " length " 00 "
#define GET(context)	   HEAD("6f", "18", "99", "00", context) ITEMS("08") "0e 03 20 04 24 64 30 03 "
#define GET_REPLY(context) HEAD("6f", "15", "99", "00", context) ITEMS("05") "8e 00 00 00 2a "
#define GET_LINE	   "request cip read get-attribute-single 0x0e object 4/100/3\n"

static uint32_t feed(enum proto_dir dir, const char *hex)
{
	uint8_t m[4096];

	return recorder_feed(r, dir, m, unhex(hex, m, sizeof(m)));
}

/* "yes 0", "no -1", "more -1": the result and the side of the client */
static const char *probe(const char *side0, const char *side1, uint16_t port1,
			 enum proto_transport transport, bool last)
{
	static const char *const names[] = {"no", "more", "yes"};
	static char text[16];
	uint8_t a[2048], b[2048];
	enum probe_result result;
	struct proto_probe p = {
		.side = {slice_of(a, unhex(side0, a, sizeof(a))),
			 slice_of(b, unhex(side1, b, sizeof(b)))},
		.port = {50000, port1},
		.transport = (uint8_t)transport,
		.last = last,
		.client = -1,
	};

	result = enip_dissector.probe(&p);
	snprintf(text, sizeof(text), "%s %d", names[result], p.client);
	return text;
}

static void test_probe(void **state)
{
	(void)state;
	assert_string_equal(probe(REGISTER, "", 44818, PROTO_TCP, false), "yes 0");
	assert_string_equal(probe(REGISTER, "", 4000, PROTO_TCP, false), "yes 0");
	assert_string_equal(probe("", REGISTER_REPLY, 4000, PROTO_TCP, false), "yes 0");
	/* the first packet comes from the server, on any port */
	assert_string_equal(probe(GET_REPLY("01"), "", 4000, PROTO_TCP, false), "yes 1");
	assert_string_equal(probe(GET("01"), "", 4000, PROTO_TCP, false), "yes 0");
	/* UDP: a broadcast asks, a device answers */
	assert_string_equal(probe(HEAD("63", "00", "00", "00", "00"), "", 44818, PROTO_UDP, true),
			    "yes 0");
	assert_string_equal(probe("65 00 04", "", 44818, PROTO_TCP, false), "more -1");
	assert_string_equal(probe("65 00 04", "", 44818, PROTO_TCP, true), "no -1");
	assert_string_equal(probe("47 45 54 20 2f 20 48 54", "", 44818, PROTO_TCP, false), "no -1");
	assert_string_equal(
		probe(HEAD("00", "00", "00", "00", "00") "00 00 00 00", "", 4000, PROTO_TCP, false),
		"no -1");
	assert_string_equal(probe("02 00 02 80 08 00 01 02 03 04 05 00 00 00 b1 00 02 00 aa bb", "",
				  2222, PROTO_UDP, false),
			    "yes -1");
	/* mid-stream, the first bytes are the end of a message */
	assert_string_equal(probe("11 22 33 44 55 " GET("01"), "", 44818, PROTO_TCP, false),
			    "yes 0");
}

static void test_session(void **state)
{
	(void)state;
	feed(PROTO_TO_SERVER, REGISTER);
	feed(PROTO_TO_CLIENT, REGISTER_REPLY);
	feed(PROTO_TO_SERVER, HEAD("04", "00", "00", "00", "02"));
	feed(PROTO_TO_SERVER, HEAD("66", "00", "99", "00", "03"));
	feed(PROTO_TO_CLIENT, HEAD("6f", "00", "99", "64", "04"));
	recorder_expect(r, "request enip session register-session 0x65\n"
			   "response enip session register-session 0x65 of 1\n"
			   "request enip discover list-services 0x04\n"
			   "request enip session unregister-session 0x66\n"
			   "response enip session send-rr-data 0x6f status 0x64 "
			   "invalid-session-handle\n");
}

/* Some devices look at the status of a request, others carry it out. */
static void test_request_with_status(void **state)
{
	(void)state;
	feed(PROTO_TO_SERVER,
	     HEAD("6f", "1a", "99", "01", "01") ITEMS("0a") "0e 04 20 04 24 64 30 03 00 00");
	recorder_expect(r, "malformed enip request with a status\n"
			   "request cip read get-attribute-single 0x0e object 4/100/3\n");
}

static void test_list_identity(void **state)
{
	(void)state;
	recorder_flow(r, PROTO_UDP);
	feed(PROTO_TO_SERVER, HEAD("63", "00", "00", "00", "07"));
	feed(PROTO_TO_CLIENT,
	     HEAD("63", "2a", "00", "00", "07") "01 00 0c 00 24 00 01 00 00 02 af 12 0a 00 00 02 "
						"00 00 00 00 00 00 00 00 01 00 0c 00 a6 00 05 08 "
						"00 00 dd cc bb aa 02 45 4e 03");
	recorder_expect(r, "request enip discover list-identity 0x63\n"
			   "response enip discover list-identity 0x63 of 1\n"
			   "identity 1 vendor Rockwell Automation/Allen-Bradley\n"
			   "identity 1 device-type 12\n"
			   "identity 1 product-code 166\n"
			   "identity 1 revision 5.8\n"
			   "identity 1 serial aabbccdd\n"
			   "identity 1 product-name EN\n");
}

static void test_several_and_split(void **state)
{
	uint8_t m[512];
	uint32_t n = unhex(GET("01") GET("02"), m, sizeof(m)), taken = 0, len;

	(void)state;
	feed(PROTO_TO_SERVER, GET("01") GET("02") GET("03"));
	recorder_expect(r, GET_LINE GET_LINE GET_LINE);
	feed(PROTO_TO_CLIENT, GET_REPLY("02") GET_REPLY("01"));
	recorder_expect(r, "response cip read get-attribute-single 0x0e object 4/100/3 = 2a of 1\n"
			   "response cip read get-attribute-single 0x0e object 4/100/3 = 2a of "
			   "1\n");
	/* byte by byte */
	for (len = 1; len <= n; len++)
		taken = len - recorder_feed(r, PROTO_TO_SERVER, m, len);
	assert_int_equal(taken, n);
}

/* One bad message does not hide the next, whatever is wrong with it. */
static void test_bad_messages(void **state)
{
	(void)state;
	feed(PROTO_TO_SERVER, REGISTER);
	recorder_expect(r, "request enip session register-session 0x65\n");
	/* a length that a session registration cannot have */
	assert_int_equal(
		feed(PROTO_TO_SERVER, HEAD("65", "f0", "00", "00", "01") "01 00 00 00 " GET("02")),
		0);
	recorder_expect(r, "malformed enip length is impossible for the command\n" GET_LINE);
	/* a length that would swallow what follows, but the items know better */
	assert_int_equal(feed(PROTO_TO_SERVER, HEAD("6f", "f0", "99", "00", "03")
						       ITEMS("08") "0e 03 20 04 "
								   "24 64 30 03 " GET("04")),
			 0);
	recorder_expect(r, "malformed enip length contradicts the items\n" GET_LINE GET_LINE);
	/* items that go beyond the message */
	feed(PROTO_TO_SERVER, HEAD("6f", "18", "99", "00", "05") ITEMS("20") "0e 03 20 04 24 64 30 "
									     "03 " GET("06"));
	recorder_expect(r, "malformed enip item longer than its message\n" GET_LINE GET_LINE);
	/* garbage between messages, said once */
	feed(PROTO_TO_SERVER, "ff fe fd fc fb fa 00 00 00 00 00 00 00 00 " GET("07"));
	recorder_expect(r, "malformed enip unknown command\n" GET_LINE);
	/* options, and a command nobody assigned: the boundary is right, so they are read */
	feed(PROTO_TO_SERVER, "65 00 04 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 05 00 "
			      "00 00 01 00 00 00 " GET("08"));
	recorder_expect(r, "malformed enip options are not zero\n"
			   "request enip session register-session 0x65\n" GET_LINE);
	feed(PROTO_TO_SERVER, HEAD("42", "02", "99", "00", "01") "aa bb " GET("09"));
	recorder_expect(r, "reserved-code enip command is not assigned\n"
			   "request enip session reserved-command 0x42\n" GET_LINE);
}

static void test_gap(void **state)
{
	(void)state;
	feed(PROTO_TO_SERVER, GET("01"));
	r->c.dir = PROTO_TO_SERVER;
	r->d->gap(&r->c, 100);
	/* the rest of a message with zeros in it, then a whole one */
	feed(PROTO_TO_SERVER,
	     "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05 " GET(
		     "02"));
	recorder_expect(r, GET_LINE GET_LINE);
	/* the request of this reply may be in the gap: not unsolicited */
	feed(PROTO_TO_CLIENT, GET_REPLY("01"));
	recorder_expect(r, "response cip read get-attribute-single 0x0e = 2a\n");
}

static void test_datagrams(void **state)
{
	(void)state;
	recorder_flow(r, PROTO_UDP);
	feed(PROTO_TO_SERVER, "65 00 04");
	recorder_expect(r, "malformed enip datagram shorter than a header\n");
	feed(PROTO_TO_SERVER, HEAD("6f", "18", "99", "00", "01") ITEMS("08") "0e 03 20 04");
	recorder_expect(r, "malformed enip datagram shorter than its length\n"
			   "malformed enip item longer than its message\n"
			   "malformed cip request shorter than its path\n");
	feed(PROTO_TO_SERVER, HEAD("63", "00", "00", "00", "07") "aa");
	recorder_expect(r, "request enip discover list-identity 0x63\n"
			   "malformed enip bytes behind the message\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test_setup_teardown(test_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_with_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_and_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_datagrams, setup, teardown),
	};

	return cmocka_run_group_tests_name("enip", tests, NULL, NULL);
}
