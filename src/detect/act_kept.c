/*
 * Bytes that were judged, until they are acknowledged. Whoever wants to bring a request past a
 * judge that reads along shows it another one first, in a segment that its receiver never takes
 * (too short a time to live, an old time stamp), and then sends the same numbers again. So of what
 * a client sends, only what was read passes, and again only as it was read.
 */
#include "detect/act_impl.h"
#include "flow/stream.h"

#include <string.h>

#define OTHER_BYTES "the same bytes came with different content"
#define NEVER_READ  "bytes sent again that were never read"

static struct act_page *page_at(struct act *a, const struct act_kept *k, uint32_t seq)
{
	uint32_t tag = seq / ACT_PAGE, i = tag % ACT_TALK_PAGES;

	return k->page[i] && k->tag[i] == tag ? &a->page[k->page[i]] : NULL;
}

static void put_page(struct act *a, struct act_kept *k, unsigned i)
{
	if (!k->page[i])
		return;
	a->page[k->page[i]].next_free = a->page_free;
	a->page_free = k->page[i];
	k->page[i] = 0;
}

/* A page for those bytes; NULL when too much is on its way. */
static struct act_page *make_page(struct act *a, struct act_kept *k, uint32_t seq)
{
	uint32_t tag = seq / ACT_PAGE, i = tag % ACT_TALK_PAGES;
	uint16_t n;

	if (k->page[i] && !(k->has_acked && stream_diff((k->tag[i] + 1) * ACT_PAGE, k->acked) <= 0))
		return NULL;
	put_page(a, k, i);
	if (a->page_free) {
		n = a->page_free;
		a->page_free = a->page[n].next_free;
	} else if (a->pages < ACT_PAGES) {
		n = ++a->pages;
	} else {
		a->stats.full++;
		return NULL;
	}
	memset(a->page[n].known, 0, sizeof(a->page[n].known));
	k->page[i] = n;
	k->tag[i] = tag;
	return &a->page[n];
}

void act_kept_drop(struct act *a, struct act_kept *k)
{
	unsigned i;

	for (i = 0; i < ACT_TALK_PAGES; i++)
		put_page(a, k, i);
}

/* The packet at hand passes. */
void act_kept_ack(struct act *a, struct act_talk *t)
{
	struct act_kept *k = &t->kept;
	unsigned server = a->flow->client != 1, i;
	uint32_t ack = a->p->ack;

	if (!k->has_iface[a->side]) {
		k->has_iface[a->side] = true;
		k->iface[a->side] = a->frame->raw.file;
	}
	if (!k->begun || a->side != server || !(a->p->tcp_flags & PACKET_TCP_ACK) ||
	    k->iface[server] != a->frame->raw.file)
		return;
	if (k->has_acked && stream_diff(ack, k->acked) <= 0)
		return;
	k->has_acked = true;
	k->acked = ack;
	for (i = 0; i < ACT_TALK_PAGES; i++)
		if (k->page[i] && stream_diff((k->tag[i] + 1) * ACT_PAGE, ack) <= 0)
			put_page(a, k, i);
}

/* What has been read, and what waits for others before it, may be kept. */
struct reach {
	uint32_t from; /* first that was not read before this packet */
	uint32_t to;   /* behind the last that may be kept */
};

static const char *check(struct act *a, struct act_kept *k, uint32_t seq, const uint8_t *p,
			 uint32_t n, const struct reach *r)
{
	struct act_page *page = NULL;
	uint32_t i;

	for (i = 0; i < n; i++, seq++) {
		uint32_t at = seq % ACT_PAGE;
		uint64_t bit = UINT64_C(1) << (at % 64);

		if (stream_diff(seq, k->first) < 0 ||
		    (k->has_acked && stream_diff(seq, k->acked) < 0))
			continue;
		if (!page || at == 0)
			page = page_at(a, k, seq);
		if (page && page->known[at / 64] & bit) {
			if (page->byte[at] != p[i])
				return OTHER_BYTES;
			continue;
		}
		if (stream_diff(seq, r->from) < 0 || stream_diff(seq, r->to) >= 0)
			return NEVER_READ;
		if (!page)
			page = make_page(a, k, seq);
		if (!page)
			return NEVER_READ;
		page->known[at / 64] |= bit;
		page->byte[at] = p[i];
	}
	return NULL;
}

bool act_verifies(const struct act *a, struct flow *f)
{
	return a->frame && !a->cfg.aside && a->flow == f && act_is_tcp(a->p) &&
	       judge_per_op(flow_view(f)) && a->side == (f->client == 1) &&
	       !flow_unclaimed(f, false);
}

const char *act_verify(struct act *a, struct flow *f)
{
	const struct packet *p = a->p;
	struct reach r = {.from = a->next};
	const char *wrong;
	struct act_talk *t;
	uint32_t seq, end;

	if (!act_verifies(a, f) || !p->payload_len)
		return NULL;
	t = act_talk_of(a, f, true);
	if (!t)
		return NULL;
	seq = p->seq + !!(p->tcp_flags & PACKET_TCP_SYN);
	end = seq + p->payload_len;
	if (!a->has_next)
		r.from = seq;
	if (!t->kept.begun) {
		t->kept.begun = true;
		t->kept.first = r.from;
	}
	if (!flow_next(f, a->side, &r.to))
		return NULL;
	if (stream_diff(end, r.to) > 0 &&
	    flow_holds(f, a->side, stream_diff(seq, r.to) > 0 ? seq : r.to, end))
		r.to = end;
	wrong = check(a, &t->kept, seq, p->payload, p->payload_len, &r);
	if (!wrong)
		return NULL;
	a->drop = true;
	if (policy_overlap_last(a->policy)) /* we read these, the receiver has those before them */
		flow_view(f)->cut |= (uint8_t)(1u << a->side) & 3u;
	return wrong;
}
