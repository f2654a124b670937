/*
 * base/utf8.h - text that was cut to a size still ends in a whole character.
 */
#ifndef KIDOBAN_BASE_UTF8_H
#define KIDOBAN_BASE_UTF8_H

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

#endif
