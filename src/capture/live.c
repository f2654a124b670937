#include "capture/live.h"

#include "capture/fanout.h"
#include "capture/ways.h"

#include <errno.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       INT64_C(1000000000)
#define NS_PER_MS      INT64_C(1000000)
#define SNAPLEN	       65535
#define BUFFER	       (64u << 20)
#define BLOCK_MS       10  /* a block that is not full is handed over after this */
#define BATCH	       512 /* frames of one interface, then the next has its turn */
#define HOLD_NS	       (2 * BLOCK_MS * NS_PER_MS) /* by then other interfaces have handed over theirs */
#define LOOK_NS	       (500 * NS_PER_MS)
#define BACKOFF_NS     (500 * NS_PER_MS) /* to the second try; doubled up to: */
#define BACKOFF_MAX_NS (4 * NS_PER_S)

/* What other threads may read: written by the worker only. */
struct shown {
	_Atomic uint64_t packets, bytes, kernel_drops, interface_drops;
	_Atomic bool up;
};

struct port {
	struct live *live;
	char name[SOURCE_IFACE_LEN];
	uint16_t number;
	pcap_t *pcap;	      /* NULL: waits until it is back */
	int fd;		      /* poll() on it */
	unsigned index;	      /* of the interface that was opened: another one may get its name */
	int linktype;	      /* DLT_ */
	int64_t since;	      /* ns, its time: older frames went to another worker as well */
	int64_t retry, pause; /* ns, monotonic: when to try again, and how long to wait then */
	bool joined;	      /* is in the fanout group */
	struct pcap_pkthdr *head; /* of several interfaces: the frame that waits for its turn */
	const u_char *data;	  /* its bytes; NULL: none waits */
	bool dry;		  /* no more was there, this time around */
	uint64_t packets, bytes;
	uint32_t drops, ifdrops; /* as pcap_stats() said last */
	struct shown shown;
};

struct live {
	struct source source;
	struct live_config cfg; /* its strings: filter is a copy, ifaces is not kept */
	struct port port[SOURCE_IFACES_MAX];
	unsigned ports;
	int control;  /* socket to ask about interfaces */
	int64_t look; /* ns, monotonic: when to look at them next */
	const struct source_handler *handler;
	struct ways ways;
	_Atomic uint64_t in[2];
	char error[256];
};

/* How an attempt to open an interface ended. */
enum opened { OPENED, OPENED_DOWN, OPENED_EARLY, OPENED_GONE, OPENED_FORBIDDEN, OPENED_FAILED };

static const int tstamp_types[] = {
	[LIVE_TS_HOST] = PCAP_TSTAMP_HOST,
	[LIVE_TS_ADAPTER] = PCAP_TSTAMP_ADAPTER,
	[LIVE_TS_ADAPTER_UNSYNCED] = PCAP_TSTAMP_ADAPTER_UNSYNCED,
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec t = {0, 0};

	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* The number of the interface with that name, 0 if there is none; *up: it has a carrier. */
static unsigned interface_look(const struct live *l, const char *name, bool *up)
{
	struct ifreq r = {0};
	unsigned index;

	*up = true;
	if (strcmp(name, "any") == 0)
		return 0;
	*up = false;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(l->control, SIOCGIFINDEX, &r) != 0)
		return 0;
	index = (unsigned)r.ifr_ifindex;
	if (ioctl(l->control, SIOCGIFFLAGS, &r) == 0)
		*up = (r.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	return index;
}

/* --- opening --- */

static void time_stamps(const struct port *p, pcap_t *pcap, char *notice, size_t noticelen)
{
	const enum live_timestamps asked = p->live->cfg.timestamps;

	if (asked == LIVE_TS_HOST || pcap_set_tstamp_type(pcap, tstamp_types[asked]) == 0)
		return;
	snprintf(notice, noticelen,
		 "%s: the interface offers no %s time stamps; those of the host are used", p->name,
		 pcap_tstamp_type_val_to_name(tstamp_types[asked]));
	pcap_set_tstamp_type(pcap, PCAP_TSTAMP_HOST);
}

static enum opened activate(const struct port *p, pcap_t *pcap, char *err, size_t errlen)
{
	int rc = pcap_activate(pcap);

	if (rc >= 0)
		return OPENED;
	switch (rc) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		snprintf(err, errlen,
			 "%s: there is no such interface; 'ip link' lists those that are", p->name);
		return OPENED_GONE;
	case PCAP_ERROR_IFACE_NOT_UP:
		snprintf(err, errlen, "%s is down and waited for; 'ip link set %s up' brings it up",
			 p->name, p->name);
		return OPENED_DOWN;
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		snprintf(err, errlen,
			 "%s may not be opened: run as root, or with the capability CAP_NET_RAW",
			 p->name);
		return OPENED_FORBIDDEN;
	default:
		snprintf(err, errlen, "%s cannot be opened: %s%s%s", p->name, pcap_statustostr(rc),
			 *pcap_geterr(pcap) ? ": " : "", pcap_geterr(pcap));
		return OPENED_FAILED;
	}
}

static bool set_filter(const struct live *l, const char *name, pcap_t *pcap, char *err,
		       size_t errlen)
{
	struct bpf_program program;
	bool good;

	if (!l->cfg.filter)
		return true;
	if (pcap_compile(pcap, &program, l->cfg.filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(err, errlen, "%s: the filter '%s' is wrong: %s", name, l->cfg.filter,
			 pcap_geterr(pcap));
		return false;
	}
	good = pcap_setfilter(pcap, &program) == 0;
	pcap_freecode(&program);
	if (!good)
		snprintf(err, errlen, "%s: the filter '%s' cannot be set: %s", name, l->cfg.filter,
			 pcap_geterr(pcap));
	return good;
}

/* The filter of an interface that is not there yet: as if it were Ethernet. */
static bool try_filter(const struct live *l, const char *name, char *err, size_t errlen)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, (int)l->cfg.snaplen);
	struct bpf_program program;
	bool good =
		pcap && pcap_compile(pcap, &program, l->cfg.filter, 1, PCAP_NETMASK_UNKNOWN) == 0;

	if (good)
		pcap_freecode(&program);
	else
		snprintf(err, errlen, "%s: the filter '%s' is wrong: %s", name, l->cfg.filter,
			 pcap ? pcap_geterr(pcap) : "out of memory");
	if (pcap)
		pcap_close(pcap);
	return good;
}

static uint16_t group_of(const struct port *p)
{
	return (uint16_t)(p->live->cfg.group * SOURCE_IFACES_MAX + p->number);
}

static bool join(struct port *p, pcap_t *pcap, char *err, size_t errlen)
{
	const struct live_config *cfg = &p->live->cfg;
	bool ethernet = p->linktype == DLT_EN10MB || p->linktype == DLT_LINUX_SLL;

	p->since = INT64_MIN;
	if (cfg->workers <= 1)
		return true;
	p->joined = fanout_join(pcap_fileno(pcap), group_of(p), ethernet);
	if (!p->joined) {
		snprintf(err, errlen,
			 "%s cannot be shared by %u workers (packet fanout, group %u): %s%s",
			 p->name, cfg->workers, group_of(p), strerror(errno),
			 errno == EINVAL ? "; does another program use that group? Take one worker"
					 : "");
		return false;
	}
	/* What came before went to the first worker too, who was there already. */
	if (cfg->worker && cfg->timestamps != LIVE_TS_ADAPTER_UNSYNCED)
		p->since = clock_ns(CLOCK_REALTIME);
	return true;
}

/* Closes what was opened, or half opened. */
static void port_close(struct port *p, pcap_t *pcap)
{
	pcap_close(pcap);
	if (p->joined)
		fanout_leave(group_of(p));
	p->joined = false;
	p->pcap = NULL;
	p->data = NULL;
}

static enum opened port_configure(struct port *p, pcap_t *pcap, char *err, size_t errlen,
				  char *notice, size_t noticelen)
{
	const struct live_config *cfg = &p->live->cfg;
	enum opened how;

	pcap_set_snaplen(pcap, (int)cfg->snaplen);
	pcap_set_promisc(pcap, cfg->promiscuous);
	pcap_set_timeout(pcap, BLOCK_MS);
	pcap_set_immediate_mode(pcap, cfg->immediate);
	pcap_set_buffer_size(pcap, (int)cfg->buffer);
	pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	time_stamps(p, pcap, notice, noticelen);
	how = activate(p, pcap, err, errlen);
	if (how != OPENED)
		return how;
	p->linktype = pcap_datalink(pcap);
	if (!set_filter(p->live, p->name, pcap, err, errlen) || !join(p, pcap, err, errlen))
		return OPENED_FAILED;
	if (pcap_setnonblock(pcap, 1, err) != 0)
		return OPENED_FAILED;
	return OPENED;
}

static enum opened port_open(struct port *p, char *err, size_t errlen, char *notice,
			     size_t noticelen)
{
	char said[PCAP_ERRBUF_SIZE] = "";
	enum opened how;
	pcap_t *pcap;
	bool up;

	if (p->live->cfg.workers > 1 && !fanout_turn(group_of(p), p->live->cfg.worker)) {
		snprintf(err, errlen, "%s is waited for", p->name);
		return OPENED_EARLY;
	}
	pcap = pcap_create(p->name, said);
	if (!pcap) {
		snprintf(err, errlen, "%s cannot be opened: %s", p->name, said);
		return OPENED_FAILED;
	}
	how = port_configure(p, pcap, said, sizeof(said), notice, noticelen);
	if (how != OPENED) {
		snprintf(err, errlen, "%s", said);
		port_close(p, pcap);
		return how;
	}
	p->pcap = pcap;
	p->fd = pcap_get_selectable_fd(pcap);
	p->index = interface_look(p->live, p->name, &up);
	p->drops = p->ifdrops = 0;
	p->pause = BACKOFF_NS;
	atomic_store_explicit(&p->shown.up, up, memory_order_relaxed);
	return OPENED;
}

/* --- looking after the interfaces, twice a second --- */

static void count_drops(struct port *p)
{
	struct shown *s = &p->shown;
	struct pcap_stat st;

	if (pcap_stats(p->pcap, &st) != 0)
		return;
	atomic_fetch_add_explicit(&s->kernel_drops, st.ps_drop - p->drops, memory_order_relaxed);
	p->drops = st.ps_drop;
	/* All workers see the same interface: the first counts for all. */
	if (p->live->cfg.worker == 0)
		atomic_fetch_add_explicit(&s->interface_drops, st.ps_ifdrop - p->ifdrops,
					  memory_order_relaxed);
	p->ifdrops = st.ps_ifdrop;
}

static void port_lost(struct port *p, int64_t now)
{
	if (!p->pcap)
		return;
	count_drops(p);
	port_close(p, p->pcap);
	p->pause = BACKOFF_NS;
	p->retry = now + BACKOFF_NS;
	atomic_store_explicit(&p->shown.up, false, memory_order_relaxed);
}

static void port_retry(struct port *p, int64_t now)
{
	struct live *l = p->live;
	char err[PCAP_ERRBUF_SIZE], notice[256];
	bool up;

	if (now < p->retry)
		return;
	p->retry = now + p->pause;
	p->pause = p->pause * 2 < BACKOFF_MAX_NS ? p->pause * 2 : BACKOFF_MAX_NS;
	if (!interface_look(l, p->name, &up))
		return;
	if (port_open(p, err, sizeof(err), notice, sizeof(notice)) == OPENED_FORBIDDEN)
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
		struct port *p = &l->port[i];

		if (!p->pcap) {
			port_retry(p, now);
		} else if (interface_look(l, p->name, &up) != p->index) {
			port_lost(p, now);
		} else {
			count_drops(p);
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
	struct port *p = (struct port *)user;
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
		struct port *p = &l->port[i];

		if (!p->pcap)
			continue;
		rc = pcap_dispatch(p->pcap, BATCH, on_frame, (u_char *)p);
		if (rc < 0)
			port_lost(p, clock_ns(CLOCK_MONOTONIC));
		else
			n += rc;
	}
	return n;
}

/* The frame that came first of those at hand; *dry: some interface has none. */
static struct port *earliest(struct live *l, bool *dry)
{
	struct port *first = NULL;
	unsigned i;

	*dry = false;
	for (i = 0; i < l->ports; i++) {
		struct port *p = &l->port[i];
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
				port_lost(p, clock_ns(CLOCK_MONOTONIC));
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
	struct port *first;
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
		struct port *p = &l->port[i];

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
		struct shown *from = &l->port[i].shown;
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
			port_close(&l->port[i], l->port[i].pcap);
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
	struct port *p = &l->port[l->ports];
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
	how = port_open(p, err, errlen, notice, noticelen);
	l->ports++;
	if (how == OPENED_DOWN || how == OPENED_EARLY) {
		snprintf(notice, noticelen, "%s", err);
		p->pause = BACKOFF_NS;
		return !l->cfg.filter || try_filter(l, name, err, errlen);
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
