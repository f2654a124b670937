/* Whose address it is: part of the hot path, once per flow and end. */
#include "policy/model.h"

struct policy_place place_network(const struct policy *p, const struct addr *a)
{
	struct policy_place place = {.zone = POLICY_NONE, .asset = POLICY_NONE};
	uint32_t v = trie_find(&p->networks, a);

	if (v != TRIE_NONE)
		place.zone = p->prefix[v].zone;
	if ((v == TRIE_NONE || prefix_catches_all(&p->prefix[v])) && addr_stays_in_segment(a)) {
		place.zone = POLICY_NONE;
		place.segment = true;
	}
	return place;
}

/* Why the conduits of its zone do not hold for an address that is no listed asset. */
static enum policy_verdict bar(const struct policy *p, const struct addr *a,
			       const struct policy_place *place)
{
	if (place->zone == POLICY_NONE || place->asset != POLICY_NONE || addr_is_multicast(a) ||
	    addr_is_broadcast(a))
		return POLICY_ALLOW;
	if (p->zone[place->zone].unknown_devices == UNKNOWN_DENY)
		return POLICY_UNLISTED;
	if (p->zone[place->zone].peers && !peers_hold(p, p->zone[place->zone].peers, a))
		return POLICY_COUNTRY_DENIED;
	return POLICY_ALLOW;
}

static struct policy_place find_place(const struct policy *p, const struct addr *a,
				      const struct mac *mac)
{
	struct policy_place place = {.zone = POLICY_NONE, .asset = trie_find(&p->hosts, a)};
	uint32_t asset;

	if (place.asset != POLICY_NONE) {
		place.zone = p->asset[place.asset].zone;
		return place;
	}
	place = place_network(p, a);
	asset = mac ? imap_find(&p->macs, mac_key(mac)) : IMAP_NONE;
	if (asset == IMAP_NONE)
		return place;
	/* Behind a router a foreign address carries the router's MAC: that is not the router. */
	if (place.zone != p->asset[asset].zone && place.zone != POLICY_NONE)
		return place;
	return (struct policy_place){.zone = p->asset[asset].zone, .asset = asset};
}

struct policy_place policy_place(const struct policy *p, const struct addr *a,
				 const struct mac *mac)
{
	struct policy_place place = find_place(p, a, mac);

	if (p->bars)
		place.barred = (uint8_t)bar(p, a, &place);
	return place;
}
