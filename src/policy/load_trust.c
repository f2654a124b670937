/*
 * What zones and assets are held to, beside their conduits: trust, tenants, criticality; and the
 * order of layers. Keys of the same name mean the same under a zone and under an asset.
 */
#include "policy/loader.h"

#define TENANTS_MAX 64 /* bits of a mask */

#define ALL_CLASSES ((1u << OP_CLASSES) - 1)

void load_trust_defaults(struct policy *p)
{
	static const int8_t height[LEVELS] = {
		/* iot lies beside the dmz */
		[LEVEL_EXTERNAL] = 0, [LEVEL_INFORMATION] = 1,	       [LEVEL_DMZ] = 2,
		[LEVEL_IOT] = 2,      [LEVEL_CONTROL_INFORMATION] = 3, [LEVEL_CONTROL] = 4,
		[LEVEL_FIELD] = 5,    [LEVEL_SAFETY] = HEIGHT_SAFETY,
	};
	static const uint16_t tier[TRUSTS] = {
		[TRUST_UNSAID] = UINT16_MAX,
		[TRUST_UNKNOWN] = 0,
		[TRUST_MINIMAL] = 1u << OP_READ | 1u << OP_DISCOVER | 1u << OP_SESSION,
		[TRUST_KNOWN] = 1u << OP_READ | 1u << OP_WRITE | 1u << OP_DIAGNOSE |
				1u << OP_DISCOVER | 1u << OP_ALARM | 1u << OP_SESSION,
		[TRUST_FULL] = UINT16_MAX,
	};

	memcpy(p->height, height, sizeof(height));
	memcpy(p->tier, tier, sizeof(tier));
}

uint16_t load_class(struct loader *l, const struct yaml_node *n, const char *what)
{
	struct suggest s = suggest_for(l, n->text);
	int i = op_class_find(n->text, n->len), k;

	if (strcmp(n->text, "any") == 0)
		return ALL_CLASSES;
	if (i >= 0)
		return (uint16_t)(1u << i);
	for (k = 0; k < OP_CLASSES; k++)
		suggest_try(&s, op_class_name((enum op_class)k));
	load_error(l, n, "%s: there is no class \"%.80s\"%s", what, n->text, suggest_text(l, &s));
	return 0;
}

static void add_class(struct loader *l, const struct yaml_node *n, void *object)
{
	*(uint16_t *)object |= load_class(l, n, "trust-tiers");
}

/* Whoever may do anything may open a session for it; whoever may do nothing may not. */
static void set_tier(struct loader *l, const struct yaml_node *n, enum policy_trust t)
{
	uint16_t classes = 0;

	load_each(l, n, n->key->text, add_class, &classes);
	if (classes)
		classes |= 1u << OP_SESSION;
	l->p->tier[t] = classes == ALL_CLASSES ? UINT16_MAX : classes;
}

static void tier_unknown(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	set_tier(l, n, TRUST_UNKNOWN);
}

static void tier_minimal(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	set_tier(l, n, TRUST_MINIMAL);
}

static void tier_known(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	set_tier(l, n, TRUST_KNOWN);
}

static void tier_full(struct loader *l, const struct yaml_node *n, void *object)
{
	(void)object;
	set_tier(l, n, TRUST_FULL);
}

void load_trust_tiers(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field fields[] = {
		{"unknown", tier_unknown, false},
		{"minimal", tier_minimal, false},
		{"known", tier_known, false},
		{"full", tier_full, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "trust-tiers", fields, object);
}

struct layer {
	uint32_t seen; /* bits of enum policy_level */
	int8_t height;
};

static void layer(struct loader *l, const struct yaml_node *n, void *object)
{
	struct layer *x = object;
	int level = load_word(l, n, "a layer", level_words);

	if (level < 0)
		return;
	if (x->seen >> level & 1)
		load_error(l, n, "layer \"%s\" is listed twice", n->text);
	x->seen |= 1u << level;
	l->p->height[level] = x->height;
}

/* From outside to inside; layers of an inner list lie side by side. What is left out lies in no
 * order, and safety then touches control and field only. */
void load_layers(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct yaml_node *c;
	struct layer x = {0};
	int i;

	(void)object;
	if (!load_is(l, n, YAML_LIST, "layers"))
		return;
	for (i = 0; i < LEVELS; i++)
		l->p->height[i] = i == LEVEL_SAFETY ? HEIGHT_SAFETY : HEIGHT_NONE;
	yaml_each (c, n) {
		load_each(l, c, "a layer", layer, &x);
		x.height += x.height < LEVELS;
	}
}

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

	if (load_some(l, n, "tenant", "leave it out where there is none"))
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
