/* Assets: the devices that are known, and where. */
#include "policy/lint.h"
#include "policy/loader.h"

struct asset_load {
	struct policy_asset *asset;
	uint32_t index, cap;
	struct addr *list; /* asset->addresses under construction */
};

static void asset_zone(struct loader *l, const struct yaml_node *n, void *object)
{
	struct asset_load *a = object;
	const char *id = load_id(l, n, "zone");

	if (id)
		a->asset->zone = load_find_zone(l, n, id, "zone");
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
		load_error(l, n, "address %s is already that of asset \"%s\" (%s)", n->text,
			   l->p->asset[other].id,
			   load_line(l, n, l->p->asset[other].file, l->p->asset[other].line));
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

static void take_text(struct loader *l, const struct yaml_node *n, const char **to)
{
	const char *s = load_text(l, n, n->key->text);

	if (s)
		*to = s;
}

static void asset_role(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->role);
}

static void asset_title(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->title);
}

static void asset_owner(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->owner);
}

static void asset_vendor(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->vendor);
}

static void asset_model(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->model);
}

static void asset_software(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->software);
}

static void asset_serial(struct loader *l, const struct yaml_node *n, void *object)
{
	take_text(l, n, &((struct asset_load *)object)->asset->serial);
}

static void asset_trust(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct asset_load *)object)->asset->trust = load_trust(l, n);
}

static void asset_tenant(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct asset_load *)object)->asset->tenants = load_tenants(l, n);
}

static void asset_end(struct loader *l, const struct yaml_node *n, void *object)
{
	struct policy_asset *a = ((struct asset_load *)object)->asset;
	const char *s = load_last(l, n, "end-of-life", &a->ended);

	if (s)
		a->end_of_life = s;
}

static void asset_nat(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct asset_load *)object)->asset->nat = load_yes(l, n, "nat");
}

static void asset_accept(struct loader *l, const struct yaml_node *n, void *object)
{
	load_accept(l, n, LINT_OF_ASSET, ((struct asset_load *)object)->index);
}

static void asset_refs(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct asset_load *)object)->asset->refs = load_refs(l, n);
}

static const struct field asset_fields[] = {
	{"zone", asset_zone, true},
	{"address", asset_addresses, false},
	{"addresses", asset_addresses, false},
	{"mac", asset_mac, false},
	{"role", asset_role, false},
	{"title", asset_title, false},
	{"owner", asset_owner, false},
	{"vendor", asset_vendor, false},
	{"model", asset_model, false},
	{"software", asset_software, false},
	{"serial", asset_serial, false},
	{"trust", asset_trust, false},
	{"tenant", asset_tenant, false},
	{"nat", asset_nat, false},
	{"end-of-life", asset_end, false},
	{"accept", asset_accept, false},
	{"refs", asset_refs, false},
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

static void load_asset(struct loader *l, const struct yaml_node *n, const char *id)
{
	struct policy *p = l->p;
	struct asset_load a = {.index = p->assets};
	const struct yaml_node *at;
	uint32_t other;

	p->asset = arena_grow(l->a, p->asset, p->assets, &p->asset_cap, sizeof(*p->asset));
	a.asset = &p->asset[p->assets++];
	*a.asset = (struct policy_asset){.id = id,
					 .title = id,
					 .role = "",
					 .owner = "",
					 .vendor = "",
					 .model = "",
					 .software = "",
					 .serial = "",
					 .end_of_life = "",
					 .ended = INT64_MAX,
					 .zone = POLICY_NONE,
					 .file = load_file(l, n),
					 .line = n->key->line,
					 .col = n->key->col};
	load_take_id(l, n->key, id, END_ASSET | a.index);
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
	other = imap_add(&p->stations, l->a, mac_key(&a.asset->mac), a.index);
	if (other != IMAP_NONE)
		load_error(l, yaml_get(n, "mac"),
			   "mac %s is already that of asset \"%s\" (%s); one device with "
			   "several addresses is one asset",
			   yaml_get(n, "mac")->text, p->asset[other].id,
			   load_line(l, n, p->asset[other].file, p->asset[other].line));
	else if (!at)
		imap_add(&p->macs, l->a, mac_key(&a.asset->mac), a.index);
}

void load_assets(struct loader *l, const struct yaml_node *n)
{
	const struct yaml_node *c;

	if (!load_is(l, n, YAML_MAP, "assets"))
		return;
	yaml_each (c, n) {
		const char *id = load_id(l, c->key, "asset id");

		if (id)
			load_asset(l, c, id);
	}
}
