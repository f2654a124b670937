/*
 * capture/bridge_iface.h - makes an interface one end of a wire.
 *
 * An end of a wire takes part in nothing: it has no address, asks nobody for one, answers no ARP,
 * belongs to no bridge or bond, hears every frame. What is set here stays when kidoban ends, for
 * the kernel stands in with the same interfaces: promiscuous, up, ARP off, no IPv6 address of its
 * own making. Merging of received segments (GRO, LRO) is switched off where the interface can do
 * it: frames then come as they were on the wire, one by one and at once, and what merging cannot
 * take apart again (tunnels) stays whole.
 *
 * Everything goes by rtnetlink and ioctl with CAP_NET_ADMIN alone; /proc/sys may be read-only.
 */
#ifndef KIDOBAN_CAPTURE_BRIDGE_IFACE_H
#define KIDOBAN_CAPTURE_BRIDGE_IFACE_H

#include <stdbool.h>
#include <stddef.h>

struct bridge_iface {
	const char *name;
	int index; /* of the kernel */
	int mtu;   /* bytes behind the Ethernet header */
};

/* Looks, and changes nothing. False with a sentence in err: it cannot be the end of a wire. */
bool bridge_iface_look(const char *name, struct bridge_iface *out, char *err, size_t errlen);

/* Makes it one. */
bool bridge_iface_take(const struct bridge_iface *i, char *err, size_t errlen);

#endif
