/*
 * Bytes that go on as others. A request that was neutralised, and the code restored in its answer,
 * are changed again in every packet that carries them, until they are acknowledged.
 */
#include "detect/act_impl.h"
#include "flow/stream.h"
#include "packet/rewrite.h"

#include <string.h>

/* --- devices that do not answer --- */

static struct act_device *device_of(struct act *a, const struct addr *addr, uint16_t port)
{
	unsigned i;

	for (i = 0; i < ACT_DEVICES; i++) {
		struct act_device *d = &a->device[i];

		if (d->used && d->port == port && addr_eq(&d->addr, addr))
			return d;
	}
	return NULL;
}

void act_stubborn(struct act *a, const struct addr *server, uint16_t port)
{
	struct act_device *d = device_of(a, server, port);
	unsigned i;

	for (i = 0; !d && i < ACT_DEVICES; i++)
		if (!a->device[i].used)
			d = &a->device[i];
	if (!d) /* the one added first goes */
		for (d = a->device, i = 1; i < ACT_DEVICES; i++)
			if (a->device[i].used < d->used)
				d = &a->device[i];
	*d = (struct act_device){.addr = *server, .port = port, .used = ++a->devices};
}

static void give_up(struct act *a, struct act_talk *t)
{
	t->asked = 0;
	a->waiting--;
	t->reset = true;
	a->stats.stubborn++;
	act_stubborn(a, &t->server, t->port);
	act_tell_talk(a, t);
	if (a->cfg.stubborn)
		a->cfg.stubborn(a->cfg.user, &t->server, t->port);
}

/* Where time jumps, nobody was waited for. */
void act_answers(struct act *a, int64_t time)
{
	bool jump = time - a->time > a->cfg.answer_time || time < a->time;
	int64_t before = a->time;
	uint16_t i;

	a->time = time;
	for (i = 1; i <= a->made; i++) {
		struct act_talk *t = &a->talk[i];

		if (!t->used || !t->asked)
			continue;
		if (jump)
			t->since += time - before;
		else if (time - t->since > a->cfg.answer_time)
			give_up(a, t);
	}
}

void act_missed(struct act *a)
{
	uint16_t i;

	a->missed = a->time;
	for (i = 1; a->waiting && i <= a->made; i++)
		if (a->talk[i].used && a->talk[i].asked) {
			a->talk[i].asked = 0;
			a->waiting--;
		}
}

void act_answered(struct act *a, struct flow *f)
{
	struct act_talk *t = act_talk_of(a, f, false);

	if (!t || !t->asked)
		return;
	t->since = a->time;
	if (--t->asked == 0)
		a->waiting--;
}

bool act_degrade(struct act *a, struct flow *f, const struct op *op)
{
	struct act_talk *t;

	if (!a->tracker || device_of(a, flow_server(f), flow_server_port(f)))
		return false;
	t = act_talk_of(a, f, true);
	if (!t || t->reset || t->asked == UINT16_MAX || !flow_neutralise(a->tracker, f, op))
		return false;
	if (!t->asked) {
		a->waiting++;
		t->since = a->time;
	}
	t->asked++;
	return true;
}

/* --- edits --- */

bool act_edit(struct act *a, struct flow *f, const struct flow_edit *e)
{
	struct act_talk *t;

	if (!a->frame || !a->frame->data || a->cfg.aside || a->flow != f || !rewrite_possible(a->p))
		return false;
	if (a->p->kind == PACKET_UDP) {
		if (a->nows == FLOW_EDIT_MAX)
			return false;
		a->now[a->nows++] = *e;
		return true;
	}
	t = act_talk_of(a, f, true);
	if (!t || t->edits == ACT_EDITS)
		return false;
	t->edit[t->edits++] = *e;
	return true;
}

static void put(struct act *a, uint32_t offset, const uint8_t *bytes, uint32_t n)
{
	const struct source_frame *f = a->frame;

	if (!rewrite_payload(f->data, f->raw.caplen, a->p, offset, bytes, n, f->checksum_partial)) {
		a->drop = true;
		a->stats.dropped++;
	}
}

/* The part of an edit that this segment carries. */
static void put_part(struct act *a, const struct flow_edit *e, uint32_t seq)
{
	const struct packet *p = a->p;
	int32_t at = stream_diff(e->seq, seq), from = at < 0 ? -at : 0, to = e->len;

	if (at + to > (int64_t)p->payload_len)
		to = (int32_t)p->payload_len - at;
	if (from >= to)
		return;
	if (memcmp(p->payload + at + from, e->was + from, (size_t)(to - from)) != 0) {
		a->drop = true; /* other bytes than those that were judged */
		a->stats.dropped++;
		return;
	}
	put(a, (uint32_t)(at + from), e->now + from, (uint32_t)(to - from));
}

/* Edits of what the sender of this packet has received are over. */
static void acknowledge(struct act *a, struct act_talk *t)
{
	uint8_t i, left = 0;

	for (i = 0; i < t->edits; i++) {
		const struct flow_edit *e = &t->edit[i];

		if (e->side == a->side || stream_diff(a->p->ack, e->seq + e->len) < 0)
			t->edit[left++] = *e;
	}
	t->edits = left;
}

/* What the two ends wait for, should it have to be ended. */
static void follow(struct act *a, struct act_talk *t)
{
	const struct packet *p = a->p;
	uint32_t end = p->seq + p->payload_len + !!(p->tcp_flags & PACKET_TCP_FIN);

	if (a->side == (a->flow->client == 1)) {
		t->has_tcp = craft_take(&t->tcp, &a->frame->raw, p);
		t->tcp.seq = t->tcp.end;
		t->iface = a->frame->raw.file;
	} else if (t->has_tcp && (!t->tcp.has_ack || stream_diff(end, t->tcp.ack) > 0)) {
		t->tcp.ack = end;
		t->tcp.has_ack = true;
	}
}

void act_apply(struct act *a)
{
	const struct packet *p = a->p;
	struct act_talk *t;
	uint32_t seq;
	unsigned i;

	for (i = 0; i < a->nows; i++)
		put(a, a->now[i].offset, a->now[i].now, a->now[i].len);
	t = a->flow ? act_talk_of(a, a->flow, false) : NULL;
	if (!t || !act_is_tcp(p))
		return;
	seq = p->seq + !!(p->tcp_flags & PACKET_TCP_SYN);
	for (i = 0; i < t->edits; i++)
		if (t->edit[i].side == a->side)
			put_part(a, &t->edit[i], seq);
	if (p->tcp_flags & PACKET_TCP_ACK)
		acknowledge(a, t);
	act_kept_ack(a, t);
	follow(a, t);
}
