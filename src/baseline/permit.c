#include "baseline/permit.h"

#include "base/utf8.h"
#include "baseline/inside.h"

#include <inttypes.h>

#define CUT 17 /* bytes of what stands for the rest of a long one */

/* An op that no item stands for. */
static void put_op(const struct op *op, char *buf, size_t size)
{
	char object[200];

	if (op->object.space == OP_SPACE_NONE) {
		snprintf(buf, size, "%s", op->name);
		return;
	}
	op_object_str(&op->object, object, sizeof(object));
	snprintf(buf, size, "%s %s %s", op->name, op_object_space(&op->object), object);
}

void permit_text(const struct deviation *d, char buf[BASELINE_TEXT])
{
	char client[ADDR_STRLEN] = "", server[ADDR_STRLEN] = "", what[300] = "", unit[16] = "";
	char all[BASELINE_TEXT + 400];
	const char *proto = d->op ? d->op->proto : d->channel ? d->channel->proto : "";
	size_t at;
	int32_t u = d->op ? d->op->unit : d->channel ? d->channel->unit : -1;

	if (d->client)
		addr_str(d->client, client);
	if (d->server)
		addr_str(d->server, server);
	if (u >= 0)
		snprintf(unit, sizeof(unit), " %" PRId32, u);
	if (d->item)
		item_str(d->item, what, sizeof(what));
	else if (d->op)
		put_op(d->op, what, sizeof(what));
	/* "baseline." is the same for all of them */
	snprintf(all, sizeof(all), "%s %s%s%s%s%s%s%s%s", baseline_finding_id(d->what) + 9, client,
		 *server ? " -> " : "", server, *proto ? " " : "", proto, unit, *what ? " " : "",
		 what);
	at = strlen(all);
	if (at < BASELINE_TEXT) {
		memcpy(buf, all, at + 1);
		return;
	}
	/* of two long names that begin alike only one is permitted */
	memcpy(buf, all, BASELINE_TEXT - 1 - CUT);
	buf[BASELINE_TEXT - 1 - CUT] = '\0';
	utf8_trim(buf);
	at = strlen(buf);
	snprintf(buf + at, BASELINE_TEXT - at, "~%016" PRIx64, hash_bytes(all, strlen(all), 0));
}

static const char *kept(struct baseline *b, const char *text)
{
	return text ? arena_text(&b->arena, text, strlen(text)) : "";
}

static bool same(const struct permit *a, const struct permit *b)
{
	return strcmp(a->what, b->what) == 0 && a->has_values == b->has_values &&
	       (!a->has_values || (a->lo == b->lo && a->hi == b->hi));
}

bool permit_add(struct baseline *b, const struct permit *p)
{
	struct permit **last = &b->permits, *own;

	for (; *last; last = &(*last)->next)
		if (same(*last, p))
			return false;
	own = arena_alloc(&b->arena, sizeof(*own));
	*own = *p;
	own->next = NULL;
	own->what = kept(b, p->what);
	own->key = hash_bytes(own->what, strlen(own->what), 0);
	own->by = kept(b, p->by);
	own->reason = kept(b, p->reason);
	own->finding = kept(b, p->finding);
	*last = own;
	return true;
}

bool permit_covers(const struct permit *permits, const struct deviation *d)
{
	char text[BASELINE_TEXT];
	uint64_t key;

	if (!permits)
		return false;
	permit_text(d, text);
	key = hash_bytes(text, strlen(text), 0);
	for (; permits; permits = permits->next)
		if (permits->key == key && strcmp(permits->what, text) == 0 &&
		    (!permits->has_values || !d->has_value ||
		     (d->value >= permits->lo && d->value <= permits->hi)))
			return true;
	return false;
}
