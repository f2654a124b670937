/*
 * A netfilter queue alone, with verdicts that packets ask for themselves.
 *
 *      queue_probe [--queue NUM] [--workers N] [--length N] [--buffer BYTES] [--generation N]
 *                  [--slow USEC]
 *
 * Prints "ready", a line of JSON for each frame, and on SIGUSR1 and at the end (SIGTERM) one line
 * with the counts. A frame that holds DROP is dropped, EDIT becomes edit, DONE is settled; SEND is
 * dropped, and sent on as a packet of our own; at HANG a worker stops for good, and so do its
 * beats.
 * --slow: so long for each frame.
 */
#include "capture/queue.h"

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 8

struct worker {
	pthread_t thread;
	unsigned number;
	struct source *source;
	_Atomic uint64_t loops;
	uint64_t seen;
};

static struct worker workers[WORKERS_MAX];
static atomic_bool ending;
static unsigned slow; /* us */

static void show(const struct worker *w, const struct source_frame *f)
{
	uint32_t i;

	flockfile(stdout);
	printf("{\"worker\": %u, \"open\": %s, \"partial\": %s, \"wirelen\": %u, \"data\": \"",
	       w->number, f->fail_open ? "true" : "false", f->checksum_partial ? "true" : "false",
	       f->raw.wirelen);
	for (i = 0; i < f->raw.caplen && i < 128; i++)
		printf("%02x", f->raw.data[i]);
	puts("\"}");
	fflush(stdout);
	funlockfile(stdout);
}

static bool holds(const struct source_frame *f, const char *word)
{
	return memmem(f->data, f->raw.caplen, word, strlen(word)) != NULL;
}

static enum source_do frame(void *user, struct source_frame *f)
{
	struct worker *w = user;
	uint8_t *edit = memmem(f->data, f->raw.caplen, "EDIT", 4);

	show(w, f);
	if (slow)
		usleep(slow);
	if (holds(f, "HANG"))
		pause();
	if (edit)
		memcpy(edit, "edit", 4);
	if (holds(f, "SEND")) {
		if (!w->source->ops->send(w->source, 0, f->data, f->raw.caplen))
			fprintf(stderr, "not sent\n");
		return SOURCE_DROP;
	}
	if (holds(f, "DROP"))
		return SOURCE_DROP;
	return holds(f, "DONE") ? SOURCE_SETTLE : SOURCE_PASS;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct source_handler h = {.frame = frame, .user = w};

	while (!atomic_load(&ending)) {
		if (w->source->ops->run(w->source, 50, &h) < 0) {
			fprintf(stderr, "broken: %s\n", w->source->ops->error(w->source));
			exit(3);
		}
		atomic_fetch_add(&w->loops, 1);
	}
	return NULL;
}

static void print_counts(unsigned count)
{
	unsigned i, k, n;

	flockfile(stdout);
	printf("{\"counts\": [");
	for (i = 0; i < count; i++) {
		struct source_stats st[SOURCE_IFACES_MAX];

		n = workers[i].source->ops->stats(workers[i].source, st, SOURCE_IFACES_MAX);
		for (k = 0; k < n; k++)
			printf("%s{\"iface\": \"%s\", \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64
			       ", \"kernel_drops\": %" PRIu64 ", \"unseen\": %" PRIu64
			       ", \"sent\": %" PRIu64 ", \"send_failed\": %" PRIu64 ", \"up\": %s}",
			       i || k ? ", " : "", st[k].iface, st[k].packets, st[k].bytes,
			       st[k].kernel_drops, st[k].unseen, st[k].sent, st[k].send_failed,
			       st[k].up ? "true" : "false");
	}
	printf("]}\n");
	fflush(stdout);
	funlockfile(stdout);
}

static void beat(unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		uint64_t loops = atomic_load(&workers[i].loops);

		if (loops != workers[i].seen)
			workers[i].source->ops->beat(workers[i].source);
		workers[i].seen = loops;
	}
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !*text || n > UINT32_MAX) {
		fprintf(stderr, "queue_probe: '%s' is no number\n", text);
		exit(2);
	}
	return (uint32_t)n;
}

static void options(int argc, char **argv, struct queue_config *cfg, uint16_t *generation)
{
	static const struct option list[] = {
		{"queue", required_argument, NULL, 'q'},
		{"workers", required_argument, NULL, 'w'},
		{"length", required_argument, NULL, 'l'},
		{"buffer", required_argument, NULL, 'b'},
		{"generation", required_argument, NULL, 'g'},
		{"slow", required_argument, NULL, 's'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'q':
			cfg->number = (uint16_t)number(optarg);
			break;
		case 'w':
			cfg->workers = number(optarg);
			break;
		case 'l':
			cfg->length = number(optarg);
			break;
		case 'b':
			cfg->buffer = number(optarg);
			break;
		case 'g':
			*generation = (uint16_t)number(optarg);
			break;
		case 's':
			slow = number(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (optind != argc || !cfg->workers || cfg->workers > WORKERS_MAX) {
		fprintf(stderr, "queue_probe: 1 to %d workers\n", WORKERS_MAX);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static const struct timespec every = {.tv_nsec = 100000000};
	struct queue_config cfg = {.workers = 1};
	uint16_t generation = 0;
	char err[512];
	sigset_t set;
	unsigned i;
	int sig = 0;

	options(argc, argv, &cfg, &generation);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < cfg.workers; i++) {
		cfg.worker = workers[i].number = i;
		workers[i].source = queue_open(&cfg, err, sizeof(err));
		if (!workers[i].source) {
			fprintf(stderr, "error: %s\n", err);
			return 3;
		}
		queue_generation(workers[i].source, generation);
	}
	for (i = 0; i < cfg.workers; i++) {
		workers[i].source->ops->beat(workers[i].source);
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 3;
	}
	puts("ready");
	fflush(stdout);
	while (sig != SIGTERM) {
		sig = sigtimedwait(&set, NULL, &every);
		beat(cfg.workers);
		if (sig == SIGUSR1)
			print_counts(cfg.workers);
	}
	atomic_store(&ending, true);
	for (i = 0; i < cfg.workers; i++)
		pthread_join(workers[i].thread, NULL);
	print_counts(cfg.workers);
	for (i = 0; i < cfg.workers; i++)
		workers[i].source->ops->close(workers[i].source);
	return 0;
}
