/* What a policy says of itself. */
#include "policy/model.h"

const char *policy_level_name(enum policy_level l)
{
	static const char *const name[LEVELS] = {
		[LEVEL_EXTERNAL] = "external",
		[LEVEL_INFORMATION] = "information",
		[LEVEL_DMZ] = "dmz",
		[LEVEL_IOT] = "iot",
		[LEVEL_CONTROL_INFORMATION] = "control-information",
		[LEVEL_CONTROL] = "control",
		[LEVEL_FIELD] = "field",
		[LEVEL_SAFETY] = "safety",
	};

	return name[l];
}

const char *policy_trust_name(enum policy_trust t)
{
	static const char *const name[TRUSTS] = {"", "unknown", "minimal", "known", "full"};

	return name[t];
}

const char *policy_tenant(const struct policy *p, unsigned i)
{
	return i < p->tenants ? p->tenant[i] : NULL;
}

const char *policy_operating_name(enum policy_operating_mode m)
{
	static const char *const name[] = {
		[OPERATING_NORMAL] = "normal",
		[OPERATING_MAINTENANCE] = "maintenance",
		[OPERATING_EMERGENCY] = "emergency",
		[OPERATING_ANALYSIS] = "analysis",
	};

	return name[m];
}

uint16_t policy_tier(const struct policy *p, enum policy_trust t)
{
	return p->tier[t];
}

enum policy_trust policy_trust_of(const struct policy *p, struct policy_place place)
{
	uint8_t trust = place.asset != POLICY_NONE ? p->asset[place.asset].trust : TRUST_UNSAID;

	if (!trust && place.zone != POLICY_NONE)
		trust = p->zone[place.zone].trust;
	return (enum policy_trust)trust;
}

bool policy_is_ended(const struct policy *p, struct policy_place place, int64_t time)
{
	return place.asset != POLICY_NONE && p->asset[place.asset].ended <= time;
}

uint64_t policy_tenants_of(const struct policy *p, struct policy_place place)
{
	uint64_t tenants = place.asset != POLICY_NONE ? p->asset[place.asset].tenants : 0;

	return tenants || place.zone == POLICY_NONE ? tenants : p->zone[place.zone].tenants;
}

bool policy_checksums_verify(const struct policy *p)
{
	return p->checksums_verify;
}

bool policy_overlap_last(const struct policy *p)
{
	return p->overlap_last;
}

const char *policy_site(const struct policy *p)
{
	return p->site;
}

enum policy_mode policy_mode(const struct policy *p)
{
	return p->mode;
}

enum policy_operating_mode policy_operating_mode(const struct policy *p)
{
	return p->operating_mode;
}

uint32_t policy_assets(const struct policy *p)
{
	return p->assets;
}

uint32_t policy_conduits(const struct policy *p)
{
	return p->conduits;
}

const struct policy_zone *policy_zone_at(const struct policy *p, uint32_t i)
{
	return i < p->zones ? &p->zone[i] : NULL;
}

const struct policy_asset *policy_asset_at(const struct policy *p, uint32_t i)
{
	return i < p->assets ? &p->asset[i] : NULL;
}

const struct policy_conduit *policy_conduit_at(const struct policy *p, uint32_t i)
{
	return i < p->conduits ? &p->conduit[i].pub : NULL;
}

uint32_t policy_conduit_find(const struct policy *p, const char *id)
{
	uint32_t i;

	for (i = 0; i < p->conduits; i++)
		if (strcmp(p->conduit[i].pub.id, id) == 0)
			return i;
	return POLICY_NONE;
}

const struct tz *policy_tz(const struct policy *p)
{
	return p->tz;
}

uint32_t policy_group_find(const struct policy *p, const char *id)
{
	uint32_t i;

	for (i = 0; i < p->groups; i++)
		if (strcmp(p->group[i].id, id) == 0)
			return i;
	return POLICY_NONE;
}

bool policy_group_has(const struct policy *p, uint32_t group, struct policy_place place)
{
	const struct policy_group *g = &p->group[group];
	uint32_t i;

	for (i = 0; i < g->ends; i++)
		if (g->end[i] < p->zones ? g->end[i] == place.zone
					 : g->end[i] - p->zones == place.asset)
			return true;
	return false;
}

const char *policy_group_id(const struct policy *p, uint32_t i)
{
	return i < p->groups ? p->group[i].id : NULL;
}
