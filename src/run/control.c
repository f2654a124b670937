/* The control socket: one line in, one line out, and nobody holds up anybody. */
#include "run/clock.h"
#include "run/control_impl.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS	      32
#define REQUEST_MAX   16384 /* bytes of a request */
#define PATIENCE      (2 * INT64_C(1000000000))
#define PATIENCE_READ (10 * INT64_C(1000000000)) /* for the answer to be fetched */
#define REFUSALS      10u			 /* that are logged per minute */
#define MINUTE	      (60 * INT64_C(1000000000))

struct client {
	int fd; /* -1: free */
	struct peer peer;
	int64_t deadline; /* CLOCK_MONOTONIC, ns */
	char *in;	  /* REQUEST_MAX bytes; NULL once the answer is there */
	size_t have;
	char *out;	  /* the answer; NULL: not yet */
	size_t len, sent; /* of it */
};

struct control {
	struct service *service;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	gid_t group;	      /* (gid_t)-1: none */
	int epoll, fd, timer; /* fd: listens */
	struct client client[CLIENTS];
	int64_t refusals_since; /* CLOCK_MONOTONIC, ns */
	unsigned refusals;	/* since then */
};

static bool watch(struct control *c, int fd, int op, uint32_t events, void *what)
{
	struct epoll_event e = {.events = events, .data.ptr = what};

	return epoll_ctl(c->epoll, op, fd, &e) == 0;
}

/* Deadlines are looked at twice a second, as long as there is anybody. */
static void set_timer(struct control *c, bool on)
{
	const struct itimerspec t = {{0, on ? 500000000 : 0}, {0, on ? 500000000 : 0}};

	timerfd_settime(c->timer, 0, &t, NULL);
}

static void hang_up(struct client *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->in);
	free(l->out);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

/* As much of the answer as goes; the rest when there is room. */
static void send_answer(struct control *c, struct client *l)
{
	while (l->sent < l->len) {
		ssize_t n = send(l->fd, l->out + l->sent, l->len - l->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!watch(c, l->fd, EPOLL_CTL_MOD, EPOLLOUT, l))
				break;
			return;
		}
		if (n <= 0)
			break;
		l->sent += (size_t)n;
		l->deadline = clock_mono() + PATIENCE_READ;
	}
	hang_up(l);
}

static void answer(struct control *c, struct client *l, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(o);
	free(l->in);
	l->in = NULL;
	if (!text) {
		hang_up(l);
		return;
	}
	text[len] = '\n'; /* in place of its NUL */
	l->out = text;
	l->len = len + 1;
	l->deadline = clock_mono() + PATIENCE_READ;
	send_answer(c, l);
}

/* Who asks again and again fills no log. */
static json_t *refuse(struct control *c, const struct client *l, const char *what)
{
	int64_t now = clock_mono();

	if (now - c->refusals_since > MINUTE) {
		c->refusals_since = now;
		c->refusals = 0;
	}
	return control_refused(c->service, &l->peer, what, c->refusals++ < REFUSALS);
}

static void serve(struct control *c, struct client *l, size_t len)
{
	json_error_t bad;
	json_t *request = json_loadb(l->in, len, JSON_REJECT_DUPLICATES, &bad), *o;
	const char *what = json_string_value(json_object_get(request, "do"));

	if (!request)
		o = control_error("that is no JSON: %s", bad.text);
	else if (!what)
		o = control_error("what is to be done? Say {\"do\":\"status\"}");
	else if (!control_only_looks(what) && !l->peer.trusted)
		o = refuse(c, l, what);
	else
		o = control_do(c->service, &l->peer, request);
	json_decref(request);
	answer(c, l, o);
}

static void take(struct control *c, struct client *l)
{
	char *end;
	ssize_t n;

	if (!l->in) {
		send_answer(c, l);
		return;
	}
	n = recv(l->fd, l->in + l->have, REQUEST_MAX - l->have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		hang_up(l);
		return;
	}
	end = memchr(l->in + l->have, '\n', (size_t)n);
	l->have += (size_t)n;
	if (end)
		serve(c, l, (size_t)(end - l->in));
	else if (n == 0 && l->have)
		serve(c, l, l->have);
	else if (n == 0)
		hang_up(l);
	else if (l->have == REQUEST_MAX)
		answer(c, l, control_error("a request has %d bytes at most", REQUEST_MAX - 1));
}

/* A free place, or that of whoever has kept one the longest. */
static struct client *place(struct control *c)
{
	struct client *oldest = &c->client[0];
	unsigned i;

	for (i = 0; i < CLIENTS; i++) {
		if (c->client[i].fd < 0)
			return &c->client[i];
		if (c->client[i].deadline < oldest->deadline)
			oldest = &c->client[i];
	}
	hang_up(oldest);
	return oldest;
}

static void welcome(struct control *c)
{
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *l;

	if (fd < 0)
		return;
	l = place(c);
	l->fd = fd;
	l->deadline = clock_mono() + PATIENCE;
	l->in = malloc(REQUEST_MAX);
	if (!l->in || !peer_of(fd, c->group, &l->peer) ||
	    !watch(c, fd, EPOLL_CTL_ADD, EPOLLIN, l)) {
		hang_up(l);
		return;
	}
	set_timer(c, true);
}

static void look_at_deadlines(struct control *c)
{
	int64_t now = clock_mono();
	bool anybody = false;
	uint64_t times;
	unsigned i;

	if (read(c->timer, &times, sizeof(times)) < 0)
		return;
	for (i = 0; i < CLIENTS; i++) {
		if (c->client[i].fd >= 0 && now > c->client[i].deadline)
			hang_up(&c->client[i]);
		anybody = anybody || c->client[i].fd >= 0;
	}
	if (!anybody)
		set_timer(c, false);
}

/*
 * One event at a time: what serves one client may have cut off another whose event would come next.
 * The main loop comes back as long as there are any.
 */
void control_work(struct control *c)
{
	struct epoll_event e;

	if (epoll_wait(c->epoll, &e, 1, 0) != 1)
		return;
	if (e.data.ptr == &c->fd)
		welcome(c);
	else if (e.data.ptr == &c->timer)
		look_at_deadlines(c);
	else
		take(c, e.data.ptr);
}

int control_fd(const struct control *c)
{
	return c->epoll;
}

/* A socket that nobody listens at any more is left over from somebody who was killed. */
static bool clear_way(const struct sockaddr_un *at, char *err, size_t errlen)
{
	struct stat st;
	int fd, rc, why;

	if (lstat(at->sun_path, &st) < 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(err, errlen, "there is something else that is no socket");
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)at, sizeof(*at));
	why = errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0 || why != ECONNREFUSED) {
		snprintf(err, errlen, "%s",
			 rc == 0 || why == EAGAIN ? "another kidoban runs here" : strerror(why));
		return false;
	}
	unlink(at->sun_path);
	return true;
}

/* Anybody may open it; who may do what is asked of the kernel. */
static bool listen_at(struct control *c, char *err, size_t errlen)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t old;
	int rc;

	memcpy(at.sun_path, c->path, sizeof(c->path));
	if (!clear_way(&at, err, errlen))
		return false;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(0111);
	rc = c->fd < 0 ? -1 : bind(c->fd, (const struct sockaddr *)&at, sizeof(at));
	umask(old);
	if (rc == 0 && listen(c->fd, 64) == 0)
		return true;
	snprintf(err, errlen, "%s", strerror(errno));
	return false;
}

static bool find_group(const char *name, gid_t *gid, char *err, size_t errlen)
{
	const struct group *g = name ? getgrnam(name) : NULL;

	*gid = g ? g->gr_gid : (gid_t)-1;
	if (!name || g)
		return true;
	snprintf(err, errlen, "there is no group %s; make it with: groupadd --system %s", name,
		 name);
	return false;
}

struct control *control_new(struct service *s, const char *path, const char *group, char *err,
			    size_t errlen)
{
	struct control *c = calloc(1, sizeof(*c));
	unsigned i;

	if (!c) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	c->service = s;
	c->fd = c->epoll = c->timer = -1;
	for (i = 0; i < CLIENTS; i++)
		c->client[i].fd = -1;
	if (strlen(path) >= sizeof(c->path)) {
		snprintf(err, errlen, "the path has more than %zu bytes", sizeof(c->path) - 1);
		free(c);
		return NULL;
	}
	if (!find_group(group, &c->group, err, errlen) ||
	    (memcpy(c->path, path, strlen(path) + 1), !listen_at(c, err, errlen))) {
		c->path[0] = '\0'; /* it is not ours */
		control_free(c);
		return NULL;
	}
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->epoll >= 0 && c->timer >= 0 && watch(c, c->fd, EPOLL_CTL_ADD, EPOLLIN, &c->fd) &&
	    watch(c, c->timer, EPOLL_CTL_ADD, EPOLLIN, &c->timer))
		return c;
	snprintf(err, errlen, "%s", strerror(errno));
	control_free(c);
	return NULL;
}

void control_free(struct control *c)
{
	unsigned i;

	if (!c)
		return;
	for (i = 0; i < CLIENTS; i++)
		hang_up(&c->client[i]);
	if (c->fd >= 0)
		close(c->fd);
	if (*c->path)
		unlink(c->path);
	if (c->timer >= 0)
		close(c->timer);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}
