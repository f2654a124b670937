/*
 * base/utf8.h - text that was cut to a size still ends in a whole character; text from people is
 * text.
 */
#ifndef KIDOBAN_BASE_UTF8_H
#define KIDOBAN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Takes back the beginning of a UTF-8 sequence (RFC 3629) at the end of s whose rest is missing. */
static inline void utf8_trim(char *s)
{
	size_t len = strlen(s), at = len;
	uint8_t lead;

	while (at > 0 && len - at < 3 && ((uint8_t)s[at - 1] & 0xc0) == 0x80)
		at--;
	if (at == 0)
		return;
	lead = (uint8_t)s[at - 1];
	if (lead >= 0xc0 && len - at + 1 < (lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : 2u))
		s[at - 1] = '\0';
}

/* UTF-8 as RFC 3629 has it, without control characters: fit for a line of a log or a terminal. */
static inline bool utf8_printable(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	while (*p) {
		static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
		unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3, i;
		uint32_t c = more ? *p & (0x3fu >> more) : *p;

		if (*p == 0x7f || *p < ' ' || (*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
			return false;
		for (i = 1; i <= more; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
		    (c >= 0x80 && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029)
			return false;
		p += more + 1;
	}
	return true;
}

#endif
