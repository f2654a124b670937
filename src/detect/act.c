/* The packet at hand: what is wanted, what can be done, and whether it passes. */
#include "detect/act_impl.h"

#include <stdlib.h>
#include <string.h>

struct act *act_new(const struct act_config *cfg)
{
	struct act *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->cfg = *cfg;
	if (!a->cfg.quarantine_time)
		a->cfg.quarantine_time = 3600 * ACT_SECOND;
	if (!a->cfg.answer_time)
		a->cfg.answer_time = ACT_ANSWER;
	return a;
}

void act_free(struct act *a)
{
	free(a);
}

void act_tracker(struct act *a, struct flow_tracker *t)
{
	a->tracker = t;
}

void act_rules(struct act *a, const struct policy *p, bool enforce)
{
	a->policy = p;
	a->enforce = enforce;
}

const struct act_stats *act_stats(const struct act *a)
{
	return &a->stats;
}

bool act_drops(const struct act *a)
{
	return a->frame && a->drop && !a->cfg.aside;
}

/* --- conversations --- */

struct act_talk *act_talk_of(struct act *a, struct flow *f, bool make)
{
	struct flow_view *v = flow_view(f);
	struct act_talk *t;
	uint16_t i = v->act;

	if (i)
		return &a->talk[i];
	if (!make)
		return NULL;
	if (a->free) {
		i = a->free;
		a->free = a->talk[i].next_free;
	} else if (a->made < ACT_TALKS) {
		i = ++a->made;
	} else {
		a->stats.full++;
		return NULL;
	}
	t = &a->talk[i];
	t->used = true;
	t->edits = 0;
	t->reset = t->has_tcp = false;
	memset(&t->kept, 0, sizeof(t->kept));
	t->asked = 0;
	t->server = *flow_server(f);
	t->port = flow_server_port(f);
	v->act = i;
	return t;
}

void act_closed(struct act *a, struct flow *f)
{
	struct flow_view *v = flow_view(f);
	struct act_talk *t;

	if (a->flow == f)
		a->flow = NULL;
	if (!v->act)
		return;
	t = &a->talk[v->act];
	a->waiting -= t->asked != 0;
	act_kept_drop(a, &t->kept);
	t->used = false;
	t->asked = 0;
	t->next_free = a->free;
	a->free = v->act;
	v->act = 0;
}

/* --- the worker --- */

bool act_begin(struct act *a, struct source_frame *f, struct packet *p)
{
	a->frame = f;
	a->p = p;
	a->flow = NULL;
	a->drop = a->settle = a->told = false;
	a->nows = 0;
	a->time = p->time;
	if (f->checksum_partial)
		p->checksum_bad = false; /* it is not there yet */
	if (!a->enforce || a->cfg.aside)
		return false;
	if (a->hosts && act_is_isolated(a, p)) {
		a->drop = true;
		return true;
	}
	act_sound(a, p);
	return false;
}

/* What was decided about the flow of the packet holds for it, too. */
static void finish_flow(struct act *a)
{
	struct flow_view *v = flow_view(a->flow);
	bool bytes = act_is_tcp(a->p) && a->p->payload_len + a->p->payload_missing;

	if (v->act && a->talk[v->act].reset)
		v->blocked = ACTION_REJECT;
	if (v->blocked) {
		a->drop = true;
		v->cut |= (uint8_t)((bytes ? 1u : 0u) << a->side) & 3u;
		if (v->blocked >= ACTION_REJECT && !a->told)
			act_tell_again(a);
	} else if (bytes && v->cut >> a->side & 1) {
		a->drop = true;
	}
	a->flow->over = v->blocked || v->cut;
}

enum source_do act_finish(struct act *a)
{
	enum source_do what = SOURCE_PASS;

	if (!a->frame)
		return what;
	if (a->flow && a->enforce)
		finish_flow(a);
	if (a->drop && !a->cfg.aside) {
		act_datagram_dropped(a);
		a->stats.dropped++;
		what = SOURCE_DROP;
	} else if (a->enforce && a->frame->data) {
		act_apply(a);
	}
	if (a->drop && !a->cfg.aside) { /* it turned out as it was to be changed */
		what = SOURCE_DROP;
	} else if (a->settle) {
		what = SOURCE_SETTLE;
	}
	a->frame = NULL;
	a->p = NULL;
	a->flow = NULL;
	return what;
}

void act_tick(struct act *a, int64_t time)
{
	if (a->waiting)
		act_answers(a, time);
	a->time = time;
}

/* --- the engine --- */

void act_flow_packet(struct act *a, struct flow *f, unsigned side)
{
	a->flow = f;
	a->side = side;
	a->has_next = f->ip_proto == 6 && flow_next(f, side, &a->next);
}

static void quarantine(struct act *a, struct flow *f, const char *reason)
{
	const struct act_quarantine q = {.addr = *judge_client(f),
					 .until = a->time + a->cfg.quarantine_time};

	act_isolate(a, &q, reason);
}

/*
 * The packets have passed already: all that can be done is to end it. The ends may have gone on
 * meanwhile, and take no reset with the numbers of this packet: the next ones are answered too.
 */
static enum policy_action act_aside(struct act *a, struct flow *f, enum policy_action wanted)
{
	uint64_t sent = a->stats.resets_sent;

	if (wanted < ACTION_REJECT || a->flow != f || !a->cfg.send)
		return ACTION_ALERT;
	flow_view(f)->blocked = ACTION_REJECT;
	if (!a->told) {
		act_tell_again(a);
		if (a->stats.resets_sent == sent)
			return ACTION_ALERT;
		a->stats.rejected++;
	}
	return ACTION_REJECT;
}

enum policy_action act_flow(struct act *a, struct flow *f, enum policy_action wanted,
			    const char *reason)
{
	struct flow_view *v = flow_view(f);

	if (a->cfg.aside)
		return act_aside(a, f, wanted);
	if (!a->flow || a->flow != f)
		return ACTION_ALERT; /* it has ended */
	if (wanted == ACTION_DEGRADE)
		wanted = ACTION_DROP;
	a->drop = true;
	if (wanted == ACTION_QUARANTINE)
		quarantine(a, f, reason);
	if (wanted >= ACTION_REJECT && !a->told && !act_tell(a) && wanted == ACTION_REJECT)
		wanted = ACTION_DROP;
	a->stats.rejected += wanted == ACTION_REJECT;
	v->blocked = (uint8_t)wanted;
	return wanted;
}

/* Is the request one that the packet at hand completes? Else its bytes have passed. */
static bool is_at_hand(const struct act *a, const struct flow *f, const struct op *op)
{
	unsigned client = f->client == 1;

	if (op->role == OP_RESPONSE) /* it stands for a request that nobody saw */
		return false;
	if (a->p->kind == PACKET_TCP)
		return a->side == (op->from_server ? !client : client);
	return op->frame == a->p->frame;
}

enum policy_action act_op(struct act *a, struct flow *f, const struct op *op,
			  enum policy_action wanted, const char *reason)
{
	struct flow_view *v = flow_view(f);

	if (a->cfg.aside)
		return act_aside(a, f, wanted);
	if (!a->flow || a->flow != f)
		return ACTION_ALERT;
	if (v->blocked >= wanted)
		return (enum policy_action)v->blocked;
	if (is_at_hand(a, f, op)) {
		if (wanted == ACTION_DEGRADE && act_degrade(a, f, op)) {
			a->stats.degraded++;
			return ACTION_DEGRADE;
		}
		if (wanted == ACTION_DEGRADE)
			wanted = ACTION_REJECT;
	} else if (act_is_tcp(a->p)) {
		wanted = wanted > ACTION_REJECT ? wanted : ACTION_REJECT;
	} else if (wanted != ACTION_QUARANTINE) {
		return ACTION_ALERT;
	}
	a->drop = true;
	if (act_is_tcp(a->p))
		v->cut |= (uint8_t)(1u << a->side) & 3u;
	if (wanted == ACTION_QUARANTINE)
		quarantine(a, f, reason);
	if (wanted >= ACTION_REJECT && !a->told && !act_tell(a) && wanted == ACTION_REJECT)
		return ACTION_DROP;
	if (wanted >= ACTION_REJECT && act_is_tcp(a->p))
		v->blocked = (uint8_t)wanted;
	a->stats.rejected += wanted == ACTION_REJECT;
	return wanted;
}

enum policy_action act_frame(struct act *a, enum policy_action wanted)
{
	struct act_quarantine q = {.has_mac = true};

	if (a->cfg.aside || !a->frame)
		return ACTION_ALERT;
	a->drop = true;
	if (wanted != ACTION_QUARANTINE || !a->p->has_mac)
		return ACTION_DROP;
	q.mac = a->p->src_mac;
	q.until = a->time + a->cfg.quarantine_time;
	act_isolate(a, &q, "frame");
	return ACTION_QUARANTINE;
}

/*
 * What was sent meanwhile was dropped, but not judged: where ops are judged, it may not be sent
 * again, and both ends begin anew.
 */
void act_permit(struct act *a, struct flow *f)
{
	struct flow_view *v = flow_view(f);

	(void)a;
	if (v->cut && judge_per_op(v)) {
		v->blocked = ACTION_REJECT;
		return;
	}
	v->blocked = ACTION_ALERT;
	v->cut = 0;
}

bool act_fails_open(const struct act *a, struct flow *f)
{
	uint32_t conduit = flow_view(f)->decision.conduit;

	return conduit != POLICY_NONE && policy_conduit_at(a->policy, conduit)->fail_open;
}

void act_undecided(struct act *a, struct flow *f)
{
	struct flow_view *v = flow_view(f);

	if (a->flow != f || a->cfg.aside || a->side != (f->client == 1) || !judge_per_op(v) ||
	    act_fails_open(a, f))
		return;
	a->drop = true;
	if (act_is_tcp(a->p) && v->blocked < ACTION_REJECT)
		v->blocked = ACTION_REJECT;
}

void act_settle(struct act *a, struct flow *f)
{
	a->settle = a->flow == f;
}

bool act_carries(const struct act *a)
{
	return a->p && a->p->payload_len + a->p->payload_missing > (act_is_tcp(a->p) ? 1u : 0u);
}

void act_hold(struct act *a)
{
	a->drop = true;
}

void act_conflict(struct act *a, struct flow *f)
{
	if (a->flow != f || a->cfg.aside)
		return;
	a->drop = true;
	if (policy_overlap_last(a->policy)) /* ours are the last, the receiver's the first */
		flow_view(f)->cut |= (uint8_t)(1u << a->side) & 3u;
}
