/*
 * The engine against a policy whose answers the test gives. The policy itself is tested elsewhere;
 * its functions and the registry's are played here, so this is included once per program.
 */
#include "detect/engine.h"
#include "detect/incident.h"
#include "detect/judge.h"
#include "policy/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define MAX    512

/* --- a policy of two zones and two assets that answers what it is told to --- */

static struct {
	uint8_t flow, op; /* enum policy_verdict */
	uint32_t conduit; /* POLICY_NONE or 0 */
	enum policy_mode mode;
	const char *known; /* the protocol its conduits permit */
	bool limits;	   /* the conduit has one */
	bool served;	   /* the port is open as a whole */
	const char *expected;
	uint32_t value_index;
	double value;
	uint64_t object;
	unsigned asked; /* calls of policy_op */
	uint16_t port;	/* not 0: flows to this port are allowed whatever flow says */
} fake;

static const struct policy *const any_policy = (const struct policy *)&fake;
static struct policy_asset assets[2];
static struct policy_zone zones[2];
static struct policy_conduit conduit;

struct policy_place policy_place(const struct policy *p, const struct addr *a,
				 const struct mac *mac)
{
	uint32_t zone = a->b[13] == 40 ? 0 : a->b[13] == 50 ? 1 : POLICY_NONE;
	uint32_t i;

	(void)p;
	(void)mac;
	for (i = 0; i < 2; i++)
		if (addr_eq(&assets[i].address, a))
			return (struct policy_place){.zone = zone, .asset = i};
	return (struct policy_place){.zone = zone, .asset = POLICY_NONE};
}

struct policy_flow_decision policy_flow(const struct policy_now *p, struct policy_place client,
					struct policy_place server, uint8_t ip_proto, uint16_t port)
{
	(void)p;
	(void)client;
	(void)server;
	(void)ip_proto;
	return (struct policy_flow_decision){
		.set = {0},
		.classes = UINT16_MAX,
		.conduit = fake.conduit,
		.verdict = fake.port && port == fake.port ? POLICY_ALLOW : fake.flow};
}

struct policy_op_decision policy_op(const struct policy_now *p,
				    const struct policy_flow_decision *d, const struct op *op)
{
	(void)p;
	(void)d;
	(void)op;
	fake.asked++;
	return (struct policy_op_decision){
		.verdict = fake.op,
		.conduit = fake.conduit,
		.expected = fake.expected,
		.value_index = fake.value_index,
		.value = fake.value,
		.object = fake.object,
	};
}

bool policy_proto_known(const struct policy_now *p, const struct policy_flow_decision *d,
			const char *proto)
{
	(void)p;
	(void)d;
	return strcmp(proto, fake.known) == 0;
}

bool policy_served(const struct policy_now *p, const struct policy_flow_decision *d)
{
	(void)p;
	(void)d;
	return fake.served;
}

static struct policy_now *fake_now; /* the engine's; from and until as the test likes them */

struct policy_now *policy_now_new(const struct policy *p)
{
	struct policy_now *n = calloc(1, sizeof(*n));

	fake_now = n;

	n->policy = p;
	return n;
}

void policy_now_free(struct policy_now *n)
{
	free(n);
}

bool policy_now_move(struct policy_now *n, int64_t time)
{
	(void)n;
	(void)time;
	return false;
}

bool policy_now_mode(struct policy_now *n, enum policy_operating_mode mode)
{
	n->mode = (uint8_t)mode;
	return false;
}

bool policy_now_grants(struct policy_now *n, const struct policy_grant *grant, uint32_t count)
{
	(void)n;
	(void)grant;
	(void)count;
	return true;
}

uint32_t policy_updater(const struct policy *p, struct policy_place place)
{
	(void)p;
	(void)place;
	return 0;
}

const struct tz *policy_tz(const struct policy *p)
{
	(void)p;
	return &tz_of_utc;
}

const char *policy_operating_name(enum policy_operating_mode m)
{
	return m == OPERATING_NORMAL ? "normal" : "maintenance";
}

enum policy_mode policy_mode(const struct policy *p)
{
	(void)p;
	return fake.mode;
}

const char *policy_trust_name(enum policy_trust t)
{
	return t == TRUST_MINIMAL ? "minimal" : "";
}

const char *policy_tenant(const struct policy *p, unsigned i)
{
	(void)p;
	return i ? NULL : "a";
}

uint16_t policy_tier(const struct policy *p, enum policy_trust t)
{
	(void)p;
	(void)t;
	return 1u << OP_READ;
}

enum policy_trust policy_trust_of(const struct policy *p, struct policy_place place)
{
	(void)p;
	(void)place;
	return TRUST_MINIMAL;
}

const char *policy_whereabouts(const struct policy *p, const struct addr *a, char *buf, size_t size)
{
	(void)p;
	(void)a;
	snprintf(buf, size, "JP");
	return buf;
}

bool policy_is_ended(const struct policy *p, struct policy_place place, int64_t time)
{
	(void)p;
	(void)place;
	(void)time;
	return false;
}

uint64_t policy_tenants_of(const struct policy *p, struct policy_place place)
{
	(void)p;
	(void)place;
	return 1;
}

int policy_severity_step(const struct policy *p, struct policy_place a, struct policy_place b)
{
	(void)p;
	(void)a;
	(void)b;
	return 0;
}

/* frames that are no IP: test_frame.c has a policy for them */
struct policy_place policy_station(const struct policy *p, const struct mac *mac, int vlan)
{
	(void)p;
	(void)mac;
	(void)vlan;
	return (struct policy_place){.zone = POLICY_NONE, .asset = POLICY_NONE, .segment = true};
}

struct policy_frame_decision policy_frame(const struct policy_now *now, struct policy_place from,
					  struct policy_place to, uint16_t type)
{
	(void)now;
	(void)from;
	(void)to;
	(void)type;
	return (struct policy_frame_decision){.verdict = POLICY_SAME_ZONE, .conduit = POLICY_NONE};
}

bool policy_ethertype(uint16_t ether_type, uint16_t *type)
{
	*type = ether_type;
	return true;
}

const char *policy_ethertype_name(uint16_t type)
{
	(void)type;
	return NULL;
}

const struct policy_zone *policy_zone_at(const struct policy *p, uint32_t i)
{
	(void)p;
	return &zones[i];
}

const struct policy_asset *policy_asset_at(const struct policy *p, uint32_t i)
{
	(void)p;
	return &assets[i];
}

const struct policy_conduit *policy_conduit_at(const struct policy *p, uint32_t i)
{
	(void)p;
	(void)i;
	return &conduit;
}

enum policy_operating_mode policy_operating_mode(const struct policy *p)
{
	(void)p;
	return OPERATING_NORMAL;
}

bool policy_overlap_last(const struct policy *p)
{
	(void)p;
	return false;
}

uint32_t policy_conduits(const struct policy *p)
{
	(void)p;
	return 1;
}

bool policy_limits(const struct policy *p)
{
	(void)p;
	return fake.limits;
}

/* It watches nothing; that is tested with policies as they are written. */
uint32_t policy_watch_pairs(const struct policy *p)
{
	(void)p;
	return 0;
}

const struct policy_watch_pair *policy_watch_pair_at(const struct policy *p, uint32_t i)
{
	(void)p;
	(void)i;
	return NULL;
}

const struct policy_watch *policy_watch_at(const struct policy *p, uint32_t i)
{
	(void)p;
	(void)i;
	return NULL;
}

unsigned policy_watch_find(const struct policy *p, struct policy_place client,
			   struct policy_place server, uint32_t first[4])
{
	(void)p;
	(void)client;
	(void)server;
	(void)first;
	return 0;
}

bool policy_watch_next(const struct policy *p, uint32_t i, uint16_t port, const struct op *op,
		       struct policy_watch_run *run)
{
	(void)p;
	(void)i;
	(void)port;
	(void)op;
	(void)run;
	return false;
}

bool policy_watch_in_range(const struct policy *p, uint32_t i, struct op_number n)
{
	(void)p;
	(void)i;
	(void)n;
	return true;
}

/* --- the tracker, of which there is none --- */

bool flow_unclaimed(const struct flow *f, bool named)
{
	(void)f;
	(void)named;
	return false;
}

bool flow_next(const struct flow *f, unsigned side, uint32_t *next)
{
	(void)f;
	(void)side;
	*next = 0;
	return false;
}

bool flow_acked(const struct flow *f, unsigned side, uint32_t *acked)
{
	(void)f;
	(void)side;
	*acked = 0;
	return false;
}

bool flow_holds(const struct flow *f, unsigned side, uint32_t from, uint32_t to)
{
	(void)f;
	(void)side;
	return from == to;
}

bool flow_neutralise(struct flow_tracker *t, struct flow *f, const struct op *op)
{
	(void)t;
	(void)f;
	(void)op;
	return false;
}

/* --- a vocabulary: holding registers are written 4xxxx --- */

static const struct vocab_key keys[] = {{"holding", VOCAB_SPACE, OP_SPACE_HOLDING, 4, UINT16_MAX},
					{NULL, 0, 0, 0, 0}};
static const struct vocab_code codes[] = {{NULL, 0, 0}};
static const char proto_modbus[] = "modbus";
static const struct vocab vocab = {.proto = proto_modbus, .keys = keys, .codes = codes};
static const struct dissector modbus = {.name = proto_modbus, .ports = {502}};

const struct dissector *proto_at(unsigned i)
{
	return i == 0 ? &modbus : NULL;
}

const struct vocab *vocab_at(unsigned i)
{
	return i == 0 ? &vocab : NULL;
}

const struct vocab *vocab_find(const char *proto)
{
	return strcmp(proto, "modbus") == 0 ? &vocab : NULL;
}

const char *vocab_unit_name(const char *proto)
{
	return strcmp(proto, "cip") == 0 ? "slot" : "unit";
}

/* The registry's other functions, so that its object stays out of the link. */
void proto_emit(struct proto_ctx *c, struct op *op)
{
	(void)c;
	(void)op;
}

void proto_anomaly(struct proto_ctx *c, enum anomaly_kind kind, const char *proto,
		   const char *reason, uint32_t offset, uint32_t value)
{
	(void)c;
	(void)kind;
	(void)proto;
	(void)reason;
	(void)offset;
	(void)value;
}

/* --- a sink that remembers --- */

struct memory {
	struct sink sink;
	unsigned alerts, flows, ops, anomalies;
	struct incident alert[MAX];
	struct sink_names names;
};

static void on_alert(struct sink *s, const struct incident *i)
{
	struct memory *m = (struct memory *)s;

	if (m->alerts < MAX)
		m->alert[m->alerts] = *i;
	m->alerts++;
}

static void on_flow(struct sink *s, const struct flow *f, const struct sink_names *n, int why)
{
	struct memory *m = (struct memory *)s;

	(void)f;
	(void)why;
	m->flows++;
	m->names = *n;
}

static void on_op(struct sink *s, const struct flow *f, const struct sink_names *n,
		  const struct op *op)
{
	(void)f;
	(void)n;
	(void)op;
	((struct memory *)s)->ops++;
}

static void on_anomaly(struct sink *s, const struct flow *f, const struct packet *p,
		       const struct anomaly *a)
{
	(void)f;
	(void)p;
	(void)a;
	((struct memory *)s)->anomalies++;
}

static const struct sink_ops memory_ops = {
	.alert = on_alert, .flow = on_flow, .op = on_op, .anomaly = on_anomaly};

struct world {
	struct catalogue *catalogue;
	struct engine *e;
	struct memory memory;
	struct sink *sinks[2];
	struct flow flow;
	uint8_t bytes[64];
	struct op op;
};

static struct addr ip(const char *s)
{
	struct addr a;

	assert_true(addr_parse(s, &a));
	return a;
}

static void engine_start(struct world *w, const struct policy *p, enum finding_lang lang)
{
	const struct engine_config cfg = {
		.policy = p,
		.catalogue = w->catalogue,
		.sinks = w->sinks,
		.events = ENGINE_ALERT | ENGINE_FLOW | ENGINE_OP | ENGINE_ANOMALY,
		.lang = lang,
	};

	engine_free(w->e);
	w->e = engine_new(&cfg);
	assert_non_null(w->e);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct diag diag = {.count = 0};

	memset(&fake, 0, sizeof(fake));
	fake.flow = POLICY_LATER;
	fake.known = "modbus";
	fake.expected = "";
	zones[0] = (struct policy_zone){.id = "control-info", .level = LEVEL_CONTROL_INFORMATION};
	zones[1] = (struct policy_zone){.id = "control", .level = LEVEL_CONTROL};
	assets[0] = (struct policy_asset){
		.id = "hmi-1", .zone = 0, .address = ip("10.40.0.5"), .has_address = true};
	assets[1] = (struct policy_asset){
		.id = "plc-1", .zone = 1, .address = ip("10.50.0.11"), .has_address = true};
	conduit = (struct policy_conduit){
		.id = "hmi-plc", .permits = "modbus read", .on_violation = ACTION_DEGRADE};
	w->catalogue = catalogue_builtin(&diag);
	assert_non_null(w->catalogue);
	w->memory.sink.ops = &memory_ops;
	w->sinks[0] = &w->memory.sink;
	w->flow = (struct flow){
		.id = 42,
		.addr = {ip("10.40.0.5"), ip("10.50.0.11")},
		.port = {40000, 502},
		.ip_proto = 6,
		.first_frame = 1,
		.packets = {3, 2},
		.app = "modbus",
		.dissector = &modbus,
	};
	w->op = (struct op){
		.frame = 4,
		.time = SECOND,
		.proto = proto_modbus,
		.name = "write-single-register",
		.code = 6,
		.unit = 1,
		.rtt = -1,
		.cls = OP_WRITE,
		.object = {.space = OP_SPACE_HOLDING, .first = 116, .count = 1},
		.values = {.raw = {w->bytes, 2}, .count = 1, .type = OP_V_U16, .big_endian = true},
	};
	w->bytes[0] = 900 >> 8;
	w->bytes[1] = 900 & 0xff;
	engine_start(w, any_policy, FINDING_EN);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	engine_free(w->e);
	catalogue_free(w->catalogue);
	free(w);
	return 0;
}

__attribute__((unused)) static void run_op(struct world *w)
{
	engine_handlers.opened(w->e, &w->flow);
	engine_handlers.op(w->e, &w->flow, &w->op);
	engine_flush(w->e);
}

/* The one alert there must be. */
__attribute__((unused)) static const struct incident *only(const struct world *w,
							   const char *finding)
{
	assert_int_equal(w->memory.alerts, 1);
	assert_string_equal(w->memory.alert[0].finding->id, finding);
	return &w->memory.alert[0];
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
