/*
 * Modbus RTU frames sent through TCP, as serial device servers do: Modbus over Serial Line
 * Specification and Implementation Guide V1.02, 2.5.1.
 *
 *      +-------------+---------------+--------------------+
 *      | unit 0..247 | PDU           | CRC, low byte first|
 *      +-------------+---------------+--------------------+
 *
 * No length, no transaction id: the function says how long a frame is, or the CRC where the
 * function does not; responses answer in order. The ops are those of modbus_pdu.c, their proto is
 * "modbus".
 *
 * A frame with a wrong CRC gives no op: every device ignores it.
 */
#include "proto/modbus.h"

#define FRAME_MIN    4	 /* unit, function, CRC */
#define FRAME_MAX    256 /* 2.5.1 */
#define AROUND	     3	 /* bytes of a frame that are not its PDU */
#define UNIT_MAX     247 /* 2.2 */
#define PROBE_FRAMES 8	 /* frames looked at per side */

/* CRC-16 (6.2.2), four bits at a time; over a frame with its CRC it is 0. */
static uint16_t crc16(uint16_t crc, uint8_t byte)
{
	static const uint16_t nibble[16] = {
		0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
		0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
	};

	crc = (uint16_t)(nibble[(crc ^ byte) & 15] ^ crc >> 4);
	return (uint16_t)(nibble[(crc ^ byte >> 4) & 15] ^ crc >> 4);
}

static struct slice from(struct slice data, uint32_t off)
{
	struct reader r = rd_of(data);

	rd_skip(&r, off < data.len ? off : data.len);
	return rd_rest(&r);
}

static struct slice pdu_of(struct slice data, uint32_t frame)
{
	return slice_of(from(data, 1).p, frame - AROUND);
}

/* The first length of at least `least` at which the CRC is right; 0: none. */
static uint32_t crc_length(struct slice data, uint32_t least)
{
	struct reader r = rd_of(data);
	uint16_t crc = 0xffff;

	while (rd_left(&r) && r.off < FRAME_MAX) {
		crc = crc16(crc, rd_u8(&r));
		if (crc == 0 && r.off >= least)
			return r.off;
	}
	return 0;
}

/* Does a frame start here? YES: *len is its length and its CRC is right. */
static enum probe_result look(uint8_t dir, struct slice data, uint32_t *len)
{
	struct reader r = rd_of(data);
	uint32_t unit = rd_u8(&r), own;
	uint8_t function = rd_u8(&r);

	if (unit > UNIT_MAX || (rd_ok(&r) && !modbus_known(dir, function)))
		return PROBE_NO;
	own = modbus_length(dir, from(data, 1));
	if (own && own + AROUND > FRAME_MAX)
		return PROBE_NO;
	*len = crc_length(data, own ? own + AROUND : FRAME_MIN);
	if (*len && (!own || *len == own + AROUND))
		return PROBE_YES;
	return data.len < (own ? own + AROUND : FRAME_MAX) ? PROBE_MORE : PROBE_NO;
}

/* The next place where a whole and right frame starts; the end of data when nowhere. */
static uint32_t seek(uint8_t dir, struct slice data, uint32_t off)
{
	uint32_t len;

	for (; off < data.len; off++)
		if (look(dir, from(data, off), &len) == PROBE_YES &&
		    modbus_fits(dir, pdu_of(from(data, off), len)))
			return off;
	return data.len;
}

static uint32_t message(struct proto_ctx *c, const uint8_t *bytes, uint32_t n)
{
	struct slice data = slice_of(bytes, n);
	struct modbus_state *s = c->state;
	struct modbus_frame f = {.offset = 1};
	uint32_t len = 0, next;
	enum probe_result v;
	struct reader r;

	if (s->lost[c->dir]) {
		next = seek(c->dir, data, 0);
		/* the start of a frame may be among the last bytes */
		if (next == n)
			return n < FRAME_MAX ? 0 : n - FRAME_MAX + 1;
		if (next)
			return next;
		s->lost[c->dir] = false;
	}
	v = look(c->dir, data, &len);
	if (v != PROBE_YES) {
		/* a byte count that lies, in a frame that is whole otherwise */
		len = crc_length(data, v == PROBE_MORE && n > FRAME_MIN ? n : FRAME_MIN);
		if (!len && v == PROBE_MORE && seek(c->dir, data, 1) == n)
			return 0;
		if (!len) {
			s->lost[c->dir] = true;
			proto_anomaly(c, ANOMALY_MALFORMED, modbus_vocab.proto,
				      "no RTU frame with a right CRC", 0, 0);
			return 1;
		}
		f.fault = "frame length contradicts the function";
		f.fault_value = len;
	}
	r = rd_of(data);
	f.unit = rd_u8(&r);
	f.pdu = pdu_of(data, len);
	modbus_pdu(c, &f);
	return len;
}

/* What the first bytes of one side say. */
struct tally {
	unsigned frames;  /* whole and right */
	unsigned role[2]; /* frames that are only requests, only responses */
	bool bad;	  /* something else stands behind them */
};

static struct tally tally(struct slice data)
{
	struct tally t = {0};

	while (data.len && t.frames < PROBE_FRAMES) {
		uint32_t len[2] = {0, 0};
		enum probe_result q = look(PROTO_TO_SERVER, data, &len[0]);
		enum probe_result a = look(PROTO_TO_CLIENT, data, &len[1]);
		bool request = q == PROBE_YES && modbus_fits(PROTO_TO_SERVER, pdu_of(data, len[0]));
		bool response =
			a == PROBE_YES && modbus_fits(PROTO_TO_CLIENT, pdu_of(data, len[1]));

		if (!request && !response) {
			t.bad = q != PROBE_MORE && a != PROBE_MORE;
			break;
		}
		t.role[PROTO_TO_SERVER] += !response;
		t.role[PROTO_TO_CLIENT] += !request;
		t.frames++;
		data = from(data, request ? len[0] : len[1]);
	}
	return t;
}

/*
 * One frame is little: 16 bits of CRC are right by chance, and other protocols, such as ROC Plus,
 * have the same CRC and a first message that could be a request of ours. An answer that fits, or
 * three frames of one side, are enough; so is a single frame when nothing more comes.
 */
static enum probe_result probe(struct proto_probe *p)
{
	struct tally t[2] = {tally(p->side[0]), tally(p->side[1])};
	unsigned first = t[0].role[PROTO_TO_SERVER] + t[1].role[PROTO_TO_CLIENT];
	unsigned second = t[1].role[PROTO_TO_SERVER] + t[0].role[PROTO_TO_CLIENT];
	unsigned frames = t[0].frames + t[1].frames;

	if (frames < 3 ? t[0].bad || t[1].bad : (t[0].bad && t[1].bad))
		return PROBE_NO;
	if (!p->last && frames < 3 && !(t[0].frames && t[1].frames))
		return PROBE_MORE;
	/* Echoes look the same both ways. */
	if (first == second && p->client < 0 && !p->last && frames < PROBE_FRAMES)
		return PROBE_MORE;
	if (frames == 0)
		return PROBE_NO;
	if (first != second)
		p->client = first < second;
	return PROBE_YES;
}

/* The words are those of "modbus", which lists them. */
const struct dissector modbus_rtu_dissector = {
	.name = "modbus-rtu",
	.transports = PROTO_TCP,
	.state_size = sizeof(struct modbus_state),
	.state_zeroed = MODBUS_STATE_ZEROED,
	.probe = probe,
	.message = message,
	.gap = modbus_gap,
};
