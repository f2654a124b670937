/*
 * Requests neutralised at random, for targets that drive a dissector themselves: every other op is,
 * and three of four edits succeed. What is edited must be in the message at hand.
 */
#ifndef KIDOBAN_TESTS_FUZZ_REFUSE_H
#define KIDOBAN_TESTS_FUZZ_REFUSE_H

#include "proto/proto.h"

#include <stdlib.h>

static unsigned refuse_turn;

static bool refuse_edit(struct proto_ctx *c, uint32_t offset, const void *bytes, uint32_t len)
{
	uint8_t copy[64];

	if (!c->message || len == 0 || len > sizeof(copy) || offset > c->message_len ||
	    len > c->message_len - offset)
		abort();
	memcpy(copy, bytes, len);
	return ++refuse_turn % 4;
}

static void refuse_answered(struct proto_ctx *c)
{
	if (!c->message)
		abort();
}

/* Within the op event. */
static void refuse_op(const struct dissector *d, struct proto_ctx *c, const struct op *op)
{
	if (d->neutralise && ++refuse_turn % 2)
		d->neutralise(c, op);
}

/* As the tracker calls it. */
static uint32_t refuse_message(const struct dissector *d, struct proto_ctx *c, const uint8_t *p,
			       uint32_t len)
{
	uint32_t n;

	c->message = p;
	c->message_len = len;
	n = d->message(c, p, len);
	c->message = NULL;
	return n;
}

#endif
