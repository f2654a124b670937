/*
 * capture/unpack.h - a stdio stream over a file that may be compressed.
 *
 * Looks at the first bytes, not at the name: gzip (also several members, RFC 1952 2.2) and zstd
 * (also several frames, RFC 8878 3.1) are unpacked as they are read, anything else is passed
 * through. Works on pipes: the bytes looked at are not lost.
 */
#ifndef KIDOBAN_CAPTURE_UNPACK_H
#define KIDOBAN_CAPTURE_UNPACK_H

#include <stdint.h>
#include <stdio.h>

struct unpack;

/*
 * Takes fd (closed by unpack_free). NULL when memory is out or the file is empty or unreadable;
 * *err then points to a static or strerror() text.
 */
struct unpack *unpack_new(int fd, const char **err);

/*
 * The stream to read from; once per unpack. The caller closes it, before unpack_free(). NULL when
 * memory is out.
 */
FILE *unpack_stream(struct unpack *u);

/* Why the compressed data ended early; NULL when it is sound so far. */
const char *unpack_error(const struct unpack *u);

/* Bytes taken from fd so far. */
uint64_t unpack_done(const struct unpack *u);

/* Accepts NULL. */
void unpack_free(struct unpack *u);

#endif
