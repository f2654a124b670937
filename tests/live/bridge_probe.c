/*
 * bridge_probe A B - a bridge with nothing behind it but a few wishes of the tests.
 *
 *   -w N       workers
 *   -c         cut when stopped (else the wire stays)
 *   -m         look at frames: those that hold "kidoban-drop" are dropped, "kidoban-edit" becomes
 *              "KIDOBAN-EDIT" in place, "kidoban-hang" hangs the worker for 2 s
 *   -r FILE    ruleset of the wire
 *   -f PRIO    SCHED_FIFO for the workers
 *   -b BYTES   of the receive ring
 *   -s         slow: a frame of type 0x88b5 takes 5 ms
 *
 * Says "ready" once all workers run and have beaten. SIGUSR1: the counts. SIGTERM: an orderly end,
 * with the counts.
 */
#include "capture/bridge.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 8

static struct source *source[WORKERS_MAX];
static _Atomic uint64_t loops[WORKERS_MAX];
static atomic_bool stop;
static bool marks, slow;
static uint64_t partial;

static enum source_do look(void *user, struct source_frame *f)
{
	static const char hang[] = "kidoban-hang", drop[] = "kidoban-drop", edit[] = "kidoban-edit";
	uint8_t *at;

	(void)user;
	if (slow && f->raw.caplen >= 14 && f->data[12] == 0x88 && f->data[13] == 0xb5)
		usleep(5000);
	if (!marks)
		return SOURCE_PASS;
	partial += f->checksum_partial;
	if (memmem(f->data, f->raw.caplen, drop, sizeof(drop) - 1))
		return SOURCE_DROP;
	at = memmem(f->data, f->raw.caplen, edit, sizeof(edit) - 1);
	if (at)
		memcpy(at, "KIDOBAN-EDIT", 12);
	if (memmem(f->data, f->raw.caplen, hang, sizeof(hang) - 1))
		sleep(2);
	return SOURCE_PASS;
}

static void *work(void *user)
{
	const struct source_handler h = {look, NULL};
	struct source *s = *(struct source **)user;
	size_t n = (size_t)((struct source **)user - source);

	while (!atomic_load(&stop)) {
		if (s->ops->run(s, 50, &h) < 0) {
			fprintf(stderr, "broken: %s\n", s->ops->error(s));
			break;
		}
		atomic_fetch_add(&loops[n], 1);
	}
	s->ops->aside(s);
	while (s->ops->run(s, 0, &h) > 0)
		;
	return NULL;
}

static void report(unsigned workers)
{
	struct source_stats st[2];
	unsigned w, i;

	for (w = 0; w < workers; w++) {
		source[w]->ops->stats(source[w], st, 2);
		for (i = 0; i < 2; i++)
			printf("{\"worker\": %u, \"iface\": \"%s\", \"packets\": %" PRIu64
			       ", \"bytes\": %" PRIu64 ", \"kernel_drops\": %" PRIu64
			       ", \"interface_drops\": %" PRIu64 ", \"sent\": %" PRIu64
			       ", \"send_failed\": %" PRIu64 ", \"unseen\": %" PRIu64
			       ", \"overloads\": %" PRIu64 ", \"up\": %d, \"partial\": %" PRIu64
			       "}\n",
			       w, st[i].iface, st[i].packets, st[i].bytes, st[i].kernel_drops,
			       st[i].interface_drops, st[i].sent, st[i].send_failed, st[i].unseen,
			       st[i].overloads, st[i].up, partial);
	}
	printf("end\n");
	fflush(stdout);
}

/* Until a signal asks for an end. */
static void beat(unsigned workers)
{
	uint64_t seen[WORKERS_MAX] = {0};
	const struct timespec every = {0, 100 * 1000 * 1000};
	bool ready = false;
	sigset_t set;
	unsigned w;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	for (;;) {
		unsigned alive = 0;
		int sig;

		for (w = 0; w < workers; w++) {
			uint64_t now = atomic_load(&loops[w]);

			if (now != seen[w]) {
				source[w]->ops->beat(source[w]);
				alive++;
			}
			seen[w] = now;
		}
		if (!ready && alive == workers) {
			ready = true;
			printf("ready\n");
			fflush(stdout);
		}
		sig = sigtimedwait(&set, NULL, &every);
		if (sig == SIGUSR1)
			report(workers);
		if (sig == SIGTERM)
			return;
	}
}

static char *read_all(const char *path)
{
	static char text[1 << 16];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return f ? text : NULL;
}

int main(int argc, char **argv)
{
	struct bridge_config cfg = {.when_stopped_open = true, .workers = 1, .group = 77};
	struct sched_param prio = {0};
	pthread_t thread[WORKERS_MAX];
	char err[400];
	sigset_t set;
	unsigned w;
	int o;

	while ((o = getopt(argc, argv, "w:cmr:f:b:s")) != -1) {
		if (o == 'w')
			cfg.workers = (unsigned)strtoul(optarg, NULL, 10);
		else if (o == 'c')
			cfg.when_stopped_open = false;
		else if (o == 'm')
			marks = true;
		else if (o == 'r')
			cfg.wire = read_all(optarg);
		else if (o == 'b')
			cfg.buffer = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 's')
			slow = true;
		else if (o == 'f')
			prio.sched_priority = (int)strtol(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind != 2 || cfg.workers < 1 || cfg.workers > WORKERS_MAX) {
		fprintf(stderr,
			"usage: bridge_probe [-w N] [-cms] [-r FILE] [-f PRIO] [-b BYTES] A B\n");
		return 2;
	}
	cfg.iface[0] = argv[optind];
	cfg.iface[1] = argv[optind + 1];
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (w = 0; w < cfg.workers; w++) {
		cfg.worker = w;
		source[w] = bridge_open(&cfg, err, sizeof(err));
		if (!source[w]) {
			fprintf(stderr, "%s\n", err);
			return 3;
		}
	}
	for (w = 0; w < cfg.workers; w++) {
		pthread_create(&thread[w], NULL, work, &source[w]);
		if (prio.sched_priority && pthread_setschedparam(thread[w], SCHED_FIFO, &prio) != 0)
			fprintf(stderr, "no SCHED_FIFO\n");
	}
	beat(cfg.workers);
	atomic_store(&stop, true);
	for (w = 0; w < cfg.workers; w++)
		pthread_join(thread[w], NULL);
	report(cfg.workers);
	for (w = 0; w < cfg.workers; w++)
		source[w]->ops->close(source[w]);
	return 0;
}
