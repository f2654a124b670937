/*
 * A file that grows, or standard output.
 *
 * A line is in the file whole or not at all: when the disk is full in the middle of one, its
 * beginning is cut off again. Rotation, by size: PATH becomes PATH.1, PATH.1 becomes PATH.2, and so
 * on up to rotate_keep; nothing is compressed. By others: they move PATH away and ask for a new one
 * (outputs_reopen()).
 *
 * A file made by root belongs to who owns its directory, so that it can be opened again when
 * privileges have been dropped.
 */
#include "sink/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	struct wire wire;
	bool is_file;  /* a regular one: it can be cut and rotated */
	bool borrowed; /* standard output */
};

static void hand_over(const char *path, int fd)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (geteuid() != 0)
		return;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	/* The file stays usable when that fails: it is open. */
	if (stat(dir, &st) == 0 && st.st_uid != 0 && fchown(fd, st.st_uid, st.st_gid) != 0)
		return;
}

static int open_path(const char *path)
{
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0640);

	if (fd >= 0)
		hand_over(path, fd);
	else if (errno == EEXIST)
		fd = open(path, flags);
	return fd;
}

static void adopt(struct file *f, int fd)
{
	struct stat st;

	f->wire.fd = fd;
	f->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static enum wire_state file_open(struct wire *w)
{
	struct file *f = (struct file *)w;
	int fd;

	if (f->borrowed) {
		adopt(f, STDOUT_FILENO);
		return WIRE_UP;
	}
	if (w->fd >= 0)
		return WIRE_UP;
	fd = open_path(w->cfg->path);
	if (fd < 0)
		return wire_fail(w, "it cannot be opened", errno);
	adopt(f, fd);
	return WIRE_UP;
}

static bool file_reopen(struct wire *w)
{
	struct file *f = (struct file *)w;
	int fd;

	if (f->borrowed)
		return true;
	fd = open_path(w->cfg->path);
	if (fd < 0) {
		wire_fail(w, "it cannot be opened anew", errno);
		return false;
	}
	if (w->fd >= 0)
		close(w->fd);
	adopt(f, fd);
	return true;
}

/* PATH.1 is the newest of the old ones. Only names are changed: a failure costs no line. */
static void rotate(struct file *f)
{
	const char *path = f->wire.cfg->path;
	char from[PATH_MAX], to[PATH_MAX];
	unsigned n;

	for (n = f->wire.cfg->rotate_keep; n > 0; n--) {
		snprintf(to, sizeof(to), "%s.%u", path, n);
		if (n > 1)
			snprintf(from, sizeof(from), "%s.%u", path, n - 1);
		else
			snprintf(from, sizeof(from), "%s", path);
		if (rename(from, to) != 0 && errno != ENOENT)
			wire_fail(&f->wire, "it cannot be rotated", errno);
	}
	if (f->wire.cfg->rotate_keep == 0 && unlink(path) != 0)
		wire_fail(&f->wire, "it cannot be rotated", errno);
	file_reopen(&f->wire);
}

static bool is_due(const struct file *f)
{
	struct stat st;

	return f->is_file && f->wire.cfg->rotate_bytes && fstat(f->wire.fd, &st) == 0 &&
	       st.st_size > 0 && (uint64_t)st.st_size + f->wire.used > f->wire.cfg->rotate_bytes;
}

/* After a write that ended in the middle of a line. */
static void cut(struct file *f, size_t written, size_t whole)
{
	struct stat st;

	if (written > whole && fstat(f->wire.fd, &st) == 0 &&
	    ftruncate(f->wire.fd, st.st_size - (off_t)(written - whole)) != 0)
		return; /* a torn line stays, and the whole one follows later */
}

static size_t whole_lines(const char *data, size_t len)
{
	const char *end = memrchr(data, '\n', len);

	return end ? (size_t)(end - data) + 1 : 0;
}

static enum wire_state file_push(struct wire *w)
{
	struct file *f = (struct file *)w;
	size_t written = 0, whole;
	int err;

	if (w->used && is_due(f))
		rotate(f);
	while (written < w->used) {
		/* A pipe that poll() calls writable takes PIPE_BUF bytes at once. */
		struct pollfd p = {.fd = w->fd, .events = POLLOUT};
		size_t n = w->used - written;
		ssize_t got;

		if (!f->is_file) {
			if (poll(&p, 1, 0) == 0)
				break;
			n = n < PIPE_BUF ? n : PIPE_BUF;
		}
		got = write(w->fd, w->buffer + written, n);
		if (got >= 0) {
			written += (size_t)got;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			break;
		err = errno;
		whole = whole_lines(w->buffer, written);
		if (f->is_file)
			cut(f, written, whole);
		w->heard += whole;
		return wire_fail(w, "it cannot be written", err);
	}
	wire_gone(w, written);
	w->heard += written;
	w->want = w->used ? POLLOUT : 0;
	return w->used ? WIRE_BUSY : WIRE_UP;
}

static void file_hear(struct wire *w)
{
	(void)w; /* push knows */
}

/* The descriptor is kept: who has dropped privileges might not get it again. */
static void file_close(struct wire *w)
{
	w->used = 0;
}

static void file_free(struct wire *w)
{
	struct file *f = (struct file *)w;

	if (w->fd >= 0 && !f->borrowed)
		close(w->fd);
	free(w);
}

static const struct wire_ops file_ops = {
	.open = file_open,
	.push = file_push,
	.hear = file_hear,
	.reopen = file_reopen,
	.close = file_close,
	.free = file_free,
};

struct wire *wire_file_new(const struct output_config *cfg, char *err, size_t errlen)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	f->wire.ops = &file_ops;
	f->wire.cfg = cfg;
	f->wire.fd = -1;
	f->borrowed = strcmp(cfg->path, "-") == 0;
	if (file_open(&f->wire) == WIRE_DOWN) {
		snprintf(err, errlen, "%s: %s", cfg->path, f->wire.error);
		free(f);
		return NULL;
	}
	return &f->wire;
}
