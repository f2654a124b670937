/* CIP services and PCCC functions that the target is made to refuse. */
#include "inline_path.h"

#define PORT	 44818
#define WRITES	 (1u << OP_WRITE)
#define SESSIONS (1u << OP_SESSION)

/* SendRRData (or SendUnitData of connection 7, sequence count 1) around a CIP message. */
static uint32_t wrap(bool connected, const char *cip, uint8_t *out)
{
	uint8_t m[400];
	uint32_t n = unhex(cip, m), len = n + (connected ? 2 : 0), k = 0;
	uint32_t body = 6 + 2 + (connected ? 8 : 4) + 4 + len;

	memset(out, 0, 24);
	out[0] = connected ? 0x70 : 0x6f;
	out[2] = (uint8_t)body;
	out[3] = (uint8_t)(body >> 8);
	out[4] = 9;  /* session */
	out[12] = 5; /* context */
	k = 24;
	k += unhex("00000000 0000 0200", out + k);
	k += unhex(connected ? "a100 0400 07000000 b100" : "0000 0000 b200", out + k);
	out[k++] = (uint8_t)len;
	out[k++] = (uint8_t)(len >> 8);
	if (connected)
		k += unhex("0100", out + k);
	memcpy(out + k, m, n);
	return k + n;
}

/* A CIP message goes in, another comes out. */
static void pass(struct inline_path *w, unsigned dir, bool connected, const char *in,
		 const char *out)
{
	uint8_t a[600], b[600];
	uint32_t n = wrap(connected, in, a);

	assert_int_equal(wrap(connected, out, b), n);
	inline_send(w, dir, a, n);
	assert_int_equal(w->out_len, n);
	assert_memory_equal(w->out, b, n);
}

static struct inline_path *begin(unsigned refuse)
{
	struct inline_path *w = inline_new(false, PORT, 0);

	send_hex(w, 0, "6500 0400 00000000 00000000 0000000000000000 00000000 0100 0000");
	send_hex(w, 1, "6500 0400 09000000 00000000 0000000000000000 00000000 0100 0000");
	w->refuse = refuse;
	w->len = 0;
	w->text[0] = 0;
	return w;
}

#define TAG   "04 91 05 5370656564 00" /* a path of four words: Speed */
#define WRITE TAG " c400 0100 07000000"
#define READ  TAG " 0100"

static void test_service(void **state)
{
	unsigned connected;

	(void)state;
	for (connected = 0; connected < 2; connected++) {
		struct inline_path *w = begin(WRITES);

		pass(w, 0, connected, "4d" WRITE, "64" WRITE);
		assert_false(w->failed);
		pass(w, 1, connected, "e4 00 08 00", "cd 00 08 00");
		assert_non_null(strstr(w->text, "(neutralised)\n"));
		assert_non_null(strstr(w->text,
				       "answered\nresponse cip write write-tag 0x4d tag Speed "
				       "status 0x08 service-not-supported (refused)\n"));
		/* what is permitted goes on */
		pass(w, 0, connected, "4c" READ, "4c" READ);
		pass(w, 1, connected, "cc 00 00 00 c400 07000000", "cc 00 00 00 c400 07000000");
		assert_null(strstr(w->text, "unsolicited"));
		assert_null(strstr(w->text, "malformed"));
		inline_free(w);
	}
}

/* Any refusal gets its service back; what is none stays as it is. */
static void test_other_answers(void **state)
{
	struct inline_path *w = begin(WRITES);

	(void)state;
	pass(w, 0, false, "4d" WRITE, "64" WRITE);
	pass(w, 1, false, "e4 00 ff 01 0721", "cd 00 ff 01 0721");
	pass(w, 0, false, "4d" WRITE, "64" WRITE);
	w->len = 0;
	pass(w, 1, false, "e4 00 00 00", "e4 00 00 00");
	assert_null(strstr(w->text, "refused"));
	assert_non_null(strstr(w->text, "answered"));
	inline_free(w);
}

static void test_unconnected_send(void **state)
{
	struct inline_path *w = begin(WRITES);

	(void)state;
	pass(w, 0, false, "52 02 2006 2401 0a 0e 1200 4d" WRITE " 01 00 0102",
	     "52 02 2006 2401 0a 0e 1200 64" WRITE " 01 00 0102");
	pass(w, 1, false, "e4 00 08 00", "cd 00 08 00");
	assert_non_null(strstr(w->text, "write-tag 0x4d tag Speed status 0x08"));
	/* the router itself refuses */
	w->len = 0;
	pass(w, 0, false, "52 02 2006 2401 0a 0e 1200 4d" WRITE " 01 00 0102",
	     "52 02 2006 2401 0a 0e 1200 64" WRITE " 01 00 0102");
	pass(w, 1, false, "d2 00 01 01 1203", "d2 00 01 01 1203");
	assert_non_null(strstr(w->text, "answered"));
	inline_free(w);
	/* the envelope is what is forbidden */
	w = begin(SESSIONS);
	pass(w, 0, false, "52 02 2006 2401 0a 0e 1200 4d" WRITE " 01 00 0102",
	     "64 02 2006 2401 0a 0e 1200 4d" WRITE " 01 00 0102");
	pass(w, 1, false, "e4 00 08 00", "d2 00 08 00");
	inline_free(w);
}

/* Each message of a packet by itself: the second is refused, the first and third carried out. */
static void test_multiple(void **state)
{
	struct inline_path *w = begin(WRITES);
	static const char ask[] =
		"0a 02 2002 2401 0300 0800 1400 2600 4c" READ " 4d" WRITE " 4c" READ;
	static const char sent[] =
		"0a 02 2002 2401 0300 0800 1400 2600 4c" READ " 64" WRITE " 4c" READ;

	(void)state;
	pass(w, 0, true, ask, sent);
	assert_false(w->failed);
	pass(w, 1, true,
	     "8a 00 1e 00 0300 0800 1200 1600 cc000000 c400 07000000 e4000800 cc000000 c400 "
	     "07000000",
	     "8a 00 1e 00 0300 0800 1200 1600 cc000000 c400 07000000 cd000800 cc000000 c400 "
	     "07000000");
	assert_non_null(strstr(w->text, "write-tag 0x4d tag Speed status 0x08"));
	assert_null(strstr(w->text, "malformed"));
	inline_free(w);
}

/* Execute PCCC: N7:0, by function aa (protected typed logical write), and by a plain command. */
static void test_pccc(void **state)
{
	struct inline_path *w = begin(WRITES);

	(void)state;
	pass(w, 0, false, "4b 02 2067 2401 07 4d00 01020304 0f 00 1100 aa 02 07 89 00 00 0500",
	     "4b 02 2067 2401 07 4d00 01020304 0f 00 1100 ff 02 07 89 00 00 0500");
	pass(w, 1, false, "cb 00 00 00 07 4d00 01020304 4f 10 1100",
	     "cb 00 00 00 07 4d00 01020304 4f 10 1100");
	assert_non_null(strstr(w->text, "response pccc write protected-typed-logical-write-3 0xfaa "
					"data-file N7:0 status 0x10 illegal-command-or-format "
					"(refused)\n"));
	w->len = 0;
	pass(w, 0, false, "4b 02 2067 2401 07 4d00 01020304 08 00 1200 0000 0500",
	     "4b 02 2067 2401 07 4d00 01020304 0e 00 1200 0000 0500");
	pass(w, 1, false, "cb 00 00 00 07 4d00 01020304 4e 10 1200",
	     "cb 00 00 00 07 4d00 01020304 48 10 1200");
	assert_non_null(strstr(w->text, "unprotected-write 0x800 status 0x10"));
	inline_free(w);
}

/* What is no request cannot be refused: commands of the encapsulation, and I/O. */
static void test_impossible(void **state)
{
	struct inline_path *w = begin(SESSIONS);

	(void)state;
	send_hex(w, 0, "6600 0000 09000000 00000000 0000000000000000 00000000");
	assert_true(w->failed);
	assert_out(w, "6600 0000 09000000 00000000 0000000000000000 00000000");
	inline_free(w);
	w = inline_new(true, 2222, WRITES);
	send_hex(w, 0, "0200 0280 0800 07000000 01000000 b100 0800 0100 01000000 1234");
	assert_true(w->failed);
	assert_out(w, "0200 0280 0800 07000000 01000000 b100 0800 0100 01000000 1234");
	inline_free(w);
}

/* Split anywhere: what has passed cannot be called back, on either way. */
static void test_split(void **state)
{
	uint8_t q[200], a[200], all[200];
	uint32_t n = wrap(false, "4d" WRITE, q), m = wrap(false, "e4 00 08 00", a), at;

	(void)state;
	for (at = 1; at < n; at++) {
		struct inline_path *w = begin(WRITES);

		inline_send(w, 0, q, at);
		inline_send(w, 0, q + at, n - at);
		assert_int_equal(w->failed, at > 40);
		if (at <= 40)
			assert_int_equal(w->out[40 - at], 0x64);
		inline_free(w);
	}
	for (at = 1; at < m; at++) {
		struct inline_path *w = begin(WRITES);

		inline_send(w, 0, q, n);
		inline_send(w, 1, a, at);
		memcpy(all, w->out, at);
		inline_send(w, 1, a + at, m - at);
		memcpy(all + at, w->out, m - at);
		assert_int_equal(all[40], at <= 40 ? 0xcd : 0xe4);
		assert_int_equal(strstr(w->text, "limit") != NULL, at > 40);
		inline_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_other_answers),
		cmocka_unit_test(test_unconnected_send),
		cmocka_unit_test(test_multiple),
		cmocka_unit_test(test_pccc),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
