/* The tracker: packet -> flow -> stream, and the life and end of flows. */
#include "flow/entry.h"
#include "base/hash.h"

#include <stdlib.h>

#define FLOWS_DEFAULT  65536
#define BUFFER_DEFAULT (64u << 20)
#define CLOCK_BACK     1000000000ll    /* ns; a step back beyond that is another file or clock */
#define CLOCK_STEP     7200000000000ll /* ns; longer than any timeout */
#define EXPIRED_MAX    4	       /* flows ended by timeout per packet */
#define EXPIRED_TICK   256	       /* and per tick: packets may be waiting */

void flow_open(struct flow_tracker *t, struct entry *e)
{
	if (e->opened)
		return;
	e->opened = true;
	if (t->handlers.opened)
		t->handlers.opened(t->user, &e->flow);
}

void flow_anomaly(struct flow_tracker *t, struct entry *e, enum anomaly_kind kind,
		  const char *proto, const char *reason, uint32_t value, const struct stamp *st)
{
	const struct anomaly a = {
		.kind = (uint8_t)kind,
		.proto = proto,
		.reason = reason,
		.value = value,
		.frame = st->frame,
		.time = st->time,
	};

	if (t->handlers.anomaly)
		t->handlers.anomaly(t->user, &e->flow, t->packet, &a);
}

/* Which side's stream it is, of the flow at hand. */
static unsigned side_of(const struct entry *e, const struct stream *s)
{
	return s == &e->dir[1].stream;
}

static void on_bytes(void *user, struct stream *s, const uint8_t *p, uint32_t n,
		     const struct stamp *st)
{
	struct flow_tracker *t = user;
	struct entry *e = t->cur;

	if (e->mode == FLOW_CLAIMED)
		feed_bytes(t, e, side_of(e, s), s->next - n, p, n, st);
	else
		claim_bytes(t, e, side_of(e, s), s->next - n, p, n, st);
}

static void on_hole(void *user, struct stream *s, uint32_t n, const struct stamp *st)
{
	struct flow_tracker *t = user;
	struct entry *e = t->cur;

	e->flow.gaps++;
	t->stats.gaps++;
	t->stats.gap_bytes += n;
	if (e->mode == FLOW_PROBING)
		claim_hole(t, e);
	if (e->mode == FLOW_CLAIMED)
		feed_hole(t, e, side_of(e, s), n, st);
}

static void on_conflict(void *user, struct stream *s, uint32_t at, const struct stamp *st)
{
	struct flow_tracker *t = user;

	(void)s;
	if (t->cur->mode == FLOW_CLAIMED || t->cur->mode == FLOW_PROBING)
		flow_anomaly(t, t->cur, ANOMALY_STREAM_CONFLICT, "tcp",
			     "the same bytes came with different content", at, st);
}

static bool init_dissectors(struct flow_tracker *t, const struct flow_config *cfg)
{
	unsigned i, k;

	for (i = 0; i < FLOW_DISSECTORS_MAX; i++) {
		const struct dissector *d = cfg->dissectors ? cfg->dissectors[i] : proto_at(i);

		if (!d)
			break;
		t->dissector[i] = d;
		t->dissectors++;
		slab_init(&t->state[i], d->state_size, d->state_zeroed, t->table.max);
		for (k = 0; k < PROTO_PORTS_MAX && d->ports[k]; k++)
			t->server_port[d->ports[k] / 8] |= (uint8_t)(1u << (d->ports[k] % 8));
		if (!d->shared_size)
			continue;
		t->shared[i] = calloc(1, d->shared_size);
		if (!t->shared[i])
			return false;
		if (d->shared_init)
			d->shared_init(t->shared[i]);
	}
	return true;
}

struct flow_tracker *flow_tracker_new(const struct flow_config *config,
				      const struct flow_handlers *handlers, void *user)
{
	const struct flow_config cfg = config ? *config : (struct flow_config){0};
	struct flow_tracker *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->handlers = *handlers;
	t->user = user;
	t->ctx.events = &flow_events;
	t->ctx.user = t;
	t->env.pool = pool_new(cfg.buffer_bytes_max ? cfg.buffer_bytes_max : BUFFER_DEFAULT);
	t->env.overlap = cfg.overlap;
	t->env.hash_key = cfg.hash_key;
	t->env.user = t;
	t->env.bytes = on_bytes;
	t->env.hole = on_hole;
	t->env.conflict = on_conflict;
	if (!table_init(&t->table, cfg.flows_max ? cfg.flows_max : FLOWS_DEFAULT,
			sizeof(struct entry), cfg.hash_key) ||
	    !t->env.pool || !init_dissectors(t, &cfg)) {
		flow_tracker_free(t);
		return NULL;
	}
	t->eager = t->env.whole = cfg.eager;
	t->two_sided = cfg.two_sided;
	if (cfg.classify)
		t->app = app_new();
	return t;
}

static bool is_tcp(const struct entry *e)
{
	return e->flow.ip_proto == 6;
}

/* Delivers what still waits, in the order in which it came. */
static void finish_streams(struct flow_tracker *t, struct entry *e)
{
	for (;;) {
		struct stream *a = &e->dir[0].stream, *b = &e->dir[1].stream;

		if (!a->held && !b->held)
			return;
		if (!a->held || (b->held && b->held->stamp.order < a->held->stamp.order))
			a = b;
		stream_give_up(a, &t->env);
	}
}

static void free_streams(struct flow_tracker *t, struct entry *e)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		stream_drop(&e->dir[i].stream, &t->env);
		pool_put(t->env.pool, e->dir[i].carry);
	}
}

static void free_entry(struct flow_tracker *t, struct entry *e)
{
	if (is_tcp(e))
		free_streams(t, e);
	claim_drop(t, e);
	if (e->state)
		slab_put(&t->state[e->index], e->state);
	if (e->app)
		app_flow_put(t->app, e->app);
	if (t->ctx_entry == e)
		t->ctx_entry = NULL;
	table_remove(&t->table, &e->node);
}

/* A new connection, or a long silence behind a RST, while a message was not complete: either may
 * have been staged to hide it. */
static void tell_unfinished(struct flow_tracker *t, struct entry *e, enum flow_end_reason why)
{
	unsigned i;

	if (why != FLOW_END_REUSED && (why != FLOW_END_TIMEOUT || e->node.cls != TABLE_CLOSED))
		return;
	for (i = 0; i < 2; i++)
		if (e->dir[i].carry)
			flow_anomaly(t, e, ANOMALY_STREAM_GAP, "tcp",
				     "connection ended within a message", e->dir[i].carry_len,
				     &e->dir[i].carry_stamp);
}

static void end_flow(struct flow_tracker *t, struct entry *e, enum flow_end_reason why)
{
	const struct packet *packet = t->packet;

	/* what comes out now is not of the packet at hand */
	t->packet = NULL;
	t->cur = e;
	if (is_tcp(e)) {
		if (e->mode != FLOW_DONE)
			finish_streams(t, e);
		tell_unfinished(t, e, why);
	}
	claim_settle(t, e);
	if (e->node.cls == TABLE_CLOSED && why != FLOW_END_EVICTED)
		why = FLOW_END_CLOSED;
	if (why == FLOW_END_TIMEOUT)
		t->stats.timeouts++;
	if (why == FLOW_END_EVICTED)
		t->stats.evicted++;
	if (t->handlers.closed)
		t->handlers.closed(t->user, &e->flow, why);
	free_entry(t, e);
	t->packet = packet;
	t->cur = NULL;
}

/*
 * The tracker's clock follows packet time but never runs back: small steps back (two mirror
 * ports) hold it still, a large one (the next file) starts from there. A step forward counts for
 * CLOCK_STEP at most, which outlasts every timeout; so no file can make the clock overflow soon,
 * and then it stops.
 */
static void set_clock(struct flow_tracker *t, int64_t time)
{
	int64_t step;

	if (time < 0)
		time = 0;
	step = time - t->clock_at;
	if (step > 0) {
		t->clock_at = time;
		if (t->env.now < INT64_MAX / 2)
			t->env.now += step < CLOCK_STEP ? step : CLOCK_STEP;
	} else if (step < -CLOCK_BACK) {
		t->clock_at = time;
	}
}

static void expire(struct flow_tracker *t, unsigned max)
{
	struct table_node *n;
	unsigned i;

	for (i = 0; i < max && (n = table_expired(&t->table, t->env.now)); i++)
		end_flow(t, (struct entry *)n, FLOW_END_TIMEOUT);
}

static enum table_class first_class(const struct packet *p)
{
	return p->kind == PACKET_TCP   ? TABLE_TCP_NEW
	       : p->kind == PACKET_UDP ? TABLE_UDP
				       : TABLE_OTHER;
}

static void fill_flow(struct flow_tracker *t, struct entry *e, const struct packet *p)
{
	struct flow *f = &e->flow;

	/* the counter makes it unique, the key tells runs over different packets apart */
	f->id = (++t->serial & 0x1fffffff) << 24 |
		(hash_bytes(&e->node.key, sizeof(e->node.key), 0) & 0xffffff);
	f->addr[0] = p->src;
	f->addr[1] = p->dst;
	if (p->kind == PACKET_TCP || p->kind == PACKET_UDP || p->kind == PACKET_ICMP) {
		f->port[0] = p->sport;
		f->port[1] = p->dport;
	}
	f->vlans = p->vlans;
	memcpy(f->vlan, p->vlan, sizeof(f->vlan));
	f->ip_proto = p->ip_proto;
	f->client = 0xff;
	f->first_frame = p->frame;
	f->file[0] = p->file;
	f->first = f->last = p->time;
}

static struct entry *make_flow(struct flow_tracker *t, const struct packet *p,
			       const struct flow_key *key, uint64_t hash, bool swapped)
{
	struct table_node *n;
	struct entry *e;

	if (t->table.count == t->table.max) {
		n = table_victim(&t->table);
		end_flow(t, (struct entry *)n, FLOW_END_EVICTED);
	}
	n = table_add(&t->table, key, hash, first_class(p), t->env.now);
	e = (struct entry *)n;
	e->swapped = swapped;
	e->chosen = -1;
	if (p->kind == PACKET_TCP)
		e->dir[0].stream.watched = e->dir[1].stream.watched = true;
	e->middle = p->kind == PACKET_TCP && !(p->tcp_flags & PACKET_TCP_SYN);
	t->stats.flows++;
	t->stats.midstream += e->middle;
	fill_flow(t, e, p);
	return e;
}

/* True when a SYN (or SYN-ACK) does not belong to the connection we know by these ports. */
static bool is_another(const struct entry *e, unsigned side, const struct packet *p)
{
	const struct flow_dir *mine = &e->dir[side], *other = &e->dir[!side];

	/* after its end a client may choose the same number again, and what follows is not old */
	if (mine->has_isn && mine->isn == p->seq)
		return !(p->tcp_flags & PACKET_TCP_ACK) && e->established &&
		       e->node.cls == TABLE_CLOSED;
	if (!(p->tcp_flags & PACKET_TCP_ACK))
		return mine->has_isn || mine->stream.started || other->stream.started;
	if (other->has_isn)
		return other->isn != p->ack - 1 && e->node.cls == TABLE_CLOSED;
	return mine->stream.started && other->stream.started;
}

/* Does it come from where the peer of whom it acknowledges is? */
static bool is_peer(const struct flow_tracker *t, const struct entry *e, unsigned side,
		    const struct packet *p)
{
	const struct flow_dir *other = &e->dir[!side];

	return !t->two_sided || !other->has_file || other->file != p->file;
}

/*
 * Inline a SYN alone ends nothing: it may be forged, and whose server holds on to the connection it
 * has (RFC 5961, 4) would be read from a place of somebody else's choice. Its answer tells.
 */
static bool is_agreed(const struct flow_tracker *t, struct entry *e, unsigned side,
		      const struct packet *p)
{
	struct flow_dir *mine = &e->dir[side], *other = &e->dir[!side];

	if (!t->eager || e->flow.over)
		return is_another(e, side, p);
	if (p->tcp_flags & PACKET_TCP_ACK)
		return other->has_asked && other->asked_isn == p->ack - 1 && is_peer(t, e, side, p);
	if (is_another(e, side, p)) {
		mine->has_asked = true;
		mine->asked_isn = p->seq;
	}
	return false;
}

/* Inline: a SYN, or its answer, of which nobody knows yet what it will be. */
static bool is_asked(const struct flow_tracker *t, const struct entry *e, unsigned side,
		     const struct packet *p)
{
	const struct flow_dir *mine = &e->dir[side];

	return t->eager && (p->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) == PACKET_TCP_SYN &&
	       mine->has_asked && mine->asked_isn == p->seq &&
	       !(mine->has_isn && mine->isn == p->seq);
}

static void on_syn(struct flow_tracker *t, struct entry *e, unsigned side, const struct packet *p)
{
	struct flow_dir *mine = &e->dir[side], *other = &e->dir[!side];
	bool ack = p->tcp_flags & PACKET_TCP_ACK;

	if (ack && other->has_isn && other->isn != p->ack - 1)
		return; /* answers a SYN that nobody sent */
	if (!mine->has_isn) {
		mine->has_isn = true;
		mine->isn = p->seq;
		if (!mine->stream.started)
			stream_start(&mine->stream, p->seq + 1);
	}
	if (ack && !other->has_isn) {
		other->has_isn = true;
		other->isn = p->ack - 1;
		if (!other->stream.started)
			stream_start(&other->stream, p->ack);
	}
	if (e->flow.client == 0xff) {
		e->flow.client = (uint8_t)(ack ? !side : side);
		e->flow.client_by = FLOW_BY_SYN;
	}
	flow_open(t, e);
}

static void on_end_flags(struct flow_tracker *t, struct entry *e, const struct flow_dir *d,
			 const struct packet *p)
{
	struct flow *f = &e->flow;

	/* what its receiver ignores ends nothing, RFC 5961 3.2 */
	if (p->tcp_flags & PACKET_TCP_RST &&
	    (!t->eager || !d->stream.started || p->seq == d->stream.next))
		f->end_rst = true;
	if (p->tcp_flags & PACKET_TCP_FIN)
		f->end_fin = true;
	if (e->node.cls != TABLE_CLOSED &&
	    (f->end_rst || (f->tcp_flags[0] & f->tcp_flags[1] & PACKET_TCP_FIN)))
		table_set_class(&t->table, &e->node, TABLE_CLOSED, t->env.now);
}

/*
 * Offloading spoils every checksum of a sender, and is ignored. A wrong one among right ones is a
 * segment that its receiver will drop (RFC 9293, 3.1): damage, or a decoy for whoever only listens.
 */
static bool is_decoy(struct flow_tracker *t, struct entry *e, struct flow_dir *d,
		     const struct packet *p)
{
	if (!p->checksum_bad) {
		if (d->sound < FLOW_SOUND && !p->payload_missing)
			d->sound++;
		return false;
	}
	d->spoiled |= d->sound < FLOW_SOUND;
	if (d->spoiled)
		return false;
	flow_anomaly(t, e, ANOMALY_CHECKSUM, "tcp", "wrong, where others of this sender are right",
		     0, &t->now);
	return true;
}

/* A message is not complete: it goes on where the stream is. */
static bool is_within_message(const struct entry *e, unsigned side)
{
	const struct flow_dir *d = &e->dir[side];

	return d->carry || d->skip || claim_waits(e, side);
}

static void tcp_packet(struct flow_tracker *t, struct entry *e, unsigned side,
		       const struct packet *p)
{
	uint8_t flags = p->tcp_flags;
	uint32_t seq = p->seq;

	if (is_decoy(t, e, &e->dir[side], p))
		return;
	if (!e->dir[side].has_file) {
		e->dir[side].has_file = true;
		e->dir[side].file = p->file;
	}
	e->flow.tcp_flags[side] |= flags;
	if (flags & PACKET_TCP_SYN) {
		on_syn(t, e, side, p);
		seq++;
	} else if (!e->established && (p->payload_len || e->flow.packets[!side])) {
		e->established = true;
		if (e->node.cls == TABLE_TCP_NEW)
			table_set_class(&t->table, &e->node, TABLE_TCP_OPEN, t->env.now);
	}
	if (e->mode != FLOW_DONE) {
		uint32_t n = p->payload_len;

		if ((flags & PACKET_TCP_RST) == 0) {
			if (flags & PACKET_TCP_ACK && is_peer(t, e, side, p))
				stream_ack(&e->dir[!side].stream, &t->env, p->ack, n != 0);
			t->env.firm = t->eager && is_within_message(e, side);
			if (n || p->payload_missing)
				stream_segment(&e->dir[side].stream, &t->env, seq, p->payload, n,
					       p->payload_missing, &t->now);
		}
	}
	if (flags & (PACKET_TCP_FIN | PACKET_TCP_RST))
		on_end_flags(t, e, &e->dir[side], p);
}

/* Mirrors of both ports show a datagram twice, in no time. */
static bool seen_twice(struct entry *e, unsigned side, const struct packet *p)
{
	uint64_t h = hash_bytes(p->payload, p->payload_len, (uint64_t)p->ip_id << 1 | side) | 1;
	struct flow_udp_seen *u;
	unsigned i;

	for (i = 0; i < FLOW_UDP_SEEN; i++) {
		u = &e->udp[i];
		if (u->hash == h &&
		    (uint64_t)p->time - (uint64_t)u->time + FLOW_UDP_TWICE <= 2 * FLOW_UDP_TWICE)
			return true;
	}
	u = &e->udp[e->udp_at];
	e->udp_at = (uint8_t)((e->udp_at + 1) % FLOW_UDP_SEEN);
	u->hash = h;
	u->time = p->time;
	return false;
}

static void udp_packet(struct flow_tracker *t, struct entry *e, unsigned side,
		       const struct packet *p)
{
	if (e->mode == FLOW_DONE || p->payload_len == 0)
		return;
	/* inline there is no copy: the same datagram again is judged, and changed, again */
	if (!t->handlers.edit && seen_twice(e, side, p)) {
		e->flow.retransmissions++;
		t->stats.retransmissions++;
		return;
	}
	if (e->mode == FLOW_CLAIMED)
		feed_datagram(t, e, side, p->payload, p->payload_len, &t->now);
	else
		claim_datagram(t, e, side, p->payload, p->payload_len, &t->now);
}

static void pass_anomalies(struct flow_tracker *t, struct entry *e, const struct packet *p)
{
	unsigned i;

	for (i = 0; i < p->anomalies && t->handlers.anomaly; i++)
		t->handlers.anomaly(t->user, e ? &e->flow : NULL, p, &p->anomaly[i]);
}

static void count(struct entry *e, unsigned side, const struct packet *p)
{
	struct flow *f = &e->flow;

	f->packets[side]++;
	f->bytes[side] += p->wirelen;
	f->payload[side] += p->payload_len + p->payload_missing;
	f->file[1] = p->file;
	if (p->time > f->last)
		f->last = p->time;
	if (p->has_mac && !f->has_mac) {
		f->has_mac = true;
		f->mac[side] = p->src_mac;
		f->mac[!side] = p->dst_mac;
	}
}

/* True when it is an ICMP error about a conversation under way, and the handler takes it for that.
 */
static __attribute__((noinline)) bool is_related(struct flow_tracker *t, const struct packet *p)
{
	struct packet quoted;
	struct flow_key key;
	struct entry *e;
	bool swapped;

	if (!packet_quoted(p, &quoted) || !addr_eq(&quoted.src, &p->dst))
		return false;
	table_key(&quoted, &key, &swapped);
	e = (struct entry *)table_find(&t->table, &key, table_hash(&t->table, &key));
	return e && e->flow.packets[swapped != e->swapped] &&
	       t->handlers.related(t->user, &e->flow, p);
}

static void flow_packet(struct flow_tracker *t, const struct packet *p)
{
	struct flow_key key;
	struct entry *e;
	bool swapped;
	uint64_t hash;
	unsigned side;

	table_key(p, &key, &swapped);
	hash = table_hash(&t->table, &key);
	e = (struct entry *)table_find(&t->table, &key, hash);
	if (e && p->kind == PACKET_TCP && (p->tcp_flags & PACKET_TCP_SYN) &&
	    !(p->tcp_flags & PACKET_TCP_RST) && is_agreed(t, e, swapped != e->swapped, p)) {
		end_flow(t, e, FLOW_END_REUSED);
		e = NULL;
	}
	if (!e)
		e = make_flow(t, p, &key, hash, swapped);
	else
		table_touch(&t->table, &e->node, t->env.now);
	side = swapped != e->swapped;
	t->cur = e;
	count(e, side, p);
	if (t->handlers.packet)
		t->handlers.packet(t->user, &e->flow, p, side);
	if (p->anomalies)
		pass_anomalies(t, e, p);
	if (p->kind == PACKET_TCP && !is_asked(t, e, side, p)) {
		uint64_t again = t->env.again;

		tcp_packet(t, e, side, p);
		e->flow.retransmissions += (uint32_t)(t->env.again - again);
		t->stats.retransmissions += t->env.again - again;
	} else if (p->kind == PACKET_TCP) {
		/* what it carries is not read, so it does not pass */
	} else if (p->kind == PACKET_UDP) {
		udp_packet(t, e, side, p);
	} else if (e->mode == FLOW_PROBING) {
		claim_other(t, e, side, p->payload, p->payload_len);
	}
	t->cur = NULL;
}

static void copy_stats(struct flow_tracker *t)
{
	t->stats.active = t->table.count;
	t->stats.buffers_refused = t->env.refused;
}

void flow_tracker_packet(struct flow_tracker *t, const struct packet *p)
{
	t->now.order++;
	t->now.frame = p->frame;
	t->now.time = p->time;
	t->packet = p;
	set_clock(t, p->time);
	if (table_due(&t->table, t->env.now))
		expire(t, EXPIRED_MAX);
	switch (p->kind) {
	case PACKET_ICMP:
		if (t->handlers.related && is_related(t, p)) {
			t->stats.related++;
			pass_anomalies(t, NULL, p);
			break;
		}
		__attribute__((fallthrough));
	case PACKET_TCP:
	case PACKET_UDP:
	case PACKET_IP:
		flow_packet(t, p);
		break;
	case PACKET_ARP:
	case PACKET_OTHER:
		if (t->handlers.link)
			t->handlers.link(t->user, p);
		pass_anomalies(t, NULL, p);
		break;
	default:
		pass_anomalies(t, NULL, p);
	}
	copy_stats(t);
	t->packet = NULL;
}

void flow_tracker_tick(struct flow_tracker *t, int64_t time)
{
	/* time that has passed already, or another clock: the next packet says which */
	if (time < t->clock_at)
		return;
	set_clock(t, time);
	t->now.time = time;
	if (table_due(&t->table, t->env.now))
		expire(t, EXPIRED_TICK);
	copy_stats(t);
}

static const struct entry *entry_of(const struct flow *f)
{
	return (const struct entry *)((const char *)f - offsetof(struct entry, flow));
}

bool flow_unclaimed(const struct flow *f, bool named)
{
	uint8_t mode = entry_of(f)->mode;

	return mode == FLOW_DONE || (mode == FLOW_NAMING && !named);
}

bool flow_next(const struct flow *f, unsigned side, uint32_t *next)
{
	const struct stream *s = &entry_of(f)->dir[side].stream;

	*next = s->next;
	return s->started;
}

bool flow_acked(const struct flow *f, unsigned side, uint32_t *acked)
{
	const struct stream *s = &entry_of(f)->dir[side].stream;

	*acked = s->acked;
	return s->has_acked;
}

bool flow_holds(const struct flow *f, unsigned side, uint32_t from, uint32_t to)
{
	const struct stream_held *h = entry_of(f)->dir[side].stream.held;

	for (; h && stream_diff(from, to) < 0; h = h->next) {
		if (stream_diff(h->seq, from) > 0)
			return false;
		if (stream_diff(h->seq + h->len, from) > 0)
			from = h->seq + h->len;
	}
	return stream_diff(from, to) >= 0;
}

void flow_tracker_flush(struct flow_tracker *t)
{
	struct table_node *n;

	while ((n = table_oldest(&t->table)))
		end_flow(t, (struct entry *)n, FLOW_END_FLUSHED);
	copy_stats(t);
}

const struct flow_stats *flow_tracker_stats(const struct flow_tracker *t)
{
	return &t->stats;
}

void flow_tracker_memory(const struct flow_tracker *t, size_t *per_flow, size_t *state_max)
{
	unsigned i;

	*per_flow = sizeof(struct entry) + 8 * ((size_t)t->table.mask + 1) / t->table.max;
	*state_max = 0;
	for (i = 0; i < t->dissectors; i++)
		if (t->state[i].size > *state_max)
			*state_max = t->state[i].size;
}

void flow_tracker_free(struct flow_tracker *t)
{
	struct table_node *n;
	unsigned i;

	if (!t)
		return;
	while (t->table.slots && (n = table_oldest(&t->table)))
		free_entry(t, (struct entry *)n);
	for (i = 0; i < t->dissectors; i++) {
		slab_clear(&t->state[i]);
		free(t->shared[i]);
	}
	app_free(t->app);
	pool_free(t->env.pool);
	table_free(&t->table);
	free(t);
}
