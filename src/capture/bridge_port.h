/*
 * capture/bridge_port.h - one end of a bridge: a packet socket that hears and sends whole frames.
 *
 * Heard frames lie in a ring shared with the kernel (TPACKET_V2: each frame is announced as it
 * comes, and stays in its slot until it is given back). A slot holds a frame of the interface's
 * MTU; what is larger, segments that somebody merged, is fetched by recvmsg(2).
 *
 *      slot   | header | sockaddr_ll | pad | virtio_net_hdr | frame, without its outer VLAN tag
 *      given            virtio_net_hdr (copied out) ·   ^tag put back: 12 bytes of MAC move down by
 * 4
 *
 * (TPACKET_V3 announces blocks: a single frame would wait for its block's timer, a millisecond or
 * more.)
 *
 * Frames to be sent are gathered and handed to the kernel by one sendmmsg(2), with their offload
 * state; nothing is ever waited for. They go through the interface's queueing discipline, as those
 * of a Linux bridge do: passing it by (PACKET_QDISC_BYPASS) gained nothing measurable, and would
 * lose what the driver's own ring does not hold.
 *
 * Thread: its worker.
 */
#ifndef KIDOBAN_CAPTURE_BRIDGE_PORT_H
#define KIDOBAN_CAPTURE_BRIDGE_PORT_H

#include "capture/bridge_iface.h"

#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

#define PORT_BATCH 64 /* frames per system call at most */

/* Written by the worker alone, read by anybody. */
struct port_count {
	_Atomic uint64_t packets, bytes, sent, send_failed, unseen, cut, kernel_drops, overloads;
};

struct port {
	struct bridge_iface iface;
	int fd;
	int dev;   /* /proc/self/net/dev: what the interface lost; -1: not there */
	bool down; /* it was, and nothing was heard since */
	uint8_t *ring;
	size_t ring_size;
	uint32_t slot, per_block, block, slots; /* bytes, slots, bytes, slots */
	uint32_t next;				/* slot to be looked at */
	uint32_t taken;				/* slots before it that are not given back */
	uint8_t *large;				/* one frame that fits no slot */
	/* to be sent out of this port */
	struct virtio_net_hdr vnet[PORT_BATCH];
	struct iovec iov[PORT_BATCH][2];
	struct mmsghdr out[PORT_BATCH];
	unsigned outs;
	struct port_count count;
};

struct port_frame {
	uint8_t *data;
	uint32_t len;
	int64_t time; /* ns since 1970 UTC */
	struct virtio_net_hdr vnet;
	bool large;  /* data is lost with the next large one */
	bool losing; /* the ring was full lately, and frames were lost */
};

/* Hears nothing yet. False with a sentence in err. buffer: bytes of the ring. */
bool port_open(struct port *p, const struct bridge_iface *iface, uint32_t buffer, char *err,
	       size_t errlen);

/* Hears from now on. */
bool port_bind(struct port *p, char *err, size_t errlen);

/* The next frame, if one is there. Its bytes hold until port_release(). */
bool port_next(struct port *p, struct port_frame *f);

/* No frame waits, as far as is known: what is taken may hide some. */
bool port_is_empty(const struct port *p);

/* Gives all frames back. */
void port_release(struct port *p);

/* Gathers a frame; port_flush() sends all that are gathered. Room is for PORT_BATCH. */
void port_add(struct port *p, const struct port_frame *f);
void port_flush(struct port *p);

/* At once. */
bool port_send(struct port *p, const void *frame, uint32_t len);

/* poll(2) reported an error: the interface went down. */
void port_error(struct port *p);

/* Removed, and not only down. */
bool port_gone(const struct port *p);

uint64_t port_kernel_drops(struct port *p);
uint64_t port_interface_drops(const struct port *p);
bool port_up(const struct port *p);

/* Accepts one that failed to open, if it was zeroed before with fd -1. */
void port_close(struct port *p);

#endif
