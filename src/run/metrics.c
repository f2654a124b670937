/* Where the numbers go: a file, and whoever asks over HTTP on this machine. */
#include "run/metrics.h"

#include "run/metrics_text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_MICROHTTPD
#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sys/socket.h>
#endif

#define SECOND	    INT64_C(1000000000)
#define FILE_EVERY  (10 * SECOND)
#define HTTP_EVERY  SECOND
#define CONNECTIONS 16 /* at once */

struct metrics {
	struct service *service;
	const char *file;    /* NULL: none */
	int64_t file_next;   /* CLOCK_MONOTONIC, ns */
	bool file_failed;    /* and it was said */
	bool http;	     /* somebody may ask */
	int64_t text_next;   /* likewise */
	char path[PATH_MAX]; /* written beside the file */
#ifdef HAVE_MICROHTTPD
	int fd;			   /* listens; the daemon's from when there is one */
	struct MHD_Daemon *daemon; /* NULL: not yet */
	pthread_mutex_t lock;	   /* of text */
	char *text;
	size_t len;
#endif
};

#ifdef HAVE_MICROHTTPD

/* 127.0.0.0/8 and ::1 alone: whoever wants it elsewhere has a proxy for that. */
static bool loopback(const char *host, uint16_t port, struct sockaddr_storage *to, socklen_t *len)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(to, 0, sizeof(*to));
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in4.sin_addr) == 1 &&
	    ntohl(in4.sin_addr.s_addr) >> 24 == 127) {
		memcpy(to, &in4, sizeof(in4));
		*len = sizeof(in4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1 &&
	    IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr)) {
		memcpy(to, &in6, sizeof(in6));
		*len = sizeof(in6);
		return true;
	}
	return false;
}

static bool listen_at(struct metrics *m, const char *host, uint16_t port, char *err, size_t errlen)
{
	struct sockaddr_storage at;
	socklen_t len;
	int on = 1;

	if (!loopback(host, port, &at, &len)) {
		snprintf(err, errlen,
			 "%.64s is no address of this machine alone; write 127.0.0.1 or ::1", host);
		return false;
	}
	m->fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->fd >= 0 && setsockopt(m->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(m->fd, (struct sockaddr *)&at, len) == 0 && listen(m->fd, CONNECTIONS) == 0) {
		m->http = true;
		return true;
	}
	snprintf(err, errlen, "http %.64s port %u: %s", host, port, strerror(errno));
	return false;
}

/* The daemon's thread. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	static const char nothing[] = "GET /metrics\n";
	struct metrics *m = user;
	bool found = strcmp(url, "/metrics") == 0, get = strcmp(method, "GET") == 0;
	struct MHD_Response *r;
	enum MHD_Result result;

	(void)version;
	(void)data;
	(void)state;
	*size = 0;
	pthread_mutex_lock(&m->lock);
	if (found && get && m->text)
		r = MHD_create_response_from_buffer(m->len, m->text, MHD_RESPMEM_MUST_COPY);
	else
		r = MHD_create_response_from_buffer(sizeof(nothing) - 1, (void *)(uintptr_t)nothing,
						    MHD_RESPMEM_PERSISTENT);
	get = get && m->text;
	pthread_mutex_unlock(&m->lock);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
				found && get ? "text/plain; version=0.0.4; charset=utf-8"
					     : "text/plain; charset=utf-8");
	result = MHD_queue_response(connection,
				    !found ? MHD_HTTP_NOT_FOUND
				    : get  ? MHD_HTTP_OK
					   : MHD_HTTP_METHOD_NOT_ALLOWED,
				    r);
	MHD_destroy_response(r);
	return result;
}

/* Its thread begins after the rights were dropped, with the first numbers. */
static void begin_http(struct metrics *m)
{
	m->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL,
				     on_request, m, MHD_OPTION_LISTEN_SOCKET, m->fd,
				     MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
				     MHD_OPTION_CONNECTION_TIMEOUT, 5u, MHD_OPTION_END);
	if (m->daemon) {
		m->fd = -1;
		return;
	}
	fprintf(stderr, "kidoban run: metrics: HTTP cannot be served\n");
	m->http = false;
}

static void show(struct metrics *m, char *text, size_t len)
{
	char *old;

	pthread_mutex_lock(&m->lock);
	old = m->text;
	m->text = text;
	m->len = len;
	pthread_mutex_unlock(&m->lock);
	free(old);
	if (!m->daemon)
		begin_http(m);
}

static void begin(struct metrics *m)
{
	m->fd = -1;
	pthread_mutex_init(&m->lock, NULL);
}

static void end(struct metrics *m)
{
	if (m->daemon)
		MHD_stop_daemon(m->daemon);
	if (m->fd >= 0)
		close(m->fd);
	pthread_mutex_destroy(&m->lock);
	free(m->text);
}

#else

static bool listen_at(struct metrics *m, const char *host, uint16_t port, char *err, size_t errlen)
{
	(void)m;
	(void)host;
	(void)port;
	snprintf(err, errlen, "this kidoban was built without HTTP (libmicrohttpd); use the file");
	return false;
}

static void show(struct metrics *m, char *text, size_t len)
{
	(void)m;
	(void)len;
	free(text);
}

static void begin(struct metrics *m)
{
	(void)m;
}

static void end(struct metrics *m)
{
	(void)m;
}

#endif

/* Readers see the old file or the new one, never half of it. */
static bool write_file(const struct metrics *m, const char *text, size_t len)
{
	int fd = open(m->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	int why;

	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	if (ok && rename(m->path, m->file) == 0)
		return true;
	why = errno;
	unlink(m->path);
	errno = why;
	return false;
}

static void to_file(struct metrics *m, const char *text, size_t len)
{
	bool ok = write_file(m, text, len);

	if (!ok && !m->file_failed)
		fprintf(stderr, "kidoban run: metrics: %s: %s\n", m->file, strerror(errno));
	m->file_failed = !ok;
}

void metrics_tick(struct metrics *m, int64_t mono)
{
	bool file = m->file && mono >= m->file_next, http = m->http && mono >= m->text_next;
	char *text;
	size_t len;

	if (!file && !http)
		return;
	text = metrics_text(m->service, &len);
	if (!text)
		return;
	if (file) {
		m->file_next = mono + FILE_EVERY;
		to_file(m, text, len);
	}
	if (http) {
		m->text_next = mono + HTTP_EVERY / 2; /* ticks come about once a second */
		show(m, text, len);
	} else {
		free(text);
	}
}

struct metrics *metrics_new(struct service *s, char *err, size_t errlen)
{
	const struct run_config *cfg = service_config(s);
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	m->service = s;
	m->file = cfg->metrics_file;
	begin(m);
	if (m->file &&
	    snprintf(m->path, sizeof(m->path), "%s.new", m->file) >= (int)sizeof(m->path)) {
		snprintf(err, errlen, "the path of the file is too long");
		metrics_free(m);
		return NULL;
	}
	if (!cfg->metrics_host || listen_at(m, cfg->metrics_host, cfg->metrics_port, err, errlen))
		return m;
	metrics_free(m);
	return NULL;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	end(m);
	if (m->file)
		unlink(m->file);
	free(m);
}
