#include "cmd/baseline_tree.h"

#include "baseline/archive.h"
#include "baseline/text.h"

#include <stdlib.h>
#include <string.h>

bool tree_of(struct tree *t, struct baseline *b)
{
	static const struct yaml_limits most = {UINT32_MAX - 1, SIZE_MAX / 4};
	struct diag diag = {.count = 0};
	size_t len = 0;
	bool good;

	*t = (struct tree){.text = baseline_text(b, &len)};
	good = t->text && yaml_load_limited(&t->doc, "baseline", t->text, len, &most, &diag);
	diag_print(&diag, stderr);
	diag_free(&diag);
	return good;
}

void tree_free(struct tree *t)
{
	if (t->text)
		yaml_doc_free(&t->doc);
	free(t->text);
}

bool tree_is_list(const struct yaml_node *n)
{
	return n && n->kind == YAML_LIST && n->first && n->first->kind == YAML_MAP;
}

/* --- what it is about --- */

static const struct {
	const char *key, *before;
	const char *list; /* only in this one; NULL: in all */
} about[] = {
	{"host", "", NULL},	   {"client", "", NULL},
	{"from", "", NULL},	   {"server", "-> ", NULL},
	{"to", "-> ", NULL},	   {"ip-proto", "IP protocol ", NULL},
	{"protocol", "", NULL},	   {"unit", "unit ", NULL},
	{"do", "", NULL},	   {"role", "", NULL},
	{"space", "", NULL},	   {"path", "", NULL},
	{"object", "", NULL},	   {"name", "", NULL},
	{"objects", "", "items"},  {"at", "", "values"},
	{"permit", "", "permits"}, {"values", "", "permits"},
	{"finding", "", NULL},	   {"from-server", "from server ", NULL},
	{"id", "", "asks"},
};

static void add(char buf[TREE_ABOUT], const char *before, const char *word)
{
	size_t used = strlen(buf);

	snprintf(buf + used, TREE_ABOUT - used, "%s%s%s", used ? " " : "", used ? before : "",
		 word);
}

void tree_about(const char *list, const struct yaml_node *element, char buf[TREE_ABOUT])
{
	const struct yaml_node *n;
	char word[200];
	unsigned i;

	*buf = '\0';
	yaml_each (n, element) {
		if (n->kind == YAML_MAP &&
		    (strcmp(n->key->text, "first") == 0 || strcmp(n->key->text, "second") == 0)) {
			char inner[TREE_ABOUT];

			tree_about("values", n, inner);
			add(buf, "and ", inner);
			continue;
		}
		for (i = 0; i < sizeof(about) / sizeof(*about); i++) {
			if (strcmp(n->key->text, about[i].key) != 0 ||
			    (about[i].list && strcmp(about[i].list, list) != 0))
				continue;
			tree_words(n, word, sizeof(word));
			add(buf, about[i].before, word);
			break;
		}
	}
}

/* --- as text --- */

void tree_words(const struct yaml_node *n, char *buf, size_t size)
{
	const struct yaml_node *c;
	size_t used = 0;

	if (n->kind == YAML_SCALAR) {
		snprintf(buf, size, "%s", n->text);
		return;
	}
	*buf = '\0';
	yaml_each (c, n) {
		if (used + 1 >= size)
			return;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "," : "",
					 c->kind == YAML_SCALAR ? c->text : "...");
	}
}

void tree_write(const struct yaml_node *n, FILE *out)
{
	const struct yaml_node *c;

	if (n->kind == YAML_SCALAR) {
		archive_quote(out, n->text);
		return;
	}
	putc(n->kind == YAML_LIST ? '[' : '{', out);
	yaml_each (c, n) {
		if (c != n->first)
			fputs(", ", out);
		if (c->key) {
			archive_quote(out, c->key->text);
			fputs(": ", out);
		}
		tree_write(c, out);
	}
	putc(n->kind == YAML_LIST ? ']' : '}', out);
}
