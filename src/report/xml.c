#include "report/xml.h"

#include <stdint.h>

/* One character at s; its bytes, or 0 when they are no UTF-8 (RFC 3629). */
static unsigned utf8_at(const unsigned char *s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4, i;

	if (n == 0 || s[0] > 0xf4)
		return 0;
	*c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	return *c < least[n] || (*c >= 0xd800 && *c < 0xe000) || *c > 0x10ffff ? 0 : n;
}

void xml_text(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c = 0;
	unsigned n;

	for (; *s; s += n ? n : 1) {
		n = utf8_at(s, &c);
		if (n == 0 || c == 0xfffe || c == 0xffff || c == 0x7f ||
		    (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x80 && c < 0xa0))
			fputs("\xef\xbf\xbd", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c == '\'')
			fputs("&#39;", out);
		else
			fwrite(s, 1, n, out);
	}
}
