/*
 * flow/entry.h - what the tracker's own files share: the slot of a flow, and the tracker.
 *
 *   track.c   packet -> slot -> stream, life and end of flows
 *   claim.c   which dissector a flow belongs to, and who is the client
 *   feed.c    ordered bytes -> messages -> handlers
 *   app.c     names for flows that no dissector claims
 *
 * A flow goes PROBING -> CLAIMED, or PROBING -> NAMING -> DONE. While PROBING, bytes wait in
 * `wait` unless the very first ones settle it; while CLAIMED, the tail of an unfinished message
 * waits in `carry`; otherwise nothing is kept.
 */
#ifndef KIDOBAN_FLOW_ENTRY_H
#define KIDOBAN_FLOW_ENTRY_H

#include "flow/app.h"
#include "flow/flow.h"
#include "flow/pool.h"
#include "flow/stream.h"
#include "flow/table.h"

#define FLOW_DISSECTORS_MAX 32
#define FLOW_UDP_SEEN	    4	     /* datagrams remembered per flow */
#define FLOW_UDP_TWICE	    2000000u /* ns within which the same datagram is a mirror's copy */

enum flow_mode {
	FLOW_PROBING, /* no dissector claimed it yet */
	FLOW_CLAIMED,
	FLOW_NAMING, /* none did; nDPI is asked */
	FLOW_DONE    /* its bytes are of no interest */
};

/* One direction of a TCP flow. */
#define FLOW_SOUND 2 /* right checksums after which a sender's wrong ones are not offloading */

struct flow_dir {
	struct stream stream;
	uint8_t *carry;		  /* start of a message that is not complete, or NULL */
	uint32_t carry_len;	  /* bytes */
	uint32_t skip;		  /* bytes to come that belong to a message already taken */
	struct stamp carry_stamp; /* of the latest packet with bytes in carry */
	uint32_t isn;		  /* initial sequence number, if has_isn */
	uint32_t asked_isn;	  /* of a SYN that its receiver has not agreed to, if has_asked */
	uint16_t file;		  /* of the first packet, if has_file */
	bool has_file;
	bool has_asked;
	bool has_isn;
	bool spoiled;  /* a checksum was wrong before two were right: offloading */
	uint8_t sound; /* right checksums, up to FLOW_SOUND */
};

struct flow_udp_seen {
	uint64_t hash; /* direction, IP id and payload; 0: unused */
	int64_t time;  /* ns since 1970 UTC */
};

struct entry {
	struct table_node node;
	bool swapped;	  /* side 0 is the second endpoint of the key */
	bool opened;	  /* the handler was told */
	bool middle;	  /* the next bytes may start within a message */
	bool established; /* carried bytes, or both sides answered */
	uint8_t mode;	  /* enum flow_mode */
	uint8_t tries;	  /* times every candidate said no */
	uint8_t index;	  /* of the dissector, when claimed */
	int8_t chosen;	  /* index of the one that said yes, while the client is unknown; -1 */
	uint8_t named;	  /* packets shown to nDPI */
	uint8_t udp_at;	  /* next place in udp[] */
	uint32_t no;	  /* bits of dissectors that said no */
	void *state;	  /* the dissector's */
	struct flow_wait *wait;
	struct app_flow *app;
	union {
		struct flow_dir dir[2]; /* TCP, by side */
		struct flow_udp_seen udp[FLOW_UDP_SEEN];
	};
	struct flow flow;
};

/* Where the bytes being fed come from: so that they can be found again in the packet at hand. */
struct feed_origin {
	uint64_t order;	  /* of the packet, as in struct stamp */
	uint32_t seq;	  /* TCP: sequence number of the first byte of the segment */
	uint32_t carried; /* bytes of the message at hand that came before the segment */
	uint32_t passed;  /* bytes of the segment before the message at hand */
};

struct flow_tracker {
	struct table table;
	struct stream_env env;
	struct stamp now;	     /* of the packet at hand */
	const struct packet *packet; /* the packet at hand; NULL outside of one */
	struct entry *cur;	     /* the flow at hand */
	struct proto_ctx ctx;	     /* filled for ctx_entry */
	struct entry *ctx_entry;
	struct feed_origin origin; /* of the bytes being fed */
	int64_t clock_at;	   /* ns since 1970 UTC: the packet time that env.now stands for */
	uint64_t serial;	   /* flows made */
	struct flow_handlers handlers;
	void *user;
	struct flow_stats stats;
	bool eager;	 /* see struct flow_config */
	bool two_sided;	 /* likewise */
	struct app *app; /* NULL: nothing is named */
	unsigned dissectors;
	const struct dissector *dissector[FLOW_DISSECTORS_MAX];
	struct slab state[FLOW_DISSECTORS_MAX];
	void *shared[FLOW_DISSECTORS_MAX];
	uint8_t server_port[65536 / 8]; /* bit set of the usual ports of all dissectors */
};

/* Tells the handler about the flow, once. */
void flow_open(struct flow_tracker *t, struct entry *e);

void flow_anomaly(struct flow_tracker *t, struct entry *e, enum anomaly_kind kind,
		  const char *proto, const char *reason, uint32_t value, const struct stamp *st);

/*
 * feed.c: bytes of a claimed flow. seq: sequence number of the first of them.
 */
extern const struct proto_events flow_events;
void feed_bytes(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t seq,
		const uint8_t *p, uint32_t n, const struct stamp *st);
void feed_hole(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t lost,
	       const struct stamp *st);

/* The first bytes of either side may not be the begin of a message. */
void feed_amid(struct flow_tracker *t, struct entry *e);
void feed_datagram(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		   uint32_t n, const struct stamp *st);

/* claim.c: bytes of a flow that is PROBING or NAMING. */
void claim_bytes(struct flow_tracker *t, struct entry *e, unsigned side, uint32_t seq,
		 const uint8_t *p, uint32_t n, const struct stamp *st);
void claim_hole(struct flow_tracker *t, struct entry *e);
void claim_datagram(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		    uint32_t n, const struct stamp *st);

/* Nothing more will come: settles who claims it and who is the client. */
void claim_settle(struct flow_tracker *t, struct entry *e);

/* A flow no dissector is asked about: other protocols than TCP and UDP. */
void claim_other(struct flow_tracker *t, struct entry *e, unsigned side, const uint8_t *p,
		 uint32_t n);

/* Do bytes of that side wait? */
bool claim_waits(const struct entry *e, unsigned side);

/* Frees what waits. */
void claim_drop(struct flow_tracker *t, struct entry *e);

#endif
