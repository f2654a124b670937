/* From YAML to checked structs: the top of the file, zones and assets. zones/README.md is the
 * language. */
#include "policy/loader.h"

#include <stdlib.h>

static const char *const level_words[] = {
	"external", "information", "dmz",    "iot", "control-information",
	"control",  "field",	   "safety", NULL,
};

static const char *end_name(const struct policy *p, uint32_t v)
{
	return v & END_ASSET ? p->asset[v & ~END_ASSET].id : p->zone[v].id;
}

/* Takes an id for a zone or asset, or says who has it. */
static void take_id(struct loader *l, const struct yaml_node *at, const char *id, uint32_t value)
{
	uint32_t other = ids_add(l, &l->ids, id, value, end_name);

	if (other != IMAP_NONE)
		load_error(l, at, "the id \"%s\" is already that of the %s in line %d", id,
			   other & END_ASSET ? "asset" : "zone",
			   other & END_ASSET ? l->p->asset[other & ~END_ASSET].line
					     : l->p->zone[other].line);
}

/* --- zones --- */

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
	struct prefix x = {
		.zone = ((struct zone_load *)object)->index, .line = n->line, .col = n->col};
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
			load_error(l, n,
				   "zones overlap: network %s is already in zone \"%s\" (line %d)",
				   n->text, p->zone[p->prefix[other].zone].id,
				   p->prefix[other].line);
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
	static const char *const words[] = {"ignore", "alert", NULL};
	int i = load_word(l, n, "unknown-devices", words);

	if (i >= 0)
		((struct zone_load *)object)->zone->unknown_devices = (uint8_t)i;
}

static void zone_country(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	if (n->len != 2 || n->text[0] < 'A' || n->text[0] > 'Z' || n->text[1] < 'A' ||
	    n->text[1] > 'Z')
		load_error(l, n, "\"%.80s\" is no country code of two capital letters, such as JP",
			   n->text);
}

static void zone_countries(struct loader *l, const struct yaml_node *n, void *object)
{
	load_each(l, n, "countries", zone_country, object);
	load_warning(l, n->key, "countries are not evaluated yet: the zone takes in every country");
}

static const struct field zone_fields[] = {
	{"title", zone_title, false},
	{"level", zone_level, true},
	{"networks", zone_networks, false},
	{"inside", zone_inside, false},
	{"unknown-devices", zone_unknown, false},
	{"countries", zone_countries, false},
	{NULL, NULL, false},
};

static void check_overlaps(struct loader *l)
{
	struct policy *p = l->p;
	uint32_t i, above;

	for (i = 0; i < p->prefixes; i++) {
		const struct prefix *x = &p->prefix[i], *y;
		struct yaml_node at = {.line = x->line, .col = x->col};

		above = trie_find_above(&p->networks, &x->addr, x->bits);
		if (above == TRIE_NONE)
			continue;
		y = &p->prefix[above];
		if (y->zone == x->zone || prefix_catches_all(y) || l->inside[x->zone] == y->zone)
			continue;
		load_error(l, &at,
			   "zones overlap: this network of zone \"%s\" lies within one of zone "
			   "\"%s\" (line %d); if that is meant, add inside: %s to \"%s\"",
			   p->zone[x->zone].id, p->zone[y->zone].id, y->line, p->zone[y->zone].id,
			   p->zone[x->zone].id);
	}
}

/* The zone that a zone says it is carved out of; POLICY_NONE when it says nothing. */
static uint32_t find_inside(struct loader *l, const struct yaml_node *zone)
{
	const struct yaml_node *n = yaml_get(zone, "inside");
	struct suggest s;
	uint32_t i, end;

	if (!n || n->kind != YAML_SCALAR)
		return POLICY_NONE;
	end = load_find_end(l, n->text);
	if (end < l->p->zones)
		return end;
	s = suggest_for(l, n->text);
	for (i = 0; i < l->p->zones; i++)
		suggest_try(&s, l->p->zone[i].id);
	load_error(l, n, "inside: there is no zone \"%.80s\"%s", n->text, suggest_text(l, &s));
	return POLICY_NONE;
}

static void load_zones(struct loader *l, const struct yaml_node *n)
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
		*z.zone = (struct policy_zone){.id = id, .title = id, .line = c->key->line};
		take_id(l, c->key, id, z.index);
		load_fields(l, c, "a zone", zone_fields, &z);
		if (c->kind == YAML_MAP && p->prefixes == prefixes && !yaml_get(c, "networks"))
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

/* --- assets --- */

struct asset_load {
	struct policy_asset *asset;
	uint32_t index, cap;
	struct addr *list; /* asset->addresses under construction */
};

static void asset_zone(struct loader *l, const struct yaml_node *n, void *object)
{
	struct asset_load *a = object;
	const char *id = load_id(l, n, "zone");
	uint32_t end = id ? load_find_end(l, id) : 0, i;
	struct suggest s;

	if (!id)
		return;
	if (end < l->p->zones) {
		a->asset->zone = end;
		return;
	}
	s = suggest_for(l, id);
	for (i = 0; i < l->p->zones; i++)
		suggest_try(&s, l->p->zone[i].id);
	load_error(l, n, "there is no zone \"%s\"%s", id, suggest_text(l, &s));
}

static void asset_address(struct loader *l, const struct yaml_node *n, void *object)
{
	struct asset_load *a = object;
	struct addr addr;
	uint32_t other;

	if (!addr_parse(n->text, &addr)) {
		load_error(l, n, "bad address \"%.80s\": %s", n->text,
			   strchr(n->text, '/') ? "an asset has addresses, not networks"
						: "not an IPv4 or IPv6 address");
		return;
	}
	other = trie_add(&l->p->hosts, l->a, &addr, 128, a->index);
	if (other != TRIE_NONE) {
		load_error(l, n, "address %s is already that of asset \"%s\" (line %d)", n->text,
			   l->p->asset[other].id, l->p->asset[other].line);
		return;
	}
	a->list = arena_grow(l->a, a->list, a->asset->naddresses, &a->cap, sizeof(addr));
	a->list[a->asset->naddresses++] = addr;
}

static void asset_addresses(struct loader *l, const struct yaml_node *n, void *object)
{
	load_each(l, n, n->key->text, asset_address, object);
}

static void asset_mac(struct loader *l, const struct yaml_node *n, void *object)
{
	struct policy_asset *a = ((struct asset_load *)object)->asset;

	if (!load_is(l, n, YAML_SCALAR, "mac"))
		return;
	a->has_mac = mac_parse(n->text, &a->mac);
	if (!a->has_mac)
		load_error(l, n, "bad mac \"%.80s\": not of the form \"00:80:f4:01:02:03\"",
			   n->text);
}

static void asset_role(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "role");

	if (s)
		((struct asset_load *)object)->asset->role = s;
}

static void asset_title(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "title");

	if (s)
		((struct asset_load *)object)->asset->title = s;
}

static const struct field asset_fields[] = {
	{"zone", asset_zone, true},
	{"address", asset_addresses, false},
	{"addresses", asset_addresses, false},
	{"mac", asset_mac, false},
	{"role", asset_role, false},
	{"title", asset_title, false},
	{NULL, NULL, false},
};

/* An address must lie in its asset's zone, by the longest prefix as for every packet. */
static void check_places(struct loader *l, const struct yaml_node *at, const struct policy_asset *a)
{
	char text[ADDR_STRLEN];
	uint32_t i, v;

	for (i = 0; i < a->naddresses; i++) {
		v = trie_find(&l->p->networks, &a->addresses[i]);
		if (v != TRIE_NONE && l->p->prefix[v].zone == a->zone)
			continue;
		load_error(l, at, "address %s of asset \"%s\" is not in zone \"%s\"; it is in %s%s",
			   addr_str(&a->addresses[i], text), a->id, l->p->zone[a->zone].id,
			   v == TRIE_NONE ? "no zone" : "zone ",
			   v == TRIE_NONE ? "" : l->p->zone[l->p->prefix[v].zone].id);
	}
}

static void load_asset(struct loader *l, const struct yaml_node *n, const char *id,
		       struct imap *macs)
{
	struct policy *p = l->p;
	struct asset_load a = {.index = p->assets};
	const struct yaml_node *at;
	uint32_t other;

	p->asset = arena_grow(l->a, p->asset, p->assets, &p->asset_cap, sizeof(*p->asset));
	a.asset = &p->asset[p->assets++];
	*a.asset = (struct policy_asset){
		.id = id, .title = id, .role = "", .zone = POLICY_NONE, .line = n->key->line};
	take_id(l, n->key, id, END_ASSET | a.index);
	load_fields(l, n, "an asset", asset_fields, &a);
	a.asset->addresses = a.list;
	a.asset->has_address = a.asset->naddresses > 0;
	if (a.asset->has_address)
		a.asset->address = a.list[0];
	if (n->kind != YAML_MAP)
		return;
	at = yaml_get(n, "address") ? yaml_get(n, "address") : yaml_get(n, "addresses");
	if (!at && !yaml_get(n, "mac"))
		load_error(l, n->key, "asset \"%s\" has neither address nor mac", id);
	if (a.asset->zone == POLICY_NONE)
		return;
	if (at)
		check_places(l, at, a.asset);
	if (!a.asset->has_mac)
		return;
	other = imap_add(macs, l->a, mac_key(&a.asset->mac), a.index);
	if (other != IMAP_NONE)
		load_error(l, yaml_get(n, "mac"),
			   "mac %s is already that of asset \"%s\" (line %d); one device with "
			   "several addresses is one asset",
			   yaml_get(n, "mac")->text, p->asset[other].id, p->asset[other].line);
	else if (!at)
		imap_add(&p->macs, l->a, mac_key(&a.asset->mac), a.index);
}

static void load_assets(struct loader *l, const struct yaml_node *n)
{
	const struct yaml_node *c;
	struct imap macs = {0};

	if (!load_is(l, n, YAML_MAP, "assets"))
		return;
	yaml_each (c, n) {
		const char *id = load_id(l, c->key, "asset id");

		if (id)
			load_asset(l, c, id, &macs);
	}
}

/* --- the top of the file --- */

static void top_site(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "site");

	(void)object;
	if (s)
		l->p->site = s;
}

static void top_mode(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"detect", "enforce", NULL};
	int i = load_word(l, n, "mode", words);

	(void)object;
	if (i >= 0)
		l->p->mode = (enum policy_mode)i;
}

static void top_operating_mode(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"normal", "maintenance", "emergency", "analysis", NULL};
	int i = load_word(l, n, "operating-mode", words);

	(void)object;
	if (i >= 0)
		l->p->operating_mode = (enum policy_operating_mode)i;
}

static void top_default(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"deny", "allow", NULL};

	(void)object;
	l->p->default_allow = load_word(l, n, "default", words) == 1;
}

static void top_addresses(struct loader *l, const struct yaml_node *n, void *object)
{
	int i = load_notation(l, n);

	(void)object;
	if (i >= 0)
		l->p->notation = (enum notation)i;
}

static void engine_checksums(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"ignore", "verify", NULL};

	(void)object;
	l->p->checksums_verify = load_word(l, n, "checksums", words) == 1;
}

static void engine_overlap(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"first", "last", NULL};

	(void)object;
	l->p->overlap_last = load_word(l, n, "overlap", words) == 1;
}

static void top_engine(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field fields[] = {
		{"checksums", engine_checksums, false},
		{"overlap", engine_overlap, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "engine", fields, object);
}

/* These three are taken in their own order, whatever theirs is in the file. */
static void top_section(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)l;
	(void)n;
	(void)object;
}

static const struct field top_fields[] = {
	{"site", top_site, false},
	{"mode", top_mode, false},
	{"operating-mode", top_operating_mode, false},
	{"default", top_default, false},
	{"addresses", top_addresses, false},
	{"engine", top_engine, false},
	{"zones", top_section, true},
	{"assets", top_section, false},
	{"conduits", top_section, false},
	{NULL, NULL, false},
};

static void load_tree(struct loader *l, const struct yaml_node *root)
{
	static const struct {
		const char *name;
		void (*load)(struct loader *l, const struct yaml_node *n);
	} sections[] = {
		{"zones", load_zones}, {"assets", load_assets}, {"conduits", load_conduits}};
	const struct yaml_node *n;
	unsigned i;

	load_fields(l, root, "a policy", top_fields, NULL);
	for (i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		n = yaml_get(root, sections[i].name);
		if (n)
			sections[i].load(l, n);
	}
}

/* errors: how many there were before this file. */
static struct policy *load(struct yaml_doc *doc, const char *name, struct diag *diag,
			   unsigned errors)
{
	struct policy *p = doc->complete ? calloc(1, sizeof(*p)) : NULL;
	struct loader l = {.p = p, .file = name, .diag = diag};

	if (p) {
		l.a = &p->arena;
		p->site = "";
		load_tree(&l, doc->root);
		if (diag->errors == errors)
			policy_compile(p, name, diag);
		if (diag->errors != errors) {
			policy_free(p);
			p = NULL;
		}
	} else if (doc->complete) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
	}
	yaml_doc_free(doc);
	return p;
}

struct policy *policy_load(const char *path, struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_file(&doc, path, diag);
	return load(&doc, path, diag, errors);
}

struct policy *policy_load_buffer(const char *name, const char *text, size_t len, struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_buffer(&doc, name, text, len, diag);
	return load(&doc, name, diag, errors);
}

void policy_free(struct policy *p)
{
	if (p)
		arena_free(&p->arena);
	free(p);
}
