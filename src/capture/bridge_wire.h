/*
 * capture/bridge_wire.h - the kernel as kidoban's stand-in on a bridge.
 *
 * Two tables of nftables, see bridge.h: the wire, which stays, and the live table, which is there
 * as long as this process is and drops as long as all workers beat. One object per pair of
 * interfaces, shared by the workers of the process.
 *
 * Who has passed a frame, the kernel or kidoban? The live table drops from the moment a beat is
 * committed until its element's time is over. Both moments are known to within the duration of a
 * system call; frames of these are taken as passed by the kernel, for a frame that comes twice may
 * be worse than one that does not.
 *
 * Times are CLOCK_MONOTONIC in ns, so that a clock that is set does not matter.
 *
 * Thread: any; wire_passed() takes no lock.
 */
#ifndef KIDOBAN_CAPTURE_BRIDGE_WIRE_H
#define KIDOBAN_CAPTURE_BRIDGE_WIRE_H

#include "capture/bridge.h"

#include <stdint.h>

struct wire;

/* The wire is in the kernel when this returns. NULL with a sentence in err. */
struct wire *wire_join(const struct bridge_config *cfg, char *err, size_t errlen);

/* Makes the live table, which does not drop yet; the last of the workers to join does it, once its
 * sockets hear. A process that is killed closes what it opened last first, and a packet socket
 * takes the kernel some 25 ms: so the table goes at once, and the wire passes frames again. */
bool wire_live(struct wire *w, char *err, size_t errlen);

/* That worker makes progress. Once all do, the kernel drops from now on, for the timeout. */
void wire_beat(struct wire *w, unsigned worker);

/* The kernel stands in from now, for good. */
void wire_aside(struct wire *w);

/*
 * A worker cannot keep up: the kernel stands in from now for a while, and until all workers have
 * caught up. A second at first; twice as long each time it happens again soon, up to 8 s. True if
 * it was this call that did it.
 */
bool wire_overload(struct wire *w);

/* From wire_overload() until the kernel drops again. */
bool wire_is_away(const struct wire *w);

/* That worker has nothing waiting any more. */
void wire_caught_up(struct wire *w, unsigned worker);

bool wire_replace(struct wire *w, const char *ruleset, char *err, size_t errlen);

int64_t wire_now(void);

/* Has the kernel passed a frame that came at that time? */
bool wire_passed(const struct wire *w, int64_t now, int64_t time);

/* The last one takes the live table away. On an orderly end it also cuts the wire when it is to be
 * cut. Accepts NULL. */
void wire_leave(struct wire *w, bool orderly);

#endif
