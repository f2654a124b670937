/*
 * policy/ask.h - questions about a policy: may he, and who may at all?
 *
 *      write modbus holding 100-119        a question is a set of ops (or of flows: tcp 443),
 *      hmi-1 -> plc-1                      written with the words of an entry of allow
 *
 * The answer is about all of the set: yes (every op in it is permitted), in part, or no. What only
 * a closed conduit permits is a yes under a condition: with a grant, at certain hours, in another
 * operating mode. Each answer names the entries it rests on; a no says which verdict a try would
 * get, and what the conduit permits that came nearest.
 *
 * What it is not: it looks at no traffic. Thread: any; an ask belongs to who made it.
 */
#ifndef KIDOBAN_POLICY_ASK_H
#define KIDOBAN_POLICY_ASK_H

#include "base/arena.h"
#include "policy/policy.h"

enum ask_is { ASK_NO, ASK_PART, ASK_YES };

/* An entry of a conduit that permits something of what is asked. */
struct ask_line {
	uint32_t conduit;
	int line, col;	   /* of the entry, in the file of its conduit */
	const char *entry; /* what it permits, in words */
	const char *when;  /* "with a grant"; "" always */
};

struct ask_answer {
	uint8_t is;		/* enum ask_is, of what is open and closed together */
	uint8_t always;		/* enum ask_is, of what is open alone */
	bool unsure;		/* too involved to be exact: may be more than is said */
	uint8_t verdict;	/* enum policy_verdict of a try; ALLOW, SAME_ZONE, ... of a yes */
	uint32_t conduit;	/* the nearest, of a no; POLICY_NONE */
	const char *expected;	/* what that one permits; "" */
	const char *denied;	/* PART, NO: something of the question that is not permitted */
	struct ask_line **line; /* what permits it, in the order written */
	uint32_t lines, cap;
};

/* The ends that get the same answer. */
struct ask_group {
	uint32_t *client; /* ends: zones (their unlisted devices), then zones + asset */
	uint32_t clients, cap;
	uint32_t server; /* end */
	struct ask_answer answer;
};

struct ask; /* a question that was understood */

/*
 * words: "modbus write holding 40017", "tcp 443"; class and protocol in either order. who: an end
 * stands behind the protocol, "write modbus plc-1 holding 5". NULL with diag filled (its entries
 * say what is wrong; there is no place in a file) when it is not understood.
 */
struct ask *ask_new(const struct policy *p, const char *words, bool who, struct diag *diag);

/* Accepts NULL. */
void ask_free(struct ask *a);

/* The question as it was understood: "modbus write holding 16 (0-based; 40017)". */
const char *ask_words(const struct ask *a);

/* An end of a question; a zone is its unlisted devices. */
struct ask_end {
	const char *name;
	struct policy_place place;
};

struct ask_ends {
	struct ask_end *end;
	uint32_t count, cap;
	bool several; /* a group or a role was named, even if it has one member */
};

/* An asset, a zone, an address; or the members of a group, or of a role (role:plc, role:plc@cell).
 * They belong to a. False with diag filled. */
bool ask_ends(struct ask *a, const char *name, struct ask_ends *out, struct diag *diag);

/* May client do that to server? Texts live as long as a. */
struct ask_answer ask_can(struct ask *a, struct policy_place client, struct policy_place server);

/* Everybody who may, in part or whole, those with the same answer together. Returns how many. */
uint32_t ask_who(struct ask *a, struct ask_group **groups);

#endif
