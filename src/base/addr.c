#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

bool addr_is_multicast(const struct addr *a)
{
	return addr_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

bool addr_is_broadcast(const struct addr *a)
{
	static const uint8_t ones[4] = {0xff, 0xff, 0xff, 0xff};

	return addr_is_v4(a) && memcmp(a->b + 12, ones, 4) == 0;
}

bool addr_stays_in_segment(const struct addr *a)
{
	static const uint8_t zero[16];

	if (addr_is_multicast(a) || addr_is_broadcast(a))
		return true;
	if (addr_is_v4(a))
		return (a->b[12] == 169 && a->b[13] == 254) || memcmp(a->b + 12, zero, 4) == 0;
	return (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) || memcmp(a->b, zero, 16) == 0;
}

bool addr_is_private(const struct addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1};
	const uint8_t *b = a->b + 12;

	if (!addr_is_v4(a))
		return (a->b[0] & 0xfe) == 0xfc || memcmp(a->b, loopback, 16) == 0;
	return b[0] == 10 || b[0] == 127 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
	       (b[0] == 192 && b[1] == 168) || (b[0] == 100 && (b[1] & 0xc0) == 64);
}

const char *addr_str(const struct addr *a, char buf[ADDR_STRLEN])
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, a->b, buf, ADDR_STRLEN);
	return buf;
}

bool addr_parse(const char *s, struct addr *out)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, s, b) == 1) {
		*out = addr_v4(b);
		return true;
	}
	if (inet_pton(AF_INET6, s, b) == 1) {
		*out = addr_v6(b);
		return true;
	}
	return false;
}

const char *addr_parse_prefix(const char *s, struct addr *out, unsigned *bits)
{
	char host[ADDR_STRLEN];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	unsigned long len, max, i;
	char *end;

	if (n >= sizeof(host))
		return "not an address";
	memcpy(host, s, n);
	host[n] = '\0';
	if (!addr_parse(host, out))
		return "not an address";
	max = strchr(host, ':') ? 128 : 32;
	len = max;
	if (slash) {
		len = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end)
			return "the prefix length is not a number";
		if (len > max)
			return "the prefix length is too large";
	}
	*bits = (unsigned)(128 - max + len);
	for (i = *bits; i < 128; i++)
		if (out->b[i / 8] >> (7 - i % 8) & 1)
			return "there are bits set behind the prefix";
	return NULL;
}

const char *mac_str(const struct mac *m, char buf[MAC_STRLEN])
{
	snprintf(buf, MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1], m->b[2],
		 m->b[3], m->b[4], m->b[5]);
	return buf;
}

bool mac_parse(const char *s, struct mac *out)
{
	static const char hex[] = "0123456789abcdef";
	int i, k;

	for (i = 0; i < 6; i++) {
		unsigned v = 0;

		for (k = 0; k < 2; k++, s++) {
			const char *h = *s ? strchr(hex, *s | 0x20) : NULL;

			if (!h)
				return false;
			v = v << 4 | (unsigned)(h - hex);
		}
		out->b[i] = (uint8_t)v;
		if (i < 5 && *s != ':' && *s != '-')
			return false;
		if (i < 5)
			s++;
	}
	return *s == '\0';
}
