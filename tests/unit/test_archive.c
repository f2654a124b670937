/* The archive: kinds of values as words and exactly back, layout, mistakes with their places. */
#include "baseline/archive_impl.h"
#include "baseline/baseline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

static uint64_t dice_state = 88172645463325252u;

static uint64_t dice(void)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return dice_state;
}

/* Numbers of every size, whole and broken, and those at the edges. */
static double any_number(void)
{
	static const double edge[] = {1,	 -1,	  0.1,	  1e15,		1e16,
				      DBL_MAX,	 DBL_MIN, 5e-324, 1.0 / 3,	999999999999999.9,
				      0.9999999, 1e-9,	  1e-3,	  123456789.125};
	uint64_t bits = dice();
	double v;

	switch (dice() % 4) {
	case 0:
		return edge[dice() % (sizeof(edge) / sizeof(*edge))];
	case 1:
		return (double)(int64_t)(dice() % 2000001) - 1000000;
	case 2:
		return (double)(dice() % 1000000007) / 1e6;
	default:
		memcpy(&v, &bits, sizeof(v));
		return isfinite(v) ? v : 1;
	}
}

static void same_word(const struct archive_kind *k, const void *v)
{
	char word[ARCHIVE_WORD];
	uint8_t back[64];

	k->write(k, v, word);
	assert_true(strlen(word) < ARCHIVE_WORD - 1);
	if (!k->read(k, word, back) || memcmp(v, back, k->size) != 0)
		fail_msg("\"%s\" does not read back as what was written", word);
}

static void what_is_written_reads_back_exactly(void **state)
{
	int64_t t[3];
	double d[2], swap;
	uint64_t r[2];
	struct tally tally;
	int i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		d[0] = any_number();
		d[1] = any_number();
		same_word(&archive_kind_number, d);
		same_word(&archive_kind_seconds, d);
		if (d[0] > d[1]) {
			swap = d[0];
			d[0] = d[1];
			d[1] = swap;
		}
		same_word(&archive_kind_interval, d);
		t[0] = (int64_t)(dice() >> dice() % 64);
		t[0] = dice() % 2 ? t[0] : -t[0];
		same_word(&archive_kind_span, t);
		same_word(&archive_kind_time, t);
		same_word(&archive_kind_int, t);
		same_word(&archive_kind_count, t);
		r[0] = dice() >> 1;
		r[1] = r[0] + dice() % 100;
		same_word(&archive_kind_range, r);
		tally = (struct tally){dice() | 1, t[0] / 2, t[0] / 2 + (int64_t)(dice() % 1000)};
		same_word(&archive_kind_tally, &tally);
	}
}

static void words_are_those_of_people(void **state)
{
	static const struct {
		const struct archive_kind *kind;
		union {
			double d[2];
			int64_t i;
			uint64_t u[2];
		} v;
		const char *word;
	} t[] = {
		{&archive_kind_number, {.d = {0.1}}, "0.1"},
		{&archive_kind_number, {.d = {-42}}, "-42"},
		{&archive_kind_number, {.d = {1e20}}, "1e+20"},
		{&archive_kind_seconds, {.d = {0.02}}, "20 ms"},
		{&archive_kind_seconds, {.d = {1.5}}, "1.5 s"},
		{&archive_kind_seconds, {.d = {86400}}, "86400 s"},
		{&archive_kind_seconds, {.d = {0.0001234}}, "123.4 us"},
		{&archive_kind_seconds, {.d = {-3e-9}}, "-3 ns"},
		{&archive_kind_span, {.i = 1500000000}, "1.5 s"},
		{&archive_kind_span, {.i = 20000000}, "20 ms"},
		{&archive_kind_span, {.i = 1001}, "1.001 us"},
		{&archive_kind_span, {.i = -7}, "-7 ns"},
		{&archive_kind_time, {.i = 1700000000123000000}, "2023-11-14T22:13:20.123Z"},
		{&archive_kind_time, {.i = 1700000000000000000}, "2023-11-14T22:13:20Z"},
		{&archive_kind_interval, {.d = {-0.5, 1000}}, "-0.5..1000"},
		{&archive_kind_range, {.u = {3, 9}}, "3-9"},
		{&archive_kind_range, {.u = {3, 3}}, "3"},
	};
	char word[ARCHIVE_WORD];
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		t[i].kind->write(t[i].kind, &t[i].v, word);
		assert_string_equal(word, t[i].word);
	}
}

static void other_words_are_refused(void **state)
{
	static const struct {
		const struct archive_kind *kind;
		const char *word;
	} t[] = {
		{&archive_kind_count, ""},
		{&archive_kind_count, "-1"},
		{&archive_kind_count, "1 "},
		{&archive_kind_count, "18446744073709551616"},
		{&archive_kind_count32, "4294967296"},
		{&archive_kind_int, "9223372036854775808"},
		{&archive_kind_int, "--1"},
		{&archive_kind_number, "nan"},
		{&archive_kind_number, "inf"},
		{&archive_kind_number, "1e999"},
		{&archive_kind_number, "0x10"},
		{&archive_kind_number, "1.2.3"},
		{&archive_kind_number, "."},
		{&archive_kind_number, "1e"},
		{&archive_kind_seconds, "1.5"},
		{&archive_kind_seconds, "1.5 h"},
		{&archive_kind_span, "1.5 ns"},
		{&archive_kind_span, "99999999999 s"},
		{&archive_kind_span, "s"},
		{&archive_kind_time, "2023-11-14T22:13:20"},
		{&archive_kind_time, "2023-02-30T00:00:00Z"},
		{&archive_kind_time, "2023-11-14T24:00:00Z"},
		{&archive_kind_time, "9999-01-01T00:00:00Z"},
		{&archive_kind_interval, "3"},
		{&archive_kind_interval, "3..2"},
		{&archive_kind_range, "9-3"},
		{&archive_kind_range, "3-"},
		{&archive_kind_flag, "true"},
		{&archive_kind_tally, "0 from 2023-11-14T22:13:20Z to 2023-11-14T22:13:20Z"},
		{&archive_kind_tally, "2 from 2023-11-14T22:13:21Z to 2023-11-14T22:13:20Z"},
		{&archive_kind_addr, "10.0.0"},
		{&archive_kind_mac, "00:11"},
	};
	uint8_t v[64];
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++)
		if (t[i].kind->read(t[i].kind, t[i].word, v))
			fail_msg("\"%s\" was taken", t[i].word);
}

/* --- a thing with everything --- */

struct part {
	uint64_t count;
	const char *text;
	struct {
		uint64_t n;
		double d;
	} inner[3];
	uint32_t inners;
};

struct thing {
	uint64_t count;
	double seconds;
	const char *text;
	struct addr addr;
	uint64_t range[4][2];
	uint32_t ranges;
	struct part part[4], line[4];
	uint32_t parts, lines;
	bool has;
	double lo, hi;
};

static void part_fields(struct archive *a, struct part *p)
{
	uint32_t i = 0;

	archive_count(a, "count", &p->count);
	archive_text(a, "text", &p->text);
	if (archive_list(a, "inner", true, p->inners)) {
		while (archive_next(a, i < p->inners)) {
			archive_count(a, "n", &p->inner[i % 3].n);
			if (archive_map(a, "deep", true)) {
				archive_number(a, "d", &p->inner[i % 3].d);
				archive_end(a);
			}
			i++;
		}
		archive_end(a);
		p->inners = i;
	}
}

static void parts_fields(struct archive *a, const char *key, bool line, struct part *p, uint32_t *n)
{
	uint32_t i = 0;

	if (!archive_list(a, key, line, *n))
		return;
	while (archive_next(a, i < *n)) {
		part_fields(a, &p[i % 4]);
		i++;
	}
	archive_end(a);
	*n = i < 4 ? i : 4;
}

static void thing_fields(struct archive *a, struct thing *t)
{
	archive_count(a, "count", &t->count);
	archive_seconds(a, "every", &t->seconds);
	archive_text(a, "text", &t->text);
	archive_addr(a, "addr", &t->addr);
	archive_ranges(a, "ranges", t->range[0], &t->ranges, 4);
	archive_interval(a, "values", &t->has, &t->lo, &t->hi);
	parts_fields(a, "parts", false, t->part, &t->parts);
	parts_fields(a, "lines", true, t->line, &t->lines);
}

static char *text_of(struct thing *t)
{
	struct archive a;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	archive_yaml_write(&a, f);
	thing_fields(&a, t);
	assert_true(archive_yaml_done(&a));
	fclose(f);
	return text;
}

/* The mistakes as printed; free() them. */
static char *read_text(const char *text, struct thing *t, struct arena *arena)
{
	struct diag diag = {.count = 0};
	struct yaml_doc doc;
	struct archive a;
	char *said = NULL;
	size_t len;
	FILE *f = open_memstream(&said, &len);

	*t = (struct thing){.count = 0};
	if (*text && yaml_load_buffer(&doc, "t", text, strlen(text), &diag)) {
		if (archive_yaml_read(&a, &doc, arena, &diag)) {
			thing_fields(&a, t);
			assert_int_equal(archive_yaml_done(&a), diag.errors == 0);
		}
		yaml_doc_free(&doc);
	}
	diag_print(&diag, f);
	diag_free(&diag);
	fclose(f);
	return said;
}

static void it_is_laid_out_for_reading_and_comparing(void **state)
{
	struct thing t = {.count = 3,
			  .seconds = 0.1,
			  .text = "a, \"b\"",
			  .ranges = 2,
			  .range = {{0, 9}, {20, 20}},
			  .parts = 3,
			  .part = {{.count = 1, .inners = 1, .inner = {{7, 0.5}}},
				   {.count = 0},
				   {.text = "x"}},
			  .lines = 2,
			  .line = {{.count = 1, .inners = 2, .inner = {{7, 0.5}}}, {.text = "y"}},
			  .has = true,
			  .hi = 10};
	char *text;

	(void)state;
	addr_parse("fd00::", &t.addr);
	text = text_of(&t);
	assert_string_equal(text, "count: 3\n"
				  "every: 100 ms\n"
				  "text: \"a, \\\"b\\\"\"\n"
				  "addr: \"fd00::\"\n"
				  "ranges: [0-9, 20]\n"
				  "values: 0..10\n"
				  "parts:\n"
				  "  - count: 1\n"
				  "    inner:\n"
				  "      - {n: 7, deep: {d: 0.5}}\n"
				  "  - {}\n"
				  "  - text: x\n"
				  "lines:\n"
				  "  - {count: 1, inner: [{n: 7, deep: {d: 0.5}}, {}]}\n"
				  "  - {text: y}\n");
	free(text);
}

static const char *any_text(void)
{
	static const char *const texts[] = {NULL,
					    "x",
					    "tag[3]",
					    "plant/line1/temp",
					    "製造ライン 1",
					    "a: b",
					    "a #b",
					    " lead",
					    "trail ",
					    "-",
					    "- a",
					    "{x}",
					    "yes",
					    "007",
					    "~",
					    "\"",
					    "\\",
					    "\xef\xbb\xbf",
					    "\xf0\x9f\x8f\xad",
					    "::1",
					    "%a",
					    "@b",
					    "`c",
					    "!d",
					    "&e",
					    "*f",
					    "?",
					    "? g",
					    "a:",
					    ":a",
					    "'",
					    "|",
					    ">",
					    "=",
					    "<<",
					    "-1"};

	return texts[dice() % (sizeof(texts) / sizeof(*texts))];
}

static void any_part(struct part *p)
{
	uint32_t i;

	p->count = dice() % 3;
	p->text = any_text();
	p->inners = (uint32_t)(dice() % 3);
	for (i = 0; i < p->inners; i++) {
		p->inner[i].n = dice() % 2;
		p->inner[i].d = dice() % 2 ? any_number() : 0;
	}
}

static struct thing any_thing(void)
{
	struct thing t = {.count = dice() % 3, .seconds = any_number(), .text = any_text()};
	uint32_t i;

	if (dice() % 2)
		memcpy(t.addr.b, (uint64_t[2]){dice(), dice()}, 16);
	t.ranges = (uint32_t)(dice() % 5);
	for (i = 0; i < t.ranges; i++) {
		t.range[i][0] = dice() % 10;
		t.range[i][1] = t.range[i][0] + dice() % 10;
	}
	t.parts = (uint32_t)(dice() % 5);
	t.lines = (uint32_t)(dice() % 5);
	for (i = 0; i < 4; i++) {
		any_part(&t.part[i]);
		any_part(&t.line[i]);
	}
	t.has = dice() % 2;
	t.lo = t.has ? (double)(dice() % 5) : 0;
	t.hi = t.has ? 5 : 0;
	return t;
}

static void text_and_bytes_read_back_as_they_were(void **state)
{
	struct arena arena = {.blocks = NULL};
	struct thing t, back;
	struct archive a;
	char *text, *again, *said;
	uint8_t *bytes;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		t = any_thing();
		text = text_of(&t);
		said = read_text(text, &back, &arena);
		if (*said)
			fail_msg("%s%s", text, said);
		again = text_of(&back);
		assert_string_equal(text, again);
		free(said);
		free(again);

		archive_bytes_write(&a);
		thing_fields(&a, &t);
		assert_true(archive_bytes_done(&a));
		bytes = a.bytes;
		back = (struct thing){.count = 0};
		archive_bytes_read(&a, bytes, (uint32_t)a.len, &arena);
		thing_fields(&a, &back);
		assert_true(archive_bytes_done(&a));
		again = text_of(&back);
		assert_string_equal(text, again);
		free(again);
		free(bytes);
		free(text);
		arena_free(&arena);
	}
}

static void bytes_cut_or_changed_are_refused_or_something_else_but_never_read_beyond(void **state)
{
	struct arena arena = {.blocks = NULL};
	struct thing t, back;
	struct archive a;
	uint8_t *bytes, *part;
	size_t len, n;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		t = any_thing();
		archive_bytes_write(&a);
		thing_fields(&a, &t);
		bytes = a.bytes;
		len = a.len;
		n = len ? dice() % (len + 1) : 0;
		part = malloc(n ? n : 1);
		memcpy(part, bytes ? bytes : part, n);
		if (n)
			part[dice() % n] ^= (uint8_t)(1 << dice() % 8);
		archive_bytes_read(&a, part, (uint32_t)n, &arena);
		thing_fields(&a, &back);
		archive_bytes_done(&a);
		free(part);
		free(bytes);
		arena_free(&arena);
	}
}

static void mistakes_are_told_all_at_once_with_their_places(void **state)
{
	static const struct {
		const char *text, *said;
	} t[] = {
		{"[1]\n", "t:1:1: error: a baseline is a map, not a list\n"},
		{"count: x\nevery: 3\n",
		 "t:1:8: error: \"count\" is a whole number from 0, not \"x\"\n"
		 "t:2:8: error: \"every\" is a time such as 1.5 s, 20 ms, 3 us or 40 ns, not "
		 "\"3\"\n"},
		{"cuont: 3\nparts: 5\n", "t:2:8: error: \"parts\" is a list, not text\n"
					 "t:1:1: error: unknown key \"cuont\"\n"},
		{"parts: [3]\n", "t:1:9: error: \"parts\" is a list of maps; this is text\n"},
		{"ranges: [1, 2, 3, 4, 5]\n", "t:1:9: error: \"ranges\" is a list of at most 4\n"},
		{"parts:\n  - count: 1\n    x: 2\n", "t:3:5: error: unknown key \"x\"\n"},
		{"parts:\n  - inner:\n      - {n: 1, deep: {e: 1}}\n",
		 "t:3:23: error: unknown key \"e\"\n"},
		{"text: [a]\n", "t:1:7: error: \"text\" is a text, not a list\n"},
	};
	struct arena arena = {.blocks = NULL};
	struct thing back;
	unsigned i;
	char *said;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		said = read_text(t[i].text, &back, &arena);
		assert_string_equal(said, t[i].said);
		free(said);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back_exactly),
		cmocka_unit_test(words_are_those_of_people),
		cmocka_unit_test(other_words_are_refused),
		cmocka_unit_test(it_is_laid_out_for_reading_and_comparing),
		cmocka_unit_test(text_and_bytes_read_back_as_they_were),
		cmocka_unit_test(
			bytes_cut_or_changed_are_refused_or_something_else_but_never_read_beyond),
		cmocka_unit_test(mistakes_are_told_all_at_once_with_their_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
