#include "detect/fill.h"

void fill_place(const struct policy *p, struct policy_place place, const char **zone,
		const char **asset)
{
	*zone = place.zone == POLICY_NONE ? NULL : policy_zone_at(p, place.zone)->id;
	*asset = place.asset == POLICY_NONE ? NULL : policy_asset_at(p, place.asset)->id;
}

void fill_source(const struct policy *p, struct policy_place place, struct incident *i)
{
	fill_place(p, place, &i->src_zone, &i->src_asset);
	if (place.zone != POLICY_NONE)
		i->zone_refs = policy_zone_at(p, place.zone)->refs;
	if (place.asset != POLICY_NONE)
		i->asset_refs = policy_asset_at(p, place.asset)->refs;
}

void fill_severity(const struct policy *p, struct incident *i, struct policy_place src,
		   struct policy_place dst)
{
	int severity = i->severity + policy_severity_step(p, src, dst);

	i->severity = (uint8_t)(severity < 1 ? 1 : severity > 4 ? 4 : severity);
}

void fill_flow(const struct policy *policy, struct incident *i, struct flow *f, int from)
{
	const struct flow_view *v = flow_view(f);
	unsigned src = (f->client == 1) ^ (unsigned)from;

	i->flow_id = f->id;
	i->file = f->file[i->first_frame != f->first_frame];
	i->has_addr = true;
	i->src = f->addr[src];
	i->dst = f->addr[!src];
	i->sport = f->port[src];
	i->dport = f->port[!src];
	i->ip_proto = f->ip_proto;
	i->vlans = f->vlans;
	memcpy(i->vlan, f->vlan, sizeof(i->vlan));
	i->app = f->app;
	i->has_mac = f->has_mac;
	i->src_mac = f->mac[src];
	i->dst_mac = f->mac[!src];
	i->to_client = from;
	if (!policy || !v->opened)
		return;
	fill_source(policy, v->place[from], i);
	fill_place(policy, v->place[!from], &i->dst_zone, &i->dst_asset);
	fill_severity(policy, i, v->place[0], v->place[1]);
}

void fill_packet(const struct policy *policy, struct incident *i, const struct packet *p)
{
	bool ip = p->ip_proto || p->kind == PACKET_ARP;
	struct policy_place src, dst;

	i->file = p->file;
	i->vlans = p->vlans;
	memcpy(i->vlan, p->vlan, sizeof(i->vlan));
	i->has_mac = p->has_mac;
	i->src_mac = p->src_mac;
	i->dst_mac = p->dst_mac;
	if (!ip)
		return;
	i->has_addr = true;
	i->src = p->src;
	i->dst = p->dst;
	i->sport = p->sport;
	i->dport = p->dport;
	i->ip_proto = p->ip_proto;
	if (!policy)
		return;
	src = policy_place(policy, &p->src, p->has_mac ? &p->src_mac : NULL);
	dst = policy_place(policy, &p->dst, NULL);
	fill_source(policy, src, i);
	fill_place(policy, dst, &i->dst_zone, &i->dst_asset);
	fill_severity(policy, i, src, dst);
}

void fill_addrs(const struct policy *policy, struct incident *i, const struct addr *src,
		const struct addr *dst)
{
	struct policy_place from, to;

	i->has_addr = true;
	i->src = *src;
	i->dst = dst ? *dst : *src;
	if (!policy)
		return;
	from = policy_place(policy, &i->src, NULL);
	to = policy_place(policy, &i->dst, NULL);
	fill_source(policy, from, i);
	fill_place(policy, to, &i->dst_zone, &i->dst_asset);
	fill_severity(policy, i, from, to);
}
