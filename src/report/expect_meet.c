/* Expectations against what was seen, and the sentences about it. */
#include "report/expect_parts.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- matching --- */

static bool addr_within(const struct addr *a, const struct expect_end *e)
{
	unsigned whole = e->bits / 8, rest = e->bits % 8;

	if (memcmp(a->b, e->net.b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ e->net.b[whole]) >> (8 - rest)) == 0;
}

static bool end_is(const struct policy *p, const struct expect_end *e, const struct addr *a,
		   uint32_t zone, uint32_t asset)
{
	if (!e->text)
		return true;
	if (e->zone != POLICY_NONE)
		return e->zone == zone;
	if (e->asset != POLICY_NONE)
		return e->asset == asset;
	if (e->group != POLICY_NONE)
		return policy_group_has(p, e->group,
					(struct policy_place){.zone = zone, .asset = asset});
	return a && addr_within(a, e);
}

static bool flow_between(const struct policy *p, const struct expectation *e, const struct flow *f)
{
	const struct flow_view *v = flow_view((struct flow *)f);
	const struct addr *client = flow_client(f), *server = flow_server(f);
	struct policy_place a = v->place[v->reversed], b = v->place[!v->reversed];

	if (v->reversed) {
		client = flow_server(f);
		server = flow_client(f);
	}
	return end_is(p, &e->end[0], client, a.zone, a.asset) &&
	       end_is(p, &e->end[1], server, b.zone, b.asset);
}

static bool same_verdict(const char *asked, const char *is)
{
	return !asked || strcmp(record_enforced(asked), record_enforced(is)) == 0;
}

static void allowed(struct expectation *e, uint64_t frame, uint16_t file)
{
	if (e->allowed++ == 0) {
		e->allow_frame = frame;
		e->allow_file = file;
	}
}

static void denied(struct expectation *e, const struct finding *finding, uint32_t conduit,
		   const char *verdict, uint64_t frame, uint16_t file)
{
	bool asked = (!e->finding || e->finding == finding) && same_verdict(e->verdict, verdict) &&
		     (e->conduit == POLICY_NONE || e->conduit == conduit || e->kind != EXPECT_DENY);

	if (e->denied + e->otherwise == 0 || (!asked && e->otherwise == 0)) {
		e->first_finding = finding ? finding->id : "";
		e->first_verdict = verdict;
		e->frame = frame;
		e->file = file;
	}
	e->denied += asked;
	e->otherwise += !asked;
}

void expect_op(struct expect *x, const struct flow *f, const struct op *op, enum judge_finding what,
	       uint32_t conduit, const char *verdict)
{
	const struct flow_view *v = flow_view((struct flow *)f);
	struct expectation *e;

	for (e = x->item; e < x->item + x->items; e++) {
		if ((e->kind != EXPECT_ALLOW && e->kind != EXPECT_DENY) || !e->entry ||
		    policy_entry_is_service(e->entry) || !flow_between(x->policy, e, f) ||
		    !policy_entry_op(e->entry, op, v->decision.port))
			continue;
		if (what)
			denied(e, x->finding[what], conduit, verdict, op->frame, f->file[1]);
		else
			allowed(e, op->frame, f->file[1]);
	}
}

void expect_flow(struct expect *x, const struct flow *f, enum judge_finding what, uint32_t conduit,
		 const char *verdict)
{
	const struct flow_view *v = flow_view((struct flow *)f);
	struct expectation *e;

	for (e = x->item; e < x->item + x->items; e++) {
		if ((e->kind != EXPECT_ALLOW && e->kind != EXPECT_DENY) ||
		    !flow_between(x->policy, e, f))
			continue;
		if (e->entry && !(policy_entry_is_service(e->entry) &&
				  policy_entry_flow(e->entry, f->ip_proto, v->decision.port)))
			continue;
		if (what)
			denied(e, x->finding[what], conduit, verdict, f->first_frame, f->file[0]);
		else
			allowed(e, f->first_frame, f->file[0]);
	}
}

static uint32_t find_zone(const struct policy *p, const char *id)
{
	uint32_t i;

	for (i = 0; id && policy_zone_at(p, i); i++)
		if (policy_zone_at(p, i)->id == id)
			return i;
	return POLICY_NONE;
}

static uint32_t find_asset(const struct policy *p, const char *id)
{
	uint32_t i;

	for (i = 0; id && policy_asset_at(p, i); i++)
		if (policy_asset_at(p, i)->id == id)
			return i;
	return POLICY_NONE;
}

static bool alert_between(const struct expect *x, const struct expectation *e,
			  const struct incident *i)
{
	const struct policy *p = x->policy;
	const struct addr *a = i->has_addr ? &i->src : NULL, *b = i->has_addr ? &i->dst : NULL;
	const char *az = i->src_zone, *aa = i->src_asset, *bz = i->dst_zone, *ba = i->dst_asset;

	if (!e->end[0].text && !e->end[1].text)
		return true;
	/* what a server did is between the same two */
	if (i->to_client)
		return end_is(p, &e->end[0], b, find_zone(p, bz), find_asset(p, ba)) &&
		       end_is(p, &e->end[1], a, find_zone(p, az), find_asset(p, aa));
	return end_is(p, &e->end[0], a, find_zone(p, az), find_asset(p, aa)) &&
	       end_is(p, &e->end[1], b, find_zone(p, bz), find_asset(p, ba));
}

/* The op of the alert, without its values. */
static bool alert_op(const struct policy_entry *entry, const struct incident *i, uint16_t port)
{
	struct op op = {
		.proto = i->op_proto,
		.cls = i->op_class,
		.code = i->op_code,
		.unit = i->op_unit,
		.role = i->op_role,
		.object = {.space = i->op_kind,
			   .npath = i->op_npath,
			   .path = {i->op_path[0], i->op_path[1], i->op_path[2]},
			   .first = i->op_first,
			   .count = i->op_count,
			   .name = slice_str(i->object)},
	};
	const char *element = strrchr(i->object, '[');

	if (element && i->op_first)
		op.object.name.len = (uint32_t)(element - i->object);
	return policy_entry_op(entry, &op, port);
}

/* The alert keeps the first op of its kind, or which classes went over a flow that is one. */
static bool alert_about(const struct expectation *e, const struct incident *i)
{
	uint16_t port = i->to_client ? i->sport : i->dport, classes;
	const char *proto = policy_entry_proto(e->entry, &classes);
	unsigned k;

	if (policy_entry_is_service(e->entry))
		return policy_entry_flow(e->entry, i->ip_proto, port);
	if (i->has_op)
		return alert_op(e->entry, i, port);
	for (k = 0; k < INCIDENT_PROTOS; k++)
		if (i->said[k].proto && strcmp(i->said[k].proto, proto) == 0 &&
		    i->said[k].classes & classes)
			return true;
	return false;
}

static bool names(const struct expect *x, const struct expectation *e, const struct incident *i)
{
	if (e->kind == EXPECT_EXERCISED || (e->finding && e->finding != i->finding))
		return false;
	if (!e->finding && !record_denial(i->finding->id))
		return false;
	if (!same_verdict(e->verdict, i->verdict))
		return false;
	if (e->conduit != POLICY_NONE &&
	    (!i->conduit || strcmp(policy_conduit_at(x->policy, e->conduit)->id, i->conduit) != 0))
		return false;
	return alert_between(x, e, i) && (!e->entry || alert_about(e, i));
}

bool expect_finding(struct expect *x, const struct incident *i)
{
	struct expectation *e;
	bool named = false;

	for (e = x->item; e < x->item + x->items; e++) {
		if (!names(x, e, i))
			continue;
		named = true;
		if (e->alerts++ == 0 && (e->kind == EXPECT_NEVER || e->kind == EXPECT_FINDING)) {
			e->frame = i->first_frame;
			e->file = i->file;
		}
	}
	return named;
}

/* --- what was expected --- */

static void put_count(FILE *f, const struct expectation *e)
{
	if (!e->counted)
		return;
	if (e->min == e->max)
		fprintf(f, ", count %" PRIu64, e->min);
	else if (e->max == UINT64_MAX)
		fprintf(f, ", at least %" PRIu64, e->min);
	else if (e->min == 0)
		fprintf(f, ", at most %" PRIu64, e->max);
	else
		fprintf(f, ", %" PRIu64 " to %" PRIu64, e->min, e->max);
}

static void put_expectation(FILE *f, const struct expect *x, const struct expectation *e)
{
	static const char *const kind[] = {"allow", "deny", "finding", "never", "exercised"};
	const char *conduit =
		e->conduit == POLICY_NONE ? NULL : policy_conduit_at(x->policy, e->conduit)->id;

	fputs(kind[e->kind], f);
	if (e->kind == EXPECT_EXERCISED) {
		fprintf(f, " %s", conduit);
		return;
	}
	if (e->finding && (e->kind == EXPECT_FINDING || e->kind == EXPECT_NEVER))
		fprintf(f, " %s", e->finding->id);
	if (e->entry)
		fprintf(f, " %s", policy_entry_text(e->entry));
	if (e->end[0].text)
		fprintf(f, " from %s", e->end[0].text);
	if (e->end[1].text)
		fprintf(f, " to %s", e->end[1].text);
	if (e->finding && e->kind == EXPECT_DENY)
		fprintf(f, ", %s", e->finding->id);
	if (e->verdict)
		fprintf(f, ", %s", e->verdict);
	if (conduit)
		fprintf(f, ", conduit %s", conduit);
	put_count(f, e);
}

/* --- what was seen --- */

static const char *file_name(char *const *files, uint16_t file)
{
	uint16_t i;

	for (i = 0; i < file && files[i]; i++)
		;
	return files[i] ? files[i] : "?";
}

static bool in_range(const struct expectation *e, uint64_t n)
{
	return n >= e->min && n <= e->max;
}

struct saying {
	FILE *f;
	bool ja;
	char *const *files;
};

/* "once", "3 times" */
static const char *times(uint64_t n, char buf[40])
{
	snprintf(buf, 40, "%" PRIu64 " times", n);
	return n == 1 ? "once" : buf;
}

static void say_denied(const struct saying *s, const struct expectation *e, uint64_t n)
{
	char buf[40];

	if (s->ja)
		fprintf(s->f, "%" PRIu64 " 件が拒否(%s [%s]、最初はフレーム %" PRIu64 "、%s)", n,
			e->first_finding, record_enforced(e->first_verdict), e->frame,
			file_name(s->files, e->file));
	else
		fprintf(s->f, "denied %s (%s [%s], first in frame %" PRIu64 " of %s)",
			times(n, buf), e->first_finding, record_enforced(e->first_verdict),
			e->frame, file_name(s->files, e->file));
}

static void say_allowed(const struct saying *s, const struct expectation *e)
{
	char buf[40];

	if (s->ja)
		fprintf(s->f, "%" PRIu64 " 件が許可(最初はフレーム %" PRIu64 "、%s)", e->allowed,
			e->allow_frame, file_name(s->files, e->allow_file));
	else
		fprintf(s->f, "permitted %s (first in frame %" PRIu64 " of %s)",
			times(e->allowed, buf), e->allow_frame, file_name(s->files, e->allow_file));
}

/* allow and deny: never seen, permitted, denied; both where both occurred. */
static bool judge_expect(const struct saying *s, const struct expectation *e)
{
	uint64_t no = e->denied + e->otherwise;

	if (!no && !e->allowed)
		fputs(s->ja ? "キャプチャに現れない" : "never seen in the captures", s->f);
	if (no)
		say_denied(s, e, no);
	if (no && e->allowed)
		fputs(s->ja ? "、" : ", ", s->f);
	if (e->allowed)
		say_allowed(s, e);
	if (e->kind == EXPECT_ALLOW)
		return !no && in_range(e, e->allowed);
	return !e->allowed && !e->otherwise && in_range(e, e->denied);
}

static bool judge_alerts(const struct saying *s, const struct expectation *e)
{
	if (!e->alerts)
		fputs(s->ja ? "アラートなし" : "no such alert", s->f);
	else
		fprintf(s->f,
			s->ja ? "アラート %" PRIu64 " 件(最初はフレーム %" PRIu64 "、%s)"
			      : "alerts: %" PRIu64 " (first in frame %" PRIu64 " of %s)",
			e->alerts, e->frame, file_name(s->files, e->file));
	return e->kind == EXPECT_NEVER ? e->alerts == 0 : in_range(e, e->alerts);
}

static bool judge_exercised(const struct saying *s, const struct expectation *e,
			    const struct record *r)
{
	const struct record_conduit *c = &r->conduit[e->conduit];
	char buf[40];

	if (c->flows && !c->ops)
		fprintf(s->f, s->ja ? "%" PRIu64 " フロー" : "flows: %" PRIu64, c->flows);
	else if (c->flows)
		fprintf(s->f,
			s->ja ? "%" PRIu64 " フロー、%" PRIu64 " 操作"
			      : "flows: %" PRIu64 ", ops: %" PRIu64,
			c->flows, c->ops);
	else if (c->closed && s->ja)
		fprintf(s->f, "閉じている間に %" PRIu64 " 回使われようとした", c->closed);
	else if (c->closed)
		fprintf(s->f, "tried %s while it was closed", times(c->closed, buf));
	else if (c->denied && s->ja)
		fprintf(s->f, "許可された利用なし、拒否 %" PRIu64 " 件", c->denied);
	else if (c->denied)
		fprintf(s->f, "nothing permitted, denied %s", times(c->denied, buf));
	else
		fputs(s->ja ? "未使用" : "never used", s->f);
	return c->flows > 0;
}

bool expect_result_at(struct expect *x, unsigned i, const struct record *r, char *const *files,
		      enum finding_lang lang, struct expect_result *out)
{
	struct saying s = {.ja = lang == FINDING_JA, .files = files};
	const struct expectation *e;
	char *buf = NULL;
	size_t len = 0;
	long split;

	if (i >= x->items)
		return false;
	e = &x->item[i];
	*out = (struct expect_result){.line = e->line, .text = "", .seen = ""};
	s.f = open_memstream(&buf, &len);
	if (!s.f)
		return true;
	put_expectation(s.f, x, e);
	fputc('\0', s.f);
	split = ftell(s.f);
	if (e->kind == EXPECT_EXERCISED)
		out->met = judge_exercised(&s, e, r);
	else if (e->kind == EXPECT_ALLOW || e->kind == EXPECT_DENY)
		out->met = judge_expect(&s, e);
	else
		out->met = judge_alerts(&s, e);
	if (fclose(s.f) == 0 && buf && split > 0) {
		out->text = arena_text(&x->arena, buf, (size_t)split - 1);
		out->seen = arena_text(&x->arena, buf + split, len - (size_t)split);
	}
	free(buf);
	return true;
}
