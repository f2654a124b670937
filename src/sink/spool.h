/*
 * sink/spool.h - records on disk while an output does not take them, in order.
 *
 *      DIR/NAME/0000000000000007.spool    [ mark len crc data ] [ mark len crc data ] ...
 *      DIR/NAME/0000000000000008.spool        ^ confirmed   ^ read              appended ^
 *      DIR/NAME/confirmed                 segment and offset up to where records have arrived
 *
 * Records are only appended. A segment whose records have all arrived is deleted. After a restart
 * reading goes on at what was last confirmed, so what was sent and not yet confirmed is sent
 * again. A record that is torn (power loss in the middle of it), or anything else that is no
 * record, ends its segment: what is behind it is given up, and counted.
 *
 * On the disk: a kill loses nothing. fdatasync() is called once a second at most while something is
 * appended, and when a segment is full: a power loss costs a second.
 *
 * Thread: one, the writer of its output.
 */
#ifndef KIDOBAN_SINK_SPOOL_H
#define KIDOBAN_SINK_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

struct spool_place {
	uint64_t segment; /* number of the file */
	uint64_t offset;  /* bytes in it */
};

/* max: bytes on disk. Makes DIR/NAME; what is in it from before waits to be read. NULL with a
 * sentence in err. */
struct spool *spool_open(const char *dir, const char *name, uint64_t max, char *err, size_t errlen);

/* False when it is full or the disk does not take it; spool_error() says which. */
bool spool_append(struct spool *s, const void *data, size_t len);
const char *spool_error(const struct spool *s);

/* The oldest record not read yet, into buf; *after is the place behind it. False: there is none.
 * What is larger than size is skipped, and counted as damaged. */
bool spool_read(struct spool *s, void *buf, size_t size, size_t *len, struct spool_place *after);

/* Everything before that place has arrived. */
void spool_confirm(struct spool *s, const struct spool_place *at);

/* Reads again from what was last confirmed. */
void spool_rewind(struct spool *s);

/* Whatever is appended so far counts as read; returns the end. */
struct spool_place spool_read_all(struct spool *s);

/* Now and then: writes what was confirmed, and sees to the disk. now: ns, never stepped. */
void spool_tick(struct spool *s, int64_t now);

uint64_t spool_unread(const struct spool *s);  /* records */
uint64_t spool_waiting(const struct spool *s); /* records not confirmed */
uint64_t spool_damaged(const struct spool *s); /* places where records were given up */

/* Accepts NULL. The files stay. */
void spool_close(struct spool *s);

#endif
