/*
 * What zones and assets are held to, beside their conduits: trust, tenants, criticality; and the
 * order of layers. Keys of the same name mean the same under a zone and under an asset.
 */
#include "policy/loader.h"

#define TENANTS_MAX 64 /* bits of a mask */

uint8_t load_trust(struct loader *l, const struct yaml_node *n)
{
	static const char *const words[] = {"unknown", "minimal", "known", "full", NULL};

	return (uint8_t)(load_word(l, n, "trust", words) + 1);
}

static void tenant(struct loader *l, const struct yaml_node *n, void *object)
{
	struct policy *p = l->p;
	const char *id = load_id(l, n, "tenant");
	uint32_t i;

	if (!id)
		return;
	for (i = 0; i < p->tenants && strcmp(p->tenant[i], id) != 0; i++)
		;
	if (i == TENANTS_MAX) {
		load_error(l, n, "more than %d tenants", TENANTS_MAX);
		return;
	}
	if (i == p->tenants) {
		p->tenant = arena_grow(l->a, p->tenant, i, &p->tenant_cap, sizeof(*p->tenant));
		p->tenant[p->tenants++] = id;
	}
	*(uint64_t *)object |= UINT64_C(1) << i;
}

uint64_t load_tenants(struct loader *l, const struct yaml_node *n)
{
	uint64_t tenants = 0;

	load_each(l, n, "tenant", tenant, &tenants);
	return tenants;
}

bool load_yes(struct loader *l, const struct yaml_node *n, const char *what)
{
	static const char *const words[] = {"true", "false", NULL};

	return load_word(l, n, what, words) == 0;
}

static void recovery(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"limited", "serious", "fatal", NULL};

	((struct policy_zone *)object)->recovery =
		(uint8_t)(load_word(l, n, "recovery", words) + 1);
}

static void impact(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"limited", "serious", "catastrophic", NULL};

	((struct policy_zone *)object)->impact = (uint8_t)(load_word(l, n, "impact", words) + 1);
}

void load_criticality(struct loader *l, const struct yaml_node *n, struct policy_zone *zone)
{
	static const struct field fields[] = {
		{"recovery", recovery, true},
		{"impact", impact, true},
		{NULL, NULL, false},
	};

	load_fields(l, n, "criticality", fields, zone);
}
