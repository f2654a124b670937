/*
 * outputs_drive - alerts at a rate through the outputs, for tests/live/outputs.py.
 *
 *   outputs_drive [-n COUNT] [-r PER_SECOND] [-p PRODUCERS] [-f FIRST] [-o OPS_PER_ALERT]
 *                 [-s SPOOL_DIR] [-b SPOOL_BYTES] [-d DRAIN_MS] [-i] OUTPUT...
 *
 * OUTPUT is KIND,FORMAT,TARGET[,key=value]...: file,eve,/tmp/x.json,rotate=65536,keep=3 or
 * tls,cef,localhost:6514,ca=/tmp/ca.pem. Every alert says "number N" with N from FIRST on.
 * SIGHUP opens files anew. -i: before the end it waits for a line on standard input, answering each
 * line "stats" with a line of statistics. At the end it prints them.
 */
#include "detect/engine.h"
#include "detect/incident.h"
#include "flow/flow.h"
#include "policy/policy.h"
#include "sink/outputs.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static const char *const attack[] = {"T0836", NULL};
static const char *const refs[] = {"iec62443:SR-3.5", NULL};

static const struct finding finding = {
	.id = "policy.value-out-of-range",
	.sid = 9100006,
	.rev = 1,
	.severity = 1,
	.threat_class = "tampering",
	.category = "Policy violation",
	.text = {{"Value | outside = range", "Meaning", "Next"}, {"範囲外の値", "意味", "対応"}},
	.attack = attack,
	.attack_class = {[OP_WRITE] = attack},
	.refs = refs,
};

struct producer {
	struct sink *sink;
	unsigned number;
	uint64_t count, first, step;
	int64_t ns; /* spent in the sink */
};

static struct outputs *outputs;
static uint64_t total = 1000, first;
static double rate;
static unsigned producers = 1, ops;
static atomic_bool stop;

static int64_t now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static struct incident alert(uint64_t n)
{
	struct incident i = {
		.finding = &finding,
		.id = n + 1,
		.phase = INCIDENT_OPENED,
		.severity = 1,
		.verdict = n % 2 ? "drop" : "alert",
		.done = n % 2 ? ACTION_DROP : ACTION_ALERT,
		.first = now(CLOCK_REALTIME),
		.count = 1,
		.flow_id = 42,
		.has_addr = true,
		.sport = 40000,
		.dport = 502,
		.ip_proto = 6,
		.app = "modbus",
		.src_zone = "control-info",
		.dst_zone = "control \"x\" ]\\",
		.src_asset = "hmi-1",
		.dst_asset = "plc-1",
		.conduit = "hmi-plc",
		.has_op = true,
		.op_proto = "modbus",
		.op_name = "write-single-register",
		.op_space = "holding",
		.op_class = OP_WRITE,
		.op_code = 6,
		.op_unit = 1,
		.op_first = 116,
		.op_count = 1,
		.object = "116",
		.values = "900",
		.expected = "conduit hmi-plc permits a=b|c \\ 0..450",
	};

	i.last = i.first;
	addr_parse("10.40.0.5", &i.src);
	addr_parse("10.50.0.11", &i.dst);
	snprintf(i.observed, sizeof(i.observed), "hmi-1 (10.40.0.5) wrote 900: number %" PRIu64, n);
	return i;
}

static void other(struct producer *p, uint64_t n)
{
	struct flow f = {
		.id = n + 1, .port = {40000, 502}, .ip_proto = 6, .first_frame = 1, .last = SECOND};
	const struct sink_names names = {.client_zone = "control-info"};

	addr_parse("10.40.0.5", &f.addr[0]);
	addr_parse("10.50.0.11", &f.addr[1]);
	p->sink->ops->flow(p->sink, &f, &names, FLOW_END_CLOSED);
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	int64_t begin = now(CLOCK_MONOTONIC);
	uint64_t k;
	unsigned o;

	for (k = 0; k < p->count && !atomic_load(&stop); k++) {
		struct incident i = alert(p->first + k * p->step);
		int64_t due = rate > 0 ? begin + (int64_t)((double)k * producers / rate * 1e9) : 0;
		int64_t at;

		while (due && (at = now(CLOCK_MONOTONIC)) < due) {
			struct timespec t = {.tv_nsec = due - at > 1000000 ? 1000000 : due - at};

			nanosleep(&t, NULL);
		}
		at = now(CLOCK_MONOTONIC);
		p->sink->ops->alert(p->sink, &i);
		for (o = 0; o < ops; o++)
			other(p, k);
		p->ns += now(CLOCK_MONOTONIC) - at;
	}
	return NULL;
}

static void print_stats(void)
{
	struct output_stats s[OUTPUTS_MAX];
	unsigned n = outputs_stats(outputs, s, OUTPUTS_MAX), k;

	printf("[");
	for (k = 0; k < n; k++)
		printf("%s{\"name\":\"%s\",\"written\":%" PRIu64 ",\"spooled\":%" PRIu64
		       ",\"waiting\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"given_up\":%" PRIu64
		       ",\"takes\":%s,\"error\":\"%s\"}",
		       k ? "," : "", s[k].name, s[k].written, s[k].spooled, s[k].waiting, s[k].lost,
		       s[k].given_up, s[k].takes ? "true" : "false", s[k].error);
	printf("]\n");
	fflush(stdout);
}

static void *on_signals(void *arg)
{
	sigset_t *set = arg;
	int sig;

	while (sigwait(set, &sig) == 0 && sig == SIGHUP)
		outputs_reopen(outputs);
	atomic_store(&stop, true);
	return NULL;
}

static uint64_t number(const char *s)
{
	return strtoull(s, NULL, 10);
}

static void option(struct output_config *c, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return;
	*value++ = '\0';
	if (strcmp(word, "rotate") == 0)
		c->rotate_bytes = number(value);
	else if (strcmp(word, "keep") == 0)
		c->rotate_keep = (unsigned)number(value);
	else if (strcmp(word, "events") == 0)
		c->events = (unsigned)number(value);
	else if (strcmp(word, "ca") == 0)
		c->ca = value;
	else if (strcmp(word, "cert") == 0)
		c->cert = value;
	else if (strcmp(word, "key") == 0)
		c->key = value;
	else if (strcmp(word, "spool") == 0)
		c->spool_bytes = number(value);
	else if (strcmp(word, "lang") == 0)
		c->lang = finding_lang(value);
}

static int word_of(const char *const *words, const char *word)
{
	int n;

	for (n = 0; words[n]; n++)
		if (strcmp(words[n], word) == 0)
			return n;
	fprintf(stderr, "outputs_drive: what is %s?\n", word);
	exit(2);
}

static struct output_config output(char *spec, uint64_t spool_bytes)
{
	static const char *const kinds[] = {"file", "unix", "udp", "tcp", "tls", "journal", NULL};
	static const char *const formats[] = {"eve", "cef", "text", NULL};
	struct output_config c = {.events = ENGINE_ALERT,
				  .facility = 13,
				  .rotate_keep = 5,
				  .spool_bytes = spool_bytes};
	char *kind = strsep(&spec, ","), *format = strsep(&spec, ","), *target = strsep(&spec, ",");
	char *colon;

	if (!target)
		exit(2);
	c.kind = (enum output_kind)word_of(kinds, kind);
	c.format = (enum output_format)word_of(formats, format);
	c.path = c.host = target;
	colon = strrchr(target, ':');
	if (c.kind >= OUTPUT_SYSLOG_UDP && c.kind <= OUTPUT_SYSLOG_TLS && colon) {
		*colon = '\0';
		c.port = (uint16_t)number(colon + 1);
	}
	while (spec)
		option(&c, strsep(&spec, ","));
	return c;
}

static void wait_for_the_end(void)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin) && strcmp(line, "stats\n") == 0)
		print_stats();
}

int main(int argc, char **argv)
{
	struct output_config list[OUTPUTS_MAX];
	struct producer p[64] = {{.sink = NULL}};
	pthread_t thread[64], signals;
	const char *spool = NULL;
	uint64_t spool_bytes = UINT64_C(100) << 20;
	int64_t drain = 20 * SECOND, spent = 0, began;
	bool interactive = false;
	unsigned n, k;
	sigset_t set;
	char err[256];
	int opt;

	while ((opt = getopt(argc, argv, "n:r:p:f:o:s:b:d:i")) != -1) {
		switch (opt) {
		case 'n':
			total = number(optarg);
			break;
		case 'r':
			rate = (double)number(optarg);
			break;
		case 'p':
			producers = (unsigned)number(optarg) % 64;
			break;
		case 'f':
			first = number(optarg);
			break;
		case 'o':
			ops = (unsigned)number(optarg);
			break;
		case 's':
			spool = optarg;
			break;
		case 'b':
			spool_bytes = number(optarg);
			break;
		case 'd':
			drain = (int64_t)number(optarg) * 1000000;
			break;
		case 'i':
			interactive = true;
			break;
		default:
			return 2;
		}
	}
	for (n = 0; optind < argc && n < OUTPUTS_MAX; n++)
		list[n] = output(argv[optind++], spool_bytes);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	outputs = outputs_new(list, n, spool, producers, err, sizeof(err));
	if (!outputs || !outputs_start(outputs, err, sizeof(err))) {
		fprintf(stderr, "outputs_drive: %s\n", err);
		return 3;
	}
	pthread_create(&signals, NULL, on_signals, &set);
	began = now(CLOCK_MONOTONIC);
	for (k = 0; k < producers; k++) {
		p[k] = (struct producer){.sink = outputs_sink(outputs, k),
					 .number = k,
					 .count = total / producers,
					 .first = first + k,
					 .step = producers};
		pthread_create(&thread[k], NULL, produce, &p[k]);
	}
	for (k = 0; k < producers; k++) {
		pthread_join(thread[k], NULL);
		spent += p[k].ns;
	}
	fprintf(stderr, "{\"ns_per_event\":%" PRId64 ",\"seconds\":%.3f}\n",
		spent / (int64_t)(total ? total * (1 + ops) : 1),
		(double)(now(CLOCK_MONOTONIC) - began) / 1e9);
	if (interactive)
		wait_for_the_end();
	outputs_drain(outputs, drain);
	print_stats();
	outputs_free(outputs);
	return 0;
}
