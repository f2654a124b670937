/*
 * Captures under two policies at once: one pass of the tracker, every flow and op judged twice.
 * What both judge alike is forgotten; the rest is counted by ends and by what was judged.
 */
#include "base/hash.h"
#include "base/imap.h"
#include "cmd/diff.h"
#include "detect/judge.h"

#include <inttypes.h>
#include <stdlib.h>

#define CHANGES_MAX 4096 /* told one by one; further ones are counted */
#define WHAT_MAX    160
#define YOUNG	    INT64_C(120000000000) /* ns; as in detect/engine.c: listening has just begun */

/* What is judged differently, and how often. */
struct change {
	struct addr from, to;
	struct mac mac;
	bool has_mac;
	uint16_t port;
	uint8_t ip_proto;
	uint8_t is_op, is_device;
	uint32_t finding[2]; /* enum judge_finding */
	const char *action[2];
	char what[WHAT_MAX]; /* "modbus write-single-register holding 105" */
	uint64_t count, frame;
	const char *file;
};

/* Of a flow, by policy. */
struct both {
	struct flow_view view[2];
	enum judge_finding what[2]; /* of the flow as a whole */
	const char *file;	    /* in which it began */
};

struct diff_traffic {
	struct arena arena;
	const struct policy *p[2];
	struct policy_now *now[2];
	struct change *change;
	uint32_t count, cap;
	uint64_t more; /* not told one by one */
	struct imap known;
	struct cmd_input_result input;
	int64_t begin; /* ns, of the first packet */
	bool begun;
};

static struct both *both_of(const struct flow *f)
{
	return (struct both *)(uintptr_t)f->user[0];
}

/* --- counting --- */

static const char *action(const struct policy *p, enum judge_finding what, uint32_t conduit,
			  bool is_op, bool safety)
{
	if (what == JUDGE_NOTHING)
		return "";
	if (what == JUDGE_UNKNOWN_DEVICE || what == JUDGE_MAC_CHANGED)
		return "alert";
	return judge_verdict(p, policy_mode(p), conduit, is_op, safety);
}

static void count(struct diff_traffic *t, const struct change *c)
{
	uint64_t key, again;
	uint32_t i;

	/* ports of ICMP are part of what; `count`, `frame` and `file` are no part of the identity
	 */
	key = hash_bytes(&c->from, sizeof(c->from), c->port);
	key = hash_bytes(&c->to, sizeof(c->to), key);
	key = hash_bytes(c->finding, sizeof(c->finding), key);
	key = hash_bytes(c->what, strlen(c->what), key);
	for (again = 0;; again++) {
		const struct change *x;

		i = imap_find(&t->known, hash_u64(key, again));
		if (i == IMAP_NONE)
			break;
		x = &t->change[i];
		if (addr_eq(&x->from, &c->from) && addr_eq(&x->to, &c->to) && x->port == c->port &&
		    x->ip_proto == c->ip_proto && x->finding[0] == c->finding[0] &&
		    x->finding[1] == c->finding[1] && strcmp(x->what, c->what) == 0) {
			t->change[i].count++;
			return;
		}
	}
	if (t->count == CHANGES_MAX) {
		t->more++;
		return;
	}
	imap_add(&t->known, &t->arena, hash_u64(key, again), t->count);
	t->change = arena_grow(&t->arena, t->change, t->count, &t->cap, sizeof(*c));
	t->change[t->count] = *c;
	t->change[t->count++].count = 1;
}

static struct change change_of(const struct diff_traffic *t, const struct flow *f, uint64_t frame)
{
	const struct both *b = both_of(f);
	struct change c = {
		.from = *flow_client(f),
		.to = *flow_server(f),
		.ip_proto = f->ip_proto,
		.port = flow_server_port(f),
		.frame = frame,
		.file = b->file && frame == f->first_frame ? b->file : t->input.file,
	};

	return c;
}

/* --- the tracker's events --- */

static void devices(struct diff_traffic *t, const struct flow *f, const struct both *b)
{
	enum judge_finding x[2];
	unsigned end, k;

	for (end = 0; end < 2; end++) {
		unsigned side = (f->client == 1) ^ end;
		struct change c = change_of(t, f, f->first_frame);

		if (!f->packets[side])
			continue;
		for (k = 0; k < 2; k++) {
			const struct policy_place *place = b->view[k].place;
			bool near = place[0].zone == place[1].zone;

			x[k] = JUDGE_NOTHING;
			if (judge_unknown(t->p[k], &f->addr[side], place[end]))
				x[k] = JUDGE_UNKNOWN_DEVICE;
			else if (near && f->has_mac &&
				 judge_mac(t->p[k], place[end], &f->mac[side]))
				x[k] = JUDGE_MAC_CHANGED;
			c.finding[k] = x[k];
			c.action[k] = action(t->p[k], x[k], POLICY_NONE, false, false);
		}
		if (x[0] == x[1])
			continue;
		c.from = f->addr[side];
		c.is_device = true;
		c.port = 0;
		memset(&c.to, 0, sizeof(c.to));
		snprintf(c.what, sizeof(c.what), "the device itself");
		count(t, &c);
	}
}

static void flow_change(struct diff_traffic *t, const struct flow *f,
			const enum judge_finding what[2])
{
	const struct both *b = both_of(f);
	struct change c = change_of(t, f, f->first_frame);
	unsigned k;

	if (what[0] == what[1])
		return;
	for (k = 0; k < 2; k++) {
		c.finding[k] = what[k];
		c.action[k] = action(t->p[k], what[k], b->view[k].decision.conduit, false,
				     b->view[k].safety);
	}
	snprintf(c.what, sizeof(c.what), "%s", f->app ? f->app : "");
	count(t, &c);
}

static void on_opened(void *user, struct flow *f)
{
	struct diff_traffic *t = user;
	struct both *b = calloc(1, sizeof(*b));
	unsigned k;

	f->user[0] = (uintptr_t)b;
	if (!b)
		return;
	if (!t->begun)
		t->begin = f->first;
	t->begun = true;
	b->file = t->input.file;
	for (k = 0; k < 2; k++) {
		policy_now_at(t->now[k], f->last);
		b->what[k] = judge_flow(t->now[k], f, &b->view[k],
					f->ip_proto == 6 || f->first - t->begin < YOUNG);
	}
	devices(t, f, b);
	flow_change(t, f, b->what);
}

static void op_words(const struct op *op, char *buf, size_t size)
{
	char object[96] = "";

	if (op->object.space != OP_SPACE_NONE)
		op_object_str(&op->object, object, sizeof(object));
	snprintf(buf, size, "%s %s%s%s%s%s", op->proto, op->name, *object ? " " : "",
		 *object ? op_object_space(&op->object) : "", *object ? " " : "", object);
}

static void on_op(void *user, struct flow *f, const struct op *op)
{
	struct diff_traffic *t = user;
	struct both *b = both_of(f);
	struct policy_op_decision d;
	enum judge_finding what[2];
	struct change c;
	unsigned k;

	if (!b || (op->role == OP_RESPONSE && !judge_confirms(op)))
		return;
	c = change_of(t, f, op->frame);
	c.file = t->input.file;
	for (k = 0; k < 2; k++) {
		uint32_t conduit = b->view[k].decision.conduit;

		policy_now_at(t->now[k], op->time);
		what[k] = b->what[k];
		if (!what[k]) {
			what[k] = judge_op(t->now[k], &b->view[k], op, &d);
			conduit = d.conduit;
		}
		c.finding[k] = what[k];
		c.action[k] = action(t->p[k], what[k], conduit, true, b->view[k].safety);
	}
	/* of what holds for the whole flow the flow has been told */
	if (what[0] == what[1] || (what[0] == b->what[0] && what[1] == b->what[1]))
		return;
	c.is_op = true;
	op_words(op, c.what, sizeof(c.what));
	count(t, &c);
}

static void on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	struct diff_traffic *t = user;
	struct both *b = both_of(f);
	enum judge_finding what[2];
	unsigned k;

	(void)why;
	if (!b)
		return;
	for (k = 0; k < 2; k++)
		what[k] = b->what[k] ? b->what[k] : judge_closed(t->now[k], f, &b->view[k], false);
	if (b->what[0] == b->what[1])
		flow_change(t, f, what);
	free(b);
	f->user[0] = 0;
}

static const struct flow_handlers handlers = {
	.opened = on_opened, .op = on_op, .closed = on_closed};

struct diff_traffic *diff_traffic_read(const struct cmd_input *in, const struct policy *const p[2],
				       bool *damaged)
{
	struct diff_traffic *t = calloc(1, sizeof(*t));
	unsigned k;

	if (!t)
		return NULL;
	for (k = 0; k < 2; k++) {
		t->p[k] = p[k];
		t->now[k] = policy_now_new(p[k]);
	}
	if (!t->now[0] || !t->now[1] || !cmd_input_run(in, &handlers, t, &t->input)) {
		diff_traffic_free(t);
		return NULL;
	}
	*damaged = t->input.damaged > 0;
	return t;
}

/* --- telling --- */

static const char *finding_word(const struct change *c, unsigned k, char *buf, size_t size)
{
	if (c->finding[k] == JUDGE_NOTHING)
		return "permitted";
	return judge_finding_id((enum judge_finding)c->finding[k], buf, size);
}

static void service(const struct change *c, char *buf, size_t size)
{
	if (c->is_device)
		buf[0] = '\0';
	else if (c->ip_proto == 6 || c->ip_proto == 17)
		snprintf(buf, size, "%s %u", c->ip_proto == 6 ? "tcp" : "udp", c->port);
	else
		snprintf(buf, size, "ip protocol %u", c->ip_proto);
}

void diff_traffic_print(const struct diff_traffic *t, FILE *out)
{
	char from[256], to[256], what[64], id[2][64];
	uint32_t i;
	unsigned k;

	if (!t)
		return;
	fprintf(out, "\nin the captures (%" PRIu64 " packets, %" PRIu64 " flows)\n",
		t->input.packet.packets, t->input.flow.flows);
	for (i = 0; i < t->count; i++) {
		const struct change *c = &t->change[i];

		fprintf(out, "  %s", space_end_words(t->p[1], &c->from, NULL, from, sizeof(from)));
		service(c, what, sizeof(what));
		if (!c->is_device)
			fprintf(out, " -> %s %s",
				space_end_words(t->p[1], &c->to, NULL, to, sizeof(to)), what);
		fprintf(out, "%s%s\n    ", *c->what ? ": " : "", c->what);
		for (k = 0; k < 2; k++)
			fprintf(out, "%s%s%s%s%s", k ? " -> " : "",
				finding_word(c, k, id[k], sizeof(id[k])), *c->action[k] ? " (" : "",
				c->action[k], *c->action[k] ? ")" : "");
		fprintf(out, ", %" PRIu64 " time%s, first in frame %" PRIu64 " of %s\n", c->count,
			c->count == 1 ? "" : "s", c->frame, c->file ? c->file : "?");
	}
	if (t->more)
		fprintf(out, "  and %" PRIu64 " more\n", t->more);
	if (!t->count)
		fputs("  every verdict is the same\n", out);
}

json_t *diff_traffic_json(const struct diff_traffic *t)
{
	json_t *list = json_array();
	char text[ADDR_STRLEN], id[64];
	uint32_t i;
	unsigned k;

	for (i = 0; i < t->count; i++) {
		const struct change *c = &t->change[i];
		json_t *o = json_object();

		json_object_set_new(o, "from", json_string(addr_str(&c->from, text)));
		if (!c->is_device) {
			json_object_set_new(o, "to", json_string(addr_str(&c->to, text)));
			json_object_set_new(o, "ip_proto", json_integer(c->ip_proto));
			json_object_set_new(o, "port", json_integer(c->port));
		}
		json_object_set_new(o, "what", json_string(c->what));
		json_object_set_new(o, "op", json_boolean(c->is_op));
		for (k = 0; k < 2; k++) {
			json_t *v = json_object();

			json_object_set_new(
				v, "finding",
				c->finding[k] == JUDGE_NOTHING
					? json_null()
					: json_string(finding_word(c, k, id, sizeof(id))));
			if (*c->action[k])
				json_object_set_new(v, "verdict", json_string(c->action[k]));
			json_object_set_new(o, k ? "new" : "old", v);
		}
		json_object_set_new(o, "count", json_integer((json_int_t)c->count));
		json_object_set_new(o, "frame", json_integer((json_int_t)c->frame));
		json_object_set_new(o, "file", json_string(c->file ? c->file : ""));
		json_array_append_new(list, o);
	}
	return list;
}

uint32_t diff_traffic_count(const struct diff_traffic *t)
{
	return t ? t->count : 0;
}

void diff_traffic_free(struct diff_traffic *t)
{
	if (!t)
		return;
	policy_now_free(t->now[0]);
	policy_now_free(t->now[1]);
	arena_free(&t->arena);
	free(t);
}
