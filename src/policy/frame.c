/*
 * Frames that are no IP against the compiled policy. Nothing allocates.
 *
 *   a, b       the ends: assets by MAC, else zones by VLAN, else the segment
 *   conduits   a -> b and b -> a: Ethernet has no clients
 *   type       one of them lists it: permitted; none does: denied between zones, and inside one
 *              where any of them lists types at all
 */
#include "policy/model.h"
#include "policy/now.h"

/* Assigned by the IEEE Registration Authority (standards-oui.ieee.org/ethertype/eth.txt). */
static const struct {
	const char *name;
	uint16_t type;
} types[] = {
	{"profinet", 0x8892},  /* IEC 61158, PROFINET: RT, DCP, PTCP */
	{"goose", 0x88b8},     /* IEC 61850-8-1 */
	{"sv", 0x88ba},	       /* IEC 61850-9-2, sampled values */
	{"ethercat", 0x88a4},  /* IEC 61158 type 12 */
	{"powerlink", 0x88ab}, /* Ethernet POWERLINK */
	{"sercos", 0x88cd},    /* SERCOS III */
	{"lldp", 0x88cc},      /* IEEE 802.1AB */
	{"mrp", 0x88e3},       /* IEC 62439-2, media redundancy */
	{"ptp", 0x88f7},       /* IEEE 1588 over Ethernet */
	{"llc", POLICY_LLC},   /* STP and others with a length instead of a type */
};

const char *policy_ethertype_at(unsigned i, uint16_t *type)
{
	if (i >= sizeof(types) / sizeof(*types))
		return NULL;
	*type = types[i].type;
	return types[i].name;
}

const char *policy_ethertype_name(uint16_t type)
{
	unsigned i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

bool policy_ethertype(uint16_t ether_type, uint16_t *type)
{
	switch (ether_type) {
	case 0x0800: /* IPv4 */
	case 0x86dd: /* IPv6 */
	case 0x0806: /* ARP */
	case 0x8100: /* VLAN tags */
	case 0x88a8:
	case 0x9100:
		return false;
	default:
		*type = ether_type < 0x600 ? POLICY_LLC : ether_type;
		return true;
	}
}

struct policy_place policy_station(const struct policy *p, const struct mac *mac, int vlan)
{
	struct policy_place place = {.zone = POLICY_NONE,
				     .asset = imap_find(&p->stations, mac_key(mac))};

	if (place.asset != IMAP_NONE) {
		place.zone = p->asset[place.asset].zone;
		return place;
	}
	place.asset = POLICY_NONE;
	if (vlan >= 0 && !(mac->b[0] & 1)) {
		place.zone = imap_find(&p->vlans, (uint64_t)vlan);
		place.zone = place.zone == IMAP_NONE ? POLICY_NONE : place.zone;
	}
	place.segment = place.zone == POLICY_NONE;
	if (!place.segment && p->zone[place.zone].unknown_devices == UNKNOWN_DENY)
		place.barred = POLICY_UNLISTED;
	return place;
}

static bool lists(const struct conduit *c, uint16_t type)
{
	uint32_t i;

	for (i = 0; i < c->nframes; i++)
		if (c->frames[i].any || iset_contains(&c->frames[i].set, type))
			return true;
	return false;
}

/* What the conduits of a pair say; the best so far. */
struct said {
	struct policy_frame_decision best;
	unsigned rank;
	bool joined; /* there is a conduit */
	bool listed; /* there is one that lists types */
};

enum {
	RANK_ALLOW,
	RANK_HELD,
	RANK_CLOSED,
	RANK_LISTED = RANK_CLOSED + CLOSED_GRANT + 1,
	RANK_JOINED
};

static void hear(struct said *s, unsigned rank, enum policy_verdict v, uint32_t conduit,
		 bool reversed)
{
	if (rank >= s->rank)
		return;
	s->rank = rank;
	s->best = (struct policy_frame_decision){
		.verdict = (uint8_t)v, .conduit = conduit, .reversed = reversed};
}

/* What the ends are held to, whatever conduits permit. */
static enum policy_verdict held(const struct policy_now *now, struct policy_place client,
				struct policy_place server, enum policy_verdict v)
{
	struct policy_flow_decision d = {.verdict = (uint8_t)v, .classes = UINT16_MAX};

	if (now->policy->cap)
		policy_cap(now, client, server, &d);
	return (enum policy_verdict)d.verdict;
}

static void ask_way(const struct policy_now *now, struct policy_place client,
		    struct policy_place server, uint16_t type, bool reversed, struct said *s)
{
	const struct policy *p = now->policy;
	uint32_t set[4], i, k;

	find_sets(p, client, server, set);
	for (i = 0; i < 4 && set[i] != POLICY_NONE; i++)
		for (k = 0; k < p->set[set[i]].conduits; k++) {
			uint32_t at = p->set[set[i]].conduit[k];
			const struct conduit *c = &p->conduit[at];
			uint8_t closed = now->closed[at];
			enum policy_verdict v;

			s->joined = true;
			s->listed = s->listed || c->nframes;
			if (!lists(c, type)) {
				hear(s, c->nframes ? RANK_LISTED : RANK_JOINED,
				     POLICY_ETHERTYPE_DENIED, at, reversed);
				continue;
			}
			/* of closed conduits the one that came nearest to being open speaks */
			v = closed ? closed_verdict(closed)
				   : held(now, client, server, POLICY_ALLOW);
			hear(s,
			     closed		 ? RANK_CLOSED + CLOSED_GRANT - closed
			     : v == POLICY_ALLOW ? RANK_ALLOW
						 : RANK_HELD,
			     v, at, reversed);
		}
}

struct policy_frame_decision policy_frame(const struct policy_now *now, struct policy_place from,
					  struct policy_place to, uint16_t type)
{
	const struct policy *p = now->policy;
	struct said s = {.rank = UINT8_MAX};
	bool inside = from.zone == to.zone;
	enum policy_verdict v;

	if (from.zone != POLICY_NONE && to.zone != POLICY_NONE) {
		ask_way(now, from, to, type, false, &s);
		ask_way(now, to, from, type, true, &s);
	}
	if (inside ? s.listed : s.joined)
		return s.best;
	v = held(now, from, to, without_conduit(p, from, to));
	return (struct policy_frame_decision){.verdict = (uint8_t)v, .conduit = POLICY_NONE};
}
