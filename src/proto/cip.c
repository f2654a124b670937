/*
 * CIP messages (CIP volume 1, 2-4), as they stand in an unconnected data item, behind the
 * sequence count of a connected one, or inside each other.
 *
 *   request   [service] [path words] path... data...
 *   reply     [service|0x80] [0] [general status] [words] additional status... data...
 *
 * Two wrappers are opened here; each of them and each message inside is an op:
 *
 *   Multiple Service Packet   [count:2] [offset:2] x count, messages...   offsets from count on
 *   Unconnected Send          [tick] [ticks] [size:2] message (pad) [route words] [0] route...
 *
 * Unconnected Send has no reply of its own unless routing fails: the answer is the inner reply.
 */
#include "proto/cip.h"

#define REPLY 0x80

void cip_malformed(struct cip_env *env, const char *reason, const uint8_t *at, uint32_t value)
{
	uint32_t offset = at && env->origin ? (uint32_t)(at - env->origin) : 0;

	proto_anomaly(env->c, ANOMALY_MALFORMED, "cip", reason, offset, value);
}

/* False when there is no whole path. */
static bool cip_request_head(struct slice msg, struct cip_request *out)
{
	struct reader r = rd_of(msg);
	struct slice path;

	out->service = rd_u8(&r) & 0x7f;
	path = rd_slice(&r, rd_u8(&r) * 2u);
	if (!rd_ok(&r))
		return false;
	cip_path_parse(path, &out->path);
	/* Connection paths may; of a request each device would take another one. */
	if (out->path.again && !out->path.error)
		out->path.error = "class, instance or attribute twice in a path";
	out->data = rd_rest(&r);
	return true;
}

/* The message inside an Unconnected Send, and where it goes. */
static bool unconnected_inner(struct slice data, struct slice *inner, struct slice *route)
{
	struct reader r = rd_of(data);
	uint16_t size;
	uint8_t words;

	rd_skip(&r, 2); /* priority and tick time, time-out ticks */
	size = rd_le16(&r);
	*inner = rd_slice(&r, size);
	if (size & 1)
		rd_skip(&r, 1);
	if (!rd_ok(&r))
		return false;
	words = rd_u8(&r);
	rd_skip(&r, 1);
	*route = rd_slice(&r, words * 2u);
	return rd_ok(&r);
}

/* Kept bytes may lack the route, of which only the slot matters. */
static bool unwrap(const struct cip_request *q, struct slice *inner, int32_t *slot)
{
	struct cip_path path;
	struct slice route = {NULL, 0};

	if (q->service != CIP_UNCONNECTED_SEND || q->path.cls != CIP_CLASS_CONNECTION_MANAGER)
		return false;
	unconnected_inner(q->data, inner, &route);
	if (inner->len == 0)
		return false;
	cip_path_parse(route, &path);
	*slot = path.slot;
	return true;
}

bool cip_answers(struct slice asked, uint8_t service)
{
	struct cip_request q;
	struct slice inner;
	int32_t slot;

	service &= 0x7f;
	if (asked.len && cip_sent_as(asked) == service)
		return true;
	return cip_request_head(asked, &q) && unwrap(&q, &inner, &slot) &&
	       cip_sent_as(inner) == service;
}

uint32_t cip_keep_len(struct slice msg)
{
	/* behind the path of a plain request: type, count, offset; or a PCCC head and address */
	uint32_t len = msg.len < 2 ? msg.len : 2 + msg.p[1] * 2u + 32;

	if (msg.len &&
	    (msg.p[0] == CIP_MULTIPLE_SERVICE_PACKET || msg.p[0] == CIP_UNCONNECTED_SEND ||
	     msg.p[0] == CIP_FORWARD_OPEN || msg.p[0] == CIP_LARGE_FORWARD_OPEN))
		len = CIP_KEPT_MAX;
	if (len > CIP_KEPT_MAX)
		len = CIP_KEPT_MAX;
	return len < msg.len ? len : msg.len;
}

static bool too_deep(struct cip_env *env)
{
	if (env->depth < CIP_DEPTH_MAX)
		return false;
	proto_anomaly(env->c, ANOMALY_LIMIT, "cip", "messages nested too deep", 0, CIP_DEPTH_MAX);
	return true;
}

bool cip_on_request(struct cip_env *env, struct slice msg)
{
	const struct cip_service *s;
	struct cip_request q;
	struct op op;

	if (too_deep(env))
		return true;
	if (!cip_request_head(msg, &q)) {
		if (!env->guess)
			cip_malformed(env, "request shorter than its path", msg.p, msg.len);
		return false;
	}
	if (q.path.error || (q.path.cls == CIP_CLASS_ANY && q.path.object.space == 0)) {
		if (env->guess)
			return false;
		cip_malformed(env, q.path.error ? q.path.error : "path without class or symbol",
			      msg.p, q.service);
	}
	env->guess = false;
	if (q.path.cut)
		proto_anomaly(env->c, ANOMALY_LIMIT, "cip", "tag name too long, cut", 0,
			      CIP_NAME_MAX);

	op = proto_op(env->c, "cip");
	op.role = OP_REQUEST;
	s = cip_service_find(q.path.cls, q.service, &op.cls);
	op.code = q.service;
	op.name = s->name;
	op.unit = env->unit;
	op.transaction = env->transaction;
	op.object = q.path.object;
	if (!cip_service_assigned(s))
		proto_anomaly(env->c, ANOMALY_RESERVED, "cip", "service code is not assigned", 0,
			      q.service);
	if (s->codec && s->codec->ask)
		s->codec->ask(env, &op, &q);
	env->refused->what = CIP_A_SERVICE;
	env->refused->at = (uint32_t)(msg.p - env->origin);
	proto_emit(env->c, &op);
	env->refused->what = CIP_NOTHING;
	if (s->codec && s->codec->ask_inside)
		s->codec->ask_inside(env, &q);
	return true;
}

/* Which object a reply of this shape comes from when its request was not seen. */
static uint32_t likely_class(uint8_t service, struct slice data, uint32_t status)
{
	if (service == CIP_FORWARD_CLOSE && data.len >= 10)
		return CIP_CLASS_CONNECTION_MANAGER;
	if (service == CIP_UNCONNECTED_SEND && status != 0 && status != 6)
		return CIP_CLASS_CONNECTION_MANAGER; /* its successful replies are the inner's */
	return CIP_CLASS_ANY;
}

bool cip_on_response(struct cip_env *env, struct slice msg)
{
	struct reader r = rd_of(msg);
	const struct cip_service *s;
	const struct cip_request *asked = NULL;
	struct cip_request q;
	struct slice data, inner;
	struct op op;
	uint8_t service;

	if (too_deep(env))
		return true;
	op = proto_op(env->c, "cip");
	op.role = OP_RESPONSE;
	service = rd_u8(&r) & 0x7f;
	rd_skip(&r, 1); /* reserved */
	op.status = rd_u8(&r);
	rd_skip(&r, rd_u8(&r) * 2u);
	data = rd_rest(&r);
	if (env->guess && rd_ok(&r) && msg.p[1] != 0)
		return false;
	if (!rd_ok(&r)) {
		if (!env->guess)
			cip_malformed(env, "reply shorter than its status", msg.p, msg.len);
		return false;
	}
	env->guess = false;

	if (env->asked.len && cip_request_head(env->asked, &q)) {
		bool good = true;

		if (cip_sent_as(env->asked) != service && unwrap(&q, &inner, &env->unit)) {
			env->asked = inner;
			good = cip_request_head(inner, &q);
		}
		if (good && cip_sent_as(env->asked) == service)
			asked = &q;
	}
	if (asked && cip_was_changed(env->asked.p[0]) && op.status) {
		service = q.service;
		cip_restore(env, msg.p, service | REPLY);
		op.neutralised = true;
	}
	s = cip_service_find(asked ? asked->path.cls : likely_class(service, data, op.status),
			     service, &op.cls);
	op.code = service;
	op.name = s->name;
	op.unit = env->unit;
	op.transaction = env->transaction;
	op.error = cip_status_name(op.status);
	if (env->asked_frame) {
		op.request_frame = env->asked_frame;
		op.rtt = env->c->time - env->asked_time;
	}
	if (asked)
		op.object = asked->path.object;
	if (s->codec && s->codec->reply)
		s->codec->reply(env, &op, asked, data);
	proto_emit(env->c, &op);
	if (s->codec && s->codec->reply_inside)
		s->codec->reply_inside(env, asked, data);
	return true;
}

/*
 * The i-th message of a Multiple Service Packet: from its offset to the next one, or to the end.
 * False when the offsets contradict each other.
 */
static bool multiple_at(struct slice data, uint32_t count, uint32_t i, struct slice *out)
{
	struct reader r = rd_of(data);
	uint32_t from, to;

	rd_skip(&r, 2 + i * 2);
	from = rd_le16(&r);
	to = i + 1 < count ? rd_le16(&r) : data.len;
	if (!rd_ok(&r) || from < 2 + count * 2 || from >= to || to > data.len)
		return false;
	*out = slice_of(data.p + from, to - from);
	return true;
}

static uint32_t multiple_count(struct cip_env *env, struct slice data)
{
	struct reader r = rd_of(data);
	uint32_t count = rd_le16(&r);

	if (!rd_ok(&r) || count * 2 > rd_left(&r)) {
		cip_malformed(env, "more services than the packet has room for", data.p, count);
		count = rd_left(&r) / 2;
	}
	if (count > CIP_SERVICES_MAX)
		proto_anomaly(env->c, ANOMALY_LIMIT, "cip",
			      "more services in one packet than are looked at", 0, count);
	return count;
}

void cip_multiple_request(struct cip_env *env, const struct cip_request *q)
{
	uint32_t i, told = 0, count = multiple_count(env, q->data);
	struct cip_env inner = *env;
	struct slice msg;

	inner.depth++;
	for (i = 0; i < count && i < CIP_SERVICES_MAX; i++)
		if (multiple_at(q->data, count, i, &msg))
			cip_on_request(&inner, msg);
		else if (!told++)
			cip_malformed(env, "offset of a service is impossible", q->data.p, i);
}

void cip_multiple_reply(struct cip_env *env, const struct cip_request *q, struct slice data)
{
	struct reader asked = rd_of(q ? q->data : slice_of(NULL, 0));
	uint32_t i, count, told = 0, asked_count = rd_le16(&asked);
	struct cip_env inner = *env;
	struct slice msg;

	if (data.len == 0)
		return; /* refused as a whole */
	count = multiple_count(env, data);
	inner.depth++;
	for (i = 0; i < count && i < CIP_SERVICES_MAX; i++) {
		inner.unit = env->unit;
		if (!q || !multiple_at(q->data, asked_count, i, &inner.asked))
			inner.asked = slice_of(NULL, 0);
		if (multiple_at(data, count, i, &msg))
			cip_on_response(&inner, msg);
		else if (!told++)
			cip_malformed(env, "offset of a reply is impossible", data.p, i);
	}
}

void cip_unconnected_request(struct cip_env *env, const struct cip_request *q)
{
	struct slice msg = {NULL, 0}, route = {NULL, 0};
	struct cip_env inner = *env;
	struct cip_path path;

	if (!unconnected_inner(q->data, &msg, &route))
		cip_malformed(env, "Unconnected Send ends before its route", q->data.p,
			      q->data.len);
	cip_path_parse(route, &path);
	if (path.error)
		cip_malformed(env, path.error, route.p, route.len);
	inner.unit = path.slot;
	inner.depth++;
	if (msg.len)
		cip_on_request(&inner, msg);
}
