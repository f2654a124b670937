/*
 * capture/queue.h - packets the kernel asks about: netfilter queues.
 *
 * The rules that send packets here are not made here: `kidoban export nftables --inspect queue` (or
 * `mark`, with two iptables rules) writes them. Each worker has two queues, one for conduits that
 * fail open and one for those that fail closed:
 *
 *   queue 2n      worker n, fail open:   rules with bypass, the socket with NFQA_CFG_F_FAIL_OPEN:
 *                 without kidoban, or when it cannot keep up, packets pass
 *   queue 2n + 1  worker n, fail closed: they do not
 *
 * Packets come without link header (DLT_RAW) but for the sender's MAC address where the kernel has
 * it. Verdicts go back in batches, changed packets one by one. SOURCE_SETTLE sets the connection's
 * mark, and the exported rules no longer send it here.
 */
#ifndef KIDOBAN_CAPTURE_QUEUE_H
#define KIDOBAN_CAPTURE_QUEUE_H

#include "capture/source.h"

#include <stddef.h>

struct queue_config {
	uint16_t number; /* of the first worker's first queue */
	unsigned workers, worker;
	uint32_t length; /* packets the kernel keeps per queue; 0: 4096 */
	uint32_t buffer; /* bytes of the socket's receive buffer; 0: 8 MiB */
};

/* NULL with a sentence in err. */
struct source *queue_open(const struct queue_config *cfg, char *err, size_t errlen);

#endif
