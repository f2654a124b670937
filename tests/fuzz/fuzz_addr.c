/* Text forms of addresses, prefixes and hardware addresses: what parses prints and parses again. */
#include "base/addr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[128], buf[ADDR_STRLEN];
	struct addr a, again;
	struct mac mac;
	unsigned bits;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (addr_parse(text, &a) &&
	    (!addr_parse(addr_str(&a, buf), &again) || !addr_eq(&a, &again)))
		abort();
	if (!addr_parse_prefix(text, &a, &bits) && bits > 128)
		abort();
	if (mac_parse(text, &mac) && mac_str(&mac, text) != text)
		abort();
	return 0;
}
