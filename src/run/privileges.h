/*
 * run/privileges.h - becoming somebody who can do little.
 *
 * After everything is opened: another user, no supplementary groups but those needed, only the
 * capabilities the sources need while running (mirror: none; bridge and queue: CAP_NET_ADMIN,
 * CAP_NET_RAW), no new privileges, and a seccomp filter of the system calls that the threads use
 * from then on. What the filter forbids kills the process, and the journal says which call it was.
 *
 * Thread: the main thread, before any other is started.
 */
#ifndef KIDOBAN_RUN_PRIVILEGES_H
#define KIDOBAN_RUN_PRIVILEGES_H

#include "run/config.h"

/* False with a sentence in err. As somebody who is not root it drops what there is. */
bool privileges_drop(const struct run_config *cfg, char *err, size_t errlen);

/* Last of all. KIDOBAN_SECCOMP=log in the environment only logs; =off none. */
bool privileges_seccomp(const struct run_config *cfg, char *err, size_t errlen);

#endif
