/* Requests that change something, each a row of the table. */
#include "base/utf8.h"
#include "run/clock.h"
#include "run/control_impl.h"
#include "run/grants.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 400 /* bytes of a sentence */

struct asked {
	struct service *s;
	const struct peer *peer;
	struct state_actor who;
	const json_t *request;
};

json_t *control_error(const char *fmt, ...)
{
	char text[WHY_MAX];
	va_list ap;
	json_t *o = json_object();

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	utf8_trim(text);
	json_object_set_new(o, "ok", json_false());
	answer_text(o, "error", text);
	return o;
}

const struct tz *control_tz(const struct service *s)
{
	return service_policy(s) ? policy_tz(service_policy(s)) : &tz_of_utc;
}

static json_t *good(void)
{
	json_t *o = json_object();

	json_object_set_new(o, "ok", json_true());
	return o;
}

/* A text of the request; NULL when there is none, or none that may go into the log. */
static const char *text_of(const struct asked *a, const char *key)
{
	const char *text = json_string_value(json_object_get(a->request, key));

	return text && strlen(text) <= STATE_TEXT_MAX && utf8_printable(text) ? text : NULL;
}

static bool is_blank(const char *text)
{
	return !text || text[strspn(text, " ")] == '\0';
}

static json_t *unsaid(const char *key)
{
	return control_error("\"%s\" is missing, empty, or no printable text of up to %d bytes",
			     key, STATE_TEXT_MAX);
}

static json_t *state_broken(const struct asked *a)
{
	return control_error("%s: %s", service_config(a->s)->state,
			     state_error(service_state(a->s)));
}

/* What was written down is told to the workers. */
static json_t *in_force(const struct asked *a, json_t *o)
{
	char err[256];

	if (service_state_changed(a->s, err, sizeof(err)))
		return o;
	json_decref(o);
	return control_error("it is written down, but not in force: %s", err);
}

json_t *control_refused(struct service *s, const struct peer *who, const char *what, bool log)
{
	const struct state_actor actor = {.time = clock_wall(), .os_user = who->name};
	struct state *state = service_state(s);
	char detail[200];

	snprintf(detail, sizeof(detail), "control socket: %.40s is not for this user", what);
	utf8_trim(detail);
	if (!utf8_printable(detail))
		snprintf(detail, sizeof(detail), "control socket: this is not for this user");
	if (log) {
		fprintf(stderr, "kidoban run: %s, uid %lu, process %ld: %s\n", who->name,
			(unsigned long)who->uid, (long)who->pid, detail);
		if (state && !state_refuse(state, &actor, "", "", "", detail))
			fprintf(stderr, "kidoban run: %s\n", state_error(state));
	}
	return control_error("%s may not do that: only root, the service's own user and members of "
			     "its group may%s%s",
			     who->name, service_config(s)->control_group ? ": " : "",
			     service_config(s)->control_group ? service_config(s)->control_group
							      : "");
}

static json_t *refused(const struct asked *a, const char *conduit, const char *approver,
		       const char *reason, const char *why)
{
	if (!state_refuse(service_state(a->s), &a->who, conduit, approver, reason, why))
		return state_broken(a);
	return control_error("refused: %s", why);
}

static json_t *do_status(const struct asked *a)
{
	return control_status(a->s);
}

static json_t *do_stats(const struct asked *a)
{
	return control_stats(a->s);
}

static json_t *do_assets(const struct asked *a)
{
	return control_assets(a->s);
}

static json_t *do_reload(const struct asked *a)
{
	struct diag diag = {.count = 0};
	bool ok = service_reload(a->s, &diag);
	json_t *o = ok ? good() : control_error("not reloaded, everything is as before"),
	       *list = json_array(), *one;
	const char *policy = service_config(a->s)->policy;
	unsigned i;

	for (i = 0; i < diag.count; i++) {
		one = json_object();
		answer_text(one, "file", diag.entry[i].file);
		json_object_set_new(one, "line", json_integer(diag.entry[i].line));
		json_object_set_new(one, "column", json_integer(diag.entry[i].col));
		json_object_set_new(one, "error", json_boolean(diag.entry[i].level == DIAG_ERROR));
		answer_text(one, "text", diag.entry[i].text);
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "mistakes", list);
	diag_print(&diag, stderr);
	diag_free(&diag);
	if (service_state(a->s) && !state_note(service_state(a->s), &a->who, STATE_RELOADED, "",
					       !ok	? "not reloaded: there were mistakes"
					       : policy ? policy
							: ""))
		fprintf(stderr, "kidoban run: %s\n", state_error(service_state(a->s)));
	return o;
}

static json_t *do_grant(const struct asked *a)
{
	const struct policy *p = service_policy(a->s);
	struct state_grant g = {.conduit = text_of(a, "conduit"),
				.approver = text_of(a, "approver"),
				.reason = text_of(a, "reason"),
				.made = a->who.time,
				.os_user = a->who.os_user};
	const char *duration = text_of(a, "for"), *at = text_of(a, "at");
	const struct policy_conduit *c;
	char why[WHY_MAX];
	json_t *o;

	if (!p)
		return control_error("the service has no policy, so there is no conduit to open");
	if (!g.conduit || !duration || !g.approver || !g.reason)
		return unsaid(!g.conduit    ? "conduit"
			      : !duration   ? "for"
			      : !g.approver ? "approver"
					    : "reason");
	if (json_object_get(a->request, "at") && !at)
		return unsaid("at");
	if (!grant_times(p, duration, at, a->who.time, &g, why, sizeof(why)))
		return control_error("%s", why);
	grant_refusal(p, &g, why, sizeof(why));
	if (!state_expire(service_state(a->s), &a->who))
		return state_broken(a);
	if (*why)
		return refused(a, g.conduit, g.approver, g.reason, why);
	c = policy_conduit_at(p, policy_conduit_find(p, g.conduit));
	g.permits = c->permits;
	if (!state_grant(service_state(a->s), &a->who, &g, &g.id))
		return state_broken(a);
	o = good();
	json_object_set_new(o, "grant", answer_grant(&g, control_tz(a->s)));
	json_object_set_new(o, "timezone", json_string(policy_tz(p)->name));
	json_object_set_new(o, "operating_modes", json_string(c->modes));
	json_object_set_new(o, "schedule", json_string(c->schedule));
	json_object_set_new(o, "open_until", json_string(c->until));
	return in_force(a, o);
}

/* What was revoked or released. */
struct ended {
	const struct service *s;
	json_t *list;
};

static void one_grant(void *user, const struct state_grant *g)
{
	struct ended *e = user;

	json_array_append_new(e->list, answer_grant(g, control_tz(e->s)));
}

static void one_quarantine(void *user, const struct state_quarantine *q)
{
	struct ended *e = user;

	json_array_append_new(e->list, answer_quarantine(q, control_tz(e->s)));
}

static json_t *ended(const struct asked *a, const struct ended *e, const char *key)
{
	json_t *o = good();

	json_object_set(o, key, e->list);
	return in_force(a, o);
}

static json_t *do_revoke(const struct asked *a)
{
	int64_t id = json_integer_value(json_object_get(a->request, "id"));
	const char *conduit = text_of(a, "conduit"), *reason = text_of(a, "reason");
	struct ended e = {a->s, json_array()};
	unsigned count;
	json_t *o;

	if (is_blank(reason) || (id <= 0 && !conduit))
		o = unsaid(is_blank(reason) ? "reason" : "conduit");
	else if (!state_expire(service_state(a->s), &a->who) ||
		 !state_revoke(service_state(a->s), &a->who, id > 0 ? id : 0,
			       conduit ? conduit : "", reason, &count, one_grant, &e))
		o = state_broken(a);
	else if (!count)
		o = refused(a, conduit ? conduit : "", "", reason, "nothing to revoke");
	else
		o = ended(a, &e, "revoked");
	json_decref(e.list);
	return o;
}

/* A mirror port isolates nobody. */
static bool only_watches(const struct run_config *cfg)
{
	unsigned i;

	for (i = 0; i < cfg->sources; i++)
		if (cfg->source[i].kind != RUN_MIRROR)
			return false;
	return true;
}

static json_t *do_quarantine(const struct asked *a)
{
	const char *host = text_of(a, "host"), *duration = text_of(a, "for"),
		   *by = text_of(a, "by"), *reason = text_of(a, "reason");
	char name[QUARANTINE_HOST], why[WHY_MAX];
	int64_t length = service_config(a->s)->quarantine;
	struct state_quarantine q = {.host = name,
				     .from = a->who.time,
				     .made = a->who.time,
				     .by = by ? by : a->who.os_user,
				     .os_user = a->who.os_user,
				     .reason = reason};
	json_t *o;

	if (!host || is_blank(reason))
		return unsaid(host ? "reason" : "host");
	if (!quarantine_host(host, name))
		return control_error("'%.64s' is neither an address nor a MAC address", host);
	if (json_object_get(a->request, "for") && !duration)
		return unsaid("for");
	if (duration && !grant_duration(duration, &length, why, sizeof(why)))
		return control_error("%s", why);
	q.until = q.from + length;
	quarantine_refusal(service_policy(a->s), name, why, sizeof(why));
	if (!state_expire(service_state(a->s), &a->who))
		return state_broken(a);
	if (*why)
		return refused(a, name, "", reason, why);
	if (!state_isolate(service_state(a->s), &a->who, &q, &q.id))
		return state_broken(a);
	o = good();
	json_object_set_new(o, "quarantine", answer_quarantine(&q, control_tz(a->s)));
	if (only_watches(service_config(a->s)))
		json_object_set_new(o, "note",
				    json_string("kidoban watches mirror ports only, so it isolates "
						"nobody itself"));
	return in_force(a, o);
}

static json_t *do_release(const struct asked *a)
{
	int64_t id = json_integer_value(json_object_get(a->request, "id"));
	const char *host = text_of(a, "host"), *reason = text_of(a, "reason");
	char name[QUARANTINE_HOST] = "";
	struct ended e = {a->s, json_array()};
	unsigned count;
	json_t *o;

	if (id <= 0 && !host)
		o = unsaid("host");
	else if (host && !quarantine_host(host, name))
		o = control_error("'%.64s' is neither an address nor a MAC address", host);
	else if (!state_expire(service_state(a->s), &a->who) ||
		 !state_release(service_state(a->s), &a->who, id > 0 ? id : 0, name,
				reason ? reason : "", &count, one_quarantine, &e))
		o = state_broken(a);
	else if (!count)
		o = refused(a, name, "", reason ? reason : "", "nothing to release");
	else
		o = ended(a, &e, "released");
	json_decref(e.list);
	return o;
}

static json_t *do_mode(const struct asked *a)
{
	const char *mode = text_of(a, "mode"), *reason = text_of(a, "reason");
	json_t *o;
	int m;

	if (!mode)
		return unsaid("mode");
	for (m = OPERATING_NORMAL; m <= OPERATING_ANALYSIS; m++)
		if (strcmp(policy_operating_name((enum policy_operating_mode)m), mode) == 0)
			break;
	if (m > OPERATING_ANALYSIS)
		return control_error("'%.64s' is no operating mode; there are normal, maintenance, "
				     "emergency, analysis",
				     mode);
	if (service_state(a->s) &&
	    !state_note(service_state(a->s), &a->who, STATE_MODE, reason ? reason : "", mode))
		return state_broken(a);
	if (!service_operating_mode(a->s, (enum policy_operating_mode)m))
		return control_error("out of memory; the mode is as before");
	o = good();
	answer_text(o, "operating_mode", mode);
	return o;
}

/* Somebody wrote into the state file himself, and says so. */
static json_t *do_state(const struct asked *a)
{
	json_t *o = good();

	answer_text(o, "state", service_config(a->s)->state);
	return in_force(a, o);
}

static const struct {
	const char *name;
	json_t *(*run)(const struct asked *a);
	bool only_looks, needs_state;
} requests[] = {
	{"status", do_status, true, false},
	{"stats", do_stats, true, false},
	{"assets", do_assets, false, true},
	{"reload", do_reload, false, false},
	{"grant", do_grant, false, true},
	{"revoke", do_revoke, false, true},
	{"quarantine", do_quarantine, false, true},
	{"release", do_release, false, true},
	{"mode", do_mode, false, false},
	{"state", do_state, false, true},
};

#define REQUESTS (sizeof(requests) / sizeof(*requests))

static size_t find(const char *what)
{
	size_t i = 0;

	while (i < REQUESTS && strcmp(requests[i].name, what) != 0)
		i++;
	return i;
}

bool control_only_looks(const char *what)
{
	size_t i = find(what);

	return i == REQUESTS || requests[i].only_looks;
}

json_t *control_do(struct service *s, const struct peer *who, const json_t *request)
{
	const struct asked a = {.s = s,
				.peer = who,
				.who = {.time = clock_wall(), .os_user = who->name},
				.request = request};
	const char *what = json_string_value(json_object_get(request, "do"));
	size_t i = find(what);

	if (i == REQUESTS)
		return control_error("'%.40s' is nothing that can be asked for", what);
	if (requests[i].needs_state && !service_state(s))
		return control_error("the service keeps no state; name a file under state: in %s",
				     service_config(s)->path);
	return requests[i].run(&a);
}
