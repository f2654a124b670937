/*
 * Finding EtherNet/IP in bytes: is this a header (CIP volume 2, 2-3), do its items agree with it,
 * who sent it, and where does the next message begin when this is none.
 */
#include "proto/enip.h"
#include "proto/cip.h"

#define LENGTH_MAX 65511 /* volume 2, 2-3.1 */
#define PORT	   44818

/* ---- headers */

static inline struct enip_header header_of(struct reader r)
{
	struct enip_header h;

	h.command = rd_le16(&r);
	h.length = rd_le16(&r);
	h.session = rd_le32(&r);
	h.status = rd_le32(&r);
	h.context = rd_le64(&r);
	h.options = rd_le32(&r);
	return h;
}

struct enip_header enip_header_read(const uint8_t *data, uint32_t len)
{
	/* with a length known to the compiler, a whole header costs no check per field */
	return len < ENIP_HEADER ? header_of(rd_init(data, len))
				 : header_of(rd_init(data, ENIP_HEADER));
}

static bool length_fits(const struct enip_command *cmd, const struct enip_header *h)
{
	if (h->length > LENGTH_MAX)
		return false;
	if (h->status && h->length == 0)
		return true; /* refusals may come without data */
	switch (cmd->shape) {
	case EMPTY:
		return h->length == 0;
	case FOUR:
		return h->length == 4;
	case LIST:
		return h->length != 1; /* 0 asks, 2 is an empty list */
	case DATA:
		return h->length >= 8;
	default:
		return true;
	}
}

enum probe_result enip_header_check(const uint8_t *data, uint32_t len, const char **why)
{
	struct enip_header h = enip_header_read(data, len);
	const struct enip_command *cmd;

	*why = "unknown command";
	if (len < 2)
		return len && enip_command_find(data[0]) ? PROBE_MORE : PROBE_NO;
	cmd = enip_command_find(h.command);
	if (!cmd)
		return PROBE_NO;
	*why = "status is not one of the encapsulation's";
	if (len >= 12 && h.status && !enip_status_name(h.status))
		return PROBE_NO;
	*why = "length is impossible for the command";
	if (len >= 12 && !length_fits(cmd, &h))
		return PROBE_NO;
	*why = "options are not zero";
	if (len >= ENIP_HEADER && h.options)
		return PROBE_NO;
	return len < ENIP_HEADER ? PROBE_MORE : PROBE_YES;
}

/* ---- items */

bool enip_item_next(struct reader *r, struct enip_item *it, bool *cut)
{
	uint16_t len;

	if (rd_left(r) == 0)
		return false;
	it->type = rd_le16(r);
	len = rd_le16(r);
	if (!rd_ok(r) || len > rd_left(r)) {
		*cut = true;
		len = (uint16_t)rd_left(r);
	}
	it->data = rd_slice(r, len);
	return true;
}

uint32_t enip_items_extent(const uint8_t *data, uint32_t len)
{
	struct reader r = rd_init(data, len);
	uint16_t count;

	rd_skip(&r, ENIP_HEADER + 6);
	for (count = rd_le16(&r); count && rd_ok(&r); count--) {
		rd_skip(&r, 2);
		rd_skip(&r, rd_le16(&r));
	}
	return rd_ok(&r) ? r.off : 0;
}

bool enip_io_shape(const uint8_t *data, uint32_t len)
{
	struct reader r = rd_init(data, len);
	uint16_t count = rd_le16(&r);
	uint16_t address = rd_le16(&r), size = rd_le16(&r);

	rd_skip(&r, size);
	return count >= 2 && count <= 4 && address == ITEM_SEQUENCED_ADDRESS && size == 8 &&
	       rd_le16(&r) == ITEM_CONNECTED_DATA && rd_le16(&r) <= rd_left(&r) && rd_ok(&r);
}

/* ---- whose message is it */

enum sender { SENDER_UNKNOWN, SENDER_CLIENT, SENDER_SERVER };

/* A CIP message that is plainly a request or plainly a reply. */
static enum sender cip_sender(struct slice msg)
{
	if (msg.len < 4)
		return SENDER_UNKNOWN;
	if (msg.p[0] & 0x80)
		return msg.p[1] == 0 ? SENDER_SERVER : SENDER_UNKNOWN;
	return msg.p[1] && msg.p[1] * 2u + 2 <= msg.len ? SENDER_CLIENT : SENDER_UNKNOWN;
}

static enum sender items_sender(const uint8_t *data, uint32_t len)
{
	struct reader r = rd_init(data, len);
	struct enip_item it;
	bool cut = false;

	rd_skip(&r, ENIP_HEADER + 8);
	while (enip_item_next(&r, &it, &cut)) {
		if (it.type == ITEM_UNCONNECTED_DATA)
			return cip_sender(it.data);
		if (it.type == ITEM_CONNECTED_DATA && it.data.len > 2)
			return cip_sender(slice_of(it.data.p + 2, it.data.len - 2));
	}
	return SENDER_UNKNOWN;
}

static enum sender message_sender(const uint8_t *data, uint32_t len)
{
	struct enip_header h = enip_header_read(data, len);

	if (h.status)
		return SENDER_SERVER;
	switch (h.command) {
	case LIST_SERVICES:
	case LIST_IDENTITY:
	case LIST_INTERFACES:
		return h.length ? SENDER_SERVER : SENDER_CLIENT;
	case REGISTER_SESSION:
		return h.session ? SENDER_SERVER : SENDER_CLIENT;
	case SEND_RR_DATA:
	case SEND_UNIT_DATA:
		return items_sender(data, len);
	default:
		return SENDER_UNKNOWN;
	}
}

/* A header alone is 24 bytes of mostly zeros. */
enum probe_result enip_body_check(const uint8_t *data, uint32_t len)
{
	struct enip_header h = enip_header_read(data, len);
	struct reader r = rd_init(data, len);
	uint32_t interface;
	uint16_t count;

	rd_skip(&r, ENIP_HEADER);
	switch (h.command) {
	case REGISTER_SESSION:
		if (h.length == 0)
			return PROBE_NO;
		count = rd_le16(&r); /* protocol version 1, no options */
		if (!rd_ok(&r))
			return PROBE_MORE;
		return count == 1 && rd_le16(&r) == 0 ? PROBE_YES : PROBE_NO;
	case LIST_SERVICES:
	case LIST_IDENTITY:
		if (h.length == 0)
			return PROBE_MORE; /* asks; the answer will tell */
		count = rd_le16(&r);
		rd_skip(&r, 2);
		if (!rd_ok(&r))
			return PROBE_MORE;
		return count && count <= ENIP_ITEMS_MAX && rd_le16(&r) + 6u <= h.length ? PROBE_YES
											: PROBE_NO;
	case SEND_RR_DATA:
	case SEND_UNIT_DATA:
		interface = rd_le32(&r);
		rd_skip(&r, 2);
		count = rd_le16(&r);
		if (!rd_ok(&r))
			return PROBE_MORE;
		return interface == 0 && count >= 2 && count <= 4 ? PROBE_YES : PROBE_NO;
	default:
		return h.command != NOP && h.session ? PROBE_MORE : PROBE_NO;
	}
}

uint32_t enip_message_scan(const uint8_t *data, uint32_t len, uint32_t from)
{
	const char *why;
	uint32_t at;

	for (at = from; at < len; at++) {
		enum probe_result head = enip_header_check(data + at, len - at, &why);

		if (head == PROBE_MORE && len - at >= 4 &&
		    enip_header_read(data + at, 4).command == NOP)
			continue; /* a row of zeros is no header */
		if (head == PROBE_MORE ||
		    (head == PROBE_YES && enip_body_check(data + at, len - at) != PROBE_NO))
			break;
	}
	return at;
}

/* I/O belongs to a connection; who opened that is the client of this flow too. */
static void io_client(struct proto_probe *p, unsigned side)
{
	struct reader r = rd_of(p->side[side]);
	int originator;

	rd_skip(&r, 6);
	if (p->client >= 0 || !p->shared || addr_is_multicast(&p->addr[!side]))
		return;
	originator = cip_link_originator(p->shared, rd_le32(&r), &p->addr[side]);
	if (originator >= 0)
		p->client = (int8_t)(originator ? side : !side);
}

enum probe_result enip_probe(struct proto_probe *p)
{
	bool usual = p->port[0] == PORT || p->port[1] == PORT;
	enum probe_result result = PROBE_NO;
	const char *why;
	unsigned i;

	for (i = 0; i < 2; i++) {
		const uint8_t *data = p->side[i].p;
		uint32_t at, len = p->side[i].len;
		enum probe_result head;
		enum sender sender;

		if (len == 0)
			continue;
		if (p->transport == PROTO_UDP && enip_io_shape(data, len)) {
			io_client(p, i);
			return PROBE_YES;
		}
		head = enip_header_check(data, len, &why);
		if (head == PROBE_YES && !usual)
			head = enip_body_check(data, len);
		if (head == PROBE_NO && usual && p->transport == PROTO_TCP) {
			/* mid-stream, inside a message: the next one will do */
			at = enip_message_scan(data, len, 1);
			if (len - at > ENIP_HEADER &&
			    enip_body_check(data + at, len - at) == PROBE_YES) {
				data += at;
				len -= at;
				head = PROBE_YES;
			}
		}
		if (head == PROBE_MORE && result == PROBE_NO)
			result = PROBE_MORE;
		if (head != PROBE_YES)
			continue;
		result = PROBE_YES;
		sender = message_sender(data, len);
		if (sender != SENDER_UNKNOWN && p->client < 0)
			p->client = (int8_t)(sender == SENDER_CLIENT ? i : !i);
	}
	return result == PROBE_MORE && p->last ? PROBE_NO : result;
}
