/*
 * capture/live.h - a mirror port, through libpcap.
 *
 * Opens one or several interfaces (TPACKET_V3 behind libpcap; V2 where frames are wanted at once),
 * each with the same settings, and reads from all of them. Workers that open the same interfaces
 * with the same group share the frames by capture/fanout.h: all between the same two hosts comes to
 * one worker, frames without addresses to the first. Workers are opened in order, from 0.
 *
 * Frames of several interfaces come in the order of their time stamps, as a tap with an output for
 * each direction needs it (but for unsynchronised adapters, whose clocks tell nothing).
 *
 * It never transmits: libpcap is never asked to inject, and a test counts what leaves the
 * interface. What the kernel says there by itself (IPv6 autoconfiguration, ARP) is the
 * administrator's to switch off. VLAN tags that the kernel took off are put back by libpcap.
 *
 * An interface that is down, or goes away, is waited for: stats say `up` is false, and it is opened
 * again when it is back. Only when the right to do so (CAP_NET_RAW) was given up meanwhile is the
 * source broken; down and up again needs no right.
 */
#ifndef KIDOBAN_CAPTURE_LIVE_H
#define KIDOBAN_CAPTURE_LIVE_H

#include "capture/source.h"

#include <stddef.h>

enum live_timestamps { LIVE_TS_HOST, LIVE_TS_ADAPTER, LIVE_TS_ADAPTER_UNSYNCED };

struct live_config {
	const char *const *ifaces; /* NULL-ended */
	const char *filter;	   /* BPF in tcpdump's words; NULL: everything */
	uint32_t snaplen;	   /* bytes; 0: 65535 */
	uint32_t buffer;	   /* bytes per interface and worker; 0: 64 MiB */
	bool immediate;		   /* frame by frame, else block by block */
	bool promiscuous;
	enum live_timestamps timestamps; /* falls back to host, and says so in *notice */
	unsigned workers;		 /* how many share the interfaces */
	unsigned worker;		 /* which of them this is, from 0 */
	uint16_t group; /* the same for all that share, different for others on this machine: its
			   interfaces take the kernel's groups group * 16 to + 15, modulo 65536;
			   unused if workers is 1 */
};

/* NULL with a sentence in err, which names the interface and says what to do. notice gets a
 * sentence for each interface that is not as asked for, else "". */
struct source *live_open(const struct live_config *cfg, char *err, size_t errlen, char *notice,
			 size_t noticelen);

#endif
