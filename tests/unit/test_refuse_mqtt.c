/* MQTT messages and subscriptions that reach nobody. */
#include "inline_path.h"

#define PORT	 1883
#define WRITES	 (1u << OP_WRITE)
#define READS	 (1u << OP_READ)
#define SESSIONS (1u << OP_SESSION)

static struct inline_path *connected(unsigned version, unsigned refuse)
{
	struct inline_path *w = inline_new(false, PORT, 0);

	if (version == 5) {
		send_hex(w, 0, "10 0e 0004 4d515454 05 02 003c 00 0001 61");
		send_hex(w, 1, "20 03 00 00 00");
	} else if (version == 4) {
		send_hex(w, 0, "10 0d 0004 4d515454 04 02 003c 0001 61");
		send_hex(w, 1, "20 02 00 00");
	} else {
		send_hex(w, 0, "10 0f 0006 4d5149736470 03 02 003c 0001 61");
		send_hex(w, 1, "20 02 00 00");
	}
	assert_null(strstr(w->text, "malformed"));
	w->refuse = refuse;
	w->len = 0;
	w->text[0] = 0;
	return w;
}

/* A PUBLISH (3) or SUBSCRIBE (8) of 3.1.1 with that topic. */
static void send_topic(struct inline_path *w, unsigned type, const char *topic)
{
	uint8_t b[200];
	uint32_t n = (uint32_t)strlen(topic), k = 0;

	b[k++] = (uint8_t)(type == 3 ? 0x30 : 0x82);
	b[k++] = (uint8_t)(n + 2 + (type == 3 ? 1 : 3));
	if (type == 8) {
		b[k++] = 0;
		b[k++] = 7;
	}
	b[k++] = 0;
	b[k++] = (uint8_t)n;
	memcpy(b + k, topic, n);
	k += n;
	b[k++] = type == 3 ? 'x' : 0;
	inline_send(w, 0, b, k);
	assert_int_equal(w->out_len, k);
	assert_memory_equal(w->out, b, k - 1 - n);
	w->out[k - 1] = 0;
	memmove(w->out, w->out + k - 1 - n, n + 1);
}

static void test_topics(void **state)
{
	static const struct {
		unsigned type;
		const char *in, *out;
	} cases[] = {
		{3, "plant/line1/temp", "$~ant/line1/temp"},
		{3, "a/b", "$/b"},
		{3, "/a/b", "$~/b"},
		{3, "x", "$"},
		{3, "$SYS/broker", "$~YS/broker"},
		{3, "xCONTROL/dynamic", "$~ONTROL/dynamic"},
		{3, "$~ant", "$!ant"},
		{3, "\xc3\xa9", "$~"},
		{3, "\xe6\x9c\xa8\xe6\x88\xb8/1", "$~~\xe6\x88\xb8/1"},
		{3, "a\xe6\x88\xb8", "$~~~"},
		{8, "#", "~"},
		{8, "+", "~"},
		{8, "+/temp", "~/temp"},
		{8, "+/#", "~/#"},
		{8, "/#", "~~"},
		{8, "/+/x", "~~/x"},
		{8, "//#", "~/#"},
		{8, "plant/#", "~~ant/#"},
		{8, "~~ant", "~!ant"},
		{8, "$share/group/plant/+", "~~hare/group/plant/+"},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct inline_path *w = connected(4, cases[i].type == 3 ? WRITES : READS);

		send_topic(w, cases[i].type, cases[i].in);
		assert_false(w->failed);
		assert_string_equal((char *)w->out, cases[i].out);
		inline_free(w);
	}
}

static void test_impossible(void **state)
{
	static const char *const topics[] = {"$", "$/x"};
	struct inline_path *w;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		w = connected(4, WRITES);
		send_topic(w, 3, topics[i]);
		assert_true(w->failed);
		assert_string_equal((char *)w->out, topics[i]);
		inline_free(w);
	}
	w = connected(4, READS); /* a delivery: the broker's own */
	send_hex(w, 1, "30 04 0001 61 78");
	assert_true(w->failed);
	assert_out(w, "30 04 0001 61 78");
	inline_free(w);
	w = connected(4, SESSIONS);
	send_hex(w, 0, "a2 05 0007 0001 61"); /* UNSUBSCRIBE */
	assert_true(w->failed);
	assert_out(w, "a2 05 0007 0001 61");
	inline_free(w);
}

/* QoS 0 has no answer to wait for, QoS 1 and 2 end as they would; nothing is kept (RETAIN). */
static void test_qos(void **state)
{
	struct inline_path *w = connected(4, WRITES);

	(void)state;
	send_hex(w, 0, "31 05 0002 6161 78");
	assert_out(w, "30 05 0002 247e 78");
	assert_non_null(strstr(w->text, "(neutralised)\nanswered\n"));
	w->len = 0;
	send_hex(w, 0, "3b 07 0002 6161 0007 78");
	assert_out(w, "3a 07 0002 247e 0007 78");
	assert_null(strstr(w->text, "answered"));
	send_hex(w, 1, "40 02 0007");
	assert_out(w, "40 02 0007");
	assert_non_null(strstr(w->text, "answered"));
	w->len = 0;
	send_hex(w, 0, "34 07 0002 6161 0008 78");
	send_hex(w, 1, "50 02 0008");
	assert_non_null(strstr(w->text, "answered"));
	send_hex(w, 0, "62 02 0008");
	send_hex(w, 1, "70 02 0008");
	assert_null(strstr(w->text, "unsolicited"));
	inline_free(w);
}

/* 5.0 has codes for it: 87 is not authorized. */
static void test_refusal_5(void **state)
{
	struct inline_path *w = connected(5, WRITES | READS);

	(void)state;
	send_hex(w, 0, "32 08 0002 6161 0007 00 78");
	assert_out(w, "32 08 0002 247e 0007 00 78");
	send_hex(w, 1, "40 03 0007 10");
	assert_out(w, "40 03 0007 87");
	assert_non_null(strstr(w->text, "status 0x87 not-authorized (refused)\n"));
	send_hex(w, 0, "82 0c 0009 00 0002 6161 00 0001 62 00");
	assert_out(w, "82 0c 0009 00 0002 7e7e 00 0001 7e 00");
	send_hex(w, 1, "90 05 0009 00 00 00");
	assert_out(w, "90 05 0009 00 87 87");
	inline_free(w);
}

static void test_refusal_subscribe(void **state)
{
	struct inline_path *w = connected(4, READS);

	(void)state;
	send_hex(w, 0, "82 07 0009 0002 6161 01");
	assert_out(w, "82 07 0009 0002 7e7e 01");
	send_hex(w, 1, "90 03 0009 01");
	assert_out(w, "90 03 0009 80");
	assert_non_null(strstr(w->text, "answered\n"));
	assert_non_null(strstr(w->text, "(refused)\n"));
	inline_free(w);
	w = connected(3, READS); /* 3.1 has no code for it */
	send_hex(w, 0, "82 07 0009 0002 6161 01");
	assert_out(w, "82 07 0009 0002 7e7e 01");
	send_hex(w, 1, "90 03 0009 01");
	assert_out(w, "90 03 0009 01");
	inline_free(w);
}

/* An alias stands for the topic that the broker got. */
static void test_alias(void **state)
{
	struct inline_path *w = connected(5, WRITES);

	(void)state;
	send_hex(w, 0, "30 09 0002 6161 03 230003 78");
	assert_out(w, "30 09 0002 247e 03 230003 78");
	send_hex(w, 0, "30 07 0000 03 230003 78");
	assert_out(w, "30 07 0000 03 230003 78");
	assert_false(w->failed);
	w->refuse = 0; /* now it is permitted: set anew, then forbidden again */
	send_hex(w, 0, "30 09 0002 6161 03 230003 78");
	w->refuse = WRITES;
	send_hex(w, 0, "30 07 0000 03 230003 78");
	assert_true(w->failed);
	inline_free(w);
}

/* Several packets in one segment, and a topic that has passed already. */
static void test_places(void **state)
{
	struct inline_path *w = connected(4, WRITES);
	uint8_t b[64];
	uint32_t n = unhex("30 05 0002 6161 78", b);

	(void)state;
	send_hex(w, 0, "c0 00 30 05 0002 6161 78 c0 00 30 05 0002 6262 78");
	assert_out(w, "c0 00 30 05 0002 247e 78 c0 00 30 05 0002 247e 78");
	inline_send(w, 0, b, 3);
	inline_send(w, 0, b + 3, n - 3);
	assert_false(w->failed);
	assert_out(w, "02 247e 78");
	inline_send(w, 0, b, 5);
	inline_send(w, 0, b + 5, n - 5);
	assert_true(w->failed);
	assert_out(w, "61 78");
	inline_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_topics),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_qos),
		cmocka_unit_test(test_refusal_5),
		cmocka_unit_test(test_refusal_subscribe),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
