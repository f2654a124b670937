/*
 * policy/mud_impl.h - between reading a MUD file (mud.c) and writing conduits (mud_write.c).
 *
 * Private to these two.
 */
#ifndef KIDOBAN_POLICY_MUD_IMPL_H
#define KIDOBAN_POLICY_MUD_IMPL_H

#include "base/arena.h"
#include "base/iset.h"
#include "policy/mud.h"

#include <stdint.h>

enum mud_kind { MUD_TCP, MUD_UDP, MUD_ICMP, MUD_IP, MUD_KINDS };

/* What is permitted between the device and one end, in one direction. */
struct mud_conduit {
	const char *end;   /* of the policy */
	bool to_device;	   /* the end opens, else the device */
	const char *names; /* what the file calls the end: "a.example, my-controller" */
	bool used[MUD_KINDS];
	bool any[MUD_KINDS];
	struct iset set[MUD_KINDS]; /* ports, or protocol numbers */
	const char *icmp;	    /* "echo, unreachable" */
};

/* About the device, in the order told. */
struct mud_fact {
	const char *name, *value;
};

struct mud {
	const struct mud_config *cfg;
	const char *file;
	struct diag *diag;
	struct arena arena;
	struct mud_conduit *conduit;
	uint32_t conduits, conduit_cap;
	struct mud_fact *fact;
	uint32_t facts, fact_cap;
	const char **missing; /* names told to be without a peer */
	uint32_t nmissing, missing_cap;
	const char **left; /* entries that are left out, and why */
	uint32_t nleft, left_cap;
};

void mud_write(struct mud *m, FILE *out);

/* Without control characters and whatever else may play tricks on a reader. Cut when long. */
const char *mud_clean(struct arena *a, const char *s);

#endif
