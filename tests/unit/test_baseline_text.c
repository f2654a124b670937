/* The text of a baseline: written, read back, edited; its compiled form; files. */
#include "baseline/inside.h"
#include "baseline/permit.h"
#include "baseline/text.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define BEGIN  (1700000000 * SECOND)

static uint64_t dice_state = 88172645463325252u;

static uint32_t dice(uint32_t sides)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (uint32_t)(dice_state >> 11) % sides;
}

static char *text_of(struct baseline *b)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_true(baseline_save(b, f));
	fclose(f);
	return text;
}

/* The mistakes as printed, "" for none; free() them. */
static char *load_text(const char *text, size_t len, struct baseline **b)
{
	struct diag diag = {.count = 0};
	char *said = NULL;
	size_t said_len;
	FILE *f = open_memstream(&said, &said_len);

	*b = baseline_load_text("t", text, len, NULL, &diag);
	assert_true((*b != NULL) == (diag.errors == 0));
	diag_print(&diag, f);
	diag_free(&diag);
	fclose(f);
	return said;
}

static struct baseline *load(const char *text)
{
	struct baseline *b;
	char *said = load_text(text, strlen(text), &b);

	if (*said)
		fail_msg("%s", said);
	free(said);
	return b;
}

/* --- any plant --- */

static struct addr any_addr(void)
{
	struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}};

	if (dice(8) == 0)
		addr_parse("fd00:50::", &a);
	a.b[15] = (uint8_t)dice(6);
	return a;
}

static void any_values(struct op *op, uint8_t raw[32])
{
	unsigned i;

	for (i = 0; i < 32; i++)
		raw[i] = (uint8_t)(dice(4) ? dice(3) : dice(256));
	op->values = (struct op_values){.raw = {raw, op->object.count * 2},
					.count = op->object.count,
					.type = OP_V_U16,
					.big_endian = true};
}

static void any_op(struct baseline *b, int64_t time)
{
	static const struct {
		const char *proto, *name, *object;
		uint32_t code;
		uint8_t cls, space, role;
	} t[] = {{"modbus", "read-holding-registers", NULL, 3, OP_READ, OP_SPACE_HOLDING,
		  OP_REQUEST},
		 {"modbus", "write-multiple-registers", NULL, 16, OP_WRITE, OP_SPACE_HOLDING,
		  OP_REQUEST},
		 {"cip", "read-tag", "Pump[1].speed", 0x4c, OP_READ, OP_SPACE_TAG, OP_REQUEST},
		 {"mqtt", "publish", "plant/製造 1/\x01\xff", 3, OP_WRITE, OP_SPACE_TOPIC,
		  OP_PUBLISH},
		 {"cip", "get-attribute-single", NULL, 0x0e, OP_READ, OP_SPACE_OBJECT, OP_REQUEST},
		 {"enip", "register-session", NULL, 0x65, OP_SESSION, OP_SPACE_NONE, OP_REQUEST}};
	unsigned k = dice(sizeof(t) / sizeof(*t));
	struct addr client = any_addr(), server = any_addr();
	struct op op = {.frame = 1,
			.time = time,
			.proto = t[k].proto,
			.name = t[k].name,
			.code = t[k].code,
			.unit = (int32_t)dice(3) - 1,
			.role = t[k].role,
			.cls = t[k].cls,
			.rtt = -1,
			.from_server = dice(2),
			.object = {.space = t[k].space}};
	uint8_t raw[32];

	if (t[k].space == OP_SPACE_HOLDING) {
		op.object.first = dice(3) * 10;
		op.object.count = dice(4);
	}
	if (t[k].space == OP_SPACE_OBJECT) {
		op.object.npath = (uint8_t)dice(4);
		op.object.path[0] = op.object.npath > 0 ? dice(9) : 0;
		op.object.path[1] = op.object.npath > 1 ? dice(9) : 0;
		op.object.path[2] = op.object.npath > 2 ? UINT32_MAX : 0;
	}
	if (t[k].object)
		op.object.name = slice_str(t[k].object);
	if (op.cls == OP_WRITE && op.object.count)
		any_values(&op, raw);
	baseline_op(b, &client, &server, &op);
	if (dice(2) || op.role != OP_REQUEST)
		return;
	op.role = OP_RESPONSE;
	op.from_server = true;
	op.rtt = dice(100) * 100000;
	op.time += op.rtt;
	op.request_frame = 1;
	if (op.cls == OP_READ && op.object.count)
		any_values(&op, raw);
	baseline_op(b, &client, &server, &op);
}

static void any_flow(struct baseline *b, int64_t time)
{
	static const char *const apps[] = {NULL, "modbus", "http"};
	struct addr client = any_addr(), server = any_addr();
	struct mac mac[2] = {{{0, 0x80, 0xf4, 0, 0, (uint8_t)dice(4)}},
			     {{0, 0x80, 0xf4, 0, 1, (uint8_t)dice(4)}}};
	struct baseline_flow f = {.id = dice(1000),
				  .client = &client,
				  .server = &server,
				  .client_mac = dice(2) ? &mac[0] : NULL,
				  .server_mac = dice(2) ? &mac[1] : NULL,
				  .client_near = dice(2),
				  .server_near = dice(2),
				  .server_outside = dice(4) == 0,
				  .ip_proto = dice(2) ? 6 : 17,
				  .port = (uint16_t)dice(70),
				  .app = apps[dice(3)],
				  .packets = {dice(100), dice(100)},
				  .bytes = {dice(10000), dice(10000)},
				  .first = time,
				  .last = time,
				  .frame = 1};

	baseline_flow_opened(b, &f, time, 1);
	f.last += dice(1000) * SECOND / 100;
	baseline_flow_closed(b, &f, f.last, 1);
	if (dice(2))
		baseline_host(b, &client, &mac[0], time, 1);
}

static void learn_something(struct baseline *b, int64_t time)
{
	int i, n = (int)dice(400);

	baseline_mode(b, dice(3) ? 0 : dice(BASELINE_MODES));
	for (i = 0; i < n; i++, time += dice(3) * SECOND / 2 + dice(1000)) {
		if (dice(10) == 0)
			any_flow(b, time);
		any_op(b, time);
		baseline_tick(b, time);
	}
	if (dice(2))
		baseline_source_note(b, time, dice(1000));
	if (dice(2))
		permit_add(b, &(struct permit){.what = "new-op 10.0.0.1 -> 10.0.0.2 modbus 1 x",
					       .by = "tanaka: \"T\"",
					       .reason = dice(2) ? "new recipe" : NULL,
					       .at = time,
					       .has_values = dice(2),
					       .lo = 1,
					       .hi = dice(10) + 1});
}

static struct baseline *any_baseline(void)
{
	struct baseline *b = baseline_new(NULL);

	assert_non_null(b);
	learn_something(b, BEGIN);
	if (dice(2))
		baseline_freeze(b, dice(2) ? 5 : 0.3, dice(2) ? "suzuki" : NULL,
				dice(2) ? "reviewed on site" : NULL, BEGIN + 1);
	return b;
}

/* --- there and back --- */

static void a_text_read_and_written_is_the_same_text(void **state)
{
	struct baseline *b, *back, *compiled;
	char *text, *again, *third;
	size_t len;
	uint8_t *p;
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		b = any_baseline();
		text = text_of(b);
		back = load(text);
		again = text_of(back);
		assert_string_equal(text, again);

		p = baseline_compile(b, text, strlen(text), &len);
		assert_non_null(p);
		compiled = baseline_load_compiled(p, len, text, strlen(text), NULL);
		assert_non_null(compiled);
		third = text_of(compiled);
		assert_string_equal(text, third);

		free(p);
		free(third);
		free(again);
		free(text);
		baseline_free(compiled);
		baseline_free(back);
		baseline_free(b);
	}
}

/* What is read must be fit for all that is done with a baseline. */
static void what_was_read_learns_on_merges_and_compares(void **state)
{
	struct baseline *b, *other;
	char *text, *again;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		b = any_baseline();
		text = text_of(b);
		baseline_free(b);
		b = load(text);
		if (baseline_state(b) == BASELINE_LEARNING) {
			other = load(text);
			learn_something(b, BEGIN + 1000 * SECOND);
			assert_true(baseline_merge(b, other));
			baseline_free(other);
			baseline_freeze(b, 5, NULL, NULL, BEGIN);
		}
		learn_something(b, BEGIN + 5000 * SECOND); /* compared */
		again = text_of(b);
		baseline_free(load(again));
		free(again);
		free(text);
		baseline_free(b);
	}
}

static void what_came_first_makes_no_difference(void **state)
{
	struct addr client = any_addr(), server = any_addr();
	struct op op = {.frame = 1,
			.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.role = OP_REQUEST,
			.cls = OP_READ,
			.rtt = -1,
			.object = {.space = OP_SPACE_HOLDING, .count = 1}};
	struct baseline *b[2] = {baseline_new(NULL), baseline_new(NULL)};
	char *text[2];
	int i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		for (i = 0; i < 20; i++) {
			op.time = BEGIN;
			op.unit = (k ? 19 - i : i) / 5;
			baseline_op(b[k], &client, &server, &op);
		}
		text[k] = text_of(b[k]);
	}
	assert_non_null(strstr(text[0], "unit: 3"));
	assert_string_equal(text[0], text[1]);
	for (k = 0; k < 2; k++) {
		free(text[k]);
		baseline_free(b[k]);
	}
}

/* --- mistakes --- */

static const char channel[] = "baseline: 1\nmodes:\n  normal:\n    channels:\n"
			      "      - client: 10.0.0.1\n        server: 10.0.0.2\n"
			      "        protocol: modbus\n";

static void mistakes_have_their_place(void **state)
{
	static const struct {
		const char *text, *said;
	} t[] = {
		{"state: frozen\n", "t:1:1: error: this program reads \"baseline: 1\"\n"},
		{"baseline: 2\nxyz: 1\n", "t:1:11: error: this program reads \"baseline: 1\"\n"},
		{"baseline: 1\nstate: warm\nlerned: 3\n",
		 "t:2:8: error: \"state\" is one of learning, frozen, not \"warm\"\n"
		 "t:3:1: error: unknown key \"lerned\"\n"},
		{"baseline: 1\nmodes: {normal: {channels: [{client: 10.0.0.1}]}}\n", NULL},
		{"baseline: 1\npermits: [{permit: x}]\n", NULL},
		{"baseline: 1\nbudget: {thresholds: [{finding: baseline.nothing}]}\n",
		 "t:2:33: error: there is no finding \"baseline.nothing\"\n"},
		{"baseline: 1\nfrozen: {by: \"a\\e[2J\", reason: \"b\\nfrozen\"}\n",
		 "t:2:14: error: \"by\" has control characters, or is no UTF-8\n"
		 "t:2:32: error: \"reason\" has control characters, or is no UTF-8\n"},
		{"baseline: 1\nbaseline: 1\n",
		 "t:2:1: error: duplicate key \"baseline\", first in line 1\n"},
	};
	struct baseline *b;
	char *said;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		said = load_text(t[i].text, strlen(t[i].text), &b);
		assert_null(b);
		if (t[i].said)
			assert_string_equal(said, t[i].said);
		free(said);
	}
}

static void what_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *more, *said;
	} t[] = {
		{"        unit: -1\n", "\"unit\" is a number from 0"},
		{"      - client: 10.0.0.1\n        server: 10.0.0.2\n        protocol: modbus\n",
		 "this channel is there twice"},
		{"        items: [{do: x, class: read}]\n", "an item has an \"id\" from 1"},
		{"        items: [{id: 1, do: x}]\n", "\"class\" is missing"},
		{"        items: [{id: 1, do: x, class: read}, {id: 1, do: y, code: 2, class: "
		 "read}]\n",
		 "another item has the \"id\" 1"},
		{"        items: [{id: 1, do: x, class: read}, {id: 2, do: x, class: read}]\n",
		 "this item is there twice"},
		{"        items: [{id: 1, do: x, class: read, role: response}]\n",
		 "an item is a request or a publish"},
		{"        items: [{id: 1, do: x, class: read, path: [4294967296]}]\n",
		 "a number of \"path\""},
		{"        items: [{id: 1, do: x, class: read, objects: 0-4294967296}]\n",
		 "\"objects\" are at most"},
	};
	char text[1024];
	struct baseline *b;
	char *said;
	unsigned i;

	(void)state;
	baseline_free(load(channel));
	for (i = 0; i < sizeof(t) / sizeof(*t); i++) {
		snprintf(text, sizeof(text), "%s%s", channel, t[i].more);
		said = load_text(text, strlen(text), &b);
		assert_null(b);
		if (!strstr(said, t[i].said))
			fail_msg("\"%s\" is not said of\n%s\nbut %s", t[i].said, t[i].more, said);
		free(said);
	}
}

static void what_is_beyond_the_limits_is_a_mistake(void **state)
{
	const struct baseline_limits few = {.channels = 1};
	struct baseline *b = baseline_new(NULL);
	struct diag diag = {.count = 0};
	char *text;
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		any_op(b, BEGIN + i * SECOND);
	text = text_of(b);
	baseline_free(b);
	assert_null(baseline_load_text("t", text, strlen(text), &few, &diag));
	assert_non_null(strstr(diag.entry[0].text, "too many channels"));
	diag_free(&diag);
	free(text);
}

static void any_damage_is_refused_or_reads_as_something(void **state)
{
	struct baseline *b, *back;
	char *text, *said, *again;
	size_t len, at, n;
	int i, k;

	(void)state;
	for (i = 0; i < 60; i++) {
		b = any_baseline();
		text = text_of(b);
		len = strlen(text);
		for (k = 0; k < 20; k++) {
			at = dice((uint32_t)len);
			n = 1 + dice(20);
			n = n > len - at ? len - at : n;
			switch (dice(3)) {
			case 0:
				text[at] = "0919 -:,{}[]\n\"x."[dice(16)];
				break;
			case 1: /* something twice */
				if (at + 2 * n <= len)
					memmove(text + at + n, text + at, n);
				break;
			default: /* a number another one */
				while (at < len && (text[at] < '0' || text[at] > '9'))
					at++;
				if (at < len)
					text[at] = (char)('0' + dice(10));
			}
			said = load_text(text, len, &back);
			free(said);
			if (!back)
				continue;
			if (baseline_state(back) == BASELINE_LEARNING)
				baseline_freeze(back, 5, NULL, NULL, 0);
			learn_something(back, BEGIN);
			again = text_of(back);
			free(again);
			baseline_free(back);
		}
		free(text);
		baseline_free(b);
	}
}

/* --- compiled, files --- */

static void a_compiled_form_of_another_text_or_damaged_is_none(void **state)
{
	struct baseline *b = any_baseline();
	char *text = text_of(b);
	size_t len, n = strlen(text), at;
	uint8_t *p = baseline_compile(b, text, n, &len);
	int i;

	(void)state;
	text[n - 2] ^= 1;
	assert_null(baseline_load_compiled(p, len, text, n, NULL));
	text[n - 2] ^= 1;
	assert_null(baseline_load_compiled(p, len - 1, text, n, NULL));
	assert_null(baseline_load_compiled(p, 3, text, n, NULL));
	for (i = 0; i < 1000; i++) {
		at = dice((uint32_t)len);
		p[at] ^= 0x10;
		assert_null(baseline_load_compiled(p, len, text, n, NULL));
		p[at] ^= 0x10;
	}
	b = (baseline_free(b), baseline_load_compiled(p, len, text, n, NULL));
	assert_non_null(b);
	baseline_free(b);
	free(p);
	free(text);
}

static void a_large_file_has_its_compiled_form_beside_it(void **state)
{
	char folder[] = "/tmp/kidoban-text-XXXXXX", path[64], bin[64];
	struct baseline *b = baseline_new(NULL), *back;
	struct diag diag = {.count = 0};
	struct stat st;
	char *text, *again;
	int64_t made;
	FILE *f;
	int i;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/b.yaml", folder);
	snprintf(bin, sizeof(bin), "%s/b.yaml.bin", folder);
	assert_null(baseline_store(b, path));
	assert_int_equal(stat(bin, &st), -1);
	for (i = 0; i < 5000; i++) {
		struct op op = {.time = BEGIN + i,
				.proto = "modbus",
				.name = "read-coils",
				.code = 1,
				.unit = i % 250,
				.role = OP_REQUEST,
				.cls = OP_READ,
				.rtt = -1,
				.object = {.space = OP_SPACE_COIL, .first = (uint64_t)i % 200}};
		struct addr client = any_addr(), server = any_addr();

		baseline_op(b, &client, &server, &op);
	}
	text = text_of(b);
	assert_null(baseline_store(b, path));
	assert_int_equal(stat(bin, &st), 0);
	made = st.st_mtim.tv_sec;

	/* from the compiled form, and from the text when that is damaged, which makes it anew */
	for (i = 0; i < 2; i++) {
		back = baseline_load(path, NULL, &diag);
		assert_non_null(back);
		again = text_of(back);
		assert_string_equal(text, again);
		free(again);
		baseline_free(back);
		f = fopen(bin, "w");
		fputs("kidobanB nonsense", f);
		fclose(f);
	}
	back = baseline_load(path, NULL, &diag);
	assert_non_null(back);
	baseline_free(back);
	assert_int_equal(stat(bin, &st), 0);
	assert_true(st.st_size > 10000 && st.st_mtim.tv_sec >= made);

	assert_int_equal(diag.count, 0);
	assert_null(baseline_load("/nonexistent/b.yaml", NULL, &diag));
	assert_int_equal(diag.count, 1);
	assert_non_null(baseline_store(b, "/nonexistent/b.yaml"));
	diag_free(&diag);
	free(text);
	baseline_free(b);
	unlink(path);
	unlink(bin);
	assert_int_equal(rmdir(folder), 0);
}

/* A plant keeps the file where its version control is, and links to it. */
static void a_link_to_the_file_stays_a_link(void **state)
{
	char folder[] = "/tmp/kidoban-text-XXXXXX", path[64], link[64];
	struct baseline *b = baseline_new(NULL);
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/b.yaml", folder);
	snprintf(link, sizeof(link), "%s/link.yaml", folder);
	assert_int_equal(symlink("b.yaml", link), 0);
	assert_null(baseline_store(b, path));
	assert_int_equal(chmod(path, 0600), 0);
	assert_null(baseline_store(b, link));
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	baseline_free(b);
	unlink(path);
	unlink(link);
	assert_int_equal(rmdir(folder), 0);
}

static void modes_are_called_as_the_policy_calls_them(void **state)
{
	unsigned m;

	(void)state;
	for (m = 0; m < BASELINE_MODES; m++)
		assert_string_equal(baseline_mode_name(m),
				    policy_operating_name((enum policy_operating_mode)m));
	assert_null(baseline_mode_name(BASELINE_MODES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_read_and_written_is_the_same_text),
		cmocka_unit_test(what_was_read_learns_on_merges_and_compares),
		cmocka_unit_test(what_came_first_makes_no_difference),
		cmocka_unit_test(mistakes_have_their_place),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(what_is_beyond_the_limits_is_a_mistake),
		cmocka_unit_test(any_damage_is_refused_or_reads_as_something),
		cmocka_unit_test(a_compiled_form_of_another_text_or_damaged_is_none),
		cmocka_unit_test(a_large_file_has_its_compiled_form_beside_it),
		cmocka_unit_test(a_link_to_the_file_stays_a_link),
		cmocka_unit_test(modes_are_called_as_the_policy_calls_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
