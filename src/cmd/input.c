/* Captures through decoder and tracker, with progress for people. */
#include "base/civil.h"
#include "cmd/cmd.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAUSE	       (60 * CIVIL_NS) /* ns; captures further apart are not one recording */
#define PROGRESS_EVERY 0x3fff /* packets between two looks at the clock, a power of two less 1 */

struct progress {
	bool on;	  /* standard error is a terminal */
	double start;	  /* seconds, monotonic */
	double shown;	  /* likewise, when the line was last written; 0: never */
	uint64_t packets; /* of all files */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/*
 * Incidents are told when they close: who ends "tcpdump -w - | kidoban replay -" with Ctrl-C wants
 * to see those that are open. The first signal ends the input (a read that waits is interrupted,
 * hence no SA_RESTART), the second ends the program. What the parent ignores stays ignored.
 */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct sigaction on = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND}, old;
	unsigned i;

	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &on, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void progress_show(struct progress *p, const struct pcap_file *f, const char *path)
{
	double t = now(), spent = t - p->start;
	uint64_t done, total;

	if (t - p->shown < 0.25)
		return;
	p->shown = t;
	pcap_file_progress(f, &done, &total);
	fprintf(stderr, "\r\033[K%s: %" PRIu64 " packets, %.0f packets/s", path, p->packets,
		(double)p->packets / spent);
	if (total && done)
		fprintf(stderr, ", %.0f %%, %.0f s left", 100.0 * (double)done / (double)total,
			spent * (double)(total - done) / (double)done);
	fflush(stderr);
}

static void progress_clear(struct progress *p)
{
	if (p->shown > 0)
		fputs("\r\033[K", stderr);
	p->shown = 0;
}

/* False when the file was not read to its end. */
static bool run_file(const struct cmd_input *in, const char *path, uint16_t number,
		     struct packet_decoder *d, struct flow_tracker *t, struct progress *p,
		     struct cmd_input_result *out)
{
	struct pcap_file *f;
	struct raw_packet raw;
	struct packet packet;
	char err[256];
	int64_t before = out->last_time;
	int got = 0;
	bool begun = false;

	f = pcap_file_open(path, err, sizeof(err));
	if (!f) {
		fprintf(stderr, "kidoban: %s: %s\n", path, err);
		return false;
	}
	out->files++;
	out->file = path;
	while (!stopped && (got = pcap_file_next(f, &raw)) > 0) {
		raw.file = number;
		if (!begun && before && in->resumed &&
		    (raw.time < before || raw.time - before > PAUSE))
			in->resumed(in->resumed_arg, raw.time);
		begun = true;
		packet_decode(d, &raw, &packet);
		flow_tracker_packet(t, &packet);
		out->last_time = raw.time;
		p->packets++;
		if (p->on && (p->packets & PROGRESS_EVERY) == 0)
			progress_show(p, f, path);
	}
	progress_clear(p);
	if (stopped)
		fprintf(stderr, "kidoban: %s: stopped; this is about what was read until then\n",
			path);
	else if (got < 0)
		fprintf(stderr, "kidoban: %s: %s\n", path, pcap_file_error(f));
	pcap_file_close(f);
	return got == 0 && !stopped;
}

bool cmd_input_run(const struct cmd_input *in, const struct flow_handlers *handlers, void *user,
		   struct cmd_input_result *out)
{
	struct packet_decoder *d = packet_decoder_new(&in->packet);
	struct flow_tracker *t = flow_tracker_new(&in->flow, handlers, user);
	struct progress p = {.on = isatty(STDERR_FILENO), .start = now()};
	bool good = d && t;
	char *const *file;

	memset(out, 0, sizeof(*out));
	if (good) {
		catch_signals();
		for (file = in->files; *file && !stopped; file++)
			if (!run_file(in, *file, (uint16_t)(file - in->files), d, t, &p, out))
				out->damaged++;
		out->stopped = stopped;
		flow_tracker_flush(t);
		out->packet = *packet_decoder_stats(d);
		out->flow = *flow_tracker_stats(t);
		flow_tracker_memory(t, &out->flow_bytes, &out->state_bytes);
	}
	flow_tracker_free(t);
	packet_decoder_free(d);
	return good;
}
