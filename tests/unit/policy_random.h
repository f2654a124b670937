/*
 * Random policies, as text and as the twin of test_policy_match.c keeps them. Included there,
 * behind rnd() and put().
 */
struct ranges {
	bool given;
	unsigned n;
	int lo[RANGES], hi[RANGES];
};

enum kind { MODBUS, CIP, MQTT, TCP, UDP, IP_ANY, KINDS };

#include "policy_when.h"

struct entry {
	enum kind kind;
	unsigned classes; /* bits */
	struct ranges unit, port, code, holding, coil, record, file, class, instance, value;
	const char *tag, *topic, *client; /* NULL: not given */
};

struct conduit {
	unsigned from[ENDS], to[ENDS]; /* 0..ZONES-1: zones; then assets */
	unsigned nfrom, nto;
	bool update;
	struct entry entry[ENTRIES];
	unsigned entries;
	struct when when;
};

static struct world {
	enum policy_level level[ZONES];
	unsigned asset_zone[ASSETS];
	struct conduit conduit[CONDUITS];
	unsigned conduits;
	bool default_allow;
	/* what the ends are held to; of worlds without, all zero */
	unsigned trust[ZONES + ASSETS];	  /* enum policy_trust */
	unsigned tenants[ZONES + ASSETS]; /* bits 0 to 2 */
	bool uplink[ZONES], deny[ZONES];
	unsigned tier[TRUSTS];	   /* classes, bits */
	unsigned last_day[ASSETS]; /* of October 2026, its end of life; 0: none */
	bool japan;		   /* conduits of zone 0 hold for peers in Japan only */
	unsigned role[ASSETS];	   /* ROLES: none */
	unsigned group[GROUPS];	   /* members: bits of ends */
	bool updates;		   /* there may be update conduits */
} w;

static const char *const levels[] = {
	"external", "information", "dmz",   "iot", "control-information",
	"control",  "field",	   "safety"};
static const char *const tags[] = {"A*", "*x", "A?x", "Line.B", "*"};
static const char *const tag_names[] = {"Ax", "Abx", "A", "Line.B", "Line", "x", ""};
static const char *const filters[] = {"a/#", "a/+", "#", "+/b", "a/b/c", "+/+/#", "+"};
static const char *const topic_names[] = {"a", "a/b", "a/b/c", "b",  "b/b", "a/+",	   "a/#",
					  "#", "+/b", "$s/b",  "a/", "/b",  "$share/g/a/b"};
static const char *const clients[] = {"gw-*", "?", "me"};
static const char *const client_names[] = {"gw-1", "gw-", "m", "me", ""};

#define PICK(a) ((a)[rnd(sizeof(a) / sizeof(*(a)))])

static struct ranges random_ranges(int limit, unsigned one_in)
{
	struct ranges r = {.given = rnd(one_in) == 0};
	unsigned i;

	if (!r.given)
		return r;
	r.n = 1 + rnd(RANGES);
	for (i = 0; i < r.n; i++) {
		r.lo[i] = (int)rnd((unsigned)limit);
		r.hi[i] = r.lo[i] + (int)rnd(3) * (int)rnd(6);
	}
	return r;
}

static void put_ranges(const char *key, const struct ranges *r, const char *to)
{
	unsigned i;

	if (!r->given)
		return;
	put(", %s: [", key);
	for (i = 0; i < r->n; i++)
		if (r->lo[i] == r->hi[i] && rnd(2))
			put("%s%d", i ? ", " : "", r->lo[i]);
		else
			put("%s%d%s%d", i ? ", " : "", r->lo[i], to, r->hi[i]);
	put("]");
}

static void put_classes(unsigned classes)
{
	const char *comma = "";
	int i;

	put("do: [");
	for (i = 0; i < OP_CLASSES; i++)
		if (classes >> i & 1) {
			put("%s%s", comma, op_class_name((enum op_class)i));
			comma = ", ";
		}
	put("]");
}

#define UPDATES (1u << OP_FIRMWARE | 1u << OP_PROGRAM)

/* Firmware and program go through update conduits only, where there may be any. */
static unsigned not_updates(unsigned classes)
{
	return classes & ~UPDATES ? classes & ~UPDATES : 1u << OP_READ;
}

static void make_entry(struct entry *e, bool update)
{
	*e = (struct entry){.kind = (enum kind)rnd(KINDS)};
	if (e->kind == IP_ANY && rnd(4))
		e->kind = MODBUS;
	put("      - ");
	if (e->kind == IP_ANY) {
		put("ip: any\n");
		return;
	}
	if (e->kind == TCP || e->kind == UDP) {
		e->port = random_ranges(6, 1);
		put("%s: [", e->kind == TCP ? "tcp" : "udp");
		for (unsigned i = 0; i < e->port.n; i++)
			put("%s%d-%d", i ? ", " : "", e->port.lo[i], e->port.hi[i]);
		put("]\n");
		return;
	}
	e->classes =
		1u << OP_WRITE | (rnd(2) ? 1u << OP_READ : 0) | (rnd(4) ? 0 : 1u << OP_CONTROL);
	if (rnd(3) == 0)
		e->classes = 1u << rnd(OP_CLASSES);
	if (update)
		e->classes |= UPDATES & rnd(1u << OP_CLASSES);
	else if (w.updates)
		e->classes = not_updates(e->classes);
	put("%s: {", e->kind == MODBUS ? "modbus" : e->kind == CIP ? "cip" : "mqtt");
	put_classes(e->classes);
	e->port = random_ranges(6, 4);
	put_ranges("port", &e->port, "-");
	e->value = random_ranges(30, 2);
	e->value.given = e->value.given && e->classes >> OP_WRITE & 1;
	put_ranges("value", &e->value, "..");
	if (e->kind != MQTT) {
		e->unit = random_ranges(4, 3);
		put_ranges(e->kind == MODBUS ? "unit" : "slot", &e->unit, "-");
		e->code = random_ranges(20, 5);
		put_ranges(e->kind == MODBUS ? "function" : "service", &e->code, "-");
	}
	if (e->kind == MODBUS) {
		e->holding = random_ranges(30, 2);
		put_ranges("holding", &e->holding, "-");
		e->coil = random_ranges(30, 4);
		put_ranges("coil", &e->coil, "-");
		e->record = random_ranges(30, 5);
		put_ranges("record", &e->record, "-");
		e->file = random_ranges(6, 5);
		put_ranges("file", &e->file, "-");
	} else if (e->kind == CIP) {
		e->class = random_ranges(6, 3);
		put_ranges("class", &e->class, "-");
		e->instance = random_ranges(6, 3);
		put_ranges("instance", &e->instance, "-");
		e->tag = rnd(3) ? NULL : PICK(tags);
		if (e->tag)
			put(", tag: \"%s\"", e->tag);
	} else {
		e->topic = rnd(2) ? NULL : PICK(filters);
		if (e->topic)
			put(", topic: \"%s\"", e->topic);
		e->client = rnd(3) ? NULL : PICK(clients);
		if (e->client)
			put(", client: \"%s\"", e->client);
	}
	put("}\n");
}

#include "policy_held.h"

static void put_end(unsigned end)
{
	put(end < ZONES ? "z%u" : "a%u", end < ZONES ? end : end - ZONES);
}

/* The ends that a word of a list stands for, as bits; it is written. */
static unsigned make_end(bool assets)
{
	unsigned kind = rnd(8), i, bits = 0, n = rnd(GROUPS), role = rnd(ROLES), zone = rnd(ZONES);

	if (kind == 0 && (!assets || !(w.group[n] & ((1u << ZONES) - 1)))) {
		put("g%u", n);
		return w.group[n];
	}
	for (i = 0; i < ASSETS; i++)
		if (w.role[i] == role && (kind == 1 || w.asset_zone[i] == zone))
			bits |= 1u << (ZONES + i);
	if (kind == 1 && bits) {
		put("\"role:r%u\"", role);
		return bits;
	}
	if (kind == 2 && bits) {
		put("\"role:r%u@z%u\"", role, zone);
		return bits;
	}
	i = assets ? ZONES + rnd(ASSETS) : rnd(ZONES + ASSETS);
	put_end(i);
	return 1u << i;
}

static unsigned make_ends(const char *key, unsigned *end, bool assets)
{
	unsigned words = 1 + rnd(3), k, i, n = 0, bits = 0;

	put("    %s: [", key);
	for (k = 0; k < words; k++) {
		put("%s", k ? ", " : "");
		bits |= make_end(assets);
	}
	put("]\n");
	for (i = 0; i < ZONES + ASSETS; i++)
		if (bits >> i & 1)
			end[n++] = i;
	return n;
}

/* Members are zones and assets, and of the second the first group. */
static void make_groups(void)
{
	unsigned i, k, n;

	put("groups:\n");
	for (i = 0; i < GROUPS; i++) {
		w.group[i] = 0;
		put("  g%u: [", i);
		n = 1 + rnd(3);
		for (k = 0; k < n; k++) {
			unsigned end = rnd(ZONES + ASSETS);

			put("%s", k ? ", " : "");
			put_end(end);
			w.group[i] |= 1u << end;
		}
		if (i && rnd(2)) {
			put(", g0");
			w.group[i] |= w.group[0];
		}
		put("]\n");
	}
}

static void make_asset(unsigned i)
{
	w.asset_zone[i] = rnd(ZONES);
	w.role[i] = rnd(ROLES + 1);
	put("  a%u: {zone: z%u, address: 10.%u.0.%u", i, w.asset_zone[i], w.asset_zone[i], i + 1);
	put_held(ZONES + i);
	if (w.role[i] < ROLES)
		put(", role: r%u", w.role[i]);
	if (w.last_day[i])
		put(", end-of-life: 2026-10-%02u", w.last_day[i]);
	put("}\n");
}

static void make_conduit(unsigned i)
{
	struct conduit *c = &w.conduit[i];
	unsigned k;

	*c = (struct conduit){.update = w.updates && rnd(3) == 0};
	random_when(&c->when);
	if (c->update && !c->when.modes && !c->when.days)
		c->when.grant = true;
	c->entries = rnd(ENTRIES + 1);
	put("  - id: c%u\n", i);
	c->nfrom = make_ends("from", c->from, c->update);
	c->nto = make_ends("to", c->to, false);
	put_when(&c->when);
	if (c->update)
		put("    update: true\n");
	put("    allow:%s\n", c->entries ? "" : " []");
	for (k = 0; k < c->entries; k++)
		make_entry(&c->entry[k], c->update);
}

static void make_world(void)
{
	unsigned i;

	used = 0;
	make_held();
	w.default_allow = rnd(5) == 0;
	w.updates = rnd(3) == 0;
	when_now.zone = (int)rnd(24) - 11;
	put("timezone: \"%c%02d:00\"\n", when_now.zone < 0 ? '-' : '+', abs(when_now.zone));
	put("default: %s\nzones:\n", w.default_allow ? "allow" : "deny");
	for (i = 0; i < ZONES; i++) {
		w.level[i] = (enum policy_level)rnd(LEVELS);
		put("  z%u: {level: %s, networks: [10.%u.0.0/16%s]", i, levels[w.level[i]], i,
		    i ? "" : ", 192.0.2.0/24, 203.0.113.0/24");
		put_held(i);
		put("%s%s%s}\n", w.uplink[i] ? ", uplink-only: true" : "",
		    w.deny[i] ? ", unknown-devices: deny" : "",
		    i == 0 && w.japan ? ", countries: [JP]" : "");
	}
	put("assets:\n");
	for (i = 0; i < ASSETS; i++)
		make_asset(i);
	make_groups();
	w.conduits = 1 + rnd(CONDUITS);
	put("conduits:\n");
	for (i = 0; i < w.conduits; i++)
		make_conduit(i);
}
