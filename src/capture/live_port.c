#include "capture/fanout.h"
#include "capture/live_impl.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static const int tstamp_types[] = {
	[LIVE_TS_HOST] = PCAP_TSTAMP_HOST,
	[LIVE_TS_ADAPTER] = PCAP_TSTAMP_ADAPTER,
	[LIVE_TS_ADAPTER_UNSYNCED] = PCAP_TSTAMP_ADAPTER_UNSYNCED,
};

unsigned live_port_look(const struct live *l, const char *name, bool *up)
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

static void time_stamps(const struct live_port *p, pcap_t *pcap, char *notice, size_t noticelen)
{
	const enum live_timestamps asked = p->live->cfg.timestamps;

	if (asked == LIVE_TS_HOST || pcap_set_tstamp_type(pcap, tstamp_types[asked]) == 0)
		return;
	snprintf(notice, noticelen,
		 "%s: the interface offers no %s time stamps; those of the host are used", p->name,
		 pcap_tstamp_type_val_to_name(tstamp_types[asked]));
	pcap_set_tstamp_type(pcap, PCAP_TSTAMP_HOST);
}

static enum opened activate(const struct live_port *p, pcap_t *pcap, char *err, size_t errlen)
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

bool live_port_try_filter(const struct live *l, const char *name, char *err, size_t errlen)
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

static uint16_t group_of(const struct live_port *p)
{
	return (uint16_t)(p->live->cfg.group * SOURCE_IFACES_MAX + p->number);
}

static bool join(struct live_port *p, pcap_t *pcap, char *err, size_t errlen)
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

void live_port_close(struct live_port *p, pcap_t *pcap)
{
	pcap_close(pcap);
	if (p->joined)
		fanout_leave(group_of(p));
	p->joined = false;
	p->pcap = NULL;
	p->data = NULL;
}

static enum opened port_configure(struct live_port *p, pcap_t *pcap, char *err, size_t errlen,
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

enum opened live_port_open(struct live_port *p, char *err, size_t errlen, char *notice,
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
		live_port_close(p, pcap);
		return how;
	}
	p->pcap = pcap;
	p->fd = pcap_get_selectable_fd(pcap);
	p->index = live_port_look(p->live, p->name, &up);
	p->drops = p->ifdrops = 0;
	p->pause = BACKOFF_NS;
	atomic_store_explicit(&p->shown.up, up, memory_order_relaxed);
	return OPENED;
}

void live_port_count_drops(struct live_port *p)
{
	struct live_shown *s = &p->shown;
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

void live_port_lost(struct live_port *p, int64_t now)
{
	if (!p->pcap)
		return;
	live_port_count_drops(p);
	live_port_close(p, p->pcap);
	p->pause = BACKOFF_NS;
	p->retry = now + BACKOFF_NS;
	atomic_store_explicit(&p->shown.up, false, memory_order_relaxed);
}
