/*
 * run/control_impl.h - what the files of the control socket share.
 *
 *   control.c         connections: lines in, lines out, who is cut off
 *   control_peer.c    who asks, and whether he may
 *   control_do.c      requests that change something
 *   control_status.c  requests that only look
 *
 * Private to run/. Thread: the main thread.
 */
#ifndef KIDOBAN_RUN_CONTROL_IMPL_H
#define KIDOBAN_RUN_CONTROL_IMPL_H

#include "run/answer.h"
#include "run/control.h"

#include <sys/types.h>

/* The program at the other end, as the kernel knows it. */
struct peer {
	uid_t uid;
	pid_t pid;
	bool trusted;	/* may change things */
	char name[160]; /* "tanaka", "root (login tanaka)", "uid 1234" */
};

/* group: whose members are trusted, (gid_t)-1: nobody's. False when the kernel does not say. */
bool peer_of(int fd, gid_t group, struct peer *p);

/* What the request makes of the service; the answer, which is never NULL but when memory is out. */
json_t *control_do(struct service *s, const struct peer *who, const json_t *request);

/* Somebody asked for what he may not: for the audit log, and the answer. */
json_t *control_refused(struct service *s, const struct peer *who, const char *what, bool log);

/* True when it only looks. */
bool control_only_looks(const char *what);

/* {"ok":false,"error":...} */
__attribute__((format(printf, 1, 2))) json_t *control_error(const char *fmt, ...);

/* The clocks that people there look at. */
const struct tz *control_tz(const struct service *s);

json_t *control_status(struct service *s);
json_t *control_stats(struct service *s);
json_t *control_assets(struct service *s);

#endif
