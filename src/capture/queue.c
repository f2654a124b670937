#include "capture/queue_impl.h"

#include "base/mark.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LENGTH	     4096  /* packets in the kernel */
#define PACKET_BYTES 2048  /* of the receive buffer for one: what a full frame takes there */
#define COPY_RANGE   65531 /* bytes of a packet; an attribute holds no more */
#define ALIVE_MS     500

__attribute__((format(printf, 3, 4))) static bool fail(char *err, size_t errlen, const char *fmt,
						       ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return false;
}

/* ------------------------------------------------------------------------------ set up */

struct config_message {
	_Alignas(8) char buf[512];
	struct nlmsghdr *nlh;
};

static void config_begin(struct config_message *m, uint16_t queue)
{
	struct nfgenmsg *nfg;

	m->nlh = mnl_nlmsg_put_header(m->buf);
	m->nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
	m->nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nfg = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(queue);
}

/* Sends it and waits for the answer; 0 or an errno. */
static int config_send(struct queue_half *half, struct config_message *m)
{
	_Alignas(8) char buf[1024];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	ssize_t n;

	if (mnl_socket_sendto(half->nl, m->nlh, m->nlh->nlmsg_len) < 0)
		return errno;
	do {
		n = mnl_socket_recvfrom(half->nl, buf, sizeof(buf));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno;
	if (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
}

static int bind_queue(struct queue_half *half)
{
	const struct nfqnl_msg_config_cmd cmd = {.command = NFQNL_CFG_CMD_BIND};
	struct config_message m;

	config_begin(&m, half->number);
	mnl_attr_put(m.nlh, NFQA_CFG_CMD, sizeof(cmd), &cmd);
	return config_send(half, &m);
}

/* The open queue's own limit is out of reach: it is the buffer that fills, and what is lost then
 * leaves a gap in the numbers and is counted. */
static int limit_queue(struct queue_half *half, uint32_t length)
{
	uint32_t mask = NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN;
	struct config_message m;

	config_begin(&m, half->number);
	mnl_attr_put_u32(m.nlh, NFQA_CFG_MASK, htonl(mask));
	mnl_attr_put_u32(m.nlh, NFQA_CFG_FLAGS, htonl(half->fail_open ? mask : NFQA_CFG_F_GSO));
	mnl_attr_put_u32(m.nlh, NFQA_CFG_QUEUE_MAXLEN,
			 htonl(half->fail_open ? UINT32_MAX : length));
	return config_send(half, &m);
}

/* Packets come from now on, maybe before an answer: so none is asked for. */
static int start_queue(struct queue_half *half)
{
	const struct nfqnl_msg_config_params params = {.copy_range = htonl(COPY_RANGE),
						       .copy_mode = NFQNL_COPY_PACKET};
	struct config_message m;

	config_begin(&m, half->number);
	m.nlh->nlmsg_flags = NLM_F_REQUEST;
	mnl_attr_put(m.nlh, NFQA_CFG_PARAMS, sizeof(params), &params);
	return mnl_socket_sendto(half->nl, m.nlh, m.nlh->nlmsg_len) < 0 ? errno : 0;
}

static bool open_half(struct queue_half *half, const struct queue_config *cfg, char *err,
		      size_t errlen)
{
	int on = 1, verdicts = 4 * QUEUE_VERDICTS;
	uint32_t length = cfg->length ? cfg->length : LENGTH;
	uint64_t buffer = cfg->buffer ? cfg->buffer : (uint64_t)length * PACKET_BYTES;
	int bytes = buffer / 2 > INT32_MAX / 2 ? INT32_MAX / 2 : (int)(buffer / 2), fd, error;

	half->out = malloc(QUEUE_VERDICTS);
	if (!half->out)
		return fail(err, errlen, "out of memory");
	half->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!half->nl || mnl_socket_bind(half->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return fail(err, errlen, "netfilter queue %u: no netlink socket: %s", half->number,
			    strerror(errno));
	fd = mnl_socket_get_fd(half->nl);
	/* the kernel doubles what it is told; without the right to force it, it is what it is */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &verdicts, sizeof(verdicts)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &verdicts, sizeof(verdicts));
	mnl_socket_setsockopt(half->nl, NETLINK_NO_ENOBUFS, (void *)&on, sizeof(on));
	error = bind_queue(half);
	if (error == EPERM || error == EACCES)
		return fail(err, errlen,
			    "netfilter queue %u: the kernel wants CAP_NET_ADMIN, or somebody "
			    "else reads this queue; let root start it, or choose another number",
			    half->number);
	if (error == EBUSY)
		return fail(err, errlen,
			    "netfilter queue %u: somebody else reads it; choose another number "
			    "here and in the exported rules",
			    half->number);
	if (error)
		return fail(err, errlen, "netfilter queue %u: %s; has the kernel nfnetlink_queue?",
			    half->number, strerror(error));
	error = limit_queue(half, length);
	if (!error)
		error = start_queue(half);
	if (error)
		return fail(err, errlen, "netfilter queue %u: the kernel refuses its settings: %s",
			    half->number, strerror(error));
	return true;
}

/* ------------------------------------------------------------------------------ our own packets */

static int raw_socket(int family)
{
	const uint32_t mark = MARK_OWN;
	const int on = 1;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0 &&
	    setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		       family == AF_INET ? IP_HDRINCL : IPV6_HDRINCL, &on, sizeof(on)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool send_own(struct source *s, unsigned iface, const void *frame, uint32_t len)
{
	struct queue *q = queue_of(s);
	const uint8_t *p = (const uint8_t *)frame + QUEUE_ETHER;
	struct queue_half *half = &q->half[iface == QUEUE_OPEN ? QUEUE_OPEN : QUEUE_CLOSED];
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool ok = false;

	if (len >= QUEUE_ETHER + 20u && p[0] >> 4 == 4) {
		memcpy(&v4.sin_addr, p + 16, 4);
		ok = sendto(q->raw[0], p, len - QUEUE_ETHER, 0, (struct sockaddr *)&v4,
			    sizeof(v4)) >= 0;
	} else if (len >= QUEUE_ETHER + 40u && p[0] >> 4 == 6) {
		memcpy(&v6.sin6_addr, p + 24, 16);
		ok = sendto(q->raw[1], p, len - QUEUE_ETHER, 0, (struct sockaddr *)&v6,
			    sizeof(v6)) >= 0;
	}
	queue_count(ok ? &half->sent : &half->send_failed, 1);
	return ok;
}

/* ------------------------------------------------------------------------------ alive */

/* Families by number, as `meta nfproto` has them. */
static const struct nftset_key families[] = {{1, {NFPROTO_IPV4}}, {1, {NFPROTO_IPV6}}};

static void beat(struct source *s)
{
	struct queue *q = queue_of(s);

	/* without the exported table there is nobody to be told */
	if (q->sets)
		nftset_put(q->sets, q->table, q->alive, families, 2, q->alive_ms);
}

/* ------------------------------------------------------------------------------ counts */

/* A line of the file: queue, port, packets in it, mode, range, dropped in the kernel, ... */
static bool kernel_says(const struct queue *q, unsigned number, uint64_t *dropped)
{
	char text[8192], *line, *rest = text;
	ssize_t n = q->counts < 0 ? -1 : pread(q->counts, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		unsigned long field[6];
		unsigned i;
		char *at = line, *end;

		for (i = 0; i < 6; i++, at = end) {
			field[i] = strtoul(at, &end, 10);
			if (end == at)
				break;
		}
		if (i == 6 && field[0] == number) {
			*dropped = field[5];
			return true;
		}
	}
	return false;
}

static unsigned stats(struct source *s, struct source_stats *out, unsigned max)
{
	struct queue *q = queue_of(s);
	unsigned i;

	for (i = 0; i < QUEUES && i < max; i++) {
		struct queue_half *half = &q->half[i];
		uint64_t full = 0, lost = atomic_load(&half->lost);

		out[i] = (struct source_stats){.packets = atomic_load(&half->packets),
					       .bytes = atomic_load(&half->bytes),
					       .sent = atomic_load(&half->sent),
					       .send_failed = atomic_load(&half->send_failed)};
		snprintf(out[i].iface, sizeof(out[i].iface), "queue %u", half->number);
		out[i].up = kernel_says(q, half->number, &full);
		if (half->fail_open)
			out[i].unseen = lost;
		else
			out[i].kernel_drops = lost + full;
	}
	return QUEUES;
}

/* ------------------------------------------------------------------------------ the source */

static const char *error(const struct source *s)
{
	return ((const struct queue *)s)->error;
}

static void queue_close(struct source *s)
{
	struct queue *q = queue_of(s);
	unsigned i;

	if (q->sets)
		nftset_remove(q->sets, q->table, q->alive, families, 2);
	for (i = 0; i < QUEUES; i++) {
		struct queue_half *half = &q->half[i];

		if (half->nl && half->out && q->in)
			queue_drain(q, half);
		if (half->nl)
			mnl_socket_close(half->nl);
		free(half->out);
	}
	for (i = 0; i < 2; i++)
		if (q->raw[i] >= 0)
			close(q->raw[i]);
	if (q->counts >= 0)
		close(q->counts);
	nftset_close(q->sets);
	free((void *)(uintptr_t)q->table);
	free(q->in);
	free(q->before);
	free(q);
}

static const struct source_ops ops = {.run = queue_run,
				      .send = send_own,
				      .beat = beat,
				      .stats = stats,
				      .error = error,
				      .close = queue_close};

void queue_generation(struct source *s, uint16_t generation)
{
	atomic_store_explicit(&queue_of(s)->generation, generation, memory_order_relaxed);
}

static bool set_up(struct queue *q, const struct queue_config *cfg, char *err, size_t errlen)
{
	unsigned i, first = cfg->number + 2 * cfg->worker;

	q->table = strdup(cfg->table ? cfg->table : "kidoban");
	q->in = malloc((size_t)QUEUE_BATCH * QUEUE_MESSAGE);
	q->before = malloc(QUEUE_MESSAGE);
	if (!q->table || !q->in || !q->before)
		return fail(err, errlen, "out of memory");
	for (i = 0; i < QUEUE_BATCH; i++) {
		q->iov[i] = (struct iovec){q->in + (size_t)i * QUEUE_MESSAGE, QUEUE_MESSAGE};
		q->msg[i].msg_hdr = (struct msghdr){.msg_iov = &q->iov[i], .msg_iovlen = 1};
	}
	if (first + QUEUE_CLOSED > UINT16_MAX)
		return fail(err, errlen,
			    "netfilter queues are numbered to 65535; %u workers from %u on are "
			    "more",
			    cfg->workers, cfg->number);
	snprintf(q->alive, sizeof(q->alive), "alive_%u", cfg->worker);
	q->alive_ms = cfg->alive_time ? (uint64_t)(cfg->alive_time / 1000000) : ALIVE_MS;
	q->raw[0] = raw_socket(AF_INET);
	q->raw[1] = raw_socket(AF_INET6);
	if (q->raw[0] < 0)
		return fail(err, errlen, "netfilter queue: no raw socket for resets: %s",
			    strerror(errno));
	q->counts = open("/proc/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);
	q->sets = nftset_open();
	for (i = 0; i < QUEUES; i++) {
		q->half[i].number = (uint16_t)(first + i);
		q->half[i].fail_open = i == QUEUE_OPEN;
		if (!open_half(&q->half[i], cfg, err, errlen))
			return false;
	}
	return true;
}

struct source *queue_open(const struct queue_config *cfg, char *err, size_t errlen)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q) {
		fail(err, errlen, "out of memory");
		return NULL;
	}
	q->source = (struct source){.ops = &ops, .linktype = DLT_EN10MB, .ifaces = QUEUES};
	q->raw[0] = q->raw[1] = q->counts = -1;
	if (set_up(q, cfg, err, errlen))
		return &q->source;
	queue_close(&q->source);
	return NULL;
}
