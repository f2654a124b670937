#include "capture/live_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SNAPLEN	       65535
#define BUFFER	       (64u << 20)
#define BATCH	       512 /* frames of one interface, then the next has its turn */
#define HOLD_NS	       (2 * BLOCK_MS * NS_PER_MS) /* by then other interfaces have handed over theirs */
#define LOOK_NS	       (500 * NS_PER_MS)
#define BACKOFF_MAX_NS (4 * NS_PER_S) /* between two tries to open an interface */

/* --- looking after the interfaces, twice a second --- */

static void port_retry(struct live_port *p, int64_t now)
{
	struct live *l = p->live;
	char err[PCAP_ERRBUF_SIZE], notice[256];
	bool up;

	if (now < p->retry)
		return;
	p->retry = now + p->pause;
	p->pause = p->pause * 2 < BACKOFF_MAX_NS ? p->pause * 2 : BACKOFF_MAX_NS;
	if (!live_port_look(l, p->name, &up))
		return;
	if (live_port_open(p, err, sizeof(err), notice, sizeof(notice)) == OPENED_FORBIDDEN)
		snprintf(
			l->error, sizeof(l->error),
			"%s is back, but may not be opened any more: kidoban must be started again",
			p->name);
}

static void look(struct live *l, int64_t now)
{
	unsigned i;
	bool up;

	if (now < l->look)
		return;
	l->look = now + LOOK_NS;
	for (i = 0; i < l->ports; i++) {
		struct live_port *p = &l->port[i];

		if (!p->pcap) {
			port_retry(p, now);
		} else if (live_port_look(l, p->name, &up) != p->index) {
			live_port_lost(p, now);
		} else {
			live_port_count_drops(p);
			atomic_store_explicit(&p->shown.up, up, memory_order_relaxed);
		}
	}
}

/* --- frames --- */

static int64_t time_of(const struct pcap_pkthdr *h)
{
	return h->ts.tv_sec * NS_PER_S + h->ts.tv_usec; /* nanoseconds were asked for */
}

static void on_frame(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct live_port *p = (struct live_port *)user;
	struct live *l = p->live;
	struct source_frame f = {.raw = {.data = data,
					 .caplen = h->caplen,
					 .wirelen = h->len,
					 .time = time_of(h),
					 .frame = p->packets + 1,
					 .linktype = p->linktype,
					 .file = p->number}};

	if (f.raw.time < p->since)
		return;
	p->packets++;
	p->bytes += h->caplen;
	if (p->linktype == DLT_EN10MB)
		ways_hear(&l->ways, data, h->caplen, f.raw.time);
	l->handler->frame(l->handler->user, &f);
}

/* One interface, or several whose clocks do not agree: as they come. */
static int take(struct live *l)
{
	int n = 0, rc;
	unsigned i;

	for (i = 0; i < l->ports; i++) {
		struct live_port *p = &l->port[i];

		if (!p->pcap)
			continue;
		rc = pcap_dispatch(p->pcap, BATCH, on_frame, (u_char *)p);
		if (rc < 0)
			live_port_lost(p, clock_ns(CLOCK_MONOTONIC));
		else
			n += rc;
	}
	return n;
}

/* The frame that came first of those at hand; *dry: some interface has none. */
static struct live_port *earliest(struct live *l, bool *dry)
{
	struct live_port *first = NULL;
	unsigned i;

	*dry = false;
	for (i = 0; i < l->ports; i++) {
		struct live_port *p = &l->port[i];
		int rc = 0;

		if (!p->pcap)
			continue;
		if (!p->data && !p->dry) {
			rc = pcap_next_ex(p->pcap, &p->head, &p->data);
			if (rc != 1) {
				p->data = NULL;
				p->dry = true;
			}
			if (rc < 0)
				live_port_lost(p, clock_ns(CLOCK_MONOTONIC));
		}
		if (!p->data)
			*dry = *dry || p->pcap;
		else if (!first || time_of(p->head) < time_of(first->head))
			first = p;
	}
	return first;
}

/*
 * A tap has an output for each direction, and an answer must not come before its question: frames
 * of several interfaces are merged by their time. An interface that has none may still hold back an
 * earlier one, in a block that is not full: then a frame waits until that is impossible. A time
 * that is not near now says that the clock was stepped; nothing waits for that.
 */
static int merge(struct live *l)
{
	int64_t now = clock_ns(CLOCK_REALTIME), age;
	struct live_port *first;
	unsigned i;
	bool dry;
	int n;

	for (i = 0; i < l->ports; i++)
		l->port[i].dry = false;
	for (n = 0; n < BATCH; n++) {
		first = earliest(l, &dry);
		if (!first)
			break;
		age = now - time_of(first->head);
		if (dry && age <= HOLD_NS && age >= -HOLD_NS)
			break;
		on_frame((u_char *)first, first->head, first->data);
		first->data = NULL;
	}
	return n;
}

static int drain(struct live *l)
{
	int n = l->ports > 1 && l->cfg.timestamps != LIVE_TS_ADAPTER_UNSYNCED ? merge(l) : take(l);
	unsigned i;

	for (i = 0; n > 0 && i < l->ports; i++) {
		struct live_port *p = &l->port[i];

		atomic_store_explicit(&p->shown.packets, p->packets, memory_order_relaxed);
		atomic_store_explicit(&p->shown.bytes, p->bytes, memory_order_relaxed);
	}
	if (n > 0) {
		atomic_store_explicit(&l->in[0], l->ways.both, memory_order_relaxed);
		atomic_store_explicit(&l->in[1], l->ways.one, memory_order_relaxed);
	}
	return n;
}

/* Until something comes, or a frame at hand has waited long enough. */
static void wait_for_frames(struct live *l, int timeout_ms)
{
	struct pollfd list[SOURCE_IFACES_MAX];
	nfds_t count = 0;
	unsigned i;

	for (i = 0; i < l->ports; i++) {
		if (l->port[i].data && timeout_ms > BLOCK_MS)
			timeout_ms = BLOCK_MS;
		else if (l->port[i].pcap && !l->port[i].data)
			list[count++] = (struct pollfd){l->port[i].fd, POLLIN, 0};
	}
	poll(list, count, timeout_ms);
}

static int run(struct source *s, int timeout_ms, const struct source_handler *h)
{
	struct live *l = (struct live *)s;
	int n;

	l->handler = h;
	n = drain(l);
	if (n == 0) {
		wait_for_frames(l, timeout_ms);
		n = drain(l);
	}
	look(l, clock_ns(CLOCK_MONOTONIC));
	return *l->error ? -1 : n;
}

static unsigned stats(struct source *s, struct source_stats *out, unsigned max)
{
	struct live *l = (struct live *)s;
	unsigned i;

	for (i = 0; i < l->ports && i < max; i++) {
		struct live_shown *from = &l->port[i].shown;
		struct source_stats *o = &out[i];

		memset(o, 0, sizeof(*o));
		memcpy(o->iface, l->port[i].name, sizeof(o->iface));
		o->packets = atomic_load_explicit(&from->packets, memory_order_relaxed);
		o->bytes = atomic_load_explicit(&from->bytes, memory_order_relaxed);
		o->kernel_drops = atomic_load_explicit(&from->kernel_drops, memory_order_relaxed);
		o->interface_drops =
			atomic_load_explicit(&from->interface_drops, memory_order_relaxed);
		o->up = atomic_load_explicit(&from->up, memory_order_relaxed);
	}
	/* Two interfaces may bring one direction each: heard together. */
	if (max) {
		out->in[0] = atomic_load_explicit(&l->in[0], memory_order_relaxed);
		out->in[1] = atomic_load_explicit(&l->in[1], memory_order_relaxed);
	}
	return l->ports;
}

static const char *error(const struct source *s)
{
	return ((const struct live *)s)->error;
}

static void live_close(struct source *s)
{
	struct live *l = (struct live *)s;
	unsigned i;

	for (i = 0; i < l->ports; i++)
		if (l->port[i].pcap)
			live_port_close(&l->port[i], l->port[i].pcap);
	if (l->control >= 0)
		close(l->control);
	free((char *)l->cfg.filter);
	free(l);
}

static const struct source_ops ops = {
	.run = run,
	.stats = stats,
	.error = error,
	.close = live_close,
};

static struct live *live_new(const struct live_config *cfg)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->source.ops = &ops;
	l->source.linktype = DLT_EN10MB;
	l->cfg = *cfg;
	l->cfg.ifaces = NULL;
	l->cfg.snaplen = cfg->snaplen ? cfg->snaplen : SNAPLEN;
	l->cfg.buffer = cfg->buffer ? cfg->buffer : BUFFER;
	l->cfg.filter = cfg->filter ? strdup(cfg->filter) : NULL;
	/* A kind of socket that needs no right, and that a service is allowed in any case. */
	l->control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->control < 0 || (cfg->filter && !l->cfg.filter)) {
		live_close(&l->source);
		return NULL;
	}
	return l;
}

static bool add_port(struct live *l, const char *name, char *err, size_t errlen, char *notice,
		     size_t noticelen)
{
	struct live_port *p = &l->port[l->ports];
	enum opened how;

	if (l->ports == SOURCE_IFACES_MAX || strlen(name) >= sizeof(p->name)) {
		snprintf(err, errlen, "%s: %s", name,
			 l->ports == SOURCE_IFACES_MAX ? "too many interfaces for one source"
						       : "no interface has so long a name");
		return false;
	}
	p->live = l;
	p->number = (uint16_t)l->ports;
	snprintf(p->name, sizeof(p->name), "%s", name);
	how = live_port_open(p, err, errlen, notice, noticelen);
	l->ports++;
	if (how == OPENED_DOWN || how == OPENED_EARLY) {
		snprintf(notice, noticelen, "%s", err);
		p->pause = BACKOFF_NS;
		return !l->cfg.filter || live_port_try_filter(l, name, err, errlen);
	}
	return how == OPENED;
}

struct source *live_open(const struct live_config *cfg, char *err, size_t errlen, char *notice,
			 size_t noticelen)
{
	struct live *l = live_new(cfg);
	unsigned i;

	*notice = '\0';
	if (!l) {
		snprintf(err, errlen, "out of memory or of sockets: %s", strerror(errno));
		return NULL;
	}
	for (i = 0; cfg->ifaces[i]; i++) {
		size_t said = strlen(notice);
		char one[PCAP_ERRBUF_SIZE] = "";

		if (!add_port(l, cfg->ifaces[i], err, errlen, one, sizeof(one))) {
			live_close(&l->source);
			return NULL;
		}
		if (*one)
			snprintf(notice + said, noticelen - said, "%s%s", said ? "; " : "", one);
	}
	if (l->ports && l->port[0].pcap)
		l->source.linktype = l->port[0].linktype;
	l->source.ifaces = l->ports;
	return &l->source;
}
