/*
 * Making a broker deliver nothing: MQTT has no refusal of its own before 5.0, so the packet goes on
 * with another topic.
 *
 *      PUBLISH    plant/line1/temp  ->  $~ant/line1/temp     a/temp  ->  $/temp
 *      SUBSCRIBE  plant/#           ->  ~~ant/#              +/temp  ->  ~/temp     #  ->  ~
 *
 * "The Server MUST NOT match Topic Filters starting with a wildcard character (# or +) with Topic
 * Names beginning with a $ character" (3.1.1 and 5.0, 4.7.2): nobody who does not ask for just this
 * name gets the message. Nor does a refused filter, which begins otherwise: who may not write and
 * who may not read would meet there. The second character keeps off the names that brokers have a
 * use for
 * ($SYS, $share, $CONTROL). The number of levels stays, and wildcards keep a level for themselves
 * (4.7.1), so that a filter stays a good one.
 */
#include "proto/mqtt_packet.h"

#define NAME_MAX 8 /* bytes that are replaced */

/* Of a topic or filter, the bytes that are replaced, the first by `lead`; 0: cannot be done. */
static uint32_t replaced(struct slice s, uint8_t lead)
{
	uint32_t n = 1;

	if (s.len == 0)
		return 0;
	while (n < s.len && ((n == 1 && s.p[n] != '/') || (s.p[n] & 0xc0) == 0x80 ||
			     s.p[n] == '#' || s.p[n] == '+')) {
		if (n == NAME_MAX)
			return 0;
		n++;
	}
	/* one that begins so already is only another one by its second character */
	return s.p[0] == lead && n == 1 ? 0 : n;
}

bool mqtt_refuse_topic(struct proto_ctx *c, struct slice topic, bool filter)
{
	uint8_t name[NAME_MAX] = "$~~~~~~~";
	uint32_t n;

	if (filter)
		name[0] = '~';
	n = replaced(topic, name[0]);
	if (n == 0)
		return false;
	if (n > 1 && topic.p[0] == name[0] && topic.p[1] == '~')
		name[1] = '!';
	return proto_edit(c, (uint32_t)(topic.p - c->message), name, n);
}

bool mqtt_in_message(const struct proto_ctx *c, struct slice s)
{
	return s.len && (uintptr_t)s.p >= (uintptr_t)c->message &&
	       (uintptr_t)s.p - (uintptr_t)c->message < c->message_len;
}

bool mqtt_refuse_code(struct proto_ctx *c, const struct mqtt_packet *p, const uint8_t *code)
{
	/* 3.1.1, 3.9.3 and 5.0, 3.9.3 and 3.4.2.1; 3.1 knows none */
	uint8_t refused = p->version == 5 ? 0x87 : 0x80;

	return p->version >= 4 && *code < 0x80 &&
	       proto_edit(c, (uint32_t)(code - c->message), &refused, 1);
}
