/* From ordered bytes to messages: the loop that drives a dissector. */
#include "flow/entry.h"
#include "packet/rewrite.h"

static void on_op(struct proto_ctx *c, const struct op *op)
{
	struct flow_tracker *t = c->user;
	struct entry *e = t->ctx_entry;

	e->flow.ops++;
	t->stats.ops++;
	if (t->handlers.op)
		t->handlers.op(t->user, &e->flow, op);
}

/*
 * A side that acknowledges more than we saw from its peer was told something we missed: a mirror
 * lost it, or shows it later.
 */
static bool missed_by_us(const struct entry *e, const struct proto_ctx *c)
{
	unsigned asker = c->dir == PROTO_TO_SERVER ? !e->flow.client : e->flow.client;
	const struct stream *s = &e->dir[asker].stream;

	return c->transport == PROTO_TCP && s->has_acked &&
	       (!s->started || stream_diff(s->acked, s->next) > 0);
}

static void on_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	struct flow_tracker *t = c->user;

	if (a->kind == ANOMALY_UNSOLICITED && missed_by_us(t->ctx_entry, c))
		return;

	/* a datagram cut by the snap length is short by no fault of its sender */
	if (a->kind == ANOMALY_MALFORMED && c->transport == PROTO_UDP && t->packet &&
	    t->packet->payload_missing)
		return;
	if (t->handlers.anomaly)
		t->handlers.anomaly(t->user, &t->ctx_entry->flow, t->packet, a);
}

static void on_identity(struct proto_ctx *c, int side, const char *key, struct slice value)
{
	struct flow_tracker *t = c->user;

	if (t->handlers.identity)
		t->handlers.identity(t->user, &t->ctx_entry->flow, side, key, value);
}

/* Where offset of the message at hand is in the payload of the packet at hand; -1: elsewhere. */
static int64_t place_of(const struct flow_tracker *t, const struct proto_ctx *c, uint32_t offset)
{
	const struct feed_origin *o = &t->origin;
	const struct packet *p = t->packet;
	uint32_t seq, at = o->passed + offset - o->carried;

	/* what waited for a hole to be filled, or for the rest of its message, has passed */
	if (!p || o->order != t->now.order || offset < o->carried || !rewrite_possible(p))
		return -1;
	if (c->transport == PROTO_UDP)
		return at;
	seq = p->seq + !!(p->tcp_flags & PACKET_TCP_SYN);
	return stream_diff(o->seq + at, seq) < 0 ? -1 : (int64_t)(o->seq + at - seq);
}

static bool on_edit(struct proto_ctx *c, uint32_t offset, const void *bytes, uint32_t len)
{
	struct flow_tracker *t = c->user;
	struct entry *e = t->ctx_entry;
	struct flow_edit edit = {.len = (uint8_t)len};
	int64_t at;

	if (!t->handlers.edit || !c->message || len == 0 || len > FLOW_EDIT_MAX ||
	    offset > c->message_len || len > c->message_len - offset)
		return false;
	at = place_of(t, c, offset);
	if (at < 0 || at + len > t->packet->payload_len)
		return false;
	edit.side = (uint8_t)(c->dir == PROTO_TO_SERVER ? e->flow.client : !e->flow.client);
	edit.offset = (uint32_t)at;
	edit.seq = t->packet->seq + !!(t->packet->tcp_flags & PACKET_TCP_SYN) + edit.offset;
	memcpy(edit.was, c->message + offset, len);
	memcpy(edit.now, bytes, len);
	/* where copies differed, another one than that of this packet may have been believed */
	if (memcmp(t->packet->payload + edit.offset, edit.was, len) != 0)
		return false;
	return t->handlers.edit(t->user, &e->flow, &edit);
}

static void on_answered(struct proto_ctx *c)
{
	struct flow_tracker *t = c->user;

	if (t->handlers.answered)
		t->handlers.answered(t->user, &t->ctx_entry->flow);
}

const struct proto_events flow_events = {.op = on_op,
					 .anomaly = on_anomaly,
					 .identity = on_identity,
					 .edit = on_edit,
					 .answered = on_answered};

bool flow_neutralise(struct flow_tracker *t, struct flow *f, const struct op *op)
{
	struct entry *e = t->ctx_entry;

	return t->handlers.edit && e && f == &e->flow && t->ctx.message &&
	       f->dissector->neutralise && f->dissector->neutralise(&t->ctx, op);
}

/* One message from the bytes at p, of which the first `carried` came in earlier packets. */
static uint32_t message(struct flow_tracker *t, struct entry *e, const uint8_t *p, uint32_t n,
			uint32_t carried, uint32_t passed)
{
	struct proto_ctx *c = &t->ctx;
	uint32_t len;

	t->origin.carried = carried;
	t->origin.passed = passed;
	c->message = p;
	c->message_len = n;
	len = e->flow.dissector->message(c, p, n);
	c->message = NULL;
	return len;
}

static struct proto_ctx *ctx_of(struct flow_tracker *t, struct entry *e, unsigned side)
{
	struct proto_ctx *c = &t->ctx;

	if (t->ctx_entry != e) {
		unsigned client = e->flow.client;

		t->ctx_entry = e;
		c->state = e->state;
		c->shared = t->shared[e->index];
		c->transport = e->flow.ip_proto == 17 ? PROTO_UDP : PROTO_TCP;
		c->addr[0] = e->flow.addr[client];
		c->addr[1] = e->flow.addr[!client];
		c->port[0] = e->flow.port[client];
		c->port[1] = e->flow.port[!client];
	}
	c->dir = side == e->flow.client ? PROTO_TO_SERVER : PROTO_TO_CLIENT;
	return c;
}

static void stamp_ctx(struct proto_ctx *c, const struct stamp *st)
{
	c->frame = st->frame;
	c->time = st->time;
}

static void carry_drop(struct flow_tracker *t, struct flow_dir *d)
{
	pool_put(t->env.pool, d->carry);
	d->carry = NULL;
	d->carry_len = 0;
}

/* A message too long to wait for: its bytes so far are a loss to the dissector. */
static void give_up(struct flow_tracker *t, struct entry *e, struct proto_ctx *c,
		    struct flow_dir *d, uint32_t n, const char *reason, const struct stamp *st)
{
	uint32_t lost = d->carry_len + n;

	carry_drop(t, d);
	stamp_ctx(c, st);
	flow_anomaly(t, e, ANOMALY_LIMIT, e->flow.dissector->name, reason, lost, st);
	e->flow.dissector->gap(c, lost);
}

/* Adds bytes to the message that is not complete; false when it had to be given up. */
static bool carry_add(struct flow_tracker *t, struct entry *e, struct proto_ctx *c,
		      struct flow_dir *d, const uint8_t *p, uint32_t n, const struct stamp *st)
{
	if (n > POOL_MAX - d->carry_len) {
		give_up(t, e, c, d, n, "message too long to reassemble", st);
		return false;
	}
	if (!d->carry || pool_room(t->env.pool, d->carry) < d->carry_len + n) {
		uint8_t *buf = pool_get(t->env.pool, d->carry_len + n);

		if (!buf) {
			t->env.refused++;
			give_up(t, e, c, d, n, "no buffer left to reassemble a message", st);
			return false;
		}
		if (d->carry)
			memcpy(buf, d->carry, d->carry_len);
		pool_put(t->env.pool, d->carry);
		d->carry = buf;
	}
	if (d->carry_len == 0 || st->order > d->carry_stamp.order)
		d->carry_stamp = *st;
	memcpy(d->carry + d->carry_len, p, n);
	d->carry_len += n;
	return true;
}

/*
 * Appends a segment to the unfinished message and takes what is complete. Returns how many bytes
 * of the segment are dealt with: as soon as a message ends within it, the rest needs no copy.
 */
static uint32_t carry_on(struct flow_tracker *t, struct entry *e, struct proto_ctx *c,
			 struct flow_dir *d, const uint8_t *p, uint32_t n, uint32_t passed,
			 const struct stamp *st)
{
	uint32_t old = d->carry_len, off = 0;

	if (!carry_add(t, e, c, d, p, n, st))
		return n;
	stamp_ctx(c, &d->carry_stamp);
	while (off < old) {
		uint32_t left = d->carry_len - off;
		uint32_t len = message(t, e, d->carry + off, left, old - off, passed);

		if (len == 0) {
			memmove(d->carry, d->carry + off, left);
			d->carry_len = left;
			return n;
		}
		if (len > left) {
			d->skip = len - left;
			carry_drop(t, d);
			return n;
		}
		off += len;
	}
	carry_drop(t, d);
	return off - old;
}

void feed_bytes(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t seq,
		const uint8_t *p, uint32_t n, const struct stamp *st)
{
	struct flow_dir *d = &e->dir[side];
	struct proto_ctx *c = ctx_of(t, e, side);
	uint32_t len, off = 0;

	t->origin.order = st->order;
	t->origin.seq = seq;
	if (d->skip) {
		off = d->skip < n ? d->skip : n;
		d->skip -= off;
	}
	if (d->carry && off < n)
		off += carry_on(t, e, c, d, p + off, n - off, off, st);
	stamp_ctx(c, st);
	while (off < n) {
		len = message(t, e, p + off, n - off, 0, off);
		if (len == 0) {
			carry_add(t, e, c, d, p + off, n - off, st);
			return;
		}
		if (len > n - off) {
			d->skip = len - (n - off);
			return;
		}
		off += len;
	}
}

void feed_hole(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t lost,
	       const struct stamp *st)
{
	struct flow_dir *d = &e->dir[side];
	struct proto_ctx *c = ctx_of(t, e, side);

	flow_anomaly(t, e, ANOMALY_STREAM_GAP, "tcp", "bytes were never seen", lost, st);
	if (lost && lost <= d->skip) {
		d->skip -= lost;
		return;
	}
	d->skip = 0;
	carry_drop(t, d);
	stamp_ctx(c, st);
	e->flow.dissector->gap(c, lost);
}

/*
 * Taken up amid a connection, as after a restart: its first bytes may be the end of a message. To
 * read them as a message would be to see requests that nobody made and, inline, to stop them.
 */
void feed_amid(struct flow_tracker *t, struct entry *e)
{
	unsigned side;

	for (side = 0; side < 2; side++) {
		struct proto_ctx *c = ctx_of(t, e, side);

		stamp_ctx(c, &t->now);
		e->flow.dissector->gap(c, 0);
	}
}

void feed_datagram(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		   uint32_t n, const struct stamp *st)
{
	struct proto_ctx *c = ctx_of(t, e, side);
	uint32_t off = 0;

	t->origin.order = st->order;
	stamp_ctx(c, st);
	while (off < n) {
		uint32_t len = message(t, e, p + off, n - off, 0, off);

		if (len == 0 || len > n - off)
			return;
		off += len;
	}
}
