/*
 * Making a CIP target refuse one service (CIP volume 1, appendix A and B-1).
 *
 *      request  [service]      [path] ...  ->  [64]     ...   a code that CIP reserves
 *      reply    [e4] [0] [08]              ->  [service|80] [0] [08]     "service not supported"
 *
 * Inside Unconnected Send and Multiple Service Packet each message has a service of its own, so the
 * others are carried out. PCCC inside Execute PCCC (1770-6.5.16) is refused by its own code:
 *
 *      request  [CMD] [STS] [TNS:2] [FNC]  ->  [CMD] [STS] [TNS:2] [ff]  where it has a function
 *                                          ->  [0e]  [STS] [TNS:2]       where it has none
 *      reply    [CMD|40] [STS 10] ...                                    "illegal command"
 *
 * What was changed is remembered in the kept request, by a bit that requests do not have: 0x80 of
 * the service, and of STS.
 */
#include "proto/cip.h"

#define CHANGED	   0x80
#define UNASSIGNED 0x64

#define PCCC_FUNCTION 0xff
#define PCCC_FNC_AT   4 /* from CMD on */

bool cip_neutralise(struct proto_ctx *c, struct cip_refused *r, const struct op *op)
{
	static const uint8_t service = UNASSIGNED, command = CIP_PCCC_REFUSED,
			     function = PCCC_FUNCTION;
	uint32_t mark = r->at;
	bool done;

	if (op->role != OP_REQUEST || r->what == CIP_NOTHING || r->count == CIP_REFUSED_MAX)
		return false;
	if (r->what == CIP_A_SERVICE)
		done = proto_edit(c, r->at, &service, 1);
	else if (r->what == CIP_A_FUNCTION)
		done = proto_edit(c, r->at + PCCC_FNC_AT, &function, 1);
	else
		done = proto_edit(c, r->at, &command, 1);
	if (!done)
		return false;
	if (r->what != CIP_A_SERVICE)
		mark++; /* STS */
	r->mark[r->count++] = mark;
	return true;
}

void cip_refused_mark(const struct cip_refused *r, uint32_t origin, uint8_t *kept, uint32_t len)
{
	unsigned i;

	for (i = 0; i < r->count; i++)
		if (r->mark[i] - origin < len)
			kept[r->mark[i] - origin] |= CHANGED;
}

uint8_t cip_sent_as(struct slice asked)
{
	if (asked.len == 0)
		return 0;
	return asked.p[0] & CHANGED ? UNASSIGNED : asked.p[0];
}

bool cip_was_changed(uint8_t byte)
{
	return byte & CHANGED;
}

void cip_restore(struct cip_env *env, const uint8_t *at, uint8_t code)
{
	if (*at == code || proto_edit(env->c, (uint32_t)(at - env->origin), &code, 1))
		return;
	proto_anomaly(env->c, ANOMALY_LIMIT, "cip",
		      "a refusal passed before its service could be restored",
		      (uint32_t)(at - env->origin), code);
}
