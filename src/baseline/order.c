#include "baseline/order.h"

#include "baseline/inside.h"

void order_check(struct baseline *b, const struct sight *s)
{
	(void)b;
	(void)s;
}

void order_learn(struct baseline *b, const struct sight *s)
{
	(void)b;
	(void)s;
}

void order_resume(struct norm *n, int64_t time)
{
	(void)n;
	(void)time;
}

void order_settle(struct norm *n)
{
	(void)n;
}

bool order_merge(struct channel *to, const struct channel *from)
{
	(void)to;
	(void)from;
	return true;
}

void order_channel_free(struct channel *c)
{
	(void)c;
}

void order_channel_fields(struct archive *a, struct channel *c)
{
	(void)a;
	(void)c;
}
