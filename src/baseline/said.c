/* What others may ask of a deviation. */
#include "baseline/inside.h"
#include "baseline/permit.h"

void baseline_permit(const struct deviation *d, char buf[BASELINE_TEXT])
{
	permit_text(d, buf);
}

int baseline_class(const struct deviation *d)
{
	if (d->op)
		return d->op->cls;
	return d->item ? d->item->cls : -1;
}

/* An unknown channel has the key it would have. */
uint64_t baseline_channel_key(const struct deviation *d)
{
	const char *proto = d->op ? d->op->proto : d->channel ? d->channel->proto : NULL;
	int32_t unit = d->op ? d->op->unit : d->channel ? d->channel->unit : -1;
	uint64_t key;

	if (!proto || !d->client || !d->server)
		return 0;
	key = hash_bytes(d->client->b, sizeof(d->client->b), (uint64_t)(uint32_t)unit);
	key = hash_bytes(d->server->b, sizeof(d->server->b), key);
	return hash_bytes(proto, strlen(proto), key) | 1;
}

double baseline_threshold(const struct baseline *b, enum baseline_finding f)
{
	return b->budget.threshold[f];
}

double baseline_budget(const struct baseline *b)
{
	return b->budget.per_day;
}

void baseline_spend(struct baseline *b, double per_day)
{
	if (b->state == BASELINE_FROZEN)
		budget_settle(&b->budget, per_day);
}
