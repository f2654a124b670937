/*
 * A packet's way through an inline box, for tests: bytes of one conversation go in on one side as
 * frames and come out on the other as they would be sent on. Requests of the classes in `refuse`
 * are neutralised.
 *
 *      request modbus write write-single-register 0x06 holding 5 = 7 (neutralised)
 *      response modbus write write-single-register 0x06 status 0x01 illegal-function (refused)
 *      answered
 */
#ifndef KIDOBAN_TESTS_UNIT_INLINE_PATH_H
#define KIDOBAN_TESTS_UNIT_INLINE_PATH_H

#include "flow/flow.h"
#include "packet/rewrite.h"

#include "frame.h"

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define INLINE_EDITS 16

struct inline_path {
	struct packet_decoder *decoder;
	struct flow_tracker *tracker;
	struct packet packet; /* at hand */
	struct flow_edit edit[INLINE_EDITS];
	unsigned edits;	    /* of the packet at hand */
	uint16_t port;	    /* the server's */
	unsigned refuse;    /* bits of the classes that are neutralised */
	bool udp;	    /* datagrams instead of a connection */
	bool failed;	    /* a request could not be neutralised */
	uint32_t seq[2];    /* next sequence number, by direction */
	uint64_t frames;    /* sent */
	struct frame frame; /* the last one, as it goes on */
	uint8_t out[65536]; /* its payload */
	uint32_t out_len;   /* bytes */
	char text[16384];
	size_t len; /* of text */
};

__attribute__((format(printf, 2, 3))) static void inline_add(struct inline_path *w, const char *fmt,
							     ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(w->text) - w->len)
		w->len += (size_t)n;
}

static void inline_op(void *user, struct flow *f, const struct op *op)
{
	struct inline_path *w = user;
	char buf[200];

	inline_add(w, "%s %s %s %s 0x%02x", op_role_name(op->role), op->proto,
		   op_class_name(op->cls), op->name, op->code);
	if (op->object.space != OP_SPACE_NONE) {
		op_object_str(&op->object, buf, sizeof(buf));
		inline_add(w, " %s %s", op_space_name(op->object.space), buf);
	}
	if (op->status)
		inline_add(w, " status 0x%02x %s", op->status, op->error ? op->error : "?");
	if (op->neutralised)
		inline_add(w, " (refused)");
	if (w->refuse >> op->cls & 1 && op->role != OP_RESPONSE) {
		bool done = flow_neutralise(w->tracker, f, op);

		w->failed |= !done;
		inline_add(w, done ? " (neutralised)" : " (cannot be neutralised)");
	}
	inline_add(w, "\n");
}

static bool inline_edit(void *user, struct flow *f, const struct flow_edit *e)
{
	struct inline_path *w = user;

	(void)f;
	assert_true(w->edits < INLINE_EDITS);
	assert_true(e->len && e->offset + e->len <= w->packet.payload_len);
	assert_memory_equal(w->packet.payload + e->offset, e->was, e->len);
	if (!w->udp)
		assert_int_equal(e->seq, w->packet.seq + e->offset);
	assert_true(addr_eq(&f->addr[e->side], &w->packet.src));
	w->edit[w->edits++] = *e;
	return true;
}

static void inline_answered(void *user, struct flow *f)
{
	(void)f;
	inline_add(user, "answered\n");
}

static void inline_anomaly(void *user, struct flow *f, const struct packet *p,
			   const struct anomaly *a)
{
	(void)f;
	(void)p;
	inline_add(user, "%s %s %s\n", anomaly_name(a->kind), a->proto, a->reason);
}

static struct inline_path *inline_new(bool udp, uint16_t port, unsigned refuse)
{
	const struct flow_handlers handlers = {.op = inline_op,
					       .edit = inline_edit,
					       .answered = inline_answered,
					       .anomaly = inline_anomaly};
	const struct flow_config flows = {.flows_max = 16, .buffer_bytes_max = 1 << 20};
	const struct packet_config packets = {.fragments_max = 4};
	struct inline_path *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->udp = udp;
	w->port = port;
	w->refuse = refuse;
	w->seq[0] = 1000;
	w->seq[1] = 0xfffffff0; /* wraps soon */
	w->decoder = packet_decoder_new(&packets);
	w->tracker = flow_tracker_new(&flows, &handlers, w);
	assert_non_null(w->decoder);
	assert_non_null(w->tracker);
	return w;
}

static void inline_free(struct inline_path *w)
{
	flow_tracker_free(w->tracker);
	packet_decoder_free(w->decoder);
	free(w);
}

static void inline_build(struct frame *f, bool udp, unsigned dir, uint16_t port, uint32_t seq,
			 unsigned flags, const void *bytes, uint32_t n)
{
	uint32_t ip, at;

	f->n = 0;
	frame_eth(f, 0x0800);
	ip = frame_ip4(f, udp ? 17 : 6, 1, 0);
	if (dir)
		memcpy(f->b + ip + 12, "\x0a\x00\x00\x02\x0a\x00\x00\x01", 8);
	at = udp ? frame_udp(f, dir ? port : 40000, dir ? 40000 : port)
		 : frame_tcp(f, dir ? port : 40000, dir ? 40000 : port, seq, flags);
	frame_put(f, bytes, n);
	if (udp)
		frame_udp_end(f, ip, at);
	else
		frame_tcp_end(f, ip, at);
	frame_ip4_end(f, ip);
}

/* One frame at a sequence number; its payload as it goes on is in w->out. */
static void inline_frame(struct inline_path *w, unsigned dir, uint32_t seq, unsigned flags,
			 const void *bytes, uint32_t n)
{
	struct raw_packet raw;
	uint8_t *copy;
	unsigned i;

	inline_build(&w->frame, w->udp, dir, w->port, seq, flags, bytes, n);
	copy = malloc(w->frame.n); /* of just its size: a sanitizer sees what is read beyond */
	assert_non_null(copy);
	memcpy(copy, w->frame.b, w->frame.n);
	w->frames++;
	raw = (struct raw_packet){.data = copy,
				  .caplen = w->frame.n,
				  .wirelen = w->frame.n,
				  .time = (int64_t)w->frames * 1000000,
				  .frame = w->frames,
				  .linktype = DLT_EN10MB};
	w->edits = 0;
	packet_decode(w->decoder, &raw, &w->packet);
	flow_tracker_packet(w->tracker, &w->packet);
	for (i = 0; i < w->edits; i++)
		assert_true(rewrite_payload(copy, raw.caplen, &w->packet, w->edit[i].offset,
					    w->edit[i].now, w->edit[i].len, false));
	packet_decode(w->decoder, &raw, &w->packet);
	assert_false(w->packet.checksum_bad);
	w->out_len = w->packet.payload_len;
	memcpy(w->out, w->packet.payload, w->out_len);
	memcpy(w->frame.b, copy, w->frame.n);
	free(copy);
}

/* The next bytes of that direction: 0 from the client, 1 from the server. */
static void inline_send(struct inline_path *w, unsigned dir, const void *bytes, uint32_t n)
{
	if (!w->udp && w->frames == 0)
		inline_frame(w, 0, w->seq[0] - 1, PACKET_TCP_SYN, NULL, 0);
	inline_frame(w, dir, w->seq[dir], PACKET_TCP_ACK, bytes, n);
	w->seq[dir] += n;
}

/* Hexadecimal text with blanks to bytes. */
static inline uint32_t unhex(const char *text, uint8_t *out)
{
	uint32_t n = 0;
	unsigned v;

	for (; *text; text++) {
		char two[3] = {text[0], text[1], 0};

		if (*text == ' ')
			continue;
		v = (unsigned)strtoul(two, NULL, 16);
		out[n++] = (uint8_t)v;
		text++;
	}
	return n;
}

/* Sends bytes in hexadecimal; what comes out is compared likewise. */
static inline void send_hex(struct inline_path *w, unsigned dir, const char *text)
{
	uint8_t b[600];
	uint32_t n = unhex(text, b);

	inline_send(w, dir, b, n);
}

static inline void assert_out(const struct inline_path *w, const char *text)
{
	uint8_t b[600];
	uint32_t n = unhex(text, b);

	assert_int_equal(w->out_len, n);
	assert_memory_equal(w->out, b, n);
}

#endif
