/*
 * A toy protocol, and packets made by hand, for tests of the tracker.
 *
 *   0xa5 | type | length (2, big endian) | body
 *
 * type: 'Q' request, 'R' response, 'N' shows no direction, 'B' large: its head is enough.
 * Everything that happens is written into one text, so that a test reads like a story.
 */
#ifndef KIDOBAN_TESTS_FLOW_TOY_H
#define KIDOBAN_TESTS_FLOW_TOY_H

#include "flow/flow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TOY_PORT 7777

static enum probe_result toy_probe(struct proto_probe *p)
{
	bool more = true, yes = false;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct reader r = rd_of(p->side[i]);
		uint8_t mark = rd_u8(&r), type = rd_u8(&r);

		if (p->side[i].len && mark != 0xa5)
			return PROBE_NO;
		if (!rd_ok(&r))
			continue;
		more = false;
		if (!memchr("QRNB", type, 4))
			return PROBE_NO;
		if (type == 'Q')
			p->client = (int8_t)i;
		if (type == 'R')
			p->client = (int8_t)!i;
		yes = true;
	}
	return yes ? PROBE_YES : more && !p->last ? PROBE_MORE : PROBE_NO;
}

static uint32_t toy_message(struct proto_ctx *c, const uint8_t *data, uint32_t len)
{
	struct reader r = rd_init(data, len);
	struct op op = proto_op(c, "toy");
	uint32_t n;

	*(uint32_t *)c->state += 1;
	if (rd_u8(&r) != 0xa5) {
		const uint8_t *next = memchr(data, 0xa5, len);

		proto_anomaly(c, ANOMALY_MALFORMED, "toy", "no mark", 0, data[0]);
		return next ? (uint32_t)(next - data) : len;
	}
	op.code = rd_u8(&r);
	n = rd_be16(&r);
	if (!rd_ok(&r))
		return 0;
	if (rd_left(&r) < n && op.code != 'B') {
		if (c->transport == PROTO_TCP)
			return 0;
		proto_anomaly(c, ANOMALY_MALFORMED, "toy", "short", 0, n);
		return len;
	}
	op.object.name = rd_slice(&r, rd_left(&r) < n ? rd_left(&r) : n);
	op.name = "toy";
	proto_emit(c, &op);
	return 4 + n;
}

static char toy_log[65536];
static size_t toy_len;

__attribute__((format(printf, 1, 2))) static inline void toy_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (toy_len < sizeof(toy_log) - 1)
		toy_len += (size_t)vsnprintf(toy_log + toy_len, sizeof(toy_log) - toy_len, fmt, ap);
	va_end(ap);
}

static void toy_gap(struct proto_ctx *c, uint32_t lost)
{
	toy_say("gap%u@%u/%d ", lost, (unsigned)c->frame, c->dir);
}

static const struct dissector toy = {
	.name = "toy",
	.transports = PROTO_TCP | PROTO_UDP,
	.ports = {TOY_PORT},
	.state_size = 4,
	.probe = toy_probe,
	.message = toy_message,
	.gap = toy_gap,
};

static const struct dissector *const toy_dissectors[] = {&toy, NULL};

/* "Qabc@3" for a request with body abc completed by frame 3; a large body by its length. */
static void toy_on_op(void *user, struct flow *f, const struct op *op)
{
	(void)user;
	(void)f;
	if (op->object.name.len > 16)
		toy_say("%c(%u)@%u ", (char)op->code, op->object.name.len, (unsigned)op->frame);
	else
		toy_say("%c%.*s@%u%s ", (char)op->code, (int)op->object.name.len,
			(const char *)op->object.name.p, (unsigned)op->frame,
			op->from_server ? "<" : "");
}

static void toy_on_opened(void *user, struct flow *f)
{
	static const char *const by[] = {"nothing", "first", "port", "content", "syn"};

	(void)user;
	toy_say("open:%s:%d ", by[f->client_by], f->client);
}

static void toy_on_anomaly(void *user, struct flow *f, const struct packet *p,
			   const struct anomaly *a)
{
	(void)user;
	(void)p;
	toy_say("%s%s@%u ", f ? "" : "-", anomaly_name(a->kind), (unsigned)a->frame);
}

static void toy_on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	static const char *const text[] = {"timeout", "closed", "reused", "evicted", "flushed"};

	(void)user;
	(void)f;
	toy_say("end:%s ", text[why]);
}

static void toy_on_link(void *user, const struct packet *p)
{
	(void)user;
	toy_say("link@%u ", (unsigned)p->frame);
}

static const struct flow_handlers toy_handlers = {
	.opened = toy_on_opened,
	.op = toy_on_op,
	.anomaly = toy_on_anomaly,
	.link = toy_on_link,
	.closed = toy_on_closed,
};

/* The wire of a test: a client, a server, a frame counter and a clock. */
struct toy_wire {
	struct flow_tracker *t;
	uint64_t frame;
	int64_t time;
	uint32_t seq[2]; /* what the next tcp() of that end sends */
	uint16_t port[2];
	uint8_t host[2];
	uint8_t buf[70000];
};

static inline struct packet toy_packet(struct toy_wire *w, int from, uint8_t kind)
{
	const uint8_t src[4] = {10, 0, 0, w->host[from]}, dst[4] = {10, 0, 0, w->host[!from]};

	w->time += 1000000;
	return (struct packet){
		.frame = ++w->frame,
		.time = w->time,
		.wirelen = 100,
		.kind = kind,
		.ip_proto = kind == PACKET_TCP	 ? 6
			    : kind == PACKET_UDP ? 17
						 : 1,
		.src = addr_v4(src),
		.dst = addr_v4(dst),
		.sport = w->port[from],
		.dport = w->port[!from],
		.ip_id = (uint16_t)w->frame,
	};
}

/* Copied to the heap, so that a read beyond the payload is seen by ASan. */
static inline void toy_send(struct toy_wire *w, struct packet *p, const void *data, uint32_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	if (n)
		memcpy(copy, data, n);
	p->payload = copy;
	p->payload_len = n;
	flow_tracker_packet(w->t, p);
	free(copy);
}

/* A TCP segment anywhere in sequence space; ack 0: no ACK flag. */
static inline void toy_tcp_at(struct toy_wire *w, int from, uint8_t flags, uint32_t seq,
			      uint32_t ack, const void *data, uint32_t n)
{
	struct packet p = toy_packet(w, from, PACKET_TCP);

	p.tcp_flags = (uint8_t)(flags | (ack ? PACKET_TCP_ACK : 0));
	p.seq = seq;
	p.ack = ack;
	toy_send(w, &p, data, n);
}

/* The next segment in order, acknowledging all of the other side. */
static inline void toy_tcp(struct toy_wire *w, int from, const void *data, uint32_t n)
{
	toy_tcp_at(w, from, 0, w->seq[from], w->seq[!from], data, n);
	w->seq[from] += n;
}

static inline void toy_udp(struct toy_wire *w, int from, const void *data, uint32_t n)
{
	struct packet p = toy_packet(w, from, PACKET_UDP);

	toy_send(w, &p, data, n);
}

/* One message into buf; returns its length. */
static inline uint32_t toy_make(uint8_t *buf, char type, const char *body)
{
	uint32_t n = (uint32_t)strlen(body);

	buf[0] = 0xa5;
	buf[1] = (uint8_t)type;
	buf[2] = (uint8_t)(n >> 8);
	buf[3] = (uint8_t)n;
	memcpy(buf + 4, body, n);
	return n + 4;
}

static inline void toy_start(struct toy_wire *w, const struct flow_config *cfg)
{
	struct flow_config c =
		cfg ? *cfg : (struct flow_config){.flows_max = 64, .buffer_bytes_max = 4 << 20};

	if (!c.dissectors)
		c.dissectors = toy_dissectors;
	if (!c.buffer_bytes_max)
		c.buffer_bytes_max = 1 << 20; /* malloc may fill it (MALLOC_PERTURB_), every time */
	memset(w, 0, sizeof(*w));
	w->t = flow_tracker_new(&c, &toy_handlers, NULL);
	w->time = 1700000000000000000;
	w->seq[0] = 1000;
	w->seq[1] = 0xfffffff0u; /* the server's numbers wrap early */
	w->port[0] = 40000;
	w->port[1] = TOY_PORT;
	w->host[0] = 1;
	w->host[1] = 2;
	toy_len = 0;
	toy_log[0] = '\0';
}

static inline void toy_handshake(struct toy_wire *w)
{
	toy_tcp_at(w, 0, PACKET_TCP_SYN, w->seq[0]++, 0, NULL, 0);
	toy_tcp_at(w, 1, PACKET_TCP_SYN, w->seq[1]++, w->seq[0], NULL, 0);
	toy_tcp_at(w, 0, 0, w->seq[0], w->seq[1], NULL, 0);
}

/* The story so far, and it starts anew. */
static inline const char *toy_story(void)
{
	static char out[sizeof(toy_log)];

	memcpy(out, toy_log, toy_len + 1);
	toy_len = 0;
	toy_log[0] = '\0';
	return out;
}

static inline const char *toy_end(struct toy_wire *w)
{
	flow_tracker_flush(w->t);
	flow_tracker_free(w->t);
	w->t = NULL;
	return toy_story();
}

static struct toy_wire w;

static uint8_t msg[256];

/* Several messages in a row: "Qab Rc". */
static inline uint32_t make(const char *list)
{
	uint32_t n = 0;

	while (*list) {
		char body[64];
		const char *end = strchr(list, ' ');
		size_t len = end ? (size_t)(end - list) : strlen(list);

		snprintf(body, sizeof(body), "%.*s", (int)len - 1, list + 1);
		n += toy_make(msg + n, list[0], body);
		list += len + (end != NULL);
	}
	return n;
}

static inline void send(int from, const char *list)
{
	toy_tcp(&w, from, msg, make(list));
}

/* Segment [from, to) of msg, base being the sequence number of msg[0]. */
static inline void part(uint32_t base, uint32_t from, uint32_t to)
{
	toy_tcp_at(&w, 0, 0, base + from, w.seq[1], msg + from, to - from);
}

#endif
