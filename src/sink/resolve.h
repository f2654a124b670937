/*
 * sink/resolve.h - a host's addresses, without waiting for them.
 *
 * A name may take a resolver half a minute. A thread asks for it and is not waited for: whoever is
 * last, the thread or the one who asked, frees what they share. A literal address is known at once.
 */
#ifndef KIDOBAN_SINK_RESOLVE_H
#define KIDOBAN_SINK_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_MAX 4 /* addresses that are tried */

struct resolve;

/* NULL when memory is out or there can be no thread. */
struct resolve *resolve_begin(const char *host, uint16_t port);

/* False: not known yet. */
bool resolve_done(const struct resolve *r);

/* After that; how many addresses there are. 0: none, *why says why. */
unsigned resolve_count(const struct resolve *r, const char **why);
const struct sockaddr *resolve_at(const struct resolve *r, unsigned n, socklen_t *len);

/* Accepts NULL. */
void resolve_end(struct resolve *r);

#endif
