/* What of hosts, links and acts is kept. */
#include "baseline/archive.h"
#include "baseline/inside.h"

#include <stdlib.h>

static int by_act(const void *x, const void *y)
{
	const struct set_act *a = *(struct set_act *const *)x, *b = *(struct set_act *const *)y;

	if (a->cls != b->cls)
		return a->cls < b->cls ? -1 : 1;
	if (a->code != b->code)
		return a->code < b->code ? -1 : 1;
	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	return (int)a->role - (int)b->role;
}

static int by_host(const void *x, const void *y)
{
	const struct set_host *a = *(struct set_host *const *)x, *b = *(struct set_host *const *)y;

	return memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b));
}

static int by_link(const void *x, const void *y)
{
	const struct set_link *a = *(struct set_link *const *)x, *b = *(struct set_link *const *)y;
	int c = memcmp(a->client.b, b->client.b, sizeof(a->client.b));

	if (!c)
		c = memcmp(a->server.b, b->server.b, sizeof(a->server.b));
	return c ? c : (int)a->ip_proto - (int)b->ip_proto;
}

static int by_mac(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct mac));
}

/* Sorted before it is written; linked anew in that order, which nothing else depends on. */
#define SORTED(type, list, compare)                                                                \
	do {                                                                                       \
		struct type *at_, **all_;                                                          \
		size_t n_ = 0, i_;                                                                 \
		for (at_ = (list); at_; at_ = at_->next)                                           \
			n_++;                                                                      \
		all_ = n_ ? calloc(n_, sizeof(*all_)) : NULL;                                      \
		if (!all_)                                                                         \
			break;                                                                     \
		n_ = 0;                                                                            \
		for (at_ = (list); at_; at_ = at_->next)                                           \
			all_[n_++] = at_;                                                          \
		qsort(all_, n_, sizeof(*all_), (compare));                                         \
		for (i_ = 0; i_ < n_; i_++)                                                        \
			all_[i_]->next = i_ + 1 < n_ ? all_[i_ + 1] : NULL;                        \
		(list) = all_[0];                                                                  \
		free(all_);                                                                        \
	} while (0)

static void act_fields(struct archive *a, struct set_act *act)
{
	archive_text(a, "do", &act->name);
	archive_count32(a, "code", &act->code);
	archive_class(a, "class", &act->cls);
	archive_role(a, "role", &act->role);
	archive_space(a, "space", &act->space);
	archive_ranges(a, "objects", &act->objects.range[0][0], &act->objects.count, SET_RANGES);
	archive_flag(a, "more", &act->more);
	archive_tally(a, "seen", &act->seen);
}

void set_channel_fields(struct archive *a, struct channel *c)
{
	struct set_act *act, read;

	archive_count(a, "unlisted", &c->unlisted);
	if (!archive_reads(a))
		SORTED(set_act, c->set.acts, by_act);
	act = c->set.acts;
	if (!archive_list(a, "acts", true, act != NULL))
		return;
	while (archive_next(a, act != NULL)) {
		if (!archive_reads(a)) {
			act_fields(a, act);
			act = act->next;
			continue;
		}
		memset(&read, 0, sizeof(read));
		act_fields(a, &read);
		if (!read.name) {
			archive_wrong(a, "an act needs its name");
			continue;
		}
		if (set_act_find(c, read.code, read.cls, read.role, read.space)) {
			archive_wrong(a, "this act is there already");
			continue;
		}
		act = set_act_get(c, &read);
		if (!act) {
			archive_wrong(a, "too many acts");
			continue;
		}
		act->more = read.more;
		act->objects = read.objects;
		act->seen = read.seen;
	}
	archive_end(a);
}

static void mac_fields(struct archive *a, struct mac *list, uint32_t *count, uint32_t max)
{
	static const char *const key[SET_GATEWAYS] = {
		"mac",	"mac2",	 "mac3",  "mac4",  "mac5",  "mac6",  "mac7",  "mac8",
		"mac9", "mac10", "mac11", "mac12", "mac13", "mac14", "mac15", "mac16"};
	static const struct mac none;
	struct mac m;
	uint32_t i;

	if (!archive_reads(a)) {
		qsort(list, *count, sizeof(*list), by_mac);
		for (i = 0; i < *count; i++)
			archive_mac(a, key[i], &list[i]);
		return;
	}
	for (i = 0; i < max; i++) {
		m = none;
		archive_mac(a, key[i], &m);
		if (memcmp(&m, &none, sizeof(m)) != 0)
			set_mac_add(list, count, max, &m);
	}
}

static void host_fields(struct archive *a, struct set_host *h)
{
	archive_addr(a, "host", &h->addr);
	archive_flag(a, "outside", &h->outside);
	mac_fields(a, h->mac, &h->macs, SET_MACS);
	archive_tally(a, "seen", &h->seen);
}

static void hosts_fields(struct archive *a, struct norm *n)
{
	struct set_host *h, *own, read;

	if (!archive_reads(a))
		SORTED(set_host, n->set.hosts, by_host);
	h = n->set.hosts;
	if (!archive_list(a, "hosts", true, h != NULL))
		return;
	while (archive_next(a, h != NULL)) {
		if (!archive_reads(a)) {
			host_fields(a, h);
			h = h->next;
			continue;
		}
		memset(&read, 0, sizeof(read));
		host_fields(a, &read);
		own = set_host_get(n, &read.addr, read.outside);
		if (!own || own->seen.count || own->macs) {
			archive_wrong(a, own ? "this host is there already" : "too many hosts");
			continue;
		}
		own->macs = read.macs;
		memcpy(own->mac, read.mac, sizeof(own->mac));
		own->seen = read.seen;
	}
	archive_end(a);
}

static void link_fields(struct archive *a, struct set_link *l)
{
	uint64_t ip_proto = l->ip_proto;

	archive_addr(a, "from", &l->client);
	archive_addr(a, "to", &l->server);
	archive_count(a, "ip-proto", &ip_proto);
	if (ip_proto > 255)
		archive_wrong(a, "ip-proto is a number from 0 to 255");
	l->ip_proto = (uint8_t)ip_proto;
	archive_ranges(a, "ports", &l->ports.range[0][0], &l->ports.count, SET_RANGES);
	archive_text(a, "app", &l->app);
	archive_tally(a, "seen", &l->seen);
}

static void links_fields(struct archive *a, struct norm *n)
{
	struct set_link *l, *own, read;

	if (!archive_reads(a))
		SORTED(set_link, n->set.links, by_link);
	l = n->set.links;
	if (!archive_list(a, "links", true, l != NULL))
		return;
	while (archive_next(a, l != NULL)) {
		if (!archive_reads(a)) {
			link_fields(a, l);
			l = l->next;
			continue;
		}
		memset(&read, 0, sizeof(read));
		link_fields(a, &read);
		own = set_link_get(n, &read.client, &read.server, read.ip_proto);
		if (!own || own->ports.count) {
			archive_wrong(a, own ? "this link is there already" : "too many links");
			continue;
		}
		own->ports = read.ports;
		own->app = read.app;
		own->seen = read.seen;
	}
	archive_end(a);
}

void set_norm_fields(struct archive *a, struct norm *n)
{
	if (archive_map(a, "gateways", n->set.gateways > 0)) {
		mac_fields(a, n->set.gateway, &n->set.gateways, SET_GATEWAYS);
		archive_end(a);
	}
	hosts_fields(a, n);
	links_fields(a, n);
}
