/*
 * capture/bridge_alive.h - the table that keeps the kernel from passing what kidoban has taken
 * over.
 *
 *      table netdev kidoban_live_A {
 *              flags owner                     gone as soon as our socket is, kill -9 or not
 *              set alive { type ifname; flags timeout; }
 *              chain a { type filter hook ingress device A priority -10; iifname @alive drop }
 *              chain b { ...                   device B            ...                       }
 *      }
 *
 * Spoken in netlink messages of our own, not in nft's language: the moment the kernel begins or
 * ceases to pass frames must be known as well as can be, and renewal, ten times a second beside the
 * packets, must cost next to nothing: one system call.
 *
 * Thread: one at a time.
 */
#ifndef KIDOBAN_CAPTURE_BRIDGE_ALIVE_H
#define KIDOBAN_CAPTURE_BRIDGE_ALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alive;

/* Makes the table; it drops nothing yet. NULL with a sentence in err. */
struct alive *alive_open(const char *table, const char *a, const char *b, char *err, size_t errlen);

/* From some moment between *before and *after (CLOCK_MONOTONIC, ns), the table drops for that many
 * milliseconds; 0: no longer. False: nothing has changed. */
bool alive_renew(struct alive *l, uint64_t ms, int64_t *before, int64_t *after);

/* Takes the table away. Accepts NULL. */
void alive_close(struct alive *l);

#endif
