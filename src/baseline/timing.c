#include "baseline/timing.h"

#include "baseline/inside.h"

void timing_check(struct baseline *b, const struct sight *s)
{
	(void)b;
	(void)s;
}

void timing_learn(struct baseline *b, const struct sight *s)
{
	(void)b;
	(void)s;
}

void timing_tick(struct baseline *b, struct norm *n, int64_t time)
{
	(void)b;
	(void)n;
	(void)time;
}

void timing_flow(struct baseline *b, const struct baseline_flow *f, bool opened, int64_t time)
{
	(void)b;
	(void)f;
	(void)opened;
	(void)time;
}

void timing_resume(struct norm *n, int64_t time)
{
	(void)n;
	(void)time;
}

void timing_settle(struct norm *n)
{
	(void)n;
}

bool timing_merge(struct norm *to, const struct norm *from)
{
	(void)to;
	(void)from;
	return true;
}

void timing_norm_free(struct norm *n)
{
	(void)n;
}

void timing_item_fields(struct archive *a, struct item *i)
{
	(void)a;
	(void)i;
}

void timing_norm_fields(struct archive *a, struct norm *n)
{
	(void)a;
	(void)n;
}
