/*
 * capture/queue_impl.h - a queue as its own files see it.
 *
 *   queue.c        opens, counts, closes, sends packets of our own
 *   queue_run.c    packets in, verdicts out
 *   queue_sum.c    checksums that hardware would have completed
 *
 * Private to capture/queue*.c.
 */
#ifndef KIDOBAN_CAPTURE_QUEUE_IMPL_H
#define KIDOBAN_CAPTURE_QUEUE_IMPL_H

#include "capture/nftset.h"
#include "capture/queue.h"

#include <libmnl/libmnl.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum {
	QUEUE_OPEN,
	QUEUE_CLOSED,
	QUEUES,

	QUEUE_ETHER = 14,	   /* bytes of the made-up link header */
	QUEUE_BATCH = 32,	   /* packets read at once */
	QUEUE_MESSAGE = 69632,	   /* bytes of one at most: 64 KiB and what is said of it */
	QUEUE_VERDICTS = 2 * 69632 /* bytes of verdicts on their way */
};

struct queue_half {
	struct mnl_socket *nl;
	uint16_t number;
	bool fail_open;
	uint32_t last; /* number the kernel gave the last packet; it counts from 1 */
	bool run;      /* packets up to run_to pass, and the kernel has not been told */
	uint32_t run_to;
	uint32_t run_count;
	uint8_t *out; /* verdicts on their way, QUEUE_VERDICTS bytes */
	size_t out_len;
	uint32_t out_count; /* packets that pass by them */
	/* written by the worker, read by all */
	atomic_uint_least64_t packets, bytes, lost, sent, send_failed;
};

struct queue {
	struct source source;
	struct queue_half half[QUEUES];
	struct nftset *sets;
	const char *table; /* its own */
	char alive[16];	   /* the set that says that this worker is */
	uint64_t alive_ms;
	int raw[2];	 /* sockets for packets of our own, IPv4 and IPv6; -1: none */
	int counts;	 /* /proc/net/netfilter/nfnetlink_queue; -1: none */
	uint64_t frames; /* so far */
	atomic_uint_least16_t generation;
	uint8_t *in;	 /* QUEUE_BATCH messages */
	uint8_t *before; /* a packet as it came */
	struct iovec iov[QUEUE_BATCH];
	struct mmsghdr msg[QUEUE_BATCH];
	char error[160];
};

static inline struct queue *queue_of(struct source *s)
{
	return (struct queue *)s;
}

static inline void queue_count(atomic_uint_least64_t *n, uint64_t by)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

/* queue_run.c: source_ops.run. */
int queue_run(struct source *s, int timeout_ms, const struct source_handler *h);

/* queue_run.c: what waits in a queue passes, or does not, without being looked at. */
void queue_drain(struct queue *q, struct queue_half *half);

/* queue_sum.c: completes the TCP or UDP checksum of an IP packet, which holds the sum of the pseudo
 * header. */
void queue_complete(uint8_t *packet, uint32_t len);

#endif
