/* Times and rates as people write them: 5s, 1m30s; 100/s, 20/m. */
#include "base/civil.h"
#include "policy/loader.h"

#include <ctype.h>

#define COUNT_DIGITS 9 /* of a count; more is a slip */

static const struct unit {
	const char *name; /* NULL ends the table */
	int64_t ns;
} units[] = {
	{"ms", INT64_C(1000000)},
	{"s", INT64_C(1000000000)},
	{"m", INT64_C(60000000000)},
	{"min", INT64_C(60000000000)},
	{"h", INT64_C(3600000000000)},
	{"d", INT64_C(86400000000000)},
	{NULL, 0},
};

static int64_t unit_ns(const char *name)
{
	const struct unit *u;

	for (u = units; u->name; u++)
		if (strcmp(u->name, name) == 0)
			return u->ns;
	return 0;
}

/* Digits at s; what is behind them, or NULL when there are none or too many. */
static const char *read_count(const char *s, int64_t *out)
{
	const char *p;
	int64_t v = 0;

	for (p = s; isdigit((unsigned char)*p) && p - s < COUNT_DIGITS; p++)
		v = v * 10 + (*p - '0');
	*out = v;
	return p == s || isdigit((unsigned char)*p) ? NULL : p;
}

bool load_duration(struct loader *l, const struct yaml_node *n, const char *what, int64_t *ns)
{
	if (n->kind == YAML_SCALAR && civil_duration(n->text, ns) && *ns <= DURATION_MAX)
		return true;
	*ns = 0;
	load_error(l, n,
		   "%s must be a time such as 500ms, 5s, 1m30s, 4h or 2d, more than nothing and at "
		   "most a year",
		   what);
	return false;
}

bool load_rate(struct loader *l, const struct yaml_node *n, const char *what, struct policy_rate *r)
{
	const char *end;
	int64_t count = 0, unit = 0;

	end = n->kind == YAML_SCALAR ? read_count(n->text, &count) : NULL;
	if (end && *end == '/')
		unit = unit_ns(end + 1);
	if (!unit || !count) {
		load_error(l, n,
			   "%s must be a rate such as 100/s, 20/m or 500/h, more than nothing",
			   what);
		return false;
	}
	*r = (struct policy_rate){
		.count = (uint32_t)count, .per = unit, .text = arena_text(l->a, n->text, n->len)};
	return true;
}
