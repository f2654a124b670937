/* What conduits say of ports, as chains: pair_N -> (try_N -> open_) -> accept_, inspect_, deny_. */
#include "policy/nft_write.h"

static const char *const denial_words[NFT_DENIALS] = {
	"port-denied",	  "grant-missing",   "outside-schedule", "expired",	  "wrong-mode",
	"tenant-crossed", "unlisted-device", "uplink-only",	 "trust-exceeded"};
static const char *const pass_words[] = {"accept", "inspect"};

/* What verdict_of() is asked about. */
struct asked {
	const struct nft_service *service;
	uint32_t *conduit; /* in the order in which the policy asks them */
	uint32_t conduits, cap;
};

static const char *deny_chain(struct nft_writer *w, uint32_t conduit, enum nft_denial why,
			      bool safety)
{
	w->denies[why][conduit] |= safety ? 2 : 1;
	return arena_printf(&w->plan.arena, "goto deny_%s_%s%s", w->conduit_name[conduit],
			    denial_words[why], safety ? "_safety" : "");
}

static const char *pass_chain(struct nft_writer *w, uint32_t conduit, int inspect)
{
	w->passes[inspect][conduit] = 1;
	return arena_printf(&w->plan.arena, "goto %s_%s", pass_words[inspect],
			    w->conduit_name[conduit]);
}

/* The same body is one chain. */
static const char *try_chain(struct nft_writer *w, const char *body)
{
	struct arena *a = &w->plan.arena;
	uint32_t found;
	uint64_t key, k;

	for (k = 0;; k++) {
		key = hash_bytes(body, strlen(body), k);
		found = imap_find(&w->tries, key);
		if (found == IMAP_NONE)
			break;
		if (strcmp(w->try_body[found], body) == 0)
			return arena_printf(a, "goto try_%u", found);
	}
	w->try_body = arena_grow(a, w->try_body, w->ntries, &w->try_cap, sizeof(*w->try_body));
	w->try_body[w->ntries] = body;
	imap_add(&w->tries, a, key, w->ntries);
	return arena_printf(a, "goto try_%u", w->ntries++);
}

static const char *jump_open(struct nft_writer *w, const char *body, uint32_t conduit, int inspect)
{
	pass_chain(w, conduit, inspect);
	w->opens[inspect][conduit] = 1;
	return arena_printf(&w->plan.arena, "%s\t\tjump open_%s_%s\n", body, pass_words[inspect],
			    w->conduit_name[conduit]);
}

/*
 * Nobody is open: of the closed ones the one that came nearest to it speaks, as rank() in
 * match_flow.c has it: it lacks but its grant, then but its hours, ... A conduit of which it is
 * not sure what it lacks has a chain closed_ that knows.
 */
static const char *closed_by(struct nft_writer *w, const struct asked *q, uint8_t proto,
			     uint16_t port, const char *body)
{
	static const uint8_t lacks[NFT_DENY_MODE + 1] = {
		[NFT_DENY_GRANT] = NFT_GRANT,
		[NFT_DENY_SCHEDULE] = NFT_HOURS,
		[NFT_DENY_EXPIRED] = NFT_UNTIL,
	};
	struct arena *a = &w->plan.arena;
	enum nft_denial why;
	uint32_t i;

	for (why = NFT_DENY_GRANT; why <= NFT_DENY_MODE; why++)
		for (i = 0; i < q->conduits; i++) {
			const struct conduit *c = &w->policy->conduit[q->conduit[i]];
			bool never = nft_never_open(w, c), safety = q->service->safety;
			unsigned has = nft_conditions(c);

			if (conduit_flow(c, proto, port) == POLICY_PORT_DENIED ||
			    never != (why == NFT_DENY_MODE) || (!never && !(has & lacks[why])))
				continue;
			deny_chain(w, q->conduit[i], why, safety);
			if (never || !(has & (lacks[why] - 1u)))
				return arena_printf(a, "%s\t\t%s\n", body,
						    deny_chain(w, q->conduit[i], why, safety));
			w->closes[why][q->conduit[i]] |= safety ? 2 : 1;
			body = arena_printf(a, "%s\t\tjump closed_%s_%s%s\n", body,
					    w->conduit_name[q->conduit[i]], denial_words[why],
					    safety ? "_safety" : "");
		}
	return NULL;
}

/*
 * What the conduits say to a port: the verdict, or NULL where none of them has it. Of several the
 * order is that of rank() in match_flow.c: whoever accepts, then whoever wants to look inside,
 * each open or closed by its conditions.
 */
static const char *verdict_of(struct nft_writer *w, const struct asked *q, uint8_t proto,
			      uint16_t port)
{
	struct arena *a = &w->plan.arena;
	const char *body = "", *pass;
	int inspect;
	uint32_t i;

	for (inspect = 0; inspect < 2; inspect++)
		for (i = 0; i < q->conduits; i++) {
			const struct conduit *c = &w->policy->conduit[q->conduit[i]];

			if (conduit_flow(c, proto, port) !=
				    (inspect ? POLICY_LATER : POLICY_ALLOW) ||
			    nft_never_open(w, c))
				continue;
			if (nft_conditions(c)) {
				body = jump_open(w, body, q->conduit[i], inspect);
				continue;
			}
			pass = pass_chain(w, q->conduit[i], inspect);
			return *body ? try_chain(w, arena_printf(a, "%s\t\t%s\n", body, pass))
				     : pass;
		}
	body = closed_by(w, q, proto, port, body);
	return body ? try_chain(w, body) : NULL;
}

/* "HEAD vmap { 80 : goto x, 90-100 : goto y }" under construction. */
struct keys {
	struct nft_writer *w;
	const char *head;
	const char *verdict; /* from lo on; NULL: none */
	uint32_t lo;
	bool begun;
};

/* From key on it is that verdict; what was before is written. */
static void keys_at(struct keys *k, uint32_t key, const char *verdict)
{
	FILE *f = k->w->chains;

	if (k->verdict && verdict && strcmp(k->verdict, verdict) == 0)
		return;
	if (k->verdict) {
		if (k->begun)
			fputs(", ", f);
		else
			fprintf(f, "\t\t%s vmap { ", k->head);
		k->begun = true;
		fprintf(f, "%u", k->lo);
		if (key - 1 > k->lo)
			fprintf(f, "-%u", key - 1);
		fprintf(f, " : %s", k->verdict);
	}
	k->verdict = verdict;
	k->lo = key;
}

static void keys_end(struct keys *k, uint32_t end)
{
	keys_at(k, end, NULL);
	if (k->begun)
		fputs(" }\n", k->w->chains);
}

static void add_bounds(const struct iset *set, uint8_t *bound)
{
	uint32_t i;

	for (i = 0; i < set->count; i++) {
		if (set->range[i].lo <= UINT16_MAX)
			bound[set->range[i].lo] = 1;
		if (set->range[i].hi < UINT16_MAX)
			bound[set->range[i].hi + 1] = 1;
	}
}

/* Ports of TCP or UDP. */
static void put_ports(struct nft_writer *w, const struct asked *q, uint8_t proto, const char *head)
{
	struct keys keys = {.w = w, .head = head};
	uint8_t bound[UINT16_MAX + 1] = {1};
	uint32_t i, k, port;

	for (i = 0; i < q->conduits; i++) {
		const struct conduit *c = &w->policy->conduit[q->conduit[i]];

		for (k = 0; k < c->services; k++)
			add_bounds(&c->service[k].set, bound);
		for (k = 0; k < c->rules; k++)
			add_bounds(&c->rule[k].port, bound);
	}
	for (port = 0; port <= UINT16_MAX; port++)
		if (bound[port])
			keys_at(&keys, port, verdict_of(w, q, proto, (uint16_t)port));
	keys_end(&keys, UINT16_MAX + 1);
}

static void put_types(struct nft_writer *w, const struct asked *q, uint8_t proto, const char *head)
{
	struct keys keys = {.w = w, .head = head};
	uint32_t type;

	for (type = 0; type <= UINT8_MAX; type++)
		keys_at(&keys, type, verdict_of(w, q, proto, (uint16_t)(type << 8)));
	keys_end(&keys, UINT8_MAX + 1);
}

/* All other protocols, as numbers. */
static void put_protocols(struct nft_writer *w, const struct asked *q)
{
	struct keys keys = {.w = w, .head = "meta l4proto"};
	uint32_t proto;

	for (proto = 0; proto <= UINT8_MAX; proto++) {
		bool ports = proto == 6 || proto == 17 || proto == 1 || proto == 58;

		keys_at(&keys, proto, ports ? NULL : verdict_of(w, q, (uint8_t)proto, 0));
	}
	keys_end(&keys, UINT8_MAX + 1);
}

static void find_conduits(struct nft_writer *w, struct asked *q)
{
	const struct policy *p = w->policy;
	uint32_t i, k;

	for (i = 0; i < 4 && q->service->set[i] != POLICY_NONE; i++) {
		const struct pair_set *s = &p->set[q->service->set[i]];

		for (k = 0; k < s->conduits; k++) {
			q->conduit = arena_grow(&w->plan.arena, q->conduit, q->conduits, &q->cap,
						sizeof(*q->conduit));
			q->conduit[q->conduits++] = s->conduit[k];
		}
	}
}

void nft_put_services(struct nft_writer *w)
{
	uint32_t i, k;

	for (i = 0; i < w->plan.services; i++) {
		struct asked q = {.service = &w->plan.service[i]};

		find_conduits(w, &q);
		fputs("\t#", w->chains);
		for (k = 0; k < q.conduits; k++)
			fprintf(w->chains, " %s", w->conduit_name[q.conduit[k]]);
		fprintf(w->chains, "\n\tchain pair_%u {\n", i);
		put_ports(w, &q, 6, "meta l4proto tcp ct original proto-dst");
		put_ports(w, &q, 17, "meta l4proto udp ct original proto-dst");
		put_types(w, &q, 1, "icmp type");
		put_types(w, &q, 58, "icmpv6 type");
		put_protocols(w, &q);
		fprintf(w->chains, "\t\t%s\n\t}\n\n",
			deny_chain(w, q.conduit[0], NFT_DENY_PORT, q.service->safety));
	}
}

void nft_put_objects(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	uint32_t i;

	for (i = 0; i < p->conduits; i++) {
		bool denied = false;
		unsigned k;

		for (k = 0; k < NFT_DENIALS; k++)
			denied = denied || w->denies[k][i];
		if (w->passes[0][i] || w->passes[1][i])
			fprintf(w->out, "\tcounter conduit_%s { }\n", w->conduit_name[i]);
		if (denied)
			fprintf(w->out, "\tcounter denied_%s { }\n", w->conduit_name[i]);
	}
	fputc('\n', w->out);
	nft_put_hand_sets(w);
	for (i = 0; i < p->conduits; i++)
		if (p->conduit[i].pub.grant_required)
			fprintf(w->out,
				"\t# open while it has an element, for example:\n"
				"\t# nft add element inet %s grant_%s '{ ipv4 timeout 2h, ipv6 "
				"timeout 2h }'\n"
				"\tset grant_%s {\n\t\ttype nf_proto\n\t\tflags timeout\n\t}\n\n",
				w->cfg->table, w->conduit_name[i], w->conduit_name[i]);
}

/* Where those go whom something else than ports and hours holds up. */
static const char *hold_chain(struct nft_writer *w, uint32_t conduit, enum nft_denial why)
{
	if (conduit == POLICY_NONE)
		return arena_printf(&w->plan.arena, "goto held_%s", denial_words[why]);
	return arena_printf(&w->plan.arena, "goto deny_%s_%s", w->conduit_name[conduit],
			    denial_words[why]);
}

void nft_put_holds(struct nft_writer *w, uint32_t conduit, bool tenants)
{
	static const struct {
		enum nft_denial why;
		bool (*put)(struct nft_writer *w, const char *then);
	} holds[] = {
		{NFT_DENY_TENANT, nft_put_tenants},
		{NFT_DENY_UNLISTED, nft_put_unlisted},
		{NFT_DENY_UPLINK, nft_put_uplink},
		{NFT_DENY_TRUST, nft_put_untrusted},
	};
	unsigned i;

	for (i = 0; i < (tenants ? 1 : sizeof(holds) / sizeof(*holds)); i++) {
		if (!holds[i].put(w, hold_chain(w, conduit, holds[i].why)))
			continue;
		if (conduit == POLICY_NONE)
			w->held[holds[i].why] = 1;
		else
			w->denies[holds[i].why][conduit] = 1;
	}
}

static void put_pass(struct nft_writer *w, uint32_t i, int inspect)
{
	const struct policy_conduit *c = &w->policy->conduit[i].pub;
	const char *name = w->conduit_name[i];
	struct arena *a = &w->plan.arena;

	fprintf(w->chains, "\tchain %s_%s {\n", pass_words[inspect], name);
	nft_put_holds(w, i, false);
	if (!inspect && nft_put_narrowed(w, arena_printf(a, "goto inspect_%s", name)))
		w->passes[1][i] = 1;
	fprintf(w->chains, "\t\tcounter name \"conduit_%s\" comment \"%s\"\n", name,
		nft_quote(a, *c->reason ? c->reason : c->id, NFT_COMMENT_MAX));
	if (inspect)
		nft_put_inspection(w, c->fail_open);
	else
		fputs("\t\taccept\n", w->chains);
	fputs("\t}\n\n", w->chains);
}

static void put_open(struct nft_writer *w, uint32_t i, int inspect)
{
	struct arena *a = &w->plan.arena;
	const char *name = w->conduit_name[i], *pass = pass_words[inspect];

	nft_put_conditional(w, arena_printf(a, "open_%s_%s", pass, name), i,
			    nft_conditions(&w->policy->conduit[i]),
			    arena_printf(a, "goto %s_%s", pass, name));
}

/* Goes to the denial when everything else would be open. */
static void put_closed(struct nft_writer *w, uint32_t i, enum nft_denial why, const char *safety)
{
	static const uint8_t others[NFT_DENIALS] = {
		[NFT_DENY_GRANT] = NFT_HOURS | NFT_UNTIL,
		[NFT_DENY_SCHEDULE] = NFT_UNTIL,
	};
	struct arena *a = &w->plan.arena;

	nft_put_conditional(
		w, arena_printf(a, "closed_%s_%s%s", w->conduit_name[i], denial_words[why], safety),
		i, nft_conditions(&w->policy->conduit[i]) & others[why],
		arena_printf(a, "goto deny_%s_%s%s", w->conduit_name[i], denial_words[why],
			     safety));
}

static void put_denial(struct nft_writer *w, uint32_t i, enum nft_denial why, bool safety)
{
	static const uint8_t fates[] = {
		[ACTION_ALERT] = NFT_ACCEPTED,	   [ACTION_DEGRADE] = NFT_DROPPED,
		[ACTION_DROP] = NFT_DROPPED,	   [ACTION_REJECT] = NFT_REJECTED,
		[ACTION_QUARANTINE] = NFT_DROPPED,
	};
	const struct policy_conduit *c = &w->policy->conduit[i].pub;
	struct arena *a = &w->plan.arena;

	fprintf(w->chains, "\tchain deny_%s_%s%s {\n", w->conduit_name[i], denial_words[why],
		safety ? "_safety" : "");
	nft_put_end(w, arena_printf(a, "denied_%s", w->conduit_name[i]),
		    arena_printf(a, "%s %s", nft_quote(a, c->id, 80), denial_words[why]),
		    safety ? NFT_ACCEPTED : (enum nft_fate)fates[c->on_violation],
		    why >= NFT_DENY_TENANT);
}

static void put_held(struct nft_writer *w)
{
	enum nft_denial why;

	for (why = NFT_DENY_TENANT; why < NFT_DENIALS; why++) {
		if (!w->held[why])
			continue;
		fprintf(w->chains, "\tchain held_%s {\n", denial_words[why]);
		nft_put_end(w, "held", denial_words[why], NFT_DROPPED, true);
	}
}

void nft_put_ends(struct nft_writer *w)
{
	uint32_t i;
	int k;

	for (i = 0; i < w->ntries; i++)
		fprintf(w->chains, "\tchain try_%u {\n%s\t}\n\n", i, w->try_body[i]);
	for (i = 0; i < w->policy->conduits; i++) {
		for (k = 0; k < 2; k++)
			if (w->opens[k][i])
				put_open(w, i, k);
		for (k = 0; k < 2; k++)
			if (w->passes[k][i])
				put_pass(w, i, k);
		for (k = 0; k < NFT_DENIALS; k++) {
			if (w->closes[k][i] & 1)
				put_closed(w, i, (enum nft_denial)k, "");
			if (w->closes[k][i] & 2)
				put_closed(w, i, (enum nft_denial)k, "_safety");
			if (w->denies[k][i] & 1)
				put_denial(w, i, (enum nft_denial)k, false);
			if (w->denies[k][i] & 2)
				put_denial(w, i, (enum nft_denial)k, true);
		}
	}
	put_held(w);
	nft_put_hand_chains(w);
}
