/*
 * Segments and datagrams in any order through the tracker, with the real dissectors. The input is
 * a row of packets, each behind eight bytes that say how it is bent:
 *
 *   0    1 side, 2 FIN, 4 SYN, 8 RST, 16 ACK, 32 UDP, 64 another host, 128 cut short
 *   1    which pair of ports
 *   2-3  sequence number, off from the next in order (signed)
 *   4-5  payload length
 *   6    exponent of the time that passes, in ns
 *   7    acknowledgement number, off from all that was sent, in steps of 64 (signed)
 */
#include "flow/flow.h"

#include <stdlib.h>

static volatile uint32_t sink;
static struct flow_tracker *tracker;
static const struct packet *packet; /* at hand */
static unsigned turn;		    /* every other request is neutralised */
static unsigned open_flows;

static void read_all(struct slice s)
{
	uint32_t i, sum = 0;

	for (i = 0; i < s.len; i++)
		sum += s.p[i];
	sink = sum;
}

static void on_opened(void *user, struct flow *f)
{
	(void)user;
	if (f->client > 1 || f->user[0])
		abort();
	f->user[0] = 1;
	open_flows++;
}

static void on_op(void *user, struct flow *f, const struct op *op)
{
	char buf[256];

	(void)user;
	if (f->user[0] != 1 || op->frame == 0 || op->request_frame > op->frame + 1000000)
		abort();
	read_all(op->object.name);
	read_all(op->values.raw);
	read_all(op->actor);
	op_object_str(&op->object, buf, sizeof(buf));
	op_values_str(&op->values, 8, buf, sizeof(buf));
	if (++turn % 2)
		flow_neutralise(tracker, f, op);
}

/* What goes on as something else is in the packet at hand, as it is. */
static bool on_edit(void *user, struct flow *f, const struct flow_edit *e)
{
	(void)user;
	if (!packet || e->len == 0 || e->len > FLOW_EDIT_MAX || e->offset > packet->payload_len ||
	    e->len > packet->payload_len - e->offset || !addr_eq(&f->addr[e->side], &packet->src) ||
	    memcmp(packet->payload + e->offset, e->was, e->len) != 0)
		abort();
	return ++turn % 4;
}

static void on_answered(void *user, struct flow *f)
{
	(void)user;
	if (f->user[0] != 1)
		abort();
}

static void on_anomaly(void *user, struct flow *f, const struct packet *p, const struct anomaly *a)
{
	(void)user;
	(void)f;
	(void)p;
	if (a->kind >= ANOMALY_KINDS || !a->reason || !a->proto)
		abort();
}

static void on_identity(void *user, struct flow *f, int side, const char *key, struct slice value)
{
	(void)user;
	(void)f;
	if (side < 0 || side > 1 || !key)
		abort();
	read_all(value);
}

static void on_closed(void *user, struct flow *f, enum flow_end_reason why)
{
	(void)user;
	(void)why;
	if (f->user[0] != 1)
		abort();
	open_flows--;
}

static struct flow_handlers handlers = {
	.opened = on_opened,
	.op = on_op,
	.anomaly = on_anomaly,
	.identity = on_identity,
	.closed = on_closed,
	.edit = on_edit,
	.answered = on_answered,
};

static const uint16_t server_ports[] = {502, 1883, 44818, 2222, 80, 40001};

struct wire {
	struct flow_tracker *t;
	uint32_t next[2];
	uint64_t frame;
	int64_t time;
};

static void send(struct wire *w, const uint8_t *h, const uint8_t *data, uint32_t len)
{
	const uint8_t host[2][4] = {{10, 0, 0, (uint8_t)(1 + (h[0] >> 6 & 1))}, {10, 0, 0, 9}};
	const uint16_t port[2] = {40000, server_ports[h[1] % 6]};
	unsigned side = h[0] & 1;
	struct packet p = {
		.frame = ++w->frame,
		.time = w->time += 1ll << (h[6] % 38),
		.wirelen = len + 54,
		.kind = h[0] & 32 ? PACKET_UDP : PACKET_TCP,
		.ip_proto = h[0] & 32 ? 17 : 6,
		.src = addr_v4(host[side]),
		.dst = addr_v4(host[!side]),
		.sport = port[side],
		.dport = port[!side],
		.seq = w->next[side] + (uint32_t)(int16_t)(h[2] << 8 | h[3]),
		.ack = w->next[!side] + (uint32_t)((int8_t)h[7] * 64),
		.tcp_flags = (uint8_t)((h[0] >> 1 & 7) | (h[0] & 16)),
		.payload_len = len,
		.payload_missing = h[0] >> 7 ? 16 : 0,
		.transport = 34,
	};
	uint8_t *copy = malloc(len ? len : 1); /* exact, for ASan */

	if (!copy)
		return;
	if (len)
		memcpy(copy, data, len);
	p.payload = copy;
	packet = &p;
	flow_tracker_packet(w->t, &p);
	packet = NULL;
	free(copy);
	if (!(h[0] & 32))
		w->next[side] = p.seq + len + (p.tcp_flags & PACKET_TCP_SYN ? 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct flow_config cfg = {
		.flows_max = 8,
		.buffer_bytes_max = 1,
		.overlap = size & 1 ? FLOW_OVERLAP_LAST : FLOW_OVERLAP_FIRST,
	};
	struct wire w = {.next = {0xffffff00u, 1000}};

	open_flows = 0;
	turn = (unsigned)size;
	handlers.edit = size & 2 ? on_edit : NULL;
	w.t = tracker = flow_tracker_new(&cfg, &handlers, NULL);
	if (!w.t)
		return 0;
	while (size >= 8) {
		const uint8_t *h = data;
		size_t len = (size_t)(h[4] << 8 | h[5]);

		data += 8;
		size -= 8;
		if (len > size)
			len = size;
		send(&w, h, data, (uint32_t)len);
		data += len;
		size -= len;
		if (flow_tracker_stats(w.t)->active > cfg.flows_max)
			abort();
	}
	flow_tracker_flush(w.t);
	if (open_flows || flow_tracker_stats(w.t)->active)
		abort();
	flow_tracker_free(w.t);
	return 0;
}
