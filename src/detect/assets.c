#include "detect/assets.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define WAYS   8u
#define SETS   (ASSETS_MAX / WAYS)
#define PART   2048u /* entries looked at per call */
#define MINUTE INT64_C(60000000000)

struct entry {
	struct addr host; /* a MAC: in its first bytes, the rest zero */
	struct addr peer; /* to whom it sent the packet with that MAC */
	struct mac mac;
	bool used, is_mac, has_mac;
	bool arp;   /* the MAC is from ARP */
	bool known; /* told at least once */
	uint16_t iface;
	int64_t first, last, told; /* ns since 1970 UTC */
};

struct assets {
	uint64_t key;
	uint32_t next;	/* entry to be looked at */
	int64_t newest; /* ns, of the newest packet */
	int64_t minute; /* ns, when the budget was given */
	unsigned budget;
	struct entry entry[ASSETS_MAX];
};

struct assets *assets_new(uint64_t key)
{
	struct assets *a = calloc(1, sizeof(*a));

	if (a) {
		a->key = key;
		a->budget = ASSETS_NEW;
	}
	return a;
}

void assets_free(struct assets *a)
{
	free(a);
}

/* The entry of a host, made when there is none: free, or that of the one heard longest ago. */
static struct entry *find(struct assets *a, const struct addr *host, bool is_mac, int64_t time)
{
	uint64_t h = hash_bytes(host->b, sizeof(host->b), a->key ^ is_mac);
	struct entry *set = &a->entry[(h % SETS) * WAYS], *oldest = set;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		struct entry *e = &set[i];

		if (e->used && e->is_mac == is_mac && addr_eq(&e->host, host))
			return e;
		if (oldest->used && (!e->used || e->last < oldest->last))
			oldest = e;
	}
	*oldest = (struct entry){.host = *host, .used = true, .is_mac = is_mac, .first = time};
	return oldest;
}

static bool is_host(const struct addr *a)
{
	static const uint8_t zeros[12];
	bool nobody =
		(addr_is_v4(a) || memcmp(a->b, zeros, 12) == 0) && memcmp(a->b + 12, zeros, 4) == 0;

	return !nobody && !addr_is_multicast(a) && !addr_is_broadcast(a);
}

void assets_packet(struct assets *a, const struct packet *p)
{
	bool arp = p->kind == PACKET_ARP, ip = p->ip_proto || arp;
	struct addr host = {{0}};
	struct entry *e;

	if (p->kind == PACKET_BAD)
		return;
	if (ip) {
		host = p->src;
		if (!is_host(&host))
			return;
	} else if (p->has_mac && !(p->src_mac.b[0] & 1)) {
		memcpy(host.b, p->src_mac.b, sizeof(p->src_mac.b));
	} else {
		return;
	}
	e = find(a, &host, !ip, p->time);
	e->last = a->newest = p->time;
	e->iface = p->file;
	if (!p->has_mac || (e->arp && !arp))
		return;
	e->mac = p->src_mac;
	e->peer = p->dst;
	e->has_mac = true;
	e->arp = arp;
}

static bool is_due(const struct entry *e)
{
	return e->used && (!e->known || e->last - e->told >= MINUTE || e->last < e->told);
}

static void name(char buf[ASSETS_NAME], const char *text)
{
	snprintf(buf, ASSETS_NAME, "%s", text);
}

static void fill_place(const struct entry *e, const struct policy *p, struct asset_seen *s)
{
	struct policy_place place =
		e->is_mac ? policy_station(p, &e->mac, -1)
			  : policy_place(p, &e->host, e->has_mac ? &e->mac : NULL);
	const struct policy_zone *zone = policy_zone_at(p, place.zone);
	const struct policy_asset *asset = policy_asset_at(p, place.asset);

	if (zone)
		name(s->zone, zone->id);
	if (asset)
		name(s->asset, asset->id);
	if (!e->is_mac && !e->arp)
		s->has_mac =
			s->has_mac && zone && policy_place(p, &e->peer, NULL).zone == place.zone;
}

static void fill(const struct entry *e, const struct policy *p, const struct endpoint *device,
		 struct asset_seen *s)
{
	memset(s, 0, sizeof(*s));
	s->has_addr = !e->is_mac;
	s->addr = e->host;
	s->mac = e->mac;
	s->has_mac = e->is_mac || (e->has_mac && (e->arp || p));
	s->iface = e->iface;
	s->first = e->first;
	s->last = e->last;
	if (p)
		fill_place(e, p, s);
	if (!device)
		return;
	s->facts = device->facts;
	memcpy(s->fact, device->fact, device->facts * sizeof(*device->fact));
}

unsigned assets_take(struct assets *a, const struct policy *p,
		     const struct endpoint *(*device)(const void *user, const struct addr *addr),
		     const void *user, struct asset_seen *out, unsigned max)
{
	unsigned n = 0, looked;

	if (a->newest - a->minute >= MINUTE || a->minute - a->newest >= MINUTE) {
		a->minute = a->newest;
		a->budget = ASSETS_NEW;
	}
	for (looked = 0; looked < PART && n < max; looked++) {
		struct entry *e = &a->entry[a->next];

		a->next = (a->next + 1) % ASSETS_MAX;
		if (!is_due(e))
			continue;
		if (!e->known && !a->budget)
			continue;
		a->budget -= !e->known;
		fill(e, p, e->is_mac ? NULL : device(user, &e->host), &out[n++]);
		e->known = true;
		e->told = e->last;
	}
	return n;
}
