/*
 * capture/queue.h - packets the kernel asks about: netfilter queues.
 *
 * The rules that send packets here are not made here: `kidoban export nftables --inspect queue` (or
 * `mark`, with `kidoban export iptables`) writes them. Each worker has two queues, one for conduits
 * that fail open and one for those that fail closed:
 *
 *   queue 2n      worker n, fail open:   rules with bypass, the socket with NFQA_CFG_F_FAIL_OPEN:
 *                 without kidoban, or when it cannot keep up, packets pass
 *   queue 2n + 1  worker n, fail closed: they do not
 *
 * A worker that hangs is neither gone nor slow: its queue would swallow packets until it is full.
 * So beat() renews the elements of the set alive_n in the exported table, and its rules send
 * packets to the open queue only while they are there.
 *
 * Frames are Ethernet: the kernel knows the sender's MAC address, and the header is made up around
 * it; the receiver's is zero, the sender's too where there is none. Verdicts go back in batches: a
 * run of packets that pass is one message, packets that were changed or settled are one each, all
 * of one read in one system call and in order. Segments that the hardware is to split stay whole.
 *
 * SOURCE_SETTLE marks the packet with the generation of the policy (queue_generation()), the
 * exported rules keep that with the connection, and send it here no more as long as they are of the
 * same generation. Until queue_generation() is called, and after 0, nothing is settled.
 *
 * Lost packets are counted by the gaps in the kernel's numbers: in the open queue they have passed
 * unseen, in the closed one they are dropped.
 */
#ifndef KIDOBAN_CAPTURE_QUEUE_H
#define KIDOBAN_CAPTURE_QUEUE_H

#include "capture/source.h"

#include <stddef.h>

struct queue_config {
	uint16_t number; /* of the first worker's first queue */
	unsigned workers, worker;
	uint32_t length;    /* packets the kernel keeps per queue, the open one by their bytes, 2048
			       for each; 0: 4096 */
	uint32_t buffer;    /* bytes of the socket's receive buffer; 0: 2048 for each packet */
	const char *table;  /* the exported one; NULL: "kidoban" */
	int64_t alive_time; /* ns without beat() after which open conduits pass; 0: 500 ms */
};

/* NULL with a sentence in err. */
struct source *queue_open(const struct queue_config *cfg, char *err, size_t errlen);

/* Any thread: packets are judged by that policy from now on; see policy_nft_generation(). */
void queue_generation(struct source *s, uint16_t generation);

#endif
