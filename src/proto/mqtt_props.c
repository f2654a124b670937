/*
 * MQTT 5.0 properties and reason codes, and the encodings they are made of.
 *
 *   property length (varint) | identifier (varint) value | identifier value | ...
 *
 * The tables are those of MQTT 5.0, 2.2.2.2 and 2.4, and MQTT 3.1.1, 3.2.2.3 and 3.9.3.
 */
#include "proto/mqtt_packet.h"

enum prop_type { P_NONE, P_BYTE, P_U16, P_U32, P_VARINT, P_TEXT, P_BINARY, P_PAIR };

#define IN(type) (1u << (type))
#define IN_WILL	 1u
#define IN_ACKS	 (IN(MQTT_PUBACK) | IN(MQTT_PUBREC) | IN(MQTT_PUBREL) | IN(MQTT_PUBCOMP))
#define IN_SUBS	 (IN(MQTT_SUBSCRIBE) | IN(MQTT_UNSUBSCRIBE))
#define IN_REPLY                                                                                   \
	(IN(MQTT_CONNACK) | IN_ACKS | IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK) | IN(MQTT_DISCONNECT) |  \
	 IN(MQTT_AUTH))
#define IN_HELLO (IN(MQTT_CONNECT) | IN(MQTT_CONNACK))
#define IN_DATA	 (IN(MQTT_PUBLISH) | IN_WILL)

enum { PROP_SUBSCRIPTION_ID = 11, PROP_ASSIGNED_CLIENT = 18, PROP_ALIAS = 35, PROP_USER = 38 };

static const struct {
	uint8_t type; /* enum prop_type */
	uint16_t in;  /* IN() bits of the packets it may stand in */
} props[] = {
	[1] = {P_BYTE, IN_DATA},   /* payload format indicator */
	[2] = {P_U32, IN_DATA},	   /* message expiry interval */
	[3] = {P_TEXT, IN_DATA},   /* content type */
	[8] = {P_TEXT, IN_DATA},   /* response topic */
	[9] = {P_BINARY, IN_DATA}, /* correlation data */
	[PROP_SUBSCRIPTION_ID] = {P_VARINT, IN(MQTT_PUBLISH) | IN(MQTT_SUBSCRIBE)},
	[17] = {P_U32, IN_HELLO | IN(MQTT_DISCONNECT)}, /* session expiry interval */
	[PROP_ASSIGNED_CLIENT] = {P_TEXT, IN(MQTT_CONNACK)},
	[19] = {P_U16, IN(MQTT_CONNACK)},			 /* server keep alive */
	[21] = {P_TEXT, IN_HELLO | IN(MQTT_AUTH)},		 /* authentication method */
	[22] = {P_BINARY, IN_HELLO | IN(MQTT_AUTH)},		 /* authentication data */
	[23] = {P_BYTE, IN(MQTT_CONNECT)},			 /* request problem information */
	[24] = {P_U32, IN_WILL},				 /* will delay interval */
	[25] = {P_BYTE, IN(MQTT_CONNECT)},			 /* request response information */
	[26] = {P_TEXT, IN(MQTT_CONNACK)},			 /* response information */
	[28] = {P_TEXT, IN(MQTT_CONNACK) | IN(MQTT_DISCONNECT)}, /* server reference */
	[31] = {P_TEXT, IN_REPLY},				 /* reason string */
	[33] = {P_U16, IN_HELLO},				 /* receive maximum */
	[34] = {P_U16, IN_HELLO},				 /* topic alias maximum */
	[PROP_ALIAS] = {P_U16, IN(MQTT_PUBLISH)},
	[36] = {P_BYTE, IN(MQTT_CONNACK)}, /* maximum QoS */
	[37] = {P_BYTE, IN(MQTT_CONNACK)}, /* retain available */
	[PROP_USER] = {P_PAIR, IN_DATA | IN_SUBS | IN_REPLY | IN(MQTT_CONNECT)},
	[39] = {P_U32, IN_HELLO},	   /* maximum packet size */
	[40] = {P_BYTE, IN(MQTT_CONNACK)}, /* wildcard subscription available */
	[41] = {P_BYTE, IN(MQTT_CONNACK)}, /* subscription identifier available */
	[42] = {P_BYTE, IN(MQTT_CONNACK)}, /* shared subscription available */
};

#define CODE_ACKS (IN_ACKS | IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK))
#define CODE_PUB  (IN(MQTT_PUBACK) | IN(MQTT_PUBREC))
#define CODE_BYE  (IN(MQTT_CONNACK) | IN(MQTT_DISCONNECT))

/* MQTT 5.0, 2.4; the lists of packets are those of the packets' own clauses. */
static const struct reason {
	uint8_t code;
	uint16_t in; /* IN() bits of the packets it may stand in */
	const char *name;
} reasons[] = {
	{0x00, 0xffff & ~IN(MQTT_SUBACK), "success"},
	{0x00, IN(MQTT_SUBACK), "granted-qos-0"},
	{0x01, IN(MQTT_SUBACK), "granted-qos-1"},
	{0x02, IN(MQTT_SUBACK), "granted-qos-2"},
	{0x04, IN(MQTT_DISCONNECT), "disconnect-with-will-message"},
	{0x10, CODE_PUB, "no-matching-subscribers"},
	{0x11, IN(MQTT_UNSUBACK), "no-subscription-existed"},
	{0x18, IN(MQTT_AUTH), "continue-authentication"},
	{0x19, IN(MQTT_AUTH), "re-authenticate"},
	{0x80, CODE_PUB | IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK) | CODE_BYE, "unspecified-error"},
	{0x81, CODE_BYE, "malformed-packet"},
	{0x82, CODE_BYE, "protocol-error"},
	{0x83, CODE_PUB | IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK) | CODE_BYE,
	 "implementation-specific-error"},
	{0x84, IN(MQTT_CONNACK), "unsupported-protocol-version"},
	{0x85, IN(MQTT_CONNACK), "client-identifier-not-valid"},
	{0x86, IN(MQTT_CONNACK), "bad-user-name-or-password"},
	{0x87, CODE_PUB | IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK) | CODE_BYE, "not-authorized"},
	{0x88, IN(MQTT_CONNACK), "server-unavailable"},
	{0x89, CODE_BYE, "server-busy"},
	{0x8a, IN(MQTT_CONNACK), "banned"},
	{0x8b, IN(MQTT_DISCONNECT), "server-shutting-down"},
	{0x8c, CODE_BYE, "bad-authentication-method"},
	{0x8d, IN(MQTT_DISCONNECT), "keep-alive-timeout"},
	{0x8e, IN(MQTT_DISCONNECT), "session-taken-over"},
	{0x8f, IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK) | IN(MQTT_DISCONNECT), "topic-filter-invalid"},
	{0x90, CODE_PUB | CODE_BYE, "topic-name-invalid"},
	{0x91, CODE_PUB | IN(MQTT_SUBACK) | IN(MQTT_UNSUBACK), "packet-identifier-in-use"},
	{0x92, IN(MQTT_PUBREL) | IN(MQTT_PUBCOMP), "packet-identifier-not-found"},
	{0x93, IN(MQTT_DISCONNECT), "receive-maximum-exceeded"},
	{0x94, IN(MQTT_DISCONNECT), "topic-alias-invalid"},
	{0x95, CODE_BYE, "packet-too-large"},
	{0x96, IN(MQTT_DISCONNECT), "message-rate-too-high"},
	{0x97, CODE_PUB | IN(MQTT_SUBACK) | CODE_BYE, "quota-exceeded"},
	{0x98, IN(MQTT_DISCONNECT), "administrative-action"},
	{0x99, CODE_PUB | CODE_BYE, "payload-format-invalid"},
	{0x9a, CODE_BYE, "retain-not-supported"},
	{0x9b, CODE_BYE, "qos-not-supported"},
	{0x9c, CODE_BYE, "use-another-server"},
	{0x9d, CODE_BYE, "server-moved"},
	{0x9e, IN(MQTT_SUBACK) | IN(MQTT_DISCONNECT), "shared-subscriptions-not-supported"},
	{0x9f, CODE_BYE, "connection-rate-exceeded"},
	{0xa0, IN(MQTT_DISCONNECT), "maximum-connect-time"},
	{0xa1, IN(MQTT_SUBACK) | IN(MQTT_DISCONNECT), "subscription-identifiers-not-supported"},
	{0xa2, IN(MQTT_SUBACK) | IN(MQTT_DISCONNECT), "wildcard-subscriptions-not-supported"},
};

/* MQTT 3.1.1, table 3.1 and 3.9.3; V3.1 has no failure in SUBACK. */
static const struct reason returns[] = {
	{0x00, IN(MQTT_CONNACK), "connection-accepted"},
	{0x01, IN(MQTT_CONNACK), "unacceptable-protocol-version"},
	{0x02, IN(MQTT_CONNACK), "identifier-rejected"},
	{0x03, IN(MQTT_CONNACK), "server-unavailable"},
	{0x04, IN(MQTT_CONNACK), "bad-user-name-or-password"},
	{0x05, IN(MQTT_CONNACK), "not-authorized"},
	{0x00, IN(MQTT_SUBACK), "granted-qos-0"},
	{0x01, IN(MQTT_SUBACK), "granted-qos-1"},
	{0x02, IN(MQTT_SUBACK), "granted-qos-2"},
	{0x80, IN(MQTT_SUBACK), "failure"},
	{0x00, 0xffff, "success"}, /* packets without a code */
};

const char *mqtt_code_name(uint8_t type, uint8_t version, uint8_t code)
{
	const struct reason *r = version == 5 ? reasons : returns;
	size_t n = version == 5 ? sizeof(reasons) / sizeof(*reasons)
				: sizeof(returns) / sizeof(*returns);
	size_t i;

	for (i = 0; i < n; i++)
		if (r[i].code == code && r[i].in & IN(type))
			return r[i].name;
	return NULL;
}

bool mqtt_read_varint(struct reader *r, uint32_t *out)
{
	unsigned i;
	uint8_t b;

	*out = 0;
	for (i = 0; i < 4; i++) {
		b = rd_u8(r);
		*out |= (uint32_t)(b & 0x7f) << (7 * i);
		if (!(b & 0x80))
			return true;
	}
	return false;
}

static const char *read_value(struct reader *r, uint8_t type, struct slice *text, uint32_t *number)
{
	unsigned strings = type == P_PAIR ? 2 : 1;

	switch ((enum prop_type)type) {
	case P_BYTE:
		*number = rd_u8(r);
		break;
	case P_U16:
		*number = rd_be16(r);
		break;
	case P_U32:
		*number = rd_be32(r);
		break;
	case P_VARINT:
		if (!mqtt_read_varint(r, number))
			return "variable byte integer over four bytes";
		break;
	case P_BINARY:
		rd_skip(r, rd_be16(r));
		break;
	case P_TEXT:
	case P_PAIR:
		while (strings--) {
			*text = rd_slice(r, rd_be16(r));
			if (rd_ok(r) && mqtt_text(*text) == MQTT_TEXT_BAD)
				return "property is not UTF-8";
		}
		break;
	case P_NONE:
		return "unknown property";
	}
	return NULL;
}

const char *mqtt_read_props(struct reader *r, uint8_t type, struct mqtt_props *out)
{
	uint32_t len, id, number = 0;
	uint64_t seen = 0;
	struct slice text = {0};
	struct reader b;
	const char *why;

	if (!mqtt_read_varint(r, &len))
		return "variable byte integer over four bytes";
	b = rd_of(rd_slice(r, len));
	if (!rd_ok(r))
		return "properties run over the packet";
	while (rd_left(&b)) {
		if (!mqtt_read_varint(&b, &id) || id >= sizeof(props) / sizeof(*props))
			return "unknown property";
		why = read_value(&b, props[id].type, &text, &number);
		if (why)
			return why;
		if (!rd_ok(&b))
			return "property runs over the properties";
		if (!(props[id].in & IN(type)))
			return "property of another packet type";
		/* A server sends one subscription identifier per matching subscription (3.3.2.3.8).
		 */
		if (seen & 1ull << id && id != PROP_USER &&
		    !(id == PROP_SUBSCRIPTION_ID && type == MQTT_PUBLISH))
			return "property twice";
		seen |= 1ull << id;
		if (id == PROP_ASSIGNED_CLIENT)
			out->assigned_client = text;
		if (id == PROP_ALIAS) {
			out->alias = (uint16_t)number;
			out->has_alias = true;
			if (number == 0)
				return "topic alias 0"; /* [MQTT-3.3.2-8] */
		}
	}
	return NULL;
}

enum mqtt_text mqtt_text(struct slice s)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	enum mqtt_text kind = MQTT_TEXT_PRINTABLE;
	struct reader r = rd_of(s);
	uint32_t u;
	uint8_t b;
	unsigned n, i;

	while (rd_left(&r)) {
		b = rd_u8(&r);
		if (b < 0x80) {
			if (b == 0)
				return MQTT_TEXT_BAD; /* [MQTT-1.5.4-2] */
			if ((b < 0x20 && b != '\t' && b != '\n' && b != '\r') || b == 0x7f)
				kind = MQTT_TEXT_CONTROLS;
			continue;
		}
		n = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : 1;
		if (b < 0xc2 || b > 0xf4)
			return MQTT_TEXT_BAD;
		u = b & (0x3fu >> n);
		for (i = 0; i < n; i++) {
			b = rd_u8(&r);
			if ((b & 0xc0) != 0x80)
				return MQTT_TEXT_BAD;
			u = u << 6 | (b & 0x3f);
		}
		if (u < least[n] || u > 0x10ffff || (u >= 0xd800 && u < 0xe000))
			return MQTT_TEXT_BAD; /* [MQTT-1.5.4-1] */
		if (u < 0xa0)
			kind = MQTT_TEXT_CONTROLS;
	}
	return kind;
}
