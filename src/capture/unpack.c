#include "capture/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_SIZE  (256u << 10) /* bytes of the file held at once */
#define STREAM_SIZE (64u << 10)	 /* bytes the stream holds at once */

struct unpack {
	int fd;
	bool eof;		     /* read() said so */
	uint64_t done;		     /* bytes read from fd */
	size_t off, len;	     /* bytes of in[] given out, bytes in it */
	const char *error;	     /* static, or from strerror() */
	bool between;		     /* compressed data may end here */
	z_stream z;		     /* gzip only */
	ZSTD_DStream *zstd;	     /* zstd only, else NULL */
	const struct coding *coding; /* how the bytes are packed */
	uint8_t in[INPUT_SIZE];	     /* bytes as they are in the file */
	char stream[STREAM_SIZE];    /* the stream's own buffer */
};

struct coding {
	size_t magic_len;
	uint8_t magic[4];
	bool (*start)(struct unpack *u);
	ssize_t (*read)(void *cookie, char *buf, size_t size); /* for fopencookie() */
	void (*stop)(struct unpack *u);
};

/* Fills in[] when all of it is used. False at the end and on errors. */
static bool refill(struct unpack *u)
{
	ssize_t n;

	if (u->off < u->len)
		return true;
	if (u->eof || u->error)
		return false;
	n = read(u->fd, u->in, INPUT_SIZE); /* EINTR: the program is asked to stop, so it ends */
	if (n < 0)
		u->error = strerror(errno);
	if (n == 0)
		u->eof = true;
	u->off = 0;
	u->len = n > 0 ? (size_t)n : 0;
	u->done += u->len;
	return n > 0;
}

/* What a read that got nothing says to stdio: the end, or an error that unpack_error() explains. */
static ssize_t nothing(struct unpack *u, const char *cut)
{
	if (!u->error && !u->between)
		u->error = cut;
	if (!u->error)
		return 0;
	errno = EIO;
	return -1;
}

static bool plain_start(struct unpack *u)
{
	u->between = true;
	return true;
}

static ssize_t plain_read(void *cookie, char *buf, size_t size)
{
	struct unpack *u = cookie;
	size_t n;

	if (!refill(u))
		return nothing(u, NULL);
	n = u->len - u->off < size ? u->len - u->off : size;
	memcpy(buf, u->in + u->off, n);
	u->off += n;
	return (ssize_t)n;
}

static void plain_stop(struct unpack *u)
{
	(void)u;
}

static bool gzip_start(struct unpack *u)
{
	return inflateInit2(&u->z, 15 + 16) == Z_OK; /* largest window, gzip header */
}

static ssize_t gzip_read(void *cookie, char *buf, size_t size)
{
	struct unpack *u = cookie;
	size_t got = 0;
	int rc;

	while (!got && !u->error && refill(u)) {
		if (u->between) { /* another member follows */
			inflateReset(&u->z);
			u->between = false;
		}
		u->z.next_in = u->in + u->off;
		u->z.avail_in = (uInt)(u->len - u->off);
		u->z.next_out = (Bytef *)buf;
		u->z.avail_out = (uInt)size;
		rc = inflate(&u->z, Z_NO_FLUSH);
		u->off = u->len - u->z.avail_in;
		got = size - u->z.avail_out;
		if (rc == Z_STREAM_END)
			u->between = true;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			u->error = "the gzip data is damaged";
	}
	return got ? (ssize_t)got : nothing(u, "the gzip data is cut short");
}

static void gzip_stop(struct unpack *u)
{
	inflateEnd(&u->z);
}

static bool zstd_start(struct unpack *u)
{
	u->zstd = ZSTD_createDStream();
	return u->zstd != NULL;
}

static ssize_t zstd_read(void *cookie, char *buf, size_t size)
{
	struct unpack *u = cookie;
	ZSTD_outBuffer out = {buf, size, 0};
	size_t rc;

	/* Output may wait inside the decoder when there is no input left. */
	while (!out.pos && !u->error && (refill(u) || (!u->error && !u->between))) {
		ZSTD_inBuffer in = {u->in + u->off, u->len - u->off, 0};

		rc = ZSTD_decompressStream(u->zstd, &out, &in);
		u->off += in.pos;
		u->between = rc == 0;
		if (ZSTD_isError(rc))
			u->error = "the zstd data is damaged";
		if (!in.pos && !out.pos)
			break;
	}
	return out.pos ? (ssize_t)out.pos : nothing(u, "the zstd data is cut short");
}

static void zstd_stop(struct unpack *u)
{
	ZSTD_freeDStream(u->zstd);
}

static const struct coding codings[] = {
	{2, {0x1f, 0x8b}, gzip_start, gzip_read, gzip_stop},		 /* RFC 1952 2.3.1 */
	{4, {0x28, 0xb5, 0x2f, 0xfd}, zstd_start, zstd_read, zstd_stop}, /* RFC 8878 3.1.1 */
	{0, {0}, plain_start, plain_read, plain_stop},			 /* anything else */
};

/* Reads at least the four bytes that tell the codings apart, if there are so many. */
static void peek(struct unpack *u)
{
	ssize_t n;

	while (u->len < 4) {
		n = read(u->fd, u->in + u->len, INPUT_SIZE - u->len);
		if (n < 0)
			u->error = strerror(errno);
		if (n <= 0)
			break;
		u->len += (size_t)n;
		u->done += (uint64_t)n;
	}
}

struct unpack *unpack_new(int fd, const char **err)
{
	struct unpack *u = malloc(sizeof(*u));
	const struct coding *c = codings;

	*err = "out of memory";
	if (!u) {
		close(fd);
		return NULL;
	}
	memset(u, 0, offsetof(struct unpack, in));
	u->fd = fd;
	peek(u);
	if (u->error || !u->len) {
		*err = u->error ? u->error : "the file is empty";
		unpack_free(u);
		return NULL;
	}
	while (u->len < c->magic_len || memcmp(u->in, c->magic, c->magic_len) != 0)
		c++;
	if (!c->start(u)) {
		unpack_free(u);
		return NULL;
	}
	u->coding = c;
	return u;
}

FILE *unpack_stream(struct unpack *u)
{
	cookie_io_functions_t io = {.read = u->coding->read};
	FILE *fp = NULL;
	int fd;

	/* A plain file needs no copy through us: go back and let stdio read it itself. */
	if (!u->coding->magic_len && lseek(u->fd, -(off_t)u->len, SEEK_CUR) >= 0) {
		fd = dup(u->fd);
		fp = fd < 0 ? NULL : fdopen(fd, "rb");
		if (!fp && fd >= 0)
			close(fd);
	} else {
		fp = fopencookie(u, "rb", io);
	}
	if (fp)
		setvbuf(fp, u->stream, _IOFBF, STREAM_SIZE); /* glibc heeds no size without it */
	return fp;
}

const char *unpack_error(const struct unpack *u)
{
	return u->error;
}

uint64_t unpack_done(const struct unpack *u)
{
	off_t at;

	if (u->coding->magic_len)
		return u->done;
	at = lseek(u->fd, 0, SEEK_CUR); /* shared with the stream that dup() made */
	return at >= 0 ? (uint64_t)at : u->done;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	if (u->coding)
		u->coding->stop(u);
	close(u->fd);
	free(u);
}
