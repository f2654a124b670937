/* accept: [{lint: no-dmz, reason: ...}], on the policy, a zone, an asset or a conduit. */
#include "policy/lint.h"
#include "policy/loader.h"

static void accept_lint(struct loader *l, const struct yaml_node *n, void *object)
{
	struct accept *a = object;
	const char *word = load_text(l, n, "lint");
	struct suggest s;
	unsigned i;

	if (!word)
		return;
	if (strncmp(word, "lint.", 5) == 0)
		word += 5;
	s = suggest_for(l, word);
	for (i = 0; i < LINTS; i++) {
		if (strcmp(lint_about((enum lint_id)i)->name, word) == 0) {
			a->lint = (uint8_t)i;
			return;
		}
		suggest_try(&s, lint_about((enum lint_id)i)->name);
	}
	load_error(l, n, "there is no warning \"%.80s\"%s", word, suggest_text(l, &s));
}

static void accept_reason(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "reason");

	if (s)
		((struct accept *)object)->reason = s;
}

void load_accept(struct loader *l, const struct yaml_node *n, unsigned subject, uint32_t index)
{
	static const struct field fields[] = {
		{"lint", accept_lint, true},
		{"reason", accept_reason, true},
		{NULL, NULL, false},
	};
	struct policy *p = l->p;
	const struct yaml_node *c;

	if (!load_is(l, n, YAML_LIST, "accept"))
		return;
	yaml_each (c, n) {
		struct accept a = {.reason = "",
				   .file = load_file(l, c),
				   .line = c->line,
				   .col = c->col,
				   .index = index,
				   .subject = (uint8_t)subject};

		load_fields(l, c, "an acceptance", fields, &a);
		p->accept = arena_grow(l->a, p->accept, p->accepts, &p->accept_cap, sizeof(a));
		p->accept[p->accepts++] = a;
	}
}
