/* Was this host, this link ever seen? */
#include "baseline/inside.h"

#include <stdlib.h>

#define FIRST_BUCKETS  64u
#define SERVER_BUCKETS 1024u
#define DNS	       53

bool set_norm_init(struct norm *n)
{
	struct set_norm *s = &n->set;

	s->host_mask = s->link_mask = FIRST_BUCKETS - 1;
	s->host_bucket = calloc(FIRST_BUCKETS, sizeof(*s->host_bucket));
	s->link_bucket = calloc(FIRST_BUCKETS, sizeof(*s->link_bucket));
	s->server_bucket = calloc(SERVER_BUCKETS, sizeof(struct channel *));
	return s->host_bucket && s->link_bucket && s->server_bucket;
}

void set_norm_free(struct norm *n)
{
	free(n->set.host_bucket);
	free(n->set.link_bucket);
	free(n->set.server_bucket);
}

/* --- hosts --- */

static uint64_t host_key(const struct norm *n, const struct addr *a)
{
	return hash_bytes(a->b, sizeof(a->b), n->baseline->limits.key);
}

uint64_t set_cause(const struct addr *host)
{
	return hash_bytes(host->b, sizeof(host->b), 0) | 1;
}

/* An address outside stands for its network. */
static struct addr known_as(const struct addr *a, bool outside)
{
	struct addr net = *a;

	if (outside && addr_is_v4(a))
		net.b[15] = 0;
	else if (outside)
		memset(net.b + 6, 0, 10);
	return net;
}

static struct set_host *host_at(const struct norm *n, const struct addr *a)
{
	struct set_host *h = n->set.host_bucket[host_key(n, a) & n->set.host_mask];

	while (h && !addr_eq(&h->addr, a))
		h = h->bucket;
	return h;
}

const struct set_host *set_host_find(const struct norm *n, const struct addr *addr)
{
	const struct set_host *h = host_at(n, addr);
	struct addr net;

	if (h)
		return h;
	net = known_as(addr, true);
	h = host_at(n, &net);
	return h && h->outside ? h : NULL;
}

static void grow_hosts(struct norm *n)
{
	struct set_norm *s = &n->set;
	uint32_t mask = s->host_mask * 2 + 1;
	struct set_host **b, *h;

	if (s->host_count <= s->host_mask || !(b = calloc(mask + 1, sizeof(*b))))
		return;
	for (h = s->hosts; h; h = h->next) {
		h->bucket = b[host_key(n, &h->addr) & mask];
		b[host_key(n, &h->addr) & mask] = h;
	}
	free(s->host_bucket);
	s->host_bucket = b;
	s->host_mask = mask;
}

struct set_host *set_host_get(struct norm *n, const struct addr *addr, bool outside)
{
	struct addr as = known_as(addr, outside);
	struct set_host *h = host_at(n, &as);

	if (h)
		return h;
	if (n->set.host_count >= n->baseline->limits.hosts) {
		n->refused++;
		return NULL;
	}
	if (norm_is_full(n))
		return NULL;
	grow_hosts(n);
	h = arena_alloc(&n->baseline->arena, sizeof(*h));
	h->addr = as;
	h->outside = outside;
	h->next = n->set.hosts;
	n->set.hosts = h;
	h->bucket = n->set.host_bucket[host_key(n, &as) & n->set.host_mask];
	n->set.host_bucket[host_key(n, &as) & n->set.host_mask] = h;
	n->set.host_count++;
	return h;
}

static bool has_mac(const struct mac *list, uint32_t n, const struct mac *mac)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (memcmp(list[i].b, mac->b, sizeof(mac->b)) == 0)
			return true;
	return false;
}

/* One more than are kept is no news any more: there are many. */
bool set_mac_add(struct mac *list, uint32_t *n, uint32_t max, const struct mac *mac)
{
	if (has_mac(list, *n, mac) || *n == max)
		return false;
	list[(*n)++] = *mac;
	return true;
}

bool set_host_mac(struct set_host *h, const struct mac *mac)
{
	return set_mac_add(h->mac, &h->macs, SET_MACS, mac);
}

bool set_gateway(struct set_norm *s, const struct mac *mac)
{
	return set_mac_add(s->gateway, &s->gateways, SET_GATEWAYS, mac);
}

/* 0.0.0.0, ::, groups, all of a network: nobody in particular. mac may be NULL. */
static bool is_somebody(const struct addr *a, const struct mac *mac)
{
	static const struct addr none;

	return !(mac && mac->b[0] & 1) && !addr_is_multicast(a) && !addr_is_broadcast(a) &&
	       !addr_eq(a, &none) && !(addr_is_v4(a) && memcmp(a->b + 12, none.b, 4) == 0);
}

/* --- links --- */

static uint64_t link_key(const struct norm *n, const struct addr *client, const struct addr *server,
			 uint8_t ip_proto)
{
	uint64_t h = hash_bytes(client->b, sizeof(client->b), ip_proto ^ n->baseline->limits.key);

	return hash_bytes(server->b, sizeof(server->b), h);
}

static struct set_link *link_at(const struct norm *n, const struct addr *client,
				const struct addr *server, uint8_t ip_proto)
{
	struct set_link *l =
		n->set.link_bucket[link_key(n, client, server, ip_proto) & n->set.link_mask];

	while (l && (l->ip_proto != ip_proto || !addr_eq(&l->client, client) ||
		     !addr_eq(&l->server, server)))
		l = l->bucket;
	return l;
}

static void grow_links(struct norm *n)
{
	struct set_norm *s = &n->set;
	uint32_t mask = s->link_mask * 2 + 1;
	struct set_link **b, *l;
	uint64_t key;

	if (s->link_count <= s->link_mask || !(b = calloc(mask + 1, sizeof(*b))))
		return;
	for (l = s->links; l; l = l->next) {
		key = link_key(n, &l->client, &l->server, l->ip_proto);
		l->bucket = b[key & mask];
		b[key & mask] = l;
	}
	free(s->link_bucket);
	s->link_bucket = b;
	s->link_mask = mask;
}

struct set_link *set_link_get(struct norm *n, const struct addr *client, const struct addr *server,
			      uint8_t ip_proto)
{
	uint64_t key = link_key(n, client, server, ip_proto);
	struct set_link *l = link_at(n, client, server, ip_proto);

	if (l)
		return l;
	if (n->set.link_count >= n->baseline->limits.links) {
		n->refused++;
		return NULL;
	}
	if (norm_is_full(n))
		return NULL;
	grow_links(n);
	l = arena_alloc(&n->baseline->arena, sizeof(*l));
	l->client = *client;
	l->server = *server;
	l->ip_proto = ip_proto;
	l->next = n->set.links;
	n->set.links = l;
	l->bucket = n->set.link_bucket[key & n->set.link_mask];
	n->set.link_bucket[key & n->set.link_mask] = l;
	n->set.link_count++;
	return l;
}

/* The ends as links name them. */
struct ends {
	struct addr client, server;
};

static struct ends ends_of(const struct baseline_flow *f)
{
	return (struct ends){known_as(f->client, f->client_outside),
			     known_as(f->server, f->server_outside)};
}

/* Who is the client was guessed, and the other way round it is known. */
static bool known_reversed(const struct norm *n, const struct baseline_flow *f,
			   const struct ends *e)
{
	const struct set_link *l = f->sure ? NULL : link_at(n, &e->server, &e->client, f->ip_proto);

	return l && set_ranges_hold(&l->ports, f->client_port, f->client_port);
}

/* --- learning --- */

static bool learn_end(struct norm *n, const struct addr *a, const struct mac *mac, bool near,
		      bool outside, int64_t time)
{
	struct set_host *h;
	bool news;

	if (!is_somebody(a, mac))
		return false;
	h = set_host_get(n, a, outside);
	if (!h)
		return false;
	news = !h->seen.count;
	tally_see(&h->seen, time);
	if (mac && near)
		news = set_host_mac(h, mac) || news;
	else if (mac)
		news = set_gateway(&n->set, mac) || news;
	return news;
}

void set_learn_flow(struct baseline *b, struct norm *n, const struct baseline_flow *f, int64_t time)
{
	struct ends e = ends_of(f);
	struct set_link *l;
	bool news;

	news = learn_end(n, f->client, f->client_mac, f->client_near, f->client_outside, time);
	news = learn_end(n, f->server, f->server_mac, f->server_near, f->server_outside, time) ||
	       news;
	if (!known_reversed(n, f, &e) && (l = set_link_get(n, &e.client, &e.server, f->ip_proto))) {
		news = set_ranges_add(&l->ports, f->port, f->port) || news;
		tally_see(&l->seen, time);
	}
	if (news)
		baseline_is_news(b, time);
}

void set_learn_app(struct norm *n, const struct baseline_flow *f)
{
	struct ends e = ends_of(f);
	struct set_link *l = link_at(n, &e.client, &e.server, f->ip_proto);

	if (l && f->app && !l->app)
		l->app = f->app;
}

void set_learn_host(struct baseline *b, struct norm *n, const struct addr *addr,
		    const struct mac *mac, int64_t time)
{
	if (learn_end(n, addr, mac, true, false, time))
		baseline_is_news(b, time);
}

/* --- comparing --- */

/* True when it was known. */
static bool check_end(struct baseline *b, struct norm *n, const struct deviation *like,
		      const struct addr *a, const struct mac *mac, bool near, bool outside)
{
	struct deviation d = *like;
	const struct set_host *h;
	char text[MAC_STRLEN];

	if (!is_somebody(a, mac))
		return true;
	h = set_host_find(n, a);
	if (!h) {
		d.what = outside ? BASELINE_NEW_EXTERNAL : BASELINE_NEW_HOST;
		d.cause = set_cause(a);
		d.text[1] = mac && near ? mac_str(mac, text) : NULL;
		if (!outside) {
			d.client = a;
			d.server = NULL;
		}
		deviate(b, &d);
		return false;
	}
	d.learned = h->seen;
	d.client = a;
	d.server = NULL;
	d.cause = set_cause(a);
	d.text[0] = mac ? mac_str(mac, text) : NULL;
	if (mac && near && h->macs && h->macs < SET_MACS && !has_mac(h->mac, h->macs, mac)) {
		d.what = BASELINE_NEW_MAC;
		deviate(b, &d);
	} else if (mac && !near && n->set.gateways && n->set.gateways < SET_GATEWAYS &&
		   !has_mac(n->set.gateway, n->set.gateways, mac)) {
		d.what = BASELINE_NEW_GATEWAY;
		deviate(b, &d);
	}
	return true;
}

static bool is_name_service(const struct baseline_flow *f)
{
	return f->port == DNS && (f->ip_proto == 6 || f->ip_proto == 17);
}

void set_check_flow(struct baseline *b, struct norm *n, const struct baseline_flow *f, int64_t time,
		    uint64_t frame)
{
	struct ends e = ends_of(f);
	struct deviation d = {.detector = BASELINE_SET,
			      .hard = true,
			      .time = time,
			      .frame = frame,
			      .client = f->client,
			      .server = f->server,
			      .words = set_words,
			      .n = {f->ip_proto, f->port}};
	const struct set_link *l;
	bool client, server;

	client = check_end(b, n, &d, f->client, f->client_mac, f->client_near, f->client_outside);
	server = check_end(b, n, &d, f->server, f->server_mac, f->server_near, f->server_outside);
	l = link_at(n, &e.client, &e.server, f->ip_proto);
	if ((l && set_ranges_hold(&l->ports, f->port, f->port)) || known_reversed(n, f, &e))
		return;
	d.text[0] = f->app;
	d.what = is_name_service(f) ? BASELINE_NEW_RESOLVER
		 : l		    ? BASELINE_NEW_SERVICE
				    : BASELINE_NEW_LINK;
	if (l)
		d.learned = l->seen;
	/* who is new is the cause; else who looks around */
	d.cause = set_cause(client && !server ? f->server : f->client);
	deviate(b, &d);
}

void set_check_host(struct baseline *b, struct norm *n, const struct addr *addr,
		    const struct mac *mac, int64_t time, uint64_t frame)
{
	struct deviation d = {.detector = BASELINE_SET,
			      .hard = true,
			      .time = time,
			      .frame = frame,
			      .client = addr,
			      .words = set_words};

	check_end(b, n, &d, addr, mac, true, false);
}
