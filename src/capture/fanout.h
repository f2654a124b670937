/*
 * capture/fanout.h - how the kernel spreads the frames of an interface over workers.
 *
 * A classic BPF program (PACKET_FANOUT_CBPF, packet(7)) says for each frame which member of the
 * group gets it: a hash of the two addresses that does not care which of them sends. So all that
 * two hosts say to each other, and the ARP between them, comes to one worker in order. VLAN tags
 * are no part of it: a conversation that is seen in two VLANs is still one.
 *
 *   IPv4, ARP    the two addresses of 32 bits         (RFC 791; RFC 826, IPv4 over Ethernet)
 *   IPv6         each address folded to 32 bits       (RFC 8200)
 *   all else     0: the first member
 *
 * What the program sees: the kernel has taken off the Ethernet header and the outermost VLAN tag
 * of a frame that came in; of one that goes out it has taken off nothing.
 */
#ifndef KIDOBAN_CAPTURE_FANOUT_H
#define KIDOBAN_CAPTURE_FANOUT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define FANOUT_PROGRAM_MAX 160

struct fanout_program {
	struct sock_filter insn[FANOUT_PROGRAM_MAX];
	unsigned short n; /* instructions used */
};

/* ethernet: frames have an Ethernet header; else the network header comes first. */
void fanout_program(struct fanout_program *p, bool ethernet);

/*
 * Members are numbered in the order in which they join, and several interfaces are only spread
 * alike when that order is the same on all. So a member waits until those before it are there;
 * the members of a group are threads of one process. Any thread.
 */
bool fanout_turn(uint16_t group, unsigned member);

/* Joins the packet socket to that group. False: errno says why. */
bool fanout_join(int fd, uint16_t group, bool ethernet);

/* The socket has been closed. */
void fanout_leave(uint16_t group);

#endif
