/*
 * Was this ever seen?
 *
 *   channel ── act ── act      a code, its class, and the ranges of objects it was used on
 */
#include "baseline/set.h"

#include "baseline/inside.h"

#include <inttypes.h>

static struct set_act *act_find(const struct channel *c, const struct op *op)
{
	struct set_act *a = c->set.acts;

	while (a && (a->code != op->code || a->cls != op->cls || a->role != op->role ||
		     a->space != op->object.space))
		a = a->next;
	return a;
}

static void words_new_op(const struct deviation *d, bool japanese, char *expected,
			 size_t expected_size, char *observed, size_t observed_size)
{
	char client[ADDR_STRLEN], server[ADDR_STRLEN];

	addr_str(d->client, client);
	addr_str(d->server, server);
	if (japanese) {
		snprintf(observed, observed_size,
			 "%s が %s に %s (コード %" PRIu32 ") を送りました", client, server,
			 d->op->name, d->op->code);
		snprintf(expected, expected_size, "この通信では学習中に一度もなかった操作です");
		return;
	}
	snprintf(observed, observed_size, "%s asked %s for %s (code %" PRIu32 ")", client, server,
		 d->op->name, d->op->code);
	snprintf(expected, expected_size, "never done on this channel while it was learned");
}

void set_check(struct baseline *b, const struct sight *s)
{
	const struct op *op = s->op;
	struct deviation d = {.what = BASELINE_NEW_OP,
			      .detector = BASELINE_SET,
			      .hard = true,
			      .time = s->time,
			      .frame = op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = op,
			      .channel = s->channel,
			      .item = s->item,
			      .words = words_new_op};

	if (op->role == OP_RESPONSE || (s->channel && act_find(s->channel, op)))
		return;
	deviate(b, &d);
}

void set_learn(struct baseline *b, const struct sight *s)
{
	const struct op *op = s->op;
	struct set_act *a;

	if (op->role == OP_RESPONSE)
		return;
	a = act_find(s->channel, op);
	if (!a) {
		a = arena_alloc(&b->arena, sizeof(*a));
		a->name = arena_text(&b->arena, op->name, strlen(op->name));
		a->code = op->code;
		a->cls = op->cls;
		a->role = op->role;
		a->space = op->object.space;
		a->next = s->channel->set.acts;
		s->channel->set.acts = a;
		baseline_is_news(b, s->time);
	}
	tally_see(&a->seen, s->time);
}

bool set_merge(struct norm *to, const struct norm *from)
{
	(void)to;
	(void)from;
	return true;
}

void set_channel_fields(struct archive *a, struct channel *c)
{
	(void)a;
	(void)c;
}

void set_norm_fields(struct archive *a, struct norm *n)
{
	(void)a;
	(void)n;
}
