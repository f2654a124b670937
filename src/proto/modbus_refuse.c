/*
 * Making a Modbus device refuse a request: MODBUS Application Protocol Specification V1.1b3.
 *
 *      request           goes on as                        answer           goes on as
 *      [ f 1-4 | a | n ] [ f       | a | 0 ]  6.1 to 6.4   [ f + 80h | xx ] [ f + 80h | 01 ]
 *                                                          [ f       | 00 ] [ f + 80h | 01 ]
 *      [ f | ... ]       [ 63h     | ... ]    5            [ E3h     | xx ] [ f + 80h | 01 ]
 *
 * Function 99 (63h) is public and assigned to nothing (5, annex A); 100 and above are the users'
 * own. No device carries it out, and those that follow the standard answer with exception 01.
 *
 * A read is asked for no objects instead, which is an illegal value that more devices answer. For
 * writes that form would not be safe: of a coil set to neither FF00 nor 0000, and of 0 registers
 * with their values behind, some devices write what they find. What each of them answers, and how
 * fast, is in docs/degrade.md.
 */
#include "proto/modbus_pdu.h"

#define UNASSIGNED	 0x63
#define QUANTITY_AT	 3 /* in the PDU of functions 1 to 4 */
#define EXCEPTION	 0x80
#define ILLEGAL_FUNCTION 1 /* 7 */

static bool is_read(uint32_t function)
{
	return function >= 1 && function <= 4;
}

bool modbus_neutralise(struct proto_ctx *c, const struct op *op)
{
	static const uint8_t none[2] = {0, 0}, unassigned = UNASSIGNED;
	struct modbus_state *s = c->state;

	if (c->dir != PROTO_TO_SERVER)
		return false;
	/* all ops of a PDU share its fate */
	if (s->sent_as)
		return true;
	if (is_read(op->code) && s->pdu_len >= QUANTITY_AT + sizeof(none) &&
	    proto_edit(c, s->pdu_at + QUANTITY_AT, none, sizeof(none)))
		s->sent_as = (uint8_t)op->code;
	else if (proto_edit(c, s->pdu_at, &unassigned, 1))
		s->sent_as = UNASSIGNED;
	return s->sent_as;
}

void modbus_restore_early(struct proto_ctx *c, const struct modbus_frame *f)
{
	struct reader r = rd_of(f->pdu);
	uint8_t function = rd_u8(&r), code;
	struct pending_entry *e;

	if (!rd_ok(&r) || function < EXCEPTION)
		return;
	e = modbus_waiting(c, f, function & 0x7f);
	if (!e || !e->sent_as || e->restored)
		return;
	code = (uint8_t)(e->code | EXCEPTION);
	e->restored = code == function || proto_edit(c, f->offset, &code, 1);
}

bool modbus_restore(struct proto_ctx *c, const struct modbus_frame *f, struct pending_entry *e,
		    uint8_t out[2])
{
	struct reader r = rd_of(f->pdu);
	uint8_t function = rd_u8(&r), second = rd_u8(&r);

	proto_answered(c);
	if (f->pdu.len != 2 || (function < EXCEPTION && second != 0))
		return false;
	out[0] = (uint8_t)(e->code | EXCEPTION);
	out[1] = ILLEGAL_FUNCTION;
	if (out[0] == function)
		e->restored = true;
	/* the exception code alone may have been left for a later packet */
	if (e->restored)
		proto_edit(c, f->offset + 1, out + 1, 1);
	else if (!proto_edit(c, f->offset, out, 2) &&
		 (function < EXCEPTION || !proto_edit(c, f->offset, out, 1)))
		proto_anomaly(c, ANOMALY_LIMIT, modbus_vocab.proto,
			      "a refusal passed before its function code could be restored",
			      f->offset, function);
	return true;
}
