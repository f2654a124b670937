#include "capture/bridge_iface.h"

#include <net/if.h> /* before <linux/if.h>, which gives way to it */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool ask(int fd, unsigned long what, struct ifreq *r, const char *name)
{
	snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
	return ioctl(fd, what, r) == 0;
}

/* fe80::/64 is taken off, everything else is somebody's intention. */
static bool is_own_making(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

/* Its first IP address as text; "" when there is none; false when nobody can tell. */
static bool first_address(const char *name, char out[INET6_ADDRSTRLEN])
{
	struct ifaddrs *all, *a;

	out[0] = '\0';
	if (getifaddrs(&all) != 0)
		return false;
	for (a = all; a && !out[0]; a = a->ifa_next) {
		const void *ip;

		if (!a->ifa_addr || strcmp(a->ifa_name, name) != 0 || is_own_making(a->ifa_addr))
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			ip = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		else if (a->ifa_addr->sa_family == AF_INET6)
			ip = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		else
			continue;
		if (!inet_ntop(a->ifa_addr->sa_family, ip, out, INET6_ADDRSTRLEN))
			out[0] = '\0';
	}
	freeifaddrs(all);
	return true;
}

/* --- rtnetlink --- */

struct request {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
	} u;
	char attrs[64];
};

static void *put(struct request *q, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	q->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->h.nlmsg_len) + RTA_SPACE(len));
	return a;
}

/* What the kernel says to it. Returns 0, or an errno. */
static int ask_kernel(const struct request *q, struct nlmsghdr *answer, size_t len)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return errno;
	n = send(fd, q, q->h.nlmsg_len, 0) < 0 ? -1 : recv(fd, answer, len, 0);
	if (n < 0)
		rc = errno;
	else if (!NLMSG_OK(answer, (size_t)n))
		rc = EPROTO;
	else if (answer->nlmsg_type == NLMSG_ERROR)
		rc = -((const struct nlmsgerr *)NLMSG_DATA(answer))->error;
	close(fd);
	return rc;
}

/* The index of the bridge, bond or team it belongs to; 0: none. */
static int master_of(int index)
{
	const struct request q = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(q.u.link)),
					.nlmsg_type = RTM_GETLINK,
					.nlmsg_flags = NLM_F_REQUEST},
				  .u.link = {.ifi_index = index}};
	static const size_t room = 32768;
	struct nlmsghdr *answer = malloc(room);
	int found = 0;

	if (answer && ask_kernel(&q, answer, room) == 0 && answer->nlmsg_type == RTM_NEWLINK) {
		const struct rtattr *a = IFLA_RTA(NLMSG_DATA(answer));
		size_t left = IFLA_PAYLOAD(answer);

		for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
			if (a->rta_type == IFLA_MASTER && RTA_PAYLOAD(a) == sizeof(found))
				memcpy(&found, RTA_DATA(a), sizeof(found));
	}
	free(answer);
	return found;
}

static bool look(int fd, const char *name, struct bridge_iface *out, char *err, size_t errlen)
{
	char address[INET6_ADDRSTRLEN], master[IFNAMSIZ];
	struct ifreq r;
	int index;

	memset(&r, 0, sizeof(r));
	out->name = name;
	if (!ask(fd, SIOCGIFINDEX, &r, name)) {
		snprintf(err, errlen, "interface %s: %s; `ip link` lists the interfaces there are",
			 name, strerror(errno));
		return false;
	}
	out->index = r.ifr_ifindex;
	if (!ask(fd, SIOCGIFHWADDR, &r, name) || r.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		snprintf(err, errlen, "interface %s is not Ethernet, so it cannot be bridged",
			 name);
		return false;
	}
	if (!ask(fd, SIOCGIFMTU, &r, name)) {
		snprintf(err, errlen, "interface %s: its MTU: %s", name, strerror(errno));
		return false;
	}
	out->mtu = r.ifr_mtu;
	index = master_of(out->index);
	if (index && if_indextoname((unsigned)index, master)) {
		snprintf(err, errlen,
			 "interface %s belongs to %s; take it out (`ip link set %s nomaster`), for "
			 "kidoban is the bridge",
			 name, master, name);
		return false;
	}
	if (!first_address(name, address)) {
		snprintf(err, errlen, "interface %s: its addresses: %s", name, strerror(errno));
		return false;
	}
	if (address[0]) {
		snprintf(err, errlen,
			 "interface %s has the address %s; an end of a bridge has none: use "
			 "another interface for management, or `ip addr flush dev %s` and take it "
			 "out of the network configuration",
			 name, address, name);
		return false;
	}
	return true;
}

bool bridge_iface_look(const char *name, struct bridge_iface *out, char *err, size_t errlen)
{
	int fd;
	bool ok;

	if (!name || !name[0] || strlen(name) >= IFNAMSIZ) {
		snprintf(err, errlen, "'%s' is no name of an interface", name ? name : "");
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		snprintf(err, errlen, "interface %s: socket: %s", name, strerror(errno));
		return false;
	}
	ok = look(fd, name, out, err, errlen);
	close(fd);
	return ok;
}

/* --- no IPv6 address of its own making --- */

static int tell(struct request *q)
{
	char answer[1024] __attribute__((aligned(NLMSG_ALIGNTO)));

	q->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	return ask_kernel(q, (struct nlmsghdr *)(void *)answer, sizeof(answer));
}

static int no_new_ipv6(const struct bridge_iface *i)
{
	struct request q = {
		.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(q.u.link)), .nlmsg_type = RTM_SETLINK},
		.u.link = {.ifi_index = i->index}};
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct rtattr *spec = put(&q, IFLA_AF_SPEC, NULL, 0), *inet6 = put(&q, AF_INET6, NULL, 0);

	put(&q, IFLA_INET6_ADDR_GEN_MODE, &mode, 1);
	spec->rta_len = (uint16_t)((char *)&q + q.h.nlmsg_len - (char *)spec);
	inet6->rta_len = (uint16_t)((char *)&q + q.h.nlmsg_len - (char *)inet6);
	return tell(&q);
}

static int remove_ipv6(const struct bridge_iface *i)
{
	struct ifaddrs *all, *a;
	int rc = 0;

	if (getifaddrs(&all) != 0)
		return errno;
	for (a = all; a && rc == 0; a = a->ifa_next) {
		struct request q = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(q.u.addr)),
					  .nlmsg_type = RTM_DELADDR},
				    .u.addr = {.ifa_family = AF_INET6,
					       .ifa_prefixlen = 64,
					       .ifa_index = (unsigned)i->index}};

		if (!a->ifa_addr || strcmp(a->ifa_name, i->name) != 0 ||
		    !is_own_making(a->ifa_addr))
			continue;
		put(&q, IFA_LOCAL,
		    &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr, 16);
		rc = tell(&q);
	}
	freeifaddrs(all);
	return rc;
}

/* A kernel without IPv6 has nothing to switch off. */
static int no_ipv6(const struct bridge_iface *i)
{
	int rc = no_new_ipv6(i);

	if (rc == EAFNOSUPPORT || rc == EOPNOTSUPP)
		return 0;
	return rc ? rc : remove_ipv6(i);
}

/* --- ioctl --- */

static bool ethtool(int fd, struct ifreq *r, const char *name, uint32_t cmd, uint32_t *value)
{
	struct ethtool_value v = {.cmd = cmd, .data = *value};
	bool ok;

	r->ifr_data = (void *)&v;
	ok = ask(fd, SIOCETHTOOL, r, name);
	*value = v.data;
	return ok;
}

/* Interfaces that cannot are none the worse: what comes merged goes on merged. */
static void no_merging(int fd, const char *name)
{
	struct ifreq r = {0};
	uint32_t off = 0, flags = 0;

	ethtool(fd, &r, name, ETHTOOL_SGRO, &off);
	if (ethtool(fd, &r, name, ETHTOOL_GFLAGS, &flags) && (flags & ETH_FLAG_LRO)) {
		flags &= ~(uint32_t)ETH_FLAG_LRO;
		ethtool(fd, &r, name, ETHTOOL_SFLAGS, &flags);
	}
}

bool bridge_iface_take(const struct bridge_iface *i, char *err, size_t errlen)
{
	struct ifreq r = {0};
	int fd, rc = no_ipv6(i);

	if (rc != 0) {
		snprintf(err, errlen, "interface %s: switching its IPv6 addresses off: %s", i->name,
			 strerror(rc));
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		snprintf(err, errlen, "interface %s: socket: %s", i->name, strerror(errno));
		return false;
	}
	no_merging(fd, i->name);
	rc = 0;
	if (!ask(fd, SIOCGIFFLAGS, &r, i->name)) {
		rc = errno;
	} else {
		r.ifr_flags = (short)(r.ifr_flags | IFF_UP | IFF_PROMISC | IFF_NOARP);
		if (!ask(fd, SIOCSIFFLAGS, &r, i->name))
			rc = errno;
	}
	close(fd);
	if (rc != 0)
		snprintf(err, errlen,
			 "interface %s: setting it up and promiscuous: %s; CAP_NET_ADMIN is needed",
			 i->name, strerror(rc));
	return rc == 0;
}
