/*
 * proto/modbus.h - what the framings of Modbus share: the PDU.
 *
 * A Modbus message is a PDU (function code and data) inside a frame. The frames differ: MBAP on
 * TCP and UDP (modbus.c), address and CRC of a serial line sent through TCP (modbus_rtu.c). The
 * PDU is the same (modbus_pdu.c): it becomes ops here, requests wait here for their responses.
 *
 *      modbus.c      [ transaction | protocol 0 | length | unit ] PDU
 *      modbus_rtu.c  [ unit ] PDU [ CRC16 ]
 *      modbus_pdu.c  PDU = [ function | data ]            -> ops, identities, anomalies; see
 *                    modbus_pdu.h for its parts
 *
 * Internal to these files. Thread: the worker that owns the flow.
 */
#ifndef KIDOBAN_PROTO_MODBUS_H
#define KIDOBAN_PROTO_MODBUS_H

#include "proto/pending.h"
#include "proto/proto.h"

#define MODBUS_PDU_MAX	 253 /* bytes; MODBUS Application Protocol V1.1b3, 4.1 */
#define MODBUS_FILES_MAX 35  /* sub-requests a read file record PDU has room for, 6.14 */

/* One sub-request of read file record; its response does not repeat it. */
struct modbus_file {
	uint16_t file;	 /* file number */
	uint16_t record; /* first record */
	uint16_t length; /* records */
};

struct modbus_state {
	uint32_t files_tag;  /* which request that was */
	uint8_t files_count; /* how many of files[] */
	uint8_t forgiven;    /* requests given up whose response may still come */
	bool lost[2];	     /* by direction: looking for the next plausible message */
	bool sure;	     /* no request was missed: a response without one is unsolicited */
	bool limit_told;     /* that pending was too small was said */
	uint8_t sent_as;     /* function that the request at hand goes on with, 0: as it came */
	uint32_t pdu_at;     /* offset of its PDU, from the start of the message */
	uint32_t pdu_len;    /* bytes of it */
	struct modbus_file files[MODBUS_FILES_MAX]; /* of the last read file record request */
	struct pending pending;
};

#define MODBUS_STATE_ZEROED offsetof(struct modbus_state, pending.entry)

/* What a framing hands over. */
struct modbus_frame {
	struct slice pdu;     /* function code and data */
	uint32_t offset;      /* of the PDU, from the start of the message */
	uint16_t transaction; /* 0 where the framing has none */
	uint8_t unit;
	const char *fault;    /* what the framing found wrong, NULL: nothing */
	uint32_t fault_at;    /* offset from the start of the message */
	uint32_t fault_value; /* the offending number */
};

/* Ops, identities, anomalies of one PDU, in the direction of c. */
void modbus_pdu(struct proto_ctx *c, const struct modbus_frame *f);

/* True when all of pdu is a right message of that direction (enum proto_dir). */
bool modbus_fits(uint8_t dir, struct slice pdu);

/*
 * The PDU's length as its function code and byte count say; 0 when they do not say, or when too
 * little of it is at hand. At most 3 + 255.
 */
uint32_t modbus_length(uint8_t dir, struct slice pdu);

/* How telling a function code is: 2 public, 1 in use but free in form, 0 none of both. */
int modbus_known(uint8_t dir, uint8_t function);

void modbus_gap(struct proto_ctx *c, uint32_t lost);

/* As in struct dissector. */
bool modbus_neutralise(struct proto_ctx *c, const struct op *op);

/* Of a response only the beginning is at hand; if it is the refusal of a neutralised request, its
 * function code can be restored now and not later. */
void modbus_restore_early(struct proto_ctx *c, const struct modbus_frame *f);

extern const struct vocab modbus_vocab;
extern const struct dissector modbus_dissector;
extern const struct dissector modbus_rtu_dissector;

#endif
