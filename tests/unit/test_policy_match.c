/*
 * The compiled matcher against a naive twin: random policies, random ops, the same verdicts.
 *
 * The twin knows nothing of the compiled form. It keeps what it wrote into the YAML text, walks
 * all conduits, all entries and all elements of an op one by one, and asks the plainest question
 * each time.
 *
 * A million pairs of policy and op, fewer with sanitizers; KIDOBAN_SEED=n repeats a run,
 * KIDOBAN_PAIRS=n makes it shorter or longer.
 */
#include "op/vocab.h"
#include "policy/now.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#define PAIRS 100000
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PAIRS 100000
#endif
#endif
#ifndef PAIRS
#define PAIRS 1000000
#endif
#define OPS 500 /* per policy */

#define ZONES	 4
#define ASSETS	 6
#define CONDUITS 12
#define GROUPS	 2
#define ROLES	 2
#define ENDS	 32 /* of a list, groups and roles taken apart */
#define ENTRIES	 4
#define RANGES	 3

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static char text[65536];
static size_t used;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	assert_true(used < sizeof(text));
}

#include "policy_random.h"

/* --- what the twin thinks --- */

static bool in(const struct ranges *r, double lo, double hi)
{
	unsigned i, k;
	bool again = true;

	/* grow lo through overlapping ranges until nothing moves */
	for (i = 0; again && i <= r->n; i++)
		for (again = false, k = 0; k < r->n; k++) {
			if (lo < r->lo[k] || lo > r->hi[k])
				continue;
			if (hi <= r->hi[k])
				return true;
			if (r->hi[k] > lo) {
				lo = r->hi[k];
				again = true;
			}
		}
	return false;
}

static bool in_if(const struct ranges *r, int64_t v)
{
	return !r->given || (v >= 0 && in(r, (double)v, (double)v));
}

static bool glob(const char *p, const char *s)
{
	if (*p == '*')
		return glob(p + 1, s) || (*s && glob(p, s + 1));
	if (*p == '\0' || *s == '\0')
		return *p == *s;
	return (*p == '?' || *p == *s) && glob(p + 1, s + 1);
}

static size_t level_len(const char *s)
{
	return strcspn(s, "/");
}

static bool covers(const char *f, const char *n, bool first)
{
	size_t a = level_len(f), b = level_len(n);
	bool plus = a == 1 && *f == '+', dollar = first && *n == '$';

	if (a == 1 && *f == '#')
		return !dollar;
	if (plus ? dollar || (b == 1 && *n == '#') : a != b || memcmp(f, n, a) != 0)
		return false;
	if (!n[b])
		return !f[a] || strcmp(f + a, "/#") == 0;
	return f[a] && covers(f + a + 1, n + b + 1, false);
}

static bool topic_ok(const char *filter, const char *name)
{
	if (strncmp(name, "$share/", 7) == 0)
		name = strchr(name + 7, '/') + 1;
	return covers(filter, name, true);
}

static bool names_end(unsigned end, struct end e)
{
	return end < ZONES ? end == e.zone : end - ZONES == e.asset;
}

static bool joins(const struct conduit *c, struct end client, struct end server)
{
	bool from = false, to = false;
	unsigned i;

	for (i = 0; i < c->nfrom; i++)
		from = from || names_end(c->from[i], client);
	for (i = 0; i < c->nto; i++)
		to = to || names_end(c->to[i], server);
	return from && to;
}

static bool is_rule(const struct entry *e)
{
	return e->kind == MODBUS || e->kind == CIP || e->kind == MQTT;
}

static bool serves(const struct conduit *c, unsigned ip_proto, unsigned port)
{
	unsigned i;

	for (i = 0; i < c->entries; i++) {
		const struct entry *e = &c->entry[i];

		if (e->kind == IP_ANY ||
		    (e->kind == TCP && ip_proto == 6 && in_if(&e->port, port)) ||
		    (e->kind == UDP && ip_proto == 17 && in_if(&e->port, port)))
			return true;
	}
	return false;
}

static bool has_rules(const struct conduit *c)
{
	unsigned i;

	for (i = 0; i < c->entries; i++)
		if (is_rule(&c->entry[i]))
			return true;
	return false;
}

static int height(enum policy_level l)
{
	static const int h[] = {0, 1, 2, 2, 3, 4, 5, 0};

	return h[l];
}

static bool skipped(enum policy_level a, enum policy_level b)
{
	if (a == LEVEL_SAFETY && b == LEVEL_SAFETY)
		return false;
	if (a == LEVEL_SAFETY || b == LEVEL_SAFETY)
		return (a < LEVEL_CONTROL || b < LEVEL_CONTROL);
	return abs(height(a) - height(b)) > 1;
}

static enum policy_verdict think_conduits(struct end client, struct end server, unsigned ip_proto,
					  unsigned port)
{
	bool any = false, allow = false, later = false;
	enum policy_closed nearest = CLOSED_NOT;
	unsigned i, k;

	for (i = 0; i < w.conduits; i++) {
		const struct conduit *c = &w.conduit[i];
		bool s = serves(c, ip_proto, port), r = false;

		if (!joins(c, client, server))
			continue;
		any = true;
		for (k = 0; k < c->entries; k++)
			r = r || (is_rule(&c->entry[k]) && (ip_proto == 6 || ip_proto == 17) &&
				  in_if(&c->entry[k].port, port));
		if (closed(&c->when))
			nearest =
				(s || r) && closed(&c->when) > nearest ? closed(&c->when) : nearest;
		else if (s && !has_rules(c))
			allow = true;
		else
			later = later || s || r;
	}
	if (any)
		return allow	 ? POLICY_ALLOW
		       : later	 ? POLICY_LATER
		       : nearest ? verdict_of(nearest)
				 : POLICY_PORT_DENIED;
	if (client.zone < ZONES && client.zone == server.zone)
		return POLICY_SAME_ZONE;
	if (w.default_allow)
		return POLICY_DEFAULT_ALLOW;
	if (client.zone < ZONES && server.zone < ZONES &&
	    skipped(w.level[client.zone], w.level[server.zone]))
		return POLICY_LAYER_SKIPPED;
	return POLICY_NO_CONDUIT;
}

static enum policy_verdict think_flow(struct end client, struct end server, unsigned ip_proto,
				      unsigned port)
{
	return think_held(think_conduits(client, server, ip_proto, port), client, server);
}

struct thing { /* an op as the twin sees it */
	enum kind kind;
	unsigned cls, code, space, npath, path[3];
	int unit;
	unsigned first, count;
	const char *name, *client;
	unsigned values;
	double lo[40], hi[40]; /* numbers; readable says whether they are */
	bool readable;
};

/* 0 head, 1 object, 2 value, 3 permitted */
static int think_element(const struct entry *e, const struct thing *t, unsigned i, unsigned port)
{
	unsigned addr = t->first + (t->count == 0 ? 0 : i < t->count ? i : t->count - 1);
	bool numbers = e->holding.given || e->coil.given || e->record.given;
	bool paths = e->class.given || e->instance.given || e->file.given, object = true, path_ok;

	if (e->kind != t->kind || !in_if(&e->port, port))
		return 0;
	if (t->cls != OP_SESSION && (!(e->classes >> t->cls & 1) || !in_if(&e->code, t->code)))
		return 0;
	if (e->unit.given && !(t->unit < 0 ? t->cls == OP_SESSION : in_if(&e->unit, t->unit)))
		return 0;
	if (e->client && !glob(e->client, t->client))
		return 0;
	if (t->cls == OP_SESSION)
		return 3;
	path_ok = (!e->file.given || (t->npath > 0 && in_if(&e->file, t->path[0]))) &&
		  (!e->class.given || (t->npath > 0 && in_if(&e->class, t->path[0]))) &&
		  (!e->instance.given || (t->npath > 1 && in_if(&e->instance, t->path[1])));
	if (numbers)
		object = ((t->space == OP_SPACE_HOLDING && e->holding.given &&
			   in_if(&e->holding, addr)) ||
			  (t->space == OP_SPACE_COIL && e->coil.given && in_if(&e->coil, addr)) ||
			  (t->space == OP_SPACE_FILE_RECORD && e->record.given &&
			   in_if(&e->record, addr))) &&
			 (t->npath == 0 || path_ok);
	else if (e->topic)
		object = t->space == OP_SPACE_TOPIC && topic_ok(e->topic, t->name);
	else if (e->tag && t->space == OP_SPACE_TAG)
		object = glob(e->tag, t->name) && (!paths || t->npath == 0 || path_ok);
	else if (paths)
		object = path_ok;
	else if (e->tag)
		object = false;
	if (!object)
		return 1;
	if (e->value.given && t->cls == OP_WRITE &&
	    (i >= t->values || !t->readable || !in(&e->value, t->lo[i], t->hi[i])))
		return 2;
	return 3;
}

static bool judges(const struct conduit *c, enum kind kind)
{
	unsigned i;

	for (i = 0; i < c->entries; i++)
		if (c->entry[i].kind == kind)
			return true;
	return false;
}

/* Towards that end firmware and program need an update conduit. */
static bool updated(struct end server)
{
	unsigned i, k;

	for (i = 0; i < w.conduits; i++)
		for (k = 0; w.conduit[i].update && k < w.conduit[i].nto; k++)
			if (names_end(w.conduit[i].to[k], server))
				return true;
	return false;
}

struct thought {
	enum policy_verdict verdict;
	unsigned element;
};

static struct thought think_op(struct end client, struct end server, unsigned ip_proto,
			       unsigned port, const struct thing *t)
{
	struct thought x = {think_flow(client, server, ip_proto, port), 0};
	unsigned n = t->count ? t->count : 1, i, k, e;
	enum policy_closed nearest = CLOSED_NOT;
	bool any = false, served = false, classes = false;
	bool update = UPDATES >> t->cls & 1 && updated(server);
	int best = 0;

	for (i = 0; i < w.conduits; i++)
		any = any || joins(&w.conduit[i], client, server);
	if (x.verdict >= POLICY_TRUST_EXCEEDED)
		return x;
	if (x.verdict <= POLICY_DEFAULT_ALLOW && x.verdict != POLICY_SAME_ZONE &&
	    think_class(client, server, t->cls) != POLICY_ALLOW) {
		x.verdict = think_class(client, server, t->cls);
		return x;
	}
	if (!any && update)
		x.verdict = POLICY_UPDATE_DENIED;
	if (!any || (x.verdict == POLICY_ALLOW && !update))
		return x;
	if (t->cls == OP_WRITE && t->values > n)
		n = t->values;
	for (e = 0; e < n; e++) {
		bool ok = false;

		best = 0;
		classes = false;
		for (i = 0; i < w.conduits; i++)
			for (k = 0;
			     joins(&w.conduit[i], client, server) && k < w.conduit[i].entries;
			     k++) {
				const struct entry *y = &w.conduit[i].entry[k];
				int s = think_element(y, t, e, port);

				if (s == 3 && !closed(&w.conduit[i].when))
					ok = true;
				if (s != 3 && s > best)
					best = s;
				classes = classes ||
					  (s != 3 && y->kind == t->kind && in_if(&y->port, port) &&
					   y->classes >> t->cls & 1);
			}
		if (!ok)
			break;
	}
	if (e == n) {
		x.verdict = POLICY_ALLOW;
		return x;
	}
	x.element = e;
	for (i = 0; i < w.conduits; i++) {
		const struct conduit *c = &w.conduit[i];

		if (!joins(c, client, server))
			continue;
		served = served || (!closed(&c->when) && !judges(c, t->kind) &&
				    (c->update || !update) && serves(c, ip_proto, port));
		for (k = 0; closed(&c->when) && k < c->entries; k++) {
			unsigned m = 0;

			while (m < n && think_element(&c->entry[k], t, m, port) == 3)
				m++;
			if (m == n && closed(&c->when) > nearest)
				nearest = closed(&c->when);
		}
	}
	x.verdict = served		 ? POLICY_ALLOW
		    : nearest		 ? verdict_of(nearest)
		    : update && !classes ? POLICY_UPDATE_DENIED
		    : best == 2		 ? POLICY_VALUE_DENIED
		    : best == 1		 ? POLICY_OBJECT_DENIED
					 : POLICY_OP_DENIED;
	return x;
}

/* --- random ops, in both forms --- */

static uint8_t raw[256];

static void random_values(struct thing *t, struct op *op)
{
	unsigned i, n = rnd(5) ? (t->count ? t->count : 1 + rnd(3)) : rnd(8);
	bool mask = rnd(12) == 0;

	n = n > 30 ? 30 : n;
	t->readable = rnd(15) != 0;
	t->values = t->readable ? n : 0;
	op->values =
		(struct op_values){slice_of(raw, n * (mask ? 4 : 2)), t->values,
				   t->readable ? mask ? OP_V_MASK16 : OP_V_U16 : OP_V_RAW, true};
	for (i = 0; i < n; i++) {
		unsigned v = rnd(rnd(4) ? 20 : 40), and = mask ? rnd(16) : 0;

		/* result = (current AND and) OR (v AND NOT and), current unknown */
		t->lo[i] = mask ? v & ~and&0xffff : v;
		t->hi[i] = mask ? (and | v) : v;
		if (mask) {
			raw[4 * i] = 0;
			raw[4 * i + 1] = (uint8_t) and;
			raw[4 * i + 2] = 0;
			raw[4 * i + 3] = (uint8_t)v;
		} else {
			raw[2 * i] = 0;
			raw[2 * i + 1] = (uint8_t)v;
		}
	}
}

static void random_op(struct thing *t, struct op *op, unsigned kind)
{
	static const char *const protos[] = {"modbus", "cip", "mqtt"};

	*t = (struct thing){.kind = (enum kind)kind, .name = "", .client = ""};
	t->cls = rnd(3) ? (rnd(2) ? OP_WRITE : OP_READ) : rnd(OP_CLASSES);
	if (w.updates && rnd(4) == 0)
		t->cls = rnd(2) ? OP_FIRMWARE : OP_PROGRAM;
	t->unit = t->kind == MQTT ? -1 : (int)rnd(6) - 1;
	t->code = rnd(24);
	if (t->kind == MODBUS) {
		t->space = rnd(5) == 0	 ? OP_SPACE_COIL
			   : rnd(9) == 0 ? OP_SPACE_NONE
			   : rnd(5) == 0 ? OP_SPACE_FILE_RECORD
					 : OP_SPACE_HOLDING;
		t->npath = t->space == OP_SPACE_FILE_RECORD;
		t->path[0] = rnd(8);
		t->first = rnd(32);
		t->count = rnd(8) ? 1 + rnd(6) : rnd(30);
	} else if (t->kind == CIP) {
		t->space = rnd(2) ? OP_SPACE_OBJECT : OP_SPACE_TAG;
		t->npath = t->space == OP_SPACE_OBJECT ? rnd(4) : rnd(6) ? 0 : 1;
		t->path[0] = rnd(8);
		t->path[1] = rnd(8);
		t->path[2] = rnd(8);
		t->name = t->space == OP_SPACE_TAG ? PICK(tag_names) : "";
		t->count = rnd(3);
	} else {
		t->space = t->cls == OP_SESSION ? OP_SPACE_NONE : OP_SPACE_TOPIC;
		t->name = t->cls == OP_SESSION ? "" : PICK(topic_names);
		t->client = PICK(client_names);
	}
	*op = (struct op){
		.proto = vocab_find(protos[t->kind])->proto,
		.name = "",
		.cls = (uint8_t)t->cls,
		.code = t->code,
		.unit = t->unit,
		.actor = slice_str(t->client),
		.object = {.space = (uint8_t)t->space,
			   .npath = (uint8_t)t->npath,
			   .path = {t->path[0], t->path[1], t->path[2]},
			   .first = t->first,
			   .count = t->count,
			   .name = slice_str(t->name)},
	};
	if (t->cls == OP_WRITE || rnd(10) == 0)
		random_values(t, op);
}

/* Where a zone's unlisted device, or an asset, is; ZONES + ASSETS: outside of everything. */
static struct end end_at(unsigned which, struct addr *a)
{
	static const uint8_t peer[2][4] = {{192, 0, 2, 7}, {203, 0, 113, 200}}; /* JP, DE */
	struct end e = {which < ZONES ? which : ZONES, ASSETS, false};
	uint8_t b[4] = {10, (uint8_t)e.zone, 0, 200};

	if (which >= ZONES + ASSETS) {
		b[0] = 192;
	} else if (which >= ZONES) {
		e.asset = which - ZONES;
		e.zone = w.asset_zone[e.asset];
		b[1] = (uint8_t)e.zone;
		b[3] = (uint8_t)(e.asset + 1);
	} else if (which == 0 && rnd(2)) {
		e.japan = rnd(2);
		memcpy(b, peer[!e.japan], 4);
	}
	*a = addr_v4(b);
	return e;
}

static uint64_t verdicts[POLICY_UPDATE_DENIED + 1];
static struct policy_now *now;

static void one_op(const struct policy *p, uint64_t start)
{
	static const uint8_t ip_protos[] = {6, 6, 6, 17, 17, 1};
	struct addr a[2];
	const struct conduit *c = &w.conduit[rnd(w.conduits)];
	bool meant = rnd(8) != 0; /* mostly the ends of some conduit */
	struct end client = end_at(meant ? c->from[rnd(c->nfrom)] : rnd(ZONES + ASSETS + 1), &a[0]);
	struct end server = end_at(meant ? c->to[rnd(c->nto)] : rnd(ZONES + ASSETS + 1), &a[1]);
	unsigned ip_proto = PICK(ip_protos), port = rnd(10);
	struct policy_flow_decision d =
		policy_flow(now, policy_place(p, &a[0], NULL), policy_place(p, &a[1], NULL),
			    (uint8_t)ip_proto, (uint16_t)port);
	struct policy_op_decision x;
	struct thought y;
	struct thing t;
	struct op op;

	if (d.verdict != think_flow(client, server, ip_proto, port))
		fail_msg("seed %llu: flow verdict %u, the twin says %u\n%s",
			 (unsigned long long)start, d.verdict,
			 think_flow(client, server, ip_proto, port), text);
	random_op(&t, &op, meant && c->entries ? c->entry[rnd(c->entries)].kind % 3 : rnd(3));
	x = policy_op(now, &d, &op);
	y = think_op(client, server, ip_proto, port, &t);
	verdicts[x.verdict]++;
	if (x.verdict != y.verdict ||
	    (x.verdict == POLICY_VALUE_DENIED && x.value_index != y.element) ||
	    (x.verdict == POLICY_OBJECT_DENIED && t.kind == MODBUS &&
	     x.object != t.first + (t.count == 0	  ? 0
				    : y.element < t.count ? y.element
							  : t.count - 1)))
		fail_msg("seed %llu: op verdict %u (value %u), the twin says %u (element %u)\n"
			 "%s class %s unit %d code %u space %u first %u count %u values %u name "
			 "%s\n%s",
			 (unsigned long long)start, x.verdict, x.value_index, y.verdict, y.element,
			 op.proto, op_class_name((enum op_class)t.cls), t.unit, t.code, t.space,
			 t.first, t.count, t.values, t.name, text);
	if (x.verdict == POLICY_ALLOW ||
	    (x.verdict >= POLICY_PORT_DENIED && x.verdict <= POLICY_EXPIRED))
		assert_non_null(policy_conduit_at(p, x.conduit));
}

/* Time goes on, or back; the mode changes; grants are given anew. */
static void another_time(void)
{
	struct policy_grant grant[CONDUITS];
	unsigned i, n = 0;

	when_now.time = BEGIN + (int64_t)rnd(28 * 24 * 60) * 60;
	when_now.mode = rnd(4);
	for (i = 0; i < w.conduits; i++) {
		int64_t *granted = w.conduit[i].when.granted;

		granted[0] = when_now.time - rnd(100);
		granted[1] = granted[0] + (rnd(2) ? rnd(200) : 0);
		if (granted[0] < granted[1])
			grant[n++] = (struct policy_grant){i, granted[0] * CIVIL_NS,
							   granted[1] * CIVIL_NS};
	}
	assert_true(policy_now_grants(now, grant, n));
	policy_now_at(now, when_now.time * CIVIL_NS + rnd(1000));
	policy_now_mode(now, (enum policy_operating_mode)when_now.mode);
}

static void agrees(void **state)
{
	const char *given = getenv("KIDOBAN_SEED"), *pairs = getenv("KIDOBAN_PAIRS");
	uint64_t start = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	uint64_t policies = (pairs ? strtoull(pairs, NULL, 10) : PAIRS) / OPS, n;
	unsigned i, k;

	(void)state;
	print_message("KIDOBAN_SEED=%llu: %llu policies, %u ops each\n", (unsigned long long)start,
		      (unsigned long long)policies, OPS);
	seed = start;
	for (n = 0; n < policies; n++) {
		struct diag diag = {0};
		struct policy *p;

		make_world();
		p = policy_load_buffer("random", text, used, &diag);
		if (!p) {
			diag_print(&diag, stderr);
			fail_msg("seed %llu does not load\n%s", (unsigned long long)start, text);
		}
		now = policy_now_new(p);
		assert_non_null(now);
		for (k = 0; k < OPS; k++) {
			if (k % 30 == 0)
				another_time();
			one_op(p, start);
		}
		policy_now_free(now);
		policy_free(p);
		diag_free(&diag);
	}
	for (i = 0; i <= POLICY_UPDATE_DENIED; i++)
		print_message("verdict %u: %llu\n", i, (unsigned long long)verdicts[i]);
	if (pairs)
		return;
	/* the comparison is worth something only if every verdict occurs often */
	assert_true(verdicts[POLICY_ALLOW] > 1000);
	assert_true(verdicts[POLICY_OP_DENIED] > 1000);
	assert_true(verdicts[POLICY_OBJECT_DENIED] > 1000);
	assert_true(verdicts[POLICY_VALUE_DENIED] > 1000);
	for (i = POLICY_GRANT_MISSING; i <= POLICY_EXPIRED; i++)
		assert_true(verdicts[i] > 100);
	assert_true(verdicts[POLICY_TRUST_EXCEEDED] > 1000);
	assert_true(verdicts[POLICY_UPLINK_ONLY] > 1000);
	assert_true(verdicts[POLICY_TENANT_CROSSED] > 100);
	assert_true(verdicts[POLICY_UNLISTED] > 100);
	assert_true(verdicts[POLICY_UPDATE_DENIED] > 100);
#ifdef HAVE_MAXMINDDB
	assert_true(verdicts[POLICY_COUNTRY_DENIED] > 10);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
