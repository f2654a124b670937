#include "capture/bridge_alive.h"

#include "capture/bridge_wire.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LEN    32
#define BATCH_MAX   4096 /* bytes; the table takes about 1000 */
#define PRIORITY    (-10)
#define TYPE_IFNAME 41 /* nft's number for such keys, for those who list the table */

/* For those as well: a number's type and length, then the number: keys are in host order. */
static const uint8_t text_keys[] = {0, 4, 1, 0, 0, 0};

static const char set_name[] = "alive";
static const char *const chains[2] = {"a", "b"};

struct alive {
	struct mnl_socket *socket;
	uint32_t seq;
	char table[NAME_LEN];
	char iface[2][IFNAMSIZ];
	char buffer[BATCH_MAX] __attribute__((aligned(8)));
	size_t used;
};

/* --- a batch: all of it is done, or nothing --- */

static struct nlmsghdr *put(struct alive *l, uint16_t type, uint16_t flags, uint8_t family,
			    uint16_t res_id)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(l->buffer + l->used);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++l->seq;
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	g->res_id = htons(res_id);
	return h;
}

static struct nlmsghdr *put_nft(struct alive *l, uint16_t what, uint16_t flags)
{
	return put(l, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | what), flags, NFPROTO_NETDEV, 0);
}

static void done(struct alive *l, const struct nlmsghdr *h)
{
	l->used += MNL_ALIGN(h->nlmsg_len);
}

static void begin(struct alive *l)
{
	l->used = 0;
	done(l, put(l, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

/* The kernel has done it, or said why not, when the call returns: 0, or an errno. Errors come for
 * the message they are about, and one without error for each that asks (NLM_F_ACK). */
static int commit(struct alive *l)
{
	char answer[BATCH_MAX] __attribute__((aligned(8)));
	int fd = mnl_socket_get_fd(l->socket), rc = 0;
	ssize_t n;

	done(l, put(l, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	if (mnl_socket_sendto(l->socket, l->buffer, l->used) < 0)
		return errno;
	while ((n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)answer;
		int left = (int)n;

		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_ERROR && e->error && !rc)
				rc = -e->error;
		}
	}
	return rc;
}

/* --- the table --- */

static void add_table(struct alive *l)
{
	struct nlmsghdr *h = put_nft(l, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, l->table);
	mnl_attr_put_u32(h, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
	done(l, h);
}

static void add_set(struct alive *l)
{
	struct nlmsghdr *h = put_nft(l, NFT_MSG_NEWSET, NLM_F_CREATE);

	mnl_attr_put_strz(h, NFTA_SET_TABLE, l->table);
	mnl_attr_put_strz(h, NFTA_SET_NAME, set_name);
	mnl_attr_put_u32(h, NFTA_SET_FLAGS, htonl(NFT_SET_TIMEOUT));
	mnl_attr_put_u32(h, NFTA_SET_KEY_TYPE, htonl(TYPE_IFNAME));
	mnl_attr_put_u32(h, NFTA_SET_KEY_LEN, htonl(IFNAMSIZ));
	mnl_attr_put_u32(h, NFTA_SET_ID, htonl(1));
	mnl_attr_put(h, NFTA_SET_USERDATA, sizeof(text_keys), text_keys);
	done(l, h);
}

static void add_chain(struct alive *l, int n)
{
	struct nlmsghdr *h = put_nft(l, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, l->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, chains[n]);
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "filter");
	mnl_attr_put_u32(h, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	hook = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(h, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
	mnl_attr_put_u32(h, NFTA_HOOK_PRIORITY, htonl((uint32_t)PRIORITY));
	mnl_attr_put_strz(h, NFTA_HOOK_DEV, l->iface[n]);
	mnl_attr_nest_end(h, hook);
	done(l, h);
}

struct expression {
	struct nlattr *element, *data;
};

static struct expression expression(struct nlmsghdr *h, const char *name)
{
	struct expression e;

	e.element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	return e;
}

static void expression_end(struct nlmsghdr *h, struct expression e)
{
	mnl_attr_nest_end(h, e.data);
	mnl_attr_nest_end(h, e.element);
}

/* iifname @alive drop */
static void add_rule(struct alive *l, int n)
{
	struct nlmsghdr *h = put_nft(l, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	struct nlattr *list, *value, *verdict;
	struct expression e;

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, l->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chains[n]);
	list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
	e = expression(h, "meta");
	mnl_attr_put_u32(h, NFTA_META_KEY, htonl(NFT_META_IIFNAME));
	mnl_attr_put_u32(h, NFTA_META_DREG, htonl(NFT_REG_1));
	expression_end(h, e);
	e = expression(h, "lookup");
	mnl_attr_put_strz(h, NFTA_LOOKUP_SET, set_name);
	mnl_attr_put_u32(h, NFTA_LOOKUP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(h, NFTA_LOOKUP_SET_ID, htonl(1));
	expression_end(h, e);
	e = expression(h, "immediate");
	mnl_attr_put_u32(h, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	value = mnl_attr_nest_start(h, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(h, NFTA_VERDICT_CODE, htonl(NF_DROP));
	mnl_attr_nest_end(h, verdict);
	mnl_attr_nest_end(h, value);
	expression_end(h, e);
	mnl_attr_nest_end(h, list);
	done(l, h);
}

/* Both interfaces as elements of the set. ms 0: of no matter what time. */
static void put_elements(struct alive *l, uint16_t what, uint16_t flags, uint64_t ms)
{
	struct nlmsghdr *h = put_nft(l, what, flags);
	struct nlattr *list, *element, *key;
	int i;

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, l->table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set_name);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (i = 0; i < 2; i++) {
		element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
		key = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
		mnl_attr_put(h, NFTA_DATA_VALUE, IFNAMSIZ, l->iface[i]);
		mnl_attr_nest_end(h, key);
		if (ms)
			mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(ms));
		mnl_attr_nest_end(h, element);
	}
	mnl_attr_nest_end(h, list);
	done(l, h);
}

/* What is there goes, and it is there because it is added first; then the new one comes. */
bool alive_renew(struct alive *l, uint64_t ms, int64_t *before, int64_t *after)
{
	int rc;

	begin(l);
	put_elements(l, NFT_MSG_NEWSETELEM, NLM_F_CREATE, ms ? ms : 1000);
	put_elements(l, NFT_MSG_DELSETELEM, 0, 0);
	if (ms)
		put_elements(l, NFT_MSG_NEWSETELEM, NLM_F_CREATE, ms);
	*before = wire_now();
	rc = commit(l);
	*after = wire_now();
	return rc == 0;
}

static int make(struct alive *l)
{
	int i;

	begin(l);
	add_table(l);
	add_set(l);
	for (i = 0; i < 2; i++)
		add_chain(l, i);
	for (i = 0; i < 2; i++)
		add_rule(l, i);
	return commit(l);
}

struct alive *alive_open(const char *table, const char *a, const char *b, char *err, size_t errlen)
{
	struct alive *l = calloc(1, sizeof(*l));
	int rc;

	if (!l) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	snprintf(l->table, sizeof(l->table), "%s", table);
	snprintf(l->iface[0], sizeof(l->iface[0]), "%s", a);
	snprintf(l->iface[1], sizeof(l->iface[1]), "%s", b);
	l->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!l->socket || mnl_socket_bind(l->socket, 0, MNL_SOCKET_AUTOPID) != 0)
		rc = errno;
	else
		rc = make(l);
	if (rc == 0)
		return l;
	if (rc == EPERM || rc == EEXIST)
		snprintf(err, errlen,
			 "the table %s cannot be made: %s; is another kidoban between %s and %s?",
			 table, strerror(rc), a, b);
	else
		snprintf(err, errlen,
			 "the table %s cannot be made: %s; the kernel needs nf_tables with netdev "
			 "chains, and Linux 5.12 or later",
			 table, strerror(rc));
	alive_close(l);
	return NULL;
}

void alive_close(struct alive *l)
{
	if (!l)
		return;
	if (l->socket)
		mnl_socket_close(l->socket);
	free(l);
}
