/*
 * policy/ask_impl.h - a question as parsed, for those who answer it. Private to policy/.
 */
#ifndef KIDOBAN_POLICY_ASK_IMPL_H
#define KIDOBAN_POLICY_ASK_IMPL_H

#include "policy/ask.h"
#include "policy/model.h"

struct ask {
	const struct policy *p;
	struct arena arena;	       /* of the answers */
	struct policy scratch;	       /* what the question was loaded into */
	struct conduit conduit;	       /* its only conduit; rule and service are in there */
	const struct rule *rule;       /* ops that are asked for, or */
	const struct service *service; /* flows */
	const char *words;
	struct ask_ends servers; /* of a who-question */
	bool server_is_zone;	 /* it was named so */
};

/* The end as a place: a zone is its devices that are no listed asset. */
static inline struct policy_place ask_end(const struct policy *p, uint32_t end)
{
	struct policy_place place = end_place(p, end);

	if (end < p->zones && p->zone[end].unknown_devices == UNKNOWN_DENY)
		place.barred = POLICY_UNLISTED;
	return place;
}

#endif
