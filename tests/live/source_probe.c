/*
 * A live source alone: what comes out of it, before anything is made of it.
 *
 *      source_probe [--workers N] [--filter BPF] [--snaplen N] [--buffer BYTES] [--immediate]
 *                   [--timestamps host|adapter|adapter_unsynced] [--frames] IFACE...
 *
 * Prints "ready", with --frames a line of JSON for each frame, and on SIGUSR1 and at the end
 * (SIGTERM) one line of JSON with the counts of all workers.
 */
#include "capture/live.h"

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 16

struct worker {
	pthread_t thread;
	unsigned number;
	struct source *source;
	_Atomic uint64_t frames;
};

static struct worker workers[WORKERS_MAX];
static atomic_bool ending;
static bool show;

static enum source_do frame(void *user, struct source_frame *f)
{
	struct worker *w = user;
	uint32_t i;

	atomic_fetch_add_explicit(&w->frames, 1, memory_order_relaxed);
	if (!show)
		return SOURCE_PASS;
	flockfile(stdout);
	printf("{\"worker\": %u, \"iface\": %u, \"frame\": %" PRIu64 ", \"time\": %" PRId64
	       ", \"wirelen\": %u, \"link\": %d, \"data\": \"",
	       w->number, f->raw.file, f->raw.frame, f->raw.time, f->raw.wirelen, f->raw.linktype);
	for (i = 0; i < f->raw.caplen; i++)
		printf("%02x", f->raw.data[i]);
	puts("\"}");
	funlockfile(stdout);
	return SOURCE_PASS;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct source_handler h = {.frame = frame, .user = w};
	int n;

	while (!atomic_load(&ending)) {
		n = w->source->ops->run(w->source, 50, &h);
		if (n < 0) {
			fprintf(stderr, "broken: %s\n", w->source->ops->error(w->source));
			exit(3);
		}
		if (n == 0)
			fflush(stdout);
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
			printf("%s{\"worker\": %u, \"iface\": \"%s\", \"packets\": %" PRIu64
			       ", \"bytes\": %" PRIu64 ", \"kernel_drops\": %" PRIu64
			       ", \"interface_drops\": %" PRIu64 ", \"both\": %" PRIu64
			       ", \"one\": %" PRIu64 ", \"up\": %s}",
			       i || k ? ", " : "", i, st[k].iface, st[k].packets, st[k].bytes,
			       st[k].kernel_drops, st[k].interface_drops, st[k].in[0], st[k].in[1],
			       st[k].up ? "true" : "false");
	}
	printf("]}\n");
	fflush(stdout);
	funlockfile(stdout);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !*text || n > UINT32_MAX) {
		fprintf(stderr, "source_probe: '%s' is no number\n", text);
		exit(2);
	}
	return (uint32_t)n;
}

static enum live_timestamps timestamps(const char *text)
{
	if (strcmp(text, "adapter") == 0)
		return LIVE_TS_ADAPTER;
	return strcmp(text, "adapter_unsynced") == 0 ? LIVE_TS_ADAPTER_UNSYNCED : LIVE_TS_HOST;
}

static void options(int argc, char **argv, struct live_config *cfg)
{
	static const struct option list[] = {
		{"workers", required_argument, NULL, 'w'},
		{"filter", required_argument, NULL, 'f'},
		{"snaplen", required_argument, NULL, 's'},
		{"buffer", required_argument, NULL, 'b'},
		{"immediate", no_argument, NULL, 'i'},
		{"timestamps", required_argument, NULL, 't'},
		{"frames", no_argument, NULL, 'F'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'w':
			cfg->workers = number(optarg);
			break;
		case 'f':
			cfg->filter = optarg;
			break;
		case 's':
			cfg->snaplen = number(optarg);
			break;
		case 'b':
			cfg->buffer = number(optarg);
			break;
		case 'i':
			cfg->immediate = true;
			break;
		case 't':
			cfg->timestamps = timestamps(optarg);
			break;
		case 'F':
			show = true;
			break;
		default:
			exit(2);
		}
	}
	if (optind == argc || !cfg->workers || cfg->workers > WORKERS_MAX) {
		fprintf(stderr, "source_probe: interfaces, and 1 to %d workers\n", WORKERS_MAX);
		exit(2);
	}
	cfg->ifaces = (const char *const *)argv + optind;
}

int main(int argc, char **argv)
{
	struct live_config cfg = {.workers = 1, .promiscuous = true, .group = 7};
	char err[512], notice[512];
	sigset_t set;
	unsigned i;
	int sig;

	options(argc, argv, &cfg);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < cfg.workers; i++) {
		cfg.worker = workers[i].number = i;
		workers[i].source = live_open(&cfg, err, sizeof(err), notice, sizeof(notice));
		if (!workers[i].source) {
			fprintf(stderr, "error: %s\n", err);
			return 3;
		}
		if (*notice)
			fprintf(stderr, "notice: %s\n", notice);
	}
	for (i = 0; i < cfg.workers; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 3;
	puts("ready");
	fflush(stdout);
	while (sigwait(&set, &sig) == 0 && sig != SIGTERM)
		print_counts(cfg.workers);
	atomic_store(&ending, true);
	for (i = 0; i < cfg.workers; i++)
		pthread_join(workers[i].thread, NULL);
	print_counts(cfg.workers);
	for (i = 0; i < cfg.workers; i++)
		workers[i].source->ops->close(workers[i].source);
	return 0;
}
