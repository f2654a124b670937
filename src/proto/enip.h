/*
 * proto/enip.h - what the two files of the encapsulation share. Nobody else includes it.
 *
 *   enip_find.c   headers and items, is this a message, whose, where does the next one begin
 *   enip.c        messages to ops, and the dissector
 */
#ifndef KIDOBAN_PROTO_ENIP_H
#define KIDOBAN_PROTO_ENIP_H

#include "proto/proto.h"

#define ENIP_HEADER    24
#define ENIP_ITEMS_MAX 16

enum {
	NOP = 0x00,
	LIST_SERVICES = 0x04,
	LIST_IDENTITY = 0x63,
	LIST_INTERFACES = 0x64,
	REGISTER_SESSION = 0x65,
	UNREGISTER_SESSION = 0x66,
	SEND_RR_DATA = 0x6f,
	SEND_UNIT_DATA = 0x70,
	INDICATE_STATUS = 0x72,
	CANCEL = 0x73,
	START_DTLS = 0xc8,
};

enum {
	ITEM_NULL = 0x0000,
	ITEM_IDENTITY = 0x000c,
	ITEM_CONNECTED_ADDRESS = 0x00a1,
	ITEM_CONNECTED_DATA = 0x00b1,
	ITEM_UNCONNECTED_DATA = 0x00b2,
	ITEM_SEQUENCED_ADDRESS = 0x8002,
};

struct enip_header {
	uint16_t command, length;
	uint32_t session, status;
	uint64_t context;
	uint32_t options;
};

/* What the length of a command's data may be. */
enum shape { ANY_LENGTH, EMPTY, FOUR, LIST, DATA };

struct enip_command {
	const char *name;
	uint8_t op_class;
	uint8_t shape; /* enum shape */
};

/* NULL when the code is not assigned. */
const struct enip_command *enip_command_find(uint16_t code);

/* NULL when the encapsulation knows no such status, and for 0. */
const char *enip_status_name(uint32_t status);

/* ---- enip_find.c */

struct enip_header enip_header_read(const uint8_t *data, uint32_t len);

/*
 * Is this the start of a message? MORE when the bytes at hand do not contradict it but are no
 * whole header yet. *why says what is wrong with NO.
 */
enum probe_result enip_header_check(const uint8_t *data, uint32_t len, const char **why);

/* Behind a good header: data that no other protocol has by chance. */
enum probe_result enip_body_check(const uint8_t *data, uint32_t len);

/* The next place that may start a message, from `from` on; len when there is none. */
uint32_t enip_message_scan(const uint8_t *data, uint32_t len, uint32_t from);

struct enip_item {
	uint16_t type;
	struct slice data;
};

/* The next item; false at the end. A length beyond the end is cut, and *cut set. */
bool enip_item_next(struct reader *r, struct enip_item *it, bool *cut);

/*
 * Bytes that the items of SendRRData or SendUnitData take, header included; 0 when they cannot be
 * told from the bytes at hand. Items say their length themselves, so they convict a wrong header.
 */
uint32_t enip_items_extent(const uint8_t *data, uint32_t len);

/* Does a datagram look like implicit I/O: a sequenced address, then connected data? */
bool enip_io_shape(const uint8_t *data, uint32_t len);

enum probe_result enip_probe(struct proto_probe *p);

#endif
