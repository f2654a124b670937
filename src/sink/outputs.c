#include "sink/outputs.h"

#include "detect/engine.h"
#include "sink/join.h"
#include "sink/parcel.h"
#include "sink/shape.h"
#include "sink/wire_socket.h"
#include "sink/wire_tls.h"
#include "sink/writer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define RING_BYTES (4u << 20) /* of a producer */
#define ROUND	   64	      /* records of one producer before the next one's turn */
#define MS	   INT64_C(1000000)
#define OVER	   (1u << 31) /* in a ring, beside enum engine_event: id of an incident */

/* A worker's sink: incidents go as parcels, everything else as EVE already. */
struct feeder {
	struct sink sink;
	struct ring *ring;
	struct sink *eve; /* writes into text */
	struct shape_text text;
	atomic_uint_fast64_t lost, given_up; /* the ring had no room */
};

struct outputs {
	struct writer writer[OUTPUTS_MAX];
	struct output_config cfg[OUTPUTS_MAX];
	unsigned count, events;
	struct feeder *feeder;
	unsigned producers;
	struct bell bell; /* of the dispatcher */
	struct join *join;
	struct shape *shape;
	struct outputs_tap tap; /* wants NULL: none */
	pthread_t dispatcher;
	atomic_bool ending;
	bool started, ended;
	char *spool_dir; /* NULL: none */
};

/* --- producers --- */

static void put_other(struct feeder *f, unsigned event)
{
	if (f->text.cut || !ring_put(f->ring, event, f->text.data, f->text.used, false))
		atomic_fetch_add_explicit(&f->given_up, 1, memory_order_relaxed);
}

static void on_alert(struct sink *s, const struct incident *i)
{
	_Alignas(8) char parcel[PARCEL_MAX];
	struct feeder *f = (struct feeder *)s;
	size_t len = parcel_pack(i, parcel);

	if (!ring_put(f->ring, ENGINE_ALERT, parcel, len, true))
		atomic_fetch_add_explicit(&f->lost, 1, memory_order_relaxed);
}

/* Nobody is told of it, so it may be lost: then join waits for it in vain. */
static void on_over(struct sink *s, const struct incident *i)
{
	struct feeder *f = (struct feeder *)s;

	ring_put(f->ring, OVER, &i->id, sizeof(i->id), false);
}

static void on_flow(struct sink *s, const struct flow *flow, const struct sink_names *n, int why)
{
	struct feeder *f = (struct feeder *)s;

	shape_clear(&f->text);
	f->eve->ops->flow(f->eve, flow, n, why);
	put_other(f, ENGINE_FLOW);
}

static void on_op(struct sink *s, const struct flow *flow, const struct sink_names *n,
		  const struct op *op)
{
	struct feeder *f = (struct feeder *)s;

	shape_clear(&f->text);
	f->eve->ops->op(f->eve, flow, n, op);
	put_other(f, ENGINE_OP);
}

static void on_anomaly(struct sink *s, const struct flow *flow, const struct packet *p,
		       const struct anomaly *a)
{
	struct feeder *f = (struct feeder *)s;

	shape_clear(&f->text);
	f->eve->ops->anomaly(f->eve, flow, p, a);
	put_other(f, ENGINE_ANOMALY);
}

static void on_stats(struct sink *s, int64_t time, const struct sink_stats *list)
{
	struct feeder *f = (struct feeder *)s;

	shape_clear(&f->text);
	f->eve->ops->stats(f->eve, time, list);
	put_other(f, ENGINE_STATS);
}

static bool on_flush(struct sink *s)
{
	(void)s; /* the dispatcher takes what there is at once */
	return true;
}

static void on_free(struct sink *s)
{
	(void)s; /* owned by the outputs */
}

static const struct sink_ops feeder_ops = {
	.alert = on_alert,
	.over = on_over,
	.flow = on_flow,
	.op = on_op,
	.anomaly = on_anomaly,
	.stats = on_stats,
	.flush = on_flush,
	.free = on_free,
};

static bool make_feeder(struct outputs *o, struct feeder *f)
{
	const struct sink_put to = {.bytes = shape_bytes, .user = &f->text};

	f->sink.ops = &feeder_ops;
	f->ring = ring_new(RING_BYTES, &o->bell);
	f->eve = sink_eve_new(&to, FINDING_EN); /* only alerts have words of a language */
	return f->ring && f->eve;
}

struct sink *outputs_sink(struct outputs *o, unsigned producer)
{
	return producer < o->producers ? &o->feeder[producer].sink : NULL;
}

unsigned outputs_events(const struct outputs *o)
{
	return o->events;
}

void outputs_tap(struct outputs *o, const struct outputs_tap *tap)
{
	o->tap = *tap;
	o->events |= ENGINE_ALERT;
}

/* --- the dispatcher --- */

static void hand_over(struct writer *w, uint32_t event, const char *data, size_t len)
{
	if (len && len <= WIRE_RECORD &&
	    ring_put(w->queue, event, data, len, event == ENGINE_ALERT))
		return;
	atomic_fetch_add(event == ENGINE_ALERT ? &w->lost : &w->given_up, 1);
}

static void tell_alert(void *user, const struct incident *i)
{
	struct outputs *o = user;
	const struct output_config line = {.kind = OUTPUT_FILE, .lang = o->tap.lang};
	unsigned n;
	size_t len;

	shape_next(o->shape);
	if (o->tap.wants && o->tap.wants(o->tap.user, i)) {
		const char *data = shape_alert(o->shape, &line, i, &len);

		if (len)
			o->tap.alert(o->tap.user, data, len);
	}
	for (n = 0; n < o->count; n++) {
		const char *data;

		if (!(o->cfg[n].events & ENGINE_ALERT))
			continue;
		data = shape_alert(o->shape, &o->cfg[n], i, &len);
		hand_over(&o->writer[n], ENGINE_ALERT, data, len);
	}
}

static void tell_other(struct outputs *o, uint32_t event, const char *eve, size_t len)
{
	unsigned n;
	size_t used;

	shape_next(o->shape);
	for (n = 0; n < o->count; n++)
		if (o->cfg[n].events & event) {
			const char *data =
				shape_other(o->shape, &o->cfg[n], event, eve, len, &used);

			hand_over(&o->writer[n], event, data, used);
		}
}

static bool take_from(struct outputs *o, struct feeder *f, int64_t now)
{
	unsigned n;

	for (n = 0; n < ROUND; n++) {
		uint32_t event;
		size_t len;
		void *data = ring_peek(f->ring, &event, &len);

		if (!data)
			break;
		if (event == ENGINE_ALERT)
			join_take(o->join, parcel_open(data), now);
		else if (event == OVER)
			join_over(o->join, *(const uint64_t *)data);
		else
			tell_other(o, event, data, len);
		ring_release(f->ring);
	}
	return n > 0;
}

static bool take_round(struct outputs *o)
{
	int64_t now = bell_now();
	bool any = false;
	unsigned n;

	for (n = 0; n < o->producers; n++)
		any |= take_from(o, &o->feeder[n], now);
	return any;
}

static bool is_empty(const struct outputs *o)
{
	unsigned n;

	for (n = 0; n < o->producers; n++)
		if (ring_used(o->feeder[n].ring))
			return false;
	return true;
}

static void *dispatch(void *arg)
{
	struct outputs *o = arg;
	int64_t ticked = bell_now();
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		struct pollfd p = {.fd = o->bell.fd, .events = POLLIN};
		bool ending = atomic_load(&o->ending), any = take_round(o);
		int64_t now = bell_now();

		if (now - ticked >= 1000 * MS) {
			ticked = now;
			join_tick(o->join, now);
		}
		if (any)
			continue;
		if (ending)
			break;
		bell_lie_down(&o->bell);
		if (is_empty(o) && !atomic_load(&o->ending))
			poll(&p, 1, 1000);
		bell_get_up(&o->bell);
	}
	join_flush(o->join);
	return NULL;
}

/* --- life --- */

static bool is_syslog(const struct output_config *c)
{
	return c->kind == OUTPUT_SYSLOG_UDP || c->kind == OUTPUT_SYSLOG_TCP ||
	       c->kind == OUTPUT_SYSLOG_TLS;
}

static void name_it(const struct output_config *c, char *out, size_t size)
{
	static const char *const schemes[] = {[OUTPUT_SYSLOG_UDP] = "udp",
					      [OUTPUT_SYSLOG_TCP] = "tcp",
					      [OUTPUT_SYSLOG_TLS] = "tls"};

	if (is_syslog(c))
		snprintf(out, size,
			 strchr(c->host, ':') ? "syslog %s://[%s]:%u" : "syslog %s://%s:%u",
			 schemes[c->kind], c->host, c->port);
	else if (c->kind == OUTPUT_JOURNAL)
		snprintf(out, size, "journal");
	else if (strcmp(c->path, "-") == 0)
		snprintf(out, size, "standard output");
	else
		snprintf(out, size, "%s %s", c->kind == OUTPUT_UNIX ? "unix" : "file", c->path);
}

/* A folder of its own in the spool: readable, and no two alike. */
static bool open_spool(struct outputs *o, struct writer *w, const struct output_config *c,
		       char *err, size_t errlen)
{
	char dir[192];
	size_t n;

	n = (size_t)snprintf(dir, sizeof(dir), "%s-%08lx", w->name,
			     crc32(0, (const unsigned char *)w->name, (unsigned)strlen(w->name)));
	while (n-- > 0)
		if (!((dir[n] >= 'a' && dir[n] <= 'z') || (dir[n] >= 'A' && dir[n] <= 'Z') ||
		      (dir[n] >= '0' && dir[n] <= '9') || (dir[n] == '.' && n > 0)))
			dir[n] = '-';
	w->spool = spool_open(o->spool_dir, dir, c->spool_bytes, err, errlen);
	return w->spool;
}

static struct wire *make_wire(const struct output_config *c, char *err, size_t errlen)
{
	snprintf(err, errlen, "out of memory");
	if (c->kind == OUTPUT_FILE)
		return wire_file_new(c, err, errlen);
	if (c->kind == OUTPUT_SYSLOG_TLS)
		return wire_tls_new(c, err, errlen);
	return wire_socket_new(c);
}

static bool make_output(struct outputs *o, unsigned n, char *err, size_t errlen)
{
	struct writer *w = &o->writer[n];
	struct output_config *c = &o->cfg[n];

	w->bell.fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	if (is_syslog(c) && !c->port)
		c->port = c->kind == OUTPUT_SYSLOG_TLS ? 6514 : 514;
	if (!c->events)
		c->events = ENGINE_ALERT;
	name_it(c, w->name, sizeof(w->name));
	atomic_init(&w->takes, true);
	if (!bell_make(&w->bell) || !(w->queue = ring_new(WRITER_QUEUE, &w->bell))) {
		snprintf(err, errlen, "%s: out of memory or descriptors", w->name);
		return false;
	}
	w->wire = make_wire(c, err, errlen);
	if (!w->wire)
		return false;
	o->events |= c->events;
	return !o->spool_dir || !c->spool_bytes || open_spool(o, w, c, err, errlen);
}

static bool make_all(struct outputs *o, const struct output_config *list, unsigned count, char *err,
		     size_t errlen)
{
	unsigned n;

	if (o->spool_dir && mkdir(o->spool_dir, 0750) != 0 && errno != EEXIST) {
		snprintf(err, errlen, "spool %s: %s", o->spool_dir, strerror(errno));
		return false;
	}
	for (n = 0; n < count; n++) {
		o->cfg[n] = list[n];
		o->count = n + 1;
		if (!make_output(o, n, err, errlen))
			return false;
	}
	o->join = join_new(tell_alert, o);
	o->shape = shape_new();
	o->feeder = calloc(o->producers ? o->producers : 1, sizeof(*o->feeder));
	if (!o->join || !o->shape || !o->feeder || !bell_make(&o->bell)) {
		snprintf(err, errlen, "out of memory or descriptors");
		return false;
	}
	for (n = 0; n < o->producers; n++)
		if (!make_feeder(o, &o->feeder[n])) {
			snprintf(err, errlen, "out of memory");
			return false;
		}
	return true;
}

struct outputs *outputs_new(const struct output_config *list, unsigned count, const char *spool_dir,
			    unsigned producers, char *err, size_t errlen)
{
	struct outputs *o = calloc(1, sizeof(*o));

	snprintf(err, errlen, "out of memory");
	if (!o)
		return NULL;
	o->bell.fd = -1;
	o->producers = producers;
	if (count > OUTPUTS_MAX) {
		snprintf(err, errlen, "more than %d outputs", OUTPUTS_MAX);
	} else if ((!spool_dir || (o->spool_dir = strdup(spool_dir))) &&
		   make_all(o, list, count, err, errlen)) {
		return o;
	}
	outputs_free(o);
	return NULL;
}

bool outputs_start(struct outputs *o, char *err, size_t errlen)
{
	unsigned n;
	bool good = true;

	for (n = 0; n < o->count; n++)
		good = good && writer_start(&o->writer[n]);
	o->started = good && pthread_create(&o->dispatcher, NULL, dispatch, o) == 0;
	if (!o->started)
		snprintf(err, errlen, "no thread for an output");
	return o->started;
}

void outputs_reopen(struct outputs *o)
{
	unsigned n;

	for (n = 0; n < o->count; n++) {
		atomic_store(&o->writer[n].reopen, true);
		bell_ring(&o->writer[n].bell);
	}
}

static void stats_of(const struct outputs *o, struct writer *w, struct output_stats *s)
{
	unsigned n;

	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", w->name);
	s->written = atomic_load(&w->written);
	s->spooled = atomic_load(&w->spooled);
	s->waiting =
		ring_waiting(w->queue) + atomic_load(&w->in_spool) + atomic_load(&w->in_flight);
	s->lost = atomic_load(&w->lost);
	s->given_up = atomic_load(&w->given_up);
	s->takes = atomic_load(&w->takes);
	pthread_mutex_lock(&w->lock);
	snprintf(s->error, sizeof(s->error), "%s", w->error);
	pthread_mutex_unlock(&w->lock);
	/* What no ring took, no output has. */
	for (n = 0; n < o->producers; n++) {
		s->lost += atomic_load(&o->feeder[n].lost);
		s->given_up += atomic_load(&o->feeder[n].given_up);
	}
}

unsigned outputs_stats(struct outputs *o, struct output_stats *out, unsigned max)
{
	unsigned n;

	for (n = 0; n < o->count && n < max; n++)
		stats_of(o, &o->writer[n], &out[n]);
	return n;
}

/* The dispatcher first: what it has goes to the writers. */
static void end_dispatcher(struct outputs *o)
{
	if (!o->started || o->ended)
		return;
	atomic_store(&o->ending, true);
	bell_ring(&o->bell);
	pthread_join(o->dispatcher, NULL);
	o->ended = true;
}

void outputs_drain(struct outputs *o, int64_t ns)
{
	int64_t until = bell_now() + ns;
	unsigned n;

	end_dispatcher(o);
	for (n = 0; n < o->count; n++)
		writer_stop(&o->writer[n], until);
	for (n = 0; n < o->count; n++)
		writer_wait(&o->writer[n]);
}

void outputs_free(struct outputs *o)
{
	unsigned n;

	if (!o)
		return;
	end_dispatcher(o);
	for (n = 0; n < o->count; n++)
		writer_stop(&o->writer[n], 0);
	for (n = 0; n < o->count; n++)
		writer_free(&o->writer[n]);
	for (n = 0; o->feeder && n < o->producers; n++) {
		ring_free(o->feeder[n].ring);
		if (o->feeder[n].eve)
			o->feeder[n].eve->ops->free(o->feeder[n].eve);
	}
	free(o->feeder);
	join_free(o->join);
	shape_free(o->shape);
	if (o->bell.fd >= 0)
		close(o->bell.fd);
	free(o->spool_dir);
	free(o);
}
