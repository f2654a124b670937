/*
 * How fast is a replay, beside doing nothing but reading the file?
 *
 *      bench_replay [--packets N] [--require RATIO] [--rounds N] [--folder FOLDER] --policy FILE
 *                   NAME PORT[,PORT...]|all SOURCE.pcap...
 *
 * Makes one long capture of the sources: their frames from or to the ports, over and over. Each
 * time around the client's port moves on, so that the flows are new, and the clock moves on, so
 * that the old ones end; checksums follow (RFC 1624). The sources' addresses stay, because the
 * policy knows them. The file, in FOLDER and removed at the end, has just been written and so is
 * in memory. Measured in turns: a bare libpcap loop that touches each packet, and the whole replay
 * with the policy and without output. The best round of each counts, since anything else on the
 * machine only slows them down.
 *
 * Resident memory is sampled by a timer during the first replay, and compared between the middle
 * and the end: it grows until flows time out as fast as new ones come, which takes the longest
 * timeout, an hour of packet time.
 */
#include "cmd/cmd.h"
#include "detect/engine.h"
#include "flow/table.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX    65536u
#define PORTS_MAX     8
#define EPHEMERAL     32768u /* a client's port is one of the upper half */
#define SAMPLES_MAX   100000u
#define SAMPLE_US     5000
#define GAP_US	      200000 /* between two loops */
#define GROWTH_FACTOR 1.05   /* above this, memory is not flat */

struct frame {
	uint8_t *data;
	struct pcap_pkthdr head;
	uint32_t shift_at; /* where the client's port is; 0: nowhere */
	uint32_t check_at; /* where the transport checksum is */
	uint16_t port;	   /* the client's, as captured */
	bool udp;
};

static struct frame frames[FRAMES_MAX];
static size_t count;
static uint16_t ports[PORTS_MAX];
static unsigned port_count; /* 0: all */

static uint32_t samples[SAMPLES_MAX]; /* resident pages */
static volatile uint32_t sampled;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench_replay: %s: %s\n", what, why);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Async-signal-safe: open, read, close and arithmetic. */
static void sample(int sig)
{
	char buf[64];
	uint32_t pages = 0;
	ssize_t n, i = 0;
	int fd = open("/proc/self/statm", O_RDONLY);

	(void)sig;
	if (fd < 0)
		return;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	while (i < n && buf[i] != ' ')
		i++;
	for (i++; i < n && buf[i] >= '0' && buf[i] <= '9'; i++)
		pages = pages * 10 + (uint32_t)(buf[i] - '0');
	if (sampled < SAMPLES_MAX)
		samples[sampled++] = pages;
}

static void timer(long us)
{
	const struct itimerval t = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &t, NULL);
}

/* ---- the long capture ---- */

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool wanted(uint16_t a, uint16_t b)
{
	unsigned i;

	for (i = 0; i < port_count; i++)
		if (a == ports[i] || b == ports[i])
			return true;
	return port_count == 0;
}

/* Finds the client's port of an Ethernet, IPv4, TCP or UDP frame; false: the frame is not wanted.
 */
static bool prepare(struct frame *f)
{
	const uint8_t *d = f->data;
	uint32_t l4, len = f->head.caplen;
	uint16_t src, dst;

	f->shift_at = 0;
	if (len < 42 || be16(d + 12) != 0x0800 || (d[23] != 6 && d[23] != 17))
		return port_count == 0;
	l4 = 14 + (d[14] & 15u) * 4;
	f->udp = d[23] == 17;
	f->check_at = l4 + (f->udp ? 6 : 16);
	if (f->check_at + 2 > len)
		return port_count == 0;
	src = be16(d + l4);
	dst = be16(d + l4 + 2);
	if (src >= EPHEMERAL && src > dst) {
		f->shift_at = l4;
		f->port = src;
	} else if (dst >= EPHEMERAL) {
		f->shift_at = l4 + 2;
		f->port = dst;
	}
	return wanted(src, dst);
}

static int by_time(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	if (x->head.ts.tv_sec != y->head.ts.tv_sec)
		return x->head.ts.tv_sec < y->head.ts.tv_sec ? -1 : 1;
	return (x->head.ts.tv_usec > y->head.ts.tv_usec) -
	       (x->head.ts.tv_usec < y->head.ts.tv_usec);
}

/* Several sources run side by side: each is moved to begin at the same second. */
static void load(const char *path)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, err);
	struct pcap_pkthdr *head;
	const uint8_t *data;
	time_t first = -1;

	if (!p)
		fail(path, err);
	if (pcap_datalink(p) != DLT_EN10MB)
		fail(path, "not Ethernet");
	while (pcap_next_ex(p, &head, &data) == 1 && count < FRAMES_MAX) {
		struct frame *f = &frames[count];

		f->head = *head;
		f->data = malloc(head->caplen);
		if (!f->data)
			fail(path, "out of memory");
		memcpy(f->data, data, head->caplen);
		if (!prepare(f)) {
			free(f->data);
			continue;
		}
		if (first < 0)
			first = head->ts.tv_sec;
		f->head.ts.tv_sec += 1700000000 - first;
		count++;
	}
	pcap_close(p);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The client's port of loop n; RFC 1624, equation 3 for the checksum. */
static void shift(struct frame *f, uint64_t n)
{
	uint16_t was, now_, check;
	uint32_t sum;

	if (!f->shift_at)
		return;
	was = be16(f->data + f->shift_at);
	now_ = (uint16_t)(EPHEMERAL + (f->port - EPHEMERAL + n * 7) % (65536 - EPHEMERAL));
	check = be16(f->data + f->check_at);
	put16(f->data + f->shift_at, now_);
	if (f->udp && check == 0)
		return;
	sum = (uint16_t)~check + (uint32_t)(uint16_t)~was + now_;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(f->data + f->check_at, (uint16_t)~sum);
}

/* *span: ns of packet time from the first to the last packet. */
static uint64_t make(const char *path, uint64_t packets, int64_t *span)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 262144);
	pcap_dumper_t *out = p ? pcap_dump_open(p, path) : NULL;
	int64_t start, length, us;
	uint64_t loop, made = 0;
	size_t i;

	if (!out)
		fail(path, p ? pcap_geterr(p) : "out of memory");
	qsort(frames, count, sizeof(*frames), by_time);
	start = (int64_t)frames[0].head.ts.tv_sec * 1000000 + frames[0].head.ts.tv_usec;
	us = (int64_t)frames[count - 1].head.ts.tv_sec * 1000000 +
	     frames[count - 1].head.ts.tv_usec;
	length = us - start + GAP_US;
	for (loop = 0; made < packets; loop++) {
		for (i = 0; i < count; i++, made++) {
			struct pcap_pkthdr head = frames[i].head;

			us = (int64_t)head.ts.tv_sec * 1000000 + head.ts.tv_usec +
			     (int64_t)loop * length;
			head.ts.tv_sec = us / 1000000;
			head.ts.tv_usec = us % 1000000;
			shift(&frames[i], loop);
			pcap_dump((u_char *)out, &head, frames[i].data);
		}
	}
	if (pcap_dump_flush(out) < 0)
		fail(path, "could not be written");
	pcap_dump_close(out);
	pcap_close(p);
	*span = (int64_t)loop * length * 1000;
	return made;
}

/* ---- what is measured ---- */

static volatile uint64_t touched; /* so that no compiler drops the loop */

static double bare(const char *path, uint64_t packets)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, err);
	struct pcap_pkthdr *head;
	const uint8_t *data;
	double start = now();
	uint64_t n = 0, sum = 0;

	if (!p)
		fail(path, err);
	while (pcap_next_ex(p, &head, &data) == 1) {
		sum += data[0];
		n++;
	}
	touched = sum;
	pcap_close(p);
	if (n != packets)
		fail(path, "not all packets were read");
	return now() - start;
}

static double replay(char *path, const struct engine_config *cfg, struct cmd_input_result *result,
		     uint64_t *incidents)
{
	char *files[] = {path, NULL};
	struct cmd_input in = {.files = files};
	struct engine *e = engine_new(cfg);
	const struct finding *f;
	uint64_t told, times;
	double start = now();
	unsigned i;

	if (!e || !cmd_input_run(&in, &engine_handlers, e, result))
		fail(path, "out of memory");
	engine_flush(e);
	start = now() - start;
	*incidents = 0;
	for (i = 0; (f = catalogue_at(cfg->catalogue, i)); i++) {
		engine_counts(e, i, &told, &times);
		*incidents += told;
		if (told && getenv("BENCH_FINDINGS"))
			printf("    %s: %" PRIu64 " times\n", f->id, times);
	}
	engine_free(e);
	return start;
}

static void parse_ports(char *list)
{
	char *word;

	if (strcmp(list, "all") == 0)
		return;
	while ((word = strsep(&list, ",")) && port_count < PORTS_MAX)
		ports[port_count++] = (uint16_t)strtoul(word, NULL, 10);
}

/* Memory in the middle of the run and the most of its last tenth; true when it stayed flat. */
static bool memory(int64_t span)
{
	double page = (double)sysconf(_SC_PAGESIZE) / (1 << 20), early, late = 0;
	uint32_t i;

	if (sampled < 10 || span / 2 < 2 * table_timeout(TABLE_TCP_CLAIMED)) {
		printf("  memory    too short a run to say\n");
		return true;
	}
	early = samples[sampled / 2] * page;
	for (i = sampled - sampled / 10; i < sampled; i++)
		late = samples[i] * page > late ? samples[i] * page : late;
	printf("  memory    %.1f MiB in the middle, %.1f MiB at the end: %s\n", early, late,
	       late <= early * GROWTH_FACTOR ? "flat" : "GROWING");
	return late <= early * GROWTH_FACTOR;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"packets", required_argument, NULL, 'n'},
						{"require", required_argument, NULL, 'r'},
						{"rounds", required_argument, NULL, 'R'},
						{"policy", required_argument, NULL, 'p'},
						{"folder", required_argument, NULL, 'f'},
						{NULL, 0, NULL, 0}};
	struct sink *none[] = {NULL};
	struct engine_config cfg = {.sinks = none, .events = ENGINE_ALERT};
	struct cmd_input_result result;
	struct diag diag = {.count = 0};
	char path[4096];
	uint64_t packets = 5000000, incidents;
	double require = 0, bare_s = 1e9, replay_s = 1e9, ratio, s;
	const char *policy = NULL, *folder = ".";
	unsigned rounds = 3, round;
	int64_t span;
	bool good;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			packets = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			require = strtod(optarg, NULL);
		else if (c == 'R')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'p')
			policy = optarg;
		else if (c == 'f')
			folder = optarg;
		else
			return 2;
	}
	if (argc - optind < 3 || !policy || !rounds)
		fail("usage", "[--packets N] [--require RATIO] --policy FILE NAME PORTS SOURCE...");
	parse_ports(argv[optind + 1]);
	for (c = optind + 2; c < argc; c++)
		load(argv[c]);
	if (!count)
		fail(argv[optind], "no frames with these ports");
	cfg.policy = policy_load(policy, &diag);
	cfg.catalogue = catalogue_builtin(&diag);
	diag_print(&diag, stderr);
	if (!cfg.policy || !cfg.catalogue)
		return 2;

	snprintf(path, sizeof(path), "%s/bench-XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		fail(path, "cannot be made");
	close(fd);
	packets = make(path, packets, &span);
	signal(SIGALRM, sample);
	for (round = 0; round < rounds; round++) {
		s = bare(path, packets);
		bare_s = s < bare_s ? s : bare_s;
		timer(round == 0 ? SAMPLE_US : 0);
		s = replay(path, &cfg, &result, &incidents);
		timer(0);
		replay_s = s < replay_s ? s : replay_s;
	}
	unlink(path);

	ratio = bare_s / replay_s;
	printf("%s: %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " flows, %" PRIu64
	       " ops, %" PRIu64 " incidents\n",
	       argv[optind], result.packet.packets, result.packet.bytes, result.flow.flows,
	       result.flow.ops, incidents);
	printf("  libpcap   %.2f million packets/s (bare loop)\n", (double)packets / bare_s / 1e6);
	printf("  replay    %.2f million packets/s, %.0f ns each (policy on, no output, one "
	       "thread)\n",
	       (double)packets / replay_s / 1e6, replay_s / (double)packets * 1e9);
	printf("  ratio     %.2f%s\n", ratio,
	       require <= 0	  ? ""
	       : ratio >= require ? " (target met)"
				  : " (BELOW THE TARGET)");
	good = memory(span) && ratio >= require;
	printf("  per flow  %zu bytes, and up to %zu for the dissector\n", result.flow_bytes,
	       result.state_bytes);
	policy_free((struct policy *)(uintptr_t)cfg.policy);
	catalogue_free((struct catalogue *)(uintptr_t)cfg.catalogue);
	diag_free(&diag);
	while (count)
		free(frames[--count].data);
	return good ? 0 : 1;
}
