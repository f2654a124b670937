/*
 * detect/act_impl.h - what the files of act share; nobody else includes it.
 *
 *   act.c        the packet at hand: what is wanted, what can be done, whether it passes
 *   act_sound.c  packets that others would read otherwise than we do
 *   act_edit.c   bytes that go on as others, and devices that must answer them
 *   act_kept.c   bytes that were judged, until they are acknowledged
 *   act_tell.c   resets and ICMP, and not too many of them
 *   act_hosts.c  who is in quarantine
 *
 * A conversation is the part of a flow's state that most flows never need. The view of the flow
 * (detect/judge.h) has its number.
 *
 * Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ACT_IMPL_H
#define KIDOBAN_DETECT_ACT_IMPL_H

#include "detect/act.h"
#include "detect/judge.h"
#include "packet/craft.h"

#define ACT_TALKS      4096u
#define ACT_EDITS      32u /* of a conversation at once, both ways */
#define ACT_HOSTS      1024u
#define ACT_HOST_SLOTS 4096u /* two keys each, a quarter full at most */
#define ACT_DEVICES    256u
#define ACT_DATAGRAMS  64u
#define ACT_SECOND     INT64_C(1000000000)
#define ACT_TELLS      200u /* resets and ICMP per second, and at once */
#define ACT_ANSWER     (2 * ACT_SECOND)

#define ACT_PAGE       4096u
#define ACT_PAGES      4096u /* of all conversations */
#define ACT_TALK_PAGES 64u   /* of one: so many bytes may be on their way at once */

/* Bytes of one conversation, aligned to their sequence numbers. */
struct act_page {
	uint16_t next_free; /* index, 0 ends */
	uint64_t known[ACT_PAGE / 64];
	uint8_t byte[ACT_PAGE];
};

/* What the client has sent and the server has not acknowledged. */
struct act_kept {
	bool has_acked;
	bool blind; /* there was no room for all of it, and it may pass nevertheless */
	uint32_t acked;
	uint16_t page[ACT_TALK_PAGES]; /* index; 0: none */
	uint32_t tag[ACT_TALK_PAGES];  /* sequence number / ACT_PAGE */
};

struct act_talk {
	bool used;
	uint16_t next_free; /* index, 0 ends */
	uint8_t edits;
	bool reset;	/* its device did not answer: the conversation is over */
	uint16_t asked; /* neutralised requests without an answer */
	int64_t since;	/* ns: the oldest of them, or the last answer */
	bool has_tcp;
	struct craft_tcp tcp; /* from the client; what both wait for now */
	unsigned iface;	      /* the client's */
	struct addr server;
	uint16_t port; /* the server's */
	struct flow_edit edit[ACT_EDITS];
	struct act_kept kept;
};

struct act_host {
	struct act_quarantine q;
	bool own;      /* found here, and maybe not yet in the list of all */
	int64_t since; /* ns */
};

struct act_device {
	struct addr addr;
	uint16_t port;
	uint64_t used; /* running number; 0: free */
};

/* Fragments of it do not pass. */
struct act_datagram {
	struct addr src, dst;
	uint16_t id;
	int64_t until; /* ns */
};

struct act {
	struct act_config cfg;
	struct act_stats stats;
	struct flow_tracker *tracker;
	const struct policy *policy;
	bool enforce;
	int64_t time;	/* ns, packet time */
	int64_t missed; /* ns, when packets passed unseen last; 0: none did */

	/* the packet at hand */
	struct source_frame *frame; /* NULL: none is */
	const struct packet *p;
	struct flow *flow; /* NULL: it has none */
	unsigned side;	   /* of its sender */
	bool drop, settle, told;
	struct flow_edit now[FLOW_EDIT_MAX]; /* UDP */
	unsigned nows;
	bool has_next; /* of its sender, before it was read */
	uint32_t next;

	struct act_talk talk[ACT_TALKS + 1]; /* from 1 */
	uint16_t free, made;
	struct act_page page[ACT_PAGES + 1]; /* from 1 */
	uint16_t page_free, pages;
	unsigned waiting; /* conversations with asked */

	struct act_host host[ACT_HOSTS];
	unsigned hosts;
	uint16_t slot[ACT_HOST_SLOTS]; /* index of host plus 1; 0: free */

	struct act_device device[ACT_DEVICES];
	uint64_t devices; /* running number */

	struct act_datagram datagram[ACT_DATAGRAMS];
	unsigned datagrams; /* running number of the next; its place is that modulo the size */

	int64_t tells_at; /* ns, when tells was counted */
	uint32_t tells;	  /* that may be sent now */
};

static inline bool act_is_tcp(const struct packet *p)
{
	return p->kind == PACKET_TCP;
}

/* act.c: the conversation of the flow; made if `make`. NULL: none, or all are in use. */
struct act_talk *act_talk_of(struct act *a, struct flow *f, bool make);

/* What happens to the flow when it cannot be decided. */
bool act_fails_open(const struct act *a, struct flow *f);

/* act_sound.c */
void act_sound(struct act *a, struct packet *p);
void act_datagram_dropped(struct act *a);
bool act_is_safety(const struct act *a, const struct addr *addr);

/* act_edit.c */
bool act_degrade(struct act *a, struct flow *f, const struct op *op);
void act_apply(struct act *a); /* the packet passes: with other bytes where that was decided */
void act_answers(struct act *a, int64_t time); /* time goes on */

/* act_kept.c */
void act_kept_ack(struct act *a, struct act_talk *t);
void act_kept_drop(struct act *a, struct act_kept *k);

/* act_tell.c: ends the conversation of the packet at hand. False when its ends cannot be told. */
bool act_tell(struct act *a);
/* The same, of a conversation that is over already. */
void act_tell_again(struct act *a);
void act_tell_talk(struct act *a, const struct act_talk *t);

/* act_hosts.c */
bool act_is_isolated(const struct act *a, const struct packet *p);
void act_isolate(struct act *a, const struct act_quarantine *q, const char *reason);

#endif
