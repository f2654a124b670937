#include "run/answer.h"

#include "base/civil.h"

#include <stdio.h>

void answer_text(json_t *o, const char *key, const char *text)
{
	json_t *v = json_string(text ? text : "");

	json_object_set_new(o, key, v ? v : json_string("?"));
}

void answer_time(json_t *o, const char *key, int64_t ns, const struct tz *z)
{
	int64_t utc = civil_floor(ns);
	struct civil c = civil_from(utc);
	char text[64], local[64];

	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09lldZ", c.year, c.month,
		 c.day, c.hour, c.minute, c.second, (long long)(ns - utc * CIVIL_NS));
	json_object_set_new(o, key, json_string(text));
	c = civil_from(utc + tz_offset(z, utc));
	snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day,
		 c.hour, c.minute, c.second);
	snprintf(local, sizeof(local), "%s_local", key);
	json_object_set_new(o, local, json_string(text));
}

json_t *answer_grant(const struct state_grant *g, const struct tz *z)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer(g->id));
	answer_text(o, "conduit", g->conduit);
	answer_time(o, "from", g->from, z);
	answer_time(o, "until", g->until, z);
	answer_text(o, "approver", g->approver);
	answer_text(o, "reason", g->reason);
	answer_text(o, "os_user", g->os_user);
	answer_text(o, "permits", g->permits);
	return o;
}

json_t *answer_quarantine(const struct state_quarantine *q, const struct tz *z)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer(q->id));
	answer_text(o, "host", q->host);
	answer_time(o, "from", q->from, z);
	answer_time(o, "until", q->until, z);
	answer_text(o, "by", q->by);
	answer_text(o, "reason", q->reason);
	answer_text(o, "os_user", q->os_user);
	return o;
}

struct listing {
	json_t *list;
	const struct tz *z;
	int64_t now;
};

static void one_grant(void *user, const struct state_grant *g)
{
	struct listing *l = user;

	if (state_ends(g) > l->now)
		json_array_append_new(l->list, answer_grant(g, l->z));
}

static void one_quarantine(void *user, const struct state_quarantine *q)
{
	struct listing *l = user;

	if (state_isolated_until(q) > l->now)
		json_array_append_new(l->list, answer_quarantine(q, l->z));
}

static void one_asset(void *user, const struct state_asset *a)
{
	struct listing *l = user;
	json_t *o = json_object(), *facts = json_object();
	unsigned i;

	answer_text(o, "host", a->host);
	answer_text(o, "mac", a->mac);
	answer_text(o, "zone", a->zone);
	answer_text(o, "asset", a->asset);
	answer_text(o, "interface", a->iface);
	answer_time(o, "first", a->first, l->z);
	answer_time(o, "last", a->last, l->z);
	for (i = 0; i < a->facts; i++)
		answer_text(facts, a->fact[i].key, a->fact[i].value);
	json_object_set_new(o, "facts", facts);
	json_array_append_new(l->list, o);
}

static void one_stubborn(void *user, const struct state_stubborn *d)
{
	struct listing *l = user;
	json_t *o = json_object();

	answer_text(o, "host", d->host);
	json_object_set_new(o, "port", json_integer(d->port));
	answer_time(o, "since", d->since, l->z);
	json_array_append_new(l->list, o);
}

static json_t *unless(bool failed, json_t *list)
{
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

json_t *answer_grants(struct state *s, const struct tz *z, int64_t now)
{
	struct listing l = {json_array(), z, now};

	return unless(!state_grants(s, one_grant, &l), l.list);
}

json_t *answer_quarantines(struct state *s, const struct tz *z, int64_t now)
{
	struct listing l = {json_array(), z, now};

	return unless(!state_quarantines(s, one_quarantine, &l), l.list);
}

json_t *answer_assets(struct state *s)
{
	struct listing assets = {json_array(), &tz_of_utc, 0},
		       stubborn = {json_array(), &tz_of_utc, 0};
	json_t *o = json_object();
	bool ok = state_assets(s, one_asset, &assets) && state_stubborn(s, one_stubborn, &stubborn);

	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "assets", assets.list);
	json_object_set_new(o, "cannot_be_degraded", stubborn.list);
	return unless(!ok, o);
}
