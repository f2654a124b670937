/*
 * capture/bridge.h - two interfaces joined by kidoban: a wire that looks.
 *
 * Frames of any kind go from one interface to the other, whole and unchanged unless the handler
 * says otherwise: LLDP, PROFINET, EtherCAT, STP, VLAN tags, jumbo frames. The interfaces have no
 * IP address and take part in nothing.
 *
 *      a ──> packet socket ──> handler ──> packet socket ──> b         kidoban lives
 *      a ──> kernel: what the policy cuts (fail: closed) ──> b         kidoban does not
 *
 * The kernel stands in whenever kidoban is not there. Two tables of nftables at the ingress of both
 * interfaces (behind the packet sockets, which see every frame first):
 *
 *   kidoban_wire_A   stays: fail-closed conduits cut, everything else `fwd` to the other side
 *   kidoban_live_A   drops what kidoban has taken over; owned by kidoban's own netlink socket, so
 *                    the kernel removes it when the process is gone (kill -9 too), and its rule
 *                    holds only as long as beat() renews an element with a timeout (SIGSTOP, a
 *                    worker that hangs)
 *
 * So a wire is there before kidoban starts and after it dies; frames that the kernel has passed in
 * the meantime are not sent a second time. On an orderly end the wire stays in the kernel
 * (when_stopped open) or is cut (closed).
 *
 * Frames come with their offload state (PACKET_VNET_HDR): segments to be split and checksums to be
 * completed by hardware go on as they came.
 */
#ifndef KIDOBAN_CAPTURE_BRIDGE_H
#define KIDOBAN_CAPTURE_BRIDGE_H

#include "capture/source.h"

#include <stddef.h>

struct bridge_config {
	const char *iface[2];
	/* Ruleset of the table kidoban_wire_A, loaded before anything else; see policy/nft.h. It
	 * may be replaced later by bridge_wire(). */
	const char *wire;
	bool when_stopped_open;
	uint32_t buffer;  /* bytes of the receive ring per interface and worker; 0: 32 MiB */
	unsigned workers; /* as in capture/live.h */
	unsigned worker;
	uint16_t group;
	int64_t beat_timeout; /* ns without beat() after which the kernel stands in; 0: 300 ms */
};

/* NULL with a sentence in err. The wire is in the kernel already when this fails later than there.
 */
struct source *bridge_open(const struct bridge_config *cfg, char *err, size_t errlen);

/* Another policy: what the kernel does from now on when it stands in. Any thread. */
bool bridge_wire(struct source *s, const char *wire, char *err, size_t errlen);

#endif
