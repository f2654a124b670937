/* The catalogue that is built in, and what a slip in it looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "detect/finding.h"

#include <stdio.h>
#include <string.h>

static void every_entry_speaks_both_languages(void **state)
{
	struct diag diag = {.count = 0};
	struct catalogue *c = catalogue_builtin(&diag);
	const struct finding *f;
	unsigned i, cls;

	(void)state;
	diag_print(&diag, stderr);
	assert_non_null(c);
	for (i = 0; (f = catalogue_at(c, i)); i++) {
		assert_int_equal(f->index, i);
		assert_in_range(f->severity, 1, 4);
		assert_in_range(f->sid, 9100001, 9199999);
		assert_true(f->text[FINDING_EN].next[0] && f->text[FINDING_JA].next[0]);
		assert_true(f->text[FINDING_JA].title[0] & 0x80 || f->text[FINDING_JA].title[4]);
		assert_non_null(f->refs[0]);
		/* no blank between two Japanese characters */
		assert_null(strstr(f->text[FINDING_JA].meaning, "、 "));
		assert_null(strstr(f->text[FINDING_JA].next, "。 "));
		for (cls = 0; cls < OP_CLASSES; cls++)
			assert_non_null(f->attack_class[cls]);
	}
	f = catalogue_find(c, "policy.op-denied");
	assert_string_equal(f->attack[0], "T0855");
	assert_string_equal(f->attack_class[OP_PROGRAM][0], "T0843");
	assert_ptr_equal(f->attack_class[OP_SESSION], f->attack);
	catalogue_free(c);
	diag_free(&diag);
}

static const char good[] = "findings:\n"
			   "- id: a.b\n"
			   "  sid: 1\n"
			   "  rev: 2\n"
			   "  severity: low\n"
			   "  threat-class: misuse\n"
			   "  category: C\n"
			   "  attack: [T0855]\n"
			   "  refs: []\n"
			   "  en: {title: T, meaning: M, next: N}\n"
			   "  ja: {title: T, meaning: M, next: N}\n";

/* Loads good with one line replaced; returns the first message, or NULL. */
static const char *slip(const char *line, const char *instead, char *out, size_t size)
{
	const char *at = strstr(good, line);
	struct diag diag = {.count = 0};
	struct catalogue *c;
	char text[1024];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, instead,
		 at + strlen(line));
	c = catalogue_load_buffer("f", text, strlen(text), &diag);
	out[0] = '\0';
	if (diag.count)
		snprintf(out, size, "%d: %s", diag.entry[0].line, diag.entry[0].text);
	assert_true(c ? diag.errors == 0 : diag.errors > 0);
	catalogue_free(c);
	diag_free(&diag);
	return c ? NULL : out;
}

static void slips_are_told_with_their_line(void **state)
{
	char m[200];

	(void)state;
	assert_null(slip("low", "high", m, sizeof(m)));
	assert_string_equal(slip("  sid: 1", "  sit: 1", m, sizeof(m)),
			    "2: the key sid is missing");
	assert_string_equal(slip("sid: 1", "sid: 0", m, sizeof(m)),
			    "3: sid is no number from 1 on");
	assert_string_equal(slip("sid: 1", "sid: x", m, sizeof(m)),
			    "3: sid is no number from 1 on");
	assert_string_equal(slip("low", "lo", m, sizeof(m)),
			    "2: the severity of a.b is none of high, medium, low, notice");
	assert_string_equal(slip("misuse", "mischief", m, sizeof(m)),
			    "2: unknown threat class mischief");
	assert_string_equal(slip("[T0855]", "T0855", m, sizeof(m)),
			    "8: attack has no usable value");
	assert_string_equal(slip("  refs: []", "  refs: []\n  more: 1", m, sizeof(m)),
			    "10: unknown key more");
	assert_string_equal(
		slip("  refs: []", "  refs: []\n  attack-class: {wirte: []}", m, sizeof(m)),
		"10: wirte is no class of ops with a list");
	assert_string_equal(slip("next: N}\n  ja", "nxt: N}\n  ja", m, sizeof(m)),
			    "10: the key next is missing");
	assert_non_null(slip("findings:", "findins:", m, sizeof(m)));
	assert_non_null(slip("- id: a.b", "- [", m, sizeof(m)));
}

static void ids_are_used_once(void **state)
{
	struct diag diag = {.count = 0};
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", good, strstr(good, "- id"));
	assert_null(catalogue_load_buffer("f", text, strlen(text), &diag));
	assert_string_equal(diag.entry[0].text, "the id or sid of a.b is used twice");
	diag_free(&diag);
}

static void languages(void **state)
{
	(void)state;
	assert_int_equal(finding_lang("ja"), FINDING_JA);
	assert_int_equal(finding_lang("ja_JP.UTF-8"), FINDING_JA);
	assert_int_equal(finding_lang("jam"), FINDING_EN);
	assert_int_equal(finding_lang("en_US.UTF-8"), FINDING_EN);
	assert_int_equal(finding_lang("C"), FINDING_EN);
	assert_int_equal(finding_lang(""), FINDING_EN);
	assert_int_equal(finding_lang(NULL), FINDING_EN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_speaks_both_languages),
		cmocka_unit_test(slips_are_told_with_their_line),
		cmocka_unit_test(ids_are_used_once),
		cmocka_unit_test(languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
