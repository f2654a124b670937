/* Who is in quarantine: by address or by MAC address. */
#include "base/hash.h"
#include "detect/act_impl.h"

#include <string.h>

#define YOUNG (2 * ACT_SECOND) /* so long a host found here may be missing in the list of all */

static uint64_t key_of(const struct act_quarantine *q)
{
	return q->has_mac ? hash_bytes(q->mac.b, sizeof(q->mac.b), 1)
			  : hash_bytes(q->addr.b, sizeof(q->addr.b), 0);
}

static bool is_same(const struct act_quarantine *a, const struct act_quarantine *b)
{
	if (a->has_mac != b->has_mac)
		return false;
	return a->has_mac ? memcmp(a->mac.b, b->mac.b, sizeof(a->mac.b)) == 0
			  : addr_eq(&a->addr, &b->addr);
}

static const struct act_host *find(const struct act *a, const struct act_quarantine *q)
{
	uint32_t at = (uint32_t)key_of(q) % ACT_HOST_SLOTS;

	for (; a->slot[at]; at = (at + 1) % ACT_HOST_SLOTS)
		if (is_same(&a->host[a->slot[at] - 1].q, q))
			return &a->host[a->slot[at] - 1];
	return NULL;
}

static void add(struct act *a, const struct act_host *h)
{
	struct act_host *old = (struct act_host *)find(a, &h->q);
	uint32_t at = (uint32_t)key_of(&h->q) % ACT_HOST_SLOTS;

	if (old) {
		old->q.until = h->q.until > old->q.until ? h->q.until : old->q.until;
		return;
	}
	if (a->hosts == ACT_HOSTS) {
		a->stats.full++;
		return;
	}
	while (a->slot[at])
		at = (at + 1) % ACT_HOST_SLOTS;
	a->host[a->hosts] = *h;
	a->slot[at] = (uint16_t)++a->hosts;
}

/* Those that stay are added again. */
static unsigned empty(struct act *a)
{
	unsigned n = a->hosts;

	a->hosts = 0;
	memset(a->slot, 0, sizeof(a->slot));
	return n;
}

static bool is_young(const struct act *a, const struct act_host *h)
{
	return h->own && a->time - h->since < YOUNG;
}

void act_quarantines(struct act *a, const struct act_quarantine *list, uint32_t count)
{
	unsigned n = empty(a), k;
	uint32_t i;

	for (k = 0; k < n; k++) {
		const struct act_host h = a->host[k];

		if (is_young(a, &h))
			add(a, &h);
	}
	for (i = 0; i < count; i++) {
		const struct act_host h = {.q = list[i]};
		struct act_host *own = (struct act_host *)find(a, &h.q);

		if (own)
			own->own = false; /* from now on the list says how long */
		add(a, &h);
	}
}

/* Room for new ones is where the time of others is over. */
static void forget(struct act *a)
{
	unsigned n = empty(a), k;

	for (k = 0; k < n; k++) {
		const struct act_host h = a->host[k];

		if (h.q.until > a->time)
			add(a, &h);
	}
}

void act_isolate(struct act *a, const struct act_quarantine *q, const char *reason)
{
	const struct act_host h = {.q = *q, .own = true, .since = a->time};
	const struct act_host *old = find(a, q);

	a->stats.quarantined++;
	if (old && old->q.until > a->time)
		return;
	if (old || a->hosts == ACT_HOSTS)
		forget(a);
	add(a, &h);
	if (a->cfg.quarantined)
		a->cfg.quarantined(a->cfg.user, q, reason);
}

static bool holds(const struct act *a, const struct act_quarantine *q)
{
	const struct act_host *h = find(a, q);

	return h && h->q.until > a->time;
}

static bool has_addr(const struct act *a, const struct addr *addr)
{
	const struct act_quarantine q = {.addr = *addr};

	return holds(a, &q);
}

static bool has_mac(const struct act *a, const struct mac *mac)
{
	const struct act_quarantine q = {.mac = *mac, .has_mac = true};

	return holds(a, &q);
}

static bool station_is_safety(const struct act *a, const struct packet *p, const struct mac *m)
{
	int vlan = p->vlans ? p->vlan[p->vlans - 1] : -1;
	uint32_t zone = policy_station(a->policy, m, vlan).zone;

	return zone != POLICY_NONE && policy_zone_at(a->policy, zone)->level == LEVEL_SAFETY;
}

bool act_is_isolated(const struct act *a, const struct packet *p)
{
	bool ends = p->ip_proto || p->kind == PACKET_ARP;

	if (!(ends && (has_addr(a, &p->src) || has_addr(a, &p->dst))) &&
	    !(p->has_mac && (has_mac(a, &p->src_mac) || has_mac(a, &p->dst_mac))))
		return false;
	if (ends)
		return !act_is_safety(a, &p->src) && !act_is_safety(a, &p->dst);
	return !station_is_safety(a, p, &p->src_mac) && !station_is_safety(a, p, &p->dst_mac);
}
