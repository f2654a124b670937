/*
 * A driver for dissector tests: feeds messages of one flow to a dissector and writes what comes
 * out as lines of text, so that a test is bytes in, lines out.
 *
 *      request cip read read-tag 0x4c tag Pump[3] count 2
 *      response cip read read-tag 0x4c tag Pump[3] count 2 = 7,8 of 1
 *      malformed enip options are not zero
 */
#ifndef KIDOBAN_TESTS_UNIT_RECORDER_H
#define KIDOBAN_TESTS_UNIT_RECORDER_H

#include "proto/proto.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct recorder {
	const struct dissector *d;
	struct proto_ctx c;
	char text[32768];
	size_t len;
	unsigned ops, anomalies;
};

__attribute__((format(printf, 2, 3))) static void recorder_add(struct recorder *r, const char *fmt,
							       ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->len, sizeof(r->text) - r->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		r->len += (size_t)n < sizeof(r->text) - r->len ? (size_t)n
							       : sizeof(r->text) - r->len - 1;
}

static void recorder_op(struct proto_ctx *c, const struct op *op)
{
	struct recorder *r = c->user;
	char buf[600];

	r->ops++;
	recorder_add(r, "%s %s %s %s 0x%02x", op_role_name(op->role), op->proto,
		     op_class_name(op->cls), op->name, op->code);
	if (op->object.space != OP_SPACE_NONE) {
		op_object_str(&op->object, buf, sizeof(buf));
		recorder_add(r, " %s %s", op_space_name(op->object.space), buf);
	}
	if (op->object.count)
		recorder_add(r, " count %u", op->object.count);
	if (op->unit >= 0)
		recorder_add(r, " unit %d", op->unit);
	if (op->values.type != OP_V_NONE) {
		op_values_str(&op->values, 8, buf, sizeof(buf));
		recorder_add(r, " = %s", buf);
	}
	if (op->status)
		recorder_add(r, " status 0x%02x %s", op->status, op->error ? op->error : "?");
	if (op->request_frame)
		recorder_add(r, " of %" PRIu64, op->request_frame);
	recorder_add(r, "\n");
}

static void recorder_anomaly(struct proto_ctx *c, const struct anomaly *a)
{
	struct recorder *r = c->user;

	r->anomalies++;
	recorder_add(r, "%s %s %s\n", anomaly_name(a->kind), a->proto, a->reason);
}

static void recorder_identity(struct proto_ctx *c, int side, const char *key, struct slice value)
{
	recorder_add(c->user, "identity %d %s %.*s\n", side, key, (int)value.len,
		     (const char *)value.p);
}

static const struct proto_events recorder_events = {
	.op = recorder_op, .anomaly = recorder_anomaly, .identity = recorder_identity};

/* A fresh flow from 10.0.0.1 to 10.0.0.2, next packet is number 1. */
static struct recorder *recorder_new(const struct dissector *d, enum proto_transport transport)
{
	static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};
	struct recorder *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->d = d;
	r->c.state = calloc(1, d->state_size);
	r->c.shared = calloc(1, d->shared_size ? d->shared_size : 1);
	if (!r->c.state || !r->c.shared)
		abort();
	if (d->shared_init)
		d->shared_init(r->c.shared);
	r->c.transport = (uint8_t)transport;
	r->c.addr[0] = addr_v4(client);
	r->c.addr[1] = addr_v4(server);
	r->c.events = &recorder_events;
	r->c.user = r;
	return r;
}

/* Another flow of the same worker: state anew, shared kept. */
static inline void recorder_flow(struct recorder *r, enum proto_transport transport)
{
	memset(r->c.state, 0, r->d->state_size);
	r->c.transport = (uint8_t)transport;
}

static void recorder_free(struct recorder *r)
{
	free(r->c.state);
	free(r->c.shared);
	free(r);
}

/*
 * One packet. The bytes are copied to a buffer of their own size first, so that a sanitizer sees
 * every byte read beyond them. Returns what message() did not take.
 */
static uint32_t recorder_feed(struct recorder *r, enum proto_dir dir, const void *data,
			      uint32_t len)
{
	uint32_t off = 0;

	r->c.dir = (uint8_t)dir;
	r->c.frame++;
	r->c.time = (int64_t)r->c.frame * 1000000;
	while (off < len) {
		uint8_t *copy = malloc(len - off);
		uint32_t n;

		if (!copy)
			abort();
		memcpy(copy, (const uint8_t *)data + off, len - off);
		n = r->d->message(&r->c, copy, len - off);
		free(copy);
		if (n == 0)
			break;
		off += n;
	}
	return off < len ? len - off : 0;
}

/* Hexadecimal text with blanks to bytes. */
static uint32_t unhex(const char *text, uint8_t *out, uint32_t size)
{
	uint32_t n = 0;
	char *end;

	for (;;) {
		unsigned long v = strtoul(text, &end, 16);

		if (end == text || n == size)
			return n;
		out[n++] = (uint8_t)v;
		text = end;
	}
}

/* What was written since the last check is exactly this. */
#define recorder_expect(r, expected)                                                               \
	do {                                                                                       \
		assert_string_equal((r)->text, expected);                                          \
		(r)->len = 0;                                                                      \
		(r)->text[0] = '\0';                                                               \
	} while (0)

#endif
