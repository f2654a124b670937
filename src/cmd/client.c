#include "cmd/client.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CONFIG	   "/etc/kidoban/kidoban.yaml"
#define SOCKET	   "/run/kidoban/control.sock"
#define PATIENCE   60	       /* s; a large policy takes its time to be loaded */
#define ANSWER_MAX (64u << 20) /* bytes */

bool client_option(struct client *cl, int c, const char *word)
{
	if (c == CLIENT_OPT_SOCKET)
		cl->socket = word;
	else if (c == 'c')
		cl->config = word;
	else if (c == CLIENT_OPT_STATE)
		cl->state = word;
	else
		return false;
	return true;
}

/* The usual configuration may be secret, or broken: then there is still the usual socket. */
bool client_begin(struct client *cl)
{
	struct diag diag = {.count = 0};
	bool usual = !cl->config && !cl->socket && !cl->state && access(CONFIG, R_OK) == 0;

	if (cl->config || usual)
		cl->loaded = run_config_load(cl->config ? cl->config : CONFIG, &diag);
	if (cl->config && !cl->loaded)
		diag_print(&diag, stderr);
	diag_free(&diag);
	return cl->loaded || !cl->config;
}

void client_end(struct client *cl)
{
	run_config_free(cl->loaded);
	cl->loaded = NULL;
}

const char *client_state(const struct client *cl)
{
	return cl->state ? cl->state : cl->loaded ? cl->loaded->state : NULL;
}

static const char *socket_of(const struct client *cl)
{
	if (cl->socket)
		return cl->socket;
	return cl->loaded && cl->loaded->control_socket ? cl->loaded->control_socket : SOCKET;
}

/* -1 with errno. */
static int reach(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE};
	int fd, why;

	if (strlen(path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

/* The service may hang up on what it does not want to read; its answer is there all the same. */
static void say(int fd, const char *text, size_t len)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < len && (n = send(fd, text + sent, len - sent, MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
}

/* Until the service hangs up. NULL with errno. */
static char *hear(int fd, size_t *len)
{
	size_t cap = 65536;
	char *text = malloc(cap), *more;
	ssize_t n = 1;

	*len = 0;
	while (text && (n = recv(fd, text + *len, cap - *len, 0)) > 0) {
		*len += (size_t)n;
		if (*len < cap)
			continue;
		cap *= 2;
		more = cap <= ANSWER_MAX ? realloc(text, cap) : NULL;
		if (!more) {
			free(text);
			errno = ENOMEM;
		}
		text = more;
	}
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

static json_t *exchange(const char *path, const json_t *request, char *err, size_t errlen)
{
	int fd = reach(path);
	char *text, *answer = NULL;
	size_t len = 0;
	json_t *o = NULL;

	if (fd < 0) {
		snprintf(err, errlen, "%s: %s%s", path, strerror(errno),
			 errno == ENOENT || errno == ECONNREFUSED ? "; is the service running?"
								  : "");
		return NULL;
	}
	text = json_dumps(request, JSON_COMPACT);
	if (text) {
		say(fd, text, strlen(text));
		say(fd, "\n", 1);
		answer = hear(fd, &len);
	}
	if (!answer)
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
	else if (!(o = json_loadb(answer, len, 0, NULL)))
		snprintf(err, errlen, "%s: %s", path,
			 len ? "the answer is no JSON" : "the service hung up");
	close(fd);
	free(text);
	free(answer);
	return o;
}

enum client_result client_ask(const struct cmd_help *h, const struct client *cl, json_t *request,
			      bool quiet, json_t **answer)
{
	char err[512];

	*answer = request ? exchange(socket_of(cl), request, err, sizeof(err)) : NULL;
	json_decref(request);
	if (!*answer) {
		if (!quiet)
			fprintf(stderr, "kidoban %s: %s\n", h->name,
				request ? err : "out of memory");
		return CLIENT_UNREACHABLE;
	}
	if (json_is_true(json_object_get(*answer, "ok")))
		return CLIENT_DONE;
	if (!quiet)
		fprintf(stderr, "kidoban %s: %s\n", h->name, client_text(*answer, "error"));
	return CLIENT_REFUSED;
}

int client_exit(enum client_result r)
{
	return r == CLIENT_DONE ? CMD_OK : r == CLIENT_REFUSED ? CMD_UNEXPECTED : CMD_INPUT;
}

const char *client_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return !text ? "" : utf8_printable(text) ? text : "?";
}

int64_t client_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Two names may be one file. */
static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void client_tell_state(const struct cmd_help *h, const struct client *cl, const char *path)
{
	json_t *answer;
	enum client_result r = client_ask(h, cl, json_pack("{ss}", "do", "state"), true, &answer);

	if (r == CLIENT_DONE && same_file(client_text(answer, "state"), path))
		printf("  the running service has taken it over\n");
	json_decref(answer);
}
