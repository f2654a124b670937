/*
 * run/response.h - resets and ICMP from aside: `response: {interface: NAME}`, for mirror ports.
 *
 * Off unless configured. What act wants sent for a mirror's worker leaves by this interface only,
 * which is never one that is mirrored. Frames are as the ends see each other, VLAN tags too, but
 * come from the MAC address of this interface: a switch that learned the address of a device at
 * this port would send that device's frames here.
 *
 * A mirror may show our own frames: they are to be taken for nobody else's.
 *
 * Thread: opened, looked at and closed by the main thread; sent by all workers.
 */
#ifndef KIDOBAN_RUN_RESPONSE_H
#define KIDOBAN_RUN_RESPONSE_H

#include "packet/packet.h"
#include "run/config.h"

struct response;

/* Before rights are given up. NULL with a sentence in err. */
struct response *response_open(const struct run_config *cfg, char *err, size_t errlen);

/* Never waits. */
bool response_send(struct response *r, const void *frame, uint32_t len);

/* Is this a reset or an ICMP error of ours? */
bool response_is_ours(const struct response *r, const struct packet *p);

/* Once a second: says on standard error when frames could not be sent, and when they can again. */
void response_look(struct response *r);

/* Accepts NULL. */
void response_close(struct response *r);

#endif
