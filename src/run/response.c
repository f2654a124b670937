#include "run/response.h"

#include "packet/craft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERNET_LEN 14

struct response {
	int fd;
	const char *iface;
	struct mac mac;
	atomic_uint_fast64_t sent, failed;
	atomic_int error; /* errno of the last that failed */
	/* as last looked at */
	uint64_t sent_seen, failed_seen;
	bool failing;
};

/* The interface itself, under another name, or a VLAN on it. */
static bool is_same(int fd, const char *iface, const char *mirror)
{
	struct vlan_ioctl_args args = {.cmd = GET_VLAN_REALDEV_NAME_CMD};
	unsigned index = if_nametoindex(mirror);

	if (index && index == if_nametoindex(iface))
		return true;
	snprintf(args.device1, sizeof(args.device1), "%s", iface);
	return index && ioctl(fd, SIOCGIFVLAN, &args) == 0 &&
	       if_nametoindex(args.u.device2) == index;
}

static bool is_apart(const struct response *r, const struct run_config *cfg, char *err,
		     size_t errlen)
{
	unsigned i, k;

	for (i = 0; i < cfg->sources; i++)
		for (k = 0; cfg->source[i].ifaces[k]; k++)
			if (is_same(r->fd, r->iface, cfg->source[i].ifaces[k])) {
				snprintf(err, errlen,
					 "response: %s is the same cable as %s, which is read; "
					 "answers leave by an interface of their own",
					 r->iface, cfg->source[i].ifaces[k]);
				return false;
			}
	return true;
}

static bool begin(struct response *r, char *err, size_t errlen)
{
	struct ifreq req = {.ifr_ifindex = 0};
	struct sockaddr_ll at = {.sll_family = AF_PACKET};

	/* protocol 0: it hears nothing */
	r->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", r->iface);
	at.sll_ifindex = (int)if_nametoindex(r->iface);
	if (r->fd < 0 || !at.sll_ifindex || ioctl(r->fd, SIOCGIFHWADDR, &req) != 0 ||
	    bind(r->fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
		snprintf(err, errlen, "response: interface %s: %s%s", r->iface, strerror(errno),
			 errno == EPERM ? "; it needs CAP_NET_RAW" : "");
		return false;
	}
	if (req.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		snprintf(err, errlen, "response: interface %s is no Ethernet", r->iface);
		return false;
	}
	memcpy(r->mac.b, req.ifr_hwaddr.sa_data, sizeof(r->mac.b));
	return true;
}

struct response *response_open(const struct run_config *cfg, char *err, size_t errlen)
{
	struct response *r = calloc(1, sizeof(*r));

	if (!r) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	r->iface = cfg->response_iface;
	if (begin(r, err, errlen) && is_apart(r, cfg, err, errlen))
		return r;
	response_close(r);
	return NULL;
}

bool response_send(struct response *r, const void *frame, uint32_t len)
{
	uint8_t out[CRAFT_MAX];

	if (len < ETHERNET_LEN || len > sizeof(out))
		return false;
	memcpy(out, frame, len);
	memcpy(out + sizeof(r->mac.b), r->mac.b, sizeof(r->mac.b));
	if (send(r->fd, out, len, MSG_DONTWAIT) == (ssize_t)len) {
		atomic_fetch_add_explicit(&r->sent, 1, memory_order_relaxed);
		return true;
	}
	atomic_store_explicit(&r->error, errno, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->failed, 1, memory_order_relaxed);
	return false;
}

bool response_is_ours(const struct response *r, const struct packet *p)
{
	return p->has_mac && memcmp(p->src_mac.b, r->mac.b, sizeof(r->mac.b)) == 0 &&
	       (p->kind == PACKET_ICMP || (p->kind == PACKET_TCP && p->tcp_flags & PACKET_TCP_RST));
}

void response_look(struct response *r)
{
	uint64_t sent = atomic_load(&r->sent), failed = atomic_load(&r->failed);

	if (failed != r->failed_seen && !r->failing) {
		fprintf(stderr, "kidoban run: response: %s sends nothing: %s\n", r->iface,
			strerror(atomic_load(&r->error)));
		r->failing = true;
	} else if (r->failing && failed == r->failed_seen && sent != r->sent_seen) {
		fprintf(stderr, "kidoban run: response: %s sends again\n", r->iface);
		r->failing = false;
	}
	r->sent_seen = sent;
	r->failed_seen = failed;
}

void response_close(struct response *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}
