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
/* ns that a client goes on sending a segment that was lost while others passed unseen */
#define SENT_AGAIN INT64_C(120000000000)

#define NEVER_READ "bytes sent again that were never read"
#define NO_ROOM	   "no room to keep what was read"
#define URGENT	   "urgent data, which programs read otherwise"
#define TCP_URG	   0x20

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
	uint32_t ack;

	if (a->side != server || !flow_acked(a->flow, !server, &ack))
		return;
	k->has_acked = true;
	k->acked = ack;
	for (i = 0; i < ACT_TALK_PAGES; i++)
		if (k->page[i] && stream_diff((k->tag[i] + 1) * ACT_PAGE, ack) <= 0)
			put_page(a, k, i);
}

/* What has been read, and what waits for others before it, may be kept. */
struct reach {
	uint32_t from;	/* first that was not read before this packet */
	uint32_t to;	/* behind the last that may be kept */
	uint32_t acked; /* what is before that, nobody takes any more */
	bool has_acked;
	bool fails_open; /* where there is no room, it passes */
	bool missed;	 /* likewise what others may have passed before us */
};

static const char *check(struct act *a, struct act_kept *k, uint32_t seq, const uint8_t *p,
			 uint32_t n, const struct reach *r)
{
	struct act_page *page = NULL;
	uint32_t i;

	for (i = 0; i < n; i++, seq++) {
		uint32_t at = seq % ACT_PAGE;
		uint64_t bit = UINT64_C(1) << (at % 64);

		if (r->has_acked && stream_diff(seq, r->acked) < 0)
			continue;
		if (!page || at == 0)
			page = page_at(a, k, seq);
		if (page && page->known[at / 64] & bit) {
			if (page->byte[at] != p[i])
				return OTHER_BYTES;
			continue;
		}
		if (stream_diff(seq, r->to) >= 0 ||
		    (stream_diff(seq, r->from) < 0 && !k->blind && !r->missed))
			return NEVER_READ;
		if (!page)
			page = make_page(a, k, seq);
		if (!page) {
			k->blind |= r->fails_open;
			if (k->blind)
				continue;
			return NO_ROOM;
		}
		page->known[at / 64] |= bit;
		page->byte[at] = p[i];
	}
	return NULL;
}

/*
 * Does the server miss what we miss? Then what is behind that waits there too. Else we are not
 * where it is: it may take at once what has not been read.
 */
static bool waits_there(const struct reach *r)
{
	return r->has_acked && stream_diff(r->acked, r->to) <= 0;
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
	r.fails_open = act_fails_open(a, f);
	r.missed = r.fails_open && a->missed && a->time - a->missed < SENT_AGAIN;
	if (!t) {
		a->drop |= !r.fails_open;
		return r.fails_open ? NULL : NO_ROOM;
	}
	seq = p->seq + !!(p->tcp_flags & PACKET_TCP_SYN);
	end = seq + p->payload_len;
	if (!a->has_next)
		r.from = seq;
	if (!flow_next(f, a->side, &r.to))
		return NULL;
	if (stream_diff(r.to, r.from) < 0) /* it goes on where the server waits */
		r.from = seq;
	r.has_acked = flow_acked(f, a->side, &r.acked);
	if (stream_diff(end, r.to) > 0 && waits_there(&r) &&
	    flow_holds(f, a->side, stream_diff(seq, r.to) > 0 ? seq : r.to, end))
		r.to = end;
	wrong = p->tcp_flags & TCP_URG ? URGENT : NULL;
	if (!wrong)
		wrong = check(a, &t->kept, seq, p->payload, p->payload_len, &r);
	if (!wrong)
		return NULL;
	a->drop = true;
	if (policy_overlap_last(a->policy)) /* we read these, the receiver has those before them */
		flow_view(f)->cut |= (uint8_t)(1u << a->side) & 3u;
	return wrong;
}
