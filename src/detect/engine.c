#include "detect/engine_impl.h"
#include "detect/fill.h"
#include "detect/sweep.h"
#include "detect/words.h"
#include "policy/watch.h"

#include <stdlib.h>

#define PAUSE	  (3600 * ENGINE_SECOND) /* so long without a packet: it begins anew */
#define PATIENCE  (5 * ENGINE_SECOND)	 /* live: what may be part of a sweep waits so long */
#define SWEPT_MAX 512			 /* incidents that a sweep looks at as it begins */

/* One try of a sweep, of which the sweep tells. */
static void untold(struct engine *e, const struct incident *i)
{
	unsigned k;

	for (k = JUDGE_NOTHING + 1; k < JUDGE_FINDINGS; k++)
		if (e->finding[k] == i->finding)
			e->count[k].incidents--;
}

static void over(const struct engine *e, const struct incident *i)
{
	struct sink *const *s;

	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->over)
			(*s)->ops->over(*s, i);
}

static void told(void *user, const struct incident *i)
{
	struct engine *e = user;
	struct incident full = *i;
	struct sink *const *s;

	if (i->phase == INCIDENT_WHOLE && i->swept && !i->did_mask) {
		untold(e, i);
		return;
	}
	if (!(e->cfg.events & ENGINE_ALERT))
		return;
	if (i->phase == INCIDENT_OVER) {
		over(e, i);
		return;
	}
	if (i->has_addr) {
		full.src_device = endpoint_find(e->endpoints, &i->src);
		full.dst_device = endpoint_find(e->endpoints, &i->dst);
	}
	if (e->vigil && i->phase != INCIDENT_OPENED)
		vigil_told(e->vigil, &full);
	for (s = e->cfg.sinks; s && *s; s++)
		if ((*s)->ops->alert)
			(*s)->ops->alert(*s, &full);
}

/* What is open, as far as that is known before the first packet. */
bool engine_begin_policy(struct engine *e)
{
	if (!e->cfg.policy)
		return true;
	e->now = policy_now_new(e->cfg.policy);
	e->vigil = vigil_new(e, e->cfg.policy, e->cfg.board, e->cfg.lang);
	e->link = link_new();
	e->conduits = policy_conduits(e->cfg.policy);
	e->conduit = calloc(e->conduits + 1, sizeof(*e->conduit));
	if (!e->now || !e->vigil || !e->link || !e->conduit)
		return false;
	if (e->cfg.act)
		act_rules(e->cfg.act, e->cfg.policy, engine_enforces(e));
	e->watches = policy_watch_pairs(e->cfg.policy) > 0;
	e->limits = policy_limits(e->cfg.policy);
	if (e->cfg.has_mode)
		policy_now_mode(e->now, e->cfg.operating_mode);
	return !e->cfg.grant_count || policy_now_grants(e->now, e->cfg.grants, e->cfg.grant_count);
}

struct engine *engine_new(const struct engine_config *cfg)
{
	struct engine *e = calloc(1, sizeof(*e));
	const struct vocab *v;
	char id[64];
	unsigned i;

	if (!e)
		return NULL;
	e->cfg = *cfg;
	for (i = JUDGE_NOTHING + 1; i < JUDGE_FINDINGS; i++) {
		e->finding[i] = catalogue_find(
			cfg->catalogue, judge_finding_id((enum judge_finding)i, id, sizeof(id)));
		if (!e->finding[i])
			goto fail;
	}
	for (i = 0; i < ENGINE_VOCABS_MAX && (v = vocab_at(i)); i++)
		e->vocab_proto[e->vocabs++] = v->proto;
	e->storm = storm_new();
	e->endpoints = endpoint_table_new();
	e->incidents = incident_table_new(
		ENGINE_INCIDENTS, cfg->incident_quiet ? cfg->incident_quiet : 300 * ENGINE_SECOND,
		cfg->incident_longest ? cfg->incident_longest : 3600 * ENGINE_SECOND, told, e);
	if (e->incidents && cfg->live)
		incident_live(e->incidents, PATIENCE);
	if (e->storm && e->endpoints && e->incidents && engine_begin_policy(e) &&
	    (!cfg->baseline || engine_norm_begin(e)))
		return e;
fail:
	engine_free(e);
	return NULL;
}

void engine_listens_anew(struct engine *e, int64_t time)
{
	if (e->vigil)
		vigil_begin(e->vigil, time);
	if (e->cfg.baseline)
		baseline_resume(e->cfg.baseline, time);
}

/* Once per second of packet time, whichever way it moves: quiet incidents, and what is missing. */
__attribute__((noinline)) void engine_second(struct engine *e, int64_t time)
{
	if (time < e->begin || time - e->ticked > PAUSE) {
		e->begin = time;
		engine_listens_anew(e, time);
	}
	if (e->vigil)
		vigil_tick(e->vigil, time);
	if (e->cfg.baseline) {
		baseline_tick(e->cfg.baseline, time);
		engine_norm_tick(e, time);
	}
	incident_tick(e->incidents, time);
	e->ticked = time;
}

static struct incident *count(struct engine *e, enum judge_finding what, uint64_t key,
			      uint64_t place, int64_t time, uint64_t frame)
{
	struct incident *i =
		incident_report_at(e->incidents, e->finding[what], key, place, time, frame);

	e->count[what].occurrences++;
	if (i) {
		e->count[what].incidents++;
		i->verdict = "alert";
	}
	return i;
}

/*
 * Counts an occurrence; a new incident is returned to be filled. A table that runs over is a
 * finding of its own, made first so that it cannot push out what is returned here.
 */
struct incident *engine_report(struct engine *e, enum judge_finding what, uint64_t key,
			       uint64_t place, int64_t time, uint64_t frame)
{
	struct words w = {.lang = e->cfg.lang, .number = ENGINE_INCIDENTS};
	struct incident *i;

	if (incident_early(e->incidents) != e->early) {
		i = count(e, JUDGE_LIMIT, 0, 0, time, frame);
		if (i)
			words_fill(&w, JUDGE_LIMIT, i);
		e->early = incident_early(e->incidents);
	}
	return count(e, what, key, place, time, frame);
}

struct incident *engine_incident(const struct engine *e, enum judge_finding what, uint64_t key,
				 uint64_t place)
{
	return incident_find_at(e->incidents, e->finding[what], key, place);
}

struct sweep_begin {
	struct addr client;
	int64_t from, to; /* ns */
};
static void sweep_one(void *user, struct incident *i)
{
	const struct sweep_begin *b = user;

	i->swept = i->swept || (i->tried && addr_eq(&i->src, &b->client) && i->first >= b->from &&
				i->first <= b->to);
}

void engine_sweep_begins(struct engine *e, const struct addr *client, int64_t time)
{
	struct sweep_begin b = {*client, time - SWEEP_WINDOW, time + SWEEP_WINDOW};

	incident_newest(e->incidents, SWEPT_MAX, sweep_one, &b);
}

bool engine_is(const struct engine *e, const struct incident *i, enum judge_finding what)
{
	return i->finding == e->finding[what];
}

/* The verdict and the conduit of a violation; more is at stake in a safety zone. */
void engine_fill_verdict(struct engine *e, struct incident *i, const struct flow_view *v,
			 uint32_t conduit, bool is_op)
{
	const struct policy *p = e->cfg.policy;

	if (conduit != POLICY_NONE) {
		i->conduit = policy_conduit_at(p, conduit)->id;
		i->refs = policy_conduit_at(p, conduit)->refs;
	}
	if (v->safety)
		i->severity = 1;
	i->verdict = judge_verdict(p, engine_mode(e), conduit, is_op, v->safety);
	if (!e->done.verdict)
		return;
	i->verdict = e->done.verdict;
	i->wanted = e->done.wanted;
	i->done = e->done.action;
}

void engine_names(const struct engine *e, struct flow *f, struct sink_names *n)
{
	const struct flow_view *v = flow_view(f);

	memset(n, 0, sizeof(*n));
	n->client_device = endpoint_find(e->endpoints, flow_client(f));
	n->server_device = endpoint_find(e->endpoints, flow_server(f));
	if (!e->cfg.policy || !v->opened)
		return;
	fill_place(e->cfg.policy, v->place[0], &n->client_zone, &n->client_asset);
	fill_place(e->cfg.policy, v->place[1], &n->server_zone, &n->server_asset);
}

const struct flow_handlers engine_handlers = {
	.opened = engine_on_opened,
	.packet = engine_on_packet,
	.op = engine_on_op,
	.anomaly = engine_on_anomaly,
	.identity = engine_on_identity,
	.link = engine_on_link,
	.related = engine_on_related,
	.closed = engine_on_closed,
	.edit = engine_on_edit,
	.answered = engine_on_answered,
};

const struct policy_now *engine_now(const struct engine *e)
{
	return e->now;
}

void engine_flush(struct engine *e)
{
	if (e->vigil)
		vigil_tick(e->vigil, e->newest);
	if (e->cfg.baseline) {
		if (e->newest)
			baseline_tick(e->cfg.baseline, e->newest);
		engine_norm_flush(e);
	}
	incident_flush(e->incidents);
}

void engine_counts(const struct engine *e, unsigned index, uint64_t *incidents,
		   uint64_t *occurrences)
{
	unsigned i;

	*incidents = *occurrences = 0;
	for (i = JUDGE_NOTHING + 1; i < JUDGE_FINDINGS; i++) {
		if (e->finding[i]->index != index)
			continue;
		*incidents = e->count[i].incidents;
		*occurrences = e->count[i].occurrences;
	}
}

uint64_t engine_ops(const struct engine *e, unsigned vocab)
{
	return vocab < e->vocabs ? e->ops[vocab] : 0;
}

const struct endpoint *engine_device(const struct engine *e, const struct addr *a)
{
	return endpoint_find(e->endpoints, a);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	incident_table_free(e->incidents);
	storm_free(e->storm);
	endpoint_table_free(e->endpoints);
	policy_now_free(e->now);
	vigil_free(e->vigil);
	link_free(e->link);
	free(e->conduit);
	free(e->norm);
	free(e);
}
