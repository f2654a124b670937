/* From hosts and links to zones, assets with roles, and the pairs that need a conduit. */
#include "learn/learn.h"

#include <stdlib.h>

#define SILENT_MAX 16 /* hosts of a zone that never answered and still become assets */

#define CLASS(c)  (1u << OP_##c)
#define CHANGES	  (CLASS(WRITE) | CLASS(CONTROL))
#define ENGINEERS (CLASS(PROGRAM) | CLASS(FIRMWARE) | CLASS(CONFIG) | CLASS(FILE))

static const char *const role_names[LEARN_ROLES] = {
	[LEARN_UNSEEN] = "host",   [LEARN_PLC] = "plc",		[LEARN_HMI] = "hmi",
	[LEARN_SERVER] = "server", [LEARN_BROKER] = "broker",	[LEARN_ENGINEERING] = "engineering",
	[LEARN_SENSOR] = "sensor", [LEARN_GATEWAY] = "gateway", [LEARN_ROUTER] = "router",
	[LEARN_CLIENT] = "client",
};

const char *learn_role_name(enum learn_role r)
{
	return role_names[r];
}

const char *learn_end_id(const struct learn *l, uint32_t end)
{
	return end & LEARN_ZONE ? l->zone[end & ~LEARN_ZONE].id : l->host[end].name;
}

const char *learn_fact(const struct learn *l, const struct addr *a, const char *key)
{
	const struct endpoint *e = endpoint_find(l->told, a);
	uint32_t i;

	for (i = 0; e && i < e->facts; i++)
		if (strcmp(e->fact[i].key, key) == 0)
			return e->fact[i].value;
	return "";
}

/* --- hosts --- */

static int by_address(const void *a, const void *b)
{
	return memcmp(((const struct learn_host *)a)->addr.b,
		      ((const struct learn_host *)b)->addr.b, 16);
}

/* Hosts in the order of their addresses, whatever was heard first. */
static void sort_hosts(struct learn *l)
{
	struct addr *was = arena_array(&l->arena, l->hosts + 1, sizeof(*was));
	uint32_t *now = arena_array(&l->arena, l->hosts + 1, sizeof(*now));
	uint32_t i;

	for (i = 0; i < l->hosts; i++)
		was[i] = l->host[i].addr;
	qsort(l->host, l->hosts, sizeof(*l->host), by_address);
	for (i = 0; i < l->hosts; i++) {
		const struct learn_host key = {.addr = was[i]};
		const struct learn_host *h =
			bsearch(&key, l->host, l->hosts, sizeof(*h), by_address);

		now[i] = (uint32_t)(h - l->host);
	}
	for (i = 0; i < l->links; i++) {
		l->link[i].client = now[l->link[i].client];
		l->link[i].server = now[l->link[i].server];
	}
	for (i = 0; i < 2 * LEARN_HOSTS; i++)
		if (l->host_slot[i])
			l->host_slot[i] = now[l->host_slot[i] - 1] + 1;
}

/* Field protocols are spoken in the plant; a broker may be anywhere. */
static uint16_t classes(const uint16_t *by_vocab, bool field)
{
	uint16_t all = 0;
	unsigned i;

	for (i = 0; i < LEARN_VOCABS && vocab_at(i); i++)
		if ((strcmp(vocab_at(i)->proto, "mqtt") != 0) == field)
			all |= by_vocab[i];
	return all;
}

static bool router_mac(const struct learn *l, const struct mac *m)
{
	uint32_t i;

	for (i = 0; i < LEARN_MACS; i++)
		if (l->mac[i].used && l->mac[i].router &&
		    memcmp(l->mac[i].mac.b, m->b, sizeof(m->b)) == 0)
			return true;
	return false;
}

static enum learn_role guess_role(const struct learn *l, const struct learn_host *h)
{
	uint16_t did = classes(h->did, true), served = classes(h->served, true);
	uint16_t sent = classes(h->did, false), took = classes(h->served, false);

	if (h->has_mac && !h->mac_doubtful && router_mac(l, &h->mac))
		return LEARN_ROUTER;
	if (sent & CLASS(WRITE) && (did || served || took))
		return LEARN_GATEWAY;
	if (took)
		return LEARN_BROKER;
	if (served & (uint16_t) ~(CLASS(SESSION) | CLASS(DISCOVER)))
		return LEARN_PLC;
	if (did & ENGINEERS)
		return LEARN_ENGINEERING;
	if (did & CHANGES)
		return LEARN_HMI;
	if (did || sent & CLASS(READ))
		return LEARN_SERVER;
	if (sent)
		return LEARN_SENSOR;
	if (served || h->answers)
		return LEARN_SERVER;
	return h->spoke ? LEARN_CLIENT : LEARN_UNSEEN;
}

static void classify_hosts(struct learn *l)
{
	uint32_t i, k;

	for (i = 0; i < l->hosts; i++) {
		struct learn_host *h = &l->host[i];

		h->local = h->local || addr_is_private(&h->addr) || classes(h->served, true);
		h->role = (uint8_t)guess_role(l, h);
	}
	/* a network is in the plant as a whole */
	for (i = 0; i < l->hosts; i = k) {
		bool local = false;

		for (k = i; k < l->hosts && learn_same_net(&l->host[i].addr, &l->host[k].addr); k++)
			local = local || l->host[k].local;
		for (; i < k; i++)
			l->host[i].outside = !local;
	}
	/* no two assets have the same MAC */
	for (i = 0; i < l->hosts; i++)
		for (k = i + 1; k < l->hosts && l->host[i].has_mac; k++)
			if (l->host[k].has_mac &&
			    memcmp(l->host[i].mac.b, l->host[k].mac.b, 6) == 0)
				l->host[i].mac_doubtful = l->host[k].mac_doubtful = true;
}

/* --- zones --- */

static unsigned net_bits(const struct addr *a)
{
	return addr_is_v4(a) ? 120 : 64;
}

static struct addr net_of(const struct addr *a)
{
	struct addr net = *a;
	unsigned keep = net_bits(a) / 8;

	memset(net.b + keep, 0, 16 - keep);
	return net;
}

static void guess_level(struct learn_zone *z)
{
	if (z->has[LEARN_PLC]) {
		z->level = LEVEL_CONTROL;
		z->why = "controllers that answer live here";
	} else if (z->has[LEARN_HMI] || z->has[LEARN_ENGINEERING]) {
		z->level = LEVEL_CONTROL_INFORMATION;
		z->why = "clients that change things in controllers live here";
	} else if (z->has[LEARN_BROKER]) {
		z->level = LEVEL_DMZ;
		z->why = "a broker that others use lives here";
	} else if (z->has[LEARN_SENSOR] || z->has[LEARN_GATEWAY]) {
		z->level = LEVEL_IOT;
		z->why = "devices that publish live here";
	} else {
		z->level = LEVEL_INFORMATION;
		z->why = "nothing here speaks a field protocol as a server";
	}
}

static void add_to_zone(struct learn_zone *z, const struct learn_host *h)
{
	z->has[h->role] = true;
	if (h->spoke)
		z->hosts++;
	else
		z->silent++;
	if (!h->vlan)
		return;
	z->vlan_mixed = z->vlan_mixed || (z->vlan && z->vlan != h->vlan);
	z->vlan = h->vlan;
}

static bool next_to(const struct learn_zone *a, const struct learn_zone *b)
{
	struct addr next = a->net;
	unsigned at = a->bits / 8, step = a->joined + 1;

	if (!addr_is_v4(&a->net) || !addr_is_v4(&b->net) || next.b[at - 1] + step > 255)
		return false;
	next.b[at - 1] = (uint8_t)(next.b[at - 1] + step);
	return addr_eq(&next, &b->net);
}

/* Only who is there counts, and the VLAN. */
static bool alike(const struct learn_zone *a, const struct learn_zone *b)
{
	return next_to(a, b) && a->level == b->level && a->vlan == b->vlan && !a->vlan_mixed &&
	       !b->vlan_mixed && a->hosts && b->hosts &&
	       memcmp(a->has, b->has, sizeof(a->has)) == 0;
}

static void make_zones(struct learn *l)
{
	uint32_t i, n = 0, *to;

	l->zone = arena_array(&l->arena, l->hosts + 2, sizeof(*l->zone));
	for (i = 0; i < l->hosts; i++) {
		struct learn_host *h = &l->host[i];
		struct addr net = net_of(&h->addr);

		if (h->outside) {
			h->zone = LEARN_NONE;
			continue;
		}
		if (!n || !addr_eq(&l->zone[n - 1].net, &net))
			l->zone[n++] = (struct learn_zone){.net = net, .bits = net_bits(&net)};
		add_to_zone(&l->zone[n - 1], h);
		h->zone = n - 1;
	}
	to = arena_array(&l->arena, n + 1, sizeof(*to));
	l->zones = 0;
	for (i = 0; i < n; i++) {
		guess_level(&l->zone[i]);
		if (l->zones && alike(&l->zone[l->zones - 1], &l->zone[i])) {
			l->zone[l->zones - 1].joined++;
			l->zone[l->zones - 1].hosts += l->zone[i].hosts;
			l->zone[l->zones - 1].silent += l->zone[i].silent;
		} else {
			l->zone[l->zones++] = l->zone[i];
		}
		to[i] = l->zones - 1;
	}
	for (i = 0; i < l->hosts; i++)
		if (!l->host[i].outside)
			l->host[i].zone = to[l->host[i].zone];
	l->internet = l->zones++;
	l->zone[l->internet] = (struct learn_zone){.level = LEVEL_EXTERNAL};
	for (i = 0; i < l->hosts; i++)
		if (l->host[i].outside)
			l->host[i].zone = l->internet;
}

static void name_zones(struct learn *l)
{
	unsigned number[LEVELS] = {0};
	uint32_t i;

	for (i = 0; i < l->zones; i++) {
		struct learn_zone *z = &l->zone[i];

		if (i == l->internet)
			snprintf(z->id, sizeof(z->id), "internet");
		else if (!z->used)
			continue;
		else if (number[z->level]++)
			snprintf(z->id, sizeof(z->id), "%s-%u",
				 policy_level_name((enum policy_level)z->level), number[z->level]);
		else
			snprintf(z->id, sizeof(z->id), "%s",
				 policy_level_name((enum policy_level)z->level));
	}
}

/* --- assets --- */

static void list_assets(struct learn *l)
{
	bool any = false;
	uint32_t i;

	for (i = 0; i < l->links; i++) {
		const struct learn_link *x = &l->link[i];
		struct learn_host *c = &l->host[x->client], *s = &l->host[x->server];

		if (!s->spoke)
			c->silent_peers++;
		if (!s->spoke && !s->outside && l->zone[s->zone].silent <= SILENT_MAX &&
		    (x->claimed || c->zone != s->zone))
			s->listed = true;
		if (c->zone != s->zone)
			l->zone[c->zone].used = l->zone[s->zone].used = true;
	}
	for (i = 0; i < l->hosts; i++) {
		struct learn_host *h = &l->host[i];

		h->listed = h->listed || (h->spoke && !h->outside);
		if (h->listed || h->outside)
			l->zone[h->zone].used = true;
		any = any || l->zone[h->zone].used;
	}
	if (!any)
		l->zone[l->internet].used = true; /* a policy has a zone */
}

static void name_assets(struct learn *l)
{
	uint32_t number[LEARN_ROLES] = {0}, i;

	for (i = 0; i < l->hosts; i++) {
		struct learn_host *h = &l->host[i];

		if (!h->listed)
			continue;
		h->number = ++number[h->role];
		snprintf(h->name, sizeof(h->name), "%s-%u", role_names[h->role], h->number);
	}
}

/* --- pairs --- */

static uint32_t end_of(const struct learn *l, uint32_t host)
{
	const struct learn_host *h = &l->host[host];

	return h->listed ? host : LEARN_ZONE | h->zone;
}

/* qsort() has no argument for it; one thread. */
static const struct learn *sorting;

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_pair(const void *a, const void *b)
{
	const struct learn_link *x = &sorting->link[*(const uint32_t *)a];
	const struct learn_link *y = &sorting->link[*(const uint32_t *)b];
	int d = compare(end_of(sorting, x->client), end_of(sorting, y->client));

	d = d ? d : compare(end_of(sorting, x->server), end_of(sorting, y->server));
	d = d ? d : compare(x->ip_proto, y->ip_proto);
	d = d ? d : compare(x->port, y->port);
	d = d ? d : compare(x->client, y->client);
	return d ? d : compare(x->server, y->server);
}

/* A pair inside one zone needs a conduit for the sake of what is said in a field protocol only. */
static bool needs_conduit(const struct learn *l, const struct learn_pair *p)
{
	uint32_t i;

	if (!p->inside)
		return true;
	if (p->from == (LEARN_ZONE | l->internet))
		return false;
	for (i = 0; i < p->links; i++)
		if (l->link[l->order[p->link + i]].claimed)
			return !(p->from & LEARN_ZONE) && !(p->to & LEARN_ZONE);
	return false;
}

static void make_pairs(struct learn *l)
{
	uint32_t i, n = 0;

	l->order = arena_array(&l->arena, l->links + 1, sizeof(*l->order));
	l->pair = arena_array(&l->arena, l->links + 1, sizeof(*l->pair));
	for (i = 0; i < l->links; i++)
		l->order[i] = i;
	sorting = l;
	qsort(l->order, l->links, sizeof(*l->order), by_pair);
	for (i = 0; i < l->links; i++) {
		const struct learn_link *x = &l->link[l->order[i]];
		uint32_t from = end_of(l, x->client), to = end_of(l, x->server);
		struct learn_pair *p = &l->pair[n];

		if (!n || p[-1].from != from || p[-1].to != to) {
			if (n && !needs_conduit(l, &p[-1]))
				p--, n--;
			*p = (struct learn_pair){.from = from,
						 .to = to,
						 .link = i,
						 .inside = l->host[x->client].zone ==
							   l->host[x->server].zone};
			n++;
		}
		p = &l->pair[n - 1];
		p->links++;
		p->whole = p->whole || x->whole;
		p->flows += x->flows;
		p->ops += x->ops;
	}
	if (n && !needs_conduit(l, &l->pair[n - 1]))
		n--;
	l->pairs = n;
}

void learn_propose(struct learn *l)
{
	sort_hosts(l);
	classify_hosts(l);
	make_zones(l);
	list_assets(l);
	name_zones(l);
	name_assets(l);
	make_pairs(l);
}

/* --- mending --- */

static struct learn_pair *pair_between(struct learn *l, const struct addr *client,
				       const struct addr *server)
{
	uint32_t from = learn_host_find(l, client), to = learn_host_find(l, server), i;

	if (from == LEARN_NONE || to == LEARN_NONE)
		return NULL;
	from = end_of(l, from);
	to = end_of(l, to);
	for (i = 0; i < l->pairs; i++)
		if (l->pair[i].from == from && l->pair[i].to == to)
			return &l->pair[i];
	return NULL;
}

bool learn_mend_pair(struct learn *l, const struct addr *client, const struct addr *server)
{
	struct learn_pair *p = pair_between(l, client, server);
	uint32_t i;

	if (!p || p->whole)
		return false;
	for (i = 0; i < p->links; i++)
		l->link[l->order[p->link + i]].whole = true;
	return p->whole = true;
}

bool learn_mend_flow(struct learn *l, const struct addr *client, const struct addr *server,
		     uint8_t ip_proto, uint16_t port)
{
	uint32_t from = learn_host_find(l, client), to = learn_host_find(l, server), i;
	struct learn_link *x = NULL;

	if (from == LEARN_NONE || to == LEARN_NONE)
		return false;
	for (i = 0; i < l->links && !x; i++)
		if (l->link[i].client == from && l->link[i].server == to &&
		    l->link[i].ip_proto == ip_proto && l->link[i].port == port)
			x = &l->link[i];
	if (!x && l->links < LEARN_LINKS) {
		x = &l->link[l->links++];
		*x = (struct learn_link){.client = from,
					 .server = to,
					 .ip_proto = ip_proto,
					 .port = port,
					 .flows = 1};
	}
	if (!x || (x->plain && x->tried))
		return false;
	x->plain = x->tried = true;
	return true;
}

bool learn_mend_mac(struct learn *l, const struct addr *addr)
{
	uint32_t i = learn_host_find(l, addr);

	if (i == LEARN_NONE || l->host[i].mac_doubtful)
		return false;
	return l->host[i].mac_doubtful = true;
}

void learn_again(struct learn *l)
{
	make_pairs(l);
}
