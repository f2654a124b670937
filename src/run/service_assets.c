/* Hosts that were seen, from the workers into the state file: once a minute, in one transaction. */
#include "run/service_impl.h"

#include <stdlib.h>
#include <string.h>

#define STORE_EVERY INT64_C(60000000000)
#define WAITING_MAX 16384u /* hosts */

struct waiting {
	struct asset_seen seen;
	char iface[SOURCE_IFACE_LEN];
};

struct assets_waiting {
	struct waiting *list;
	uint32_t count, cap;
	int64_t next;		    /* CLOCK_MONOTONIC, ns */
	bool failed;		    /* and it was said */
	struct asset_seen *fetched; /* WORKER_ASSETS */
	char ifaces[WORKER_ASSETS][SOURCE_IFACE_LEN];
};

struct assets_waiting *service_assets_new(void)
{
	struct assets_waiting *a = calloc(1, sizeof(*a));

	if (a)
		a->fetched = calloc(WORKER_ASSETS, sizeof(*a->fetched));
	if (a && a->fetched)
		return a;
	free(a);
	return NULL;
}

void service_assets_free(struct assets_waiting *a)
{
	if (a) {
		free(a->fetched);
		free(a->list);
	}
	free(a);
}

/* What is too much is told again by its worker when it is heard a minute later. */
static void keep(struct assets_waiting *a, unsigned i)
{
	struct waiting *more;
	uint32_t cap;

	if (a->count == a->cap) {
		cap = a->cap ? 2 * a->cap : 64;
		more = cap <= WAITING_MAX ? realloc(a->list, cap * sizeof(*more)) : NULL;
		if (!more)
			return;
		a->list = more;
		a->cap = cap;
	}
	a->list[a->count].seen = a->fetched[i];
	memcpy(a->list[a->count++].iface, a->ifaces[i], SOURCE_IFACE_LEN);
}

struct text {
	char host[ADDR_STRLEN], mac[MAC_STRLEN];
};

static void as_state(const struct waiting *w, struct text *t, struct state_asset *out)
{
	const struct asset_seen *s = &w->seen;
	unsigned i;

	t->mac[0] = '\0';
	if (s->has_mac)
		mac_str(&s->mac, t->mac);
	if (s->has_addr)
		addr_str(&s->addr, t->host);
	else
		mac_str(&s->mac, t->host);
	*out = (struct state_asset){.host = t->host,
				    .mac = t->mac,
				    .zone = s->zone,
				    .asset = s->asset,
				    .iface = w->iface,
				    .first = s->first,
				    .last = s->last,
				    .facts = s->facts};
	for (i = 0; i < s->facts && i < STATE_FACTS; i++)
		out->fact[i] = (struct state_fact){s->fact[i].key, s->fact[i].value};
}

static void store(struct service *s, struct assets_waiting *a)
{
	struct state_asset *list = calloc(a->count, sizeof(*list));
	struct text *text = calloc(a->count, sizeof(*text));
	bool ok = list && text;
	uint32_t i;

	for (i = 0; ok && i < a->count; i++)
		as_state(&a->list[i], &text[i], &list[i]);
	ok = ok && state_assets_seen(s->state, list, a->count);
	if (ok)
		a->count = 0;
	else if (!a->failed)
		fprintf(stderr, "kidoban run: assets are not kept: %s\n", state_error(s->state));
	a->failed = !ok;
	free(list);
	free(text);
}

void service_assets(struct service *s, int64_t mono, bool now)
{
	struct assets_waiting *a = s->assets;
	unsigned i, k, n;

	if (!s->state || !a)
		return;
	for (i = 0; i < s->workers; i++) {
		n = worker_assets(s->worker[i], &a->fetched, a->ifaces);
		for (k = 0; k < n; k++)
			keep(a, k);
	}
	if (!a->count || (mono < a->next && !now))
		return;
	a->next = mono + STORE_EVERY;
	store(s, a);
}
