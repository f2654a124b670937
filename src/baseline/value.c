#include "baseline/value.h"

#include "baseline/inside.h"

void value_check(struct baseline *b, const struct sight *s)
{
	(void)b;
	(void)s;
}

void value_learn(struct baseline *b, const struct sight *s)
{
	(void)b;
	(void)s;
}

void value_tick(struct baseline *b, struct norm *n, int64_t time)
{
	(void)b;
	(void)n;
	(void)time;
}

void value_settle(struct norm *n)
{
	(void)n;
}

bool value_merge(struct norm *to, const struct norm *from)
{
	(void)to;
	(void)from;
	return true;
}

void value_norm_free(struct norm *n)
{
	(void)n;
}

void value_norm_fields(struct archive *a, struct norm *n)
{
	(void)a;
	(void)n;
}

void value_link(struct norm *n)
{
	(void)n;
}
