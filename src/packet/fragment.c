/*
 * Reassembly of IPv4 (RFC 791, 3.2) and IPv6 (RFC 8200, 4.5) datagrams.
 *
 * Each datagram under way has a slot: a 64 KiB buffer, filled where the fragments say, and one bit
 * per 8 bytes that are there. All slots are allocated at the start and touched only when used, the
 * last freed first, so that memory follows the datagrams that were really open at once.
 *
 *   free --> open --> done --> free
 *              \--------------/          timeout, or the oldest when no slot is free
 *
 * A finished datagram stays "done" for a second: mirrors show fragments twice, and the late copies
 * must not open a datagram of their own. A copy with the same bytes is never a conflict. Bytes
 * that disagree are: IPv4 keeps those that came first, IPv6 gives up the datagram (RFC 5722).
 */
#include "base/hash.h"
#include "packet/decode.h"

#include <stdlib.h>
#include <sys/random.h>

#define BUFFER_SIZE 65536
#define UNIT	    8 /* offsets count these */
#define WORDS	    (BUFFER_SIZE / UNIT / 64)
#define SLOTS_MIN   (PACKET_TUNNELS_MAX + 2) /* datagrams inside each other, in use at once */
#define SLOTS_MAX   65536
#define DONE_TIME   1000000000LL /* ns */
#define NONE	    UINT32_MAX

enum state { STATE_FREE, STATE_OPEN, STATE_DONE, STATES };

/* Without gaps, because it is hashed as bytes. */
struct key {
	struct addr src, dst;
	uint32_t id;
	uint16_t vlan[PACKET_VLANS_MAX]; /* the same addresses may exist in several */
	uint16_t ether_type;
	uint8_t proto; /* IPv4 only: IPv6 has one number space (RFC 8200, 4.5) */
	uint8_t tunnels;
};

struct slot {
	struct key key;
	uint32_t bucket;       /* where it is found */
	uint32_t chain;	       /* next slot of the bucket, or NONE */
	uint32_t older, newer; /* in the list of its state, or NONE */
	uint32_t have;	       /* units that are filled */
	uint32_t top;	       /* end of the last byte filled */
	uint32_t end;	       /* size of the payload, 0 until the last fragment */
	uint64_t used;	       /* number of the packet whose payload is in the buffer */
	int64_t time;	       /* packet time of the first fragment; done: of the last */
	uint8_t state;	       /* enum state */
	uint8_t proto;	       /* what the first fragment says is carried */
	bool dead;	       /* given up, and kept to swallow the rest */
};

struct buffer {
	uint64_t filled[WORDS]; /* one bit per unit */
	uint8_t bytes[BUFFER_SIZE];
};

struct list {
	uint32_t oldest, newest; /* or NONE */
};

struct fragments {
	uint32_t slots;		  /* how many there are */
	uint32_t buckets;	  /* a power of two */
	int64_t timeout;	  /* ns of packet time */
	uint64_t hash_key;	  /* random: what it changes is never seen outside */
	struct list list[STATES]; /* all slots by state, in the order they got there */
	uint32_t *head;		  /* first slot per bucket, or NONE; owned */
	struct slot *slot;	  /* owned */
	struct buffer *buffer;	  /* of the slot with the same number; owned */
};

static void list_remove(struct fragments *t, uint32_t i)
{
	struct slot *s = &t->slot[i];
	struct list *l = &t->list[s->state];

	*(s->older == NONE ? &l->oldest : &t->slot[s->older].newer) = s->newer;
	*(s->newer == NONE ? &l->newest : &t->slot[s->newer].older) = s->older;
}

static void list_append(struct fragments *t, uint32_t i, enum state state)
{
	struct slot *s = &t->slot[i];
	struct list *l = &t->list[state];

	s->state = (uint8_t)state;
	s->newer = NONE;
	s->older = l->newest;
	*(l->newest == NONE ? &l->oldest : &t->slot[l->newest].newer) = i;
	l->newest = i;
}

struct fragments *fragments_new(const struct packet_config *cfg)
{
	struct fragments *t = calloc(1, sizeof(*t));
	uint32_t i;

	if (!t)
		return NULL;
	t->slots = cfg->fragments_max < SLOTS_MIN   ? SLOTS_MIN
		   : cfg->fragments_max > SLOTS_MAX ? SLOTS_MAX
						    : cfg->fragments_max;
	for (t->buckets = 1; t->buckets < t->slots;)
		t->buckets *= 2;
	t->timeout = cfg->fragment_timeout;
	if (getrandom(&t->hash_key, sizeof(t->hash_key), GRND_NONBLOCK) < 0)
		t->hash_key = 0;
	t->head = malloc(t->buckets * sizeof(*t->head));
	t->slot = calloc(t->slots, sizeof(*t->slot));
	t->buffer = calloc(t->slots, sizeof(*t->buffer)); /* so large that it stays untouched */
	if (!t->head || !t->slot || !t->buffer) {
		fragments_free(t);
		return NULL;
	}
	for (i = 0; i < t->buckets; i++)
		t->head[i] = NONE;
	for (i = 0; i < STATES; i++)
		t->list[i] = (struct list){NONE, NONE};
	for (i = t->slots; i-- > 0;)
		list_append(t, i, STATE_FREE);
	return t;
}

void fragments_free(struct fragments *t)
{
	if (!t)
		return;
	free(t->head);
	free(t->slot);
	free(t->buffer);
	free(t);
}

static struct key key_of(const struct packet *p, const struct fragment *f)
{
	struct key k = {
		.src = p->src,
		.dst = p->dst,
		.id = f->id,
		.vlan = {p->vlan[0], p->vlan[1]},
		.ether_type = p->ether_type,
		.proto = p->ether_type == ETHER_IPV4 ? f->proto : 0,
		.tunnels = p->tunnels,
	};

	return k;
}

static uint32_t bucket_of(const struct fragments *t, const struct key *k)
{
	return (uint32_t)hash_bytes(k, sizeof(*k), t->hash_key) & (t->buckets - 1);
}

static uint32_t find(const struct fragments *t, const struct key *k)
{
	uint32_t i = t->head[bucket_of(t, k)];

	while (i != NONE && memcmp(&t->slot[i].key, k, sizeof(*k)) != 0)
		i = t->slot[i].chain;
	return i;
}

/* Takes the slot out of its bucket and makes it the next one to be used. */
static void release(struct fragments *t, uint32_t i)
{
	uint32_t *at = &t->head[t->slot[i].bucket];

	while (*at != i)
		at = &t->slot[*at].chain;
	*at = t->slot[i].chain;
	list_remove(t, i);
	list_append(t, i, STATE_FREE);
}

static void give_up(struct decode *c, uint32_t i)
{
	struct slot *s = &c->d->fragments->slot[i];

	c->d->stats.fragments_dropped += s->state == STATE_OPEN && !s->dead;
	s->dead = true;
}

/* The oldest slot of a state that the packet at hand does not use, or NONE. */
static uint32_t oldest_unused(const struct fragments *t, enum state state, uint64_t packet)
{
	uint32_t i = t->list[state].oldest;

	while (i != NONE && t->slot[i].used == packet)
		i = t->slot[i].newer;
	return i;
}

static void expire(struct decode *c, enum state state, int64_t limit)
{
	struct fragments *t = c->d->fragments;
	uint32_t i;

	while ((i = oldest_unused(t, state, c->d->stats.packets)) != NONE) {
		/* Unsigned: times come from the capture and may be anything. */
		uint64_t age = (uint64_t)c->p->time - (uint64_t)t->slot[i].time;

		if ((int64_t)age <= limit)
			return;
		give_up(c, i);
		release(t, i);
	}
}

/* A slot that may be used: a free one, or the one whose loss matters least; NONE if there is none.
 */
static uint32_t take_slot(struct decode *c, const char *proto)
{
	struct fragments *t = c->d->fragments;
	uint32_t i = t->list[STATE_FREE].newest;

	if (i != NONE)
		return i;
	i = oldest_unused(t, STATE_DONE, c->d->stats.packets);
	if (i == NONE) {
		i = oldest_unused(t, STATE_OPEN, c->d->stats.packets);
		decode_anomaly(c, ANOMALY_LIMIT, proto, "too many datagrams in fragments",
			       t->slots);
	}
	if (i != NONE) {
		give_up(c, i);
		release(t, i);
	}
	return i;
}

static uint32_t open_slot(struct decode *c, const struct key *k, const char *proto)
{
	struct fragments *t = c->d->fragments;
	uint32_t i = take_slot(c, proto), b = bucket_of(t, k);
	struct slot *s;

	if (i == NONE)
		return NONE;
	list_remove(t, i);
	s = &t->slot[i];
	*s = (struct slot){
		.key = *k,
		.bucket = b,
		.chain = t->head[b],
		.time = c->p->time,
	};
	t->head[b] = i;
	list_append(t, i, STATE_OPEN);
	memset(t->buffer[i].filled, 0, sizeof(t->buffer[i].filled));
	return i;
}

static bool is_filled(const struct buffer *b, uint32_t unit)
{
	return b->filled[unit / 64] >> unit % 64 & 1;
}

/* A copy of what is there already? */
static bool is_duplicate(const struct slot *s, const struct buffer *b, const struct fragment *f,
			 struct slice data)
{
	uint32_t u, end = f->offset + data.len;

	if (end > s->top || (!f->more && end != s->end))
		return false;
	for (u = f->offset / UNIT; u * UNIT < end; u++)
		if (!is_filled(b, u))
			return false;
	return memcmp(b->bytes + f->offset, data.p, data.len) == 0;
}

/* Copies the units that are not there yet; true when some were. */
static bool fill(struct slot *s, struct buffer *b, uint32_t offset, struct slice data)
{
	struct reader r = rd_of(data);
	uint32_t u = offset / UNIT;
	bool overlap = false;

	for (; rd_left(&r); u++) {
		struct slice unit = rd_slice(&r, rd_left(&r) < UNIT ? rd_left(&r) : UNIT);

		if (is_filled(b, u)) {
			overlap = true;
			continue;
		}
		memcpy(b->bytes + u * UNIT, unit.p, unit.len);
		b->filled[u / 64] |= (uint64_t)1 << u % 64;
		s->have++;
	}
	if (offset + data.len > s->top)
		s->top = offset + data.len;
	return overlap;
}

/* Do this fragment and those before it agree on where the datagram ends? */
static bool ends_agree(const struct slot *s, const struct fragment *f, uint32_t end)
{
	if (f->more)
		return !s->end || end < s->end;
	return s->end ? end == s->end : end >= s->top;
}

/* Does the transport header (with what stands before it) go on after a first fragment? */
static bool is_tiny(struct reader r, uint8_t proto, bool v6)
{
	uint32_t need = 0;

	while (v6 && (proto == 0 || proto == 43 || proto == 60) && rd_ok(&r)) {
		proto = rd_u8(&r);
		rd_skip(&r, 6 + rd_u8(&r) * 8u);
	}
	if (proto == PROTO_UDP || proto == PROTO_ICMP || proto == PROTO_ICMPV6) {
		need = 8;
	} else if (proto == PROTO_TCP) {
		struct reader tcp = r;

		rd_skip(&tcp, 12);
		need = (uint32_t)(rd_u8(&tcp) >> 4) * 4;
		need = need < 20 ? 20 : need;
	}
	return !rd_ok(&r) || rd_left(&r) < need;
}

/* Adds a fragment to its slot; true when that completes the datagram. */
static bool add(struct decode *c, uint32_t i, const struct fragment *f, struct slice data,
		const char *proto)
{
	struct slot *s = &c->d->fragments->slot[i];
	struct buffer *b = &c->d->fragments->buffer[i];
	uint32_t end = f->offset + data.len;

	if (s->dead || is_duplicate(s, b, f, data))
		return false;
	if (!ends_agree(s, f, end)) {
		decode_anomaly(c, ANOMALY_FRAGMENT_OVERLAP, proto,
			       "fragments disagree on the length", end);
		give_up(c, i);
		return false;
	}
	if (fill(s, b, f->offset, data)) {
		decode_anomaly(c, ANOMALY_FRAGMENT_OVERLAP, proto, "overlapping fragments",
			       f->offset);
		if (s->key.ether_type == ETHER_IPV6) {
			give_up(c, i);
			return false;
		}
	}
	if (!f->offset)
		s->proto = f->proto;
	if (!f->more)
		s->end = end;
	return s->end && s->have == (s->end + UNIT - 1) / UNIT;
}

/* The slot that the fragment belongs to, or NONE when there is nothing to add it to. */
static uint32_t slot_for(struct decode *c, const struct fragment *f, struct slice data,
			 const char *proto)
{
	struct fragments *t = c->d->fragments;
	struct key k = key_of(c->p, f);
	uint32_t i;

	expire(c, STATE_OPEN, t->timeout);
	expire(c, STATE_DONE, DONE_TIME);
	i = find(t, &k);
	if (i != NONE && t->slot[i].used == c->d->stats.packets)
		return NONE; /* inside of itself */
	if (i != NONE && t->slot[i].state == STATE_DONE) {
		if (is_duplicate(&t->slot[i], &t->buffer[i], f, data))
			return NONE;
		release(t, i); /* the identification is used again */
		i = NONE;
	}
	if (i != NONE)
		return i;
	i = open_slot(c, &k, proto);
	c->d->stats.fragments_dropped += i == NONE;
	return i;
}

/* What is wrong with the fragment by itself; NULL when nothing is. */
static const char *wrong_with(const struct fragment *f, uint32_t len)
{
	if (!len)
		return "empty fragment";
	if (f->more && len % UNIT)
		return "fragment length is no multiple of 8";
	if (f->offset + len > f->max)
		return "fragment ends beyond the largest datagram";
	return NULL;
}

bool decode_fragment(struct decode *c, const struct fragment *f, uint8_t *proto)
{
	struct fragments *t = c->d->fragments;
	bool v6 = c->p->ether_type == ETHER_IPV6;
	const char *name = v6 ? "ipv6" : "ipv4";
	struct reader r = c->r;
	struct slice data = rd_rest(&r);
	const char *wrong = c->cut ? NULL : wrong_with(f, data.len);
	uint32_t i;

	c->d->stats.fragments++;
	if (wrong) {
		decode_bad(c, ANOMALY_PACKET_MALFORMED, name, wrong, f->offset + data.len);
		return false;
	}
	if (!f->offset && !c->cut && is_tiny(c->r, f->proto, v6))
		decode_anomaly(c, ANOMALY_FRAGMENT_TINY, name,
			       "the first fragment splits the transport header", data.len);
	i = c->cut ? NONE : slot_for(c, f, data, name); /* what was not captured cannot be joined */
	if (i == NONE || !add(c, i, f, data, name)) {
		decode_deliver(c, PACKET_FRAGMENT);
		return false;
	}
	list_remove(t, i);
	list_append(t, i, STATE_DONE);
	t->slot[i].time = c->p->time;
	t->slot[i].used = c->d->stats.packets;
	c->d->stats.reassembled++;
	c->r = rd_init(t->buffer[i].bytes, t->slot[i].end);
	c->base = 0;
	c->reassembled = c->elsewhere = true;
	*proto = t->slot[i].proto;
	return true;
}
