/* What alerts say of frames that are no IP. */
#include "detect/phrase.h"

void phrase_station(struct phrase *p, const struct words *w, int end, bool with_zone)
{
	const struct policy_place place = w->view ? w->view->place[end] : w->place;
	const struct policy_asset *asset = policy_asset_at(w->policy, place.asset);
	const struct policy_zone *zone = with_zone ? policy_zone_at(w->policy, place.zone) : NULL;
	const struct mac *m = end ? &w->frame->dst_mac : &w->frame->src_mac;
	char mac[MAC_STRLEN];

	mac_str(m, mac);
	if (asset)
		phrase_add(p, "%s (%s%s%s)", asset->id, mac, zone ? ", " : "",
			   zone ? zone->id : "");
	else if (zone)
		phrase_add(p, "%s (%s)", mac, zone->id);
	else
		phrase_add(p, "%s", mac);
}

/* "profinet (ethertype 0x8892)", "ethertype 0x1234", "llc (802.3)". */
static void add_type(struct phrase *p, const struct words *w)
{
	uint16_t type = w->frame->ether_type;
	const char *name;

	if (!policy_ethertype(type, &type) || type == POLICY_LLC) {
		phrase_add(p, "llc (802.3)");
		return;
	}
	name = policy_ethertype_name(type);
	phrase_add(p, name ? "%s (ethertype 0x%04x)" : "%sethertype 0x%04x", name ? name : "",
		   (unsigned)type);
}

void words_frame(struct phrase *p, const struct words *w)
{
	unsigned i;

	phrase_station(p, w, 0, true);
	if (w->lang == FINDING_JA) {
		phrase_add(p, " が ");
		phrase_station(p, w, 1, true);
		phrase_add(p, " に IP 以外のフレームを送りました: ");
		add_type(p, w);
	} else {
		phrase_add(p, " sent frames to ");
		phrase_station(p, w, 1, true);
		phrase_add(p, ", ");
		add_type(p, w);
	}
	for (i = 0; i < w->frame->vlans; i++)
		phrase_add(p, "%s%u", i ? "." : ", VLAN ", w->frame->vlan[i]);
}
