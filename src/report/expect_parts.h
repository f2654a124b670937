/* report/expect_parts.h - an expectation as it is kept. Private to report/expect*.c. */
#ifndef KIDOBAN_REPORT_EXPECT_PARTS_H
#define KIDOBAN_REPORT_EXPECT_PARTS_H

#include "base/arena.h"
#include "policy/entry.h"
#include "report/expect.h"

enum expect_kind { EXPECT_ALLOW, EXPECT_DENY, EXPECT_FINDING, EXPECT_NEVER, EXPECT_EXERCISED };

/* Who is meant: a zone, an asset, a group, a network, or anybody. */
struct expect_end {
	const char *text;     /* as written; NULL: anybody */
	uint32_t zone, asset; /* POLICY_NONE */
	uint32_t group;	      /* POLICY_NONE */
	struct addr net;      /* none of these: prefix */
	unsigned bits;
};

struct expectation {
	enum expect_kind kind;
	int line;
	struct expect_end end[2];      /* from, to */
	struct policy_entry *entry;    /* op or service; NULL: whatever */
	const struct finding *finding; /* NULL: any */
	const char *verdict;	       /* NULL: any */
	uint32_t conduit;	       /* POLICY_NONE: any */
	bool counted;		       /* min and max were written */
	uint64_t min, max;

	uint64_t allowed, denied; /* ops or flows; denied: of the finding, verdict, conduit asked */
	uint64_t otherwise;	  /* denied, but not by what was asked */
	uint64_t alerts;	  /* that it names */
	const char *first_finding; /* of what was denied otherwise, or at all */
	const char *first_verdict;
	uint64_t frame, allow_frame; /* of the first denial, and of the first that was permitted */
	uint16_t file, allow_file;
};

struct expect {
	struct arena arena;
	const struct policy *policy;
	const char *name;
	bool others;
	struct expectation *item;
	unsigned items;
	uint32_t cap;
	const struct finding *finding[JUDGE_FINDINGS];
};

#endif
