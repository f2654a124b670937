/*
 * base/yaml.h - a YAML file as a small tree in which every node knows its line and column.
 *
 * Configuration is written by hand, so mistakes must be told where they are. This reads the one
 * document of a file through libyaml's events and keeps what a loader needs: maps, lists and
 * scalars, in the order written.
 *
 *   root (map) -> first: "zones" (map) -> first: "control" (map) ...
 *                   next: "conduits" (list) -> first: (map) ...
 *
 * Refused, each with its place: duplicate keys in a map, anchors and aliases, tags, several
 * documents, NUL inside text, more than YAML_DEPTH_MAX levels, YAML_NODES_MAX nodes or
 * YAML_BYTES_MAX bytes. So the tree costs no more than the file suggests, and loaders may recurse.
 *
 * What it is not: it gives scalars no types; "yes", "1e3" and "007" are text until a loader says
 * what it wants. Thread: any; a document belongs to whoever loaded it.
 */
#ifndef KIDOBAN_BASE_YAML_H
#define KIDOBAN_BASE_YAML_H

#include "base/arena.h"
#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 2000000
#define YAML_BYTES_MAX (64u * 1024 * 1024)

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted;		 /* scalar: written in quotes or as a block, never a bare word */
	int line, col;		 /* from 1, where it begins */
	const char *file;	 /* the name of its document */
	const char *text;	 /* scalar: UTF-8, NUL-terminated; else "" */
	uint32_t len;		 /* scalar: bytes of text */
	uint32_t count;		 /* list, map: children */
	struct yaml_node *key;	 /* child of a map: its key, a scalar; else NULL */
	struct yaml_node *first; /* list, map: first child */
	struct yaml_node *next;	 /* next child of the same parent */
};

/* The children of a list or map; none of a scalar. */
#define yaml_each(child, node) for ((child) = (node)->first; (child); (child) = (child)->next)

struct yaml_doc {
	struct yaml_node *root; /* never NULL in a loaded document */
	const char *name;	/* the file, for messages */
	bool complete;		/* read to its end; true also when keys were duplicate */
	struct arena arena;	/* owns all of it */
};

/*
 * False with diag filled when it cannot be read or is no good. Free the document either way. When
 * only keys were duplicate, the document is complete all the same, without the later ones, so that
 * a loader may go on and tell further mistakes.
 */
bool yaml_load_buffer(struct yaml_doc *doc, const char *name, const char *text, size_t len,
		      struct diag *diag);
bool yaml_load_file(struct yaml_doc *doc, const char *path, struct diag *diag);

/* For what a program wrote, which may be larger than what people write. */
struct yaml_limits {
	uint32_t nodes;
	size_t bytes;
};
bool yaml_load_limited(struct yaml_doc *doc, const char *name, const char *text, size_t len,
		       const struct yaml_limits *limits, struct diag *diag);

/* The value of a key; NULL when it is not there or node is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* True when the node is a scalar with exactly this text. */
bool yaml_is(const struct yaml_node *node, const char *text);

/* "a list", "a map", "text": for messages. */
const char *yaml_kind_name(enum yaml_kind kind);

void yaml_doc_free(struct yaml_doc *doc);

#endif
