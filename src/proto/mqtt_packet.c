/*
 * MQTT control packets: V3.1 (IBM), 3.1.1 and 5.0 (OASIS).
 *
 *   | type 4 bits | flags 4 bits | remaining length, 1-4 bytes | variable header | payload |
 *
 *   CONNECT      name level flags keep-alive [props] client-id [[props] topic message] [user] [pw]
 *   CONNACK      flags code [props]
 *   PUBLISH      topic [packet-id] [props] message        flags: DUP, QoS (2 bits), RETAIN
 *   PUBACK/REC/REL/COMP   packet-id [code [props]]
 *   SUBSCRIBE    packet-id [props] (filter options)+
 *   SUBACK       packet-id [props] code+
 *   UNSUBSCRIBE  packet-id [props] filter+
 *   UNSUBACK     packet-id [[props] code+]
 *   DISCONNECT, AUTH      [code [props]]
 *   PINGREQ, PINGRESP     nothing
 *
 * [props] are in 5.0 only. Strings and binary data have a 16 bit length in front.
 */
#include "proto/mqtt_packet.h"

#define ANY_FLAGS 0xff

static void read_connect(struct reader *r, struct mqtt_packet *p);
static void read_connack(struct reader *r, struct mqtt_packet *p);
static void read_publish(struct reader *r, struct mqtt_packet *p);
static void read_ack(struct reader *r, struct mqtt_packet *p);
static void read_filters(struct reader *r, struct mqtt_packet *p);
static void read_suback(struct reader *r, struct mqtt_packet *p);
static void read_unsuback(struct reader *r, struct mqtt_packet *p);
static void read_code(struct reader *r, struct mqtt_packet *p);
static void read_nothing(struct reader *r, struct mqtt_packet *p);

/* MQTT 5.0, 2.1.2 and 2.1.3; lengths follow from each packet's own clause. */
static const struct {
	uint8_t flags;	 /* the only good ones, ANY_FLAGS: the decoder looks */
	uint8_t senders; /* enum mqtt_sender bits */
	uint32_t min;	 /* least remaining length, bytes */
	uint32_t max[2]; /* most; [0] 3.1 and 3.1.1, [1] 5.0 */
	void (*read)(struct reader *r, struct mqtt_packet *p);
} types[MQTT_TYPES] = {
#define BIG MQTT_BODY_MAX
	[MQTT_CONNECT] = {0, MQTT_BY_CLIENT, 12, {BIG, BIG}, read_connect},
	[MQTT_CONNACK] = {0, MQTT_BY_SERVER, 2, {2, BIG}, read_connack},
	[MQTT_PUBLISH] = {ANY_FLAGS, 3, 3, {UINT32_MAX, UINT32_MAX}, read_publish},
	[MQTT_PUBACK] = {0, 3, 2, {2, BIG}, read_ack},
	[MQTT_PUBREC] = {0, 3, 2, {2, BIG}, read_ack},
	[MQTT_PUBREL] = {2, 3, 2, {2, BIG}, read_ack},
	[MQTT_PUBCOMP] = {0, 3, 2, {2, BIG}, read_ack},
	[MQTT_SUBSCRIBE] = {2, MQTT_BY_CLIENT, 6, {BIG, BIG}, read_filters},
	[MQTT_SUBACK] = {0, MQTT_BY_SERVER, 3, {BIG, BIG}, read_suback},
	[MQTT_UNSUBSCRIBE] = {2, MQTT_BY_CLIENT, 5, {BIG, BIG}, read_filters},
	[MQTT_UNSUBACK] = {0, MQTT_BY_SERVER, 2, {2, BIG}, read_unsuback},
	[MQTT_PINGREQ] = {0, MQTT_BY_CLIENT, 0, {0, 0}, read_nothing},
	[MQTT_PINGRESP] = {0, MQTT_BY_SERVER, 0, {0, 0}, read_nothing},
	[MQTT_DISCONNECT] = {0, 3, 0, {0, BIG}, read_code},
	[MQTT_AUTH] = {0, 3, 0, {0, BIG}, read_code},
#undef BIG
};

unsigned mqtt_senders(uint8_t type)
{
	return types[type].senders;
}

/* Notes the first contradiction only: what follows from it says nothing new. */
static void wrong(struct mqtt_packet *p, const struct reader *r, const char *reason, uint32_t value)
{
	if (p->reason)
		return;
	p->reason = reason;
	p->offset = r->off;
	p->value = value;
}

static void broken(struct mqtt_packet *p, const struct reader *r, const char *reason)
{
	wrong(p, r, reason, r->len);
	p->broken = true;
}

static bool fits(const struct reader *r, struct mqtt_packet *p)
{
	if (!rd_ok(r))
		broken(p, r, "field runs over the packet");
	return rd_ok(r);
}

static struct slice read_string(struct reader *r)
{
	return rd_slice(r, rd_be16(r));
}

static void read_props(struct reader *r, struct mqtt_packet *p, uint8_t type)
{
	const char *why = mqtt_read_props(r, type, &p->props);

	if (why && rd_ok(r))
		wrong(p, r, why, 0);
	else if (why)
		broken(p, r, why);
}

static void read_id(struct reader *r, struct mqtt_packet *p)
{
	p->id = rd_be16(r);
	if (rd_ok(r) && p->id == 0)
		wrong(p, r, "packet identifier 0", 0); /* [MQTT-2.2.1-3] */
}

static void read_end(struct reader *r, struct mqtt_packet *p)
{
	if (fits(r, p) && rd_left(r))
		broken(p, r, "bytes behind the last field");
}

static void read_nothing(struct reader *r, struct mqtt_packet *p)
{
	read_end(r, p);
}

/* 4.7.3: at least one character, no U+0000; names of topics have no wildcards [MQTT-3.3.2-2]. */
static void check_topic(const struct reader *r, struct mqtt_packet *p, struct slice topic)
{
	if (mqtt_text(topic) == MQTT_TEXT_BAD)
		wrong(p, r, "topic is not UTF-8", 0);
	else if (topic.len && (memchr(topic.p, '#', topic.len) || memchr(topic.p, '+', topic.len)))
		wrong(p, r, "wildcard in a topic name", 0);
}

/* 4.7.1: + fills a level, # fills the last one. */
static void check_filter(const struct reader *r, struct mqtt_packet *p, struct slice f)
{
	uint32_t i;

	if (f.len == 0)
		wrong(p, r, "empty topic filter", 0); /* [MQTT-4.7.3-1] */
	else if (mqtt_text(f) == MQTT_TEXT_BAD)
		wrong(p, r, "topic filter is not UTF-8", 0);
	for (i = 0; i < f.len; i++) {
		bool starts = i == 0 || f.p[i - 1] == '/';
		bool ends = i + 1 == f.len;

		if (f.p[i] == '#' && (!starts || !ends))
			wrong(p, r, "# inside a topic filter", i); /* [MQTT-4.7.1-1] */
		if (f.p[i] == '+' && (!starts || (!ends && f.p[i + 1] != '/')))
			wrong(p, r, "+ inside a level of a topic filter", i); /* [MQTT-4.7.1-2] */
	}
}

/* 3.1.2.1 and 3.1.2.2. Mosquitto's bridges set the highest bit of the level. */
static bool read_protocol(struct reader *r, struct mqtt_packet *p)
{
	struct slice name = read_string(r);
	uint8_t level = rd_u8(r) & 0x7f;

	if (!fits(r, p))
		return false;
	if (slice_eq(name, slice_str("MQIsdp"))) {
		p->version = 3;
	} else if (slice_eq(name, slice_str("MQTT"))) {
		p->version = level == 5 ? 5 : 4;
	} else {
		broken(p, r, "protocol name");
		return false;
	}
	p->told = true;
	if (level != p->version)
		wrong(p, r, "protocol level", level);
	return true;
}

static void check_connect_flags(const struct reader *r, struct mqtt_packet *p)
{
	uint8_t flags = p->connect_flags, will_qos = flags >> 3 & 3;

	if (flags & 0x01 && p->version != 3)
		wrong(p, r, "reserved connect flag", flags); /* [MQTT-3.1.2-3] */
	if (will_qos == 3)
		wrong(p, r, "will QoS 3", flags); /* [MQTT-3.1.2-12] */
	if (!(flags & MQTT_CONNECT_WILL) && flags & 0x38 && p->version != 3)
		wrong(p, r, "will QoS or retain without will", flags); /* [MQTT-3.1.2-11] */
	if ((flags & 0xc0) == 0x40 && p->version == 4)
		wrong(p, r, "password without user name", flags); /* 3.1.1, [MQTT-3.1.2-22] */
}

static void read_connect(struct reader *r, struct mqtt_packet *p)
{
	/* V3.1, 3.1: the remaining length takes precedence over the user name and password flags.
	 */
	bool short_ok;

	if (!read_protocol(r, p))
		return;
	short_ok = p->version == 3;
	p->connect_flags = rd_u8(r);
	check_connect_flags(r, p);
	rd_skip(r, 2); /* keep alive */
	if (p->version == 5)
		read_props(r, p, MQTT_CONNECT);
	p->client = read_string(r);
	if (p->client.len == 0 && rd_ok(r) && p->version != 5 && !(p->connect_flags & 0x02))
		wrong(p, r, "no client identifier", 0); /* 3.1.1, [MQTT-3.1.3-7] */
	if (mqtt_text(p->client) == MQTT_TEXT_BAD)
		wrong(p, r, "client identifier is not UTF-8", 0);
	if (p->connect_flags & MQTT_CONNECT_WILL) {
		if (p->version == 5)
			read_props(r, p, 0);
		p->topic = read_string(r);
		p->payload = read_string(r);
		if (rd_ok(r) && p->topic.len == 0)
			wrong(p, r, "empty will topic", 0);
		check_topic(r, p, p->topic);
	}
	if (p->connect_flags & 0x80 && !(short_ok && rd_left(r) == 0)) {
		p->user = read_string(r);
		if (mqtt_text(p->user) == MQTT_TEXT_BAD)
			wrong(p, r, "user name is not UTF-8", 0);
	}
	if (p->connect_flags & 0x40 && !(short_ok && rd_left(r) == 0))
		rd_skip(r, rd_be16(r)); /* the password stays on the wire */
	read_end(r, p);
}

static void read_connack(struct reader *r, struct mqtt_packet *p)
{
	bool props = rd_left(r) > 2;
	uint8_t flags = rd_u8(r);

	p->code = rd_u8(r);
	/* A 3.1.1 server refuses a client of 5.0 in its own format, 3.1.1 [MQTT-3.1.2-2]. */
	p->told = p->version == 0;
	p->version = props ? 5 : p->version == 3 ? 3 : 4;
	if (flags & 0xfe && p->version != 3)
		wrong(p, r, "reserved acknowledge flag", flags); /* [MQTT-3.2.2-1] */
	if (p->version == 5)
		read_props(r, p, MQTT_CONNACK);
	read_end(r, p);
}

/* The body of a PUBLISH as one version; the fixed header's flags are checked by the caller. */
static void publish_as(struct reader *r, struct mqtt_packet *p, uint8_t version)
{
	p->version = version;
	p->topic = read_string(r);
	if (p->flags & 0x06)
		read_id(r, p);
	if (version == 5)
		read_props(r, p, MQTT_PUBLISH);
	if (!fits(r, p))
		return;
	check_topic(r, p, p->topic);
	if (p->topic.len == 0 && !p->props.has_alias)
		wrong(p, r, "empty topic", 0); /* [MQTT-4.7.3-1], 5.0: 3.3.2.1 */
	p->payload = rd_rest(r);
}

/* Without a version: is it 5.0 with properties, or a message of 3.1.1? */
static void publish_guess(struct reader *r, struct mqtt_packet *p)
{
	struct mqtt_packet as5 = *p, as4 = *p;
	struct reader r5 = *r, r4 = *r;

	publish_as(&r5, &as5, 5);
	publish_as(&r4, &as4, 4);
	as4.told = as5.reason && !as4.reason;
	as5.told = as4.reason || as4.payload.len > as5.payload.len + 1;
	*p = as4;
	*r = r4;
	if (!as5.reason &&
	    (as5.told || (as5.payload.len && mqtt_text(as5.payload) == MQTT_TEXT_PRINTABLE))) {
		*p = as5;
		*r = r5;
	}
}

static void read_publish(struct reader *r, struct mqtt_packet *p)
{
	uint8_t qos = p->flags >> 1 & 3;

	if (qos == 3)
		wrong(p, r, "QoS 3", p->flags); /* [MQTT-3.3.1-4] */
	if (qos == 0 && p->flags & 0x08)
		wrong(p, r, "DUP with QoS 0", p->flags); /* [MQTT-3.3.1-2] */
	if (p->version)
		publish_as(r, p, p->version);
	else
		publish_guess(r, p);
}

static void read_ack(struct reader *r, struct mqtt_packet *p)
{
	read_id(r, p);
	if (rd_left(r)) {
		p->told = p->version == 0;
		p->version = 5;
		p->code = rd_u8(r);
		if (rd_left(r))
			read_props(r, p, p->type);
	}
	read_end(r, p);
}

bool mqtt_next_filter(const struct mqtt_packet *p, struct reader *list, struct slice *filter)
{
	if (!rd_ok(list) || rd_left(list) == 0)
		return false;
	*filter = read_string(list);
	if (p->type == MQTT_SUBSCRIBE)
		rd_skip(list, 1);
	return rd_ok(list);
}

/* 3.8.3.1: QoS, and in 5.0 no local, retain as published, retain handling 0-2. */
static void check_options(const struct reader *r, struct mqtt_packet *p, uint8_t options)
{
	if ((options & 3) == 3)
		wrong(p, r, "subscription QoS 3", options);
	if (options & (p->version == 5 ? 0xc0 : 0xfc) || (options & 0x30) == 0x30)
		wrong(p, r, "reserved subscription option", options);
}

static void filters_as(struct reader *r, struct mqtt_packet *p, uint8_t version)
{
	struct slice filter;
	struct reader list;
	uint8_t options;

	p->version = version;
	read_id(r, p);
	if (version == 5)
		read_props(r, p, p->type);
	if (!fits(r, p))
		return;
	list = *r;
	p->list = rd_rest(&list);
	if (p->list.len == 0)
		broken(p, r, "no topic filter"); /* [MQTT-3.8.3-2] */
	while (rd_left(r)) {
		filter = read_string(r);
		options = p->type == MQTT_SUBSCRIBE ? rd_u8(r) : 0;
		if (!fits(r, p))
			return;
		check_filter(r, p, filter);
		check_options(r, p, options);
	}
}

static void read_filters(struct reader *r, struct mqtt_packet *p)
{
	struct mqtt_packet as5 = *p, as4 = *p;
	struct reader r5 = *r, r4 = *r;

	if (p->version) {
		filters_as(r, p, p->version);
		return;
	}
	filters_as(&r5, &as5, 5);
	filters_as(&r4, &as4, 4);
	as5.told = as4.reason != NULL;
	as4.told = as5.reason != NULL;
	*p = as4.reason && !as5.reason ? as5 : as4;
	*r = p->version == 5 ? r5 : r4;
}

static bool codes_assigned(const struct mqtt_packet *p)
{
	uint32_t i;

	for (i = 0; i < p->list.len; i++)
		if (!mqtt_code_name(p->type, p->version, p->list.p[i]))
			return false;
	return true;
}

static void suback_as(struct reader *r, struct mqtt_packet *p, uint8_t version)
{
	p->version = version;
	read_id(r, p);
	if (version == 5)
		read_props(r, p, p->type);
	if (!fits(r, p))
		return;
	p->list = rd_rest(r);
	if (p->list.len == 0)
		broken(p, r, "no return code");
}

static void read_suback(struct reader *r, struct mqtt_packet *p)
{
	struct mqtt_packet as5 = *p, as4 = *p;
	struct reader r5 = *r, r4 = *r;

	if (p->version) {
		suback_as(r, p, p->version);
		return;
	}
	suback_as(&r5, &as5, 5);
	suback_as(&r4, &as4, 4);
	as5.told = !codes_assigned(&as4) && !as5.reason && codes_assigned(&as5);
	*p = as5.told ? as5 : as4;
	*r = as5.told ? r5 : r4;
}

static void read_unsuback(struct reader *r, struct mqtt_packet *p)
{
	p->told = p->version == 0;
	if (rd_left(r) > 2) {
		suback_as(r, p, 5);
		return;
	}
	if (p->version == 0)
		p->version = 4;
	read_id(r, p);
	if (p->version == 5)
		broken(p, r, "no return code");
	read_end(r, p);
}

/* 3.14 and 3.15: nothing at all stands for code 0. */
static void read_code(struct reader *r, struct mqtt_packet *p)
{
	if (p->type == MQTT_AUTH || rd_left(r)) {
		p->told = p->version == 0;
		p->version = 5;
	}
	if (rd_left(r))
		p->code = rd_u8(r);
	if (rd_left(r))
		read_props(r, p, p->type);
	read_end(r, p);
}

/* First byte and remaining length. In V3.1 only QoS 1 and DUP bits had a meaning (2.1). */
static enum mqtt_read read_header(struct reader *r, uint8_t version, struct mqtt_packet *p,
				  uint32_t *body)
{
	uint8_t first = rd_u8(r), good;

	p->type = first >> 4;
	p->flags = first & 0x0f;
	if (!rd_ok(r))
		return MQTT_MORE;
	if (p->type == 0 || (p->type == MQTT_AUTH && version && version < 5)) {
		wrong(p, r, "reserved packet type", first);
		return MQTT_JUNK;
	}
	if (!mqtt_read_varint(r, body)) {
		wrong(p, r, "remaining length over four bytes", *body); /* 2.1.4 */
		return MQTT_JUNK;
	}
	if (!rd_ok(r))
		return MQTT_MORE;
	p->total = r->off + *body;
	good = types[p->type].flags;
	if (good != ANY_FLAGS && p->flags != good && version != 3)
		wrong(p, r, "reserved flags of the fixed header", p->flags); /* [MQTT-2.1.3-1] */
	if (*body >= types[p->type].min &&
	    *body <= types[p->type].max[version == 0 || version == 5])
		return MQTT_PACKET;
	p->reason = NULL;
	wrong(p, r, "remaining length impossible for the packet type", *body);
	return MQTT_JUNK;
}

bool mqtt_header_ok(const uint8_t *data, uint32_t len)
{
	struct reader r = rd_init(data, len);
	struct mqtt_packet p = {0};
	uint32_t body;

	return read_header(&r, 0, &p, &body) != MQTT_JUNK && !p.reason;
}

/* A PUBLISH whose topic cannot fit is known to be wrong before all of it is here. */
static bool publish_hopeless(const struct reader *r, const struct mqtt_packet *p, uint32_t body)
{
	struct reader t = *r;
	uint32_t need = 2u + rd_be16(&t);

	if (p->flags & 0x06)
		need += 2;
	return rd_ok(&t) && need > body;
}

enum mqtt_read mqtt_read(const uint8_t *data, uint32_t len, uint8_t version, struct mqtt_packet *p)
{
	struct reader r = rd_init(data, len);
	uint32_t body, want;
	enum mqtt_read result;

	*p = (struct mqtt_packet){.version = version};
	result = read_header(&r, version, p, &body);
	if (result != MQTT_PACKET)
		return result;
	if (p->type == MQTT_PUBLISH && publish_hopeless(&r, p, body)) {
		broken(p, &r, "topic runs over the packet");
		return MQTT_PACKET;
	}
	want = p->total;
	if (p->type == MQTT_PUBLISH && want > MQTT_BODY_MAX) {
		p->cut = true;
		want = len > MQTT_HEAD_MAX ? len : MQTT_HEAD_MAX;
		if (want > p->total)
			want = p->total;
	}
	if (len < want)
		return MQTT_MORE;
	r.len = want;
	types[p->type].read(&r, p);
	/* Where a large PUBLISH has a topic longer than its head, the rest is needed after all. */
	if (p->cut && p->broken && len < p->total && len < 2 * MQTT_BODY_MAX)
		return MQTT_MORE;
	return MQTT_PACKET;
}
