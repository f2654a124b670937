/*
 * flow/flow.h - conversations, and the driver of everything left of the op.
 *
 * A flow is one conversation: VLAN, two addresses, two ports, protocol. The tracker finds or makes
 * the flow of each packet, puts TCP bytes in order, lets a dissector claim the flow by content,
 * hands it messages, and passes ops and anomalies on to its handlers.
 *
 *      packet --> table --> [ stream x2 ] --> probe / message --> handlers
 *                  |  fixed slots, LRU        one message at a time,
 *                  |  per timeout class       carried over when it spans segments
 *                  +- bounded: the least valuable flow goes first, counted
 *
 * Client and server: side 0 is the sender of the first packet seen. `client` says which side is
 * the client: by SYN when there was one, else by content (the dissector), else by a usual server
 * port of the dissector that claimed it, else the first sender. Until it is known, bytes wait in
 * the stream buffers; `client_by` says how it was settled.
 *
 * Memory: sizeof(struct flow) per flow, plus the dissector's state_size when claimed, plus stream
 * buffers from one bounded pool. Slots and buffers are
 * allocated at start, dissector states in blocks as flows are claimed, never per packet.
 *
 * Time is the packet's time; nothing here reads a clock. Thread: one worker owns one tracker.
 */
#ifndef KIDOBAN_FLOW_FLOW_H
#define KIDOBAN_FLOW_FLOW_H

#include "op/anomaly.h"
#include "packet/packet.h"
#include "proto/proto.h"

enum flow_client_by { FLOW_BY_NOTHING, FLOW_BY_FIRST, FLOW_BY_PORT, FLOW_BY_CONTENT, FLOW_BY_SYN };

enum flow_end_reason {
	FLOW_END_TIMEOUT,
	FLOW_END_CLOSED,  /* FIN both ways, or RST */
	FLOW_END_REUSED,  /* a new SYN with the same ports */
	FLOW_END_EVICTED, /* the table was full */
	FLOW_END_FLUSHED  /* end of the input */
};

#define FLOW_USER_WORDS 9

/* What the right half may see of a flow. The tracker's own part hides behind it. */
struct flow {
	uint64_t id;	     /* same in every run over the same packets; below 2^53 for JSON */
	struct addr addr[2]; /* by side */
	struct mac mac[2];   /* by side, of the first packet that had them */
	uint16_t port[2];    /* by side; ICMP: as in struct packet */
	uint16_t vlan[PACKET_VLANS_MAX];   /* VLAN ids, outermost first */
	uint8_t vlans;			   /* how many */
	uint8_t ip_proto;		   /* IANA protocol number */
	uint8_t client;			   /* side of the client; 0xff while unknown */
	uint8_t client_by;		   /* enum flow_client_by */
	uint16_t file[2];		   /* of the first and of the last packet, from 0 */
	bool has_mac;			   /* mac[] is filled */
	bool end_fin;			   /* a FIN was seen */
	bool end_rst;			   /* a RST was seen */
	uint8_t tcp_flags[2];		   /* by side, all flags seen, or-ed */
	uint64_t first_frame;		   /* packet that made the flow */
	int64_t first;			   /* ns since 1970 UTC */
	int64_t last;			   /* ns since 1970 UTC */
	uint64_t packets[2];		   /* by side */
	uint64_t bytes[2];		   /* by side, on the wire */
	uint64_t payload[2];		   /* by side, bytes of transport payload, repeats too */
	uint64_t ops;			   /* emitted on this flow */
	uint32_t gaps;			   /* holes given up, both directions */
	uint32_t retransmissions;	   /* segments and datagrams seen again */
	const struct dissector *dissector; /* who claimed it, or NULL */
	const char *app; /* dissector's name, or nDPI's for the others; NULL while unknown */
	bool over; /* inline, set by the right half: nothing of it passes, a SYN begins another */
	uint64_t user[FLOW_USER_WORDS]; /* the right half's own, zeroed with the flow */
};

static inline const struct addr *flow_client(const struct flow *f)
{
	return &f->addr[f->client == 1];
}

static inline const struct addr *flow_server(const struct flow *f)
{
	return &f->addr[f->client != 1];
}

static inline uint16_t flow_client_port(const struct flow *f)
{
	return f->port[f->client == 1];
}

static inline uint16_t flow_server_port(const struct flow *f)
{
	return f->port[f->client != 1];
}

#define FLOW_EDIT_MAX 8

/* Bytes of the packet at hand that go on as others (inline, proto/proto.h). */
struct flow_edit {
	uint8_t side;	 /* of the sender, as in addr[] */
	uint8_t len;	 /* bytes, up to FLOW_EDIT_MAX */
	uint32_t seq;	 /* TCP: sequence number of the first */
	uint32_t offset; /* of the first, in the payload of the packet at hand */
	uint8_t was[FLOW_EDIT_MAX], now[FLOW_EDIT_MAX];
};

/* What the tracker tells. Any may be NULL. Flows are valid during the call only. */
struct flow_handlers {
	/* Once per flow, before its first op, as soon as the client is known; at the latest at its
	 * end. */
	void (*opened)(void *user, struct flow *f);
	/* Each packet of a flow, counted, before its bytes are read; side as in addr[]. */
	void (*packet)(void *user, struct flow *f, const struct packet *p, unsigned side);
	void (*op)(void *user, struct flow *f, const struct op *op);
	/* f is NULL for packets without a flow; p may be NULL for streams. */
	void (*anomaly)(void *user, struct flow *f, const struct packet *p,
			const struct anomaly *a);
	/* side: 0 the client, 1 the server. */
	void (*identity)(void *user, struct flow *f, int side, const char *key, struct slice value);
	/* ARP and frames that are no IP. */
	void (*link)(void *user, const struct packet *p);
	/*
	 * An ICMP error about a packet that side 0 or 1 of f sent, on its way back there. True: it
	 * belongs to that conversation, and makes none of its own.
	 */
	bool (*related)(void *user, struct flow *f, const struct packet *p);
	void (*closed)(void *user, struct flow *f, enum flow_end_reason why);
	/* False: it cannot be done. NULL: nothing is ever changed. */
	bool (*edit)(void *user, struct flow *f, const struct flow_edit *edit);
	/* The device answered a request that was neutralised. */
	void (*answered)(void *user, struct flow *f);
};

enum flow_overlap { FLOW_OVERLAP_FIRST, FLOW_OVERLAP_LAST }; /* whose bytes win */

struct flow_config {
	uint32_t flows_max;	   /* 0: 65536 */
	uint32_t buffer_bytes_max; /* stream buffers of all flows; 0: 64 MiB */
	enum flow_overlap overlap; /* default: the first byte seen wins */
	bool eager;	   /* inline: claim a flow with what there is, as soon as some dissector
			      would if nothing more came; what waits has passed. Nothing is lost before
			      us: streams do not start afresh, and of connections only their servers say
			      that they have ended */
	bool two_sided;	   /* packet.file tells sides of the network apart: who acknowledges is on
			      the other side than who sent */
	bool classify;	   /* let nDPI name what no dissector claims */
	uint64_t hash_key; /* 0 is fine for replays */
	/* NULL-ended, kept, at most 32; NULL: the registry's. */
	const struct dissector *const *dissectors;
};

struct flow_stats {
	uint64_t flows;	  /* made */
	uint64_t active;  /* in the table now */
	uint64_t evicted; /* because the table was full */
	uint64_t timeouts;
	uint64_t ops;		  /* emitted */
	uint64_t retransmissions; /* segments or datagrams seen again, mirrors that show packets
				     twice included */
	uint64_t gaps, gap_bytes; /* holes given up, bytes in them */
	uint64_t buffers_refused; /* segments dropped because the buffer pool was empty */
	uint64_t midstream;	  /* TCP flows without a SYN */
	uint64_t related;	  /* ICMP errors that belong to another flow */
};

struct flow_tracker;

/* NULL only when memory is out. cfg may be NULL. handlers and user are kept. */
struct flow_tracker *flow_tracker_new(const struct flow_config *cfg,
				      const struct flow_handlers *handlers, void *user);

void flow_tracker_packet(struct flow_tracker *t, const struct packet *p);

/* Time goes on without packets (live): flows that have been quiet for long end. Packet time, ns. */
void flow_tracker_tick(struct flow_tracker *t, int64_t time);

/*
 * Within the op handler: the request whose op it is becomes one that the device refuses
 * (proto.h, neutralise). False when the protocol or the moment does not allow it.
 */
bool flow_neutralise(struct flow_tracker *t, struct flow *f, const struct op *op);

/*
 * True when no dissector took the flow, and none will be asked again; named: and what nDPI calls it
 * is settled too.
 */
bool flow_unclaimed(const struct flow *f, bool named);

/* TCP: number of the next byte of that side that will be read; false: nothing of it was seen. */
bool flow_next(const struct flow *f, unsigned side, uint32_t *next);

/* TCP: up to where the other side has acknowledged what that side sent; false: it has not. */
bool flow_acked(const struct flow *f, unsigned side, uint32_t *acked);

/* TCP: do the bytes of that side from one number to before another wait for others before them? */
bool flow_holds(const struct flow *f, unsigned side, uint32_t from, uint32_t to);

/* End of the input: delivers what still waits, closes every flow, oldest first. */
void flow_tracker_flush(struct flow_tracker *t);

const struct flow_stats *flow_tracker_stats(const struct flow_tracker *t);

/* Bytes one flow costs: the table's own, and the largest dissector state on top. */
void flow_tracker_memory(const struct flow_tracker *t, size_t *per_flow, size_t *state_max);

/* Accepts NULL. Does not flush. */
void flow_tracker_free(struct flow_tracker *t);

#endif
