/*
 * baseline/set.h - was this ever seen?
 *
 *   hosts      an address, with the MAC addresses it had in its own segment
 *   links      client, server, protocol, and the ports of the server
 *   channels   acts: a code, its class, and the objects it was used on
 *
 * What it tells is hard: no threshold applies. So what it learns must be wide enough not to cry at
 * what is only a variation of the known: object numbers and ports are ranges, joined when there are
 * too many of them; addresses outside the plant count as networks of 256 addresses (IPv6: /48),
 * since what is in a cloud wanders; named objects and CIP paths go by item, and where a code was
 * used on more of them than a channel keeps, another one is no news for that code.
 *
 * A host that is new is the cause of all that it does. Links that a known client never had are one
 * event of that client: a scan.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_SET_H
#define KIDOBAN_BASELINE_SET_H

#include "baseline/baseline.h"

#define SET_RANGES   16	 /* of objects per act, of ports per link */
#define SET_ACTS     256 /* of one channel */
#define SET_MACS     4	 /* of one host */
#define SET_GATEWAYS 16

struct archive;
struct channel;
struct item;
struct norm;
struct op;
struct sight;

/* Numbers as ranges, sorted and apart; one too many joins the nearest two. */
struct set_ranges {
	uint32_t count;
	uint64_t range[SET_RANGES][2]; /* lo and hi, both inside */
};

/* True when it was not all inside before. */
bool set_ranges_add(struct set_ranges *r, uint64_t lo, uint64_t hi);
bool set_ranges_hold(const struct set_ranges *r, uint64_t lo, uint64_t hi);

/* One code on one channel, and the numbered objects it was used on. */
struct set_act {
	struct set_act *next;
	const char *name; /* the standard's term for the code */
	uint32_t code;
	uint8_t cls;   /* enum op_class */
	uint8_t role;  /* enum op_role: OP_REQUEST or OP_PUBLISH */
	uint8_t space; /* enum op_space */
	struct set_ranges objects;
	bool more; /* of objects that go by item, more than there was room for */
	struct tally seen;
};

struct set_channel {
	struct set_act *acts;
	uint32_t act_count;
	struct channel *beside; /* another client of the same server in the same protocol */
};

struct set_host {
	struct set_host *next, *bucket;
	struct addr addr; /* outside the plant: of its network */
	bool outside;
	uint32_t macs;
	struct mac mac[SET_MACS]; /* in its own segment */
	struct tally seen;
};

struct set_link {
	struct set_link *next, *bucket;
	struct addr client, server; /* as struct set_host has them */
	uint8_t ip_proto;	    /* IANA */
	struct set_ranges ports;    /* of the server; ICMP: type << 8 | code */
	const char *app;	    /* as far as it is known; NULL */
	struct tally seen;
};

struct set_norm {
	struct set_host *hosts;
	struct set_host **host_bucket; /* host_mask + 1, a power of two */
	uint32_t host_count, host_mask;
	struct set_link *links;
	struct set_link **link_bucket;
	uint32_t link_count, link_mask;
	struct channel **server_bucket;	  /* channels by server and protocol; 1024 */
	struct mac gateway[SET_GATEWAYS]; /* what comes from other segments comes by these */
	uint32_t gateways;
};

bool set_norm_init(struct norm *n);
void set_norm_free(struct norm *n);

/* A channel was made. */
void set_channel_made(struct channel *c);

void set_check(struct baseline *b, const struct sight *s);
void set_learn(struct baseline *b, const struct sight *s);

void set_check_flow(struct baseline *b, struct norm *n, const struct baseline_flow *f, int64_t time,
		    uint64_t frame);
void set_learn_flow(struct baseline *b, struct norm *n, const struct baseline_flow *f,
		    int64_t time);
/* What is known of it at its end. */
void set_learn_app(struct norm *n, const struct baseline_flow *f);

void set_check_host(struct baseline *b, struct norm *n, const struct addr *addr,
		    const struct mac *mac, int64_t time, uint64_t frame);
void set_learn_host(struct baseline *b, struct norm *n, const struct addr *addr,
		    const struct mac *mac, int64_t time);

/* Known by that address, or by its network when it is outside; NULL. */
const struct set_host *set_host_find(const struct norm *n, const struct addr *addr);

/* What all deviations about a host have in common (struct deviation, cause). */
uint64_t set_cause(const struct addr *host);

bool set_merge(struct norm *to, const struct norm *from);

/* What of it is kept (archive.h). */
void set_channel_fields(struct archive *a, struct channel *c);
void set_norm_fields(struct archive *a, struct norm *n);

/* --- between the files of the detector --- */

struct set_act *set_act_find(const struct channel *c, uint32_t code, uint8_t cls, uint8_t role,
			     uint8_t space);
/* Made when it is not there; NULL beyond the limits. */
struct set_act *set_act_get(struct channel *c, const struct set_act *like);
/* There is no room for that item, and no other object of its act is news from now on. */
void set_left_out(struct channel *c, const struct item *i);
struct set_host *set_host_get(struct norm *n, const struct addr *addr, bool outside);
struct set_link *set_link_get(struct norm *n, const struct addr *client, const struct addr *server,
			      uint8_t ip_proto);
/* True when it was not known and there was room. */
bool set_mac_add(struct mac *list, uint32_t *n, uint32_t max, const struct mac *mac);
bool set_host_mac(struct set_host *h, const struct mac *mac);
bool set_gateway(struct set_norm *s, const struct mac *mac);

/* Sentences (struct deviation); text[0]: what stands for the object or the app. */
void set_words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
	       char *observed, size_t observed_size);

#endif
