/* What can be asked without changing anything. */
#include "base/civil.h"
#include "op/vocab.h"
#include "run/clock.h"
#include "run/control_impl.h"
#include "run/totals.h"

#include <stdlib.h>

static void set_count(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

static json_t *sources_json(struct service *s, const struct totals *t)
{
	static const char *const kinds[] = {"mirror", "bridge", "queue"};
	const struct run_config *cfg = service_config(s);
	json_t *list = json_array();
	unsigned i, k;

	for (i = 0; i < cfg->sources; i++) {
		json_t *source = json_object(), *ifaces = json_array();

		json_object_set_new(source, "kind", json_string(kinds[cfg->source[i].kind]));
		set_count(source, "workers", cfg->source[i].workers);
		for (k = 0; k < t->ifaces[i]; k++) {
			const struct source_stats *from = &t->source[i][k];
			json_t *o = json_object();

			answer_text(o, "name", from->iface);
			json_object_set_new(o, "up", json_boolean(from->up));
			set_count(o, "packets", from->packets);
			set_count(o, "bytes", from->bytes);
			set_count(o, "kernel_drops", from->kernel_drops);
			set_count(o, "interface_drops", from->interface_drops);
			set_count(o, "sent", from->sent);
			set_count(o, "send_failed", from->send_failed);
			set_count(o, "passed_unseen", from->unseen);
			set_count(o, "overloads", from->overloads);
			json_array_append_new(ifaces, o);
		}
		json_object_set_new(source, "interfaces", ifaces);
		json_array_append_new(list, source);
	}
	return list;
}

static json_t *conduits_json(const struct policy *p, const struct totals *t)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < t->conduits; i++) {
		json_t *o = json_object();

		answer_text(o, "id", policy_conduit_at(p, i)->id);
		set_count(o, "flows", t->conduit[i].flows);
		set_count(o, "ops", t->conduit[i].ops);
		set_count(o, "violations", t->conduit[i].violations);
		set_count(o, "blocked", t->conduit[i].blocked);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *outputs_json(struct service *s)
{
	struct output_stats stats[OUTPUTS_MAX];
	unsigned n = outputs_stats(service_outputs(s), stats, OUTPUTS_MAX), i;
	json_t *list = json_array();

	for (i = 0; i < n; i++) {
		json_t *o = json_object();

		answer_text(o, "name", stats[i].name);
		json_object_set_new(o, "takes", json_boolean(stats[i].takes));
		set_count(o, "written", stats[i].written);
		set_count(o, "waiting", stats[i].waiting);
		set_count(o, "spooled", stats[i].spooled);
		set_count(o, "lost", stats[i].lost);
		set_count(o, "given_up", stats[i].given_up);
		answer_text(o, "error", stats[i].error);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *findings_json(struct service *s, const struct totals *t)
{
	const struct finding *f;
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < WORKER_FINDINGS && (f = catalogue_at(service_catalogue(s), i)); i++) {
		json_t *o;

		if (!t->occurrences[i])
			continue;
		o = json_object();
		answer_text(o, "finding", f->id);
		answer_text(o, "severity", finding_severity_name(f->severity));
		set_count(o, "incidents", t->incidents[i]);
		set_count(o, "occurrences", t->occurrences[i]);
		json_array_append_new(list, o);
	}
	return list;
}

json_t *control_assets(struct service *s)
{
	json_t *o = answer_assets(service_state(s));

	return o ? o : control_error("%s", state_error(service_state(s)));
}

static void one_problem(void *user, const char *finding, const char *sentence)
{
	json_t *o = json_object();

	answer_text(o, "finding", finding);
	answer_text(o, "sentence", sentence);
	json_array_append_new(user, o);
}

static void set_state(struct service *s, json_t *o)
{
	struct state *state = service_state(s);
	json_t *grants = NULL, *isolated = NULL;

	if (state) {
		grants = answer_grants(state, control_tz(s), clock_wall());
		isolated = answer_quarantines(state, control_tz(s), clock_wall());
	}
	if (state && (!grants || !isolated))
		one_problem(json_object_get(o, "problems"), "state", state_error(state));
	json_object_set_new(o, "grants", grants ? grants : json_array());
	json_object_set_new(o, "quarantine", isolated ? isolated : json_array());
}

static json_t *totals_json(const struct totals *t)
{
	json_t *o = json_object();

	set_count(o, "packets", t->packet.packets);
	set_count(o, "bytes", t->packet.bytes);
	set_count(o, "flows", t->flow.flows);
	set_count(o, "active_flows", t->flow.active);
	set_count(o, "ops", t->flow.ops);
	set_count(o, "degraded", t->act.degraded);
	set_count(o, "dropped", t->act.dropped);
	set_count(o, "rejected", t->act.rejected);
	set_count(o, "quarantined", t->act.quarantined);
	return o;
}

/* Learning: how it goes. Frozen: how the budget is spent. With several workers, a host that two of
 * them see counts twice. */
static json_t *baseline_json(struct service *s, const struct totals *t)
{
	const struct run_config *cfg = service_config(s);
	const struct baseline_progress *p = &t->learned;
	json_t *o = json_object();

	answer_text(o, "file", cfg->baseline);
	answer_text(o, "state", cfg->baseline_learn ? "learning" : "frozen");
	set_count(o, "ops", p->ops);
	set_count(o, "flows", p->flows);
	set_count(o, "hosts", p->hosts);
	set_count(o, "links", p->links);
	set_count(o, "channels", p->channels);
	set_count(o, "items", p->items);
	set_count(o, "objects", p->objects);
	set_count(o, "refused", p->refused);
	set_count(o, "bytes", p->bytes);
	if (cfg->baseline_learn) {
		set_count(o, "recent_ops", p->recent_ops);
		set_count(o, "recent_explained", p->recent_explained);
		json_object_set_new(o, "settled", json_boolean(p->settled));
		if (p->from)
			answer_time(o, "from", p->from, control_tz(s));
		if (p->news)
			answer_time(o, "news", p->news, control_tz(s));
		if (service_baseline_saved(s))
			answer_time(o, "saved", service_baseline_saved(s), control_tz(s));
		return o;
	}
	json_object_set_new(o, "budget", json_real(t->budget));
	set_count(o, "events_today", t->events_today);
	set_count(o, "events_yesterday", t->events_yesterday);
	return o;
}

json_t *control_status(struct service *s)
{
	const struct policy *p = service_policy(s);
	struct totals *t = totals_take(s);
	json_t *o, *problems = json_array();

	if (!t) {
		json_decref(problems);
		return control_error("out of memory");
	}
	o = json_object();
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "problems", problems);
	health_each(service_health(s), one_problem, problems);
	answer_time(o, "since", service_started(s), control_tz(s));
	answer_time(o, "now", clock_wall(), control_tz(s));
	set_count(o, "uptime_seconds", (uint64_t)((clock_wall() - service_started(s)) / CIVIL_NS));
	answer_text(o, "timezone", p ? policy_tz(p)->name : "UTC");
	answer_text(o, "policy", service_config(s)->policy);
	answer_text(o, "site", p ? policy_site(p) : "");
	if (p) {
		json_object_set_new(
			o, "mode",
			json_string(policy_mode(p) == MODE_ENFORCE ? "enforce" : "detect"));
		answer_text(o, "operating_mode", policy_operating_name(service_operating(s)));
	}
	answer_text(o, "state", service_config(s)->state);
	if (t->has_baseline)
		json_object_set_new(o, "baseline", baseline_json(s, t));
	json_object_set_new(o, "totals", totals_json(t));
	json_object_set_new(o, "sources", sources_json(s, t));
	json_object_set_new(o, "conduits", conduits_json(p, t));
	json_object_set_new(o, "findings", findings_json(s, t));
	json_object_set_new(o, "outputs", outputs_json(s));
	set_state(s, o);
	json_object_set_new(o, "well", json_boolean(json_array_size(problems) == 0));
	totals_free(t);
	return o;
}

static json_t *worker_json(const struct worker_counts *c)
{
	json_t *o = json_object(), *latency = json_array(), *ops = json_object();
	const struct vocab *v;
	unsigned i;

	set_count(o, "loops", c->loops);
	set_count(o, "orders", c->orders);
	set_count(o, "packets", c->packet.packets);
	set_count(o, "bytes", c->packet.bytes);
	set_count(o, "invalid", c->packet.bad);
	set_count(o, "flows", c->flow.flows);
	set_count(o, "active_flows", c->flow.active);
	set_count(o, "evicted_flows", c->flow.evicted);
	set_count(o, "gaps", c->flow.gaps);
	for (i = 0; i < WORKER_PROTOS && (v = vocab_at(i)); i++)
		set_count(ops, v->proto, c->ops[i]);
	json_object_set_new(o, "ops", ops);
	for (i = 0; i < WORKER_LATENCY_BUCKETS; i++)
		json_array_append_new(latency, json_integer((json_int_t)c->latency[i]));
	json_object_set_new(o, "latency_below_2n_microseconds", latency);
	return o;
}

json_t *control_stats(struct service *s)
{
	struct worker_counts *c = malloc(sizeof(*c));
	json_t *o, *list;
	unsigned i;

	if (!c)
		return control_error("out of memory");
	o = json_object();
	list = json_array();
	json_object_set_new(o, "ok", json_true());
	for (i = 0; service_counts(s, i, c); i++) {
		json_t *one = worker_json(c);

		set_count(one, "source", service_worker_source(s, i));
		json_array_append_new(list, one);
		free(c->conduit);
	}
	json_object_set_new(o, "workers", list);
	free(c);
	return o;
}
