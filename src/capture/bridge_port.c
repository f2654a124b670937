#include "capture/bridge_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define VLAN_LEN    4
#define MACS_LEN    12
#define BLOCK	    (256 * 1024)
#define SLOT_ALIGN  64
#define LARGE_MAX   (512 * 1024)       /* the largest GSO frame of Linux (GSO_MAX_SIZE) */
#define LARGE_QUEUE (16 * 1024 * 1024) /* bytes of large frames that may wait */
#define SEND_QUEUE  (8 * 1024 * 1024)

/* What stands before a frame in its slot: the kernel aligns the network header (packet_rcv). */
#define SLOT_HEAD (TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + sizeof(struct virtio_net_hdr))

static bool fail(const struct port *p, char *err, size_t errlen, const char *what)
{
	snprintf(err, errlen, "interface %s: %s: %s", p->iface.name, what, strerror(errno));
	return false;
}

static bool set(struct port *p, int option, int value)
{
	return setsockopt(p->fd, SOL_PACKET, option, &value, sizeof(value)) == 0;
}

static void set_buffer(struct port *p, int forced, int plain, int bytes)
{
	if (setsockopt(p->fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) != 0)
		setsockopt(p->fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

static bool make_ring(struct port *p, uint32_t buffer, char *err, size_t errlen)
{
	uint32_t frame = (uint32_t)p->iface.mtu + ETH_HLEN + 2 * VLAN_LEN;
	struct tpacket_req r;

	p->slot = (uint32_t)(SLOT_HEAD + frame + SLOT_ALIGN - 1) & ~(uint32_t)(SLOT_ALIGN - 1);
	p->block = BLOCK;
	if (p->slot > p->block) {
		snprintf(err, errlen, "interface %s: an MTU of %d is more than a bridge can hold",
			 p->iface.name, p->iface.mtu);
		return false;
	}
	p->per_block = p->block / p->slot;
	memset(&r, 0, sizeof(r));
	r.tp_block_size = p->block;
	r.tp_block_nr = buffer / p->block ? buffer / p->block : 1;
	r.tp_frame_size = p->slot;
	r.tp_frame_nr = r.tp_block_nr * p->per_block;
	if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof(r)) != 0)
		return fail(p, err, errlen, "its receive ring");
	p->slots = r.tp_frame_nr;
	p->ring_size = (size_t)r.tp_block_nr * p->block;
	p->ring = mmap(NULL, p->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->fd,
		       0);
	if (p->ring == MAP_FAILED) {
		p->ring = NULL;
		return fail(p, err, errlen, "its receive ring");
	}
	return true;
}

static void prepare_out(struct port *p)
{
	int i;

	for (i = 0; i < PORT_BATCH; i++) {
		p->iov[i][0] = (struct iovec){&p->vnet[i], sizeof(p->vnet[i])};
		p->out[i].msg_hdr.msg_iov = p->iov[i];
		p->out[i].msg_hdr.msg_iovlen = 2;
	}
}

bool port_open(struct port *p, const struct bridge_iface *iface, uint32_t buffer, char *err,
	       size_t errlen)
{
	memset(p, 0, sizeof(*p));
	p->iface = *iface;
	p->dev = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
	prepare_out(p);
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return fail(p, err, errlen, "packet socket (CAP_NET_RAW is needed)");
	p->large =
		mmap(NULL, LARGE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->large == MAP_FAILED) {
		p->large = NULL;
		return fail(p, err, errlen, "memory");
	}
	if (!set(p, PACKET_VERSION, TPACKET_V2) || !set(p, PACKET_VNET_HDR, 1) ||
	    !set(p, PACKET_IGNORE_OUTGOING, 1) || !set(p, PACKET_COPY_THRESH, 1) ||
	    !set(p, PACKET_AUXDATA, 1))
		return fail(p, err, errlen, "packet socket");
	set_buffer(p, SO_RCVBUFFORCE, SO_RCVBUF, LARGE_QUEUE);
	set_buffer(p, SO_SNDBUFFORCE, SO_SNDBUF, SEND_QUEUE);
	return make_ring(p, buffer, err, errlen);
}

bool port_bind(struct port *p, char *err, size_t errlen)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = p->iface.index};

	if (bind(p->fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) != 0)
		return fail(p, err, errlen, "bind");
	return true;
}

/* --- hearing --- */

static struct tpacket2_hdr *slot_at(const struct port *p, uint32_t n)
{
	return (struct tpacket2_hdr *)(void *)(p->ring + (size_t)(n / p->per_block) * p->block +
					       (size_t)(n % p->per_block) * p->slot);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Puts the tag back that the kernel took off. There are VLAN_LEN bytes before the frame. */
static void tag(struct port_frame *f, uint16_t tpid, uint16_t tci)
{
	memmove(f->data - VLAN_LEN, f->data, MACS_LEN);
	f->data -= VLAN_LEN;
	f->len += VLAN_LEN;
	f->data[12] = (uint8_t)(tpid >> 8);
	f->data[13] = (uint8_t)tpid;
	f->data[14] = (uint8_t)(tci >> 8);
	f->data[15] = (uint8_t)tci;
	if (f->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		f->vnet.csum_start = (uint16_t)(f->vnet.csum_start + VLAN_LEN);
	if (f->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		f->vnet.hdr_len = (uint16_t)(f->vnet.hdr_len + VLAN_LEN);
}

static void tag_by(struct port_frame *f, uint32_t status, uint16_t tpid, uint16_t tci)
{
	if (status & TP_STATUS_VLAN_VALID)
		tag(f, status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETH_P_8021Q, tci);
}

/* A frame that fits no slot waits in the socket's queue, in the order of the slots. */
static bool fetch(struct port *p, struct port_frame *f)
{
	uint8_t *at = p->large + VLAN_LEN;
	struct iovec iov[2] = {{&f->vnet, sizeof(f->vnet)}, {at, LARGE_MAX - VLAN_LEN}};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct msghdr m = {.msg_iov = iov,
			   .msg_iovlen = 2,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(p->fd, &m, MSG_DONTWAIT);
	struct cmsghdr *c;

	if (n <= (ssize_t)(sizeof(f->vnet) + ETH_HLEN) || (m.msg_flags & MSG_TRUNC))
		return false;
	f->data = at;
	f->len = (uint32_t)n - (uint32_t)sizeof(f->vnet);
	f->large = true;
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		tag_by(f, aux.tp_status, aux.tp_vlan_tpid, aux.tp_vlan_tci);
	}
	return true;
}

static bool read_slot(struct port *p, struct tpacket2_hdr *h, uint32_t status, struct port_frame *f)
{
	f->time = (int64_t)h->tp_sec * 1000000000 + h->tp_nsec;
	f->large = false;
	f->losing = status & TP_STATUS_LOSING;
	if (status & TP_STATUS_COPY)
		return fetch(p, f);
	if (h->tp_snaplen != h->tp_len || h->tp_len < ETH_HLEN)
		return false;
	f->data = (uint8_t *)h + h->tp_mac;
	f->len = h->tp_len;
	memcpy(&f->vnet, f->data - sizeof(f->vnet), sizeof(f->vnet));
	tag_by(f, status, h->tp_vlan_tpid, h->tp_vlan_tci);
	return true;
}

bool port_next(struct port *p, struct port_frame *f)
{
	while (p->taken < p->slots) {
		struct tpacket2_hdr *h = slot_at(p, p->next);
		uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);

		if (!(status & TP_STATUS_USER))
			return false;
		p->next = p->next + 1 == p->slots ? 0 : p->next + 1;
		p->taken++;
		p->down = false;
		if (read_slot(p, h, status, f)) {
			f->vnet.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
			return true;
		}
		add(&p->count.cut, 1);
	}
	return false;
}

bool port_is_empty(const struct port *p)
{
	return p->taken < p->slots &&
	       !(__atomic_load_n(&slot_at(p, p->next)->tp_status, __ATOMIC_RELAXED) &
		 TP_STATUS_USER);
}

void port_release(struct port *p)
{
	uint32_t n = p->next >= p->taken ? p->next - p->taken : p->next + p->slots - p->taken;

	for (; p->taken > 0; p->taken--) {
		__atomic_store_n(&slot_at(p, n)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		n = n + 1 == p->slots ? 0 : n + 1;
	}
}

/* --- sending --- */

void port_add(struct port *p, const struct port_frame *f)
{
	unsigned n = p->outs++;

	p->vnet[n] = f->vnet;
	p->iov[n][1] = (struct iovec){f->data, f->len};
}

/* After these every other frame would fail as well; after others only the one at hand did. */
static bool is_hopeless(int error)
{
	return error == EAGAIN || error == ENETDOWN || error == ENXIO || error == ENODEV;
}

void port_flush(struct port *p)
{
	unsigned done = 0;

	while (done < p->outs) {
		int n = sendmmsg(p->fd, p->out + done, p->outs - done, MSG_DONTWAIT);

		if (n > 0) {
			add(&p->count.sent, (unsigned)n);
			done += (unsigned)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		n = is_hopeless(errno) ? (int)(p->outs - done) : 1;
		add(&p->count.send_failed, (unsigned)n);
		done += (unsigned)n;
	}
	p->outs = 0;
}

bool port_send(struct port *p, const void *frame, uint32_t len)
{
	struct virtio_net_hdr none = {0};
	struct iovec iov[2] = {{&none, sizeof(none)}, {(void *)(uintptr_t)frame, len}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	bool ok = sendmsg(p->fd, &m, MSG_DONTWAIT) >= 0;

	add(ok ? &p->count.sent : &p->count.send_failed, 1);
	return ok;
}

/* --- its state --- */

void port_error(struct port *p)
{
	int error;
	socklen_t len = sizeof(error);

	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	p->down = true;
}

bool port_gone(const struct port *p)
{
	struct sockaddr_ll at = {0};
	socklen_t len = sizeof(at);

	return p->down && getsockname(p->fd, (struct sockaddr *)(void *)&at, &len) == 0 &&
	       at.sll_ifindex != p->iface.index;
}

/* Reading the kernel's counter sets it to zero. */
uint64_t port_kernel_drops(struct port *p)
{
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		atomic_fetch_add(&p->count.kernel_drops, st.tp_drops);
	return atomic_load(&p->count.kernel_drops) + atomic_load(&p->count.cut);
}

/* "  eth0: bytes packets errs drop fifo ..." of its line. */
uint64_t port_interface_drops(const struct port *p)
{
	char text[8192], *at, *end;
	ssize_t n = p->dev < 0 ? -1 : pread(p->dev, text, sizeof(text) - 1, 0);
	uint64_t value[5] = {0};
	size_t len = strlen(p->iface.name);
	int i;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	for (at = text; at; at = strchr(at, '\n')) {
		at += strspn(at, "\n ");
		if (strncmp(at, p->iface.name, len) == 0 && at[len] == ':')
			break;
	}
	if (!at)
		return 0;
	for (at += len + 1, i = 0; i < 5; i++, at = end)
		value[i] = strtoull(at, &end, 10);
	return value[3] + value[4];
}

bool port_up(const struct port *p)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", p->iface.name);
	return ioctl(p->fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_RUNNING);
}

void port_close(struct port *p)
{
	if (p->ring)
		munmap(p->ring, p->ring_size);
	if (p->large)
		munmap(p->large, LARGE_MAX);
	if (p->dev >= 0)
		close(p->dev);
	if (p->fd >= 0)
		close(p->fd);
	p->ring = p->large = NULL;
	p->dev = p->fd = -1;
}
