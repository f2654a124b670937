#include "detect/link.h"

#include "base/hash.h"
#include "detect/engine_private.h"
#include "detect/fill.h"
#include "detect/words.h"

#include <stdlib.h>

#define FINE_BITS 12 /* of the table; a cell is 24 bytes */

/* Two stations and a type that nothing was found against. */
struct fine {
	struct mac src, dst;
	uint16_t type;
	uint16_t vlan;	/* UINT16_MAX: none */
	uint32_t epoch; /* of policy_now, plus 1; 0: the cell is free */
};

struct link {
	struct fine fine[1u << FINE_BITS];
};

struct link *link_new(void)
{
	return calloc(1, sizeof(struct link));
}

void link_free(struct link *l)
{
	free(l);
}

static uint64_t mac_hash(const struct mac *m, uint64_t key)
{
	return hash_bytes(m->b, sizeof(m->b), key);
}

/* A frame under examination. */
struct seen {
	struct engine *e;
	const struct policy_now *now;
	enum finding_lang lang;
	const struct packet *p;
	uint16_t type;
	struct flow_view view; /* sender and receiver */
};

static void fill(const struct seen *s, struct incident *i)
{
	const struct policy *policy = s->now->policy;

	fill_packet(policy, i, s->p);
	i->has_ether_type = true;
	i->ether_type = s->p->ether_type;
	fill_source(policy, s->view.place[0], i);
	fill_place(policy, s->view.place[1], &i->dst_zone, &i->dst_asset);
	fill_severity(policy, i, s->view.place[0], s->view.place[1]);
}

/* As of flows: one listed sender, or all the others of a zone, towards one zone. */
static void violation(const struct seen *s, enum judge_finding what)
{
	const struct policy_frame_decision d = {.verdict = s->view.decision.verdict,
						.conduit = s->view.decision.conduit};
	const uint32_t ends[] = {s->view.place[0].zone, s->view.place[0].asset,
				 s->view.place[1].zone, d.conduit, s->type};
	struct words w = {.policy = s->now->policy,
			  .lang = s->lang,
			  .view = &s->view,
			  .frame = s->p,
			  .mode = (enum policy_operating_mode)s->now->mode,
			  .time = s->now->time};
	uint64_t key = hash_bytes(ends, sizeof(ends), 0);
	uint64_t place = mac_hash(&s->p->dst_mac, mac_hash(&s->p->src_mac, 0));
	struct incident *i;

	engine_do_frame(s->e, d.conduit, s->view.safety);
	i = engine_report(s->e, what, key, place, s->p->time, s->p->frame);
	if (i) {
		fill(s, i);
		engine_fill_verdict(s->e, i, &s->view, d.conduit, false);
		words_fill(&w, what, i);
	}
	engine_noted(s->e, what, key, place);
}

static void device(const struct seen *s, enum judge_finding what)
{
	struct words w = {.policy = s->now->policy,
			  .lang = s->lang,
			  .frame = s->p,
			  .place = s->view.place[0]};
	struct incident *i =
		engine_report(s->e, what, mac_hash(&s->p->src_mac, 1), 0, s->p->time, s->p->frame);

	if (!i)
		return;
	fill(s, i);
	words_fill(&w, what, i);
}

static bool in_safety(const struct policy *p, struct policy_place place)
{
	return place.zone != POLICY_NONE && policy_zone_at(p, place.zone)->level == LEVEL_SAFETY;
}

/* True when there is nothing to tell. */
static bool judge(struct seen *s, uint16_t vlan)
{
	const struct policy *policy = s->now->policy;
	struct flow_view *v = &s->view;
	int id = vlan == UINT16_MAX ? -1 : vlan;
	struct policy_frame_decision d;
	enum judge_finding what;
	bool unlisted, ended;

	v->place[0] = policy_station(policy, &s->p->src_mac, id);
	v->place[1] = policy_station(policy, &s->p->dst_mac, id);
	v->safety = in_safety(policy, v->place[0]) || in_safety(policy, v->place[1]);
	d = policy_frame(s->now, v->place[0], v->place[1], s->type);
	v->decision.verdict = d.verdict;
	v->decision.conduit = d.conduit;
	v->reversed = d.reversed;
	unlisted = v->place[0].zone != POLICY_NONE && v->place[0].asset == POLICY_NONE &&
		   policy_zone_at(policy, v->place[0].zone)->unknown_devices != UNKNOWN_IGNORE;
	ended = policy_is_ended(policy, v->place[0], s->p->time);
	what = judge_of_verdict((enum policy_verdict)d.verdict);
	if (unlisted)
		device(s, JUDGE_UNKNOWN_DEVICE);
	if (ended)
		device(s, JUDGE_END_OF_LIFE);
	if (what)
		violation(s, what);
	return !unlisted && !ended && !what;
}

void link_frame(struct link *l, struct engine *e, const struct policy_now *now,
		enum finding_lang lang, const struct packet *p)
{
	struct seen s = {.e = e, .now = now, .lang = lang, .p = p};
	uint16_t vlan = p->vlans ? p->vlan[p->vlans - 1] : UINT16_MAX;
	struct fine *f, want = {.src = p->src_mac, .dst = p->dst_mac, .vlan = vlan};
	uint64_t key;

	if (!policy_ethertype(p->ether_type, &s.type))
		return;
	want.type = s.type;
	want.epoch = now->epoch + 1;
	key = mac_hash(&p->dst_mac, mac_hash(&p->src_mac, (uint64_t)s.type << 16 | vlan));
	f = &l->fine[key >> (64 - FINE_BITS)];
	if (memcmp(f, &want, sizeof(want)) == 0)
		return;
	if (judge(&s, vlan))
		*f = want;
}
