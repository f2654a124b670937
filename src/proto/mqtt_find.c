/*
 * Recognising MQTT: the next packet after a gap or a bad one, and a flow's first bytes.
 *
 * One packet proves little: c0 00 is a PINGREQ and any two bytes. So a candidate must be flawless
 * and the one behind it too, or fill what is there to the end. On port 1883 one is enough to
 * claim a flow; elsewhere it takes a CONNECT or CONNACK, two packets, or a PUBLISH with a
 * printable topic that fills the segment.
 */
#include "proto/mqtt_packet.h"
#include "proto/proto.h"

#define SCAN_STEP   4096 /* bytes searched for the next packet per call */
#define SCAN_WINDOW 1024 /* bytes a candidate is judged by while searching */
#define PROBE_BYTES 2048 /* of either side, after which no more is waited for */

/* A packet that contradicts nothing, with codes the standard assigns. */
static bool flawless(const struct mqtt_packet *p)
{
	uint32_t i;

	if (p->reason)
		return false;
	if (p->type == MQTT_PUBLISH)
		return mqtt_text(p->topic) == MQTT_TEXT_PRINTABLE;
	if (p->type == MQTT_SUBACK || p->type == MQTT_UNSUBACK)
		for (i = 0; i < p->list.len; i++)
			if (!mqtt_code_name(p->type, p->version, p->list.p[i]))
				return false;
	return p->code == 0 || mqtt_code_name(p->type, p->version, p->code);
}

enum mqtt_find mqtt_judge(const uint8_t *data, uint32_t len, uint8_t version, bool after_good)
{
	struct mqtt_packet p, next;
	enum mqtt_read r = mqtt_read(data, len, version, &p);

	if (r == MQTT_MORE)
		return mqtt_header_ok(data, len) && p.total <= MQTT_BODY_MAX ? MQTT_WAIT
									     : MQTT_NOTHING;
	if (r == MQTT_JUNK || !flawless(&p))
		return MQTT_NOTHING;
	if (p.total >= len) /* two bytes at the end of other bytes may be anything */
		return after_good || p.total > 3 ? MQTT_FOUND : MQTT_NOTHING;
	r = mqtt_read(data + p.total, len - p.total, version ? version : p.version, &next);
	if (r == MQTT_MORE)
		return mqtt_header_ok(data + p.total, len - p.total) ? MQTT_FOUND : MQTT_NOTHING;
	return r == MQTT_PACKET && flawless(&next) ? MQTT_FOUND : MQTT_NOTHING;
}

enum mqtt_find mqtt_find(const uint8_t *data, uint32_t len, uint8_t version, uint32_t *at)
{
	uint32_t i, end = len - *at > SCAN_STEP ? *at + SCAN_STEP : len, window, wait = end;
	enum mqtt_find f;

	for (i = *at; i < end; i++) {
		window = len - i > SCAN_WINDOW && i > 0 ? SCAN_WINDOW : len - i;
		f = mqtt_judge(data + i, window, version, i == 0);
		if (f == MQTT_FOUND) {
			*at = i;
			return MQTT_FOUND;
		}
		if (f == MQTT_WAIT && wait == end)
			wait = i;
	}
	*at = wait;
	return wait < end ? MQTT_WAIT : MQTT_NOTHING;
}

/* What the first bytes of one side are worth. */
struct evidence {
	unsigned packets; /* good ones, in a row from the start */
	uint32_t bytes;	  /* in them */
	unsigned senders; /* enum mqtt_sender bits that remain possible */
	bool sure;	  /* a CONNECT or CONNACK, or a PUBLISH that fills exactly */
	bool part;	  /* what follows them is too short to judge */
	bool junk;	  /* what follows them is no packet */
};

/* CONNECT shows itself with its first dozen bytes, however long it is. */
static bool connect_begins(struct slice s)
{
	struct reader r = rd_of(s);
	struct slice name;
	uint32_t body;
	uint8_t level;

	if (rd_u8(&r) != MQTT_CONNECT << 4 || !mqtt_read_varint(&r, &body))
		return false;
	name = rd_slice(&r, rd_be16(&r));
	level = rd_u8(&r) & 0x7f;
	return rd_ok(&r) && body >= 12 &&
	       ((slice_eq(name, slice_str("MQTT")) && level >= 4 && level <= 5) ||
		(slice_eq(name, slice_str("MQIsdp")) && level == 3));
}

static struct evidence weigh(struct slice s)
{
	struct evidence ev = {.senders = MQTT_BY_CLIENT | MQTT_BY_SERVER};
	uint8_t version = 0;
	struct mqtt_packet p;
	enum mqtt_read r;

	if (connect_begins(s)) {
		ev.sure = true;
		ev.packets = 1;
		ev.senders = MQTT_BY_CLIENT;
		return ev;
	}
	while (ev.bytes < s.len && !ev.junk && !ev.part) {
		r = mqtt_read(s.p + ev.bytes, s.len - ev.bytes, version, &p);
		ev.part = r == MQTT_MORE && mqtt_header_ok(s.p + ev.bytes, s.len - ev.bytes);
		ev.junk = r != MQTT_PACKET ? !ev.part : !flawless(&p);
		if (r != MQTT_PACKET || ev.junk)
			break;
		if (p.told && !version)
			version = p.version;
		ev.bytes = p.total < s.len - ev.bytes ? ev.bytes + p.total : s.len;
		ev.packets++;
		ev.senders &= mqtt_senders(p.type);
		ev.sure |= p.type == MQTT_CONNACK;
		ev.sure |= p.type == MQTT_PUBLISH && ev.bytes == s.len && p.total >= 8;
	}
	if (ev.junk && ev.packets < 3)
		ev.packets = 0;
	if (ev.packets == 0 || ev.senders == 0)
		ev.sure = false;
	return ev;
}

static bool usual_port(const struct proto_probe *p)
{
	return p->port[0] == 1883 || p->port[1] == 1883;
}

enum probe_result mqtt_probe(struct proto_probe *p)
{
	struct evidence ev[2] = {weigh(p->side[0]), weigh(p->side[1])};
	unsigned packets = ev[0].packets + ev[1].packets, i;
	bool sure = ev[0].sure || ev[1].sure || packets >= 2 || (usual_port(p) && packets);
	int8_t client = -1;

	for (i = 0; i < 2; i++) {
		if (ev[i].packets == 0)
			continue;
		if (ev[i].senders == 0)
			return PROBE_NO; /* both a client's and a server's */
		if (ev[i].senders != (MQTT_BY_CLIENT | MQTT_BY_SERVER))
			client = (int8_t)(ev[i].senders == MQTT_BY_CLIENT ? i : 1 - i);
	}
	if (sure) {
		/* On other ports nothing else tells the client from the server: wait a little. */
		if (client < 0 && p->client < 0 && !usual_port(p) && !p->last &&
		    ev[0].bytes + ev[1].bytes < PROBE_BYTES)
			return PROBE_MORE;
		if (client >= 0)
			p->client = client;
		return PROBE_YES;
	}
	for (i = 0; i < 2; i++) {
		uint32_t at = 0;

		if (p->side[i].len == 0 || ev[i].part || ev[i].packets)
			continue;
		if (!usual_port(p) || p->side[i].len > PROBE_BYTES)
			return PROBE_NO;
		/* Capture may have begun inside a packet. */
		if (mqtt_find(p->side[i].p, p->side[i].len, 0, &at) == MQTT_FOUND)
			return PROBE_YES;
	}
	return p->last ? PROBE_NO : PROBE_MORE;
}
