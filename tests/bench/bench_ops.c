/*
 * What does a message cost as the number of conduits grows?
 *
 *      bench_ops [--rounds N] [--require RATIO] [--different]
 *
 * 10,000 assets hold 10,000 Modbus connections: 5,000 clients in 100 zones, each polling two of
 * 5,000 servers in 100 other zones. The same frames every time; what differs is how the policy
 * permits them:
 *
 *          10 conduits    ten zones to ten zones each
 *         100 conduits    a zone to a zone
 *       1,000 conduits    five assets to five assets
 *      10,000 conduits    an asset to an asset
 *
 * Each conduit permits reading registers and writing twenty of them, each value within a range;
 * nothing is denied. They permit the same, as cells do that were made after one template; with
 * --different no two do, and the policy's rules have to be in the cache for each. One round is one
 * poll of all connections: a read, its answer, a write, its answer; 64 connections at a time are
 * under way. That is the worst a cache can be asked for: each connection is looked at once, and
 * then all others before it comes again.
 *
 * Measured is all that a sensor does: decoding, flow table, TCP, Modbus, policy, engine (without
 * output). Beside it the same with a plain list in place of the policy, walked for each request
 * from its start until a conduit fits; and the policy's two questions alone. The sizes take turns,
 * the best round of each counts.
 */
#include "detect/engine.h"
#include "detect/judge.h"
#include "flow/flow.h"
#include "op/vocab.h"
#include "policy/lint.h"

#include <getopt.h>
#include <inttypes.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ZONES	100u /* of clients, and as many of servers */
#define MEMBERS 50u  /* of each zone */
#define FLOWS	10000u
#define WINDOW	64u /* connections under way at once */
#define FRAMES	4u  /* per connection and round */
#define ROOM	96u /* bytes of a frame at most */
#define SIZES	4u
#define SECOND	INT64_C(1000000000)

static const uint32_t sizes[SIZES] = {10, 100, 1000, 10000};

static bool different; /* each conduit has a largest value of its own */

static volatile uint64_t kept; /* so that no compiler drops the loops */

static void fail(const char *why)
{
	fprintf(stderr, "bench_ops: %s\n", why);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others may be at work too */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- who speaks with whom --- */

static uint32_t client_of(uint32_t flow)
{
	return flow / 2;
}

/* Of five clients and five servers, everybody speaks with two. */
static uint32_t server_of(uint32_t flow)
{
	uint32_t c = client_of(flow);

	return c / 5 * 5 + (c % 5 + flow % 2) % 5;
}

static void address(uint8_t b[4], bool server, uint32_t i)
{
	b[0] = 10;
	b[1] = server ? 2 : 1;
	b[2] = (uint8_t)(i / MEMBERS);
	b[3] = (uint8_t)(i % MEMBERS + 1);
}

/* --- the same as policies and as lists --- */

/* from and to are zones or assets, of clients and of servers, numbered apart. */
struct line {
	bool zones;
	uint32_t from, to; /* the first of each */
	uint32_t count;	   /* as many behind each other */
};

static struct line line_of(uint32_t conduits, uint32_t i)
{
	switch (conduits) {
	case 10:
		return (struct line){true, i * 10, i * 10, 10};
	case 100:
		return (struct line){true, i, i, 1};
	case 1000:
		return (struct line){false, i * 5, i * 5, 5};
	default:
		return (struct line){false, client_of(i), server_of(i), 1};
	}
}

static void put_ends(FILE *f, const char *key, const char *kind, uint32_t first, uint32_t count)
{
	uint32_t i;

	fprintf(f, ", %s: [", key);
	for (i = 0; i < count; i++)
		fprintf(f, "%s%s%" PRIu32, i ? ", " : "", kind, first + i);
	fputc(']', f);
}

static void put_policy(FILE *f, uint32_t conduits)
{
	uint32_t i;

	fputs("site: bench\nzones:\n", f);
	for (i = 0; i < ZONES; i++)
		fprintf(f,
			"  h%" PRIu32 ": {level: control-information, networks: [10.1.%" PRIu32
			".0/24]}\n  p%" PRIu32 ": {level: control, networks: [10.2.%" PRIu32
			".0/24]}\n",
			i, i, i, i);
	fputs("assets:\n", f);
	for (i = 0; i < ZONES * MEMBERS; i++)
		fprintf(f,
			"  hmi%" PRIu32 ": {zone: h%" PRIu32 ", address: 10.1.%" PRIu32 ".%" PRIu32
			"}\n  plc%" PRIu32 ": {zone: p%" PRIu32 ", address: 10.2.%" PRIu32
			".%" PRIu32 "}\n",
			i, i / MEMBERS, i / MEMBERS, i % MEMBERS + 1, i, i / MEMBERS, i / MEMBERS,
			i % MEMBERS + 1);
	fputs("conduits:\n", f);
	for (i = 0; i < conduits; i++) {
		struct line l = line_of(conduits, i);

		fprintf(f, "  - {id: c%" PRIu32, i);
		put_ends(f, "from", l.zones ? "h" : "hmi", l.from, l.count);
		put_ends(f, "to", l.zones ? "p" : "plc", l.to, l.count);
		fprintf(f,
			", allow: [modbus: {do: read, holding: 0-999}, modbus: {do: write, unit: "
			"1, "
			"holding: 100-119, value: 0..%" PRIu32 "}]}\n",
			1000 + (different ? i : 0));
	}
}

static struct policy *make_policy(uint32_t conduits)
{
	struct diag diag = {.count = 0};
	struct policy *p;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		fail("out of memory");
	put_policy(f, conduits);
	fclose(f);
	p = policy_load_buffer("generated", text, len, &diag);
	diag_print(&diag, stderr);
	diag_free(&diag);
	free(text);
	if (!p)
		fail("the policy does not load");
	return p;
}

/* --- frames --- */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t s)
{
	for (; len > 1; len -= 2, p += 2)
		s += (uint32_t)(p[0] << 8 | p[1]);
	return len ? s + (uint32_t)(p[0] << 8) : s;
}

static uint32_t fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	return ~((s & 0xffff) + (s >> 16)) & 0xffff;
}

struct connection {
	uint32_t seq[2]; /* of client and server */
};

struct frame {
	uint32_t len;
	uint8_t data[ROOM];
};

static void make_frame(struct frame *x, uint32_t flow, struct connection *c, unsigned side,
		       uint8_t flags, const uint8_t *payload, uint32_t len)
{
	uint8_t *d = x->data, *ip = d + 14, *tcp = ip + 20;
	uint16_t ports[2] = {(uint16_t)(40000 + flow % 2), 502};

	memset(d, 0, ROOM);
	d[5] = 2;
	d[11] = 1;
	put16(d + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 40 + len);
	ip[8] = 64;
	ip[9] = 6;
	address(ip + 12, side, side ? server_of(flow) : client_of(flow));
	address(ip + 16, !side, side ? client_of(flow) : server_of(flow));
	put16(ip + 10, fold(sum(ip, 20, 0)));
	put16(tcp, ports[side]);
	put16(tcp + 2, ports[!side]);
	put32(tcp + 4, c->seq[side]);
	put32(tcp + 8, flags & PACKET_TCP_ACK ? c->seq[!side] : 0);
	tcp[12] = 0x50;
	tcp[13] = flags;
	put16(tcp + 14, 8192);
	memcpy(tcp + 20, payload, len);
	put16(tcp + 16, fold(sum(tcp, 20 + len, sum(ip + 12, 8, 6 + 20 + len))));
	x->len = 54 + len;
	c->seq[side] += len + (flags & PACKET_TCP_SYN ? 1 : 0);
}

/* What one connection says in a round: registers 100-103 are read, 104 and 105 are written. */
static void make_messages(struct frame *x, uint32_t flow, struct connection *c, uint32_t round)
{
	static const uint8_t said[FRAMES][20] = {
		{0, 0, 0, 0, 0, 6, 1, 3, 0, 100, 0, 4},
		{0, 0, 0, 0, 0, 11, 1, 3, 8, 0, 1, 0, 2, 0, 3, 0, 4},
		{0, 0, 0, 0, 0, 11, 1, 16, 0, 104, 0, 2, 4, 0, 10, 0, 20},
		{0, 0, 0, 0, 0, 6, 1, 16, 0, 104, 0, 2},
	};
	uint8_t payload[20];
	unsigned i;

	for (i = 0; i < FRAMES; i++) {
		memcpy(payload, said[i], sizeof(payload));
		put16(payload, round * 2 + i / 2);
		make_frame(&x[i], flow, c, i & 1, PACKET_TCP_ACK | 8, payload, 6u + payload[5]);
	}
}

/* --- a sensor --- */

struct sensor {
	struct policy *policy;
	struct engine *engine;
	struct catalogue *catalogue;
	struct packet_decoder *decoder;
	struct flow_tracker *tracker;
	struct line *list; /* NULL: the policy judges */
	uint32_t lines;
	uint64_t denied; /* by the list */
	uint64_t frame;
	double best, open; /* ns of a round, and of the connections being made */
};

static void list_opened(void *user, struct flow *f)
{
	struct sensor *s = user;

	engine_handlers.opened(s->engine, f);
	flow_view(f)->place[0] = policy_place(s->policy, flow_client(f), NULL);
	flow_view(f)->place[1] = policy_place(s->policy, flow_server(f), NULL);
}

static bool list_joins(const struct line *l, const struct flow_view *v)
{
	/* as the file has them, a client and a server in turn */
	uint32_t from = l->zones ? v->place[0].zone / 2 : v->place[0].asset / 2;
	uint32_t to = l->zones ? v->place[1].zone / 2 : v->place[1].asset / 2;

	return from - l->from < l->count && to - l->to < l->count;
}

static bool list_permits(const struct op *op)
{
	const struct op_object *o = &op->object;
	struct op_number n;
	uint32_t i;

	if (o->space != OP_SPACE_HOLDING)
		return false;
	if (op->cls == OP_READ)
		return o->first + o->count <= 1000;
	if (op->cls != OP_WRITE || op->unit != 1 || o->first < 100 || o->first + o->count > 120)
		return false;
	for (i = 0; i < op->values.count; i++)
		if (!op_number_at(&op->values, i, &n) || n.lo < 0 || n.hi > 1000)
			return false;
	return true;
}

static void list_op(void *user, struct flow *f, const struct op *op)
{
	struct sensor *s = user;
	const struct flow_view *v = flow_view(f);
	uint32_t i;

	engine_handlers.op(s->engine, f, op);
	if (op->role == OP_RESPONSE)
		return;
	for (i = 0; i < s->lines; i++)
		if (list_joins(&s->list[i], v) && list_permits(op))
			return;
	s->denied++;
}

static void list_packet(void *user, struct flow *f, const struct packet *p, unsigned side)
{
	engine_handlers.packet(((struct sensor *)user)->engine, f, p, side);
}

static const struct flow_handlers list_handlers = {
	.opened = list_opened,
	.packet = list_packet,
	.op = list_op,
};

static void start(struct sensor *s, uint32_t conduits, bool list)
{
	static struct sink *none[] = {NULL};
	struct engine_config cfg = {.sinks = none, .events = ENGINE_ALERT};
	struct diag diag = {.count = 0};
	uint32_t i;

	*s = (struct sensor){.policy = make_policy(conduits), .best = 1e18};
	s->catalogue = catalogue_builtin(&diag);
	cfg.catalogue = s->catalogue;
	cfg.policy = list ? NULL : s->policy;
	s->engine = s->catalogue ? engine_new(&cfg) : NULL;
	s->decoder = packet_decoder_new(NULL);
	if (list) {
		s->lines = conduits;
		s->list = calloc(conduits, sizeof(*s->list));
		for (i = 0; s->list && i < conduits; i++)
			s->list[i] = line_of(conduits, i);
	}
	s->tracker = flow_tracker_new(NULL, list ? &list_handlers : &engine_handlers,
				      list ? (void *)s : s->engine);
	if (!s->engine || !s->decoder || !s->tracker || (list && !s->list))
		fail("out of memory");
	diag_free(&diag);
}

static void stop(struct sensor *s)
{
	flow_tracker_free(s->tracker);
	engine_free(s->engine);
	packet_decoder_free(s->decoder);
	catalogue_free(s->catalogue);
	policy_free(s->policy);
	free(s->list);
}

static void hear(struct sensor *s, const struct frame *x, int64_t time)
{
	const struct raw_packet raw = {.data = x->data,
				       .caplen = x->len,
				       .wirelen = x->len,
				       .time = time,
				       .frame = ++s->frame,
				       .linktype = DLT_EN10MB};
	struct packet p;

	packet_decode(s->decoder, &raw, &p);
	flow_tracker_packet(s->tracker, &p);
}

/* Every connection once, in an order that has nothing to do with the policy's. */
static uint32_t nth(uint32_t i)
{
	return (uint32_t)((uint64_t)i * 7919 % FLOWS);
}

/* ns; `each` frames per connection, WINDOW of them in turn. */
static double hear_all(struct sensor *s, const struct frame *frames, unsigned each, int64_t time)
{
	double begin = now();
	uint32_t i, k, n;

	for (i = 0; i < FLOWS; i += WINDOW)
		for (k = 0; k < each; k++)
			for (n = i; n < i + WINDOW && n < FLOWS; n++)
				hear(s, &frames[nth(n) * each + k], time += 1000);
	return now() - begin;
}

static void check(const struct sensor *s, uint64_t ops)
{
	const struct finding *f;
	uint64_t told, times;
	unsigned i;

	for (i = 0; (f = catalogue_at(s->catalogue, i)); i++) {
		engine_counts(s->engine, i, &told, &times);
		if (told) {
			fprintf(stderr, "%s: %" PRIu64 " times\n", f->id, times);
			fail("something was denied or went wrong");
		}
	}
	if (s->denied || flow_tracker_stats(s->tracker)->ops != ops ||
	    flow_tracker_stats(s->tracker)->flows != FLOWS)
		fail("the list denied something, or messages are missing");
}

/* --- the policy alone --- */

struct alone {
	struct policy *policy;
	struct policy_place place[FLOWS][2];
	struct policy_flow_decision d[FLOWS];
	double flow, op; /* ns, the best */
};

static void ask_flows(struct alone *x)
{
	double begin = now(), ns;
	uint32_t i;

	for (i = 0; i < FLOWS; i++) {
		uint32_t k = nth(i);

		x->place[k][0] = (struct policy_place){client_of(k) / MEMBERS * 2, client_of(k) * 2,
						       false, 0};
		x->place[k][1] = (struct policy_place){server_of(k) / MEMBERS * 2 + 1,
						       server_of(k) * 2 + 1, false, 0};
		x->d[k] =
			policy_flow(policy_rest(x->policy), x->place[k][0], x->place[k][1], 6, 502);
	}
	ns = (now() - begin) / FLOWS;
	x->flow = ns < x->flow ? ns : x->flow;
}

static void ask_ops(struct alone *x)
{
	static const uint8_t values[] = {0, 10, 0, 20};
	const struct op op = {
		.proto = vocab_find("modbus")->proto,
		.cls = OP_WRITE,
		.unit = 1,
		.code = 16,
		.object = {.space = OP_SPACE_HOLDING, .first = 104, .count = 2},
		.values = {.raw = {values, 4}, .count = 2, .type = OP_V_U16, .big_endian = true},
	};
	double begin = now(), ns;
	uint64_t denied = 0;
	uint32_t i;

	for (i = 0; i < FLOWS; i++)
		denied += policy_op(policy_rest(x->policy), &x->d[nth(i)], &op).verdict;
	ns = (now() - begin) / FLOWS;
	x->op = ns < x->op ? ns : x->op;
	kept += denied;
	if (denied)
		fail("the policy denies what it should not");
}

static void alone(unsigned rounds)
{
	struct alone *x = calloc(SIZES, sizeof(*x));
	unsigned i, round;

	if (!x)
		fail("out of memory");
	for (i = 0; i < SIZES; i++) {
		x[i].policy = make_policy(sizes[i]);
		x[i].flow = x[i].op = 1e18;
	}
	for (round = 0; round < rounds; round++)
		for (i = 0; i < SIZES; i++) {
			ask_flows(&x[i]);
			ask_ops(&x[i]);
		}
	printf("the policy alone, another connection each time\n");
	for (i = 0; i < SIZES; i++) {
		printf("  %6" PRIu32 " conduits  %4.0f ns per connection, %4.0f ns per request\n",
		       sizes[i], x[i].flow, x[i].op);
		policy_free(x[i].policy);
	}
	free(x);
}

/* --- all of it --- */

static void connect_all(struct sensor *s, struct frame *frames, struct connection *c, int64_t time)
{
	static const uint8_t nothing[1];
	uint32_t i;

	for (i = 0; i < FLOWS; i++) {
		c[i] = (struct connection){{1000 + i, 5000 + i}};
		make_frame(&frames[i * 2], i, &c[i], 0, PACKET_TCP_SYN, nothing, 0);
		make_frame(&frames[i * 2 + 1], i, &c[i], 1, PACKET_TCP_SYN | PACKET_TCP_ACK, NULL,
			   0);
	}
	for (i = 0; i < 2 * SIZES; i++)
		s[i].open = hear_all(&s[i], frames, 2, time);
}

static bool all(unsigned rounds, double require)
{
	static struct sensor s[2 * SIZES]; /* with the policy, then with a list */
	struct frame *frames = calloc((size_t)FLOWS * FRAMES, sizeof(*frames));
	struct connection *c = calloc(FLOWS, sizeof(*c));
	int64_t time = 1700000000 * SECOND;
	bool flat = true;
	uint32_t i, k, heard[2] = {0, 0};

	if (!frames || !c)
		fail("out of memory");
	for (i = 0; i < 2 * SIZES; i++)
		start(&s[i], sizes[i % SIZES], i >= SIZES);
	connect_all(s, frames, c, time);
	for (k = 0; k < rounds; k++) {
		bool lists = k < 3;

		time += SECOND;
		for (i = 0; i < FLOWS; i++)
			make_messages(&frames[i * FRAMES], i, &c[i], k);
		for (i = 0; i < (lists ? 2 : 1) * SIZES; i++) {
			double ns = hear_all(&s[i], frames, FRAMES, time);

			s[i].best = ns < s[i].best ? ns : s[i].best;
		}
		heard[0]++;
		heard[1] += lists;
	}
	printf("packet to verdict, %u connections of %u assets, thousand messages/s\n", FLOWS,
	       2 * ZONES * MEMBERS);
	for (i = 0; i < SIZES; i++) {
		const struct sensor *list = &s[SIZES + i];
		double ratio = s[0].best / s[i].best;

		check(&s[i], (uint64_t)heard[0] * FLOWS * FRAMES);
		check(list, (uint64_t)heard[1] * FLOWS * FRAMES);
		flat &= ratio >= require;
		printf("  %6" PRIu32 " conduits  policy %5.0f, %3.0f percent of ten conduits; "
		       "a list %5.0f, %3.0f percent\n",
		       sizes[i], FLOWS * FRAMES / s[i].best * 1e6, ratio * 100,
		       FLOWS * FRAMES / list->best * 1e6, s[SIZES].best / list->best * 100);
	}
	printf("  %s: at least %.0f percent are asked for\n", flat ? "flat" : "NOT FLAT",
	       require * 100);
	for (i = 0; i < 2 * SIZES; i++)
		stop(&s[i]);
	free(frames);
	free(c);
	return flat;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"rounds", required_argument, NULL, 'n'},
						{"require", required_argument, NULL, 'r'},
						{"different", no_argument, NULL, 'd'},
						{NULL, 0, NULL, 0}};
	unsigned rounds = 30;
	double require = 0.8;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'r')
			require = strtod(optarg, NULL);
		else if (c == 'd')
			different = true;
		else
			return 2;
	}
	if (!rounds)
		return 2;
	printf("%s\n",
	       different ? "no two conduits permit the same" : "all conduits permit the same");
	alone(rounds);
	return all(rounds, require) ? 0 : 1;
}
