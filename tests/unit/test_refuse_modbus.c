/* Modbus requests made such that the device refuses them, and its refusal given back its code. */
#include "inline_path.h"

#define WRITES (1u << OP_WRITE | 1u << OP_CONFIG | 1u << OP_FILE)
#define READS  (1u << OP_READ)
#define PORT   502

/* Goes in one way, comes out the other. */
static void pass(struct inline_path *w, unsigned dir, const char *in, const char *out)
{
	send_hex(w, dir, in);
	assert_out(w, out);
}

/* Each form of a request and of the answers to it. */
static void test_forms(void **state)
{
	static const struct {
		unsigned refuse;
		const char *asked, *sent, *answer, *told;
	} forms[] = {
		{WRITES, "05 0005 ff00", "63 0005 ff00", "e3 01", "85 01"},
		{WRITES, "06 0005 0007", "63 0005 0007", "e3 01", "86 01"},
		{WRITES, "06 0005 0007", "63 0005 0007", "e3 03", "86 01"},
		{WRITES, "0f 0005 0002 01 03", "63 0005 0002 01 03", "e3 01", "8f 01"},
		{WRITES, "10 0005 0001 02 0007", "63 0005 0001 02 0007", "e3 01", "90 01"},
		{WRITES, "16 0005 00ff 0100", "63 0005 00ff 0100", "e3 01", "96 01"},
		{WRITES, "17 0000 0001 0005 0001 02 0007", "63 0000 0001 0005 0001 02 0007",
		 "e3 01", "97 01"},
		{WRITES, "15 09 06 0001 0002 0001 1234", "63 09 06 0001 0002 0001 1234", "e3 01",
		 "95 01"},
		{READS, "01 0005 0008", "01 0005 0000", "81 03", "81 01"},
		{READS, "02 0005 0008", "02 0005 0000", "82 02", "82 01"},
		{READS, "03 0005 0001", "03 0005 0000", "83 01", "83 01"},
		{READS, "04 0005 0001", "04 0005 0000", "04 00", "84 01"},
		{READS, "18 0005", "63 0005", "e3 01", "98 01"},
	};
	char q[80], s[80], a[80], t[80];
	unsigned i, udp;

	(void)state;
	for (udp = 0; udp < 2; udp++) {
		for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
			struct inline_path *w = inline_new(udp, PORT, forms[i].refuse);
			size_t len = strlen(forms[i].asked), pdu = 0, k;

			for (k = 0; k < len; k++)
				pdu += forms[i].asked[k] != ' ';
			snprintf(q, sizeof(q), "0007 0000 %04zx 01 %s", pdu / 2 + 1,
				 forms[i].asked);
			snprintf(s, sizeof(s), "0007 0000 %04zx 01 %s", pdu / 2 + 1, forms[i].sent);
			snprintf(a, sizeof(a), "0007 0000 0003 01 %s", forms[i].answer);
			snprintf(t, sizeof(t), "0007 0000 0003 01 %s", forms[i].told);
			pass(w, 0, q, s);
			assert_false(w->failed);
			pass(w, 1, a, t);
			assert_non_null(strstr(w->text, "illegal-function (refused)\n"));
			assert_non_null(strstr(w->text, "answered\n"));
			/* the conversation lives on */
			w->refuse = 0;
			pass(w, 0, "0008 0000 0006 01 06 0001 0007",
			     "0008 0000 0006 01 06 0001 0007");
			pass(w, 1, "0008 0000 0006 01 06 0001 0007",
			     "0008 0000 0006 01 06 0001 0007");
			assert_null(strstr(w->text, "malformed"));
			assert_null(strstr(w->text, "reserved"));
			assert_null(strstr(w->text, "unsolicited"));
			inline_free(w);
		}
	}
}

static void test_words(void **state)
{
	struct inline_path *w = inline_new(false, PORT, WRITES);

	(void)state;
	send_hex(w, 0, "0001 0000 0006 01 06 0005 0007");
	send_hex(w, 1, "0001 0000 0003 01 e301");
	assert_string_equal(
		w->text, "request modbus write write-single-register 0x06 holding 5 (neutralised)\n"
			 "answered\n"
			 "response modbus write write-single-register 0x06 holding 5 status 0x01 "
			 "illegal-function (refused)\n");
	inline_free(w);
}

/* Many at once, of which some are permitted; all with the same transaction id. */
static void test_pipelined(void **state)
{
	struct inline_path *w = inline_new(false, PORT, WRITES);

	(void)state;
	pass(w, 0,
	     "0000 0000 0006 01 06 0005 0007  0000 0000 0006 01 03 0000 0001"
	     "0000 0000 0006 01 05 0005 ff00  0000 0000 0006 01 03 0001 0002",
	     "0000 0000 0006 01 63 0005 0007  0000 0000 0006 01 03 0000 0001"
	     "0000 0000 0006 01 63 0005 ff00  0000 0000 0006 01 03 0001 0002");
	pass(w, 1, "0000 0000 0003 01 e301  0000 0000 0005 01 03 02 1111",
	     "0000 0000 0003 01 8601  0000 0000 0005 01 03 02 1111");
	pass(w, 1, "0000 0000 0003 01 e301  0000 0000 0007 01 03 04 2222 3333",
	     "0000 0000 0003 01 8501  0000 0000 0007 01 03 04 2222 3333");
	assert_null(strstr(w->text, "malformed"));
	inline_free(w);
}

/* A request of function 99 that was permitted gets the answer that the device gave. */
static void test_asked_for_99(void **state)
{
	struct inline_path *w = inline_new(false, PORT, 1u << OP_WRITE);

	(void)state;
	pass(w, 0, "0001 0000 0006 01 06 0005 0007", "0001 0000 0006 01 63 0005 0007");
	pass(w, 0, "0002 0000 0006 01 63 0005 0007", "0002 0000 0006 01 63 0005 0007");
	pass(w, 1, "0002 0000 0003 01 e301", "0002 0000 0003 01 e301");
	pass(w, 1, "0001 0000 0003 01 e301", "0001 0000 0003 01 8601");
	inline_free(w);
}

/* Where the request is split decides: what has passed cannot be called back. */
static void test_request_split(void **state)
{
	static const char *const request = "0007 0000 0006 01 06 0005 0007";
	uint8_t b[64];
	uint32_t at, n = unhex(request, b);

	(void)state;
	for (at = 1; at < n; at++) {
		struct inline_path *w = inline_new(false, PORT, WRITES);

		inline_send(w, 0, b, at);
		assert_memory_equal(w->out, b, at);
		inline_send(w, 0, b + at, n - at);
		assert_int_equal(w->failed, at > 7);
		if (at <= 7) {
			assert_int_equal(w->out[7 - at], 0x63);
			w->out[7 - at] = 6;
		}
		assert_memory_equal(w->out, b + at, n - at);
		inline_free(w);
	}
}

/* A read without a quantity: the bytes behind it are the next message's. */
static void test_short_read(void **state)
{
	struct inline_path *w = inline_new(false, PORT, READS);

	(void)state;
	send_hex(w, 0, "0001 0000 0006 01 06 0005 0007");
	pass(w, 0, "0007 0000 0002 01 03  0008 0000 0006 01 06 0005 0007",
	     "0007 0000 0002 01 63  0008 0000 0006 01 06 0005 0007");
	inline_free(w);
}

/* The quantity of a read comes late enough for most splits. */
static void test_read_split(void **state)
{
	uint8_t b[64];
	uint32_t n = unhex("0007 0000 0006 01 03 0005 0102", b);
	struct inline_path *w = inline_new(false, PORT, READS);

	(void)state;
	inline_send(w, 0, b, 10);
	inline_send(w, 0, b + 10, n - 10);
	assert_false(w->failed);
	assert_out(w, "0000");
	inline_free(w);
}

/* A refusal that comes in two segments: its function code is restored as soon as it is there. */
static void test_refusal_split(void **state)
{
	uint8_t b[64], told[64], all[64];
	uint32_t at, n = unhex("0007 0000 0003 01 e3 01", b);

	(void)state;
	unhex("0007 0000 0003 01 86 01", told);
	for (at = 1; at < n; at++) {
		struct inline_path *w = inline_new(false, PORT, WRITES);

		send_hex(w, 0, "0007 0000 0006 01 06 0005 0007");
		inline_send(w, 1, b, at);
		memcpy(all, w->out, at);
		inline_send(w, 1, b + at, n - at);
		memcpy(all + at, w->out, n - at);
		assert_memory_equal(all, told, n);
		assert_null(strstr(w->text, "limit"));
		inline_free(w);
	}
}

/* Behind a hole its bytes have passed when it is understood. */
static void test_out_of_order(void **state)
{
	struct inline_path *w = inline_new(false, PORT, WRITES);
	uint8_t b[64];
	uint32_t n = unhex("0007 0000 0006 01 06 0005 0007 0008 0000 0006 01 06 0006 0008", b);

	(void)state;
	inline_send(w, 0, b, 0);
	inline_frame(w, 0, w->seq[0] + 12, PACKET_TCP_ACK, b + 12, 12);
	assert_memory_equal(w->out, b + 12, 12);
	assert_false(w->failed);
	inline_frame(w, 0, w->seq[0], PACKET_TCP_ACK, b, 12);
	assert_int_equal(w->out[7], 0x63); /* the first of them can still be changed */
	assert_true(w->failed);		   /* the second cannot */
	assert_int_equal(n, 24);
	inline_free(w);
	/* one that comes again together with what filled the hole has passed as well */
	w = inline_new(false, PORT, WRITES);
	inline_send(w, 0, b, 0);
	inline_frame(w, 0, w->seq[0] + 12, PACKET_TCP_ACK, b + 12, 12);
	inline_frame(w, 0, w->seq[0], PACKET_TCP_ACK, b, 24);
	assert_int_equal(w->out[7], 0x63);
	assert_int_equal(w->out[19], 6);
	assert_true(w->failed);
	inline_free(w);
}

/* Where the kind of conversation was not clear at first, bytes waited that are still at hand. */
static void test_while_probing(void **state)
{
	struct inline_path *w = inline_new(false, PORT, WRITES);

	(void)state;
	pass(w, 0, "0007 0000 0006", "0007 0000 0006");
	w->failed = false;
	send_hex(w, 0, "01 06 0005 0007 0008 0000 0006 01 06 0006 0008");
	assert_false(w->failed);
	assert_out(w, "01 63 0005 0007 0008 0000 0006 01 63 0006 0008");
	inline_free(w);
}

/* A datagram sent twice is changed twice: inline there are no copies of a mirror. */
static void test_datagram_twice(void **state)
{
	struct inline_path *w = inline_new(true, PORT, WRITES);

	(void)state;
	pass(w, 0, "0007 0000 0006 01 06 0005 0007", "0007 0000 0006 01 63 0005 0007");
	pass(w, 0, "0007 0000 0006 01 06 0005 0007", "0007 0000 0006 01 63 0005 0007");
	inline_free(w);
}

/* A device that does carry function 99 out, or answers a read of nothing with something. */
static void test_no_refusal(void **state)
{
	struct inline_path *w = inline_new(false, PORT, WRITES | READS);

	(void)state;
	send_hex(w, 0, "0007 0000 0006 01 06 0005 0007");
	pass(w, 1, "0007 0000 0006 01 63 0005 0007", "0007 0000 0006 01 63 0005 0007");
	assert_null(strstr(w->text, "refused"));
	send_hex(w, 0, "0008 0000 0006 01 03 0005 0001");
	pass(w, 1, "0008 0000 0005 01 03 02 0007", "0008 0000 0005 01 03 02 0007");
	assert_null(strstr(w->text, "refused"));
	inline_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	       cmocka_unit_test(test_words),
		cmocka_unit_test(test_pipelined),      cmocka_unit_test(test_asked_for_99),
		cmocka_unit_test(test_request_split),  cmocka_unit_test(test_read_split),
		cmocka_unit_test(test_short_read),     cmocka_unit_test(test_refusal_split),
		cmocka_unit_test(test_out_of_order),   cmocka_unit_test(test_while_probing),
		cmocka_unit_test(test_datagram_twice), cmocka_unit_test(test_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
