/* Which peers of a zone its conduits hold for: countries, autonomous systems, organisations. */
#include "base/glob.h"
#include "policy/geo.h"
#include "policy/model.h"

static bool in_country(const struct policy_peers *x, const struct geo_record *r)
{
	uint32_t i;

	for (i = 0; i < x->countries; i++)
		if (memcmp(x->country[i], r->country, 2) == 0)
			return true;
	return false;
}

static bool in_network(const struct policy_peers *x, const struct geo_record *r)
{
	uint32_t i;

	for (i = 0; i < x->asns; i++)
		if (x->asn[i] == r->asn)
			return true;
	for (i = 0; i < x->organisation.count; i++)
		if (r->organisation.len && glob_match(x->organisation.text[i], r->organisation))
			return true;
	return false;
}

bool peers_hold(const struct policy *p, const struct policy_peers *x, const struct addr *a)
{
	struct geo_record r = geo_find(p->geo, a);

	if (x->countries && geo_has(p->geo, GEO_COUNTRY) && !in_country(x, &r))
		return false;
	if ((x->asns || x->organisation.count) && geo_has(p->geo, GEO_ASN) && !in_network(x, &r))
		return false;
	return true;
}

#define BLOCKS_MAX 4096 /* of alike addresses in a network */

/* The address behind; false past the last. */
static bool next_addr(struct addr *a)
{
	int i;

	for (i = 15; i >= 0; i--)
		if (++a->b[i])
			return true;
	return false;
}

bool peers_anywhere(const struct policy *p, const struct policy_peers *x,
		    const struct prefix *network)
{
	struct addr a = network->addr, end = network->addr;
	unsigned i;

	for (i = network->bits; i < 128; i++)
		end.b[i / 8] |= (uint8_t)(0x80u >> i % 8);
	for (i = 0; i < BLOCKS_MAX; i++) {
		if (peers_hold(p, x, &a))
			return true;
		a = geo_last_alike(p->geo, &a);
		if (memcmp(&a, &end, sizeof(a)) >= 0 || !next_addr(&a))
			return false;
	}
	return true;
}

const char *policy_whereabouts(const struct policy *p, const struct addr *a, char *buf, size_t size)
{
	struct geo_record r = geo_find(p->geo, a);
	const struct op_object name = {.name = r.organisation}; /* escaped as every name is */
	char text[128] = "";

	if (r.organisation.len)
		op_object_str(&name, text, sizeof(text));
	buf[0] = '\0';
	if (r.asn)
		snprintf(buf, size, "%s%sAS%u%s%s", r.country, *r.country ? ", " : "", r.asn,
			 *text ? " " : "", text);
	else
		snprintf(buf, size, "%s", r.country);
	return buf;
}

void peers_words(const struct policy_peers *x, FILE *out)
{
	const char *comma = "; countries ";
	uint32_t i;

	for (i = 0; i < x->countries; i++) {
		fprintf(out, "%s%s", comma, x->country[i]);
		comma = ", ";
	}
	comma = "; networks ";
	for (i = 0; i < x->asns; i++) {
		fprintf(out, "%sAS%u", comma, x->asn[i]);
		comma = ", ";
	}
	for (i = 0; i < x->organisation.count; i++) {
		fprintf(out, "%s%.*s", comma, (int)x->organisation.text[i].len,
			(const char *)x->organisation.text[i].p);
		comma = ", ";
	}
}
