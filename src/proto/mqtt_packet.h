/*
 * proto/mqtt_packet.h - one MQTT control packet, taken apart.
 *
 * The pure half of the MQTT dissector: bytes in, fields out, no state and no ops. The stateful
 * half (mqtt.c) and its search for the next packet after a gap both read packets through here,
 * so what counts as a good packet is said once.
 *
 *      bytes --> mqtt_read() --> struct mqtt_packet --> mqtt_next_filter() / list of codes
 *                    |                fields as slices into the bytes
 *                    +- MORE / PACKET / JUNK
 *
 * Versions: 3 is MQTT V3.1 (IBM), 4 is MQTT 3.1.1, 5 is MQTT 5.0, as in the protocol level of
 * CONNECT. Version 0 means the CONNECT was not seen; mqtt_read() then tells from the packet what
 * it can, see its comment.
 *
 * Owns nothing, allocates nothing; any thread.
 */
#ifndef KIDOBAN_PROTO_MQTT_PACKET_H
#define KIDOBAN_PROTO_MQTT_PACKET_H

#include "proto/proto.h"

/* Control packet types, MQTT 5.0, 2.1.2 */
enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK,
	MQTT_PUBLISH,
	MQTT_PUBACK,
	MQTT_PUBREC,
	MQTT_PUBREL,
	MQTT_PUBCOMP,
	MQTT_SUBSCRIBE,
	MQTT_SUBACK,
	MQTT_UNSUBSCRIBE,
	MQTT_UNSUBACK,
	MQTT_PINGREQ,
	MQTT_PINGRESP,
	MQTT_DISCONNECT,
	MQTT_AUTH,
	MQTT_TYPES
};

/* Whose packet a type is. */
enum mqtt_sender { MQTT_BY_CLIENT = 1, MQTT_BY_SERVER = 2 };

/* The longest packet other than PUBLISH that is waited for, in bytes after the fixed header. */
#define MQTT_BODY_MAX 65536u
/* Of a longer PUBLISH this many bytes are waited for; the rest of its payload is skipped. */
#define MQTT_HEAD_MAX 16384u

/* The properties an op needs; the others are checked and passed over. */
struct mqtt_props {
	struct slice assigned_client; /* 18, Assigned Client Identifier */
	uint16_t alias;		      /* 35, Topic Alias */
	bool has_alias;
};

struct mqtt_packet {
	uint8_t type;	 /* enum mqtt_type */
	uint8_t flags;	 /* low four bits of the first byte */
	uint8_t version; /* as which it was read: 3, 4 or 5; 0 where they do not differ */
	bool told;	 /* the packet itself shows its version */
	bool broken;	 /* its fields do not fit into it; the ones read are no use */
	bool cut;	 /* a large PUBLISH: payload is its beginning */
	uint32_t total;	 /* bytes, fixed header included; 0 when the header is unreadable */

	const char *reason; /* the first contradiction of the standard; NULL: none */
	uint32_t offset;    /* bytes from the start of the packet to it */
	uint32_t value;	    /* the offending number */

	uint16_t id;		 /* packet identifier; 0 where there is none */
	uint8_t code;		 /* return or reason code; 0 where there is none */
	uint8_t connect_flags;	 /* CONNECT */
	struct slice topic;	 /* PUBLISH: topic name, CONNECT: will topic */
	struct slice payload;	 /* PUBLISH: message, CONNECT: will message */
	struct slice client;	 /* CONNECT: client identifier */
	struct slice user;	 /* CONNECT: user name */
	struct slice list;	 /* (UN)SUBSCRIBE: filters, SUBACK and UNSUBACK 5: codes */
	struct mqtt_props props; /* version 5 */
};

#define MQTT_CONNECT_WILL 0x04 /* will flag in connect_flags */

enum mqtt_read {
	MQTT_MORE,   /* good so far, and too short to tell more */
	MQTT_PACKET, /* fields are in p; p->reason tells what is wrong with them */
	MQTT_JUNK    /* no packet begins here; p->reason tells why */
};

/*
 * Reads the packet at the start of data. Without a version (0):
 *   CONNACK, PUBACK, ... AUTH: the length tells, 3.1.1 has no room for reason codes.
 *   SUBSCRIBE, UNSUBSCRIBE: the reading that fills the packet exactly with good filters.
 *   SUBACK: 3.1.1, unless only 5 yields assigned codes.
 *   PUBLISH: 5 if good properties follow the topic (or none are declared and text follows) or
 *   the topic is empty, else 3.1.1.
 */
enum mqtt_read mqtt_read(const uint8_t *data, uint32_t len, uint8_t version, struct mqtt_packet *p);

/* True when a fixed header of an assigned type with its flags can begin here (5.0, 2.1). */
bool mqtt_header_ok(const uint8_t *data, uint32_t len);

/* Takes the next filter off the list of a (UN)SUBSCRIBE; false at the end. */
bool mqtt_next_filter(const struct mqtt_packet *p, struct reader *list, struct slice *filter);

/* enum mqtt_sender bits of a type. */
unsigned mqtt_senders(uint8_t type);

/* The standard's name of a code in a packet of this type and version; NULL: not assigned. */
const char *mqtt_code_name(uint8_t type, uint8_t version, uint8_t code);

/*
 * Reads the properties of a packet type (0: of a will) off r: length, then identifiers with
 * values (5.0, 2.2.2). Returns NULL, or what is wrong.
 */
const char *mqtt_read_props(struct reader *r, uint8_t type, struct mqtt_props *out);

/* Variable byte integer (5.0, 1.5.5). False, r at its end: over four bytes; check rd_ok() too. */
bool mqtt_read_varint(struct reader *r, uint32_t *out);

enum mqtt_text { MQTT_TEXT_BAD, MQTT_TEXT_CONTROLS, MQTT_TEXT_PRINTABLE };

/*
 * UTF-8 as MQTT 5.0, 1.5.4 wants it: BAD has broken sequences, surrogates or U+0000. CONTROLS is
 * allowed but has control characters besides tab and line ends.
 */
enum mqtt_text mqtt_text(struct slice s);

enum mqtt_find { MQTT_FOUND, MQTT_WAIT, MQTT_NOTHING };

/*
 * Whether a packet begins here, judged by itself and by what begins behind it; WAIT when more
 * bytes would tell. after_good: what lies before is known to be no part of it.
 */
enum mqtt_find mqtt_judge(const uint8_t *data, uint32_t len, uint8_t version, bool after_good);

/*
 * The next packet in data from *at on, else the first place where one may begin (WAIT), else the
 * end of what was searched. *at becomes that place. Looks at a bounded number of bytes.
 */
enum mqtt_find mqtt_find(const uint8_t *data, uint32_t len, uint8_t version, uint32_t *at);

/* ---- mqtt_refuse.c: topics and codes that go on as others; false when they cannot */

/* filter: of a SUBSCRIBE */
bool mqtt_refuse_topic(struct proto_ctx *c, struct slice topic, bool filter);

/* The code of an acknowledgement says that what was asked for is not permitted. */
bool mqtt_refuse_code(struct proto_ctx *c, const struct mqtt_packet *p, const uint8_t *code);

/* Are these bytes of the message at hand, and not kept ones? */
bool mqtt_in_message(const struct proto_ctx *c, struct slice s);

/* For struct dissector. */
enum probe_result mqtt_probe(struct proto_probe *p);

#endif
