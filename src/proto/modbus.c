/*
 * Modbus on TCP and UDP: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3.
 *
 *       0               2               4               6        7
 *      +---------------+---------------+---------------+--------+------------------+
 *      | transaction   | protocol = 0  | length 2..254 | unit   | PDU (length - 1) |
 *      +---------------+---------------+---------------+--------+------------------+
 *                                                      |<------- length ---------->|
 *
 * The length is checked against what the function code itself needs. Where the two disagree, or
 * another field is impossible, some device would still carry the request out, each by its own
 * reading. So the message is reported, its op goes out by the reading that the following bytes
 * confirm, and the search for the next message starts as early as possible: no length hides the
 * messages behind it.
 *
 * A header is weak evidence (four of its bytes are usually 0). "Plausible" below always means:
 * header right, function code known, and the whole PDU right for its direction.
 */
#include "proto/modbus.h"

#define MBAP	   7	/* bytes of the header */
#define BEFORE	   6	/* bytes that the length does not count */
#define LENGTH_MIN 2	/* unit and function code */
#define LENGTH_MAX 254	/* unit and the longest PDU */
#define PORT	   502	/* IANA mbap */
#define PROBE_PDUS 16	/* messages looked at per side */
#define PROBE_MAX  2048 /* bytes of a side after which waiting for more is pointless */

static uint32_t min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The bytes of data from off on, none when off is behind the end. */
static struct slice from(struct slice data, uint32_t off)
{
	struct reader r = rd_of(data);

	rd_skip(&r, min(off, data.len));
	return rd_rest(&r);
}

static struct slice head(struct slice data, uint32_t len)
{
	return slice_of(data.p, min(len, data.len));
}

static uint8_t function_at(struct slice data)
{
	struct reader r = rd_of(from(data, MBAP));

	return rd_u8(&r);
}

/* Does a plausible message of that direction start here? *len is its length when YES. */
static enum probe_result look(uint8_t dir, struct slice data, uint32_t *len)
{
	struct reader r = rd_of(data);
	uint32_t length, own;
	struct slice pdu;
	uint8_t function;
	int known;

	rd_skip(&r, 2);
	if (rd_u8(&r) || rd_u8(&r) || rd_u8(&r)) /* protocol id and the length's high byte */
		return PROBE_NO;
	length = rd_u8(&r);
	if (rd_ok(&r) && (length < LENGTH_MIN || length > LENGTH_MAX))
		return PROBE_NO;
	rd_skip(&r, 1);
	function = rd_u8(&r);
	if (!rd_ok(&r))
		return PROBE_MORE;
	known = modbus_known(dir, function);
	if (!known)
		return PROBE_NO;
	pdu = from(data, MBAP);
	own = modbus_length(dir, pdu);
	if (own && own != length - 1)
		return PROBE_NO;
	if (data.len < BEFORE + length)
		return PROBE_MORE;
	*len = BEFORE + length;
	/* A PDU free in form says nothing itself: what follows must agree. */
	if (known == 1 && data.len > *len) {
		struct reader n = rd_of(from(data, *len + 2));

		if (rd_be16(&n) || rd_u8(&n))
			return PROBE_NO;
	}
	return modbus_fits(dir, head(pdu, length - 1)) ? PROBE_YES : PROBE_NO;
}

/* Where the next plausible message starts, or may start; the end of data when nowhere. */
static uint32_t seek(uint8_t dir, struct slice data, uint32_t off)
{
	uint32_t len, maybe = data.len;

	for (; off < data.len; off++) {
		enum probe_result v = look(dir, from(data, off), &len);

		if (v == PROBE_YES)
			return off;
		if (v == PROBE_MORE && maybe == data.len)
			maybe = off;
	}
	return maybe;
}

/* How sure is it that a message ends at off? 3: the next one follows. 2: the bytes end. */
static int ends_at(uint8_t dir, struct slice data, uint32_t off)
{
	uint32_t len;

	if (off == data.len)
		return 2;
	if (off == 0 || off > data.len)
		return 0;
	switch (look(dir, from(data, off), &len)) {
	case PROBE_YES:
		return 3;
	case PROBE_MORE:
		return 1;
	default:
		return 0;
	}
}

struct mbap {
	struct modbus_frame frame;
	uint32_t length; /* as in the header */
	uint32_t own;	 /* bytes of the PDU as the function says, 0: it does not */
};

static void fault(struct mbap *h, const char *reason, uint32_t at, uint32_t value)
{
	if (h->frame.fault)
		return;
	h->frame.fault = reason;
	h->frame.fault_at = at;
	h->frame.fault_value = value;
}

static void header(uint8_t dir, struct slice data, struct mbap *h)
{
	struct reader r = rd_of(data);
	uint32_t protocol;

	*h = (struct mbap){.frame.offset = MBAP};
	h->frame.transaction = rd_be16(&r);
	protocol = rd_be16(&r);
	h->length = rd_be16(&r);
	h->frame.unit = rd_u8(&r);
	h->own = modbus_length(dir, rd_rest(&r));
	if (protocol)
		fault(h, "protocol id is not 0", 2, protocol);
	if (h->length < LENGTH_MIN || h->length > LENGTH_MAX)
		fault(h, "length is not 2 to 254", 4, h->length);
	else if (h->own && h->own != h->length - 1)
		fault(h, "length contradicts the function", 4, h->length);
}

static uint32_t deliver(struct proto_ctx *c, struct slice data, struct mbap *h, uint32_t pdu_len,
			uint32_t end)
{
	h->frame.pdu = head(from(data, MBAP), pdu_len);
	modbus_pdu(c, &h->frame);
	return end;
}

/*
 * A header that is impossible or contradicts its function. Either the function's own length is
 * right or the header's: the following bytes decide. When they confirm neither, there is no op.
 */
static uint32_t mend(struct proto_ctx *c, struct slice data, struct mbap *h)
{
	struct modbus_state *s = c->state;
	uint32_t own = h->own ? MBAP + h->own : 0, end = 0, next, len;
	int sure_own = 0, sure_end;

	if (h->length >= LENGTH_MIN && h->length <= LENGTH_MAX &&
	    modbus_known(c->dir, function_at(data)))
		end = BEFORE + h->length;
	if (modbus_fits(c->dir, head(from(data, MBAP), h->own)))
		sure_own = ends_at(c->dir, data, own);
	sure_end = ends_at(c->dir, data, end);
	if (sure_own && sure_own >= sure_end)
		return deliver(c, data, h, h->own, own);
	if (sure_end)
		return deliver(c, data, h, h->length - 1, end);
	next = seek(c->dir, data, 1);
	/* The rest may still come, unless a message behind it shows that it will not. */
	if (c->transport == PROTO_TCP && (own > data.len || end > data.len) &&
	    (next == data.len || look(c->dir, from(data, next), &len) != PROBE_YES))
		return 0;
	if (c->transport == PROTO_UDP && look(c->dir, from(data, next), &len) != PROBE_YES)
		next = data.len;
	s->lost[c->dir] = c->transport == PROTO_TCP;
	proto_anomaly(c, ANOMALY_MALFORMED, modbus_vocab.proto, h->frame.fault, h->frame.fault_at,
		      h->frame.fault_value);
	return next;
}

static uint32_t message(struct proto_ctx *c, const uint8_t *bytes, uint32_t len)
{
	struct slice data = slice_of(bytes, len);
	struct modbus_state *s = c->state;
	bool more = c->transport == PROTO_TCP;
	struct mbap h;
	uint32_t found;

	if (s->lost[c->dir]) {
		found = seek(c->dir, data, 0);
		if (found)
			return found;
		if (look(c->dir, data, &found) == PROBE_MORE)
			return more ? 0 : len;
		s->lost[c->dir] = false;
	}
	if (len < BEFORE && more)
		return 0;
	header(c->dir, data, &h);
	if (len <= MBAP && more && h.length >= LENGTH_MIN)
		return 0;
	if (!h.frame.fault) {
		if (len >= BEFORE + h.length)
			return deliver(c, data, &h, h.length - 1, BEFORE + h.length);
		if (more && c->dir == PROTO_TO_CLIENT) {
			h.frame.pdu = from(data, MBAP);
			modbus_restore_early(c, &h.frame);
		}
		if (more)
			return 0;
		fault(&h, "datagram ends within the PDU", len, h.length);
	}
	if (more || len > MBAP)
		return mend(c, data, &h);
	proto_anomaly(c, ANOMALY_MALFORMED, modbus_vocab.proto, "datagram ends within the header",
		      len, 0);
	return len;
}

/* What the first bytes of one side say. */
struct tally {
	unsigned points;  /* 2 for a plausible message, 1 for one free in form */
	unsigned role[2]; /* messages that are only requests, only responses */
	bool bad;	  /* the first bytes are no message */
	bool more;	  /* they may become one */
};

static struct tally tally(struct slice data)
{
	struct tally t = {0};
	unsigned i;

	for (i = 0; i < PROBE_PDUS && data.len; i++) {
		uint32_t len = 0;
		enum probe_result q = look(PROTO_TO_SERVER, data, &len);
		enum probe_result a = look(PROTO_TO_CLIENT, data, &len);

		if (q != PROBE_YES && a != PROBE_YES) {
			t.more = q == PROBE_MORE || a == PROBE_MORE;
			t.bad = i == 0 && !t.more;
			break;
		}
		t.points += modbus_known(PROTO_TO_CLIENT, function_at(data)) == 2 ? 2 : 1;
		t.role[PROTO_TO_SERVER] += a == PROBE_NO;
		t.role[PROTO_TO_CLIENT] += q == PROBE_NO;
		data = from(data, len);
	}
	return t;
}

/*
 * On the port of Modbus a header alone is enough, and also a plausible message behind bytes that
 * are none: otherwise one bad message at the start would hide the flow.
 */
static bool on_its_port(struct slice data)
{
	struct reader r = rd_of(data);
	uint32_t length, len, off, dir;

	rd_skip(&r, 2);
	length = rd_be16(&r) ? 0 : rd_be16(&r);
	rd_skip(&r, 2);
	if (rd_ok(&r) && length >= LENGTH_MIN && length <= LENGTH_MAX)
		return true;
	for (dir = 0; dir < 2; dir++) {
		off = seek((uint8_t)dir, data, 0);
		if (off < data.len && look((uint8_t)dir, from(data, off), &len) == PROBE_YES)
			return true;
	}
	return false;
}

static enum probe_result probe(struct proto_probe *p)
{
	struct tally t[2] = {tally(p->side[0]), tally(p->side[1])};
	bool port = p->port[0] == PORT || p->port[1] == PORT;
	unsigned points = t[0].points + t[1].points, wrong = 2 * (t[0].bad + t[1].bad);
	/* requests from side 0 and responses from side 1, and the other way round */
	unsigned first = t[0].role[PROTO_TO_SERVER] + t[1].role[PROTO_TO_CLIENT];
	unsigned second = t[1].role[PROTO_TO_SERVER] + t[0].role[PROTO_TO_CLIENT];

	/* Echoes look the same both ways; where no port helps, it is worth waiting for another. */
	if (first == second && p->client < 0 && !port && !p->last && points < PROBE_PDUS &&
	    p->transport == PROTO_TCP && !wrong)
		return PROBE_MORE;
	if (port ? points > 0 || on_its_port(p->side[0]) || on_its_port(p->side[1])
		 : points >= 2 + wrong) {
		if (first != second)
			p->client = first < second;
		return PROBE_YES;
	}
	if (wrong && !port)
		return PROBE_NO;
	return p->side[0].len < PROBE_MAX && p->side[1].len < PROBE_MAX ? PROBE_MORE : PROBE_NO;
}

static const struct vocab *const vocabs[] = {&modbus_vocab, NULL};

const struct dissector modbus_dissector = {
	.name = "modbus",
	.transports = PROTO_TCP | PROTO_UDP,
	.ports = {PORT},
	.state_size = sizeof(struct modbus_state),
	.state_zeroed = MODBUS_STATE_ZEROED,
	.probe = probe,
	.message = message,
	.gap = modbus_gap,
	.neutralise = modbus_neutralise,
	.vocabs = vocabs,
};
