/*
 * base/addr.h - one address type for IPv4 and IPv6.
 *
 * An IPv4 address is kept as its IPv4-mapped IPv6 form (RFC 4291, 2.5.5.2), so that tables,
 * tries and comparisons exist once. A 10.0.0.0/8 prefix is ::ffff:10.0.0.0/104.
 */
#ifndef KIDOBAN_BASE_ADDR_H
#define KIDOBAN_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ADDR_STRLEN 46 /* longest text form with its NUL */
#define MAC_STRLEN  18

struct addr {
	uint8_t b[16]; /* network order */
};

struct mac {
	uint8_t b[6];
};

static inline struct addr addr_v4(const uint8_t b[4])
{
	struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, b[0], b[1], b[2], b[3]}};

	return a;
}

static inline struct addr addr_v6(const uint8_t b[16])
{
	struct addr a;

	memcpy(a.b, b, 16);
	return a;
}

static inline bool addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, 16) == 0;
}

static inline bool addr_is_v4(const struct addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->b, mapped, 12) == 0;
}

/* IPv4 224.0.0.0/4 or IPv6 ff00::/8. */
bool addr_is_multicast(const struct addr *a);

/* 255.255.255.255 only: a subnet's own broadcast address needs the policy to be known. */
bool addr_is_broadcast(const struct addr *a);

/* Never leaves its segment: multicast, broadcast, link-local, unspecified (RFC 3927, RFC 4291
 * 2.5.6, RFC 1122 3.2.1.3). */
bool addr_stays_in_segment(const struct addr *a);

/* Of a site's own networks: RFC 1918, RFC 6598, RFC 1122 3.2.1.3, RFC 4193, ::1. */
bool addr_is_private(const struct addr *a);

/* Text form (dotted quad for IPv4, RFC 5952 for IPv6) into buf of ADDR_STRLEN; returns buf. */
const char *addr_str(const struct addr *a, char buf[ADDR_STRLEN]);

/* "10.0.0.1", "fd00::1"; false when it is neither. */
bool addr_parse(const char *s, struct addr *out);

/*
 * "10.0.0.0/8", "fd00::/64", or a bare address (a host prefix). bits is counted in the 128-bit
 * form. Returns NULL when good, else what is wrong in a few words ("host bits set", ...).
 */
const char *addr_parse_prefix(const char *s, struct addr *out, unsigned *bits);

const char *mac_str(const struct mac *m, char buf[MAC_STRLEN]);

/* "00:80:f4:01:02:03" or with dashes. */
bool mac_parse(const char *s, struct mac *out);

#endif
