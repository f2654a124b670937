/*
 * capture/live.h - a mirror port, through libpcap.
 *
 * Opens one or several interfaces (TPACKET_V3 behind libpcap), each with the same settings, and
 * reads from all of them. Workers that open the same interfaces with the same group share the
 * frames: the kernel spreads them by the pair of addresses (PACKET_FANOUT with a classic BPF
 * program that is symmetric and looks behind VLAN tags), so that a conversation and all others
 * between the same two hosts stay with one worker; frames without addresses go to the first.
 *
 * It never transmits: the socket is opened to read, libpcap is never asked to inject, and a test
 * counts what leaves the interface. VLAN tags that the kernel took off are put back by libpcap.
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
	uint16_t group; /* fanout group, the same for all that share; unused if 1 */
};

/* NULL with a sentence in err, which names the interface and says what to do. notice gets a
 * sentence when something is not as asked for, else "". */
struct source *live_open(const struct live_config *cfg, char *err, size_t errlen, char *notice,
			 size_t noticelen);

#endif
