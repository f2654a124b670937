/* The first look: who speaks with whom, in what. Bounded; in the order of the packets. */
#include "base/hash.h"
#include "learn/learn.h"

#include <stdlib.h>

#define YOUNG INT64_C(120000000000) /* ns; as in detect/engine.c: a flow may be older */

bool learn_init(struct learn *l)
{
	*l = (struct learn){.internet = LEARN_NONE};
	l->host = calloc(LEARN_HOSTS, sizeof(*l->host));
	l->link = calloc(LEARN_LINKS, sizeof(*l->link));
	l->mac = calloc(LEARN_MACS, sizeof(*l->mac));
	l->host_slot = calloc(2 * LEARN_HOSTS, sizeof(*l->host_slot));
	l->link_slot = calloc(2 * LEARN_LINKS, sizeof(*l->link_slot));
	l->told = endpoint_table_new();
	return l->host && l->link && l->mac && l->host_slot && l->link_slot && l->told;
}

void learn_free(struct learn *l)
{
	free(l->host);
	free(l->link);
	free(l->mac);
	free(l->host_slot);
	free(l->link_slot);
	endpoint_table_free(l->told);
	arena_free(&l->arena);
}

int learn_vocab(const char *proto)
{
	const struct vocab *v;
	int i;

	for (i = 0; i < (int)LEARN_VOCABS && (v = vocab_at((unsigned)i)); i++)
		if (strcmp(v->proto, proto) == 0)
			return i;
	return -1;
}

/* --- tables --- */

static uint32_t host_of(struct learn *l, const struct addr *a)
{
	uint32_t i, *slot;

	if (addr_stays_in_segment(a))
		return LEARN_NONE;
	for (i = (uint32_t)hash_bytes(a->b, sizeof(a->b), 0);; i++) {
		slot = &l->host_slot[i & (2 * LEARN_HOSTS - 1)];
		if (!*slot)
			break;
		if (addr_eq(&l->host[*slot - 1].addr, a))
			return *slot - 1;
	}
	if (l->hosts == LEARN_HOSTS) {
		l->hosts_more++;
		return LEARN_NONE;
	}
	l->host[l->hosts].addr = *a;
	*slot = ++l->hosts;
	return *slot - 1;
}

uint32_t learn_host_find(const struct learn *l, const struct addr *a)
{
	uint32_t i, slot;

	for (i = (uint32_t)hash_bytes(a->b, sizeof(a->b), 0);; i++) {
		slot = l->host_slot[i & (2 * LEARN_HOSTS - 1)];
		if (!slot)
			return LEARN_NONE;
		if (addr_eq(&l->host[slot - 1].addr, a))
			return slot - 1;
	}
}

static struct learn_link *link_of(struct learn *l, uint32_t client, uint32_t server, uint8_t proto,
				  uint16_t port)
{
	uint64_t key =
		(uint64_t)client << 40 ^ (uint64_t)server << 24 ^ (uint64_t)proto << 16 ^ port;
	struct learn_link *x;
	uint32_t i, *slot;

	for (i = (uint32_t)hash_u64(key, 0);; i++) {
		slot = &l->link_slot[i & (2 * LEARN_LINKS - 1)];
		if (!*slot)
			break;
		x = &l->link[*slot - 1];
		if (x->client == client && x->server == server && x->ip_proto == proto &&
		    x->port == port)
			return x;
	}
	if (l->links == LEARN_LINKS) {
		l->links_more++;
		return NULL;
	}
	x = &l->link[l->links];
	*slot = ++l->links;
	*x = (struct learn_link){
		.client = client, .server = server, .ip_proto = proto, .port = port};
	return x;
}

/* --- MAC addresses --- */

/* A MAC that carries addresses of several networks is a router's. */
static void heard_mac(struct learn *l, const struct mac *m, const struct addr *a)
{
	struct learn_mac *x;
	uint32_t i;

	for (i = (uint32_t)hash_bytes(m->b, sizeof(m->b), 0);; i++) {
		x = &l->mac[i & (LEARN_MACS - 1)];
		if (!x->used || memcmp(x->mac.b, m->b, sizeof(m->b)) == 0)
			break;
	}
	if (!x->used) {
		if (l->macs == LEARN_MACS / 2)
			return;
		l->macs++;
		*x = (struct learn_mac){.mac = *m, .used = true, .net = *a};
	} else if (addr_is_v4(a) != addr_is_v4(&x->net)) {
		if (addr_is_v4(a))
			x->net = *a;
	} else if (!learn_same_net(&x->net, a)) {
		x->router = true;
	}
}

static void own_mac(struct learn_host *h, const struct mac *m)
{
	static const struct mac none;

	if (memcmp(m->b, none.b, sizeof(m->b)) == 0)
		return;
	if (h->has_mac && memcmp(h->mac.b, m->b, sizeof(m->b)) != 0)
		h->mac_doubtful = true;
	h->mac = h->has_mac ? h->mac : *m;
	h->has_mac = true;
}

static void host_spoke(struct learn *l, uint32_t host, const struct flow *f, unsigned side)
{
	struct learn_host *h = &l->host[host];

	h->spoke = true;
	h->local = h->local || learn_same_net(&f->addr[0], &f->addr[1]);
	if (f->vlans)
		h->vlan = f->vlan[0];
	if (!f->has_mac)
		return;
	heard_mac(l, &f->mac[side], &f->addr[side]);
	if (!h->has_any_mac)
		h->any_mac = f->mac[side];
	h->has_any_mac = true;
	if (learn_same_net(&f->addr[0], &f->addr[1]))
		own_mac(h, &f->mac[side]);
}

/* --- handlers --- */

static bool has_ports(const struct flow *f)
{
	return f->ip_proto == 6 || f->ip_proto == 17;
}

/*
 * Nobody saw who opened it, and what is said does not show it: the lower port is the service. Only
 * where a policy, too, takes the one heard first for the server.
 */
static bool is_reversed(const struct learn *l, const struct flow *f)
{
	if (f->client_by > FLOW_BY_FIRST || !has_ports(f))
		return false;
	if (f->ip_proto == 17 && f->first - l->begin >= YOUNG)
		return false;
	return flow_client_port(f) < flow_server_port(f);
}

static void on_opened(void *user, struct flow *f)
{
	struct learn *l = user;
	bool reversed = is_reversed(l, f);
	unsigned client = (f->client == 1) ^ reversed;
	uint32_t from = host_of(l, &f->addr[client]), to = host_of(l, &f->addr[!client]);
	struct learn_link *x;
	uint16_t port = 0;

	if (from == LEARN_NONE || to == LEARN_NONE)
		return;
	if (has_ports(f))
		port = f->port[!client];
	else if (f->ip_proto == 1 || f->ip_proto == 58)
		port = f->port[client];
	x = link_of(l, from, to, f->ip_proto, port);
	if (!x)
		return;
	x->flows++;
	f->user[0] = (uint64_t)(x - l->link) + 1;
	f->user[1] = client;
}

static void on_packet(void *user, struct flow *f, const struct packet *p, unsigned side)
{
	struct learn *l = user;

	(void)f;
	(void)side;
	if (!l->begin || p->time < l->begin)
		l->begin = p->time;
}

static void on_op(void *user, struct flow *f, const struct op *op)
{
	struct learn *l = user;
	int v = learn_vocab(op->proto);
	struct learn_link *x;

	if (!f->user[0] || v < 0)
		return;
	x = &l->link[f->user[0] - 1];
	x->ops += op->role != OP_RESPONSE;
	x->classes[v] |= (uint16_t)(1u << op->cls);
	if (op->role != OP_RESPONSE && !op->from_server)
		l->host[x->client].did[v] |= (uint16_t)(1u << op->cls);
	if (op->from_server && !op->status)
		l->host[x->server].served[v] |= (uint16_t)(1u << op->cls);
}

/* Payload beyond what a keep-alive carries, as detect/judge.c counts it. */
static bool said_something(const struct flow *f)
{
	return f->payload[0] > f->packets[0] || f->payload[1] > f->packets[1];
}

static void on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	struct learn *l = user;
	struct learn_link *x;
	unsigned side;
	uint32_t h;

	(void)why;
	for (side = 0; side < 2; side++) {
		h = f->packets[side] ? host_of(l, &f->addr[side]) : LEARN_NONE;
		if (h != LEARN_NONE)
			host_spoke(l, h, f, side);
	}
	if (!f->user[0])
		return;
	x = &l->link[f->user[0] - 1];
	side = !f->user[1];
	if (f->packets[side] &&
	    (f->ip_proto != 6 || f->tcp_flags[side] & PACKET_TCP_SYN || f->payload[side])) {
		x->answered = true;
		l->host[x->server].answers |= has_ports(f);
	}
	if (f->dissector) {
		x->claimed = true;
		x->claimant = f->dissector->name;
		return;
	}
	x->plain = x->plain || said_something(f);
	x->tried = true;
	if (f->app && (!x->app || strcmp(f->app, x->app) < 0))
		x->app = f->app;
}

/* Errors belong to what they are about. */
static bool on_related(void *user, struct flow *f, const struct packet *p)
{
	(void)user;
	(void)f;
	(void)p;
	return true;
}

static void on_identity(void *user, struct flow *f, int side, const char *key, struct slice value)
{
	struct learn *l = user;

	endpoint_learn(l->told, side ? flow_server(f) : flow_client(f), key, value);
}

static void on_link(void *user, const struct packet *p)
{
	struct learn *l = user;
	struct learn_host *h;
	uint32_t i;

	if (p->kind != PACKET_ARP || !p->has_mac)
		return;
	i = host_of(l, &p->src);
	if (i == LEARN_NONE)
		return;
	h = &l->host[i];
	h->local = h->spoke = true;
	if (p->vlans)
		h->vlan = p->vlan[0];
	own_mac(h, &p->src_mac);
	heard_mac(l, &p->src_mac, &p->src);
}

const struct flow_handlers learn_handlers = {
	.opened = on_opened,
	.packet = on_packet,
	.op = on_op,
	.identity = on_identity,
	.link = on_link,
	.related = on_related,
	.closed = on_closed,
};
