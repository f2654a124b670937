/* Transactions of elements (linux/netfilter/nf_tables.h), through libmnl. */
#include "capture/nftset.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#define MESSAGE_BYTES 16384 /* of one transaction: three lists of NFTSET_KEYS_MAX elements */
#define FAMILY	      1	    /* NFPROTO_INET */

struct nftset {
	struct mnl_socket *nl;
	pthread_mutex_t lock;
	uint32_t seq;
};

struct message {
	_Alignas(8) char buf[MESSAGE_BYTES];
	size_t len;
	uint32_t seq;
};

struct nftset *nftset_open(void)
{
	const struct timeval patience = {.tv_sec = 1};
	struct nftset *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	pthread_mutex_init(&n->lock, NULL);
	n->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (n->nl && mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    setsockopt(mnl_socket_get_fd(n->nl), SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) == 0)
		return n;
	nftset_close(n);
	return NULL;
}

static struct nlmsghdr *begin(struct message *m, uint16_t type, uint16_t flags, uint8_t family,
			      uint16_t res_id)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(m->buf + m->len);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = m->seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return nlh;
}

static void end(struct message *m, const struct nlmsghdr *nlh)
{
	m->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

static void put_batch(struct message *m, uint16_t type)
{
	end(m, begin(m, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void put_elements(struct message *m, uint8_t type, uint16_t flags, const char *table,
			 const char *set, const struct nftset_key *key, unsigned keys,
			 uint64_t timeout)
{
	struct nlmsghdr *nlh =
		begin(m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, FAMILY, 0);
	struct nlattr *list, *element, *value;
	unsigned i;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (i = 0; i < keys; i++) {
		element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
		value = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
		mnl_attr_put(nlh, NFTA_DATA_VALUE, key[i].len, key[i].b);
		mnl_attr_nest_end(nlh, value);
		if (timeout)
			mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(timeout));
		mnl_attr_nest_end(nlh, element);
	}
	mnl_attr_nest_end(nlh, list);
	end(m, nlh);
}

/* The answer to the message that asked for one; any error of the transaction comes before it. */
static int answer(struct nftset *n)
{
	_Alignas(8) char buf[8192];

	for (;;) {
		ssize_t len = mnl_socket_recvfrom(n->nl, buf, sizeof(buf));
		int left = (int)len;
		const struct nlmsghdr *nlh;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno;
		for (nlh = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && nlh->nlmsg_seq == n->seq)
				return -e->error;
		}
	}
}

static int transact(struct nftset *n, struct message *m)
{
	put_batch(m, NFNL_MSG_BATCH_END);
	return mnl_socket_sendto(n->nl, m->buf, m->len) < 0 ? errno : answer(n);
}

int nftset_put(struct nftset *n, const char *table, const char *set, const struct nftset_key *key,
	       unsigned keys, uint64_t timeout)
{
	struct message m = {.len = 0};
	int error;

	if (keys > NFTSET_KEYS_MAX)
		return E2BIG;
	pthread_mutex_lock(&n->lock);
	m.seq = ++n->seq;
	put_batch(&m, NFNL_MSG_BATCH_BEGIN);
	/* older kernels let an element that is there keep its timeout: so it is put, for then it
	 * can be deleted, and put again */
	put_elements(&m, NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, key, keys, timeout);
	put_elements(&m, NFT_MSG_DELSETELEM, 0, table, set, key, keys, 0);
	put_elements(&m, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, table, set, key, keys,
		     timeout);
	error = transact(n, &m);
	pthread_mutex_unlock(&n->lock);
	return error;
}

int nftset_remove(struct nftset *n, const char *table, const char *set,
		  const struct nftset_key *key, unsigned keys)
{
	struct message m = {.len = 0};
	int error;

	if (keys > NFTSET_KEYS_MAX)
		return E2BIG;
	pthread_mutex_lock(&n->lock);
	m.seq = ++n->seq;
	put_batch(&m, NFNL_MSG_BATCH_BEGIN);
	put_elements(&m, NFT_MSG_DELSETELEM, NLM_F_ACK, table, set, key, keys, 0);
	error = transact(n, &m);
	pthread_mutex_unlock(&n->lock);
	return error;
}

void nftset_close(struct nftset *n)
{
	if (!n)
		return;
	if (n->nl)
		mnl_socket_close(n->nl);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
