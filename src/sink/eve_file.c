/*
 * EVE lines to a path, standard output or a Unix socket, for commands that read captures: buffered,
 * and the program waits for it. The service's outputs are another matter (outputs.h).
 */
#include "sink/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_BYTES (256u * 1024)

struct target {
	int fd;
	int err;     /* the first errno; nothing is written after it */
	size_t used; /* bytes waiting in buffer[] */
	char buffer[BUFFER_BYTES];
};

static void drain(struct target *t)
{
	size_t done = 0;

	while (!t->err && done < t->used) {
		ssize_t n = write(t->fd, t->buffer + done, t->used - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			t->err = errno;
	}
	t->used = 0;
}

static void target_bytes(void *user, const char *text, size_t len)
{
	struct target *t = user;

	while (len && !t->err) {
		size_t n = BUFFER_BYTES - t->used < len ? BUFFER_BYTES - t->used : len;

		memcpy(t->buffer + t->used, text, n);
		t->used += n;
		text += n;
		len -= n;
		if (t->used == BUFFER_BYTES)
			drain(t);
	}
}

static bool target_flush(void *user)
{
	struct target *t = user;

	drain(t);
	errno = t->err;
	return t->err == 0;
}

static void target_free(void *user)
{
	struct target *t = user;

	drain(t);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

static int open_socket(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	/* A listener that goes away is an error to be told, not the end of the program. */
	signal(SIGPIPE, SIG_IGN);
	return fd;
}

static int open_target(const char *target)
{
	if (strcmp(target, "-") == 0)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (strncmp(target, "unix:", 5) == 0)
		return open_socket(target + 5);
	return open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

struct sink *sink_eve_open(const char *target, enum finding_lang lang, char *err, size_t errlen)
{
	struct target *t = malloc(sizeof(*t));
	struct sink_put to = {target_bytes, target_flush, target_free, t};
	struct sink *s;

	if (!t) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	memset(t, 0, offsetof(struct target, buffer));
	t->fd = open_target(target);
	if (t->fd < 0) {
		snprintf(err, errlen, "%s", strerror(errno));
		target_free(t);
		return NULL;
	}
	s = sink_eve_new(&to, lang);
	if (!s) {
		snprintf(err, errlen, "no SHA-1");
		target_free(t);
	}
	return s;
}
