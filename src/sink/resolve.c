#include "sink/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
	atomic_int owners; /* the asker, the thread */
	atomic_bool done;
	int err; /* EAI_ */
	char host[256], port[8];
	unsigned count;
	struct sockaddr_storage addr[RESOLVE_MAX];
	socklen_t len[RESOLVE_MAX];
};

static void ask(struct resolve *r, int flags)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *list = NULL, *a;

	r->err = getaddrinfo(r->host, r->port, &hints, &list);
	for (a = list; a && r->count < RESOLVE_MAX; a = a->ai_next) {
		memcpy(&r->addr[r->count], a->ai_addr, a->ai_addrlen);
		r->len[r->count++] = a->ai_addrlen;
	}
	if (list)
		freeaddrinfo(list);
}

static void *ask_aside(void *arg)
{
	struct resolve *r = arg;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	ask(r, AI_ADDRCONFIG);
	atomic_store(&r->done, true);
	resolve_end(r);
	return NULL;
}

struct resolve *resolve_begin(const char *host, uint16_t port)
{
	struct resolve *r = calloc(1, sizeof(*r));
	pthread_t thread;

	if (!r)
		return NULL;
	snprintf(r->host, sizeof(r->host), "%s", host);
	snprintf(r->port, sizeof(r->port), "%u", port);
	atomic_store(&r->owners, 1);
	ask(r, AI_NUMERICHOST);
	if (!r->err) {
		atomic_store(&r->done, true);
		return r;
	}
	atomic_store(&r->owners, 2);
	if (pthread_create(&thread, NULL, ask_aside, r) != 0) {
		free(r);
		return NULL;
	}
	pthread_detach(thread);
	return r;
}

bool resolve_done(const struct resolve *r)
{
	return atomic_load(&r->done);
}

unsigned resolve_count(const struct resolve *r, const char **why)
{
	*why = r->err ? gai_strerror(r->err) : "it has no address";
	return r->count;
}

const struct sockaddr *resolve_at(const struct resolve *r, unsigned n, socklen_t *len)
{
	*len = r->len[n];
	return (const struct sockaddr *)&r->addr[n];
}

void resolve_end(struct resolve *r)
{
	if (r && atomic_fetch_sub(&r->owners, 1) == 1)
		free(r);
}
