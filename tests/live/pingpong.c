/*
 * pingpong - requests and answers as a SCADA server and a device exchange them, and how long they
 * take.
 *
 *   pingpong server PORT                    echoes; what a bulk client sends it only swallows
 *   pingpong device PORT                    a Modbus device: answers function 3 and 16
 *   pingpong client ADDRESS PORT [-r RATE] [-n COUNT] [-s SIZE]
 *   pingpong modbus ADDRESS PORT [-r RATE] [-n COUNT]
 *   pingpong bulk ADDRESS PORT [-b MBIT] [-n COUNT]
 *                                           sends until it is ended; without -b as fast as it can;
 *                                           with -n 64 KiB so often, and says how long they took
 *
 * -f ADDRESS: a client speaks from there. The Modbus client polls 125 holding registers; each tenth
 * request writes 20 of them, from 100 on.
 *
 * A request is numbered and is sent when its time has come and the last answer is there; the answer
 * has to be the same. After COUNT, or SIGTERM, the client prints one line of JSON: microseconds
 * from request to answer, and the longest time without an answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_ 65536
#define NS	  1000000000LL

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static void sleep_until(int64_t t)
{
	const struct timespec at = {t / NS, t % NS};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* --- Modbus/TCP --- */

#define MBAP  7	  /* bytes of the header, with the unit */
#define READ  125 /* registers: the most of function 3 */
#define WRITE 20

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Its length, from the header of the first message in so many bytes; 0: more is needed. */
static size_t message(const uint8_t *data, size_t len)
{
	size_t whole = len >= MBAP ? 6 + get16(data + 4) : 0;

	return whole <= len ? whole : 0;
}

static size_t ask(uint8_t *m, uint64_t number)
{
	bool writes = number % 10 == 9;
	unsigned i;

	memset(m, 0, MBAP);
	put16(m, (unsigned)number);
	m[6] = 1;
	m[7] = writes ? 16 : 3;
	put16(m + 8, 100);
	put16(m + 10, writes ? WRITE : READ);
	if (!writes) {
		put16(m + 4, 6);
		return 12;
	}
	m[12] = 2 * WRITE;
	for (i = 0; i < WRITE; i++)
		put16(m + 13 + 2 * i, (unsigned)(number + i) % 1000);
	put16(m + 4, 7 + 2 * WRITE);
	return 13 + 2 * WRITE;
}

/* In the place of the request. */
static size_t answer_to(uint8_t *m)
{
	unsigned i, count = get16(m + 10);

	if (m[7] == 16) {
		put16(m + 4, 6);
		return 12;
	}
	if (m[7] != 3 || count > READ) {
		m[7] |= 0x80;
		m[8] = 1;
		put16(m + 4, 3);
		return 9;
	}
	m[8] = (uint8_t)(2 * count);
	for (i = 0; i < count; i++)
		put16(m + 9 + 2 * i, i);
	put16(m + 4, 3 + 2 * count);
	return 9 + 2 * count;
}

static bool device(int fd)
{
	uint8_t data[512];
	size_t have = 0;
	ssize_t n;

	while ((n = recv(fd, data + have, sizeof(data) - have, 0)) > 0) {
		have += (size_t)n;
		if (!message(data, have))
			continue;
		have = answer_to(data);
		if (send(fd, data, have, MSG_NOSIGNAL) != (ssize_t)have)
			break;
		have = 0;
	}
	return false;
}

static bool poll_device(int fd, uint64_t number)
{
	uint8_t request[MBAP + 256], answer[512];
	size_t size = ask(request, number), have = 0;

	if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
		return false;
	while (!message(answer, have)) {
		ssize_t n = recv(fd, answer + have, sizeof(answer) - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return memcmp(request, answer, 2) == 0 && request[7] == answer[7];
}

/* --- server --- */

static bool is_device;

static void *serve(void *user)
{
	int fd = (int)(intptr_t)user;
	char *data = malloc(SIZE_MAX_), kind = 0;
	ssize_t n = data && (!is_device || device(fd)) ? recv(fd, &kind, 1, 0) : 0;

	while (n > 0) {
		n = recv(fd, data, SIZE_MAX_, 0);
		if (n > 0 && kind == 'E')
			n = send(fd, data, (size_t)n, MSG_NOSIGNAL);
	}
	close(fd);
	free(data);
	return NULL;
}

static _Noreturn void server(const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)(void *)&at, sizeof(at)) != 0 || listen(s, 8) != 0)
		die("listen");
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int fd = accept(s, NULL, NULL);
		pthread_t t;

		if (fd < 0)
			die("accept");
		no_delay(fd);
		if (pthread_create(&t, NULL, serve, (void *)(intptr_t)fd) != 0)
			die("thread");
		pthread_detach(t);
	}
}

/* --- clients --- */

static const char *own; /* address to speak from, or NULL */

static int join(const char *address, const char *port, char kind)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die(address);
	if (own && (inet_pton(AF_INET, own, &from.sin_addr) != 1 ||
		    bind(fd, (const struct sockaddr *)(const void *)&from, sizeof(from)) != 0))
		die(own);
	if (connect(fd, (struct sockaddr *)(void *)&to, sizeof(to)) != 0)
		die("connect");
	no_delay(fd);
	if (kind && send(fd, &kind, 1, 0) != 1)
		die("send");
	return fd;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static double at(const int64_t *sorted, uint64_t n, double part)
{
	return n ? (double)sorted[(uint64_t)((double)(n - 1) * part)] / 1000 : 0;
}

/* False: the session is over, or was ended. */
static bool exchange(int fd, uint8_t *request, uint8_t *answer, size_t size, uint64_t number)
{
	size_t got = 0;

	memcpy(request, &number, sizeof(number));
	if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
		return false;
	while (got < size) {
		ssize_t n = recv(fd, answer + got, size - got, 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return memcmp(request, answer, size) == 0;
}

/* size: of what is echoed; 0: Modbus */
static int client(int fd, int64_t rate, uint64_t count, size_t size)
{
	static uint8_t request[SIZE_MAX_], answer[SIZE_MAX_];
	int64_t *took = malloc(count * sizeof(*took)), next = now(), last = next, gap = 0, sent = 0;
	uint64_t n;
	bool ok = true;

	if (!took || size > SIZE_MAX_ || (size && size < sizeof(uint64_t)))
		die("size");
	memset(request, 0x5a, size);
	for (n = 0; n < count && !ended; n++) {
		int64_t t;

		sleep_until(next);
		if (ended)
			break;
		sent = now();
		ok = size ? exchange(fd, request, answer, size, n) : poll_device(fd, n);
		if (!ok)
			break;
		t = now();
		took[n] = t - sent;
		gap = t - last > gap ? t - last : gap;
		last = t;
		next += NS / rate;
		if (next < t)
			next = t;
	}
	if (!ok && !ended)
		fprintf(stderr, "pingpong: the session ended at request %llu: %s\n",
			(unsigned long long)n, strerror(errno));
	qsort(took, n, sizeof(*took), compare);
	printf("{\"count\": %llu, \"whole\": %s, \"median\": %.1f, \"p99\": %.1f, \"p999\": %.1f, "
	       "\"max\": %.1f, \"gap\": %.1f}\n",
	       (unsigned long long)n, ok || ended ? "true" : "false", at(took, n, 0.5),
	       at(took, n, 0.99), at(took, n, 0.999), at(took, n, 1), (double)gap / 1000);
	free(took);
	return ok || ended ? 0 : 1;
}

static int bulk(int fd, int64_t mbit, uint64_t count)
{
	static uint8_t data[SIZE_MAX_];
	int64_t next = now(), began = next;
	uint64_t n;

	for (n = 0; n < count && !ended && send(fd, data, sizeof(data), MSG_NOSIGNAL) > 0; n++) {
		if (!mbit)
			continue;
		next += (int64_t)sizeof(data) * 8 * 1000 / mbit;
		sleep_until(next);
	}
	/* the server ends when it has heard all */
	shutdown(fd, SHUT_WR);
	while (count != UINT64_MAX && recv(fd, data, sizeof(data), 0) > 0)
		continue;
	printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", (unsigned long long)(n * sizeof(data)),
	       (double)(now() - began) / (double)NS);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction term = {.sa_handler = on_term};
	long rate = 1000, count = 0, size = 260, mbit = 0;
	int o;

	sigaction(SIGTERM, &term, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	while ((o = getopt(argc, argv, "r:n:s:b:f:")) != -1) {
		if (o == 'r')
			rate = strtol(optarg, NULL, 10);
		else if (o == 'n')
			count = strtol(optarg, NULL, 10);
		else if (o == 's')
			size = strtol(optarg, NULL, 10);
		else if (o == 'b')
			mbit = strtol(optarg, NULL, 10);
		else if (o == 'f')
			own = optarg;
		else
			return 2;
	}
	argc -= optind;
	argv += optind;
	is_device = argc == 2 && strcmp(argv[0], "device") == 0;
	if (is_device || (argc == 2 && strcmp(argv[0], "server") == 0))
		server(argv[1]);
	if (argc == 3 && strcmp(argv[0], "bulk") == 0)
		return bulk(join(argv[1], argv[2], 'S'), mbit,
			    count > 0 ? (uint64_t)count : UINT64_MAX);
	if (count <= 0)
		count = 1000000;
	if (argc == 3 && strcmp(argv[0], "client") == 0 && rate > 0 && size > 0)
		return client(join(argv[1], argv[2], 'E'), rate, (uint64_t)count, (size_t)size);
	if (argc == 3 && strcmp(argv[0], "modbus") == 0 && rate > 0)
		return client(join(argv[1], argv[2], '\0'), rate, (uint64_t)count, 0);
	fprintf(stderr, "usage: pingpong server|device PORT | client|modbus|bulk ADDRESS PORT\n");
	return 2;
}
