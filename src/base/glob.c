#include "base/glob.h"

/* Bytes of the character at p: 1, or a lead byte and the continuation bytes behind it. */
static uint32_t char_len(struct slice s, uint32_t at)
{
	uint32_t n = 1;

	if (s.p[at] >= 0xc0)
		while (n < 4 && at + n < s.len && (s.p[at + n] & 0xc0) == 0x80)
			n++;
	return n;
}

bool glob_match(struct slice pattern, struct slice text)
{
	uint32_t p = 0, t = 0, star = UINT32_MAX, again = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = ++p;
			again = t;
		} else if (p < pattern.len && pattern.p[p] == '?') {
			p++;
			t += char_len(text, t);
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != UINT32_MAX) {
			p = star;
			t = again += char_len(text, again);
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}
