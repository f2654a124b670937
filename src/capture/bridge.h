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
 * It stands in for a worker that cannot keep up, too, rather than that frames of every conduit are
 * lost: when the ring has not been empty for 50 ms and overflows, or its oldest frame was older
 * than 50 ms for 200 ms, the elements are withdrawn at once, for a second (twice as long if it
 * happens again soon, up to 8 s) and until all workers have caught up. What had come before is
 * still judged and sent, if it is not older than a second; what the kernel passes is counted
 * (unseen), and not handed out, for it would take the time that is missing.
 *
 * So a wire is there before kidoban starts and after it dies; frames that the kernel has passed in
 * the meantime are not sent a second time. On an orderly end the wire stays in the kernel
 * (when_stopped open) or is cut (closed).
 *
 * Frames come with their offload state (PACKET_VNET_HDR): segments to be split and checksums to be
 * completed by hardware go on as they came. Receive merging is switched off (bridge_iface.h).
 *
 * What it does not do: the loss of one side's carrier is not shown to the other side. Frames that
 * are longer than the MTU with one 802.1Q tag are refused by the kernel (send_failed): where full
 * frames carry an 802.1ad tag or two tags, both interfaces want an MTU of 8 bytes more.
 */
#ifndef KIDOBAN_CAPTURE_BRIDGE_H
#define KIDOBAN_CAPTURE_BRIDGE_H

#include "capture/source.h"

#include <stddef.h>

struct bridge_config {
	const char *iface[2];
	/* Ruleset of the table kidoban_wire_A, loaded before anything else; see policy/nft.h. It
	 * may be replaced later by bridge_wire(). The table of before is deleted in the same
	 * transaction. Its chains' policy is accept and their last rule decides: for a moment the
	 * new chains are there without their rules, beside the old ones, and a policy of drop
	 * would cut the wire. NULL: everything is forwarded. */
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
