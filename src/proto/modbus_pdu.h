/*
 * proto/modbus_pdu.h - the parts of the Modbus PDU decoder.
 *
 *      modbus_pdu.c     the table of functions; process data: bits, registers, FIFO
 *      modbus_device.c  functions about the device: diagnostics, files, identification
 *      modbus_wait.c    which request a response answers
 *      modbus_refuse.c  requests that the device is made to refuse
 *
 * A decoder reads its PDU from p->r, field after field, into the op. It never stops at a
 * contradiction: fault() keeps the first, the rest is read as far as it goes. What was read
 * beyond the end is seen once, behind the decoder.
 *
 * Internal to these files.
 */
#ifndef KIDOBAN_PROTO_MODBUS_PDU_H
#define KIDOBAN_PROTO_MODBUS_PDU_H

#include "proto/modbus.h"

struct pdu {
	struct proto_ctx *c;		 /* NULL: only look whether it fits */
	struct modbus_state *s;		 /* NULL with c */
	const struct modbus_frame *f;	 /* NULL with c */
	const struct pending_entry *req; /* response: its request, or NULL */
	struct reader r;
	const char *fault;    /* first contradiction, NULL: none */
	uint32_t fault_at;    /* offset from the start of the message */
	uint32_t fault_value; /* the offending number */
	const char *reserved; /* a code without a meaning, NULL: none */
	uint32_t reserved_value;
	uint32_t tag; /* request: what its response is compared with */
	uint8_t dir;  /* enum proto_dir */
};

/* Keeps the first fault: what follows is often its consequence. */
static inline void fault(struct pdu *p, const char *reason, uint32_t value)
{
	if (p->fault)
		return;
	p->fault = reason;
	p->fault_at = (p->f ? p->f->offset : 0) + p->r.off;
	p->fault_value = value;
}

static inline void reserved(struct pdu *p, const char *reason, uint32_t value)
{
	p->reserved = reason;
	p->reserved_value = value;
}

static inline void emit(struct pdu *p, struct op *op)
{
	if (p->c)
		proto_emit(p->c, op);
}

static inline void object(struct op *op, uint8_t space, uint32_t first, uint32_t count)
{
	op->object.space = space;
	op->object.first = first;
	op->object.count = count;
}

static inline void values(struct op *op, enum op_vtype type, struct slice raw, uint32_t count)
{
	op->values.type = (uint8_t)type;
	op->values.raw = raw;
	op->values.count = count;
	op->values.big_endian = true;
}

static inline void registers(struct op *op, struct slice raw)
{
	values(op, OP_V_U16, raw, raw.len / 2);
}

/* The response repeats what the request said. */
static inline void echo(struct pdu *p, bool same)
{
	if (p->req && !same)
		fault(p, "response does not repeat its request", 0);
}

static inline void raw_values(struct pdu *p, struct op *op)
{
	values(op, OP_V_RAW, rd_rest(&p->r), 0);
}

/* Decoders of modbus_device.c, each for requests and responses of one clause. */
void modbus_diagnostics(struct pdu *p, struct op *op);
void modbus_req_read_file(struct pdu *p, struct op *op);
void modbus_rsp_read_file(struct pdu *p, struct op *op);
void modbus_write_file(struct pdu *p, struct op *op);
void modbus_rsp_server_id(struct pdu *p, struct op *op);
void modbus_mei(struct pdu *p, struct op *op);

/* Function 43 is named and classed by its MEI type. */
void modbus_mei_name(struct op *op, uint32_t mei);

/*
 * The request that the PDU answers, or NULL. A response that nobody asked for is reported. The
 * entry stays valid until the next modbus_remember().
 */
struct pending_entry *modbus_match(struct proto_ctx *c, const struct modbus_frame *f);

/* The oldest request with that transaction, unit and function (as it was sent on), or NULL. */
struct pending_entry *modbus_waiting(struct proto_ctx *c, const struct modbus_frame *f,
				     uint32_t function);

/*
 * The response to a request that was neutralised. True: it is a refusal, and goes on as the
 * exception in out, of the function that was asked for.
 */
bool modbus_restore(struct proto_ctx *c, const struct modbus_frame *f, struct pending_entry *e,
		    uint8_t out[2]);

/* A request waits for its response; tag is what the response has to repeat. */
void modbus_remember(struct proto_ctx *c, const struct modbus_frame *f, const struct op *op,
		     uint32_t tag);

#endif
