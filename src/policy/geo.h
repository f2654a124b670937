/*
 * policy/geo.h - which country, autonomous system and organisation an address of the outside
 * belongs to, as databases of the MaxMind format say. The only file that knows libmaxminddb.
 *
 * A zone may name countries and networks; its conduits then hold for peers in those only. Asked
 * once per flow and end, of zones that say so; nothing allocates. The databases are mapped, not
 * read.
 *
 * Without libmaxminddb nothing opens, and a policy that names a database does not load. Thread:
 * read only once open, shared by all workers. Private to policy/.
 */
#ifndef KIDOBAN_POLICY_GEO_H
#define KIDOBAN_POLICY_GEO_H

#include "base/addr.h"
#include "base/reader.h"

#include <stdbool.h>
#include <stdint.h>

enum geo_kind { GEO_COUNTRY, GEO_ASN, GEO_KINDS };

struct geo; /* the open databases */

/* What is known of an address; zero and empty where nothing is. The text is the database's. */
struct geo_record {
	char country[3];
	uint32_t asn;
	struct slice organisation;
};

/* Opens one more database; *g is made when it is NULL. NULL, or what is wrong, static text. */
const char *geo_open(struct geo **g, enum geo_kind kind, const char *path);

/* g may be NULL. */
bool geo_has(const struct geo *g, enum geo_kind kind);
struct geo_record geo_find(const struct geo *g, const struct addr *a);

/* The last address behind a of which every database says the same as of a. */
struct addr geo_last_alike(const struct geo *g, const struct addr *a);

/* Accepts NULL. */
void geo_close(struct geo *g);

#endif
