/* Countries and networks of the outside: the databases, and what zones ask of their peers. */
#include "policy/geo.h"
#include "policy/loader.h"

#include <stdlib.h>

#define EVERYBODY "leave it out where the zone's conduits hold for everybody"

static void open_database(struct loader *l, const struct yaml_node *n, enum geo_kind kind)
{
	const char *file = load_text(l, n, n->key->text), *slash = strrchr(l->file, '/'), *wrong;

	if (!file)
		return;
	if (*file != '/' && slash)
		file = arena_printf(l->a, "%.*s/%s", (int)(slash - l->file), l->file, file);
	wrong = geo_open(&l->p->geo, kind, file);
	if (wrong)
		load_error(l, n, "geo: cannot use %s: %s", file, wrong);
}

static void geo_country(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	open_database(l, n, GEO_COUNTRY);
}

static void geo_asn(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	open_database(l, n, GEO_ASN);
}

void load_geo(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field fields[] = {
		{"country", geo_country, false},
		{"asn", geo_asn, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "geo", fields, object);
}

static struct policy_peers *peers_of(struct loader *l, struct policy_zone *z)
{
	if (!z->peers)
		z->peers = arena_alloc(l->a, sizeof(*z->peers));
	return z->peers;
}

static void country(struct loader *l, const struct yaml_node *n, void *object)
{
	struct policy_peers *x = object;

	if (n->len != 2 || n->text[0] < 'A' || n->text[0] > 'Z' || n->text[1] < 'A' ||
	    n->text[1] > 'Z') {
		load_error(l, n, "\"%.80s\" is no country code of two capital letters, such as JP",
			   n->text);
		return;
	}
	x->country =
		arena_grow(l->a, x->country, x->countries, &x->country_cap, sizeof(*x->country));
	memcpy(x->country[x->countries], n->text, 3);
	x->countries++;
}

static void asn(struct loader *l, const struct yaml_node *n, void *object)
{
	struct policy_peers *x = object;
	const char *s = strncmp(n->text, "AS", 2) == 0 ? n->text + 2 : n->text;
	char *end = NULL;
	unsigned long long v = is_number(s) ? strtoull(s, &end, 10) : 0;

	if (!end || *end || v == 0 || v > UINT32_MAX) {
		load_error(l, n, "\"%.80s\" is no number of an autonomous system, such as AS2497",
			   n->text);
		return;
	}
	x->asn = arena_grow(l->a, x->asn, x->asns, &x->asn_cap, sizeof(*x->asn));
	x->asn[x->asns++] = (uint32_t)v;
}

static void organisation(struct loader *l, const struct yaml_node *n, void *object)
{
	struct names *x = &((struct policy_peers *)object)->organisation;
	const char *s = load_text(l, n, "organisations");

	if (!s)
		return;
	x->text = arena_grow(l->a, x->text, x->count, &x->cap, sizeof(*x->text));
	x->text[x->count++] = slice_str(s);
}

/* Without its database a key cannot be asked about; the zone then takes in everybody. */
static void needs(struct loader *l, const struct yaml_node *n, enum geo_kind kind)
{
	if (geo_has(l->p->geo, kind))
		l->p->bars = true;
	else
		load_warning(l, n->key,
			     "%s: nothing to look them up in, so the zone's conduits hold for "
			     "everybody; name a database, geo: {%s: FILE.mmdb}",
			     n->key->text, kind == GEO_COUNTRY ? "country" : "asn");
}

void load_countries(struct loader *l, const struct yaml_node *n, struct policy_zone *z)
{
	if (!load_some(l, n, "countries", EVERYBODY))
		return;
	load_each(l, n, "countries", country, peers_of(l, z));
	needs(l, n, GEO_COUNTRY);
}

void load_asns(struct loader *l, const struct yaml_node *n, struct policy_zone *z)
{
	if (!load_some(l, n, "asns", EVERYBODY))
		return;
	load_each(l, n, "asns", asn, peers_of(l, z));
	needs(l, n, GEO_ASN);
}

void load_organisations(struct loader *l, const struct yaml_node *n, struct policy_zone *z)
{
	if (!load_some(l, n, "organisations", EVERYBODY))
		return;
	load_each(l, n, "organisations", organisation, peers_of(l, z));
	needs(l, n, GEO_ASN);
}
