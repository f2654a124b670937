/* Was this ever seen? Ranges against a naive set; hosts, links, codes, objects, writers. */
#include "base/utf8.h"
#include "baseline/inside.h"
#include "baseline/permit.h"
#include "baseline/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define BEGIN  (1700000000 * SECOND)

/* --- ranges --- */

static uint64_t rnd(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % n;
}

/* Nothing that was added is ever missing; while there is room nothing else is inside. */
static void ranges_hold_what_was_added(void **state)
{
	uint64_t seed = 1;
	int round;

	(void)state;
	for (round = 0; round < 2000; round++) {
		bool naive[300] = {false};
		struct set_ranges r = {0};
		unsigned adds = 1 + (unsigned)rnd(&seed, 40), i;
		bool joined = false;

		for (i = 0; i < adds; i++) {
			uint64_t lo = rnd(&seed, 280), hi = lo + rnd(&seed, 6), k;
			bool new = false, room = r.count < SET_RANGES;

			for (k = lo; k <= hi; k++) {
				new = new || !naive[k];
				naive[k] = true;
			}
			if (!joined)
				assert_int_equal(set_ranges_add(&r, lo, hi), new);
			else
				set_ranges_add(&r, lo, hi);
			joined = joined || !room;
			assert_in_range(r.count, 1, SET_RANGES);
		}
		for (i = 0; i + 1 < r.count; i++)
			assert_true(r.range[i][1] + 1 < r.range[i + 1][0]);
		for (i = 0; i < 300; i++) {
			if (naive[i] || !joined)
				assert_int_equal(set_ranges_hold(&r, i, i), naive[i]);
		}
	}
}

static void ranges_reach_the_ends_of_numbers(void **state)
{
	struct set_ranges r = {0};

	(void)state;
	assert_true(set_ranges_add(&r, UINT64_MAX, UINT64_MAX));
	assert_true(set_ranges_add(&r, 0, 0));
	assert_int_equal(r.count, 2);
	assert_true(set_ranges_add(&r, 0, UINT64_MAX));
	assert_int_equal(r.count, 1);
	assert_false(set_ranges_add(&r, 5, 6));
}

/* --- a plant --- */

struct heard {
	unsigned count;
	enum baseline_finding what[32];
	uint64_t cause[32];
	char observed[256], expected[256], permit[BASELINE_TEXT];
};

static struct addr ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return addr_v4((uint8_t[]){a, b, c, d});
}

static void hear(void *user, const struct deviation *d)
{
	struct heard *h = user;
	char ja[512];

	assert_in_range(h->count, 0, 31);
	assert_true(d->hard);
	h->what[h->count] = d->what;
	h->cause[h->count++] = d->cause;
	baseline_permit(d, h->permit);
	d->words(d, true, ja, sizeof(ja), h->observed, sizeof(h->observed));
	assert_string_not_equal(h->observed, "");
	d->words(d, false, h->expected, sizeof(h->expected), h->observed, sizeof(h->observed));
}

static const struct mac mac1 = {{2, 0, 0, 0, 0, 1}}, mac2 = {{2, 0, 0, 0, 0, 2}},
			mac9 = {{2, 0, 0, 0, 0, 9}};

static void opens(struct baseline *b, struct addr client, struct addr server, uint16_t port,
		  bool outside)
{
	struct baseline_flow f = {.client = &client,
				  .server = &server,
				  .client_mac = &mac1,
				  .server_mac = &mac2,
				  .client_near = true,
				  .server_near = !outside,
				  .server_outside = outside,
				  .sure = true,
				  .ip_proto = 6,
				  .client_port = 40000,
				  .port = port,
				  .first = BEGIN,
				  .last = BEGIN};

	baseline_flow_opened(b, &f, BEGIN, 1);
}

static void asks(struct baseline *b, struct addr client, struct addr server, int32_t unit,
		 uint32_t code, uint64_t first, uint32_t count)
{
	struct op op = {.frame = 7,
			.time = BEGIN,
			.proto = "modbus",
			.name = code == 3   ? "read-holding-registers"
				: code == 6 ? "write-single-register"
					    : "diagnostics",
			.code = code,
			.unit = unit,
			.role = OP_REQUEST,
			.cls = code == 3   ? OP_READ
			       : code == 6 ? OP_WRITE
					   : OP_DIAGNOSE,
			.rtt = -1,
			.object = {.space = code == 8 ? OP_SPACE_NONE : OP_SPACE_HOLDING,
				   .first = first,
				   .count = count}};

	baseline_op(b, &client, &server, &op);
}

#define HMI    ip(10, 0, 0, 5)
#define SCADA  ip(10, 0, 0, 6)
#define PLC    ip(10, 0, 0, 11)
#define PLC2   ip(10, 0, 0, 12)
#define CLOUD  ip(198, 51, 100, 7)
#define LAPTOP ip(10, 0, 0, 99)

static struct baseline *plant(struct heard *h)
{
	struct baseline *b = baseline_new(NULL);
	int i;

	assert_non_null(b);
	for (i = 0; i < 50; i++) {
		opens(b, HMI, PLC, 502, false);
		opens(b, SCADA, PLC, 502, false);
		opens(b, SCADA, PLC2, 502, false);
		opens(b, HMI, CLOUD, 443, true);
		asks(b, HMI, PLC, 1, 3, 0, 10);
		asks(b, HMI, PLC, 1, 6, 5, 1);
		asks(b, SCADA, PLC, 1, 3, 0, 20);
	}
	assert_true(baseline_freeze(b, BUDGET_DEFAULT, NULL, NULL, BEGIN));
	baseline_tell(b, hear, h);
	return b;
}

static void the_known_is_silent(void **state)
{
	struct heard h = {0};
	struct baseline *b = plant(&h);

	(void)state;
	opens(b, HMI, PLC, 502, false);
	opens(b, HMI, ip(198, 51, 100, 200), 443, true); /* the same cloud */
	asks(b, HMI, PLC, 1, 3, 2, 3);			 /* a part of what is read */
	asks(b, HMI, PLC, 1, 6, 5, 1);
	assert_int_equal(h.count, 0);
	baseline_free(b);
}

static void expect(struct heard *h, enum baseline_finding what, const char *observed)
{
	assert_int_equal(h->count, 1);
	assert_int_equal(h->what[0], what);
	assert_string_equal(h->observed, observed);
	h->count = 0;
}

static void each_kind_of_news_has_its_name(void **state)
{
	const struct addr plc = PLC;
	struct heard h = {0};
	struct baseline *b = plant(&h);

	(void)state;
	asks(b, HMI, PLC, 1, 8, 0, 0);
	expect(&h, BASELINE_NEW_OP, "10.0.0.5 asked 10.0.0.11: diagnostics");
	asks(b, HMI, PLC, 1, 3, 100, 2);
	expect(&h, BASELINE_NEW_OBJECT,
	       "10.0.0.5 asked 10.0.0.11: read-holding-registers holding 100-101");
	asks(b, HMI, PLC, 2, 3, 0, 10);
	expect(&h, BASELINE_NEW_UNIT,
	       "10.0.0.5 asked unit 2 of 10.0.0.11: read-holding-registers holding 0-9");
	asks(b, SCADA, PLC, 1, 6, 5, 1);
	assert_string_equal(h.expected, "while it was learned only 10.0.0.5 wrote there (seen 50 "
					"times from 2023-11-14 to 2023-11-14)");
	expect(&h, BASELINE_NEW_WRITER,
	       "10.0.0.6 writes to 10.0.0.11: write-single-register holding 5");
	asks(b, SCADA, PLC, 1, 6, 7, 1); /* where nobody wrote */
	expect(&h, BASELINE_NEW_OP, "10.0.0.6 asked 10.0.0.11: write-single-register holding 7");
	opens(b, HMI, PLC2, 502, false);
	expect(&h, BASELINE_NEW_LINK, "10.0.0.5 opened TCP 502 to 10.0.0.12");
	opens(b, HMI, PLC, 80, false);
	expect(&h, BASELINE_NEW_SERVICE, "10.0.0.5 opened TCP 80 to 10.0.0.11");
	opens(b, HMI, PLC, 53, false);
	expect(&h, BASELINE_NEW_RESOLVER, "10.0.0.5 asks 10.0.0.11 for names");
	baseline_host(b, &plc, &mac9, BEGIN, 3);
	expect(&h, BASELINE_NEW_MAC, "10.0.0.11 comes from the MAC address 02:00:00:00:00:09");
	baseline_free(b);
}

static void a_new_host_is_the_cause_of_all_it_does(void **state)
{
	struct heard h = {0};
	struct baseline *b = plant(&h);
	unsigned i;

	(void)state;
	opens(b, LAPTOP, PLC, 502, false);
	asks(b, LAPTOP, PLC, 1, 6, 5, 1);
	opens(b, LAPTOP, PLC2, 502, false);
	assert_true(h.count >= 4);
	assert_int_equal(h.what[0], BASELINE_NEW_HOST);
	for (i = 1; i < h.count; i++)
		assert_int_equal(h.cause[i], h.cause[0]);
	h.count = 0;
	opens(b, HMI, ip(203, 0, 113, 1), 443, true);
	assert_int_equal(h.what[0], BASELINE_NEW_EXTERNAL);
	baseline_free(b);
}

/* A capture that begins in the middle may show the answer first. */
static void a_guessed_client_is_no_news(void **state)
{
	struct heard h = {0};
	struct baseline *b = plant(&h);
	struct addr client = PLC, server = HMI;
	struct baseline_flow f = {.client = &client,
				  .server = &server,
				  .ip_proto = 6,
				  .client_port = 502,
				  .port = 40001};

	(void)state;
	baseline_flow_opened(b, &f, BEGIN, 1);
	assert_int_equal(h.count, 0);
	f.sure = true;
	baseline_flow_opened(b, &f, BEGIN, 1);
	assert_int_equal(h.count, 1);
	baseline_free(b);
}

/* 192.168.1.255 says nothing to who does not know the network; the MAC does. */
static void all_of_a_network_is_nobody(void **state)
{
	static const struct mac all = {{255, 255, 255, 255, 255, 255}};
	struct heard h = {0};
	struct baseline *b = plant(&h);
	struct addr client = PLC, server = HMI;
	struct baseline_flow f = {.client = &client,
				  .server = &server,
				  .server_mac = &all,
				  .server_near = true,
				  .sure = true,
				  .ip_proto = 17,
				  .port = 138};

	(void)state;
	server.b[15] = 255;
	baseline_flow_opened(b, &f, BEGIN, 1);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.what[0], BASELINE_NEW_LINK);
	baseline_free(b);
}

static void two_halves_know_what_the_whole_knows(void **state)
{
	struct baseline *a = baseline_new(NULL), *b = baseline_new(NULL);
	struct heard h = {0};

	(void)state;
	asks(a, HMI, PLC, 1, 3, 0, 10);
	opens(a, HMI, PLC, 502, false);
	asks(b, HMI, PLC, 1, 3, 10, 10);
	asks(b, HMI, PLC, 1, 6, 5, 1);
	opens(b, HMI, PLC, 80, false);
	assert_true(baseline_merge(a, b));
	assert_true(baseline_freeze(a, BUDGET_DEFAULT, NULL, NULL, BEGIN));
	baseline_tell(a, hear, &h);
	asks(a, HMI, PLC, 1, 3, 5, 10);
	asks(a, HMI, PLC, 1, 6, 5, 1);
	opens(a, HMI, PLC, 502, false);
	opens(a, HMI, PLC, 80, false);
	assert_int_equal(h.count, 0);
	baseline_free(a);
	baseline_free(b);
}

static char *text_of(struct baseline *b, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	assert_true(baseline_save(b, f));
	fclose(f);
	return text;
}

static void it_survives_being_written(void **state)
{
	struct diag diag = {.count = 0};
	struct heard h = {0};
	struct baseline *b = plant(&h), *read;
	size_t len, again_len;
	char *text = text_of(b, &len), *again;

	(void)state;
	read = baseline_load_text("text", text, len, NULL, &diag);
	diag_print(&diag, stderr);
	assert_non_null(read);
	again = text_of(read, &again_len);
	assert_string_equal(again, text);
	baseline_tell(read, hear, &h);
	opens(read, HMI, PLC, 502, false);
	asks(read, HMI, PLC, 1, 3, 2, 3);
	asks(read, HMI, PLC, 1, 6, 5, 1);
	assert_int_equal(h.count, 0);
	asks(read, SCADA, PLC, 1, 6, 5, 1);
	expect(&h, BASELINE_NEW_WRITER,
	       "10.0.0.6 writes to 10.0.0.11: write-single-register holding 5");
	opens(read, HMI, PLC, 80, false);
	expect(&h, BASELINE_NEW_SERVICE, "10.0.0.5 opened TCP 80 to 10.0.0.11");
	if (getenv("SHOW"))
		fputs(text, stderr);
	free(text);
	free(again);
	baseline_free(b);
	baseline_free(read);
}

/* A client may send any code; what it sends is walked through with every op. */
static void a_channel_has_no_more_acts_than_its_limit(void **state)
{
	struct heard h = {0};
	struct baseline *b = baseline_new(NULL);
	uint32_t code;

	(void)state;
	for (code = 100; code < 1100; code++)
		asks(b, HMI, PLC, 1, code, 0, 1);
	assert_int_equal(b->norm[0].channels->set.act_count, SET_ACTS);
	assert_int_equal(b->norm[0].refused, 1000 - SET_ACTS);
	assert_true(baseline_freeze(b, BUDGET_DEFAULT, NULL, NULL, BEGIN));
	baseline_tell(b, hear, &h);
	asks(b, HMI, PLC, 1, 100, 0, 1);
	assert_int_equal(h.count, 0);
	asks(b, HMI, PLC, 1, 1099, 0, 1);
	assert_int_equal(h.count, 1);
	baseline_free(b);
}

static void numbers_beyond_the_last_one_are_not_those_from_the_first(void **state)
{
	struct heard h = {0};
	struct baseline *b = plant(&h);

	(void)state;
	asks(b, HMI, PLC, 1, 3, UINT64_MAX, 5);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.what[0], BASELINE_NEW_OBJECT);
	baseline_free(b);
}

static void names_to(struct baseline *b, struct addr client, struct addr server, bool write,
		     const char *tag)
{
	struct op op = {
		.frame = 7,
		.time = BEGIN,
		.proto = "enip",
		.name = write ? "write-tag" : "read-tag",
		.code = write ? 0x4d : 0x4c,
		.unit = -1,
		.role = OP_REQUEST,
		.cls = write ? OP_WRITE : OP_READ,
		.rtt = -1,
		.object = {.space = OP_SPACE_TAG, .name = {(const uint8_t *)tag, strlen(tag)}}};

	baseline_op(b, &client, &server, &op);
}

static void names(struct baseline *b, bool write, const char *tag)
{
	names_to(b, HMI, PLC, write, tag);
}

/* Who reads more names than are kept may read others; what it writes is known all the same. */
static void more_names_of_one_code_than_are_kept_hide_nothing_of_another(void **state)
{
	struct baseline *b = baseline_new(NULL), *sum = baseline_new(NULL);
	char tag[16], *text;
	struct diag diag = {0};
	struct heard h = {0};
	size_t len;
	int i;

	(void)state;
	names(b, true, "Setpoint");
	for (i = 0; i < 300; i++) {
		snprintf(tag, sizeof(tag), "Tag%d", i);
		names(b, false, tag);
	}
	assert_true(baseline_merge(sum, b));
	baseline_free(b);
	assert_true(baseline_freeze(sum, BUDGET_DEFAULT, NULL, NULL, BEGIN));
	text = text_of(sum, &len);
	baseline_free(sum);
	b = baseline_load_text("text", text, len, NULL, &diag);
	assert_non_null(b);
	baseline_tell(b, hear, &h);
	names(b, false, "Tag299");
	names(b, false, "Tag999");
	names(b, true, "Setpoint");
	assert_int_equal(h.count, 0);
	names(b, true, "Interlock");
	assert_int_equal(h.count, 1);
	assert_int_equal(h.what[0], BASELINE_NEW_OBJECT);
	free(text);
	baseline_free(b);
}

/* A sender may choose names that are cut anywhere: what is written can be read, and be approved. */
static void names_of_any_bytes_and_length_survive_being_written(void **state)
{
	struct baseline *b = baseline_new(NULL);
	struct addr far = {{0x20, 1, 0xd, 0xb8, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44,
			    0x55, 0x55, 0x66, 0x66}};
	char tag[400], first[BASELINE_TEXT], *text;
	struct diag diag = {0};
	struct heard h = {0};
	size_t len, n;

	(void)state;
	for (n = 1; n < 390; n++) {
		size_t i;

		for (i = 0; i < n; i++)
			tag[i] = n % 3 ? "\xe3\x81\x82"[i % 3] : (char)(n + i);
		tag[n] = 0;
		names(b, false, tag);
	}
	assert_true(baseline_freeze(b, BUDGET_DEFAULT, NULL, NULL, BEGIN));
	text = text_of(b, &len);
	baseline_free(b);
	b = baseline_load_text("text", text, len, NULL, &diag);
	diag_print(&diag, stderr);
	assert_non_null(b);
	baseline_tell(b, hear, &h);
	names(b, true, tag);
	assert_int_equal(h.count, 1);
	assert_true(utf8_printable(h.permit));
	/* a long one is cut, and still about one name only */
	h.count = 0;
	memset(tag, 'x', 150);
	tag[150] = 'a';
	tag[151] = '\0';
	names_to(b, far, far, true, tag);
	memcpy(first, h.permit, sizeof(first));
	assert_int_equal(strlen(first), BASELINE_TEXT - 1);
	tag[150] = 'b';
	names_to(b, far, far, true, tag);
	assert_int_equal(h.count, 2);
	assert_string_not_equal(h.permit, first);
	free(text);
	baseline_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_hold_what_was_added),
		cmocka_unit_test(ranges_reach_the_ends_of_numbers),
		cmocka_unit_test(the_known_is_silent),
		cmocka_unit_test(each_kind_of_news_has_its_name),
		cmocka_unit_test(a_new_host_is_the_cause_of_all_it_does),
		cmocka_unit_test(a_guessed_client_is_no_news),
		cmocka_unit_test(all_of_a_network_is_nobody),
		cmocka_unit_test(two_halves_know_what_the_whole_knows),
		cmocka_unit_test(it_survives_being_written),
		cmocka_unit_test(a_channel_has_no_more_acts_than_its_limit),
		cmocka_unit_test(numbers_beyond_the_last_one_are_not_those_from_the_first),
		cmocka_unit_test(names_of_any_bytes_and_length_survive_being_written),
		cmocka_unit_test(more_names_of_one_code_than_are_kept_hide_nothing_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
