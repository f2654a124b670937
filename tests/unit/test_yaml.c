/* YAML as a tree with places, what is refused, and patterns. */
#include "base/glob.h"
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void places(void **state)
{
	static const char text[] = "site: demo\n"
				   "zones:\n"
				   "  a: {level: \"dmz\", networks: [10.0.0.0/8, any]}\n"
				   "empty:\n";
	struct diag diag = {0};
	const struct yaml_node *n;
	struct yaml_doc doc;

	(void)state;
	assert_true(yaml_load_buffer(&doc, "t", text, strlen(text), &diag));
	assert_int_equal(doc.root->kind, YAML_MAP);
	assert_int_equal(doc.root->count, 3);
	n = yaml_get(doc.root, "zones");
	assert_int_equal(n->kind, YAML_MAP);
	n = yaml_get(n, "a");
	assert_int_equal(n->key->line, 3);
	assert_int_equal(n->key->col, 3);
	assert_true(yaml_get(n, "level")->quoted);
	n = yaml_get(n, "networks");
	assert_int_equal(n->count, 2);
	assert_true(yaml_is(n->first, "10.0.0.0/8"));
	assert_int_equal(n->first->next->col, 44);
	assert_false(n->first->quoted);
	assert_null(n->first->next->next);
	assert_int_equal(yaml_get(doc.root, "empty")->len, 0);
	assert_null(yaml_get(doc.root, "none"));
	yaml_doc_free(&doc);
	diag_free(&diag);
}

static void refused_one(const char *text, size_t len, int line, int col, const char *part)
{
	struct diag diag = {0};
	struct yaml_doc doc;

	assert_false(yaml_load_buffer(&doc, "t", text, len, &diag));
	assert_int_equal(diag.errors, 1);
	if (!strstr(diag.entry[0].text, part) || diag.entry[0].line != line ||
	    diag.entry[0].col != col)
		fail_msg("expected %d:%d %s, got %d:%d %s", line, col, part, diag.entry[0].line,
			 diag.entry[0].col, diag.entry[0].text);
	yaml_doc_free(&doc);
	diag_free(&diag);
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		int line, col;
		const char *part;
	} bad[] = {
		{"", 1, 1, "empty"},
		{"# only a comment\n", 1, 1, "empty"},
		{"a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key \"a\", first in line 1"},
		{"a: &x 1\n", 1, 4, "anchors"},
		{"a: *x\n", 1, 4, "anchors"},
		{"a: !!str 1\n", 1, 4, "tags"},
		{"a: 1\n---\nb: 2\n", 2, 1, "second document"},
		{"[a, b]: 1\n", 1, 1, "a key must be a word"},
		{"? {a: b}\n: 1\n", 1, 3, "a key must be a word"},
		{"a: \"x\\0y\"\n", 1, 4, "NUL"},
		{"a: [1, 2\nb: 3\n", 2, 2, "expected ',' or ']'"},
		{"a: 1\n\tb: 2\n", 2, 1, "tab character"},
		{"b: 1\na: \xff\xff\n", 2, 4, "UTF-8"},
		{"b: 1\n\x01\n", 2, 1, "control characters"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused_one(bad[i].text, strlen(bad[i].text), bad[i].line, bad[i].col, bad[i].part);
}

/* A megabyte of each kind of nesting ends in an error, at the first level that is too deep. */
static void nesting(void **state)
{
	static const char *const unit[] = {"[", "{a: ", "- ", "{", "? "};
	enum { SIZE = 1 << 20 };
	char *text = malloc(SIZE);
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(unit) / sizeof(*unit); i++) {
		struct diag diag = {0};
		struct yaml_doc doc;
		size_t len = strlen(unit[i]);

		for (n = 0; n + len <= SIZE; n += len)
			memcpy(text + n, unit[i], len);
		assert_false(yaml_load_buffer(&doc, "t", text, n, &diag));
		assert_true(diag.errors >= 1);
		if (i < 3) {
			assert_non_null(strstr(diag.entry[0].text, "nested more than 32 levels"));
			assert_int_equal(diag.entry[0].col, 32 * len + 1);
		}
		yaml_doc_free(&doc);
		diag_free(&diag);
	}
	free(text);
}

static void many_keys(void **state)
{
	enum { KEYS = 50000 };
	char *text = malloc((KEYS + 1) * 16);
	struct diag diag = {0};
	struct yaml_doc doc;
	size_t n = 0, i;

	(void)state;
	for (i = 0; i < KEYS; i++)
		n += (size_t)snprintf(text + n, 16, "k%zu: 1\n", i);
	assert_true(yaml_load_buffer(&doc, "t", text, n, &diag));
	assert_int_equal(doc.root->count, KEYS);
	yaml_doc_free(&doc);
	n += (size_t)snprintf(text + n, 16, "k7: 1\n");
	assert_false(yaml_load_buffer(&doc, "t", text, n, &diag));
	assert_int_equal(diag.entry[0].line, KEYS + 1);
	yaml_doc_free(&doc);
	free(text);
	diag_free(&diag);
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} t[] = {
		{"", "", true},
		{"*", "", true},
		{"?", "", false},
		{"a*c", "abbbc", true},
		{"a*c", "abbbd", false},
		{"*.x", "a.x.x", true},
		{"Line1.*", "Line1", false},
		{"gw-*", "gw-1", true},
		{"gw-?", "gw-12", false},
		{"a?c",
		 "a\xc3\xa9"
		 "c",
		 true},
		{"**a**", "bab", true},
		{"abc", "ABC", false},
		{"*a*b*c", "aXbXcXd", false},
	};
	char text[4001], pattern[2001];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_int_equal(glob_match(slice_str(t[i].pattern), slice_str(t[i].text)),
				 t[i].match);
	/* the classic bomb: a*a*a*...b against aaaa... */
	memset(text, 'a', 4000);
	text[4000] = '\0';
	for (i = 0; i < 2000; i += 2)
		memcpy(pattern + i, "a*", 2);
	pattern[1999] = 'b';
	pattern[2000] = '\0';
	assert_false(glob_match(slice_str(pattern), slice_str(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),    cmocka_unit_test(refused),	 cmocka_unit_test(nesting),
		cmocka_unit_test(many_keys), cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
