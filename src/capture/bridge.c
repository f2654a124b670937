#include "capture/bridge.h"

#include "capture/bridge_iface.h"
#include "capture/bridge_port.h"
#include "capture/bridge_wire.h"
#include "capture/fanout.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/dlt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_BUFFER (32 * 1024 * 1024)
#define NS_PER_MS      1000000
/* Overload: frames were waiting all that time and some were lost; or the oldest was late all the
 * time. A machine that stands still for a moment has caught up by then. */
#define BUSY	  (50 * NS_PER_MS)
#define LATE	  (50 * NS_PER_MS)
#define LATE_TIME (200 * NS_PER_MS)
/* While the kernel stands in for overload: what is older was sent again by whoever needs it. */
#define STALE (1000LL * NS_PER_MS)

/* How it stands with the frames that one port has heard. */
struct load {
	int64_t busy;  /* since when there were always some waiting; 0: there were none */
	int64_t late;  /* since when their oldest was late; 0: it was not */
	bool lost;     /* and some were lost meanwhile */
	bool empty;    /* nothing waited at the end of the last batch */
	int64_t age;   /* ns, of the first frame of the last batch that is ours to pass */
	unsigned owed; /* frames of the last batch that were */
};

struct bridge {
	struct source s;
	struct port port[2];
	char name[2][SOURCE_IFACE_LEN];
	uint64_t frames[2]; /* heard, for raw_packet.frame */
	struct load load[2];
	struct wire *wire;
	unsigned worker;
	uint16_t group[2]; /* of packet fanout, when it is shared by several workers */
	bool shares[2];
	char error[160];
};

static struct bridge *of(const struct source *s)
{
	return (struct bridge *)(uintptr_t)s;
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* --- frames --- */

/* What is to be added to a time since 1970 to have a monotonic one. */
static int64_t clock_offset(int64_t now)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return now - ((int64_t)t.tv_sec * 1000000000 + t.tv_nsec);
}

static bool wanted(struct bridge *b, unsigned in, const struct port_frame *f,
		   const struct source_handler *h)
{
	struct source_frame s = {
		.raw = {.data = f->data,
			.caplen = f->len,
			.wirelen = f->len,
			.time = f->time,
			.frame = ++b->frames[in],
			.linktype = DLT_EN10MB,
			.file = (uint16_t)in},
		.data = f->data,
		.checksum_partial = f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
	};

	add(&b->port[in].count.packets, 1);
	add(&b->port[in].count.bytes, f->len);
	return h->frame(h->user, &s) != SOURCE_DROP;
}

/* Who works off what has come until now leaves the rest to the kernel. */
static void keep_up(struct bridge *b, unsigned in, int64_t now)
{
	struct load *l = &b->load[in];

	l->empty = port_is_empty(&b->port[in]);
	if (!l->owed || l->empty || wire_is_away(b->wire)) {
		l->busy = l->late = 0;
		l->lost = false;
		return;
	}
	if (!l->busy)
		l->busy = now;
	if (l->age < LATE)
		l->late = 0;
	else if (!l->late)
		l->late = now;
	if (((l->lost && now - l->busy >= BUSY) || (l->late && now - l->late >= LATE_TIME)) &&
	    wire_overload(b->wire))
		add(&b->port[in].count.overloads, 1);
}

/* Is it ours to pass, and still worth it? */
static bool is_ours(struct bridge *b, unsigned in, const struct port_frame *f, int64_t now,
		    int64_t came)
{
	struct port_count *count = &b->port[in].count;
	bool away = wire_is_away(b->wire);
	struct load *l = &b->load[in];

	if (away) /* since some moment after the batch began, it may be */
		now = wire_now();
	if (wire_passed(b->wire, now, came)) {
		add(&count->unseen, 1);
		return false;
	}
	if (l->owed++ == 0)
		l->age = now - came;
	l->lost |= f->losing;
	if (!away || now - came < STALE)
		return true;
	add(&count->cut, 1);
	return false;
}

/* A batch from one side to the other. */
static int pass(struct bridge *b, unsigned in, const struct source_handler *h)
{
	struct port *from = &b->port[in], *to = &b->port[!in];
	int64_t now, offset;
	struct port_frame f;
	int n = 0;

	b->load[in].owed = 0;
	if (!port_next(from, &f)) {
		keep_up(b, in, 0);
		port_release(from); /* those that were cut */
		return 0;
	}
	now = wire_now();
	offset = clock_offset(now);
	do {
		n++;
		if (!is_ours(b, in, &f, now, f.time + offset))
			continue;
		if (wanted(b, in, &f, h))
			port_add(to, &f);
		if (f.large)
			port_flush(to);
	} while (n < PORT_BATCH && port_next(from, &f));
	keep_up(b, in, now);
	port_flush(to);
	port_release(from);
	return n;
}

static bool wait(struct bridge *b, int timeout_ms)
{
	struct pollfd p[2] = {{.fd = b->port[0].fd, .events = POLLIN},
			      {.fd = b->port[1].fd, .events = POLLIN}};
	int i;

	if (poll(p, 2, timeout_ms) < 0)
		return true;
	for (i = 0; i < 2; i++) {
		if (p[i].revents & POLLERR)
			port_error(&b->port[i]);
		if (port_gone(&b->port[i])) {
			snprintf(b->error, sizeof(b->error),
				 "interface %s was removed; once it is back, start kidoban again",
				 b->name[i]);
			return false;
		}
	}
	return true;
}

static int bridge_run(struct source *s, int timeout_ms, const struct source_handler *h)
{
	struct bridge *b = of(s);
	int n = pass(b, 0, h) + pass(b, 1, h);

	if (n == 0 && timeout_ms != 0) {
		if (!wait(b, timeout_ms))
			return -1;
		n = pass(b, 0, h) + pass(b, 1, h);
	}
	if (wire_is_away(b->wire) && b->load[0].empty && b->load[1].empty)
		wire_caught_up(b->wire, b->worker);
	return n;
}

static bool bridge_send(struct source *s, unsigned iface, const void *frame, uint32_t len)
{
	return iface < 2 && port_send(&of(s)->port[iface], frame, len);
}

/* --- beside them --- */

static void bridge_beat(struct source *s)
{
	wire_beat(of(s)->wire, of(s)->worker);
}

static void bridge_aside(struct source *s)
{
	wire_aside(of(s)->wire);
}

static unsigned bridge_stats(struct source *s, struct source_stats *out, unsigned max)
{
	struct bridge *b = of(s);
	unsigned i;

	for (i = 0; i < 2 && i < max; i++) {
		struct port *p = &b->port[i];

		memset(&out[i], 0, sizeof(out[i]));
		snprintf(out[i].iface, sizeof(out[i].iface), "%s", b->name[i]);
		out[i].packets = atomic_load(&p->count.packets);
		out[i].bytes = atomic_load(&p->count.bytes);
		out[i].kernel_drops = port_kernel_drops(p);
		out[i].interface_drops = port_interface_drops(p);
		out[i].sent = atomic_load(&p->count.sent);
		out[i].send_failed = atomic_load(&p->count.send_failed);
		out[i].unseen = atomic_load(&p->count.unseen);
		out[i].overloads = atomic_load(&p->count.overloads);
		out[i].up = port_up(p);
	}
	return 2;
}

static const char *bridge_error(const struct source *s)
{
	return of(s)->error;
}

static void end(struct bridge *b, bool orderly)
{
	int i;

	wire_leave(b->wire, orderly);
	for (i = 0; i < 2; i++) {
		port_close(&b->port[i]);
		if (b->shares[i])
			fanout_leave(b->group[i]);
	}
	free(b);
}

static void bridge_close(struct source *s)
{
	end(of(s), true);
}

static const struct source_ops ops = {
	.run = bridge_run,
	.send = bridge_send,
	.beat = bridge_beat,
	.stats = bridge_stats,
	.error = bridge_error,
	.close = bridge_close,
	.aside = bridge_aside,
};

/* --- opening --- */

static bool look(const struct bridge_config *cfg, struct bridge_iface iface[2], char *err,
		 size_t errlen)
{
	int i;

	for (i = 0; i < 2; i++)
		if (!bridge_iface_look(cfg->iface[i], &iface[i], err, errlen))
			return false;
	if (iface[0].index == iface[1].index) {
		snprintf(err, errlen, "a bridge needs two interfaces, not %s twice", iface[0].name);
		return false;
	}
	if (iface[0].mtu != iface[1].mtu) {
		snprintf(err, errlen,
			 "interface %s has an MTU of %d, %s one of %d, so larger frames would be "
			 "lost; `ip link set %s mtu %d` makes them equal",
			 iface[0].name, iface[0].mtu, iface[1].name, iface[1].mtu,
			 iface[iface[0].mtu > iface[1].mtu].name,
			 iface[0].mtu > iface[1].mtu ? iface[0].mtu : iface[1].mtu);
		return false;
	}
	return true;
}

/* All workers open both interfaces in the same order, so both spread alike. What a socket hears
 * before it joins, all of it, is older than the first beat. */
static bool share(struct bridge *b, unsigned i, const struct bridge_config *cfg, char *err,
		  size_t errlen)
{
	uint16_t group = (uint16_t)(cfg->group * SOURCE_IFACES_MAX + i);

	if (!fanout_join(b->port[i].fd, group, true)) {
		snprintf(
			err, errlen,
			"interface %s cannot be shared by %u workers (packet fanout, group %u): %s",
			b->name[i], cfg->workers, group, strerror(errno));
		return false;
	}
	b->group[i] = group;
	b->shares[i] = true;
	return true;
}

/* The wire first: from then on frames pass. The live table last: it drops what the sockets hear. */
static bool open_all(struct bridge *b, const struct bridge_config *cfg, char *err, size_t errlen)
{
	struct bridge_iface iface[2];
	int i;

	if (!look(cfg, iface, err, errlen))
		return false;
	b->wire = wire_join(cfg, err, errlen);
	if (!b->wire)
		return false;
	for (i = 0; i < 2; i++) {
		snprintf(b->name[i], sizeof(b->name[i]), "%s", cfg->iface[i]);
		iface[i].name = b->name[i];
		if (!bridge_iface_take(&iface[i], err, errlen) ||
		    !port_open(&b->port[i], &iface[i], cfg->buffer ? cfg->buffer : DEFAULT_BUFFER,
			       err, errlen))
			return false;
	}
	for (i = 0; i < 2; i++) {
		if (!port_bind(&b->port[i], err, errlen))
			return false;
		if (cfg->workers > 1 && !share(b, (unsigned)i, cfg, err, errlen))
			return false;
	}
	return wire_live(b->wire, err, errlen);
}

struct source *bridge_open(const struct bridge_config *cfg, char *err, size_t errlen)
{
	struct bridge *b = calloc(1, sizeof(*b));

	if (!b) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	b->s = (struct source){&ops, DLT_EN10MB, 2};
	b->worker = cfg->worker;
	b->port[0].fd = b->port[1].fd = -1;
	b->port[0].dev = b->port[1].dev = -1;
	if (!open_all(b, cfg, err, errlen)) {
		end(b, false);
		return NULL;
	}
	return &b->s;
}

bool bridge_wire(struct source *s, const char *wire, char *err, size_t errlen)
{
	return wire_replace(of(s)->wire, wire, err, errlen);
}
