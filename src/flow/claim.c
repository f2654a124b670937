/* Which dissector a flow belongs to and who is the client: told by content, not by ports. */
#include "flow/entry.h"

#define WAIT_BYTES   8192	  /* per side */
#define WAIT_RECORDS 16		  /* segments, both sides */
#define WAIT_TIME    5000000000ll /* ns from the first of them */

/* How often every candidate may say no before the flow is given up. */
#define TRIES_SYN      1  /* the first bytes of a connection are the start of a message */
#define TRIES_MIDDLE   8  /* the capture may have begun within a message */
#define TRIES_PORT     64 /* and a usual port makes it worth while */
#define TRIES_UDP_PORT 4  /* datagrams on a usual port */

#define NAMING_PACKETS 12 /* with payload, shown to nDPI */

/* Segments that wait for a decision, in order of arrival; the bytes are in buf[side]. */
struct flow_wait {
	uint8_t *buf[2];
	uint32_t len[2];
	int64_t since;	  /* ns on the tracker's clock */
	unsigned records; /* used */
	struct wait_record {
		struct stamp stamp;
		uint32_t seq; /* of the first byte */
		uint32_t len;
		uint8_t side;
	} record[WAIT_RECORDS];
};

enum answer { ANSWER_NO, ANSWER_WAIT, ANSWER_CLAIMED };

static bool has_port(const struct dissector *d, uint16_t port)
{
	unsigned i;

	for (i = 0; i < PROTO_PORTS_MAX && d->ports[i]; i++)
		if (d->ports[i] == port)
			return true;
	return false;
}

static bool is_server_port(const struct flow_tracker *t, uint16_t port)
{
	return t->server_port[port / 8] >> (port % 8) & 1;
}

static void set_client(struct entry *e, unsigned side, enum flow_client_by by)
{
	e->flow.client = (uint8_t)side;
	e->flow.client_by = (uint8_t)by;
}

/* server: bit per side that looks like one. True when exactly one does. */
static bool client_by_port(struct entry *e, bool server0, bool server1)
{
	if (server0 == server1)
		return false;
	set_client(e, server0 ? 1 : 0, FLOW_BY_PORT);
	return true;
}

static void client_of_unclaimed(struct flow_tracker *t, struct entry *e)
{
	const uint16_t *port = e->flow.port;

	if (e->flow.client != 0xff)
		return;
	if (e->flow.ip_proto == 6 &&
	    (client_by_port(e, is_server_port(t, port[0]), is_server_port(t, port[1])) ||
	     client_by_port(e, port[0] < 1024, port[1] < 1024)))
		return;
	set_client(e, 0, FLOW_BY_FIRST);
}

bool claim_waits(const struct entry *e, unsigned side)
{
	return e->wait && e->wait->len[side];
}

void claim_drop(struct flow_tracker *t, struct entry *e)
{
	if (!e->wait)
		return;
	pool_put(t->env.pool, e->wait->buf[0]);
	pool_put(t->env.pool, e->wait->buf[1]);
	pool_put(t->env.pool, e->wait);
	e->wait = NULL;
}

/* Shows bytes to nDPI until it has a name or has seen enough. */
static void name_bytes(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		       uint32_t n, int64_t time, bool enough)
{
	const char *name = NULL;

	if (!t->app || e->flow.app || e->named >= NAMING_PACKETS)
		return;
	if (!e->app)
		e->app = app_flow_get(t->app);
	if (!e->app) {
		e->named = NAMING_PACKETS;
		return;
	}
	if (n) {
		e->named++;
		name = app_packet(t->app, e->app, &e->flow, side, p, n, time);
	}
	if (!name && (enough || e->named == NAMING_PACKETS))
		name = app_give_up(t->app, e->app);
	e->flow.app = name;
	if (name || enough || e->named == NAMING_PACKETS) {
		e->named = NAMING_PACKETS;
		app_flow_put(t->app, e->app);
		e->app = NULL;
	}
}

static void name_waiting(struct flow_tracker *t, struct entry *e)
{
	const struct flow_wait *w = e->wait;
	uint32_t off[2] = {0, 0};
	unsigned i;

	for (i = 0; w && i < w->records; i++) {
		const struct wait_record *r = &w->record[i];

		name_bytes(t, e, r->side, w->buf[r->side] + off[r->side], r->len, r->stamp.time,
			   false);
		off[r->side] += r->len;
	}
}

/* Its bytes are of no interest from now on. */
static void done(struct flow_tracker *t, struct entry *e)
{
	e->mode = FLOW_DONE;
	if (e->flow.ip_proto != 6)
		return;
	stream_drop(&e->dir[0].stream, &t->env);
	stream_drop(&e->dir[1].stream, &t->env);
}

/* No dissector wants it, and none will be asked again. */
static void unclaim(struct flow_tracker *t, struct entry *e)
{
	name_waiting(t, e);
	claim_drop(t, e);
	if (e->flow.ip_proto == 6)
		e->dir[0].stream.watched = e->dir[1].stream.watched = false;
	if (t->app && !e->flow.app && e->named < NAMING_PACKETS)
		e->mode = FLOW_NAMING;
	else
		done(t, e);
	client_of_unclaimed(t, e);
	flow_open(t, e);
}

/* Asks one candidate. */
static enum probe_result ask_one(const struct flow_tracker *t, unsigned i, const struct entry *e,
				 const struct slice side[2], bool last, int8_t *client)
{
	struct proto_probe p = {
		.side = {side[0], side[1]},
		.port = {e->flow.port[0], e->flow.port[1]},
		.addr = {e->flow.addr[0], e->flow.addr[1]},
		.shared = t->shared[i],
		.transport = e->flow.ip_proto == 17 ? PROTO_UDP : PROTO_TCP,
		.last = last,
		.client = e->flow.client == 0xff ? -1 : (int8_t)e->flow.client,
	};
	enum probe_result r = t->dissector[i]->probe(&p);

	*client = p.client;
	return r;
}

/* Dissector i takes the flow; client: what the content says, or -1. */
static bool claim(struct flow_tracker *t, struct entry *e, unsigned i, int8_t client)
{
	const struct dissector *d = t->dissector[i];

	e->state = slab_get(&t->state[i]);
	if (!e->state) {
		flow_anomaly(t, e, ANOMALY_LIMIT, d->name, "no memory for another flow", 0,
			     &t->now);
		return false;
	}
	if (e->flow.client == 0xff) {
		if (client >= 0)
			set_client(e, client == 1, FLOW_BY_CONTENT);
		else if (!client_by_port(e, has_port(d, e->flow.port[0]),
					 has_port(d, e->flow.port[1])))
			set_client(e, 0, FLOW_BY_FIRST);
	}
	e->index = (uint8_t)i;
	e->mode = FLOW_CLAIMED;
	e->flow.dissector = d;
	e->flow.app = d->name;
	t->ctx_entry = NULL;
	if (e->app)
		app_flow_put(t->app, e->app);
	e->app = NULL;
	if (e->flow.ip_proto == 6) {
		if (e->node.cls != TABLE_CLOSED)
			table_set_class(&t->table, &e->node, TABLE_TCP_CLAIMED, t->env.now);
	} else {
		table_set_class(&t->table, &e->node, TABLE_UDP_CLAIMED, t->env.now);
	}
	flow_open(t, e);
	if (t->eager && e->middle && e->flow.ip_proto == 6)
		feed_amid(t, e);
	return true;
}

static bool is_candidate(const struct flow_tracker *t, const struct entry *e, unsigned i)
{
	unsigned transport = e->flow.ip_proto == 17 ? PROTO_UDP : PROTO_TCP;

	return (t->dissector[i]->transports & transport) && !(e->no >> i & 1) &&
	       (e->chosen < 0 || (unsigned)e->chosen == i);
}

/* Asks every candidate that has not said no; those with a usual port first. */
static enum answer ask(struct flow_tracker *t, struct entry *e, const struct slice side[2],
		       bool last)
{
	bool more = false;
	unsigned pass, i;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < t->dissectors; i++) {
			const struct dissector *d = t->dissector[i];
			enum probe_result r;
			int8_t client;

			if (!is_candidate(t, e, i) || (has_port(d, e->flow.port[0]) ||
						       has_port(d, e->flow.port[1])) == (pass == 1))
				continue;
			r = ask_one(t, i, e, side, last, &client);
			if (r == PROBE_NO || (r == PROBE_MORE && last)) {
				e->no |= 1u << i;
			} else if (r == PROBE_MORE) {
				more = true;
			} else if (client >= 0 || e->flow.client != 0xff || last) {
				return claim(t, e, i, client) ? ANSWER_CLAIMED : ANSWER_NO;
			} else {
				e->chosen = (int8_t)i;
				return ANSWER_WAIT;
			}
		}
	}
	if (more)
		return ANSWER_WAIT;
	if (e->chosen >= 0) { /* it changed its mind: back to the others */
		e->chosen = -1;
		return ask(t, e, side, last);
	}
	return ANSWER_NO;
}

/* Hands on what waited, each with the packet it came in. */
static void release(struct flow_tracker *t, struct entry *e)
{
	struct flow_wait *w = e->wait;
	uint32_t off[2] = {0, 0};
	unsigned i;

	e->wait = NULL;
	for (i = 0; w && i < w->records; i++) {
		const struct wait_record *r = &w->record[i];

		feed_bytes(t, e, r->side, r->seq, w->buf[r->side] + off[r->side], r->len,
			   &r->stamp);
		off[r->side] += r->len;
	}
	e->wait = w;
	claim_drop(t, e);
}

/* Every candidate said no to what there is. */
static void refused(struct flow_tracker *t, struct entry *e)
{
	bool port = is_server_port(t, e->flow.port[0]) || is_server_port(t, e->flow.port[1]);
	unsigned tries = !e->middle ? TRIES_SYN : port ? TRIES_PORT : TRIES_MIDDLE;

	if (++e->tries >= tries) {
		unclaim(t, e);
		return;
	}
	name_waiting(t, e);
	claim_drop(t, e);
	e->no = 0;
	e->chosen = -1;
}

static bool wait_side(struct flow_tracker *t, struct flow_wait *w, unsigned side, uint32_t n)
{
	uint8_t *buf;

	if (n > WAIT_BYTES - w->len[side])
		return false;
	if (w->buf[side] && pool_room(t->env.pool, w->buf[side]) >= w->len[side] + n)
		return true;
	buf = pool_get(t->env.pool, w->len[side] + n);
	if (!buf)
		return false;
	if (w->buf[side])
		memcpy(buf, w->buf[side], w->len[side]);
	pool_put(t->env.pool, w->buf[side]);
	w->buf[side] = buf;
	return true;
}

/* Adds a segment to those that wait; false when there is no room for it. */
static bool wait_add(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t seq,
		     const uint8_t *p, uint32_t n, const struct stamp *st)
{
	struct flow_wait *w = e->wait;
	struct wait_record *r;

	if (!w) {
		w = e->wait = pool_get(t->env.pool, sizeof(*w));
		if (!w)
			return false;
		memset(w, 0, sizeof(*w));
		w->since = t->env.now;
	}
	if (w->records == WAIT_RECORDS || t->env.now - w->since > WAIT_TIME ||
	    !wait_side(t, w, side, n))
		return false;
	memcpy(w->buf[side] + w->len[side], p, n);
	w->len[side] += n;
	r = &w->record[w->records++];
	r->stamp = *st;
	r->seq = seq;
	r->len = n;
	r->side = (uint8_t)side;
	return true;
}

static void waiting_sides(const struct entry *e, struct slice side[2])
{
	unsigned i;

	for (i = 0; i < 2; i++)
		side[i] = e->wait ? slice_of(e->wait->buf[i], e->wait->len[i]) : slice_of(NULL, 0);
}

/* Decides now, with what there is. */
static void decide(struct flow_tracker *t, struct entry *e)
{
	struct slice side[2];

	waiting_sides(e, side);
	if (side[0].len + side[1].len == 0)
		return;
	if (ask(t, e, side, true) == ANSWER_CLAIMED)
		release(t, e);
	else
		refused(t, e);
}

/* Would somebody take it if nothing more came? Else all goes on waiting. */
static bool ask_eagerly(struct flow_tracker *t, struct entry *e, const struct slice side[2])
{
	uint32_t no = e->no;
	int8_t chosen = e->chosen;

	if (!t->eager || (e->flow.client == 0xff &&
			  is_server_port(t, e->flow.port[0]) == is_server_port(t, e->flow.port[1])))
		return false;
	if (ask(t, e, side, true) == ANSWER_CLAIMED)
		return true;
	e->no = no;
	e->chosen = chosen;
	return false;
}

/* Bytes of a flow nobody claimed yet. */
static void probe_bytes(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t seq,
			const uint8_t *p, uint32_t n, const struct stamp *st)
{
	struct slice seen[2] = {{NULL, 0}, {NULL, 0}};
	bool waits = e->wait != NULL;

	seen[side] = slice_of(p, n);
	if (waits)
		waiting_sides(e, seen);
	switch (ask(t, e, seen, false)) {
	case ANSWER_CLAIMED:
		if (waits)
			release(t, e);
		else
			feed_bytes(t, e, side, seq, p, n, st);
		break;
	case ANSWER_WAIT:
		if (ask_eagerly(t, e, seen)) {
			if (waits)
				release(t, e);
			else
				feed_bytes(t, e, side, seq, p, n, st);
		} else if (!waits && !wait_add(t, e, side, seq, p, n, st)) {
			/* no room even for the first segment: it must do */
			if (ask(t, e, seen, true) == ANSWER_CLAIMED)
				feed_bytes(t, e, side, seq, p, n, st);
			else
				refused(t, e);
		}
		break;
	case ANSWER_NO:
		if (!waits)
			name_bytes(t, e, side, p, n, st->time, false);
		refused(t, e);
		break;
	}
}

void claim_bytes(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t seq,
		 const uint8_t *p, uint32_t n, const struct stamp *st)
{
	if (n == 0)
		return;
	if (e->mode == FLOW_PROBING && e->wait && !wait_add(t, e, side, seq, p, n, st))
		decide(t, e);
	else if (e->mode == FLOW_PROBING && e->wait) {
		probe_bytes(t, e, side, seq, p, n, st);
		return;
	}
	if (e->mode == FLOW_PROBING) {
		probe_bytes(t, e, side, seq, p, n, st);
	} else if (e->mode == FLOW_CLAIMED) {
		feed_bytes(t, e, side, seq, p, n, st);
	} else if (e->mode == FLOW_NAMING) {
		name_bytes(t, e, side, p, n, st->time, false);
		if (e->named == NAMING_PACKETS)
			done(t, e);
	}
}

void claim_hole(struct flow_tracker *t, struct entry *e)
{
	/* what comes next does not continue what waits */
	e->middle = true;
	if (e->mode == FLOW_PROBING && e->wait)
		decide(t, e);
}

void claim_datagram(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		    uint32_t n, const struct stamp *st)
{
	struct slice seen[2] = {{NULL, 0}, {NULL, 0}};
	bool port = is_server_port(t, e->flow.port[0]) || is_server_port(t, e->flow.port[1]);

	if (n == 0)
		return;
	if (e->mode == FLOW_PROBING) {
		seen[side] = slice_of(p, n);
		if (ask(t, e, seen, true) == ANSWER_CLAIMED) {
			feed_datagram(t, e, side, p, n, st);
			return;
		}
		e->no = 0;
		name_bytes(t, e, side, p, n, st->time, false);
		if (++e->tries >= (port ? TRIES_UDP_PORT : 1))
			unclaim(t, e);
	} else if (e->mode == FLOW_NAMING) {
		name_bytes(t, e, side, p, n, st->time, false);
		if (e->named == NAMING_PACKETS)
			done(t, e);
	}
}

void claim_other(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		 uint32_t n)
{
	name_bytes(t, e, side, p, n, t->now.time, true);
	unclaim(t, e);
}

void claim_settle(struct flow_tracker *t, struct entry *e)
{
	if (e->mode == FLOW_PROBING)
		decide(t, e);
	if (e->mode == FLOW_PROBING)
		unclaim(t, e);
	if (e->mode == FLOW_NAMING)
		name_bytes(t, e, 0, NULL, 0, 0, true);
}
