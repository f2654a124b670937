/* Packets that their receiver would read otherwise than we do: what is not judged does not pass. */
#include "detect/act_impl.h"

#define REMEMBERED (120 * ACT_SECOND) /* receivers wait no longer for fragments, RFC 1122 3.3.2 */

bool act_is_safety(const struct act *a, const struct addr *addr)
{
	uint32_t zone = policy_place(a->policy, addr, NULL).zone;

	return zone != POLICY_NONE && policy_zone_at(a->policy, zone)->level == LEVEL_SAFETY;
}

static bool concerns_safety(const struct act *a, const struct packet *p)
{
	return p->ip_proto && (act_is_safety(a, &p->src) || act_is_safety(a, &p->dst));
}

static bool is_dropped(const struct act *a, const struct packet *p)
{
	unsigned i;

	for (i = 0; i < ACT_DATAGRAMS && i < a->datagrams; i++) {
		const struct act_datagram *d = &a->datagram[i];

		if (d->until > a->time && d->id == p->ip_id && addr_eq(&d->src, &p->src) &&
		    addr_eq(&d->dst, &p->dst))
			return true;
	}
	return false;
}

/* Of several fragments; those of tunnels are not what the network joins. */
static bool is_joined(const struct packet *p)
{
	return !p->transport && !p->tunnels &&
	       (p->kind == PACKET_TCP || p->kind == PACKET_UDP || p->kind == PACKET_ICMP);
}

static void remember(struct act *a, const struct packet *p)
{
	if (is_dropped(a, p))
		return;
	a->datagram[a->datagrams++ % ACT_DATAGRAMS] = (struct act_datagram){
		.src = p->src, .dst = p->dst, .id = p->ip_id, .until = a->time + REMEMBERED};
}

/* Its last fragment was dropped: sent again, it would complete the datagram. */
void act_datagram_dropped(struct act *a)
{
	if (is_joined(a->p) && a->p->kind != PACKET_ICMP)
		remember(a, a->p);
}

void act_sound(struct act *a, struct packet *p)
{
	bool ip = p->ether_type == 0x0800 || p->ether_type == 0x86dd || p->ip_proto;

	if (!p->checksum_bad && p->kind != PACKET_BAD && p->kind != PACKET_FRAGMENT &&
	    !(a->datagrams && is_joined(p)))
		return;
	if (concerns_safety(a, p))
		return;
	if (p->checksum_bad && !p->tunnels && p->kind != PACKET_BAD) {
		p->kind = PACKET_BAD;
		p->anomalies = 1;
		p->anomaly[0] = (struct anomaly){.kind = ANOMALY_CHECKSUM,
						 .proto = "ip",
						 .reason = "wrong checksum",
						 .frame = p->frame,
						 .time = p->time};
		a->drop = true;
	} else if (p->kind == PACKET_BAD) {
		a->drop = ip;
	} else if (p->kind == PACKET_FRAGMENT && p->anomalies) {
		remember(a, p);
		a->drop = true;
	} else {
		a->drop = is_dropped(a, p);
	}
}
