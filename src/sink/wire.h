/*
 * sink/wire.h - the last step of an output: bytes to a file, a socket, a journal.
 *
 * No call waits for the other end: what would have to wait is told as WIRE_BUSY or WIRE_COMING, and
 * the writer (writer.h) polls fd for want. A wire keeps at most WIRE_BUFFER bytes itself.
 *
 *   offered   bytes of records taken since the wire came up
 *   heard     how many of them are known to have arrived: a file has them, the other end's TCP has
 *             acknowledged them. The writer keeps the rest, and offers it again after a break
 */
#ifndef KIDOBAN_SINK_WIRE_H
#define KIDOBAN_SINK_WIRE_H

#include "sink/outputs.h"

#include <stddef.h>

#define WIRE_BUFFER 65536 /* bytes */
#define WIRE_RECORD 32768 /* the longest record, bytes */

enum wire_state {
	WIRE_DOWN,   /* error says why */
	WIRE_COMING, /* on its way up */
	WIRE_BUSY,   /* up, and does not take more now */
	WIRE_UP
};

struct wire;

struct wire_ops {
	/* Begins to come up. */
	enum wire_state (*open)(struct wire *w);
	/* Goes on with that; also when a time was waited for. May be NULL. */
	enum wire_state (*come)(struct wire *w);
	/* Writes of the buffer what fits. */
	enum wire_state (*push)(struct wire *w);
	/* Sets heard. */
	void (*hear)(struct wire *w);
	/* Is the other end still there? Called when it has said something, and now and then. May be
	 * NULL. */
	enum wire_state (*look)(struct wire *w);
	/* Files: anew, by their name. False: it goes on with the old one, error says why. May be
	 * NULL. */
	bool (*reopen)(struct wire *w);
	void (*close)(struct wire *w); /* accepts one that is down */
	void (*free)(struct wire *w);
};

struct wire {
	const struct wire_ops *ops;
	const struct output_config *cfg;
	int fd;		 /* -1: none */
	short want;	 /* poll() events it waits for */
	int64_t wake;	 /* ns, never stepped: look again then; 0 */
	bool one_by_one; /* each record is a message of its own */
	bool counted;	 /* "LEN " before each record: octet counting, RFC 6587 section 3.4.1 */
	uint64_t offered, heard; /* bytes */
	size_t used;		 /* bytes waiting in buffer */
	char error[128];
	char buffer[WIRE_BUFFER];
};

/* Takes a record whole, or not at all: false when the buffer has no room now. */
bool wire_take(struct wire *w, const char *data, size_t len);

/* n bytes of the buffer have gone out. */
void wire_gone(struct wire *w, size_t n);

/* "what: reason of errno". Returns WIRE_DOWN. */
enum wire_state wire_fail(struct wire *w, const char *what, int err);

/* NULL with a sentence in err. File: opened now. */
struct wire *wire_file_new(const struct output_config *cfg, char *err, size_t errlen);

#endif
