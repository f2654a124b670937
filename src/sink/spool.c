#include "sink/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MARK	    0x6c6f7073u /* "spol" */
#define SEGMENTS    16		/* that a spool of full size has */
#define SEGMENT_MIN (256u * 1024)
#define RECORD_MAX  (64u * 1024)
#define SYNC_EVERY  INT64_C(1000000000) /* ns */

struct mark {
	uint32_t mark, len, crc; /* of the data */
};

/* What stands in the file "confirmed". */
struct confirmed {
	struct spool_place place;
	uint32_t crc; /* of what is before */
	uint32_t zero;
};

struct spool {
	char dir[PATH_MAX - 64];
	uint64_t max, segment_max; /* bytes */
	uint64_t bytes;		   /* on disk */
	uint64_t oldest;	   /* segment */
	struct spool_place confirmed, read, end;
	uint64_t waiting, unread; /* records behind confirmed, behind read */
	uint64_t damaged;
	int in, out; /* descriptors: segment of read; the last one. -1 */
	int kept;    /* descriptor of "confirmed" */
	bool dirty;  /* something was appended since the last sync */
	bool moved;  /* confirmed, since it was written */
	int64_t synced;
	char error[128];
};

static bool fail(struct spool *s, const char *what, int err)
{
	snprintf(s->error, sizeof(s->error), "spool: %s: %s", what, strerror(err));
	return false;
}

static const char *path_of(const struct spool *s, uint64_t segment, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%016" PRIx64 ".spool", s->dir, segment);
	return out;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static uint64_t size_of(const struct spool *s, uint64_t segment)
{
	char path[PATH_MAX];
	struct stat st;

	return stat(path_of(s, segment, path), &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* --- reading --- */

/* Length of the record at an offset, its data in buf when that is given; 0: there is none. */
static size_t record_at(int fd, uint64_t offset, void *buf)
{
	char own[4096];
	struct mark m;
	uint32_t crc = (uint32_t)crc32(0, NULL, 0);
	size_t done, n;

	if (pread(fd, &m, sizeof(m), (off_t)offset) != sizeof(m) || m.mark != MARK || !m.len ||
	    m.len > RECORD_MAX)
		return 0;
	offset += sizeof(m);
	if (buf) {
		if (pread(fd, buf, m.len, (off_t)offset) != (ssize_t)m.len)
			return 0;
		return (uint32_t)crc32(crc, buf, m.len) == m.crc ? m.len : 0;
	}
	for (done = 0; done < m.len; done += n) {
		n = m.len - done < sizeof(own) ? m.len - done : sizeof(own);
		if (pread(fd, own, n, (off_t)(offset + done)) != (ssize_t)n)
			return 0;
		crc = (uint32_t)crc32(crc, (unsigned char *)own, (unsigned)n);
	}
	return crc == m.crc ? m.len : 0;
}

static int open_segment(const struct spool *s, uint64_t segment, int flags)
{
	char path[PATH_MAX];

	return open(path_of(s, segment, path), flags | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static void next_segment(struct spool *s, struct spool_place *p)
{
	close_fd(&s->in);
	p->segment++;
	p->offset = 0;
}

static bool is_end(const struct spool *s)
{
	return s->read.segment > s->end.segment ||
	       (s->read.segment == s->end.segment && s->read.offset >= s->end.offset);
}

bool spool_read(struct spool *s, void *buf, size_t size, size_t *len, struct spool_place *after)
{
	char data[RECORD_MAX];
	size_t n;

	while (!is_end(s)) {
		if (s->in < 0)
			s->in = open_segment(s, s->read.segment, O_RDONLY);
		n = s->in < 0 ? 0 : record_at(s->in, s->read.offset, data);
		if (!n) {
			/* The end of a segment, or damage since the spool was opened. */
			if (s->in < 0 || s->read.offset < size_of(s, s->read.segment))
				s->damaged++;
			if (s->read.segment == s->end.segment) {
				s->read = s->end;
				break;
			}
			next_segment(s, &s->read);
			continue;
		}
		s->read.offset += sizeof(struct mark) + n;
		s->unread -= s->unread > 0;
		if (n > size) {
			s->damaged++;
			s->waiting -= s->waiting > 0;
			continue;
		}
		memcpy(buf, data, n);
		*len = n;
		*after = s->read;
		return true;
	}
	s->unread = 0;
	return false;
}

void spool_rewind(struct spool *s)
{
	close_fd(&s->in);
	s->read = s->confirmed;
	s->unread = s->waiting;
}

struct spool_place spool_read_all(struct spool *s)
{
	close_fd(&s->in);
	s->read = s->end;
	s->unread = 0;
	return s->end;
}

/* --- confirming --- */

static void remove_segment(struct spool *s, uint64_t segment)
{
	char path[PATH_MAX];
	uint64_t size = size_of(s, segment);

	if (unlink(path_of(s, segment, path)) == 0)
		s->bytes -= size < s->bytes ? size : s->bytes;
}

void spool_confirm(struct spool *s, const struct spool_place *at)
{
	s->confirmed = *at;
	s->waiting -= s->waiting > 0;
	s->moved = true;
	if (!s->waiting || (at->segment == s->end.segment && at->offset == s->end.offset)) {
		/* All has arrived: a new segment is begun, so that this one can go. */
		s->waiting = s->unread = 0;
		close_fd(&s->in);
		close_fd(&s->out);
		s->dirty = false;
		s->end = (struct spool_place){s->end.segment + (s->end.offset > 0), 0};
		s->read = s->confirmed = s->end;
	}
	while (s->oldest < s->confirmed.segment)
		remove_segment(s, s->oldest++);
}

static void write_confirmed(struct spool *s)
{
	struct confirmed c = {.place = s->confirmed};

	c.crc = (uint32_t)crc32(0, (const unsigned char *)&c, offsetof(struct confirmed, crc));
	if (s->kept >= 0 && pwrite(s->kept, &c, sizeof(c), 0) != sizeof(c))
		fail(s, "what was sent cannot be noted", errno);
	s->moved = false;
}

void spool_tick(struct spool *s, int64_t now)
{
	if (s->moved)
		write_confirmed(s);
	if (!s->dirty || now - s->synced < SYNC_EVERY)
		return;
	s->synced = now;
	s->dirty = false;
	if (s->out >= 0 && fdatasync(s->out) != 0)
		fail(s, "it cannot be brought to the disk", errno);
}

/* --- appending --- */

static bool begin_segment(struct spool *s)
{
	if (s->out >= 0 && s->end.offset >= s->segment_max) {
		if (s->dirty && fdatasync(s->out) != 0)
			fail(s, "it cannot be brought to the disk", errno);
		s->dirty = false;
		close_fd(&s->out);
		s->end = (struct spool_place){s->end.segment + 1, 0};
	}
	if (s->out < 0)
		s->out = open_segment(s, s->end.segment, O_WRONLY | O_CREAT);
	return s->out >= 0 || fail(s, "no segment can be made", errno);
}

bool spool_append(struct spool *s, const void *data, size_t len)
{
	struct mark m = {MARK, (uint32_t)len, (uint32_t)crc32(0, data, (unsigned)len)};
	char whole[sizeof(m) + RECORD_MAX];
	size_t n = sizeof(m) + len;
	ssize_t got;

	if (!len || len > RECORD_MAX)
		return fail(s, "a record of that size", EMSGSIZE);
	if (s->bytes + n > s->max)
		return fail(s, "full", ENOSPC);
	if (!begin_segment(s))
		return false;
	memcpy(whole, &m, sizeof(m));
	memcpy(whole + sizeof(m), data, len);
	got = pwrite(s->out, whole, n, (off_t)s->end.offset);
	if (got != (ssize_t)n) {
		int err = got < 0 ? errno : ENOSPC;

		/* What is half there is written over by the next record. */
		if (got > 0 && ftruncate(s->out, (off_t)s->end.offset) != 0)
			return fail(s, "it cannot be cut", errno);
		return fail(s, "it cannot be written", err);
	}
	s->end.offset += n;
	s->bytes += n;
	s->waiting++;
	s->unread++;
	s->dirty = true;
	return true;
}

/* --- opening what is there --- */

/* Numbers of the first and the last segment; false: there is none. */
static bool list(struct spool *s, uint64_t *first, uint64_t *last)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	bool any = false;

	*first = UINT64_MAX;
	*last = 0;
	while (d && (e = readdir(d))) {
		char *end;
		uint64_t n = strtoull(e->d_name, &end, 16);

		if (end != e->d_name + 16 || strcmp(end, ".spool") != 0)
			continue;
		any = true;
		*first = n < *first ? n : *first;
		*last = n > *last ? n : *last;
	}
	if (d)
		closedir(d);
	return any;
}

/* Counts the records of a segment from an offset. */
static void scan(struct spool *s, uint64_t segment, uint64_t from)
{
	int fd = open_segment(s, segment, O_RDONLY);
	uint64_t at = from, size = size_of(s, segment);
	size_t n;

	if (fd < 0)
		return;
	while (at < size && (n = record_at(fd, at, NULL))) {
		at += sizeof(struct mark) + n;
		s->waiting++;
	}
	close(fd);
	s->damaged += at < size;
}

static void resume(struct spool *s)
{
	struct confirmed c = {.zero = 0};
	uint64_t first, last, n;
	bool known = pread(s->kept, &c, sizeof(c), 0) == sizeof(c) &&
		     c.crc == (uint32_t)crc32(0, (const unsigned char *)&c,
					      offsetof(struct confirmed, crc));

	if (!list(s, &first, &last)) {
		s->end.segment = known ? c.place.segment + 1 : 1;
	} else {
		s->oldest = first;
		s->confirmed.segment = first;
		if (known && c.place.segment >= first && c.place.segment <= last)
			s->confirmed = c.place;
		for (n = first; n <= last; n++)
			s->bytes += size_of(s, n);
		for (n = s->confirmed.segment; n <= last; n++)
			scan(s, n, n == s->confirmed.segment ? s->confirmed.offset : 0);
		/* A new segment: what is torn at the end of the last one stays behind it. */
		s->end = (struct spool_place){last + 1, 0};
	}
	if (!s->waiting) {
		while (s->oldest && s->oldest < s->end.segment)
			remove_segment(s, s->oldest++);
		s->confirmed = s->end;
	}
	if (!s->oldest)
		s->oldest = s->end.segment;
	spool_rewind(s);
}

struct spool *spool_open(const char *dir, const char *name, uint64_t max, char *err, size_t errlen)
{
	struct spool *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];
	struct stat st;
	bool made;

	if (!s) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	s->in = s->out = s->kept = -1;
	s->max = max;
	s->segment_max = max / SEGMENTS > SEGMENT_MIN ? max / SEGMENTS : SEGMENT_MIN;
	snprintf(s->dir, sizeof(s->dir), "%s/%s", dir, name);
	snprintf(path, sizeof(path), "%s/confirmed", s->dir);
	made = mkdir(s->dir, 0750) == 0;
	if (made || errno == EEXIST)
		s->kept = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->kept < 0) {
		snprintf(err, errlen, "spool %s: %s", s->dir, strerror(errno));
		spool_close(s);
		return NULL;
	}
	/* Made by root for who will run: the owner of the directory above. */
	if (geteuid() == 0 && stat(dir, &st) == 0 && st.st_uid != 0 &&
	    ((made && chown(s->dir, st.st_uid, st.st_gid) != 0) ||
	     fchown(s->kept, st.st_uid, st.st_gid) != 0)) {
		snprintf(err, errlen, "spool %s: %s", s->dir, strerror(errno));
		spool_close(s);
		return NULL;
	}
	resume(s);
	return s;
}

const char *spool_error(const struct spool *s)
{
	return s->error;
}

uint64_t spool_unread(const struct spool *s)
{
	return s->unread;
}

uint64_t spool_waiting(const struct spool *s)
{
	return s->waiting;
}

uint64_t spool_damaged(const struct spool *s)
{
	return s->damaged;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->moved)
		write_confirmed(s);
	if (s->dirty && s->out >= 0)
		fdatasync(s->out);
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->kept);
	free(s);
}
