/*
 * The report as one JSON object, for other programs; docs/validate.md lists its members. Members
 * keep their order, times are packet time: the same input gives the same bytes.
 */
#include "report/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define SCHEMA_VERSION 1
#define SECOND	       INT64_C(1000000000)

static void put(json_t *o, const char *key, const char *text)
{
	json_t *s = json_string(text);

	/* bytes that are no UTF-8, as a file may be named */
	json_object_set_new(o, key, s ? s : json_string("?"));
}

static void put_number(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

/* "2026-11-21T03:37:10.650263Z"; nothing for 0. */
static void put_time(json_t *o, const char *key, int64_t ns)
{
	time_t seconds = (time_t)(ns / SECOND);
	char text[48];
	struct tm tm;
	size_t n;

	if (!ns || !gmtime_r(&seconds, &tm))
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06dZ", (int)(ns % SECOND / 1000));
	put(o, key, text);
}

static void put_place(json_t *o, const char *key, const struct record *r, const struct addr *a,
		      struct policy_place place)
{
	json_t *x = json_object();
	char text[ADDR_STRLEN];

	put(x, "address", addr_str(a, text));
	if (place.zone != POLICY_NONE)
		put(x, "zone", policy_zone_at(r->policy, place.zone)->id);
	if (place.asset != POLICY_NONE)
		put(x, "asset", policy_asset_at(r->policy, place.asset)->id);
	json_object_set_new(o, key, x);
}

static json_t *pairs(const struct record *r, const struct record_conduit *c)
{
	json_t *list = json_array(), *o;
	uint32_t i;

	for (i = 0; i < c->pairs; i++) {
		const struct record_pair *x = &c->pair[i];

		o = json_object();
		put_place(o, "client", r, &x->client, x->place[0]);
		put_place(o, "server", r, &x->server, x->place[1]);
		put_number(o, "flows", x->flows);
		put_number(o, "ops", x->ops);
		put_number(o, "bytes", x->bytes);
		put_time(o, "first", x->first);
		put_time(o, "last", x->last);
		json_array_append_new(list, o);
	}
	return list;
}

/* The lines of a text as a list. */
static json_t *lines(const char *text)
{
	json_t *list = json_array();
	const char *end;

	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		json_array_append_new(list, json_stringn(text, (size_t)(end - text)));
	}
	return list;
}

static json_t *permissions(const struct report *r, uint32_t conduit)
{
	struct policy_usage *u = r->record->usage;
	struct policy_permission p;
	json_t *list = json_array(), *o;
	const char *yaml;
	uint32_t i;

	for (i = 0; policy_usage_at(u, conduit, i, &p); i++) {
		o = json_object();
		put(o, "permits", p.text);
		put_number(o, "line", (uint64_t)p.line);
		put_number(o, "flows", p.flows);
		put_number(o, "ops", p.ops);
		put_number(o, "sessions", p.sessions);
		json_object_set_new(o, "used", json_boolean(p.flows || p.ops || p.sessions));
		put(o, "unused", policy_usage_unused(u, conduit, i));
		yaml = policy_usage_narrow(u, conduit, i);
		if (yaml)
			json_object_set_new(o, "narrower", lines(yaml));
		json_array_append_new(list, o);
	}
	return list;
}

static void put_ends(json_t *o, struct report *r, uint32_t conduit, int side)
{
	static const char *const unused[] = {"from_never_seen", "to_never_seen"};
	static const char *const narrow[] = {"from_narrower", "to_narrower"};
	json_t *list = json_array();
	const char *id;
	bool zone;
	uint32_t i;

	for (i = 0; (id = policy_end_at(r->record->policy, conduit, side, i, &zone)); i++)
		if (report_end_unused(r, conduit, side, i))
			json_array_append_new(list, json_string(id));
	json_object_set_new(o, unused[side], list);
	id = report_end_narrow(r, conduit, side);
	if (id)
		put(o, narrow[side], id);
}

static json_t *conduits(struct report *r)
{
	static const char *const states[REPORT_STATES] = {"used", "violated", "closed",
							  "never-exercised"};
	json_t *list = json_array(), *o;
	uint32_t i;

	for (i = 0; i < r->record->conduits; i++) {
		const struct record_conduit *c = &r->record->conduit[i];

		o = json_object();
		put(o, "id", policy_conduit_at(r->record->policy, i)->id);
		put(o, "file", policy_conduit_at(r->record->policy, i)->file);
		put_number(o, "line", (uint64_t)policy_conduit_at(r->record->policy, i)->line);
		put(o, "state", states[report_state(r, i)]);
		put_number(o, "flows", c->flows);
		put_number(o, "ops", c->ops);
		put_number(o, "bytes", c->bytes);
		put_number(o, "denied", c->denied);
		put_number(o, "closed", c->closed);
		json_object_set_new(o, "pairs", pairs(r->record, c));
		put_number(o, "pairs_more", c->pairs_more);
		json_object_set_new(o, "permissions", permissions(r, i));
		put_ends(o, r, i, 0);
		put_ends(o, r, i, 1);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *end(const char *zone, const char *asset, const struct addr *a)
{
	json_t *o = json_object();
	char text[ADDR_STRLEN];

	if (a)
		put(o, "address", addr_str(a, text));
	if (zone)
		put(o, "zone", zone);
	if (asset)
		put(o, "asset", asset);
	return o;
}

static json_t *findings(struct report *r)
{
	json_t *list = json_array(), *o;
	uint32_t i;

	for (i = 0; i < r->record->findings; i++) {
		const struct record_finding *f = &r->record->finding[i];

		o = json_object();
		put(o, "finding", f->finding->id);
		put_number(o, "severity", f->severity);
		put(o, "verdict", f->verdict);
		put(o, "enforced", record_enforced(f->verdict));
		json_object_set_new(o, "source",
				    end(f->src_zone, f->src_asset, f->has_addr ? &f->src : NULL));
		json_object_set_new(o, "destination",
				    end(f->dst_zone, f->dst_asset, f->has_addr ? &f->dst : NULL));
		if (f->conduit)
			put(o, "conduit", f->conduit);
		put(o, "observed", f->observed);
		put(o, "expected", f->wanted);
		put_number(o, "count", f->count);
		put_number(o, "frame", f->first_frame);
		put(o, "file", report_file(r, f->file));
		put_time(o, "first", f->first);
		put_time(o, "last", f->last);
		json_object_set_new(o, "mismatch", json_boolean(report_unexpected(r, f)));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *silent(const struct record *r, bool assets)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < (assets ? r->assets : r->zones); i++)
		if (!(assets ? r->asset_seen[i] : r->zone_seen[i]))
			json_array_append_new(
				list, json_string(assets ? policy_asset_at(r->policy, i)->id
							 : policy_zone_at(r->policy, i)->id));
	return list;
}

static json_t *strangers(const struct report *r)
{
	json_t *list = json_array(), *o;
	char text[ADDR_STRLEN];
	uint32_t i;

	for (i = 0; i < r->record->strangers; i++) {
		const struct record_stranger *s = &r->record->stranger[i];

		o = json_object();
		put(o, "address", addr_str(&s->addr, text));
		if (s->zone != POLICY_NONE)
			put(o, "zone", policy_zone_at(r->record->policy, s->zone)->id);
		put_number(o, "flows", s->flows);
		put_number(o, "frame", s->first_frame);
		put(o, "file", report_file(r, s->file));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *expectations(struct report *r)
{
	json_t *list = json_array(), *o;
	struct expect_result x;
	unsigned i;

	for (i = 0; r->expect && expect_result_at(r->expect, i, r->record, r->files, r->lang, &x);
	     i++) {
		o = json_object();
		put(o, "file", r->expect_path);
		put_number(o, "line", (uint64_t)x.line);
		put(o, "expected", x.text);
		put(o, "seen", x.seen);
		json_object_set_new(o, "met", json_boolean(x.met));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *input(const struct report *r)
{
	json_t *o = json_object(), *files = json_array(), *name;
	char *const *f;

	for (f = r->files; *f; f++) {
		name = json_string(*f);
		json_array_append_new(files, name ? name : json_string("?"));
	}
	json_object_set_new(o, "files", files);
	put_number(o, "packets", r->packets);
	put_number(o, "bytes", r->bytes);
	put_number(o, "flows", r->flows);
	put_number(o, "damaged", r->damaged);
	put_time(o, "first", r->record->first);
	put_time(o, "last", r->record->last);
	return o;
}

bool report_json(struct report *r, FILE *out)
{
	json_t *o = json_object();
	bool good;

	put_number(o, "version", SCHEMA_VERSION);
	put(o, "policy", r->policy_path);
	put(o, "site", r->site);
	json_object_set_new(o, "input", input(r));
	put_number(o, "mismatches", report_mismatches(r));
	json_object_set_new(o, "expectations", expectations(r));
	json_object_set_new(o, "conduits", conduits(r));
	json_object_set_new(o, "findings", findings(r));
	put_number(o, "findings_more", r->record->findings_more);
	json_object_set_new(o, "zones_never_seen", silent(r->record, false));
	json_object_set_new(o, "assets_never_seen", silent(r->record, true));
	json_object_set_new(o, "strangers", strangers(r));
	put_number(o, "strangers_more", r->record->strangers_more);
	good = json_dumpf(o, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0;
	json_decref(o);
	fputc('\n', out);
	return good;
}
