/* What is neither flow nor op: anomalies, frames that are no IP, what devices tell of themselves.
 */
#include "detect/engine_impl.h"
#include "detect/fill.h"
#include "detect/hear.h"
#include "detect/words.h"

/* Ends that speak in the packet, or in the flow when the stream had it. */
static uint64_t anomaly_ends(struct words *w, const struct flow *f, const struct packet *p)
{
	if (p && (p->ip_proto || p->kind == PACKET_ARP)) {
		w->addr[0] = p->src;
		w->addr[1] = p->dst;
	} else if (f) {
		w->addr[0] = *flow_client(f);
		w->addr[1] = *flow_server(f);
	} else {
		return p && p->has_mac ? hash_bytes(p->src_mac.b, sizeof(p->src_mac.b), 0) : 0;
	}
	w->has_addr = true;
	return mix_addr(mix_addr(0, &w->addr[0]), &w->addr[1]);
}

/* The tracker suspects pieces that it cannot compare; inline they are, and told when they differ.
 */
static bool is_verified(const struct engine *e, struct flow *f, const struct packet *p)
{
	return f && p && engine_enforces(e) && !flow_view(f)->safety && act_verifies(e->cfg.act, f);
}

void engine_on_anomaly(void *user, struct flow *f, const struct packet *p, const struct anomaly *a)
{
	struct engine *e = user;
	struct words w = {.policy = e->cfg.policy, .lang = e->cfg.lang, .anomaly = a};
	enum judge_finding what = (enum judge_finding)(JUDGE_DECODE + a->kind);
	uint64_t ends = anomaly_ends(&w, f, p);
	/* Whoever makes addresses up is one sender still: the ends are the place. */
	uint64_t key = p && p->has_mac ? hash_bytes(p->src_mac.b, sizeof(p->src_mac.b), 0) : 0;
	struct sink *const *s;
	struct incident *i;

	if (f && e->now)
		engine_fresh(e, f);
	if (f)
		engine_norm_anomaly(f, (enum anomaly_kind)a->kind);
	if (a->kind == ANOMALY_STREAM_CONFLICT && is_verified(e, f, p))
		return;
	if (e->cfg.events & ENGINE_ANOMALY)
		for (s = e->cfg.sinks; s && *s; s++)
			if ((*s)->ops->anomaly)
				(*s)->ops->anomaly(*s, f, p, a);
	i = engine_report(e, what, mix_text(mix_text(key, a->proto), a->reason), ends, a->time,
			  a->frame);
	if (what == JUDGE_DECODE + ANOMALY_STREAM_CONFLICT && f && p && engine_enforces(e) &&
	    !flow_view(f)->safety)
		act_conflict(e->cfg.act, f);
	if (a->kind == ANOMALY_LIMIT && f && p && engine_enforces(e) && !flow_view(f)->safety)
		act_undecided(e->cfg.act, f);
	if (!i)
		return;
	if ((p || f) && engine_enforces(e) && act_drops(e->cfg.act)) {
		i->verdict = judge_word(ACTION_DROP, MODE_ENFORCE);
		i->done = ACTION_DROP;
	}
	if (f)
		fill_flow(e->cfg.policy, i, f, p && !addr_eq(&p->src, flow_client(f)));
	else if (p)
		fill_packet(e->cfg.policy, i, p);
	words_fill(&w, what, i);
}

/* ARP: who is really there, and with which MAC address (RFC 826). */
void engine_on_link(void *user, const struct packet *p)
{
	struct engine *e = user;
	struct heard h = {.addr = &p->src, .mac = &p->src_mac, .p = p};

	engine_time(e, p->time);
	if (!p->has_mac)
		return;
	if (p->kind != PACKET_ARP) {
		if (e->cfg.policy)
			link_frame(e->link, e, e->now, e->cfg.lang, p);
		return;
	}
	if (e->cfg.policy) {
		h.place = policy_place(e->cfg.policy, &p->src, &p->src_mac);
		if (!hear_one(e, e->cfg.policy, e->cfg.lang, &h, p->time))
			return;
	}
	if (e->cfg.baseline && !addr_stays_in_segment(&p->src))
		baseline_host(e->cfg.baseline, &p->src, &p->src_mac, p->time, p->frame);
}

void engine_on_identity(void *user, struct flow *f, int side, const char *key, struct slice value)
{
	struct engine *e = user;
	const struct words w = {.lang = e->cfg.lang, .devices = true};
	uint64_t refused = endpoint_refused(e->endpoints);
	struct incident *i;

	endpoint_learn(e->endpoints, side ? flow_server(f) : flow_client(f), key, value);
	if (endpoint_refused(e->endpoints) == refused)
		return;
	i = engine_report(e, JUDGE_LIMIT, 2, 0, f->last, f->first_frame);
	if (!i)
		return;
	fill_flow(e->cfg.policy, i, f, side);
	words_fill(&w, JUDGE_LIMIT, i);
}
