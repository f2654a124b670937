#include "policy/geo.h"

#include <stddef.h>

#ifdef HAVE_MAXMINDDB

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct geo {
	MMDB_s db[GEO_KINDS];
	bool open[GEO_KINDS];
};

/* Makers name their databases GeoLite2-Country, DBIP-ASN-Lite, GeoIP2-ISP, ... */
static bool is_kind(const char *type, enum geo_kind kind)
{
	static const char *const names[GEO_KINDS][4] = {
		[GEO_COUNTRY] = {"Country", "City", "Enterprise", NULL},
		[GEO_ASN] = {"ASN", "ISP", "Enterprise", NULL},
	};
	const char *const *n;

	for (n = names[kind]; *n; n++)
		if (strstr(type, *n))
			return true;
	return false;
}

const char *geo_open(struct geo **g, enum geo_kind kind, const char *path)
{
	struct stat st;
	int error;

	if (stat(path, &st) != 0)
		return "no such file";
	if (!S_ISREG(st.st_mode))
		return "no regular file";
	if (!*g)
		*g = calloc(1, sizeof(**g));
	if (!*g)
		return "out of memory";
	if ((*g)->open[kind])
		return "there is one already";
	error = MMDB_open(path, MMDB_MODE_MMAP, &(*g)->db[kind]);
	if (error != MMDB_SUCCESS)
		return MMDB_strerror(error);
	if (!is_kind((*g)->db[kind].metadata.database_type, kind)) {
		MMDB_close(&(*g)->db[kind]);
		return kind == GEO_COUNTRY ? "no database of countries"
					   : "no database of autonomous systems";
	}
	(*g)->open[kind] = true;
	return NULL;
}

bool geo_has(const struct geo *g, enum geo_kind kind)
{
	return g && g->open[kind];
}

static bool look_up(const struct geo *g, enum geo_kind kind, const struct addr *a,
		    MMDB_lookup_result_s *found)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool is_v4 = addr_is_v4(a);
	int error = MMDB_SUCCESS;

	if (!geo_has(g, kind))
		return false;
	if (is_v4)
		memcpy(&v4.sin_addr, a->b + 12, 4);
	else
		memcpy(&v6.sin6_addr, a->b, 16);
	*found = MMDB_lookup_sockaddr(
		&g->db[kind], is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
		&error);
	return error == MMDB_SUCCESS && found->found_entry;
}

static bool value_at(MMDB_lookup_result_s *found, const char *const *path, uint32_t type,
		     MMDB_entry_data_s *value)
{
	return MMDB_aget_value(&found->entry, value, path) == MMDB_SUCCESS && value->has_data &&
	       value->type == type;
}

static void find_country(const struct geo *g, const struct addr *a, struct geo_record *r)
{
	static const char *const located[] = {"country", "iso_code", NULL};
	static const char *const registered[] = {"registered_country", "iso_code", NULL};
	MMDB_lookup_result_s found;
	MMDB_entry_data_s v;

	if (!look_up(g, GEO_COUNTRY, a, &found))
		return;
	if ((value_at(&found, located, MMDB_DATA_TYPE_UTF8_STRING, &v) ||
	     value_at(&found, registered, MMDB_DATA_TYPE_UTF8_STRING, &v)) &&
	    v.data_size == 2)
		memcpy(r->country, v.utf8_string, 2);
}

static void find_asn(const struct geo *g, const struct addr *a, struct geo_record *r)
{
	static const char *const number[] = {"autonomous_system_number", NULL};
	static const char *const name[] = {"autonomous_system_organization", NULL};
	MMDB_lookup_result_s found;
	MMDB_entry_data_s v;

	if (!look_up(g, GEO_ASN, a, &found))
		return;
	if (value_at(&found, number, MMDB_DATA_TYPE_UINT32, &v))
		r->asn = v.uint32;
	if (value_at(&found, name, MMDB_DATA_TYPE_UTF8_STRING, &v))
		r->organisation = slice_of((const uint8_t *)v.utf8_string, v.data_size);
}

struct geo_record geo_find(const struct geo *g, const struct addr *a)
{
	struct geo_record r = {.asn = 0};

	find_country(g, a, &r);
	find_asn(g, a, &r);
	return r;
}

struct addr geo_last_alike(const struct geo *g, const struct addr *a)
{
	struct addr last = *a;
	unsigned bits = 0, kind, i;

	for (kind = 0; kind < GEO_KINDS; kind++) {
		MMDB_lookup_result_s found = {.netmask = 0};

		if (!geo_has(g, (enum geo_kind)kind))
			continue;
		look_up(g, (enum geo_kind)kind, a, &found);
		i = found.netmask;
		if (addr_is_v4(a) && g->db[kind].metadata.ip_version == 4)
			i += 96;
		bits = i > bits ? i : bits;
	}
	for (i = bits; i < 128; i++)
		last.b[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return last;
}

void geo_close(struct geo *g)
{
	int i;

	for (i = 0; g && i < GEO_KINDS; i++)
		if (g->open[i])
			MMDB_close(&g->db[i]);
	free(g);
}

#else

const char *geo_open(struct geo **g, enum geo_kind kind, const char *path)
{
	(void)g;
	(void)kind;
	(void)path;
	return "this kidoban was built without libmaxminddb";
}

bool geo_has(const struct geo *g, enum geo_kind kind)
{
	(void)g;
	(void)kind;
	return false;
}

struct geo_record geo_find(const struct geo *g, const struct addr *a)
{
	(void)g;
	(void)a;
	return (struct geo_record){.asn = 0};
}

struct addr geo_last_alike(const struct geo *g, const struct addr *a)
{
	(void)g;
	return *a;
}

void geo_close(struct geo *g)
{
	(void)g;
}

#endif
