/*
 * run/privileges.h - becoming somebody who can do little.
 *
 * After sources are opened: another user with the groups that he is in, only the capabilities the
 * sources need while running (mirror: CAP_NET_RAW, to open a port that comes back; bridge and
 * queue: CAP_NET_ADMIN too), no new privileges; and last a seccomp filter of the system calls that
 * the threads use from then on. What the filter forbids kills the process, and the kernel's log
 * says which call it was. With a response hook, which may be any program, the filter only forbids
 * what administrates the system.
 *
 * Thread: the main thread, before any other is started.
 */
#ifndef KIDOBAN_RUN_PRIVILEGES_H
#define KIDOBAN_RUN_PRIVILEGES_H

#include "run/config.h"

/* False with a sentence in err. As somebody who is not root it drops what there is. */
bool privileges_drop(const struct run_config *cfg, char *err, size_t errlen);

/* Last of all, for all threads there are. KIDOBAN_SECCOMP=log in the environment only logs; =off
 * none. */
bool privileges_seccomp(const struct run_config *cfg, char *err, size_t errlen);

#endif
