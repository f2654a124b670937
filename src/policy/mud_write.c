#include "policy/mud_impl.h"

#include <string.h>

#define CLEAN_MAX 200 /* bytes of a text of the file that are repeated */

/* Line and paragraph separators, and what turns the direction of text (Unicode 15, table 23-2). */
static bool is_tricky(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
		return true;
	if (s[0] == 0xd8 && s[1] == 0x9c)
		return true;
	if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
		return true;
	return s[0] == 0xe2 && ((s[1] == 0x80 && ((s[2] >= 0x8b && s[2] <= 0x8f) ||
						  (s[2] >= 0xa8 && s[2] <= 0xae))) ||
				(s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf));
}

static size_t char_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4, i;

	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return i;
	return n;
}

const char *mud_clean(struct arena *a, const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	char buf[CLEAN_MAX + 4];
	size_t len = 0, n;

	for (; *u && len < CLEAN_MAX; u += n) {
		n = char_len(u);
		if (is_tricky(u)) {
			buf[len++] = '?';
			continue;
		}
		if (len + n > CLEAN_MAX)
			break;
		memcpy(buf + len, u, n);
		len += n;
	}
	if (*u) {
		memcpy(buf + len, "...", 3);
		len += 3;
	}
	return arena_text(a, buf, len);
}

/* In double quotes; ${ would be a variable. */
static void quote(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		if (s[0] == '$' && s[1] == '{')
			fputc('$', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

/* What is a word of an id: "role:plc@cell" becomes role-plc-cell. */
static void id_part(FILE *out, const char *s, size_t max)
{
	size_t i;

	if (strlen(s) < max)
		max = strlen(s);
	while (max > 0 && (s[max] & 0xc0) == 0x80) /* whole characters */
		max--;
	for (i = 0; i < max; i++) {
		bool word = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
			    (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '_' ||
			    s[i] == '.' || s[i] & 0x80;

		fputc(word ? s[i] : '-', out);
	}
}

static void put_set(FILE *out, const struct iset *set)
{
	uint32_t i;

	fputc('[', out);
	for (i = 0; i < set->count; i++) {
		unsigned long long lo = set->range[i].lo, hi = set->range[i].hi;

		fprintf(out, lo == hi ? "%s%llu" : "%s%llu-%llu", i ? ", " : "", lo, hi);
	}
	fputc(']', out);
}

static void put_conduit(const struct mud *m, uint32_t i, FILE *out)
{
	static const char *const kinds[] = {"tcp", "udp", "icmp", "ip"};
	const struct mud_conduit *c = &m->conduit[i];
	unsigned k;

	/* the number keeps ids apart whose words became the same, or were cut */
	fputs("  - id: ", out);
	fprintf(out, "\"mud-");
	id_part(out, m->cfg->asset, 24);
	fprintf(out, "-%u-%s-", i + 1, c->to_device ? "from" : "to");
	id_part(out, c->end, 16);
	fputs("\"\n    from: ", out);
	quote(out, c->to_device ? c->end : m->cfg->asset);
	fputs("\n    to: ", out);
	quote(out, c->to_device ? m->cfg->asset : c->end);
	fputs("\n    reason: ", out);
	quote(out, c->names);
	fputs("\n    refs: [\"rfc:8520\"]\n    allow:\n", out);
	for (k = 0; k < MUD_KINDS; k++) {
		if (!c->used[k])
			continue;
		fprintf(out, "      - %s: ", kinds[k]);
		if (c->any[k])
			fputs("any", out);
		else if (k == MUD_ICMP)
			fprintf(out, "[%s]", c->icmp);
		else
			put_set(out, &c->set[k]);
		fputc('\n', out);
	}
}

void mud_write(struct mud *m, FILE *out)
{
	uint32_t i;
	unsigned k;

	fprintf(out,
		"# What %s may do, from its maker's description (MUD, RFC 8520). Include this file "
		"in a\n# policy that has the asset and the ends named here:\n#\n"
		"#   assets:\n#     %s: {zone: %s, address: ...}\n#\n",
		m->cfg->asset, m->cfg->asset, m->cfg->zone);
	for (i = 0; i < m->facts; i++)
		fprintf(out, "# %s: %s\n", m->fact[i].name, m->fact[i].value);
	for (i = 0; i < m->nleft; i++)
		fprintf(out, "# left out: %s\n", m->left[i]);
	fputs(m->conduits ? "conduits:\n" : "conduits: []\n", out);
	for (i = 0; i < m->conduits; i++) {
		for (k = 0; k < MUD_KINDS; k++)
			iset_seal(&m->conduit[i].set[k]);
		put_conduit(m, i, out);
	}
}
