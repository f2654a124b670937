#include "detect/hear.h"

#include "base/hash.h"
#include "detect/fill.h"
#include "detect/words.h"

/* Who asks, and in which language it is told. */
struct asker {
	struct engine *e;
	const struct policy *policy;
	enum finding_lang lang;
};

static void device(const struct asker *a, enum judge_finding what, uint64_t key,
		   const struct heard *h)
{
	struct words w = {.policy = a->policy,
			  .lang = a->lang,
			  .device = *h->addr,
			  .place = h->place,
			  .has_mac = h->mac != NULL};
	struct incident *i = engine_report(a->e, what, key, 0, h->p ? h->p->time : h->flow->last,
					   h->p ? h->p->frame : h->flow->first_frame);

	if (!i)
		return;
	if (h->mac)
		w.mac = *h->mac;
	if (h->p)
		fill_packet(a->policy, i, h->p);
	else
		fill_flow(a->policy, i, h->flow, h->end);
	words_fill(&w, what, i);
}

bool hear_one(struct engine *e, const struct policy *p, enum finding_lang lang,
	      const struct heard *h, int64_t time)
{
	const struct asker a = {e, p, lang};
	uint64_t key = hash_bytes(h->addr->b, sizeof(h->addr->b), 0);

	bool unknown = judge_unknown(p, h->addr, h->place);
	bool other = h->mac && judge_mac(p, h->place, h->mac);

	if (unknown)
		device(&a, JUDGE_UNKNOWN_DEVICE, key, h);
	if (other)
		device(&a, JUDGE_MAC_CHANGED, hash_bytes(h->mac->b, sizeof(h->mac->b), key), h);
	if (policy_is_ended(p, h->place, time))
		device(&a, JUDGE_END_OF_LIFE, hash_u64(h->place.asset, 0), h);
	return !unknown && !other;
}

void hear_flow(struct engine *e, const struct policy *p, enum finding_lang lang, struct flow *f)
{
	struct flow_view *v = flow_view(f);
	bool near = v->place[0].zone == v->place[1].zone;
	int end;

	for (end = 0; end < 2; end++) {
		unsigned side = (f->client == 1) ^ (unsigned)end;
		const struct heard h = {.addr = &f->addr[side],
					.mac = near && f->has_mac ? &f->mac[side] : NULL,
					.place = v->place[end],
					.flow = f,
					.end = end};

		if (v->device_ok[end] || !f->packets[side])
			continue;
		v->device_ok[end] = true;
		if (!hear_one(e, p, lang, &h, f->last))
			engine_norm_suspect(f, true);
	}
}
