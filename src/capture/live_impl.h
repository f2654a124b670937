/*
 * capture/live_impl.h - what the files of the mirror port share.
 *
 *   live.c       the source: frames, their order, what is looked after
 *   live_port.c  one interface: opened as configured, lost, its losses counted
 */
#ifndef KIDOBAN_CAPTURE_LIVE_IMPL_H
#define KIDOBAN_CAPTURE_LIVE_IMPL_H

#include "capture/live.h"
#include "capture/ways.h"

#include <pcap/pcap.h>
#include <stdatomic.h>
#include <time.h>

#define NS_PER_S   INT64_C(1000000000)
#define NS_PER_MS  INT64_C(1000000)
#define BLOCK_MS   10		     /* a block that is not full is handed over after this */
#define BACKOFF_NS (500 * NS_PER_MS) /* to the second try to open an interface */

/* What other threads may read: written by the worker only. */
struct live_shown {
	_Atomic uint64_t packets, bytes, kernel_drops, interface_drops;
	_Atomic bool up;
};

struct live_port {
	struct live *live;
	char name[SOURCE_IFACE_LEN];
	uint16_t number;
	pcap_t *pcap;	      /* NULL: waits until it is back */
	int fd;		      /* poll() on it */
	unsigned index;	      /* of the interface that was opened: another one may get its name */
	int linktype;	      /* DLT_ */
	int64_t since;	      /* ns, its time: older frames went to another worker as well */
	int64_t retry, pause; /* ns, monotonic: when to try again, and how long to wait then */
	bool joined;	      /* is in the fanout group */
	struct pcap_pkthdr *head; /* of several interfaces: the frame that waits for its turn */
	const u_char *data;	  /* its bytes; NULL: none waits */
	bool dry;		  /* no more was there, this time around */
	uint64_t packets, bytes;
	uint32_t drops, ifdrops; /* as pcap_stats() said last */
	struct live_shown shown;
};

struct live {
	struct source source;
	struct live_config cfg; /* its strings: filter is a copy, ifaces is not kept */
	struct live_port port[SOURCE_IFACES_MAX];
	unsigned ports;
	int control;  /* socket to ask about interfaces */
	int64_t look; /* ns, monotonic: when to look at them next */
	const struct source_handler *handler;
	struct ways ways;
	_Atomic uint64_t in[2];
	char error[256];
};

/* How an attempt to open an interface ended. */
enum opened { OPENED, OPENED_DOWN, OPENED_EARLY, OPENED_GONE, OPENED_FORBIDDEN, OPENED_FAILED };

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec t = {0, 0};

	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* The number of the interface with that name, 0 if there is none; *up: it has a carrier. */
unsigned live_port_look(const struct live *l, const char *name, bool *up);

/* err gets a sentence unless it is OPENED, notice one when something is not as asked for. */
enum opened live_port_open(struct live_port *p, char *err, size_t errlen, char *notice,
			   size_t noticelen);

/* Is the filter right for an interface that is not there yet? As if it were Ethernet. */
bool live_port_try_filter(const struct live *l, const char *name, char *err, size_t errlen);

/* Adds what was lost since the last time to what is shown. */
void live_port_count_drops(struct live_port *p);

/* It is gone: closed, and tried again from then on. now: ns, monotonic. */
void live_port_lost(struct live_port *p, int64_t now);

/* Closes what was opened, or half opened. */
void live_port_close(struct live_port *p, pcap_t *pcap);

#endif
