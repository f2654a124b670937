/* Values as people write them in kidoban.yaml: sizes, times, paths, interfaces, hosts. */
#include "run/config_load.h"

#include <ctype.h>
#include <net/if.h>

bool config_yes(struct loader *l, const struct yaml_node *n, const char *what)
{
	static const char *const words[] = {"yes", "no", "true", "false", NULL};

	return load_word(l, n, what, words) % 2 == 0;
}

/* Digits at s; what is behind them, or NULL when there are none or too many. */
static const char *digits(const char *s, uint64_t *out)
{
	const char *p;
	uint64_t v = 0;

	for (p = s; isdigit((unsigned char)*p); p++) {
		if (p - s >= 15)
			return NULL;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*out = v;
	return p == s ? NULL : p;
}

uint32_t config_number(struct loader *l, const struct yaml_node *n, const char *what, uint32_t min,
		       uint32_t max)
{
	const char *end;
	uint64_t v;

	end = n->kind == YAML_SCALAR ? digits(n->text, &v) : NULL;
	if (end && !*end && v >= min && v <= max)
		return (uint32_t)v;
	load_error(l, n, "%s must be a number from %u to %u", what, min, max);
	return 0;
}

static const struct size_unit {
	const char *name; /* NULL ends the table */
	uint64_t bytes;
} size_units[] = {
	{"", 1},
	{"KiB", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
	{"kB", 1000},
	{"MB", 1000000},
	{"GB", 1000000000},
	{NULL, 0},
};

static const char *size_text(struct loader *l, uint64_t bytes)
{
	const struct size_unit *u, *best = size_units;

	for (u = size_units; u < size_units + 4; u++)
		if (bytes >= u->bytes && bytes % u->bytes == 0)
			best = u;
	return arena_printf(l->a, "%llu%s", (unsigned long long)(bytes / best->bytes), best->name);
}

uint64_t config_size(struct loader *l, const struct yaml_node *n, const char *what, uint64_t min,
		     uint64_t max)
{
	const struct size_unit *u;
	const char *end;
	uint64_t v;

	end = n->kind == YAML_SCALAR ? digits(n->text, &v) : NULL;
	while (end && *end == ' ')
		end++;
	for (u = size_units; end && u->name; u++)
		if (strcmp(u->name, end) == 0 && v <= max / u->bytes && v * u->bytes >= min)
			return v * u->bytes;
	load_error(l, n, "%s must be a size such as 64MiB or 2GiB, from %s to %s", what,
		   size_text(l, min), size_text(l, max));
	return 0;
}

int64_t config_time(struct loader *l, const struct yaml_node *n, const char *what)
{
	int64_t ns = 0;

	if (!yaml_is(n, "never"))
		load_duration(l, n, what, &ns);
	return ns;
}

const char *config_path(struct loader *l, const struct yaml_node *n, const char *what)
{
	const char *s = load_text(l, n, what);

	if (!s || *s == '/')
		return s;
	return arena_printf(l->a, "%s%s", config_load_of(l)->folder, s);
}

const char *config_written(struct loader *l, const struct yaml_node *n, const char *what)
{
	struct config_load *cl = config_load_of(l);
	const char *s = config_path(l, n, what);
	uint32_t i;

	if (!s)
		return NULL;
	for (i = 0; i < cl->writtens; i++)
		if (strcmp(cl->written[i].path, s) == 0) {
			load_error(l, n, "%s: line %d writes to \"%.200s\" already (%s)", what,
				   cl->written[i].line, s, cl->written[i].what);
			return NULL;
		}
	cl->written =
		arena_grow(l->a, cl->written, cl->writtens, &cl->written_cap, sizeof(*cl->written));
	cl->written[cl->writtens++] = (struct config_path){s, what, n->line};
	return s;
}

const char *config_iface(struct loader *l, const struct yaml_node *n, const char *what)
{
	const char *s = load_id(l, n, what);

	if (!s)
		return NULL;
	if (n->len < IFNAMSIZ && !strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0)
		return s;
	load_error(l, n,
		   "%s: \"%s\" cannot be an interface's name (at most %d bytes, no slash); "
		   "`ip link` lists them",
		   what, s, IFNAMSIZ - 1);
	return NULL;
}

bool config_host_port(struct loader *l, const char *text, const char **host, uint16_t *port)
{
	const char *end = text, *colon;
	uint64_t v;

	if (*text == '[') {
		end = strchr(++text, ']');
		colon = end ? end + 1 : NULL;
	} else {
		colon = end = text + strcspn(text, ":");
	}
	if (!end || end == text || strchr(text, '/') || strchr(text, ' '))
		return false;
	*host = arena_text(l->a, text, (size_t)(end - text));
	if (!*colon)
		return true;
	end = *colon == ':' ? digits(colon + 1, &v) : NULL;
	if (!end || *end || v < 1 || v > UINT16_MAX)
		return false;
	*port = (uint16_t)v;
	return true;
}
