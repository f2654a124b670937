/* Zones: their networks, and what is true of whoever lives there. */
#include "policy/lint.h"
#include "policy/loader.h"

const char *const level_words[] = {
	"external", "information", "dmz",    "iot", "control-information",
	"control",  "field",	   "safety", NULL,
};

struct zone_load {
	struct policy_zone *zone;
	uint32_t index;
};

static void zone_title(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "title");

	if (s)
		((struct zone_load *)object)->zone->title = s;
}

static void zone_level(struct loader *l, const struct yaml_node *n, void *object)
{
	int i = load_word(l, n, "level", level_words);

	if (i >= 0)
		((struct zone_load *)object)->zone->level = (uint8_t)i;
}

static void zone_network(struct loader *l, const struct yaml_node *n, void *object)
{
	struct policy *p = l->p;
	struct prefix x = {.zone = ((struct zone_load *)object)->index,
			   .file = load_file(l, n),
			   .line = n->line,
			   .col = n->col};
	const char *wrong = NULL;
	unsigned bits = 0;
	uint32_t other;

	if (strcmp(n->text, "any") != 0)
		wrong = addr_parse_prefix(n->text, &x.addr, &bits);
	if (wrong) {
		load_error(l, n, "bad network \"%.80s\": %s", n->text, wrong);
		return;
	}
	x.bits = (uint8_t)bits;
	other = trie_add(&p->networks, l->a, &x.addr, bits, p->prefixes);
	if (other != TRIE_NONE) {
		if (p->prefix[other].zone == x.zone)
			load_error(l, n, "network %s is listed twice", n->text);
		else
			load_error(l, n, "zones overlap: network %s is already in zone \"%s\" (%s)",
				   n->text, p->zone[p->prefix[other].zone].id,
				   load_line(l, n, p->prefix[other].file, p->prefix[other].line));
		return;
	}
	p->prefix = arena_grow(l->a, p->prefix, p->prefixes, &p->prefix_cap, sizeof(x));
	p->prefix[p->prefixes++] = x;
}

static void zone_networks(struct loader *l, const struct yaml_node *n, void *object)
{
	load_each(l, n, "networks", zone_network, object);
}

static void zone_inside(struct loader *l, const struct yaml_node *n, void *object)
{
	/* the name is looked up when all zones are known */
	(void)load_id(l, n, "inside");
	(void)object;
}

static void zone_unknown(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"ignore", "alert", "deny", NULL};
	int i = load_word(l, n, "unknown-devices", words);

	if (i >= 0)
		((struct zone_load *)object)->zone->unknown_devices = (uint8_t)i;
	l->p->bars = l->p->bars || i == UNKNOWN_DENY;
}

static void zone_countries(struct loader *l, const struct yaml_node *n, void *object)
{
	load_countries(l, n, ((struct zone_load *)object)->zone);
}

static void zone_asns(struct loader *l, const struct yaml_node *n, void *object)
{
	load_asns(l, n, ((struct zone_load *)object)->zone);
}

static void zone_organisations(struct loader *l, const struct yaml_node *n, void *object)
{
	load_organisations(l, n, ((struct zone_load *)object)->zone);
}

static void zone_trust(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct zone_load *)object)->zone->trust = load_trust(l, n);
}

static void zone_tenant(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct zone_load *)object)->zone->tenants = load_tenants(l, n);
}

static void zone_uplink(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct zone_load *)object)->zone->uplink_only = load_yes(l, n, "uplink-only");
}

static void zone_criticality(struct loader *l, const struct yaml_node *n, void *object)
{
	load_criticality(l, n, ((struct zone_load *)object)->zone);
}

#define VLAN_MAX 4094 /* 4095 is reserved (IEEE 802.1Q, table 9-2) */

static void zone_vlans(struct loader *l, const struct yaml_node *n, void *object)
{
	struct zone_load *z = object;
	struct iset set = {0};
	const struct numbers to = {.what = "vlans", .set = &set, .max = VLAN_MAX};
	uint32_t i, other, count = 0;
	uint16_t *list;
	uint64_t id;

	load_numbers(l, n, &to);
	iset_seal(&set);
	list = arena_array(l->a, VLAN_MAX + 1, sizeof(*list));
	for (i = 0; i < set.count; i++)
		for (id = set.range[i].lo; id <= set.range[i].hi; id++) {
			if (id == 0) {
				load_error(l, n, "vlans: VLAN id 0 is no VLAN, but a priority");
				continue;
			}
			other = imap_add(&l->p->vlans, l->a, id, z->index);
			if (other != IMAP_NONE) {
				load_error(l, n, "VLAN %u is already in zone \"%s\" (%s)",
					   (unsigned)id, l->p->zone[other].id,
					   load_line(l, n, l->p->zone[other].file,
						     l->p->zone[other].line));
				return;
			}
			list[count++] = (uint16_t)id;
		}
	z->zone->vlans = list;
	z->zone->nvlans = count;
}

static void zone_accept(struct loader *l, const struct yaml_node *n, void *object)
{
	load_accept(l, n, LINT_OF_ZONE, ((struct zone_load *)object)->index);
}

static void zone_refs(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct zone_load *)object)->zone->refs = load_refs(l, n);
}

static const struct field zone_fields[] = {
	{"title", zone_title, false},
	{"level", zone_level, true},
	{"networks", zone_networks, false},
	{"vlans", zone_vlans, false},
	{"inside", zone_inside, false},
	{"unknown-devices", zone_unknown, false},
	{"countries", zone_countries, false},
	{"asns", zone_asns, false},
	{"organisations", zone_organisations, false},
	{"trust", zone_trust, false},
	{"tenant", zone_tenant, false},
	{"uplink-only", zone_uplink, false},
	{"criticality", zone_criticality, false},
	{"accept", zone_accept, false},
	{"refs", zone_refs, false},
	{NULL, NULL, false},
};

static void check_overlaps(struct loader *l)
{
	struct policy *p = l->p;
	uint32_t i, above;

	for (i = 0; i < p->prefixes; i++) {
		const struct prefix *x = &p->prefix[i], *y;
		struct yaml_node at = {.file = x->file, .line = x->line, .col = x->col};

		above = trie_find_above(&p->networks, &x->addr, x->bits);
		if (above == TRIE_NONE)
			continue;
		y = &p->prefix[above];
		if (y->zone == x->zone || prefix_catches_all(y) || l->inside[x->zone] == y->zone)
			continue;
		load_error(l, &at,
			   "zones overlap: this network of zone \"%s\" lies within one of zone "
			   "\"%s\" (%s); if that is meant, add inside: %s to \"%s\"",
			   p->zone[x->zone].id, p->zone[y->zone].id,
			   load_line(l, &at, y->file, y->line), p->zone[y->zone].id,
			   p->zone[x->zone].id);
	}
}

/* The zone that a zone says it is carved out of; POLICY_NONE when it says nothing. */
static uint32_t find_inside(struct loader *l, const struct yaml_node *zone)
{
	const struct yaml_node *n = yaml_get(zone, "inside");

	if (!n || n->kind != YAML_SCALAR)
		return POLICY_NONE;
	return load_find_zone(l, n, n->text, "inside");
}

void load_zones(struct loader *l, const struct yaml_node *n)
{
	struct policy *p = l->p;
	const struct yaml_node *c, **node; /* by zone */
	uint32_t i;

	if (!load_is(l, n, YAML_MAP, "zones"))
		return;
	node = arena_array(l->a, n->count, sizeof(*node));
	yaml_each (c, n) {
		const char *id = load_id(l, c->key, "zone id");
		struct zone_load z = {.index = p->zones};
		uint32_t prefixes = p->prefixes;

		if (!id)
			continue;
		p->zone = arena_grow(l->a, p->zone, p->zones, &p->zone_cap, sizeof(*p->zone));
		node[p->zones] = c;
		z.zone = &p->zone[p->zones++];
		*z.zone = (struct policy_zone){.id = id,
					       .title = id,
					       .file = load_file(l, c),
					       .line = c->key->line,
					       .col = c->key->col};
		load_take_id(l, c->key, id, z.index);
		load_fields(l, c, "a zone", zone_fields, &z);
		if (c->kind == YAML_MAP && p->prefixes == prefixes && !yaml_get(c, "networks") &&
		    !yaml_get(c, "vlans"))
			load_warning(l, c->key,
				     "zone \"%s\" has no networks: only assets listed by mac are "
				     "in it",
				     id);
	}
	l->inside = arena_array(l->a, p->zones, sizeof(*l->inside));
	for (i = 0; i < p->zones; i++)
		l->inside[i] = find_inside(l, node[i]);
	check_overlaps(l);
}
