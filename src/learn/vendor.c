#include "learn/vendor.h"

#include "base/arena.h"
#include "base/imap.h"

#include <stdio.h>
#include <stdlib.h>

#define VENDORS_MAX 200000u
#define NAME_MAX_   60

struct vendor_table {
	struct arena arena;
	struct imap prefix; /* 24 bits -> name */
	const char **name;
	uint32_t names, cap;
};

static const char *const places[] = {
	"/usr/share/wireshark/manuf",
	"/usr/share/ieee-data/oui.txt",
	"/usr/share/nmap/nmap-mac-prefixes",
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six hexadecimal digits with or without colons or dashes; returns what is behind, or NULL. */
static const char *prefix(const char *s, uint32_t *out)
{
	unsigned n;

	*out = 0;
	for (n = 0; n < 6; n++, s++) {
		if (n && n % 2 == 0 && (*s == ':' || *s == '-'))
			s++;
		if (hex(*s) < 0)
			return NULL;
		*out = *out << 4 | (uint32_t)hex(*s);
	}
	return *s == '\t' || *s == ' ' ? s : NULL;
}

/*
 * manuf: "00:07:8E\tGarzFric\tGarz & Fricke GmbH"; nmap: "00078E Garz & Fricke"; oui.txt:
 * "00-07-8E   (hex)\t\tGarz & Fricke GmbH". The last column is the longest name.
 */
static void add_line(struct vendor_table *t, char *line)
{
	const char *name;
	uint32_t oui;
	size_t len;

	line[strcspn(line, "\r\n")] = 0;
	name = prefix(line, &oui);
	if (!name || t->names == VENDORS_MAX)
		return;
	if (strrchr(name, '\t'))
		name = strrchr(name, '\t');
	name += strspn(name, " \t");
	len = strlen(name);
	if (!len || strncmp(name, "(base 16)", 9) == 0)
		return;
	len = len > NAME_MAX_ ? NAME_MAX_ : len;
	if (imap_add(&t->prefix, &t->arena, oui, t->names) != IMAP_NONE)
		return;
	t->name = arena_grow(&t->arena, t->name, t->names, &t->cap, sizeof(*t->name));
	t->name[t->names++] = arena_text(&t->arena, name, len);
}

struct vendor_table *vendor_load(const char *path)
{
	struct vendor_table *t;
	char line[512];
	FILE *f = NULL;
	unsigned i;

	if (path)
		f = fopen(path, "r");
	for (i = 0; !path && !f && i < sizeof(places) / sizeof(*places); i++)
		f = fopen(places[i], "r");
	if (!f)
		return NULL;
	t = calloc(1, sizeof(*t));
	while (t && fgets(line, sizeof(line), f))
		add_line(t, line);
	fclose(f);
	return t;
}

const char *vendor_find(const struct vendor_table *t, const struct mac *m)
{
	uint32_t i;

	if (m->b[0] & 2)
		return "";
	i = imap_find(&t->prefix, (uint64_t)m->b[0] << 16 | (uint64_t)m->b[1] << 8 | m->b[2]);
	return i == IMAP_NONE ? "" : t->name[i];
}

void vendor_free(struct vendor_table *t)
{
	if (!t)
		return;
	arena_free(&t->arena);
	free(t);
}
