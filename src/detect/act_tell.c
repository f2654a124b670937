/* Resets and ICMP: to both ends, and not more than so many, as kidoban must be no amplifier. */
#include "detect/act_impl.h"

static bool may_send(struct act *a)
{
	int64_t passed = a->time - a->tells_at;

	if (passed >= ACT_SECOND || passed < 0) {
		a->tells_at = a->time;
		a->tells = ACT_TELLS;
	}
	if (!a->tells)
		return false;
	a->tells--;
	return true;
}

static void send(struct act *a, unsigned iface, const uint8_t *frame, uint32_t len)
{
	if (len && may_send(a) && a->cfg.send(a->cfg.user, iface, frame, len))
		a->stats.resets_sent++;
}

bool act_tell(struct act *a)
{
	const struct raw_packet *raw = &a->frame->raw;
	uint8_t out[CRAFT_MAX];
	struct craft_tcp tcp;
	uint32_t len;

	if (!a->cfg.send)
		return false;
	a->told = true;
	if (!act_is_tcp(a->p)) {
		len = craft_prohibited(out, raw, a->p);
		send(a, raw->file, out, len);
		return len > 0;
	}
	if (!craft_take(&tcp, raw, a->p))
		return false;
	if (a->cfg.aside) /* its receiver has it */
		tcp.seq = tcp.end;
	/* nobody knows of a connection but who wants to open it */
	send(a, raw->file, out, craft_reset(out, &tcp, CRAFT_TO_SENDER));
	if ((a->p->tcp_flags & (PACKET_TCP_SYN | PACKET_TCP_ACK)) != PACKET_TCP_SYN)
		send(a, raw->file ^ 1u, out, craft_reset(out, &tcp, CRAFT_TO_RECEIVER));
	return true;
}

void act_tell_again(struct act *a)
{
	/* from aside a reset is the end of it, whoever sent it */
	if (!a->cfg.aside || !act_is_tcp(a->p) || !(a->p->tcp_flags & PACKET_TCP_RST))
		act_tell(a);
}

void act_tell_talk(struct act *a, const struct act_talk *t)
{
	uint8_t out[CRAFT_MAX];

	if (!a->cfg.send || !t->has_tcp)
		return;
	send(a, t->iface, out, craft_reset(out, &t->tcp, CRAFT_TO_SENDER));
	send(a, t->iface ^ 1u, out, craft_reset(out, &t->tcp, CRAFT_TO_RECEIVER));
}
