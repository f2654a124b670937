/*
 * The whole way inline: frames made by hand through decoder, tracker, engine and act, as a worker
 * drives them; what passes, what is sent besides, and what is told.
 */
#ifndef KIDOBAN_TESTS_ACT_WORLD_H
#define KIDOBAN_TESTS_ACT_WORLD_H

#include "capture/source.h"
#include "detect/act.h"
#include "detect/engine.h"
#include "detect/incident.h"
#include "detect/judge.h"

#include "frame.h"

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)
#define T0     (INT64_C(1700000000) * SECOND)
#define SENT   64
#define ALERTS 64

#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define FIN 0x01

#define HMI  "10.40.0.5"
#define PLC  "10.50.0.11"
#define ESD  "10.60.0.1"  /* safety */
#define ELSE "10.50.0.99" /* nobody may go there */

#define WORLD_ZONES                                                                                \
	"zones:\n"                                                                                 \
	"  ci: {level: control-information, networks: [10.40.0.0/24]}\n"                           \
	"  c: {level: control, networks: [10.50.0.0/24]}\n"                                        \
	"  s: {level: safety, networks: [10.60.0.0/24]}\n"                                         \
	"assets:\n"                                                                                \
	"  hmi: {zone: ci, address: 10.40.0.5}\n"                                                  \
	"  plc: {zone: c, address: 10.50.0.11}\n"                                                  \
	"  esd: {zone: s, address: 10.60.0.1}\n"

/* Reads are permitted, and what is not is dealt with like that. */
#define WORLD_POLICY(mode, violation)                                                              \
	"mode: " mode "\n" WORLD_ZONES "conduits:\n"                                               \
	"  - {id: hmi-plc, from: hmi, to: plc, reason: r, refs: ['ipa:ID8-1'],"                    \
	" allow: [{modbus: {do: read}}], on-violation: " violation "}\n"                           \
	"  - {id: hmi-esd, from: hmi, to: esd, reason: r, refs: ['ipa:ID8-1'],"                    \
	" allow: [{modbus: {do: read}}], on-violation: " violation "}\n"

struct world_alert {
	struct incident i;
	char src[ADDR_STRLEN];
};

struct act_world {
	struct policy *policy;
	struct catalogue *catalogue;
	struct packet_decoder *decoder;
	struct flow_tracker *tracker;
	struct engine *engine;
	struct act *act;
	struct sink sink;
	struct sink *sinks[2];
	int64_t time;
	uint64_t frames;
	struct frame out; /* the frame at hand, after it was dealt with */
	uint32_t payload; /* where its payload begins */
	unsigned alerts;
	struct incident alert[ALERTS];
	unsigned sent;
	struct frame_sent {
		uint8_t b[1400];
		uint32_t n;
		unsigned iface;
	} frame_sent[SENT];
	unsigned isolated, stubborn;
	unsigned over; /* incidents of which there is nothing to add */
	bool aside;    /* frames have passed already */
	bool partial;  /* the next frame's checksum is not complete */
	bool spoiled;  /* the next frame's checksum is wrong */
	bool cross;    /* frames come from the other side of the box than their sender is at */
	uint16_t ip_id;
};

static struct act_world *the_world; /* sinks and callbacks have no other way to it */

static inline void world_alert(struct sink *s, const struct incident *i)
{
	(void)s;
	if (the_world->alerts < ALERTS)
		the_world->alert[the_world->alerts] = *i;
	the_world->alerts++;
}

static inline void world_over(struct sink *s, const struct incident *i)
{
	(void)s;
	assert_int_equal(i->phase, INCIDENT_OVER);
	the_world->over++;
}

static const struct sink_ops world_sink = {.alert = world_alert, .over = world_over};

static inline bool world_send(void *user, unsigned iface, const void *frame, uint32_t len)
{
	struct act_world *w = user;

	assert_true(len <= sizeof(w->frame_sent[0].b));
	if (w->sent < SENT) {
		memcpy(w->frame_sent[w->sent].b, frame, len);
		w->frame_sent[w->sent].n = len;
		w->frame_sent[w->sent].iface = iface;
	}
	w->sent++;
	return true;
}

static inline void world_quarantined(void *user, const struct act_quarantine *q, const char *reason)
{
	(void)q;
	assert_true(strlen(reason) > 0);
	((struct act_world *)user)->isolated++;
}

static inline void world_stubborn(void *user, const struct addr *server, uint16_t port)
{
	(void)server;
	assert_int_equal(port, 502);
	((struct act_world *)user)->stubborn++;
}

static inline struct policy *world_policy(const char *text)
{
	struct diag diag = {0};
	struct policy *p = policy_load_buffer("p.yaml", text, strlen(text), &diag);

	if (!p)
		diag_print(&diag, stderr);
	assert_non_null(p);
	diag_free(&diag);
	return p;
}

static struct baseline *world_baseline; /* the next world's; NULL: none */

static inline struct act_world *world_new_as(const char *policy, bool aside)
{
	struct act_world *w = calloc(1, sizeof(*w));
	const struct act_config act = {.aside = aside,
				       .send = world_send,
				       .quarantined = world_quarantined,
				       .stubborn = world_stubborn,
				       .user = w,
				       .linktype = DLT_EN10MB,
				       .quarantine_time = 60 * SECOND};
	struct engine_config cfg = {.events = ENGINE_ALERT, .live = true};
	const struct flow_config flows = {
		.flows_max = 256, .buffer_bytes_max = 4 << 20, .eager = true, .two_sided = true};
	struct diag diag = {0};

	the_world = w;
	w->aside = aside;
	w->sink.ops = &world_sink;
	w->sinks[0] = &w->sink;
	w->time = T0;
	w->policy = world_policy(policy);
	w->catalogue = catalogue_builtin(&diag);
	w->decoder = packet_decoder_new(NULL);
	w->act = act_new(&act);
	cfg.policy = w->policy;
	cfg.catalogue = w->catalogue;
	cfg.sinks = w->sinks;
	cfg.act = w->act;
	cfg.baseline = world_baseline;
	w->engine = engine_new(&cfg);
	assert_non_null(w->engine);
	w->tracker = flow_tracker_new(&flows, &engine_handlers, w->engine);
	assert_non_null(w->tracker);
	act_tracker(w->act, w->tracker);
	return w;
}

static inline struct act_world *world_new(const char *policy)
{
	return world_new_as(policy, false);
}

static inline void world_free(struct act_world *w)
{
	flow_tracker_free(w->tracker);
	engine_free(w->engine);
	act_free(w->act);
	packet_decoder_free(w->decoder);
	catalogue_free(w->catalogue);
	policy_free(w->policy);
	free(w);
}

/* What a worker does with a frame; it is in w->out, and on the heap while it is looked at. */
static inline enum source_do world_frame(struct act_world *w, unsigned iface)
{
	uint8_t *copy = malloc(w->out.n);
	struct source_frame f = {.raw = {.data = copy,
					 .caplen = w->out.n,
					 .wirelen = w->out.n,
					 .time = w->time,
					 .frame = ++w->frames,
					 .linktype = DLT_EN10MB,
					 .file = (uint16_t)iface},
				 .data = w->aside ? NULL : copy,
				 .checksum_partial = w->partial};
	enum source_do what;
	struct packet p;

	memcpy(copy, w->out.b, w->out.n);
	packet_decode(w->decoder, &f.raw, &p);
	if (!act_begin(w->act, &f, &p)) {
		flow_tracker_packet(w->tracker, &p);
		engine_told(w->engine);
	}
	what = act_finish(w->act);
	memcpy(w->out.b, copy, w->out.n);
	free(copy);
	w->partial = w->spoiled = false;
	w->time += MS;
	return what;
}

static inline void world_ip(struct frame *f, uint32_t at, const char *src, const char *dst)
{
	struct addr a, b;

	assert_true(addr_parse(src, &a));
	assert_true(addr_parse(dst, &b));
	memcpy(f->b + at + 12, a.b + 12, 4);
	memcpy(f->b + at + 16, b.b + 12, 4);
}

static inline uint32_t world_begin(struct act_world *w, const char *src, const char *dst,
				   unsigned proto)
{
	struct frame *f = &w->out;
	uint32_t ip;

	f->n = 0;
	frame_eth(f, 0x0800);
	if (strcmp(src, HMI) != 0) { /* MAC addresses of the other way */
		memcpy(f->b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	}
	ip = frame_ip4(f, proto, ++w->ip_id, 0x4000);
	world_ip(f, ip, src, dst);
	return ip;
}

/* One TCP segment. The HMI's side is interface 0. */
static inline enum source_do world_tcp(struct act_world *w, const char *src, uint16_t sport,
				       const char *dst, uint16_t dport, uint32_t seq, uint32_t ack,
				       unsigned flags, const void *data, uint32_t n)
{
	uint32_t ip = world_begin(w, src, dst, 6), at;
	struct frame *f = &w->out;

	at = frame_tcp(f, sport, dport, seq, flags);
	f->b[at + 8] = (uint8_t)(ack >> 24);
	f->b[at + 9] = (uint8_t)(ack >> 16);
	f->b[at + 10] = (uint8_t)(ack >> 8);
	f->b[at + 11] = (uint8_t)ack;
	w->payload = f->n;
	frame_put(f, n ? data : "", n);
	frame_ip4_end(f, ip);
	frame_tcp_end(f, ip, at);
	if (w->spoiled)
		f->b[at + 16] ^= 0x55;
	return world_frame(w, (strcmp(src, HMI) != 0) ^ w->cross);
}

static inline enum source_do world_udp(struct act_world *w, const char *src, uint16_t sport,
				       const char *dst, uint16_t dport, const void *data,
				       uint32_t n)
{
	uint32_t ip = world_begin(w, src, dst, 17), at = frame_udp(&w->out, sport, dport);

	w->payload = w->out.n;
	frame_put(&w->out, data, n);
	frame_ip4_end(&w->out, ip);
	frame_udp_end(&w->out, ip, at);
	return world_frame(w, strcmp(src, HMI) != 0);
}

/* A Modbus connection from the HMI: what each end has sent so far. */
struct wire {
	struct act_world *w;
	const char *server;
	uint16_t port;
	uint32_t seq[2]; /* client, server */
};

static inline enum source_do wire_at(struct wire *c, unsigned from, uint32_t seq, const void *data,
				     uint32_t n)
{
	const char *src = from ? c->server : HMI, *dst = from ? HMI : c->server;

	return world_tcp(c->w, src, from ? 502 : c->port, dst, from ? c->port : 502, seq,
			 c->seq[!from], ACK, data, n);
}

static inline enum source_do wire_put(struct wire *c, unsigned from, const void *data, uint32_t n)
{
	uint32_t seq = c->seq[from];

	c->seq[from] += n;
	return wire_at(c, from, seq, data, n);
}

static inline struct wire wire_open(struct act_world *w, const char *server, uint16_t port)
{
	struct wire c = {.w = w, .server = server, .port = port, .seq = {1000, 0xfffffff8u}};

	assert_int_equal(world_tcp(w, HMI, port, server, 502, c.seq[0]++, 0, SYN, NULL, 0),
			 SOURCE_PASS);
	assert_int_equal(
		world_tcp(w, server, 502, HMI, port, c.seq[1]++, c.seq[0], SYN | ACK, NULL, 0),
		SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, NULL, 0), SOURCE_PASS);
	return c;
}

/* Messages: read holding registers, write single register, and their answers. */
static const uint8_t read_request[] = {0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1};
static const uint8_t read_answer[] = {0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 7};
static const uint8_t write_request[] = {0, 2, 0, 0, 0, 6, 1, 6, 0, 16, 3, 132};
#define FUNCTION 7 /* offset of the function code */

/* True when the checksums of the frame at hand are right, by the plain sum. */
static inline bool world_sums_right(const struct act_world *w)
{
	const struct frame *f = &w->out;
	uint32_t ip = 14, tcp = 34, len = f->n - tcp;
	uint32_t sum = frame_sum(f->b + ip + 12, 8, f->b[ip + 9]);

	sum = frame_sum(f->b + tcp, len, sum + len);
	return sum == 0xffff && frame_sum(f->b + ip, 20, 0) == 0xffff;
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The one alert so far of that finding and phase. */
static inline const struct incident *world_told(const struct act_world *w, const char *finding,
						enum incident_phase phase)
{
	const struct incident *found = NULL;
	unsigned i;

	for (i = 0; i < w->alerts && i < ALERTS; i++) {
		if (strcmp(w->alert[i].finding->id, finding) != 0 || w->alert[i].phase != phase)
			continue;
		assert_null(found);
		found = &w->alert[i];
	}
	assert_non_null(found);
	return found;
}

#endif
