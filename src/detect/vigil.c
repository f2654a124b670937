#include "detect/vigil.h"

#include "base/hash.h"
#include "detect/watch.h"
#include "detect/words_watch.h"

#include <stdlib.h>

struct vigil {
	struct engine *engine;
	const struct policy *policy;
	enum finding_lang lang;
	struct watch_table *watches; /* NULL: the policy has none */
};

static bool in_safety(const struct policy *p, struct policy_place place)
{
	return place.zone != POLICY_NONE && policy_zone_at(p, place.zone)->level == LEVEL_SAFETY;
}

/* Addresses of the last such op; of what was never seen, those of the assets. */
static void fill_ends(struct vigil *v, struct incident *i, const struct watch_notice *n,
		      const struct policy_watch_pair *pair)
{
	const struct watch_seen *s = n->seen;
	unsigned from = n->op && n->op->from_server, k;
	const struct policy_asset *a[2]; /* sender, receiver */

	for (k = 0; k < 2; k++)
		a[k] = policy_asset_at(v->policy, pair->end[k ^ from].asset);
	i->to_client = from;
	i->src_zone = policy_zone_at(v->policy, pair->end[from].zone)->id;
	i->dst_zone = policy_zone_at(v->policy, pair->end[!from].zone)->id;
	i->src_asset = a[0] ? a[0]->id : NULL;
	i->dst_asset = a[1] ? a[1]->id : NULL;
	if (in_safety(v->policy, pair->end[0]) || in_safety(v->policy, pair->end[1]))
		i->severity = 1;
	if (s->frame) {
		i->flow_id = s->flow_id;
		i->has_addr = true;
		i->src = s->addr[from];
		i->dst = s->addr[!from];
		i->sport = s->port[from];
		i->dport = s->port[!from];
		i->ip_proto = s->ip_proto;
		i->vlans = s->vlans;
		memcpy(i->vlan, s->vlan, sizeof(i->vlan));
	} else if (a[0] && a[0]->has_address && a[1] && a[1]->has_address) {
		i->has_addr = true;
		i->src = a[0]->address;
		i->dst = a[1]->address;
	}
}

static void on_notice(void *user, const struct watch_notice *n)
{
	static const uint8_t findings[] = {
		[WATCH_SILENT] = JUDGE_SILENT,
		[WATCH_RANGE] = JUDGE_STRAYED,
		[WATCH_FROZEN] = JUDGE_FROZEN,
	};
	struct vigil *v = user;
	const struct policy_watch_pair *pair = policy_watch_pair_at(v->policy, n->pair);
	const struct policy_watch *w = policy_watch_at(v->policy, pair->watch);
	enum judge_finding what = (enum judge_finding)findings[n->what];
	uint64_t place = n->what == WATCH_RANGE ? hash_u64(n->op->object.first + n->element, 1) : 0;
	struct incident *i = NULL, *open;

	if (n->times)
		i = engine_report(v->engine, what, n->pair, place, n->time, n->seen->frame);
	open = i ? i : engine_incident(v->engine, what, n->pair, place);
	if (i) {
		fill_ends(v, i, n, pair);
		i->watch = w->id;
		i->refs = w->refs;
		i->app = w->sample.proto;
		if (n->op)
			words_op(n->op, i);
	}
	if (!open)
		return;
	open->count += n->times > 1 ? n->times - 1 : 0;
	if (i || n->what != WATCH_RANGE)
		words_watch(v->policy, v->lang, n, open);
}

bool vigil_new(struct engine *e, const struct policy *p, enum finding_lang lang, struct vigil **out)
{
	struct vigil *v;

	*out = NULL;
	if (!p || !policy_watch_pairs(p))
		return true;
	v = *out = calloc(1, sizeof(*v));
	if (!v)
		return false;
	v->engine = e;
	v->policy = p;
	v->lang = lang;
	v->watches = watch_table_new(p, on_notice, v);
	return v->watches != NULL;
}

void vigil_op(struct vigil *v, struct flow *f, const struct op *op)
{
	if (v->watches)
		watch_op(v->watches, f, flow_view(f), op);
}

void vigil_tick(struct vigil *v, int64_t time)
{
	if (v->watches)
		watch_tick(v->watches, time);
}

void vigil_begin(struct vigil *v, int64_t time)
{
	if (v->watches)
		watch_begin(v->watches, time);
}

void vigil_free(struct vigil *v)
{
	if (!v)
		return;
	watch_table_free(v->watches);
	free(v);
}
