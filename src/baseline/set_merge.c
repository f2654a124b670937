/* What another baseline learned of hosts, links and acts is added. */
#include "baseline/inside.h"

static void merge_ranges(struct set_ranges *to, const struct set_ranges *from)
{
	uint32_t i;

	for (i = 0; i < from->count; i++)
		set_ranges_add(to, from->range[i][0], from->range[i][1]);
}

static void merge_acts(struct channel *to, const struct channel *from)
{
	const struct set_act *a;
	struct set_act *own;

	for (a = from->set.acts; a; a = a->next) {
		own = set_act_get(to, a);
		if (!own)
			continue;
		own->more |= a->more;
		merge_ranges(&own->objects, &a->objects);
		tally_merge(&own->seen, &a->seen);
	}
}

bool set_merge(struct norm *to, const struct norm *from)
{
	struct arena *arena = &to->baseline->arena;
	const struct set_host *h;
	const struct set_link *l;
	const struct channel *c;
	struct channel *channel;
	struct set_host *host;
	struct set_link *link;
	uint32_t i;

	for (h = from->set.hosts; h; h = h->next) {
		host = set_host_get(to, &h->addr, h->outside);
		for (i = 0; host && i < h->macs; i++)
			set_host_mac(host, &h->mac[i]);
		if (host)
			tally_merge(&host->seen, &h->seen);
	}
	for (l = from->set.links; l; l = l->next) {
		link = set_link_get(to, &l->client, &l->server, l->ip_proto);
		if (!link)
			continue;
		merge_ranges(&link->ports, &l->ports);
		tally_merge(&link->seen, &l->seen);
		if (l->app && !link->app)
			link->app = arena_text(arena, l->app, strlen(l->app));
	}
	for (i = 0; i < from->set.gateways; i++)
		set_gateway(&to->set, &from->set.gateway[i]);
	for (c = from->channels; c; c = c->next) {
		channel = channel_find(to, &c->client, &c->server, c->proto, c->unit);
		if (channel)
			merge_acts(channel, c);
	}
	return true;
}
