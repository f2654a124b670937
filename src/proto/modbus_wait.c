/*
 * Which Modbus request a response answers.
 *
 * The standard says: the one with its transaction id (Messaging on TCP/IP V1.0b, 3.1.3). Many
 * masters always send id 0, serial lines have none, gateways answer out of order: so transaction
 * id, unit and function count together, and where several requests are alike the oldest one that
 * the response could answer.
 */
#include "proto/modbus_pdu.h"

/* A request older than this is given up when its transaction id is used again. */
#define REUSE_NS (500 * 1000000LL)
/* A request younger than this may still be answered when pending has no more room. */
#define WAIT_NS (5 * 1000000000LL)

/* transaction | unit | function: each alone is not enough, many masters always send id 0 */
static uint64_t key_of(const struct modbus_frame *f, uint32_t code)
{
	return f->transaction | (uint64_t)f->unit << 16 | (uint64_t)code << 24;
}

#define KEY_NO_FUNCTION 0x00ffffffu
#define KEY_NO_UNIT	0xff00ffffu

static struct pending_entry *pending_like(struct pending *p, uint64_t key, uint64_t mask)
{
	struct pending_entry *e;
	unsigned i;

	for (i = 0; i < PENDING_MAX; i++)
		if ((e = pending_at(p, i)) && (e->key & mask) == (key & mask))
			return e;
	return NULL;
}

/* Could the PDU answer e? Only sizes and addresses are asked. */
static bool answers(const struct pending_entry *e, struct slice pdu)
{
	struct reader r = rd_of(pdu);
	uint32_t function = rd_u8(&r);

	if (function > 127)
		return true;
	if (e->sent_as)
		return rd_u8(&r) == 0;
	switch (e->code) {
	case 1:
	case 2:
		return rd_u8(&r) == (e->count + 7) / 8;
	case 3:
	case 4:
	case 23:
		return rd_u8(&r) == e->count * 2;
	case 5:
	case 6:
	case 15:
	case 16:
	case 22:
		return rd_be16(&r) == e->first;
	default:
		return true;
	}
}

/*
 * The oldest request with that key that the response could answer; without one, the oldest. With a
 * constant transaction id answers come in order, so older ones of that key were given up.
 */
static struct pending_entry *match(struct pending *p, uint64_t key, struct slice pdu)
{
	struct pending_entry *e, *fit = pending_find(p, key);
	unsigned i;

	if (!fit || answers(fit, pdu))
		return fit;
	for (i = 0; i < PENDING_MAX; i++) {
		e = pending_at(p, (p->next + i) % PENDING_MAX);
		if (e && e->key == key && answers(e, pdu))
			break;
	}
	if (i == PENDING_MAX)
		return fit;
	for (; fit != e; fit = pending_find(p, key))
		pending_drop(fit);
	return e;
}

/*
 * A response that nobody asked for: only said when no request can have been missed. A lost datagram
 * leaves no gap behind. And where all have id 0, the request in hand may be another one's.
 */
static void unsolicited(struct proto_ctx *c, const struct modbus_frame *f, uint64_t key,
			uint32_t function)
{
	struct modbus_state *s = c->state;
	struct pending_entry *e = pending_like(&s->pending, key, KEY_NO_FUNCTION);
	const char *why = "response answers no request";

	if (e && (s->sure || f->transaction)) {
		why = "function of the response is not the one of its request";
		pending_drop(e);
	} else if (!s->sure) {
		return;
	} else if (pending_like(&s->pending, key, KEY_NO_UNIT)) {
		why = "unit of the response is not the one of its request";
	} else if (c->transport == PROTO_UDP) {
		return;
	} else if (s->forgiven) {
		s->forgiven--;
		return;
	}
	proto_anomaly(c, ANOMALY_UNSOLICITED, modbus_vocab.proto, why, f->offset, function);
}

struct pending_entry *modbus_match(struct proto_ctx *c, const struct modbus_frame *f)
{
	struct modbus_state *s = c->state;
	struct reader r = rd_of(f->pdu);
	uint32_t function = rd_u8(&r);
	uint64_t key = key_of(f, function & 0x7f);
	struct pending_entry *e = match(&s->pending, key, f->pdu);

	if (e)
		s->sure = true;
	else
		unsolicited(c, f, key, function);
	return e;
}

struct pending_entry *modbus_waiting(struct proto_ctx *c, const struct modbus_frame *f,
				     uint32_t function)
{
	struct modbus_state *s = c->state;

	return pending_find(&s->pending, key_of(f, function));
}

static void forgive(struct modbus_state *s)
{
	if (s->forgiven < PENDING_MAX)
		s->forgiven++;
}

static bool all_wait(struct pending *p)
{
	unsigned i;

	for (i = 0; i < PENDING_MAX; i++)
		if (!pending_at(p, i))
			return false;
	return true;
}

void modbus_remember(struct proto_ctx *c, const struct modbus_frame *f, const struct op *op,
		     uint32_t tag)
{
	struct modbus_state *s = c->state;
	struct pending *w = &s->pending;
	uint64_t key = key_of(f, s->sent_as ? s->sent_as : op->code);
	struct pending_entry *e = pending_find(w, key);

	if (e && c->time - e->time > REUSE_NS) {
		pending_drop(e);
		forgive(s);
	}
	e = pending_at(w, w->next);
	if (e && c->time - e->time < WAIT_NS) {
		forgive(s);
		if (!s->limit_told && all_wait(w)) {
			proto_anomaly(c, ANOMALY_LIMIT, modbus_vocab.proto,
				      "more requests wait than are remembered", f->offset,
				      PENDING_MAX);
			s->limit_told = true;
		}
	}
	pending_put(w, c, key, op, tag)->sent_as = s->sent_as;
}

void modbus_gap(struct proto_ctx *c, uint32_t lost)
{
	struct modbus_state *s = c->state;

	(void)lost;
	s->lost[c->dir] = true;
	/* With a request or a response missing, a constant transaction id matches the wrong pair.
	 */
	pending_clear(&s->pending);
	s->sure = false;
	s->forgiven = 0;
}
