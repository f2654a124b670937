/*
 * policy/include.h - one policy out of several files, and variables in it.
 *
 *   site-a.yaml                       cell.yaml
 *     include: [cell.yaml]              variables: {net: 10.50.0}       <- used if nobody else says
 *     variables: {net: 10.51.7}         assets: {plc-1: {address: "${net}.11", ...}}
 *
 * Works on the trees of base/yaml.h, before anything is known of their meaning: reads the included
 * files, puts the values of variables in, and joins the maps and lists of all of them into one
 * tree. Every node keeps the file it stands in, so mistakes are told there.
 *
 * Sections that are maps or lists of things (zones, conduits, ...) are joined, what is included
 * first; anything else is taken from the including file if it says it, else from the last that
 * does.
 *
 * Who owns what: the trees and file names belong to the set; free it when the policy is loaded.
 * Private to policy/. Thread: any; nothing is shared.
 */
#ifndef KIDOBAN_POLICY_INCLUDE_H
#define KIDOBAN_POLICY_INCLUDE_H

#include "base/yaml.h"

#define INCLUDE_DEPTH 8	  /* files within files */
#define INCLUDE_FILES 256 /* read in all, each time it is named */

struct include_doc {
	struct yaml_doc doc;
	struct include_doc *next;
};

struct include_set {
	struct include_doc *docs; /* the last read first */
	unsigned files;		  /* read */
	bool from_memory;	  /* there is no folder that includes could be relative to */
	size_t filled;		  /* bytes that variables made */
	struct arena arena;	  /* what joining and variables make, and names of files */
	struct diag *diag;
};

/*
 * The whole tree of doc and all it includes; NULL with diag filled. doc is not freed with the set.
 */
struct yaml_node *include_all(struct include_set *set, const struct yaml_doc *doc);

void include_free(struct include_set *set);

#endif
