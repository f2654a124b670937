#include "sink/wire_socket.h"

#include "sink/bell.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL	    "/run/systemd/journal/socket"
#define MS	    INT64_C(1000000)
#define PROBE	    (100 * MS)
#define ADDRESS_MAX (3000 * MS) /* for one address, when there are others */
#define ENDING_MAX  (1000 * MS)
#define SEND_BUFFER (256 * 1024) /* bytes; what is in it may have to be sent again */

static enum wire_state connect_to(struct wire_socket *s, const struct sockaddr *a, socklen_t len)
{
	struct wire *w = &s->wire;
	const int one = 1, room = SEND_BUFFER;

	if (w->fd >= 0)
		close(w->fd);
	w->fd = socket(a->sa_family, s->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return wire_fail(w, "no socket", errno);
	setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (s->type == SOCK_STREAM && a->sa_family != AF_UNIX) {
		setsockopt(w->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	s->attempt = bell_now();
	w->want = POLLOUT;
	if (connect(w->fd, a, len) == 0) {
		s->connected = true;
		return WIRE_UP;
	}
	return errno == EINPROGRESS ? WIRE_COMING : wire_fail(w, "no connection", errno);
}

static enum wire_state connect_unix(struct wire_socket *s)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (strlen(s->path) >= sizeof(un.sun_path))
		return wire_fail(&s->wire, s->path, ENAMETOOLONG);
	memcpy(un.sun_path, s->path, strlen(s->path) + 1);
	return connect_to(s, (const struct sockaddr *)&un, sizeof(un));
}

/* The next address that does not refuse at once. */
static enum wire_state connect_next(struct wire_socket *s)
{
	enum wire_state state = WIRE_DOWN;
	const char *why;
	unsigned count = resolve_count(s->names, &why);

	if (!count) {
		snprintf(s->wire.error, sizeof(s->wire.error), "%.60s: %.60s", s->wire.cfg->host,
			 why);
		return WIRE_DOWN;
	}
	while (s->next < count && state == WIRE_DOWN) {
		socklen_t len;
		const struct sockaddr *a = resolve_at(s->names, s->next++, &len);

		state = connect_to(s, a, len);
	}
	return state;
}

enum wire_state wire_socket_open(struct wire *w)
{
	struct wire_socket *s = (struct wire_socket *)w;

	wire_socket_close(w);
	if (s->path)
		return connect_unix(s);
	s->names = resolve_begin(w->cfg->host, w->cfg->port);
	if (!s->names)
		return wire_fail(w, "no address", ENOMEM);
	return wire_socket_come(w);
}

enum wire_state wire_socket_come(struct wire *w)
{
	struct wire_socket *s = (struct wire_socket *)w;
	struct pollfd p = {.fd = w->fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	const char *why;
	int err = 0;

	if (s->names && !resolve_done(s->names)) {
		w->want = 0;
		w->wake = bell_now() + 20 * MS;
		return WIRE_COMING;
	}
	w->wake = 0;
	if (w->fd < 0)
		return connect_next(s);
	if (poll(&p, 1, 0) == 0) {
		if (s->names && s->next < resolve_count(s->names, &why) &&
		    bell_now() - s->attempt > ADDRESS_MAX)
			return connect_next(s);
		return WIRE_COMING;
	}
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (!err) {
		s->connected = true;
		w->want = POLLIN;
		return WIRE_UP;
	}
	wire_fail(w, "no connection", err);
	return s->names && s->next < resolve_count(s->names, &why) ? connect_next(s) : WIRE_DOWN;
}

void wire_socket_close(struct wire *w)
{
	struct wire_socket *s = (struct wire_socket *)w;

	const struct linger at_once = {.l_onoff = 1};

	/* What is not known to have arrived will be sent again: it must not arrive later. */
	if (w->fd >= 0 && s->pushed > w->heard)
		setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	resolve_end(s->names);
	s->names = NULL;
	s->next = 0;
	s->connected = false;
	s->probe = 0;
	s->ending = 0;
	s->pushed = 0;
}

enum wire_state wire_socket_ending(struct wire *w)
{
	struct wire_socket *s = (struct wire_socket *)w;
	int64_t now = bell_now();

	if (!s->ending)
		s->ending = now;
	w->ops->hear(w);
	if (w->heard >= s->pushed || now - s->ending > ENDING_MAX)
		return WIRE_DOWN;
	w->want = 0;
	w->wake = now + 5 * MS;
	return WIRE_BUSY;
}

static bool probing(const struct wire_socket *s)
{
	return s->wire.one_by_one && !s->path && s->probe > bell_now();
}

static enum wire_state socket_push(struct wire *w)
{
	struct wire_socket *s = (struct wire_socket *)w;

	w->wake = 0;
	w->want = POLLIN;
	while (w->used) {
		ssize_t n;

		if (probing(s)) {
			w->wake = s->probe;
			return WIRE_BUSY;
		}
		n = send(w->fd, w->buffer, w->used, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			w->want = POLLIN | POLLOUT;
			return WIRE_BUSY;
		}
		if (n < 0)
			return wire_fail(w, "it cannot be sent", errno);
		if (!s->probe)
			s->probe = bell_now() + PROBE;
		wire_gone(w, (size_t)n);
		s->pushed += (uint64_t)n;
	}
	return WIRE_UP;
}

static void socket_hear(struct wire *w)
{
	struct wire_socket *s = (struct wire_socket *)w;
	int queued = 0;

	if (probing(s))
		return;
	if (w->one_by_one)
		w->heard = s->pushed;
	else if (w->fd < 0 || ioctl(w->fd, SIOCOUTQ, &queued) != 0)
		return;
	else if (!s->path && (uint64_t)queued <= s->pushed)
		w->heard = s->pushed - (uint64_t)queued;
	else if (queued == 0) /* of a Unix socket it is memory, not bytes */
		w->heard = s->pushed;
}

/* A server says nothing; what comes is its end, or that it is not there. */
static enum wire_state socket_look(struct wire *w)
{
	char data[512];
	ssize_t n;

	do
		n = recv(w->fd, data, sizeof(data), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 && errno == EAGAIN)
		return WIRE_UP;
	if (n < 0)
		return wire_fail(w, "no connection", errno);
	if (w->one_by_one)
		return WIRE_UP;
	snprintf(w->error, sizeof(w->error), "the other end closed the connection");
	return wire_socket_ending(w);
}

static void socket_free(struct wire *w)
{
	wire_socket_close(w);
	free(w);
}

static const struct wire_ops socket_ops = {
	.open = wire_socket_open,
	.come = wire_socket_come,
	.push = socket_push,
	.hear = socket_hear,
	.look = socket_look,
	.close = wire_socket_close,
	.free = socket_free,
};

struct wire *wire_socket_new(const struct output_config *cfg)
{
	struct wire_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->wire.ops = &socket_ops;
	s->wire.cfg = cfg;
	s->wire.fd = -1;
	s->wire.one_by_one = cfg->kind == OUTPUT_SYSLOG_UDP || cfg->kind == OUTPUT_JOURNAL;
	s->wire.counted = cfg->kind == OUTPUT_SYSLOG_TCP;
	s->type = s->wire.one_by_one ? SOCK_DGRAM : SOCK_STREAM;
	if (cfg->kind == OUTPUT_UNIX)
		s->path = cfg->path;
	else if (cfg->kind == OUTPUT_JOURNAL)
		s->path = cfg->path ? cfg->path : JOURNAL;
	return &s->wire;
}
