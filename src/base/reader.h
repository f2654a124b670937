/*
 * base/reader.h - the checked cursor: the only way bytes from the wire are read.
 *
 * A reader walks a slice. Reading past the end yields zero, moves to the end and sets a sticky
 * error, so a dissector reads all fields of a PDU in the order of the standard and asks once,
 * at the end, whether they were all there: rd_ok().
 *
 * What it is not: it owns nothing, allocates nothing and never looks outside [p, p + len).
 * Thread: any; a reader lives on the stack of its user.
 */
#ifndef KIDOBAN_BASE_READER_H
#define KIDOBAN_BASE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else. */
struct slice {
	const uint8_t *p; /* first byte; may be NULL when len is 0 */
	uint32_t len;	  /* bytes */
};

struct reader {
	const uint8_t *p; /* start of the slice */
	uint32_t len;	  /* bytes in the slice */
	uint32_t off;	  /* bytes read so far, <= len */
	bool bad;	  /* something was read past the end; never cleared */
};

static inline struct slice slice_of(const void *p, uint32_t len)
{
	return (struct slice){p, len};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline struct reader rd_init(const void *p, uint32_t len)
{
	return (struct reader){.p = p, .len = len};
}

static inline struct reader rd_of(struct slice s)
{
	return rd_init(s.p, s.len);
}

/* True while every read so far was inside the slice. */
static inline bool rd_ok(const struct reader *r)
{
	return !r->bad;
}

/* Bytes left to read. */
static inline uint32_t rd_left(const struct reader *r)
{
	return r->len - r->off;
}

/* The next n bytes, or NULL with the error set. n == 0 gives a valid pointer or NULL. */
static inline const uint8_t *rd_take(struct reader *r, uint32_t n)
{
	const uint8_t *p;

	if (r->bad || n > r->len - r->off) {
		r->bad = true;
		r->off = r->len;
		return NULL;
	}
	p = r->p ? r->p + r->off : NULL;
	r->off += n;
	return p;
}

static inline void rd_skip(struct reader *r, uint32_t n)
{
	(void)rd_take(r, n);
}

/* The next n bytes as a slice; empty with the error set when they are not there. */
static inline struct slice rd_slice(struct reader *r, uint32_t n)
{
	const uint8_t *p = rd_take(r, n);

	return p ? slice_of(p, n) : slice_of(NULL, 0);
}

/* All that is left. */
static inline struct slice rd_rest(struct reader *r)
{
	return rd_slice(r, rd_left(r));
}

static inline uint8_t rd_u8(struct reader *r)
{
	const uint8_t *p = rd_take(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t rd_be16(struct reader *r)
{
	const uint8_t *p = rd_take(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t rd_be24(struct reader *r)
{
	const uint8_t *p = rd_take(r, 3);

	return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t rd_be32(struct reader *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t rd_be64(struct reader *r)
{
	uint64_t hi = rd_be32(r);

	return hi << 32 | rd_be32(r);
}

static inline uint16_t rd_le16(struct reader *r)
{
	const uint8_t *p = rd_take(r, 2);

	return p ? (uint16_t)(p[1] << 8 | p[0]) : 0;
}

static inline uint32_t rd_le32(struct reader *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0] : 0;
}

static inline uint64_t rd_le64(struct reader *r)
{
	uint64_t lo = rd_le32(r);

	return (uint64_t)rd_le32(r) << 32 | lo;
}

#endif
