/*
 * Packets in, verdicts out (linux/netfilter/nfnetlink_queue.h).
 *
 * A verdict for a batch holds for all packets up to a number that have none yet. So packets that
 * pass are only remembered (run_to); a packet that is dropped may be told at once, because nobody
 * waits behind it; one that is changed or settled must not overtake those before it, so the run is
 * told first.
 */
#include "base/mark.h"
#include "capture/queue_impl.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What the kernel asks about. */
struct question {
	uint32_t id;
	uint16_t type; /* Ethernet's */
	const struct nfqnl_msg_packet_hw *mac;
	uint8_t *payload;
	uint32_t len;	/* bytes at hand */
	uint32_t whole; /* bytes there are */
	uint32_t info;	/* NFQA_SKB_... */
	int64_t time;	/* ns since 1970 UTC; 0: unknown */
};

static bool broken(struct queue *q, const char *what)
{
	snprintf(q->error, sizeof(q->error), "netfilter queue: %s: %s", what, strerror(errno));
	return false;
}

/* ------------------------------------------------------------------------------ verdicts */

static bool flush_out(struct queue *q, struct queue_half *half)
{
	size_t len = half->out_len;
	unsigned tries;

	if (len == 0)
		return true;
	half->out_len = 0;
	for (tries = 0; tries < 100; tries++) {
		if (mnl_socket_sendto(half->nl, half->out, len) >= 0) {
			queue_count(&half->sent, half->out_count);
			half->out_count = 0;
			return true;
		}
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			break;
		poll(NULL, 0, 1); /* memory is short for a moment */
	}
	queue_count(&half->send_failed, half->out_count);
	half->out_count = 0;
	return broken(q, "the verdicts cannot be told");
}

static struct nlmsghdr *put_verdict(struct queue_half *half, uint8_t type, uint32_t id,
				    uint32_t verdict)
{
	const struct nfqnl_msg_verdict_hdr v = {.verdict = htonl(verdict), .id = htonl(id)};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(half->out + half->out_len);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(half->number);
	mnl_attr_put(nlh, NFQA_VERDICT_HDR, sizeof(v), &v);
	return nlh;
}

static void end_verdict(struct queue_half *half, const struct nlmsghdr *nlh)
{
	half->out_len += NLMSG_ALIGN(nlh->nlmsg_len);
}

/* Room for a verdict with so many bytes of a packet, and for a run before it. */
static bool make_room(struct queue *q, struct queue_half *half, uint32_t bytes)
{
	return half->out_len + bytes + 256 <= QUEUE_VERDICTS || flush_out(q, half);
}

static void end_run(struct queue_half *half)
{
	if (!half->run)
		return;
	end_verdict(half, put_verdict(half, NFQNL_MSG_VERDICT_BATCH, half->run_to, NF_ACCEPT));
	half->run = false;
	half->out_count += half->run_count;
	half->run_count = 0;
}

static bool drop(struct queue *q, struct queue_half *half, uint32_t id)
{
	if (!make_room(q, half, 0))
		return false;
	end_verdict(half, put_verdict(half, NFQNL_MSG_VERDICT, id, NF_DROP));
	return true;
}

static void pass(struct queue_half *half, uint32_t id)
{
	half->run = true;
	half->run_to = id;
	half->run_count++;
}

/* With other bytes, a mark, or both. */
static bool pass_changed(struct queue *q, struct queue_half *half, const struct question *x,
			 bool changed, uint16_t generation)
{
	struct nlmsghdr *nlh;

	if (!make_room(q, half, changed ? x->len : 0))
		return false;
	end_run(half);
	nlh = put_verdict(half, NFQNL_MSG_VERDICT, x->id, NF_ACCEPT);
	if (generation)
		mnl_attr_put_u32(nlh, NFQA_MARK, htonl(MARK_SETTLED | generation));
	if (changed)
		mnl_attr_put(nlh, NFQA_PAYLOAD, x->len, x->payload);
	end_verdict(half, nlh);
	half->out_count++;
	return true;
}

/* ------------------------------------------------------------------------------ packets */

static bool parse(const struct nlmsghdr *nlh, struct question *x)
{
	const struct nlattr *a;
	bool numbered = false;

	*x = (struct question){.id = 0};
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
	{
		uint16_t len = mnl_attr_get_payload_len(a);
		void *p = mnl_attr_get_payload(a);

		switch (mnl_attr_get_type(a)) {
		case NFQA_PACKET_HDR:
			if (len >= sizeof(struct nfqnl_msg_packet_hdr)) {
				const struct nfqnl_msg_packet_hdr *h = p;

				x->id = ntohl(h->packet_id);
				x->type = ntohs(h->hw_protocol);
				numbered = true;
			}
			break;
		case NFQA_HWADDR:
			if (len >= sizeof(*x->mac))
				x->mac = p;
			break;
		case NFQA_TIMESTAMP:
			if (len >= sizeof(struct nfqnl_msg_packet_timestamp)) {
				struct nfqnl_msg_packet_timestamp t;

				memcpy(&t, p, sizeof(t));
				x->time = (int64_t)be64toh(t.sec) * 1000000000 +
					  (int64_t)be64toh(t.usec) * 1000;
			}
			break;
		case NFQA_CAP_LEN:
			x->whole = len >= 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
			break;
		case NFQA_SKB_INFO:
			x->info = len >= 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
			break;
		case NFQA_PAYLOAD:
			x->payload = p;
			x->len = len;
			break;
		default:
			break;
		}
	}
	if (x->whole < x->len)
		x->whole = x->len;
	return numbered;
}

/* Over what stands before the payload in the message: other attributes, read already. */
static uint8_t *put_ether(const struct question *x)
{
	uint8_t mac[6] = {0}, *f = x->payload - QUEUE_ETHER;

	if (x->mac && ntohs(x->mac->hw_addrlen) == sizeof(mac))
		memcpy(mac, x->mac->hw_addr, sizeof(mac));
	memset(f, 0, 6);
	memcpy(f + 6, mac, 6);
	f[12] = (uint8_t)(x->type >> 8);
	f[13] = (uint8_t)x->type;
	return f;
}

static bool ask(struct queue *q, struct queue_half *half, struct question *x, int64_t now,
		const struct source_handler *h)
{
	uint16_t generation = (uint16_t)atomic_load_explicit(&q->generation, memory_order_relaxed);
	struct source_frame f = {.data = put_ether(x), .fail_open = half->fail_open};
	enum source_do what;
	bool changed;

	f.checksum_partial = x->info & NFQA_SKB_CSUMNOTREADY;
	f.raw = (struct raw_packet){.data = f.data,
				    .caplen = x->len + QUEUE_ETHER,
				    .wirelen = x->whole + QUEUE_ETHER,
				    .time = x->time ? x->time : now,
				    .frame = ++q->frames,
				    .linktype = q->source.linktype,
				    .file = half->fail_open ? QUEUE_OPEN : QUEUE_CLOSED};
	memcpy(q->before, x->payload, x->len);
	what = h->frame(h->user, &f);
	changed = memcmp(q->before, x->payload, x->len) != 0;
	/* what is cut here would come out cut */
	if (what == SOURCE_DROP || (changed && x->whole != x->len))
		return drop(q, half, x->id);
	if (!changed && (what == SOURCE_PASS || !generation)) {
		pass(half, x->id);
		return true;
	}
	if (changed && f.checksum_partial && !(x->info & NFQA_SKB_GSO))
		queue_complete(x->payload, x->len);
	return pass_changed(q, half, x, changed, what == SOURCE_SETTLE ? generation : 0);
}

static bool take(struct queue *q, struct queue_half *half, const struct nlmsghdr *nlh, int64_t now,
		 const struct source_handler *h)
{
	struct question x;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		/* a verdict came too late: the queue was emptied meanwhile */
		queue_count(&half->send_failed, 1);
		return true;
	}
	if (nlh->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) || !parse(nlh, &x))
		return true;
	queue_count(&half->lost, x.id - half->last - 1);
	half->last = x.id;
	if (x.payload && h) {
		queue_count(&half->packets, 1);
		queue_count(&half->bytes, x.whole);
		return ask(q, half, &x, now, h);
	}
	queue_count(&half->lost, 1);
	if (!half->fail_open)
		return drop(q, half, x.id);
	pass(half, x.id);
	return true;
}

static int64_t wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* One batch; how many, or -1. */
static int take_batch(struct queue *q, struct queue_half *half, const struct source_handler *h)
{
	int fd = mnl_socket_get_fd(half->nl), n, i;
	int64_t now;

	n = recvmmsg(fd, q->msg, QUEUE_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return 0;
	if (n < 0) {
		broken(q, "packets cannot be read");
		return -1;
	}
	now = wall();
	for (i = 0; i < n; i++) {
		const struct nlmsghdr *nlh = q->iov[i].iov_base;
		int left = (int)q->msg[i].msg_len;

		/* the kernel sends one message at a time */
		if (mnl_nlmsg_ok(nlh, left) && !take(q, half, nlh, now, h))
			return -1;
	}
	if (!make_room(q, half, 0))
		return -1;
	end_run(half);
	return flush_out(q, half) ? n : -1;
}

int queue_run(struct source *s, int timeout_ms, const struct source_handler *h)
{
	struct queue *q = queue_of(s);
	struct pollfd p[QUEUES];
	int i, n = 0;

	for (i = 0; i < QUEUES; i++)
		p[i] = (struct pollfd){.fd = mnl_socket_get_fd(q->half[i].nl), .events = POLLIN};
	if (poll(p, QUEUES, timeout_ms) < 0 && errno != EINTR) {
		broken(q, "poll");
		return -1;
	}
	for (i = 0; i < QUEUES; i++) {
		int got = p[i].revents ? take_batch(q, &q->half[i], h) : 0;

		if (got < 0)
			return -1;
		n += got;
	}
	return n;
}

void queue_drain(struct queue *q, struct queue_half *half)
{
	while (take_batch(q, half, NULL) > 0)
		;
}
