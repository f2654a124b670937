/*
 * run/control.h - the socket by which people and scripts talk to the running service.
 *
 * A Unix stream socket. One request, one answer, each one line of JSON; then the service closes.
 *
 *   {"do":"status"}                                      anybody who may open the socket
 *   {"do":"reload"}                                      root, the service's own user, and members
 *   {"do":"grant","conduit":..,"for":..,"approver":..}   of control_group
 *   {"do":"quarantine","host":..,"for":..,"reason":..}
 *   ...
 *   -> {"ok":true, ...} or {"ok":false,"error":"one sentence"}
 *
 * Who asks is taken from the kernel (SO_PEERCRED, SO_PEERGROUPS), never from the request, and goes
 * into the audit log of the state. A client that says nothing is cut off after two seconds and
 * holds up nobody.
 *
 * Thread: the main thread, from its epoll loop.
 */
#ifndef KIDOBAN_RUN_CONTROL_H
#define KIDOBAN_RUN_CONTROL_H

#include "run/service.h"

struct control;

/* NULL with a sentence in err. */
struct control *control_new(struct service *s, const char *path, const char *group, char *err,
			    size_t errlen);

/* An epoll descriptor that is readable when control_work() has something to do. */
int control_fd(const struct control *c);
void control_work(struct control *c);

/* Removes the socket. Accepts NULL. */
void control_free(struct control *c);

#endif
