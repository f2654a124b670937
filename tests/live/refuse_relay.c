/*
 * A relay between real clients and servers that looks at their bytes as an inline box does: as
 * packets of a connection, through decoder, tracker and dissector. Requests of a class whose object
 * begins with a text are neutralised, and all bytes go on as they are then.
 *
 *      refuse_relay LISTEN PORT SERVER PORT CLASS TEXT
 *
 * It says "ready", and for each op one line. One process per connection.
 */
#include "flow/flow.h"
#include "packet/checksum.h"
#include "packet/rewrite.h"

#include <netinet/tcp.h>
#include <pcap/dlt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADERS	  40 /* IPv4 and TCP */
#define PIECE	  1460
#define EDITS_MAX 64

struct relay {
	struct packet_decoder *decoder;
	struct flow_tracker *tracker;
	int fd[2];	 /* client, server */
	uint32_t seq[2]; /* next of each */
	uint64_t frames;
	int refused;	  /* enum op_class */
	const char *text; /* that the objects refused begin with */
	struct flow_edit edit[EDITS_MAX];
	unsigned edits;
};

static void on_op(void *user, struct flow *f, const struct op *op)
{
	struct relay *w = user;
	const char *what = "";
	char object[200];

	op_object_str(&op->object, object, sizeof(object));
	if (op->role != OP_RESPONSE && op->cls == w->refused &&
	    strncmp(object, w->text, strlen(w->text)) == 0)
		what = flow_neutralise(w->tracker, f, op) ? " neutralised" : " not neutralised";
	printf("%s %s %s %s status %u%s%s\n", op_role_name(op->role), op->proto, op->name, object,
	       op->status, what, op->neutralised ? " refused" : "");
}

static bool on_edit(void *user, struct flow *f, const struct flow_edit *e)
{
	struct relay *w = user;

	(void)f;
	if (w->edits == EDITS_MAX)
		return false;
	w->edit[w->edits++] = *e;
	return true;
}

static void on_anomaly(void *user, struct flow *f, const struct packet *p, const struct anomaly *a)
{
	(void)user;
	(void)f;
	(void)p;
	printf("anomaly %s %s %s\n", anomaly_name(a->kind), a->proto, a->reason);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The payload behind the headers of b becomes a packet, and leaves as it goes on. */
static void through(struct relay *w, unsigned dir, uint8_t *b, uint32_t n, uint8_t flags)
{
	static const uint8_t host[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}};
	const unsigned port[2] = {40000, 40001}; /* known by content alone */
	struct raw_packet raw = {.data = b,
				 .caplen = HEADERS + n,
				 .wirelen = HEADERS + n,
				 .frame = ++w->frames,
				 .linktype = DLT_RAW};
	struct timespec now;
	struct packet p;
	unsigned i;

	clock_gettime(CLOCK_REALTIME, &now);
	raw.time = now.tv_sec * 1000000000ll + now.tv_nsec;
	memset(b, 0, HEADERS);
	b[0] = 0x45;
	put16(b + 2, HEADERS + n);
	b[8] = 64;
	b[9] = 6;
	memcpy(b + 12, host[dir], 4);
	memcpy(b + 16, host[!dir], 4);
	put16(b + 20, port[dir]);
	put16(b + 22, port[!dir]);
	put32(b + 24, w->seq[dir]);
	put32(b + 28, w->seq[!dir]);
	b[32] = 0x50;
	b[33] = flags;
	w->edits = 0;
	packet_decode(w->decoder, &raw, &p);
	flow_tracker_packet(w->tracker, &p);
	for (i = 0; i < w->edits; i++)
		if (!rewrite_payload(b, raw.caplen, &p, w->edit[i].offset, w->edit[i].now,
				     w->edit[i].len, true))
			abort();
	w->seq[dir] += n + (flags & PACKET_TCP_SYN ? 1 : 0);
}

static bool forward(struct relay *w, unsigned dir)
{
	uint8_t b[HEADERS + PIECE];
	ssize_t n = recv(w->fd[dir], b + HEADERS, PIECE, 0), done = 0, k;

	if (n <= 0)
		return false;
	through(w, dir, b, (uint32_t)n, PACKET_TCP_ACK);
	for (; done < n; done += k) {
		k = send(w->fd[!dir], b + HEADERS + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (k <= 0)
			return false;
	}
	return true;
}

static int serve(struct relay *w)
{
	const struct flow_handlers handlers = {.op = on_op, .edit = on_edit, .anomaly = on_anomaly};
	const struct flow_config flows = {.flows_max = 4, .buffer_bytes_max = 1 << 20};
	const struct packet_config packets = {.fragments_max = 1};
	struct pollfd fds[2] = {{.fd = w->fd[0], .events = POLLIN},
				{.fd = w->fd[1], .events = POLLIN}};
	uint8_t head[HEADERS];
	unsigned i;

	w->decoder = packet_decoder_new(&packets);
	w->tracker = flow_tracker_new(&flows, &handlers, w);
	if (!w->decoder || !w->tracker)
		return 1;
	through(w, 0, head, 0, PACKET_TCP_SYN);
	through(w, 1, head, 0, PACKET_TCP_SYN | PACKET_TCP_ACK);
	while (poll(fds, 2, -1) > 0)
		for (i = 0; i < 2; i++)
			if (fds[i].revents && !forward(w, i))
				return 0;
	return 1;
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)strtoul(port, NULL, 10))};

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "refuse_relay: %s is no IPv4 address\n", host);
		exit(2);
	}
	return a;
}

int main(int argc, char **argv)
{
	struct relay w = {.seq = {1000, 2000}};
	struct sockaddr_in at, to;
	int listener, one = 1;

	if (argc != 7) {
		fprintf(stderr, "usage: refuse_relay LISTEN PORT SERVER PORT CLASS TEXT\n");
		return 2;
	}
	at = address(argv[1], argv[2]);
	to = address(argv[3], argv[4]);
	w.refused = op_class_find(argv[5], strlen(argv[5]));
	w.text = argv[6];
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGCHLD, SIG_IGN);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (w.refused < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, 16)) {
		perror("refuse_relay");
		return 1;
	}
	printf("ready\n");
	for (;;) {
		w.fd[0] = accept(listener, NULL, NULL);
		if (w.fd[0] < 0)
			return 1;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			w.fd[1] = socket(AF_INET, SOCK_STREAM, 0);
			if (connect(w.fd[1], (struct sockaddr *)&to, sizeof(to))) {
				perror("refuse_relay: server");
				_exit(1);
			}
			setsockopt(w.fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			setsockopt(w.fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			_exit(serve(&w));
		}
		close(w.fd[0]);
	}
}
