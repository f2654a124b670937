/* Names and comments that cannot be misread, whatever the policy's author wrote. */
#include "policy/nft_text.h"

#include <stdbool.h>
#include <string.h>

#define NAME_MAX_BYTES 40 /* of the id within a name */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

const char *nft_name(struct arena *a, const char *id, uint32_t index)
{
	size_t n = strlen(id), i;
	char plain[NAME_MAX_BYTES + 1];
	bool changed = n > NAME_MAX_BYTES;

	n = changed ? NAME_MAX_BYTES : n;
	for (i = 0; i < n; i++) {
		plain[i] = is_plain(id[i]) ? id[i] : '_';
		changed = changed || plain[i] != id[i];
	}
	plain[n] = '\0';
	/* no plain id has a dot in it */
	return changed ? arena_printf(a, "%s.%u", plain, index) : arena_text(a, plain, n);
}

const char *nft_quote(struct arena *a, const char *text, size_t max)
{
	size_t n = strlen(text), i;
	char *s;

	if (n > max)
		for (n = max; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	s = arena_text(a, text, n);
	for (i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			s[i] = ' ';
		else if (strchr("\"$*\\", s[i])) /* ends, expands or escapes in nft */
			s[i] = '\'';
	}
	return s;
}
