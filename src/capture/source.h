/*
 * capture/source.h - where live frames come from, and whether they go on.
 *
 * Three sources stand behind these few calls:
 *
 *   mirror   libpcap on a mirror port (capture/live.h). Never transmits, decides nothing.
 *   bridge   two interfaces joined by kidoban (capture/bridge.h). Every frame passes the handler.
 *   queue    a netfilter queue (capture/queue.h). The kernel waits for the verdict.
 *
 * One worker owns one source, of which several may share the same interfaces: frames between the
 * same two addresses always come to the same one, in order.
 *
 * A frame's bytes are valid during the handler's call only. An inline source lets the handler
 * change them in place; the length never changes.
 *
 * Thread: the worker that owns it, but for beat(), stats() and wake().
 */
#ifndef KIDOBAN_CAPTURE_SOURCE_H
#define KIDOBAN_CAPTURE_SOURCE_H

#include "capture/pcap_file.h"

#include <stdbool.h>

#define SOURCE_IFACES_MAX 16
#define SOURCE_IFACE_LEN  16 /* as IFNAMSIZ */

enum source_do {
	SOURCE_PASS,
	SOURCE_DROP,
	SOURCE_SETTLE /* pass, and the rest of this connection needs no verdict: the kernel may let
			 it through by itself where the source can tell it so */
};

struct source_frame {
	struct raw_packet raw; /* raw.file: number of the interface, from 0 */
	uint8_t *data;	       /* raw.data, to be changed in place; NULL: of a mirror */
	bool checksum_partial; /* TCP and UDP checksums are still to be completed by hardware: they
				  hold the sum of the pseudo header, and stay as they are */
	bool fail_open; /* queue: it came in by the queue whose packets pass when nobody decides */
};

struct source_handler {
	enum source_do (*frame)(void *user, struct source_frame *f);
	void *user;
};

/* Of one interface or queue; totals since the start. */
struct source_stats {
	char iface[SOURCE_IFACE_LEN];
	uint64_t packets, bytes;  /* handed to the handler */
	uint64_t kernel_drops;	  /* lost because kidoban was too slow */
	uint64_t interface_drops; /* lost by the interface or its driver */
	uint64_t sent;		  /* passed on, and own frames */
	uint64_t send_failed;	  /* could not be passed on: the interface is down or full */
	uint64_t unseen;    /* passed by the kernel without kidoban's look, as far as it tells */
	uint64_t overloads; /* bridge: how often it was left to the kernel, being too much */
	uint64_t in[2]; /* mirror: TCP segments with ACK whose two hosts were both heard [0], or one
			   only [1]; of all its interfaces together, with the first */
	bool up;	/* has a carrier; a queue: is bound */
};

struct source;

struct source_ops {
	/*
	 * Waits up to timeout_ms for frames, hands those at hand to the handler (a bounded batch)
	 * and sends on what passes. Returns how many; -1 when the source is broken, *_error says
	 * how. An interface that goes down is not broken: it comes back.
	 */
	int (*run)(struct source *s, int timeout_ms, const struct source_handler *h);
	/*
	 * Sends a frame of our own out of the interface of that number (queue: a packet without
	 * link header, routed by the kernel). False when it could not. NULL: a mirror.
	 */
	bool (*send)(struct source *s, unsigned iface, const void *frame, uint32_t len);
	/*
	 * Any thread, about every 100 ms, as long as the worker makes progress: whoever stands in
	 * when kidoban does not decide (the kernel) sees by it that it does. NULL: nobody stands
	 * in.
	 */
	void (*beat)(struct source *s);
	/* Any thread. Fills at most max, one per interface; returns how many there are. */
	unsigned (*stats)(struct source *s, struct source_stats *out, unsigned max);
	const char *(*error)(const struct source *s);
	void (*close)(struct source *s);
	/*
	 * The worker is about to end: from now on whoever stands in decides. What came before is
	 * still handed out by run(), until it returns 0. NULL: nobody stands in.
	 */
	void (*aside)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	int linktype;	 /* DLT_ of its frames */
	unsigned ifaces; /* how many */
};

#endif
