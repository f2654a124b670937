/*
 * cmd/baseline_tree.h - baselines as the trees their texts are: compared and put together without
 * knowing what each detector keeps.
 *
 * Lists of maps are sets of facts: what an element is about (addresses, protocol, unit, what is
 * done to which object) makes it the same in another baseline, the rest is what is known of it.
 */
#ifndef KIDOBAN_CMD_BASELINE_TREE_H
#define KIDOBAN_CMD_BASELINE_TREE_H

#include "base/yaml.h"

#include <stdio.h>

#define TREE_ABOUT 400 /* bytes of what an element is about, with the NUL */

struct baseline;

struct tree {
	char *text;
	struct yaml_doc doc;
};

/* The baseline's own text, parsed; false when memory is out. Free it either way. */
bool tree_of(struct tree *t, struct baseline *b);
void tree_free(struct tree *t);

/* What an element of the list is about, in words; "" when it is about nothing of its own. */
void tree_about(const char *list, const struct yaml_node *element, char buf[TREE_ABOUT]);

/* A list whose elements are maps. */
bool tree_is_list(const struct yaml_node *n);

/* The node as YAML on one line. */
void tree_write(const struct yaml_node *n, FILE *out);

/* A scalar, or a list of them, as people write it. */
void tree_words(const struct yaml_node *n, char *buf, size_t size);

#endif
