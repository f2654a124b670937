/*
 * CIP connections (CIP volume 1, 3-5; volume 2, 3-3): how they are opened, and what runs on them.
 *
 *   Forward Open    [tick] [ticks] [O->T id:4] [T->O id:4] [serial:2] [vendor:2] [owner:4]
 *                   [multiplier] [0:3] [O->T RPI:4] [parameters:2/4] [T->O RPI:4] [parameters:2/4]
 *                   [transport] [path words] path...               parameters: 4 when large
 *       reply       [O->T id:4] [T->O id:4] [serial:2] [vendor:2] [owner:4] [API:4] [API:4] ...
 *   Forward Close   [tick] [ticks] [serial:2] [vendor:2] [owner:4] [path words] [0] path...
 *       reply       [serial:2] [vendor:2] [owner:4] ...
 *
 *   I/O, class 1    [sequence:2] ([run/idle:4]) data      class 0: without the sequence
 *
 * The receiver of a direction chooses its id, so an id means something only together with who
 * sends: links[] is keyed by both, and names a connection in conns[], which is keyed by its
 * serial numbers and both ends. Both tables are sets of WAYS; the least recently used of a set
 * goes when it is full, which is told. Ids nobody opened before us have a table of their own, so
 * that a sender of random ids cannot push out known connections.
 *
 *   links[ hash(id, sender) ] --> conns[ hash(serial, owner, ends) ]
 */
#include "proto/cip.h"
#include "base/hash.h"

#define WAYS	      CIP_WAYS
#define CONN_SETS     CIP_CONN_SETS
#define LINK_SETS     CIP_LINK_SETS
#define STRANGER_SETS CIP_STRANGER_SETS

static uint64_t link_hash(uint32_t id, const struct addr *sender)
{
	return hash_u64(hash_bytes(sender->b, sizeof(sender->b), id), id);
}

static const struct cip_connection *conn_at(const struct cip_connections *t, uint32_t index)
{
	return &t->conn[(index - 1) / WAYS][(index - 1) % WAYS];
}

/* The connection a link still belongs to; the slot may have been given to another since. */
static const struct cip_connection *link_conn(const struct cip_connections *t,
					      const struct cip_link_entry *l, bool *to_target)
{
	const struct cip_connection *conn = l->conn ? conn_at(t, l->conn) : NULL;
	unsigned d;

	for (d = 0; conn && conn->serial && d < 2; d++)
		if (conn->id[d] == l->id &&
		    addr_eq(&l->sender, d ? &conn->target : &conn->originator)) {
			*to_target = d == 0;
			return conn;
		}
	return NULL;
}

static void link_add(struct cip_connections *t, uint32_t id, const struct addr *sender,
		     uint32_t conn_index)
{
	struct cip_link_entry *set = t->link[link_hash(id, sender) % LINK_SETS], *l = &set[0];
	bool to_target;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].conn && set[i].id == id && addr_eq(&set[i].sender, sender)) {
			l = &set[i];
			break;
		}
		if (!link_conn(t, &set[i], &to_target))
			l = &set[i];
	}
	*l = (struct cip_link_entry){.sender = *sender, .id = id, .conn = conn_index};
}

static struct cip_link stranger_find(struct cip_connections *t, struct proto_ctx *c, uint32_t id,
				     const struct addr *sender)
{
	struct cip_stranger *set = t->stranger[link_hash(id, sender) % STRANGER_SETS], *s = &set[0];
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].used && set[i].id == id && addr_eq(&set[i].sender, sender)) {
			s = &set[i];
			break;
		}
		if (set[i].seen < s->seen)
			s = &set[i];
	}
	if (i == WAYS)
		*s = (struct cip_stranger){.sender = *sender, .id = id, .used = true};
	s->seen = c->time;
	return (struct cip_link){.to_target = c->dir == PROTO_TO_SERVER, .told = &s->told};
}

int cip_link_originator(const struct cip_connections *t, uint32_t id, const struct addr *sender)
{
	const struct cip_link_entry *set = t->link[link_hash(id, sender) % LINK_SETS];
	bool to_target;
	unsigned i;

	for (i = 0; i < WAYS; i++)
		if (set[i].id == id && addr_eq(&set[i].sender, sender) &&
		    link_conn(t, &set[i], &to_target))
			return to_target;
	return -1;
}

struct cip_link cip_link_find(struct proto_ctx *c, uint32_t id)
{
	struct cip_connections *t = c->shared;
	const struct addr *sender = &c->addr[c->dir == PROTO_TO_SERVER ? 0 : 1];
	struct cip_link_entry *set = t->link[link_hash(id, sender) % LINK_SETS];
	struct cip_link found = {0};
	const struct cip_connection *conn;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].id != id || !addr_eq(&set[i].sender, sender))
			continue;
		conn = link_conn(t, &set[i], &found.to_target);
		if (!conn)
			continue;
		t->conn[(set[i].conn - 1) / WAYS][(set[i].conn - 1) % WAYS].used = c->time;
		found.conn = conn;
		found.told = &set[i].told;
		return found;
	}
	return stranger_find(t, c, id, sender);
}

/* ---- opening and closing */

static uint64_t serial_key(uint16_t serial, uint16_t vendor)
{
	return 1ull << 32 | (uint32_t)serial << 16 | vendor; /* never 0, which is free */
}

/* The ends of a connection whose opening is the message at hand, or its reply. */
static void ends(const struct proto_ctx *c, bool reply, struct addr *originator,
		 struct addr *target)
{
	bool from_client = (c->dir == PROTO_TO_SERVER) != reply;

	*originator = c->addr[from_client ? 0 : 1];
	*target = c->addr[from_client ? 1 : 0];
}

/* Finds a connection, or makes room for it. *index is for link_add(). */
static struct cip_connection *conn_get(struct proto_ctx *c, bool reply, uint64_t serial,
				       uint32_t owner, bool make, uint32_t *index)
{
	struct cip_connections *t = c->shared;
	struct addr originator, target;
	struct cip_connection *set, *v;
	uint64_t h;
	unsigned i;

	ends(c, reply, &originator, &target);
	h = hash_u64(serial, hash_bytes(originator.b, 16, owner)) ^ hash_bytes(target.b, 16, 0);
	set = t->conn[h % CONN_SETS];
	v = &set[0];
	for (i = 0; i < WAYS; i++) {
		if (set[i].serial == serial && set[i].owner == owner &&
		    addr_eq(&set[i].originator, &originator) && addr_eq(&set[i].target, &target)) {
			v = &set[i];
			break;
		}
		if (v->serial && (!set[i].serial || set[i].used < v->used))
			v = &set[i];
	}
	*index = (uint32_t)(h % CONN_SETS * WAYS + (uint32_t)(v - set) + 1);
	if (i < WAYS)
		return v;
	if (!make)
		return NULL;
	if (v->serial)
		proto_anomaly(c, ANOMALY_LIMIT, "cip", "too many connections, one forgotten", 0,
			      CONN_SETS * WAYS);
	*v = (struct cip_connection){
		.originator = originator,
		.target = target,
		.serial = serial,
		.owner = owner,
		.used = c->time,
		.cls = CIP_CLASS_ANY,
		.slot = -1,
	};
	return v;
}

/* What of a Forward Open is needed later. */
struct opening {
	uint16_t serial, vendor;
	uint32_t owner;
	uint8_t transport;
	struct slice path;
};

static bool opening_read(struct slice data, bool large, struct opening *o)
{
	struct reader r = rd_of(data);

	rd_skip(&r, 10);
	o->serial = rd_le16(&r);
	o->vendor = rd_le16(&r);
	o->owner = rd_le32(&r);
	rd_skip(&r, 4 + 2 * (4 + (large ? 4 : 2)));
	o->transport = rd_u8(&r) & 0x0f;
	o->path = rd_slice(&r, rd_u8(&r) * 2u);
	return rd_ok(&r);
}

static void open_ask_sized(struct cip_env *env, struct op *op, const struct cip_request *q,
			   bool large)
{
	struct cip_path path;
	struct opening o;

	op->values.type = OP_V_RAW;
	op->values.raw = q->data;
	if (!opening_read(q->data, large, &o)) {
		cip_malformed(env, "Forward Open ends before its path", q->data.p, q->data.len);
		return;
	}
	cip_path_parse(o.path, &path);
	if (path.error)
		cip_malformed(env, path.error, o.path.p, o.path.len);
	if (op->unit < 0)
		op->unit = path.slot;
}

static void open_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	open_ask_sized(env, op, q, false);
}

static void open_large_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	open_ask_sized(env, op, q, true);
}

/* The target agreed: from now on both ids mean what the request asked for. */
static void opened(struct cip_env *env, struct op *op, const struct opening *o,
		   const uint32_t id[2])
{
	struct cip_connection *conn;
	struct cip_path path;
	uint32_t index;

	conn = conn_get(env->c, true, serial_key(o->serial, o->vendor), o->owner, true, &index);
	cip_path_parse(o->path, &path);
	conn->id[0] = id[0];
	conn->id[1] = id[1];
	conn->used = env->c->time;
	conn->transport = o->transport;
	conn->cls = path.cls;
	if (op->unit < 0)
		op->unit = path.slot;
	conn->slot = op->unit;
	/* 20 04 24 <configuration> 2c <O->T> 2c <T->O>; one point alone serves both */
	conn->point[0] = path.npoints ? path.points[0] : path.object.path[1];
	conn->point[1] = path.npoints > 1 ? path.points[1] : conn->point[0];
	link_add(env->c->shared, id[0], &conn->originator, index);
	link_add(env->c->shared, id[1], &conn->target, index);
}

static void open_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
		       struct slice data)
{
	struct reader r = rd_of(data);
	struct opening o;
	uint32_t id[2];

	op->values.type = data.len ? OP_V_RAW : OP_V_NONE;
	op->values.raw = data;
	if (op->status != 0)
		return;
	id[0] = rd_le32(&r);
	id[1] = rd_le32(&r);
	rd_skip(&r, 8 + 8); /* serial numbers, actual packet intervals */
	if (!rd_ok(&r)) {
		cip_malformed(env, "Forward Open reply too short", data.p, data.len);
		return;
	}
	if (q && opening_read(q->data, q->service == CIP_LARGE_FORWARD_OPEN, &o))
		opened(env, op, &o, id);
}

static void close_ask(struct cip_env *env, struct op *op, const struct cip_request *q)
{
	struct reader r = rd_of(q->data);
	struct cip_connection *conn;
	uint16_t serial, vendor;
	uint32_t owner, index;

	op->values.type = OP_V_RAW;
	op->values.raw = q->data;
	rd_skip(&r, 2);
	serial = rd_le16(&r);
	vendor = rd_le16(&r);
	owner = rd_le32(&r);
	if (!rd_ok(&r)) {
		cip_malformed(env, "Forward Close too short", q->data.p, q->data.len);
		return;
	}
	conn = conn_get(env->c, false, serial_key(serial, vendor), owner, false, &index);
	if (conn && op->unit < 0)
		op->unit = conn->slot;
}

/* The connection is freed by the reply: until then data may still be under way. */
static void close_reply(struct cip_env *env, struct op *op, const struct cip_request *q,
			struct slice data)
{
	struct reader r = rd_of(data);
	struct cip_connection *conn;
	uint16_t serial = rd_le16(&r), vendor = rd_le16(&r);
	uint32_t owner = rd_le32(&r), index;

	(void)q;
	op->values.type = data.len ? OP_V_RAW : OP_V_NONE;
	op->values.raw = data;
	if (op->status != 0 || !rd_ok(&r))
		return;
	conn = conn_get(env->c, true, serial_key(serial, vendor), owner, false, &index);
	if (!conn)
		return;
	if (op->unit < 0)
		op->unit = conn->slot;
	*conn = (struct cip_connection){0};
}

const struct cip_codec cip_codec_open = {.ask = open_ask, .reply = open_reply};
const struct cip_codec cip_codec_open_large = {.ask = open_large_ask, .reply = open_reply};
const struct cip_codec cip_codec_close = {.ask = close_ask, .reply = close_reply};

/* ---- implicit I/O */

/*
 * The 32-bit header (volume 1, 3-6.1.4) in front of what a scanner sends: bit 0 says run, bits
 * 1-3 belong to redundancy, the rest is 0. The Forward Open does not say whether it is there;
 * adapters ask for it in the direction O->T as a rule, and its 28 zero bits give it away.
 */
static bool run_idle(struct slice *data, bool *idle)
{
	struct reader r = rd_of(*data);
	uint32_t header = rd_le32(&r);

	if (!rd_ok(&r) || header > 0x0f)
		return false;
	*idle = !(header & 1);
	*data = rd_rest(&r);
	return true;
}

void cip_io(struct proto_ctx *c, uint32_t id, uint32_t sequence, struct slice data)
{
	struct cip_link l = cip_link_find(c, id);
	struct op op = proto_op(c, "cip");
	struct reader r = rd_of(data);
	bool idle = false;

	op.role = OP_PUBLISH;
	op.name = "io-data";
	op.cls = l.to_target ? OP_WRITE : OP_READ;
	op.transaction = sequence;
	op.object.space = OP_SPACE_IO;
	op.object.first = id;
	op.object.count = 1;
	if (l.conn) {
		op.unit = l.conn->slot;
		if (l.conn->cls != CIP_CLASS_ANY) {
			op.object.npath = 2;
			op.object.path[0] = l.conn->cls;
			op.object.path[1] = l.conn->point[l.to_target ? 0 : 1];
		}
		if (l.conn->transport == 1)
			rd_skip(&r, 2);
		data = rd_rest(&r);
		if (!rd_ok(&r))
			proto_anomaly(c, ANOMALY_MALFORMED, "cip", "I/O without sequence count", 0,
				      id);
		if (l.to_target && run_idle(&data, &idle) && idle)
			op.name = "io-data-idle";
	} else if (!*l.told) {
		*l.told = true;
		proto_anomaly(c, ANOMALY_UNDECODABLE, "cip",
			      "I/O of a connection whose Forward Open was not seen", 0, id);
	}
	if (data.len) {
		op.values.type = OP_V_RAW;
		op.values.raw = data;
	}
	proto_emit(c, &op);
}
